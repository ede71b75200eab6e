//! `pre_statements` and `post_statements` of `model_defaults`, on DuckDB.

use crate::lab::{CONFIG, edit, lab};

const FULL: &str = "MODEL (name s.doubled, kind FULL);\nSELECT getvariable('factor')::INT AS n";
const VIEW: &str = "MODEL (name s.shown, kind VIEW);\nSELECT n FROM s.doubled";

fn config(statements: &str) -> String {
    CONFIG.replace("model_defaults:\n", &format!("model_defaults:\n{statements}"))
}

#[test]
fn default_statements_run_and_what_they_change_is_built_again() {
    let two =
        config("  pre_statements: [SET VARIABLE factor = 2]\n  post_statements: UPDATE @this_model SET n = n + 40\n");
    let world = lab(&[("config.yaml", &two), ("models/doubled.sql", FULL), ("models/shown.sql", VIEW)]);
    world.done(&["promote"]);
    assert_eq!(world.value("FROM s.shown"), "42");

    world.repository.branch("feature");
    edit(&world, &[("config.yaml", &two.replace("factor = 2", "factor = 3"))]);
    let built = world.done(&["apply", "--env", "dev", "--format", "json"]).builds();
    assert_eq!(built.keys().collect::<Vec<_>>(), ["s.doubled"]);
    assert_eq!((world.value("FROM s__dev.shown"), world.value("FROM s.shown")), ("43".into(), "42".into()));
    assert!(world.done(&["apply", "--env", "dev", "--format", "json"]).builds().is_empty());
    let rendered = world.done(&["render", "s.doubled", "--env", "dev"]).stdout;
    assert!(rendered.contains("SET VARIABLE factor = 3"), "{rendered}");

    world.repository.checkout("main");
    world.repository.merge("feature");
    assert!(world.done(&["promote", "--format", "json"]).builds().is_empty(), "the branch's table is shown");
    assert_eq!(world.value("FROM s.shown"), "43");
}

#[test]
fn a_mistake_in_a_default_statement_stops_apply_and_names_its_place() {
    let wrong = config("  post_statements: [\"ANALYZE @this_modl\"]\n");
    let world = lab(&[("config.yaml", &wrong), ("models/doubled.sql", FULL)]);
    let refused = world.bot(&["promote"]);
    let told = format!("{}{}", refused.stdout, refused.stderr);
    assert!(told.contains("config.yaml:7:3") && told.contains("`@this_modl` is neither"), "{told}");
    assert_eq!(world.views(), Vec::<String>::new());
}
