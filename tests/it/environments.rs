//! `bot env list`, `show` and `drop`, on what `bot promote` and `bot apply` have made.

use std::fs;
use std::path::Path;

use offshoot::error::Exit;

use crate::world::World;

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}

fn names(world: &World) -> Vec<String> {
    let listed = world.done(&["env", "list", "--format", "json"]).json();
    let name = |item: &serde_json::Value| item["name"].as_str().expect("a name").to_owned();
    listed["environments"].as_array().expect("a list").iter().map(name).collect()
}

#[test]
fn a_list_before_anything_was_made_makes_nothing() {
    let world = World::shop();
    let ran = world.done(&["env", "list"]);
    assert!(ran.stdout.starts_with("There is no environment yet"), "{}", ran.stdout);
    assert_eq!(world.done(&["env", "list", "--format", "json"]).json()["environments"], serde_json::json!([]));
    assert!(!world.state().exists());
    let ran = world.bot(&["env", "drop", "feature_x"]);
    assert_eq!((ran.exit, world.state().exists()), (Exit::No, false), "{}", ran.stderr);
}

#[test]
fn a_list_shows_every_environment() {
    let (world, name) = World::applied();
    let listed = world.done(&["env", "list", "--format", "json"]).json();
    assert_eq!(listed["schema_version"], 1);
    let [branch, prod] = listed["environments"].as_array().expect("a list").as_slice() else { panic!("{listed}") };
    assert_eq!(branch["name"], name.as_str());
    assert_eq!(branch["owner"], serde_json::json!({"kind": "branch", "name": "refs/heads/feature/fx-rates"}));
    assert_eq!((&branch["status"], &branch["base"]), (&"ready".into(), &"prod".into()));
    assert_eq!(branch["head"], world.repository.sha("HEAD"));
    assert_eq!((&branch["models"], &branch["views"]), (&20.into(), &18.into()), "EXTERNAL and EMBEDDED have no view");
    assert_eq!((&prod["name"], &prod["expires_at"]), (&"prod".into(), &serde_json::Value::Null));
    assert_eq!(prod["promoted"], world.repository.sha("main"));

    let told = world.done(&["env", "list"]).stdout;
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("NAME") && lines[1].starts_with(&name) && lines[2].starts_with("prod"), "{told}");
    let columns: Vec<usize> =
        lines.iter().map(|line| line.find("ready").or(line.find("STATUS")).expect("a status")).collect();
    assert!(columns.windows(2).all(|pair| pair[0] == pair[1]), "aligned: {told}");
    assert!(world.done(&["env", "list", "--format", "markdown"]).stdout.contains("| `prod` |"));
}

#[test]
fn a_page_says_where_an_environment_came_from_and_where_models_point() {
    let (world, name) = World::applied();
    let shown = world.done(&["env", "show", &name, "--format", "json"]).json();
    assert_eq!(shown["created_from"], world.repository.sha("main"));
    assert_eq!(shown["commits"]["head"], world.repository.sha("HEAD"));
    let plan = shown["plan_id"].as_str().expect("a plan");
    let model = |wanted: &str| -> serde_json::Value {
        let mut models = shown["models"].as_array().expect("models").iter();
        models.find(|model| model["name"] == wanted).expect("the model").clone()
    };
    let sales = model("marts.product_sales");
    let view = format!("marts__{name}.product_sales");
    assert_eq!((&sales["kind"], &sales["view"]), (&"FULL".into(), &view.as_str().into()));
    let table = sales["table"].as_str().expect("a table");
    assert!(table.starts_with("offshoot__marts.product_sales__"), "{table}");
    assert_eq!(model("staging.paid_orders")["view"], serde_json::Value::Null);
    let told = world.done(&["env", "show", &name]).stdout;
    for text in [plan, table, view.as_str(), "prod at ", "feature/fx-rates"] {
        assert!(told.contains(text), "{text} is not in\n{told}");
    }
}

#[test]
fn an_unknown_name_is_a_no_with_the_nearest_one() {
    let (world, name) = World::applied();
    let wrong = name.replace("fx_rates", "fx_rate");
    for command in ["show", "drop"] {
        let ran = world.bot(&["env", command, &wrong]);
        assert_eq!(ran.exit, Exit::No);
        assert!(ran.stderr.contains(&format!("did you mean `{name}`?")), "{}", ran.stderr);
    }
    let ran = world.bot(&["env", "show", "nothing_like_it", "--format", "json"]);
    assert_eq!((ran.exit, &ran.error()["error"]["kind"]), (Exit::No, &"no".into()));
}

#[test]
fn a_drop_takes_views_and_schemas_and_leaves_tables_and_production() {
    let (world, name) = World::applied();
    let tables = "SELECT count(*) FROM duckdb_tables() WHERE schema_name LIKE 'offshoot__%'";
    let (before, of_prod) = (world.value(tables), "SELECT count(*) FROM marts.product_sales");
    let rows = world.value(of_prod);
    let dropped = world.done(&["env", "drop", &name, "--format", "json"]).json();
    assert_eq!(dropped["views"].as_array().expect("views").len(), 18);
    let schemas: Vec<String> = ["marts", "raw", "staging"].map(|schema| format!("{schema}__{name}")).into();
    assert_eq!((&dropped["schemas"], &dropped["left"]), (&serde_json::json!(schemas), &serde_json::json!([])));
    assert_eq!(world.value(&format!("SELECT count(*) FROM duckdb_schemas() WHERE schema_name LIKE '%{name}'")), "0");
    assert_eq!((world.value(tables), world.value(of_prod)), (before, rows));
    assert_eq!(names(&world), ["prod"]);
    let again = world.bot(&["env", "drop", &name]);
    assert_eq!(again.exit, Exit::No, "it is gone: {}", again.stderr);
    let applied = world.done(&["apply", "--format", "json"]).json();
    assert_eq!((&applied["builds"], &applied["swapped"]), (&serde_json::json!([]), &18.into()), "its tables were kept");
}

#[test]
fn production_is_never_dropped() {
    let world = World::shop();
    world.done(&["promote"]);
    let views = world.views();
    let ran = world.bot(&["env", "drop", "prod"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("`prod` is production"), "{}", ran.stderr);
    assert_eq!((world.views(), names(&world)), (views, vec!["prod".to_owned()]));
}

#[test]
fn what_is_foreign_is_left_and_named() {
    let (world, name) = World::applied();
    world.sql(&format!("CREATE TABLE marts__{name}.mine AS SELECT 1 AS a"));
    world.sql(&format!("CREATE OR REPLACE VIEW staging__{name}.orders AS SELECT 2 AS a"));
    // Not a table or view, so only the engine itself says that the schema is not empty.
    world.sql(&format!("CREATE SEQUENCE raw__{name}.numbers"));
    let dropped = world.done(&["env", "drop", &name, "--format", "json"]).json();
    let left: Vec<&str> =
        dropped["left"].as_array().expect("a list").iter().map(|left| left["name"].as_str().expect("a name")).collect();
    let schema = |schema: &str| format!("{schema}__{name}");
    let expected = [schema("marts"), schema("raw"), schema("staging"), format!("staging__{name}.orders")];
    assert_eq!(left, expected);
    let why = dropped["left"][0]["why"].as_str().expect("a reason");
    assert!(why.contains(&format!("table `marts__{name}.mine`")), "{why}");
    assert_eq!(dropped["views"].as_array().expect("views").len(), 17);
    assert_eq!(world.value(&format!("SELECT a FROM marts__{name}.mine")), "1");
    assert_eq!(world.value(&format!("SELECT a FROM staging__{name}.orders")), "2");
    assert_eq!(world.value(&format!("SELECT nextval('raw__{name}.numbers')")), "1");
    assert_eq!(names(&world), ["prod"]);
}

#[test]
fn a_drop_that_died_between_warehouse_and_state_is_finished_by_the_next() {
    let (world, name) = World::applied();
    let kept = tempfile::tempdir().expect("a folder");
    let folder = world.repository.path().join(".offshoot");
    copy_folder(&folder, kept.path());
    world.done(&["env", "drop", &name]);
    // The state as it was before the last step of the drop.
    fs::remove_dir_all(&folder).expect("the folder is ours");
    copy_folder(kept.path(), &folder);
    assert_eq!(names(&world), [name.as_str(), "prod"]);
    let again = world.done(&["env", "drop", &name, "--format", "json"]).json();
    assert_eq!((&again["views"], &again["left"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert_eq!(names(&world), ["prod"]);
}

#[test]
fn another_states_warehouse_is_not_touched() {
    let (world, name) = World::applied();
    let (other, of_other) = World::applied();
    assert_eq!(name, of_other, "the same branch has the same name everywhere");
    let folder = world.repository.path().join(".offshoot");
    fs::remove_dir_all(&folder).expect("the folder is ours");
    copy_folder(&other.repository.path().join(".offshoot"), &folder);
    let views = world.views();
    let ran = world.bot(&["env", "drop", &name]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stdout);
    assert!(ran.stderr.contains("belongs to state"), "{}", ran.stderr);
    assert_eq!((world.views(), names(&world)), (views, vec![name, "prod".to_owned()]));
}

#[test]
fn a_warehouse_that_is_gone_stops_no_drop() {
    let (world, name) = World::applied();
    fs::remove_file(world.warehouse()).expect("the file is ours");
    let ran = world.done(&["env", "drop", &name]);
    assert!(ran.stderr.contains("not there"), "{}", ran.stderr);
    assert_eq!((names(&world), world.warehouse().exists()), (vec!["prod".to_owned()], false));
}
