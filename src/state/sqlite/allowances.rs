//! What was allowed to go away, by whom and for which commit.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::convert::{Failure, Word, word};
use crate::ids::{CommitId, Login, ModelName, ProjectName};
use crate::state::Allowance;

/// [`crate::state::State::allow`].
pub(super) fn allow(connection: &Connection, project: &ProjectName, allowance: &Allowance) -> Result<(), Failure> {
    let Allowance { pull_request, model, head, by, at } = allowance;
    let number = i64::try_from(*pull_request).unwrap_or(i64::MAX);
    connection.execute(
        "INSERT OR REPLACE INTO allowances (project, pull_request, model, head, login, allowed_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![project.as_str(), number, Word(model), head.as_str(), by.as_str(), at.0],
    )?;
    Ok(())
}

/// [`crate::state::State::allowed`].
pub(super) fn allowed(
    connection: &Connection,
    project: &ProjectName,
    pull_request: u64,
    head: &CommitId,
) -> Result<BTreeMap<ModelName, Login>, Failure> {
    let mut statement = connection
        .prepare_cached("SELECT model, login FROM allowances WHERE project = ?1 AND pull_request = ?2 AND head = ?3")?;
    let number = i64::try_from(pull_request).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![project.as_str(), number, head.as_str()], |row| {
        Ok((word(row, "model")?, Login::new(row.get::<_, String>("login")?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
