//! `data_diff` of `offshoot.yaml`: when data is compared with production, and how much of it.

use super::own::set;
use super::reader::Report;
use crate::yaml::{Node, Value};

/// What of the data is compared with production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataDiff {
    /// When.
    pub when: WhenCompared,
    /// So many models are compared at most, unless all are wanted.
    pub max_models: usize,
    /// Where more rows would be compared on either side, none are; `None` for no limit.
    pub max_rows: Option<u64>,
}

/// When data is compared with production.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenCompared {
    /// For edited and breaking models with a grain.
    #[default]
    Auto,
    /// For every model that differs.
    Always,
    /// Never.
    Never,
}

impl Default for DataDiff {
    fn default() -> Self {
        Self { when: WhenCompared::default(), max_models: 10, max_rows: None }
    }
}

impl DataDiff {
    /// The same for every model that differs. What is never compared stays so.
    pub fn widened(self) -> Self {
        match self.when {
            WhenCompared::Auto => Self { when: WhenCompared::Always, ..self },
            WhenCompared::Always | WhenCompared::Never => self,
        }
    }

    /// How many models are compared at most.
    pub fn most_models(&self) -> Option<usize> {
        match self.when {
            WhenCompared::Always => None,
            WhenCompared::Auto => Some(self.max_models),
            WhenCompared::Never => Some(0),
        }
    }
}

const KEYS: [&str; 4] = ["when", "max_models", "max_rows", "samples"];

/// Reads one word, or a mapping.
pub(super) fn read(node: &Node, settings: &mut DataDiff, report: &mut Report<'_>) {
    if !matches!(node.value, Value::Map(_)) {
        set(&mut settings.when, when("data_diff", node, report));
        return;
    }
    for entry in node.entries() {
        let (key, node) = (entry.key.as_str(), &entry.node);
        match key {
            "when" => set(&mut settings.when, when(key, node, report)),
            "max_models" => {
                let most = report.number(key, node).and_then(|most| usize::try_from(most).ok());
                set(&mut settings.max_models, most);
            }
            "max_rows" if node.value == Value::Null => settings.max_rows = None,
            "max_rows" => settings.max_rows = report.number(key, node).or(settings.max_rows),
            // Rows in a comment cannot be taken back, so nothing else is accepted yet.
            "samples" => drop(report.choice(key, node, &[("never", ())])),
            _ => report.unknown("unknown-setting", "setting of `data_diff`", key, node.place, &KEYS),
        }
    }
}

fn when(key: &str, node: &Node, report: &mut Report<'_>) -> Option<WhenCompared> {
    let choices = [("auto", WhenCompared::Auto), ("always", WhenCompared::Always), ("never", WhenCompared::Never)];
    report.choice(key, node, &choices)
}
