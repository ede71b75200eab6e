//! Whether a text takes all columns of what it reads at once, so that which ones these are, and their order, say what it gives.

use super::token::Token;

/// Functions that have a FROM of their own.
const WITH_FROM: [&str; 5] = ["extract", "substring", "trim", "overlay", "position"];

/// Words between two parts of a set operation.
const SETS: [&str; 3] = ["union", "intersect", "except"];

/// Whether there is a star in a projection, a FROM without a SELECT, or a TABLE in place of both. May say so of a text that only seems to.
pub fn is_all_columns(tokens: &[Token]) -> bool {
    let tokens: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let is_any = |token: &Token, words: &[&str]| words.iter().any(|word| token.is_word(word));
    let has_distinct_on = tokens.windows(2).any(|two| two[0].is_word("distinct") && two[1].is_word("on"));
    // Of each query around the place, whether its SELECT stands before it.
    let mut selects = vec![false];
    for (place, token) in tokens.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| tokens[before]);
        let is_before = |symbol: &str| before.is_some_and(|before| before.is_symbol(symbol));
        if token.is_symbol("(") {
            // Such a FROM is none of a query.
            selects.push(before.is_some_and(|before| is_any(before, &WITH_FROM)));
        } else if token.is_symbol(")") {
            selects.pop();
        } else if token.is_word("select") || is_any(token, &SETS) {
            selects.pop();
            selects.push(token.is_word("select"));
        } else if token.is_word("from") && selects.last() == Some(&false)
            || token.is_word("table") && (before.is_none() || is_before("("))
        {
            return true;
        } else if token.is_symbol("*") {
            let is_counted = is_before("(")
                && tokens.get(place + 1).is_some_and(|next| next.is_symbol(")"))
                && !place.checked_sub(2).is_some_and(|function| tokens[function].is_word("columns"));
            let begins = before.is_some_and(|before| is_any(before, &["select", "distinct", "all"]));
            let is_first = begins || is_before(",") || is_before(".") || is_before("(");
            if is_first && !is_counted || is_before(")") && has_distinct_on {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Dialect, tokenize};

    #[test]
    fn what_takes_all_columns_is_told_from_what_multiplies_or_counts() {
        let all = |sql: &str| is_all_columns(&tokenize(sql, Dialect::DuckDb).expect("tokens"));
        for sql in [
            "SELECT * FROM a",
            "SELECT x, a.* EXCLUDE (y) FROM a",
            "SELECT DISTINCT ON (x) * FROM a",
            "SELECT sum(x) FROM (SELECT DISTINCT * FROM a)",
            "SELECT min(COLUMNS(*)) FROM a",
            "FROM a WHERE x > 1",
            "WITH b AS (SELECT 1 AS x) FROM b",
            "SELECT 1 AS x WHERE x IN (FROM a)",
            "SELECT x FROM a UNION ALL FROM a",
            "TABLE a",
        ] {
            assert!(all(sql), "{sql}");
        }
        for sql in [
            "SELECT count(*), 2 * x AS y, (x) * 2, x * (1) FROM a",
            "SELECT extract(year FROM x), count(*) FILTER (WHERE x > 1) FROM a WHERE x * 2 > (SELECT max(y) FROM b)",
        ] {
            assert!(!all(sql), "{sql}");
        }
    }
}
