//! Secrets taken out of texts that leave the process: GitHub masks logs and step summaries, never what is sent to its API
//! (GitHub's documentation, "Secure use reference": masking acts on the runner's output).
//!
//! This module never learns a secret by itself: it is given the values, and prints none of them.

use std::fmt;

use crate::url::percent_encoded;

/// What stands where a secret stood.
pub const HIDDEN: &str = "***";

/// Known secret values, in every spelling in which a text may carry them.
#[derive(Clone, Default)]
pub struct Mask(Vec<String>);

impl Mask {
    /// Shorter values are words of any text; hiding them would say more than it hides, and a text full of holes says nothing.
    const SHORTEST: usize = 4;

    /// A mask of these values. A value of several lines (a private key) is hidden whole and line by line.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Self {
        Self(Vec::new()).with(secrets)
    }

    /// The same with one more value.
    pub fn and(&self, secret: &str) -> Self {
        self.clone().with([secret])
    }

    fn with<S: AsRef<str>>(self, secrets: impl IntoIterator<Item = S>) -> Self {
        let mut spellings = self.0;
        for secret in secrets {
            let secret = secret.as_ref();
            for part in std::iter::once(secret.trim()).chain(secret.lines().map(str::trim)) {
                spellings.extend(spellings_of(part).into_iter().filter(|text| text.len() >= Self::SHORTEST));
            }
        }
        // The longest first, so that a secret which holds another one is not left half shown.
        spellings.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        spellings.dedup();
        Self(spellings)
    }

    /// The text without any of the secrets.
    pub fn apply(&self, text: &str) -> String {
        let found = self.0.iter().filter(|secret| text.contains(secret.as_str()));
        found.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN))
    }
}

/// Only how many are known.
impl fmt::Debug for Mask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Mask({} spellings)", self.0.len())
    }
}

/// A value as it is, in a URL, in JSON, in HTML, and with Markdown's escapes.
fn spellings_of(secret: &str) -> [String; 6] {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    [
        secret.to_owned(),
        percent_encoded(secret),
        json.to_owned(),
        html,
        escaped(secret, |character| character == '|'),
        escaped(secret, |character| character.is_ascii_punctuation()),
    ]
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    let mut output = String::with_capacity(text.len());
    for character in text.chars() {
        if is_escaped(character) {
            output.push('\\');
        }
        output.push(character);
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_every_spelling() {
        let mask = Mask::new(["p@ss|w<1>\"x"]);
        for text in [
            "p@ss|w<1>\"x",
            "p%40ss%7Cw%3C1%3E%22x",
            "p@ss|w<1>\\\"x",
            "p@ss|w&lt;1&gt;&quot;x",
            "p@ss\\|w<1>\"x",
            "p\\@ss\\|w\\<1\\>\\\"x",
        ] {
            assert_eq!(mask.apply(&format!("a {text} b")), "a *** b");
        }
    }

    #[test]
    fn the_longer_secret_goes_first() {
        assert_eq!(Mask::new(["hunter", "hunter2"]).apply("hunter2 hunter"), "*** ***");
    }

    #[test]
    fn each_line_of_a_key_is_hidden() {
        let mask = Mask::new(["-----BEGIN KEY-----\nMIIBVAIBADANBg\n-----END KEY-----\n"]);
        assert_eq!(mask.apply("failed near MIIBVAIBADANBg"), "failed near ***");
    }

    #[test]
    fn short_and_empty_values_hide_nothing() {
        assert_eq!(Mask::new(["", " ", "abc"]).apply("abc of a model"), "abc of a model");
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", Mask::new(["hunter2"])).contains("hunter"));
    }
}
