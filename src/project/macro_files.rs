//! The files of `macros/`: Jinja, which runs here, and Python, of which only the names are known.

use super::loader::{is_projects, text_of};
use super::macros;
use super::python::PythonMacros;
use crate::files::FileTree;
use crate::ids::FilePath;
use crate::problem::Problem;
use crate::settings::Settings;

/// The Jinja macros of `macros/*.sql`, one file after the other. One with a mistake is told and left out.
pub(super) fn jinja_macros(tree: &dyn FileTree, settings: &Settings, problems: &mut Vec<Problem>) -> String {
    let is_macros = |path: &str| path.starts_with("macros/") && path.ends_with(".sql");
    let mut found = String::new();
    let paths = tree.entries().keys().filter(|path| is_macros(path.as_str()) && is_projects(path, settings));
    for path in paths {
        match text_of(tree, path) {
            Ok(text) => {
                let definitions = macros::definitions(&text);
                match macros::mistake(&definitions) {
                    None => found.push_str(&definitions),
                    Some(mistake) => {
                        let problem =
                            Problem::error("invalid-macro", format!("a Jinja macro cannot be read: {mistake}"));
                        problems.push(problem.at(path).help("close its tags, and end it with `{% endmacro %}`"));
                    }
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    found
}

/// The macros of `macros/*.py`. A file that cannot be read defines nothing: who calls one of its macros is told of that.
pub(super) fn python_macros(tree: &dyn FileTree, settings: &Settings) -> PythonMacros {
    let mut found = PythonMacros::default();
    let is_file = |path: &FilePath| PythonMacros::is_file(path.as_str()) && is_projects(path, settings);
    for path in tree.entries().keys().filter(|path| is_file(path)) {
        if let Ok(text) = text_of(tree, path) {
            found.add(path, &text);
        }
    }
    found
}
