//! `grants` of a `MODEL` block: `grants ('select' = ['reporting', 'PUBLIC'], insert = loader)`.

use super::value::Value;
use crate::model::{Grant, Grantee, Model};
use crate::problem::Problem;
use crate::settings::Settings;

const EXPECTED: &str = "privileges with their roles such as (select = ['reporting'])";

/// What the property says, one entry for each privilege; nothing between the parentheses means that nobody has any.
pub(super) fn read(value: Value<'_>) -> Result<Vec<Grant>, String> {
    if !value.is_list() {
        return Err(EXPECTED.to_owned());
    }
    let mut grants: Vec<Grant> = Vec::new();
    for pair in value.pairs().map_err(|_| EXPECTED)? {
        let privilege = pair.written.trim().to_uppercase();
        if grants.iter().any(|grant| grant.privilege == privilege) {
            return Err(format!("a list that has each privilege once (`{}` comes twice)", pair.written));
        }
        let names = flat(pair.value).ok_or(EXPECTED)?;
        if names.is_empty() || names.iter().chain([&privilege]).any(|name| name.trim().is_empty()) {
            return Err(EXPECTED.to_owned());
        }
        grants.push(Grant { privilege, to: names.iter().map(|name| grantee(name.trim())).collect() });
    }
    Ok(grants)
}

/// Lists of roles are no deeper within one another.
const DEPTH_LIMIT: usize = 8;

/// The texts of a list, and of those in it.
fn flat(value: Value<'_>) -> Option<Vec<String>> {
    let (mut open, mut names) = (vec![(value, 0)], Vec::new());
    while let Some((value, depth)) = open.pop() {
        match value.is_list() {
            true if depth < DEPTH_LIMIT => open.extend(value.items().into_iter().rev().map(|item| (item, depth + 1))),
            true => return None,
            false => names.push(value.scalar()?),
        }
    }
    Some(names)
}

/// Warns of each model whose privileges nobody can have: on an engine without any, as SQLMesh does, or without a view.
pub(super) fn not_given<'m>(
    settings: &Settings,
    gateway: Option<&str>,
    models: impl Iterator<Item = &'m Model>,
) -> Vec<Problem> {
    let is_without = settings.connection(gateway).is_ok_and(|connection| connection.kind == "duckdb");
    let said = models.filter(|model| model.properties.grants.is_some());
    let problem = |model: &Model| {
        let why = match model.kind.name().has_view() {
            false => "no environment has a view of it",
            true if is_without => "DuckDB has no roles",
            true => return None,
        };
        let message = format!("`grants` of `{}` are not given: {why}", model.name);
        Some(Problem::warning("unsupported-property", message).at(&model.path))
    };
    said.filter_map(problem).collect()
}

/// A role as SQLMesh reads its name, which is one in PostgreSQL's SQL: lower case unless it is quoted. What is none in SQL, such as an address,
/// is meant as it is.
fn grantee(name: &str) -> Grantee {
    let quoted = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|inside| !inside.is_empty());
    let is_plain = name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_');
    match quoted {
        Some(exact) => Grantee::Role(exact.replace("\"\"", "\"")),
        None if name.eq_ignore_ascii_case("public") => Grantee::Everybody,
        None if is_plain => Grantee::Role(name.to_lowercase()),
        None => Grantee::Role(name.to_owned()),
    }
}
