//! Whether a table that is filled as a whole was filled after a tick of its own, by a promote, and before what it reads was there
//! up to that tick: then the next run fills it again, rather than the next tick.

use super::KnownTable;
use super::due::{Due, Running};
use super::range::{is_loaded_by_interval, reached};
use super::seen::{self, Seen};
use crate::ids::ModelName;
use crate::model::Kind;
use crate::naming::TableKey;
use crate::time::Timestamp;

/// A fill, and what there is now.
pub(super) struct Fill<'a> {
    pub(super) running: &'a Running<'a>,
    /// The table.
    pub(super) known: &'a KnownTable,
    /// What it would find in its inputs now.
    pub(super) now: &'a [Seen],
    /// What this run loads of other models.
    pub(super) due: &'a [Due],
}

impl Fill<'_> {
    /// Whether it was early for this tick.
    pub(super) fn was_early(&self, tick: Timestamp) -> bool {
        let then = self.known.seen.as_deref().unwrap_or_default();
        seen::holds_more_before(&|input| self.loaded_by(input, tick), self.now, then)
            || self.known.inputs.iter().any(|(input, at)| self.was_filled_since(input, *at, tick))
    }

    /// How far an input that is loaded by interval could be loaded at a moment: no further than at its own last tick by then, and
    /// not into a unit that was not over.
    fn loaded_by(&self, input: &ModelName, moment: Timestamp) -> Timestamp {
        self.running.tree.models.get(input).map_or(moment, |model| reached(model, model.last_tick(moment)))
    }

    /// Whether an input that is filled as a whole, and was last filled at `at` when it was read, was so before its own last tick by
    /// then, and is filled by now.
    fn was_filled_since(&self, input: &TableKey, at: Timestamp, tick: Timestamp) -> bool {
        let Some(model) = self.running.tree.models.get(&input.model) else { return false };
        let is_shown = self.running.shown.get(&input.model).is_some_and(|shown| shown.key == *input);
        if !is_shown || is_loaded_by_interval(model) || matches!(model.kind, Kind::Seed(_)) {
            return false;
        }
        let needed = model.last_tick(tick);
        let filled = || self.running.known.tables.get(input).and_then(|known| known.filled_at);
        let is_filled = || self.due.iter().any(|due| due.model == input.model) || filled() >= Some(needed);
        at < needed && is_filled()
    }
}
