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

/// What people wrote beside a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Comments<'t> {
    /// The lines above it.
    pub(super) above: Vec<&'t str>,
    /// What stands behind it in its line, with the space before it.
    pub(super) behind: &'t str,
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

    /// The comments of a key and of each key below it, where these have lines of their own.
    pub(super) fn comments(&self, key: &Node) -> (Comments<'t>, Vec<Comments<'t>>) {
        let behind = |line: usize| self.lines.get(line).map_or("", |line| comment_of(line));
        let mut next = line_of(key) + 1;
        let below = key.entries().iter().map(|entry| {
            let line = line_of(&entry.node);
            let Some(above) = self.lines.get(next..line) else { return Comments::default() };
            next = line + 1;
            let is_comment = |line: &&&str| line.trim_start().starts_with('#');
            Comments { above: above.iter().filter(is_comment).copied().collect(), behind: behind(line) }
        });
        let below = below.collect();
        (Comments { above: Vec::new(), behind: behind(line_of(key)) }, below)
    }

    /// The end of lines without the comments and empty lines behind them.
    pub(super) fn end_of(&self, lines: Range<usize>) -> usize {
        let is_said = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let said = self.lines[lines.clone()].iter().rposition(is_said);
        said.map_or(lines.start + 1, |last| lines.start + last + 1)
    }
}

/// The comment at the end of a line, with the space before it; none where it may be text in quotes.
fn comment_of(line: &str) -> &str {
    let (mut quote, mut last) = (None, ' ');
    for (place, sign) in line.char_indices() {
        match quote {
            Some(open) => quote = (sign != open).then_some(open),
            None if sign == '#' && last.is_whitespace() => return &line[line[..place].trim_end().len()..],
            None => quote = matches!(sign, '"' | '\'').then_some(sign),
        }
        last = sign;
    }
    ""
}

fn line_of(node: &Node) -> usize {
    (node.place.line as usize).saturating_sub(1)
}

fn before_key<'t>(line: &'t str, key: &Node) -> Option<&'t str> {
    let column = (key.place.column as usize).saturating_sub(1);
    let end = line.char_indices().map(|(index, _)| index).chain([line.len()]).nth(column)?;
    line.get(..end)
}
