//! Bulk loads: cells are streamed as text into a temporary table and cast from there by the engine, so that a cell that
//! does not fit can be named and nothing of a failed load reaches the table.

use duckdb::types::{ToSqlOutput, Value, ValueRef};
use duckdb::{Appender, ToSql, appender_params_from_iter};

use super::session::DuckDbSession;
use crate::engine::{CellRows, Cells, ColumnType, EngineError, Result, Session};
use crate::ids::TableName;
use crate::sql::Dialect;
use crate::statement::{column_list, quote_table};

const STAGE: &str = "offshoot__seed";

pub(super) fn load(
    session: &mut DuckDbSession,
    table: &TableName,
    columns: &[ColumnType],
    rows: &mut CellRows<'_>,
) -> Result<u64> {
    let staged: Vec<String> = (0..columns.len()).map(|index| format!("c{index} VARCHAR")).collect();
    session.execute(&format!("CREATE OR REPLACE TEMP TABLE {STAGE} (line BIGINT, {})", staged.join(", ")))?;
    stage(session, table, columns, rows)?;
    // In a transaction nothing can be asked after an error, so what to blame is asked before.
    for (index, column) in columns.iter().enumerate() {
        blame(session, table, index, column)?;
    }
    let loaded = insert(session, table, columns)?;
    session.execute(&format!("DROP TABLE {STAGE}"))?;
    Ok(loaded)
}

fn stage(session: &DuckDbSession, table: &TableName, columns: &[ColumnType], rows: &mut CellRows<'_>) -> Result<()> {
    let connection = session.connection()?;
    let failed = |error: duckdb::Error| session.failed(&error, "load");
    let mut appender = connection.appender_to_catalog_and_db(STAGE, "temp", "main").map_err(failed)?;
    let mut line = 0_i64;
    for row in rows {
        line += 1;
        session.not_stopped("load")?;
        let refused = |message: String| EngineError::Load {
            table: table.to_string(),
            row: line.unsigned_abs(),
            column: None,
            message,
        };
        let cells = row.map_err(refused)?;
        if cells.len() != columns.len() {
            return Err(refused(format!("has {} cells where {} were expected", cells.len(), columns.len())));
        }
        append(&mut appender, line, cells).map_err(failed)?;
    }
    appender.flush().map_err(failed)
}

/// Adds rows of text as they are: nothing is parsed or planned for them.
pub(super) fn append_texts(
    session: &mut DuckDbSession,
    table: &TableName,
    columns: &[&str],
    rows: &[Cells],
) -> Result<()> {
    session.not_stopped("append")?;
    let connection = session.connection()?;
    let failed = |error: duckdb::Error| session.failed(&error, "append");
    let mut appender = match &table.catalog {
        Some(catalog) => {
            connection.appender_with_columns_to_catalog_and_db(&table.name, catalog, &table.schema, columns)
        }
        None => connection.appender_with_columns_to_db(&table.name, &table.schema, columns),
    }
    .map_err(failed)?;
    for row in rows {
        let cells = row.iter().cloned().map(Cell::Text);
        appender.append_row(appender_params_from_iter(cells)).map_err(failed)?;
    }
    appender.flush().map_err(failed)
}

/// What an appended cell is.
enum Cell {
    Line(i64),
    Text(Option<String>),
}

impl ToSql for Cell {
    fn to_sql(&self) -> duckdb::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Line(line) => ToSqlOutput::Owned(Value::BigInt(*line)),
            Self::Text(Some(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Text(None) => ToSqlOutput::Owned(Value::Null),
        })
    }
}

fn append(appender: &mut Appender<'_>, line: i64, cells: Cells) -> duckdb::Result<()> {
    let cells = std::iter::once(Cell::Line(line)).chain(cells.into_iter().map(Cell::Text));
    appender.append_row(appender_params_from_iter(cells))
}

fn insert(session: &mut DuckDbSession, table: &TableName, columns: &[ColumnType]) -> Result<u64> {
    let casts = columns.iter().enumerate().map(|(index, column)| format!("CAST(c{index} AS {})", column.data_type));
    let casts: Vec<String> = casts.collect();
    let sql = format!(
        "INSERT INTO {} ({}) SELECT {} FROM {STAGE} ORDER BY line",
        quote_table(Dialect::DuckDb, table),
        column_list(Dialect::DuckDb, columns.iter().map(|column| column.name.as_str())),
        casts.join(", ")
    );
    session.execute(&sql)
}

/// Names the first cell of a column that its type does not take.
fn blame(session: &mut DuckDbSession, table: &TableName, index: usize, column: &ColumnType) -> Result<()> {
    let sql = format!(
        "SELECT line, c{index} FROM {STAGE} WHERE c{index} IS NOT NULL AND TRY_CAST(c{index} AS {}) IS NULL \
         ORDER BY line LIMIT 1",
        column.data_type
    );
    let session: &mut dyn Session = session;
    let rows = session.query(&sql)?.rows;
    let Some([Some(line), Some(cell)]) = rows.first().map(Vec::as_slice) else { return Ok(()) };
    let cell: String = cell.chars().take(80).collect();
    Err(EngineError::Load {
        table: table.to_string(),
        row: line.parse().unwrap_or_default(),
        column: Some(column.name.clone()),
        message: format!("{cell:?} is no {}", column.data_type),
    })
}
