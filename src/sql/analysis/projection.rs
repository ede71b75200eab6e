//! The projection: output columns and their names, stars put out.

use sqlparser::ast::{self, SelectItem};

use super::block::{Column, Value};
use super::operand::inside;
use super::scope::{Alias, Columns, Input, Names, Scope, Visibility, reference};
use super::{Analyzer, Step};
use crate::sql::Opaque;
use crate::sql::shape::{NameOrigin, OutputName};

/// A projected column with the expression behind it.
pub(super) struct Projected {
    pub(super) column: Column,
    pub(super) value: Value,
}

impl<'q> Analyzer<'_> {
    pub(super) fn projection(&self, scope: &mut Scope<'_, 'q>, items: &'q [SelectItem]) -> Step<Vec<Projected>> {
        let mut projected = Vec::new();
        if items.is_empty() {
            // `FROM t` alone selects everything.
            self.star(scope, None, &mut projected)?;
        }
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expression) => {
                    let value = self.expression(scope, expression, Names::ColumnsThenAliases)?;
                    let name = self.derived_name(scope, expression);
                    projected.push(projected_column(name, value));
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    refuse_odd_alias(alias)?;
                    let value = self.expression(scope, expr, Names::ColumnsThenAliases)?;
                    scope.aliases.push(Alias { name: self.fold(alias), value: value.clone() });
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

    /// A plain column is shown under its own name, anything else under a name that the engine makes up.
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
        let meant = |input: &&Input| qualifier.is_empty() || input.names.contains(&qualifier);
        let known = scope.inputs.iter().filter(meant).find_map(|input| match &input.columns {
            Columns::Known(columns) => columns.iter().find(|column| self.is_named(column, &name)),
            Columns::Open(_) => None,
        });
        match known {
            Some(column) => column.name.clone(),
            // DuckDB shows a column as its table spells it, which an undeclared table does not tell.
            None if scope.inputs.iter().filter(meant).any(|input| matches!(input.columns, Columns::Open(_))) => {
                self.shown(ident)
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
                return Err(match &input.table {
                    Some(table) => Opaque::Star(table.clone()),
                    None => Opaque::construct("a star over unknown columns"),
                });
            };
            for column in columns {
                let name = self.dialect.fold(&column.name.text, true);
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
            opt_rename,
            opt_alias,
        } = options;
        if opt_ilike.is_some() || opt_alias.is_some() {
            return Err(Opaque::construct("a star with ILIKE or an alias"));
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
            let index = place(&columns, &name)?;
            columns.remove(index);
        }
        if let Some(ast::ReplaceSelectItem { items }) = opt_replace {
            for item in items {
                let ast::ReplaceSelectElement { expr, column_name, as_keyword: _ } = item.as_ref();
                let index = place(&columns, &self.fold(column_name))?;
                let name = columns[index].column.name.clone();
                columns[index] = projected_column(name, self.expression(scope, expr, Names::Columns)?);
            }
        }
        let renames: &[ast::IdentWithAlias] = match opt_rename {
            None => &[],
            Some(ast::RenameSelectItem::Single(item)) => std::slice::from_ref(item),
            Some(ast::RenameSelectItem::Multiple(items)) => items,
        };
        for ast::IdentWithAlias { ident, alias } in renames {
            let index = place(&columns, &self.fold(ident))?;
            columns[index].column.name = self.shown(alias);
        }
        Ok(columns)
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
                _ => return Err(Opaque::construct("a qualified name in EXCLUDE")),
            }
        }
        if let Some(ast::ExceptSelectItem { first_element, additional_elements }) = except {
            folded.push(self.fold(first_element));
            folded.extend(additional_elements.iter().map(|ident| self.fold(ident)));
        }
        Ok(folded)
    }
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
