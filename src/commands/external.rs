//! `bot external`: the columns of the tables that the project reads and does not own, from the warehouse into
//! `external_models.yaml`. It reads the working tree, opens the warehouse for reading only, and writes that one file.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::Context;
use super::tree::one_tree;
use super::write::{Existing, write};
use crate::apply::engine_error;
use crate::cli::{ExternalArguments, OneTreeArguments};
use crate::error::{CommandError, CommandResult, Exit};
use crate::external::{ExternalTable, FILES, Rewritten, Standing, Target, rewrite, unowned};
use crate::ids::{EnvironmentName, FilePath, ModelName, TableName};
use crate::problem::has_errors;
use crate::render::{external as faces, visible};
use crate::settings::Settings;
use crate::sql::{DefaultCatalog, Dialect, within};
use crate::workspace::{Side, Workspace, state_error};

/// Writes the file where the warehouse has something else, or says with `--check` that it has.
///
/// # Errors
/// The warehouse cannot be opened, or the file cannot be changed in its place or written.
pub(super) fn run(context: &Context<'_>, arguments: &ExternalArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let side = workspace.side(&one_tree(&workspace, &OneTreeArguments { head: None, worktree: true })?)?;
    if has_errors(&side.problems) {
        context.output.talk(
            "the project has errors, so not every table that it reads is known; `bot plan --worktree` shows them",
        );
    }
    let file = file_of(&workspace.root);
    let settings = &side.project.settings;
    let catalog = workspace.default_catalog(settings);
    let target = target(&workspace, settings, catalog.as_ref());
    let wanted = wanted(context, &workspace, &side, &file)?;
    let wanted = wanted.into_iter().map(|name| within(name, target.catalog)).collect();
    let found = asked(context, &workspace, &side.project.settings, arguments, &wanted)?;
    let path = workspace.root.join(file.as_str());
    let text = read(&path)?;
    let refused = |error| CommandError::no(format!("`{file}` cannot be changed; nothing was written")).because(error);
    let Rewritten { text, changes } = rewrite(&text, target, &found).map_err(refused)?;
    context.output.data(&faces::terminal(&file, &changes, context.colour()));
    match (changes.is_empty(), arguments.check) {
        (true, _) => Ok(Exit::Done),
        (false, true) => Ok(Exit::No),
        (false, false) => {
            write(&workspace, &path, &text, Existing::Replaced)
                .map_err(|error| CommandError::failed(format!("cannot write `{file}`")).because(error))?;
            Ok(Exit::Done)
        }
    }
}

/// The file that is there, else the usual one.
fn file_of(root: &Path) -> FilePath {
    let found = FILES.into_iter().find(|name| fs::symlink_metadata(root.join(name)).is_ok());
    FilePath::new(found.unwrap_or(FILES[0]))
}

/// The tables that are asked about. What production shows as a model of this project is none, whoever still reads it.
fn wanted(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    side: &Side,
    file: &FilePath,
) -> Result<BTreeSet<ModelName>, CommandError> {
    let mut wanted = unowned(&side.tree, file);
    let state = workspace.state_to_read(&side.project.settings)?;
    let prod = state.environment(&EnvironmentName::prod()).map_err(state_error)?;
    wanted.retain(|name| {
        let is_ours = prod.as_ref().and_then(|prod| prod.models.get(name)).is_some_and(|model| model.table.is_some());
        if is_ours {
            let name = visible(&name.to_string());
            context.output.talk(&format!(
                "`{name}` is read and was a model of this project, so it is not declared; correct what reads it"
            ));
        }
        !is_ours
    });
    Ok(wanted)
}

/// Asks the warehouse; each table that it has not is told by its name.
fn asked(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    settings: &Settings,
    arguments: &ExternalArguments,
    wanted: &BTreeSet<ModelName>,
) -> Result<Vec<ExternalTable>, CommandError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let timeout = Duration::from_secs(arguments.lock_timeout);
    let engine = workspace.engine_to_read(settings, timeout)?;
    let failed = |error| engine_error("cannot ask the warehouse for columns", error);
    let mut session = engine.session().map_err(failed)?;
    let tables: Vec<TableName> = wanted.iter().map(|name| table_of(name, engine.dialect())).collect();
    let answers = session.columns_of(&tables).map_err(failed)?;
    let mut found = Vec::new();
    for (name, columns) in wanted.iter().zip(answers) {
        let Some(columns) = columns.filter(|columns| !columns.is_empty()) else {
            let name = visible(&name.to_string());
            context
                .output
                .talk(&format!("`{name}` is not in the warehouse, so what the file says of it stays as it is"));
            continue;
        };
        let columns = columns.into_iter().map(|column| (column.name, column.data_type)).collect();
        found.push(ExternalTable { name: name.clone(), columns });
    }
    Ok(found)
}

/// Where a name without a schema leads.
fn table_of(name: &ModelName, dialect: Dialect) -> TableName {
    let schema = if dialect == Dialect::Postgres { "public" } else { "main" };
    TableName {
        catalog: name.catalog().map(str::to_owned),
        schema: name.schema().unwrap_or(schema).to_owned(),
        name: name.table().to_owned(),
    }
}

fn target<'a>(workspace: &'a Workspace<'_>, settings: &'a Settings, catalog: Option<&'a DefaultCatalog>) -> Target<'a> {
    let gateway = workspace.gateway(settings);
    let is_default = gateway.is_none() || gateway == settings.gateway_name(None);
    let dialect = settings.defaults_of(gateway).get("dialect").and_then(|default| Dialect::from_name(&default.text));
    Target {
        dialect: dialect.unwrap_or(Dialect::Generic),
        gateway,
        catalog,
        standing: if is_default { Standing::Default } else { Standing::Other },
    }
}

/// The file's text; empty where there is none.
fn read(path: &Path) -> Result<String, CommandError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => Ok(String::new()),
        Err(error) => {
            Err(CommandError::failed(format!("cannot read `{}`", visible(&path.display().to_string()))).because(error))
        }
    }
}
