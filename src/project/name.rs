//! Names of models, and the sniffing of a file's dialect before its text can be cut into tokens.

use crate::ids::ModelName;
use crate::sql::Dialect;

/// Reads a name such as `a.b`, `"A".b` or `` `p-1.d.t` `` and folds each part as the dialect does.
///
/// # Errors
/// What is wrong with it.
pub fn model_name(text: &str, dialect: Dialect) -> Result<ModelName, String> {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, quoted, after) = part(rest).ok_or_else(|| format!("`{text}` is no name of a model"))?;
        if quoted && dialect == Dialect::BigQuery {
            // One pair of backticks may stand around the whole name.
            parts.extend(part.split('.').map(|part| dialect.fold(part, true)));
        } else {
            parts.push(dialect.fold(&part, quoted));
        }
        match after.trim_start().strip_prefix('.') {
            Some(more) => rest = more.trim_start(),
            None if after.trim().is_empty() => break,
            None => return Err(format!("`{text}` is no name of a model")),
        }
    }
    let count = parts.len();
    ModelName::from_parts(parts).ok_or_else(|| format!("a name has one to three parts, `{text}` has {count}"))
}

fn part(text: &str) -> Option<(String, bool, &str)> {
    let first = text.chars().next()?;
    let close = match first {
        '"' | '`' => first,
        '[' => ']',
        _ => {
            let name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$' | '-' | '#');
            let end = text.find(|character| !name(character)).unwrap_or(text.len());
            return (end > 0).then(|| (text[..end].to_owned(), false, &text[end..]));
        }
    };
    let mut body = String::new();
    let mut characters = text[first.len_utf8()..].char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        if character != close {
            body.push(character);
        } else if characters.next_if(|(_, next)| *next == close).is_some() {
            body.push(close);
        } else {
            let after = &text[first.len_utf8() + index + close.len_utf8()..];
            return (!body.is_empty()).then_some((body, true, after));
        }
    }
    None
}

/// How far into a file its dialect is looked for.
const SNIFFED_BYTES: usize = 10_000;

/// The value of `dialect` in the `MODEL` or `AUDIT` block that a text begins with, found by words, because tokens need the dialect first.
pub(super) fn sniff_dialect(text: &str) -> Option<String> {
    let mut words = Words { text, position: 0 };
    if !matches!(words.next()?, "model" | "audit") {
        return None;
    }
    let mut depth = 0_usize;
    let mut begins = false;
    loop {
        let word = words.next()?;
        let at_start = std::mem::take(&mut begins);
        match word {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        match word {
            _ if at_start && depth == 1 && word == "dialect" => {
                let value = words.next().filter(|value| !matches!(*value, "," | ")"))?;
                return Some(value.trim_matches(['\'', '"', '`']).to_owned());
            }
            ")" if depth == 0 => return None,
            "(" | "," if depth == 1 => begins = true,
            _ => {}
        }
    }
}

/// Words, strings and single signs of a text; comments are passed over. Words come in lower case where ASCII allows.
struct Words<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        loop {
            let rest = self.text.get(self.position..).filter(|_| self.position < SNIFFED_BYTES)?;
            let first = rest.chars().next()?;
            let length = if rest.starts_with("--") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            } else if first.is_whitespace() {
                first.len_utf8()
            } else {
                let length = match first {
                    '\'' | '"' | '`' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
                    _ if first.is_alphanumeric() || first == '_' => {
                        rest.find(|next: char| !(next.is_alphanumeric() || next == '_')).unwrap_or(rest.len())
                    }
                    _ => first.len_utf8(),
                };
                self.position += length;
                return Some(known(&rest[..length]));
            };
            self.position += length;
        }
    }
}

/// The words that matter, whatever their case.
fn known(word: &str) -> &str {
    ["model", "audit", "dialect"].into_iter().find(|known| known.eq_ignore_ascii_case(word)).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_as_their_dialect_does() {
        let name = |text, dialect| model_name(text, dialect).map(|name| name.to_string());
        assert_eq!(name("Shop . Orders", Dialect::DuckDb), Ok("shop.orders".into()));
        assert_eq!(name("\"Shop\".Orders", Dialect::Postgres), Ok("Shop.orders".into()));
        assert_eq!(name("`p-1.d.T`", Dialect::BigQuery), Ok("\"p-1\".d.T".into()));
        assert_eq!(name("[a b].c", Dialect::MsSql), Ok("\"a b\".c".into()));
        for text in ["", "a.", ".a", "a..b", "a.b.c.d", "a b", "\"\"", "\"a", "a.@x", "a;b"] {
            assert!(name(text, Dialect::DuckDb).is_err(), "{text}");
        }
    }

    #[test]
    fn the_dialect_is_found_before_tokens_are() {
        let sniff = |text| sniff_dialect(text);
        assert_eq!(sniff("MODEL (name a.b, dialect BigQuery);").as_deref(), Some("BigQuery"));
        assert_eq!(sniff("-- dialect x\nmodel (\n  Dialect 'snowflake'\n)").as_deref(), Some("snowflake"));
        assert_eq!(sniff("MODEL (description 'dialect x, dialect y', name a);"), None);
        assert_eq!(sniff("MODEL (kind FULL (dialect x), name a); dialect y"), None);
        assert_eq!(sniff("select dialect from t"), None);
        assert_eq!(sniff(&format!("MODEL ({}dialect x)", " ".repeat(20_000))), None);
    }
}
