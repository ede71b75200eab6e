//! Views of the virtual layer, and what stands in their way.

use serde::{Deserialize, Serialize};

use super::{column_list, quote_identifier, quote_table, text_literal};
use crate::ids::TableName;
use crate::sql::Dialect;

/// How an engine lets a view take other columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewReplacement {
    /// `CREATE OR REPLACE VIEW` takes any columns (DuckDB, most warehouses).
    InPlace,
    /// The view is dropped first, because replacing it may only append columns (PostgreSQL).
    DropFirst,
}

/// What stands under a name in a warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A table.
    Table,
    /// A view.
    View,
}

impl ObjectKind {
    /// As SQL and the `offshoot__meta` tables have it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
        }
    }

    /// Reads what `text` gives.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Table, Self::View].into_iter().find(|kind| kind.text() == text)
    }
}

/// The statements that make or replace a view over a query. `columns` may be empty where they are not known.
pub fn create_view(
    dialect: Dialect,
    view: &TableName,
    columns: &[String],
    query: &str,
    replacement: ViewReplacement,
) -> Vec<String> {
    let name = quote_table(dialect, view);
    let listed = match columns {
        [] => String::new(),
        columns => format!(" ({})", column_list(dialect, columns.iter().map(String::as_str))),
    };
    match replacement {
        ViewReplacement::InPlace => vec![format!("CREATE OR REPLACE VIEW {name}{listed} AS\n{query}")],
        ViewReplacement::DropFirst => {
            vec![drop_view(dialect, view), format!("CREATE VIEW {name}{listed} AS\n{query}")]
        }
    }
}

/// What a project says of a view or of one of its columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The column as the project writes it; `None` for the view itself.
    pub column: Option<String>,
    /// What it says; `None` where it says nothing any more.
    pub text: Option<String>,
}

/// A comment on a view's column, or none any more. DuckDB and PostgreSQL have it for columns of views, too.
pub fn comment_on_column(dialect: Dialect, view: &TableName, column: &str, comment: Option<&str>) -> String {
    let text = comment.map_or_else(|| "NULL".to_owned(), |comment| text_literal(dialect, comment));
    format!("COMMENT ON COLUMN {}.{} IS {text}", quote_table(dialect, view), quote_identifier(dialect, column))
}

/// Takes the comment from a view.
pub fn no_comment_on_view(dialect: Dialect, view: &TableName) -> String {
    format!("COMMENT ON VIEW {} IS NULL", quote_table(dialect, view))
}

/// A comment on a view.
pub fn comment_on_view(dialect: Dialect, view: &TableName, comment: &str) -> String {
    format!("COMMENT ON VIEW {} IS {}", quote_table(dialect, view), text_literal(dialect, comment))
}

/// The query of a view that points at a table: its columns by name, or all of them where they are not known.
pub fn pointer_query(dialect: Dialect, table: &TableName, columns: &[String]) -> String {
    let columns = match columns {
        [] => "*".to_owned(),
        columns => column_list(dialect, columns.iter().map(String::as_str)),
    };
    format!("SELECT {columns} FROM {}", quote_table(dialect, table))
}

/// Drops a view if it is there; never what depends on it.
pub fn drop_view(dialect: Dialect, view: &TableName) -> String {
    format!("DROP VIEW IF EXISTS {}", quote_table(dialect, view))
}

/// Gives a table or view another name in its schema.
pub fn rename_object(dialect: Dialect, kind: ObjectKind, from: &TableName, to: &str) -> String {
    let kind = match kind {
        ObjectKind::Table => "TABLE",
        ObjectKind::View => "VIEW",
    };
    format!("ALTER {kind} {} RENAME TO {}", quote_table(dialect, from), quote_identifier(dialect, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_names_its_columns() {
        let table = TableName { catalog: None, schema: "p".into(), name: "t".into() };
        let view = TableName { catalog: None, schema: "s".into(), name: "v".into() };
        let columns = ["a".to_owned(), "B c".to_owned()];
        let query = pointer_query(Dialect::DuckDb, &table, &columns);
        let made = create_view(Dialect::DuckDb, &view, &columns, &query, ViewReplacement::DropFirst);
        assert_eq!(made[0], "DROP VIEW IF EXISTS \"s\".\"v\"");
        assert_eq!(made[1], "CREATE VIEW \"s\".\"v\" (\"a\", \"B c\") AS\nSELECT \"a\", \"B c\" FROM \"p\".\"t\"");
    }
}
