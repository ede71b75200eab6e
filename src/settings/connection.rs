//! Connections of gateways, as data. Secrets are held so that no print of them shows anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroUsize;

use super::jinja::UNSET;
use super::reader::Report;
use crate::sql::{Alone, DefaultCatalog};
use crate::yaml::{Entry, Node, Value};

/// A text that no output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one call that connects.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// A connection as its `type` and options; options that may be secret are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `type`, lower case: `duckdb`, `postgres`, …
    pub kind: String,
    /// Every other key.
    pub options: BTreeMap<String, OptionValue>,
    /// DuckDB's `catalogs` in the file's order: the first is the default one.
    pub catalogs: Vec<Catalog>,
    /// Environment variables that it names and that are not set.
    pub unset: BTreeSet<String>,
}

impl Connection {
    /// The values that it keeps secret, those of its catalogs too.
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        let all = self.catalogs.iter().map(|catalog| &catalog.options).chain([&self.options]);
        all.flat_map(BTreeMap::values).flat_map(OptionValue::secrets).collect()
    }
}

impl OptionValue {
    fn secrets(&self) -> Vec<&Secret> {
        match self {
            Self::Text(_) => Vec::new(),
            Self::Secret(secret) => vec![secret],
            Self::List(values) => values.iter().flat_map(Self::secrets).collect(),
            Self::Map(values) => values.values().flat_map(Self::secrets).collect(),
        }
    }
}

/// The value of a connection's option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A scalar under a harmless key.
    Text(String),
    /// A scalar under a key that sounds like a secret.
    Secret(Secret),
    /// A list.
    List(Vec<Self>),
    /// A mapping.
    Map(BTreeMap<String, Self>),
}

/// One of DuckDB's catalogs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// Its name in SQL.
    pub name: String,
    /// Its file, or `:memory:`.
    pub path: String,
    /// Its other options, such as `type` and `read_only`.
    pub options: BTreeMap<String, OptionValue>,
}

/// What DuckDB needs to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuckDbConnection {
    /// The file; `None` where there are catalogs, or for a database in memory.
    pub database: Option<String>,
    /// Catalogs to attach, the default one first; empty where `database` says it all.
    pub catalogs: Vec<Catalog>,
    /// Extensions to load.
    pub extensions: Vec<String>,
    /// Session settings (`connector_config`).
    pub settings: BTreeMap<String, OptionValue>,
}

/// What PostgreSQL needs to be reached, as SQLMesh writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresConnection {
    /// The server's name, address or socket folder.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The role that logs in.
    pub user: String,
    /// Its password.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// The role that everything runs as, where it is another one.
    pub role: Option<String>,
    /// libpq's `sslmode`.
    pub sslmode: Option<String>,
    /// Seconds that one attempt to connect may take.
    pub connect_timeout: u64,
    /// Seconds without a word after which the connection is probed.
    pub keepalives_idle: Option<u64>,
    /// What the server lists us as.
    pub application_name: Option<String>,
}

/// Why there is no connection to use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// The configuration has no gateway at all.
    #[error("the configuration names no gateway: add `gateways` with a `connection` to `config.yaml`")]
    NoGateway,
    /// The gateway asked for does not exist.
    #[error("there is no gateway `{name}`: the configuration has {known}{}", meant(.nearest))]
    UnknownGateway {
        /// The gateway asked for.
        name: String,
        /// Those that there are.
        known: String,
        /// What was perhaps meant.
        nearest: Option<String>,
    },
    /// The gateway says not where.
    #[error("gateway `{gateway}` has no `connection`")]
    NoConnection {
        /// The gateway.
        gateway: String,
    },
    /// Environment variables are missing.
    #[error("the connection needs environment variables that are not set: {names}")]
    Unset {
        /// The variables.
        names: String,
    },
    /// It lacks something.
    #[error("the connection has no `{key}`")]
    Missing {
        /// What it lacks.
        key: &'static str,
    },
    /// One of its values cannot be.
    #[error("`{key}` of the connection is {found:?}: expected {expected}")]
    Invalid {
        /// Its key.
        key: &'static str,
        /// What is expected.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// It is of a type that this program cannot work on.
    #[error("a connection of type `{found}` is not supported: this program works on `duckdb` and `postgres`")]
    Unsupported {
        /// What is configured.
        found: String,
    },
    /// It is of another type.
    #[error("expected a connection of type `{expected}`, found `{found}`")]
    OtherType {
        /// What is supported here.
        expected: &'static str,
        /// What is configured.
        found: String,
    },
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

impl Connection {
    /// The connection as DuckDB's.
    ///
    /// # Errors
    /// It is of another type, or names environment variables that are not set.
    pub fn duckdb(&self) -> Result<DuckDbConnection, ConnectionError> {
        if self.kind != "duckdb" {
            return Err(ConnectionError::OtherType { expected: "duckdb", found: self.kind.clone() });
        }
        self.complete()?;
        let database = self.text("database").filter(|path| *path != ":memory:").map(str::to_owned);
        let extensions = match self.options.get("extensions") {
            Some(OptionValue::List(items)) => items.iter().filter_map(OptionValue::text).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let settings = match self.options.get("connector_config") {
            Some(OptionValue::Map(settings)) => settings.clone(),
            _ => BTreeMap::new(),
        };
        Ok(DuckDbConnection { database, catalogs: self.catalogs.clone(), extensions, settings })
    }

    /// The connection as PostgreSQL's. What it does not say and libpq's variables (`PGPASSWORD`, `PGSSLMODE`) do is
    /// theirs, as it is for SQLMesh.
    ///
    /// # Errors
    /// It is of another type, lacks something, or names environment variables that are not set.
    pub fn postgres(&self, environment: &BTreeMap<String, String>) -> Result<PostgresConnection, ConnectionError> {
        if self.kind != "postgres" {
            return Err(ConnectionError::OtherType { expected: "postgres", found: self.kind.clone() });
        }
        self.complete()?;
        let needed = |key| self.text(key).map(str::to_owned).ok_or(ConnectionError::Missing { key });
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let password = match self.options.get("password") {
            Some(OptionValue::Secret(secret)) => Some(secret.clone()),
            _ => variable("PGPASSWORD").map(Secret::new),
        };
        Ok(PostgresConnection {
            host: needed("host")?,
            port: self.number("port", "a port such as 5432")?.unwrap_or(5432),
            user: needed("user")?,
            password,
            database: needed("database")?,
            role: self.text("role").map(str::to_owned),
            sslmode: self.text("sslmode").map(str::to_owned).or_else(|| variable("PGSSLMODE").cloned()),
            connect_timeout: self.number("connect_timeout", "a number of seconds")?.unwrap_or(10),
            keepalives_idle: self.number("keepalives_idle", "a number of seconds")?,
            application_name: self.text("application_name").map(str::to_owned),
        })
    }

    fn number<T: std::str::FromStr>(
        &self,
        key: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, ConnectionError> {
        let Some(text) = self.text(key) else { return Ok(None) };
        let invalid = |_| ConnectionError::Invalid { key, expected, found: text.to_owned() };
        text.parse().map(Some).map_err(invalid)
    }

    /// An option that is a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.options.get(key).and_then(OptionValue::text)
    }

    /// How many models are built at once; `None` where it does not say, or no number from 1.
    pub fn concurrent_tasks(&self) -> Option<NonZeroUsize> {
        self.text("concurrent_tasks")?.trim().parse().ok()
    }

    /// Whether the descriptions of models are written to the warehouse; so it is where nothing is said, as in SQLMesh.
    pub fn registers_comments(&self) -> bool {
        let says_no = |text: &str| ["false", "no", "off", "0"].iter().any(|no| text.trim().eq_ignore_ascii_case(no));
        !self.text("register_comments").is_some_and(says_no)
    }

    /// The catalog in which names of two parts are: the first one of DuckDB, else what it calls its file; PostgreSQL's database.
    /// `None` where the engine alone knows it.
    pub fn default_catalog(&self) -> Option<DefaultCatalog> {
        let either = |name: String| DefaultCatalog { name, alone: Alone::Either };
        match (self.kind.as_str(), self.catalogs.first()) {
            ("duckdb", Some(first)) => Some(either(first.name.clone())),
            ("duckdb", None) => {
                let file = self.text("database").filter(|path| *path != ":memory:").unwrap_or("memory");
                let name = file.rsplit(['/', '\\']).next()?.split('.').next()?;
                match name {
                    "" => None,
                    // Its own names.
                    "main" | "temp" | "system" => Some(either(format!("{name}_db"))),
                    name => Some(either(name.to_owned())),
                }
            }
            ("postgres", _) => {
                self.text("database").map(|name| DefaultCatalog { name: name.to_owned(), alone: Alone::Schema })
            }
            _ => None,
        }
    }

    /// Whether every environment variable that it names is set.
    ///
    /// # Errors
    /// Those that are not.
    pub fn complete(&self) -> Result<(), ConnectionError> {
        if self.unset.is_empty() {
            return Ok(());
        }
        Err(ConnectionError::Unset { names: self.unset.iter().cloned().collect::<Vec<_>>().join(", ") })
    }
}

impl OptionValue {
    /// A scalar that is no secret.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Reads a connection.
pub(super) fn read(key: &str, node: &Node, report: &mut Report<'_>) -> Option<Connection> {
    if !report.is_map(key, node) || node.value == Value::Null {
        return None;
    }
    let Some(kind) = node.get("type").and_then(Node::text) else {
        let message = format!("`{key}` has no `type`");
        let problem = crate::problem::Problem::error("invalid-setting", message);
        report.push(node.place, problem.help("add `type: duckdb` or another engine"));
        return None;
    };
    let kind = kind.to_ascii_lowercase();
    let mut unset = BTreeSet::new();
    let mut catalogs = Vec::new();
    let mut options = BTreeMap::new();
    for entry in node.entries() {
        match entry.key.as_str() {
            "type" => {}
            "catalogs" if kind == "duckdb" => {
                // As JSON in a text, too, as environment variables have it.
                let written = entry.node.text().and_then(|text| crate::yaml::parse(text).ok());
                let entries = written.as_ref().unwrap_or(&entry.node).entries();
                catalogs = entries.iter().filter_map(|entry| catalog(entry, &mut unset, report)).collect();
            }
            key => {
                options.extend(value(key, &entry.node, &mut unset).map(|value| (key.to_owned(), value)));
            }
        }
    }
    Some(Connection { kind, options, catalogs, unset })
}

fn catalog(entry: &Entry, unset: &mut BTreeSet<String>, report: &mut Report<'_>) -> Option<Catalog> {
    let name = entry.key.clone();
    let mut options: BTreeMap<String, OptionValue> = BTreeMap::new();
    if let Some(OptionValue::Text(path)) = value("path", &entry.node, unset) {
        return Some(Catalog { name, path, options });
    }
    for entry in entry.node.entries() {
        options.extend(value(&entry.key, &entry.node, unset).map(|value| (entry.key.clone(), value)));
    }
    match options.remove("path") {
        Some(OptionValue::Text(path)) => Some(Catalog { name, path, options }),
        _ => {
            report.expected(&name, "the path of a file, or a mapping with `path`", &entry.node);
            None
        }
    }
}

/// Words in a key under which nobody's eyes belong. A host or a user is no secret.
const SECRET_WORDS: [&str; 8] =
    ["password", "passphrase", "secret", "token", "private_key", "key_id", "credential", "dsn"];

/// A value of at most the depth that YAML allows (128).
fn value(key: &str, node: &Node, unset: &mut BTreeSet<String>) -> Option<OptionValue> {
    let key = key.to_ascii_lowercase();
    let secret = SECRET_WORDS.iter().any(|word| key.contains(word)) || key == "keyfile_json";
    match &node.value {
        Value::Null => None,
        Value::List(items) => {
            Some(OptionValue::List(items.iter().filter_map(|item| value(&key, item, unset)).collect()))
        }
        Value::Map(entries) => {
            // Below a secret everything is secret: `secrets: [{type: s3, key_id: …}]`.
            let inner = |name: &str| if secret { format!("secret.{name}") } else { name.to_owned() };
            let pairs = entries
                .iter()
                .filter_map(|entry| Some((entry.key.clone(), value(&inner(&entry.key), &entry.node, unset)?)));
            Some(OptionValue::Map(pairs.collect()))
        }
        _ => {
            let text = node.text()?;
            if let Some((_, name)) = text.split_once(UNSET) {
                let word = |character: &char| character.is_alphanumeric() || *character == '_';
                unset.insert(name.chars().take_while(word).collect());
            }
            Some(if secret { OptionValue::Secret(Secret::new(text)) } else { OptionValue::Text(text.to_owned()) })
        }
    }
}
