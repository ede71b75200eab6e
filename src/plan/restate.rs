//! What somebody wants loaded again, and how that goes down to whatever reads it.

use std::collections::{BTreeMap, BTreeSet};

use super::seen::{FOREVER, NEVER};
use super::why::Why;
use crate::graph::Graph;
use crate::ids::ModelName;
use crate::model::Model;
use crate::time::{Interval, Timestamp};

/// What is loaded again, whatever was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restate {
    /// The models; none where nothing is.
    pub models: BTreeSet<ModelName>,
    /// From when on; `None` from the beginning.
    pub start: Option<Timestamp>,
    /// Until when, itself left out; `None` to the end.
    pub end: Option<Timestamp>,
    /// Models that this very run has loaded again already.
    pub done: BTreeSet<ModelName>,
}

/// A model that is loaded again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Again {
    /// The model that somebody named.
    named: ModelName,
    range: Interval,
}

impl Again {
    /// Whether it is what somebody named.
    pub(super) fn is_named(&self, model: &ModelName) -> bool {
        self.named == *model
    }

    /// From when on.
    pub(super) fn start(&self) -> Timestamp {
        self.range.start
    }

    pub(super) fn why(&self, model: &ModelName) -> Why {
        if self.named == *model { Why::Restated } else { Why::ReadsRestated { model: self.named.clone() } }
    }
}

/// What is loaded again so far, models taken parents first.
pub(super) struct Restating<'a> {
    asked: &'a Restate,
    flowing: BTreeMap<ModelName, Again>,
}

impl<'a> Restating<'a> {
    pub(super) fn new(asked: &'a Restate) -> Self {
        Self { asked, flowing: BTreeMap::new() }
    }

    /// What of a model is to be loaded again: what was asked of it, and what its parents are. A model without rows of its own
    /// hands it on.
    pub(super) fn of(&mut self, name: &ModelName, graph: &Graph) -> Option<Again> {
        let whole = Interval { start: self.asked.start.unwrap_or(NEVER), end: self.asked.end.unwrap_or(FOREVER) };
        let own = self.asked.models.contains(name).then(|| Again { named: name.clone(), range: whole });
        let parents = graph.parents(name).filter_map(|parent| self.flowing.get(parent)).cloned();
        let again = own.into_iter().chain(parents).reduce(|one, other| Again {
            range: Interval { start: one.range.start.min(other.range.start), end: one.range.end.max(other.range.end) },
            ..one
        })?;
        self.flowing.insert(name.clone(), again.clone());
        Some(again).filter(|_| !self.asked.done.contains(name))
    }

    /// A model that is left as it is hands nothing on.
    pub(super) fn stop(&mut self, name: &ModelName) {
        self.flowing.remove(name);
    }

    /// What that is of a model's whole time, in whole units. A reader of what somebody named reads as many units before it
    /// again as it would before any that it lacks. Its own readers read all of that again.
    pub(super) fn part(&mut self, model: &Model, again: &Again, (all, lookback): (Interval, u32)) -> Option<Interval> {
        let unit = model.unit();
        let inside = Interval::new(again.range.start.max(all.start), again.range.end.min(all.end))?;
        let lookback = if again.named == model.name { 0 } else { lookback };
        let part = Interval { start: unit.back(inside.start, lookback), end: unit.ceil(inside.end) };
        let part = Interval::new(part.start.max(all.start), part.end.min(all.end))?;
        if let Some(flowing) = self.flowing.get_mut(&model.name) {
            flowing.range.start = flowing.range.start.min(part.start);
            flowing.range.end = flowing.range.end.max(part.end);
        }
        Some(part)
    }
}
