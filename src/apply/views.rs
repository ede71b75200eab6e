//! The virtual layer of an environment: which view shows what, and which of them must move.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Shows, ViewChange};
use crate::fingerprint::Tree;
use crate::hash::Hasher;
use crate::ids::{ModelName, TableName};
use crate::model::Model;
use crate::naming::{Layout, TableKey, view_name};
use crate::plan::{Plan, Target};
use crate::resolve::{ResolveError, Resolver, Times};
use crate::sql::{Dialect, NameOrigin};
use crate::state::{Environment, Pointer, Status, VirtualView};
use crate::statement::{LoadTime, pointer_query, sync_grants};
use crate::time::Timestamp;

use super::comments::{Comments, comments, gone as no_longer_said};
use super::everything;

/// What the virtual layer is made of.
pub struct Layer<'a> {
    /// The models.
    pub tree: &'a Tree,
    /// What they point at.
    pub plan: &'a Plan,
    /// How views are called.
    pub layout: Layout<'a>,
    /// The engine's dialect.
    pub dialect: Dialect,
    /// The columns of each table, as the engine showed them.
    pub columns: &'a BTreeMap<TableKey, Vec<String>>,
    /// The environment as it was.
    pub previous: Option<&'a Environment>,
    /// Whether views say what models are.
    pub comments: Comments,
    /// For `@execution_*` in views.
    pub now: Timestamp,
}

/// What the virtual layer becomes.
#[derive(Clone, Debug, Default)]
pub struct ViewPlan {
    /// A pointer for every model.
    pub pointers: BTreeMap<ModelName, Pointer>,
    /// The views that must move.
    pub changes: Vec<ViewChange>,
    /// The views that stay, as they would be made again.
    pub unchanged: Vec<ViewChange>,
}

impl ViewPlan {
    /// Every view, moving or not.
    pub fn all(&self) -> impl Iterator<Item = &ViewChange> {
        self.changes.iter().chain(&self.unchanged)
    }
}

/// A view's text: as it runs, and in a form that is the same whenever it is made.
struct Definition {
    columns: Vec<String>,
    query: String,
    symbolic: String,
}

/// Works out every view. Only those whose definition moved change, unless the last plan of the environment died midway:
/// then every view is made again, because nobody knows how they stand.
///
/// # Errors
/// A view reads a model without a table.
pub fn plan_views(layer: &Layer<'_>) -> Result<ViewPlan, ResolveError> {
    let tables = super::tables_of(layer.plan);
    let resolver = Resolver { tree: layer.tree, dialect: layer.dialect, tables: &tables };
    let views = view_names(layer.plan, layer.layout);
    let unsaid = no_longer_said(layer.comments, layer.plan);
    let mut result = ViewPlan::default();
    for target in &layer.plan.targets {
        let mut pointer = Pointer {
            kind: target.kind,
            data_fingerprint: target.key.data_fingerprint,
            metadata_fingerprint: target.metadata_fingerprint,
            source: layer.tree.sources.get(&target.name).copied(),
            undecided: layer.tree.fingerprints.get(&target.name).and_then(|fingerprint| fingerprint.undecided),
            kept: layer.tree.decided_rows(&target.name).unwrap_or_default(),
            basis: target.basis,
            table: target.table.clone(),
            view: None,
        };
        if target.kind.has_view() {
            let definition = definition(layer, &resolver, target)?;
            let name = view_name(&target.name, layer.layout);
            let columns = definition.columns.iter();
            let digest =
                columns.fold(Hasher::new("view").text(&definition.symbolic), |hasher, column| hasher.text(column));
            let on_update = on_update(layer, &views, &target.name)?;
            let digest = on_update.iter().fold(digest, |hasher, (_, symbolic)| hasher.text("then").text(symbolic));
            let view = VirtualView { name: name.clone(), definition: digest.finish() };
            let comments = unsaid.as_ref().map(|unsaid| comments(layer.tree, unsaid, &target.name)).unwrap_or_default();
            let is_told_anew = !comments.is_empty() && is_described_anew(layer.previous, target);
            let change = ViewChange::Point {
                view: name,
                model: target.name.clone(),
                columns: definition.columns,
                query: definition.query,
                shows: if target.table.is_some() { Shows::Table } else { Shows::Query },
                comments,
                on_update: on_update.into_iter().map(|(statement, _)| statement).collect(),
            };
            let is_moved = is_told_anew || is_moved(layer.previous, &target.name, &view);
            let list = if is_moved { &mut result.changes } else { &mut result.unchanged };
            list.push(change);
            pointer.view = Some(view);
        }
        result.pointers.insert(target.name.clone(), pointer);
    }
    let gone = gone(layer.previous, &result.pointers);
    result.changes.extend(gone.into_iter().map(|view| ViewChange::Drop { view }));
    Ok(result)
}

fn definition(layer: &Layer<'_>, resolver: &Resolver<'_>, target: &Target) -> Result<Definition, ResolveError> {
    if let Some(table) = &target.table {
        let columns = layer.columns.get(&target.key).cloned().unwrap_or_default();
        let query = pointer_query(layer.dialect, table, &columns);
        return Ok(Definition { columns, symbolic: query.clone(), query });
    }
    let Some(model) = layer.tree.models.get(&target.name) else {
        return Err(ResolveError::NoTable { model: target.name.clone(), parent: target.name.clone() });
    };
    let time = LoadTime { interval: everything(layer.now), execution: layer.now };
    Ok(Definition {
        columns: stated_columns(layer.tree, &target.name),
        query: resolver.model(model, Times::At(time))?,
        symbolic: resolver.model(model, Times::Symbolic)?,
    })
}

/// The view of every model that has one.
pub fn view_names(plan: &Plan, layout: Layout<'_>) -> BTreeMap<ModelName, TableName> {
    let shown = plan.targets.iter().filter(|target| target.kind.has_view());
    shown.map(|target| (target.name.clone(), view_name(&target.name, layout))).collect()
}

/// The statements that run when the model's view moves, each as it runs and in a form that is the same whenever it does. A
/// model that they name is its view here, as in SQLMesh.
fn on_update(
    layer: &Layer<'_>,
    views: &BTreeMap<ModelName, TableName>,
    name: &ModelName,
) -> Result<Vec<(String, String)>, ResolveError> {
    let Some(model) = layer.tree.models.get(name) else { return Ok(Vec::new()) };
    let resolver = Resolver { tree: layer.tree, dialect: layer.dialect, tables: views };
    let time = LoadTime { interval: everything(layer.now), execution: layer.now };
    let both = |statement| {
        let as_it_runs = resolver.statement(model, statement, Times::At(time))?;
        Ok((as_it_runs, resolver.statement(model, statement, Times::Symbolic)?))
    };
    let own = model.on_virtual_update.iter().map(both).collect::<Result<Vec<_>, ResolveError>>()?;
    let granted = granted(layer.dialect, model, views).into_iter().map(|statement| (statement.clone(), statement));
    Ok(granted.chain(own).collect())
}

/// What gives the model's view the privileges that its `grants` say.
pub fn granted(dialect: Dialect, model: &Model, views: &BTreeMap<ModelName, TableName>) -> Vec<String> {
    let grants = model.properties.grants.as_ref().zip(views.get(&model.name));
    grants.map(|(grants, view)| sync_grants(dialect, view, grants)).unwrap_or_default()
}

fn stated_columns(tree: &Tree, name: &ModelName) -> Vec<String> {
    let columns = tree.fingerprints.get(name).and_then(|fingerprint| fingerprint.columns.as_ref());
    let stated = columns.filter(|columns| columns.iter().all(|(name, _)| name.origin == NameOrigin::Stated));
    stated.map(|columns| columns.iter().map(|(name, _)| name.text.clone()).collect()).unwrap_or_default()
}

fn is_moved(previous: Option<&Environment>, model: &ModelName, view: &VirtualView) -> bool {
    let Some(previous) = previous.filter(|previous| previous.about.status == Status::Ready) else { return true };
    previous.models.get(model).and_then(|pointer| pointer.view.as_ref()) != Some(view)
}

/// Whether something else was said of the model when its view was made. What is said is no part of a view's definition: an
/// entry of the history is shown again by that.
fn is_described_anew(previous: Option<&Environment>, target: &Target) -> bool {
    let pointer = previous.and_then(|previous| previous.models.get(&target.name));
    pointer.is_none_or(|pointer| pointer.metadata_fingerprint != target.metadata_fingerprint)
}

/// Views that the environment had and no longer wants.
fn gone(previous: Option<&Environment>, pointers: &BTreeMap<ModelName, Pointer>) -> Vec<TableName> {
    let wanted: BTreeSet<&TableName> =
        pointers.values().filter_map(|pointer| pointer.view.as_ref()).map(|view| &view.name).collect();
    let had =
        previous.into_iter().flat_map(|previous| previous.models.values()).filter_map(|pointer| pointer.view.as_ref());
    had.map(|view| view.name.clone()).filter(|name| !wanted.contains(name)).collect()
}
