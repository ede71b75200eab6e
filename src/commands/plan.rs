//! `bot plan`: what a branch changes, what would be built and why. Reads git and the state, and nothing else.

use super::find::{model_named, unloadable};
use super::times::rows_of;
use crate::cli::PlanArguments;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::explain::{Compared, Explanation};
use crate::files::FileTree as _;
use crate::fingerprint::Tree;
use crate::git::TreeSource;
use crate::ids::{FilePath, ModelName};
use crate::planning::{self, Planned};
use crate::problem::has_errors;
use crate::render::{explain, json, markdown, terminal};
use crate::workspace::Workspace;

/// Prints the plan; with errors in the project it is printed all the same, and the answer is no.
///
/// # Errors
/// Git or the state cannot be read.
pub(super) fn run(context: &Context<'_>, arguments: &PlanArguments) -> Result<Exit, CommandError> {
    let workspace = Workspace::open(context)?;
    if arguments.explain.is_none() {
        workspace.prepare();
    }
    let rows = rows_of(&arguments.rows, context.execution_time()?)?;
    let chosen = planning::Chosen { rows, ..planning::choose(&workspace, &arguments.trees)? };
    if let Some(wanted) = &arguments.explain {
        return explain_one(context, &workspace, arguments, chosen, wanted);
    }
    let plan = &planning::glance(context, &workspace, &chosen, arguments.trees.environment.as_deref())?;
    context.print(
        arguments.format.format,
        |colour| terminal::plan(plan, colour),
        || markdown::plan(plan),
        || json::plan(plan),
    );
    Ok(if has_errors(&plan.problems) { Exit::No } else { Exit::Done })
}

/// Why one model moved or did not; the whole project is looked at, because the cause may lie anywhere above it.
fn explain_one(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    arguments: &PlanArguments,
    chosen: planning::Chosen,
    wanted: &str,
) -> Result<Exit, CommandError> {
    let result = workspace.planned_side(&chosen.trees.result, None)?;
    let state = workspace.state_to_plan(&result.project.settings)?;
    let owner = planning::environment_of(state.as_ref(), &chosen, arguments.trees.environment.as_deref())?;
    let planned = planning::plan_of(context, workspace, state.as_ref(), (&chosen, result), owner)?;
    let explanation = explanation(workspace, &planned, wanted)?;
    context.print(
        arguments.format.format,
        |colour| explain::terminal(&explanation, colour),
        || explain::markdown(&explanation),
        || explain::json(&explanation),
    );
    if has_errors(&planned.plan.problems) {
        context.output.talk("the project has errors; `bot plan` shows them");
        return Ok(Exit::No);
    }
    Ok(Exit::Done)
}

/// Why one model of either tree moved.
fn explanation(workspace: &Workspace<'_>, planned: &Planned, wanted: &str) -> Result<Explanation, CommandError> {
    let nothing;
    let before: &Tree = match &planned.base {
        Some(base) => &base.tree,
        None => {
            nothing = workspace.nothing(&planned.result);
            &nothing
        }
    };
    let after = &planned.result.tree;
    let names = after.models.keys().chain(before.models.keys());
    let name: &ModelName = model_named(names, &planned.result.project.broken, wanted)?;
    // What was there before says nothing of a model that cannot be loaded now, or that reads itself in a circle.
    let is_claimed = after.models.contains_key(name) || planned.result.project.broken.contains(name);
    let fingerprinted = if is_claimed { after } else { before };
    if !fingerprinted.fingerprints.contains_key(name) {
        return Err(unloadable(name));
    }
    let reader = |source: Option<&TreeSource>| {
        let files = source.map(|source| workspace.files(source)).transpose()?;
        Ok::<_, CommandError>(move |path: &FilePath| files.as_ref().and_then(|files| files.text(path).ok()))
    };
    let old_text = reader(planned.base.as_ref().map(|base| &base.source))?;
    let new_text = reader(Some(&planned.result.source))?;
    let trees = Compared { before, after, old_text: &old_text, new_text: &new_text };
    Ok(crate::explain::explain(&trees, name))
}
