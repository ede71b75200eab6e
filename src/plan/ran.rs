//! What became of a run. A plain value, as the plan is.

use super::{Build, Due, Left};
use crate::gc::Mode;
use crate::ids::{CommitId, EnvironmentName, ModelName};
use crate::time::Timestamp;

/// What a run did, or would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Ran {
    /// Whether it was done.
    pub mode: Mode,
    /// The environment.
    pub environment: EnvironmentName,
    /// The commit that its models are of.
    pub commit: Option<CommitId>,
    /// The moment for which it was worked out what is due.
    pub at: Timestamp,
    /// What was due.
    pub due: Vec<Due>,
    /// The tables that were loaded, in the order in which they were done.
    pub builds: Vec<Build>,
    /// What was not loaded, or not as far as its `cron` has it.
    pub left: Vec<Left>,
    /// Other environments that what was loaded again matters to.
    pub affected: Vec<Affected>,
    /// How long it took.
    pub seconds: f64,
}

/// An environment that shows what was loaded again, or what was made of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// The environment.
    pub environment: EnvironmentName,
    /// Models whose very table was loaded again: their rows are the new ones already.
    pub shows: Vec<ModelName>,
    /// Models whose table was made of it before, and is behind it.
    pub behind: Vec<ModelName>,
}
