//! The CTEs in front of a query, and whether rows come in an order: by the words of the text, so that it holds for whatever
//! DuckDB takes.

use std::ops::Range;

use crate::sql::{Dialect, Token, TokenKind, tokenize};

/// The clause before a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithClause {
    /// Where it ends and the query itself begins, in bytes.
    pub end: usize,
    /// Its CTEs, in order.
    pub ctes: Vec<Cte>,
}

/// One CTE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cte {
    /// Its name without quotes.
    pub name: String,
    /// All of it in bytes, from its name to the parenthesis that ends it.
    pub whole: Range<usize>,
    /// Its query in bytes, without the parentheses around it.
    pub body: Range<usize>,
}

/// The CTEs of a query that begins with `WITH`; `None` for any other.
pub fn with_clause(sql: &str) -> Option<WithClause> {
    let tokens = significant(sql);
    let mut rest = tokens.as_slice().strip_prefix_word("with")?;
    rest = rest.strip_prefix_word("recursive").unwrap_or(rest);
    let mut ctes = Vec::new();
    loop {
        let (first, after) = rest.split_first()?;
        let TokenKind::Word { value: name, .. } = &first.kind else { return None };
        // Between the name and its query are at most names of columns, keys and hints.
        let (_, after) = until_word(after, "as")?;
        let open = after.iter().position(|token| token.is_symbol("("))?;
        let close = closing(&after[open..])? + open;
        let whole = first.range.start..after[close].range.end;
        ctes.push(Cte { name: name.clone(), whole, body: after[open].range.end..after[close].range.start });
        rest = &after[close + 1..];
        match rest.split_first()? {
            (token, after) if token.is_symbol(",") => rest = after,
            (token, _) => return Some(WithClause { end: token.range.start, ctes }),
        }
    }
}

/// A query in which some of its CTEs are others; `instead` gives them as `name AS (query)`.
pub fn with_other_ctes(sql: &str, instead: &dyn Fn(&Cte) -> Option<String>) -> String {
    let mut written = String::new();
    let mut done = 0;
    for cte in with_clause(sql).iter().flat_map(|clause| &clause.ctes) {
        if let Some(other) = instead(cte) {
            written.push_str(&sql[done..cte.whole.start]);
            written.push_str(&other);
            done = cte.whole.end;
        }
    }
    written + &sql[done..]
}

/// Whether a query says `ORDER BY` at its top, so that the order of its rows counts.
pub fn is_ordered(sql: &str) -> bool {
    let tokens = significant(sql);
    let mut depth = 0_usize;
    tokens.iter().enumerate().any(|(place, token)| {
        if is_open(token) {
            depth += 1;
        } else if is_close(token) {
            depth = depth.saturating_sub(1);
        }
        depth == 0 && token.is_word("order") && tokens.get(place + 1).is_some_and(|next| next.is_word("by"))
    })
}

fn significant(sql: &str) -> Vec<Token> {
    let mut tokens = tokenize(sql, Dialect::DuckDb).unwrap_or_default();
    tokens.retain(Token::is_significant);
    tokens
}

trait Words {
    /// What is behind this word, where the tokens begin with it.
    fn strip_prefix_word(&self, word: &str) -> Option<&[Token]>;
}

impl Words for [Token] {
    fn strip_prefix_word(&self, word: &str) -> Option<&[Token]> {
        self.split_first().filter(|(first, _)| first.is_word(word)).map(|(_, rest)| rest)
    }
}

/// The tokens before and behind a word outside of brackets.
fn until_word<'t>(tokens: &'t [Token], word: &str) -> Option<(&'t [Token], &'t [Token])> {
    let mut depth = 0_usize;
    let place = tokens.iter().position(|token| {
        if is_open(token) {
            depth += 1;
        } else if is_close(token) {
            depth = depth.saturating_sub(1);
        }
        depth == 0 && token.is_word(word)
    })?;
    Some((&tokens[..place], &tokens[place + 1..]))
}

/// Where the bracket closes that the tokens begin with.
fn closing(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.iter().position(|token| {
        if is_open(token) {
            depth += 1;
        } else if is_close(token) {
            depth = depth.saturating_sub(1);
        }
        depth == 0
    })
}

fn is_open(token: &Token) -> bool {
    ["(", "[", "{"].iter().any(|mark| token.is_symbol(mark))
}

fn is_close(token: &Token) -> bool {
    [")", "]", "}"].iter().any(|mark| token.is_symbol(mark))
}
