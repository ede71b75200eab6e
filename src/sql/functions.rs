//! What each dialect's functions are: the tables decide whether a call is one value per row, an aggregate, a set, a draw
//! or unknown, and an unknown one makes the query opaque.
//!
//! A table is a file of lines `name<TAB>words` under `functions/`, names in lower case, `#` before a remark; how each came
//! to be is told at its top. The words, with commas between them: one of [`FunctionClass::NAMES`]; `unnest`, `rows` or
//! `volatile_rows` for what stands in FROM; `date_part=2` where the second argument may be a bare word such as `month`. DuckDB's is compared with the engine by a test, PostgreSQL's with a server by
//! `scripts/compare-postgres-functions.sh`. A function that is put into a table too generously makes reuse wrong: what
//! tells of clock, session, chance or sequence is `volatile`. A changed table is a new algorithm version.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Dialect;

/// What a function's result depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionClass {
    /// One value per row, from its arguments (and the settings of the session) alone.
    Scalar,
    /// One value per call that may differ the next time.
    Volatile,
    /// One value per statement that may differ in the next one.
    Stable,
    /// The same, and it may be written without parentheses, where a column could have its name.
    Keyword,
    /// One value per group, whatever order the rows lie in.
    Aggregate,
    /// One value per group that depends on the order of its rows (or on ties).
    Orderless,
    /// A window function that depends on the order of rows.
    Window,
    /// A window function that treats equal rows alike.
    WindowPeers,
    /// A set: in a projection it multiplies rows.
    Set,
}

impl FunctionClass {
    /// Each class by its name in the tables.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("scalar", Self::Scalar),
        ("volatile", Self::Volatile),
        ("stable", Self::Stable),
        ("keyword", Self::Keyword),
        ("aggregate", Self::Aggregate),
        ("orderless", Self::Orderless),
        ("window", Self::Window),
        ("window_peers", Self::WindowPeers),
        ("set", Self::Set),
    ];

    fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, class)| *class)
    }
}

/// What a function in FROM gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableClass {
    /// A row for each member of a list or range.
    Unnest,
    /// Rows that follow from its arguments and the files that they name.
    Rows,
    /// Rows that tell of the engine's state.
    Volatile,
}

/// The functions of one dialect: for each name what it is as a value, in FROM, and which of its arguments is a part of a
/// date that may be a bare word (counted from 1).
pub type FunctionTable = BTreeMap<&'static str, Entry>;

/// One line of a table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry {
    /// As a value.
    pub class: Option<FunctionClass>,
    in_from: Option<TableClass>,
    date_part: Option<usize>,
}

static TABLES: LazyLock<[(&'static [Dialect], FunctionTable); 9]> = LazyLock::new(|| {
    [
        (&[Dialect::DuckDb], read(include_str!("functions/duckdb.tsv"))),
        (&[Dialect::Postgres], read(include_str!("functions/postgres.tsv"))),
        (&[Dialect::Redshift], read(include_str!("functions/redshift.tsv"))),
        (&[Dialect::Snowflake], read(include_str!("functions/snowflake.tsv"))),
        (&[Dialect::BigQuery], read(include_str!("functions/bigquery.tsv"))),
        (&[Dialect::Databricks], read(include_str!("functions/databricks.tsv"))),
        (&[Dialect::Spark], read(include_str!("functions/spark.tsv"))),
        (&[Dialect::ClickHouse], read(include_str!("functions/clickhouse.tsv"))),
        (&[Dialect::Trino], read(include_str!("functions/trino.tsv"))),
    ]
});

/// For dialects without a table of their own.
static COMMON: LazyLock<FunctionTable> = LazyLock::new(|| read(include_str!("functions/common.tsv")));

/// The functions that a dialect is known to have.
pub fn function_table(dialect: Dialect) -> &'static FunctionTable {
    TABLES.iter().find(|(dialects, _)| dialects.contains(&dialect)).map_or(&COMMON, |(_, table)| table)
}

/// The class of a function, or `None` where the dialect's table does not have it.
pub fn function_class(dialect: Dialect, name: &str) -> Option<FunctionClass> {
    let (table, name) = (function_table(dialect), name.to_lowercase());
    let known = table.get(name.as_str()).and_then(|entry| entry.class);
    known.or_else(|| if dialect == Dialect::ClickHouse { combined(table, &name) } else { None })
}

/// What a function gives in FROM.
pub(super) fn table_class(dialect: Dialect, name: &str) -> Option<TableClass> {
    function_table(dialect).get(name).and_then(|entry| entry.in_from)
}

/// Which argument of a function, counted from 0, is a part of a date.
pub(super) fn date_part_of(dialect: Dialect, name: &str) -> Option<usize> {
    function_table(dialect).get(name).and_then(|entry| entry.date_part)
}

/// ClickHouse's combinators: `sumIf`, `anyOrNull`, `sumMerge` choose rows, wrap the result or go on from states: the class
/// stays. How a state holds its values (`sumState`), and which of equal rows `…ArgMin` takes, may follow their order.
fn combined(table: &FunctionTable, name: &str) -> Option<FunctionClass> {
    const KEEP: [&str; 7] = ["ornull", "ordefault", "distinct", "foreach", "array", "merge", "if"];
    const BY_ORDER: [&str; 5] = ["mergestate", "simplestate", "state", "argmin", "argmax"];
    let by_order = BY_ORDER.iter().find_map(|ending| name.strip_suffix(ending));
    let stem = by_order.or_else(|| KEEP.iter().find_map(|ending| name.strip_suffix(ending)))?;
    let class = table.get(stem).and_then(|entry| entry.class).or_else(|| combined(table, stem))?;
    match class {
        FunctionClass::Aggregate if by_order.is_none() => Some(FunctionClass::Aggregate),
        FunctionClass::Aggregate | FunctionClass::Orderless => Some(FunctionClass::Orderless),
        _ => None,
    }
}

fn read(text: &'static str) -> FunctionTable {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('\t')).map(|(name, words)| (name, entry(words))).collect()
}

/// `scalar`, `scalar,rows`, `scalar,date_part=2`.
fn entry(words: &str) -> Entry {
    let mut entry = Entry::default();
    for word in words.split(',') {
        match word {
            "unnest" => entry.in_from = Some(TableClass::Unnest),
            "rows" => entry.in_from = Some(TableClass::Rows),
            "volatile_rows" => entry.in_from = Some(TableClass::Volatile),
            _ => match word.strip_prefix("date_part=").and_then(|place| place.parse::<usize>().ok()) {
                Some(place) => entry.date_part = place.checked_sub(1),
                None => entry.class = FunctionClass::from_name(word),
            },
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &str); 10] = [
        ("duckdb", include_str!("functions/duckdb.tsv")),
        ("postgres", include_str!("functions/postgres.tsv")),
        ("redshift", include_str!("functions/redshift.tsv")),
        ("snowflake", include_str!("functions/snowflake.tsv")),
        ("bigquery", include_str!("functions/bigquery.tsv")),
        ("databricks", include_str!("functions/databricks.tsv")),
        ("spark", include_str!("functions/spark.tsv")),
        ("clickhouse", include_str!("functions/clickhouse.tsv")),
        ("trino", include_str!("functions/trino.tsv")),
        ("generic", include_str!("functions/common.tsv")),
    ];

    #[test]
    fn every_line_is_a_name_and_a_class_in_order() {
        for (file, text) in FILES {
            let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            let names: Vec<&str> = lines
                .iter()
                .map(|line| {
                    let (name, class) = line.split_once('\t').unwrap_or_else(|| panic!("{file}: {line}"));
                    let is_known = |word: &str| {
                        ["unnest", "rows", "volatile_rows"].contains(&word)
                            || word.starts_with("date_part=")
                            || FunctionClass::from_name(word).is_some()
                    };
                    assert!(class.split(',').all(is_known), "{file}: {line}");
                    assert_eq!(name, name.to_lowercase(), "{file}");
                    name
                })
                .collect();
            assert!(names.is_sorted_by(|one, two| one < two), "{file} is not in order or has a name twice");
            let dialect = Dialect::from_name(file).expect("a dialect");
            assert_eq!(function_table(dialect).len(), names.len(), "{file}");
        }
    }

    /// Words that no dialect may take for a value of their arguments alone.
    const NEVER_SCALAR: &[&str] = &[
        "now",
        "rand",
        "random",
        "uuid",
        "nextval",
        "currval",
        "lastval",
        "setval",
        "getdate",
        "sysdate",
        "systimestamp",
        "today",
        "yesterday",
        "current_date",
        "current_time",
        "current_timestamp",
        "current_datetime",
        "current_user",
        "current_role",
        "current_schema",
        "current_database",
        "current_catalog",
        "current_setting",
        "current_query",
        "current_timezone",
        "current_version",
        "current_warehouse",
        "current_account",
        "current_region",
        "current_session",
        "current_statement",
        "current_transaction",
        "curdate",
        "curtime",
        "session_user",
        "user",
        "system_user",
        "localtime",
        "localtimestamp",
        "clock_timestamp",
        "statement_timestamp",
        "timeofday",
        "transaction_timestamp",
        "gen_random_uuid",
        "generate_uuid",
        "uuid_string",
        "uuidv4",
        "uuidv7",
        "newid",
        "generateuuidv4",
        "generateuuidv7",
        "rand32",
        "rand64",
        "randn",
        "randstr",
        "uniform",
        "shuffle",
        "now64",
        "monotonically_increasing_id",
        "spark_partition_id",
        "input_file_name",
        "version",
        "hostname",
        "uptime",
        "txid_current",
        "pg_backend_pid",
        "inet_client_addr",
        "last_query_id",
        "seq1",
        "seq2",
        "seq4",
        "seq8",
        "rownumberinblock",
        "rownumberinallblocks",
        "runningdifference",
        "setseed",
        "set_config",
        "getvariable",
        "array_shuffle",
        "arrayshuffle",
        "array_sample",
        "arrayrandomsample",
        "localtimestamp",
        "connection_id",
    ];

    /// Words that give another value at each call.
    const NEVER_STABLE: &[&str] = &[
        "rand",
        "random",
        "uuid",
        "gen_random_uuid",
        "generate_uuid",
        "uuid_string",
        "newid",
        "nextval",
        "randn",
        "seq4",
        "clock_timestamp",
        "timeofday",
        "shuffle",
        "uniform",
        "monotonically_increasing_id",
        "generateuuidv4",
        "rand32",
        "rownumberinblock",
        "random_normal",
        "uuidv7",
        "setseed",
        "setval",
        "array_shuffle",
    ];

    #[test]
    fn no_table_takes_a_draw_for_a_scalar() {
        for (file, _) in FILES {
            let dialect = Dialect::from_name(file).expect("a dialect");
            for name in NEVER_SCALAR {
                let class = function_class(dialect, name);
                let is_safe = matches!(
                    class,
                    None | Some(FunctionClass::Volatile | FunctionClass::Stable | FunctionClass::Keyword)
                );
                assert!(is_safe, "{file}: {name} is {class:?}");
            }
            for name in NEVER_STABLE {
                let class = function_class(dialect, name);
                assert!(matches!(class, None | Some(FunctionClass::Volatile)), "{file}: {name} is {class:?}");
            }
            // What standard SQL lets stand without parentheses.
            for name in ["current_date", "current_timestamp"] {
                assert_eq!(function_class(dialect, name), Some(FunctionClass::Keyword), "{file}: {name}");
            }
        }
    }

    #[test]
    fn combinators_keep_the_class() {
        let class = |name| function_class(Dialect::ClickHouse, name);
        assert_eq!(class("sumIf"), Some(FunctionClass::Aggregate));
        assert_eq!(class("anyOrNullIf"), Some(FunctionClass::Orderless));
        assert_eq!(class("sumMerge"), Some(FunctionClass::Aggregate));
        assert_eq!(class("sumStateIf"), Some(FunctionClass::Orderless));
        assert_eq!(class("uniqMergeState"), Some(FunctionClass::Orderless));
        assert_eq!(class("sumArgMin"), Some(FunctionClass::Orderless));
        assert_eq!(class("lengthIf"), None);
        assert_eq!(function_class(Dialect::DuckDb, "sumif"), None);
    }
}
