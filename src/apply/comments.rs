//! What production's views say of themselves: the descriptions of models and columns (`register_comments`).
//!
//! As in SQLMesh only production says it. What nobody described is left as it is: somebody may have written it by hand.

use std::collections::BTreeMap;

use crate::change::Reason;
use crate::fingerprint::Tree;
use crate::ids::ModelName;
use crate::model::Model;
use crate::plan::Plan;
use crate::statement::Comment;

/// Whether descriptions are written to the views of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comments {
    /// They are.
    Written,
    /// Nobody writes any.
    Left,
}

/// What the plan says was described and is not any more, by model.
pub(super) type Gone<'a> = BTreeMap<&'a ModelName, Vec<&'a str>>;

/// What a model's view says: what it is, what its columns are, and what they no longer are.
pub(super) fn comments(tree: &Tree, gone: &Gone<'_>, name: &ModelName) -> Vec<Comment> {
    let Some(model) = tree.models.get(name) else { return Vec::new() };
    let unsaid = gone.get(name).into_iter().flatten().filter_map(|property| unsaid(model, property));
    unsaid.chain(said(model)).collect()
}

/// What is described no longer; nothing of it where nothing is written.
pub(super) fn gone(policy: Comments, plan: &Plan) -> Option<Gone<'_>> {
    let mut gone = Gone::new();
    for entry in plan.models.iter().chain(&plan.drift).filter(|_| policy == Comments::Written) {
        for reason in &entry.reasons {
            if let Reason::MetadataChanged { property, new: None, .. } = reason {
                gone.entry(&entry.name).or_default().push(property);
            }
        }
    }
    (policy == Comments::Written).then_some(gone)
}

fn said(model: &Model) -> impl Iterator<Item = Comment> {
    let properties = &model.properties;
    let of_view = properties.description.iter().map(|text| Comment { column: None, text: Some(text.clone()) });
    let of_column =
        |(column, text): (&String, &String)| Comment { column: Some(column.clone()), text: Some(text.clone()) };
    of_view.chain(properties.column_descriptions.iter().map(of_column))
}

fn unsaid(model: &Model, property: &str) -> Option<Comment> {
    match property.strip_prefix(COLUMN) {
        // It may only be written in another case.
        Some(column) if model.properties.column_descriptions.keys().any(|now| now.eq_ignore_ascii_case(column)) => None,
        Some(column) => Some(Comment { column: Some(column.to_owned()), text: None }),
        None => (property == "description").then_some(Comment { column: None, text: None }),
    }
}

/// How the fingerprint of metadata calls the description of a column.
const COLUMN: &str = "column_descriptions.";
