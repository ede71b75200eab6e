//! Trees of which nothing was parsed or fingerprinted yet, and what earlier runs kept of them.

use super::{Workspace, context_digest};
use crate::decision::Decisions;
use crate::error::CommandError;
use crate::fingerprint::{Known, Sketch, Tree};
use crate::git::TreeSource;
use crate::hash::Digest;
use crate::problem::Problem;
use crate::project::{Loaded, Project, ReadFiles, Surroundings as LoadSurroundings, scan_like};

/// One tree of the project, loaded; nothing of it was parsed or fingerprinted.
pub struct Draft {
    /// Models and what they are made from.
    pub sketch: Sketch,
    /// Its configuration; the models and files are in `sketch`.
    pub project: Project,
    /// What is wrong with it, queries left out.
    pub problems: Vec<Problem>,
    /// What its files came to.
    pub read: ReadFiles,
    /// Where its files are; `None` where there are none.
    pub source: Option<TreeSource>,
}

impl Draft {
    /// The same with what was decided.
    #[must_use]
    pub fn decided(self, decisions: &Decisions) -> Self {
        Self { sketch: self.sketch.with_decisions(decisions.clone()), ..self }
    }
}

impl Workspace<'_> {
    /// Loads a tree without parsing its queries; of files that an earlier run has read, the queries are unread. Of a tree
    /// that is much like another one only the differences are loaded.
    ///
    /// # Errors
    /// Git cannot read the tree; anything wrong inside it is a problem of the draft.
    pub fn draft(&self, source: &TreeSource, like: Option<&Draft>) -> Result<Draft, CommandError> {
        let surroundings = LoadSurroundings { shelf: Some(&self.shelf), ..self.surroundings() };
        let files = self.files(source)?;
        let (Loaded { mut project, problems }, read) = scan_like(&files, &surroundings, like.map(|like| &like.read));
        let models = std::mem::take(&mut project.models);
        let engine = context_digest(&project);
        let files = std::mem::take(&mut project.files);
        let sketch = Sketch::of(models, files, engine, like.map(|like| &like.sketch));
        Ok(Draft { sketch, project, problems, read, source: Some(source.clone()) })
    }

    /// Begins to read what earlier runs kept, for a command that will draft trees.
    pub fn prepare(&self) {
        self.shelf.prepare();
    }

    /// Keeps for the next run what this one read.
    pub fn keep(&self) {
        self.shelf.save();
    }

    /// What an earlier run computed of a model from these sources.
    pub fn known(&self, sources: Digest) -> Option<Known> {
        self.shelf.known(sources)
    }

    /// Remembers what was computed of a tree, for the next run; what was decided of a model with this very tree is no part of
    /// its sources.
    pub fn remember(&self, tree: &Tree) {
        for (name, fingerprint) in &tree.fingerprints {
            if let (Some(sources), Some(node), None) =
                (tree.sources.get(name), tree.graph.node(name), fingerprint.undecided)
            {
                self.shelf.remember(*sources, || (fingerprint, node).into());
            }
        }
    }

    /// A draft without models, for what was never promoted.
    pub fn empty_draft(&self, like: &Draft) -> Draft {
        let sketch = Sketch::of(Default::default(), Default::default(), like.sketch.engine(), None);
        Draft { sketch, project: Project::default(), problems: Vec::new(), read: ReadFiles::default(), source: None }
    }
}
