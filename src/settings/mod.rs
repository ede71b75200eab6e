//! What a project's configuration says: SQLMesh's `config.yaml` and our `offshoot.yaml` beside it, as plain data.
//!
//! Pure parsing from texts: environment variables come in as a map, nothing is connected to. Every mistake becomes a
//! [`Problem`]; a key that we do not honour is told, never dropped silently where it would change results or names.

mod beside_all;
mod config;
mod connection;
mod data_diff;
pub mod dotenv;
mod gateways;
mod jinja;
mod jinja_bounded;
mod jinja_filters;
mod jinja_mutable;
mod jinja_tags;
mod linter;
mod overlay;
mod own;
mod physical;
mod reader;

use std::collections::{BTreeMap, BTreeSet};

pub use beside_all::Stage;
pub use connection::{Catalog, Connection, ConnectionError, DuckDbConnection, OptionValue, PostgresConnection, Secret};
pub use data_diff::{DataDiff, WhenCompared};
pub use gateways::{Part, PartGateways, Wanted};
pub use jinja::{jinja_environment, jinja_value};
pub use jinja_bounded::{JinjaError, read_bounded, render_bounded};
pub use jinja_mutable::{let_change, with_changing};
pub use linter::{Linter, Rule, Selection, is_user_rules};
pub use own::{Drafts, ForkPolicy, HookBlock, OwnSettings, Signals};
pub use physical::PhysicalSchemas;
pub use reader::{Report, parsed as parsed_yaml, rendered_file};

use crate::files::FileTree;
use crate::ids::{FilePath, ProjectName, RefName};
use crate::problem::{Problem, nearest};
use crate::time::{Timestamp, later};
use crate::yaml::{Place, Value};
use linter::UnknownRule;

/// The names that SQLMesh gives its configuration, the usual one first.
pub const CONFIG_FILES: [&str; 4] = ["config.yaml", "config.yml", "sqlmesh.yaml", "sqlmesh.yml"];
/// The name of our own configuration.
pub const OWN_FILES: [&str; 2] = ["offshoot.yaml", "offshoot.yml"];

/// The schema of our state in PostgreSQL, where nobody chose another one.
pub const STATE_SCHEMA: &str = "offshoot";

/// A project's configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The file that `config.yaml`'s part came from; `None` where there is none.
    pub path: Option<FilePath>,
    /// `project`, empty by default.
    pub project: ProjectName,
    /// `gateways` by name.
    pub gateways: BTreeMap<String, Gateway>,
    /// `default_gateway`, else the first one in the file.
    pub default_gateway: Option<String>,
    /// `default_connection`, for gateways without one.
    pub default_connection: Option<Connection>,
    /// `model_defaults` in the syntax of a `MODEL` block.
    pub defaults: ModelDefaults,
    /// The statements of `model_defaults`.
    pub default_statements: DefaultStatements,
    /// `variables`, names in lower case.
    pub variables: BTreeMap<String, Value>,
    /// Statements of `before_all`, as written.
    pub before_all: Vec<DefaultProperty>,
    /// Statements of `after_all`, as written.
    pub after_all: Vec<DefaultProperty>,
    /// `snapshot_ttl`: how long a table stays that nothing needs, a week by default.
    pub snapshot_ttl: TimeToLive,
    /// `environment_ttl` of `config.yaml`.
    pub environment_ttl: Option<TimeToLive>,
    /// Environments that never expire.
    pub pinned_environments: BTreeSet<String>,
    /// Globs of files that are no part of the project.
    pub ignore_patterns: Vec<String>,
    /// The format of text time columns where a model gives none.
    pub time_column_format: Option<String>,
    /// Where the name of an environment stands in the names of its views.
    pub environment_suffix: EnvironmentSuffix,
    /// `prod_branch_name` of `cicd_bot`.
    pub production_branch: Option<String>,
    /// `forward_only` of `plan`.
    pub usual_rows: UsualRows,
    /// `forward_only_branch_suffix` of `cicd_bot`.
    pub forward_only_branches: ForwardOnlyBranches,
    /// `physical_schema_mapping`: where the tables of models stand.
    pub physical_schemas: PhysicalSchemas,
    /// Where names of models without `name` come from.
    pub model_naming: ModelNaming,
    /// `linter`: which rules hold.
    pub linter: Linter,
    /// Our own settings.
    pub own: OwnSettings,
    /// The environment variables that say something else than the files, or more.
    pub laid_over: BTreeSet<String>,
    /// Keys that are given, known and without meaning for us, such as `ui`; their values may be secret and are dropped.
    pub passed_over: BTreeSet<String>,
}

/// What becomes of rows of which nobody says anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsualRows {
    /// Another definition computes them again.
    #[default]
    Computed,
    /// They are kept, as with `--forward-only`.
    Kept,
}

/// Pull requests that keep rows: from branches whose names end so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardOnlyBranches(String);

impl Default for ForwardOnlyBranches {
    /// As SQLMesh has it.
    fn default() -> Self {
        Self("-forward-only".to_owned())
    }
}

impl ForwardOnlyBranches {
    /// Whether a branch is one; none is where the suffix is empty.
    pub fn has(&self, branch: &RefName) -> bool {
        !self.0.is_empty() && branch.as_str().ends_with(&self.0)
    }
}

/// One gateway.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gateway {
    /// The engine.
    pub connection: Option<Connection>,
    /// Where the state lives, where that is told apart.
    pub state_connection: Option<Connection>,
    /// The schema that is named for it.
    pub state_schema: Option<String>,
    /// Where unit tests run.
    pub test_connection: Option<Connection>,
    /// Variables that win over the project's, names in lower case.
    pub variables: BTreeMap<String, Value>,
    /// Defaults that win over the project's.
    pub defaults: ModelDefaults,
    /// Statements that stand instead of the project's.
    pub default_statements: DefaultStatements,
}

/// Default properties of models, each as a `MODEL` block would write it.
pub type ModelDefaults = BTreeMap<String, DefaultProperty>;

/// One default property, or one statement.
#[derive(Clone, Debug)]
pub struct DefaultProperty {
    /// The value in the syntax of a `MODEL` block, or the statement.
    pub text: String,
    /// Where it is set.
    pub place: Place,
}

/// The statements that every model gets around its query, each in the place of its list; `None` where no list is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DefaultStatements {
    /// `pre_statements`: they run before the model's own.
    pub before: Option<Vec<DefaultProperty>>,
    /// `post_statements`: they run before the model's own, which follow the query.
    pub after: Option<Vec<DefaultProperty>>,
    /// `on_virtual_update`: they run before the model's own, when its view moves.
    pub shown: Option<Vec<DefaultProperty>>,
}

/// Two are the same wherever they are set.
impl PartialEq for DefaultProperty {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// How long something lives after its last use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeToLive {
    /// For this long, as written: `in 1 week`.
    For(String),
    /// For ever.
    Forever,
}

impl TimeToLive {
    /// When something is over that was used last at that moment, to the time of day; `None` where it stays.
    pub fn end(&self, last_use: Timestamp) -> Option<Timestamp> {
        match self {
            Self::For(text) => later(text, last_use),
            Self::Forever => None,
        }
    }
}

/// SQLMesh's default, which is ours too.
impl Default for TimeToLive {
    fn default() -> Self {
        Self::For("in 1 week".into())
    }
}

/// Where the name of an environment stands in the names of its views: SQLMesh's `environment_suffix_target`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnvironmentSuffix {
    /// Behind the schema: `schema__env.model`.
    #[default]
    Schema,
    /// Behind the model, in the schema that production has too: `schema.model__env`.
    Table,
}

/// Where the name of a model without `name` comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelNaming {
    /// It must be declared.
    #[default]
    Declared,
    /// It may be inferred from the path below `models/`.
    Inferred,
}

impl Settings {
    /// The name of the gateway in use: the one asked for, else the default.
    pub fn gateway_name<'a>(&'a self, wanted: Option<&'a str>) -> Option<&'a str> {
        wanted.or(self.default_gateway.as_deref())
    }

    /// The engine's connection of a gateway (the default one for `None`).
    ///
    /// # Errors
    /// There is no such gateway, or it has no connection.
    pub fn connection(&self, gateway: Option<&str>) -> Result<&Connection, ConnectionError> {
        let Some(name) = self.gateway_name(gateway) else {
            return self.default_connection.as_ref().ok_or(ConnectionError::NoGateway);
        };
        let found = self.known_gateway(name)?;
        let connection = found.connection.as_ref().or(self.default_connection.as_ref());
        connection.ok_or_else(|| ConnectionError::NoConnection { gateway: name.to_owned() })
    }

    /// A gateway by its name.
    ///
    /// # Errors
    /// There is none of that name; the nearest is named.
    pub fn known_gateway(&self, name: &str) -> Result<&Gateway, ConnectionError> {
        let known = self.gateways.keys().map(String::as_str);
        self.gateways.get(&name.to_lowercase()).ok_or_else(|| ConnectionError::UnknownGateway {
            name: name.to_owned(),
            known: known.clone().collect::<Vec<_>>().join(", "),
            nearest: nearest(name, known).map(str::to_owned),
        })
    }

    /// Every value that the connections of all gateways keep secret.
    pub fn secrets(&self) -> Vec<&Secret> {
        let gateways = self.gateways.values().flat_map(|gateway| [&gateway.connection, &gateway.state_connection]);
        gateways.chain([&self.default_connection]).flatten().flat_map(Connection::secrets).collect()
    }

    /// The state's connection of a gateway, where it is told apart from the engine's.
    pub fn state_connection(&self, gateway: Option<&str>) -> Option<&Connection> {
        self.gateways.get(self.gateway_name(gateway)?)?.state_connection.as_ref()
    }

    /// The schema that a gateway names for the state.
    pub fn state_schema(&self, gateway: Option<&str>) -> Option<&str> {
        self.gateways.get(self.gateway_name(gateway)?)?.state_schema.as_deref()
    }

    /// The schema of our state in PostgreSQL. One that is named for SQLMesh's stays SQLMesh's, so ours is beside it.
    pub fn own_state_schema(&self, gateway: Option<&str>) -> String {
        let named = self.state_schema(gateway);
        named.map_or_else(|| STATE_SCHEMA.to_owned(), |schema| format!("{schema}_{STATE_SCHEMA}"))
    }

    /// The variables that models of a gateway see.
    pub fn variables_of(&self, gateway: Option<&str>) -> BTreeMap<String, Value> {
        let mut variables = self.variables.clone();
        if let Some(gateway) = self.gateway_name(gateway).and_then(|name| self.gateways.get(name)) {
            variables.extend(gateway.variables.clone());
        }
        variables
    }

    /// The defaults that models of a gateway get.
    pub fn defaults_of(&self, gateway: Option<&str>) -> ModelDefaults {
        let mut defaults = self.defaults.clone();
        if let Some(gateway) = self.gateway_name(gateway).and_then(|name| self.gateways.get(name)) {
            defaults.extend(gateway.defaults.clone());
        }
        defaults
    }

    /// The statements that models of a gateway get: a list of the gateway's stands instead of the project's.
    pub fn default_statements_of(&self, gateway: Option<&str>) -> DefaultStatements {
        let own = self.gateway_name(gateway).and_then(|name| self.gateways.get(name));
        let own = own.map(|gateway| gateway.default_statements.clone()).unwrap_or_default();
        let DefaultStatements { before, after, shown } = self.default_statements.clone();
        DefaultStatements { before: own.before.or(before), after: own.after.or(after), shown: own.shown.or(shown) }
    }
}

/// Reads a project's configuration from its files.
pub fn load(tree: &dyn FileTree, environment: &BTreeMap<String, String>) -> (Settings, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut settings = Settings::default();
    match find(tree, &CONFIG_FILES, &mut problems) {
        Some(path) => {
            if let Some(mut document) = reader::document(tree, &path, environment, &mut problems) {
                let mut report = reader::Report { path: &path, problems: &mut problems };
                settings.laid_over = overlay::lay_over(&mut document, environment, &mut report);
                config::read(&path, &document, &mut settings, &mut problems);
                if let Some(node) = document.get("linter") {
                    let own = tree.entries().keys().any(is_user_rules);
                    let unknown = if own { UnknownRule::PerhapsOwn } else { UnknownRule::Mistake };
                    let mut report = reader::Report { path: &path, problems: &mut problems };
                    settings.linter = linter::read(node, unknown, &mut report);
                }
            }
            settings.path = Some(path);
        }
        None => problems.push(no_config(tree)),
    }
    if let Some(path) = find(tree, &OWN_FILES, &mut problems) {
        let known: Vec<&str> = settings.gateways.keys().map(String::as_str).collect();
        settings.own = match reader::document(tree, &path, environment, &mut problems) {
            Some(document) => own::read(&path, &document, &known, &mut problems),
            None => OwnSettings { gateways: PartGateways::unreadable(), ..OwnSettings::default() },
        };
    }
    (settings, problems)
}

fn find(tree: &dyn FileTree, names: &[&str], problems: &mut Vec<Problem>) -> Option<FilePath> {
    let mut found = names.iter().map(|name| FilePath::new(*name)).filter(|path| tree.entries().contains_key(path));
    let first = found.next()?;
    for other in found {
        let message = format!("both `{first}` and `{other}` are there");
        problems.push(Problem::error("two-configurations", message).at(&other).help(format!("delete `{other}`")));
    }
    Some(first)
}

fn no_config(tree: &dyn FileTree) -> Problem {
    let python = FilePath::new("config.py");
    if tree.entries().contains_key(&python) {
        let problem = Problem::error("python-config", "`config.py` cannot be read: it is Python").at(&python);
        return problem.help("say the same in `config.yaml`; this program runs no Python");
    }
    Problem::error("missing-config", "there is no `config.yaml` here")
        .help("run `bot init` to write one, or name the project's folder with `--project DIR`")
}

#[cfg(test)]
mod tests;
