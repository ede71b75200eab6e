//! Names that could mean one thing or another, where which one it is follows from columns that nobody knows: undeclared
//! ones, or ones whose names the engine makes up. Such a value is a function of all that it could be, so it takes the
//! hashes of all readings. Only for DuckDB, where every reading was tried on the engine.

use sqlparser::ast;

use super::block::{Column, Value};
use super::field::fields;
use super::inputs::{has_open, has_unknown_names, is_unsure};
use super::refused::beyond;
use super::scope::{Found, Input, Scope, Site, Visibility, outward};
use super::{Analyzer, Step};
use crate::hash::Hasher;
use crate::sql::shape::{NameOrigin, OutputName, Traits};
use crate::sql::{Dialect, Opaque};

impl<'q> Analyzer<'_> {
    /// Whether a name that this block does not surely own may be looked for in the block around it.
    pub(super) fn may_be_further_out(&self, scope: &Scope<'_, 'q>) -> bool {
        let is_clear = !is_unsure(scope) && !scope.outer.is_some_and(has_open);
        is_clear || self.dialect == Dialect::DuckDb
    }

    /// A column of this block by a name that only its unknown columns may have, else what the block around it has: the
    /// value is a function of both.
    pub(super) fn here_or_outward(&self, scope: &Scope<'_, 'q>, parts: &[ast::Ident], outer: Value) -> Step<Value> {
        let mut readings = self.unknown_readings(scope, parts)?;
        if readings.is_empty() {
            return Ok(outward(outer));
        }
        readings.push(outward(outer));
        let mut value = Value::combine("here or further out", &readings);
        value.calls.unsure = true;
        Ok(value)
    }

    /// What a name comes to among the columns that nobody knows: of each input that has such.
    pub(super) fn unknown_readings(&self, scope: &Scope<'_, 'q>, parts: &[ast::Ident]) -> Step<Vec<Value>> {
        let [first, rest @ ..] = parts else { return Ok(Vec::new()) };
        let is_meant = |input: &&Input| input.visibility == Visibility::Everywhere && has_unknown_names(input);
        let reading = |input: &Input| {
            let column = self.unknown_column(input, first)?;
            Ok(fields(column, rest.iter().map(|part| self.fold(part))))
        };
        scope.inputs.iter().filter(is_meant).map(reading).collect()
    }

    /// `q.c` where no input `q` of this block has a column `c`: one of a block around it, or perhaps a field of a column
    /// `q` of this one.
    pub(super) fn qualified_further_out(&self, scope: &Scope<'_, 'q>, parts: &[ast::Ident]) -> Step<Value> {
        let first = self.fold(&parts[0]);
        let text = || parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
        // A column of that name would make this a struct field.
        let own_column = !matches!(self.column_named(scope, &first), Found::Nothing);
        let parameter = scope.parameters.contains(&first);
        let outer = scope.outer.filter(|_| !own_column && !parameter && scope.site == Site::Open);
        let Some(outer) = outer else {
            return Err(if own_column || parameter { Opaque::Name(text()) } else { self.no_column(scope, parts) });
        };
        let is_alias = scope.aliases.iter().any(|alias| alias.name == first);
        if is_unsure(scope) && (self.dialect != Dialect::DuckDb || is_alias) {
            return Err(Opaque::Name(text()));
        }
        let value = self.qualified(outer, parts).map_err(|opaque| beyond(scope, opaque))?;
        self.here_or_outward(scope, parts, value)
    }

    /// `AS t(a, b)`: renames the first columns by position.
    pub(super) fn rename_columns(&self, columns: &mut Vec<Column>, alias: &ast::TableAlias) -> Step<()> {
        let ast::TableAlias { explicit: _, name: _, columns: names, at } = alias;
        let is_open = columns.iter().any(Column::is_star);
        if !names.is_empty() && is_open && self.dialect != Dialect::DuckDb {
            return Err(Opaque::construct("column aliases of a table whose columns are not known"));
        }
        let too_many = names.len() > columns.len() && !is_open;
        if at.is_some() || too_many || names.iter().any(|name| name.data_type.is_some()) {
            return Err(Opaque::construct("a table alias with types, AT or too many columns"));
        }
        if is_open && !names.is_empty() {
            *columns = vec![self.renamed_open(columns, names)];
            return Ok(());
        }
        for (column, name) in columns.iter_mut().zip(names) {
            column.name = self.shown(&name.name);
        }
        Ok(())
    }

    /// Names for the first of some columns that nobody knows: any of them is a function of all and of those names.
    fn renamed_open(&self, columns: &[Column], names: &[ast::TableAliasColumnDef]) -> Column {
        let mut hasher = Hasher::new("renamed columns").number(columns.len() as u64);
        hasher = columns.iter().fold(hasher, |hasher, column| hasher.text(&column.name.text).digest(column.hash));
        hasher = names.iter().fold(hasher, |hasher, name| hasher.text(&self.shown(&name.name).text));
        Column {
            name: OutputName { text: "*".into(), origin: NameOrigin::Star },
            hash: hasher.finish(),
            traits: columns.iter().fold(Traits::default(), |traits, column| traits.and(column.traits)),
            reads: columns.iter().flat_map(|column| column.reads.iter().cloned()).collect(),
        }
    }
}
