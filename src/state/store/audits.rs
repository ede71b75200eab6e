//! What audits found, bounded by what is of use: the newest few results of each audit of a model.

use std::collections::{BTreeMap, BTreeSet};

use super::Statements;
use super::tables::list_of;
use super::value::{Failure, Row, Value, count, json, text, word};
use crate::ids::ProjectName;
use crate::state::AuditResult;

/// So many results of one audit of one model are kept.
const KEPT: usize = 20;

/// [`crate::state::State::record_audits`]. Of two results of one audit for one table in one run the later one counts.
pub(super) fn record(
    statements: &dyn Statements,
    project: &ProjectName,
    results: &[AuditResult],
) -> Result<(), Failure> {
    let mut last = BTreeMap::new();
    for result in results {
        let row = values(project, result)?;
        last.insert((&result.model, &result.audit, &result.plan_id, &result.table), row);
    }
    statements.insert(
        "INSERT INTO @audit_results (project, model, audit, plan_id, physical_table, weight, row_count,
             production_rows, at, run)",
        last.into_values(),
        "ON CONFLICT (project, model, audit, plan_id, physical_table) DO UPDATE SET
             weight = excluded.weight, row_count = excluded.row_count,
             production_rows = excluded.production_rows, at = excluded.at, run = excluded.run",
    )?;
    let models: BTreeSet<_> = results.iter().map(|result| &result.model).collect();
    statements.execute(
        "DELETE FROM @audit_results WHERE project = ?1 AND (model, audit, plan_id, physical_table) IN (
             SELECT model, audit, plan_id, physical_table FROM (
                 SELECT model, audit, plan_id, physical_table, row_number() OVER (
                     PARTITION BY model, audit ORDER BY at DESC, plan_id DESC, physical_table DESC
                 ) AS place
                 FROM @audit_results WHERE project = ?1 AND model IN (SELECT value FROM @list(?2))
             ) AS ranked WHERE place > ?3
         )",
        &[project.into(), list_of(models.into_iter())?, count(KEPT)],
    )?;
    Ok(())
}

/// [`crate::state::State::audit_results`].
pub(super) fn all(statements: &dyn Statements, project: &ProjectName) -> Result<Vec<AuditResult>, Failure> {
    let sql = "SELECT * FROM @audit_results WHERE project = ?1 ORDER BY model, audit, plan_id, physical_table";
    statements.query(sql, &[project.into()])?.iter().map(result).collect()
}

fn values(project: &ProjectName, result: &AuditResult) -> Result<[Value; 10], Failure> {
    Ok([
        project.into(),
        word(&result.model)?,
        text(&result.audit),
        word(&result.plan_id)?,
        result.table.as_ref().map_or(Ok(text("")), json)?,
        word(&result.weight)?,
        count(result.rows),
        result.production.map_or(Value::Integer(None), count),
        result.at.into(),
        text(&result.run),
    ])
}

fn result(row: &Row) -> Result<AuditResult, Failure> {
    let table = match row.text("physical_table")? {
        "" => None,
        _ => Some(row.json("physical_table")?),
    };
    Ok(AuditResult {
        model: row.word("model")?,
        audit: row.text("audit")?.to_owned(),
        plan_id: row.word("plan_id")?,
        table,
        weight: row.word("weight")?,
        rows: row.integer("row_count")?.unsigned_abs(),
        production: row.optional_integer("production_rows")?.map(i64::unsigned_abs),
        at: row.moment("at")?,
        run: row.text("run")?.to_owned(),
    })
}
