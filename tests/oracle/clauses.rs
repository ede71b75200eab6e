//! Edits of clauses.

use super::edit::Desk;
use super::grow::{Grow, NAMES, Names, SETS};
use super::ir::*;
use super::ops::{FORMS, RANKS};
use super::shape::Ctes;
use super::walk::{self, is_aggregate};

pub(crate) fn add_filter(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|_| true, &mut |select, grow, names| {
        let part = grow.condition(names, 1, &Ctes::new());
        let place = grow.choices.below(select.filter.len() + 1);
        select.filter.insert(place, part);
    })
}

fn is_interval(value: &Expr) -> bool {
    matches!(value, Expr::Call { op, .. } if op.text.contains("@start"))
}

pub(crate) fn drop_filter(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| select.filter.iter().any(|part| !is_interval(part)), &mut |select, grow, _| {
        let place = grow.choices.below(select.filter.len());
        if !is_interval(&select.filter[place]) {
            select.filter.remove(place);
        }
    })
}

pub(crate) fn reorder_filter(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| select.filter.len() > 1, &mut |select, _, _| select.filter.rotate_left(1))
}

fn typed_join(select: &Select) -> Option<usize> {
    let fits = |input: &Input| match input.on {
        On::Condition(_) | On::Using(_) => true,
        On::None => UNCONDITIONAL.contains(&input.join),
    };
    select.from.iter().skip(1).position(fits).map(|place| place + 1)
}

/// Joins that show nothing of what they compare with.
const HIDING: &[&str] = &["SEMI JOIN", "ANTI JOIN"];

/// Joins that say nothing of what they compare.
const UNCONDITIONAL: &[&str] = &["CROSS JOIN", "NATURAL JOIN", "NATURAL LEFT JOIN"];

pub(crate) fn join_type(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| typed_join(select).is_some(), &mut |select, grow, names| {
        let Some(place) = typed_join(select) else { return };
        let types: &[&str] = match &select.from[place].on {
            // A join that shows more columns would leave ties in the order of a window.
            _ if HIDING.contains(&select.from[place].join) && walk::counts_places(select) => HIDING,
            // What is compared where nothing says it.
            On::None => UNCONDITIONAL,
            On::Condition(_) => &["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN"],
            On::Using(_) if names.are_told() => {
                &["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "NATURAL JOIN", "NATURAL LEFT JOIN"]
            }
            On::Using(_) => &["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"],
        };
        let input = &mut select.from[place];
        input.join = grow.choices.one(types);
        if input.join.starts_with("NATURAL") {
            input.on = On::None;
        }
    })
}

pub(crate) fn join_condition(desk: &mut Desk<'_>) -> bool {
    let conditional = |input: &Input| matches!(input.on, On::Condition(_));
    desk.change_select(&|select| select.from.iter().skip(1).any(conditional), &mut |select, grow, names| {
        let fresh = grow.value(names, B, 1);
        let choice = grow.choices.below(3);
        for input in select.from.iter_mut().skip(1) {
            if let On::Condition(parts) = &mut input.on {
                match choice {
                    0 if parts.len() > 1 => drop(parts.pop()),
                    1 => parts[0] = fresh,
                    _ => parts.push(fresh),
                }
                return;
            }
        }
    })
}

/// The relations of a join trade places, their conditions stay.
pub(crate) fn swap_inputs(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| select.from.len() > 1 && select.from[1].on != On::None, &mut |select, _, _| {
        let (join, on) = (select.from[1].join, select.from[1].on.clone());
        select.from.swap(0, 1);
        select.from[1].join = join;
        select.from[1].on = on;
    })
}

pub(crate) fn add_input(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| select.from.len() == 1, &mut |select, grow, names| {
        let fresh = grow.select(0, &Ctes::new(), names, None);
        let known = select.from[0].name().to_owned();
        let Some(mut input) = fresh.from.into_iter().next().filter(|input| input.name() != known) else { return };
        let right = grow.names(&Select::from(vec![input.clone()]), &Ctes::new());
        let (one, two) = (grow.value(names, N, 0), grow.value(&right, N, 0));
        let shown: &[&str] = &["JOIN", "LEFT JOIN", "SEMI JOIN", "ANTI JOIN"];
        input.join = grow.choices.one(if walk::counts_places(select) { HIDING } else { shown });
        input.on = On::Condition(vec![Expr::Call { op: super::grow::equality(N), parts: vec![one, two] }]);
        if !walk::counts_places(select) && has_few_in_common(names, &right) && grow.choices.chance(30) {
            (input.join, input.on) = (grow.choices.one(&["NATURAL JOIN", "NATURAL LEFT JOIN"]), On::None);
        }
        select.from.push(input);
    })
}

/// Whether one or two columns have the same name, so that some rows meet in all of them.
fn has_few_in_common(left: &Names, right: &Names) -> bool {
    let columns = |names: &Names| -> Vec<Column> {
        names.inputs.iter().flat_map(|(_, columns)| columns.iter().cloned()).collect()
    };
    let are_told = left.are_told() && right.are_told();
    let (left, right) = (columns(left), columns(right));
    let common = right.iter().filter(|column| left.iter().any(|known| known.is(&column.name)));
    (1..=2).contains(&common.count()) && are_told
}

pub(crate) fn another_relation(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| !select.from.is_empty(), &mut |select, grow, _| {
        let place = grow.choices.below(select.from.len());
        let old = select.from[place].name().to_owned();
        let relation = grow.relation(0, &Ctes::new());
        select.from[place] = Input { relation, alias: Some(old), columns: Vec::new(), ..select.from[place].clone() };
    })
}

pub(crate) fn relation_number(desk: &mut Desk<'_>) -> bool {
    let fits = |input: &Input| matches!(input.relation, Relation::Text { .. } | Relation::Over { .. });
    desk.change_select(&|select| select.from.iter().any(fits), &mut |select, grow, _| {
        for input in &mut select.from {
            if let Relation::Text { numbers, .. } = &mut input.relation {
                let place = grow.choices.below(numbers.len());
                numbers[place] = 1 + grow.choices.below(4) as i64;
            }
            if let Relation::Over { form, .. } = &mut input.relation {
                let draws = grow.draws;
                let alike = |other: &&'static Form| {
                    let is_drawn = other.rows == Rows::Drawn && !draws;
                    other.columns.len() == form.columns.len() && other.shows == form.shows && !is_drawn
                };
                let others: Vec<&'static Form> = FORMS.iter().filter(alike).collect();
                *form = grow.choices.one(&others);
            }
        }
    })
}

/// The first rows or the step of a recursion, and nothing else.
pub(crate) fn recursion(desk: &mut Desk<'_>) -> bool {
    let fits = |input: &Input| matches!(input.relation, Relation::Text { text, .. } if text.contains("RECURSIVE"));
    desk.change_select(&|select| select.from.iter().any(fits), &mut |select, grow, _| {
        for input in select.from.iter_mut().filter(|input| fits(input)) {
            if let Relation::Text { numbers, .. } = &mut input.relation {
                let place = grow.choices.below(numbers.len());
                numbers[place] += if numbers[place] > 1 && grow.choices.chance(40) { -1 } else { 1 };
                return;
            }
        }
    })
}

pub(crate) fn distinct(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| !matches!(select.distinct, Distinct::On(_)), &mut |select, _, _| {
        select.distinct = if select.distinct == Distinct::No { Distinct::Yes } else { Distinct::No };
    })
}

pub(crate) fn distinct_on(desk: &mut Desk<'_>) -> bool {
    let fits = |query: &Query| matches!(&query.body, Body::Select(select) if !select.items.is_empty());
    desk.change_query(&fits, &mut |query, grow| {
        let order = grow.order();
        let Body::Select(select) = &mut query.body else { return };
        select.distinct = match select.distinct {
            Distinct::On(1) if select.items.len() > 1 => Distinct::On(2),
            Distinct::On(_) => Distinct::No,
            _ => Distinct::On(1),
        };
        if query.order == Order::None {
            query.order = order;
        }
    })
}

fn is_grouped(select: &Select) -> bool {
    select.group.form != GroupForm::None
}

pub(crate) fn group_key(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&is_grouped, &mut |select, grow, names| {
        if select.group.keys.len() > 1 && grow.choices.chance(50) {
            let gone = select.group.keys.pop();
            select
                .items
                .retain(|item| !matches!((item, &gone), (Item::Value { value, .. }, Some(gone)) if value == gone));
        } else if let Some(key) = grow.column(names, T) {
            select.group.keys.push(key);
        }
    })
}

pub(crate) fn group_form(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&is_grouped, &mut |select, grow, _| {
        let forms =
            [GroupForm::Keys, GroupForm::Ordinals, GroupForm::All, GroupForm::Rollup, GroupForm::Cube, GroupForm::Sets];
        select.group.form = grow.choices.one(&forms);
    })
}

pub(crate) fn having(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&is_grouped, &mut |select, grow, names| {
        select.having = match &select.having {
            Some(_) if grow.choices.chance(40) => None,
            _ => {
                let parts = vec![grow.aggregate_of(names, N), Expr::Literal(super::ops::literal(grow.choices, N), N)];
                Some(Expr::Call { op: super::grow::compare(grow.choices), parts })
            }
        };
    })
}

pub(crate) fn is_plain(select: &Select) -> bool {
    let aggregates = |item: &Item| match item {
        Item::Value { value, .. } => is_aggregate(value),
        Item::Star { .. } => false,
    };
    !is_grouped(select) && !select.items.iter().any(aggregates)
}

pub(crate) fn qualify(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&is_plain, &mut |select, grow, names| {
        select.qualify = match &select.qualify {
            Some(_) if grow.choices.chance(40) => None,
            _ => {
                let parts = vec![grow.windowed_of(names, N), Expr::Literal(grow.choices.one(&["1", "2"]).into(), N)];
                Some(Expr::Call { op: super::grow::compare(grow.choices), parts })
            }
        };
    })
}

/// A window where it stands, or one with a name.
pub(crate) fn some_window(desk: &mut Desk<'_>) -> bool {
    match desk.choices.below(100) {
        0..=39 => named_window(desk) || super::values::window(desk),
        40..=54 => name_window(desk) || super::values::window(desk),
        _ => super::values::window(desk) || named_window(desk),
    }
}

/// A window gets a name, and whatever has the very same window says the name.
fn name_window(desk: &mut Desk<'_>) -> bool {
    let here = |value: &Expr| match value {
        Expr::Window { op, window: Over::Here(window), .. } if RANKS.contains(op) => Some(window.clone()),
        _ => None,
    };
    let windows = |select: &Select| {
        let mut windows = Vec::new();
        walk::own_expressions(&mut select.clone(), &mut |value| windows.extend(here(value)));
        windows
    };
    desk.change_select(&|select| !windows(select).is_empty(), &mut |select, grow, _| {
        let (window, name) = (grow.choices.one(&windows(select)), format!("named{}", select.windows.len()));
        walk::own_expressions(select, &mut |value| {
            let is_same = here(value).is_some_and(|other| other == window);
            if let (Expr::Window { window: over, .. }, true) = (value, is_same) {
                *over = Over::Named(name.clone());
            }
        });
        select.windows.push((name, window));
    })
}

fn named_window(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| !select.windows.is_empty(), &mut |select, grow, names| {
        let place = grow.choices.below(select.windows.len());
        super::values::change_window(&mut select.windows[place].1, grow, names);
    })
}

pub(crate) fn limit(desk: &mut Desk<'_>) -> bool {
    desk.change_query(&|_| true, &mut |query, grow| {
        let order = grow.order();
        match &mut query.limit {
            Some(limit) if grow.choices.chance(70) => match grow.choices.below(2) {
                0 => limit.count = 1 + (limit.count + grow.choices.below(3)) % 6,
                _ => limit.offset = (limit.offset + 1) % 4,
            },
            Some(_) => query.limit = None,
            None => {
                query.limit = Some(Limit { count: 1 + grow.choices.below(4), offset: 0, fetch: false });
                if query.order == Order::None {
                    query.order = order;
                }
            }
        }
    })
}

pub(crate) fn order_direction(desk: &mut Desk<'_>) -> bool {
    desk.change_query(&|query| query.order != Order::None, &mut |query, grow| {
        if let Order::Total { rotate, descending, .. } = &mut query.order {
            match grow.choices.chance(60) {
                true => *descending = !*descending,
                false => *rotate += 1,
            }
        }
    })
}

pub(crate) fn order(desk: &mut Desk<'_>) -> bool {
    let on = |query: &Query| matches!(&query.body, Body::Select(select) if matches!(select.distinct, Distinct::On(_)));
    desk.change_query(&|query| query.limit.is_none() && !on(query), &mut |query, grow| {
        query.order = if query.order == Order::None { grow.order() } else { Order::None };
    })
}

fn is_set(query: &Query) -> bool {
    matches!(query.body, Body::Set { .. })
}

pub(crate) fn set_operator(desk: &mut Desk<'_>) -> bool {
    desk.change_query(&is_set, &mut |query, grow| {
        if let Body::Set { operator, right, .. } = &mut query.body {
            let by_name = [("UNION", "UNION BY NAME"), ("UNION ALL", "UNION ALL BY NAME")];
            let counterpart = by_name.iter().find_map(|(place, name)| match () {
                () if place == operator => Some(*name),
                () if name == operator => Some(*place),
                () => None,
            });
            let named = by_name.iter().map(|(_, name)| *name);
            let all: Vec<&'static str> = SETS.iter().copied().chain(named).filter(|other| other != operator).collect();
            *operator = match counterpart.filter(|_| grow.choices.chance(60)) {
                Some(counterpart) => counterpart,
                None => grow.choices.one(&all),
            };
            // What is switched on here is to be seen when another edit switches it off.
            if operator.ends_with("BY NAME") && grow.choices.chance(50) {
                grow.cross(right);
            }
        }
    })
}

pub(crate) fn swap_sides(desk: &mut Desk<'_>) -> bool {
    desk.change_query(&is_set, &mut |query, _| {
        if let Body::Set { left, right, .. } = &mut query.body {
            std::mem::swap(left, right);
        }
    })
}

/// First, in the middle or last, under a name that may meet another.
pub(crate) fn add_item(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| !select.items.is_empty(), &mut |select, grow, names| {
        let data = grow.choices.one(&[N, T, D, L, N, S]);
        let value = match is_plain(select) {
            true => grow.value(names, data, 2),
            false => grow.aggregate_of(names, data),
        };
        put_item(select, grow, names, value);
    })
}

pub(crate) fn add_set_of_rows(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| !select.items.is_empty() && is_plain(select), &mut |select, grow, names| {
        let value = grow.set_of_rows(names);
        put_item(select, grow, names, value);
    })
}

/// Puts a value among the items, under a name that is free.
fn put_item(select: &mut Select, grow: &mut Grow<'_>, names: &Names, value: Expr) {
    let taken = |name: &str| {
        select.items.iter().any(|item| match item {
            Item::Value { alias: Some(alias), .. } => alias.eq_ignore_ascii_case(name),
            Item::Value { value: Expr::Column { name: known, .. }, .. } => known.eq_ignore_ascii_case(name),
            Item::Value { .. } => false,
            Item::Star { .. } => names.inputs.iter().flat_map(|(_, columns)| columns).any(|column| column.is(name)),
        })
    };
    let free: Vec<&str> =
        NAMES.iter().chain(&["b", "c", "day", "m", "n2"]).copied().filter(|name| !taken(name)).collect();
    let Some(alias) = grow.choices.pick(&free).map(|name| (*name).to_owned()) else { return };
    let place = grow.choices.below(select.items.len() + 1);
    select.items.insert(place, Item::Value { value, alias: Some(alias) });
}

pub(crate) fn drop_item(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| select.items.len() > 1, &mut |select, grow, _| {
        let place = grow.choices.below(select.items.len());
        select.items.remove(place);
    })
}

pub(crate) fn reorder_items(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| select.items.len() > 1, &mut |select, grow, _| {
        let place = grow.choices.below(select.items.len() - 1);
        select.items.swap(place, place + 1);
    })
}

pub(crate) fn collapse(desk: &mut Desk<'_>) -> bool {
    desk.change_select(
        &|select| is_plain(select) && select.windows.is_empty() && select.qualify.is_none(),
        &mut |select, grow, names| {
            for item in &mut select.items {
                match item {
                    Item::Value { value, .. } if value.data() != B => *value = grow.aggregate_of(names, value.data()),
                    _ => {}
                }
            }
        },
    )
}

pub(crate) fn star(desk: &mut Desk<'_>) -> bool {
    let is_star = |item: &Item| matches!(item, Item::Star { .. });
    desk.change_select(&|select| select.items.iter().any(is_star), &mut |select, grow, names| {
        let fresh = grow.star(names, select.from.len());
        let named = |item: &Item| matches!(item, Item::Star { input: Some(_), .. });
        for item in &mut select.items {
            if is_star(item) && named(item) == named(&fresh) {
                *item = fresh;
                return;
            }
        }
    })
}
