//! The program's commands, and what is looked at after each.

use std::collections::{BTreeMap, BTreeSet};

use offshoot::error::Exit;

use super::ir::{From, Kind, Model, Project, Word};
use super::kill::kill;
use super::observe::{Seen, Warehouse, views};
use super::production::{Moment, Outcomes, Production};
use super::random::Choices;
use super::render::{are_alike, unallowed};
use super::table::{Found, Table};
use super::value::{DAY, Value, tick};
use super::walk::{Commit, Walk};
use crate::world::Ran;

/// How a model's reader that is filled as a whole stands to what it reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// It shows its query over what is there.
    Now,
    /// It may be as it was.
    Sometime,
}

impl Walk {
    pub(super) fn bot(&mut self, arguments: &[&str]) -> Ran {
        *self.report.commands.entry(arguments[0].to_owned()).or_default() += 1;
        let now = offshoot::time::Timestamp(self.now).date_time();
        self.tell(format!("{now} bot {}", arguments.join(" ")));
        self.killed_first(arguments);
        self.world().bot(arguments)
    }

    /// The same command before, if it is to be killed: whatever it does until then, the other comes to the same.
    fn killed_first(&mut self, arguments: &[&str]) {
        let Some(at) = self.kill.take() else { return };
        if kill(self.world().process(arguments), at) {
            self.report.kills += 1;
            self.tell(format!("  (killed before, at line {at})"));
        }
        if let Warehouse::Postgres(database) = self.warehouse() {
            database.forget_the_dead();
        }
    }

    /// As [`Self::bot`], of which nothing else than that it is done is right.
    pub(super) fn done(&mut self, arguments: &[&str]) -> Result<Ran, String> {
        let ran = self.bot(arguments);
        self.last = Some(arguments.iter().map(|argument| (*argument).to_owned()).collect());
        match ran.exit {
            Exit::Done => Ok(ran),
            _ => Err(format!("bot {} says no\n{}{}", arguments.join(" "), ran.stdout, ran.stderr)),
        }
    }

    pub(super) fn promote(&mut self) -> Result<(), String> {
        self.promote_saying(None)
    }

    /// A promote of whatever would be computed again as `--forward-only`.
    pub(super) fn promote_decided(&mut self, choices: &mut Choices) -> Result<(), String> {
        let from = self.effective_from(choices);
        self.promote_saying(Some(from))
    }

    /// The day of `--effective-from`, where it is said.
    pub(super) fn effective_from(&self, choices: &mut Choices) -> Option<i64> {
        let day = tick(self.now) - DAY * choices.below(5) as i64;
        choices.chance(60).then_some(day)
    }

    fn promote_saying(&mut self, word: Option<Option<i64>>) -> Result<(), String> {
        self.pass(1);
        // A branch that is checked out is none that is promoted.
        let place = self.main.len() - 1;
        let is_new = self.promoted.is_none_or(|promoted| promoted < place);
        self.done(&saying(&["promote", "--release"], word).iter().map(String::as_str).collect::<Vec<_>>())?;
        if !is_new {
            return self.unchanged();
        }
        let head = self.head();
        if let (Some(from), Some(shown)) = (word, self.production.project.clone()) {
            self.production.decide(&head, &shown, from);
        }
        let project = self.production.as_decided(&head);
        // "Where the fingerprint stayed, it holds the same": a reader of what is computed again hears nothing of a source that was
        // corrected before its own `cron` fires.
        let Self { production, now, .. } = self;
        let is_computed = |name: &str| project.is_computed(name) || production.was_computed(name);
        let computed: Vec<&str> =
            project.models.iter().map(|model| model.name).filter(|name| is_computed(name)).collect();
        production.old_readers.retain(|name, _| computed.contains(name));
        production.old_readers.extend(computed.iter().map(|name| (*name, *now)));
        let old_days = std::mem::take(&mut production.old_days);
        production.short_days.extend(old_days);
        self.promoted = Some(place);
        self.settled(&project, |production, model, at| production.promoted(&project, model, at))?;
        // A reader that is filled now is not due before its next tick, though what it reads is loaded for this one later.
        let Self { production, now, .. } = self;
        let behind: Vec<&str> = project.models.iter().map(|model| model.name).collect();
        let behind = behind.into_iter().filter(|name| production.is_behind(name, *now)).collect::<Vec<_>>();
        production.old_readers.extend(behind.into_iter().map(|name| (name, *now)));
        self.entered(&project, place)
    }

    /// "A column that is gone is refused, unless the kind has `on_destructive_change allow`": production stays as it is, and the
    /// author thinks again.
    pub(super) fn refused_edit(&mut self, choices: &mut Choices) -> Result<(), String> {
        // What else a promote that fails has loaded by then is no part of this.
        self.run()?;
        let Some(shown) = self.production.project.clone() else { return Ok(()) };
        let head = self.head();
        if !are_alike(&head, &shown) {
            return Ok(());
        }
        let keeps = |model: &&Model| {
            let before = shown.models.iter().find(|before| before.name == model.name);
            let is_kept = |model: &Model| model.kind.is_kept() && !model.extras.is_empty();
            model.kind.is_kept() && before.is_some_and(is_kept)
        };
        let Some(model) = choices.pick(&head.models.iter().filter(keeps).cloned().collect::<Vec<_>>()).cloned() else {
            return Ok(());
        };
        let fewer = Model { extras: BTreeSet::new(), ..model };
        let (path, text) = unallowed(&fewer);
        self.tell(format!("edit: no further columns of `s.{}`, and nothing allows that", fewer.name));
        let repository = &self.world().repository;
        repository.checkout("main").write(&path, &text);
        repository.commit("too few");
        self.pass(1);
        self.last = None;
        let ran = self.bot(&["promote", "--release"]);
        self.refused(&ran);
        if ran.exit == Exit::Done || !ran.stderr.contains("would be lost") {
            return Err(format!("a column is given up that may not be\n{}{}", ran.stdout, ran.stderr));
        }
        self.commit(Project { notes: head.notes + 1, ..head }, "as before");
        self.unchanged()
    }

    /// The number of the entry that production shows now.
    fn entered(&mut self, project: &Project, place: usize) -> Result<(), String> {
        let shown = self.world().bot(&["env", "show", "prod", "--format", "json"]).json();
        let number = shown["history"][0]["entry"].as_u64().ok_or("no entry")?;
        self.entries.insert(number, Commit { project: project.clone(), place });
        Ok(())
    }

    pub(super) fn run(&mut self) -> Result<(), String> {
        self.pass(1);
        self.done(&["run"])?;
        let Some(project) = self.production.project.clone() else { return Ok(()) };
        let tick = tick(self.now);
        self.production.old_readers.retain(|_, at| *at >= tick);
        self.production.short_days.clear();
        self.settled(&project, |production, model, at| production.ran(&project, model, at))
    }

    pub(super) fn rollback(&mut self, choices: &mut Choices) -> Result<(), String> {
        let Some(shown) = &self.production.project else { return Ok(()) };
        let others = self.entries.iter().filter(|(_, commit)| !are_alike(&commit.project, shown));
        let others: Vec<u64> = others.map(|(number, _)| *number).collect();
        let Some(number) = choices.pick(&others).copied() else { return Ok(()) };
        let Commit { project, place } = self.entries[&number].clone();
        self.pass(1);
        let is_killed = self.kill.is_some();
        let ran = self.bot(&["rollback", "--to", &number.to_string(), "--yes"]);
        self.last = None;
        // One that was killed may have been through.
        let is_there = is_killed && ran.stderr.contains("shows what is shown now");
        if ran.exit != Exit::Done && !is_there {
            // Tables that nothing shows may have been dropped by now.
            self.refused(&ran);
            let expected = self.production.may_lack(&project) || self.report.commands.contains_key("gc");
            return if expected {
                self.unchanged()
            } else {
                Err(format!("rollback says no\n{}{}", ran.stdout, ran.stderr))
            };
        }
        let now = self.now;
        self.production.old_readers = project.models.iter().map(|model| (model.name, now)).collect();
        self.production.old_days = project.models.iter().map(|model| model.name).collect();
        self.promoted = Some(place);
        self.settled(&project, |production, model, _| production.rolled_back(&project, model))?;
        self.entered(&project, place)
    }

    pub(super) fn restate(&mut self, choices: &mut Choices) -> Result<(), String> {
        let Some(project) = self.production.project.clone() else { return Ok(()) };
        let model = choices.one(&project.models);
        self.pass(1);
        let last = tick(self.now) - DAY * (1 + choices.below(4) as i64);
        let days: Vec<i64> = (0..=choices.below(2) as i64).map(|back| last - back * DAY).collect();
        let (Some(first), Some(last)) =
            (days.iter().min().and_then(|day| Value::Day(*day).text()), Value::Day(last).text())
        else {
            return Ok(());
        };
        let name = format!("s.{}", model.name);
        let ran = self.bot(&["run", "--restate", &name, "--start", &first, "--end", &last]);
        self.last = None;
        let is_fixed = matches!(
            model.kind,
            Kind::Log
                | Kind::ByColumn { .. }
                | Kind::ByTime { .. }
                | Kind::Laid { .. }
                | Kind::AtOnce { .. }
                | Kind::Spread { merged: true, .. }
                | Kind::Days(Word::DisableRestatement)
        );
        match (is_fixed, ran.exit == Exit::Done) {
            (true, false) => {
                self.refused(&ran);
                return self.unchanged();
            }
            (false, true) => {}
            _ => return Err(format!("a restatement of `{name}` ends otherwise\n{}{}", ran.stdout, ran.stderr)),
        }
        let tick = tick(self.now);
        self.production.old_readers.retain(|name, at| *at >= tick && *name != model.name);
        let named = model.name;
        self.settled(&project, |production, model, at| match model.name == named {
            true => production.restated(&project, model, &days, at),
            false => production.ran(&project, model, at),
        })
    }

    pub(super) fn gc(&mut self) -> Result<(), String> {
        self.pass(1);
        self.done(&["gc", "--yes"])?;
        self.last = None;
        self.production.collected();
        self.unchanged()
    }

    /// `bot promote --to staging`, and from then on `bot run staging`: tables are made and loaded there that production may show
    /// later. What it shows by then is carried into them, and it is left alone.
    pub(super) fn staging(&mut self) -> Result<(), String> {
        if self.production.project.is_none() {
            return Ok(());
        }
        self.pass(1);
        let source = self.source.clone();
        if let Some(project) = self.staging.clone() {
            self.done(&["run", "staging"])?;
            self.last = None;
            self.production.ran_beside(&project, self.moment(&source));
        } else {
            let project = self.production.as_decided(&self.head());
            self.done(&["promote", "--to", "staging"])?;
            self.last = None;
            self.production.promoted_beside(&project, self.moment(&source));
            self.staging = Some(project);
        }
        self.unchanged()
    }

    /// The same command twice does as much as once.
    pub(super) fn again(&mut self) -> Result<(), String> {
        let Some(last) = self.last.clone() else { return Ok(()) };
        let arguments: Vec<&str> = last.iter().map(String::as_str).collect();
        let before = self.seen_on_branches();
        self.done(&arguments)?;
        let after = self.seen_on_branches();
        if before != after {
            return Err(format!("a branch shows something else\nbefore {before:#?}\nafter {after:#?}"));
        }
        self.unchanged()
    }

    fn refused(&mut self, ran: &Ran) {
        let line = ran.stderr.lines().next().unwrap_or_default();
        // Without what is of this walk alone.
        let line: String =
            line.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).take(90).collect();
        *self.report.refused.entry(line).or_default() += 1;
    }

    /// Production shows what it showed.
    pub(super) fn unchanged(&mut self) -> Result<(), String> {
        let Some(project) = self.production.project.clone() else { return Ok(()) };
        self.settled(&project, |production, model, _| production.shown(model.name).cloned().into_iter().collect())
    }

    /// Production shows this project with one of these outcomes for each model, parents first.
    fn settled(
        &mut self,
        project: &Project,
        outcomes: impl Fn(&mut Production, &Model, Moment<'_>) -> Outcomes,
    ) -> Result<(), String> {
        let seen = views(self.warehouse(), "s");
        let source = self.source.clone();
        let mut tables = Vec::new();
        for model in &project.models {
            let at = self.moment(&source);
            let outcomes = outcomes(&mut self.production, model, at);
            let table = self.table(&seen, model, &outcomes)?;
            self.production.settle(project, model, table.clone());
            tables.push(table);
        }
        self.production.project = Some(project.clone());
        for (model, table) in project.models.iter().zip(&tables) {
            let is_old = self.production.old_readers.contains_key(model.name);
            self.readers(&seen, model, table, if is_old { Filled::Sometime } else { Filled::Now })?;
        }
        Ok(())
    }

    /// The outcome that a model's view shows.
    pub(super) fn table(
        &mut self,
        seen: &BTreeMap<String, Seen>,
        model: &Model,
        outcomes: &Outcomes,
    ) -> Result<Table, String> {
        let seen = self.seen(seen, model.name, &model.columns())?;
        let found = outcomes.iter().find_map(|outcome| outcome.settled(&seen.rows));
        found.ok_or_else(|| {
            let expected: Vec<Vec<String>> = outcomes.iter().map(Table::lines).collect();
            told(model.name, &model.columns(), &seen.lines(), &expected)
        })
    }

    /// A model's two readers.
    pub(super) fn readers(
        &mut self,
        seen: &BTreeMap<String, Seen>,
        model: &Model,
        table: &Table,
        filled: Filled,
    ) -> Result<(), String> {
        let (view, full) = (format!("{}_view", model.name), format!("{}_full", model.name));
        self.shows(seen, &view, &["name", "price"], &table.doubled(&["name"]))?;
        // Rows that are computed may be other ones where the source was corrected, of which a reader by day hears of by
        // `--restate` alone.
        let is_daily = model.kind.from() == From::Events && !self.production.was_computed(model.name);
        let Production { old_days, short_days, .. } = &self.production;
        if is_daily && filled == Filled::Now && ![old_days, short_days].iter().any(|days| days.contains(model.name)) {
            let daily = format!("{}_daily", model.name);
            self.shows(seen, &daily, &["day", "name", "price"], &table.doubled(&["day", "name"]))?;
        }
        let grouped = model.grouped();
        let columns: Vec<&str> = grouped.iter().copied().chain(["n"]).collect();
        match filled {
            Filled::Now => self.shows(seen, &full, &columns, &table.counted(&grouped)),
            Filled::Sometime => self.seen(seen, &full, &columns).map(drop),
        }
    }

    fn shows(
        &mut self,
        seen: &BTreeMap<String, Seen>,
        name: &str,
        columns: &[&str],
        expected: &Found,
    ) -> Result<(), String> {
        let seen = self.seen(seen, name, columns)?;
        if seen.rows == *expected {
            return Ok(());
        }
        let expected = Seen { columns: Vec::new(), rows: expected.clone() }.lines();
        Err(told(name, columns, &seen.lines(), &[expected]))
    }

    fn seen(&mut self, seen: &BTreeMap<String, Seen>, name: &str, columns: &[&str]) -> Result<Seen, String> {
        let seen = seen.get(name).ok_or_else(|| format!("no view `{name}`"))?;
        if seen.columns != columns {
            return Err(format!("`{name}` has the columns {:?}, not {columns:?}", seen.columns));
        }
        self.report.views += 1;
        self.report.rows += seen.rows.len() as u64;
        Ok(seen.clone())
    }
}

/// A command with what it says of the rows that would be computed again: nothing, or that all or those before a day are kept.
pub(super) fn saying(command: &[&str], word: Option<Option<i64>>) -> Vec<String> {
    let mut command: Vec<String> = command.iter().map(|argument| (*argument).to_owned()).collect();
    if let Some(from) = word {
        command.push("--forward-only".to_owned());
        if let Some(from) = from.and_then(|from| Value::Day(from).text()) {
            command.extend(["--effective-from".to_owned(), from]);
        }
    }
    command
}

/// Both sides' rows; what only one of them has is marked.
fn told(name: &str, columns: &[&str], found: &[String], outcomes: &[Vec<String>]) -> String {
    let mut text = format!("`{name}` ({}) shows\n", columns.join(", "));
    for line in found {
        let mark = if outcomes.iter().any(|outcome| outcome.contains(line)) { ' ' } else { '+' };
        text.push_str(&format!("  {mark} {line}\n"));
    }
    for outcome in outcomes {
        text.push_str("and should show\n");
        for line in outcome {
            let mark = if found.contains(line) { ' ' } else { '-' };
            text.push_str(&format!("  {mark} {line}\n"));
        }
    }
    text
}
