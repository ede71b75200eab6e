//! Rows that another program has made under the names of models, such as SQLMesh before us: what of them is to go on in tables of
//! ours, because no query gives it again. Only reads; the rows are carried as those of production's own tables are (`carry`).

mod sqlmesh;

use std::collections::{BTreeMap, BTreeSet};

pub use self::sqlmesh::LoadedBySqlmesh;
use super::fault::FillError;
use super::fill::{count, counted};
use super::kinds::time_column;
use crate::engine::{EngineError, Session, foreign_objects};
use crate::fingerprint::Tree;
use crate::graph::SelfReading;
use crate::ids::{ModelName, StateId, TableName};
use crate::model::{Kind, Model, Past, TimeRange};
use crate::naming::{Layout, view_name};
use crate::plan::Adopted;
use crate::statement::{Target as Over, TimeColumn};
use crate::time::{Interval, IntervalUnit, Intervals, Timestamp};

/// Where rows are looked for, and what is known of them beside that.
#[derive(Clone, Copy)]
pub struct Before<'a> {
    /// The project.
    pub tree: &'a Tree,
    /// The tables and views that stand under the names of models.
    pub standing: &'a BTreeMap<ModelName, TableName>,
    /// The catalog of names that state none.
    pub catalog: Option<&'a str>,
    /// SQLMesh's state.
    pub sqlmesh: &'a LoadedBySqlmesh,
    /// When it is looked at.
    pub now: Timestamp,
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

/// The tables and views of others that stand under the names of models' views, but for models of which something is shown.
///
/// # Errors
/// What the engine says.
pub fn standing_under(
    session: &mut dyn Session,
    state: &StateId,
    (tree, layout): (&Tree, Layout<'_>),
    shown: &BTreeSet<&ModelName>,
) -> Result<BTreeMap<ModelName, TableName>, EngineError> {
    let models = tree.models.values().filter(|model| model.kind.name().has_table() && !shown.contains(&model.name));
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
        foreign.iter().find(|object| is_it(&view, &object.name)).map(|object| (model.clone(), object.name.clone()))
    };
    Ok(views.into_iter().filter_map(found).collect())
}

/// What the tables of models go on from whose rows are kept; nothing of those that have no rows yet.
///
/// # Errors
/// Nobody knows which ranges are in one, or the engine says no.
pub fn adopted(session: &mut dyn Session, before: Before<'_>) -> Result<BTreeMap<ModelName, Adopted>, AdoptError> {
    let (mut adopted, mut refused) = (BTreeMap::new(), Vec::new());
    for (name, table) in before.standing {
        let Some(model) = before.tree.models.get(name).filter(|model| model.past() != Past::Recomputed) else {
            continue;
        };
        if count(session, table)? == 0 {
            continue;
        }
        let loaded = before.sqlmesh.of(table, before.catalog);
        match before.one(session, (model, table), loaded) {
            Ok(one) => drop(adopted.insert(name.clone(), one)),
            Err(FillError::Engine(error)) => return Err(error.into()),
            Err(error) => refused.push((name.clone(), error.to_string())),
        }
    }
    if refused.is_empty() { Ok(adopted) } else { Err(AdoptError::Refused(refused)) }
}

impl Before<'_> {
    fn one(
        self,
        session: &mut dyn Session,
        (model, table): (&Model, &TableName),
        loaded: Option<&Intervals>,
    ) -> Result<Adopted, FillError> {
        let whole = Adopted {
            table: table.clone(),
            kind: model.kind.name(),
            loaded: Intervals::default(),
            laid: None,
            at: self.now,
        };
        if let Kind::TimeRange(range) = &model.kind {
            let loaded = match loaded {
                Some(loaded) => loaded.clone(),
                None => self.by_rows(session, (model, table), range)?,
            };
            return Ok(Adopted { loaded, ..whole });
        }
        if !model.is_history_of_intervals() {
            return Ok(whole);
        }
        let laid = loaded.and_then(Intervals::end);
        if laid.is_none() && self.must_know(model) {
            return Err(FillError::History(format!("nobody knows up to which interval `{table}` is loaded")));
        }
        Ok(Adopted { laid, ..whole })
    }

    /// Whether an interval that is laid once more is another one in what comes of it.
    fn must_know(self, model: &Model) -> bool {
        let itself = self.tree.graph.node(&model.name).is_some_and(|node| node.itself == SelfReading::Yes);
        match &model.kind {
            Kind::UniqueKey(key) => key.adds_up() || itself,
            _ => true,
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
        let Some(interval) = interval else { return Ok(false) };
        let over = Over { dialect: self.session.dialect(), table: self.table, columns: &[] };
        let sql = over.count_interval((self.table, &[]), self.column, interval)?;
        Ok(counted(self.session, &sql)? > 0)
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
