//! The text of `external_models.yaml` with what the warehouse has: only what differs is written anew, so that comments, keys
//! and order of whoever wrote the rest stay.
//!
//! This module asks nobody and writes nothing. Which tables a project reads and does not own is [`unowned`]; what a text
//! becomes is [`rewrite`], which is read back before it is believed.

mod block;
mod columns;
mod rewrite;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use rewrite::{RewriteError, Standing, Target, rewrite};

use crate::fingerprint::Tree;
use crate::ids::{FilePath, ModelName};
use crate::model::Kind;
use crate::project::{Owned, unowned_reads};

/// The names of the file that is written, the usual one first; SQLMesh reads `schema.yaml` where it has no other.
pub const FILES: [&str; 4] = ["external_models.yaml", "external_models.yml", "schema.yaml", "schema.yml"];

/// A table as the warehouse has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalTable {
    /// Its name.
    pub name: ModelName,
    /// Its columns with their types, in order, exactly as the warehouse tells them.
    pub columns: Vec<(String, String)>,
}

/// What a file says otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A table that it did not name.
    Added {
        /// The table.
        name: ModelName,
        /// How many columns it has.
        columns: usize,
    },
    /// A table with other columns.
    Columns {
        /// The table.
        name: ModelName,
        /// What is not the same.
        changes: Vec<ColumnChange>,
    },
}

/// How a column of the file differs from the warehouse's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnChange {
    /// It is new.
    Added {
        /// Its name.
        name: String,
        /// Its type.
        data_type: String,
    },
    /// It is gone.
    Removed {
        /// Its name.
        name: String,
    },
    /// It has another type.
    Retyped {
        /// Its name.
        name: String,
        /// The type in the file; `None` where only the name was known.
        was: Option<String>,
        /// The type in the warehouse.
        is: String,
    },
    /// The columns are the same in another order.
    Reordered,
}

/// What a file becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The whole text.
    pub text: String,
    /// What differs; empty where the text is the same.
    pub changes: Vec<Change>,
}

/// Tables that a project's models read, that it does not own, and that no other file than `file` declares; with those that
/// `file` declares, whoever reads them.
pub fn unowned(tree: &Tree, file: &FilePath) -> BTreeSet<ModelName> {
    let owned = Owned { models: &tree.models, broken: &tree.broken };
    let reads = tree.models.values().flat_map(|model| unowned_reads(model, owned)).map(|(name, _)| name.clone());
    let declared = tree.models.values().filter(|model| matches!(model.kind, Kind::External) && model.path == *file);
    reads.chain(declared.map(|model| model.name.clone())).collect()
}
