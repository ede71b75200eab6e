//! The dialects that models may be written in, and how each folds names.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlparser::dialect as parser;
use sqlparser::keywords::ALL_KEYWORDS;

/// sqlparser's dialects and what they lack: of DuckDB 1.5 `* RENAME (a AS b)` and `e'\n'`, of Trino lambdas.
#[allow(dead_code, unreachable_pub, reason = "the macro writes more than is used")]
mod extended {
    use sqlparser::derive_dialect;
    use sqlparser::dialect::{DuckDbDialect, GenericDialect};

    derive_dialect!(
        Extended,
        DuckDbDialect,
        preserve_type_id = true,
        overrides = {
            supports_select_wildcard_rename = true,
            supports_window_function_null_treatment_arg = true,
            supports_string_escape_constant = true
        }
    );
    derive_dialect!(Lambdas, GenericDialect, preserve_type_id = true, overrides = { supports_lambda_functions = true });
}

/// A SQL dialect by the name that SQLMesh gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant is the dialect of its name")]
pub enum Dialect {
    DuckDb,
    Postgres,
    Redshift,
    Snowflake,
    BigQuery,
    Databricks,
    Spark,
    Hive,
    ClickHouse,
    MySql,
    MsSql,
    Trino,
    Generic,
}

/// What names no dialect in particular, and those that SQLGlot knows beside ours: their SQL is read as plain SQL, and is opaque
/// where that does not do.
const OTHERS: [&str; 12] =
    ["", "generic", "ansi", "dremio", "drill", "druid", "exasol", "oracle", "solr", "sqlite", "tableau", "teradata"];

/// Whether a word has a meaning of its own somewhere in SQL, so that quotes around a name that is that word are safer.
pub fn is_keyword(word: &str) -> bool {
    let upper = word.to_ascii_uppercase();
    ALL_KEYWORDS.binary_search(&upper.as_str()).is_ok()
}

impl Dialect {
    /// Every dialect with its names, the usual one first.
    pub const NAMES: [(Self, &'static [&'static str]); 13] = [
        (Self::DuckDb, &["duckdb", "motherduck"]),
        (Self::Postgres, &["postgres", "postgresql", "risingwave", "materialize"]),
        (Self::Redshift, &["redshift"]),
        (Self::Snowflake, &["snowflake"]),
        (Self::BigQuery, &["bigquery"]),
        (Self::Databricks, &["databricks"]),
        (Self::Spark, &["spark", "spark2"]),
        (Self::Hive, &["hive"]),
        (Self::ClickHouse, &["clickhouse"]),
        (Self::MySql, &["mysql", "starrocks", "doris", "singlestore"]),
        (Self::MsSql, &["tsql", "mssql", "fabric"]),
        (Self::Trino, &["trino", "presto", "athena", "dune"]),
        (Self::Generic, &OTHERS),
    ];

    /// Finds a dialect by name, in any case. SQLGlot's settings may follow (`duckdb, normalization_strategy = lowercase`): they say
    /// how SQLMesh writes names and SQL for an engine, which here reads the author's own text.
    pub fn from_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let (name, settings) = lower.split_once(',').unwrap_or((&lower, ""));
        let name = name.trim().to_owned();
        let is_known = |setting: &str| {
            let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
            match key.trim() {
                "normalization_strategy" => {
                    ["lowercase", "uppercase", "case_sensitive", "case_insensitive"].contains(&value.trim())
                }
                "version" => !value.trim().is_empty(),
                _ => false,
            }
        };
        if !settings.is_empty() && !settings.split(',').all(is_known) {
            return None;
        }
        Self::NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(dialect, _)| *dialect)
    }

    /// Its usual name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(dialect, _)| *dialect == self).map_or("generic", |(_, names)| names[0])
    }

    /// A name as the dialect compares it: DuckDB and most lakes ignore case even in quotes, PostgreSQL and Redshift fold
    /// unquoted names to lower case, Snowflake to upper (kept as lower here, so that one project reads alike).
    pub fn fold(self, name: &str, quoted: bool) -> String {
        match self {
            Self::Postgres | Self::Redshift if quoted => name.to_owned(),
            Self::Snowflake if quoted && name.chars().any(char::is_lowercase) => format!("\u{1}{name}"),
            Self::BigQuery | Self::ClickHouse | Self::MySql => name.to_owned(),
            _ => name.to_lowercase(),
        }
    }

    /// The name of a column, alias or CTE as the dialect compares it: BigQuery and most MySQL servers mind case in the
    /// names of tables alone.
    pub fn fold_name(self, name: &str, quoted: bool) -> String {
        if matches!(self, Self::BigQuery | Self::MySql) { name.to_lowercase() } else { self.fold(name, quoted) }
    }

    /// Whether a quoted name of a column, alias or CTE is the one that [`Dialect::fold_name`] gave. Asked of every column for
    /// every reference, so that nothing is made for it.
    pub fn is_name(self, name: &str, folded: &str) -> bool {
        let minds_case = matches!(self, Self::Postgres | Self::Redshift | Self::Snowflake | Self::ClickHouse);
        if minds_case || !name.is_ascii() {
            return self.fold_name(name, true) == folded;
        }
        name.len() == folded.len() && name.bytes().map(|byte| byte.to_ascii_lowercase()).eq(folded.bytes())
    }

    /// A name as the engine shows it: as written, unless the dialect folds what is not quoted.
    pub fn shown(self, name: &str, quoted: bool) -> String {
        match self {
            Self::Postgres | Self::Redshift if !quoted => name.to_lowercase(),
            Self::Snowflake if !quoted => name.to_uppercase(),
            _ => name.to_owned(),
        }
    }

    /// A name as SQLMesh makes one of a text, so that it can stand in quotes: DuckDB's in lower case, as it minds none.
    pub fn normalized(self, name: &str, quoted: bool) -> String {
        if self == Self::Snowflake { self.shown(name, quoted) } else { self.fold(name, quoted) }
    }

    /// Whether SEMI and ANTI are joins.
    pub(super) fn has_semi_joins(self) -> bool {
        matches!(self, Self::DuckDb | Self::Databricks | Self::Spark | Self::Hive | Self::ClickHouse)
    }

    pub(super) fn parser(self) -> Box<dyn parser::Dialect> {
        match self {
            Self::DuckDb => Box::new(extended::Extended::default()),
            Self::Postgres => Box::new(parser::PostgreSqlDialect {}),
            Self::Redshift => Box::new(parser::RedshiftSqlDialect {}),
            Self::Snowflake => Box::new(parser::SnowflakeDialect {}),
            Self::BigQuery => Box::new(parser::BigQueryDialect {}),
            Self::Databricks => Box::new(parser::DatabricksDialect {}),
            Self::Spark => Box::new(parser::SparkSqlDialect {}),
            Self::Hive => Box::new(parser::HiveDialect {}),
            Self::ClickHouse => Box::new(parser::ClickHouseDialect {}),
            Self::MySql => Box::new(parser::MySqlDialect {}),
            Self::MsSql => Box::new(parser::MsSqlDialect {}),
            Self::Trino => Box::new(extended::Lambdas::default()),
            Self::Generic => Box::new(parser::GenericDialect {}),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_compared_as_it_is_folded() {
        let names = ["id", "ID", "Id", "ids", "", "ä", "Ä", "İ", "i\u{307}", "\u{212a}", "k", "\u{1}id"];
        for (dialect, _) in Dialect::NAMES {
            for one in names {
                for folded in names.iter().flat_map(|name| [dialect.fold_name(name, true), (*name).to_owned()]) {
                    let expected = dialect.fold_name(one, true) == folded;
                    assert_eq!(dialect.is_name(one, &folded), expected, "{dialect}: {one:?} and {folded:?}");
                }
            }
        }
    }
}
