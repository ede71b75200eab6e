//! What the inputs of a scope may own, and scopes made of others.

use super::scope::{Columns, Input, Scope, Site, Visibility};
use crate::sql::shape::NameOrigin;

/// Whether an input may have columns of names that are not known: undeclared ones, or ones that the engine makes up.
pub(super) fn is_unsure(scope: &Scope<'_, '_>) -> bool {
    scope.inputs.iter().any(has_unknown_names)
}

pub(super) fn has_unknown_names(input: &Input) -> bool {
    match &input.columns {
        Columns::Known(columns) => columns.iter().any(|column| column.name.origin == NameOrigin::Derived),
        Columns::Open(_) => true,
    }
}

/// Whether an input goes by this name, so that it alone could be the input's whole row.
pub(super) fn is_input(scope: &Scope<'_, '_>, name: &str) -> bool {
    scope.inputs.iter().any(|input| input.names.iter().any(|known| known.last().is_some_and(|last| last == name)))
}

pub(super) fn has_open(scope: &Scope<'_, '_>) -> bool {
    scope.inputs.iter().any(|input| matches!(input.columns, Columns::Open(_)))
}

/// The same among what is seen after its join.
pub(super) fn has_open_here(scope: &Scope<'_, '_>) -> bool {
    let is_seen = |input: &Input| input.visibility == Visibility::Everywhere;
    scope.inputs.iter().any(|input| is_seen(input) && matches!(input.columns, Columns::Open(_)))
}

impl<'s, 'q> Scope<'s, 'q> {
    /// The same scope with more lambda parameters.
    pub(super) fn with_parameters(&'s self, parameters: Vec<String>) -> Self {
        Self {
            inputs: self.inputs.clone(),
            merged: self.merged.clone(),
            aliases: self.aliases.clone(),
            windows: self.windows.clone(),
            outer: self.outer,
            ctes: self.ctes.clone(),
            later: self.later.clone(),
            parameters: self.parameters.iter().cloned().chain(parameters).collect(),
            site: self.site,
        }
    }

    /// A scope without inputs.
    pub(super) fn empty() -> Self {
        Self {
            inputs: Vec::new(),
            merged: Vec::new(),
            aliases: Vec::new(),
            windows: Vec::new(),
            outer: None,
            ctes: None,
            later: Vec::new(),
            parameters: Vec::new(),
            site: Site::Open,
        }
    }
}
