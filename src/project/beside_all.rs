//! The statements of `before_all` and `after_all`, which are no model's: read by the macros that models have, and by names that
//! only an environment gives (`@this_env`, `@schemas`, `@views`). So they are read again whenever they run; when the project is
//! read, they are for mistakes.

use std::collections::BTreeMap;

use super::macros::{self, Expander, Names};
use super::python::{NO_MACROS, PythonMacros};
use super::split;
use super::value::Source;
use crate::ids::FilePath;
use crate::problem::{Positions, Problem, Severity};
use crate::settings::{CONFIG_FILES, Connection, DefaultProperty, Settings, Stage};
use crate::sql::{Dialect, Template, Token, tokenize};
use crate::yaml::Value;

/// What the statements know of an environment.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Its name.
    pub environment: String,
    /// Its schemas as SQL, quoted.
    pub schemas: Vec<String>,
    /// Its views as SQL, quoted.
    pub views: Vec<String>,
}

/// What begins a statement that would end with the session of its own that it has, with what is to be done instead.
const REFUSED: [(&str, &str); 18] = [
    ("abort", TRANSACTION),
    ("attach", "name the database in `catalogs` of the connection"),
    ("begin", TRANSACTION),
    ("commit", TRANSACTION),
    ("deallocate", SESSION),
    ("detach", "leave the database out of `catalogs` of the connection"),
    ("discard", SESSION),
    ("end", TRANSACTION),
    ("execute", SESSION),
    ("pragma", SESSION),
    ("prepare", SESSION),
    ("release", TRANSACTION),
    ("reset", SESSION),
    ("rollback", TRANSACTION),
    ("savepoint", TRANSACTION),
    ("set", SESSION),
    ("start", TRANSACTION),
    ("use", SESSION),
];
const TRANSACTION: &str = "leave it out: each statement is a transaction of its own";
const SESSION: &str =
    "each model has a session of its own; give it to them with `model_defaults: {pre_statements: […]}`";

/// What a statement of the configuration becomes, and where it stands.
pub type Expanded<'a> = (&'a DefaultProperty, Vec<Template>);

/// The statements of a stage without macros, for an environment, each with what is written.
///
/// # Errors
/// Everything that is wrong with them.
pub fn beside_all<'s>(
    (settings, gateway): (&'s Settings, Option<&str>),
    (stage, dialect): (Stage, Dialect),
    shown: &Shown,
) -> Result<Vec<Expanded<'s>>, Vec<Problem>> {
    expanded((settings, gateway), (stage, dialect), (shown, &NO_MACROS))
}

fn expanded<'s>(
    (settings, gateway): (&'s Settings, Option<&str>),
    (stage, dialect): (Stage, Dialect),
    (shown, python): (&Shown, &PythonMacros),
) -> Result<Vec<Expanded<'s>>, Vec<Problem>> {
    let path = settings.path.clone().unwrap_or_else(|| FilePath::new(CONFIG_FILES[0]));
    let mut variables = settings.variables_of(gateway);
    variables.insert("this_env".to_owned(), Value::Text(shown.environment.clone()));
    let list = |items: &[String]| format!("[{}]", items.join(", "));
    let lists = [("schemas", list(&shown.schemas)), ("views", list(&shown.views))];
    let locals: BTreeMap<String, String> = lists.map(|(name, list)| (name.to_owned(), list)).into();
    let catalog = settings.connection(gateway).ok().and_then(Connection::default_catalog);
    let names = Names {
        locals: &locals,
        gateway: settings.gateway_name(gateway),
        catalog: catalog.as_ref(),
        python,
        ..Names::over(&variables)
    };
    let (mut expanded, mut problems) = (Vec::new(), Vec::new());
    let statements = settings.statements(stage);
    // Items of a list have no place of their own.
    let which = |place: usize| match statements.len() {
        1 => String::new(),
        _ => format!(" (statement {} of `{}`)", place + 1, stage.key()),
    };
    for (place, statement) in statements.iter().enumerate() {
        let positions = Positions::default();
        let source = Source { path: &path, text: &statement.text, positions: &positions, fixed: Some(statement.place) };
        match one(source, (stage, dialect), names) {
            Ok(templates) => expanded.push((statement, templates)),
            Err(wrong) => problems.extend(wrong.into_iter().map(|problem| {
                let message = format!("{}{}", problem.message, which(place));
                Problem { message, ..problem }
            })),
        }
    }
    if problems.is_empty() { Ok(expanded) } else { Err(problems) }
}

/// What is wrong with them in production or in any other environment.
pub(super) fn mistakes(settings: &Settings, gateway: Option<&str>, python: &PythonMacros) -> Vec<Problem> {
    let connection = settings.connection(gateway).ok();
    let dialect = connection.and_then(|connection| Dialect::from_name(&connection.kind)).unwrap_or(Dialect::Generic);
    let shown = |environment: &str| Shown {
        environment: environment.to_owned(),
        schemas: vec!["s".to_owned()],
        views: vec!["s.v".to_owned()],
    };
    let environments = ["prod", "dev"].map(shown);
    let stages = [Stage::Before, Stage::After];
    let each = stages.iter().flat_map(|stage| environments.iter().map(move |shown| (*stage, shown)));
    let wrong = |(stage, shown)| expanded((settings, gateway), (stage, dialect), (shown, python)).err();
    each.filter_map(wrong).flatten().collect()
}

/// One statement; with `@EACH` alone it is one for each item.
fn one(
    source: Source<'_>,
    (stage, dialect): (Stage, Dialect),
    names: Names<'_>,
) -> Result<Vec<Template>, Vec<Problem>> {
    let key = stage.key();
    let refused = |message: String, help: &str| vec![source.error("invalid-statement", 0, message).help(help)];
    if !macros::blocks(source.text).is_empty() {
        let message = format!("a statement of `{key}` has a Jinja block");
        return Err(refused(message, "write it with `@` macros"));
    }
    let tokens = tokenize(source.text, dialect).map_err(|error| {
        let message = format!("a statement of `{key}` cannot be cut into words: {}", error.message.to_lowercase());
        refused(message, "close the string, quoted name or comment")
    })?;
    let statements = split::statements(&tokens);
    let [statement] = statements.as_slice() else {
        let message = format!("one statement is expected in each item of `{key}`, there are {}", statements.len());
        return Err(refused(message, "give a list with one statement in each item"));
    };
    let mut expander = Expander::new(source, dialect, names).at_the_stage(key);
    if expander.define(statement) {
        let message = format!("`@DEF` in `{key}` would hold nowhere else");
        return Err(refused(message, "write a variable in `variables`"));
    }
    let templates = expander.statements(statement);
    // Nobody sees a warning of what runs.
    let problems = std::mem::take(&mut expander.problems).into_iter();
    let mut problems: Vec<Problem> = problems.map(|problem| Problem { severity: Severity::Error, ..problem }).collect();
    problems.extend(templates.iter().filter_map(|template| {
        let (word, help) = refusal(&tokenize(&template.text(), dialect).ok()?)?;
        let message = format!("`{word}` cannot stand in `{key}`, where each statement has a session of its own");
        Some(source.error("invalid-statement", 0, message).help(help))
    }));
    if problems.is_empty() { Ok(templates) } else { Err(problems) }
}

/// What in a statement cannot be, and what to do instead.
fn refusal(tokens: &[Token]) -> Option<(String, &'static str)> {
    let mut words = tokens.iter().filter(|token| token.is_significant());
    let first = words.next()?;
    if let Some((word, help)) = REFUSED.iter().find(|(word, _)| first.is_word(word)) {
        return Some((word.to_uppercase(), help));
    }
    let of_session = ["temp", "temporary"];
    let next = words.find(|token| !["or", "replace", "local", "global"].iter().any(|word| token.is_word(word)));
    if first.is_word("create") && next.is_some_and(|next| of_session.iter().any(|word| next.is_word(word))) {
        return Some(("CREATE TEMP".to_owned(), SESSION));
    }
    // Several in one go would hide all but the first.
    let is_several = tokens.iter().any(|token| token.is_symbol(";"));
    is_several.then(|| (";".to_owned(), "give a list with one statement in each item"))
}
