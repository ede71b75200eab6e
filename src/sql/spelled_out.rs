//! DuckDB's short forms that our parser does not know, spelled out for it: `FROM t WHERE x` as `SELECT * FROM t WHERE x`, and
//! `[x + 1 FOR x IN l IF x > 1]` as `list_transform(list_filter(l, x -> x > 1), x -> x + 1)`, which is what DuckDB makes of them. Each
//! token keeps its own place; the text that runs stays the author's.

use sqlparser::tokenizer::{Token as Known, TokenWithSpan};

use super::parse::{is_significant, word_of};

/// In deeper brackets nothing is spelled out; the parser refuses such a text, too.
const DEPTH_LIMIT: usize = 100;

/// The tokens with the short forms spelled out.
pub(super) fn spelled_out(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let has = |wanted: &str| {
        let is_it = |token: &TokenWithSpan| matches!(&token.token, Known::Word(word) if word.value.eq_ignore_ascii_case(wanted));
        tokens.iter().any(is_it)
    };
    let tokens = if has("for") && depth(&tokens) <= DEPTH_LIMIT { without_comprehensions(tokens) } else { tokens };
    let places = from_first(&tokens);
    if places.is_empty() {
        return tokens;
    }
    let mut places = places.into_iter().peekable();
    let mut spelled = Vec::with_capacity(tokens.len() + 2);
    for (place, token) in tokens.into_iter().enumerate() {
        if places.next_if_eq(&place).is_some() {
            let words = [Known::make_keyword("SELECT"), Known::Mul];
            spelled.extend(words.map(|word| TokenWithSpan::new(word, token.span)));
        }
        spelled.push(token);
    }
    spelled
}

fn is_open(token: &Known) -> bool {
    matches!(token, Known::LParen | Known::LBracket | Known::LBrace)
}

fn is_close(token: &Known) -> bool {
    matches!(token, Known::RParen | Known::RBracket | Known::RBrace)
}

fn depth(tokens: &[TokenWithSpan]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for token in tokens {
        depth =
            if is_open(&token.token) { depth + 1 } else { depth.saturating_sub(usize::from(is_close(&token.token))) };
        deepest = deepest.max(depth);
    }
    deepest
}

/// A query, or one side of a set operation, as far as it is read.
#[derive(Default)]
struct Part {
    begins: Begins,
    /// Its first FROM.
    from: Option<usize>,
    has_select: bool,
    /// Whether it has a clause that the parser takes after a SELECT alone.
    has_clause: bool,
}

/// With what a part begins.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Begins {
    #[default]
    Unknown,
    /// `FROM`, or a `WITH` before it.
    WithFrom,
    WithAnother,
}

impl Part {
    /// Where its SELECT is missing.
    fn missing(&self) -> Option<usize> {
        self.from.filter(|_| self.begins == Begins::WithFrom && !self.has_select && self.has_clause)
    }

    fn see(&mut self, place: usize, word: Option<&str>) {
        if self.begins == Begins::Unknown {
            self.begins = match word {
                Some("from" | "with") => Begins::WithFrom,
                // Behind UNION and the like.
                Some("all" | "distinct") => Begins::Unknown,
                _ => Begins::WithAnother,
            };
        }
        match word {
            Some("select") => self.has_select = true,
            Some("from") => self.from = self.from.or(Some(place)),
            Some("where" | "group" | "having" | "qualify") => self.has_clause = true,
            _ => {}
        }
    }
}

/// The places of FROM before which `SELECT *` is missing, in order.
fn from_first(tokens: &[TokenWithSpan]) -> Vec<usize> {
    let mut parts = vec![Part::default()];
    let mut found = Vec::new();
    for (place, token) in tokens.iter().enumerate().filter(|(_, token)| is_significant(&token.token)) {
        let word = word_of(&token.token);
        let is_set = matches!(word.as_deref(), Some("union" | "intersect" | "except"));
        if is_close(&token.token) && parts.len() > 1 || is_set {
            found.extend(parts.pop().and_then(|part| part.missing()));
        }
        match (is_open(&token.token), is_set, parts.last_mut()) {
            (_, true, _) => parts.push(Part::default()),
            (is_open, _, Some(part)) => {
                part.see(place, word.as_deref());
                if is_open {
                    parts.push(Part::default());
                }
            }
            (_, _, None) => parts.push(Part::default()),
        }
    }
    found.extend(parts.iter().filter_map(Part::missing));
    found.sort_unstable();
    found
}

/// What stands in a pair of brackets that is still open, or outside of all.
#[derive(Default)]
struct Inside {
    open: Option<TokenWithSpan>,
    tokens: Vec<TokenWithSpan>,
    /// Where the first FOR stands, the IN behind it, and an IF behind that.
    words: [Option<usize>; 3],
}

impl Inside {
    fn put(&mut self, token: TokenWithSpan) {
        let place = self.tokens.len();
        let before = self.tokens.iter().rposition(|token| is_significant(&token.token));
        match (word_of(&token.token).as_deref(), &mut self.words) {
            (Some("for"), [first @ None, ..]) => *first = Some(place),
            (Some("in"), [Some(_), second @ None, _]) => *second = Some(place),
            // Right behind IN it is a function.
            (Some("if"), [_, Some(second), third @ None]) if before != Some(*second) => *third = Some(place),
            _ => {}
        }
        self.tokens.push(token);
    }

    /// A list made of another, if it is one.
    fn comprehension(&self) -> Option<Vec<TokenWithSpan>> {
        let open = self.open.as_ref().filter(|open| open.token == Known::LBracket)?;
        let [Some(first), Some(second), third] = self.words else { return None };
        let significant = |from: usize, to: usize| -> Vec<TokenWithSpan> {
            self.tokens[from..to].iter().filter(|token| is_significant(&token.token)).cloned().collect()
        };
        let name = match significant(first + 1, second).as_slice() {
            [name] if matches!(name.token, Known::Word(_)) => name.clone(),
            _ => return None,
        };
        let (value, end) = (significant(0, first), third.unwrap_or(self.tokens.len()));
        let list = significant(second + 1, end);
        let condition = third.map(|third| significant(third + 1, self.tokens.len()));
        if value.is_empty() || list.is_empty() || condition.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let put = |token: Known| TokenWithSpan::new(token, open.span);
        let call = |function: &str, list: Vec<TokenWithSpan>, value: Vec<TokenWithSpan>| {
            let head = [put(Known::make_word(function, None)), put(Known::LParen)];
            let lambda = [put(Known::Comma), name.clone(), put(Known::Arrow)];
            let parts = [head.to_vec(), list, lambda.to_vec(), value, vec![put(Known::RParen)]];
            parts.concat()
        };
        let list = match condition {
            Some(condition) => call("list_filter", list, condition),
            None => list,
        };
        Some(call("list_transform", list, value))
    }
}

fn without_comprehensions(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut open: Vec<Inside> = Vec::new();
    let mut inside = Inside::default();
    for token in tokens {
        if is_open(&token.token) {
            open.push(std::mem::replace(&mut inside, Inside { open: Some(token), ..Inside::default() }));
            continue;
        }
        let Some(outer) = is_close(&token.token).then(|| open.pop()).flatten() else {
            inside.put(token);
            continue;
        };
        let done = std::mem::replace(&mut inside, outer);
        let list = if token.token == Known::RBracket { done.comprehension() } else { None };
        match list {
            Some(list) => inside.tokens.extend(list),
            None => {
                inside.tokens.extend(done.open);
                inside.tokens.extend(done.tokens);
                inside.tokens.push(token);
            }
        }
    }
    // What nobody closes is put back as it was.
    for outer in open.into_iter().rev() {
        let done = std::mem::replace(&mut inside, outer);
        inside.tokens.extend(done.open);
        inside.tokens.extend(done.tokens);
    }
    inside.tokens
}
