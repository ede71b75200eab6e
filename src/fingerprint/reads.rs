//! What each part of a model reads of its parents: the walk of the fingerprints once more, for people who ask.
//!
//! Nothing here is hashed, and no plan needs it; it never knows less than the fingerprint does: what is opaque there
//! reads all of everything that it mentions here.

use super::{ParentTables, Tree, over_originals};
use crate::graph::SelfReading;
use crate::ids::ModelName;
use crate::model::{Kind, Model};
use crate::sql::{
    Dependencies, Opaque, OutputName, Read, Reads, Syntax, Tables, dependencies, output_names, refused_at,
};

/// What a model reads, part by part.
#[derive(Clone, Debug, Default)]
pub struct ModelReads {
    /// What decides which rows there are.
    pub rows: Reads,
    /// What decides the order in which they are written, and nothing else.
    pub order: Reads,
    /// What each output column is computed from, by the name that is shown; `None` where the columns are not known.
    pub columns: Option<Vec<(String, Reads)>>,
    /// Why the parts could not be told apart: then each of them reads what `rows` says.
    pub opaque: Option<Opaque>,
}

impl ModelReads {
    /// Everything that any part reads.
    pub fn all(&self) -> Reads {
        let columns = self.columns.iter().flatten().flat_map(|(_, reads)| reads);
        self.rows.iter().chain(&self.order).chain(columns).cloned().collect()
    }
}

/// What a model of a tree reads; nothing for a name that no model has.
pub fn model_reads(tree: &Tree, name: &ModelName) -> ModelReads {
    let Some(model) = tree.models.get(name) else { return ModelReads::default() };
    let model = &*over_originals(model, &tree.models);
    let node = tree.graph.node(name).cloned().unwrap_or_default();
    let mut reads = match (&model.kind, &model.query) {
        (Kind::Seed(seed), _) => unread(seed.columns.iter().map(|column| column.name.clone())),
        (_, Some(query)) => {
            let found = match node.itself {
                SelfReading::Yes => Err(Opaque::ReadsItself),
                SelfReading::No => over_parents(tree, model, |tables| dependencies(query, tables)),
            };
            // A member of a circle has no fingerprint, and its parents may have none.
            let found = found.and_then(|found| match tree.fingerprints.contains_key(name) {
                true => Ok(found),
                false => Err(Opaque::Construct("a circle of models".into())),
            });
            match found {
                Ok(found) => resolved(model, found),
                Err(opaque) => whole(model, node.parents().chain(&node.external), opaque),
            }
        }
        (_, None) => unread(model.properties.columns.iter().map(|column| column.name.clone())),
    };
    reads.rows.extend(node.hidden.iter().map(|parent| Read::Whole(parent.clone())));
    reads
}

/// The names of a model's output columns as its query states them, stars put out; two may be alike.
///
/// # Errors
/// It has no query, or the names are not certain.
pub fn stated_names(tree: &Tree, model: &Model) -> Result<Vec<OutputName>, Opaque> {
    let query = model.query.as_ref().ok_or_else(|| Opaque::Construct("no query".into()))?;
    over_parents(tree, model, |tables| output_names(query, tables))
}

/// Where in a model's query a name stands that the engine surely refuses, in bytes of [`crate::sql::Query::text`], as far as it is
/// known.
pub fn refused_name(tree: &Tree, model: &Model, syntax: &Syntax) -> Option<usize> {
    over_parents(tree, model, |tables| refused_at(model.query.as_ref()?, syntax, tables))
}

/// Asks something of a model's query over its parents as the tree has them.
fn over_parents<T>(tree: &Tree, model: &Model, ask: impl FnOnce(&dyn Tables) -> T) -> T {
    let parents = |parent: &ModelName| tree.fingerprints.get(parent);
    let functions = super::statements::own_functions(model);
    ask(&ParentTables { model: &model.name, functions, context: &tree.context, parents: &parents })
}

/// A model without a query: its columns come from outside the project.
fn unread(columns: impl Iterator<Item = String>) -> ModelReads {
    let columns: Vec<(String, Reads)> = columns.map(|column| (column, Reads::new())).collect();
    ModelReads { columns: (!columns.is_empty()).then_some(columns), ..ModelReads::default() }
}

fn resolved(model: &Model, found: Dependencies) -> ModelReads {
    let Dependencies { mut rows, order, columns } = found;
    let columns: Vec<(String, Reads)> = columns.into_iter().map(|(name, reads)| (name.text, reads)).collect();
    // Which row replaces which is decided by these columns too.
    let deciding: Vec<&str> = match &model.kind {
        Kind::TimeRange(range) => vec![&range.time_column],
        Kind::UniqueKey(key) if key.adds_up() => columns.iter().map(|(name, _)| name.as_str()).collect(),
        Kind::UniqueKey(key) => key.unique_key.iter().map(String::as_str).collect(),
        Kind::Partition(_) | Kind::Unmanaged(_) | Kind::ScdType2(_) => {
            columns.iter().map(|(name, _)| name.as_str()).collect()
        }
        Kind::View | Kind::Full | Kind::Materialized | Kind::Seed(_) | Kind::External | Kind::Embedded => Vec::new(),
    };
    let folded = |name: &str| model.dialect.fold(name.trim_matches('"'), true);
    for wanted in deciding {
        let named: Vec<&Reads> =
            columns.iter().filter(|(name, _)| folded(name) == folded(wanted)).map(|(_, reads)| reads).collect();
        match named.is_empty() {
            false => rows.extend(named.into_iter().flatten().cloned()),
            // A key that is an expression may be of any column.
            true => rows.extend(columns.iter().flat_map(|(_, reads)| reads).cloned()),
        }
    }
    ModelReads { rows, order, columns: Some(columns), opaque: None }
}

fn whole<'n>(model: &Model, parents: impl Iterator<Item = &'n ModelName>, opaque: Opaque) -> ModelReads {
    let rows: Reads = parents.map(|parent| Read::Whole(parent.clone())).collect();
    let declared = model.properties.columns.iter().map(|column| (column.name.clone(), rows.clone()));
    let columns: Vec<(String, Reads)> = declared.collect();
    ModelReads {
        columns: (!columns.is_empty()).then_some(columns),
        rows,
        opaque: Some(opaque),
        ..ModelReads::default()
    }
}
