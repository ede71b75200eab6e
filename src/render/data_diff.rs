//! How the data of two environments differ, for people, for pull requests and for scripts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use owo_colors::Style;
use serde_json::{Value, json};

use super::terminal::Paint;
use super::text::some;
use super::{Colour, json as scripts, markdown, readable_intervals, visible};
use crate::data_diff::{
    ByColumn, ByGrain, ColumnDiff, Compared, DataDiff, LeftOut, ModelDataDiff, NotCompared, Profile, SchemaChange,
    Sides, WhyByColumn, WhyLeftOut,
};
use crate::time::{Interval, IntervalUnit};

/// Models of one reason that are named.
const LEFT_OUT: usize = 20;

/// For a terminal: one block for each model.
pub fn terminal(diff: &DataDiff, colour: Colour) -> String {
    let paint = Paint(colour);
    let title = format!("{} beside {}", visible(diff.environment.as_str()), visible(diff.base.as_str()));
    let mut output = format!("{}\n", paint.with(&title, Style::new().bold()));
    for model in &diff.models {
        let name = paint.with(&visible(&model.name.to_string()), Style::new().bold());
        let _ = writeln!(output, "\n{name}  {}", visible(&headline(model)));
        for line in details(model) {
            let _ = writeln!(output, "  {}", visible(&line));
        }
    }
    let _ = writeln!(output, "\n{}", closing(diff));
    not_looked_at(diff).iter().for_each(|line| output.extend([&visible(line), "\n"]));
    output
}

/// For a pull request: one row for each model, what is behind it folded away.
pub fn markdown(diff: &DataDiff) -> String {
    let (here, base) = (markdown::code(diff.environment.as_str()), markdown::code(diff.base.as_str()));
    let mut output = format!("#### Data: {here} beside {base}\n");
    if !diff.models.is_empty() {
        output.push_str("\n| Model | Data |\n|:--|:--|\n");
    }
    for model in &diff.models {
        let name = markdown::code(&model.name.to_string());
        let _ = writeln!(output, "| {name} | {} |", markdown::prose(&headline(model)));
    }
    for model in &diff.models {
        let lines = details(model);
        if !lines.is_empty() {
            let name = markdown::html_code(&model.name.to_string());
            let text = markdown::fenced(&lines.iter().map(|line| visible(line)).collect::<Vec<_>>().join("\n"), "");
            let _ = writeln!(output, "\n<details><summary>{name}</summary>\n\n{text}\n</details>");
        }
    }
    let lines = [vec![closing(diff)], not_looked_at(diff)].concat();
    lines.iter().for_each(|line| output.extend(["\n", &markdown::prose(line), "\n"]));
    output
}

/// For scripts, with the version of the schema before it.
pub fn json(diff: &DataDiff) -> String {
    scripts::object(&value(diff))
}

/// The same as a part of something larger.
pub(super) fn value(diff: &DataDiff) -> Value {
    json!({
        "environment": diff.environment,
        "base": diff.base,
        "models": diff.models.iter().map(model_object).collect::<Vec<_>>(),
        "left_out": diff.left_out.iter().map(left_out_object).collect::<Vec<_>>(),
    })
}

fn closing(diff: &DataDiff) -> String {
    let same = diff.models.iter().filter(|model| model.is_same()).count();
    let mut text = match diff.models.len() {
        0 => "every model points at the same data on both sides".to_owned(),
        1 => format!("1 model compared, {same} the same"),
        count => format!("{count} models compared, {same} the same"),
    };
    if !diff.left_out.is_empty() {
        let _ = write!(text, "; {} more differ, `-m MODEL` compares one", diff.left_out.len());
    }
    text
}

/// A line for each reason for which models were not looked at.
fn not_looked_at(diff: &DataDiff) -> Vec<String> {
    let line = |(why, models): (WhyLeftOut, Vec<&LeftOut>)| {
        let names = some(models.iter().map(|model| model.name.to_string()), LEFT_OUT);
        format!("not compared, because {}: {names}", why_left_out(why))
    };
    left_out(diff).into_iter().map(line).collect()
}

/// The models that were not looked at, by the reason.
pub(super) fn left_out(diff: &DataDiff) -> BTreeMap<WhyLeftOut, Vec<&LeftOut>> {
    let mut by_reason: BTreeMap<WhyLeftOut, Vec<&LeftOut>> = BTreeMap::new();
    diff.left_out.iter().for_each(|model| by_reason.entry(model.why).or_default().push(model));
    by_reason
}

/// Why models were not looked at.
pub(super) fn why_left_out(why: WhyLeftOut) -> String {
    match why {
        WhyLeftOut::NoGrain => "nothing tells their rows apart (neither `grain` nor a unique key)".to_owned(),
        WhyLeftOut::Downstream => "nobody edited them and at most columns are new".to_owned(),
        WhyLeftOut::Beyond(most) => format!("`data_diff.max_models` is {most}"),
    }
}

fn headline(model: &ModelDataDiff) -> String {
    let mut parts = Vec::new();
    match &model.compared {
        Compared::ByGrain(found) => {
            parts.push(rows(found.rows));
            let counts =
                [(found.only.here, "only here"), (found.only.base, "only in the base"), (found.changed, "changed")];
            parts.extend(
                counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
            );
        }
        Compared::ByColumn(found) => {
            parts.push(rows(found.rows));
            match found.columns.len() {
                0 => {}
                1 => parts.push("1 column differs".to_owned()),
                count => parts.push(format!("{count} columns differ")),
            }
        }
        Compared::Added { rows } => return format!("new, {rows} rows"),
        Compared::Removed => return "only in the base".to_owned(),
        Compared::Not(why) => return format!("not compared: {}", not_compared(why)),
    }
    if !model.schema.is_empty() {
        parts.push("columns changed".to_owned());
    }
    if model.is_same() {
        parts.push(match &model.compared {
            Compared::ByGrain(_) => "the same".to_owned(),
            _ => "no difference seen".to_owned(),
        });
    }
    parts.join(", ")
}

fn rows(rows: Sides) -> String {
    match rows.here == rows.base {
        true => format!("{} rows", rows.here),
        false => format!("{} rows, {} in the base", rows.here, rows.base),
    }
}

/// Why rows were not compared.
pub(super) fn not_compared(why: &NotCompared) -> Cow<'static, str> {
    Cow::Borrowed(match why {
        NotCompared::TooManyRows { most } => {
            return Cow::Owned(format!(
                "one side has more than {most} rows to compare (`data_diff.max_rows`); `bot diff -m MODEL` does it all the same"
            ));
        }
        NotCompared::NoCommonInterval => "the two were never loaded for the same time",
        NotCompared::NoTimeColumn => {
            "the two were loaded for other times, and no column of both tells which rows are of both"
        }
        NotCompared::NoCommonColumn => "the two have no column in common",
        NotCompared::Preview => "it is for the branch alone, made of what is here of its inputs and its past",
        NotCompared::NoData => "it has no data of its own",
        NotCompared::Refused => "the engine cannot read it; `bot query` says why",
    })
}

fn details(model: &ModelDataDiff) -> Vec<String> {
    let mut lines: Vec<String> = model.schema.iter().map(schema_line).collect();
    match &model.compared {
        Compared::ByGrain(found) => {
            lines.push(format!("by {}{}", found.grain.join(", "), during(&found.ranges, model.unit)));
            lines.extend(found.columns.iter().map(|(column, count)| format!("{column}: differs in {count} rows")));
        }
        Compared::ByColumn(found) => {
            lines.push(format!("column by column, {}{}", why(&found.why), during(&found.ranges, model.unit)));
            lines.extend(found.columns.iter().map(column_line));
        }
        Compared::Added { .. } | Compared::Removed | Compared::Not(_) => {}
    }
    lines
}

/// What both sides have loaded, after a comma.
pub(super) fn during(ranges: &[Interval], unit: IntervalUnit) -> String {
    match ranges {
        [] => String::new(),
        ranges => format!(", {}", readable_intervals(ranges, unit)),
    }
}

/// Why rows were not compared one by one.
pub(super) fn why(why: &WhyByColumn) -> String {
    match why {
        WhyByColumn::NoGrain => "because the model declares no grain".to_owned(),
        WhyByColumn::GrainChanged => "because the grain is not the same on both sides".to_owned(),
        WhyByColumn::NotUnique(rows) => format!(
            "because the grain does not tell rows apart: {} rows here and {} in the base share theirs",
            rows.here, rows.base
        ),
    }
}

fn schema_line(change: &SchemaChange) -> String {
    match change {
        SchemaChange::Added { column, data_type } => format!("+ {column} {data_type}"),
        SchemaChange::Removed { column, data_type } => format!("- {column} {data_type}"),
        SchemaChange::Retyped { column, old, new } => format!("~ {column} {old} → {new}"),
    }
}

fn column_line(column: &ColumnDiff) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let facts = facts(column).into_iter().filter(|(_, here, base)| here != base);
    let facts = facts.map(|(what, here, base)| format!("{what} {} → {}", value(base), value(here)));
    format!("{}: {}", column.name, facts.collect::<Vec<_>>().join(", "))
}

fn facts(column: &ColumnDiff) -> [(&'static str, &Option<String>, &Option<String>); 5] {
    let (here, base) = (&column.here, &column.base);
    [
        ("nulls", &here.nulls, &base.nulls),
        ("distinct", &here.distinct, &base.distinct),
        ("least", &here.least, &base.least),
        ("greatest", &here.greatest, &base.greatest),
        ("mean", &here.mean, &base.mean),
    ]
}

fn model_object(model: &ModelDataDiff) -> Value {
    let (how, compared) = match &model.compared {
        Compared::ByGrain(found) => ("by_grain", by_grain_object(found, model.unit)),
        Compared::ByColumn(found) => ("by_column", by_column_object(found, model.unit)),
        Compared::Added { rows } => ("added", json!({ "rows": rows })),
        Compared::Removed => ("removed", Value::Null),
        Compared::Not(why) => ("not_compared", json!({ "why": not_compared(why) })),
    };
    json!({
        "name": model.name,
        "same": model.is_same(),
        "schema": model.schema.iter().map(schema_object).collect::<Vec<_>>(),
        "how": how,
        "compared": compared,
    })
}

fn left_out_object(model: &LeftOut) -> Value {
    let schema = model.schema.iter().map(schema_object).collect::<Vec<_>>();
    json!({ "name": model.name, "why": why_left_out(model.why), "schema": schema })
}

fn by_grain_object(found: &ByGrain, unit: IntervalUnit) -> Value {
    let column = |(name, count): &(String, u64)| json!({ "name": name, "changed": count });
    json!({
        "grain": found.grain,
        "ranges": ranges(&found.ranges, unit),
        "rows": sides(found.rows),
        "only": sides(found.only),
        "changed": found.changed,
        "columns": found.columns.iter().map(column).collect::<Vec<_>>(),
    })
}

fn by_column_object(found: &ByColumn, unit: IntervalUnit) -> Value {
    let column = |column: &ColumnDiff| json!({ "name": column.name, "here": profile(&column.here), "base": profile(&column.base) });
    json!({
        "why": why(&found.why),
        "ranges": ranges(&found.ranges, unit),
        "rows": sides(found.rows),
        "columns": found.columns.iter().map(column).collect::<Vec<_>>(),
    })
}

fn profile(profile: &Profile) -> Value {
    let Profile { nulls, distinct, least, greatest, mean } = profile;
    json!({ "nulls": nulls, "distinct": distinct, "least": least, "greatest": greatest, "mean": mean })
}

fn schema_object(change: &SchemaChange) -> Value {
    match change {
        SchemaChange::Added { column, data_type } => json!({ "column": column, "old": null, "new": data_type }),
        SchemaChange::Removed { column, data_type } => json!({ "column": column, "old": data_type, "new": null }),
        SchemaChange::Retyped { column, old, new } => json!({ "column": column, "old": old, "new": new }),
    }
}

fn sides(sides: Sides) -> Value {
    json!({ "here": sides.here, "base": sides.base })
}

fn ranges(ranges: &[Interval], unit: IntervalUnit) -> Vec<[String; 2]> {
    ranges.iter().map(|range| range.labels(unit)).collect()
}
