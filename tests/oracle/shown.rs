//! Edits of what only its readers tell: what is drawn when a table is filled, and what has no type but in a table.

use std::collections::BTreeMap;

use super::around::top;
use super::clauses::is_plain;
use super::edit::Desk;
use super::grow::DRAWS;
use super::ir::*;
use super::walk::{holds, is_aggregate, is_untyped};

pub(crate) fn draw(desk: &mut Desk<'_>) -> bool {
    let shows = |desk: &mut Desk<'_>| show(desk, &drawn_columns, &|column| column);
    desk.project.draws && (desk.choices.chance(50) && shows(desk) || draw_or_not(desk))
}

/// A table shows what another model shows in some columns.
fn show(desk: &mut Desk<'_>, columns: &dyn Fn(&Model) -> Vec<Column>, wrap: &dyn Fn(Expr) -> Expr) -> bool {
    let known: BTreeMap<String, Vec<Column>> =
        desk.project.models.iter().map(|(name, model)| (name.clone(), columns(model))).collect();
    let shown = |model: &Model| -> Vec<Expr> {
        let Body::Select(select) = &model.query.body else { return Vec::new() };
        if model.kind != Kind::Full || !is_plain(select) {
            return Vec::new();
        }
        let of = |input: &Input| match &input.relation {
            Relation::Table(table) if !input.is_hidden() && input.columns.is_empty() => {
                let columns = known.get(table).into_iter().flatten();
                columns.map(|column| Expr::column(input.name(), column)).collect()
            }
            _ => Vec::new(),
        };
        select.from.iter().flat_map(of).collect()
    };
    desk.change_model(&|model| !shown(model).is_empty(), &mut |model, choices| {
        let value = wrap(choices.one(&shown(model)));
        let Some(select) = top(model) else { return false };
        select.items.push(Item::Value { value, alias: Some(format!("seen{}", select.items.len())) });
        true
    })
}

/// The columns of the outermost SELECT whose values are such.
fn columns_of(model: &Model, fits: &dyn Fn(&Expr) -> bool) -> Vec<Column> {
    let Body::Select(select) = &model.query.body else { return Vec::new() };
    let column = |item: &Item| match item {
        Item::Value { value, alias: Some(alias) } if fits(value) => Some(Column::new(alias, value.data())),
        _ => None,
    };
    select.items.iter().filter_map(column).collect()
}

/// Whether a model shows, row by row, what a table that it reads has drawn.
pub(crate) fn shows_drawn(project: &Project, name: &str) -> bool {
    let Body::Select(select) = &project.models[name].query.body else { return false };
    let drawn = |input: &Input| match &input.relation {
        Relation::Table(table) => project.models.get(table).map_or_else(Vec::new, drawn_columns),
        _ => Vec::new(),
    };
    let drawn: Vec<Column> = select.from.iter().flat_map(drawn).collect();
    let is_drawn =
        |part: &Expr| matches!(part, Expr::Column { name, .. } if drawn.iter().any(|column| column.is(name)));
    let shows =
        |item: &Item| matches!(item, Item::Value { value, .. } if !is_aggregate(value) && holds(value, &is_drawn));
    select.items.iter().any(shows)
}

/// Only by the readers of a table is it seen that it was filled again, and not by a number of each row.
fn drawn_columns(model: &Model) -> Vec<Column> {
    let is_drawn = |value: &Expr| matches!(value, Expr::Draw(text, _) if !text.contains("OVER"));
    if model.kind == Kind::Full { columns_of(model, &is_drawn) } else { Vec::new() }
}

fn draw_or_not(desk: &mut Desk<'_>) -> bool {
    // An order asks for it a second time, of which the program knows nothing: seldom.
    let (ordered, fits) = (desk.choices.chance(20), |model: &Model| matches!(model.kind, Kind::Full | Kind::View));
    let fits = |model: &Model| fits(model) && (ordered || model.query.order == Order::None);
    desk.change_model(&fits, &mut |model, choices| {
        let Some(select) = top(model).filter(|select| select.group.form == GroupForm::None) else { return false };
        let drawn = |item: &Item| matches!(item, Item::Value { value: Expr::Draw(..), .. });
        if select.items.iter().any(drawn) {
            select.items.retain(|item| !drawn(item));
            return !select.items.is_empty();
        }
        let (text, data) = choices.one(DRAWS);
        select.items.push(Item::Value { value: Expr::Draw(text, data), alias: Some("drawn".to_owned()) });
        true
    })
}

static TYPE_OF: Op = Op { text: "typeof({0})", takes: &[N], gives: T };

pub(crate) fn null_column(desk: &mut Desk<'_>) -> bool {
    let shows = |desk: &mut Desk<'_>| {
        let untyped = |model: &Model| columns_of(model, &is_untyped);
        show(desk, &untyped, &|column| Expr::Call { op: &TYPE_OF, parts: vec![column] })
    };
    desk.choices.chance(40) && shows(desk) || add_null_column(desk)
}

fn add_null_column(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&|model| matches!(model.kind, Kind::Full | Kind::View | Kind::Embedded), &mut |model, choices| {
        let Some(select) = top(model).filter(|select| !select.items.is_empty()) else { return false };
        let texts = [("NULL", N), ("[]", L), ("NULL", T), ("coalesce(NULL, NULL)", N)];
        let (text, data) = choices.one(&texts);
        select.items.push(Item::Value {
            value: Expr::Literal(text.to_owned(), data),
            alias: Some(format!("nothing{}", select.items.len())),
        });
        true
    })
}
