//! Which models the files in `tests/` name. What a test says of its model, and whether it holds, is not looked at.

use std::collections::BTreeSet;
use std::io::Read as _;

use crate::files::{Entry, FileTree};
use crate::fingerprint::Tree;
use crate::ids::{FilePath, ModelName};
use crate::model::Model;
use crate::problem::Problem;
use crate::project::{is_ignored, model_name};
use crate::settings::Settings;
use crate::sql::Dialect;
use crate::yaml::{self, Node};

/// The largest file of tests that is read.
const MAX_BYTES: u64 = 8 << 20;

/// The models that have a unit test.
#[derive(Clone, Debug, Default)]
pub(super) struct UnitTests {
    /// Each name as each dialect of the project folds it.
    names: Vec<(Dialect, BTreeSet<ModelName>)>,
}

impl UnitTests {
    /// Reads the names in the files `test….yaml` and `test….yml` below `tests/`. A file that cannot be read is told, and
    /// names nothing.
    pub(super) fn read(files: &dyn FileTree, settings: &Settings, tree: &Tree) -> (Self, Vec<Problem>) {
        let (mut written, mut problems) = (BTreeSet::new(), Vec::new());
        for (path, entry) in files.entries().iter().filter(|(path, _)| is_test_file(path)) {
            if is_ignored(settings, path) {
                continue;
            }
            match tests_of(files, path, entry) {
                Ok(tests) => written.extend(tests.entries().iter().filter_map(|test| model_of(&test.node))),
                Err(problem) => problems.push(problem),
            }
        }
        let mut dialects: Vec<Dialect> = Vec::new();
        for model in tree.models.values() {
            if !dialects.contains(&model.dialect) {
                dialects.push(model.dialect);
            }
        }
        let folded = |dialect| written.iter().filter_map(|text: &String| model_name(text, dialect).ok()).collect();
        (Self { names: dialects.into_iter().map(|dialect| (dialect, folded(dialect))).collect() }, problems)
    }

    /// Whether a test names the model.
    pub(super) fn has(&self, model: &Model) -> bool {
        self.names.iter().any(|(dialect, names)| *dialect == model.dialect && names.contains(&model.name))
    }
}

fn is_test_file(path: &FilePath) -> bool {
    let name = path.as_str().strip_prefix("tests/").and_then(|rest| rest.rsplit('/').next());
    name.is_some_and(|name| name.starts_with("test") && (name.ends_with(".yaml") || name.ends_with(".yml")))
}

fn model_of(test: &Node) -> Option<String> {
    test.get("model").and_then(Node::text).map(str::to_owned)
}

fn tests_of(files: &dyn FileTree, path: &FilePath, entry: &Entry) -> Result<Node, Problem> {
    if let Entry::Unreadable(problem) = entry {
        return Err(problem.clone());
    }
    let unreadable = |what: String| {
        let problem = Problem::warning("unreadable-tests", format!("the tests in `{path}` count for no model: {what}"));
        problem.at(path)
    };
    let mut text = String::new();
    let stream = files.open(path).map_err(|error| unreadable(error.to_string()))?;
    let size = stream.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
    if size as u64 > MAX_BYTES {
        return Err(unreadable(format!("larger than {} MiB", MAX_BYTES >> 20)));
    }
    yaml::parse(text.strip_prefix('\u{feff}').unwrap_or(&text)).map_err(|error| {
        let problem = unreadable(error.message);
        match error.place {
            Some(place) => problem.position(place.line, place.column),
            None => problem,
        }
    })
}
