//! What the warehouse says about itself: whose it is, which tables and views we made, what was promoted.
//!
//! Three tables in schema `offshoot__meta`. What they do not list is not ours: it is never replaced, dropped or trusted.
//! Every function works inside an open transaction, so a record is as true as what it is about. A lost state is read
//! back from `promotions`. Nothing here decides what to do about a foreign object; it finds and, when told to, renames.

use std::collections::{BTreeMap, BTreeSet};

use super::{EngineError, ObjectKind, Result, SchemaObject, Session};
use crate::hash::Digest;
use crate::ids::{CommitId, EnvironmentName, ModelName, PlanId, ProjectName, StateId, TableName};
use crate::statement::{quote_table, text_literal};
use crate::time::Timestamp;

/// The schema of the tables below, in the default catalog.
pub const META_SCHEMA: &str = "offshoot__meta";

const TABLES: [(&str, &str); 3] = [
    // The key lets two first writes collide instead of both succeeding.
    ("warehouse", "only_row INTEGER PRIMARY KEY, state_id TEXT NOT NULL"),
    (
        "objects",
        "state_id TEXT NOT NULL, project TEXT NOT NULL, catalog_name TEXT, schema_name TEXT NOT NULL, \
         object_name TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL, data_fingerprint TEXT, environment TEXT, \
         definition TEXT, engine_version TEXT NOT NULL",
    ),
    (
        "promotions",
        "project TEXT NOT NULL, environment TEXT NOT NULL, plan_id TEXT NOT NULL, commit_id TEXT NOT NULL, \
         sequence BIGINT NOT NULL, payload TEXT NOT NULL, promoted_at BIGINT NOT NULL",
    ),
];

/// A table or view that we made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRecord {
    /// The project that it belongs to.
    pub project: ProjectName,
    /// Its name.
    pub name: TableName,
    /// The model that it is for.
    pub model: ModelName,
    /// What it is.
    pub object: OwnedObject,
}

/// What sort of object we made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedObject {
    /// A table of the physical layer.
    Table {
        /// What it holds.
        data_fingerprint: Digest,
    },
    /// A view of the virtual layer.
    View {
        /// Whose.
        environment: EnvironmentName,
        /// Digest of the engine's own text of it, right after it was made.
        definition: Option<Digest>,
        /// The engine version whose text that is; texts of two versions are not compared.
        engine_version: String,
    },
}

/// One promote, as the warehouse remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// The project.
    pub project: ProjectName,
    /// The environment, `prod` in most cases.
    pub environment: EnvironmentName,
    /// The plan that was promoted.
    pub plan: PlanId,
    /// The commit that it shows.
    pub commit: CommitId,
    /// Counts the promotes of an environment.
    pub sequence: u64,
    /// Pointers and ledger as JSON, enough to read the environment back from here.
    pub payload: String,
    /// When.
    pub at: Timestamp,
}

/// Something under a name that we want and that is not ours, or no longer as we left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignObject {
    /// Its name.
    pub name: TableName,
    /// What it is.
    pub kind: ObjectKind,
    /// Why it is foreign.
    pub why: Foreign,
}

/// Why an object is not ours to replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// We did not make it.
    NotOurs,
    /// We made it, and somebody changed it.
    Changed,
}

fn meta(name: &str) -> TableName {
    TableName { catalog: None, schema: META_SCHEMA.to_owned(), name: name.to_owned() }
}

fn meta_name(session: &dyn Session, name: &str) -> String {
    quote_table(session.dialect(), &meta(name))
}

/// The state that the warehouse belongs to; `None` where nothing was ever written to it.
///
/// # Errors
/// What the engine says.
pub fn owner(session: &mut dyn Session) -> Result<Option<StateId>> {
    if session.columns(&meta("warehouse"))?.is_none() {
        return Ok(None);
    }
    let sql = format!("SELECT state_id FROM {}", meta_name(session, "warehouse"));
    Ok(session.query(&sql)?.rows.into_iter().next().and_then(|row| row.into_iter().next()?).map(StateId::new))
}

/// Makes the warehouse ours, or finds that it is already.
///
/// # Errors
/// [`EngineError::ForeignState`] with both ids where it is another's.
pub fn claim(session: &mut dyn Session, state: &StateId) -> Result<()> {
    if owner(session)?.is_none() {
        session.create_schema_if_missing(None, META_SCHEMA)?;
        for (name, columns) in TABLES {
            session.execute(&format!("CREATE TABLE IF NOT EXISTS {} ({columns})", meta_name(session, name)))?;
        }
        let id = text_literal(session.dialect(), state.as_str());
        let table = meta_name(session, "warehouse");
        session.execute(&format!("INSERT INTO {table} (only_row, state_id) VALUES (1, {id})"))?;
    }
    match owner(session)? {
        Some(theirs) if theirs != *state => Err(EngineError::ForeignState { ours: state.clone(), theirs }),
        _ => Ok(()),
    }
}

/// Records tables or views as ours, in place of what was recorded under their names.
///
/// # Errors
/// What the engine says.
pub fn record_object(session: &mut dyn Session, state: &StateId, records: &[ObjectRecord]) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    forget_object(session, &records.iter().map(|record| record.name.clone()).collect::<Vec<_>>())?;
    let rows: Vec<String> = records.iter().map(|record| record_row(session, state, record)).collect();
    let table = meta_name(session, "objects");
    session.execute(&format!(
        "INSERT INTO {table} (state_id, project, catalog_name, schema_name, object_name, kind, model, \
         data_fingerprint, environment, definition, engine_version) VALUES {}",
        rows.join(", ")
    ))?;
    Ok(())
}

fn record_row(session: &dyn Session, state: &StateId, record: &ObjectRecord) -> String {
    let text = |text: &str| text_literal(session.dialect(), text);
    let option = |value: Option<String>| value.map_or_else(|| "NULL".to_owned(), |value| text(&value));
    let (kind, fingerprint, environment, definition, version) = match &record.object {
        OwnedObject::Table { data_fingerprint } => {
            (ObjectKind::Table, Some(data_fingerprint.to_string()), None, None, session.version())
        }
        OwnedObject::View { environment, definition, engine_version } => {
            let definition = definition.map(|digest| digest.to_string());
            (ObjectKind::View, None, Some(environment.to_string()), definition, engine_version.clone())
        }
    };
    let cells = [
        text(state.as_str()),
        text(record.project.as_str()),
        option(record.name.catalog.clone()),
        text(&record.name.schema),
        text(&record.name.name),
        text(kind.text()),
        text(&record.model.to_string()),
        option(fingerprint),
        option(environment),
        option(definition),
        text(&version),
    ];
    format!("({})", cells.join(", "))
}

/// Forgets objects by name.
///
/// # Errors
/// What the engine says.
pub fn forget_object(session: &mut dyn Session, names: &[TableName]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let text = |text: &str| text_literal(session.dialect(), text);
    let row = |name: &TableName| {
        format!("({}, {}, {})", text(name.catalog.as_deref().unwrap_or("")), text(&name.schema), text(&name.name))
    };
    let rows: Vec<String> = names.iter().map(row).collect();
    let table = meta_name(session, "objects");
    session.execute(&format!(
        "DELETE FROM {table} WHERE (coalesce(catalog_name, ''), schema_name, object_name) IN ({})",
        rows.join(", ")
    ))?;
    Ok(())
}

/// Everything that a state made here, by name; nothing where the warehouse was never written to.
///
/// # Errors
/// What the engine says, or a row that no version of this program wrote.
pub fn owned_objects(session: &mut dyn Session, state: &StateId) -> Result<Vec<ObjectRecord>> {
    if session.columns(&meta("objects"))?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT project, catalog_name, schema_name, object_name, kind, model, data_fingerprint, environment, definition, \
         engine_version FROM {} WHERE state_id = {} ORDER BY catalog_name, schema_name, object_name",
        meta_name(session, "objects"),
        text_literal(session.dialect(), state.as_str())
    );
    session.query(&sql)?.rows.into_iter().map(|row| read_record(&row)).collect()
}

fn read_record(row: &[Option<String>]) -> Result<ObjectRecord> {
    let cell = |index: usize| row.get(index).cloned().flatten();
    let text = |index: usize| cell(index).unwrap_or_default();
    let unreadable = |expected, found: String| EngineError::Meta { table: "objects", expected, found };
    let digest = |index: usize| match cell(index) {
        Some(text) => Digest::parse(&text).map(Some).ok_or_else(|| unreadable("a digest", text)),
        None => Ok(None),
    };
    let object = match ObjectKind::parse(&text(4)) {
        Some(ObjectKind::Table) => OwnedObject::Table {
            data_fingerprint: digest(6)?.ok_or_else(|| unreadable("a data fingerprint", "NULL".into()))?,
        },
        Some(ObjectKind::View) => OwnedObject::View {
            environment: EnvironmentName::new(text(7)),
            definition: digest(8)?,
            engine_version: text(9),
        },
        None => return Err(unreadable("`table` or `view`", text(4))),
    };
    Ok(ObjectRecord {
        project: ProjectName::new(text(0)),
        name: TableName { catalog: cell(1), schema: text(2), name: text(3) },
        model: ModelName::parse(&text(5)).ok_or_else(|| unreadable("a model's name", text(5)))?,
        object,
    })
}

/// The digest of a view's definition as the engine shows it.
fn definition_digest(object: &SchemaObject) -> Option<Digest> {
    object.definition.as_deref().map(|text| Digest::of("offshoot view definition", text))
}

/// The record of a view that we have just made, with the engine's own text of it.
///
/// # Errors
/// What the engine says.
pub fn adopt_view(
    session: &mut dyn Session,
    project: &ProjectName,
    environment: &EnvironmentName,
    views: &[(TableName, ModelName)],
) -> Result<Vec<ObjectRecord>> {
    let engine_version = session.version();
    let names: Vec<TableName> = views.iter().map(|(name, _)| name.clone()).collect();
    let present = present(session, &names)?;
    let record = |(name, model): &(TableName, ModelName)| ObjectRecord {
        project: project.clone(),
        name: name.clone(),
        model: model.clone(),
        object: OwnedObject::View {
            environment: environment.clone(),
            definition: present.get(name).and_then(definition_digest),
            engine_version: engine_version.clone(),
        },
    };
    Ok(views.iter().map(record).collect())
}

/// Which of the wanted names stand in the warehouse, whatever case they are written in there.
fn present(session: &mut dyn Session, wanted: &[TableName]) -> Result<BTreeMap<TableName, SchemaObject>> {
    let schemas: BTreeSet<(Option<String>, String)> =
        wanted.iter().map(|name| (name.catalog.clone(), name.schema.clone())).collect();
    let mut found = BTreeMap::new();
    for (catalog, schema) in schemas {
        let objects = session.objects_by_name(catalog.as_deref(), &schema)?;
        let here = wanted.iter().filter(|name| name.catalog == catalog && name.schema == schema);
        for name in here {
            if let Some(object) = objects.get(&session.dialect().fold(&name.name, true)) {
                found.insert(name.clone(), object.clone());
            }
        }
    }
    Ok(found)
}

/// What stands under the wanted names and is not ours to replace.
///
/// # Errors
/// What the engine says.
pub fn foreign_objects(session: &mut dyn Session, state: &StateId, wanted: &[TableName]) -> Result<Vec<ForeignObject>> {
    let (dialect, version) = (session.dialect(), session.version());
    let folded = |name: &TableName| {
        let fold = |part: &str| dialect.fold(part, true);
        (name.catalog.as_deref().map(fold), fold(&name.schema), fold(&name.name))
    };
    let owned: BTreeMap<_, _> =
        owned_objects(session, state)?.into_iter().map(|record| (folded(&record.name), record.object)).collect();
    let mut foreign = Vec::new();
    for (name, object) in present(session, wanted)? {
        let why = match (owned.get(&folded(&name)), object.kind) {
            (Some(OwnedObject::Table { .. }), ObjectKind::Table) => None,
            (Some(OwnedObject::View { definition, engine_version, .. }), ObjectKind::View) => {
                let same = *engine_version != version || *definition == definition_digest(&object);
                (!same).then_some(Foreign::Changed)
            }
            _ => Some(Foreign::NotOurs),
        };
        foreign.extend(why.map(|why| ForeignObject { name: object.name.clone(), kind: object.kind, why }));
    }
    Ok(foreign)
}

/// Renames foreign objects to `<name>__before_offshoot`, so that their names are free; gives the new names.
///
/// # Errors
/// What the engine says, such as that something depends on a table.
pub fn take_over(session: &mut dyn Session, foreign: &[ForeignObject]) -> Result<Vec<(TableName, TableName)>> {
    let mut renamed = Vec::new();
    for object in foreign {
        let taken = session.objects_by_name(object.name.catalog.as_deref(), &object.name.schema)?;
        let limit = session.capabilities().max_identifier_bytes;
        let free = (1..)
            .map(|number| set_aside(&object.name.name, number, limit))
            .find(|name| !taken.contains_key(&session.dialect().fold(name, true)));
        let Some(name) = free else { continue };
        session.rename(object.kind, &object.name, &name)?;
        renamed.push((object.name.clone(), TableName { name, ..object.name.clone() }));
    }
    let names: Vec<TableName> = foreign.iter().map(|object| object.name.clone()).collect();
    if session.columns(&meta("objects"))?.is_some() {
        forget_object(session, &names)?;
    }
    Ok(renamed)
}

/// The name that an object is set aside under: numbered from the second try on, cut to fit.
fn set_aside(name: &str, number: u32, limit: Option<usize>) -> String {
    let suffix = if number == 1 { "__before_offshoot".to_owned() } else { format!("__before_offshoot_{number}") };
    let room = limit.unwrap_or(usize::MAX).saturating_sub(suffix.len());
    let kept = name.char_indices().take_while(|(index, letter)| index + letter.len_utf8() <= room);
    format!("{}{suffix}", kept.map(|(_, letter)| letter).collect::<String>())
}

/// Remembers a promote; called in the transaction that swaps its views.
///
/// # Errors
/// What the engine says.
pub fn record_promotion(session: &mut dyn Session, promotion: &Promotion) -> Result<()> {
    let text = |text: &str| text_literal(session.dialect(), text);
    let sql = format!(
        "INSERT INTO {} (project, environment, plan_id, commit_id, sequence, payload, promoted_at) \
         VALUES ({}, {}, {}, {}, {}, {}, {})",
        meta_name(session, "promotions"),
        text(promotion.project.as_str()),
        text(promotion.environment.as_str()),
        text(promotion.plan.as_str()),
        text(promotion.commit.as_str()),
        promotion.sequence,
        text(&promotion.payload),
        promotion.at.0
    );
    session.execute(&sql).map(drop)
}

/// The promote of an environment that was recorded last.
///
/// # Errors
/// What the engine says, or a row that no version of this program wrote.
pub fn last_promotion(
    session: &mut dyn Session,
    project: &ProjectName,
    environment: &EnvironmentName,
) -> Result<Option<Promotion>> {
    if session.columns(&meta("promotions"))?.is_none() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT plan_id, commit_id, sequence, payload, promoted_at FROM {} WHERE project = {} AND environment = {} \
         ORDER BY sequence DESC LIMIT 1",
        meta_name(session, "promotions"),
        text_literal(session.dialect(), project.as_str()),
        text_literal(session.dialect(), environment.as_str())
    );
    let Some(row) = session.query(&sql)?.rows.into_iter().next() else { return Ok(None) };
    let text = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
    let unreadable = |found: String| EngineError::Meta { table: "promotions", expected: "a number", found };
    Ok(Some(Promotion {
        project: project.clone(),
        environment: environment.clone(),
        plan: PlanId::new(text(0)),
        commit: CommitId::new(text(1)),
        sequence: text(2).parse().map_err(|_| unreadable(text(2)))?,
        payload: text(3),
        at: Timestamp(text(4).parse().map_err(|_| unreadable(text(4)))?),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_set_aside_fit() {
        assert_eq!(set_aside("orders", 1, None), "orders__before_offshoot");
        assert_eq!(set_aside("äöü", 2, Some(22)), "ä__before_offshoot_2");
    }
}
