//! A walk over the significant parts of a text, byte by byte and without a copy: what the tokeniser says of a usual text.
//!
//! Wherever a byte could mean something else in the text's dialect, the walk ends, and only the tokeniser can tell.

use super::{Dialect, TimeVariable};

/// A stretch of significant bytes.
pub enum Part<'t> {
    /// A keyword or name without quotes.
    Word(&'t str),
    /// A number, or the digits of one.
    Number(&'t str),
    /// Between double quotes or backticks.
    Quoted(&'t str),
    /// Between single quotes.
    Text(&'t str),
    /// Any other byte.
    Sign(u8),
    /// `@start_ds` and its like, with the number of its bytes.
    Time(TimeVariable, usize),
    /// The end of the text.
    End,
}

/// The walk.
pub struct Walk<'t> {
    bytes: &'t [u8],
    text: &'t str,
    at: usize,
    dialect: Dialect,
}

impl<'t> Walk<'t> {
    /// The walk from the begin of a text; `None` where only the dialect's tokeniser can read any.
    pub fn over(text: &'t str, dialect: Dialect) -> Option<Self> {
        let is_known = !matches!(dialect, Dialect::MySql | Dialect::MsSql | Dialect::Hive);
        is_known.then_some(Self { bytes: text.as_bytes(), text, at: 0, dialect })
    }

    /// The byte behind the part that was just taken.
    pub fn place(&self) -> usize {
        self.at
    }

    /// The next significant part; `None` where only the dialect's tokeniser can tell what it is.
    pub fn step(&mut self) -> Option<Part<'t>> {
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
    pub fn start_of(&self, part: &Part<'_>) -> usize {
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
