//! `offshoot.yaml`: our own settings beside SQLMesh's file, which refuses keys that it does not know.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::TimeToLive;
use super::data_diff::{self, DataDiff};
use super::gateways::{self, PartGateways};
use super::reader::Report;
use crate::ids::FilePath;
use crate::problem::Problem;
use crate::yaml::{Node, Value};

/// Our own settings, with their defaults (research: pull-request bots, section 5.6).
#[derive(Clone, Debug, PartialEq)]
pub struct OwnSettings {
    /// The branch that production follows; found by git where it is not given.
    pub base_branch: Option<String>,
    /// The most days that a pull request's environment loads; `None` for no limit.
    pub backfill_max_days: Option<u32>,
    /// The most minutes that a pull request's tables are filled for without somebody asking; `None` for no limit.
    pub backfill_max_minutes: Option<u32>,
    /// How long an idle environment lives.
    pub environment_ttl: TimeToLive,
    /// What of the data is compared with production.
    pub data_diff: DataDiff,
    /// What happens to draft pull requests.
    pub drafts: Drafts,
    /// What happens to pull requests from forks.
    pub fork_policy: ForkPolicy,
    /// Through which gateways pull requests and production go.
    pub gateways: PartGateways,
    /// How many entries of its history keep their tables, of an environment that promote writes; the present one counts.
    pub gc_history: NonZeroUsize,
    /// What stops a push where the hook is installed; nothing unless it is asked for.
    pub hook_block: Vec<HookBlock>,
    /// Prices by name, as written.
    pub prices: Vec<(String, String)>,
    /// What signals say that nobody can ask.
    pub signals: Signals,
    /// How long one statement may take on a warehouse on PostgreSQL; `None` for what the server says.
    pub statement_timeout: Option<Duration>,
}

/// What happens to draft pull requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drafts {
    /// They get a static plan.
    #[default]
    Static,
    /// They are built.
    Build,
    /// They are passed over.
    Skip,
}

/// What happens to pull requests from forks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForkPolicy {
    /// They get a static plan.
    #[default]
    Static,
    /// They are passed over.
    Skip,
}

/// What becomes of models that wait for signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signals {
    /// They are not loaded.
    #[default]
    Unknown,
    /// Every interval counts as ready.
    Ready,
}

/// What of a plan stops a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookBlock {
    /// The project has errors.
    Errors,
    /// A model's rows or existing columns change.
    Breaking,
    /// A model goes away.
    Removed,
}

const KEYS: [&str; 14] = [
    "views",
    "base_branch",
    "backfill",
    "environment_ttl",
    "data_diff",
    "drafts",
    "fork_policy",
    "promote",
    "gateways",
    "gc",
    "hook",
    "postgres",
    "prices",
    "signals",
];

impl Default for OwnSettings {
    fn default() -> Self {
        Self {
            base_branch: None,
            backfill_max_days: Some(30),
            backfill_max_minutes: Some(20),
            environment_ttl: TimeToLive::default(),
            data_diff: DataDiff::default(),
            drafts: Drafts::default(),
            fork_policy: ForkPolicy::default(),
            gateways: PartGateways::default(),
            gc_history: NonZeroUsize::MIN.saturating_add(9),
            hook_block: Vec::new(),
            prices: Vec::new(),
            signals: Signals::default(),
            statement_timeout: None,
        }
    }
}

/// Reads `offshoot.yaml`; `gateways` are the names that `config.yaml` has.
pub(super) fn read(path: &FilePath, document: &Node, gateways: &[&str], problems: &mut Vec<Problem>) -> OwnSettings {
    let mut settings = OwnSettings::default();
    let mut report = Report { path, problems };
    if !report.is_map(path.as_str(), document) {
        settings.gateways = PartGateways::unreadable();
    }
    for entry in document.entries() {
        match entry.key.as_str() {
            "gateways" => gateways::read(&entry.node, &mut settings.gateways, gateways, &mut report),
            key => one(key, &entry.node, &mut settings, &mut report),
        }
    }
    settings
}

fn one(key: &str, node: &Node, settings: &mut OwnSettings, report: &mut Report<'_>) {
    match key {
        // Neither is built yet, and whoever asks for them must not get something else.
        "views" => only("all", &["affected"], (key, node), report),
        "base_branch" => settings.base_branch = report.text(key, node),
        "environment_ttl" => set(&mut settings.environment_ttl, time_to_live(key, node, report)),
        "backfill" => backfill(node, settings, report),
        "data_diff" => data_diff::read(node, &mut settings.data_diff, report),
        "drafts" => {
            let choices = [("static", Drafts::Static), ("build", Drafts::Build), ("skip", Drafts::Skip)];
            set(&mut settings.drafts, report.choice(key, node, &choices));
        }
        "fork_policy" => {
            let choices = [("static", ForkPolicy::Static), ("skip", ForkPolicy::Skip)];
            set(&mut settings.fork_policy, report.choice(key, node, &choices));
        }
        "promote" => promote(node, report),
        "gc" => gc(node, settings, report),
        "hook" => hook(node, settings, report),
        "postgres" => postgres(node, settings, report),
        "prices" if report.is_map(key, node) => {
            let pairs = node
                .entries()
                .iter()
                .filter_map(|entry| Some((entry.key.clone(), report.text(&entry.key, &entry.node)?)));
            settings.prices = pairs.collect();
        }
        "prices" => {}
        "signals" => {
            let choices = [("ready", Signals::Ready), ("unknown", Signals::Unknown)];
            set(&mut settings.signals, report.choice(key, node, &choices));
        }
        _ => report.unknown("unknown-setting", "setting of `offshoot.yaml`", key, node.place, &KEYS),
    }
}

fn backfill(node: &Node, settings: &mut OwnSettings, report: &mut Report<'_>) {
    report.is_map("backfill", node);
    for entry in node.entries() {
        let limit = match entry.key.as_str() {
            "max_days" => &mut settings.backfill_max_days,
            "max_minutes" => &mut settings.backfill_max_minutes,
            key => {
                let known = ["max_days", "max_minutes"];
                report.unknown("unknown-setting", "setting of `backfill`", key, entry.node.place, &known);
                continue;
            }
        };
        if entry.node.value == Value::Null {
            *limit = None;
        } else if let Some(number) = report.number(&entry.key, &entry.node) {
            *limit = Some(u32::try_from(number).unwrap_or(u32::MAX));
        }
    }
}

fn promote(node: &Node, report: &mut Report<'_>) {
    report.is_map("promote", node);
    for entry in node.entries() {
        match entry.key.as_str() {
            "reuse" => only("always", &["never"], ("reuse", &entry.node), report),
            key => report.unknown("unknown-setting", "setting of `promote`", key, entry.node.place, &["reuse"]),
        }
    }
}

/// A setting of which one value does what it says, and others not yet.
fn only(supported: &str, others: &[&str], (key, node): (&str, &Node), report: &mut Report<'_>) {
    let choices: Vec<(&str, &str)> = others.iter().chain([&supported]).map(|word| (*word, *word)).collect();
    let Some(found) = report.choice(key, node, &choices).filter(|found| *found != supported) else { return };
    let problem = Problem::error("unsupported-setting", format!("`{key}: {found}` is not supported yet"));
    report.push(node.place, problem.help(format!("remove it, or write `{key}: {supported}`")));
}

fn gc(node: &Node, settings: &mut OwnSettings, report: &mut Report<'_>) {
    report.is_map("gc", node);
    for entry in node.entries() {
        match entry.key.as_str() {
            "history" => {
                let number = entry.node.text().and_then(|text| text.parse().ok());
                if number.is_none() && entry.node.value != Value::Null {
                    report.expected("history", "a whole number from 1", &entry.node);
                }
                set(&mut settings.gc_history, number);
            }
            key => report.unknown("unknown-setting", "setting of `gc`", key, entry.node.place, &["history"]),
        }
    }
}

fn hook(node: &Node, settings: &mut OwnSettings, report: &mut Report<'_>) {
    report.is_map("hook", node);
    for entry in node.entries() {
        match entry.key.as_str() {
            "block" => {
                let choices =
                    [("errors", HookBlock::Errors), ("breaking", HookBlock::Breaking), ("removed", HookBlock::Removed)];
                let items = match &entry.node.value {
                    Value::List(items) => items.as_slice(),
                    Value::Null => &[],
                    _ => std::slice::from_ref(&entry.node),
                };
                settings.hook_block = items.iter().filter_map(|item| report.choice("block", item, &choices)).collect();
            }
            key => report.unknown("unknown-setting", "setting of `hook`", key, entry.node.place, &["block"]),
        }
    }
}

fn postgres(node: &Node, settings: &mut OwnSettings, report: &mut Report<'_>) {
    /// The server counts milliseconds in 32 bits.
    const MOST: u64 = 2_147_483;
    report.is_map("postgres", node);
    for entry in node.entries() {
        match entry.key.as_str() {
            "statement_timeout" if entry.node.value == Value::Null => settings.statement_timeout = None,
            "statement_timeout" => match entry.node.text().and_then(|text| text.parse().ok()) {
                Some(seconds @ 1..=MOST) => settings.statement_timeout = Some(Duration::from_secs(seconds)),
                _ => report.expected(&entry.key, "a whole number of seconds from 1 to 2147483", &entry.node),
            },
            key => report.unknown(
                "unknown-setting",
                "setting of `postgres`",
                key,
                entry.node.place,
                &["statement_timeout"],
            ),
        }
    }
}

/// `null` lives for ever; anything else must read as a time to come.
pub(super) fn time_to_live(key: &str, node: &Node, report: &mut Report<'_>) -> Option<TimeToLive> {
    if node.value == Value::Null {
        return Some(TimeToLive::Forever);
    }
    let text = report.text(key, node)?;
    if crate::time::relative(&text, crate::time::Timestamp(0)).is_none_or(|moment| moment.0 <= 0) {
        report.expected(key, "a time to come such as `in 1 week`", node);
        return None;
    }
    Some(TimeToLive::For(text))
}

pub(super) fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
