//! What SCD_TYPE_2 is told by.

use super::ColumnChanges;

/// What the SCD_TYPE_2 kinds need. The table has the query's columns and then the two that say when a row was valid;
/// a row without an end is the present one of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScdType2 {
    /// The key's expressions, as written.
    pub unique_key: Vec<String>,
    /// The column with the moment from which on a row is valid.
    pub valid_from: String,
    /// The column with the moment at which it ends, itself left out; NULL while it has none.
    pub valid_to: String,
    /// The SQL type of these two, as written.
    pub time_type: String,
    /// How a new version of a row is told.
    pub by: VersionBy,
    /// From when on rows are valid that have no version before them.
    pub first: FirstVersion,
    /// What becomes of rows that the query does not give any more.
    pub deleted: DeletedRows,
    /// Which changes of its columns are taken.
    pub changes: ColumnChanges,
}

/// How SCD_TYPE_2 tells that a row has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionBy {
    /// SCD_TYPE_2_BY_TIME: this column is later than it was. Versions begin and end at its value.
    Time {
        /// `updated_at_name`.
        updated_at: String,
    },
    /// SCD_TYPE_2_BY_COLUMN: a column has another value.
    Columns {
        /// These expressions; none stands for all columns (`*`).
        compared: Option<Vec<String>>,
        /// `updated_at_name`: versions begin and end at its value; without it at the time of the load that saw the row.
        updated_at: Option<String>,
    },
}

/// From when on the first version of a row is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstVersion {
    /// From 1970 on: it is unknown since when it was so. By column only what the very first load finds.
    Epoch,
    /// From where a later version would begin: the row's `updated_at`, or the time of the load.
    AsLaterOnes,
}

/// What becomes of the present version of a row that the query does not give any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletedRows {
    /// It stays the present one.
    Stay,
    /// It ends at the time of the load (`invalidate_hard_deletes`).
    End,
}

impl ScdType2 {
    /// The column that dates its versions; `None` where loads do.
    pub fn updated_at(&self) -> Option<&str> {
        match &self.by {
            VersionBy::Time { updated_at } => Some(updated_at),
            VersionBy::Columns { updated_at, .. } => updated_at.as_deref(),
        }
    }
}
