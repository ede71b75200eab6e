//! A state in a schema of a PostgreSQL database: right for teams, whose runs come and go on many machines at once.
//!
//! What keeps many writers apart:
//! * Every write is one transaction at READ COMMITTED that begins by taking a lock of the whole state that ends with it
//!   (`pg_advisory_xact_lock`): alone for what decides by what it reads, shared for facts about tables. Each statement
//!   after that sees all that was committed before the lock was had, so compare-and-swap is as true as in a file.
//! * Facts that are recorded beside others' lock the rows of their tables, because a ledger is read, changed and written.
//! * A deadlock (40P01) or a serialization failure (40001) is tried again, a bounded number of times.
//!
//! What a lost connection does: before the commit nothing has happened, and the call is made again on a new connection.
//! Where the answer to the commit itself was lost, the server is asked what became of the transaction (`pg_xact_status`),
//! so no call is ever applied twice, whichever it is.
//!
//! Nothing belongs to a session of the server, so a pooler may give each transaction another one.

mod beat;
mod link;
mod open;
mod rows;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::beat::Session;
use self::link::Link;
use super::store::{self, Failure, NewSession, Nothing, Reading, Statements, Store, StoredState, Writing};
use super::{OpenMode, StateError, WriteLease, Writers};
use crate::ids::{ProjectName, StateId};
use crate::postgres::Address;

/// One project's rows in a schema of a PostgreSQL database.
pub type PostgresState = StoredState<PostgresStore>;

/// A schema with a state in it.
pub struct PostgresStore {
    link: Mutex<Link>,
    place: Place,
    terms: Terms,
    access: Access,
}

/// Where a state is.
#[derive(Clone, Debug)]
pub struct Place {
    /// The server, the database, and as whom we come.
    pub address: Address,
    /// The schema of its tables.
    pub schema: String,
}

/// On what terms a run writes a state.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What a person can recognise the run by: its address in CI, or a user.
    pub known_as: Option<String>,
    /// For how long a writer's session lives that tells nothing.
    pub lasts: Duration,
    /// How often it tells that it lives.
    pub beat: Duration,
    /// For how long a server that does not answer is tried.
    pub patience: Duration,
    /// Set where somebody asked the run to stop.
    pub stop: Arc<AtomicBool>,
}

impl Default for Terms {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        let (lasts, beat, patience) = (seconds(60), seconds(10), seconds(10));
        Self { known_as: None, lasts, beat, patience, stop: Arc::default() }
    }
}

/// What may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Access {
    /// There is no state; reading finds nothing.
    Nothing,
    Read,
    /// The state's id is known from the moment of opening.
    Write(StateId),
}

impl Place {
    /// The schema of a state that nobody chose another for.
    pub const SCHEMA: &str = crate::settings::STATE_SCHEMA;

    /// The same in words; no password is in it.
    fn location(&self) -> String {
        format!("{}, schema {}", self.address, self.schema)
    }
}

impl PostgresState {
    /// The version of the tables in a schema; `None` where there is no state.
    ///
    /// # Errors
    /// As [`PostgresState::open`], but that any older version will do.
    pub fn schema_version(place: &Place, terms: &Terms) -> Result<Option<u32>, StateError> {
        open::schema_version(&mut Link::new(place.clone(), terms.clone()))
    }

    /// Opens a state.
    ///
    /// # Errors
    /// The server cannot be reached; there is no state of ours in the schema; it is newer than this program, or older and
    /// open for reading; the role may not do what is needed.
    pub fn open(place: &Place, project: &ProjectName, mode: &OpenMode, terms: &Terms) -> Result<Self, StateError> {
        let mut link = Link::new(place.clone(), terms.clone());
        let access = match mode {
            OpenMode::ReadOnlyIfExists => open::to_read(&mut link),
            OpenMode::Write { state, algorithm_version } => open::to_write(&mut link, state, *algorithm_version),
        }?;
        let (place, terms) = (place.clone(), terms.clone());
        Ok(Self::new(PostgresStore { link: Mutex::new(link), place, terms, access }, project.clone()))
    }
}

impl Store for PostgresStore {
    fn read<T>(
        &self,
        reading: Reading,
        mut work: impl FnMut(&dyn Statements) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        if self.access == Access::Nothing {
            return work(&Nothing).map_err(|failure| rows::explain(failure, "read", &self.place));
        }
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.read(reading, work).map_err(|failure| rows::explain(failure, "read", &self.place))
    }

    fn write<T>(
        &self,
        writing: Writing,
        work: impl FnMut(&dyn Statements) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.write(writing, work).map_err(|failure| rows::explain(failure, "write", &self.place))
    }

    fn writable(&self) -> Result<&StateId, StateError> {
        match &self.access {
            Access::Write(state) => Ok(state),
            Access::Read | Access::Nothing => Err(StateError::ReadOnly { location: self.location() }),
        }
    }

    /// Many may write at once, so nobody is waited for.
    fn lease(self: &Arc<Self>, doing: &str, _: Duration) -> Result<WriteLease, StateError> {
        let state = self.writable()?.clone();
        let session = NewSession { doing, known_as: self.terms.known_as.as_deref(), lasts: self.terms.lasts };
        let begun = self.write(Writing::Alone, |statements| store::begin_session(statements, &session))?;
        let session = Session::new(Arc::clone(self), begun.id.clone());
        Ok(WriteLease::new(state, begun, Writers::Many, Box::new(session)))
    }

    fn location(&self) -> String {
        self.place.location()
    }
}
