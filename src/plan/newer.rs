//! Which parts of one table were loaded later than those of another. Both tables' loads are in order, so it is one walk over
//! both, however many there are.

use std::collections::BTreeMap;

use super::build::{KnownLoad, KnownTable};
use crate::naming::TableKey;
use crate::time::{Interval, Intervals, Timestamp};

/// A table as it will be once the plan is carried out.
pub(super) struct Held<'a> {
    /// What it is now.
    pub(super) known: Option<&'a KnownTable>,
    /// What the plan loads of its time.
    pub(super) now: Intervals,
}

/// What of `theirs` was loaded later than what of `ours` covers the same time; `seen` is the moment up to which one of ours
/// knows of theirs.
pub(super) fn later(theirs: &[KnownLoad], ours: &[KnownLoad], seen: impl Fn(&KnownLoad) -> Timestamp) -> Intervals {
    let mut later = Vec::new();
    let mut rest = ours;
    for their in theirs {
        let over = rest.iter().take_while(|our| our.interval.end <= their.interval.start).count();
        rest = &rest[over..];
        let mut start = their.interval.start;
        for our in rest.iter().take_while(|our| our.interval.start < their.interval.end) {
            if seen(our) >= their.at {
                later.extend(Interval::new(start, our.interval.start.min(their.interval.end)));
                start = start.max(our.interval.end);
            }
        }
        later.extend(Interval::new(start, their.interval.end));
    }
    later.into_iter().collect()
}

/// What of a table was loaded before the very tables that it read were loaded again over that time: restated, or read again
/// for late rows. An input that is now another table says nothing, because then the fingerprints do.
pub(super) fn newer_inputs(known: &KnownTable, held: &BTreeMap<TableKey, Held<'_>>) -> Intervals {
    let have = known.intervals();
    let newest = known.loads.iter().map(|load| load.at).max();
    let mut newer: Vec<Interval> = Vec::new();
    for (input, read) in &known.inputs {
        let Some(held) = held.get(input) else { continue };
        // What the newest build read is known; of those before it, when they were made.
        let seen = |load: &KnownLoad| if Some(load.at) == newest { load.at.max(*read) } else { load.at };
        let theirs = held.known.map(|known| known.loads.as_slice()).unwrap_or_default();
        newer.extend(later(theirs, &known.loads, seen).ranges());
        newer.extend(held.now.ranges());
    }
    let newer: Intervals = newer.into_iter().collect();
    // What was never loaded is missing anyway.
    newer.minus(&newer.minus(&have))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(start: i64, end: i64, at: i64) -> KnownLoad {
        let interval = Interval { start: Timestamp(start), end: Timestamp(end) };
        KnownLoad { interval, at: Timestamp(at), inputs: None }
    }

    fn ranges(intervals: &Intervals) -> Vec<(i64, i64)> {
        intervals.ranges().iter().map(|range| (range.start.0, range.end.0)).collect()
    }

    #[test]
    fn what_was_loaded_later_is_found_in_one_walk() {
        let at = |load: &KnownLoad| load.at;
        let ours = [load(0, 4, 5), load(4, 8, 1), load(10, 12, 5)];
        let theirs = [load(0, 2, 5), load(2, 6, 6), load(6, 11, 2), load(11, 20, 5)];
        assert_eq!(ranges(&later(&theirs, &ours, at)), [(2, 10), (12, 20)]);
        assert_eq!(ranges(&later(&[], &ours, at)), []);
        assert_eq!(ranges(&later(&theirs, &[], at)), [(0, 20)]);
        assert_eq!(ranges(&later(&theirs, &theirs, at)), []);
    }
}
