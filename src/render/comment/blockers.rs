//! What stands between the plan and production, as alerts: what is wrong, what somebody has to allow, whether production is
//! held.

use std::fmt::Write as _;

use super::verdict::some;
use super::{NAME, Writer, brief, name};
use crate::ids::FilePath;
use crate::problem::{HELD, Problem, Severity};
use crate::render::markdown::{code, one_line};
use crate::render::text::counted;
use crate::report::{Blocker, Check, Destruction, Findings};

/// Blockers that are shown one by one.
const SHOWN: usize = 5;
/// Permissions that are shown one by one.
const ALLOWED: usize = 2;
/// Columns and readers that are shown of one model, and the most characters of each.
const LIST: (usize, usize) = (3, 40);
/// The most characters of one message.
pub(super) const MESSAGE: usize = 240;

/// All blockers of a plan, and what somebody allowed.
pub(super) fn write(output: &mut String, writer: &Writer<'_>, findings: &Findings) {
    let blockers = findings.blockers();
    let mut wrong: Vec<String> = Vec::new();
    let mut lost: Vec<String> = Vec::new();
    for blocker in blockers.iter().take(SHOWN) {
        match blocker {
            Blocker::Error(problem) => wrong.push(told(problem)),
            Blocker::Check(check) => wrong.push(failed(check)),
            Blocker::Destruction(destruction) => lost.push(destroyed(writer, destruction)),
        }
    }
    let more = blockers.len().saturating_sub(SHOWN);
    if more > 0 {
        let list = if lost.is_empty() { &mut wrong } else { &mut lost };
        list.push(format!("{} like these.", counted(more, "more blocker")));
    }
    alert(output, "CAUTION", &wrong);
    alert(output, "WARNING", &lost);
    let held = findings.plan.problems.iter().filter(|problem| problem.code == HELD);
    alert(output, "WARNING", &held.map(told).collect::<Vec<_>>());
    let allowed = findings.destructions.iter().filter(|destruction| destruction.allowed_by.is_some());
    let allowed: Vec<String> = allowed.take(ALLOWED).map(|destruction| destroyed(writer, destruction)).collect();
    alert(output, "NOTE", &allowed);
}

/// Problems where there is no plan.
pub(super) fn problems(output: &mut String, problems: &[Problem]) {
    let errors: Vec<&Problem> = problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    let chosen = if errors.is_empty() { problems.iter().collect() } else { errors };
    let mut lines: Vec<String> = chosen.iter().take(SHOWN).map(|problem| told(problem)).collect();
    if chosen.len() > SHOWN {
        lines.push(format!("{}.", counted(chosen.len() - SHOWN, "more problem")));
    }
    alert(output, "CAUTION", &lines);
}

/// A problem as people read it, cut to a length that leaves room for others.
pub(super) fn told(problem: &Problem) -> String {
    one_line(&Problem {
        message: brief(&problem.message, MESSAGE),
        help: problem.help.as_ref().map(|help| brief(help, NAME)),
        path: problem.path.as_ref().map(|path| FilePath::new(brief(path.as_str(), NAME))),
        ..problem.clone()
    })
}

fn failed(check: &Check) -> String {
    format!("**{}: {} of {} passed.** This blocks promote.", check.name, check.passed, check.of)
}

fn destroyed(writer: &Writer<'_>, destruction: &Destruction) -> String {
    let model = name(&destruction.model.to_string());
    let list = |names: &mut dyn Iterator<Item = String>| {
        let names: Vec<String> = names.collect();
        some(names.iter().map(|text| code(&brief(text, LIST.1))), LIST.0)
    };
    let what = match destruction.columns.as_slice() {
        [] => format!("**{model} goes away, and production shows it.**"),
        columns => {
            format!("**{model} loses {}, which production shows.**", list(&mut columns.iter().cloned()))
        }
    };
    let readers = match destruction.readers.as_slice() {
        [] => String::new(),
        readers => format!(" Still read by {}.", list(&mut readers.iter().map(ToString::to_string))),
    };
    let way = match (&destruction.allowed_by, writer.commands) {
        (Some(by), _) => format!(" Allowed for this commit by {}.", name(by.as_str())),
        (None, Some(commands)) => {
            let command = format!("{} {}", commands.allow_destructive, destruction.model);
            format!(" Promote needs {}.", name(&command))
        }
        (None, None) => " Promote needs a person's permission.".to_owned(),
    };
    format!("{what}{readers}{way}")
}

fn alert(output: &mut String, kind: &str, lines: &[String]) {
    match lines {
        [] => {}
        [line] => {
            let _ = writeln!(output, "\n> [!{kind}]\n> {line}");
        }
        lines => {
            let _ = writeln!(output, "\n> [!{kind}]");
            for line in lines {
                let _ = writeln!(output, "> * {line}");
            }
        }
    }
}
