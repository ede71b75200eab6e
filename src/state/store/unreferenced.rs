//! Tables that nothing needs: since when, and the last look before one is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use super::Statements;
use super::tables::{self, list_of};
use super::value::{Failure, Value, count, json, text};
use crate::hash::Digest;
use crate::ids::{ProjectName, TableName};
use crate::state::{Forgotten, Snapshot};
use crate::time::Timestamp;

/// [`crate::state::State::forget_unreferenced`].
///
/// The last part of its name decides, which ends in a hash: whoever has that is taken to need it.
pub(super) fn forget(
    statements: &dyn Statements,
    project: &ProjectName,
    table: &TableName,
    since: Timestamp,
) -> Result<Forgotten, Failure> {
    let named = [project.into(), json(table)?];
    let mark =
        statements.first("SELECT since FROM @unreferenced WHERE project = ?1 AND physical_table = ?2", &named)?;
    let is_marked = mark.map(|row| row.moment("since")).transpose()? == Some(since);
    let [project, full_name] = named.clone();
    let needed = statements.first(
        "SELECT 1 AS one FROM @pointers WHERE table_name = ?3
         UNION ALL SELECT 1 AS one FROM @past_pointers WHERE table_name = ?3
         UNION ALL SELECT 1 AS one FROM @announced WHERE table_name = ?3
         UNION ALL SELECT 1 AS one FROM @promotes WHERE @position(intended, ?4) > 0
         UNION ALL SELECT 1 AS one FROM @snapshots WHERE project <> ?1 AND physical_table = ?2
         LIMIT 1",
        // As it stands in the JSON of the journal.
        &[project, full_name, text(&table.name), json(&table.name)?],
    )?;
    if !is_marked || needed.is_some() {
        return Ok(Forgotten::No);
    }
    statements.execute("DELETE FROM @snapshots WHERE project = ?1 AND physical_table = ?2", &named)?;
    Ok(Forgotten::Yes)
}

/// [`crate::state::State::all_tables`].
pub(super) fn all_tables(statements: &dyn Statements, project: &ProjectName) -> Result<Vec<Snapshot>, Failure> {
    let sql = "SELECT * FROM @snapshots WHERE project = ?1 ORDER BY model, data_fingerprint";
    statements.query(sql, &[project.into()])?.iter().map(tables::snapshot).collect()
}

/// [`crate::state::State::tables_elsewhere`].
pub(super) fn elsewhere(statements: &dyn Statements, project: &ProjectName) -> Result<BTreeSet<TableName>, Failure> {
    let rows = statements.query("SELECT physical_table FROM @snapshots WHERE project <> ?1", &[project.into()])?;
    rows.iter().map(|row| row.json("physical_table")).collect()
}

/// [`crate::state::State::unreferenced`].
pub(super) fn marks(
    statements: &dyn Statements,
    project: &ProjectName,
) -> Result<BTreeMap<TableName, Timestamp>, Failure> {
    let sql = "SELECT physical_table, since FROM @unreferenced WHERE project = ?1";
    let rows = statements.query(sql, &[project.into()])?;
    rows.iter().map(|row| Ok((row.json("physical_table")?, row.moment("since")?))).collect()
}

/// [`crate::state::State::mark_unreferenced`].
pub(super) fn mark(
    statements: &dyn Statements,
    project: &ProjectName,
    marks: &BTreeMap<TableName, Timestamp>,
) -> Result<(), Failure> {
    statements.execute("DELETE FROM @unreferenced WHERE project = ?1", &[project.into()])?;
    remember(statements, project, marks)
}

/// Adds marks to those that are there.
pub(super) fn remember(
    statements: &dyn Statements,
    project: &ProjectName,
    marks: &BTreeMap<TableName, Timestamp>,
) -> Result<(), Failure> {
    let row = |(table, since): (&TableName, &Timestamp)| Ok([project.into(), json(table)?, (*since).into()]);
    let rows: Vec<[Value; 3]> = marks.iter().map(row).collect::<Result<_, Failure>>()?;
    statements.insert("INSERT INTO @unreferenced (project, physical_table, since)", rows, "").map(drop)
}

/// [`crate::state::State::keep_tables`].
pub(super) fn keep<'a>(
    statements: &dyn Statements,
    project: &ProjectName,
    tables: impl Iterator<Item = &'a TableName>,
) -> Result<(), Failure> {
    // They are stored as JSON, so that the list holds JSON as texts.
    let stored = tables.map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
    let stored = stored.map_err(|error| Failure::Store(Box::new(error)))?;
    statements.execute(
        "DELETE FROM @unreferenced WHERE project = ?1 AND physical_table IN (SELECT value FROM @list(?2))",
        &[project.into(), json(&stored)?],
    )?;
    Ok(())
}

/// What is filled is about to be needed: an environment points at it when its plan is through.
pub(super) fn keep_filled(
    statements: &dyn Statements,
    project: &ProjectName,
    keys: &BTreeSet<Digest>,
) -> Result<(), Failure> {
    statements.execute(
        "DELETE FROM @unreferenced WHERE project = ?1 AND physical_table IN (
             SELECT physical_table FROM @snapshots
             WHERE project = ?1 AND table_key IN (SELECT value FROM @list(?2))
         )",
        &[project.into(), list_of(keys.iter())?],
    )?;
    Ok(())
}

/// [`crate::state::State::forget_history`].
pub(super) fn forget_history(
    statements: &dyn Statements,
    project: &ProjectName,
    kept: NonZeroUsize,
) -> Result<usize, Failure> {
    // Numbers have no gaps at their end, so the newest few are told by counting back.
    let forgotten = statements.execute(
        "DELETE FROM @history WHERE project = ?1 AND sequence <= (
             SELECT max(newest.sequence) FROM @history AS newest
             WHERE newest.project = ?1 AND newest.environment = history.environment
         ) - ?2",
        &[project.into(), count(kept.get())],
    )?;
    Ok(usize::try_from(forgotten).unwrap_or(usize::MAX))
}
