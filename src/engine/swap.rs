//! The views of an environment changed together: all of them in the caller's one transaction, recorded as ours.
//!
//! Whether anything foreign stands in the way is asked before, with [`super::foreign_objects`], in the same transaction.

use std::collections::BTreeSet;

use super::ownership::{KnownBy, MadeView, Places, adopt_views, expect_views, present, record_expected};
use super::{EngineError, Result, Session, ViewDefinition, foreign_objects, forget_object, record_object};
use crate::hash::Hasher;
use crate::ids::{EnvironmentName, ModelName, ProjectName, StateId, TableName};
use crate::statement::{Comment, comment_on_column, comment_on_view, no_comment_on_view};

/// In whose name views are made, and on what terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The state that owns the warehouse.
    pub state: StateId,
    /// The project.
    pub project: ProjectName,
    /// The environment that the views show.
    pub environment: EnvironmentName,
    /// What happens to views of others upon them.
    pub dependents: Dependents,
}

/// A view that is made, pointed elsewhere, or dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewChange {
    /// Make or replace it.
    Point {
        /// The view.
        view: TableName,
        /// The model that it shows.
        model: ModelName,
        /// Its columns; empty where they are not known.
        columns: Vec<String>,
        /// What it reads.
        query: String,
        /// What that is.
        shows: Shows,
        /// What the project says of it and its columns.
        comments: Vec<Comment>,
        /// What runs when it is made or moves, after all views are.
        on_update: Vec<String>,
    },
    /// Drop it, if it is there.
    Drop {
        /// The view.
        view: TableName,
    },
}

/// What happens to views that others built upon ours, where the engine lets none of ours go beneath them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dependents {
    /// They are named, and nothing changes.
    #[default]
    Refuse,
    /// They are made again as they were, with their owners, grants and comments.
    Recreate,
}

/// What a view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Columns of one table as they are.
    Table,
    /// A query of its own.
    Query,
}

impl ViewChange {
    /// The view that changes.
    pub fn view(&self) -> &TableName {
        match self {
            Self::Point { view, .. } | Self::Drop { view } => view,
        }
    }
}

/// Changes views and records them; gives their number. Must run inside a transaction ([`super::transaction`]).
///
/// # Errors
/// What the engine says; the transaction is then to be rolled back, and no view has changed.
pub fn swap_views(session: &mut dyn Session, owner: &Owner, changes: &[ViewChange]) -> Result<usize> {
    create_schemas(session, changes)?;
    let (mut made, mut dropped, mut definitions) = (Vec::new(), Vec::new(), Vec::new());
    for change in changes {
        match change {
            ViewChange::Point { view, model, columns, query, shows, comments, on_update: _ } => {
                let needs_comment = KnownBy::needs_comment(session.capabilities().stable_view_text, *shows);
                let comment = needs_comment.then(|| marked(comments, &mark(model, columns, query)));
                let (name, columns, query) = (view.clone(), columns.clone(), query.clone());
                definitions.push(ViewDefinition { name, columns, query, comment: comment.clone() });
                let known_by = comment.map_or(KnownBy::Text, KnownBy::Comment);
                made.push(MadeView { name: view.clone(), model: model.clone(), known_by });
            }
            ViewChange::Drop { view } => dropped.push(view.clone()),
        }
    }
    let is_together = session.capabilities().transactional_ddl.is_yes();
    if !is_together {
        expect_views(session, owner, &made)?;
    }
    let places = Places::of(session, changes.iter().map(ViewChange::view))?;
    let shown: BTreeSet<_> = made.iter().map(|view| places.place(&view.name)).collect();
    // One that is only called in another way now is the same view.
    let gone: Vec<TableName> = dropped.iter().filter(|view| !shown.contains(&places.place(view))).cloned().collect();
    session.define_views(&definitions, &gone, owner.dependents)?;
    let records = adopt_views(session, &owner.project, &owner.environment, &made)?;
    match is_together {
        true => record_object(session, &owner.state, &records)?,
        false => record_expected(session, &owner.state, &records)?,
    }
    forget_object(session, &dropped)?;
    comment_views(session, changes)?;
    update_views(session, owner, changes)?;
    Ok(changes.len())
}

/// Runs what is to run when these views move, and sees that they are still what was made.
fn update_views(session: &mut dyn Session, owner: &Owner, changes: &[ViewChange]) -> Result<()> {
    let mut updated = Vec::new();
    for change in changes {
        let ViewChange::Point { view, model, on_update, .. } = change else { continue };
        for statement in on_update {
            session.execute(statement)?;
        }
        if !on_update.is_empty() {
            updated.push((view.clone(), model));
        }
    }
    let names: Vec<TableName> = updated.iter().map(|(view, _)| view.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let foreign = foreign_objects(session, &owner.state, &names)?;
    let there = present(session, &names)?;
    let is_ours = |view: &TableName| there.contains_key(view) && !foreign.iter().any(|object| object.name == *view);
    match updated.into_iter().find(|(view, _)| !is_ours(view)) {
        Some((view, model)) => Err(EngineError::ViewOverwritten { view: view.to_string(), model: model.to_string() }),
        None => Ok(()),
    }
}

/// Writes what the project says of views and of those of their columns that are there.
fn comment_views(session: &mut dyn Session, changes: &[ViewChange]) -> Result<()> {
    let mut texts = Vec::new();
    for change in changes {
        let statements = comments_on(session, change)?;
        // Many columns are one text: most of what such a statement costs comes with every text.
        if !statements.is_empty() {
            texts.push(statements.join(";\n"));
        }
    }
    if texts.is_empty() { Ok(()) } else { session.define(&texts).map_err(EngineError::of_comment) }
}

fn comments_on(session: &mut dyn Session, change: &ViewChange) -> Result<Vec<String>> {
    let ViewChange::Point { view, columns, query, shows, comments, .. } = change else { return Ok(Vec::new()) };
    let dialect = session.dialect();
    let is_marked = KnownBy::needs_comment(session.capabilities().stable_view_text, *shows);
    let of_view = comments.iter().filter(|comment| comment.column.is_none() && !is_marked);
    let on_view = of_view.map(|comment| match &comment.text {
        Some(text) => comment_on_view(dialect, view, text),
        None => no_comment_on_view(dialect, view),
    });
    let mut statements: Vec<String> = on_view.collect();
    if comments.iter().any(|comment| comment.column.is_some()) {
        let columns = match shows {
            // Called in the view what they are called in the table.
            Shows::Table if !columns.is_empty() => columns.clone(),
            _ => session.commentable(view, query)?,
        };
        let on_column = |Comment { column, text }: &Comment| {
            let column = named(&columns, column.as_ref()?)?;
            Some(comment_on_column(dialect, view, column, text.as_deref()))
        };
        statements.extend(comments.iter().filter_map(on_column));
    }
    Ok(statements)
}

/// The column that a project means: the one that is called so, else in any case.
fn named<'c>(columns: &'c [String], wanted: &str) -> Option<&'c str> {
    let found = columns.iter().find(|column| *column == wanted);
    found.or_else(|| columns.iter().find(|column| column.eq_ignore_ascii_case(wanted))).map(String::as_str)
}

/// The mark of a view, behind what the project says of it.
fn marked(comments: &[Comment], mark: &str) -> String {
    let said = comments.iter().find(|comment| comment.column.is_none()).and_then(|comment| comment.text.as_deref());
    said.map_or_else(|| mark.to_owned(), |said| format!("{said}\n\n{mark}"))
}

/// What we leave on a view whose text may change by itself, so that we know it again: one made anew by hand has it no more.
fn mark(model: &ModelName, columns: &[String], query: &str) -> String {
    let digest = columns.iter().fold(Hasher::new("view mark").text(query), |hasher, column| hasher.text(column));
    format!("model {model}, shown by offshoot ({})", digest.finish().short(16))
}

fn create_schemas(session: &mut dyn Session, changes: &[ViewChange]) -> Result<()> {
    let schema = |change: &ViewChange| match change {
        ViewChange::Point { view, .. } => Some((view.catalog.clone(), view.schema.clone())),
        ViewChange::Drop { .. } => None,
    };
    let schemas: BTreeSet<_> = changes.iter().filter_map(schema).collect();
    schemas.iter().try_for_each(|(catalog, schema)| session.create_schema_if_missing(catalog.as_deref(), schema))
}
