//! What filling means for each kind of model. Pre-statements, the load and post-statements are one transaction, and the
//! table is made in the transaction of its first load: whatever is committed is whole.

use super::everything;
use super::fault::FillError;
use super::fill::{Filler, count, run_all};
use super::task::{Parents, Room, Statements, Task};
use crate::engine::{EngineError, Session};
use crate::fingerprint::Batching;
use crate::model::{DeclaredColumn, Seed, TimeRange, UniqueKey};
use crate::project::seed_rows;
use crate::state::{Fact, Load, LoadedInterval};
use crate::statement::{ColumnType, LoadTime, StatementError, TimeColumn, UpsertRule};
use crate::time::{Interval, Intervals};

impl Filler<'_> {
    /// FULL: one statement, in one transaction with the statements around it.
    pub(super) fn whole(&mut self) -> Result<(), FillError> {
        let task = self.task;
        let time = task.whole_time();
        let columns = self.run(time, &|session, query, after| {
            let made = task.make_filled(session, query)?;
            if after.is_empty() {
                return Ok(made);
            }
            run_all(session, after)?;
            Ok(count(session, task.table)?)
        })?;
        self.record(&[self.snapshot(&columns, Some(task.work.now)), self.built()])
    }

    /// SEED: declared or inferred types, rows streamed from the file.
    pub(super) fn seed(&mut self, seed: &Seed) -> Result<(), FillError> {
        let task = self.task;
        let columns: Vec<DeclaredColumn> = seed
            .columns
            .iter()
            .map(|column| DeclaredColumn { name: column.name.clone(), data_type: Some(column.data_type.clone()) })
            .collect();
        let typed: Vec<ColumnType> =
            seed.columns.iter().map(|column| ColumnType::new(&column.name, &column.data_type)).collect();
        let over = task.over(&columns);
        let (create, shape) = (over.create_typed()?, over.typed_shape()?);
        let around = task.statements(task.whole_time(), Parents::Usual)?;
        let cannot_read = |error: &dyn std::fmt::Display| FillError::Seed(seed.path.to_string(), error.to_string());
        let stream = task.work.files.open(&seed.path).map_err(|error| cannot_read(&error))?;
        let rows = seed_rows(std::io::BufReader::new(stream), &seed.csv, &seed.columns)
            .map_err(|error| cannot_read(&error))?;
        let mut rows = rows.map(|row| row.map_err(|error| error.to_string()));
        let columns = self.transact(|session| {
            run_all(session, &around.before)?;
            match task.make_room(session, &shape)? {
                Room::Free => session.execute(&create)?,
                Room::Taken => session.execute(&over.empty())?,
            };
            let loaded = session.load(task.table, &typed, &mut rows)?;
            run_all(session, &around.after)?;
            Ok(loaded)
        })?;
        self.record(&[self.snapshot(&columns, Some(task.work.now)), self.built()])
    }

    /// INCREMENTAL_BY_TIME_RANGE: each batch replaces the rows of its range.
    pub(super) fn time_range(&mut self, range: &TimeRange) -> Result<(), FillError> {
        let task = self.task;
        let load = |session: &mut dyn Session, columns: &[ColumnType], query: &str, batch: Interval| {
            let folded = |name: &str| task.model.dialect.fold(name, true);
            let wanted = folded(&range.time_column);
            let column = columns.iter().find(|column| folded(&column.name) == wanted);
            let column = column.ok_or_else(|| FillError::NoTimeColumn(range.time_column.clone()))?;
            let column = TimeColumn { name: &column.name, data_type: &column.data_type, format: &range.format };
            let columns = ColumnType::untyped(columns);
            Ok(run_all(session, &task.over(&columns).load_interval(query, column, batch)?)?)
        };
        self.in_batches(task.batches(range.batch_size), Again::Replaces, &load)
    }

    /// INCREMENTAL_BY_UNIQUE_KEY: each load is put over the rows of its keys.
    pub(super) fn unique_key(&mut self, key: &UniqueKey) -> Result<(), FillError> {
        let task = self.task;
        let load = |session: &mut dyn Session, columns: &[ColumnType], query: &str, _: Interval| {
            let columns = ColumnType::untyped(columns);
            let upsert = task.over(&columns).upsert(query, &UpsertRule::from(key))?;
            run_all(session, &upsert.stage)?;
            if let Some(row) = session.query(&upsert.duplicates)?.rows.first() {
                return Err(FillError::Duplicate(upsert.duplicate(row)));
            }
            let rows = run_all(session, &upsert.apply)?;
            session.execute(&upsert.clean)?;
            Ok(rows)
        };
        if crate::plan::is_loaded_by_interval(task.model) {
            let batches = task.batches(key.batch_size);
            self.begin_again_unless_next(&batches)?;
            let adds = key.when_matched.is_some() || key.merge_filter.is_some();
            return self.in_batches(batches, if adds { Again::AddsUp } else { Again::Replaces }, &load);
        }
        // Loaded as a whole, the table begins anew each time.
        let columns = self.load_batch(TableState::ToMake, everything(task.work.now), &load)?;
        self.record(&[self.snapshot(&columns, Some(task.work.now)), self.built()])
    }

    /// Later loads of a unique key lie over earlier ones, so a load that is not the next one would turn rows back: the
    /// table begins anew then. The ledger goes first, lest a run that dies midway leaves it saying too much.
    fn begin_again_unless_next(&mut self, batches: &[Interval]) -> Result<(), FillError> {
        let (Some(known), Some(first)) = (&self.known, batches.first()) else { return Ok(()) };
        let loaded = known.ledger.intervals();
        if loaded.end().is_some_and(|end| end <= first.start) {
            return Ok(());
        }
        self.withdraw(known.ledger.loads())?;
        self.known = None;
        Ok(())
    }

    /// Before a load that may not be made twice: nothing is loaded until it is recorded. Whoever comes after a run that
    /// died in between, and cannot know whether the load is there, lets the table begin anew. Oldest first, so that what a
    /// death leaves of it is never taken for what the next load goes on from.
    fn withdraw(&self, loads: &[LoadedInterval]) -> Result<(), FillError> {
        let work = self.task.work;
        for load in loads {
            work.state.withdraw(work.lease, &self.task.target.key, load.interval)?;
        }
        Ok(())
    }

    /// What was loaded before, as it was recorded.
    fn restored(&self, loads: &[LoadedInterval]) -> impl Iterator<Item = Fact> {
        let key = self.task.target.key.clone();
        loads.iter().cloned().map(move |load| {
            let LoadedInterval { interval, loaded_at, run, inputs } = load;
            Fact::Load(Load { key: key.clone(), interval, loaded_at, run, inputs })
        })
    }

    /// Loads batch after batch, each recorded after its commit with what the build cost so far; the table is made with the first unless the state
    /// vouches for it.
    fn in_batches(&mut self, batches: Vec<Interval>, again: Again, load: &LoadBatch<'_>) -> Result<(), FillError> {
        let mut table = if self.known.is_some() { TableState::Known } else { TableState::ToMake };
        if batches.is_empty() && table == TableState::ToMake {
            let made = self.make_empty()?;
            return self.record(&[self.snapshot(&made, None), self.built()]);
        }
        let mut ledger = self.known.as_ref().map(|known| known.ledger.clone()).unwrap_or_default();
        let is_undone = self.task.work.engine.capabilities().transactional_ddl.is_yes();
        for (index, batch) in batches.into_iter().enumerate() {
            if index > 0 {
                self.begin_anew()?;
            }
            let before = match again {
                Again::AddsUp => ledger.loads().to_vec(),
                Again::Replaces if is_undone => Vec::new(),
                // Half of a load may have replaced them.
                Again::Replaces => {
                    ledger.loads().iter().filter(|load| touches(load.interval, batch)).cloned().collect()
                }
            };
            self.withdraw(&before)?;
            let found = match self.load_batch(table, batch, load) {
                Err(error)
                    if is_undone
                        && !before.is_empty()
                        && !matches!(error, FillError::Engine(EngineError::Lost { .. })) =>
                {
                    // It was undone, so all is as it was.
                    self.record(&self.restored(&before).collect::<Vec<_>>())?;
                    return Err(error);
                }
                found => found?,
            };
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

    /// One load in one transaction.
    fn load_batch(
        &mut self,
        table: TableState,
        batch: Interval,
        load: &LoadBatch<'_>,
    ) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        self.run(task.time(batch), &|session, query, after| {
            let columns = match table {
                TableState::ToMake => task.make(session, query)?,
                TableState::Known => {
                    session.columns(task.table)?.ok_or_else(|| FillError::TableGone(task.table.to_string()))?
                }
            };
            let rows = load(session, &columns, query, batch)?;
            run_all(session, after)?;
            Ok(rows)
        })
    }

    /// What a model's own statements are around, in one transaction with them. Where the engine fails at the query by a
    /// mistake of its own, it is tried once more over views: DuckDB 1.5 plans some queries over views alone, and not over the
    /// CTEs that stand for them.
    fn run(&mut self, time: LoadTime, work: &Around<'_>) -> Result<Vec<ColumnType>, FillError> {
        let usual = self.task.statements(time, Parents::Usual)?;
        let done = self.transact(|session| usual.run(session, work));
        if !done.as_ref().is_err_and(FillError::is_internal) {
            return done;
        }
        let other = self.task.statements(time, Parents::SessionViews)?;
        if other.query == usual.query {
            return done;
        }
        self.begin_anew()?;
        self.transact(|session| other.run(session, work))
    }

    /// The table without rows, where there is nothing to load.
    fn make_empty(&mut self) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        self.run(task.whole_time(), &|session, query, _| {
            task.make(session, query)?;
            Ok(0)
        })
    }
}

impl Task<'_> {
    /// Makes the table without rows, in place of one that may be there.
    fn make(self, session: &mut dyn Session, query: &str) -> Result<Vec<ColumnType>, FillError> {
        let columns = self.columns(session, query)?;
        let over = self.over(&columns);
        match self.make_room(session, &over.shape(query))? {
            Room::Free => session.execute(&over.create_empty(query))?,
            Room::Taken => session.execute(&over.empty())?,
        };
        let made = session.columns(self.table)?;
        made.ok_or_else(|| StatementError::NoColumns { table: self.table.to_string() }.into())
    }

    /// Makes the table with its rows, in place of one of ours that may be there, and gives their number.
    pub(super) fn make_filled(self, session: &mut dyn Session, query: &str) -> Result<u64, FillError> {
        let columns = self.columns(session, query)?;
        let over = self.over(&columns);
        match self.make_room(session, &over.shape(query))? {
            Room::Free => Ok(session.execute(&over.create(query))?),
            Room::Taken => Ok(run_all(session, &over.refill(query)?)?),
        }
    }

    /// Ranges to load, cut where loading several intervals at once would give another result.
    fn batches(self, batch_size: Option<u32>) -> Vec<Interval> {
        let units = match self.fingerprint.batching {
            Batching::Any => batch_size,
            Batching::OneInterval { .. } => Some(1),
        };
        let missing: Intervals = self.target.intervals_missing.iter().copied().collect();
        missing.ranges().iter().flat_map(|range| range.batches(self.target.unit, units)).collect()
    }
}

fn touches(one: Interval, other: Interval) -> bool {
    Interval::new(one.start.max(other.start), one.end.min(other.end)).is_some()
}

impl Statements {
    fn run(&self, session: &mut dyn Session, work: &Around<'_>) -> Result<u64, FillError> {
        run_all(session, &self.before)?;
        work(session, &self.query, &self.after)
    }
}

/// Runs a query and the statements after it, and gives the rows that it wrote.
type Around<'a> = dyn Fn(&mut dyn Session, &str, &[String]) -> Result<u64, FillError> + 'a;

/// Loads one batch into a table of these columns with this query, and gives the rows that it wrote.
type LoadBatch<'a> = dyn Fn(&mut dyn Session, &[ColumnType], &str, Interval) -> Result<u64, FillError> + 'a;

/// What a load does to one that was made before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// It takes its place.
    Replaces,
    /// It adds to what that left, as an author's clauses may have it.
    AddsUp,
}

/// Whether the state vouches for a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TableState {
    /// It does: loads go on.
    Known,
    /// It does not: the table is made in the transaction of its first load, whatever stands under its name.
    ToMake,
}
