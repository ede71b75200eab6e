//! What comments behind the columns of a query say of them: SQLMesh's column descriptions where `column_descriptions` is not
//! given (its "Inline column comments").
//!
//! It reads tokens, so it never asks what a query means: what has no name that is written there has no description.

use std::collections::BTreeMap;

use super::value::nested;
use crate::sql::{Dialect, Token, TokenKind, tokenize};

/// No engine has longer names of columns, in bytes.
const LONGEST_NAME: usize = 1_000;
/// Words that end the columns of a SELECT.
const ENDS: [&str; 17] = [
    "from",
    "into",
    "where",
    "group",
    "having",
    "qualify",
    "window",
    "order",
    "limit",
    "offset",
    "fetch",
    "union",
    "except",
    "intersect",
    "minus",
    "using",
    "prewhere",
];

/// Descriptions by column, of the first SELECT that is not within another query. `behind` is what stands behind the query in
/// its file: comments before its semicolon belong to it.
///
/// A comment is of the column that it stands behind on one line, before or after the comma; one on a line of its own is of the
/// column that follows, unless that is computed by an operator. Of several the last one counts, as in SQLMesh.
pub(super) fn column_comments(query: &str, behind: &str, dialect: Dialect) -> BTreeMap<String, String> {
    let trailing = trailing(behind);
    // Most queries have none, and are not taken apart for it.
    if trailing.is_none() && !["--", "/*", "#"].iter().any(|mark| query.contains(mark)) {
        return BTreeMap::new();
    }
    let text = match trailing {
        Some(comment) => format!("{query} {comment}"),
        None => query.to_owned(),
    };
    let Ok(tokens) = tokenize(&text, dialect) else { return BTreeMap::new() };
    let base = tokens.iter().filter(|token| token.is_significant()).take_while(|token| token.is_symbol("(")).count();
    let Some(first) = select(&tokens, base) else { return BTreeMap::new() };
    let mut columns = Columns { text: &text, depth: base, base, ..Columns::default() };
    columns.last = tokens[first].range.end;
    for token in &tokens[first + 1..] {
        let is_over = match &token.kind {
            TokenKind::Space => false,
            TokenKind::Comment(_) => {
                columns.comment(token);
                false
            }
            _ => columns.word(token),
        };
        if is_over {
            break;
        }
    }
    columns.finish();
    columns.found
}

/// Whether a column is a name, a call, a CASE or what stands in parentheses, and nothing around it but an alias: SQLMesh's
/// parser loses the comment before anything else, which is one before its first operand.
fn is_primary(column: &[&Token]) -> bool {
    let over = |mut place: usize| {
        let mut depth = 0;
        while let Some(token) = column.get(place) {
            depth = nested(depth, token);
            place += 1;
            if depth == 0 {
                break;
            }
        }
        place
    };
    let is = |place: usize, word: &str| column.get(place).is_some_and(|token| token.is_word(word));
    let opens = |place: usize| column.get(place).is_some_and(|token| token.is_symbol("(") || token.is_symbol("["));
    let mut place = match column.first() {
        Some(first) if first.is_symbol("(") => over(0),
        Some(first) if first.is_word("case") => {
            let mut open = 0_usize;
            let ends = |token: &&&Token| {
                open = if token.is_word("case") { open + 1 } else { open - usize::from(token.is_word("end")) };
                open > 0
            };
            column.iter().take_while(ends).count() + 1
        }
        Some(first) if matches!(first.kind, TokenKind::Symbol(_)) || first.is_word("if") => return false,
        _ => 1,
    };
    loop {
        place = match column.get(place) {
            Some(token) if token.is_symbol(".") => place + 2,
            Some(_) if opens(place) => over(place),
            Some(_) if ["over", "filter", "group"].iter().any(|word| is(place, word)) && opens(place + 1) => place + 1,
            Some(_) if is(place, "within") || is(place, "ignore") || is(place, "respect") || is(place, "nulls") => {
                place + 1
            }
            _ => break,
        };
    }
    match column.get(place..).unwrap_or_default() {
        [] => true,
        [name] | [_, name] if !matches!(name.kind, TokenKind::Word { .. }) => false,
        [_] => true,
        [before, _] => before.is_word("as"),
        _ => false,
    }
}

/// The last comment between a query and its semicolon, which SQLMesh's parser hands to what the query ends with. One behind the
/// semicolon is about the file.
fn trailing(behind: &str) -> Option<&str> {
    let mut rest = behind.trim_start();
    let mut last = None;
    loop {
        let length = match rest.get(..2).unwrap_or_default() {
            "--" => rest.find('\n').unwrap_or(rest.len()),
            "/*" => rest.find("*/").map(|end| end + 2)?,
            _ => return last,
        };
        last = Some(&rest[..length]);
        rest = rest[length..].trim_start();
        if rest.len() < 2 {
            return last;
        }
    }
}

/// The first SELECT at a depth.
fn select(tokens: &[Token], base: usize) -> Option<usize> {
    let mut depth = 0;
    tokens.iter().position(|token| {
        depth = nested(depth, token);
        depth == base && token.is_word("select")
    })
}

/// The columns of a SELECT as they come.
#[derive(Default)]
struct Columns<'t> {
    text: &'t str,
    /// How deep the SELECT itself stands.
    base: usize,
    depth: usize,
    /// The significant tokens of the column that is read, with those inside brackets.
    column: Vec<&'t Token>,
    /// How many of them are none of it, before the first column: `DISTINCT`, `DISTINCT ON (…)` or `ALL`.
    quantified: usize,
    /// Where the last significant token ended, or a comment that belongs to it.
    last: usize,
    /// Whether the line on which that is has ended.
    is_line_over: bool,
    /// What stands before the column, on a line of its own.
    before: Option<String>,
    /// What stands behind one of its tokens outside brackets, and how many tokens there were by then.
    behind: Option<(usize, String)>,
    /// What stands on a line of its own after tokens of the column, and so belongs to the next one.
    next: Option<String>,
    /// The column that the last comma ended.
    ended: Option<&'t str>,
    found: BTreeMap<String, String>,
}

impl<'t> Columns<'t> {
    fn comment(&mut self, token: &'t Token) {
        let Some(body) = token.comment_body() else { return };
        // How its lines are set in is the formatter's affair.
        let body = body.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        // Each part of the text is looked through once.
        self.is_line_over = self.is_line_over || self.text[self.last..token.range.start].contains('\n');
        let belongs_to_last = !self.is_line_over;
        if belongs_to_last {
            let written = &self.text[token.range.clone()];
            self.last = token.range.start + written.trim_end().len();
        }
        match (self.ended, self.is_before()) {
            // Behind the comma, or behind SELECT itself.
            (Some(ended), true) if belongs_to_last => self.describe(ended, body),
            (None, true) if belongs_to_last => {}
            (_, true) => self.before = Some(body),
            (_, false) if !belongs_to_last => self.next = Some(body),
            (_, false) if self.depth == self.base => self.behind = Some((self.column.len(), body)),
            (_, false) => {}
        }
    }

    /// Whether nothing of the column was read yet, or what SELECT begins with alone.
    fn is_before(&self) -> bool {
        self.depth == self.base && self.quantified == self.column.len()
    }

    /// Takes the last token into what SELECT begins with, if it belongs to that. Each token is looked at once.
    fn quantify(&mut self) {
        let is = |place: usize, word: &str| self.column.get(place).is_some_and(|token| token.is_word(word));
        let closes = || self.depth == self.base && self.column.last().is_some_and(|token| token.is_symbol(")"));
        match self.column.len() {
            1 => self.quantified = usize::from(is(0, "distinct") || is(0, "all")),
            length if self.quantified == 1 && is(0, "distinct") && is(1, "on") && closes() => self.quantified = length,
            _ => {}
        }
    }

    /// Takes a significant token; tells whether there are no more columns.
    fn word(&mut self, token: &'t Token) -> bool {
        let depth = nested(self.depth, token);
        let is_outside = self.depth == self.base;
        if is_outside && (token.is_symbol(";") || depth < self.base || closes(self.depth, token) || self.is_end(token))
        {
            return true;
        }
        self.depth = depth;
        self.last = token.range.end;
        self.is_line_over = false;
        let next = self.next.take().map(|body| (self.column.len(), body));
        if is_outside && token.is_symbol(",") {
            self.behind = next.or(self.behind.take());
            self.finish();
        } else {
            self.column.push(token);
            self.quantify();
            // What stands before it is about the SELECT.
            self.before.take_if(|_| self.ended.is_none() && self.quantified == self.column.len());
        }
        false
    }

    fn is_end(&self, token: &Token) -> bool {
        let TokenKind::Word { value, quote: None } = &token.kind else { return false };
        let is_one = ENDS.iter().any(|end| value.eq_ignore_ascii_case(end));
        let goes_on = match self.column.last() {
            // `* EXCEPT (…)`, `t.limit`, `a IS DISTINCT FROM b`, `x AS window`.
            Some(last) => {
                last.is_symbol("*")
                    || last.is_symbol(".")
                    || last.is_word("as")
                    || last.is_word("distinct") && self.column.len() > 1
            }
            None => false,
        };
        is_one && !goes_on
    }

    fn finish(&mut self) {
        let column = std::mem::take(&mut self.column);
        let (before, behind) = (self.before.take(), self.behind.take());
        let (_, own) = column.split_at(std::mem::take(&mut self.quantified));
        let name = named(own).filter(|name| name.len() <= LONGEST_NAME).unwrap_or_default();
        self.ended = Some(name);
        // Behind its last token, or around the AS before its name; whatever else stands within is about a part of it.
        let has_alias = matches!(column.as_slice(), [.., before, _] if before.is_word("as"));
        let is_of_all = |place: usize| place == column.len() || has_alias && place + 2 >= column.len();
        let behind = behind.filter(|(place, _)| is_of_all(*place)).map(|(_, body)| body);
        if let Some(body) = behind.or(before.filter(|_| is_primary(own))) {
            self.describe(name, body);
        }
    }

    fn describe(&mut self, name: &str, body: String) {
        if !name.is_empty() && !body.is_empty() {
            self.found.insert(name.to_owned(), body);
        }
    }
}

fn closes(depth: usize, token: &Token) -> bool {
    depth == 0 && [")", "]", "}"].iter().any(|close| token.is_symbol(close))
}

/// The name that a column is written with: its alias, or its own where it is nothing else or cast.
fn named<'t>(column: &[&'t Token]) -> Option<&'t str> {
    match column {
        [first, colon, _, ..] if colon.is_symbol(":") => name(first),
        [.., before, last] if before.is_word("as") => name(last),
        column => path(column).or_else(|| cast(column)).or_else(|| implicit(column)),
    }
}

fn name(token: &Token) -> Option<&str> {
    match &token.kind {
        TokenKind::Word { value, quote } if quote.is_some() || !value.starts_with('@') => Some(value),
        _ => None,
    }
}

/// `a` and `t.a`.
fn path<'t>(column: &[&'t Token]) -> Option<&'t str> {
    let is_path = column.iter().enumerate().all(|(place, token)| match place % 2 {
        0 => name(token).is_some(),
        _ => token.is_symbol("."),
    });
    column.last().filter(|_| is_path).and_then(|last| name(last))
}

/// No name is cast more often.
const MOST_CASTS: usize = 16;

/// `t.a::INT`, `a::DECIMAL(10, 2)[]` and `CAST(t.a AS INT)`.
fn cast<'t>(column: &[&'t Token]) -> Option<&'t str> {
    let mut rest = column;
    for _ in 0..MOST_CASTS {
        rest = match called_cast(rest).or_else(|| signed_cast(rest)) {
            Some(operand) => operand,
            None if rest.len() < column.len() => return path(rest),
            None => return None,
        };
    }
    None
}

/// What `CAST(… AS …)` casts, where that is the whole.
fn called_cast<'c, 't>(column: &'c [&'t Token]) -> Option<&'c [&'t Token]> {
    let [call, open, inside @ .., close] = column else { return None };
    let is_cast = ["cast", "try_cast", "safe_cast"].iter().any(|word| call.is_word(word));
    if !is_cast || !open.is_symbol("(") || !close.is_symbol(")") {
        return None;
    }
    let (mut depth, mut end) = (1, None);
    for (place, token) in inside.iter().enumerate() {
        depth = nested(depth, token);
        if depth == 0 {
            return None;
        }
        if depth == 1 && token.is_word("as") {
            end = Some(place);
        }
    }
    end.map(|end| &inside[..end])
}

/// What `…::type` casts.
fn signed_cast<'c, 't>(column: &'c [&'t Token]) -> Option<&'c [&'t Token]> {
    let mut depth = 0;
    let place = column.iter().rposition(|token| {
        let closes = [")", "]", "}"].iter().any(|close| token.is_symbol(close));
        let opens = ["(", "[", "{"].iter().any(|open| token.is_symbol(open));
        depth = if closes { depth + 1 } else { usize::saturating_sub(depth, usize::from(opens)) };
        depth == 0 && token.is_symbol("::")
    })?;
    let (head, [_, kind, rest @ ..]) = column.split_at(place) else { return None };
    let is_type = name(kind).is_some() && rest.iter().all(|token| !matches!(token.kind, TokenKind::Word { .. }));
    is_type.then_some(head)
}

/// `f(x) n`, `1 n`, `x n` and `t.x n`.
fn implicit<'t>(column: &[&'t Token]) -> Option<&'t str> {
    let [.., before, last] = column else { return None };
    let is_behind = match &before.kind {
        TokenKind::Number(_) | TokenKind::String(_) => column.len() == 2,
        TokenKind::Word { .. } => path(&column[..column.len() - 1]).is_some() && !before.is_word("not"),
        _ => before.is_symbol(")"),
    };
    name(last).filter(|_| is_behind && !last.is_word("end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str) -> String {
        let found = column_comments(query, "", Dialect::DuckDb);
        found.iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>().join(";")
    }

    /// As SQLMesh 0.236.4 has it, whose parser keeps no comment before an operand.
    #[test]
    fn a_comment_before_an_operator_is_of_no_column() {
        let described = |expression: &str| found(&format!("SELECT\n -- one\n {expression} AS a FROM t")) == "a=one";
        for expression in [
            "b",
            "t.s.b",
            "f(b)",
            "cast(b AS text)",
            "(b + 1)",
            "((b))",
            "l[1:2]",
            "1",
            "'x'",
            "null",
            "exists (SELECT 1)",
            "f(b) OVER (ORDER BY c)",
            "sum(b) FILTER (WHERE c) OVER (PARTITION BY d)",
            "CASE WHEN b THEN CASE WHEN c THEN 1 END END",
            "f(b -> 'c')",
        ] {
            assert!(described(expression), "{expression}");
        }
        for expression in [
            "b + 1",
            "-b",
            "NOT b",
            "b::text",
            "(b + 1)::int",
            "b AT TIME ZONE 'UTC'",
            "b IS NULL",
            "b IN (1, 2)",
            "b || 'x'",
            "j -> 'b'",
            "[b]",
            "{'b': 1}",
            "interval '1 day'",
            "date '2026-01-01'",
            "if(b, 1, 2)",
            "CASE WHEN b THEN 1 END + CASE WHEN c THEN 1 END",
        ] {
            assert!(!described(expression), "{expression}");
        }
    }

    /// What SQLMesh 0.236 makes of each, which leaves lines set in as they are.
    #[test]
    fn a_comment_is_of_the_column_that_it_stands_behind() {
        for (query, expected) in [
            ("SELECT a, -- one\n b, -- two\n c -- three\nFROM t", "a=one;b=two;c=three"),
            ("SELECT a -- one\n , b -- two\n , c -- three\nFROM t", "a=one;b=two;c=three"),
            ("SELECT\n -- one\n a,\n -- two\n b\nFROM t", "a=one;b=two"),
            ("SELECT a /* one */, b /* two */ FROM t", "a=one;b=two"),
            ("SELECT /* one */ a, /* two */ b FROM t", "a=two"),
            ("SELECT x + 1 AS a, -- one\n f(y) AS b -- two\n FROM t", "a=one;b=two"),
            ("SELECT x -- one\n AS a FROM t", "a=one"),
            ("SELECT x AS -- one\n a FROM t", "a=one"),
            ("SELECT f(x) -- one\n AS a FROM t", "a=one"),
            ("SELECT a, -- one\n -- more\n b FROM t", "a=one;b=more"),
            ("SELECT a -- one\n -- more\n, b FROM t", "a=more"),
            ("SELECT\n -- before\n a, -- behind\n -- before b\n b -- behind b\n FROM t", "a=behind;b=behind b"),
            ("SELECT a /* one */ , /* two */ b /* three */ /* four */\n FROM t", "a=two;b=four"),
            ("SELECT a, /* one\n two */ b /* three */\n FROM t", "a=one\ntwo;b=three"),
            ("SELECT\n -- zero\n -- one\n 1 AS a,\n -- two\n 'x' AS b FROM t", "a=one;b=two"),
            ("SELECT t.a, -- one\n t.s.b -- two\n FROM t", "a=one;b=two"),
            ("SELECT t.\"A b\" -- one\n, x AS \"C d\" -- two\n FROM t", "A b=one;C d=two"),
            (
                "SELECT a::int, -- one\n t.b::decimal(1, 2)[], -- two\n c::text AS d -- three\n FROM t",
                "a=one;b=two;d=three",
            ),
            ("SELECT CAST(a AS int), -- one\n TRY_CAST(t.b AS decimal(1, 2)) -- two\n FROM t", "a=one;b=two"),
            (
                "SELECT\n -- one\n CAST(CAST(a AS text) AS int),\n CAST(b::text AS int)::text /* two */ FROM t",
                "a=one;b=two",
            ),
            (
                "SELECT CAST(a AS int) b, -- one\n CAST(x + 1 AS int), -- two\n CAST(x AS int) + 1 -- three\n FROM t",
                "b=one",
            ),
            ("SELECT (CAST(a AS int)) + CAST(b AS int), -- one\n CAST(a AS int) + (b AS int) -- two\n FROM t", ""),
            (
                "SELECT x a, -- one\n f(y) b, -- two\n x::date d, -- no type\n 1 n -- three\n FROM t",
                "a=one;b=two;n=three",
            ),
            ("SELECT a: 1, -- one\n b FROM t", "a=one"),
            ("SELECT DISTINCT a, -- one\n b -- two\n FROM t", "a=one;b=two"),
            ("SELECT DISTINCT ON (a) -- d\n a, -- one\n b FROM t", "a=one"),
            ("SELECT DISTINCT ON (a, (b))\n -- one\n f(a) AS a,\n -- two\n b FROM t", "a=one;b=two"),
            ("SELECT DISTINCT\n -- one\n (a) AS a, b FROM t", "a=one"),
            ("SELECT ALL -- all\n -- one\n a, b FROM t", "a=one"),
            ("SELECT DISTINCT\n -- one\n a + 1 AS a, b FROM t", ""),
            ("SELECT\n -- one\n DISTINCT a, b FROM t", ""),
            ("SELECT *, -- all\n b -- two\n FROM t", "b=two"),
            ("SELECT * EXCEPT (z), -- all\n b -- two\n FROM t", "b=two"),
            ("SELECT x + 1, -- one\n b FROM t", ""),
            ("WITH c AS (SELECT a, -- inner\n b FROM t) SELECT a, b -- out\n FROM c", "b=out"),
            ("SELECT a -- l\n FROM t UNION ALL SELECT a -- r\n FROM u", "a=l"),
            ("(SELECT a, -- one\n b -- two\n FROM t)", "a=one;b=two"),
            ("FROM t SELECT a, -- one\n b -- two\n", "a=one;b=two"),
            ("SELECT sum(x) OVER (PARTITION BY y) AS a, -- one\n b FROM t", "a=one"),
            ("SELECT a IS DISTINCT FROM b AS c, -- one\n t.limit -- two\n FROM t", "c=one;limit=two"),
            ("SELECT @EACH([a, b], x -> @x), -- one\n c -- two\n FROM t", "c=two"),
            ("SELECT\n -- one\n CASE WHEN x THEN 1 END AS a FROM t", "a=one"),
        ] {
            assert_eq!(found(query), expected, "{query}");
        }
    }

    #[test]
    fn a_comment_within_a_column_or_beside_all_of_them_describes_none() {
        for query in [
            "SELECT CASE WHEN x -- inner\n THEN 1 END AS a FROM t",
            "SELECT f(x, -- one\n y) AS a FROM t",
            "SELECT (x -- in\n) AS a FROM t",
            "SELECT -- about select\n a FROM t",
            "SELECT a\n -- about from\n FROM t",
            "SELECT a FROM t -- tail\n WHERE x",
            "SELECT /*+ HINT */ a FROM t",
            "SELECT a, --\n b /**/ FROM t",
            "SELECT CASE WHEN x THEN (1) END -- one\n, NOT a -- two\n FROM t",
            "SELECT '-- no', 'a' -- one",
            ")) SELECT ] -- one",
            "SELECT 'open -- x",
            "-- only",
            "",
        ] {
            assert_eq!(found(query), "", "{query}");
        }
    }

    #[test]
    fn many_comments_take_no_longer_than_their_text() {
        let (blanks, many) = (" ".repeat(500_000), "-- one\n".repeat(70_000));
        assert_eq!(found(&format!("SELECT{blanks}\n{many} a FROM t")), "a=one");
        assert_eq!(found(&format!("SELECT a,{} b FROM t", "/* one */".repeat(100_000))), "a=one");
        let (keys, added) = ("a,".repeat(100_000), " /* two */ + b".repeat(100_000));
        assert_eq!(found(&format!("SELECT DISTINCT ON ({keys} a)\n a{added} AS a -- one\n FROM t")), "a=one");
        let name = "n".repeat(500_000);
        assert_eq!(found(&format!("SELECT {name},{} b FROM t", "/* one */".repeat(50_000))), "");
    }

    #[test]
    fn what_stands_between_the_query_and_its_semicolon_is_of_its_last_column() {
        let of = |behind: &str| column_comments("SELECT 1 AS a", behind, Dialect::DuckDb).remove("a");
        for (behind, expected) in [
            (" -- tail", Some("tail")),
            (" -- tail\n;\n", Some("tail")),
            (";  -- tail\nAUDIT (name x);", None),
            ("\n; /* tail */ -- more", None),
            (" -- tail\n; -- more", Some("tail")),
            (" /* two\n lines */", Some("two\nlines")),
            ("\n-- one\n\n /* tail */ \n;", Some("tail")),
            ("\n-- tail", Some("tail")),
            (" /* open", None),
            (";\n-- about what follows", None),
            (" -", None),
            ("", None),
        ] {
            assert_eq!(of(behind).as_deref(), expected, "{behind:?}");
        }
        assert!(column_comments("SELECT a FROM t", " -- of the table", Dialect::DuckDb).is_empty());
    }
}
