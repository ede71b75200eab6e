//! An audit's query as it runs: over a model's rows, and over the tables of the models that it names.

use super::{ResolveError, Resolver, Times};
use crate::audit::{Audit, Failing};
use crate::ids::ModelName;

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
        match audit.failing(this_model) {
            Failing::Text(query) => Ok(query),
            Failing::Own(query) => self.query(model, query, times),
        }
    }
}
