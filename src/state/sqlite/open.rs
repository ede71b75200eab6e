//! Opening the database file: who it is, whether it is ours, and bringing it to the present schema.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, ffi, params};

use super::convert::Failure;
use super::schema::{self, Contents};
use crate::ids::StateId;
use crate::state::StateError;

/// How long a statement waits for another process's transaction; a write is a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a state to write, making its folder, its file and its tables where they are not there.
pub(super) fn open_to_write(file: &Path, state: &StateId, algorithm_version: u64) -> Result<Connection, StateError> {
    let location = file.display().to_string();
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| store("create the folder of", &location, error))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection = connect(file, flags).map_err(|failure| explain(failure, "open", &location))?;
    check(&connection, &location)?;
    let prepared = prepare(&mut connection, state, algorithm_version);
    prepared.map_err(|failure| explain(failure, "prepare", &location))?;
    let found = connection
        .query_row("SELECT algorithm_version FROM state_identity", [], |row| row.get::<_, i64>(0))
        .map_err(|error| explain(error.into(), "read", &location))?
        .unsigned_abs();
    if found > algorithm_version {
        return Err(StateError::NewerAlgorithm { location, found, known: algorithm_version });
    }
    Ok(connection)
}

/// Opens a state to read. Nothing is written: where there is none, or an old one that would have to be migrated, what is
/// read is a copy in memory.
pub(super) fn open_to_read(file: &Path) -> Result<Connection, StateError> {
    let location = file.display().to_string();
    let exists = file.try_exists().map_err(|error| store("find", &location, error))?;
    let opened = if exists { read_existing(file, &location) } else { in_memory(None, &location) };
    opened.map_err(|failure| explain(failure, "read", &location))
}

/// Says in our words why SQLite failed.
pub(super) fn explain(failure: Failure, doing: &'static str, location: &str) -> StateError {
    let error = match failure {
        Failure::Refused(error) => return error,
        Failure::Sqlite(error) => error,
    };
    let location = location.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StateError::Foreign { location, reason: "no SQLite database".into() },
        Some(ErrorCode::DatabaseCorrupt) => StateError::Damaged { location, reason: error.to_string() },
        _ if is_unreadable(&error) => StateError::Damaged { location, reason: error.to_string() },
        _ => StateError::Store { doing, location, source: Box::new(error) },
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
        Contents::State(schema::NEWEST) => {
            connection.pragma_update(None, "query_only", true)?;
            Ok(connection)
        }
        _ => in_memory(Some(&connection), location),
    }
}

/// A database in memory with the present schema and the rows of another one.
fn in_memory(rows: Option<&Connection>, location: &str) -> Result<Connection, Failure> {
    let mut connection = Connection::open_in_memory()?;
    if let Some(rows) = rows {
        copy(rows, &mut connection)?;
    }
    // Somebody may have migrated it since it was looked at.
    let version = match check(&connection, location)? {
        Contents::State(version) => version,
        _ => 0,
    };
    schema::migrate(&connection, version)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Copies all pages in one step. A step that was not had is no error to SQLite; here it is, lest a state read as empty.
fn copy(from: &Connection, to: &mut Connection) -> Result<(), Failure> {
    let backup = Backup::new(from, to)?;
    patiently(|| match backup.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)),
    })
}

fn connect(file: &Path, flags: OpenFlags) -> Result<Connection, Failure> {
    let connection = Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// Refuses what is not ours or too new, before anything is changed in it.
fn check(connection: &Connection, location: &str) -> Result<Contents, StateError> {
    let location = location.to_owned();
    match schema::contents(connection).map_err(|failure| explain(failure, "read", &location))? {
        Contents::Foreign(table) => {
            Err(StateError::Foreign { location, reason: format!("it has a table `{table}` that is not ours") })
        }
        Contents::State(found) if found > schema::NEWEST => {
            Err(StateError::NewerSchema { location, found, known: schema::NEWEST })
        }
        ours => Ok(ours),
    }
}

/// Several processes may make or migrate one state at once: each step is one transaction that looks again first.
fn prepare(connection: &mut Connection, state: &StateId, algorithm_version: u64) -> Result<(), Failure> {
    use_write_ahead_log(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    if version(connection)? >= schema::NEWEST {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = version(&transaction)?;
    if version < schema::NEWEST {
        schema::migrate(&transaction, version)?;
    }
    if version == 0 {
        transaction.execute(
            "INSERT INTO state_identity (only_row, state_id, schema_version, algorithm_version) VALUES (1, ?1, ?2, ?3)",
            params![state.as_str(), schema::NEWEST, i64::try_from(algorithm_version).unwrap_or(i64::MAX)],
        )?;
    }
    Ok(transaction.commit()?)
}

fn version(connection: &Connection) -> Result<u32, Failure> {
    match schema::contents(connection)? {
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
            outcome => return Ok(outcome?),
        }
    }
}

fn store(doing: &'static str, location: &str, error: std::io::Error) -> StateError {
    StateError::Store { doing, location: location.to_owned(), source: Box::new(error) }
}
