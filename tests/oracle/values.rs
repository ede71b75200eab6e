//! Edits of expressions.

use super::clauses;
use super::edit::Desk;
use super::grow::Grow;
use super::ir::*;
use super::ops::{self, AGGREGATES, PLACES, RANKS, SCALARS, SETS_OF_ROWS, sibling};
use super::walk;

pub(crate) fn literal(desk: &mut Desk<'_>) -> bool {
    desk.change_expression(&|value| matches!(value, Expr::Literal(..)), &mut |value, grow, _| {
        if let Expr::Literal(text, data) = value {
            let new = ops::literal(grow.choices, *data);
            *text = if new == *text { ops::literal(grow.choices, *data) } else { new };
        }
    })
}

pub(crate) fn operator(desk: &mut Desk<'_>) -> bool {
    desk.change_expression(&|value| matches!(value, Expr::Call { .. }), &mut |value, grow, _| {
        if let Expr::Call { op, .. } = value {
            *op = sibling(grow.choices, SCALARS, op);
        }
    })
}

pub(crate) fn swap_parts(desk: &mut Desk<'_>) -> bool {
    let fits = |value: &Expr| matches!(value, Expr::Call { op, parts } if op.takes.len() > 1 && parts[0] != parts[1] && op.takes[0] == op.takes[1]);
    desk.change_expression(&fits, &mut |value, _, _| {
        if let Expr::Call { parts, .. } = value {
            parts.swap(0, 1);
        }
    })
}

pub(crate) fn another_column(desk: &mut Desk<'_>) -> bool {
    desk.change_expression(&|value| matches!(value, Expr::Column { .. }), &mut |value, grow, names| {
        if let Some(column) = grow.column(names, value.data()) {
            *value = column;
        }
    })
}

/// How many rows a value of the projection gives for each row: in another way, or now that there is one.
pub(crate) fn set_of_rows(desk: &mut Desk<'_>) -> bool {
    let is_set = |value: &Expr| matches!(value, Expr::Call { op, .. } if SETS_OF_ROWS.contains(op));
    let adds = desk.choices.chance(30);
    let is_changed = !adds
        && desk.change_expression(&is_set, &mut |value, grow, names| {
            if let Expr::Call { op, .. } = value {
                match grow.choices.chance(70) {
                    true => *op = sibling(grow.choices, SETS_OF_ROWS, op),
                    false => *value = grow.set_of_rows(names),
                }
            }
        });
    is_changed || clauses::add_set_of_rows(desk)
}

/// `b.x` for `a.x`.
pub(crate) fn another_input(desk: &mut Desk<'_>) -> bool {
    match desk.choices.chance(30) {
        true => another_depth(desk) || another_beside(desk),
        false => another_beside(desk) || another_depth(desk),
    }
}

/// Inside a query used as a value: the column of that name of a query around it, or of its own.
fn another_depth(desk: &mut Desk<'_>) -> bool {
    let is_query = |value: &Expr| matches!(value, Expr::Query { .. });
    desk.change_expression(&is_query, &mut |value, grow, names| {
        let Expr::Query { query, .. } = value else { return };
        let Body::Select(select) = &mut query.body else { return };
        let own = grow.names(select, &Vec::new()).inputs;
        let is_own = |input: &str| own.iter().any(|(known, _)| known == input);
        let around = names.inputs.iter().filter(|(known, _)| !is_own(known));
        let inputs: Vec<&(String, Vec<Column>)> = own.iter().chain(around).collect();
        let mut places: Vec<(usize, String)> = Vec::new();
        let mut place = 0;
        walk::own_expressions(select, &mut |value| {
            if let Expr::Column { input: Some(input), name, data } = value {
                let has = |columns: &[Column]| columns.iter().any(|column| column.is(name) && column.data == *data);
                let others = inputs.iter().filter(|(known, columns)| known != input && has(columns));
                places.extend(others.map(|(known, _)| (place, known.clone())));
            }
            place += 1;
        });
        let Some((chosen, other)) = grow.choices.pick(&places).cloned() else { return };
        place = 0;
        walk::own_expressions(select, &mut |value| {
            if let Expr::Column { input: Some(input), .. } = value
                && place == chosen
            {
                input.clone_from(&other);
            }
            place += 1;
        });
    })
}

fn another_beside(desk: &mut Desk<'_>) -> bool {
    desk.change_expression(&|value| matches!(value, Expr::Column { input: Some(_), .. }), &mut |value, grow, names| {
        let Expr::Column { input: Some(input), name, .. } = value else { return };
        let fits =
            |(known, columns): &&(String, Vec<Column>)| known != input && columns.iter().any(|column| column.is(name));
        let others: Vec<String> = names.inputs.iter().filter(fits).map(|(known, _)| known.clone()).collect();
        if let Some(other) = grow.choices.pick(&others) {
            input.clone_from(other);
        }
    })
}

pub(crate) fn qualify(desk: &mut Desk<'_>) -> bool {
    desk.change_expression(&|value| matches!(value, Expr::Column { .. }), &mut |value, _, names| {
        let Expr::Column { input, name, .. } = value else { return };
        let owners: Vec<&String> = names
            .inputs
            .iter()
            .filter(|(_, columns)| columns.iter().any(|column| column.is(name)))
            .map(|(known, _)| known)
            .collect();
        *input = match (&input, owners.as_slice()) {
            (None, [only]) => Some((*only).clone()),
            (Some(_), [_]) => None,
            _ => return,
        };
    })
}

pub(crate) fn wrap(desk: &mut Desk<'_>) -> bool {
    desk.change_expression(
        &|value| matches!(value, Expr::Column { .. } | Expr::Call { .. }),
        &mut |value, grow, names| {
            let data = value.data();
            let fitting: Vec<&'static Op> =
                SCALARS.iter().filter(|op| op.gives == data && op.takes.contains(&data)).collect();
            let Some(op) = grow.choices.pick(&fitting).copied() else { return };
            let mut inner = Some(value.clone());
            let parts = op.takes.iter().map(|taken| match inner.take_if(|_| *taken == data) {
                Some(inner) => inner,
                None => grow.value(names, *taken, 0),
            });
            *value = Expr::Call { op, parts: parts.collect() };
        },
    )
}

pub(crate) fn replace(desk: &mut Desk<'_>) -> bool {
    let fits = |value: &Expr| !matches!(value, Expr::Aggregate { .. } | Expr::Window { .. });
    desk.change_expression(&fits, &mut |value, grow, names| *value = grow.value(names, value.data(), 2))
}

pub(crate) fn aggregate(desk: &mut Desk<'_>) -> bool {
    desk.change_expression(&|value| matches!(value, Expr::Aggregate { .. }), &mut |value, grow, names| {
        let data = value.data();
        match value {
            Expr::Aggregate { op, .. } if grow.choices.chance(60) => *op = sibling(grow.choices, AGGREGATES, op),
            value => *value = grow.aggregate_of(names, data),
        }
    })
}

pub(crate) fn filter_clause(desk: &mut Desk<'_>) -> bool {
    desk.change_expression(&|value| matches!(value, Expr::Aggregate { .. }), &mut |value, grow, names| {
        if let Expr::Aggregate { filter, .. } = value {
            *filter = match filter {
                Some(_) if grow.choices.chance(50) => None,
                _ => Some(Box::new(grow.value(names, B, 1))),
            };
        }
    })
}

fn has_window(value: &Expr) -> bool {
    matches!(value, Expr::Window { window: Over::Here(_), .. })
}

pub(crate) fn window(desk: &mut Desk<'_>) -> bool {
    desk.change_expression(&has_window, &mut |value, grow, names| {
        if let Expr::Window { window: Over::Here(window), .. } = value {
            change_window(window, grow, names);
        }
    })
}

pub(crate) fn change_window(window: &mut Window, grow: &mut Grow<'_>, names: &super::grow::Names) {
    match grow.choices.below(3) {
        0 => match window.partition.pop() {
            Some(_) => {}
            None => window.partition.push(grow.value(names, N, 0)),
        },
        1 => window.order.iter_mut().take(1).for_each(|(_, down)| *down = !*down),
        _ => match window.order.len() {
            0 | 1 => window.order = vec![(grow.value(names, N, 0), false)],
            _ => window.order.rotate_left(1),
        },
    }
}

pub(crate) fn frame(desk: &mut Desk<'_>) -> bool {
    let fits = |value: &Expr| matches!(value, Expr::Window { op, window: Over::Here(_), .. } if RANKS.contains(op) && !op.text.contains("rank") && !op.text.contains("DISTINCT"));
    desk.change_expression(&fits, &mut |value, grow, names| {
        if let Expr::Window { window: Over::Here(window), .. } = value {
            let fresh = grow.window(names);
            window.frame = fresh.frame;
        }
    })
}

pub(crate) fn window_function(desk: &mut Desk<'_>) -> bool {
    desk.change_expression(&has_window, &mut |value, grow, names| {
        let data = value.data();
        match value {
            Expr::Window { op, .. } if grow.choices.chance(70) => {
                let list = if RANKS.contains(op) { RANKS } else { PLACES };
                let other = sibling(grow.choices, list, op);
                if !other.text.contains("DISTINCT") && !other.text.contains("rank") {
                    *op = other;
                }
            }
            value => *value = grow.windowed_of(names, if data == T { T } else { N }),
        }
    })
}

pub(crate) fn subquery_form(desk: &mut Desk<'_>) -> bool {
    let fits = |value: &Expr| matches!(value, Expr::Query { form, .. } if *form != QueryForm::Scalar);
    desk.change_expression(&fits, &mut |value, _, _| {
        if let Expr::Query { form, .. } = value {
            *form = match &*form {
                QueryForm::Exists => QueryForm::NotExists,
                QueryForm::NotExists => QueryForm::Exists,
                QueryForm::In => QueryForm::NotIn,
                QueryForm::NotIn => QueryForm::In,
                other => *other,
            };
        }
    })
}
