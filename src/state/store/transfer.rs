//! A project's rows to records, and back: in one transaction, a page of them at a time.

use super::value::{Failure, Row, Value, count, json, optional_json, optional_word, text, word};
use super::{
    Statements, allowances, audits, builds, decisions, environments, holds, identity, identity_of, pointers, tables,
    unreferenced,
};
use crate::ids::{EnvironmentName, ProjectName};
use crate::naming::TableKey;
use crate::state::transfer::{End, FORMAT, Header, HeldBack, LineError, Past, Record, Unreferenced};
use crate::state::{Fact, HistoryEntry, Load, StateError};

/// How many rows are in the memory at once, where a row is small.
const PAGE: usize = 500;

/// Where records go. It may refuse them.
pub(super) type Sink<'a> = dyn FnMut(&Record) -> std::io::Result<()> + 'a;

/// Where records come from.
pub(super) type Source<'a> = dyn Iterator<Item = Result<Record, LineError>> + 'a;

/// [`crate::state::State::export`].
pub(super) fn export(statements: &dyn Statements, project: &ProjectName, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let Some(identity) = identity_of(statements, project)? else { return Err(StateError::NoState.into()) };
    let mut out = Out { sink, records: 0 };
    out.put(Record::State(Header {
        format: FORMAT,
        project: project.clone(),
        state: identity.state,
        schema_version: identity.schema_version,
        algorithm_version: identity.algorithm_version,
        last_token: 0,
    }))?;
    out.records = 0;
    snapshots(statements, project, &mut out)?;
    all_builds(statements, project, &mut out)?;
    for about in environments::environments(statements, project)? {
        one_environment(statements, project, &about.name, &mut out)?;
    }
    for promote in environments::pending_promotes(statements, project)? {
        out.put(Record::Promote(Box::new(promote)))?;
    }
    for allowance in allowances::all(statements, project)? {
        out.put(Record::Allowance(allowance))?;
    }
    let sql = "SELECT physical_table, since FROM @unreferenced WHERE project = ?1 ORDER BY physical_table";
    for row in statements.query(sql, &[project.into()])? {
        let (table, since) = (row.json("physical_table")?, row.moment("since")?);
        out.put(Record::Unreferenced(Unreferenced { table, since }))?;
    }
    for result in audits::all(statements, project)? {
        out.put(Record::Audit(result))?;
    }
    for decision in decisions::all(statements, project)? {
        out.put(Record::Decision(decision))?;
    }
    let records = out.records;
    out.put(Record::End(End { records }))
}

struct Out<'s, 'a> {
    sink: &'s mut Sink<'a>,
    records: u64,
}

impl Out<'_, '_> {
    fn put(&mut self, record: Record) -> Result<(), Failure> {
        self.records += 1;
        (self.sink)(&record).map_err(|source| StateError::Unwritten { source }.into())
    }
}

fn snapshots(statements: &dyn Statements, project: &ProjectName, out: &mut Out<'_, '_>) -> Result<(), Failure> {
    let sql = "SELECT * FROM @snapshots WHERE project = ?1 AND (model, data_fingerprint) > (?2, ?3)
               ORDER BY model, data_fingerprint LIMIT ?4";
    let mut after = [text(""), text("")];
    loop {
        let [model, data] = after.clone();
        let rows = statements.query(sql, &[project.into(), model, data, count(PAGE)])?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = key_of(last)?;
        let keys: Vec<TableKey> = rows.iter().map(tables::key).collect::<Result<_, _>>()?;
        let mut found = tables::tables(statements, project, &keys)?;
        for key in keys {
            let Some(table) = found.remove(&key) else { continue };
            out.put(Record::Snapshot(table.snapshot))?;
            for load in table.ledger.loads().iter().cloned() {
                let (interval, loaded_at, run, inputs) = (load.interval, load.loaded_at, load.run, load.inputs);
                out.put(Record::Load(Load { key: key.clone(), interval, loaded_at, run, inputs }))?;
            }
        }
    }
}

fn all_builds(statements: &dyn Statements, project: &ProjectName, out: &mut Out<'_, '_>) -> Result<(), Failure> {
    let sql =
        "SELECT * FROM @builds WHERE project = ?1 AND (model, data_fingerprint, started_at, id) > (?2, ?3, ?4, ?5)
               ORDER BY model, data_fingerprint, started_at, id LIMIT ?6";
    let mut after = [text(""), text(""), Value::Integer(Some(0)), Value::Integer(Some(0))];
    loop {
        let [model, data, started_at, id] = after.clone();
        let rows = statements.query(sql, &[project.into(), model, data, started_at, id, count(PAGE)])?;
        let Some(last) = rows.last() else { return Ok(()) };
        let [model, data] = key_of(last)?;
        after = [model, data, last.moment("started_at")?.into(), Value::Integer(Some(last.integer("id")?))];
        for row in &rows {
            out.put(Record::Build(builds::build(row)?))?;
        }
    }
}

fn key_of(row: &Row) -> Result<[Value; 2], Failure> {
    Ok([text(row.text("model")?), text(row.text("data_fingerprint")?)])
}

fn one_environment(
    statements: &dyn Statements,
    project: &ProjectName,
    name: &EnvironmentName,
    out: &mut Out<'_, '_>,
) -> Result<(), Failure> {
    let Some(environment) = environments::environment(statements, project, name)? else { return Ok(()) };
    out.put(Record::Environment(environment))?;
    if let Some(hold) = holds::holds(statements, project)?.remove(name) {
        out.put(Record::Hold(HeldBack { environment: name.clone(), hold }))?;
    }
    environments::each_entry(statements, project, name, |entry| {
        out.put(Record::History(Past { environment: name.clone(), entry }))
    })
}

/// [`crate::state::State::import`], into a state of which `location` tells people.
pub(super) fn import(
    statements: &dyn Statements,
    (project, location): (&ProjectName, &str),
    records: &mut Source<'_>,
) -> Result<(), Failure> {
    let mut facts = Vec::new();
    for record in records {
        let record = record.map_err(StateError::Line)?;
        match record {
            Record::Snapshot(snapshot) => facts.push(Fact::Snapshot(snapshot)),
            Record::Load(load) => facts.push(Fact::Load(load)),
            Record::Build(build) => facts.push(Fact::Build(build)),
            other => {
                tables::record(statements, project, &std::mem::take(&mut facts))?;
                one(statements, (project, location), other)?;
            }
        }
        if facts.len() >= PAGE {
            tables::record(statements, project, &std::mem::take(&mut facts))?;
        }
    }
    Ok(())
}

fn one(statements: &dyn Statements, (project, location): (&ProjectName, &str), record: Record) -> Result<(), Failure> {
    match record {
        Record::State(header) => become_it(statements, (project, location), &header),
        other => take_up(statements, project, other),
    }
}

/// Writes what one record says.
pub(super) fn take_up(statements: &dyn Statements, project: &ProjectName, record: Record) -> Result<(), Failure> {
    match record {
        Record::Environment(environment) => {
            environments::write(statements, project, (&environment.about, &environment.models))
        }
        Record::Hold(HeldBack { environment, hold }) => {
            holds::change(statements, project, &environment, &crate::rollback::HoldChange::Begins(Box::new(hold)))
        }
        Record::History(Past { environment, entry }) => past(statements, project, &environment, &entry),
        Record::Promote(promote) => environments::write_promote(statements, project, &promote),
        Record::Allowance(allowance) => allowances::allow(statements, project, &allowance),
        Record::Unreferenced(Unreferenced { table, since }) => {
            unreferenced::remember(statements, project, &[(table, since)].into())
        }
        Record::Snapshot(snapshot) => tables::record(statements, project, &[Fact::Snapshot(snapshot)]),
        Record::Load(load) => tables::record(statements, project, &[Fact::Load(load)]),
        Record::Build(build) => tables::record(statements, project, &[Fact::Build(build)]),
        Record::Audit(result) => audits::record(statements, project, &[result]),
        Record::Decision(decision) => decisions::decide(statements, project, &[decision]),
        Record::State(_) | Record::End(_) => Ok(()),
    }
}

fn past(
    statements: &dyn Statements,
    project: &ProjectName,
    environment: &EnvironmentName,
    entry: &HistoryEntry,
) -> Result<(), Failure> {
    statements.execute(
        "INSERT INTO @history (project, environment, sequence, plan_id, commit_id, at, run, origin, models)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        &[
            project.into(),
            text(environment.as_str()),
            count(entry.sequence),
            word(&entry.plan_id)?,
            optional_word(entry.commit.as_ref())?,
            entry.at.into(),
            text(&entry.run),
            optional_json(entry.origin.as_ref())?,
            json(&entry.models)?,
        ],
    )?;
    pointers::keep(statements, project, (environment, entry.sequence), &entry.models)
}

/// The tables of which any row makes a state more than an identity.
const CONTENTS: [&str; 8] =
    ["snapshots", "builds", "environments", "promotes", "allowances", "unreferenced", "audit_results", "decisions"];

/// Takes the identity of the state that the records are of, where there is nothing of its own to lose.
fn become_it(
    statements: &dyn Statements,
    (project, location): (&ProjectName, &str),
    header: &Header,
) -> Result<(), Failure> {
    let Some(ours) = identity(statements)? else {
        return Err(Failure::Unreadable("the state does not say who it is".into()));
    };
    if is_any(statements, "project = ?1", project)? {
        return Err(StateError::NotEmpty { location: location.to_owned() }.into());
    }
    // Other projects of one state come one after the other.
    if is_any(statements, "project <> ?1", project)? {
        if ours.state != header.state || ours.algorithm_version < header.algorithm_version {
            return Err(StateError::NotEmpty { location: location.to_owned() }.into());
        }
        statements.execute(
            "INSERT INTO @algorithms (project, algorithm_version) VALUES (?1, ?2)
             ON CONFLICT (project) DO UPDATE SET algorithm_version = excluded.algorithm_version",
            &[project.into(), count(header.algorithm_version)],
        )?;
        return Ok(());
    }
    statements.execute("DELETE FROM @algorithms", &[])?;
    statements.execute(
        "UPDATE @state_identity SET state_id = ?1, algorithm_version = ?2",
        &[text(header.state.as_str()), count(header.algorithm_version)],
    )?;
    go_on_counting(statements, header.last_token)
}

/// From there on there is room for more than anybody will take.
const LARGEST: u64 = 1 << 62;

/// Tokens must be larger than any that this state has given out elsewhere, which a warehouse may remember. It gives out far
/// less than one in a millisecond.
fn go_on_counting(statements: &dyn Statements, after: u64) -> Result<(), Failure> {
    statements.execute("UPDATE @fencing SET last_token = @now WHERE last_token < @now", &[])?;
    statements.execute("UPDATE @fencing SET last_token = ?1 WHERE last_token < ?1", &[count(after.min(LARGEST))])?;
    Ok(())
}

/// Whether there are rows of a project, or of others.
fn is_any(statements: &dyn Statements, which: &str, project: &ProjectName) -> Result<bool, Failure> {
    let rows = CONTENTS.map(|table| format!("EXISTS (SELECT 1 FROM @{table} WHERE {which})"));
    let sql = format!("SELECT CASE WHEN {} THEN 1 ELSE 0 END AS found", rows.join(" OR "));
    let found = statements.first(&sql, &[project.into()])?;
    found.map_or(Ok(false), |row| Ok(row.integer("found")? != 0))
}
