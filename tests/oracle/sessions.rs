//! Edits of what stands around a query: sessions, incremental kinds, hints, and models that become CTEs.

use super::around;
use super::edit::Desk;
use super::grow::HINTS;
use super::ir::*;
use super::plant;
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
    either(desk, statement, zone)
}

/// A statement before the model's own.
fn statement(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&|model| model.kind == Kind::Full, &mut |model, choices| {
        let statements = ["SET TimeZone = 'Asia/Tokyo'", "SET integer_division = true"];
        model.before = match model.before {
            Some(_) => None,
            None => Some(choices.one(&statements).to_owned()),
        };
        true
    })
}

/// The time zone of every session, in `config.yaml`.
fn zone(desk: &mut Desk<'_>) -> bool {
    let zones: Vec<&'static str> =
        ["UTC", "America/New_York", "Asia/Tokyo"].into_iter().filter(|zone| *zone != desk.project.zone).collect();
    desk.project.zone = desk.choices.one(&zones);
    true
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
        Kind::UniqueKey { key } => {
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
        .filter(|name| movable(&desk.project.models[name]) && desk.project.models[name].before.is_none())
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
