//! From a connection of the configuration to the engine or the state that it stands for.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::engine::duckdb::{Attachment, DuckDb, DuckDbConfig, Location, Transactions};
use crate::engine::postgres::{Postgres, PostgresConfig};
use crate::engine::{Engine, OpenMode};
use crate::error::CommandError;
use crate::ids::ProjectName;
use crate::postgres::{Address, TlsMode};
use crate::settings::{Connection, ConnectionError, DuckDbConnection, Settings};
use crate::sql::Dialect;
use crate::state::{OpenMode as StateMode, PostgresPlace, PostgresState, SqliteState, State, StateError, Terms};

/// How a warehouse is opened.
pub struct Opening<'a> {
    /// The project's folder, from which paths go.
    pub root: &'a Path,
    /// The process's variables.
    pub variables: &'a BTreeMap<String, String>,
    /// Whether it may be written.
    pub mode: OpenMode,
    /// The role that builds pull requests, where it has a gateway of its own.
    pub outsider: Option<String>,
    /// How long one statement may take; `None` for as long as it likes. A server's.
    pub statement_timeout: Option<Duration>,
    /// How long to wait for who holds it, or for a server that starts.
    pub patience: Duration,
    /// Set when nobody waits any more.
    pub stop: Arc<AtomicBool>,
}

/// Where a warehouse is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, which may not be there yet.
    File(PathBuf),
    /// On a server, as messages name it.
    Server(String),
}

impl Place {
    /// Whether it is there, as far as one can tell without asking a server.
    pub fn may_be_there(&self) -> bool {
        match self {
            Self::File(path) => path.exists(),
            Self::Server(_) => true,
        }
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        if let Self::File(path) = self { Some(path) } else { None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Server(server) => formatter.write_str(server),
        }
    }
}

/// Where a state is.
#[derive(Clone, Debug)]
pub enum StatePlace {
    /// In a file, which may not be there yet.
    File(PathBuf),
    /// In a schema of a PostgreSQL database.
    Postgres(PostgresPlace),
}

impl StatePlace {
    /// Whether both are one state, whoever comes to it.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => one == other,
            (Self::Postgres(one), Self::Postgres(other)) => {
                let place = |place: &PostgresPlace| {
                    let Address { host, port, database, .. } = &place.address;
                    (host.clone(), *port, database.clone(), place.schema.clone())
                };
                place(one) == place(other)
            }
            (Self::File(_), Self::Postgres(_)) | (Self::Postgres(_), Self::File(_)) => false,
        }
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        if let Self::File(path) = self { Some(path) } else { None }
    }
}

impl fmt::Display for StatePlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Postgres(PostgresPlace { address, schema }) => write!(formatter, "{address}, schema {schema}"),
        }
    }
}

/// Where the state lies unless the configuration says otherwise.
const STATE_FILE: &str = ".offshoot/state.db";

/// Where the state of a gateway is: `state_connection` of type `sqlite` or `postgres`, else the warehouse itself where that
/// is PostgreSQL, else a file beside `config.yaml`.
///
/// # Errors
/// The connection says too little.
pub fn state_place(
    settings: &Settings,
    gateway: Option<&str>,
    opening: &Opening<'_>,
) -> Result<StatePlace, CommandError> {
    // A gateway that is not there must not become a state in a file.
    if let Some(name) = settings.gateway_name(gateway).filter(|_| gateway.is_some()) {
        settings.known_gateway(name).map_err(|error| CommandError::no("no state to work with").because(error))?;
    }
    let named = settings.state_connection(gateway);
    let warehouse = || settings.connection(gateway).ok().filter(|connection| connection.kind == "postgres");
    match named.or_else(warehouse) {
        Some(connection) if connection.kind == "postgres" => {
            let refused = |error| CommandError::no("no state to work with").because(error);
            let address = address(connection, opening.variables).map_err(refused)?;
            Ok(StatePlace::Postgres(PostgresPlace { address, schema: settings.own_state_schema(gateway) }))
        }
        connection => {
            let file = connection.filter(|connection| connection.kind == "sqlite");
            let file = file.and_then(|connection| connection.text("database")).unwrap_or(STATE_FILE);
            Ok(StatePlace::File(opening.root.join(file)))
        }
    }
}

/// Opens a state.
///
/// # Errors
/// It cannot be read, or is none of ours.
pub fn state(
    place: &StatePlace,
    project: &ProjectName,
    mode: &StateMode,
    terms: &Terms,
) -> Result<Box<dyn State>, StateError> {
    Ok(match place {
        StatePlace::File(path) => Box::new(SqliteState::open(path, project, mode)?),
        StatePlace::Postgres(place) => Box::new(PostgresState::open(place, project, mode, terms)?),
    })
}

/// The version of a state's tables, whatever that is; `None` where there is no state.
///
/// # Errors
/// It cannot be read, is newer than this program, or is none of ours.
pub fn schema_version(place: &StatePlace, terms: &Terms) -> Result<Option<u32>, StateError> {
    match place {
        StatePlace::File(path) => SqliteState::schema_version(path),
        StatePlace::Postgres(place) => PostgresState::schema_version(place, terms),
    }
}

/// A connection's key under which DuckDB does as if it had no transactions: for tests of engines that have none, and for
/// nobody else.
const EACH_STATEMENT: &str = "offshoot_test_commits_each_statement";

/// The engine of a connection.
///
/// # Errors
/// Its type is not supported, or it says too little.
pub fn engine(connection: &Connection, opening: &Opening<'_>) -> Result<Box<dyn Engine>, CommandError> {
    let refused = |error| CommandError::no("no warehouse to work on").because(error);
    match connection.kind.as_str() {
        "duckdb" => {
            let mut config = duckdb_config(&connection.duckdb().map_err(refused)?, opening)?;
            if connection.text(EACH_STATEMENT) == Some("true") {
                config.transactions = Transactions::EachStatement;
            }
            if config.database == Location::Memory {
                return Err(CommandError::no("the gateway's DuckDB is in memory, so nothing would outlive this run")
                    .hint("name a file in `config.yaml`: `database: warehouse.duckdb`"));
            }
            Ok(Box::new(DuckDb::new(config).until(Arc::clone(&opening.stop))))
        }
        "postgres" => {
            let role = connection.text("role").map(str::to_owned);
            let address = address(connection, opening.variables).map_err(refused)?;
            let Opening { mode, patience, statement_timeout, .. } = *opening;
            let outsider = opening.outsider.clone();
            let config = PostgresConfig { address, role, outsider, mode, statement_timeout, patience };
            Ok(Box::new(Postgres::new(config, Arc::clone(&opening.stop))))
        }
        other => Err(refused(ConnectionError::Unsupported { found: other.to_owned() })),
    }
}

/// The setting without which DuckDB reaches neither files nor servers.
const EXTERNAL_ACCESS: &str = "enable_external_access";

/// How PostgreSQL divides whole numbers and where it sorts NULL, in DuckDB's settings.
const AS_POSTGRES: [(&str, &str); 2] =
    [("integer_division", "true"), ("default_null_order", "nulls_last_on_asc_first_on_desc")];

/// A database in memory for one unit test, with the settings of a `test_connection` where there is one. Its file is never
/// opened: whatever a test makes must be gone afterwards. It reaches nothing outside of itself unless the settings say
/// that it may, for a test may be somebody's whom nobody knows. What it can be told of a model's dialect it is told.
///
/// # Errors
/// It is no DuckDB, or says too little.
pub fn test_engine(
    connection: Option<&Connection>,
    dialect: Dialect,
    opening: &Opening<'_>,
) -> Result<Box<dyn Engine>, CommandError> {
    let mut config = DuckDbConfig::new(Location::Memory);
    if let Some(connection) = connection {
        let refused = |error| CommandError::no("its `test_connection` cannot be used").because(error);
        let connection = connection.duckdb().map_err(refused)?;
        config.settings = duckdb_config(&connection, opening)?.settings;
        config.extensions = connection.extensions;
    }
    if !config.settings.keys().any(|name| name.eq_ignore_ascii_case(EXTERNAL_ACCESS)) {
        config.settings.insert(EXTERNAL_ACCESS.to_owned(), "false".to_owned());
    }
    if dialect == Dialect::Postgres {
        for (name, value) in AS_POSTGRES {
            config.settings.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    // Tests run beside one another, and each is small.
    config.settings.entry("threads".to_owned()).or_insert_with(|| "1".to_owned());
    Ok(Box::new(DuckDb::new(config).until(Arc::clone(&opening.stop))))
}

/// Where the warehouse of a connection is; `None` where that is nowhere that lasts.
pub fn place(connection: &Connection, root: &Path) -> Option<Place> {
    if connection.kind == "postgres" {
        let part = |key| connection.text(key).unwrap_or("?");
        return Some(Place::Server(format!("{}/{}", part("host"), part("database"))));
    }
    let connection = connection.duckdb().ok()?;
    let first = || connection.catalogs.first().map(|catalog| catalog.path.clone());
    let path = connection.database.clone().or_else(first)?;
    (path != ":memory:").then(|| Place::File(root.join(path)))
}

/// The address of a connection of type `postgres`.
///
/// # Errors
/// It is of another type, or says too little.
pub fn address(connection: &Connection, variables: &BTreeMap<String, String>) -> Result<Address, ConnectionError> {
    let told = connection.postgres(variables)?;
    let tls = match told.sslmode {
        None => TlsMode::default(),
        Some(word) => TlsMode::parse(&word).ok_or(ConnectionError::Invalid {
            key: "sslmode",
            expected: "disable, allow, prefer, require, verify-ca or verify-full",
            found: word,
        })?,
    };
    Ok(Address {
        host: told.host,
        port: told.port,
        user: told.user,
        password: told.password,
        database: told.database,
        tls,
        root_certificates: variables.get("PGSSLROOTCERT").filter(|path| *path != "system").map(PathBuf::from),
        connect_timeout: Duration::from_secs(told.connect_timeout),
        keepalives_idle: told.keepalives_idle.map(Duration::from_secs),
        application_name: told.application_name.unwrap_or_else(|| "offshoot".to_owned()),
    })
}

fn duckdb_config(connection: &DuckDbConnection, opening: &Opening<'_>) -> Result<DuckDbConfig, CommandError> {
    let location = |path: &str| match path {
        ":memory:" => Location::Memory,
        path => Location::File(opening.root.join(path)),
    };
    let mode = opening.mode;
    let mut catalogs = connection.catalogs.iter();
    let database = match &connection.database {
        Some(path) => location(path),
        None => catalogs.next().map_or(Location::Memory, |catalog| location(&catalog.path)),
    };
    let attached =
        catalogs.map(|catalog| Attachment { catalog: catalog.name.clone(), location: location(&catalog.path), mode });
    let mut settings = BTreeMap::new();
    for (name, value) in &connection.settings {
        let text =
            value.text().ok_or_else(|| CommandError::no(format!("`connector_config.{name}` must be a plain value")))?;
        settings.insert(name.clone(), text.to_owned());
    }
    let lock_timeout = opening.patience;
    Ok(DuckDbConfig { attached: attached.collect(), settings, mode, lock_timeout, ..DuckDbConfig::new(database) })
}
