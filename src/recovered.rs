//! What of a lost state the warehouse gives back, and what of an old one is found again, as plain values: without a state, a
//! warehouse or a clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::gc::Mode;
use crate::ids::{CommitId, EnvironmentName, ModelName, StateId, TableName};
use crate::time::Timestamp;

/// What was taken up, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Whether it was done.
    pub mode: Mode,
    /// The id that the warehouse belongs to.
    pub state: StateId,
    /// What promote wrote, by name.
    pub environments: Vec<RecoveredEnvironment>,
    /// Environments of which a promote was recorded and whose views are gone: they were dropped.
    pub gone: Vec<EnvironmentName>,
    /// Tables in the warehouse that nothing says more about than that they are ours.
    pub unknown: usize,
}

/// An environment that a promote recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredEnvironment {
    /// Its name.
    pub name: EnvironmentName,
    /// The commit that it shows.
    pub commit: CommitId,
    /// When it was promoted.
    pub at: Timestamp,
    /// Its models.
    pub models: usize,
    /// The tables that are taken up with their loads.
    pub tables: usize,
    /// The models whose tables are not, and why.
    pub distrusted: BTreeMap<ModelName, Distrust>,
}

/// Why a table is built again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// Nothing stands under its name, or no table.
    Gone,
    /// The warehouse does not say that it is this model's of this project.
    NotRecorded,
    /// Loading a range twice counts it twice, and a load since the promote left no trace.
    AddsUp,
    /// The same, as far as anybody can tell: the promoted commit is not here to say.
    MayAddUp,
}

impl Distrust {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Gone => "its table is not in the warehouse",
            Self::NotRecorded => "the warehouse does not say that its table is ours",
            Self::AddsUp => "its loads add up, and what was loaded since the promote is not known",
            Self::MayAddUp => "its loads may add up, and the promoted commit is not here to say (`fetch-depth: 0`)",
        }
    }

    /// As JSON has it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::NotRecorded => "not-recorded",
            Self::AddsUp => "adds-up",
            Self::MayAddUp => "may-add-up",
        }
    }
}

/// What the warehouse says of the tables of a project.
pub struct Warehouse {
    /// The tables that it records as the project's, with their models.
    pub recorded: BTreeMap<TableName, ModelName>,
    /// The tables that are there.
    pub there: BTreeSet<TableName>,
}

/// Which models' loads add up.
pub enum AddingUp {
    /// These.
    Models(BTreeSet<ModelName>),
    /// Nobody can tell.
    Unknown,
}

impl Warehouse {
    /// Why a model's table cannot be taken up, if it cannot.
    pub fn distrust(&self, model: &ModelName, table: &TableName) -> Option<Distrust> {
        match self.recorded.get(table) {
            _ if !self.there.contains(table) => Some(Distrust::Gone),
            Some(recorded) if recorded == model => None,
            _ => Some(Distrust::NotRecorded),
        }
    }
}

/// What was brought to this program's versions, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Whether it was done.
    pub mode: Mode,
    /// The version of the tables, before and after.
    pub schema: (u32, u32),
    /// The version of the fingerprints, before and after; `None` where it cannot be read before the tables are migrated.
    pub algorithm: Option<(u64, u64)>,
    /// The tables that are found under their new keys.
    pub tables: usize,
    /// The environments that were looked at for that.
    pub environments: usize,
    /// The environments whose commits are not here.
    pub unknown: Vec<EnvironmentName>,
}
