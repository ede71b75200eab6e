//! What the inputs of a scope may own, and scopes made of others.

use std::cell::Cell;

use super::Analyzer;
use super::scope::{Columns, Found, Input, Scope, Site, Visibility};
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

impl Analyzer<'_> {
    /// Whether a bare name of a nested block could belong to this one or to what stands around it, though it belongs to
    /// none of the nested block's known columns. A table that both read has the same columns in both, so there the nested
    /// block's own comes first.
    pub(super) fn may_own(&self, scope: &Scope<'_, '_>, name: &str, nested: &[&Input]) -> bool {
        let Scope { inputs, merged: _, aliases, later, windows: _, outer, ctes: _, parameters, site, lent: _ } = scope;
        let is_unknown = |input: &Input| match &input.columns {
            Columns::Known(_) => has_unknown_names(input),
            Columns::Open(table) => {
                !nested.iter().any(|own| matches!(&own.columns, Columns::Open(other) if other == table))
            }
        };
        *site == Site::Sealed
            || inputs.iter().any(is_unknown)
            || is_input(scope, name)
            || aliases.iter().any(|alias| alias.name == name)
            || [later, parameters].iter().any(|names| names.iter().any(|known| known == name))
            || !matches!(self.column_named(scope, name), Found::Nothing)
            || outer.is_some_and(|outer| self.may_own(outer, name, nested))
    }
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
            lent: Cell::default(),
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
            lent: Cell::default(),
        }
    }
}
