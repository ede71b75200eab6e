//! `bot ci`: what a run of GitHub Actions is to do, told by its event. One call serves one project.
//!
//! Every event ends in one value, a report or a line; `tell` alone carries it to GitHub and to the runner's files. What
//! decides where SQL runs and who may do what is read from the base branch, never from the pull request.

mod answer;
mod close;
mod data;
mod files;
mod findings;
mod freshness;
mod gate;
mod group;
mod production;
mod pull_request;
mod tell;

use std::cell::OnceCell;

use crate::cli::CiArguments;
use crate::context::Context;
use crate::error::{CommandError, CommandErrorKind, CommandResult, Exit};
use crate::event::{self, Event, Hosting, PullRequestChange, Runner};
use crate::github::{Address, GitHub, GitHubError};
use crate::ids::{RefName, RunId};
use crate::mask::Mask;
use crate::planning;
use crate::problem::Problem;
use crate::render::actions;
use crate::report::Run;
use crate::settings::{Part, Secret, Settings};
use crate::sticky::RunKey;
use crate::workspace::{Workspace, git_error};

/// GitHub cuts payloads at 25 MB ("Webhook events and payloads", payload cap).
const LONGEST_PAYLOAD: u64 = 25 << 20;

/// Does what the event asks for.
///
/// # Errors
/// The runner's variables or the payload are not what GitHub writes, or what was to be done failed.
pub(super) fn run(context: &Context<'_>, arguments: &CiArguments) -> CommandResult {
    let surroundings = context.surroundings;
    let runner = Runner::read(|name| surroundings.variable(name)).map_err(told)?;
    let event = event(context)?;
    if let Event::Nothing { why } = &event {
        return tell::nothing(context, &why.to_string());
    }
    let workspace = Workspace::open_for(context, Some(part(&event)))?;
    let random = workspace.random_id()?;
    // What follows prints names and messages that strangers wrote: the runner reads no command in it.
    context.output.talk(&format!("::stop-commands::{random}"));
    let mut secrets: Vec<_> = workspace.project_here()?.settings.secrets().into_iter().cloned().collect();
    // What a connection does not say, libpq's variable does.
    secrets.extend(context.surroundings.variable("PGPASSWORD").map(Secret::new));
    let job = Job { context, workspace, runner, arguments, random: random.clone(), github: OnceCell::new(), secrets };
    let done = job.dispatch(event);
    context.output.talk(&format!("::{random}::"));
    done
}

/// Whose work an event asks for: only what follows production's branch, or clears away, goes through production's gateway.
fn part(event: &Event) -> Part {
    match event {
        Event::Push { .. }
        | Event::Dispatch { .. }
        | Event::Schedule { .. }
        | Event::Comment { asked: Ok(event::Command::Promote), .. } => Part::Production,
        Event::PullRequest { .. }
        | Event::MergeGroup { .. }
        | Event::Comment { .. }
        | Event::BranchDeleted { .. }
        | Event::Nothing { .. } => Part::PullRequests,
    }
}

/// One run.
struct Job<'a> {
    context: &'a Context<'a>,
    workspace: Workspace<'a>,
    runner: Runner,
    arguments: &'a CiArguments,
    /// 128 random bits, for what no text of a stranger may guess.
    random: String,
    github: OnceCell<Option<GitHub>>,
    /// What the connections of the project that is checked out keep secret.
    secrets: Vec<Secret>,
}

impl Job<'_> {
    fn dispatch(&self, event: Event) -> CommandResult {
        match event {
            Event::PullRequest {
                change: PullRequestChange::Merged | PullRequestChange::Closed, pull_request, ..
            } => close::pull_request(self, &pull_request),
            Event::PullRequest { pull_request, .. } => {
                pull_request::run(self, &pull_request, pull_request::Wish::Usual)
            }
            Event::Push { branch, after, .. } => production::pushed(self, &branch, &after),
            Event::MergeGroup { head, base_branch, base, .. } => group::run(self, (&base_branch, &base), &head),
            Event::Comment { number, comment, asked, .. } => answer::run(self, number, &comment, asked),
            Event::BranchDeleted { branch, .. } => close::branch(self, &branch),
            Event::Schedule { .. } => close::reconcile(self),
            Event::Dispatch { reference, .. } => production::started(self, reference.as_ref()),
            Event::Nothing { why } => tell::nothing(self.context, &why.to_string()),
        }
    }

    /// GitHub, where there is a token.
    fn github(&self) -> Result<Option<&GitHub>, CommandError> {
        if let Some(known) = self.github.get() {
            return Ok(known.as_ref());
        }
        let surroundings = self.context.surroundings;
        let made = match surroundings.variable("GITHUB_TOKEN") {
            None => None,
            Some(token) => {
                let address = Address { api: self.runner.api.clone(), repository: self.runner.repository.clone() };
                let waiting = Box::new(surroundings.clone());
                Some(GitHub::connect(&address, &Secret::new(token), &self.mask(), waiting).map_err(github_error)?)
            }
        };
        Ok(self.github.get_or_init(|| made).as_ref())
    }

    /// Hides what the configuration keeps secret, and the values of variables whose names say that they are. GitHub masks
    /// what is logged, never what is posted (research: pull-request bots, 3.2).
    fn mask(&self) -> Mask {
        const WORDS: [&str; 5] = ["TOKEN", "SECRET", "PASS", "CREDENTIAL", "KEY"];
        let is_secret = |name: &str| WORDS.iter().any(|word| name.to_uppercase().contains(word));
        let variables = self.context.surroundings.variables().iter();
        let variables = variables.filter(|(name, _)| is_secret(name)).map(|(_, value)| value.as_str());
        Mask::new(variables.chain(self.secrets.iter().map(Secret::expose)))
    }

    fn run(&self) -> Run {
        let key = RunKey { id: self.runner.run.unwrap_or(RunId(0)), attempt: self.runner.attempt };
        Run { key, at: self.context.surroundings.now() }
    }

    /// Whether the state or the warehouse is a file and so gone with the machine after the job, wherever on it it lies.
    fn nothing_would_stay(&self, settings: &Settings) -> bool {
        let state_stays = || self.workspace.state_place(settings).is_ok_and(|place| place.file().is_none());
        let warehouse_stays = || self.workspace.warehouse(settings).is_some_and(|place| place.file().is_none());
        self.runner.hosting == Hosting::GitHub && !(state_stays() && warehouse_stays())
    }

    /// The settings of a pull request's base branch, whatever is checked out: that may be the pull request's own merge.
    fn settings_of_base(&self, base: &event::Side) -> Result<Settings, CommandError> {
        let git = &self.workspace.git;
        let branch = short_branch(&base.branch);
        let places = [format!("refs/remotes/origin/{branch}"), base.commit.as_str().to_owned()];
        let found = places.iter().find_map(|place| git.resolve(place).ok());
        let Some(found) = found else {
            return Err(CommandError::failed(format!("the base branch `{branch}` is not in this clone"))
                .hint("check out with `fetch-depth: 0`"));
        };
        self.workspace.settings(&git.tree_of(&found.commit).map_err(git_error)?)
    }

    /// The production branch, by its short name.
    fn production_branch(&self) -> Result<String, CommandError> {
        let configured = planning::configured_base(&self.workspace)?;
        let base = self.workspace.git.base_branch(configured.as_deref()).map_err(git_error)?;
        Ok(base.branch().to_owned())
    }

    /// Tells a problem at its place in the files of the pull request.
    fn annotate(&self, problems: &[Problem]) {
        // The runner shows ten of a step; the check has them all.
        let shown = problems.iter().take(10).map(|problem| actions::annotation(problem, &self.workspace.folder));
        let commands: String = shown.collect();
        if !commands.is_empty() {
            self.context.output.talk(&format!("::{0}::\n{commands}::stop-commands::{0}", self.random));
        }
    }
}

fn event(context: &Context<'_>) -> Result<Event, CommandError> {
    let needed = |name: &str| {
        context.surroundings.variable(name).ok_or_else(|| {
            CommandError::failed(format!("`{name}` is not set"))
                .hint("the runner of GitHub Actions sets it; on your own machine use `bot plan`, `bot apply` or `bot promote`")
        })
    };
    let (name, path) = (needed("GITHUB_EVENT_NAME")?, needed("GITHUB_EVENT_PATH")?);
    let path = context.surroundings.resolve(std::path::Path::new(path));
    let unreadable = |error: std::io::Error| {
        CommandError::failed(format!("the event `{}` cannot be read", path.display())).because(error)
    };
    let size = std::fs::metadata(&path).map_err(unreadable)?.len();
    if size > LONGEST_PAYLOAD {
        return Err(CommandError::failed(format!("the event has {size} bytes, more than GitHub sends")));
    }
    let payload = std::fs::read_to_string(&path).map_err(unreadable)?;
    event::read(name, &payload).map_err(told)
}

fn told(problem: Problem) -> CommandError {
    let error = CommandError::failed(problem.message);
    match problem.help {
        Some(help) => error.hint(help),
        None => error,
    }
}

/// An error as a problem that a reader of the pull request can do something about.
fn problem_of(error: &CommandError) -> Problem {
    let code = match error.kind {
        CommandErrorKind::No | CommandErrorKind::Limit => "refused",
        CommandErrorKind::Failed => "not-built",
    };
    let problem = Problem::error(code, error.for_readers());
    match error.hints.first() {
        Some(hint) => problem.help(hint.clone()),
        None => problem,
    }
}

fn github_error(error: GitHubError) -> CommandError {
    CommandError::failed(error.to_string())
}

/// A branch's short name.
fn short_branch(branch: &RefName) -> &str {
    branch.branch().unwrap_or(branch.as_str())
}

const DONE: CommandResult = Ok(Exit::Done);
