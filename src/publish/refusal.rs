//! Why views were not changed, and what that means to the caller.

use super::wall;
use crate::apply::engine_error;
use crate::engine::{Breach, EngineError, Foreign, ForeignObject, ViewOfOther};
use crate::error::CommandError;
use crate::ids::TableName;

/// Why views were not changed.
pub(super) enum PublishError {
    Engine(EngineError),
    InTheWayOfApply(Vec<ForeignObject>),
    OfAnother(Vec<ViewOfOther>),
    OneView(Vec<(TableName, TableName)>),
    InTheWayOfPromote { run: String, foreign: Vec<ForeignObject> },
    Breached { outsider: String, breaches: Vec<Breach> },
}

impl PublishError {
    pub(super) fn in_the_way(run: &str, foreign: Vec<ForeignObject>) -> Self {
        Self::InTheWayOfPromote { run: run.to_owned(), foreign }
    }
}

impl From<EngineError> for PublishError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<PublishError> for CommandError {
    fn from(error: PublishError) -> Self {
        match error {
            // A view whose text the engine does not take is a mistake in the project.
            PublishError::Engine(error @ EngineError::Statement { .. }) => {
                Self::no("no view was changed, because one of them cannot be made").because(error)
            }
            PublishError::Engine(error) => engine_error("the views were not changed", error),
            PublishError::OfAnother(taken) => of_another(&taken),
            PublishError::OneView(twice) => {
                let told: Vec<String> = twice.iter().map(|(one, other)| format!("`{one}` and `{other}`")).collect();
                Self::no(format!("no view was changed: these are one view: {}", told.join("; ")))
                    .hint("a name without a catalog stands in the warehouse's own; rename one of the models")
            }
            PublishError::Breached { outsider, breaches } => wall::told(&outsider, &breaches),
            PublishError::InTheWayOfApply(foreign) => {
                in_the_way(&foreign).hint("rename or drop it, or choose another environment name with `--env NAME`")
            }
            PublishError::InTheWayOfPromote { run, foreign } => in_the_way(&foreign)
                .hint(format!("rename or drop it, or let `{run} --take-over` rename it to `<name>__before_offshoot`")),
        }
    }
}

fn of_another(taken: &[ViewOfOther]) -> CommandError {
    let told = taken.iter().map(|ViewOfOther { view, project, environment }| match project {
        None => format!("`{view}` of `{environment}`"),
        Some(project) if project.as_str().is_empty() => format!("`{view}` of `{environment}` of another project"),
        Some(project) => format!("`{view}` of `{environment}` of project `{project}`"),
    });
    let told: Vec<String> = told.collect();
    let hint = if taken.iter().any(|taken| taken.project.is_some()) {
        "rename the model, give each project a warehouse of its own, or leave `project` in `config.yaml` as it was"
    } else if taken.iter().any(|taken| taken.environment.is_prod()) {
        "choose another environment name with `--env NAME`, or rename the model"
    } else {
        "rename the model, or drop that environment with `bot env drop NAME`"
    };
    CommandError::no(format!(
        "no view was changed: another environment has views of the same names: {}",
        told.join(", ")
    ))
    .hint(hint)
}

fn in_the_way(foreign: &[ForeignObject]) -> CommandError {
    let told = foreign.iter().map(|object| {
        let why = match object.why {
            Foreign::NotOurs => "was not made by this program",
            Foreign::Changed => "was changed since this program made it",
        };
        format!("{} `{}` {why}", object.kind.text(), object.name)
    });
    let list: Vec<String> = told.collect();
    CommandError::no(format!("no view was changed, because something foreign is in the way: {}", list.join("; ")))
}
