//! Which tests somebody means: by file, folder, name, model file or pattern.

use super::UnitTest;
use crate::ids::FilePath;

/// What somebody asks for.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Files, folders, `file::name`, or files of models, from the project's folder; all tests where there are none.
    pub selectors: Vec<String>,
    /// Texts in `file::name`, or patterns with `*` and `?` that it must fit as a whole; one must.
    pub patterns: Vec<String>,
}

/// The tests that are meant, in their order, each once.
///
/// # Errors
/// A selector that means no test.
pub fn choose<'t>(
    tests: &'t [UnitTest],
    choice: &Choice,
    model_path: &dyn Fn(&UnitTest) -> Option<FilePath>,
) -> Result<Vec<&'t UnitTest>, String> {
    let means = |selector: &String, test: &UnitTest| {
        let path = test.path.as_str();
        match selector.split_once("::") {
            Some((file, name)) => file == path && name == test.name,
            None => {
                let folder = selector.trim_end_matches('/');
                let is_below = path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
                selector == path
                    || folder.is_empty()
                    || is_below
                    || model_path(test).is_some_and(|path| path.as_str() == selector)
            }
        }
    };
    if let Some(nothing) = choice.selectors.iter().find(|selector| !tests.iter().any(|test| means(selector, test))) {
        return Err(nothing.clone());
    }
    let is_chosen = |test: &&UnitTest| {
        let by_selector = choice.selectors.is_empty() || choice.selectors.iter().any(|selector| means(selector, test));
        let name = format!("{}::{}", test.path, test.name);
        by_selector && (choice.patterns.is_empty() || choice.patterns.iter().any(|pattern| fits(pattern, &name)))
    };
    Ok(tests.iter().filter(is_chosen).collect())
}

/// As SQLMesh's `-k`: a text that is in the name, or with `*` a pattern for all of it.
fn fits(pattern: &str, name: &str) -> bool {
    if name.contains(pattern) {
        return true;
    }
    if !pattern.contains('*') {
        return false;
    }
    let name: Vec<char> = name.chars().collect();
    // `reached[i]`: the signs of the pattern so far fit the first `i` of the name.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for sign in pattern.chars() {
        if sign == '*' {
            let first = reached.iter().position(|reached| *reached).unwrap_or(reached.len());
            reached.iter_mut().skip(first).for_each(|reached| *reached = true);
        } else {
            for index in (0..name.len()).rev() {
                reached[index + 1] = reached[index] && (sign == '?' || sign == name[index]);
            }
            reached[0] = false;
        }
    }
    reached[name.len()]
}
