//! What each dialect's functions are: the tables decide whether a call is one value per row, an aggregate, a draw or unknown.
//!
//! `functions/duckdb.tsv` was read off DuckDB 1.5.6 (`duckdb_functions()`), less what reads something else than its
//! arguments or depends on names; a test compares it with the engine. A changed table is a new algorithm version.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Dialect;

/// What a function's result depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionClass {
    /// One value per row, from its arguments alone.
    Scalar,
    /// One value per call that may differ the next time.
    Volatile,
    /// One value per group, whatever order the rows lie in.
    Aggregate,
    /// One value per group that depends on the order of its rows (or on ties).
    Orderless,
    /// A window function that depends on the order of rows.
    Window,
    /// A window function that treats equal rows alike.
    WindowPeers,
}

type Table = BTreeMap<&'static str, FunctionClass>;

static DUCKDB: LazyLock<Table> = LazyLock::new(|| read(include_str!("functions/duckdb.tsv")));
static COMMON: LazyLock<Table> = LazyLock::new(|| read(include_str!("functions/common.tsv")));

/// The class of a function, or `None` where the dialect's table does not have it.
pub fn function_class(dialect: Dialect, name: &str) -> Option<FunctionClass> {
    let table = if dialect == Dialect::DuckDb { &DUCKDB } else { &COMMON };
    table.get(name.to_lowercase().as_str()).copied()
}

/// Every function of DuckDB's table, for the test that compares it with the engine.
pub fn duckdb_functions() -> impl Iterator<Item = (&'static str, FunctionClass)> {
    DUCKDB.iter().map(|(name, class)| (*name, *class))
}

fn read(text: &'static str) -> Table {
    text.lines()
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(name, class)| Some((name, class_of(class)?)))
        .collect()
}

fn class_of(text: &str) -> Option<FunctionClass> {
    Some(match text {
        "scalar" => FunctionClass::Scalar,
        "volatile" => FunctionClass::Volatile,
        "aggregate" => FunctionClass::Aggregate,
        "orderless" => FunctionClass::Orderless,
        "window" => FunctionClass::Window,
        "window_peers" => FunctionClass::WindowPeers,
        _ => return None,
    })
}
