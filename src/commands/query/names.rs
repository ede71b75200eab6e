//! Model names of a person's query, replaced by what one environment shows of these models.
//!
//! A name becomes the environment's view: all views of an environment move in one transaction, so what a query reads
//! through them always belongs together, and no git is needed. A model without a view is read from its table. EMBEDDED
//! models have neither; their query comes from the environment's tree, and only if it still has the fingerprint that
//! the environment points at.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::apply::everything;
use crate::error::CommandError;
use crate::fingerprint::{Fingerprint, Tree};
use crate::git::{GitError, Mode, Request, TreeSource};
use crate::hash::Digest;
use crate::ids::{CommitId, FilePath, ModelName, TableName};
use crate::model::{Kind, KindName, Model};
use crate::resolve::{Resolver, Times};
use crate::sql::{Dialect, Query, TokenKind};
use crate::state::{Environment, Pointer};
use crate::statement::LoadTime;
use crate::workspace::Workspace;

/// The query with every model name replaced.
///
/// # Errors
/// It reads a model that is in production only, or an EMBEDDED model whose query is not to be had.
pub(super) fn resolve(
    workspace: &Workspace<'_>,
    environment: &Environment,
    prod: Option<&Environment>,
    query: &Query,
    dialect: Dialect,
) -> Result<String, CommandError> {
    refuse_elsewhere(environment, prod, query)?;
    let pointers = &environment.models;
    let mut tree = Tree::new(BTreeMap::new(), BTreeMap::new(), Digest::of("context", "a person's query"), None).0;
    tree.models =
        pointers.iter().map(|(name, pointer)| (name.clone(), Arc::new(stand_in(name, pointer, dialect)))).collect();
    let is_embedded = |name: &ModelName| pointers.get(name).is_some_and(|pointer| pointer.kind == KindName::Embedded);
    if query.relations().iter().any(|relation| is_embedded(&relation.name)) {
        for (model, fingerprint) in embedded(workspace, environment) {
            tree.fingerprints.insert(model.name.clone(), fingerprint);
            tree.models.insert(model.name.clone(), model);
        }
    }
    let tables: BTreeMap<ModelName, TableName> =
        pointers.iter().filter_map(|(name, pointer)| Some((name.clone(), shown_as(pointer)?))).collect();
    let resolver = Resolver { tree: &tree, dialect, tables: &tables };
    let as_of = environment.about.as_of;
    let time = LoadTime { interval: everything(as_of), execution: as_of };
    // A person's query has no name of its own; errors name what it reads.
    let Some(reader) = query.relations().first().map(|relation| relation.name.clone()) else {
        return Ok(query.text().to_owned());
    };
    resolver.query(&reader, query, Times::At(time)).map_err(|error| unreadable(environment, query, &error.to_string()))
}

/// Models without a schema that a query which has no syntax tree may read by their bare name, and so not from their views, which
/// stand in the schema `default`: where tables stand in such a text, nobody knows for certain.
pub(super) fn doubtful<'a>(environment: &'a Environment, query: &Query) -> Vec<&'a ModelName> {
    if query.failure().is_none() || environment.about.name.is_prod() {
        return Vec::new();
    }
    let is_known = |range: &Range<usize>| {
        query.relations().iter().any(|relation| relation.range.start <= range.start && range.end <= relation.range.end)
    };
    let words: BTreeSet<String> = query
        .tokens()
        .iter()
        .filter(|token| !is_known(&token.range))
        .filter_map(|token| match &token.kind {
            TokenKind::Word { value, quote } => Some(query.dialect().fold(value, quote.is_some())),
            _ => None,
        })
        .collect();
    let models = environment.models.keys();
    models.filter(|name| name.parts().len() == 1 && words.contains(name.table())).collect()
}

/// What holds a model's rows in the environment: its view, else its table.
fn shown_as(pointer: &Pointer) -> Option<TableName> {
    pointer.view.as_ref().map(|view| view.name.clone()).or_else(|| pointer.table.clone())
}

/// A model of which only the name and the pointer are known.
fn stand_in(name: &ModelName, pointer: &Pointer, dialect: Dialect) -> Model {
    let kind = if pointer.kind == KindName::External { Kind::External } else { Kind::View };
    Model {
        name: name.clone(),
        path: FilePath::new(""),
        kind,
        dialect,
        query: None,
        pre_statements: Vec::new(),
        post_statements: Vec::new(),
        on_virtual_update: Vec::new(),
        properties: Arc::default(),
        mentions: Arc::default(),
        own_audits: Default::default(),
        source: Digest::of("model source", "an environment's view"),
    }
}

/// A name that only production has would silently read production from here.
fn refuse_elsewhere(environment: &Environment, prod: Option<&Environment>, query: &Query) -> Result<(), CommandError> {
    let Some(prod) = prod else { return Ok(()) };
    let views = prod.models.values().filter_map(|pointer| pointer.view.as_ref());
    let views = views.filter_map(|view| ModelName::from_parts(vec![view.name.schema.clone(), view.name.name.clone()]));
    let owned = prod.models.iter().filter(|(_, pointer)| pointer.kind != KindName::External);
    let of_prod: BTreeSet<ModelName> = views.chain(owned.map(|(name, _)| name.clone())).collect();
    let elsewhere = |name: &ModelName| !environment.models.contains_key(name) && of_prod.contains(name);
    match query.relations().iter().find(|relation| elsewhere(&relation.name)) {
        None => Ok(()),
        Some(relation) => {
            let (name, here) = (&relation.name, &environment.about.name);
            Err(CommandError::no(format!("environment `{here}` has no model `{name}`, which prod has"))
                .hint("`--env prod` reads it there"))
        }
    }
}

/// The EMBEDDED models that are still what the environment points at, from the trees that it may have been made of.
fn embedded(workspace: &Workspace<'_>, environment: &Environment) -> Vec<(Arc<Model>, Fingerprint)> {
    let pointers = environment.models.iter().filter(|(_, pointer)| pointer.kind == KindName::Embedded);
    let mut wanted: BTreeMap<&ModelName, Digest> =
        pointers.map(|(name, pointer)| (name, pointer.data_fingerprint)).collect();
    let mut found = Vec::new();
    for origin in [Origin::Commits, Origin::WorkingTree] {
        if wanted.is_empty() {
            break;
        }
        // What cannot be read here is told as the model that is missing.
        let Ok(source) = origin.tree(workspace, environment) else { continue };
        let Ok(side) = workspace.side(&source) else { continue };
        let mut side = side.decided(&environment.decisions());
        wanted.retain(|name, data| {
            let fingerprint = side.tree.fingerprints.remove(*name).filter(|fingerprint| fingerprint.data == *data);
            let Some(pair) = side.tree.models.remove(*name).zip(fingerprint) else { return true };
            found.push(pair);
            false
        });
    }
    found
}

/// Where the tree of an environment may be found.
#[derive(Clone, Copy)]
enum Origin {
    /// The promoted commit, or base and head merged once more.
    Commits,
    /// The working tree, for what was applied with uncommitted edits.
    WorkingTree,
}

impl Origin {
    fn tree(self, workspace: &Workspace<'_>, environment: &Environment) -> Result<TreeSource, GitError> {
        let (git, about) = (&workspace.git, &environment.about);
        if let Some(promoted) = &about.promoted {
            return git.tree_of(promoted);
        }
        let (mode, head) = match self {
            Self::Commits => (Mode::Commit, about.commits.head.as_ref()),
            Self::WorkingTree => (Mode::Worktree, None),
        };
        let request = Request {
            base: Some(about.commits.base.as_str()),
            base_branch: None,
            head: head.map(CommitId::as_str),
            mode,
            project_folder: &workspace.folder,
        };
        git.three_trees(&request).map(|trees| trees.result)
    }
}

fn unreadable(environment: &Environment, query: &Query, error: &str) -> CommandError {
    let name = &environment.about.name;
    let is_embedded =
        |model: &ModelName| environment.models.get(model).is_some_and(|pointer| pointer.kind == KindName::Embedded);
    match query.relations().iter().find(|relation| is_embedded(&relation.name)) {
        Some(relation) => CommandError::no(format!(
            "`{}` is EMBEDDED, so it has neither view nor table, and its query as environment `{name}` has it is not here",
            relation.name
        ))
        .hint("fetch the commits that the environment was made of (`bot env show` names them), or run `bot apply` again"),
        None => CommandError::no(error),
    }
}
