//! What a rollback holds back: promote asks here before it shows a commit, and the merge queue before it lets one in.

use crate::error::CommandError;
use crate::fingerprint::{ALGORITHM, Tree};
use crate::ids::{EnvironmentName, ModelName};
use crate::rollback::{Contained, Hold, ends};
use crate::state::State;
use crate::workspace::state_error;

/// Models that are named one by one.
const NAMED: usize = 5;

/// The hold of an environment.
///
/// # Errors
/// The state cannot be read.
pub(super) fn of(state: &dyn State, environment: &EnvironmentName) -> Result<Option<Hold>, CommandError> {
    Ok(state.holds().map_err(state_error)?.remove(environment))
}

/// What of a hold a tree has again.
pub(super) fn contained(hold: &Hold, tree: &Tree) -> Contained {
    hold.contained(ALGORITHM, |model| tree.fingerprints.get(model).map(|fingerprint| fingerprint.data))
}

/// Says no to a tree that would bring back what was rolled back.
///
/// # Errors
/// As it says, with who holds the environment, since when and why.
pub(super) fn refuse(hold: &Hold, environment: &EnvironmentName, tree: &Tree) -> Result<(), CommandError> {
    let what = match contained(hold, tree) {
        Contained::Nothing => return Ok(()),
        Contained::Models(models) => {
            let verb = if models.len() == 1 { "is" } else { "are" };
            format!("{} {verb} again what was rolled back", named(&models))
        }
        Contained::Unknown => {
            "whether this commit has it again is not known, because another version of this program rolled it back"
                .into()
        }
    };
    Err(CommandError::no(hold.sentence(environment)).because(what).hint(ends(environment)))
}

fn named(models: &[ModelName]) -> String {
    let mut names: Vec<String> = models.iter().take(NAMED).map(|model| format!("`{model}`")).collect();
    if models.len() > NAMED {
        names.push(format!("{} more", models.len() - NAMED));
    }
    names.join(", ")
}
