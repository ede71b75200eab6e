//! When a model is due. The only user of `croner`.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use croner::parser::{CronParser, Seconds, Year};

use serde::{Deserialize, Serialize};

use super::{IntervalUnit, TimeZone, Timestamp};

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

    /// The last moment at or before `moment` at which it fires by the clocks of a time zone; `moment` itself where it never
    /// fired before.
    pub fn floor(&self, moment: Timestamp, zone: TimeZone) -> Timestamp {
        let local = moment.moment().with_timezone(&zone.zone());
        let found = self.schedule.find_previous_occurrence(&local, true);
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
        let floor = |moment| weekly.floor(moment, TimeZone::default());
        assert_eq!(floor(moment).date_time(), "2026-01-04 00:00:00");
        assert_eq!(floor(floor(moment)), floor(moment));
    }

    /// What SQLMesh 0.236.4 (`cron_floor` of a model with `cron_tz`) says too.
    #[test]
    fn ticks_are_by_the_clocks_of_a_time_zone() {
        for (zone, cron, now, tick) in [
            ("Europe/Berlin", "@daily", "2026-03-28 23:30", "2026-03-28 23:00"),
            ("Europe/Berlin", "@daily", "2026-03-29 21:59", "2026-03-28 23:00"),
            ("Europe/Berlin", "@daily", "2026-03-29 23:00", "2026-03-29 22:00"),
            ("Europe/Berlin", "@daily", "2026-10-25 22:59", "2026-10-24 22:00"),
            ("Europe/Berlin", "@daily", "2026-10-25 23:30", "2026-10-25 23:00"),
            ("Europe/Berlin", "@monthly", "2026-07-01 12:00", "2026-06-30 22:00"),
            ("Europe/Berlin", "0 2 * * MON", "2026-07-01 12:00", "2026-06-29 00:00"),
            ("Europe/Berlin", "0 */6 * * *", "2026-10-24 22:30", "2026-10-24 22:00"),
            ("Europe/Berlin", "30 2 * * *", "2026-10-25 23:30", "2026-10-25 00:30"),
            ("America/New_York", "0 3 * * *", "2026-03-08 06:59", "2026-03-07 08:00"),
            ("America/New_York", "0 3 * * *", "2026-03-08 07:00", "2026-03-08 07:00"),
            ("America/New_York", "30 1 * * *", "2026-11-01 07:45", "2026-11-01 05:30"),
            ("Asia/Kolkata", "@daily", "2026-03-28 23:30", "2026-03-28 18:30"),
            ("", "@daily", "2026-03-28 23:30", "2026-03-28 00:00"),
        ] {
            assert_eq!(floor(zone, cron, now), format!("{tick}:00"), "{zone} {cron} {now}");
        }
    }

    /// An hour that there is not ends at once, and of one that comes twice the first counts, once a day; SQLMesh's ticks are
    /// some hours off, and may lie ahead, on the days when clocks change.
    #[test]
    fn ticks_go_on_where_clocks_change() {
        for (zone, cron, now, tick) in [
            ("Europe/Berlin", "30 2 * * *", "2026-03-29 00:59", "2026-03-28 01:30"),
            ("Europe/Berlin", "30 2 * * *", "2026-03-29 02:30", "2026-03-29 01:00"),
            ("Europe/Berlin", "30 2 * * *", "2026-10-25 01:29", "2026-10-25 00:30"),
            ("Europe/Berlin", "30 2 * * *", "2026-10-25 01:31", "2026-10-25 00:30"),
            ("Europe/Berlin", "@hourly", "2026-03-29 00:59", "2026-03-29 00:00"),
            ("Europe/Berlin", "@hourly", "2026-10-25 01:29", "2026-10-25 01:00"),
            ("America/Sao_Paulo", "@daily", "2018-11-04 02:59", "2018-11-03 03:00"),
            ("America/Sao_Paulo", "@daily", "2018-11-04 03:00", "2018-11-04 03:00"),
        ] {
            assert_eq!(floor(zone, cron, now), format!("{tick}:00"), "{zone} {cron} {now}");
        }
    }

    fn floor(zone: &str, cron: &str, now: &str) -> String {
        let zone = TimeZone::parse(zone).expect("a time zone");
        let now = Timestamp::parse(now).expect("a moment");
        Cron::parse(cron).expect("a schedule").floor(now, zone).date_time()
    }

    /// Through both changes of the clocks: no tick lies ahead, none is before an earlier one, and each is its own.
    #[test]
    fn ticks_never_go_back() {
        let zones =
            ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca"];
        for (zone, cron) in zones.iter().flat_map(|zone| NAMES.iter().map(move |(_, cron, _)| (zone, *cron))) {
            let (zone, cron) = (TimeZone::parse(zone).expect("a time zone"), Cron::parse(cron).expect("a schedule"));
            let start = Timestamp::parse("2026-01-01").expect("a date");
            let mut last = cron.floor(start, zone);
            for step in 1..900_i64 {
                let now = Timestamp(start.0 + step * 10 * 3_600_000 + step * 300_000);
                let tick = cron.floor(now, zone);
                assert!(last <= tick && tick <= now, "{} {} {}", zone.name(), cron.text(), now.date_time());
                assert_eq!(cron.floor(tick, zone), tick, "{} {}", zone.name(), cron.text());
                last = tick;
            }
        }
    }
}
