//! Which range of time a model's table should hold, and how much of it a plan loads.

use std::collections::BTreeMap;

use super::{Course, Inputs, KnownTable, Purpose, Sharing, seen};
use crate::fingerprint::Tree;
use crate::ids::ModelName;
use crate::model::{Kind, Model, Past};
use crate::naming::TableKey;
use crate::time::{Interval, IntervalUnit, Intervals, Timestamp};

/// How much of the past a plan loads into tables that lack it. What is loaded already stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// All of it.
    #[default]
    Everything,
    /// The last days before the end, some models from a day of their own on.
    Last {
        /// How many days.
        days: u32,
        /// Where single models begin instead, if that is earlier.
        from: BTreeMap<ModelName, Timestamp>,
    },
}

impl Window {
    /// The first moment that is loaded of a range that a model should hold, at the beginning of a unit.
    pub(super) fn start(&self, name: &ModelName, unit: IntervalUnit, wanted: Interval) -> Timestamp {
        let Self::Last { days, from } = self else { return wanted.start };
        let last = wanted.end.days_before(*days);
        let start = from.get(name).map_or(last, |from| last.min(*from));
        // No calendar reaches as far back as a number of days may.
        unit.floor(start.max(wanted.start)).max(wanted.start)
    }
}

/// Whether a model is loaded interval by interval; others are filled as a whole.
pub fn is_loaded_by_interval(model: &Model) -> bool {
    match &model.kind {
        Kind::TimeRange(_) => true,
        Kind::UniqueKey(key) => key.past == Past::Recomputed && model.names_interval(),
        Kind::View | Kind::Full | Kind::Materialized | Kind::Partition(_) | Kind::Unmanaged(_) | Kind::ScdType2(_) => {
            false
        }
        Kind::Seed(_) | Kind::External | Kind::Embedded => false,
    }
}

/// What a model's table should hold: from its start to where prod's table ends. Where prod has none, to now, or to where
/// the first of its inputs ends that are behind (`inputs_end`): a range that was loaded before its inputs were there is
/// loaded for good.
/// Where nothing says when it begins, prod's table does: the usual default moves with the clock.
pub(super) fn wanted(
    model: &Model,
    key: &TableKey,
    inputs: &Inputs<'_>,
    (start, inputs_end): (Option<Start>, Option<Timestamp>),
) -> Option<Interval> {
    if !is_loaded_by_interval(model) {
        return None;
    }
    let unit = model.unit();
    let present = present(model, inputs.now);
    let prod = reference(model, key, inputs);
    // Where prod's stopped because the model ended, that says nothing of a model that ends later.
    let base = inputs.base.models.get(&model.name);
    let has_ended = |end: &Timestamp| base.and_then(|base| ended(base, inputs.now)).is_some_and(|over| over <= *end);
    let end = prod
        .end()
        .filter(|end| !has_ended(end))
        .or(inputs_end.map(|end| reached(model, end)))
        .unwrap_or(present)
        .min(present);
    let start = match start? {
        Start::Known(start) => unit.floor(start),
        Start::Default(start) => prod.ranges().first().map_or(unit.floor(start), |first| first.start),
    };
    Interval::new(start, end)
}

/// The time that a history of intervals is of: whole units unless parts of them are loaded, and no further than its inputs are,
/// because no interval of it is laid again by itself.
pub(super) fn course(
    model: &Model,
    (start, inputs_end): (Option<Start>, Option<Timestamp>),
    (again, now): (Option<Timestamp>, Timestamp),
) -> Option<Course> {
    if !model.is_history_of_intervals() {
        return None;
    }
    let unit = model.unit();
    let start = start?;
    let earliest = match start {
        Start::Known(start) => Some(unit.floor(start)),
        Start::Default(_) => None,
    };
    let (Start::Known(start) | Start::Default(start)) = start;
    let end = present(model, now);
    let end = inputs_end.map_or(end, |inputs_end| inputs_end.min(end));
    // What has no end at all has no unit, either.
    let end = if end == seen::NEVER { end } else { reached(model, end) };
    let start = unit.floor(start);
    let again = again.map(|again| match earliest {
        Some(earliest) if again <= earliest => earliest,
        // Nothing says where it began.
        None if again == seen::NEVER => start,
        _ => unit.floor(again),
    });
    Some(Course { start, earliest, end, again })
}

/// As far as a model can be loaded now: to the last unit that was over at its last tick, where parts of units are loaded to that
/// tick, or to its declared end. What is over by now and not by then may still get rows.
pub(super) fn present(model: &Model, now: Timestamp) -> Timestamp {
    ended(model, now).unwrap_or_else(|| reached(model, model.last_tick(now)))
}

/// How far a model may be loaded of what there is up to a moment.
pub(super) fn reached(model: &Model, moment: Timestamp) -> Timestamp {
    if model.allows_partials() { moment } else { model.unit().floor(moment) }
}

/// Where the units end that are loaded as a whole: the last may be there in part.
pub(super) fn whole_until(model: &Model, covered: &Intervals) -> Option<Timestamp> {
    covered.end().map(|end| model.unit().floor(end))
}

/// The declared end of a model that is over.
pub(super) fn ended(model: &Model, now: Timestamp) -> Option<Timestamp> {
    let declared = model.unit().ceil(model.properties.end.as_ref()?.resolve(now)?);
    (declared <= model.unit().floor(now)).then_some(declared)
}

/// What says how far a model should be loaded: prod's table, and that of the environment that is promoted to. What prod
/// shows another promoted environment shows, too, as far as it is.
fn reference(model: &Model, key: &TableKey, inputs: &Inputs<'_>) -> Intervals {
    let known = inputs.known;
    let shared = known.tables.get(key).filter(|known| known.sharing == Sharing::Shared);
    if let (Purpose::Promote, Some(shared)) = (inputs.purpose, shared) {
        return shared.intervals();
    }
    let replaced = known.prod_table(&model.name).map(|(_, replaced)| replaced.intervals()).unwrap_or_default();
    let prods = known.reference.get(&model.name).and_then(|key| known.tables.get(key));
    let prods = prods.map(KnownTable::intervals).unwrap_or_default();
    if prods.end() > replaced.end() { prods } else { replaced }
}

/// Where a model begins.
#[derive(Clone, Copy)]
pub(super) enum Start {
    /// A moment says so.
    Known(Timestamp),
    /// What moves with the clock: words such as `5 days ago`, or, where nothing says it, the tick before the last. It is for what has
    /// no rows yet: those that are there are never left out for it.
    Default(Timestamp),
}

impl Start {
    fn moment(self) -> Timestamp {
        let (Self::Known(moment) | Self::Default(moment)) = self;
        moment
    }
}

/// Where a model says that it begins.
pub(super) fn own_start(model: &Model, now: Timestamp) -> Option<Start> {
    let start = model.properties.start.as_ref()?;
    start.absolute.map(Start::Known).or_else(|| start.resolve(now).map(Start::Default))
}

/// Where the first of a tree's models begins, at the beginning of a unit of its own; `None` where there is no model. It is what
/// `@start_*` mean outside of models, as in SQLMesh (`earliest_interval_start`).
pub fn earliest_start(tree: &Tree, now: Timestamp) -> Option<Timestamp> {
    let starts = starts(tree, now);
    let floored = |(name, start): (&ModelName, &Start)| Some(tree.models.get(name)?.unit().floor(start.moment()));
    starts.iter().filter_map(floored).min()
}

/// Where each model begins: its own start, else the earliest of its parents'; where nothing says any, the tick before its last one, or
/// that of a parent, if it is earlier (research: SQLMesh, section 5.2; `start_date` there, which takes the parent's alone, though nothing
/// of a longer unit begins there).
pub(super) fn starts(tree: &Tree, now: Timestamp) -> BTreeMap<ModelName, Start> {
    let mut said: BTreeMap<ModelName, Start> = BTreeMap::new();
    let mut starts: BTreeMap<ModelName, Start> = BTreeMap::new();
    for name in tree.graph.order() {
        let Some(model) = tree.models.get(name) else { continue };
        let parents = || tree.graph.parents(name).filter_map(|parent| said.get(parent).copied());
        let start = own_start(model, now).or_else(|| parents().min_by_key(|start| start.moment()));
        if let Some(start) = start {
            said.insert(name.clone(), start);
        }
        let usual = || {
            let parents = tree.graph.parents(name).filter_map(|parent| starts.get(parent)).map(|start| start.moment());
            Start::Default(parents.chain([before_last_tick(model, now)]).min().unwrap_or(now))
        };
        let start = start.unwrap_or_else(usual);
        starts.insert(name.clone(), start);
    }
    starts
}

/// Where a model begins of which nothing says it: one round of its `cron` is over then.
fn before_last_tick(model: &Model, now: Timestamp) -> Timestamp {
    let last = model.last_tick(now);
    model.properties.cron.floor(Timestamp(last.0.saturating_sub(1)), model.properties.cron_tz).min(last)
}
