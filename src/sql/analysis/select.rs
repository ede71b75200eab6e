//! One SELECT block.

use std::collections::BTreeSet;

use sqlparser::ast::{self, GroupByExpr, SelectItem};

use super::block::{Block, Column, Value};
use super::query::{Place, Role, Tail, at_ordinal, column_value, ordinal};
use super::scope::{Alias, Columns, Input, Names, Scope, Visibility, reference};
use super::{Analyzer, Step};
use crate::hash::{Digest, Hasher};
use crate::sql::Opaque;
use crate::sql::shape::{NameOrigin, OutputName, Reads, Traits};

/// The clauses of a SELECT that this analysis models; everything else was refused.
struct Clauses<'q> {
    distinct: Option<&'q ast::Distinct>,
    projection: &'q [SelectItem],
    from: &'q [ast::TableWithJoins],
    selection: Option<&'q ast::Expr>,
    group_by: &'q GroupByExpr,
    having: Option<&'q ast::Expr>,
    named_window: &'q [ast::NamedWindowDefinition],
    qualify: Option<&'q ast::Expr>,
}

/// A projected column with the expression behind it.
struct Projected {
    column: Column,
    value: Value,
}

/// How a block is grouped.
enum Grouping {
    No,
    /// One group over everything, or the keys of GROUP BY.
    By {
        hash: Digest,
        keys: BTreeSet<Digest>,
        parts: Vec<Value>,
    },
}

impl<'q> Analyzer<'_> {
    pub(super) fn select(
        &self,
        select: &'q ast::Select,
        place: &Place<'_, 'q>,
        tail: Option<&Tail<'q>>,
    ) -> Step<(Block, Option<Digest>)> {
        let clauses = clauses(select)?;
        let mut scope = Scope { outer: place.outer, ctes: place.ctes.clone(), site: place.site, ..Scope::empty() };
        for ast::NamedWindowDefinition(name, window) in clauses.named_window {
            scope.windows.push((self.fold(name), window));
        }
        let from = self.from(&mut scope, clauses.from)?;
        let projected = self.projection(&mut scope, clauses.projection)?;
        let columns: Vec<Column> = projected.iter().map(|projected| projected.column.clone()).collect();

        let selection = self.clause(&scope, clauses.selection, Names::ColumnsThenAliases)?;
        let having = self.clause(&scope, clauses.having, Names::Either)?;
        let qualify = self.clause(&scope, clauses.qualify, Names::ColumnsThenAliases)?;
        let order = self.select_order(&scope, tail, &columns)?;
        let mut values: Vec<&Value> = projected.iter().map(|projected| &projected.value).collect();
        values.extend(having.iter().chain(&qualify).chain(&order));
        let implicit = values.iter().any(|value| value.calls.aggregate) || having.is_some();
        let grouping = self.grouping(&scope, clauses.group_by, &projected, implicit)?;

        let mut block = Block { rows: from.rows, row_traits: from.row_traits, row_reads: from.row_reads, columns };
        let mut hasher = Hasher::new("select").digest(from.rows);
        hasher = self.put_clause(&mut block, hasher, "where", selection.as_ref());
        if let Some(expression) =
            clauses.selection.filter(|_| selection.as_ref().is_some_and(|value| value.traits.interval))
        {
            self.anchor(&mut block, &scope, expression, &projected)?;
        }
        hasher = self.put_grouping(&mut block, hasher, &grouping);
        hasher = self.put_clause(&mut block, hasher, "having", having.as_ref());
        self.put_windows(&mut block, &values);
        hasher = self.put_clause(&mut block, hasher, "qualify", qualify.as_ref());
        for projected in projected.iter().filter(|projected| projected.value.calls.set_returning) {
            hasher = self.put_clause(&mut block, hasher, "set", Some(&projected.value));
        }
        block.rows = hasher.finish();
        let ordered_on = self.distinct(&mut block, &scope, clauses.distinct, order.as_ref())?;
        let Some(tail) = tail else { return Ok((block, None)) };
        let inner = Tail { order_by: tail.order_by, limits: tail.limits.clone(), role: tail.role };
        let inner = if ordered_on { Tail { role: Role::Inner, ..inner } } else { inner };
        let written = self.apply_tail(&mut block, &scope, &inner, order)?;
        Ok((block, written))
    }

    fn clause(&self, scope: &Scope<'_, 'q>, expression: Option<&'q ast::Expr>, names: Names) -> Step<Option<Value>> {
        expression.map(|expression| self.expression(scope, expression, names)).transpose()
    }

    fn put_clause(&self, block: &mut Block, hasher: Hasher, tag: &str, value: Option<&Value>) -> Hasher {
        let Some(value) = value else { return hasher };
        block.row_traits = block.row_traits.and(value.traits);
        block.row_reads.extend(value.reads.iter().cloned());
        hasher.text(tag).digest(value.hash)
    }

    /// Only a column that the interval's filter is about keeps intervals apart; every other one may differ by batch.
    fn anchor(
        &self,
        block: &mut Block,
        scope: &Scope<'_, 'q>,
        selection: &'q ast::Expr,
        projected: &[Projected],
    ) -> Step<()> {
        let mut grounds = BTreeSet::new();
        let mut clear = true;
        for conjunct in conjuncts(selection) {
            if !self.expression(scope, conjunct, Names::ColumnsThenAliases)?.traits.interval {
                continue;
            }
            match self.filtered(scope, conjunct)? {
                Some(ground) => grounds.insert(ground),
                None => std::mem::replace(&mut clear, false),
            };
        }
        let anchored = |value: &Value| clear && grounds.len() == 1 && grounds.contains(&value.ground);
        for (column, projected) in block.columns.iter_mut().zip(projected) {
            column.traits.crosses |= !anchored(&projected.value);
        }
        Ok(())
    }

    /// The expression that `x BETWEEN @start AND @end`, `x >= @start` and their like are about.
    fn filtered(&self, scope: &Scope<'_, 'q>, conjunct: &'q ast::Expr) -> Step<Option<Digest>> {
        use ast::BinaryOperator as Op;
        let ground = |expression: &'q ast::Expr| -> Step<Option<Digest>> {
            let value = self.expression(scope, expression, Names::ColumnsThenAliases)?;
            Ok((!value.traits.interval).then_some(value.ground))
        };
        match conjunct {
            ast::Expr::Nested(inner) => self.filtered(scope, inner),
            ast::Expr::Between { expr, negated: false, low: _, high: _ } => ground(expr),
            ast::Expr::BinaryOp { left, op: Op::Gt | Op::GtEq | Op::Lt | Op::LtEq | Op::Eq, right } => {
                Ok(ground(left)?.xor(ground(right)?))
            }
            _ => Ok(None),
        }
    }

    fn put_grouping(&self, block: &mut Block, hasher: Hasher, grouping: &Grouping) -> Hasher {
        let Grouping::By { hash, keys, parts } = grouping else { return hasher };
        for part in parts {
            block.row_traits = block.row_traits.and(part.traits);
            block.row_reads.extend(part.reads.iter().cloned());
        }
        self.collapse(block, "a GROUP BY without the time column", |column| keys.contains(&column.hash));
        hasher.text("grouped").digest(*hash)
    }

    fn put_windows(&self, block: &mut Block, values: &[&Value]) {
        let partitions: Vec<&BTreeSet<Digest>> = values.iter().flat_map(|value| &value.calls.partitions).collect();
        if partitions.is_empty() {
            return;
        }
        self.collapse(block, "a window that is not partitioned by the time column", |column| {
            partitions.iter().all(|keys| keys.contains(&column.hash))
        });
    }

    fn select_order(&self, scope: &Scope<'_, 'q>, tail: Option<&Tail<'q>>, columns: &[Column]) -> Step<Option<Value>> {
        let Some(order_by) = tail.and_then(|tail| tail.order_by) else { return Ok(None) };
        let keys = self.sort_keys(order_by, columns, &|expression| self.order_expression(scope, expression))?;
        Ok(Some(Value::combine("order", &keys)))
    }

    /// A bare name in ORDER BY (and DISTINCT ON) is an output alias first; inside an expression it is a column.
    fn order_expression(&self, scope: &Scope<'_, 'q>, expression: &'q ast::Expr) -> Step<Value> {
        if let ast::Expr::Identifier(ident) = expression {
            let name = self.fold(ident);
            let mut found = scope.aliases.iter().filter(|alias| alias.name == name);
            match (found.next(), found.next()) {
                (Some(alias), None) => return Ok(alias.value.clone()),
                (Some(_), Some(_)) => return Err(Opaque::Ambiguous(ident.value.clone())),
                _ => {}
            }
        }
        let shadows = scope.aliases.is_empty();
        self.expression(scope, expression, if shadows { Names::Columns } else { Names::ColumnsThenAliases })
    }

    /// Returns whether the order of rows decides which of them are kept.
    fn distinct(
        &self,
        block: &mut Block,
        scope: &Scope<'_, 'q>,
        distinct: Option<&'q ast::Distinct>,
        order: Option<&Value>,
    ) -> Step<bool> {
        match distinct {
            None | Some(ast::Distinct::All) => Ok(false),
            Some(ast::Distinct::Distinct) => {
                let hashes: BTreeSet<Digest> = block.columns.iter().map(|column| column.hash).collect();
                block.rows = Hasher::new("distinct").digest(block.rows).digests(hashes).finish();
                for column in &block.columns {
                    block.row_traits = block.row_traits.and(column.traits);
                    block.row_reads.extend(column.reads.iter().cloned());
                }
                Ok(false)
            }
            Some(ast::Distinct::On(expressions)) => {
                let keys: Vec<Value> = expressions
                    .iter()
                    .map(|expression| match ordinal(expression) {
                        Some(place) => Ok(column_value(at_ordinal(&block.columns, place)?)),
                        None => self.order_expression(scope, expression),
                    })
                    .collect::<Step<_>>()?;
                let on = Value::combine("distinct on", &keys);
                block.rows = Hasher::new("distinct on").digest(block.rows).digest(on.hash).finish();
                block.row_traits = block.row_traits.and(on.traits);
                block.row_reads.extend(on.reads.iter().cloned());
                if order.is_some() {
                    self.assume("the ORDER BY under DISTINCT ON is total");
                } else {
                    block.row_traits.orderless = true;
                }
                let kept: BTreeSet<Digest> = keys.iter().map(|key| key.hash).collect();
                self.collapse(block, "DISTINCT ON without the time column", |column| kept.contains(&column.hash));
                Ok(true)
            }
        }
    }

    fn grouping(
        &self,
        scope: &Scope<'_, 'q>,
        group_by: &'q GroupByExpr,
        projected: &[Projected],
        implicit: bool,
    ) -> Step<Grouping> {
        let (expressions, modifiers) = match group_by {
            GroupByExpr::All(modifiers) => (None, modifiers),
            GroupByExpr::Expressions(expressions, modifiers) => (Some(expressions), modifiers),
        };
        if !modifiers.is_empty() {
            return Err(Opaque::construct("a modifier of GROUP BY"));
        }
        let parts: Vec<Value> = match expressions {
            None => projected
                .iter()
                .filter(|projected| !projected.value.calls.aggregate)
                .map(|projected| projected.value.clone())
                .collect(),
            Some(expressions) if expressions.is_empty() && !implicit => return Ok(Grouping::No),
            Some(expressions) => {
                let columns: Vec<Column> = projected.iter().map(|projected| projected.column.clone()).collect();
                expressions.iter().map(|expression| self.group_key(scope, expression, &columns)).collect::<Step<_>>()?
            }
        };
        if parts.iter().any(|part| part.calls.set_returning) {
            return Err(Opaque::construct("a set in GROUP BY"));
        }
        let keys: BTreeSet<Digest> = parts.iter().map(|part| part.hash).collect();
        let hash = Hasher::new("group keys").digests(keys.iter().copied()).finish();
        Ok(Grouping::By { hash, keys, parts })
    }

    fn group_key(&self, scope: &Scope<'_, 'q>, expression: &'q ast::Expr, columns: &[Column]) -> Step<Value> {
        let sets = |tag: &str, sets: &'q [Vec<ast::Expr>]| -> Step<Value> {
            let mut parts = Vec::new();
            for set in sets {
                let keys: Vec<Value> =
                    set.iter().map(|key| self.group_key(scope, key, columns)).collect::<Step<_>>()?;
                parts.push(Value::combine("grouping set", &keys));
            }
            Ok(Value::combine(tag, &parts))
        };
        match expression {
            ast::Expr::GroupingSets(list) => sets("grouping sets", list),
            ast::Expr::Cube(list) => sets("cube", list),
            ast::Expr::Rollup(list) => sets("rollup", list),
            _ => match ordinal(expression) {
                Some(place) => Ok(column_value(at_ordinal(columns, place)?)),
                None => self.expression(scope, expression, Names::ColumnsThenAliases),
            },
        }
    }

    fn projection(&self, scope: &mut Scope<'_, 'q>, items: &'q [SelectItem]) -> Step<Vec<Projected>> {
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
        let ident = match expression {
            ast::Expr::Nested(inner) => return self.derived_name(scope, inner),
            ast::Expr::Identifier(ident) => Some(ident),
            ast::Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        let derived = || OutputName { text: expression.to_string(), origin: NameOrigin::Derived };
        let Some(ident) = ident else { return derived() };
        let name = self.fold(ident);
        let known = scope.inputs.iter().find_map(|input| match &input.columns {
            Columns::Known(columns) => columns.iter().find(|column| self.is_named(column, &name)),
            Columns::Open(_) => None,
        });
        match known {
            Some(column) => column.name.clone(),
            // DuckDB shows a column as its table spells it, which an undeclared table does not tell.
            None if scope.inputs.iter().any(|input| matches!(input.columns, Columns::Open(_))) => self.shown(ident),
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

/// The operands of a chain of ANDs, parentheses looked through.
fn conjuncts(expression: &ast::Expr) -> Vec<&ast::Expr> {
    let mut operands = Vec::new();
    let mut rest = vec![expression];
    while let Some(expression) = rest.pop() {
        match expression {
            ast::Expr::Nested(inner) => rest.push(inner),
            ast::Expr::BinaryOp { left, op: ast::BinaryOperator::And, right } => {
                rest.extend([right.as_ref(), left.as_ref()]);
            }
            other => operands.push(other),
        }
    }
    operands
}

/// Aliases that the parser takes but the engine reads as something else (research: engines, 1.4).
fn refuse_odd_alias(alias: &ast::Ident) -> Step<()> {
    let word = alias.value.to_lowercase();
    let odd = alias.quote_style == Some('\'')
        || (alias.quote_style.is_none() && ["isnull", "notnull"].contains(&word.as_str()));
    if odd { Err(Opaque::construct(format!("an alias written as {alias}"))) } else { Ok(()) }
}

fn clauses(select: &ast::Select) -> Step<Clauses<'_>> {
    let ast::Select {
        select_token: _,
        optimizer_hints,
        distinct,
        select_modifiers,
        top,
        top_before_distinct: _,
        projection,
        exclude,
        into,
        from,
        lateral_views,
        prewhere,
        selection,
        connect_by,
        group_by,
        cluster_by,
        distribute_by,
        sort_by,
        having,
        named_window,
        qualify,
        window_before_qualify: _,
        value_table_mode,
        flavor: _,
    } = select;
    let refused = [
        ("an optimizer hint", !optimizer_hints.is_empty()),
        ("a SELECT modifier", select_modifiers.is_some()),
        ("TOP", top.is_some()),
        ("EXCLUDE after the projection", exclude.is_some()),
        ("SELECT INTO", into.is_some()),
        ("LATERAL VIEW", !lateral_views.is_empty()),
        ("PREWHERE", prewhere.is_some()),
        ("CONNECT BY", !connect_by.is_empty()),
        (
            "CLUSTER BY, DISTRIBUTE BY or SORT BY",
            !(cluster_by.is_empty() && distribute_by.is_empty() && sort_by.is_empty()),
        ),
        ("SELECT AS STRUCT or VALUE", value_table_mode.is_some()),
    ];
    if let Some((what, _)) = refused.iter().find(|(_, present)| *present) {
        return Err(Opaque::construct(*what));
    }
    Ok(Clauses {
        distinct: distinct.as_ref(),
        projection,
        from,
        selection: selection.as_ref(),
        group_by,
        having: having.as_ref(),
        named_window,
        qualify: qualify.as_ref(),
    })
}

/// What FROM comes to.
pub(super) struct From {
    pub(super) rows: Digest,
    pub(super) row_traits: Traits,
    pub(super) row_reads: Reads,
}
