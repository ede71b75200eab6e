//! What is kept and whose query names the interval: what it gives of each is laid over the rows that are there, in the order of time
//! and once. Of SCD_TYPE_2 and INCREMENTAL_BY_UNIQUE_KEY that is one interval after the other; of INCREMENTAL_BY_PARTITION and
//! INCREMENTAL_UNMANAGED all that are missing are one load, because a partition may be longer than an interval (as in SQLMesh, where
//! neither has a `batch_size`).
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
use super::task::{Parents, Task};
use crate::model::{ScdType2, UniqueKey};
use crate::plan::{Basis, History, Then, all_there_until, loaded_before_gaps};
use crate::statement::{ColumnType, HistoryPast};
use crate::time::{Interval, IntervalUnit, Timestamp};

/// How what an interval gives meets the rows that are there.
#[derive(Clone, Copy)]
pub(super) enum Rule<'a> {
    /// It becomes versions of them.
    Versions(&'a ScdType2),
    /// It takes the place of those of its keys, or is merged into them.
    Keys(&'a UniqueKey),
    /// It takes the place of its partitions, or comes behind them: all intervals that are missing at once.
    AtOnce(Put<'a>),
}

/// How far a table has come.
struct Reached {
    /// To where intervals are laid; `None` where none is.
    until: Option<Timestamp>,
    /// Where the first one begins of a table that has none, as it was when that was made.
    begin: Option<Timestamp>,
    /// What was before the next one.
    past: HistoryPast,
    /// What is known of the last load of the table that this one goes on from.
    last: LastLoad,
}

impl<'a> Rule<'a> {
    /// Whether an interval that is laid again counts twice, or takes the place of more than itself.
    fn counts_once(self, task: Task<'_>) -> bool {
        match self {
            Self::Versions(_) => false,
            Self::Keys(key) => key.adds_up() || task.reads_itself(),
            Self::AtOnce(_) => true,
        }
    }

    /// The pieces that are loads of their own.
    fn pieces(self, left: Interval, unit: IntervalUnit) -> Vec<Interval> {
        match self {
            Self::AtOnce(_) => vec![left],
            _ => pieces(left, unit).collect(),
        }
    }

    /// What a load does to the rows that are there. `goes_over` says that what the table has of its own goes, though it is further
    /// than what is carried into it: what comes next would be put to it once more.
    fn way(self, goes_over: bool) -> Way<'a> {
        match (self, goes_over) {
            (Self::Versions(scd), _) => Way::Versions(scd),
            (Self::Keys(key), true) => Way::Rows(Put::Anew(key)),
            (Self::Keys(key), false) => Way::Rows(Put::Keys(key)),
            (Self::AtOnce(Put::Partitions(by)), true) => Way::Rows(Put::PartitionsAnew(by)),
            (Self::AtOnce(put), _) => Way::Rows(put),
        }
    }
}

/// What a load does to the rows that are there.
#[derive(Clone, Copy)]
enum Way<'a> {
    Versions(&'a ScdType2),
    Rows(Put<'a>),
}

impl Filler<'_> {
    /// A kind that is kept, by interval.
    pub(super) fn of_intervals(&mut self, rule: Rule<'_>) -> Result<(), FillError> {
        self.refuse_unsafe()?;
        let reached = self.reached(rule)?;
        let begin = reached.begin.or(self.task.target.course.map(|course| course.start));
        self.added_at = Some(reached.until.unwrap_or_else(|| nothing_from(begin)));
        if let Some(History { then: Then::Nothing { .. }, .. }) = self.task.target.history {
            return match self.over(rule, &reached) {
                Way::Versions(scd) => self.history_as_whole(scd),
                Way::Rows(put) => self.put(put),
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
        if rule.counts_once(self.task) && last.recorded.is_none() && !was_whole {
            self.refuse_unknown()?;
        }
        let begin = last.recorded.and_then(begin_of);
        let laid = last.recorded.filter(|recorded| !is_nothing(*recorded)).or(saw);
        // What was loaded before its inputs were there is laid again where that counts nothing twice.
        let loads = last.ledger.loads().iter().map(|load| (load.interval, load.inputs.as_deref()));
        let until = match (loaded_before_gaps(loads), laid) {
            (Some(gap), laid) if !rule.counts_once(self.task) => Some(laid.map_or(gap, |laid| laid.min(gap))),
            (_, laid) => laid,
        };
        let past = if until.is_some() || was_whole { HistoryPast::Loads } else { HistoryPast::None };
        Ok(Reached { until, begin, past, last })
    }

    /// Whether what this table has of its own stays beside the rows that are carried into it: not where it is further than
    /// those, and what comes next would be merged once more.
    fn over<'k>(&self, rule: Rule<'k>, reached: &Reached) -> Way<'k> {
        let own = self.recorded_addition().filter(|recorded| !is_nothing(*recorded));
        rule.way(rule.counts_once(self.task) && own > reached.until)
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
            "nothing says which loads are in its table `{}`, and one more of them would count twice; `bot run` says it with its next load",
            history.table
        )))
    }

    /// What of its time is to be laid: what is to come, and what is read again before that. Nothing is left out between what is
    /// there and what is to come, wherever the model begins by now.
    fn left(&self, rule: Rule<'_>, reached: &Reached) -> Result<Option<Interval>, FillError> {
        let (target, unit) = (self.task.target, self.task.target.unit);
        let Some(course) = target.course else { return Ok(None) };
        let begin = match reached.until {
            None => reached
                .begin
                .filter(|_| course.earliest.is_none())
                .map_or(course.start, |begin| begin.min(course.start)),
            // Of an interval that is not over there are rows in partitions, which take the place of them once it is.
            Some(until) if matches!(rule, Rule::AtOnce(Put::Partitions(_))) => unit.floor(until),
            Some(until) if rule.counts_once(self.task) => {
                refuse_midway(until, unit)?;
                until
            }
            Some(until) => unit.floor(until),
        };
        if rule.counts_once(self.task) {
            // What is there of a unit that is not over would be merged with the rest of it once more.
            return Ok(Interval::new(begin, unit.floor(course.end)));
        }
        let Rule::Keys(key) = rule else { return Ok(Interval::new(begin, course.end)) };
        if reached.until.is_none() {
            return Ok(Interval::new(begin, course.end));
        }
        // A branch looks at what the new definition makes of the last interval.
        let is_preview = target.basis == Basis::Preview && target.history.is_some();
        let lookback = if begin < course.end { key.lookback } else { 0 }.max(u32::from(is_preview));
        let back = unit.back(begin, lookback);
        let begin = course.earliest.map_or(back, |earliest| back.max(earliest.min(begin)));
        Ok(Interval::new(course.again.map_or(begin, |again| again.min(begin)), course.end.max(begin)))
    }

    /// Each interval in a session and a transaction of its own, so that a build that is stopped goes on from there; those that were
    /// laid already with the first that was not, so that nobody sees earlier rows in the place of later ones.
    fn lay(&mut self, rule: Rule<'_>, left: Interval, reached: &Reached) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        // A table that is there may have been made before its first interval.
        let mut past = reached.past;
        let (mut columns, mut known) = (Vec::new(), self.is_known());
        let mut history = task.target.history.as_ref();
        // What the table has got just now is no change of a row, in whichever interval that is.
        let added = RefCell::new(Vec::new());
        let (again, left) = self.split(rule, left, reached);
        if let Rule::Keys(key) = rule
            && let Some(again) = again
        {
            columns = self.lay_together(key, again, (known, reached))?;
            (known, history) = (IsKnown::Yes, None);
        }
        let pieces = left.into_iter().flat_map(|left| rule.pieces(left, task.target.unit));
        for (index, interval) in pieces.enumerate() {
            if index > 0 || again.is_some() {
                self.begin_anew()?;
            }
            let way = self.over(rule, reached);
            // What is laid again by itself leaves the table as far as it was.
            self.added_at = Some(reached.until.map_or(interval.end, |until| until.max(interval.end)));
            columns = self.run(task.time(interval), Audited::Loaded(interval), &|session, query, after| {
                let rows = match way {
                    Way::Versions(scd) => {
                        let laying = Laying { known, history, of: Some((interval, past)), added: Some(&added) };
                        task.load_versions(session, scd, query, laying)?
                    }
                    Way::Rows(put) => task.load_put(session, put, (query, known, history))?,
                };
                task.refuse_moved(session, (history, &reached.last))?;
                run_all(session, after)?;
                Ok(rows)
            })?;
            (known, history, past) = (IsKnown::Yes, None, HistoryPast::Loads);
        }
        Ok(columns)
    }

    /// What of that is laid in one transaction, and what after it. A model with statements of its own has them made for one interval.
    fn split(&self, rule: Rule<'_>, left: Interval, reached: &Reached) -> (Option<Interval>, Option<Interval>) {
        let (model, unit) = (self.task.model, self.task.target.unit);
        let alone = model.pre_statements.is_empty() && model.post_statements.is_empty();
        let next = reached.until.map(|until| unit.floor(until)).filter(|next| left.start < *next);
        match (next, rule) {
            (Some(next), Rule::Keys(_)) if alone && !rule.counts_once(self.task) => {
                let edge = unit.forward(next, 1).min(left.end);
                (Interval::new(left.start, edge), Interval::new(edge, left.end))
            }
            _ => (None, Some(left)),
        }
    }

    /// Several intervals in one transaction, in their order.
    fn lay_together(
        &mut self,
        key: &UniqueKey,
        all: Interval,
        (known, reached): (IsKnown, &Reached),
    ) -> Result<Vec<ColumnType>, FillError> {
        let (task, history) = (self.task, self.task.target.history.as_ref());
        self.added_at = Some(reached.until.map_or(all.end, |until| until.max(all.end)));
        self.transact(Audited::Loaded(all), |session| {
            let mut rows = 0;
            for (index, interval) in pieces(all, task.target.unit).enumerate() {
                let query = task.statements(task.time(interval), Parents::Usual)?.query;
                let (known, history) = if index == 0 { (known, history) } else { (IsKnown::Yes, None) };
                rows += task.load_put(session, Put::Keys(key), (&query, known, history))?;
                task.refuse_moved(session, (history, &reached.last))?;
            }
            Ok(rows)
        })
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
        let way = self.over(rule, reached);
        self.run(time, Audited::Nothing, &|session, query, _| {
            let rows = match way {
                Way::Versions(scd) => {
                    let laying = Laying { known, history: Some(history), of: None, added: None };
                    let none = task.over(&[]).without_rows(query);
                    let ready = task.ready_history(session, scd, &none, laying)?;
                    // Only where something is new does it matter what the last interval gives.
                    if last.is_some() { task.fill_added(session, scd, (&ready, query))? } else { 0 }
                }
                Way::Rows(put) => {
                    let columns = task.ready_put(session, (query, known))?;
                    task.carry_put(session, (put, Some(history)), &columns)?
                }
            };
            task.refuse_moved(session, (Some(history), &reached.last))?;
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
                    Rule::Keys(_) | Rule::AtOnce(_) => {
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

/// What is said of a table of which no interval was laid yet, and which is to begin there: so it is told from one that was loaded as a
/// whole, of which nothing is said, and begins nowhere else though the clock goes on. Before all time, the beginning counted from there.
fn nothing_from(begin: Option<Timestamp>) -> Timestamp {
    Timestamp(i64::MIN + begin.map_or(0, |begin| begin.0.max(0)))
}

fn is_nothing(recorded: Timestamp) -> bool {
    recorded.0 < i64::MIN / 2
}

fn begin_of(recorded: Timestamp) -> Option<Timestamp> {
    is_nothing(recorded).then(|| Timestamp(recorded.0 - i64::MIN)).filter(|begin| begin.0 > 0)
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
        "rows up to {} are in its table, which is in the middle of an interval of this definition: nobody knows which of that are to \
         come; give it the `interval_unit` that it had, or let it begin under another name or without `forward_only`",
        until.date_time()
    )))
}
