//! `bot lineage`: where a model or a column comes from and who reads it, from one tree alone. Opens no state and no
//! warehouse, and needs no base branch.

use super::Context;
use super::find::{unloadable, with_nearest};
use super::tree::one_tree;
use crate::cli::{LineageArguments, LineageFormat};
use crate::error::{CommandError, CommandResult, Exit};
use crate::lineage::{Direction, Unknown, find, lineage};
use crate::problem::has_errors;
use crate::render::lineage as faces;
use crate::workspace::Workspace;

/// Prints the lineage; errors elsewhere in the project are told, and change nothing.
///
/// # Errors
/// Nothing has the name, or git cannot be read.
pub(super) fn run(context: &Context<'_>, arguments: &LineageArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let side = workspace.side(&one_tree(&workspace, &arguments.tree)?)?;
    let of = find(&side.tree, &arguments.name).map_err(|unknown| refusal(&arguments.name, unknown))?;
    if has_errors(&side.problems) {
        context.output.talk("the project has errors, so parts of it may be missing here; `bot plan` shows them");
    }
    let direction = match (arguments.upstream, arguments.downstream) {
        (true, false) => Direction::Upstream,
        (false, true) => Direction::Downstream,
        _ => Direction::Both,
    };
    let lineage = lineage(&side.tree, of, direction);
    context.output.data(&match arguments.format {
        LineageFormat::Terminal => faces::terminal(&lineage, context.colour()),
        LineageFormat::Json => faces::json(&lineage),
        LineageFormat::Mermaid => faces::mermaid(&lineage),
    });
    Ok(Exit::Done)
}

fn refusal(wanted: &str, unknown: Unknown) -> CommandError {
    match unknown {
        Unknown::Broken { model } => unloadable(&model),
        Unknown::Model { nearest } => {
            let error = CommandError::no(format!("there is no model `{wanted}`, and no column of that name"));
            with_nearest(error, nearest.as_deref())
        }
        Unknown::Column { model, column, nearest } => {
            let error = CommandError::no(format!("model `{model}` has no column `{column}`"));
            with_nearest(error, nearest.as_deref())
        }
    }
}
