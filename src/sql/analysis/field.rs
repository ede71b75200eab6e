//! Dotted names that are no table's column: fields of structs, and the place of a row in its table.

use sqlparser::ast;

use super::block::Value;
use super::scope::{Columns, Found, Input, Names, Scope, Site, Visibility, outward, reference, undrawn};
use super::{Analyzer, Step};
use crate::hash::Hasher;
use crate::sql::shape::Reads;
use crate::sql::{Dialect, Opaque};

impl<'q> Analyzer<'_> {
    /// BigQuery's `STRUCT(x, y + 1 AS z)`: a field goes by its alias or by the plain column that it is.
    pub(super) fn typeless_struct(
        &self,
        scope: &Scope<'_, 'q>,
        (values, fields): (&'q [ast::Expr], &[ast::StructField]),
        names: Names,
    ) -> Step<Value> {
        let list: Vec<String> = fields.iter().map(ToString::to_string).collect();
        let mut tag = format!("struct {}", list.join(", "));
        let mut parts = Vec::new();
        for value in values {
            let (field, value) = match value {
                ast::Expr::Named { expr, name } => (Some(name), expr.as_ref()),
                ast::Expr::Identifier(name) => (Some(name), value),
                ast::Expr::CompoundIdentifier(path) => (path.last(), value),
                _ => (None, value),
            };
            tag.push_str(&format!(" {:?}", field.map(|name| &name.value)));
            parts.push(self.expression(scope, value, names)?);
        }
        Ok(Value::combine(&tag, &parts))
    }

    /// `payload:a.b[0]` of Snowflake and Databricks: a path into one value. Its keys mind case.
    pub(super) fn json_path(
        &self,
        scope: &Scope<'_, 'q>,
        (value, path): (&'q ast::Expr, &'q ast::JsonPath),
        names: Names,
    ) -> Step<Value> {
        // DuckDB reads `a: b` as `b AS a`; to the parser it is a path into `a` in every dialect.
        if !matches!(self.dialect, Dialect::Snowflake | Dialect::Databricks) {
            return Err(Opaque::construct("a colon: `name: x`, or a path into JSON"));
        }
        let mut value = self.operand(scope, None, value, names)?;
        for element in &path.path {
            value = match element {
                ast::JsonPathElem::Dot { key, quoted } => {
                    let hash = Hasher::new("json key").digest(value.hash).text(key).number(u64::from(*quoted));
                    Value::made_of(hash.finish(), [&value])
                }
                ast::JsonPathElem::Bracket { key } => {
                    Value::combine("json index", &[value, self.expression(scope, key, names)?])
                }
                ast::JsonPathElem::ColonBracket { key } => {
                    Value::combine("json colon index", &[value, self.expression(scope, key, names)?])
                }
            };
        }
        Ok(value)
    }

    /// `s.a`, `t.s.a`: the field of a column, where exactly one reading of the name finds a column in this block;
    /// nothing where none does. The caller knows that no table is qualified so.
    pub(super) fn field(&self, scope: &Scope<'_, 'q>, parts: &[ast::Ident]) -> Step<Option<Value>> {
        let folded: Vec<String> = parts.iter().map(|part| self.fold(part)).collect();
        let unclear = || {
            let text: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
            Opaque::Ambiguous(text.join("."))
        };
        let mut readings: Vec<(Value, usize)> = Vec::new();
        match self.column_named(scope, &folded[0]) {
            Found::Nothing => {}
            Found::One(value) => readings.push((value, 1)),
            Found::Many => return Err(unclear()),
        }
        for length in 1..folded.len() - 1 {
            let visible = |input: &&Input| input.names.iter().any(|name| *name == folded[..length]);
            for input in scope.inputs.iter().filter(visible) {
                if let Some(value) = self.column_of(input, &parts[length], &folded[length])? {
                    readings.push((value, length + 1));
                }
            }
        }
        let is_alias = scope.aliases.iter().any(|alias| alias.name == folded[0]);
        let is_shadowed = scope.parameters.contains(&folded[0]) || is_alias;
        let mut values: Vec<Value> =
            readings.into_iter().map(|(column, used)| fields(column, folded[used..].iter().cloned())).collect();
        if values.is_empty() && scope.outer.is_none() && scope.site == Site::Open && !is_shadowed {
            // Whatever the name means is a function of the columns that nobody knows, and of the name.
            values = self.unknown_readings(scope, parts)?;
        }
        if values.is_empty() {
            return Ok(None);
        }
        let reaches_out = self.is_input_around(scope, &folded[0]);
        if is_shadowed || (self.dialect != Dialect::DuckDb && (reaches_out || values.len() > 1)) {
            return Err(unclear());
        }
        if reaches_out {
            let outer = scope.outer.filter(|_| scope.site == Site::Open).ok_or_else(unclear)?;
            values.push(outward(self.qualified(outer, parts).map_err(|_| unclear())?));
        }
        // DuckDB takes the first reading that there is: which one follows from the columns, so from all of them.
        Ok(match values.as_slice() {
            [only] => Some(only.clone()),
            _ => {
                let mut value = Value::combine("one of", &values);
                value.calls.unsure = reaches_out;
                Some(value)
            }
        })
    }

    /// Whether an input of a block around this one goes by a name.
    fn is_input_around(&self, scope: &Scope<'_, 'q>, name: &str) -> bool {
        let mut outer = scope.outer;
        while let Some(around) = outer {
            if around
                .inputs
                .iter()
                .any(|input| input.names.iter().any(|known| known.last().is_some_and(|last| last == name)))
            {
                return true;
            }
            outer = around.outer;
        }
        false
    }

    /// DuckDB's `alias.x`: the alias `x` of the same SELECT, where no table and no column is called `alias`.
    pub(super) fn prefixed_alias(&self, scope: &Scope<'_, 'q>, parts: &[ast::Ident]) -> Step<Option<Value>> {
        let [prefix, last] = parts else { return Ok(None) };
        let (prefix, last) = (self.fold(prefix), self.fold(last));
        let is_taken = |input: &Input| match &input.columns {
            Columns::Known(columns) => {
                input.names.iter().any(|name| name.contains(&prefix))
                    || columns.iter().any(|column| self.dialect.is_name(&column.name.text, &prefix))
            }
            Columns::Open(_) => true,
        };
        let is_meant = self.dialect == Dialect::DuckDb && prefix == "alias";
        if !is_meant || scope.outer.is_some() || scope.inputs.iter().any(is_taken) {
            return Ok(None);
        }
        let mut found = scope.aliases.iter().filter(|alias| alias.name == last);
        match (found.next(), found.next()) {
            (Some(alias), None) => undrawn(alias.value.clone()).map(Some),
            _ => Ok(None),
        }
    }

    /// `e.a` where `e` is a lambda's parameter and nothing else has that name.
    pub(super) fn parameter_field(&self, scope: &Scope<'_, 'q>, parts: &[ast::Ident]) -> Step<Option<Value>> {
        let name = self.fold(&parts[0]);
        let Some(index) = scope.parameters.iter().rposition(|parameter| *parameter == name) else { return Ok(None) };
        let mut around = Some(scope);
        while let Some(block) = around {
            let is_input = |input: &Input| input.names.iter().any(|known| known.contains(&name));
            if block.inputs.iter().any(is_input) || !self.dialect.name_rules().fields {
                return Err(Opaque::Ambiguous(parts[0].value.clone()));
            }
            around = block.outer;
        }
        let place = scope.parameters.len() - index;
        let parameter = Value::leaf(Hasher::new("parameter").number(place as u64).finish());
        Ok(Some(fields(parameter, parts[1..].iter().map(|part| self.fold(part)))))
    }

    fn column_of(&self, input: &Input, ident: &ast::Ident, name: &str) -> Step<Option<Value>> {
        match &input.columns {
            Columns::Open(_) => self.open_column(input, ident, 0).map(Some),
            Columns::Known(columns) => {
                let mut found = columns.iter().filter(|column| self.is_named(column, name));
                match (found.next(), found.next()) {
                    (Some(_), Some(_)) => Err(Opaque::Ambiguous(ident.value.clone())),
                    (found, _) => Ok(found.map(|column| reference(input, column, 0))),
                }
            }
        }
    }

    /// DuckDB's `rowid`: where a row happens to lie in its table. Only the one input that is a table has it.
    pub(super) fn row_place(&self, scope: &Scope<'_, 'q>, slot: Option<u64>, ident: &ast::Ident) -> Step<Value> {
        let meant =
            |input: &&Input| input.visibility == Visibility::Everywhere && slot.is_none_or(|slot| slot == input.slot);
        let inputs: Vec<&Input> = scope.inputs.iter().filter(meant).collect();
        let ([input], Some(_)) = (inputs.as_slice(), inputs.first().and_then(|input| input.table.as_ref())) else {
            return Err(Opaque::Name(ident.value.clone()));
        };
        let mut value = Value::leaf(Hasher::new("place of a row").number(input.slot).finish());
        value.traits = input.row_traits;
        value.traits.orderless = true;
        value.reads = Reads::new();
        value.calls.own = true;
        Ok(value)
    }
}

pub(super) fn fields(value: Value, names: impl Iterator<Item = String>) -> Value {
    names.fold(value, |value, field| {
        Value::made_of(Hasher::new("field").digest(value.hash).text(&field).finish(), [&value])
    })
}
