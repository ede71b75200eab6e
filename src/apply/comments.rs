//! What production's views say of themselves: the descriptions of models and columns (`register_comments`).
//!
//! As in SQLMesh only production says it. What nobody described is left as it is: somebody may have written it by hand.

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

/// What a model's view says: what it is, what its columns are, and what they no longer are.
pub(super) fn comments(policy: Comments, tree: &Tree, plan: &Plan, name: &ModelName) -> Vec<Comment> {
    let Some(model) = tree.models.get(name).filter(|_| policy == Comments::Written) else { return Vec::new() };
    gone(plan, model).chain(said(model)).collect()
}

fn said(model: &Model) -> impl Iterator<Item = Comment> {
    let properties = &model.properties;
    let of_view = properties.description.iter().map(|text| Comment { column: None, text: Some(text.clone()) });
    let of_column =
        |(column, text): (&String, &String)| Comment { column: Some(column.clone()), text: Some(text.clone()) };
    of_view.chain(properties.column_descriptions.iter().map(of_column))
}

/// What the plan says was described, and is not any more.
fn gone(plan: &Plan, model: &Model) -> impl Iterator<Item = Comment> {
    let entries = plan.models.iter().chain(&plan.drift).filter(|entry| entry.name == model.name);
    let properties = entries.flat_map(|entry| &entry.reasons).filter_map(|reason| match reason {
        Reason::MetadataChanged { property, new: None, .. } => Some(property),
        _ => None,
    });
    let described = &model.properties.column_descriptions;
    properties.filter_map(|property| match property.strip_prefix("column_descriptions.") {
        // It may only be written in another case.
        Some(column) if described.keys().any(|now| now.eq_ignore_ascii_case(column)) => None,
        Some(column) => Some(Comment { column: Some(column.to_owned()), text: None }),
        None if property == "description" => Some(Comment { column: None, text: None }),
        None => None,
    })
}
