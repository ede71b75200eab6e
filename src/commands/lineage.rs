//! `bot lineage`: where a model or a column comes from and who reads it, from one tree alone. Opens no state and no
//! warehouse, and needs no base branch.

use super::Context;
use super::find::{unloadable, with_nearest};
use crate::cli::{LineageArguments, LineageFormat};
use crate::error::{CommandError, CommandResult, Exit};
use crate::git::{Head, Mode, Request, TreeSource};
use crate::lineage::{Direction, Unknown, find, lineage};
use crate::problem::has_errors;
use crate::render::lineage as faces;
use crate::workspace::{Workspace, git_error};

/// Prints the lineage; errors elsewhere in the project are told, and change nothing.
///
/// # Errors
/// Nothing has the name, or git cannot be read.
pub(super) fn run(context: &Context<'_>, arguments: &LineageArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let side = workspace.side(&tree(&workspace, arguments)?)?;
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

/// One tree as it is: of the working tree, or of a commit.
fn tree(workspace: &Workspace<'_>, arguments: &LineageArguments) -> Result<TreeSource, CommandError> {
    let git = &workspace.git;
    if arguments.worktree {
        // Merged into the very commit that it stands on, the working tree is itself.
        let request = Request {
            base: Some("HEAD"),
            base_branch: None,
            head: None,
            mode: Mode::Worktree,
            project_folder: &workspace.folder,
        };
        return git.three_trees(&request).map(|trees| trees.result).map_err(git_error);
    }
    let commit = match &arguments.head {
        Some(revision) => git.resolve(revision).map_err(git_error)?.commit,
        None => match git.head().map_err(git_error)? {
            Head::Branch { commit, .. } | Head::Detached { commit } => commit,
            Head::Unborn { name } => {
                let branch = name.as_str().trim_start_matches("refs/heads/").to_owned();
                return Err(git_error(crate::git::GitError::Unborn { branch }));
            }
        },
    };
    git.tree_of(&commit).map_err(git_error)
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
