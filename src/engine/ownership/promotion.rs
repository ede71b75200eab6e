//! The promotes that the warehouse remembers: after a crash they say whether a swap happened, after a lost state what
//! an environment shows.

use super::{meta, meta_name};
use crate::engine::{EngineError, Result, Session};
use crate::ids::{CommitId, EnvironmentName, PlanId, ProjectName};
use crate::statement::text_literal;
use crate::time::Timestamp;

/// One promote, as the warehouse remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// The project.
    pub project: ProjectName,
    /// The environment, `prod` in most cases.
    pub environment: EnvironmentName,
    /// The plan that was promoted.
    pub plan: PlanId,
    /// The commit that it shows.
    pub commit: CommitId,
    /// Counts the promotes of an environment.
    pub sequence: u64,
    /// Pointers and ledger as JSON, enough to read the environment back from here.
    pub payload: String,
    /// When.
    pub at: Timestamp,
}

/// Remembers a promote; called in the transaction that swaps its views.
///
/// # Errors
/// What the engine says.
pub fn record_promotion(session: &mut dyn Session, promotion: &Promotion) -> Result<()> {
    let columns = ["project", "environment", "plan_id", "commit_id", "sequence", "payload", "promoted_at"];
    let row = [
        promotion.project.to_string(),
        promotion.environment.to_string(),
        promotion.plan.to_string(),
        promotion.commit.to_string(),
        promotion.sequence.to_string(),
        promotion.payload.clone(),
        promotion.at.0.to_string(),
    ];
    session.append(&meta("promotions"), &columns, &[row.map(Some).to_vec()])
}

/// The environments of a project of which a promote was recorded, by name.
///
/// # Errors
/// What the engine says.
pub fn promoted_environments(session: &mut dyn Session, project: &ProjectName) -> Result<Vec<EnvironmentName>> {
    if session.columns(&meta("promotions"))?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT DISTINCT environment FROM {} WHERE project = {} ORDER BY environment",
        meta_name(session, "promotions"),
        text_literal(session.dialect(), project.as_str()),
    );
    let rows = session.query(&sql)?.rows;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next()?).map(EnvironmentName::new).collect())
}

/// The promote of an environment that was recorded last.
///
/// # Errors
/// What the engine says, or a row that no version of this program wrote.
pub fn last_promotion(
    session: &mut dyn Session,
    project: &ProjectName,
    environment: &EnvironmentName,
) -> Result<Option<Promotion>> {
    if session.columns(&meta("promotions"))?.is_none() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT plan_id, commit_id, sequence, payload, promoted_at FROM {} WHERE project = {} AND environment = {} \
         ORDER BY sequence DESC LIMIT 1",
        meta_name(session, "promotions"),
        text_literal(session.dialect(), project.as_str()),
        text_literal(session.dialect(), environment.as_str())
    );
    let Some(row) = session.query(&sql)?.rows.into_iter().next() else { return Ok(None) };
    let text = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
    let unreadable = |found: String| EngineError::Meta { table: "promotions", expected: "a number", found };
    Ok(Some(Promotion {
        project: project.clone(),
        environment: environment.clone(),
        plan: PlanId::new(text(0)),
        commit: CommitId::new(text(1)),
        sequence: text(2).parse().map_err(|_| unreadable(text(2)))?,
        payload: text(3),
        at: Timestamp(text(4).parse().map_err(|_| unreadable(text(4)))?),
    }))
}
