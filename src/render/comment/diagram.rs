//! The lineage of what changes as a Mermaid flowchart, folded away. What happens to a model is told in words and strokes,
//! never by colour alone; the table of models stays the truth.

use std::fmt::Write as _;

use crate::plan::{Category, Change};
use crate::render::lineage::{ARROWS, NODES, label};
use crate::render::markdown::{fenced, folded};
use crate::render::text::counted;
use crate::report::{Findings, Neighbour, Neighbourhood};

/// The diagram; nothing where there is no arrow to draw.
pub(super) fn section(findings: &Findings) -> String {
    let around = &findings.neighbourhood;
    if around.edges.is_empty() {
        return String::new();
    }
    let changed = around.nodes.iter().filter(|node| node.change.is_some()).count();
    let feeding = around.nodes.len() - changed;
    let shown = around.nodes.len().min(NODES);
    let title = match around.nodes.len() - shown {
        0 => format!("<b>Lineage</b>: {} and {feeding} that feed them", counted(changed, "model")),
        more => format!("<b>Lineage</b>: {shown} of {} models, {more} not shown", around.nodes.len()),
    };
    let mut output = String::new();
    folded(&mut output, &title, &fenced(&flowchart(around), "mermaid"));
    output
}

fn flowchart(around: &Neighbourhood) -> String {
    let mut output = "flowchart LR\n".to_owned();
    let shown = around.nodes.len().min(NODES);
    for (place, node) in around.nodes.iter().take(shown).enumerate() {
        let _ = writeln!(output, "  n{place}[\"{}{}\"]", label(&node.name.to_string()), words(node));
    }
    let edges = around.edges.iter().filter(|(read, by)| *read < shown && *by < shown);
    for (read, by) in edges.take(ARROWS) {
        let _ = writeln!(output, "  n{read} --> n{by}");
    }
    for (class, style) in [
        ("breaking", "stroke:#d1242f,stroke-width:3px"),
        ("added", "stroke:#1a7f37,stroke-width:3px"),
        ("still", "stroke-dasharray:4 3"),
    ] {
        let members: Vec<String> = around
            .nodes
            .iter()
            .take(shown)
            .enumerate()
            .filter(|(_, node)| class_of(node) == Some(class))
            .map(|(place, _)| format!("n{place}"))
            .collect();
        if !members.is_empty() {
            let _ = writeln!(output, "  classDef {class} {style}\n  class {} {class}", members.join(","));
        }
    }
    output
}

fn words(node: &Neighbour) -> String {
    match node.change {
        None => String::new(),
        Some((Change::Unaffected, _)) => "<br>reads nothing that changes".to_owned(),
        Some((change, Category::Breaking)) => format!("<br>{}, breaking", change.text()),
        Some((change, _)) => format!("<br>{}", change.text()),
    }
}

fn class_of(node: &Neighbour) -> Option<&'static str> {
    match node.change {
        None | Some((Change::Metadata | Change::Unaffected, _)) => Some("still"),
        Some((Change::Added, _)) => Some("added"),
        Some((Change::Removed, _) | (_, Category::Breaking)) => Some("breaking"),
        Some(_) => None,
    }
}
