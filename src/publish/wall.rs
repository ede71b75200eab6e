//! What a swap does where two roles stand apart: production takes over what it shows, and shows nothing that the role which
//! builds pull requests could still write.

use super::PublishError;
use crate::engine::{Breach, EngineError, Session, ShownByProduction};
use crate::error::CommandError;
use crate::ids::TableName;
use crate::visible::visible;

/// Holes that are named one by one.
const NAMED: usize = 5;

/// Makes us the owner of the tables, before any view moves: who reads one of them holds up no reader of production.
///
/// # Errors
/// What the engine says, or that somebody reads a table.
pub(super) fn take_over(session: &mut dyn Session, tables: &[TableName]) -> Result<(), EngineError> {
    session.wall().map_or(Ok(()), |wall| wall.take_over(tables))
}

/// Opens to the other role what it may read, and says no where it can write.
///
/// # Errors
/// As it says, with every hole, or what the engine says.
pub(super) fn close(session: &mut dyn Session, shown: ShownByProduction<'_>) -> Result<(), PublishError> {
    let Some(wall) = session.wall() else { return Ok(()) };
    wall.open_up(shown)?;
    let breaches = wall.breaches(shown)?;
    match breaches.is_empty() {
        true => Ok(()),
        false => Err(PublishError::Breached { outsider: wall.outsider(), breaches }),
    }
}

/// What a person reads who would have shown what others can write.
pub(super) fn told(outsider: &str, breaches: &[Breach]) -> CommandError {
    // Names are whatever somebody called a trigger or a role.
    let mut holes: Vec<String> = breaches.iter().take(NAMED).map(|breach| visible(&breach.to_string())).collect();
    if breaches.len() > NAMED {
        holes.push(format!("{} more", breaches.len() - NAMED));
    }
    let error = CommandError::no(format!(
        "no view was changed, because role `{outsider}`, which builds pull requests, could write what production shows: {}",
        holes.join("; ")
    ));
    let remedies = breaches.iter().take(NAMED).map(|breach| visible(&breach.remedy));
    remedies.fold(error, CommandError::hint).hint("`docs/permissions.md` tells why")
}
