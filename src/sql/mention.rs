//! What a text may name, as a small filter: it never misses a name that a query could read, and may take a word for one.
//!
//! Which models a query really reads takes a parser; which it *cannot* read is told by its words alone. So most models of
//! a large project are never parsed for a plan: only those that a change may reach. Nothing here decides a fingerprint.

use serde::{Deserialize, Serialize};

use super::{Dialect, Token, TokenKind};
use crate::ids::ModelName;

/// The words of a text, as hashes: two different words may share one, equal words always do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentions {
    /// Two words with a dot between them, ascending: `schema.table`, `table.column`, also inside text literals.
    pairs: Vec<u32>,
    /// Every word, ascending, also inside text literals.
    words: Vec<u32>,
    /// Texts and quoted names that may be the path of a file.
    paths: Vec<String>,
}

impl Mentions {
    /// The words of these tokens.
    pub fn of<'t>(tokens: impl Iterator<Item = &'t Token>, dialect: Dialect) -> Self {
        let mut found = Self::default();
        found.add(tokens, dialect);
        found.sort();
        found
    }

    /// Adds another text's.
    pub fn join(&mut self, other: Self) {
        self.pairs.extend(other.pairs);
        self.words.extend(other.words);
        self.paths.extend(other.paths);
        self.sort();
    }

    /// Adds a name that is surely mentioned.
    pub fn add_name(&mut self, name: &ModelName) {
        let key = NameKey::of(name);
        let list = if key.alone { &mut self.words } else { &mut self.pairs };
        list.push(key.hash);
        self.sort();
    }

    /// The hashes of all dotted pairs.
    pub fn pairs(&self) -> &[u32] {
        &self.pairs
    }

    /// The hashes of all words.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// Texts that may be the path of a file, each once.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    fn sort(&mut self) {
        self.pairs.sort_unstable();
        self.pairs.dedup();
        self.words.sort_unstable();
        self.words.dedup();
        self.paths.sort_unstable();
        self.paths.dedup();
    }

    fn add<'t>(&mut self, tokens: impl Iterator<Item = &'t Token>, dialect: Dialect) {
        let _ = dialect;
        // The word before a dot, and the dot: what the next word makes a pair with.
        let mut before: Option<u32> = None;
        let mut dotted = false;
        for token in tokens.filter(|token| token.is_significant()) {
            match &token.kind {
                TokenKind::Word { value, quote } => {
                    if quote.is_some() {
                        self.text(value);
                        self.path(value);
                    }
                    let hash = word_hash(value);
                    self.words.push(hash);
                    if let Some(first) = before.filter(|_| dotted) {
                        self.pairs.push(pair_hash(first, hash));
                    }
                    (before, dotted) = (Some(hash), false);
                }
                TokenKind::String(value) => {
                    let body = value.trim_matches('\'');
                    self.words.push(word_hash(body));
                    self.text(value);
                    self.path(body);
                    (before, dotted) = (None, false);
                }
                TokenKind::Symbol(symbol) if symbol == "." => dotted = before.is_some(),
                // `1.e` and the like: some tokenisers glue the dot to a number.
                TokenKind::Number(number) => (before, dotted) = (Some(word_hash(number)), number.ends_with('.')),
                _ => (before, dotted) = (None, false),
            }
        }
    }

    /// Words and pairs inside a literal: a query may be in there, or a table's name.
    fn text(&mut self, text: &str) {
        let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.' | '$');
        for chain in text.split(|character: char| !is_part(character)).filter(|chain| !chain.is_empty()) {
            let mut before = None;
            for part in chain.split('.') {
                let hash = word_hash(part);
                self.words.push(hash);
                if let Some(before) = before.replace(hash) {
                    self.pairs.push(pair_hash(before, hash));
                }
            }
        }
    }

    fn path(&mut self, text: &str) {
        if text.len() >= 3 && text.contains(['.', '/']) {
            self.paths.push(text.to_owned());
        }
    }
}

/// How a model's name is found among mentions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameKey {
    /// The hash of its last two parts, or of its only one.
    pub hash: u32,
    /// Whether it has one part only, so that any word may be it.
    pub alone: bool,
}

impl NameKey {
    /// The key of a name.
    pub fn of(name: &ModelName) -> Self {
        match name.parts() {
            [.., schema, table] => Self { hash: pair_hash(word_hash(schema), word_hash(table)), alone: false },
            parts => Self { hash: word_hash(parts.first().map_or("", String::as_str)), alone: true },
        }
    }
}

/// FNV-1a over the word in lower case, whatever its dialect makes of case and quotes: coarser than every folding, so that
/// names which any dialect takes for equal are equal here. Never an identity.
fn word_hash(word: &str) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    let mut feed = |byte: u8| hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    if word.is_ascii() {
        // Snowflake's mark of a quoted lower-case name (`Dialect::fold`).
        word.bytes().filter(|byte| *byte != 1).for_each(|byte| feed(byte.to_ascii_lowercase()));
    } else {
        word.to_lowercase().bytes().filter(|byte| *byte != 1).for_each(feed);
    }
    hash
}

fn pair_hash(first: u32, second: u32) -> u32 {
    (first.rotate_left(13) ^ second).wrapping_mul(0x9e37_79b1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Query, Template, tokenize};

    fn mentions(sql: &str, dialect: Dialect, name: &str) -> bool {
        let tokens = tokenize(sql, dialect).expect("tokens");
        let mentions = Mentions::of(tokens.iter(), dialect);
        let key = NameKey::of(&ModelName::parse(name).expect("a name"));
        if key.alone { mentions.words().contains(&key.hash) } else { mentions.pairs().contains(&key.hash) }
    }

    #[test]
    fn every_way_to_write_a_name_is_found() {
        for (sql, name) in [
            ("select 1 from stg.Orders", "stg.orders"),
            ("select 1 from \"Stg\" . \"ORDERS\" o", "stg.orders"),
            ("select 1 from a, db.stg.orders", "db.stg.orders"),
            ("select stg.orders.amount from stg.orders", "stg.orders"),
            ("select query('select 1 from stg.orders')", "stg.orders"),
            ("from orders", "orders"),
            ("select * from 'orders'", "orders"),
            ("select * from \"stg.orders\"", "stg.orders"),
            ("select 1 from stg /* of */ . -- them\n orders", "stg.orders"),
            ("select 1 from ÄÖ.ß", "äö.ß"),
        ] {
            assert!(mentions(sql, Dialect::DuckDb, name), "{sql}");
        }
        assert!(mentions("select 1 from `my-project`.ds.t", Dialect::BigQuery, "ds.t"));
        assert!(mentions("select 1 from `p.ds.t`", Dialect::BigQuery, "p.ds.t"));
        assert!(mentions("select 1 from my-project.ds.t", Dialect::BigQuery, "\"my-project\".ds.t"));
        assert!(mentions("select 1 from \"lower\".T", Dialect::Snowflake, "\u{1}lower.t"));
        assert!(!mentions("select a.b from stg.x", Dialect::DuckDb, "stg.orders"));
    }

    /// Whatever the parser finds is among the mentions, for each dialect.
    #[test]
    fn no_relation_of_the_parser_is_missed() {
        let sql =
            "with c as (select * from s.a) select x.y, (select max(z) from b.q) from c join s.b as x on true, s.d";
        for (dialect, _) in Dialect::NAMES {
            let query = Query::parse(Template::plain(sql), dialect);
            for relation in query.relations() {
                assert!(mentions(sql, dialect, &relation.name.to_string()), "{dialect}: {}", relation.name);
            }
        }
    }
}
