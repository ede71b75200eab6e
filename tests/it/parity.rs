//! The same project gives the same tables with SQLMesh and with us. What SQLMesh 0.236 makes of each project of
//! `fixtures/parity` stands beside it in `golden.json`, written by `scripts/parity`; here `bot promote` makes it too. What its
//! environment `dev` shows after the edit in `edit/` is `golden.dev.json`; here `bot apply` of a branch makes that. The rows of what
//! it renders are `golden.render.json`, and the schemas that tables are mapped to are `golden.schemas.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use offshoot::engine::Engine as _;
use offshoot::time::Timestamp;
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

fn golden(project: &Path, name: &str) -> BTreeMap<String, Shown> {
    let text = std::fs::read_to_string(project.join(name)).expect("what SQLMesh makes of it");
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
            golden if golden.starts_with("golden.") => {}
            edit if edit.starts_with("edit/") => {}
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

/// Makes the edit on a branch, where the project has one.
fn edited(world: &World, project: &Path) -> bool {
    let edit = project.join("edit");
    if !edit.is_dir() {
        return false;
    }
    world.repository.branch("edit");
    crate::cases::write(&world.repository, &edit);
    world.repository.commit("the edit");
    true
}

/// What `dev` shows: SQLMesh makes views of what is modified alone (without `--include-unmodified`), and here an environment shows
/// every model, so the others show what production shows. A removed model has the name of its file.
fn dev(project: &Path, prod: &BTreeMap<String, Shown>) -> BTreeMap<String, Shown> {
    let removed = std::fs::read_to_string(project.join("edit/REMOVED")).unwrap_or_default();
    let stem = |path: &str| Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let removed: Vec<String> = removed.lines().filter_map(stem).collect();
    let unmodified = prod.iter().filter_map(|(view, shown)| {
        let (schema, name) = view.split_once('.')?;
        (!removed.iter().any(|stem| stem == name)).then(|| (format!("{schema}__dev.{name}"), shown.clone()))
    });
    unmodified.chain(golden(project, "golden.dev.json")).collect()
}

/// What differs between what SQLMesh shows and what stands here.
fn differing(world: &World, expected: &BTreeMap<String, Shown>, views: &str) -> Vec<String> {
    let mut differing = Vec::new();
    let ours =
        format!("SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal AND {views} ORDER BY 1");
    let ours: Vec<String> = rows(world, &ours).into_iter().flatten().flatten().collect();
    let theirs: Vec<String> = expected.keys().cloned().collect();
    if ours != theirs {
        differing.push(format!("the views\n  SQLMesh: {theirs:?}\n  here:    {ours:?}"));
    }
    for (view, wanted) in expected.iter().filter(|(view, _)| ours.contains(view)) {
        let made = shown(world, view);
        if made != *wanted {
            differing.push(format!("{view}\n  SQLMesh: {wanted:?}\n  here:    {made:?}"));
        }
    }
    differing
}

/// The tables that SQLMesh maps to other schemas than we do.
fn mapped_otherwise(world: &World, project: &Path) -> Option<String> {
    let text = std::fs::read_to_string(project.join("golden.schemas.json")).unwrap_or_else(|_| "{}".to_owned());
    let theirs: BTreeMap<String, String> = serde_json::from_str(&text).expect("JSON");
    let tables = rows(
        world,
        "SELECT DISTINCT model, schema_name FROM offshoot__meta.objects WHERE kind = 'table' AND NOT starts_with(schema_name, 'offshoot__')",
    );
    let pair = |row: Vec<Option<String>>| Some((row.first()?.clone()?, row.get(1)?.clone()?));
    let ours: BTreeMap<String, String> = tables.into_iter().filter_map(pair).collect();
    (ours != theirs).then(|| format!("the schemas of tables\n  SQLMesh: {theirs:?}\n  here:    {ours:?}"))
}

const PROD: &str = "NOT ends_with(schema_name, '__dev')";
const DEV: &str = "ends_with(schema_name, '__dev')";

#[test]
fn every_project_gives_what_sqlmesh_gives() {
    let (mut wrong, mut edits) = (Vec::new(), 0);
    for project in projects() {
        let name = project.file_name().expect("a name").to_string_lossy().into_owned();
        let world = world(&project);
        let mut tell = |found: Vec<String>| wrong.extend(found.into_iter().map(|what| format!("{name}: {what}")));
        world.done(&["promote"]);
        let prod = golden(&project, "golden.json");
        assert!(!prod.is_empty(), "{name} shows nothing");
        tell(differing(&world, &prod, PROD));
        tell(mapped_otherwise(&world, &project).into_iter().collect());
        if edited(&world, &project) {
            edits += 1;
            world.done(&["apply", "--env", "dev"]);
            tell(differing(&world, &dev(&project, &prod), DEV));
            // A branch moves nothing of production.
            tell(differing(&world, &prod, PROD));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(edits >= 10, "the edits are there");
}

/// What a model is rendered to before anything is built: its first load.
fn rendered(world: &World, model: &str) -> Value {
    let quoted = match model.split_once('.') {
        Some((schema, name)) => format!("{schema}.\"{name}\""),
        None => format!("\"{model}\""),
    };
    world.done(&["render", &quoted, "--format", "json"]).json()
}

/// The rows of a rendered query, after the statements before it.
fn rows_of(world: &World, rendered: &Value) -> Vec<Vec<Option<String>>> {
    let mut session = world.engine().session().expect("a session");
    for statement in rendered["pre_statements"].as_array().into_iter().flatten() {
        session.execute(statement.as_str().expect("a text")).expect("a statement that runs");
    }
    let query = rendered["query"].as_str().expect("a query");
    let columns =
        session.query(&format!("SELECT column_name FROM (DESCRIBE {query})")).expect("a query that runs").rows;
    let text = |row: &Vec<Option<String>>| format!("CAST(\"{}\" AS TEXT)", row[0].as_deref().expect("a name"));
    let texts: Vec<String> = columns.iter().map(text).collect();
    session.query(&format!("SELECT {} FROM ({query}) ORDER BY ALL", texts.join(", "))).expect("rows").rows
}

#[test]
fn what_is_rendered_gives_the_rows_of_what_sqlmesh_renders() {
    let (mut wrong, mut models) = (Vec::new(), 0);
    for project in projects() {
        let name = project.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(project.join("golden.render.json")).expect("what SQLMesh renders");
        let golden: BTreeMap<String, Value> = serde_json::from_str(&text).expect("JSON");
        let world = world(&project);
        let ours: Vec<Value> = golden.keys().map(|model| rendered(&world, model)).collect();
        world.done(&["promote"]);
        for ((model, theirs), ours) in golden.iter().zip(ours) {
            models += 1;
            let moments = |value: &Value| -> Vec<Option<Timestamp>> {
                value.as_array().into_iter().flatten().map(|text| Timestamp::parse(text.as_str()?)).collect()
            };
            let (interval, wanted) = (moments(&ours["interval"]), moments(&theirs["interval"]));
            if !wanted.is_empty() && interval != wanted {
                wrong.push(format!(
                    "{name}: {model} is loaded for {}, SQLMesh was asked for {}",
                    ours["interval"], theirs["interval"]
                ));
                continue;
            }
            let wanted: Vec<Vec<Option<String>>> = serde_json::from_value(theirs["rows"].clone()).expect("rows");
            let found = rows_of(&world, &ours);
            if found != wanted {
                wrong.push(format!("{name}: {model}\n  SQLMesh: {wanted:?}\n  here:    {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(models > 50, "the models are there: {models}");
}
