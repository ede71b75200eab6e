//! The project's statements beside queries, by what they mention: a table that no model owns may be written by one.
//!
//! Only that a statement mentions a table is known; that costs a build where it only reads it, never a wrong reuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::statements::hash_tokens;
use crate::graph::{is_harmless, statement_tokens};
use crate::hash::{Digest, Hasher};
use crate::ids::ModelName;
use crate::model::Model;
use crate::sql::{Dialect, FunctionClass, Token, TokenKind, function_class};

/// Every statement of a project that may change data, in the order of its models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutsideStatements {
    digests: Vec<Digest>,
    /// By word, folded as the statement's dialect folds: the statements that hold it.
    words: BTreeMap<String, BTreeSet<usize>>,
    /// Lower-case texts that may hold any name: literals, and statements that cannot be cut into tokens.
    texts: Vec<(String, usize)>,
}

impl OutsideStatements {
    /// The statements of all models.
    pub fn of(models: &BTreeMap<ModelName, Arc<Model>>) -> Self {
        let mut all = Self::default();
        for model in models.values() {
            for statement in model.pre_statements.iter().chain(&model.post_statements) {
                all.add(model, &statement.text(), &statement_tokens(statement, model.dialect));
            }
        }
        all
    }

    fn add(&mut self, model: &Model, text: &str, tokens: &[Token]) {
        if is_harmless(tokens) || sets_its_session(tokens) || fills_its_session(tokens, model.dialect) {
            return;
        }
        let place = self.digests.len();
        self.digests.push(hash_tokens(text, tokens));
        if tokens.is_empty() {
            self.texts.push((text.to_lowercase(), place));
        }
        for token in tokens {
            match &token.kind {
                TokenKind::Word { value, quote } => {
                    let word = model.dialect.fold(value, quote.is_some());
                    self.words.entry(word).or_default().insert(place);
                }
                TokenKind::String(text) => self.texts.push((text.to_lowercase(), place)),
                _ => {}
            }
        }
    }

    /// The digest of the statements that mention the last part of a name; `None` where none does.
    pub fn writes(&self, name: &ModelName) -> Option<Digest> {
        if self.digests.is_empty() {
            return None;
        }
        let lower = name.table().to_lowercase();
        let in_texts = self.texts.iter().filter(|(text, _)| holds_name(text, &lower)).map(|(_, place)| *place);
        let places: BTreeSet<usize> =
            self.words.get(name.table()).into_iter().flatten().copied().chain(in_texts).collect();
        let digests = places.iter().filter_map(|place| self.digests.get(*place).copied());
        (!places.is_empty()).then(|| Hasher::new("writes").digests(digests).finish())
    }

    /// All of them and what they mention, as one digest.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new("outside statements").digests(self.digests.iter().copied());
        for (word, places) in &self.words {
            hasher = hasher.text(word).number(places.len() as u64);
            hasher = places.iter().fold(hasher, |hasher, place| hasher.number(*place as u64));
        }
        hasher.finish()
    }
}

/// `SET name = 'text'` acts on the model's own session, and is one of its own statements: no table is written by it.
fn sets_its_session(tokens: &[Token]) -> bool {
    let mut significant = tokens.iter().filter(|token| token.is_significant());
    let is_set = significant.next().is_some_and(|token| token.is_word("set") || token.is_word("reset"));
    is_set && significant.all(|token| !token.is_symbol("(") && !token.is_word("global"))
}

/// DuckDB's `CREATE TEMP TABLE … AS` and `CREATE TEMP MACRO` live in one session and write nowhere else, unless a function
/// does that nobody knows.
fn fills_its_session(tokens: &[Token], dialect: Dialect) -> bool {
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let word = |token: &&Token| match &token.kind {
        TokenKind::Word { value, quote: None } => value.to_lowercase(),
        _ => String::new(),
    };
    let words: Vec<String> = significant.iter().map(word).collect();
    let mut head = words.iter().map(String::as_str).skip_while(|word| ["create", "or", "replace"].contains(word));
    let is_temporary = words.first().is_some_and(|word| word == "create")
        && matches!(head.next(), Some("temp" | "temporary"))
        && matches!(head.next(), Some("table" | "view" | "macro" | "function"));
    // What is made has its name before the first AS; what it is made of stands behind.
    let behind = words.iter().position(|word| word == "as").unwrap_or(words.len());
    let is_call = |place: usize| significant.get(place + 1).is_some_and(|next| next.is_symbol("("));
    let is_known = |place: usize| {
        let is_word = matches!(significant[place].kind, TokenKind::Word { .. });
        !is_word || !is_call(place) || is_plain_before_parenthesis(&words[place], dialect)
    };
    dialect == Dialect::DuckDb && is_temporary && (behind..words.len()).all(is_known)
}

/// A keyword, or a function that only gives a value.
fn is_plain_before_parenthesis(word: &str, dialect: Dialect) -> bool {
    #[rustfmt::skip]
    const KEYWORDS: [&str; 24] = [
        "all", "and", "as", "by", "columns", "except", "exclude", "exists", "filter", "from", "in", "intersect", "join",
        "lateral", "not", "on", "or", "over", "rename", "replace", "select", "union", "using", "values",
    ];
    KEYWORDS.contains(&word) || function_class(dialect, word).is_some_and(|class| class != FunctionClass::Volatile)
}

/// Whether a text holds a name as a word of its own: what writes a table has it so.
fn holds_name(text: &str, name: &str) -> bool {
    let goes_on = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    text.match_indices(name).any(|(place, _)| {
        let (before, after) = (text[..place].chars().next_back(), text[place + name.len()..].chars().next());
        !goes_on(before) && !goes_on(after)
    })
}
