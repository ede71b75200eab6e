//! Variables inside strings and names: their text, without quotes of its own.

use super::Expander;
use super::lexeme::{Kind, Lexeme, text_of, word_length};
use super::names::{escapes_by_backslash, string_literal, text_type};
use crate::sql::{Dialect, TimeForm, TimeVariable};

impl Expander<'_> {
    /// `@'text @{x}'`: a string in which variables are replaced. A time in it is put to it when the statement runs.
    pub(super) fn template_string(&mut self, lexeme: &Lexeme) -> Vec<Lexeme> {
        let Lexeme { text, at, .. } = lexeme;
        let literal = [Lexeme::made(Kind::String, text.clone(), *at)];
        let Some(body) = bare_text(&literal, self.dialect) else {
            let help = "write `@'…'` with single quotes and doubled ones inside";
            self.refuse(*at, "what this text says is not known here", help);
            return literal.to_vec();
        };
        let parts = self.substitute(&body, *at, Unknown::Refused);
        self.joined_text(parts, *at)
    }

    /// A string of parts: a literal, or an expression where a time is one of them.
    pub(super) fn joined_text(&mut self, parts: Vec<Part>, at: usize) -> Vec<Lexeme> {
        let made = |kind, text: &str| Lexeme::made(kind, text, at);
        let is_text = |form| matches!(form, TimeForm::Ds | TimeForm::Ts | TimeForm::Tstz);
        match parts.as_slice() {
            [] => return vec![made(Kind::String, "''")],
            [Part::Text(text)] => return vec![made(Kind::String, &string_literal(text, self.dialect))],
            [Part::Time(variable)] if is_text(variable.form) => return vec![made(Kind::Time(*variable), "")],
            _ => {}
        }
        let has_no_sign = matches!(self.dialect, Dialect::MySql | Dialect::MsSql);
        let is_seconds = |part: &Part| matches!(part, Part::Time(variable) if variable.form == TimeForm::Epoch);
        if has_no_sign || parts.iter().any(is_seconds) {
            let help = "write the time as a value of its own and put the text to it in SQL";
            self.refuse(at, "this time cannot stand inside a longer text here", help);
            return vec![made(Kind::String, "''")];
        }
        let mut lexemes = vec![made(Kind::Symbol, "(")];
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                lexemes.extend([made(Kind::Space, " "), made(Kind::Symbol, "||"), made(Kind::Space, " ")]);
            }
            match part {
                Part::Text(text) => lexemes.push(made(Kind::String, &string_literal(text, self.dialect))),
                Part::Time(variable) => lexemes.extend(self.time_as_text(*variable, at)),
            }
        }
        lexemes.push(made(Kind::Symbol, ")"));
        lexemes
    }

    /// What SQLMesh prints of a time: that of a moment is its text, that of a number its digits.
    fn time_as_text(&self, variable: TimeVariable, at: usize) -> Vec<Lexeme> {
        let form = match variable.form {
            TimeForm::Date => TimeForm::Ds,
            TimeForm::Dt => TimeForm::Tstz,
            TimeForm::Dtntz => TimeForm::Ts,
            form => form,
        };
        let time = Lexeme::made(Kind::Time(TimeVariable { form, ..variable }), "", at);
        if !matches!(form, TimeForm::Hour | TimeForm::Epoch | TimeForm::Millis) {
            return vec![time];
        }
        let made = |kind, text: &str| Lexeme::made(kind, text, at);
        let tail = format!(" AS {})", text_type(self.dialect));
        vec![made(Kind::Word, "CAST"), made(Kind::Symbol, "("), time, made(Kind::Word, &tail)]
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
        let mut name = String::new();
        for part in parts {
            match part {
                Part::Text(text) => name.push_str(&text),
                Part::Time(variable) => self.refuse_in_name(&variable.name(), lexeme.at),
            }
        }
        match name == body {
            true => vec![lexeme.clone()],
            false => {
                let quoted = format!("{open}{}{close}", name.replace(close, &twice));
                vec![Lexeme::made(Kind::Quoted, quoted, lexeme.at)]
            }
        }
    }

    /// What a table is called must be known: whoever reads it moves when it does.
    pub(super) fn refuse_in_name(&mut self, name: &str, at: usize) {
        let message = format!("`@{name}` is only known when the statement runs, so it can be no part of a name");
        self.refuse(at, message, "write the time as a value, in a condition or a column");
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
                Some(Part::Time(variable)) => parts.push(Part::Time(variable)),
                // A word of eight bytes counts as one.
                Some(Part::Text(text)) if self.charge(text.len() / 8 + 1, 0, at).is_some() => add(&mut parts, &text),
                Some(Part::Text(_)) => return Vec::new(),
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

/// The text of a value without quotes, as SQLMesh puts it into names and strings; `None` where it is not known here.
pub(super) fn bare_text(value: &[Lexeme], dialect: Dialect) -> Option<String> {
    match value {
        [Lexeme { kind: Kind::String, text, .. }] => unescaped(text, dialect),
        [Lexeme { kind: Kind::Quoted, text, .. }] => {
            let mut body = text.chars();
            let (open, close) = (body.next()?, body.next_back()?);
            Some(body.as_str().replace(&format!("{open}{close}"), &close.to_string()))
        }
        value => text_of(value),
    }
}

/// What a literal says. Of the escapes that a backslash begins those are known which mean the same everywhere.
fn unescaped(literal: &str, dialect: Dialect) -> Option<String> {
    let quote = literal.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let body = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut text = String::with_capacity(body.len());
    let mut signs = body.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' if escapes_by_backslash(dialect) => text.push(match signs.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                same @ ('\\' | '\'' | '"') => same,
                _ => return None,
            }),
            sign if sign == quote => text.push(signs.next().filter(|next| *next == quote)?),
            sign => text.push(sign),
        }
    }
    Some(text)
}
