//! The names of models anywhere in a text: bare, in quotes, and inside texts that an engine runs as a query.
//!
//! A name that stands here may still mean something else; who asks wants to miss none.

use std::collections::BTreeSet;

use super::relations::FromLists;
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

/// Whether a text is read as a query or as the name of a table.
pub(super) fn reads_by_text(tokens: &[Token], dialect: Dialect) -> bool {
    let has_text = dialect == Dialect::DuckDb && tokens.iter().any(|token| matches!(token.kind, TokenKind::String(_)));
    tokens.iter().any(is_query_word) || (has_text && !texts_as_tables(&significant(tokens)).is_empty())
}

/// What a text has an engine read, where nothing can be put in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InText {
    /// A model, by its name.
    Model(ModelName),
    /// What an expression gives: nobody knows what.
    Computed,
}

/// What the texts of DuckDB's `query('…')` and `query_table('…')`, and those that stand for a table (`FROM 'name'`), read of
/// these models, each with the byte where the text or call begins.
pub fn named_in_texts(tokens: &[Token], dialect: Dialect, known: &dyn Fn(&ModelName) -> bool) -> Vec<(InText, usize)> {
    let mut found = Vec::new();
    if dialect != Dialect::DuckDb {
        return found;
    }
    let significant = significant(tokens);
    for token in texts_as_tables(&significant) {
        let only = ModelName::from_parts(vec![dialect.fold(&token.plain_string().unwrap_or_default(), true)]);
        found.extend(only.filter(|name| known(name)).map(|name| (InText::Model(name), token.range.start)));
    }
    // Where the call around ends; one inside of another is part of its argument.
    let mut end = 0;
    for index in 0..significant.len().saturating_sub(1) {
        if index < end || !is_query_word(significant[index]) || !significant[index + 1].is_symbol("(") {
            continue;
        }
        end = closing(&significant, index + 1);
        let argument = &significant[index + 2..end];
        for token in argument {
            let TokenKind::String(text) = &token.kind else { continue };
            let mut names = BTreeSet::new();
            names_in_text(text, dialect, &|name| known(name) || known(&without_first(name)), &mut names);
            single_names_in(std::slice::from_ref(*token), dialect, known, &mut names);
            found.extend(names.into_iter().map(|name| (InText::Model(name), token.range.start)));
        }
        if is_computed(&significant, index, end) {
            found.push((InText::Computed, significant[index].range.start));
        }
    }
    found
}

/// `w.s.m` may be `s.m` with the catalog that it is in anyway.
fn without_first(name: &ModelName) -> ModelName {
    let short = name.catalog().and_then(|_| ModelName::from_parts(name.parts()[1..].to_vec()));
    short.unwrap_or_else(|| name.clone())
}

fn significant(tokens: &[Token]) -> Vec<&Token> {
    tokens.iter().filter(|token| token.is_significant()).collect()
}

fn is_query_word(token: &Token) -> bool {
    token.is_word("query") || token.is_word("query_table")
}

/// The place of the parenthesis that closes the one at `open`, or the end.
fn closing(tokens: &[&Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len()
}

/// Whether the argument of the call at `index` is more than texts and lists of them. A name alone is a parameter where the call
/// stands for a table; `query (a, b)` is also how an alias or a CTE lists its columns.
fn is_computed(tokens: &[&Token], index: usize, end: usize) -> bool {
    let argument = &tokens[index + 2..end.min(tokens.len())];
    let is_word = |token: &&Token| match &token.kind {
        TokenKind::Word { .. } => !["true", "false", "by_name"].iter().any(|word| token.is_word(word)),
        _ => false,
    };
    let is_plain = |token: &&Token| match &token.kind {
        TokenKind::String(_) | TokenKind::Word { .. } => true,
        TokenKind::Symbol(sign) => matches!(sign.as_str(), "," | "[" | "]" | ":=" | ":" | "=" | "=>"),
        TokenKind::Number(_) | TokenKind::Space | TokenKind::Comment(_) => false,
    };
    let before = index.checked_sub(1).map(|before| tokens[before]);
    let is_from = before.is_some_and(|before| before.is_word("from") || before.is_word("join"));
    let is_listed = before.is_some_and(|before| before.is_symbol(","))
        && !tokens.get(end + 1).is_some_and(|next| next.is_word("as"));
    !argument.iter().all(is_plain) || ((is_from || is_listed) && argument.iter().any(is_word))
}

/// The texts that stand where a table would: DuckDB looks for a table, then for a file, of that name.
fn texts_as_tables<'t>(tokens: &[&'t Token]) -> Vec<&'t Token> {
    let mut lists = FromLists::default();
    let mut found = Vec::new();
    let (mut is_next, mut before) = (false, None);
    for token in tokens {
        if is_next && matches!(token.kind, TokenKind::String(_)) {
            found.push(*token);
        }
        // `IS DISTINCT FROM 'x'` compares.
        let is_word = (token.is_word("from") || token.is_word("join"))
            && !before.is_some_and(|before: &Token| before.is_word("distinct"));
        is_next = lists.goes_on(token) || is_word || (is_next && token.is_symbol("("));
        before = Some(*token);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::tokenize;

    fn found(text: &str) -> Vec<String> {
        let tokens = tokenize(text, Dialect::DuckDb).expect("tokens");
        let known = |name: &ModelName| ["s.m", "eu"].contains(&name.to_string().as_str());
        let found = named_in_texts(&tokens, Dialect::DuckDb, &known).into_iter();
        found
            .map(|(read, at)| match read {
                InText::Model(name) => format!("{at} {name}"),
                InText::Computed => format!("{at} computed"),
            })
            .collect()
    }

    #[test]
    fn a_text_that_stands_for_a_table_names_it() {
        for (text, expected) in [
            ("SELECT * FROM 'eu'", vec!["14 eu"]),
            ("SELECT * FROM a, ('EU' b) JOIN 'eu' USING (x)", vec!["18 eu", "31 eu"]),
            ("SELECT * FROM a WHERE x IN ('a', 'eu') AND y IS DISTINCT FROM 'eu'", vec![]),
            ("SELECT * FROM f('x', 'eu'), 'data.csv'", vec![]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_query_reads_is_plain() {
        for (text, expected) in [
            ("FROM query('FROM s.m')", vec!["11 s.m"]),
            ("FROM query('FROM w.s.m')", vec!["11 w.s.m"]),
            ("FROM query_table(['eu', 'x'], by_name := true)", vec!["18 eu"]),
            ("FROM query('FROM s' || '.m')", vec!["5 computed"]),
            ("FROM query(concat('FROM s', '.m'))", vec!["5 computed"]),
            ("FROM a, query(getvariable('x'))", vec!["8 computed"]),
            ("CREATE MACRO f(x) AS TABLE FROM query(x)", vec!["32 computed"]),
            ("WITH query (a, b) AS (SELECT 1, 2), query_table (a) AS (SELECT 1) SELECT 1 FROM t AS query(a)", vec![]),
            ("SELECT query FROM log", vec![]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
