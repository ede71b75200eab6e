//! Several small tables in one session and one transaction: what a session, a commit and the questions about a table cost
//! is then paid once for all of them.
//!
//! Only for tables that one query fills: nothing that it does outlives it, so that no model finds what another has left.
//! Either all tables of a group are committed or none; where one cannot be made, the caller makes each of them alone.

use std::sync::Arc;
use std::time::Duration;

use super::Work;
use super::audit::{Audited, Findings, Looked};
use super::columns::check_columns;
use super::fault::FillError;
use super::fill::{Physical, inputs, open};
use super::task::Task;
use crate::engine::{Interrupter, ObjectRecord, Session, record_new_object, record_object, transaction};
use crate::fingerprint::Tree;
use crate::ids::TableName;
use crate::model::Kind;
use crate::plan::{Build, Target};
use crate::state::Fact;
use crate::statement::ColumnType;
use crate::surroundings::Stopwatch;
use crate::time::Intervals;

/// So many tables share a commit at most; with more of them, what is left to save is nothing.
const MOST: usize = 32;
/// After so long no further one begins: what dies with a killed run, and what a reader waits for its parent, stays short.
const LONGEST: Duration = Duration::from_millis(200);
/// What one query can leave behind in its session: the state of `random()`.
const LEAVES_SOMETHING: &str = "setseed";

/// Whether a model's table may be made in a group: by one query, which was taken apart and so calls nothing unknown, and
/// beside no statement of the author's.
pub(super) fn may_share(tree: &Tree, target: &Target) -> bool {
    let (Some(model), Some(fingerprint)) = (tree.models.get(&target.name), tree.fingerprints.get(&target.name)) else {
        return false;
    };
    let alone = model.pre_statements.is_empty() && model.post_statements.is_empty();
    // One transaction writes one DuckDB database, and what is recorded of the tables is in the default one.
    let here = target.table.as_ref().is_some_and(|table| table.catalog.is_none());
    matches!(model.kind, Kind::Full | Kind::Materialized) && alone && here && fingerprint.opaque.is_none()
}

/// A table that is made and not committed yet.
struct Member<'a> {
    task: Task<'a>,
    rows: u64,
    seconds: f64,
    leaves: Leaves,
}

/// What a query leaves behind in its session, which the next one in the group would find.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Nothing,
    Something,
}

/// Makes a first table and as many more as `next` gives and time allows, commits and records them.
///
/// # Errors
/// One of them cannot be made or the commit fails; nothing of any of them is there then.
pub(super) fn fill_together<'a>(
    work: &'a Work<'a>,
    physical: &'a Physical,
    first: &'a Target,
    next: &mut dyn FnMut() -> Option<&'a Target>,
    running: &dyn Fn(Arc<dyn Interrupter>),
) -> Result<Vec<Build>, FillError> {
    let stopwatch = Stopwatch::start();
    let mut session = open(work, running)?;
    let (members, checked) = transaction(session.as_mut(), |session| -> Result<_, FillError> {
        let mut members = vec![make(session, Task::of(work, first, (physical, &physical.standing))?)?];
        while members.len() < MOST
            && members.iter().all(|member| member.leaves == Leaves::Nothing)
            && stopwatch.seconds() < LONGEST.as_secs_f64()
            && let Some(target) = next()
        {
            members.push(make(session, Task::of(work, target, (physical, &physical.standing))?)?);
        }
        let checked = check(session, &members)?;
        vouch(session, work, &members)?;
        Ok((members, checked))
    })?;
    let (columns, looked): (Vec<_>, Vec<_>) = checked.into_iter().unzip();
    record(work, physical, &members, &columns)?;
    keep(work, &members, looked)?;
    Ok(members.iter().map(|member| member.task.build(member.rows, member.seconds)).collect())
}

fn make<'a>(session: &mut dyn Session, task: Task<'a>) -> Result<Member<'a>, FillError> {
    let stopwatch = Stopwatch::start();
    let query = task.query(task.whole_time())?;
    let rows = task.make_filled(session, &query)?;
    let leaves = match query.to_ascii_lowercase().contains(LEAVES_SOMETHING) {
        true => Leaves::Something,
        false => Leaves::Nothing,
    };
    Ok(Member { task, rows, seconds: stopwatch.seconds(), leaves })
}

/// The columns of all tables, none of which differs from what was fingerprinted, or has rows that its audits forbid.
fn check(session: &mut dyn Session, members: &[Member<'_>]) -> Result<Vec<Checked>, FillError> {
    let tables: Vec<_> = members.iter().map(|member| member.task.table.clone()).collect();
    let columns: Vec<Vec<ColumnType>> =
        session.columns_of(&tables)?.into_iter().map(Option::unwrap_or_default).collect();
    let check = |(member, columns): (&Member<'_>, Vec<ColumnType>)| {
        check_columns(member.task.fingerprint, &columns)?;
        let looked = member.task.audit(session, Audited::Loaded(member.task.whole_time().interval), &columns)?;
        Ok((columns, looked))
    };
    members.iter().zip(columns).map(check).collect()
}

/// The columns that a table has, and what its audits found.
type Checked = (Vec<ColumnType>, Vec<Looked>);

/// Tells and keeps what the audits found.
fn keep(work: &Work<'_>, members: &[Member<'_>], looked: Vec<Vec<Looked>>) -> Result<(), FillError> {
    for (member, looked) in members.iter().zip(looked).filter(|(_, looked)| !looked.is_empty()) {
        Findings::settle(work, (member.task.model, Some(member.task.table)), looked)?;
    }
    Ok(())
}

/// Records the tables as ours, in the transaction that makes them.
fn vouch(session: &mut dyn Session, work: &Work<'_>, members: &[Member<'_>]) -> Result<(), FillError> {
    let records = |is_wanted: &dyn Fn(Option<&ObjectRecord>, &ObjectRecord) -> bool| -> Vec<ObjectRecord> {
        let records = members.iter().map(|member| (member.task.recorded, member.task.record(None)));
        records.filter(|(before, now)| is_wanted(*before, now)).map(|(_, now)| now).collect()
    };
    record_new_object(session, work.state_id, &records(&|before, _| before.is_none()))?;
    record_object(session, work.state_id, &records(&|before, now| before.is_some_and(|before| before != now)))?;
    let tables: Vec<TableName> = members.iter().map(|member| member.task.table.clone()).collect();
    session.wall().map_or(Ok(()), |wall| wall.share(&tables))?;
    Ok(())
}

/// Records what was committed.
fn record(
    work: &Work<'_>,
    physical: &Physical,
    members: &[Member<'_>],
    columns: &[Vec<ColumnType>],
) -> Result<(), FillError> {
    let targets: Vec<&Target> = members.iter().map(|member| member.task.target).collect();
    let inputs = inputs(work, &targets, &physical.keys)?;
    let facts = members.iter().zip(columns).zip(inputs).flat_map(|((member, columns), inputs)| -> [Fact; 2] {
        let task = member.task;
        [
            task.snapshot(columns, Some(work.now)),
            task.built((member.rows, member.seconds), &Intervals::default(), inputs),
        ]
    });
    Ok(work.state.record(work.lease, &facts.collect::<Vec<_>>())?)
}
