//! Ways through a query: every select, every expression, every relation, for reading and for changing.

use std::collections::BTreeSet;

use super::ir::*;
use super::ops::{ORDERLESS, PLACES};

/// Calls `act` on the query and on every query inside it, innermost last.
pub(crate) fn queries(query: &mut Query, act: &mut dyn FnMut(&mut Query)) {
    act(query);
    for cte in &mut query.ctes {
        queries(&mut cte.query, act);
    }
    match &mut query.body {
        Body::Set { left, right, .. } => {
            queries(left, act);
            queries(right, act);
        }
        Body::Select(select) => {
            for input in &mut select.from {
                if let Relation::Query(query) | Relation::Lateral(query) = &mut input.relation {
                    queries(query, act);
                }
            }
            own_expressions(select, &mut |expression| {
                if let Expr::Query { query, .. } = expression {
                    queries(query, act);
                }
            });
        }
    }
}

pub(crate) fn selects(query: &mut Query, act: &mut dyn FnMut(&mut Select)) {
    queries(query, &mut |query| {
        if let Body::Select(select) = &mut query.body {
            act(select);
        }
    });
}

/// Every expression of a select, outermost first, but not those of queries inside it.
pub(crate) fn own_expressions(select: &mut Select, act: &mut dyn FnMut(&mut Expr)) {
    for item in &mut select.items {
        match item {
            Item::Value { value, .. } => expression(value, act),
            Item::Star { replace, .. } => replace.iter_mut().for_each(|(_, value)| expression(value, act)),
        }
    }
    for input in &mut select.from {
        if let Relation::Unnest(value) = &mut input.relation {
            expression(value, act);
        }
        if let On::Condition(conditions) = &mut input.on {
            conditions.iter_mut().for_each(|condition| expression(condition, act));
        }
    }
    select.filter.iter_mut().for_each(|part| expression(part, act));
    select.group.keys.iter_mut().for_each(|part| expression(part, act));
    select.having.iter_mut().chain(&mut select.qualify).for_each(|part| expression(part, act));
    select.windows.iter_mut().for_each(|(_, part)| window(part, act));
}

fn window(window: &mut Window, act: &mut dyn FnMut(&mut Expr)) {
    window.partition.iter_mut().for_each(|part| expression(part, act));
    window.order.iter_mut().for_each(|(part, _)| expression(part, act));
}

pub(crate) fn expression(value: &mut Expr, act: &mut dyn FnMut(&mut Expr)) {
    act(value);
    match value {
        Expr::Column { .. } | Expr::Literal(..) | Expr::Row(..) | Expr::Draw(..) => {}
        Expr::Call { parts, .. } => parts.iter_mut().for_each(|part| expression(part, act)),
        Expr::Aggregate { parts, filter, .. } => {
            parts.iter_mut().for_each(|part| expression(part, act));
            filter.iter_mut().for_each(|part| expression(part, act));
        }
        Expr::Window { parts, window: over, .. } => {
            parts.iter_mut().for_each(|part| expression(part, act));
            if let Over::Here(here) = over {
                window(here, act);
            }
        }
        Expr::Query { left, .. } => left.iter_mut().for_each(|part| expression(part, act)),
    }
}

/// Whether a window of a select decides by place: its order is total, over the inputs that it was made for.
pub(crate) fn counts_places(select: &Select) -> bool {
    let mut found = false;
    own_expressions(&mut select.clone(), &mut |value| {
        found |= matches!(value, Expr::Window { op, .. } if PLACES.contains(op));
    });
    found
}

/// Every expression of a query, those of inner queries too.
pub(crate) fn expressions(query: &mut Query, act: &mut dyn FnMut(&mut Expr)) {
    selects(query, &mut |select| own_expressions(select, act));
}

/// Every input of a query, those of inner queries too.
pub(crate) fn inputs(query: &mut Query, act: &mut dyn FnMut(&mut Input)) {
    selects(query, &mut |select| select.from.iter_mut().for_each(&mut *act));
}

/// The tables that a model reads, and those that it names in `depends_on`.
pub(crate) fn reads(model: &Model) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = model.depends_on.iter().cloned().collect();
    inputs(&mut model.query.clone(), &mut |input| {
        if let Relation::Table(name) | Relation::Over { table: name, .. } = &input.relation {
            names.insert(name.clone());
        }
    });
    names
}

/// Whether a query reads the table `lone` where a CTE has its name.
pub(crate) fn takes_lone(query: &Query) -> bool {
    let (mut named, mut read) = (false, false);
    queries(&mut query.clone(), &mut |query| named |= query.ctes.iter().any(|cte| cte.name == "lone"));
    inputs(&mut query.clone(), &mut |input| {
        read |= matches!(&input.relation, Relation::Table(name) | Relation::Over { table: name, .. } if name == "lone");
    });
    named && read
}

/// Whether the greatest struct of a padded join is asked for in grouping sets. DuckDB 1.5.6 reads the length of a text there
/// that is NULL: what it gives is no text of any row, or an error of four billion characters.
pub(crate) fn takes_greatest_of_padding(query: &Query) -> bool {
    let mut found = false;
    selects(&mut query.clone(), &mut |select| {
        let in_sets = matches!(select.group.form, GroupForm::Rollup | GroupForm::Cube | GroupForm::Sets);
        let is_padded = select.from.iter().any(|input| input.join != "JOIN" && input.join.ends_with("JOIN"));
        own_expressions(&mut select.clone(), &mut |value| {
            let of_struct = matches!(value, Expr::Aggregate { op, .. } if op.takes == [S]);
            found |= in_sets && is_padded && of_struct;
        });
    });
    found
}

/// Whether a value holds what `test` asks for.
pub(crate) fn holds(value: &Expr, test: &dyn Fn(&Expr) -> bool) -> bool {
    let mut found = false;
    expression(&mut value.clone(), &mut |part| found |= test(part));
    found
}

/// Whether a value holds an aggregate of the block that it stands in, if only in a query inside it.
pub(crate) fn is_aggregate(value: &Expr) -> bool {
    holds(value, &|part| match part {
        Expr::Aggregate { .. } => true,
        Expr::Query { query, .. } => lends(query),
        _ => false,
    })
}

/// Whether a query holds an aggregate over columns of the block around it only, which is that block's.
fn lends(query: &Query) -> bool {
    let Body::Select(select) = &query.body else { return false };
    let is_own = |name: &str| select.from.iter().any(|input| input.name().eq_ignore_ascii_case(name));
    let mut lends = false;
    own_expressions(&mut select.clone(), &mut |part| {
        if let Expr::Aggregate { .. } = part {
            let (mut own, mut outer) = (false, false);
            expression(&mut part.clone(), &mut |inner| match inner {
                Expr::Column { input: Some(input), .. } if !is_own(input) => outer = true,
                Expr::Column { .. } | Expr::Row(..) | Expr::Query { .. } => own = true,
                _ => {}
            });
            lends |= outer && !own;
        }
    });
    lends
}

/// Whether a value is drawn when a table is filled: volatile, or dependent on the order of rows.
pub(crate) fn is_draw(value: &Expr) -> bool {
    match value {
        Expr::Draw(..) => true,
        Expr::Aggregate { op, .. } => ORDERLESS.contains(op),
        _ => false,
    }
}

/// Whether a value has no type of its own: a table gives it one, a view does not.
pub(crate) fn is_untyped(value: &Expr) -> bool {
    matches!(value, Expr::Literal(text, _) if ["NULL", "[]", "coalesce(NULL, NULL)"].contains(&text.as_str()))
}

/// Whether it is drawn which rows a query gives.
pub(crate) fn draws_rows(query: &Query) -> bool {
    let Body::Select(select) = &query.body else { return query.limit.is_some() && query.order == Order::None };
    let kept = query.limit.is_some() || matches!(select.distinct, Distinct::On(_));
    kept && query.order == Order::None
        || select.from.iter().any(|input| input.join == "POSITIONAL JOIN" || is_loose(input) || is_sample(input))
}

fn is_sample(input: &Input) -> bool {
    matches!(&input.relation, Relation::Over { form, .. } if form.rows == Rows::Drawn)
}

/// An ASOF join whose match could be a tie.
fn is_loose(input: &Input) -> bool {
    let is_key = |value: &Expr| matches!(value, Expr::Column { input: Some(name), name: column, .. } if name == input.name() && column == "id");
    let total = match (&input.relation, &input.on) {
        (Relation::Table(name), On::Condition(parts)) => {
            let keyed = |part: &Expr| matches!(part, Expr::Call { op, parts } if op.text == "({0} >= {1})" && is_key(&parts[1]));
            ["raw.t", "raw.u"].contains(&name.as_str()) && parts.iter().any(keyed)
        }
        _ => false,
    };
    input.join.starts_with("ASOF") && !total
}
