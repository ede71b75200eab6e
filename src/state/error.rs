//! Why a state refuses, or fails.

use std::time::Duration;

use super::lease::{Holder, Subject};
use super::record::{Owner, Version};
use super::transfer::LineError;
use crate::ids::{EnvironmentName, PlanId, StateId, TableName};
use crate::naming::TableKey;
use crate::time::Timestamp;

/// Why a state refuses, or fails.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another plan wrote the environment after it was read.
    #[error(
        "environment `{environment}` was changed by another plan (expected {}, found {}): plan it again",
        version(.expected.as_ref()), version(.found.as_ref())
    )]
    Conflict {
        /// The environment.
        environment: EnvironmentName,
        /// What was read; `None` where there was no environment.
        expected: Option<Version>,
        /// What is there; `None` where there is no environment.
        found: Option<Version>,
    },
    /// A second branch would land on a name that another one has.
    #[error("environment `{name}` belongs to {owner}, so {wanted_by} cannot have it: choose another with `--env NAME`")]
    NameTaken {
        /// The name.
        name: EnvironmentName,
        /// Whose it is.
        owner: Owner,
        /// Who else wants it.
        wanted_by: Owner,
    },
    /// An owner would get a second environment.
    #[error("{owner} has environment `{existing}` already, so `{wanted}` is not made: plan it again")]
    OwnerElsewhere {
        /// The owner.
        owner: Owner,
        /// The environment that it has.
        existing: EnvironmentName,
        /// The one that was to be made.
        wanted: EnvironmentName,
    },
    /// A promote of the environment began and was not settled.
    #[error(
        "a promote of environment `{environment}` (plan {plan_id}) is not finished: run `bot promote` to settle it"
    )]
    PromotePending {
        /// The environment.
        environment: EnvironmentName,
        /// The promote's plan id.
        plan_id: PlanId,
    },
    /// The journal has no such promote.
    #[error("the journal has no promote of environment `{environment}` with plan {plan_id}: it was settled already")]
    NoSuchPromote {
        /// The environment.
        environment: EnvironmentName,
        /// The plan id that was looked for.
        plan_id: PlanId,
    },
    /// A load of a table that nobody recorded.
    #[error("table of model `{model}` ({digest}) has no snapshot in the state: record it first", model = .0.model, digest = .0.digest().short(16))]
    UnknownTable(
        /// The table.
        TableKey,
    ),
    /// A table that is recorded in another place already: somebody who was configured otherwise made it meanwhile.
    #[error("its table is `{known}` by now, not `{wanted}`: another run made it meanwhile")]
    TableElsewhere {
        /// Where it was to be.
        wanted: Box<TableName>,
        /// Where it is.
        known: Box<TableName>,
    },
    /// Somebody else writes.
    #[error(
        "{} is writing the state; waited {:.1} s for it: let it finish, or wait longer with `--lock-timeout`",
        .holder.as_ref().map_or_else(|| "another process".into(), Holder::to_string), .waited.as_secs_f64()
    )]
    Busy {
        /// Who, where it could be read.
        holder: Option<Holder>,
        /// For how long we waited.
        waited: Duration,
    },
    /// Somebody else has what is to be held.
    #[error("{subject} is held by {holder} since {} UTC", .since.date_time())]
    Held {
        /// What they have of it.
        subject: Box<Subject>,
        /// Who.
        holder: Box<Holder>,
        /// Since when, by the store's clock.
        since: Timestamp,
    },
    /// The writer's session is over: it was not renewed in time, or somebody took its place.
    #[error(
        "this run may not write state `{location}` any more: it was not heard of for too long, or another took its place; \
         run it again, and it goes on from what is recorded"
    )]
    LeaseLost {
        /// Where the state is.
        location: String,
    },
    /// A write to a state that is open for reading, or not there.
    #[error("state `{location}` is open for reading only")]
    ReadOnly {
        /// Where the state is.
        location: String,
    },
    /// A lease of one state was shown to another.
    #[error("state {expected} was to be written under a lease of state {found}")]
    OtherState {
        /// The state that was to be written.
        expected: StateId,
        /// The state that the lease is for.
        found: StateId,
    },
    /// There is nothing to export.
    #[error("there is no state yet")]
    NoState,
    /// The connection was lost in the middle of what cannot be begun again.
    #[error("the connection to state `{location}` was lost in the middle of an export: run it again")]
    CutOff {
        /// Where the state is.
        location: String,
    },
    /// What is exported cannot be written down.
    #[error("the export cannot be written")]
    Unwritten {
        /// Why.
        source: std::io::Error,
    },
    /// A state that is to be taken up would mix with one that is there.
    #[error("state `{location}` is not empty")]
    NotEmpty {
        /// Where the state is.
        location: String,
    },
    /// A line of an exported state is not as it should be.
    #[error(transparent)]
    Line(LineError),
    /// A newer program made the tables.
    #[error("state `{location}` has schema version {found}, this program knows {known}: install a newer `bot`")]
    NewerSchema {
        /// Where the state is.
        location: String,
        /// Its version.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// An older program made the tables, and reading changes nothing.
    #[error(
        "state `{location}` has schema version {found}, this program reads {known}: run a command that writes, which \
         brings it there"
    )]
    OlderSchema {
        /// Where the state is.
        location: String,
        /// Its version.
        found: u32,
        /// The version that this program reads.
        known: u32,
    },
    /// The role may not do what is needed.
    #[error(
        "state `{location}`: {reason}; grant the role CONNECT on the database, USAGE on schema `{schema}` and SELECT, INSERT, UPDATE \
         and DELETE on its tables (SELECT is enough to plan), or let a role that may CREATE in the database make or migrate it"
    )]
    Denied {
        /// Where the state is.
        location: String,
        /// What the server says, which names what is missing.
        reason: String,
        /// The schema of the state.
        schema: String,
    },
    /// The connection was lost as a write was committed, and the server cannot tell what became of it.
    #[error(
        "the connection to state `{location}` was lost, and whether the last write is done is not known: run it again"
    )]
    Unknown {
        /// Where the state is.
        location: String,
    },
    /// A newer program made the fingerprints; reading is allowed, writing is not.
    #[error(
        "state `{location}` has fingerprints of algorithm {found}, this program makes {known}: it can plan, but not apply \
         or promote; install a newer `bot`"
    )]
    NewerAlgorithm {
        /// Where the state is.
        location: String,
        /// Its version.
        found: u64,
        /// The version of this program.
        known: u64,
    },
    /// What stands there is not our state.
    #[error(
        "`{location}` is no state of this program ({reason}): name another file in `state_connection`, or move it away"
    )]
    Foreign {
        /// Where the state was looked for.
        location: String,
        /// What was found.
        reason: String,
    },
    /// The state is damaged.
    #[error("state `{location}` is damaged ({reason}): put a copy back, or recover what prod is from the warehouse")]
    Damaged {
        /// Where the state is.
        location: String,
        /// What the store says.
        reason: String,
    },
    /// The store failed in another way.
    #[error("cannot {doing} state `{location}`")]
    Store {
        /// Such as `read` or `write`.
        doing: &'static str,
        /// Where the state is.
        location: String,
        /// What the store says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A version, or that there is none.
fn version(version: Option<&Version>) -> String {
    version.map_or_else(|| "no environment".into(), Version::to_string)
}
