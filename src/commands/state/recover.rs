//! `bot state recover`: a state that is lost is made anew from what promotes wrote into the warehouse.
//!
//! It is taken up as an export is, in one transaction, under the id that the warehouse belongs to. What no promote vouches
//! for is left out, and so built again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::import::full;
use crate::apply::engine_error;
use crate::cli::RecoverArguments;
use crate::context::Context;
use crate::decision::Decisions;
use crate::engine::{
    EngineError, ObjectKind, ObjectRecord, OpenMode, OwnedObject, Promotion, Session, largest_token, last_promotion,
    owned_objects, owner, promoted_environments,
};
use crate::error::{CommandError, CommandResult, Exit};
use crate::fingerprint::ALGORITHM;
use crate::gc::Mode;
use crate::ids::{CommitId, EnvironmentName, ModelName, StateId, TableName};
use crate::model::{Kind, KindName};
use crate::plan::is_loaded_by_interval;
use crate::recovered::{AddingUp, Distrust, Recovered, RecoveredEnvironment, Warehouse};
use crate::render::recovered as faces;
use crate::settings::Settings;
use crate::state::{
    FORMAT, Header, HeldBack, HistoryEntry, Past, Promoted, PromotedTable, Record, State, decisions_of,
};
use crate::surroundings::Terminal;
use crate::time::Timestamp;
use crate::workspace::{Workspace, state_error};

/// Makes the state anew; on a terminal it only tells, unless it was told to go on.
///
/// # Errors
/// There is a state with something in it, nobody owns the warehouse, or it holds nothing of this project.
pub(super) fn run(context: &Context<'_>, arguments: &RecoverArguments) -> CommandResult {
    let workspace = Workspace::open(context)?;
    let settings = workspace.sound_settings_here()?;
    let timeout = Duration::from_secs(arguments.lock_timeout);
    let is_asked = context.surroundings.stdout == Terminal::Yes && !arguments.yes;
    let mode = if arguments.dry_run || is_asked { Mode::DryRun } else { Mode::Real };
    let found = {
        let state = workspace.state_to_read(&settings)?;
        refuse_full(state.as_ref())?;
        if workspace.warehouse(&settings).is_some_and(|place| !place.may_be_there()) {
            return Err(CommandError::no("the warehouse's file is not there, so there is nothing to recover from"));
        }
        let engine = workspace.engine(&settings, OpenMode::ReadOnly, timeout)?;
        let mut session = engine.session().map_err(|error| engine_error("cannot open the warehouse", error))?;
        Found::read(session.as_mut(), &settings)?
    };
    let (recovered, records) = found.recover(&workspace, &settings, mode);
    if mode == Mode::Real {
        let state = workspace.state_to_write_as(&settings, recovered.state.clone())?;
        let lease = workspace.lease(state.as_ref(), "bot state recover", timeout)?;
        let mut again = || Ok(Box::new(records.iter().cloned().map(Ok)) as Box<dyn Iterator<Item = _>>);
        state.import(&lease, &mut again).map_err(full)?;
    }
    context.print(
        arguments.format.format,
        |colour| faces::terminal(&recovered, colour),
        || faces::markdown(&recovered),
        || faces::json(&recovered),
    );
    if is_asked && !arguments.dry_run {
        context.output.talk("nothing was changed: `bot state recover --yes` does it");
    }
    Ok(Exit::Done)
}

fn refuse_full(state: &dyn State) -> Result<(), CommandError> {
    let environments = state.environments().map_err(state_error)?;
    let known = match environments.first() {
        Some(about) => format!("environment `{}`", about.name),
        None => match state.all_tables().map_err(state_error)?.len() {
            0 => return Ok(()),
            tables => format!("{tables} tables"),
        },
    };
    Err(CommandError::no(format!("the state is not lost: it knows {known}, so nothing was changed"))
        .hint("`bot doctor` tells where the state is and what is in it"))
}

/// What the warehouse says.
struct Found {
    owner: StateId,
    last_token: u64,
    owned: Vec<ObjectRecord>,
    warehouse: Warehouse,
    promoted: Vec<(Promotion, Promoted)>,
}

impl Found {
    fn read(session: &mut dyn Session, settings: &Settings) -> Result<Self, CommandError> {
        let unreadable = |error: EngineError| engine_error("cannot read what the warehouse says about itself", error);
        let Some(owner) = owner(session).map_err(unreadable)? else {
            return Err(CommandError::no("the warehouse belongs to no state, so there is nothing to recover")
                .hint("`bot promote` makes a state, and builds the base branch"));
        };
        let mut promoted = Vec::new();
        for name in promoted_environments(session, &settings.project).map_err(unreadable)? {
            let last = last_promotion(session, &settings.project, &name).map_err(unreadable)?;
            let Some(promotion) = last else { continue };
            promoted.push((promotion.clone(), read(&promotion)?));
        }
        let owned = owned_objects(session, &owner).map_err(unreadable)?;
        let tables = promoted.iter().flat_map(|(_, promoted)| &promoted.tables).map(|table| &table.snapshot.table);
        let warehouse = warehouse(session, &owned, tables, settings).map_err(unreadable)?;
        let last_token = largest_token(session).map_err(unreadable)?;
        Ok(Self { owner, last_token, owned, warehouse, promoted })
    }

    /// What is to be told, and the records of it.
    fn recover(self, workspace: &Workspace<'_>, settings: &Settings, mode: Mode) -> (Recovered, Vec<Record>) {
        let Self { owner, last_token, owned, warehouse, promoted } = self;
        let shown = |name: &EnvironmentName| {
            owned.iter().any(|record| {
                matches!(&record.object, OwnedObject::View { environment, .. } if environment == name)
                    && record.project == settings.project
            })
        };
        let is_gone = |promoted: &Promoted| {
            let has_views = promoted.environment.models.values().any(|pointer| pointer.view.is_some());
            has_views && !shown(&promoted.environment.about.name)
        };
        let (gone, there): (Vec<_>, Vec<_>) = promoted.into_iter().partition(|(_, promoted)| is_gone(promoted));
        // What has keys of an older version is brought on together with the rest.
        let algorithm_version = there.iter().map(|(_, promoted)| promoted.algorithm).min().unwrap_or(ALGORITHM);
        let header = Header {
            format: FORMAT,
            project: settings.project.clone(),
            state: owner.clone(),
            schema_version: 0,
            algorithm_version,
            last_token,
        };
        let (mut facts, mut records, mut environments) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (promotion, promoted) in there {
            let about = (&promoted.environment.about.name, promotion.at);
            let decided = decisions_of(about, &promoted.environment.models).collect();
            let adding_up = adding_up(workspace, &promotion.commit, &decided);
            environments.push(take_up(&promotion, promoted, (&warehouse, &adding_up), (&mut facts, &mut records)));
        }
        let known: BTreeSet<&TableName> = facts.values().map(|(table, _)| table).collect();
        let unknown = warehouse.recorded.keys().filter(|table| !known.contains(table)).count();
        let gone = gone.into_iter().map(|(promotion, _)| promotion.environment).collect();
        let recovered = Recovered { mode, state: owner, environments, gone, unknown };
        let facts = facts.into_values().flat_map(|(_, facts)| facts);
        let all = std::iter::once(Record::State(header)).chain(facts).chain(records).collect();
        (recovered, all)
    }
}

fn read(promotion: &Promotion) -> Result<Promoted, CommandError> {
    serde_json::from_str(&promotion.payload).map_err(|error| {
        CommandError::failed(format!(
            "what the last promote of `{}` left in the warehouse cannot be read",
            promotion.environment
        ))
        .because(error)
    })
}

/// The tables of the project that are recorded, and which of those and of the promoted ones stand there.
fn warehouse<'a>(
    session: &mut dyn Session,
    owned: &[ObjectRecord],
    promoted: impl Iterator<Item = &'a TableName>,
    settings: &Settings,
) -> Result<Warehouse, EngineError> {
    let is_ours = |record: &&ObjectRecord| {
        matches!(record.object, OwnedObject::Table { .. }) && record.project == settings.project
    };
    let recorded: BTreeMap<TableName, ModelName> =
        owned.iter().filter(is_ours).map(|record| (record.name.clone(), record.model.clone())).collect();
    let mut schemas: BTreeMap<Option<&str>, BTreeSet<&str>> = BTreeMap::new();
    let promoted: Vec<&TableName> = promoted.collect();
    for name in recorded.keys().chain(promoted) {
        schemas.entry(name.catalog.as_deref()).or_default().insert(&name.schema);
    }
    let mut there = BTreeSet::new();
    for (catalog, schemas) in schemas {
        let objects = session.objects_of(catalog, &schemas.into_iter().collect::<Vec<_>>())?;
        there.extend(objects.into_iter().filter(|object| object.kind == ObjectKind::Table).map(|object| object.name));
    }
    let recorded = recorded.into_iter().filter(|(name, _)| there.contains(name)).collect();
    Ok(Warehouse { recorded, there })
}

/// The models of a commit whose loads may not be made twice.
fn adding_up(workspace: &Workspace<'_>, commit: &CommitId, decided: &Decisions) -> AddingUp {
    let side = workspace.git.tree_of(commit).ok().and_then(|source| workspace.side(&source).ok());
    let side = side.map(|side| side.decided(decided));
    let Some(side) = side else { return AddingUp::Unknown };
    let adds = |model: &crate::model::Model| {
        matches!(&model.kind, Kind::UniqueKey(key) if key.adds_up()) && is_loaded_by_interval(model)
    };
    let models = side.tree.models.values().filter(|model| adds(model));
    AddingUp::Models(models.map(|model| model.name.clone()).collect())
}

fn distrust(table: &PromotedTable, (warehouse, adding_up): (&Warehouse, &AddingUp)) -> Option<Distrust> {
    let snapshot = &table.snapshot;
    warehouse.distrust(&snapshot.key.model, &snapshot.table).or(match adding_up {
        AddingUp::Models(models) => models.contains(&snapshot.key.model).then_some(Distrust::AddsUp),
        AddingUp::Unknown => (snapshot.kind == KindName::IncrementalByUniqueKey).then_some(Distrust::MayAddUp),
    })
}

/// The newest fill or load of a table.
fn newest(records: &[Record]) -> Option<Timestamp> {
    let at = |record: &Record| match record {
        Record::Snapshot(snapshot) => snapshot.as_of,
        Record::Load(load) => Some(load.loaded_at),
        _ => None,
    };
    records.iter().filter_map(at).max()
}

/// The records of each table that is taken up, by its key.
type Facts = BTreeMap<String, (TableName, Vec<Record>)>;

/// Adds the records of an environment to those of others. Where two show one table, what knows of the newest load counts.
fn take_up(
    promotion: &Promotion,
    promoted: Promoted,
    trust: (&Warehouse, &AddingUp),
    (facts, records): (&mut Facts, &mut Vec<Record>),
) -> RecoveredEnvironment {
    let about = promoted.environment.about.clone();
    let (mut tables, mut distrusted) = (0, BTreeMap::new());
    for table in &promoted.tables {
        if let Some(why) = distrust(table, trust) {
            distrusted.insert(table.snapshot.key.model.clone(), why);
            continue;
        }
        tables += 1;
        let loads = table.loads().map(Record::Load);
        let build = table.build.clone().map(Record::Build);
        let all: Vec<Record> =
            std::iter::once(Record::Snapshot(table.snapshot.clone())).chain(loads).chain(build).collect();
        let key = table.snapshot.key.digest().to_string();
        let newer = facts.get(&key).is_none_or(|(_, known)| newest(&all) > newest(known));
        if newer {
            facts.insert(key, (table.snapshot.table.clone(), all));
        }
    }
    let recovered = RecoveredEnvironment {
        name: about.name.clone(),
        commit: promotion.commit.clone(),
        at: promotion.at,
        models: promoted.environment.models.len(),
        tables,
        distrusted,
    };
    let entry = HistoryEntry {
        sequence: promotion.sequence.max(1),
        plan_id: promotion.plan.clone(),
        commit: Some(promotion.commit.clone()),
        at: promotion.at,
        run: "bot state recover".to_owned(),
        origin: None,
        models: promoted.environment.models.clone(),
    };
    let name = about.name.clone();
    let decided = decisions_of((&name, promotion.at), &promoted.environment.models);
    records.extend(decided.map(Record::Decision));
    records.push(Record::Environment(promoted.environment));
    records.extend(promoted.hold.map(|hold| Record::Hold(HeldBack { environment: name.clone(), hold })));
    records.push(Record::History(Past { environment: name, entry }));
    recovered
}
