//! The usual file, `MODEL (…);` and one query without macros, cut in one walk over its bytes.
//!
//! Most files of a project are such, and a plan needs no more of most of them than their header and the words of their
//! query. Wherever [`Walk`] does not know, there is no quick cut, and the tokeniser decides: the two must never differ (a test
//! holds them together).

use std::ops::Range;

use crate::sql::{Dialect, Mentions, Part, Piece, TIME_FUNCTION, Template, TimeVariable, Walk};

/// A file that was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The end of the header: after its semicolon.
    pub(super) header: usize,
    /// The query, without what surrounds it; `None` where nothing follows the header.
    pub(super) query: Option<Range<usize>>,
    /// The time variables in the query: where each begins, and how many bytes it has.
    pub(super) times: Vec<(usize, usize, TimeVariable)>,
    /// What the query may name.
    pub(super) mentions: Mentions,
}

impl Cut {
    /// The query in pieces; `None` where there is none.
    pub(super) fn template(&self, text: &str) -> Option<Template> {
        let range = self.query.clone()?;
        let source = |range: Range<usize>| Piece::Source { offset: range.start, text: text[range].to_owned() };
        let mut pieces = Vec::new();
        let mut copied = range.start;
        for (offset, length, variable) in &self.times {
            pieces.push(source(copied..*offset));
            pieces.push(Piece::Time { variable: *variable, offset: *offset });
            copied = offset + length;
        }
        if copied < range.end {
            pieces.push(source(copied..range.end));
        }
        Some(Template::new(pieces))
    }
}

/// First words of a query; anything else may be a statement.
const FIRST_WORDS: [&str; 3] = ["select", "with", "from"];

/// Cuts a file; `None` where the tokeniser must.
pub(super) fn cut(text: &str, dialect: Dialect) -> Option<Cut> {
    let mut walk = Walk::over(text, dialect)?;
    let header = header(&mut walk)?;
    let mut mentions = Mentions::builder();
    let mut query: Option<Range<usize>> = None;
    let mut times = Vec::new();
    loop {
        let part = walk.step()?;
        let start = walk.start_of(&part);
        match &part {
            Part::End => break,
            // Whatever stands after a semicolon is another statement.
            Part::Sign(b';') => {
                query.as_ref()?;
                let is_last = matches!(walk.step()?, Part::End);
                return is_last.then(|| Cut { header, query, times, mentions: mentions.finish() });
            }
            Part::Word(word) => {
                let first = query.is_none();
                if first && !FIRST_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)) {
                    return None;
                }
                mentions.word(word);
            }
            Part::Number(number) => mentions.word(number),
            Part::Quoted(body) => mentions.quoted(body),
            Part::Text(body) => mentions.literal(body),
            Part::Sign(sign) => mentions.sign(*sign),
            Part::Time(variable, length) => {
                times.push((start, *length, *variable));
                // As in the text that is analysed, and as written.
                mentions.word(TIME_FUNCTION);
                mentions.literal(&variable.name());
                mentions.literal(text.get(start + 1..start + length)?);
                mentions.sign(b')');
            }
        }
        if query.is_none() && !matches!(part, Part::Word(_)) {
            return None;
        }
        query.get_or_insert(start..start).end = walk.place();
    }
    Some(Cut { header, query, times, mentions: mentions.finish() })
}

/// Walks over `MODEL (…);` and tells where it ends.
fn header(walk: &mut Walk<'_>) -> Option<usize> {
    let begins = matches!(walk.step()?, Part::Word(word) if word.eq_ignore_ascii_case("model"));
    if !begins || !matches!(walk.step()?, Part::Sign(b'(')) {
        return None;
    }
    let mut depth = 1_usize;
    while depth > 0 {
        match walk.step()? {
            Part::Sign(b'(') => depth += 1,
            Part::Sign(b')') => depth -= 1,
            Part::Sign(b';') | Part::End => return None,
            _ => {}
        }
    }
    matches!(walk.step()?, Part::Sign(b';')).then_some(walk.place())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{Token, TokenKind, tokenize};

    /// What the tokeniser makes of the same text.
    fn by_tokens(text: &str, dialect: Dialect) -> (Range<usize>, Mentions) {
        let tokens = tokenize(text, dialect).expect("tokens");
        let end = tokens.iter().position(|token| token.is_symbol(";")).expect("a header");
        let query: Vec<&Token> = tokens[end + 1..].iter().filter(|token| token.is_significant()).collect();
        let query: Vec<&Token> = query.into_iter().take_while(|token| !token.is_symbol(";")).collect();
        let range = query.first().expect("a query").range.start..query.last().expect("a query").range.end;
        // Where a number ends is the dialect's affair, and a number names nothing.
        let named = query.into_iter().filter(|token| !matches!(token.kind, TokenKind::Number(_)));
        (range, Mentions::of(named))
    }

    #[test]
    fn a_quick_cut_is_what_the_tokeniser_says() {
        let queries = [
            "SELECT 1",
            "with a as (select 'it''s; -- no' as x, \"a;b\" from s.t) select * from a -- end",
            "SELECT a.b, 1.5e3, .5, 2e-3, x::text FROM s.\"T t\" . u /* ; */ WHERE x <> '%.csv' ;  -- done",
            "from s.t select [1, 2][1], {'a': 1}, x -> 2, a // b",
            "SELECT regexp_replace(x, '\\.', '') FROM s.t",
            "select \"x\"\"y\" from t\n\n;\n",
            "select E'a\\'b' from t",
            "select $$a;b$$ from t",
            "select ü from ö.ä",
            "select 'ü;' from t",
            "select 1_000 from t",
            "select '' from t",
            "select 1 /* a /* b */ c */ from t",
            "select @x from t",
            "select \"@start_ds\" from t",
            "select '@start_ds' from t",
            "select x from t where ds between @start_ds and @END_dt and x<@execution_epoch",
            "select @start_ds",
            "select x@start_ds from t",
            "select @start_ds.x, @start_ds(1), @start_dsx from t",
            "select a`b;c` from t",
            "select 1 -- x\rfrom t",
            "select 1; select 2",
            "select '''a''' from t",
        ];
        let mut cuts = 0;
        for (dialect, _) in Dialect::NAMES {
            for query in queries {
                let text = format!("-- a comment; (\nMODEL (name s.a, cron '@daily', description 'x;)');\n\n{query}");
                let Some(cut) = cut(&text, dialect) else { continue };
                let (range, mentions) = by_tokens(&text, dialect);
                assert_eq!(cut.query, Some(range), "{dialect}: {query}");
                let (expanded, problems) = crate::project::macros::expanded(&text, cut.header, dialect);
                let mentions = match cut.times.is_empty() {
                    true => mentions,
                    false => Mentions::of(tokenize(&expanded.text(), dialect).expect("tokens").iter()),
                };
                assert_eq!(cut.template(&text), Some(expanded), "{dialect}: {query}");
                assert!(problems.is_empty(), "{dialect}: {query}: {problems:?}");
                assert_eq!(cut.mentions.paths(), mentions.paths(), "{dialect}: {query}");
                let missed = mentions.words().iter().find(|word| !cut.mentions.words().contains(word));
                assert_eq!(missed, None, "{dialect}: {query}");
                let missed = mentions.pairs().iter().find(|pair| !cut.mentions.pairs().contains(pair));
                assert_eq!(missed, None, "{dialect}: {query}");
                cuts += 1;
            }
        }
        assert!(cuts > 60, "{cuts} quick cuts");
    }

    #[test]
    fn what_is_unusual_is_left_to_the_tokeniser() {
        for text in [
            "SELECT 1; SELECT 2",
            "MODEL (name a.b) SELECT 1;",
            "MODEL (name a.b; SELECT 1",
            "MODEL (name a.b);\n@m(x)",
            "",
        ] {
            assert_eq!(cut(text, Dialect::DuckDb), None, "{text}");
        }
        let bare = cut("MODEL (name a.b, kind SEED (path 'x'));\n", Dialect::DuckDb).expect("a cut");
        assert_eq!(bare.query, None);
    }
}
