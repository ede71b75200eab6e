//! The significant stretches of a text by their kinds alone: what can be read off a query where no tree of it is needed.

use std::ops::Range;

use super::{Dialect, Part, Token, TokenKind, Walk, tokenize};

/// The significant stretches of a text, in order; `None` where nobody can cut it.
pub(super) fn lexemes(text: &str, dialect: Dialect) -> Option<Vec<Lexeme>> {
    walked(text, dialect).or_else(|| tokenized(text, dialect))
}

/// A significant stretch of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lexeme {
    /// What it is.
    pub(super) kind: Kind,
    /// Its bytes in the text.
    pub(super) range: Range<usize>,
}

/// What a stretch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or name without quotes.
    Word,
    /// A name in quotes.
    Quoted,
    /// A number.
    Number,
    /// Between single quotes, which are its first and last byte.
    Text,
    /// Anything else.
    Sign,
}

/// The usual text, cut without a copy; `None` where only the tokeniser can read it.
fn walked(text: &str, dialect: Dialect) -> Option<Vec<Lexeme>> {
    let has_backticks = matches!(dialect, Dialect::BigQuery | Dialect::Databricks | Dialect::Spark);
    let mut walk = Walk::over(text, dialect)?;
    let mut lexemes: Vec<Lexeme> = Vec::with_capacity(text.len() / 4);
    loop {
        let part = walk.step()?;
        let range = walk.start_of(&part)..walk.place();
        let before = lexemes.last_mut().filter(|before| before.range.end == range.start);
        let kind = match part {
            Part::End => return Some(lexemes),
            Part::Time(..) => return None,
            Part::Word(_) => Kind::Word,
            // Texts, where names stand in backticks.
            Part::Quoted(_) if has_backticks && text[range.clone()].starts_with('"') => Kind::Sign,
            Part::Quoted(_) => Kind::Quoted,
            Part::Text(_) => Kind::Text,
            // `1.5`; what `1.` and `.5` are is the tokeniser's affair.
            Part::Number(_) => match before {
                Some(point) if text[point.range.clone()].ends_with('.') => {
                    let number = lexemes.iter().rev().nth(1)?;
                    if number.kind != Kind::Number || number.range.end + 1 != range.start || lexemes.len() < 2 {
                        return None;
                    }
                    let start = number.range.start;
                    lexemes.truncate(lexemes.len() - 2);
                    lexemes.push(Lexeme { kind: Kind::Number, range: start..range.end });
                    continue;
                }
                _ => Kind::Number,
            },
            Part::Sign(sign) => match before {
                Some(number) if sign == b'.' && number.kind == Kind::Number => {
                    text.as_bytes().get(range.end).filter(|byte| byte.is_ascii_digit())?;
                    Kind::Sign
                }
                Some(colon) if sign == b':' && text[colon.range.clone()] == *":" => {
                    colon.range.end = range.end;
                    continue;
                }
                _ => Kind::Sign,
            },
        };
        lexemes.push(Lexeme { kind, range });
    }
}

fn tokenized(text: &str, dialect: Dialect) -> Option<Vec<Lexeme>> {
    let lexeme = |token: Token| {
        let kind = match &token.kind {
            TokenKind::Word { quote: None, .. } => Kind::Word,
            TokenKind::Word { .. } => Kind::Quoted,
            TokenKind::Number(_) => Kind::Number,
            TokenKind::String(text) if text.starts_with('\'') => Kind::Text,
            TokenKind::String(_) | TokenKind::Symbol(_) => Kind::Sign,
            TokenKind::Comment(_) | TokenKind::Space => return None,
        };
        Some(Lexeme { kind, range: token.range })
    };
    Some(tokenize(text, dialect).ok()?.into_iter().filter_map(lexeme).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_finds_what_the_tokeniser_does() {
        let texts = [
            "SELECT a::INT, 'it''s', 1.25, t.\"x y\", -- c\n 2e3 FROM t /* d */ WHERE x = '(' AND y::DECIMAL(10, 2)[] IS NULL",
            "with a as (select x['k'][1:2], {'a': 1}) select * exclude (b), count(*) filter (where c) from a;",
            "SELECT CAST(a AS TIMESTAMP WITH TIME ZONE), 1 / 2, a.b.c, `q` FROM `p.d.t`",
        ];
        let mut walks = 0;
        for (dialect, _) in Dialect::NAMES {
            for text in texts {
                let (Some(walked), Some(tokenized)) = (walked(text, dialect), tokenized(text, dialect)) else {
                    continue;
                };
                assert_eq!(walked, tokenized, "{dialect}: {text}");
                walks += 1;
            }
        }
        assert!(walks > 12, "{walks}");
        for unusual in ["SELECT 1.", "SELECT .5", "SELECT ü", "SELECT E'a'", "SELECT $1", "SELECT a -- x\r, b"] {
            assert_eq!(walked(unusual, Dialect::DuckDb), None, "{unusual}");
        }
    }
}
