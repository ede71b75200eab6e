//! `@IF`: of two values one, or a whole statement or nothing.

use super::lexeme::{Kind, Lexeme, outside, split, trimmed};
use super::{Expander, Outcome, Step};

impl Expander<'_> {
    /// `@IF(condition, value [, otherwise])` or `@IF(condition, statement)`.
    pub(super) fn choice(&mut self, body: &[Lexeme], at: usize, depth: usize) -> Step<Outcome> {
        let comma = outside(body, &|index| body[index].is_symbol(","));
        let statement = comma.map(|comma| trimmed(&body[comma + 1..])).filter(|rest| is_statement(rest));
        let parts = match (comma, statement) {
            (Some(comma), Some(statement)) => vec![trimmed(&body[..comma]), statement],
            _ => split(body),
        };
        let (condition, value, otherwise) = match parts.as_slice() {
            [condition, value] => (condition, value, None),
            [condition, value, otherwise] => (condition, value, Some(otherwise)),
            _ => {
                self.refuse(
                    at,
                    "`@IF` takes a condition, a value, and what stands otherwise",
                    "write `@IF(condition, a, b)`",
                );
                return None;
            }
        };
        match (self.holds(condition, at, depth)?, otherwise) {
            (true, _) => self.outcome(value, depth),
            (false, Some(otherwise)) => self.outcome(otherwise, depth),
            (false, None) => Some(Outcome::Nothing),
        }
    }
}

/// What begins a query: no expression begins so.
const QUERIES: [&str; 4] = ["select", "with", "from", "values"];
/// What begins another statement, where a name or a word follows: `update t …` is one, `update + 1` and `replace(…)` are none.
#[rustfmt::skip]
const STATEMENTS: [&str; 45] = [
    "alter", "analyze", "attach", "begin", "cache", "call", "checkpoint", "cluster", "comment", "commit", "copy", "create",
    "delete", "desc", "describe", "detach", "do", "drop", "execute", "explain", "export", "grant", "import", "insert",
    "install", "load", "lock", "merge", "msck", "optimize", "pivot", "pragma", "prepare", "refresh", "reindex", "replace",
    "reset", "revoke", "rollback", "set", "summarize", "truncate", "update", "use", "vacuum",
];
/// What goes on with an expression behind a name.
const OPERATORS: [&str; 18] = [
    "and", "as", "asc", "at", "between", "collate", "desc", "div", "glob", "ilike", "in", "is", "isnull", "like",
    "not", "notnull", "or", "over",
];

/// Whether a whole statement begins here. SQLMesh reads all up to the closing parenthesis as one where it reads no expressions,
/// with the commas in it.
fn is_statement(part: &[Lexeme]) -> bool {
    let is_one_of = |lexeme: &Lexeme, words: &[&str]| words.iter().any(|word| lexeme.is_word(word));
    let mut significant = part.iter().filter(|lexeme| lexeme.is_significant());
    let (Some(first), next, third) = (significant.next(), significant.next(), significant.next()) else { return false };
    let goes_on = |next: &Lexeme| match next.kind {
        Kind::Symbol => first.is_word("copy") && next.text == "(",
        // `CREATE OR REPLACE`, `INSERT OR IGNORE`.
        Kind::Word if next.is_word("or") => third.is_some_and(|third| is_one_of(third, &["replace", "ignore"])),
        Kind::Word => !is_one_of(next, &OPERATORS),
        _ => true,
    };
    match next {
        Some(next) if is_one_of(first, &QUERIES) => {
            !matches!(next.text.as_str(), "," | "." | "=" | "::") || next.kind != Kind::Symbol
        }
        Some(next) => is_one_of(first, &STATEMENTS) && goes_on(next),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{run, same};
    use crate::sql::Dialect;

    #[test]
    fn a_statement_is_chosen_with_its_commas() {
        for statement in [
            "SELECT 1 AS a, 2 AS b",
            "FROM t SELECT a, b",
            "WITH x AS (SELECT 1), y AS (SELECT 2) SELECT * FROM x, y",
            "INSERT INTO main.t3 (a, b) VALUES (1, 2), (3, 4)",
            "UPDATE t SET a = 5, b = 6",
            "GRANT SELECT, INSERT ON t TO a, b",
            "TRUNCATE t, u",
            "CREATE OR REPLACE TABLE t AS SELECT 1 AS a, 2 AS b",
            "INSERT OR IGNORE INTO t VALUES (1), (2)",
            "CALL f(1, 2), 3",
            "COPY (SELECT 1, 2) TO 'x' (FORMAT csv, HEADER)",
        ] {
            same(&format!("@IF(1 = 1, {statement})"), statement);
            same(&format!("@IF(1 = 2, {statement}); SELECT 1"), "SELECT 1");
            same(&format!("@IF(TRUE, @IF(1 = 1, {statement}))"), statement);
        }
        same("SELECT * FROM (@IF(1 = 1, SELECT 1 AS a, 2 AS b)) AS t", "SELECT * FROM (SELECT 1 AS a, 2 AS b) AS t");
        same("@IF(1 = 1, UPDATE t SET a = @limit_rows, b = @EVAL(1 + 1))", "UPDATE t SET a = 10, b = 2");
    }

    #[test]
    fn expressions_are_chosen_between_commas() {
        same("SELECT @IF(TRUE, a, b), @IF(FALSE, a, b), @IF(TRUE, a AS x, b AS y)", "SELECT a, b, a AS x");
        same("SELECT @IF(FALSE, (SELECT 1, 2), (SELECT 3, 4))", "SELECT (SELECT 3, 4)");
        // Words that begin statements are names, too.
        for value in
            ["set", "comment || 'x'", "replace('a', 'b', 'c')", "load.x", "values", "use IS NULL", "update AS x"]
        {
            same(&format!("SELECT @IF(TRUE, {value}, b), @IF(FALSE, {value}, b)"), &format!("SELECT {value}, b"));
        }
        assert_eq!(run("SELECT @IF(TRUE, a, b, c)", Dialect::DuckDb).1.len(), 1);
    }
}
