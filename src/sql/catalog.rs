//! Names that begin with the catalog in which names of two parts are: `warehouse.shop.orders` is `shop.orders`.
//!
//! Here a table has one name only, the shorter one; the longer one of a text is replaced where the text is surely that of a table.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dialect, Query, Relation, Splice, Template, Token, TokenKind};
use crate::ids::ModelName;

/// A name without the catalog in which names of two parts are, as `sqlmesh create_external_models` writes it.
pub fn within(name: ModelName, catalog: Option<&str>) -> ModelName {
    match name.parts() {
        [first, rest @ ..] if rest.len() == 2 && is_in(catalog, first) => {
            ModelName::from_parts(rest.to_vec()).unwrap_or(name)
        }
        _ => name,
    }
}

/// The same of each table that a statement names, and of the qualifiers of its columns.
///
/// Where the text has no syntax tree, that is each name of three parts and more that begins with the catalog: what would stay as it
/// is, would be read in production by every environment. Only where the catalog's word may be an alias, too, a name must stand
/// directly behind a word that says that it is a table's.
#[must_use]
pub fn names_within(template: Template, catalog: Option<&str>, dialect: Dialect) -> Template {
    let Some(catalog) = catalog.filter(|catalog| mentions(&template, catalog)) else { return template };
    let query = Query::parse(template.clone(), dialect);
    let tokens = query.tokens();
    let tokens: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let splices = match query.failure() {
        None => of_tree(&query, &tokens, catalog),
        Some(_) => of_tokens(&tokens, catalog, dialect),
    };
    if splices.is_empty() { template } else { template.with(&splices) }
}

fn of_tree(query: &Query, tokens: &[&Token], catalog: &str) -> Vec<Splice> {
    let in_catalog =
        |relation: &&Relation| relation.name.parts().len() == 3 && is_in(Some(catalog), &relation.name.parts()[0]);
    let short = |name: &ModelName| within(name.clone(), Some(catalog));
    let read: BTreeSet<ModelName> = query.relations().iter().map(|relation| short(&relation.name)).collect();
    // An alias may be called as the catalog is: `w.shop.orders` is then a field of its.
    let qualifiers = query.long_qualifiers().iter().filter(in_catalog);
    let qualifiers = qualifiers.filter(|qualifier| read.contains(&short(&qualifier.name)));
    let named = query.relations().iter().filter(in_catalog).chain(qualifiers);
    let places: BTreeMap<usize, usize> =
        tokens.iter().enumerate().map(|(index, token)| (token.range.start, index)).collect();
    let cut = |relation: &Relation| cut(tokens, *places.get(&relation.range.start)?);
    let splices: BTreeMap<usize, Splice> = named.filter_map(cut).map(|splice| (splice.range.start, splice)).collect();
    splices.into_values().collect()
}

fn of_tokens(tokens: &[&Token], catalog: &str, dialect: Dialect) -> Vec<Splice> {
    let is_catalog = |token: &&Token| match &token.kind {
        TokenKind::Word { value, quote } => is_in(Some(catalog), &dialect.fold(value, quote.is_some())),
        _ => false,
    };
    let dot = |index: usize| tokens.get(index).is_some_and(|token| token.is_symbol("."));
    let is_word = |index: usize| tokens.get(index).is_some_and(|token| matches!(token.kind, TokenKind::Word { .. }));
    let begins = |index: usize| index.checked_sub(1).is_none_or(|before| !dot(before));
    let places = || (0..tokens.len()).filter(|index| is_catalog(&tokens[*index]) && begins(*index));
    let may_be_alias = places().any(|index| !dot(index + 1));
    let is_long = |index: &usize| dot(index + 1) && is_word(index + 2) && dot(index + 3) && is_word(index + 4);
    let is_table = |index: &usize| {
        let before = index.checked_sub(1).map(|before| tokens[before]);
        !may_be_alias || before.is_some_and(|before| BEFORE_TABLES.iter().any(|word| before.is_word(word)))
    };
    places().filter(is_long).filter(is_table).filter_map(|index| cut(tokens, index)).collect()
}

/// In whatever case: engines that mind it have no second database to name.
fn is_in(catalog: Option<&str>, first: &str) -> bool {
    // Snowflake's mark of a quoted lower-case name (`Dialect::fold`).
    let first = first.trim_start_matches('\u{1}').to_lowercase();
    catalog.is_some_and(|catalog| catalog.to_lowercase() == first)
}

/// Whether the catalog may be named at all: hardly a text names it.
fn mentions(template: &Template, catalog: &str) -> bool {
    let is_there = |text: &str| {
        let wanted = catalog.as_bytes();
        !catalog.is_ascii() || text.as_bytes().windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
    };
    !catalog.is_empty() && template.plain_text().map_or_else(|| is_there(&template.text()), is_there)
}

/// What stands before the second part of the name that begins with this token is taken out.
fn cut(tokens: &[&Token], first: usize) -> Option<Splice> {
    let is_dotted = tokens.get(first + 1).is_some_and(|token| token.is_symbol("."));
    let second = tokens.get(first + 2).filter(|_| is_dotted)?;
    Some(Splice { range: tokens[first].range.start..second.range.start, replacement: String::new() })
}

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

    fn shortened(sql: &str, dialect: Dialect) -> String {
        names_within(Template::plain(sql), Some("Wh"), dialect).text()
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
        assert_eq!(within(name("shop.s.a"), Some("Shop")).to_string(), "s.a");
        assert_eq!(within(name("other.s.a"), Some("shop")).to_string(), "other.s.a");
        assert_eq!(within(name("shop.s.a"), None).to_string(), "shop.s.a");
        for dialect in [Dialect::Postgres, Dialect::Snowflake] {
            assert_eq!(shortened("SELECT 1 FROM \"Wh\".s.a, wh.s.b", dialect), "SELECT 1 FROM s.a, s.b");
        }
    }
}
