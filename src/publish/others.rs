//! Views that another environment or another project has under names that a plan would change: where views are called after
//! model and environment, two of them may meet.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{PublishError, names};
use crate::apply::ViewPlan;
use crate::engine::{EngineError, Owner, Session, ViewChange, same_views, views_of_others};
use crate::ids::TableName;

/// The plan without the views to drop that are others' by now.
///
/// # Errors
/// A view that is to be shown is another's, or two are one.
pub(super) fn beside_others<'a>(
    session: &mut dyn Session,
    owner: &Owner,
    views: &'a ViewPlan,
) -> Result<Cow<'a, ViewPlan>, PublishError> {
    let shown = views.all().filter(|change| matches!(change, ViewChange::Point { .. }));
    let shown = names(shown);
    let twice = same_views(session, &shown)?;
    if !twice.is_empty() {
        return Err(PublishError::OneView(twice));
    }
    let mut taken = views_of_others(session, owner, &names(views.all()))?;
    if taken.is_empty() {
        return Ok(Cow::Borrowed(views));
    }
    let gone: BTreeSet<TableName> = taken.iter().map(|taken| taken.view.clone()).collect();
    let shown: BTreeSet<TableName> = shown.into_iter().collect();
    taken.retain(|taken| shown.contains(&taken.view));
    if !taken.is_empty() {
        return Err(PublishError::OfAnother(taken));
    }
    let changes = views.changes.iter().filter(|change| !gone.contains(change.view())).cloned().collect();
    Ok(Cow::Owned(ViewPlan { changes, ..views.clone() }))
}

/// The changes of views that are no other's by now.
///
/// # Errors
/// What the engine says.
pub(super) fn without_others(
    session: &mut dyn Session,
    owner: &Owner,
    mut changes: Vec<ViewChange>,
) -> Result<Vec<ViewChange>, EngineError> {
    let taken = views_of_others(session, owner, &names(changes.iter()))?;
    let taken: BTreeSet<TableName> = taken.into_iter().map(|taken| taken.view).collect();
    changes.retain(|change| !taken.contains(change.view()));
    Ok(changes)
}
