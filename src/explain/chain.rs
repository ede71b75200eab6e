//! From one model to the edits that moved it: its own inputs, and through its parents to where each began.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use super::compare::{Parts, compare, node};
use super::ignored::{ignored, variables};
use super::{Compared, Explanation, Input, Moved, Sides};
use crate::change::Change;
use crate::diff::diff_of;
use crate::fingerprint::{Fingerprint, Tree};
use crate::hash::Digest;
use crate::ids::ModelName;
use crate::lineage::{Node, Part};

/// Explains one model of either tree.
pub fn explain(trees: &Compared<'_>, model: &ModelName) -> Explanation {
    let fingerprint = |tree: &Tree, hash: fn(&Fingerprint) -> Digest| tree.fingerprints.get(model).map(hash);
    let sides = |hash: fn(&Fingerprint) -> Digest| Sides {
        old: fingerprint(trees.before, hash),
        new: fingerprint(trees.after, hash),
    };
    let diff = diff_of(model, trees.before, trees.after);
    let data = sides(|found| found.data);
    let mut chain = Chain { trees, parts: BTreeMap::new(), storages: Storages(trees) };
    let is_compared = data.old.is_some() && data.new.is_some();
    let (moved, own) = if is_compared && data.differ() { chain.moved(model) } else { (Vec::new(), 0) };
    let change = diff.as_ref().map(|diff| diff.change);
    let is_same = is_compared && !data.differ();
    Explanation {
        model: model.clone(),
        change,
        same_as: twin(trees, model, &data),
        metadata: sides(|found| found.metadata),
        moved,
        own,
        variables: if is_compared { variables(trees, model) } else { Vec::new() },
        reasons: diff.map(|diff| diff.reasons).unwrap_or_default(),
        ignored: if is_same { ignored(trees, model, change == Some(Change::Metadata)) } else { Vec::new() },
        data,
    }
}

/// For a model that only one tree has: one that only the other has and that is defined alike, so this is it, renamed.
fn twin(trees: &Compared<'_>, model: &ModelName, data: &Sides<Digest>) -> Option<ModelName> {
    let (here, there, hash) = match (data.old, data.new) {
        (None, Some(hash)) => (trees.after, trees.before, hash),
        (Some(hash), None) => (trees.before, trees.after, hash),
        _ => return None,
    };
    let is_alike = |(name, found): &(&ModelName, &Fingerprint)| {
        found.data == hash && *name != model && !here.models.contains_key(*name)
    };
    there.fingerprints.iter().find(is_alike).map(|(name, _)| name.clone())
}

struct Chain<'c, 't> {
    trees: &'c Compared<'t>,
    parts: BTreeMap<ModelName, Rc<Parts>>,
    storages: Storages<'c, 't>,
}

/// What a model's stored rows lie like, for who depends on that.
#[derive(Clone, Copy)]
struct Storages<'c, 't>(&'c Compared<'t>);

impl Storages<'_, '_> {
    fn moved(self, model: &ModelName) -> bool {
        let storage = |tree: &Tree| tree.fingerprints.get(model).map(|found| found.shape.storage);
        storage(self.0.before) != storage(self.0.after)
    }
}

impl Chain<'_, '_> {
    fn parts_of(&mut self, model: &ModelName) -> Rc<Parts> {
        if let Some(known) = self.parts.get(model) {
            return known.clone();
        }
        let found = Rc::new(compare(self.trees, model));
        self.parts.insert(model.clone(), found.clone());
        found
    }

    /// Every part of the model that moved, then every part of others that one of these leads to, breadth first.
    fn moved(&mut self, model: &ModelName) -> (Vec<Moved>, usize) {
        let own: Vec<Node> = self.parts_of(model).0.keys().map(|part| node(model, part)).collect();
        let count = own.len();
        let mut seen: BTreeSet<Node> = own.iter().cloned().collect();
        let mut queue: VecDeque<Node> = own.into();
        let mut moved = Vec::new();
        while let Some(node) = queue.pop_front() {
            let inputs = match moved.len() < count {
                // The other parts of this model stand beside this one already.
                true => self.parts_of(model).0.get(&node.part).cloned().unwrap_or_default(),
                false => self.inputs(&node),
            };
            for input in &inputs {
                if let Input::Moved(further) = input
                    && seen.insert(further.clone())
                {
                    queue.push_back(further.clone());
                }
            }
            moved.push(Moved { hash: self.hash(&node), node, inputs });
        }
        (moved, count)
    }

    /// What moved a part as its readers see it; never empty.
    fn inputs(&mut self, node: &Node) -> Vec<Input> {
        let has = |tree: &Tree| tree.fingerprints.contains_key(&node.model);
        if !has(self.trees.before) || !has(self.trees.after) {
            return self.of_another_owner(&node.model);
        }
        let parts = self.parts_of(&node.model);
        let mut inputs = match &node.part {
            Part::All => parts.0.get(&Part::All).cloned().unwrap_or_default(),
            Part::Column(column) => {
                let lower = column.to_lowercase();
                let named = |part: &&Part| part.column().is_some_and(|name| name.to_lowercase() == lower);
                let exact = parts
                    .0
                    .get(&node.part)
                    .or_else(|| parts.0.iter().find(|(part, _)| named(part)).map(|(_, inputs)| inputs));
                exact.cloned().unwrap_or_default()
            }
            part => parts.0.get(part).cloned().unwrap_or_default(),
        };
        if node.part == Part::All {
            let others = parts.0.keys().filter(|part| **part != Part::All);
            inputs.extend(others.map(|part| Input::Moved(super::compare::node(&node.model, part))));
            if inputs.is_empty() {
                inputs.extend(self.stored_parents(&node.model));
            }
        } else if inputs.is_empty() && self.is_open(node) {
            // A column that is known by name only moves with the rows.
            inputs.push(Input::Moved(super::compare::node(&node.model, &Part::Rows)));
        } else if inputs.is_empty() {
            // The part itself is the same, and a draw in it is not: it is bound to the table that it was drawn into.
            let kept = |tree: &Tree| tree.models.get(&node.model).is_some_and(|model| model.past().kept().is_some());
            let goes_on = kept(self.trees.before) || kept(self.trees.after);
            inputs.push(if goes_on { Input::GoesOn } else { Input::DrawnAgain });
            let whole = super::compare::node(&node.model, &Part::All);
            inputs.push(Input::Moved(whole));
        }
        if inputs.is_empty() {
            inputs.push(Input::Hash { domain: node.part.text().to_owned(), hash: self.hash(node) });
        }
        inputs
    }

    /// Whether a column is of a model whose columns are not known, before or after.
    fn is_open(&self, node: &Node) -> bool {
        let open = |tree: &Tree| tree.fingerprints.get(&node.model).is_some_and(|found| found.shape.columns.is_none());
        node.part.column().is_some() && (open(self.trees.before) || open(self.trees.after))
    }

    /// A view is stored as its parents are.
    fn stored_parents(&self, model: &ModelName) -> Vec<Input> {
        let parents: BTreeSet<&ModelName> =
            [self.trees.before, self.trees.after].iter().flat_map(|tree| tree.graph.parents(model)).collect();
        let moved = parents.into_iter().filter(|parent| self.storages.moved(parent));
        moved.map(|parent| Input::Moved(node(parent, &Part::All))).collect()
    }

    /// A name that is a model in one of the trees only, or in none.
    fn of_another_owner(&self, name: &ModelName) -> Vec<Input> {
        let kind = |tree: &Tree| {
            tree.models.get(name).filter(|_| tree.fingerprints.contains_key(name)).map(|model| model.kind.name())
        };
        let owner = Sides { old: kind(self.trees.before), new: kind(self.trees.after) };
        if owner.differ() {
            return vec![Input::Owner(owner)];
        }
        let writes = |tree: &Tree| tree.context.statements.writes(name);
        vec![Input::Writes(Sides { old: writes(self.trees.before), new: writes(self.trees.after) })]
    }

    fn hash(&self, node: &Node) -> Sides<Digest> {
        let hash = |tree: &Tree| {
            let Some(found) = tree.fingerprints.get(&node.model) else {
                return tree.context.statements.writes(&node.model);
            };
            match &node.part {
                Part::Rows => Some(found.shape.rows),
                Part::Order => found.written_order,
                Part::Model => Some(found.data),
                Part::All if found.data == self.other(tree, &node.model)? => Some(found.shape.storage),
                Part::All => Some(found.data),
                Part::Column(column) => {
                    let columns = found.shape.columns.iter().flatten();
                    let mut named = columns.filter(|known| known.name.text.to_lowercase() == column.to_lowercase());
                    let open = || found.shape.columns.is_none().then_some(found.shape.rows);
                    named.next().map(|column| column.hash).or_else(open)
                }
            }
        };
        Sides { old: hash(self.trees.before), new: hash(self.trees.after) }
    }

    /// The data fingerprint in the tree that is not this one.
    fn other(&self, tree: &Tree, model: &ModelName) -> Option<Digest> {
        let other = if std::ptr::eq(tree, self.trees.before) { self.trees.after } else { self.trees.before };
        other.fingerprints.get(model).map(|found| found.data)
    }
}
