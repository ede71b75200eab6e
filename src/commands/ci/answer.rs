//! What somebody asks for in a comment on a pull request: who may ask is GitHub's to say, and an answer holds for the head
//! that the comment showed when it was asked. Nothing here ever builds what a fork brought.

use std::time::Duration;

use super::close;
use super::production;
use super::pull_request::{self, Wish};
use super::{DONE, Job, files, github_error};
use crate::error::{CommandError, CommandResult, Exit};
use crate::event::{Command, Comment, Misspoken, Origin, PullRequest, Standing, help};
use crate::github::{GitHub, Reaction};
use crate::ids::{EnvironmentName, Login, ModelName, PullRequestNumber};
use crate::naming::TableKey;
use crate::plan::is_loaded_by_interval;
use crate::render::markdown;
use crate::state::{Allowance, Owner};
use crate::sticky;
use crate::time::{Intervals, Timestamp};
use crate::workspace::{git_error, state_error};

/// Why something is not done, in words for the pull request.
type Refusal = String;

const FORGETS: &str = "State and warehouse are files of a hosted runner, so nothing would outlive this job.";

/// Answers a command: 👀 at once, then 👍 or 😕 with a comment that says why.
///
/// # Errors
/// GitHub cannot be asked, or what was asked for failed.
pub(super) fn run(
    job: &Job<'_>,
    number: PullRequestNumber,
    comment: &Comment,
    asked: Result<Command, Misspoken>,
) -> CommandResult {
    let Some(github) = job.github()? else {
        return Err(CommandError::failed("`GITHUB_TOKEN` is not set, so nobody can be answered")
            .hint("give the step `env: GITHUB_TOKEN: ${{ github.token }}`"));
    };
    github.react(comment.id, Reaction::Eyes).map_err(github_error)?;
    let command = match asked {
        Ok(command) => command,
        Err(misspoken) => return refuse(github, number, comment, &misspoken.to_string()),
    };
    if let Some(refusal) = not_allowed(github, comment, &command)? {
        return refuse(github, number, comment, &refusal);
    }
    let pull_request = github.pull_request(number).map_err(github_error)?;
    let author = comment.author.as_ref().map_or_else(|| Login::new(String::new()), |author| author.login.clone());
    match carried_out(job, github, &pull_request, command, (comment, &author)) {
        Ok(Ok(exit)) => {
            github.react(comment.id, Reaction::Done).map_err(github_error)?;
            Ok(exit)
        }
        Ok(Err(refusal)) => refuse(github, number, comment, &refusal),
        Err(error) => {
            refuse(github, number, comment, &markdown::message(&error.for_readers()))?;
            Err(error)
        }
    }
}

fn refuse(github: &GitHub, number: PullRequestNumber, comment: &Comment, why: &str) -> CommandResult {
    github.react(comment.id, Reaction::Confused).map_err(github_error)?;
    github.create_comment(number, why, |known| known.body == why).map_err(github_error)?;
    DONE
}

/// Whether the author's permission on the repository is enough; `author_association` is only a label.
fn not_allowed(github: &GitHub, comment: &Comment, command: &Command) -> Result<Option<Refusal>, CommandError> {
    let Some(author) = &comment.author else { return Ok(Some("The account that asked is gone.".to_owned())) };
    let has = github.permission_of(&author.login).map_err(github_error)?;
    let needs = command.needs();
    Ok((has < needs).then(|| format!("This needs the permission `{}` on the repository.", needs.name())))
}

fn carried_out(
    job: &Job<'_>,
    github: &GitHub,
    pull_request: &PullRequest,
    command: Command,
    (comment, author): (&Comment, &Login),
) -> Result<Result<Exit, Refusal>, CommandError> {
    let number = pull_request.number;
    match command {
        Command::Help => {
            let text = help();
            github.create_comment(number, &text, |known| known.body == text).map_err(github_error)?;
            return Ok(Ok(Exit::Done));
        }
        Command::Promote if pull_request.standing == Standing::Merged => {
            return production::promoted(job, pull_request.merge_commit.as_ref()).map(Ok);
        }
        Command::Promote => {
            return Ok(Err("Promotion follows the merge: what is on production's branch is promoted.".to_owned()));
        }
        _ => {}
    }
    if !matches!(pull_request.origin, Origin::Here) {
        return Ok(Err("This pull request is of a fork: its code is never run here.".to_owned()));
    }
    if !pull_request.is_open() && command != Command::Drop {
        return Ok(Err("This pull request is closed.".to_owned()));
    }
    if let Some(refusal) = stale(job, github, pull_request, comment)? {
        return Ok(Err(refusal));
    }
    match command {
        Command::Plan => pull_request::run(job, pull_request, Wish::Usual).map(Ok),
        Command::Apply => pull_request::run(job, pull_request, Wish::Build).map(Ok),
        Command::Drop => drop_environment(job, pull_request),
        Command::Backfill { model, from } => backfill(job, pull_request, model, from),
        Command::AllowDestructive { model } => allow(job, pull_request, model, author),
        Command::Help | Command::Promote => Ok(Ok(Exit::Done)),
    }
}

/// A command was written under what our comment showed: where the head moved since, or the comment was written anew before
/// the runner came to it, nobody asked for what stands there now.
fn stale(
    job: &Job<'_>,
    github: &GitHub,
    pull_request: &PullRequest,
    command: &Comment,
) -> Result<Option<Refusal>, CommandError> {
    let comments = github.comments(pull_request.number).map_err(github_error)?;
    let own = github.own_login().map_err(github_error)?;
    let settings = job.workspace.project_here()?.settings;
    let shown = sticky::stamp(&comments, &own, &settings.project);
    let moved = shown.is_some_and(|stamp| stamp.head != pull_request.head.commit);
    // GitHub's times are whole seconds, and nobody reads and answers within one.
    let is_stale = moved || sticky::written(&comments, &own, &settings.project).is_some_and(|at| at >= command.created);
    Ok(is_stale.then(|| "The branch moved since the plan that was shown; ask again under the new one.".to_owned()))
}

/// Loads more of a model's past.
fn backfill(
    job: &Job<'_>,
    pull_request: &PullRequest,
    model: ModelName,
    from: Timestamp,
) -> Result<Result<Exit, Refusal>, CommandError> {
    if job.nothing_would_stay() {
        return Ok(Err(FORGETS.to_owned()));
    }
    let source = job.workspace.git.tree_of(&pull_request.head.commit).map_err(git_error)?;
    let name = markdown::code(&model.to_string());
    match job.workspace.draft(&source, None)?.sketch.models.get(&model) {
        None => return Ok(Err(format!("The branch has no model {name}."))),
        Some(model) if !is_loaded_by_interval(model) => {
            return Ok(Err(format!("{name} is filled as a whole, not by time; there is no past of it to load.")));
        }
        Some(_) => {}
    }
    let before = loaded(job, pull_request, &model)?;
    let exit = pull_request::run(job, pull_request, Wish::Backfill { model: model.clone(), from })?;
    if exit == Exit::Done && before.is_some() && loaded(job, pull_request, &model)? == before {
        return Ok(Err(format!(
            "Nothing more of {name} was loaded: it is there from that day on, or another environment shows the same table, \
             which only promote completes."
        )));
    }
    Ok(Ok(exit))
}

/// What the pull request's environment has loaded of a model; `None` where there is no environment, or no table.
fn loaded(job: &Job<'_>, pull_request: &PullRequest, model: &ModelName) -> Result<Option<Intervals>, CommandError> {
    let settings = job.settings_of_base(&pull_request.base)?;
    let state = job.workspace.state_to_read(&settings)?;
    let about = state.environment_of(&Owner::PullRequest(pull_request.number.0)).map_err(state_error)?;
    let Some(about) = about else { return Ok(None) };
    let environment = state.environment(&about.name).map_err(state_error)?;
    let pointer = environment.and_then(|environment| environment.models.get(model).cloned());
    let Some(pointer) = pointer else { return Ok(None) };
    let key = TableKey { model: model.clone(), data_fingerprint: pointer.data_fingerprint };
    let mut tables = state.tables(std::slice::from_ref(&key)).map_err(state_error)?;
    Ok(tables.remove(&key).map(|table| table.ledger.intervals()))
}

/// Remembers who allowed what for this head, and plans again, so that the check says so.
fn allow(
    job: &Job<'_>,
    pull_request: &PullRequest,
    model: ModelName,
    author: &Login,
) -> Result<Result<Exit, Refusal>, CommandError> {
    if job.nothing_would_stay() {
        return Ok(Err(FORGETS.to_owned()));
    }
    let settings = job.workspace.project_here()?.settings;
    let state = job.workspace.state_to_write(&settings)?;
    let prod = state.environment(&EnvironmentName::prod()).map_err(state_error)?;
    if !prod.is_some_and(|prod| prod.models.contains_key(&model)) {
        return Ok(Err(format!("Production shows no model {}.", markdown::code(&model.to_string()))));
    }
    let timeout = Duration::from_secs(job.arguments.work.lock_timeout);
    let lease = job.workspace.lease(state.as_ref(), "bot ci", timeout)?;
    let allowance = Allowance {
        pull_request: pull_request.number.0,
        model,
        head: pull_request.head.commit.clone(),
        by: author.clone(),
        at: job.context.surroundings.now(),
    };
    state.allow(&lease, &allowance).map_err(state_error)?;
    drop((lease, state));
    pull_request::run(job, pull_request, Wish::Usual).map(Ok)
}

fn drop_environment(job: &Job<'_>, pull_request: &PullRequest) -> Result<Result<Exit, Refusal>, CommandError> {
    if job.nothing_would_stay() {
        return Ok(Err(FORGETS.to_owned()));
    }
    let settings = job.workspace.project_here()?.settings;
    let state = job.workspace.state_to_read(&settings)?;
    let about = state.environment_of(&Owner::PullRequest(pull_request.number.0)).map_err(state_error)?;
    drop(state);
    let Some(about) = about else { return Ok(Err("This pull request has no environment.".to_owned())) };
    close::dropped(job, &settings, &about.name)?;
    files::output(job, "state", "closed")?;
    Ok(Ok(Exit::Done))
}
