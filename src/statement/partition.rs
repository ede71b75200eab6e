//! INCREMENTAL_BY_PARTITION: the partitions that a load gives take the place of those that are there, and all others stay.
//! Expressions are compared NULL-safe: NULL is a partition.

use super::upsert::STAGE;
use super::{Carried, StatementError, Target, quote_identifier, quote_table};
use crate::ids::TableName;

const CHANGED: &str = "offshoot__changed";

impl Target<'_> {
    /// The staged partitions in place of the table's, as statements for one transaction and in this order.
    ///
    /// # Errors
    /// The columns are not known.
    pub fn replace_partitions(&self, by: &[String]) -> Result<Vec<String>, StatementError> {
        let (table, stage, names) = (self.name(), quote_identifier(self.dialect, STAGE), self.names()?);
        let given = self.partitions(by, &format!("{stage} AS source"), "source");
        Ok(vec![
            self.delete_partitions(by, &given),
            format!("INSERT INTO {table} ({names}) SELECT {names} FROM {stage}"),
        ])
    }

    /// The partitions of another table in place of those of this one that are not the same in what both have. Columns that the
    /// other does not have are NULL in them. For one transaction, in this order.
    pub fn carry_partitions(&self, by: &[String], from: &TableName, columns: &[(&str, Carried)]) -> Vec<String> {
        let (table, from) = (self.name(), quote_table(self.dialect, from));
        let changed = quote_identifier(self.dialect, CHANGED);
        let known = || columns.iter().filter(|(_, carried)| *carried != Carried::Own);
        let names: Vec<String> = known().map(|(name, _)| quote_identifier(self.dialect, name)).collect();
        let value = |((_, carried), name): (&(&str, Carried), &String)| match carried {
            Carried::Cast(data_type) => format!("CAST({name} AS {data_type}) AS {name}"),
            Carried::Same | Carried::Own => name.clone(),
        };
        let values: Vec<String> = known().zip(&names).map(value).collect();
        let (names, values) = (names.join(", "), values.join(", "));
        let (theirs, ours) = (format!("SELECT {values} FROM {from}"), format!("SELECT {names} FROM {table}"));
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
