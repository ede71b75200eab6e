//! What SQLMesh takes in any file because sqlglot does, and engines do not, as the engine's own words of the same length:
//! Jinja's comments outside of Jinja blocks, `{# … #}`, and `* EXCEPT (a)` where that is `* EXCLUDE (a)`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::jinja::{Block, blocks, masked};
use crate::sql::{Dialect, Token, TokenKind, tokenize};

const OPEN: &str = "{#";
const CLOSE: &str = "#}";
/// So often it is looked again whether what was taken for comments is some.
const MAX_TRIES: usize = 8;
const EXCEPT: &str = "EXCEPT";
const EXCLUDE: &str = "EXCLUDE";

/// A file's Jinja blocks, and its text as it can be cut into words: each block is one word. Bytes and lines stay where they are.
pub(in crate::project) fn plain(text: &str, dialect: Dialect) -> (Vec<Block>, Cow<'_, str>) {
    let blocks = blocks(text);
    let plain = match blocks.as_slice() {
        [] => Cow::Borrowed(text),
        some => Cow::Owned(masked(text, some)),
    };
    let plain = without_jinja(&plain, dialect).map_or(plain, Cow::Owned);
    let excluded = with_exclude(&plain, dialect);
    (blocks, excluded.map_or(plain, Cow::Owned))
}

/// With comments of SQL for those of Jinja. What stands in a string or a comment of the dialect stays as it is, and so does what
/// follows it.
fn without_jinja(text: &str, dialect: Dialect) -> Option<String> {
    let mut comments = comments(text);
    for _ in 0..MAX_TRIES {
        if comments.is_empty() {
            return None;
        }
        let made = with_comments(text, &comments);
        let wrong = match tokenize(&made, dialect) {
            Ok(tokens) => {
                let is_comment = |token: &&Token| matches!(token.kind, TokenKind::Comment(_));
                let known: BTreeSet<(usize, usize)> =
                    tokens.iter().filter(is_comment).map(|token| (token.range.start, token.range.end)).collect();
                comments.iter().position(|comment| !known.contains(&(comment.start, comment.end)))
            }
            Err(error) => comments.iter().position(|comment| comment.end > error.offset).or(Some(comments.len() - 1)),
        };
        match wrong {
            None => return Some(made),
            Some(wrong) => comments.truncate(wrong),
        }
    }
    None
}

/// With the dialect's word for the columns that a star leaves out. It is a byte longer, so a blank beside it goes.
fn with_exclude(text: &str, dialect: Dialect) -> Option<String> {
    if !matches!(dialect, Dialect::DuckDb | Dialect::Snowflake) || !text.to_ascii_uppercase().contains(EXCEPT) {
        return None;
    }
    let tokens = tokenize(text, dialect).ok()?;
    let words: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let mut made = text.as_bytes().to_vec();
    for around in words.windows(5) {
        let [star, except, open, name, next] = around else { continue };
        let is_list = matches!(name.kind, TokenKind::Word { .. }) && (next.is_symbol(",") || next.is_symbol(")"));
        if !star.is_symbol("*") || !except.is_word(EXCEPT) || !open.is_symbol("(") || !is_list {
            continue;
        }
        let (start, end) = (except.range.start, except.range.end);
        let is_blank = |at: usize| made.get(at).is_some_and(|byte| *byte == b' ');
        let from = match (is_blank(end), is_blank(start - 1)) {
            (true, _) => start,
            (_, true) => start - 1,
            _ => continue,
        };
        made[from..from + EXCLUDE.len()].copy_from_slice(EXCLUDE.as_bytes());
    }
    String::from_utf8(made).ok().filter(|made| made != text)
}

/// Where comments stand, by a look at what is alike in all dialects.
fn comments(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let Some(last) = text.rfind(CLOSE).filter(|_| text.contains(OPEN)) else { return found };
    let end_of = |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    let mut at = 0;
    while let Some(step) = text[at..].find(['\'', '"', '`', '-', '/', '{']) {
        let start = at + step;
        let rest = &text[start..];
        at = match rest.as_bytes() {
            [b'\'', ..] => end_of(start + 1, "'"),
            [b'"', ..] => end_of(start + 1, "\""),
            [b'`', ..] => end_of(start + 1, "`"),
            [b'-', b'-', ..] => end_of(start, "\n"),
            [b'/', b'*', ..] => end_of(start + 2, "*/"),
            _ if rest.starts_with(OPEN) && start + OPEN.len() <= last => {
                let end = end_of(start + OPEN.len(), CLOSE);
                found.push(start..end);
                end
            }
            _ => start + 1,
        };
    }
    found
}

fn with_comments(text: &str, comments: &[Range<usize>]) -> String {
    let mut made = String::with_capacity(text.len());
    let mut copied = 0;
    for Range { start, end } in comments {
        let inside = &text[start + OPEN.len()..end - CLOSE.len()];
        made.push_str(&text[copied..*start]);
        // A slash could end the comment, or begin one in it.
        made.extend(["/*", &inside.replace('/', " "), "*/"]);
        copied = *end;
    }
    made.push_str(&text[copied..]);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_of_jinja_become_comments_of_sql_in_place() {
        for (text, made) in [
            ("SELECT 1 {# one #} AS x", "SELECT 1 /* one */ AS x"),
            ("{#- it's\n'two' -#}SELECT {##} 1", "/*- it's\n'two' -*/SELECT /**/ 1"),
            ("SELECT {# /* a */ -- b #} 1", "SELECT /*  * a *  -- b */ 1"),
            ("SELECT 'it''s {# x #}' {# y #}", "SELECT 'it''s {# x #}' /* y */"),
            ("SELECT \"{# x #}\" -- {# y #}\n, /* {# z #} */ 1", "SELECT \"{# x #}\" -- {# y #}\n, /* {# z #} */ 1"),
            ("SELECT 1 {# never closed", "SELECT 1 {# never closed"),
            ("SELECT é {# é #} AS x", "SELECT é /* é */ AS x"),
            ("SELECT {# a #} 1, E'it\\'s {# b #}' {# c #}", "SELECT /* a */ 1, E'it\\'s {# b #}' {# c #}"),
        ] {
            let (blocks, plain) = plain(text, Dialect::DuckDb);
            assert_eq!((blocks.len(), plain.as_ref()), (0, made));
            assert_eq!(plain.len(), text.len());
        }
        let (blocks, plain) = plain("JINJA_QUERY_BEGIN; SELECT {# a #} 1; JINJA_END; {# b #}", Dialect::DuckDb);
        assert_eq!(blocks.len(), 1);
        assert!(plain.ends_with("/* b */") && !plain.contains("a"), "{plain}");
    }

    #[test]
    fn a_star_without_columns_is_said_in_the_engines_word() {
        for (text, made) in [
            ("SELECT * EXCEPT (a), t.* except(b, c) FROM t", "SELECT * EXCLUDE(a), t.*EXCLUDE(b, c) FROM t"),
            ("SELECT *\nEXCEPT(a) FROM t", "SELECT *\nEXCEPT(a) FROM t"),
            ("SELECT * EXCLUDE (a) FROM t", "SELECT * EXCLUDE (a) FROM t"),
            ("SELECT 2 * EXCEPT (SELECT 1)", "SELECT 2 * EXCEPT (SELECT 1)"),
            ("SELECT * FROM t EXCEPT (SELECT * FROM u)", "SELECT * FROM t EXCEPT (SELECT * FROM u)"),
            (
                "SELECT '* EXCEPT (a)', \"* EXCEPT (a)\" -- * EXCEPT (a)",
                "SELECT '* EXCEPT (a)', \"* EXCEPT (a)\" -- * EXCEPT (a)",
            ),
        ] {
            assert_eq!(plain(text, Dialect::DuckDb).1, made);
            assert_eq!(plain(text, Dialect::BigQuery).1, text);
        }
    }

    /// What only the dialect tells is looked at by its own words: no text of a string is touched.
    #[test]
    fn a_string_with_an_escaped_quote_stays_as_it_is() {
        let text = r"SELECT 'it\'s', '{# x #}'";
        assert_eq!(plain(text, Dialect::BigQuery).1, text);
        let text = "SELECT $$ ' $$, '{# x #}'";
        assert_eq!(plain(text, Dialect::Postgres).1, text);
    }
}
