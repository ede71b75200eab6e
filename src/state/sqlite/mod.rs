//! A state in one SQLite file: right for one machine. The file must not lie on a network share, where its write-ahead log
//! is unsafe (research: engines, section 5).

mod lock;
mod open;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::lock::{FileLock, LockFailure};
use self::rows::stored;
use super::lease::Begun;
use super::store::{self, Failure, Reading, Statements, Store, StoredState, Writing};
use super::{OpenMode, State, StateError, WriteLease, Writers};
use crate::ids::{ProjectName, StateId};

/// One project's rows in an SQLite file.
pub type SqliteState = StoredState<SqliteStore>;

/// An SQLite file with a state in it.
pub struct SqliteStore {
    connection: Mutex<Connection>,
    /// `None` where it is in memory.
    file: Option<PathBuf>,
    access: Access,
}

/// What may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Access {
    Read,
    /// The state's id is known from the moment of opening.
    Write(StateId),
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
        let mut opened =
            SqliteStore { connection: Mutex::new(connection), file: Some(file.to_owned()), access: Access::Read };
        if *mode != OpenMode::ReadOnlyIfExists {
            let identity = opened.read(Reading::Once, store::identity)?;
            opened.access = identity.map_or(Access::Read, |identity| Access::Write(identity.state));
        }
        Ok(Self::new(opened, project.clone()))
    }

    /// The version of the tables in a file; `None` where there is no state.
    ///
    /// # Errors
    /// The file is no state, is newer than this program, or cannot be read.
    pub fn schema_version(file: &Path) -> Result<Option<u32>, StateError> {
        open::schema_version(file)
    }

    /// A copy of a project's rows in memory, which nobody else sees. An empty one where there is no state.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn copy_of(state: &dyn State, project: &ProjectName) -> Result<Self, StateError> {
        let identity = state.identity()?;
        let connection = open::open_in_memory(identity.as_ref())?;
        let access = identity.map_or(Access::Read, |identity| Access::Write(identity.state));
        let is_there = access != Access::Read;
        let copy = Self::new(SqliteStore { connection: Mutex::new(connection), file: None, access }, project.clone());
        if is_there {
            state.export(&mut |record| copy.take_up(record).map_err(std::io::Error::other))?;
        }
        Ok(copy)
    }
}

impl SqliteStore {
    /// A panic in another thread rolled its transaction back, so the connection is sound.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `synchronous` is SQLite's: `FULL` is safe from a loss of power at once, `NORMAL` with the next one that is.
    fn transact<T>(
        &self,
        (behavior, synchronous): (TransactionBehavior, &str),
        mut work: impl FnMut(&dyn Statements) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut connection = self.connection();
        connection.pragma_update(None, "synchronous", synchronous).map_err(stored)?;
        let transaction: Transaction<'_> = connection.transaction_with_behavior(behavior).map_err(stored)?;
        let value = work(&*transaction)?;
        transaction.commit().map_err(stored)?;
        Ok(value)
    }

    /// `state.db.lock` beside `state.db`.
    fn lock_file(&self) -> Option<PathBuf> {
        let mut path = self.file.clone()?.into_os_string();
        path.push(".lock");
        Some(path.into())
    }
}

/// The session of whoever has the lock.
struct Session {
    store: Arc<SqliteStore>,
    begun: Begun,
    /// Given back after the session is ended.
    _lock: Option<FileLock>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.begun.row.to_be_made().is_some() {
            return;
        }
        let ended = self.store.write(Writing::Facts, |statements| store::end_session(statements, &self.begun.id));
        if let Err(error) = ended {
            tracing::debug!("the next writer ends the session: {error}");
        }
    }
}

impl Store for SqliteStore {
    fn read<T>(&self, _: Reading, work: impl FnMut(&dyn Statements) -> Result<T, Failure>) -> Result<T, StateError> {
        let read = self.transact((TransactionBehavior::Deferred, "FULL"), work);
        read.map_err(|failure| open::explain(failure, "read", &self.location()))
    }

    fn write<T>(
        &self,
        writing: Writing,
        work: impl FnMut(&dyn Statements) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        let synchronous = match writing {
            Writing::Alone => "FULL",
            Writing::Facts => "NORMAL",
        };
        let written = self.transact((TransactionBehavior::Immediate, synchronous), work);
        written.map_err(|failure| open::explain(failure, "write", &self.location()))
    }

    fn writable(&self) -> Result<&StateId, StateError> {
        match &self.access {
            Access::Write(state) => Ok(state),
            Access::Read => Err(StateError::ReadOnly { location: self.location() }),
        }
    }

    fn lease(self: &Arc<Self>, doing: &str, timeout: Duration) -> Result<WriteLease, StateError> {
        let state = self.writable()?.clone();
        let lock = match self.lock_file().map(|path| FileLock::take(&path, doing, timeout)).transpose() {
            Ok(lock) => lock,
            Err(LockFailure::Held { holder, waited }) => return Err(StateError::Busy { holder, waited }),
            Err(LockFailure::Io(error)) => {
                return Err(StateError::Store { doing: "lock", location: self.location(), source: Box::new(error) });
            }
        };
        let begun = self.read(Reading::Once, |statements| store::begin_unwritten(statements, doing))?;
        let session = Session { store: Arc::clone(self), begun: begun.clone(), _lock: lock };
        Ok(WriteLease::new(state, begun, Writers::One, Box::new(session)))
    }

    fn location(&self) -> String {
        self.file.as_ref().map_or_else(|| "in memory".to_owned(), |file| file.display().to_string())
    }
}
