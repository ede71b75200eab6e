//! Values of the sources and of what is made of them, as the warehouse tells them in texts.

use offshoot::time::Timestamp;

/// An hour and a day, in milliseconds.
pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Null,
    Number(i64),
    Text(String),
    /// A day, by its first moment.
    Day(i64),
    Moment(i64),
}

impl Value {
    /// As `CAST(… AS VARCHAR)` gives it.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Day(day) => Some(Timestamp(*day).date()),
            Self::Moment(moment) => Some(Timestamp(*moment).date_time()),
        }
    }

    /// As a literal of SQL.
    pub(crate) fn literal(&self) -> String {
        match (self, self.text()) {
            (Self::Number(number), _) => number.to_string(),
            (Self::Day(_), Some(text)) => format!("DATE '{text}'"),
            (Self::Moment(_), Some(text)) => format!("TIMESTAMP '{text}'"),
            (_, Some(text)) => format!("'{text}'"),
            (_, None) => "NULL".to_owned(),
        }
    }
}

/// The first moment of a day in 2026.
pub(crate) fn midnight(date: &str) -> i64 {
    Timestamp::parse(date).expect("a day").0
}

/// The first moment of the day of a moment: the last tick of a daily `cron`.
pub(crate) fn tick(now: i64) -> i64 {
    now - now.rem_euclid(DAY)
}
