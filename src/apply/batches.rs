//! Loading a table by interval: batch after batch, each in a transaction of its own and recorded after its commit; or, where
//! readers would see rows that a later batch puts right, all in one.

use super::audit::Audited;
use super::fault::FillError;
use super::fill::{Filler, run_all};
use super::task::{Parents, Task};
use crate::engine::{EngineError, Session};
use crate::model::Kind;
use crate::state::{Fact, Load, LoadedInterval};
use crate::statement::ColumnType;
use crate::time::{Interval, Intervals};

/// Loads one batch into a table of these columns with this query, and gives the rows that it wrote.
pub(super) type LoadBatch<'a> = dyn Fn(&mut dyn Session, &[ColumnType], &str, Interval) -> Result<u64, FillError> + 'a;

/// What a load does to one that was made before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It takes its place.
    Replaces,
    /// It adds to what that left, as an author's clauses may have it.
    AddsUp,
}

/// Whether the state vouches for a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TableState {
    /// It does: loads go on.
    Known,
    /// It does not: the table is made in the transaction of its first load, whatever stands under its name.
    ToMake,
}

/// How what is to be loaded lies to what a table by key holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// It comes next.
    Next,
    /// It begins before the end of that and goes over it, so that the last word on each key is said last.
    OverTheEnd,
    /// It would turn rows back: the table begins anew.
    Anew,
}

impl Filler<'_> {
    /// As [`Self::in_batches`] where later loads lie over earlier ones, as those of a unique key do. Where one is to be loaded
    /// that is not the next, the table begins anew, or the last ones are loaded again; readers see all of that or nothing,
    /// unless the model has statements of its own, which are made for one batch.
    pub(super) fn in_order(
        &mut self,
        batch_size: Option<u32>,
        again: Again,
        load: &LoadBatch<'_>,
    ) -> Result<(), FillError> {
        let order = self.order(again);
        let alone = self.task.model.pre_statements.is_empty() && self.task.model.post_statements.is_empty();
        match (order, alone) {
            (Order::OverTheEnd, true) if self.is_undone() => match self.at_once(batch_size, TableState::Known, load) {
                // One by one it is tried in another form.
                Err(error) if error.is_internal() => {
                    self.begin_anew()?;
                    self.in_batches(batch_size, again, load)
                }
                done => done,
            },
            (Order::Next | Order::OverTheEnd, _) => self.in_batches(batch_size, again, load),
            (Order::Anew, alone) => {
                let before = self.known.as_ref().map(|known| known.ledger.loads().to_vec()).unwrap_or_default();
                // The ledger goes first, lest a run that dies midway leaves it saying too much.
                self.withdraw(&before)?;
                self.known = None;
                if !alone {
                    return self.in_batches(batch_size, again, load);
                }
                match self.at_once(batch_size, TableState::ToMake, load) {
                    Err(error) if error.is_internal() => {
                        self.begin_anew()?;
                        self.in_batches(batch_size, again, load)
                    }
                    done => self.unless_undone(&before, done),
                }
            }
        }
    }

    fn order(&self, again: Again) -> Order {
        let Some(known) = &self.known else { return Order::Next };
        let (loaded, missing) = (known.ledger.intervals(), self.task.missing());
        let Some(first) = missing.ranges().first() else { return Order::Next };
        let (begin, end) = (loaded.ranges().first().map(|range| range.start), loaded.end());
        if end.is_some_and(|end| end <= first.start) {
            return Order::Next;
        }
        let is_over_the_end = missing.ranges().len() == 1
            && begin.is_some_and(|begin| begin < first.start)
            && end.is_some_and(|end| first.start < end && end <= first.end);
        if is_over_the_end && again == Again::Replaces { Order::OverTheEnd } else { Order::Anew }
    }

    /// Before a load that may not be made twice: nothing is loaded until it is recorded. Whoever comes after a run that
    /// died in between, and cannot know whether the load is there, lets the table begin anew. Oldest first, so that what a
    /// death leaves of it is never taken for what the next load goes on from.
    pub(super) fn withdraw(&self, loads: &[LoadedInterval]) -> Result<(), FillError> {
        let work = self.task.work;
        for load in loads {
            work.state.withdraw(work.lease, &self.task.target.key, load.interval)?;
        }
        Ok(())
    }

    /// What was loaded before, as it was recorded.
    pub(super) fn restored(&self, loads: &[LoadedInterval]) -> impl Iterator<Item = Fact> {
        let key = self.task.target.key.clone();
        loads.iter().cloned().map(move |load| {
            let LoadedInterval { interval, loaded_at, run, inputs } = load;
            Fact::Load(Load { key: key.clone(), interval, loaded_at, run, inputs })
        })
    }

    /// Whether a load that fails leaves nothing behind.
    pub(super) fn is_undone(&self) -> bool {
        self.task.work.engine.capabilities().transactional_ddl.is_yes()
    }

    /// Where work was undone for which loads were withdrawn, all is as it was; where the warehouse was lost nobody knows.
    fn unless_undone<T>(&self, before: &[LoadedInterval], done: Result<T, FillError>) -> Result<T, FillError> {
        if let Err(error) = &done
            && self.is_undone()
            && !before.is_empty()
            && !matches!(error, FillError::Engine(EngineError::Lost { .. }))
        {
            self.record(&self.restored(before).collect::<Vec<_>>())?;
        }
        done
    }

    /// Loads batch after batch, each recorded after its commit with what the build cost so far; the table is made with the
    /// first unless the state vouches for it.
    pub(super) fn in_batches(
        &mut self,
        batch_size: Option<u32>,
        again: Again,
        load: &LoadBatch<'_>,
    ) -> Result<(), FillError> {
        let mut table = if self.known.is_some() { TableState::Known } else { TableState::ToMake };
        let missing = self.task.missing();
        if missing.is_empty() && table == TableState::ToMake {
            let made = self.make_empty()?;
            return self.record(&[self.snapshot(&made, None), self.built()]);
        }
        let mut ledger = self.known.as_ref().map(|known| known.ledger.clone()).unwrap_or_default();
        for (index, batch) in self.task.batches(&missing, batch_size).enumerate() {
            if index > 0 {
                self.begin_anew()?;
            }
            let before = match again {
                Again::AddsUp => ledger.loads().to_vec(),
                Again::Replaces if self.is_undone() => Vec::new(),
                // Half of a load may have replaced them.
                Again::Replaces => {
                    ledger.loads().iter().filter(|load| touches(load.interval, batch)).cloned().collect()
                }
            };
            self.withdraw(&before)?;
            self.hold_to(table, batch);
            let found = self.load_batch(table, batch, load);
            let found = self.unless_undone(&before, found)?;
            let loaded = self.loaded(batch);
            if let Fact::Load(Load { key: _, interval, loaded_at, run, inputs }) = loaded.clone() {
                ledger.add(LoadedInterval { interval, loaded_at, run, inputs });
            }
            let mut facts: Vec<Fact> = self.restored(&before).chain([loaded, self.built()]).collect();
            if table == TableState::ToMake {
                facts.insert(0, self.snapshot(&found, None));
            }
            self.record(&facts)?;
            table = TableState::Known;
        }
        Ok(())
    }

    /// Of what is loaded by key the warehouse says to where its rows go, in the transaction of the load: where they are kept from
    /// some day on, nothing that is merged into them by then comes twice.
    fn hold_to(&mut self, table: TableState, batch: Interval) {
        if matches!(self.task.model.kind, Kind::UniqueKey(_)) {
            let before = self.recorded_addition().filter(|_| table == TableState::Known);
            self.added_at = Some(before.map_or(batch.end, |before| before.max(batch.end)));
        }
    }

    /// One load in one transaction.
    pub(super) fn load_batch(
        &mut self,
        table: TableState,
        batch: Interval,
        load: &LoadBatch<'_>,
    ) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        self.run(task.time(batch), Audited::Loaded(batch), &|session, query, after| {
            let columns = task.ready(session, table, query)?;
            let query = task.in_order(session, &columns, query)?;
            let rows = load(session, &columns, &query, batch)?;
            run_all(session, after)?;
            Ok(rows)
        })
    }

    /// All batches in one transaction, recorded after its commit. Only for models without statements of their own.
    fn at_once(&mut self, batch_size: Option<u32>, table: TableState, load: &LoadBatch<'_>) -> Result<(), FillError> {
        let task = self.task;
        let missing = task.missing();
        missing.ranges().last().into_iter().for_each(|last| self.hold_to(table, *last));
        let columns = self.transact(Audited::Loaded(task.whole_time().interval), |session| {
            let (mut columns, mut rows) = (None, 0);
            for batch in task.batches(&missing, batch_size) {
                let statements = task.statements(task.time(batch), Parents::Usual)?;
                run_all(session, &statements.before)?;
                if columns.is_none() {
                    columns = Some(task.ready(session, table, &statements.query)?);
                }
                let columns = columns.as_deref().unwrap_or_default();
                let query = task.in_order(session, columns, &statements.query)?;
                rows += load(session, columns, &query, batch)?;
            }
            Ok(rows)
        })?;
        let made = (table == TableState::ToMake).then(|| self.snapshot(&columns, None));
        let loads: Vec<Fact> = missing.ranges().iter().map(|range| self.loaded(*range)).collect();
        let facts: Vec<Fact> = made.into_iter().chain(loads).chain([self.built()]).collect();
        self.record(&facts)
    }
}

pub(super) fn touches(one: Interval, other: Interval) -> bool {
    Interval::new(one.start.max(other.start), one.end.min(other.end)).is_some()
}

impl Task<'_> {
    /// The table for a load, made where nobody vouches for it; gives its columns.
    pub(super) fn ready(
        self,
        session: &mut dyn Session,
        table: TableState,
        query: &str,
    ) -> Result<Vec<ColumnType>, FillError> {
        match table {
            TableState::ToMake => self.make(session, query),
            TableState::Known => {
                session.columns(self.table)?.ok_or_else(|| FillError::TableGone(self.table.to_string()))
            }
        }
    }

    fn missing(self) -> Intervals {
        self.target.intervals_missing.iter().copied().collect()
    }

    /// Ranges to load, cut where loading several intervals at once would give another result.
    fn batches(self, missing: &Intervals, batch_size: Option<u32>) -> impl Iterator<Item = Interval> {
        let batching = &self.fingerprint.batching;
        missing.ranges().iter().flat_map(move |range| batching.loads(*range, self.target.unit, batch_size))
    }
}
