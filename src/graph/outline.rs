//! Who may read whom, told from words alone: every true parent is among the ones found here, and some that are none.
//!
//! With it a plan knows what a change cannot reach without parsing any query. It never says that a model reads another.

use std::collections::BTreeMap;
use std::sync::Arc;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use rayon::prelude::*;

use crate::ids::ModelName;
use crate::model::Model;
use crate::sql::{Mentions, NameKey};

/// The possible parents of every model, and an order in which they come first.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// By model, ascending in the order of names: the models that it may read, itself left out, ascending.
    parents: Lists,
    /// Models that may read one another in a circle stand together; groups come after those that they may read.
    groups: Arc<Groups>,
}

/// Models that must be looked at together; nearly always one. Whose they are, [`Outline::members`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    first: u32,
    last: u32,
    /// The longest way to a group without parents: groups of one depth do not read one another.
    pub depth: u32,
}

#[derive(Debug, Default)]
struct Groups {
    list: Vec<Group>,
    members: Vec<u32>,
}

/// Many short lists in one long one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lists {
    /// Where each list ends.
    ends: Vec<u32>,
    items: Vec<u32>,
}

/// Models whose parents are looked for by one thread.
const CHUNK: usize = 256;

impl Outline {
    /// Finds the possible parents of all models. Those of a project that is much like another one are taken from there
    /// where names and mentions are the very same.
    pub fn of(
        models: &BTreeMap<ModelName, Arc<Model>>,
        like: Option<(&BTreeMap<ModelName, Arc<Model>>, &Self)>,
    ) -> Self {
        let like = like.filter(|(others, _)| models.len() == others.len() && models.keys().eq(others.keys()));
        let all: Vec<&Model> = models.values().map(Arc::as_ref).collect();
        let others: Vec<&Model> = like.iter().flat_map(|(others, _)| others.values()).map(Arc::as_ref).collect();
        let index = NameIndex::of(models.keys());
        let chunk = |(number, chunk): (usize, &[&Model])| {
            let (mut lists, mut found) = (Lists::default(), Vec::new());
            for (offset, model) in chunk.iter().enumerate() {
                let place = number * CHUNK + offset;
                match like.filter(|_| Arc::ptr_eq(&model.mentions, &others[place].mentions)) {
                    Some((_, known)) => lists.push(known.parents(place)),
                    None => {
                        index.among(&model.mentions, place, &mut found);
                        lists.push(&found);
                    }
                }
            }
            lists
        };
        let parents = Lists::joined(all.par_chunks(CHUNK).enumerate().map(chunk).collect());
        let groups = match like {
            Some((_, known)) if known.parents == parents => known.groups.clone(),
            _ => Arc::new(groups(&parents)),
        };
        Self { parents, groups }
    }

    /// Whether another outline has the same models in the same order with the same possible parents.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.groups, &other.groups)
    }

    /// The possible parents of the model at a place.
    pub fn parents(&self, place: usize) -> &[u32] {
        self.parents.get(place)
    }

    /// All groups, possible parents first.
    pub fn groups(&self) -> &[Group] {
        &self.groups.list
    }

    /// The places of a group's models in the order of names, ascending.
    pub fn members(&self, group: Group) -> &[u32] {
        &self.groups.members[group.first as usize..group.last as usize]
    }
}

impl Lists {
    fn push(&mut self, list: &[u32]) {
        self.items.extend_from_slice(list);
        self.ends.push(place(self.items.len()));
    }

    fn joined(parts: Vec<Self>) -> Self {
        let mut all = Self::default();
        all.ends.reserve(parts.iter().map(|part| part.ends.len()).sum());
        all.items.reserve(parts.iter().map(|part| part.items.len()).sum());
        for part in parts {
            let before = place(all.items.len());
            all.ends.extend(part.ends.iter().map(|end| before + end));
            all.items.extend_from_slice(&part.items);
        }
        all
    }

    fn get(&self, index: usize) -> &[u32] {
        let Some(end) = self.ends.get(index) else { return &[] };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[start as usize..*end as usize]
    }
}

/// There are at most a million files, and fewer places than that.
fn place(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Models by the hash of their names, behind a bitmap that turns most words away at once.
struct NameIndex {
    pairs: Keys,
    words: Keys,
}

#[derive(Default)]
struct Keys {
    sorted: Vec<(u32, u32)>,
    seen: Vec<u64>,
}

impl NameIndex {
    fn of<'n>(names: impl Iterator<Item = &'n ModelName>) -> Self {
        let (mut pairs, mut words) = (Vec::new(), Vec::new());
        for (place, name) in names.enumerate() {
            let key = NameKey::of(name);
            let list = if key.alone { &mut words } else { &mut pairs };
            list.push((key.hash, self::place(place)));
        }
        Self { pairs: Keys::of(pairs), words: Keys::of(words) }
    }

    fn among(&self, mentions: &Mentions, itself: usize, found: &mut Vec<u32>) {
        found.clear();
        self.pairs.collect(mentions.pairs(), found);
        self.words.collect(mentions.words(), found);
        found.retain(|place| *place as usize != itself);
        found.sort_unstable();
        found.dedup();
    }
}

impl Keys {
    fn of(mut sorted: Vec<(u32, u32)>) -> Self {
        sorted.sort_unstable();
        // Sixteen bits a name: one word in sixteen that is no name gets through.
        let slots = (sorted.len() * 16).next_power_of_two().max(64);
        let mut seen = vec![0_u64; if sorted.is_empty() { 0 } else { slots / 64 }];
        for (hash, _) in &sorted {
            let bit = *hash as usize & (slots - 1);
            seen[bit / 64] |= 1 << (bit % 64);
        }
        Self { sorted, seen }
    }

    fn collect(&self, hashes: &[u32], found: &mut Vec<u32>) {
        if self.seen.is_empty() {
            return;
        }
        let mask = self.seen.len() * 64 - 1;
        for hash in hashes {
            let bit = *hash as usize & mask;
            if self.seen[bit / 64] & (1 << (bit % 64)) == 0 {
                continue;
            }
            let first = self.sorted.partition_point(|(known, _)| known < hash);
            found.extend(self.sorted[first..].iter().take_while(|(known, _)| known == hash).map(|(_, place)| *place));
        }
    }
}

fn groups(parents: &Lists) -> Groups {
    let count = parents.ends.len();
    let mut graph = DiGraph::<(), (), u32>::with_capacity(count, parents.items.len());
    for _ in 0..count {
        graph.add_node(());
    }
    for child in 0..count {
        for parent in parents.get(child) {
            graph.add_edge(NodeIndex::new(child), NodeIndex::new(*parent as usize), ());
        }
    }
    // Edges lead from reader to parent, so that the components come parents first.
    let mut depths = vec![0_u32; count];
    let mut groups = Groups { list: Vec::with_capacity(count), members: Vec::with_capacity(count) };
    for component in kosaraju_scc(&graph) {
        let first = groups.members.len();
        groups.members.extend(component.iter().map(|node| place(node.index())));
        let members = &mut groups.members[first..];
        members.sort_unstable();
        let outside = members.iter().flat_map(|member| parents.get(*member as usize));
        let depth =
            outside.filter(|parent| members.binary_search(parent).is_err()).map(|parent| depths[*parent as usize] + 1);
        let depth = depth.max().unwrap_or(0);
        members.iter().for_each(|member| depths[*member as usize] = depth);
        groups.list.push(Group { first: place(first), last: place(groups.members.len()), depth });
    }
    groups
}
