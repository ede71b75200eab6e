//! Columns as a file names them, and as the warehouse does.

use std::collections::BTreeMap;

use super::ColumnChange;
use super::block::Comments;
use crate::project::external_column;
use crate::sql::Dialect;
use crate::yaml::{Node, scalar};

/// Columns with the types that a file gives them.
pub(super) type Declared = Vec<(String, Option<String>)>;

/// What a file says of a table's columns, by their exact names.
pub(super) fn declared(item: &Node, dialect: Dialect) -> Declared {
    let entries = item.get("columns").map(Node::entries).unwrap_or_default();
    let data_type = |node: &Node| node.text().map(folded);
    entries.iter().map(|entry| (external_column(&entry.key, dialect), data_type(&entry.node))).collect()
}

/// A type as it is compared: how wide its spaces are does not count.
fn folded(data_type: &str) -> String {
    data_type.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How columns of the warehouse differ from those of the file.
pub(super) fn compare(declared: &Declared, found: &[(String, String)]) -> Vec<ColumnChange> {
    let mut changes = Vec::new();
    for (name, data_type) in found {
        match declared.iter().find(|(known, _)| known == name) {
            None => changes.push(ColumnChange::Added { name: name.clone(), data_type: data_type.clone() }),
            Some((_, was)) if was.as_ref() != Some(&folded(data_type)) => {
                changes.push(ColumnChange::Retyped { name: name.clone(), was: was.clone(), is: data_type.clone() });
            }
            Some(_) => {}
        }
    }
    let is_gone = |name: &String| !found.iter().any(|(known, _)| known == name);
    let gone = declared.iter().filter(|(name, _)| is_gone(name));
    changes.extend(gone.map(|(name, _)| ColumnChange::Removed { name: name.clone() }));
    let is_same_order = declared.iter().map(|(name, _)| name).eq(found.iter().map(|(name, _)| name));
    if changes.is_empty() && !is_same_order {
        changes.push(ColumnChange::Reordered);
    }
    changes
}

/// What people wrote beside `columns` and beside columns, by their exact names.
#[derive(Default)]
pub(super) struct Beside<'t> {
    key: Comments<'t>,
    columns: BTreeMap<String, Comments<'t>>,
}

impl<'t> Beside<'t> {
    pub(super) fn of((key, below): (Comments<'t>, Vec<Comments<'t>>), node: &Node, dialect: Dialect) -> Self {
        let names = node.entries().iter().map(|entry| external_column(&entry.key, dialect));
        Self { key, columns: names.zip(below).collect() }
    }
}

/// The lines of `columns` below what stands before the key; comments of columns that are there still stay.
pub(super) fn lines(
    before: &str,
    columns: &[(String, String)],
    dialect: Dialect,
    mut beside: Beside<'_>,
) -> Vec<String> {
    let indent = " ".repeat(before.chars().count());
    let mut lines = vec![format!("{before}columns:{}", beside.key.behind)];
    for (name, data_type) in columns {
        let Comments { above, behind } = beside.columns.remove(name).unwrap_or_default();
        lines.extend(above.into_iter().map(str::to_owned));
        lines.push(format!("{indent}  {}: {}{behind}", scalar(&written(name, dialect)), scalar(data_type)));
    }
    lines
}

/// A column's name as a file must write it: in double quotes where the dialect would read another one.
fn written(name: &str, dialect: Dialect) -> String {
    match external_column(name, dialect) == name {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}
