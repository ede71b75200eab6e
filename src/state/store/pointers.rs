//! Who shows which tables, or is about to: a row for each table of an environment, beside the map that says it of every model.

use std::collections::{BTreeMap, BTreeSet};

use super::Statements;
use super::sessions::ALIVE;
use super::tables::list_of;
use super::value::{Failure, Value, count, text};
use crate::ids::{EnvironmentName, ModelName, ProjectName, TableName};
use crate::state::lease::SessionId;
use crate::state::{Others, Pointer};

/// [`crate::state::State::shown_by`]. Each table is looked up by itself, however many environments there are; the
/// `OFFSET` keeps planners from reading all pointers instead. What was announced is little, or nothing.
pub(super) fn shown_by(
    statements: &dyn Statements,
    project: &ProjectName,
    others: Others<'_>,
    tables: &[TableName],
) -> Result<BTreeSet<TableName>, Failure> {
    let (pointers, which, environment) = match others {
        Others::AllBut(environment) => ("pointers", "<>", environment.as_str()),
        Others::Only(environment) => ("pointers", "=", environment.as_str()),
        // No environment has no name.
        Others::EverPromoted => ("past_pointers", "<>", ""),
        Others::EverOnly(environment) => ("past_pointers", "=", environment.as_str()),
    };
    let mut sql = format!(
        "SELECT value FROM @list(?2) AS asked WHERE EXISTS (
             SELECT 1 FROM @{pointers} AS pointers
             WHERE table_name = asked.value AND project = ?1 AND environment {which} ?3 LIMIT 1 OFFSET 0
         )"
    );
    if let Others::AllBut(_) | Others::Only(_) = others {
        sql.push_str(&format!(
            " UNION ALL SELECT announced.table_name
              FROM @announced AS announced JOIN @sessions AS sessions ON sessions.id = announced.session
              WHERE announced.project = ?1 AND announced.environment {which} ?3 AND {ALIVE}
                  AND announced.table_name IN (SELECT value FROM @list(?2))"
        ));
    }
    let names = list_of(tables.iter().map(|table| &table.name))?;
    let rows = statements.query(&sql, &[project.into(), names, text(environment)])?;
    let shown: BTreeSet<&str> = rows.iter().map(|row| row.text("value")).collect::<Result<_, _>>()?;
    Ok(tables.iter().filter(|table| shown.contains(table.name.as_str())).cloned().collect())
}

/// [`crate::state::State::announce`].
pub(super) fn announce(
    statements: &dyn Statements,
    project: &ProjectName,
    session: &SessionId,
    (environment, tables): (&EnvironmentName, &[TableName]),
) -> Result<(), Failure> {
    let names = list_of(tables.iter().map(|table| &table.name))?;
    statements.execute(
        "INSERT INTO @announced (session, project, environment, table_name)
         SELECT DISTINCT ?1, ?2, ?3, value FROM @list(?4) AS asked WHERE NOT EXISTS (
             SELECT 1 FROM @pointers AS pointers
             WHERE table_name = asked.value AND project = ?2 AND environment = ?3 LIMIT 1 OFFSET 0
         )
         ON CONFLICT (table_name, project, environment, session) DO NOTHING",
        &[text(&session.0), project.into(), text(environment.as_str()), names],
    )?;
    Ok(())
}

/// Writes what an environment shows, whose row is there; as many statements whatever that is.
pub(super) fn write(
    statements: &dyn Statements,
    project: &ProjectName,
    environment: &EnvironmentName,
    models: &BTreeMap<ModelName, Pointer>,
) -> Result<(), Failure> {
    let values = [project.into(), text(environment.as_str()), names(models)?];
    statements.execute(
        "DELETE FROM @pointers WHERE project = ?1 AND environment = ?2
             AND table_name NOT IN (SELECT value FROM @list(?3))",
        &values,
    )?;
    statements.execute(
        "INSERT INTO @pointers (project, environment, table_name)
         SELECT DISTINCT ?1, ?2, value FROM @list(?3) WHERE true
         ON CONFLICT (table_name, project, environment) DO NOTHING",
        &values,
    )?;
    Ok(())
}

/// Writes what an environment showed with an entry of its history, which is there. What a branch was before keeps no table.
pub(super) fn keep(
    statements: &dyn Statements,
    project: &ProjectName,
    (environment, sequence): (&EnvironmentName, u64),
    models: &BTreeMap<ModelName, Pointer>,
) -> Result<(), Failure> {
    statements.execute(
        "INSERT INTO @past_pointers (project, environment, sequence, table_name)
         SELECT DISTINCT owner.project, owner.name, CAST(?4 AS BIGINT), asked.value
         FROM @environments AS owner, @list(?3) AS asked
         WHERE owner.project = ?1 AND owner.name = ?2 AND owner.promoted IS NOT NULL",
        &[project.into(), text(environment.as_str()), names(models)?, count(sequence)],
    )?;
    Ok(())
}

/// The last parts of the names of the tables that models stand on.
fn names(models: &BTreeMap<ModelName, Pointer>) -> Result<Value, Failure> {
    list_of(models.values().filter_map(|pointer| pointer.table.as_ref()).map(|table| &table.name))
}
