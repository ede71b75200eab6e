//! One table of a plan with all that filling it needs to know; nothing here runs anything but `DESCRIBE`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::audit::AuditOrder;
use super::columns::output_columns;
use super::fault::FillError;
use super::fill::{Physical, Standings};
use super::{Work, everything};
use crate::engine::{EngineError, ObjectRecord, OwnedObject, Session, Standing};
use crate::fingerprint::Fingerprint;
use crate::graph::SelfReading;
use crate::ids::{ModelName, TableName};
use crate::model::{DeclaredColumn, Model};
use crate::plan::{Build, Rows, Target};
use crate::resolve::{ResolveError, Resolver, Times};
use crate::sql::Template;
use crate::state::{self, Fact, InputRead, Restatement};
use crate::statement::{ColumnType, LoadTime, Target as Over, quote_table};
use crate::time::{Interval, Intervals, Timestamp};

/// Whether a table is still to be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// It is.
    Free,
    /// It stands with the right columns and whatever rows it has.
    Taken,
}

/// What is to be filled, from what.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) work: &'a Work<'a>,
    pub(super) target: &'a Target,
    pub(super) model: &'a Model,
    pub(super) fingerprint: &'a Fingerprint,
    pub(super) table: &'a TableName,
    pub(super) tables: &'a BTreeMap<ModelName, TableName>,
    pub(super) order: &'a AuditOrder,
    /// What the warehouse said of the table when the run began; `None` where no such table was there.
    pub(super) recorded: Option<&'a ObjectRecord>,
}

/// What a model's own statements and its query are when they run.
pub(super) struct Statements {
    /// What runs before the query.
    pub(super) before: Vec<String>,
    pub(super) query: String,
    pub(super) after: Vec<String>,
}

/// What parents without a table become.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parents {
    /// As it is best for the text.
    Usual,
    /// Views of the session, as the engine plans them best.
    SessionViews,
}

impl<'a> Task<'a> {
    /// The task that a target of the plan is.
    ///
    /// # Errors
    /// Something that we did not make stands under the table's name.
    pub(super) fn of(
        work: &'a Work<'a>,
        target: &'a Target,
        (physical, standing): (&'a Physical, &'a Standings),
    ) -> Result<Self, FillError> {
        let missing =
            || FillError::Internal(format!("the plan builds `{}`, which has no table or fingerprint", target.name));
        let model = work.tree.models.get(&target.name).ok_or_else(missing)?;
        let fingerprint = work.tree.fingerprints.get(&target.name).ok_or_else(missing)?;
        let table = target.table.as_ref().ok_or_else(missing)?;
        let recorded = match standing.get(table) {
            Some(Standing::Ours(record)) => Some(&**record),
            Some(Standing::Foreign) => return Err(FillError::Foreign(table.to_string())),
            None => None,
        };
        Ok(Self { work, target, model, fingerprint, table, tables: &physical.tables, order: &physical.order, recorded })
    }

    /// What the warehouse is to say of it.
    pub(super) fn record(self, added_at: Option<Timestamp>) -> ObjectRecord {
        ObjectRecord {
            project: self.work.project.clone(),
            name: self.table.clone(),
            model: self.target.name.clone(),
            object: OwnedObject::Table { data_fingerprint: self.target.key.data_fingerprint, added_at },
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
        Ok(self.resolver().beside_statements(self.model, Times::At(time))?.query)
    }

    /// All that runs for the query.
    pub(super) fn statements(self, time: LoadTime, parents: Parents) -> Result<Statements, ResolveError> {
        let (resolver, times) = (self.resolver(), Times::At(time));
        let resolve = |statements: &[Template]| -> Result<Vec<String>, ResolveError> {
            statements.iter().map(|statement| resolver.statement(self.model, statement, times)).collect()
        };
        let beside = match parents {
            Parents::Usual => resolver.beside_statements(self.model, times)?,
            Parents::SessionViews => resolver.over_session_views(self.model, times)?,
        };
        let mut before = beside.definitions;
        before.extend(resolve(&self.model.pre_statements)?);
        Ok(Statements { before, query: beside.query, after: resolve(&self.model.post_statements)? })
    }

    pub(super) fn over<'s>(self, columns: &'s [DeclaredColumn]) -> Over<'s>
    where
        'a: 's,
    {
        Over { dialect: self.work.engine.dialect(), table: self.table, columns }
    }

    /// Whether the query reads the table that it fills.
    pub(super) fn reads_itself(self) -> bool {
        let node = self.work.tree.graph.node(&self.target.name);
        node.is_some_and(|node| node.itself == SelfReading::Yes)
    }

    /// Drops the table where one of ours was there. Where none was, nothing is dropped, so that making a table fails
    /// that somebody else has made meanwhile. Where views bind to their table one with the columns that it is to have
    /// (what `shape` gives) stays, because views may stand on it; with others the engine says which do.
    pub(super) fn make_room(self, session: &mut dyn Session, shape: &str) -> Result<Room, EngineError> {
        if self.recorded.is_none() {
            return Ok(Room::Free);
        }
        if session.capabilities().view_depends_on_table.is_yes() && self.has_shape(session, shape)? {
            return Ok(Room::Taken);
        }
        session.execute(&self.over(&[]).drop_table())?;
        Ok(Room::Free)
    }

    /// Whether the table has the columns of a query's output. A query does not tell the domain of a column, only the type
    /// below it, so the table is asked as a query is where it tells other types.
    fn has_shape(self, session: &mut dyn Session, shape: &str) -> Result<bool, EngineError> {
        let Some(there) = session.columns(self.table)? else { return Ok(false) };
        let wanted = session.describe(shape)?;
        if there == wanted {
            return Ok(true);
        }
        let asked = format!("SELECT * FROM {}", quote_table(session.dialect(), self.table));
        Ok(session.describe(&asked)? == wanted)
    }

    /// The output columns of the query, with their declared types.
    pub(super) fn columns(self, session: &mut dyn Session, query: &str) -> Result<Vec<DeclaredColumn>, EngineError> {
        output_columns(session, self.model, self.fingerprint, query)
    }

    /// That the table was made, or filled as a whole.
    pub(super) fn snapshot(self, columns: &[ColumnType], as_of: Option<Timestamp>) -> Fact {
        let column =
            |column: &ColumnType| state::Column { name: column.name.clone(), data_type: column.data_type.clone() };
        Fact::Snapshot(state::Snapshot {
            key: self.target.key.clone(),
            table: self.table.clone(),
            kind: self.target.kind,
            columns: columns.iter().map(column).collect(),
            unit: self.target.unit,
            created_at: self.work.now,
            as_of,
        })
    }

    /// What the build cost so far, what it loaded and what it read. A table filled as a whole is recorded together with it,
    /// because what it read decides later whether it is stale; a table loaded by interval with each load, so that a build
    /// that is stopped midway has cost what it loaded.
    pub(super) fn built(self, (rows, seconds): (u64, f64), loaded: &Intervals, inputs: Vec<InputRead>) -> Fact {
        Fact::Build(state::Build {
            key: self.target.key.clone(),
            rows: Some(rows),
            bytes: None,
            duration: Duration::from_secs_f64(seconds.max(0.0)),
            started_at: self.work.now,
            intervals: loaded.ranges().to_vec(),
            inputs,
            seen: Some(self.target.seen.clone()),
            run: self.work.run.to_owned(),
            made_for: Some(self.work.made_for.clone()),
            plan_id: Some(self.work.plan_id.clone()),
            restatement: if self.target.rows == Rows::Restated { Restatement::Yes } else { Restatement::No },
        })
    }

    /// The same for the person who waits.
    pub(super) fn build(self, rows: u64, seconds: f64) -> Build {
        Build {
            model: self.target.name.clone(),
            table: self.table.clone(),
            rows: Some(rows),
            seconds,
            unit: self.target.unit,
            intervals: self.target.intervals_missing.clone(),
        }
    }
}
