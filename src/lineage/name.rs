//! What a person means by `a.b.c`: a model of that whole name, else a column of the model that the rest names.

use std::collections::BTreeSet;

use super::{Node, Part};
use crate::fingerprint::{Tree, model_reads};
use crate::ids::ModelName;
use crate::problem::nearest;
use crate::sql::Read;

/// Why a name means nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No model has the name, nor is it a column of one.
    Model {
        /// The nearest name of a model, or of a model's column.
        nearest: Option<String>,
    },
    /// A file claims the name and cannot be loaded.
    Broken {
        /// The model.
        model: ModelName,
    },
    /// The model has no such column.
    Column {
        /// The model.
        model: ModelName,
        /// The column that was asked for.
        column: String,
        /// The nearest of its columns, with the model's name.
        nearest: Option<String>,
    },
}

/// Finds what a name means. A model of the whole name wins; parts that hold dots stand in double quotes. Names are found
/// in any case, an exact one first.
///
/// # Errors
/// Nothing has the name.
pub fn find(tree: &Tree, wanted: &str) -> Result<Node, Unknown> {
    let parts = ModelName::parts_of(wanted);
    let known = known_names(tree);
    if let Some(model) = model_of(&known, parts.clone()) {
        return Ok(Node { model, part: Part::Model });
    }
    if let Some(model) = broken(tree, &parts) {
        return Err(Unknown::Broken { model });
    }
    let Some((column, rest)) = parts.split_last() else { return Err(Unknown::Model { nearest: None }) };
    if let Some(model) = broken(tree, rest) {
        return Err(Unknown::Broken { model });
    }
    match model_of(&known, rest.to_vec()) {
        Some(model) => column_of(tree, model, column),
        None => Err(Unknown::Model { nearest: nearest_of(&known, wanted, rest, column) }),
    }
}

/// The models, and the tables that they read and none of them owns.
fn known_names(tree: &Tree) -> BTreeSet<&ModelName> {
    let outside = tree.models.keys().filter_map(|name| tree.graph.node(name)).flat_map(|node| &node.external);
    tree.models.keys().chain(outside).collect()
}

fn is_same(name: &ModelName, parts: &[String]) -> bool {
    let same = |(one, other): (&String, &String)| one.to_lowercase() == other.to_lowercase();
    name.parts().len() == parts.len() && name.parts().iter().zip(parts).all(same)
}

fn model_of(known: &BTreeSet<&ModelName>, parts: Vec<String>) -> Option<ModelName> {
    let exact = ModelName::from_parts(parts.clone()).filter(|name| known.contains(name));
    exact.or_else(|| known.iter().find(|name| is_same(name, &parts)).map(|name| (*name).clone()))
}

fn broken(tree: &Tree, parts: &[String]) -> Option<ModelName> {
    tree.broken.iter().find(|name| is_same(name, parts)).cloned()
}

fn column_of(tree: &Tree, model: ModelName, wanted: &str) -> Result<Node, Unknown> {
    let reads = model_reads(tree, &model);
    // The columns of an opaque model may be nobody's knowledge, so it may well have this one.
    let is_open = reads.opaque.is_some() && reads.columns.is_none();
    let columns = match reads.columns {
        Some(columns) => columns.into_iter().map(|(name, _)| name).collect(),
        None => columns_read(tree, &model),
    };
    let lower = wanted.to_lowercase();
    let exact = columns.iter().find(|name| *name == wanted);
    let found = exact.or_else(|| columns.iter().find(|name| name.to_lowercase() == lower));
    match found {
        Some(column) => Ok(Node { part: Part::Column(column.clone()), model }),
        None if is_open => Ok(Node { part: Part::Column(wanted.to_owned()), model }),
        None => {
            let near = nearest(&lower, columns.iter().map(String::as_str));
            let near = near.map(|near| shown(&model, near));
            Err(Unknown::Column { model, column: wanted.to_owned(), nearest: near })
        }
    }
}

/// What its readers read of a table whose columns nobody declared.
fn columns_read(tree: &Tree, table: &ModelName) -> Vec<String> {
    let reads = tree.fingerprints.values().flat_map(|fingerprint| &fingerprint.reads);
    let columns: BTreeSet<&String> = reads
        .filter_map(|read| match read {
            Read::Column(of, column) if of == table => Some(column),
            _ => None,
        })
        .collect();
    columns.into_iter().cloned().collect()
}

/// A column behind its model's name, as it may be typed.
fn shown(model: &ModelName, column: &str) -> String {
    let column = ModelName::from_parts(vec![column.to_owned()]).map_or_else(String::new, |name| name.to_string());
    format!("{model}.{column}")
}

fn nearest_of(known: &BTreeSet<&ModelName>, wanted: &str, rest: &[String], column: &str) -> Option<String> {
    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
    let whole = nearest(&wanted.to_lowercase(), names.iter().map(String::as_str)).map(str::to_owned);
    let of_model = || {
        let near = nearest(&rest.join(".").to_lowercase(), names.iter().map(String::as_str))?;
        Some(shown(&ModelName::parse(near)?, column))
    };
    whole.or_else(of_model)
}
