//! What the server's catalogue says of tables, views and functions.

use super::session::PostgresSession;
use crate::engine::{ColumnType, EngineError, ObjectKind, Reader, ReaderKind, Result, SchemaObject};
use crate::ids::TableName;
use crate::sql::Dialect;
use crate::statement::text_literal;

/// So many tables are asked about at once.
const AT_ONCE: usize = 500;

/// The columns of tables and views, in their order; `None` for one that is not there. No question here can fail for that.
pub(super) fn columns(session: &mut PostgresSession, tables: &[TableName]) -> Result<Vec<Option<Vec<ColumnType>>>> {
    let mut found = Vec::with_capacity(tables.len());
    for tables in tables.chunks(AT_ONCE) {
        let mut lists: Vec<Option<Vec<ColumnType>>> = vec![None; tables.len()];
        for row in session.list(&columns_question(tables))? {
            let [Some(place), Some(name), Some(data_type)] = row.as_slice() else { continue };
            let list = place.parse::<usize>().ok().and_then(|place| lists.get_mut(place));
            if let Some(list) = list {
                list.get_or_insert_default().push(ColumnType::new(name, data_type));
            }
        }
        found.append(&mut lists);
    }
    Ok(found)
}

fn columns_question(tables: &[TableName]) -> String {
    let wanted = tables.iter().enumerate().map(|(place, table)| {
        let catalog = table.catalog.as_deref().map_or_else(|| "NULL".to_owned(), literal);
        format!("({place}, {catalog}, {}, {})", literal(&table.schema), literal(&table.name))
    });
    format!(
        "SELECT wanted.place, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) \
         FROM (VALUES {}) AS wanted (place, database, schema, name) \
         JOIN pg_catalog.pg_namespace AS n ON n.nspname = wanted.schema \
         JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name \
         AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
         JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         WHERE wanted.database IS NULL OR wanted.database = pg_catalog.current_database() \
         ORDER BY wanted.place, a.attnum",
        wanted.collect::<Vec<_>>().join(", ")
    )
}

/// The tables and views of schemas, by name.
pub(super) fn objects(
    session: &mut PostgresSession,
    catalog: Option<&str>,
    schemas: &[&str],
) -> Result<Vec<SchemaObject>> {
    if schemas.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = schemas.iter().map(|schema| literal(schema)).collect();
    let here = catalog.map(|catalog| format!(" AND pg_catalog.current_database() = {}", literal(catalog)));
    let sql = format!(
        "SELECT n.nspname, c.relname, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END, \
         CASE c.relkind WHEN 'v' THEN pg_catalog.pg_get_viewdef(c.oid) END, \
         pg_catalog.obj_description(c.oid, 'pg_class') \
         FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname IN ({}){} ORDER BY 1, 2",
        names.join(", "),
        here.unwrap_or_default()
    );
    let object = |row: Vec<Option<String>>| {
        let [schema, name, kind, definition, comment]: [Option<String>; 5] = row.try_into().ok()?;
        let name = TableName { catalog: catalog.map(str::to_owned), schema: schema?, name: name? };
        Some(SchemaObject { name, kind: ObjectKind::parse(&kind?)?, definition, comment })
    };
    Ok(qualified(session, &sql)?.into_iter().filter_map(object).collect())
}

/// Every view and function that no extension has brought.
pub(super) fn readers(session: &mut PostgresSession) -> Result<Vec<Reader>> {
    let sql = "SELECT n.nspname, c.relname, 'view', pg_catalog.pg_get_viewdef(c.oid) \
               FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
               WHERE c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
               UNION ALL SELECT n.nspname, p.proname, 'function', pg_catalog.pg_get_functiondef(p.oid) \
               FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace \
               WHERE p.prokind IN ('f', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
               AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d WHERE d.classid = 'pg_catalog.pg_proc'::regclass \
               AND d.objid = p.oid AND d.deptype = 'e') ORDER BY 1, 2, 3, 4";
    let reader = |row: Vec<Option<String>>| {
        let [schema, name, kind, text]: [Option<String>; 4] = row.try_into().ok()?;
        let kind = if kind.as_deref() == Some("view") { ReaderKind::View } else { ReaderKind::Macro };
        let name = TableName { catalog: None, schema: schema?, name: name? };
        Some(Reader { name, kind, text: text.unwrap_or_default() })
    };
    Ok(qualified(session, sql)?.into_iter().filter_map(reader).collect())
}

/// Refuses a database that is not the one of the connection: the server reads no other.
pub(super) fn check_catalog(session: &mut PostgresSession, catalog: Option<&str>) -> Result<()> {
    let Some(wanted) = catalog else { return Ok(()) };
    let here = session.list("SELECT pg_catalog.current_database()")?.into_iter().flatten().flatten().next();
    if here.as_deref() == Some(wanted) {
        return Ok(());
    }
    let message = format!(
        "the connection is to database {:?}, and PostgreSQL reaches no other, so {wanted:?} cannot be written",
        here.unwrap_or_default()
    );
    Err(EngineError::statement(&message, "CREATE SCHEMA"))
}

/// Rows in whose texts every name has its schema, whatever the search path is: it decides which the server leaves out.
pub(super) fn qualified(session: &mut PostgresSession, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
    let path = "DO $$ BEGIN PERFORM pg_catalog.set_config('offshoot.search_path', current_setting('search_path'), true), \
                pg_catalog.set_config('search_path', '', true); END $$";
    let back = "DO $$ BEGIN PERFORM pg_catalog.set_config('search_path', current_setting('offshoot.search_path'), true); END $$";
    session.list(&format!("{path}; {sql}; {back}"))
}

fn literal(text: &str) -> String {
    text_literal(Dialect::Postgres, text)
}
