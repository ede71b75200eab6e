//! What shapes every model of a project, as a digest and for people.

use std::collections::BTreeMap;

use crate::hash::{Digest, Hasher};
use crate::project::Project;
use crate::settings::{OptionValue, Stage};

/// What shapes every model of a project: the engine, its settings, its catalogs by name. Not where the files are, so that
/// two checkouts of one project agree.
pub fn context_digest(project: &Project) -> Digest {
    let settings = &project.settings;
    let hasher = Hasher::new("context");
    let Ok(connection) = settings.connection(project.gateway.as_deref()) else { return hasher.finish() };
    let mut hasher = hasher.text(&connection.kind).number(connection.catalogs.len() as u64);
    for catalog in &connection.catalogs {
        hasher = hasher.text(&catalog.name);
    }
    if let Some(OptionValue::Map(settings)) = connection.options.get("connector_config") {
        for (name, value) in settings {
            hasher = hasher.text(name).option(value.text());
        }
    }
    for statement in &settings.before_all {
        hasher = hasher.text(&statement.text);
    }
    for (name, value) in settings.read_by(Stage::Before, project.gateway.as_deref()) {
        hasher = hasher.text(&name).text(&value);
    }
    hasher.finish()
}

/// The same for people who ask why it moved. A secret is in neither; a statement may hold one that came from the
/// environment, so it is shown by its digest alone.
pub(super) fn context_shown(project: &Project) -> BTreeMap<String, Option<String>> {
    let settings = &project.settings;
    let mut shown = BTreeMap::new();
    let Ok(connection) = settings.connection(project.gateway.as_deref()) else { return shown };
    shown.insert("engine".to_owned(), Some(connection.kind.clone()));
    let catalogs: Vec<&str> = connection.catalogs.iter().map(|catalog| catalog.name.as_str()).collect();
    shown.insert("catalogs".to_owned(), Some(catalogs.join(", ")));
    if let Some(OptionValue::Map(values)) = connection.options.get("connector_config") {
        for (name, value) in values {
            shown.insert(format!("connector_config.{name}"), value.text().map(str::to_owned));
        }
    }
    for (place, statement) in settings.before_all.iter().enumerate() {
        let digest = Digest::of("statement", &statement.text).short(8);
        shown.insert(format!("before_all, statement {}", place + 1), Some(digest));
    }
    for (name, value) in settings.read_by(Stage::Before, project.gateway.as_deref()) {
        let digest = Digest::of("variable", &value).short(8);
        shown.insert(format!("before_all, variable {name}"), Some(digest));
    }
    shown
}
