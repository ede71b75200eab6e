//! Rows of another definition's table, and INCREMENTAL_BY_PARTITION: the partitions that a load gives take the place of those that are there, and all others stay.
//! Expressions are compared NULL-safe: NULL is a partition.

use super::upsert::STAGE;
use super::{Carried, StatementError, Target, quote_identifier, quote_table};
use crate::ids::TableName;

const CHANGED: &str = "offshoot__changed";

/// What a table and the one that it takes rows from have in common.
struct Common {
    /// The columns.
    names: String,
    /// The other's rows, as queries of these columns and of this table's types.
    theirs: String,
    /// This table's.
    ours: String,
}

impl Target<'_> {
    /// The staged partitions in place of the table's, as statements for one transaction and in this order.
    ///
    /// # Errors
    /// The columns are not known.
    pub fn replace_partitions(&self, by: &[String]) -> Result<Vec<String>, StatementError> {
        let stage = quote_identifier(self.dialect, STAGE);
        let given = self.partitions(by, &format!("{stage} AS source"), "source");
        Ok(vec![self.delete_partitions(by, &given), self.add_staged()?])
    }

    /// The partitions of another table in place of those of this one that are not the same in what both have. Columns that the
    /// other does not have are NULL in them. For one transaction, in this order.
    pub fn carry_partitions(&self, by: &[String], from: &TableName, columns: &[(&str, Carried)]) -> Vec<String> {
        let (table, changed) = (self.name(), quote_identifier(self.dialect, CHANGED));
        let Common { names, theirs, ours } = self.common(from, columns);
        let differing = format!("(({theirs} EXCEPT ALL {ours}) UNION ALL ({ours} EXCEPT ALL {theirs})) AS source");
        let drop = format!("DROP TABLE IF EXISTS {changed}");
        let given = format!("SELECT * FROM {changed}");
        vec![
            drop.clone(),
            format!("CREATE TEMPORARY TABLE {changed} AS\n{}", self.partitions(by, &differing, "source")),
            self.delete_partitions(by, &given),
            format!(
                "INSERT INTO {table} ({names}) SELECT {names} FROM ({theirs}) AS source\n\
                 WHERE EXISTS (SELECT 1 FROM ({given}) AS given WHERE {})",
                self.in_partition(by, "source")
            ),
            drop,
        ]
    }

    /// A query that gives a row only where this table has rows that the other does not have as often.
    pub fn not_in(&self, from: &TableName, columns: &[(&str, Carried)]) -> String {
        let Common { theirs, ours, .. } = self.common(from, columns);
        format!("SELECT 1 FROM ({ours} EXCEPT ALL {theirs}) AS source LIMIT 1")
    }

    /// The rows of another table that this one does not have as often. Columns that the other does not have are NULL in them.
    pub fn carry_added(&self, from: &TableName, columns: &[(&str, Carried)]) -> String {
        let Common { names, theirs, ours } = self.common(from, columns);
        format!("INSERT INTO {} ({names})\n{theirs} EXCEPT ALL {ours}", self.name())
    }

    /// The rows of another table in place of those of this one. Columns that the other does not have are NULL in them.
    pub fn carry_all(&self, from: &TableName, columns: &[(&str, Carried)]) -> [String; 2] {
        let Common { names, theirs, .. } = self.common(from, columns);
        [self.empty(), format!("INSERT INTO {} ({names})\n{theirs}", self.name())]
    }

    fn common(&self, from: &TableName, columns: &[(&str, Carried)]) -> Common {
        let known = || columns.iter().filter(|(_, carried)| *carried != Carried::Own);
        let names: Vec<String> = known().map(|(name, _)| quote_identifier(self.dialect, name)).collect();
        let value = |((_, carried), name): (&(&str, Carried), &String)| match carried {
            Carried::Cast(data_type) => format!("CAST({name} AS {data_type}) AS {name}"),
            Carried::Same | Carried::Own => name.clone(),
        };
        let values: Vec<String> = known().zip(&names).map(value).collect();
        let (names, values) = (names.join(", "), values.join(", "));
        let theirs = format!("SELECT {values} FROM {}", quote_table(self.dialect, from));
        Common { theirs, ours: format!("SELECT {names} FROM {}", self.name()), names }
    }

    /// The partitions that are in some rows.
    fn partitions(&self, by: &[String], rows: &str, alias: &str) -> String {
        let named =
            |(index, text): (usize, &String)| format!("{} AS offshoot__part{index}", self.qualified(text, alias));
        let named: Vec<String> = by.iter().enumerate().map(named).collect();
        format!("SELECT DISTINCT {} FROM {rows}", named.join(", "))
    }

    fn delete_partitions(&self, by: &[String], given: &str) -> String {
        format!(
            "DELETE FROM {} AS target WHERE EXISTS (SELECT 1 FROM ({given}) AS given WHERE {})",
            self.name(),
            self.in_partition(by, "target")
        )
    }

    fn in_partition(&self, by: &[String], alias: &str) -> String {
        let same = |(index, text): (usize, &String)| {
            format!("{} IS NOT DISTINCT FROM given.offshoot__part{index}", self.qualified(text, alias))
        };
        by.iter().enumerate().map(same).collect::<Vec<_>>().join(" AND ")
    }
}
