//! What a gc did, or would do.

use std::fmt::Write as _;

use super::text::{counted, grouped};
use super::{Colour, json, markdown, table, visible};
use crate::gc::{Collected, Kept, Known, Mode, Over, Standing, Unneeded, WhyKept};

const GOING: [&str; 4] = ["TABLE", "MODEL", "ROWS", "NEEDED BY NOTHING SINCE"];
const WAITING: [&str; 5] = ["TABLE", "MODEL", "ROWS", "NEEDED BY NOTHING SINCE", "GOES"];
const KEPT: [&str; 3] = ["TABLE", "MODEL", "WHY IT STAYS"];

/// A gc for people.
pub fn terminal(collected: &Collected, _colour: Colour) -> String {
    let mut output = format!("{}\n", line(collected));
    let environments = collected.environments.iter();
    for over in environments {
        let _ = writeln!(output, "\n{} {}", verb(collected.mode), visible(&environment(over)));
        for (name, why) in &over.left {
            let _ = writeln!(output, "  left {}: {}", visible(name), visible(why));
        }
    }
    for (title, header, rows) in sections(collected) {
        let _ = write!(output, "\n{title}\n{}", table::aligned(header, &rows));
    }
    output
}

/// A gc as Markdown.
pub fn markdown(collected: &Collected) -> String {
    let mut output = format!("{}\n", line(collected));
    for over in &collected.environments {
        let _ = writeln!(output, "\n* {} {}", verb(collected.mode), markdown::message(&environment(over)));
        for (name, why) in &over.left {
            let _ = writeln!(output, "  * left {}: {}", markdown::code(name), markdown::message(why));
        }
    }
    for (title, header, rows) in sections(collected) {
        let _ = write!(output, "\n#### {title}\n\n{}", markdown::names_table(header, &rows));
    }
    output
}

/// `{"schema_version":1,"dry_run","environments":[…],"dropped":[…],"waiting":[…],"kept":[…],"needed"}`.
pub fn json(collected: &Collected) -> String {
    let Collected { mode, environments, dropped, waiting, kept, needed } = collected;
    json::object(&Object {
        dry_run: *mode == Mode::DryRun,
        environments: environments.iter().map(OverObject::from).collect(),
        dropped: dropped.iter().map(UnneededObject::from).collect(),
        waiting: waiting.iter().map(UnneededObject::from).collect(),
        kept: kept.iter().map(KeptObject::from).collect(),
        needed: *needed,
    })
}

/// The whole in one line.
pub fn line(collected: &Collected) -> String {
    let Collected { mode, environments, dropped, waiting, kept, needed } = collected;
    let done = match mode {
        Mode::Real => "Dropped",
        Mode::DryRun => "Would drop",
    };
    let environments = counted(environments.len(), "environment");
    let mut line = format!("{done} {environments} and {}", counted(dropped.len(), "table"));
    if !waiting.is_empty() {
        let next = waiting.iter().filter_map(|unneeded| unneeded.goes_at).min();
        let next = next.map_or(String::new(), |next| format!(", the first until {}", next.date_time()));
        let verb = if waiting.len() == 1 { "waits" } else { "wait" };
        let _ = write!(line, "; {} {verb}{next}", waiting.len());
    }
    if !kept.is_empty() {
        let verb = if kept.len() == 1 { "stays" } else { "stay" };
        let _ = write!(line, "; {} {verb} for a reason", kept.len());
    }
    let verb = if *needed == 1 { "is" } else { "are" };
    format!("{line}; {needed} {verb} needed.")
}

fn verb(mode: Mode) -> &'static str {
    match mode {
        Mode::Real => "dropped",
        Mode::DryRun => "would drop",
    }
}

fn environment(over: &Over) -> String {
    format!("environment `{}`, over since {}", over.name, over.expired_at.date_time())
}

type Section<'a> = (&'static str, &'a [&'a str], Vec<Vec<String>>);

/// The tables, by what becomes of them; without those of which there are none.
fn sections(collected: &Collected) -> Vec<Section<'static>> {
    let going = match collected.mode {
        Mode::Real => "Dropped",
        Mode::DryRun => "Would go",
    };
    let sections: [Section<'static>; 3] = [
        (going, &GOING, collected.dropped.iter().map(unneeded_row).collect()),
        ("Waiting", &WAITING, collected.waiting.iter().map(waiting_row).collect()),
        ("Kept", &KEPT, collected.kept.iter().map(kept_row).collect()),
    ];
    sections.into_iter().filter(|(_, _, rows)| !rows.is_empty()).collect()
}

fn unneeded_row(unneeded: &Unneeded) -> Vec<String> {
    let table = &unneeded.table;
    let note = if table.standing == Standing::Theirs { " (only forgotten: another project has it)" } else { "" };
    vec![
        format!("{}{note}", table.name),
        table.model.to_string(),
        table.rows.map(grouped).unwrap_or_default(),
        unneeded.since.date_time(),
    ]
}

fn waiting_row(unneeded: &Unneeded) -> Vec<String> {
    let goes = unneeded.goes_at.map_or_else(|| "never".to_owned(), crate::time::Timestamp::date_time);
    [unneeded_row(unneeded), vec![goes]].concat()
}

fn kept_row(kept: &Kept) -> Vec<String> {
    let model = kept.model.as_ref().map(ToString::to_string).unwrap_or_default();
    vec![kept.name.to_string(), model, reason(&kept.why)]
}

fn reason(why: &WhyKept) -> String {
    match why {
        WhyKept::ReadBy(reader) => format!("{reader} reads it"),
        WhyKept::UnknownEnvironment(name) => {
            format!("it is a view of environment `{name}`, which the state does not know")
        }
        WhyKept::OtherProject => "another project of this state knows it".to_owned(),
        WhyKept::NotOurs => "this program did not make it".to_owned(),
        WhyKept::Refused(message) => format!("the engine did not drop it: {message}"),
    }
}

#[derive(serde::Serialize)]
struct Object<'a> {
    dry_run: bool,
    environments: Vec<OverObject<'a>>,
    dropped: Vec<UnneededObject>,
    waiting: Vec<UnneededObject>,
    kept: Vec<KeptObject>,
    needed: usize,
}

#[derive(serde::Serialize)]
struct OverObject<'a> {
    name: &'a str,
    expired_at: String,
    left: Vec<LeftObject<'a>>,
}

#[derive(serde::Serialize)]
struct LeftObject<'a> {
    name: &'a str,
    why: &'a str,
}

#[derive(serde::Serialize)]
struct UnneededObject {
    table: String,
    model: String,
    rows: Option<u64>,
    /// `drop`, or `forget` where another project has the table by now.
    action: &'static str,
    known_to_state: bool,
    unneeded_since: String,
    goes_at: Option<String>,
}

#[derive(serde::Serialize)]
struct KeptObject {
    table: String,
    model: Option<String>,
    unneeded_since: Option<String>,
    reason: ReasonObject,
}

#[derive(serde::Serialize)]
struct ReasonObject {
    code: &'static str,
    text: String,
}

impl<'a> From<&'a Over> for OverObject<'a> {
    fn from(over: &'a Over) -> Self {
        let left = over.left.iter().map(|(name, why)| LeftObject { name, why });
        Self { name: over.name.as_str(), expired_at: over.expired_at.rfc3339(), left: left.collect() }
    }
}

impl From<&Unneeded> for UnneededObject {
    fn from(unneeded: &Unneeded) -> Self {
        let table = &unneeded.table;
        Self {
            table: table.name.to_string(),
            model: table.model.to_string(),
            rows: table.rows,
            action: if table.standing == Standing::Theirs { "forget" } else { "drop" },
            known_to_state: table.known != Known::ToWarehouse,
            unneeded_since: unneeded.since.rfc3339(),
            goes_at: unneeded.goes_at.map(crate::time::Timestamp::rfc3339),
        }
    }
}

impl From<&Kept> for KeptObject {
    fn from(kept: &Kept) -> Self {
        let code = match kept.why {
            WhyKept::ReadBy(_) => "read_by",
            WhyKept::UnknownEnvironment(_) => "unknown_environment",
            WhyKept::OtherProject => "other_project",
            WhyKept::NotOurs => "not_ours",
            WhyKept::Refused(_) => "refused",
        };
        Self {
            table: kept.name.to_string(),
            model: kept.model.as_ref().map(ToString::to_string),
            unneeded_since: kept.since.map(crate::time::Timestamp::rfc3339),
            reason: ReasonObject { code, text: reason(&kept.why) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gc::Table;
    use crate::ids::{EnvironmentName, ModelName, TableName};
    use crate::time::Timestamp;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a moment")
    }

    fn unneeded(model: &[&str], standing: Standing, goes_at: Option<&str>) -> Unneeded {
        let model = ModelName::from_parts(model.iter().map(|part| (*part).to_owned()).collect()).expect("a name");
        let name =
            TableName { catalog: None, schema: "offshoot__marts".into(), name: "orders__0123456789abcdef".into() };
        let table = Table { name, model, rows: Some(1_204_118), known: Known::ToWarehouse, standing };
        Unneeded { table, since: at("2026-03-01 10:00"), goes_at: goes_at.map(at) }
    }

    /// Names as somebody writes them who means no good.
    fn hostile() -> Collected {
        let kept = |name: &str, why| {
            let name = TableName { catalog: None, schema: "offshoot__marts".into(), name: name.into() };
            Kept { name, model: None, since: None, why }
        };
        let evil = "a|b`c\n<img src=x> @org/all \u{1b}[2J\u{202e}";
        Collected {
            mode: Mode::Real,
            environments: vec![Over {
                name: EnvironmentName::new(evil),
                expired_at: at("2026-03-01"),
                left: vec![(evil.into(), format!("it holds table `{evil}`"))],
            }],
            dropped: vec![
                unneeded(&["marts", evil], Standing::Ours, Some("2026-03-08 10:00")),
                unneeded(&["marts", "theirs"], Standing::Theirs, Some("2026-03-08 10:00")),
            ],
            waiting: vec![
                unneeded(&["marts", "orders"], Standing::Ours, Some("2026-03-08 10:00")),
                unneeded(&["marts", "orders"], Standing::Ours, None),
            ],
            kept: vec![
                kept(evil, WhyKept::NotOurs),
                kept("orders", WhyKept::ReadBy(format!("view `{evil}`"))),
                kept("orders", WhyKept::Refused(evil.into())),
                kept("orders", WhyKept::OtherProject),
                kept("orders", WhyKept::UnknownEnvironment(EnvironmentName::new(evil))),
            ],
            needed: 214,
        }
    }

    #[test]
    fn names_do_no_harm_in_markdown_and_on_a_terminal() {
        let text = markdown(&hostile());
        for forbidden in ["<img", "@org", "\u{1b}", "\u{202e}"] {
            let outside: String = text.split('`').step_by(2).collect();
            assert!(!outside.contains(forbidden), "{forbidden:?} must not survive in\n{text}");
        }
        let cells = |row: &str| row.matches('|').count();
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert!(rows.iter().all(|row| [5, 6, 4].contains(&cells(row))), "each row has its cells:\n{rows:#?}");
        assert_eq!(rows.len(), 3 * 2 + 2 + 2 + 5);
        insta::assert_snapshot!(text);
        let told = terminal(&hostile(), Colour::Never);
        assert!(!told.contains('\u{1b}') && !told.contains('\u{202e}'), "{told}");
        insta::assert_snapshot!(told);
    }

    #[test]
    fn a_script_gets_every_name_as_it_is() {
        let value: serde_json::Value = serde_json::from_str(&json(&hostile())).expect("JSON");
        assert_eq!(value["environments"][0]["name"], hostile().environments[0].name.as_str());
        assert_eq!(value["kept"][1]["reason"]["code"], "read_by");
        assert_eq!([&value["dropped"][0]["action"], &value["dropped"][1]["action"]], ["drop", "forget"]);
    }

    #[test]
    fn nothing_to_do_is_one_line() {
        let nothing = Collected::nothing(Mode::DryRun);
        let expected = "Would drop 0 environments and 0 tables; 0 are needed.\n";
        assert_eq!([terminal(&nothing, Colour::Never), markdown(&nothing)], [expected, expected]);
    }
}
