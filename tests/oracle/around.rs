//! Edits around queries: names, CTEs, kinds, properties, seeds, whole models.

use super::edit::{Desk, tables_before};
use super::grow::{Grow, NAMES};
use super::ir::*;
use super::kinds::{EDITS, Make};
use super::plant;
use super::shape::Ctes;
use super::walk;

pub(crate) fn top(model: &mut Model) -> Option<&mut Select> {
    match &mut model.query.body {
        Body::Select(select) if !matches!(model.kind, Kind::Seed(_)) => Some(select),
        _ => None,
    }
}

fn has_alias(model: &Model) -> bool {
    let mut model = model.clone();
    top(&mut model)
        .is_some_and(|select| select.items.iter().any(|item| matches!(item, Item::Value { alias: Some(_), .. })))
}

fn change_alias(desk: &mut Desk<'_>, act: &mut dyn FnMut(&str, &mut super::random::Choices) -> String) -> bool {
    let Some(name) = desk.some_model(&has_alias) else { return false };
    let mut renamed = None;
    if let Some(select) = desk.project.models.get_mut(&name).and_then(top) {
        let places: Vec<usize> = (0..select.items.len())
            .filter(|place| matches!(select.items[*place], Item::Value { alias: Some(_), .. }))
            .collect();
        let place = desk.choices.one(&places);
        if let Item::Value { alias: Some(alias), .. } = &mut select.items[place] {
            let new = act(alias, desk.choices);
            renamed = Some((alias.clone(), new.clone()));
            *alias = new;
        }
    }
    let Some((old, new)) = renamed else { return false };
    if let Some(Model { kind: Kind::TimeRange { column, .. } | Kind::UniqueKey { key: column, .. }, .. }) =
        desk.project.models.get_mut(&name)
        && *column == old
    {
        column.clone_from(&new);
    }
    desk.rename_in_readers(&name, &old, &new);
    true
}

pub(crate) fn rename_column(desk: &mut Desk<'_>) -> bool {
    change_alias(desk, &mut |_, choices| choices.one(NAMES).to_owned())
}

pub(crate) fn rename_case(desk: &mut Desk<'_>) -> bool {
    change_alias(desk, &mut |old, _| {
        let lower = old.to_lowercase();
        if old == lower { old.to_uppercase() } else { lower }
    })
}

pub(crate) fn cast_column(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&has_alias, &mut |model, choices| {
        let Some(select) = top(model) else { return false };
        let casts: [&'static Op; 3] = [&TO_BIG, &TO_DECIMAL, &TO_DOUBLE];
        let place = choices.below(select.items.len());
        match &mut select.items[place] {
            Item::Value { value, .. } if value.data() == N => {
                *value = Expr::Call { op: choices.one(&casts), parts: vec![value.clone()] };
                true
            }
            _ => false,
        }
    })
}

static TO_BIG: Op = Op { text: "({0})::BIGINT", takes: &[N], gives: N };
static TO_DECIMAL: Op = Op { text: "CAST({0} AS DECIMAL(12, 1))", takes: &[N], gives: N };
static TO_DOUBLE: Op = Op { text: "({0})::DOUBLE", takes: &[N], gives: N };

fn with_ctes(model: &Model) -> bool {
    !model.query.ctes.is_empty()
}

pub(crate) fn rename_cte(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&with_ctes, &mut |model, choices| {
        let old = choices.one(&model.query.ctes).name;
        let new = choices.one(&["base", "x", "m1", "raw_t", "u", "w"]).to_owned();
        if model.query.ctes.iter().any(|cte| cte.name == new) {
            return false;
        }
        model.query.ctes.iter_mut().filter(|cte| cte.name == old).for_each(|cte| cte.name.clone_from(&new));
        walk::inputs(&mut model.query, &mut |input| {
            if input.relation == Relation::Cte(old.clone()) {
                input.alias = Some(input.name().to_owned());
                input.relation = Relation::Cte(new.clone());
            }
        });
        true
    })
}

/// An input gets another alias, and what names it follows.
pub(crate) fn rename_alias(desk: &mut Desk<'_>) -> bool {
    desk.change_select(&|select| !select.from.is_empty(), &mut |select, grow, _| {
        let place = grow.choices.below(select.from.len());
        let old = select.from[place].name().to_owned();
        let new = grow.choices.one(&["q", "z", "y", "src2"]).to_owned();
        // A whole row under the name of a column would be that column.
        let is_taken = NAMES.contains(&new.as_str()) && has_whole_row(select, &old);
        if is_taken || select.from.iter().any(|input| input.name() == new) {
            return;
        }
        select.from[place].alias = Some(new.clone());
        for item in &mut select.items {
            if let Item::Star { input: Some(input), .. } = item
                && *input == old
            {
                input.clone_from(&new);
            }
        }
        let mut follow = |value: &mut Expr| match value {
            Expr::Column { input: Some(input), .. } | Expr::Row(input, _) if *input == old => input.clone_from(&new),
            _ => {}
        };
        walk::own_expressions(select, &mut |value| {
            follow(value);
            if let Expr::Query { query, .. } = value {
                walk::selects(query, &mut |inner| {
                    if !inner.from.iter().any(|input| input.name() == old) {
                        walk::own_expressions(inner, &mut follow);
                    }
                });
            }
        });
    })
}

/// Whether a select has the whole row of an input as a value, also in a query inside.
fn has_whole_row(select: &Select, of: &str) -> bool {
    let (mut select, mut found) = (select.clone(), false);
    let mut look = |value: &mut Expr| found |= matches!(value, Expr::Row(input, _) if input == of);
    walk::own_expressions(&mut select, &mut |value| {
        look(value);
        if let Expr::Query { query, .. } = value {
            walk::selects(query, &mut |inner| walk::own_expressions(inner, &mut look));
        }
    });
    found
}

pub(crate) fn inline_cte(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&with_ctes, &mut |model, _| {
        let Some(cte) = model.query.ctes.first().cloned() else { return false };
        let mut itself = false;
        walk::inputs(&mut cte.query.clone(), &mut |input| itself |= input.relation == Relation::Cte(cte.name.clone()));
        if itself {
            return false;
        }
        model.query.ctes.remove(0);
        walk::inputs(&mut model.query, &mut |input| {
            if input.relation == Relation::Cte(cte.name.clone()) {
                input.alias = Some(input.name().to_owned());
                input.relation = Relation::Query(Box::new(cte.query.clone()));
            }
        });
        true
    })
}

pub(crate) fn extract_cte(desk: &mut Desk<'_>) -> bool {
    let has_subquery = |model: &Model| {
        let mut model = model.clone();
        top(&mut model)
            .is_some_and(|select| select.from.iter().any(|input| matches!(input.relation, Relation::Query(_))))
    };
    desk.change_model(&has_subquery, &mut |model, _| {
        let number = model.query.ctes.len();
        let name = format!("part{number}");
        let Some(select) = top(model) else { return false };
        let mut found = None;
        for input in &mut select.from {
            if let (Relation::Query(query), None) = (&input.relation, &found) {
                found = Some(query.as_ref().clone());
                input.relation = Relation::Cte(name.clone());
            }
        }
        model.query.ctes.extend(found.map(|query| Cte { name, query, hint: "" }));
        true
    })
}

/// A first CTE becomes a model of its own, which must not change what its old place shows.
pub(crate) fn cte_to_model(desk: &mut Desk<'_>) -> bool {
    let Some(name) = desk.some_model(&|model| with_ctes(model) && matches!(model.kind, Kind::Full | Kind::View)) else {
        return false;
    };
    let number = plant::number(&name);
    let fresh = format!("s.part{}", number.saturating_sub(1));
    if desk.project.models.contains_key(&fresh) || number < 2 {
        return false;
    }
    let Some(model) = desk.project.models.get_mut(&name) else { return false };
    let cte = model.query.ctes.remove(0);
    walk::inputs(&mut model.query, &mut |input| {
        if input.relation == Relation::Cte(cte.name.clone()) {
            input.alias = Some(input.name().to_owned());
            input.relation = Relation::Table(fresh.clone());
        }
    });
    let part = Model { query: cte.query, tape: Vec::new(), kind: Kind::Full, ..model.clone() };
    desk.project.models.insert(fresh, part);
    true
}

pub(crate) fn unused_cte(desk: &mut Desk<'_>) -> bool {
    let Some(name) = desk.some_model(&|model| !matches!(model.kind, Kind::Seed(_))) else { return false };
    let tables = tables_before(desk.project, &name);
    let query = Grow { choices: desk.choices, shapes: &desk.shapes, tables: &tables, draws: desk.project.draws }
        .query(0, &Ctes::new());
    let Some(model) = desk.project.models.get_mut(&name) else { return false };
    let cte = format!("unused{}", model.query.ctes.len());
    model.query.ctes.push(Cte { name: cte, query, hint: "" });
    true
}

fn has_query(model: &Model) -> bool {
    !matches!(model.kind, Kind::Seed(_))
}

pub(crate) fn reformat(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&has_query, &mut |model, choices| {
        match choices.below(3) {
            0 => {
                let notes = ["note", "/* inside */ out", "it's; one --", "+ hint", "$$"];
                model.style.comment = Some(format!("{} {}", choices.one(&notes), choices.below(100)));
            }
            1 => model.style.breaks = !model.style.breaks,
            _ => model.style.lower = !model.style.lower,
        }
        true
    })
}

pub(crate) fn requote(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&has_query, &mut |model, choices| {
        match choices.below(3) {
            2 => model.style.glued = !model.style.glued,
            0 => model.style.parentheses = !model.style.parentheses,
            _ => model.style.quotes = !model.style.quotes,
        }
        true
    })
}

pub(crate) fn kind(desk: &mut Desk<'_>) -> bool {
    let fits = |model: &Model| matches!(model.kind, Kind::Full | Kind::View | Kind::Embedded);
    // Declared types are those of a table alone, and what has no type gets one there.
    let is_untyped = |item: &Item| matches!(item, Item::Value { value, .. } if walk::is_untyped(value));
    let shows_untyped =
        |model: &Model| matches!(&model.query.body, Body::Select(select) if select.items.iter().any(is_untyped));
    let telling = |model: &Model| fits(model) && (!model.types.is_empty() || shows_untyped(model));
    let is_telling = desk.choices.chance(50) && desk.project.models.values().any(telling);
    let fits: &dyn Fn(&Model) -> bool = if is_telling { &telling } else { &fits };
    desk.change_model(fits, &mut |model, choices| {
        let others: Vec<Kind> =
            [Kind::Full, Kind::View, Kind::Embedded].into_iter().filter(|kind| *kind != model.kind).collect();
        model.kind = choices.one(&others);
        true
    })
}

pub(crate) fn start(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&|model| matches!(model.kind, Kind::TimeRange { .. }), &mut |model, choices| {
        if let Kind::TimeRange { start, .. } = &mut model.kind {
            *start = (*start + 1 + choices.below(2) as u32) % 4;
        }
        true
    })
}

pub(crate) fn declare_type(desk: &mut Desk<'_>) -> bool {
    let Some(name) = desk.some_model(&|model| has_query(model)) else { return false };
    let columns: Vec<Column> = desk.shapes.table(&name).into_iter().filter(|column| column.data == N).collect();
    let Some(column) = desk.choices.pick(&columns).cloned() else { return false };
    let data = desk.choices.one(&["BIGINT", "DOUBLE", "VARCHAR", "DECIMAL(18,3)"]).to_owned();
    let all = desk.shapes.table(&name);
    // What has no alias is named by the engine.
    if all.iter().any(|column| column.name == "unnamed") {
        return false;
    }
    let Some(model) = desk.project.models.get_mut(&name) else { return false };
    match model.types.is_empty() {
        // `columns` lists every column, or readers would not see the rest.
        true => {
            let typed = all.iter().map(|known| {
                (known.name.clone(), if *known == column { data.clone() } else { default_type(known.data) })
            });
            model.types = typed.collect();
        }
        false => model.types.clear(),
    }
    true
}

fn default_type(data: Type) -> String {
    match data {
        N => "DOUBLE",
        T => "VARCHAR",
        D => "DATE",
        B => "BOOLEAN",
        L => "DOUBLE[]",
        S => "STRUCT(p DOUBLE, q VARCHAR)",
    }
    .to_owned()
}

pub(crate) fn metadata(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&|_| true, &mut |model, choices| {
        let values = [
            ("owner", "'ana'"),
            ("owner", "'ben'"),
            ("description", "'what it is'"),
            ("cron", "'@hourly'"),
            ("cron", "'@daily'"),
            ("tags", "('a', 'b')"),
        ];
        let (key, value) = choices.one(&values);
        if key == "cron" && matches!(model.kind, Kind::TimeRange { .. }) {
            return false;
        }
        model.metadata.insert(key.to_owned(), value.to_owned()).as_deref() != Some(value)
    })
}

pub(crate) fn stamp(desk: &mut Desk<'_>) -> bool {
    desk.change_model(&has_query, &mut |model, choices| {
        model.stamp = Some(format!("{}", choices.below(20)));
        true
    })
}

pub(crate) fn depends_on(desk: &mut Desk<'_>) -> bool {
    let Some(name) = desk.some_model(&has_query) else { return false };
    let before: Vec<String> =
        tables_before(desk.project, &name).into_iter().filter(|name| desk.project.models.contains_key(name)).collect();
    let Some(parent) = desk.choices.pick(&before).cloned() else { return false };
    let Some(model) = desk.project.models.get_mut(&name) else { return false };
    match model.depends_on.is_empty() {
        true => model.depends_on.push(parent),
        false => model.depends_on.clear(),
    }
    true
}

fn change_seed(desk: &mut Desk<'_>, act: &mut dyn FnMut(&mut Seed, &mut super::random::Choices) -> bool) -> bool {
    desk.change_model(&|model| matches!(model.kind, Kind::Seed(_)), &mut |model, choices| match &mut model.kind {
        Kind::Seed(seed) => act(seed, choices),
        _ => false,
    })
}

pub(crate) fn seed_cell(desk: &mut Desk<'_>) -> bool {
    change_seed(desk, &mut |seed, choices| {
        let (row, column) = (choices.below(seed.rows.len()), choices.below(seed.columns.len()));
        let cell = plant::cell(choices, &seed.columns[column].1);
        std::mem::replace(&mut seed.rows[row][column], cell.clone()) != cell
    })
}

pub(crate) fn seed_rows(desk: &mut Desk<'_>) -> bool {
    change_seed(desk, &mut |seed, choices| {
        let place = choices.below(seed.rows.len());
        match choices.below(3) {
            0 if seed.rows.len() > 2 => drop(seed.rows.remove(place)),
            1 => seed.rows.swap(0, place),
            _ => seed.rows.push(seed.rows[place].clone()),
        }
        true
    })
}

pub(crate) fn seed_column(desk: &mut Desk<'_>) -> bool {
    change_seed(desk, &mut |seed, choices| {
        let names: Vec<&str> = NAMES
            .iter()
            .copied()
            .filter(|name| !seed.columns.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)))
            .collect();
        let Some(name) = choices.pick(&names).map(|name| (*name).to_owned()) else { return false };
        let data = choices.one(&["INTEGER", "TEXT", "DATE"]);
        let place = choices.below(seed.columns.len() + 1);
        seed.columns.insert(place, (name, data.to_owned()));
        seed.rows.iter_mut().for_each(|row| row.insert(place, plant::cell(choices, data)));
        true
    })
}

pub(crate) fn add_model(desk: &mut Desk<'_>) -> bool {
    let number = desk.project.models.keys().map(|name| plant::number(name)).max().unwrap_or(0);
    if desk.project.models.len() > 45 {
        return false;
    }
    let name = format!("mart.m{number}");
    let twins: Vec<Model> =
        desk.project.models.values().filter(|model| !matches!(model.kind, Kind::Seed(_))).cloned().collect();
    let model = match desk.choices.pick(&twins).cloned() {
        // The same model under another name.
        Some(twin) if desk.choices.chance(15) => Model { tape: Vec::new(), ..twin },
        _ => plant::model(desk.choices.number(), Vec::new(), desk.project, &name),
    };
    desk.touched = Some(name.clone());
    desk.project.models.insert(name, model).is_none()
}

pub(crate) fn drop_model(desk: &mut Desk<'_>) -> bool {
    let read: Vec<String> = desk.project.models.values().flat_map(walk::reads).collect();
    let leaves: Vec<String> = desk.names().into_iter().filter(|name| !read.contains(name)).collect();
    if desk.project.models.len() < 5 {
        return false;
    }
    let Some(name) = desk.choices.pick(&leaves) else { return false };
    desk.project.models.remove(name).is_some()
}

pub(crate) fn rename_model(desk: &mut Desk<'_>) -> bool {
    let Some(old) = desk.some_model(&|_| true) else { return false };
    let (schema, table) = old.split_once('.').unwrap_or(("s", &old));
    let schema = if schema == "s" { "mart" } else { "s" };
    let new = format!("{schema}.{table}");
    if desk.project.models.contains_key(&new) {
        return false;
    }
    let Some(model) = desk.project.models.remove(&old) else { return false };
    desk.project.models.insert(new.clone(), model);
    for model in desk.project.models.values_mut() {
        model.depends_on.iter_mut().filter(|name| **name == old).for_each(|name| name.clone_from(&new));
        walk::inputs(&mut model.query, &mut |input| match &mut input.relation {
            Relation::Table(name) | Relation::Over { table: name, .. } if *name == old => name.clone_from(&new),
            _ => {}
        });
    }
    true
}

/// One recorded choice is flipped and the model grown again: an edit that nobody lists.
pub(crate) fn flip(desk: &mut Desk<'_>) -> bool {
    let Some(name) = desk.some_model(&|model| !model.tape.is_empty()) else { return false };
    let Some(model) = desk.project.models.get(&name) else { return false };
    let mut tape = model.tape.clone();
    let place = desk.choices.below(tape.len());
    tape[place] = desk.choices.number() as u32;
    let fresh = plant::model(desk.choices.number(), tape, desk.project, &name);
    let changed = fresh.query != model.query || fresh.kind != model.kind;
    desk.project.models.insert(name, fresh);
    changed
}

pub(crate) fn two(desk: &mut Desk<'_>) -> bool {
    let simple: Vec<fn(&mut Desk<'_>) -> bool> = EDITS[..40]
        .iter()
        .filter_map(|edit| match edit.make {
            Make::Desk(make) => Some(make),
            Make::Scene(_) => None,
        })
        .collect();
    let (one, other) = (desk.choices.one(&simple), desk.choices.one(&simple));
    if !one(desk) {
        return false;
    }
    desk.shapes = super::shape::Shapes::of(desk.project);
    other(desk)
}
