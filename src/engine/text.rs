//! What must be known of a text of statements before it is sent: where each begins, and whether the last gives rows that
//! may stand in a query of ours.

use crate::sql::{Dialect, tokenize};

/// The statements of a text, without the `;` between them. A text that cannot be cut into tokens is one statement.
pub(super) fn split(sql: &str, dialect: Dialect) -> Vec<&str> {
    let Ok(tokens) = tokenize(sql, dialect) else { return vec![sql] };
    let (mut statements, mut start, mut says) = (Vec::new(), 0, false);
    for token in &tokens {
        if token.is_symbol(";") {
            if says {
                statements.push(&sql[start..token.range.start]);
            }
            (start, says) = (token.range.end, false);
        } else {
            says |= token.is_significant();
        }
    }
    if says {
        statements.push(&sql[start..]);
    }
    statements
}

/// Whether a statement may stand in `FROM ( … )`: it begins with one of the dialect's words, or a parenthesis.
pub(super) fn is_query(sql: &str, dialect: Dialect, words: &[&str]) -> bool {
    let Ok(tokens) = tokenize(sql, dialect) else { return false };
    let first = tokens.iter().find(|token| token.is_significant());
    first.is_some_and(|token| token.is_symbol("(") || words.iter().any(|word| token.is_word(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_split_outside_of_strings() {
        let split = |sql| split(sql, Dialect::DuckDb);
        assert_eq!(split("select ';' ; -- a;\n select 2 -- b"), ["select ';' ", " -- a;\n select 2 -- b"]);
        assert_eq!(split(" ; -- nothing\n"), Vec::<&str>::new());
        assert!(is_query("-- x\n(select 1)", Dialect::DuckDb, &["select"]));
        assert!(!is_query("explain select 1", Dialect::DuckDb, &["select"]));
    }
}
