//! Snapshots and the interval ledger.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::value::{Failure, Row, Value, json, optional_json, text, word};
use super::{Statements, builds, unreferenced};
use crate::hash::Digest;
use crate::ids::{ModelName, ProjectName};
use crate::naming::TableKey;
use crate::state::{Fact, Ledger, Load, LoadedInterval, Snapshot, StateError, Table};
use crate::time::Interval;

/// [`crate::state::State::tables`].
pub(super) fn tables(
    statements: &dyn Statements,
    project: &ProjectName,
    keys: &[TableKey],
) -> Result<BTreeMap<TableKey, Table>, Failure> {
    let wanted = [project.into(), list_of(keys.iter().map(TableKey::digest))?];
    let sql = "SELECT * FROM @loads WHERE project = ?1 AND table_key IN (SELECT value FROM @list(?2))";
    let mut ledgers = ledgers(&statements.query(sql, &wanted)?)?;
    let sql = "SELECT * FROM @snapshots WHERE project = ?1 AND table_key IN (SELECT value FROM @list(?2))";
    let rows = statements.query(sql, &wanted)?;
    let table = |row| {
        let snapshot = snapshot(row)?;
        let ledger = ledgers.remove(&row.word("table_key")?).unwrap_or_default();
        Ok((snapshot.key.clone(), Table { snapshot, ledger }))
    };
    rows.iter().map(table).collect()
}

/// [`crate::state::State::built_models`].
pub(super) fn built_models(statements: &dyn Statements, project: &ProjectName) -> Result<BTreeSet<ModelName>, Failure> {
    let rows = statements.query("SELECT DISTINCT model FROM @snapshots WHERE project = ?1", &[project.into()])?;
    rows.iter().map(|row| row.word("model")).collect()
}

/// [`crate::state::State::record`]. Facts of one sort are written together, so that a thousand cost as many round trips as
/// a few; of two about the same thing the later one counts.
pub(in crate::state) fn record(
    statements: &dyn Statements,
    project: &ProjectName,
    facts: &[Fact],
) -> Result<(), Failure> {
    if facts.is_empty() {
        return Ok(());
    }
    let facts: Vec<_> = facts.iter().map(|fact| (fact.key().digest(), fact)).collect();
    refuse_unknown(statements, project, &facts)?;
    record_snapshots(statements, project, &facts)?;
    let mut changes: BTreeMap<Digest, Vec<Change>> = BTreeMap::new();
    for (key, fact) in &facts {
        if let Fact::Load(Load { key: _, interval, loaded_at, run, inputs }) = fact {
            let (interval, loaded_at, run, inputs) = (*interval, *loaded_at, run.clone(), inputs.clone());
            let add = Change::Add(LoadedInterval { interval, loaded_at, run, inputs });
            changes.entry(*key).or_default().push(add);
        }
    }
    change_ledgers(statements, project, changes)?;
    let builds = facts.iter().filter_map(|(_, fact)| if let Fact::Build(build) = fact { Some(build) } else { None });
    builds::record(statements, project, builds)?;
    unreferenced::keep_filled(statements, project, &facts.iter().map(|(key, _)| *key).collect())
}

/// [`crate::state::State::withdraw`].
pub(super) fn withdraw(
    statements: &dyn Statements,
    project: &ProjectName,
    key: &TableKey,
    interval: Interval,
) -> Result<(), Failure> {
    change_ledgers(statements, project, [(key.digest(), vec![Change::Remove(interval)])].into())
}

/// [`crate::state::State::forget_tables`].
pub(super) fn forget(statements: &dyn Statements, project: &ProjectName, keys: &[TableKey]) -> Result<(), Failure> {
    let sql = "DELETE FROM @snapshots WHERE project = ?1 AND table_key IN (SELECT value FROM @list(?2))";
    statements.execute(sql, &[project.into(), list_of(keys.iter().map(TableKey::digest))?])?;
    Ok(())
}

/// The snapshot of a load is stored, or an earlier fact of the call. Where others record at the same time, the tables'
/// rows are kept as they are until the end: a ledger is read, changed and written.
fn refuse_unknown(
    statements: &dyn Statements,
    project: &ProjectName,
    facts: &[(Digest, &Fact)],
) -> Result<(), Failure> {
    let loaded: BTreeSet<_> =
        facts.iter().filter(|(_, fact)| matches!(fact, Fact::Load(_))).map(|(key, _)| key).collect();
    if loaded.is_empty() {
        return Ok(());
    }
    let sql = "SELECT table_key FROM @snapshots WHERE project = ?1 AND table_key IN (SELECT value FROM @list(?2))
               ORDER BY table_key @locked";
    let rows = statements.query(sql, &[project.into(), list_of(loaded.into_iter())?])?;
    let mut known: BTreeSet<Digest> = rows.iter().map(|row| row.word("table_key")).collect::<Result<_, _>>()?;
    for (key, fact) in facts {
        match fact {
            Fact::Snapshot(_) => {
                known.insert(*key);
            }
            Fact::Load(load) if !known.contains(key) => return Err(StateError::UnknownTable(load.key.clone()).into()),
            Fact::Load(_) | Fact::Build(_) => {}
        }
    }
    Ok(())
}

/// A table that is filled again keeps the moment when it was made first. It stays where it is, too: where two make it at once
/// in two places, what the second one then loads would count as loaded in the first one's.
fn record_snapshots(
    statements: &dyn Statements,
    project: &ProjectName,
    facts: &[(Digest, &Fact)],
) -> Result<(), Failure> {
    let mut last: BTreeMap<Digest, Snapshot> = BTreeMap::new();
    for (key, fact) in facts {
        let Fact::Snapshot(snapshot) = fact else { continue };
        match last.entry(*key) {
            Entry::Vacant(first) => {
                first.insert(snapshot.clone());
            }
            Entry::Occupied(mut known) => {
                let (created_at, as_of) = (known.get().created_at, snapshot.as_of.or(known.get().as_of));
                known.insert(Snapshot { created_at, as_of, ..snapshot.clone() });
            }
        }
    }
    let rows: Vec<_> = last.iter().map(|(key, it)| snapshot_values(project, key, it)).collect::<Result<_, _>>()?;
    let written = statements.insert(
        "INSERT INTO @snapshots (project, table_key, model, data_fingerprint, physical_table, kind, columns, unit,
             created_at, as_of)",
        rows,
        "ON CONFLICT (project, table_key) DO UPDATE SET
             kind = excluded.kind, columns = excluded.columns, unit = excluded.unit,
             as_of = coalesce(excluded.as_of, snapshots.as_of)
         WHERE snapshots.physical_table = excluded.physical_table",
    )?;
    match written == last.len() as u64 {
        true => Ok(()),
        false => Err(elsewhere(statements, project, &last)?.into()),
    }
}

/// Which of the tables is known to be in another place.
fn elsewhere(
    statements: &dyn Statements,
    project: &ProjectName,
    wanted: &BTreeMap<Digest, Snapshot>,
) -> Result<StateError, Failure> {
    let sql = "SELECT * FROM @snapshots WHERE project = ?1 AND table_key IN (SELECT value FROM @list(?2))";
    for row in statements.query(sql, &[project.into(), list_of(wanted.keys())?])? {
        let known = snapshot(&row)?;
        let wanted = wanted.get(&known.key.digest()).filter(|wanted| wanted.table != known.table);
        if let Some(wanted) = wanted {
            let wanted = Box::new(wanted.table.clone());
            return Ok(StateError::TableElsewhere { wanted, known: Box::new(known.table) });
        }
    }
    Err(Failure::Unreadable("table `snapshots`: fewer rows were written than given".into()))
}

fn snapshot_values(project: &ProjectName, key: &Digest, snapshot: &Snapshot) -> Result<[Value; 10], Failure> {
    Ok([
        project.into(),
        word(key)?,
        word(&snapshot.key.model)?,
        word(&snapshot.key.data_fingerprint)?,
        json(&snapshot.table)?,
        word(&snapshot.kind)?,
        json(&snapshot.columns)?,
        word(&snapshot.unit)?,
        snapshot.created_at.into(),
        snapshot.as_of.into(),
    ])
}

/// What happens to a range of a ledger.
enum Change {
    Add(LoadedInterval),
    Remove(Interval),
}

impl Change {
    fn interval(&self) -> Interval {
        match self {
            Self::Add(load) => load.interval,
            Self::Remove(interval) => *interval,
        }
    }
}

/// Rewrites the part of some ledgers that any of the changed ranges overlaps or touches.
fn change_ledgers(
    statements: &dyn Statements,
    project: &ProjectName,
    changes: BTreeMap<Digest, Vec<Change>>,
) -> Result<(), Failure> {
    let ranges = || changes.values().flatten().map(Change::interval);
    let (Some(start), Some(end)) = (ranges().map(|range| range.start).min(), ranges().map(|range| range.end).max())
    else {
        return Ok(());
    };
    let near = "FROM @loads WHERE project = ?1 AND table_key IN (SELECT value FROM @list(?2))
                    AND start_at <= ?4 AND end_at >= ?3";
    let nearby = [project.into(), list_of(changes.keys())?, start.into(), end.into()];
    let mut known = ledgers(&statements.query(&format!("SELECT * {near}"), &nearby)?)?;
    if !known.is_empty() {
        statements.execute(&format!("DELETE {near}"), &nearby)?;
    }
    let mut rows = Vec::new();
    for (key, changes) in changes {
        let mut ledger = known.remove(&key).unwrap_or_default();
        for change in changes {
            match change {
                Change::Add(load) => ledger.add(load),
                Change::Remove(interval) => ledger.remove(interval),
            }
        }
        for load in ledger.loads() {
            rows.push(load_values(project, &key, load)?);
        }
    }
    let into = "INSERT INTO @loads (project, table_key, start_at, end_at, loaded_at, run, inputs)";
    statements.insert(into, rows, "").map(drop)
}

fn load_values(project: &ProjectName, key: &Digest, load: &LoadedInterval) -> Result<[Value; 7], Failure> {
    let LoadedInterval { interval, loaded_at, run, inputs } = load;
    let inputs = optional_json(inputs.as_ref())?;
    Ok([project.into(), word(key)?, interval.start.into(), interval.end.into(), (*loaded_at).into(), text(run), inputs])
}

/// The ledgers in rows of `loads`, by table.
fn ledgers(rows: &[Row]) -> Result<BTreeMap<Digest, Ledger>, Failure> {
    let mut loads: BTreeMap<Digest, Vec<LoadedInterval>> = BTreeMap::new();
    for row in rows {
        loads.entry(row.word("table_key")?).or_default().push(load(row)?);
    }
    // None overlaps another, and in order they are read in one go.
    let in_order = |mut loads: Vec<LoadedInterval>| {
        loads.sort_by_key(|load| load.interval);
        loads.into_iter().collect()
    };
    Ok(loads.into_iter().map(|(key, loads)| (key, in_order(loads))).collect())
}

/// A row of `snapshots`.
pub(super) fn snapshot(row: &Row) -> Result<Snapshot, Failure> {
    Ok(Snapshot {
        key: key(row)?,
        table: row.json("physical_table")?,
        kind: row.word("kind")?,
        columns: row.json("columns")?,
        unit: row.word("unit")?,
        created_at: row.moment("created_at")?,
        as_of: row.optional_moment("as_of")?,
    })
}

fn load(row: &Row) -> Result<LoadedInterval, Failure> {
    Ok(LoadedInterval {
        interval: Interval { start: row.moment("start_at")?, end: row.moment("end_at")? },
        loaded_at: row.moment("loaded_at")?,
        run: row.text("run")?.to_owned(),
        inputs: row.optional_json("inputs")?,
    })
}

/// The identity of the table that a row is about.
pub(super) fn key(row: &Row) -> Result<TableKey, Failure> {
    Ok(TableKey { model: row.word("model")?, data_fingerprint: row.word("data_fingerprint")? })
}

/// Values whose serialised form is a text, as one list of texts.
pub(super) fn list_of<T: Serialize>(values: impl Iterator<Item = T>) -> Result<Value, Failure> {
    json(&values.collect::<Vec<_>>())
}
