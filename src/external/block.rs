//! The lines of a file, and which of them are whose: one block for each table, from its `-` to the next one.

use std::ops::Range;

use super::RewriteError;
use crate::yaml::{Node, Value};

/// A file cut into lines and tables.
pub(super) struct Blocks<'t> {
    /// Its lines without their ends.
    pub(super) lines: Vec<&'t str>,
    /// How its lines end.
    pub(super) end: &'static str,
    /// Its tables in order.
    pub(super) items: Vec<Item<'t>>,
    /// What stands before each `-`.
    pub(super) indent: &'t str,
}

/// One table of the file.
pub(super) struct Item<'t> {
    pub(super) node: &'t Node,
    /// Its lines: comments and empty lines before the next one belong to it.
    pub(super) lines: Range<usize>,
}

impl<'t> Blocks<'t> {
    pub(super) fn of(text: &'t str, document: &'t Node) -> Result<Self, RewriteError> {
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let lines: Vec<&str> = text.lines().collect();
        let nodes: &[Node] = match &document.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => return Err(RewriteError::NoList { line: document.place.line }),
        };
        let mut starts = Vec::new();
        let mut indent = None;
        for node in nodes {
            let index = line_of(node);
            let refused = || RewriteError::Form { line: node.place.line };
            let before = before_key(lines.get(index).copied().unwrap_or_default(), node).ok_or_else(refused)?;
            let space = &before[..before.find('-').ok_or_else(refused)?];
            let is_plain = space.trim().is_empty() && *indent.get_or_insert(space) == space;
            // YAML knows more ends of lines than these.
            if index >= lines.len() || !is_plain || starts.last().is_some_and(|last| *last >= index) {
                return Err(refused());
            }
            starts.push(index);
        }
        let ends = starts.iter().skip(1).copied().chain([lines.len()]);
        let items: Vec<Item<'t>> = nodes
            .iter()
            .zip(starts.iter().zip(ends))
            .map(|(node, (start, end))| Item { node, lines: *start..end })
            .collect();
        for Item { node, lines } in &items {
            // A key that an anchor brought stands elsewhere.
            if node.entries().iter().any(|entry| !lines.contains(&line_of(&entry.node))) {
                return Err(RewriteError::Form { line: node.place.line });
            }
        }
        Ok(Self { lines, end, items, indent: indent.unwrap_or_default() })
    }

    /// What stands in the line of a key before it; `None` where it is not a line of its own.
    pub(super) fn before(&self, item: &Item<'_>, key: &Node) -> Option<&'t str> {
        let line = line_of(key);
        let mut others = item.node.entries().iter().filter(|entry| !std::ptr::eq(&entry.node, key));
        let is_alone = others.all(|entry| line_of(&entry.node) != line);
        let before = before_key(self.lines.get(line).copied().unwrap_or_default(), key)?;
        (is_alone && before.trim().trim_start_matches('-').is_empty()).then_some(before)
    }

    /// The lines of a key and its value, without comments and empty lines behind them.
    pub(super) fn lines_of(&self, item: &Item<'_>, key: &Node) -> Range<usize> {
        let start = line_of(key);
        let others = item.node.entries().iter().map(|entry| line_of(&entry.node));
        let end = others.filter(|line| *line > start).min().unwrap_or(item.lines.end);
        start..self.end_of(start..end)
    }

    /// The end of lines without the comments and empty lines behind them.
    pub(super) fn end_of(&self, lines: Range<usize>) -> usize {
        let is_said = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let said = self.lines[lines.clone()].iter().rposition(is_said);
        said.map_or(lines.start + 1, |last| lines.start + last + 1)
    }
}

fn line_of(node: &Node) -> usize {
    (node.place.line as usize).saturating_sub(1)
}

fn before_key<'t>(line: &'t str, key: &Node) -> Option<&'t str> {
    let column = (key.place.column as usize).saturating_sub(1);
    let end = line.char_indices().map(|(index, _)| index).chain([line.len()]).nth(column)?;
    line.get(..end)
}
