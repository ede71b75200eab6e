//! Pieces of text that several faces share: intervals as people read them, counts.

use crate::plan::PlannedModel;
use crate::time::{Interval, IntervalUnit, Timestamp};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// A range as people read it: `2026-01-01 to 2026-01-31 (31 days)`; the last day is in it, unlike in the JSON contract.
pub fn readable_interval(interval: Interval, unit: IntervalUnit) -> String {
    let [start, end] = interval.labels(unit);
    if interval.has_times(unit) {
        return format!("{start} until {end}");
    }
    let last = Timestamp(interval.end.0 - 1).date();
    match (interval.end.0 - interval.start.0) / DAY {
        _ if last <= start => start,
        days => format!("{start} to {last} ({days} days)"),
    }
}

/// Several ranges; more than three are counted.
pub fn readable_intervals(intervals: &[Interval], unit: IntervalUnit) -> String {
    let shown = 3;
    let mut texts: Vec<_> = intervals.iter().take(shown).map(|interval| readable_interval(*interval, unit)).collect();
    if intervals.len() > shown {
        texts.push(format!("{} more ranges", intervals.len() - shown));
    }
    texts.join(", ")
}

/// What promote will load of a model: ranges, or the whole.
pub(super) fn due(model: &PlannedModel) -> String {
    match model.due_at_promote.is_empty() {
        true => ALL_OF_IT.to_owned(),
        false => readable_intervals(&model.due_at_promote, model.unit),
    }
}

/// The same as a number of units; a model that is filled as a whole has none.
pub(super) fn due_units(units: u64, unit: IntervalUnit) -> String {
    if units == 0 { ALL_OF_IT.to_owned() } else { readable_units(units, unit) }
}

const ALL_OF_IT: &str = "all of it";

/// `0.4 s`, `41 s`, `2 min 41 s`.
pub fn readable_seconds(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    let whole = seconds.round();
    if whole < 60.0 { format!("{whole} s") } else { format!("{} min {} s", (whole / 60.0).floor(), whole % 60.0) }
}

/// `1,204,118`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `812 B`, `3.1 GiB`.
pub(super) fn readable_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut value, mut unit) = (bytes as f64, "B");
    for larger in UNITS {
        if value < 1023.95 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// `1 day`, `1,026 days`.
pub(super) fn readable_units(units: u64, unit: IntervalUnit) -> String {
    let noun = match unit {
        IntervalUnit::Year => "year",
        IntervalUnit::Month => "month",
        IntervalUnit::Day => "day",
        IntervalUnit::Hour => "hour",
        IntervalUnit::HalfHour => "half hour",
        IntervalUnit::QuarterHour => "quarter hour",
        IntervalUnit::FiveMinute => "five minutes",
    };
    match (units, unit) {
        (1, _) => format!("1 {noun}"),
        (_, IntervalUnit::FiveMinute) => format!("{} times {noun}", grouped(units)),
        _ => format!("{} {noun}s", grouped(units)),
    }
}

/// The beginning of a text, for places where a long name or message would push everything else away.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `1 model`, `2 models`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The first few of a list.
pub(super) fn some(texts: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let more = texts.len().saturating_sub(most);
    let mut shown: Vec<String> = texts.take(most).collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(start: &str, end: &str) -> Interval {
        let moment = |text| Timestamp::parse(text).expect("a moment");
        Interval::new(moment(start), moment(end)).expect("a range")
    }

    #[test]
    fn intervals_are_readable() {
        let day = IntervalUnit::Day;
        assert_eq!(readable_interval(interval("2026-01-01", "2026-02-01"), day), "2026-01-01 to 2026-01-31 (31 days)");
        assert_eq!(readable_interval(interval("2026-01-01", "2026-01-02"), day), "2026-01-01");
        assert_eq!(
            readable_interval(interval("2026-01-01", "2026-01-01 12:00"), IntervalUnit::Hour),
            "2026-01-01 00:00:00 until 2026-01-01 12:00:00"
        );
        let many = vec![interval("2026-01-01", "2026-01-02"); 5];
        assert!(readable_intervals(&many, day).ends_with("2 more ranges"));
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 999, 1_000, 1_204_118].map(grouped), ["0", "999", "1,000", "1,204,118"]);
        assert_eq!([812, 1_048_575, 3_328_599_655].map(readable_bytes), ["812 B", "1.0 MiB", "3.1 GiB"]);
        assert_eq!(readable_bytes(u64::MAX), "16.0 EiB");
        assert_eq!(readable_units(1, IntervalUnit::Day), "1 day");
        assert_eq!(readable_units(1_026, IntervalUnit::HalfHour), "1,026 half hours");
        assert_eq!(readable_units(3, IntervalUnit::FiveMinute), "3 times five minutes");
        assert_eq!((shortened("größe", 3), shortened("abc", 3)), ("grö…".into(), "abc".into()));
    }

    #[test]
    fn seconds_are_readable() {
        assert_eq!(readable_seconds(0.42), "0.4 s");
        assert_eq!(readable_seconds(59.4), "59 s");
        assert_eq!(readable_seconds(161.2), "2 min 41 s");
    }
}
