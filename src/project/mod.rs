//! A project as found in one tree of files: its models with their seeds, and every problem that it has.
//!
//! [`load`] is a function of the files, the environment variables that the configuration names, and the gateway. It
//! never stops at the first problem, runs nothing and connects to nothing. The way of a model file:
//! `split` (statements) → `properties` and `kind` (the `MODEL` block) → `macros` (templates) → `file` (the model).

mod audits;
mod beside_all;
mod blueprint;
mod cache;
mod calls;
mod catalogs;
mod column_comments;
mod columns;
mod csv_bytes;
mod csv_escaped;
mod csv_missing;
mod csv_settings;
mod declared;
mod default_statements;
mod elsewhere;
mod external;
mod file;
mod folders;
mod glob;
mod grants;
mod kind;
mod loader;
mod macro_files;
mod macros;
mod name;
mod of_kind;
mod other_dialects;
mod properties;
mod python;
mod queries;
mod quick;
mod seed;
mod seed_cell;
mod seed_file;
mod seed_header;
mod split;
mod stored;
mod value;
mod virtual_update;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use beside_all::{Expanded, Shown, beside_all};
pub use cache::ModelCache;
pub use csv_settings::{Defaults, RefusedCsvSetting, set_csv, with_null_texts};
pub use external::external_column;
pub use glob::matches as fits;
pub use loader::{ReadFiles, is_ignored, is_passed_over};
pub use name::model_name;
pub use other_dialects::other_dialects;
pub use queries::{Owned, is_no_model, query_problems, unowned_reads};
pub use seed::{SeedContents, SeedError, SeedRow, read_seed, seed_rows};
pub use seed_header::Renamed;
pub use stored::{Shelf, StoredFile};

use crate::files::{Entry, FileTree};
use crate::ids::{BlobId, FilePath, ModelName};
use crate::model::{Model, StandaloneAudit};
use crate::problem::{Positions, Problem};
use crate::settings::{self, Connection, Settings, Wanted};
use crate::sql::Dialect;
use audits::Audits;
use file::Rules;
use loader::Loader;

/// A project that was read.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// Its configuration.
    pub settings: Settings,
    /// What its own configuration says, where `settings` are those of another tree under which it runs.
    pub written: Option<Box<Settings>>,
    /// The gateway in use.
    pub gateway: Option<String>,
    /// Its models, external ones included.
    pub models: BTreeMap<ModelName, Arc<Model>>,
    /// Names that a file claims but whose model cannot be loaded; the problems say why.
    pub broken: BTreeSet<ModelName>,
    /// Audits that belong to no model.
    pub standalone_audits: Vec<StandaloneAudit>,
    /// Every file of the tree with its content's id: what a string in SQL may name.
    pub files: BTreeMap<FilePath, BlobId>,
}

/// A project and all of its problems, sorted by place.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What could be read.
    pub project: Project,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// What loading needs besides the files.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// Environment variables that `env_var` may name.
    pub environment: &'a BTreeMap<String, String>,
    /// The gateway asked for; `None` for the project's default.
    pub gateway: Option<Wanted<'a>>,
    /// What was parsed before.
    pub cache: &'a ModelCache,
    /// What is kept between runs; with it the queries of models may be unread.
    pub shelf: Option<&'a dyn Shelf>,
}

impl Project {
    /// The dialect of the engine that its gateway connects to, if there is one.
    pub fn engine_dialect(&self) -> Option<Dialect> {
        let connection = self.settings.connection(self.gateway.as_deref()).ok()?;
        Dialect::from_name(&connection.kind)
    }
}

/// Reads a project, and parses every query of it to tell what is wrong with them too.
pub fn load(tree: &dyn FileTree, surroundings: &Surroundings<'_>) -> Loaded {
    let Loaded { project, mut problems } = scan(tree, surroundings);
    let owned = Owned { models: &project.models, broken: &project.broken };
    problems.extend(query_problems(tree, project.models.values().map(Arc::as_ref), owned));
    Loaded { project, problems: sorted(problems) }
}

/// Problems by place, each once, without those that follow from another.
pub fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    queries::without_consequences(&mut problems);
    problems.sort_by(|one, other| place_key(one).cmp(&place_key(other)));
    problems.dedup();
    problems
}

/// Reads a project without parsing its queries.
pub fn scan(tree: &dyn FileTree, surroundings: &Surroundings<'_>) -> Loaded {
    scan_like(tree, surroundings, None).0
}

/// The same with variables that win over those of the configuration, names in lower case.
pub fn scan_with_variables(
    tree: &dyn FileTree,
    surroundings: &Surroundings<'_>,
    variables: &BTreeMap<String, crate::yaml::Value>,
) -> Loaded {
    scan_over(tree, surroundings, None, variables).0
}

/// The same of a tree that is much like another one: what is the same in both is taken from there.
pub fn scan_like(
    tree: &dyn FileTree,
    surroundings: &Surroundings<'_>,
    like: Option<&ReadFiles>,
) -> (Loaded, ReadFiles) {
    scan_over(tree, surroundings, like, &BTreeMap::new())
}

fn scan_over(
    tree: &dyn FileTree,
    surroundings: &Surroundings<'_>,
    like: Option<&ReadFiles>,
    variables: &BTreeMap<String, crate::yaml::Value>,
) -> (Loaded, ReadFiles) {
    let (mut settings, mut problems) = settings::load(tree, surroundings.environment);
    let gateways = settings.gateways.values_mut().map(|gateway| &mut gateway.variables);
    gateways.chain([&mut settings.variables]).for_each(|known| known.extend(variables.clone()));
    let gateway = settings.gateway_meant(surroundings.gateway).map(str::to_owned);
    problems.extend(unknown_gateway(&settings, surroundings.gateway));
    let rules = rules_of(tree, &settings, gateway, &mut problems);
    problems.extend(beside_all::mistakes(&settings, rules.gateway.as_deref(), &rules.python));
    let mut loader = Loader::new(tree, &rules, surroundings);
    loader.problems = problems;
    let read = loader.read(&settings, like);
    let standalone_audits = loader.standalone_audits();
    let (models, broken) = loader.models();
    let files = tree.entries().iter().filter_map(|(path, entry)| match entry {
        Entry::File { blob } => Some((path.clone(), blob.clone())),
        Entry::Unreadable(_) => None,
    });
    let files = files.collect();
    let mut problems = loader.problems;
    problems.extend(catalogs::not_written(rules.catalog.as_ref(), models.values().map(Arc::as_ref)));
    problems.extend(grants::not_given(&settings, rules.gateway.as_deref(), models.values().map(Arc::as_ref)));
    let problems = sorted(problems);
    let gateway = rules.gateway;
    (
        Loaded {
            project: Project { gateway, files, settings, written: None, models, broken, standalone_audits },
            problems,
        },
        read,
    )
}

/// Reads models again whose queries are unread.
pub struct SecondLook<'a> {
    tree: &'a dyn FileTree,
    rules: Rules,
    audits: Audits,
    surroundings: Surroundings<'a>,
}

impl<'a> SecondLook<'a> {
    /// For the models of a tree.
    pub fn at(tree: &'a dyn FileTree, surroundings: &Surroundings<'a>) -> Self {
        let (settings, _) = settings::load(tree, surroundings.environment);
        let gateway = settings.gateway_meant(surroundings.gateway).map(str::to_owned);
        let rules = rules_of(tree, &settings, gateway, &mut Vec::new());
        let surroundings = Surroundings { shelf: None, ..*surroundings };
        let audits = Loader::new(tree, &rules, &surroundings).audits(&settings);
        Self { tree, rules, audits, surroundings }
    }

    /// The model with its query; `None` where its file cannot be read, or is not what it was.
    pub fn model(&self, model: &Model) -> Option<Arc<Model>> {
        let loader = Loader::new(self.tree, &self.rules, &self.surroundings).with(&self.audits);
        loader.model_at(&model.path).filter(|read| read.source == model.source)
    }
}

fn unknown_gateway(settings: &Settings, wanted: Option<Wanted<'_>>) -> Option<Problem> {
    let Some(Wanted::Named(wanted)) = wanted else { return None };
    if settings.gateways.contains_key(wanted) {
        return None;
    }
    let problem = Problem::error("unknown-gateway", format!("there is no gateway `{wanted}`"));
    let known: Vec<&str> = settings.gateways.keys().map(String::as_str).collect();
    Some(
        problem
            .help(format!("the configuration has {}", if known.is_empty() { "none".into() } else { known.join(", ") })),
    )
}

fn place_key(problem: &Problem) -> (Option<&FilePath>, Option<u32>, Option<u32>, &str, &str) {
    (problem.path.as_ref(), problem.line, problem.column, problem.code, &problem.message)
}

/// The rules for files, after the defaults were checked once against the grammar that models are read by.
fn rules_of(tree: &dyn FileTree, settings: &Settings, gateway: Option<String>, problems: &mut Vec<Problem>) -> Rules {
    let defaults = settings.defaults_of(gateway.as_deref());
    let path = settings.path.clone().unwrap_or_else(|| FilePath::new(settings::CONFIG_FILES[0]));
    let dialect = defaults.get("dialect").map(|default| {
        let found = Dialect::from_name(&default.text);
        if found.is_none() {
            let problem = file::unknown_dialect(&default.text);
            problems.push(problem.at(&path).position(default.place.line, default.place.column));
        }
        // What is told once is not told of each model again.
        found.unwrap_or(Dialect::Generic)
    });
    let dialect = dialect.or_else(|| settings.path.is_none().then_some(Dialect::Generic));
    let rules = Rules {
        dialect,
        variables: settings.variables_of(gateway.as_deref()),
        naming: settings.model_naming,
        changes: Default::default(),
        time_format: settings.time_column_format.clone(),
        defaults,
        statements: settings.default_statements_of(gateway.as_deref()),
        config: path.clone(),
        catalog: settings.connection(gateway.as_deref()).ok().and_then(Connection::default_catalog),
        gateway,
        default_audits: Vec::new(),
        jinja: macro_files::jinja_macros(tree, settings, problems),
        python: macro_files::python_macros(tree, settings),
    };
    let positions = Positions::default();
    let source = value::Source { path: &path, text: "", positions: &positions, fixed: None };
    let names = rules.names(&macros::NO_LOCALS);
    let changes = kind::default_changes(&source, &rules.defaults, problems);
    let dialect = dialect.unwrap_or(Dialect::Generic);
    let scope = properties::Scope { source, dialect, time_format: None, changes, names };
    let mut header = properties::Header::default();
    file::apply_defaults(&scope, &rules, &mut header, problems);
    Rules { default_audits: header.properties.audits, changes, ..rules }
}

#[cfg(test)]
mod tests;
