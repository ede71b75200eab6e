//! Carries out the tables of a plan: fills what is missing, in graph order, several at once, and records each piece
//! after its commit, so that whoever runs next goes on from there.
//!
//! `task`, `fill`, `kinds` and `batches` know one table, `group` several at once, `board` and `schedule` the order, `views` the virtual
//! layer. This module never decides what is built; the plan did.

mod adopt;
mod audit;
mod batches;
mod beside_all;
mod board;
mod carry;
mod columns;
mod comments;
mod fault;
mod fill;
mod group;
mod history;
mod kinds;
mod laid;
mod own;
mod put;
mod schedule;
mod task;
mod views;
mod watch;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

pub use adopt::{AdoptError, Before, LoadedBySqlmesh, Stands, adopted, must_know, refuse_left, standing_under};
pub use audit::{Answer, Look, audit_late, audit_unfilled};
pub use beside_all::{BesideAll, Ready};
pub use comments::Comments;
pub use schedule::build_tables;
pub use views::{Layer, ViewPlan, granted, plan_views, view_names};
pub use watch::watched;

use crate::engine::{Dependents, Engine, EngineError, Fence};
use crate::error::CommandError;
use crate::files::FileTree;
use crate::fingerprint::Tree;
use crate::history::Who;
use crate::ids::{ModelName, PlanId, ProjectName, StateId, TableName};
use crate::naming::TableKey;
use crate::output::Output;
use crate::plan::Plan;
use crate::state::{Owner, State, WriteLease};
use crate::surroundings::Interruption;
use crate::time::{Interval, Timestamp};
use crate::turn::{Turns, Writer};

/// What filling tables needs.
pub struct Work<'a> {
    /// The models of the result.
    pub tree: &'a Tree,
    /// Their files, for seeds.
    pub files: &'a dyn FileTree,
    /// The warehouse.
    pub engine: &'a dyn Engine,
    /// What is remembered.
    pub state: &'a dyn State,
    /// The right to write it.
    pub lease: &'a WriteLease,
    /// Who the state is.
    pub state_id: &'a StateId,
    /// Whose the tables are.
    pub project: &'a ProjectName,
    /// The execution time of everything in this run.
    pub now: Timestamp,
    /// What this run is called in the state.
    pub run: &'a str,
    /// Who does it.
    pub who: &'a Who,
    /// Whose environment it is all done for.
    pub made_for: &'a Owner,
    /// Whose tables are left alone, and where the filled ones are to be shown.
    pub writer: &'a Writer<'a>,
    /// What tells the warehouse that the environment is ours; `None` where nobody else can write it.
    pub fence: Option<Fence>,
    /// The plan that is carried out.
    pub plan_id: &'a PlanId,
    /// Models filled at once.
    pub jobs: NonZeroUsize,
    /// How long tables are filled at most; `None` where they take the time that they take.
    pub limit: Option<Duration>,
    /// What happens to views of others upon ours.
    pub dependents: Dependents,
    /// Whether its views say what models are.
    pub comments: Comments,
    /// What runs before and after all of it.
    pub beside_all: &'a BesideAll,
    /// Where progress goes.
    pub output: &'a Output,
    /// A request to stop.
    pub interruption: &'a Interruption,
}

impl Work<'_> {
    /// What taking turns with others needs.
    pub fn turns(&self) -> Turns<'_> {
        let Self { state, lease, project, output, interruption, .. } = self;
        Turns { state: *state, lease, project, output, interruption }
    }
}

/// The physical table of every model that has one, as a plan points at them.
pub fn tables_of(plan: &Plan) -> BTreeMap<ModelName, TableName> {
    plan.targets.iter().filter_map(|target| Some((target.name.clone(), target.table.clone()?))).collect()
}

/// The identity of every table that a plan points at.
pub fn keys_of(plan: &Plan) -> BTreeMap<ModelName, TableKey> {
    let stored = plan.targets.iter().filter(|target| target.table.is_some());
    stored.map(|target| (target.name.clone(), target.key.clone())).collect()
}

/// The range that kinds without intervals see in `@start_*` and `@end_*`: everything up to now.
pub fn everything(now: Timestamp) -> Interval {
    Interval { start: Timestamp(0), end: Timestamp(now.0.max(1)) }
}

/// What an engine's refusal means to the caller: a failed model, a stop that was asked for, or a warehouse out of reach.
pub fn engine_error(what: &str, error: EngineError) -> CommandError {
    match &error {
        // Refused rather than failed: somebody must choose.
        EngineError::ForeignState { .. } | EngineError::Dependents { .. } => {
            CommandError::no(what.to_owned()).because(error)
        }
        EngineError::Denied { remedy, .. } => {
            let remedy = remedy.as_ref().map_or(String::new(), |remedy| format!("`{remedy}`; "));
            CommandError::failed(what.to_owned())
                .hint(format!("{remedy}`docs/permissions.md` tells what each command needs"))
                .because(error)
        }
        EngineError::Interrupted { .. } => CommandError::failed(format!("{what}: stopped as asked"))
            .hint("run the same command again: it goes on from where it was"),
        EngineError::Stopped { .. } => CommandError::failed(what.to_owned())
            .hint(
                "where it took too long, let it take longer (`postgres: {statement_timeout: SECONDS}` in `offshoot.yaml`, or \
                 what the server says of the role), or load less at once (`batch_size`)",
            )
            .because(error),
        EngineError::Locked { pid: Some(pid), .. } => CommandError::failed(what.to_owned())
            .hint(format!("process {pid} holds the file; wait for it, end it, or give more time with `--lock-timeout`"))
            .because(error),
        _ => CommandError::failed(what.to_owned()).because(error),
    }
}
