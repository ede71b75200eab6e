//! Models of another catalog than the one in which names of two parts are: DuckDB with several `catalogs`, another database of PostgreSQL.

use std::collections::BTreeMap;

use crate::model::Model;
use crate::problem::Problem;
use crate::sql::DefaultCatalog;

/// Models named each in a message.
const SHOWN: usize = 5;

/// Warns once of each other catalog that models stand in: nothing there can be built, as one transaction writes one database.
pub(super) fn not_written<'m>(
    default: Option<&DefaultCatalog>,
    models: impl Iterator<Item = &'m Model>,
) -> Vec<Problem> {
    let Some(default) = default else { return Vec::new() };
    let mut elsewhere: BTreeMap<&str, Vec<&Model>> = BTreeMap::new();
    for model in models.filter(|model| model.kind.name().has_view()) {
        if let [catalog, _, _] = model.name.parts()
            && !default.is(catalog)
        {
            elsewhere.entry(catalog).or_default().push(model);
        }
    }
    elsewhere.into_iter().filter_map(|(catalog, models)| problem((default, catalog), &models)).collect()
}

fn problem((default, catalog): (&DefaultCatalog, &str), models: &[&Model]) -> Option<Problem> {
    let first = models.first()?;
    let names: Vec<String> = models.iter().take(SHOWN).map(|model| format!("`{}`", model.name)).collect();
    let more = match models.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "models of the catalog `{catalog}` cannot be built, because the connection writes `{}` and a promote happens in one \
         database: {}{more}",
        default.name,
        names.join(", ")
    );
    let help = format!("leave `{catalog}` out of their names, or let a project of its own have it");
    Some(Problem::warning("other-catalog", message).at(&first.path).help(help))
}
