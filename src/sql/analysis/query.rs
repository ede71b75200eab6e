//! Queries: WITH, set operations, VALUES, and what ORDER BY and LIMIT do to the set of rows.

use std::cell::OnceCell;
use std::rc::Rc;

use sqlparser::ast::{self, SetExpr, SetOperator, SetQuantifier};

use super::aggregate::refuse_lent;
use super::block::{Block, Column, Value};
use super::operand::inside;
pub(super) use super::order::{at_ordinal, column_value, ordinal, sort_key};
use super::scope::{Cte, CteLink, CteList, Names, Scope, Site, undrawn};
use super::{Analyzer, Step};
use crate::hash::{Digest, Hasher};
use crate::sql::shape::{NameOrigin, OutputName, Reads, Traits};
use crate::sql::{Dialect, Opaque};

/// Where a query stands.
pub(super) struct Place<'s, 'q> {
    /// The block around it, for a query used as a value.
    pub(super) outer: Option<&'s Scope<'s, 'q>>,
    pub(super) ctes: CteList<'q>,
    pub(super) site: Site,
    pub(super) role: Role,
}

/// Whether the order of a query's rows can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The model's outermost query: its order is how a table is written, not which rows are in it.
    Outermost,
    /// Any other.
    Inner,
}

impl Place<'_, '_> {
    pub(super) fn outermost() -> Self {
        Self { outer: None, ctes: None, site: Site::Open, role: Role::Outermost }
    }
}

/// ORDER BY and LIMIT of a query, for the block that they belong to.
pub(super) struct Tail<'q> {
    pub(super) order_by: Option<&'q ast::OrderBy>,
    pub(super) limits: Vec<(&'static str, &'q ast::Expr)>,
    pub(super) role: Role,
}

impl<'q> Analyzer<'_> {
    /// A query, and the order in which it would be written where that is no part of its rows.
    pub(super) fn query(&self, query: &'q ast::Query, place: Place<'_, 'q>) -> Step<(Block, Option<Digest>)> {
        self.nested(|| {
            let ast::Query {
                with,
                body,
                order_by,
                limit_clause,
                fetch,
                locks,
                for_clause,
                settings,
                format_clause,
                pipe_operators,
            } = query;
            if !locks.is_empty() || for_clause.is_some() || settings.is_some() || format_clause.is_some() {
                return Err(Opaque::construct("FOR, SETTINGS or FORMAT after a query"));
            }
            if !pipe_operators.is_empty() {
                return Err(Opaque::construct("pipe operators"));
            }
            // A CTE of a query that stands in a value could read the block around it.
            let site = if place.outer.is_some() { Site::Sealed } else { place.site };
            let ctes = self.with(with.as_ref(), place.ctes, site)?;
            let limits = limits(limit_clause.as_ref(), fetch.as_ref())?;
            let tail = Tail { order_by: order_by.as_ref(), limits, role: place.role };
            let place = Place { ctes, ..place };
            let (mut block, order) = self.body(body, &place, Some(&tail))?;
            if self.dialect == Dialect::DuckDb && with.is_some() {
                type_nulls(&mut block);
            }
            Ok((block, order))
        })
    }

    fn with(&self, with: Option<&'q ast::With>, outer: CteList<'q>, site: Site) -> Step<CteList<'q>> {
        let Some(ast::With { with_token: _, recursive, cte_tables }) = with else { return Ok(outer) };
        let mut list = outer;
        let names: Vec<String> = cte_tables.iter().map(|definition| self.fold(&definition.alias.name)).collect();
        for (index, definition) in cte_tables.iter().enumerate() {
            // With RECURSIVE, PostgreSQL also lets a CTE name those that come after it.
            if *recursive && names[index + 1..].iter().any(|name| mentions(&*definition.query, name)) {
                return Err(Opaque::construct("CTEs that name those after them"));
            }
            let name = names[index].clone();
            let recursive = *recursive && mentions(&*definition.query, &name);
            let cte = Cte { name, definition, before: list.clone(), site, recursive, resolved: OnceCell::new() };
            list = Some(Rc::new(CteLink { cte, next: list }));
        }
        Ok(list)
    }

    /// The block of a CTE.
    pub(super) fn cte(&self, cte: &Cte<'q>) -> Step<Block> {
        if let Some(block) = cte.resolved.get() {
            return Ok(block.clone());
        }
        let ast::Cte { alias, query, from, materialized: _, closing_paren_token: _ } = cte.definition;
        if from.is_some() {
            return Err(Opaque::construct("FROM after a CTE"));
        }
        let mut block = match cte.recursive {
            true => self.recursive(cte)?,
            false => {
                let place = Place { outer: None, ctes: cte.before.clone(), site: cte.site, role: Role::Inner };
                self.query(query, place)?.0
            }
        };
        if !cte.recursive {
            self.rename_columns(&mut block.columns, alias)?;
        }
        self.draw(&mut block, "cte");
        self.note_query(&alias.name, &block);
        let _ = cte.resolved.set(block.clone());
        Ok(block)
    }

    /// What is drawn anew or depends on the order of rows is drawn once for each CTE and subquery: two of one text may
    /// draw differently, two references to one CTE may not. So may two columns of one text, where each call draws.
    pub(super) fn draw(&self, block: &mut Block, what: &str) {
        let traits = block.all_traits();
        if !traits.orderless && !traits.redrawn {
            return;
        }
        self.draws.set(self.draws.get() + 1);
        // A CTE that is stored is drawn once; else perhaps once for each reference.
        let own = Hasher::new("draw").number(self.draws.get()).text(&self.hints);
        let own = |hash: Digest, traits: Traits, place: usize| match traits {
            Traits { redrawn: true, .. } => own.clone().text(what).number(place as u64).digest(hash).finish(),
            Traits { orderless: true, .. } => own.clone().digest(hash).finish(),
            _ => hash,
        };
        block.rows = own(block.rows, block.row_traits, 0);
        for (place, column) in block.columns.iter_mut().enumerate() {
            column.hash = own(column.hash, column.traits, place + 1);
        }
    }

    pub(super) fn body(
        &self,
        body: &'q SetExpr,
        place: &Place<'_, 'q>,
        tail: Option<&Tail<'q>>,
    ) -> Step<(Block, Option<Digest>)> {
        match body {
            SetExpr::Select(select) => self.select(select, place, tail),
            SetExpr::Query(query) => {
                let inner = Place { outer: place.outer, ctes: place.ctes.clone(), site: place.site, role: Role::Inner };
                let (block, _) = self.query(query, inner)?;
                self.over_output(block, body, place, tail)
            }
            SetExpr::SetOperation { .. } => {
                let block = self.set_operation(body, place)?;
                self.over_output(block, body, place, tail)
            }
            SetExpr::Values(values) => {
                let block = self.values(values, place)?;
                self.over_output(block, body, place, tail)
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(Opaque::construct("a statement that writes, inside a query"))
            }
            SetExpr::Table(_) => Err(Opaque::construct("TABLE as a query")),
        }
    }

    /// ORDER BY and LIMIT over a block of which only the output columns can be named.
    fn over_output(
        &self,
        mut block: Block,
        body: &SetExpr,
        place: &Place<'_, 'q>,
        tail: Option<&Tail<'q>>,
    ) -> Step<(Block, Option<Digest>)> {
        let Some(tail) = tail.filter(|tail| tail.order_by.is_some() || !tail.limits.is_empty()) else {
            return Ok((block, None));
        };
        let keys = match tail.order_by {
            Some(order_by) => {
                let resolve = |expression| {
                    let column = self.output_column(&block, expression);
                    column.or_else(|opaque| self.of_some_side(&block, body, expression).ok_or(opaque)?)
                };
                self.sort_keys(order_by, &block.columns, &resolve)?
            }
            None => Vec::new(),
        };
        let mut scope = Scope::empty();
        scope.outer = place.outer;
        scope.ctes.clone_from(&place.ctes);
        let order = Value::combine("order", &keys);
        let written = self.apply_tail(&mut block, &scope, tail, tail.order_by.map(|_| order))?;
        Ok((block, written))
    }

    /// DuckDB also sorts a set operation by what any side calls or computes a column by: one of its columns, and which
    /// one follows from how all sides are written.
    fn of_some_side(&self, block: &Block, body: &SetExpr, expression: &ast::Expr) -> Option<Step<Value>> {
        let is_meant = self.dialect == Dialect::DuckDb && matches!(body, SetExpr::SetOperation { .. });
        if !is_meant || ordinal(expression).is_some() {
            return None;
        }
        let columns: Vec<Value> = block.columns.iter().map(column_value).collect();
        let hash = Hasher::new("column of some side").text(&expression.to_string()).text(&body.to_string());
        Some(undrawn(Value::made_of(hash.digest(block.content()).finish(), &columns)))
    }

    fn output_column(&self, block: &Block, expression: &ast::Expr) -> Step<Value> {
        let ast::Expr::Identifier(ident) = inside(expression) else {
            return Err(Opaque::construct("an expression in the ORDER BY of a set operation"));
        };
        let name = self.fold(ident);
        let mut found = block.columns.iter().filter(|column| self.is_named(column, &name));
        match (found.next(), found.next()) {
            (Some(column), None) => undrawn(column_value(column)),
            _ => Err(Opaque::Name(ident.value.clone())),
        }
    }

    /// The sort keys of an ORDER BY: ordinals and ALL resolved, directions included.
    pub(super) fn sort_keys(
        &self,
        order_by: &'q ast::OrderBy,
        columns: &[Column],
        resolve: &dyn Fn(&'q ast::Expr) -> Step<Value>,
    ) -> Step<Vec<Value>> {
        let ast::OrderBy { kind, interpolate } = order_by;
        if interpolate.is_some() {
            return Err(Opaque::construct("INTERPOLATE"));
        }
        match kind {
            ast::OrderByKind::All(options) => {
                columns.iter().map(|column| sort_key(undrawn(column_value(column))?, options)).collect()
            }
            ast::OrderByKind::Expressions(expressions) => expressions
                .iter()
                .map(|ast::OrderByExpr { expr, options, with_fill }| {
                    if with_fill.is_some() {
                        return Err(Opaque::construct("WITH FILL"));
                    }
                    let value = match ordinal(expr) {
                        Some(place) => at_ordinal(columns, place)?,
                        None => resolve(expr)?,
                    };
                    sort_key(value, options)
                })
                .collect(),
        }
    }

    /// Puts LIMIT, and ORDER BY where it decides, into the rows; returns the order that only decides how rows are written.
    pub(super) fn apply_tail(
        &self,
        block: &mut Block,
        scope: &Scope<'_, 'q>,
        tail: &Tail<'q>,
        order: Option<Value>,
    ) -> Step<Option<Digest>> {
        if tail.limits.is_empty() && order.is_none() {
            return Ok(None);
        }
        if tail.limits.is_empty() && tail.role == Role::Outermost {
            if order.as_ref().is_some_and(|order| order.calls.set_returning) {
                return Err(Opaque::construct("a set in ORDER BY"));
            }
            return Ok(order.map(|order| {
                self.order_reads.replace(order.reads);
                order.hash
            }));
        }
        let mut hasher = Hasher::new("tail").digest(block.rows).option_digest(order.as_ref().map(|order| order.hash));
        for (what, expression) in &tail.limits {
            let limit = self.expression(scope, expression, Names::Column)?;
            hasher = hasher.text(what).digest(limit.hash);
            block.row_traits = block.row_traits.and(limit.traits);
            block.row_reads.extend(limit.reads);
        }
        if let Some(order) = &order {
            block.row_traits = block.row_traits.and(order.traits);
            block.row_reads.extend(order.reads.iter().cloned());
        }
        if !tail.limits.is_empty() {
            if order.is_some() {
                self.assume("the ORDER BY under a LIMIT is total");
            } else {
                block.row_traits.orderless = true;
            }
            self.collapse(block, "LIMIT", |_, _| false);
        }
        block.rows = hasher.finish();
        Ok(None)
    }

    /// Marks what a construct that looks across rows does to columns that do not keep intervals apart, which are told by their
    /// places, too.
    pub(super) fn collapse(&self, block: &mut Block, what: &str, keeps: impl Fn(usize, &Column) -> bool) {
        if !block.row_traits.interval {
            return;
        }
        block.row_traits.crosses = true;
        for (place, column) in block.columns.iter_mut().enumerate() {
            if !keeps(place, column) {
                column.traits.crosses = true;
            }
        }
        if block.columns.iter().all(|column| column.traits.crosses) {
            self.crosses(what);
        }
    }

    fn set_operation(&self, body: &'q SetExpr, place: &Place<'_, 'q>) -> Step<Block> {
        // A chain of set operations leans to the left and can be thousands long: walk it in a loop.
        let mut rest = body;
        let mut chain = Vec::new();
        while let SetExpr::SetOperation { left, op, set_quantifier, right } = rest {
            chain.push((op, set_quantifier, right.as_ref()));
            rest = left.as_ref();
        }
        let mut block = self.body(rest, place, None)?.0;
        for (operator, quantifier, right) in chain.into_iter().rev() {
            let right = self.body(right, place, None)?.0;
            block = self.combine(block, right, *operator, *quantifier)?;
        }
        Ok(block)
    }

    fn combine(&self, left: Block, right: Block, operator: SetOperator, quantifier: SetQuantifier) -> Step<Block> {
        let operator = match operator {
            SetOperator::Union => "union",
            SetOperator::Except | SetOperator::Minus => "except",
            SetOperator::Intersect => "intersect",
        };
        let (all, by_name) = match quantifier {
            SetQuantifier::All => ("all", false),
            SetQuantifier::Distinct | SetQuantifier::None => ("distinct", false),
            SetQuantifier::AllByName => ("all", true),
            SetQuantifier::ByName | SetQuantifier::DistinctByName => ("distinct", true),
        };
        let tag = Hasher::new("set operation").text(operator).text(all);
        let columns = self.pair(&left, &right, &tag, by_name)?;
        let mut block = Block {
            rows: tag.digest(left.rows).digest(right.rows).finish(),
            row_traits: left.row_traits.and(right.row_traits),
            row_reads: left.row_reads.union(&right.row_reads).cloned().collect(),
            columns,
        };
        if (operator, all) != ("union", "all") {
            let hashes = block.columns.iter().map(|column| column.hash);
            block.rows = Hasher::new("by all columns").digest(block.rows).digests(hashes).finish();
            for column in &block.columns {
                block.row_traits = block.row_traits.and(column.traits);
                block.row_reads.extend(column.reads.iter().cloned());
            }
        }
        Ok(block)
    }

    fn pair(&self, left: &Block, right: &Block, tag: &Hasher, by_name: bool) -> Step<Vec<Column>> {
        let joined = |name: &OutputName, one: Option<&Column>, two: Option<&Column>| Column {
            name: name.clone(),
            hash: tag.clone().option_digest(one.map(|c| c.hash)).option_digest(two.map(|c| c.hash)).finish(),
            traits: [one, two]
                .into_iter()
                .flatten()
                .fold(Traits::default(), |traits, column| traits.and(column.traits)),
            reads: [one, two].into_iter().flatten().flat_map(|column| column.reads.iter().cloned()).collect(),
        };
        if left.is_open() || right.is_open() {
            let all: Vec<&Column> = left.columns.iter().chain(&right.columns).collect();
            let hash = tag.clone().text(if by_name { "by name" } else { "by place" });
            let traits = all.iter().fold(Traits::default(), |traits, column| traits.and(column.traits));
            return Ok(vec![Column {
                name: OutputName { text: "*".into(), origin: NameOrigin::Star },
                hash: hash.digest(left.whole()).digest(right.whole()).finish(),
                traits,
                reads: all.iter().flat_map(|column| column.reads.iter().cloned()).collect(),
            }]);
        }
        if !by_name {
            if left.columns.len() != right.columns.len() {
                return Err(Opaque::construct("a set operation over different numbers of columns"));
            }
            let pairs = left.columns.iter().zip(&right.columns);
            return Ok(pairs.map(|(one, two)| joined(&one.name, Some(one), Some(two))).collect());
        }
        left.refuse_duplicates(self.dialect)?;
        right.refuse_duplicates(self.dialect)?;
        let folded = |column: &Column| self.dialect.fold_name(&column.name.text, true);
        let mut columns: Vec<Column> = Vec::new();
        for one in &left.columns {
            let two = right.columns.iter().find(|two| folded(two) == folded(one));
            columns.push(joined(&one.name, Some(one), two));
        }
        for two in &right.columns {
            if !left.columns.iter().any(|one| folded(one) == folded(two)) {
                columns.push(joined(&two.name, None, Some(two)));
            }
        }
        Ok(columns)
    }

    fn values(&self, values: &'q ast::Values, place: &Place<'_, 'q>) -> Step<Block> {
        let ast::Values { explicit_row: _, value_keyword: _, rows } = values;
        let width = rows.first().map_or(0, |row| row.content.len());
        if rows.iter().any(|row| row.content.len() != width) {
            return Err(Opaque::construct("VALUES of uneven rows"));
        }
        let scope = Scope { outer: place.outer, ctes: place.ctes.clone(), site: place.site, ..Scope::empty() };
        let mut columns: Vec<Vec<Value>> = vec![Vec::new(); width];
        for row in rows {
            for (cells, expression) in columns.iter_mut().zip(&row.content) {
                let cell = self.expression(&scope, expression, Names::Column)?;
                refuse_lent([&cell])?;
                if cell.calls.aggregate || cell.calls.set_returning || !cell.calls.partitions.is_empty() {
                    return Err(Opaque::construct("an aggregate, window or set in VALUES"));
                }
                cells.push(cell);
            }
        }
        let columns = columns.iter().enumerate().map(|(index, cells)| {
            let value = Value::combine("values", cells);
            let name = match self.dialect {
                Dialect::DuckDb => OutputName::stated(format!("col{index}")),
                Dialect::Postgres | Dialect::Redshift => OutputName::stated(format!("column{}", index + 1)),
                _ => OutputName { text: format!("values {index}"), origin: NameOrigin::Derived },
            };
            Column { name, hash: value.hash, traits: value.traits, reads: value.reads }
        });
        let rows = Hasher::new("values").number(rows.len() as u64).finish();
        Ok(Block { rows, row_traits: Traits::default(), row_reads: Reads::new(), columns: columns.collect() })
    }
}

/// Behind CTEs, used or not, DuckDB 1.5 gives the columns of a query that have no type of their own one (INTEGER); without,
/// who reads them gives them theirs.
fn type_nulls(block: &mut Block) {
    for column in block.columns.iter_mut().filter(|column| column.traits.untyped) {
        column.hash = Hasher::new("typed behind a CTE").digest(column.hash).finish();
    }
}

fn limits<'q>(
    clause: Option<&'q ast::LimitClause>,
    fetch: Option<&'q ast::Fetch>,
) -> Step<Vec<(&'static str, &'q ast::Expr)>> {
    let mut limits = Vec::new();
    match clause {
        None => {}
        Some(ast::LimitClause::LimitOffset { limit, offset, limit_by }) => {
            if !limit_by.is_empty() {
                return Err(Opaque::construct("LIMIT BY"));
            }
            limits.extend(limit.as_ref().map(|limit| ("limit", limit)));
            limits.extend(offset.as_ref().map(|ast::Offset { value, rows: _ }| ("offset", value)));
        }
        Some(ast::LimitClause::OffsetCommaLimit { offset, limit }) => {
            limits.push(("limit", limit));
            limits.push(("offset", offset));
        }
    }
    if let Some(ast::Fetch { with_ties, percent, quantity }) = fetch {
        if *with_ties || *percent {
            return Err(Opaque::construct("FETCH with TIES or PERCENT"));
        }
        let quantity = quantity.as_ref().ok_or_else(|| Opaque::construct("FETCH without a number"))?;
        limits.push(("limit", quantity));
    }
    Ok(limits)
}

/// Whether a CTE's body names the CTE itself.
pub(super) fn mentions(part: &impl ast::Visit, name: &str) -> bool {
    use std::ops::ControlFlow;
    ast::visit_relations(part, |relation| {
        let itself = relation.0.len() == 1
            && relation.0[0]
                .as_ident()
                .is_some_and(|ident| ident.value.eq_ignore_ascii_case(name) || ident.value == name);
        if itself { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .is_break()
}
