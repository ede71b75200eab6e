//! Lineage as a Mermaid flowchart. Ids are made up and labels hold no mark that Mermaid or Markdown could read, so no
//! name ends a label, a fence or the diagram (research: pull-request bots, 3.7).

use std::fmt::Write as _;

use super::name;
use crate::lineage::{How, Lineage};
use crate::render::visible;

/// The most nodes; renderers refuse much larger diagrams.
pub(in crate::render) const NODES: usize = 120;
/// The most arrows, for the same reason.
pub(in crate::render) const ARROWS: usize = 400;
/// The most characters of a label.
const LABEL: usize = 80;

/// A flowchart from left to right: solid arrows carry values, dotted ones decide rows or more.
pub fn mermaid(lineage: &Lineage) -> String {
    let mut output = "flowchart LR\n".to_owned();
    // The nearest first, whichever side they are on.
    let mut order: Vec<usize> = (0..lineage.nodes.len()).collect();
    order.sort_by_key(|node| lineage.nodes[*node].distance);
    order.truncate(NODES);
    order.sort_unstable();
    for node in &order {
        let _ = writeln!(output, "    n{node}[\"{}\"]", label(&name(&lineage.nodes[*node].node)));
    }
    let is_shown = |node: &usize| order.binary_search(node).is_ok();
    let arrows: Vec<_> = lineage.edges.iter().filter(|edge| is_shown(&edge.read) && is_shown(&edge.by)).collect();
    for edge in arrows.iter().take(ARROWS) {
        let arrow = match edge.how {
            How::Value | How::Reads(_) => "-->",
            How::Rows | How::Order | How::All => "-.->",
        };
        let _ = writeln!(output, "    n{} {arrow} n{}", edge.read, edge.by);
    }
    let left_out = lineage.nodes.len() - order.len();
    if left_out > 0 {
        let _ = writeln!(output, "    more[\"… {left_out} more, not shown\"]");
    }
    let arrows_left_out = arrows.len().saturating_sub(ARROWS);
    if arrows_left_out > 0 {
        let _ = writeln!(output, "    arrows[\"… {arrows_left_out} arrows not shown\"]");
    }
    output.push_str("    style n0 stroke-width:3px\n");
    output
}

/// Letters, digits and a few harmless marks; any other as Mermaid's entity.
pub(in crate::render) fn label(text: &str) -> String {
    let text = visible(text);
    let mut shown: String = text.chars().take(LABEL).map(entity).collect();
    if text.chars().count() > LABEL {
        shown.push('…');
    }
    shown
}

fn entity(character: char) -> String {
    match character {
        plain if plain.is_alphanumeric() || matches!(plain, ' ' | '.' | '_' | '$') => plain.to_string(),
        mark => format!("#{};", u32::from(mark)),
    }
}
