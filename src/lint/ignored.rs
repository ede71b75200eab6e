//! `ignored_rules` of a model: the rules that do not hold for it.

use std::collections::BTreeSet;

use super::subject::{Spot, Subject};
use crate::files::FileTree;
use crate::problem::Problem;
use crate::settings::{Rule, Selection, is_user_rules};

const PROPERTY: &str = "ignored_rules";

/// The rules that a model ignores. A name that no rule has is a mistake, unless the project has rules of its own.
pub(super) fn of(subject: &Subject<'_>, files: &dyn FileTree, problems: &mut Vec<Problem>) -> BTreeSet<Rule> {
    let Some(written) = subject.model.properties.other_metadata.get(PROPERTY) else { return BTreeSet::new() };
    let Selection { rules, unknown } = Selection::of(names(written));
    if !files.entries().keys().any(is_user_rules) {
        for name in unknown {
            let problem = Problem::error("unknown-lint-rule", format!("`{PROPERTY}` names `{name}`, which is no rule"));
            let help = match Rule::nearest(&name) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", Rule::ALL.map(Rule::name).join(", ")),
            };
            problems.push(subject.locate(problem.help(help), &Spot::Property(PROPERTY)));
        }
    }
    rules
}

/// The names in `['a', b]`, `(a, b)` or `a`, as the block writes them.
fn names(written: &str) -> impl Iterator<Item = &str> {
    let inside = written.trim().trim_start_matches(['[', '(']).trim_end_matches([']', ')']);
    inside.split(',').map(|name| name.trim().trim_matches(['\'', '"', '`'])).filter(|name| !name.is_empty())
}
