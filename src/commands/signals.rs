//! Models that wait for signals: functions in Python that say whether an interval is there yet. Nobody can ask them here, and an
//! interval that is loaded before it is there counts as loaded.

use crate::error::CommandError;
use crate::model::Model;
use crate::plan::{Action, Plan};
use crate::settings::Signals;
use crate::workspace::Side;

/// Models that are named.
const NAMED: usize = 5;

/// What somebody can do who has no Python here.
pub(super) const HINT: &str =
    "say `signals: ready` in `offshoot.yaml` where every interval counts as ready, or take `signals` out of the model";

/// Says no to loading a model that waits for signals, unless somebody said that all of them count as given.
///
/// # Errors
/// The plan loads one.
pub(super) fn refuse(side: &Side, plan: &Plan) -> Result<(), CommandError> {
    if side.project.settings.own.signals == Signals::Ready {
        return Ok(());
    }
    let loaded = plan.targets.iter().filter(|target| target.action == Action::Build);
    let models = loaded.filter_map(|target| side.tree.models.get(&target.name)).map(AsRef::as_ref);
    let waiting: Vec<&Model> = models.filter(|model: &&Model| model.waits_for_signals()).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let named = waiting.iter().take(NAMED).map(|model| format!("`{}` (`{}`)", model.name, model.path));
    let more = waiting.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = named.collect::<Vec<_>>().join(", ");
    Err(CommandError::no(format!(
        "{named}{more} would be loaded, and nobody knows whether the signals are there that it waits for"
    ))
    .because("signals are functions in Python, and what is loaded before it is there would count as loaded")
    .hint(HINT))
}
