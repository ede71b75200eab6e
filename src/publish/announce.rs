//! What an environment is about to show is said to all others before anything is done for it, and is as it was planned.
//!
//! Others then load no more into it ([`crate::turn::Writer::leaves_alone`]). Who loads it already is waited for: a run looks
//! for what was announced once the table is its own, so that either it sees this or it is seen here.

use std::collections::BTreeSet;

use crate::apply::Work;
use crate::error::CommandError;
use crate::ids::{EnvironmentName, TableName};
use crate::plan::{Action, Plan, Target};
use crate::state::{Others, Table, Writers};
use crate::turn::TurnError;
use crate::workspace::state_error;

/// Announces the tables that a plan takes as they are, and waits until nobody loads them.
///
/// # Errors
/// One of them is not as the plan found it any more; the state is out of reach, or the run was asked to stop.
pub(super) fn announce(work: &Work<'_>, plan: &Plan) -> Result<(), CommandError> {
    let reused: Vec<&Target> = plan.targets.iter().filter(|target| target.action == Action::Reuse).collect();
    let names: Vec<TableName> = reused.iter().filter_map(|target| target.table.clone()).collect();
    let ours = unwritten(work, &names)?;
    let taken = |target: &&&Target| target.table.as_ref().is_some_and(|table| ours.contains(table));
    let keys: Vec<_> = reused.iter().filter(taken).map(|target| target.key.clone()).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let known = work.state.tables(&keys).map_err(state_error)?;
    let is_other = |target: &&&Target| known.get(&target.key).map(Table::found) != target.found;
    match reused.iter().filter(taken).find(is_other) {
        None => Ok(()),
        Some(target) => {
            let what = format!("another run has written the table of `{}` meanwhile", target.name);
            Err(CommandError::failed(what).plan_anew().hint("run the same command again"))
        }
    }
}

/// Announces tables, and waits until nobody loads them; gives those that nobody loads then. What prod shows its promotes
/// and runs load at any time, for all who show it.
///
/// # Errors
/// The state is out of reach, or the run was asked to stop.
pub fn unwritten(work: &Work<'_>, tables: &[TableName]) -> Result<BTreeSet<TableName>, CommandError> {
    let (Some(environment), Writers::Many) = (work.writer.shows(), work.lease.writers()) else {
        return Ok(BTreeSet::new());
    };
    let prod = EnvironmentName::prod();
    let ask = || work.state.shown_by(Others::Only(&prod), tables).map_err(state_error);
    // What is announced now would count; what prod shows nobody else changes meanwhile.
    let before = environment.is_prod().then(ask).transpose()?;
    work.state.announce(work.lease, environment, tables).map_err(state_error)?;
    let prods = before.map_or_else(ask, Ok)?;
    let ours: BTreeSet<TableName> = tables.iter().filter(|table| !prods.contains(table)).cloned().collect();
    work.turns().until_unwritten(&ours).map_err(|error| match error {
        TurnError::State(error) => state_error(error),
        TurnError::Stopped(_) => CommandError::failed(error.to_string()),
    })?;
    Ok(ours)
}
