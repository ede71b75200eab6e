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
use crate::model::ScdType2;
use crate::plan::{History, Then};
use crate::statement::{ColumnType, HistoryPast};
use crate::time::{Interval, Timestamp};

/// Where a table stands of which no interval was laid yet. It is said, too, so that a table that was loaded as a whole, of which
/// nothing is said, is told from it.
const NOTHING_YET: Timestamp = Timestamp(0);

impl Filler<'_> {
    /// SCD_TYPE_2 of intervals.
    pub(super) fn history_of_intervals(&mut self, scd: &ScdType2) -> Result<(), FillError> {
        self.refuse_unsafe()?;
        let reached = self.reached()?;
        self.added_at = Some(reached.unwrap_or(NOTHING_YET));
        let left = self.task.target.history_of.and_then(|all| left_of(all, reached));
        let is_back = matches!(self.task.target.history, Some(History { then: Then::Nothing { .. }, .. }));
        let columns = match left.filter(|_| !is_back) {
            _ if is_back => return self.history_as_whole(scd),
            Some(left) => self.lay(scd, left, reached)?,
            None => self.carry_alone(scd)?,
        };
        self.record(&[self.snapshot(&columns, Some(self.task.work.now)), self.built()])
    }

    /// To where intervals are laid in the table that this one goes on from, else in itself. What was loaded as a whole saw what
    /// there was then.
    fn reached(&mut self) -> Result<Option<Timestamp>, FillError> {
        let last = self.last_load()?;
        let unit = self.task.target.unit;
        let reached = last.recorded.or_else(|| last.as_of.map(|as_of| unit.floor(as_of)));
        Ok(reached.filter(|reached| *reached != NOTHING_YET))
    }

    /// Each interval in a session and a transaction of its own, so that a build that is stopped goes on from there.
    fn lay(
        &mut self,
        scd: &ScdType2,
        left: Interval,
        reached: Option<Timestamp>,
    ) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        // A table that is there may have been made before its first interval.
        let mut past = if reached.is_some() { HistoryPast::Loads } else { HistoryPast::None };
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
                run_all(session, after)?;
                Ok(rows)
            })?;
            (known, history, past) = (IsKnown::Yes, None, HistoryPast::Loads);
        }
        Ok(columns)
    }

    /// Nothing to lay: the table as it is, or made, with what it goes on from.
    fn carry_alone(&mut self, scd: &ScdType2) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        let history = task.target.history.as_ref();
        if self.known.is_none() {
            let laying = Laying { known: IsKnown::No, history, of: None, added: None };
            return self.run(task.whole_time(), Audited::Nothing, &|session, query, _| {
                task.ready_history(session, scd, &task.over(&[]).without_rows(query), laying)?;
                Ok(0)
            });
        }
        self.transact(Audited::Nothing, |session| {
            let columns = session.columns(task.table)?;
            let columns = columns.ok_or_else(|| FillError::TableGone(task.table.to_string()))?;
            task.carry(session, scd, (history, &columns))?;
            Ok(0)
        })
    }
}

/// What is left of the time that a history is of.
fn left_of(all: Interval, reached: Option<Timestamp>) -> Option<Interval> {
    Interval::new(reached.map_or(all.start, |reached| reached.max(all.start)), all.end)
}
