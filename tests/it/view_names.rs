//! `environment_suffix_target: table`: views of environments stand in production's schemas, and move there and back. And
//! where views of two environments or two projects would meet, either way they are called, nobody's is touched.

use offshoot::error::Exit;

use crate::lab::{CONFIG, each_statement, edit, lab};
use crate::world::World;

const BASE: &str = "MODEL (name s.base, kind FULL);\nSELECT 1 AS id";
const TOP: &str = "MODEL (name s.top, kind VIEW);\nSELECT id FROM s.base";

fn beside() -> String {
    format!("{CONFIG}environment_suffix_target: table\n")
}

/// Two models, promoted, with the setting; and a branch that changes the first.
fn world(config: &str) -> World {
    let world = lab(&[("config.yaml", config), ("models/base.sql", BASE), ("models/top.sql", TOP)]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/base.sql", "MODEL (name s.base, kind FULL);\nSELECT 2 AS id")]);
    world
}

fn schemas(world: &World) -> Vec<String> {
    let rows = world.sql("SELECT schema_name FROM duckdb_schemas() WHERE NOT internal ORDER BY 1");
    let names = rows.into_iter().map(|row| row[0].clone().expect("a name"));
    names.filter(|name| !name.starts_with("offshoot__")).collect()
}

#[test]
fn views_of_an_environment_stand_beside_productions() {
    let world = world(&beside());
    world.done(&["apply", "--env", "dev"]);
    assert_eq!(world.views(), ["s.base", "s.base__dev", "s.top", "s.top__dev"]);
    assert_eq!((world.value("FROM s.top"), world.value("FROM s.top__dev")), ("1".into(), "2".into()));
    let ran = world.done(&["apply", "--env", "dev", "--format", "json"]).json();
    assert_eq!((&ran["builds"], &ran["swapped"]), (&serde_json::json!([]), &0.into()), "{ran}");
    let queried = world.done(&["query", "--env", "dev", "SELECT id FROM s.top", "--format", "json"]).json();
    assert_eq!(queried["rows"], serde_json::json!([[2]]));
    let shown = world.done(&["env", "show", "dev", "--format", "json"]).stdout;
    assert!(shown.contains("top__dev"), "{shown}");
    assert!(world.done(&["render", "s.top", "--env", "dev", "--format", "json"]).stdout.contains("top__dev"));
    world.done(&["run", "dev"]);
    world.done(&["doctor"]);

    world.repository.checkout("main");
    world.repository.merge("feature");
    world.done(&["promote"]);
    assert_eq!(world.value("FROM s.top"), "2");
    let dropped = world.done(&["env", "drop", "dev"]);
    assert_eq!(world.views(), ["s.base", "s.top"], "{}", dropped.stdout);
    assert_eq!(schemas(&world), ["s"]);
}

#[test]
fn another_setting_moves_the_views_and_drops_the_old_ones() {
    let world = world(CONFIG);
    world.done(&["apply", "--env", "dev"]);
    assert_eq!(world.views(), ["s.base", "s.top", "s__dev.base", "s__dev.top"]);
    edit(&world, &[("config.yaml", &beside())]);
    let ran = world.done(&["apply", "--env", "dev", "--format", "json"]).json();
    assert_eq!(ran["builds"], serde_json::json!([]), "no table is touched");
    assert_eq!(world.views(), ["s.base", "s.base__dev", "s.top", "s.top__dev"]);
    assert_eq!(world.value("FROM s.top__dev"), "2");

    edit(&world, &[("config.yaml", CONFIG)]);
    world.done(&["apply", "--env", "dev"]);
    assert_eq!(world.views(), ["s.base", "s.top", "s__dev.base", "s__dev.top"]);

    edit(&world, &[("config.yaml", &beside())]);
    world.done(&["apply", "--env", "dev"]);
    let dropped = world.done(&["env", "drop", "dev", "--format", "json"]).json();
    assert_eq!(
        (&dropped["schemas"], world.views()),
        (&serde_json::json!(["s__dev"]), vec!["s.base".into(), "s.top".into()])
    );
    assert_eq!(schemas(&world), ["s"], "the schema of before goes too");
}

#[test]
fn gc_leaves_nothing_of_an_environment_behind() {
    let world = world(CONFIG);
    world.done(&["apply", "--env", "dev"]);
    edit(&world, &[("config.yaml", &beside())]);
    world.done(&["apply", "--env", "dev"]);
    let world = world.at("2027-06-01");
    world.done(&["gc"]);
    assert_eq!(world.views(), ["s.base", "s.top"]);
    assert_eq!(schemas(&world), ["s"]);
    // A table stays for a while after the last environment that showed it.
    let world = world.at("2027-08-01");
    world.done(&["gc"]);
    let tables = "SELECT COUNT(*) FROM duckdb_tables() WHERE schema_name = 'offshoot__s'";
    assert_eq!(world.value(tables), "1", "production's");
}

#[test]
fn a_view_that_production_shows_is_never_an_environments() {
    let world = world(&beside());
    edit(&world, &[("models/meets.sql", "MODEL (name s.base__dev, kind FULL);\nSELECT 3 AS id")]);
    let refused = world.bot(&["apply", "--env", "dev"]);
    assert_eq!(refused.exit, Exit::No);
    let message = "the view of `s.base` would be `s.base__dev`, which is production's (`s.base__dev`)";
    assert!(refused.stderr.contains(message), "{}", refused.stderr);
    assert_eq!(world.views(), ["s.base", "s.top"]);
    world.done(&["apply", "--env", "other"]);
    assert_eq!(world.value("FROM s.base__dev__other"), "3");
}

#[test]
fn a_view_of_an_environment_is_never_productions() {
    let world = world(&beside());
    world.done(&["apply", "--env", "dev"]);
    world.repository.checkout("main");
    edit(&world, &[("models/meets.sql", "MODEL (name s.base__dev, kind FULL);\nSELECT 3 AS id")]);
    let refused = world.bot(&["promote"]);
    assert_eq!(refused.exit, Exit::No);
    let message = "another environment has views of the same names: `s.base__dev` of `dev`";
    assert!(refused.stderr.contains(message), "{}", refused.stderr);
    assert_eq!(world.value("FROM s.base__dev"), "2", "what the environment shows");
    assert_eq!(world.views(), ["s.base", "s.base__dev", "s.top", "s.top__dev"]);
    world.done(&["env", "drop", "dev"]);
    world.done(&["promote"]);
    assert_eq!(world.value("FROM s.base__dev"), "3");

    // The branch does not have the model yet, which production shows.
    world.repository.checkout("feature");
    let refused = world.bot(&["apply", "--env", "dev"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stdout);
    assert_eq!(world.value("FROM s.base__dev"), "3");
}

/// A model of production whose view is called as that of `s.base` in environment `dev`, and its text.
const MEETS: &str = "MODEL (name s__dev.base, kind FULL);\nSELECT 3 AS id";

#[test]
fn a_view_in_a_schema_of_an_environment_is_never_productions() {
    let world = world(CONFIG);
    world.done(&["apply", "--env", "dev"]);
    world.repository.checkout("main");
    edit(&world, &[("models/meets.sql", MEETS)]);
    for command in [&["promote"][..], &["promote", "--take-over"]] {
        let refused = world.bot(command);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stdout);
        let message = "another environment has views of the same names: `s__dev.base` of `dev`";
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
        assert_eq!(world.value("FROM s__dev.base"), "2", "what the environment shows");
    }
    world.done(&["env", "drop", "dev"]);
    world.done(&["promote"]);
    assert_eq!(world.value("FROM s__dev.base"), "3");

    // Production shows it still.
    world.repository.remove("models/meets.sql");
    edit(&world, &[]);
    world.repository.checkout("feature");
    let refused = world.bot(&["apply", "--env", "dev"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stdout);
    assert!(refused.stderr.contains("`s__dev.base` of `prod`"), "{}", refused.stderr);
    assert_eq!(world.value("FROM s__dev.base"), "3");
}

#[test]
fn a_rollback_leaves_the_views_of_an_environment() {
    let world = world(CONFIG);
    world.repository.checkout("main");
    edit(&world, &[("models/meets.sql", MEETS)]);
    world.done(&["promote"]);
    world.repository.remove("models/meets.sql");
    edit(&world, &[]);
    world.done(&["promote"]);
    world.repository.checkout("feature");
    world.done(&["apply", "--env", "dev"]);
    world.repository.checkout("main");
    let refused = world.bot(&["rollback", "--to", "2", "--yes"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stdout);
    assert!(refused.stderr.contains("`s__dev.base` of `dev`"), "{}", refused.stderr);
    assert_eq!(world.value("FROM s__dev.base"), "2", "what the environment shows");
}

#[test]
fn a_view_that_an_environment_has_by_now_is_not_dropped() {
    let commands = [&["promote"][..], &["rollback", "--to", "1", "--yes"]];
    for (config, command) in [CONFIG.to_owned(), each_statement()].iter().zip(commands) {
        let world = world(config);
        world.repository.checkout("main");
        edit(&world, &[("models/meets.sql", MEETS)]);
        world.done(&["promote"]);
        world.repository.remove("models/meets.sql");
        edit(&world, &[]);
        // An earlier version let an environment have it.
        world.sql("UPDATE offshoot__meta.objects SET environment = 'dev' WHERE schema_name = 's__dev'");
        world.done(command);
        assert_eq!(world.value("FROM s__dev.base"), "3");
        let recorded = "SELECT environment FROM offshoot__meta.objects WHERE schema_name = 's__dev'";
        assert_eq!(world.value(recorded), "dev");
    }
}

#[test]
fn a_view_of_another_project_is_never_ours() {
    let world = world(CONFIG);
    world.repository.checkout("main");
    let config = format!("{CONFIG}project: other\n");
    edit(&world, &[("config.yaml", &config), ("models/base.sql", &BASE.replace("1 AS id", "5 AS id"))]);
    let refused = world.bot(&["promote"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stdout);
    assert!(refused.stderr.contains("`s.base` of `prod` of another project"), "{}", refused.stderr);
    assert_eq!(world.value("FROM s.base"), "1");
    let renamed = |text: &str| text.replace("s.base", "t.base").replace("s.top", "t.top");
    edit(&world, &[("models/base.sql", &renamed(BASE)), ("models/top.sql", &renamed(TOP))]);
    world.done(&["promote"]);
    assert_eq!(world.views(), ["s.base", "s.top", "t.base", "t.top"]);
}

#[test]
fn a_catalog_that_is_the_sessions_own_hides_nobodys_view() {
    let world = world(&beside());
    world.done(&["apply", "--env", "dev"]);
    world.repository.checkout("main");
    edit(&world, &[("models/meets.sql", "MODEL (name warehouse.s.base__dev, kind FULL);\nSELECT 3 AS id")]);
    for command in [&["promote", "--take-over"][..], &["promote"]] {
        let refused = world.bot(command);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stdout);
        let message = "another environment has views of the same names: `s.base__dev` of `dev`";
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
        assert_eq!(world.views(), ["s.base", "s.base__dev", "s.top", "s.top__dev"]);
        assert_eq!(world.value("FROM s.base__dev"), "2", "what the environment shows");
    }
}

#[test]
fn a_view_that_is_called_with_its_catalog_from_now_on_stays() {
    let world = lab(&[("models/base.sql", BASE)]);
    world.done(&["promote"]);
    edit(&world, &[("models/base.sql", &BASE.replace("s.base", "warehouse.s.base"))]);
    world.done(&["promote"]);
    assert_eq!(world.views(), ["s.base"]);
    edit(&world, &[("models/base.sql", BASE)]);
    world.done(&["promote"]);
    assert_eq!((world.views(), world.value("FROM s.base")), (vec!["s.base".to_owned()], "1".to_owned()));
}

#[test]
fn two_models_are_never_one_view() {
    let world = lab(&[("models/base.sql", BASE)]);
    world.done(&["promote"]);
    edit(&world, &[("models/twin.sql", "MODEL (name warehouse.s.base, kind FULL);\nSELECT 2 AS id")]);
    for command in [&["promote"][..], &["promote", "--take-over"]] {
        let refused = world.bot(command);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stdout);
        assert!(refused.stderr.contains("model `s.base` is defined twice"), "{}", refused.stderr);
        assert_eq!(world.value("FROM s.base"), "1");
    }
}

#[test]
fn what_is_refused_touches_nobodys_view_where_each_moves_by_itself() {
    for config in [each_statement(), format!("{}environment_suffix_target: table\n", each_statement())] {
        let world = world(&config);
        world.done(&["apply", "--env", "dev"]);
        world.repository.checkout("main");
        let is_beside = config.contains("suffix");
        let meets = if is_beside { MEETS.replace("s__dev.base", "s.base__dev") } else { MEETS.to_owned() };
        let view = if is_beside { "s.base__dev" } else { "s__dev.base" };
        edit(&world, &[("models/meets.sql", &meets)]);
        let before = world.views();
        for command in [&["promote"][..], &["promote", "--take-over"]] {
            let refused = world.bot(command);
            assert_eq!(refused.exit, Exit::No, "{}", refused.stdout);
            assert!(refused.stderr.contains(&format!("`{view}` of `dev`")), "{}", refused.stderr);
            assert_eq!((world.views(), world.value(&format!("FROM {view}"))), (before.clone(), "2".to_owned()));
        }
        world.done(&["env", "drop", "dev"]);
        world.done(&["promote"]);
        assert_eq!(world.value(&format!("FROM {view}")), "3");
    }
}
