//! Edits of what stands around a query: sessions, incremental kinds, hints, and models that become CTEs.

use super::around;
use super::beside::{AFTER, BODIES, SETTINGS, TWICE, is_alone};
use super::edit::Desk;
use super::grow::HINTS;
use super::ir::*;
use super::ops::FORMS;
use super::plant::{self, MATCHED};
use super::walk;

/// One of two makers, and the other where the first finds nothing.
fn either(desk: &mut Desk<'_>, one: fn(&mut Desk<'_>) -> bool, other: fn(&mut Desk<'_>) -> bool) -> bool {
    match desk.choices.chance(50) {
        true => one(desk) || other(desk),
        false => other(desk) || one(desk),
    }
}

pub(crate) fn format(desk: &mut Desk<'_>) -> bool {
    either(desk, around::reformat, around::requote)
}

pub(crate) fn rename_inside(desk: &mut Desk<'_>) -> bool {
    either(desk, around::rename_cte, around::rename_alias)
}

pub(crate) fn cte_or_subquery(desk: &mut Desk<'_>) -> bool {
    either(desk, around::inline_cte, around::extract_cte)
}

pub(crate) fn session(desk: &mut Desk<'_>) -> bool {
    either(desk, statement, setting)
}

/// A statement before the model's own, or after it.
fn statement(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&|model| model.kind == Kind::Full, &mut |model, choices| {
        let beside = &mut model.beside;
        let (place, list) = match choices.chance(75) {
            true => (&mut beside.setting, SETTINGS),
            false => (&mut beside.after, AFTER),
        };
        *place = if place.is_some() { None } else { Some(choices.one(list)) };
        true
    })
}

/// A setting of every session, in `config.yaml`.
fn setting(desk: &mut Desk<'_>) -> bool {
    let (settings, choices) = (&mut desk.project.settings, &mut *desk.choices);
    match choices.below(3) {
        0 => settings.division = if settings.division == "false" { "true" } else { "false" },
        _ => {
            let zones = ["UTC", "America/New_York", "Asia/Tokyo"];
            settings.zone = choices.one(&zones.into_iter().filter(|zone| *zone != settings.zone).collect::<Vec<_>>());
        }
    }
    true
}

/// A macro or a table that lives in the model's session: made, changed, or no longer used.
pub(crate) fn session_objects(desk: &mut Desk<'_>) -> bool {
    either(desk, macro_of_session, table_of_session)
}

fn macro_of_session(desk: &mut Desk<'_>) -> bool {
    let fits = |model: &Model| model.kind == Kind::Full && top_values(&mut model.clone()) > 0;
    desk.change_model(&fits, &mut |model, choices| {
        if let Some(body) = model.beside.twice {
            if choices.chance(50) {
                model.beside.twice = None;
                walk::expressions(&mut model.query, &mut |value| {
                    if let Expr::Call { op, parts } = value
                        && *op == &TWICE
                    {
                        *value = parts[0].clone();
                    }
                });
                return true;
            }
            let others: Vec<&'static str> = BODIES.iter().copied().filter(|other| *other != body).collect();
            model.beside.twice = Some(choices.one(&others));
            return true;
        }
        let chosen = choices.below(top_values(model));
        let mut place = 0;
        each_top_value(model, &mut |value| {
            if place == chosen {
                *value = Expr::Call { op: &TWICE, parts: vec![value.clone()] };
            }
            place += 1;
        });
        model.beside.twice = Some(choices.one(BODIES));
        true
    })
}

/// The numbers that the outermost SELECT shows as they are.
fn each_top_value(model: &mut Model, act: &mut dyn FnMut(&mut Expr)) {
    let Body::Select(select) = &mut model.query.body else { return };
    if select.group.form != GroupForm::None {
        return;
    }
    for item in &mut select.items {
        match item {
            Item::Value { value, alias: Some(_) } if value.data() == N && matches!(value, Expr::Column { .. }) => {
                act(value);
            }
            _ => {}
        }
    }
}

fn top_values(model: &mut Model) -> usize {
    let mut count = 0;
    each_top_value(model, &mut |_| count += 1);
    count
}

fn table_of_session(desk: &mut Desk<'_>) -> bool {
    let has = |model: &Model| {
        let mut has = false;
        walk::inputs(&mut model.query.clone(), &mut |input| has |= may_be_held(input));
        has && model.kind == Kind::Full
    };
    desk.change_model(&has, &mut |model, choices| {
        let mut places = 0;
        walk::inputs(&mut model.query, &mut |input| places += usize::from(may_be_held(input)));
        let (chosen, mut place) = (choices.below(places), 0);
        walk::inputs(&mut model.query, &mut |input| {
            if !may_be_held(input) {
                return;
            }
            if place == chosen {
                hold(input);
            }
            place += 1;
        });
        true
    })
}

fn may_be_held(input: &Input) -> bool {
    matches!(input.relation, Relation::Over { .. } | Relation::Table(_))
}

fn hold(input: &mut Input) {
    let name = input.name().to_owned();
    input.relation = match &input.relation {
        Relation::Over { form, table, held: Held::Session } => {
            Relation::Over { form, table: table.clone(), held: Held::Here }
        }
        Relation::Over { form, table, held: Held::Here } => {
            Relation::Over { form, table: table.clone(), held: Held::Session }
        }
        Relation::Table(table) => Relation::Over { form: &FORMS[1], table: table.clone(), held: Held::Session },
        other => other.clone(),
    };
    input.alias = Some(name);
}

/// The start, the time column or the key of an incremental model.
pub(crate) fn incremental(desk: &mut Desk<'_>) -> bool {
    if desk.choices.chance(40) && around::start(desk) {
        return true;
    }
    let is_incremental = |model: &Model| matches!(model.kind, Kind::TimeRange { .. } | Kind::UniqueKey { .. });
    let Some(name) = desk.some_model(&is_incremental) else { return false };
    let columns = desk.shapes.table(&name);
    let Some(model) = desk.project.models.get_mut(&name) else { return false };
    match &mut model.kind {
        Kind::TimeRange { column, .. } => {
            let others: Vec<&Column> = columns.iter().filter(|other| other.data == D && !other.is(column)).collect();
            let Some(other) = desk.choices.pick(&others) else { return false };
            column.clone_from(&other.name);
        }
        Kind::UniqueKey { matched, daily: true, .. } if desk.choices.chance(60) => {
            let others: Vec<&'static str> = MATCHED.iter().copied().filter(|other| Some(*other) != *matched).collect();
            *matched =
                if matched.is_some() && desk.choices.chance(25) { None } else { Some(desk.choices.one(&others)) };
        }
        Kind::UniqueKey { key, matched, .. } => {
            // What `when_matched` names must not be a key.
            *matched = None;
            *key = match key.split_once(", ") {
                Some((first, _)) => first.to_owned(),
                None => format!("{key}, {}", desk.choices.one(&["v0", "v1", "v2"])),
            };
        }
        _ => return false,
    }
    true
}

/// Whether a CTE is to be stored.
pub(crate) fn hint(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&|model| !model.query.ctes.is_empty(), &mut |model, choices| {
        let place = choices.below(model.query.ctes.len());
        model.query.ctes[place].hint = choices.one(HINTS);
        true
    })
}

pub(crate) fn cte_without_effect(desk: &mut Desk<'_>) -> bool {
    either(desk, around::unused_cte, hint)
}

/// A model that one other reads becomes its first CTE.
pub(crate) fn model_to_cte(desk: &mut Desk<'_>) -> bool {
    let movable = |model: &Model| matches!(model.kind, Kind::Full | Kind::View | Kind::Embedded);
    let readers = |desk: &Desk<'_>, name: &String| -> Vec<String> {
        let reads = |model: &&Model| walk::reads(model).contains(name);
        desk.project.models.iter().filter(|(_, model)| reads(model)).map(|(reader, _)| reader.clone()).collect()
    };
    let fits: Vec<(String, String)> = desk
        .names()
        .into_iter()
        .filter(|name| movable(&desk.project.models[name]) && !is_alone(&desk.project.models[name]))
        .filter_map(|name| match readers(desk, &name).as_slice() {
            [only] if movable(&desk.project.models[only]) => Some((name, only.clone())),
            _ => None,
        })
        .collect();
    let Some((name, reader)) = desk.choices.pick(&fits).cloned() else { return false };
    let Some(model) = desk.project.models.remove(&name) else { return false };
    let Some(reader) = desk.project.models.get_mut(&reader) else { return false };
    let cte = format!("moved{}", plant::number(&name));
    reader.depends_on.retain(|parent| *parent != name);
    walk::inputs(&mut reader.query, &mut |input| {
        if input.relation == Relation::Table(name.clone()) {
            input.alias = Some(input.name().to_owned());
            input.relation = Relation::Cte(cte.clone());
        }
    });
    reader.query.ctes.insert(0, Cte { name: cte, query: model.query, hint: "" });
    true
}
