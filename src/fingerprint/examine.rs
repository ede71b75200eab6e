//! One model's fingerprint with everything that it was made of, for who asks why it is not another.

use std::collections::BTreeMap;

use super::statements::{hash_tokens, own_functions, with_statements};
use super::{Context, Fingerprint, ParentTables, fingerprint_one};
use crate::graph::Graph;
use crate::hash::{Digest, Trace, traced};
use crate::ids::ModelName;
use crate::model::Model;
use crate::sql::{Origins, origins};

/// A fingerprint, taken apart.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The fingerprint itself.
    pub fingerprint: Fingerprint,
    /// What each of its digests was made of.
    pub trace: Trace,
    /// Which pieces of the query digests came from.
    pub origins: Origins,
    /// The pre- and post-statements by their digests.
    pub statements: BTreeMap<Digest, String>,
}

/// As [`fingerprint_one`], with notes taken.
pub fn examine<'a>(
    model: &Model,
    graph: &Graph,
    context: &Context,
    parents: &dyn Fn(&ModelName) -> Option<&'a Fingerprint>,
) -> Examined {
    let (fingerprint, trace) = traced(|| fingerprint_one(model, graph, context, parents));
    let tables = ParentTables { model: &model.name, functions: own_functions(model), context, parents };
    let origins = model.query.as_ref().map(|query| origins(query, &tables)).unwrap_or_default();
    let mut statements = BTreeMap::new();
    with_statements(model, |_, text, tokens| {
        statements.insert(hash_tokens(text, tokens), text.to_owned());
    });
    Examined { fingerprint, trace, origins, statements }
}
