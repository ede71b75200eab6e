//! A state in tables, written once for every store that speaks SQL.
//!
//! The texts are what SQLite (3.40 and later) and PostgreSQL (13 and later) both take; what they say differently is marked
//! ([`dialect`]). A store only opens, keeps others away, and begins and ends transactions.

mod allowances;
mod audits;
mod builds;
mod claims;
mod decisions;
mod dialect;
mod environments;
mod holds;
mod pointers;
mod schema;
mod sessions;
mod statements;
mod tables;
mod told;
mod transfer;
mod unreferenced;
mod upgrade;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

pub(super) use self::dialect::Dialect;
pub(super) use self::schema::{Contents, IDENTITY, NEWEST, migrate};
pub(super) use self::sessions::{
    Life, NewSession, begin as begin_session, begin_unwritten, end as end_session, renew as renew_session,
};
pub(super) use self::statements::{Nothing, Statements, round_trip};
#[cfg(test)]
pub(super) use self::tables::record;
use self::told::Told;
pub(super) use self::value::{Failure, Row, Value};

use super::{
    About, Allowance, Asking, AuditResult, Build, Claim, Environment, Fact, FencingToken, Forgotten, HistoryEntry,
    Holder, Identity, NewEntry, Others, Owner, PendingPromote, Record, Records, Snapshot, State, StateError, Subject,
    Table, Upgrade, Version, WriteLease,
};
use crate::decision::{Decision, Decisions};
use crate::ids::{CommitId, EnvironmentName, Login, ModelName, PlanId, ProjectName, StateId, TableName};
use crate::naming::TableKey;
use crate::rollback::Hold;
use crate::time::{Interval, Timestamp};

/// Where the tables of a state are.
pub trait Store: Send + Sync + 'static {
    /// Runs a read that sees one moment of the state.
    fn read<T>(
        &self,
        reading: Reading,
        work: impl FnMut(&dyn Statements) -> Result<T, Failure>,
    ) -> Result<T, StateError>;

    /// Runs a write in one transaction.
    fn write<T>(
        &self,
        writing: Writing,
        work: impl FnMut(&dyn Statements) -> Result<T, Failure>,
    ) -> Result<T, StateError>;

    /// The state's id, which is known where it is open to write.
    fn writable(&self) -> Result<&StateId, StateError>;

    /// [`State::lease`].
    fn lease(self: &Arc<Self>, doing: &str, timeout: Duration) -> Result<WriteLease, StateError>;

    /// Where it is, in words without a secret.
    fn location(&self) -> String;
}

/// How many statements a read has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// One, which sees one moment by itself.
    Once,
    /// Several, which must see the same one.
    Together,
}

/// What a write may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// It decides by what it reads: nobody else writes meanwhile, and it is safe from a loss of power when it returns.
    Alone,
    /// It records facts about tables: others may record theirs at the same time. It is safe from the end of the process
    /// when it returns, and from a loss of power together with the next write that is alone. Until then a loss of power
    /// may take it back, with all that came after it: for what was built that is as if the run had ended between the
    /// engine's commit and the record, and what is not recorded is built again. It saves waiting for the disk once for
    /// every table.
    Facts,
}

/// One project's rows in a store.
pub struct StoredState<S> {
    store: Arc<S>,
    project: ProjectName,
}

impl<S: Store> StoredState<S> {
    /// The rows of a project.
    pub(super) fn new(store: S, project: ProjectName) -> Self {
        Self { store: Arc::new(store), project }
    }

    /// Takes up one record of another state.
    pub(super) fn take_up(&self, record: &Record) -> Result<(), StateError> {
        self.store.write(Writing::Facts, |statements| transfer::take_up(statements, &self.project, record.clone()))
    }

    fn read<T>(
        &self,
        mut work: impl FnMut(&dyn Statements, &ProjectName) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        self.store.read(Reading::Once, |statements| work(statements, &self.project))
    }

    fn write<T>(
        &self,
        lease: &WriteLease,
        work: impl FnMut(&dyn Statements, &ProjectName) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        self.write_as(Writing::Alone, lease, work)
    }

    fn write_as<T>(
        &self,
        writing: Writing,
        lease: &WriteLease,
        mut work: impl FnMut(&dyn Statements, &ProjectName) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        let state = self.store.writable()?;
        if lease.state() != state {
            return Err(StateError::OtherState { expected: state.clone(), found: lease.state().clone() });
        }
        // Tests count these lines, and kill the process at each.
        tracing::debug!(target: "offshoot::statement", "state write begins");
        let location = self.store.location();
        let written = self.store.write(writing, |statements| {
            let statements = &Told(statements);
            sessions::check(statements, lease, &location)?;
            work(statements, &self.project)
        });
        if written.is_ok() {
            lease.session().row.was_written();
        }
        tracing::debug!(target: "offshoot::statement", "state write ends");
        written
    }
}

/// Gives back what is held, when it is dropped.
struct GivenBack<S: Store> {
    store: Arc<S>,
    token: FencingToken,
}

impl<S: Store> Drop for GivenBack<S> {
    fn drop(&mut self) {
        let given_back = self.store.write(Writing::Facts, |statements| claims::give_back(statements, self.token));
        if let Err(error) = given_back {
            tracing::debug!("what was held is given back with the session: {error}");
        }
    }
}

impl<S: Store> State for StoredState<S> {
    fn identity(&self) -> Result<Option<Identity>, StateError> {
        self.read(identity_of)
    }

    fn lease(&self, doing: &str, timeout: Duration) -> Result<WriteLease, StateError> {
        self.store.lease(doing, timeout)
    }

    fn claim(&self, lease: &WriteLease, subject: &Subject, asking: Asking) -> Result<Claim, StateError> {
        let session = &lease.session().id;
        let wanted = (subject, asking);
        let token = self.write(lease, |statements, project| claims::claim(statements, project, session, wanted))??;
        Ok(Claim::new(token, Box::new(GivenBack { store: Arc::clone(&self.store), token })))
    }

    fn claims(&self) -> Result<Vec<(Subject, Holder, Timestamp)>, StateError> {
        self.read(claims::claims)
    }

    fn environments(&self) -> Result<Vec<About>, StateError> {
        self.read(environments::environments)
    }

    fn named_or_owned(&self, name: &EnvironmentName, owner: &Owner) -> Result<Vec<About>, StateError> {
        self.read(|statements, project| environments::named_or_owned(statements, project, name, owner))
    }

    fn environment(&self, name: &EnvironmentName) -> Result<Option<Environment>, StateError> {
        self.read(|statements, project| environments::environment(statements, project, name))
    }

    fn history(&self, name: &EnvironmentName, limit: usize) -> Result<Vec<HistoryEntry>, StateError> {
        self.read(|statements, project| environments::history(statements, project, name, limit))
    }

    fn tables(&self, keys: &[TableKey]) -> Result<BTreeMap<TableKey, Table>, StateError> {
        self.store.read(Reading::Together, |statements| tables::tables(statements, &self.project, keys))
    }

    fn shown_by(&self, others: Others<'_>, tables: &[TableName]) -> Result<BTreeSet<TableName>, StateError> {
        self.read(|statements, project| pointers::shown_by(statements, project, others, tables))
    }

    fn announce(
        &self,
        lease: &WriteLease,
        environment: &EnvironmentName,
        tables: &[TableName],
    ) -> Result<(), StateError> {
        let (session, shown) = (&lease.session().id, (environment, tables));
        self.write_as(Writing::Facts, lease, |statements, project| {
            pointers::announce(statements, project, session, shown)
        })
    }

    fn built_models(&self) -> Result<BTreeSet<ModelName>, StateError> {
        self.read(tables::built_models)
    }

    fn builds(&self, models: &[ModelName], each: usize) -> Result<BTreeMap<ModelName, Vec<Build>>, StateError> {
        self.read(|statements, project| builds::of_models(statements, project, models, each))
    }

    fn builds_for(&self, owner: &Owner) -> Result<Vec<Build>, StateError> {
        self.read(|statements, project| builds::made_for(statements, project, owner))
    }

    fn restatements(&self) -> Result<Vec<Build>, StateError> {
        self.read(builds::restatements)
    }

    fn newest_builds(&self, keys: &[TableKey]) -> Result<BTreeMap<TableKey, Build>, StateError> {
        self.read(|statements, project| builds::newest(statements, project, keys))
    }

    fn all_tables(&self) -> Result<Vec<Snapshot>, StateError> {
        self.read(unreferenced::all_tables)
    }

    fn tables_elsewhere(&self) -> Result<BTreeSet<TableName>, StateError> {
        self.read(unreferenced::elsewhere)
    }

    fn unreferenced(&self) -> Result<BTreeMap<TableName, Timestamp>, StateError> {
        self.read(unreferenced::marks)
    }

    fn export(&self, sink: &mut transfer::Sink<'_>) -> Result<(), StateError> {
        let mut is_again = false;
        self.store.read(Reading::Together, |statements| {
            // What was written stays written.
            if std::mem::replace(&mut is_again, true) {
                return Err(StateError::CutOff { location: self.store.location() }.into());
            }
            transfer::export(statements, &self.project, sink)
        })
    }

    fn import(&self, lease: &WriteLease, records: &mut Records<'_>) -> Result<(), StateError> {
        let location = self.store.location();
        self.write(lease, |statements, project| {
            let mut records = records().map_err(StateError::Line)?;
            transfer::import(statements, (project, &location), records.as_mut())
        })
    }

    fn upgrade(&self, lease: &WriteLease, upgrade: &Upgrade) -> Result<(), StateError> {
        self.write(lease, |statements, project| upgrade::upgrade(statements, project, upgrade))
    }

    fn pending_promotes(&self) -> Result<Vec<PendingPromote>, StateError> {
        self.read(environments::pending_promotes)
    }

    fn allowed(&self, pull_request: u64, head: &CommitId) -> Result<BTreeMap<ModelName, Login>, StateError> {
        self.read(|statements, project| allowances::allowed(statements, project, pull_request, head))
    }

    fn allow(&self, lease: &WriteLease, allowance: &Allowance) -> Result<(), StateError> {
        self.write(lease, |statements, project| allowances::allow(statements, project, allowance))
    }

    fn record(&self, lease: &WriteLease, facts: &[Fact]) -> Result<(), StateError> {
        self.write_as(Writing::Facts, lease, |statements, project| tables::record(statements, project, facts))
    }

    fn record_audits(&self, lease: &WriteLease, results: &[AuditResult]) -> Result<(), StateError> {
        self.write_as(Writing::Facts, lease, |statements, project| audits::record(statements, project, results))
    }

    fn audit_results(&self) -> Result<Vec<AuditResult>, StateError> {
        self.read(audits::all)
    }

    fn decisions(&self) -> Result<Decisions, StateError> {
        Ok(self.read(decisions::all)?.into_iter().collect())
    }

    fn decide(&self, lease: &WriteLease, decisions: &[Decision]) -> Result<(), StateError> {
        self.write(lease, |statements, project| decisions::decide(statements, project, decisions))
    }

    fn withdraw(&self, lease: &WriteLease, key: &TableKey, interval: Interval) -> Result<(), StateError> {
        self.write(lease, |statements, project| tables::withdraw(statements, project, key, interval))
    }

    fn forget_tables(&self, lease: &WriteLease, keys: &[TableKey]) -> Result<(), StateError> {
        self.write(lease, |statements, project| tables::forget(statements, project, keys))
    }

    fn mark_unreferenced(&self, lease: &WriteLease, tables: &BTreeMap<TableName, Timestamp>) -> Result<(), StateError> {
        self.write(lease, |statements, project| unreferenced::mark(statements, project, tables))
    }

    fn keep_tables(&self, lease: &WriteLease, tables: &[TableName]) -> Result<(), StateError> {
        self.write(lease, |statements, project| unreferenced::keep(statements, project, tables.iter()))
    }

    fn forget_unreferenced(
        &self,
        lease: &WriteLease,
        table: &TableName,
        since: Timestamp,
    ) -> Result<Forgotten, StateError> {
        self.write(lease, |statements, project| unreferenced::forget(statements, project, table, since))
    }

    fn forget_history(&self, lease: &WriteLease, kept: NonZeroUsize) -> Result<usize, StateError> {
        self.write(lease, |statements, project| unreferenced::forget_history(statements, project, kept))
    }

    fn start_plan(&self, lease: &WriteLease, about: &About, expected: Option<&Version>) -> Result<(), StateError> {
        self.write(lease, |statements, project| environments::start_plan(statements, project, about, expected))
    }

    fn finish_plan(&self, lease: &WriteLease, environment: &Environment, entry: &NewEntry) -> Result<(), StateError> {
        self.write(lease, |statements, project| environments::finish_plan(statements, project, environment, entry))
    }

    fn remove_environment(
        &self,
        lease: &WriteLease,
        name: &EnvironmentName,
        expected: &Version,
    ) -> Result<(), StateError> {
        self.write(lease, |statements, project| environments::remove(statements, project, name, expected))
    }

    fn begin_promote(&self, lease: &WriteLease, promote: &PendingPromote) -> Result<(), StateError> {
        self.write(lease, |statements, project| environments::begin_promote(statements, project, promote))
    }

    fn holds(&self) -> Result<BTreeMap<EnvironmentName, Hold>, StateError> {
        self.read(holds::holds)
    }

    fn release_hold(&self, lease: &WriteLease, environment: &EnvironmentName) -> Result<Option<Hold>, StateError> {
        self.write(lease, |statements, project| holds::release(statements, project, environment))
    }

    fn finish_promote(&self, lease: &WriteLease, name: &EnvironmentName, plan_id: &PlanId) -> Result<(), StateError> {
        self.write(lease, |statements, project| environments::finish_promote(statements, project, name, plan_id))
    }

    fn abandon_promote(&self, lease: &WriteLease, name: &EnvironmentName, plan_id: &PlanId) -> Result<(), StateError> {
        self.write(lease, |statements, project| {
            environments::abandon_promote(statements, project, name, plan_id).map(|_| ())
        })
    }
}

/// Who the state is; `None` where nobody made it yet.
pub(super) fn identity(statements: &dyn Statements) -> Result<Option<Identity>, Failure> {
    let row = statements.first("SELECT * FROM @state_identity", &[])?;
    row.map(read_identity).transpose()
}

fn read_identity(row: Row) -> Result<Identity, Failure> {
    Ok(Identity {
        state: row.word("state_id")?,
        schema_version: version(&row)?,
        algorithm_version: row.integer("algorithm_version")?.unsigned_abs(),
    })
}

/// Who the state is to a project.
fn identity_of(statements: &dyn Statements, project: &ProjectName) -> Result<Option<Identity>, Failure> {
    let row = statements.first(
        "SELECT state_id, schema_version, coalesce(
             (SELECT algorithms.algorithm_version FROM @algorithms AS algorithms WHERE project = ?1),
             identity.algorithm_version
         ) AS algorithm_version FROM @state_identity AS identity",
        &[project.into()],
    )?;
    row.map(read_identity).transpose()
}

/// The schema version in a row of `state_identity`.
pub(super) fn version(row: &Row) -> Result<u32, Failure> {
    // A version that is no such number is newer than any that we know.
    Ok(u32::try_from(row.integer("schema_version")?).unwrap_or(u32::MAX))
}

/// Writes who a state is that is made now.
pub(super) fn identify(statements: &dyn Statements, state: &StateId, algorithm_version: u64) -> Result<(), Failure> {
    statements.execute(
        "INSERT INTO @state_identity (only_row, state_id, schema_version, algorithm_version) VALUES (1, ?1, ?2, ?3)",
        &[value::text(state.as_str()), value::count(NEWEST), value::count(algorithm_version)],
    )?;
    Ok(())
}
