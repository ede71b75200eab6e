//! One session: transactions with settings of our own, statements, and a stop that holds.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pool::Pool;
use super::{CAPABILITIES, PostgresConfig, catalog, failed, load, rows, view};
use crate::engine::{
    Capabilities, CellRows, Cells, ColumnType, Dependents, EngineError, Interrupter, OpenMode, Reader, Result, RowSink,
    SchemaObject, Session, ViewDefinition, Wall, first_line, logged,
};
use crate::ids::TableName;
use crate::postgres::{Canceller, Client, Reply};
use crate::sql::Dialect;
use crate::statement::{quote_identifier, quote_schema, text_literal};

/// A session on a [`Pool`].
pub(super) struct PostgresSession {
    // Taken by `drop` alone.
    client: Option<Client>,
    pool: Arc<Pool>,
    open: Open,
    stop: Arc<Stop>,
    version: OnceCell<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Transaction,
    Nothing,
}

struct Stop {
    asked: AtomicBool,
    /// Taken when the session ends: its connection may be another's then.
    canceller: Mutex<Option<Canceller>>,
}

impl Stop {
    fn canceller(&self) -> MutexGuard<'_, Option<Canceller>> {
        self.canceller.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interrupter for Stop {
    fn interrupt(&self) {
        if let Some(canceller) = self.canceller().as_ref() {
            // The server forgets a request that comes between two statements; the flag does not.
            self.asked.store(true, Ordering::SeqCst);
            canceller.cancel();
        }
    }
}

/// What every transaction is set to, so that texts of values and casts from texts depend on no server, role or database.
const SETTINGS: &str = "SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL IntervalStyle = 'postgres'; \
    SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL standard_conforming_strings = on";

impl PostgresSession {
    pub(super) fn open(pool: Arc<Pool>) -> Result<Self> {
        let client = pool.take()?;
        let stop = Arc::new(Stop { asked: AtomicBool::new(false), canceller: Mutex::new(Some(client.canceller())) });
        Ok(Self { client: Some(client), pool, open: Open::Nothing, stop, version: OnceCell::new() })
    }

    pub(super) fn client(&self) -> Result<&Client> {
        self.client.as_ref().ok_or_else(|| EngineError::Interrupted { statement: String::new() })
    }

    /// Sends a text as it is and gives the rows that its last statement gave or changed.
    pub(super) fn send(&self, sql: &str) -> Result<u64> {
        logged(sql, || self.client()?.batch(sql).map_err(|error| self.failed(error, sql)))
    }

    /// Sends a text as it is and gives what comes back.
    pub(super) fn ask(&self, sql: &str) -> Result<Vec<Reply>> {
        let mut replies = Vec::new();
        self.client()?.simple(sql, |reply| replies.push(reply)).map_err(|error| self.failed(error, sql))?;
        Ok(replies)
    }

    /// The rows of our own question, which is its text's only statement with rows.
    pub(super) fn list(&mut self, sql: &str) -> Result<Vec<Cells>> {
        self.within(|session| session.ask(sql)).map(rows::cells)
    }

    /// Runs work in the transaction that is open, or in one of its own.
    pub(super) fn within<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.open == Open::Transaction {
            return work(self);
        }
        self.begin()?;
        match work(self) {
            Ok(done) => self.commit().map(|()| done),
            Err(error) => {
                // The first error is the one to tell.
                let _ = self.rollback();
                Err(error)
            }
        }
    }

    /// Runs work that may fail without ending the open transaction.
    pub(super) fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.send("SAVEPOINT offshoot__attempt")?;
        let done = work(self);
        match &done {
            Ok(_) => self.send("RELEASE SAVEPOINT offshoot__attempt")?,
            Err(EngineError::Statement { .. }) => {
                self.send("ROLLBACK TO SAVEPOINT offshoot__attempt; RELEASE SAVEPOINT offshoot__attempt")?
            }
            Err(_) => 0,
        };
        done
    }

    pub(super) fn failed(&self, error: crate::postgres::PostgresError, sql: &str) -> EngineError {
        // 57014: somebody asked for it, or it took longer than it may.
        if error.state() == Some("57014") && self.stop.asked.load(Ordering::SeqCst) {
            return EngineError::Interrupted { statement: first_line(sql) };
        }
        let PostgresConfig { role, address, .. } = &self.pool.config;
        // The first statement of a transaction is asked for by who logged in.
        let asks =
            if role.is_some() && sql.starts_with("BEGIN") { &address.user } else { self.pool.config.running_as() };
        failed(error, sql, asks)
    }

    /// The role that builds pull requests, where there is one.
    pub(super) fn outsider_role(&self) -> Option<&str> {
        self.pool.config.outsider.as_deref()
    }

    pub(super) fn not_stopped(&self, sql: &str) -> Result<()> {
        if self.stop.asked.load(Ordering::SeqCst) {
            return Err(EngineError::Interrupted { statement: first_line(sql) });
        }
        Ok(())
    }

    fn opening(config: &PostgresConfig) -> String {
        let mut sql = match config.mode {
            OpenMode::ReadWrite => format!("BEGIN; {SETTINGS}"),
            OpenMode::ReadOnly => format!("BEGIN READ ONLY; {SETTINGS}"),
        };
        if let Some(timeout) = config.statement_timeout {
            sql.push_str(&format!("; SET LOCAL statement_timeout = {}", timeout.as_millis()));
        }
        if let Some(role) = &config.role {
            sql.push_str(&format!("; SET LOCAL ROLE {}", quote_identifier(Dialect::Postgres, role)));
        }
        sql
    }
}

impl Session for PostgresSession {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn version(&self) -> String {
        let told = self.version.get_or_init(|| {
            let replies = self.ask("SHOW server_version").unwrap_or_default();
            rows::cells(replies).into_iter().flatten().flatten().next().unwrap_or_default()
        });
        told.clone()
    }

    fn execute(&mut self, sql: &str) -> Result<u64> {
        self.not_stopped(sql)?;
        self.within(|session| session.send(sql))
    }

    fn define_views(&mut self, made: &[ViewDefinition], dropped: &[TableName], dependents: Dependents) -> Result<()> {
        self.within(|session| view::define(session, made, dropped, dependents))
    }

    fn stream(&mut self, sql: &str, sink: &mut dyn RowSink) -> Result<()> {
        self.not_stopped(sql)?;
        logged(sql, || self.within(|session| rows::stream(session, sql, sink)))
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<ColumnType>> {
        self.not_stopped(sql)?;
        logged(sql, || self.within(|session| rows::describe(session, sql)))
    }

    fn begin(&mut self) -> Result<()> {
        self.not_stopped("BEGIN")?;
        if let Err(error) = self.send(&Self::opening(&self.pool.config)) {
            // A role that may not be taken leaves a transaction that nobody knows of.
            let _ = self.send("ROLLBACK");
            return Err(error);
        }
        self.open = Open::Transaction;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.not_stopped("COMMIT")?;
        // After a statement that failed the server answers a commit with a rollback and calls that a success; a question
        // before it fails instead.
        match self.send("SELECT 1; COMMIT") {
            Ok(_) => self.open = Open::Nothing,
            Err(error) => {
                self.rollback()?;
                return Err(error);
            }
        }
        Ok(())
    }

    fn rollback(&mut self) -> Result<()> {
        if self.open == Open::Nothing {
            return Ok(());
        }
        self.open = Open::Nothing;
        // A stop that was asked for earlier may reach the server only now, and stop this.
        let again = |_| self.send("ROLLBACK");
        match self.send("ROLLBACK").or_else(again) {
            // With the connection the transaction is gone.
            Err(EngineError::Lost { .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    fn columns(&mut self, table: &TableName) -> Result<Option<Vec<ColumnType>>> {
        Ok(catalog::columns(self, std::slice::from_ref(table))?.pop().flatten())
    }

    fn columns_of(&mut self, tables: &[TableName]) -> Result<Vec<Option<Vec<ColumnType>>>> {
        catalog::columns(self, tables)
    }

    fn append(&mut self, table: &TableName, columns: &[&str], rows: &[Cells]) -> Result<()> {
        self.not_stopped("append")?;
        self.within(|session| load::append(session, table, columns, rows))
    }

    fn objects(&mut self, catalog: Option<&str>, schema: &str) -> Result<Vec<SchemaObject>> {
        self.objects_of(catalog, &[schema])
    }

    fn objects_of(&mut self, catalog: Option<&str>, schemas: &[&str]) -> Result<Vec<SchemaObject>> {
        catalog::objects(self, catalog, schemas)
    }

    fn readers(&mut self) -> Result<Vec<Reader>> {
        catalog::readers(self)
    }

    fn load(&mut self, table: &TableName, columns: &[ColumnType], rows: &mut CellRows<'_>) -> Result<u64> {
        self.within(|session| load::load(session, table, columns, rows))
    }

    /// Two transactions that make one schema would not both succeed, so they take turns.
    fn create_schema_if_missing(&mut self, catalog: Option<&str>, schema: &str) -> Result<()> {
        let is_there = format!(
            "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {}",
            text_literal(Dialect::Postgres, schema)
        );
        if !self.list(&is_there)?.is_empty() {
            return Ok(());
        }
        self.exclude("schemas")?;
        // The name of the database is no part of a schema's.
        catalog::check_catalog(self, catalog)?;
        self.execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", quote_schema(Dialect::Postgres, None, schema)))
            .map(drop)
    }

    fn exclude(&mut self, topic: &str) -> Result<()> {
        let topic = text_literal(Dialect::Postgres, &format!("offshoot {topic}"));
        self.execute(&format!("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended({topic}, 0))"))
            .map(drop)
    }

    fn wall(&mut self) -> Option<&mut dyn Wall> {
        self.outsider_role()?;
        Some(self)
    }

    fn interrupter(&self) -> Arc<dyn Interrupter> {
        Arc::clone(&self.stop) as Arc<dyn Interrupter>
    }
}

impl Drop for PostgresSession {
    fn drop(&mut self) {
        let left = self.rollback();
        drop(self.stop.canceller().take());
        if let Some(client) = self.client.take()
            && left.is_ok()
            && !self.stop.asked.load(Ordering::SeqCst)
        {
            self.pool.give(client);
        }
    }
}
