//! Models that are written for another engine than the one that they run on: nothing translates them, as SQLMesh does.

use std::collections::BTreeMap;

use crate::model::{Kind, Model};
use crate::problem::Problem;
use crate::sql::Dialect;

/// A warning for each other dialect that models have.
pub fn other_dialects<'m>(engine: Option<Dialect>, models: impl Iterator<Item = &'m Model>) -> Vec<Problem> {
    let Some(engine) = engine else { return Vec::new() };
    let mut others: BTreeMap<&'static str, Vec<&Model>> = BTreeMap::new();
    for model in models {
        let has_query = !matches!(model.kind, Kind::Seed(_) | Kind::External);
        if has_query && ![engine, Dialect::Generic].contains(&model.dialect) {
            others.entry(model.dialect.name()).or_default().push(model);
        }
    }
    let told = |(dialect, models): (&'static str, Vec<&Model>)| {
        let first = models[0];
        let (who, are) = match models.len() - 1 {
            0 => (format!("`{}`", first.name), "is"),
            more => (format!("`{}` and {more} more", first.name), "are"),
        };
        let message = format!("{who} {are} written in {dialect} and run on {} as written", engine.name());
        let problem = Problem::warning("other-dialect", message).at(&first.path);
        problem.help(
            "nothing is translated here, and what both take may mean something else: write them for the engine, and say so by `dialect`",
        )
    };
    others.into_iter().map(told).collect()
}
