//! Times as authors write them: absolute, or relative to the present such as `1 week ago`.

use chrono::{Months, TimeDelta};

use super::{IntervalUnit, Timestamp};

/// The moment that a relative text means at `now`: `now`, `today`, `yesterday`, `tomorrow`, `3 days ago`,
/// `in 1 week`, `1 week`; days and longer units count from midnight, as SQLMesh does. `None` where it is no such text.
pub fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim().to_ascii_lowercase();
    let today = IntervalUnit::Day.floor(now);
    match text.as_str() {
        "now" => return Some(now),
        "today" => return Some(today),
        "yesterday" => return shift(today, -1, "day"),
        "tomorrow" => return shift(today, 1, "day"),
        _ => {}
    }
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let past = words.last() == Some(&"ago");
    if past {
        words.pop();
    } else if words.first() == Some(&"in") {
        words.remove(0);
    }
    let [count, unit] = words[..] else { return None };
    let count = match count {
        "a" | "an" | "one" => 1,
        digits => digits.parse::<u32>().ok()?,
    };
    let unit = unit.strip_suffix('s').unwrap_or(unit);
    let from = if matches!(unit, "second" | "minute" | "min" | "hour") { now } else { today };
    shift(from, if past { -i64::from(count) } else { i64::from(count) }, unit)
}

fn shift(from: Timestamp, count: i64, unit: &str) -> Option<Timestamp> {
    let months = |number: i64| {
        let months = Months::new(u32::try_from(number.checked_mul(count)?.abs()).ok()?);
        let moment = from.moment();
        if count < 0 { moment.checked_sub_months(months) } else { moment.checked_add_months(months) }
    };
    let span = match unit {
        "second" => TimeDelta::try_seconds(count),
        "minute" | "min" => TimeDelta::try_minutes(count),
        "hour" => TimeDelta::try_hours(count),
        "day" => TimeDelta::try_days(count),
        "week" => TimeDelta::try_weeks(count),
        "month" => return months(1).map(|moment| Timestamp(moment.timestamp_millis())),
        "year" => return months(12).map(|moment| Timestamp(moment.timestamp_millis())),
        _ => None,
    }?;
    from.moment().checked_add_signed(span).map(|moment| Timestamp(moment.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_texts_count_from_now_or_midnight() {
        let now = Timestamp::parse("2026-03-31 10:30:00").expect("a moment");
        let table = [
            ("1 week ago", "2026-03-24 00:00:00"),
            ("Yesterday", "2026-03-30 00:00:00"),
            ("2 hours ago", "2026-03-31 08:30:00"),
            ("1 month ago", "2026-02-28 00:00:00"),
            ("in 1 week", "2026-04-07 00:00:00"),
            ("1 year", "2027-03-31 00:00:00"),
        ];
        for (text, expected) in table {
            assert_eq!(relative(text, now).map(Timestamp::date_time).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "soon", "1 fortnight ago", "99999999999 days ago", "4294967295 years ago", "-1 day"] {
            assert_eq!(relative(text, now), None, "{text}");
        }
    }
}
