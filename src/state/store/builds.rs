//! What builds cost and what they read.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Statements;
use super::tables::{key, list_of};
use super::value::{Failure, Row, Value, count, json, optional_json, optional_word, text, word};
use crate::ids::{ModelName, ProjectName};
use crate::naming::TableKey;
use crate::state::{Build, Owner, Restatement};

/// [`crate::state::State::builds`].
pub(super) fn of_models(
    statements: &dyn Statements,
    project: &ProjectName,
    models: &[ModelName],
    each: usize,
) -> Result<BTreeMap<ModelName, Vec<Build>>, Failure> {
    let rows = statements.query(
        "SELECT * FROM (
             SELECT *, row_number() OVER (PARTITION BY model ORDER BY started_at DESC, id DESC) AS place
             FROM @builds WHERE project = ?1 AND model IN (SELECT value FROM @list(?2))
         ) AS newest WHERE place <= ?3 ORDER BY model, place",
        &[project.into(), json(&models)?, count(each)],
    )?;
    let mut found: BTreeMap<ModelName, Vec<Build>> = BTreeMap::new();
    for row in &rows {
        let build = build(row)?;
        found.entry(build.key.model.clone()).or_default().push(build);
    }
    Ok(found)
}

/// [`crate::state::State::builds_for`].
pub(super) fn made_for(
    statements: &dyn Statements,
    project: &ProjectName,
    owner: &Owner,
) -> Result<Vec<Build>, Failure> {
    let sql = "SELECT * FROM @builds WHERE project = ?1 AND owner = ?2 ORDER BY started_at, id";
    statements.query(sql, &[project.into(), json(owner)?])?.iter().map(build).collect()
}

/// [`crate::state::State::newest_builds`]. A key is one text: the fingerprint, which is as long as any other, and the model after
/// it. One join, for which PostgreSQL is fastest; an outer one, as SQLite would otherwise walk through all builds first.
pub(super) fn newest(
    statements: &dyn Statements,
    project: &ProjectName,
    keys: &[TableKey],
) -> Result<BTreeMap<TableKey, Build>, Failure> {
    let rows = statements.query(
        "SELECT * FROM @builds WHERE id IN (
             SELECT id FROM (
                 SELECT found.id, row_number() OVER (
                     PARTITION BY asked.value ORDER BY found.started_at DESC, found.id DESC
                 ) AS place
                 FROM @list(?2) AS asked LEFT JOIN @builds AS found
                     ON found.project = ?1 AND found.model = substr(asked.value, 65)
                         AND found.data_fingerprint = substr(asked.value, 1, 64)
             ) AS ranked
             WHERE place = 1
         )",
        &[project.into(), list_of(keys.iter().map(|key| format!("{}{}", key.data_fingerprint, key.model)))?],
    )?;
    let mut found: BTreeMap<TableKey, Build> = BTreeMap::new();
    for row in &rows {
        let build = build(row)?;
        found.insert(build.key.clone(), build);
    }
    Ok(found)
}

/// [`crate::state::State::restatements`].
pub(super) fn restatements(statements: &dyn Statements, project: &ProjectName) -> Result<Vec<Build>, Failure> {
    let sql = "SELECT * FROM (
             SELECT *, row_number() OVER (PARTITION BY model, data_fingerprint ORDER BY started_at DESC, id DESC) AS place
             FROM @builds WHERE project = ?1 AND restatement = 1
         ) AS newest WHERE place = 1 ORDER BY model, data_fingerprint";
    statements.query(sql, &[project.into()])?.iter().map(build).collect()
}

/// Records builds; `ON CONFLICT` finds none where one belongs to no plan, because NULLs differ from each other.
pub(super) fn record<'a>(
    statements: &dyn Statements,
    project: &ProjectName,
    builds: impl Iterator<Item = &'a Build>,
) -> Result<(), Failure> {
    let rows: Vec<_> = once_each(builds).into_iter().map(|build| values(project, build)).collect::<Result<_, _>>()?;
    statements.insert(
        "INSERT INTO @builds (project, model, data_fingerprint, row_count, byte_count, seconds, started_at, intervals,
             inputs, run, owner, plan_id, seen, restatement)",
        rows,
        "ON CONFLICT (project, plan_id, model, data_fingerprint) DO UPDATE SET
             row_count = excluded.row_count, byte_count = excluded.byte_count, seconds = excluded.seconds,
             started_at = excluded.started_at, intervals = excluded.intervals, inputs = excluded.inputs,
             run = excluded.run, owner = excluded.owner, seen = excluded.seen,
             restatement = excluded.restatement",
    )?;
    Ok(())
}

/// Of builds that are told twice under one plan, what was said last: a statement changes a row once.
fn once_each<'a>(builds: impl Iterator<Item = &'a Build>) -> Vec<&'a Build> {
    let mut places = BTreeMap::new();
    let mut told: Vec<&Build> = Vec::new();
    for build in builds {
        match build.plan_id.as_ref().map(|plan_id| *places.entry((plan_id, &build.key)).or_insert(told.len())) {
            Some(place) if place < told.len() => told[place] = build,
            _ => told.push(build),
        }
    }
    told
}

fn values(project: &ProjectName, build: &Build) -> Result<[Value; 14], Failure> {
    let number = |number: Option<u64>| number.map_or(Value::Integer(None), count);
    Ok([
        project.into(),
        word(&build.key.model)?,
        word(&build.key.data_fingerprint)?,
        number(build.rows),
        number(build.bytes),
        Value::Real(Some(build.duration.as_secs_f64())),
        build.started_at.into(),
        json(&build.intervals)?,
        json(&build.inputs)?,
        text(&build.run),
        optional_json(build.made_for.as_ref())?,
        optional_word(build.plan_id.as_ref())?,
        optional_json(build.seen.as_ref())?,
        Value::Integer(build.restatement.is_yes().then_some(1)),
    ])
}

/// A row of `builds`.
pub(super) fn build(row: &Row) -> Result<Build, Failure> {
    let count = |column| Ok::<_, Failure>(row.optional_integer(column)?.map(i64::unsigned_abs));
    Ok(Build {
        key: key(row)?,
        rows: count("row_count")?,
        bytes: count("byte_count")?,
        duration: Duration::try_from_secs_f64(row.real("seconds")?).unwrap_or_default(),
        started_at: row.moment("started_at")?,
        intervals: row.json("intervals")?,
        inputs: row.json("inputs")?,
        seen: row.optional_json("seen")?,
        restatement: if row.optional_integer("restatement")?.is_some() { Restatement::Yes } else { Restatement::No },
        run: row.text("run")?.to_owned(),
        made_for: row.optional_json("owner")?,
        plan_id: row.optional_word("plan_id")?,
    })
}
