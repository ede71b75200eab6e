//! One connection: fresh settings, UTC, temporary objects of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use duckdb::{Connection, InterruptHandle};

use super::database::{Database, message_of, zone_of};
use super::{Transactions, capabilities, load, text};
use crate::engine::error::first_line;
use crate::engine::{
    Capabilities, CellRows, Cells, ColumnType, EngineError, Interrupter, ObjectKind, Reader, ReaderKind, Result,
    RowSink, SchemaObject, Session, logged,
};
use crate::ids::TableName;
use crate::sql::{Dialect, tokenize};
use crate::statement::{quote_identifier, quote_table, text_literal};

/// A session on a [`Database`].
pub(super) struct DuckDbSession {
    // The connection ends before the database is told, so that the file is free when the last session is gone.
    connection: Option<Connection>,
    database: Arc<Database>,
    open: Open,
    stop: Arc<Stop>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Transaction,
    Nothing,
}

struct Stop {
    asked: AtomicBool,
    handle: Arc<InterruptHandle>,
}

impl Interrupter for Stop {
    fn interrupt(&self) {
        // DuckDB forgets an interrupt that comes between two statements; the flag does not.
        self.asked.store(true, Ordering::SeqCst);
        self.handle.interrupt();
    }
}

impl DuckDbSession {
    pub(super) fn open(database: Arc<Database>, stop: &AtomicBool) -> Result<Self> {
        let connection = database.connect(stop)?;
        let stop = Arc::new(Stop { asked: AtomicBool::new(false), handle: connection.interrupt_handle() });
        let session = Self { connection: Some(connection), database, open: Open::Nothing, stop };
        session.set_up()?;
        Ok(session)
    }

    /// Every session is in UTC unless the configuration says otherwise, whatever the machine's zone: `now()::DATE` and
    /// casts of texts depend on it.
    fn set_up(&self) -> Result<()> {
        let named = zone_of(self.database.config());
        let zone = format!("SET TimeZone = {}", text_literal(Dialect::DuckDb, named));
        match self.connection()?.execute_batch(&zone) {
            Ok(()) => {}
            // A build without ICU has no zones, and is in UTC.
            Err(error) if named == "UTC" && message_of(&error).contains("unrecognized configuration parameter") => {}
            Err(error) => return Err(EngineError::statement(&message_of(&error), &zone)),
        }
        match &self.database.config().default_catalog {
            Some(catalog) => self.run_plain(&format!("USE {}", quote_identifier(Dialect::DuckDb, catalog))),
            None => Ok(()),
        }
    }

    pub(super) fn connection(&self) -> Result<&Connection> {
        // Only `drop` takes it.
        self.connection.as_ref().ok_or_else(|| EngineError::Interrupted { statement: String::new() })
    }

    fn run_plain(&self, sql: &str) -> Result<()> {
        logged(sql, || self.connection()?.execute_batch(sql).map_err(|error| self.failed(&error, sql)))
    }

    /// Runs a text and gives the rows that its last statement affected.
    fn run(&self, sql: &str, last: Last) -> duckdb::Result<u64> {
        let mut statement = self.connection.as_ref().ok_or(duckdb::Error::InvalidQuery)?.prepare(sql)?;
        if last == Last::Other {
            return Ok(statement.execute([])?.try_into().unwrap_or(u64::MAX));
        }
        let mut counted = statement.query([])?;
        // `CREATE TABLE … AS` tells its rows as one; what makes anything else, or an empty table, tells nothing.
        let rows = counted.next()?.and_then(|row| row.get::<_, i64>(0).ok());
        Ok(rows.unwrap_or(0).unsigned_abs())
    }

    pub(super) fn failed(&self, error: &duckdb::Error, sql: &str) -> EngineError {
        let message = message_of(error);
        if message.contains("INTERRUPT Error") {
            return EngineError::Interrupted { statement: first_line(sql) };
        }
        EngineError::statement(&message, sql)
    }

    pub(super) fn not_stopped(&self, sql: &str) -> Result<()> {
        if self.stop.asked.load(Ordering::SeqCst) {
            return Err(EngineError::Interrupted { statement: first_line(sql) });
        }
        Ok(())
    }

    fn listed_columns(&mut self, table: &TableName) -> Result<Option<Vec<ColumnType>>> {
        let sql = format!(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE lower(database_name) = lower({}) \
             AND lower(schema_name) = lower({}) AND lower(table_name) = lower({}) ORDER BY column_index",
            catalog_literal(table.catalog.as_deref()),
            text_literal(Dialect::DuckDb, &table.schema),
            text_literal(Dialect::DuckDb, &table.name)
        );
        let session: &mut dyn Session = self;
        let columns: Vec<ColumnType> = session.query(&sql)?.rows.into_iter().filter_map(column_of).collect();
        Ok((!columns.is_empty()).then_some(columns))
    }

    /// Undoes a setting that would act on other sessions, and says so.
    fn keep_settings(&self, sql: &str, settings: Settings) -> Result<()> {
        if settings == Settings::Untouched {
            return Ok(());
        }
        match self.database.restore_shared_setting() {
            Some(setting) => Err(EngineError::GlobalSetting { setting, statement: first_line(sql) }),
            None => Ok(()),
        }
    }
}

/// What must be known of a text before it runs.
struct Nature {
    says: Says,
    /// What its last statement does.
    last: Last,
    settings: Settings,
}

/// Whether a text holds any statement at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    Something,
}

/// Whether a statement makes something; the driver then does not tell its rows, the result does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Makes,
    Other,
}

/// Whether any statement of a text begins with a word that changes settings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Settings {
    Touched,
    Untouched,
}

impl Nature {
    fn of(sql: &str) -> Self {
        let mut nature = Self { says: Says::Nothing, last: Last::Other, settings: Settings::Untouched };
        let Ok(tokens) = tokenize(sql, Dialect::DuckDb) else {
            return Self { says: Says::Something, settings: Settings::Touched, ..nature };
        };
        let mut begins = true;
        for token in tokens.iter().filter(|token| token.is_significant()) {
            let first = std::mem::replace(&mut begins, token.is_symbol(";"));
            if !first || token.is_symbol(";") {
                continue;
            }
            nature.says = Says::Something;
            nature.last = if token.is_word("create") { Last::Makes } else { Last::Other };
            if ["set", "reset", "pragma", "load", "install", "call"].iter().any(|word| token.is_word(word)) {
                nature.settings = Settings::Touched;
            }
        }
        nature
    }
}

impl Session for DuckDbSession {
    fn dialect(&self) -> Dialect {
        Dialect::DuckDb
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.database.transactions())
    }

    fn version(&self) -> String {
        self.connection().ok().and_then(|connection| connection.version().ok()).unwrap_or_default()
    }

    fn execute(&mut self, sql: &str) -> Result<u64> {
        let nature = Nature::of(sql);
        if nature.says == Says::Nothing {
            return Ok(0);
        }
        self.not_stopped(sql)?;
        let done = logged(sql, || self.run(sql, nature.last).map_err(|error| self.failed(&error, sql)));
        self.keep_settings(sql, nature.settings)?;
        done
    }

    /// There is nothing to optimize in a definition, and looking for it is a fifth of what a view costs.
    fn define(&mut self, statements: &[String]) -> Result<()> {
        self.run_plain("PRAGMA disable_optimizer")?;
        let done = statements.iter().try_for_each(|sql| self.execute(sql).map(drop));
        // In a transaction that a failed statement has ended this fails too, and the session is of no use any more.
        let restored = self.run_plain("PRAGMA enable_optimizer");
        done.and(restored)
    }

    fn stream(&mut self, sql: &str, sink: &mut dyn RowSink) -> Result<()> {
        self.not_stopped(sql)?;
        let done = logged(sql, || text::stream(self, sql, sink));
        self.keep_settings(sql, Nature::of(sql).settings)?;
        done
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<ColumnType>> {
        logged(sql, || text::describe(self, sql))
    }

    /// DuckDB looks for the column among those of the query, in the case that they have there, and not among those of the view.
    fn commentable(&mut self, _: &TableName, query: &str) -> Result<Vec<String>> {
        Ok(self.describe(query)?.into_iter().map(|column| column.name).collect())
    }

    fn begin(&mut self) -> Result<()> {
        self.not_stopped("BEGIN TRANSACTION")?;
        if self.database.transactions() == Transactions::EachStatement {
            return Ok(());
        }
        self.run_plain("BEGIN TRANSACTION")?;
        self.open = Open::Transaction;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.not_stopped("COMMIT")?;
        if self.database.transactions() == Transactions::EachStatement {
            return Ok(());
        }
        self.run_plain("COMMIT")?;
        self.open = Open::Nothing;
        Ok(())
    }

    fn rollback(&mut self) -> Result<()> {
        if self.open == Open::Nothing {
            return Ok(());
        }
        self.open = Open::Nothing;
        match self.run_plain("ROLLBACK") {
            // A commit that failed has undone everything by itself.
            Err(EngineError::Statement { message, .. }) if message.contains("no transaction is active") => Ok(()),
            other => other,
        }
    }

    /// The catalogue's own list would give the columns of every table there is, so the table itself is asked; the list
    /// decides only where that is refused.
    fn columns(&mut self, table: &TableName) -> Result<Option<Vec<ColumnType>>> {
        match self.describe(&format!("SELECT * FROM {}", quote_table(Dialect::DuckDb, table))) {
            Err(EngineError::Statement { .. }) => self.listed_columns(table),
            described => described.map(Some),
        }
    }

    fn columns_of(&mut self, tables: &[TableName]) -> Result<Vec<Option<Vec<ColumnType>>>> {
        match text::describe_all(self, tables) {
            // One of them is not there, or cannot be read.
            Err(EngineError::Statement { .. }) => tables.iter().map(|table| self.columns(table)).collect(),
            described => Ok(described?.into_iter().map(Some).collect()),
        }
    }

    fn append(&mut self, table: &TableName, columns: &[&str], rows: &[Cells]) -> Result<()> {
        logged(&format!("append {} rows to {table}", rows.len()), || load::append_texts(self, table, columns, rows))
    }

    fn objects(&mut self, catalog: Option<&str>, schema: &str) -> Result<Vec<SchemaObject>> {
        self.objects_of(catalog, &[schema])
    }

    fn objects_of(&mut self, catalog: Option<&str>, schemas: &[&str]) -> Result<Vec<SchemaObject>> {
        if schemas.is_empty() {
            return Ok(Vec::new());
        }
        let database = catalog_literal(catalog);
        let names = schemas.iter().map(|schema| format!("lower({})", text_literal(Dialect::DuckDb, schema)));
        let within = format!(
            "lower(database_name) = lower({database}) AND lower(schema_name) IN ({}) AND NOT internal AND NOT temporary",
            names.collect::<Vec<_>>().join(", ")
        );
        let sql = format!(
            "SELECT schema_name, table_name, 'table', NULL, comment FROM duckdb_tables() WHERE {within} \
             UNION ALL SELECT schema_name, view_name, 'view', sql, comment FROM duckdb_views() WHERE {within} \
             ORDER BY ALL"
        );
        let session: &mut dyn Session = self;
        let rows = session.query(&sql)?.rows;
        Ok(rows.into_iter().filter_map(|row| object_of(catalog, row)).collect())
    }

    fn readers(&mut self) -> Result<Vec<Reader>> {
        let sql = "SELECT nullif(database_name, current_database()), schema_name, view_name, 'view', sql \
                   FROM duckdb_views() WHERE NOT internal \
                   UNION ALL SELECT nullif(database_name, current_database()), schema_name, function_name, 'macro', \
                   macro_definition FROM duckdb_functions() WHERE NOT internal AND macro_definition IS NOT NULL \
                   ORDER BY ALL";
        let session: &mut dyn Session = self;
        Ok(session.query(sql)?.rows.into_iter().filter_map(reader_of).collect())
    }

    fn load(&mut self, table: &TableName, columns: &[ColumnType], rows: &mut CellRows<'_>) -> Result<u64> {
        load::load(self, table, columns, rows)
    }

    fn interrupter(&self) -> Arc<dyn Interrupter> {
        Arc::clone(&self.stop) as Arc<dyn Interrupter>
    }
}

impl Drop for DuckDbSession {
    fn drop(&mut self) {
        // Closing a connection rolls back what it left open.
        drop(self.connection.take());
        self.database.release();
    }
}

fn catalog_literal(catalog: Option<&str>) -> String {
    catalog.map_or_else(|| "current_database()".to_owned(), |catalog| text_literal(Dialect::DuckDb, catalog))
}

fn column_of(row: Vec<Option<String>>) -> Option<ColumnType> {
    let [name, data_type]: [Option<String>; 2] = row.try_into().ok()?;
    Some(ColumnType { name: name?, data_type: data_type? })
}

fn object_of(catalog: Option<&str>, row: Vec<Option<String>>) -> Option<SchemaObject> {
    let [schema, name, kind, definition, comment]: [Option<String>; 5] = row.try_into().ok()?;
    Some(SchemaObject {
        name: TableName { catalog: catalog.map(str::to_owned), schema: schema?, name: name? },
        kind: ObjectKind::parse(&kind?)?,
        definition,
        comment,
    })
}

fn reader_of(row: Vec<Option<String>>) -> Option<Reader> {
    let [catalog, schema, name, kind, text]: [Option<String>; 5] = row.try_into().ok()?;
    let kind = if kind.as_deref() == Some("view") { ReaderKind::View } else { ReaderKind::Macro };
    Some(Reader { name: TableName { catalog, schema: schema?, name: name? }, kind, text: text.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_of_statements_count() {
        assert!(Nature::of("select 1; /* x */ SET threads = 1").settings == Settings::Touched);
        assert!(Nature::of("update t set a = 1").settings == Settings::Untouched);
        assert!(Nature::of(" -- x\n;").says == Says::Nothing);
        assert!(Nature::of("select").says == Says::Something);
        assert!(Nature::of("drop table t; create table t as select 1").last == Last::Makes);
        assert!(Nature::of("create table t as select 1; ; select 1").last == Last::Other);
    }
}
