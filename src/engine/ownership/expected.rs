//! Views on an engine without a transaction around them: each is recorded before it is made, so that whoever comes after a
//! death knows it for ours, however it stands.

use super::{MadeView, ObjectRecord, OwnedObject, meta_name, named, record_new_object, recorded_of};
use crate::engine::swap::Owner;
use crate::engine::{Result, Session};
use crate::ids::{StateId, TableName};

/// In place of the engine's version: what it tells of the view is not compared. No engine has it.
const ON_ITS_WAY: &str = "";

/// Records views that are about to be made.
///
/// # Errors
/// What the engine says.
pub(in crate::engine) fn expect_views(session: &mut dyn Session, owner: &Owner, views: &[MadeView]) -> Result<()> {
    let names: Vec<TableName> = views.iter().map(|view| view.name.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let known = recorded_of(session, &names)?;
    if !known.is_empty() {
        let (table, known) = (meta_name(session, "objects"), named(session, &known));
        session.execute(&format!("UPDATE {table} SET engine_version = '{ON_ITS_WAY}' WHERE {known}"))?;
    }
    let new = views.iter().filter(|view| !known.contains(&view.name)).map(|view| ObjectRecord {
        project: owner.project.clone(),
        name: view.name.clone(),
        model: view.model.clone(),
        object: OwnedObject::View {
            environment: owner.environment.clone(),
            definition: None,
            engine_version: ON_ITS_WAY.to_owned(),
        },
    });
    record_new_object(session, &owner.state, &new.collect::<Vec<_>>())
}

/// Records views that were expected and are made: the new records come before the old ones go.
///
/// # Errors
/// What the engine says.
pub(in crate::engine) fn record_expected(
    session: &mut dyn Session,
    state: &StateId,
    records: &[ObjectRecord],
) -> Result<()> {
    let names: Vec<TableName> = records.iter().map(|record| record.name.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    record_new_object(session, state, records)?;
    let (table, names) = (meta_name(session, "objects"), named(session, &names));
    session.execute(&format!("DELETE FROM {table} WHERE engine_version = '{ON_ITS_WAY}' AND {names}")).map(drop)
}
