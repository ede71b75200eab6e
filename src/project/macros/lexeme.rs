//! What macros work on: the words and signs of a statement, each with where it came from, macros told from the rest.
//!
//! The tokeniser says what is code, string or comment; inside code the text itself is scanned, because dialects cut `@x`
//! and `@{x}` in different ways.

use std::collections::BTreeMap;

use crate::sql::{Dialect, Piece, TimeVariable, Token, TokenKind, tokenize};

/// The longest name in `@{…}` that is looked for.
const MAX_NAME: usize = 200;

/// One word or sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) kind: Kind,
    /// As it stands in the statement; of a macro the name alone, of a template string the literal.
    pub(super) text: String,
    /// Its byte in the file, or that of the macro which made it.
    pub(super) at: usize,
    pub(super) origin: Origin,
}

/// Who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The author: it stands in the file as it is here.
    File,
    /// A macro.
    Made,
    /// Nobody: a parenthesis around what is one value, while an expression is evaluated.
    Nobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    /// What a variable gives to the name that it stands in.
    Part,
    /// What a function's argument gives to it, which SQLMesh puts in as text.
    Argument,
    /// A name in quotes.
    Quoted,
    String,
    Number,
    Symbol,
    Comment,
    Space,
    /// `@name` or `@{name}`.
    Variable(Form),
    /// `@name` before an open parenthesis, which follows as a symbol.
    Call,
    /// `@'…'`.
    TemplateString,
    /// A time variable as a value of its own.
    Time(TimeVariable),
    /// `@this_model`.
    This,
    /// What a macro left that came to nothing.
    Gone,
}

/// How a variable is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `@name`
    Plain,
    /// `@{name}`
    Braced,
}

impl Lexeme {
    /// Something that a macro at this byte made.
    pub(super) fn made(kind: Kind, text: impl Into<String>, at: usize) -> Self {
        Self { kind, text: text.into(), at, origin: Origin::Made }
    }

    pub(super) fn is_significant(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it may be a part of a longer name with what stands directly beside it.
    pub(super) fn is_of_name(&self) -> bool {
        match self.kind {
            Kind::Word | Kind::Part | Kind::Argument | Kind::Number | Kind::Variable(_) => true,
            Kind::Symbol => self.text.ends_with(['_', '$']),
            _ => false,
        }
    }

    /// Its last sign as it will stand there; of what is open that of a literal.
    fn last_sign(&self) -> char {
        match self.kind {
            Kind::Time(_) | Kind::This => 'x',
            _ => self.text.chars().next_back().unwrap_or(' '),
        }
    }

    fn first_sign(&self) -> char {
        match self.kind {
            Kind::Time(_) | Kind::This => 'x',
            Kind::Variable(_) | Kind::Call | Kind::TemplateString => '@',
            _ => self.text.chars().next().unwrap_or(' '),
        }
    }

    fn depth(&self, depth: usize) -> usize {
        match self.kind {
            Kind::Symbol if matches!(self.text.as_str(), "(" | "[" | "{") => depth + 1,
            Kind::Symbol if matches!(self.text.as_str(), ")" | "]" | "}") => depth.saturating_sub(1),
            _ => depth,
        }
    }
}

/// The lexemes of tokens; `at` moves their bytes. What is wrong is told with its byte.
pub(super) fn lex(text: &str, tokens: &[Token], told: &mut dyn FnMut(usize, &str, &str)) -> Vec<Lexeme> {
    let end = tokens.last().map_or(0, |token| token.range.end);
    let mut lexer = Lexer { text, tokens, end, lexemes: Vec::with_capacity(tokens.len()), told };
    let mut position = tokens.first().map_or(0, |token| token.range.start);
    for token in tokens {
        if token.range.end > position {
            position = lexer.token(token, position.max(token.range.start));
        }
    }
    lexer.lexemes
}

/// The lexemes of a text that a macro at this byte made; `None` where it has no tokens.
pub(super) fn lex_made(text: &str, dialect: Dialect, at: usize) -> Option<Vec<Lexeme>> {
    let tokens = tokenize(text, dialect).ok()?;
    let mut whole = true;
    let lexemes = lex(text, &tokens, &mut |_, _, _| whole = false);
    let made = |lexeme: Lexeme| Lexeme { at, origin: Origin::Made, ..lexeme };
    whole.then(|| lexemes.into_iter().map(made).collect())
}

struct Lexer<'a> {
    text: &'a str,
    tokens: &'a [Token],
    end: usize,
    lexemes: Vec<Lexeme>,
    told: &'a mut dyn FnMut(usize, &str, &str),
}

impl Lexer<'_> {
    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        let text = self.text[start..end].to_owned();
        self.lexemes.push(Lexeme { kind, text, at: start, origin: Origin::File });
    }

    /// Takes a token from a byte on; gives the byte to go on from.
    fn token(&mut self, token: &Token, start: usize) -> usize {
        let end = token.range.end;
        let kind = match &token.kind {
            TokenKind::String(_) => Kind::String,
            TokenKind::Comment(_) => Kind::Comment,
            TokenKind::Space => Kind::Space,
            TokenKind::Word { quote: Some(_), .. } => Kind::Quoted,
            TokenKind::Word { quote: None, .. } => return self.code(Kind::Word, start, token),
            TokenKind::Number(_) => return self.code(Kind::Number, start, token),
            TokenKind::Symbol(_) => return self.code(Kind::Symbol, start, token),
        };
        self.push(kind, start, end);
        end
    }

    fn code(&mut self, kind: Kind, start: usize, token: &Token) -> usize {
        let (mut from, end) = (start, token.range.end);
        loop {
            let Some(at) = self.text[from..end].find('@').map(|at| from + at) else {
                match from == token.range.start {
                    true => self.push(kind, from, end),
                    false => self.cut(from, end),
                }
                return end;
            };
            self.cut(from, at);
            from = self.at_sign(at);
            if from >= end {
                return from;
            }
        }
    }

    /// A part of a token: words and what is between them.
    fn cut(&mut self, start: usize, end: usize) {
        let mut from = start;
        while from < end {
            let rest = &self.text[from..end];
            let length = match word_length(rest) {
                0 => rest.chars().next().map_or(1, char::len_utf8),
                length => length,
            };
            let kind = if word_length(rest) > 0 { Kind::Word } else { Kind::Symbol };
            self.push(kind, from, from + length);
            from += length;
        }
    }

    /// Takes what begins with an `@`; gives the byte to go on from.
    fn at_sign(&mut self, at: usize) -> usize {
        let text = self.text;
        let rest = &text[at + 1..self.end];
        match rest.chars().next() {
            // `@@name`, `<@` and `@>` are operators and system variables of some dialects.
            Some('@') => {
                let end = at + 2 + word_length(&rest[1..]);
                self.push(Kind::Symbol, at, end);
                end
            }
            _ if text[..at].ends_with('<') => self.symbol(at),
            Some('{') => self.braced(at),
            Some('\'') => self.template_string(at),
            Some(first) if first.is_alphabetic() || first == '_' => {
                let end = at + 1 + word_length(rest);
                let kind = if text[end..self.end].starts_with('(') { Kind::Call } else { Kind::Variable(Form::Plain) };
                self.macro_of(kind, at, &text[at + 1..end]);
                end
            }
            _ => self.symbol(at),
        }
    }

    fn symbol(&mut self, at: usize) -> usize {
        self.push(Kind::Symbol, at, at + 1);
        at + 1
    }

    fn macro_of(&mut self, kind: Kind, at: usize, name: &str) {
        self.lexemes.push(Lexeme { kind, text: name.to_owned(), at, origin: Origin::File });
    }

    fn braced(&mut self, at: usize) -> usize {
        let inside = &self.text[at + 2..self.end];
        let close = inside.char_indices().take(MAX_NAME).find(|(_, sign)| *sign == '}');
        let Some((length, _)) = close else {
            (self.told)(at, "`@{` has no `}`", "write `@{name}`");
            self.push(Kind::Symbol, at, at + 2);
            return at + 2;
        };
        self.macro_of(Kind::Variable(Form::Braced), at, inside[..length].trim());
        at + 2 + length + 1
    }

    fn template_string(&mut self, at: usize) -> usize {
        let found = self.tokens.binary_search_by_key(&(at + 1), |token| token.range.start).ok();
        let token = found.and_then(|found| self.tokens.get(found));
        let Some(token) = token.filter(|token| matches!(token.kind, TokenKind::String(_))) else {
            return self.symbol(at);
        };
        let text = self.text[token.range.clone()].to_owned();
        self.lexemes.push(Lexeme { kind: Kind::TemplateString, text, at, origin: Origin::File });
        token.range.end
    }
}

/// How many bytes of letters, digits and underscores a text begins with.
pub(super) fn word_length(text: &str) -> usize {
    text.find(|character: char| !(character.is_alphanumeric() || character == '_')).unwrap_or(text.len())
}

/// The index of the lexeme that closes the bracket at `open`.
pub(super) fn closing(lexemes: &[Lexeme], open: usize) -> Option<usize> {
    let mut depth = 0;
    for (index, lexeme) in lexemes.iter().enumerate().skip(open) {
        depth = lexeme.depth(depth);
        if depth == 0 {
            return Some(index);
        }
    }
    None
}

/// For each bracket that opens, the place of the one that closes it.
pub(super) fn closings(lexemes: &[Lexeme]) -> BTreeMap<usize, usize> {
    let (mut open, mut found) = (Vec::new(), BTreeMap::new());
    for (index, lexeme) in lexemes.iter().enumerate() {
        match lexeme.depth(1) {
            2 => open.push(index),
            0 => drop(open.pop().map(|start| found.insert(start, index))),
            _ => {}
        }
    }
    found
}

/// Parts between the commas outside of brackets, without the space around them; a list that ends in a comma has no last part.
pub(super) fn split(lexemes: &[Lexeme]) -> Vec<&[Lexeme]> {
    let (mut depth, mut start) = (0, 0);
    let mut parts = Vec::new();
    for (index, lexeme) in lexemes.iter().enumerate() {
        depth = lexeme.depth(depth);
        if depth == 0 && lexeme.is_symbol(",") {
            parts.push(trimmed(&lexemes[start..index]));
            start = index + 1;
        }
    }
    let last = trimmed(&lexemes[start..]);
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

/// The place of a lexeme outside of brackets.
pub(super) fn outside(lexemes: &[Lexeme], is_it: &dyn Fn(usize) -> bool) -> Option<usize> {
    let mut depth = 0;
    for (index, lexeme) in lexemes.iter().enumerate() {
        if depth == 0 && is_it(index) {
            return Some(index);
        }
        depth = lexeme.depth(depth);
    }
    None
}

pub(super) fn trimmed(lexemes: &[Lexeme]) -> &[Lexeme] {
    let first = lexemes.iter().position(Lexeme::is_significant).unwrap_or(lexemes.len());
    let last = lexemes.iter().rposition(Lexeme::is_significant).map_or(first, |index| index + 1);
    &lexemes[first..last]
}

/// The text; `None` where something in it is only known when the statement runs.
pub(super) fn text_of(lexemes: &[Lexeme]) -> Option<String> {
    let is_open = |lexeme: &Lexeme| matches!(lexeme.kind, Kind::Time(_) | Kind::This);
    (!lexemes.iter().any(is_open)).then(|| lexemes.iter().map(|lexeme| lexeme.text.as_str()).collect())
}

/// The same with a space where what macros made would be read as one with what stands beside it: `-` before `-3`, `LIMIT` before
/// `3`. The parts of one name stay together.
pub(super) fn apart(lexemes: Vec<Lexeme>) -> Vec<Lexeme> {
    let mut found: Vec<Lexeme> = Vec::with_capacity(lexemes.len());
    for lexeme in lexemes {
        if let Some(last) = found.last().filter(|last| would_join(last, &lexeme)) {
            let at = if last.origin == Origin::Made { last.at } else { lexeme.at };
            found.push(Lexeme::made(Kind::Space, " ", at));
        }
        found.push(lexeme);
    }
    found
}

fn would_join(one: &Lexeme, next: &Lexeme) -> bool {
    // What one text held side by side is as its author means it.
    let of_one_text = match (one.origin, next.origin) {
        (Origin::File, Origin::File) => one.at + one.text.len() == next.at,
        (Origin::Made, Origin::Made) => one.at == next.at,
        _ => false,
    };
    if of_one_text {
        return false;
    }
    let is_one_name = [one.kind, next.kind].iter().any(|kind| matches!(kind, Kind::Part | Kind::Argument));
    let is_of_word = |sign: char| sign.is_alphanumeric() || matches!(sign, '_' | '$' | '\'' | '"' | '`');
    let is_operator = |sign: char| "-+*/<>=~!@#%^&|?:".contains(sign);
    let (last, first) = (one.last_sign(), next.first_sign());
    (!is_one_name && is_of_word(last) && is_of_word(first)) || (is_operator(last) && is_operator(first))
}

/// The pieces of a template; what stands together in the file is one piece.
pub(super) fn pieces(lexemes: Vec<Lexeme>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for Lexeme { kind, text, at, origin } in lexemes {
        match (kind, pieces.last_mut()) {
            (Kind::Gone, _) => {}
            (Kind::Time(variable), _) => pieces.push(Piece::Time { variable, offset: at }),
            (Kind::This, _) => pieces.push(Piece::This { name: text, offset: at }),
            (_, Some(Piece::Source { text: before, offset }))
                if origin == Origin::File && *offset + before.len() == at =>
            {
                before.push_str(&text);
            }
            (_, Some(Piece::Value { text: before, offset })) if origin == Origin::Made && *offset == at => {
                before.push_str(&text);
            }
            _ if origin == Origin::File => pieces.push(Piece::Source { text, offset: at }),
            _ => pieces.push(Piece::Value { text, offset: at }),
        }
    }
    pieces
}
