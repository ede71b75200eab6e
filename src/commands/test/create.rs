//! `bot test --create`: a test of a model from rows of the warehouse. Its parents' rows are read, its query runs over them in
//! memory, and what comes is what the test expects.

use std::time::Duration;

use super::one::{self, Refused};
use super::prepare::{Prepared, Variant, names_dialect, tell_errors};
use super::shapes::ShapeColumn;
use super::{Context, no_engine, tell};
use crate::apply::engine_error;
use crate::cli::TestArguments;
use crate::commands::find::model_named;
use crate::commands::write::{self as file, Existing};
use crate::engine::{Rest, Rows, Session};
use crate::error::{CommandError, CommandResult, Exit};
use crate::files::TextTree;
use crate::ids::{FilePath, ModelName};
use crate::model::KindName;
use crate::problem::has_errors;
use crate::project::model_name;
use crate::sql::Dialect;
use crate::statement::{ColumnType, quote_identifier};
use crate::unit_test::{Draft, DraftRows, Ending, StatedTypes, is_test_file, read, reads, write};
use crate::workspace::{Side, Workspace};

/// The most rows that a test is made from.
const MOST_ROWS: usize = 1_000;

/// Writes the test.
///
/// # Errors
/// There is no such model, the warehouse refuses a query, the file is there already, or the model does not run on DuckDB.
pub(super) fn run(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    arguments: &TestArguments,
    model: &str,
) -> CommandResult {
    let source = workspace.working_tree()?;
    let side = workspace.side(&source)?;
    tell_errors(context, &side);
    let name = model_named(side.tree.models.keys(), &side.tree.broken, model)?.clone();
    if side.tree.models.get(&name).is_some_and(|model| model.is_stand_in()) {
        return Err(CommandError::no(format!("`{name}` cannot run here, so no test of it can be made"))
            .hint("`bot plan` says why it cannot"));
    }
    let test_name = arguments.name.clone().unwrap_or_else(|| format!("test_{}", name.table()));
    let path = path_of(arguments, &test_name)?;
    let file = workspace.root.join(path.as_str());
    if file.exists() && !arguments.overwrite {
        return Err(CommandError::no(format!("`{path}` is there already"))
            .hint("name another file with `--path`, or write over it with `--overwrite`"));
    }
    let vars = arguments.var.iter().map(|text| variable(text)).collect::<Result<Vec<_>, _>>()?;
    let inputs = inputs(workspace, (&side, &name), arguments)?;
    let model = written(&name, names_dialect(&side, workspace));
    let mut draft = Draft { name: test_name, model, inputs, vars, ..Draft::default() };
    let prepared = prepared(context, workspace, side, (&mut draft, &path))?;
    let [ready] = prepared.tests.as_slice() else {
        tell(context, &prepared.problems);
        return Err(CommandError::no(format!("no test of `{name}` can be made")));
    };
    let variant = &prepared.variants[ready.variant];
    let engine = workspace.test_engine(&variant.side.project.settings, None, ready.model.dialect)?;
    let mut session = engine.session().map_err(no_engine)?;
    let (query, ctes) = one::results(session.as_mut(), ready, variant).map_err(refused)?;
    draft.query = rows_of("query", query);
    if arguments.include_ctes {
        draft.ctes = ctes.into_iter().map(|(name, rows)| rows_of(&name, rows)).collect();
    }
    let existing = if arguments.overwrite { Existing::Replaced } else { Existing::Kept };
    file::write(workspace, &file, &write(&draft), existing)
        .map_err(|error| CommandError::failed(format!("cannot write `{path}`")).because(error))?;
    context.output.data(&format!("created  {}\n", crate::render::visible(path.as_str())));
    context.output.talk("Read what it expects: it is what the query gives now, whether that is right or not.");
    Ok(Exit::Done)
}

/// The file of a test, where `bot test` and SQLMesh find it.
fn path_of(arguments: &TestArguments, name: &str) -> Result<FilePath, CommandError> {
    let mut written = arguments.path.clone().unwrap_or_else(|| name.to_owned());
    if !written.ends_with(".yaml") && !written.ends_with(".yml") {
        written.push_str(".yaml");
    }
    let inside = written.trim_start_matches("./").trim_start_matches("tests/");
    let is_plain =
        inside.split('/').all(|part| !matches!(part, "" | "." | "..")) && !inside.contains(['\\', ':', '\0']);
    let path = FilePath::new(format!("tests/{inside}"));
    if is_plain && is_test_file(&path) {
        return Ok(path);
    }
    Err(CommandError::no(format!("no test is found in `{written}`"))
        .hint("give a file below `tests/` whose name begins with `test`, with `--path`"))
}

fn variable(text: &str) -> Result<(String, String), CommandError> {
    let pair = text.split_once('=').filter(|(name, _)| !name.trim().is_empty());
    let (name, value) = pair.ok_or_else(|| CommandError::no(format!("`--var {text}` is not NAME=VALUE")))?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// What the model's parents hold in the warehouse.
fn inputs(
    workspace: &Workspace<'_>,
    (side, model): (&Side, &ModelName),
    arguments: &TestArguments,
) -> Result<Vec<DraftRows>, CommandError> {
    let mut parents = side.tree.models.get(model).map(|model| reads(model, &side.tree.models)).unwrap_or_default();
    // Its own table is empty at first.
    parents.remove(model);
    let queries = queries(workspace, side, arguments)?;
    if let Some((strange, _)) = queries.iter().find(|(name, _)| !parents.contains(name)) {
        let known = parents.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(CommandError::no(format!("`{model}` does not read `{strange}`")).hint(format!("it reads {known}")));
    }
    if parents.is_empty() {
        return Ok(Vec::new());
    }
    let settings = &side.project.settings;
    let patience = Duration::from_secs(arguments.lock_timeout);
    let dialect = names_dialect(side, workspace);
    let engine = workspace.engine_to_read(settings, patience)?;
    let mut session = engine.session().map_err(|error| engine_error("cannot open the warehouse", error))?;
    let one = |parent: &ModelName| {
        let given = queries.iter().find(|(name, _)| name == parent).map(|(_, sql)| sql.clone());
        let kind = side.tree.models.get(parent).map(|model| model.kind.name());
        if given.is_none() && kind == Some(KindName::Embedded) {
            return Err(CommandError::no(format!("`{parent}` is EMBEDDED, so the warehouse shows no rows of it"))
                .hint(format!("give a query for them: `--query {parent} 'SELECT …'`")));
        }
        let sql = given.unwrap_or_else(|| first_rows(session.dialect(), parent));
        let found = rows(session.as_mut(), (parent, kind), &sql)?;
        refuse_unions(parent, &found.columns)?;
        Ok(rows_of(&written(parent, dialect), found))
    };
    parents.iter().map(one).collect()
}

fn queries(
    workspace: &Workspace<'_>,
    side: &Side,
    arguments: &TestArguments,
) -> Result<Vec<(ModelName, String)>, CommandError> {
    let dialect = names_dialect(side, workspace);
    let one = |pair: &[String]| match pair {
        [name, sql] => model_name(name, dialect).map(|name| (name, sql.clone())).map_err(CommandError::no),
        _ => Err(CommandError::no("`--query` takes a model and a query")),
    };
    arguments.query.chunks(2).map(one).collect()
}

/// The first rows of what production shows under a name.
fn first_rows(dialect: Dialect, name: &ModelName) -> String {
    let parts: Vec<String> = name.parts().iter().map(|part| quote_identifier(dialect, part)).collect();
    format!("SELECT * FROM {} LIMIT 10", parts.join("."))
}

/// A name as tests write it: in quotes where it would be read as another one.
fn written(name: &ModelName, dialect: Dialect) -> String {
    let is_plain = |part: &str| part.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
    let part = |part: &String| match is_plain(part) && dialect.fold(part, false) == *part {
        true => part.clone(),
        false => format!("\"{}\"", part.replace('"', "\"\"")),
    };
    name.parts().iter().map(part).collect::<Vec<_>>().join(".")
}

fn rows(
    session: &mut dyn Session,
    (parent, kind): (&ModelName, Option<KindName>),
    sql: &str,
) -> Result<Rows, CommandError> {
    let found = session.query_first(sql, MOST_ROWS).map_err(|error| {
        let shown = match kind {
            None | Some(KindName::External) => "",
            Some(_) => "where production does not show it yet, `bot promote` it first; else ",
        };
        CommandError::no(format!("the warehouse gives no rows of `{parent}`"))
            .because(error)
            .hint(format!("{shown}give a query for them: `--query {parent} 'SELECT …'`"))
    })?;
    if found.rest == Rest::More {
        return Err(CommandError::no(format!("the query for `{parent}` gives more than {MOST_ROWS} rows"))
            .hint("a test needs a few: add a LIMIT or a WHERE"));
    }
    Ok(found)
}

/// A value of a DuckDB UNION is told without its member, so it would be read back as another one's.
fn refuse_unions(parent: &ModelName, columns: &[ColumnType]) -> Result<(), CommandError> {
    let Some(union) = columns.iter().find(|column| column.data_type.contains("UNION(")) else { return Ok(()) };
    let (name, data_type) = (&union.name, &union.data_type);
    Err(CommandError::no(format!("a test cannot hold values of column `{name}` of `{parent}`, which is {data_type}"))
        .hint(format!("give a query without it: `--query {parent} 'SELECT …'`")))
}

fn rows_of(name: &str, found: Rows) -> DraftRows {
    DraftRows { name: name.to_owned(), columns: found.columns, rows: found.rows, types: StatedTypes::No }
}

/// The draft, read as its file will be. Parents whose types nobody knows state them.
fn prepared(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    side: Side,
    (draft, path): (&mut Draft, &FilePath),
) -> Result<Prepared, CommandError> {
    let dialect = names_dialect(&side, workspace);
    let settings = &side.project.settings;
    let is_duckdb = settings.connection(workspace.gateway(settings)).is_ok_and(|found| found.kind == "duckdb");
    let mut prepared = of_draft(context, workspace, side, (draft, path))?;
    let Prepared { tests, variants, .. } = &mut prepared;
    let Some(ready) = tests.first_mut() else { return Ok(prepared) };
    let Variant { side, shapes, .. } = &variants[ready.variant];
    for input in &mut draft.inputs {
        let fixture = ready.inputs.iter_mut().find(|(name, _)| written(name, dialect) == input.name);
        let Some((name, fixture)) = fixture else { continue };
        let shape = shapes.get(name);
        if let Some(shape) = shape {
            let kind = side.tree.models.get(name).map(|model| model.kind.name());
            refuse_unknown_columns((name, kind), shape, &input.columns)?;
        }
        let is_typed = |shape: &Vec<ShapeColumn>| shape.iter().all(|column| column.data_type.is_some());
        if is_duckdb && !shape.is_some_and(is_typed) {
            // Only DuckDB's own words for types mean the same when the test runs.
            input.types = StatedTypes::Yes;
            let types = input.columns.iter().map(|column| (column.name.to_lowercase(), column.data_type.clone()));
            fixture.columns = types.collect();
        }
    }
    Ok(prepared)
}

/// Refuses columns that the warehouse has and the working tree has not: no test can have rows of them.
fn refuse_unknown_columns(
    (name, kind): (&ModelName, Option<KindName>),
    shape: &[ShapeColumn],
    found: &[ColumnType],
) -> Result<(), CommandError> {
    let is_known = |column: &&ColumnType| shape.iter().any(|known| known.name.eq_ignore_ascii_case(&column.name));
    let Some(unknown) = found.iter().find(|column| !is_known(column)) else { return Ok(()) };
    let way = match kind {
        Some(KindName::External) => "let `bot external` declare it",
        _ => "promote what the working tree says of it",
    };
    let message = format!("the warehouse's `{name}` has a column `{}`, and the project's has not", unknown.name);
    Err(CommandError::no(message).hint(format!("{way}, or give a query without it: `--query {name} 'SELECT …'`")))
}

fn of_draft(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    side: Side,
    (draft, path): (&Draft, &FilePath),
) -> Result<Prepared, CommandError> {
    let tree: TextTree = [(path.to_string(), write(draft))].into_iter().collect();
    let mut prepared = Prepared::default();
    let tests = read(&tree, path, (&Default::default(), &Default::default()), &mut prepared.problems);
    let prepared = prepared.of(context, workspace, side, &tests.iter().collect::<Vec<_>>())?;
    if has_errors(&prepared.problems) {
        return Ok(Prepared { tests: Vec::new(), ..prepared });
    }
    Ok(prepared)
}

fn refused(refused: Refused) -> CommandError {
    match refused.ending() {
        Ok(Ending::Error(trouble)) => {
            let error = CommandError::no("the model's query does not run over these rows").because(trouble.message);
            trouble.help.into_iter().fold(error, CommandError::hint)
        }
        Ok(Ending::CannotRun { why }) => CommandError::no("the model cannot be tested here").because(why),
        Ok(_) => CommandError::no("the model cannot be tested here"),
        Err(error) => no_engine(error),
    }
}
