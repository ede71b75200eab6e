//! Snapshots and the interval ledger.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Row, params};

use super::builds;
use super::convert::{Failure, Json, Word, json, word};
use super::unreferenced;
use crate::hash::Digest;
use crate::ids::{ModelName, ProjectName};
use crate::naming::TableKey;
use crate::plan::Seen;
use crate::state::{Fact, Ledger, Load, LoadedInterval, Snapshot, StateError, Table};
use crate::time::{Interval, Timestamp};

/// [`crate::state::State::tables`].
pub(super) fn tables(
    connection: &Connection,
    project: &ProjectName,
    keys: &[TableKey],
) -> Result<BTreeMap<TableKey, Table>, Failure> {
    let wanted = Json(keys.iter().map(TableKey::digest).collect::<Vec<_>>());
    let mut ledgers = ledgers(connection, project, &wanted)?;
    let mut statement = connection.prepare_cached(
        "SELECT * FROM snapshots WHERE project = ?1 AND table_key IN (SELECT value FROM json_each(?2))",
    )?;
    let rows = statement.query_map(params![project.as_str(), wanted], snapshot)?;
    rows.map(|row| {
        let snapshot = row?;
        let ledger = ledgers.remove(&snapshot.key.digest()).unwrap_or_default();
        Ok((snapshot.key.clone(), Table { snapshot, ledger }))
    })
    .collect()
}

/// [`crate::state::State::built_models`].
pub(super) fn built_models(connection: &Connection, project: &ProjectName) -> Result<BTreeSet<ModelName>, Failure> {
    let mut statement = connection.prepare_cached("SELECT DISTINCT model FROM snapshots WHERE project = ?1")?;
    let rows = statement.query_map(params![project.as_str()], |row| word(row, "model"))?;
    rows.map(|row| Ok(row?)).collect()
}

/// [`crate::state::State::record`].
pub(super) fn record(connection: &Connection, project: &ProjectName, facts: &[Fact]) -> Result<(), Failure> {
    facts.iter().try_for_each(|fact| {
        match fact {
            Fact::Snapshot(snapshot) => record_snapshot(connection, project, snapshot),
            Fact::Load(load) => record_load(connection, project, load),
            Fact::Build(build) => builds::record(connection, project, build),
        }?;
        unreferenced::keep_filled(connection, project, fact.key())
    })
}

/// [`crate::state::State::withdraw`].
pub(super) fn withdraw(
    connection: &Connection,
    project: &ProjectName,
    key: &TableKey,
    interval: Interval,
) -> Result<(), Failure> {
    change_ledger(connection, project, key, interval, |ledger| ledger.remove(interval))
}

/// [`crate::state::State::forget_tables`].
pub(super) fn forget(connection: &Connection, project: &ProjectName, keys: &[TableKey]) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached("DELETE FROM snapshots WHERE project = ?1 AND table_key = ?2")?;
    for key in keys {
        statement.execute(params![project.as_str(), Word(key.digest())])?;
    }
    Ok(())
}

/// A table that is filled again keeps the moment when it was made first.
fn record_snapshot(connection: &Connection, project: &ProjectName, snapshot: &Snapshot) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO snapshots (project, table_key, model, data_fingerprint, physical_table, kind, columns, unit,
                 created_at, as_of)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (project, table_key) DO UPDATE SET
                 physical_table = excluded.physical_table, kind = excluded.kind, columns = excluded.columns,
                 unit = excluded.unit, as_of = coalesce(excluded.as_of, snapshots.as_of)",
        )?
        .execute(params![
            project.as_str(),
            Word(snapshot.key.digest()),
            Word(&snapshot.key.model),
            Word(snapshot.key.data_fingerprint),
            Json(&snapshot.table),
            Word(snapshot.kind),
            Json(&snapshot.columns),
            Word(snapshot.unit),
            snapshot.created_at.0,
            snapshot.as_of.map(|moment| moment.0),
        ])?;
    Ok(())
}

fn record_load(connection: &Connection, project: &ProjectName, load: &Load) -> Result<(), Failure> {
    let known = "SELECT 1 FROM snapshots WHERE project = ?1 AND table_key = ?2";
    if !connection.prepare_cached(known)?.exists(params![project.as_str(), Word(load.key.digest())])? {
        return Err(StateError::UnknownTable(load.key.clone()).into());
    }
    let Load { key: _, interval, loaded_at, run, inputs } = load.clone();
    let loaded = LoadedInterval { interval, loaded_at, run, inputs };
    change_ledger(connection, project, &load.key, load.interval, |ledger| ledger.add(loaded))
}

/// Rewrites the part of a ledger that a range overlaps or touches.
fn change_ledger(
    connection: &Connection,
    project: &ProjectName,
    key: &TableKey,
    interval: Interval,
    change: impl FnOnce(&mut Ledger),
) -> Result<(), Failure> {
    let (project, key) = (project.as_str(), Word(key.digest()));
    let near = "FROM loads WHERE project = ?1 AND table_key = ?2 AND start_at <= ?4 AND end_at >= ?3";
    let nearby = params![project, key, interval.start.0, interval.end.0];
    let mut ledger: Ledger =
        connection.prepare_cached(&format!("SELECT * {near}"))?.query_map(nearby, load)?.collect::<Result<_, _>>()?;
    change(&mut ledger);
    connection.prepare_cached(&format!("DELETE {near}"))?.execute(nearby)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO loads (project, table_key, start_at, end_at, loaded_at, run, inputs)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for LoadedInterval { interval, loaded_at, run, inputs } in ledger.loads() {
        let inputs = inputs.as_ref().map(Json);
        insert.execute(params![project, key, interval.start.0, interval.end.0, loaded_at.0, run, inputs])?;
    }
    Ok(())
}

fn ledgers(
    connection: &Connection,
    project: &ProjectName,
    wanted: &Json<Vec<Digest>>,
) -> Result<BTreeMap<Digest, Ledger>, Failure> {
    let mut statement = connection
        .prepare_cached("SELECT * FROM loads WHERE project = ?1 AND table_key IN (SELECT value FROM json_each(?2))")?;
    let rows =
        statement.query_map(params![project.as_str(), wanted], |row| Ok((word(row, "table_key")?, load(row)?)))?;
    let mut loads: BTreeMap<Digest, Vec<LoadedInterval>> = BTreeMap::new();
    for row in rows {
        let (key, load) = row?;
        loads.entry(key).or_default().push(load);
    }
    Ok(loads.into_iter().map(|(key, loads)| (key, loads.into_iter().collect())).collect())
}

/// A row of `snapshots`.
pub(super) fn snapshot(row: &Row<'_>) -> rusqlite::Result<Snapshot> {
    Ok(Snapshot {
        key: key(row)?,
        table: json(row, "physical_table")?,
        kind: word(row, "kind")?,
        columns: json(row, "columns")?,
        unit: word(row, "unit")?,
        created_at: Timestamp(row.get("created_at")?),
        as_of: row.get::<_, Option<i64>>("as_of")?.map(Timestamp),
    })
}

fn load(row: &Row<'_>) -> rusqlite::Result<LoadedInterval> {
    Ok(LoadedInterval {
        interval: Interval { start: Timestamp(row.get("start_at")?), end: Timestamp(row.get("end_at")?) },
        loaded_at: Timestamp(row.get("loaded_at")?),
        run: row.get("run")?,
        inputs: row.get::<_, Option<Json<Vec<Seen>>>>("inputs")?.map(|inputs| inputs.0),
    })
}

/// The identity of the table that a row is about.
pub(super) fn key(row: &Row<'_>) -> rusqlite::Result<TableKey> {
    Ok(TableKey { model: word(row, "model")?, data_fingerprint: word(row, "data_fingerprint")? })
}
