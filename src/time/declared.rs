//! Times as authors write them: absolute, or relative to the present such as `1 week ago`.

use chrono::{Datelike, Months, NaiveDate, TimeDelta};

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
    let (count, unit) = span(&text)?;
    let from = if matches!(unit, "second" | "minute" | "min" | "hour") { now } else { today };
    shift(from, count, unit)
}

/// A date that is written out in a way that means one day everywhere, such as `2026/01/31`, `Jan 31, 2026` or `31 January 2026`, as
/// `2026-01-31`.
pub fn written_out(text: &str) -> Option<String> {
    let formats = ["%Y/%m/%d", "%B %d %Y", "%B %d, %Y", "%d %B %Y"];
    let date = formats.iter().find_map(|format| NaiveDate::parse_from_str(text.trim(), format).ok())?;
    // Two digits are no year that anybody means.
    (date.year() >= 1000).then(|| date.format("%Y-%m-%d").to_string())
}

/// The end that somebody states: a date is a day that belongs to it, a moment does not. A relative text is a moment.
pub fn inclusive_end(text: &str, now: Timestamp) -> Option<Timestamp> {
    let moment = moment(text, now)?;
    if Timestamp::is_date(text) { Some(IntervalUnit::Day.next(moment)) } else { Some(moment) }
}

/// A moment as somebody states it, absolute or relative.
pub fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| relative(text, now))
}

/// The moment that is so much later than another, to the time of day: what lives `in 1 week` lives no hour less.
pub fn later(text: &str, than: Timestamp) -> Option<Timestamp> {
    let text = text.trim().to_ascii_lowercase();
    let (count, unit) = if text == "tomorrow" { (1, "day") } else { span(&text)? };
    shift(than, count, unit).filter(|moment| *moment > than)
}

/// So many units; less than none where they are past.
fn span(text: &str) -> Option<(i64, &str)> {
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
        digits => i64::from(digits.parse::<u32>().ok()?),
    };
    Some((if past { -count } else { count }, unit.strip_suffix('s').unwrap_or(unit)))
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
        for text in ["", "in", "soon", "1 fortnight ago", "99999999999 days ago", "4294967295 years ago", "-1 day"] {
            assert_eq!(relative(text, now), None, "{text}");
        }
    }

    #[test]
    fn a_date_that_is_written_out_means_one_day() {
        for text in ["2026/01/05", "2026/1/5", "Jan 5 2026", "January 5, 2026", "5 jan 2026"] {
            assert_eq!(written_out(text).as_deref(), Some("2026-01-05"), "{text}");
        }
        for text in ["01/02/2026", "5.1.2026", "Jan 2026", "Jan 5 26", "2026/13/01", "2026-01-05 x"] {
            assert_eq!(written_out(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_belongs_to_what_it_ends() {
        let now = Timestamp::parse("2026-03-31 10:30").expect("a moment");
        let ends = ["2026-02-28", "2026-02-28 06:00", "yesterday", "soon"];
        let ends = ends.map(|text| inclusive_end(text, now).map(Timestamp::date_time));
        let expected = ["2026-03-01 00:00:00", "2026-02-28 06:00:00", "2026-03-30 00:00:00"];
        assert_eq!(ends, [Some(expected[0].into()), Some(expected[1].into()), Some(expected[2].into()), None]);
    }

    #[test]
    fn a_lifetime_is_as_long_as_it_says() {
        let late = Timestamp::parse("2026-03-31 23:59:59").expect("a moment");
        let table = [
            ("in 1 day", "2026-04-01 23:59:59"),
            ("tomorrow", "2026-04-01 23:59:59"),
            ("1 month", "2026-04-30 23:59:59"),
            ("in 90 seconds", "2026-04-01 00:01:29"),
        ];
        for (text, expected) in table {
            assert_eq!(later(text, late).map(Timestamp::date_time).as_deref(), Some(expected), "{text}");
        }
        for text in ["now", "today", "yesterday", "1 day ago", "0 days", "4294967295 years"] {
            assert_eq!(later(text, late), None, "{text}");
        }
    }
}
