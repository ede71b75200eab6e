//! What is loaded again by itself: at each tick of a model's `auto_restatement_cron`, with whatever reads it.
//!
//! Nothing is remembered of a tick but when ranges were loaded: what was loaded before it is due, of a reader too, so that a run
//! that dies is finished by the next one. A run that loads a model again has its readers load again whatever they loaded since the
//! tick, too. SQLMesh counts the intervals back from the run; here they are counted from the tick, so that a
//! run that comes late loads the same.

use std::collections::{BTreeMap, BTreeSet};

use super::KnownTable;
use super::seen::{FOREVER, NEVER};
use super::why::Why;
use crate::graph::Graph;
use crate::ids::ModelName;
use crate::model::Model;
use crate::time::{Interval, Intervals, TimeZone, Timestamp};

/// What one model loads again, for itself or for one of those that read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Renewed {
    /// The model whose schedule it is.
    named: ModelName,
    /// When that fired.
    tick: Timestamp,
    range: Interval,
    /// What was loaded before this is loaded again.
    since: Timestamp,
}

/// What is loaded again so far, models taken parents first.
#[derive(Default)]
pub(super) struct Scheduled {
    flowing: BTreeMap<ModelName, Vec<Renewed>>,
}

impl Scheduled {
    /// What of a model was to be loaded again: by its own schedule, and because what it reads is. A reader reads as many units
    /// before that again as it would before any that it lacks.
    pub(super) fn of(
        &self,
        (model, lookback): (&Model, u32),
        graph: &Graph,
        (known, now): (Option<&KnownTable>, Timestamp),
    ) -> Vec<Renewed> {
        let unit = model.unit();
        let wider = |range: Interval| Interval {
            start: if range.start == NEVER { NEVER } else { unit.back(range.start, lookback) },
            end: if range.end == FOREVER { FOREVER } else { unit.ceil(range.end) },
        };
        let parents = graph.parents(&model.name).filter_map(|parent| self.flowing.get(parent)).flatten();
        let inherited = parents.map(|renewed| Renewed { range: wider(renewed.range), ..renewed.clone() });
        let mut found: BTreeMap<ModelName, Renewed> = BTreeMap::new();
        for renewed in inherited.chain(own(model, known, now)) {
            let all = found.entry(renewed.named.clone()).or_insert_with(|| renewed.clone());
            let (start, end) = (all.range.start.min(renewed.range.start), all.range.end.max(renewed.range.end));
            (all.range, all.since) = (Interval { start, end }, all.since.max(renewed.since));
        }
        found.into_values().collect()
    }

    /// What the model's readers find to be loaded again, once it is loaded at that time with what was due.
    pub(super) fn hand_on(
        &mut self,
        model: &ModelName,
        renewed: Vec<Renewed>,
        (due, now): (&BTreeSet<ModelName>, Timestamp),
    ) {
        let since = |renewed: &Renewed| if due.contains(&renewed.named) { now } else { renewed.since };
        let handed = renewed.into_iter().map(|renewed| Renewed { since: since(&renewed), ..renewed }).collect();
        self.flowing.insert(model.clone(), handed);
    }
}

impl Renewed {
    /// What of a table that is loaded by interval is due, of its whole time.
    pub(super) fn ranges(&self, model: &Model, known: &KnownTable, all: Interval) -> Intervals {
        let older = known.loads.iter().filter(|load| load.at < self.since);
        let shared =
            |interval: Interval| Interval::new(interval.start.max(self.range.start), interval.end.min(self.range.end));
        let due: Intervals =
            older.filter_map(|load| shared(load.interval)).map(|range| range.in_units(model.unit())).collect();
        due.within(all)
    }

    /// From when on.
    pub(super) fn start(&self) -> Timestamp {
        self.range.start
    }

    /// Whether a table that is filled as a whole is due.
    pub(super) fn is_whole_due(&self, filled: Option<Timestamp>) -> bool {
        filled.is_some_and(|filled| filled < self.since)
    }

    /// Why it is due.
    pub(super) fn why(&self, model: &ModelName) -> Why {
        match self.named == *model {
            true => Why::Scheduled { at: self.tick },
            false => Why::ReadsRestated { model: self.named.clone() },
        }
    }

    /// The model whose schedule it is.
    pub(super) fn named(&self) -> &ModelName {
        &self.named
    }
}

/// What a model's own schedule asks for: the units before the last tick, or all before it, where they were loaded before that.
fn own(model: &Model, known: Option<&KnownTable>, now: Timestamp) -> Option<Renewed> {
    let schedule = model.properties.auto_restatement.as_ref()?;
    let (known, unit) = (known?, model.unit());
    // By UTC, whatever `cron_tz` says, as in SQLMesh.
    let tick = schedule.cron.floor(now, TimeZone::default());
    let end = unit.floor(tick);
    let range = match schedule.intervals {
        Some(intervals) => Interval::new(unit.back(end, intervals), end)?,
        None => Interval { start: NEVER, end: if known.filled_at.is_some() { FOREVER } else { end } },
    };
    Some(Renewed { named: model.name.clone(), tick, range, since: tick })
}
