//! What this program remembers between runs: environments with their history, tables and the intervals loaded into them,
//! builds, and the journal of promotes that are not finished.
//!
//! [`State`] is what an implementation must do; `tests/it/state_conformance.rs` is the suite that each one runs.
//! Rules that hold for all of them:
//! * a state handle belongs to one project; no row holds an absolute path or a machine's name;
//! * every write takes a [`WriteLease`], the session of a writer, and checks within its own transaction that it goes on
//!   ([`StateError::LeaseLost`]); every call is one transaction: done wholly, or not at all;
//! * a write that depends on an environment that was read compares its [`Version`] first ([`StateError::Conflict`]);
//! * times and random ids are arguments; nothing here asks a clock what to store. Only sessions and what they hold live by
//!   the store's own clock and random ids, because writers on many machines share nothing else.
//!
//! This module alone knows `rusqlite`. It never touches a warehouse.

mod error;
mod lease;
mod ledger;
mod postgres;
mod promoted;
mod record;
mod sqlite;
mod store;
mod transfer;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::time::Duration;

pub use error::StateError;
pub use lease::{Asking, Claim, FencingToken, Holder, Subject, WriteLease, Writers};
pub use ledger::{Ledger, LoadedInterval};
pub use postgres::{Place as PostgresPlace, PostgresState, Terms};
pub use promoted::{Promoted, PromotedTable};
pub use record::{
    About, Allowance, AuditResult, Build, Column, Computed, Environment, Fact, Forgotten, HistoryEntry, Identity,
    InputRead, Load, NewEntry, Others, Owner, PendingPromote, Pointer, Restatement, ShownView, Snapshot, Status, Table,
    Version, ViewStep, VirtualView, decisions_of,
};
pub use sqlite::SqliteState;
/// The newest version of the tables that this program knows.
pub const NEWEST_SCHEMA: u32 = store::NEWEST;
pub use transfer::{End, FORMAT, Header, HeldBack, LineError, Lines, Past, Record, Unreferenced};
pub use upgrade::{Renewed, RenewedTree, Shown, Stand, Upgrade};

use crate::decision::{Decision, Decisions};
use crate::ids::{CommitId, EnvironmentName, Login, ModelName, PlanId, StateId, TableName};
use crate::naming::TableKey;
use crate::rollback::Hold;
use crate::time::{Interval, Timestamp};

/// What a state is opened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For `plan`: a missing state reads as empty, and nothing is created or changed.
    ReadOnlyIfExists,
    /// To write: what a state lies in (folder, file, tables) is made where it is missing, an old schema is migrated.
    Write {
        /// The random id that a state gets which is made now.
        state: StateId,
        /// The version of the fingerprints that this program makes.
        algorithm_version: u64,
    },
}

/// Begins to give the records of a file from its first line on; it may be asked again where a store begins anew.
pub type Records<'a> = dyn FnMut() -> Result<Box<dyn Iterator<Item = Result<Record, LineError>> + 'a>, LineError> + 'a;

/// A state of one project. Reads take many keys at once, so that a plan is a handful of round trips.
pub trait State: Send + Sync {
    /// Who this state is; `None` where there is none yet.
    ///
    /// # Errors
    /// The store cannot be read.
    fn identity(&self) -> Result<Option<Identity>, StateError>;

    /// Begins a writer's session, and waits up to `timeout` for it where the store has one writer at a time; `doing` (such
    /// as `bot apply`) is what others are told meanwhile.
    ///
    /// # Errors
    /// Somebody else writes for longer than that, or the state is open for reading only.
    fn lease(&self, doing: &str, timeout: Duration) -> Result<WriteLease, StateError>;

    /// Takes what one writer at a time may have, or says who has it. What a session had that is over is taken over, and the
    /// session cannot write any more. The call does not wait: ask again.
    ///
    /// # Errors
    /// [`StateError::Held`], by another session or by this one, or one that came first; [`StateError::LeaseLost`].
    fn claim(&self, lease: &WriteLease, subject: &Subject, asking: Asking) -> Result<Claim, StateError>;

    /// What is held now, by whom and since when (by the store's clock); the oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn claims(&self) -> Result<Vec<(Subject, Holder, Timestamp)>, StateError>;

    /// Every environment without its models, by name.
    ///
    /// # Errors
    /// The store cannot be read.
    fn environments(&self) -> Result<Vec<About>, StateError>;

    /// The environment of a name and the one that belongs to an owner, without their models: two at most, in no order.
    ///
    /// # Errors
    /// The store cannot be read.
    fn named_or_owned(&self, name: &EnvironmentName, owner: &Owner) -> Result<Vec<About>, StateError>;

    /// One environment with its models.
    ///
    /// # Errors
    /// The store cannot be read.
    fn environment(&self, name: &EnvironmentName) -> Result<Option<Environment>, StateError>;

    /// What an environment was, newest first, at most `limit` entries.
    ///
    /// # Errors
    /// The store cannot be read.
    fn history(&self, name: &EnvironmentName, limit: usize) -> Result<Vec<HistoryEntry>, StateError>;

    /// What is known of tables: their snapshots and what was loaded into them. Unknown keys are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    fn tables(&self, keys: &[TableKey]) -> Result<BTreeMap<TableKey, Table>, StateError>;

    /// Which of these tables other environments show, or are about to; one round trip, however many environments there are.
    ///
    /// # Errors
    /// The store cannot be read.
    fn shown_by(&self, others: Others<'_>, tables: &[TableName]) -> Result<BTreeSet<TableName>, StateError>;

    /// Says that an environment is about to show these tables. Until the session ends others count that as shown.
    ///
    /// # Errors
    /// The store cannot be written.
    fn announce(
        &self,
        lease: &WriteLease,
        environment: &EnvironmentName,
        tables: &[TableName],
    ) -> Result<(), StateError>;

    /// The models that have a table under any fingerprint.
    ///
    /// # Errors
    /// The store cannot be read.
    fn built_models(&self) -> Result<BTreeSet<ModelName>, StateError>;

    /// The last builds of models whatever their fingerprint, newest first, at most `each` of a model.
    ///
    /// # Errors
    /// The store cannot be read.
    fn builds(&self, models: &[ModelName], each: usize) -> Result<BTreeMap<ModelName, Vec<Build>>, StateError>;

    /// What was built for an owner, oldest first. Builds of which nobody knows whom they were made for are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    fn builds_for(&self, owner: &Owner) -> Result<Vec<Build>, StateError>;

    /// The newest build of each table that loaded rows again that were there, because somebody wanted that.
    ///
    /// # Errors
    /// The store cannot be read.
    fn restatements(&self) -> Result<Vec<Build>, StateError>;

    /// The newest build of each of these tables. Tables of which no build is known are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    fn newest_builds(&self, keys: &[TableKey]) -> Result<BTreeMap<TableKey, Build>, StateError>;

    /// Every table of the project, by model.
    ///
    /// # Errors
    /// The store cannot be read.
    fn all_tables(&self) -> Result<Vec<Snapshot>, StateError>;

    /// The physical tables that other projects of this state know. Equal models of two projects may meet in one.
    ///
    /// # Errors
    /// The store cannot be read.
    fn tables_elsewhere(&self) -> Result<BTreeSet<TableName>, StateError>;

    /// Since when nothing has needed a table, for those of which [`State::mark_unreferenced`] said so and that nobody has
    /// pointed at or filled since.
    ///
    /// # Errors
    /// The store cannot be read.
    fn unreferenced(&self) -> Result<BTreeMap<TableName, Timestamp>, StateError>;

    /// Gives everything that is known of the project to `sink`, a record at a time, as of one moment.
    ///
    /// # Errors
    /// There is no state, the store cannot be read, or what `sink` says.
    fn export(&self, sink: &mut dyn FnMut(&Record) -> std::io::Result<()>) -> Result<(), StateError>;

    /// Takes up what another state gave, and its identity with it. Nothing of this project may be here, and nothing of other
    /// projects unless they come from the same state.
    ///
    /// # Errors
    /// [`StateError::NotEmpty`]; a line that is not as it should be ([`StateError::Line`]).
    fn import(&self, lease: &WriteLease, records: &mut Records<'_>) -> Result<(), StateError>;

    /// Enters tables under the keys that a newer version of the fingerprints has for them, and says so of the project; does
    /// nothing where another run did.
    ///
    /// # Errors
    /// The store cannot be written.
    fn upgrade(&self, lease: &WriteLease, upgrade: &Upgrade) -> Result<(), StateError>;

    /// Promotes that began and neither finished nor were abandoned; whoever opens the state to write settles them first.
    ///
    /// # Errors
    /// The store cannot be read.
    fn pending_promotes(&self) -> Result<Vec<PendingPromote>, StateError>;

    /// What may go away with a pull request at this commit of its branch, and who allowed it. A later push voids it.
    ///
    /// # Errors
    /// The store cannot be read.
    fn allowed(&self, pull_request: u64, head: &CommitId) -> Result<BTreeMap<ModelName, Login>, StateError>;

    /// Remembers that somebody allowed a model or columns of it to go away; the last word counts.
    ///
    /// # Errors
    /// The store cannot be written.
    fn allow(&self, lease: &WriteLease, allowance: &Allowance) -> Result<(), StateError>;

    /// Records what was committed in the warehouse, all of it or nothing. Call it after the commit, never before. A build
    /// that is told again under its plan, because more of the table is loaded by now, takes the place of what was told.
    ///
    /// # Errors
    /// [`StateError::UnknownTable`]: a load names a table whose snapshot is neither stored nor an earlier fact of the call.
    fn record(&self, lease: &WriteLease, facts: &[Fact]) -> Result<(), StateError>;

    /// Keeps what audits found; of each audit of a model only its newest results stay. Of two results of one audit for one
    /// table under one plan the later one counts.
    ///
    /// # Errors
    /// The store cannot be written.
    fn record_audits(&self, lease: &WriteLease, results: &[AuditResult]) -> Result<(), StateError>;

    /// What audits found, as far as it is kept, by model and audit.
    ///
    /// # Errors
    /// The store cannot be read.
    fn audit_results(&self) -> Result<Vec<AuditResult>, StateError>;

    /// Of which definitions it was decided that their rows are kept.
    ///
    /// # Errors
    /// The store cannot be read.
    fn decisions(&self) -> Result<Decisions, StateError>;

    /// Remembers that rows are kept. Call it before an environment shows them. What was decided already stays as it is.
    ///
    /// # Errors
    /// The store cannot be written.
    fn decide(&self, lease: &WriteLease, decisions: &[Decision]) -> Result<(), StateError>;

    /// Marks a range of a table as not loaded. Call it before replacing data where that is not one transaction.
    ///
    /// # Errors
    /// The store cannot be written.
    fn withdraw(&self, lease: &WriteLease, key: &TableKey, interval: Interval) -> Result<(), StateError>;

    /// Forgets tables with their ledgers, because they are gone or cannot be vouched for. Their builds stay, as the source
    /// of estimates. Unknown keys are passed over.
    ///
    /// # Errors
    /// The store cannot be written.
    fn forget_tables(&self, lease: &WriteLease, keys: &[TableKey]) -> Result<(), StateError>;

    /// Remembers since when nothing has needed these tables; of all others the project needs every one. A plan or promote
    /// that points at a table takes that back as it ends, and so does every fact about it.
    ///
    /// # Errors
    /// The store cannot be written.
    fn mark_unreferenced(&self, lease: &WriteLease, tables: &BTreeMap<TableName, Timestamp>) -> Result<(), StateError>;

    /// Somebody is about to point at these tables: they are needed again.
    ///
    /// # Errors
    /// The store cannot be written.
    fn keep_tables(&self, lease: &WriteLease, tables: &[TableName]) -> Result<(), StateError>;

    /// Looks once more whether a table has been needed by nothing since that moment, and then forgets it with its ledger.
    /// Nothing needs it where no environment of any project points at it, no promote that is not settled and no history of
    /// an environment that promote writes, nobody has announced to show it, and no other project knows it. The mark stays until it
    /// is gone.
    ///
    /// # Errors
    /// The store cannot be written.
    fn forget_unreferenced(
        &self,
        lease: &WriteLease,
        table: &TableName,
        since: Timestamp,
    ) -> Result<Forgotten, StateError>;

    /// Forgets what environments were before their newest few entries; gives how many entries that were.
    ///
    /// # Errors
    /// The store cannot be written.
    fn forget_history(&self, lease: &WriteLease, kept: NonZeroUsize) -> Result<usize, StateError>;

    /// Begins a plan: the environment is `building` and carries the new plan id; its models stay what they were.
    /// `expected` is what was read, `None` where the environment is to be made.
    ///
    /// # Errors
    /// [`StateError::Conflict`], [`StateError::NameTaken`], [`StateError::OwnerElsewhere`], [`StateError::PromotePending`].
    fn start_plan(&self, lease: &WriteLease, about: &About, expected: Option<&Version>) -> Result<(), StateError>;

    /// Ends the plan that [`State::start_plan`] began, once: models, facts, status `ready` and an entry of the history.
    ///
    /// # Errors
    /// [`StateError::Conflict`] where another plan of the environment began meanwhile; [`StateError::PromotePending`].
    fn finish_plan(&self, lease: &WriteLease, environment: &Environment, entry: &NewEntry) -> Result<(), StateError>;

    /// Removes an environment with its history; its tables stay until gc.
    ///
    /// # Errors
    /// [`StateError::Conflict`], [`StateError::PromotePending`].
    fn remove_environment(
        &self,
        lease: &WriteLease,
        name: &EnvironmentName,
        expected: &Version,
    ) -> Result<(), StateError>;

    /// Writes into the journal what an environment is about to become. Nothing else changes until it is settled, and no
    /// plan of the environment can begin.
    ///
    /// # Errors
    /// [`StateError::Conflict`], [`StateError::PromotePending`], [`StateError::NameTaken`], [`StateError::OwnerElsewhere`].
    fn begin_promote(&self, lease: &WriteLease, promote: &PendingPromote) -> Result<(), StateError>;

    /// The environments that promote may not bring back to what was rolled back, each with who holds it.
    ///
    /// # Errors
    /// The store cannot be read.
    fn holds(&self) -> Result<BTreeMap<EnvironmentName, Hold>, StateError>;

    /// Ends a hold without a promote, and gives it back where there was one.
    ///
    /// # Errors
    /// The store cannot be written.
    fn release_hold(&self, lease: &WriteLease, environment: &EnvironmentName) -> Result<Option<Hold>, StateError>;

    /// Makes the journal's environment the present one, records its facts and an entry of the history, lets its hold begin
    /// or end, and clears the journal. Call it once the swap is known to be committed.
    ///
    /// # Errors
    /// [`StateError::NoSuchPromote`].
    fn finish_promote(&self, lease: &WriteLease, name: &EnvironmentName, plan_id: &PlanId) -> Result<(), StateError>;

    /// Clears the journal and leaves everything else. Call it once the swap is known not to have happened.
    ///
    /// # Errors
    /// [`StateError::NoSuchPromote`].
    fn abandon_promote(&self, lease: &WriteLease, name: &EnvironmentName, plan_id: &PlanId) -> Result<(), StateError>;

    /// The environment that belongs to an owner, whatever its name.
    ///
    /// # Errors
    /// The store cannot be read.
    fn environment_of(&self, owner: &Owner) -> Result<Option<About>, StateError> {
        Ok(self.environments()?.into_iter().find(|about| *owner != Owner::Named && about.owner == *owner))
    }

    /// The name of an owner's environment: the one it has, else `wanted` if nobody else has it.
    ///
    /// # Errors
    /// [`StateError::NameTaken`] names both owners.
    fn resolve_name(&self, owner: &Owner, wanted: &EnvironmentName) -> Result<EnvironmentName, StateError> {
        let environments = self.named_or_owned(wanted, owner)?;
        if let Some(about) = environments.iter().find(|about| *owner != Owner::Named && about.owner == *owner) {
            return Ok(about.name.clone());
        }
        match environments.into_iter().find(|about| about.name == *wanted) {
            Some(about) => about.check_owner(owner).map(|()| about.name.clone()),
            None => Ok(wanted.clone()),
        }
    }
}
