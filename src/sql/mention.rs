//! What a text may name, as a small filter: it never misses a name that a query could read, and may take a word for one.
//!
//! Which models a query really reads takes a parser; which it *cannot* read is told by its words alone. So most models of
//! a large project are never parsed for a plan: only those that a change may reach. Nothing here decides a fingerprint.

use serde::{Deserialize, Serialize};

use super::{Token, TokenKind};
use crate::ids::ModelName;

/// The words of a text, as hashes: two different words may share one, equal words always do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mentions {
    /// Two words with a dot between them, ascending: `schema.table`, `table.column`, also inside text literals.
    #[serde(with = "hashes")]
    pairs: Vec<u32>,
    /// Every word, ascending, also inside text literals.
    #[serde(with = "hashes")]
    words: Vec<u32>,
    /// Texts and quoted names that may be the path of a file.
    paths: Vec<String>,
}

impl Mentions {
    /// The words of these tokens.
    pub fn of<'t>(tokens: impl Iterator<Item = &'t Token>) -> Self {
        let mut builder = Self::builder();
        tokens.filter(|token| token.is_significant()).for_each(|token| builder.token(token));
        builder.finish()
    }

    /// Collects words one by one.
    pub fn builder() -> MentionsBuilder {
        MentionsBuilder::default()
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

    /// Whether a word may stand in the text, in any case.
    pub fn has_word(&self, word: &str) -> bool {
        self.words.binary_search(&word_hash(word)).is_ok()
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
}

/// Hashes as they lie in memory, four little-endian bytes each: there are a hundred of them in a file that is kept.
mod hashes {
    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(hashes: &[u32], serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        serializer.serialize_bytes(&bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
        deserializer.deserialize_bytes(Bytes)
    }

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u32>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("four bytes a hash")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u32>, E> {
            let (hashes, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return Err(E::invalid_length(bytes.len(), &self));
            }
            Ok(hashes.iter().map(|hash| u32::from_le_bytes(*hash)).collect())
        }
    }
}

/// Collects the words of a text in their order; see [`Mentions::builder`].
#[derive(Debug, Default)]
pub struct MentionsBuilder {
    found: Mentions,
    /// The word before, and whether a dot follows it: what the next word makes a pair with.
    before: Option<u32>,
    dotted: bool,
}

impl MentionsBuilder {
    /// A word without quotes, or the digits of a number.
    pub fn word(&mut self, word: &str) {
        let hash = word_hash(word);
        self.found.words.push(hash);
        if let Some(first) = self.before.filter(|_| self.dotted) {
            self.found.pairs.push(pair_hash(first, hash));
        }
        (self.before, self.dotted) = (Some(hash), false);
    }

    /// What stands between the quotes of a name.
    pub fn quoted(&mut self, body: &str) {
        self.inside(body);
        self.path(body);
        self.word(body);
    }

    /// What stands between the quotes of a text.
    pub fn literal(&mut self, body: &str) {
        let body = body.trim_matches(['\'', '"']);
        self.found.words.push(word_hash(body));
        self.inside(body);
        self.path(body);
        (self.before, self.dotted) = (None, false);
    }

    /// Any other significant byte.
    pub fn sign(&mut self, sign: u8) {
        match sign {
            b'.' => self.dotted = self.before.is_some(),
            _ => (self.before, self.dotted) = (None, false),
        }
    }

    /// All that was found.
    pub fn finish(mut self) -> Mentions {
        self.found.sort();
        self.found
    }

    fn token(&mut self, token: &Token) {
        match &token.kind {
            TokenKind::Word { value, quote: None } => self.word(value),
            TokenKind::Word { value, quote: Some(_) } => self.quoted(value),
            TokenKind::String(text) => self.literal(text),
            TokenKind::Symbol(symbol) => self.sign(if symbol == "." { b'.' } else { b' ' }),
            // Tokenisers do not agree on whether the dot of `1.e` belongs to the number.
            TokenKind::Number(number) => {
                for (index, digits) in number.split('.').enumerate() {
                    (0..index.min(1)).for_each(|_| self.sign(b'.'));
                    if !digits.is_empty() {
                        self.word(digits);
                    }
                }
            }
            TokenKind::Space | TokenKind::Comment(_) => {}
        }
    }

    /// Words and pairs inside a literal: a query may be in there, or a table's name.
    fn inside(&mut self, text: &str) {
        let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.' | '$');
        for chain in text.split(|character: char| !is_part(character)).filter(|chain| !chain.is_empty()) {
            let mut before = None;
            for part in chain.split('.') {
                let hash = word_hash(part);
                self.found.words.push(hash);
                if let Some(before) = before.replace(hash) {
                    self.found.pairs.push(pair_hash(before, hash));
                }
            }
        }
    }

    fn path(&mut self, text: &str) {
        if text.len() >= 3 && text.contains(['.', '/']) {
            self.found.paths.push(text.to_owned());
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
    use crate::sql::{Dialect, Query, Template, tokenize};

    fn mentions(sql: &str, dialect: Dialect, name: &str) -> bool {
        let tokens = tokenize(sql, dialect).expect("tokens");
        let mentions = Mentions::of(tokens.iter());
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
