//! What was allowed to go away, by whom and for which commit.

use std::collections::BTreeMap;

use super::Statements;
use super::value::{Failure, Row, count, text, word};
use crate::ids::{CommitId, Login, ModelName, ProjectName};
use crate::state::Allowance;

/// [`crate::state::State::allow`].
pub(super) fn allow(statements: &dyn Statements, project: &ProjectName, allowance: &Allowance) -> Result<(), Failure> {
    let Allowance { pull_request, model, head, by, at } = allowance;
    statements.execute(
        "INSERT INTO @allowances (project, pull_request, model, head, login, allowed_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (project, pull_request, model) DO UPDATE SET
             head = excluded.head, login = excluded.login, allowed_at = excluded.allowed_at",
        &[project.into(), count(*pull_request), word(model)?, text(head.as_str()), text(by.as_str()), (*at).into()],
    )?;
    Ok(())
}

/// Everything that was allowed.
pub(super) fn all(statements: &dyn Statements, project: &ProjectName) -> Result<Vec<Allowance>, Failure> {
    let sql = "SELECT * FROM @allowances WHERE project = ?1 ORDER BY pull_request, model";
    let allowance = |row: &Row| {
        Ok(Allowance {
            pull_request: row.integer("pull_request")?.unsigned_abs(),
            model: row.word("model")?,
            head: row.word("head")?,
            by: row.word("login")?,
            at: row.moment("allowed_at")?,
        })
    };
    statements.query(sql, &[project.into()])?.iter().map(allowance).collect()
}

/// [`crate::state::State::allowed`].
pub(super) fn allowed(
    statements: &dyn Statements,
    project: &ProjectName,
    pull_request: u64,
    head: &CommitId,
) -> Result<BTreeMap<ModelName, Login>, Failure> {
    let rows = statements.query(
        "SELECT model, login FROM @allowances WHERE project = ?1 AND pull_request = ?2 AND head = ?3",
        &[project.into(), count(pull_request), text(head.as_str())],
    )?;
    rows.iter().map(|row| Ok((row.word("model")?, Login::new(row.text("login")?)))).collect()
}
