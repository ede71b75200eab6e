//! The table of inputs, line by line: what moves a model, what moves its readers, and what moves nothing.

mod changes;
mod copied;
mod decided;
mod holes;
mod inputs;
mod kinds;
mod like;

use super::*;
use crate::diff::diff;
use crate::files::TextTree;
use crate::plan::{Category, Change, Reason};
use crate::project::{ModelCache, Surroundings, load};

const CONFIG: &str = "//- config.yaml
gateways: {local: {connection: {type: duckdb, database: db}}}
model_defaults: {dialect: duckdb, start: 2026-01-01}
variables: {region: eu, limit: 3}
";

/// Seeds, a stored parent, and one reader of each column, of all, and of the rows alone.
const SHOP: &str = "//- seeds/raw.csv
id,amount,region
1,10,eu
2,20,us
//- models/raw.sql
MODEL (name s.raw, kind SEED (path '$root/seeds/raw.csv'))
//- models/m.sql
MODEL (name s.m, kind FULL);
SELECT id, amount, amount * 2 AS net FROM s.raw WHERE id > 0
//- models/reads_id.sql
MODEL (name s.reads_id, kind FULL);
SELECT id FROM s.m
//- models/reads_net.sql
MODEL (name s.reads_net, kind FULL);
SELECT sum(net) AS total FROM s.m
//- models/reads_star.sql
MODEL (name s.reads_star, kind FULL);
SELECT * FROM s.m
//- models/counts.sql
MODEL (name s.counts, kind FULL);
SELECT count(*) AS n FROM s.m
//- models/far.sql
MODEL (name s.far, kind FULL);
SELECT id + 1 AS id FROM s.reads_id
";

fn tree_in(fixture: &str, engine: &str, like: Option<&Tree>) -> Tree {
    let files = TextTree::parse(&format!("{CONFIG}{fixture}"));
    let environment = BTreeMap::new();
    let cache = ModelCache::new();
    let loaded = load(&files, &Surroundings { environment: &environment, gateway: None, cache: &cache, shelf: None });
    // What a text names is refused before it runs, and hashed all the same.
    let is_error = |problem: &&crate::problem::Problem| {
        problem.severity == crate::problem::Severity::Error && problem.code != "model-in-text"
    };
    let errors = loaded.problems.iter().filter(is_error);
    assert_eq!(errors.collect::<Vec<_>>(), Vec::<&crate::problem::Problem>::new());
    let project = loaded.project;
    let (tree, problems) = Tree::new(project.models, project.files, Digest::of("engine", engine), like);
    assert_eq!(problems, []);
    tree
}

/// A tree of these files, below a configuration of DuckDB.
pub(crate) fn tree(fixture: &str) -> Tree {
    tree_in(fixture, "duckdb", None)
}

fn tree_like(fixture: &str, like: Option<&Tree>) -> Tree {
    tree_in(fixture, "duckdb", like)
}

/// Names without `s.` of the models whose data fingerprint differs, added and removed ones included.
fn moved(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (tree(before), tree(after));
    crate::explain::tests::check(&before, &after);
    let names: BTreeSet<&ModelName> = before.fingerprints.keys().chain(after.fingerprints.keys()).collect();
    let data = |tree: &Tree, name: &ModelName| tree.fingerprints.get(name).map(|fingerprint| fingerprint.data);
    let moved = names.into_iter().filter(|name| data(&before, name) != data(&after, name));
    moved.map(|name| name.table().to_owned()).collect()
}

/// The shop with one text of it replaced.
fn edited(old: &str, new: &str) -> String {
    assert!(SHOP.contains(old), "{old} is not in the shop");
    SHOP.replacen(old, new, 1)
}

#[track_caller]
fn shop_moves(models: &[&str], old: &str, new: &str) {
    assert_eq!(moved(SHOP, &edited(old, new)), models, "{old} → {new}");
}

/// A stored parent `s.p`, the model `s.m` as given, and `s.c`, which reads one column and the rows of `s.m`.
fn pair(model: &str) -> String {
    format!(
        "//- models/p.sql\nMODEL (name s.p, kind FULL);\nSELECT id, k, v, ds FROM raw.p\n\
         //- external_models.yaml\n- name: raw.p\n  columns: {{id: int, k: int, v: int, ds: date}}\n\
         //- models/m.sql\n{model}\n//- models/c.sql\nMODEL (name s.c, kind FULL);\nSELECT sum(v) AS v FROM s.m"
    )
}

#[track_caller]
fn pair_moves(models: &[&str], before: &str, after: &str) {
    assert_eq!(moved(&pair(before), &pair(after)), models, "{before}\n→\n{after}");
}

fn one(properties: &str) -> String {
    format!("MODEL (name s.m, {properties});\nSELECT id, k, v, ds FROM s.p")
}
