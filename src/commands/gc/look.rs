//! What state and warehouse say of tables, gathered for the decision; writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::apply::engine_error;
use crate::engine::{
    EngineError, ObjectKind, ObjectRecord, OwnedObject, ReaderKind, SchemaObject, Session, owned_objects,
};
use crate::error::CommandError;
use crate::gc::{Inputs, Kept, Known, Reader, Standing, Table, Verdict, Whose, WhyKept, decide};
use crate::ids::{EnvironmentName, ModelName, TableName};
use crate::naming::{TableKey, is_like_physical};
use crate::settings::Settings;
use crate::sql::Dialect;
use crate::state::{Build, Snapshot, State, StateError};
use crate::time::Timestamp;
use crate::workspace::state_error;

/// Whose tables are looked at, and when.
pub(super) struct Looking<'a> {
    pub(super) state: &'a dyn State,
    pub(super) settings: &'a Settings,
    pub(super) now: Timestamp,
}

/// Looks at everything and decides. `ending` are environments that count as dropped already.
///
/// # Errors
/// State or warehouse cannot be read.
pub(super) fn look(
    looking: &Looking<'_>,
    ending: &BTreeSet<EnvironmentName>,
    session: &mut dyn Session,
) -> Result<Verdict, CommandError> {
    let Looking { state, settings, now } = looking;
    let (roots, living) = roots(looking, ending).map_err(state_error)?;
    let since = state.unreferenced().map_err(state_error)?;
    let identity = state.identity().map_err(state_error)?;
    let owned = match identity {
        Some(identity) => owned_objects(session, &identity.state).map_err(unreadable)?,
        None => Vec::new(),
    };
    let whose = |name: &EnvironmentName| match (ending.contains(name), living.contains(name)) {
        (true, _) => Whose::Ending,
        (false, true) => Whose::Living,
        (false, false) => Whose::Foreign,
    };
    let found = session.readers().map_err(unreadable)?;
    let ours = ours(&owned, settings);
    let readers: Vec<Reader> = found.iter().map(|reader| reader_of(reader, &ours, &whose)).collect();
    let known = known(*state).map_err(state_error)?;
    let physical = Physical::read(session, &known, &owned).map_err(unreadable)?;
    let elsewhere = state.tables_elsewhere().map_err(state_error)?;
    let tables = tables(known, &owned, settings, |name| physical.standing(name, settings, &elsewhere));
    let mut verdict = decide(Inputs {
        now: *now,
        lifetime: &settings.snapshot_ttl,
        roots: &roots,
        tables,
        readers: &readers,
        since: &since,
    });
    verdict.kept.extend(physical.foreign());
    verdict.kept.extend(orphans(&found, &ours, &whose));
    Ok(verdict)
}

/// Every table that something points at, and the environments that stay.
fn roots(
    looking: &Looking<'_>,
    ending: &BTreeSet<EnvironmentName>,
) -> Result<(BTreeSet<TableName>, BTreeSet<EnvironmentName>), StateError> {
    let Looking { state, settings, .. } = looking;
    let (mut maps, mut living) = (Vec::new(), BTreeSet::new());
    for about in state.environments()?.into_iter().filter(|about| !ending.contains(&about.name)) {
        maps.extend(state.environment(&about.name)?.map(|environment| environment.models));
        if about.promoted.is_some() {
            let history = state.history(&about.name, settings.own.gc_history.get())?;
            maps.extend(history.into_iter().map(|entry| entry.models));
        }
        living.insert(about.name);
    }
    for pending in state.pending_promotes()? {
        living.insert(pending.intended.about.name);
        maps.push(pending.intended.models);
    }
    let tables = maps.into_iter().flat_map(BTreeMap::into_values).filter_map(|pointer| pointer.table);
    Ok((tables.collect(), living))
}

/// What is recorded of this project's views.
fn ours<'a>(owned: &'a [ObjectRecord], settings: &Settings) -> BTreeMap<&'a TableName, OurView<'a>> {
    let view = |record: &'a ObjectRecord| match &record.object {
        OwnedObject::View { environment, .. } if record.project == settings.project => {
            Some((&record.name, (&record.model, environment)))
        }
        _ => None,
    };
    owned.iter().filter_map(view).collect()
}

/// What the warehouse says of a view of ours: its model and its environment.
type OurView<'a> = (&'a ModelName, &'a EnvironmentName);

fn reader_of(
    reader: &crate::engine::Reader,
    ours: &BTreeMap<&TableName, OurView<'_>>,
    whose: &dyn Fn(&EnvironmentName) -> Whose,
) -> Reader {
    Reader {
        whose: ours.get(&reader.name).map_or(Whose::Foreign, |(_, environment)| whose(environment)),
        shown: match reader.kind {
            ReaderKind::View => format!("view `{}`", reader.name),
            ReaderKind::Macro => format!("macro `{}`", reader.name),
        },
        text: reader.text.clone(),
    }
}

/// Views of ours that are there, of environments that the state does not know.
fn orphans(
    found: &[crate::engine::Reader],
    ours: &BTreeMap<&TableName, OurView<'_>>,
    whose: &dyn Fn(&EnvironmentName) -> Whose,
) -> Vec<Kept> {
    let orphan = |reader: &crate::engine::Reader| {
        let (model, environment) = ours.get(&reader.name).filter(|(_, name)| whose(name) == Whose::Foreign)?;
        let why = WhyKept::UnknownEnvironment((*environment).clone());
        Some(Kept { name: reader.name.clone(), model: Some((*model).clone()), since: None, why })
    };
    found.iter().filter_map(orphan).collect()
}

/// What the state knows of a table.
struct KnownTable {
    snapshot: Snapshot,
    build: Option<Build>,
}

fn known(state: &dyn State) -> Result<Vec<KnownTable>, StateError> {
    let snapshots = state.all_tables()?;
    let keys: Vec<TableKey> = snapshots.iter().map(|snapshot| snapshot.key.clone()).collect();
    let mut builds = state.newest_builds(&keys)?;
    let known = |snapshot: Snapshot| KnownTable { build: builds.remove(&snapshot.key), snapshot };
    Ok(snapshots.into_iter().map(known).collect())
}

impl KnownTable {
    /// The rows of a table that its last build filled as a whole; what is loaded piece by piece is not counted anywhere.
    fn rows(&self) -> Option<u64> {
        let build = self.build.as_ref().filter(|build| self.snapshot.as_of.is_some() && build.intervals.is_empty());
        build.and_then(|build| build.rows)
    }
}

/// The tables that are this project's: those of the state, and those that only the warehouse knows.
fn tables(
    known: Vec<KnownTable>,
    owned: &[ObjectRecord],
    settings: &Settings,
    standing: impl Fn(&TableName) -> Standing,
) -> Vec<Table> {
    let table = |(name, model): (&TableName, &ModelName), rows, known| Table {
        name: name.clone(),
        model: model.clone(),
        rows,
        known,
        standing: standing(name),
    };
    let in_state: BTreeSet<&TableName> = known.iter().map(|known| &known.snapshot.table).collect();
    let is_forgotten = |record: &&ObjectRecord| {
        let is_table = matches!(record.object, OwnedObject::Table { .. });
        is_table && record.project == settings.project && !in_state.contains(&record.name)
    };
    let forgotten = owned.iter().filter(is_forgotten);
    let forgotten = forgotten.map(|record| table((&record.name, &record.model), None, Known::ToWarehouse));
    let of_state = |known: &KnownTable| {
        let key = known.snapshot.key.clone();
        table((&known.snapshot.table, &known.snapshot.key.model), known.rows(), Known::ToState(key))
    };
    known.iter().map(of_state).chain(forgotten).collect()
}

/// What stands in the schemas of our tables.
struct Physical<'a> {
    dialect: Dialect,
    there: BTreeMap<TableName, SchemaObject>,
    recorded: BTreeMap<TableName, &'a ObjectRecord>,
}

impl<'a> Physical<'a> {
    fn read(session: &mut dyn Session, known: &[KnownTable], owned: &'a [ObjectRecord]) -> Result<Self, EngineError> {
        let dialect = session.dialect();
        let recorded: BTreeMap<TableName, &ObjectRecord> = owned
            .iter()
            .filter(|record| matches!(record.object, OwnedObject::Table { .. }))
            .map(|record| (folded(dialect, &record.name), record))
            .collect();
        let names = known.iter().map(|known| &known.snapshot.table);
        let names = names.chain(recorded.values().map(|record| &record.name));
        let mut schemas: BTreeMap<Option<&str>, BTreeSet<&str>> = BTreeMap::new();
        for name in names {
            schemas.entry(name.catalog.as_deref()).or_default().insert(&name.schema);
        }
        let mut there = BTreeMap::new();
        for (catalog, schemas) in schemas {
            let objects = session.objects_of(catalog, &schemas.into_iter().collect::<Vec<_>>())?;
            there.extend(objects.into_iter().map(|object| (folded(dialect, &object.name), object)));
        }
        Ok(Self { dialect, there, recorded })
    }

    /// Only a table that is recorded is ours; where nothing stands, there is nothing to lose.
    fn standing(&self, name: &TableName, settings: &Settings, elsewhere: &BTreeSet<TableName>) -> Standing {
        let place = folded(self.dialect, name);
        let kind = self.there.get(&place).map(|object| object.kind);
        match (self.recorded.get(&place), kind) {
            (Some(record), _) if record.project != settings.project => Standing::Theirs,
            (Some(_), Some(ObjectKind::View)) | (None, Some(_)) => Standing::Foreign,
            _ if elsewhere.contains(name) => Standing::Shared,
            _ => Standing::Ours,
        }
    }

    /// What stands among our tables and was never recorded. In a schema that somebody chose, others may have theirs, too.
    fn foreign(&self) -> impl Iterator<Item = Kept> + '_ {
        let foreign = self.there.iter().filter(|(place, _)| !self.recorded.contains_key(*place));
        let names = foreign.map(|(_, object)| &object.name).filter(|name| is_like_physical(name));
        names.map(|name| Kept { name: name.clone(), model: None, since: None, why: WhyKept::NotOurs })
    }
}

/// A name as the engine compares it: a schema that was there before us may be written in another case.
fn folded(dialect: Dialect, name: &TableName) -> TableName {
    let fold = |part: &str| dialect.fold(part, true);
    TableName { catalog: name.catalog.as_deref().map(fold), schema: fold(&name.schema), name: fold(&name.name) }
}

fn unreadable(error: EngineError) -> CommandError {
    engine_error("cannot read what stands in the warehouse", error)
}
