//! One SELECT block.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{self, GroupByExpr, SelectItem};

use super::aggregate::refuse_lent;
use super::apart::Joins;
use super::block::{Block, Column, Value};
use super::operand::inside;
use super::projection::Projected;
use super::query::{Place, Role, Tail, at_ordinal, ordinal};
use super::scope::{Names, Scope, undrawn};
use super::{Analyzer, Step};
use crate::hash::{Digest, Hasher};
use crate::sql::Opaque;
use crate::sql::shape::{Reads, Traits};

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

/// Whether a column has one value wherever the keys have: it is one of them, or a key is what it is cast or cut from.
fn follows_from(keys: &BTreeSet<Digest>, column: &Column, projected: Option<&Projected>) -> bool {
    keys.contains(&column.hash) || projected.is_some_and(|projected| keys.contains(&projected.value.ground))
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
        let rules = self.dialect.name_rules();
        if rules.forward {
            scope.later = clauses.projection.iter().filter_map(|item| self.alias_of(item)).collect();
        }
        let from = self.from(&mut scope, clauses.from)?;
        let projected = self.projection(&mut scope, clauses.projection)?;
        let columns: Vec<Column> = projected.iter().map(|projected| projected.column.clone()).collect();

        let selection = self.clause(&scope, clauses.selection, rules.filter)?;
        let having = self.clause(&scope, clauses.having, rules.having)?;
        let qualify = self.clause(&scope, clauses.qualify, rules.qualify)?;
        // In WHERE, DuckDB refuses one that is this block's, but not one that is of a block further out.
        refuse_lent(selection.iter().filter(|value| value.calls.aggregate).chain(&qualify))?;
        if having.is_some() && projected.iter().any(|projected| projected.value.calls.several) {
            return Err(Opaque::construct("HAVING beside COLUMNS, whose names it may mean"));
        }
        let order = self.select_order(&scope, tail, &projected)?;
        let mut values: Vec<&Value> = projected.iter().map(|projected| &projected.value).collect();
        values.extend(having.iter().chain(&qualify).chain(&order));
        let implicit = values.iter().any(|value| value.calls.aggregate) || having.is_some();
        let grouping = self.grouping(&scope, clauses.group_by, &projected, implicit)?;

        let mut block = Block { rows: from.rows, row_traits: from.row_traits, row_reads: from.row_reads, columns };
        let mut hasher = Hasher::new("select").digest(from.rows);
        hasher = self.put_clause(&mut block, hasher, "where", selection.as_ref());
        let filter = clauses.selection.zip(selection.as_ref());
        self.keep_apart(&mut block, &scope, (from.joins, from.row_traits), filter, &projected)?;
        hasher = self.put_grouping(&mut block, hasher, (&grouping, &projected));
        hasher = self.put_clause(&mut block, hasher, "having", having.as_ref());
        self.put_windows(&mut block, &values, &projected);
        hasher = self.put_clause(&mut block, hasher, "qualify", qualify.as_ref());
        for projected in projected.iter().filter(|projected| projected.value.calls.set_returning) {
            hasher = self.put_clause(&mut block, hasher, "set", Some(&projected.value));
        }
        block.rows = hasher.finish();
        let ordered_on = self.distinct(&mut block, &scope, clauses.distinct, (order.as_ref(), &projected))?;
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

    fn put_grouping(
        &self,
        block: &mut Block,
        hasher: Hasher,
        (grouping, projected): (&Grouping, &[Projected]),
    ) -> Hasher {
        let Grouping::By { hash, keys, parts } = grouping else { return hasher };
        for part in parts {
            block.row_traits = block.row_traits.and(part.traits);
            block.row_reads.extend(part.reads.iter().cloned());
        }
        let is_key = |place: usize, column: &Column| follows_from(keys, column, projected.get(place));
        self.collapse(block, "a GROUP BY without the time column", is_key);
        hasher.text("grouped").digest(*hash)
    }

    fn put_windows(&self, block: &mut Block, values: &[&Value], projected: &[Projected]) {
        let partitions: Vec<&BTreeSet<Digest>> = values.iter().flat_map(|value| &value.calls.partitions).collect();
        if partitions.is_empty() {
            return;
        }
        self.collapse(block, "a window that is not partitioned by the time column", |place, column| {
            partitions.iter().all(|keys| follows_from(keys, column, projected.get(place)))
        });
    }

    fn select_order(
        &self,
        scope: &Scope<'_, 'q>,
        tail: Option<&Tail<'q>>,
        projected: &[Projected],
    ) -> Step<Option<Value>> {
        let Some(order_by) = tail.and_then(|tail| tail.order_by) else { return Ok(None) };
        let columns: Vec<Column> = projected.iter().map(|projected| projected.column.clone()).collect();
        let resolve = |expression| self.order_expression(scope, expression, projected);
        let keys = self.sort_keys(order_by, &columns, &resolve)?;
        Ok(Some(Value::combine("order", &keys)))
    }

    fn alias_of(&self, item: &SelectItem) -> Option<String> {
        match item {
            SelectItem::ExprWithAlias { expr: _, alias } => Some(self.fold(alias)),
            _ => None,
        }
    }

    /// A bare name in ORDER BY (and DISTINCT ON) is an output column first; inside an expression the dialect decides.
    fn order_expression(
        &self,
        scope: &Scope<'_, 'q>,
        expression: &'q ast::Expr,
        projected: &[Projected],
    ) -> Step<Value> {
        let rules = self.dialect.name_rules();
        let ast::Expr::Identifier(ident) = inside(expression) else {
            return self.expression(scope, expression, rules.within);
        };
        if rules.order != Names::AliasThenColumn {
            return self.expression(scope, expression, rules.order);
        }
        let name = self.fold(ident);
        let found: Vec<&Projected> =
            projected.iter().filter(|projected| self.is_named(&projected.column, &name)).collect();
        let unknown: Vec<&Projected> = projected.iter().filter(|projected| projected.column.is_star()).collect();
        if !unknown.is_empty() {
            // Among the columns that nobody knows there may be one of that name: a function of all of them.
            let input = self.expression(scope, expression, Names::Column).ok();
            let named = found.into_iter().chain(unknown).map(|projected| projected.value.clone());
            let mut value = Value::combine(&format!("output {name}"), &named.chain(input).collect::<Vec<_>>());
            value.calls.set_returning = false;
            return undrawn(value);
        }
        match found.as_slice() {
            [] => self.expression(scope, expression, Names::Column),
            [only, rest @ ..] if rest.iter().all(|other| other.value.hash == only.value.hash) => {
                let mut value = undrawn(only.value.clone())?;
                // What is sorted is the output: a set in it is not made a second time.
                value.calls.set_returning = false;
                Ok(value)
            }
            _ => Err(Opaque::Ambiguous(ident.value.clone())),
        }
    }

    /// Returns whether the order of rows decides which of them are kept.
    fn distinct(
        &self,
        block: &mut Block,
        scope: &Scope<'_, 'q>,
        distinct: Option<&'q ast::Distinct>,
        (order, projected): (Option<&Value>, &[Projected]),
    ) -> Step<bool> {
        match distinct {
            None | Some(ast::Distinct::All) => Ok(false),
            Some(ast::Distinct::Distinct) => {
                let hashes = unordered(block.columns.iter().map(|column| (column.hash, column.traits)));
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
                        Some(place) => at_ordinal(&block.columns, place),
                        None => self.order_expression(scope, expression, projected),
                    })
                    .collect::<Step<_>>()?;
                refuse_lent(&keys)?;
                if keys.iter().any(|key| key.calls.aggregate || key.calls.set_returning) {
                    return Err(Opaque::construct("an aggregate or set in DISTINCT ON"));
                }
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
                self.collapse(block, "DISTINCT ON without the time column", |place, column| {
                    follows_from(&kept, column, projected.get(place))
                });
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
                let mut spelled = Spelled::new();
                let mut key = |expression| self.group_key(scope, expression, &columns, &mut spelled);
                let parts: Vec<Value> = expressions.iter().map(&mut key).collect::<Step<_>>()?;
                // DuckDB tells the keys of ROLLUP and its like apart by how they are written: `g, b.g` is two of them.
                if expressions.iter().any(is_sets) && spelled.values().any(|texts| texts.len() > 1) {
                    return Err(Opaque::construct("one key of grouping sets in two spellings"));
                }
                parts
            }
        };
        // DuckDB counts what names a column of this block as a key of GROUP BY ALL, and nothing else. Without any such
        // key, `SELECT 1 FROM t GROUP BY ALL` keeps every row where `GROUP BY 1` makes one of them, and
        // `SELECT 1, max(x) FROM t GROUP BY ALL` has a row for an empty input where `GROUP BY 1` has none.
        if expressions.is_none() && !parts.is_empty() && !parts.iter().any(|part| part.calls.own) {
            return Err(Opaque::construct("GROUP BY ALL over constants"));
        }
        if parts.iter().any(|part| part.calls.set_returning) {
            return Err(Opaque::construct("a set in GROUP BY"));
        }
        refuse_lent(&parts)?;
        let keys: BTreeSet<Digest> = parts.iter().map(|part| part.hash).collect();
        let listed = unordered(parts.iter().map(|part| (part.hash, part.traits)));
        let hash = Hasher::new("group keys").digests(listed).finish();
        Ok(Grouping::By { hash, keys, parts })
    }

    fn group_key(
        &self,
        scope: &Scope<'_, 'q>,
        expression: &'q ast::Expr,
        columns: &[Column],
        spelled: &mut Spelled,
    ) -> Step<Value> {
        let mut sets = |tag: &str, sets: &'q [Vec<ast::Expr>]| -> Step<Value> {
            let mut parts = Vec::new();
            for set in sets {
                let mut key = |key| self.group_key(scope, key, columns, spelled);
                let keys: Vec<Value> = set.iter().map(&mut key).collect::<Step<_>>()?;
                parts.push(Value::combine("grouping set", &keys));
            }
            Ok(Value::combine(tag, &parts))
        };
        let value = match expression {
            ast::Expr::GroupingSets(list) => return sets("grouping sets", list),
            ast::Expr::Cube(list) => return sets("cube", list),
            ast::Expr::Rollup(list) => return sets("rollup", list),
            _ => match ordinal(expression) {
                Some(place) => at_ordinal(columns, place),
                None => {
                    let rules = self.dialect.name_rules();
                    let bare = matches!(inside(expression), ast::Expr::Identifier(_));
                    self.expression(scope, expression, if bare { rules.group } else { rules.within })
                }
            },
        }?;
        spelled.entry(value.hash).or_default().insert(expression.to_string());
        Ok(value)
    }
}

/// How each key of a GROUP BY is written, wherever it stands there.
type Spelled = BTreeMap<Digest, BTreeSet<String>>;

fn is_sets(expression: &ast::Expr) -> bool {
    matches!(expression, ast::Expr::GroupingSets(_) | ast::Expr::Cube(_) | ast::Expr::Rollup(_))
}

/// Digests whose order and number do not matter, unless one is of a draw: two of one text are two draws.
pub(super) fn unordered(parts: impl Iterator<Item = (Digest, Traits)> + Clone) -> Vec<Digest> {
    let is_drawn = parts.clone().any(|(_, traits)| traits.redrawn);
    let mut digests: Vec<Digest> = parts.map(|(digest, _)| digest).collect();
    if !is_drawn {
        digests.sort_unstable();
        digests.dedup();
    }
    digests
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
    pub(super) joins: Joins,
}
