//! Steers half of the edits of a run with a planted fault to what the fault hides: there a table's hash moves as it should
//! and stays in the weaker form. Any edit may be such a one, and what comes of it is judged as ever; only chance would
//! bring too few of them within the edits that a fault has.

use std::collections::BTreeMap;

use offshoot::hash::Digest;
use offshoot::ids::ModelName;

use super::apply::Side;
use super::ir::Project;
use super::kinds::{EDITS, Edit, Make};
use super::run::{Episode, Made};

/// Edits that are looked at before chance goes on.
const TRIES: usize = 24;

impl Episode<'_> {
    /// Makes an edit that the planted fault hides; false where none was found.
    pub(crate) fn steered(&mut self) -> bool {
        let branch = self.some_branch();
        let before = self.branches[branch].project.clone();
        let Some(before) = self.side(&before) else { return false };
        for _ in 0..TRIES {
            let Some((edit, project)) = self.random_edit(branch) else { continue };
            if !self.side(&project).is_some_and(|after| is_hidden(&before, &after)) {
                continue;
            }
            let made = self.applied(branch, project);
            self.report.count(edit, made);
            if matches!(made, Made::Done { .. }) {
                return true;
            }
            if self.report.unsound.len() > self.before {
                return true;
            }
        }
        false
    }

    fn random_edit(&mut self, branch: usize) -> Option<(&'static Edit, Project)> {
        let edit = &EDITS[self.choices.below(EDITS.len())];
        match edit.make {
            Make::Desk(make) => self.edited(branch, make).map(|project| (edit, project)),
            Make::Scene(_) => None,
        }
    }
}

/// Whether a table's true hash moves and the one that the fault leaves does not.
fn is_hidden(before: &Side, after: &Side) -> bool {
    let truly = |side: &Side, name: &ModelName| side.tree.fingerprints.get(name).map(|fingerprint| fingerprint.data);
    let weaker = |keys: &BTreeMap<ModelName, Digest>, name: &ModelName| keys.get(name).copied();
    before.keys.keys().any(|name| {
        let (was, is) = (truly(before, name), truly(after, name));
        is.is_some() && was != is && weaker(&before.keys, name) == weaker(&after.keys, name)
    })
}
