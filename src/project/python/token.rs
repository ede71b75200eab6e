//! Words, texts and signs of Python: as much as its headers need that are read without running anything.

use std::iter::Peekable;
use std::str::CharIndices;

/// A word, text or sign of Python.
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    /// Whether nothing but space stands before it on its line.
    pub(super) begins_line: bool,
}

pub(super) enum Kind {
    Name(String),
    Text(String),
    /// A text that only a run of the program knows, or one with escapes that are not read here.
    Computed,
    Sign(char),
}

impl Token {
    pub(super) fn is_sign(&self, sign: char) -> bool {
        matches!(self.kind, Kind::Sign(own) if own == sign)
    }

    pub(super) fn depth(&self, depth: usize) -> usize {
        match self.kind {
            Kind::Sign('(' | '[' | '{') => depth + 1,
            Kind::Sign(')' | ']' | '}') => depth.saturating_sub(1),
            _ => depth,
        }
    }
}

/// A text's words, texts and signs, in order.
pub(super) struct Tokens<'a> {
    text: &'a str,
    signs: Peekable<CharIndices<'a>>,
    begins_line: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, signs: text.char_indices().peekable(), begins_line: true }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some((_, sign)) = self.signs.next_if(|(_, sign)| sign.is_alphanumeric() || *sign == '_') {
            word.push(sign);
        }
        word
    }

    fn skip(&mut self, signs: usize) {
        for _ in 0..signs {
            self.signs.next();
        }
    }

    /// A literal whose first quote is next; `prefix` are the letters before it.
    fn literal(&mut self, quote: char, prefix: &str) -> Kind {
        let start = self.signs.next().map_or(self.text.len(), |(start, _)| start);
        let three = [quote; 3].iter().collect::<String>();
        let quotes = if self.text[start..].starts_with(&three) { 3 } else { 1 };
        self.skip(quotes - 1);
        let is_raw = prefix.contains(['r', 'R']);
        let mut is_known = !prefix.contains(['f', 'F', 'b', 'B', 't', 'T']);
        let mut body = String::new();
        while let Some((at, sign)) = self.signs.next() {
            match sign {
                '\\' => {
                    let Some((_, next)) = self.signs.next() else { break };
                    match next {
                        '\\' | '\'' | '"' if !is_raw => body.push(next),
                        _ => is_known = false,
                    }
                }
                // A text of one line that is never closed.
                '\n' if quotes == 1 => return Kind::Computed,
                sign if sign == quote && (quotes == 1 || self.text[at..].starts_with(&three)) => {
                    self.skip(quotes - 1);
                    return if is_known { Kind::Text(body) } else { Kind::Computed };
                }
                sign => body.push(sign),
            }
        }
        Kind::Computed
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let (start, sign) = *self.signs.peek()?;
            match sign {
                '\n' => self.begins_line = true,
                '#' => {
                    while self.signs.next_if(|(_, sign)| *sign != '\n').is_some() {}
                    continue;
                }
                sign if sign.is_whitespace() || sign == '\\' => {}
                _ => {
                    let kind = self.kind(sign);
                    let begins_line = std::mem::replace(&mut self.begins_line, false);
                    return Some(Token { kind, start, begins_line });
                }
            }
            self.signs.next();
        }
    }
}

impl Tokens<'_> {
    fn kind(&mut self, sign: char) -> Kind {
        if matches!(sign, '\'' | '"') {
            return self.literal(sign, "");
        }
        if sign.is_alphanumeric() || sign == '_' {
            let word = self.word();
            let is_prefix = word.len() <= 2 && word.chars().all(|letter| "rRbBuUfFtT".contains(letter));
            let quote = self.signs.peek().map(|(_, sign)| *sign);
            return match quote.filter(|sign| is_prefix && ['\'', '"'].contains(sign)) {
                Some(quote) => self.literal(quote, &word),
                None => Kind::Name(word),
            };
        }
        self.signs.next();
        Kind::Sign(sign)
    }
}
