//! What a run found, and how it is told.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::kinds::Edit;
use super::run::Made;

/// Counts of one run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) edits: u64,
    pub(crate) discarded: u64,
    pub(crate) compared: u64,
    pub(crate) drawn: u64,
    /// Views without rows.
    pub(crate) empty: u64,
    /// Edits that were not made, because they would leave a view without rows.
    pub(crate) emptied: u64,
    pub(crate) built: u64,
    pub(crate) reached: u64,
    pub(crate) needless: u64,
    /// Built models that the generator's graph reaches and whose rows did move.
    pub(crate) moved: u64,
    /// Places where the generator's own graph is wrong.
    pub(crate) misled: Vec<String>,
    /// Edits of which every model was compared on further data sets.
    pub(crate) checked_edits: u64,
    /// Comparisons of models that the generator's graph calls out of reach.
    pub(crate) out_of_reach: u64,
    /// Models that it calls reached.
    pub(crate) called_reached: u64,
    /// Those of them that do differ on some data set.
    pub(crate) reached_and_differs: u64,
    pub(crate) changed: u64,
    pub(crate) unsound: Vec<String>,
    pub(crate) refused: BTreeMap<String, u64>,
    pub(crate) invalid: BTreeMap<String, u64>,
    pub(crate) causes: BTreeMap<String, u64>,
    pub(crate) opaque: BTreeMap<String, u64>,
    pub(crate) examples: BTreeMap<String, String>,
    pub(crate) kinds: BTreeMap<String, Tally>,
    /// Of each kind of edit: how often it was looked at with a planted fault in mind, and what came of that.
    pub(crate) leads: BTreeMap<String, (u64, u64)>,
    /// Statements at which the engine ended the process; their episodes are left out.
    pub(crate) crashes: Vec<String>,
    /// Blocks that are missing for other reasons, which is never right.
    pub(crate) failures: Vec<String>,
}

/// What became of one kind of edit.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) made: u64,
    pub(crate) changed: u64,
    pub(crate) discarded: u64,
}

impl Tally {
    /// How often such an edit changes data, told carefully while few were made.
    pub(crate) fn rate(&self) -> f64 {
        (self.changed as f64 + 1.0) / (self.made as f64 + 2.0)
    }
}

impl Report {
    /// Counts what became of an edit.
    pub(crate) fn count(&mut self, edit: &Edit, made: Made) {
        let tally = self.kinds.entry(edit.name.to_owned()).or_default();
        match made {
            Made::Done { changed } => {
                tally.made += 1;
                tally.changed += u64::from(changed);
                self.edits += 1;
                self.changed += u64::from(changed);
            }
            Made::Refused => {
                tally.discarded += 1;
                self.discarded += 1;
            }
            Made::Nothing => {}
        }
    }

    /// This report and another one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        let counts = [
            (&mut self.edits, other.edits),
            (&mut self.discarded, other.discarded),
            (&mut self.compared, other.compared),
            (&mut self.drawn, other.drawn),
            (&mut self.empty, other.empty),
            (&mut self.emptied, other.emptied),
            (&mut self.built, other.built),
            (&mut self.reached, other.reached),
            (&mut self.needless, other.needless),
            (&mut self.moved, other.moved),
            (&mut self.checked_edits, other.checked_edits),
            (&mut self.out_of_reach, other.out_of_reach),
            (&mut self.called_reached, other.called_reached),
            (&mut self.reached_and_differs, other.reached_and_differs),
            (&mut self.changed, other.changed),
        ];
        counts.into_iter().for_each(|(count, more)| *count += more);
        let lists = [
            (&mut self.misled, other.misled),
            (&mut self.unsound, other.unsound),
            (&mut self.crashes, other.crashes),
            (&mut self.failures, other.failures),
        ];
        lists.into_iter().for_each(|(list, more)| list.extend(more));
        let tables = [
            (&mut self.refused, other.refused),
            (&mut self.invalid, other.invalid),
            (&mut self.causes, other.causes),
            (&mut self.opaque, other.opaque),
        ];
        for (table, more) in tables {
            more.into_iter().for_each(|(name, count)| *table.entry(name).or_default() += count);
        }
        for (name, example) in other.examples {
            let known = self.examples.entry(name).or_insert_with(|| example.clone());
            if example.len() < known.len() {
                *known = example;
            }
        }
        for (name, Tally { made, changed, discarded }) in other.kinds {
            let tally = self.kinds.entry(name).or_default();
            (tally.made, tally.changed) = (tally.made + made, tally.changed + changed);
            tally.discarded += discarded;
        }
        self
    }

    /// Models built to those of them that the edits really reach: what the graph calls reached and the program spares
    /// is left out of both, so that a coarse graph flatters nobody.
    pub(crate) fn ratio(&self) -> f64 {
        let reached = self.built.saturating_sub(self.needless);
        if reached == 0 { 1.0 } else { self.built as f64 / reached as f64 }
    }

    pub(crate) fn passes(&self) -> bool {
        let found = [&self.unsound, &self.misled, &self.failures];
        found.iter().all(|list| list.is_empty()) && self.ratio() <= 1.05 && self.outside().is_empty()
    }

    /// What is wrong with the mix of edits, once there are enough of them to say.
    fn outside(&self) -> Vec<String> {
        const ENOUGH: u64 = 5_000;
        if self.edits < ENOUGH {
            return Vec::new();
        }
        let mut lines = Vec::new();
        if super::kinds::EDITS.len() < 40 {
            lines.push("MIX: fewer than 40 kinds of edits".to_owned());
        }
        for edit in super::kinds::EDITS {
            let made = self.kinds.get(edit.name).map_or(0, |tally| tally.made);
            let share = 100.0 * made as f64 / self.edits as f64;
            if !(1.0..=6.0).contains(&share) {
                lines.push(format!("MIX: \"{}\" makes {share:.2} % of the edits, not 1 to 6 %", edit.name));
            }
        }
        let changed = 100.0 * self.changed as f64 / self.edits as f64;
        if changed < 50.0 {
            lines.push(format!("MIX: only {changed:.1} % of the edits change the data of some view, not 50 %"));
        }
        lines
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
                if let Some(example) =
                    self.examples.get(cause).filter(|_| title != "needless builds" || cause.starts_with("resolved"))
                {
                    let _ = writeln!(text, "          e.g. {}", example.replace('\n', " "));
                }
            }
        }
        let findings = self.crashes.iter().chain(&self.failures).chain(self.misled.iter().take(3)).chain(&self.unsound);
        for finding in findings {
            let _ = writeln!(text, "\n{finding}");
        }
        let part = |one: u64, all: u64| 100.0 * one as f64 / all.max(1) as f64;
        let _ = writeln!(
            text,
            "\nreach: {} edits over {} data sets each: {} comparisons of what is called out of reach, {} misjudged; \
             {} models called reached, {:.0} % differ on some; {:.0} % of views without rows, {} edits not made because \
             they would leave such",
            self.checked_edits,
            super::sets::COUNT + 1,
            self.out_of_reach,
            self.misled.len(),
            self.called_reached,
            part(self.reached_and_differs, self.called_reached),
            part(self.empty, self.compared),
            self.emptied,
        );
        for line in self.outside() {
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(
            text,
            "\n{} edits ({:.0} % change the data of some view), {} discarded, {:.0} edits/s, {} views compared ({} draws apart); \
             built {}, reached {} ({:.0} % with other rows, {} misjudged), needless {}, build ratio {:.3}, {} engine crashes (their episodes left out), {} blocks failed, unsound {}",
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
            self.crashes.len(),
            self.failures.len(),
            self.unsound.len()
        );
        text
    }
}
