//! The same project gives the same tables with SQLMesh and with us. What SQLMesh 0.236 makes of each project of
//! `fixtures/parity` stands beside it in `golden.json`, written by `scripts/parity`; here `bot promote` makes it too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use offshoot::engine::Engine as _;
use serde_json::Value;

use crate::cases::files_below;
use crate::world::World;

/// The execution time that `scripts/parity` gives SQLMesh.
const NOW: &str = "2026-04-01";

/// The columns of a view with their types, and its rows in order, as text.
type Shown = (Vec<[String; 2]>, Vec<Vec<Option<String>>>);

fn projects() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/parity");
    let entries = std::fs::read_dir(folder).expect("fixtures/parity");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

fn golden(project: &Path) -> BTreeMap<String, Shown> {
    let text = std::fs::read_to_string(project.join("golden.json")).expect("what SQLMesh makes of it");
    let views: BTreeMap<String, Value> = serde_json::from_str(&text).expect("JSON");
    let shown = |view: &Value| {
        let columns = serde_json::from_value(view["columns"].clone()).expect("columns");
        let rows = serde_json::from_value(view["rows"].clone()).expect("rows");
        (columns, rows)
    };
    views.iter().map(|(name, view)| (name.clone(), shown(view))).collect()
}

/// A repository with the project on `main`, and what its `setup.sql` makes in the warehouse.
fn world(project: &Path) -> World {
    let world = World::empty().at(NOW);
    let mut files = Vec::new();
    files_below(project, &mut files);
    for file in files {
        let inside = file.strip_prefix(project).expect("below").to_str().expect("a plain name").to_owned();
        let content = std::fs::read(&file).expect("a file");
        match inside.as_str() {
            "golden.json" => {}
            "setup.sql" => {
                let sql = String::from_utf8(content).expect("SQL");
                let mut session = world.engine().session().expect("a session");
                session.execute(&sql).expect("what the project reads");
            }
            _ => drop(world.repository.write(&inside, content)),
        }
    }
    world.repository.commit("the project");
    world
}

fn rows(world: &World, sql: &str) -> Vec<Vec<Option<String>>> {
    let mut session = world.engine().session().expect("a session");
    session.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).rows
}

fn shown(world: &World, view: &str) -> Shown {
    let (schema, name) = view.split_once('.').expect("a schema");
    let name = format!("\"{schema}\".\"{name}\"");
    let columns = rows(world, &format!("SELECT column_name, column_type FROM (DESCRIBE {name})"));
    let column = |row: &Vec<Option<String>>| [row[0].clone().expect("a name"), row[1].clone().expect("a type")];
    let columns: Vec<[String; 2]> = columns.iter().map(column).collect();
    let texts: Vec<String> = columns.iter().map(|[column, _]| format!("CAST(\"{column}\" AS TEXT)")).collect();
    let rows = rows(world, &format!("SELECT {} FROM {name} ORDER BY ALL", texts.join(", ")));
    (columns, rows)
}

#[test]
fn every_project_gives_what_sqlmesh_gives() {
    let mut differing = Vec::new();
    for project in projects() {
        let name = project.file_name().expect("a name").to_string_lossy().into_owned();
        let world = world(&project);
        world.done(&["promote"]);
        let expected = golden(&project);
        assert!(!expected.is_empty(), "{name} shows nothing");
        for (view, wanted) in &expected {
            let made = shown(&world, view);
            if made != *wanted {
                differing.push(format!("{name}: {view}\n  SQLMesh: {wanted:?}\n  here:    {made:?}"));
            }
        }
        let ours = "SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1";
        let ours: Vec<String> = rows(&world, ours).into_iter().flatten().flatten().collect();
        let theirs: Vec<String> = expected.into_keys().collect();
        assert_eq!(ours, theirs, "{name}: the views");
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
