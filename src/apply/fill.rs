//! One table: made, filled, checked against what the fingerprint expects, and recorded after each commit.
//!
//! A table that the state does not vouch for is made again, even where one of its name is there: a run that was killed
//! between the engine's commit and the state's leaves such a table. `kinds` knows what filling means for each kind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::columns::{check_columns, output_columns};
use super::fault::FillError;
use super::{Work, everything};
use crate::engine::{
    EngineError, Interrupter, ObjectRecord, OwnedObject, Session, Standing, record_new_object, record_object,
    transaction,
};
use crate::error::CommandError;
use crate::fingerprint::Fingerprint;
use crate::ids::{ModelName, TableName};
use crate::model::{DeclaredColumn, Kind, Model};
use crate::naming::TableKey;
use crate::plan::{Build, Target};
use crate::resolve::{ResolveError, Resolver, Times};
use crate::sql::Template;
use crate::state::{self, Fact, InputRead};
use crate::statement::{ColumnType, LoadTime, Target as Statements, quote_table};
use crate::surroundings::Stopwatch;
use crate::time::{Interval, Timestamp};

/// The physical layer, as a run finds it when it begins. The warehouse is held from then on, so nobody else changes it.
pub(super) struct Physical {
    /// The table of every model that has one.
    pub(super) tables: BTreeMap<ModelName, TableName>,
    /// Its identity.
    pub(super) keys: BTreeMap<ModelName, TableKey>,
    /// What stands under the names of the tables that are to be filled.
    pub(super) standing: BTreeMap<TableName, Standing>,
}

/// Fills one table and records it. Each of its sessions is told to `running` as it begins.
pub(super) fn fill(
    work: &Work<'_>,
    target: &Target,
    physical: &Physical,
    running: &dyn Fn(Arc<dyn Interrupter>),
) -> Result<Build, CommandError> {
    fill_inner(work, target, physical, running).map_err(|error| error.told(work, &target.name))
}

fn fill_inner(
    work: &Work<'_>,
    target: &Target,
    physical: &Physical,
    running: &dyn Fn(Arc<dyn Interrupter>),
) -> Result<Build, FillError> {
    let missing =
        || FillError::Internal(format!("the plan builds `{}`, which has no table or fingerprint", target.name));
    let model = work.tree.models.get(&target.name).ok_or_else(missing)?;
    let fingerprint = work.tree.fingerprints.get(&target.name).ok_or_else(missing)?;
    let table = target.table.as_ref().ok_or_else(missing)?;
    let stopwatch = Stopwatch::start();
    let recorded = match physical.standing.get(table) {
        Some(Standing::Ours(record)) => Some(&**record),
        Some(Standing::Foreign) => return Err(FillError::Foreign(table.to_string())),
        None => None,
    };
    let inputs = inputs(work, target, &physical.keys)?;
    let known = work.state.tables(std::slice::from_ref(&target.key))?.remove(&target.key);
    let task = Task { work, target, model, fingerprint, table, tables: &physical.tables, recorded };
    let session = open(work, running)?;
    let mut filler = Filler { task, running, stopwatch, inputs, known, session, rows: 0, recorded: recorded.cloned() };
    let filled = match &model.kind {
        Kind::Seed(seed) => filler.seed(seed),
        Kind::TimeRange(range) => filler.time_range(range),
        Kind::UniqueKey(key) => filler.unique_key(key),
        _ => filler.whole(),
    };
    if matches!(filled, Err(FillError::TableGone(_))) {
        // Nothing vouches for it any more, so the next run makes it anew.
        work.state.forget_tables(work.lease, std::slice::from_ref(&target.key))?;
    }
    filled?;
    Ok(Build {
        model: target.name.clone(),
        table: table.clone(),
        rows: Some(filler.rows),
        seconds: stopwatch.seconds(),
        unit: target.unit,
        intervals: target.intervals_missing.clone(),
    })
}

fn open(work: &Work<'_>, running: &dyn Fn(Arc<dyn Interrupter>)) -> Result<Box<dyn Session>, EngineError> {
    let session = work.engine.session()?;
    running(session.interrupter());
    Ok(session)
}

/// The tables that a model reads, through views too, with the newest load of each: what tells later whether it is stale.
fn inputs(work: &Work<'_>, target: &Target, keys: &BTreeMap<ModelName, TableKey>) -> Result<Vec<InputRead>, FillError> {
    let ancestors = super::stored_parents(work.tree, &target.name, &|name| keys.contains_key(name));
    let read: Vec<TableKey> = ancestors.iter().filter_map(|name| keys.get(name).cloned()).collect();
    let newest = |table: &state::Table| table.ledger.newest().max(table.snapshot.as_of);
    let tables = work.state.tables(&read)?;
    Ok(tables.into_iter().filter_map(|(key, table)| Some(InputRead { newest: newest(&table)?, key })).collect())
}

/// What is to be filled, from what.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) work: &'a Work<'a>,
    pub(super) target: &'a Target,
    pub(super) model: &'a Model,
    pub(super) fingerprint: &'a Fingerprint,
    pub(super) table: &'a TableName,
    tables: &'a BTreeMap<ModelName, TableName>,
    /// What the warehouse said of the table when the run began; `None` where no such table was there.
    recorded: Option<&'a ObjectRecord>,
}

/// A table on its way.
pub(super) struct Filler<'a> {
    pub(super) task: Task<'a>,
    running: &'a dyn Fn(Arc<dyn Interrupter>),
    stopwatch: Stopwatch,
    inputs: Vec<InputRead>,
    /// What the state knew of the table at the beginning.
    pub(super) known: Option<state::Table>,
    session: Box<dyn Session>,
    rows: u64,
    /// What the warehouse says of it now.
    recorded: Option<ObjectRecord>,
}

impl Filler<'_> {
    /// Runs work on the table in one transaction, in which the table is also checked and recorded as ours. The work gives
    /// the rows that it wrote; the columns that the table has then come back.
    pub(super) fn transact(
        &mut self,
        work: impl FnOnce(&mut dyn Session) -> Result<u64, FillError>,
    ) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        let record = task.record();
        let state = task.work.state_id;
        let recorded = self.recorded.as_ref();
        let (rows, columns) = transaction(self.session.as_mut(), |session| -> Result<_, FillError> {
            let rows = work(session)?;
            let columns = session.columns(task.table)?.unwrap_or_default();
            check_columns(task.fingerprint, &columns)?;
            match recorded {
                None => record_new_object(session, state, std::slice::from_ref(&record))?,
                Some(recorded) if *recorded == record => {}
                Some(_) => record_object(session, state, std::slice::from_ref(&record))?,
            }
            Ok((rows, columns))
        })?;
        self.recorded = Some(record);
        self.rows += rows;
        Ok(columns)
    }

    /// Another session, so that nothing that a batch's statements set or made is there in the next.
    pub(super) fn begin_anew(&mut self) -> Result<(), FillError> {
        // The new one comes first: the warehouse stays open between them.
        self.session = open(self.task.work, self.running)?;
        Ok(())
    }

    /// Records what was committed.
    pub(super) fn record(&self, facts: &[Fact]) -> Result<(), FillError> {
        Ok(self.task.work.state.record(self.task.work.lease, facts)?)
    }

    /// That the table was made, or filled as a whole.
    pub(super) fn snapshot(&self, columns: &[ColumnType], as_of: Option<Timestamp>) -> Fact {
        let column =
            |column: &ColumnType| state::Column { name: column.name.clone(), data_type: column.data_type.clone() };
        Fact::Snapshot(state::Snapshot {
            key: self.task.target.key.clone(),
            table: self.task.table.clone(),
            kind: self.task.target.kind,
            columns: columns.iter().map(column).collect(),
            unit: self.task.target.unit,
            created_at: self.task.work.now,
            as_of,
        })
    }

    /// That a range was loaded.
    pub(super) fn loaded(&self, interval: Interval) -> Fact {
        let work = self.task.work;
        let (key, run) = (self.task.target.key.clone(), work.run.to_owned());
        Fact::Load(state::Load { key, interval, loaded_at: work.now, run })
    }

    /// That the build is through: what it cost and what it read. A table filled as a whole is recorded together with it,
    /// because what it read decides later whether it is stale.
    pub(super) fn built(&self) -> Fact {
        let work = self.task.work;
        Fact::Build(state::Build {
            key: self.task.target.key.clone(),
            rows: Some(self.rows),
            bytes: None,
            duration: Duration::from_secs_f64(self.stopwatch.seconds().max(0.0)),
            started_at: work.now,
            intervals: self.task.target.intervals_missing.clone(),
            inputs: self.inputs.clone(),
            run: work.run.to_owned(),
        })
    }
}

impl<'a> Task<'a> {
    fn record(self) -> ObjectRecord {
        ObjectRecord {
            project: self.work.project.clone(),
            name: self.table.clone(),
            model: self.target.name.clone(),
            object: OwnedObject::Table { data_fingerprint: self.target.key.data_fingerprint },
        }
    }

    /// The time that models see which are filled as a whole.
    pub(super) fn whole_time(self) -> LoadTime {
        self.time(everything(self.work.now))
    }

    pub(super) fn time(self, interval: Interval) -> LoadTime {
        LoadTime { interval, execution: self.work.now }
    }

    fn resolver(self) -> Resolver<'a> {
        Resolver { tree: self.work.tree, dialect: self.work.engine.dialect(), tables: self.tables }
    }

    pub(super) fn query(self, time: LoadTime) -> Result<String, ResolveError> {
        self.resolver().model(self.model, Times::At(time))
    }

    /// Pre- and post-statements.
    pub(super) fn statements(self, time: LoadTime) -> Result<(Vec<String>, Vec<String>), ResolveError> {
        let resolver = self.resolver();
        let resolve = |statements: &[Template]| -> Result<Vec<String>, ResolveError> {
            statements.iter().map(|statement| resolver.statement(self.model, statement, Times::At(time))).collect()
        };
        Ok((resolve(&self.model.pre_statements)?, resolve(&self.model.post_statements)?))
    }

    pub(super) fn over<'s>(self, columns: &'s [DeclaredColumn]) -> Statements<'s>
    where
        'a: 's,
    {
        Statements { dialect: self.work.engine.dialect(), table: self.table, columns }
    }

    /// Drops the table where one of ours was there. Where none was, nothing is dropped, so that making a table fails
    /// that somebody else has made meanwhile.
    pub(super) fn make_room(self) -> Option<String> {
        self.recorded.map(|_| self.over(&[]).drop_table())
    }

    /// The output columns of the query, with their declared types.
    pub(super) fn columns(self, session: &mut dyn Session, query: &str) -> Result<Vec<DeclaredColumn>, EngineError> {
        output_columns(session, self.model, self.fingerprint, query)
    }
}

/// Engines do not agree on what CREATE TABLE AS affects (DuckDB's driver says 0), so the rows are counted.
pub(super) fn count(session: &mut dyn Session, table: &TableName) -> Result<u64, EngineError> {
    let sql = format!("SELECT count(*) FROM {}", quote_table(session.dialect(), table));
    let rows = session.query(&sql)?.rows;
    Ok(rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok()).unwrap_or(0))
}

/// Runs statements in order and gives the rows that the last one affected.
pub(super) fn run_all(session: &mut dyn Session, statements: &[String]) -> Result<u64, EngineError> {
    let mut rows = 0;
    for statement in statements {
        rows = session.execute(statement)?;
    }
    Ok(rows)
}
