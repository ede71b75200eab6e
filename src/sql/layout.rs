//! A query as lines for people to compare: comments and white space gone, one item on each line, keywords in capitals.
//!
//! It works on tokens, so it knows every SQL that can be cut into some, and it loses no token but comments. The lines are
//! never parsed, hashed or run.

use super::{Query, TIME_FUNCTION, Token, TokenKind};

/// Words that begin a line of their own, one level out of their items.
const CLAUSES: [&str; 16] = [
    "WITH",
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "QUALIFY",
    "WINDOW",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "VALUES",
    "FETCH",
];
/// Words that begin a line and belong together with the words behind them.
const JOINS: [&str; 11] =
    ["JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "ASOF", "POSITIONAL", "OUTER", "LATERAL"];
/// Further words that every dialect reads as keywords.
const KEYWORDS: [&str; 28] = [
    "AND",
    "OR",
    "NOT",
    "AS",
    "ON",
    "USING",
    "BY",
    "ALL",
    "DISTINCT",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "IN",
    "IS",
    "NULL",
    "BETWEEN",
    "LIKE",
    "ILIKE",
    "EXISTS",
    "CAST",
    "OVER",
    "PARTITION",
    "ASC",
    "DESC",
    "NULLS",
    "RECURSIVE",
];
/// Lines are cut into at most so many levels, however deep brackets go.
const DEEPEST: usize = 20;

/// The query's lines; where it cannot even be cut into tokens, its text as it is.
pub fn layout(query: &Query) -> Vec<String> {
    let text = query.text();
    let tokens: Vec<Token> = query.tokens().into_iter().filter(Token::is_significant).collect();
    if tokens.is_empty() {
        return text.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect();
    }
    let mut layout = Layout::default();
    let mut rest = tokens.as_slice();
    while let [token, after @ ..] = rest {
        rest = after;
        if let Some((name, after)) = time_variable(token, after) {
            layout.put(&format!("@{name}"), Kind::Operand);
            rest = after;
        } else {
            layout.token(token, &text[token.range.clone()], after);
        }
    }
    layout.end_line();
    layout.lines
}

/// `offshoot__time('start_ds')`, which stands for `@start_ds`.
fn time_variable<'t>(token: &Token, after: &'t [Token]) -> Option<(String, &'t [Token])> {
    let [open, name, close, rest @ ..] = after else { return None };
    let is_one = token.is_word(TIME_FUNCTION) && open.is_symbol("(") && close.is_symbol(")");
    is_one.then(|| name.plain_string()).flatten().map(|name| (name, rest))
}

#[derive(Default)]
struct Layout {
    lines: Vec<String>,
    line: String,
    /// One for each open bracket.
    open: Vec<Bracket>,
    /// CASEs without their END.
    cases: usize,
    /// Whether the next AND belongs to a BETWEEN.
    between: bool,
    /// What stands last on the line.
    last: Option<Kind>,
    /// Whether the line is an item of a clause.
    is_item: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// Around a query, which gets lines of its own.
    Query,
    /// Around anything else.
    Inline,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Keyword,
    Operand,
    Operator,
    /// An operator before a single value.
    Sign,
    Open,
    Close,
    Dot,
    Comma,
}

impl Layout {
    fn token(&mut self, token: &Token, written: &str, after: &[Token]) {
        let before_bracket = after.first().is_some_and(|next| next.is_symbol("("));
        match &token.kind {
            // `LEFT(x, 2)` is a function.
            TokenKind::Word { value, quote: None } if before_bracket && is_one_of(&JOINS[1..4], value) => {
                self.put(value, Kind::Operand);
            }
            TokenKind::Word { value, quote: None } => self.word(value),
            TokenKind::Symbol(symbol) => self.symbol(symbol, after),
            _ => self.put(written, Kind::Operand),
        }
    }

    fn word(&mut self, word: &str) {
        let (is_clause, is_join) = (is_one_of(&CLAUSES, word), is_one_of(&JOINS, word));
        if self.last == Some(Kind::Dot) || !(is_clause || is_join || is_one_of(&KEYWORDS, word)) {
            return self.put(word, Kind::Operand);
        }
        let word = word.to_ascii_uppercase();
        let goes_on = is_join && JOINS.iter().any(|join| self.line.ends_with(join));
        let is_condition = matches!(word.as_str(), "AND" | "OR") && self.cases == 0 && !self.between;
        if self.breaks() && (is_clause || is_condition || (is_join && !goes_on)) {
            self.end_line();
            self.is_item = is_condition;
        }
        match word.as_str() {
            "CASE" => self.cases += 1,
            "END" => self.cases = self.cases.saturating_sub(1),
            "BETWEEN" => self.between = true,
            "AND" => self.between = false,
            _ => {}
        }
        self.put(&word, Kind::Keyword);
        if word == "SELECT" && self.breaks() {
            self.end_line();
            self.is_item = true;
        }
    }

    fn symbol(&mut self, symbol: &str, after: &[Token]) {
        match symbol {
            "(" | "[" | "{" => self.opened(symbol, after.first()),
            ")" | "]" | "}" => {
                if self.open.last() == Some(&Bracket::Query) {
                    self.end_line();
                    self.is_item = false;
                }
                self.open.pop();
                self.put(symbol, Kind::Close);
            }
            "," => {
                self.put(symbol, Kind::Comma);
                if self.breaks() {
                    self.end_line();
                    self.is_item = true;
                }
            }
            // What ends the statement says nothing of the query.
            ";" if after.is_empty() => {}
            "." | "::" | ":" => self.put(symbol, Kind::Dot),
            "-" | "+" | "~" | "@" if !matches!(self.last, Some(Kind::Operand | Kind::Close)) => {
                self.put(symbol, Kind::Sign);
            }
            _ => self.put(symbol, Kind::Operator),
        }
    }

    fn opened(&mut self, symbol: &str, next: Option<&Token>) {
        let begins_query = next.is_some_and(|next| next.is_word("select") || next.is_word("with"));
        let is_query = symbol == "(" && begins_query && self.breaks() && self.open.len() < DEEPEST;
        self.put(symbol, Kind::Open);
        if is_query {
            self.end_line();
            self.is_item = false;
        }
        self.open.push(if is_query { Bracket::Query } else { Bracket::Inline });
    }

    /// Whether lines are broken here: outside all brackets but those around queries.
    fn breaks(&self) -> bool {
        self.open.last().is_none_or(|bracket| *bracket == Bracket::Query)
    }

    fn put(&mut self, text: &str, kind: Kind) {
        let is_glued = match (self.last, kind) {
            (None | Some(Kind::Open | Kind::Dot), _) | (_, Kind::Close | Kind::Comma | Kind::Dot) => true,
            (Some(Kind::Keyword), Kind::Open) => self.line.ends_with("CAST"),
            (Some(Kind::Operand), Kind::Open) => true,
            (Some(Kind::Sign), next) => next != Kind::Sign,
            _ => false,
        };
        if !is_glued {
            self.line.push(' ');
        }
        self.line.push_str(text);
        self.last = Some(kind);
    }

    fn end_line(&mut self) {
        if self.last.take().is_none() {
            return;
        }
        let level = self.open.iter().filter(|bracket| **bracket == Bracket::Query).count();
        let indent = 2 * (level + usize::from(self.is_item));
        let line = std::mem::take(&mut self.line);
        self.lines.push(format!("{:indent$}{line}", ""));
    }
}

fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Dialect, Template};

    fn shown(sql: &str) -> String {
        layout(&Query::parse(Template::plain(sql), Dialect::DuckDb)).join("\n")
    }

    #[test]
    fn a_query_has_one_item_on_a_line() {
        insta::assert_snapshot!(shown(
            "with a as (select x, -1 as y from s.t where x=1 and d between 1 and 2 or (x > 2 and y<3)) /* c */ select \
             a.x, count(*) filter (where y is not null) as n, sum(y) over (partition by x order by y), case when x = 1 \
             and y = 2 then 'a,b' else x::text end from a left outer join lateral (select 1) as b on a.x=b.x, c \
             group by 1 order by 2 desc limit 3;"
        ));
    }

    #[test]
    fn no_token_is_lost() {
        for sql in [
            "select a[1], {'k': v}, x -> y, - 1, 1 - -2, \"q\"\"r\", E'\\n' from t union all by name select * from u",
            "select extract(day from d), trim(both 'x' from y), interval '1 day' from t",
            "(select 1) except (select 2)",
            ")))((( select from , , .",
            "select 1; select 2",
        ] {
            let squeezed = |text: &str| -> String {
                text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase()
            };
            assert_eq!(squeezed(&shown(sql)), squeezed(sql), "{}", shown(sql));
        }
    }

    #[test]
    fn deep_brackets_and_texts_without_tokens_stop_nothing() {
        let deep = format!("{}select 1{}", "select (".repeat(5_000), ")".repeat(5_000));
        assert!(shown(&deep).len() < 40 * deep.len());
        assert_eq!(shown("select 'open\n  from t"), "select 'open\n  from t");
    }
}
