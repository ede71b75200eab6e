//! What the linter says, for people and for scripts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::text::counted;
use super::{Colour, json, terminal, visible};
use crate::ids::{FilePath, ModelName};
use crate::lint::{Lint, Unchecked};
use crate::problem::{Problem, Severity};
use crate::settings::{Linter, Rule};

/// Every violation with its place, where rules could not look, and one closing line.
pub fn terminal(lint: &Lint, colour: Colour) -> String {
    let all: Vec<Problem> = problems(lint).cloned().collect();
    let mut output = terminal::problems(&all, colour);
    for (rule, models) in by_rule(&lint.unchecked) {
        let _ = writeln!(output, "not looked at by {}: {}", rule.name(), shown(&models));
    }
    if !output.is_empty() {
        output.push('\n');
    }
    let looked_at = counted(lint.models, "model");
    let [errors, warnings] = counts(lint);
    let _ = match (errors, warnings) {
        (0, 0) => writeln!(output, "{looked_at}: no violation."),
        _ => writeln!(output, "{looked_at}: {}, {}.", counted(errors, "error"), counted(warnings, "warning")),
    };
    output
}

/// `{"schema_version":1,"enabled","violations":[{"rule","level","model","path","line","column","message","help"}],
/// "unchecked":[{"rule","model","why"}],"problems":[…],"summary":{"models","errors","warnings"}}`.
pub fn json(lint: &Lint, linter: &Linter) -> String {
    #[derive(Serialize)]
    struct Object<'a> {
        enabled: bool,
        violations: Vec<ViolationObject<'a>>,
        unchecked: Vec<UncheckedObject<'a>>,
        problems: &'a [Problem],
        summary: Summary,
    }
    #[derive(Serialize)]
    struct ViolationObject<'a> {
        rule: &'static str,
        level: Severity,
        model: &'a ModelName,
        path: Option<&'a FilePath>,
        line: Option<u32>,
        column: Option<u32>,
        message: &'a str,
        help: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct UncheckedObject<'a> {
        rule: &'static str,
        model: &'a ModelName,
        why: &'a str,
    }
    #[derive(Serialize)]
    struct Summary {
        models: usize,
        errors: usize,
        warnings: usize,
    }
    let violations = lint.violations.iter().map(|violation| {
        let Problem { severity, path, line, column, message, help, .. } = &violation.problem;
        ViolationObject {
            rule: violation.rule.name(),
            level: *severity,
            model: &violation.model,
            path: path.as_ref(),
            line: *line,
            column: *column,
            message,
            help: help.as_deref(),
        }
    });
    let unchecked = lint.unchecked.iter().map(|unchecked| UncheckedObject {
        rule: unchecked.rule.name(),
        model: &unchecked.model,
        why: &unchecked.why,
    });
    let [errors, warnings] = counts(lint);
    json::object(&Object {
        enabled: linter.enabled,
        violations: violations.collect(),
        unchecked: unchecked.collect(),
        problems: &lint.problems,
        summary: Summary { models: lint.models, errors, warnings },
    })
}

fn problems(lint: &Lint) -> impl Iterator<Item = &Problem> {
    lint.violations.iter().map(|violation| &violation.problem).chain(&lint.problems)
}

fn counts(lint: &Lint) -> [usize; 2] {
    [Severity::Error, Severity::Warning]
        .map(|severity| problems(lint).filter(|problem| problem.severity == severity).count())
}

fn by_rule(unchecked: &[Unchecked]) -> BTreeMap<Rule, Vec<&Unchecked>> {
    let mut rules: BTreeMap<Rule, Vec<&Unchecked>> = BTreeMap::new();
    unchecked.iter().for_each(|one| rules.entry(one.rule).or_default().push(one));
    rules
}

/// A few models with the reason; the rest are counted.
fn shown(models: &[&Unchecked]) -> String {
    const SHOWN: usize = 5;
    let one =
        |unchecked: &&Unchecked| format!("{} ({})", visible(&unchecked.model.to_string()), visible(&unchecked.why));
    let mut texts: Vec<String> = models.iter().take(SHOWN).map(one).collect();
    if let Some(more) = models.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        texts.push(format!("{more} more"));
    }
    texts.join(", ")
}
