//! Rows as exact text: DuckDB itself casts every value, so nested, decimal and zoned values read as its shell prints them.
//!
//! A query is wrapped in a SELECT that casts its columns by position. What cannot be wrapped (EXPLAIN, CALL, RETURNING)
//! runs as it is, and its values are printed from Arrow.

use std::ops::ControlFlow;

use duckdb::Statement;
use duckdb::arrow::array::{Array as _, StructArray};
use duckdb::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::session::DuckDbSession;
use crate::engine::text::{is_query, split};
use crate::engine::{Cells, ColumnType, EngineError, Result, RowSink, Session as _};
use crate::ids::TableName;
use crate::sql::Dialect;
use crate::statement::quote_table;

const QUERY: &str = "offshoot__query";

/// Runs the statements of a text and hands on the rows of the last.
pub(super) fn stream(session: &mut DuckDbSession, sql: &str, sink: &mut dyn RowSink) -> Result<()> {
    let mut statements = split(sql, Dialect::DuckDb);
    let last = statements.pop().unwrap_or_default();
    for statement in statements {
        session.execute(statement)?;
    }
    // A query that cannot be described is run as it is, so that the engine's message is about the author's text.
    match wrappable(last).then(|| describe(session, last)) {
        Some(Ok(columns)) => {
            let wrapped = wrapped(last, columns.len());
            sink.columns(columns);
            run(session, &wrapped, last, sink, Columns::Told)
        }
        Some(Err(error @ EngineError::Interrupted { .. })) => Err(error),
        _ => run(session, last, last, sink, Columns::Unknown),
    }
}

/// The output columns of a query.
pub(super) fn describe(session: &DuckDbSession, sql: &str) -> Result<Vec<ColumnType>> {
    session.not_stopped(sql)?;
    let sql = split(sql, Dialect::DuckDb).pop().unwrap_or_default();
    let text = format!("SELECT column_name, column_type FROM (DESCRIBE (\n{sql}\n))");
    let failed = |error: duckdb::Error| session.failed(&error, sql);
    let mut statement = session.connection()?.prepare(&text).map_err(failed)?;
    let rows = statement.query_map([], |row| Ok(ColumnType { name: row.get(0)?, data_type: row.get(1)? }));
    rows.map_err(failed)?.collect::<duckdb::Result<Vec<_>>>().map_err(failed)
}

/// How many tables are asked about at once; a statement that is much longer gains nothing.
const AT_ONCE: usize = 32;

/// The columns of tables that are there, each list as `describe` gives it: one statement for many tables, because most
/// of what a small one costs comes with every statement.
pub(super) fn describe_all(session: &DuckDbSession, tables: &[TableName]) -> Result<Vec<Vec<ColumnType>>> {
    let mut described = Vec::with_capacity(tables.len());
    for tables in tables.chunks(AT_ONCE) {
        let question = |(place, table): (usize, &TableName)| {
            let table = quote_table(Dialect::DuckDb, table);
            format!("SELECT {place} AS place, column_name, column_type FROM (DESCRIBE (SELECT * FROM {table}))")
        };
        let sql = tables.iter().enumerate().map(question).collect::<Vec<_>>().join("\nUNION ALL ");
        session.not_stopped(&sql)?;
        let failed = |error: duckdb::Error| session.failed(&error, &sql);
        let mut statement = session.connection()?.prepare(&sql).map_err(failed)?;
        let mut lists = vec![Vec::new(); tables.len()];
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let read = || Ok((row.get(0)?, ColumnType { name: row.get(1)?, data_type: row.get(2)? }));
            let (place, column): (usize, ColumnType) = read().map_err(failed)?;
            lists.get_mut(place).into_iter().for_each(|list| list.push(column.clone()));
        }
        described.append(&mut lists);
    }
    Ok(described)
}

fn wrapped(sql: &str, columns: usize) -> String {
    let list = |item: &dyn Fn(usize) -> String| (0..columns).map(item).collect::<Vec<_>>().join(", ");
    let names = list(&|index| format!("c{index}"));
    let casts = list(&|index| format!("CAST(c{index} AS VARCHAR)"));
    format!("SELECT {casts} FROM (\n{sql}\n) AS {QUERY} ({names})")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Columns {
    Told,
    Unknown,
}

fn run(session: &DuckDbSession, sql: &str, author: &str, sink: &mut dyn RowSink, columns: Columns) -> Result<()> {
    let failed = |error: duckdb::Error| session.failed(&error, author);
    let mut statement = session.connection()?.prepare(sql).map_err(failed)?;
    // The iterator that this gives panics where fetching fails; `step` below says so instead.
    drop(statement.stream_arrow([]).map_err(failed)?);
    if columns == Columns::Unknown {
        sink.columns(arrow_columns(&statement));
    }
    while let Some(batch) = statement.step().map_err(failed)? {
        if hand_on(&batch, sink).map_err(|message| EngineError::statement(&message, author))?.is_break() {
            return Ok(());
        }
    }
    // A fetch that was stopped may look like the end.
    session.not_stopped(author)
}

fn arrow_columns(statement: &Statement<'_>) -> Vec<ColumnType> {
    let schema = statement.schema();
    let column = |field: &std::sync::Arc<duckdb::arrow::datatypes::Field>| {
        ColumnType::new(field.name().as_str(), field.data_type().to_string())
    };
    schema.fields().iter().map(column).collect()
}

fn hand_on(batch: &StructArray, sink: &mut dyn RowSink) -> std::result::Result<ControlFlow<()>, String> {
    let options = FormatOptions::default();
    let formatters = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
    let formatters = formatters.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    for row in 0..batch.len() {
        let mut cells: Cells = Vec::with_capacity(formatters.len());
        for (column, formatter) in batch.columns().iter().zip(&formatters) {
            let text = || formatter.value(row).try_to_string().map_err(|error| error.to_string());
            cells.push(if column.is_null(row) { None } else { Some(text()?) });
        }
        if sink.row(cells).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Whether a statement may stand in `FROM ( … )`.
fn wrappable(sql: &str) -> bool {
    const QUERIES: [&str; 11] =
        ["select", "with", "from", "values", "table", "pivot", "unpivot", "show", "describe", "desc", "summarize"];
    is_query(sql, Dialect::DuckDb, &QUERIES)
}
