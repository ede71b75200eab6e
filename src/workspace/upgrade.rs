//! A state of an older version of the fingerprints: production's commit and those of the living environments are
//! fingerprinted again, and their tables are entered under the new keys. Whoever writes does it first, in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Workspace, context_digest, git_error, state_error};
use crate::connect;
use crate::decision::{Decisions, KeptRows, Wanted as WantedRows};
use crate::engine::OpenMode;
use crate::error::CommandError;
use crate::fingerprint::{ALGORITHM, Tree};
use crate::git::TreeSource;
use crate::ids::{CommitId, EnvironmentName, ModelName, ProjectName};
use crate::project::{Loaded, ModelCache, Surroundings, scan};
use crate::settings::{Settings, Wanted};
use crate::state::{
    About, Owner, Pointer, Renewed, RenewedTree, Shown, SqliteState, State, Status, Upgrade, WriteLease,
};

/// The most entries of a history that are looked at; gc keeps no more in most projects.
const ENTRIES: usize = 50;

/// How a state is brought to this program's fingerprints.
pub struct Upgrading {
    /// The new keys.
    pub upgrade: Upgrade,
    /// How many environments were looked at.
    pub environments: usize,
    /// The environments of which no tree is here: their own tables are built again.
    pub unknown: Vec<EnvironmentName>,
}

impl Workspace<'_> {
    /// Finds out what a state of an older version needs; `None` where it has this program's, or a newer one.
    ///
    /// # Errors
    /// The commit of an environment that promote writes is not here, so its tables would be lost.
    pub fn upgrading(&self, state: &dyn State) -> Result<Option<Upgrading>, CommandError> {
        let identity = state.identity().map_err(state_error)?;
        let Some(from) = identity.map(|identity| identity.algorithm_version).filter(|from| *from < ALGORITHM) else {
            return Ok(None);
        };
        let mut abouts = state.environments().map_err(state_error)?;
        // Production first: what two environments dispute is its.
        abouts.sort_by_key(|about| (!about.name.is_prod(), about.promoted.is_none()));
        let (mut shown, mut unknown) = (Vec::new(), Vec::new());
        for about in &abouts {
            let environment = state.environment(&about.name).map_err(state_error)?;
            let models = environment.map(|environment| environment.models).unwrap_or_default();
            match self.tree_shown(about, &still_decided(&models))? {
                Some(tree) => {
                    shown.push(((about.name.clone(), None), models, tree));
                }
                None => unknown.push(about.name.clone()),
            }
            if about.promoted.is_some() {
                shown.extend(self.past(state, &about.name)?);
            }
        }
        let environments = abouts.len() - unknown.len();
        Ok(Some(Upgrading { upgrade: Upgrade::new((from, ALGORITHM), shown), environments, unknown }))
    }

    /// Brings a state to this program's fingerprints, where it has older ones.
    ///
    /// # Errors
    /// As [`Workspace::upgrading`], or the state cannot be written.
    pub(super) fn bring_up(&self, state: &dyn State, lease: &WriteLease) -> Result<(), CommandError> {
        let Some(Upgrading { upgrade, environments, unknown }) = self.upgrading(state)? else { return Ok(()) };
        state.upgrade(lease, &upgrade).map_err(state_error)?;
        let mut told = format!(
            "the state's fingerprints went from version {} to {}: {} tables of {environments} environments are found under \
             their new keys",
            upgrade.from,
            upgrade.to,
            upgrade.tables()
        );
        if !unknown.is_empty() {
            let names: Vec<String> = unknown.iter().map(|name| format!("`{name}`")).collect();
            told.push_str(&format!("; the commits of {} are not here, so their own are built again", names.join(", ")));
        }
        self.context.output.talk(&told);
        Ok(())
    }

    /// The version of the state's tables, older ones too; `None` where there is no state.
    ///
    /// # Errors
    /// There is something that is no state, or a newer one.
    pub fn state_schema(&self, settings: &Settings) -> Result<Option<u32>, CommandError> {
        connect::schema_version(&self.state_place(settings)?, &self.terms()).map_err(state_error)
    }

    /// The state as a plan reads it: one of an older version as it will be once somebody writes it.
    ///
    /// # Errors
    /// There is something that is no state.
    pub fn state_to_plan(&self, settings: &Settings) -> Result<Box<dyn State>, CommandError> {
        let state = self.state_to_read(settings)?;
        match self.upgrading(state.as_ref()) {
            Ok(None) => Ok(state),
            Ok(Some(Upgrading { upgrade, .. })) => in_memory(state.as_ref(), &settings.project, &upgrade),
            Err(error) => {
                let hint = error.hints.first().cloned().unwrap_or_default();
                self.context.output.talk(&format!("{}, so this plan finds no table again: {hint}", error.message));
                Ok(state)
            }
        }
    }

    /// What the models of an environment are by now; `None` where nobody can tell.
    fn tree_shown(&self, about: &About, decisions: &Decisions) -> Result<Option<RenewedTree>, CommandError> {
        if let Some(commit) = &about.promoted {
            let tree =
                self.git.tree_of(commit).map_err(git_error).and_then(|source| self.renewed(&source, None, decisions));
            return tree.map(Some).map_err(|error| not_here(about, commit, &error));
        }
        // Its pointers are those of the plan before, and its commits are not.
        if about.status == Status::Building {
            return Ok(None);
        }
        let Ok(Some(source)) = self.tree_of_environment(about) else { return Ok(None) };
        // What CI builds for a pull request runs under the settings of its base.
        let settings = match about.owner {
            Owner::PullRequest(_) => match self.git.tree_of(&about.commits.base).map(|source| self.settings(&source)) {
                Ok(Ok(settings)) => Some(settings),
                _ => return Ok(None),
            },
            Owner::Branch(_) | Owner::Named => None,
        };
        Ok(self.renewed(&source, settings.as_ref(), decisions).ok())
    }

    /// Production's entries, so that it can be rolled back to them; one whose commit is not here stays as it is.
    fn past(&self, state: &dyn State, name: &EnvironmentName) -> Result<Vec<Shown>, CommandError> {
        let mut known: BTreeMap<(CommitId, BTreeMap<ModelName, KeptRows>), Option<RenewedTree>> = BTreeMap::new();
        let mut past = Vec::new();
        for entry in state.history(name, ENTRIES).map_err(state_error)? {
            let Some(commit) = entry.commit else { continue };
            let decided = decided_models(&entry.models).map(|(name, rows)| (name.clone(), *rows)).collect();
            let tree = known.entry((commit, decided)).or_insert_with_key(|(commit, _)| {
                let source = self.git.tree_of(commit).ok()?;
                self.renewed(&source, None, &still_decided(&entry.models)).ok()
            });
            past.extend(tree.clone().map(|tree| ((name.clone(), Some(entry.sequence)), entry.models, tree)));
        }
        Ok(past)
    }

    /// What the models of a tree are by now. Nobody wrote down under which gateway they were built, so those that are not the
    /// same under each that has this state are left out.
    fn renewed(
        &self,
        source: &TreeSource,
        settings: Option<&Settings>,
        decisions: &Decisions,
    ) -> Result<RenewedTree, CommandError> {
        let own = self.settings(source)?;
        let names = self.gateways_of_the_state(settings.unwrap_or(&own))?;
        let mut trees = match names.is_empty() {
            true => vec![self.tree_under(source, None, settings)?.decided(decisions)],
            false => names
                .iter()
                .copied()
                .map(|name| Ok(self.tree_under(source, Some(name), settings)?.decided(decisions)))
                .collect::<Result<_, CommandError>>()?,
        }
        .into_iter();
        let Some(first) = trees.next() else { return Ok(RenewedTree::new()) };
        let renewed = |(name, fingerprint): (&ModelName, &crate::fingerprint::Fingerprint)| {
            let (data, metadata, undecided) = (fingerprint.data, fingerprint.metadata, fingerprint.undecided);
            Some((name.clone(), Renewed { data, metadata, source: *first.sources.get(name)?, undecided }))
        };
        let mut all: RenewedTree = first.fingerprints.iter().filter_map(renewed).collect();
        for other in trees {
            all.retain(|name, renewed| other.fingerprints.get(name).is_some_and(|other| other.data == renewed.data));
        }
        Ok(all)
    }

    fn gateways_of_the_state<'s>(&self, settings: &'s Settings) -> Result<Vec<&'s str>, CommandError> {
        let ours = self.state_place(settings)?;
        let opening = self.opening(settings, OpenMode::ReadOnly, Duration::ZERO);
        let has_it = |name: &str| match connect::state_place(settings, Some(name), &opening) {
            Ok(place) => place.is_same(&ours),
            // Only of a server can too little be said to find it.
            Err(_) => ours.file().is_none(),
        };
        Ok(settings.gateways.keys().map(String::as_str).filter(|name| has_it(name)).collect())
    }

    fn tree_under(
        &self,
        source: &TreeSource,
        gateway: Option<&str>,
        settings: Option<&Settings>,
    ) -> Result<Tree, CommandError> {
        let files = self.files(source)?;
        let cache = ModelCache::default();
        let surroundings = Surroundings {
            gateway: gateway.map(Wanted::Named).or(self.surroundings().gateway),
            cache: &cache,
            ..self.surroundings()
        };
        let Loaded { mut project, .. } = scan(&files, &surroundings);
        if let Some(settings) = settings {
            project.settings = settings.clone();
            project.gateway = gateway.map(str::to_owned);
        }
        let models = std::mem::take(&mut project.models);
        let engine = context_digest(&project);
        Ok(Tree::new(models, project.files, engine, None).0)
    }
}

/// The models of which it was decided that their rows are kept, and which.
fn decided_models(models: &BTreeMap<ModelName, Pointer>) -> impl Iterator<Item = (&ModelName, &KeptRows)> {
    models.iter().filter(|(_, pointer)| pointer.undecided.is_some()).map(|(name, pointer)| (name, &pointer.kept))
}

/// The same is decided of what they are by now.
fn still_decided(models: &BTreeMap<ModelName, Pointer>) -> Decisions {
    let wanted =
        decided_models(models).map(|(name, rows)| (name.clone(), WantedRows { known: BTreeSet::new(), rows: *rows }));
    Decisions::default().wanting(wanted.collect())
}

fn in_memory(state: &dyn State, project: &ProjectName, upgrade: &Upgrade) -> Result<Box<dyn State>, CommandError> {
    let copy = SqliteState::copy_of(state, project).map_err(state_error)?;
    let lease = copy.lease("bot plan", Duration::ZERO).map_err(state_error)?;
    copy.upgrade(&lease, upgrade).map_err(state_error)?;
    drop(lease);
    Ok(Box::new(copy))
}

fn not_here(about: &About, commit: &CommitId, error: &CommandError) -> CommandError {
    let short: String = commit.as_str().chars().take(12).collect();
    CommandError::no(format!(
        "the state has fingerprints of an older version, and commit `{short}`, which `{}` shows, is not here to find its tables \
         again by",
        about.name
    ))
    .because(error.message.clone())
    .hint("run `bot state migrate` where the whole history is (`fetch-depth: 0`)")
}
