//! `bot test`: SQLMesh's unit tests run on DuckDB in memory, on real projects.

mod chosen;
mod created;
mod given;
mod refused;
mod shown;

use offshoot::error::Exit;
use serde_json::{Value, json};

use crate::lab::{edit, lab};
use crate::world::{Ran, World};

const ROWS: &str =
    "  model: s.total\n  inputs:\n    s.x:\n    - k: a\n      v: 1\n    - k: b\n      v: 2\n    - k: b\n      v: 3\n";

/// A project of one model over one table that nobody describes.
fn small(query: &str, tests: &str) -> World {
    let model = format!("MODEL (name s.total, kind FULL);\n{query}");
    lab(&[("models/total.sql", &model), ("tests/test_total.yaml", tests)])
}

/// How each test ended, by name.
fn endings(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tests = ran.json()["tests"].as_array().expect("a list").clone();
    tests.iter().map(|test| (text(&test["name"]), text(&test["status"]))).collect()
}

fn json(world: &World) -> Ran {
    world.bot(&["test", "--format", "json"])
}

/// The one test of a world must pass.
fn passes(world: &World) {
    let ran = world.bot(&["test"]);
    assert!(ran.exit == Exit::Done && ran.stdout.starts_with("1 test: 1 passed ("), "{}{}", ran.stdout, ran.stderr);
}

/// What the one test of a world says where it does not pass.
fn told(world: &World) -> String {
    let ran = world.bot(&["test"]);
    assert_eq!(ran.exit, Exit::No, "{}{}", ran.stdout, ran.stderr);
    format!("{}{}", ran.stderr, without_seconds(&ran.stdout))
}

fn without_seconds(text: &str) -> String {
    match text.rfind(" (") {
        Some(end) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

#[test]
fn the_tests_that_init_writes_pass() {
    let world = World::empty();
    world.done(&["init"]);
    world.repository.commit("a project");
    let ran = world.done(&["test"]);
    assert!(ran.stdout.starts_with("5 tests: 5 passed ("), "{}", ran.stdout);
    assert!(!world.state().exists() && !world.warehouse().exists(), "nothing is opened");
}

/// The shape of what `sqlmesh init duckdb` writes: a seed, a model by time over it, a table of that, and a test of the table
/// that leaves out a column of its parent.
#[test]
fn a_project_like_the_template_of_sqlmesh_passes() {
    let world = lab(&[
        ("seeds/items.csv", "id,item,day\n1,2,2020-01-01\n"),
        (
            "models/seed_model.sql",
            "MODEL (name demo.seed_model, kind SEED (path '../seeds/items.csv'), columns (id INTEGER, item INTEGER, day DATE), grain (id, day));",
        ),
        (
            "models/incremental_model.sql",
            "MODEL (name demo.incremental_model, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2020-01-01', cron '@daily');\n\
             SELECT id, item, day, FROM demo.seed_model WHERE day BETWEEN @start_date AND @end_date",
        ),
        (
            "models/full_model.sql",
            "MODEL (name demo.full_model, kind FULL, cron '@daily', grain item);\n\
             SELECT item, COUNT(DISTINCT id) AS orders, FROM demo.incremental_model GROUP BY item",
        ),
        (
            "tests/test_full_model.yaml",
            "test_full:\n  model: demo.full_model\n  inputs:\n    demo.incremental_model:\n      rows:\n      - id: 1\n        item: 1\n      \
             - id: 2\n        item: 1\n      - id: 3\n        item: 2\n  outputs:\n    query:\n      rows:\n      - item: 1\n        orders: 2\n      \
             - item: 2\n        orders: 1\n",
        ),
    ]);
    passes(&world);
}
