//! Names that begin with the catalog in which names of two parts are: `warehouse.shop.orders` is `shop.orders`.
//!
//! Here a table has one name only, the shorter one; the longer one of a text is replaced where the text is surely that of a table.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Certainty, Dialect, Query, Relation, Splice, Template, Token, TokenKind};
use crate::ids::ModelName;

/// A name without the catalog in which names of two parts are, as `sqlmesh create_external_models` writes it.
pub fn within(name: ModelName, catalog: Option<&str>, dialect: Dialect) -> ModelName {
    match name.parts() {
        [first, rest @ ..] if rest.len() == 2 && is_in(catalog, first, dialect) => {
            ModelName::from_parts(rest.to_vec()).unwrap_or(name)
        }
        _ => name,
    }
}

/// The same of each table that a statement names, and of the qualifiers of its columns.
#[must_use]
pub fn names_within(template: Template, catalog: Option<&str>, dialect: Dialect) -> Template {
    let Some(catalog) = catalog.filter(|catalog| mentions(&template, catalog)) else { return template };
    let query = Query::parse(template.clone(), dialect);
    let tokens = query.tokens();
    let tokens: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let in_catalog = |relation: &&Relation| {
        relation.name.parts().len() == 3 && is_in(Some(catalog), &relation.name.parts()[0], dialect)
    };
    let tables: Vec<&Relation> = query.relations().iter().filter(in_catalog).collect();
    let is_table = |relation: &&&Relation| {
        relation.certainty == Certainty::Table || is_after_table_word(&tokens, relation.range.start)
    };
    let short = |name: &ModelName| within(name.clone(), Some(catalog), dialect);
    let read: BTreeSet<ModelName> = query.relations().iter().map(|relation| short(&relation.name)).collect();
    // An alias may be called as the catalog is: `w.shop.orders` is then a field of its.
    let qualifiers = query.long_qualifiers().iter().filter(in_catalog);
    let qualifiers = qualifiers.filter(|qualifier| read.contains(&short(&qualifier.name)));
    let named = tables.iter().filter(is_table).map(|table| &table.range);
    let mut splices: Vec<Splice> =
        named.chain(qualifiers.map(|qualifier| &qualifier.range)).filter_map(|range| cut(&tokens, range)).collect();
    splices.sort_by_key(|splice| splice.range.start);
    splices.dedup();
    if splices.is_empty() { template } else { template.with(&splices) }
}

fn is_in(catalog: Option<&str>, first: &str, dialect: Dialect) -> bool {
    catalog.is_some_and(|catalog| dialect.fold(catalog, true) == first)
}

/// Whether the catalog may be named at all: hardly a text names it.
fn mentions(template: &Template, catalog: &str) -> bool {
    let is_there = |text: &str| {
        let lowered = catalog.as_bytes();
        !catalog.is_ascii() || text.as_bytes().windows(lowered.len()).any(|part| part.eq_ignore_ascii_case(lowered))
    };
    template.plain_text().map_or_else(|| is_there(&template.text()), is_there)
}

/// What stands before the second part of a name is taken out.
fn cut(tokens: &[&Token], name: &Range<usize>) -> Option<Splice> {
    let first = tokens.iter().position(|token| token.range.start == name.start)?;
    let is_dotted = tokens.get(first + 1).is_some_and(|token| token.is_symbol("."));
    let second = tokens.get(first + 2).filter(|_| is_dotted)?;
    Some(Splice { range: name.start..second.range.start, replacement: String::new() })
}

/// Words after which a text without a syntax tree names a table.
const BEFORE_TABLES: [&str; 10] =
    ["from", "join", "into", "update", "table", "view", "using", "describe", "summarize", "exists"];

fn is_after_table_word(tokens: &[&Token], start: usize) -> bool {
    let before = tokens.iter().take_while(|token| token.range.start < start).last();
    before.is_some_and(|before| match &before.kind {
        TokenKind::Word { quote: None, .. } => BEFORE_TABLES.iter().any(|word| before.is_word(word)),
        _ => false,
    })
}

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
        ] {
            assert_eq!(shortened(sql, Dialect::DuckDb), expected, "{sql}");
        }
    }

    #[test]
    fn a_catalog_is_written_as_its_dialect_folds_it() {
        let name = |text: &str| ModelName::parse(text).expect("a name");
        assert_eq!(within(name("shop.s.a"), Some("shop"), Dialect::Postgres).to_string(), "s.a");
        assert_eq!(within(name("shop.s.a"), Some("Shop"), Dialect::Postgres).to_string(), "shop.s.a");
        assert_eq!(within(name("shop.s.a"), None, Dialect::Postgres).to_string(), "shop.s.a");
        assert_eq!(shortened("SELECT 1 FROM \"Wh\".s.a, wh.s.b", Dialect::Postgres), "SELECT 1 FROM s.a, wh.s.b");
    }
}
