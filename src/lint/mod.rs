//! SQLMesh's built-in rules of style, asked of the models of one tree: what `bot lint` tells, and what blocks plans where the
//! linter is enabled.
//!
//! A rule is a function from a model to what is wrong with it. What a query reads and which columns it has was found out by
//! `sql` and `fingerprint` already; where it is not certain, a rule says that it could not look, and never guesses. Nothing
//! here is hashed. Rules in Python cannot run.

mod columns;
mod ignored;
mod missing;
mod projections;
mod stars;
mod subject;
#[cfg(test)]
mod tests;
mod unit_tests;
mod written;

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::files::FileTree;
use crate::fingerprint::Tree;
use crate::ids::ModelName;
use crate::model::Model;
use crate::problem::{Problem, Severity};
use crate::settings::{Rule, Settings};
use subject::{Finding, Subject};
use unit_tests::UnitTests;

/// What the rules say of some models.
#[derive(Clone, Debug, Default)]
pub struct Lint {
    /// Every violation, by place.
    pub violations: Vec<Violation>,
    /// Where a rule could not look, by rule and model.
    pub unchecked: Vec<Unchecked>,
    /// What is wrong with how rules are ignored, and with the files that name what is tested.
    pub problems: Vec<Problem>,
    /// How many models were looked at.
    pub models: usize,
}

/// One violation of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// The model.
    pub model: ModelName,
    /// What is wrong, where, and how grave it is.
    pub problem: Problem,
}

/// A rule that could not look at a model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unchecked {
    /// The rule.
    pub rule: Rule,
    /// The model.
    pub model: ModelName,
    /// Why.
    pub why: String,
}

/// Which models are looked at.
#[derive(Clone, Copy, Debug)]
pub enum Models<'a> {
    /// All of the project.
    All,
    /// These.
    Only(&'a BTreeSet<ModelName>),
}

impl Lint {
    /// Everything that is wrong, as problems of the project.
    pub fn into_problems(self) -> Vec<Problem> {
        self.violations.into_iter().map(|violation| violation.problem).chain(self.problems).collect()
    }

    /// Whether a rule that must hold does not, or the linter's own settings are wrong.
    pub fn has_errors(&self) -> bool {
        let violations = self.violations.iter().map(|violation| &violation.problem);
        violations.chain(&self.problems).any(|problem| problem.severity == Severity::Error)
    }
}

/// Asks the rules that the settings name, whether or not the linter is enabled.
pub fn lint(tree: &Tree, files: &dyn FileTree, settings: &Settings, models: Models<'_>) -> Lint {
    let asked: Vec<(Rule, Severity)> = Rule::ALL
        .into_iter()
        .filter_map(|rule| settings.linter.severity(rule).map(|severity| (rule, severity)))
        .collect();
    let is_meant = |model: &&Model| match models {
        Models::All => true,
        Models::Only(names) => names.contains(&model.name),
    };
    let looked_at: Vec<&Model> = tree.models.values().map(AsRef::as_ref).filter(is_meant).collect();
    let about_tests = asked.iter().any(|(rule, _)| *rule == Rule::NoMissingUnitTest);
    let (tests, problems) = if about_tests { UnitTests::read(files, settings, tree) } else { Default::default() };
    let of_model = |model: &&Model| one(tree, files, &asked, &tests, model);
    let found: Vec<Lint> = looked_at.par_iter().map(of_model).collect();
    let mut lint = Lint { problems, models: looked_at.len(), ..Lint::default() };
    for Lint { violations, unchecked, problems, models: _ } in found {
        lint.violations.extend(violations);
        lint.unchecked.extend(unchecked);
        lint.problems.extend(problems);
    }
    let place = |violation: &Violation| {
        let problem = &violation.problem;
        (problem.path.clone(), problem.line, problem.column, violation.rule)
    };
    lint.violations.sort_by_cached_key(place);
    lint.unchecked.sort();
    lint
}

fn one(tree: &Tree, files: &dyn FileTree, asked: &[(Rule, Severity)], tests: &UnitTests, model: &Model) -> Lint {
    let subject = Subject::new(tree, files, model);
    let mut lint = Lint::default();
    let ignored = ignored::of(&subject, files, &mut lint.problems);
    for (rule, severity) in asked.iter().filter(|(rule, _)| !ignored.contains(rule)) {
        match check(*rule, &subject, tests) {
            Ok(findings) => lint.violations.extend(findings.into_iter().map(|finding| {
                let problem = subject.problem(*severity, rule.code(), finding);
                Violation { rule: *rule, model: model.name.clone(), problem }
            })),
            Err(why) => lint.unchecked.push(Unchecked { rule: *rule, model: model.name.clone(), why }),
        }
    }
    lint
}

/// What a rule has to say of a model; an error is why it cannot tell.
fn check(rule: Rule, subject: &Subject<'_>, tests: &UnitTests) -> Result<Vec<Finding>, String> {
    match rule {
        Rule::AmbiguousOrInvalidColumn => columns::ambiguous_or_invalid_column(subject),
        Rule::InvalidSelectStarExpansion => stars::invalid_select_star_expansion(subject),
        Rule::NoAmbiguousProjections => projections::no_ambiguous_projections(subject),
        Rule::NoMissingAudits => Ok(missing::audits(subject)),
        Rule::NoMissingExternalModels => Ok(missing::external_models(subject)),
        Rule::NoMissingUnitTest => Ok(missing::unit_test(subject, tests)),
        Rule::NoSelectStar => stars::no_select_star(subject),
    }
}
