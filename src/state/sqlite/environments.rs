//! Environments, their history, and the journal of promotes.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::convert::{Failure, Json, Word, json, optional_word, word};
use super::{holds, tables, unreferenced};
use crate::history::Origin;
use crate::ids::{EnvironmentName, ModelName, PlanId, ProjectName};
use crate::state::{
    About, Environment, HistoryEntry, NewEntry, Owner, PendingPromote, Pointer, StateError, Status, Version,
};
use crate::time::Timestamp;

/// [`crate::state::State::environments`].
pub(super) fn environments(connection: &Connection, project: &ProjectName) -> Result<Vec<About>, Failure> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {ABOUT} FROM environments WHERE project = ?1 ORDER BY name"))?;
    Ok(statement.query_map([project.as_str()], about)?.collect::<Result<_, _>>()?)
}

/// [`crate::state::State::environment`].
pub(super) fn environment(
    connection: &Connection,
    project: &ProjectName,
    name: &EnvironmentName,
) -> Result<Option<Environment>, Failure> {
    let mut statement = connection.prepare_cached("SELECT * FROM environments WHERE project = ?1 AND name = ?2")?;
    let found = statement.query_row([project.as_str(), name.as_str()], |row| {
        Ok(Environment { about: about(row)?, models: json(row, "models")? })
    });
    Ok(found.optional()?)
}

/// [`crate::state::State::history`].
pub(super) fn history(
    connection: &Connection,
    project: &ProjectName,
    name: &EnvironmentName,
    limit: usize,
) -> Result<Vec<HistoryEntry>, Failure> {
    let mut statement = connection.prepare_cached(
        "SELECT * FROM history WHERE project = ?1 AND environment = ?2 ORDER BY sequence DESC LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![project.as_str(), name.as_str(), limit], |row| {
        Ok(HistoryEntry {
            sequence: row.get::<_, i64>("sequence")?.unsigned_abs(),
            plan_id: word(row, "plan_id")?,
            commit: optional_word(row, "commit_id")?,
            at: Timestamp(row.get("at")?),
            run: row.get("run")?,
            origin: row.get::<_, Option<Json<Origin>>>("origin")?.map(|origin| origin.0),
            models: json(row, "models")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// [`crate::state::State::pending_promotes`].
pub(super) fn pending_promotes(connection: &Connection, project: &ProjectName) -> Result<Vec<PendingPromote>, Failure> {
    let mut statement =
        connection.prepare_cached("SELECT intended FROM promotes WHERE project = ?1 ORDER BY environment")?;
    Ok(statement.query_map([project.as_str()], |row| json(row, "intended"))?.collect::<Result<_, _>>()?)
}

/// [`crate::state::State::start_plan`].
pub(super) fn start_plan(
    connection: &Connection,
    project: &ProjectName,
    about: &About,
    expected: Option<&Version>,
) -> Result<(), Failure> {
    refuse_pending(connection, project, &about.name)?;
    check_version(connection, project, &about.name, expected)?;
    check_owner(connection, project, about)?;
    let building = About { status: Status::Building, ..about.clone() };
    write_about(connection, project, &building)
}

/// [`crate::state::State::finish_plan`].
pub(super) fn finish_plan(
    connection: &Connection,
    project: &ProjectName,
    environment: &Environment,
    entry: &NewEntry,
) -> Result<(), Failure> {
    refuse_pending(connection, project, &environment.about.name)?;
    let begun = Version { status: Status::Building, ..environment.about.version() };
    check_version(connection, project, &environment.about.name, Some(&begun))?;
    check_owner(connection, project, &environment.about)?;
    write_environment(connection, project, environment, entry)
}

/// [`crate::state::State::remove_environment`].
pub(super) fn remove(
    connection: &Connection,
    project: &ProjectName,
    name: &EnvironmentName,
    expected: &Version,
) -> Result<(), Failure> {
    refuse_pending(connection, project, name)?;
    check_version(connection, project, name, Some(expected))?;
    connection
        .execute("DELETE FROM environments WHERE project = ?1 AND name = ?2", [project.as_str(), name.as_str()])?;
    Ok(())
}

/// [`crate::state::State::begin_promote`].
pub(super) fn begin_promote(
    connection: &Connection,
    project: &ProjectName,
    promote: &PendingPromote,
) -> Result<(), Failure> {
    let about = &promote.intended.about;
    refuse_pending(connection, project, &about.name)?;
    check_version(connection, project, &about.name, promote.expected.as_ref())?;
    check_owner(connection, project, about)?;
    connection.execute(
        "INSERT INTO promotes (project, environment, plan_id, intended) VALUES (?1, ?2, ?3, ?4)",
        params![project.as_str(), about.name.as_str(), about.plan_id.as_str(), Json(promote)],
    )?;
    Ok(())
}

/// [`crate::state::State::finish_promote`].
///
/// Nothing is compared again: nobody can write the environment while its journal row stands, and the views have moved.
pub(super) fn finish_promote(
    connection: &Connection,
    project: &ProjectName,
    name: &EnvironmentName,
    plan_id: &PlanId,
) -> Result<(), Failure> {
    let promote = abandon_promote(connection, project, name, plan_id)?;
    write_environment(connection, project, &promote.intended, &promote.entry)
}

/// [`crate::state::State::abandon_promote`]; gives back what stood in the journal.
pub(super) fn abandon_promote(
    connection: &Connection,
    project: &ProjectName,
    name: &EnvironmentName,
    plan_id: &PlanId,
) -> Result<PendingPromote, Failure> {
    let deleted = connection
        .prepare_cached(
            "DELETE FROM promotes WHERE project = ?1 AND environment = ?2 AND plan_id = ?3 RETURNING intended",
        )?
        .query_row([project.as_str(), name.as_str(), plan_id.as_str()], |row| json(row, "intended"))
        .optional()?;
    let missing = || StateError::NoSuchPromote { environment: name.clone(), plan_id: plan_id.clone() };
    deleted.ok_or_else(|| missing().into())
}

/// While a promote is not settled, nobody knows where the environment's views point.
fn refuse_pending(connection: &Connection, project: &ProjectName, name: &EnvironmentName) -> Result<(), Failure> {
    let pending = connection
        .prepare_cached("SELECT plan_id FROM promotes WHERE project = ?1 AND environment = ?2")?
        .query_row([project.as_str(), name.as_str()], |row| word(row, "plan_id"))
        .optional()?;
    match pending {
        Some(plan_id) => Err(StateError::PromotePending { environment: name.clone(), plan_id }.into()),
        None => Ok(()),
    }
}

fn check_version(
    connection: &Connection,
    project: &ProjectName,
    name: &EnvironmentName,
    expected: Option<&Version>,
) -> Result<(), Failure> {
    let found = connection
        .prepare_cached("SELECT plan_id, status FROM environments WHERE project = ?1 AND name = ?2")?
        .query_row([project.as_str(), name.as_str()], |row| {
            Ok(Version { plan_id: word(row, "plan_id")?, status: word(row, "status")? })
        })
        .optional()?;
    if found.as_ref() == expected {
        return Ok(());
    }
    Err(StateError::Conflict { environment: name.clone(), expected: expected.cloned(), found }.into())
}

/// An environment keeps its owner, and an owner has one environment.
fn check_owner(connection: &Connection, project: &ProjectName, new: &About) -> Result<(), Failure> {
    let environments = environments(connection, project)?;
    if let Some(known) = environments.iter().find(|known| known.name == new.name) {
        known.check_owner(&new.owner)?;
    }
    let elsewhere = environments.into_iter().find(|known| known.name != new.name && known.owner == new.owner);
    match elsewhere.filter(|_| new.owner != Owner::Named) {
        Some(About { name: existing, owner, .. }) => {
            Err(StateError::OwnerElsewhere { owner, existing, wanted: new.name.clone() }.into())
        }
        None => Ok(()),
    }
}

fn write_environment(
    connection: &Connection,
    project: &ProjectName,
    environment: &Environment,
    entry: &NewEntry,
) -> Result<(), Failure> {
    let ready = About { status: Status::Ready, ..environment.about.clone() };
    write_about(connection, project, &ready)?;
    connection
        .prepare_cached("UPDATE environments SET models = ?3 WHERE project = ?1 AND name = ?2")?
        .execute(params![project.as_str(), ready.name.as_str(), Json(&environment.models)])?;
    add_history(connection, project, &ready, entry)?;
    holds::change(connection, project, &ready.name, &entry.hold)?;
    let pointed_at = environment.models.values().filter_map(|pointer| pointer.table.as_ref());
    unreferenced::keep(connection, project, pointed_at)?;
    tables::record(connection, project, &entry.facts)
}

/// Copies the map that was just written, so that it is serialised once.
fn add_history(connection: &Connection, project: &ProjectName, about: &About, entry: &NewEntry) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO history (project, environment, sequence, plan_id, commit_id, at, run, origin, models)
             SELECT project, name, 1 + (
                 SELECT coalesce(max(sequence), 0) FROM history WHERE project = ?1 AND environment = ?2
             ), plan_id, ?3, ?4, ?5, ?6, models
             FROM environments WHERE project = ?1 AND name = ?2",
        )?
        .execute(params![
            project.as_str(),
            about.name.as_str(),
            entry.commit.as_ref().map(Word),
            entry.at.0,
            entry.run,
            entry.origin.as_ref().map(Json)
        ])?;
    Ok(())
}

/// Everything but the models.
const ABOUT: &str = "name, owner, branch, base, created_from, commits, promoted, plan_id, status, as_of, created_at, \
                     updated_at, expires_at";

/// Makes the row with no models, or leaves the models that it has.
fn write_about(connection: &Connection, project: &ProjectName, about: &About) -> Result<(), Failure> {
    let sql = format!(
        "INSERT INTO environments (project, models, {ABOUT})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (project, name) DO UPDATE SET
             owner = excluded.owner, branch = excluded.branch, base = excluded.base,
             created_from = excluded.created_from, commits = excluded.commits, promoted = excluded.promoted,
             plan_id = excluded.plan_id, status = excluded.status, as_of = excluded.as_of,
             updated_at = excluded.updated_at, expires_at = excluded.expires_at"
    );
    let owner = Some(&about.owner).filter(|owner| **owner != Owner::Named);
    connection.prepare_cached(&sql)?.execute(params![
        project.as_str(),
        Json(BTreeMap::<ModelName, Pointer>::new()),
        Word(&about.name),
        owner.map(Json),
        about.branch.as_ref().map(Word),
        about.base.as_ref().map(Word),
        about.created_from.as_ref().map(Word),
        Json(&about.commits),
        about.promoted.as_ref().map(Word),
        Word(&about.plan_id),
        Word(about.status),
        about.as_of.0,
        about.created_at.0,
        about.updated_at.0,
        about.expires_at.map(|moment| moment.0),
    ])?;
    Ok(())
}

fn about(row: &Row<'_>) -> rusqlite::Result<About> {
    Ok(About {
        name: word(row, "name")?,
        owner: row.get::<_, Option<Json<Owner>>>("owner")?.map_or(Owner::Named, |owner| owner.0),
        branch: optional_word(row, "branch")?,
        base: optional_word(row, "base")?,
        created_from: optional_word(row, "created_from")?,
        commits: json(row, "commits")?,
        promoted: optional_word(row, "promoted")?,
        plan_id: word(row, "plan_id")?,
        status: word(row, "status")?,
        as_of: Timestamp(row.get("as_of")?),
        created_at: Timestamp(row.get("created_at")?),
        updated_at: Timestamp(row.get("updated_at")?),
        expires_at: row.get::<_, Option<i64>>("expires_at")?.map(Timestamp),
    })
}
