//! When a model is due. The only user of `croner`; everything is in UTC.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use croner::parser::{CronParser, Seconds, Year};

use serde::{Deserialize, Serialize};

use super::{IntervalUnit, Timestamp};

/// A schedule: `@daily` and its like, or five fields.
#[derive(Clone, Debug)]
pub struct Cron {
    text: Arc<str>,
    unit: IntervalUnit,
    schedule: Arc<croner::Cron>,
}

/// Schedules that were read before: a project has thousands of models and a handful of schedules, and reading one costs
/// more than reading the file that it stands in.
static READ: RwLock<BTreeMap<Arc<str>, Cron>> = RwLock::new(BTreeMap::new());
/// More different schedules than any project has.
const READ_LIMIT: usize = 1_000;

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CronError(pub String);

/// Names for schedules, with what they mean and their unit.
const NAMES: [(&str, &str, IntervalUnit); 7] = [
    ("@hourly", "0 * * * *", IntervalUnit::Hour),
    ("@daily", "0 0 * * *", IntervalUnit::Day),
    ("@midnight", "0 0 * * *", IntervalUnit::Day),
    ("@weekly", "0 0 * * 0", IntervalUnit::Day),
    ("@monthly", "0 0 1 * *", IntervalUnit::Month),
    ("@yearly", "0 0 1 1 *", IntervalUnit::Year),
    ("@annually", "0 0 1 1 *", IntervalUnit::Year),
];

/// Gaps that are looked at: a year of a daily schedule, so that every gap between months is among them.
const GAPS: usize = 400;
/// Leap days come at most this many years apart, so a schedule that is silent for longer never fires.
const SILENT_YEARS: i64 = 9;

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl Serialize for Cron {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Cron {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Default for Cron {
    fn default() -> Self {
        Self::parse("@daily").unwrap_or_else(|_| unreachable!("`@daily` is a schedule"))
    }
}

impl Cron {
    /// Reads a schedule.
    ///
    /// # Errors
    /// It is neither a known `@name` nor five fields, or it fires more often than every five minutes, or never.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let text = text.trim();
        if let Some(known) = READ.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(known.clone());
        }
        let cron = Self::parse_anew(text)?;
        let mut read = READ.write().unwrap_or_else(PoisonError::into_inner);
        if read.len() < READ_LIMIT {
            read.insert(cron.text.clone(), cron.clone());
        }
        Ok(cron)
    }

    fn parse_anew(text: &str) -> Result<Self, CronError> {
        let named = NAMES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(text));
        let fields = named.map_or(text, |(_, fields, _)| fields);
        if named.is_none() && (text.contains('@') || fields.split_whitespace().count() != 5) {
            let names: Vec<&str> = NAMES.iter().map(|(name, ..)| *name).collect();
            return Err(CronError(format!("`{text}` is neither five fields nor one of {}", names.join(", "))));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let schedule = parser.parse(fields).map_err(|error| CronError(format!("`{text}` is no schedule: {error}")))?;
        let unit = named.map_or_else(|| unit_of(&schedule, text), |(.., unit)| Ok(*unit))?;
        Ok(Self { text: text.into(), unit, schedule: Arc::new(schedule) })
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The coarsest unit that fits into its smallest gap (research: SQLMesh, section 6.1).
    pub fn interval_unit(&self) -> IntervalUnit {
        self.unit
    }

    /// The last moment at or before `moment` at which it fires; `moment` itself where it never fired before.
    pub fn floor(&self, moment: Timestamp) -> Timestamp {
        let found = self.schedule.find_previous_occurrence(&moment.moment(), true);
        found.map_or(moment, |time| Timestamp(time.timestamp_millis()))
    }
}

fn unit_of(schedule: &croner::Cron, text: &str) -> Result<IntervalUnit, CronError> {
    let first = Utc.with_ymd_and_hms(2020, 1, 1, 0, 0, 0).single().unwrap_or_default();
    let mut smallest = TimeDelta::MAX;
    let mut last: Option<DateTime<Utc>> = None;
    for _ in 0..GAPS {
        let from = last.unwrap_or(first);
        let next = schedule.find_next_occurrence(&from, last.is_none()).ok();
        let next = next.filter(|next| *next - from < TimeDelta::days(366 * SILENT_YEARS));
        let next = next.ok_or_else(|| CronError(format!("`{text}` never fires")))?;
        if let Some(last) = last {
            smallest = smallest.min(next - last);
        }
        last = Some(next);
        if next - first > TimeDelta::days(366 * 30) || smallest < TimeDelta::minutes(5) {
            break;
        }
    }
    unit_within(smallest).ok_or_else(|| CronError(format!("`{text}` fires more often than every five minutes")))
}

fn unit_within(gap: TimeDelta) -> Option<IntervalUnit> {
    let least = |unit: &IntervalUnit| match unit {
        IntervalUnit::Year => TimeDelta::days(365),
        IntervalUnit::Month => TimeDelta::days(28),
        IntervalUnit::Day => TimeDelta::days(1),
        IntervalUnit::Hour => TimeDelta::hours(1),
        IntervalUnit::HalfHour => TimeDelta::minutes(30),
        IntervalUnit::QuarterHour => TimeDelta::minutes(15),
        IntervalUnit::FiveMinute => TimeDelta::minutes(5),
    };
    IntervalUnit::ALL.into_iter().find(|unit| least(unit) <= gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_the_coarsest_that_fits() {
        use IntervalUnit::*;
        let table = [
            ("@yearly", Year),
            ("@monthly", Month),
            ("@weekly", Day),
            ("@daily", Day),
            ("@hourly", Hour),
            ("0 0 29 2 *", Year),
            ("0 0 31 * *", Month),
            ("0 0 1,15 * *", Day),
            ("0 */2 * * *", Hour),
            ("*/30 * * * *", HalfHour),
            ("*/20 * * * *", QuarterHour),
            ("0,5,30 1 * * *", FiveMinute),
            ("0 0,23 1,28 * *", Hour),
            (" 0 7 * * MON-FRI ", Day),
        ];
        for (text, unit) in table {
            assert_eq!(Cron::parse(text).map(|cron| cron.interval_unit()), Ok(unit), "{text}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "daily",
            "@never",
            "* * * * *",
            "*/4 * * * *",
            "0 0 31 2 *",
            "0 0 0 * * *",
            "61 * * * *",
            "@daily @daily",
        ] {
            assert!(Cron::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn floor_is_the_last_tick() {
        let weekly = Cron::parse("@weekly").expect("a schedule");
        let moment = Timestamp::parse("2026-01-07 10:00").expect("a moment");
        assert_eq!(weekly.floor(moment).date_time(), "2026-01-04 00:00:00");
        assert_eq!(weekly.floor(weekly.floor(moment)), weekly.floor(moment));
    }
}
