//! A tree that takes over what another one came to is what it would be by itself.

use std::sync::Mutex;

use super::*;
use crate::project::{ReadFiles, Shelf, StoredFile, scan_like};

/// A shelf without a disk.
#[derive(Debug, Default)]
struct Memory(Mutex<BTreeMap<Digest, StoredFile>>);

impl Shelf for Memory {
    fn get(&self, key: Digest) -> Option<StoredFile> {
        self.0.lock().expect("no test panics with it").get(&key).cloned()
    }

    fn put(&self, key: Digest, file: &StoredFile) {
        self.0.lock().expect("no test panics with it").insert(key, file.clone());
    }
}

/// Files beyond the shop: declared tables, a file that a text names, a statement, models that read one another in a
/// circle, a reference that nobody owns, and a model that comes twice.
const MORE: &str = "//- external_models.yaml
- name: raw.t
  columns: {a: int, b: text}
//- data/x.csv
1
//- models/file.sql
MODEL (name s.file, kind FULL);
SELECT * FROM read_csv('data/x.csv')
//- models/writes.sql
MODEL (name s.writes, kind FULL);
CREATE TABLE helper AS SELECT 1 AS x;
SELECT a FROM raw.t
//- models/one.sql
MODEL (name s.one, kind FULL, depends_on (s.nobody));
SELECT 's.two' AS x FROM s.m
//- models/two.sql
MODEL (name s.two, kind FULL);
SELECT 's.one' AS x
//- models/twice.sql
MODEL (name s.twice); SELECT 1 AS x
//- models/zz/twice.sql
MODEL (name s.twice); SELECT 2 AS x
";

/// Texts of those files, and what they become.
const EDITS: [(&str, &str); 15] = [
    ("amount * 2 AS net", "amount * 3 AS net"),
    ("1,10,eu", "1,11,eu"),
    ("SELECT sum(net)", "SELECT sum(id)"),
    ("name s.far, kind FULL", "name s.further, kind FULL"),
    ("//- models/far.sql", "//- models/a/far.sql"),
    ("//- models/counts.sql\nMODEL (name s.counts, kind FULL);\nSELECT count(*) AS n FROM s.m\n", ""),
    ("//- models/one.sql", "//- models/new.sql\nMODEL (name s.a_new);\nSELECT id FROM s.m\n//- models/one.sql"),
    ("{a: int, b: text}", "{a: int, b: date}"),
    ("- name: raw.t", "- name: raw.s\n- name: raw.t"),
    ("//- data/x.csv\n1", "//- data/x.csv\n2"),
    ("CREATE TABLE helper", "CREATE TABLE other"),
    ("'s.one' AS x", "'s.on' AS x"),
    ("start: 2026-01-01", "start: 2026-01-02"),
    ("//- models/twice.sql\nMODEL (name s.twice); SELECT 1 AS x\n", ""),
    ("SELECT count(*) AS n", "SELECT count(*) AS n WHERE ("),
];

struct Drafted {
    problems: Vec<crate::problem::Problem>,
    models: String,
    read: ReadFiles,
    sketch: Sketch,
}

fn drafted(text: &str, shelf: Option<&dyn Shelf>, like: Option<&Drafted>) -> Drafted {
    let (environment, cache) = (BTreeMap::new(), ModelCache::new());
    let surroundings = Surroundings { environment: &environment, gateway: None, cache: &cache, shelf };
    let (loaded, read) = scan_like(&TextTree::parse(text), &surroundings, like.map(|like| &like.read));
    let project = loaded.project;
    let models = format!("{:?} {:?}", project.models, project.broken);
    let engine = Digest::of("engine", "duckdb");
    let sketch = Sketch::of(project.models, project.files, engine, like.map(|like| &like.sketch));
    Drafted { problems: loaded.problems, models, read, sketch }
}

fn check(before: &str, after: &str, shelf: Option<&dyn Shelf>) {
    let old = drafted(before, shelf, None);
    let (alone, like) = (drafted(after, shelf, None), drafted(after, shelf, Some(&old)));
    assert_eq!(like.problems, alone.problems);
    assert_eq!(like.models, alone.models);
    assert_eq!(like.sketch.sources().collect::<Vec<_>>(), alone.sketch.sources().collect::<Vec<_>>());
    let order = |draft: &Drafted| -> Vec<(ModelName, Digest)> {
        draft.sketch.in_order().into_iter().map(|(model, source)| (model.name.clone(), source)).collect()
    };
    assert_eq!(order(&like), order(&alone));
    assert_eq!(like.sketch.circles(), alone.sketch.circles());
    assert_eq!(like.sketch.differing(&old.sketch), alone.sketch.differing(&old.sketch));
}

#[test]
fn what_is_taken_over_is_what_would_be_read() {
    let all = format!("{CONFIG}{SHOP}{MORE}");
    for (old, new) in EDITS {
        let edited = all.replacen(old, new, 1);
        assert_ne!(edited, all, "{old}");
        let shelf = Memory::default();
        for shelf in [None, Some(&shelf as &dyn Shelf), Some(&shelf)] {
            check(&all, &edited, shelf);
            check(&edited, &all, shelf);
            check(&all, &all, shelf);
        }
    }
}

#[test]
fn what_reads_an_edit_differs_and_nothing_else() {
    let all = format!("{CONFIG}{SHOP}{MORE}");
    let old = drafted(&all, None, None);
    let new = drafted(&all.replacen("sum(net)", "max(net)", 1), None, Some(&old));
    let names: Vec<String> = new.sketch.differing(&old.sketch).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["s.reads_net"]);
}
