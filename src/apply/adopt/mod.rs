//! Rows that another program has made under the names of models, such as SQLMesh before us: what of them is to go on in tables of
//! ours, because no query gives it again. Only reads; the rows are carried as those of production's own tables are (`carry`).

mod sqlmesh;

use std::collections::BTreeMap;

pub use self::sqlmesh::LoadedBySqlmesh;
use super::fault::FillError;
use super::fill::{count, counted};
use super::kinds::time_column;
use crate::engine::{EngineError, ObjectKind, Session, foreign_objects};
use crate::fingerprint::Tree;
use crate::ids::{ModelName, StateId, TableName};
use crate::model::{Kind, Model, Past, TimeRange};
use crate::naming::{Layout, view_name};
use crate::plan::{Adopted, KnownBy};
use crate::statement::{Target as Over, TimeColumn, quote_table, time_filter};
use crate::time::{Interval, IntervalUnit, Intervals, Timestamp};

/// Where rows are looked for, and what is known of them beside that.
#[derive(Clone, Copy)]
pub struct Before<'a> {
    /// The project.
    pub tree: &'a Tree,
    /// What stands under the names of models.
    pub standing: &'a BTreeMap<ModelName, Stands>,
    /// The catalog of names that state none.
    pub catalog: Option<&'a str>,
    /// SQLMesh's state.
    pub sqlmesh: &'a LoadedBySqlmesh,
    /// When it is looked at.
    pub now: Timestamp,
    /// What no other attempt has.
    pub attempt: &'a str,
}

/// A table or view of another program that stands under the name of a model's view.
#[derive(Clone, Debug)]
pub struct Stands {
    /// Its name.
    pub table: TableName,
    /// What it is.
    pub kind: ObjectKind,
    /// The engine's text of a view.
    pub definition: Option<String>,
}

/// Why rows cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// What the engine says.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// SQLMesh's state cannot be read as one.
    #[error("SQLMesh's state is none that can be read: {0}")]
    State(String),
    /// Of each model why.
    #[error("{}", told(.0))]
    Refused(Vec<(ModelName, String)>),
}

/// The tables and views of others that stand under the names of models' views; `shown` are the tables of ours that production
/// shows.
///
/// # Errors
/// What the engine says.
pub fn standing_under(
    session: &mut dyn Session,
    state: &StateId,
    (tree, layout): (&Tree, Layout<'_>),
    shown: &BTreeMap<&ModelName, &TableName>,
) -> Result<BTreeMap<ModelName, Stands>, EngineError> {
    let models = tree.models.values().filter(|model| model.kind.name().has_table());
    let views: Vec<(&ModelName, TableName)> =
        models.map(|model| (&model.name, view_name(&model.name, layout))).collect();
    let wanted: Vec<TableName> = views.iter().map(|(_, view)| view.clone()).collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let foreign = foreign_objects(session, state, &wanted)?;
    let dialect = session.dialect();
    let is_it = |view: &TableName, found: &TableName| {
        let same = |one: &str, other: &str| dialect.fold(one, true) == dialect.fold(other, true);
        same(&view.schema, &found.schema) && same(&view.name, &found.name) && view.catalog == found.catalog
    };
    let found = |(model, view): (&ModelName, TableName)| {
        let object = foreign.iter().find(|object| is_it(&view, &object.name))?;
        let (table, definition) = (object.name.clone(), object.definition.clone());
        // A view of ours that somebody wrote over still has the rows of our table, whatever it shows of them.
        let is_ours = shown.get(model).zip(definition.as_ref()).is_some_and(|(ours, text)| text.contains(&ours.name));
        (!is_ours).then(|| (model.clone(), Stands { table, kind: object.kind, definition }))
    };
    Ok(views.into_iter().filter_map(found).collect())
}

/// What the tables of models go on from whose rows are kept; nothing of those that have no rows yet.
///
/// # Errors
/// Nobody knows which ranges are in one, or the engine says no.
pub fn adopted(session: &mut dyn Session, before: Before<'_>) -> Result<BTreeMap<ModelName, Adopted>, AdoptError> {
    let (mut adopted, mut refused) = (BTreeMap::new(), Vec::new());
    for (model, stands) in before.with_rows(session)? {
        let name = &model.name;
        match before.one(session, (model, stands)) {
            Ok(one) => drop(adopted.insert(name.clone(), one)),
            Err(FillError::Engine(error)) => return Err(error.into()),
            Err(error) => refused.push((name.clone(), error.to_string())),
        }
    }
    if refused.is_empty() { Ok(adopted) } else { Err(AdoptError::Refused(refused)) }
}

/// Says no where rows stand under the name of a model whose rows no query gives again: they would be left behind.
///
/// # Errors
/// As it says, or the engine says no.
pub fn refuse_left(session: &mut dyn Session, before: Before<'_>) -> Result<(), AdoptError> {
    let left = before.with_rows(session)?.into_iter().map(|(model, stands)| {
        let why = format!("`{}` has rows, which go on by the first promote of a project alone", stands.table);
        (model.name.clone(), why)
    });
    let left: Vec<_> = left.collect();
    if left.is_empty() { Ok(()) } else { Err(AdoptError::Refused(left)) }
}

/// Whether it must be known what is loaded of a model, for its rows to go on.
pub fn must_know(model: &Model) -> bool {
    model.past() != Past::Recomputed && (matches!(model.kind, Kind::TimeRange(_)) || model.is_history_of_intervals())
}

impl<'a> Before<'a> {
    /// What has rows of the models whose rows are kept.
    fn with_rows(self, session: &mut dyn Session) -> Result<Vec<(&'a Model, &'a Stands)>, EngineError> {
        let mut found = Vec::new();
        for (name, stands) in self.standing {
            let model = self.tree.models.get(name).filter(|model| model.past() != Past::Recomputed);
            if let Some(model) = model
                && count(session, &stands.table)? > 0
            {
                found.push((model.as_ref(), stands));
            }
        }
        Ok(found)
    }

    fn one(self, session: &mut dyn Session, (model, stands): (&Model, &Stands)) -> Result<Adopted, FillError> {
        let table = &stands.table;
        let whole = Adopted {
            table: table.clone(),
            kind: model.kind.name(),
            loaded: Intervals::default(),
            known_by: KnownBy::Rows,
            laid: None,
            at: self.now,
            attempt: self.attempt.to_owned(),
        };
        let of_state = self.sqlmesh.of(stands, self.catalog);
        match &model.kind {
            Kind::TimeRange(range) => {
                let (loaded, known_by) = match of_state {
                    Some(loaded) => (loaded.clone(), KnownBy::State),
                    None => (self.by_rows(session, (model, table), range)?, KnownBy::Rows),
                };
                refuse_others(session, (model, table), range, &loaded)?;
                Ok(Adopted { loaded, known_by, ..whole })
            }
            _ if model.is_history_of_intervals() => match of_state.map(Intervals::ranges) {
                Some([all]) => Ok(Adopted { laid: Some(all.end), known_by: KnownBy::State, ..whole }),
                Some(_) => Err(FillError::History(format!(
                    "`{table}` lacks an interval between others, by SQLMesh's state, and what is laid goes on at its end alone; \
                     `sqlmesh run` loads it"
                ))),
                None => Err(FillError::History(format!(
                    "nobody knows up to which interval `{table}` is loaded; SQLMesh's state says it, where that is in the \
                     warehouse or in a `state_connection` of type `duckdb` or `postgres`, and is of this very table"
                ))),
            },
            _ => Ok(whole),
        }
    }

    /// From the unit of the first row to that of the last one: SQLMesh loads whole units, and one without rows between
    /// others looks as one that is loaded.
    fn by_rows(
        self,
        session: &mut dyn Session,
        (model, table): (&Model, &TableName),
        range: &TimeRange,
    ) -> Result<Intervals, FillError> {
        let columns = session.columns(table)?;
        let columns = columns.ok_or_else(|| FillError::TableGone(table.to_string()))?;
        let column = time_column(model, range, &columns)?;
        let unit = model.unit();
        let all = Interval { start: unit.floor(EARLIEST), end: unit.ceil(self.now) };
        let mut rows = Rows { session, table, column };
        let Some(first) = rows.first((all, unit))? else { return Ok(Intervals::default()) };
        let last = rows.last((Interval { start: first, ..all }, unit))?;
        // The rest of a unit that is not over comes with all of it, once it is.
        Ok(Interval::new(first, last.min(self.now)).map(Intervals::one).unwrap_or_default())
    }
}

/// Says no where rows are in no range that was loaded: they would not go on.
fn refuse_others(
    session: &mut dyn Session,
    (model, table): (&Model, &TableName),
    range: &TimeRange,
    loaded: &Intervals,
) -> Result<(), FillError> {
    let columns = session.columns(table)?;
    let columns = columns.ok_or_else(|| FillError::TableGone(table.to_string()))?;
    let column = time_column(model, range, &columns)?;
    let all = count(session, table)?;
    let dialect = session.dialect();
    let inside = loaded.ranges().iter().map(|range| time_filter(dialect, None, column, *range));
    // In one question: a column of days has the rows of a day in both of two ranges that meet within it.
    let inside = inside.collect::<Result<Vec<_>, _>>()?.into_iter().map(|filter| format!("({filter})"));
    let inside = inside.collect::<Vec<_>>().join(" OR ");
    let inside = match inside.is_empty() {
        true => 0,
        false => counted(session, &format!("SELECT count(*) FROM {} WHERE {inside}", quote_table(dialect, table)))?,
    };
    if inside == all {
        return Ok(());
    }
    Err(FillError::History(format!(
        "`{table}` has {all} rows, of which {inside} are in the ranges that were loaded by `time_column` and its format"
    )))
}

/// Rows of earlier times than that are in no range.
const EARLIEST: Timestamp = Timestamp(-2_208_988_800_000);

/// A table as it is asked by time. How a column holds its moments is for `statement` to know, which compares and does not read
/// them; so a beginning is looked for, by halves.
struct Rows<'a> {
    session: &'a mut dyn Session,
    table: &'a TableName,
    column: TimeColumn<'a>,
}

impl Rows<'_> {
    fn are_in(&mut self, interval: Option<Interval>) -> Result<bool, FillError> {
        interval.map_or(Ok(false), |interval| Ok(self.of(interval)? > 0))
    }

    fn of(&mut self, interval: Interval) -> Result<u64, FillError> {
        let over = Over { dialect: self.session.dialect(), table: self.table, columns: &[] };
        let sql = over.count_interval((self.table, &[]), self.column, interval)?;
        Ok(counted(self.session, &sql)?)
    }

    /// The beginning of the first unit that has rows.
    fn first(&mut self, (all, unit): (Interval, IntervalUnit)) -> Result<Option<Timestamp>, FillError> {
        if !self.are_in(Some(all))? {
            return Ok(None);
        }
        let (mut without, mut with) = (0, units(all, unit));
        while with - without > 1 {
            let middle = without + (with - without) / 2;
            let is_there = self.are_in(Interval::new(all.start, unit.forward(all.start, middle)))?;
            if is_there { with = middle } else { without = middle }
        }
        Ok(Some(unit.forward(all.start, with - 1)))
    }

    /// The end of the last unit that has rows, of which there is one.
    fn last(&mut self, (all, unit): (Interval, IntervalUnit)) -> Result<Timestamp, FillError> {
        let (mut with, mut without) = (0, units(all, unit));
        while without - with > 1 {
            let middle = with + (without - with) / 2;
            let is_there = self.are_in(Interval::new(unit.forward(all.start, middle), all.end))?;
            if is_there { with = middle } else { without = middle }
        }
        Ok(unit.forward(all.start, with + 1))
    }
}

fn units(all: Interval, unit: IntervalUnit) -> u32 {
    u32::try_from(all.units(unit)).unwrap_or(u32::MAX)
}

fn told(refused: &[(ModelName, String)]) -> String {
    let each: Vec<String> = refused.iter().map(|(model, why)| format!("`{model}`: {why}")).collect();
    each.join("; ")
}
