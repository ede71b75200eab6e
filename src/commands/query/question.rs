//! Which texts are queries: one statement that only reads, perhaps behind words that ask about it (EXPLAIN, DESCRIBE).

use crate::error::CommandError;
use crate::sql::{DefaultCatalog, Dialect, Query, Template, Token, TokenKind, names_within, tokenize};

/// A query, and the words before it that ask about it.
#[derive(Debug)]
pub(super) struct Question {
    /// Such as `EXPLAIN `; as written.
    pub(super) prefix: String,
    /// What reads tables.
    pub(super) query: Query,
}

/// Words that begin something that reads and never writes.
const QUERIES: [&str; 8] = ["select", "with", "from", "values", "table", "pivot", "unpivot", "show"];

/// Words that ask about what follows; after the last three the name of a table may stand alone.
const ASKING: [&str; 5] = ["explain", "analyze", "describe", "desc", "summarize"];

/// What [`Question::parse`] lets through, for people.
const ALLOWED: &str = "SELECT, WITH, FROM, VALUES, TABLE, PIVOT, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN";

impl Question {
    /// Reads a person's text. Names of two parts are in the catalog, if that is known.
    ///
    /// # Errors
    /// There is no statement, or several, or one that does more than read.
    pub(super) fn parse(sql: &str, dialect: Dialect, catalog: Option<&DefaultCatalog>) -> Result<Self, CommandError> {
        let unreadable = |error: crate::sql::TokenError| {
            CommandError::no("the query cannot be read")
                .because(format!("{} (at byte {})", error.message, error.offset))
        };
        let tokens = tokenize(sql, dialect).map_err(unreadable)?;
        let mut tokens: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
        while tokens.last().is_some_and(|token| token.is_symbol(";")) {
            tokens.pop();
        }
        if tokens.iter().any(|token| token.is_symbol(";")) {
            return Err(CommandError::no("expected one query, found several statements").hint("run them one by one"));
        }
        let Some(last) = tokens.last() else { return Err(CommandError::no("there is no query")) };
        let (first, asks) = skip_asking(&tokens);
        let Some(begin) = tokens.get(first) else {
            return Err(CommandError::no("there is no query after the word that asks about it"));
        };
        let (prefix, body) = (&sql[..begin.range.start], &sql[begin.range.start..last.range.end]);
        let is_query = QUERIES.iter().any(|word| begin.is_word(word));
        let template = if is_query || begin.is_symbol("(") && begins_query(&tokens[first..]) {
            body.to_owned()
        } else if asks == Asks::OfATable && is_name(&tokens[first..]) {
            format!("(FROM {body})")
        } else {
            return Err(CommandError::no(format!("expected a query, found `{}`", word_of(begin, sql)))
                .hint(format!("a query begins with {ALLOWED}; it runs on a connection that cannot write")));
        };
        let template = names_within(Template::plain(template), catalog, dialect);
        Ok(Self { prefix: prefix.to_owned(), query: Query::parse(template, dialect) })
    }
}

/// Whether a table's name may stand where a query is expected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    OfATable,
    Otherwise,
}

/// The first token after the words that ask, and after EXPLAIN's options in parentheses.
fn skip_asking(tokens: &[&Token]) -> (usize, Asks) {
    let mut asks = Asks::Otherwise;
    let mut index = 0;
    while let Some(word) = ASKING.iter().find(|word| tokens.get(index).is_some_and(|token| token.is_word(word))) {
        asks = if matches!(*word, "explain" | "analyze") { Asks::Otherwise } else { Asks::OfATable };
        index += 1;
        let is_option = tokens.get(index + 1).is_some_and(|token| token.is_word("format") || token.is_word("analyze"));
        if *word == "explain" && is_option && tokens[index].is_symbol("(") {
            let length = tokens[index..].iter().position(|token| token.is_symbol(")"));
            index += length.map_or(0, |length| length + 1);
        }
    }
    (index, asks)
}

/// Whether parentheses open on a query.
fn begins_query(tokens: &[&Token]) -> bool {
    let inner = tokens.iter().find(|token| !token.is_symbol("("));
    inner.is_some_and(|token| QUERIES.iter().chain(&ASKING).any(|word| token.is_word(word)))
}

/// Whether nothing but `a.b.c` is left.
fn is_name(tokens: &[&Token]) -> bool {
    let fits = |(index, token): (usize, &&Token)| match index % 2 {
        0 => matches!(token.kind, TokenKind::Word { .. }),
        _ => token.is_symbol("."),
    };
    tokens.len() % 2 == 1 && tokens.iter().enumerate().all(fits)
}

fn word_of(token: &Token, sql: &str) -> String {
    sql[token.range.clone()].chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(sql: &str) -> (String, String) {
        let question = Question::parse(sql, Dialect::DuckDb, None).unwrap_or_else(|error| panic!("{sql}: {error}"));
        (question.prefix, question.query.text().to_owned())
    }

    #[test]
    fn queries_pass_with_what_asks_about_them() {
        for sql in ["select 1", "(select 1)", "((from t))", "with a as (from t) from a", "values (1)", "table t"] {
            assert_eq!(parts(sql), (String::new(), sql.to_owned()));
        }
        assert_eq!(parts("from a.b; -- done\n;"), (String::new(), "from a.b".into()));
        assert_eq!(parts("explain analyze from t"), ("explain analyze ".into(), "from t".into()));
        assert_eq!(parts("Explain (format json) from t"), ("Explain (format json) ".into(), "from t".into()));
        assert_eq!(parts("explain (select 1)"), ("explain ".into(), "(select 1)".into()));
        assert_eq!(parts("summarize select 1"), ("summarize ".into(), "select 1".into()));
        assert_eq!(parts("describe a.\"b c\""), ("describe ".into(), "(FROM a.\"b c\")".into()));
    }

    #[test]
    fn whatever_may_write_is_refused() {
        let refused = [
            "",
            "; -- nothing",
            "select 1; select 2",
            "drop table t",
            "copy (select 1) to 'x'",
            "explain analyze copy (select 1) to 'x'",
            "explain (analyze) insert into t values (1)",
            "(insert into t values (1))",
            "attach 'x.db'",
            "set threads = 1",
            "describe",
            "describe a b",
            "explain t",
            "install x",
            "select 'open",
        ];
        for sql in refused {
            let error = Question::parse(sql, Dialect::DuckDb, None).expect_err(sql);
            assert_eq!(error.exit(), crate::error::Exit::No, "{sql}");
        }
    }
}
