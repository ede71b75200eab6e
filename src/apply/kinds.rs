//! What filling means for each kind of model. Pre-statements, the load and post-statements are one transaction, and the
//! table is made in the transaction of its first load: whatever is committed is whole.

use super::audit::Audited;
use super::batches::{Again, TableState};
use super::everything;
use super::fault::FillError;
use super::fill::{Filler, count, run_all};
use super::task::{Parents, Room, Statements, Task};
use crate::engine::Session;
use crate::model::{DeclaredColumn, Model, Seed, TimeRange, UniqueKey};
use crate::project::seed_rows;
use crate::sql::type_in;
use crate::statement::{ColumnType, LoadTime, StatementError, TimeColumn, UpsertRule};
use crate::time::Interval;

impl Filler<'_> {
    /// FULL: one statement, in one transaction with the statements around it.
    pub(super) fn whole(&mut self) -> Result<(), FillError> {
        let task = self.task;
        if task.reads_itself() {
            return self.over_itself();
        }
        let time = task.whole_time();
        let columns = self.run(time, Audited::Loaded(time.interval), &|session, query, after| {
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
        let dialect = task.work.engine.dialect();
        let of_engine = |data_type: &str| type_in(dialect, data_type);
        let typed: Vec<ColumnType> =
            seed.columns.iter().map(|column| ColumnType::new(&column.name, of_engine(&column.data_type))).collect();
        let columns: Vec<DeclaredColumn> = typed
            .iter()
            .map(|column| DeclaredColumn { name: column.name.clone(), data_type: Some(column.data_type.clone()) })
            .collect();
        let over = task.over(&columns);
        let (create, shape) = (over.create_typed()?, over.typed_shape()?);
        let around = task.statements(task.whole_time(), Parents::Usual)?;
        let cannot_read = |error: &dyn std::fmt::Display| FillError::Seed(seed.path.to_string(), error.to_string());
        let stream = task.work.files.open(&seed.path).map_err(|error| cannot_read(&error))?;
        let rows = seed_rows(std::io::BufReader::new(stream), &seed.csv, &seed.columns)
            .map_err(|error| cannot_read(&error))?;
        let mut rows = rows.map(|row| row.map_err(|error| error.to_string()));
        let columns = self.transact(Audited::Loaded(task.whole_time().interval), |session| {
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
        self.carry_ranges(range)?;
        let load = |session: &mut dyn Session, columns: &[ColumnType], query: &str, batch: Interval| {
            let column = time_column(task.model, range, columns)?;
            let columns = ColumnType::untyped(columns);
            Ok(run_all(session, &task.over(&columns).load_interval(query, column, batch)?)?)
        };
        self.in_batches(range.batch_size, Again::Replaces, &load)
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
            // What was there of a unit that was not over may not be among what it gives in the end.
            let again = if key.adds_up() || task.model.allows_partials() { Again::AddsUp } else { Again::Replaces };
            return self.in_order(key.batch_size, again, &load);
        }
        if self.rows_stay() || task.reads_itself() {
            return self.over_keys(key);
        }
        self.added_at = key.adds_up().then_some(task.work.now);
        let columns = self.load_batch(TableState::ToMake, everything(task.work.now), &load)?;
        self.record(&[self.snapshot(&columns, Some(task.work.now)), self.built()])
    }

    /// What a model's own statements are around, in one transaction with them. Where the engine fails at the query by a
    /// mistake of its own, it is tried once more over views: DuckDB 1.5 plans some queries over views alone, and not over the
    /// CTEs that stand for them.
    pub(super) fn run(
        &mut self,
        time: LoadTime,
        audited: Audited,
        work: &Around<'_>,
    ) -> Result<Vec<ColumnType>, FillError> {
        let usual = self.task.statements(time, Parents::Usual)?;
        let done = self.transact(audited, |session| usual.run(session, work));
        if !done.as_ref().is_err_and(FillError::is_internal) {
            return done;
        }
        let other = self.task.statements(time, Parents::SessionViews)?;
        if other.query == usual.query {
            return done;
        }
        self.begin_anew()?;
        self.transact(audited, |session| other.run(session, work))
    }

    /// The table without rows, where there is nothing to load.
    pub(super) fn make_empty(&mut self) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        self.run(task.whole_time(), Audited::Nothing, &|session, query, _| {
            task.make(session, query)?;
            Ok(0)
        })
    }
}

impl Task<'_> {
    /// Makes the table without rows, in place of one that may be there. A query that reads the table itself has no types
    /// before it is there, so that the author must say them, as for SQLMesh.
    pub(super) fn make(self, session: &mut dyn Session, query: &str) -> Result<Vec<ColumnType>, FillError> {
        let (columns, is_declared) = match self.reads_itself() {
            true => (self.own_columns(session, query)?, true),
            false => (self.columns(session, query)?, false),
        };
        let over = self.over(&columns);
        let (shape, create) = match is_declared {
            true => (over.typed_shape()?, over.create_typed()?),
            false => (over.shape(query), over.create_empty(query)),
        };
        match self.make_room(session, &shape)? {
            Room::Free => session.execute(&create)?,
            Room::Taken => session.execute(&over.empty())?,
        };
        let made = session.columns(self.table)?;
        let made = made.ok_or_else(|| StatementError::NoColumns { table: self.table.to_string() })?;
        self.refuse_other_types(session, (&made, query))?;
        Ok(made)
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
}

/// The time column among those of the table.
pub(super) fn time_column<'a>(
    model: &Model,
    range: &'a TimeRange,
    columns: &'a [ColumnType],
) -> Result<TimeColumn<'a>, FillError> {
    let folded = |name: &str| model.dialect.fold(name, true);
    let wanted = folded(&range.time_column);
    let column = columns.iter().find(|column| folded(&column.name) == wanted);
    let column = column.ok_or_else(|| FillError::NoTimeColumn(range.time_column.clone()))?;
    Ok(TimeColumn { name: &column.name, data_type: &column.data_type, format: &range.format })
}

impl Statements {
    fn run(&self, session: &mut dyn Session, work: &Around<'_>) -> Result<u64, FillError> {
        run_all(session, &self.before)?;
        work(session, &self.query, &self.after)
    }
}

/// Runs a query and the statements after it, and gives the rows that it wrote.
pub(super) type Around<'a> = dyn Fn(&mut dyn Session, &str, &[String]) -> Result<u64, FillError> + 'a;
