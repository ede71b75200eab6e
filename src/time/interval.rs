//! Half-open ranges of time and sorted sets of them; set arithmetic on ranges, never tick by tick.

use serde::{Deserialize, Serialize};

use super::{IntervalUnit, Timestamp};

/// A range of time; `start` belongs to it, `end` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// The first moment.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

impl Interval {
    /// A range, or `None` where it would be empty.
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// The two ends as people and the JSON contract read them: dates, with times where they have some.
    pub fn labels(self, unit: IntervalUnit) -> [String; 2] {
        let label = |moment: Timestamp| if self.has_times(unit) { moment.date_time() } else { moment.date() };
        [label(self.start), label(self.end)]
    }

    /// Whether its ends need a time of day to be told.
    pub fn has_times(self, unit: IntervalUnit) -> bool {
        let is_midnight = |moment: Timestamp| IntervalUnit::Day.floor(moment) == moment;
        unit.is_shorter_than_a_day() || !is_midnight(self.start) || !is_midnight(self.end)
    }

    /// How many units it holds, begun ones too; by arithmetic, so that centuries of five minutes cost nothing.
    pub fn units(self, unit: IntervalUnit) -> u64 {
        let (start, end) = (unit.floor(self.start), unit.ceil(self.end));
        let units = match unit {
            IntervalUnit::Year => end.months() / 12 - start.months() / 12,
            IntervalUnit::Month => end.months() - start.months(),
            fixed => end.0.saturating_sub(start.0) / fixed.fixed_length(),
        };
        u64::try_from(units).unwrap_or(0)
    }

    /// The whole units that it touches.
    pub fn in_units(self, unit: IntervalUnit) -> Self {
        Self { start: unit.floor(self.start), end: unit.ceil(self.end) }
    }

    /// Cuts the range at unit boundaries into pieces of at most `units` units, oldest first. Each is worked out when it is
    /// asked for: half a century of five minutes is millions of pieces, and never more than one of them at a time.
    pub fn batches(self, unit: IntervalUnit, units: Option<u32>) -> impl Iterator<Item = Self> + Clone {
        let units = units.filter(|units| *units > 0);
        let mut start = self.start;
        std::iter::repeat_with(move || {
            let end = units.map_or(self.end, |units| unit.forward(start, units).min(self.end));
            let batch = Self::new(start, end);
            start = end;
            batch
        })
        .map_while(|batch| batch)
    }
}

/// A sorted set of ranges that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Intervals(Vec<Interval>);

impl Intervals {
    /// The set of one range.
    pub fn one(interval: Interval) -> Self {
        Self(vec![interval])
    }

    /// The ranges, oldest first.
    pub fn ranges(&self) -> &[Interval] {
        &self.0
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The end of the last range.
    pub fn end(&self) -> Option<Timestamp> {
        self.0.last().map(|interval| interval.end)
    }

    /// Adds a range, joining those that it overlaps or touches.
    pub fn add(&mut self, interval: Interval) {
        let mut joined = interval;
        self.0.retain(|known| {
            let apart = known.end < joined.start || joined.end < known.start;
            if !apart {
                joined.start = joined.start.min(known.start);
                joined.end = joined.end.max(known.end);
            }
            apart
        });
        let place = self.0.partition_point(|known| known.start < joined.start);
        self.0.insert(place, joined);
    }

    /// What of this set is not before a moment.
    pub fn since(&self, start: Timestamp) -> Self {
        self.0.iter().filter_map(|range| Interval::new(range.start.max(start), range.end)).collect()
    }

    /// What of this set is in a range.
    pub fn within(&self, range: Interval) -> Self {
        let inside = |own: &Interval| Interval::new(own.start.max(range.start), own.end.min(range.end));
        self.0.iter().filter_map(inside).collect()
    }

    /// What of this set is not in the other.
    pub fn minus(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for interval in &self.0 {
            let mut start = interval.start;
            for cut in other.0.iter().filter(|cut| cut.end > interval.start && cut.start < interval.end) {
                left.extend(Interval::new(start, cut.start.min(interval.end)));
                start = start.max(cut.end);
            }
            left.extend(Interval::new(start, interval.end));
        }
        Self(left)
    }
}

impl FromIterator<Interval> for Intervals {
    /// One sweep over the ranges in order: a table that was loaded every five minutes has as many loads.
    fn from_iter<I: IntoIterator<Item = Interval>>(intervals: I) -> Self {
        let mut sorted: Vec<Interval> = intervals.into_iter().collect();
        sorted.sort();
        let mut joined: Vec<Interval> = Vec::new();
        for interval in sorted {
            match joined.last_mut().filter(|last| interval.start <= last.end) {
                Some(last) => last.end = last.end.max(interval.end),
                None => joined.push(interval),
            }
        }
        Self(joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: i64, end: i64) -> Interval {
        Interval { start: Timestamp(start), end: Timestamp(end) }
    }

    #[test]
    fn touching_ranges_join() {
        let set: Intervals = [range(0, 5), range(9, 12), range(5, 9)].into_iter().collect();
        assert_eq!(set.ranges(), [range(0, 12)]);
    }

    #[test]
    fn since_cuts_the_range_that_holds_the_moment() {
        let set: Intervals = [range(0, 5), range(9, 12), range(15, 20)].into_iter().collect();
        assert_eq!(set.since(Timestamp(10)).ranges(), [range(10, 12), range(15, 20)]);
        assert_eq!((set.since(Timestamp(0)), set.since(Timestamp(20))), (set.clone(), Intervals::default()));
        assert_eq!(set.within(range(3, 10)).ranges(), [range(3, 5), range(9, 10)]);
    }

    #[test]
    fn minus_leaves_the_gaps() {
        let have: Intervals = [range(2, 4), range(6, 7)].into_iter().collect();
        let left = Intervals::one(range(0, 10)).minus(&have);
        assert_eq!(left.ranges(), [range(0, 2), range(4, 6), range(7, 10)]);
    }

    #[test]
    fn units_are_counted_by_the_calendar() {
        let moment = |text| Timestamp::parse(text).expect("a date");
        let between = |start, end| Interval { start: moment(start), end: moment(end) };
        let spring = between("2024-02-01", "2024-04-01");
        let counts = IntervalUnit::ALL.map(|unit| spring.units(unit));
        assert_eq!(counts, [1, 2, 60, 1_440, 2_880, 5_760, 17_280]);
        assert_eq!(between("2023-12-31", "2024-01-01 12:00").units(IntervalUnit::Year), 2);
        assert_eq!(between("0001-01-01", "9000-01-01").units(IntervalUnit::Month), 8_999 * 12);
    }

    /// Nobody counts units one by one, however many there are.
    #[test]
    fn half_a_century_of_five_minutes_is_one_range() {
        let moment = |text| Timestamp::parse(text).expect("a date");
        let century = Interval { start: moment("1970-01-01"), end: moment("2026-04-01") };
        assert_eq!(century.units(IntervalUnit::FiveMinute), 5_916_672);
        let mut batches = century.batches(IntervalUnit::FiveMinute, Some(1));
        assert_eq!(
            batches.next().map(|batch| batch.labels(IntervalUnit::FiveMinute)[1].clone()),
            Some("1970-01-01 00:05:00".into())
        );
        assert_eq!(batches.count(), 5_916_671);
        assert_eq!(IntervalUnit::FiveMinute.back(century.end, 5_916_672), century.start);
        assert_eq!(IntervalUnit::Month.back(century.end, 4_000_000_000).date(), "0001-01-01");
    }

    #[test]
    fn january_in_batches_of_ten_days() {
        let moment = |text| Timestamp::parse(text).expect("a date");
        let january = Interval { start: moment("2026-01-01"), end: moment("2026-02-01") };
        let batches = |units| january.batches(IntervalUnit::Day, units).map(|batch| batch.labels(IntervalUnit::Day));
        let labels: Vec<_> = batches(Some(10)).collect();
        assert_eq!(labels.len(), 4);
        assert_eq!(labels[3], ["2026-01-31", "2026-02-01"]);
        assert_eq!(batches(None).collect::<Vec<_>>(), [["2026-01-01", "2026-02-01"]]);
        assert_eq!(batches(Some(u32::MAX)).count(), 1);
    }
}
