//! A clock that stands still: macros of DuckDB's that take the place of its functions of the present. `CURRENT_DATE` and its
//! like are calls of these, so every text means the moment wherever it stands.

use crate::sql::Dialect;
use crate::statement::text_literal;
use crate::time::Timestamp;

/// Functions of the present by what they give.
const FUNCTIONS: [(&str, &str); 12] = [
    ("current_date", "DATE"),
    ("today", "DATE"),
    ("current_timestamp", "TIMESTAMPTZ"),
    ("get_current_timestamp", "TIMESTAMPTZ"),
    ("now", "TIMESTAMPTZ"),
    ("transaction_timestamp", "TIMESTAMPTZ"),
    ("localtimestamp", "TIMESTAMP"),
    ("current_localtimestamp", "TIMESTAMP"),
    ("current_time", "TIME"),
    ("get_current_time", "TIME"),
    ("localtime", "TIME"),
    ("current_localtime", "TIME"),
];

/// Statements after which the present of a DuckDB database is this moment, in UTC.
pub fn frozen_clock(moment: Timestamp) -> Vec<String> {
    let literal = |data_type: &str| {
        let text = match data_type {
            "DATE" => moment.date(),
            "TIME" => moment.format("%H:%M:%S%.f").unwrap_or_default(),
            "TIMESTAMP" => moment.format("%Y-%m-%d %H:%M:%S%.f").unwrap_or_default(),
            _ => moment.format("%Y-%m-%d %H:%M:%S%.f+00").unwrap_or_default(),
        };
        format!("CAST({} AS {data_type})", text_literal(Dialect::DuckDb, &text))
    };
    let define = |(name, data_type): &(&str, &str)| format!("CREATE MACRO \"{name}\"() AS {}", literal(data_type));
    FUNCTIONS.iter().map(define).collect()
}
