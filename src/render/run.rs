//! What a run loaded, or would load, and what it left.

use std::fmt::Write as _;

use owo_colors::Style;
use serde::Serialize;

use super::json::BuildObject;
use super::terminal::Paint;
use super::text::{counted, grouped};
use super::{Colour, json, markdown, readable_intervals, readable_seconds, table, visible};
use crate::gc::Mode;
use crate::ids::{CommitId, EnvironmentName, ModelName};
use crate::model::KindName;
use crate::plan::{Affected, Due, Left, Ran, Why, WhyLeft};

const MODELS: [&str; 5] = ["MODEL", "KIND", "WHY", "LOADS", "ROWS"];

/// A run for people.
pub fn terminal(ran: &Ran, colour: Colour) -> String {
    let paint = Paint(colour);
    let mut output = format!("{}\n", line(ran, &visible));
    if !ran.due.is_empty() {
        let _ = write!(output, "\n{}", table::aligned(&MODELS, &rows(ran)));
    }
    for (title, notes) in notes(ran, &visible) {
        let _ = writeln!(output, "\n{}", paint.with(title, Style::new().yellow().bold()));
        for note in notes {
            let _ = writeln!(output, "  {note}");
        }
    }
    output
}

/// A run as Markdown.
pub fn markdown(ran: &Ran) -> String {
    let mut output = format!("{}\n", line(ran, &markdown::code));
    if !ran.due.is_empty() {
        let _ = write!(output, "\n{}", markdown::names_table(&MODELS, &rows(ran)));
    }
    for (title, notes) in notes(ran, &markdown::code) {
        let _ = writeln!(output, "\n**{title}**\n");
        for note in notes {
            let _ = writeln!(output, "* {note}");
        }
    }
    output
}

/// `{"schema_version":1,"dry_run","environment","commit","at","due":[…],"builds":[…],"left":[…],"affected":[…],"seconds"}`.
pub fn json(ran: &Ran) -> String {
    let Ran { mode, environment, commit, at, due, builds, left, affected, seconds } = ran;
    json::object(&Object {
        dry_run: *mode == Mode::DryRun,
        environment,
        commit: commit.as_ref(),
        at: at.rfc3339(),
        due: due.iter().map(DueObject::from).collect(),
        builds: builds.iter().map(BuildObject::from).collect(),
        left: left.iter().map(LeftObject::from).collect(),
        affected: affected.iter().map(AffectedObject::from).collect(),
        seconds: (seconds * 1000.0).round() / 1000.0,
    })
}

/// The whole in one line.
fn line(ran: &Ran, name: &dyn Fn(&str) -> String) -> String {
    let environment = name(ran.environment.as_str());
    let commit = ran.commit.as_ref().map(|commit| commit.as_str().chars().take(12).collect::<String>());
    let commit = commit.map_or(String::new(), |commit| format!(" (commit {})", name(&commit)));
    let at = ran.at.date_time();
    if ran.due.is_empty() {
        return format!("{environment}{commit}: nothing is due at {at}.");
    }
    match ran.mode {
        Mode::DryRun => format!("{environment}{commit}: would load {} at {at}.", counted(ran.due.len(), "table")),
        Mode::Real => {
            let seconds = readable_seconds(ran.seconds);
            format!("{environment}{commit}: {} loaded at {at}, {seconds}.", counted(ran.builds.len(), "table"))
        }
    }
}

fn rows(ran: &Ran) -> Vec<Vec<String>> {
    let row = |due: &Due| {
        let build = ran.builds.iter().find(|build| build.model == due.model);
        let rows = build.map(|build| build.rows.map_or_else(|| "not counted".to_owned(), grouped));
        let loads = match due.intervals.as_slice() {
            [] => "all of it".to_owned(),
            ranges => readable_intervals(ranges, due.unit),
        };
        let (model, kind) = (due.model.to_string(), due.kind.text().to_owned());
        vec![model, kind, why(&due.why), loads, rows.unwrap_or_else(|| "-".to_owned())]
    };
    ran.due.iter().map(row).collect()
}

fn why(why: &Why) -> String {
    match why {
        Why::Restated => "asked for".to_owned(),
        Why::ReadsRestated { model } => format!("reads {model}"),
        Why::Unknown => "the state does not know its table".to_owned(),
        Why::Tick { at } => format!("cron of {}", at.date_time()),
        Why::Scheduled { at } => format!("auto_restatement_cron of {}", at.date_time()),
        Why::InputsGrew => "its inputs were not there".to_owned(),
    }
}

/// What was left, and whom it matters to.
fn notes(ran: &Ran, name: &dyn Fn(&str) -> String) -> Vec<(&'static str, Vec<String>)> {
    let of =
        |is_it: &dyn Fn(&WhyLeft) -> bool| -> Vec<&Left> { ran.left.iter().filter(|left| is_it(&left.why)).collect() };
    let counted_of = |left: &[&Left], what: &str| {
        let names = left.iter().take(NAMED).map(|left| name(&left.model.to_string())).collect::<Vec<_>>().join(", ");
        let more = left.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{} {what}: {names}{more}", counted(left.len(), "table"))
    };
    let mut left_alone = Vec::new();
    let productions = of(&|why| *why == WhyLeft::Productions);
    let previews = of(&|why| *why == WhyLeft::Preview);
    if !productions.is_empty() {
        left_alone.push(counted_of(&productions, "of production, which `bot run` of production loads"));
    }
    if !previews.is_empty() {
        left_alone.push(counted_of(&previews, "made of inputs that lack something, which `bot apply` loads"));
    }
    let further = ran.left.iter().filter_map(|left| {
        let model = name(&left.model.to_string());
        match &left.why {
            WhyLeft::Waits { end, due } => Some(format!(
                "{model}: due to {}, loaded to {}, because an input is loaded no further",
                due.date_time(),
                end.date_time()
            )),
            WhyLeft::NoLookback => Some(format!(
                "{model}: no lookback, because what it holds depends on what it held; `--restate` loads it from its beginning"
            )),
            WhyLeft::History => Some(format!(
                "{model}: a history, which is not loaded again: no query gives what it holds; what reads it is left too"
            )),
            WhyLeft::Signals => Some(format!(
                "{model}: waits for signals in Python, which nobody can ask; `signals: ready` in `offshoot.yaml` has every interval count as ready"
            )),
            WhyLeft::Held { by } => Some(format!("{model}: reads {}, which waits for signals", name(&by.to_string()))),
            WhyLeft::Productions | WhyLeft::Preview => None,
        }
    });
    let affected = ran.affected.iter().flat_map(|affected| affected_notes(affected, name));
    let all = [
        ("Left alone", left_alone),
        ("Not as far as their cron has it", further.collect()),
        ("Other environments", affected.collect()),
    ];
    all.into_iter().filter(|(_, notes)| !notes.is_empty()).collect()
}

const NAMED: usize = 3;

fn affected_notes(affected: &Affected, name: &dyn Fn(&str) -> String) -> Vec<String> {
    let environment = name(affected.environment.as_str());
    let list =
        |models: &[ModelName]| models.iter().map(|model| name(&model.to_string())).collect::<Vec<_>>().join(", ");
    let mut notes = Vec::new();
    if !affected.shows.is_empty() {
        notes.push(format!("{environment} shows the same tables of {}", list(&affected.shows)));
    }
    if !affected.behind.is_empty() {
        let models = list(&affected.behind);
        notes.push(format!(
            "{environment} made {models} of what was there before; its next `bot apply` or promote loads that again"
        ));
    }
    notes
}

#[derive(Serialize)]
struct Object<'a> {
    dry_run: bool,
    environment: &'a EnvironmentName,
    commit: Option<&'a CommitId>,
    at: String,
    due: Vec<DueObject<'a>>,
    builds: Vec<BuildObject<'a>>,
    left: Vec<LeftObject<'a>>,
    affected: Vec<AffectedObject<'a>>,
    seconds: f64,
}

#[derive(Serialize)]
struct DueObject<'a> {
    model: &'a ModelName,
    kind: KindName,
    why: &'static str,
    because_of: Option<&'a ModelName>,
    tick: Option<String>,
    intervals: Vec<[String; 2]>,
}

impl<'a> From<&'a Due> for DueObject<'a> {
    fn from(due: &'a Due) -> Self {
        let Due { model, kind, why, unit, intervals } = due;
        let because_of = if let Why::ReadsRestated { model } = why { Some(model) } else { None };
        let tick = match why {
            Why::Tick { at } | Why::Scheduled { at } => Some(at.rfc3339()),
            _ => None,
        };
        let intervals = intervals.iter().map(|range| range.labels(*unit)).collect();
        Self { model, kind: *kind, why: why.code(), because_of, tick, intervals }
    }
}

#[derive(Serialize)]
struct LeftObject<'a> {
    model: &'a ModelName,
    why: &'static str,
    end: Option<String>,
    due: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a ModelName>,
}

impl<'a> From<&'a Left> for LeftObject<'a> {
    fn from(left: &'a Left) -> Self {
        let (end, due) = match &left.why {
            WhyLeft::Waits { end, due } => (Some(end.rfc3339()), Some(due.rfc3339())),
            _ => (None, None),
        };
        let by = if let WhyLeft::Held { by } = &left.why { Some(by) } else { None };
        Self { model: &left.model, why: left.why.code(), end, due, by }
    }
}

#[derive(Serialize)]
struct AffectedObject<'a> {
    environment: &'a EnvironmentName,
    shows: &'a [ModelName],
    behind: &'a [ModelName],
}

impl<'a> From<&'a Affected> for AffectedObject<'a> {
    fn from(affected: &'a Affected) -> Self {
        let Affected { environment, shows, behind } = affected;
        Self { environment, shows, behind }
    }
}
