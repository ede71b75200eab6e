//! Names and texts as SQL, so that none of them can end what it stands in. Whatever an author calls a column or table,
//! it reaches the engine as that name and as nothing else.

use crate::ids::TableName;
use crate::sql::Dialect;

/// A name as a quoted identifier of the dialect.
pub fn quote_identifier(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::BigQuery => format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`")),
        Dialect::ClickHouse => format!("`{}`", name.replace('\\', "\\\\").replace('`', "``")),
        Dialect::Databricks | Dialect::Spark | Dialect::Hive | Dialect::MySql => {
            format!("`{}`", name.replace('`', "``"))
        }
        Dialect::MsSql => format!("[{}]", name.replace(']', "]]")),
        _ => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A table's or view's whole name, every part quoted.
pub fn quote_table(dialect: Dialect, table: &TableName) -> String {
    let parts = table.catalog.iter().chain([&table.schema, &table.name]);
    let parts: Vec<String> = parts.map(|part| quote_identifier(dialect, part)).collect();
    parts.join(".")
}

/// A schema's name with its catalog, both quoted.
pub fn quote_schema(dialect: Dialect, catalog: Option<&str>, schema: &str) -> String {
    let parts: Vec<String> = catalog.into_iter().chain([schema]).map(|part| quote_identifier(dialect, part)).collect();
    parts.join(".")
}

/// A text as a literal.
pub fn text_literal(dialect: Dialect, text: &str) -> String {
    match dialect {
        // These read a backslash inside `'…'` as an escape.
        Dialect::BigQuery
        | Dialect::Databricks
        | Dialect::Spark
        | Dialect::Hive
        | Dialect::ClickHouse
        | Dialect::MySql
        | Dialect::Snowflake => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        _ => format!("'{}'", text.replace('\'', "''")),
    }
}

/// Quoted names with commas between them, without parentheses.
pub fn column_list<'a>(dialect: Dialect, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| quote_identifier(dialect, name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_names() {
        let name = "a\"; drop table x; --";
        assert_eq!(quote_identifier(Dialect::DuckDb, name), "\"a\"\"; drop table x; --\"");
        assert_eq!(quote_identifier(Dialect::BigQuery, "a`b\\"), "`a\\`b\\\\`");
        assert_eq!(quote_identifier(Dialect::MsSql, "a]b"), "[a]]b]");
        let table = TableName { catalog: Some("c".into()), schema: "s.t".into(), name: "ä".into() };
        assert_eq!(quote_table(Dialect::Postgres, &table), "\"c\".\"s.t\".\"ä\"");
    }

    #[test]
    fn texts_keep_their_quotes() {
        assert_eq!(text_literal(Dialect::DuckDb, "it's \\"), "'it''s \\'");
        assert_eq!(text_literal(Dialect::Spark, "it's \\"), "'it\\'s \\\\'");
    }
}
