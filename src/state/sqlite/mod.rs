//! A state in one SQLite file: right for one machine. The file must not lie on a network share, where its write-ahead log
//! is unsafe (research: engines, section 5).

mod allowances;
mod builds;
mod convert;
mod environments;
mod holds;
mod lock;
mod open;
mod schema;
mod tables;
mod unreferenced;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use self::convert::{Failure, word};
use self::lock::{FileLock, LockFailure};
use super::{
    About, Allowance, Build, Environment, Fact, Forgotten, HistoryEntry, Identity, NewEntry, Owner, PendingPromote,
    Snapshot, State, StateError, Table, Version, WriteLease,
};
use crate::ids::{CommitId, EnvironmentName, Login, ModelName, PlanId, ProjectName, StateId, TableName};
use crate::naming::TableKey;
use crate::rollback::Hold;
use crate::time::{Interval, Timestamp};

/// What a state is opened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For `plan`: a missing state reads as empty, and nothing is created or changed on disk.
    ReadOnlyIfExists,
    /// To write: folder, file and tables are made where they are missing, an old schema is migrated.
    Write {
        /// The random id that a state gets which is made now.
        state: StateId,
        /// The version of the fingerprints that this program makes.
        algorithm_version: u64,
    },
}

/// One project's rows in an SQLite file.
pub struct SqliteState {
    connection: Mutex<Connection>,
    project: ProjectName,
    file: PathBuf,
    access: Access,
}

/// What may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Access {
    Read,
    /// The state's id is known from the moment of opening.
    Write(StateId),
}

/// When a write is safe from a loss of power. From the end of the process it is safe as soon as it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Durability {
    /// When the call returns.
    AtOnce,
    /// Together with the next write that is safe at once, or earlier. Until then a loss of power may take it back, with
    /// all that came after it: for what was built that is as if the run had ended between the engine's commit and the
    /// record, and what is not recorded is built again. It saves waiting for the disk once for every table.
    WithTheNext,
}

impl Durability {
    /// SQLite's `synchronous`.
    fn level(self) -> &'static str {
        match self {
            Self::AtOnce => "FULL",
            Self::WithTheNext => "NORMAL",
        }
    }
}

impl SqliteState {
    /// Opens a state.
    ///
    /// # Errors
    /// The file is no state, is damaged, was made by a newer program, or cannot be opened.
    pub fn open(file: &Path, project: &ProjectName, mode: &OpenMode) -> Result<Self, StateError> {
        let connection = match mode {
            OpenMode::ReadOnlyIfExists => open::open_to_read(file)?,
            OpenMode::Write { state, algorithm_version } => open::open_to_write(file, state, *algorithm_version)?,
        };
        let (connection, project, file) = (Mutex::new(connection), project.clone(), file.to_owned());
        let mut opened = Self { connection, project, file, access: Access::Read };
        if *mode != OpenMode::ReadOnlyIfExists {
            opened.access = opened.identity()?.map_or(Access::Read, |identity| Access::Write(identity.state));
        }
        Ok(opened)
    }

    fn location(&self) -> String {
        self.file.display().to_string()
    }

    /// A panic in another thread rolled its transaction back, so the connection is sound.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transact<T>(
        &self,
        (behavior, durability): (TransactionBehavior, Durability),
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut connection = self.connection();
        connection.pragma_update(None, "synchronous", durability.level())?;
        let transaction = connection.transaction_with_behavior(behavior)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>) -> Result<T, StateError> {
        let read = self.transact((TransactionBehavior::Deferred, Durability::AtOnce), work);
        read.map_err(|failure| open::explain(failure, "read", &self.location()))
    }

    fn write<T>(
        &self,
        lease: &WriteLease,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        self.write_with(lease, Durability::AtOnce, work)
    }

    fn write_with<T>(
        &self,
        lease: &WriteLease,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        let state = self.writable()?;
        if lease.state() != state {
            return Err(StateError::OtherState { expected: state.clone(), found: lease.state().clone() });
        }
        // Tests count these lines, and kill the process at each.
        tracing::debug!(target: "offshoot::statement", "state write begins");
        let written = self.transact((TransactionBehavior::Immediate, durability), work);
        tracing::debug!(target: "offshoot::statement", "state write ends");
        written.map_err(|failure| open::explain(failure, "write", &self.location()))
    }

    fn writable(&self) -> Result<&StateId, StateError> {
        match &self.access {
            Access::Write(state) => Ok(state),
            Access::Read => Err(StateError::ReadOnly { location: self.location() }),
        }
    }

    /// `state.db.lock` beside `state.db`.
    fn lock_file(&self) -> PathBuf {
        let mut path = self.file.clone().into_os_string();
        path.push(".lock");
        path.into()
    }
}

impl State for SqliteState {
    fn identity(&self) -> Result<Option<Identity>, StateError> {
        self.read(|transaction| {
            let identity = transaction.query_row("SELECT * FROM state_identity", [], |row| {
                Ok(Identity {
                    state: word(row, "state_id")?,
                    schema_version: row.get("schema_version")?,
                    algorithm_version: row.get::<_, i64>("algorithm_version")?.unsigned_abs(),
                })
            });
            Ok(identity.optional()?)
        })
    }

    fn lease(&self, doing: &str, timeout: Duration) -> Result<WriteLease, StateError> {
        let state = self.writable()?.clone();
        match FileLock::take(&self.lock_file(), doing, timeout) {
            Ok(lock) => Ok(WriteLease::new(state, Box::new(lock))),
            Err(LockFailure::Held { holder, waited }) => Err(StateError::Busy { holder, waited }),
            Err(LockFailure::Io(error)) => {
                Err(StateError::Store { doing: "lock", location: self.location(), source: Box::new(error) })
            }
        }
    }

    fn environments(&self) -> Result<Vec<About>, StateError> {
        self.read(|transaction| environments::environments(transaction, &self.project))
    }

    fn environment(&self, name: &EnvironmentName) -> Result<Option<Environment>, StateError> {
        self.read(|transaction| environments::environment(transaction, &self.project, name))
    }

    fn history(&self, name: &EnvironmentName, limit: usize) -> Result<Vec<HistoryEntry>, StateError> {
        self.read(|transaction| environments::history(transaction, &self.project, name, limit))
    }

    fn tables(&self, keys: &[TableKey]) -> Result<BTreeMap<TableKey, Table>, StateError> {
        self.read(|transaction| tables::tables(transaction, &self.project, keys))
    }

    fn built_models(&self) -> Result<BTreeSet<ModelName>, StateError> {
        self.read(|transaction| tables::built_models(transaction, &self.project))
    }

    fn builds(&self, models: &[ModelName], each: usize) -> Result<BTreeMap<ModelName, Vec<Build>>, StateError> {
        self.read(|transaction| builds::of_models(transaction, &self.project, models, each))
    }

    fn builds_for(&self, owner: &Owner) -> Result<Vec<Build>, StateError> {
        self.read(|transaction| builds::made_for(transaction, &self.project, owner))
    }

    fn newest_builds(&self, keys: &[TableKey]) -> Result<BTreeMap<TableKey, Build>, StateError> {
        self.read(|transaction| builds::newest(transaction, &self.project, keys))
    }

    fn all_tables(&self) -> Result<Vec<Snapshot>, StateError> {
        self.read(|transaction| unreferenced::all_tables(transaction, &self.project))
    }

    fn tables_elsewhere(&self) -> Result<BTreeSet<TableName>, StateError> {
        self.read(|transaction| unreferenced::elsewhere(transaction, &self.project))
    }

    fn unreferenced(&self) -> Result<BTreeMap<TableName, Timestamp>, StateError> {
        self.read(|transaction| unreferenced::marks(transaction, &self.project))
    }

    fn pending_promotes(&self) -> Result<Vec<PendingPromote>, StateError> {
        self.read(|transaction| environments::pending_promotes(transaction, &self.project))
    }

    fn allowed(&self, pull_request: u64, head: &CommitId) -> Result<BTreeMap<ModelName, Login>, StateError> {
        self.read(|transaction| allowances::allowed(transaction, &self.project, pull_request, head))
    }

    fn allow(&self, lease: &WriteLease, allowance: &Allowance) -> Result<(), StateError> {
        self.write(lease, |transaction| allowances::allow(transaction, &self.project, allowance))
    }

    fn record(&self, lease: &WriteLease, facts: &[Fact]) -> Result<(), StateError> {
        self.write_with(lease, Durability::WithTheNext, |transaction| tables::record(transaction, &self.project, facts))
    }

    fn withdraw(&self, lease: &WriteLease, key: &TableKey, interval: Interval) -> Result<(), StateError> {
        self.write(lease, |transaction| tables::withdraw(transaction, &self.project, key, interval))
    }

    fn forget_tables(&self, lease: &WriteLease, keys: &[TableKey]) -> Result<(), StateError> {
        self.write(lease, |transaction| tables::forget(transaction, &self.project, keys))
    }

    fn mark_unreferenced(&self, lease: &WriteLease, tables: &BTreeMap<TableName, Timestamp>) -> Result<(), StateError> {
        self.write(lease, |transaction| unreferenced::mark(transaction, &self.project, tables))
    }

    fn keep_tables(&self, lease: &WriteLease, tables: &[TableName]) -> Result<(), StateError> {
        self.write(lease, |transaction| unreferenced::keep(transaction, &self.project, tables.iter()))
    }

    fn forget_unreferenced(
        &self,
        lease: &WriteLease,
        table: &TableName,
        since: Timestamp,
    ) -> Result<Forgotten, StateError> {
        self.write(lease, |transaction| unreferenced::forget(transaction, &self.project, table, since))
    }

    fn forget_history(&self, lease: &WriteLease, kept: NonZeroUsize) -> Result<usize, StateError> {
        self.write(lease, |transaction| unreferenced::forget_history(transaction, &self.project, kept))
    }

    fn start_plan(&self, lease: &WriteLease, about: &About, expected: Option<&Version>) -> Result<(), StateError> {
        self.write(lease, |transaction| environments::start_plan(transaction, &self.project, about, expected))
    }

    fn finish_plan(&self, lease: &WriteLease, environment: &Environment, entry: &NewEntry) -> Result<(), StateError> {
        self.write(lease, |transaction| environments::finish_plan(transaction, &self.project, environment, entry))
    }

    fn remove_environment(
        &self,
        lease: &WriteLease,
        name: &EnvironmentName,
        expected: &Version,
    ) -> Result<(), StateError> {
        self.write(lease, |transaction| environments::remove(transaction, &self.project, name, expected))
    }

    fn begin_promote(&self, lease: &WriteLease, promote: &PendingPromote) -> Result<(), StateError> {
        self.write(lease, |transaction| environments::begin_promote(transaction, &self.project, promote))
    }

    fn holds(&self) -> Result<BTreeMap<EnvironmentName, Hold>, StateError> {
        self.read(|transaction| holds::holds(transaction, &self.project))
    }

    fn release_hold(&self, lease: &WriteLease, environment: &EnvironmentName) -> Result<Option<Hold>, StateError> {
        self.write(lease, |transaction| holds::release(transaction, &self.project, environment))
    }

    fn finish_promote(&self, lease: &WriteLease, name: &EnvironmentName, plan_id: &PlanId) -> Result<(), StateError> {
        self.write(lease, |transaction| environments::finish_promote(transaction, &self.project, name, plan_id))
    }

    fn abandon_promote(&self, lease: &WriteLease, name: &EnvironmentName, plan_id: &PlanId) -> Result<(), StateError> {
        self.write(lease, |transaction| {
            environments::abandon_promote(transaction, &self.project, name, plan_id).map(|_| ())
        })
    }
}
