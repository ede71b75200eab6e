//! Who may still write what: a run that was taken for dead finds here that another has taken its place.

use super::{meta, meta_name, owner};
use crate::engine::{EngineError, Result, Session};
use crate::statement::text_literal;

const FENCES: &str = "fences";

/// The right to write something, as a number that grows from one holder to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// What is written, the same for everybody who writes it.
    pub subject: String,
    /// Larger than that of everybody who had it before.
    pub token: u64,
}

/// The largest token that anybody wrote here; 0 where nobody did.
///
/// # Errors
/// What the engine says.
pub fn largest_token(session: &mut dyn Session) -> Result<u64> {
    if session.columns(&meta(FENCES))?.is_none() {
        return Ok(0);
    }
    let sql = format!("SELECT coalesce(max(token), 0) FROM {}", meta_name(session, FENCES));
    let found = session.query(&sql)?;
    Ok(found.rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok()).unwrap_or_default())
}

/// Waits until no other transaction writes the subject, and then keeps all with a smaller token from it for good. Must run
/// inside a transaction, before anything that it guards. Nothing where nobody else can write it (`None`), or where nothing
/// was ever written to the warehouse.
///
/// # Errors
/// [`EngineError::Fenced`] where somebody with a larger token was here.
pub fn fence(session: &mut dyn Session, ours: Option<&Fence>) -> Result<()> {
    let Some(fence) = ours else { return Ok(()) };
    if owner(session)?.is_none() {
        return Ok(());
    }
    session.exclude(&fence.subject)?;
    if session.columns(&meta(FENCES))?.is_none() {
        session.exclude(super::META_SCHEMA)?;
        let table = meta_name(session, FENCES);
        session.execute(&format!(
            "CREATE TABLE IF NOT EXISTS {table} (subject TEXT PRIMARY KEY, token BIGINT NOT NULL)"
        ))?;
    }
    let (table, subject) = (meta_name(session, FENCES), text_literal(session.dialect(), &fence.subject));
    let found = session.query(&format!("SELECT token FROM {table} WHERE subject = {subject}"))?;
    let found = found.rows.first().and_then(|row| row.first()?.as_deref()?.parse::<u64>().ok());
    match found {
        Some(found) if found > fence.token => Err(EngineError::Fenced { subject: fence.subject.clone() }),
        Some(found) if found == fence.token => Ok(()),
        _ => {
            session.execute(&format!(
                "INSERT INTO {table} (subject, token) VALUES ({subject}, {}) \
                 ON CONFLICT (subject) DO UPDATE SET token = excluded.token",
                fence.token
            ))?;
            Ok(())
        }
    }
}
