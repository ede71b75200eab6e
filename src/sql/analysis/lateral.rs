//! Inputs that name what stands before them in FROM: LATERAL subqueries, and table functions over columns.
//!
//! Such an input is a function from the rows on its left to rows: what it names there is hashed as an outer block's
//! column with its slot (or, for a function's argument, as a reference with its slot), so that its rows, put after those
//! of its left, fix the rows of both.

use sqlparser::ast;

use super::block::{Block, Column, Value};
use super::from::refuse_in_join;
use super::query::{Place, Role};
use super::scope::{Columns, Names, Scope, Site};
use super::select::From;
use super::{Analyzer, Step};
use crate::hash::{Digest, Hasher};
use crate::sql::shape::{NameOrigin, OutputName};
use crate::sql::{Dialect, Opaque};

impl<'q> Analyzer<'_> {
    /// `LATERAL (SELECT …)`: names are looked for inside, then among the inputs before it, then further out.
    pub(super) fn lateral(
        &self,
        scope: &mut Scope<'_, 'q>,
        subquery: &'q ast::Query,
        alias: Option<&'q ast::TableAlias>,
        from: &mut From,
    ) -> Step<Digest> {
        let known = matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres);
        if !known || scope.site == Site::Sealed {
            return Err(Opaque::construct("LATERAL where names could be looked for elsewhere"));
        }
        let place = Place { outer: Some(scope), ctes: scope.ctes.clone(), site: Site::Open, role: Role::Inner };
        let (block, _) = self.query(subquery, place)?;
        self.subquery(scope, block, alias, from)
    }

    /// A table function whose rows and one column follow from its arguments.
    pub(super) fn rows_of_values(
        &self,
        scope: &mut Scope<'_, 'q>,
        function: &str,
        expressions: impl IntoIterator<Item = &'q ast::Expr>,
        alias: Option<&'q ast::TableAlias>,
        from: &mut From,
    ) -> Step<Digest> {
        let mut values = Vec::new();
        for expression in expressions {
            values.push(self.expression(scope, expression, Names::Columns)?);
        }
        // DuckDB and PostgreSQL let it name what stands before it, and the blocks around; elsewhere that is not known.
        let reaches = matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres);
        for value in &values {
            refuse_in_join(value)?;
            if value.traits.volatile || !reaches && (value.calls.own || value.calls.outer) {
                return Err(Opaque::construct("a table function over columns of its neighbours"));
            }
        }
        let value = Value::combine(function, &values);
        let origin = if self.dialect == Dialect::DuckDb { NameOrigin::Stated } else { NameOrigin::Derived };
        let name = OutputName { text: function.to_owned(), origin };
        let column = Column {
            name,
            hash: Hasher::new("member").digest(value.hash).finish(),
            traits: value.traits,
            reads: value.reads.clone(),
        };
        let block = Block { rows: value.hash, row_traits: value.traits, row_reads: value.reads, columns: vec![column] };
        let names = vec![vec![function.to_owned()]];
        // DuckDB and PostgreSQL let the table's alias name the one column too.
        let names_column = alias.is_some_and(|alias| alias.columns.is_empty());
        let digest = self.add(scope, block, names, alias, None, from)?;
        if let (true, Some(alias), Some(input)) = (names_column, alias, scope.inputs.last_mut())
            && self.dialect == Dialect::Postgres
            && let Columns::Known(columns) = &mut input.columns
        {
            columns[0].name = self.shown(&alias.name);
        }
        Ok(digest)
    }
}
