//! What is folded away below the models: SQL changes, how to query the environment, drift, remarks.

use std::fmt::Write as _;

use super::{Writer, blockers, brief};
use crate::ids::TableName;
use crate::naming::{IdentifierLimit, Layout, view_name};
use crate::plan::{Category, Change, PlannedModel};
use crate::problem::{HELD, Problem, Severity};
use crate::render::markdown::{drift as drift_table, fenced, folded, html_code};
use crate::render::terminal::command_line;
use crate::render::text::counted;
use crate::render::{Colour, visible};
use crate::report::{Findings, Hunks};

/// Drifted models and remarks that are shown.
const SHOWN: usize = 20;

/// The queries of edited models before and after.
pub(super) fn sql(findings: &Findings) -> String {
    let (mut lines, mut added, mut removed) = (String::new(), 0, 0);
    for change in &findings.sql {
        let model = visible(&change.model.to_string());
        let _ =
            writeln!(lines, "--- {model} (base, {})\n+++ {model} (here, {})", change.old.short(8), change.new.short(8));
        match &change.hunks {
            Hunks::Lines { text, added: more, removed: fewer } => {
                lines.push_str(text);
                added += more;
                removed += fewer;
            }
            Hunks::TooLong { lines: count } => {
                let _ = writeln!(lines, "@@ a query of {count} lines differs; too long to be shown here @@");
            }
        }
    }
    let mut output = String::new();
    if !findings.sql.is_empty() {
        let models = counted(findings.sql.len(), "modified model");
        let title =
            format!("<b>SQL changes</b>: {models} (+{added} −{removed} lines), comments and formatting left out");
        folded(&mut output, &title, &fenced(&lines, "diff"));
    }
    output
}

/// How to look at the environment; nothing where there is none.
pub(super) fn query(writer: &Writer<'_>, findings: &Findings) -> String {
    if findings.built.is_none() {
        return String::new();
    }
    let readable = |model: &&PlannedModel| model.kind.has_view() && model.change != Change::Removed;
    let mut readable = findings.plan.models.iter().filter(readable);
    let breaking = readable.clone().find(|model| model.category == Category::Breaking);
    let Some(model) = breaking.or_else(|| readable.next()) else { return String::new() };
    let environment = &writer.report.pull_request.environment;
    let (suffix, limit) = (findings.plan.suffix, IdentifierLimit::SMALLEST);
    let here = plain(&view_name(&model.name, Layout { environment, suffix, limit }));
    let model = model.name.to_string();
    let question = format!("SELECT * FROM {model} LIMIT 10");
    let line = |arguments: &[&str]| {
        let line = command_line("bot", arguments, Colour::Never);
        line.strip_prefix("$ ").unwrap_or(&line).to_owned()
    };
    let environment = environment.as_str();
    let commands = [
        line(&["query", "--env", environment, &question]),
        line(&["diff", environment, "prod", "-m", &model]),
        line(&["env", "show", environment]),
    ];
    let commands: Vec<String> = commands.iter().map(|line| brief(line, 400)).collect();
    let sql = format!("SELECT * FROM {};  -- this pull request", brief(&here, 400));
    let body = format!("{}\n{}", fenced(&sql, "sql"), fenced(&commands.join("\n"), "sh"));
    let mut output = String::new();
    folded(&mut output, &format!("<b>Query it</b>: environment {}", html_code(environment)), &body);
    output
}

/// A view's name as people write it, in quotes where it needs them.
fn plain(view: &TableName) -> String {
    let parts = view.catalog.iter().chain([&view.schema, &view.name]);
    let parts: Vec<String> = parts.cloned().collect();
    crate::ids::ModelName::from_parts(parts).map_or_else(|| view.to_string(), |name| name.to_string())
}

/// What was merged and not promoted.
pub(super) fn drift(findings: &Findings) -> String {
    let mut output = String::new();
    let all = &findings.plan.drift;
    match all.len() > SHOWN {
        false => drift_table(&mut output, all),
        true => {
            let _ = writeln!(
                output,
                "\nDrift: {} merged into the base branch and not promoted yet; no part of this branch. `bot plan` lists \
                 them.",
                counted(all.len(), "model")
            );
        }
    }
    output
}

/// What is worth knowing and stops nothing.
pub(super) fn remarks(findings: &Findings) -> String {
    let remarks: Vec<&Problem> = findings
        .plan
        .problems
        .iter()
        .filter(|problem| problem.severity != Severity::Error && problem.code != HELD)
        .collect();
    if remarks.is_empty() {
        return String::new();
    }
    let mut body: String =
        remarks.iter().take(SHOWN).map(|problem| format!("* {}\n", blockers::told(problem))).collect();
    if remarks.len() > SHOWN {
        let _ = writeln!(body, "* {}", counted(remarks.len() - SHOWN, "more remark"));
    }
    let mut output = String::new();
    folded(&mut output, &counted(remarks.len(), "remark"), &body);
    output
}
