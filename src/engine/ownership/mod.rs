//! What the warehouse says about itself: whose it is, which tables and views we made, what was promoted.
//!
//! Three tables in schema `offshoot__meta`. What they do not list is not ours: it is never replaced, dropped or trusted.
//! Every function works inside an open transaction, so a record is as true as what it is about. A lost state is read
//! back from `promotions`. Nothing here decides what to do about a foreign object; it finds and, when told to, renames.

mod expected;
mod fence;
mod foreign;
mod promotion;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use expected::{expect_views, record_expected};
pub use fence::{Fence, fence, largest_token};
pub use foreign::{Foreign, ForeignObject, ViewOfOther, foreign_objects, same_views, take_over, views_of_others};
pub(super) use foreign::{Places, present};
pub use promotion::{Promotion, last_promotion, promoted_environments, record_promotion};

use self::foreign::Mark;
use super::swap::{Owner, Shows};
use super::{Cells, EngineError, ObjectKind, Result, Session, StableText};
use crate::hash::Digest;
use crate::ids::{EnvironmentName, ModelName, ProjectName, StateId, TableName};
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

/// The columns of a row of `objects`, as it is written.
const OBJECT_COLUMNS: [&str; 11] = [
    "state_id",
    "project",
    "catalog_name",
    "schema_name",
    "object_name",
    "kind",
    "model",
    "data_fingerprint",
    "environment",
    "definition",
    "engine_version",
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
        /// When rows were added to it last, of a table that a load only adds to; to where intervals were laid, of a history of
        /// intervals. A load that is there is known by this, where the state does not know of it. `None` for all others.
        added_at: Option<Timestamp>,
    },
    /// A view of the virtual layer.
    View {
        /// Whose.
        environment: EnvironmentName,
        /// Digest of what tells it from one that somebody made in its place.
        definition: Option<Digest>,
        /// The engine version whose text that is; texts of two versions are not compared.
        engine_version: String,
    },
}

/// What stands under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What we recorded as ours; it may be gone from the warehouse.
    Ours(Box<ObjectRecord>),
    /// Something that we did not make.
    Foreign,
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
        session.exclude(META_SCHEMA)?;
    }
    // Another may have been first.
    if owner(session)?.is_none() {
        for (name, columns) in TABLES {
            session.execute(&format!("CREATE TABLE IF NOT EXISTS {} ({columns})", meta_name(session, name)))?;
        }
        let id = text_literal(session.dialect(), state.as_str());
        let table = meta_name(session, "warehouse");
        session.execute(&format!("INSERT INTO {table} (only_row, state_id) VALUES (1, {id})"))?;
    }
    check_owner(session, state)
}

/// Refuses a warehouse of another state; one that nobody owns yet is as good as ours. Writes nothing.
///
/// # Errors
/// [`EngineError::ForeignState`] with both ids.
pub fn check_owner(session: &mut dyn Session, state: &StateId) -> Result<()> {
    match owner(session)? {
        Some(theirs) if theirs != *state => Err(EngineError::ForeignState { ours: state.clone(), theirs }),
        _ => Ok(()),
    }
}

/// Records tables or views as ours that were not recorded before.
///
/// # Errors
/// What the engine says.
pub fn record_new_object(session: &mut dyn Session, state: &StateId, records: &[ObjectRecord]) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let version = session.version();
    let rows: Vec<Cells> = records.iter().map(|record| record_row(state, record, &version)).collect();
    session.append(&meta("objects"), &OBJECT_COLUMNS, &rows)
}

/// Records tables or views as ours, in place of what was recorded under their names.
///
/// # Errors
/// What the engine says.
pub fn record_object(session: &mut dyn Session, state: &StateId, records: &[ObjectRecord]) -> Result<()> {
    let names: Vec<TableName> = records.iter().map(|record| record.name.clone()).collect();
    let names = if names.len() > FEW { recorded_of(session, &names)? } else { names };
    forget_object(session, &names)?;
    record_new_object(session, state, records)
}

/// So many names are forgotten whether they are recorded or not. Of more it is asked first: a long list in a statement
/// costs more than reading all that is recorded, and most are new where there are many.
const FEW: usize = 50;

/// Which of the names are recorded.
fn recorded_of(session: &mut dyn Session, names: &[TableName]) -> Result<Vec<TableName>> {
    let sql = format!("SELECT catalog_name, schema_name, object_name FROM {}", meta_name(session, "objects"));
    let rows = session.query(&sql)?.rows.into_iter();
    let recorded: BTreeSet<TableName> = rows
        .filter_map(|row| {
            let [catalog, schema, name]: [Option<String>; 3] = row.try_into().ok()?;
            Some(TableName { catalog, schema: schema?, name: name? })
        })
        .collect();
    Ok(names.iter().filter(|name| recorded.contains(name)).cloned().collect())
}

/// Says another thing of a table or view that is recorded as ours, in one statement: it is nobody's at no moment, on an engine
/// without a transaction too.
///
/// # Errors
/// What the engine says.
pub fn amend_object(session: &mut dyn Session, state: &StateId, record: &ObjectRecord) -> Result<()> {
    let row = record_row(state, record, &session.version());
    let literal = |cell: Option<String>| cell.map_or("NULL".to_owned(), |text| text_literal(session.dialect(), &text));
    let set: Vec<String> =
        OBJECT_COLUMNS.iter().zip(row).map(|(column, cell)| format!("{column} = {}", literal(cell))).collect();
    let (table, name) = (meta_name(session, "objects"), named(session, std::slice::from_ref(&record.name)));
    match session.execute(&format!("UPDATE {table} SET {} WHERE {name}", set.join(", ")))? {
        0 => record_new_object(session, state, std::slice::from_ref(record)),
        _ => Ok(()),
    }
}

fn record_row(state: &StateId, record: &ObjectRecord, version: &str) -> Cells {
    let text = |text: &str| Some(text.to_owned());
    let (kind, fingerprint, environment, definition, version) = match &record.object {
        OwnedObject::Table { data_fingerprint, added_at } => {
            let added_at = added_at.map(|added_at| added_at.0.to_string());
            (ObjectKind::Table, Some(data_fingerprint.to_string()), None, added_at, version)
        }
        OwnedObject::View { environment, definition, engine_version } => {
            let definition = definition.map(|digest| digest.to_string());
            (ObjectKind::View, None, Some(environment.to_string()), definition, engine_version.as_str())
        }
    };
    vec![
        text(state.as_str()),
        text(record.project.as_str()),
        record.name.catalog.clone(),
        text(&record.name.schema),
        text(&record.name.name),
        text(kind.text()),
        text(&record.model.to_string()),
        fingerprint,
        environment,
        definition,
        text(version),
    ]
}

/// Forgets objects by name.
///
/// # Errors
/// What the engine says.
pub fn forget_object(session: &mut dyn Session, names: &[TableName]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let (table, names) = (meta_name(session, "objects"), named(session, names));
    session.execute(&format!("DELETE FROM {table} WHERE {names}"))?;
    Ok(())
}

/// The condition on rows that they are about objects of these names, of which there is one at least.
fn named(session: &dyn Session, names: &[TableName]) -> String {
    let text = |text: &str| text_literal(session.dialect(), text);
    let row = |name: &TableName| {
        format!("({}, {}, {})", text(name.catalog.as_deref().unwrap_or("")), text(&name.schema), text(&name.name))
    };
    let rows: Vec<String> = names.iter().map(row).collect();
    format!("(coalesce(catalog_name, ''), schema_name, object_name) IN ({})", rows.join(", "))
}

/// Everything that a state made here, by name; nothing where the warehouse was never written to.
///
/// # Errors
/// What the engine says, or a row that no version of this program wrote.
pub fn owned_objects(session: &mut dyn Session, state: &StateId) -> Result<Vec<ObjectRecord>> {
    records_where(session, state, "TRUE")
}

/// The views that other environments of the project, and other projects of the state, have here.
fn views_beside(session: &mut dyn Session, owner: &Owner) -> Result<Vec<ObjectRecord>> {
    let text = |text: &str| text_literal(session.dialect(), text);
    let (view, project) = (text(ObjectKind::View.text()), text(owner.project.as_str()));
    let environment = text(owner.environment.as_str());
    let others = format!("kind = {view} AND NOT (project = {project} AND environment = {environment})");
    records_where(session, &owner.state, &others)
}

fn records_where(session: &mut dyn Session, state: &StateId, condition: &str) -> Result<Vec<ObjectRecord>> {
    if session.columns(&meta("objects"))?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT project, catalog_name, schema_name, object_name, kind, model, data_fingerprint, environment, definition, \
         engine_version FROM {} WHERE state_id = {} AND {condition} ORDER BY catalog_name, schema_name, object_name",
        meta_name(session, "objects"),
        text_literal(session.dialect(), state.as_str())
    );
    session.query(&sql)?.rows.into_iter().map(|row| read_record(&row)).collect()
}

/// What stands under each of the wanted names; a name under which nothing stands is left out, unless it is recorded as
/// ours. Two questions, however many names there are.
///
/// # Errors
/// As [`owned_objects`].
pub fn standing(
    session: &mut dyn Session,
    state: &StateId,
    wanted: &[TableName],
) -> Result<BTreeMap<TableName, Standing>> {
    let mut owned: BTreeMap<TableName, ObjectRecord> =
        owned_objects(session, state)?.into_iter().map(|record| (record.name.clone(), record)).collect();
    let there = present(session, wanted)?;
    let standing = |name: &TableName| {
        let ours = owned.remove(name).map(|record| Standing::Ours(Box::new(record)));
        let found = ours.or_else(|| there.contains_key(name).then_some(Standing::Foreign));
        Some((name.clone(), found?))
    };
    Ok(wanted.iter().filter_map(standing).collect())
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
            added_at: match cell(8) {
                Some(text) => Some(Timestamp(text.parse().map_err(|_| unreadable("a moment", text))?)),
                None => None,
            },
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

/// A view that we have just made, and how it is known again.
pub(super) struct MadeView {
    pub(super) name: TableName,
    pub(super) model: ModelName,
    pub(super) known_by: KnownBy,
}

/// How one of our views is told from one that somebody makes in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KnownBy {
    /// The engine's text of it, which stays what it is. Who makes the same view again changes nothing.
    Text,
    /// The comment that we left on it.
    Comment(String),
}

impl KnownBy {
    /// Whether a view of which we know what it shows needs a comment at all.
    pub(super) fn needs_comment(stable: StableText, shows: Shows) -> bool {
        (stable, shows) == (StableText::Pointers, Shows::Query)
    }
}

/// The records of views that we have just made: with the engine's own text of those that are known by it, all of which are
/// read back with a question for each schema.
///
/// # Errors
/// What the engine says.
pub(super) fn adopt_views(
    session: &mut dyn Session,
    project: &ProjectName,
    environment: &EnvironmentName,
    views: &[MadeView],
) -> Result<Vec<ObjectRecord>> {
    let engine_version = session.version();
    let by_text = views.iter().filter(|view| view.known_by == KnownBy::Text);
    let present = present(session, &by_text.map(|view| view.name.clone()).collect::<Vec<_>>())?;
    let definition = |view: &MadeView| match &view.known_by {
        KnownBy::Comment(comment) => Some(Mark::Comment(comment).digest()),
        KnownBy::Text => present.get(&view.name)?.definition.as_deref().map(|text| Mark::Text(text).digest()),
    };
    let record = |view: &MadeView| ObjectRecord {
        project: project.clone(),
        name: view.name.clone(),
        model: view.model.clone(),
        object: OwnedObject::View {
            environment: environment.clone(),
            definition: definition(view),
            engine_version: engine_version.clone(),
        },
    };
    Ok(views.iter().map(record).collect())
}
