//! A merge queue asks about a group of pull requests: what production would need is built, and the answer stands on the
//! group's head. There is no environment and no comment; a group may hold several pull requests and names none.

use super::super::apply::{Order, Target, prepare};
use super::super::hold;
use super::gate::{Ended, Gate};
use super::{Job, short_branch};
use crate::error::CommandResult;
use crate::git::{Mode, Request};
use crate::ids::{CommitId, EnvironmentName, RefName};
use crate::plan::Window;
use crate::planning::{Chosen, Place, Rows};
use crate::problem::has_errors;
use crate::render::Colour;
use crate::state::Owner;
use crate::workspace::git_error;

/// Plans the group, builds what is missing and reports.
///
/// # Errors
/// Git or GitHub cannot be asked.
pub(super) fn run(job: &Job<'_>, (branch, base): (&RefName, &CommitId), head: &CommitId) -> CommandResult {
    let base_branch = short_branch(branch);
    let request = Request {
        base: Some(base.as_str()),
        base_branch: Some(base_branch),
        head: Some(head.as_str()),
        mode: Mode::Commit,
        project_folder: &job.workspace.folder,
    };
    let trees = job.workspace.git.three_trees(&request).map_err(git_error)?;
    let settings = job.workspace.settings(&trees.base_tree)?;
    let result = job.workspace.planned_side(&trees.result, Some(&settings))?;
    // From here on a check is open, and whatever happens closes it, or the queue would wait for it.
    let gate = Gate::open(job, &settings.project, head)?;
    if has_errors(&result.problems) {
        return gate.close(Ended::Failed(result.problems));
    }
    if job.nothing_would_stay(&settings) {
        return gate.close(Ended::NotBuilt("nothing would outlive the job on this runner, so nothing was built"));
    }
    let chosen = Chosen {
        trees,
        base_branch: base_branch.to_owned(),
        place: Place::Queue,
        window: Window::Everything,
        rows: Rows::AsDecided,
    };
    let name = EnvironmentName::new(format!("queue_{}", head.as_str().chars().take(12).collect::<String>()));
    let order = Order {
        doing: "bot ci",
        settings: &settings,
        environment: &|_, _| Ok((name.clone(), Owner::Named)),
        target: Target::Tables,
        work: &job.arguments.work,
        limit: None,
    };
    let built = prepare(job.context, &job.workspace, (chosen, result), &order).and_then(|mut prepared| {
        // What promote would refuse after the merge does not come in.
        let prod = EnvironmentName::prod();
        if let Some(held) = hold::of(prepared.state.as_ref(), &prod)? {
            hold::refuse(&held, &prod, &prepared.planned.result.tree)?;
        }
        prepared.build(job.context, &job.workspace, &order)
    });
    match built {
        Ok(published) => gate.close(Ended::Built { tables: published.builds.len() }),
        Err(error) => {
            job.context.output.talk(&error.for_terminal(Colour::Never));
            gate.close(Ended::Failed(vec![super::problem_of(&error)]))
        }
    }
}
