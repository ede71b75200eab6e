//! What doctor looks at in the configuration: its files, the gateway, what is passed over, and the project's problems.

use super::{error, failed, ok, warning};
use crate::git::Head;
use crate::problem::{Problem, Severity};
use crate::render::findings::Finding;
use crate::render::terminal::place;
use crate::settings::dotenv::DOTENV;
use crate::settings::{CONFIG_FILES, OWN_FILES, Settings};
use crate::workspace::{Side, Workspace, git_error};

const AREA: &str = "config";

/// Problems of the configuration that are told one by one.
const TOLD: usize = 20;

/// The project of what is checked out.
pub(super) fn project(workspace: &Workspace<'_>) -> Result<Side, Box<Finding>> {
    let commit = match workspace.git.head() {
        Ok(Head::Branch { commit, .. } | Head::Detached { commit }) => commit,
        Ok(Head::Unborn { .. }) => {
            let finding = error(AREA, "files", "nothing is committed yet, so there is no configuration to read");
            return Err(Box::new(finding.help("run `bot init` where there is no project yet, then commit")));
        }
        Err(error) => return Err(Box::new(failed(AREA, "files", &git_error(error)))),
    };
    let loaded = workspace.git.tree_of(&commit).map_err(git_error).and_then(|source| workspace.side(&source));
    loaded.map_err(|error| Box::new(failed(AREA, "files", &error)))
}

/// Everything about the configuration.
pub(super) fn look(workspace: &Workspace<'_>, side: &Side) -> Vec<Finding> {
    let settings = &side.project.settings;
    let mut found = files(workspace, side);
    if let Some(name) = workspace.gateway(settings) {
        let told = if name.is_empty() { "the one without a name".to_owned() } else { format!("`{name}`") };
        found.push(ok(AREA, "gateway", told));
    }
    if workspace.root.join(DOTENV).is_file() {
        let told =
            if workspace.reads_dotenv() { "is read" } else { "is not read in CI, whose workflow sets variables" };
        found.push(ok(AREA, "dotenv", format!("`{DOTENV}` {told}")));
    }
    let personal = workspace.personal_folder().into_iter();
    let personal = personal.flat_map(|folder| CONFIG_FILES.map(|name| folder.join(name))).filter(|path| path.is_file());
    found.extend(personal.map(|path| {
        warning(AREA, "personal", format!("`{}` is not read", path.display()))
            .help("set what it says by `SQLMESH__…` variables, in `.env` for example")
    }));
    if !settings.laid_over.is_empty() {
        let names: Vec<String> = settings.laid_over.iter().map(|name| format!("`{name}`")).collect();
        found.push(ok(AREA, "variables", format!("settings from environment variables: {}", names.join(", "))));
    }
    if !settings.passed_over.is_empty() {
        let keys: Vec<String> = settings.passed_over.iter().map(|key| format!("`{key}`")).collect();
        found.push(ok(AREA, "passed-over", format!("keys without meaning here: {}", keys.join(", "))));
    }
    found.extend(problems(side, settings));
    found
}

fn files(workspace: &Workspace<'_>, side: &Side) -> Vec<Finding> {
    let committed = |name: &str| side.project.files.keys().any(|path| path.as_str() == name);
    let names: Vec<&str> = CONFIG_FILES.iter().chain(&OWN_FILES).copied().collect();
    let here: Vec<String> =
        names.iter().copied().filter(|name| committed(name)).map(|name| format!("`{name}`")).collect();
    let uncommitted = names.iter().copied().filter(|name| !committed(name) && workspace.root.join(name).exists());
    let mut found: Vec<Finding> = uncommitted
        .map(|name| {
            warning(AREA, "files", format!("`{name}` is here and not committed, so it is not read"))
                .help("commit it, or say `--worktree`")
        })
        .collect();
    if !here.is_empty() {
        found.insert(0, ok(AREA, "files", here.join(", ")));
    }
    found
}

/// Those of the configuration itself one by one, those of models as a number: `bot plan` lists them.
fn problems(side: &Side, settings: &Settings) -> Vec<Finding> {
    let is_config = |problem: &&Problem| match &problem.path {
        None => true,
        Some(path) => settings.path.as_ref() == Some(path) || OWN_FILES.contains(&path.as_str()),
    };
    let (config, models): (Vec<&Problem>, Vec<&Problem>) = side.problems.iter().partition(is_config);
    let mut found: Vec<Finding> = config.iter().take(TOLD).map(|problem| told(problem)).collect();
    if config.len() > TOLD {
        found.push(
            warning(AREA, "problems", format!("{} more problems", config.len() - TOLD)).help("`bot plan` lists them"),
        );
    }
    let count = |severity| models.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let message = format!("{} models, {errors} errors, {warnings} warnings", side.tree.models.len());
    found.push(match (errors, warnings) {
        (0, 0) => ok(AREA, "models", message),
        (0, _) => warning(AREA, "models", message).help("`bot plan` lists them"),
        _ => error(AREA, "models", message).help("`bot plan` lists them"),
    });
    found
}

fn told(problem: &Problem) -> Finding {
    let place = place(problem).map_or_else(String::new, |place| format!("{place}: "));
    let message = format!("{place}{}", problem.message);
    let finding = match problem.severity {
        Severity::Error => error(AREA, problem.code, message),
        Severity::Warning => warning(AREA, problem.code, message),
        Severity::Info => ok(AREA, problem.code, message),
    };
    problem.help.iter().fold(finding, |finding, help| finding.help(help.clone()))
}
