//! What an entry of the history would show today: gathered from state, git and warehouse, and refused where it is not
//! exactly what it was. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::super::apply::comments;
use super::super::environments::find;
use crate::apply::{ViewPlan, engine_error};
use crate::engine::{EngineError, ObjectKind, OwnedObject, Session, check_owner, owned_objects};
use crate::error::CommandError;
use crate::history::{Deed, Origin};
use crate::ids::{CommitId, EnvironmentName, ModelName, StateId, TableName};
use crate::model::KindName;
use crate::naming::TableKey;
use crate::plan::{Action, Commits, History, OwnRows, Plan, Rows, Sharing, Summary, Target, Then, Which};
use crate::problem::{Severity, has_errors};
use crate::publish::{self, ForeignPolicy};
use crate::rollback::{Freshness, Moved, Stand, moved};
use crate::sql::Dialect;
use crate::state::{Environment, HistoryEntry, Pointer, State, Table, decisions_of};
use crate::workspace::{Side, Workspace, git_error, state_error};

/// What is looked at.
pub(super) struct Looking<'a> {
    pub(super) workspace: &'a Workspace<'a>,
    pub(super) state: &'a dyn State,
    pub(super) environment: &'a EnvironmentName,
    /// The entry that somebody named.
    pub(super) wanted: Option<u64>,
    pub(super) policy: ForeignPolicy,
    pub(super) dialect: Dialect,
}

/// An entry that can be shown again, and what that changes.
pub(super) struct Found {
    pub(super) current: Environment,
    /// The entry that is shown now.
    pub(super) present: HistoryEntry,
    /// The entry that is shown again.
    pub(super) entry: HistoryEntry,
    pub(super) side: Side,
    /// The entry as a plan in which there is nothing to build.
    pub(super) plan: Plan,
    pub(super) tables: BTreeMap<TableKey, Table>,
    pub(super) views: ViewPlan,
    pub(super) moved: Vec<Moved>,
    /// Where models point afterwards.
    pub(super) after: BTreeMap<ModelName, Stand>,
    /// The models of the entry whose rows go on in what is shown now, with what of their own they keep whatever that has.
    going_on: BTreeMap<ModelName, Option<OwnRows>>,
}

/// Finds the entry and everything that it needs.
///
/// # Errors
/// It cannot be shown exactly as it was, and why.
pub(super) fn look(looking: &Looking<'_>, session: &mut dyn Session) -> Result<Found, CommandError> {
    let Looking { workspace, state, environment, dialect, .. } = looking;
    let current = find(*state, environment.as_str())?;
    let (present, entry) = chosen(looking, &current)?;
    let number = entry.sequence;
    let (before, after) = (stands(*state, &current.models)?, stands(*state, &entry.models)?);
    let moved = moved(&before, &after);
    if moved.is_empty() {
        return Err(CommandError::no(format!("entry {number} of `{environment}` shows what is shown now")).hint(
            format!("`bot env show {environment}` tells which entries moved something; name one with `--to N`"),
        ));
    }
    let (commit, side) = side(looking, &entry)?;
    refuse_different(&entry, differing(&side, &entry))?;
    let plan = plan(environment, (&current, &commit), &side, &entry);
    let tables = publish::tables(*state, &plan)?;
    let identity = state.identity().map_err(state_error)?;
    let identity = identity.ok_or_else(|| CommandError::failed("the state has no identity"))?;
    refuse_gone(&entry, &tables, (session, &identity.state))?;
    let views = publish::views(
        (&side.tree, *dialect, entry.at),
        comments(workspace, &side, environment),
        &plan,
        &tables,
        Some(&current),
    )?;
    refuse_different(&entry, other_texts(&views, &entry))?;
    if looking.policy == ForeignPolicy::Refuse {
        publish::refuse_foreign(&identity.state, "bot rollback", &views, session)?;
    }
    let going_on = going_on(looking, (&side, &entry), &present)?;
    Ok(Found { current, present, entry, side, plan, tables, views, moved, after, going_on })
}

/// The models of an entry that keep rows and have another table in the present one, where they keep them, too: what queries
/// give again there is nothing that came after those rows.
///
/// # Errors
/// The project of the present entry cannot be read.
fn going_on(
    looking: &Looking<'_>,
    (side, entry): (&Side, &HistoryEntry),
    present: &HistoryEntry,
) -> Result<BTreeMap<ModelName, Option<OwnRows>>, CommandError> {
    let is_kept =
        |side: &Side, name: &ModelName| side.tree.models.get(name).is_some_and(|model| model.past().kept().is_some());
    let is_other = |(name, pointer): &(&ModelName, &Pointer)| {
        let shown = present.models.get(*name).filter(|shown| pointer.kind.goes_on_from(shown.kind));
        is_kept(side, name) && shown.is_some_and(|shown| shown.table.is_some() && shown.table != pointer.table)
    };
    let names: Vec<&ModelName> = entry.models.iter().filter(is_other).map(|(name, _)| name).collect();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (_, there) = self::side(looking, present)?;
    let own = |name: &ModelName| {
        let effective_from = [side, &there].into_iter().filter_map(|side| side.tree.models.get(name)?.effective_from());
        effective_from.min().map(|from| OwnRows { from, which: Which::Loaded })
    };
    let kept = names.into_iter().filter(|name| is_kept(&there, name));
    Ok(kept.map(|name| (name.clone(), own(name))).collect())
}

/// The entry that is shown now, and the one that is wanted.
fn chosen(looking: &Looking<'_>, current: &Environment) -> Result<(HistoryEntry, HistoryEntry), CommandError> {
    let Looking { state, environment, wanted, .. } = looking;
    if current.about.promoted.is_none() {
        return Err(CommandError::no(format!(
            "environment `{environment}` belongs to {} and was made by `bot apply`",
            current.about.owner
        ))
        .hint("only what `bot promote` writes is rolled back; `bot apply` makes it match its branch again"));
    }
    let hint = format!("`bot env show {environment}` lists the entries that there are");
    let newest = |limit| state.history(environment, limit).map_err(state_error);
    let Some(present) = newest(1)?.pop() else {
        return Err(CommandError::no(format!("`{environment}` has no history")));
    };
    let number = match (wanted, &present.origin) {
        (Some(wanted), _) if *wanted == present.sequence => {
            return Err(CommandError::no(format!("entry {wanted} is what `{environment}` shows now")).hint(hint));
        }
        (Some(wanted), _) => *wanted,
        (None, Some(Origin { deed: Deed::Rollback { to, .. }, .. })) => {
            return Err(CommandError::no(format!("`{environment}` was rolled back to entry {to} already"))
                .hint(format!("say which entry it is to show now, with `--to N`: {hint}")));
        }
        (None, _) => present.sequence.saturating_sub(1),
    };
    // An entry so many before the newest; none is read that lies further back.
    let back = present.sequence.checked_sub(number).filter(|_| number > 0);
    let entry = match back.and_then(|back| usize::try_from(back).ok()) {
        Some(back) => newest(back.saturating_add(1))?.pop().filter(|entry| entry.sequence == number),
        None => None,
    };
    match entry {
        Some(entry) => Ok((present, entry)),
        None if wanted.is_none() => {
            Err(CommandError::no(format!("`{environment}` has no entry before {}", present.sequence)).hint(hint))
        }
        None => Err(CommandError::no(format!("`{environment}` has no entry {number}")).hint(hint)),
    }
}

/// The project as the entry's commit has it.
fn side(looking: &Looking<'_>, entry: &HistoryEntry) -> Result<(CommitId, Side), CommandError> {
    let Looking { workspace, environment, .. } = looking;
    let number = entry.sequence;
    let refused = |why: String| CommandError::no(format!("entry {number} cannot be shown as it was: {why}"));
    let Some(commit) = &entry.commit else { return Err(refused("it names no commit".to_owned())) };
    let short: String = commit.as_str().chars().take(12).collect();
    let side = workspace.git.tree_of(commit).map_err(git_error).and_then(|source| workspace.side(&source));
    let decided = decisions_of((environment, entry.at), &entry.models).collect();
    let side = side.map(|side| side.decided(&decided)).map_err(|error| {
        refused(format!("its commit `{short}` is not here"))
            .because(error.message)
            .hint("fetch the whole history (`fetch-depth: 0`)")
    })?;
    if has_errors(&side.problems) {
        let first = side.problems.iter().find(|problem| problem.severity == Severity::Error);
        let error = refused(format!("the project of its commit `{short}` has errors for this program"));
        return Err(match first {
            Some(problem) => error.because(problem.message.clone()),
            None => error,
        });
    }
    Ok((commit.clone(), side))
}

/// The models that the commit's tree does not give as the entry has them.
fn differing(side: &Side, entry: &HistoryEntry) -> Vec<ModelName> {
    let names: BTreeSet<&ModelName> = side.tree.models.keys().chain(entry.models.keys()).collect();
    let is_same = |name: &ModelName| {
        let (model, pointer) = (side.tree.models.get(name)?, entry.models.get(name)?);
        let fingerprint = side.tree.fingerprints.get(name)?;
        let of_tree = (model.kind.name(), fingerprint.data, fingerprint.metadata);
        Some(of_tree == (pointer.kind, pointer.data_fingerprint, pointer.metadata_fingerprint))
    };
    names.into_iter().filter(|name| is_same(name) != Some(true)).cloned().collect()
}

/// The models without a table whose views would have another text.
fn other_texts(views: &ViewPlan, entry: &HistoryEntry) -> Vec<ModelName> {
    let computed = entry.models.iter().filter(|(_, pointer)| pointer.table.is_none());
    let other =
        computed.filter(|(name, pointer)| views.pointers.get(*name).is_none_or(|made| made.view != pointer.view));
    other.map(|(name, _)| name.clone()).collect()
}

/// Says no where what would be shown is not what was shown.
fn refuse_different(entry: &HistoryEntry, models: Vec<ModelName>) -> Result<(), CommandError> {
    if models.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = models.iter().map(|model| format!("`{model}`")).collect();
    let verb = if models.len() == 1 { "is" } else { "are" };
    Err(CommandError::no(format!(
        "entry {} cannot be shown as it was: from its commit {} {verb} something else today",
        entry.sequence,
        names.join(", ")
    ))
    .because("this program, a variable or the gateway is another one than when the entry was made")
    .hint("revert the commits on the base branch instead, and promote that"))
}

/// The entry as a plan: every table is there, and nothing is built.
fn plan(
    environment: &EnvironmentName,
    (current, commit): (&Environment, &CommitId),
    side: &Side,
    entry: &HistoryEntry,
) -> Plan {
    let target = |(name, pointer): (&ModelName, &Pointer)| {
        Some(Target {
            name: name.clone(),
            kind: pointer.kind,
            key: key(name, pointer),
            metadata_fingerprint: pointer.metadata_fingerprint,
            table: pointer.table.clone(),
            action: match (&pointer.table, pointer.kind) {
                (Some(_), _) => Action::Reuse,
                (None, KindName::View) => Action::View,
                (None, _) => Action::None,
            },
            unit: side.tree.models.get(name)?.unit(),
            intervals_missing: Vec::new(),
            due_at_promote: Vec::new(),
            course: None,
            basis: pointer.basis,
            seen: Vec::new(),
            found: None,
            history: None,
            // Whoever shows it, too, gets what no query gives again.
            sharing: Sharing::Shared,
            rows: Rows::Stay,
        })
    };
    Plan {
        environment: environment.clone(),
        suffix: side.project.settings.environment_suffix,
        commits: Commits {
            base: current.about.promoted.clone().unwrap_or_else(|| commit.clone()),
            head: Some(commit.clone()),
            merge_base: None,
            result_tree: Some(side.source.id().clone()),
        },
        models: Vec::new(),
        drift: Vec::new(),
        summary: Summary::default(),
        targets: entry.models.iter().filter_map(target).collect(),
        problems: Vec::new(),
    }
}

/// The histories of an entry as a plan: each is to hold what the one that is shown now has got since.
pub(super) fn histories(found: &Found, state: &dyn State) -> Result<Option<Plan>, CommandError> {
    let mut plan = found.plan.clone();
    plan.targets.retain(|target| found.going_on.contains_key(&target.name));
    let shown = |target: &Target| Some(key(&target.name, found.current.models.get(&target.name)?));
    let keys: Vec<TableKey> = plan.targets.iter().filter_map(shown).collect();
    let tables = state.tables(&keys).map_err(state_error)?;
    plan.targets.retain_mut(|target| {
        let Some(table) = shown(target).and_then(|key| tables.get(&key)) else { return false };
        let then = Then::Nothing { as_of: table.snapshot.as_of };
        let (key, table) = (table.snapshot.key.clone(), table.snapshot.table.clone());
        let own = found.going_on.get(&target.name).copied().flatten();
        target.history = Some(History { key, table, then, own, adopted: None });
        target.action = Action::Build;
        target.found = found.tables.get(&target.key).map(Table::found);
        true
    });
    Ok((!plan.targets.is_empty()).then_some(plan))
}

fn key(name: &ModelName, pointer: &Pointer) -> TableKey {
    TableKey { model: name.clone(), data_fingerprint: pointer.data_fingerprint }
}

/// Says no where tables of the entry are gone, and names them all.
fn refuse_gone(
    entry: &HistoryEntry,
    known: &BTreeMap<TableKey, Table>,
    (session, state_id): (&mut dyn Session, &StateId),
) -> Result<(), CommandError> {
    let wanted = entry.models.iter().filter_map(|(name, pointer)| Some((name, pointer, pointer.table.as_ref()?)));
    let wanted: Vec<(&ModelName, &Pointer, &TableName)> = wanted.collect();
    let names: Vec<&TableName> = wanted.iter().map(|(_, _, table)| *table).collect();
    let there = there(session, state_id, &names).map_err(|error| engine_error("cannot use the warehouse", error))?;
    let gone = wanted.iter().filter_map(|(name, pointer, table)| {
        let is_known = known.get(&key(name, pointer)).is_some_and(|known| known.snapshot.table == **table);
        match (is_known, there.contains(*table)) {
            (false, _) => Some(format!("`{table}` of `{name}`, which the state does not know any more")),
            (true, false) => Some(format!("`{table}` of `{name}`, which is not in the warehouse")),
            (true, true) => None,
        }
    });
    let gone: Vec<String> = gone.collect();
    if gone.is_empty() {
        return Ok(());
    }
    Err(CommandError::no(format!("tables of entry {} are gone: {}", entry.sequence, gone.join("; ")))
        .hint("revert the commits on the base branch instead, and promote that: it builds them again"))
}

/// Those of the tables that are there and that we made.
fn there(
    session: &mut dyn Session,
    state_id: &StateId,
    wanted: &[&TableName],
) -> Result<BTreeSet<TableName>, EngineError> {
    check_owner(session, state_id)?;
    let owned = owned_objects(session, state_id)?.into_iter();
    let owned = owned.filter(|record| matches!(record.object, OwnedObject::Table { .. })).map(|record| record.name);
    let mut schemas: BTreeMap<Option<&str>, BTreeSet<&str>> = BTreeMap::new();
    for name in wanted {
        schemas.entry(name.catalog.as_deref()).or_default().insert(&name.schema);
    }
    let mut there = BTreeSet::new();
    for (catalog, schemas) in schemas {
        let objects = session.objects_of(catalog, &schemas.into_iter().collect::<Vec<_>>())?;
        there.extend(objects.into_iter().filter(|object| object.kind == ObjectKind::Table).map(|object| object.name));
    }
    Ok(owned.filter(|name| there.contains(name)).collect())
}

/// Where models point, and how fresh that is.
///
/// # Errors
/// The state cannot be read.
pub(super) fn stands(
    state: &dyn State,
    models: &BTreeMap<ModelName, Pointer>,
) -> Result<BTreeMap<ModelName, Stand>, CommandError> {
    let stored = models.iter().filter(|(_, pointer)| pointer.table.is_some());
    let keys: Vec<TableKey> = stored.map(|(name, pointer)| key(name, pointer)).collect();
    let tables = state.tables(&keys).map_err(state_error)?;
    let freshness = |table: &Table| Freshness {
        intervals: table.snapshot.as_of.is_none().then(|| table.ledger.intervals()),
        unit: table.snapshot.unit,
        filled_at: table.ledger.newest().max(table.snapshot.as_of),
    };
    let stand = |(name, pointer): (&ModelName, &Pointer)| {
        let table = tables.get(&key(name, pointer)).map(freshness);
        (name.clone(), Stand { data: pointer.data_fingerprint, table })
    };
    Ok(models.iter().map(stand).collect())
}
