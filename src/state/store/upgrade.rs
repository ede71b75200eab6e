//! A project's rows under other keys.

use super::value::{Failure, Value, count, json, text, word};
use super::{Statements, builds, environments, holds, identity_of};
use crate::ids::{EnvironmentName, ProjectName};
use crate::naming::TableKey;
use crate::rollback::{HoldChange, RolledBack};
use crate::state::Upgrade;

/// How many builds are in the memory at once.
const PAGE: usize = 500;

/// [`crate::state::State::upgrade`].
pub(super) fn upgrade(statements: &dyn Statements, project: &ProjectName, upgrade: &Upgrade) -> Result<(), Failure> {
    // Another run was first.
    if identity_of(statements, project)?.is_none_or(|identity| identity.algorithm_version != upgrade.from) {
        return Ok(());
    }
    for (old, new) in upgrade.moved() {
        rename(statements, project, old, &upgrade.key(old), word(&new)?)?;
    }
    inputs(statements, project, upgrade)?;
    for about in environments::environments(statements, project)? {
        if let Some(known) = environments::environment(statements, project, &about.name)? {
            let models = upgrade.pointers(&(about.name.clone(), None), &known.models);
            environments::write(statements, project, (&known.about, &models))?;
        }
        history(statements, project, &about.name, upgrade)?;
    }
    for mut promote in environments::pending_promotes(statements, project)? {
        let about = &promote.intended.about;
        let (name, plan_id) = (about.name.clone(), about.plan_id.clone());
        environments::abandon_promote(statements, project, &name, &plan_id)?;
        promote.intended.models = upgrade.pointers(&(name, None), &promote.intended.models);
        environments::write_promote(statements, project, &promote)?;
    }
    held(statements, project, upgrade)?;
    decided(statements, project, upgrade)?;
    set_version(statements, project, upgrade)
}

/// A table, its ledger and its builds.
fn rename(
    statements: &dyn Statements,
    project: &ProjectName,
    old: &TableKey,
    new: &TableKey,
    data: Value,
) -> Result<(), Failure> {
    let (from, to) = (word(&old.digest())?, word(&new.digest())?);
    let of = [project.into(), from, to, data.clone()];
    let entered = statements.execute(
        "INSERT INTO @snapshots (project, table_key, model, data_fingerprint, physical_table, kind, columns, unit,
             created_at, as_of)
         SELECT project, ?3, model, ?4, physical_table, kind, columns, unit, created_at, as_of
         FROM @snapshots WHERE project = ?1 AND table_key = ?2
         ON CONFLICT (project, table_key) DO NOTHING",
        &of,
    )?;
    // The state does not know the table, or another one has its key.
    if entered == 0 {
        return Ok(());
    }
    let [project_value, from, to, _] = of;
    let sql = "UPDATE @loads SET table_key = ?3 WHERE project = ?1 AND table_key = ?2";
    statements.execute(sql, &[project_value.clone(), from.clone(), to])?;
    statements.execute("DELETE FROM @snapshots WHERE project = ?1 AND table_key = ?2", &[project_value, from])?;
    statements.execute(
        "UPDATE @builds SET data_fingerprint = ?4 WHERE project = ?1 AND model = ?2 AND data_fingerprint = ?3",
        &[project.into(), word(&old.model)?, word(&old.data_fingerprint)?, data],
    )?;
    Ok(())
}

/// What builds read, by which a table is known to be behind its inputs.
fn inputs(statements: &dyn Statements, project: &ProjectName, upgrade: &Upgrade) -> Result<(), Failure> {
    let sql = "SELECT * FROM @builds WHERE project = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let mut after = i64::MIN;
    loop {
        let rows = statements.query(sql, &[project.into(), count(after), count(PAGE)])?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.integer("id")?;
        for row in &rows {
            let mut read = builds::build(row)?.inputs;
            if !read.iter().any(|input| upgrade.knows(&input.key)) {
                continue;
            }
            read.iter_mut().for_each(|input| input.key = upgrade.key(&input.key));
            let sql = "UPDATE @builds SET inputs = ?2 WHERE id = ?1";
            statements.execute(sql, &[count(row.integer("id")?), json(&read)?])?;
        }
    }
}

fn history(
    statements: &dyn Statements,
    project: &ProjectName,
    name: &EnvironmentName,
    upgrade: &Upgrade,
) -> Result<(), Failure> {
    environments::each_entry(statements, project, name, |entry| {
        let models = upgrade.pointers(&(name.clone(), Some(entry.sequence)), &entry.models);
        let sql = "UPDATE @history SET models = ?4 WHERE project = ?1 AND environment = ?2 AND sequence = ?3";
        statements
            .execute(sql, &[project.into(), text(name.as_str()), count(entry.sequence), json(&models)?])
            .map(|_| ())
    })
}

/// A hold of which everything is known goes on; of any other nobody can tell what it holds back, and it says so.
fn held(statements: &dyn Statements, project: &ProjectName, upgrade: &Upgrade) -> Result<(), Failure> {
    for (environment, mut hold) in holds::holds(statements, project)? {
        let renewed = hold.rolled_back.iter().map(|held| {
            let Some(data_fingerprint) = held.data_fingerprint else { return Some(held.clone()) };
            let key = TableKey { model: held.model.clone(), data_fingerprint };
            let known = upgrade.knows(&key).then(|| upgrade.key(&key).data_fingerprint)?;
            Some(RolledBack { model: key.model, data_fingerprint: Some(known) })
        });
        let renewed: Option<_> = renewed.collect();
        if let Some(rolled_back) = renewed.filter(|_| hold.algorithm == upgrade.from) {
            hold.rolled_back = rolled_back;
            hold.algorithm = upgrade.to;
            holds::change(statements, project, &environment, &HoldChange::Begins(Box::new(hold)))?;
        }
    }
    Ok(())
}

/// What was decided holds for what its definition is by now.
fn decided(statements: &dyn Statements, project: &ProjectName, upgrade: &Upgrade) -> Result<(), Failure> {
    for (old, new) in upgrade.decided() {
        statements.execute(
            "INSERT INTO @decisions
                 (project, model, data_fingerprint, environment, decided_by, decided_at, effective_from)
             SELECT project, model, ?4, environment, decided_by, decided_at, effective_from
             FROM @decisions WHERE project = ?1 AND model = ?2 AND data_fingerprint = ?3
             ON CONFLICT (project, model, data_fingerprint) DO NOTHING",
            &[project.into(), word(&old.model)?, word(&old.data_fingerprint)?, word(&new)?],
        )?;
    }
    Ok(())
}

/// Other projects of the state are at the version that they were at, until somebody has their trees.
fn set_version(statements: &dyn Statements, project: &ProjectName, upgrade: &Upgrade) -> Result<(), Failure> {
    statements.execute(
        "INSERT INTO @algorithms (project, algorithm_version)
         SELECT DISTINCT others.project, identity.algorithm_version
         FROM (SELECT project FROM @snapshots UNION SELECT project FROM @environments) AS others,
             @state_identity AS identity
         WHERE others.project <> ?1
         ON CONFLICT (project) DO NOTHING",
        &[project.into()],
    )?;
    statements.execute("DELETE FROM @algorithms WHERE project = ?1", &[project.into()])?;
    let sql = "UPDATE @state_identity SET algorithm_version = ?1 WHERE algorithm_version < ?1";
    statements.execute(sql, &[count(upgrade.to)])?;
    Ok(())
}
