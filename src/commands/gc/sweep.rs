//! Tables go, one after the other, so that a death at any moment loses nothing and leaves nothing that nobody knows of.
//!
//! The warehouse's transaction drops the table and takes it out of `offshoot__meta`; while it is open, and nothing is
//! committed, the state looks again and forgets the table; then it commits. So an engine that does not drop a table leaves
//! the state as it was, and a death between the two commits leaves a table that is recorded as ours, that the state does not
//! know and whose mark is old: the next gc drops it.

use crate::apply::engine_error;
use crate::engine::{EngineError, Fence, Session, fence, forget_object, transaction};
use crate::error::CommandError;
use crate::gc::{Kept, Known, Standing, Unneeded, Verdict, WhyKept};
use crate::state::{Forgotten, State, StateError, Subject, WriteLease};
use crate::statement::Target;
use crate::turn::Turns;
use crate::workspace::state_error;

/// Drops the tables that are to go; what was not dropped is kept, with the reason.
///
/// # Errors
/// State or warehouse cannot be written, or the run was asked to stop; what has gone is gone.
pub(super) fn sweep(
    turns: &Turns<'_>,
    session: &mut dyn Session,
    mut verdict: Verdict,
) -> Result<Verdict, CommandError> {
    let (state, lease) = (turns.state, turns.lease);
    let going = std::mem::take(&mut verdict.going);
    let is_any = !going.is_empty();
    for unneeded in going {
        if turns.interruption.is_requested() {
            return Err(CommandError::failed("stopped as asked; what was dropped is gone")
                .hint("run `bot gc` again: it goes on from where it was"));
        }
        // Somebody makes it anew: it is needed.
        let subject = Subject::Table { table: unneeded.table.name.clone(), range: None };
        let Some(turn) = turns.try_take(&subject).map_err(state_error)? else {
            verdict.needed += 1;
            continue;
        };
        match drop_one((state, lease), session, (&unneeded, turn.fence()))? {
            Done::Gone => {
                verdict.since.remove(&unneeded.table.name);
                verdict.going.push(unneeded);
            }
            Done::Needed => verdict.needed += 1,
            Done::Refused(message) => {
                let (name, model) = (unneeded.table.name, Some(unneeded.table.model));
                let why = WhyKept::Refused(message);
                verdict.kept.push(Kept { name, model, since: Some(unneeded.since), why });
            }
        }
    }
    if is_any {
        state.mark_unreferenced(lease, &verdict.since).map_err(state_error)?;
    }
    Ok(verdict)
}

/// What became of a table.
enum Done {
    /// It is gone.
    Gone,
    /// The state found that something needs it.
    Needed,
    /// The engine left it, and says why.
    Refused(String),
}

enum DropError {
    Engine(EngineError),
    State(StateError),
    Needed,
}

impl From<EngineError> for DropError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

fn drop_one(
    (state, lease): (&dyn State, &WriteLease),
    session: &mut dyn Session,
    (unneeded, ours): (&Unneeded, Option<Fence>),
) -> Result<Done, CommandError> {
    let table = &unneeded.table;
    if table.standing == Standing::Theirs {
        return forget_alone(state, lease, unneeded);
    }
    let forget = || match state.forget_unreferenced(lease, &table.name, unneeded.since) {
        Ok(Forgotten::Yes) => Ok(()),
        Ok(Forgotten::No) => Err(DropError::Needed),
        Err(error) => Err(DropError::State(error)),
    };
    // What cannot be undone comes after the last question.
    let is_undone = session.capabilities().transactional_ddl.is_yes();
    let dropped = transaction(session, |session| {
        fence(session, ours.as_ref())?;
        if !is_undone {
            forget()?;
        }
        let statements = Target { dialect: session.dialect(), table: &table.name, columns: &[] };
        session.execute(&statements.drop_table())?;
        forget_object(session, std::slice::from_ref(&table.name))?;
        if is_undone { forget() } else { Ok(()) }
    });
    match dropped {
        Ok(()) => Ok(Done::Gone),
        Err(DropError::Needed) => Ok(Done::Needed),
        Err(DropError::State(error)) => Err(state_error(error)),
        Err(DropError::Engine(EngineError::Statement { message, .. } | EngineError::Denied { message, .. })) => {
            Ok(Done::Refused(message))
        }
        Err(DropError::Engine(error)) => Err(engine_error("a table was not dropped", error)),
    }
}

/// The table is another project's by now; what we remember of it goes, and nothing else.
fn forget_alone(state: &dyn State, lease: &WriteLease, unneeded: &Unneeded) -> Result<Done, CommandError> {
    if let Known::ToState(key) = &unneeded.table.known {
        state.forget_tables(lease, std::slice::from_ref(key)).map_err(state_error)?;
    }
    Ok(Done::Gone)
}
