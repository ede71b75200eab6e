//! What came of tests, as plain values.

use serde::Serialize;

use super::{Difference, Expected};
use crate::ids::{FilePath, ModelName};
use crate::problem::Problem;
use crate::statement::ColumnType;
use crate::yaml::Place;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct TestReport {
    /// Each test that was looked at, in the order of files.
    pub outcomes: Vec<Outcome>,
    /// What is wrong with test files; tests with mistakes did not run.
    pub problems: Vec<Problem>,
    /// How long all took.
    pub seconds: f64,
}

/// What came of one test.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: FilePath,
    /// Where it stands there.
    pub place: Place,
    /// The model under test.
    pub model: ModelName,
    /// What it shows.
    pub description: Option<String>,
    /// How it ended.
    pub ending: Ending,
}

/// How a test ended.
#[derive(Clone, Debug)]
pub enum Ending {
    /// What came is what was expected.
    Passed,
    /// Something else came.
    Failed(Vec<Mismatch>),
    /// The query or the fixtures cannot run as they are.
    Error(Trouble),
    /// It needs another engine than DuckDB.
    CannotRun {
        /// Why.
        why: String,
    },
}

/// What kept a test from running through.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What went wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Where, if it is elsewhere than at the test's name.
    pub place: Option<Place>,
}

/// What came otherwise than expected.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// Of what.
    pub subject: Subject,
    /// How.
    pub kind: MismatchKind,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The model's query.
    Query,
    /// One of its CTEs.
    Cte(String),
}

/// How two results differ.
#[derive(Clone, Debug)]
pub enum MismatchKind {
    /// Columns are expected that did not come.
    Columns {
        /// Those that did not.
        unknown: Vec<String>,
        /// Those that did.
        came: Vec<String>,
    },
    /// The model has no such CTE.
    NoCte {
        /// Those that it has.
        known: Vec<String>,
    },
    /// The rows differ.
    Rows(RowMismatch),
}

/// Rows that differ.
#[derive(Clone, Debug)]
pub struct RowMismatch {
    /// The columns that were compared.
    pub columns: Vec<ColumnType>,
    /// What was expected.
    pub expected: Vec<Vec<Expected>>,
    /// What came.
    pub actual: Vec<Vec<Option<String>>>,
    /// How these differ.
    pub differences: Vec<Difference>,
}

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Those that passed.
    pub passed: usize,
    /// Those of which something else came.
    pub failed: usize,
    /// Those that could not be run through.
    pub errors: usize,
    /// Those that need another engine.
    pub cannot_run: usize,
}

impl TestReport {
    /// How many tests ended how.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for outcome in &self.outcomes {
            *match outcome.ending {
                Ending::Passed => &mut counts.passed,
                Ending::Failed(_) => &mut counts.failed,
                Ending::Error(_) => &mut counts.errors,
                Ending::CannotRun { .. } => &mut counts.cannot_run,
            } += 1;
        }
        counts
    }
}
