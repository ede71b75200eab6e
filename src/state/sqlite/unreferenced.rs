//! Tables that nothing needs: since when, and the last look before one is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::convert::{Failure, Json, Word, json};
use super::tables;
use crate::ids::{ProjectName, TableName};
use crate::naming::TableKey;
use crate::state::{Forgotten, Snapshot};
use crate::time::Timestamp;

/// [`crate::state::State::forget_unreferenced`].
///
/// A text search decides, so that it costs no more than reading: a physical name ends in a hash, and one that is found
/// anywhere in a map is taken for needed.
pub(super) fn forget(
    connection: &Connection,
    project: &ProjectName,
    table: &TableName,
    since: Timestamp,
) -> Result<Forgotten, Failure> {
    let is_marked = connection
        .prepare_cached("SELECT since FROM unreferenced WHERE project = ?1 AND physical_table = ?2")?
        .query_row(params![project.as_str(), Json(table)], |row| row.get(0).map(Timestamp))
        .optional()?
        == Some(since);
    let is_needed = connection
        .prepare_cached(
            "SELECT 1 FROM environments WHERE instr(models, ?3) > 0
             UNION ALL SELECT 1 FROM promotes WHERE instr(intended, ?3) > 0
             UNION ALL SELECT 1 FROM history JOIN environments AS owner
                 ON owner.project = history.project AND owner.name = history.environment
                 WHERE owner.promoted IS NOT NULL AND instr(history.models, ?3) > 0
             UNION ALL SELECT 1 FROM snapshots WHERE project <> ?1 AND physical_table = ?2",
        )?
        .exists(params![project.as_str(), Json(table), name_in_a_map(table)?])?;
    if !is_marked || is_needed {
        return Ok(Forgotten::No);
    }
    connection
        .prepare_cached("DELETE FROM snapshots WHERE project = ?1 AND physical_table = ?2")?
        .execute(params![project.as_str(), Json(table)])?;
    Ok(Forgotten::Yes)
}

/// The table's own name as it stands in the JSON of every map that points at it.
fn name_in_a_map(table: &TableName) -> Result<String, Failure> {
    serde_json::to_string(&table.name).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)).into())
}

/// [`crate::state::State::all_tables`].
pub(super) fn all_tables(connection: &Connection, project: &ProjectName) -> Result<Vec<Snapshot>, Failure> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM snapshots WHERE project = ?1 ORDER BY model, data_fingerprint")?;
    Ok(statement.query_map([project.as_str()], tables::snapshot)?.collect::<Result<_, _>>()?)
}

/// [`crate::state::State::tables_elsewhere`].
pub(super) fn elsewhere(connection: &Connection, project: &ProjectName) -> Result<BTreeSet<TableName>, Failure> {
    let mut statement = connection.prepare_cached("SELECT physical_table FROM snapshots WHERE project <> ?1")?;
    Ok(statement.query_map([project.as_str()], |row| json(row, "physical_table"))?.collect::<Result<_, _>>()?)
}

/// [`crate::state::State::unreferenced`].
pub(super) fn marks(connection: &Connection, project: &ProjectName) -> Result<BTreeMap<TableName, Timestamp>, Failure> {
    let mut statement =
        connection.prepare_cached("SELECT physical_table, since FROM unreferenced WHERE project = ?1")?;
    let rows = statement
        .query_map([project.as_str()], |row| Ok((json(row, "physical_table")?, Timestamp(row.get("since")?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// [`crate::state::State::mark_unreferenced`].
pub(super) fn mark(
    connection: &Connection,
    project: &ProjectName,
    marks: &BTreeMap<TableName, Timestamp>,
) -> Result<(), Failure> {
    connection.execute("DELETE FROM unreferenced WHERE project = ?1", [project.as_str()])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO unreferenced (project, physical_table, since) VALUES (?1, ?2, ?3)")?;
    for (table, since) in marks {
        insert.execute(params![project.as_str(), Json(table), since.0])?;
    }
    Ok(())
}

/// [`crate::state::State::keep_tables`].
pub(super) fn keep<'a>(
    connection: &Connection,
    project: &ProjectName,
    tables: impl Iterator<Item = &'a TableName>,
) -> Result<(), Failure> {
    let mut delete =
        connection.prepare_cached("DELETE FROM unreferenced WHERE project = ?1 AND physical_table = ?2")?;
    for table in tables {
        delete.execute(params![project.as_str(), Json(table)])?;
    }
    Ok(())
}

/// What is filled is about to be needed: an environment points at it when its plan is through.
pub(super) fn keep_filled(connection: &Connection, project: &ProjectName, key: &TableKey) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "DELETE FROM unreferenced WHERE project = ?1 AND physical_table IN (
                 SELECT physical_table FROM snapshots WHERE project = ?1 AND table_key = ?2
             )",
        )?
        .execute(params![project.as_str(), Word(key.digest())])?;
    Ok(())
}

/// [`crate::state::State::forget_history`].
pub(super) fn forget_history(
    connection: &Connection,
    project: &ProjectName,
    kept: NonZeroUsize,
) -> Result<usize, Failure> {
    let kept = i64::try_from(kept.get()).unwrap_or(i64::MAX);
    // Numbers have no gaps at their end, so the newest few are told by counting back.
    let forgotten = connection
        .prepare_cached(
            "DELETE FROM history WHERE project = ?1 AND sequence <= (
                 SELECT max(newest.sequence) FROM history AS newest
                 WHERE newest.project = ?1 AND newest.environment = history.environment
             ) - ?2",
        )?
        .execute(params![project.as_str(), kept])?;
    Ok(forgotten)
}
