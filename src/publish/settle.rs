//! Promotes that began and did not end. Where an engine swaps all views in one transaction, the warehouse says whether that
//! happened; where it moves them one by one, the journal says which there are, and the promote is finished or undone.

use super::{environment, journal, session};
use crate::apply::engine_error;
use crate::engine::{Engine, EngineError, Fence, fence, last_promotion, transaction};
use crate::error::CommandError;
use crate::ids::{EnvironmentName, ProjectName};
use crate::state::{PendingPromote, State, WriteLease};
use crate::turn::{Turn, Turns};
use crate::workspace::state_error;

/// Settles promotes that began and did not end: the warehouse says whether their views were swapped. `ours` is the
/// environment that this run has; what another run has is that run's to settle.
///
/// # Errors
/// The state or the warehouse cannot be reached.
pub fn settle(
    turns: &Turns<'_>,
    engine: &dyn Engine,
    project: &ProjectName,
    ours: Option<(&EnvironmentName, &Turn)>,
) -> Result<(), CommandError> {
    for pending in turns.state.pending_promotes().map_err(state_error)? {
        let name = &pending.intended.about.name;
        let taken;
        let turn = match ours {
            Some((environment, turn)) if environment == name => turn,
            // Whoever has the environment is at it.
            _ => match turns.try_take(&environment(name)).map_err(state_error)? {
                Some(turn) => {
                    taken = turn;
                    &taken
                }
                None => continue,
            },
        };
        // It may have ended since.
        let still = turns.state.pending_promotes().map_err(state_error)?;
        if still.iter().any(|other| other.intended.about.plan_id == pending.intended.about.plan_id) {
            let unsettled = Unsettled { pending: &pending, fence: turn.fence(), end: End::Died };
            settle_one((turns.state, turns.lease), engine, project, &unsettled)?;
        }
    }
    Ok(())
}

/// What became of a promote.
pub(super) enum Settled {
    /// Its views were swapped.
    Happened,
    /// They were not.
    Abandoned,
}

/// A promote of which nobody knows how far it came.
pub(super) struct Unsettled<'a> {
    pub(super) pending: &'a PendingPromote,
    /// What tells the warehouse that the environment is ours.
    pub(super) fence: Option<Fence>,
    pub(super) end: End,
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Its run is gone: what it meant to do, and had checked, is done for it where that can be.
    Died,
    /// It failed in this run, and would fail again.
    Failed,
}

/// From here on whoever began the promote cannot swap its views any more, should it live: the warehouse is told first.
pub(super) fn settle_one(
    (state, lease): (&dyn State, &WriteLease),
    engine: &dyn Engine,
    project: &ProjectName,
    unsettled: &Unsettled<'_>,
) -> Result<Settled, CommandError> {
    let about = &unsettled.pending.intended.about;
    let mut session = session(engine)?;
    let last = transaction(session.as_mut(), |session| {
        fence(session, unsettled.fence.as_ref())?;
        last_promotion(session, project, &about.name)
    });
    let last = last.map_err(|error: EngineError| engine_error("cannot read what was promoted last", error))?;
    let settled = match last {
        Some(last) if last.plan == about.plan_id => Settled::Happened,
        _ if unsettled.pending.steps.is_empty() => Settled::Abandoned,
        last => journal::settle((state, lease), session.as_mut(), project, (unsettled, last.as_ref()))?,
    };
    match settled {
        Settled::Happened => state.finish_promote(lease, &about.name, &about.plan_id),
        Settled::Abandoned => state.abandon_promote(lease, &about.name, &about.plan_id),
    }
    .map_err(state_error)?;
    Ok(settled)
}
