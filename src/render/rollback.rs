//! What a rollback moved, or would move: in definition and, which nothing may hide, in freshness.

use std::fmt::Write as _;

use owo_colors::Style;
use serde::Serialize;

use super::hold::HoldObject;
use super::terminal::Paint;
use super::text::counted;
use super::{Colour, json, markdown, readable_intervals, table, visible};
use crate::gc::Mode;
use crate::hash::Digest;
use crate::ids::{CommitId, EnvironmentName, ModelName};
use crate::rollback::{Behind, Entry, Moved, Rollback, release_command};
use crate::time::Timestamp;

const MODELS: [&str; 5] = ["MODEL", "FROM", "TO", "LOADED TO", "FILLED"];

/// A rollback for people.
pub fn terminal(rollback: &Rollback, colour: Colour) -> String {
    let paint = Paint(colour);
    let mut output = format!("{}\n", line(rollback, &visible));
    let rows: Vec<Vec<String>> = rollback.moved.iter().map(row).collect();
    let _ = write!(output, "\n{}", table::aligned(&MODELS, &rows));
    if let Some(title) = title(rollback) {
        let _ = writeln!(output, "\n{}", paint.with(&title, Style::new().yellow().bold()));
    }
    for (model, behind) in behind(rollback) {
        let _ = writeln!(output, "  {}: {}", visible(&model.to_string()), visible(&behind.join("; ")));
    }
    let _ = writeln!(output, "\n{}", visible(&held(rollback)));
    output
}

/// A rollback as Markdown.
pub fn markdown(rollback: &Rollback) -> String {
    let mut output = format!("{}\n", line(rollback, &markdown::code));
    let rows: Vec<Vec<String>> = rollback.moved.iter().map(row).collect();
    let _ = write!(output, "\n{}", markdown::names_table(&MODELS, &rows));
    if let Some(title) = title(rollback) {
        let _ = writeln!(output, "\n**{title}**\n");
    }
    for (model, behind) in behind(rollback) {
        let _ = writeln!(output, "* {}: {}", markdown::code(&model.to_string()), markdown::prose(&behind.join("; ")));
    }
    let _ = writeln!(output, "\n{}", markdown::message(&held(rollback)));
    output
}

/// `{"schema_version":1,"dry_run","environment","from","to","models":[…],"swapped","hold"}`.
pub fn json(rollback: &Rollback) -> String {
    let Rollback { mode, environment, from, to, moved, swapped, hold } = rollback;
    json::object(&Object {
        dry_run: *mode == Mode::DryRun,
        environment,
        from: from.into(),
        to: to.into(),
        models: moved.iter().map(ModelObject::from).collect(),
        swapped: *swapped,
        hold: hold.into(),
    })
}

/// The whole in one line.
fn line(rollback: &Rollback, name: &dyn Fn(&str) -> String) -> String {
    let Rollback { mode, environment, from, to, moved, swapped, hold: _ } = rollback;
    let done = match mode {
        Mode::Real => "Rolled back",
        Mode::DryRun => "Would roll back",
    };
    let entry = |entry: &Entry| {
        let commit = entry.commit.as_ref().map(|commit| commit.as_str().chars().take(12).collect::<String>());
        let commit = commit.map_or(String::new(), |commit| format!("{}, ", name(&commit)));
        format!("entry {} ({commit}{})", entry.number, entry.at.date_time())
    };
    format!(
        "{done} {} from {} to {}: {} and {}.",
        name(environment.as_str()),
        entry(from),
        entry(to),
        counted(moved.len(), "model"),
        counted(*swapped, "view")
    )
}

fn row(moved: &Moved) -> Vec<String> {
    let digest = |digest: Option<Digest>, none: &str| digest.map_or_else(|| none.to_owned(), |digest| digest.short(12));
    let moment = |moment: Option<Timestamp>| moment.map_or_else(|| "-".to_owned(), |at| at.date_time());
    vec![
        moved.model.to_string(),
        digest(moved.from, "(not there)"),
        digest(moved.to, "(goes)"),
        moment(moved.loaded_to),
        moment(moved.filled_at),
    ]
}

/// What is older than what is shown now; `None` where nothing is.
fn title(rollback: &Rollback) -> Option<String> {
    let count = behind(rollback).count();
    let verb = if count == 1 { "is" } else { "are" };
    let shown = match rollback.mode {
        Mode::Real => "what was shown before",
        Mode::DryRun => "what is shown now",
    };
    (count > 0).then(|| format!("{} {verb} behind {shown}:", counted(count, "table")))
}

fn behind(rollback: &Rollback) -> impl Iterator<Item = (&ModelName, Vec<String>)> {
    let told = |moved: &Moved| moved.behind.iter().map(text).collect();
    rollback.moved.iter().filter(|moved| !moved.behind.is_empty()).map(move |moved| (&moved.model, told(moved)))
}

fn text(behind: &Behind) -> String {
    match behind {
        Behind::Lacks { ranges, unit } => format!("lacks {}", readable_intervals(ranges, *unit)),
        Behind::FilledEarlier { at, other } => {
            format!("filled on {}, the other on {}", at.date_time(), other.date_time())
        }
    }
}

/// What promote does from now on.
fn held(rollback: &Rollback) -> String {
    let verb = match rollback.mode {
        Mode::Real => "refuses",
        Mode::DryRun => "would refuse",
    };
    let release = release_command(&rollback.environment);
    format!("`bot promote` {verb} to bring it back until a revert or a fix is merged, or `{release}`.")
}

#[derive(Serialize)]
struct Object<'a> {
    dry_run: bool,
    environment: &'a EnvironmentName,
    from: EntryObject<'a>,
    to: EntryObject<'a>,
    models: Vec<ModelObject<'a>>,
    swapped: usize,
    hold: HoldObject<'a>,
}

#[derive(Serialize)]
struct EntryObject<'a> {
    entry: u64,
    commit: Option<&'a CommitId>,
    at: String,
}

impl<'a> From<&'a Entry> for EntryObject<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self { entry: entry.number, commit: entry.commit.as_ref(), at: entry.at.rfc3339() }
    }
}

#[derive(Serialize)]
struct ModelObject<'a> {
    name: &'a ModelName,
    from: Option<Digest>,
    to: Option<Digest>,
    loaded_to: Option<String>,
    filled_at: Option<String>,
    behind: Vec<BehindObject>,
}

impl<'a> From<&'a Moved> for ModelObject<'a> {
    fn from(moved: &'a Moved) -> Self {
        Self {
            name: &moved.model,
            from: moved.from,
            to: moved.to,
            loaded_to: moved.loaded_to.map(Timestamp::rfc3339),
            filled_at: moved.filled_at.map(Timestamp::rfc3339),
            behind: moved.behind.iter().map(BehindObject::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct BehindObject {
    code: &'static str,
    text: String,
    intervals: Vec<[String; 2]>,
}

impl From<&Behind> for BehindObject {
    fn from(behind: &Behind) -> Self {
        let intervals = match behind {
            Behind::Lacks { ranges, unit } => ranges.iter().map(|range| range.labels(*unit)).collect(),
            Behind::FilledEarlier { .. } => Vec::new(),
        };
        Self { code: behind.code(), text: text(behind), intervals }
    }
}
