//! Values of a `MODEL` block as slices of tokens, with the readings that properties need.
//!
//! Nesting is counted, never followed by recursion, so no depth of parentheses is too deep.

use crate::ids::FilePath;
use crate::problem::{Positions, Problem};
use crate::sql::{Constant, Dialect, Token, TokenKind, evaluate};
use crate::yaml::Place;

/// The text that tokens belong to, and how its places are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    /// The file that problems name.
    pub(super) path: &'a FilePath,
    /// The text that token ranges point into.
    pub(super) text: &'a str,
    /// Where its lines begin.
    pub(super) positions: &'a Positions,
    /// The place of every problem, where the text is no file but a default of the configuration.
    pub(super) fixed: Option<Place>,
}

impl<'a> Source<'a> {
    /// The line and column of a byte.
    pub(super) fn place(&self, offset: usize) -> Place {
        self.fixed.unwrap_or_else(|| {
            let (line, column) = self.positions.at(self.text, offset);
            Place { line, column }
        })
    }

    /// A problem that stops apply and promote, at a byte of the text.
    pub(super) fn error(&self, code: &'static str, offset: usize, message: impl Into<String>) -> Problem {
        self.locate(Problem::error(code, message), offset)
    }

    /// A problem that is only shown, at a byte of the text.
    pub(super) fn warning(&self, code: &'static str, offset: usize, message: impl Into<String>) -> Problem {
        self.locate(Problem::warning(code, message), offset)
    }

    /// A text that an editor or a program wrote in an encoding of two bytes, or no text.
    pub(super) fn nul(&self, offset: usize) -> Problem {
        self.error("nul-character", offset, "the file holds a NUL character")
            .help("save it as UTF-8, without that sign")
    }

    /// A value made of tokens; white space and comments around it are left out.
    pub(super) fn value(&self, tokens: &'a [Token], fallback: usize) -> Value<'a> {
        let first = tokens.iter().position(Token::is_significant).unwrap_or(tokens.len());
        let last = tokens.iter().rposition(Token::is_significant).map_or(first, |index| index + 1);
        let tokens = &tokens[first..last.max(first)];
        let offset = tokens.first().map_or(fallback, |token| token.range.start);
        Value { text: self.text, tokens, offset }
    }

    /// A problem at a byte of the text.
    pub(super) fn locate(&self, problem: Problem, offset: usize) -> Problem {
        let place = self.place(offset);
        problem.at(self.path).position(place.line, place.column)
    }
}

/// Tokens of one value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    text: &'a str,
    /// The tokens; the first and the last are significant.
    pub(super) tokens: &'a [Token],
    /// The first byte in the text, for problems.
    pub(super) offset: usize,
}

/// A `key value`, `key = value` or `key := value`.
#[derive(Clone, Debug)]
pub(super) struct Pair<'a> {
    /// The key, lower case.
    pub(super) key: String,
    /// The key as written.
    pub(super) written: String,
    /// Where it stands.
    pub(super) offset: usize,
    /// Its value, which may be empty.
    pub(super) value: Value<'a>,
}

impl<'a> Value<'a> {
    /// Whether nothing is there.
    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The text as written, comments dropped and white space folded to one blank.
    pub(super) fn folded(&self) -> String {
        self.folded_of(self.tokens.iter())
    }

    /// The same without the commas that SQLMesh's parser passes over: before another one, at the end of a list, and before WHEN.
    pub(super) fn without_spare_commas(&self) -> String {
        let mut kept = vec![true; self.tokens.len()];
        let mut next: Option<&Token> = None;
        for (place, token) in self.tokens.iter().enumerate().rev().filter(|(_, token)| token.is_significant()) {
            let ends =
                |next: &Token| next.is_word("when") || [",", ")", "]", "}"].iter().any(|sign| next.is_symbol(sign));
            kept[place] = !token.is_symbol(",") || !next.is_none_or(ends);
            if kept[place] {
                next = Some(token);
            }
        }
        self.folded_of(self.tokens.iter().zip(kept).filter(|(_, kept)| *kept).map(|(token, _)| token))
    }

    fn folded_of(&self, tokens: impl Iterator<Item = &'a Token>) -> String {
        let mut folded = String::new();
        let mut gap = false;
        for token in tokens {
            if !token.is_significant() {
                gap = !folded.is_empty();
                continue;
            }
            if std::mem::take(&mut gap) {
                folded.push(' ');
            }
            folded.push_str(self.text.get(token.range.clone()).unwrap_or_default());
        }
        folded
    }

    /// One string without its quotes, one word without its quotes, or anything else as written; lists are none.
    pub(super) fn scalar(&self) -> Option<String> {
        match self.tokens {
            [] => None,
            [Token { kind: TokenKind::Word { value, quote: Some(quote) }, .. }] => {
                Some(value.replace(&format!("{quote}{quote}"), &quote.to_string()))
            }
            [Token { kind: TokenKind::Word { value, quote: None }, .. }] => Some(value.clone()),
            [token] => Some(unquoted(token).unwrap_or_else(|| self.folded())),
            _ if self.wrapped().is_some() => None,
            _ => Some(self.folded()),
        }
    }

    /// Whether a macro or variable is in it, outside strings.
    pub(super) fn macro_at(&self) -> Option<usize> {
        let is_macro = |token: &&Token| match &token.kind {
            TokenKind::Symbol(symbol) => symbol == "@",
            TokenKind::Word { value, .. } => value.starts_with('@'),
            _ => false,
        };
        self.tokens.iter().find(is_macro).map(|token| token.range.start)
    }

    /// What is inside the parentheses or brackets that stand around the whole value; `ARRAY[a, b]` is `[a, b]`, as for SQLMesh.
    fn wrapped(&self) -> Option<&'a [Token]> {
        let tokens = match self.tokens {
            [first, rest @ ..] if first.is_word("array") && rest.first().is_some_and(|open| open.is_symbol("[")) => {
                rest
            }
            tokens => tokens,
        };
        let first = tokens.first()?;
        if !(first.is_symbol("(") || first.is_symbol("[")) {
            return None;
        }
        let end = closing(tokens, 0)?;
        (end + 1 == tokens.len()).then(|| &tokens[1..end])
    }

    /// `true`, `'false'`, `1`, or a comparison of constants such as `(1 = 1)`. A name is no constant: one that is misspelt decides nothing.
    pub(super) fn flag(&self, dialect: Dialect) -> Option<bool> {
        if let Some(flag) = self.scalar().as_deref().and_then(truth) {
            return Some(flag);
        }
        let is_name = |token: &Token| {
            matches!(token.kind, TokenKind::Word { .. })
                && !["true", "false", "and", "or", "not"].iter().any(|word| token.is_word(word))
        };
        if self.tokens.iter().any(is_name) {
            return None;
        }
        match evaluate(&self.folded(), dialect) {
            Ok(Constant::Bool(flag)) => Some(flag),
            _ => None,
        }
    }

    /// Without an `@` before it.
    pub(super) fn without_at(&self) -> Self {
        match self.tokens.split_first() {
            Some((first, rest)) if first.is_symbol("@") => Self { tokens: rest, ..*self },
            _ => *self,
        }
    }

    /// Whether parentheses or brackets stand around the whole value.
    pub(super) fn is_list(&self) -> bool {
        self.wrapped().is_some()
    }

    /// The items of `(a, b)`, `[a, b]` or `ARRAY[a, b]`; a value without parentheses is a list of one. Trailing commas are fine.
    pub(super) fn items(&self) -> Vec<Self> {
        match self.wrapped() {
            Some(inside) => self.split(inside),
            None if self.is_empty() => Vec::new(),
            None => vec![*self],
        }
    }

    /// The pairs of `(a 1, b = 2, c := 3)`; an item that begins with no name is an error at its byte.
    pub(super) fn pairs(&self) -> Result<Vec<Pair<'a>>, usize> {
        self.items().into_iter().map(|item| item.pair().ok_or(item.offset)).collect()
    }

    /// The same where the value of one key has commas of its own and no parentheses around it, as SQLMesh reads
    /// `when_matched WHEN MATCHED THEN UPDATE SET a = b, c = d`: it goes on until an item begins with one of the keys.
    ///
    /// # Errors
    /// The byte of an item that begins with no name.
    pub(super) fn pairs_with(&self, long: &str, keys: &[&str]) -> Result<Vec<Pair<'a>>, usize> {
        let inside = self.wrapped().unwrap_or_default();
        // There may be very many.
        let place = |token: Option<&Token>| {
            let start = token.map(|token| token.range.start)?;
            inside.binary_search_by_key(&start, |token| token.range.start).ok()
        };
        let begins = |item: &Self, key: &str| item.tokens.first().is_some_and(|first| first.is_word(key));
        let mut items: Vec<Self> = Vec::new();
        for item in self.items() {
            let last = items.last_mut().filter(|last| {
                let second = last.tokens.iter().filter(|token| token.is_significant()).nth(1);
                begins(last, long) && second.is_some_and(|second| second.is_word("when"))
            });
            match last.filter(|_| !keys.iter().any(|key| begins(&item, key))) {
                Some(last) => {
                    if let (Some(start), Some(end)) = (place(last.tokens.first()), place(item.tokens.last())) {
                        last.tokens = &inside[start..=end];
                    }
                }
                None => items.push(item),
            }
        }
        items.into_iter().map(|item| item.pair().ok_or(item.offset)).collect()
    }

    /// Reads the value as one pair.
    pub(super) fn pair(&self) -> Option<Pair<'a>> {
        let (key, rest) = self.tokens.split_first()?;
        let written = match &key.kind {
            TokenKind::Word { value, .. } => value.clone(),
            TokenKind::String(_) => unquoted(key)?,
            _ => return None,
        };
        let begin = rest.iter().position(Token::is_significant).unwrap_or(rest.len());
        let assigned =
            rest.get(begin).is_some_and(|token| [":=", "=", ":", "=>"].iter().any(|sign| token.is_symbol(sign)));
        let rest = &rest[if assigned { begin + 1 } else { begin }..];
        let source = Value { text: self.text, tokens: rest, offset: key.range.end };
        Some(Pair { key: written.to_lowercase(), written, offset: self.offset, value: source.trimmed() })
    }

    /// The name and the arguments of `name` or `name(…)`.
    pub(super) fn call(&self) -> Option<(String, Self)> {
        let (name, rest) = self.tokens.split_first()?;
        let TokenKind::Word { value, .. } = &name.kind else { return None };
        let rest = Value { text: self.text, tokens: rest, offset: name.range.end }.trimmed();
        (rest.is_empty() || rest.is_list()).then(|| (value.to_lowercase(), rest))
    }

    fn trimmed(&self) -> Self {
        let first = self.tokens.iter().position(Token::is_significant).unwrap_or(self.tokens.len());
        let tokens = &self.tokens[first..];
        Self { text: self.text, tokens, offset: tokens.first().map_or(self.offset, |token| token.range.start) }
    }

    fn split(&self, inside: &'a [Token]) -> Vec<Self> {
        let whole = Value { text: self.text, tokens: inside, offset: self.offset };
        split_at_commas(inside)
            .into_iter()
            .map(|part| {
                let last = part.iter().rposition(Token::is_significant).map_or(0, |index| index + 1);
                Value { tokens: &part[..last], ..whole }.trimmed()
            })
            .filter(|item| !item.is_empty())
            .collect()
    }
}

/// The words that SQLMesh takes for true. It takes all others for false, of which these are meant.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "1" | "t" | "y" | "yes" | "on" => Some(true),
        "false" | "0" | "f" | "n" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Cuts tokens at commas outside parentheses, brackets and braces.
pub(super) fn split_at_commas(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_usize;
    let mut parts = Vec::new();
    let mut start = 0;
    for (index, token) in tokens.iter().enumerate() {
        depth = nested(depth, token);
        if depth == 0 && token.is_symbol(",") {
            parts.push(&tokens[start..index]);
            start = index + 1;
        }
    }
    parts.push(&tokens[start..]);
    parts
}

/// The depth after a token.
pub(super) fn nested(depth: usize, token: &Token) -> usize {
    let TokenKind::Symbol(symbol) = &token.kind else { return depth };
    match symbol.as_str() {
        "(" | "[" | "{" => depth + 1,
        ")" | "]" | "}" => depth.saturating_sub(1),
        _ => depth,
    }
}

/// The index of the token that closes the one at `open`.
pub(super) fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        depth = nested(depth, token);
        if depth == 0 {
            return Some(index);
        }
    }
    None
}

/// The body of a string literal in single or double quotes.
pub(super) fn unquoted(token: &Token) -> Option<String> {
    let TokenKind::String(text) = &token.kind else { return None };
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let body = text.strip_prefix(quote)?.strip_suffix(quote)?;
    Some(body.replace(&format!("{quote}{quote}"), &quote.to_string()))
}
