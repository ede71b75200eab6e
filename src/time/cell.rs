//! Moments as files of rows have them, which engines read otherwise or not at all: with an offset, or by the customs of a country.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};

/// A date and time with an offset as the same moment in UTC, `2026-01-31 12:30:00` with a fraction where there is one; `None` where
/// the text is none, or says no offset.
pub fn in_utc(text: &str) -> Option<String> {
    let text = text.trim();
    // Before these a sign is none of an offset, and all other texts are done with at once.
    let after_hours = text.get(13..)?;
    if !after_hours.contains(['+', '-', 'Z', 'z']) {
        return None;
    }
    let spaced = text.replacen(['T', 't'], " ", 1);
    let formats = ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f %#z", "%Y-%m-%d %H:%M%#z", "%Y-%m-%d %H:%M %#z"];
    let moment = formats.iter().find_map(|format| DateTime::parse_from_str(&spaced, format).ok())?;
    Some(moment.naive_utc().format(ISO).to_string())
}

/// How the dates of a column are written where that is not ISO 8601. Which of day and month comes first is said by one of them
/// alone (`01/02/2026` is the second of January), so all have the style of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateStyle {
    date: &'static str,
}

/// As pandas guesses: the month comes first unless it cannot.
const DATES: [&str; 11] = [
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%m.%d.%Y",
    "%d.%m.%Y",
    "%B %d %Y",
    "%B %d, %Y",
    "%d %B %Y",
    "%d-%B-%Y",
    "%Y%m%d",
];
const TIMES: [&str; 4] = [" %H:%M", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p"];
const ISO: &str = "%Y-%m-%d %H:%M:%S%.f";

impl DateStyle {
    /// The style of a date, or date and time; `None` where it has none of them.
    pub fn of(text: &str) -> Option<Self> {
        DATES.into_iter().map(|date| Self { date }).find(|style| style.iso(text).is_some())
    }

    /// A text of this style as ISO 8601 has it: `2026-01-31`, or `2026-01-31 12:30:00`.
    pub fn iso(self, text: &str) -> Option<String> {
        let text = text.trim();
        // Two digits are no year that anybody means.
        let has_year = |year: i32| (1000..=9999).contains(&year);
        if let Ok(date) = NaiveDate::parse_from_str(text, self.date) {
            return has_year(date.year()).then(|| date.to_string());
        }
        let moment = TIMES.iter().find_map(|time| {
            let format = format!("{}{time}", self.date);
            NaiveDateTime::parse_from_str(text, &format).ok()
        })?;
        has_year(moment.year()).then(|| moment.format(ISO).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_counted_in() {
        for (text, utc) in [
            ("2026-01-01 10:00:00+02:00", "2026-01-01 08:00:00"),
            ("2026-01-01 23:30:00.25 -0530", "2026-01-02 05:00:00.250"),
            ("2026-01-01T10:00+02", "2026-01-01 08:00:00"),
            ("2026-01-01T10:00:00Z", "2026-01-01 10:00:00"),
            ("2026-01-01 10:00:00.1234567 +02:00", "2026-01-01 08:00:00.123456700"),
        ] {
            assert_eq!(in_utc(text).as_deref(), Some(utc), "{text}");
        }
        for text in [
            "2026-01-01",
            "2026-01-01 10:00:00",
            "2026-01-01 10:00:00 Europe/Berlin",
            "+",
            "10:00+02",
            "é-01-01 10:00:00+02",
        ] {
            assert_eq!(in_utc(text), None, "{text}");
        }
    }

    #[test]
    fn a_column_has_the_style_of_its_first_date() {
        let iso = |first: &str, text: &str| DateStyle::of(first).and_then(|style| style.iso(text));
        for (first, text, date) in [
            ("01/02/2026", "3/4/2026", "2026-03-04"),
            ("13/02/2026", "01/02/2026", "2026-02-01"),
            ("1.2.2026", "01.02.2026 10:30", "2026-01-02 10:30:00"),
            ("01/02/2026 9:30 PM", "01/02/2026 12:00 AM", "2026-01-02 00:00:00"),
            ("Jan 2 2026", "February 3 2026", "2026-02-03"),
            ("Jan 2, 2026", "Feb 3, 2026", "2026-02-03"),
            ("2 Jan 2026", "31 Dec 2025", "2025-12-31"),
            ("02-Jan-2026", "3-Feb-2026", "2026-02-03"),
            ("20260102", "20251231", "2025-12-31"),
        ] {
            assert_eq!(iso(first, text).as_deref(), Some(date), "{first} {text}");
        }
        assert_eq!(iso("01/02/2026", "13/02/2026"), None, "the month is first");
        for first in ["2026-01-02", "2026-01-02 10:00", "01/02/26", "2-Jan-26", "2026/01/02", "10:30", "2026", "x", ""]
        {
            assert_eq!(DateStyle::of(first), None, "{first}");
        }
    }
}
