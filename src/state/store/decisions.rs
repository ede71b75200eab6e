//! What was decided of single definitions of models.

use super::Statements;
use super::value::{Failure, Row, Value, text, word};
use crate::decision::{Decision, KeptRows};
use crate::ids::ProjectName;

/// [`crate::state::State::decisions`].
pub(super) fn all(statements: &dyn Statements, project: &ProjectName) -> Result<Vec<Decision>, Failure> {
    let sql = "SELECT * FROM @decisions WHERE project = ?1 ORDER BY model, data_fingerprint";
    let decision = |row: &Row| {
        Ok(Decision {
            model: row.word("model")?,
            data_fingerprint: row.word("data_fingerprint")?,
            environment: row.word("environment")?,
            by: row.optional_text("decided_by")?.map(str::to_owned),
            at: row.moment("decided_at")?,
            rows: KeptRows { effective_from: row.optional_moment("effective_from")? },
        })
    };
    statements.query(sql, &[project.into()])?.iter().map(decision).collect()
}

/// [`crate::state::State::decide`]. The first word counts: that it was decided does not change.
pub(super) fn decide(
    statements: &dyn Statements,
    project: &ProjectName,
    decisions: &[Decision],
) -> Result<(), Failure> {
    let row = |decision: &Decision| {
        Ok::<_, Failure>([
            project.into(),
            word(&decision.model)?,
            word(&decision.data_fingerprint)?,
            text(decision.environment.as_str()),
            Value::Text(decision.by.clone()),
            decision.at.into(),
            decision.rows.effective_from.into(),
        ])
    };
    let rows = decisions.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let into = "INSERT INTO @decisions
                    (project, model, data_fingerprint, environment, decided_by, decided_at, effective_from)";
    statements.insert(into, rows, "ON CONFLICT (project, model, data_fingerprint) DO NOTHING").map(drop)
}
