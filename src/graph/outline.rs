//! Who may read whom, told from words alone: every true parent is among the ones found here, and some that are none.
//!
//! With it a plan knows what a change cannot reach without parsing any query. It never says that a model reads another.

use std::collections::BTreeMap;

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
    parents: Vec<Vec<u32>>,
    /// Models that may read one another in a circle stand together; groups come after those that they may read.
    groups: Vec<Group>,
}

/// Models that must be looked at together; nearly always one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Places among the models in the order of names, ascending.
    pub members: Vec<u32>,
    /// The longest way to a group without parents: groups of one depth do not read one another.
    pub depth: u32,
}

impl Outline {
    /// Finds the possible parents of all models.
    pub fn of(models: &BTreeMap<ModelName, Model>) -> Self {
        let index = NameIndex::of(models.keys());
        let all: Vec<&Model> = models.values().collect();
        let parents: Vec<Vec<u32>> =
            all.par_iter().enumerate().map(|(place, model)| index.among(&model.mentions, place)).collect();
        let groups = groups(&parents);
        Self { parents, groups }
    }

    /// The possible parents of the model at a place.
    pub fn parents(&self, place: usize) -> &[u32] {
        self.parents.get(place).map_or(&[], Vec::as_slice)
    }

    /// All groups, possible parents first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
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
            list.push((key.hash, u32::try_from(place).unwrap_or(u32::MAX)));
        }
        Self { pairs: Keys::of(pairs), words: Keys::of(words) }
    }

    fn among(&self, mentions: &Mentions, itself: usize) -> Vec<u32> {
        let mut found = Vec::new();
        self.pairs.collect(mentions.pairs(), &mut found);
        self.words.collect(mentions.words(), &mut found);
        found.retain(|place| *place as usize != itself);
        found.sort_unstable();
        found.dedup();
        found
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

fn groups(parents: &[Vec<u32>]) -> Vec<Group> {
    let edges = parents.iter().map(Vec::len).sum();
    let mut graph = DiGraph::<(), (), u32>::with_capacity(parents.len(), edges);
    for _ in parents {
        graph.add_node(());
    }
    for (child, parents) in parents.iter().enumerate() {
        for parent in parents {
            graph.add_edge(NodeIndex::new(child), NodeIndex::new(*parent as usize), ());
        }
    }
    // Edges lead from reader to parent, so that the components come parents first.
    let mut depths = vec![0_u32; parents.len()];
    let mut groups = Vec::new();
    for component in kosaraju_scc(&graph) {
        let mut members: Vec<u32> =
            component.iter().map(|node| u32::try_from(node.index()).unwrap_or(u32::MAX)).collect();
        members.sort_unstable();
        let outside = members.iter().flat_map(|member| &parents[*member as usize]);
        let depth =
            outside.filter(|parent| members.binary_search(parent).is_err()).map(|parent| depths[*parent as usize] + 1);
        let depth = depth.max().unwrap_or(0);
        members.iter().for_each(|member| depths[*member as usize] = depth);
        groups.push(Group { members, depth });
    }
    groups
}
