//! The files of one tree, read: each by itself and at once, then put together by name.
//!
//! What another tree came to is taken over where path, content and rules are the same.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::sync::Arc;

use rayon::prelude::*;

use super::audits::{self, Audits};
use super::cache::ModelCache;
use super::calls::Known;
use super::columns::Asking;
use super::external::{self, Tables};
use super::file::{self, ParsedFile, Rules};
use super::macros::Columns;
use super::python;
use super::stored::{Shelf, StoredFile};
use super::{Surroundings, glob, queries};
use crate::files::{Entry, FileTree, as_python_reads};
use crate::hash::{Digest, Hasher};
use crate::ids::{BlobId, FilePath, ModelName};
use crate::model::{Kind, Model, StandaloneAudit};
use crate::problem::Problem;
use crate::settings::{CONFIG_FILES, Settings, is_user_rules};
use crate::yaml::Place;

/// The largest model file that is read.
const MAX_MODEL_BYTES: u64 = 2 << 20;
/// Problems of one file that are told one by one.
pub(super) const MAX_FILE_PROBLEMS: usize = 100;

/// What the files of one tree came to.
#[derive(Debug, Default)]
pub struct ReadFiles {
    /// By what they were read; files of other rules are of no use.
    key: Option<Digest>,
    /// Ascending by path.
    models: Vec<ReadFile<ParsedFile>>,
    /// Ascending by path.
    tables: Vec<ReadFile<Tables>>,
}

/// One file. Its model is only there where nothing but this file decides it.
#[derive(Clone, Debug)]
struct ReadFile<T> {
    path: FilePath,
    blob: BlobId,
    content: Arc<T>,
    model: Option<Arc<Model>>,
    /// What is wrong with what the model asks for.
    told: Vec<Problem>,
}

/// One name of the project: its model where it could be loaded, and where it is declared.
pub(super) struct Found {
    path: FilePath,
    place: Place,
    pub(super) model: Option<Arc<Model>>,
    references: Vec<(ModelName, Place)>,
}

/// A file of the tree, and what stands under its path.
pub(super) type Listed<'a> = (&'a FilePath, &'a Entry);
/// A file's model where it has one, or what is wrong with it.
pub(super) type OfFile = Option<Result<Arc<Model>, Vec<Problem>>>;
/// A file that was read, with its model; or what is wrong with either.
type Parsed = Result<(ReadFile<ParsedFile>, OfFile), Problem>;

pub(super) struct Loader<'a> {
    pub(super) tree: &'a dyn FileTree,
    pub(super) rules: &'a Rules,
    pub(super) digest: Digest,
    audits: Cow<'a, Audits>,
    pub(super) cache: &'a ModelCache,
    shelf: Option<&'a dyn Shelf>,
    pub(super) found: Vec<(ModelName, Found)>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(tree: &'a dyn FileTree, rules: &'a Rules, surroundings: &Surroundings<'a>) -> Self {
        let Surroundings { cache, shelf, .. } = *surroundings;
        let (audits, digest) = (Cow::Owned(Audits::default()), rules.digest());
        Self { tree, rules, digest, audits, cache, shelf, found: Vec::new(), problems: Vec::new() }
    }

    /// The same with audits that were read before.
    pub(super) fn with(self, audits: &'a Audits) -> Self {
        Self { audits: Cow::Borrowed(audits), ..self }
    }

    /// The audits of the project; what is wrong with them is told.
    pub(super) fn audits(&mut self, settings: &Settings) -> Audits {
        let mut found = Audits::default();
        let is_audit = |path: &str| path.starts_with("audits/") && path.ends_with(".sql");
        let files = project_files(self.tree, settings);
        for (path, entry) in files.iter().filter(|(path, _)| is_audit(path.as_str())) {
            let read = blob_of(entry).and_then(|_| self.text(path));
            match read.map(|text| audits::read_file(path, &text, self.rules)) {
                Ok(read) => found.take(read, &mut self.problems),
                Err(problem) => self.problems.push(problem),
            }
        }
        found
    }

    /// The audits that belong to no model.
    pub(super) fn standalone_audits(&mut self) -> Vec<StandaloneAudit> {
        let mut problems = Vec::new();
        let standalone = self.known().standalone(&mut problems);
        self.problems.extend(problems);
        standalone
    }

    pub(super) fn known(&self) -> Known<'_> {
        Known { audits: &self.audits, rules: self.rules }
    }

    /// Reads all model files and all tables that are declared.
    pub(super) fn read(&mut self, settings: &Settings, like: Option<&ReadFiles>) -> ReadFiles {
        let files = project_files(self.tree, settings);
        self.audits = Cow::Owned(self.audits(settings));
        let config = settings.path.clone().unwrap_or_else(|| FilePath::new(CONFIG_FILES[0]));
        let wrong = self.known().defaults(&config);
        self.problems.extend(wrong);
        let key = Hasher::new("read files").digest(self.digest).digest(self.audits.digest());
        let key = key.number(u64::from(self.shelf.is_some())).finish();
        let nothing = ReadFiles::default();
        let like = like.filter(|like| like.key == Some(key)).unwrap_or(&nothing);
        let (tables, parsed) =
            rayon::join(|| self.tables(&files, &like.tables), || self.model_files(&files, &like.models));
        let tables = self.take_tables(tables);
        self.python(&files);
        self.folders(&files);
        let models = self.take_models(parsed);
        ReadFiles { key: Some(key), models, tables }
    }

    /// The models that were found, and the names whose models cannot be loaded. The first file that claims a name has it.
    pub(super) fn models(&mut self) -> (BTreeMap<ModelName, Arc<Model>>, BTreeSet<ModelName>) {
        let mut found = std::mem::take(&mut self.found);
        found.par_sort_by(|(one, _), (other, _)| one.cmp(other));
        found.dedup_by(|(name, next), (first_name, first)| {
            let is_twice = name == first_name;
            if is_twice {
                self.problems.push(defined_twice(name, first, next));
            }
            is_twice
        });
        self.references(&found);
        let (mut models, mut broken) = (Vec::with_capacity(found.len()), BTreeSet::new());
        for (name, found) in found {
            match found.model {
                Some(model) => models.push((name, model)),
                None => drop(broken.insert(name)),
            }
        }
        (models.into_iter().collect(), broken)
    }

    /// The model of one file.
    pub(super) fn model_at(&self, path: &FilePath) -> Option<Arc<Model>> {
        let (read, model) = self.parsed((path, self.tree.entries().get(path)?)).ok()?;
        read.model.or_else(|| model?.ok())
    }

    fn tables(
        &self,
        files: &[Listed<'_>],
        like: &[ReadFile<Tables>],
    ) -> Vec<(FilePath, Result<ReadFile<Tables>, Problem>)> {
        let listed: Vec<Listed<'_>> = files.iter().filter(|(path, _)| is_external(path.as_str())).copied().collect();
        let read = |(listed, same): (Listed<'_>, Option<&ReadFile<Tables>>)| {
            let read = same.map_or_else(|| self.tables_of(listed), |same| Ok(same.clone()));
            (listed.0.clone(), read)
        };
        beside(&listed, like).into_par_iter().map(read).collect()
    }

    fn tables_of(&self, (path, entry): Listed<'_>) -> Result<ReadFile<Tables>, Problem> {
        let blob = blob_of(entry)?;
        let of_file = if python::is_model(path.as_str()) { python::read } else { external::read };
        let read = || Ok::<_, Problem>(of_file(path, &self.text(path)?, self.rules));
        let content = match self.shelf {
            None => read()?,
            Some(shelf) => {
                let key = Hasher::new("tables file 2").text(blob.as_str()).text(path.as_str()).digest(self.digest);
                let key = key.finish();
                match shelf.get(key).and_then(|stored| stored.tables(path)) {
                    Some(known) => known,
                    None => {
                        let tables = read()?;
                        StoredFile::of_tables(&tables).iter().for_each(|stored| shelf.put(key, stored));
                        tables
                    }
                }
            }
        };
        Ok(ReadFile {
            path: path.clone(),
            blob: blob.clone(),
            content: Arc::new(content),
            model: None,
            told: Vec::new(),
        })
    }

    /// A table that is declared, with the audits of the project's own that are asked for.
    fn external(&mut self, mut model: Model, table: &ParsedFile) -> Arc<Model> {
        let (audits, told) = self.known().link(&mut model, &table.audits);
        self.problems.extend(told);
        if let Some(audits) = audits {
            model.source = Hasher::new("external source").digest(model.source).digest(audits).finish();
        }
        Arc::new(model)
    }

    fn take_tables(&mut self, read: Vec<(FilePath, Result<ReadFile<Tables>, Problem>)>) -> Vec<ReadFile<Tables>> {
        let mut kept = Vec::new();
        let read_files = read.iter().filter_map(|(_, file)| file.as_ref().ok());
        let specific: BTreeSet<ModelName> = read_files.flat_map(|file| file.content.specific.iter().cloned()).collect();
        for (path, file) in read {
            match file {
                Ok(file) => {
                    self.problems.extend(file.content.problems.iter().cloned());
                    let is_meant = |table: &&ParsedFile| {
                        let mut name = table.name.iter().map(|(name, _)| name);
                        name.all(|name| !specific.contains(name) || file.content.specific.contains(name))
                    };
                    for table in file.content.files.iter().filter(is_meant) {
                        let model = table.model.clone().map(|model| self.external(model, table));
                        self.add(&path, table, model);
                    }
                    kept.push(file);
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        kept
    }

    fn python(&mut self, files: &[Listed<'_>]) {
        for (path, _) in files.iter().filter(|(path, _)| is_user_rules(path)) {
            let problem =
                Problem::warning("python-rules", format!("`{path}` holds rules in Python, which cannot run here"));
            self.problems.push(problem.at(path).help("`bot lint` asks for SQLMesh's built-in rules only"));
        }
    }

    fn model_files(&self, files: &[Listed<'_>], like: &[ReadFile<ParsedFile>]) -> Vec<(FilePath, Parsed)> {
        let is_model = |path: &str| path.starts_with("models/") && path.ends_with(".sql");
        let listed: Vec<Listed<'_>> = files.iter().filter(|(path, _)| is_model(path.as_str())).copied().collect();
        let read = |(listed, same): (Listed<'_>, Option<&ReadFile<ParsedFile>>)| {
            let parsed = match same {
                Some(same) if same.model.is_some() => Ok((same.clone(), None)),
                _ => self.parsed(listed),
            };
            (listed.0.clone(), parsed)
        };
        beside(&listed, like).into_par_iter().map(read).collect()
    }

    fn take_models(&mut self, parsed: Vec<(FilePath, Parsed)>) -> Vec<ReadFile<ParsedFile>> {
        let mut kept = Vec::with_capacity(parsed.len());
        self.found.reserve(parsed.len());
        let mut asking = Vec::new();
        for (path, parsed) in parsed {
            match parsed {
                Ok((file, _)) if !file.content.wanted.is_empty() => {
                    let wanted = file.content.wanted.clone();
                    asking.push(Asking { path, blob: file.blob.clone(), wanted });
                    kept.push(file);
                }
                Ok((file, model)) => {
                    self.problems.extend(file.told.iter().cloned());
                    let model = file.model.clone().map(Ok).or(model);
                    self.take((&path, &file.blob), &file.content, model);
                    kept.push(file);
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        self.read_again(asking);
        kept
    }

    pub(super) fn take(&mut self, (path, blob): (&FilePath, &BlobId), file: &ParsedFile, model: OfFile) {
        self.problems.extend(file.problems.iter().take(MAX_FILE_PROBLEMS).cloned());
        if let Some(more) = file.problems.len().checked_sub(MAX_FILE_PROBLEMS + 1) {
            self.problems.push(Problem::more(path, more + 1));
        }
        let model = match model {
            Some(Err(problems)) => {
                self.problems.extend(problems);
                None
            }
            model => model.and_then(Result::ok),
        };
        self.add(path, file, model);
        for more in &file.more {
            self.problems.extend(more.problems.iter().take(MAX_FILE_PROBLEMS).cloned());
            let model = more.model.clone().map(|mut model| {
                let (audits, told) = self.known().link(&mut model, &more.audits);
                self.problems.extend(told);
                let (model, strange) = self.model_of(blob, path, (more.seed.as_ref(), audits), model);
                self.problems.extend(strange);
                model
            });
            let model = model.and_then(|model| model.map_err(|problems| self.problems.extend(problems)).ok());
            self.add(path, more, model);
        }
    }

    fn add(&mut self, path: &FilePath, file: &ParsedFile, model: Option<Arc<Model>>) {
        let Some((name, place)) = file.name.clone() else { return };
        let found = Found { path: path.clone(), place, model, references: file.references.clone() };
        self.found.push((name, found));
    }

    /// One model file with its model.
    fn parsed(&self, (path, entry): Listed<'_>) -> Parsed {
        let blob = blob_of(entry)?.clone();
        let (content, model) = self.content(path, &blob)?;
        let (model, told) = self.linked((path, &blob), &content, model);
        // Seeds may be large, and are read as streams; two models rarely share one.
        let (model, other) = match model {
            Some(Ok(model)) if content.seed.is_none() => (Some(model), None),
            other => (None, other),
        };
        Ok((ReadFile { path: path.clone(), blob, content, model, told }, other))
    }

    /// What a file holds, and the model in it: taken out of it where nobody else has the file.
    fn content(&self, path: &FilePath, blob: &BlobId) -> Result<(Arc<ParsedFile>, Option<Model>), Problem> {
        let parse = || Ok(file::parse(path, &self.text(path)?, self.rules, Columns::Later));
        let Some(shelf) = self.shelf else {
            let file = self.cache.file((blob.clone(), path.clone(), self.digest), parse)?;
            let model = file.model.clone();
            return Ok((file, model));
        };
        let key = Hasher::new("model file 2").text(blob.as_str()).text(path.as_str()).digest(self.digest).finish();
        let mut file = match shelf.get(key).and_then(|stored| stored.model(path)) {
            Some(known) => known,
            None => kept(shelf, key, path, parse()?),
        };
        let model = file.model.take();
        Ok((Arc::new(file), model))
    }

    pub(super) fn text(&self, path: &FilePath) -> Result<String, Problem> {
        text_of(self.tree, path)
    }

    /// The file's model, a seed with what its CSV file holds, and what is strange about that.
    pub(super) fn model_of(
        &self,
        blob: &BlobId,
        path: &FilePath,
        (seed, audits): (Option<&(String, Place)>, Option<Digest>),
        mut model: Model,
    ) -> (Result<Arc<Model>, Vec<Problem>>, Option<Problem>) {
        let mut strange = None;
        let name = model.name.to_string();
        let mut source = Hasher::new("model source").text(&name).text(blob.as_str()).digest(self.digest);
        if let (Kind::Seed(seed), Some((written, place))) = (&mut model.kind, seed) {
            match self.seed(path, written, *place, seed, (&model.properties.columns, model.dialect)) {
                Ok(warning) => strange = warning,
                Err(problem) => return (Err(vec![problem]), None),
            }
            source = source.text(seed.path.as_str()).text(seed.blob.as_str());
        }
        if let Some(audits) = audits {
            source = source.digest(audits);
        }
        model.source = source.finish();
        (Ok(Arc::new(model)), strange)
    }

    /// Warns of names in `depends_on` that no model owns.
    fn references(&mut self, found: &[(ModelName, Found)]) {
        let is_known = |name: &ModelName| found.binary_search_by(|(known, _)| known.cmp(name)).is_ok();
        let all = found.iter().flat_map(|(_, found)| found.references.iter().map(|reference| (&found.path, reference)));
        let mut strange = all.filter(|(_, (name, _))| !is_known(name)).peekable();
        if strange.peek().is_none() {
            return;
        }
        let mut unknown = queries::Unknown::of(found.iter().map(|(name, _)| name));
        self.problems.extend(strange.filter_map(|(path, (name, place))| unknown.reference(name, path, *place)));
    }
}

/// Keeps what a file came to, and leaves of it what every later run has too: texts that nobody asks for take no room.
fn kept(shelf: &dyn Shelf, key: Digest, path: &FilePath, file: ParsedFile) -> ParsedFile {
    let Some(stored) = StoredFile::of_model(&file) else { return file };
    shelf.put(key, &stored);
    stored.model(path).unwrap_or(file)
}

/// Each file with what the other tree has of it, where that is the same content.
fn beside<'f, 'o, T>(files: &[Listed<'f>], others: &'o [ReadFile<T>]) -> Vec<(Listed<'f>, Option<&'o ReadFile<T>>)> {
    let mut others = others.iter().peekable();
    let same = |listed: &Listed<'f>| {
        while others.next_if(|other| other.path < *listed.0).is_some() {}
        let other = others.next_if(|other| other.path == *listed.0);
        (*listed, other.filter(|other| matches!(listed.1, Entry::File { blob } if *blob == other.blob)))
    };
    files.iter().map(same).collect()
}

pub(super) fn text_of(tree: &dyn FileTree, path: &FilePath) -> Result<String, Problem> {
    if let Some(Entry::Unreadable(problem)) = tree.entries().get(path) {
        return Err(problem.clone());
    }
    let wrong = |what: &str| Problem::error("unreadable-file", format!("`{path}` {what}")).at(path);
    let unreadable = |error: io::Error| Problem::unreadable(path, &error);
    let mut bytes = Vec::new();
    let stream = tree.open(path).map_err(unreadable)?;
    stream.take(MAX_MODEL_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_MODEL_BYTES {
        let problem = wrong(&format!("is larger than {} MiB", MAX_MODEL_BYTES >> 20));
        return Err(problem.help("keep rows in a seed, or take the file apart"));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8").help("save it as UTF-8"))?;
    Ok(as_python_reads(text))
}

fn blob_of(entry: &Entry) -> Result<&BlobId, Problem> {
    match entry {
        Entry::File { blob } => Ok(blob),
        Entry::Unreadable(problem) => Err(problem.clone()),
    }
}

/// The files that are the project's: not hidden, not ignored.
fn project_files<'t>(tree: &'t dyn FileTree, settings: &Settings) -> Vec<Listed<'t>> {
    tree.entries().iter().filter(|(path, _)| is_projects(path, settings)).collect()
}

pub(super) fn is_projects(path: &FilePath, settings: &Settings) -> bool {
    !is_passed_over(path) && !is_ignored(settings, path)
}

/// Whether a file is no part of a project wherever it stands: what git, a cache or a notebook keeps (`ignore_patterns` of SQLMesh
/// where nobody says others), and Python in hidden folders, which
/// Python cannot import. Other hidden files count, as for SQLMesh.
pub fn is_passed_over(path: &FilePath) -> bool {
    let path = path.as_str();
    path.split('/').any(|part| matches!(part, ".git" | ".cache" | ".ipynb_checkpoints"))
        || path.contains("/.") && path.ends_with(".py")
}

/// Whether `ignore_patterns` take a file out of the project.
pub fn is_ignored(settings: &Settings, path: &FilePath) -> bool {
    let path = path.as_str();
    settings.ignore_patterns.iter().any(|pattern| glob::matches(pattern, path) || glob::matches_end(pattern, path))
}

/// Whether a file declares tables that something else fills.
fn is_external(path: &str) -> bool {
    let is_yaml = path.ends_with(".yaml") || path.ends_with(".yml");
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let is_declaration =
        is_yaml && (matches!(stem, "external_models" | "schema") || path.starts_with("external_models/"));
    is_declaration || python::is_model(path)
}

fn defined_twice(name: &ModelName, first: &Found, next: &Found) -> Problem {
    let message = format!(
        "model `{name}` is defined twice: in `{}` line {} and in `{}` line {}",
        first.path, first.place.line, next.path, next.place.line
    );
    let problem = Problem::error("duplicate-model", message).at(&next.path);
    problem.position(next.place.line, next.place.column).help("rename one of the two, or delete it")
}
