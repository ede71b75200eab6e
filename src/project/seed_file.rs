//! The file of a seed: found from its model, read once for all trees that have the same one.

use super::loader::Loader;
use super::seed::{SeedError, read_seed};
use super::seed_header::Renamed;
use crate::files::Entry;
use crate::hash::Hasher;
use crate::ids::FilePath;
use crate::model::{DeclaredColumn, Seed};
use crate::problem::{Problem, nearest};
use crate::sql::Dialect;
use crate::yaml::Place;

impl Loader<'_> {
    /// Fills in what the file of a seed holds; gives what is strange about it.
    pub(super) fn seed(
        &self,
        model: &FilePath,
        written: &str,
        place: Place,
        seed: &mut Seed,
        (declared, dialect): (&[DeclaredColumn], Dialect),
    ) -> Result<Option<Problem>, Problem> {
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
        let key = (blob.clone(), seed_digest(seed, declared).text(dialect.name()).finish());
        let read = || {
            let stream = self.tree.open(&path)?;
            read_seed(std::io::BufReader::new(stream), &seed.csv, declared, dialect)
        };
        let contents = self.cache.seed(key, read).map_err(|error| invalid_seed(&path, &error))?;
        seed.columns.clone_from(&contents.columns);
        seed.rows = contents.rows;
        let renamed = contents.renamed.as_ref().map(|renamed| another_name(&path, renamed));
        let warning = renamed.or_else(|| contents.short.map(|short| short_row(&path, short)));
        seed.path = path;
        seed.blob = blob;
        Ok(warning)
    }

    fn missing_seed(&self, path: &FilePath) -> Problem {
        let problem = Problem::error("missing-seed", format!("seed file `{path}` is not there"));
        let known = self.tree.entries().keys().map(FilePath::as_str).filter(|path| path.ends_with(".csv"));
        match nearest(path.as_str(), known) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("add the file, or write its path relative to the model's file or as `$root/…`"),
        }
    }
}

fn invalid_seed(path: &FilePath, error: &SeedError) -> Problem {
    if let SeedError::Read(error) = error {
        return Problem::unreadable(path, error);
    }
    let mut problem = Problem::error("invalid-seed", error.to_string()).at(path);
    problem.help = error.help().map(str::to_owned);
    match error.line().and_then(|line| u32::try_from(line).ok()) {
        Some(line) => problem.position(line, 1),
        None => problem,
    }
}

fn short_row(path: &FilePath, (line, found): (u64, u64)) -> Problem {
    let cells = if found == 1 { "cell" } else { "cells" };
    let message = format!("line {line} has {found} {cells}, fewer than the header: the others are NULL");
    let problem = Problem::warning("short-row", message).at(path).help("write the delimiter for each empty cell");
    u32::try_from(line).map_or(problem.clone(), |line| problem.position(line, 1))
}

fn another_name(path: &FilePath, Renamed { written, name }: &Renamed) -> Problem {
    let message = format!("the header names column `{written}` more than once: the second one is `{name}`");
    Problem::warning("seed-column-twice", message).at(path).position(1, 1).help("give each column a name of its own")
}

fn seed_digest(seed: &Seed, declared: &[DeclaredColumn]) -> Hasher {
    let csv = &seed.csv;
    let mut hasher = Hasher::new("seed settings 2").bytes(&[csv.delimiter, csv.quote]);
    hasher = hasher.number(csv.escape.map_or(0, |escape| u64::from(escape) + 1));
    hasher = hasher.number(u64::from(csv.double_quote)).number(u64::from(csv.skip_initial_space));
    hasher = hasher.number(csv.null_texts.len() as u64);
    for text in &csv.null_texts {
        hasher = hasher.text(text);
    }
    hasher = hasher.number(csv.null_texts_of.len() as u64);
    for (column, texts) in &csv.null_texts_of {
        hasher = texts.iter().fold(hasher.text(column).number(texts.len() as u64), |hasher, text| hasher.text(text));
    }
    for column in declared {
        hasher = hasher.text(&column.name).option(column.data_type.as_deref());
    }
    hasher
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
