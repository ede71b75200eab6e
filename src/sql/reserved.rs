//! Words of SQL as names: SQLMesh puts every name into quotes, so that `SELECT start, end FROM t` and `JOIN totals AS to` run
//! there, where PostgreSQL and DuckDB refuse them. Only what these refuse is written otherwise.

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

/// Those that stand where a column may: `VALUES (1, DEFAULT)`, `trim(BOTH FROM a)` and `GROUP BY a, HAVING NOT b`, whose
/// comma DuckDB takes.
const NO_COLUMNS: [&str; 6] = ["both", "default", "having", "lateral", "leading", "trailing"];

/// Words behind which a column may stand.
const BEFORE: [&str; 14] =
    ["select", "distinct", "by", "where", "having", "and", "or", "on", "not", "when", "then", "else", "between", "in"];

/// Words that may follow a column.
const BEHIND: [&str; 23] = [
    "from", "as", "where", "is", "in", "between", "like", "ilike", "and", "or", "then", "when", "else", "end", "asc",
    "desc", "not", "order", "group", "having", "limit", "union", "qualify",
];

/// Operators that may follow a column, and all but the last stand before one. A star is none: it may be that of
/// `SELECT * EXCEPT`.
const OPERATORS: [&str; 13] = ["=", "<", ">", "<=", ">=", "<>", "!=", "+", "-", "/", "%", "||", "::"];

/// The same with quotes around them, where each is surely a name.
pub fn quoted_words(tokens: &[Token], dialect: Dialect) -> Vec<Splice> {
    let tokens: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let quoted = |(index, token): (usize, &&Token)| match &token.kind {
        TokenKind::Word { value, .. } if is_name(&tokens, index) => {
            Some(Splice { range: token.range.clone(), replacement: format!("\"{}\"", dialect.shown(value, false)) })
        }
        _ => None,
    };
    tokens.iter().enumerate().filter_map(quoted).collect()
}

/// Whether a token is one of the words and gets quotes: directly behind AS, directly before a dot, and where nothing but a
/// column may stand.
pub(super) fn is_name(tokens: &[&Token], index: usize) -> bool {
    let is_any = |words: &[&str]| tokens.get(index).is_some_and(|token| words.iter().any(|word| token.is_word(word)));
    let is_dot = |index: usize| tokens.get(index).is_some_and(|token| token.is_symbol("."));
    let before = index.checked_sub(1);
    let is_alias = before.is_some_and(|before| tokens[before].is_word("as"));
    let is_qualifier = is_dot(index + 1) && !before.is_some_and(is_dot);
    is_any(&WORDS) && (is_alias || is_qualifier || (is_column(tokens, index) && !is_any(&NO_COLUMNS)))
}

/// Whether a word stands where only a column may, by its neighbours.
fn is_column(tokens: &[&Token], index: usize) -> bool {
    let is = |token: &Token, symbols: &[&str], words: &[&str]| {
        symbols.iter().any(|symbol| token.is_symbol(symbol)) || words.iter().any(|word| token.is_word(word))
    };
    let is_behind = index.checked_sub(1).is_some_and(|before| {
        is(tokens[before], &[",", "("], &BEFORE) || is(tokens[before], &OPERATORS[..OPERATORS.len() - 1], &[])
    });
    let follows = |next: &&Token| is(next, &[",", ")", "*"], &BEHIND) || is(next, &OPERATORS, &[]);
    is_behind && tokens.get(index + 1).is_none_or(follows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Template, tokenize};

    #[test]
    fn what_means_something_stays() {
        for sql in [
            "SELECT trim(BOTH FROM a), trim(TRAILING 'x' FROM a) FROM t",
            "INSERT INTO t VALUES (1, DEFAULT), (DEFAULT, 2)",
            "SELECT * EXCEPT (a), count(*) OVER (ORDER BY a DESC) FROM t GROUP BY ALL ORDER BY a DESC, b ASC LIMIT 1 OFFSET 2",
            "(SELECT a FROM t ORDER BY a) UNION (SELECT 1) EXCEPT SELECT 2 INTERSECT SELECT 3",
            "SELECT CASE WHEN a THEN 1 END = 2, CASE a WHEN 1 THEN 2 END, (CASE WHEN a THEN 1 END) FROM t",
            "SELECT a, FROM t GROUP BY a, HAVING NOT b",
            "SELECT a, FROM t GROUP BY a, HAVING -b < 1 ORDER BY a, LIMIT 1",
            "SELECT a FROM t JOIN u USING (a), LATERAL (SELECT 1) x",
            "CREATE TABLE t (a int PRIMARY KEY, b int DEFAULT 1, UNIQUE (a), CHECK (a > 1), CONSTRAINT c FOREIGN KEY (a) REFERENCES u (a))",
            "SELECT DISTINCT ON (a) a FROM ONLY t FETCH FIRST 1 ROW ONLY",
            "WITH a AS (SELECT 1), b AS (SELECT 2) SELECT a COLLATE \"C\" FROM a INTO x",
            "MERGE INTO t USING u ON t.a = u.a WHEN NOT MATCHED THEN INSERT VALUES (u.a)",
        ] {
            let tokens = tokenize(sql, Dialect::Postgres).expect("tokens");
            assert_eq!(quoted_words(&tokens, Dialect::Postgres), [], "{sql}");
        }
    }

    #[test]
    fn a_word_that_is_a_name_gets_quotes() {
        for (sql, expected) in [
            (
                "SELECT to.a FROM t AS To JOIN u AS end ON to.a = END.b",
                "SELECT \"to\".a FROM t AS \"to\" JOIN u AS \"end\" ON \"to\".a = \"end\".b",
            ),
            (
                "SELECT start, end, group FROM t WHERE end > 1 AND order - 1 = desc::int GROUP BY 1, end ORDER BY end DESC",
                "SELECT start, \"end\", \"group\" FROM t WHERE \"end\" > 1 AND \"order\" - 1 = \"desc\"::int GROUP BY 1, \"end\" ORDER BY \"end\" DESC",
            ),
            ("SELECT max(end), f(a, to) FROM t, only", "SELECT max(\"end\"), f(a, \"to\") FROM t, \"only\""),
            (
                "SELECT *, CASE WHEN a THEN b ELSE end END, c FROM t",
                "SELECT *, CASE WHEN a THEN b ELSE \"end\" END, c FROM t",
            ),
            ("CREATE MACRO f(x) AS array[x, 1]", "CREATE MACRO f(x) AS array[x, 1]"),
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
