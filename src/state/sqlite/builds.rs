//! What builds cost and what they read.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, Row, params};

use super::convert::{Failure, Json, Word, json, optional_word};
use super::tables::key;
use crate::ids::{ModelName, ProjectName};
use crate::naming::TableKey;
use crate::plan::Seen;
use crate::state::{Build, Owner};
use crate::time::Timestamp;

/// [`crate::state::State::builds`].
pub(super) fn of_models(
    connection: &Connection,
    project: &ProjectName,
    models: &[ModelName],
    each: usize,
) -> Result<BTreeMap<ModelName, Vec<Build>>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM (
             SELECT *, row_number() OVER (PARTITION BY model ORDER BY started_at DESC, id DESC) AS place
             FROM builds WHERE project = ?1 AND model IN (SELECT value FROM json_each(?2))
         ) AS newest WHERE place <= ?3 ORDER BY model, place",
    )?;
    let each = i64::try_from(each).unwrap_or(i64::MAX);
    let mut found: BTreeMap<ModelName, Vec<Build>> = BTreeMap::new();
    for row in statement.query_map(params![project.as_str(), Json(models), each], build)? {
        let build = row?;
        found.entry(build.key.model.clone()).or_default().push(build);
    }
    Ok(found)
}

/// [`crate::state::State::builds_for`].
pub(super) fn made_for(connection: &Connection, project: &ProjectName, owner: &Owner) -> Result<Vec<Build>, Failure> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM builds WHERE project = ?1 AND owner = ?2 ORDER BY started_at, id")?;
    let rows = statement.query_map(params![project.as_str(), Json(owner)], build)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// [`crate::state::State::newest_builds`].
pub(super) fn newest(
    connection: &Connection,
    project: &ProjectName,
    keys: &[TableKey],
) -> Result<BTreeMap<TableKey, Build>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM (
             SELECT *, row_number() OVER (PARTITION BY model, data_fingerprint ORDER BY started_at DESC, id DESC) AS place
             FROM builds WHERE project = ?1 AND model IN (SELECT value FROM json_each(?2))
                 AND data_fingerprint IN (SELECT value FROM json_each(?3))
         ) AS newest WHERE place = 1",
    )?;
    let models = Json(keys.iter().map(|key| &key.model).collect::<Vec<_>>());
    let fingerprints = Json(keys.iter().map(|key| key.data_fingerprint).collect::<Vec<_>>());
    let rows = statement.query_map(params![project.as_str(), models, fingerprints], build)?;
    let mut found: BTreeMap<TableKey, Build> = BTreeMap::new();
    for row in rows {
        let build = row?;
        found.insert(build.key.clone(), build);
    }
    // Two models may have one fingerprint.
    Ok(keys.iter().filter_map(|key| found.remove_entry(key)).collect())
}

/// Records one build; `ON CONFLICT` finds none where it belongs to no plan, because NULLs differ from each other.
pub(super) fn record(connection: &Connection, project: &ProjectName, build: &Build) -> Result<(), Failure> {
    let count = |number: Option<u64>| number.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    connection
        .prepare_cached(
            "INSERT INTO builds (project, model, data_fingerprint, row_count, byte_count, seconds, started_at, intervals,
                 inputs, run, owner, plan_id, seen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (project, plan_id, model, data_fingerprint) DO UPDATE SET
                 row_count = excluded.row_count, byte_count = excluded.byte_count, seconds = excluded.seconds,
                 started_at = excluded.started_at, intervals = excluded.intervals, inputs = excluded.inputs,
                 run = excluded.run, owner = excluded.owner, seen = excluded.seen",
        )?
        .execute(params![
            project.as_str(),
            Word(&build.key.model),
            Word(build.key.data_fingerprint),
            count(build.rows),
            count(build.bytes),
            build.duration.as_secs_f64(),
            build.started_at.0,
            Json(&build.intervals),
            Json(&build.inputs),
            build.run,
            build.made_for.as_ref().map(Json),
            build.plan_id.as_ref().map(Word),
            build.seen.as_ref().map(Json),
        ])?;
    Ok(())
}

fn build(row: &Row<'_>) -> rusqlite::Result<Build> {
    let count = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(i64::unsigned_abs));
    Ok(Build {
        key: key(row)?,
        rows: count("row_count")?,
        bytes: count("byte_count")?,
        duration: Duration::try_from_secs_f64(row.get("seconds")?).unwrap_or_default(),
        started_at: Timestamp(row.get("started_at")?),
        intervals: json(row, "intervals")?,
        inputs: json(row, "inputs")?,
        seen: row.get::<_, Option<Json<Vec<Seen>>>>("seen")?.map(|seen| seen.0),
        run: row.get("run")?,
        made_for: row.get::<_, Option<Json<Owner>>>("owner")?.map(|owner| owner.0),
        plan_id: optional_word(row, "plan_id")?,
    })
}
