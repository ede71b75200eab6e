//! Environments that promote may not bring back to what was rolled back.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::convert::{Failure, Json, json, word};
use crate::ids::{EnvironmentName, ProjectName};
use crate::rollback::{Hold, HoldChange};

/// [`crate::state::State::holds`].
pub(super) fn holds(
    connection: &Connection,
    project: &ProjectName,
) -> Result<BTreeMap<EnvironmentName, Hold>, Failure> {
    let mut statement = connection.prepare_cached("SELECT environment, hold FROM holds WHERE project = ?1")?;
    let rows = statement.query_map([project.as_str()], |row| Ok((word(row, "environment")?, json(row, "hold")?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// [`crate::state::State::release_hold`].
pub(super) fn release(
    connection: &Connection,
    project: &ProjectName,
    environment: &EnvironmentName,
) -> Result<Option<Hold>, Failure> {
    let released = connection
        .prepare_cached("DELETE FROM holds WHERE project = ?1 AND environment = ?2 RETURNING hold")?
        .query_row([project.as_str(), environment.as_str()], |row| json(row, "hold"))
        .optional()?;
    Ok(released)
}

/// Lets a hold begin or end, in the transaction of what it comes from.
pub(super) fn change(
    connection: &Connection,
    project: &ProjectName,
    environment: &EnvironmentName,
    change: &HoldChange,
) -> Result<(), Failure> {
    match change {
        HoldChange::Stays => Ok(()),
        HoldChange::Ends => release(connection, project, environment).map(drop),
        HoldChange::Begins(hold) => {
            connection
                .prepare_cached("INSERT OR REPLACE INTO holds (project, environment, hold) VALUES (?1, ?2, ?3)")?
                .execute(params![project.as_str(), environment.as_str(), Json(hold)])?;
            Ok(())
        }
    }
}
