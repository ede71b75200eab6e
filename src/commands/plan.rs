//! `bot plan`: what a branch changes, what would be built and why. Reads git and the state, and nothing else.

use crate::cli::PlanArguments;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::planning;
use crate::problem::has_errors;
use crate::render::{json, markdown, terminal};
use crate::workspace::Workspace;

/// Prints the plan; with errors in the project it is printed all the same, and the answer is no.
///
/// # Errors
/// Git or the state cannot be read.
pub(super) fn run(context: &Context<'_>, arguments: &PlanArguments) -> Result<Exit, CommandError> {
    let workspace = Workspace::open(context)?;
    let chosen = planning::choose(&workspace, &arguments.trees)?;
    let plan = &planning::glance(context, &workspace, &chosen, arguments.trees.environment.as_deref())?;
    context.print(
        arguments.format.format,
        |colour| terminal::plan(plan, colour),
        || markdown::plan(plan),
        || json::plan(plan),
    );
    Ok(if has_errors(&plan.problems) { Exit::No } else { Exit::Done })
}
