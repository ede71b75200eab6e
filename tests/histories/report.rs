//! What walks came to, and how a finding is told.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A walk in which production did not show what it should.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) seed: u64,
    /// What was done, as a conversation.
    pub(crate) story: Vec<String>,
    /// What is wrong.
    pub(crate) wrong: String,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) walks: u64,
    pub(crate) steps: u64,
    /// Commands that were killed first.
    pub(crate) kills: u64,
    /// How often each command was run.
    pub(crate) commands: BTreeMap<String, u64>,
    /// Views that were compared with all of their rows.
    pub(crate) views: u64,
    pub(crate) rows: u64,
    /// What was said no to, and may have been.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Models by their kind.
    pub(crate) kinds: BTreeMap<String, u64>,
    pub(crate) findings: Vec<Finding>,
}

impl Finding {
    pub(crate) fn text(&self) -> String {
        format!("seed {}\n{}\n{}\n", self.seed, self.story.join("\n"), self.wrong)
    }
}

impl Report {
    pub(crate) fn add(&mut self, other: Self) {
        self.walks += other.walks;
        self.steps += other.steps;
        self.kills += other.kills;
        self.views += other.views;
        self.rows += other.rows;
        for (to, from) in
            [(&mut self.commands, other.commands), (&mut self.refused, other.refused), (&mut self.kinds, other.kinds)]
        {
            from.into_iter().for_each(|(what, count)| *to.entry(what).or_default() += count);
        }
        self.findings.extend(other.findings);
    }

    /// The findings, and the summary.
    pub(crate) fn text(&self) -> String {
        let findings = self.findings.iter().map(|finding| format!("\n{}", finding.text()));
        findings.chain([self.summary()]).collect()
    }

    /// What was done; the last line is the sum of it.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::new();
        let list = |counts: &BTreeMap<String, u64>| -> String {
            counts.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
        };
        let _ = writeln!(text, "models: {}\ncommands: {}", list(&self.kinds), list(&self.commands));
        for (what, count) in &self.refused {
            let _ = writeln!(text, "{count:>6}  refused: {what}");
        }
        let (walks, steps, kills) = (self.walks, self.steps, self.kills);
        let commands = self.commands.values().sum::<u64>();
        let (views, rows, wrong) = (self.views, self.rows, self.findings.len());
        let _ = writeln!(
            text,
            "histories: {walks} walks, {steps} steps, {commands} commands, {kills} killed, {views} views with {rows} rows compared, {wrong} wrong"
        );
        text
    }
}
