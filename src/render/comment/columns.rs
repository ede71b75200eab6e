//! The data diff by column, folded away. Only counts and means are shown: the least and greatest values that `bot diff`
//! tells are values of rows, and what a comment once showed stays in its history for ever.

use std::fmt::Write as _;

use super::size::Cut;
use super::verdict::some;
use super::{LIST, name};
use crate::data_diff::{ByColumn, ByGrain, Compared, DataDiff, ModelDataDiff, SchemaChange};
use crate::event::Label;
use crate::render::data_diff::{self as render, during, not_compared, why, why_left_out};
use crate::render::markdown::{folded, message, prose};
use crate::render::text::{counted, grouped, shortened};
use crate::report::Findings;

/// Models that are shown where not all can be.
const MODELS: usize = 50;
/// Columns that are shown of one model.
const COLUMNS: usize = 30;

/// A block for each model that was compared.
pub(super) fn section(findings: &Findings, cut: Cut) -> String {
    let Some(data) = &findings.data else { return String::new() };
    let told = |model: &&ModelDataDiff| !matches!(model.compared, Compared::Added { .. } | Compared::Removed);
    let all: Vec<&ModelDataDiff> = data.models.iter().filter(told).collect();
    let (same, differing): (Vec<&ModelDataDiff>, Vec<&ModelDataDiff>) =
        all.iter().copied().partition(|model| model.is_same());
    let most = if cut >= Cut::FiftyRows { MODELS } else { differing.len() };
    let mut body = String::new();
    for model in differing.iter().take(most) {
        block(&mut body, model);
    }
    let not_shown = differing.len().saturating_sub(most);
    if not_shown > 0 {
        let _ = writeln!(body, "{} not shown; `bot diff -m MODEL` shows any.\n", counted(not_shown, "more model"));
    }
    if cut < Cut::SameData && !same.is_empty() {
        let names = some(same.iter().map(|model| name(&model.name.to_string())), LIST);
        let _ = writeln!(body, "No difference seen in {names}.\n");
    }
    left_out(&mut body, data);
    if body.is_empty() {
        return String::new();
    }
    body.push_str("No row is shown here; `bot diff` also tells the least and greatest values of columns.\n");
    let mut output = String::new();
    let compared = match all.len() {
        0 => "nothing compared".to_owned(),
        count => format!("{}, equal intervals on both sides", counted(count, "model")),
    };
    let title = format!("<b>Data by column</b>: {compared}");
    folded(&mut output, &title, &body);
    output
}

/// What differs and was not looked at, why, and how to have it looked at.
fn left_out(output: &mut String, data: &DataDiff) {
    for (why, models) in render::left_out(data) {
        let names = some(models.iter().map(|model| name(&model.name.to_string())), LIST);
        let _ = writeln!(output, "Not compared, because {}: {names}.\n", message(&why_left_out(why)));
    }
    if !data.left_out.is_empty() {
        let label = Label::DiffAll.name();
        let _ = writeln!(output, "`bot diff -m MODEL` compares any of them, the label `{label}` all.\n");
    }
}

fn block(output: &mut String, model: &ModelDataDiff) {
    let title = name(&model.name.to_string());
    match &model.compared {
        Compared::ByGrain(found) => {
            let grain = some(found.grain.iter().map(|column| name(column)), LIST);
            let matched = matched(found);
            let during = prose(&during(&found.ranges, model.unit));
            let _ = writeln!(output, "**{title}**, by {grain}{during}, {} matched\n", rows(matched));
            by_grain(output, model, found);
        }
        Compared::ByColumn(found) => {
            let during = prose(&during(&found.ranges, model.unit));
            let _ = writeln!(output, "**{title}**, column by column {}{during}\n", prose(&why(&found.why)));
            by_column(output, model, found);
        }
        Compared::Not(reason) => {
            let _ = writeln!(output, "**{title}**, not compared: {}\n", prose(&not_compared(reason)));
            schema(output, model, "");
        }
        Compared::Added { .. } | Compared::Removed => {}
    }
}

fn by_grain(output: &mut String, model: &ModelDataDiff, found: &ByGrain) {
    if model.schema.is_empty() && found.columns.is_empty() {
        return;
    }
    output.push_str("| Column | Type | Rows that differ |\n|:--|:--|--:|\n");
    schema(output, model, " – |");
    let matched = matched(found);
    for (column, count) in found.columns.iter().take(COLUMNS) {
        let _ = writeln!(output, "| {} | unchanged | {}{} |", name(column), grouped(*count), share(*count, matched));
    }
    more(output, found.columns.len(), "| |");
    output.push('\n');
}

fn by_column(output: &mut String, model: &ModelDataDiff, found: &ByColumn) {
    if model.schema.is_empty() && found.columns.is_empty() {
        return;
    }
    output.push_str("| Column | Type | Nulls | Distinct | Mean |\n|:--|:--|--:|--:|--:|\n");
    schema(output, model, " – | – | – |");
    for column in found.columns.iter().take(COLUMNS) {
        let (here, base) = (&column.here, &column.base);
        let facts = [(&base.nulls, &here.nulls), (&base.distinct, &here.distinct), (&base.mean, &here.mean)];
        let facts = facts.map(|(base, here)| both(base.as_deref(), here.as_deref()));
        let _ = writeln!(output, "| {} | unchanged | {} |", name(&column.name), facts.join(" | "));
    }
    more(output, found.columns.len(), "| | | |");
    output.push('\n');
}

/// Rows of a table for columns that are not the same on both sides; without `rest`, lines of their own.
fn schema(output: &mut String, model: &ModelDataDiff, rest: &str) {
    for change in model.schema.iter().take(COLUMNS) {
        let (column, text) = match change {
            SchemaChange::Added { column, data_type } => (column, format!("new, {}", name(data_type))),
            SchemaChange::Removed { column, data_type } => (column, format!("gone, was {}", name(data_type))),
            SchemaChange::Retyped { column, old, new } => {
                (column, format!("{} → {}, values not compared", name(old), name(new)))
            }
        };
        let _ = match rest {
            "" => writeln!(output, "* {}: {text}", name(column)),
            rest => writeln!(output, "| {} | {text} |{rest}", name(column)),
        };
    }
    match rest {
        "" if !model.schema.is_empty() => output.push('\n'),
        "" => {}
        rest => {
            let cells = rest.replace(" – ", " ");
            more(output, model.schema.len(), &format!("|{cells}"));
        }
    }
}

fn more(output: &mut String, count: usize, cells: &str) {
    if count > COLUMNS {
        let _ = writeln!(output, "| {} {cells}", counted(count - COLUMNS, "more column"));
    }
}

fn both(base: Option<&str>, here: Option<&str>) -> String {
    let shown = |text: Option<&str>| text.map_or("none".to_owned(), |text| prose(&shortened(text, 40)));
    match base == here {
        true => "unchanged".to_owned(),
        false => format!("{} → {}", shown(base), shown(here)),
    }
}

fn matched(found: &ByGrain) -> u64 {
    found.rows.here.saturating_sub(found.only.here)
}

fn share(count: u64, of: u64) -> String {
    if of == 0 {
        return String::new();
    }
    let percent = count as f64 * 100.0 / of as f64;
    match percent {
        // Neither "all" nor "none" is said of what is nearly so.
        _ if count == of => " (100 %)".to_owned(),
        percent if percent < 0.01 => " (less than 0.01 %)".to_owned(),
        percent if percent > 99.94 => " (more than 99.9 %)".to_owned(),
        percent if percent < 1.0 => format!(" ({percent:.2} %)"),
        percent => format!(" ({percent:.1} %)"),
    }
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{} rows", grouped(count)) }
}
