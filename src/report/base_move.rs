//! What a base branch that moved means for a plan. A plan is the difference that a branch makes; it is stale where the branch
//! would make another one on the new base. That is read off fingerprints, not off the names of files: an edit of a model
//! that nobody reads is none of the plan's business, a new reader of a model that the branch changes is.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::Change;
use crate::diff::{ModelDiff, diff};
use crate::fingerprint::Tree;
use crate::hash::Digest;
use crate::ids::{FilePath, ModelName};

/// A move of the base branch that makes a plan stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseMove {
    /// By how many commits.
    pub commits: u64,
    /// What it touches.
    pub touched: Touched,
}

/// What of a plan the base branch touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// These models, which are of the plan or feed it; never empty.
    Models(Vec<ModelName>),
    /// Perhaps all of it: it cannot be told.
    Unclear(Unclear),
}

/// Why it cannot be told what the base branch touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// It changed at least so many files.
    ManyFiles(usize),
    /// It changed a file, no model's own, that the branch changes too.
    BothChange(FilePath),
    /// It changed a file that the plan's base did not have.
    NotInBase(FilePath),
    /// It changed files of a project in which links or Git LFS take part.
    Links,
    /// It changed the settings, which say where and how much is built.
    Settings,
    /// The project has errors on it.
    Errors,
}

/// How models of a tree, or what the tree says of them, are told apart.
type Print = Option<(Digest, Digest)>;

/// The models, of the plan or of what feeds it, that the base branch touched: `before` and `after` are each the base and
/// what the branch makes of it. Empty where the branch makes the same difference on both.
pub fn touched(before: (&Tree, &Tree), after: (&Tree, &Tree)) -> Vec<ModelName> {
    let (old, new) = (difference(before), difference(after));
    let mut moved: BTreeSet<&ModelName> = old.keys().chain(new.keys()).collect();
    moved.retain(|name| old.get(*name) != new.get(*name));
    // What people look for is the model that was edited, not all those that it moved.
    let mut feeding = moved.clone();
    let mut pending: Vec<&ModelName> = moved.iter().copied().collect();
    while let Some(name) = pending.pop() {
        let parents = [before.0, after.0, after.1].into_iter().flat_map(|tree| tree.graph.parents(name));
        pending.extend(parents.filter(|parent| feeding.insert(parent)));
    }
    let source = |tree: &Tree, name: &ModelName| tree.models.get(name).map(|model| model.source);
    let is_edited = |name: &&&ModelName| source(before.0, name) != source(after.0, name);
    let edited: Vec<ModelName> = feeding.iter().filter(is_edited).map(|name| (*name).clone()).collect();
    if edited.is_empty() { moved.into_iter().cloned().collect() } else { edited }
}

/// The models of which a plan between two trees speaks, with what they are on both sides.
fn difference((base, result): (&Tree, &Tree)) -> BTreeMap<ModelName, (Change, Print, Print)> {
    let print = |tree: &Tree, name: &ModelName| tree.fingerprints.get(name).map(|print| (print.data, print.metadata));
    let both = |diff: ModelDiff| {
        let prints = (print(base, &diff.name), print(result, &diff.name));
        (diff.name, (diff.change, prints.0, prints.1))
    };
    diff(base, result).into_iter().map(both).collect()
}

#[cfg(test)]
mod tests;
