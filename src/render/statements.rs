//! A model's SQL as it will run. For people it is a script whose comments say what it is about; for scripts, JSON with
//! every statement exactly as it runs.

use std::fmt::Write as _;

use super::{json, markdown, readable_interval, visible, visible_lines};
use crate::ids::{EnvironmentName, ModelName, TableName};
use crate::model::KindName;
use crate::time::{Interval, IntervalUnit};

/// What runs for one model.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// For which environment.
    pub environment: EnvironmentName,
    /// The model.
    pub model: ModelName,
    /// Its kind.
    pub kind: KindName,
    /// The table that is filled.
    pub table: Option<TableName>,
    /// The view that shows it.
    pub view: Option<TableName>,
    /// The load that is shown, where the model is loaded by intervals.
    pub load: Option<Load>,
    /// Statements before the query.
    pub pre: Vec<String>,
    /// The query; `None` for SEED and EXTERNAL.
    pub query: Option<String>,
    /// Statements after the query.
    pub post: Vec<String>,
    /// Statements that run when its view is made or moves.
    pub on_update: Vec<String>,
    /// What there is to say besides.
    pub note: Option<String>,
}

/// One of a model's loads.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// What it loads.
    pub interval: Interval,
    /// The grain of it.
    pub unit: IntervalUnit,
    /// How many loads like this the plan needs; 0 where nothing is missing.
    pub of: usize,
}

/// A script for people.
pub fn script(rendered: &Rendered) -> String {
    let mut output = String::new();
    for line in about(rendered) {
        let _ = writeln!(output, "-- {}", visible(&line));
    }
    statements(rendered).for_each(|statement| write_statement(&mut output, statement));
    if !rendered.on_update.is_empty() {
        output.push_str("\n-- whenever its view is made or moves\n");
        rendered.on_update.iter().for_each(|statement| write_statement(&mut output, statement));
    }
    output
}

fn write_statement(output: &mut String, statement: &str) {
    let statement = visible_lines(statement.trim());
    // A comment at the end would swallow the semicolon.
    let gap = if statement.lines().last().is_some_and(|line| line.contains("--")) { "\n" } else { "" };
    let _ = write!(output, "\n{statement}{gap};\n");
}

/// The script in a fence.
pub fn markdown(rendered: &Rendered) -> String {
    markdown::fenced(&script(rendered), "sql")
}

/// `{"schema_version":1,"environment","model","kind","table","view","interval","loads","pre_statements","query",
/// "post_statements","on_virtual_update","note"}`.
pub fn json(rendered: &Rendered) -> String {
    #[derive(serde::Serialize)]
    struct Object<'a> {
        environment: &'a EnvironmentName,
        model: &'a ModelName,
        kind: KindName,
        table: Option<String>,
        view: Option<String>,
        interval: Option<[String; 2]>,
        loads: Option<usize>,
        pre_statements: &'a [String],
        query: Option<&'a str>,
        post_statements: &'a [String],
        on_virtual_update: &'a [String],
        note: Option<&'a str>,
    }
    json::object(&Object {
        environment: &rendered.environment,
        model: &rendered.model,
        kind: rendered.kind,
        table: rendered.table.as_ref().map(ToString::to_string),
        view: rendered.view.as_ref().map(ToString::to_string),
        interval: rendered.load.map(|load| load.interval.labels(load.unit)),
        loads: rendered.load.map(|load| load.of),
        pre_statements: &rendered.pre,
        query: rendered.query.as_deref(),
        post_statements: &rendered.post,
        on_virtual_update: &rendered.on_update,
        note: rendered.note.as_deref(),
    })
}

fn statements(rendered: &Rendered) -> impl Iterator<Item = &String> {
    rendered.pre.iter().chain(&rendered.query).chain(&rendered.post)
}

fn about(rendered: &Rendered) -> Vec<String> {
    let Rendered { environment, model, kind, .. } = rendered;
    let mut lines = vec![format!("{model} ({}) in environment {environment}", kind.text())];
    lines.extend(rendered.table.as_ref().map(|table| format!("fills table {table}")));
    lines.extend(rendered.view.as_ref().map(|view| format!("shown by view {view}")));
    lines.extend(rendered.load.map(|load| {
        let interval = readable_interval(load.interval, load.unit);
        match load.of {
            0 => format!("nothing is missing; times of {interval}"),
            1 => format!("loads {interval}"),
            of => format!("load 1 of {of}: {interval}"),
        }
    }));
    lines.extend(rendered.note.clone());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_script_says_what_it_is_and_can_run() {
        let moment = |text| Timestamp::parse(text).expect("a moment");
        let interval = Interval::new(moment("2026-01-01"), moment("2026-02-01")).expect("a range");
        let rendered = Rendered {
            environment: EnvironmentName::prod(),
            model: ModelName::parse("marts.\"a\nDROP TABLE x\"").expect("a name"),
            kind: KindName::IncrementalByTimeRange,
            table: Some(TableName { catalog: None, schema: "s".into(), name: "t".into() }),
            view: None,
            load: Some(Load { interval, unit: IntervalUnit::Day, of: 3 }),
            pre: vec!["SET x = 1".into()],
            query: Some("SELECT 1\n-- the end".into()),
            post: Vec::new(),
            on_update: vec!["GRANT SELECT ON v TO x".into()],
            note: None,
        };
        insta::assert_snapshot!(script(&rendered), @r#"
        -- marts."a\nDROP TABLE x" (INCREMENTAL_BY_TIME_RANGE) in environment prod
        -- fills table s.t
        -- load 1 of 3: 2026-01-01 to 2026-01-31 (31 days)

        SET x = 1;

        SELECT 1
        -- the end
        ;

        -- whenever its view is made or moves

        GRANT SELECT ON v TO x;
        "#);
        let value: serde_json::Value = serde_json::from_str(&json(&rendered)).expect("JSON");
        assert_eq!(value["interval"], serde_json::json!(["2026-01-01", "2026-02-01"]));
        assert_eq!((&value["view"], &value["loads"]), (&serde_json::Value::Null, &3.into()));
    }
}
