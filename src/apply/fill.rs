//! One table: made, filled, checked against what the fingerprint expects, and recorded after each commit.
//!
//! A table that the state does not vouch for is made again, even where one of its name is there: a run that was killed
//! between the engine's commit and the state's leaves such a table.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Work, engine_error, everything};
use crate::engine::{
    EngineError, Interrupter, ObjectRecord, OwnedObject, Session, owned_objects, record_object, transaction,
};
use crate::error::CommandError;
use crate::fingerprint::{Batching, Fingerprint};
use crate::ids::{ModelName, TableName};
use crate::model::{DeclaredColumn, Kind, Model, Seed, TimeRange, UniqueKey};
use crate::naming::TableKey;
use crate::plan::{Build, Target};
use crate::project::seed_rows;
use crate::resolve::{ResolveError, Resolver, Times};
use crate::sql::{NameOrigin, Template};
use crate::state::{self, Fact, InputRead, StateError};
use crate::statement::{
    ColumnType, LoadTime, StatementError, Target as Statements, TimeColumn, UpsertRule, quote_table,
};
use crate::surroundings::Stopwatch;
use crate::time::{Interval, Timestamp};

/// Fills one table and records it.
pub(super) fn fill(
    work: &Work<'_>,
    target: &Target,
    (tables, keys): (&BTreeMap<ModelName, TableName>, &BTreeMap<ModelName, TableKey>),
    running: &dyn Fn(Arc<dyn Interrupter>),
) -> Result<Build, CommandError> {
    fill_inner(work, target, (tables, keys), running).map_err(|error| error.told(work, &target.name))
}

fn fill_inner(
    work: &Work<'_>,
    target: &Target,
    (tables, keys): (&BTreeMap<ModelName, TableName>, &BTreeMap<ModelName, TableKey>),
    running: &dyn Fn(Arc<dyn Interrupter>),
) -> Result<Build, FillError> {
    let missing =
        || FillError::Internal(format!("the plan builds `{}`, which has no table or fingerprint", target.name));
    let model = work.tree.models.get(&target.name).ok_or_else(missing)?;
    let fingerprint = work.tree.fingerprints.get(&target.name).ok_or_else(missing)?;
    let table = target.table.as_ref().ok_or_else(missing)?;
    let stopwatch = Stopwatch::start();
    let inputs = inputs(work, target, keys)?;
    let known = work.state.tables(std::slice::from_ref(&target.key))?.remove(&target.key);
    let mut session = work.engine.session()?;
    running(session.interrupter());
    session.create_schema_if_missing(table.catalog.as_deref(), &table.schema)?;
    let mut filler = Filler { work, target, model, fingerprint, table, tables, session, rows: 0, columns: Vec::new() };
    match (&model.kind, &known) {
        (Kind::Seed(seed), _) => filler.seed(seed)?,
        (Kind::TimeRange(range), known) => filler.time_range(range, known.as_ref())?,
        (Kind::UniqueKey(key), known) => filler.unique_key(key, known.as_ref())?,
        _ => filler.whole()?,
    }
    let (rows, seconds) = (filler.rows, stopwatch.seconds());
    drop(filler);
    record_build(work, target, inputs, rows, seconds)?;
    Ok(Build {
        model: target.name.clone(),
        table: table.clone(),
        rows: Some(rows),
        seconds,
        unit: target.unit,
        intervals: target.intervals_missing.clone(),
    })
}

/// The tables that a model reads, through views too, with the newest load of each: what tells later whether it is stale.
fn inputs(work: &Work<'_>, target: &Target, keys: &BTreeMap<ModelName, TableKey>) -> Result<Vec<InputRead>, FillError> {
    let ancestors = super::stored_parents(work.tree, &target.name, &|name| keys.contains_key(name));
    let read: Vec<TableKey> = ancestors.iter().filter_map(|name| keys.get(name).cloned()).collect();
    let newest = |table: &state::Table| table.ledger.newest().max(table.snapshot.as_of);
    let tables = work.state.tables(&read)?;
    Ok(tables.into_iter().filter_map(|(key, table)| Some(InputRead { newest: newest(&table)?, key })).collect())
}

fn record_build(
    work: &Work<'_>,
    target: &Target,
    inputs: Vec<InputRead>,
    rows: u64,
    seconds: f64,
) -> Result<(), FillError> {
    let build = state::Build {
        key: target.key.clone(),
        rows: Some(rows),
        bytes: None,
        duration: Duration::from_secs_f64(seconds.max(0.0)),
        started_at: work.now,
        intervals: target.intervals_missing.clone(),
        inputs,
        run: work.run.to_owned(),
    };
    Ok(work.state.record(work.lease, &[Fact::Build(build)])?)
}

struct Filler<'a> {
    work: &'a Work<'a>,
    target: &'a Target,
    model: &'a Model,
    fingerprint: &'a Fingerprint,
    table: &'a TableName,
    tables: &'a BTreeMap<ModelName, TableName>,
    session: Box<dyn Session>,
    rows: u64,
    columns: Vec<ColumnType>,
}

impl Filler<'_> {
    /// FULL: one statement, in one transaction with the statements around it.
    fn whole(&mut self) -> Result<(), FillError> {
        let time = self.time(everything(self.work.now));
        let query = self.query(time)?;
        let columns = self.output_columns(&query)?;
        let (pre, post) = self.statements(time)?;
        let create = self.over(&columns).rebuild(&query);
        let table = self.table;
        self.rows += self.transact(|session| {
            run_all(session, &pre)?;
            run_all(session, &create)?;
            run_all(session, &post)?;
            count(session, table)
        })?;
        self.record_snapshot(Some(self.work.now))
    }

    /// SEED: declared or inferred types, rows streamed from the file.
    fn seed(&mut self, seed: &Seed) -> Result<(), FillError> {
        let columns: Vec<DeclaredColumn> = seed
            .columns
            .iter()
            .map(|column| DeclaredColumn { name: column.name.clone(), data_type: Some(column.data_type.clone()) })
            .collect();
        let typed: Vec<ColumnType> =
            seed.columns.iter().map(|column| ColumnType::new(&column.name, &column.data_type)).collect();
        let statements = self.over(&columns);
        let make = [statements.drop_table(), statements.create_typed()?];
        let time = self.time(everything(self.work.now));
        let (pre, post) = self.statements(time)?;
        let cannot_read = |error: &dyn std::fmt::Display| FillError::Seed(seed.path.to_string(), error.to_string());
        let stream = self.work.files.open(&seed.path).map_err(|error| cannot_read(&error))?;
        let rows = seed_rows(std::io::BufReader::new(stream), &seed.csv, &seed.columns)
            .map_err(|error| cannot_read(&error))?;
        let mut rows = rows.map(|row| row.map_err(|error| error.to_string()));
        let table = self.table;
        self.rows += self.transact(|session| {
            run_all(session, &pre)?;
            run_all(session, &make)?;
            let loaded = session.load(table, &typed, &mut rows)?;
            run_all(session, &post)?;
            Ok(loaded)
        })?;
        self.record_snapshot(Some(self.work.now))
    }

    fn time_range(&mut self, range: &TimeRange, known: Option<&state::Table>) -> Result<(), FillError> {
        let batches = self.batches(range.batch_size);
        self.make_empty(known, batches.first().copied())?;
        let folded = |name: &str| self.model.dialect.fold(name, true);
        let wanted = folded(&range.time_column);
        let time_column = self.columns.iter().find(|column| folded(&column.name) == wanted).cloned();
        let Some(time_column) = time_column else {
            return Err(FillError::NoTimeColumn(range.time_column.clone()));
        };
        let columns = ColumnType::untyped(&self.columns);
        for batch in batches {
            let time = self.time(batch);
            let query = self.query(time)?;
            let (pre, post) = self.statements(time)?;
            let column =
                TimeColumn { name: &time_column.name, data_type: &time_column.data_type, format: &range.format };
            let load = self.over(&columns).load_interval(&query, column, batch)?;
            self.rows += self.transact(|session| {
                run_all(session, &pre)?;
                let rows = run_all(session, &load)?;
                run_all(session, &post)?;
                Ok(rows)
            })?;
            self.record_load(batch)?;
        }
        Ok(())
    }

    fn unique_key(&mut self, key: &UniqueKey, known: Option<&state::Table>) -> Result<(), FillError> {
        let by_interval = crate::plan::is_loaded_by_interval(self.model);
        let batches = if by_interval { self.batches(key.batch_size) } else { vec![everything(self.work.now)] };
        // Loaded as a whole, the table begins anew each time; by interval it goes on.
        self.make_empty(known.filter(|_| by_interval), batches.first().copied())?;
        let columns = ColumnType::untyped(&self.columns);
        for batch in batches {
            let time = self.time(batch);
            let query = self.query(time)?;
            let (pre, post) = self.statements(time)?;
            let upsert = self.over(&columns).upsert(&query, &UpsertRule::from(key))?;
            self.rows += self.transact(|session| {
                run_all(session, &pre)?;
                run_all(session, &upsert.stage)?;
                if let Some(row) = session.query(&upsert.duplicates)?.rows.first() {
                    return Err(FillError::Duplicate(upsert.duplicate(row)));
                }
                let rows = run_all(session, &upsert.apply)?;
                session.execute(&upsert.clean)?;
                run_all(session, &post)?;
                Ok(rows)
            })?;
            if by_interval {
                self.record_load(batch)?;
            }
        }
        if by_interval { Ok(()) } else { self.record_snapshot(Some(self.work.now)) }
    }

    /// Ranges to load, cut where loading several intervals at once would give another result.
    fn batches(&self, batch_size: Option<u32>) -> Vec<Interval> {
        let units = match self.fingerprint.batching {
            Batching::Any => batch_size,
            Batching::OneInterval { .. } => Some(1),
        };
        let ranges = self.target.intervals_missing.iter();
        ranges.flat_map(|range| range.batches(self.target.unit, units)).collect()
    }

    /// Makes the table without rows, unless the state vouches for it, and records it.
    fn make_empty(&mut self, known: Option<&state::Table>, first: Option<Interval>) -> Result<(), FillError> {
        if let Some(known) = known {
            let columns = known.snapshot.columns.iter();
            self.columns = columns.map(|column| ColumnType::new(&column.name, &column.data_type)).collect();
            if self.session.columns(self.table)?.is_some() {
                return Ok(());
            }
            return Err(FillError::TableGone(self.table.to_string()));
        }
        let time = self.time(first.unwrap_or_else(|| everything(self.work.now)));
        let query = self.query(time)?;
        let columns = self.output_columns(&query)?;
        let (pre, _) = self.statements(time)?;
        let statements = self.over(&columns);
        let make = [statements.drop_table(), statements.create_empty(&query)];
        self.transact(|session| {
            run_all(session, &pre)?;
            run_all(session, &make)
        })?;
        self.record_snapshot(None)
    }

    /// Runs work on the table in one transaction, in which the table is also checked and recorded as ours.
    fn transact(&mut self, work: impl FnOnce(&mut dyn Session) -> Result<u64, FillError>) -> Result<u64, FillError> {
        let record = ObjectRecord {
            project: self.work.project.clone(),
            name: self.table.clone(),
            model: self.target.name.clone(),
            object: OwnedObject::Table { data_fingerprint: self.target.key.data_fingerprint },
        };
        let (table, state, fingerprint) = (self.table, self.work.state_id, self.fingerprint);
        let (rows, columns) = transaction(self.session.as_mut(), |session| {
            if session.columns(table)?.is_some() && !is_ours(session, state, table)? {
                return Err(FillError::Foreign(table.to_string()));
            }
            let rows = work(session)?;
            let columns = session.columns(table)?.unwrap_or_default();
            check_columns(fingerprint, &columns)?;
            record_object(session, state, std::slice::from_ref(&record))?;
            Ok((rows, columns))
        })?;
        self.columns = columns;
        Ok(rows)
    }

    fn time(&self, interval: Interval) -> LoadTime {
        LoadTime { interval, execution: self.work.now }
    }

    fn resolver(&self) -> Resolver<'_> {
        Resolver { tree: self.work.tree, dialect: self.work.engine.dialect(), tables: self.tables }
    }

    fn query(&self, time: LoadTime) -> Result<String, FillError> {
        Ok(self.resolver().model(self.model, Times::At(time))?)
    }

    fn statements(&self, time: LoadTime) -> Result<(Vec<String>, Vec<String>), FillError> {
        let resolver = self.resolver();
        let resolve = |statements: &[Template]| -> Result<Vec<String>, ResolveError> {
            statements.iter().map(|statement| resolver.statement(self.model, statement, Times::At(time))).collect()
        };
        Ok((resolve(&self.model.pre_statements)?, resolve(&self.model.post_statements)?))
    }

    fn over<'s>(&'s self, columns: &'s [DeclaredColumn]) -> Statements<'s> {
        Statements { dialect: self.work.engine.dialect(), table: self.table, columns }
    }

    /// The output columns with their declared types: ours where they are certain, else as the engine names them.
    fn output_columns(&mut self, query: &str) -> Result<Vec<DeclaredColumn>, FillError> {
        let names: Option<Vec<String>> = self.fingerprint.columns.as_ref().and_then(|columns| {
            let stated = columns.iter().all(|(name, _)| name.origin == NameOrigin::Stated);
            stated.then(|| columns.iter().map(|(name, _)| name.text.clone()).collect())
        });
        let names = match names {
            Some(names) => names,
            None => self.described(query)?,
        };
        let declared = |name: &str| {
            let folded = self.model.dialect.fold(name, true);
            let mut columns = self.model.properties.columns.iter();
            columns.find(|column| self.model.dialect.fold(&column.name, true) == folded)
        };
        let column = |name: String| {
            let data_type = declared(&name).and_then(|column| column.data_type.clone());
            DeclaredColumn { name, data_type }
        };
        Ok(names.into_iter().map(column).collect())
    }

    /// The engine's names; where it made one up from a physical table's name, the text of the author's expression.
    fn described(&mut self, query: &str) -> Result<Vec<String>, FillError> {
        let engine = self.session.describe(query)?;
        let ours = self.fingerprint.columns.as_ref();
        let name = |(index, column): (usize, ColumnType)| match ours.and_then(|columns| columns.get(index)) {
            Some((ours, _)) if column.name.contains("offshoot__") => ours.text.clone(),
            _ => column.name,
        };
        Ok(engine.into_iter().enumerate().map(name).collect())
    }

    fn record_snapshot(&self, as_of: Option<Timestamp>) -> Result<(), FillError> {
        let column =
            |column: &ColumnType| state::Column { name: column.name.clone(), data_type: column.data_type.clone() };
        let snapshot = state::Snapshot {
            key: self.target.key.clone(),
            table: self.table.clone(),
            kind: self.target.kind,
            columns: self.columns.iter().map(column).collect(),
            unit: self.target.unit,
            created_at: self.work.now,
            as_of,
        };
        Ok(self.work.state.record(self.work.lease, &[Fact::Snapshot(snapshot)])?)
    }

    fn record_load(&self, interval: Interval) -> Result<(), FillError> {
        let load = state::Load {
            key: self.target.key.clone(),
            interval,
            loaded_at: self.work.now,
            run: self.work.run.to_owned(),
        };
        Ok(self.work.state.record(self.work.lease, &[Fact::Load(load)])?)
    }
}

fn is_ours(session: &mut dyn Session, state: &crate::ids::StateId, table: &TableName) -> Result<bool, EngineError> {
    Ok(owned_objects(session, state)?.iter().any(|record| record.name == *table))
}

/// Engines do not agree on what CREATE TABLE AS affects, so the rows are counted.
fn count(session: &mut dyn Session, table: &TableName) -> Result<u64, FillError> {
    let sql = format!("SELECT count(*) FROM {}", quote_table(session.dialect(), table));
    let rows = session.query(&sql)?.rows;
    Ok(rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok()).unwrap_or(0))
}

fn run_all(session: &mut dyn Session, statements: &[String]) -> Result<u64, FillError> {
    let mut rows = 0;
    for statement in statements {
        rows = session.execute(statement)?;
    }
    Ok(rows)
}

/// The engine's columns against those that were fingerprinted; a difference would make every reader's hash a guess.
fn check_columns(fingerprint: &Fingerprint, engine: &[ColumnType]) -> Result<(), FillError> {
    let Some(ours) = &fingerprint.columns else { return Ok(()) };
    let differ = ours.len() != engine.len()
        || ours
            .iter()
            .zip(engine)
            .any(|((name, _), column)| name.origin == NameOrigin::Stated && name.text != column.name);
    if !differ {
        return Ok(());
    }
    let list = |names: Vec<&str>| names.join(", ");
    Err(FillError::Columns {
        expected: list(ours.iter().map(|(name, _)| name.text.as_str()).collect()),
        found: list(engine.iter().map(|column| column.name.as_str()).collect()),
    })
}

/// Why a table was not filled.
#[derive(Debug, thiserror::Error)]
enum FillError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error("cannot read seed `{0}`: {1}")]
    Seed(String, String),
    #[error("{0}")]
    Duplicate(String),
    #[error("time column `{0}` is not among the query's output columns")]
    NoTimeColumn(String),
    #[error("the query gives the columns ({found}), but ({expected}) were expected from its text")]
    Columns { expected: String, found: String },
    #[error("table `{0}` is recorded as built, but it is gone from the warehouse")]
    TableGone(String),
    #[error("table `{0}` is there already, and this program did not make it")]
    Foreign(String),
    #[error("{0}")]
    Internal(String),
}

impl FillError {
    /// A mistake in the project is an answer of no; anything else is a failure.
    fn told(self, work: &Work<'_>, name: &ModelName) -> CommandError {
        let place = work.tree.models.get(name).map_or(String::new(), |model| format!(" (`{}`)", model.path));
        let what = format!("model `{name}`{place} was not built");
        match self {
            Self::Engine(error) => engine_error(&what, error),
            Self::State(_) | Self::Internal(_) => CommandError::failed(what).because(self),
            Self::TableGone(_) => CommandError::failed(what)
                .because(self)
                .hint("somebody dropped it by hand; change the model's `stamp` to have it built again under a new name"),
            Self::Columns { .. } => CommandError::no(what)
                .because(self)
                .hint("a table that the query reads has other columns than declared, or a construct was misread: name the columns with aliases"),
            Self::Foreign(_) => CommandError::no(what).because(self).hint("drop or rename it, then run again"),
            _ => CommandError::no(what).because(self),
        }
    }
}
