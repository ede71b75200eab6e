//! Lineage for people, for scripts and as a diagram. Only JSON is complete; the others stay readable beside a hub that
//! hundreds read, and say how much they left out.

mod mermaid;
mod terminal;
#[cfg(test)]
mod tests;

use serde::Serialize;

use super::json;
use crate::ids::ModelName;
use crate::lineage::{How, Lineage, Node, Part};
use crate::model::KindName;

pub use mermaid::mermaid;
pub(super) use mermaid::{ARROWS, NODES, label};
pub use terminal::terminal;

/// `{"schema_version":1,"model","column","direction","nodes":[{"id","model","part","column","kind","opaque","side",
/// "distance"}],"edges":[{"read","by","how","parts":[{"part","column"}]}]}`: all of it.
pub fn json<'a>(lineage: &'a Lineage) -> String {
    #[derive(Serialize)]
    struct Object<'a> {
        model: &'a ModelName,
        column: Option<&'a str>,
        direction: &'static str,
        nodes: Vec<NodeObject<'a>>,
        edges: Vec<EdgeObject<'a>>,
    }
    #[derive(Serialize)]
    struct NodeObject<'a> {
        id: usize,
        model: &'a ModelName,
        part: &'static str,
        column: Option<&'a str>,
        kind: Option<KindName>,
        opaque: Option<&'a str>,
        side: &'static str,
        distance: usize,
    }
    #[derive(Serialize)]
    struct EdgeObject<'a> {
        read: usize,
        by: usize,
        how: &'static str,
        parts: Vec<PartObject<'a>>,
    }
    #[derive(Serialize)]
    struct PartObject<'a> {
        part: &'static str,
        column: Option<&'a str>,
    }
    let nodes = lineage.nodes.iter().enumerate().map(|(id, found)| NodeObject {
        id,
        model: &found.node.model,
        part: found.node.part.text(),
        column: found.node.part.column(),
        kind: found.kind,
        opaque: found.opaque.as_deref(),
        side: found.side.text(),
        distance: found.distance,
    });
    let part = |part: &'a Part| PartObject { part: part.text(), column: part.column() };
    let edges = lineage.edges.iter().map(|edge| EdgeObject {
        read: edge.read,
        by: edge.by,
        how: edge.how.text(),
        parts: match &edge.how {
            How::Reads(parts) => parts.iter().map(part).collect(),
            How::Value | How::Rows | How::Order | How::All => Vec::new(),
        },
    });
    let asked = &lineage.nodes[0].node;
    json::object(&Object {
        model: &asked.model,
        column: asked.part.column(),
        direction: lineage.direction.text(),
        nodes: nodes.collect(),
        edges: edges.collect(),
    })
}

/// A part as people name it; not escaped yet.
pub(super) fn name(node: &Node) -> String {
    let model = &node.model;
    match &node.part {
        Part::Model => model.to_string(),
        Part::Rows => format!("rows of {model}"),
        Part::Order => format!("order of {model}"),
        Part::All => format!("all of {model}"),
        Part::Column(column) => format!("{model}.{}", quoted(column)),
    }
}

/// A column's name, in quotes where it is no plain word.
pub(super) fn quoted(column: &str) -> String {
    ModelName::from_parts(vec![column.to_owned()]).map_or_else(|| column.to_owned(), |name| name.to_string())
}
