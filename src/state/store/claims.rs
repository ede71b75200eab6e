//! What writers hold, and who stands in line for it. Moments are the store's own.

use super::Statements;
use super::sessions::{ALIVE, bury, next_token};
use super::value::{Failure, Row, Value, count, json, text, word};
use crate::ids::{EnvironmentName, ProjectName};
use crate::state::StateError;
use crate::state::lease::{Asking, FencingToken, Holder, SessionId, Subject};
use crate::time::{Interval, Timestamp};

/// For how long somebody keeps the place in line who does not ask again. Asking takes a round trip and comes every tenth of a
/// second; who was killed holds the line up for no longer than this.
const KEEPS_PLACE_MS: i64 = 3_000;

/// [`crate::state::State::claim`], in a transaction that is alone. A refusal is an outcome, so that the place in line stays.
pub(super) fn claim(
    statements: &dyn Statements,
    project: &ProjectName,
    session: &SessionId,
    (subject, asking): (&Subject, Asking),
) -> Result<Result<FencingToken, StateError>, Failure> {
    bury(statements)?;
    let wanted = place(project, subject)?;
    let before_us = match asking {
        Asking::Once => statements.first(&holder(), &wanted)?,
        Asking::First | Asking::Again => statements.first(&holder_or_earlier(), &ours(&wanted, session))?,
    };
    if let Some(row) = before_us {
        if asking != Asking::Once {
            stand_in_line(statements, session, &wanted)?;
        }
        let (subject, holder, since) = held(&row)?;
        return Ok(Err(StateError::Held { subject: Box::new(subject), holder: Box::new(holder), since }));
    }
    if asking == Asking::Again {
        let sql = format!("DELETE FROM @waits WHERE {SAME} AND session = ?6");
        statements.execute(&sql, &ours(&wanted, session))?;
    }
    let token = next_token(statements)?;
    let [project, kind, name, start, end] = wanted;
    statements.execute(
        "INSERT INTO @claims (token, project, kind, name, start_at, end_at, session, since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, @now)",
        &[count(token.0), project, kind, name, start, end, text(&session.0)],
    )?;
    Ok(Ok(token))
}

/// Who has what is wanted.
fn holder() -> String {
    format!("{HOLDS} WHERE {OVERLAPS} ORDER BY of_subject.token LIMIT 1")
}

/// Who has it, else who waits for it and came before us.
fn holder_or_earlier() -> String {
    format!(
        "SELECT * FROM (
             {HOLDS} WHERE {OVERLAPS}
             UNION ALL
             {WAITS} WHERE {OVERLAPS} AND session <> ?6 AND asked_at > @now - {KEEPS_PLACE_MS} AND NOT EXISTS (
                 SELECT 1 FROM @waits AS our_place WHERE {SAME} AND session = ?6 AND our_place.token < of_subject.token
             )
         ) AS before_us ORDER BY is_waiting, token LIMIT 1"
    )
}

/// Keeps our place in line, or takes the last.
fn stand_in_line(statements: &dyn Statements, session: &SessionId, wanted: &[Value; 5]) -> Result<(), Failure> {
    let kept = format!("UPDATE @waits SET asked_at = @now WHERE {SAME} AND session = ?6");
    if statements.execute(&kept, &ours(wanted, session))? > 0 {
        return Ok(());
    }
    let token = next_token(statements)?;
    let values = [&ours(wanted, session)[..], &[count(token.0)]].concat();
    statements.execute(
        "INSERT INTO @waits (project, kind, name, start_at, end_at, session, token, asked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, @now)",
        &values,
    )?;
    Ok(())
}

/// Gives back what was held under a token.
pub(super) fn give_back(statements: &dyn Statements, token: FencingToken) -> Result<(), Failure> {
    statements.execute("DELETE FROM @claims WHERE token = ?1", &[count(token.0)])?;
    Ok(())
}

/// [`crate::state::State::claims`].
pub(super) fn claims(
    statements: &dyn Statements,
    project: &ProjectName,
) -> Result<Vec<(Subject, Holder, Timestamp)>, Failure> {
    let sql = format!("{HOLDS} WHERE (project = ?1 OR kind = '{TABLE}') AND {ALIVE} ORDER BY of_subject.token");
    statements.query(&sql, &[project.into()])?.iter().map(held).collect()
}

/// What is held, and by whom.
const HOLDS: &str =
    "SELECT kind, name, start_at, end_at, since, pid, doing, known_as, of_subject.token, 0 AS is_waiting
                     FROM @claims AS of_subject JOIN @sessions AS sessions ON sessions.id = of_subject.session";
/// What is waited for, and by whom.
const WAITS: &str =
    "SELECT kind, name, start_at, end_at, asked_at, pid, doing, known_as, of_subject.token, 1 AS is_waiting
                     FROM @waits AS of_subject JOIN @sessions AS sessions ON sessions.id = of_subject.session";
/// What a place takes something of.
const OVERLAPS: &str = "project = ?1 AND kind = ?2 AND name = ?3 AND start_at < ?5 AND end_at > ?4";
/// What a place is all of, and nothing else.
const SAME: &str = "project = ?1 AND kind = ?2 AND name = ?3 AND start_at = ?4 AND end_at = ?5";

/// A place and whose it is.
fn ours([project, kind, name, start, end]: &[Value; 5], session: &SessionId) -> [Value; 6] {
    [project.clone(), kind.clone(), name.clone(), start.clone(), end.clone(), text(&session.0)]
}

const ENVIRONMENT: &str = "environment";
const TABLE: &str = "table";
const GC: &str = "gc";
const BESIDE_ALL: &str = "beside_all";

/// What is not a range is all of time.
const ALWAYS: Interval = Interval { start: Timestamp(i64::MIN), end: Timestamp(i64::MAX) };

/// Project, kind, name and range. Equal models of two projects may meet in one table, so that tables are everybody's.
fn place(project: &ProjectName, subject: &Subject) -> Result<[Value; 5], Failure> {
    let (project, kind, name, range) = match subject {
        Subject::Environment(name) => (project.into(), ENVIRONMENT, word(name)?, None),
        Subject::Table { table, range } => (text(""), TABLE, json(table)?, *range),
        Subject::Gc => (project.into(), GC, text(""), None),
        Subject::BesideAll => (project.into(), BESIDE_ALL, text(""), None),
    };
    let range = range.unwrap_or(ALWAYS);
    Ok([project, text(kind), name, range.start.into(), range.end.into()])
}

fn held(row: &Row) -> Result<(Subject, Holder, Timestamp), Failure> {
    let range = Interval { start: row.moment("start_at")?, end: row.moment("end_at")? };
    let subject = match row.text("kind")? {
        ENVIRONMENT => Subject::Environment(EnvironmentName::new(row.text("name")?)),
        TABLE => Subject::Table { table: row.json("name")?, range: Some(range).filter(|range| *range != ALWAYS) },
        GC => Subject::Gc,
        BESIDE_ALL => Subject::BesideAll,
        other => return Err(Failure::Unreadable(format!("column `kind`: `{other}` is nothing that can be held"))),
    };
    let pid = u32::try_from(row.integer("pid")?).unwrap_or_default();
    let holder = Holder::new(pid, row.text("doing")?, row.optional_text("known_as")?);
    Ok((subject, holder, row.moment("since")?))
}
