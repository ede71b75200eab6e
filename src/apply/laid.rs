//! What is kept and whose query names the interval, SCD_TYPE_2 and INCREMENTAL_BY_UNIQUE_KEY: what it gives of each interval is laid
//! over the rows that are there, one interval after the other, in the order of time and once.
//!
//! How far a table has come is kept beside it in the warehouse, in the transaction that lays an interval: the two are never
//! apart, whoever dies when. It goes with the rows where they are carried into the table of another definition. The state is
//! told once all are laid; it has no ranges of such a table.

use std::cell::RefCell;

use super::audit::Audited;
use super::fault::FillError;
use super::fill::{Filler, count, run_all};
use super::history::{IsKnown, Laying};
use super::put::{LastLoad, Put};
use super::task::Task;
use crate::engine::Session;
use crate::model::{ScdType2, UniqueKey};
use crate::plan::{Basis, History, Then, all_there_until, loaded_before_gaps};
use crate::statement::{ColumnType, HistoryPast};
use crate::time::{Interval, IntervalUnit, Timestamp};

/// Where a table stands of which no interval was laid yet. It is said, too, so that a table that was loaded as a whole, of which
/// nothing is said, is told from it.
const NOTHING_YET: Timestamp = Timestamp(i64::MIN);

/// How what an interval gives meets the rows that are there.
#[derive(Clone, Copy)]
pub(super) enum Rule<'a> {
    /// It becomes versions of them.
    Versions(&'a ScdType2),
    /// It takes the place of those of its keys, or is merged into them.
    Keys(&'a UniqueKey),
}

/// How far a table has come.
struct Reached {
    /// To where intervals are laid; `None` where none is.
    until: Option<Timestamp>,
    /// What was before the next one.
    past: HistoryPast,
    /// What is known of the last load of the table that this one goes on from.
    last: LastLoad,
}

impl Rule<'_> {
    /// Whether an interval that is laid again counts twice.
    fn adds_up(self) -> bool {
        matches!(self, Self::Keys(key) if key.adds_up())
    }
}

impl Filler<'_> {
    /// A kind that is kept, by interval.
    pub(super) fn of_intervals(&mut self, rule: Rule<'_>) -> Result<(), FillError> {
        self.refuse_unsafe()?;
        let reached = self.reached(rule)?;
        self.added_at = Some(reached.until.unwrap_or(NOTHING_YET));
        if let Some(History { then: Then::Nothing { .. }, .. }) = self.task.target.history {
            return match rule {
                Rule::Versions(scd) => self.history_as_whole(scd),
                Rule::Keys(key) => self.put(Put::Keys(key)),
            };
        }
        let columns = match (self.left(rule, &reached)?, &self.task.target.history) {
            (Some(left), _) => self.lay(rule, left, &reached)?,
            (None, Some(history)) => self.carry_alone(rule, history, &reached)?,
            (None, None) => self.as_it_is(rule)?,
        };
        self.record(&[self.snapshot(&columns, Some(self.task.work.now)), self.built()])
    }

    /// To where intervals are laid in the table that this one goes on from, else in itself. What was loaded as a whole saw what
    /// there was then; what was loaded by interval holds as much as the state says.
    fn reached(&mut self, rule: Rule<'_>) -> Result<Reached, FillError> {
        let last = self.last_load()?;
        let was_whole = last.recorded.is_none() && last.as_of.is_some();
        let saw = if was_whole { self.saw(last.as_of)? } else { None };
        let until = match (last.recorded.or(saw), rule) {
            (None, Rule::Keys(_)) if !last.ledger.loads().is_empty() => match rule.adds_up() {
                true => last.ledger.intervals().end(),
                false => {
                    loaded_before_gaps(last.ledger.loads().iter().map(|load| (load.interval, load.inputs.as_deref())))
                }
            },
            (None, _) if rule.adds_up() && !was_whole => {
                self.refuse_unknown()?;
                None
            }
            (until, _) => until,
        };
        let until = until.filter(|until| *until != NOTHING_YET);
        let past = if until.is_some() || was_whole { HistoryPast::Loads } else { HistoryPast::None };
        Ok(Reached { until, past, last })
    }

    /// What a load as a whole saw: no more than its inputs had.
    fn saw(&self, as_of: Option<Timestamp>) -> Result<Option<Timestamp>, FillError> {
        let target = self.task.target;
        let key = target.history.as_ref().map_or(&target.key, |history| &history.key);
        let build = self.task.work.state.newest_builds(std::slice::from_ref(key))?.remove(key);
        let seen = build.and_then(|build| build.seen).and_then(|seen| all_there_until(&seen));
        Ok(as_of.map(|as_of| seen.map_or(as_of, |seen| seen.min(as_of))))
    }

    /// Says no where rows are there of which nobody knows which loads they are of: merged into once more they would count twice.
    fn refuse_unknown(&mut self) -> Result<(), FillError> {
        let Some(history) = &self.task.target.history else { return Ok(()) };
        if count(self.session(), &history.table)? == 0 {
            return Ok(());
        }
        Err(FillError::History(format!(
            "nothing says what is in its table `{}`, in which a load was left unfinished; `bot run` finishes it",
            history.table
        )))
    }

    /// What of its time is to be laid: what is to come, and what is read again before that. Nothing is left out between what is
    /// there and what is to come, wherever the model begins by now.
    fn left(&self, rule: Rule<'_>, reached: &Reached) -> Result<Option<Interval>, FillError> {
        let (target, unit) = (self.task.target, self.task.target.unit);
        let Some(course) = target.course else { return Ok(None) };
        let begin = match reached.until {
            None => course.start,
            Some(until) if rule.adds_up() => {
                refuse_midway(until, unit)?;
                until
            }
            Some(until) => unit.floor(until),
        };
        let Rule::Keys(key) = rule else { return Ok(Interval::new(begin, course.end)) };
        if key.adds_up() || reached.until.is_none() {
            return Ok(Interval::new(begin, course.end));
        }
        // A branch looks at what the new definition makes of the last interval.
        let is_preview = target.basis == Basis::Preview && target.history.is_some();
        let lookback = if begin < course.end { key.lookback } else { 0 }.max(u32::from(is_preview));
        let begin = unit.back(begin, lookback).max(course.start.min(begin));
        Ok(Interval::new(course.again.map_or(begin, |again| again.min(begin)), course.end.max(begin)))
    }

    /// Each interval in a session and a transaction of its own, so that a build that is stopped goes on from there.
    fn lay(&mut self, rule: Rule<'_>, left: Interval, reached: &Reached) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        // A table that is there may have been made before its first interval.
        let mut past = reached.past;
        let (mut columns, mut known) = (Vec::new(), self.is_known());
        let mut history = task.target.history.as_ref();
        // What the table has got just now is no change of a row, in whichever interval that is.
        let added = RefCell::new(Vec::new());
        for (index, interval) in pieces(left, task.target.unit).enumerate() {
            if index > 0 {
                self.begin_anew()?;
            }
            self.added_at = Some(interval.end);
            columns = self.run(task.time(interval), Audited::Loaded(interval), &|session, query, after| {
                let rows = match rule {
                    Rule::Versions(scd) => {
                        let laying = Laying { known, history, of: Some((interval, past)), added: Some(&added) };
                        task.load_versions(session, scd, query, laying)?
                    }
                    Rule::Keys(key) => task.load_put(session, Put::Keys(key), (query, known, history))?,
                };
                task.refuse_moved(session, (history, reached))?;
                run_all(session, after)?;
                Ok(rows)
            })?;
            (known, history, past) = (IsKnown::Yes, None, HistoryPast::Loads);
        }
        Ok(columns)
    }

    /// Nothing to lay: what the table goes on from, with what the last interval says of columns that are new.
    fn carry_alone(
        &mut self,
        rule: Rule<'_>,
        history: &History,
        reached: &Reached,
    ) -> Result<Vec<ColumnType>, FillError> {
        let (task, known, unit) = (self.task, self.is_known(), self.task.target.unit);
        let last = reached.until.map(|until| unit.floor(until));
        let last = last.and_then(|until| Interval::new(unit.back(until, 1), until));
        let time = last.map_or_else(|| task.whole_time(), |last| task.time(last));
        self.run(time, Audited::Nothing, &|session, query, _| {
            let rows = match rule {
                Rule::Versions(scd) => {
                    let laying = Laying { known, history: Some(history), of: None, added: None };
                    let none = task.over(&[]).without_rows(query);
                    let ready = task.ready_history(session, scd, &none, laying)?;
                    // Only where something is new does it matter what the last interval gives.
                    if last.is_some() { task.fill_added(session, scd, (&ready, query))? } else { 0 }
                }
                Rule::Keys(key) => {
                    let columns = task.ready_put(session, (query, known))?;
                    task.carry_put(session, (Put::Keys(key), Some(history)), &columns)?
                }
            };
            task.refuse_moved(session, (Some(history), reached))?;
            Ok(rows)
        })
    }

    /// Nothing to lay and nothing to carry: the table as it is, or made.
    fn as_it_is(&mut self, rule: Rule<'_>) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        if self.known.is_none() {
            return self.run(task.whole_time(), Audited::Nothing, &|session, query, _| {
                match rule {
                    Rule::Versions(scd) => {
                        let laying = Laying { known: IsKnown::No, history: None, of: None, added: None };
                        task.ready_history(session, scd, &task.over(&[]).without_rows(query), laying)?;
                    }
                    Rule::Keys(_) => {
                        task.ready_put(session, (query, IsKnown::No))?;
                    }
                }
                Ok(0)
            });
        }
        self.transact(Audited::Nothing, |session| {
            session.columns(task.table)?.ok_or_else(|| FillError::TableGone(task.table.to_string()))?;
            Ok(0)
        })
    }
}

impl Task<'_> {
    /// Says no where the rows that were carried over may be further than the table was when it was asked how far it is.
    fn refuse_moved(
        self,
        session: &mut dyn Session,
        (history, reached): (Option<&History>, &Reached),
    ) -> Result<(), FillError> {
        let Some(history) = history else { return Ok(()) };
        match self.last_load_of(session, history)? == reached.last {
            true => Ok(()),
            false => Err(FillError::Overtaken(history.table.to_string())),
        }
    }
}

/// One interval after the other. Where the first begins within one, what is left of that.
fn pieces(left: Interval, unit: IntervalUnit) -> impl Iterator<Item = Interval> {
    let edge = unit.ceil(left.start).min(left.end);
    let rest = Interval::new(edge, left.end);
    Interval::new(left.start, edge)
        .into_iter()
        .chain(rest.into_iter().flat_map(move |rest| rest.batches(unit, Some(1))))
}

/// Says no where rows are merged up to a moment from which on no query can tell what is to come: it may name days alone.
fn refuse_midway(until: Timestamp, unit: IntervalUnit) -> Result<(), FillError> {
    let finer = unit.max(IntervalUnit::Day);
    if finer.floor(until) == until {
        return Ok(());
    }
    Err(FillError::History(format!(
        "rows up to {} are merged into its table, which is in the middle of an interval of this definition; give it that \
         `interval_unit`, or merge the rest of it by hand and promote after its end",
        until.date_time()
    )))
}
