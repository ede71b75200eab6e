//! The one tree that a command looks at which compares nothing.

use crate::cli::OneTreeArguments;
use crate::error::CommandError;
use crate::git::{GitError, Head, TreeSource};
use crate::workspace::{Workspace, git_error};

/// One tree as it is: of the working tree, or of a commit.
///
/// # Errors
/// The revision is unknown, nothing is committed yet, or git cannot be read.
pub(super) fn one_tree(workspace: &Workspace<'_>, arguments: &OneTreeArguments) -> Result<TreeSource, CommandError> {
    let git = &workspace.git;
    if arguments.worktree {
        return workspace.working_tree();
    }
    let commit = match &arguments.head {
        Some(revision) => git.resolve(revision).map_err(git_error)?.commit,
        None => match git.head().map_err(git_error)? {
            Head::Branch { commit, .. } | Head::Detached { commit } => commit,
            Head::Unborn { name } => {
                let branch = name.as_str().trim_start_matches("refs/heads/").to_owned();
                return Err(git_error(GitError::Unborn { branch }));
            }
        },
    };
    git.tree_of(&commit).map_err(git_error)
}
