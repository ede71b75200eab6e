//! Pieces of text that several faces share: intervals as people read them, counts.

use crate::time::{Interval, IntervalUnit, Timestamp};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// A range as people read it: `2026-01-01 to 2026-01-31 (31 days)`; the last day is in it, unlike in the JSON contract.
pub fn readable_interval(interval: Interval, unit: IntervalUnit) -> String {
    let [start, end] = interval.labels(unit);
    if unit.is_shorter_than_a_day() {
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

/// `0.4 s`, `41 s`, `2 min 41 s`.
pub fn readable_seconds(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    let whole = seconds.round();
    if whole < 60.0 { format!("{whole} s") } else { format!("{} min {} s", (whole / 60.0).floor(), whole % 60.0) }
}

/// `1 model`, `2 models`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
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
    fn seconds_are_readable() {
        assert_eq!(readable_seconds(0.42), "0.4 s");
        assert_eq!(readable_seconds(59.4), "59 s");
        assert_eq!(readable_seconds(161.2), "2 min 41 s");
    }
}
