//! Pinned fingerprints: equal trees find equal tables only as long as no rule moves without a new algorithm version.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use offshoot::files::TextTree;
use offshoot::fingerprint::{ALGORITHM, Tree};
use offshoot::hash::Digest;
use offshoot::project::{ModelCache, Surroundings, load};
use offshoot::sql::Analysis;

use crate::cases::files_below;
use crate::corpus::{analysis, queries};

/// Set to write the file anew, after `ALGORITHM` was raised.
const WRITE: &str = "OFFSHOOT_WRITE_FINGERPRINTS";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn short(digest: Digest) -> String {
    digest.short(12)
}

/// A line for each query of the corpus: its rows, then its columns.
fn of_queries(lines: &mut String) {
    for sql in queries() {
        let told = match analysis(sql) {
            Analysis::Opaque(_) => "opaque".to_owned(),
            Analysis::Resolved(resolved) => {
                let columns = resolved.columns.iter().map(|column| short(column.hash));
                std::iter::once(short(resolved.rows)).chain(columns).collect::<Vec<_>>().join(" ")
            }
        };
        let _ = writeln!(lines, "{sql}\t{told}");
    }
}

/// A line for each model of the shop: its data and its metadata fingerprint.
fn of_the_shop(lines: &mut String) {
    let folder = root().join("projects/shop");
    let mut files = Vec::new();
    files_below(&folder, &mut files);
    let text = |path: &PathBuf| {
        let name = path.strip_prefix(&folder).expect("below").to_str().expect("a plain name").replace('\\', "/");
        Some((name, fs::read_to_string(path).ok()?))
    };
    let tree: TextTree = files.iter().filter_map(text).collect();
    let (environment, cache) = (BTreeMap::new(), ModelCache::new());
    let project =
        load(&tree, &Surroundings { environment: &environment, gateway: None, cache: &cache, shelf: None }).project;
    let (tree, problems) = Tree::new(project.models, project.files, Digest::of("engine", "duckdb"), None);
    assert_eq!(problems, []);
    assert!(tree.fingerprints.len() >= 12, "the shop is there");
    for (name, fingerprint) in &tree.fingerprints {
        let _ = writeln!(lines, "{name}\t{} {}", short(fingerprint.data), short(fingerprint.metadata));
    }
}

#[test]
fn no_fingerprint_moves_without_a_new_algorithm() {
    let mut lines = format!("algorithm\t{ALGORITHM}\n");
    of_queries(&mut lines);
    of_the_shop(&mut lines);
    let path = root().join("fingerprints.tsv");
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, &lines).expect("the file is ours");
    }
    let pinned = fs::read_to_string(&path).expect("fixtures/fingerprints.tsv");
    let old: BTreeMap<&str, &str> = pinned.lines().filter_map(|line| line.split_once('\t')).collect();
    let new: BTreeMap<&str, &str> = lines.lines().filter_map(|line| line.split_once('\t')).collect();
    let moved: Vec<&str> =
        old.iter().filter(|(name, told)| new.get(*name) != Some(told)).map(|(name, _)| *name).collect();
    assert!(
        moved.is_empty(),
        "fingerprints moved. Tables are found by them, so this needs a new `fingerprint::ALGORITHM` (now {ALGORITHM}) \
         and a line in CHANGELOG.md; then run this test with {WRITE}=1. Moved:\n{}",
        moved.join("\n")
    );
    assert_eq!(old.len(), new.len(), "new queries or models are not pinned yet: run this test with {WRITE}=1");
}
