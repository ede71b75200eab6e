//! INCREMENTAL_UNMANAGED: the rows of another definition's table behind those of this one, each once. A row never becomes another
//! one, so that one of this table is the other's with the same values, or with NULL in columns that were not there for a while.

use super::partition::{Common, Pairs};
use super::{Carried, Target, quote_identifier, quote_table};
use crate::ids::TableName;

/// The rows of both tables that no row of the other is known for yet.
const SIDES: &str = "offshoot__sides";

/// Row by row, where more is to be known than that all are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides {
    /// Puts the rows of both beside each other.
    pub stage: [String; 2],
    /// A query for the columns, told apart by 1 and 0, that rows of the other table know nothing in; each set once.
    pub unknown: String,
    /// A query that gives a row only where one of this table has none.
    pub left: String,
    /// The other table's rows that this one has not.
    pub add: String,
    /// Drops what was staged.
    pub clean: String,
    /// How many columns both have.
    pub columns: usize,
}

impl Target<'_> {
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

    /// The rows of both tables, to be paired.
    pub fn sides(&self, from: &TableName, columns: &[(&str, Carried)]) -> Sides {
        let Pairs { names, values, seen, own } = self.pairs(&[], columns);
        let sides = quote_identifier(self.dialect, SIDES);
        let as_keys = |values: &[String]| -> String {
            let key = |(place, value): (usize, &String)| format!("{value} AS offshoot__seen{place}");
            values.iter().enumerate().map(key).collect::<Vec<_>>().join(", ")
        };
        let unknown = |place: usize| format!("CASE WHEN offshoot__seen{place} IS NULL THEN 1 ELSE 0 END");
        let unknown: Vec<String> = (0..names.len()).map(unknown).collect();
        let (listed, clean) = (names.join(", "), format!("DROP TABLE IF EXISTS {sides}"));
        Sides {
            stage: [
                clean.clone(),
                format!(
                    "CREATE TEMPORARY TABLE {sides} AS\nSELECT *, row_number() OVER () AS offshoot__row FROM (\n\
                     SELECT {}, {}, 1 AS offshoot__side FROM {}\nUNION ALL\n\
                     SELECT {listed}, {}, 0 AS offshoot__side FROM {}\n) AS sides",
                    values.join(", "),
                    as_keys(&seen),
                    quote_table(self.dialect, from),
                    as_keys(&own),
                    self.name(),
                ),
            ],
            unknown: format!("SELECT DISTINCT {} FROM {sides} WHERE offshoot__side = 1", unknown.join(", ")),
            left: format!("SELECT 1 FROM {sides} WHERE offshoot__side = 0 LIMIT 1"),
            add: format!(
                "INSERT INTO {} ({listed})\nSELECT {listed} FROM {sides} WHERE offshoot__side = 1",
                self.name()
            ),
            clean,
            columns: names.len(),
        }
    }

    /// Takes away the rows of both tables that are the same but for these columns, in which the other's know nothing.
    pub fn pair(&self, sides: &Sides, unknown: &[usize]) -> String {
        let table = quote_identifier(self.dialect, SIDES);
        let key = |place: usize| format!("offshoot__seen{place}");
        let keys: Vec<String> = (0..sides.columns).filter(|place| !unknown.contains(place)).map(key).collect();
        let nothing: Vec<String> = unknown.iter().map(|place| format!(" AND {} IS NULL", key(*place))).collect();
        let (keys, nothing) = (keys.join(", "), nothing.concat());
        let of = |side: u8| format!("count(CASE WHEN offshoot__side = {side} THEN 1 END) OVER (PARTITION BY {keys})");
        format!(
            "DELETE FROM {table} WHERE offshoot__row IN (\n\
             SELECT offshoot__row FROM (\n\
             SELECT offshoot__row, row_number() OVER (PARTITION BY {keys}, offshoot__side ORDER BY offshoot__row) AS offshoot__number,\n\
             {} AS offshoot__own, {} AS offshoot__theirs\nFROM {table} WHERE offshoot__side = 0 OR (true{nothing})\n\
             ) AS numbered\nWHERE offshoot__number <= LEAST(offshoot__own, offshoot__theirs))",
            of(0),
            of(1),
        )
    }
}
