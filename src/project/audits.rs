//! The project's own audits: `AUDIT (…);` and the query behind it, several in a file of `audits/`, or beside a model's query
//! (research: SQLMesh, section 7.7). What a call makes of one is `calls`' affair.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::file::Rules;
use super::macros;
use super::name::sniff_dialect;
use super::split::{self, AuditParts};
use super::value::{Source, Value, split_at_commas};
use crate::hash::{Digest, Hasher};
use crate::ids::FilePath;
use crate::model::Weight;
use crate::problem::{Positions, Problem, nearest};
use crate::sql::{Dialect, Token, tokenize};
use crate::yaml::Place;

/// What an `AUDIT` block may say.
const PROPERTIES: [&str; 7] = ["name", "dialect", "skip", "blocking", "standalone", "defaults", "formatting"];
/// What one may say beside that which belongs to no model; only described.
const OF_STANDALONE: [&str; 12] = [
    "owner",
    "cron",
    "cron_tz",
    "tags",
    "depends_on",
    "description",
    "start",
    "end",
    "stamp",
    "interval_unit",
    "project",
    "enabled",
];

/// One audit as it is written.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    /// Its name, lower case.
    pub(super) name: String,
    /// Its file.
    pub(super) path: FilePath,
    /// Where its block begins.
    pub(super) place: Place,
    pub(super) dialect: Dialect,
    /// What a failure does, where the call does not say.
    pub(super) weight: Weight,
    pub(super) standing: Standing,
    /// Values of arguments that a call does not give, by name in lower case.
    pub(super) defaults: BTreeMap<String, String>,
    /// The file, into which the tokens point.
    pub(super) written: Arc<Written>,
    /// Macros before the query, which may be definitions.
    pub(super) macros: Vec<Vec<Token>>,
    /// The query.
    pub(super) query: Vec<Token>,
}

/// A file with audits, looked at once however many are in it and however often they are called.
#[derive(Debug)]
pub(super) struct Written {
    /// Its text, with Jinja blocks as they are written.
    pub(super) text: String,
    pub(super) blocks: Vec<macros::Block>,
    /// The text without what is in the blocks.
    pub(super) masked: String,
    pub(super) positions: Positions,
    digest: Digest,
}

impl Written {
    fn new(text: &str, dialect: Dialect) -> Self {
        let (blocks, masked) = macros::plain(text, dialect);
        Self {
            masked: masked.into_owned(),
            blocks,
            positions: Positions::default(),
            digest: Digest::of("file of audits", text),
            text: text.to_owned(),
        }
    }
}

/// Whether an audit needs a model that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    OfModels,
    Alone,
}

/// The audits of a project.
#[derive(Clone, Debug, Default)]
pub(super) struct Audits {
    /// By name; the first file that has one defines it.
    pub(super) by_name: BTreeMap<String, Definition>,
    /// Names of audits that are written and cannot run.
    pub(super) broken: Vec<String>,
}

impl Definition {
    /// All that decides what it counts.
    pub(super) fn digest(&self) -> Digest {
        let mut hasher = Hasher::new("audit").text(&self.name).text(self.dialect.name()).text(self.weight.text());
        hasher = hasher.number(self.defaults.len() as u64);
        for (name, value) in &self.defaults {
            hasher = hasher.text(name).text(value);
        }
        hasher.text(self.path.as_str()).digest(self.written.digest).finish()
    }
}

impl Definition {
    /// Whether its query is a Jinja block, whose names are not seen here.
    pub(super) fn is_jinja(&self) -> bool {
        self.query.first().is_some_and(|first| first.is_word(split::JINJA_QUERY))
    }

    /// The names that follow an `@` in its text, as they are written, also in braces and strings.
    pub(super) fn named(&self) -> Vec<&str> {
        let first = self.macros.first().unwrap_or(&self.query).first();
        let range = first.zip(self.query.last()).map(|(first, last)| first.range.start..last.range.end);
        let text = range.and_then(|range| self.written.text.get(range)).unwrap_or_default();
        let name = |(at, _): (usize, &str)| {
            let rest = text[at + 1..].trim_start_matches('{');
            let end = rest.find(|sign: char| !(sign.is_alphanumeric() || sign == '_')).unwrap_or(rest.len());
            &rest[..end]
        };
        text.match_indices('@').map(name).filter(|name| !name.is_empty()).collect()
    }
}

impl Audits {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty() && self.broken.is_empty()
    }

    /// A digest of all of them.
    pub(super) fn digest(&self) -> Digest {
        let hasher = Hasher::new("audits").digests(self.by_name.values().map(Definition::digest));
        self.broken.iter().fold(hasher, |hasher, name| hasher.text(name)).finish()
    }

    /// Takes the audits of one file, of which none may have another's name.
    pub(super) fn take(&mut self, read: Read, problems: &mut Vec<Problem>) {
        self.broken.extend(read.broken);
        problems.extend(read.problems);
        for definition in read.definitions {
            match self.by_name.get(&definition.name) {
                None => drop(self.by_name.insert(definition.name.clone(), definition)),
                Some(first) => problems.push(defined_twice(first, &definition)),
            }
        }
    }
}

fn defined_twice(first: &Definition, next: &Definition) -> Problem {
    let message = format!(
        "audit `{}` is defined twice: in `{}` line {} and in `{}` line {}",
        first.name, first.path, first.place.line, next.path, next.place.line
    );
    let problem = Problem::error("duplicate-audit", message).at(&next.path);
    problem.position(next.place.line, next.place.column).help("rename one of the two, or delete it")
}

/// What came of blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    pub(super) definitions: Vec<Definition>,
    /// Names of audits that cannot run.
    pub(super) broken: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

/// Reads a file below `audits/`.
pub(super) fn read_file(path: &FilePath, text: &str, rules: &Rules) -> Read {
    let mut read = Read::default();
    let positions = Positions::default();
    let source = Source { path, text, positions: &positions, fixed: None };
    if let Some(offset) = text.find('\0') {
        read.problems.push(source.nul(offset));
        return read;
    }
    let default = rules.dialect.unwrap_or(Dialect::Generic);
    let dialect = sniff_dialect(text).and_then(|written| Dialect::from_name(&written)).unwrap_or(default);
    let (_, masked) = macros::plain(text, dialect);
    let source = Source { text: &masked, ..source };
    match tokenize(&masked, dialect) {
        Ok(tokens) => {
            let tokens = split::macros_apart(tokens, &masked);
            let parts = split::audits(&source, &tokens, &mut read.problems);
            read_blocks((&source, text), &parts, default, &mut read);
        }
        Err(error) => {
            let message = format!("the file cannot be cut into words: {}", error.message.to_lowercase());
            let problem = source.error("unreadable-sql", error.offset, message);
            read.problems.push(problem.help("close the string, quoted name or comment"));
        }
    }
    read
}

/// Reads the audits beside a model, of a text without and with its Jinja.
pub(super) fn inline(
    (source, written): (&Source<'_>, &str),
    parts: &[AuditParts<'_>],
    dialect: Dialect,
    problems: &mut Vec<Problem>,
) -> Audits {
    let (mut read, mut inline) = (Read::default(), Audits::default());
    let places: Vec<usize> = parts.iter().map(|parts| parts.offset).collect();
    read_blocks((source, written), parts, dialect, &mut read);
    inline.take(read, problems);
    let alone = |definition: &&Definition| definition.standing == Standing::Alone;
    for definition in inline.by_name.values().filter(alone) {
        let offset = places.iter().find(|offset| source.place(**offset) == definition.place);
        let message = format!("audit `{}` stands beside a model, so it cannot be standalone", definition.name);
        let problem = source.error("invalid-property", offset.copied().unwrap_or(0), message);
        problems.push(problem.help("move it into a file of `audits/`"));
    }
    inline
}

/// Reads blocks of one text, whose audits are in `dialect` unless they say otherwise. `written` is the text with its Jinja.
fn read_blocks((source, written): (&Source<'_>, &str), parts: &[AuditParts<'_>], dialect: Dialect, read: &mut Read) {
    if parts.is_empty() {
        return;
    }
    let written = Arc::new(Written::new(written, dialect));
    for parts in parts {
        let Some(header) = parts.header else { continue };
        let before = read.problems.len();
        let mut block = Block { source, dialect, problems: &mut read.problems, name: None };
        let definition = block.read((header, parts), &written);
        let name = block.name;
        match definition.filter(|_| read.problems.len() == before) {
            Some(definition) => read.definitions.push(definition),
            None => read.broken.extend(name),
        }
    }
}

struct Block<'a, 'b> {
    source: &'b Source<'a>,
    dialect: Dialect,
    problems: &'b mut Vec<Problem>,
    name: Option<String>,
}

impl Block<'_, '_> {
    fn error(&mut self, code: &'static str, offset: usize, message: impl Into<String>, help: &str) {
        self.problems.push(self.source.error(code, offset, message).help(help));
    }

    fn read(&mut self, (header, parts): (&[Token], &AuditParts<'_>), written: &Arc<Written>) -> Option<Definition> {
        let mut definition = Definition {
            name: String::new(),
            path: self.source.path.clone(),
            place: self.source.place(parts.offset),
            dialect: self.dialect,
            weight: Weight::Blocking,
            standing: Standing::OfModels,
            defaults: BTreeMap::new(),
            written: Arc::clone(written),
            macros: Vec::new(),
            query: Vec::new(),
        };
        let mut given = BTreeMap::new();
        for part in split_at_commas(header) {
            self.property(part, parts.offset, (&mut definition, &mut given));
        }
        self.check(parts.offset, &mut definition, &given);
        definition.query = self.query(parts)?.to_vec();
        let before = parts.statements.split_last().map_or(&[][..], |(_, before)| before);
        definition.macros = before.iter().map(|statement| statement.to_vec()).collect();
        self.name.clone().map(|name| Definition { name, ..definition })
    }

    fn property(
        &mut self,
        tokens: &[Token],
        offset: usize,
        (definition, given): (&mut Definition, &mut BTreeMap<String, usize>),
    ) {
        let value = self.source.value(tokens, offset);
        if value.is_empty() {
            return;
        }
        let Some(pair) = value.pair().filter(|pair| !pair.value.is_empty()) else {
            let message = format!("expected a property of the audit and its value, found `{}`", value.folded());
            return self.error("invalid-property", value.offset, message, "write it as `blocking false`");
        };
        let key = pair.key.as_str();
        if given.insert(pair.key.clone(), pair.offset).is_some() {
            let message = format!("`{key}` of an audit is given twice");
            return self.error("duplicate-property", pair.offset, message, "keep one of the two");
        }
        if let Err(expected) = self.set(key, pair.value, definition) {
            let message = format!("`{key}` of an audit must be {expected}, found `{}`", pair.value.folded());
            self.problems.push(self.source.error("invalid-property", pair.value.offset, message));
        }
    }

    /// Applies one property; an error says what was expected.
    fn set(&mut self, key: &str, value: Value<'_>, definition: &mut Definition) -> Result<(), &'static str> {
        match key {
            "name" => self.name = Some(value.scalar().ok_or("one name")?.to_lowercase()),
            "dialect" => {
                let name = value.scalar().ok_or("one name")?;
                definition.dialect = Dialect::from_name(&name).ok_or("a dialect that we know")?;
            }
            "skip" if truth(value)? => definition.weight = Weight::Skipped,
            "blocking" if !truth(value)? && definition.weight == Weight::Blocking => definition.weight = Weight::Told,
            "standalone" if truth(value)? => definition.standing = Standing::Alone,
            "defaults" => {
                let expected = "pairs such as (threshold = 10)";
                for pair in value.pairs().map_err(|_| expected)? {
                    if pair.value.is_empty() {
                        return Err(expected);
                    }
                    definition.defaults.insert(pair.key, pair.value.folded());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What can only be said of all properties together.
    fn check(&mut self, offset: usize, definition: &mut Definition, given: &BTreeMap<String, usize>) {
        if self.name.as_deref().is_none_or(str::is_empty) {
            self.error("missing-name", offset, "the audit has no `name`", "write `AUDIT (name my_audit);`");
        }
        let alone = definition.standing == Standing::Alone;
        for (key, at) in given {
            let known = || PROPERTIES.iter().chain(OF_STANDALONE.iter().filter(|_| alone)).copied();
            if !known().any(|known| known == key) {
                let help = match nearest(key, known()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
                };
                self.error("unknown-property", *at, format!("an audit has no property `{key}`"), &help);
            }
        }
        if alone && definition.weight == Weight::Blocking {
            // SQLMesh's default for these; it refuses those that say `blocking true`.
            if let Some(at) = given.get("blocking") {
                let message = "an audit that belongs to no model cannot block anything";
                self.error("invalid-property", *at, message, "remove `blocking`");
            }
            definition.weight = Weight::Told;
        }
    }

    /// The last statement of the block.
    fn query<'t>(&mut self, parts: &AuditParts<'t>) -> Option<&'t [Token]> {
        let Some((query, before)) = parts.statements.split_last() else {
            self.error("missing-query", parts.offset, "the audit has no query", "write one SELECT after its block");
            return None;
        };
        let start = |tokens: &[Token]| tokens.first().map_or(parts.offset, |token| token.range.start);
        if let Some(statement) = before.iter().find(|statement| !split::is_macro(statement)) {
            // SQLMesh passes over it in silence.
            let message = "an audit is one query, and this statement before it does not run";
            let problem = self.source.warning("unsupported-block", start(statement), message);
            self.problems.push(problem.help("make it a part of the query, or take it away"));
        }
        if !split::is_query(query) && !split::is_macro(query) {
            let message = "an audit is a query whose rows are the failures, and this is none";
            self.error("missing-query", start(query), message, "write one SELECT after its block");
            return None;
        }
        Some(query)
    }
}

fn truth(value: Value<'_>) -> Result<bool, &'static str> {
    match value.scalar().map(|text| text.to_lowercase()).as_deref() {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err("true or false"),
    }
}
