//! The comment on a pull request, the text of its check and the step summary (research: pull-request bots, section 5):
//! the verdict first, then what stands in the way, then figures, then the models, then what is folded away.
//!
//! Everything from a branch is hostile here and goes through `markdown`'s escapes. A text that is too long loses whole
//! sections in a fixed order and says so; nothing is ever cut inside a table or a fence, and verdict, blockers and
//! commands always stay.

mod blockers;
mod columns;
mod diagram;
mod facts;
mod folds;
mod foot;
mod models;
mod size;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::samples;
mod verdict;

pub use size::{Budget, CHECK, COMMENT, STEP_SUMMARY};

use super::markdown::code;
use super::text::shortened;
use super::visible;
use crate::ids::{CommitId, ProjectName};
use crate::report::{Findings, PullRequest, Report, State};
use crate::sticky::{Parts, Previous, seal};
use size::{Cut, Section};

/// What people may write to the bot, from the table of the parser that reads it.
#[derive(Clone, Copy, Debug)]
pub struct Commands<'a> {
    /// Each as it is typed, arguments filled in.
    pub list: &'a [String],
    /// The permission that they need, such as `write`.
    pub permission: &'a str,
    /// The one that plans again.
    pub plan: &'a str,
    /// The one that builds without a limit of time.
    pub apply: &'a str,
    /// The one that allows a model or its columns to go, before the model's name.
    pub allow_destructive: &'a str,
}

/// The text of a check run: a line, what one sees first, and all the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckText {
    /// Plain text.
    pub title: String,
    /// Markdown; GitHub takes 65,535 bytes.
    pub summary: String,
    /// Markdown; GitHub takes 65,535 bytes. Empty where the summary says all.
    pub text: String,
}

/// The comment, marker and state line included. Whether it is to be written at all says [`State::presence`].
pub fn comment(report: &Report, commands: &Commands<'_>, budget: Budget) -> String {
    let pull_request = &report.pull_request;
    let sealed = |parts: &Parts| seal(&pull_request.project, &report.stamp(), parts);
    let room = budget.minus(&sealed(&Parts::default())).less(STATE_OF_PLAN);
    sealed(&parts(&Writer { report, commands: Some(commands) }, room))
}

/// The step summary: the same without the markers and the commands, which nobody can give there.
pub fn step_summary(report: &Report, budget: Budget) -> String {
    joined(&parts(&Writer { report, commands: None }, budget))
}

/// The check run's text, each part within `budget`.
pub fn check(report: &Report, budget: Budget) -> CheckText {
    let writer = Writer { report, commands: None };
    let title = verdict::title(report);
    let Some(findings) = report.state.findings() else {
        return CheckText { title, summary: writer.headline(), text: String::new() };
    };
    let text = writer.body(findings, budget);
    CheckText { title, summary: writer.head(findings), text }
}

/// The check run's name, one for each project of a repository.
pub fn check_name(pull_request: &PullRequest) -> String {
    check_name_of(&pull_request.project)
}

/// The same, of a commit that is of no pull request.
pub fn check_name_of(project: &ProjectName) -> String {
    match project.as_str() {
        "" => "bot / plan".to_owned(),
        project => format!("bot / plan ({})", brief(project, 60)),
    }
}

/// Room for what the state line says of a plan.
const STATE_OF_PLAN: usize = 300;
/// The most characters of a name. This and the other bounds of what always stays hold it below the smallest budget even if
/// each character becomes an entity of nine (`tests::hostile`).
const NAME: usize = 120;
/// Names that are shown of a list.
const LIST: usize = 5;

/// A report with what may be asked of the bot.
#[derive(Clone, Copy)]
struct Writer<'a> {
    report: &'a Report,
    commands: Option<&'a Commands<'a>>,
}

/// With the last plans where all of the rest has room beside them: they go before anything else does.
fn parts(writer: &Writer<'_>, budget: Budget) -> Parts {
    let history = writer.history();
    if history.is_empty() {
        return parts_with(writer, &history, budget);
    }
    let whole = parts_with(writer, &history, budget.of(usize::MAX));
    match budget.holds(&joined(&whole)) {
        true => whole,
        false => parts_with(writer, &size::left_out("the last plans", &writer.elsewhere()), budget),
    }
}

fn joined(parts: &Parts) -> String {
    let plan = parts.plan.as_ref().map_or("", |plan| &plan.markdown);
    format!("{}{plan}{}", parts.before, parts.after)
}

fn parts_with(writer: &Writer<'_>, history: &str, budget: Budget) -> Parts {
    let after = writer.foot(history);
    let room = budget.minus(&after);
    match &writer.report.state {
        State::Running(Some(plan)) if room.minus(&writer.running(Some(plan))).holds(&plan.markdown) => {
            Parts { before: format!("{}\n", writer.running(Some(plan))), plan: Some(plan.clone()), after }
        }
        State::Running(_) => Parts { before: writer.running(None), plan: None, after },
        State::Failed { last_good, .. } | State::Conflict { last_good, .. } => {
            tail(writer.headline(), "Last good plan", last_good.as_ref(), after, room)
        }
        State::Promoted(_, plan) => tail(writer.headline(), "Plan", plan.as_ref(), after, room),
        state => match state.findings() {
            None => Parts { before: writer.headline(), plan: None, after },
            Some(findings) => {
                let head = writer.head(findings);
                let body = writer.body(findings, room.minus(&head));
                let head_commit = writer.report.pull_request.head.clone();
                let plan = Previous { head: head_commit, markdown: format!("{head}{body}") };
                Parts { before: String::new(), plan: Some(plan), after }
            }
        },
    }
}

/// The plan of the comment before, folded away.
fn tail(before: String, title: &str, plan: Option<&Previous>, after: String, room: Budget) -> Parts {
    let Some(plan) = plan else { return Parts { before, plan: None, after } };
    let title = format!("{title}, for {}", short_html(&plan.head));
    let opened = format!("{before}\n<details><summary>{title}</summary>\n\n");
    let closed = format!("\n</details>\n{after}");
    match room.minus(&opened).less(20).holds(&plan.markdown) {
        true => Parts { before: opened, plan: Some(plan.clone()), after: closed },
        false => Parts { before, plan: None, after },
    }
}

impl Writer<'_> {
    /// What stays whatever the room: verdict, blockers, figures.
    fn head(&self, findings: &Findings) -> String {
        let mut output = self.headline();
        blockers::write(&mut output, self, findings);
        facts::write(&mut output, self, findings);
        output
    }

    /// The sections that may go, as full as `budget` lets them be.
    fn body(&self, findings: &Findings, budget: Budget) -> String {
        let models = |cut| move || models::section(self, findings, cut);
        let columns = |cut| move || columns::section(findings, cut);
        let sections = [
            Section::new(None, Cut::Nothing..=Cut::SameData, models(Cut::Nothing)),
            Section::new(None, Cut::QuietRows..=Cut::QuietRows, models(Cut::QuietRows)),
            Section::new(Some("the models"), Cut::FiftyRows..=Cut::FiftyRows, models(Cut::FiftyRows)),
            Section::new(None, Cut::Nothing..=Cut::Lineage, columns(Cut::Nothing)),
            Section::new(None, Cut::SameData..=Cut::QuietRows, columns(Cut::SameData)),
            Section::new(Some("the data by column"), Cut::FiftyRows..=Cut::FiftyRows, columns(Cut::FiftyRows)),
            Section::new(Some("SQL changes"), Cut::Nothing..=Cut::Nothing, || folds::sql(findings)),
            Section::new(Some("lineage"), Cut::Nothing..=Cut::Sql, || diagram::section(findings)),
            Section::new(Some("how to query it"), Cut::Nothing..=Cut::FiftyRows, || folds::query(self, findings)),
            Section::new(Some("drift"), Cut::Nothing..=Cut::FiftyRows, || folds::drift(findings)),
            Section::new(Some("remarks"), Cut::Nothing..=Cut::FiftyRows, || folds::remarks(findings)),
        ];
        size::fitted(budget, &sections, &self.elsewhere())
    }

    /// Where there is more than in a text that is too long.
    fn elsewhere(&self) -> String {
        match self.commands {
            Some(_) => format!("; the summary of {} has more", self.run_link()),
            None => String::new(),
        }
    }
}

/// A name of whatever length, as code.
fn name(text: &str) -> String {
    code(&brief(text, NAME))
}

/// The beginning of a text, with nothing hidden in it. Showing what is hidden makes a text longer, never shorter, so it is
/// cut before too: names have no bound.
fn brief(text: &str, most: usize) -> String {
    shortened(&visible(&shortened(text, most)), most)
}

/// A commit as people read it.
fn short(commit: &CommitId) -> String {
    code(&commit.as_str().chars().take(7).collect::<String>())
}

fn short_html(commit: &CommitId) -> String {
    super::markdown::html_code(&commit.as_str().chars().take(7).collect::<String>())
}
