//! What a table's fill found in its inputs, so that it is known later whether they hold more by now.
//!
//! A fingerprint says what is computed, not over how much of the past. Two tables of one fingerprint differ where the
//! inputs of one were loaded further; an input under another key counts, too, whatever its name is by now.

use serde::{Deserialize, Serialize};

use super::build::KnownLoad;
use crate::hash::{Digest, Hasher};
use crate::ids::ModelName;
use crate::model::Past;
use crate::time::{Interval, Intervals, Timestamp};

/// How a fill found one of its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The input.
    pub input: ModelName,
    /// What was in it.
    pub saw: Saw,
}

/// What is in a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Saw {
    /// It is loaded by interval.
    Ranges {
        /// What was loaded.
        covered: Intervals,
        /// From when on rows of it were loaded before its own inputs were there; where it ends if there are none such, and
        /// the end of time where no more will ever come.
        complete: Timestamp,
    },
    /// It is filled as a whole, of inputs of which that much was loaded.
    Whole(Digest),
}

/// The end of time.
pub(super) const FOREVER: Timestamp = Timestamp(i64::MAX);
/// Before all time.
pub(super) const NEVER: Timestamp = Timestamp(i64::MIN);

impl Saw {
    fn digest(&self) -> Digest {
        match self {
            Self::Whole(digest) => *digest,
            Self::Ranges { covered, complete } => {
                let moments = covered.ranges().iter().flat_map(|range| [range.start, range.end]).chain([*complete]);
                let hasher = Hasher::new("seen").number(covered.ranges().len() as u64);
                moments.fold(hasher, |hasher, moment| hasher.text(&moment.0.to_string())).finish()
            }
        }
    }

    /// Whether whoever saw `then` lacks nothing of what is there now.
    fn is_in(&self, then: &Self) -> bool {
        match (self, then) {
            (Self::Ranges { covered, complete }, Self::Ranges { covered: had, complete: up_to }) => {
                covered.minus(had).is_empty() && complete <= up_to
            }
            (now, then) => now.digest() == then.digest(),
        }
    }
}

/// What readers of a table find that is filled as a whole of these; `None` where nothing of it is loaded by interval.
pub(super) fn whole(seen: &[Seen]) -> Option<Saw> {
    let mut digests: Vec<Digest> = seen.iter().map(|seen| seen.saw.digest()).collect();
    digests.sort();
    digests.dedup();
    match digests.as_slice() {
        [] => None,
        // As if it were a view of its only input.
        [one] => Some(Saw::Whole(*one)),
        all => Some(Saw::Whole(Hasher::new("seen of several").digests(all.iter().copied()).finish())),
    }
}

/// Up to when all is there in each of these that is loaded by interval; `None` where more will never come.
pub fn all_there_until(seen: &[Seen]) -> Option<Timestamp> {
    let until = seen.iter().filter_map(|seen| match seen.saw {
        Saw::Ranges { complete, .. } => Some(complete).filter(|complete| *complete != FOREVER),
        Saw::Whole(_) => None,
    });
    until.min()
}

/// To where what was loaded by interval was loaded over inputs that were there; of each load its range and what it found.
pub fn loaded_before_gaps<'a>(loads: impl IntoIterator<Item = (Interval, Option<&'a [Seen]>)>) -> Option<Timestamp> {
    let (mut end, mut gap) = (None, FOREVER);
    for (range, inputs) in loads {
        end = end.max(Some(range.end));
        gap = gap.min(incomplete_from(range, inputs.unwrap_or_default()).max(range.start));
    }
    end.map(|end| end.min(gap))
}

/// Whether a table that was filled as a whole of `then` would hold more now.
pub(super) fn holds_more(now: &[Seen], then: &[Seen]) -> bool {
    now.iter().any(|input| {
        let before = counterparts(input, now, then);
        before.is_empty() || before.iter().any(|before| !input.saw.is_in(before))
    })
}

/// Whether a table that was filled as a whole of `then` would hold more now of what is before a moment that each input has, as far as
/// they are loaded by interval.
pub(super) fn holds_more_before(moment_of: &dyn Fn(&ModelName) -> Timestamp, now: &[Seen], then: &[Seen]) -> bool {
    now.iter().any(|input| {
        let Saw::Ranges { covered, .. } = &input.saw else { return false };
        let moment = moment_of(&input.input);
        counterparts(input, now, then).iter().any(|before| match before {
            Saw::Ranges { covered: had, .. } => {
                let more = covered.minus(had);
                more.ranges().iter().any(|range| had.end() <= Some(range.start) && range.start < moment)
            }
            Saw::Whole(_) => false,
        })
    })
}

/// What of these loads was made before what its inputs hold now was there. Where loads are kept, an input that a load did not
/// read, or that begins earlier by now, says nothing about it.
pub(super) fn outdated(loads: &[KnownLoad], now: &[Seen], past: Past) -> Intervals {
    let mut outdated = Intervals::default();
    for load in loads {
        let Some(then) = &load.inputs else { continue };
        for input in now {
            let Saw::Ranges { covered, complete } = &input.saw else { continue };
            let before = counterparts(input, now, then);
            let first = covered.ranges().first().map(|range| range.start);
            let began = before.iter().filter_map(|saw| begins(saw)).max();
            let from = match past {
                Past::Kept(_) | Past::Fixed(_) => complete_up_to(&before).unwrap_or(FOREVER),
                Past::Recomputed if first < began && first.is_some() => NEVER,
                Past::Recomputed => up_to(&before),
            };
            let part = Interval::new(load.interval.start.max(from), load.interval.end.min(*complete));
            part.into_iter().for_each(|part| outdated.add(part));
        }
    }
    outdated
}

/// From when on a load of this range, made over these inputs, is made before they are there.
pub(super) fn incomplete_from<'a>(range: Interval, inputs: impl IntoIterator<Item = &'a Seen>) -> Timestamp {
    let complete = inputs.into_iter().filter_map(|input| match &input.saw {
        Saw::Ranges { complete, .. } => Some(*complete),
        Saw::Whole(_) => None,
    });
    complete.min().filter(|complete| *complete < range.end).unwrap_or(FOREVER)
}

/// What of the inputs of a load may hold more one day for it: those that are still read, and loaded by interval. Whatever
/// becomes of the others, the load stays as it is.
pub(super) fn awaited<'a>(then: &'a [Seen], now: &'a [Seen]) -> impl Iterator<Item = &'a Seen> {
    let mut found: Vec<&Saw> = Vec::new();
    for input in now.iter().filter(|input| matches!(input.saw, Saw::Ranges { .. })) {
        found.extend(counterparts(input, now, then));
    }
    then.iter().filter(move |seen| found.iter().any(|saw| std::ptr::eq(*saw, &seen.saw)))
}

fn begins(saw: &Saw) -> Option<Timestamp> {
    match saw {
        Saw::Ranges { covered, .. } => covered.ranges().first().map(|range| range.start),
        Saw::Whole(_) => None,
    }
}

fn complete_up_to(before: &[&Saw]) -> Option<Timestamp> {
    let complete = before.iter().filter_map(|saw| match saw {
        Saw::Ranges { complete, .. } => Some(*complete),
        Saw::Whole(_) => None,
    });
    complete.min()
}

fn up_to(before: &[&Saw]) -> Timestamp {
    let complete = before.iter().map(|saw| match saw {
        Saw::Ranges { complete, .. } => *complete,
        Saw::Whole(_) => NEVER,
    });
    complete.min().unwrap_or(NEVER)
}

/// How an input was found then: under its name, else under those that are there no more, because it may be renamed.
fn counterparts<'a>(input: &Seen, now: &[Seen], then: &'a [Seen]) -> Vec<&'a Saw> {
    let named: Vec<&Saw> = then.iter().filter(|then| then.input == input.input).map(|then| &then.saw).collect();
    if !named.is_empty() {
        return named;
    }
    let is_gone = |then: &&Seen| now.iter().all(|now| now.input != then.input);
    then.iter().filter(is_gone).map(|then| &then.saw).collect()
}
