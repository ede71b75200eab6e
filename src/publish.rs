//! An environment is made to match its plan: tables first, then the views in one transaction, then the state.
//!
//! A branch's environment is marked `building` meanwhile, so that a run that dies midway is seen by the next one. What
//! promote writes goes through the journal: the engine's transaction carries the plan's id, and after a crash that id
//! says whether the swap happened.

mod announce;
mod journal;
mod others;
mod refusal;
mod settle;
mod wall;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use announce::announce;
pub use announce::unwritten;
use others::beside_others;
use refusal::PublishError;
pub use settle::settle;
use settle::{End, Settled, Unsettled, settle_one};

use crate::apply::{
    Comments, Layer, ViewPlan, Work, audit_late, audit_unfilled, build_tables, engine_error, keys_of, plan_views,
    tables_of,
};
use crate::decision::Decision;
use crate::engine::{
    Engine, EngineError, Owner as ViewOwner, Promotion, Session, ShownByProduction, ViewChange, check_owner, claim,
    fence, foreign_objects, last_promotion, owner as warehouse_owner, record_promotion, swap_views, take_over,
    transaction,
};
use crate::error::CommandError;
use crate::fingerprint::{ALGORITHM, Tree};
use crate::history::{Deed, Origin};
use crate::ids::{CommitId, EnvironmentName, ModelName, StateId, TableName};
use crate::naming::TableKey;
use crate::plan::{Action, Basis, Build, Plan};
use crate::planning::layout;
use crate::rollback::HoldChange;
use crate::settings::Stage;
use crate::sql::Dialect;
use crate::state::{About, Environment, NewEntry, PendingPromote, Promoted, State, Status, Subject, Table, ViewStep};
use crate::time::Timestamp;
use crate::turn::{Turn, TurnError, Turns};
use crate::workspace::state_error;

/// What was done.
pub struct Published {
    /// Tables that were filled.
    pub builds: Vec<Build>,
    /// Views that moved.
    pub swapped: usize,
}

/// What to do about tables and views that stand under a model's name and are not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignPolicy {
    /// Change nothing and name them all.
    Refuse,
    /// Rename them to `<name>__before_offshoot`, in the same transaction.
    TakeOver,
}

/// Makes a branch's environment match its plan.
///
/// # Errors
/// A model was not built, something foreign stands in the way, or another plan of the environment began meanwhile.
pub fn apply(
    work: &Work<'_>,
    plan: &Plan,
    about: &About,
    current: Option<&Environment>,
) -> Result<Published, CommandError> {
    let unchanged = plan.targets.iter().all(|target| target.action != Action::Build);
    if unchanged && let Some(current) = current.filter(|current| current.about.status == Status::Ready) {
        let views = views_of(work, plan, &tables(work.state, plan)?, Some(current))?;
        if views.changes.is_empty() && views.pointers == current.models && current.about.commits == plan.commits {
            decide(work, about)?;
            return Ok(Published { builds: Vec::new(), swapped: 0 });
        }
    }
    // Kept to the end, so that the warehouse is opened once and nobody else comes in between.
    let mut held = session(work.engine)?;
    vouched_for(work, plan, held.as_mut())?;
    let expected = current.map(|current| current.about.version());
    work.state.start_plan(work.lease, about, expected.as_ref()).map_err(state_error)?;
    keep(work, plan)?;
    announce(work, plan)?;
    work.run_beside_all(Stage::Before)?;
    let builds = build_tables(work, plan)?;
    audit_unfilled(work, plan, layout(&plan.environment, plan.suffix))?;
    let views = views_of(work, plan, &tables(work.state, plan)?, current)?;
    if !views.changes.is_empty() {
        let mut session = session(work.engine)?;
        when_free(work, session.as_mut(), |session| {
            claim(session, work.state_id)?;
            fence(session, work.fence.as_ref())?;
            let ours = beside_others(session, &owner(work, about), &views)?;
            let foreign = foreign_objects(session, work.state_id, &names(ours.changes.iter()))?;
            if !foreign.is_empty() {
                return Err(PublishError::InTheWayOfApply(foreign));
            }
            Ok(swap_views(session, &owner(work, about), &ours.changes)?)
        })?;
    }
    let swapped = views.changes.len();
    decide(work, about)?;
    // Before the environment counts as whole, so that the next run does what was not done.
    work.run_beside_all(Stage::After)?;
    let environment = Environment { about: About { status: Status::Ready, ..about.clone() }, models: views.pointers };
    let entry = entry(work, about.commits.head.clone(), (Deed::Apply, HoldChange::Stays));
    work.state.finish_plan(work.lease, &environment, &entry).map_err(state_error)?;
    Ok(Published { builds, swapped })
}

/// Fills the tables of a plan, and shows them nowhere new; previews, which no environment would show, are left out.
///
/// # Errors
/// A model was not built.
pub fn build(work: &Work<'_>, plan: &Plan) -> Result<Published, CommandError> {
    let mut held = session(work.engine)?;
    vouched_for(work, plan, held.as_mut())?;
    let mut plan = plan.clone();
    plan.targets.retain(|target| target.basis == Basis::Whole);
    keep(work, &plan)?;
    if plan.targets.iter().any(|target| target.action == Action::Build) {
        work.run_beside_all(Stage::Before)?;
    }
    let builds = build_tables(work, &plan)?;
    audit_late(work, &plan)?;
    let again = "the tables are loaded; mend the statement, and it runs after whatever is loaded or promoted next";
    work.run_beside_all(Stage::After).map_err(|error| error.hint(again))?;
    Ok(Published { builds, swapped: 0 })
}

/// Makes production, or another environment that promote owns, match the plan of a commit.
///
/// # Errors
/// As [`apply`].
pub fn promote(
    work: &Work<'_>,
    plan: &Plan,
    about: &About,
    current: Option<&Environment>,
    (policy, hold): (ForeignPolicy, HoldChange),
) -> Result<Published, CommandError> {
    // Kept to the end, so that the warehouse is opened once and nobody else comes in between.
    let mut held = session(work.engine)?;
    let builds = plan.targets.iter().any(|target| target.action == Action::Build);
    if policy == ForeignPolicy::Refuse && builds {
        // Asked again where it counts, in the swap; here, so that nobody waits for builds to hear a no.
        let views = views_of(work, plan, &tables(work.state, plan)?, current)?;
        refuse_foreign(work.state_id, work.run, &views, held.as_mut())?;
        beside_others(held.as_mut(), &owner(work, about), &views)?;
    }
    vouched_for(work, plan, held.as_mut())?;
    keep(work, plan)?;
    announce(work, plan)?;
    work.run_beside_all(Stage::Before)?;
    let builds = build_tables(work, plan)?;
    audit_unfilled(work, plan, layout(&plan.environment, plan.suffix))?;
    let tables = tables(work.state, plan)?;
    let views = views_of(work, plan, &tables, current)?;
    decide(work, about)?;
    let swapped = point(work, about, (current, &tables, &views), policy, (Deed::Promote, hold))?;
    let again = format!(
        "`{}` shows the commit already; mend what is wrong, and `{} --force` runs `after_all` again",
        about.name, work.run
    );
    work.run_beside_all(Stage::After).map_err(|error| error.hint(again))?;
    Ok(Published { builds, swapped })
}

/// Points an environment that promote owns at tables that are all there: into the journal, then every view in one
/// transaction of the engine, then out of the journal. Gives the number of views that moved.
///
/// # Errors
/// Something foreign stands in the way, a view cannot be made, or the environment was changed meanwhile.
pub fn point(
    work: &Work<'_>,
    about: &About,
    (current, tables, views): (Option<&Environment>, &BTreeMap<TableKey, Table>, &ViewPlan),
    policy: ForeignPolicy,
    deed: (Deed, HoldChange),
) -> Result<usize, CommandError> {
    let about = About { status: Status::Ready, ..about.clone() };
    let environment = Environment { about: about.clone(), models: views.pointers.clone() };
    let steps = match work.engine.capabilities().transactional_ddl.is_yes() {
        true => Vec::new(),
        // What is refused is refused before anything is written down: what is, will be done.
        false => refuse_in_time(work, &about, views, policy)?,
    };
    let pending = PendingPromote {
        expected: current.map(|current| current.about.version()),
        entry: entry(work, about.promoted.clone(), deed),
        intended: environment,
        steps,
    };
    work.state.begin_promote(work.lease, &pending).map_err(state_error)?;
    match swap(work, tables, &pending, views, policy) {
        Ok(swapped) => {
            work.state.finish_promote(work.lease, &about.name, &about.plan_id).map_err(state_error)?;
            Ok(swapped)
        }
        // A commit may have failed after all was done: the warehouse says.
        Err(error) => {
            let unsettled = Unsettled { pending: &pending, fence: work.fence.clone(), end: End::Failed };
            match settle_one((work.state, work.lease), work.engine, work.project, &unsettled) {
                Ok(Settled::Happened) => Ok(views.changes.len()),
                Ok(Settled::Abandoned) => Err(error),
                Err(_) => {
                    Err(error.hint(format!("run `{}` again: it finds out whether the views were swapped", work.run)))
                }
            }
        }
    }
}

/// Says no to what would be found in the midst of the views, where each of them moves by itself; gives the steps that are
/// left.
fn refuse_in_time(
    work: &Work<'_>,
    about: &About,
    views: &ViewPlan,
    policy: ForeignPolicy,
) -> Result<Vec<ViewStep>, CommandError> {
    let mut session = session(work.engine)?;
    let ours = beside_others(session.as_mut(), &owner(work, about), views)?;
    if policy == ForeignPolicy::Refuse {
        refuse_foreign(work.state_id, work.run, &ours, session.as_mut())?;
    }
    journal::check(session.as_mut(), &ours).map_err(PublishError::from)?;
    Ok(journal::steps(&ours))
}

/// An environment as something that one run at a time writes.
fn environment(name: &EnvironmentName) -> Subject {
    Subject::Environment(name.clone())
}

/// Takes an environment, for which others are waited for up to `patience`.
///
/// # Errors
/// Somebody has it for longer, or the run was asked to stop.
pub fn take(turns: &Turns<'_>, name: &EnvironmentName, patience: Duration) -> Result<Turn, CommandError> {
    turns.take(&environment(name), Some(patience)).map_err(|error| match error {
        TurnError::State(error) => state_error(error),
        TurnError::Stopped(_) => CommandError::failed(format!("{error}; nothing was changed")),
    })
}

/// What a plan points at is needed from now on, though a run that dies never says so.
fn keep(work: &Work<'_>, plan: &Plan) -> Result<(), CommandError> {
    let tables: Vec<TableName> = tables_of(plan).into_values().collect();
    work.state.keep_tables(work.lease, &tables).map_err(state_error)
}

/// What was decided for this is written down before anything goes by it; what could not be built decides nothing.
fn decide(work: &Work<'_>, about: &About) -> Result<(), CommandError> {
    let decision = |(model, data_fingerprint, rows): (&ModelName, _, _)| Decision {
        model: model.clone(),
        data_fingerprint,
        environment: about.name.clone(),
        by: work.who.name.clone(),
        at: work.now,
        rows,
    };
    let decisions: Vec<Decision> = work.tree.newly_decided().map(decision).collect();
    if decisions.is_empty() { Ok(()) } else { work.state.decide(work.lease, &decisions).map_err(state_error) }
}

/// Says no where the warehouse is another state's, or an empty one in place of that in which the state has tables; writes
/// nothing.
fn vouched_for(work: &Work<'_>, plan: &Plan, session: &mut dyn Session) -> Result<(), CommandError> {
    let failed = |error| engine_error("cannot use the warehouse", error);
    check_owner(session, work.state_id).map_err(failed)?;
    let reused = plan.targets.iter().filter(|target| target.action == Action::Reuse).count();
    if reused == 0 || warehouse_owner(session).map_err(failed)?.is_some() {
        return Ok(());
    }
    Err(CommandError::no(format!(
        "the warehouse is empty, and the state says that it holds {reused} tables of this plan"
    ))
    .hint("put the warehouse back; where it is gone for good, move the state away (`.offshoot/`) and promote anew"))
}

/// Says no where anything foreign stands under a view's name; writes nothing.
///
/// # Errors
/// As it says, or the warehouse is another state's or cannot be read.
pub fn refuse_foreign(
    state_id: &StateId,
    run: &str,
    views: &ViewPlan,
    session: &mut dyn Session,
) -> Result<(), CommandError> {
    let look = |session: &mut dyn Session| -> Result<(), PublishError> {
        check_owner(session, state_id)?;
        let foreign = foreign_objects(session, state_id, &names(views.all()))?;
        if foreign.is_empty() { Ok(()) } else { Err(PublishError::in_the_way(run, foreign)) }
    };
    look(session).map_err(CommandError::from)
}

/// How often views are tried to be moved while somebody reads them, and how long others have in between.
const TRIES: u32 = 100;
const GIVEN_WAY: Duration = Duration::from_millis(100);

/// Runs work in one transaction; where somebody reads what it changes, others have their turn and it is tried again.
fn when_free<T>(
    work: &Work<'_>,
    session: &mut dyn Session,
    mut once: impl FnMut(&mut dyn Session) -> Result<T, PublishError>,
) -> Result<T, PublishError> {
    for _ in 0..TRIES {
        match transaction(session, &mut once) {
            Err(PublishError::Engine(EngineError::InUseByOthers { .. })) if !work.interruption.is_requested() => {
                std::thread::sleep(GIVEN_WAY);
            }
            other => return other,
        }
    }
    transaction(session, once)
}

fn swap(
    work: &Work<'_>,
    tables: &BTreeMap<TableKey, Table>,
    pending: &PendingPromote,
    views: &ViewPlan,
    policy: ForeignPolicy,
) -> Result<usize, CommandError> {
    let owner = owner(work, &pending.intended.about);
    let shown: Vec<TableName> = tables.values().map(|table| table.snapshot.table.clone()).collect();
    let (all, payload) = (names(views.all()), payload(work.state, tables, pending)?);
    let swap = Swap { owner: &owner, pending, tables: &shown, views: &all, payload: &payload };
    let mut session = session(work.engine)?;
    when_free(work, session.as_mut(), |session| {
        claim(session, work.state_id)?;
        fence(session, work.fence.as_ref())?;
        let ours = beside_others(session, &owner, views)?;
        let changes = cleared(work, session, &ours, policy)?;
        carry_out(session, &swap, &changes)
    })
    .map_err(CommandError::from)
}

/// What a promote writes into the warehouse.
struct Swap<'a> {
    owner: &'a ViewOwner,
    pending: &'a PendingPromote,
    tables: &'a [TableName],
    /// All views of the environment, moving or not.
    views: &'a [TableName],
    payload: &'a str,
}

/// The swap, in one transaction where the engine has them: whoever reads a table holds up no reader of production, so tables
/// are taken over first; that it happened is written last.
fn carry_out(session: &mut dyn Session, swap: &Swap<'_>, changes: &[ViewChange]) -> Result<usize, PublishError> {
    let about = &swap.pending.intended.about;
    wall::take_over(session, swap.tables)?;
    let swapped = swap_views(session, swap.owner, changes)?;
    wall::close(session, ShownByProduction { tables: swap.tables, views: swap.views })?;
    let last = last_promotion(session, &swap.owner.project, &about.name)?;
    let promotion = Promotion {
        project: swap.owner.project.clone(),
        environment: about.name.clone(),
        plan: about.plan_id.clone(),
        commit: about.promoted.clone().unwrap_or_else(|| about.commits.base.clone()),
        sequence: last.map_or(1, |last| last.sequence + 1),
        payload: swap.payload.to_owned(),
        at: swap.pending.entry.at,
    };
    record_promotion(session, &promotion)?;
    Ok(swapped)
}

/// Pointers and ledger of the environment, enough to read it back where the state is lost; with its views where those move
/// one by one, enough to make them again.
fn payload(
    state: &dyn State,
    tables: &BTreeMap<TableKey, Table>,
    pending: &PendingPromote,
) -> Result<String, CommandError> {
    let keys: Vec<TableKey> = tables.keys().cloned().collect();
    let builds = state.newest_builds(&keys).map_err(state_error)?;
    let hold = match &pending.entry.hold {
        HoldChange::Begins(hold) => Some((**hold).clone()),
        HoldChange::Ends => None,
        HoldChange::Stays => state.holds().map_err(state_error)?.remove(&pending.intended.about.name),
    };
    let promoted = Promoted::new(pending.intended.clone(), tables, builds, (hold, ALGORITHM));
    let promoted = Promoted { views: pending.steps.clone(), ..promoted };
    serde_json::to_string(&promoted)
        .map_err(|error| CommandError::failed("cannot write down what is promoted").because(error))
}

/// The views to change once nothing foreign is in the way. Every view of the environment is looked at, not only those that
/// move: promote vouches for all of them.
fn cleared(
    work: &Work<'_>,
    session: &mut dyn Session,
    views: &ViewPlan,
    policy: ForeignPolicy,
) -> Result<Vec<ViewChange>, PublishError> {
    let foreign = foreign_objects(session, work.state_id, &names(views.all()))?;
    if foreign.is_empty() {
        return Ok(views.changes.clone());
    }
    if policy == ForeignPolicy::Refuse {
        return Err(PublishError::in_the_way(work.run, foreign));
    }
    take_over(session, &foreign)?;
    // One that stood still must be made again where it was renamed.
    let fold = |name: &TableName| session.dialect().fold(&name.to_string(), true);
    let taken: BTreeSet<String> = foreign.iter().map(|object| fold(&object.name)).collect();
    let again = views.unchanged.iter().filter(|change| taken.contains(&fold(change.view()))).cloned();
    Ok(views.changes.iter().cloned().chain(again).collect())
}

fn owner(work: &Work<'_>, about: &About) -> ViewOwner {
    ViewOwner {
        state: work.state_id.clone(),
        project: work.project.clone(),
        environment: about.name.clone(),
        dependents: work.dependents,
    }
}

fn names<'a>(changes: impl Iterator<Item = &'a ViewChange>) -> Vec<TableName> {
    changes.map(|change| change.view().clone()).collect()
}

/// What the state knows of the tables that a plan points at.
///
/// # Errors
/// The state cannot be read.
pub fn tables(state: &dyn State, plan: &Plan) -> Result<BTreeMap<TableKey, Table>, CommandError> {
    let keys: Vec<TableKey> = keys_of(plan).into_values().collect();
    state.tables(&keys).map_err(state_error)
}

fn views_of(
    work: &Work<'_>,
    plan: &Plan,
    tables: &BTreeMap<TableKey, Table>,
    previous: Option<&Environment>,
) -> Result<ViewPlan, CommandError> {
    views((work.tree, work.engine.dialect(), work.now), work.comments, plan, tables, previous)
}

/// The views of an environment at the tables of a plan.
///
/// # Errors
/// One of them cannot be written down.
pub fn views(
    (tree, dialect, now): (&Tree, Dialect, Timestamp),
    comments: Comments,
    plan: &Plan,
    tables: &BTreeMap<TableKey, Table>,
    previous: Option<&Environment>,
) -> Result<ViewPlan, CommandError> {
    let names = |table: &Table| table.snapshot.columns.iter().map(|column| column.name.clone()).collect();
    let columns: BTreeMap<TableKey, Vec<String>> =
        tables.iter().map(|(key, table)| (key.clone(), names(table))).collect();
    let layout = layout(&plan.environment, plan.suffix);
    let layer = Layer { tree, plan, layout, dialect, columns: &columns, previous, comments, now };
    plan_views(&layer).map_err(|error| CommandError::no("the views cannot be made").because(error))
}

fn entry(work: &Work<'_>, commit: Option<CommitId>, (deed, hold): (Deed, HoldChange)) -> NewEntry {
    let origin = Some(Origin { deed, who: work.who.clone() });
    NewEntry { commit, at: work.now, run: work.run.to_owned(), origin, hold, facts: Vec::new() }
}

fn session(engine: &dyn Engine) -> Result<Box<dyn Session>, CommandError> {
    engine.session().map_err(|error| engine_error("cannot open the warehouse", error))
}
