//! Words of SQL as aliases: SQLMesh puts every name into quotes, so that `LEFT JOIN totals AS to ON to.id = t.id` runs there,
//! where PostgreSQL and DuckDB refuse it.

use super::{Dialect, Splice, Token, TokenKind};

/// Words that neither engine takes for a name, and that begin nothing behind AS, such as `array[1, 2]` in a macro.
const WORDS: [&str; 30] = [
    "asc",
    "both",
    "check",
    "collate",
    "column",
    "constraint",
    "default",
    "desc",
    "end",
    "except",
    "fetch",
    "foreign",
    "group",
    "having",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "offset",
    "only",
    "order",
    "primary",
    "references",
    "returning",
    "to",
    "trailing",
    "union",
    "unique",
    "using",
];

/// The same with quotes around them, where each is surely a name: directly behind AS, or directly before a dot.
pub fn quoted_words(tokens: &[Token], dialect: Dialect) -> Vec<Splice> {
    let tokens: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let is_dot =
        |index: Option<usize>| index.and_then(|index| tokens.get(index)).is_some_and(|token| token.is_symbol("."));
    let quoted = |(index, token): (usize, &&Token)| {
        let TokenKind::Word { value, quote: None } = &token.kind else { return None };
        let before = index.checked_sub(1);
        let is_alias = before.is_some_and(|before| tokens[before].is_word("as"));
        let is_qualifier = is_dot(Some(index + 1)) && !is_dot(before);
        let is_reserved = (is_alias || is_qualifier) && WORDS.iter().any(|word| value.eq_ignore_ascii_case(word));
        is_reserved
            .then(|| Splice { range: token.range.clone(), replacement: format!("\"{}\"", dialect.shown(value, false)) })
    };
    tokens.iter().enumerate().filter_map(quoted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Template, tokenize};

    #[test]
    fn a_word_that_is_a_name_gets_quotes() {
        for (sql, expected) in [
            (
                "SELECT to.a FROM t AS To JOIN u AS end ON to.a = END.b",
                "SELECT \"to\".a FROM t AS \"to\" JOIN u AS \"end\" ON \"to\".a = \"end\".b",
            ),
            (
                "SELECT x AS order, s.desc.a FROM t ORDER BY x DESC",
                "SELECT x AS \"order\", s.desc.a FROM t ORDER BY x DESC",
            ),
            (
                "WITH c AS NOT MATERIALIZED (SELECT 1) SELECT CASE WHEN a THEN .5 END FROM c",
                "WITH c AS NOT MATERIALIZED (SELECT 1) SELECT CASE WHEN a THEN .5 END FROM c",
            ),
            (
                "SELECT 'AS to', \"to\".a FROM t AS \"To\" -- AS to",
                "SELECT 'AS to', \"to\".a FROM t AS \"To\" -- AS to",
            ),
        ] {
            let tokens = tokenize(sql, Dialect::Postgres).expect("tokens");
            assert_eq!(Template::plain(sql).with(&quoted_words(&tokens, Dialect::Postgres)).text(), expected, "{sql}");
        }
    }
}
