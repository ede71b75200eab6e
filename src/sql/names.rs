//! How each dialect reads a name: the whole table in one place.
//!
//! | dialect | letter case | SELECT sees aliases | WHERE | GROUP BY | HAVING | QUALIFY | ORDER BY | in an expression there | `s.a` is a field |
//! |---|---|---|---|---|---|---|---|---|---|
//! | DuckDB 1.5.6 (tried) | ignored, quoted or not | to the left, column first | column, alias | column, alias | column if grouped, alias | column, alias | alias | column, alias | yes |
//! | PostgreSQL 15 (tried) | unquoted to lower | no | column | column, alias | column | – | alias | column | no |
//! | Redshift | to lower; capital letters in quotes are opaque | to the left, column first | column | ? | ? | ? | alias | ? | no |
//! | Snowflake | unquoted to upper | to the left, column first | column, alias | column, alias | ? | ? | ? | ? | no |
//! | BigQuery | ignored, but of tables | no | column | ? | ? | ? | alias | ? | yes |
//! | Databricks, Spark | ignored | to the left, column first | column | column, alias | ? | ? | alias | ? | yes |
//! | Trino | ignored | no | column | column | column | – | alias | ? | yes |
//! | ClickHouse 26.9 (tried) | kept | everywhere, alias first | ? | ? | ? | ? | alias | ? | no |
//! | MySQL, SQL Server, Hive, generic | ignored, but of MySQL's tables | ? | ? | ? | ? | ? | ? | ? | no |
//!
//! "?" is [`Reading::Unclear`]: a bare name that is both an input's column and an alias makes the query opaque. The same
//! holds wherever an input may have columns that nobody knows. Inside the expressions of GROUP BY and ORDER BY names are
//! read as the second last column says.
//!
//! A qualifier is a table before it is a struct, in every dialect; in FROM, `t.a` after an input `t` is an array of its in
//! BigQuery and Redshift, which is opaque. Redshift keeps the case of quoted names only by a setting of the cluster.
//!
//! ClickHouse lets an alias be named before it is made, so there any two readings at all are opaque.

use super::Dialect;

/// Which of two owners of a bare name a dialect takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Aliases are not seen.
    Column,
    /// An input's column, else an alias.
    ColumnThenAlias,
    /// An alias, else an input's column.
    AliasThenColumn,
    /// Either may be meant: both is opaque.
    Unclear,
}

/// How one dialect reads names, clause by clause.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameRules {
    /// Aliases to the left, in SELECT.
    pub(super) select: Reading,
    pub(super) filter: Reading,
    /// A bare name as a key of GROUP BY.
    pub(super) group: Reading,
    pub(super) having: Reading,
    pub(super) qualify: Reading,
    /// A bare name as a key of ORDER BY and DISTINCT ON.
    pub(super) order: Reading,
    /// A name inside an expression of GROUP BY or ORDER BY.
    pub(super) within: Reading,
    /// Whether `s.a` may be the field `a` of a column `s`.
    pub(super) fields: bool,
    /// Whether an alias may be named before it is made.
    pub(super) forward: bool,
}

impl Dialect {
    /// Its line of the table above.
    pub(super) fn name_rules(self) -> NameRules {
        use Reading::{AliasThenColumn, Column, ColumnThenAlias, Unclear};
        let unclear = NameRules {
            select: Unclear,
            filter: Unclear,
            group: Unclear,
            having: Unclear,
            qualify: Unclear,
            order: Unclear,
            within: Unclear,
            fields: false,
            forward: false,
        };
        match self {
            Self::DuckDb => NameRules {
                select: ColumnThenAlias,
                filter: ColumnThenAlias,
                group: ColumnThenAlias,
                qualify: ColumnThenAlias,
                order: AliasThenColumn,
                within: ColumnThenAlias,
                fields: true,
                ..unclear
            },
            Self::Postgres => NameRules {
                select: Column,
                filter: Column,
                group: ColumnThenAlias,
                having: Column,
                order: AliasThenColumn,
                within: Column,
                ..unclear
            },
            Self::Redshift => NameRules { select: ColumnThenAlias, filter: Column, order: AliasThenColumn, ..unclear },
            Self::Snowflake => {
                NameRules { select: ColumnThenAlias, filter: ColumnThenAlias, group: ColumnThenAlias, ..unclear }
            }
            Self::BigQuery => {
                NameRules { select: Column, filter: Column, order: AliasThenColumn, fields: true, ..unclear }
            }
            Self::Databricks | Self::Spark => NameRules {
                select: ColumnThenAlias,
                filter: Column,
                group: ColumnThenAlias,
                order: AliasThenColumn,
                fields: true,
                ..unclear
            },
            Self::Trino => NameRules {
                select: Column,
                filter: Column,
                group: Column,
                having: Column,
                order: AliasThenColumn,
                fields: true,
                ..unclear
            },
            Self::ClickHouse => NameRules { order: AliasThenColumn, forward: true, ..unclear },
            Self::Hive | Self::MySql | Self::MsSql | Self::Generic => unclear,
        }
    }
}
