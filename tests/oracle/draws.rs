//! Edits of what is drawn when a table is filled, and of what reads it.

use std::collections::BTreeMap;

use super::around::top;
use super::clauses::is_plain;
use super::edit::Desk;
use super::grow::DRAWS;
use super::ir::*;

pub(crate) fn draw(desk: &mut Desk<'_>) -> bool {
    desk.project.draws && (desk.choices.chance(50) && show_drawn(desk) || draw_or_not(desk))
}

/// A table shows what another one has drawn: only by its readers is it seen that a drawing table was made again.
fn show_drawn(desk: &mut Desk<'_>) -> bool {
    let drawn: BTreeMap<String, Vec<Column>> =
        desk.project.models.iter().map(|(name, model)| (name.clone(), drawn_columns(model))).collect();
    let shown = |model: &Model| -> Vec<Expr> {
        let Body::Select(select) = &model.query.body else { return Vec::new() };
        if model.kind != Kind::Full || !is_plain(select) {
            return Vec::new();
        }
        let of = |input: &Input| match &input.relation {
            Relation::Table(table) if !input.is_hidden() && input.columns.is_empty() => {
                let columns = drawn.get(table).into_iter().flatten();
                columns.map(|column| Expr::column(input.name(), column)).collect()
            }
            _ => Vec::new(),
        };
        select.from.iter().flat_map(of).collect()
    };
    desk.change_model(&|model| !shown(model).is_empty(), &mut |model, choices| {
        let value = choices.one(&shown(model));
        let Some(select) = top(model) else { return false };
        select.items.push(Item::Value { value, alias: Some(format!("seen{}", select.items.len())) });
        true
    })
}

/// The columns of a table that are drawn as they stand.
fn drawn_columns(model: &Model) -> Vec<Column> {
    let Body::Select(select) = &model.query.body else { return Vec::new() };
    let column = |item: &Item| match item {
        Item::Value { value: Expr::Draw(_, data), alias: Some(alias) } => Some(Column::new(alias, *data)),
        _ => None,
    };
    let columns = select.items.iter().filter_map(column);
    if model.kind == Kind::Full { columns.collect() } else { Vec::new() }
}

fn draw_or_not(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&|model| matches!(model.kind, Kind::Full | Kind::View), &mut |model, choices| {
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
