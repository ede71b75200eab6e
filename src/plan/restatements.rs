//! Which tables were made of rows that were loaded again since, because some of them were wrong: what lies over its own rows does not
//! go on with those. Pure: what was loaded again comes in as a plain map.

use std::collections::BTreeMap;

use super::KnownTable;
use super::range::is_loaded_by_interval;
use crate::fingerprint::Tree;
use crate::ids::ModelName;
use crate::model::{Kind, Model, Past};
use crate::time::Timestamp;

/// When models of a tree were loaded again last, and when something was that they read.
pub(super) struct Restatements<'a> {
    own: &'a BTreeMap<ModelName, Timestamp>,
    all: BTreeMap<&'a ModelName, Timestamp>,
}

impl<'a> Restatements<'a> {
    pub(super) fn of(tree: &'a Tree, own: &'a BTreeMap<ModelName, Timestamp>) -> Self {
        let mut all = BTreeMap::new();
        let order = tree.graph.order().iter().filter(|_| !own.is_empty());
        for name in order {
            // What is kept is not loaded again because what it reads is.
            let is_kept = tree.models.get(name).is_some_and(|model| model.past() != Past::Recomputed);
            let parents = tree.graph.parents(name).filter(|_| !is_kept).filter_map(|parent| all.get(parent)).copied();
            if let Some(newest) = parents.chain(own.get(name).copied()).max() {
                all.insert(name, newest);
            }
        }
        Self { own, all }
    }

    /// Whether a table lies over its own rows, and something that it was made of was loaded again since.
    pub(super) fn is_since(&self, model: &Model, known: &KnownTable) -> bool {
        let lies_over = matches!(model.kind, Kind::UniqueKey(_)) && !is_loaded_by_interval(model);
        if !lies_over || model.past() != Past::Recomputed {
            return false;
        }
        let since = self.all.get(&model.name).is_some_and(|at| known.filled_at.is_some_and(|filled| filled < *at));
        // It may have read what there was before while that was loaded again for another environment.
        since || known.inputs.iter().any(|(input, newest)| self.own.get(&input.model).is_some_and(|at| newest < at))
    }
}
