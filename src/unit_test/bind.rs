//! From the names that a test writes to the project's models.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ctes::with_clause;
use super::{Content, Fixture, Input, Named, Rows, UnitTest};
use crate::ids::ModelName;
use crate::model::{Kind, Model};
use crate::problem::{Problem, nearest};
use crate::project::model_name;
use crate::sql::{Certainty, Dialect, Relation};

/// What a project has.
pub struct Known<'a> {
    /// Its models.
    pub models: &'a BTreeMap<ModelName, Arc<Model>>,
    /// Names whose models cannot be loaded.
    pub broken: &'a BTreeSet<ModelName>,
    /// The dialect of names in tests: the project's.
    pub dialect: Dialect,
}

/// A test whose names are known.
pub struct Bound<'t> {
    /// The test.
    pub test: &'t UnitTest,
    /// The model under test.
    pub model: Arc<Model>,
    /// What its parents hold, by name; a model that reads its own table finds it empty unless the test says otherwise.
    pub inputs: BTreeMap<ModelName, Fixture>,
    /// What CTEs of its query hold instead of what they say, by name in lower case.
    pub ctes: BTreeMap<String, Fixture>,
}

/// Finds the models of a test.
///
/// # Errors
/// Every name that means nothing, and every parent that the test gives no rows for.
pub fn bind<'t>(test: &'t UnitTest, known: &Known<'_>) -> Result<Bound<'t>, Vec<Problem>> {
    let model = model_of(test, known).map_err(|problem| vec![*problem])?;
    let mut problems = Vec::new();
    let reads = reads(&model, known.models);
    let mut inputs: BTreeMap<ModelName, Fixture> = BTreeMap::new();
    let mut ctes: BTreeMap<String, Fixture> = BTreeMap::new();
    let is_cte = cte_of(&model, (&reads, known));
    for input in &test.inputs {
        if let Some(name) = is_cte(input) {
            if ctes.insert(name, input.fixture.clone()).is_some() {
                problems.push(at(test, &input.name, format!("`{}` has rows already", input.name.text)));
            }
            continue;
        }
        let bound = name_of(&input.name, test, known).map(|name| without_catalog(name, known, &reads));
        match bound {
            Ok(name) => {
                if inputs.insert(name, input.fixture.clone()).is_some() {
                    problems.push(at(test, &input.name, format!("`{}` has rows already", input.name.text)));
                }
            }
            Err(problem) => problems.push(*problem),
        }
    }
    for parent in &reads {
        if *parent == model.name {
            let nothing = Fixture {
                place: test.place,
                content: Content::Rows(Rows::default()),
                columns: BTreeMap::new(),
                compared: super::Compared::Whole,
            };
            inputs.entry(parent.clone()).or_insert(nothing);
        } else if !inputs.contains_key(parent) {
            let message = format!("test `{}` gives no rows for `{parent}`, which `{}` reads", test.name, model.name);
            let problem = at(test, &Named { text: test.name.clone(), place: test.place }, message);
            problems.push(problem.help(format!("add `{parent}:` below `inputs`; `rows: []` is no row")));
        }
    }
    if problems.is_empty() { Ok(Bound { test, model: Arc::clone(&model), inputs, ctes }) } else { Err(problems) }
}

/// Finds the CTE of a model's query that an input is for, which no table that the query reads is called like.
fn cte_of<'k>(
    model: &Model,
    (reads, known): (&'k BTreeSet<ModelName>, &'k Known<'_>),
) -> impl Fn(&Input) -> Option<String> + 'k {
    let clause = model.query.as_ref().and_then(|query| with_clause(query.text()));
    let ctes = clause.map_or_else(BTreeSet::new, |with| with.ctes.iter().map(|cte| cte.name.to_lowercase()).collect());
    move |input| {
        let name = input.name.text.to_lowercase();
        let is_table = model_name(&input.name.text, known.dialect).is_ok_and(|name| reads.contains(&name));
        (!is_table && ctes.contains(&name)).then_some(name)
    }
}

/// The tables that a model's query reads, its own among them.
pub fn reads(model: &Model, models: &BTreeMap<ModelName, Arc<Model>>) -> BTreeSet<ModelName> {
    let relations = model.query.iter().flat_map(|query| query.relations());
    let is_table = |relation: &&Relation| relation.certainty == Certainty::Table || models.contains_key(&relation.name);
    relations.filter(is_table).map(|relation| relation.name.clone()).collect()
}

fn model_of(test: &UnitTest, known: &Known<'_>) -> Result<Arc<Model>, Box<Problem>> {
    let name = without_catalog(name_of(&test.model, test, known)?, known, &BTreeSet::new());
    let tell = |message: String| at(test, &test.model, message);
    let Some(model) = known.models.get(&name) else {
        if known.broken.contains(&name) {
            let problem = tell(format!("model `{name}` cannot be loaded"));
            return Err(Box::new(problem.help("`bot plan` says why")));
        }
        let names: Vec<String> = known.models.keys().map(ToString::to_string).collect();
        let problem = tell(format!("there is no model `{name}`"));
        return Err(Box::new(match nearest(&name.to_string(), names.iter().map(String::as_str)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        }));
    };
    match model.kind {
        Kind::External if model.is_stand_in() => {
            let message = format!("model `{name}` cannot run here, and neither can this test");
            let problem = Problem::warning("test-not-run", message).at(&test.path);
            Err(Box::new(problem.position(test.model.place.line, test.model.place.column)))
        }
        Kind::Seed(_) | Kind::External => {
            let kind = model.kind.name().text();
            Err(Box::new(tell(format!("model `{name}` is {kind} and has no query to test"))))
        }
        _ => Ok(Arc::clone(model)),
    }
}

fn name_of(named: &Named, test: &UnitTest, known: &Known<'_>) -> Result<ModelName, Box<Problem>> {
    model_name(&named.text, known.dialect).map_err(|message| Box::new(at(test, named, message)))
}

/// SQLMesh writes the default catalog into the names of tests that it makes. A name that nobody has is taken without it, or
/// with it where the schema is called so, where that is a model or a table that is read.
fn without_catalog(name: ModelName, known: &Known<'_>, reads: &BTreeSet<ModelName>) -> ModelName {
    let is_there = |name: &ModelName| known.models.contains_key(name) || reads.contains(name);
    let other = || match name.parts() {
        [_, rest @ ..] if rest.len() == 2 => ModelName::from_parts(rest.to_vec()),
        [schema, table] => ModelName::from_parts(vec![schema.clone(), schema.clone(), table.clone()]),
        _ => None,
    };
    if is_there(&name) {
        return name;
    }
    other().filter(is_there).unwrap_or(name)
}

fn at(test: &UnitTest, named: &Named, message: String) -> Problem {
    Problem::error("invalid-test", message).at(&test.path).position(named.place.line, named.place.column)
}
