//! DuckDB, in this process: one database instance per file, a connection per session.
//!
//! This folder alone knows the crate `duckdb`. The file is held only while a session is open, because DuckDB lets one
//! process in at a time.

mod database;
mod load;
mod session;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use self::database::Database;
use self::session::DuckDbSession;
pub use super::OpenMode;
use super::{Ability, Capabilities, Engine, Result, Session, StableText};
use crate::sql::Dialect;

/// How long to wait for another process by default (`--lock-timeout`).
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// Where and how to open DuckDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuckDbConfig {
    /// The main database.
    pub database: Location,
    /// Further databases by catalog name, in order (`catalogs` of `config.yaml`).
    pub attached: Vec<Attachment>,
    /// The catalog of unqualified names, where it is not the main database's own.
    pub default_catalog: Option<String>,
    /// Settings of the whole database (`connector_config` of `config.yaml`).
    pub settings: BTreeMap<String, String>,
    /// Extensions that are loaded before the settings can forbid it, as far as they are installed.
    pub extensions: Vec<String>,
    /// Whether anything may be written.
    pub mode: OpenMode,
    /// How long to wait for a process that holds the file.
    pub lock_timeout: Duration,
    /// Whether there are transactions.
    pub transactions: Transactions,
}

/// Whether a session has transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transactions {
    /// It has, as DuckDB always does.
    #[default]
    Kept,
    /// Each statement is committed by itself, as on engines that have none: for tests of what is done then.
    EachStatement,
}

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In memory; it lives as long as the engine value.
    Memory,
    /// In a file, made on first use.
    File(PathBuf),
}

/// A further database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The name that SQL uses.
    pub catalog: String,
    /// Where it is.
    pub location: Location,
    /// Whether it may be written.
    pub mode: OpenMode,
}

impl DuckDbConfig {
    /// One database with default settings.
    pub fn new(database: Location) -> Self {
        Self {
            database,
            attached: Vec::new(),
            default_catalog: None,
            settings: BTreeMap::new(),
            extensions: Vec::new(),
            mode: OpenMode::ReadWrite,
            lock_timeout: LOCK_TIMEOUT,
            transactions: Transactions::Kept,
        }
    }
}

/// DuckDB as an [`Engine`].
#[derive(Clone)]
pub struct DuckDb {
    database: Arc<Database>,
    stop: Arc<AtomicBool>,
}

impl DuckDb {
    /// An engine of these settings; nothing is opened before the first session.
    pub fn new(config: DuckDbConfig) -> Self {
        Self { database: Arc::new(Database::new(config)), stop: Arc::default() }
    }

    /// The same engine, which stops waiting for another process once the flag is set.
    pub fn until(self, stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..self }
    }

    /// A file with a lock timeout, otherwise default settings.
    pub fn file(path: impl Into<PathBuf>, lock_timeout: Duration) -> Self {
        Self::new(DuckDbConfig { lock_timeout, ..DuckDbConfig::new(Location::File(path.into())) })
    }

    /// A database in memory.
    pub fn memory() -> Self {
        Self::new(DuckDbConfig::new(Location::Memory))
    }
}

const CAPABILITIES: Capabilities = Capabilities {
    transactional_ddl: Ability::Yes,
    replace_view_changes_columns: Ability::Yes,
    merge: Ability::Yes,
    delete: Ability::Yes,
    partition_overwrite: Ability::No,
    atomic_table_swap: Ability::Yes,
    cancel: Ability::Yes,
    view_depends_on_table: Ability::No,
    // Type names are shown as written (`CAST(a AS "int")`) until the file is opened again, then as resolved.
    stable_view_text: StableText::Pointers,
    max_identifier_bytes: None,
};

fn capabilities(transactions: Transactions) -> Capabilities {
    match transactions {
        Transactions::Kept => CAPABILITIES,
        Transactions::EachStatement => Capabilities { transactional_ddl: Ability::No, ..CAPABILITIES },
    }
}

impl Engine for DuckDb {
    fn kind(&self) -> &'static str {
        "duckdb"
    }

    fn dialect(&self) -> Dialect {
        Dialect::DuckDb
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.database.transactions())
    }

    fn session(&self) -> Result<Box<dyn Session>> {
        Ok(Box::new(DuckDbSession::open(Arc::clone(&self.database), &self.stop)?))
    }
}
