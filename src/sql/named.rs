//! The names of models anywhere in a text: bare, in quotes, and inside texts that an engine runs as a query.
//!
//! A name that stands here may still mean something else; who asks wants to miss none.

use std::collections::BTreeSet;

use super::{Dialect, Token, TokenKind};
use crate::ids::ModelName;

/// Dotted names anywhere in the tokens, string literals included, that a model has (research: soundness, W11).
pub fn names_in(
    tokens: &[Token],
    dialect: Dialect,
    known: &dyn Fn(&ModelName) -> bool,
    found: &mut BTreeSet<ModelName>,
) {
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let mut index = 0;
    while index < significant.len() {
        if let TokenKind::String(text) = &significant[index].kind {
            names_in_text(text, dialect, known, found);
        }
        // A word alone is no name of two parts.
        if !significant.get(index + 1).is_some_and(|next| next.is_symbol(".")) {
            index += 1;
            continue;
        }
        let mut parts = Vec::new();
        let mut end = index;
        while let Some(TokenKind::Word { value, quote }) = significant.get(end).map(|token| &token.kind) {
            parts.push(dialect.fold(value, quote.is_some()));
            if !significant.get(end + 1).is_some_and(|token| token.is_symbol(".")) {
                break;
            }
            end += 2;
        }
        insert_known(&parts, known, found);
        index = end.max(index) + 1;
    }
}

fn names_in_text(text: &str, dialect: Dialect, known: &dyn Fn(&ModelName) -> bool, found: &mut BTreeSet<ModelName>) {
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.' | '$');
    for word in text.split(|character: char| !is_part(character)).filter(|word| word.contains('.')) {
        let parts: Vec<String> = word.split('.').map(|part| dialect.fold(part, false)).collect();
        insert_known(&parts, known, found);
    }
}

/// Whether a text of the query is read as a query or as the name of a table (research: soundness, #24).
pub fn calls_a_query(tokens: &[Token]) -> bool {
    tokens.iter().any(|token| token.is_word("query") || token.is_word("query_table"))
}

/// The models that the texts of DuckDB's `query('…')` and `query_table('…')` name, each with the byte where its text
/// begins. Nothing can be put in their place there.
pub fn named_in_texts(
    tokens: &[Token],
    dialect: Dialect,
    known: &dyn Fn(&ModelName) -> bool,
) -> Vec<(ModelName, usize)> {
    let mut found = Vec::new();
    if dialect != Dialect::DuckDb {
        return found;
    }
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    // How many parentheses are open since that of the call.
    let mut depth = 0_usize;
    for (index, token) in significant.iter().enumerate() {
        let is_call = index > 0 && calls_a_query(std::slice::from_ref(significant[index - 1]));
        if token.is_symbol("(") && (depth > 0 || is_call) {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        if let (TokenKind::String(text), true) = (&token.kind, depth > 0) {
            let mut names = BTreeSet::new();
            names_in_text(text, dialect, known, &mut names);
            single_names_in(std::slice::from_ref(token), dialect, known, &mut names);
            found.extend(names.into_iter().map(|name| (name, token.range.start)));
        }
    }
    found
}

/// Models without a schema, where nothing tells a table from another word: every word counts, and every text.
pub fn single_names_in(
    tokens: &[Token],
    dialect: Dialect,
    known: &dyn Fn(&ModelName) -> bool,
    found: &mut BTreeSet<ModelName>,
) {
    let mut look = |word: &str, quoted: bool| insert_single(dialect.fold(word, quoted), known, found);
    for token in tokens {
        match &token.kind {
            TokenKind::Word { value, quote } => look(value, quote.is_some()),
            TokenKind::String(text) => {
                let is_part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
                text.split(|character: char| !is_part(character)).for_each(|word| look(word, false));
            }
            _ => {}
        }
    }
}

fn insert_single(word: String, known: &dyn Fn(&ModelName) -> bool, found: &mut BTreeSet<ModelName>) {
    found.extend(ModelName::from_parts(vec![word]).filter(|name| known(name)));
}

/// `a.b.c` may be a table, or a column `c` of the table `a.b`.
fn insert_known(parts: &[String], known: &dyn Fn(&ModelName) -> bool, found: &mut BTreeSet<ModelName>) {
    for length in 2..=parts.len().min(3) {
        if let Some(name) = ModelName::from_parts(parts[..length].to_vec()).filter(|name| known(name)) {
            found.insert(name);
        }
    }
}
