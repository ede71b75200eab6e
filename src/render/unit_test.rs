//! What came of unit tests, for the developer who ran them: values of rows are shown, so none of this is for a pull request.

use std::fmt::Write as _;

use comfy_table::ContentArrangement;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use owo_colors::Style;
use serde_json::{Value, json};

use super::terminal::Paint;
use super::text::counted;
use super::{Colour, json as scripts, visible, visible_lines};
use crate::unit_test::{
    Counts, Difference, Ending, Expected, Mismatch, MismatchKind, Outcome, RowMismatch, Subject, TestReport,
};

/// Differences of one result that a terminal shows.
const MOST_SHOWN: usize = 20;
/// Differences of one result that scripts get.
const MOST_TOLD: usize = 1_000;
/// Characters of one cell that a terminal shows.
const LONGEST_CELL: usize = 60;

/// Each test that did not pass with what came of it, and one line for the whole.
pub fn terminal(report: &TestReport, colour: Colour) -> String {
    let mut output = String::new();
    for outcome in &report.outcomes {
        output.push_str(&block(outcome, Paint(colour)));
    }
    let _ = writeln!(output, "{}", summary(report));
    output
}

fn summary(report: &TestReport) -> String {
    let Counts { passed, failed, errors, cannot_run } = report.counts();
    let mistakes = report.problems.iter().filter(|problem| problem.severity == crate::problem::Severity::Error).count();
    if report.outcomes.is_empty() && mistakes == 0 {
        return "There are no unit tests: `bot test --create MODEL` writes one.".to_owned();
    }
    let mut parts = vec![format!("{passed} passed")];
    let others = [(failed, "failed"), (errors, "could not be run through"), (cannot_run, "need another engine")];
    parts.extend(others.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    if mistakes > 0 {
        parts.push(format!("{} in test files", counted(mistakes, "mistake")));
    }
    format!("{}: {} ({:.1} s).", counted(report.outcomes.len(), "test"), parts.join(", "), report.seconds)
}

fn block(outcome: &Outcome, paint: Paint) -> String {
    let (word, style) = match &outcome.ending {
        Ending::Passed => return String::new(),
        Ending::Failed(_) => ("failed", Style::new().red().bold()),
        Ending::Error(_) => ("error", Style::new().red().bold()),
        Ending::CannotRun { .. } => ("cannot run", Style::new().yellow().bold()),
    };
    let place = match &outcome.ending {
        Ending::Error(trouble) => trouble.place.unwrap_or(outcome.place),
        _ => outcome.place,
    };
    let path = visible(outcome.path.as_str());
    let name = paint.with(&visible(&outcome.name), Style::new().bold());
    let model = visible(&outcome.model.to_string());
    let mut output = format!("{} {path}:{}:{} {name} of {model}", paint.with(word, style), place.line, place.column);
    match &outcome.ending {
        Ending::Passed => {}
        Ending::CannotRun { why } => {
            let _ = writeln!(output, ": {}", visible(why));
        }
        Ending::Error(trouble) => {
            let _ = writeln!(output, ": {}", visible_lines(trouble.message.trim_end()).replace('\n', "\n    "));
            if let Some(help) = &trouble.help {
                let _ = writeln!(output, "  {} {}", paint.with("hint:", Style::new().cyan()), visible(help));
            }
        }
        Ending::Failed(mismatches) => {
            output.push('\n');
            if let Some(description) = &outcome.description {
                let _ = writeln!(output, "  {}", visible(description.trim()));
            }
            mismatches.iter().for_each(|mismatch| output.push_str(&told(mismatch, paint)));
        }
    }
    output.push('\n');
    output
}

fn told(mismatch: &Mismatch, paint: Paint) -> String {
    let subject = match &mismatch.subject {
        Subject::Query => String::new(),
        Subject::Cte(name) => format!("CTE {}: ", visible(name)),
    };
    match &mismatch.kind {
        MismatchKind::NoCte { known } => {
            format!("  {subject}the model has no such CTE, it has {}\n", listed(known))
        }
        MismatchKind::Columns { unknown, came } => {
            format!("  {subject}{} expected and did not come; what came has {}\n", listed(unknown), listed(came))
        }
        MismatchKind::Rows(rows) => rows_told(&subject, rows, paint),
    }
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| visible(name)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn rows_told(subject: &str, rows: &RowMismatch, paint: Paint) -> String {
    let mut counts = [(0, "changed"), (0, "missing"), (0, "unexpected")];
    for difference in &rows.differences {
        counts[match difference {
            Difference::Changed { .. } => 0,
            Difference::Missing(_) => 1,
            Difference::Unexpected(_) => 2,
        }]
        .0 += 1;
    }
    let parts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let (wanted, came) = (rows.expected.len(), rows.actual.len());
    let mut output = format!(
        "  {subject}{} expected, {} came: {} (- expected, + came)\n",
        counted(wanted, "row"),
        came,
        parts.join(", ")
    );
    let columns = differing_columns(rows);
    if !columns.is_empty() {
        let _ = writeln!(output, "  in the changed rows differ: {}", listed(&columns));
    }
    output.push_str(&indented(&table(rows, paint)));
    if let Some(more) = rows.differences.len().checked_sub(MOST_SHOWN + 1) {
        let _ = writeln!(output, "  … and {} more; `--format json` has them", more + 1);
    }
    for note in misfits(rows) {
        let _ = writeln!(output, "  {note}");
    }
    output
}

fn differing_columns(rows: &RowMismatch) -> Vec<String> {
    let differs = |place: usize| {
        rows.differences
            .iter()
            .any(|difference| matches!(difference, Difference::Changed { columns, .. } if columns.contains(&place)))
    };
    let columns = rows.columns.iter().enumerate().filter(|(place, _)| differs(*place));
    columns.map(|(_, column)| column.name.clone()).collect()
}

fn table(rows: &RowMismatch, paint: Paint) -> String {
    let mut table = comfy_table::Table::new();
    table.force_no_tty().load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(std::iter::once(String::new()).chain(rows.columns.iter().map(|column| visible(&column.name))));
    for difference in rows.differences.iter().take(MOST_SHOWN) {
        let (wanted, came) = sides(difference);
        if let Some(row) = wanted.and_then(|place| rows.expected.get(place)) {
            table.add_row(std::iter::once("-".to_owned()).chain(row.iter().map(|cell| shown(expected_text(cell)))));
        }
        if let Some(row) = came.and_then(|place| rows.actual.get(place)) {
            table.add_row(std::iter::once("+".to_owned()).chain(row.iter().map(|cell| shown(cell.as_deref()))));
        }
    }
    let colour = |line: String| match line.chars().nth(2) {
        Some('-') => paint.with(&line, Style::new().red()),
        Some('+') => paint.with(&line, Style::new().green()),
        _ => line,
    };
    table.lines().map(|line| format!("{}\n", colour(line.trim_end().to_owned()))).collect()
}

/// The rows of what was expected and of what came.
fn sides(difference: &Difference) -> (Option<usize>, Option<usize>) {
    match difference {
        Difference::Missing(place) => (Some(*place), None),
        Difference::Unexpected(place) => (None, Some(*place)),
        Difference::Changed { expected, actual, .. } => (Some(*expected), Some(*actual)),
    }
}

fn expected_text(cell: &Expected) -> Option<&str> {
    match cell {
        Expected::Value(value) => value.as_deref(),
        Expected::Misfit(text) => Some(text),
    }
}

/// A cell for people: a text that reads `NULL` stands in quotes.
fn shown(cell: Option<&str>) -> String {
    match cell {
        None => "NULL".to_owned(),
        Some("NULL") => "\"NULL\"".to_owned(),
        Some(text) => match text.char_indices().nth(LONGEST_CELL) {
            Some((end, _)) => format!("{}…", visible(&text[..end])),
            None => visible(text),
        },
    }
}

/// What is expected in a column whose type does not hold it.
fn misfits(rows: &RowMismatch) -> Vec<String> {
    let mut notes = Vec::new();
    for (place, column) in rows.columns.iter().enumerate() {
        let is_misfit = |row: &Vec<Expected>| match row.get(place) {
            Some(Expected::Misfit(text)) => Some(text.clone()),
            _ => None,
        };
        let wanted = rows.differences.iter().filter_map(|difference| sides(difference).0);
        let first = wanted.filter_map(|row| rows.expected.get(row)).find_map(is_misfit);
        let Some(text) = first else { continue };
        let hint = if column.data_type == "VARCHAR" { "; a text stands in quotes" } else { "" };
        let (name, data_type) = (visible(&column.name), visible(&column.data_type));
        notes.push(format!("column {name} is {data_type}, and {} is none{hint}", shown(Some(&text))));
    }
    notes
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// `{"schema_version":1,"tests":[…],"problems":[…],"summary":{…},"seconds":…}`.
pub fn json(report: &TestReport) -> String {
    scripts::object(&json!({
        "tests": report.outcomes.iter().map(outcome_object).collect::<Vec<_>>(),
        "problems": report.problems,
        "summary": report.counts(),
        "seconds": (report.seconds * 1000.0).round() / 1000.0,
    }))
}

fn outcome_object(outcome: &Outcome) -> Value {
    let (status, message, help, mismatches): (_, Option<&str>, Option<&str>, &[Mismatch]) = match &outcome.ending {
        Ending::Passed => ("passed", None, None, &[]),
        Ending::Failed(mismatches) => ("failed", None, None, mismatches),
        Ending::Error(trouble) => ("error", Some(&trouble.message), trouble.help.as_deref(), &[]),
        Ending::CannotRun { why } => ("cannot_run", Some(why), None, &[]),
    };
    let place = match &outcome.ending {
        Ending::Error(trouble) => trouble.place.unwrap_or(outcome.place),
        _ => outcome.place,
    };
    json!({
        "name": outcome.name,
        "path": outcome.path,
        "line": place.line,
        "column": place.column,
        "model": outcome.model,
        "status": status,
        "message": message,
        "help": help,
        "mismatches": mismatches.iter().map(mismatch_object).collect::<Vec<_>>(),
    })
}

fn mismatch_object(mismatch: &Mismatch) -> Value {
    let cte = match &mismatch.subject {
        Subject::Query => None,
        Subject::Cte(name) => Some(name),
    };
    let (kind, columns, unknown, differences, truncated) = match &mismatch.kind {
        MismatchKind::NoCte { .. } => ("no_cte", Vec::new(), Vec::new(), Vec::new(), false),
        MismatchKind::Columns { unknown, came } => ("columns", came.clone(), unknown.clone(), Vec::new(), false),
        MismatchKind::Rows(rows) => {
            let columns = rows.columns.iter().map(|column| column.name.clone()).collect();
            let told = rows.differences.iter().take(MOST_TOLD).map(|difference| difference_object(rows, difference));
            ("rows", columns, Vec::new(), told.collect(), rows.differences.len() > MOST_TOLD)
        }
    };
    json!({
        "cte": cte,
        "kind": kind,
        "columns": columns,
        "unknown_columns": unknown,
        "differences": differences,
        "truncated": truncated,
    })
}

fn difference_object(rows: &RowMismatch, difference: &Difference) -> Value {
    let (wanted, came) = sides(difference);
    let expected = wanted.and_then(|place| rows.expected.get(place));
    let actual = came.and_then(|place| rows.actual.get(place));
    let columns: Vec<&str> = match difference {
        Difference::Changed { columns, .. } => {
            columns.iter().filter_map(|place| rows.columns.get(*place)).map(|column| column.name.as_str()).collect()
        }
        _ => Vec::new(),
    };
    json!({
        "expected": expected.map(|row| row.iter().map(expected_text).collect::<Vec<_>>()),
        "actual": actual,
        "columns": columns,
    })
}
