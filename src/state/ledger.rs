//! Which ranges a table holds, and when each was loaded. Loading a range again replaces what was recorded of it, and only
//! of it: the rest keeps the time of its own load, because prod never goes back in time (DESIGN, section 7).

use crate::plan::Seen;
use crate::time::{Interval, Intervals, Timestamp};

/// The loads of one table: oldest range first, none overlapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(Vec<LoadedInterval>);

/// A range that one run loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedInterval {
    /// The range.
    pub interval: Interval,
    /// The execution time of the load.
    pub loaded_at: Timestamp,
    /// Who or what ran it.
    pub run: String,
    /// What it found in its inputs; `None` where nobody wrote that down.
    pub inputs: Option<Vec<Seen>>,
}

impl Ledger {
    /// The loads, oldest range first.
    pub fn loads(&self) -> &[LoadedInterval] {
        &self.0
    }

    /// What is loaded.
    pub fn intervals(&self) -> Intervals {
        self.0.iter().map(|load| load.interval).collect()
    }

    /// The time of the newest load.
    pub fn newest(&self) -> Option<Timestamp> {
        self.0.iter().map(|load| load.loaded_at).max()
    }

    /// Records a load in place of what was known of its range; joins it with neighbours of the same run and time that
    /// found the same in their inputs.
    pub fn add(&mut self, load: LoadedInterval) {
        // As a ledger is read, and as time goes: nothing that is there is looked at.
        if self.0.last().is_none_or(|last| last.interval.end < load.interval.start || last.is_before(&load)) {
            self.0.push(load);
            return;
        }
        self.remove(load.interval);
        let mut joined = load;
        self.0.retain(|known| {
            let touches = known.interval.end == joined.interval.start || known.interval.start == joined.interval.end;
            let same = touches && known.is_alike(&joined);
            if same {
                joined.interval.start = joined.interval.start.min(known.interval.start);
                joined.interval.end = joined.interval.end.max(known.interval.end);
            }
            !same
        });
        let place = self.0.partition_point(|known| known.interval.start < joined.interval.start);
        self.0.insert(place, joined);
    }

    /// Takes a range out.
    pub fn remove(&mut self, interval: Interval) {
        let cut = Intervals::one(interval);
        let pieces = |load: LoadedInterval| {
            let left = Intervals::one(load.interval).minus(&cut);
            left.ranges().iter().map(|range| LoadedInterval { interval: *range, ..load.clone() }).collect::<Vec<_>>()
        };
        self.0 = std::mem::take(&mut self.0).into_iter().flat_map(pieces).collect();
    }
}

impl LoadedInterval {
    /// Whether it is of the same run and time, and found the same in its inputs.
    fn is_alike(&self, other: &Self) -> bool {
        (self.loaded_at, &self.run, &self.inputs) == (other.loaded_at, &other.run, &other.inputs)
    }

    /// Whether it ends where another one begins, with which it is not to be joined.
    fn is_before(&self, other: &Self) -> bool {
        self.interval.end == other.interval.start && !self.is_alike(other)
    }
}

impl FromIterator<LoadedInterval> for Ledger {
    fn from_iter<I: IntoIterator<Item = LoadedInterval>>(loads: I) -> Self {
        let mut ledger = Self::default();
        loads.into_iter().for_each(|load| ledger.add(load));
        ledger
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load(start: i64, end: i64, at: i64) -> LoadedInterval {
        let interval = Interval { start: Timestamp(start), end: Timestamp(end) };
        LoadedInterval { interval, loaded_at: Timestamp(at), run: "test".into(), inputs: None }
    }

    #[test]
    fn loading_the_middle_again_keeps_the_time_of_the_rest() {
        let ledger: Ledger = [load(0, 10, 1), load(3, 5, 2)].into_iter().collect();
        assert_eq!(ledger.loads(), [load(0, 3, 1), load(3, 5, 2), load(5, 10, 1)]);
        assert_eq!(ledger.newest(), Some(Timestamp(2)));
    }

    #[test]
    fn batches_of_one_run_are_one_row() {
        let ledger: Ledger = [load(0, 3, 1), load(6, 9, 1), load(3, 6, 1)].into_iter().collect();
        assert_eq!(ledger.loads(), [load(0, 9, 1)]);
    }

    /// A year of a table that is loaded every five minutes; compared with each other its loads would be five thousand millions.
    #[test]
    fn a_ledger_of_a_hundred_thousand_loads_is_read_in_one_go() {
        let loads = (0..105_120).map(|place| load(place, place + 1, place));
        let ledger: Ledger = loads.collect();
        assert_eq!((ledger.loads().len(), ledger.intervals().ranges().len()), (105_120, 1));
        assert_eq!(ledger.newest(), Some(Timestamp(105_119)));
    }

    proptest! {
        /// Each moment carries the time of the last load that covered it.
        #[test]
        fn the_last_load_of_a_moment_counts(loads in prop::collection::vec((0i64..20, 1i64..10), 0..12)) {
            let mut expected = [None; 32];
            let mut ledger = Ledger::default();
            for (at, (start, length)) in loads.into_iter().enumerate() {
                let (at, end) = (i64::try_from(at).expect("few loads") / 3, start + length);
                ledger.add(load(start, end, at));
                (start..end).for_each(|moment| expected[usize::try_from(moment).expect("small")] = Some(at));
            }
            let found: Vec<Option<i64>> = (0..32).map(|moment| {
                let covers = |load: &&LoadedInterval| load.interval.start.0 <= moment && moment < load.interval.end.0;
                ledger.loads().iter().find(covers).map(|load| load.loaded_at.0)
            }).collect();
            prop_assert_eq!(found, expected.to_vec());
            prop_assert!(ledger.loads().windows(2).all(|pair| pair[0].interval.end <= pair[1].interval.start));
        }
    }
}
