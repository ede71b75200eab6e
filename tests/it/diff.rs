//! `bot diff` on real tables: what it counts, what it leaves out, and that it shows no row.

use offshoot::error::Exit;
use serde_json::Value;

use crate::lab::{RAW, edit, lab};
use crate::world::World;

const ORDERS: &str = "id,amount,day\n1,10,2026-03-26\n2,20,2026-03-27\n3,30,2026-03-28\n4,40,2026-03-29\n";

fn shop(model: &str, text: &str) -> World {
    let world = lab(&[("seeds/orders.csv", ORDERS), ("models/raw.sql", RAW), (model, text)]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    world
}

fn diff(world: &World, arguments: &[&str]) -> Value {
    let all: Vec<&str> = ["diff", "dev"].iter().chain(arguments).chain(&["--format", "json"]).copied().collect();
    world.done(&all).json()
}

fn applied(world: &World, files: &[(&str, &str)]) {
    edit(world, files);
    world.done(&["apply", "--env", "dev"]);
}

#[test]
fn rows_are_told_apart_by_the_grain() {
    let path = "models/big.sql";
    let world = shop(path, "MODEL (name marts.big, kind FULL, grain id);\nSELECT id, amount, day FROM raw.orders");
    let other = "MODEL (name marts.big, kind FULL, grain id);\nSELECT CASE id WHEN 4 THEN 5 ELSE id END AS id, \
                 CASE WHEN id < 3 THEN amount + 1 ELSE amount END AS amount, day FROM raw.orders";
    applied(&world, &[(path, other)]);
    let found = diff(&world, &[]);
    assert_eq!(found["models"].as_array().expect("a list").len(), 1, "{found}");
    let model = &found["models"][0];
    assert_eq!(
        (&model["name"], &model["how"], &model["same"]),
        (&"marts.big".into(), &"by_grain".into(), &false.into())
    );
    let compared = &model["compared"];
    assert_eq!(compared["rows"], serde_json::json!({ "here": 4, "base": 4 }));
    assert_eq!(compared["only"], serde_json::json!({ "here": 1, "base": 1 }));
    assert_eq!(compared["changed"], 2);
    assert_eq!(compared["columns"], serde_json::json!([{ "name": "amount", "changed": 2 }]));
    let people = world.done(&["diff", "dev"]).stdout;
    assert!(people.contains("4 rows, 1 only here, 1 only in the base, 2 changed"), "{people}");
    assert!(people.contains("amount: differs in 2 rows"), "{people}");
}

#[test]
fn a_grain_that_tells_nothing_apart_is_not_trusted() {
    let path = "models/big.sql";
    let world =
        shop(path, "MODEL (name marts.big, kind FULL, grain kind);\nSELECT 'a' AS kind, amount FROM raw.orders");
    applied(
        &world,
        &[(
            path,
            "MODEL (name marts.big, kind FULL, grain kind);\nSELECT 'a' AS kind, 2 * amount AS amount FROM raw.orders",
        )],
    );
    let found = diff(&world, &[]);
    let compared = &found["models"][0]["compared"];
    let why = compared["why"].as_str().expect("a reason");
    assert!(why.contains("4 rows here and 4 in the base share theirs"), "{why}");
    let columns = compared["columns"].as_array().expect("a list");
    assert_eq!(columns.len(), 1, "{compared}");
    let amount = &columns[0];
    assert_eq!((&amount["base"]["least"], &amount["here"]["least"]), (&"10".into(), &"20".into()), "{amount}");
    assert_eq!((&amount["base"]["mean"], &amount["here"]["mean"]), (&"25.0".into(), &"50.0".into()), "{amount}");
    assert_eq!(amount["here"]["distinct"], "4");
}

#[test]
fn columns_that_come_go_and_change_their_type_are_told() {
    let path = "models/big.sql";
    let world = shop(path, "MODEL (name marts.big, kind FULL, grain id);\nSELECT id, amount, day FROM raw.orders");
    applied(
        &world,
        &[(
            path,
            "MODEL (name marts.big, kind FULL, grain id);\nSELECT id, amount::VARCHAR AS amount, 1 AS one FROM raw.orders",
        )],
    );
    let found = diff(&world, &[]);
    let schema = &found["models"][0]["schema"];
    let expected = serde_json::json!([
        { "column": "amount", "old": "INTEGER", "new": "VARCHAR" },
        { "column": "one", "old": null, "new": "INTEGER" },
        { "column": "day", "old": "DATE", "new": null },
    ]);
    assert_eq!(*schema, expected);
    assert_eq!(found["models"][0]["compared"]["changed"], 0, "what has another type is not compared");
    assert_eq!(found["models"][0]["same"], false);
}

#[test]
fn both_sides_show_the_same_time() {
    let path = "models/daily.sql";
    let text = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day), grain id);\n\
                SELECT id, amount, day FROM raw.orders WHERE day BETWEEN @start_date AND @end_date";
    let world = shop(path, text).at("2026-03-29T00:00:00Z");
    // The branch's table ends before the 29th, prod's goes on to the end of March.
    applied(&world, &[(path, &text.replace("SELECT id, amount", "SELECT id, amount + 1 AS amount"))]);
    let found = diff(&world, &[]);
    let compared = &found["models"][0]["compared"];
    assert_eq!(compared["rows"], serde_json::json!({ "here": 3, "base": 3 }), "{found}");
    assert_eq!(compared["only"], serde_json::json!({ "here": 0, "base": 0 }));
    assert_eq!(compared["changed"], 3);
    assert_eq!(compared["ranges"][0][1].as_str().expect("a time")[..10], *"2026-03-29", "{compared}");
}

#[test]
fn models_of_one_side_and_views_are_compared_too() {
    let path = "models/seen.sql";
    let world = shop(path, "MODEL (name marts.seen, kind VIEW, grain id);\nSELECT id, amount FROM raw.orders");
    applied(
        &world,
        &[
            (path, "MODEL (name marts.seen, kind VIEW, grain id);\nSELECT id, -amount AS amount FROM raw.orders"),
            ("models/new.sql", "MODEL (name marts.new, kind FULL);\nSELECT 1 AS one FROM raw.orders"),
        ],
    );
    let found = diff(&world, &[]);
    let how: Vec<(&str, &str)> = found["models"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|model| (model["name"].as_str().expect("a name"), model["how"].as_str().expect("a word")))
        .collect();
    assert_eq!(how, [("marts.new", "added"), ("marts.seen", "by_grain")]);
    assert_eq!(found["models"][1]["compared"]["changed"], 4);
    let back = world.done(&["diff", "prod", "dev", "--format", "json"]).json();
    assert_eq!(back["models"][0]["how"], "removed");
    let one = diff(&world, &["-m", "raw.orders"]);
    assert_eq!(one["models"][0]["same"], true, "{one}");
    let unknown = world.bot(&["diff", "dev", "-m", "marts.sene"]);
    assert!(unknown.exit == Exit::No && unknown.stderr.contains("marts.seen"), "{}", unknown.stderr);
    let itself = world.bot(&["diff", "prod", "prod"]);
    assert!(itself.exit == Exit::No && itself.stderr.contains("with itself"), "{}", itself.stderr);
}

#[test]
fn models_without_data_of_their_own_are_said_to_have_none() {
    let path = "models/inlined.sql";
    let text = "MODEL (name marts.inlined, kind EMBEDDED);\nSELECT id FROM raw.orders";
    let world = shop(path, text);
    applied(&world, &[(path, &text.replace("SELECT id", "SELECT -id AS id"))]);
    assert_eq!(diff(&world, &[])["models"], serde_json::json!([]));
    let named = diff(&world, &["-m", "marts.inlined"]);
    let model = &named["models"][0];
    assert_eq!((&model["how"], &model["same"]), (&"not_compared".into(), &false.into()), "{named}");
    assert!(model["compared"]["why"].as_str().expect("a reason").contains("no data of its own"), "{named}");
}

/// A view that fails tells a value of its rows in the engine's message; what goes into a pull request says none of it.
#[test]
fn what_the_engine_refuses_is_told_without_values() {
    let path = "models/seen.sql";
    let world = shop(path, "MODEL (name marts.seen, kind VIEW);\nSELECT id::VARCHAR AS id FROM raw.orders");
    let failing = "MODEL (name marts.seen, kind VIEW);\nSELECT ('secret' || id)::INT::VARCHAR AS id FROM raw.orders";
    applied(&world, &[(path, failing)]);
    for format in ["markdown", "json", "terminal"] {
        let told = world.done(&["diff", "dev", "--format", format]).stdout;
        assert!(told.contains("the engine cannot read it") && !told.contains("secret"), "{format}: {told}");
    }
}

#[test]
fn a_blob_is_not_shown() {
    let path = "models/blobs.sql";
    let model =
        |text: &str| format!("MODEL (name marts.blobs, kind FULL);\nSELECT '{text}'::BLOB AS content FROM raw.orders");
    let world = shop(path, &model("hunter2"));
    applied(&world, &[(path, &model("hunter3"))]);
    let found = diff(&world, &[]).to_string();
    assert!(!found.contains("hunter"), "{found}");
}

#[test]
fn large_tables_are_compared_by_buckets_first() {
    let path = "models/big.sql";
    let text = "MODEL (name marts.big, kind FULL, grain id);\nSELECT range AS id, range % 7 AS v FROM range(1000000)";
    let world = shop(path, text);
    let other = text.replace("range % 7 AS v", "CASE WHEN range IN (5, 500000) THEN -1 ELSE range % 7 END AS v");
    applied(&world, &[(path, &other.replace("range(1000000)", "range(1000001)"))]);
    let compared = diff(&world, &[])["models"][0]["compared"].clone();
    assert_eq!(compared["rows"], serde_json::json!({ "here": 1_000_001, "base": 1_000_000 }));
    assert_eq!(compared["only"], serde_json::json!({ "here": 1, "base": 0 }));
    assert_eq!(compared["changed"], 2);
    // Another text with the same rows: every bucket agrees.
    applied(&world, &[(path, &text.replace("range % 7", "(range + 7) % 7"))]);
    let same = diff(&world, &[])["models"][0].clone();
    assert_eq!((&same["same"], &same["how"]), (&true.into(), &"by_grain".into()), "{same}");
}

#[test]
fn names_of_strangers_stay_names() {
    let path = "models/big.sql";
    let model = |value: &str| {
        format!(
            "MODEL (name marts.big, kind FULL);\nSELECT amount AS \"a|b`<img>\"\"; DROP\", {value} AS v FROM raw.orders"
        )
    };
    let world = shop(path, &model("1"));
    applied(&world, &[(path, &model("2"))]);
    let markdown = world.done(&["diff", "dev", "--format", "markdown"]).stdout;
    assert!(markdown.contains("| `marts.big` | 4 rows, 1 column differs |"), "{markdown}");
    let sql = model("2").replace("amount AS", "-amount AS");
    applied(&world, &[(path, &sql)]);
    let markdown = world.done(&["diff", "dev", "--format", "markdown"]).stdout;
    assert!(markdown.contains("2 columns differ") && !markdown.contains("\n<img"), "{markdown}");
}

#[test]
fn the_limits_of_the_settings_hold_unless_a_model_is_named() {
    let model = |name: &str, amount: &str| {
        format!("MODEL (name marts.{name}, kind FULL, grain id);\nSELECT id, {amount} AS amount FROM raw.orders")
    };
    let path = "models/one.sql";
    let world = shop(path, &model("one", "amount"));
    let settings = "data_diff: {max_models: 1, max_rows: 3}";
    let files = [(path, model("one", "-amount")), ("models/two.sql", model("two", "amount"))];
    let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    files.push(("offshoot.yaml", settings));
    applied(&world, &files);
    let found = diff(&world, &[]);
    let why = found["models"][0]["compared"]["why"].as_str().expect("a reason").to_owned();
    assert!(why.contains("more than 3 rows") && why.contains("`bot diff -m MODEL`"), "{found}");
    let beyond = serde_json::json!([
        { "name": "marts.two", "why": "`data_diff.max_models` is 1", "schema": [] }
    ]);
    assert_eq!(found["left_out"], beyond);
    for format in ["terminal", "markdown"] {
        let told = world.done(&["diff", "dev", "--format", format]).stdout.replace('\\', "");
        assert!(told.contains("`data_diff.max_models` is 1: marts.two"), "{told}");
        assert!(told.contains("not compared: one side has more than 3 rows"), "{told}");
    }
    let named = diff(&world, &["-m", "marts.one", "-m", "marts.two"]);
    let how: Vec<&str> =
        named["models"].as_array().expect("a list").iter().map(|model| model["how"].as_str().expect("how")).collect();
    assert_eq!((how, &named["left_out"]), (vec!["by_grain", "added"], &serde_json::json!([])));
    edit(&world, &[("offshoot.yaml", "data_diff: always")]);
    assert_eq!(diff(&world, &[])["models"].as_array().map(Vec::len), Some(2));
}
