//! `bot test`: SQLMesh's unit tests of the working tree's models, each in a DuckDB of its own in memory.
//!
//! `prepare` finds the tests and what they are about, `shapes` the types of what models hold, `table` fills a table with the
//! rows of a fixture, `one` runs a test, `together` runs all of them beside one another. No warehouse and no state is opened,
//! except by `create`, which writes a test from rows of the warehouse.

mod create;
mod one;
mod prepare;
mod shapes;
mod table;
mod together;

use super::Context;
use crate::cli::{TestArguments, TestFormat};
use crate::error::{CommandError, CommandResult, Exit};
use crate::problem::{Problem, has_errors};
use crate::render::{terminal, unit_test as faces};
use crate::surroundings::Stopwatch;
use crate::unit_test::TestReport;
use crate::workspace::Workspace;

/// Runs the tests that are asked for; a test that fails and a file with a mistake are a no.
///
/// # Errors
/// Nothing is what was asked for, git cannot be read, or the run was stopped.
pub(super) fn run(context: &Context<'_>, arguments: &TestArguments) -> CommandResult {
    let stopwatch = Stopwatch::start();
    let workspace = Workspace::open(context)?;
    if let Some(model) = &arguments.create {
        return create::run(context, &workspace, arguments, model);
    }
    let mut prepared = prepare::prepare(context, &workspace, arguments)?;
    let outcomes = together::run(context, &workspace, &prepared, arguments.jobs)?;
    let problems = std::mem::take(&mut prepared.problems);
    let report = TestReport { outcomes, problems, seconds: stopwatch.seconds() };
    match arguments.format {
        TestFormat::Terminal => {
            tell(context, &report.problems);
            context.output.data(&faces::terminal(&report, context.colour()));
        }
        TestFormat::Json => context.output.data(&faces::json(&report)),
    }
    let counts = report.counts();
    let has_failed = counts.failed > 0 || counts.errors > 0 || has_errors(&report.problems);
    let has_left_out = arguments.all_must_run && counts.cannot_run > 0;
    Ok(if has_failed || has_left_out { Exit::No } else { Exit::Done })
}

fn tell(context: &Context<'_>, problems: &[Problem]) {
    if !problems.is_empty() {
        context.output.talk(&terminal::problems(problems, context.colour()));
    }
}

/// What the engine says where it could not even begin.
fn no_engine(error: crate::engine::EngineError) -> CommandError {
    crate::apply::engine_error("cannot open a database in memory", error)
}
