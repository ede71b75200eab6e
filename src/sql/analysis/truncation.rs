//! What `date_trunc` cuts off a time, as far as it decides whether a filter on the time is one on what is left of it.

use sqlparser::ast::{self, FunctionArg, FunctionArgExpr};

/// How much of a time `date_trunc` cuts off.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Less than the shortest unit of intervals.
    Seconds,
    /// Up to all but the day.
    ToDay,
}

/// An argument that is a text, in lower case. A bare word is none: in DuckDB it is a column.
pub(super) fn text_of(argument: &FunctionArg) -> Option<String> {
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Value(value))) = argument else { return None };
    match &value.value {
        ast::Value::SingleQuotedString(text) => Some(text.to_lowercase()),
        _ => None,
    }
}

/// What `date_trunc` by a part of a date cuts off; `None` where days, too, are no longer told apart, or nobody knows.
pub(super) fn cut(part: &str) -> Option<Cut> {
    match part {
        "microsecond" | "microseconds" | "millisecond" | "milliseconds" | "second" | "seconds" => Some(Cut::Seconds),
        "minute" | "minutes" | "hour" | "hours" | "day" | "days" => Some(Cut::ToDay),
        _ => None,
    }
}
