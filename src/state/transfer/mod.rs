//! A state as lines of JSON, to move it from one store to another: who it is, and everything that the project's rows say.
//! Sessions, what they hold and the counter of their tokens stay behind.
//!
//! The first line says what follows, the last one how many lines there are, so that nothing can be cut off unseen. Lines
//! stand in one order, whatever store they come from: the same state gives the same bytes, and whoever reads them knows a
//! line that is there twice by its place, without remembering the others.

mod order;
mod read;

use serde::{Deserialize, Serialize};

use order::Order;
pub use read::{LineError, Lines};

use super::record::{Allowance, AuditResult, Build, Environment, HistoryEntry, Load, PendingPromote, Snapshot};
use crate::decision::Decision;
use crate::ids::{EnvironmentName, ProjectName, StateId, TableName};
use crate::rollback::Hold;
use crate::time::Timestamp;

/// The version of the lines that this program writes. A field is added with a default and changes nothing of it.
pub const FORMAT: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Record {
    /// The first line.
    State(Header),
    /// A table.
    Snapshot(Snapshot),
    /// A range that was loaded into the table of the snapshot before.
    Load(Load),
    /// What a build cost, and what it read.
    Build(Build),
    /// An environment with its models.
    Environment(Environment),
    /// The environment before is held after a rollback.
    Hold(HeldBack),
    /// What the environment before was.
    History(Past),
    /// A promote that began and was not settled.
    Promote(Box<PendingPromote>),
    /// What may go away with a pull request.
    Allowance(Allowance),
    /// A table that nothing needs.
    Unreferenced(Unreferenced),
    /// What an audit found.
    Audit(AuditResult),
    /// That rows are kept.
    Decision(Decision),
    /// The last line.
    End(End),
}

/// Whose lines these are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the lines.
    pub format: u32,
    /// The project of all that follows.
    pub project: ProjectName,
    /// The id that the state has in each warehouse that it owns.
    pub state: StateId,
    /// The version of the tables that it was read from.
    pub schema_version: u32,
    /// The version of the fingerprints in it.
    pub algorithm_version: u64,
    /// The largest token that a warehouse knows of it. It is no part of the line: what is taken up later begins above all that
    /// was given out before.
    #[serde(skip)]
    pub last_token: u64,
}

/// An environment that promote may not bring back to what was rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// The environment.
    pub environment: EnvironmentName,
    /// Who holds it, and why.
    pub hold: Hold,
}

/// An entry of an environment's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// The environment.
    pub environment: EnvironmentName,
    /// The entry.
    pub entry: HistoryEntry,
}

/// Since when nothing has needed a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreferenced {
    /// The table.
    pub table: TableName,
    /// Since when.
    pub since: Timestamp,
}

/// That nothing was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The lines between the first and this one.
    pub records: u64,
}
