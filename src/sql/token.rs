//! Tokens with byte ranges into the text that they came from. Strings keep their escapes (`with_unescape(false)`).

use std::ops::Range;

use sqlparser::tokenizer::{self, Location, TokenWithSpan, Tokenizer, Whitespace};

use super::Dialect;

/// One token of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its bytes in the text.
    pub range: Range<usize>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A keyword or name. `quote` is the opening quote of a quoted name; `value` has no quotes around it.
    Word {
        /// The word without quotes.
        value: String,
        /// The opening quote, where there is one.
        quote: Option<char>,
    },
    /// A number as written.
    Number(String),
    /// A string literal of any form, as written, quotes included.
    String(String),
    /// Anything else that is significant, as written: operators, parentheses, commas, `@`, `;`.
    Symbol(String),
    /// A comment, as written.
    Comment(String),
    /// White space.
    Space,
}

impl Token {
    /// Whether it is neither white space nor comment.
    pub fn is_significant(&self) -> bool {
        !matches!(self.kind, TokenKind::Space | TokenKind::Comment(_))
    }

    /// Whether it is this unquoted word, in any case.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, TokenKind::Word { value, quote: None } if value.eq_ignore_ascii_case(word))
    }

    /// Whether it is this symbol.
    pub fn is_symbol(&self, symbol: &str) -> bool {
        matches!(&self.kind, TokenKind::Symbol(text) if text == symbol)
    }

    /// What a comment says, without its marks; `None` for what is none, and for one that engines read (`/*+ … */`).
    pub fn comment_body(&self) -> Option<String> {
        let TokenKind::Comment(text) = &self.kind else { return None };
        let text = text.trim();
        if text.starts_with("/*+") || text.starts_with("/*!") {
            return None;
        }
        let body = match text.strip_prefix("/*") {
            Some(body) => body.strip_suffix("*/").unwrap_or(body),
            None => text.strip_prefix("--").or_else(|| text.strip_prefix('#')).unwrap_or(text),
        };
        Some(body.trim().to_owned())
    }

    /// The body of a plain `'…'` literal, with doubled quotes made single.
    pub fn plain_string(&self) -> Option<String> {
        let TokenKind::String(text) = &self.kind else { return None };
        let body = text.strip_prefix('\'')?.strip_suffix('\'')?;
        Some(body.replace("''", "'"))
    }
}

/// Why a text has no tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TokenError {
    /// What the tokeniser said.
    pub message: String,
    /// Where, in bytes.
    pub offset: usize,
}

/// Cuts a text into tokens. The tokens' ranges cover the text without gaps.
///
/// # Errors
/// An unterminated string, quoted name or comment.
pub fn tokenize(text: &str, dialect: Dialect) -> Result<Vec<Token>, TokenError> {
    Ok(from_located(text, &located(text, dialect)?))
}

/// The parser's own tokens.
pub(super) fn located(text: &str, dialect: Dialect) -> Result<Vec<TokenWithSpan>, TokenError> {
    let parser = dialect.parser();
    // Growing by doubling would move the tokens of a long text several times, each time into memory never used before.
    let mut found = Vec::with_capacity(text.len() / BYTES_A_TOKEN + 8);
    let done = Tokenizer::new(parser.as_ref(), text).with_unescape(false).tokenize_with_location_into_buf(&mut found);
    match done {
        Ok(()) => Ok(found),
        Err(error) => {
            Err(TokenError { message: error.message, offset: LineStarts::new(text).offset(text, error.location) })
        }
    }
}

/// Most texts have fewer tokens than one in so many bytes.
const BYTES_A_TOKEN: usize = 2;

/// Ours, of the parser's own of the same text; a run of white space is one token.
pub(super) fn from_located(text: &str, found: &[TokenWithSpan]) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::with_capacity(found.len() / 2);
    let mut walk = Walk { text, offset: 0, line: 1, column: 1 };
    let is_space = |token: &tokenizer::Token| {
        matches!(token, tokenizer::Token::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab))
    };
    for token in found {
        let starts_space = is_space(&token.token);
        if starts_space && tokens.last().is_some_and(|last| last.kind == TokenKind::Space) {
            continue;
        }
        let start = walk.to(token.span.start);
        close(&mut tokens, text, start);
        let kind = if starts_space { TokenKind::Space } else { kind_of(&token.token, "") };
        tokens.push(Token { kind, range: start..start });
    }
    close(&mut tokens, text, text.len());
    tokens
}

/// Gives the last token its end, and its text where that is what it is.
fn close(tokens: &mut [Token], text: &str, end: usize) {
    let Some(last) = tokens.last_mut() else { return };
    last.range.end = end;
    let written = &text[last.range.clone()];
    match &mut last.kind {
        TokenKind::Number(own) | TokenKind::String(own) | TokenKind::Symbol(own) | TokenKind::Comment(own) => {
            written.clone_into(own);
        }
        TokenKind::Word { .. } | TokenKind::Space => {}
    }
}

fn kind_of(token: &tokenizer::Token, source: &str) -> TokenKind {
    use tokenizer::Token as T;
    match token {
        T::Word(word) => TokenKind::Word { value: word.value.clone(), quote: word.quote_style },
        T::Number(_, _) => TokenKind::Number(source.to_owned()),
        T::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => {
            TokenKind::Comment(source.to_owned())
        }
        T::Whitespace(_) => TokenKind::Space,
        T::SingleQuotedString(_)
        | T::DoubleQuotedString(_)
        | T::TripleSingleQuotedString(_)
        | T::TripleDoubleQuotedString(_)
        | T::DollarQuotedString(_)
        | T::SingleQuotedByteStringLiteral(_)
        | T::DoubleQuotedByteStringLiteral(_)
        | T::TripleSingleQuotedByteStringLiteral(_)
        | T::TripleDoubleQuotedByteStringLiteral(_)
        | T::SingleQuotedRawStringLiteral(_)
        | T::DoubleQuotedRawStringLiteral(_)
        | T::TripleSingleQuotedRawStringLiteral(_)
        | T::TripleDoubleQuotedRawStringLiteral(_)
        | T::NationalStringLiteral(_)
        | T::EscapedStringLiteral(_)
        | T::UnicodeStringLiteral(_)
        | T::HexStringLiteral(_) => TokenKind::String(source.to_owned()),
        _ => TokenKind::Symbol(source.to_owned()),
    }
}

/// Turns places that come in the order of the text into bytes, in one walk however long the lines are.
struct Walk<'a> {
    text: &'a str,
    offset: usize,
    line: u64,
    column: u64,
}

impl Walk<'_> {
    fn to(&mut self, location: Location) -> usize {
        for character in self.text[self.offset..].chars() {
            if (self.line, self.column) >= (location.line, location.column) {
                break;
            }
            self.offset += character.len_utf8();
            (self.line, self.column) =
                if character == '\n' { (self.line + 1, 1) } else { (self.line, self.column + 1) };
        }
        self.offset
    }
}

/// Byte offsets of the lines of a text, to turn the tokeniser's lines and character columns into bytes.
pub(super) struct LineStarts(Vec<usize>);

impl LineStarts {
    pub(super) fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(index, _)| index + 1);
        Self(std::iter::once(0).chain(breaks).collect())
    }

    pub(super) fn offset(&self, text: &str, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(start) = self.0.get(line).copied() else { return text.len() };
        let column = usize::try_from(location.column).unwrap_or(usize::MAX).saturating_sub(1);
        let end = self.0.get(line + 1).copied().unwrap_or(text.len());
        let line_text = &text[start..end];
        if line_text.is_ascii() {
            return (start + column).min(text.len());
        }
        line_text.char_indices().nth(column).map_or(end, |(index, _)| start + index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_text() {
        let text = "select 'ä''b', \"Ö x\" -- c\nfrom a.b /* d */ where x <> 1.5e3";
        let tokens = tokenize(text, Dialect::DuckDb).expect("tokens");
        let joined: String = tokens.iter().map(|token| &text[token.range.clone()]).collect();
        assert_eq!(joined, text);
        assert!(tokens.iter().any(|token| token.plain_string().as_deref() == Some("ä'b")));
    }
}
