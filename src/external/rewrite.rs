//! What a file becomes when the warehouse's columns are put into it.

use std::collections::BTreeMap;

use super::block::{Blocks, Item};
use super::columns::{self, Beside, compare, declared};
use super::{Change, ExternalTable, Rewritten};
use crate::ids::ModelName;
use crate::project::model_name;
use crate::sql::{DefaultCatalog, Dialect, within};
use crate::yaml::{self, Node, Value, scalar};

/// Why a file cannot be rewritten; nothing is changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// It is no YAML.
    #[error("line {line}: {message}")]
    Yaml {
        /// Where.
        line: u32,
        /// What is wrong.
        message: String,
    },
    /// It is no list.
    #[error("line {line}: expected a list of tables")]
    NoList {
        /// Where.
        line: u32,
    },
    /// A table is not written so that it can be changed in its place.
    #[error(
        "line {line}: a table that is not written as `- name: …` with one key on each line cannot be changed in its place"
    )]
    Form {
        /// Where.
        line: u32,
    },
    /// What was to be written would not be read as it was meant.
    #[error("what would be written of `{table}` would not be read as it is meant")]
    ReadBack {
        /// Which table.
        table: String,
    },
}

/// Whose entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The dialect of entries that name none.
    pub dialect: Dialect,
    /// The gateway in use.
    pub gateway: Option<&'a str>,
    /// The catalog in which names of two parts are.
    pub catalog: Option<&'a DefaultCatalog>,
    /// What it is among others.
    pub standing: Standing,
}

/// What a gateway is among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The one that is used where none is asked for: entries without `gateway` are its.
    Default,
    /// Another one: entries without `gateway` are not touched.
    Other,
}

/// Puts the columns of tables into a file. Entries of other gateways, and of tables that were not found, stay as they are;
/// a new entry stands before the first one whose name comes after its own.
///
/// # Errors
/// The file is no list of tables, or is written in a way that cannot be changed in place.
pub fn rewrite(text: &str, target: Target<'_>, tables: &[ExternalTable]) -> Result<Rewritten, RewriteError> {
    let document = parsed(text)?;
    let file = File::of(text, &document, target)?;
    let held: BTreeMap<usize, &ExternalTable> =
        tables.iter().filter_map(|table| Some((file.entry_of(table)?, table))).collect();
    let mut changes = Vec::new();
    let mut entries: Vec<Vec<String>> = Vec::new();
    for (index, item) in file.blocks.items.iter().enumerate() {
        let mut lines: Vec<String> =
            file.blocks.lines[item.lines.clone()].iter().map(|line| (*line).to_owned()).collect();
        if let Some(table) = held.get(&index) {
            let differing = compare(&declared(item.node, file.dialect(item)), &table.columns);
            if !differing.is_empty() {
                lines = file.with_columns(item, table)?;
                changes.push(Change::Columns { name: table.name.clone(), changes: differing });
            }
        }
        entries.push(lines);
    }
    let mut new: Vec<&ExternalTable> = tables.iter().filter(|table| file.lacks(table)).collect();
    new.sort_by(|one, other| one.name.cmp(&other.name));
    changes.extend(new.iter().map(|table| Change::Added { name: table.name.clone(), columns: table.columns.len() }));
    if changes.is_empty() {
        return Ok(Rewritten { text: text.to_owned(), changes });
    }
    let written = file.text(file.merged(entries, &new).into_iter());
    file.read_back(&written, tables, &changes)?;
    Ok(Rewritten { text: written, changes })
}

fn parsed(text: &str) -> Result<Node, RewriteError> {
    yaml::parse(text)
        .map_err(|error| RewriteError::Yaml { line: error.place.map_or(1, |place| place.line), message: error.message })
}

/// A file that is there, and whose entries are written.
struct File<'a> {
    blocks: Blocks<'a>,
    target: Target<'a>,
    /// The name of each entry, in order.
    names: Vec<Option<ModelName>>,
    /// The entries of each name, in order.
    named: BTreeMap<ModelName, Vec<usize>>,
}

impl<'a> File<'a> {
    fn of(text: &'a str, document: &'a Node, target: Target<'a>) -> Result<Self, RewriteError> {
        let blocks = Blocks::of(text, document)?;
        let names: Vec<Option<ModelName>> = blocks.items.iter().map(|item| name_of(item.node, target)).collect();
        let mut named: BTreeMap<ModelName, Vec<usize>> = BTreeMap::new();
        for (index, name) in names.iter().enumerate() {
            name.iter().for_each(|name| named.entry(name.clone()).or_default().push(index));
        }
        Ok(Self { blocks, target, names, named })
    }

    fn dialect(&self, item: &Item<'_>) -> Dialect {
        dialect_of(item.node, self.target)
    }

    /// The entries of a table, whomever they are for.
    fn all_of(&self, table: &ExternalTable) -> impl Iterator<Item = (usize, &Item<'a>)> {
        let indices = self.named.get(&table.name).into_iter().flatten();
        indices.filter_map(|index| Some((*index, self.blocks.items.get(*index)?)))
    }

    /// The entry that holds a table's columns for the gateway in use: its own, else the one of all gateways if this is the
    /// default one.
    fn entry_of(&self, table: &ExternalTable) -> Option<usize> {
        let is_own = |item: &Item<'_>| {
            let gateway = item.node.get("gateway").and_then(Node::text);
            gateway.zip(self.target.gateway).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
        };
        let own = self.all_of(table).find(|(_, item)| is_own(item));
        let general =
            || self.all_of(table).find(|(_, item)| self.target.standing == Standing::Default && is_general(item.node));
        own.or_else(general).map(|(index, _)| index)
    }

    /// Whether a table needs an entry of its own: there is none, and what all gateways have is not what this one has.
    fn lacks(&self, table: &ExternalTable) -> bool {
        let is_right = |item: &Item<'_>| {
            is_general(item.node) && compare(&declared(item.node, self.dialect(item)), &table.columns).is_empty()
        };
        self.entry_of(table).is_none() && !self.all_of(table).any(|(_, item)| is_right(item))
    }

    /// The lines of an entry with other columns.
    fn with_columns(&self, item: &Item<'_>, table: &ExternalTable) -> Result<Vec<String>, RewriteError> {
        let refused = || RewriteError::Form { line: item.node.place.line };
        let dialect = self.dialect(item);
        let (columns, replaced) = match item.node.get("columns") {
            Some(key) => {
                let before = self.blocks.before(item, key).ok_or_else(refused)?;
                let beside = Beside::of(self.blocks.comments(key), key, dialect);
                (columns::lines(before, &table.columns, dialect, beside), self.blocks.lines_of(item, key))
            }
            None => {
                let first = item.node.entries().first().ok_or_else(refused)?;
                let before = self.blocks.before(item, &first.node).ok_or_else(refused)?;
                let end = self.blocks.end_of(item.lines.clone());
                (columns::lines(&before.replace('-', " "), &table.columns, dialect, Beside::default()), end..end)
            }
        };
        let kept = |lines: std::ops::Range<usize>| self.blocks.lines[lines].iter().map(|line| (*line).to_owned());
        let (start, end) = (item.lines.start, item.lines.end);
        Ok(kept(start..replaced.start).chain(columns).chain(kept(replaced.end..end)).collect())
    }

    /// The lines of a new entry.
    fn entry(&self, table: &ExternalTable) -> Vec<String> {
        let indent = self.blocks.indent;
        let name = written_name(&table.name, self.target.dialect);
        let mut lines = vec![format!("{indent}- name: {}", scalar(&name))];
        let gateway = self.target.gateway.filter(|_| self.target.standing == Standing::Other);
        lines.extend(gateway.map(|gateway| format!("{indent}  gateway: {}", scalar(gateway))));
        let before = format!("{indent}  ");
        lines.extend(columns::lines(&before, &table.columns, self.target.dialect, Beside::default()));
        lines
    }

    /// The lines of all entries, and of new ones that are sorted by name, each before the first one whose name comes after.
    fn merged(&self, entries: Vec<Vec<String>>, new: &[&ExternalTable]) -> Vec<String> {
        let mut new = new.iter().peekable();
        let mut lines = Vec::new();
        for (name, entry) in self.names.iter().zip(entries) {
            let is_before = |table: &&&ExternalTable| name.as_ref().is_some_and(|name| *name > table.name);
            while let Some(table) = new.next_if(is_before) {
                lines.extend(self.entry(table));
            }
            lines.extend(entry);
        }
        lines.extend(new.flat_map(|table| self.entry(table)));
        lines
    }

    /// The whole text with these lines of tables behind what stands before the first one.
    fn text(&self, tables: impl Iterator<Item = String>) -> String {
        let Blocks { lines, end, items, .. } = &self.blocks;
        let first = items.first().map_or(lines.len(), |item| item.lines.start);
        let is_empty_list = |line: &&&str| items.is_empty() && line.trim() == "[]";
        let head = lines[..first].iter().filter(|line| !is_empty_list(line)).map(|line| (*line).to_owned());
        head.chain(tables).flat_map(|line| [line, (*end).to_owned()]).collect()
    }

    /// Holds a text that is to be written against what was meant: each changed table has the columns of the warehouse, and
    /// every other key of the file is there with its value.
    fn read_back(&self, text: &str, tables: &[ExternalTable], changes: &[Change]) -> Result<(), RewriteError> {
        let document = parsed(text)?;
        let read = File::of(text, &document, self.target)?;
        let tables: BTreeMap<&ModelName, &ExternalTable> = tables.iter().map(|table| (&table.name, table)).collect();
        let wrong = |name: &dyn ToString| Err(RewriteError::ReadBack { table: name.to_string() });
        for change in changes {
            let (Change::Added { name, .. } | Change::Columns { name, .. }) = change;
            let table = tables.get(name).copied();
            let item = table.and_then(|table| read.blocks.items.get(read.entry_of(table)?));
            let is_right = table.zip(item).is_some_and(|(table, item)| {
                compare(&declared(item.node, read.dialect(item)), &table.columns).is_empty()
            });
            if !is_right {
                return wrong(name);
            }
        }
        let mut rest = read.blocks.items.iter();
        for item in &self.blocks.items {
            if !rest.any(|new| is_same_but_columns(item.node, new.node)) {
                return wrong(&item.node.get("name").and_then(Node::text).unwrap_or("an entry"));
            }
        }
        Ok(())
    }
}

fn is_general(item: &Node) -> bool {
    item.get("gateway").is_none_or(|gateway| gateway.value == Value::Null)
}

fn dialect_of(item: &Node, target: Target<'_>) -> Dialect {
    item.get("dialect").and_then(Node::text).and_then(Dialect::from_name).unwrap_or(target.dialect)
}

fn name_of(item: &Node, target: Target<'_>) -> Option<ModelName> {
    let dialect = dialect_of(item, target);
    Some(within(model_name(item.get("name")?.text()?, dialect).ok()?, target.catalog))
}

/// A name as the dialect reads it: a part stands in double quotes where it would be another one without.
fn written_name(name: &ModelName, dialect: Dialect) -> String {
    let part = |part: &String| {
        let is_word = part.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        let starts = part.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_');
        match is_word && starts && dialect.fold(part, false) == *part {
            true => part.clone(),
            false => format!("\"{}\"", part.replace('"', "\"\"")),
        }
    };
    name.parts().iter().map(part).collect::<Vec<_>>().join(".")
}

fn is_same_but_columns(one: &Node, other: &Node) -> bool {
    let rest = |node: &Node| {
        let entries = node.entries().iter().filter(|entry| entry.key != "columns");
        entries.map(|entry| (entry.key.clone(), without_places(&entry.node))).collect::<Vec<_>>()
    };
    rest(one) == rest(other)
}

/// A value without its places, for comparing.
fn without_places(node: &Node) -> Node {
    let place = yaml::Place { line: 0, column: 0 };
    let value = match &node.value {
        Value::List(items) => Value::List(items.iter().map(without_places).collect()),
        Value::Map(entries) => {
            let entry = |entry: &yaml::Entry| yaml::Entry { key: entry.key.clone(), node: without_places(&entry.node) };
            Value::Map(entries.iter().map(entry).collect())
        }
        other => other.clone(),
    };
    Node { place, value }
}
