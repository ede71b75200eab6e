//! An audit's query as it runs: over a model's rows, and over the tables of the models that it names.

use super::place::Reading;
use super::{Inlined, ResolveError, Resolver, StandIn, Times};
use crate::audit::{Audit, Failing, THIS_MODEL};
use crate::ids::ModelName;
use crate::sql::{Relation, Splice};
use crate::statement::with_parents;

impl Resolver<'_> {
    /// The query of the rows that fail an audit, of what stands in a FROM clause for its model.
    ///
    /// # Errors
    /// As [`Resolver::model`], of the models that an audit of the project's own names.
    pub fn audit(
        &self,
        model: &ModelName,
        audit: &Audit,
        (this_model, times): (&str, Times),
    ) -> Result<String, ResolveError> {
        let query = match audit.failing(this_model) {
            Failing::Text(text) => return Ok(text),
            Failing::Own(query) => query,
        };
        let reading = Reading { this_model: Some(this_model), ..Reading::of(model, query) };
        let mut inlined = Inlined::new(StandIn::Cte);
        let text = self.text(&reading, times, &mut inlined)?;
        Ok(with_parents(self.dialect, &text, &inlined.parents))
    }
}

/// The alias of a model's rows, where the author gives none: some engines take no query without one in FROM.
pub(super) fn alias(reading: &Reading<'_>, relation: &Relation) -> Option<Splice> {
    let is_this = matches!(relation.name.parts(), [name] if name.eq_ignore_ascii_case(THIS_MODEL));
    let is_bare = reading.this_model.is_some() && relation.implied_alias.is_some();
    let end = relation.range.end;
    (is_this && is_bare).then(|| Splice { range: end..end, replacement: " AS this_model".to_owned() })
}
