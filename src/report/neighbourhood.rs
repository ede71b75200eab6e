//! The models that change and the ones that feed them: one step up, no more. The table of models stays the truth; this is
//! what a picture is drawn from.

use std::collections::{BTreeMap, BTreeSet};

use crate::fingerprint::Tree;
use crate::ids::ModelName;
use crate::plan::{Category, Change, Plan};

/// Models and who reads whom among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbourhood {
    /// The models that change in the plan's order, then those that feed them by name.
    pub nodes: Vec<Neighbour>,
    /// From what is read to what reads it, by place in `nodes`; each once.
    pub edges: Vec<(usize, usize)>,
}

/// A model of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its name.
    pub name: ModelName,
    /// What happens to it; `None` for one that only feeds others.
    pub change: Option<(Change, Category)>,
}

/// The neighbourhood of everything that a plan touches.
pub fn neighbourhood(plan: &Plan, base: &Tree, result: &Tree) -> Neighbourhood {
    let mut nodes: Vec<Neighbour> = plan
        .models
        .iter()
        .map(|model| Neighbour { name: model.name.clone(), change: Some((model.change, model.category)) })
        .collect();
    let changed: BTreeSet<ModelName> = nodes.iter().map(|node| node.name.clone()).collect();
    let parents = |model: &Neighbour| -> Vec<ModelName> {
        let tree = if matches!(model.change, Some((Change::Removed, _))) { base } else { result };
        tree.graph.parents(&model.name).cloned().collect()
    };
    let read: Vec<(ModelName, ModelName)> =
        nodes.iter().flat_map(|model| parents(model).into_iter().map(|parent| (parent, model.name.clone()))).collect();
    let feeding: BTreeSet<&ModelName> = read.iter().map(|(parent, _)| parent).collect();
    let feeding = feeding.into_iter().filter(|name| !changed.contains(*name));
    nodes.extend(feeding.map(|name| Neighbour { name: name.clone(), change: None }));
    let places: BTreeMap<&ModelName, usize> =
        nodes.iter().enumerate().map(|(place, node)| (&node.name, place)).collect();
    let edges: BTreeSet<(usize, usize)> =
        read.iter().filter_map(|(parent, child)| Some((*places.get(parent)?, *places.get(child)?))).collect();
    let edges = edges.into_iter().filter(|(read, by)| read != by).collect();
    Neighbourhood { nodes, edges }
}
