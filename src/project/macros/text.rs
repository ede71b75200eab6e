//! Variables inside strings and names: their text, without quotes of its own.

use super::Expander;
use super::lexeme::{Kind, Lexeme, text_of, word_length};
use super::names::string_literal;
use crate::project::value::unquoted;
use crate::sql::{TimeForm, TimeVariable, tokenize};

impl Expander<'_> {
    /// `@'text @{x}'`: a string in which variables are replaced.
    pub(super) fn template_string(&mut self, lexeme: &Lexeme) -> Vec<Lexeme> {
        let Lexeme { text, at, .. } = lexeme;
        let tokens = tokenize(text, self.dialect).unwrap_or_default();
        let body = tokens.first().and_then(unquoted).unwrap_or_default();
        let made = |kind, text: String| Lexeme::made(kind, text, *at);
        let parts = self.substitute(&body, *at, Unknown::Refused);
        let is_text = |form| matches!(form, TimeForm::Ds | TimeForm::Ts | TimeForm::Tstz);
        if let [Part::Time(variable)] = parts.as_slice()
            && is_text(variable.form)
        {
            return vec![made(Kind::Time(*variable), String::new())];
        }
        let escaped = |text: &str| {
            let literal = string_literal(text, self.dialect);
            literal.get(1..literal.len() - 1).unwrap_or_default().to_owned()
        };
        let inside = parts.iter().map(|part| match part {
            Part::Text(text) => made(Kind::String, escaped(text)),
            Part::Time(variable) => made(Kind::Bare(*variable), String::new()),
        });
        let quote = || made(Kind::String, "'".to_owned());
        let lexemes: Vec<Lexeme> = std::iter::once(quote()).chain(inside).chain([quote()]).collect();
        match text_of(&lexemes) {
            Some(whole) => vec![made(Kind::String, whole)],
            None => lexemes,
        }
    }

    /// A quoted name in which variables are replaced; other signs stay.
    pub(super) fn quoted_name(&mut self, lexeme: &Lexeme) -> Vec<Lexeme> {
        let text = &lexeme.text;
        let (Some(open), Some(close)) = (text.chars().next(), text.chars().next_back()) else {
            return vec![lexeme.clone()];
        };
        let twice = format!("{close}{close}");
        let body = text.strip_prefix(open).and_then(|body| body.strip_suffix(close)).unwrap_or_default();
        let body = body.replace(&twice, &close.to_string());
        let parts = self.substitute(&body, lexeme.at, Unknown::Kept);
        if matches!(parts.as_slice(), [Part::Text(same)] if *same == body) {
            return vec![lexeme.clone()];
        }
        let made = |kind, text: String| Lexeme::made(kind, text, lexeme.at);
        let inside = parts.iter().map(|part| match part {
            Part::Text(text) => made(Kind::Quoted, text.replace(close, &twice)),
            Part::Time(variable) => made(Kind::Bare(*variable), String::new()),
        });
        let (first, last) = (made(Kind::Quoted, open.to_string()), made(Kind::Quoted, close.to_string()));
        let lexemes: Vec<Lexeme> = std::iter::once(first).chain(inside).chain([last]).collect();
        match text_of(&lexemes) {
            Some(whole) => vec![made(Kind::Quoted, whole)],
            None => lexemes,
        }
    }

    /// Replaces variables in the body of a string or name.
    pub(super) fn substitute(&mut self, body: &str, at: usize, unknown: Unknown) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = body;
        while let Some(start) = rest.find('@') {
            add(&mut parts, &rest[..start]);
            let after = &rest[start + 1..];
            let braced = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            let plain = word_length(after);
            let (name, length) = match braced {
                Some((name, _)) => (name.trim(), name.len() + 2),
                None => (&after[..plain], plain),
            };
            match if name.is_empty() { None } else { self.bare_value(name, at) } {
                Some(Lexeme { kind: Kind::Bare(variable), .. }) => parts.push(Part::Time(variable)),
                Some(value) => add(&mut parts, &value.text),
                None => {
                    if unknown == Unknown::Refused && !name.is_empty() {
                        self.unknown(name, at, "");
                    }
                    add(&mut parts, &rest[start..start + 1 + length]);
                }
            }
            rest = &after[length..];
        }
        add(&mut parts, rest);
        parts
    }
}

/// A part of a string or name in which variables are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Time(TimeVariable),
}

fn add(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(before)) => before.push_str(text),
        _ if text.is_empty() => {}
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// What happens to a name after `@` that nobody knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    Refused,
    Kept,
}

/// The text of a value without quotes, as SQLMesh puts it into names and strings.
pub(super) fn bare_text(value: &[Lexeme]) -> Option<String> {
    match value {
        [Lexeme { kind: Kind::String, text, .. }] => {
            let body = text.strip_prefix('\'')?.strip_suffix('\'')?;
            Some(body.replace("''", "'"))
        }
        [Lexeme { kind: Kind::Quoted, text, .. }] => {
            let mut body = text.chars();
            let (open, close) = (body.next()?, body.next_back()?);
            Some(body.as_str().replace(&format!("{open}{close}"), &close.to_string()))
        }
        value => text_of(value),
    }
}
