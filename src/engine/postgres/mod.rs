//! PostgreSQL: a connection per session, transactional DDL, views that bind to their tables.
//!
//! Nothing is taken for granted of the session behind a connection, so that a pooler may stand in between: every statement
//! runs in a transaction, and what a session is set to is set in each of them anew.

mod catalog;
mod denied;
mod load;
mod pool;
mod rows;
mod session;
mod view;
mod wall;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use self::pool::Pool;
use self::session::PostgresSession;
use super::{Ability, Capabilities, Engine, EngineError, OpenMode, Result, Session, StableText};
use crate::postgres::{Address, PostgresError};
use crate::sql::Dialect;

/// Where PostgreSQL is and how it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresConfig {
    /// The server and the role that logs in.
    pub address: Address,
    /// The role that everything runs as, where it is another one.
    pub role: Option<String>,
    /// The role that builds pull requests, where it is another one than production's.
    pub outsider: Option<String>,
    /// Whether anything may be written.
    pub mode: OpenMode,
    /// How long one statement may take; `None` for as long as it likes.
    pub statement_timeout: Option<Duration>,
    /// How long to wait for a server that starts or has no connection left.
    pub patience: Duration,
}

/// PostgreSQL as an [`Engine`].
#[derive(Clone)]
pub struct Postgres {
    pool: Arc<Pool>,
}

impl Postgres {
    /// An engine of these settings, which stops waiting for the server once the flag is set; nothing is opened before the
    /// first session.
    pub fn new(config: PostgresConfig, stop: Arc<AtomicBool>) -> Self {
        Self { pool: Arc::new(Pool::new(config, stop)) }
    }
}

const CAPABILITIES: Capabilities = Capabilities {
    transactional_ddl: Ability::Yes,
    replace_view_changes_columns: Ability::No,
    merge: Ability::Yes,
    delete: Ability::Yes,
    partition_overwrite: Ability::No,
    atomic_table_swap: Ability::Yes,
    cancel: Ability::Yes,
    view_depends_on_table: Ability::Yes,
    // The text is made anew from the parsed query whenever it is asked for; in another version of the server it may differ.
    stable_view_text: StableText::Every,
    // NAMEDATALEN - 1; the server cuts longer ones off with no more than a notice.
    max_identifier_bytes: Some(63),
};

impl Engine for Postgres {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn session(&self) -> Result<Box<dyn Session>> {
        Ok(Box::new(PostgresSession::open(Arc::clone(&self.pool))?))
    }
}

impl PostgresConfig {
    /// The role that everything runs as.
    fn running_as(&self) -> &str {
        self.role.as_deref().unwrap_or(&self.address.user)
    }
}

/// What the server's refusal is to those who do not know it; `role` is who was refused.
fn failed(error: PostgresError, sql: &str, role: &str) -> EngineError {
    match error {
        // insufficient_privilege: of a role that may not log in here, too.
        _ if error.state() == Some("42501") => denied::denied(&error.to_string(), sql, role),
        PostgresError::Connect { .. } => EngineError::Connect { message: error.to_string() },
        // lock_not_available: `lock_timeout` is over.
        _ if error.state() == Some("55P03") => EngineError::InUseByOthers { statement: super::first_line(sql) },
        // query_canceled, which we did not ask for.
        PostgresError::Statement(failure) if failure.state.code() == "57014" => {
            EngineError::Stopped { message: failure.message, statement: super::first_line(sql) }
        }
        PostgresError::Lost { message } => EngineError::Lost { message, statement: super::first_line(sql) },
        _ if error.is_lost() => EngineError::Lost { message: error.to_string(), statement: super::first_line(sql) },
        PostgresError::Statement(failure) => {
            let detail = failure.detail.as_ref().map(|detail| format!("\n{detail}")).unwrap_or_default();
            EngineError::statement(&format!("{failure}{detail}"), sql)
        }
        PostgresError::Answer { message } => EngineError::statement(&message, sql),
    }
}
