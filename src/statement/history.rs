//! SCD_TYPE_2: what a load finds is compared with the present version of each row, and production's history is carried into
//! the table of another definition.
//!
//! A load only adds versions and ends present ones; no version that has ended is touched. Keys are compared with `=`, which
//! every engine joins by, so that a key may not be NULL. What SQLMesh's own statement does is told in `engine_adapter/base.py`
//! (`_scd_type_2`); unlike that one, a NULL in a version that ends stays one, and is not filled from the version after it.

use super::upsert::STAGE;
use super::{StatementError, Target, quote_identifier, quote_table, text_literal};
use crate::ids::TableName;
use crate::model::{DeclaredColumn, DeletedRows, FirstVersion, ScdType2, VersionBy};
use crate::sql::tokenize;
use crate::time::Timestamp;

/// What a load knows of the table beside the rule.
#[derive(Clone, Copy, Debug)]
pub struct VersionLoad<'a> {
    /// The time of the load.
    pub now: Timestamp,
    /// Whether the table had rows before, or might have had some.
    pub past: HistoryPast,
    /// Columns that it has got just now: that they are filled is no change of a row.
    pub added: &'a [String],
}

/// What was there before a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryPast {
    /// Nothing: it is the very first.
    None,
    /// The loads before it.
    Loads,
}

/// Where the values of a column come from when a history is carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// The column of the same name there.
    Same,
    /// The same, which has another type there: this one is what it becomes.
    Cast(String),
    /// It is not there: what this table knows already, else NULL.
    Own,
}

const HISTORY: &str = "offshoot__history";

impl Target<'_> {
    /// The table without rows, with the columns of what is staged.
    ///
    /// # Errors
    /// The columns are not known.
    pub fn create_staged(&self) -> Result<String, StatementError> {
        let (names, stage) = (self.names()?, quote_identifier(self.dialect, STAGE));
        Ok(format!("CREATE TABLE {} AS\nSELECT {names} FROM {stage} WHERE false LIMIT 0", self.name()))
    }

    /// The same with the two columns of a kind with versions.
    pub fn create_history(&self, scd: &ScdType2) -> Result<String, StatementError> {
        let names = self.names()?;
        let (valid_from, valid_to) = self.validity(scd);
        let none = format!("CAST(NULL AS {})", scd.time_type);
        Ok(format!(
            "CREATE TABLE {} AS\nSELECT {names}, {none} AS {valid_from}, {none} AS {valid_to} FROM {} WHERE false LIMIT 0",
            self.name(),
            quote_identifier(self.dialect, STAGE)
        ))
    }

    /// What is staged laid over the versions that are there, as statements for one transaction and in this order.
    ///
    /// # Errors
    /// The columns are not known, or there is no key.
    pub fn add_versions(&self, scd: &ScdType2, load: VersionLoad<'_>) -> Result<Vec<String>, StatementError> {
        if scd.unique_key.is_empty() {
            return Err(StatementError::NoKey { table: self.table.to_string() });
        }
        let (table, stage) = (self.name(), quote_identifier(self.dialect, STAGE));
        let (_, valid_to) = self.validity(scd);
        let (same, changed) = (self.same(scd, "target", "source"), self.changed(scd, load.added));
        let end = match &scd.by {
            VersionBy::Time { updated_at } => self.cast(scd, &self.qualified_column("source", updated_at)),
            VersionBy::Columns(_) => self.moment(scd, load.now),
        };
        let mut statements = vec![
            self.new_versions(scd, load, &changed)?,
            format!(
                "UPDATE {table} AS target SET {valid_to} = {end} FROM {stage} AS source \
                 WHERE target.{valid_to} IS NULL AND {same} AND ({changed})"
            ),
            self.fill_gaps(scd, &same),
        ];
        if scd.deleted == DeletedRows::End {
            statements.push(format!(
                "UPDATE {table} AS target SET {valid_to} = {} WHERE target.{valid_to} IS NULL \
                 AND NOT EXISTS (SELECT 1 FROM {stage} AS source WHERE {same})",
                self.moment(scd, load.now)
            ));
        }
        Ok(statements)
    }

    /// A version for each staged row that has no present one, or another one. It comes before that one ends, while both can be
    /// told apart.
    fn new_versions(&self, scd: &ScdType2, load: VersionLoad<'_>, changed: &str) -> Result<String, StatementError> {
        let (table, stage, names) = (self.name(), quote_identifier(self.dialect, STAGE), self.names()?);
        let (valid_from, valid_to) = self.validity(scd);
        let given: Vec<String> =
            self.columns.iter().map(|column| self.qualified_column("source", &column.name)).collect();
        let epoch = || self.moment(scd, Timestamp(0));
        let (from, ended) = match &scd.by {
            VersionBy::Columns(_) => {
                let is_first = load.past == HistoryPast::None && scd.first == FirstVersion::Epoch;
                (if is_first { epoch() } else { self.moment(scd, load.now) }, String::new())
            }
            VersionBy::Time { updated_at } => {
                let updated = self.cast(scd, &self.qualified_column("source", updated_at));
                let first = if scd.first == FirstVersion::Epoch { epoch() } else { updated.clone() };
                let from = format!(
                    "CASE WHEN target.offshoot__there IS NOT NULL THEN {updated} \
                     WHEN ended.offshoot__end > {updated} THEN ended.offshoot__end \
                     WHEN ended.offshoot__end IS NOT NULL THEN {updated} ELSE {first} END"
                );
                (from, self.ended(scd))
            }
        };
        Ok(format!(
            "INSERT INTO {table} ({names}, {valid_from}, {valid_to})\n\
             SELECT {}, {from}, CAST(NULL AS {}) FROM {stage} AS source\n\
             LEFT JOIN (SELECT *, true AS offshoot__there FROM {table} WHERE {valid_to} IS NULL) AS target ON {}{ended}\n\
             WHERE target.offshoot__there IS NULL OR ({changed})",
            given.join(", "),
            scd.time_type,
            self.same(scd, "target", "source"),
        ))
    }

    /// When the last version of each key ended: one that comes back is not valid before.
    fn ended(&self, scd: &ScdType2) -> String {
        let (_, valid_to) = self.validity(scd);
        let keys: Vec<String> = scd.unique_key.iter().map(|key| self.qualified(key, "past")).collect();
        let named: Vec<String> =
            keys.iter().enumerate().map(|(index, key)| format!("{key} AS offshoot__key{index}")).collect();
        let same: Vec<String> = scd
            .unique_key
            .iter()
            .enumerate()
            .map(|(index, key)| format!("ended.offshoot__key{index} = {}", self.qualified(key, "source")))
            .collect();
        format!(
            "\nLEFT JOIN (SELECT {}, max(past.{valid_to}) AS offshoot__end FROM {} AS past WHERE past.{valid_to} IS NOT NULL \
             GROUP BY {}) AS ended ON {}",
            named.join(", "),
            self.name(),
            keys.join(", "),
            same.join(" AND ")
        )
    }

    /// Values that present versions lack and their rows have now, as those of a new column.
    fn fill_gaps(&self, scd: &ScdType2, same: &str) -> String {
        let (_, valid_to) = self.validity(scd);
        let columns: Vec<String> =
            self.columns.iter().map(|column| quote_identifier(self.dialect, &column.name)).collect();
        let set: Vec<String> =
            columns.iter().map(|column| format!("{column} = COALESCE(target.{column}, source.{column})")).collect();
        let gaps: Vec<String> =
            columns.iter().map(|column| format!("(target.{column} IS NULL AND source.{column} IS NOT NULL)")).collect();
        format!(
            "UPDATE {} AS target SET {} FROM {} AS source WHERE target.{valid_to} IS NULL AND {same} AND ({})",
            self.name(),
            set.join(", "),
            quote_identifier(self.dialect, STAGE),
            gaps.join(" OR ")
        )
    }

    /// Whether a present version is not what its row is now.
    fn changed(&self, scd: &ScdType2, added: &[String]) -> String {
        let listed: Vec<String> = match &scd.by {
            VersionBy::Time { updated_at } => {
                let column = |alias| self.qualified_column(alias, updated_at);
                return format!("{} > {}", column("source"), column("target"));
            }
            VersionBy::Columns(Some(listed)) => listed.clone(),
            VersionBy::Columns(None) => {
                self.columns.iter().map(|column| quote_identifier(self.dialect, &column.name)).collect()
            }
        };
        let compared = listed.iter().filter(|text| !self.names_in(text).iter().any(|name| added.contains(name)));
        let differ: Vec<String> = compared
            .map(|text| {
                format!("{} IS DISTINCT FROM {}", self.qualified(text, "target"), self.qualified(text, "source"))
            })
            .collect();
        if differ.is_empty() { "false".to_owned() } else { differ.join(" OR ") }
    }

    /// A query that gives a row only where a key is NULL among the staged rows.
    pub fn staged_null_key(&self, scd: &ScdType2) -> String {
        let keys: Vec<String> =
            scd.unique_key.iter().map(|key| format!("{} IS NULL", self.qualified(key, "source"))).collect();
        format!("SELECT 1 FROM {} AS source WHERE {} LIMIT 1", quote_identifier(self.dialect, STAGE), keys.join(" OR "))
    }

    /// A query that gives a row only where a key has several present versions.
    pub fn several_present(&self, scd: &ScdType2) -> String {
        let (_, valid_to) = self.validity(scd);
        let keys: Vec<String> = scd.unique_key.iter().map(|key| self.qualified(key, "target")).collect();
        format!(
            "SELECT count(*) FROM {} AS target WHERE target.{valid_to} IS NULL GROUP BY {} HAVING count(*) > 1 LIMIT 1",
            self.name(),
            keys.join(", ")
        )
    }

    /// A query that counts the rows of `from` whose value of a column is another one after it was cast to `data_type`.
    pub fn altered(&self, from: &TableName, column: &str, (old, new): (&str, &str)) -> String {
        let column = quote_identifier(self.dialect, column);
        format!(
            "SELECT count(*) FROM {} WHERE CAST(CAST({column} AS {new}) AS {old}) IS DISTINCT FROM {column}",
            quote_table(self.dialect, from)
        )
    }

    /// The history of another table in place of this one's, for one transaction. `columns` says of each of this table's, the
    /// two of the kind included, where its values are from. What only this table knows of a version it keeps: versions are the
    /// same by key and beginning, and by their order where one key has several of one beginning.
    ///
    /// # Errors
    /// The columns are not known.
    pub fn carry_history(
        &self,
        scd: &ScdType2,
        from: &TableName,
        columns: &[(&str, Carried)],
    ) -> Result<Vec<String>, StatementError> {
        let (table, stage) = (self.name(), quote_identifier(self.dialect, HISTORY));
        let (from, (valid_from, valid_to)) = (quote_table(self.dialect, from), self.validity(scd));
        let names: Vec<String> = columns.iter().map(|(name, _)| quote_identifier(self.dialect, name)).collect();
        let values = columns.iter().zip(&names).map(|((_, carried), name)| match carried {
            Carried::Same => format!("source.{name}"),
            Carried::Cast(data_type) => format!("CAST(source.{name} AS {data_type}) AS {name}"),
            Carried::Own => format!("target.{name}"),
        });
        let numbered = |table: &str, alias: &str| {
            let keys: Vec<String> = scd.unique_key.iter().map(|key| self.qualified(key, "past")).collect();
            format!(
                "(SELECT past.*, row_number() OVER (PARTITION BY {}, past.{valid_from} ORDER BY past.{valid_to} ASC NULLS \
                 LAST) AS offshoot__turn FROM {table} AS past) AS {alias}",
                keys.join(", ")
            )
        };
        let (values, names) = (values.collect::<Vec<_>>().join(", "), names.join(", "));
        let drop = format!("DROP TABLE IF EXISTS {stage}");
        Ok(vec![
            drop.clone(),
            format!(
                "CREATE TEMPORARY TABLE {stage} AS\nSELECT {values}\nFROM {}\nLEFT JOIN {} ON {} AND {} = target.{valid_from} \
                 AND source.offshoot__turn = target.offshoot__turn",
                numbered(&from, "source"),
                numbered(&table, "target"),
                self.same(scd, "target", "source"),
                self.cast(scd, &format!("source.{valid_from}")),
            ),
            self.empty(),
            format!("INSERT INTO {table} ({names}) SELECT {names} FROM {stage}"),
            drop,
        ])
    }

    /// The table's own columns that an expression names.
    pub fn names_in(&self, expression: &str) -> Vec<String> {
        let tokens = tokenize(expression, self.dialect).unwrap_or_default();
        tokens.iter().filter_map(|token| self.column(token)).map(str::to_owned).collect()
    }

    fn same(&self, scd: &ScdType2, one: &str, other: &str) -> String {
        let same = |key: &String| format!("{} = {}", self.qualified(key, one), self.qualified(key, other));
        scd.unique_key.iter().map(same).collect::<Vec<_>>().join(" AND ")
    }

    fn validity(&self, scd: &ScdType2) -> (String, String) {
        (quote_identifier(self.dialect, &scd.valid_from), quote_identifier(self.dialect, &scd.valid_to))
    }

    /// A column that a property names, under an alias.
    fn qualified_column(&self, alias: &str, name: &str) -> String {
        let folded = self.dialect.fold(name, false);
        let known = |column: &&DeclaredColumn| column.name == name || self.dialect.fold(&column.name, false) == folded;
        let name = self.columns.iter().find(known).map_or(name, |column| column.name.as_str());
        format!("{alias}.{}", quote_identifier(self.dialect, name))
    }

    fn cast(&self, scd: &ScdType2, value: &str) -> String {
        format!("CAST({value} AS {})", scd.time_type)
    }

    /// A moment as a value of the kind's type, in UTC.
    fn moment(&self, scd: &ScdType2, moment: Timestamp) -> String {
        let data_type = scd.time_type.to_lowercase();
        let is_zoned = data_type.contains("tz") || data_type.contains("with time zone");
        let text = match data_type.as_str() {
            "date" => moment.date(),
            _ => moment.date_time(),
        };
        let zone = if is_zoned { "+00:00" } else { "" };
        self.cast(scd, &text_literal(self.dialect, &format!("{text}{zone}")))
    }
}
