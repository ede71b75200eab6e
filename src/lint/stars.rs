//! Stars in the outermost projection.

use std::collections::BTreeSet;

use super::subject::{Finding, Spot, Subject};
use super::written::Written;
use crate::ids::ModelName;
use crate::project::is_no_model;
use crate::sql::{Projection, ProjectionItem};

/// `noselectstar`: no SELECT of the outermost query has a star, whether or not its columns are known. What macros and Jinja make
/// does not count.
pub(super) fn no_select_star(subject: &Subject<'_>) -> Result<Vec<Finding>, String> {
    let Some(parsed) = subject.parsed()? else { return Ok(Vec::new()) };
    let finding = |projection: &Projection| Finding {
        spot: Spot::Query(projection.offset),
        message: format!("the query of `{}` selects with a star", subject.model.name),
        help: "name the columns that the model is to have".into(),
    };
    let mut stars = parsed.selects.iter().flatten().filter(|projection| is_star(projection)).peekable();
    if stars.peek().is_none() {
        return Ok(Vec::new());
    }
    let written = Written::of(subject);
    let is_written = |star: &&Projection| written.as_ref().is_none_or(|written| written.has_star(star.offset));
    Ok(stars.filter(is_written).map(finding).collect())
}

/// `invalidselectstarexpansion`: a star stands for columns that nobody knows without the warehouse. SQLMesh expands no star
/// at all as soon as one table is not known; here only a star that is really over such a table counts.
pub(super) fn invalid_select_star_expansion(subject: &Subject<'_>) -> Result<Vec<Finding>, String> {
    let Some(parsed) = subject.parsed()? else { return Ok(Vec::new()) };
    let star = parsed.selects.first().and_then(|select| select.iter().find(|projection| is_star(projection)));
    let Some(star) = star else { return Ok(Vec::new()) };
    let Some(fingerprint) = subject.fingerprint() else { return Err("it reads itself in a circle".into()) };
    let missing = unknown_tables(subject);
    let is_expanded = fingerprint.opaque.is_none() && fingerprint.columns.is_some();
    if is_expanded || missing.is_empty() {
        return Ok(Vec::new());
    }
    let list = missing.iter().map(|table| format!("`{table}`")).collect::<Vec<_>>().join(", ");
    Ok(vec![Finding {
        spot: Spot::Query(star.offset),
        message: format!("the star in `{}` cannot be put out: the columns of {list} are not known", subject.model.name),
        help: "let `bot external` declare their columns, or name the columns in the query".into(),
    }])
}

fn is_star(projection: &Projection) -> bool {
    projection.item == ProjectionItem::Star
}

/// What the query reads and whose columns are not known.
fn unknown_tables<'a>(subject: &Subject<'a>) -> BTreeSet<&'a ModelName> {
    let Some(node) = subject.node() else { return BTreeSet::new() };
    let fingerprints = &subject.tree.fingerprints;
    let is_unknown =
        |parent: &&ModelName| fingerprints.get(*parent).is_none_or(|fingerprint| fingerprint.shape.columns.is_none());
    let externals = node.external.iter().filter(|name| !is_no_model(name));
    node.visible.iter().filter(is_unknown).chain(externals).collect()
}
