//! One project where it lies: its git repository, its trees as models and fingerprints, its state and its warehouse.
//!
//! Everything that commands have in common before they differ. It opens no warehouse by itself, and nothing for writing
//! unless asked to.

mod digest;
mod draft;
mod gateway;
mod planned;
mod unit_tests;
mod upgrade;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cli::Command;
use crate::connect;
use crate::context::Context;
use crate::decision::Decisions;
use crate::error::CommandError;
use crate::files::{Edits, FileTree, Overlaid};
use crate::fingerprint::{ALGORITHM, Tree};
use crate::git::{Git, GitError, GitTree, Head, Mode, Request, TreeSource};
use crate::ids::StateId;
use crate::problem::{Problem, Severity};
use crate::project::{
    Loaded, ModelCache, Owned, Project, Surroundings as LoadSurroundings, other_dialects, query_problems, scan, sorted,
};
use crate::settings::dotenv::{DOTENV, put_over};
use crate::settings::{Part, Settings};
use crate::shelf::Shelf;
use crate::state::{About, OpenMode as StateMode, State, StateError, Terms, WriteLease};
use crate::surroundings::Stopwatch;
use crate::turn::Turns;

pub use digest::context_digest;
use digest::context_shown;
pub use draft::{Draft, Scanned};
pub use gateway::StateEngine;
pub use upgrade::Upgrading;

/// How often a request to stop is looked for while somebody else writes the state.
const STOP_POLL: Duration = Duration::from_millis(200);

/// A project's place.
pub struct Workspace<'a> {
    context: &'a Context<'a>,
    /// The repository.
    pub git: Git,
    /// The project's folder on disk.
    pub root: PathBuf,
    /// The same, relative to the repository's root; empty where it is the root.
    pub folder: String,
    part: Option<Part>,
    /// Those of the process, and over them what `.env` says.
    variables: BTreeMap<String, String>,
    cache: ModelCache,
    shelf: Shelf,
}

/// One tree of the project, loaded and fingerprinted.
pub struct Side {
    /// Models, graph, fingerprints.
    pub tree: Tree,
    /// Its configuration; the models are in `tree`.
    pub project: Project,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// Where its files are.
    pub source: TreeSource,
}

impl Side {
    /// The same with what was decided.
    #[must_use]
    pub fn decided(self, decisions: &Decisions) -> Self {
        Self { tree: self.tree.decided(decisions), ..self }
    }
}

/// What a side would be with other files.
pub struct Edited {
    /// Models, graph, fingerprints.
    pub tree: Tree,
    /// Its configuration.
    pub settings: Settings,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl<'a> Workspace<'a> {
    /// Finds the repository around the project's folder, for whose work the command does.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn open(context: &'a Context<'a>) -> Result<Self, CommandError> {
        Self::open_for(context, gateway::part_of(context))
    }

    /// The same for a part of the work, or `None` for a person, who goes through the default gateway.
    ///
    /// # Errors
    /// As [`Workspace::open`].
    pub fn open_for(context: &'a Context<'a>, part: Option<Part>) -> Result<Self, CommandError> {
        let root = context.project_folder();
        let git = Git::discover(&root).map_err(git_error)?;
        let folder = git.project_folder(&root).map_err(git_error)?;
        let shelf = Shelf::of(context.surroundings.cache_folder().as_deref(), &root);
        let variables = variables(context, &root)?;
        Ok(Self { context, git, root, folder, part, variables, cache: ModelCache::default(), shelf })
    }

    /// Loads and fingerprints a tree.
    ///
    /// # Errors
    /// Git cannot read the tree; anything wrong inside it is a problem of the side.
    pub fn side(&self, source: &TreeSource) -> Result<Side, CommandError> {
        self.side_like(source, None)
    }

    /// Loads and fingerprints a tree that is much like another one: only what differs costs anything.
    ///
    /// # Errors
    /// As [`Workspace::side`].
    pub fn side_like(&self, source: &TreeSource, like: Option<&Tree>) -> Result<Side, CommandError> {
        self.side_of(source, like, None)
    }

    /// The tree that an environment shows: of the promoted commit; else as its branch has it, or merged again, if it is the
    /// same then; `None` where no commit has it.
    ///
    /// # Errors
    /// A commit is not here.
    pub fn tree_of_environment(&self, about: &About) -> Result<Option<TreeSource>, GitError> {
        if let Some(commit) = &about.promoted {
            return self.git.tree_of(commit).map(Some);
        }
        let (Some(head), Some(wanted)) = (&about.commits.head, &about.commits.result_tree) else { return Ok(None) };
        if let Some(source) = self.git.tree_of(head).ok().filter(|source| source.id() == wanted) {
            return Ok(Some(source));
        }
        let merged = self.git.three_trees(&Request {
            base: Some(about.commits.base.as_str()),
            base_branch: None,
            head: Some(head.as_str()),
            mode: Mode::Commit,
            project_folder: &self.folder,
        })?;
        Ok(Some(merged.result).filter(|source| source.id() == wanted))
    }

    fn side_of(
        &self,
        source: &TreeSource,
        like: Option<&Tree>,
        settings: Option<&Settings>,
    ) -> Result<Side, CommandError> {
        let files = self.files(source)?;
        let (tree, project, problems) = self.loaded(&files, like, settings);
        Ok(Side { tree, project, problems, source: source.clone() })
    }

    /// What a side would be with edits laid over its files; `None` where links or LFS take part, so that a path is not all
    /// that an edit reaches. `settings` as in [`Workspace::planned_side`].
    ///
    /// # Errors
    /// Git cannot read the tree.
    pub fn side_with(
        &self,
        side: &Side,
        edits: &Edits,
        settings: Option<&Settings>,
    ) -> Result<Option<Edited>, CommandError> {
        let files = self.files(&side.source)?;
        if !files.is_plain() {
            return Ok(None);
        }
        let (tree, project, problems) = self.loaded(&Overlaid::new(&files, edits), Some(&side.tree), settings);
        let tree = tree.decided(&side.tree.context.decisions);
        Ok(Some(Edited { tree, settings: project.settings, problems }))
    }

    fn loaded(
        &self,
        files: &dyn FileTree,
        like: Option<&Tree>,
        settings: Option<&Settings>,
    ) -> (Tree, Project, Vec<Problem>) {
        self.examined(scan(files, &self.surroundings()), files, like, settings)
    }

    fn examined(
        &self,
        loaded: Loaded,
        files: &dyn FileTree,
        like: Option<&Tree>,
        settings: Option<&Settings>,
    ) -> (Tree, Project, Vec<Problem>) {
        let Loaded { mut project, mut problems } = loaded;
        let models = std::mem::take(&mut project.models);
        if let Some(settings) = settings {
            problems.extend(self.run_elsewhere(&mut project, settings));
        }
        let engine = context_digest(&project);
        let (tree, cycles) = Tree::new(models, project.files.clone(), engine, like);
        let tree = tree.with_broken(project.broken.clone()).with_context(context_shown(&project));
        let owned = Owned { models: &tree.models, broken: &tree.broken };
        let all = || tree.models.values().map(Arc::as_ref);
        problems.extend(query_problems(files, all(), owned));
        problems.extend(other_dialects(project.engine_dialect(), all()));
        problems = sorted(problems);
        problems.extend(cycles);
        (tree, project, problems)
    }

    /// Gives a project the settings under which it runs, and says so where they are not its own.
    fn run_elsewhere(&self, project: &mut Project, settings: &Settings) -> Option<Problem> {
        let own = context_digest(project);
        // How strictly a tree is looked at is its own affair.
        let linter = std::mem::take(&mut project.settings.linter);
        let used = Settings { linter, ..settings.clone() };
        project.written = Some(Box::new(std::mem::replace(&mut project.settings, used)));
        project.gateway = self.gateway(settings).map(str::to_owned);
        (own != context_digest(project)).then(|| {
            Problem::warning(
                "settings-of-the-base",
                "the connection or its settings change, which counts after the merge",
            )
            .help("what is built for the pull request is built under the settings of the base branch")
        })
    }

    /// The process's variables, and over them what `.env` says. Values may be secrets.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Where SQLMesh looks for settings of a person, which are not read.
    pub fn personal_folder(&self) -> Option<PathBuf> {
        Some(self.context.surroundings.home()?.join(".sqlmesh"))
    }

    /// Whether `.env` is read: not where no person runs this.
    pub fn reads_dotenv(&self) -> bool {
        !is_automated(self.context)
    }

    /// What loading needs besides the files.
    pub fn surroundings(&self) -> LoadSurroundings<'_> {
        LoadSurroundings { environment: &self.variables, gateway: self.wanted(), cache: &self.cache, shelf: None }
    }

    /// A tree without models, for what was never promoted.
    pub fn nothing(&self, like: &Side) -> Tree {
        Tree::new(Default::default(), Default::default(), like.tree.context.engine, None).0
    }

    /// The files of a tree.
    ///
    /// # Errors
    /// Git cannot read it.
    pub fn files(&self, source: &TreeSource) -> Result<GitTree<'_>, CommandError> {
        self.git.tree(source, &self.folder).map_err(git_error)
    }

    /// The settings of a tree, for what must be known before the trees are chosen.
    ///
    /// # Errors
    /// Git cannot read it.
    pub fn settings(&self, source: &TreeSource) -> Result<Settings, CommandError> {
        let files = self.files(source)?;
        Ok(crate::settings::load(&files, &self.variables).0)
    }

    /// The state to read; a missing one reads as empty and nothing is made.
    ///
    /// # Errors
    /// There is something that is no state.
    pub fn state_to_read(&self, settings: &Settings) -> Result<Box<dyn State>, CommandError> {
        self.state(settings, &StateMode::ReadOnlyIfExists)
    }

    /// The state to write; made where it is missing.
    ///
    /// # Errors
    /// There is something that is no state, or the store refuses.
    pub fn state_to_write(&self, settings: &Settings) -> Result<Box<dyn State>, CommandError> {
        self.state_to_write_as(settings, StateId::new(self.random_id()?))
    }

    /// The same, with this id where it is made now.
    ///
    /// # Errors
    /// As [`Workspace::state_to_write`].
    pub fn state_to_write_as(&self, settings: &Settings, state: StateId) -> Result<Box<dyn State>, CommandError> {
        self.state(settings, &StateMode::Write { state, algorithm_version: ALGORITHM })
    }

    fn state(&self, settings: &Settings, mode: &StateMode) -> Result<Box<dyn State>, CommandError> {
        let place = self.state_place(settings)?;
        connect::state(&place, &settings.project, mode, &self.terms()).map_err(state_error)
    }

    fn terms(&self) -> Terms {
        let stop = self.context.surroundings.interruption().flag();
        Terms { known_as: self.known_as(), stop, ..Terms::default() }
    }

    /// What others recognise this run by: its address in CI, else who runs it.
    fn known_as(&self) -> Option<String> {
        let variable = |name| self.context.surroundings.variable(name).map(str::to_owned);
        let in_ci = || {
            let (server, repository) = (variable("GITHUB_SERVER_URL")?, variable("GITHUB_REPOSITORY")?);
            Some(format!("{server}/{repository}/actions/runs/{}", variable("GITHUB_RUN_ID")?))
        };
        in_ci().or_else(|| self.git.user_name())
    }

    /// Waits for the right to write the state, until told to stop. One of an older version of the fingerprints is brought to
    /// this program's first.
    ///
    /// # Errors
    /// Somebody else holds it for longer than `timeout`; as [`Workspace::upgrading`].
    pub fn lease(&self, state: &dyn State, doing: &str, timeout: Duration) -> Result<WriteLease, CommandError> {
        let stopwatch = Stopwatch::start();
        loop {
            let waited = Duration::from_secs_f64(stopwatch.seconds());
            let left = timeout.saturating_sub(waited);
            match state.lease(doing, left.min(STOP_POLL)) {
                Err(StateError::Busy { .. }) if self.context.surroundings.interruption().is_requested() => {
                    return Err(CommandError::failed(format!("`{doing}` stopped as asked; nothing was changed")));
                }
                Err(StateError::Busy { .. }) if !left.is_zero() => {}
                Err(StateError::Busy { holder, .. }) => return Err(state_error(StateError::Busy { holder, waited })),
                Err(error) => return Err(state_error(error)),
                Ok(lease) => {
                    self.bring_up(state, &lease)?;
                    return Ok(lease);
                }
            }
        }
    }

    /// What taking turns with others needs.
    pub fn turns<'t>(&'t self, state: &'t dyn State, lease: &'t WriteLease, settings: &'t Settings) -> Turns<'t> {
        let Context { output, surroundings, .. } = self.context;
        Turns { state, lease, project: &settings.project, output, interruption: surroundings.interruption() }
    }

    /// 128 random bits as text.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn random_id(&self) -> Result<String, CommandError> {
        self.context.surroundings.random_id().map_err(|error| CommandError::failed("no random numbers").because(error))
    }
}

impl Workspace<'_> {
    /// The configuration of what is checked out, without its models; empty where nothing is committed yet.
    ///
    /// # Errors
    /// Git cannot be read.
    pub fn project_here(&self) -> Result<Project, CommandError> {
        Ok(Project { settings: self.settings_and_problems_here()?.0, ..Project::default() })
    }

    /// The settings of what is checked out, for what must not go by a default in place of a setting that cannot be read.
    ///
    /// # Errors
    /// Git cannot be read, or the configuration has errors.
    pub fn sound_settings_here(&self) -> Result<Settings, CommandError> {
        let (settings, problems) = self.settings_and_problems_here()?;
        match problems.iter().find(|problem| problem.severity == Severity::Error) {
            Some(problem) => Err(CommandError::no("the configuration has errors, so nothing was done")
                .because(problem.message.clone())
                .hint("`bot plan` shows them all")),
            None => Ok(settings),
        }
    }

    fn settings_and_problems_here(&self) -> Result<(Settings, Vec<Problem>), CommandError> {
        let commit = match self.git.head().map_err(git_error)? {
            Head::Branch { commit, .. } | Head::Detached { commit } => commit,
            Head::Unborn { .. } => return Ok((Settings::default(), Vec::new())),
        };
        let files = self.files(&self.git.tree_of(&commit).map_err(git_error)?)?;
        Ok(crate::settings::load(&files, &self.variables))
    }
}

/// Whether no person runs this: any service for CI that says so in whichever way.
fn is_automated(context: &Context<'_>) -> bool {
    const SERVICES: [&str; 8] = [
        "CI",
        "GITHUB_ACTIONS",
        "GITLAB_CI",
        "TF_BUILD",
        "BUILDKITE",
        "CODEBUILD_BUILD_ID",
        "JENKINS_URL",
        "TEAMCITY_VERSION",
    ];
    let says_no = |value: &str| ["false", "0", "no"].contains(&value.to_lowercase().as_str());
    let says_so = |name: &&str| context.surroundings.variable(name).is_some_and(|value| !says_no(value));
    matches!(context.cli.command, Command::Ci(_)) || SERVICES.iter().any(says_so)
}

/// The largest `.env` that is read.
const MAX_DOTENV: u64 = 1 << 20;

/// The process's variables, and over them those of `.env` in the project's folder, as SQLMesh has it. In CI the file is a
/// stranger's.
fn variables(context: &Context<'_>, root: &Path) -> Result<BTreeMap<String, String>, CommandError> {
    let mut variables = context.surroundings.variables().clone();
    let path = root.join(DOTENV);
    if is_automated(context) || !path.is_file() {
        return Ok(variables);
    }
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_DOTENV + 1).read_to_string(&mut text));
    let length = read.map_err(|error| CommandError::no(format!("`{DOTENV}` cannot be read")).because(error))?;
    if length as u64 > MAX_DOTENV {
        return Err(CommandError::no(format!("`{DOTENV}` is larger than {} MiB", MAX_DOTENV >> 20)));
    }
    for error in put_over(&mut variables, &text) {
        context.output.talk(&format!("`{DOTENV}`: {error}, and is passed over"));
    }
    Ok(variables)
}

impl Drop for Workspace<'_> {
    fn drop(&mut self) {
        let (cache, shelf) = (std::mem::take(&mut self.cache), std::mem::take(&mut self.shelf));
        leave((cache, shelf, self.git.forget()));
    }
}

/// Gives back what a large project takes up while the caller goes on; at the end of the process nobody waits for it.
pub fn leave<T: Send + 'static>(done_with: T) {
    rayon::spawn(move || drop(done_with));
}

/// What git's refusal means to the caller.
pub fn git_error(error: GitError) -> CommandError {
    let hint = error.hint();
    let is_no = matches!(error, GitError::Conflicts { .. } | GitError::UnknownRevision { .. });
    let told = if is_no { CommandError::no(error.to_string()) } else { CommandError::failed(error.to_string()) };
    match hint {
        Some(hint) => told.hint(hint),
        None => told,
    }
}

/// What the state's refusal means to the caller.
pub fn state_error(error: StateError) -> CommandError {
    match error {
        StateError::NameTaken { .. }
        | StateError::Conflict { .. }
        | StateError::OwnerElsewhere { .. }
        | StateError::NoState
        | StateError::NotEmpty { .. }
        | StateError::Line(_) => CommandError::no(error.to_string()),
        StateError::Unwritten { source } => CommandError::failed("the export cannot be written").because(source),
        StateError::Store { source, doing, location } => {
            CommandError::failed(format!("cannot {doing} state `{location}`")).because(source)
        }
        other => CommandError::failed(other.to_string()),
    }
}
