//! An audit may name models that its own does not read. They are filled before it where nothing speaks against that; an audit
//! that names a reader of its own model looks once all tables are filled.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::Audit;
use crate::fingerprint::Tree;
use crate::ids::ModelName;
use crate::model::Model;
use crate::plan::{Action, Plan, stored_parents};

/// What is filled before what, for the sake of audits.
#[derive(Debug, Default)]
pub(in crate::apply) struct AuditOrder {
    /// For each model that is filled those that are filled before it, parents included.
    pub(in crate::apply) waiting: BTreeMap<ModelName, BTreeSet<ModelName>>,
    /// Audits, by model and call, that name what is filled after their model.
    late: BTreeSet<(ModelName, String)>,
}

impl AuditOrder {
    /// The order of the tables that a plan fills.
    pub(in crate::apply) fn of(tree: &Tree, plan: &Plan) -> Self {
        let filled = plan.targets.iter().filter(|target| target.action == Action::Build).map(|target| &target.name);
        let filled: BTreeSet<&ModelName> = filled.collect();
        let is_filled = |name: &ModelName| filled.contains(name);
        let waiting =
            filled.iter().map(|name| ((*name).clone(), stored_parents(&tree.graph, name, &is_filled))).collect();
        let mut order = Self { waiting, late: BTreeSet::new() };
        for model in filled.iter().filter_map(|name| tree.models.get(*name)) {
            for audit in Audit::all(model) {
                order.wait(model, &audit, named(tree, model, &audit, &is_filled));
            }
        }
        order
    }

    /// Whether an audit looks only once all tables are filled.
    pub(in crate::apply) fn is_late(&self, model: &ModelName, audit: &Audit) -> bool {
        !self.late.is_empty() && self.late.contains(&(model.clone(), audit.call.clone()))
    }

    /// The audits of a model that look only then.
    pub(super) fn late(&self, model: &Model) -> Vec<Audit> {
        Audit::all(model).into_iter().filter(|audit| self.is_late(&model.name, audit)).collect()
    }

    fn wait(&mut self, model: &Model, audit: &Audit, named: BTreeSet<ModelName>) {
        if named.iter().any(|named| self.waits_for(named, &model.name)) {
            self.late.insert((model.name.clone(), audit.call.clone()));
        } else if !named.is_empty() {
            self.waiting.entry(model.name.clone()).or_default().extend(named);
        }
    }

    /// Whether one model is filled only after another.
    fn waits_for(&self, name: &ModelName, other: &ModelName) -> bool {
        let (mut seen, mut rest) = (BTreeSet::new(), vec![name]);
        while let Some(next) = rest.pop() {
            if next == other {
                return true;
            }
            if seen.insert(next) {
                rest.extend(self.waiting.get(next).into_iter().flatten());
            }
        }
        false
    }
}

/// The tables to be filled that an audit reads beside its own model's.
fn named(tree: &Tree, model: &Model, audit: &Audit, is_filled: &dyn Fn(&ModelName) -> bool) -> BTreeSet<ModelName> {
    let relations = audit.own_query().map(|query| query.relations()).unwrap_or_default();
    let mut found = BTreeSet::new();
    for name in relations.iter().map(|relation| &relation.name).filter(|name| tree.models.contains_key(*name)) {
        match is_filled(name) {
            true => drop(found.insert(name.clone())),
            false => found.extend(stored_parents(&tree.graph, name, is_filled)),
        }
    }
    found.remove(&model.name);
    found
}
