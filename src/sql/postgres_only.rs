//! What PostgreSQL refuses and SQLMesh writes otherwise for it: a comma behind the last item of a list, as its own templates
//! have it, and names of types that only other engines know. What PostgreSQL takes stays as the author wrote it.

use super::reserved::is_name;
use super::{Dialect, Splice, Token, TokenKind};

/// A type by the name that the dialect has for it, where that is PostgreSQL, which has none of that name.
pub fn type_in(dialect: Dialect, name: &str) -> String {
    let known = postgres_type(name).filter(|_| dialect == Dialect::Postgres);
    known.unwrap_or(name).to_owned()
}

/// As sqlglot's `Postgres.Generator.TYPE_MAPPING` has it.
fn postgres_type(name: &str) -> Option<&'static str> {
    let (_, known) = TYPES.iter().find(|(other, _)| name.eq_ignore_ascii_case(other))?;
    Some(known)
}

const TYPES: [(&str, &str); 11] = [
    ("string", "TEXT"),
    ("double", "DOUBLE PRECISION"),
    ("datetime", "TIMESTAMP"),
    ("timestampntz", "TIMESTAMP"),
    ("timestamp_ntz", "TIMESTAMP"),
    ("tinyint", "SMALLINT"),
    ("int64", "BIGINT"),
    ("float64", "DOUBLE PRECISION"),
    ("blob", "BYTEA"),
    ("binary", "BYTEA"),
    ("varbinary", "BYTEA"),
];

/// Words of PostgreSQL that no column can be called without quotes, and behind a list of items.
const BEHIND: [&str; 14] = [
    "from",
    "where",
    "group",
    "having",
    "window",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "union",
    "intersect",
    "except",
    "into",
];

/// What is put in place of it, in the order of the text.
pub fn for_postgres(tokens: &[Token]) -> Vec<Splice> {
    let tokens: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let mut casts = Vec::new();
    let mut splices = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| tokens[before]);
        if token.is_symbol("(") {
            casts.push(before.is_some_and(|before| before.is_word("cast")));
        } else if token.is_symbol(")") {
            casts.pop();
        } else if token.is_symbol(",") && is_last(&tokens, index + 1) {
            splices.push(Splice { range: token.range.clone(), replacement: String::new() });
        }
        let is_type = before.is_some_and(|before| {
            before.is_symbol("::") || (before.is_word("as") && casts.last().is_some_and(|is_cast| *is_cast))
        });
        let made = type_of(token).filter(|_| is_type && !goes_on(tokens.get(index + 1).copied()));
        splices.extend(made.map(|made| Splice { range: token.range.clone(), replacement: made.to_owned() }));
    }
    splices
}

/// Whether nothing can follow a comma before this. What begins a clause may be the name of a column, which gets quotes.
fn is_last(tokens: &[&Token], next: usize) -> bool {
    let closes = |next: &Token| [")", "]", ";"].iter().any(|symbol| next.is_symbol(symbol));
    let begins = |next: &Token| BEHIND.iter().any(|word| next.is_word(word));
    tokens.get(next).is_none_or(|token| closes(token) || (begins(token) && !is_name(tokens, next)))
}

fn type_of(token: &Token) -> Option<&'static str> {
    match &token.kind {
        TokenKind::Word { value, quote: None } => postgres_type(value),
        _ => None,
    }
}

/// Whether a type's name is longer, or one of a schema, or has a length.
fn goes_on(next: Option<&Token>) -> bool {
    next.is_some_and(|next| next.is_word("precision") || next.is_symbol(".") || next.is_symbol("("))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Template, tokenize};

    fn written(sql: &str) -> String {
        let tokens = tokenize(sql, Dialect::Postgres).expect("tokens");
        Template::plain(sql).with(&for_postgres(&tokens)).text()
    }

    #[test]
    fn commas_behind_the_last_item_go() {
        for (sql, expected) in [
            ("SELECT a, b, FROM t", "SELECT a, b FROM t"),
            ("SELECT a, -- x,\n FROM t GROUP BY a, HAVING 1", "SELECT a -- x,\n FROM t GROUP BY a HAVING 1"),
            ("WITH c AS (SELECT a, b,) SELECT f(a, b,), a,", "WITH c AS (SELECT a, b) SELECT f(a, b), a"),
            (
                "SELECT a, group, order, FROM t GROUP BY a, group, ORDER BY a, order.b",
                "SELECT a, group, order FROM t GROUP BY a, group ORDER BY a, order.b",
            ),
            (
                "SELECT a FROM t, u, WHERE NOT a GROUP BY a, HAVING NOT b",
                "SELECT a FROM t, u WHERE NOT a GROUP BY a HAVING NOT b",
            ),
            ("SELECT a, \"from\", ',from' FROM t", "SELECT a, \"from\", ',from' FROM t"),
        ] {
            assert_eq!(written(sql), expected, "{sql}");
        }
    }

    #[test]
    fn types_of_other_engines_are_those_of_postgresql() {
        for (sql, expected) in [
            ("SELECT a::STRING, cast(b AS double)", "SELECT a::TEXT, cast(b AS DOUBLE PRECISION)"),
            (
                "SELECT a::double precision, b::string.x, c::binary(3)",
                "SELECT a::double precision, b::string.x, c::binary(3)",
            ),
            ("SELECT (SELECT 1 AS string), a AS double", "SELECT (SELECT 1 AS string), a AS double"),
            ("SELECT CAST((SELECT 1 AS string) AS string)", "SELECT CAST((SELECT 1 AS string) AS TEXT)"),
            ("SELECT a::text[], 'x'::\"string\"", "SELECT a::text[], 'x'::\"string\""),
        ] {
            assert_eq!(written(sql), expected, "{sql}");
        }
    }
}
