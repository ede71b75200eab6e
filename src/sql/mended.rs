//! What SQLGlot reads and writes otherwise, so that it runs under SQLMesh, and DuckDB and PostgreSQL refuse: the frame of a window with
//! two bounds and no BETWEEN (`ROWS UNBOUNDED PRECEDING AND 1 PRECEDING`; the SQL standard, 7.15, has the word), and parentheses behind
//! the standard's names of the present (`CURRENT_TIMESTAMP()`), and JOIN without ON or USING, which is a CROSS JOIN there.

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

/// Words before JOIN with which it needs no condition, or is no inner join.
const OTHER_JOINS: [&str; 10] =
    ["cross", "natural", "left", "right", "full", "outer", "semi", "anti", "asof", "positional"];
/// Words with which the tables of a query end.
const AFTER_TABLES: [&str; 10] =
    ["where", "group", "having", "window", "qualify", "order", "limit", "union", "except", "intersect"];

/// A join that has no condition yet, in the tables of one query.
#[derive(Clone, Copy, Default)]
enum Joined {
    #[default]
    Nothing,
    /// By the JOIN with this number among the tokens.
    Bare(usize),
    /// Conditions may come later: `a JOIN b JOIN c ON … ON …`.
    Nested,
}

/// CROSS before the last JOIN of a query that has no condition, in place of an INNER.
pub fn crossed(tokens: &[Token]) -> Vec<Splice> {
    let tokens: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let is = |index: usize, words: &[&str]| words.iter().any(|word| tokens[index].is_word(word));
    let mut levels = vec![Joined::default()];
    let mut bare = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if token.is_symbol("(") {
            levels.push(Joined::Nothing);
            continue;
        }
        let is_end = token.is_symbol(")");
        let Some(level) = levels.last_mut() else { return Vec::new() };
        if is_end || token.is_symbol(",") || is(index, &AFTER_TABLES) {
            bare.extend(std::mem::take(level).bare());
        } else if is(index, &["on", "using"]) {
            *level = Joined::Nothing;
        } else if is(index, &["join"]) && !index.checked_sub(1).is_some_and(|before| tokens[before].is_symbol(".")) {
            let before = [1, 2].map(|back| index.checked_sub(back).is_some_and(|before| is(before, &OTHER_JOINS)));
            *level = match *level {
                Joined::Nothing if before.contains(&true) => Joined::Nothing,
                Joined::Nothing => Joined::Bare(index),
                Joined::Bare(_) | Joined::Nested => Joined::Nested,
            };
        }
        if is_end {
            levels.pop();
        }
    }
    bare.extend(levels.pop().and_then(Joined::bare));
    let splice = |join: usize| {
        let first = if join.checked_sub(1).is_some_and(|before| is(before, &["inner"])) { join - 1 } else { join };
        Splice { range: tokens[first].range.start..tokens[join].range.end, replacement: "CROSS JOIN".to_owned() }
    };
    bare.into_iter().map(splice).collect()
}

impl Joined {
    fn bare(self) -> Option<usize> {
        match self {
            Self::Bare(join) => Some(join),
            Self::Nothing | Self::Nested => None,
        }
    }
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
    fn a_join_without_a_condition_crosses() {
        let mended = |sql: &str| {
            Template::plain(sql).render(&crossed(&tokenize(sql, Dialect::DuckDb).expect("tokens")), &|_| String::new())
        };
        for (sql, expected) in [
            ("SELECT 1 FROM a JOIN b", "SELECT 1 FROM a CROSS JOIN b"),
            (
                "SELECT 1 FROM a INNER JOIN (SELECT 1 AS x) AS b WHERE true",
                "SELECT 1 FROM a CROSS JOIN (SELECT 1 AS x) AS b WHERE true",
            ),
            (
                "SELECT (SELECT 1 FROM a JOIN b), 2 FROM c JOIN d USING (x)",
                "SELECT (SELECT 1 FROM a CROSS JOIN b), 2 FROM c JOIN d USING (x)",
            ),
            ("SELECT 1 FROM a JOIN b ON a.x = b.x JOIN c, d", "SELECT 1 FROM a JOIN b ON a.x = b.x CROSS JOIN c, d"),
        ] {
            assert_eq!(mended(sql), expected);
        }
        for sql in [
            "SELECT 1 FROM a JOIN b ON (a.x = b.x) LEFT JOIN c USING (x) NATURAL JOIN d CROSS JOIN e POSITIONAL JOIN f",
            "SELECT 1 FROM a JOIN b JOIN c ON b.x = c.x ON a.x = b.x",
            "SELECT DISTINCT ON (x) x FROM a NATURAL INNER JOIN b ORDER BY x",
            "SELECT a.join FROM a)",
        ] {
            assert_eq!(mended(sql), sql);
        }
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
