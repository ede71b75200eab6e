use super::*;
use crate::lineage::{Direction, Edge, Found, Side};
use crate::render::Colour;

const HOSTILE: &str = "a\"]\nend\u{1b}[31m#`<img src=x>|&\u{202e}";

fn model(name: &str) -> ModelName {
    ModelName::from_parts(vec!["s".into(), name.into()]).expect("a name")
}

fn found(name: &str, part: Part, side: Side, distance: usize) -> Found {
    Found { node: Node { model: model(name), part }, side, distance, kind: Some(KindName::View), opaque: None }
}

/// A part with this many readers.
fn hub(name: &str, readers: usize) -> Lineage {
    let column = || Part::Column(name.into());
    let reader = |place: usize| found(&format!("{name}{place}"), column(), Side::Downstream, 1);
    let nodes = std::iter::once(found(name, column(), Side::Itself, 0)).chain((0..readers).map(reader)).collect();
    let edges = (1..=readers).map(|by| Edge { read: 0, by, how: How::Value }).collect();
    Lineage { direction: Direction::Both, nodes, edges }
}

/// A chain this deep.
fn chain(depth: usize) -> Lineage {
    let nodes = (0..=depth).map(|place| {
        let side = if place == 0 { Side::Itself } else { Side::Upstream };
        found(&format!("m{place}"), Part::Model, side, place)
    });
    let how = How::Reads(vec![Part::Rows, Part::Column("c".into())]);
    let edges = (0..depth).map(|by| Edge { read: by + 1, by, how: how.clone() }).collect();
    Lineage { direction: Direction::Upstream, nodes: nodes.collect(), edges }
}

#[test]
fn a_hub_stays_readable_and_json_is_complete() {
    let hub = hub("amount", 500);
    let text = terminal(&hub, Colour::Never);
    assert_eq!(text.lines().count(), 27, "{text}");
    assert!(text.contains("└─ … 480 more\n"), "{text}");
    assert!(text.ends_with("500 parts in all, 480 not shown; `--format json` has them\n"), "{text}");
    let diagram = mermaid(&hub);
    assert!(diagram.lines().count() < 250 && diagram.contains("… 381 more, not shown"), "{diagram}");
    let value: serde_json::Value = serde_json::from_str(&json(&hub)).expect("JSON");
    assert_eq!(value["nodes"].as_array().map(Vec::len), Some(501));
    assert_eq!(value["edges"].as_array().map(Vec::len), Some(500));
}

#[test]
fn a_deep_chain_is_cut_and_says_so() {
    let text = terminal(&chain(20_000), Colour::Never);
    assert!(text.contains("s.m40  VIEW  c  (goes on)\n"), "{text}");
    assert!(text.ends_with("20000 parts in all, 19960 not shown; `--format json` has them\n"), "{text}");
    assert!(mermaid(&chain(20_000)).contains("    n119[\"s.m119\"]\n"));
}

#[test]
fn no_name_gets_out_of_its_label() {
    let mut hostile = hub(HOSTILE, 2);
    hostile.nodes[1].opaque = Some(HOSTILE.into());
    let text = terminal(&hostile, Colour::Never);
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    let diagram = mermaid(&hostile);
    assert_eq!(diagram.lines().count(), 1 + 3 + 2 + 1, "{diagram}");
    for line in diagram.lines().filter(|line| line.contains('[')) {
        let (id, rest) = line.trim().split_once("[\"").expect("an id and a label");
        let label = rest.strip_suffix("\"]").expect("a label");
        assert!(id.strip_prefix('n').is_some_and(|number| number.parse::<u32>().is_ok()), "{line}");
        assert!(!label.contains(['"', ']', '`', '<', '>', '|', '\u{1b}', '\u{202e}', '&', '\\']), "{line}");
        assert!(!label.replace("#", "").contains("# "), "{line}");
    }
    insta::assert_snapshot!(diagram.lines().nth(1).expect("a node"));
}

#[test]
fn both_sides_of_a_diamond_are_told_once() {
    let mut diamond = chain(2);
    diamond.nodes.push(found("m3", Part::Model, Side::Upstream, 1));
    let how = How::Reads(vec![Part::All]);
    diamond.edges.extend([Edge { read: 3, by: 0, how: how.clone() }, Edge { read: 1, by: 3, how }]);
    diamond.edges.sort();
    insta::assert_snapshot!(terminal(&diamond, Colour::Never));
}
