//! What stands under a name that we want and is not ours, and how it is set aside.

use std::collections::{BTreeMap, BTreeSet};

use super::{OwnedObject, forget_object, meta, owned_objects, views_beside};
use crate::engine::{ObjectKind, Owner, Result, SchemaObject, Session};
use crate::hash::{Digest, Hasher};
use crate::ids::{EnvironmentName, ProjectName, StateId, TableName};
use crate::sql::Dialect;

/// Something under a name that we want and that is not ours, or no longer as we left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignObject {
    /// Its name.
    pub name: TableName,
    /// What it is.
    pub kind: ObjectKind,
    /// Why it is foreign.
    pub why: Foreign,
    /// The engine's own text of a view's definition.
    pub definition: Option<String>,
}

/// Why an object is not ours to replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// We did not make it.
    NotOurs,
    /// We made it, and somebody changed it.
    Changed,
}

/// A view under a name that we want, which another environment or another project made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewOfOther {
    /// The name that we want.
    pub view: TableName,
    /// Whose environment it is; `None` where it is our own project's.
    pub project: Option<ProjectName>,
    /// The environment that shows it.
    pub environment: EnvironmentName,
}

/// What stands under the wanted names and is not ours to replace.
///
/// # Errors
/// What the engine says.
pub fn foreign_objects(session: &mut dyn Session, state: &StateId, wanted: &[TableName]) -> Result<Vec<ForeignObject>> {
    let version = session.version();
    let records = owned_objects(session, state)?;
    let places = Places::of(session, wanted.iter().chain(records.iter().map(|record| &record.name)))?;
    let owned: BTreeMap<_, _> = records.into_iter().map(|record| (places.place(&record.name), record.object)).collect();
    let mut foreign = Vec::new();
    for (name, object) in present(session, wanted)? {
        let why = match (owned.get(&places.place(&name)), object.kind) {
            (Some(OwnedObject::Table { .. }), ObjectKind::Table) => None,
            (Some(OwnedObject::View { definition, engine_version, .. }), ObjectKind::View) => {
                let same = *engine_version != version || definition.is_some_and(|ours| is_as_we_left_it(&object, ours));
                (!same).then_some(Foreign::Changed)
            }
            _ => Some(Foreign::NotOurs),
        };
        foreign.extend(why.map(|why| ForeignObject {
            name: object.name.clone(),
            kind: object.kind,
            why,
            definition: object.definition.clone(),
        }));
    }
    Ok(foreign)
}

/// The wanted names under which a view of another environment or another project is recorded.
///
/// # Errors
/// What the engine says.
pub fn views_of_others(session: &mut dyn Session, owner: &Owner, wanted: &[TableName]) -> Result<Vec<ViewOfOther>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let records = views_beside(session, owner)?;
    let places = Places::of(session, wanted.iter().chain(records.iter().map(|record| &record.name)))?;
    let of_others = records.into_iter().filter_map(|record| match record.object {
        OwnedObject::View { environment, .. } => Some((places.place(&record.name), (record.project, environment))),
        OwnedObject::Table { .. } => None,
    });
    let of_others: BTreeMap<_, _> = of_others.collect();
    let taken = |view: &TableName| {
        let (project, environment) = of_others.get(&places.place(view))?.clone();
        let project = Some(project).filter(|project| *project != owner.project);
        Some(ViewOfOther { view: view.clone(), project, environment })
    };
    Ok(wanted.iter().filter_map(taken).collect())
}

/// Names that stand for one view with another that comes before them, because the catalog is stated in one of the two.
///
/// # Errors
/// What the engine says.
pub fn same_views(session: &mut dyn Session, names: &[TableName]) -> Result<Vec<(TableName, TableName)>> {
    let places = Places::of(session, names.iter())?;
    let mut first: BTreeMap<Place, &TableName> = BTreeMap::new();
    let again = |name| Some((first.insert(places.place(name), name)?.clone(), name.clone()));
    Ok(names.iter().filter_map(again).collect())
}

/// Where a name stands, whatever way it is written.
type Place = (Option<String>, String, String);

/// How names are compared: as the engine folds them, and the session's own catalog is the same stated or not.
pub(in crate::engine) struct Places {
    dialect: Dialect,
    own: Option<String>,
}

impl Places {
    /// For these names, of which one may state a catalog.
    pub(in crate::engine) fn of<'a>(
        session: &mut dyn Session,
        mut names: impl Iterator<Item = &'a TableName>,
    ) -> Result<Self> {
        let dialect = session.dialect();
        let own = match names.any(|name| name.catalog.is_some()) {
            true => session
                .query("SELECT current_database()")?
                .rows
                .into_iter()
                .next()
                .and_then(|row| row.into_iter().next()?),
            false => None,
        };
        Ok(Self { dialect, own: own.map(|own| dialect.fold(&own, true)) })
    }

    pub(in crate::engine) fn place(&self, name: &TableName) -> Place {
        let fold = |part: &str| self.dialect.fold(part, true);
        let catalog = name.catalog.as_deref().map(fold).filter(|catalog| self.own.as_ref() != Some(catalog));
        (catalog, fold(&name.schema), fold(&name.name))
    }
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
pub(in crate::engine) fn present(
    session: &mut dyn Session,
    wanted: &[TableName],
) -> Result<BTreeMap<TableName, SchemaObject>> {
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
