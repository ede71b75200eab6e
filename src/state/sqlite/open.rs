//! Opening the database file: who it is, whether it is ours, and bringing it to the present schema.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, TransactionBehavior, ffi};

use super::rows::{PREPARED_TEXTS, stored};
use crate::ids::StateId;
use crate::state::store::{self, Contents, Failure};
use crate::state::{Identity, StateError};

/// How long a statement waits for another process's transaction; a write is a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a state to write, making its folder, its file and its tables where they are not there.
pub(super) fn open_to_write(file: &Path, state: &StateId, algorithm_version: u64) -> Result<Connection, StateError> {
    let location = file.display().to_string();
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| failed("create the folder of", &location, error))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection = connect(file, flags).map_err(|failure| explain(failure, "open", &location))?;
    check(&connection, &location)?;
    let prepared = prepare(&mut connection, state, algorithm_version);
    prepared.map_err(|failure| explain(failure, "prepare", &location))?;
    let identity = store::identity(&connection).map_err(|failure| explain(failure, "read", &location))?;
    let found = identity.map_or(algorithm_version, |identity| identity.algorithm_version);
    if found > algorithm_version {
        return Err(StateError::NewerAlgorithm { location, found, known: algorithm_version });
    }
    Ok(connection)
}

/// Opens a state to read. Nothing is written: where there is none, or an old one that would have to be migrated, what is
/// read is a copy in memory.
pub(super) fn open_to_read(file: &Path) -> Result<Connection, StateError> {
    let location = file.display().to_string();
    let exists = file.try_exists().map_err(|error| failed("find", &location, error))?;
    let opened = if exists { read_existing(file, &location) } else { in_memory(None, &location) };
    opened.map_err(|failure| explain(failure, "read", &location))
}

/// A state in memory with an identity and no rows.
pub(super) fn open_in_memory(identity: Option<&Identity>) -> Result<Connection, StateError> {
    let opened = || {
        let connection = Connection::open_in_memory().map_err(stored)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(stored)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_TEXTS);
        store::migrate(&connection, 0, str::to_owned)?;
        if let Some(identity) = identity {
            store::identify(&connection, &identity.state, identity.algorithm_version)?;
        }
        Ok(connection)
    };
    opened().map_err(|failure| explain(failure, "open", "in memory"))
}

/// The version of the tables in a file; `None` where there is no state. Nothing is changed.
pub(super) fn schema_version(file: &Path) -> Result<Option<u32>, StateError> {
    let location = file.display().to_string();
    if !file.try_exists().map_err(|error| failed("find", &location, error))? {
        return Ok(None);
    }
    let connection =
        connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|failure| explain(failure, "read", &location))?;
    Ok(match check(&connection, &location)? {
        Contents::State(version) => Some(version),
        _ => None,
    })
}

/// Says in our words why SQLite failed.
pub(super) fn explain(failure: Failure, doing: &'static str, location: &str) -> StateError {
    let location = location.to_owned();
    let error = match failure {
        Failure::Refused(error) => return error,
        Failure::Unreadable(reason) => return StateError::Damaged { location, reason },
        Failure::Unknown => return StateError::Unknown { location },
        Failure::Store(error) => error,
    };
    let of_sqlite = error.downcast_ref::<rusqlite::Error>();
    match of_sqlite.and_then(rusqlite::Error::sqlite_error_code) {
        Some(ErrorCode::NotADatabase) => StateError::Foreign { location, reason: "no SQLite database".into() },
        Some(ErrorCode::DatabaseCorrupt) => StateError::Damaged { location, reason: error.to_string() },
        _ if of_sqlite.is_some_and(is_unreadable) => StateError::Damaged { location, reason: error.to_string() },
        _ => StateError::Store { doing, location, source: error },
    }
}

/// Whether a value is not what we write.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..))
}

fn read_existing(file: &Path, location: &str) -> Result<Connection, Failure> {
    // Opened to read only, SQLite would leave its `-wal` and `-shm` behind; opened to write, the last one tidies up.
    let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    match check(&connection, location)? {
        Contents::State(store::NEWEST) => {
            connection.pragma_update(None, "query_only", true).map_err(stored)?;
            Ok(connection)
        }
        _ => in_memory(Some(&connection), location),
    }
}

/// A database in memory with the present schema and the rows of another one.
fn in_memory(rows: Option<&Connection>, location: &str) -> Result<Connection, Failure> {
    let mut connection = Connection::open_in_memory().map_err(stored)?;
    if let Some(rows) = rows {
        copy(rows, &mut connection)?;
    }
    // Somebody may have migrated it since it was looked at.
    let version = match check(&connection, location)? {
        Contents::State(version) => version,
        _ => 0,
    };
    store::migrate(&connection, version, str::to_owned)?;
    connection.pragma_update(None, "query_only", true).map_err(stored)?;
    Ok(connection)
}

/// Copies all pages in one step. A step that was not had is no error to SQLite; here it is, lest a state read as empty.
fn copy(from: &Connection, to: &mut Connection) -> Result<(), Failure> {
    let backup = Backup::new(from, to).map_err(stored)?;
    patiently(|| match backup.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)),
    })
}

fn connect(file: &Path, flags: OpenFlags) -> Result<Connection, Failure> {
    let connection = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(stored)?;
    connection.busy_timeout(PATIENCE).map_err(stored)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_TEXTS);
    Ok(connection)
}

/// Refuses what is not ours or too new, before anything is changed in it.
fn check(connection: &Connection, location: &str) -> Result<Contents, StateError> {
    let location = location.to_owned();
    match contents(connection).map_err(|failure| explain(failure, "read", &location))? {
        Contents::Foreign(table) => {
            Err(StateError::Foreign { location, reason: format!("it has a table `{table}` that is not ours") })
        }
        Contents::State(found) if found > store::NEWEST => {
            Err(StateError::NewerSchema { location, found, known: store::NEWEST })
        }
        ours => Ok(ours),
    }
}

/// Several processes may make or migrate one state at once: each step is one transaction that looks again first.
fn prepare(connection: &mut Connection, state: &StateId, algorithm_version: u64) -> Result<(), Failure> {
    use_write_ahead_log(connection)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(stored)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(stored)?;
    if version(connection)? >= store::NEWEST {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(stored)?;
    let version = version(&transaction)?;
    if version < store::NEWEST {
        store::migrate(&*transaction, version, str::to_owned)?;
    }
    if version == 0 {
        store::identify(&*transaction, state, algorithm_version)?;
    }
    transaction.commit().map_err(stored)
}

/// Looks what stands in a database without changing it. One statement tells whose it is: between two of them another
/// process may make the state, and its tables would be taken for somebody else's.
fn contents(connection: &Connection) -> Result<Contents, Failure> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name <> 'state_identity', name LIMIT 1";
    let first: Option<String> = connection.query_row(sql, [], |row| row.get(0)).optional().map_err(stored)?;
    match first {
        None => Ok(Contents::Nothing),
        Some(table) if table != store::IDENTITY => Ok(Contents::Foreign(table)),
        Some(table) => {
            let version = connection.query_row("SELECT schema_version FROM state_identity", [], |row| row.get(0));
            Ok(version.optional().map_err(stored)?.map_or(Contents::Foreign(table), Contents::State))
        }
    }
}

fn version(connection: &Connection) -> Result<u32, Failure> {
    match contents(connection)? {
        Contents::State(version) => Ok(version),
        _ => Ok(0),
    }
}

/// The switch needs the file for itself and does not wait for it, so we do.
fn use_write_ahead_log(connection: &Connection) -> Result<(), Failure> {
    patiently(|| connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())))
}

/// Tries again while another process has the file.
fn patiently<T>(mut attempt: impl FnMut() -> rusqlite::Result<T>) -> Result<T, Failure> {
    let began = Instant::now();
    loop {
        match attempt() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && began.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(5));
            }
            outcome => return outcome.map_err(stored),
        }
    }
}

fn failed(doing: &'static str, location: &str, error: std::io::Error) -> StateError {
    StateError::Store { doing, location: location.to_owned(), source: Box::new(error) }
}
