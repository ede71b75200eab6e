//! From the command line to tests that can run: files are read, tests chosen and bound, trees loaded for their variables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::shapes::{Shapes, shapes};
use super::{Context, no_engine, tell};
use crate::cli::TestArguments;
use crate::error::CommandError;
use crate::files::FileTree as _;
use crate::ids::{FilePath, ModelName};
use crate::model::Model;
use crate::problem::{Problem, Severity, nearest};
use crate::project::{is_ignored, model_name, sorted};
use crate::settings::Settings;
use crate::sql::Dialect;
use crate::statement::LoadTime;
use crate::unit_test::{Choice, Fixture, Known, UnitTest, bind, choose, is_test_file, read};
use crate::workspace::{Side, Workspace};
use crate::yaml::Value;

/// What runs.
#[derive(Default)]
pub(super) struct Prepared {
    /// The tests, in the order of files.
    pub(super) tests: Vec<Ready>,
    /// The project under the variables of each test; a test names its place here.
    pub(super) variants: Vec<Variant>,
    /// What is wrong with test files.
    pub(super) problems: Vec<Problem>,
}

/// A test that can run.
pub(super) struct Ready {
    /// The test.
    pub(super) test: UnitTest,
    /// The model under test.
    pub(super) model: Arc<Model>,
    /// What its parents hold.
    pub(super) inputs: BTreeMap<ModelName, Fixture>,
    /// What CTEs of its query hold instead of what they say, by name in lower case.
    pub(super) ctes: BTreeMap<String, Fixture>,
    /// Its moments.
    pub(super) times: LoadTime,
    /// Which variant of the project it is about.
    pub(super) variant: usize,
}

/// The project under certain variables.
pub(super) struct Variant {
    variables: BTreeMap<String, Value>,
    /// Models and settings.
    pub(super) side: Side,
    /// What models hold, as far as anybody knows.
    pub(super) shapes: Shapes,
}

/// Finds the tests that are asked for.
///
/// # Errors
/// None is what was asked for, or git cannot be read.
pub(super) fn prepare(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    arguments: &TestArguments,
) -> Result<Prepared, CommandError> {
    let source = workspace.working_tree()?;
    let side = workspace.side(&source)?;
    let files = workspace.files(&source)?;
    tell_errors(context, &side);
    let mut prepared = Prepared::default();
    let settings = side.project.settings.clone();
    if settings.passed_over.contains("default_test_connection") {
        context.output.talk("`default_test_connection` is passed over: tests run on DuckDB in memory");
    }
    let paths = files.entries().keys().filter(|path| is_test_file(path) && !is_ignored(&settings, path));
    let variables = (workspace.variables(), &settings.variables_of(workspace.gateway(&settings)));
    let tests: Vec<UnitTest> = paths.flat_map(|path| read(&files, path, variables, &mut prepared.problems)).collect();
    let chosen = chosen(context, workspace, (&tests, &side), arguments)?;
    prepared.of(context, workspace, side, &chosen)
}

/// Tells what is wrong with the project, whose other models are tested all the same.
pub(super) fn tell_errors(context: &Context<'_>, side: &Side) {
    let is_error = |problem: &&Problem| problem.severity == Severity::Error;
    let errors: Vec<Problem> = side.problems.iter().filter(is_error).cloned().collect();
    if !errors.is_empty() {
        context.output.talk("the project has errors, so tests of the models that have them cannot run");
        tell(context, &errors);
    }
}

/// The tests that the command line means.
fn chosen<'t>(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    (tests, side): (&'t [UnitTest], &Side),
    arguments: &TestArguments,
) -> Result<Vec<&'t UnitTest>, CommandError> {
    let selectors = arguments.tests.iter().map(|text| from_the_project(context, workspace, text)).collect();
    let choice = Choice { selectors, patterns: arguments.patterns.clone() };
    let dialect = names_dialect(side, workspace);
    let model_path = |test: &UnitTest| -> Option<FilePath> {
        let name = model_name(&test.model.text, dialect).ok()?;
        side.tree.models.get(&name).map(|model| model.path.clone())
    };
    let chosen = choose(tests, &choice, &model_path).map_err(|nothing| {
        let names = tests.iter().map(|test| format!("{}::{}", test.path, test.name));
        let known: Vec<String> = names.chain(tests.iter().map(|test| test.path.to_string())).collect();
        let error = CommandError::no(format!("there is no test in `{nothing}`"));
        crate::commands::find::with_nearest(error, nearest(&nothing, known.iter().map(String::as_str)))
    })?;
    if chosen.is_empty() && !arguments.patterns.is_empty() {
        return Err(CommandError::no("no test fits what `-k` says").hint("it is held against `FILE::NAME`"));
    }
    Ok(chosen)
}

/// A selector as the project names its files; the caller may stand in another folder.
fn from_the_project(context: &Context<'_>, workspace: &Workspace<'_>, selector: &str) -> String {
    let (path, name) = match selector.split_once("::") {
        Some((path, name)) => (path, Some(name)),
        None => (selector, None),
    };
    let whole = context.surroundings.resolve(std::path::Path::new(path));
    let canonical = |path: &std::path::Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let inside = canonical(&whole)
        .strip_prefix(canonical(&workspace.root))
        .ok()
        .map(|path| path.to_string_lossy().replace('\\', "/"));
    let path = inside.unwrap_or_else(|| path.trim_start_matches("./").to_owned());
    name.map_or_else(|| path.clone(), |name| format!("{path}::{name}"))
}

/// The dialect of names in tests: that of `model_defaults`.
pub(super) fn names_dialect(side: &Side, workspace: &Workspace<'_>) -> Dialect {
    let settings = &side.project.settings;
    let defaults = settings.defaults_of(workspace.gateway(settings));
    defaults.get("dialect").and_then(|default| Dialect::from_name(&default.text)).unwrap_or(Dialect::Generic)
}

impl Prepared {
    /// Adds tests of a project.
    ///
    /// # Errors
    /// Git cannot be read.
    pub(super) fn of(
        mut self,
        context: &Context<'_>,
        workspace: &Workspace<'_>,
        side: Side,
        tests: &[&UnitTest],
    ) -> Result<Self, CommandError> {
        self.variants.push(Variant { variables: BTreeMap::new(), side, shapes: Shapes::new() });
        for test in tests {
            let variant = self.variant(workspace, test)?;
            self.add(context, workspace, (test, variant))?;
        }
        for (place, variant) in self.variants.iter_mut().enumerate() {
            let used = self.tests.iter().filter(|ready| ready.variant == place);
            let wanted: BTreeSet<ModelName> = used.flat_map(|ready| ready.inputs.keys().cloned()).collect();
            let engine = workspace.shapes_engine(&variant.side.project.settings)?;
            let mut session = engine.session().map_err(no_engine)?;
            variant.shapes = shapes(session.as_mut(), &variant.side.tree, &wanted);
        }
        self.problems = sorted(std::mem::take(&mut self.problems));
        Ok(self)
    }

    /// The project under the variables of a test; loaded once for all tests that have the same.
    fn variant(&mut self, workspace: &Workspace<'_>, test: &UnitTest) -> Result<usize, CommandError> {
        let wanted = &test.vars.variables;
        if let Some(known) = self.variants.iter().position(|variant| variant.variables == *wanted) {
            return Ok(known);
        }
        let side = workspace.side_with_variables(&self.variants[0].side.source, wanted)?;
        self.variants.push(Variant { variables: wanted.clone(), side, shapes: Shapes::new() });
        Ok(self.variants.len() - 1)
    }

    /// Adds a test, or what is wrong with it.
    fn add(
        &mut self,
        context: &Context<'_>,
        workspace: &Workspace<'_>,
        (test, variant): (&UnitTest, usize),
    ) -> Result<(), CommandError> {
        let side = &self.variants[variant].side;
        let known =
            Known { models: &side.tree.models, broken: &side.tree.broken, dialect: names_dialect(side, workspace) };
        let now = context.execution_time()?;
        let settings = &side.project.settings;
        let mut problems: Vec<Problem> = gateway_problem(test, settings).into_iter().collect();
        let times = test.times(now).map_err(|problem| problems.push(problem));
        let bound = bind(test, &known).map_err(|found| problems.extend(found));
        if let (Ok(times), Ok(bound), true) = (times, bound, problems.is_empty()) {
            let (model, inputs, ctes) = (bound.model, bound.inputs, bound.ctes);
            self.tests.push(Ready { test: test.clone(), model, inputs, ctes, times, variant });
        }
        self.problems.append(&mut problems);
        Ok(())
    }
}

fn gateway_problem(test: &UnitTest, settings: &Settings) -> Option<Problem> {
    let named = test.gateway.as_ref()?;
    let error = settings.known_gateway(&named.text).err()?;
    let problem = Problem::error("unknown-gateway", error.to_string()).at(&test.path);
    Some(problem.position(named.place.line, named.place.column))
}
