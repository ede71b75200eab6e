//! A project as found in one tree of files: its models with their seeds, and every problem that it has.
//!
//! [`load`] is a function of the files, the environment variables that the configuration names, and the gateway. It
//! never stops at the first problem, runs nothing and connects to nothing. The way of a model file:
//! `split` (statements) → `properties` and `kind` (the `MODEL` block) → `macros` (templates) → `file` (the model).

mod cache;
mod csv_settings;
mod external;
mod file;
mod glob;
mod kind;
mod macros;
mod name;
mod properties;
mod queries;
mod quick;
mod seed;
mod split;
mod stored;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::sync::Arc;

use rayon::prelude::*;

pub use cache::ModelCache;
pub use queries::{Owned, query_problems};
pub use seed::{SeedContents, SeedError, SeedRow, read_seed, seed_rows};
pub use stored::{Shelf, StoredFile};

use crate::files::{Entry, FileTree};
use crate::hash::{Digest, Hasher};
use crate::ids::{BlobId, FilePath, ModelName};
use crate::model::{DeclaredColumn, Kind, Model, Seed};
use crate::problem::{Positions, Problem, nearest};
use crate::settings::{self, Settings};
use crate::sql::Dialect;
use crate::yaml::Place;
use file::{ParsedFile, Rules};

/// A project that was read.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// Its configuration.
    pub settings: Settings,
    /// The gateway in use.
    pub gateway: Option<String>,
    /// Its models, external ones included.
    pub models: BTreeMap<ModelName, Model>,
    /// Names that a file claims but whose model cannot be loaded; the problems say why.
    pub broken: BTreeSet<ModelName>,
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
    pub gateway: Option<&'a str>,
    /// What was parsed before.
    pub cache: &'a ModelCache,
    /// What is kept between runs; with it the queries of models may be unread.
    pub shelf: Option<&'a dyn Shelf>,
}

/// The largest model file that is read.
const MAX_MODEL_BYTES: u64 = 2 << 20;
/// Problems of one file that are told one by one.
const MAX_FILE_PROBLEMS: usize = 100;

/// Reads a project, and parses every query of it to tell what is wrong with them too.
pub fn load(tree: &dyn FileTree, surroundings: &Surroundings<'_>) -> Loaded {
    let Loaded { project, mut problems } = scan(tree, surroundings);
    let owned = Owned { models: &project.models, broken: &project.broken };
    problems.extend(query_problems(tree, project.models.values(), owned));
    Loaded { project, problems: sorted(problems) }
}

/// Problems by place, each once.
pub fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|one, other| place_key(one).cmp(&place_key(other)));
    problems.dedup();
    problems
}

/// Reads a project without parsing its queries.
pub fn scan(tree: &dyn FileTree, surroundings: &Surroundings<'_>) -> Loaded {
    let (settings, mut problems) = settings::load(tree, surroundings.environment);
    let gateway = settings.gateway_name(surroundings.gateway).map(str::to_owned);
    problems.extend(unknown_gateway(&settings, surroundings.gateway));
    let rules = rules_of(&settings, gateway, &mut problems);
    let (cache, shelf) = (surroundings.cache, surroundings.shelf);
    let mut loader = Loader { tree, rules: &rules, cache, shelf, found: BTreeMap::new(), problems };
    let paths = project_files(tree, &settings);
    loader.external_models(&paths);
    loader.model_files(&paths);
    loader.references();
    let Loader { found, problems, .. } = loader;
    let files = tree.entries().iter().filter_map(|(path, entry)| match entry {
        Entry::File { blob } => Some((path.clone(), blob.clone())),
        Entry::Unreadable(_) => None,
    });
    let mut project = Project { gateway: rules.gateway, files: files.collect(), settings, ..Project::default() };
    for (name, found) in found {
        match found.model {
            Some(model) => drop(project.models.insert(name, model)),
            None => drop(project.broken.insert(name)),
        }
    }
    Loaded { project, problems: sorted(problems) }
}

/// Reads models again whose queries are unread.
pub struct SecondLook<'a> {
    tree: &'a dyn FileTree,
    rules: Rules,
    cache: &'a ModelCache,
}

impl<'a> SecondLook<'a> {
    /// For the models of a tree.
    pub fn at(tree: &'a dyn FileTree, surroundings: &Surroundings<'a>) -> Self {
        let (settings, _) = settings::load(tree, surroundings.environment);
        let gateway = settings.gateway_name(surroundings.gateway).map(str::to_owned);
        Self { tree, rules: rules_of(&settings, gateway, &mut Vec::new()), cache: surroundings.cache }
    }

    /// The model with its query; `None` where its file cannot be read, or is not what it was.
    pub fn model(&self, model: &Model) -> Option<Model> {
        let (rules, cache, problems) = (&self.rules, self.cache, Vec::new());
        let loader = Loader { tree: self.tree, rules, cache, shelf: None, found: BTreeMap::new(), problems };
        let digest = rules.digest();
        let file = loader.parsed(&model.path, digest).ok()?;
        loader.model_of(&model.path, &file, digest)?.ok().filter(|read| read.source == model.source)
    }
}

fn unknown_gateway(settings: &Settings, wanted: Option<&str>) -> Option<Problem> {
    let wanted = wanted.filter(|wanted| !settings.gateways.contains_key(*wanted))?;
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
fn rules_of(settings: &Settings, gateway: Option<String>, problems: &mut Vec<Problem>) -> Rules {
    let defaults = settings.defaults_of(gateway.as_deref());
    let path = settings.path.clone().unwrap_or_else(|| FilePath::new(settings::CONFIG_FILES[0]));
    let dialect = defaults.get("dialect").and_then(|default| {
        let found = Dialect::from_name(&default.text);
        if found.is_none() {
            let problem = Problem::error("unknown-dialect", format!("there is no dialect `{}`", default.text));
            problems.push(problem.at(&path).position(default.place.line, default.place.column));
        }
        found
    });
    let rules = Rules {
        dialect,
        variables: settings.variables_of(gateway.as_deref()),
        naming: settings.model_naming,
        time_format: settings.time_column_format.clone(),
        defaults,
        gateway,
    };
    let positions = Positions::default();
    let source = value::Source { path: &path, text: "", positions: &positions, fixed: None };
    let scope =
        properties::Scope { source, dialect: dialect.unwrap_or(Dialect::Generic), time_format: None, gateway: None };
    file::apply_defaults(&scope, &rules, &mut properties::Header::default(), problems);
    rules
}

/// The paths that are the project's: not hidden, not ignored.
fn project_files<'a>(tree: &'a dyn FileTree, settings: &Settings) -> Vec<&'a FilePath> {
    let ignored = |path: &str| settings.ignore_patterns.iter().any(|pattern| glob::matches(pattern, path));
    tree.entries().keys().filter(|path| !path.as_str().contains("/.") && !ignored(path.as_str())).collect()
}

/// One name of the project: its model where it could be loaded, and where it is declared.
struct Found {
    path: FilePath,
    place: Place,
    model: Option<Model>,
    references: Vec<(ModelName, Place)>,
}

struct Loader<'a> {
    tree: &'a dyn FileTree,
    rules: &'a Rules,
    cache: &'a ModelCache,
    shelf: Option<&'a dyn Shelf>,
    found: BTreeMap<ModelName, Found>,
    problems: Vec<Problem>,
}

impl Loader<'_> {
    fn external_models(&mut self, paths: &[&FilePath]) {
        let is_yaml = |path: &str| path.ends_with(".yaml") || path.ends_with(".yml");
        let is_external = |path: &str| {
            let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
            is_yaml(path) && (matches!(stem, "external_models" | "schema") || path.starts_with("external_models/"))
        };
        for path in paths.iter().filter(|path| is_external(path.as_str())) {
            match self.text(path) {
                Ok(text) => {
                    for file in external::read(path, &text, self.rules, &mut self.problems) {
                        self.add(path, &file, file.model.clone());
                    }
                }
                Err(problem) => self.problems.push(problem),
            }
        }
    }

    fn model_files(&mut self, paths: &[&FilePath]) {
        let digest = self.rules.digest();
        let below: Vec<&&FilePath> = paths.iter().filter(|path| path.as_str().starts_with("models/")).collect();
        for path in
            below.iter().filter(|path| path.as_str().ends_with(".py") && !path.as_str().ends_with("__init__.py"))
        {
            let problem =
                Problem::warning("python-model", format!("`{path}` is a Python model, which cannot run here"));
            self.problems
                .push(problem.at(path).help("rewrite it in SQL, or declare its table in `external_models.yaml`"));
        }
        let sql: Vec<&&FilePath> = below.into_iter().filter(|path| path.as_str().ends_with(".sql")).collect();
        let parsed: Vec<(&FilePath, Result<Arc<ParsedFile>, Problem>)> =
            sql.into_par_iter().map(|path| (*path, self.parsed(path, digest))).collect();
        // Seeds may be large, and are read as streams; two models rarely share one.
        let contents: Vec<Option<Result<Model, Vec<Problem>>>> =
            parsed.par_iter().map(|(path, file)| self.model_of(path, file.as_ref().ok()?, digest)).collect();
        for ((path, file), model) in parsed.into_iter().zip(contents) {
            match file {
                Ok(file) => self.take(path, &file, model),
                Err(problem) => self.problems.push(problem),
            }
        }
    }

    fn take(&mut self, path: &FilePath, file: &ParsedFile, model: Option<Result<Model, Vec<Problem>>>) {
        self.problems.extend(file.problems.iter().take(MAX_FILE_PROBLEMS).cloned());
        if let Some(more) = file.problems.len().checked_sub(MAX_FILE_PROBLEMS + 1) {
            self.problems
                .push(Problem::error("more-problems", format!("the file has {} more problems", more + 1)).at(path));
        }
        let model = match model {
            Some(Err(problems)) => {
                self.problems.extend(problems);
                None
            }
            model => model.and_then(Result::ok),
        };
        self.add(path, file, model);
    }

    fn add(&mut self, path: &FilePath, file: &ParsedFile, model: Option<Model>) {
        let Some((name, place)) = file.name.clone() else { return };
        if let Some(first) = self.found.get(&name) {
            let message = format!(
                "model `{name}` is defined twice: in `{}` line {} and in `{path}` line {}",
                first.path, first.place.line, place.line
            );
            let problem = Problem::error("duplicate-model", message).at(path).position(place.line, place.column);
            self.problems.push(problem.help("rename one of the two, or delete it"));
            return;
        }
        let found = Found { path: path.clone(), place, model, references: file.references.clone() };
        self.found.insert(name, found);
    }

    fn parsed(&self, path: &FilePath, rules: Digest) -> Result<Arc<ParsedFile>, Problem> {
        match self.tree.entries().get(path) {
            Some(Entry::File { blob }) => {
                let Some(shelf) = self.shelf else {
                    let key = (blob.clone(), path.clone(), rules);
                    return self.cache.file(key, || Ok(file::parse(path, &self.text(path)?, self.rules)));
                };
                let key = Hasher::new("model file").text(blob.as_str()).text(path.as_str()).digest(rules).finish();
                self.cache.stored((blob.clone(), path.clone(), rules), || {
                    if let Some(stored) = shelf.get(key) {
                        return Ok(stored.file(path));
                    }
                    let file = file::parse(path, &self.text(path)?, self.rules);
                    // The same as in every later run: texts that nobody asks for take no room either.
                    match StoredFile::of(&file) {
                        Some(stored) => {
                            shelf.put(key, &stored);
                            Ok(stored.file(path))
                        }
                        None => Ok(file),
                    }
                })
            }
            Some(Entry::Unreadable(problem)) => Err(problem.clone()),
            None => Err(Problem::error("unreadable-file", format!("`{path}` is not there")).at(path)),
        }
    }

    fn text(&self, path: &FilePath) -> Result<String, Problem> {
        if let Some(Entry::Unreadable(problem)) = self.tree.entries().get(path) {
            return Err(problem.clone());
        }
        let unreadable = |what: String| Problem::error("unreadable-file", format!("`{path}` {what}")).at(path);
        let mut bytes = Vec::new();
        let stream = self.tree.open(path).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
        let read = stream.take(MAX_MODEL_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > MAX_MODEL_BYTES {
            return Err(unreadable(format!("is larger than {} MiB", MAX_MODEL_BYTES >> 20)));
        }
        let text =
            String::from_utf8(bytes).map_err(|_| unreadable("is not UTF-8".to_owned()).help("save it as UTF-8"))?;
        Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
    }

    /// The file's model, a seed with what its CSV file holds.
    fn model_of(&self, path: &FilePath, file: &ParsedFile, rules: Digest) -> Option<Result<Model, Vec<Problem>>> {
        let mut model = file.model.clone()?;
        let blob = match self.tree.entries().get(path) {
            Some(Entry::File { blob }) => blob.as_str(),
            _ => "",
        };
        let mut source = Hasher::new("model source").text(&model.name.to_string()).text(blob).digest(rules);
        if let (Kind::Seed(seed), Some((written, place))) = (&mut model.kind, &file.seed) {
            let filled = self.seed(path, written, *place, seed, &model.properties.columns);
            if let Err(problem) = filled {
                return Some(Err(vec![problem]));
            }
            source = source.text(seed.path.as_str()).text(seed.blob.as_str());
        }
        model.source = source.finish();
        Some(Ok(model))
    }

    fn seed(
        &self,
        model: &FilePath,
        written: &str,
        place: Place,
        seed: &mut Seed,
        declared: &[DeclaredColumn],
    ) -> Result<(), Problem> {
        let tell = |problem: Problem| problem.at(model).position(place.line, place.column);
        let Some(path) = resolve(model, written) else {
            let problem = Problem::error("outside-seed", format!("seed `{written}` is outside the project"));
            return Err(tell(problem).help("keep the file in `seeds/` and write `$root/seeds/name.csv`"));
        };
        let blob = match self.tree.entries().get(&path) {
            Some(Entry::File { blob }) => blob.clone(),
            Some(Entry::Unreadable(problem)) => return Err(problem.clone()),
            None => return Err(tell(self.missing_seed(&path))),
        };
        let key = (blob.clone(), seed_digest(seed, declared));
        let read = || {
            let stream = self.tree.open(&path)?;
            read_seed(std::io::BufReader::new(stream), &seed.csv, declared)
        };
        let contents = self.cache.seed(key, read).map_err(|error| invalid_seed(&error).at(&path))?;
        seed.columns.clone_from(&contents.columns);
        seed.rows = contents.rows;
        seed.path = path;
        seed.blob = blob;
        Ok(())
    }

    fn missing_seed(&self, path: &FilePath) -> Problem {
        let problem = Problem::error("missing-seed", format!("seed file `{path}` is not there"));
        let known = self.tree.entries().keys().map(FilePath::as_str).filter(|path| path.ends_with(".csv"));
        match nearest(path.as_str(), known) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("add the file, or write its path relative to the model's file or as `$root/…`"),
        }
    }

    /// Warns of names in `depends_on` that no model owns.
    fn references(&mut self) {
        let mut unknown = queries::Unknown::of(self.found.keys());
        let mut problems = Vec::new();
        for found in self.found.values() {
            for (name, place) in found.references.iter().filter(|(name, _)| !self.found.contains_key(name)) {
                problems.extend(unknown.reference(name, &found.path, *place));
            }
        }
        self.problems.extend(problems);
    }
}

fn invalid_seed(error: &SeedError) -> Problem {
    let problem = Problem::error("invalid-seed", error.to_string());
    match error.line().and_then(|line| u32::try_from(line).ok()) {
        Some(line) => problem.position(line, 1),
        None => problem,
    }
}

fn seed_digest(seed: &Seed, declared: &[DeclaredColumn]) -> Digest {
    let csv = &seed.csv;
    let mut hasher = Hasher::new("seed settings").bytes(&[csv.delimiter, csv.quote]);
    hasher = hasher.number(csv.escape.map_or(0, |escape| u64::from(escape) + 1));
    hasher = hasher.number(u64::from(csv.double_quote)).number(u64::from(csv.skip_initial_space));
    hasher = hasher.number(csv.null_texts.len() as u64);
    for text in &csv.null_texts {
        hasher = hasher.text(text);
    }
    for column in declared {
        hasher = hasher.text(&column.name).option(column.data_type.as_deref());
    }
    hasher.finish()
}

/// A seed's path inside the tree: below `$root`, or relative to the model's file; `None` where it leaves the project.
fn resolve(model: &FilePath, written: &str) -> Option<FilePath> {
    let written = written.replace('\\', "/");
    let from_root = written.strip_prefix("$root/");
    let folder = model.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = if from_root.is_some() { Vec::new() } else { folder.split('/').collect() };
    let rest = from_root.unwrap_or(&written);
    if rest.starts_with('/') || rest.contains(':') {
        return None;
    }
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(FilePath::new(parts.join("/")))
}

#[cfg(test)]
mod tests;
