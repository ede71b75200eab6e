//! A plan as GitHub-flavoured Markdown: the verdict first, then the models, then what is folded away.
//!
//! Everything from a branch goes through `escape`: nothing in it can end a table row or a fence, mention anybody, link
//! anywhere or become HTML.

mod escape;

use std::fmt::Write as _;

pub use escape::{code, fenced, html_code, message, prose};

use super::text::counted;
use super::text::due;
use super::{readable_intervals, readable_seconds, terminal};
use crate::plan::{Action, Basis, Category, Change, Outcome, Plan, PlannedModel, Reason};
use crate::problem::{Problem, Severity, has_errors};

/// A plan.
pub fn plan(plan: &Plan) -> String {
    let mut output = verdict(plan);
    errors(&mut output, &plan.problems);
    if !plan.models.is_empty() {
        output.push_str("\n#### Models\n\n");
        table(&mut output, &plan.models);
        properties(&mut output, &plan.models);
    }
    drift(&mut output, &plan.drift);
    problems(&mut output, &plan.problems);
    let _ = writeln!(output, "\n{}", prose(&terminal::summary(plan)));
    output
}

/// What `apply` or `promote` did, below the plan that it carried out.
pub fn outcome(outcome: &Outcome) -> String {
    let mut output = plan(&outcome.plan);
    output.push_str("\n#### Done\n\n");
    if let Some(hold) = &outcome.released {
        let environment = code(outcome.plan.environment.as_str());
        let _ = writeln!(output, "The hold of {environment} is over: {}.\n", prose(&hold.account()));
    }
    if outcome.builds.is_empty() && outcome.swapped == 0 {
        output.push_str("Up to date: nothing built, no view moved.\n");
        return output;
    }
    let built = counted(outcome.builds.len(), "table");
    let swapped = counted(outcome.swapped, "view");
    let _ = writeln!(output, "{built} built, {swapped} pointed anew, {}.", readable_seconds(outcome.seconds));
    if outcome.builds.is_empty() {
        return output;
    }
    output.push_str("\n| Model | Rows | Loaded | Time |\n|:--|--:|:--|--:|\n");
    for build in &outcome.builds {
        let rows = build.rows.map_or("not counted".to_owned(), |rows| rows.to_string());
        let loaded = if build.intervals.is_empty() {
            "whole".to_owned()
        } else {
            readable_intervals(&build.intervals, build.unit)
        };
        let name = code(&build.model.to_string());
        let _ = writeln!(output, "| {name} | {rows} | {loaded} | {} |", readable_seconds(build.seconds));
    }
    output
}

/// A table of texts that are names, each a code span; an empty text stays empty.
pub(super) fn names_table(header: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut output = line(header.iter().map(|text| (*text).to_owned()).collect());
    output.push_str(&line(header.iter().map(|_| ":--".to_owned()).collect()));
    for row in rows {
        output
            .push_str(&line(row.iter().map(|text| if text.is_empty() { String::new() } else { code(text) }).collect()));
    }
    output
}

fn verdict(plan: &Plan) -> String {
    let environment = code(plan.environment.as_str());
    let counts = &plan.summary;
    let changed = counts.added + counts.modified + counts.indirect + counts.metadata + counts.removed;
    let (sign, words) = if has_errors(&plan.problems) {
        ("🔴", "not to be applied: the project has errors".to_owned())
    } else if changed == 0 && counts.to_build == 0 {
        ("🟢", "no model changes".to_owned())
    } else {
        let verb = if changed == 1 { "changes" } else { "change" };
        let sign = if plan.models.iter().any(|model| model.category == Category::Breaking) { "🟡" } else { "🟢" };
        (sign, format!("{} {verb}, {} to build", counted(changed, "model"), counts.to_build))
    };
    let commit = |id: &str| code(&id.chars().take(12).collect::<String>());
    let head = plan.commits.head.as_ref().map_or("no commit yet".to_owned(), |head| commit(head.as_str()));
    let edits = if plan.commits.result_tree.is_none() { " with uncommitted edits" } else { "" };
    let base = commit(plan.commits.base.as_str());
    let mut output = format!("### {sign} Data plan for {environment}: {words}\n\nHead {head}{edits} onto base {base}.");
    let _ = writeln!(
        output,
        " {} of the project's {} reuse a table that is there already.",
        counts.reused,
        counted(counts.models, "model")
    );
    output
}

fn errors(output: &mut String, problems: &[Problem]) {
    let mut errors = problems.iter().filter(|problem| problem.severity == Severity::Error).peekable();
    if errors.peek().is_some() {
        output.push_str("\n> [!CAUTION]\n");
    }
    for problem in errors {
        let _ = writeln!(output, "> * {}", one_line(problem));
    }
}

fn table(output: &mut String, models: &[PlannedModel]) {
    output.push_str("| Model | Kind | Change | Why | Built here | Due at promote |\n|:--|:--|:--|:--|:--|:--|\n");
    for model in models {
        let name = code(&model.name.to_string());
        let why: Vec<_> = model.reasons.iter().map(|reason| prose(&reason.text())).collect();
        let due = if model.is_due() { due(model) } else { "nothing".to_owned() };
        let kind = code(model.kind.text());
        let _ = writeln!(
            output,
            "| {name} | {kind} | {} | {} | {} | {due} |",
            change(model),
            why.join("<br>"),
            built(model)
        );
    }
}

/// What apply does with a model.
pub(super) fn built(model: &PlannedModel) -> String {
    match model.action {
        Action::Build if model.basis == Basis::Preview => "a preview".to_owned(),
        Action::Build if model.intervals_missing.is_empty() => "built anew".to_owned(),
        Action::Build => readable_intervals(&model.intervals_missing, model.unit),
        Action::Reuse => "nothing, its table is there".to_owned(),
        Action::View => "a view".to_owned(),
        Action::Drop => "its view goes".to_owned(),
        Action::None => "nothing".to_owned(),
    }
}

/// What happens to a model, with a sign.
pub(super) fn change(model: &PlannedModel) -> String {
    let sign = match model.change {
        Change::Added => "🆕",
        Change::Modified => "✏️",
        Change::Indirect => "↪️",
        Change::Metadata => "🏷️",
        Change::Removed => "🗑️",
        Change::Unaffected => "⚪",
    };
    match model.category {
        Category::Breaking => format!("{sign} {}, **breaking**", model.change.text()),
        Category::NonBreaking => format!("{sign} {}, non-breaking", model.change.text()),
        Category::Metadata | Category::None => format!("{sign} {}", model.change.text()),
    }
}

/// Properties whose old or new text spans lines: a table cell cannot show them.
fn properties(output: &mut String, models: &[PlannedModel]) {
    for model in models {
        for reason in &model.reasons {
            let (Reason::PropertyChanged { property, old, new } | Reason::MetadataChanged { property, old, new }) =
                reason
            else {
                continue;
            };
            let [old, new] = [old, new].map(|text| text.as_deref().unwrap_or(""));
            if old.contains('\n') || new.contains('\n') {
                let title = format!("{} of {}", html_code(property), html_code(&model.name.to_string()));
                let mut lines: Vec<_> = old.lines().map(|line| format!("-{line}")).collect();
                lines.extend(new.lines().map(|line| format!("+{line}")));
                folded(output, &title, &fenced(&lines.join("\n"), "diff"));
            }
        }
    }
}

/// What was merged and not promoted.
pub(super) fn drift(output: &mut String, drift: &[PlannedModel]) {
    if drift.is_empty() {
        return;
    }
    let mut body = "Merged into the base branch, not promoted yet; no part of this branch.\n\n".to_owned();
    table(&mut body, drift);
    folded(output, &format!("Drift: {}", counted(drift.len(), "model")), &body);
}

fn problems(output: &mut String, problems: &[Problem]) {
    let rest: Vec<_> = problems.iter().filter(|problem| problem.severity != Severity::Error).collect();
    if rest.is_empty() {
        return;
    }
    let lines: String = rest.iter().map(|problem| format!("* {}\n", one_line(problem))).collect();
    folded(output, &counted(rest.len(), "remark"), &lines);
}

/// A problem with its place and what to do.
pub(super) fn one_line(problem: &Problem) -> String {
    let severity = match problem.severity {
        Severity::Error => "**error**",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let place = terminal::place(problem).map_or(String::new(), |place| format!(" {}", code(&place)));
    let help = problem.help.as_ref().map_or(String::new(), |help| format!(" ({})", message(help)));
    format!("{severity} {}{place}: {}{help}", code(problem.code), message(&problem.message))
}

/// A part that is folded away; `title` is HTML, because Markdown is not read in it.
pub(super) fn folded(output: &mut String, title: &str, body: &str) {
    let _ = writeln!(output, "\n<details><summary>{title}</summary>\n\n{}\n\n</details>", body.trim_end());
}

#[cfg(test)]
mod tests {
    use crate::render::sample;

    #[test]
    fn a_plan() {
        let text = super::plan(&sample::plan());
        for forbidden in ["<img", "@org", "http://", "\u{1b}", "\u{202e}"] {
            assert!(!text.contains(forbidden), "{forbidden:?} must not survive in\n{text}");
        }
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| ")).collect();
        assert!(rows.iter().all(|row| row.matches('|').count() == 7), "each row has its six cells:\n{rows:#?}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn an_outcome() {
        let text = super::outcome(&sample::outcome());
        let done = text.split("#### Done").nth(1).expect("a section");
        insta::assert_snapshot!(done);
    }
}
