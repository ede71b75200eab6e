//! `external_models.yaml` and the files of `external_models/`: tables that the project reads and does not own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::calls::FileAudits;
use super::file::{ParsedFile, Rules, unknown_dialect};
use super::name::model_name;
use crate::hash::{Digest, Hasher};
use crate::ids::{FilePath, ModelName};
use crate::model::{AuditCall, DeclaredColumn, DeclaredTime, Kind, Model, Properties};
use crate::problem::{Problem, nearest};
use crate::sql::{Dialect, within};
use crate::time::{Timestamp, relative};
use crate::yaml::{self, Node, Place, Value};

const KEYS: [&str; 8] = ["name", "description", "columns", "dialect", "gateway", "start", "audits", "kind"];

/// What SQLMesh takes and what says nothing of a table that somebody else fills.
const KEPT: [&str; 11] = [
    "column_descriptions",
    "cron",
    "default_catalog",
    "grain",
    "grains",
    "ignored_rules",
    "owner",
    "physical_properties",
    "references",
    "stamp",
    "tags",
];

/// What one file declares.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    /// Its tables, each as if it had a file of its own.
    pub(super) files: Vec<ParsedFile>,
    /// Those of them that are for the active gateway alone; one wins over the same table for all gateways, in any file.
    pub(super) specific: BTreeSet<ModelName>,
    /// What is wrong with it.
    pub(super) problems: Vec<Problem>,
}

/// Reads one file: a list of tables. Tables of another gateway than the active one are left out.
pub(super) fn read(path: &FilePath, text: &str, rules: &Rules) -> Tables {
    let mut problems = Vec::new();
    let (files, specific) = tables(&mut Reader { path, rules, problems: &mut problems }, text);
    Tables { files, specific, problems }
}

fn tables(reader: &mut Reader<'_>, text: &str) -> (Vec<ParsedFile>, BTreeSet<ModelName>) {
    let document = match yaml::parse(text) {
        Ok(document) => document,
        Err(error) => {
            reader.problems.push(error.problem(reader.path));
            return Default::default();
        }
    };
    let Value::List(items) = &document.value else {
        if document.value != Value::Null {
            reader.expected("external models", "a list of tables", &document);
        }
        return Default::default();
    };
    let mut found: Vec<(bool, ParsedFile)> = items.iter().filter_map(|item| reader.table(item)).collect();
    // An entry with the active gateway wins over the general one.
    let specific: BTreeSet<_> = names(found.iter().filter(|(specific, _)| *specific));
    found.retain(|(is_specific, file)| {
        *is_specific || file.name.as_ref().is_none_or(|(name, _)| !specific.contains(name))
    });
    (found.into_iter().map(|(_, file)| file).collect(), specific)
}

fn names<'a>(files: impl Iterator<Item = &'a (bool, ParsedFile)>) -> BTreeSet<ModelName> {
    files.filter_map(|(_, file)| Some(file.name.as_ref()?.0.clone())).collect()
}

struct Reader<'a> {
    path: &'a FilePath,
    rules: &'a Rules,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn tell(&mut self, place: Place, problem: Problem) {
        self.problems.push(problem.at(self.path).position(place.line, place.column));
    }

    fn expected(&mut self, key: &str, what: &str, node: &Node) {
        let message = format!("`{key}` must be {what}, not {}", node.this());
        self.tell(node.place, Problem::error("invalid-external-model", message));
    }

    /// One table, and whether it is for the active gateway alone.
    fn table(&mut self, item: &Node) -> Option<(bool, ParsedFile)> {
        for entry in item.entries() {
            if !KEYS.contains(&entry.key.as_str()) && !KEPT.contains(&entry.key.as_str()) {
                let message = format!("an external model has no property `{}`", entry.key);
                let problem = Problem::error("unknown-property", message);
                let help = nearest(&entry.key, KEYS)
                    .map_or_else(|| format!("known are {}", KEYS.join(", ")), |name| format!("did you mean `{name}`?"));
                self.tell(entry.node.place, problem.help(help));
            }
        }
        let gateway = item.get("gateway").and_then(Node::text);
        let active = self.rules.gateway.as_deref().unwrap_or_default();
        if gateway.is_some_and(|gateway| !gateway.eq_ignore_ascii_case(active)) {
            return None;
        }
        let dialect = self.dialect(item);
        let Some(name) = item.get("name").filter(|name| name.text().is_some()) else {
            match item.get("name") {
                Some(name) => self.expected("name", "the table's name", name),
                None => {
                    let problem = Problem::error("invalid-external-model", "the table has no `name`");
                    self.tell(item.place, problem.help("write `- name: schema.table`"));
                }
            }
            return None;
        };
        match model_name(name.text().unwrap_or_default(), dialect) {
            Ok(model) => {
                let model = within(model, self.rules.catalog.as_ref());
                let properties = self.properties(item, dialect);
                let source = source_of(&model, dialect, &properties);
                let file = table(self.path, (model, name.place), dialect, Arc::new(properties), source);
                Some((gateway.is_some(), file))
            }
            Err(message) => {
                self.tell(name.place, Problem::error("invalid-external-model", message));
                None
            }
        }
    }

    fn start(&mut self, node: &Node) -> Option<DeclaredTime> {
        let text = node.text()?.to_owned();
        let absolute = Timestamp::parse(&text);
        if absolute.is_none() && relative(&text, Timestamp(0)).is_none() {
            self.expected("start", "a time such as `2026-01-01` or `1 week ago`", node);
        }
        Some(DeclaredTime { absolute, text })
    }

    fn dialect(&mut self, item: &Node) -> Dialect {
        let default = self.rules.dialect.unwrap_or(Dialect::Generic);
        let Some(node) = item.get("dialect") else { return default };
        let Some(text) = node.text() else {
            self.expected("dialect", "a dialect's name", node);
            return default;
        };
        Dialect::from_name(text).unwrap_or_else(|| {
            self.tell(node.place, unknown_dialect(text));
            default
        })
    }

    fn audits(&mut self, node: &Node) -> Vec<AuditCall> {
        let Value::List(items) = &node.value else {
            self.expected("audits", "a list such as `[{name: not_null, columns: \"[id]\"}]`", node);
            return Vec::new();
        };
        let mut calls = Vec::new();
        for item in items {
            match audit(item) {
                Some(call) => calls.push(call),
                None => self.expected("audits", "a list of audits, each with its `name` and texts as arguments", item),
            }
        }
        calls
    }

    fn properties(&mut self, item: &Node, dialect: Dialect) -> Properties {
        let text = |key| item.get(key).and_then(Node::text).map(str::to_owned);
        let mut properties = Properties { description: text("description"), ..Properties::default() };
        properties.start = item.get("start").and_then(|start| self.start(start));
        let audits = item.get("audits").filter(|audits| audits.value != Value::Null);
        properties.audits = audits.map(|node| self.audits(node)).unwrap_or_default();
        properties.audits.extend(self.rules.default_audits.iter().cloned());
        let Some(columns) = item.get("columns") else { return properties };
        if !matches!(columns.value, Value::Map(_) | Value::Null) {
            self.expected("columns", "a mapping of columns to types", columns);
        }
        for entry in columns.entries() {
            if entry.node.text().is_none() && entry.node.value != Value::Null {
                self.expected(&entry.key, "a type", &entry.node);
            }
            let data_type = entry.node.text().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
            properties.columns.push(DeclaredColumn { name: external_column(&entry.key, dialect), data_type });
        }
        properties
    }
}

/// The name of an audit and its arguments, as SQLMesh reads them here: texts, each an expression.
fn audit(node: &Node) -> Option<AuditCall> {
    let text = |node: &Node| match &node.value {
        Value::List(items) => {
            let items: Option<Vec<&str>> = items.iter().map(Node::text).collect();
            Some(format!("({})", items?.join(", ")))
        }
        _ => node.text().map(str::to_owned),
    };
    // As pairs: a name, and its arguments.
    if let Value::List(items) = &node.value
        && let [name, arguments] = items.as_slice()
        && matches!(arguments.value, Value::Map(_))
    {
        let argument = |entry: &yaml::Entry| Some((entry.key.to_lowercase(), text(&entry.node)?));
        let arguments = arguments.entries().iter().map(argument).collect::<Option<_>>()?;
        return Some(AuditCall { name: name.text()?.to_lowercase(), arguments });
    }
    if let Some(name) = text(node) {
        return Some(AuditCall { name: name.to_lowercase(), arguments: BTreeMap::new() });
    }
    let mut arguments = BTreeMap::new();
    for entry in node.entries() {
        arguments.insert(entry.key.to_lowercase(), text(&entry.node)?);
    }
    Some(AuditCall { name: arguments.remove("name")?.to_lowercase(), arguments })
}

/// The exact name of a column that an entry calls so: what the dialect makes of an unquoted name, or what stands in double
/// quotes.
pub fn external_column(key: &str, dialect: Dialect) -> String {
    let quoted = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|inside| !inside.is_empty());
    quoted.map_or_else(|| dialect.shown(key, false), |inside| inside.replace("\"\"", "\""))
}

/// A table that is declared.
pub(super) fn table(
    path: &FilePath,
    (name, place): (ModelName, Place),
    dialect: Dialect,
    properties: Arc<Properties>,
    source: Digest,
) -> ParsedFile {
    let model = Model {
        name: name.clone(),
        path: path.clone(),
        kind: Kind::External,
        dialect,
        query: None,
        pre_statements: Vec::new(),
        post_statements: Vec::new(),
        on_virtual_update: Vec::new(),
        properties,
        mentions: Arc::default(),
        own_audits: Default::default(),
        source,
    };
    let audits = FileAudits { place: Some(place), ..FileAudits::default() };
    ParsedFile { name: Some((name, place)), model: Some(model), audits, ..ParsedFile::default() }
}

/// Everything that is known of an external table; another table of the same file may change without moving this one.
fn source_of(name: &ModelName, dialect: Dialect, properties: &Properties) -> Digest {
    let mut hasher = Hasher::new("external source").text(&name.to_string()).text(dialect.name());
    hasher = hasher.option(properties.description.as_deref());
    hasher = hasher.option(properties.start.as_ref().map(|start| start.text.as_str()));
    for call in &properties.audits {
        hasher = hasher.text("audit").text(&call.to_string());
    }
    hasher = hasher.number(properties.columns.len() as u64);
    for column in &properties.columns {
        hasher = hasher.text(&column.name).option(column.data_type.as_deref());
    }
    hasher.finish()
}
