//! A plan, its outcome and errors for people at a terminal.

use std::fmt::Write as _;

use owo_colors::{OwoColorize as _, Style};

use super::text::counted;
use super::text::due;
use super::{Colour, readable_intervals, readable_seconds, visible, visible_lines};
use crate::plan::{Action, Basis, Category, Change, Outcome, Plan, PlannedModel};
use crate::problem::{Problem, Severity, has_errors};

/// A plan as a tree, with drift apart, every problem, and one closing line.
pub fn plan(plan: &Plan, colour: Colour) -> String {
    let paint = Paint(colour);
    let mut output = heading(plan, paint);
    if !plan.models.is_empty() {
        output.push('\n');
        output.push_str(&tree(&plan.models, paint));
    }
    if !plan.drift.is_empty() {
        let title = "Drift: merged into the base branch, not promoted yet, no part of this branch";
        let _ = writeln!(output, "\n{}", paint.with(title, Style::new().bold()));
        output.push_str(&tree(&plan.drift, paint));
    }
    if !plan.problems.is_empty() {
        output.push('\n');
        output.push_str(&problems(&plan.problems, colour));
    }
    let _ = writeln!(output, "\n{}", summary(plan));
    output
}

/// What `apply` or `promote` did, one line per table and one for the whole.
pub fn outcome(outcome: &Outcome, colour: Colour) -> String {
    let paint = Paint(colour);
    let mut output = String::new();
    for build in &outcome.builds {
        let rows = build.rows.map_or("rows not counted".to_owned(), |rows| format!("{rows} rows"));
        let range = if build.intervals.is_empty() {
            String::new()
        } else {
            format!(", {}", readable_intervals(&build.intervals, build.unit))
        };
        let name = paint.with(&visible(&build.model.to_string()), Style::new().bold());
        let _ = writeln!(output, "  built {name}: {rows}{range}, {}", readable_seconds(build.seconds));
    }
    let environment = visible(outcome.plan.environment.as_str());
    let _ = if outcome.builds.is_empty() && outcome.swapped == 0 {
        writeln!(output, "{environment} is up to date: nothing built, no view moved.")
    } else {
        let built = counted(outcome.builds.len(), "table");
        let swapped = counted(outcome.swapped, "view");
        let seconds = readable_seconds(outcome.seconds);
        writeln!(output, "{environment}: {built} built, {swapped} pointed anew, {seconds}.")
    };
    if let Some(hold) = &outcome.released {
        let _ = writeln!(output, "The hold of {environment} is over: {}.", visible(&hold.account()));
    }
    output
}

/// Problems, the grave ones first, each with its place and what to do.
pub fn problems(problems: &[Problem], colour: Colour) -> String {
    let paint = Paint(colour);
    let mut sorted: Vec<_> = problems.iter().collect();
    sorted.sort_by_key(|problem| problem.severity);
    let mut output = String::new();
    for problem in sorted {
        let (word, style) = severity(problem.severity);
        let label = paint.with(&format!("{word}[{}]", problem.code), style);
        let place = place(problem).map_or(String::new(), |place| format!(" {place}:"));
        let message = indented(&problem.message, "    ");
        let _ = writeln!(output, "{label}{place} {message}");
        if let Some(help) = &problem.help {
            let _ = writeln!(output, "  {} {}", paint.with("hint:", Style::new().cyan()), indented(help, "    "));
        }
    }
    output
}

/// An error with its causes and hints.
pub fn error(message: &str, causes: &[String], hints: &[String], colour: Colour) -> String {
    let paint = Paint(colour);
    let red = Style::new().red().bold();
    let mut output = format!("{} {}\n", paint.with("error:", red), indented(message, "  "));
    for cause in causes {
        let _ = writeln!(output, "  caused by: {}", indented(cause, "    "));
    }
    for hint in hints {
        let _ = writeln!(output, "{} {}", paint.with("hint:", Style::new().cyan().bold()), indented(hint, "  "));
    }
    output
}

/// A command as a person types it, after `$`; arguments that a shell would take apart are quoted.
pub fn command_line(program: &str, arguments: &[&str], colour: Colour) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:~,@+".contains(c);
    let mut line = format!("$ {program}");
    for argument in arguments {
        line.push(' ');
        if !argument.is_empty() && argument.chars().all(is_plain) {
            line.push_str(argument);
        } else {
            let _ = write!(line, "'{}'", visible(argument).replace('\'', r"'\''"));
        }
    }
    Paint(colour).with(&line, Style::new().bold())
}

/// `path:line:column` as far as it is known.
pub fn place(problem: &Problem) -> Option<String> {
    let mut place = visible(problem.path.as_ref()?.as_str());
    if let Some(line) = problem.line {
        let _ = write!(place, ":{line}");
        if let Some(column) = problem.column {
            let _ = write!(place, ":{column}");
        }
    }
    Some(place)
}

/// The last line of a plan; says nothing that looks like success where something is wrong.
pub fn summary(plan: &Plan) -> String {
    let counts = &plan.summary;
    let parts: Vec<_> = [
        (counts.added, "added"),
        (counts.modified, "modified"),
        (counts.indirect, "indirect"),
        (counts.metadata, "metadata"),
        (counts.removed, "removed"),
        (counts.unaffected, "unaffected"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    let changes = if parts.is_empty() { "no model changes".to_owned() } else { parts.join(", ") };
    let tables = format!("{} to build, {} reused", counts.to_build, counts.reused);
    let models = counted(counts.models, "model");
    if has_errors(&plan.problems) {
        let errors = plan.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        return format!("{models}: not to be applied, {} ({changes}; {tables})", counted(errors, "error"));
    }
    format!("{models}: {changes}; {tables}")
}

/// Styles where colours are wanted.
#[derive(Clone, Copy)]
pub(super) struct Paint(pub(super) Colour);

impl Paint {
    /// The text in a style.
    pub(super) fn with(self, text: &str, style: Style) -> String {
        match self.0 {
            Colour::Always => text.style(style).to_string(),
            Colour::Never => text.to_owned(),
        }
    }
}

fn heading(plan: &Plan, paint: Paint) -> String {
    let short = |id: &str| visible(id).chars().take(7).collect::<String>();
    let title = format!("Plan for {}", visible(plan.environment.as_str()));
    let head = plan.commits.head.as_ref().map_or("no commit yet".to_owned(), |head| short(head.as_str()));
    let base = short(plan.commits.base.as_str());
    let edits = if plan.commits.result_tree.is_none() { ", with uncommitted edits" } else { "" };
    format!("{} (head {head} onto base {base}{edits})\n", paint.with(&title, Style::new().bold()))
}

fn tree(models: &[PlannedModel], paint: Paint) -> String {
    let mut output = String::new();
    for (index, model) in models.iter().enumerate() {
        let is_last = index + 1 == models.len();
        let (branch, stem) = if is_last { ("└─", "  ") } else { ("├─", "│ ") };
        let (sign, style) = sign(model.change);
        let name = paint.with(&format!("{sign} {}", visible(&model.name.to_string())), style);
        let _ = writeln!(output, "{branch} {name}  {}  {}", change(model), model.kind.text());
        for (label, text) in details(model) {
            let label = paint.with(&format!("{label:<7}"), Style::new().dimmed());
            let _ = writeln!(output, "{stem}     {label} {text}");
        }
    }
    output
}

fn details(model: &PlannedModel) -> Vec<(&'static str, String)> {
    let mut lines: Vec<_> = model.reasons.iter().map(|reason| ("why", visible(&reason.text()))).collect();
    let table = model.table.as_ref().map(|table| visible(&table.to_string()));
    let action = match model.action {
        Action::Build => table.map(|table| ("build", table)),
        Action::Reuse => table.map(|table| ("reuse", table)),
        Action::View => Some(("view", "created or replaced".to_owned())),
        Action::Drop => Some(("drop", "its view; the table stays until gc".to_owned())),
        Action::None => None,
    };
    lines.extend(action);
    if !model.intervals_missing.is_empty() {
        lines.push(("load", readable_intervals(&model.intervals_missing, model.unit)));
    }
    if model.basis == Basis::Preview {
        lines.push((
            "preview",
            "it is for the branch alone, made of what is here of its inputs and its past".to_owned(),
        ));
    }
    if model.is_due() {
        lines.push(("due", format!("{} at promote", due(model))));
    }
    lines
}

fn change(model: &PlannedModel) -> String {
    match model.category {
        Category::Breaking => format!("{}, breaking", model.change.text()),
        Category::NonBreaking => format!("{}, non-breaking", model.change.text()),
        Category::Metadata | Category::None => model.change.text().to_owned(),
    }
}

fn sign(change: Change) -> (char, Style) {
    match change {
        Change::Added => ('+', Style::new().green()),
        Change::Modified => ('~', Style::new().yellow()),
        Change::Indirect => ('>', Style::new().cyan()),
        Change::Metadata => ('#', Style::new().blue()),
        Change::Removed => ('-', Style::new().red()),
        Change::Unaffected => ('=', Style::new().dimmed()),
    }
}

fn severity(severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Error => ("error", Style::new().red().bold()),
        Severity::Warning => ("warning", Style::new().yellow().bold()),
        Severity::Info => ("info", Style::new().blue().bold()),
    }
}

fn indented(text: &str, indent: &str) -> String {
    visible_lines(text.trim_end()).replace('\n', &format!("\n{indent}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    #[test]
    fn a_plan_without_colours() {
        let text = super::plan(&sample::plan(), Colour::Never);
        assert!(!text.contains('\u{1b}'), "nothing of a name reaches the terminal as a control character");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn colours_are_ours_alone() {
        let text = super::plan(&sample::plan(), Colour::Always);
        assert!(text.contains("\u{1b}[32m+ "), "added is green");
        assert!(text.contains("\u{1b}[33m~ "), "modified is yellow");
        assert!(text.contains("\u{1b}[31m- "), "removed is red");
        assert!(!text.contains("\u{1b}]0;"), "no title is set");
    }

    #[test]
    fn an_outcome() {
        insta::assert_snapshot!(super::outcome(&sample::outcome(), Colour::Never));
    }

    #[test]
    fn a_command_line_can_be_typed() {
        let line = command_line("bot", &["query", "--env", "prod", "select 'a'", ""], Colour::Never);
        assert_eq!(line, r"$ bot query --env prod 'select '\''a'\''' ''");
    }

    #[test]
    fn errors_never_look_like_success() {
        let mut plan = sample::plan();
        plan.models.clear();
        plan.summary = crate::plan::Summary { models: 3, ..Default::default() };
        assert!(summary(&plan).starts_with("3 models: not to be applied, 1 error"));
        plan.problems.clear();
        assert_eq!(summary(&plan), "3 models: no model changes; 0 to build, 0 reused");
    }

    #[test]
    fn an_error_with_cause_and_hint() {
        let text = error("cannot open `a\u{1b}b`", &["line one\nline two".into()], &["close it".into()], Colour::Never);
        insta::assert_snapshot!(text, @r"
        error: cannot open `a\u{1B}b`
          caused by: line one
            line two
        hint: close it
        ");
    }
}
