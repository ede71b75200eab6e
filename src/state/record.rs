//! The rows of a state as plain values. Serialised forms are part of the schema: a field is added with a default,
//! never renamed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::StateError;
use super::ledger::Ledger;
use crate::decision::{Decision, Decisions, KeptRows};
use crate::hash::Digest;
use crate::history::Origin;
use crate::ids::{CommitId, EnvironmentName, Login, ModelName, PlanId, RefName, StateId, TableName};
use crate::model::{KindName, Weight};
use crate::naming::TableKey;
use crate::plan::{Basis, Commits, Found, Seen};
use crate::rollback::HoldChange;
use crate::statement::Comment;
use crate::time::{Interval, IntervalUnit, Timestamp};

/// An environment: a map from model to snapshot, plus where it came from. It owns no data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Everything but the map.
    pub about: About,
    /// A pointer for every model of the tree.
    pub models: BTreeMap<ModelName, Pointer>,
}

/// What is known of an environment besides its models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Its name, fixed when it is made.
    pub name: EnvironmentName,
    /// Whose it is.
    pub owner: Owner,
    /// The branch as last seen, where there is one.
    pub branch: Option<RefName>,
    /// The environment that it is compared with; `None` for prod.
    pub base: Option<EnvironmentName>,
    /// The commit that `base` stood at when this one was made.
    pub created_from: Option<CommitId>,
    /// The trees that it shows.
    pub commits: Commits,
    /// The commit that was promoted last, where promote writes the environment.
    pub promoted: Option<CommitId>,
    /// The plan that wrote it last; with `status` the [`Version`] that compare-and-swap compares.
    pub plan_id: PlanId,
    /// Whether that plan is through.
    pub status: Status,
    /// The interval end and execution time of its build, of which an environment has one (DESIGN, section 3).
    pub as_of: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a plan last wrote it.
    pub updated_at: Timestamp,
    /// When it is over; `None` where it stays.
    pub expires_at: Option<Timestamp>,
}

/// What somebody allowed to go away from production with a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// The pull request, by number.
    pub pull_request: u64,
    /// The model that goes, or loses columns.
    pub model: ModelName,
    /// The branch's commit that it holds for.
    pub head: CommitId,
    /// Who.
    pub by: Login,
    /// When.
    pub at: Timestamp,
}

/// Whose an environment is: how a force-pushed or recreated branch finds it again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A pull request, by number (in CI).
    PullRequest(u64),
    /// A branch, by its full ref (elsewhere).
    Branch(RefName),
    /// Whoever says its name: prod and others that promote writes, `--env NAME`, detached heads.
    Named,
}

/// Whether the last plan of an environment is through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A plan began. Where it died, views may stand as that plan left them: touch every one again.
    Building,
    /// Every view is as the models say.
    Ready,
}

/// What a reader saw of an environment, for compare-and-swap. The plan id alone is not enough: while a plan is building the
/// environment has its id already and still the models of the plan before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The plan that wrote it last.
    pub plan_id: PlanId,
    /// Whether that plan was through.
    pub status: Status,
}

/// Which environments are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others<'a> {
    /// All of the project but this one, whether that is there or not.
    AllBut(&'a EnvironmentName),
    /// This one alone.
    Only(&'a EnvironmentName),
    /// Those that promote writes, with what their history says that they were.
    EverPromoted,
    /// This one of those, with what its history says that it was.
    EverOnly(&'a EnvironmentName),
}

/// Where one model of an environment points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// The model's kind.
    pub kind: KindName,
    /// The snapshot.
    pub data_fingerprint: Digest,
    /// The rest of the model.
    pub metadata_fingerprint: Digest,
    /// Everything that the model and its parents were made from, by which a plan knows the fingerprints without
    /// computing them; `None` where an older release wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Digest>,
    /// The data fingerprint that the model has without the decision by which its rows are kept; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecided: Option<Digest>,
    /// Which rows that are.
    #[serde(default, skip_serializing_if = "KeptRows::is_all")]
    pub kept: KeptRows,
    /// What its rows are made of; the snapshot of a preview is under no fingerprint that a model has.
    #[serde(default, skip_serializing_if = "Basis::is_whole")]
    pub basis: Basis,
    /// The physical table; `None` for kinds without one.
    pub table: Option<TableName>,
    /// The view; `None` for kinds without one, and where no view was made.
    pub view: Option<VirtualView>,
}

/// A view of the virtual layer as it was made, so that a second apply knows which ones to touch and a drop which to drop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualView {
    /// Its name.
    pub name: TableName,
    /// Digest of the text that it was made with.
    pub definition: Digest,
}

/// What goes into an environment's history beside the environment itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEntry {
    /// The commit that was shown or promoted, where there is one.
    pub commit: Option<CommitId>,
    /// When.
    pub at: Timestamp,
    /// Who or what ran it.
    pub run: String,
    /// What was done, and by whom; `None` where an older release wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What becomes of the environment's hold in the same transaction.
    #[serde(default)]
    pub hold: HoldChange,
    /// Facts to record in the same transaction.
    pub facts: Vec<Fact>,
}

/// What an environment was after one plan or promote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Counts up from 1 in each environment.
    pub sequence: u64,
    /// The plan that wrote it.
    pub plan_id: PlanId,
    /// The commit, where there is one.
    pub commit: Option<CommitId>,
    /// When.
    pub at: Timestamp,
    /// Who or what ran it.
    pub run: String,
    /// What was done, and by whom; `None` where an older release wrote it.
    pub origin: Option<Origin>,
    /// The full map.
    pub models: BTreeMap<ModelName, Pointer>,
}

/// A promote between its beginning and its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingPromote {
    /// What the environment becomes; its plan id names the promote.
    pub intended: Environment,
    /// What was read; `None` where the environment is to be made.
    pub expected: Option<Version>,
    /// Its entry of the history.
    pub entry: NewEntry,
    /// Every view as it becomes, where the engine moves them one by one; empty where it moves them together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<ViewStep>,
}

/// A view as a promote makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewStep {
    /// Its name.
    pub view: TableName,
    /// What it shows; `None` where it goes.
    pub shown: Option<ShownView>,
}

/// What a view shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownView {
    /// The model.
    pub model: ModelName,
    /// Its columns; empty where they are not known.
    pub columns: Vec<String>,
    /// What it reads.
    pub query: String,
    /// Whether that is a query of its own, and not columns of one table as they are.
    pub computed: Computed,
    /// What the project says of it and its columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<Comment>,
    /// What runs when it is made or moves, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_update: Vec<String>,
}

/// Whether a view computes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Computed {
    /// It does.
    Yes,
    /// It shows a table.
    No,
}

/// Something that happened in the warehouse and is committed there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A table was made, or filled again as a whole.
    Snapshot(Snapshot),
    /// A range was loaded, for the first time or again.
    Load(Load),
    /// What it cost.
    Build(Build),
}

/// A model as it was at one fingerprint, and the table that holds it. Tables are found here, never by computing a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Model and data fingerprint.
    pub key: TableKey,
    /// The physical table.
    pub table: TableName,
    /// Its kind.
    pub kind: KindName,
    /// The columns as the engine showed them after the build.
    pub columns: Vec<Column>,
    /// The grain of its intervals.
    pub unit: IntervalUnit,
    /// When its table was made; the first time counts.
    pub created_at: Timestamp,
    /// The execution time of the last fill of the whole table; `None` for tables that are loaded by intervals.
    pub as_of: Option<Timestamp>,
}

/// A column as an engine shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: String,
}

/// A range that was loaded into a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The table.
    pub key: TableKey,
    /// The range.
    pub interval: Interval,
    /// The execution time of the load: what says whether prod's table is newer.
    pub loaded_at: Timestamp,
    /// Who or what ran it.
    pub run: String,
    /// What it found in its inputs; `None` where nobody wrote that down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Vec<Seen>>,
}

/// What one build cost, and what it read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The table.
    pub key: TableKey,
    /// Rows written; `None` where the engine did not count.
    pub rows: Option<u64>,
    /// Bytes written; `None` where the engine did not count.
    pub bytes: Option<u64>,
    /// How long it took.
    pub duration: Duration,
    /// When it began.
    pub started_at: Timestamp,
    /// The ranges loaded; empty for a table filled as a whole.
    pub intervals: Vec<Interval>,
    /// Which loads of its inputs it read.
    pub inputs: Vec<InputRead>,
    /// What it found in its inputs; `None` where an older release recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Vec<Seen>>,
    /// Who or what ran it.
    pub run: String,
    /// Whose environment it was made for; `None` where an older release recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_for: Option<Owner>,
    /// The plan that it belongs to, which fills a table once; `None` where an older release recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<PlanId>,
    /// Whether rows were loaded again that were there.
    #[serde(default, skip_serializing_if = "Restatement::is_no")]
    pub restatement: Restatement,
}

/// Whether a build loaded rows again that were there, because somebody wanted that of it or of what it reads (SQLMesh: a
/// restatement).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restatement {
    /// It did; what was made of those rows may be wrong.
    Yes,
    /// It did not, or an older release recorded it.
    #[default]
    No,
}

/// What one audit found in one table, in one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditResult {
    /// The audited model.
    pub model: ModelName,
    /// The audit with its arguments, as [`crate::audit::Audit::call`] writes them.
    pub audit: String,
    /// The plan that it belongs to; a random id of its own where nothing was planned.
    pub plan_id: PlanId,
    /// The table, or the view that shows what was audited; `None` where that is not ours.
    pub table: Option<TableName>,
    /// What a failure does.
    pub weight: Weight,
    /// The rows that fail.
    pub rows: u64,
    /// How many rows of production's table failed; `None` where nobody looked.
    pub production: Option<u64>,
    /// The execution time of the run.
    pub at: Timestamp,
    /// Who or what ran it.
    pub run: String,
}

/// The state in which a build found one of its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRead {
    /// The input's table.
    pub key: TableKey,
    /// The newest load or fill of it; 1970 where there was none.
    pub newest: Timestamp,
}

/// What is known of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it is.
    pub snapshot: Snapshot,
    /// What was loaded into it.
    pub ledger: Ledger,
}

/// Whether a table was forgotten because nothing needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// It is forgotten.
    Yes,
    /// Something needs it, or has needed it since: nothing was changed.
    No,
}

/// Who a state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The random id that it writes into each warehouse that it owns.
    pub state: StateId,
    /// The version of its tables.
    pub schema_version: u32,
    /// The version of the fingerprints in it.
    pub algorithm_version: u64,
}

/// What was decided of the models that are shown somewhere: they are made from their tree with that, whatever was decided since.
pub fn decisions_of(
    (environment, at): (&EnvironmentName, Timestamp),
    models: &BTreeMap<ModelName, Pointer>,
) -> impl Iterator<Item = Decision> {
    models.iter().filter_map(move |(model, pointer)| {
        let (model, environment, rows) = (model.clone(), environment.clone(), pointer.kept);
        pointer.undecided.map(|data_fingerprint| Decision { model, data_fingerprint, environment, by: None, at, rows })
    })
}

impl Environment {
    /// What was decided of what it shows.
    pub fn decisions(&self) -> Decisions {
        decisions_of((&self.about.name, self.about.updated_at), &self.models).collect()
    }
}

impl Restatement {
    /// Whether it did.
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }

    fn is_no(&self) -> bool {
        *self == Self::No
    }
}

impl Table {
    /// It as it is, for whoever finds out later whether it still is.
    pub fn found(&self) -> Found {
        let loads = self.ledger.loads().iter().map(|load| (load.interval, load.loaded_at)).collect();
        Found { filled_at: self.snapshot.as_of, loads }
    }
}

impl About {
    /// What compare-and-swap compares.
    pub fn version(&self) -> Version {
        Version { plan_id: self.plan_id.clone(), status: self.status }
    }

    /// Whether `owner` may write this environment.
    ///
    /// # Errors
    /// [`StateError::NameTaken`] names both owners.
    pub fn check_owner(&self, owner: &Owner) -> Result<(), StateError> {
        if self.owner == *owner {
            return Ok(());
        }
        let (owner, wanted_by) = (self.owner.clone(), owner.clone());
        Err(StateError::NameTaken { name: self.name.clone(), owner, wanted_by })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Status::Building => write!(formatter, "plan {}, still building", self.plan_id),
            Status::Ready => write!(formatter, "plan {}", self.plan_id),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PullRequest(number) => write!(formatter, "pull request {number}"),
            Self::Branch(reference) => write!(formatter, "`{reference}`"),
            Self::Named => formatter.write_str("an environment named by hand"),
        }
    }
}

impl Fact {
    /// The table that it is about.
    pub fn key(&self) -> &TableKey {
        match self {
            Self::Snapshot(snapshot) => &snapshot.key,
            Self::Load(load) => &load.key,
            Self::Build(build) => &build.key,
        }
    }
}
