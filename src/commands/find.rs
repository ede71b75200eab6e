//! A model by the name that a person gave.

use std::collections::BTreeSet;

use crate::error::CommandError;
use crate::ids::ModelName;
use crate::problem::nearest;

/// Finds a name among those that there are, in any case; an exact one first, and last one whose catalog, which is called as
/// its schema is, was left out.
///
/// # Errors
/// There is none (the nearest is named), or its file cannot be loaded.
pub(super) fn model_named<'m>(
    models: impl Iterator<Item = &'m ModelName> + Clone,
    broken: &BTreeSet<ModelName>,
    wanted: &str,
) -> Result<&'m ModelName, CommandError> {
    let folded = wanted.to_lowercase();
    let exact = ModelName::parse(wanted);
    let is_it = |name: &&ModelName| name.to_string().to_lowercase() == folded;
    let found = models.clone().find(|name| exact.as_ref() == Some(*name)).or_else(|| models.clone().find(is_it));
    // A schema that is called as its catalog is: names of it are stated with both.
    let is_doubled = |name: &&ModelName| match name.parts() {
        [catalog, schema, table] => {
            catalog.to_lowercase() == schema.to_lowercase() && format!("{schema}.{table}").to_lowercase() == folded
        }
        _ => false,
    };
    let with_catalog = || models.clone().find(is_doubled);
    if let Some(name) = found.or_else(with_catalog) {
        return Ok(name);
    }
    if let Some(name) = broken.iter().find(is_it) {
        return Err(unloadable(name));
    }
    let names: Vec<String> = models.map(ToString::to_string).collect();
    let error = CommandError::no(format!("there is no model `{wanted}`"));
    Err(with_nearest(error, nearest(&folded, names.iter().map(String::as_str))))
}

/// A file claims the name, and no model came of it.
pub(super) fn unloadable(name: &ModelName) -> CommandError {
    CommandError::no(format!("model `{name}` cannot be loaded")).hint("`bot plan` says why")
}

/// The error with what was perhaps meant.
pub(super) fn with_nearest(error: CommandError, nearest: Option<&str>) -> CommandError {
    match nearest {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None => error,
    }
}
