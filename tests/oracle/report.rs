//! What a run found, and how it is told.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Counts of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) edits: u64,
    pub(crate) discarded: u64,
    pub(crate) compared: u64,
    pub(crate) drawn: u64,
    pub(crate) built: u64,
    pub(crate) reached: u64,
    pub(crate) needless: u64,
    /// Built models that the generator's graph reaches and whose rows did move.
    pub(crate) moved: u64,
    /// Places where the generator's own graph is wrong.
    pub(crate) misled: Vec<String>,
    pub(crate) changed: u64,
    pub(crate) unsound: Vec<String>,
    pub(crate) refused: BTreeMap<String, u64>,
    pub(crate) invalid: BTreeMap<String, u64>,
    pub(crate) causes: BTreeMap<String, u64>,
    pub(crate) opaque: BTreeMap<String, u64>,
    pub(crate) examples: BTreeMap<String, String>,
    pub(crate) kinds: BTreeMap<&'static str, Tally>,
}

/// What became of one kind of edit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) made: u64,
    pub(crate) changed: u64,
    pub(crate) discarded: u64,
}

impl Report {
    pub(crate) fn ratio(&self) -> f64 {
        if self.reached == 0 { 1.0 } else { self.built as f64 / self.reached as f64 }
    }

    pub(crate) fn passes(&self) -> bool {
        self.unsound.is_empty() && self.misled.is_empty() && self.ratio() <= 1.05
    }

    /// The whole report; the last line is the summary.
    pub(crate) fn text(&self, seconds: f64) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{:<34}{:>8}{:>8}{:>9}{:>11}", "edit", "made", "share", "changed", "discarded");
        for (name, tally) in &self.kinds {
            let share = 100.0 * tally.made as f64 / self.edits.max(1) as f64;
            let changed = 100.0 * tally.changed as f64 / tally.made.max(1) as f64;
            let _ = writeln!(text, "{name:<34}{:>8}{share:>7.1}%{changed:>8.0}%{:>11}", tally.made, tally.discarded);
        }
        for (title, counts) in [
            ("needless builds", &self.causes),
            ("opaque", &self.opaque),
            ("not taken by DuckDB", &self.invalid),
            ("refused by the program", &self.refused),
        ] {
            let mut sorted: Vec<(&String, &u64)> = counts.iter().collect();
            sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let _ = writeln!(text, "\n{title}:");
            for (cause, count) in sorted.into_iter().take(10) {
                let _ = writeln!(text, "{count:>8}  {cause}");
                if let Some(example) = self.examples.get(cause).filter(|_| title != "needless builds") {
                    let _ = writeln!(text, "          e.g. {}", example.replace('\n', " "));
                }
            }
        }
        for finding in self.misled.iter().take(3).chain(&self.unsound) {
            let _ = writeln!(text, "\n{finding}");
        }
        let _ = writeln!(
            text,
            "\n{} edits ({:.0} % change the data of some view), {} discarded, {:.0} edits/s, {} views compared ({} draws apart); \
             built {}, reached {} ({:.0} % with other rows, {} misjudged), needless {}, build ratio {:.3}, unsound {}",
            self.edits,
            100.0 * self.changed as f64 / self.edits.max(1) as f64,
            self.discarded,
            self.edits as f64 / seconds.max(0.001),
            self.compared,
            self.drawn,
            self.built,
            self.reached,
            100.0 * self.moved as f64 / self.reached.max(1) as f64,
            self.misled.len(),
            self.needless,
            self.ratio(),
            self.unsound.len()
        );
        text
    }
}
