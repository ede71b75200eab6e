//! Bulk loads as statements of many rows, because `COPY` would need a statement prepared by name. Cells are staged as text
//! and cast from there, so that a cell that does not fit can be named and nothing of a failed load reaches the table.

use super::session::PostgresSession;
use crate::engine::{CellRows, Cells, ColumnType, EngineError, Result};
use crate::ids::TableName;
use crate::sql::Dialect;
use crate::statement::{column_list, quote_table, text_literal};

const STAGE: &str = "pg_temp.offshoot__seed";
/// A statement grows to about this many bytes.
const STATEMENT: usize = 256 * 1024;

/// Streams rows into a table; runs in an open transaction.
pub(super) fn load(
    session: &mut PostgresSession,
    table: &TableName,
    columns: &[ColumnType],
    rows: &mut CellRows<'_>,
) -> Result<u64> {
    let staged: Vec<String> = (0..columns.len()).map(|index| format!("c{index} text")).collect();
    session.send(&format!(
        "DROP TABLE IF EXISTS {STAGE}; CREATE TEMPORARY TABLE offshoot__seed (line bigint, {})",
        staged.join(", ")
    ))?;
    let lines = stage(session, table, columns, rows)?;
    match session.attempt(|session| session.send(&insert(table, columns))) {
        Ok(loaded) => {
            session.send(&format!("DROP TABLE {STAGE}"))?;
            Ok(loaded)
        }
        Err(EngineError::Statement { message, .. }) => Err(blame(session, table, columns, lines, message)?),
        Err(error) => Err(error),
    }
}

/// Adds rows of text as they are.
pub(super) fn append(session: &mut PostgresSession, table: &TableName, columns: &[&str], rows: &[Cells]) -> Result<()> {
    let columns = column_list(Dialect::Postgres, columns.iter().copied());
    let head = format!("INSERT INTO {} ({columns}) VALUES ", quote_table(Dialect::Postgres, table));
    let mut statement = Statement::new(head);
    for row in rows {
        if let Some(full) = statement.add(row.iter().map(cell).collect()) {
            session.send(&full)?;
        }
    }
    statement.end().map_or(Ok(0), |last| session.send(&last)).map(drop)
}

fn stage(
    session: &mut PostgresSession,
    table: &TableName,
    columns: &[ColumnType],
    rows: &mut CellRows<'_>,
) -> Result<u64> {
    let mut statement = Statement::new(format!("INSERT INTO {STAGE} VALUES "));
    let mut line = 0_u64;
    for row in rows {
        line += 1;
        session.not_stopped("load")?;
        let refused =
            |message: String| EngineError::Load { table: table.to_string(), row: line, column: None, message };
        let cells = row.map_err(refused)?;
        if cells.len() != columns.len() {
            return Err(refused(format!("has {} cells where {} were expected", cells.len(), columns.len())));
        }
        if cells.iter().flatten().any(|cell| cell.contains('\0')) {
            return Err(refused("holds a zero byte, which PostgreSQL keeps in no text".to_owned()));
        }
        let values = std::iter::once(line.to_string()).chain(cells.iter().map(cell)).collect();
        if let Some(full) = statement.add(values) {
            session.send(&full)?;
        }
    }
    statement.end().map_or(Ok(0), |last| session.send(&last))?;
    Ok(line)
}

/// A statement of many rows on its way.
struct Statement {
    head: String,
    text: String,
}

impl Statement {
    fn new(head: String) -> Self {
        Self { head, text: String::new() }
    }

    /// Adds a row; gives the statement where it is long enough.
    fn add(&mut self, values: Vec<String>) -> Option<String> {
        self.text.push_str(if self.text.is_empty() { &self.head } else { ", " });
        self.text.push_str(&format!("({})", values.join(", ")));
        (self.text.len() > STATEMENT).then(|| std::mem::take(&mut self.text))
    }

    /// What is left.
    fn end(self) -> Option<String> {
        (!self.text.is_empty()).then_some(self.text)
    }
}

fn cell(cell: &Option<String>) -> String {
    cell.as_deref().map_or_else(|| "NULL".to_owned(), |text| text_literal(Dialect::Postgres, text))
}

fn insert(table: &TableName, columns: &[ColumnType]) -> String {
    let casts = columns.iter().enumerate().map(|(index, column)| format!("CAST(c{index} AS {})", column.data_type));
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM {STAGE} ORDER BY line",
        quote_table(Dialect::Postgres, table),
        column_list(Dialect::Postgres, columns.iter().map(|column| column.name.as_str())),
        casts.collect::<Vec<_>>().join(", ")
    )
}

/// Names the first cell that its column's type does not take. The server tells no row, so the rows are halved.
fn blame(
    session: &mut PostgresSession,
    table: &TableName,
    columns: &[ColumnType],
    lines: u64,
    message: String,
) -> Result<EngineError> {
    for (index, column) in columns.iter().enumerate() {
        let fits = |session: &mut PostgresSession, last: u64| -> Result<bool> {
            let data_type = &column.data_type;
            let sql = format!("SELECT count(CAST(c{index} AS {data_type})) FROM {STAGE} WHERE line <= {last}");
            match session.attempt(|session| session.send(&sql)) {
                Ok(_) => Ok(true),
                Err(EngineError::Statement { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        };
        if fits(session, lines)? {
            continue;
        }
        let (mut fit, mut fails) = (0, lines);
        while fit + 1 < fails {
            let middle = fit + (fails - fit) / 2;
            if fits(session, middle)? { fit = middle } else { fails = middle }
        }
        let found = session.list(&format!("SELECT c{index} FROM {STAGE} WHERE line = {fails}"))?;
        let found = found.into_iter().flatten().flatten().next().unwrap_or_default();
        let found: String = found.chars().take(80).collect();
        return Ok(EngineError::Load {
            table: table.to_string(),
            row: fails,
            column: Some(column.name.clone()),
            message: format!("{found:?} is no {}", column.data_type),
        });
    }
    Ok(EngineError::Load { table: table.to_string(), row: lines, column: None, message })
}
