//! What SQLGlot reads and writes otherwise, so that it runs under SQLMesh, and DuckDB and PostgreSQL refuse: the frame of a window with
//! two bounds and no BETWEEN (`ROWS UNBOUNDED PRECEDING AND 1 PRECEDING`; the SQL standard, 7.15, has the word), and parentheses behind
//! the standard's names of the present (`CURRENT_TIMESTAMP()`).

use super::{Dialect, Splice, Token, TokenKind};

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

/// Names of the present that neither engine takes for functions.
const NOW: [&str; 4] = ["current_timestamp", "current_time", "localtimestamp", "localtime"];
/// Further ones that PostgreSQL does not.
const OF_POSTGRES: [&str; 2] = ["current_date", "current_user"];

/// Nothing, in place of such parentheses.
pub fn without_parentheses(tokens: &[Token], dialect: Dialect) -> Vec<Splice> {
    let tokens: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let is_now = |token: &Token| {
        let is_any = |words: &[&str]| words.iter().any(|word| token.is_word(word));
        is_any(&NOW) || dialect == Dialect::Postgres && is_any(&OF_POSTGRES)
    };
    let one = |(index, three): (usize, &[&Token])| {
        let is_call = is_now(three[0]) && three[1].is_symbol("(") && three[2].is_symbol(")");
        let is_qualified = index.checked_sub(1).is_some_and(|before| tokens[before].is_symbol("."));
        let range = three[1].range.start..three[2].range.end;
        (is_call && !is_qualified).then_some(Splice { range, replacement: String::new() })
    };
    tokens.windows(3).enumerate().filter_map(one).collect()
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
    fn the_present_has_no_parentheses() {
        let sql = "SELECT CURRENT_TIMESTAMP ( ), current_time(3), s.localtime(), current_date(), current_user(), now()";
        let mended = |dialect| {
            let splices = without_parentheses(&tokenize(sql, dialect).expect("tokens"), dialect);
            Template::plain(sql).render(&splices, &|_| String::new())
        };
        let expected =
            "SELECT CURRENT_TIMESTAMP , current_time(3), s.localtime(), current_date(), current_user(), now()";
        assert_eq!(mended(Dialect::DuckDb), expected);
        assert_eq!(mended(Dialect::Postgres), expected.replace("_date()", "_date").replace("_user()", "_user"));
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
