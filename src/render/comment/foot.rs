//! The end of the comment: what may be asked of the bot, which run wrote this and when, and when the environment goes. Also
//! the only links that there are, all of them to the repository itself.

use std::fmt::Write as _;

use super::verdict::{moment, words};
use super::{Writer, name, short};
use crate::ids::RunId;
use crate::plan::{Change, PlannedModel};
use crate::render::markdown::folded;
use crate::report::{Findings, PullRequest, State};
use crate::sticky::PastPlan;
use crate::url::{origin, percent_encoded};

/// Commands that are shown.
const COMMANDS: usize = 6;
/// A longer path is not linked to.
const PATH: usize = 300;

impl Writer<'_> {
    /// All that stands after the plan, with what there is to say of earlier ones.
    pub(super) fn foot(&self, history: &str) -> String {
        let commands = match self.report.state {
            State::NoChange | State::Promoted(..) | State::Closed(_) | State::HeadMoved { .. } => String::new(),
            _ => self.commands(),
        };
        format!("{commands}{history}\n{}", self.written())
    }

    /// The last plans, folded; nothing before the second one.
    pub(super) fn history(&self) -> String {
        let history = self.report.history();
        let plans = history.plans();
        if plans.len() < 2 {
            return String::new();
        }
        let line = |plan: &PastPlan| {
            let (sign, words) = words(plan.verdict);
            let attempt = match plan.run.attempt {
                0 | 1 => String::new(),
                attempt => format!("attempt {attempt} of "),
            };
            let run = self.link_to(plan.run.id);
            format!("* {} {sign} {words}, {}, {attempt}{run}\n", short(&plan.head), moment(plan.at))
        };
        let mut output = String::new();
        folded(&mut output, &format!("The last {} plans", plans.len()), &plans.iter().map(line).collect::<String>());
        output
    }

    fn commands(&self) -> String {
        let Some(commands) = self.commands.filter(|commands| !commands.list.is_empty()) else { return String::new() };
        let list: Vec<String> = commands.list.iter().take(COMMANDS).map(|command| name(command)).collect();
        format!(
            "\n**Commands** (need {}; the bot answers with 👀, then ✅ or 😕): {}\n",
            name(commands.permission),
            list.join(" · ")
        )
    }

    fn written(&self) -> String {
        let mut output = format!(
            "<sub>Written for {} on {}, attempt {} of {}.",
            short(&self.report.pull_request.head),
            moment(self.report.run.at),
            self.report.run.key.attempt,
            self.run_link()
        );
        let has_environment = match &self.report.state {
            State::Built(_) | State::Partial(..) => true,
            State::BaseMoved { findings, .. } => findings.built.is_some(),
            _ => false,
        };
        if has_environment {
            let until = self
                .report
                .pull_request
                .expires_at
                .map_or(String::new(), |at| format!(", or on {} if nothing happens until then", at.date()));
            let _ = write!(output, " The environment is dropped when this pull request is closed{until}.");
        }
        output.push_str("</sub>\n");
        output
    }

    /// The run, with a link to it.
    pub(super) fn run_link(&self) -> String {
        self.link_to(self.report.run.key.id)
    }

    fn link_to(&self, id: RunId) -> String {
        match self.address(&format!("actions/runs/{id}")) {
            Some(address) => format!("[run {id}]({address})"),
            None => format!("run {id}"),
        }
    }

    /// A model's name, with a link to its file where the head has it.
    pub(super) fn linked(&self, findings: &Findings, model: &PlannedModel) -> String {
        let text = name(&model.name.to_string());
        if model.change == Change::Removed {
            return text;
        }
        let head = &self.report.pull_request.head;
        let path = findings.sources.get(&model.name).filter(|path| path.as_str().len() <= PATH);
        let address = path.and_then(|path| self.address(&format!("blob/{head}/{path}")));
        address.map_or(text.clone(), |address| format!("[{text}]({address})"))
    }

    /// A place in the repository; `None` where the server's own address is odd.
    fn address(&self, path: &str) -> Option<String> {
        let PullRequest { server, repository, .. } = &self.report.pull_request;
        let parts = repository.as_str().split('/').chain(path.split('/'));
        let parts: Vec<String> = parts.map(percent_encoded).collect();
        Some(format!("{}/{}", origin(server)?, parts.join("/")))
    }
}
