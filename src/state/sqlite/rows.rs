//! Our statements and values on an SQLite connection.

use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql, params_from_iter};

use crate::state::store::{Dialect, Failure, Row, Statements, Value};

/// More texts than a run has, each of them prepared once.
pub(super) const PREPARED_TEXTS: usize = 64;

impl Statements for Connection {
    fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        let mut statement = prepared(self, sql)?;
        let columns: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query(params_from_iter(values)).map_err(stored)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(stored)? {
            let cell = |place| row.get_ref(place).map_err(stored).and_then(value);
            let values = (0..columns.len()).map(cell).collect::<Result<_, _>>()?;
            found.push(Row { columns: Arc::clone(&columns), values });
        }
        Ok(found)
    }

    fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        let touched = prepared(self, sql)?.execute(params_from_iter(values)).map_err(stored)?;
        Ok(u64::try_from(touched).unwrap_or(u64::MAX))
    }

    fn batch(&self, sql: &str) -> Result<(), Failure> {
        self.execute_batch(sql).map_err(stored)
    }
}

/// SQLite's own error, for [`super::open::explain`] to take apart again.
pub(super) fn stored(error: rusqlite::Error) -> Failure {
    Failure::Store(Box::new(error))
}

fn prepared<'c>(connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, Failure> {
    connection.prepare_cached(&dialect().render(sql)).map_err(stored)
}

fn dialect() -> Dialect {
    Dialect {
        schema: String::new(),
        place: '?',
        list: ["json_each(", ")"],
        position: "instr",
        // Nobody else writes while we do.
        locked: "",
        now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        random: "lower(hex(randomblob(16)))",
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Integer(number) => number.to_sql(),
            Self::Real(number) => number.to_sql(),
        }
    }
}

fn value(cell: ValueRef<'_>) -> Result<Value, Failure> {
    match cell {
        ValueRef::Null => Ok(Value::Text(None)),
        ValueRef::Integer(number) => Ok(Value::Integer(Some(number))),
        ValueRef::Real(number) => Ok(Value::Real(Some(number))),
        ValueRef::Text(bytes) => match str::from_utf8(bytes) {
            Ok(text) => Ok(Value::Text(Some(text.to_owned()))),
            Err(error) => Err(Failure::Unreadable(format!("a text is no text: {error}"))),
        },
        ValueRef::Blob(_) => Err(Failure::Unreadable("bytes stand where a text or a number is expected".into())),
    }
}
