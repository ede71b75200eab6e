//! What doctor looks at in git: the repository, what is checked out, the base branch, how deep the clone is.

use super::{failed, ok, warning};
use crate::git::{Head, History};
use crate::planning::configured_base;
use crate::problem::Problem;
use crate::render::findings::Finding;
use crate::workspace::{Workspace, git_error};

const AREA: &str = "git";

/// Everything about git.
pub(super) fn look(workspace: &Workspace<'_>) -> Vec<Finding> {
    let git = &workspace.git;
    let root = git.root().map(|root| root.display().to_string()).unwrap_or_default();
    let root = root.strip_suffix('/').unwrap_or(&root);
    let extensions = git.extensions();
    let format = if extensions.is_empty() { String::new() } else { format!(", with {}", extensions.join(", ")) };
    let mut found = vec![ok(AREA, "repository", format!("`{root}`{format}"))];
    found.push(match git.head() {
        Ok(Head::Branch { name, commit }) => {
            let branch = name.as_str().trim_start_matches("refs/heads/");
            ok(AREA, "branch", format!("`{branch}` at {}", short(commit.as_str())))
        }
        Ok(Head::Detached { commit }) => {
            let commit = short(commit.as_str());
            ok(AREA, "branch", format!("none is checked out, only commit {commit}"))
        }
        Ok(Head::Unborn { name }) => warning(AREA, "branch", format!("`{name}` has no commit yet"))
            .help("commit the project: only what is committed is read, unless `--worktree` is said"),
        Err(error) => failed(AREA, "branch", &git_error(error)),
    });
    found.extend(base(workspace));
    found.push(match git.history() {
        History::Complete => ok(AREA, "history", "complete"),
        History::Shallow => warning(AREA, "history", "this clone is shallow")
            .help("`bot plan` on a pull request needs `fetch-depth: 2`, `bot promote` needs `fetch-depth: 0`"),
    });
    found
}

fn base(workspace: &Workspace<'_>) -> Vec<Finding> {
    let configured = configured_base(workspace);
    let base = configured.and_then(|name| workspace.git.base_branch(name.as_deref()).map_err(git_error));
    let base = match base {
        Ok(base) => base,
        Err(error) => return vec![failed(AREA, "base-branch", &error)],
    };
    let place = format!("`{}` at {}, as `{}` has it", base.name, short(base.commit.as_str()), base.reference);
    let told = |problem: &Problem| {
        let finding = warning(AREA, "base-branch", problem.message.clone());
        problem.help.iter().fold(finding, |finding, help| finding.help(help.clone()))
    };
    let mut found = vec![ok(AREA, "base-branch", place)];
    found.extend(base.problems.iter().map(told));
    found
}

fn short(id: &str) -> String {
    id.chars().take(12).collect()
}
