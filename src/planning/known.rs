//! What the state knows of the tables that a plan is about.

use std::collections::{BTreeMap, BTreeSet};

use crate::fingerprint::Tree;
use crate::ids::{EnvironmentName, ModelName, TableName};
use crate::model::{Kind, Past};
use crate::naming::TableKey;
use crate::plan::{Known, KnownLoad, KnownTable, Plan, Sharing, ShownBefore};
use crate::state::{Environment, LoadedInterval, Others, Pointer, State, StateError};
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
    Ok(Known { tables: tables.into_iter().map(table).collect(), prod, reference, adopted: BTreeMap::new() })
}
