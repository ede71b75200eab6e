//! `bot query`: a person's query in which model names mean what one environment shows.
//!
//! `question` lets only queries through, `names` puts the environment's views in the place of model names. The warehouse
//! is opened for reading only, so nothing that gets past them can write.

mod names;
mod question;

use std::time::Duration;

use super::Context;
use super::environments::{find, not_there};
use crate::apply::{engine_error, watched};
use crate::cli::{QueryArguments, RowFormat};
use crate::engine::{self, EngineError, OpenMode, Rest, Session};
use crate::error::{CommandError, CommandResult, Exit};
use crate::ids::EnvironmentName;
use crate::planning;
use crate::render::table;
use crate::state::{Environment, State, Status};
use crate::surroundings::Interruption;
use crate::workspace::{Workspace, state_error};
use question::Question;

/// Runs the query and prints its rows.
///
/// # Errors
/// It is no query, the environment is not there, or the engine refuses.
pub(super) fn run(context: &Context<'_>, arguments: &QueryArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let project = workspace.project_here()?;
    let timeout = Duration::from_secs(arguments.lock_timeout);
    let engine = workspace.engine(&project.settings, OpenMode::ReadOnly, timeout)?;
    let catalog = workspace.default_catalog(&project.settings);
    let question = Question::parse(&arguments.sql, engine.dialect(), catalog.as_ref())?;
    let state = workspace.state_to_read(&project.settings)?;
    let environment = environment(&workspace, state.as_ref(), arguments.environment.as_deref())?;
    if environment.about.status == Status::Building {
        let name = &environment.about.name;
        context.output.talk(&format!("{name}: its last plan is not through; what is shown is what stood before it"));
    }
    let prod = match environment.about.name.is_prod() {
        true => None,
        false => state.environment(&EnvironmentName::prod()).map_err(state_error)?,
    };
    let body = names::resolve(&workspace, &environment, prod.as_ref(), &question.query, engine.dialect())?;
    for name in names::doubtful(&environment, &question.query) {
        context.output.talk(&format!(
            "the query is not understood in full: `{name}` may be another table than the environment's; write it after FROM or JOIN"
        ));
    }
    let sql = format!("{}{body}", question.prefix);
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    let mut session = engine.session().map_err(|error| engine_error("cannot open the warehouse", error))?;
    let rows = ask(session.as_mut(), &sql, limit, context.surroundings.interruption()).map_err(refused)?;
    drop(session);
    if rows.rest == Rest::More {
        context.output.talk(&format!("only the first {limit} rows are shown; `--limit 0` shows all"));
    }
    print(context, arguments.format, rows);
    Ok(Exit::Done)
}

/// The environment by name, else the one of what is checked out.
pub(super) fn environment(
    workspace: &Workspace<'_>,
    state: &dyn State,
    wanted: Option<&str>,
) -> Result<Environment, CommandError> {
    let found = match wanted {
        Some(wanted) => find(state, wanted)?,
        None => {
            let name = planning::environment_here(workspace, state)?;
            state.environment(&name).map_err(state_error)?.ok_or_else(|| not_there(&name))?
        }
    };
    // Its first plan began and did not end: there is nothing to ask yet.
    if found.models.is_empty() && found.about.status == Status::Building {
        return Err(not_there(&found.about.name));
    }
    Ok(found)
}

/// Runs the query, and stops it when the process is asked to stop.
pub(super) fn ask(
    session: &mut dyn Session,
    sql: &str,
    limit: usize,
    interruption: &Interruption,
) -> Result<engine::Rows, EngineError> {
    watched(session.interrupter(), interruption, || session.query_first(sql, limit))
}

/// A query that the engine refuses is the caller's; anything else is a failure.
fn refused(error: EngineError) -> CommandError {
    match error {
        EngineError::Statement { message, .. } => CommandError::no("the engine refuses the query").because(message),
        EngineError::Interrupted { .. } => CommandError::failed("stopped as asked"),
        error => engine_error("the query failed", error),
    }
}

fn print(context: &Context<'_>, format: RowFormat, found: engine::Rows) {
    let types: Vec<String> = found.columns.iter().map(|column| column.data_type.clone()).collect();
    let cells = |row: engine::Cells| {
        let cells = row.into_iter().enumerate();
        cells.map(|(index, text)| table::Cell::typed(text, types.get(index).map_or("", String::as_str))).collect()
    };
    let rows = table::Rows {
        columns: found.columns.iter().map(|column| column.name.clone()).collect(),
        rows: found.rows.into_iter().map(cells).collect(),
        more: if found.rest == Rest::More { table::More::Yes } else { table::More::No },
    };
    context.output.data(&match format {
        RowFormat::Table => table::table(&rows, context.colour()),
        RowFormat::Csv => table::csv(&rows),
        RowFormat::Json => table::json(&rows),
    });
}
