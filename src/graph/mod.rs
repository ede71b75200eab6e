//! Who reads whom: parents of each model, an order in which parents come first, and cycles as problems.
//!
//! This module alone knows `petgraph`. It never looks at columns; `fingerprint` does.

mod outline;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use petgraph::algo::{kosaraju_scc, toposort};
use petgraph::graphmap::DiGraphMap;
use serde::{Deserialize, Serialize};

use crate::ids::ModelName;
use crate::model::{Kind, Model};
use crate::problem::Problem;
use crate::sql::{Certainty, Dialect, Query, Syntax, Template, Token, names_in, single_names_in, tokenize};

pub use outline::{Group, Outline};

/// The dependencies between the models of one tree.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    order: Vec<ModelName>,
    nodes: BTreeMap<ModelName, Node>,
}

/// What one model mentions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Node {
    /// Models that its query reads by name.
    pub visible: BTreeSet<ModelName>,
    /// Models that it mentions in another way (`depends_on`, a statement, a text): read as a whole.
    pub hidden: BTreeSet<ModelName>,
    /// Names that it reads and no model owns.
    pub external: BTreeSet<ModelName>,
    /// Whether its query reads its own table.
    pub itself: SelfReading,
    /// Of the graph that it stands in: no part of what it mentions.
    #[serde(skip)]
    children: BTreeSet<ModelName>,
}

/// Whether a model reads its own table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SelfReading {
    #[default]
    No,
    Yes,
}

impl Graph {
    /// Finds the dependencies of all models. Members of a cycle are left out of the order and named in a problem.
    pub fn build(models: &BTreeMap<ModelName, Arc<Model>>) -> (Self, Vec<Problem>) {
        let node = |model: &Model| Node::of(model, model.query.as_ref().map(Query::syntax).as_ref(), models);
        Self::of(models.iter().map(|(name, model)| (name.clone(), node(model))).collect(), models)
    }

    /// The same, of nodes that were found before; models without a node are not in the graph.
    pub fn of(mut nodes: BTreeMap<ModelName, Node>, models: &BTreeMap<ModelName, Arc<Model>>) -> (Self, Vec<Problem>) {
        let edges: Vec<(ModelName, ModelName)> = nodes
            .iter()
            .flat_map(|(child, node)| node.parents().map(move |parent| (parent.clone(), child.clone())))
            .collect();
        let names: Vec<&ModelName> = nodes.keys().collect();
        let index: BTreeMap<&ModelName, usize> = names.iter().enumerate().map(|(index, name)| (*name, index)).collect();
        let mut graph = DiGraphMap::<usize, ()>::new();
        names.iter().enumerate().for_each(|(index, _)| {
            graph.add_node(index);
        });
        for (parent, child) in &edges {
            if let (Some(parent), Some(child)) = (index.get(parent), index.get(child)) {
                graph.add_edge(*parent, *child, ());
            }
        }
        let cycles: Vec<Vec<usize>> = kosaraju_scc(&graph).into_iter().filter(|group| group.len() > 1).collect();
        let mut problems: Vec<Problem> = cycles.iter().map(|cycle| cycle_problem(cycle, &names, models)).collect();
        let by_itself = nodes.iter().filter(|(_, node)| node.itself == SelfReading::Yes);
        problems.extend(by_itself.filter_map(|(name, _)| models.get(name)).filter_map(|model| of_itself(model)));
        cycles.iter().flatten().for_each(|member| {
            graph.remove_node(*member);
        });
        let order = toposort(&graph, None).unwrap_or_default();
        let order = order.into_iter().map(|index| names[index].clone()).collect();
        for (parent, child) in edges {
            if let Some(node) = nodes.get_mut(&parent) {
                node.children.insert(child);
            }
        }
        (Self { order, nodes }, problems)
    }

    /// The models, parents before children; members of cycles are missing.
    pub fn order(&self) -> &[ModelName] {
        &self.order
    }

    /// What a model mentions.
    pub fn node(&self, name: &ModelName) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// A model's parents, visible and hidden.
    pub fn parents(&self, name: &ModelName) -> impl Iterator<Item = &ModelName> {
        self.nodes.get(name).into_iter().flat_map(Node::parents)
    }

    /// The models that read a model.
    pub fn children(&self, name: &ModelName) -> impl Iterator<Item = &ModelName> {
        self.nodes.get(name).into_iter().flat_map(|node| &node.children)
    }
}

impl Node {
    /// What a model mentions, of the models that there are. A query must come with its syntax.
    pub fn of(model: &Model, syntax: Option<&Syntax>, models: &BTreeMap<ModelName, Arc<Model>>) -> Self {
        mentions(model, syntax, models)
    }

    /// Whether another node reads the same, whoever reads the two of them.
    pub fn is_alike(&self, other: &Self) -> bool {
        let Self { visible, hidden, external, itself, children: _ } = self;
        (visible, hidden) == (&other.visible, &other.hidden) && (external, itself) == (&other.external, &other.itself)
    }

    /// Visible and hidden parents, each once.
    pub fn parents(&self) -> impl Iterator<Item = &ModelName> {
        self.visible.union(&self.hidden)
    }
}

fn cycle_problem(cycle: &[usize], names: &[&ModelName], models: &BTreeMap<ModelName, Arc<Model>>) -> Problem {
    let mut members: Vec<&ModelName> = cycle.iter().map(|index| names[*index]).collect();
    members.sort();
    let list = members.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let problem = Problem::error("cycle", format!("models read one another in a circle: {list}"))
        .help("let one of them stop reading another, directly or through a model in between");
    match members.first().and_then(|name| models.get(name)) {
        Some(model) => problem.at(&model.path),
        None => problem,
    }
}

/// Rows of before are what a model can read of itself: a view has none, and those of a history are laid over what the query gives, so
/// that one load twice would be two. A text without a syntax tree may only seem to.
fn of_itself(model: &Model) -> Option<Problem> {
    let why_not = match model.kind {
        Kind::View | Kind::Embedded | Kind::Materialized => "it has no rows of its own",
        Kind::ScdType2(_) => "its versions are made of what others give",
        _ => return None,
    };
    let mut tables = model.query.iter().flat_map(|query| query.relations());
    let surely = tables.any(|relation| relation.certainty == Certainty::Table && relation.name == model.name);
    let message = format!("`{}` reads itself, and as {} {why_not}", model.name, model.kind.name().text());
    let problem = Problem::error("cycle", message).at(&model.path);
    let help = "make it INCREMENTAL_BY_TIME_RANGE or another kind that goes on from its own table";
    surely.then(|| problem.help(help))
}

fn mentions(model: &Model, syntax: Option<&Syntax>, models: &BTreeMap<ModelName, Arc<Model>>) -> Node {
    let mut node = Node::default();
    let known = |name: &ModelName| models.contains_key(name);
    node.hidden.extend(model.properties.depends_on.iter().filter(|name| known(name)).cloned());
    if let (Some(query), Some(syntax)) = (&model.query, syntax) {
        names_in(syntax.tokens(), model.dialect, &known, &mut node.hidden);
        if query.failure().is_some() || query.reads_by_text() {
            single_names_in(syntax.tokens(), model.dialect, &known, &mut node.hidden);
        }
        for relation in query.relations() {
            match known(&relation.name) {
                true if relation.name == model.name => node.itself = SelfReading::Yes,
                true => {
                    node.hidden.remove(&relation.name);
                    node.visible.insert(relation.name.clone());
                }
                false if relation.certainty == Certainty::Table => {
                    node.external.insert(relation.name.clone());
                }
                false => {}
            }
        }
    }
    for statement in model.pre_statements.iter().chain(&model.post_statements) {
        let tokens = statement_tokens(statement, model.dialect);
        if !is_harmless(&tokens) {
            names_in(&tokens, model.dialect, &known, &mut node.hidden);
            // A name without a schema is a table's behind FROM and the like.
            let query = Query::parse(statement.clone(), model.dialect);
            let read = query.relations().iter().map(|relation| &relation.name);
            node.hidden.extend(read.filter(|name| known(name)).cloned());
        }
    }
    node.hidden.remove(&model.name);
    node
}

/// Statements that cannot change what a table holds (research: soundness, N6).
const HARMLESS: [&str; 4] = ["grant", "comment", "analyze", "vacuum"];

/// Whether a statement reads and writes no data.
pub fn is_harmless(tokens: &[Token]) -> bool {
    let first = tokens.iter().find(|token| token.is_significant());
    first.is_some_and(|token| HARMLESS.iter().any(|word| token.is_word(word)))
}

/// The tokens of a statement; a text that cannot be cut yields none (and is hashed as a whole elsewhere).
pub fn statement_tokens(statement: &Template, dialect: Dialect) -> Vec<Token> {
    tokenize(&statement.text(), dialect).unwrap_or_default()
}
