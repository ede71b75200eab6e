//! What readers of a table will find: where it ends, and whether it lacks something that it should hold.

use std::collections::{BTreeMap, BTreeSet};

use super::seen::{self, Saw, Seen};
use super::{Action, KnownTable};
use crate::graph::Graph;
use crate::hash::{Digest, Hasher};
use crate::ids::ModelName;
use crate::model::Model;
use crate::naming::TableKey;
use crate::time::{Interval, Intervals, Timestamp};

/// What a model's table is once the plan is carried out.
pub(super) struct Stand {
    /// What its readers find in it; `None` where nothing of it is loaded by interval.
    pub(super) saw: Option<Saw>,
    /// Where what was loaded into it ends, if it is behind: it could be loaded further now. `None` for what is filled as a
    /// whole.
    pub(super) behind: Option<Timestamp>,
    /// Up to when all is in it that will be, seen through what is filled as a whole; `None` where nothing says so.
    pub(super) whole_to: Option<Timestamp>,
    /// What it lacks; `None` where it is complete.
    pub(super) lacks: Option<Lacks>,
    /// Whether it is a preview of a history, or made of one.
    pub(super) history: Previewed,
    /// What keeps it from being loaded though it is due.
    pub(super) held: Option<Held>,
}

/// A table that is left though it is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Held {
    /// Whether readers can be loaded as far as it is.
    pub(super) readers: Readers,
    /// The model that waits for signals.
    pub(super) by: ModelName,
}

/// How far readers of a table that is held may be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Readers {
    /// As far as it is, where they are loaded by interval.
    AsFar,
    /// Not at all: nothing says how far it is.
    NotAtAll,
}

/// Whether a branch's preview of a history is in what a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Previewed {
    /// It is not.
    No,
    /// It is.
    Yes,
}

/// A table with its gaps, or a preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lacks(pub(super) Digest);

impl Lacks {
    pub(super) fn of(key: &TableKey, lacking: &Intervals) -> Self {
        let hasher = Hasher::new("lacks").digest(key.digest()).number(lacking.ranges().len() as u64);
        let ends = lacking.ranges().iter().flat_map(|range| [range.start, range.end]);
        Self(ends.fold(hasher, |hasher, end| hasher.text(&end.0.to_string())).finish())
    }
}

/// What all models with a table are.
#[derive(Default)]
pub(super) struct Stands(BTreeMap<ModelName, Stand>);

/// What a model reads, through views too.
pub(super) struct Read {
    /// Where the first of its inputs ends that are behind.
    pub(super) end: Option<Timestamp>,
    /// Up to when all is there in all of them.
    pub(super) whole_to: Option<Timestamp>,
    /// Those that lack something.
    pub(super) lacks: Vec<Lacks>,
    /// What a fill finds in all of them.
    pub(super) seen: Vec<Seen>,
    /// Whether a preview of a history is among them.
    pub(super) history: Previewed,
    /// What is held of them, if anything.
    pub(super) held: Option<Held>,
}

impl Stands {
    pub(super) fn add(&mut self, name: &ModelName, stand: Stand) {
        self.0.insert(name.clone(), stand);
    }

    pub(super) fn read_by(&self, graph: &Graph, name: &ModelName) -> Read {
        let read = stored_parents(graph, name, &|name| self.0.contains_key(name));
        let stands = || read.iter().filter_map(|name| self.0.get(name));
        let lacks: BTreeSet<Lacks> = stands().filter_map(|stand| stand.lacks).collect();
        let seen =
            read.iter().filter_map(|name| Some(Seen { input: name.clone(), saw: self.0.get(name)?.saw.clone()? }));
        Read {
            end: stands().filter_map(|stand| stand.behind).min(),
            whole_to: stands().filter_map(|stand| stand.whole_to).min(),
            lacks: lacks.into_iter().collect(),
            seen: seen.collect(),
            history: stands().map(|stand| stand.history).max().unwrap_or(Previewed::No),
            held: stands().filter_map(|stand| stand.held.clone()).max(),
        }
    }
}

/// Up to when all is in a table of which its readers find `saw`; `first` says where one begins of which nothing is loaded.
pub(super) fn all_in(
    model: &Model,
    saw: Option<&Saw>,
    first: impl FnOnce(&Intervals) -> Option<Timestamp>,
    ((action, known), read, now): ((Action, Option<&KnownTable>), &Read, Timestamp),
) -> Option<Timestamp> {
    match saw {
        Some(Saw::Ranges { complete, covered }) => ranges_to(*complete, covered, first(covered)),
        _ => {
            let filled = if action == Action::Build { Filled::Now } else { Filled::Before };
            whole_to(model, (filled, known), read, now)
        }
    }
}

/// Up to when all is in a table that is filled as a whole: now of these inputs, or of those of its last fill. What a history
/// of intervals has of an interval that was not over then it has not.
fn whole_to(
    model: &Model,
    (filled, known): (Filled, Option<&KnownTable>),
    read: &Read,
    now: Timestamp,
) -> Option<Timestamp> {
    let then = known.filter(|_| filled == Filled::Before);
    let seen = then.and_then(|known| seen::all_there_until(known.seen.as_deref().unwrap_or_default()));
    // What its inputs had then is not always known; no more than there was by then.
    let by_then = read.whole_to.and_then(|_| then?.filled_at);
    let laid = model.is_history_of_intervals().then(|| then.and_then(|known| known.filled_at).unwrap_or(now));
    read.whole_to.into_iter().chain(seen).chain(by_then).chain(laid.map(|laid| model.unit().floor(laid))).min()
}

/// Up to when all is in a table that is loaded by interval. Before its `first` interval there is nothing to come; where nothing is
/// loaded and nothing will be, nothing is awaited.
fn ranges_to(complete: Timestamp, covered: &Intervals, first: Option<Timestamp>) -> Option<Timestamp> {
    if covered.is_empty() { first } else { Some(complete).filter(|complete| *complete != seen::FOREVER) }
}

/// When a table that is filled as a whole is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    /// By this plan.
    Now,
    /// By another.
    Before,
}

/// From when on what a table holds was loaded before its inputs were there: what is loaded now of these, and what stays.
pub(super) fn complete(
    known: Option<&KnownTable>,
    (missing, whole_until): (&Intervals, Option<Timestamp>),
    seen: &[Seen],
    ended: Option<Timestamp>,
) -> Timestamp {
    let new = missing.ranges().iter().map(|range| seen::incomplete_from(*range, seen));
    let kept = known.into_iter().flat_map(|known| &known.loads).flat_map(|load| {
        let pieces = Intervals::one(load.interval).minus(missing);
        let then = load.inputs.as_deref().unwrap_or_default();
        let from = |range: &Interval| seen::incomplete_from(*range, seen::awaited(then, seen));
        pieces.ranges().iter().map(from).collect::<Vec<_>>()
    });
    let from = new.chain(kept).min().unwrap_or(seen::FOREVER);
    let end = whole_until.unwrap_or(seen::NEVER);
    if ended.is_some_and(|over| over <= end) { from } else { from.min(end) }
}

/// The nearest ancestors that are stored, seen through those that are not.
pub fn stored_parents(graph: &Graph, name: &ModelName, is_stored: &dyn Fn(&ModelName) -> bool) -> BTreeSet<ModelName> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut rest: Vec<&ModelName> = graph.parents(name).collect();
    while let Some(parent) = rest.pop() {
        if !seen.insert(parent) {
            continue;
        }
        if is_stored(parent) {
            found.insert(parent.clone());
        } else {
            rest.extend(graph.parents(parent));
        }
    }
    found
}
