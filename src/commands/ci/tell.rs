//! What a run has to say, carried to the check, the comment and the runner's files, in this order: a comment that fails
//! never loses the gate (Atlantis 4932), and is a warning (research: pull-request bots, 5.3).

use super::{Job, files, github_error, short_branch};
use crate::context::Context;
use crate::error::{CommandError, CommandResult, Exit};
use crate::event::{COMMANDS, Comment, Permission, PullRequest};
use crate::github::{
    Annotation, AnnotationLevel, CheckReport, CheckRun, CheckState, CheckUpdate, Conclusion, GitHub, GitHubError,
    NewCheck, Patience,
};
use crate::ids::{CommitId, EnvironmentName};
use crate::problem::{Problem, Severity};
use crate::render::comment::{self, CHECK, COMMENT, Commands};
use crate::report::{self, ReadOnly, Report, State};
use crate::settings::Settings;
use crate::sticky::{self, Action, History, Presence, Previous};

/// Tells the pull request of one project.
pub(super) struct Teller<'j> {
    job: &'j Job<'j>,
    about: report::PullRequest,
    check: Option<CheckRun>,
    comments: Vec<Comment>,
    /// The plan that the comment showed before this run.
    pub(super) previous: Option<Previous>,
    /// The plans that it told of.
    past: History,
    writes: Writes,
}

/// Whether the token may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    Allowed,
    Forbidden,
}

/// A run that began to tell.
pub(super) struct Began<'j> {
    pub(super) teller: Teller<'j>,
    /// Why it may not write.
    pub(super) read_only: Option<ReadOnly>,
}

impl<'j> Teller<'j> {
    fn new(job: &'j Job<'j>, about: report::PullRequest, writes: Writes) -> Self {
        let past = History::default();
        Self { job, about, check: None, comments: Vec::new(), previous: None, past, writes }
    }

    /// Opens the check and reads the comments. A token that may not write is found here, before any work.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub(super) fn begin(
        job: &'j Job<'j>,
        pull_request: &PullRequest,
        settings: &Settings,
        base: CommitId,
        read_only: Option<ReadOnly>,
    ) -> Result<Began<'j>, CommandError> {
        let about = about(job, pull_request, settings, base);
        let mut teller = Self::new(job, about, Writes::Forbidden);
        let mut read_only = read_only;
        if read_only.is_none() {
            match teller.open_check() {
                Ok(()) => {
                    match teller.read_comments() {
                        Ok(()) => teller.writes = Writes::Allowed,
                        // What cannot be read cannot be told from what is not there.
                        Err(error) => job.context.output.talk(&format!("the comment is left alone: {error}")),
                    }
                }
                Err(error @ GitHubError::Refused { .. }) => {
                    job.context.output.talk(&format!("{error}; the plan goes into the step summary instead"));
                    read_only = Some(ReadOnly::Token);
                }
                Err(error) => return Err(github_error(error)),
            }
        }
        Ok(Began { teller, read_only })
    }

    /// Without a check: the commit's own is history.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub(super) fn afterwards(
        job: &'j Job<'j>,
        pull_request: &PullRequest,
        settings: &Settings,
        base: CommitId,
    ) -> Result<Self, CommandError> {
        let about = about(job, pull_request, settings, base);
        let mut teller = Self::new(job, about, Writes::Allowed);
        teller.read_comments()?;
        Ok(teller)
    }

    /// Writes the comment and nothing else.
    pub(super) fn tell_only(&self, state: State) {
        let report = self.report(state);
        self.comment(&report, report.state.presence());
    }

    /// The same for an environment.
    pub(super) fn with_environment(mut self, name: EnvironmentName) -> Self {
        self.environment(name);
        self
    }

    /// Names the environment.
    pub(super) fn environment(&mut self, name: EnvironmentName) {
        self.about.environment = name;
    }

    /// A plan that failed, beside the last one that did not.
    pub(super) fn failed(&self, problems: Vec<Problem>) -> State {
        State::Failed { problems, last_good: self.previous.clone() }
    }

    /// Says that work goes on, where a comment is there already: it shows the plan of an older head.
    ///
    /// # Errors
    /// GitHub cannot be asked.
    pub(super) fn running(&mut self) -> Result<(), CommandError> {
        let report = self.report(State::Running(self.previous.clone()));
        if self.previous.is_some() {
            self.comment(&report, Presence::IfThereIsOne);
            self.read_comments()?;
        }
        Ok(())
    }

    /// Tells how it ended.
    ///
    /// # Errors
    /// GitHub refuses the check, or the runner's files cannot be written.
    pub(super) fn end(mut self, state: State) -> CommandResult {
        // GitHub kills a cancelled step after ten seconds: one last word each, and no waiting.
        if self.job.context.surroundings.interruption().is_requested()
            && let Some(github) = self.job.github()?
        {
            github.be(Patience::SHORT);
        }
        let state = match self.newer_head() {
            Ok(Some(newer)) => State::HeadMoved { newer },
            Ok(None) => state,
            Err(error) => {
                self.job.context.output.talk(&format!("whether the head moved is not known: {error}"));
                state
            }
        };
        if let Some(findings) = state.findings() {
            self.about.environment = findings.plan.environment.clone();
        }
        let report = self.report(state);
        let problems = problems(&report.state);
        self.close_check(&report, &problems)?;
        self.comment(&report, report.state.presence());
        files::write(self.job, &report)?;
        self.job.annotate(&problems);
        self.job.context.output.data(&format!("{}\n", comment::check(&report, CHECK).title));
        Ok(exit(&report.state))
    }

    fn report(&self, state: State) -> Report {
        Report { pull_request: self.about.clone(), run: self.job.run(), past: self.past.clone(), state }
    }

    /// The head as GitHub has it, where it is another one by now.
    fn newer_head(&self) -> Result<Option<CommitId>, CommandError> {
        let (Some(github), Some(_)) = (self.job.github()?, &self.check) else { return Ok(None) };
        let now = github.pull_request(self.about.number).map_err(github_error)?;
        Ok((now.head.commit != self.about.head).then_some(now.head.commit))
    }

    fn read_comments(&mut self) -> Result<(), CommandError> {
        let Some(github) = self.job.github()? else { return Ok(()) };
        self.comments = github.comments(self.about.number).map_err(github_error)?;
        let own = github.own_login().map_err(github_error)?;
        self.previous = sticky::previous(&self.comments, &own, &self.about.project);
        let shown = sticky::stamp(&self.comments, &own, &self.about.project);
        self.past = shown.map(|stamp| stamp.history).unwrap_or_default();
        Ok(())
    }

    fn open_check(&mut self) -> Result<(), GitHubError> {
        let Ok(Some(github)) = self.job.github() else { return Ok(()) };
        let run = self.job.run();
        self.check = Some(github.create_check(&NewCheck {
            name: comment::check_name(&self.about),
            commit: self.about.head.clone(),
            external_id: format!("{}-{}-{}", self.about.project, run.key.id, run.key.attempt),
            update: CheckUpdate { state: CheckState::InProgress, details_url: self.job.runner.run_url(), report: None },
        })?);
        Ok(())
    }

    fn close_check(&self, report: &Report, problems: &[Problem]) -> Result<(), CommandError> {
        let (Some(github), Some(check)) = (self.job.github()?, &self.check) else { return Ok(()) };
        let conclusion = report.state.conclusion().map_or(Conclusion::Success, api_conclusion);
        let text = comment::check(report, CHECK);
        let update = CheckUpdate {
            state: CheckState::Completed(conclusion),
            details_url: self.job.runner.run_url(),
            report: Some(CheckReport {
                title: text.title,
                summary: text.summary,
                text: Some(text.text).filter(|text| !text.is_empty()),
                annotations: annotations(problems, &self.job.workspace.folder),
            }),
        };
        github.update_check(check, &update).map(drop).map_err(github_error)
    }

    /// Writes the comment; what fails is a warning.
    fn comment(&self, report: &Report, presence: Presence) {
        let Ok(Some(github)) = self.job.github() else { return };
        if self.writes == Writes::Forbidden {
            return;
        }
        if let Err(error) = self.try_comment(github, report, presence) {
            self.job.context.output.talk(&format!("the comment was not written: {error}"));
        }
    }

    fn try_comment(&self, github: &GitHub, report: &Report, presence: Presence) -> Result<(), GitHubError> {
        let body = comment::comment(report, &Offered::new().commands(), COMMENT);
        let own = github.own_login()?;
        let project = &self.about.project;
        let decision = sticky::decide(&self.comments, &own, project, (report.run.key, &body), presence);
        let is_ours = |comment: &Comment| {
            sticky::stamp(std::slice::from_ref(comment), &own, project).is_some_and(|stamp| stamp.run == report.run.key)
        };
        match decision.action {
            Action::Create => drop(github.create_comment(self.about.number, &body, is_ours)?),
            Action::Update(id) => drop(github.update_comment(id, &body)?),
            Action::Unchanged(_) | Action::Nothing => {}
            Action::Superseded { by, .. } => {
                self.job.context.output.talk(&format!("run {} wrote the comment already, and is newer", by.id));
            }
        }
        let kept = format!("{}/{}/pull/{}", self.about.server, self.about.repository, self.about.number.0);
        decision.duplicates.iter().try_for_each(|id| github.update_comment(*id, &sticky::folded(&kept)).map(drop))
    }
}

fn about(job: &Job<'_>, pull_request: &PullRequest, settings: &Settings, base: CommitId) -> report::PullRequest {
    report::PullRequest {
        server: job.runner.server.clone(),
        repository: job.runner.repository.clone(),
        project: settings.project.clone(),
        number: pull_request.number,
        head_branch: short_branch(&pull_request.head.branch).to_owned(),
        base_branch: short_branch(&pull_request.base.branch).to_owned(),
        head: pull_request.head.commit.clone(),
        base,
        environment: EnvironmentName::new(String::new()),
        expires_at: None,
    }
}

/// Nothing was to be done: one line says why.
pub(super) fn nothing(context: &Context<'_>, why: &str) -> CommandResult {
    context.output.data(&format!("nothing to do: {}\n", crate::visible::visible(why)));
    Ok(Exit::Done)
}

/// The commands as the comment offers them, from the parser's own table.
struct Offered(Vec<String>);

impl Offered {
    fn new() -> Self {
        Self(COMMANDS.iter().map(|entry| entry.usage().to_string()).collect())
    }

    fn commands(&self) -> Commands<'_> {
        Commands {
            list: &self.0,
            permission: Permission::Write.name(),
            plan: "/bot plan",
            apply: "/bot apply",
            allow_destructive: "/bot allow-destructive",
        }
    }
}

/// A check that failed fails the job too, so that the job alone is a gate where checks cannot be written.
fn exit(state: &State) -> Exit {
    match state.conclusion() {
        Some(report::Conclusion::Failure) => Exit::No,
        _ => Exit::Done,
    }
}

fn problems(state: &State) -> Vec<Problem> {
    match state {
        State::Failed { problems, .. } => problems.clone(),
        state => state.findings().map(|findings| findings.plan.problems.clone()).unwrap_or_default(),
    }
}

fn api_conclusion(conclusion: report::Conclusion) -> Conclusion {
    match conclusion {
        report::Conclusion::Success => Conclusion::Success,
        report::Conclusion::Failure => Conclusion::Failure,
        report::Conclusion::ActionRequired => Conclusion::ActionRequired,
        report::Conclusion::Cancelled => Conclusion::Cancelled,
    }
}

/// Those of problems that have a place; `folder` is the project's, from the repository's root.
pub(super) fn annotations(problems: &[Problem], folder: &str) -> Vec<Annotation> {
    let folder = folder.trim_matches('/');
    let placed = problems.iter().filter_map(|problem| Some((problem, problem.path.as_ref()?)));
    placed
        .map(|(problem, path)| Annotation {
            path: if folder.is_empty() { path.to_string() } else { format!("{folder}/{path}") },
            line: problem.line.unwrap_or(1),
            column: problem.column,
            level: match problem.severity {
                Severity::Error => AnnotationLevel::Failure,
                Severity::Warning => AnnotationLevel::Warning,
                Severity::Info => AnnotationLevel::Notice,
            },
            title: problem.code.to_owned(),
            message: match &problem.help {
                Some(help) => format!("{}\n{help}", problem.message),
                None => problem.message.clone(),
            },
        })
        .collect()
}
