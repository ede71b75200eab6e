//! SCD_TYPE_2 whose query names the interval: what it gives of each interval is laid over the versions that are there, one
//! interval after the other, in the order of time and once.
//!
//! How far a table has come is kept beside it in the warehouse, in the transaction that lays an interval: the two are never
//! apart, whoever dies when. It goes with the rows where they are carried into the table of another definition. The state is
//! told once all are laid; it has no ranges of such a table, because none of them can be loaded again.

use std::cell::RefCell;

use super::audit::Audited;
use super::fault::FillError;
use super::fill::{Filler, run_all};
use super::history::{IsKnown, Laying};
use super::task::Task;
use crate::engine::Session;
use crate::model::ScdType2;
use crate::plan::{History, Then, all_there_until};
use crate::statement::{ColumnType, HistoryPast};
use crate::time::{Interval, Timestamp};

/// Where a table stands of which no interval was laid yet. It is said, too, so that a table that was loaded as a whole, of which
/// nothing is said, is told from it.
const NOTHING_YET: Timestamp = Timestamp(i64::MIN);

/// How far a table has come.
#[derive(Clone, Copy)]
struct Reached {
    /// To where intervals are laid; `None` where none is.
    until: Option<Timestamp>,
    /// What was before the next one.
    past: HistoryPast,
    /// What the warehouse says beside the table that this one goes on from.
    recorded: Option<Timestamp>,
}

impl Filler<'_> {
    /// SCD_TYPE_2 of intervals.
    pub(super) fn history_of_intervals(&mut self, scd: &ScdType2) -> Result<(), FillError> {
        self.refuse_unsafe()?;
        let reached = self.reached()?;
        self.added_at = Some(reached.until.unwrap_or(NOTHING_YET));
        if let Some(History { then: Then::Nothing { .. }, .. }) = self.task.target.history {
            return self.history_as_whole(scd);
        }
        let left = self.task.target.course.and_then(|course| {
            // Nothing is left out between what is there and what is to come, wherever the model begins by now.
            let begin = reached.until.map_or(course.start, |until| self.task.target.unit.floor(until));
            Interval::new(begin, course.end)
        });
        let columns = match (left, &self.task.target.history) {
            (Some(left), _) => self.lay(scd, left, reached)?,
            (None, Some(history)) => self.carry_alone(scd, history, reached)?,
            (None, None) => self.as_it_is(scd)?,
        };
        self.record(&[self.snapshot(&columns, Some(self.task.work.now)), self.built()])
    }

    /// To where intervals are laid in the table that this one goes on from, else in itself. What was loaded as a whole saw what
    /// there was then.
    fn reached(&mut self) -> Result<Reached, FillError> {
        let last = self.last_load()?;
        let was_whole = last.recorded.is_none() && last.as_of.is_some();
        let saw = if was_whole { self.saw(last.as_of)? } else { None };
        let until = last.recorded.or(saw).filter(|until| *until != NOTHING_YET);
        let past = if until.is_some() || was_whole { HistoryPast::Loads } else { HistoryPast::None };
        Ok(Reached { until, past, recorded: last.recorded })
    }

    /// What a load as a whole saw: no more than its inputs had.
    fn saw(&self, as_of: Option<Timestamp>) -> Result<Option<Timestamp>, FillError> {
        let target = self.task.target;
        let key = target.history.as_ref().map_or(&target.key, |history| &history.key);
        let build = self.task.work.state.newest_builds(std::slice::from_ref(key))?.remove(key);
        let seen = build.and_then(|build| build.seen).and_then(|seen| all_there_until(&seen));
        Ok(as_of.map(|as_of| seen.map_or(as_of, |seen| seen.min(as_of))))
    }

    /// Each interval in a session and a transaction of its own, so that a build that is stopped goes on from there.
    fn lay(&mut self, scd: &ScdType2, left: Interval, reached: Reached) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        // A table that is there may have been made before its first interval.
        let mut past = reached.past;
        let (mut columns, mut known) = (Vec::new(), if self.known.is_some() { IsKnown::Yes } else { IsKnown::No });
        let mut history = task.target.history.as_ref();
        // What the table has got just now is no change of a row, in whichever interval that is.
        let added = RefCell::new(Vec::new());
        for (index, interval) in left.batches(task.target.unit, Some(1)).enumerate() {
            if index > 0 {
                self.begin_anew()?;
            }
            let laying = Laying { known, history, of: Some((interval, past)), added: Some(&added) };
            self.added_at = Some(interval.end);
            columns = self.run(task.time(interval), Audited::Loaded(interval), &|session, query, after| {
                let rows = task.load_versions(session, scd, query, laying)?;
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
        scd: &ScdType2,
        history: &History,
        reached: Reached,
    ) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        let known = if self.known.is_some() { IsKnown::Yes } else { IsKnown::No };
        let laying = Laying { known, history: Some(history), of: None, added: None };
        let unit = task.target.unit;
        let last = reached.until.map(|until| unit.floor(until));
        let last = last.and_then(|until| Interval::new(unit.back(until, 1), until));
        let time = last.map_or_else(|| task.whole_time(), |last| task.time(last));
        self.run(time, Audited::Nothing, &|session, query, _| {
            let none = task.over(&[]).without_rows(query);
            let ready = task.ready_history(session, scd, &none, laying)?;
            // Only where something is new does it matter what the last interval gives.
            let rows = if last.is_some() { task.fill_added(session, scd, (&ready, query))? } else { 0 };
            task.refuse_moved(session, (Some(history), reached))?;
            Ok(rows)
        })
    }

    /// Nothing to lay and nothing to carry: the table as it is, or made.
    fn as_it_is(&mut self, scd: &ScdType2) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        if self.known.is_none() {
            let laying = Laying { known: IsKnown::No, history: None, of: None, added: None };
            return self.run(task.whole_time(), Audited::Nothing, &|session, query, _| {
                task.ready_history(session, scd, &task.over(&[]).without_rows(query), laying)?;
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
        (history, reached): (Option<&History>, Reached),
    ) -> Result<(), FillError> {
        let Some(history) = history else { return Ok(()) };
        match self.recorded_of(session, history)? == reached.recorded {
            true => Ok(()),
            false => Err(FillError::Overtaken(history.table.to_string())),
        }
    }
}
