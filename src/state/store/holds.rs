//! Environments that promote may not bring back to what was rolled back.

use std::collections::BTreeMap;

use super::Statements;
use super::value::{Failure, json, text};
use crate::ids::{EnvironmentName, ProjectName};
use crate::rollback::{Hold, HoldChange};

/// [`crate::state::State::holds`].
pub(super) fn holds(
    statements: &dyn Statements,
    project: &ProjectName,
) -> Result<BTreeMap<EnvironmentName, Hold>, Failure> {
    let rows = statements.query("SELECT environment, hold FROM @holds WHERE project = ?1", &[project.into()])?;
    rows.iter().map(|row| Ok((row.word("environment")?, row.json("hold")?))).collect()
}

/// [`crate::state::State::release_hold`].
pub(super) fn release(
    statements: &dyn Statements,
    project: &ProjectName,
    environment: &EnvironmentName,
) -> Result<Option<Hold>, Failure> {
    let sql = "DELETE FROM @holds WHERE project = ?1 AND environment = ?2 RETURNING hold";
    let released = statements.first(sql, &[project.into(), text(environment.as_str())])?;
    released.map(|row| row.json("hold")).transpose()
}

/// Lets a hold begin or end, in the transaction of what it comes from.
pub(super) fn change(
    statements: &dyn Statements,
    project: &ProjectName,
    environment: &EnvironmentName,
    change: &HoldChange,
) -> Result<(), Failure> {
    match change {
        HoldChange::Stays => Ok(()),
        HoldChange::Ends => release(statements, project, environment).map(drop),
        HoldChange::Begins(hold) => {
            let sql = "INSERT INTO @holds (project, environment, hold) VALUES (?1, ?2, ?3) \
                       ON CONFLICT (project, environment) DO UPDATE SET hold = excluded.hold";
            statements.execute(sql, &[project.into(), text(environment.as_str()), json(hold)?]).map(drop)
        }
    }
}
