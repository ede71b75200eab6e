//! DuckDB's short forms that our parser does not know, spelled out for it: `FROM t WHERE x` as `SELECT * FROM t WHERE x`, and
//! `[x + 1 FOR x IN l IF x > 1]` as `list_transform(list_filter(l, x -> x > 1), x -> x + 1)`, which gives the same. Each
//! token keeps its own place; the text that runs stays the author's.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token as Known, TokenWithSpan};

use super::parse::is_significant;

/// In deeper brackets nothing is spelled out; the parser refuses such a text, too.
const DEPTH_LIMIT: usize = 100;

/// The tokens with the short forms spelled out.
pub(super) fn spelled_out(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let has_for = tokens.iter().any(|token| keyword(&token.token) == Some(Keyword::FOR));
    let tokens = if has_for && depth(&tokens) <= DEPTH_LIMIT { without_comprehensions(tokens) } else { tokens };
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

/// An unquoted word, if it is one that the parser knows. Every token of every query comes by here.
fn keyword(token: &Known) -> Option<Keyword> {
    match token {
        Known::Word(word) if word.keyword != Keyword::NoKeyword => Some(word.keyword),
        _ => None,
    }
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

    fn see(&mut self, place: usize, word: Option<Keyword>) {
        if self.begins == Begins::Unknown {
            self.begins = match word {
                Some(Keyword::FROM | Keyword::WITH) => Begins::WithFrom,
                // Behind UNION and the like.
                Some(Keyword::ALL | Keyword::DISTINCT) => Begins::Unknown,
                _ => Begins::WithAnother,
            };
        }
        match word {
            Some(Keyword::SELECT) => self.has_select = true,
            Some(Keyword::FROM) => self.from = self.from.or(Some(place)),
            Some(Keyword::WHERE | Keyword::GROUP | Keyword::HAVING | Keyword::QUALIFY) => self.has_clause = true,
            _ => {}
        }
    }
}

/// The places of FROM before which `SELECT *` is missing, in order.
fn from_first(tokens: &[TokenWithSpan]) -> Vec<usize> {
    let mut parts = vec![Part::default()];
    let mut found = Vec::new();
    for (place, token) in tokens.iter().enumerate().filter(|(_, token)| is_significant(&token.token)) {
        let word = keyword(&token.token);
        let is_set = matches!(word, Some(Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT));
        if is_close(&token.token) && parts.len() > 1 || is_set {
            found.extend(parts.pop().and_then(|part| part.missing()));
        }
        match (is_open(&token.token), is_set, parts.last_mut()) {
            (_, true, _) => parts.push(Part::default()),
            (is_open, _, Some(part)) => {
                part.see(place, word);
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
        let before = || self.tokens.iter().rposition(|token| is_significant(&token.token));
        match (keyword(&token.token), &mut self.words) {
            (Some(Keyword::FOR), [first @ None, ..]) => *first = Some(place),
            (Some(Keyword::IN), [Some(_), second @ None, _]) => *second = Some(place),
            // Right behind IN it is a function.
            (Some(Keyword::IF), [_, Some(second), third @ None]) if before() != Some(*second) => *third = Some(place),
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

#[cfg(test)]
mod tests {
    use sqlparser::dialect::DuckDbDialect;
    use sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn written(text: &str) -> String {
        let tokens = Tokenizer::new(&DuckDbDialect {}, text).tokenize_with_location().expect("tokens");
        spelled_out(tokens).iter().map(|token| token.token.to_string()).collect()
    }

    #[test]
    fn what_is_no_short_form_stays() {
        for text in [
            "SELECT count(*) FROM t WHERE x GROUP BY g",
            "SELECT a FROM t WHERE x UNION ALL SELECT b FROM u WHERE y",
            "WITH c AS (SELECT 1) SELECT * FROM c WHERE x",
            "FROM t SELECT x WHERE x > 1",
            "FROM t",
            "SELECT extract(year FROM d), trim(FROM x) FROM t WHERE x",
            "SELECT [x FOR x, i IN l]",
            "SELECT [FOR x IN l], [x FOR x IN], [x FOR x IN l IF], [x FOR IN l], (x FOR x IN l)",
            "SELECT [x FOR x IN l",
            "SELECT \"for\", [\"for\" IN l] ) ] FROM t",
        ] {
            assert_eq!(written(text), text);
        }
    }

    #[test]
    fn an_if_right_behind_in_is_a_function() {
        let list = "list_transform(if(a,l,m),x->x)";
        assert_eq!(written("[x FOR x IN if(a, l, m)]"), list);
        let some = "list_transform(list_filter(if(a,l,m),x->x>1),x->x)";
        assert_eq!(written("[x FOR x IN if(a, l, m) IF x > 1]"), some);
    }

    /// Nothing is walked again for each bracket, word or blank.
    #[test]
    fn long_texts_are_no_trouble() {
        let nested = format!("SELECT {}x FOR x IN l{}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(written(&nested), nested);
        let blanks = format!("SELECT [x FOR{}", "\nIF IN FOR".repeat(50_000));
        assert_eq!(written(&blanks).len(), blanks.len());
        let many = format!("SELECT [{}]", ["[x FOR x IN l]"; 20_000].join(","));
        assert!(written(&many).starts_with("SELECT [list_transform(l,x->x),"));
    }
}
