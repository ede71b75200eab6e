//! What audits found in an environment's tables: a row for each audit of each model.

use std::fmt::Write as _;

use serde::Serialize;

use super::text::{counted, grouped};
use super::{Colour, json, markdown, table, visible};
use crate::ids::{EnvironmentName, ModelName, TableName};
use crate::model::Weight;
use crate::time::Timestamp;

const HEADER: [&str; 4] = ["MODEL", "AUDIT", "ROWS", "BLOCKING"];
const KEPT_HEADER: [&str; 7] = ["MODEL", "AUDIT", "ROWS", "IN PRODUCTION", "BLOCKING", "WHEN", "BY"];

/// The audits of an environment.
#[derive(Clone, Debug)]
pub struct Audited {
    /// The environment.
    pub environment: EnvironmentName,
    /// Whether they ran just now.
    pub when: When,
    /// What each found, by model.
    pub results: Vec<Result>,
}

/// Whether audits ran just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// They did.
    Now,
    /// It is what the state keeps of earlier runs.
    Before,
}

/// What one audit found.
#[derive(Clone, Debug)]
pub struct Result {
    /// The model; `None` where the audit belongs to none.
    pub model: Option<ModelName>,
    /// The audit with its arguments.
    pub audit: String,
    /// What a failure does.
    pub weight: Weight,
    /// What it found.
    pub found: Found,
    /// What it looked at.
    pub table: Option<TableName>,
    /// How many rows failed in production's table, where somebody looked.
    pub production: Option<u64>,
    /// When it ran.
    pub at: Timestamp,
    /// Who or what ran it.
    pub run: String,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// So many rows fail.
    Rows(u64),
    /// It does not run.
    Skipped,
    /// It could not run; says why.
    Refused(String),
}

impl Result {
    /// Whether it stops something: a blocking audit found rows, or could not look.
    pub fn is_failure(&self) -> bool {
        match self.found {
            Found::Rows(rows) => rows > 0 && self.weight == Weight::Blocking,
            Found::Refused(_) => true,
            Found::Skipped => false,
        }
    }
}

impl Audited {
    /// Whether anything stops something.
    pub fn has_failures(&self) -> bool {
        self.results.iter().any(Result::is_failure)
    }
}

/// A table for people.
pub fn terminal(audited: &Audited, _colour: Colour) -> String {
    let mut output = String::new();
    if !audited.results.is_empty() {
        output.push_str(&table::aligned(header(audited), &rows(audited)));
        output.push('\n');
    }
    for (result, why) in refused(audited) {
        let of = result.model.as_ref().map_or(String::new(), |model| format!(" of {}", visible(&model.to_string())));
        let _ = writeln!(output, "{}{of} cannot run: {}", visible(&result.audit), visible(why));
    }
    let _ = writeln!(output, "{}", line(audited));
    output
}

/// A Markdown table.
pub fn markdown(audited: &Audited) -> String {
    let mut output = String::new();
    if !audited.results.is_empty() {
        output.push_str(&markdown::names_table(header(audited), &rows(audited)));
        output.push('\n');
    }
    // What an engine says may hold a value of a row.
    for (result, _) in refused(audited) {
        let _ = writeln!(output, "* {} cannot run", markdown::code(&result.audit));
    }
    let _ = writeln!(output, "{}", line(audited));
    output
}

/// `{"schema_version":1,"environment","results":[{"model","audit","blocking","skipped","rows","refused","table",
/// "production_rows","at","run"}],"failed"}`.
pub fn json(audited: &Audited) -> String {
    #[derive(Serialize)]
    struct Object<'a> {
        environment: &'a EnvironmentName,
        results: Vec<Line<'a>>,
        failed: usize,
    }
    #[derive(Serialize)]
    struct Line<'a> {
        model: Option<&'a ModelName>,
        audit: &'a str,
        blocking: bool,
        skipped: bool,
        rows: Option<u64>,
        refused: Option<&'a str>,
        table: Option<String>,
        production_rows: Option<u64>,
        at: String,
        run: &'a str,
    }
    let line = |result: &'_ Result| -> usize { usize::from(result.is_failure()) };
    let failed = audited.results.iter().map(line).sum();
    let results = audited.results.iter().map(|result| Line {
        model: result.model.as_ref(),
        audit: &result.audit,
        blocking: result.weight == Weight::Blocking,
        skipped: result.found == Found::Skipped,
        rows: if let Found::Rows(rows) = result.found { Some(rows) } else { None },
        refused: if let Found::Refused(why) = &result.found { Some(why) } else { None },
        table: result.table.as_ref().map(ToString::to_string),
        production_rows: result.production,
        at: result.at.rfc3339(),
        run: &result.run,
    });
    json::object(&Object { environment: &audited.environment, results: results.collect(), failed })
}

fn header(audited: &Audited) -> &'static [&'static str] {
    match audited.when {
        When::Now => &HEADER,
        When::Before => &KEPT_HEADER,
    }
}

fn rows(audited: &Audited) -> Vec<Vec<String>> {
    let row = |result: &Result| {
        let model = result.model.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let found = match &result.found {
            Found::Rows(rows) => grouped(*rows),
            Found::Skipped => "skipped".to_owned(),
            Found::Refused(_) => "cannot run".to_owned(),
        };
        let blocking = if result.weight == Weight::Blocking { "yes" } else { "no" }.to_owned();
        let audit = result.audit.clone();
        match audited.when {
            When::Now => vec![model, audit, found, blocking],
            When::Before => {
                let production = result.production.map_or_else(|| "-".to_owned(), grouped);
                vec![model, audit, found, production, blocking, result.at.date_time(), result.run.clone()]
            }
        }
    };
    audited.results.iter().map(row).collect()
}

fn refused(audited: &Audited) -> impl Iterator<Item = (&Result, &str)> {
    let why = |result: &'_ Result| matches!(result.found, Found::Refused(_));
    let refused = audited.results.iter().filter(move |result| why(result));
    refused.map(|result| (result, if let Found::Refused(why) = &result.found { why.as_str() } else { "" }))
}

/// The whole in one line.
fn line(audited: &Audited) -> String {
    let environment = visible(audited.environment.as_str());
    if audited.results.is_empty() {
        return match audited.when {
            When::Now => format!("{environment}: no model asks for an audit."),
            When::Before => format!("{environment}: nothing is kept of any audit."),
        };
    }
    let failing = |is_it: &dyn Fn(&Result) -> bool| audited.results.iter().filter(|result| is_it(result)).count();
    let blocking = failing(&Result::is_failure);
    let told = failing(&|result| !result.is_failure() && matches!(result.found, Found::Rows(1..)));
    let audits = counted(audited.results.len(), "audit");
    match (blocking, told) {
        (0, 0) => format!("{environment}: {audits}, all is as it should be."),
        (0, told) => format!("{environment}: {audits}, {told} found rows without blocking."),
        (blocking, 0) => format!("{environment}: {audits}, {blocking} failed."),
        (blocking, told) => format!("{environment}: {audits}, {blocking} failed, {told} found rows without blocking."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(model: Option<&str>, weight: Weight, found: Found) -> Result {
        Result {
            model: model.and_then(ModelName::parse),
            audit: "not_null(columns := (a|b, \u{1b}[2J))".into(),
            weight,
            found,
            table: None,
            production: Some(12),
            at: Timestamp(0),
            run: "bot run".into(),
        }
    }

    fn audited(when: When) -> Audited {
        let results = vec![
            result(Some("marts.daily"), Weight::Blocking, Found::Rows(1_200)),
            result(Some("marts.daily"), Weight::Told, Found::Rows(1)),
            result(Some("raw.orders"), Weight::Blocking, Found::Rows(0)),
            result(Some("raw.orders"), Weight::Skipped, Found::Skipped),
            result(None, Weight::Told, Found::Refused("no column \u{1b}x".into())),
        ];
        Audited { environment: EnvironmentName::prod(), when, results }
    }

    #[test]
    fn results_are_told_by_model() {
        insta::assert_snapshot!(terminal(&audited(When::Now), Colour::Never), @r"
        MODEL        AUDIT                                  ROWS        BLOCKING
        marts.daily  not_null(columns := (a|b, \u{1B}[2J))  1,200       yes
        marts.daily  not_null(columns := (a|b, \u{1B}[2J))  1           no
        raw.orders   not_null(columns := (a|b, \u{1B}[2J))  0           yes
        raw.orders   not_null(columns := (a|b, \u{1B}[2J))  skipped     no
        -            not_null(columns := (a|b, \u{1B}[2J))  cannot run  no

        not_null(columns := (a|b, \u{1B}[2J)) cannot run: no column \u{1B}x
        prod: 5 audits, 2 failed, 1 found rows without blocking.
        ");
        insta::assert_snapshot!(terminal(&audited(When::Before), Colour::Never), @r"
        MODEL        AUDIT                                  ROWS        IN PRODUCTION  BLOCKING  WHEN                 BY
        marts.daily  not_null(columns := (a|b, \u{1B}[2J))  1,200       12             yes       1970-01-01 00:00:00  bot run
        marts.daily  not_null(columns := (a|b, \u{1B}[2J))  1           12             no        1970-01-01 00:00:00  bot run
        raw.orders   not_null(columns := (a|b, \u{1B}[2J))  0           12             yes       1970-01-01 00:00:00  bot run
        raw.orders   not_null(columns := (a|b, \u{1B}[2J))  skipped     12             no        1970-01-01 00:00:00  bot run
        -            not_null(columns := (a|b, \u{1B}[2J))  cannot run  12             no        1970-01-01 00:00:00  bot run

        not_null(columns := (a|b, \u{1B}[2J)) cannot run: no column \u{1B}x
        prod: 5 audits, 2 failed, 1 found rows without blocking.
        ");
        insta::assert_snapshot!(markdown(&audited(When::Now)), @r"
        | MODEL | AUDIT | ROWS | BLOCKING |
        | :-- | :-- | :-- | :-- |
        | `marts.daily` | <code>not&#95;null&#40;columns &#58;&#61; &#40;a&#124;b&#44; &#92;u&#123;1B&#125;&#91;2J&#41;&#41;</code> | `1,200` | `yes` |
        | `marts.daily` | <code>not&#95;null&#40;columns &#58;&#61; &#40;a&#124;b&#44; &#92;u&#123;1B&#125;&#91;2J&#41;&#41;</code> | `1` | `no` |
        | `raw.orders` | <code>not&#95;null&#40;columns &#58;&#61; &#40;a&#124;b&#44; &#92;u&#123;1B&#125;&#91;2J&#41;&#41;</code> | `0` | `yes` |
        | `raw.orders` | <code>not&#95;null&#40;columns &#58;&#61; &#40;a&#124;b&#44; &#92;u&#123;1B&#125;&#91;2J&#41;&#41;</code> | `skipped` | `no` |
        | `-` | <code>not&#95;null&#40;columns &#58;&#61; &#40;a&#124;b&#44; &#92;u&#123;1B&#125;&#91;2J&#41;&#41;</code> | `cannot run` | `no` |

        * <code>not&#95;null&#40;columns &#58;&#61; &#40;a&#124;b&#44; &#92;u&#123;1B&#125;&#91;2J&#41;&#41;</code> cannot run
        prod: 5 audits, 2 failed, 1 found rows without blocking.
        ");
        insta::assert_snapshot!(json(&audited(When::Now)), @r#"
        {
          "schema_version": 1,
          "environment": "prod",
          "results": [
            {
              "model": "marts.daily",
              "audit": "not_null(columns := (a|b, \u001b[2J))",
              "blocking": true,
              "skipped": false,
              "rows": 1200,
              "refused": null,
              "table": null,
              "production_rows": 12,
              "at": "1970-01-01T00:00:00Z",
              "run": "bot run"
            },
            {
              "model": "marts.daily",
              "audit": "not_null(columns := (a|b, \u001b[2J))",
              "blocking": false,
              "skipped": false,
              "rows": 1,
              "refused": null,
              "table": null,
              "production_rows": 12,
              "at": "1970-01-01T00:00:00Z",
              "run": "bot run"
            },
            {
              "model": "raw.orders",
              "audit": "not_null(columns := (a|b, \u001b[2J))",
              "blocking": true,
              "skipped": false,
              "rows": 0,
              "refused": null,
              "table": null,
              "production_rows": 12,
              "at": "1970-01-01T00:00:00Z",
              "run": "bot run"
            },
            {
              "model": "raw.orders",
              "audit": "not_null(columns := (a|b, \u001b[2J))",
              "blocking": false,
              "skipped": true,
              "rows": null,
              "refused": null,
              "table": null,
              "production_rows": 12,
              "at": "1970-01-01T00:00:00Z",
              "run": "bot run"
            },
            {
              "model": null,
              "audit": "not_null(columns := (a|b, \u001b[2J))",
              "blocking": false,
              "skipped": false,
              "rows": null,
              "refused": "no column \u001bx",
              "table": null,
              "production_rows": 12,
              "at": "1970-01-01T00:00:00Z",
              "run": "bot run"
            }
          ],
          "failed": 2
        }
        "#);
    }
}
