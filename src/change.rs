//! What happened to a model between two trees, and why: enums that hold old and new, never bools or strings.
//! Renderers and JSON take `code` and `text` from here.

use serde::{Deserialize, Serialize};

use crate::decision::{Decision, KeptRows};
use crate::ids::ModelName;
use crate::model::KindName;
use crate::sql::Opaque;

/// What happened to a model between base and result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Not in base.
    Added,
    /// Its own text or properties moved its data fingerprint.
    Modified,
    /// Only parents moved its data fingerprint.
    Indirect,
    /// Only its metadata fingerprint moved.
    Metadata,
    /// Not in the result.
    Removed,
    /// A parent moved, this model did not.
    Unaffected,
}

/// What a change means for the readers of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Rows or an existing column moved.
    Breaking,
    /// Only columns were added.
    NonBreaking,
    /// Only what people read moved.
    Metadata,
    /// The model is added, removed or unaffected.
    None,
}

impl Change {
    /// As JSON and people read it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Indirect => "indirect",
            Self::Metadata => "metadata",
            Self::Removed => "removed",
            Self::Unaffected => "unaffected",
        }
    }
}

impl Category {
    /// As JSON has it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::NonBreaking => "non_breaking",
            Self::Metadata => "metadata",
            Self::None => "none",
        }
    }
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The model is new.
    Added,
    /// The model is gone.
    Removed,
    /// The kind is another one.
    KindChanged {
        /// In base.
        old: KindName,
        /// In the result.
        new: KindName,
    },
    /// The set of rows is another one (filters, joins, grouping, parents' rows).
    RowsChanged,
    /// An output column is computed in another way.
    ColumnChanged {
        /// Its name.
        column: String,
    },
    /// An output column is new.
    ColumnAdded {
        /// Its name.
        column: String,
    },
    /// An output column is gone.
    ColumnRemoved {
        /// Its name.
        column: String,
    },
    /// The same columns stand in another order.
    ColumnsReordered {
        /// In base.
        old: Vec<String>,
        /// In the result.
        new: Vec<String>,
    },
    /// A property that shapes the data is another one.
    PropertyChanged {
        /// Its name in the `MODEL` block.
        property: String,
        /// In base, as written.
        old: Option<String>,
        /// In the result, as written.
        new: Option<String>,
    },
    /// The data of a seed is another one.
    SeedChanged {
        /// Rows in base.
        old: u64,
        /// Rows in the result.
        new: u64,
    },
    /// A property that people read is another one.
    MetadataChanged {
        /// Its name.
        property: String,
        /// In base, as written.
        old: Option<String>,
        /// In the result, as written.
        new: Option<String>,
    },
    /// The model reads a column of a parent that moved.
    ParentColumn {
        /// The parent.
        parent: ModelName,
        /// The column.
        column: String,
    },
    /// The model reads a parent whose set of rows moved.
    ParentRows {
        /// The parent.
        parent: ModelName,
    },
    /// The model reads a parent as a whole, and something of it moved.
    ParentWhole {
        /// The parent.
        parent: ModelName,
    },
    /// A parent moved, but nothing of it that this model reads.
    ReadsNothingChanged {
        /// The parent.
        parent: ModelName,
    },
    /// The model could not be taken apart, so it moves with anything that it mentions.
    Opaque {
        /// What stood in the way.
        what: Opaque,
    },
    /// What shapes every model (engine, session settings) is another one.
    ContextChanged,
    /// A time-range query that must be loaded one interval at a time, whatever `batch_size` says.
    OneIntervalAtATime {
        /// What in it looks across intervals.
        why: String,
    },
    /// A time-range query whose rows may have a time outside of the interval that they come of.
    LoadedAsDue {
        /// What its time column is.
        why: String,
    },
    /// A time-range query whose time column is the day of shorter intervals.
    LoadedByDay,
    /// Rows that production has are kept, because that was decided.
    RowsKept {
        /// Which.
        rows: KeptRows,
        /// By whom, for which environment and when; `None` where this very plan decides it.
        decision: Option<Decision>,
    },
    /// The fingerprint takes it for granted that an ORDER BY is total.
    Assumes {
        /// The construct.
        what: String,
    },
}

impl Reason {
    /// A stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::KindChanged { .. } => "kind-changed",
            Self::RowsChanged => "rows-changed",
            Self::ColumnChanged { .. } => "column-changed",
            Self::ColumnAdded { .. } => "column-added",
            Self::ColumnRemoved { .. } => "column-removed",
            Self::ColumnsReordered { .. } => "columns-reordered",
            Self::PropertyChanged { .. } => "property-changed",
            Self::SeedChanged { .. } => "seed-changed",
            Self::MetadataChanged { .. } => "metadata-changed",
            Self::ParentColumn { .. } => "parent-column",
            Self::ParentRows { .. } => "parent-rows",
            Self::ParentWhole { .. } => "parent-whole",
            Self::ReadsNothingChanged { .. } => "reads-nothing-changed",
            Self::Opaque { .. } => "opaque",
            Self::ContextChanged => "context-changed",
            Self::OneIntervalAtATime { .. } => "one-interval-at-a-time",
            Self::LoadedAsDue { .. } => "loaded-as-due",
            Self::LoadedByDay => "loaded-by-day",
            Self::RowsKept { .. } => "rows-kept",
            Self::Assumes { .. } => "assumes",
        }
    }

    /// A sentence without full stop; names are not escaped, each renderer does that for its own face.
    pub fn text(&self) -> String {
        match self {
            Self::Added => "new model".into(),
            Self::Removed => "removed from the project".into(),
            Self::KindChanged { old, new } => format!("kind {} → {}", old.text(), new.text()),
            Self::RowsChanged => "its set of rows changed".into(),
            Self::ColumnChanged { column } => format!("column {column} is computed differently"),
            Self::ColumnAdded { column } => format!("column {column} added"),
            Self::ColumnRemoved { column } => format!("column {column} removed"),
            Self::ColumnsReordered { old, new } => {
                format!("columns reordered: {} → {}", old.join(", "), new.join(", "))
            }
            Self::PropertyChanged { property, old, new } | Self::MetadataChanged { property, old, new } => {
                format!("{property}: {} → {}", shown(old.as_deref()), shown(new.as_deref()))
            }
            Self::SeedChanged { old, new } => format!("seed data changed ({old} → {new} rows)"),
            Self::ParentColumn { parent, column } => format!("reads {parent}.{column}, which changed"),
            Self::ParentRows { parent } => format!("reads the rows of {parent}, which changed"),
            Self::ParentWhole { parent } => format!("reads all of {parent}, which changed"),
            Self::ReadsNothingChanged { parent } => format!("reads {parent}, but none of what changed"),
            Self::Opaque { what } => format!("opaque, {what}"),
            Self::ContextChanged => "the engine's context (engine, settings, before_all) changed".into(),
            Self::OneIntervalAtATime { why } => format!("loaded one interval at a time: {why}"),
            Self::LoadedAsDue { why } => {
                format!("loaded as much at once as is due, without rows of a time outside of that: {why}")
            }
            Self::LoadedByDay => {
                "loaded by whole days: the time column is the day, which is longer than an interval".into()
            }
            Self::RowsKept { rows, decision } => {
                let decided = decision.iter().map(|decision| format!(" {}", decision.sentence()));
                format!("{} are kept: {}{}", rows.subject(), rows.flags(), decided.collect::<String>())
            }
            Self::Assumes { what } => format!("assumes {what}"),
        }
    }
}

fn shown(value: Option<&str>) -> &str {
    value.unwrap_or("(none)")
}
