//! The projection: output columns and their names, stars put out.

use sqlparser::ast::{self, SelectItem};

use super::block::{Column, Value};
use super::operand::inside;
use super::scope::{Alias, Columns, Input, Names, Scope, Visibility, open_row, reference};
use super::{Analyzer, Step};
use crate::hash::Hasher;
use crate::sql::shape::{NameOrigin, OutputName};
use crate::sql::{Dialect, Opaque};

/// A projected column with the expression behind it.
pub(super) struct Projected {
    pub(super) column: Column,
    pub(super) value: Value,
}

impl<'q> Analyzer<'_> {
    pub(super) fn projection(&self, scope: &mut Scope<'_, 'q>, items: &'q [SelectItem]) -> Step<Vec<Projected>> {
        let mut projected = Vec::new();
        let names = self.dialect.name_rules().select;
        if items.is_empty() {
            // `FROM t` alone selects everything.
            self.star(scope, None, &mut projected)?;
        }
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expression) => {
                    let value = self.expression(scope, expression, names)?;
                    if value.calls.set_returning && matches!(self.dialect, Dialect::Spark | Dialect::Databricks) {
                        return Err(Opaque::construct("a set without a name, which may be two columns"));
                    }
                    let name = match value.calls.several {
                        true => star_name(),
                        false => self.derived_name(scope, expression),
                    };
                    projected.push(projected_column(name, value));
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    refuse_odd_alias(alias)?;
                    let name = self.fold(alias);
                    // In its own expression an alias is not seen, and its turn comes now.
                    scope.later.retain(|later| *later != name);
                    let value = self.expression(scope, expr, names)?;
                    if value.calls.several {
                        let name = OutputName { text: format!("* {}", alias.value), ..star_name() };
                        projected.push(projected_column(name, value));
                        continue;
                    }
                    scope.aliases.push(Alias { name, value: value.clone() });
                    projected.push(projected_column(self.shown(alias), value));
                }
                SelectItem::ExprWithAliases { .. } => {
                    return Err(Opaque::construct("several aliases of one expression"));
                }
                SelectItem::Wildcard(options) => {
                    let mut columns = Vec::new();
                    self.star(scope, None, &mut columns)?;
                    projected.extend(self.star_options(scope, columns, options)?);
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    let ast::SelectItemQualifiedWildcardKind::ObjectName(name) = kind else {
                        return Err(Opaque::construct("a star on an expression"));
                    };
                    let mut columns = Vec::new();
                    self.star(scope, Some(name), &mut columns)?;
                    projected.extend(self.star_options(scope, columns, options)?);
                }
            }
        }
        Ok(projected)
    }

    /// A plain column is shown under its own name (BigQuery and Spark spell it as the query does), anything else under a
    /// name that the engine makes up.
    fn derived_name(&self, scope: &Scope<'_, 'q>, expression: &ast::Expr) -> OutputName {
        let (qualifier, ident) = match inside(expression) {
            ast::Expr::Identifier(ident) => (Vec::new(), Some(ident)),
            ast::Expr::CompoundIdentifier(parts) => {
                (parts[..parts.len() - 1].iter().map(|part| self.fold(part)).collect(), parts.last())
            }
            _ => (Vec::new(), None),
        };
        let derived = || OutputName { text: expression.to_string(), origin: NameOrigin::Derived };
        let Some(ident) = ident else { return derived() };
        let name = self.fold(ident);
        let is_table = |input: &Input| input.names.contains(&qualifier);
        // DuckDB shows a field as the query writes it.
        if !qualifier.is_empty() && self.dialect == Dialect::DuckDb && !scope.inputs.iter().any(is_table) {
            return self.shown(ident);
        }
        let meant = |input: &&Input| qualifier.is_empty() || input.names.contains(&qualifier);
        let known = scope.inputs.iter().filter(meant).find_map(|input| match &input.columns {
            Columns::Known(columns) => columns.iter().find(|column| self.is_named(column, &name)),
            Columns::Open(_) => None,
        });
        let as_written =
            matches!(self.dialect, Dialect::BigQuery | Dialect::Databricks | Dialect::Spark | Dialect::Hive);
        match known {
            Some(column) if as_written && column.name.origin == NameOrigin::Stated => self.shown(ident),
            Some(column) => column.name.clone(),
            // DuckDB shows a column as its table spells it, which an undeclared table or a PIVOT does not tell.
            None if scope.inputs.iter().filter(meant).any(|input| matches!(input.columns, Columns::Open(_))) => {
                let origin = if self.dialect == Dialect::DuckDb { NameOrigin::Spelled } else { NameOrigin::Stated };
                OutputName { origin, ..self.shown(ident) }
            }
            None => derived(),
        }
    }

    fn star(
        &self,
        scope: &Scope<'_, 'q>,
        qualifier: Option<&ast::ObjectName>,
        projected: &mut Vec<Projected>,
    ) -> Step<()> {
        let qualifier: Option<Vec<String>> = qualifier
            .map(|name| name.0.iter().filter_map(|part| part.as_ident()).map(|part| self.fold(part)).collect());
        let visible = |input: &&Input| {
            input.visibility == Visibility::Everywhere
                && qualifier.as_ref().is_none_or(|qualifier| input.names.contains(qualifier))
        };
        let inputs: Vec<&Input> = scope.inputs.iter().filter(visible).collect();
        if inputs.is_empty() || (qualifier.is_some() && inputs.len() > 1) {
            return Err(Opaque::construct("a star whose table is not clear"));
        }
        if !scope.merged.is_empty() && !matches!(self.dialect, crate::sql::Dialect::DuckDb) {
            return Err(Opaque::construct("a star over a USING or NATURAL join"));
        }
        for input in inputs {
            let Columns::Known(columns) = &input.columns else {
                projected.push(open_star(scope, input)?);
                continue;
            };
            for column in columns {
                let name = self.dialect.fold_name(&column.name.text, true);
                let merged = scope.merged.iter().find(|merged| merged.name == name && merged.slot == input.slot);
                if qualifier.is_none() && merged.is_none() && input.merged_away.contains(&name) {
                    continue;
                }
                let value = match merged.filter(|_| qualifier.is_none()) {
                    Some(merged) => merged.value.clone(),
                    None => reference(input, column, 0),
                };
                projected.push(projected_column(column.name.clone(), value));
            }
        }
        Ok(())
    }

    fn star_options(
        &self,
        scope: &Scope<'_, 'q>,
        mut columns: Vec<Projected>,
        options: &'q ast::WildcardAdditionalOptions,
    ) -> Step<Vec<Projected>> {
        let ast::WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike,
            opt_exclude,
            opt_except,
            opt_replace,
            opt_rename: _,
            opt_alias,
        } = options;
        if opt_ilike.is_some() || opt_alias.is_some() {
            return Err(Opaque::construct("a star with ILIKE or an alias"));
        }
        if columns.iter().any(|projected| projected.column.is_star()) {
            return self.open_star_options(scope, columns, options);
        }
        let place = |columns: &[Projected], name: &str| -> Step<usize> {
            let named = |projected: &&Projected| self.is_named(&projected.column, name);
            let mut found = columns.iter().enumerate().filter(|(_, projected)| named(projected));
            match (found.next(), found.next()) {
                (Some((index, _)), None) => Ok(index),
                _ => Err(Opaque::Name(name.to_owned())),
            }
        };
        for name in self.excluded(opt_exclude.as_ref(), opt_except.as_ref())? {
            let index = match name.rsplit_once('\u{0}') {
                None => place(&columns, &name)?,
                Some((qualifier, name)) => self.qualified_place(scope, &columns, (qualifier, name))?,
            };
            columns.remove(index);
        }
        if let Some(ast::ReplaceSelectItem { items }) = opt_replace {
            for item in items {
                let ast::ReplaceSelectElement { expr, column_name, as_keyword: _ } = item.as_ref();
                let index = place(&columns, &self.fold(column_name))?;
                let name = match self.dialect {
                    // It is shown as REPLACE spells it (DuckDB 1.5.6).
                    Dialect::DuckDb => self.shown(column_name),
                    _ => columns[index].column.name.clone(),
                };
                columns[index] = projected_column(name, self.expression(scope, expr, Names::Column)?);
            }
        }
        for ast::IdentWithAlias { ident, alias } in renames(options) {
            let index = place(&columns, &self.fold(ident))?;
            columns[index].column.name = self.shown(alias);
        }
        Ok(columns)
    }

    /// The same over columns that nobody knows: what is left is a function of them and of the options.
    fn open_star_options(
        &self,
        scope: &Scope<'_, 'q>,
        columns: Vec<Projected>,
        options: &'q ast::WildcardAdditionalOptions,
    ) -> Step<Vec<Projected>> {
        let excluded = self.excluded(options.opt_exclude.as_ref(), options.opt_except.as_ref())?;
        let replaced = options.opt_replace.iter().flat_map(|ast::ReplaceSelectItem { items }| items);
        let renamed = renames(options);
        if excluded.is_empty() && renamed.is_empty() && options.opt_replace.is_none() {
            return Ok(columns);
        }
        let mut hasher = Hasher::new("open star with options").number(excluded.len() as u64);
        hasher = excluded.iter().fold(hasher, |hasher, name| hasher.text(name));
        hasher = hasher.number(renamed.len() as u64);
        for ast::IdentWithAlias { ident, alias } in renamed {
            hasher = hasher.text(&self.fold(ident)).text(&self.shown(alias).text);
        }
        let mut parts: Vec<Value> = Vec::new();
        for projected in columns {
            hasher = hasher.text(&projected.column.name.text).digest(projected.column.hash);
            parts.push(projected.value);
        }
        for item in replaced {
            let ast::ReplaceSelectElement { expr, column_name, as_keyword: _ } = item.as_ref();
            let value = self.expression(scope, expr, Names::Column)?;
            if value.calls.set_returning {
                return Err(Opaque::construct("a set in REPLACE"));
            }
            hasher = hasher.text(&self.shown(column_name).text).digest(value.hash);
            parts.push(value);
        }
        Ok(vec![projected_column(star_name(), Value::made_of(hasher.finish(), &parts))])
    }

    /// Where a star over several inputs shows the column of one of them.
    fn qualified_place(
        &self,
        scope: &Scope<'_, 'q>,
        columns: &[Projected],
        (qualifier, name): (&str, &str),
    ) -> Step<usize> {
        let unclear = || Opaque::construct("a qualified name in EXCLUDE");
        let qualifier: Vec<String> = qualifier.split('\u{0}').map(str::to_owned).collect();
        let inputs: Vec<&Input> = scope.inputs.iter().filter(|input| input.names.contains(&qualifier)).collect();
        let ([input], true) = (inputs.as_slice(), scope.merged.is_empty()) else { return Err(unclear()) };
        let Columns::Known(known) = &input.columns else { return Err(unclear()) };
        let column = known.iter().find(|column| self.is_named(column, name)).ok_or_else(unclear)?;
        let wanted = reference(input, column, 0).hash;
        let is_it = |projected: &Projected| projected.value.hash == wanted && self.is_named(&projected.column, name);
        let mut found = columns.iter().enumerate().filter(|(_, projected)| is_it(projected));
        match (found.next(), found.next()) {
            (Some((index, _)), None) => Ok(index),
            _ => Err(unclear()),
        }
    }

    fn excluded(
        &self,
        exclude: Option<&ast::ExcludeSelectItem>,
        except: Option<&ast::ExceptSelectItem>,
    ) -> Step<Vec<String>> {
        let names: Vec<&ast::ObjectName> = match exclude {
            None => Vec::new(),
            Some(ast::ExcludeSelectItem::Single(name)) => vec![name],
            Some(ast::ExcludeSelectItem::Multiple(names)) => names.iter().collect(),
        };
        let mut folded = Vec::new();
        for name in names {
            match name.0.as_slice() {
                [part] => folded.extend(part.as_ident().map(|ident| self.fold(ident))),
                parts => {
                    let parts = parts.iter().filter_map(|part| part.as_ident()).map(|part| self.fold(part));
                    folded.push(parts.collect::<Vec<_>>().join("\u{0}"));
                }
            }
        }
        if let Some(ast::ExceptSelectItem { first_element, additional_elements }) = except {
            folded.push(self.fold(first_element));
            folded.extend(additional_elements.iter().map(|ident| self.fold(ident)));
        }
        Ok(folded)
    }
}

fn renames(options: &ast::WildcardAdditionalOptions) -> &[ast::IdentWithAlias] {
    match &options.opt_rename {
        None => &[],
        Some(ast::RenameSelectItem::Single(item)) => std::slice::from_ref(item),
        Some(ast::RenameSelectItem::Multiple(items)) => items,
    }
}

fn star_name() -> OutputName {
    OutputName { text: "*".into(), origin: NameOrigin::Star }
}

/// All columns of an input whose columns nobody knows, as one.
fn open_star(scope: &Scope<'_, '_>, input: &Input) -> Step<Projected> {
    if !scope.merged.is_empty() {
        return Err(Opaque::construct("a star over a USING join of unknown columns"));
    }
    Ok(projected_column(star_name(), open_row(input)?))
}

fn projected_column(name: OutputName, value: Value) -> Projected {
    let column = Column { name, hash: value.hash, traits: value.traits, reads: value.reads.clone() };
    Projected { column, value }
}

/// Aliases that the parser takes but the engine reads as something else (research: engines, 1.4).
fn refuse_odd_alias(alias: &ast::Ident) -> Step<()> {
    let word = alias.value.to_lowercase();
    let odd = alias.quote_style == Some('\'')
        || (alias.quote_style.is_none() && ["isnull", "notnull"].contains(&word.as_str()));
    if odd { Err(Opaque::construct(format!("an alias written as {alias}"))) } else { Ok(()) }
}
