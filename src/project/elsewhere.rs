//! Models in SQL that cannot run here, because they need Python or another gateway. Each is a table that something else fills,
//! as a Python model is: its rows are read where production has them, and its readers move when its file does.

use std::sync::Arc;

use super::external;
use super::file::{ParsedFile, Rules};
use super::properties::{Header, Scope};
use crate::hash::Hasher;
use crate::model::{DeclaredColumn, Kind, Properties};
use crate::problem::{Problem, Severity};
use crate::settings::jinja_value;
use crate::sql::Dialect;

/// Codes of what only something else can do.
const REASONS: [&str; 3] = ["python-macro", "unsupported-kind", "other-gateway"];

/// What is known of a model without running it.
pub(super) struct Known {
    columns: Vec<DeclaredColumn>,
    description: Option<String>,
    dialect: Dialect,
    /// Whether production has a table or a view of it.
    is_shown: bool,
}

impl Known {
    pub(super) fn of(header: &Header, dialect: Dialect, problems: &[Problem]) -> Self {
        let is_elsewhere = problems.iter().any(|problem| problem.code == "unsupported-kind");
        let kind = header.kind.as_ref().and_then(|kind| kind.as_ref().ok()).map(|parsed| &parsed.kind);
        Self {
            columns: header.properties.columns.clone(),
            description: header.properties.description.clone(),
            dialect,
            // A kind that nobody can read may be one that nothing shows.
            is_shown: match kind {
                Some(kind) => *kind != Kind::Embedded,
                None => header.kind.is_none() || is_elsewhere,
            },
        }
    }
}

/// The file with a table for its model, where nothing else is wrong than that it cannot run here.
pub(super) fn table(scope: &Scope<'_>, written: &str, file: ParsedFile, known: Known, rules: &Rules) -> ParsedFile {
    let is_error = |problem: &&Problem| problem.severity == Severity::Error;
    // What is wrong with the configuration is wrong for all models.
    let is_reason =
        |problem: &Problem| REASONS.contains(&problem.code) && problem.path.as_ref() == Some(scope.source.path);
    let mut errors = file.problems.iter().filter(is_error).peekable();
    let Some((name, place)) = file.name.clone().filter(|_| known.is_shown && errors.peek().is_some()) else {
        return file;
    };
    if !errors.all(is_reason) {
        return file;
    }
    let mut hasher = Hasher::new("model elsewhere").text(written);
    for (name, value) in scope.names.locals {
        hasher = hasher.text(name).text(value);
    }
    // What its own text asks for counts as far as it is known without running anything.
    let lower = written.to_lowercase();
    for (name, value) in rules.variables.iter().filter(|(name, _)| lower.contains(name.as_str())) {
        hasher = hasher.text(name).text(&jinja_value(value).to_string());
    }
    if lower.contains("jinja_") {
        hasher = hasher.text(&rules.jinja);
    }
    let source = rules.python.content().into_iter().fold(hasher, Hasher::digest).finish();
    let stamp = Some(format!("content {}", source.short(32)));
    let Known { columns, description, dialect, .. } = known;
    let properties = Properties { columns, description, stamp, ..Properties::default() };
    let mut problems: Vec<Problem> = Vec::new();
    // What else is told of it is for whoever runs it.
    for problem in file.problems.into_iter().filter(|problem| is_error(&problem) && is_reason(problem)) {
        let told = warned(problem, &name.to_string());
        if problems.iter().all(|other| other.message != told.message) {
            problems.push(told);
        }
    }
    let path = scope.source.path;
    ParsedFile { problems, ..external::table(path, (name, place), dialect, Arc::new(properties), source) }
}

fn warned(problem: Problem, name: &str) -> Problem {
    let message = format!("{}: the table of `{name}` is read where production has it", problem.message);
    let instead = problem.help.as_deref().map_or(String::new(), |help| format!("; or {help}"));
    let help = format!("let what fills it go on filling it, before this program promotes{instead}");
    Problem { severity: Severity::Warning, message, help: Some(help), ..problem }
}

/// What a macro in Python says of a model and not of its rows is left out; and it hands no model over that asks for an audit.
pub(super) fn without_python(key: &str, problem: &mut Problem) {
    if problem.code != "python-macro" {
        return;
    }
    match key {
        "owner" | "tags" | "description" | "column_descriptions" => {
            problem.severity = Severity::Warning;
            problem.message = format!("`{key}` is left out: {}", problem.message);
        }
        "audits" => problem.code = "unknown-macro",
        _ => {}
    }
}
