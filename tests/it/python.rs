//! Python models: nodes of the graph whose tables something else fills.

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
