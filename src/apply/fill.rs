//! One table: made, filled, checked against what the fingerprint expects, and recorded after each commit.
//!
//! A table that the state does not vouch for is made again, even where one of its name is there: a run that was killed
//! between the engine's commit and the state's leaves such a table. `kinds` knows what filling means for each kind.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Work;
use super::audit::{AuditOrder, Audited, Findings};
use super::columns::check_columns;
use super::fault::FillError;
use super::task::Task;
use crate::engine::{
    EngineError, Fence, Interrupter, ObjectRecord, OwnedObject, Session, Standing, amend_object, fence,
    record_new_object, standing, transaction,
};
use crate::error::CommandError;
use crate::ids::{ModelName, StateId, TableName};
use crate::model::{Kind, Past};
use crate::naming::TableKey;
use crate::plan::{Build, Sharing, Target, stored_parents};
use crate::state::{self, Fact, InputRead, Subject, Writers};
use crate::statement::{ColumnType, quote_table};
use crate::surroundings::Stopwatch;
use crate::time::{Interval, Intervals, Timestamp};
use crate::turn::Turn;

/// What stands under names.
pub(super) type Standings = BTreeMap<TableName, Standing>;

/// The physical layer, as a run finds it when it begins. Where a state
/// has one writer the warehouse is held from then on, so nobody else changes it.
pub(super) struct Physical {
    /// The table of every model that has one.
    pub(super) tables: BTreeMap<ModelName, TableName>,
    /// Its identity.
    pub(super) keys: BTreeMap<ModelName, TableKey>,
    /// What stands under the names of the tables that are to be filled.
    pub(super) standing: Standings,
    /// What audits must wait for.
    pub(super) order: AuditOrder,
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
    // Given back when the table is filled and recorded.
    let (turn, standing) = begin(work, target, physical)?;
    let stopwatch = Stopwatch::start();
    let task = Task::of(work, target, (physical, &standing))?;
    let inputs = inputs(work, &[target], &physical.keys)?.pop().unwrap_or_default();
    let known = work.state.tables(std::slice::from_ref(&target.key))?.remove(&target.key);
    let session = open(work, running)?;
    let mut filler = Filler {
        task,
        running,
        stopwatch,
        inputs,
        findings: Findings::default(),
        known,
        session,
        rows: 0,
        loaded: Intervals::default(),
        recorded: task.recorded.cloned(),
        added_at: None,
        fence: turn.as_ref().and_then(Turn::fence),
    };
    let filled = match &task.model.kind {
        Kind::Seed(seed) => filler.seed(seed),
        Kind::TimeRange(range) => filler.time_range(range),
        Kind::UniqueKey(key) if key.past != Past::Recomputed => filler.keys(key),
        Kind::UniqueKey(key) => filler.unique_key(key),
        Kind::Partition(_) => filler.partitions(),
        Kind::Unmanaged(_) => filler.unmanaged(),
        Kind::ScdType2(scd) => filler.history(scd),
        _ => filler.whole(),
    };
    if matches!(filled, Err(FillError::TableGone(_))) {
        // Nothing vouches for it any more, so the next run makes it anew.
        work.state.forget_tables(work.lease, std::slice::from_ref(&target.key))?;
    }
    let told = filler.tell();
    filled.map_err(|error| filler.failed(error))?;
    told?;
    // Before it is given back: from now on others leave it as it is.
    if let (Some(_), Some(environment)) = (&turn, work.writer.shows()) {
        work.state.announce(work.lease, environment, std::slice::from_ref(task.table))?;
    }
    Ok(task.build(filler.rows, stopwatch.seconds()))
}

/// Takes the table from all who may want it, once nobody has it, and looks how it stands: where others write too, somebody
/// may have filled it since it was planned, or be about to show it as it is.
fn begin<'a>(
    work: &Work<'_>,
    target: &Target,
    physical: &'a Physical,
) -> Result<(Option<Turn>, Cow<'a, Standings>), FillError> {
    let Some(table) = target.table.as_ref().filter(|_| work.lease.writers() == Writers::Many) else {
        return Ok((None, Cow::Borrowed(&physical.standing)));
    };
    let turn = work.turns().take(&Subject::Table { table: table.clone(), range: None }, None)?;
    let known = work.state.tables(std::slice::from_ref(&target.key))?.remove(&target.key);
    let is_here = known.as_ref().is_none_or(|known| known.snapshot.table == *table);
    let is_taken = || -> Result<bool, FillError> {
        // One that the state does not know is made for all who show it.
        let is_ours = target.sharing == Sharing::Own && known.is_some();
        Ok(is_ours && !work.writer.leaves_alone(work.state, std::slice::from_ref(table))?.is_empty())
    };
    if !is_here || known.as_ref().map(state::Table::found) != target.found || is_taken()? {
        return Err(FillError::Overtaken(table.to_string()));
    }
    let mut session = work.engine.session()?;
    let standing = standing(session.as_mut(), work.state_id, std::slice::from_ref(table))?;
    Ok((Some(turn), Cow::Owned(standing)))
}

/// Says in the warehouse what a table is, where it does not say so already.
fn vouch(
    session: &mut dyn Session,
    state: &StateId,
    (before, now): (Option<&ObjectRecord>, &ObjectRecord),
) -> Result<(), EngineError> {
    match before {
        None => record_new_object(session, state, std::slice::from_ref(now)),
        Some(before) if before == now => Ok(()),
        Some(_) => amend_object(session, state, now),
    }
}

/// A session, told to `running` as it begins.
pub(super) fn open(work: &Work<'_>, running: &dyn Fn(Arc<dyn Interrupter>)) -> Result<Box<dyn Session>, EngineError> {
    let session = work.engine.session()?;
    running(session.interrupter());
    Ok(session)
}

/// The tables that each of several models reads, through views too, with the newest load of each: what tells later whether
/// it is stale. Nobody else loads them meanwhile, so it is the same before the models are filled and after.
pub(super) fn inputs(
    work: &Work<'_>,
    targets: &[&Target],
    keys: &BTreeMap<ModelName, TableKey>,
) -> Result<Vec<Vec<InputRead>>, FillError> {
    let read_by = |target: &&Target| -> Vec<TableKey> {
        let ancestors = stored_parents(&work.tree.graph, &target.name, &|name| keys.contains_key(name));
        ancestors.iter().filter_map(|name| keys.get(name).cloned()).collect()
    };
    let read: Vec<Vec<TableKey>> = targets.iter().map(read_by).collect();
    let all: BTreeSet<&TableKey> = read.iter().flatten().collect();
    let tables = work.state.tables(&all.into_iter().cloned().collect::<Vec<_>>())?;
    let newest = |key: &TableKey| tables.get(key).and_then(|table| table.ledger.newest().max(table.snapshot.as_of));
    // One that is empty so far is no longer once it has rows.
    let input = |key: TableKey| InputRead { newest: newest(&key).unwrap_or(Timestamp(0)), key };
    Ok(read.into_iter().map(|keys| keys.into_iter().map(input).collect()).collect())
}

/// A table on its way.
pub(super) struct Filler<'a> {
    pub(super) task: Task<'a>,
    running: &'a dyn Fn(Arc<dyn Interrupter>),
    stopwatch: Stopwatch,
    inputs: Vec<InputRead>,
    /// What audits found so far.
    findings: Findings,
    /// What the state knew of the table at the beginning.
    pub(super) known: Option<state::Table>,
    session: Box<dyn Session>,
    rows: u64,
    /// What of its time is loaded so far.
    loaded: Intervals,
    /// What the warehouse says of it now.
    recorded: Option<ObjectRecord>,
    /// What the warehouse is to say beside it: when rows are added to it, of a table that a load only adds to; to where intervals
    /// are laid, of a history of intervals.
    pub(super) added_at: Option<Timestamp>,
    /// What tells it that the table is ours to fill.
    fence: Option<Fence>,
}

impl Filler<'_> {
    /// Runs work on the table in one transaction, in which the table is also checked, audited and recorded as ours. The work
    /// gives the rows that it wrote; the columns that the table has then come back.
    pub(super) fn transact(
        &mut self,
        audited: Audited,
        work: impl FnOnce(&mut dyn Session) -> Result<u64, FillError>,
    ) -> Result<Vec<ColumnType>, FillError> {
        let task = self.task;
        let record = task.record(self.added_at);
        let state = task.work.state_id;
        let (recorded, ours) = (self.recorded.as_ref(), self.fence.as_ref());
        let (rows, columns, looked) = transaction(self.session.as_mut(), |session| -> Result<_, FillError> {
            fence(session, ours)?;
            // Without a transaction a table that a death leaves here would be nobody's; and how far it is nobody knows until the
            // load is through.
            let begun = (!session.capabilities().transactional_ddl.is_yes()).then(|| task.record(None));
            if let Some(begun) = &begun {
                vouch(session, state, (recorded, begun))?;
            }
            let rows = work(session)?;
            let columns = session.columns(task.table)?.unwrap_or_default();
            check_columns(task.fingerprint, &columns)?;
            let looked = task.audit(session, audited, &columns)?;
            vouch(session, state, (begun.as_ref().or(recorded), &record))?;
            if let Some(wall) = session.wall() {
                wall.share(std::slice::from_ref(task.table))?;
            }
            Ok((rows, columns, looked))
        })?;
        self.findings.take(task.work, (task.model, Some(task.table)), looked);
        self.recorded = Some(record);
        self.rows += rows;
        Ok(columns)
    }

    /// Whether the warehouse says that the table is ours.
    pub(super) fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// When rows were added to it last, or to where intervals were laid, as far as the warehouse says it.
    pub(super) fn recorded_addition(&self) -> Option<Timestamp> {
        match self.recorded.as_ref()?.object {
            OwnedObject::Table { added_at, .. } => added_at,
            OwnedObject::View { .. } => None,
        }
    }

    /// The session that it is in.
    pub(super) fn session(&mut self) -> &mut dyn Session {
        self.session.as_mut()
    }

    /// Another session, so that nothing that a batch's statements set or made is there in the next.
    pub(super) fn begin_anew(&mut self) -> Result<(), FillError> {
        // The new one comes first: the warehouse stays open between them.
        self.session = open(self.task.work, self.running)?;
        Ok(())
    }

    /// Records what was committed.
    pub(super) fn record(&self, facts: &[Fact]) -> Result<(), FillError> {
        self.task.work.state.record(self.task.work.lease, facts)?;
        self.findings.keep(self.task.work)
    }

    /// Tells what the audits of all that was committed found.
    fn tell(&mut self) -> Result<(), FillError> {
        if self.findings.is_told() {
            return Ok(());
        }
        self.findings.tell(self.task.work, (self.task.model, Some(self.task.table)));
        self.findings.keep(self.task.work)
    }

    /// What is to be said of an error. Its transaction is undone by now, so other sessions find what was there before.
    fn failed(&mut self, error: FillError) -> FillError {
        self.findings.failed(self.task.work, error)
    }

    /// That the table was made, or filled as a whole.
    pub(super) fn snapshot(&self, columns: &[ColumnType], as_of: Option<Timestamp>) -> Fact {
        self.task.snapshot(columns, as_of)
    }

    /// That a range was loaded.
    pub(super) fn loaded(&mut self, interval: Interval) -> Fact {
        self.loaded.add(interval);
        let work = self.task.work;
        let key = self.task.target.key.clone();
        let run = match self.task.model.past().kept() {
            // By this it is known what one table has of another: two may be loaded at one time.
            Some(_) => format!("{} {}", work.run, work.plan_id),
            None => work.run.to_owned(),
        };
        let inputs = Some(self.task.target.seen.clone());
        Fact::Load(state::Load { key, interval, loaded_at: work.now, run, inputs })
    }

    /// What the build cost so far and what it read.
    pub(super) fn built(&self) -> Fact {
        self.task.built((self.rows, self.stopwatch.seconds()), &self.loaded, self.inputs.clone())
    }
}

/// The rows of a table that more than one statement has written.
pub(super) fn count(session: &mut dyn Session, table: &TableName) -> Result<u64, EngineError> {
    let sql = format!("SELECT count(*) FROM {}", quote_table(session.dialect(), table));
    counted(session, &sql)
}

/// The number that a query gives.
pub(super) fn counted(session: &mut dyn Session, sql: &str) -> Result<u64, EngineError> {
    let rows = session.query(sql)?.rows;
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
