//! Tables of the physical layer: made, filled, filled again, loaded by interval.

use super::{Carried, ColumnType, StatementError, TimeColumn, column_list, quote_identifier, quote_table, time_filter};
use crate::ids::TableName;
use crate::model::DeclaredColumn;
use crate::sql::Dialect;
use crate::time::Interval;

/// A table to be made or loaded from a query.
///
/// `columns` are the query's output columns. Without types they are taken by position, so that what the engine would
/// call a column (a physical table's name, say) never becomes its name (research: soundness, W16). With types
/// (`columns` of the `MODEL` block) they are picked by name and cast, as SQLMesh does. Empty where nothing is known: the
/// engine's own names are then kept.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The engine's dialect.
    pub dialect: Dialect,
    /// The table.
    pub table: &'a TableName,
    /// The output columns, in order.
    pub columns: &'a [DeclaredColumn],
}

/// What a wrapped query is called in the statement around it.
const QUERY: &str = "offshoot__query";

impl Target<'_> {
    /// `CREATE TABLE … AS`: the table with its rows.
    pub fn create(&self, query: &str) -> String {
        format!("CREATE TABLE {}{} AS\n{}", self.name(), self.listed(), self.projected(query))
    }

    /// The table without rows, of the types that the query has.
    pub fn create_empty(&self, query: &str) -> String {
        let query = self.projected(query);
        format!(
            "CREATE TABLE {}{} AS\nSELECT * FROM (\n{query}\n) AS {QUERY} WHERE false LIMIT 0",
            self.name(),
            self.listed()
        )
    }

    /// A query of the same columns that gives no row.
    pub fn without_rows(&self, query: &str) -> String {
        format!("SELECT * FROM (\n{query}\n) AS {QUERY} WHERE false LIMIT 0")
    }

    /// The table without rows, of declared types.
    ///
    /// # Errors
    /// A column has no type, or there is none.
    pub fn create_typed(&self) -> Result<String, StatementError> {
        self.names()?;
        let column = |column: &DeclaredColumn| match &column.data_type {
            Some(data_type) => Ok(format!("{} {data_type}", quote_identifier(self.dialect, &column.name))),
            None => Err(StatementError::NoType { table: self.table.to_string(), column: column.name.clone() }),
        };
        let columns = self.columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        Ok(format!("CREATE TABLE {} ({})", self.name(), columns.join(", ")))
    }

    /// All rows replaced and the table kept, for engines where views bind to their table and forbid dropping it.
    ///
    /// # Errors
    /// The columns are not known.
    pub fn refill(&self, query: &str) -> Result<Vec<String>, StatementError> {
        Ok(vec![self.empty(), self.insert(query, None)?])
    }

    /// All rows deleted and the table kept. Not `TRUNCATE`, after which others would find it empty before the rows come.
    pub fn empty(&self) -> String {
        format!("DELETE FROM {}", self.name())
    }

    /// A query whose output columns are those that [`Target::create`] gives the table, names and types.
    pub fn shape(&self, query: &str) -> String {
        format!("SELECT * FROM (\n{}\n) AS {QUERY}{}", self.projected(query), self.listed())
    }

    /// The same of [`Target::create_typed`].
    ///
    /// # Errors
    /// As [`Target::create_typed`].
    pub fn typed_shape(&self) -> Result<String, StatementError> {
        self.names()?;
        let column = |column: &DeclaredColumn| match &column.data_type {
            Some(data_type) => {
                Ok(format!("CAST(NULL AS {data_type}) AS {}", quote_identifier(self.dialect, &column.name)))
            }
            None => Err(StatementError::NoType { table: self.table.to_string(), column: column.name.clone() }),
        };
        let columns = self.columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        Ok(format!("SELECT {}", columns.join(", ")))
    }

    /// The rows of an interval replaced: those there are deleted, those that the query gives for it inserted. A query
    /// that gives rows outside the interval leaks none of them, because the filter is put around it.
    ///
    /// # Errors
    /// The columns are not known, or the time column cannot be compared with a moment.
    pub fn load_interval(
        &self,
        query: &str,
        time: TimeColumn<'_>,
        interval: Interval,
    ) -> Result<Vec<String>, StatementError> {
        let there = time_filter(self.dialect, None, time, interval)?;
        let given = time_filter(self.dialect, Some(QUERY), time, interval)?;
        let delete = format!("DELETE FROM {} WHERE {there}", self.name());
        Ok(vec![delete, self.insert(query, Some(&given))?])
    }

    /// The rows of an interval replaced by those that another table has of it; columns that it does not have are NULL. The two
    /// time columns are this table's and the other's.
    ///
    /// # Errors
    /// As [`Target::load_interval`].
    pub fn carry_interval(
        &self,
        from: &TableName,
        columns: &[(&str, Carried)],
        (own, their): (TimeColumn<'_>, TimeColumn<'_>),
        interval: Interval,
    ) -> Result<Vec<String>, StatementError> {
        let there = time_filter(self.dialect, None, own, interval)?;
        let given = time_filter(self.dialect, None, their, interval)?;
        let known = columns.iter().filter(|(_, carried)| *carried != Carried::Own);
        let names = column_list(self.dialect, known.clone().map(|(name, _)| *name));
        let values = known.map(|(name, carried)| match carried {
            Carried::Cast { to, .. } => format!("CAST({} AS {to})", quote_identifier(self.dialect, name)),
            Carried::Same | Carried::Own => quote_identifier(self.dialect, name),
        });
        let values = values.collect::<Vec<_>>().join(", ");
        Ok(vec![
            format!("DELETE FROM {} WHERE {there}", self.name()),
            format!(
                "INSERT INTO {} ({names})\nSELECT {values} FROM {} WHERE {given}",
                self.name(),
                quote_table(self.dialect, from)
            ),
        ])
    }

    /// How many rows of an interval a table has, by its time column, and then how many of them have a value in each of these
    /// columns: one row.
    ///
    /// # Errors
    /// The time column cannot be compared with a moment.
    pub fn count_interval(
        &self,
        (of, columns): (&TableName, &[ColumnType]),
        time: TimeColumn<'_>,
        interval: Interval,
    ) -> Result<String, StatementError> {
        let given = time_filter(self.dialect, None, time, interval)?;
        let values = columns.iter().map(|column| format!(", count({})", quote_identifier(self.dialect, &column.name)));
        let values = values.collect::<String>();
        Ok(format!("SELECT count(*){values} FROM {} WHERE {given}", quote_table(self.dialect, of)))
    }

    /// Drops the table if it is there; never what depends on it.
    pub fn drop_table(&self) -> String {
        format!("DROP TABLE IF EXISTS {}", self.name())
    }

    pub(super) fn name(&self) -> String {
        quote_table(self.dialect, self.table)
    }

    pub(super) fn names(&self) -> Result<String, StatementError> {
        if self.columns.is_empty() {
            return Err(StatementError::NoColumns { table: self.table.to_string() });
        }
        Ok(column_list(self.dialect, self.columns.iter().map(|column| column.name.as_str())))
    }

    pub(super) fn listed(&self) -> String {
        self.names().map(|names| format!(" ({names})")).unwrap_or_default()
    }

    /// A query whose output is exactly the columns, in their order and of their declared types.
    pub(super) fn projected(&self, query: &str) -> String {
        if self.columns.iter().all(|column| column.data_type.is_none()) {
            return query.to_owned();
        }
        let column = |column: &DeclaredColumn| {
            let name = quote_identifier(self.dialect, &column.name);
            match &column.data_type {
                Some(data_type) => format!("CAST({QUERY}.{name} AS {data_type}) AS {name}"),
                None => format!("{QUERY}.{name}"),
            }
        };
        let columns: Vec<String> = self.columns.iter().map(column).collect();
        format!("SELECT {} FROM (\n{query}\n) AS {QUERY}", columns.join(", "))
    }

    /// A query with the columns picked by name, in their order.
    pub fn picked(&self, query: &str) -> String {
        format!("SELECT {} FROM (\n{query}\n) AS {QUERY}", self.picks())
    }

    fn picks(&self) -> String {
        let pick = |column: &DeclaredColumn| format!("{QUERY}.{}", quote_identifier(self.dialect, &column.name));
        self.columns.iter().map(pick).collect::<Vec<_>>().join(", ")
    }

    fn insert(&self, query: &str, filter: Option<&str>) -> Result<String, StatementError> {
        let names = self.names()?;
        let filter = filter.map(|filter| format!("\nWHERE {filter}")).unwrap_or_default();
        Ok(format!(
            "INSERT INTO {} ({names})\nSELECT {} FROM (\n{}\n) AS {QUERY} ({names}){filter}",
            self.name(),
            self.picks(),
            self.projected(query)
        ))
    }
}

impl ColumnType {
    /// Columns of a table as a [`Target`] takes them: by position, without types.
    pub fn untyped(columns: &[Self]) -> Vec<DeclaredColumn> {
        columns.iter().map(|column| DeclaredColumn { name: column.name.clone(), data_type: None }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn column(name: &str, data_type: Option<&str>) -> DeclaredColumn {
        DeclaredColumn { name: name.into(), data_type: data_type.map(Into::into) }
    }

    fn table() -> TableName {
        TableName { catalog: None, schema: "s".into(), name: "t".into() }
    }

    #[test]
    fn names_are_listed_and_the_text_is_untouched() {
        let (table, columns) = (table(), [column("a", None), column("b", None)]);
        let target = Target { dialect: Dialect::DuckDb, table: &table, columns: &columns };
        assert_eq!(
            target.create("select 1, 2 -- end"),
            "CREATE TABLE \"s\".\"t\" (\"a\", \"b\") AS\nselect 1, 2 -- end"
        );
        assert!(target.create_typed().is_err());
    }

    #[test]
    fn declared_types_are_cast_by_name() {
        let (table, columns) = (table(), [column("a", Some("DECIMAL(9,2)")), column("b", None)]);
        let target = Target { dialect: Dialect::DuckDb, table: &table, columns: &columns };
        let expected = "CREATE TABLE \"s\".\"t\" (\"a\", \"b\") AS\nSELECT CAST(offshoot__query.\"a\" AS DECIMAL(9,2)) \
                        AS \"a\", offshoot__query.\"b\" FROM (\nselect b, a from x\n) AS offshoot__query";
        assert_eq!(target.create("select b, a from x"), expected);
    }

    #[test]
    fn a_load_without_columns_is_refused() {
        let table = table();
        let target = Target { dialect: Dialect::DuckDb, table: &table, columns: &[] };
        let time = TimeColumn { name: "ds", data_type: "DATE", format: "%Y-%m-%d" };
        let interval = Interval { start: Timestamp(0), end: Timestamp(86_400_000) };
        assert!(matches!(target.load_interval("select 1", time, interval), Err(StatementError::NoColumns { .. })));
    }
}
