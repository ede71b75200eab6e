//! Tables, CTEs and subqueries as inputs of FROM: each takes the next slot.

use std::collections::BTreeMap;

use sqlparser::ast;

use super::block::{Block, Column};
use super::scope::{Columns, Input, Scope, Visibility};
use super::select::From;
use super::{Analyzer, Step};
use crate::hash::{Digest, Hasher};
use crate::ids::ModelName;
use crate::sql::relations::JOIN_WORDS;
use crate::sql::shape::{NameOrigin, OutputName, Read, Reads};
use crate::sql::{Dialect, Opaque};

impl<'q> Analyzer<'_> {
    pub(super) fn table(
        &self,
        scope: &mut Scope<'_, 'q>,
        name: &'q ast::ObjectName,
        alias: Option<&'q ast::TableAlias>,
        from: &mut From,
    ) -> Step<Digest> {
        let parts: Vec<&ast::Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let is_text = parts.iter().any(|part| part.quote_style == Some('\''));
        if parts.len() != name.0.len() || (is_text && (parts.len() > 1 || self.dialect != Dialect::DuckDb)) {
            return Err(Opaque::construct("a table named by an expression or a text"));
        }
        let folded: Vec<String> = parts.iter().map(|part| self.fold(part)).collect();
        if folded.len() > 1 && self.is_member_of_input(scope, &folded[0]) {
            return Err(Opaque::construct("an array of another input in FROM"));
        }
        let table = parts.iter().map(|part| self.dialect.fold(&part.value, part.quote_style.is_some()));
        if let [only] = folded.as_slice() {
            let mut link = scope.ctes.clone();
            while let Some(candidate) = link {
                if candidate.cte.name == *only {
                    let mut block = self.cte(&candidate.cte)?;
                    // What a list of names leaves is called as it was called before it, unlike behind a subquery's.
                    if alias.is_some_and(|alias| !alias.columns.is_empty()) && !block.is_open() {
                        self.rename_duplicates(&mut block)?;
                    }
                    return self.add(scope, block, vec![folded.clone()], alias, None, from);
                }
                link = candidate.next.clone();
            }
        }
        let name = ModelName::from_parts(table.collect())
            .ok_or_else(|| Opaque::construct("a name of more than three parts"))?;
        let shape = self.tables.table(&name)?;
        self.note_table(&shape);
        self.storages.borrow_mut().insert(shape.name.clone(), shape.storage);
        // How DuckDB calls a file that has no alias is not modelled, and files mind case.
        let names = match is_text {
            true => Vec::new(),
            false => (0..folded.len()).map(|start| folded[start..].to_vec()).collect(),
        };
        let mut block = Block {
            rows: if is_text {
                Hasher::new("text").digest(shape.rows).text(&parts[0].value).finish()
            } else {
                shape.rows
            },
            row_traits: shape.row_traits,
            row_reads: Reads::from([Read::Rows(shape.name.clone())]),
            columns: Vec::new(),
        };
        let Some(columns) = shape.columns else {
            return match alias.filter(|alias| !alias.columns.is_empty()) {
                Some(alias) => self.renamed_unknown(scope, block, (&shape.name, alias), from),
                None => self.add(scope, block, names, alias, Some(shape.name), from),
            };
        };
        block.columns = columns
            .into_iter()
            .map(|column| Column {
                reads: Reads::from([Read::Column(shape.name.clone(), self.dialect.fold_name(&column.name.text, true))]),
                name: column.name,
                hash: column.hash,
                traits: column.traits,
            })
            .collect();
        self.add(scope, block, names, alias, Some(shape.name), from)
    }

    /// BigQuery and Redshift: after an input `t`, here or in a block around this one, `t.a` in FROM is an array of its.
    fn is_member_of_input(&self, scope: &Scope<'_, 'q>, qualifier: &str) -> bool {
        let names = |input: &Input| input.names.iter().any(|name| name.len() == 1 && name[0] == *qualifier);
        matches!(self.dialect, Dialect::BigQuery | Dialect::Redshift | Dialect::Generic)
            && (scope.inputs.iter().any(names)
                || scope.outer.is_some_and(|outer| self.is_member_of_input(outer, qualifier)))
    }

    /// `AS t(a, b)` over columns that nobody knows: any column by its name is a function of the table and of that list.
    fn renamed_unknown(
        &self,
        scope: &mut Scope<'_, 'q>,
        mut block: Block,
        (table, alias): (&ModelName, &'q ast::TableAlias),
        from: &mut From,
    ) -> Step<Digest> {
        let ast::TableAlias { explicit: _, name, columns, at } = alias;
        if at.is_some() || columns.iter().any(|column| column.data_type.is_some()) {
            return Err(Opaque::construct("a table alias with types or AT"));
        }
        refuse_join_word(alias)?;
        let list: String = columns.iter().map(|column| format!(" {}", self.fold(&column.name))).collect();
        block.columns = vec![Column {
            name: OutputName { text: format!("*{list}"), origin: NameOrigin::Star },
            hash: Hasher::new("renamed").digest(block.rows).finish(),
            traits: block.row_traits,
            reads: Reads::from([Read::Whole(table.clone())]),
        }];
        self.add_named(scope, block, vec![vec![self.fold(name)]], None, from)
    }

    pub(super) fn subquery(
        &self,
        scope: &mut Scope<'_, 'q>,
        block: Block,
        alias: Option<&'q ast::TableAlias>,
        from: &mut From,
    ) -> Step<Digest> {
        let mut block = block;
        self.draw(&mut block, "subquery");
        if let Some(alias) = alias {
            self.note_query(&alias.name, &block);
        }
        self.add(scope, block, Vec::new(), alias, None, from)
    }

    /// Puts a block into the next slot.
    pub(super) fn add(
        &self,
        scope: &mut Scope<'_, 'q>,
        mut block: Block,
        names: Vec<Vec<String>>,
        alias: Option<&'q ast::TableAlias>,
        table: Option<ModelName>,
        from: &mut From,
    ) -> Step<Digest> {
        let names = match alias {
            None => names,
            Some(alias) => {
                refuse_join_word(alias)?;
                self.rename_columns(&mut block.columns, alias)?;
                vec![vec![self.fold(&alias.name)]]
            }
        };
        self.add_named(scope, block, names, table, from)
    }

    pub(super) fn add_named(
        &self,
        scope: &mut Scope<'_, 'q>,
        mut block: Block,
        names: Vec<Vec<String>>,
        table: Option<ModelName>,
        from: &mut From,
    ) -> Step<Digest> {
        let open = match (&table, block.is_open()) {
            (_, true) => Some(block.whole()),
            (Some(_), false) if block.columns.is_empty() => Some(block.rows),
            _ => None,
        };
        if open.is_none() {
            self.rename_duplicates(&mut block)?;
        }
        let whole = match &table {
            Some(table) => Reads::from([Read::Whole(table.clone())]),
            None if open.is_some() => block.all_reads(),
            None => Reads::new(),
        };
        let slot = scope.inputs.len() as u64;
        from.row_traits = from.row_traits.and(block.row_traits);
        from.row_reads.extend(block.row_reads.iter().cloned());
        scope.inputs.push(Input {
            names,
            row_traits: if open.is_some() { block.all_traits() } else { block.row_traits },
            columns: open.map_or(Columns::Known(block.columns), Columns::Open),
            slot,
            table,
            whole,
            merged_away: Vec::new(),
            visibility: Visibility::Everywhere,
        });
        Ok(Hasher::new("input").number(slot).digest(block.rows).finish())
    }

    /// DuckDB shows a second column `a` of a subquery or table as `a_1`, to which nothing here may refer.
    pub(super) fn rename_duplicates(&self, block: &mut Block) -> Step<()> {
        if self.dialect == Dialect::DuckDb {
            let mut seen: BTreeMap<String, u64> = BTreeMap::new();
            for column in block.columns.iter_mut().filter(|column| !column.is_star()) {
                let count = seen.entry(self.dialect.fold_name(&column.name.text, true)).or_default();
                if *count > 0 {
                    column.name =
                        OutputName { text: format!("{}_{count}", column.name.text), origin: NameOrigin::Derived };
                }
                *count += 1;
            }
        }
        block.refuse_duplicates(self.dialect)
    }
}

fn refuse_join_word(alias: &ast::TableAlias) -> Step<()> {
    let word = alias.name.value.to_lowercase();
    let odd = !alias.explicit && alias.name.quote_style.is_none() && JOIN_WORDS.contains(&word.as_str());
    match word.as_str() {
        "final" if odd => Err(Opaque::construct("FINAL after a table")),
        _ if odd => Err(Opaque::Construct(format!("{} JOIN", word.to_uppercase()))),
        _ => Ok(()),
    }
}
