//! The database instance behind the sessions: opened for the first, closed after the last.
//!
//! Two instances of one file in one process would corrupt it, since DuckDB's file lock only keeps other processes out
//! (and closing either instance gives up the lock of both). So instances are kept in one registry of this process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use duckdb::{AccessMode, Config, Connection};

use super::{Attachment, DuckDbConfig, Location, OpenMode, Transactions};
use crate::engine::{EngineError, Result};
use crate::sql::Dialect;
use crate::statement::{quote_identifier, text_literal};

const AUTOINSTALL: &str = "autoinstall_known_extensions";
const EXTERNAL_ACCESS: &str = "enable_external_access";

/// Settings that act on all sessions of an instance (measured on 1.5.6 by setting each and reading it elsewhere) and
/// change results or what may be reached. Plain `SET` of any other that matters, such as `TimeZone`,
/// `integer_division` or `search_path`, stays in its session.
pub(super) const SHARED_SETTINGS: [&str; 9] = [
    AUTOINSTALL,
    "autoload_known_extensions",
    "custom_extension_repository",
    "default_collation",
    "default_null_order",
    "default_order",
    EXTERNAL_ACCESS,
    "old_implicit_casting",
    "preserve_insertion_order",
];

/// The two names of when the log is written into the file: by default after each 16 MB. The file is closed at the end of
/// every run, which does it too; until then a commit only writes the log, and does not wait until the whole file is
/// brought up to date while its thread asks over and over whether that is done. What is committed is safe in either.
const CHECKPOINT_SETTINGS: [&str; 2] = ["checkpoint_threshold", "wal_autocheckpoint"];

/// A log of small tables that fits in memory twice over; large ones are written beside it.
const CHECKPOINT_AFTER: &str = "256MB";

/// A database and how to open it.
pub(super) struct Database {
    config: DuckDbConfig,
    slot: Arc<Slot>,
}

#[derive(Default)]
struct Slot(Mutex<Option<Instance>>);

struct Instance {
    connection: Connection,
    sessions: usize,
    shared: BTreeMap<String, String>,
    config: DuckDbConfig,
}

/// One slot per database file of this process.
static FILES: LazyLock<Mutex<BTreeMap<PathBuf, Arc<Slot>>>> = LazyLock::new(Mutex::default);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Database {
    pub(super) fn new(config: DuckDbConfig) -> Self {
        let slot = match &config.database {
            Location::Memory => Arc::default(),
            Location::File(path) => Arc::clone(lock(&FILES).entry(absolute(path)).or_default()),
        };
        Self { config, slot }
    }

    pub(super) fn transactions(&self) -> Transactions {
        self.config.transactions
    }

    pub(super) fn config(&self) -> &DuckDbConfig {
        &self.config
    }

    /// A connection; the database is opened where no session has it open.
    pub(super) fn connect(&self, stop: &AtomicBool) -> Result<Connection> {
        let mut slot = lock(&self.slot.0);
        if slot.is_none() {
            *slot = Some(open_waiting(&self.config, stop)?);
        }
        let path = self.path();
        let Some(instance) = slot.as_mut() else { return Err(EngineError::InUse { path }) };
        if !fits(&instance.config, &self.config) {
            return Err(EngineError::InUse { path });
        }
        let connection = instance.connection.try_clone().map_err(|error| open_error(&path, &error))?;
        instance.sessions += 1;
        Ok(connection)
    }

    /// Ends a session, and with the last one the hold on the file. A database in memory lives as long as this value.
    pub(super) fn release(&self) {
        let mut slot = lock(&self.slot.0);
        let Some(instance) = slot.as_mut() else { return };
        instance.sessions = instance.sessions.saturating_sub(1);
        if instance.sessions == 0 && self.config.database != Location::Memory {
            *slot = None;
        }
    }

    /// The first shared setting that is no longer what it was when the database was opened; it is set back.
    pub(super) fn restore_shared_setting(&self) -> Option<String> {
        let slot = lock(&self.slot.0);
        let instance = slot.as_ref()?;
        let now = shared_settings(&instance.connection).ok()?;
        let mut changed = instance.shared.iter().filter(|(name, value)| now.get(*name) != Some(*value)).peekable();
        let first = changed.peek().map(|(name, _)| (*name).clone())?;
        for (name, _) in changed {
            let back = match instance.config.settings.get(name) {
                Some(value) => format!("SET GLOBAL {name} = {}", text_literal(Dialect::DuckDb, value)),
                None if name == AUTOINSTALL => format!("SET GLOBAL {name} = false"),
                None => format!("RESET GLOBAL {name}"),
            };
            // Where the engine forbids setting it back, the error about it still stops the model.
            let _ = instance.connection.execute_batch(&back);
        }
        Some(first)
    }

    fn path(&self) -> PathBuf {
        path_of(&self.config.database)
    }
}

/// Whether an instance that is open serves a request: the same settings, and no less access than asked for.
fn fits(open: &DuckDbConfig, asked: &DuckDbConfig) -> bool {
    let access = open.mode == asked.mode || open.mode == OpenMode::ReadWrite;
    access && open.attached == asked.attached && open.settings == asked.settings
}

fn open_waiting(config: &DuckDbConfig, stop: &AtomicBool) -> Result<Instance> {
    let begin = Instant::now();
    let mut pause = Duration::from_millis(10);
    loop {
        let message = match open(config) {
            Ok(instance) => return Ok(instance),
            Err(Failure { path, message }) if !message.contains("Could not set lock") => {
                return Err(EngineError::Open { path, message });
            }
            Err(failure) => failure,
        };
        let waited = begin.elapsed();
        let Some(left) = config.lock_timeout.checked_sub(waited).filter(|left| !left.is_zero()) else {
            return Err(EngineError::Locked { path: message.path, pid: holder(&message.message), waited });
        };
        if stop.load(Ordering::Relaxed) {
            return Err(EngineError::Interrupted { statement: format!("wait for {}", message.path.display()) });
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

struct Failure {
    path: PathBuf,
    message: String,
}

fn open(config: &DuckDbConfig) -> Result<Instance, Failure> {
    let path = path_of(&config.database);
    let failure = |error: duckdb::Error| Failure { path: path.clone(), message: message_of(&error) };
    let settings = settings(config).map_err(failure)?;
    let connection = match &config.database {
        Location::Memory => Connection::open_in_memory_with_flags(settings),
        Location::File(file) => Connection::open_with_flags(file, settings),
    };
    let connection = connection.map_err(failure)?;
    load_extensions(&connection, config).map_err(failure)?;
    for attachment in &config.attached {
        let path = path_of(&attachment.location);
        connection.execute_batch(&attach(attachment)).map_err(|error| Failure { path, message: message_of(&error) })?;
    }
    let shared = shared_settings(&connection).map_err(failure)?;
    Ok(Instance { connection, sessions: 0, shared, config: config.clone() })
}

fn settings(config: &DuckDbConfig) -> duckdb::Result<Config> {
    // No extension is fetched from the network behind the user's back; one that is installed may be loaded.
    let mut settings = Config::default().with(AUTOINSTALL, "false")?;
    if config.mode == OpenMode::ReadOnly {
        settings = settings.access_mode(AccessMode::ReadOnly)?;
    }
    if config.mode == OpenMode::ReadWrite && !CHECKPOINT_SETTINGS.iter().any(|name| has_setting(config, name)) {
        settings = settings.with(CHECKPOINT_SETTINGS[0], CHECKPOINT_AFTER)?;
    }
    // A database in the making knows no zones yet: every session sets its own (`zone_of`).
    let mut others = config.settings.iter().filter(|(name, _)| !is_zone(name) && !is_set_later(config, name));
    others.try_fold(settings, |settings, (name, value)| settings.with(name, value))
}

/// What would keep extensions out comes after them.
fn is_set_later(config: &DuckDbConfig, name: &str) -> bool {
    !config.extensions.is_empty() && name.eq_ignore_ascii_case(EXTERNAL_ACCESS)
}

/// One that is not installed is missed by who uses it.
fn load_extensions(connection: &Connection, config: &DuckDbConfig) -> duckdb::Result<()> {
    for extension in &config.extensions {
        let _ = connection.execute_batch(&format!("LOAD {}", quote_identifier(Dialect::DuckDb, extension)));
    }
    let later = config.settings.iter().filter(|(name, _)| is_set_later(config, name));
    later
        .map(|(name, value)| format!("SET GLOBAL {name} = {}", text_literal(Dialect::DuckDb, value)))
        .try_for_each(|sql| connection.execute_batch(&sql))
}

fn has_setting(config: &DuckDbConfig, name: &str) -> bool {
    config.settings.keys().any(|setting| setting.eq_ignore_ascii_case(name))
}

fn is_zone(name: &str) -> bool {
    name.eq_ignore_ascii_case("TimeZone")
}

/// The time zone of every session: the configuration's, else UTC.
pub(super) fn zone_of(config: &DuckDbConfig) -> &str {
    config.settings.iter().find(|(name, _)| is_zone(name)).map_or("UTC", |(_, zone)| zone.as_str())
}

fn attach(attachment: &Attachment) -> String {
    let path = match &attachment.location {
        Location::Memory => ":memory:".to_owned(),
        Location::File(path) => path.display().to_string(),
    };
    let options = match attachment.mode {
        OpenMode::ReadOnly => " (READ_ONLY)",
        OpenMode::ReadWrite => "",
    };
    let catalog = quote_identifier(Dialect::DuckDb, &attachment.catalog);
    format!("ATTACH {} AS {catalog}{options}", text_literal(Dialect::DuckDb, &path))
}

/// The shared settings as a connection without settings of its own sees them.
fn shared_settings(connection: &Connection) -> duckdb::Result<BTreeMap<String, String>> {
    let mut statement = connection.prepare("SELECT name, value FROM duckdb_settings()")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)))?;
    let mut settings = BTreeMap::new();
    for row in rows {
        let (name, value) = row?;
        if SHARED_SETTINGS.contains(&name.as_str()) {
            settings.insert(name, value.unwrap_or_default());
        }
    }
    Ok(settings)
}

/// The engine's words: the crate puts them into an option.
pub(super) fn message_of(error: &duckdb::Error) -> String {
    match error {
        duckdb::Error::DuckDBFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

fn open_error(path: &Path, error: &duckdb::Error) -> EngineError {
    EngineError::Open { path: path.to_owned(), message: message_of(error) }
}

/// `Conflicting lock is held in /usr/bin/duckdb (PID 4711)`, with or without the program and the parentheses.
fn holder(message: &str) -> Option<u32> {
    let digits: String = message.rsplit("PID ").next()?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn path_of(location: &Location) -> PathBuf {
    match location {
        Location::Memory => PathBuf::from(":memory:"),
        Location::File(path) => path.clone(),
    }
}

/// One name per file, whether it is there yet or not.
fn absolute(path: &Path) -> PathBuf {
    if let Ok(whole) = path.canonicalize() {
        return whole;
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (parent.canonicalize(), path.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_read_from_the_message() {
        let message =
            "IO Error: Could not set lock on file \"/x/PID 1.db\": Conflicting lock is held in /a/b (PID 42).";
        assert_eq!(holder("Conflicting lock is held in PID 7 by user x"), Some(7));
        assert_eq!(holder(message), Some(42));
        assert_eq!(holder("nothing"), None);
    }
}
