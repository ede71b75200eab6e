//! Tables of others whose columns are declared: where a query takes all of them at once it gets those that are declared, in that order, as
//! SQLMesh puts stars out. The warehouse may have more of them, or have them in another order.

use super::Resolver;
use super::place::Reading;
use crate::ids::ModelName;
use crate::model::Kind;
use crate::sql::{ColumnNames, Query, Relation, is_all_columns, is_keyword};
use crate::statement::quote_identifier;

/// What stands for a declared table in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    /// Its name.
    ByName,
    /// Its columns, as they are declared.
    Listed,
}

impl Resolver<'_> {
    /// What stands for declared tables in a model's query. Their columns do where no text could tell them apart from others: a query
    /// that could not be taken apart may name some that are not declared, and is the engine's to read.
    pub(super) fn declared(&self, reading: &Reading<'_>) -> Declared {
        let relations = reading.query.relations();
        let is_taken_apart = || {
            let fingerprint = self.tree.fingerprints.get(reading.reader);
            fingerprint.is_some_and(|fingerprint| fingerprint.opaque.is_none())
        };
        let is_any = relations.iter().any(|relation| self.columns_declared(&relation.name).is_some());
        if reading.this_model.is_some() || !is_any || !is_taken_apart() {
            return Declared::ByName;
        }
        let tokens = reading.query.tokens();
        // Neither is there for a query in place of a table.
        let is_table = tokens.iter().any(|token| token.is_word("tablesample") || token.is_word("only"));
        let is_listed = relations.iter().any(|relation| relation.columns == ColumnNames::Listed);
        match !is_table && (is_listed || is_all_columns(&tokens)) {
            true => Declared::Listed,
            false => Declared::ByName,
        }
    }

    /// A query of the columns of a declared table, which is called as the author calls it.
    pub(super) fn listed(&self, query: &Query, relation: &Relation) -> Option<String> {
        let columns = self.columns_declared(&relation.name)?;
        let columns: Vec<String> = columns.iter().map(|column| self.spelled(query, column)).collect();
        let table = self.alias(query.text().get(relation.range.clone())?);
        Some(format!("(SELECT {} FROM {table})", columns.join(", ")))
    }

    /// A column as the engine finds it. Another dialect folds names otherwise, so that in quotes they would be others.
    fn spelled(&self, query: &Query, column: &str) -> String {
        let is_plain = !column.starts_with(|first: char| first.is_ascii_digit())
            && column.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_');
        match query.dialect() != self.dialect && is_plain && !is_keyword(column) {
            true => column.to_owned(),
            false => quote_identifier(self.dialect, column),
        }
    }

    /// The columns of a table that something else fills, where they are declared.
    fn columns_declared(&self, name: &ModelName) -> Option<Vec<String>> {
        let model = self.tree.models.get(name).filter(|model| model.kind == Kind::External)?;
        let is_replaced = self.tables.contains_key(&model.name);
        Some(self.columns(name)).filter(|columns| !columns.is_empty() && !is_replaced)
    }
}
