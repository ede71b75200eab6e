//! Names that begin with the catalog in which names of two parts are: `warehouse.shop.orders` is `shop.orders`.
//!
//! Here a table has one name only, the shorter one; the longer one of a text is replaced where the text is surely that of a table.
//! Where a schema is called as the catalog is, an engine may not know which of them `shop.orders` begins with: then the longer
//! name is the only one, and it stands in place of the shorter.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dialect, Query, Relation, Splice, Template, Token, TokenKind};
use crate::hash::Hasher;
use crate::ids::ModelName;

/// The catalog in which names of two parts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultCatalog {
    /// Its name.
    pub name: String,
    /// What the engine takes its name for at the beginning of a name of two parts.
    pub alone: Alone,
}

/// What an engine takes the first of two parts for, where it is the catalog's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alone {
    /// A schema: names of two parts never begin with a catalog (PostgreSQL).
    Schema,
    /// The catalog, or a schema of that name, and nothing if both are there (DuckDB: "Ambiguous reference to catalog or schema").
    Either,
}

impl DefaultCatalog {
    /// Puts all of it into a hash.
    #[must_use]
    pub fn hash(catalog: Option<&Self>, hasher: Hasher) -> Hasher {
        let alone = catalog.map_or(0, |catalog| if catalog.alone == Alone::Schema { 1 } else { 2 });
        hasher.option(catalog.map(|catalog| catalog.name.as_str())).number(alone)
    }

    /// Whether a part of a name is its name. In whatever case: engines that mind it have no second database to name.
    pub fn is(&self, part: &str) -> bool {
        // Snowflake's mark of a quoted lower-case name (`Dialect::fold`).
        self.name.to_lowercase() == part.trim_start_matches('\u{1}').to_lowercase()
    }

    /// What is to be done about the catalog in front of a name of these parts.
    fn fit<'p>(&self, mut parts: impl Iterator<Item = &'p str>) -> Fit {
        let [first, second, third, rest] = [parts.next(), parts.next(), parts.next(), parts.next()];
        let is = |part: Option<&str>| part.is_some_and(|part| self.is(part));
        match (first, second, third, rest) {
            (Some(_), Some(_), None, None) if is(first) && self.alone == Alone::Either => Fit::Missing,
            (Some(_), Some(_), Some(_), None) if is(first) && !(is(second) && self.alone == Alone::Either) => {
                Fit::TooMuch
            }
            _ => Fit::Right,
        }
    }
}

/// Whether a name lacks its catalog or has it for nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Right,
    Missing,
    TooMuch,
}

/// The one name of a table: without the catalog in which names of two parts are, as `sqlmesh create_external_models` writes it,
/// but with it where the schema is called so.
pub fn within(name: ModelName, catalog: Option<&DefaultCatalog>) -> ModelName {
    let parts = name.parts();
    let fit = catalog.map_or(Fit::Right, |catalog| catalog.fit(parts.iter().map(String::as_str)));
    let made = match fit {
        Fit::Right => None,
        Fit::TooMuch => ModelName::from_parts(parts[1..].to_vec()),
        Fit::Missing => ModelName::from_parts([&parts[..1], parts].concat()),
    };
    made.unwrap_or(name)
}

/// The same of each table that a statement names, and of the qualifiers of its columns.
///
/// Where the text has no syntax tree, that is each name of three parts and more that begins with the catalog: what would stay as it
/// is, would be read in production by every environment. Only where the catalog's word may be an alias, too, a name must stand
/// directly behind a word that says that it is a table's, and so it must where it lacks its catalog.
#[must_use]
pub fn names_within(template: Template, catalog: Option<&DefaultCatalog>, dialect: Dialect) -> Template {
    let Some(catalog) = catalog.filter(|catalog| mentions(&template, &catalog.name)) else { return template };
    let query = Query::parse(template.clone(), dialect);
    let tokens = query.tokens();
    let tokens: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let splices = match query.failure() {
        None => of_tree(&query, &tokens, (catalog, dialect)),
        Some(_) => of_tokens(&query, &tokens, (catalog, dialect), Lacking::Any),
    };
    if splices.is_empty() { template } else { template.with(&splices) }
}

fn of_tree(query: &Query, tokens: &[&Token], (catalog, dialect): (&DefaultCatalog, Dialect)) -> Vec<Splice> {
    let short = |name: &ModelName| within(name.clone(), Some(catalog));
    let read: BTreeSet<ModelName> = query.relations().iter().map(|relation| short(&relation.name)).collect();
    // An alias may be called as the catalog is: `w.shop.orders` is then a field of its.
    let qualifiers = query.long_qualifiers().iter().filter(|qualifier| read.contains(&short(&qualifier.name)));
    let places: BTreeMap<usize, usize> =
        tokens.iter().enumerate().map(|(index, token)| (token.range.start, index)).collect();
    let splice = |relation: &Relation| {
        let fit = catalog.fit(relation.name.parts().iter().map(String::as_str));
        spliced(query, (tokens, *places.get(&relation.range.start)?), fit)
    };
    let named = query.relations().iter().chain(qualifiers);
    // What a statement writes to is no relation of the tree.
    let written = of_tokens(query, tokens, (catalog, dialect), Lacking::Written);
    let splices: BTreeMap<usize, Splice> =
        named.filter_map(splice).chain(written).map(|splice| (splice.range.start, splice)).collect();
    splices.into_values().collect()
}

/// Which names are looked for in a text by its tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lacking {
    /// All.
    Any,
    /// Those that are written to and lack their catalog.
    Written,
}

fn of_tokens(
    query: &Query,
    tokens: &[&Token],
    (catalog, dialect): (&DefaultCatalog, Dialect),
    wanted: Lacking,
) -> Vec<Splice> {
    let word = |index: usize| match &tokens.get(index)?.kind {
        TokenKind::Word { value, quote } => Some(dialect.fold(value, quote.is_some())),
        _ => None,
    };
    let dot = |index: usize| tokens.get(index).is_some_and(|token| token.is_symbol("."));
    let begins = |index: usize| index.checked_sub(1).is_none_or(|before| !dot(before));
    let is_catalog = |index: &usize| begins(*index) && word(*index).is_some_and(|word| catalog.is(&word));
    let places = || (0..tokens.len()).filter(is_catalog);
    let may_be_alias = places().any(|index| !dot(index + 1));
    let is_behind = |index: usize, words: &[&str]| {
        let before = index.checked_sub(1).map(|before| tokens[before]);
        before.is_some_and(|before| words.iter().any(|word| before.is_word(word)))
    };
    let splice = |index: usize| {
        // What follows three parts are those of a column.
        let parts: Vec<String> = (0..3)
            .take_while(|part| *part == 0 || dot(index + 2 * part - 1))
            .map_while(|part| word(index + 2 * part))
            .collect();
        let fit = catalog.fit(parts.iter().map(String::as_str));
        let is_call = tokens.get(index + 3).is_some_and(|token| token.is_symbol("("));
        let is_table = match fit {
            Fit::Right => false,
            Fit::TooMuch => wanted == Lacking::Any && (!may_be_alias || is_behind(index, &BEFORE_TABLES)),
            Fit::Missing if is_behind(index, &BEFORE_WRITTEN) => true,
            // `extract(day FROM x.a)` is about a column of an alias.
            Fit::Missing if may_be_alias || wanted == Lacking::Written => false,
            Fit::Missing => is_behind(index, &BEFORE_TABLES) && !is_call,
        };
        if is_table { spliced(query, (tokens, index), fit) } else { None }
    };
    places().filter_map(splice).collect()
}

/// What the name that begins with this token lacks, put in as the author writes it, or what it has too much, taken out.
fn spliced(query: &Query, (tokens, first): (&[&Token], usize), fit: Fit) -> Option<Splice> {
    let is_dotted = tokens.get(first + 1).is_some_and(|token| token.is_symbol("."));
    let second = tokens.get(first + 2).filter(|_| is_dotted)?;
    let (start, text) = (tokens[first].range.start, query.text().get(tokens[first].range.clone())?);
    match fit {
        Fit::Right => None,
        Fit::TooMuch => Some(Splice { range: start..second.range.start, replacement: String::new() }),
        Fit::Missing => Some(Splice { range: tokens[first].range.clone(), replacement: format!("{text}.{text}") }),
    }
}

/// Whether the catalog may be named at all: hardly a text names it.
fn mentions(template: &Template, catalog: &str) -> bool {
    let is_there = |text: &str| {
        let wanted = catalog.as_bytes();
        !catalog.is_ascii() || text.as_bytes().windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
    };
    !catalog.is_empty() && template.plain_text().map_or_else(|| is_there(&template.text()), is_there)
}

/// Words after which a statement names what it writes to.
const BEFORE_WRITTEN: [&str; 4] = ["into", "update", "table", "view"];

/// Words after which a text without a syntax tree names a table.
const BEFORE_TABLES: [&str; 14] = [
    "from",
    "join",
    "into",
    "update",
    "table",
    "view",
    "using",
    "describe",
    "summarize",
    "exists",
    "pivot",
    "unpivot",
    "show",
    "copy",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(name: &str, alone: Alone) -> DefaultCatalog {
        DefaultCatalog { name: name.to_owned(), alone }
    }

    fn shortened(sql: &str, dialect: Dialect) -> String {
        names_within(Template::plain(sql), Some(&catalog("Wh", Alone::Schema)), dialect).text()
    }

    #[test]
    fn tables_of_the_default_catalog_have_two_parts() {
        for (sql, expected) in [
            ("SELECT 1 FROM wh.s.a AS x", "SELECT 1 FROM s.a AS x"),
            ("SELECT wh.s.a.b, a.c FROM \"WH\" . s.a, s.b", "SELECT s.a.b, a.c FROM s.a, s.b"),
            ("SELECT wh.s.a.b FROM s.a", "SELECT s.a.b FROM s.a"),
            ("WITH x AS (SELECT 1 FROM WH.s.a) SELECT 1 FROM x", "WITH x AS (SELECT 1 FROM s.a) SELECT 1 FROM x"),
            // An alias of that name has fields, and another catalog is another one.
            ("SELECT wh.s.a.b FROM s.t AS wh", "SELECT wh.s.a.b FROM s.t AS wh"),
            ("SELECT wh.s.a FROM x.s.a AS wh", "SELECT wh.s.a FROM x.s.a AS wh"),
            ("SELECT 'wh.s.a' FROM wh.t", "SELECT 'wh.s.a' FROM wh.t"),
            ("INSERT INTO wh.s.log SELECT a FROM wh.s.a", "INSERT INTO wh.s.log SELECT a FROM s.a"),
            ("DELETE FROM wh.s.a USING wh.s.b", "DELETE FROM s.a USING s.b"),
            ("CREATE INDEX i ON wh.s.a (b)", "CREATE INDEX i ON s.a (b)"),
            ("PIVOT wh.s.a ON b USING sum(c)", "PIVOT s.a ON b USING sum(c)"),
            ("SELECT [y FOR y IN z], wh.s.a.b FROM s.o, wh.s.a", "SELECT [y FOR y IN z], s.a.b FROM s.o, s.a"),
            ("COPY (SELECT 1 FROM s.o, wh.s.a) TO 'x'", "COPY (SELECT 1 FROM s.o, s.a) TO 'x'"),
            ("SELECT [y FOR y IN z], wh.s.a FROM t wh, s.wh", "SELECT [y FOR y IN z], wh.s.a FROM t wh, s.wh"),
            ("SELECT [y FOR y IN z], x.wh.s.a FROM t", "SELECT [y FOR y IN z], x.wh.s.a FROM t"),
        ] {
            assert_eq!(shortened(sql, Dialect::DuckDb), expected, "{sql}");
        }
    }

    #[test]
    fn a_catalog_is_itself_in_any_case_and_dialect() {
        let name = |text: &str| ModelName::parse(text).expect("a name");
        let shop = catalog("Shop", Alone::Schema);
        assert_eq!(within(name("shop.s.a"), Some(&shop)).to_string(), "s.a");
        assert_eq!(within(name("shop.shop.a"), Some(&shop)).to_string(), "shop.a");
        assert_eq!(within(name("other.s.a"), Some(&shop)).to_string(), "other.s.a");
        assert_eq!(within(name("shop.s.a"), None).to_string(), "shop.s.a");
        for dialect in [Dialect::Postgres, Dialect::Snowflake] {
            assert_eq!(shortened("SELECT 1 FROM \"Wh\".s.a, wh.s.b", dialect), "SELECT 1 FROM s.a, s.b");
        }
    }

    #[test]
    fn a_schema_called_as_its_catalog_is_named_with_it() {
        let either = catalog("wh", Alone::Either);
        let name = |text: &str| within(ModelName::parse(text).expect("a name"), Some(&either)).to_string();
        assert_eq!(["wh.a", "wh.wh.a", "wh.s.a", "s.a", "a"].map(name), ["wh.wh.a", "wh.wh.a", "s.a", "s.a", "a"]);
        for (sql, expected) in [
            ("SELECT 1 FROM wh.a AS x, wh.wh.b, wh.s.c, s.d", "SELECT 1 FROM wh.wh.a AS x, wh.wh.b, s.c, s.d"),
            ("SELECT wh.a.b, a.c FROM \"WH\" . a", "SELECT wh.wh.a.b, a.c FROM \"WH\".\"WH\" . a"),
            ("WITH x AS (SELECT 1 FROM wh.a) SELECT 1 FROM x", "WITH x AS (SELECT 1 FROM wh.wh.a) SELECT 1 FROM x"),
            // An alias of that name has columns and fields, and a function is no table.
            ("SELECT wh.a, wh.a.b FROM s.t AS wh", "SELECT wh.a, wh.a.b FROM s.t AS wh"),
            (
                "INSERT INTO wh.log SELECT wh.a FROM wh.f(1) AS wh",
                "INSERT INTO wh.wh.log SELECT wh.a FROM wh.f(1) AS wh",
            ),
            ("INSERT INTO wh.log (n) SELECT 1 FROM wh.a", "INSERT INTO wh.wh.log (n) SELECT 1 FROM wh.wh.a"),
            ("CREATE TABLE wh.log (n int)", "CREATE TABLE wh.wh.log (n int)"),
            ("DELETE FROM wh.a USING wh.wh.b", "DELETE FROM wh.wh.a USING wh.wh.b"),
        ] {
            assert_eq!(names_within(Template::plain(sql), Some(&either), Dialect::DuckDb).text(), expected, "{sql}");
        }
    }
}
