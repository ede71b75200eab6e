//! The one way in which this program hashes: SHA-256 over a stream in which nothing can be mistaken for something else.
//!
//! Rules, so that a fingerprint means the same on every machine and in every release of one algorithm version:
//! * a [`Hasher`] begins with a domain text, itself length-prefixed;
//! * every text and byte string is prefixed with its length as eight little-endian bytes;
//! * a sequence is prefixed with its number of items, an option or enum with a tag text;
//! * maps are fed in key order (use `BTreeMap`), never in `HashMap` order;
//! * digests are fed as their 32 bytes.
//!
//! This module never decides *what* is hashed: `fingerprint` and `sql` do.

mod trace;

use std::fmt;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use trace::{Entry, Item, Trace, traced};

/// A SHA-256 value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of one text within a domain.
    pub fn of(domain: &str, text: &str) -> Self {
        Hasher::new(domain).text(text).finish()
    }

    /// The first `length` (at most 64) hexadecimal digits.
    pub fn short(&self, length: usize) -> String {
        self.to_string().chars().take(length).collect()
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Reads what `Display` prints.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({})", self.short(12))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return <[u8; 32]>::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected 64 hexadecimal digits"))
    }
}

/// Feeds values into one digest; every method chains.
#[derive(Clone)]
pub struct Hasher {
    state: Sha256,
    /// What was fed, where somebody wants to know.
    entry: Option<Box<Entry>>,
}

impl Hasher {
    /// Starts a digest of one kind of thing; two kinds never share a domain.
    pub fn new(domain: &str) -> Self {
        let mut hasher = Self { state: Sha256::new(), entry: trace::begun(domain) };
        hasher.feed(domain.as_bytes());
        hasher
    }

    /// Feeds a text.
    pub fn text(mut self, text: &str) -> Self {
        self.put_text(text);
        self
    }

    /// Feeds raw bytes.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.put_bytes(bytes);
        self
    }

    /// Feeds a number.
    pub fn number(mut self, number: u64) -> Self {
        self.state.update(number.to_le_bytes());
        self.note(|| Item::Number(number));
        self
    }

    /// Feeds another digest.
    pub fn digest(mut self, digest: Digest) -> Self {
        self.state.update(digest.0);
        self.note(|| Item::Digest(digest));
        self
    }

    /// Feeds digests in order, with their number.
    pub fn digests(mut self, digests: impl IntoIterator<Item = Digest>) -> Self {
        let digests: Vec<Digest> = digests.into_iter().collect();
        self.state.update((digests.len() as u64).to_le_bytes());
        for digest in &digests {
            self.state.update(digest.0);
        }
        self.note(|| Item::List(digests));
        self
    }

    /// Feeds an optional text with a tag for its presence.
    pub fn option(mut self, text: Option<&str>) -> Self {
        self.state.update(u64::from(text.is_some()).to_le_bytes());
        if let Some(text) = text {
            self.feed(text.as_bytes());
        }
        self.note(|| Item::MaybeText(text.map(str::to_owned)));
        self
    }

    /// Feeds an optional digest with a tag for its presence.
    pub fn option_digest(mut self, digest: Option<Digest>) -> Self {
        self.state.update(u64::from(digest.is_some()).to_le_bytes());
        if let Some(digest) = digest {
            self.state.update(digest.0);
        }
        self.note(|| Item::MaybeDigest(digest));
        self
    }

    /// Adds bytes without consuming the hasher, for streams (such as a seed's cells).
    pub fn put_bytes(&mut self, bytes: &[u8]) {
        self.feed(bytes);
        self.note(|| Item::Bytes(bytes.len()));
    }

    /// Adds a text without consuming the hasher.
    pub fn put_text(&mut self, text: &str) {
        self.feed(text.as_bytes());
        self.note(|| Item::Text(text.to_owned()));
    }

    /// Ends the digest.
    pub fn finish(self) -> Digest {
        let digest = Digest(self.state.finalize().into());
        if let Some(entry) = self.entry {
            trace::ended(digest, *entry);
        }
        digest
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.state.update((bytes.len() as u64).to_le_bytes());
        self.state.update(bytes);
    }

    fn note(&mut self, item: impl FnOnce() -> Item) {
        if let Some(entry) = &mut self.entry {
            entry.items.push(item());
        }
    }
}

/// The plain SHA-256 of a stream and its length: for formats that name content so (Git LFS), never for fingerprints.
///
/// # Errors
/// The stream cannot be read.
pub fn sha256_of(stream: &mut dyn Read) -> io::Result<(Digest, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut length = 0;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok((Digest(hasher.finalize().into()), length)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                length += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_keep_neighbours_apart() {
        let one = Hasher::new("t").text("ab").text("c").finish();
        let two = Hasher::new("t").text("a").text("bc").finish();
        assert_ne!(one, two);
    }

    #[test]
    fn a_trace_tells_what_was_fed_and_changes_no_digest() {
        let work = || Hasher::new("t").text("ab").option(None).digests([Digest::of("u", "x")]).finish();
        let (digest, trace) = traced(work);
        assert_eq!(digest, work());
        let items = vec![Item::Text("ab".into()), Item::MaybeText(None), Item::List(vec![Digest::of("u", "x")])];
        assert_eq!(trace.entry(digest), Some(&Entry { domain: "t".into(), items }));
        assert!(trace.entry(Digest::of("u", "x")).is_some() && trace.entry(Digest::of("u", "y")).is_none());
        assert!(traced(|| ()).1.entry(digest).is_none(), "nothing of what came before");
    }

    #[test]
    fn prints_and_reads_back() {
        let digest = Digest::of("t", "x");
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest::parse("zz"), None);
    }

    #[test]
    fn the_plain_sha256_is_the_published_one() {
        let (digest, length) = sha256_of(&mut "abc".as_bytes()).expect("a slice can be read");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(length, 3);
    }
}
