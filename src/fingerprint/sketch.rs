//! A tree before anything of it was parsed: what each model and everything that it may read is made from.
//!
//! Fingerprints are functions of these sources, so where the sources of two trees agree, so do the fingerprints, and
//! nobody needs to compute either. The reverse is not so: sources may differ where fingerprints agree.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::copied::over_originals;
use super::statements::named_files;
use super::{ALGORITHM, Context, Fingerprint, OutsideStatements, Tree, created_functions, fingerprint_syntax};
use crate::decision::{Decisions, kept};
use crate::graph::{Graph, Node, Outline};
use crate::hash::{Digest, Hasher};
use crate::ids::{BlobId, FilePath, ModelName};
use crate::model::Model;
use crate::problem::Problem;
use crate::sql::{Query, Syntax};

/// The models of a tree, who may read whom, and what they are made from.
#[derive(Clone, Debug)]
pub struct Sketch {
    /// The models by name.
    pub models: BTreeMap<ModelName, Arc<Model>>,
    context: Context,
    outline: Outline,
    /// What shapes every model: rules, engine, statements.
    everywhere: Digest,
    /// In the order of the models' names: what each is made from by itself, and together with its possible parents.
    own: Vec<Digest>,
    sources: Vec<Digest>,
}

/// What is known of a model without looking at it: its fingerprint, and what it mentions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Known {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// What it mentions.
    pub node: Node,
}

/// Since when something is known.
#[derive(Clone, Debug)]
pub enum Memory {
    /// It was computed in this run, and with it all that it stands on: nobody looks further.
    OfThisRun(Known),
    /// An earlier run kept it. What it stands on is looked at as if it were computed now, so that nothing which is told of a
    /// tree depends on what was kept.
    OfAnEarlierRun(Known),
}

impl From<(&Fingerprint, &Node)> for Known {
    fn from((fingerprint, node): (&Fingerprint, &Node)) -> Self {
        Self { fingerprint: fingerprint.clone(), node: node.clone() }
    }
}

/// The models whose fingerprints somebody wants.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// All of them.
    Everything,
    /// Those of them that there are.
    These(&'a BTreeSet<ModelName>),
}

/// A model that was looked at; a member of a cycle has no fingerprint.
type Found = (Node, Option<Fingerprint>);

impl Sketch {
    /// Sketches a tree. `files` are all files of it, `engine` is everything that shapes every model. Of a tree that is much
    /// like another one, what is the same is taken from there.
    pub fn of(
        models: BTreeMap<ModelName, Arc<Model>>,
        files: BTreeMap<FilePath, BlobId>,
        engine: Digest,
        like: Option<&Self>,
    ) -> Self {
        let outline = Outline::of(&models, like.map(|like| (&like.models, &like.outline)));
        let statements = OutsideStatements::of(&models);
        let functions = created_functions(&models);
        let (shown, decisions) = (BTreeMap::new(), Decisions::default());
        let context = Context { engine, shown, files, statements, functions, decisions };
        let everywhere = everywhere(&context);
        let is_like = |like: &&Self| like.everywhere == everywhere && like.outline.is_same(&outline);
        // What was decided of the other one is not what this one is made from.
        let like = like.filter(is_like).filter(|like| like.context.decisions.is_empty());
        let own = own_sources(&models, &context, everywhere, like);
        let sources = sources(&models, &outline, &own, like);
        Self { models, context, outline, everywhere, own, sources }
    }

    /// The same with what was decided, which is among what the models are made from.
    #[must_use]
    pub fn with_decisions(mut self, decisions: Decisions) -> Self {
        if decisions.is_empty() {
            return self;
        }
        for (name, own) in self.models.keys().zip(&mut self.own) {
            if let Some(decided) = decisions.of(name) {
                *own = Hasher::new("decided source").digest(*own).digest(decided).finish();
            }
        }
        self.sources = sources(&self.models, &self.outline, &self.own, None);
        self.context.decisions = decisions;
        self
    }

    /// The digest of everything that each model and its possible parents are made from, by name.
    pub fn sources(&self) -> impl Iterator<Item = (&ModelName, Digest)> {
        self.models.keys().zip(self.sources.iter().copied())
    }

    /// The models that are not the same as another tree's, in name order; what reads one of them is not the same either.
    pub fn differing(&self, other: &Self) -> BTreeSet<ModelName> {
        let mut theirs = other.sources().peekable();
        let mut differing = BTreeSet::new();
        for (name, source) in self.sources() {
            while theirs.next_if(|(their, _)| *their < name).is_some() {}
            let same = theirs.next_if(|(their, _)| *their == name).is_some_and(|(_, their)| their == source);
            if !same {
                differing.insert(name.clone());
            }
        }
        differing
    }

    /// These models and everything that they may read, directly or through others.
    pub fn with_ancestors(&self, some: &dyn Fn(&Model) -> bool) -> BTreeSet<ModelName> {
        let all: Vec<&Model> = self.models.values().map(Arc::as_ref).collect();
        let mut inside: Vec<bool> = all.iter().map(|model| some(model)).collect();
        for group in self.outline.groups().iter().rev() {
            let members = self.outline.members(*group);
            if members.iter().any(|member| inside[*member as usize]) {
                for member in members {
                    inside[*member as usize] = true;
                    self.outline.parents(*member as usize).iter().for_each(|parent| inside[*parent as usize] = true);
                }
            }
        }
        all.iter().zip(inside).filter(|(_, inside)| *inside).map(|(model, _)| model.name.clone()).collect()
    }

    /// Models that may read one another in a circle.
    pub fn circles(&self) -> BTreeSet<ModelName> {
        let names: Vec<&ModelName> = self.models.keys().collect();
        let groups = self.outline.groups().iter().map(|group| self.outline.members(*group));
        groups.filter(|members| members.len() > 1).flatten().map(|member| names[*member as usize].clone()).collect()
    }

    /// All models with their sources, possible parents first.
    pub fn in_order(&self) -> Vec<(&Model, Digest)> {
        let all: Vec<&Model> = self.models.values().map(Arc::as_ref).collect();
        let members = self.outline.groups().iter().flat_map(|group| self.outline.members(*group));
        members.map(|member| (all[*member as usize], self.sources[*member as usize])).collect()
    }

    /// Everything that shapes every model.
    pub fn engine(&self) -> Digest {
        self.context.engine
    }

    /// Fingerprints the wanted models and whatever must be fingerprinted for that. `known` tells what was computed of a
    /// model from the same sources before, `again` reads a model whose query is unread. The graph holds what was looked at;
    /// cycles are problems.
    pub fn finish(
        self,
        wanted: Wanted<'_>,
        known: &dyn Fn(&ModelName, Digest) -> Option<Memory>,
        again: &(dyn Fn(&Model) -> Option<Arc<Model>> + Sync),
    ) -> (Tree, Vec<Problem>) {
        let Self { mut models, context, outline, sources, .. } = self;
        let mut work = Work::new(&models, &context, &outline);
        work.need(wanted, &|model, place| known(&model.name, sources[place]));
        let (read, mut unreadable) = work.read(again);
        work.run(&read);
        let (mut nodes, mut fingerprints) = (BTreeMap::new(), BTreeMap::new());
        let found = std::mem::take(&mut work.found);
        for (name, found) in models.keys().zip(found) {
            let Some((node, fingerprint)) = found.map(|found| *found) else { continue };
            nodes.insert(name.clone(), node);
            fingerprints.extend(fingerprint.map(|fingerprint| (name.clone(), fingerprint)));
        }
        models.extend(read);
        let is_decided = |(name, fingerprint): (&ModelName, &Fingerprint)| {
            let rows = context.decisions.rows(name, fingerprint.undecided?)?;
            Some((name.clone(), Arc::new(kept(models.get(name)?, rows).ok()?)))
        };
        let decided: Vec<(ModelName, Arc<Model>)> = fingerprints.iter().filter_map(is_decided).collect();
        models.extend(decided);
        let (graph, mut problems) = Graph::of(nodes, &models);
        problems.append(&mut unreadable);
        let sources = models.keys().cloned().zip(sources).collect();
        let tree = Tree { models, graph, context, fingerprints, broken: BTreeSet::new(), sources };
        (tree, problems)
    }
}

/// What shapes every model.
fn everywhere(context: &Context) -> Digest {
    let mut hasher = Hasher::new("everywhere").number(ALGORITHM).text(env!("CARGO_PKG_VERSION")).digest(context.engine);
    hasher = hasher.digest(context.statements.digest()).number(context.functions.len() as u64);
    for (name, digest) in &context.functions {
        hasher = hasher.text(name).digest(*digest);
    }
    hasher.finish()
}

/// What each model is made from by itself, in the order of names. `like` has the same models.
fn own_sources(
    models: &BTreeMap<ModelName, Arc<Model>>,
    context: &Context,
    everywhere: Digest,
    like: Option<&Sketch>,
) -> Vec<Digest> {
    let own = |model: &Model| {
        let mut hasher = Hasher::new("source").digest(everywhere).digest(model.source);
        for (path, blob) in named_files(model, &context.files) {
            hasher = hasher.text(path.as_str()).text(blob.as_str());
        }
        hasher.finish()
    };
    let all: Vec<&Model> = models.values().map(Arc::as_ref).collect();
    let others: Vec<&Model> = like.iter().flat_map(|like| like.models.values()).map(Arc::as_ref).collect();
    let known = |place: usize, model: &Model| {
        let same = model.mentions.paths().is_empty() && others[place].source == model.source;
        same.then(|| like.map(|like| like.own[place])).flatten()
    };
    let known = |place, model| like.and_then(|_| known(place, model));
    all.par_iter().enumerate().map(|(place, model)| known(place, model).unwrap_or_else(|| own(model))).collect()
}

/// The digest of everything that each model is made from, its possible parents included. `like` has the same outline.
fn sources(
    models: &BTreeMap<ModelName, Arc<Model>>,
    outline: &Outline,
    own: &[Digest],
    like: Option<&Sketch>,
) -> Vec<Digest> {
    let names: Vec<&ModelName> = models.keys().collect();
    // Every place is filled before anybody reads it, as groups come after their parents.
    let mut sources: Vec<Digest> = own.to_vec();
    for group in outline.groups() {
        let members = outline.members(*group);
        let of_parents =
            |member: &u32| outline.parents(*member as usize).iter().filter(|parent| !members.contains(parent));
        let is_known = |like: &&Sketch| {
            members.iter().all(|member| {
                own[*member as usize] == like.own[*member as usize]
                    && of_parents(member).all(|parent| sources[*parent as usize] == like.sources[*parent as usize])
            })
        };
        if let Some(like) = like.filter(is_known) {
            members.iter().for_each(|member| sources[*member as usize] = like.sources[*member as usize]);
            continue;
        }
        let mut hasher = Hasher::new("sources").number(members.len() as u64);
        for member in members {
            let parents = of_parents(member).map(|parent| sources[*parent as usize]);
            hasher = hasher.digest(own[*member as usize]).digests(parents);
        }
        let together = hasher.finish();
        for member in members {
            sources[*member as usize] = match members.len() {
                1 => together,
                _ => Hasher::new("member").digest(together).text(&names[*member as usize].to_string()).finish(),
            };
        }
    }
    sources
}

/// Computing what is needed and not known.
struct Work<'w> {
    models: &'w BTreeMap<ModelName, Arc<Model>>,
    all: Vec<&'w Model>,
    context: &'w Context,
    outline: &'w Outline,
    /// What is known or was computed, by place: of most models nothing.
    found: Vec<Option<Box<Found>>>,
    /// What must be computed: groups by depth, each with its members.
    levels: Vec<Vec<&'w [u32]>>,
}

/// What was known of a group before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// Not all of it, so that it must be computed.
    Nothing,
    /// The group; what it stands on is still to be looked at.
    Alone,
    /// That, too.
    WithAllAbove,
}

/// So many queries are in memory at once at most, taken apart, that wait for their parents.
const AHEAD: usize = 256;

/// How many of the first levels have that many members together: one at least.
fn some_levels(levels: &[Vec<&[u32]>]) -> usize {
    let mut members = 0;
    let fits = |level: &&Vec<&[u32]>| {
        members += level.iter().map(|group| group.len()).sum::<usize>();
        members <= AHEAD
    };
    levels.iter().take_while(fits).count().max(1)
}

/// The query of a model, where it is not unread.
fn read_query(model: &Model) -> Option<&Query> {
    model.query.as_ref().filter(|query| !query.is_unread())
}

impl<'w> Work<'w> {
    fn new(models: &'w BTreeMap<ModelName, Arc<Model>>, context: &'w Context, outline: &'w Outline) -> Self {
        let all: Vec<&Model> = models.values().map(Arc::as_ref).collect();
        let found = vec![None; all.len()];
        Self { models, all, context, outline, found, levels: Vec::new() }
    }

    /// Walks from readers to parents: what is wanted is needed, and all possible parents of what must be computed.
    fn need(&mut self, wanted: Wanted<'_>, known: &dyn Fn(&Model, usize) -> Option<Memory>) {
        let mut needed = vec![matches!(wanted, Wanted::Everything); self.all.len()];
        if let Wanted::These(names) = wanted {
            names.iter().filter_map(|name| self.place(name)).for_each(|place| needed[place] = true);
        }
        for group in self.outline.groups().iter().rev() {
            let all = self.outline.members(*group);
            if !all.iter().any(|member| needed[*member as usize]) {
                continue;
            }
            let taken = self.take_known(all, known);
            if taken == Taken::WithAllAbove {
                continue;
            }
            for parent in all.iter().flat_map(|member| self.outline.parents(*member as usize)) {
                needed[*parent as usize] = true;
            }
            if taken == Taken::Alone {
                continue;
            }
            let depth = group.depth as usize;
            if self.levels.len() <= depth {
                self.levels.resize(depth + 1, Vec::new());
            }
            self.levels[depth].push(all);
        }
    }

    /// Takes what is known of a group, where it is of all members.
    fn take_known(&mut self, members: &[u32], known: &dyn Fn(&Model, usize) -> Option<Memory>) -> Taken {
        let places = || members.iter().map(|member| *member as usize);
        let memories: Option<Vec<Memory>> = places().map(|place| known(self.all[place], place)).collect();
        let Some(memories) = memories else { return Taken::Nothing };
        let mut taken = Taken::WithAllAbove;
        for (place, memory) in places().zip(memories) {
            let Known { fingerprint, node } = match memory {
                Memory::OfThisRun(known) => known,
                Memory::OfAnEarlierRun(known) => {
                    taken = Taken::Alone;
                    known
                }
            };
            self.found[place] = Some(Box::new((node, Some(fingerprint))));
        }
        taken
    }

    /// The models that must be computed and whose queries are unread, and problems of those that cannot be read.
    fn read(
        &self,
        again: &(dyn Fn(&Model) -> Option<Arc<Model>> + Sync),
    ) -> (BTreeMap<ModelName, Arc<Model>>, Vec<Problem>) {
        let members = self.levels.iter().flatten().copied().flatten();
        let unread: Vec<&Model> = members
            .map(|member| self.all[*member as usize])
            .filter(|model| model.query.as_ref().is_some_and(Query::is_unread))
            .collect();
        let read: Vec<Result<Arc<Model>, Problem>> = unread
            .par_iter()
            .map(|model| {
                let problem = || Problem::error("unreadable-file", format!("`{}` cannot be read again", model.path));
                again(model).ok_or_else(|| problem().at(&model.path))
            })
            .collect();
        let (mut models, mut problems) = (BTreeMap::new(), Vec::new());
        for result in read {
            match result {
                Ok(model) => drop(models.insert(model.name.clone(), model)),
                Err(problem) => problems.push(problem),
            }
        }
        (models, problems)
    }

    /// Groups of one depth do not read one another, so they are computed at the same time.
    fn run(&mut self, read: &'w BTreeMap<ModelName, Arc<Model>>) {
        for (name, model) in read {
            if let Some(place) = self.place(name) {
                self.all[place] = model;
            }
        }
        let levels = std::mem::take(&mut self.levels);
        let mut rest = levels.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(some_levels(rest));
            let parsed = self.parsed(now);
            for level in now {
                let results: Vec<Vec<(u32, Found)>> =
                    level.par_iter().map(|group| self.group(group, &parsed)).collect();
                for (member, found) in results.into_iter().flatten() {
                    self.found[member as usize] = Some(Box::new(found));
                }
            }
            // Taking syntax trees down takes as long as some of the rest.
            rayon::spawn(move || drop(parsed));
            rest = later;
        }
    }

    /// The queries of several levels taken apart, which needs no parents: in a long chain each level has one model, and
    /// only this much of it can go at the same time. One level by itself is taken apart as it is fingerprinted.
    fn parsed(&self, levels: &[Vec<&[u32]>]) -> BTreeMap<u32, Syntax> {
        if levels.len() < 2 {
            return BTreeMap::new();
        }
        let members: Vec<u32> = levels.iter().flatten().copied().flatten().copied().collect();
        let parse = |member: &u32| Some((*member, read_query(self.all[*member as usize])?.syntax()));
        members.par_iter().filter_map(parse).collect()
    }

    fn group(&self, members: &[u32], parsed: &BTreeMap<u32, Syntax>) -> Vec<(u32, Found)> {
        // What could not be read has no fingerprint, and a problem says so.
        if members.iter().any(|member| self.all[*member as usize].query.as_ref().is_some_and(Query::is_unread)) {
            return Vec::new();
        }
        match members {
            [member] => vec![(*member, self.one(self.all[*member as usize], parsed.get(member)))],
            members => self.circle(members),
        }
    }

    fn one(&self, model: &Model, parsed: Option<&Syntax>) -> Found {
        let analysed = over_originals(model, self.models);
        let parsed = parsed.filter(|_| matches!(analysed, Cow::Borrowed(_)));
        let own = if parsed.is_none() { analysed.query.as_ref().map(Query::syntax) } else { None };
        let syntax = parsed.or(own.as_ref());
        let node = Node::of(&analysed, syntax, self.models);
        let parents = |name: &ModelName| self.outside(name);
        let fingerprint = fingerprint_syntax(&analysed, syntax, &node, self.context, &parents);
        (node, Some(fingerprint))
    }

    fn outside(&self, name: &ModelName) -> Option<&Fingerprint> {
        self.found[self.place(name)?].as_ref()?.1.as_ref()
    }

    fn place(&self, name: &ModelName) -> Option<usize> {
        self.all.binary_search_by(|model| model.name.cmp(name)).ok()
    }

    /// Models that may read one another: what they really read decides.
    fn circle(&self, members: &[u32]) -> Vec<(u32, Found)> {
        let node = |member: &u32| {
            let model = over_originals(self.all[*member as usize], self.models);
            let syntax = model.query.as_ref().map(Query::syntax);
            (model.name.clone(), Node::of(&model, syntax.as_ref(), self.models))
        };
        let nodes: BTreeMap<ModelName, Node> = members.par_iter().map(node).collect();
        let (graph, _) = Graph::of(nodes.clone(), self.models);
        let mut inside: BTreeMap<ModelName, Fingerprint> = BTreeMap::new();
        for name in graph.order() {
            let Some(place) = self.place(name) else { continue };
            let model = over_originals(self.all[place], self.models);
            let fingerprint = {
                let syntax = model.query.as_ref().map(Query::syntax);
                let parents = |parent: &ModelName| inside.get(parent).or_else(|| self.outside(parent));
                fingerprint_syntax(&model, syntax.as_ref(), &nodes[name], self.context, &parents)
            };
            inside.insert(name.clone(), fingerprint);
        }
        let found = |member: &u32| {
            let name = &self.all[*member as usize].name;
            (*member, (nodes[name].clone(), inside.get(name).cloned()))
        };
        members.iter().map(found).collect()
    }
}
