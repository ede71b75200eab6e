//! SQLMesh's unit tests of models as data: what a file states, and how expected rows are held against those that came.
//!
//! A test gives the rows that a model's parents hold and those that its query must give then (research: SQLMesh, section
//! 7.9; where text and program differ, the program counts). This module reads the files, tells what is wrong with them and
//! compares rows. It never runs anything: `commands::test` does.

mod bind;
mod choose;
mod compare;
mod ctes;
mod fixture;
mod frozen;
mod outcome;
mod read;
mod report;
mod value;
mod vars;
mod write;

use std::collections::BTreeMap;

pub use bind::{Bound, Known, bind, reads};
pub use choose::{Choice, choose};
pub use compare::{Closeness, Difference, Expected, RowOrder, compare};
pub use ctes::{Cte, WithClause, is_ordered, with_clause, with_other_ctes};
pub use frozen::frozen_clock;
pub use outcome::{Counts, Ending, Mismatch, MismatchKind, Outcome, RowMismatch, Subject, TestReport, Trouble};
pub use read::{is_test_file, read};
pub use value::{Cell, inferred_type, is_day, is_moment};
pub use write::{Draft, DraftRows, StatedTypes, write};

use crate::ids::FilePath;
use crate::sql::TimeVariable;
use crate::yaml::{Place, Value};

/// One test as its file states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitTest {
    /// Its key in the file.
    pub name: String,
    /// The file.
    pub path: FilePath,
    /// Where it stands.
    pub place: Place,
    /// The model under test, as written.
    pub model: Named,
    /// What it shows.
    pub description: Option<String>,
    /// The gateway whose `test_connection` counts, where it is not the one in use.
    pub gateway: Option<Named>,
    /// What the model's parents hold.
    pub inputs: Vec<Input>,
    /// What its query must give; `None` where only CTEs are looked at.
    pub query: Option<Fixture>,
    /// What its CTEs must give, by their names as written.
    pub ctes: Vec<Input>,
    /// Times and variables.
    pub vars: Vars,
}

/// A name with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// As written.
    pub text: String,
    /// Where.
    pub place: Place,
}

/// The rows under one name: of a parent, or of a CTE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The parent or CTE, as written.
    pub name: Named,
    /// The rows.
    pub fixture: Fixture,
}

/// Rows that are given or expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// Where it stands.
    pub place: Place,
    /// The rows, or the query that makes them.
    pub content: Content,
    /// Types that the test states, which win over those of the model; names in lower case.
    pub columns: BTreeMap<String, String>,
    /// Which columns are compared.
    pub compared: Compared,
}

/// Where the rows of a fixture come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// They are written out.
    Rows(Rows),
    /// A query gives them.
    Query(String),
}

/// Rows that are written out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The columns that any row names, in the order in which they come first; names in lower case.
    pub columns: Vec<Named>,
    /// The rows, each with as many cells as there are columns: what a row leaves out is NULL.
    pub rows: Vec<Row>,
}

/// One row that is written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    /// Its cells.
    pub cells: Vec<Cell>,
}

/// Which columns of an expected result are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compared {
    /// All that came; those that the fixture leaves out must be NULL.
    #[default]
    Whole,
    /// Those that the fixture names (`partial: true`).
    Named,
}

/// `vars` of a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vars {
    /// `start`: the first moment.
    pub start: Option<Named>,
    /// `end`: the last moment; a date is a day that belongs to it.
    pub end: Option<Named>,
    /// `execution_time`, which also stops the clock.
    pub execution_time: Option<Named>,
    /// Time variables that are given by themselves, such as `start_ds`.
    pub times: BTreeMap<TimeVariable, Value>,
    /// Variables that win over those of the configuration, names in lower case.
    pub variables: BTreeMap<String, Value>,
}

#[cfg(test)]
mod tests;
