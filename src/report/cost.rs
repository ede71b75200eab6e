//! What a pull request cost, what it still costs, and what it saved. Rows and seconds are measured, bytes where the
//! engine counts them, and money only where somebody configured a price; what is not known stays unknown and is never 0.

use std::collections::BTreeMap;

use crate::ids::ModelName;
use crate::naming::TableKey;
use crate::plan::{Plan, PlannedModel};
use crate::time::{Interval, IntervalUnit, Intervals};

/// All costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// Builds for this pull request, of earlier pushes too, oldest first.
    pub spent: Vec<Work>,
    /// What loading the rest at promote will take, by model, where earlier builds tell.
    pub estimates: BTreeMap<ModelName, Estimate>,
    /// What reuse saved.
    pub saved: Option<Saved>,
    /// What work costs.
    pub price: Option<Price>,
}

/// One build.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// The table.
    pub key: TableKey,
    /// Rows written.
    pub rows: Option<u64>,
    /// Bytes, as the engine counts them.
    pub bytes: Option<u64>,
    /// How long it took.
    pub seconds: f64,
    /// The unit of the intervals below.
    pub unit: IntervalUnit,
    /// What was loaded; empty for kinds that are loaded as a whole.
    pub intervals: Vec<Interval>,
}

/// What promote will still load of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The model.
    pub model: ModelName,
    /// How many units of time.
    pub units: u64,
    /// Which unit.
    pub unit: IntervalUnit,
    /// What that will take; `None` where nothing like it was built before.
    pub estimate: Option<Estimate>,
}

/// An amount of work.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Rows written; `None` where some build did not count.
    pub rows: Option<u64>,
    /// Bytes; `None` where some build did not count.
    pub bytes: Option<u64>,
    /// How long it takes.
    pub seconds: f64,
}

/// What reuse saved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Saved {
    /// Models whose table was there already.
    pub pointers: usize,
    /// What it took to fill them; `None` where that is known of none.
    pub work: Option<Took>,
}

/// What it took to fill several tables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Took {
    /// All of them.
    All(Estimate),
    /// Those of which it is known, or that much of them.
    AtLeast(Estimate),
}

/// What work costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// The sign before an amount, such as `$`.
    pub currency: String,
    /// For 2^40 bytes.
    pub tebibyte: Option<f64>,
    /// For an hour of work.
    pub hour: Option<f64>,
}

impl Work {
    /// This build of a table and a later one.
    fn and(self, later: Self) -> Self {
        if later.intervals.is_empty() {
            return later;
        }
        let (mut loaded, again): (Intervals, Intervals) =
            (self.intervals.iter().copied().collect(), later.intervals.iter().copied().collect());
        // The rows of what was loaded twice are counted twice.
        let is_further = loaded.minus(&again) == loaded;
        later.intervals.iter().for_each(|range| loaded.add(*range));
        let Estimate { rows, bytes, seconds } = Estimate::sum([self.amount(), later.amount()].into_iter());
        let (rows, intervals) = (rows.filter(|_| is_further), loaded.ranges().to_vec());
        Self { rows, bytes, seconds, intervals, ..later }
    }

    fn amount(&self) -> Estimate {
        Estimate { rows: self.rows, bytes: self.bytes, seconds: self.seconds }
    }

    fn units(&self) -> u64 {
        units(&self.intervals, self.unit)
    }
}

impl Cost {
    /// All that was spent.
    pub fn total(&self) -> Estimate {
        Estimate::sum(self.spent.iter().map(Work::amount))
    }

    /// What it took to fill each table as it is: the last fill of one that is filled as a whole, all loads of another.
    pub fn by_table(&self) -> BTreeMap<TableKey, Work> {
        let mut tables: BTreeMap<TableKey, Work> = BTreeMap::new();
        for work in &self.spent {
            let all = match tables.remove(&work.key) {
                Some(earlier) => earlier.and(work.clone()),
                None => work.clone(),
            };
            tables.insert(work.key.clone(), all);
        }
        tables
    }
}

impl Saved {
    /// Of so many tables, and the newest build of each of which one is known. Where a table is loaded by interval, that may
    /// be a part of it.
    pub fn of(pointers: usize, newest: &[Work]) -> Self {
        let sum = Estimate::sum(newest.iter().map(Work::amount));
        let is_all = newest.len() == pointers && newest.iter().all(|work| work.intervals.is_empty());
        let work = if is_all { Took::All(sum) } else { Took::AtLeast(sum) };
        Self { pointers, work: (!newest.is_empty()).then_some(work) }
    }
}

impl Due {
    /// What several models take together; `None` where some model's share cannot be told.
    pub fn total(all: &[Self]) -> Option<Estimate> {
        let all: Option<Vec<Estimate>> = all.iter().map(|due| due.estimate).collect();
        all.map(|all| Estimate::sum(all.into_iter()))
    }
}

impl Estimate {
    fn sum(amounts: impl Iterator<Item = Self>) -> Self {
        let nothing = Self { rows: Some(0), bytes: Some(0), seconds: 0.0 };
        let add = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        amounts.fold(nothing, |sum, next| Self {
            rows: add(sum.rows, next.rows),
            bytes: add(sum.bytes, next.bytes),
            seconds: sum.seconds + next.seconds,
        })
    }
}

impl Price {
    /// What an amount of work costs; `None` where what the price is for was not counted, or there is no price.
    pub fn of(&self, work: &Estimate) -> Option<f64> {
        const TEBIBYTE: f64 = (1_u64 << 40) as f64;
        let for_bytes = match self.tebibyte {
            Some(price) => Some(work.bytes? as f64 / TEBIBYTE * price),
            None => None,
        };
        let for_time = self.hour.map(|price| work.seconds / 3_600.0 * price);
        match (for_bytes, for_time) {
            (None, None) => None,
            (bytes, time) => Some(bytes.unwrap_or(0.0) + time.unwrap_or(0.0)),
        }
        .filter(|amount| amount.is_finite() && *amount >= 0.0)
    }
}

/// What loading the rest of the models that the branch changes will take, as far as `earlier` builds of the same model
/// tell.
pub fn estimates(plan: &Plan, earlier: &BTreeMap<ModelName, Vec<Work>>) -> BTreeMap<ModelName, Estimate> {
    let of = |model: &PlannedModel| {
        let units = units(&model.due_at_promote, model.unit);
        let earlier = earlier.get(&model.name)?;
        let estimate = if units == 0 { estimate_whole(earlier) } else { estimate(earlier, units, model.unit) };
        Some((model.name.clone(), estimate?))
    };
    plan.models.iter().filter(|model| model.is_due()).filter_map(of).collect()
}

/// What promote will still load for the models that the branch changes, in the plan's order.
pub(super) fn due(plan: &Plan, cost: &Cost) -> Vec<Due> {
    let of = |model: &PlannedModel| Due {
        model: model.name.clone(),
        units: units(&model.due_at_promote, model.unit),
        unit: model.unit,
        estimate: cost.estimates.get(&model.name).copied(),
    };
    plan.models.iter().filter(|model| model.is_due()).map(of).collect()
}

/// The earlier builds' work for as many units.
fn estimate(earlier: &[Work], units: u64, unit: IntervalUnit) -> Option<Estimate> {
    let alike: Vec<&Work> = earlier.iter().filter(|work| work.unit == unit && work.units() > 0).collect();
    let known: u64 = alike.iter().map(|work| work.units()).sum();
    if known == 0 {
        return None;
    }
    let sum = Estimate::sum(alike.into_iter().map(Work::amount));
    let share = units as f64 / known as f64;
    let scaled = |count: Option<u64>| count.map(|count| (count as f64 * share).round() as u64);
    Some(Estimate { rows: scaled(sum.rows), bytes: scaled(sum.bytes), seconds: sum.seconds * share })
}

/// The most that an earlier build of the whole took: those of previews took less.
fn estimate_whole(earlier: &[Work]) -> Option<Estimate> {
    let wholes = earlier.iter().filter(|work| work.intervals.is_empty()).map(Work::amount);
    wholes.max_by(|one, other| one.seconds.total_cmp(&other.seconds))
}

/// How many units these ranges hold.
pub fn units(intervals: &[Interval], unit: IntervalUnit) -> u64 {
    intervals.iter().map(|interval| interval.units(unit)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Digest;
    use crate::time::Timestamp;

    fn days(days: i64) -> Vec<Interval> {
        vec![Interval { start: Timestamp(0), end: Timestamp(days * 86_400_000) }]
    }

    fn work(days_loaded: i64, bytes: Option<u64>, seconds: f64) -> Work {
        let model = ModelName::parse("marts.revenue").expect("a name");
        let key = TableKey { model, data_fingerprint: Digest::of("test", "revenue") };
        Work { key, rows: Some(100), bytes, seconds, unit: IntervalUnit::Day, intervals: days(days_loaded) }
    }

    #[test]
    fn what_is_due_is_estimated_from_builds_of_the_same_model() {
        let found = estimate(&[work(10, Some(50), 5.0), work(30, Some(150), 15.0)], 400, IntervalUnit::Day);
        assert_eq!(found, Some(Estimate { rows: Some(2_000), bytes: Some(2_000), seconds: 200.0 }));
        assert_eq!(estimate(&[], 400, IntervalUnit::Day), None);
        assert_eq!(estimate(&[work(10, None, 5.0)], 400, IntervalUnit::Hour), None, "hours tell nothing of days");
    }

    #[test]
    fn what_one_build_did_not_count_is_not_known_of_all() {
        let cost = Cost { spent: vec![work(1, Some(5), 1.0), work(1, None, 2.0)], ..Cost::default() };
        assert_eq!(cost.total(), Estimate { rows: Some(200), bytes: None, seconds: 3.0 });
    }

    #[test]
    fn a_table_holds_its_last_fill_or_all_that_was_loaded() {
        let later = |from: i64, to: i64| {
            vec![Interval { start: Timestamp(from * 86_400_000), end: Timestamp(to * 86_400_000) }]
        };
        let table = |spent: Vec<Work>| {
            let tables = Cost { spent, ..Cost::default() }.by_table();
            tables.into_values().next().map(|work| (work.rows, work.seconds, work.intervals))
        };
        let resumed = Work { intervals: later(17, 30), ..work(0, None, 2.0) };
        assert_eq!(table(vec![work(17, None, 1.0), resumed.clone()]), Some((Some(200), 3.0, days(30))));
        let again = Work { intervals: later(10, 30), ..resumed };
        assert_eq!(table(vec![work(17, None, 1.0), again]), Some((None, 3.0, days(30))), "some rows came twice");
        let whole = |seconds| Work { intervals: Vec::new(), ..work(0, None, seconds) };
        assert_eq!(table(vec![whole(1.0), whole(4.0)]), Some((Some(100), 4.0, Vec::new())));
    }

    #[test]
    fn what_reuse_saved_is_no_total_where_a_part_is_unknown() {
        let whole = Work { intervals: Vec::new(), ..work(0, None, 2.0) };
        let amount = |rows, seconds| Estimate { rows: Some(rows), bytes: None, seconds };
        let took = |pointers, newest: &[Work]| Saved::of(pointers, newest).work;
        assert_eq!(took(1, std::slice::from_ref(&whole)), Some(Took::All(amount(100, 2.0))));
        assert_eq!(took(2, std::slice::from_ref(&whole)), Some(Took::AtLeast(amount(100, 2.0))));
        let loaded = [whole, work(1, None, 1.0)];
        assert_eq!(took(2, &loaded), Some(Took::AtLeast(amount(200, 3.0))), "earlier loads are not in it");
        assert_eq!(took(2, &[]), None);
    }

    #[test]
    fn money_needs_a_price_and_what_it_is_for() {
        let price = Price { currency: "$".into(), tebibyte: Some(6.0), hour: None };
        let work = |bytes| Estimate { rows: None, bytes, seconds: 3_600.0 };
        assert_eq!(price.of(&work(Some(1 << 39))), Some(3.0));
        assert_eq!(price.of(&work(None)), None, "not counted is never 0");
        let hourly = Price { tebibyte: None, hour: Some(2.0), ..price.clone() };
        assert_eq!(hourly.of(&work(None)), Some(2.0));
        assert_eq!(Price { tebibyte: None, ..price }.of(&work(None)), None);
    }
}
