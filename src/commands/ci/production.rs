//! Production follows its branch: what is merged is promoted, and the pull requests that it came from are told.

use super::super::promote::promote;
use super::tell::{self, Teller};
use super::{DONE, Job, files, github_error, short_branch};
use crate::cli::{FormatArguments, PromoteArguments, RowArguments};
use crate::error::{CommandError, CommandResult};
use crate::ids::{CommitId, EnvironmentName, Login, RefName};
use crate::render::markdown;
use crate::report::{Promotion, State};

/// A branch has a new commit.
///
/// # Errors
/// The promotion was refused or failed.
pub(super) fn pushed(job: &Job<'_>, branch: &RefName, commit: &CommitId) -> CommandResult {
    let production = job.production_branch()?;
    if short_branch(branch) != production {
        let branch = short_branch(branch);
        return tell::nothing(job.context, &format!("`{branch}` is not production's branch, which is `{production}`"));
    }
    promoted(job, Some(commit))
}

/// The workflow was started by hand: on production's branch that promotes its tip once more.
///
/// # Errors
/// As [`pushed`].
pub(super) fn started(job: &Job<'_>, reference: Option<&RefName>) -> CommandResult {
    let production = job.production_branch()?;
    match reference {
        Some(reference) if short_branch(reference) != production => tell::nothing(
            job.context,
            &format!(
                "the workflow was started on `{}`; production's branch is `{production}`",
                short_branch(reference)
            ),
        ),
        _ => promoted(job, None),
    }
}

/// Promotes a commit, the branch's tip where none is given.
///
/// # Errors
/// As [`pushed`].
pub(super) fn promoted(job: &Job<'_>, commit: Option<&CommitId>) -> CommandResult {
    if job.nothing_would_stay(&job.workspace.project_here()?.settings) {
        return Err(CommandError::no(
            "state or warehouse is a file, so production would be gone with this job of a hosted runner",
        )
        .hint("name both on a server, or use a runner of your own, on which both lie outside of the checkout"));
    }
    let arguments = PromoteArguments {
        revision: commit.map(|commit| commit.as_str().to_owned()),
        to: EnvironmentName::PROD.to_owned(),
        force: false,
        release: false,
        take_over: false,
        recreate_dependents: false,
        rows: RowArguments::default(),
        work: job.arguments.work,
        format: FormatArguments::default(),
    };
    let done = promote(job.context, &job.workspace, &arguments)?;
    files::output(job, "state", "promoted")?;
    files::output(job, "environment", EnvironmentName::PROD)?;
    files::output(job, "built", &done.outcome.builds.len().to_string())?;
    files::append(job, "GITHUB_STEP_SUMMARY", &markdown::outcome(&done.outcome))?;
    let told = format!(
        "promoted {}: {} built, {} pointed anew\n",
        done.commit.as_str().chars().take(8).collect::<String>(),
        done.outcome.builds.len(),
        done.outcome.swapped
    );
    job.context.output.data(&told);
    let promotion = |by: Login| Promotion {
        commit: done.commit.clone(),
        by,
        swapped: done.outcome.swapped,
        built: done.outcome.builds.len(),
    };
    // Production shows it: who cannot be told is no reason to call that a failure.
    if let Err(error) = tell_pull_requests(job, &done.commit, &promotion) {
        job.context.output.talk(&format!("the pull request was not told: {error}"));
    }
    DONE
}

/// What became of it, in each pull request that the commit came with.
fn tell_pull_requests(
    job: &Job<'_>,
    commit: &CommitId,
    promotion: &dyn Fn(Login) -> Promotion,
) -> Result<(), CommandError> {
    let Some(github) = job.github()? else { return Ok(()) };
    let settings = job.workspace.project_here()?.settings;
    for pull_request in github.pull_requests_of(commit).map_err(github_error)? {
        let by = job.runner.actor.clone().or_else(|| pull_request.author.clone());
        let by = by.unwrap_or_else(|| Login::new("somebody"));
        let teller = Teller::afterwards(job, &pull_request, &settings, commit.clone())?;
        let previous = teller.previous.clone();
        teller.tell_only(State::Promoted(promotion(by), previous));
    }
    Ok(())
}
