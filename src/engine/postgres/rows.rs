//! Rows of queries, in the server's texts. They come through a cursor, so that a caller may stop after the first few
//! without the server having to make the rest.

use std::ops::ControlFlow;

use super::session::PostgresSession;
use crate::engine::text::{is_query, split};
use crate::engine::{Cells, ColumnType, EngineError, Result, RowSink};
use crate::postgres::Reply;
use crate::sql::Dialect;

/// So many rows are asked for at once.
const AT_ONCE: usize = 1000;

/// Runs the statements of a text and hands on the rows of the last. Runs in an open transaction.
pub(super) fn stream(session: &mut PostgresSession, sql: &str, sink: &mut dyn RowSink) -> Result<()> {
    let mut statements = split(sql, Dialect::Postgres);
    let last = statements.pop().unwrap_or_default();
    for statement in statements {
        session.send(statement)?;
    }
    if !is_query(last, Dialect::Postgres, &["select", "with", "values", "table"]) {
        return whole(session, last, sink);
    }
    let columns = described(session, last)?;
    let truths: Vec<usize> = (0..columns.len()).filter(|index| columns[*index].data_type == "boolean").collect();
    sink.columns(columns);
    session.send(&format!("DECLARE offshoot__rows NO SCROLL CURSOR FOR\n{last}"))?;
    let mut flow = ControlFlow::Continue(());
    while flow.is_continue() {
        session.not_stopped(last)?;
        let mut given = 0;
        let fetch = format!("FETCH FORWARD {AT_ONCE} FROM offshoot__rows");
        let fetched = session.client()?.simple(&fetch, |reply| {
            if let Reply::Row(mut cells) = reply {
                given += 1;
                truths.iter().for_each(|index| spell_out(&mut cells[*index]));
                if flow.is_continue() {
                    flow = sink.row(cells);
                }
            }
        });
        fetched.map_err(|error| session.failed(error, last))?;
        if given < AT_ONCE {
            break;
        }
    }
    session.send("CLOSE offshoot__rows").map(drop)
}

/// The word for a truth, in place of the letter that the server writes for a boolean.
fn spell_out(cell: &mut Option<String>) {
    let word = cell.as_deref().map(|letter| if letter == "t" { "true" } else { "false" });
    *cell = word.map(str::to_owned);
}

/// The output columns of the last statement of a text.
pub(super) fn describe(session: &mut PostgresSession, sql: &str) -> Result<Vec<ColumnType>> {
    described(session, split(sql, Dialect::Postgres).pop().unwrap_or_default())
}

fn described(session: &PostgresSession, query: &str) -> Result<Vec<ColumnType>> {
    let columns = session.client()?.describe(query).map_err(|error| session.failed(error, query))?;
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let types: Vec<String> = columns
        .iter()
        .map(|column| format!("pg_catalog.format_type({}, {})", column.type_id, column.modifier))
        .collect();
    let told = cells(session.ask(&format!("SELECT {}", types.join(", ")))?).pop().unwrap_or_default();
    let column = |(column, told): (crate::postgres::OutputColumn, Option<String>)| {
        ColumnType::new(column.name, told.unwrap_or_default())
    };
    Ok(columns.into_iter().zip(told).map(column).collect())
}

/// A statement that is no query: its rows as they come. Their types are not told.
fn whole(session: &PostgresSession, sql: &str, sink: &mut dyn RowSink) -> Result<()> {
    let mut flow = ControlFlow::Continue(());
    let done = session.client()?.simple(sql, |reply| match reply {
        Reply::Columns(names) => sink.columns(names.into_iter().map(|name| ColumnType::new(name, "text")).collect()),
        Reply::Row(cells) if flow.is_continue() => flow = sink.row(cells),
        Reply::Row(_) | Reply::Done(_) => {}
    });
    done.map_err(|error| -> EngineError { session.failed(error, sql) })
}

/// The rows among replies.
pub(super) fn cells(replies: Vec<Reply>) -> Vec<Cells> {
    replies.into_iter().filter_map(|reply| if let Reply::Row(cells) = reply { Some(cells) } else { None }).collect()
}
