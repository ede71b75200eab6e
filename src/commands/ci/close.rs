//! Environments whose time is over: their pull request or branch is gone. Tables stay until gc.

use std::time::Duration;

use super::super::environment_drop::drop_environment;
use super::super::gc;
use super::tell::{self, Teller};
use super::{DONE, Job, github_error};
use crate::error::{CommandError, CommandResult};
use crate::event::{Origin, PullRequest, Standing};
use crate::gc::Mode;
use crate::ids::{EnvironmentName, RefName};
use crate::render::gc as faces;
use crate::report::{Closing, State};
use crate::settings::Settings;
use crate::state::{About, Owner};
use crate::workspace::state_error;

/// Why there is nothing to drop on a hosted runner.
const GONE_WITH_THE_JOB: &str = "state and warehouse are gone with the job that made them";

/// A pull request was merged or closed: its environment is dropped, and its comment says so.
///
/// # Errors
/// The state or the warehouse cannot be written, or GitHub cannot be asked.
pub(super) fn pull_request(job: &Job<'_>, pull_request: &PullRequest) -> CommandResult {
    if !matches!(pull_request.origin, Origin::Here) {
        return tell::nothing(job.context, "the pull request was of a fork, which has no environment");
    }
    if job.nothing_would_stay() {
        return tell::nothing(job.context, GONE_WITH_THE_JOB);
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
        told(job, &about.name);
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
    let shown: Vec<About> = environments(job)?.into_iter().filter(of_branch).collect();
    if shown.is_empty() {
        return tell::nothing(job.context, "no environment shows the branch that was deleted");
    }
    drop_each(job, shown.into_iter())?;
    DONE
}

/// Drops environments of pull requests that are not open any more (one that conflicts or whose branch is gone sends no
/// event; research: pull-request bots, 3.8), then does what `bot gc` does: environments whose time is over, and tables.
///
/// # Errors
/// The state or the warehouse cannot be written, or GitHub cannot be asked.
pub(super) fn reconcile(job: &Job<'_>) -> CommandResult {
    if job.nothing_would_stay() {
        return tell::nothing(job.context, GONE_WITH_THE_JOB);
    }
    let Some(github) = job.github()? else {
        return Err(CommandError::failed("`GITHUB_TOKEN` is not set, so open pull requests cannot be listed")
            .hint("give the step `env: GITHUB_TOKEN: ${{ github.token }}`"));
    };
    // The environments first: one whose pull request is opened meanwhile would not be on the list.
    let environments = environments(job)?;
    let open: Vec<u64> =
        github.open_pull_requests().map_err(github_error)?.iter().map(|pull_request| pull_request.number.0).collect();
    let is_closed = |about: &About| {
        about.promoted.is_none() && matches!(about.owner, Owner::PullRequest(number) if !open.contains(&number))
    };
    drop_each(job, environments.into_iter().filter(is_closed))?;
    let timeout = Duration::from_secs(job.arguments.work.lock_timeout);
    let collected = gc::collect(job.context, &job.workspace, Mode::Real, timeout)?;
    for over in &collected.environments {
        told(job, &over.name);
    }
    job.context.output.data(&format!("gc: {}\n", faces::line(&collected)));
    DONE
}

fn environments(job: &Job<'_>) -> Result<Vec<About>, CommandError> {
    let settings = job.workspace.project_here()?.settings;
    job.workspace.state_to_read(&settings)?.environments().map_err(state_error)
}

fn drop_each(job: &Job<'_>, over: impl Iterator<Item = About>) -> Result<(), CommandError> {
    let settings = job.workspace.project_here()?.settings;
    for about in over {
        dropped(job, &settings, &about.name)?;
        told(job, &about.name);
    }
    Ok(())
}

fn told(job: &Job<'_>, name: &EnvironmentName) {
    job.context.output.data(&format!("dropped {name}\n"));
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
    // What an environment pointed at until now has no older mark: its time begins with the next gc.
    let until = settings.snapshot_ttl.end(job.context.execution_time()?);
    Ok(Closing { dropped: gone.views.len(), tables_kept, until })
}
