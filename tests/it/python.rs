//! Python models, and models in SQL that need Python: nodes of the graph whose tables something else fills.

use offshoot::engine::Engine as _;

use crate::lab::{edit, lab};

const SCORES: &str = "from sqlmesh import model\n\n@model(\"ml.scores\", columns={\"id\": \"int\", \"score\": \"double\"}, kind=\"full\")\n\
                      def execute(context, **kwargs):\n    yield train(rounds=1)\n";
const BEST: &str = "MODEL (name marts.best, kind FULL);\nSELECT * FROM ml.scores WHERE score > 0.5";
const OTHER: &str = "MODEL (name marts.other, kind FULL);\nSELECT 1 AS one";

#[test]
fn its_content_moves_its_readers_which_read_productions_table() {
    let world = lab(&[("models/scores.py", SCORES), ("models/best.sql", BEST), ("models/other.sql", OTHER)]);
    let fill = "CREATE SCHEMA ml; CREATE TABLE ml.scores (id INTEGER, score DOUBLE); INSERT INTO ml.scores VALUES (1, 0.1), (2, 0.9)";
    world.engine().session().expect("a session").execute(fill).expect("scores");
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT id FROM marts.best"), "2");

    world.repository.branch("more-rounds");
    edit(&world, &[("models/scores.py", &SCORES.replace("rounds=1", "rounds=2"))]);
    let plan = world.done(&["plan", "--format", "json"]).json();
    let problem = "models/scores.py:3:1: `ml.scores` is a Python model, which cannot run here";
    let told = world.done(&["plan"]);
    assert!(told.stdout.contains(problem), "{told:?}");
    let actions: Vec<String> = plan["models"]
        .as_array()
        .expect("models")
        .iter()
        .map(|model| format!("{} {}", model["name"], model["action"]))
        .collect();
    assert_eq!(actions, ["\"ml.scores\" \"none\"", "\"marts.best\" \"build\""], "{plan}");
    world.done(&["apply"]);
    let environment = plan["environment"].as_str().expect("a name");
    assert_eq!(world.value(&format!("SELECT id FROM marts__{environment}.best")), "2");
    assert_eq!(world.done(&["external", "--check"]).stdout, "external_models.yaml says what the warehouse has.\n");
}

const MACROS: &str =
    "from sqlmesh import macro\n\n@macro()\ndef scored(evaluator, rounds):\n    return train(rounds)\n";
const CALLS: &str = "MODEL (name ml.scores, kind FULL, columns (id int, score double));\nSELECT * FROM @scored(1)";

/// It is planned, built and promoted around the model; what its macro says counts, and nobody fills it.
#[test]
fn a_model_with_a_macro_in_python_is_read_where_production_has_it() {
    let files = [
        ("macros/own.py", MACROS),
        ("models/scores.sql", CALLS),
        ("models/best.sql", BEST),
        ("models/other.sql", OTHER),
    ];
    let world = lab(&files);
    let fill = "CREATE SCHEMA ml; CREATE TABLE ml.scores (id INTEGER, score DOUBLE); INSERT INTO ml.scores VALUES (1, 0.1), (2, 0.9)";
    world.engine().session().expect("a session").execute(fill).expect("scores");
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT id FROM marts.best"), "2");
    assert_eq!(world.value("SELECT COUNT(*) FROM ml.scores"), "2");

    world.repository.branch("other-training");
    edit(&world, &[("macros/own.py", &MACROS.replace("train(", "train_longer("))]);
    let plan = world.done(&["plan", "--format", "json"]).json();
    let models = plan["models"].as_array().expect("models").iter();
    let actions: Vec<String> = models.map(|model| format!("{} {}", model["name"], model["action"])).collect();
    assert_eq!(actions, ["\"ml.scores\" \"none\"", "\"marts.best\" \"build\""], "{plan}");
    let problem = "models/scores.sql:2:15: `@scored(…)` is a macro in Python (`macros/own.py`), which cannot run here";
    let told = world.done(&["plan"]);
    assert!(told.stdout.contains(problem), "{told:?}");
    let refused = world.bot(&["test", "--create", "ml.scores"]);
    assert!(refused.stderr.contains("`ml.scores` cannot run here, so no test of it can be made"), "{refused:?}");
    world.done(&["apply"]);
    let environment = plan["environment"].as_str().expect("a name");
    assert_eq!(world.value(&format!("SELECT id FROM marts__{environment}.best")), "2");
}

/// Nobody loses a view of production because a macro in Python comes into its model, or because another gateway is asked for.
#[test]
fn a_model_that_production_shows_is_not_handed_over_by_the_way() {
    let config = "gateways:\n  one: {connection: {type: duckdb, database: warehouse.duckdb}}\n  \
                  other: {connection: {type: duckdb, database: warehouse.duckdb}}\ndefault_gateway: one\n\
                  model_defaults: {dialect: duckdb, start: 2026-03-26}\n";
    let own = "MODEL (name marts.own, kind FULL, gateway one);\nSELECT 1 AS one";
    let reader = "MODEL (name marts.shown, kind VIEW);\nSELECT one FROM marts.own";
    let world = lab(&[
        ("config.yaml", config),
        ("macros/own.py", MACROS),
        ("models/own.sql", own),
        ("models/shown.sql", reader),
    ]);
    world.done(&["promote"]);
    edit(&world, &[("models/shown.sql", &reader.replace("SELECT one", "SELECT one + 1 AS two"))]);
    let refused = world.bot(&["promote", "--gateway", "other"]);
    assert!(refused.stderr.contains("error[handed-over] models/own.sql: `marts.own` cannot run here"), "{refused:?}");
    assert_eq!(world.value("SELECT one FROM marts.shown"), "1");
    edit(&world, &[("models/own.sql", &own.replace("SELECT 1", "SELECT @scored(1)"))]);
    let refused = world.bot(&["promote"]);
    assert!(refused.stderr.contains("error[handed-over]"), "{refused:?}");
    let planned = world.bot(&["plan"]);
    assert!(planned.stdout.contains("error[handed-over]"), "{planned:?}");
    assert_eq!(world.value("SELECT one FROM marts.shown"), "1");
    edit(&world, &[("models/own.sql", own)]);
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT two FROM marts.shown"), "2");
}
