//! Who writes. Moments are the store's own: those of two machines may differ.

use std::sync::Arc;
use std::time::Duration;

use super::Statements;
use super::value::{Failure, Value, count, text};
use crate::state::lease::{Begun, FencingToken, SessionId, SessionRow};
use crate::state::{StateError, WriteLease};

/// A writer's session that is to begin.
pub(in crate::state) struct NewSession<'a> {
    /// What it does, such as `bot apply`.
    pub(in crate::state) doing: &'a str,
    /// What a person can recognise it by.
    pub(in crate::state) known_as: Option<&'a str>,
    /// For how long it lives that tells nothing.
    pub(in crate::state) lasts: Duration,
}

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::state) enum Life {
    /// It does.
    Goes,
    /// It was not renewed in time, or somebody took its place.
    Over,
}

/// A session that is neither over by its time nor needs one.
pub(super) const ALIVE: &str = "(expires_at IS NULL OR expires_at > @now)";

/// Begins a session; those that are over go.
pub(in crate::state) fn begin(statements: &dyn Statements, session: &NewSession<'_>) -> Result<Begun, Failure> {
    bury(statements)?;
    let token = next_token(statements)?;
    let row = statements.first(
        "INSERT INTO @sessions (id, token, pid, doing, known_as, began_at, expires_at)
         VALUES (@random, ?1, ?2, ?3, ?4, @now, @now + ?5) RETURNING id",
        &[
            count(token.0),
            count(std::process::id()),
            text(session.doing),
            Value::Text(session.known_as.map(str::to_owned)),
            count(session.lasts.as_millis()),
        ],
    )?;
    let id = row.ok_or_else(|| Failure::Unreadable("a session has no id".into()))?.text("id")?.to_owned();
    Ok(Begun { id: SessionId(id), token, row: SessionRow::There })
}

/// A session whose row is made with its first write, where a lock says that nobody else writes. Nothing is written now.
pub(in crate::state) fn begin_unwritten(statements: &dyn Statements, doing: &str) -> Result<Begun, Failure> {
    let row = statements.first("SELECT last_token + 1 AS token, @random AS id FROM @fencing", &[])?;
    let row = row.ok_or_else(|| Failure::Unreadable("the counter of tokens is gone".into()))?;
    let row_is = SessionRow::WithFirstWrite { doing: doing.to_owned(), written: Arc::default() };
    let token = FencingToken(row.integer("token")?.unsigned_abs());
    Ok(Begun { id: SessionId(row.text("id")?.to_owned()), token, row: row_is })
}

/// Makes the row of such a session, unless another has begun meanwhile. Whoever still stands there is dead.
fn enter(statements: &dyn Statements, session: &Begun, doing: &str) -> Result<Life, Failure> {
    let sql = "UPDATE @fencing SET last_token = ?1 WHERE last_token = ?1 - 1";
    if statements.execute(sql, &[count(session.token.0)])? == 0 {
        return Ok(Life::Over);
    }
    statements.execute("DELETE FROM @sessions", &[])?;
    statements.execute(
        "INSERT INTO @sessions (id, token, pid, doing, began_at) VALUES (?1, ?2, ?3, ?4, @now)",
        &[text(&session.id.0), count(session.token.0), count(std::process::id()), text(doing)],
    )?;
    Ok(Life::Goes)
}

/// Lets a session live on from now; one that is over stays so.
pub(in crate::state) fn renew(
    statements: &dyn Statements,
    session: &SessionId,
    lasts: Duration,
) -> Result<Life, Failure> {
    let sql = "UPDATE @sessions SET expires_at = @now + ?2 WHERE id = ?1 AND expires_at > @now";
    match statements.execute(sql, &[text(&session.0), count(lasts.as_millis())])? {
        0 => Ok(Life::Over),
        _ => Ok(Life::Goes),
    }
}

/// Ends a session; all that it holds is free.
pub(in crate::state) fn end(statements: &dyn Statements, session: &SessionId) -> Result<(), Failure> {
    statements.execute("DELETE FROM @sessions WHERE id = ?1", &[text(&session.0)])?;
    Ok(())
}

/// Refuses to write for a session that is over, and into tables that a newer program has changed meanwhile.
pub(super) fn check(statements: &dyn Statements, lease: &WriteLease, location: &str) -> Result<(), Failure> {
    let sql = format!(
        "SELECT schema_version, (SELECT count(*) FROM @sessions WHERE id = ?1 AND {ALIVE}) AS alive FROM @state_identity"
    );
    let row = statements.first(&sql, &[text(&lease.session().id.0)])?;
    let row = row.ok_or_else(|| Failure::Unreadable("the state does not say who it is".into()))?;
    let (found, known, location) = (super::version(&row)?, super::NEWEST, location.to_owned());
    if found > known {
        return Err(StateError::NewerSchema { location, found, known }.into());
    }
    let life = match (row.integer("alive")?, lease.session().row.to_be_made()) {
        (0, Some(doing)) => enter(statements, lease.session(), doing)?,
        (0, None) => Life::Over,
        _ => Life::Goes,
    };
    match life {
        Life::Goes => Ok(()),
        Life::Over => Err(StateError::LeaseLost { location }.into()),
    }
}

/// Takes away the sessions that are over, and with them what they held.
pub(super) fn bury(statements: &dyn Statements) -> Result<(), Failure> {
    statements.execute(&format!("DELETE FROM @sessions WHERE NOT {ALIVE}"), &[])?;
    Ok(())
}

pub(super) fn next_token(statements: &dyn Statements) -> Result<FencingToken, Failure> {
    let sql = "UPDATE @fencing SET last_token = last_token + 1 WHERE only_row = 1 RETURNING last_token";
    let row = statements.first(sql, &[])?;
    let row = row.ok_or_else(|| Failure::Unreadable("the counter of tokens is gone".into()))?;
    Ok(FencingToken(row.integer("last_token")?.unsigned_abs()))
}
