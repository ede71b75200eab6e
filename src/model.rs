//! A model as its file states it: plain data that the pure core reads. Nothing here knows SQL, git or an engine.

mod audit;
mod grants;
mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use audit::{AuditCall, OwnAudit, StandaloneAudit, Weight};
pub use grants::{Grant, Grantee};
pub use history::{DeletedRows, FirstVersion, ScdType2, VersionBy};

use serde::{Deserialize, Serialize};

use crate::hash::Digest;
use crate::ids::{BlobId, FilePath, ModelName};
use crate::sql::{Dialect, Mentions, Query, Template};
use crate::time::{Cron, IntervalUnit, TimeZone, Timestamp, relative};

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
    /// Who may do what with its views; `None` where nothing is said, and others decide.
    #[serde(default)]
    pub grants: Option<Vec<Grant>>,
    /// When production loads some of it again by itself.
    pub auto_restatement: Option<AutoRestatement>,
    /// Every other property that is known and only described, such as `references`, as written.
    pub other_metadata: BTreeMap<String, String>,
}

/// What is loaded again by itself (`auto_restatement_cron`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoRestatement {
    /// When, by UTC.
    pub cron: Cron,
    /// How many units before that; `None` for all.
    pub intervals: Option<u32>,
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
    /// A table that stands for a view: filled anew as a whole, as often as its schedule says.
    Materialized,
    /// A table loaded by ranges of a time column.
    TimeRange(TimeRange),
    /// A table whose rows are replaced by key.
    UniqueKey(UniqueKey),
    /// A table whose partitions are replaced, as `partitioned_by` cuts it. What a query does not give any more stays.
    Partition(Past),
    /// A table to which each load adds rows, and from which none goes.
    Unmanaged(ColumnChanges),
    /// A table that keeps each version of a row with the time over which it was valid.
    ScdType2(ScdType2),
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
    /// What becomes of what is loaded when the definition changes.
    #[serde(default)]
    pub past: Past,
    /// From which beginning of a unit on rows are of this definition, though earlier ones are kept; no file says so, only a
    /// decision does (`--effective-from`).
    #[serde(default)]
    pub effective_from: Option<Timestamp>,
    /// Which changes of its columns are taken, should its rows be kept.
    #[serde(default)]
    pub changes: ColumnChanges,
}

/// What becomes of what a model's table holds when its definition changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Past {
    /// It is computed again, into a table of its own.
    #[default]
    Recomputed,
    /// It goes on as it was computed, into the table of the new definition, which holds for what is loaded from then on
    /// (`forward_only`).
    Kept(ColumnChanges),
    /// The same, and nothing that is loaded is loaded again (`disable_restatement`).
    Fixed(ColumnChanges),
}

/// Which changes of the columns of what is kept are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnChanges {
    /// A column is gone, or holds less (`on_destructive_change`).
    pub destructive: ColumnChange,
    /// A column is new (`on_additive_change`).
    pub additive: ColumnChange,
}

impl Default for ColumnChanges {
    /// As SQLMesh has it.
    fn default() -> Self {
        Self { destructive: ColumnChange::Refused, additive: ColumnChange::Taken }
    }
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
    /// What becomes of what is loaded when the definition changes.
    pub past: Past,
    /// Which changes of its columns are taken, should its rows be kept.
    pub changes: ColumnChanges,
}

/// What a change of the columns does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColumnChange {
    /// The table is not built.
    Refused,
    /// It is.
    Taken,
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
    /// The columns that the model declares, in its order, else all in the file's; with the types that the table gets.
    pub columns: Vec<SeedColumn>,
    /// Number of rows, the header not counted.
    pub rows: u64,
}

/// One column of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedColumn {
    /// Its name in the table. In the header it may stand in another case, between spaces.
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
    /// Before a sign that means nothing but itself.
    pub escape: Option<u8>,
    /// Whether a quote inside a cell is written twice.
    pub double_quote: bool,
    /// Whether spaces after a delimiter are dropped.
    pub skip_initial_space: bool,
    /// Texts that mean NULL.
    pub null_texts: BTreeSet<String>,
    /// Further ones of single columns, by their names as the header has them.
    pub null_texts_of: BTreeMap<String, BTreeSet<String>>,
}

/// What a kind is called in `MODEL` blocks, plans and the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "each variant is the kind of its name")]
pub enum KindName {
    View,
    Full,
    #[serde(rename = "VIEW_MATERIALIZED")]
    Materialized,
    IncrementalByTimeRange,
    IncrementalByUniqueKey,
    IncrementalByPartition,
    IncrementalUnmanaged,
    #[serde(rename = "SCD_TYPE_2_BY_TIME")]
    ScdType2ByTime,
    #[serde(rename = "SCD_TYPE_2_BY_COLUMN")]
    ScdType2ByColumn,
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

    /// Whether its table holds what no query gives again: it is never made anew, and goes on from production's.
    pub fn is_history(self) -> bool {
        matches!(self, Self::IncrementalByPartition | Self::IncrementalUnmanaged) || self.has_versions()
    }

    /// Whether it has the two columns that say when a row was valid.
    pub fn has_versions(self) -> bool {
        matches!(self, Self::ScdType2ByTime | Self::ScdType2ByColumn)
    }

    /// Whether a table of the one kind can go on from one of the other.
    pub fn goes_on_from(self, other: Self) -> bool {
        self == other || self.has_versions() && other.has_versions()
    }

    /// As SQLMesh writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::View => "VIEW",
            Self::Full => "FULL",
            Self::Materialized => "VIEW (materialized)",
            Self::IncrementalByTimeRange => "INCREMENTAL_BY_TIME_RANGE",
            Self::IncrementalByUniqueKey => "INCREMENTAL_BY_UNIQUE_KEY",
            Self::IncrementalByPartition => "INCREMENTAL_BY_PARTITION",
            Self::IncrementalUnmanaged => "INCREMENTAL_UNMANAGED",
            Self::ScdType2ByTime => "SCD_TYPE_2_BY_TIME",
            Self::ScdType2ByColumn => "SCD_TYPE_2_BY_COLUMN",
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
            Self::Materialized => KindName::Materialized,
            Self::TimeRange(_) => KindName::IncrementalByTimeRange,
            Self::UniqueKey(_) => KindName::IncrementalByUniqueKey,
            Self::Partition(_) => KindName::IncrementalByPartition,
            Self::Unmanaged(_) => KindName::IncrementalUnmanaged,
            Self::ScdType2(scd) => match scd.by {
                VersionBy::Time { .. } => KindName::ScdType2ByTime,
                VersionBy::Columns { .. } => KindName::ScdType2ByColumn,
            },
            Self::Seed(_) => KindName::Seed,
            Self::External => KindName::External,
            Self::Embedded => KindName::Embedded,
        }
    }
}

impl Past {
    /// Which changes of the columns of what is kept are taken; `None` where nothing is kept.
    pub fn kept(self) -> Option<ColumnChanges> {
        match self {
            Self::Recomputed => None,
            Self::Kept(changes) | Self::Fixed(changes) => Some(changes),
        }
    }
}

impl Model {
    /// What becomes of what its table holds when its definition changes.
    pub fn past(&self) -> Past {
        match &self.kind {
            Kind::ScdType2(scd) => Past::Fixed(scd.changes),
            Kind::TimeRange(range) => range.past,
            Kind::UniqueKey(key) => key.past,
            Kind::Unmanaged(changes) => Past::Fixed(*changes),
            Kind::Partition(past) => *past,
            _ => Past::Recomputed,
        }
    }

    /// From when on its rows are of this definition, though earlier ones are kept; `None` where nothing was decided so.
    pub fn effective_from(&self) -> Option<Timestamp> {
        match &self.kind {
            Kind::TimeRange(range) => range.effective_from,
            _ => None,
        }
    }

    /// Whether what its table holds depends on every load that there was: nothing makes it anew.
    pub fn is_history(&self) -> bool {
        let is_keyed = self.kind.name() == KindName::IncrementalByUniqueKey;
        self.kind.name().is_history() || is_keyed && self.past() != Past::Recomputed
    }

    /// Whether it is a history of intervals: its query names one, and what it gives of each is laid over what it gave of
    /// those before, in the order of time and once (SQLMesh: "Processing Source Table with Historical Data"). Of
    /// INCREMENTAL_BY_PARTITION and INCREMENTAL_UNMANAGED all intervals that are missing are one load, as in SQLMesh.
    pub fn is_history_of_intervals(&self) -> bool {
        match &self.kind {
            Kind::ScdType2(_) | Kind::Partition(_) | Kind::Unmanaged(_) => {
                self.query.as_ref().is_some_and(|query| query.written().mentions_interval())
            }
            Kind::UniqueKey(key) => key.past != Past::Recomputed && self.names_interval(),
            _ => false,
        }
    }

    /// Whether all intervals that are missing of such a history are one load, and none is laid again.
    pub fn is_laid_at_once(&self) -> bool {
        matches!(self.kind, Kind::Partition(_) | Kind::Unmanaged(_)) && self.is_history_of_intervals()
    }

    /// Whether it is a model of the project that cannot run here: a table that something else fills, and not one that is declared.
    pub fn is_stand_in(&self) -> bool {
        self.kind == Kind::External && self.path.as_str().starts_with("models/")
    }

    /// Whether its query or a statement beside it names the interval that is loaded.
    pub fn names_interval(&self) -> bool {
        let statements = self.pre_statements.iter().chain(&self.post_statements);
        statements.chain(self.query.iter().map(Query::written)).any(Template::mentions_interval)
    }

    /// Whether what a load gives is merged into what is there, which counts twice what comes twice.
    pub fn adds_up(&self) -> bool {
        matches!(&self.kind, Kind::UniqueKey(key) if key.adds_up())
    }

    /// The grain in which its intervals are counted.
    pub fn unit(&self) -> IntervalUnit {
        self.properties.interval_unit.unwrap_or_else(|| self.properties.cron.interval_unit())
    }

    /// Whether a unit of it may be loaded before it is over; it is loaded again until it is.
    pub fn allows_partials(&self) -> bool {
        self.properties.other_metadata.contains_key("allow_partials")
    }

    /// Whether somebody else is to be asked if an interval is there, before it is loaded (`signals`).
    pub fn waits_for_signals(&self) -> bool {
        let signals = self.properties.other_metadata.get("signals");
        signals.is_some_and(|signals| signals.chars().any(|sign| !"()[] ".contains(sign)))
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
    /// The moment, relative texts counted from `now`: as an end, such a moment is where the last unit ends (SQLMesh: "yesterday" is
    /// its midnight, and no day that belongs to it).
    pub fn resolve(&self, now: Timestamp) -> Option<Timestamp> {
        self.absolute.or_else(|| relative(&self.text, now))
    }
}
