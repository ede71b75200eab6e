//! Points in time, half-open ranges of them, and the units in which incremental models are loaded. All in UTC.
//!
//! This module never asks for the present time: `now` is an argument everywhere. It alone knows `chrono`, and `cron` below it `croner`.

mod cell;
mod cron;
mod declared;
mod interval;
mod zone;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, Months, NaiveDate, NaiveDateTime, TimeZone as _, Timelike as _, Utc};
use serde::{Deserialize, Serialize};

pub use cell::{DateStyle, in_utc};
pub use cron::{Cron, CronError};
pub use declared::{inclusive_end, later, moment, relative, written_out};
pub use interval::{Interval, Intervals};
pub use zone::{TimeZone, TimeZoneError};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// The ends of the calendar: what engines know as dates, with four digits of the year.
const FIRST: Timestamp = Timestamp(-62_135_596_800_000);
const LAST: Timestamp = Timestamp(253_370_764_800_000);

/// The beginning of a month.
fn first_of(year: i32, month: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0).single().unwrap_or_default()
}

/// Somebody who knows the time and can wait; in tests time passes at once.
pub trait Waiting {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Waits so long, or until somebody asks the run to stop.
    fn wait(&self, how_long: Duration) -> Waited;
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// All of it passed.
    Whole,
    /// Somebody asked the run to stop.
    Interrupted,
}

impl Timestamp {
    /// So many times 24 hours earlier, or the first moment that there is.
    pub fn days_before(self, days: u32) -> Self {
        Self(self.0.saturating_sub(IntervalUnit::Day.fixed_length().saturating_mul(days.into())))
    }

    /// Reads `2026-01-31`, `2026-01-31 12:30[:00[.5]]`, the same with `T`, and RFC 3339 with an offset.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Some(Self(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis()));
        }
        if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            return Some(Self(moment.timestamp_millis()));
        }
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|moment| Self(moment.and_utc().timestamp_millis()))
    }

    /// Whether a text is a date without a time of day.
    pub fn is_date(text: &str) -> bool {
        NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").is_ok()
    }

    /// `2026-01-31`.
    pub fn date(self) -> String {
        self.moment().format("%Y-%m-%d").to_string()
    }

    /// `2026-01-31 12:30:00` with a fraction only where there is one.
    pub fn date_time(self) -> String {
        self.moment().format("%Y-%m-%d %H:%M:%S%.f").to_string()
    }

    /// RFC 3339 with `Z`.
    pub fn rfc3339(self) -> String {
        self.moment().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    }

    /// As `strftime` prints it; an invalid format is `None`.
    pub fn format(self, format: &str) -> Option<String> {
        use fmt::Write as _;
        let mut text = String::new();
        write!(text, "{}", self.moment().format(format)).ok()?;
        Some(text)
    }

    /// The hour of the day, 0 to 23.
    pub fn hour(self) -> u32 {
        self.moment().hour()
    }

    /// Months since the year 0.
    fn months(self) -> i64 {
        let moment = self.moment();
        i64::from(moment.year()) * 12 + i64::from(moment.month0())
    }

    fn moment(self) -> DateTime<Utc> {
        Utc.timestamp_millis_opt(self.0).single().unwrap_or_default()
    }
}

/// The grain at which a time-range model is loaded and recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalUnit {
    /// Calendar years.
    Year,
    /// Calendar months.
    Month,
    /// Days from midnight.
    Day,
    /// Hours.
    Hour,
    /// 30 minutes.
    HalfHour,
    /// 15 minutes.
    QuarterHour,
    /// 5 minutes.
    FiveMinute,
}

impl IntervalUnit {
    /// Every unit, coarsest first.
    pub const ALL: [Self; 7] =
        [Self::Year, Self::Month, Self::Day, Self::Hour, Self::HalfHour, Self::QuarterHour, Self::FiveMinute];

    /// The name that `interval_unit` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::HalfHour => "half_hour",
            Self::QuarterHour => "quarter_hour",
            Self::FiveMinute => "five_minute",
        }
    }

    /// Whether intervals of this unit need a time of day to be told.
    pub fn is_shorter_than_a_day(self) -> bool {
        self > Self::Day
    }

    /// The unit's beginning at or before a moment.
    pub fn floor(self, moment: Timestamp) -> Timestamp {
        let date = moment.moment();
        match self {
            Self::Year => Timestamp(first_of(date.year(), 1).timestamp_millis()),
            Self::Month => Timestamp(first_of(date.year(), date.month()).timestamp_millis()),
            other => {
                let length = other.fixed_length();
                Timestamp(moment.0.div_euclid(length) * length)
            }
        }
    }

    /// The unit's beginning after a moment.
    pub fn next(self, moment: Timestamp) -> Timestamp {
        let start = self.floor(moment);
        let months = match self {
            Self::Year => 12,
            Self::Month => 1,
            other => return Timestamp(start.0 + other.fixed_length()),
        };
        let later = start.moment().checked_add_months(Months::new(months));
        Timestamp(later.unwrap_or_default().timestamp_millis())
    }

    /// The unit's beginning at or after a moment.
    pub fn ceil(self, moment: Timestamp) -> Timestamp {
        let start = self.floor(moment);
        if start == moment { moment } else { self.next(moment) }
    }

    /// The unit's beginning `units` before the one that holds a moment.
    pub fn back(self, moment: Timestamp, units: u32) -> Timestamp {
        self.shifted(moment, -i64::from(units))
    }

    /// The unit's beginning `units` after the one that holds a moment.
    pub fn forward(self, moment: Timestamp, units: u32) -> Timestamp {
        self.shifted(moment, i64::from(units))
    }

    /// By arithmetic, and never past the ends of the calendar.
    fn shifted(self, moment: Timestamp, units: i64) -> Timestamp {
        let start = self.floor(moment);
        let months = match self {
            Self::Year => 12,
            Self::Month => 1,
            fixed => {
                let span = units.saturating_mul(fixed.fixed_length());
                return Timestamp(start.0.saturating_add(span).clamp(FIRST.0, LAST.0));
            }
        };
        let month = start.months().saturating_add(units.saturating_mul(months)).clamp(FIRST.months(), LAST.months());
        let month0 = u32::try_from(month.rem_euclid(12)).unwrap_or(0);
        let year = i32::try_from(month.div_euclid(12)).unwrap_or(0);
        Timestamp(first_of(year, month0 + 1).timestamp_millis())
    }

    /// Milliseconds of the units whose length is fixed; those of a day for the others.
    fn fixed_length(self) -> i64 {
        const MINUTE: i64 = 60_000;
        match self {
            Self::Year | Self::Month | Self::Day => 24 * 60 * MINUTE,
            Self::Hour => 60 * MINUTE,
            Self::HalfHour => 30 * MINUTE,
            Self::QuarterHour => 15 * MINUTE,
            Self::FiveMinute => 5 * MINUTE,
        }
    }
}
