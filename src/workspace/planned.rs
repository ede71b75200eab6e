//! A tree that is to be planned: its own settings or others, and the rules of its linter.

use super::{Side, Workspace};
use crate::error::CommandError;
use crate::git::TreeSource;
use crate::lint::{Lint, Models, lint};
use crate::project::sorted;
use crate::settings::Settings;

impl Workspace<'_> {
    /// Loads and fingerprints a tree that is to be planned. Where its linter is enabled, what the rules find is among its
    /// problems.
    ///
    /// With `settings`, its SQL will run where those say, as in CI the base's do: its tables are what those give, and after
    /// a change of them it is another table. What the tree itself says of that counts once it is the base.
    ///
    /// # Errors
    /// As [`Workspace::side`].
    pub fn planned_side(&self, source: &TreeSource, settings: Option<&Settings>) -> Result<Side, CommandError> {
        let mut side = self.side_of(source, None, settings)?;
        if side.project.settings.linter.is_on() {
            let found = self.lint(&side, Models::All)?.into_problems();
            side.problems = sorted([side.problems, found].concat());
        }
        Ok(side)
    }

    /// Asks the rules of a side's linter, whether or not it is enabled.
    ///
    /// # Errors
    /// Git cannot read the tree.
    pub fn lint(&self, side: &Side, models: Models<'_>) -> Result<Lint, CommandError> {
        Ok(lint(&side.tree, &self.files(&side.source)?, &side.project.settings, models))
    }
}
