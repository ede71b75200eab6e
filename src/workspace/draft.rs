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

/// One tree of the project, read; who may read whom is not known yet.
pub struct Scanned {
    /// Its configuration, models and files.
    pub project: Project,
    problems: Vec<Problem>,
    read: ReadFiles,
    source: TreeSource,
}

impl Scanned {
    /// The draft of it; of a tree that is much like another one, what is the same is taken from there.
    pub fn sketched(mut self, like: Option<&Sketch>) -> Draft {
        let sketch = sketch(&mut self.project, like);
        self.with(sketch)
    }

    /// The draft of it, whose models and files were taken for a sketch.
    fn with(self, sketch: Sketch) -> Draft {
        let Self { project, problems, read, source } = self;
        Draft { sketch, project, problems, read, source: Some(source) }
    }
}

/// Takes the models and files of a project for a sketch.
fn sketch(project: &mut Project, like: Option<&Sketch>) -> Sketch {
    let models = std::mem::take(&mut project.models);
    let engine = context_digest(project);
    Sketch::of(models, std::mem::take(&mut project.files), engine, like)
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
        Ok(self.scanned(source, like.map(|like| &like.read))?.sketched(like.map(|like| &like.sketch)))
    }

    /// Reads a tree for a draft of it.
    ///
    /// # Errors
    /// As [`Workspace::draft`].
    pub fn scanned(&self, source: &TreeSource, like: Option<&ReadFiles>) -> Result<Scanned, CommandError> {
        let surroundings = LoadSurroundings { shelf: Some(&self.shelf), ..self.surroundings() };
        let files = self.files(source)?;
        let (Loaded { project, problems }, read) = scan_like(&files, &surroundings, like);
        Ok(Scanned { project, problems, read, source: source.clone() })
    }

    /// The drafts of two trees that are much alike: the second is read while another thread sketches the first, and asks
    /// `look` about it.
    ///
    /// # Errors
    /// As [`Workspace::draft`], of the second.
    pub fn drafts<T: Send>(
        &self,
        mut first: Scanned,
        second: &TreeSource,
        look: impl FnOnce(&Sketch, &Project) -> T + Send,
    ) -> Result<([Draft; 2], T), CommandError> {
        let project = &mut first.project;
        let (second, sketched) = std::thread::scope(|scope| {
            let sketching = scope.spawn(move || {
                let sketch = sketch(project, None);
                let seen = look(&sketch, project);
                (sketch, seen)
            });
            let second = self.scanned(second, Some(&first.read));
            (second, sketching.join())
        });
        let (sketch, seen) = sketched.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let second = second?.sketched(Some(&sketch));
        Ok(([first.with(sketch), second], seen))
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
