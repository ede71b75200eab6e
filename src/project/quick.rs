//! The usual file, `MODEL (…);` and one query without macros, cut in one walk over its bytes.
//!
//! Most files of a project are such, and a plan needs no more of most of them than their header and the words of their
//! query. Wherever a byte could mean something else in the file's dialect, there is no quick cut, and the tokeniser
//! decides: the two must never differ (a test holds them together).

use std::ops::Range;

use crate::sql::{Dialect, Mentions, Piece, TIME_FUNCTION, Template, TimeVariable};

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
    if matches!(dialect, Dialect::MySql | Dialect::MsSql | Dialect::Hive) {
        return None;
    }
    let mut walk = Walk { bytes: text.as_bytes(), text, at: 0, dialect };
    let header = header(&mut walk)?;
    let mut mentions = Mentions::builder();
    let mut query: Option<Range<usize>> = None;
    let mut times = Vec::new();
    loop {
        let part = walk.next()?;
        let start = walk.start_of(&part);
        match &part {
            Part::End => break,
            // Whatever stands after a semicolon is another statement.
            Part::Sign(b';') => {
                query.as_ref()?;
                let is_last = matches!(walk.next()?, Part::End);
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
        query.get_or_insert(start..start).end = walk.at;
    }
    Some(Cut { header, query, times, mentions: mentions.finish() })
}

/// Walks over `MODEL (…);` and tells where it ends.
fn header(walk: &mut Walk<'_>) -> Option<usize> {
    let begins = matches!(walk.next()?, Part::Word(word) if word.eq_ignore_ascii_case("model"));
    if !begins || !matches!(walk.next()?, Part::Sign(b'(')) {
        return None;
    }
    let mut depth = 1_usize;
    while depth > 0 {
        match walk.next()? {
            Part::Sign(b'(') => depth += 1,
            Part::Sign(b')') => depth -= 1,
            Part::Sign(b';') | Part::End => return None,
            _ => {}
        }
    }
    matches!(walk.next()?, Part::Sign(b';')).then_some(walk.at)
}

/// A stretch of significant bytes.
enum Part<'t> {
    Word(&'t str),
    /// A number, or the digits of one.
    Number(&'t str),
    /// Between double quotes or backticks.
    Quoted(&'t str),
    /// Between single quotes.
    Text(&'t str),
    Sign(u8),
    /// `@start_ds` and its like, with the number of its bytes.
    Time(TimeVariable, usize),
    End,
}

struct Walk<'t> {
    bytes: &'t [u8],
    text: &'t str,
    at: usize,
    dialect: Dialect,
}

impl<'t> Walk<'t> {
    /// The next significant part; `None` where only the dialect's tokeniser can tell what it is.
    fn next(&mut self) -> Option<Part<'t>> {
        loop {
            let Some(byte) = self.bytes.get(self.at).copied() else { return Some(Part::End) };
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'-' if self.follows(b'-') => self.line_comment()?,
                b'/' if self.follows(b'*') => self.comment()?,
                b'/' if self.follows(b'/') => return None,
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => return self.word().map(Part::Word),
                b'0'..=b'9' => return self.word().filter(|digits| is_plain_number(digits)).map(Part::Number),
                b'\'' => return self.quoted(b'\'').map(Part::Text),
                b'"' => return self.quoted(b'"').filter(|body| !body.contains('@')).map(Part::Quoted),
                b'`' if self.has_backticks() => {
                    return self.quoted(b'`').filter(|body| !body.contains('@')).map(Part::Quoted);
                }
                b'@' => return self.time(),
                // Parameters, other comments and quotes, and letters that only some dialects take for such.
                b'`' | b'#' | b'$' | b'\\' | 0..=31 | 127.. => return None,
                sign => {
                    self.at += 1;
                    return Some(Part::Sign(sign));
                }
            }
        }
    }

    /// Where a part that was just taken began.
    fn start_of(&self, part: &Part<'_>) -> usize {
        self.at
            - match part {
                Part::Word(text) | Part::Number(text) => text.len(),
                Part::Quoted(text) | Part::Text(text) => text.len() + 2,
                Part::Sign(_) => 1,
                Part::Time(_, length) => *length,
                Part::End => 0,
            }
    }

    fn follows(&self, byte: u8) -> bool {
        self.bytes.get(self.at + 1) == Some(&byte)
    }

    /// A carriage return alone ends the line in some dialects only.
    fn line_comment(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let line = rest.split('\n').next().unwrap_or_default();
        self.at += line.len();
        (!line.trim_end_matches('\r').contains('\r')).then_some(())
    }

    /// A comment inside a comment ends in different places, and engines read `/*!` and `/*+`.
    fn comment(&mut self) -> Option<()> {
        let start = self.at + 2;
        let end = start + self.text.get(start..)?.find("*/")?;
        let inside = &self.text[start..end];
        if inside.contains("/*") || inside.starts_with(['!', '+']) {
            return None;
        }
        self.at = end + 2;
        Some(())
    }

    fn word(&mut self) -> Option<&'t str> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            // `E'…'`, `b"…"`, `a$b`, and letters beyond ASCII.
            Some(b'\'' | b'"' | b'`' | b'$' | 128..) => None,
            _ => self.text.get(start..self.at),
        }
    }

    /// A time variable that stands for a value of its own; any other macro is not for here.
    fn time(&mut self) -> Option<Part<'t>> {
        let start = self.at;
        let glued =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'<' | b'@' | 128..);
        if start.checked_sub(1).and_then(|before| self.bytes.get(before)).is_some_and(glued) {
            return None;
        }
        self.at += 1;
        let variable = TimeVariable::from_name(self.word()?)?;
        let goes_on = matches!(self.bytes.get(self.at), Some(b'.' | b'('));
        (!goes_on).then_some(Part::Time(variable, self.at - start))
    }

    /// What stands between two quotes; doubled ones stay doubled.
    fn quoted(&mut self, quote: u8) -> Option<&'t str> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            match self.bytes.get(at)? {
                b'\\' if !self.keeps_backslashes(quote) => return None,
                byte if *byte == quote => match self.bytes.get(at + 1) {
                    // Also what begins `'''`, which some dialects end elsewhere.
                    Some(next) if *next == quote && at == start => return None,
                    Some(next) if *next == quote => at += 2,
                    _ => break,
                },
                _ => at += 1,
            }
        }
        self.at = at + 1;
        self.text.get(start..at)
    }

    fn keeps_backslashes(&self, quote: u8) -> bool {
        quote == b'\'' && matches!(self.dialect, Dialect::DuckDb | Dialect::Postgres)
    }

    fn has_backticks(&self) -> bool {
        matches!(self.dialect, Dialect::BigQuery | Dialect::Databricks | Dialect::Spark)
    }
}

/// Digits, also with an exponent: what `1_000`, `0x1f` and `2D` are is the dialect's.
fn is_plain_number(text: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => is_digits(digits) && is_digits(exponent),
        None => is_digits(text),
    }
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
