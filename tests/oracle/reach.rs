//! What an edit reaches, by construction: the generator wrote the reads, so it knows rows and columns of every model
//! without reading SQL. Written apart from the program's analysis and checked against the data: equal marks over equal
//! sources must show equal rows.

use std::collections::BTreeMap;

use offshoot::hash::{Digest, Hasher};

use super::beside::{Settings, is_alone};
use super::ir::*;
use super::reach_query::Reach;
use super::shape::{EXTERNALS, order};
use super::walk::{draws_rows, is_draw, is_untyped};

/// Rows and columns of a query or model as marks that move when it is reached.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) rows: Digest,
    pub(crate) columns: Vec<(String, Digest)>,
    /// Of the stored table: order and draws too.
    pub(crate) table: Digest,
    pub(crate) drawn: bool,
    /// How the tables lie that it reads, for what depends on the order of their rows.
    pub(crate) storage: Digest,
    /// Whether it is a view of something that does.
    pub(crate) loose: bool,
}

pub(crate) type Marks = BTreeMap<String, Mark>;

/// The marks of every model of a project.
pub(crate) fn marks(project: &Project) -> Marks {
    let mut marks = Marks::new();
    for (name, columns) in EXTERNALS {
        let rows = Digest::of("external", name);
        let column = |column: &&str| ((*column).to_owned(), Hasher::new("external").text(name).text(column).finish());
        let columns = columns.iter().map(|(name, ..)| column(name)).collect();
        marks
            .insert((*name).to_owned(), Mark { rows, columns, table: rows, drawn: false, storage: rows, loose: false });
    }
    for name in order(project) {
        let mark = model((&name, project.settings), &project.models[&name], &marks);
        marks.insert(name, mark);
    }
    marks
}

pub(crate) fn text(tag: &str, parts: impl IntoIterator<Item = Digest>) -> Digest {
    Hasher::new(tag).digests(parts).finish()
}

fn model((name, settings): (&str, Settings), model: &Model, models: &Marks) -> Mark {
    let mut mark = match &model.kind {
        Kind::Seed(seed) => seed_mark(seed),
        _ => Reach { models }.query(&model.query, &Vec::new(), None, true),
    };
    for (column, data) in &model.types {
        let hits = mark.columns.iter_mut().filter(|(known, _)| known.eq_ignore_ascii_case(column));
        hits.for_each(|(_, digest)| *digest = Hasher::new("typed").digest(*digest).text(data).finish());
    }
    let column = |wanted: &str| {
        mark.columns.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted)).map(|(_, digest)| *digest)
    };
    let mut rows = Hasher::new("model")
        .text(&format!("{settings:?}"))
        .digest(mark.rows)
        .option(model.stamp.as_deref())
        .text(&format!("{:?}", model.beside));
    match &model.kind {
        Kind::TimeRange { column: day, start } => {
            rows = rows.text(day).option_digest(column(day)).number(u64::from(*start));
        }
        Kind::UniqueKey { key, daily, matched } => {
            rows = rows.text(&format!("key {daily} {matched:?}"));
            if matched.is_some() {
                rows = rows.digests(mark.columns.iter().map(|(_, digest)| *digest));
            }
            for part in key.split(", ") {
                rows = rows.option_digest(column(part));
            }
        }
        Kind::Seed(_) => rows = rows.text("seed"),
        kind if kind_matters(model, &mark) => rows = rows.text(&format!("{kind:?}")),
        _ => {}
    }
    let (draws, mut loose) = deep(&model.query);
    mark.drawn |= draws;
    let parents: Vec<&Mark> = super::walk::reads(model).iter().filter_map(|name| models.get(name)).collect();
    loose |= parents.iter().any(|parent| parent.loose);
    if loose {
        rows = rows.text("loose").digests(parents.iter().map(|parent| parent.storage));
    }
    for parent in &model.depends_on {
        if let Some(parent) = models.get(parent) {
            rows = rows.digest(parent.table);
        }
    }
    mark.rows = rows.finish();
    let mut table = Hasher::new(name).digest(mark.rows).text(&format!("{:?}", std::mem::discriminant(&model.kind)));
    for (name, digest) in &mark.columns {
        table = table.text(name).digest(*digest);
    }
    if model.kind.is_stored() {
        table = table.text(&format!("{:?}", written(&model.query, &mark)));
    }
    mark.table = table.finish();
    mark.loose = loose && !model.kind.is_stored();
    mark.storage = match model.kind.is_stored() {
        true => mark.table,
        false => Hasher::new("view").digest(mark.table).digests(parents.iter().map(|parent| parent.storage)).finish(),
    };
    if mark.drawn && model.kind.is_stored() {
        mark.drawn = false;
        mark.rows = text("bound", [mark.table]);
        mark.columns
            .iter_mut()
            .for_each(|(name, digest)| *digest = Hasher::new("bound").digest(mark.table).text(name).finish());
    }
    mark
}

/// Whether anything in a query is drawn, and whether anything depends on the order of rows.
fn deep(query: &Query) -> (bool, bool) {
    let (mut draws, mut loose) = (false, false);
    super::walk::expressions(&mut query.clone(), &mut |value| {
        draws |= is_draw(value);
        loose |= is_draw(value) && !matches!(value, Expr::Draw(text, _) if !text.contains("OVER"));
    });
    super::walk::queries(&mut query.clone(), &mut |query| loose |= draws_rows(query));
    (draws || loose, loose)
}

/// The order in which a table is written, where nothing depends on it.
fn written(query: &Query, mark: &Mark) -> Option<String> {
    match &query.order {
        Order::Total { rotate, descending, by } if query.limit.is_none() => {
            let rotate = if *by == OrderBy::All { 0 } else { rotate % mark.columns.len().max(1) };
            Some(format!("{rotate} {descending} {:?} {:?}", *by == OrderBy::All, mark.columns))
        }
        _ => None,
    }
}

fn seed_mark(seed: &Seed) -> Mark {
    let rows = Hasher::new("seed").number(seed.rows.len() as u64).finish();
    let column = |(place, (name, data)): (usize, &(String, String))| {
        let cells = seed.rows.iter().fold(Hasher::new(data), |hasher, row| hasher.option(row[place].as_deref()));
        (name.clone(), cells.finish())
    };
    Mark {
        rows,
        columns: seed.columns.iter().enumerate().map(column).collect(),
        table: rows,
        drawn: false,
        storage: rows,
        loose: false,
    }
}

/// Whether FULL, VIEW and EMBEDDED hold different things.
fn kind_matters(model: &Model, mark: &Mark) -> bool {
    let mut query = model.query.clone();
    let mut untyped = false;
    super::walk::expressions(&mut query, &mut |value| untyped |= is_untyped(value));
    let ordered = model.query.order != Order::None && model.query.limit.is_none();
    untyped || mark.drawn || ordered || !model.types.is_empty() || is_alone(model)
}
