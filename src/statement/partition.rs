//! Rows of another definition's table, and INCREMENTAL_BY_PARTITION: the partitions that a load gives take the place of those that are there, and all others stay.
//! Expressions are compared NULL-safe: NULL is a partition.

use super::upsert::STAGE;
use super::{Carried, StatementError, Target, quote_identifier, quote_table};
use crate::ids::TableName;
use crate::sql::Dialect;

const CHANGED: &str = "offshoot__changed";

/// What a table and the one that it takes rows from have in common, as queries over columns of the same names.
struct Common {
    /// The columns.
    names: String,
    /// The other's rows, in this table's types.
    theirs: String,
    /// The other's rows as they are compared.
    seen: String,
    /// This table's.
    own: String,
}

/// The same by column.
struct Pairs {
    names: Vec<String>,
    values: Vec<String>,
    seen: Vec<String>,
    own: Vec<String>,
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
        let Common { names, theirs, seen, own } = self.common(by, from, columns);
        let differing = format!("(({seen} EXCEPT ALL {own}) UNION ALL ({own} EXCEPT ALL {seen})) AS source");
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
        let Common { seen, own, .. } = self.common(&[], from, columns);
        format!("SELECT 1 FROM ({own} EXCEPT ALL {seen}) AS source LIMIT 1")
    }

    /// The rows of another table that this one does not have as often. Columns that the other does not have are NULL in them.
    pub fn carry_added(&self, from: &TableName, columns: &[(&str, Carried)]) -> String {
        let Pairs { names, values, seen, own } = self.pairs(&[], columns);
        let keys: Vec<String> = (0..names.len()).map(|place| format!("offshoot__seen{place}")).collect();
        let as_keys = |values: Vec<String>| -> String {
            values.iter().zip(&keys).map(|(value, key)| format!("{value} AS {key}")).collect::<Vec<_>>().join(", ")
        };
        let (names, values, keys_of, own) = (names.join(", "), values.join(", "), as_keys(seen), as_keys(own));
        let keys = keys.join(", ");
        // Not EXCEPT ALL, because what is compared is not always what is carried.
        format!(
            "INSERT INTO {table} ({names})\nSELECT {names} FROM (\n\
             SELECT {names}, offshoot__side, row_number() OVER (PARTITION BY {keys}, offshoot__side) AS offshoot__number,\n\
             count(CASE WHEN offshoot__side = 0 THEN 1 END) OVER (PARTITION BY {keys}) AS offshoot__had FROM (\n\
             SELECT {values}, {keys_of}, 1 AS offshoot__side FROM {from}\nUNION ALL\n\
             SELECT {names}, {own}, 0 AS offshoot__side FROM {table}\n) AS sides\n) AS counted\n\
             WHERE offshoot__side = 1 AND offshoot__number > offshoot__had",
            table = self.name(),
            from = quote_table(self.dialect, from),
        )
    }

    /// The rows of another table in place of those of this one. Columns that the other does not have are NULL in them.
    pub fn carry_all(&self, from: &TableName, columns: &[(&str, Carried)]) -> [String; 2] {
        let Common { names, theirs, .. } = self.common(&[], from, columns);
        [self.empty(), format!("INSERT INTO {} ({names})\n{theirs}", self.name())]
    }

    fn common(&self, by: &[String], from: &TableName, columns: &[(&str, Carried)]) -> Common {
        let Pairs { names, values, seen, own } = self.pairs(by, columns);
        let named = |values: Vec<String>| -> String {
            values.iter().zip(&names).map(|(value, name)| format!("{value} AS {name}")).collect::<Vec<_>>().join(", ")
        };
        let (from, table) = (quote_table(self.dialect, from), self.name());
        Common {
            theirs: format!("SELECT {} FROM {from}", values.join(", ")),
            seen: format!("SELECT {} FROM {from}", named(seen)),
            own: format!("SELECT {} FROM {table}", named(own)),
            names: names.join(", "),
        }
    }

    fn pairs(&self, by: &[String], columns: &[(&str, Carried)]) -> Pairs {
        let known = || columns.iter().filter(|(_, carried)| *carried != Carried::Own);
        let names: Vec<String> = known().map(|(name, _)| quote_identifier(self.dialect, name)).collect();
        let value = |((_, carried), name): (&(&str, Carried), &String)| match carried {
            Carried::Cast { to, .. } => format!("CAST({name} AS {to}) AS {name}"),
            Carried::Same | Carried::Own => name.clone(),
        };
        let values = known().zip(&names).map(value).collect();
        let compared = known().zip(&names).map(|((name, carried), quoted)| self.compared(by, (name, quoted), carried));
        let (seen, own) = compared.unzip();
        Pairs { names, values, seen, own }
    }

    /// A column of the other table and of this one, as they are compared: what has only become less there is the same still.
    fn compared(&self, by: &[String], (name, quoted): (&str, &String), carried: &Carried) -> (String, String) {
        let is_key = by.iter().any(|expression| self.names_in(expression).iter().any(|named| named == name));
        let (theirs, own) = match carried {
            Carried::Cast { from, to } => match self.cast_back(quoted, (to, from)).filter(|_| !is_key) {
                Some(back) => (quoted.clone(), back),
                None => (format!("CAST({quoted} AS {to})"), quoted.clone()),
            },
            Carried::Same | Carried::Own => (quoted.clone(), quoted.clone()),
        };
        // PostgreSQL knows no equality of some types (`json`), but of every text.
        let text = |value: String| match self.dialect == Dialect::Postgres && !is_key {
            true => format!("CAST({value} AS text)"),
            false => value,
        };
        (text(theirs), text(own))
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
