//! New keys for tables whose keys an older version of the fingerprints made: same tree, same table.
//!
//! An environment shows tables, and its tree says what their models are called by now. So each of its tables is entered
//! under the key that its model has in that tree. Where trees disagree about a table, the older version took two models for
//! one, and nobody knows which of them it was filled for: it is entered under none of them.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Pointer;
use crate::hash::Digest;
use crate::ids::{EnvironmentName, ModelName};
use crate::naming::TableKey;

/// What a model is by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// Its data fingerprint.
    pub data: Digest,
    /// The rest of it.
    pub metadata: Digest,
    /// Everything that it and its parents are made from.
    pub source: Digest,
    /// What its data fingerprint would be without the decision by which its rows are kept.
    pub undecided: Option<Digest>,
}

/// The models of a tree, as they are by now.
pub type RenewedTree = BTreeMap<ModelName, Renewed>;

/// Where a map of pointers stands: an environment, or an entry of its history.
pub type Stand = (EnvironmentName, Option<u64>);

/// What is shown somewhere, and what the models of its tree are by now.
pub type Shown = (Stand, BTreeMap<ModelName, Pointer>, RenewedTree);

/// How a state is brought to another version of the fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// The version that it has.
    pub from: u64,
    /// The version that it gets.
    pub to: u64,
    /// The fingerprint that a table's key has by now, by its key before.
    keys: BTreeMap<TableKey, Digest>,
    trees: BTreeMap<Stand, RenewedTree>,
    /// What was decided of, by what that has become.
    decided: BTreeMap<TableKey, Digest>,
}

impl Upgrade {
    /// Finds the new keys of what is shown by environments whose trees are known; the first ones count where two tables
    /// would get one key.
    pub fn new((from, to): (u64, u64), shown: Vec<Shown>) -> Self {
        let (mut keys, mut disputed, mut trees) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        let mut decided = BTreeMap::new();
        // What has its new key already keeps it.
        let mut taken: BTreeSet<TableKey> = shown.iter().flat_map(|(_, models, tree)| unmoved(models, tree)).collect();
        for (stand, models, tree) in shown {
            for (model, pointer) in models.iter().filter(|(_, pointer)| pointer.table.is_some()) {
                let Some(renewed) = tree.get(model).filter(|_| pointer.basis.is_whole()) else { continue };
                let old = TableKey { model: model.clone(), data_fingerprint: pointer.data_fingerprint };
                let new = TableKey { model: model.clone(), data_fingerprint: renewed.data };
                match keys.get(&old) {
                    Some(known) if *known != renewed.data => drop(disputed.insert(old)),
                    Some(_) => {}
                    None if old != new && !taken.insert(new) => {}
                    None => drop(keys.insert(old, renewed.data)),
                }
            }
            for (model, pointer) in &models {
                let renewed = tree.get(model).and_then(|renewed| renewed.undecided);
                if let (Some(data_fingerprint), Some(new)) = (pointer.undecided, renewed) {
                    decided.insert(TableKey { model: model.clone(), data_fingerprint }, new);
                }
            }
            trees.insert(stand, tree);
        }
        keys.retain(|old, _| !disputed.contains(old));
        Self { from, to, keys, trees, decided }
    }

    /// The tables that get another key, with the fingerprint in it.
    pub fn moved(&self) -> impl Iterator<Item = (&TableKey, Digest)> {
        self.keys.iter().map(|(old, new)| (old, *new)).filter(|(old, new)| old.data_fingerprint != *new)
    }

    /// What was decided of, with the fingerprint that it has by now.
    pub fn decided(&self) -> impl Iterator<Item = (&TableKey, Digest)> {
        self.decided.iter().map(|(old, new)| (old, *new))
    }

    /// How many tables are found again.
    pub fn tables(&self) -> usize {
        self.keys.len()
    }

    /// A key as it is by now.
    pub fn key(&self, key: &TableKey) -> TableKey {
        let data_fingerprint = self.keys.get(key).copied().unwrap_or(key.data_fingerprint);
        TableKey { model: key.model.clone(), data_fingerprint }
    }

    /// Whether a key is known.
    pub fn knows(&self, key: &TableKey) -> bool {
        self.keys.contains_key(key)
    }

    /// Pointers as they are by now. What nobody could look up stays as it is and is never taken for what a tree has.
    pub fn pointers(&self, stand: &Stand, models: &BTreeMap<ModelName, Pointer>) -> BTreeMap<ModelName, Pointer> {
        let tree = self.trees.get(stand);
        let renew = |(model, pointer): (&ModelName, &Pointer)| {
            let renewed = tree.and_then(|tree| tree.get(model)).filter(|_| pointer.basis.is_whole());
            let key = TableKey { model: model.clone(), data_fingerprint: pointer.data_fingerprint };
            let data = match (&pointer.table, renewed) {
                (None, Some(renewed)) => renewed.data,
                _ => self.key(&key).data_fingerprint,
            };
            let renewed = renewed.filter(|renewed| renewed.data == data);
            let pointer = Pointer {
                data_fingerprint: data,
                metadata_fingerprint: renewed.map_or(pointer.metadata_fingerprint, |renewed| renewed.metadata),
                source: renewed.map(|renewed| renewed.source),
                undecided: renewed.map_or(pointer.undecided, |renewed| renewed.undecided),
                ..pointer.clone()
            };
            (model.clone(), pointer)
        };
        models.iter().map(renew).collect()
    }
}

/// The tables whose keys are what their tree says.
fn unmoved(models: &BTreeMap<ModelName, Pointer>, tree: &RenewedTree) -> Vec<TableKey> {
    let is_it = |(model, pointer): (&ModelName, &Pointer)| {
        let data_fingerprint = tree.get(model)?.data;
        let is_unmoved = pointer.table.is_some() && pointer.data_fingerprint == data_fingerprint;
        is_unmoved.then(|| TableKey { model: model.clone(), data_fingerprint })
    };
    models.iter().filter_map(is_it).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::KeptRows;
    use crate::ids::TableName;
    use crate::model::KindName;
    use crate::plan::Basis;

    fn digest(text: &str) -> Digest {
        Digest::of("test", text)
    }

    fn model() -> ModelName {
        ModelName::parse("a.b").expect("a name")
    }

    fn shows(name: &str, old: &str, new: &str) -> Shown {
        let table = TableName { catalog: None, schema: "offshoot__a".into(), name: format!("b__{old}") };
        let pointer = Pointer {
            kind: KindName::Full,
            data_fingerprint: digest(old),
            metadata_fingerprint: digest("metadata"),
            source: Some(digest("source")),
            undecided: None,
            kept: KeptRows::default(),
            basis: Basis::Whole,
            table: Some(table),
            view: None,
        };
        let renewed =
            Renewed { data: digest(new), metadata: digest("newer"), source: digest("later"), undecided: None };
        ((EnvironmentName::new(name), None), [(model(), pointer)].into(), [(model(), renewed)].into())
    }

    fn moved(shown: &[(&str, &str, &str)]) -> Vec<(Digest, Digest)> {
        let shown = shown.iter().map(|(name, old, new)| shows(name, old, new)).collect();
        Upgrade::new((1, 2), shown).moved().map(|(old, new)| (old.data_fingerprint, new)).collect()
    }

    #[test]
    fn a_table_is_found_under_what_its_tree_calls_it_now() {
        assert_eq!(moved(&[("prod", "1", "2"), ("x", "1", "2")]), [(digest("1"), digest("2"))]);
        assert_eq!(moved(&[("prod", "1", "1")]), []);
    }

    /// What was one before and is two by now was taken for one by mistake.
    #[test]
    fn a_table_that_two_trees_name_differently_is_nobodys() {
        assert_eq!(moved(&[("prod", "1", "2"), ("x", "1", "3")]), []);
        assert_eq!(moved(&[("prod", "1", "2"), ("x", "1", "3"), ("y", "1", "2")]), []);
    }

    #[test]
    fn of_two_tables_that_are_one_model_by_now_the_first_counts() {
        assert_eq!(moved(&[("prod", "1", "3"), ("x", "2", "3")]), [(digest("1"), digest("3"))]);
        assert_eq!(moved(&[("prod", "3", "3"), ("x", "2", "3")]), []);
        assert_eq!(moved(&[("prod", "2", "3"), ("x", "3", "3")]), [], "its key is taken, whoever comes first");
    }

    #[test]
    fn what_was_not_looked_up_is_never_taken_for_what_it_was() {
        let known = shows("prod", "1", "2");
        let (stand, models, _) = shows("x", "1", "2");
        let upgrade = Upgrade::new((1, 2), vec![known.clone()]);
        let there = &upgrade.pointers(&known.0, &known.1)[&model()];
        assert_eq!((there.data_fingerprint, there.source), (digest("2"), Some(digest("later"))));
        assert_eq!(there.metadata_fingerprint, digest("newer"));
        let elsewhere = &upgrade.pointers(&stand, &models)[&model()];
        assert_eq!((elsewhere.data_fingerprint, elsewhere.source), (digest("2"), None), "it shows the same table");
    }
}
