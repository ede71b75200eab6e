//! The columns of a table: what they are called, and whether they are what was fingerprinted.

use super::fault::FillError;
use crate::engine::{EngineError, Session};
use crate::fingerprint::Fingerprint;
use crate::hash::Digest;
use crate::model::{DeclaredColumn, Model};
use crate::sql::{NameOrigin, OutputName};
use crate::statement::ColumnType;

/// The output columns with their declared types: ours where they are certain, else as the engine names them.
pub(super) fn output_columns(
    session: &mut dyn Session,
    model: &Model,
    fingerprint: &Fingerprint,
    query: &str,
) -> Result<Vec<DeclaredColumn>, EngineError> {
    let ours = fingerprint.query_columns(model);
    let names: Option<Vec<String>> = ours.and_then(|columns| {
        let stated = columns.iter().all(|(name, _)| name.origin == NameOrigin::Stated);
        stated.then(|| columns.iter().map(|(name, _)| name.text.clone()).collect())
    });
    let names = match names {
        Some(names) => names,
        None => described(session, ours, query)?,
    };
    let declared = |name: &str| {
        let folded = model.dialect.fold(name, true);
        let mut columns = model.properties.columns.iter();
        columns.find(|column| model.dialect.fold(&column.name, true) == folded)
    };
    let column = |name: String| {
        let data_type = declared(&name).and_then(|column| column.data_type.clone());
        DeclaredColumn { name, data_type }
    };
    Ok(names.into_iter().map(column).collect())
}

/// The columns by their names alone.
pub(super) fn untyped(columns: &[DeclaredColumn]) -> Vec<DeclaredColumn> {
    columns.iter().map(|column| DeclaredColumn { name: column.name.clone(), data_type: None }).collect()
}

/// The engine's names; where it made one up from a physical table's name, the text of the author's expression.
fn described(
    session: &mut dyn Session,
    ours: Option<&[(OutputName, Digest)]>,
    query: &str,
) -> Result<Vec<String>, EngineError> {
    let engine = session.describe(query)?;
    let name = |(index, column): (usize, ColumnType)| match ours.and_then(|columns| columns.get(index)) {
        Some((ours, _)) if column.name.contains("offshoot__") => ours.text.clone(),
        _ => column.name,
    };
    Ok(engine.into_iter().enumerate().map(name).collect())
}

/// The engine's columns against those that were fingerprinted; a difference would make every reader's hash a guess.
pub(super) fn check_columns(fingerprint: &Fingerprint, engine: &[ColumnType]) -> Result<(), FillError> {
    let Some(ours) = &fingerprint.columns else { return Ok(()) };
    let differ = ours.len() != engine.len()
        || ours
            .iter()
            .zip(engine)
            .any(|((name, _), column)| name.origin == NameOrigin::Stated && name.text != column.name);
    if !differ {
        return Ok(());
    }
    let list = |names: Vec<&str>| names.join(", ");
    Err(FillError::Columns {
        expected: list(ours.iter().map(|(name, _)| name.text.as_str()).collect()),
        found: list(engine.iter().map(|column| column.name.as_str()).collect()),
    })
}
