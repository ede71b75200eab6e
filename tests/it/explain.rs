//! `bot plan --explain`: a moved hash always has a named cause, an unmoved one never has; down to the expression, and
//! through the parents to where it began.

use std::collections::BTreeMap;

use offshoot::error::Exit;
use offshoot::explain::{Compared, Explanation, Input, explain};
use offshoot::files::TextTree;
use offshoot::fingerprint::Tree;
use offshoot::hash::Digest;
use offshoot::ids::{FilePath, ModelName};
use offshoot::project::{ModelCache, Surroundings, load};
use offshoot::sql::Dialect;
use serde_json::Value;

use crate::corpus::{TABLES, pairs, queries};
use crate::lab::{CONFIG, edit, lab};
use crate::mutation::mutations;
use crate::world::World;

fn told(world: &World, model: &str) -> String {
    world.done(&["plan", "--explain", model]).stdout
}

fn object(world: &World, model: &str) -> Value {
    world.done(&["plan", "--explain", model, "--format", "json"]).json()
}

/// The inputs of every part, own and inherited, as `code: text: old → new`.
fn inputs(value: &Value) -> Vec<String> {
    let shown = |side: &Value| side["text"].as_str().unwrap_or("none").to_owned();
    let parts = value["moved"].as_array().expect("a list").iter();
    let inputs = parts.flat_map(|part| part["inputs"].as_array().expect("a list"));
    inputs
        .map(|input| {
            let (code, text) = (input["code"].as_str().expect("a code"), input["text"].as_str().expect("a text"));
            format!("{code}: {text}: {} → {}", shown(&input["old"]), shown(&input["new"]))
        })
        .collect()
}

/// The shop with three edits on a branch, two of them far from the model that is asked about.
fn edited_shop() -> World {
    let world = World::shop();
    world.repository.branch("feature");
    replace(&world, "models/staging/paid_orders.sql", "p.amount", "p.amount * 1.1 AS amount");
    replace(&world, "models/staging/payments.sql", "status = 'settled'", "status = 'settled' AND amount > 0");
    replace(
        &world,
        "models/marts/product_sales.sql",
        "SUM(o.quantity) AS sold",
        "COUNT(*) AS n, SUM(o.quantity) AS sold",
    );
    world.repository.commit("three edits");
    world
}

fn replace(world: &World, path: &str, old: &str, new: &str) {
    let text = std::fs::read_to_string(world.repository.path().join(path)).expect(path);
    assert!(text.contains(old), "{path} has no {old}");
    world.repository.write(path, text.replacen(old, new, 1));
}

#[test]
fn causes_are_followed_through_parents_to_the_edits() {
    let world = edited_shop();
    insta::assert_snapshot!("far", told(&world, "marts.executive_summary"));
    insta::assert_snapshot!("own_and_inherited", told(&world, "marts.product_sales"));
    let markdown = world.done(&["plan", "--explain", "staging.payments", "--format", "markdown"]).stdout;
    assert!(markdown.starts_with("```text\nstaging.payments  modified\n") && markdown.ends_with("```\n"), "{markdown}");
    let ran = world.bot(&["plan", "--explain", "staging.paymants"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("did you mean `staging.payments`?"), "{}", ran.stderr);
}

#[test]
fn every_key_is_always_there() {
    let world = edited_shop();
    replace(&world, "models/staging/customers.sql", "MODEL (", "MODEL ( -- a note");
    replace(&world, "models/staging/products.sql", "kind VIEW", "kind VIEW, owner ada");
    world.repository.commit("and two more");
    let keys = |value: &Value| -> Vec<String> { value.as_object().expect("an object").keys().cloned().collect() };
    for model in
        ["marts.executive_summary", "marts.product_sales", "staging.customers", "staging.products", "raw.orders"]
    {
        let value = object(&world, model);
        assert_eq!(
            keys(&value),
            [
                "change",
                "data",
                "ignored",
                "metadata",
                "model",
                "moved",
                "reasons",
                "same_as",
                "schema_version",
                "variables"
            ]
        );
        assert_eq!((&value["schema_version"], &value["model"]), (&1.into(), &model.into()));
        let parts = value["moved"].as_array().expect("a list");
        for (place, part) in parts.iter().enumerate() {
            assert_eq!(keys(part), ["column", "id", "inputs", "model", "new", "old", "own", "part"]);
            assert_eq!(part["id"], place);
            for input in part["inputs"].as_array().expect("a list") {
                assert_eq!(keys(input), ["clause", "code", "moved", "new", "old", "pieces", "text", "within"]);
                assert_eq!(input["code"] == "moved", input["moved"].as_u64().is_some_and(|to| to < parts.len() as u64));
                for side in [&input["old"], &input["new"]].into_iter().filter(|side| !side.is_null()) {
                    assert_eq!(keys(side), ["place", "text"]);
                }
            }
        }
        for ignored in value["ignored"].as_array().expect("a list") {
            assert_eq!(keys(ignored), ["new", "old", "why"]);
        }
    }
    assert_eq!(object(&world, "staging.customers")["ignored"][0]["why"], "comments");
    assert_eq!(object(&world, "staging.products")["reasons"][0]["code"], "metadata-changed");
}

const RAW: &str = "MODEL (name s.raw, kind SEED (path '../seeds/raw.csv'))";
const BASE: &str =
    "MODEL (name s.base, kind FULL);\nSELECT id, amount AS net, region FROM s.raw WHERE region = @region";

fn small(base: &str) -> World {
    let config = format!("{CONFIG}variables:\n  region: eu\n");
    let world = lab(&[
        ("config.yaml", &config),
        ("seeds/raw.csv", "id,amount,region\n1,10,eu\n2,20,us\n"),
        ("models/raw.sql", RAW),
        ("models/base.sql", base),
        ("models/reads.sql", "MODEL (name s.reads, kind VIEW);\nSELECT sum(net) AS total FROM s.base"),
    ]);
    world.repository.branch("feature");
    world
}

#[track_caller]
fn moves(base: &str, files: &[(&str, &str)], model: &str, expected: &[&str]) {
    let world = small(base);
    edit(&world, files);
    let value = object(&world, model);
    let found = inputs(&value);
    for expected in expected {
        assert!(found.iter().any(|input| input.starts_with(expected)), "no `{expected}` in {found:#?}");
    }
}

#[test]
fn each_kind_of_input_is_named_with_old_and_new() {
    let query = |properties: &str, query: &str| format!("MODEL (name s.base, {properties});\n{query}");
    let select = "SELECT id, amount AS net, region FROM s.raw";
    let full = query("kind FULL", select);
    let to = |text: &str| [("models/base.sql".to_owned(), text.to_owned())];
    let moved = |before: &str, after: &str, expected: &[&str]| {
        let files = to(after);
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        moves(before, &files, "s.base", expected);
    };
    moved(&full, &query("kind VIEW", select), &["kind: kind: FULL → VIEW"]);
    moved(&full, &query("kind FULL, stamp 'x'", select), &["property: stamp: none → x"]);
    moved(&full, &query("kind FULL, columns (net DOUBLE)", select), &["property: type of column net: none → double"]);
    moved(&full, &query("kind FULL, partitioned_by (id)", select), &["property: partitioned_by: none → id"]);
    moved(&full, &format!("{full} ORDER BY net"), &["clause: ORDER BY: none → amount"]);
    moved(&full, &format!("{full} GROUP BY ALL"), &["clause: GROUP BY: none → id, amount, region"]);
    moved(&full, &format!("{full} LIMIT 3"), &["clause: LIMIT: none → LIMIT 3"]);
    moved(&full, &full.replace("SELECT", "SELECT DISTINCT"), &["clause: DISTINCT: none → DISTINCT"]);
    moved(
        &full,
        &full.replace("SELECT", "SET threads = 1;\nSELECT"),
        &["statement: pre-statement: none → SET threads = 1"],
    );
    moved(&full, &full.replace("region", "amount AS region"), &["clause: expression: region → amount"]);
    moved(&full, &full.replace(", region FROM", " FROM"), &["column: column region removed: region → none"]);
    let union = format!("{full} UNION ALL {select}");
    moved(&full, &union, &["clause: set operation: none → UNION ALL"]);
    moved(&union, &union.replace(" ALL", ""), &["clause: set operation: UNION ALL → UNION"]);
    let opaque = query("kind FULL", "SELECT nobody_knows(id) AS id FROM s.raw");
    moved(
        &full,
        &opaque,
        &["opaque: whether it can be taken apart: yes → no: ", "text: text of the query: id, amount AS net"],
    );
    moved(&opaque, &opaque.replace("knows(id", "knows(amount"), &["text: text of the query: id → amount"]);
    let cte =
        query("kind FULL", "WITH q AS (SELECT id, amount * 2 AS net FROM s.raw) SELECT id, net + 1 AS net FROM q");
    moved(&cte, &cte.replace("* 2", "* 3"), &["clause: expression: amount * 2 → amount * 3"]);
    let keyed = |key: &str| query(&format!("kind INCREMENTAL_BY_UNIQUE_KEY (unique_key {key})"), select);
    moved(&keyed("id"), &keyed("(id, region)"), &["property: unique_key: id → id, region"]);
    moved(
        &keyed("id"),
        &keyed("id").replace("SELECT id", "SELECT id + 1 AS id"),
        &["moved: because s.base.id moved", "clause: expression: id → id + 1"],
    );
    let ranged = |end: &str| {
        query(
            &format!("kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-01-0{end}'"),
            "SELECT DATE '2026-01-05' AS day, amount AS net FROM s.raw WHERE DATE '2026-01-05' BETWEEN @start_date AND @end_date",
        )
    };
    moved(&ranged("1"), &ranged("2"), &["property: start: "]);
}

#[test]
fn seeds_settings_and_variables_are_named() {
    let seeds = |text: &'static str| [("seeds/raw.csv", text)];
    moves(
        BASE,
        &seeds("id,amount,region\n1,10,eu\n2,20,us\n3,30,us\n"),
        "s.reads",
        &["seed-rows: number of rows: 2 → 3"],
    );
    moves(BASE, &seeds("id,amount,region\n1,11,eu\n2,20,us\n"), "s.reads", &["seed-cells: cells of column amount"]);
    moves(BASE, &seeds("id,amount,region\n1,1.5,eu\n2,20,us\n"), "s.raw", &["property: type of column amount: "]);
    let config = format!("{CONFIG}variables:\n  region: us\n");
    let world = small(BASE);
    edit(&world, &[("config.yaml", &config)]);
    let value = object(&world, "s.base");
    assert_eq!(inputs(&value), ["clause: WHERE: region = 'eu' → region = 'us'"]);
    assert_eq!(value["variables"], serde_json::json!([{"name": "@region", "old": "'eu'", "new": "'us'"}]));
    let config = config.replace(
        "warehouse.duckdb\n",
        "warehouse.duckdb\n      connector_config:\n        threads: 1\n        s3_secret_access_key: hunter2\n",
    );
    let config = config.replace("region: us", "region: eu");
    let world = small(BASE);
    edit(&world, &[("config.yaml", &config)]);
    let text = world.done(&["plan", "--explain", "s.base", "--format", "json"]).stdout;
    assert!(text.contains("context: connector_config.threads") && !text.contains("hunter2"), "{text}");
}

#[test]
fn what_did_not_move_says_which_edits_were_formatting() {
    let world = small(BASE);
    let after = "MODEL (name s.base, kind FULL);\n-- the net\nselect r.id, (r.amount) AS net, region\nFROM s.raw AS r\nWHERE region = @region";
    edit(
        &world,
        &[
            ("models/base.sql", after),
            ("models/reads.sql", "MODEL (name s.reads, kind VIEW);\nselect sum(net) AS total FROM s.base"),
        ],
    );
    let text = told(&world, "s.base");
    assert!(text.contains("nothing moved") && text.contains("names and notation"), "{text}");
    assert!(text.contains("-    2  SELECT id,") && text.contains("+    2  -- the net"), "{text}");
    assert!(told(&world, "s.reads").contains("\n  case\n"), "{}", told(&world, "s.reads"));
    let raw = object(&world, "s.raw");
    assert_eq!(
        (&raw["change"], &raw["moved"], &raw["ignored"]),
        (&Value::Null, &serde_json::json!([]), &serde_json::json!([]))
    );
}

#[test]
fn added_removed_and_renamed_models_say_so() {
    let world = small(BASE);
    world.repository.remove("models/base.sql");
    edit(&world, &[("models/other.sql", &BASE.replace("s.base", "s.other"))]);
    let added = told(&world, "s.other");
    assert!(added.contains("it is new") && added.contains("s.base is gone and was defined alike"), "{added}");
    assert!(told(&world, "s.base").contains("it is gone"), "{}", told(&world, "s.base"));
    let reads = inputs(&object(&world, "s.reads"));
    assert!(
        reads.contains(&"owner: what the name stands for: a model, FULL → a table outside the project".to_owned()),
        "{reads:?}"
    );
    edit(&world, &[("models/reads.sql", "MODEL (name s.reads, kind SEED (path 'none.csv'))")]);
    let ran = world.bot(&["plan", "--explain", "s.reads"]);
    assert!(
        ran.exit == Exit::No && ran.stderr.contains("cannot be loaded"),
        "what was there before is no answer: {ran:?}"
    );
    world.repository.write("models/broken.sql", "MODEL (name s.broken, kind SEED (path 'none.csv'))");
    world.repository.commit("a mistake");
    let ran = world.bot(&["plan", "--explain", "s.broken"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("cannot be loaded"), "{}", ran.stderr);
}

#[test]
fn hostile_names_and_texts_are_text() {
    let world = small(BASE);
    let hostile = BASE.replace("amount AS net", "amount || '\u{1b}[2J\u{202e}```' AS net, 1 AS \"x\u{1b}]\n``````\"");
    edit(&world, &[("models/base.sql", &hostile)]);
    for format in ["terminal", "markdown"] {
        let text = world.done(&["plan", "--explain", "s.reads", "--format", format]).stdout;
        assert!(text.contains("\\u{1B}[2J") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
        let own = world.done(&["plan", "--explain", "s.base", "--format", format]).stdout;
        assert!(own.contains("\\n``````") && !own.contains("\n``````\n"), "{own}");
    }
}

#[test]
fn a_long_way_is_cut_and_still_says_where_it_began() {
    let world = lab(&[("models/m0.sql", "MODEL (name s.m0, kind VIEW);\nSELECT 1 AS c")]);
    let chain: Vec<(String, String)> = (1..60)
        .map(|place| {
            let text = format!("MODEL (name s.m{place}, kind VIEW);\nSELECT c FROM s.m{}", place - 1);
            (format!("models/m{place}.sql"), text)
        })
        .collect();
    let chain: Vec<(&str, &str)> = chain.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    edit(&world, &chain);
    world.repository.branch("feature");
    edit(&world, &[("models/m0.sql", "MODEL (name s.m0, kind VIEW);\nSELECT 2 AS c")]);
    let text = told(&world, "s.m59");
    assert!(
        text.contains("(goes on)") && text.contains("\nwhere it began\n  s.m0.c\n    expression\n      old  1"),
        "{text}"
    );
    assert_eq!(object(&world, "s.m59")["moved"].as_array().map(Vec::len), Some(60));
    insta::assert_snapshot!("near", told(&world, "s.m2"));
}

/// A project of one model over the corpus's tables.
fn project(sql: &str) -> Tree {
    let mut files = String::from(
        "//- config.yaml\ngateways: {l: {connection: {type: duckdb, database: db}}}\nmodel_defaults: {dialect: duckdb}\n//- external_models.yaml\n",
    );
    for (table, columns) in TABLES {
        let columns: Vec<String> = columns.iter().map(|(name, _)| format!("{name}: int")).collect();
        files.push_str(&format!("- name: {table}\n  columns: {{{}}}\n", columns.join(", ")));
    }
    files.push_str(&format!("//- models/m.sql\nMODEL (name s.m, kind FULL);\n{sql}\n//- models/r.sql\nMODEL (name s.r, kind VIEW);\nSELECT count(*) AS n FROM s.m\n"));
    let (environment, cache) = (BTreeMap::new(), ModelCache::new());
    let files = TextTree::parse(&files);
    let project =
        load(&files, &Surroundings { environment: &environment, gateway: None, cache: &cache, shelf: None }).project;
    Tree::new(project.models, project.files, Digest::of("engine", "duckdb"), None).0
}

fn check(before: &Tree, after: &Tree, what: &str) {
    let no_text = |_: &FilePath| None;
    let trees = Compared { before, after, old_text: &no_text, new_text: &no_text };
    for name in ["s.m", "s.r"] {
        let name = ModelName::parse(name).expect("a name");
        let data = |tree: &Tree| tree.fingerprints.get(&name).map(|found| found.data);
        if data(before).is_none() || data(after).is_none() {
            continue;
        }
        let explanation = explain(&trees, &name);
        let has_moved = data(before) != data(after);
        assert_eq!(has_moved, !explanation.moved.is_empty(), "{name} of {what}");
        assert_eq!(has_moved, has_cause(&explanation), "{name} of {what}\n{:#?}", explanation.moved);
    }
}

/// Whether something is told that differs by itself, and nothing by its hash alone.
fn has_cause(explanation: &Explanation) -> bool {
    let mut inputs = explanation.moved.iter().flat_map(|moved| &moved.inputs);
    let is_cause = |input: &Input| match input {
        Input::Moved(_) | Input::DrawnAgain | Input::GoesOn => false,
        Input::Clause(clause) => clause.text.differ() || !clause.pieces.is_empty(),
        Input::Hash { .. } => false,
        _ => true,
    };
    let is_empty = |input: &Input| match input {
        Input::Clause(clause) => !clause.text.differ() && clause.pieces.is_empty(),
        Input::Hash { .. } => true,
        _ => false,
    };
    !explanation.moved.iter().flat_map(|moved| &moved.inputs).any(is_empty) && inputs.any(is_cause)
}

/// Of this many mutations of a query one is tried, another one on each query.
const STEP: usize = 9;

#[test]
fn a_hash_moves_if_and_only_if_a_cause_is_told() {
    let mut checked = 0;
    for [before, after] in pairs() {
        check(&project(before), &project(after), &format!("{before}\n{after}"));
        checked += 1;
    }
    for (place, sql) in queries().enumerate() {
        let before = project(sql);
        // Every mutation is tried on some query, not each on each: that is what the analysis's own test does.
        for mutation in mutations(sql, Dialect::DuckDb).into_iter().skip(place % 9).step_by(STEP) {
            check(&before, &project(&mutation.sql), &format!("{sql}\n{}", mutation.sql));
            checked += 1;
        }
    }
    assert!(checked > 700, "{checked}");
}

#[test]
fn metadata_beside_data_and_a_draw_are_told_too() {
    let world = lab(&[("models/m.sql", "MODEL (name s.m, kind FULL, owner jen);\nSELECT id, x FROM raw.t")]);
    world.repository.branch("feature");
    let text = "MODEL (name s.m, kind FULL, owner sue);\nSELECT id, x + 1 AS x, uuid() AS u FROM raw.t";
    edit(&world, &[("models/m.sql", text)]);
    let text = told(&world, "s.m");
    assert!(text.contains("    new  uuid()\n"), "{text}");
    assert!(text.contains("\nmetadata  ") && text.ends_with("\n  owner: jen → sue\n"), "{text}");
    let plan = world.done(&["plan"]).stdout;
    assert!(plan.contains("owner: jen → sue"), "{plan}");
}
