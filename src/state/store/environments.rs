//! Environments, their history, and the journal of promotes.

use std::collections::BTreeMap;

use super::value::{Failure, Row, Value, count, json, optional_json, optional_word, text, word};
use super::{Statements, holds, pointers, tables, unreferenced};
use crate::ids::{EnvironmentName, ModelName, PlanId, ProjectName};
use crate::state::{
    About, Environment, HistoryEntry, NewEntry, Owner, PendingPromote, Pointer, StateError, Status, Version,
};

/// [`crate::state::State::environments`].
pub(super) fn environments(statements: &dyn Statements, project: &ProjectName) -> Result<Vec<About>, Failure> {
    let sql = format!("SELECT {ABOUT} FROM @environments WHERE project = ?1 ORDER BY name");
    statements.query(&sql, &[project.into()])?.iter().map(about).collect()
}

/// [`crate::state::State::environment`].
pub(super) fn environment(
    statements: &dyn Statements,
    project: &ProjectName,
    name: &EnvironmentName,
) -> Result<Option<Environment>, Failure> {
    let sql = "SELECT * FROM @environments WHERE project = ?1 AND name = ?2";
    let found = statements.first(sql, &[project.into(), text(name.as_str())])?;
    found.map(|row| Ok(Environment { about: about(&row)?, models: row.json("models")? })).transpose()
}

/// [`crate::state::State::history`].
pub(super) fn history(
    statements: &dyn Statements,
    project: &ProjectName,
    name: &EnvironmentName,
    limit: usize,
) -> Result<Vec<HistoryEntry>, Failure> {
    let sql = "SELECT * FROM @history WHERE project = ?1 AND environment = ?2 ORDER BY sequence DESC LIMIT ?3";
    let rows = statements.query(sql, &[project.into(), text(name.as_str()), count(limit)])?;
    rows.iter().map(entry).collect()
}

/// Hands on what an environment was, oldest first. Maps are large, so one at a time.
pub(super) fn each_entry(
    statements: &dyn Statements,
    project: &ProjectName,
    name: &EnvironmentName,
    mut work: impl FnMut(HistoryEntry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let sql = "SELECT * FROM @history WHERE project = ?1 AND environment = ?2 AND sequence > ?3
               ORDER BY sequence LIMIT 1";
    let mut after = 0;
    while let Some(row) = statements.first(sql, &[project.into(), text(name.as_str()), count(after)])? {
        let entry = entry(&row)?;
        after = entry.sequence;
        work(entry)?;
    }
    Ok(())
}

/// A row of `history`.
fn entry(row: &Row) -> Result<HistoryEntry, Failure> {
    Ok(HistoryEntry {
        sequence: row.integer("sequence")?.unsigned_abs(),
        plan_id: row.word("plan_id")?,
        commit: row.optional_word("commit_id")?,
        at: row.moment("at")?,
        run: row.text("run")?.to_owned(),
        origin: row.optional_json("origin")?,
        models: row.json("models")?,
    })
}

/// [`crate::state::State::pending_promotes`].
pub(super) fn pending_promotes(
    statements: &dyn Statements,
    project: &ProjectName,
) -> Result<Vec<PendingPromote>, Failure> {
    let sql = "SELECT intended FROM @promotes WHERE project = ?1 ORDER BY environment";
    statements.query(sql, &[project.into()])?.iter().map(|row| row.json("intended")).collect()
}

/// [`crate::state::State::start_plan`].
pub(super) fn start_plan(
    statements: &dyn Statements,
    project: &ProjectName,
    about: &About,
    expected: Option<&Version>,
) -> Result<(), Failure> {
    refuse_pending(statements, project, &about.name)?;
    check_version(statements, project, &about.name, expected)?;
    check_owner(statements, project, about)?;
    let building = About { status: Status::Building, ..about.clone() };
    write_about(statements, project, &building)
}

/// [`crate::state::State::finish_plan`].
pub(super) fn finish_plan(
    statements: &dyn Statements,
    project: &ProjectName,
    environment: &Environment,
    entry: &NewEntry,
) -> Result<(), Failure> {
    refuse_pending(statements, project, &environment.about.name)?;
    let begun = Version { status: Status::Building, ..environment.about.version() };
    check_version(statements, project, &environment.about.name, Some(&begun))?;
    check_owner(statements, project, &environment.about)?;
    write_environment(statements, project, environment, entry)
}

/// [`crate::state::State::remove_environment`].
pub(super) fn remove(
    statements: &dyn Statements,
    project: &ProjectName,
    name: &EnvironmentName,
    expected: &Version,
) -> Result<(), Failure> {
    refuse_pending(statements, project, name)?;
    check_version(statements, project, name, Some(expected))?;
    let sql = "DELETE FROM @environments WHERE project = ?1 AND name = ?2";
    statements.execute(sql, &[project.into(), text(name.as_str())])?;
    Ok(())
}

/// [`crate::state::State::begin_promote`].
pub(super) fn begin_promote(
    statements: &dyn Statements,
    project: &ProjectName,
    promote: &PendingPromote,
) -> Result<(), Failure> {
    let about = &promote.intended.about;
    refuse_pending(statements, project, &about.name)?;
    check_version(statements, project, &about.name, promote.expected.as_ref())?;
    check_owner(statements, project, about)?;
    write_promote(statements, project, promote)
}

/// Writes a promote into the journal.
pub(super) fn write_promote(
    statements: &dyn Statements,
    project: &ProjectName,
    promote: &PendingPromote,
) -> Result<(), Failure> {
    let about = &promote.intended.about;
    statements.execute(
        "INSERT INTO @promotes (project, environment, plan_id, intended) VALUES (?1, ?2, ?3, ?4)",
        &[project.into(), text(about.name.as_str()), text(about.plan_id.as_str()), json(promote)?],
    )?;
    Ok(())
}

/// [`crate::state::State::finish_promote`].
///
/// Nothing is compared again: nobody can write the environment while its journal row stands, and the views have moved.
pub(super) fn finish_promote(
    statements: &dyn Statements,
    project: &ProjectName,
    name: &EnvironmentName,
    plan_id: &PlanId,
) -> Result<(), Failure> {
    let promote = abandon_promote(statements, project, name, plan_id)?;
    write_environment(statements, project, &promote.intended, &promote.entry)
}

/// [`crate::state::State::abandon_promote`]; gives back what stood in the journal.
pub(super) fn abandon_promote(
    statements: &dyn Statements,
    project: &ProjectName,
    name: &EnvironmentName,
    plan_id: &PlanId,
) -> Result<PendingPromote, Failure> {
    let deleted = statements.first(
        "DELETE FROM @promotes WHERE project = ?1 AND environment = ?2 AND plan_id = ?3 RETURNING intended",
        &[project.into(), text(name.as_str()), text(plan_id.as_str())],
    )?;
    match deleted {
        Some(row) => row.json("intended"),
        None => Err(StateError::NoSuchPromote { environment: name.clone(), plan_id: plan_id.clone() }.into()),
    }
}

/// While a promote is not settled, nobody knows where the environment's views point.
fn refuse_pending(statements: &dyn Statements, project: &ProjectName, name: &EnvironmentName) -> Result<(), Failure> {
    let sql = "SELECT plan_id FROM @promotes WHERE project = ?1 AND environment = ?2";
    match statements.first(sql, &[project.into(), text(name.as_str())])? {
        Some(row) => {
            let (environment, plan_id) = (name.clone(), row.word("plan_id")?);
            Err(StateError::PromotePending { environment, plan_id }.into())
        }
        None => Ok(()),
    }
}

fn check_version(
    statements: &dyn Statements,
    project: &ProjectName,
    name: &EnvironmentName,
    expected: Option<&Version>,
) -> Result<(), Failure> {
    let sql = "SELECT plan_id, status FROM @environments WHERE project = ?1 AND name = ?2";
    let found = statements.first(sql, &[project.into(), text(name.as_str())])?;
    let version = |row: Row| Ok::<_, Failure>(Version { plan_id: row.word("plan_id")?, status: row.word("status")? });
    let found = found.map(version).transpose()?;
    if found.as_ref() == expected {
        return Ok(());
    }
    Err(StateError::Conflict { environment: name.clone(), expected: expected.cloned(), found }.into())
}

/// [`crate::state::State::named_or_owned`].
pub(super) fn named_or_owned(
    statements: &dyn Statements,
    project: &ProjectName,
    name: &EnvironmentName,
    of: &Owner,
) -> Result<Vec<About>, Failure> {
    let sql = format!("SELECT {ABOUT} FROM @environments WHERE project = ?1 AND (name = ?2 OR owner = ?3)");
    statements.query(&sql, &[project.into(), text(name.as_str()), owner(of)?])?.iter().map(about).collect()
}

/// An environment keeps its owner, and an owner has one environment.
fn check_owner(statements: &dyn Statements, project: &ProjectName, new: &About) -> Result<(), Failure> {
    let known = named_or_owned(statements, project, &new.name, &new.owner)?;
    if let Some(known) = known.iter().find(|known| known.name == new.name) {
        known.check_owner(&new.owner)?;
    }
    match known.into_iter().find(|known| known.name != new.name) {
        Some(About { name: existing, owner, .. }) => {
            Err(StateError::OwnerElsewhere { owner, existing, wanted: new.name.clone() }.into())
        }
        None => Ok(()),
    }
}

fn write_environment(
    statements: &dyn Statements,
    project: &ProjectName,
    environment: &Environment,
    entry: &NewEntry,
) -> Result<(), Failure> {
    let ready = About { status: Status::Ready, ..environment.about.clone() };
    write(statements, project, (&ready, &environment.models))?;
    add_history(statements, project, (&ready, &environment.models), entry)?;
    holds::change(statements, project, &ready.name, &entry.hold)?;
    let pointed_at = environment.models.values().filter_map(|pointer| pointer.table.as_ref());
    unreferenced::keep(statements, project, pointed_at)?;
    tables::record(statements, project, &entry.facts)
}

/// Writes an environment as it is.
pub(super) fn write(
    statements: &dyn Statements,
    project: &ProjectName,
    (about, models): (&About, &BTreeMap<ModelName, Pointer>),
) -> Result<(), Failure> {
    write_about(statements, project, about)?;
    let sql = "UPDATE @environments SET models = ?3 WHERE project = ?1 AND name = ?2";
    statements.execute(sql, &[project.into(), text(about.name.as_str()), json(models)?])?;
    pointers::write(statements, project, &about.name, models)
}

/// Copies the map that was just written, so that it is serialised once.
fn add_history(
    statements: &dyn Statements,
    project: &ProjectName,
    (about, models): (&About, &BTreeMap<ModelName, Pointer>),
    entry: &NewEntry,
) -> Result<(), Failure> {
    let row = statements.first(
        "INSERT INTO @history (project, environment, sequence, plan_id, commit_id, at, run, origin, models)
         SELECT project, name, 1 + (
             SELECT coalesce(max(sequence), 0) FROM @history WHERE project = ?1 AND environment = ?2
         ), plan_id, ?3, ?4, ?5, ?6, models
         FROM @environments WHERE project = ?1 AND name = ?2 RETURNING sequence",
        &[
            project.into(),
            text(about.name.as_str()),
            optional_word(entry.commit.as_ref())?,
            entry.at.into(),
            text(&entry.run),
            optional_json(entry.origin.as_ref())?,
        ],
    )?;
    let sequence = row.map_or(Ok(0), |row| row.integer("sequence"))?.unsigned_abs();
    pointers::keep(statements, project, (&about.name, sequence), models)
}

/// Everything but the models.
const ABOUT: &str = "name, owner, branch, base, created_from, commits, promoted, plan_id, status, as_of, created_at, \
                     updated_at, expires_at";

/// Makes the row with no models, or leaves the models that it has.
fn write_about(statements: &dyn Statements, project: &ProjectName, about: &About) -> Result<(), Failure> {
    let sql = format!(
        "INSERT INTO @environments (project, models, {ABOUT})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (project, name) DO UPDATE SET
             owner = excluded.owner, branch = excluded.branch, base = excluded.base,
             created_from = excluded.created_from, commits = excluded.commits, promoted = excluded.promoted,
             plan_id = excluded.plan_id, status = excluded.status, as_of = excluded.as_of,
             updated_at = excluded.updated_at, expires_at = excluded.expires_at"
    );
    let values = [
        project.into(),
        json(&BTreeMap::<ModelName, Pointer>::new())?,
        word(&about.name)?,
        owner(&about.owner)?,
        optional_word(about.branch.as_ref())?,
        optional_word(about.base.as_ref())?,
        optional_word(about.created_from.as_ref())?,
        json(&about.commits)?,
        optional_word(about.promoted.as_ref())?,
        word(&about.plan_id)?,
        word(&about.status)?,
        about.as_of.into(),
        about.created_at.into(),
        about.updated_at.into(),
        about.expires_at.into(),
    ];
    statements.execute(&sql, &values)?;
    Ok(())
}

/// Nothing where it belongs to whoever says its name: such an owner may have many.
fn owner(owner: &Owner) -> Result<Value, Failure> {
    optional_json(Some(owner).filter(|owner| **owner != Owner::Named))
}

fn about(row: &Row) -> Result<About, Failure> {
    Ok(About {
        name: row.word("name")?,
        owner: row.optional_json("owner")?.unwrap_or(Owner::Named),
        branch: row.optional_word("branch")?,
        base: row.optional_word("base")?,
        created_from: row.optional_word("created_from")?,
        commits: row.json("commits")?,
        promoted: row.optional_word("promoted")?,
        plan_id: row.word("plan_id")?,
        status: row.word("status")?,
        as_of: row.moment("as_of")?,
        created_at: row.moment("created_at")?,
        updated_at: row.moment("updated_at")?,
        expires_at: row.optional_moment("expires_at")?,
    })
}
