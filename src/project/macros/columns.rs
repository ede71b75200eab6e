//! The macros that need to know which columns other tables have: `@STAR` and `@UNION`, with texts that mean what SQLMesh's mean.

use std::collections::{BTreeMap, BTreeSet};

use super::call::{Argument, Arguments, items_of};
use super::lexeme::{Kind, Lexeme, lex_made, text_of, trimmed};
use super::text::bare_text;
use super::{Expander, Outcome, Step};
use crate::hash::{Digest, Hasher};
use crate::ids::ModelName;
use crate::project::model_name;
use crate::sql::{Constant, Dialect};

/// What is known of the columns of other tables while a file is read.
#[derive(Clone, Copy, Debug)]
pub(in crate::project) enum Columns<'a> {
    /// Nothing yet: a file that asks is read again when it is.
    Later,
    /// What there is to know.
    Known(&'a BTreeMap<ModelName, TableColumns>),
    /// Nothing, and nothing will be.
    Never,
}

/// The columns of a table, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::project) struct TableColumns {
    /// The dialect that their types are written in.
    pub(in crate::project) dialect: Dialect,
    /// Their names with their types, as far as these are known.
    pub(in crate::project) columns: Vec<(String, Option<String>)>,
}

impl TableColumns {
    /// A digest of what a macro makes of them.
    pub(in crate::project) fn digest(&self) -> Digest {
        let hasher = Hasher::new("columns of a table").text(self.dialect.name()).number(self.columns.len() as u64);
        let columns = self.columns.iter();
        columns.fold(hasher, |hasher, (name, data_type)| hasher.text(name).option(data_type.as_deref())).finish()
    }

    /// The type of a column in a dialect; `None` where it is not known or written in another one.
    fn type_in(&self, dialect: Dialect, name: &str) -> Option<&str> {
        let (_, data_type) = self.columns.iter().find(|(known, _)| known == name)?;
        data_type.as_deref().filter(|_| dialect == self.dialect)
    }
}

/// How names are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Always,
    Never,
}

impl Expander<'_> {
    /// `alias.* EXCLUDE (…)`: the columns are those of the table, as SQLMesh lists them. With a prefix or a suffix, and where
    /// the dialect has no such star, they are listed.
    pub(super) fn star(&mut self, arguments: &Arguments, at: usize) -> Step<Outcome> {
        let usage = "write `@STAR(table, alias, exclude := [a, b], prefix := 'p_', suffix := '_s')`";
        let Some((relation, alias)) = star_of(arguments).and_then(|(relation, alias)| self.told_table(relation, alias))
        else {
            self.refuse_arguments("star", at, usage);
            return None;
        };
        let listed = match arguments.get("exclude", 2).or_else(|| arguments.get("except_", 6)) {
            Some(list) => items_of(list).or_else(|| match trimmed(list) {
                one @ [name] if matches!(name.kind, Kind::Word | Kind::Quoted) => Some(vec![one.to_vec()]),
                _ => None,
            }),
            None => Some(Vec::new()),
        };
        let affix = |name, place| match arguments.get(name, place) {
            Some(value) => self.literal_of(value),
            None => Some(String::new()),
        };
        let quotes = match arguments.get("quote_identifiers", 5).map(trimmed) {
            None => Some(Quotes::Always),
            Some([one]) if one.is_word("true") => Some(Quotes::Always),
            Some([one]) if one.is_word("false") => Some(Quotes::Never),
            Some(_) => None,
        };
        let given = (listed, affix("prefix", 3), affix("suffix", 4), quotes);
        let (Some(excluded), Some(prefix), Some(suffix), Some(quotes)) = given else {
            self.refuse_arguments("star", at, usage);
            return None;
        };
        let word = match self.dialect {
            _ if excluded.is_empty() => Some(""),
            Dialect::DuckDb | Dialect::Snowflake => Some("EXCLUDE"),
            Dialect::BigQuery | Dialect::Databricks | Dialect::Spark | Dialect::ClickHouse => Some("EXCEPT"),
            _ => None,
        };
        match word.filter(|_| prefix.is_empty() && suffix.is_empty()) {
            Some(word) => Some(self.plain_star(&alias, (word, &excluded), at)),
            None => self.listed_star((&relation, &alias), &excluded, (&prefix, &suffix, quotes), at),
        }
    }

    /// The same where the table is a text: `@STAR('a.b')`.
    fn told_table(&self, relation: &[Lexeme], alias: Vec<Lexeme>) -> Option<(Vec<Lexeme>, Vec<Lexeme>)> {
        let Some(text) = self.string_of(relation) else { return Some((relation.to_vec(), alias)) };
        let table = lex_made(&text, self.dialect, relation.first()?.at)?;
        let alias = if alias.as_slice() == relation { vec![trimmed(&table).last()?.clone()] } else { alias };
        Some((table, alias))
    }

    fn plain_star(&self, alias: &[Lexeme], (word, excluded): (&str, &[Vec<Lexeme>]), at: usize) -> Outcome {
        let mut written = self.written(at).value(alias).text(".*");
        for (place, column) in excluded.iter().enumerate() {
            let before = if place > 0 { ", ".to_owned() } else { format!(" {word} (") };
            written = written.text(&before).value(column);
        }
        if excluded.is_empty() { written.one() } else { written.text(")").one() }
    }

    /// `CAST("alias"."a" AS INT) AS "p_a"` for each column, with casts where all types are known, as SQLMesh has it.
    fn listed_star(
        &mut self,
        (relation, alias): (&[Lexeme], &[Lexeme]),
        excluded: &[Vec<Lexeme>],
        (prefix, suffix, quotes): (&str, &str, Quotes),
        at: usize,
    ) -> Step<Outcome> {
        let folded = |item: &Vec<Lexeme>| self.column_name(trimmed(item));
        let Some(excluded) = excluded.iter().map(folded).collect::<Option<BTreeSet<String>>>() else {
            self.refuse_arguments("star", at, "`exclude` takes names of columns: `exclude := [a, b]`");
            return None;
        };
        let table = self.columns_of(relation, at)?;
        let mut kept: Vec<&(String, Option<String>)> = table.columns.iter().collect();
        kept.retain(|(name, _)| !excluded.contains(name));
        let types: Option<Vec<&str>> = kept.iter().map(|(name, _)| table.type_in(self.dialect, name)).collect();
        let written_name = |name: &str| match quotes {
            Quotes::Always => self.quoted(name),
            Quotes::Never => name.to_owned(),
        };
        let one = |(place, (name, _)): (usize, &&(String, Option<String>))| {
            let output = written_name(&format!("{prefix}{name}{suffix}"));
            let column =
                |written: super::built_in::Written| written.value(alias).text(&format!(".{}", written_name(name)));
            let written = match &types {
                Some(types) => column(self.written(at).text("CAST(")).text(&format!(" AS {})", types[place])),
                None => column(self.written(at)),
            };
            written.text(&format!(" AS {output}")).lexemes
        };
        Some(Outcome::Items(kept.iter().enumerate().map(one).collect()))
    }

    /// `@UNION([condition,] ['ALL' | 'DISTINCT',] table, …)`: the columns that all tables have by one name and type, in the order
    /// of the first and cast to its types.
    pub(super) fn union(&mut self, arguments: &Arguments, at: usize, depth: usize) -> Step<Outcome> {
        let usage = "write `@UNION('ALL', a.b, c.d)`, or `@UNION(condition, 'DISTINCT', a.b, c.d)`";
        let given = arguments.flat();
        let mut rest = given.as_slice();
        let mut is_all = true;
        // SQLGlot reads `ALL, a` as it reads `ALL a`.
        let is_word_all = |value: &[Lexeme]| matches!(trimmed(value), [word] if word.is_word("all"));
        if let [first, after @ ..] = rest
            && !is_word_all(first)
            && self.is_condition(trimmed(first))
        {
            let Constant::Bool(holds) = self.evaluated(first, at, depth)? else {
                self.refuse_arguments("union", at, usage);
                return None;
            };
            (is_all, rest) = (holds, after);
        }
        let mut between = " UNION ALL ";
        if let [first, after @ ..] = rest
            && let Some(kind) = self.string_of(first).or_else(|| is_word_all(first).then(|| "ALL".to_owned()))
        {
            between = match kind.to_uppercase().as_str() {
                "ALL" => between,
                "DISTINCT" => " UNION ",
                _ => {
                    self.refuse_arguments("union", at, usage);
                    return None;
                }
            };
            rest = after;
        }
        if rest.is_empty() {
            self.refuse_arguments("union", at, usage);
            return None;
        }
        let tables: Vec<TableColumns> = rest.iter().map(|table| self.columns_of(table, at)).collect::<Option<_>>()?;
        let projections = self.shared(&tables, at)?;
        let shown = if is_all { rest } else { &rest[..1] };
        let mut written = self.written(at);
        for (place, table) in shown.iter().enumerate() {
            let before = if place > 0 { between } else { "" };
            written = written.text(before).text(&format!("SELECT {} FROM ", projections.join(", "))).value(table);
        }
        Some(written.one())
    }

    /// Whether an argument is neither a text nor the name of a table.
    fn is_condition(&self, value: &[Lexeme]) -> bool {
        let is_truth = |one: &Lexeme| one.is_word("true") || one.is_word("false");
        match value {
            [one] if is_truth(one) => true,
            [one] if one.kind == Kind::String => false,
            [one] if one.kind == Kind::Number => true,
            value => text_of(value).is_none_or(|text| model_name(&text, self.dialect).is_err()),
        }
    }

    /// The columns that all tables have; told where there is none, or where nobody knows whether two types are one.
    fn shared(&mut self, tables: &[TableColumns], at: usize) -> Step<Vec<String>> {
        let [first, others @ ..] = tables else { return Some(Vec::new()) };
        let mut projections = Vec::new();
        for (name, _) in &first.columns {
            let has_it = |table: &TableColumns| table.columns.iter().any(|(other, _)| other == name);
            if !others.iter().all(has_it) {
                continue;
            }
            let types: Vec<Option<&str>> = tables.iter().map(|table| table.type_in(self.dialect, name)).collect();
            let Some(types) = types.into_iter().collect::<Option<Vec<&str>>>() else {
                let message = format!("the types of column `{name}` of these tables are not all known here");
                self.refuse(at, message, DECLARE);
                return None;
            };
            let same: Vec<Sameness> = types[1..].iter().map(|other| same_type(types[0], other, self.dialect)).collect();
            if same.contains(&Sameness::Other) {
                continue;
            }
            if same.contains(&Sameness::Unknown) {
                let message =
                    format!("nobody knows whether the types of column `{name}` are one: {}", types.join(", "));
                self.refuse(at, message, "declare it with the same words for each table, or write the SELECTs out");
                return None;
            }
            let written = self.quoted(name);
            projections.push(format!("CAST({written} AS {}) AS {written}", types[0]));
        }
        if projections.is_empty() && !matches!(self.names.columns, Columns::Later) {
            self.refuse(
                at,
                "these tables share no column of one name and type",
                "write the SELECTs with UNION between",
            );
            return None;
        }
        Some(projections)
    }

    /// The columns of a table. Where nothing is known of them yet there are none, and the file is read again.
    fn columns_of(&mut self, relation: &[Lexeme], at: usize) -> Step<TableColumns> {
        let text = text_of(trimmed(relation)).unwrap_or_default();
        let Ok(name) = self.names.table(&text, self.dialect) else {
            self.refuse(at, format!("`{text}` is no name of a table"), "write it as in FROM, such as `schema.name`");
            return None;
        };
        let known = match self.names.columns {
            Columns::Later => Some(TableColumns { dialect: self.dialect, columns: Vec::new() }),
            Columns::Known(tables) => tables.get(&name).cloned(),
            Columns::Never => None,
        };
        if known.is_none() {
            self.refuse(at, format!("the columns of `{name}` are not known here"), DECLARE);
        }
        self.wanted.insert(name);
        known
    }

    /// The name of a column as the dialect compares it.
    fn column_name(&self, value: &[Lexeme]) -> Option<String> {
        match value {
            [Lexeme { kind: Kind::Quoted, .. }] => Some(self.dialect.fold_name(&bare_text(value, self.dialect)?, true)),
            [Lexeme { kind: Kind::Word, text, .. }] => Some(self.dialect.fold_name(text, false)),
            _ => None,
        }
    }

    /// The text of a literal alone.
    fn literal_of(&self, value: &[Lexeme]) -> Option<String> {
        match trimmed(value) {
            [Lexeme { kind: Kind::Number, text, .. }] => Some(text.clone()),
            value => self.string_of(value),
        }
    }
}

const DECLARE: &str = "declare `columns (a INT, …)` in the model that makes the table, or the table in `external_models.yaml`; \
                       or write the columns out";

/// The table of `@STAR`, and what stands before the dot.
fn star_of(arguments: &Arguments) -> Option<(&[Lexeme], Vec<Lexeme>)> {
    let relation = arguments.get("relation", 0).map(trimmed)?;
    let last = relation.iter().rev().find(|lexeme| lexeme.is_significant())?;
    let alias = arguments.get("alias", 1).map(trimmed).filter(|alias| !alias.is_empty());
    let is_named = |argument: &Argument| matches!(argument, Argument::One(_) | Argument::Items(_));
    arguments.unnamed.iter().all(is_named).then(|| (relation, alias.map_or_else(|| vec![last.clone()], <[_]>::to_vec)))
}

/// Whether two types are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sameness {
    Same,
    Other,
    /// Their words differ, and nobody knows what they mean.
    Unknown,
}

/// Words for one type that every dialect reads alike, as SQLMesh does.
const ALIKE: [(&str, &[&str]); 16] = [
    ("int", &["integer", "int4"]),
    ("bigint", &["long"]),
    ("smallint", &["int2", "short"]),
    ("tinyint", &["int1"]),
    ("decimal", &["numeric"]),
    ("double", &["float8", "double precision"]),
    ("real", &["float4"]),
    ("boolean", &["bool"]),
    ("text", &["string"]),
    ("bytea", &["blob"]),
    ("timestamptz", &["timestamp with time zone"]),
    ("timestamp", &["timestamp without time zone"]),
    ("time", &["time without time zone"]),
    ("date", &[]),
    ("uuid", &[]),
    ("json", &[]),
];
/// What DuckDB alone reads alike.
const DUCKDB: [(&str, &[&str]); 4] = [
    ("bigint", &["int8"]),
    ("real", &["float"]),
    ("timestamp", &["datetime"]),
    ("text", &["varchar", "char", "bpchar"]),
];
/// What PostgreSQL alone reads alike.
const POSTGRES: [(&str, &[&str]); 3] =
    [("bigint", &["int8"]), ("double", &["float"]), ("varchar", &["character varying"])];

fn same_type(one: &str, other: &str, dialect: Dialect) -> Sameness {
    let (one, other) = (normal(one, dialect), normal(other, dialect));
    match one.0 == other.0 {
        true => Sameness::Same,
        false if one.1 && other.1 => Sameness::Other,
        false => Sameness::Unknown,
    }
}

/// A type in the words that stand for it, and whether these are known.
fn normal(data_type: &str, dialect: Dialect) -> (String, bool) {
    let text = data_type.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let (base, arguments) = text.split_once('(').map_or((text.as_str(), ""), |(base, rest)| (base.trim(), rest));
    let arguments: String = arguments.chars().filter(|sign| *sign != ' ').collect();
    let of_dialect: &[(&str, &[&str])] = match dialect {
        Dialect::DuckDb => &DUCKDB,
        Dialect::Postgres => &POSTGRES,
        _ => &[],
    };
    let mut known = of_dialect.iter().chain(&ALIKE);
    let known = known.find(|(name, others)| *name == base || others.contains(&base)).map(|(name, _)| *name);
    let is_plain =
        arguments.is_empty() || arguments.ends_with(')') && !arguments[..arguments.len() - 1].contains(['(', ')']);
    let Some(name) = known.filter(|_| is_plain) else { return (text, false) };
    match (dialect, name, arguments.as_str()) {
        (Dialect::DuckDb, "text", _) => ("text".to_owned(), true),
        (Dialect::DuckDb, "decimal", "") => ("decimal(18,3)".to_owned(), true),
        (_, name, "") => (name.to_owned(), true),
        (_, name, arguments) => (format!("{name}({arguments}"), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `exp.DataType.build(a, dialect) == exp.DataType.build(b, dialect)` of SQLMesh's parser says; where that is not known
    /// here, nothing is left out.
    #[test]
    fn types_are_one_where_sqlmesh_takes_them_for_one() {
        use Sameness::*;
        for (one, other, duckdb, postgres) in [
            ("int", "INTEGER", Same, Same),
            ("int4", "int", Same, Same),
            ("text", "varchar", Same, Other),
            ("text", "string", Same, Same),
            ("varchar(10)", "text", Same, Other),
            ("character varying( 3 )", "varchar(3)", Unknown, Same),
            ("decimal(10,2)", "numeric(10, 2)", Same, Same),
            ("decimal(18,3)", "decimal", Same, Other),
            ("decimal(10,2)", "decimal(12,2)", Other, Other),
            ("double", "float8", Same, Same),
            ("float", "real", Same, Other),
            ("double", "float", Other, Same),
            ("timestamp", "datetime", Same, Unknown),
            ("timestamptz", "TIMESTAMP WITH  TIME ZONE", Same, Same),
            ("bigint", "int8", Same, Same),
            ("bigint", "int", Other, Other),
            ("json", "text", Other, Other),
            ("int[]", "integer[]", Unknown, Unknown),
            ("struct(a int)", "struct(a int)", Same, Same),
            ("timestamp", "timestamp(6)", Other, Other),
        ] {
            assert_eq!(same_type(one, other, Dialect::DuckDb), duckdb, "{one} {other} in DuckDB");
            assert_eq!(same_type(one, other, Dialect::Postgres), postgres, "{one} {other} in PostgreSQL");
        }
    }
}
