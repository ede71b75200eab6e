//! The SQL text that materialises each kind: a pure function of names, columns, the query's text and times.
//!
//! The author's text stays as it is: it is only wrapped, never printed anew. Whoever runs these statements decides about
//! transactions; every list below is meant for one. Nothing here talks to an engine.
//!
//! | kind | first | each load |
//! |---|---|---|
//! | FULL | [`Target::create`] | [`Target::rebuild`], or [`Target::refill`] where views bind to their table |
//! | SEED | [`Target::create_typed`], then the engine's bulk load | the same after [`Target::drop_table`] |
//! | INCREMENTAL_BY_TIME_RANGE | [`Target::create_empty`] | [`Target::load_interval`] |
//! | INCREMENTAL_BY_UNIQUE_KEY | [`Target::create_empty`] | [`Target::upsert`] |
//! | INCREMENTAL_UNMANAGED | [`Target::create_staged`] | [`Target::add_staged`], after [`Target::carry_added`], [`Target::pair`] or [`Target::carry_all`] where it goes on from another table |
//! | INCREMENTAL_BY_PARTITION | [`Target::create_staged`] | [`Target::replace_partitions`], after [`Target::carry_partitions`] where it goes on from another table |
//! | SCD_TYPE_2 | [`Target::create_history`] | [`Target::add_versions`], after [`Target::carry_history`] where it goes on from another table |
//! | VIEW | [`create_view`] | [`create_view`] |
//! | EMBEDDED, and VIEW while tables are built | a CTE: [`with_parents`]; behind statements of the reader's own [`create_session_view`] | |

mod added;
mod compare;
mod grants;
mod history;
mod parents;
mod partition;
mod quote;
mod table;
mod time_literal;
mod upsert;
mod view;

pub use added::Sides;
pub use compare::{BUCKETS, Comparison};
pub use grants::sync_grants;
pub use history::{Carried, HistoryPast, VersionLoad};
pub use parents::{Parent, create_session_view, free_name, with_parents};
pub use quote::{column_list, quote_identifier, quote_schema, quote_table, text_literal};
pub use table::Target;
pub use time_literal::{LoadTime, TimeColumn, time_filter, time_literal};
pub use upsert::{Upsert, UpsertRule};
pub use view::{
    Comment, ObjectKind, ViewReplacement, comment_on_column, comment_on_view, create_view, drop_view,
    no_comment_on_view, pointer_query, rename_object,
};

/// A column as an engine shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnType {
    /// Its exact name.
    pub name: String,
    /// Its type in the engine's words.
    pub data_type: String,
}

impl ColumnType {
    /// A column of a name and a type.
    pub fn new(name: impl Into<String>, data_type: impl Into<String>) -> Self {
        Self { name: name.into(), data_type: data_type.into() }
    }
}

/// Why there is no statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The time column's type cannot be compared with a moment.
    #[error(
        "time column `{column}` has type `{data_type}`; expected a date, a timestamp, or a text or number with a format"
    )]
    TimeColumnType {
        /// The column.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// The time column's format does not sort as time does, or gives no number for a column of numbers.
    #[error(
        "time column `{column}` of type `{data_type}` cannot be compared through format `{format}`; \
         expected parts from the year down, such as `%Y-%m-%d`, or `%Y%m%d` and `%s` for a number"
    )]
    TimeFormat {
        /// The column.
        column: String,
        /// Its type.
        data_type: String,
        /// The format.
        format: String,
    },
    /// A load needs the table's columns, and none are known.
    #[error("the columns of `{table}` are not known; ask the engine for them before loading")]
    NoColumns {
        /// The table.
        table: String,
    },
    /// A table of declared types has a column without one.
    #[error("column `{column}` of `{table}` has no type")]
    NoType {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// An INCREMENTAL_BY_UNIQUE_KEY model without a key.
    #[error("`{table}` has no unique key; name at least one column in `unique_key`")]
    NoKey {
        /// The table.
        table: String,
    },
}
