//! What stands under a name that we want and is not ours, and how it is set aside.

use std::collections::{BTreeMap, BTreeSet};

use super::{OwnedObject, forget_object, meta, owned_objects};
use crate::engine::{ObjectKind, Owner, Result, SchemaObject, Session};
use crate::hash::{Digest, Hasher};
use crate::ids::{EnvironmentName, StateId, TableName};

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
                let same = *engine_version != version || definition.is_some_and(|ours| is_as_we_left_it(&object, ours));
                (!same).then_some(Foreign::Changed)
            }
            _ => Some(Foreign::NotOurs),
        };
        foreign.extend(why.map(|why| ForeignObject { name: object.name.clone(), kind: object.kind, why }));
    }
    Ok(foreign)
}

/// The wanted names under which another environment's view is recorded, with that environment. Asked only of views whose
/// own name may end in that of an environment: where views stand in schemas of their environment, none can meet.
///
/// # Errors
/// What the engine says.
pub fn views_of_others(
    session: &mut dyn Session,
    owner: &Owner,
    wanted: &[TableName],
) -> Result<Vec<(TableName, EnvironmentName)>> {
    let dialect = session.dialect();
    let folded = |name: &TableName| {
        let fold = |part: &str| dialect.fold(part, true);
        (name.catalog.as_deref().map(fold), fold(&name.schema), fold(&name.name))
    };
    let doubtful: BTreeSet<_> = wanted.iter().filter(|name| name.name.contains("__")).map(folded).collect();
    if doubtful.is_empty() {
        return Ok(Vec::new());
    }
    let records = owned_objects(session, &owner.state)?.into_iter();
    let of_others = records.filter_map(|record| match record.object {
        OwnedObject::View { environment, .. } if environment != owner.environment => Some((record.name, environment)),
        _ => None,
    });
    Ok(of_others.filter(|(name, _)| doubtful.contains(&folded(name))).collect())
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

/// What tells a view of ours from one that somebody made in its place.
pub(super) enum Mark<'a> {
    /// The engine's text of it.
    Text(&'a str),
    /// Our comment on it.
    Comment(&'a str),
}

impl Mark<'_> {
    /// What is recorded of it. No text has the digest of a comment.
    pub(super) fn digest(&self) -> Digest {
        let (text, comment) = match *self {
            Self::Text(text) => (Some(text), None),
            Self::Comment(comment) => (None, Some(comment)),
        };
        Hasher::new("offshoot view").option(text).option(comment).finish()
    }
}

/// Whether a view still has the mark that was recorded, whichever it was.
fn is_as_we_left_it(object: &SchemaObject, recorded: Digest) -> bool {
    let text = object.definition.as_deref().map(|text| Mark::Text(text).digest());
    let comment = object.comment.as_deref().map(|comment| Mark::Comment(comment).digest());
    [text, comment].contains(&Some(recorded))
}

/// Which of the wanted names stand in the warehouse, whatever case they are written in there.
pub(super) fn present(session: &mut dyn Session, wanted: &[TableName]) -> Result<BTreeMap<TableName, SchemaObject>> {
    let mut by_catalog: BTreeMap<Option<&str>, Vec<&TableName>> = BTreeMap::new();
    for name in wanted {
        by_catalog.entry(name.catalog.as_deref()).or_default().push(name);
    }
    let dialect = session.dialect();
    let folded = |name: &TableName| (dialect.fold(&name.schema, true), dialect.fold(&name.name, true));
    let mut found = BTreeMap::new();
    for (catalog, names) in by_catalog {
        let schemas: BTreeSet<&str> = names.iter().map(|name| name.schema.as_str()).collect();
        let objects = session.objects_of(catalog, &schemas.into_iter().collect::<Vec<_>>())?;
        let objects: BTreeMap<_, _> = objects.into_iter().map(|object| (folded(&object.name), object)).collect();
        found.extend(names.iter().filter_map(|name| Some(((*name).clone(), objects.get(&folded(name))?.clone()))));
    }
    Ok(found)
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
