//! Views that an engine moves one by one, because it has no transaction around them: which there are is written into the
//! state before the first one moves, and into the warehouse with the last. So whoever finds a promote unfinished makes all of
//! them so, or all of them as they were.

use std::collections::BTreeSet;

use super::others::{beside_others, without_others};
use super::settle::{End, Settled, Unsettled};
use super::{PublishError, Swap, carry_out, names, payload};
use crate::apply::ViewPlan;
use crate::engine::{
    Dependents, EngineError, Owner, Promotion, Session, Shows, ViewChange, foreign_objects, swap_views, take_over,
};
use crate::error::CommandError;
use crate::ids::{ProjectName, TableName};
use crate::naming::TableKey;
use crate::state::{Computed, PendingPromote, ShownView, State, ViewStep, WriteLease};
use crate::workspace::state_error;

/// Every view of a promotion as it becomes, those that go included.
pub(super) fn steps(views: &ViewPlan) -> Vec<ViewStep> {
    views.all().map(step).collect()
}

fn step(change: &ViewChange) -> ViewStep {
    match change {
        ViewChange::Point { view, model, columns, query, shows, comments, on_update } => ViewStep {
            view: view.clone(),
            shown: Some(ShownView {
                model: model.clone(),
                columns: columns.clone(),
                query: query.clone(),
                computed: if *shows == Shows::Query { Computed::Yes } else { Computed::No },
                comments: comments.clone(),
                on_update: on_update.clone(),
            }),
        },
        ViewChange::Drop { view } => ViewStep { view: view.clone(), shown: None },
    }
}

fn change(step: &ViewStep) -> ViewChange {
    let view = step.view.clone();
    match step.shown.clone() {
        Some(ShownView { model, columns, query, computed, comments, on_update }) => {
            let shows = if computed == Computed::Yes { Shows::Query } else { Shows::Table };
            ViewChange::Point { view, model, columns, query, shows, comments, on_update }
        }
        None => ViewChange::Drop { view },
    }
}

/// Says no to a view that the engine does not take, before any has moved.
///
/// # Errors
/// What the engine says of the first.
pub(super) fn check(session: &mut dyn Session, views: &ViewPlan) -> Result<(), EngineError> {
    for change in &views.changes {
        if let ViewChange::Point { query, .. } = change {
            session.describe(query)?;
        }
    }
    Ok(())
}

/// Finishes a promote whose run is gone, or undoes one that cannot be finished.
///
/// # Errors
/// Neither could be done; the next run tries again.
pub(super) fn settle(
    (state, lease): (&dyn State, &WriteLease),
    session: &mut dyn Session,
    project: &ProjectName,
    (unsettled, last): (&Unsettled<'_>, Option<&Promotion>),
) -> Result<Settled, CommandError> {
    let pending = unsettled.pending;
    let owner = Owner {
        state: lease.state().clone(),
        project: project.clone(),
        environment: pending.intended.about.name.clone(),
        dependents: Dependents::Refuse,
    };
    let failed = match unsettled.end {
        End::Died => match finish(state, session, (&owner, pending)) {
            Ok(()) => return Ok(Settled::Happened),
            Err(error) => Some(error),
        },
        End::Failed => None,
    };
    let Err(error) = undo(session, (&owner, pending), last) else { return Ok(Settled::Abandoned) };
    let name = &owner.environment;
    let told = CommandError::failed(format!(
        "the views of `{name}` are of two promotions, and were neither finished nor undone"
    ))
    .because(CommandError::from(error))
    .hint(format!("mend what the engine says, and run any command that writes `{name}` again"));
    Err(match failed {
        Some(failed) => told.hint(format!("to finish it failed, too: {}", failed.for_readers())),
        None => told,
    })
}

/// All views as the promote meant them. What stands in their way by now is set aside, not replaced.
fn finish(
    state: &dyn State,
    session: &mut dyn Session,
    (owner, pending): (&Owner, &PendingPromote),
) -> Result<(), CommandError> {
    let keys = pending.intended.models.iter().filter(|(_, pointer)| pointer.table.is_some());
    let keys: Vec<TableKey> = keys
        .map(|(model, pointer)| TableKey { model: model.clone(), data_fingerprint: pointer.data_fingerprint })
        .collect();
    let tables = state.tables(&keys).map_err(state_error)?;
    let payload = payload(state, &tables, pending)?;
    let all = ViewPlan { changes: pending.steps.iter().map(change).collect(), ..ViewPlan::default() };
    let changes = beside_others(session, owner, &all)?.into_owned().changes;
    let shown: Vec<TableName> = tables.values().map(|table| table.snapshot.table.clone()).collect();
    let swap = Swap { owner, pending, tables: &shown, views: &names(changes.iter()), payload: &payload };
    set_aside(session, owner, swap.views).map_err(PublishError::from)?;
    carry_out(session, &swap, &changes)?;
    Ok(())
}

/// All views as the last promotion left them; those that it had not go, where they are ours.
fn undo(
    session: &mut dyn Session,
    (owner, pending): (&Owner, &PendingPromote),
    last: Option<&Promotion>,
) -> Result<(), PublishError> {
    let before: Vec<ViewStep> = match last {
        Some(last) => steps_of(last)?,
        None => Vec::new(),
    };
    let changes: Vec<ViewChange> = before.iter().filter(|step| step.shown.is_some()).map(change).collect();
    let mut changes = without_others(session, owner, changes)?;
    set_aside(session, owner, &names(changes.iter()))?;
    let kept: BTreeSet<&TableName> = before.iter().filter(|step| step.shown.is_some()).map(|step| &step.view).collect();
    let new = pending.steps.iter().map(|step| step.view.clone()).filter(|view| !kept.contains(view));
    let new = without_others(session, owner, new.map(|view| ViewChange::Drop { view }).collect())?;
    let foreign: BTreeSet<TableName> =
        foreign_objects(session, &owner.state, &names(new.iter()))?.into_iter().map(|object| object.name).collect();
    changes.extend(new.into_iter().filter(|change| !foreign.contains(change.view())));
    swap_views(session, owner, &changes)?;
    Ok(())
}

fn set_aside(session: &mut dyn Session, owner: &Owner, views: &[TableName]) -> Result<(), EngineError> {
    let foreign = foreign_objects(session, &owner.state, views)?;
    take_over(session, &foreign).map(drop)
}

/// The views that a promotion showed, as the warehouse remembers them.
fn steps_of(promotion: &Promotion) -> Result<Vec<ViewStep>, EngineError> {
    let payload: serde_json::Value = serde_json::from_str(&promotion.payload).unwrap_or_default();
    let views = payload.get("views").cloned().unwrap_or_default();
    serde_json::from_value(views).map_err(|_| EngineError::Meta {
        table: "promotions",
        expected: "the views of a promotion",
        found: "none".to_owned(),
    })
}
