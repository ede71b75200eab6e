//! Lineage as trees, one for each side. A part is taken apart where it is met first; hubs, depth and length are bounded.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use owo_colors::Style;

use super::{name, quoted};
use crate::lineage::{How, Lineage, Part, Side};
use crate::render::terminal::Paint;
use crate::render::text::counted;
use crate::render::{Colour, visible};

/// Neighbours of one part that are listed; of more than these the rest is counted.
const FOLD: usize = 20;
/// The deepest level of a tree.
const DEPTH: usize = 40;
/// The most lines of one side.
const LINES: usize = 300;
/// Columns that are named where a model reads a model.
const COLUMNS: usize = 6;

/// The part that was asked about and one tree for each side that was looked at.
pub fn terminal(lineage: &Lineage, colour: Colour) -> String {
    let paint = Paint(colour);
    let asked = label(lineage, 0, paint.with(&visible(&name(&lineage.nodes[0].node)), Style::new().bold()));
    let mut output = format!("{asked}\n");
    for (side, title, nothing) in [
        (Side::Upstream, "comes from", "comes from nothing else"),
        (Side::Downstream, "is read by", "is read by nothing"),
    ] {
        if !lineage.direction.has(side) {
            continue;
        }
        let tree = Tree::new(lineage, side);
        if tree.next[0].is_empty() {
            let _ = writeln!(output, "\n{}", paint.with(nothing, Style::new().dimmed()));
            continue;
        }
        let _ = writeln!(output, "\n{}", paint.with(title, Style::new().bold()));
        output.push_str(&tree.printed(paint));
    }
    output
}

/// One side as neighbours by place.
struct Tree<'l> {
    lineage: &'l Lineage,
    side: Side,
    next: Vec<Vec<(usize, &'l How)>>,
}

/// A line that is still to be printed.
enum Line {
    /// A node: its place, what is read of it, its depth, the stems before it, and whether it is the last of its list.
    Node { node: usize, read: String, depth: usize, stems: String, last: bool },
    /// Neighbours that are only counted.
    More { count: usize, stems: String },
}

impl<'l> Tree<'l> {
    fn new(lineage: &'l Lineage, side: Side) -> Self {
        let mut next = vec![Vec::new(); lineage.nodes.len()];
        let inside = |node: usize| lineage.nodes[node].side == side || node == 0;
        for edge in lineage.edges.iter().filter(|edge| inside(edge.read) && inside(edge.by)) {
            let (from, to) = if side == Side::Upstream { (edge.by, edge.read) } else { (edge.read, edge.by) };
            next[from].push((to, &edge.how));
        }
        Self { lineage, side, next }
    }

    fn printed(&self, paint: Paint) -> String {
        let mut output = String::new();
        let mut shown = BTreeSet::from([0]);
        let mut rest = self.lines_below(0, 1, "");
        let mut lines = 0;
        while let Some(line) = rest.pop() {
            lines += 1;
            if lines > LINES {
                break;
            }
            match line {
                Line::More { count, stems } => {
                    let _ = writeln!(output, "{stems}└─ … {count} more");
                }
                Line::Node { node, read, depth, stems, last } => {
                    let is_new = shown.insert(node);
                    let name = label(self.lineage, node, visible(&name(&self.lineage.nodes[node].node)));
                    let branch = if last { "└─" } else { "├─" };
                    let has_more = !self.next[node].is_empty();
                    let above = if !is_new && has_more { "  (above)" } else { "" };
                    let deeper = if is_new && has_more && depth >= DEPTH { "  (goes on)" } else { "" };
                    let _ = writeln!(output, "{stems}{branch} {name}{read}{above}{deeper}");
                    if is_new && depth < DEPTH {
                        let stems = format!("{stems}{}", if last { "   " } else { "│  " });
                        rest.extend(self.lines_below(node, depth + 1, &stems));
                    }
                }
            }
        }
        let all = self.lineage.nodes.iter().filter(|found| found.side == self.side).count();
        let left_out = all - (shown.len() - 1);
        if left_out > 0 {
            let note = format!("{} in all, {left_out} not shown; `--format json` has them", counted(all, "part"));
            let _ = writeln!(output, "{}", paint.with(&note, Style::new().dimmed()));
        }
        output
    }

    /// The lines below a node, the last one first.
    fn lines_below(&self, parent: usize, depth: usize, stems: &str) -> Vec<Line> {
        let below = &self.next[parent];
        // One line too many is better than a line that says so.
        let listed = if below.len() <= FOLD + 1 { below.len() } else { FOLD };
        let mut lines = Vec::new();
        if below.len() > listed {
            lines.push(Line::More { count: below.len() - listed, stems: stems.to_owned() });
        }
        for (place, (node, how)) in below[..listed].iter().enumerate().rev() {
            let last = place + 1 == below.len();
            let mut read = read(how);
            let (from, to) = (&self.lineage.nodes[parent].node, &self.lineage.nodes[*node].node);
            let is_whole = from.part == Part::All || to.part == Part::All;
            if from.model == to.model && is_whole {
                read.push_str("  drawn anew whenever the table is built");
            }
            lines.push(Line::Node { node: *node, read, depth, stems: stems.to_owned(), last });
        }
        lines
    }
}

/// What a model reads of a model, after its name.
fn read(how: &How) -> String {
    let How::Reads(parts) = how else { return String::new() };
    let columns: Vec<String> = parts.iter().filter_map(Part::column).map(|name| visible(&quoted(name))).collect();
    if parts.contains(&Part::All) {
        return "  all of it".to_owned();
    }
    if columns.is_empty() {
        return "  rows".to_owned();
    }
    let more = match columns.len().saturating_sub(COLUMNS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("  {}{more}", columns[..columns.len().min(COLUMNS)].join(", "))
}

/// A name with what kind of thing it is.
fn label(lineage: &Lineage, node: usize, name: String) -> String {
    let found = &lineage.nodes[node];
    let kind = match found.kind {
        _ if matches!(found.node.part, Part::Rows | Part::Order) => String::new(),
        Some(kind) => format!("  {}", kind.text()),
        None => "  no model".to_owned(),
    };
    let opaque = found.opaque.as_ref().map_or(String::new(), |what| format!("  opaque, {}", visible(what)));
    format!("{name}{kind}{opaque}")
}
