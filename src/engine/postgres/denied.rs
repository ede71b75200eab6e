//! What a role lacks, read off the server's refusal, as the statement that gives it. The server names neither the role nor
//! the right, and of a table no schema; where its words are in another language nothing is suggested.

use crate::engine::{EngineError, META_SCHEMA, first_line};
use crate::sql::Dialect;
use crate::statement::quote_identifier;

/// The refusal of a statement for want of a right, to a role.
pub(super) fn denied(message: &str, sql: &str, role: &str) -> EngineError {
    EngineError::Denied {
        role: role.to_owned(),
        message: message.to_owned(),
        statement: first_line(sql),
        remedy: remedy(message, sql, role),
    }
}

fn remedy(message: &str, sql: &str, role: &str) -> Option<String> {
    let to = quoted(role);
    let after = |words: &str| message.split_once(words).map(|(_, rest)| named(rest));
    if let Some(schema) = after("permission denied for schema ") {
        // Of what is only read nobody needs to make anything.
        let right = if makes_in(schema, sql) { "USAGE, CREATE" } else { "USAGE" };
        return Some(format!("GRANT {right} ON SCHEMA {} TO {to}", quoted(schema)));
    }
    if message.contains("permission denied to create temporary tables in database ") {
        let database = message.split('"').nth(1)?;
        return Some(format!("GRANT TEMPORARY ON DATABASE {} TO {to}", quoted(database)));
    }
    if let Some(database) = after("permission denied for database ") {
        let right = if message.contains("CONNECT") || sql.is_empty() { "CONNECT" } else { "CREATE" };
        return Some(format!("GRANT {right} ON DATABASE {} TO {to}", quoted(database)));
    }
    for words in ["must be member of role ", "must be able to SET ROLE ", "permission denied to set role "] {
        if let Some(other) = after(words) {
            return Some(format!("GRANT {} TO {to}", quoted(other)));
        }
    }
    let kinds = ["table", "view", "relation", "materialized view", "sequence"];
    let relation = kinds.iter().find_map(|kind| after(&format!("permission denied for {kind} ")))?;
    let (name, is_target) = qualified(relation, sql);
    let rights = if is_target { rights(sql) } else { "SELECT" };
    Some(format!("GRANT {rights} ON {name} TO {to}"))
}

/// Whether any statement of a text makes something in a schema: it is the first that such a statement names.
fn makes_in(schema: &str, sql: &str) -> bool {
    let makes = |statement: &&str| statement.trim_start().to_ascii_uppercase().starts_with("CREATE");
    let first = |statement: &str| {
        let (before, _) = statement.split_once('.')?;
        Some(before.ends_with(&quoted(schema)) || before.rsplit(' ').next() == Some(schema))
    };
    sql.split(';').filter(makes).filter_map(first).any(|is_it| is_it)
}

/// What writing a statement's target takes.
fn rights(sql: &str) -> &'static str {
    let text = sql.trim_start().to_ascii_uppercase();
    match text.split_whitespace().next() {
        Some("INSERT") if text.contains("ON CONFLICT") => "SELECT, INSERT, UPDATE",
        Some("INSERT") => "INSERT",
        Some("UPDATE") => "SELECT, UPDATE",
        Some("DELETE") => "SELECT, DELETE",
        Some("TRUNCATE") => "TRUNCATE",
        Some("MERGE") => "SELECT, INSERT, UPDATE, DELETE",
        _ => "SELECT",
    }
}

/// A relation with the schema that the statement writes before it, and whether it is the first that it names.
fn qualified(relation: &str, sql: &str) -> (String, bool) {
    let written = [format!(".{}", quoted(relation)), format!(".{relation}")];
    let found = written.iter().find_map(|written| sql.find(written.as_str()));
    let Some(dot) = found else {
        // Our policies on what the warehouse says of itself read more of it than the statement does.
        let schema = sql.contains(META_SCHEMA).then(|| format!("{}.", quoted(META_SCHEMA)));
        return (format!("{}{}", schema.unwrap_or_default(), quoted(relation)), false);
    };
    let before = &sql[..dot];
    let schema = match before.strip_suffix('"') {
        Some(inside) => inside.rsplit('"').next().unwrap_or(inside),
        None => before.rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or(before),
    };
    let start = before.len().saturating_sub(schema.len() + 1);
    let is_first = !sql.get(..start).unwrap_or_default().contains('.');
    (format!("{}.{}", quoted(schema), quoted(relation)), is_first)
}

/// The name that a message goes on with.
fn named(rest: &str) -> &str {
    match rest.strip_prefix('"') {
        Some(inside) => inside.split('"').next().unwrap_or(inside),
        None => rest.split([' ', '\n']).next().unwrap_or(rest),
    }
}

fn quoted(name: &str) -> String {
    quote_identifier(Dialect::Postgres, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_right_is_told_as_the_statement_that_gives_it() {
        let cases = [
            ("permission denied for schema erp", "SELECT * FROM erp.a", "GRANT USAGE ON SCHEMA \"erp\" TO \"ci\""),
            (
                "permission denied for schema marts",
                "CREATE VIEW \"marts\".\"a\" AS SELECT 1",
                "GRANT USAGE, CREATE ON SCHEMA \"marts\" TO \"ci\"",
            ),
            (
                "permission denied for table objects",
                "INSERT INTO \"offshoot__meta\".\"objects\" (a) VALUES (1)",
                "GRANT INSERT ON \"offshoot__meta\".\"objects\" TO \"ci\"",
            ),
            (
                "permission denied for table stock",
                "INSERT INTO \"x\".\"y\" SELECT * FROM erp.stock",
                "GRANT SELECT ON \"erp\".\"stock\" TO \"ci\"",
            ),
            (
                "permission denied for schema erp",
                "CREATE TABLE \"x\".\"y\" AS SELECT * FROM erp.stock",
                "GRANT USAGE ON SCHEMA \"erp\" TO \"ci\"",
            ),
            ("permission denied for table a", "SELECT * FROM a", "GRANT SELECT ON \"a\" TO \"ci\""),
            (
                "permission denied for database shop",
                "CREATE SCHEMA IF NOT EXISTS \"a\"",
                "GRANT CREATE ON DATABASE \"shop\" TO \"ci\"",
            ),
            (
                "permission denied to create temporary tables in database \"a b\"",
                "CREATE TEMPORARY TABLE t ()",
                "GRANT TEMPORARY ON DATABASE \"a b\" TO \"ci\"",
            ),
            ("must be member of role \"other\"", "ALTER TABLE a OWNER TO x", "GRANT \"other\" TO \"ci\""),
        ];
        for (message, sql, expected) in cases {
            assert_eq!(remedy(message, sql, "ci").as_deref(), Some(expected), "{message}");
        }
        assert_eq!(remedy("keine Berechtigung für Schema x", "SELECT 1", "ci"), None);
    }
}
