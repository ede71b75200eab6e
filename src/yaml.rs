//! YAML as a tree of nodes that know their line and column. The only user of `serde_yaml`.
//!
//! Keys given twice are refused (the parser would take the last one silently), merge keys (`<<`) are applied, tags are
//! refused. Hostile texts are bounded: by size, by nesting (128, the parser's own limit) and by the number of nodes that
//! aliases unfold to. This module never knows what a key means.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_yaml::Deserializer;

use crate::ids::FilePath;
use crate::problem::Problem;
use crate::visible::visible;

/// The largest text that is read as YAML.
const MAX_BYTES: usize = 8 << 20;
/// The most nodes that a text may unfold to, aliases included.
const MAX_NODES: usize = 400_000;

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where its key stands; for an item of a list, its first key or the list's key.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// A line and a column in characters, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, printed.
    Number(String),
    /// Any other scalar.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the text; no key comes twice.
    Map(Vec<Entry>),
}

/// One key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value; the node's place is the key's.
    pub node: Node,
}

/// Why a text is no YAML that we take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    /// What is wrong, without the place.
    pub message: String,
    /// Where, as far as the parser says.
    pub place: Option<Place>,
}

/// Reads one YAML document; an empty text is [`Value::Null`].
///
/// # Errors
/// It is no YAML, has two documents, a key given twice, a tag, or is too large or too deep.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    if text.len() > MAX_BYTES {
        return Err(YamlError { message: format!("larger than {} MiB", MAX_BYTES >> 20), place: None });
    }
    let start = Place { line: 1, column: 1 };
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Node { place: start, value: Value::Null });
    }
    let left = Cell::new(MAX_NODES);
    let seed = NodeSeed { place: start, left: &left };
    seed.deserialize(Deserializer::from_str(text)).map_err(|error| error_of(&error.to_string()))
}

/// A text as one scalar on one line, safe as a key or a value outside of `[]` and `{}`: quoted wherever it could be read as
/// anything but this text, and signs that do not show are escaped.
pub fn scalar(text: &str) -> String {
    let plain = serde_yaml::to_string(text).ok().filter(|_| visible(text) == text);
    let plain =
        plain.map(|written| written.trim_end_matches('\n').to_owned()).filter(|written| !written.contains('\n'));
    let reads_back =
        |written: &String| parse(&format!("- {written}: {written}\n")).is_ok_and(|list| is_pair_of(&list, text));
    let is_safe = |written: &String| written != text || may_be_plain(text);
    plain.filter(is_safe).filter(reads_back).unwrap_or_else(|| escaped(text))
}

/// Whether every reader takes a text without quotes for a text: YAML 1.1, which PyYAML reads, has more words and numbers than
/// ours, and `<<` and `=` mean something to it even as values.
fn may_be_plain(text: &str) -> bool {
    const WORDS: [&str; 7] = ["yes", "no", "on", "off", "true", "false", "null"];
    let starts = text.starts_with(|first: char| first.is_alphabetic() || first == '_');
    starts && !WORDS.contains(&text.to_lowercase().as_str())
}

/// In double quotes.
fn escaped(text: &str) -> String {
    let sign = |sign: char| match sign {
        '"' | '\\' => format!("\\{sign}"),
        _ if visible(&sign.to_string()) == sign.to_string() => sign.to_string(),
        _ => format!("\\U{:08X}", u32::from(sign)),
    };
    format!("\"{}\"", text.chars().map(sign).collect::<String>())
}

fn is_pair_of(list: &Node, text: &str) -> bool {
    let Value::List(items) = &list.value else { return false };
    let [item] = items.as_slice() else { return false };
    matches!(item.entries(), [Entry { key, node }] if key == text && node.value == Value::Text(text.to_owned()))
}

impl Node {
    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// A scalar as text; `None` for null, lists and mappings.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Number(text) | Value::Text(text) => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// What it is, for messages; never its content, which may be secret.
    pub fn describe(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The same behind `not`, where something else was expected.
    pub fn this(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "this number",
            Value::Text(_) => "this text",
            Value::List(_) => "this list",
            Value::Map(_) => "this mapping",
        }
    }
}

impl YamlError {
    /// The problem of the file that has it.
    pub fn problem(&self, path: &FilePath) -> Problem {
        let problem = Problem::error("invalid-yaml", self.message.clone()).at(path).help(self.help());
        match self.place {
            Some(place) => problem.position(place.line, place.column),
            None => problem,
        }
    }

    /// What to do: about what is refused here, else about the form, of which the parser knows only where it went wrong.
    fn help(&self) -> &'static str {
        let known = [
            ("is given twice", "keep one of the two"),
            ("YAML tags", "write the value without its tag"),
            ("larger than", "make the file smaller"),
            ("too many values", "make the file smaller, or write out fewer aliases"),
            ("more than one document", "keep one document: the file has no line `---` after its first value"),
        ];
        known.iter().find(|(part, _)| self.message.contains(part)).map_or(
            "the mistake may stand a line above: a bracket or quote that is still open, or keys that begin in another column",
            |(_, help)| help,
        )
    }
}

/// The message holds ` at line 3 column 7`, the first time for the fault itself, after that for what is around it.
fn error_of(message: &str) -> YamlError {
    match message.split_once(" at line ") {
        Some((text, place)) => YamlError { message: text.to_owned(), place: place_of(place) },
        None => YamlError { message: message.to_owned(), place: None },
    }
}

/// Reads `3 column 7`, whatever follows.
fn place_of(text: &str) -> Option<Place> {
    let (line, column) = text.split_once(" column ")?;
    let digits: String = column.chars().take_while(char::is_ascii_digit).collect();
    Some(Place { line: line.parse().ok()?, column: digits.parse().ok()? })
}

#[derive(Clone, Copy)]
struct NodeSeed<'a> {
    place: Place,
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom("too many values"))?;
        self.left.set(left);
        let value = deserializer.deserialize_any(self)?;
        let place = match &value {
            Value::Map(entries) if self.place.line == 0 => entries.first().map_or(self.place, |first| first.node.place),
            _ => self.place,
        };
        Ok(Node { place, value })
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a scalar, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(format!("{value:?}")))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items: Vec<Node> = Vec::new();
        let unknown = Place { line: 0, column: 0 };
        while let Some(mut item) = access.next_element_seed(NodeSeed { place: unknown, left: self.left })? {
            if item.place == unknown {
                item.place = self.place;
            }
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        let mut known: BTreeSet<String> = BTreeSet::new();
        while let Some((key, place)) = next_key(&mut access)? {
            if known.contains(&key) {
                let place = format!(" at line {} column {}", place.line, place.column);
                return Err(A::Error::custom(format!("key `{key}` is given twice{place}")));
            }
            let node = access.next_value_seed(NodeSeed { place, left: self.left })?;
            match (key.as_str(), &node.value) {
                ("<<", Value::Map(more)) => merged.extend(more.iter().cloned()),
                ("<<", Value::List(maps)) => merged.extend(maps.iter().flat_map(|map| map.entries().to_vec())),
                _ => {
                    known.insert(key.clone());
                    entries.push(Entry { key, node });
                }
            }
        }
        for entry in merged {
            if known.insert(entry.key.clone()) {
                entries.push(entry);
            }
        }
        Ok(Value::Map(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(A::Error::custom("YAML tags (`!name`) are not supported"))
    }
}

/// Reads a key and its place. serde tells places only through errors: the key is put aside, the reading fails on
/// purpose, and the failure says where.
fn next_key<'de, A: MapAccess<'de>>(access: &mut A) -> Result<Option<(String, Place)>, A::Error> {
    let mut key = None;
    match access.next_key_seed(KeySeed(&mut key)) {
        Ok(_) => Ok(None),
        Err(error) => {
            let message = error.to_string();
            let place = message.rsplit_once(" at line ").and_then(|(_, place)| place_of(place));
            let place = place.unwrap_or(Place { line: 1, column: 1 });
            key.map(|key| Some((key, place))).ok_or(error)
        }
    }
}

struct KeySeed<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text as key")
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        *self.0 = Some(value.to_owned());
        Err(E::custom("a key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u32, column: u32) -> Place {
        Place { line, column }
    }

    #[test]
    fn keys_know_their_places() {
        let node = parse("a: 1\nb:\n  c: [x, 2.0, true]\n  d:\n    - e: ~\n    - f\n").expect("yaml");
        let inner = node.get("b").expect("b");
        assert_eq!(node.get("a").map(|node| node.place), Some(place(1, 1)));
        assert_eq!(inner.get("c").map(|node| node.place), Some(place(3, 3)));
        let Value::List(items) = &inner.get("d").expect("d").value else { panic!("a list") };
        assert_eq!(items[0].place, place(5, 7));
        assert_eq!(items[1].text(), Some("f"));
        let Value::List(items) = &inner.get("c").expect("c").value else { panic!("a list") };
        let texts: Vec<_> = items.iter().filter_map(Node::text).collect();
        assert_eq!(texts, ["x", "2.0", "true"]);
    }

    #[test]
    fn duplicate_keys_are_refused_with_their_place() {
        let error = parse("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n").expect_err("a duplicate");
        assert_eq!(error.place, Some(place(5, 3)));
        assert!(error.message.contains("key `c` is given twice"), "{}", error.message);
    }

    /// Each key was held against all before it, which for as many as a file may have took minutes.
    #[test]
    fn a_mapping_may_have_many_keys() {
        let line = |number: u32| format!("k{number}: 1\n");
        let text: String = (0..20_000).map(line).collect();
        assert_eq!(parse(&text).map(|node| node.entries().len()), Ok(20_000));
        let merged = format!("base: &b\n{}use:\n  <<: *b\n  k7: 2\n", text.replace('k', "  k"));
        let node = parse(&merged).expect("yaml");
        assert_eq!(node.get("use").map(|node| node.entries().len()), Some(20_000));
        assert!(parse(&format!("{text}k7: 2\n")).expect_err("a duplicate").message.contains("`k7` is given twice"));
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let error = parse("a: [1, 2\nb: 3\n").expect_err("no YAML");
        assert_eq!(error.place.map(|place| place.line), Some(2));
    }

    #[test]
    fn merge_keys_are_applied_and_explicit_keys_win() {
        let node = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n").expect("yaml");
        let used = node.get("use").expect("use");
        assert_eq!(used.get("x").and_then(Node::text), Some("1"));
        assert_eq!(used.get("y").and_then(Node::text), Some("3"));
        assert!(used.get("<<").is_none());
    }

    #[test]
    fn an_alias_bomb_is_an_error() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let item = format!("*a{}, ", level - 1);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", item.repeat(9)));
        }
        let error = parse(&text).expect_err("a bomb");
        assert!(["repetition limit exceeded", "too many values"].iter().any(|text| error.message.contains(text)));
    }

    #[test]
    fn deep_nesting_is_an_error() {
        assert!(parse(&"[".repeat(50_000)).is_err());
        assert!(parse(&"a: {".repeat(5_000)).is_err());
        assert!(parse(&format!("{}{}", "[".repeat(2_000), "]".repeat(2_000))).is_err());
    }

    #[test]
    fn a_scalar_is_read_back_as_its_text() {
        let texts = [
            "plain",
            "erp.stock",
            "DECIMAL(18,3)",
            "STRUCT(a INTEGER, \"b c\" VARCHAR)",
            "INTEGER[]",
            "",
            " ",
            "yes",
            "null",
            "~",
            "1",
            "1.5e3",
            "0x1f",
            "2026-01-01",
            "- a",
            "a: b",
            "a #b",
            "#",
            "'",
            "\"",
            "\"Id\"",
            "a\nb: c",
            "\r",
            "\t",
            "&a",
            "*a",
            "!tag",
            "%",
            "@x",
            "`x`",
            "{a",
            "[a",
            "? a",
            "a,",
            "ö\u{2028}x",
            "\u{85}\u{feff}",
            "\u{202e}",
            "😀",
            "\u{1b}[2J",
            "---",
            "<<",
            "=",
            "a\\b",
        ];
        for text in texts {
            let written = scalar(text);
            assert!(!written.contains('\n'), "{written}");
            let node = parse(&format!("- name: {written}\n  {written}: 1\n"))
                .unwrap_or_else(|error| panic!("{written}: {error}"));
            let Value::List(items) = &node.value else { panic!("a list") };
            let [name, key] = items[0].entries() else { panic!("{text:?} as {written}: {:?}", items[0]) };
            assert_eq!(name.node.value, Value::Text(text.to_owned()), "{written}");
            assert_eq!(key.key, text, "{written}");
        }
        assert_eq!(scalar("TIMESTAMP WITH TIME ZONE"), "TIMESTAMP WITH TIME ZONE");
        assert_eq!(scalar("2026-01-01"), "\"2026-01-01\"", "SQLMesh would read a date");
        for word in ["<<", "=", "No", "on", "OFF", "+1", ".5", "1:30", "-1_0", "~"] {
            assert!(scalar(word).starts_with(['"', '\'']), "PyYAML would read {word} as something else");
        }
    }

    #[test]
    fn what_is_no_plain_data_is_an_error() {
        assert!(parse("a: !secret x\n").is_err());
        assert!(parse("a: 1\n---\nb: 2\n").is_err());
        assert!(parse("[a]: 1\n").is_err());
        assert!(parse("a: \u{0}\n").is_err());
        assert_eq!(parse("# nothing\n").expect("yaml").value, Value::Null);
        assert_eq!(parse("").expect("yaml").value, Value::Null);
    }
}
