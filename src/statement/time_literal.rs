//! Moments as SQL: the values of the time variables, and the filter that keeps a load inside its interval.
//!
//! The forms are SQLMesh's (research: SQLMesh, section 7.4; the texts below were compared with those of 0.236.4):
//! `end_*` is inclusive, one microsecond before the interval's end, or the last day of it.

use super::{StatementError, quote_identifier, text_literal};
use crate::sql::{Dialect, Moment, TimeForm, TimeVariable, sorts};
use crate::time::{Interval, Timestamp};

/// The moments that a statement's time variables stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadTime {
    /// What is loaded.
    pub interval: Interval,
    /// When; `execution_*`.
    pub execution: Timestamp,
}

/// The SQL text of a time variable.
pub fn time_literal(dialect: Dialect, variable: TimeVariable, time: LoadTime) -> String {
    let moment = Micros::of(variable.moment, time);
    let text = |text: &str| text_literal(dialect, text);
    match variable.form {
        TimeForm::Dt => moment.zoned(dialect),
        TimeForm::Dtntz => moment.naive(dialect),
        TimeForm::Date => moment.day(dialect),
        TimeForm::Ds => text(&moment.whole().date()),
        TimeForm::Ts => text(&moment.date_time()),
        TimeForm::Tstz => text(&format!("{}+00:00", moment.date_time())),
        TimeForm::Hour => moment.whole().hour().to_string(),
        TimeForm::Epoch => epoch_seconds(moment.whole()),
        TimeForm::Millis => moment.whole().0.to_string(),
    }
}

/// SQLMesh writes seconds as Python prints a float: `1767225600.0`, `1769903999.999`.
fn epoch_seconds(moment: Timestamp) -> String {
    let sign = if moment.0 < 0 { "-" } else { "" };
    let (seconds, millis) = (moment.0.unsigned_abs() / 1000, moment.0.unsigned_abs() % 1000);
    let fraction = format!("{millis:03}");
    let fraction = fraction.trim_end_matches('0');
    format!("{sign}{seconds}.{}", if fraction.is_empty() { "0" } else { fraction })
}

/// A moment to the microsecond; the vocabulary's `Timestamp` ends at milliseconds.
#[derive(Clone, Copy)]
struct Micros(i64);

impl Micros {
    fn of(moment: Moment, time: LoadTime) -> Self {
        match moment {
            Moment::Start => Self::at(time.interval.start),
            Moment::End => Self::before(time.interval.end),
            Moment::Execution => Self::at(time.execution),
        }
    }

    fn at(moment: Timestamp) -> Self {
        Self(moment.0.saturating_mul(1000))
    }

    fn before(moment: Timestamp) -> Self {
        Self(Self::at(moment).0.saturating_sub(1))
    }

    fn whole(self) -> Timestamp {
        Timestamp(self.0.div_euclid(1000))
    }

    fn date_time(self) -> String {
        let second = Timestamp(self.0.div_euclid(1_000_000) * 1000);
        let text = second.format("%Y-%m-%d %H:%M:%S").unwrap_or_default();
        match self.0.rem_euclid(1_000_000) {
            0 => text,
            fraction => format!("{text}.{fraction:06}"),
        }
    }

    fn zoned(self, dialect: Dialect) -> String {
        let data_type = match dialect {
            Dialect::BigQuery | Dialect::Spark | Dialect::Databricks | Dialect::Hive => "TIMESTAMP",
            Dialect::Trino => "TIMESTAMP WITH TIME ZONE",
            _ => "TIMESTAMPTZ",
        };
        cast(dialect, &format!("{}+00:00", self.date_time()), data_type)
    }

    fn naive(self, dialect: Dialect) -> String {
        let data_type = match dialect {
            Dialect::BigQuery | Dialect::MySql => "DATETIME",
            Dialect::MsSql => "DATETIME2",
            Dialect::Spark | Dialect::Databricks => "TIMESTAMP_NTZ",
            Dialect::Snowflake => "TIMESTAMPNTZ",
            _ => "TIMESTAMP",
        };
        cast(dialect, &self.date_time(), data_type)
    }

    fn day(self, dialect: Dialect) -> String {
        cast(dialect, &self.whole().date(), "DATE")
    }
}

fn cast(dialect: Dialect, text: &str, data_type: &str) -> String {
    format!("CAST({} AS {data_type})", text_literal(dialect, text))
}

/// The time column of an INCREMENTAL_BY_TIME_RANGE model as its table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeColumn<'a> {
    /// The column's exact name.
    pub name: &'a str,
    /// Its type in the table, as the engine shows it.
    pub data_type: &'a str,
    /// The `strftime` format of a column that holds times as text or number.
    pub format: &'a str,
}

/// How a time column holds its moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Days,
    Naive,
    Zoned,
    Numbers,
    Texts,
}

/// The condition that holds for exactly the rows of an interval, about a column of the relation called `alias`.
///
/// The interval is half-open. Where the column is coarser than the interval (days, loaded by the hour), all rows of the
/// days that it touches are meant, as in SQLMesh.
///
/// # Errors
/// A column type that holds no time, or a format that does not sort or print as the column needs.
pub fn time_filter(
    dialect: Dialect,
    alias: Option<&str>,
    column: TimeColumn<'_>,
    interval: Interval,
) -> Result<String, StatementError> {
    let holds = holds(dialect, column)?;
    let alias = alias.map(|alias| format!("{}.", quote_identifier(dialect, alias))).unwrap_or_default();
    let name = format!("{alias}{}", quote_identifier(dialect, column.name));
    let label = |moment: Micros| label(dialect, holds, column, moment);
    let (start, end) = (label(Micros::at(interval.start))?, label(Micros::at(interval.end))?);
    let last = label(Micros::before(interval.end))?;
    // Where the column cannot tell the end from the moment before it, the end's own label belongs to the interval.
    let upper = if last == end { format!("{name} <= {last}") } else { format!("{name} < {end}") };
    Ok(format!("{name} >= {start} AND {upper}"))
}

fn holds(dialect: Dialect, column: TimeColumn<'_>) -> Result<Holds, StatementError> {
    let data_type = column.data_type.trim().to_ascii_uppercase();
    let first = data_type.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
    let zoned = data_type.contains("WITH TIME ZONE")
        || matches!(first, "TIMESTAMPTZ" | "TIMESTAMP_TZ" | "TIMESTAMP_LTZ" | "TIMESTAMPLTZ" | "DATETIMEOFFSET")
        || (first == "TIMESTAMP" && dialect == Dialect::BigQuery);
    let holds = match first {
        "DATE" | "DATE32" => Holds::Days,
        _ if zoned => Holds::Zoned,
        _ if first.starts_with("TIMESTAMP") || first.starts_with("DATETIME") => Holds::Naive,
        "DECIMAL" | "NUMERIC" | "NUMBER" | "LONG" => Holds::Numbers,
        _ if first.contains("INT") && first != "INTERVAL" => Holds::Numbers,
        "TEXT" | "STRING" => Holds::Texts,
        _ if first.contains("CHAR") => Holds::Texts,
        _ => {
            return Err(StatementError::TimeColumnType {
                column: column.name.to_owned(),
                data_type: column.data_type.to_owned(),
            });
        }
    };
    let unsorted = matches!(holds, Holds::Texts | Holds::Numbers) && !sorts(column.format);
    if unsorted { Err(unfit(column)) } else { Ok(holds) }
}

fn label(dialect: Dialect, holds: Holds, column: TimeColumn<'_>, moment: Micros) -> Result<String, StatementError> {
    // `%f` is six digits in Python's strftime, nine in ours.
    let formatted = || moment.whole().format(&column.format.replace("%f", "%6f")).ok_or_else(|| unfit(column));
    match holds {
        Holds::Days => Ok(moment.day(dialect)),
        Holds::Naive => Ok(moment.naive(dialect)),
        Holds::Zoned => Ok(moment.zoned(dialect)),
        Holds::Texts => Ok(text_literal(dialect, &formatted()?)),
        Holds::Numbers => {
            let number = formatted()?;
            let digits = number.strip_prefix('-').unwrap_or(&number);
            let fits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if fits { Ok(number) } else { Err(unfit(column)) }
        }
    }
}

fn unfit(column: TimeColumn<'_>) -> StatementError {
    StatementError::TimeFormat {
        column: column.name.to_owned(),
        data_type: column.data_type.to_owned(),
        format: column.format.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a moment")
    }

    fn january() -> Interval {
        Interval { start: moment("2026-01-01"), end: moment("2026-02-01") }
    }

    fn literal(name: &str) -> String {
        let variable = TimeVariable::from_name(name).expect("a variable");
        let time = LoadTime { interval: january(), execution: moment("2026-02-01 05:06:07.089") };
        time_literal(Dialect::DuckDb, variable, time)
    }

    /// The expected texts are what `render_query` of SQLMesh 0.236.4 wrote for January 2026.
    #[test]
    fn variables_read_as_in_sqlmesh() {
        let expected = [
            ("start_dt", "CAST('2026-01-01 00:00:00+00:00' AS TIMESTAMPTZ)"),
            ("start_dtntz", "CAST('2026-01-01 00:00:00' AS TIMESTAMP)"),
            ("start_date", "CAST('2026-01-01' AS DATE)"),
            ("start_ds", "'2026-01-01'"),
            ("start_ts", "'2026-01-01 00:00:00'"),
            ("start_tstz", "'2026-01-01 00:00:00+00:00'"),
            ("start_hour", "0"),
            ("start_epoch", "1767225600.0"),
            ("start_millis", "1767225600000"),
            ("end_dt", "CAST('2026-01-31 23:59:59.999999+00:00' AS TIMESTAMPTZ)"),
            ("end_dtntz", "CAST('2026-01-31 23:59:59.999999' AS TIMESTAMP)"),
            ("end_date", "CAST('2026-01-31' AS DATE)"),
            ("end_ds", "'2026-01-31'"),
            ("end_ts", "'2026-01-31 23:59:59.999999'"),
            ("end_tstz", "'2026-01-31 23:59:59.999999+00:00'"),
            ("end_hour", "23"),
            ("end_epoch", "1769903999.999"),
            ("end_millis", "1769903999999"),
            ("execution_dt", "CAST('2026-02-01 05:06:07.089000+00:00' AS TIMESTAMPTZ)"),
            ("execution_ts", "'2026-02-01 05:06:07.089000'"),
            ("execution_epoch", "1769922367.089"),
            ("latest_hour", "5"),
        ];
        for (name, text) in expected {
            assert_eq!(literal(name), text, "{name}");
        }
    }

    fn filter(data_type: &str, format: &str, interval: Interval) -> Result<String, StatementError> {
        time_filter(Dialect::DuckDb, None, TimeColumn { name: "ds", data_type, format }, interval)
    }

    #[test]
    fn filters_are_half_open_for_every_type() {
        let day = "%Y-%m-%d";
        let filter = |data_type, format| filter(data_type, format, january()).expect("a filter");
        assert_eq!(filter("DATE", day), "\"ds\" >= CAST('2026-01-01' AS DATE) AND \"ds\" < CAST('2026-02-01' AS DATE)");
        assert_eq!(
            filter("TIMESTAMP WITH TIME ZONE", day),
            "\"ds\" >= CAST('2026-01-01 00:00:00+00:00' AS TIMESTAMPTZ) \
             AND \"ds\" < CAST('2026-02-01 00:00:00+00:00' AS TIMESTAMPTZ)"
        );
        assert_eq!(
            filter("TIMESTAMP_NS", day),
            "\"ds\" >= CAST('2026-01-01 00:00:00' AS TIMESTAMP) AND \"ds\" < CAST('2026-02-01 00:00:00' AS TIMESTAMP)"
        );
        assert_eq!(filter("INTEGER", "%Y%m%d"), "\"ds\" >= 20260101 AND \"ds\" < 20260201");
        assert_eq!(filter("BIGINT", "%s"), "\"ds\" >= 1767225600 AND \"ds\" < 1769904000");
        assert_eq!(filter("VARCHAR", day), "\"ds\" >= '2026-01-01' AND \"ds\" < '2026-02-01'");
        assert_eq!(
            filter("VARCHAR", "%Y-%m-%d %H:%M:%S.%f"),
            "\"ds\" >= '2026-01-01 00:00:00.000000' AND \"ds\" < '2026-02-01 00:00:00.000000'"
        );
    }

    #[test]
    fn a_column_of_days_loaded_by_the_hour_means_the_whole_day() {
        let hour = Interval { start: moment("2026-01-05 07:00:00"), end: moment("2026-01-05 08:00:00") };
        let text = filter("DATE", "%Y-%m-%d", hour).expect("a filter");
        assert_eq!(text, "\"ds\" >= CAST('2026-01-05' AS DATE) AND \"ds\" <= CAST('2026-01-05' AS DATE)");
        let text = filter("INTEGER", "%Y%m", january()).expect("a filter");
        assert_eq!(text, "\"ds\" >= 202601 AND \"ds\" < 202602");
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        assert!(matches!(filter("BOOLEAN", "%Y", january()), Err(StatementError::TimeColumnType { .. })));
        assert!(matches!(filter("INTEGER", "%Y-%m-%d", january()), Err(StatementError::TimeFormat { .. })));
        assert!(matches!(filter("VARCHAR", "%d.%m.%Y", january()), Err(StatementError::TimeFormat { .. })));
        assert!(matches!(filter("VARCHAR", "", january()), Err(StatementError::TimeFormat { .. })));
    }
}
