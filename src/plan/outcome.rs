//! What became of a plan: what was built and how many views moved. A plain value, as the plan is.

use crate::ids::{ModelName, TableName};
use crate::rollback::Hold;
use crate::time::{Interval, IntervalUnit};

use super::Plan;

/// The result of `apply` or `promote`.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What was carried out.
    pub plan: Plan,
    /// The tables that were filled or completed, in the order in which they were done.
    pub builds: Vec<Build>,
    /// Views whose target moved.
    pub swapped: usize,
    /// The hold of a rollback that ended with it.
    pub released: Option<Hold>,
    /// How long the whole took.
    pub seconds: f64,
}

/// One table that was filled or completed.
#[derive(Clone, Debug, PartialEq)]
pub struct Build {
    /// The model.
    pub model: ModelName,
    /// Its physical table.
    pub table: TableName,
    /// Rows written; `None` where the engine does not say.
    pub rows: Option<u64>,
    /// How long it took.
    pub seconds: f64,
    /// The unit of the intervals below.
    pub unit: IntervalUnit,
    /// What was loaded; empty for kinds that are loaded as a whole.
    pub intervals: Vec<Interval>,
}
