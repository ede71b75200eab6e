//! Names of columns that no input of the query has, or more than one.

use super::subject::{Finding, Spot, Subject};
use crate::fingerprint::refused_name;
use crate::sql::Opaque;

/// `ambiguousorinvalidcolumn`: a name that the engine surely refuses, because every column that it could be is known. The
/// analysis stops at the first thing that is not certain, so of several such names the first is told.
pub(super) fn ambiguous_or_invalid_column(subject: &Subject<'_>) -> Result<Vec<Finding>, String> {
    let Some(parsed) = subject.parsed()? else { return Ok(Vec::new()) };
    let Some(fingerprint) = subject.fingerprint() else { return Err("it reads itself in a circle".into()) };
    let model = &subject.model.name;
    let (message, help) = match &fingerprint.opaque {
        None => return Ok(Vec::new()),
        Some(Opaque::NoColumn(name)) => (
            format!("nothing that `{model}` reads has a column `{name}`"),
            "correct the name, or the table's columns in `external_models.yaml`",
        ),
        Some(Opaque::TwoColumns(name)) => (
            format!("more than one table that `{model}` reads has a column `{name}`"),
            "put the table's name or alias before it",
        ),
        Some(other) => return Err(other.to_string()),
    };
    let offset = refused_name(subject.tree, subject.model, &parsed.syntax).unwrap_or(0);
    Ok(vec![Finding { spot: Spot::Query(offset), message, help: help.into() }])
}
