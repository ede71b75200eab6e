//! The plan: a plain value that says what would be built, reused, swapped and dropped to make an environment match a tree.
//!
//! It can be compared, printed (`render`), applied (`apply`) and serialised; it never does anything itself.

mod adopted;
mod build;
mod due;
mod early;
mod newer;
mod order;
mod outcome;
mod partial;
mod ran;
mod range;
mod restate;
mod restatements;
mod scheduled;
mod seen;
mod target;
mod why;

use serde::{Deserialize, Serialize};

pub use crate::change::{Category, Change, Reason};
pub use adopted::{Adopted, KnownBy};
pub use build::{Inputs, Known, KnownLoad, KnownTable, Purpose, Remembered, Sharing, ShownBefore, Unseen, build};
pub use due::{Due, Past, RunPlan, Running, Shown, due};
pub use outcome::{Build, Outcome};
pub use partial::stored_parents;
pub use ran::{Affected, Ran};
pub use range::{Window, earliest_start, is_loaded_by_interval};
pub use restate::Restate;
pub use seen::{Saw, Seen, all_there_until, loaded_before_gaps};
pub use why::{Left, Why, WhyLeft};

use crate::hash::Digest;
use crate::ids::{CommitId, EnvironmentName, ModelName, TableName, TreeId};
use crate::model::KindName;
use crate::naming::TableKey;
use crate::problem::Problem;
use crate::settings::EnvironmentSuffix;
use crate::time::{Interval, IntervalUnit, Timestamp};

/// What an environment would become, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The environment.
    pub environment: EnvironmentName,
    /// Where its name stands in those of its views.
    pub suffix: EnvironmentSuffix,
    /// Where the trees came from.
    pub commits: Commits,
    /// Every model of either tree that something touched, in graph order (parents first), removed ones last.
    pub models: Vec<PlannedModel>,
    /// Models where main's tip and prod differ: merged, not promoted yet. Never mixed with `models`.
    pub drift: Vec<PlannedModel>,
    /// Counts.
    pub summary: Summary,
    /// Every model of the result, in graph order: what the environment's map becomes.
    pub targets: Vec<Target>,
    /// What is wrong with the project, all of it.
    pub problems: Vec<Problem>,
}

/// The commits that a plan compares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commits {
    /// The tip of the base branch.
    pub base: CommitId,
    /// The branch's commit; `None` where the working tree is planned on an unborn branch.
    pub head: Option<CommitId>,
    /// Their best common ancestor.
    pub merge_base: Option<CommitId>,
    /// The tree of the result; with uncommitted edits the one that committing them would give. `None` where nobody knows.
    pub result_tree: Option<TreeId>,
}

/// Where one model of the environment will point, and what must be done before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The model.
    pub name: ModelName,
    /// Its kind.
    pub kind: KindName,
    /// The identity of its table; kinds without one have a key all the same, of their definition.
    pub key: TableKey,
    /// The fingerprint of the rest.
    pub metadata_fingerprint: Digest,
    /// Its physical table; `None` for kinds without one.
    pub table: Option<TableName>,
    /// What apply does.
    pub action: Action,
    /// The unit of the intervals below.
    pub unit: IntervalUnit,
    /// What apply would load now.
    pub intervals_missing: Vec<Interval>,
    /// What promote would still load after that.
    pub due_at_promote: Vec<Interval>,
    /// The time that a history of intervals is of; `None` for all other models.
    pub course: Option<Course>,
    /// What its rows are made of.
    pub basis: Basis,
    /// What a fill finds in its inputs.
    pub seen: Vec<Seen>,
    /// The table as the plan found it; `None` where nothing was known of it.
    pub found: Option<Found>,
    /// What is carried into it first; `None` where it begins or goes on by itself.
    pub history: Option<History>,
    /// Whose table it was when the plan was made.
    pub sharing: Sharing,
    /// What becomes of the rows that it has, where a load by key says nothing of them.
    pub rows: Rows,
}

/// What becomes of rows of an INCREMENTAL_BY_UNIQUE_KEY whose keys a load of the whole query does not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// They stay, as SQLMesh's merge leaves them.
    Stay,
    /// The table begins anew: it was made of what is not read any more, or of rows that were loaded again since, or no promote has
    /// shown it.
    Anew,
    /// It begins anew because somebody wants it, or what it reads, loaded again.
    Restated,
}

/// The time that a history of intervals is of. How far it has come is for the warehouse to say, which knows it as surely as the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Where the first interval begins of a history that has none yet.
    pub start: Timestamp,
    /// Where it is said to begin; `None` where nothing says so, and `start` moves with the clock.
    pub earliest: Option<Timestamp>,
    /// Where the last one ends that is over, and whose inputs are there; perhaps before the start. Where parts of intervals are
    /// loaded, where the last one ends that is there.
    pub end: Timestamp,
    /// From where on intervals are laid again that were laid already; `None` where none are.
    pub again: Option<Timestamp>,
}

/// The table of a model whose rows no query gives again, where another definition of it is to go on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Its identity.
    pub key: TableKey,
    /// The table.
    pub table: TableName,
    /// What comes after it is carried over.
    pub then: Then,
    /// What is not carried over, of a table that is loaded by interval; `None` where all of it is.
    pub own: Option<OwnRows>,
    /// What is known of it where another program made it; `None` where the state knows it.
    pub adopted: Option<Adopted>,
}

/// Rows that a table does not take from the one that it goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnRows {
    /// From when on.
    pub from: Timestamp,
    /// Which of them.
    pub which: Which,
}

/// Which rows from a moment on are a table's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All: they are computed by its definition.
    All,
    /// Those that it has: what was computed by one definition does not take the place of what was by the other.
    Loaded,
}

/// What is done with a history that was carried over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// What the query gives now is laid over it.
    Load,
    /// Nothing: it is then as the other table is, whose last load was at this time.
    Nothing {
        /// The time.
        as_of: Option<Timestamp>,
    },
}

/// A table as a plan found it: whoever writes it finds out by this whether another has meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The execution time of its last fill as a whole.
    pub filled_at: Option<Timestamp>,
    /// The ranges that are loaded, each with the execution time of its load.
    pub loads: Vec<(Interval, Timestamp)>,
}

/// One model of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedModel {
    /// Its name.
    pub name: ModelName,
    /// Its kind in the result, or in the base where it is removed.
    pub kind: KindName,
    /// What happened to it.
    pub change: Change,
    /// What that means for readers.
    pub category: Category,
    /// Why, most important first; never empty.
    pub reasons: Vec<Reason>,
    /// What apply does.
    pub action: Action,
    /// Its physical table; `None` for kinds without one.
    pub table: Option<TableName>,
    /// The fingerprint that the table is named after; the old one where the model is removed.
    pub data_fingerprint: Digest,
    /// The unit of the intervals below.
    pub unit: IntervalUnit,
    /// What apply would load now; empty for kinds that are loaded as a whole.
    pub intervals_missing: Vec<Interval>,
    /// What promote would still load after that, up to prod's own intervals.
    pub due_at_promote: Vec<Interval>,
    /// What its rows are made of.
    pub basis: Basis,
}

/// What apply does with a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Fill a table, wholly or its missing intervals.
    Build,
    /// Point at a table that is there and complete.
    Reuse,
    /// Create or replace the view of a VIEW model.
    View,
    /// Drop the view of a removed model.
    Drop,
    /// Nothing.
    None,
}

/// What the rows of a model are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Inputs that are all that they should be.
    #[default]
    Whole,
    /// Inputs that lack something, or its own past does. The table, where it has one, is under a key of its own, and no
    /// promote takes it.
    Preview,
}

/// How many models of the result (and removed ones) are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Models of the result.
    pub models: usize,
    /// Changes of each sort.
    pub added: usize,
    /// Own text or properties moved.
    pub modified: usize,
    /// Only parents moved it.
    pub indirect: usize,
    /// Only metadata moved.
    pub metadata: usize,
    /// Gone.
    pub removed: usize,
    /// A parent moved, the model did not.
    pub unaffected: usize,
    /// Models with a table whose table is there already.
    pub reused: usize,
    /// Models with a table that must be filled or completed, drifted ones included.
    pub to_build: usize,
}

impl Plan {
    /// Whether the branch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// The tables of previews that it points at.
    pub fn previews(&self) -> impl Iterator<Item = &TableKey> {
        let previews = self.targets.iter().filter(|target| target.basis == Basis::Preview && target.table.is_some());
        previews.map(|target| &target.key)
    }
}

impl PlannedModel {
    /// Whether promote will have to fill its table, or more of it.
    pub fn is_due(&self) -> bool {
        !self.due_at_promote.is_empty() || (self.basis == Basis::Preview && self.table.is_some())
    }
}

impl Basis {
    /// Whether nothing is lacking.
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }

    /// As JSON has it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Preview => "preview",
        }
    }
}

impl Action {
    /// As JSON has it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Reuse => "reuse",
            Self::View => "view",
            Self::Drop => "drop",
            Self::None => "none",
        }
    }
}
