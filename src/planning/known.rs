//! What the state knows of the tables that a plan is about.

use std::collections::{BTreeMap, BTreeSet};

use crate::fingerprint::Tree;
use crate::ids::{EnvironmentName, ModelName, TableName};
use crate::model::{Kind, Past};
use crate::naming::TableKey;
use crate::plan::{Known, KnownLoad, KnownTable, Plan, Sharing, ShownBefore};
use crate::state::{Environment, LoadedInterval, Others, Owner, Pointer, State, StateError};
use crate::time::Timestamp;
use crate::turn::Writer;

/// What a plan asks the state about.
pub struct Question<'a> {
    /// Who is about to write.
    pub writer: Writer<'a>,
    /// The trees whose tables count.
    pub trees: [Option<&'a Tree>; 3],
    /// Tables besides those.
    pub keys: BTreeSet<TableKey>,
    /// The environment whose tables say how far a model is loaded: prod, or the one that is promoted to.
    pub replaced: Option<&'a Environment>,
}

/// Plans over what the state knows. Which previews a plan points at is its own to say, so it is made again for as long as
/// it names new ones: once more for each that reads another.
///
/// # Errors
/// The state cannot be read.
pub fn plan_over(
    state: &dyn State,
    question: &Question<'_>,
    plan: &dyn Fn(&Known) -> Plan,
) -> Result<Plan, StateError> {
    let mut keys = question.keys.clone();
    loop {
        let plan = plan(&known(state, question, keys.clone())?);
        let new: Vec<TableKey> = plan.previews().filter(|key| !keys.contains(key)).cloned().collect();
        if new.is_empty() {
            return Ok(plan);
        }
        keys.extend(new);
    }
}

/// What the state knows of the tables that the trees name, and of those with these `keys`.
pub(super) fn known(
    state: &dyn State,
    question: &Question<'_>,
    mut keys: BTreeSet<TableKey>,
) -> Result<Known, StateError> {
    let Question { writer, trees, replaced, keys: _ } = question;
    for (name, fingerprint) in trees.iter().flatten().flat_map(|tree| &tree.fingerprints) {
        keys.insert(TableKey { model: name.clone(), data_fingerprint: fingerprint.data });
    }
    let stored = |models: &BTreeMap<ModelName, Pointer>| -> BTreeMap<ModelName, TableKey> {
        let pointers = models.iter().filter(|(_, pointer)| pointer.table.is_some());
        pointers
            .map(|(name, pointer)| {
                (name.clone(), TableKey { model: name.clone(), data_fingerprint: pointer.data_fingerprint })
            })
            .collect()
    };
    let prod = replaced.map(|prod| stored(&prod.models)).unwrap_or_default();
    let reference = match writer {
        Writer::Promote(environment) if !environment.is_prod() => state.environment(&EnvironmentName::prod())?,
        _ => None,
    };
    let reference = reference.as_ref().map(|prod| stored(&prod.models)).unwrap_or_default();
    keys.extend(prod.values().chain(reference.values()).cloned());
    let keys: Vec<TableKey> = keys.into_iter().collect();
    let tables = state.tables(&keys)?;
    let names: Vec<TableName> = tables.values().map(|table| table.snapshot.table.clone()).collect();
    let shared = writer.leaves_alone(state, &names)?;
    let keeps = |tree: &&Tree| {
        tree.models.values().any(|model| model.past() != Past::Recomputed || matches!(model.kind, Kind::UniqueKey(_)))
    };
    let before = |environment: Option<EnvironmentName>| match environment {
        Some(environment) if trees.iter().flatten().any(keeps) => {
            state.shown_by(Others::EverOnly(&environment), &names)
        }
        _ => Ok(BTreeSet::new()),
    };
    let own = writer.promotes_to();
    let productions = own.as_ref().is_none_or(|own| !own.is_prod()).then(EnvironmentName::prod);
    let restatements = if trees.iter().flatten().any(lies_over) {
        restatements(state, own.iter().chain(&productions).chain(writer.runs()))?
    } else {
        BTreeMap::new()
    };
    let (before, productions) = (before(own)?, before(productions)?);
    let mut builds = state.newest_builds(&tables.keys().cloned().collect::<Vec<_>>())?;
    let table = |(key, table): (TableKey, crate::state::Table)| {
        let build = builds.remove(&key);
        let load = |load: &LoadedInterval| KnownLoad {
            interval: load.interval,
            at: load.loaded_at,
            inputs: load.inputs.clone(),
        };
        let inputs = build.iter().flat_map(|build| &build.inputs);
        let known = KnownTable {
            loads: table.ledger.loads().iter().map(load).collect(),
            filled_at: table.snapshot.as_of,
            inputs: inputs.map(|input| (input.key.clone(), input.newest)).collect(),
            seen: build.and_then(|build| build.seen),
            shown: match &table.snapshot.table {
                table if before.contains(table) => ShownBefore::Yes,
                table if productions.contains(table) => ShownBefore::ByProduction,
                _ => ShownBefore::No,
            },
            sharing: if shared.contains(&table.snapshot.table) { Sharing::Shared } else { Sharing::Own },
            kind: table.snapshot.kind,
            table: table.snapshot.table,
        };
        (key, known)
    };
    Ok(Known {
        tables: tables.into_iter().map(table).collect(),
        prod,
        reference,
        restatements,
        adopted: BTreeMap::new(),
    })
}

/// Whether some of the models lie over their own rows, which may be of rows that were loaded again since.
fn lies_over(tree: &&Tree) -> bool {
    tree.models.values().any(|model| matches!(model.kind, Kind::UniqueKey(_)))
}

/// When models were loaded again last, as far as these environments have ever shown what that made. What nobody knows a table of
/// any more counts where it was made for one that goes by its name.
fn restatements<'a>(
    state: &dyn State,
    environments: impl Iterator<Item = &'a EnvironmentName>,
) -> Result<BTreeMap<ModelName, Timestamp>, StateError> {
    let builds = state.restatements()?;
    if builds.is_empty() {
        return Ok(BTreeMap::new());
    }
    let tables = state.tables(&builds.iter().map(|build| build.key.clone()).collect::<Vec<_>>())?;
    let names: Vec<TableName> = tables.values().map(|table| table.snapshot.table.clone()).collect();
    let mut shown = BTreeSet::new();
    for environment in environments {
        shown.extend(state.shown_by(Others::EverOnly(environment), &names)?);
    }
    let mut newest: BTreeMap<ModelName, Timestamp> = BTreeMap::new();
    for build in builds {
        let counts = match tables.get(&build.key) {
            Some(table) => shown.contains(&table.snapshot.table),
            None => build.made_for == Some(Owner::Named),
        };
        if counts {
            let at = newest.entry(build.key.model).or_insert(build.started_at);
            *at = build.started_at.max(*at);
        }
    }
    Ok(newest)
}
