//! Random lives of a project: branches are edited, shown in part or as a whole, merged, promoted, rolled back and dropped,
//! builds fail midway, days pass, and now and then somebody collects.

use std::collections::BTreeMap;

use offshoot::error::Exit;
use offshoot::time::{IntervalUnit, Timestamp};

use super::facts::{DEPTH, Facts};
use super::{DAILY, FAILS, SHOWN, TOTAL};
use crate::lab::edit;
use crate::oracle::world::random::Choices;
use crate::world::World;

const BRANCHES: [&str; 3] = ["one", "two", "three"];
const WEEK: i64 = 7 * 24 * 60 * 60 * 1000;
/// What a life has seen so far.
struct Life {
    world: World,
    now: Timestamp,
    choices: Choices,
    /// When each table was last seen to be made or needed.
    used: BTreeMap<String, Timestamp>,
    /// When a gc first found it without anybody who needs it, since it was used last.
    found_idle: BTreeMap<String, Timestamp>,
    counts: Counts,
}

/// That a life was worth living.
#[derive(Debug, Default)]
struct Counts {
    gone: usize,
    revived: usize,
    failed: usize,
    over: usize,
    previews: usize,
    rolled_back: usize,
    held: usize,
}

impl Life {
    fn new(seed: u64) -> Self {
        let world = super::world();
        edit(&world, &[("offshoot.yaml", &format!("gc: {{history: {DEPTH}}}\n"))]);
        for branch in BRANCHES {
            world.repository.checkout("main").branch(branch);
        }
        let now = Timestamp::parse("2026-04-01").expect("a moment");
        let (used, found_idle) = (BTreeMap::new(), BTreeMap::new());
        let mut life = Self { world, now, choices: Choices::new(seed), used, found_idle, counts: Counts::default() };
        life.look("at the beginning");
        life
    }

    fn facts(&self) -> Facts {
        Facts::of(self.world.repository.path())
    }

    /// Looks after a step that was no gc.
    fn look(&mut self, when: &str) -> Facts {
        let facts = self.facts();
        facts.assert_sound(when);
        for table in &facts.there {
            let is_needed = facts.pointed_at.contains(table) || facts.remembered.contains(table);
            if is_needed || !self.used.contains_key(table) {
                self.used.insert(table.clone(), self.now);
                self.counts.revived += usize::from(self.found_idle.remove(table).is_some() && is_needed);
            }
        }
        facts
    }

    fn edits(&mut self, branch: &str) {
        let repository = &self.world.repository;
        repository.checkout(branch);
        let number = self.choices.below(7);
        match self.choices.below(5) {
            0 | 1 => {
                let text = DAILY.replace("day, amount FROM", &format!("day, amount * {number} AS amount FROM"));
                repository.write("models/daily.sql", text);
            }
            2 | 3 => {
                repository.write("models/total.sql", TOTAL.replace("SUM(amount)", &format!("SUM(amount) + {number}")));
            }
            _ => {
                let column = format!("amount + {number} AS amount");
                repository.write("models/shown.sql", SHOWN.replacen("amount", &column, 1));
            }
        }
        if !repository.git(&["status", "--porcelain"]).is_empty() {
            repository.commit("an edit");
        }
        repository.git(&["merge", "--quiet", "--no-edit", "--strategy-option=ours", "main"]);
    }

    fn applies(&mut self) {
        let branch = self.choices.one(&BRANCHES);
        self.edits(branch);
        let mut arguments = vec!["apply", "--env", branch, "--format", "json"];
        if self.choices.chance(60) {
            arguments.extend(["--max-days", "2"]);
        }
        let shown = self.world.done(&arguments).json();
        let models = shown["plan"]["models"].as_array().expect("a list");
        self.counts.previews += models.iter().filter(|model| model["basis"] == "preview").count();
    }

    /// A build dies midway: what it made is there, and nobody points at it.
    fn fails(&mut self) {
        let branch = self.choices.one(&BRANCHES);
        self.edits(branch);
        edit(&self.world, &[("models/fails.sql", FAILS)]);
        let ran = self.world.bot(&["apply", "--env", branch]);
        assert_eq!(ran.exit, Exit::No, "{}{}", ran.stdout, ran.stderr);
        self.world.repository.remove("models/fails.sql");
        self.world.repository.commit("without what fails");
        self.counts.failed += 1;
    }

    fn promotes(&mut self) {
        let branch = self.choices.one(&BRANCHES);
        self.edits(branch);
        self.world.repository.checkout("main").merge(branch);
        let ran = self.world.bot(&["promote"]);
        if ran.exit == Exit::No {
            assert!(ran.stderr.contains("`prod` is held"), "{}", ran.stderr);
            self.counts.held += 1;
            if self.choices.chance(70) {
                self.world.done(&["promote", "--release"]);
            }
        }
    }

    /// Production goes back to an entry that is remembered; one within the depth is always there.
    fn rolls_back(&mut self) {
        let page = self.world.done(&["env", "show", "prod", "--history", "4", "--format", "json"]).json();
        let entries = page["history"].as_array().expect("a list");
        if entries.len() < 2 {
            return;
        }
        let place = 1 + self.choices.below(entries.len() - 1);
        let number = entries[place]["entry"].to_string();
        let ran = self.world.bot(&["rollback", "--to", &number]);
        if ran.exit == Exit::Done {
            self.counts.rolled_back += 1;
            return;
        }
        let is_same = ran.stderr.contains("shows what is shown now");
        let is_gone = place >= DEPTH && ran.stderr.contains("are gone");
        assert!(is_same || is_gone, "entry {number}, {place} back: {}", ran.stderr);
    }

    fn drops(&mut self) {
        let branch = self.choices.one(&BRANCHES);
        let ran = self.world.bot(&["env", "drop", branch]);
        assert!(ran.exit == Exit::Done || ran.stderr.contains("there is no environment"), "{}", ran.stderr);
    }

    fn waits(mut self) -> Self {
        let hours = [1, 30, 50, 100][self.choices.below(4)];
        let hour = IntervalUnit::Hour;
        self.now = (0..hours).fold(self.now, |moment, _| hour.next(moment));
        self.world = self.world.at(&self.now.rfc3339());
        self
    }

    fn collects(&mut self, step: usize) {
        let when = format!("in step {step}");
        let before = self.look(&when);
        let would = self.world.done(&["gc", "--dry-run", "--format", "json"]).json();
        let mut did = self.world.done(&["gc", "--format", "json"]).json();
        did["dry_run"] = true.into();
        assert_eq!(did, would, "a dry run tells what is done {when}");
        let after = self.facts();
        after.assert_collected(&when);
        after.assert_shows_as_before(&before, &when);
        self.counts.over += did["environments"].as_array().map_or(0, Vec::len);
        for gone in before.there.difference(&after.there) {
            assert!(self.used[gone].0 + WEEK <= self.now.0, "{gone} was needed less than a week ago, {when}");
            self.used.remove(gone);
            self.found_idle.remove(gone);
            self.counts.gone += 1;
        }
        for idle in &after.marked {
            let found = *self.found_idle.entry(idle.clone()).or_insert(self.now);
            assert!(self.now.0 < found.0 + WEEK, "{idle} is still there {when}");
        }
    }
}

#[test]
fn nothing_that_is_needed_goes_and_everything_else_does() {
    let mut life = Life::new(4);
    for step in 0..80 {
        match life.choices.below(14) {
            0..=3 => life.applies(),
            4 => life.fails(),
            5 | 6 => life.promotes(),
            7 => life.drops(),
            8 | 9 => life = life.waits(),
            10 | 11 => life.rolls_back(),
            _ => life.collects(step),
        }
        life.look(&format!("after step {step}"));
    }
    let Counts { gone, revived, failed, over, previews, rolled_back, held } = life.counts;
    assert!(gone >= 10 && revived >= 2 && failed >= 3 && over >= 1 && previews >= 2, "{:?}", life.counts);
    assert!(rolled_back >= 3 && held >= 1, "{:?}", life.counts);
}
