//! The frame of a window with two bounds and no BETWEEN (`ROWS UNBOUNDED PRECEDING AND 1 PRECEDING`), which SQLGlot reads as one with
//! BETWEEN, so that it runs under SQLMesh; the SQL standard (7.15, window frame clause) and the engines have the word.

use super::{Splice, Token, TokenKind};

/// The word, where it is left out.
pub fn between(tokens: &[Token]) -> Vec<Splice> {
    let tokens: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let is = |index: usize, words: &[&str]| {
        tokens.get(index).is_some_and(|token| words.iter().any(|word| token.is_word(word)))
    };
    let is_bound = |index: usize| match tokens.get(index).map(|token| &token.kind) {
        Some(TokenKind::Number(_)) => is(index + 1, &["preceding", "following"]),
        _ if is(index, &["current"]) => is(index + 1, &["row"]),
        _ => is(index, &["unbounded"]) && is(index + 1, &["preceding", "following"]),
    };
    let is_missing = |index: usize| {
        is(index, &["rows", "range", "groups"]) && is_bound(index + 1) && is(index + 3, &["and"]) && is_bound(index + 4)
    };
    let missing = (0..tokens.len()).filter(|index| is_missing(*index));
    missing
        .map(|index| {
            let end = tokens[index].range.end;
            Splice { range: end..end, replacement: " BETWEEN".to_owned() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Dialect, Template, tokenize};

    fn mended(sql: &str) -> String {
        let splices = between(&tokenize(sql, Dialect::DuckDb).expect("tokens"));
        Template::plain(sql).render(&splices, &|_| String::new())
    }

    #[test]
    fn two_bounds_are_a_frame_between_them() {
        for (sql, expected) in [
            (
                "sum(a) OVER (ORDER BY b ROWS UNBOUNDED PRECEDING AND 1 PRECEDING)",
                "sum(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)",
            ),
            (
                "sum(a) OVER (ORDER BY b range current row and unbounded following)",
                "sum(a) OVER (ORDER BY b range BETWEEN current row and unbounded following)",
            ),
        ] {
            assert_eq!(mended(sql), expected);
        }
    }

    #[test]
    fn what_the_engines_take_stays() {
        for sql in [
            "sum(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)",
            "sum(a) OVER (ORDER BY b ROWS UNBOUNDED PRECEDING)",
            "SELECT rows, current FROM t WHERE rows AND current",
        ] {
            assert_eq!(mended(sql), sql);
        }
    }
}
