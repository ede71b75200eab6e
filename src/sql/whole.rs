//! DuckDB's statements that stand as a query in FROM: `(PIVOT t ON …)`, `(UNPIVOT t ON …)`, `(SUMMARIZE t)`, `(DESCRIBE t)`.
//! Our parser does not know them. What such a query shows is a function of all that its table shows and of the words
//! behind it, so the parser is given a call that says so: `(SELECT offshoot__whole('the words') FROM t)`, every name of a
//! table in its own place. The text that runs stays the author's.

use std::ops::Range;

use sqlparser::tokenizer::{Token as Known, TokenWithSpan};

use super::parse::{is_significant, word_of};
use super::template::TIME_FUNCTION;
use super::{Dialect, FunctionClass, function_class};

/// The call that stands for such a query.
pub(super) const WHOLE_FUNCTION: &str = "offshoot__whole";

/// Words that may stand before a parenthesis and call nothing.
const NO_CALLS: [&str; 7] = ["in", "on", "using", "by", "columns", "exclude", "as"];
/// Words that begin a query.
const QUERIES: [&str; 4] = ["select", "with", "from", "values"];
/// In the words behind the table these would hide a table, or a part of FROM.
const HIDING: [&str; 8] = ["select", "from", "pivot", "unpivot", "summarize", "describe", "table", "join"];

/// The words that begin such a query.
const WORDS: [&str; 4] = ["pivot", "unpivot", "summarize", "describe"];

/// Rewrites such a query whose first word is at this place; nothing where it is not one, or not surely. Tells how many
/// tokens stand before its table then.
pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>, place: usize) -> Option<usize> {
    // Asked of every token, so nothing is made before it is one of the words.
    let Known::Word(known) = &tokens[place].token else { return None };
    if !WORDS.iter().any(|word| known.value.eq_ignore_ascii_case(word)) {
        return None;
    }
    let word = word_of(&tokens[place].token)?;
    let opens = tokens[..place].iter().rfind(|token| is_significant(&token.token))?.token == Known::LParen;
    let end = closing(tokens, place)?;
    let source = place + 1..match word.as_str() {
        "pivot" | "unpivot" => at_top(tokens, place + 1..end, "on")?,
        _ => end,
    };
    let behind = source.end..end;
    if !opens || !is_source(tokens, source.clone()) || !is_plain(tokens, behind.clone()) {
        return None;
    }
    let span = tokens[place].span;
    let said: Vec<String> = std::iter::once(place).chain(behind.clone()).filter_map(|at| text_of(tokens, at)).collect();
    let put = |token| TokenWithSpan::new(token, span);
    let call = [
        Known::make_keyword("SELECT"),
        Known::make_word(WHOLE_FUNCTION, None),
        Known::LParen,
        Known::SingleQuotedString(said.join(" ")),
        Known::RParen,
        Known::make_keyword("FROM"),
    ];
    let first = first_of(tokens, source.clone()).and_then(|at| word_of(&tokens[at].token));
    let is_query = first.is_some_and(|word| QUERIES.contains(&word.as_str()));
    let put_before = call.len();
    let mut new: Vec<TokenWithSpan> = call.into_iter().map(put).collect();
    new.extend(is_query.then(|| put(Known::LParen)));
    new.extend(tokens[source].iter().cloned());
    new.extend(is_query.then(|| put(Known::RParen)));
    if behind.is_empty() {
        // A table that is summarized has no alias, and must get none.
        new.extend([Known::make_keyword("AS"), Known::make_word("offshoot__it", None)].map(put));
    }
    tokens.splice(place..end, new);
    Some(put_before)
}

/// The place of the parenthesis that closes the one before.
fn closing(tokens: &[TokenWithSpan], from: usize) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.token {
            Known::LParen => depth += 1,
            Known::RParen if depth == 0 => return Some(at),
            Known::RParen => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The first place of a word outside any parentheses.
fn at_top(tokens: &[TokenWithSpan], range: Range<usize>, wanted: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for at in range {
        match &tokens[at].token {
            Known::LParen => depth += 1,
            Known::RParen => depth = depth.checked_sub(1)?,
            token if depth == 0 && word_of(token).as_deref() == Some(wanted) => return Some(at),
            _ => {}
        }
    }
    None
}

fn first_of(tokens: &[TokenWithSpan], range: Range<usize>) -> Option<usize> {
    range.into_iter().find(|at| is_significant(&tokens[*at].token))
}

fn text_of(tokens: &[TokenWithSpan], at: usize) -> Option<String> {
    is_significant(&tokens[at].token).then(|| tokens[at].token.to_string())
}

/// One table or one query, no join and no list.
fn is_source(tokens: &[TokenWithSpan], range: Range<usize>) -> bool {
    let is_comma = |at: usize| tokens[at].token == Known::Comma;
    let Some(first) = first_of(tokens, range.clone()) else { return false };
    let word = word_of(&tokens[first].token);
    if word.as_ref().is_some_and(|word| QUERIES.contains(&word.as_str())) {
        return true;
    }
    let mut depth = 0_u32;
    for at in range.clone() {
        match &tokens[at].token {
            Known::LParen => depth += 1,
            Known::RParen => depth = depth.saturating_sub(1),
            _ if depth == 0 && is_comma(at) => return false,
            _ => {}
        }
    }
    let odd = ["include", "table", "lateral"];
    !word.is_some_and(|word| odd.contains(&word.as_str())) && at_top(tokens, range, "join").is_none()
}

/// Whether the words behind the table name no other table, draw nothing and depend on no order of rows.
fn is_plain(tokens: &[TokenWithSpan], range: Range<usize>) -> bool {
    let mut calls = None;
    for at in range.filter(|at| is_significant(&tokens[*at].token)) {
        let token = &tokens[at].token;
        if let (Known::LParen, Some(name)) = (token, calls.take())
            && !NO_CALLS.contains(&String::as_str(&name))
            && !matches!(function_class(Dialect::DuckDb, &name), Some(FunctionClass::Aggregate | FunctionClass::Scalar))
        {
            return false;
        }
        calls = word_of(token);
        if calls.as_deref().is_some_and(|word| HIDING.contains(&word) || word == TIME_FUNCTION || word == "age") {
            return false;
        }
    }
    true
}
