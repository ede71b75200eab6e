//! Environments whose time is over: their pull request or branch is gone. Tables stay until gc.

use std::time::Duration;

use super::super::environment_drop::drop_environment;
use super::tell::{self, Teller};
use super::{DONE, Job, github_error};
use crate::error::{CommandError, CommandResult};
use crate::event::{Origin, PullRequest, Standing};
use crate::ids::{EnvironmentName, RefName};
use crate::report::{Closing, State};
use crate::settings::Settings;
use crate::state::{About, Owner, State as _};
use crate::workspace::state_error;

/// A pull request was merged or closed: its environment is dropped, and its comment says so.
///
/// # Errors
/// The state or the warehouse cannot be written, or GitHub cannot be asked.
pub(super) fn pull_request(job: &Job<'_>, pull_request: &PullRequest) -> CommandResult {
    if !matches!(pull_request.origin, Origin::Here) {
        return tell::nothing(job.context, "the pull request was of a fork, which has no environment");
    }
    if job.nothing_would_stay() {
        return tell::nothing(job.context, "state and warehouse are gone with the job that made them");
    }
    let settings = job.settings_of_base(&pull_request.base)?;
    let owner = Owner::PullRequest(pull_request.number.0);
    let state = job.workspace.state_to_read(&settings)?;
    let Some(about) = state.environment_of(&owner).map_err(state_error)? else {
        return tell::nothing(job.context, "the pull request has no environment");
    };
    let closing = dropped(job, &settings, &about.name)?;
    // What was merged is production's to tell, once it shows it.
    if pull_request.standing == Standing::Merged {
        job.context.output.data(&format!("dropped {}\n", about.name));
        return DONE;
    }
    let teller = Teller::afterwards(job, pull_request, &settings, about.commits.base.clone())?;
    teller.with_environment(about.name).end(State::Closed(closing))
}

/// A branch was deleted: what still shows it is dropped.
///
/// # Errors
/// The state or the warehouse cannot be written.
pub(super) fn branch(job: &Job<'_>, branch: &RefName) -> CommandResult {
    let of_branch = |about: &About| about.branch.as_ref() == Some(branch) && about.promoted.is_none();
    drop_all(job, environments(job)?, &of_branch, "no environment shows the branch that was deleted")
}

/// Drops environments of pull requests that are not open any more, and those whose time is over: a pull request that
/// conflicts or whose branch is gone sends no event (research: pull-request bots, 3.8).
///
/// # Errors
/// The state or the warehouse cannot be written, or GitHub cannot be asked.
pub(super) fn reconcile(job: &Job<'_>) -> CommandResult {
    let Some(github) = job.github()? else {
        return Err(CommandError::failed("`GITHUB_TOKEN` is not set, so open pull requests cannot be listed")
            .hint("give the step `env: GITHUB_TOKEN: ${{ github.token }}`"));
    };
    // The environments first: one whose pull request is opened meanwhile would not be on the list.
    let environments = environments(job)?;
    let open: Vec<u64> =
        github.open_pull_requests().map_err(github_error)?.iter().map(|pull_request| pull_request.number.0).collect();
    let now = job.context.surroundings.now();
    let is_over = |about: &About| {
        let is_closed = matches!(about.owner, Owner::PullRequest(number) if !open.contains(&number));
        let is_expired = about.expires_at.is_some_and(|expiry| expiry <= now);
        about.promoted.is_none() && (is_closed || is_expired)
    };
    drop_all(job, environments, &is_over, "every environment has its pull request, and none is over")
}

fn environments(job: &Job<'_>) -> Result<Vec<About>, CommandError> {
    let settings = job.workspace.project_here()?.settings;
    job.workspace.state_to_read(&settings)?.environments().map_err(state_error)
}

fn drop_all(
    job: &Job<'_>,
    environments: Vec<About>,
    is_over: &dyn Fn(&About) -> bool,
    otherwise: &str,
) -> CommandResult {
    let settings = job.workspace.project_here()?.settings;
    let over: Vec<About> = environments.into_iter().filter(|about| is_over(about)).collect();
    if over.is_empty() {
        return tell::nothing(job.context, otherwise);
    }
    for about in over {
        dropped(job, &settings, &about.name)?;
        job.context.output.data(&format!("dropped {}\n", about.name));
    }
    DONE
}

pub(super) fn dropped(job: &Job<'_>, settings: &Settings, name: &EnvironmentName) -> Result<Closing, CommandError> {
    let state = job.workspace.state_to_read(settings)?;
    let tables = state.environment(name).map_err(state_error)?;
    let prod = state.environment(&EnvironmentName::prod()).map_err(state_error)?;
    let shown = |table| prod.iter().flat_map(|prod| prod.models.values()).any(|known| known.table == table);
    let own = tables.iter().flat_map(|environment| environment.models.values());
    let tables_kept = own.filter(|pointer| pointer.table.is_some() && !shown(pointer.table.clone())).count();
    drop(state);
    let timeout = Duration::from_secs(job.arguments.work.lock_timeout);
    let gone = drop_environment(job.context, &job.workspace, settings, (name.as_str(), timeout))?;
    Ok(Closing { dropped: gone.views.len(), tables_kept, until: None })
}
