//! The first lines: can this be merged, and if not, why. The same in one line of plain text for the check.

use std::fmt::Write as _;

use super::{Writer, brief, name, short};
use crate::ids::FilePath;
use crate::problem::Severity;
use crate::render::markdown::message;
pub(super) use crate::render::text::some;
use crate::render::text::{counted, grouped, readable_units};
use crate::render::visible;
use crate::report::{
    BaseMove, Closing, Findings, NotBuilt, Promotion, ReadOnly, Report, State, StopCause, Stopped, Touched, Unclear,
};
use crate::sticky::{Previous, Verdict};
use crate::time::Timestamp;

/// The check's title: plain text, no name longer than a line.
pub(super) fn title(report: &Report) -> String {
    let base = brief(&report.pull_request.base_branch, 60);
    match &report.state {
        State::Planned(findings, _) => format!("{}, nothing built", changes(findings)),
        State::Built(findings) if findings.blockers().is_empty() => {
            format!("{}, ready to promote", changes(findings))
        }
        State::Built(findings) => {
            let blockers = counted(findings.blockers().len(), "blocker");
            format!("{}, not ready to promote: {blockers}", changes(findings))
        }
        State::Running(_) => "Planning".to_owned(),
        State::NoChange => "No models changed".to_owned(),
        State::Failed { problems, .. } => {
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
            format!("The plan failed: {}", counted(errors, "error"))
        }
        State::Partial(_, stopped) => {
            format!("Built in part: {} of {}", stopped.done, readable_units(stopped.of, stopped.unit))
        }
        State::HeadMoved { newer } => {
            format!(
                "The branch moved to {}, which has a run of its own",
                visible(newer.as_str()).get(..7).unwrap_or("")
            )
        }
        State::BaseMoved { moved: BaseMove { touched: Touched::Models(models), .. }, .. } => {
            format!("The plan is stale: {base} moved and changed {}", counted(models.len(), "model"))
        }
        State::BaseMoved { .. } => format!("The plan may be stale: {base} moved"),
        State::ForkOrReadOnly(findings, _) => format!("{}, static plan", changes(findings)),
        State::Conflict { .. } => format!("In conflict with {base}"),
        State::Promoted(..) => "Promoted".to_owned(),
        State::Closed(_) => "Closed".to_owned(),
    }
}

impl Writer<'_> {
    /// The verdict and the sentence below it.
    pub(super) fn headline(&self) -> String {
        let head = short(&self.report.pull_request.head);
        match &self.report.state {
            State::NoChange => format!("⚪ No data change at {head}: every model is as on {}.\n", self.base()),
            State::Running(previous) => self.running(previous.as_ref()),
            State::HeadMoved { newer } => format!(
                "The branch moved from {head} to {} while this run worked. The run of that commit has the word; nothing \
                 was written here.\n",
                short(newer)
            ),
            State::Promoted(promotion, _) => self.promoted(promotion),
            State::Closed(closing) => self.closed(closing),
            state => format!("{}\n\n{}", self.heading(state), self.sentence(state)),
        }
    }

    /// The first line while a run works.
    pub(super) fn running(&self, previous: Option<&Previous>) -> String {
        let head = short(&self.report.pull_request.head);
        match previous {
            Some(previous) if previous.head == self.report.pull_request.head => {
                format!("⏳ **Planning {head} again**; below is its last plan.\n")
            }
            Some(previous) => format!("⏳ **Planning {head}**; below is the plan for {}.\n", short(&previous.head)),
            None => format!("⏳ **Planning {head}** onto {}.\n", self.base()),
        }
    }

    /// The base branch.
    pub(super) fn base(&self) -> String {
        name(&self.report.pull_request.base_branch)
    }

    fn heading(&self, state: &State) -> String {
        let (sign, verdict) = state.verdict().map_or(("", ""), words);
        let with =
            if matches!(state, State::Conflict { .. }) { format!(" with {}", self.base()) } else { String::new() };
        let pull_request = &self.report.pull_request;
        let project = match pull_request.project.as_str() {
            "" => String::new(),
            project => format!(" of {}", name(project)),
        };
        let branch = name(&pull_request.head_branch);
        format!("### {sign} Data plan{project}: {branch} → {} — {verdict}{with}", self.base())
    }

    fn sentence(&self, state: &State) -> String {
        let (head, base) = (short(&self.report.pull_request.head), short(&self.report.pull_request.base));
        let branch = self.base();
        let merged = format!("head {head} merged onto {branch} at {base}");
        let environment = name(self.report.pull_request.environment.as_str());
        let impact = |findings: &Findings| {
            let (own, downstream) = findings.changed();
            let rest = match (own, downstream) {
                (0, 0) => String::new(),
                (_, 0) => " by this pull request's commits, none downstream".to_owned(),
                _ => format!(": {own} by this pull request's commits, {downstream} downstream of them"),
            };
            format!("**{}{rest}.**", changes(findings))
        };
        match state {
            State::Built(findings) => {
                format!("{} Built in environment {environment} from {merged}.\n", impact(findings))
            }
            State::Planned(findings, why) => {
                format!("{} {} Planned for {merged}.\n", impact(findings), not_built(*why))
            }
            State::ForkOrReadOnly(findings, why) => {
                format!("{} {} Planned for {merged}.\n", impact(findings), read_only(*why))
            }
            State::Partial(findings, stopped) => {
                format!(
                    "{}\n\n{} In environment {environment}, from {merged}.\n",
                    self.stopped(stopped),
                    impact(findings)
                )
            }
            State::BaseMoved { findings, moved } => format!(
                "**{branch} moved by {} and {}.** {}{}\n",
                commits_of(moved.commits),
                touched(&moved.touched),
                self.commands.map_or(String::new(), |commands| format!("{} plans again. ", name(commands.plan))),
                format_args!("Below is the plan for {merged}. {}", impact(findings)),
            ),
            State::Failed { problems, .. } => {
                let mut output = format!("There is no plan for {merged}.\n");
                super::blockers::problems(&mut output, problems);
                output
            }
            State::Conflict { files, .. } => format!(
                "{head} cannot be merged onto {branch} at {base}, so there is no result to plan. In conflict: {}. Merge or \
                 rebase, and push.\n",
                some(files.iter().map(|file| name(file.as_str())), super::LIST)
            ),
            _ => String::new(),
        }
    }

    fn stopped(&self, stopped: &Stopped) -> String {
        let model = name(&stopped.model.to_string());
        let place = format!(
            "**Stopped at {} of {} of {model}.**",
            grouped(stopped.done),
            readable_units(stopped.of, stopped.unit)
        );
        let rest = match &stopped.cause {
            StopCause::Cancelled => {
                "The run was cancelled; what was loaded is kept, and the next run goes on.".to_owned()
            }
            StopCause::Limit => {
                let asked = self
                    .commands
                    .map_or(String::new(), |commands| format!(", and {} without one", name(commands.apply)));
                format!(
                    "The limit of time for pull requests is reached; what was loaded is kept. The next run goes on with \
                     another one{asked}."
                )
            }
            StopCause::Refused(why) => {
                let why = message(&brief(why, super::blockers::MESSAGE));
                format!("The engine refused: {why}. What was loaded before is kept.")
            }
        };
        format!("{place} {rest}")
    }

    fn promoted(&self, promotion: &Promotion) -> String {
        let Promotion { commit, by, swapped, built } = promotion;
        let built = match built {
            0 => "nothing had to be built".to_owned(),
            built => format!("{} filled or completed", counted(*built, "table")),
        };
        format!(
            "### ✅ Promoted\n\nProduction shows {} of {} since {}, merged by {}, in {}: {} pointed anew, {built}.\n",
            short(commit),
            self.base(),
            moment(self.report.run.at),
            name(by.as_str()),
            self.run_link(),
            counted(*swapped, "view")
        )
    }

    fn closed(&self, closing: &Closing) -> String {
        let environment = name(self.report.pull_request.environment.as_str());
        let mut output =
            format!("⚫ Environment {environment} is dropped, {} with it.", counted(closing.dropped, "view"));
        if closing.tables_kept > 0 {
            let until = closing.until.map_or("for good".to_owned(), |until| format!("at least until {}", until.date()));
            let verb = if closing.tables_kept == 1 { "is" } else { "are" };
            let tables = counted(closing.tables_kept, "table");
            let _ = write!(output, " {tables} that nothing else shows {verb} kept {until}.");
        }
        output.push('\n');
        output
    }
}

/// A plan in a sign and a few words.
pub(super) fn words(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Ready => ("🟢", "ready to promote"),
        Verdict::ReadyAndBreaking => ("🟡", "ready to promote, with breaking changes"),
        Verdict::NotReady => ("🔴", "not ready to promote"),
        Verdict::NotBuilt => ("⚪", "planned, nothing built"),
        Verdict::NotBuiltNotReady => ("🔴", "nothing built, and not ready to promote"),
        Verdict::Static => ("⚪", "static plan, nothing built"),
        Verdict::Partial => ("🟠", "built in part"),
        Verdict::Stale => ("🟠", "the plan is stale"),
        Verdict::Failed => ("🔴", "the plan failed"),
        Verdict::Conflict => ("🔴", "in conflict"),
        Verdict::NoChange => ("⚪", "no data change"),
    }
}

/// `3 commits`.
pub(super) fn commits_of(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "commit")
}

/// What the base branch did to the plan, as the end of a sentence.
fn touched(touched: &Touched) -> String {
    let why = match touched {
        Touched::Models(models) => {
            return format!("changed {}", some(models.iter().map(|model| name(&model.to_string())), super::LIST));
        }
        Touched::Unclear(Unclear::ManyFiles(most)) => {
            return format!("changed {} files or more, so the plan counts as stale", grouped(*most as u64));
        }
        Touched::Unclear(Unclear::BothChange(path)) => format!("{}, which this branch changes too", file(path)),
        Touched::Unclear(Unclear::NotInBase(path)) => format!("{}, which the plan's base does not have", file(path)),
        Touched::Unclear(Unclear::Links) => "a project with links or Git LFS, which only a clone can tell".to_owned(),
        Touched::Unclear(Unclear::Settings) => "the settings".to_owned(),
        Touched::Unclear(Unclear::Errors) => return "has errors with this branch on it".to_owned(),
    };
    format!("changed {why}, so the plan counts as stale")
}

fn file(path: &FilePath) -> String {
    name(path.as_str())
}

/// A moment to the minute.
pub(super) fn moment(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M UTC").unwrap_or_default()
}

/// `9 models change`.
fn changes(findings: &Findings) -> String {
    let (own, downstream) = findings.changed();
    match own + downstream {
        0 => "No model changes".to_owned(),
        1 => "1 model changes".to_owned(),
        count => format!("{count} models change"),
    }
}

fn not_built(why: NotBuilt) -> &'static str {
    match why {
        NotBuilt::Draft => "Nothing is built while the pull request is a draft.",
        NotBuilt::NothingWouldStay => {
            "Nothing is built: state and warehouse are files, and on a hosted runner both would be gone after the job."
        }
    }
}

fn read_only(why: ReadOnly) -> &'static str {
    match why {
        ReadOnly::Fork => {
            "Nothing is built or written for a branch of another repository: its runs get neither secrets nor a token that \
             may write."
        }
        ReadOnly::Dependabot => "Nothing is built or written: Dependabot's runs get no secrets.",
        ReadOnly::Token => {
            "Nothing is built or written: the token may only read. The job needs `permissions:` with `pull-requests: write` \
             and `checks: write`."
        }
    }
}
