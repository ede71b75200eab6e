//! SCD_TYPE_2: what a load finds is compared with the present version of each row, and production's history is carried into
//! the table of another definition.
//!
//! A load only adds versions and ends present ones; no version that has ended is touched. Keys are compared with `=`, which
//! every engine joins by, so that a key may not be NULL. What SQLMesh's own statement does is told in `engine_adapter/base.py`
//! (`_scd_type_2`); unlike that one, a NULL in a version that ends stays one, and is not filled from the version after it.

use super::upsert::STAGE;
use super::{ColumnType, StatementError, Target, quote_identifier, quote_table, text_literal};
use crate::ids::TableName;
use crate::model::{DeclaredColumn, DeletedRows, FirstVersion, ScdType2, VersionBy};
use crate::sql::{Dialect, tokenize};
use crate::time::{Interval, Timestamp};

/// What a load knows of the table beside the rule.
#[derive(Clone, Copy, Debug)]
pub struct VersionLoad<'a> {
    /// The time of the load.
    pub now: Timestamp,
    /// The interval that it is of, of a history of intervals.
    pub interval: Option<Interval>,
    /// Whether the table had rows before, or might have had some.
    pub past: HistoryPast,
    /// Columns that it has got just now: that they are filled is no change of a row.
    pub added: &'a [String],
    /// All of them.
    pub columns: &'a [ColumnType],
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
    /// The same, which has another type there.
    Cast {
        /// That type.
        from: String,
        /// What it becomes.
        to: String,
    },
    /// It is not there: what this table knows already, else NULL.
    Own,
}

const HISTORY: &str = "offshoot__history";

/// Types of PostgreSQL without an equality of all of their values.
const UNEQUAL: [&str; 9] = ["json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle"];

/// Types that are cast to each other whatever the value, but for its size.
const PLAIN: [&str; 9] =
    ["smallint", "integer", "bigint", "numeric", "real", "double precision", "date", "timestamp", "time"];

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
        let (same, changed) = (self.same(scd, "target", "source"), self.changed(scd, load));
        let end = match scd.updated_at() {
            Some(updated_at) => self.since(scd, updated_at),
            None => self.moment(scd, load.now),
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
                self.deleted_at(scd, load)
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
        let is_first = load.past == HistoryPast::None && scd.first == FirstVersion::Epoch;
        let (from, ended) = match &scd.by {
            VersionBy::Columns { updated_at: None, .. } => {
                (if is_first { epoch() } else { self.moment(scd, load.now) }, String::new())
            }
            VersionBy::Columns { updated_at: Some(_), .. } if is_first => (epoch(), String::new()),
            VersionBy::Columns { updated_at: Some(updated_at), .. } => {
                (self.from(scd, updated_at, None), self.ended(scd))
            }
            VersionBy::Time { updated_at } => {
                let first = (scd.first == FirstVersion::Epoch).then(epoch);
                (self.from(scd, updated_at, first), self.ended(scd))
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

    /// From when on a version is valid where a column says it: the first of a key from `first` on, if that is something else.
    fn from(&self, scd: &ScdType2, updated_at: &str, first: Option<String>) -> String {
        let updated = self.cast(scd, &self.qualified_column("source", updated_at));
        let first = first.unwrap_or_else(|| updated.clone());
        format!(
            "CASE WHEN target.offshoot__there IS NOT NULL THEN {} \
             WHEN ended.offshoot__end > {updated} THEN ended.offshoot__end \
             WHEN ended.offshoot__end IS NOT NULL THEN {updated} ELSE {first} END",
            self.since(scd, updated_at)
        )
    }

    /// When a row ended that is there no more. What an interval lacks was gone when it began, and a version is not over before
    /// it begins; where versions are dated by loads, so is their end. SQLMesh takes the time of the load for all, so that rows
    /// of days long gone end today, and for SCD_TYPE_2_BY_COLUMN with `updated_at_name` ends none.
    fn deleted_at(&self, scd: &ScdType2, load: VersionLoad<'_>) -> String {
        let (valid_from, _) = self.validity(scd);
        match (scd.updated_at(), load.interval) {
            (None, _) => self.moment(scd, load.now),
            (Some(_), interval) => {
                let gone = interval.map_or(load.now, |interval| interval.start);
                format!("GREATEST({}, target.{valid_from})", self.moment(scd, gone))
            }
        }
    }

    /// When a row became what it is now: not before its present version began.
    fn since(&self, scd: &ScdType2, updated_at: &str) -> String {
        let (valid_from, _) = self.validity(scd);
        format!("GREATEST({}, target.{valid_from})", self.cast(scd, &self.qualified_column("source", updated_at)))
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

    /// Gives present versions the values of columns that the table has got just now, where their rows are as they were.
    pub fn fill_added(&self, scd: &ScdType2, load: VersionLoad<'_>) -> Option<String> {
        let set: Vec<String> = load.added.iter().map(|name| quote_identifier(self.dialect, name)).collect();
        let set: Vec<String> =
            set.iter().map(|name| format!("{name} = COALESCE(target.{name}, source.{name})")).collect();
        let (_, valid_to) = self.validity(scd);
        // A row of another date is another version, be it an earlier one.
        let dated = match &scd.by {
            VersionBy::Time { updated_at } if !load.added.iter().any(|added| self.is_name(added, updated_at)) => {
                let column = |alias| self.qualified_column(alias, updated_at);
                format!(" AND {} IS NOT DISTINCT FROM {}", column("source"), column("target"))
            }
            _ => String::new(),
        };
        (!set.is_empty()).then(|| {
            format!(
                "UPDATE {} AS target SET {} FROM {} AS source WHERE target.{valid_to} IS NULL AND {} AND ({}) IS NOT TRUE{dated}",
                self.name(),
                set.join(", "),
                quote_identifier(self.dialect, STAGE),
                self.same(scd, "target", "source"),
                self.changed(scd, load)
            )
        })
    }

    /// Whether a present version is not what its row is now. Where it does not know when it was updated, its row is a later one
    /// as soon as that does; where no row of the table could know it, all else says so.
    fn changed(&self, scd: &ScdType2, load: VersionLoad<'_>) -> String {
        let listed: Vec<String> = match &scd.by {
            VersionBy::Time { updated_at } if !load.added.iter().any(|added| self.is_name(added, updated_at)) => {
                let column = |alias| self.qualified_column(alias, updated_at);
                let (source, target) = (column("source"), column("target"));
                return format!("{source} > {target} OR ({target} IS NULL AND {source} IS NOT NULL)");
            }
            VersionBy::Columns { compared: Some(listed), .. } => listed.clone(),
            VersionBy::Columns { compared: None, .. } | VersionBy::Time { .. } => {
                self.columns.iter().map(|column| quote_identifier(self.dialect, &column.name)).collect()
            }
        };
        let compared = listed.iter().filter(|text| !self.names_in(text).iter().any(|name| load.added.contains(name)));
        let differ: Vec<String> = compared
            .map(|text| {
                let value = |alias| self.comparable(text, (alias, load.columns));
                format!("{} IS DISTINCT FROM {}", value("target"), value("source"))
            })
            .collect();
        if differ.is_empty() { "false".to_owned() } else { differ.join(" OR ") }
    }

    /// An expression under an alias, as one that has an equality: PostgreSQL knows none of some types.
    fn comparable(&self, text: &str, (alias, columns): (&str, &[ColumnType])) -> String {
        let value = self.qualified(text, alias);
        let is_bare =
            |column: &&ColumnType| value == format!("{alias}.{}", quote_identifier(self.dialect, &column.name));
        let unequal = |column: &ColumnType| UNEQUAL.contains(&column.data_type.trim_end_matches("[]"));
        match self.dialect == Dialect::Postgres && columns.iter().find(is_bare).is_some_and(unequal) {
            true => format!("CAST({value} AS text)"),
            false => value,
        }
    }

    /// A query that gives a row only where a key is NULL among the staged rows.
    pub fn staged_null_key(&self, scd: &ScdType2) -> String {
        let keys: Vec<String> =
            scd.unique_key.iter().map(|key| format!("{} IS NULL", self.qualified(key, "source"))).collect();
        format!("SELECT 1 FROM {} AS source WHERE {} LIMIT 1", quote_identifier(self.dialect, STAGE), keys.join(" OR "))
    }

    /// A query that gives a row only where the staged rows do not say when a version begins; `None` where they need not.
    pub fn staged_without_date(&self, scd: &ScdType2) -> Option<String> {
        let VersionBy::Columns { updated_at: Some(updated_at), .. } = &scd.by else { return None };
        let (stage, column) = (quote_identifier(self.dialect, STAGE), self.qualified_column("source", updated_at));
        Some(format!("SELECT 1 FROM {stage} AS source WHERE {column} IS NULL LIMIT 1"))
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

    /// A query that gives a row only where a key that was loaded at this moment was loaded later before.
    pub fn out_of_order(&self, scd: &ScdType2, now: Timestamp) -> String {
        let (table, (valid_from, valid_to), now) = (self.name(), self.validity(scd), self.moment(scd, now));
        format!(
            "SELECT 1 FROM {table} AS target WHERE (target.{valid_from} > {now} OR target.{valid_to} > {now}) AND EXISTS \
             (SELECT 1 FROM {table} AS source WHERE {} AND (source.{valid_from} = {now} OR source.{valid_to} = {now})) LIMIT 1",
            self.same(scd, "target", "source")
        )
    }

    /// A query that counts the rows of `from` whose value of a column is another one after it was cast to `data_type`.
    pub fn altered(&self, from: &TableName, column: &str, (old, new): (&str, &str)) -> String {
        let column = quote_identifier(self.dialect, column);
        let text = match self.dialect == Dialect::Postgres && UNEQUAL.contains(&old.trim_end_matches("[]")) {
            true => "::text",
            false => "",
        };
        format!(
            "SELECT count(*) FROM {} WHERE CAST(CAST({column} AS {new}) AS {old}){text} IS DISTINCT FROM {column}{text}",
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
        let (valid_from, valid_to) = self.validity(scd);
        let names: Vec<String> = columns.iter().map(|(name, _)| quote_identifier(self.dialect, name)).collect();
        let values = columns.iter().zip(&names).enumerate().map(|(index, ((own, carried), name))| {
            // A version never gets another value, but one where it had none: of a column that was not there for a while, the other
            // table may have none by now. Only its end comes later, and is the other's to tell.
            let theirs = match self.is_name(own, &scd.valid_to) {
                true => format!("source.{name}"),
                false => format!("COALESCE(source.{name}, target.{name})"),
            };
            match carried {
                Carried::Same => format!("{theirs} AS {name}"),
                Carried::Cast { from, to } => match self.cast_back(&format!("target.{name}"), (to, from)) {
                    // What has only become less there is still whole here.
                    Some(back) => format!(
                        "CASE WHEN {back} IS NOT DISTINCT FROM source.offshoot__was{index} THEN target.{name} ELSE {theirs} END \
                         AS {name}"
                    ),
                    None => format!("{theirs} AS {name}"),
                },
                Carried::Own => format!("target.{name}"),
            }
        });
        let theirs = columns.iter().zip(&names).enumerate().filter_map(|(index, ((_, carried), name))| match carried {
            Carried::Same => Some(name.clone()),
            Carried::Cast { to, .. } => Some(format!("CAST({name} AS {to}) AS {name}, {name} AS offshoot__was{index}")),
            Carried::Own => None,
        });
        let theirs = theirs.collect::<Vec<_>>().join(", ");
        let from = format!("(SELECT {theirs} FROM {})", quote_table(self.dialect, from));
        // Of versions that begin and end alike their values say which is which.
        let is_shared = |(own, carried): &&(&str, Carried)| {
            *carried == Carried::Same && !self.is_name(own, &scd.valid_from) && !self.is_name(own, &scd.valid_to)
        };
        let shared: Vec<String> = columns
            .iter()
            .filter(is_shared)
            .map(|(name, _)| format!(", CAST(past.{} AS VARCHAR) ASC NULLS LAST", quote_identifier(self.dialect, name)))
            .collect();
        let numbered = |table: &str, alias: &str| {
            let keys: Vec<String> = scd.unique_key.iter().map(|key| self.qualified(key, "past")).collect();
            format!(
                "(SELECT past.*, row_number() OVER (PARTITION BY {}, past.{valid_from} ORDER BY past.{valid_to} ASC NULLS \
                 LAST{}) AS offshoot__turn FROM {table} AS past) AS {alias}",
                keys.join(", "),
                shared.join("")
            )
        };
        let (values, names) = (values.collect::<Vec<_>>().join(", "), names.join(", "));
        let drop = format!("DROP TABLE IF EXISTS {stage}");
        Ok(vec![
            drop.clone(),
            format!(
                "CREATE TEMPORARY TABLE {stage} AS\nSELECT {values}\nFROM {}\nLEFT JOIN {} ON {} AND source.{valid_from} IS NOT DISTINCT FROM target.{valid_from} \
                 AND source.offshoot__turn = target.offshoot__turn",
                numbered(&from, "source"),
                numbered(&table, "target"),
                self.same(scd, "target", "source"),
            ),
            self.empty(),
            format!("INSERT INTO {table} ({names}) SELECT {names} FROM {stage}"),
            drop,
        ])
    }

    /// A value as another type, where an engine that stops at what is none of it does not see texts: `None` there.
    pub(super) fn cast_back(&self, value: &str, (own, other): (&str, &str)) -> Option<String> {
        if self.dialect == Dialect::DuckDb {
            return Some(format!("TRY_CAST({value} AS {other})"));
        }
        let (own, other) = (own.to_lowercase(), other.to_lowercase());
        let is_plain =
            |data_type: &str| PLAIN.iter().any(|plain| data_type.starts_with(plain)) && !data_type.ends_with(']');
        (is_plain(&own) && is_plain(&other)).then(|| format!("CAST({value} AS {other})"))
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
        let known = |column: &&DeclaredColumn| self.is_name(&column.name, name);
        let name = self.columns.iter().find(known).map_or(name, |column| column.name.as_str());
        format!("{alias}.{}", quote_identifier(self.dialect, name))
    }

    fn is_name(&self, column: &str, name: &str) -> bool {
        column == name || self.dialect.fold(column, false) == self.dialect.fold(name, false)
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
