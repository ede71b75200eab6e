//! `bot lineage`: from git alone, one tree, and never less than what moves a fingerprint.

use std::collections::BTreeSet;

use offshoot::error::Exit;
use offshoot::hash::Digest;
use offshoot::ids::ModelName;
use offshoot::sql::{
    Analysis, Dependencies, Dialect, NameOrigin, Opaque, OutputName, Query, Read, Reads, Resolved, ShapeColumn,
    TableShape, Tables, Template, Traits, analyze, dependencies,
};
use serde_json::{Value, json};

use crate::corpus::{TABLES, queries};
use crate::lab::edit;
use crate::world::World;

fn told(world: &World, arguments: &[&str]) -> Value {
    world.done(&[&["lineage"], arguments, &["--format", "json"]].concat()).json()
}

/// `model.column` and `part of model` of one side.
fn parts(value: &Value, side: &str) -> BTreeSet<String> {
    let nodes = value["nodes"].as_array().expect("a list").iter().filter(|node| node["side"] == side);
    let name = |node: &Value| match (node["part"].as_str().expect("a part"), node["column"].as_str()) {
        (_, Some(column)) => format!("{}.{column}", node["model"].as_str().expect("a model")),
        ("model", None) => node["model"].as_str().expect("a model").to_owned(),
        (part, None) => format!("{part} of {}", node["model"].as_str().expect("a model")),
    };
    nodes.map(name).collect()
}

#[test]
fn a_column_is_followed_to_its_seeds_and_to_its_readers() {
    let world = World::shop();
    insta::assert_snapshot!(world.done(&["lineage", "marts.fct_orders.amount"]).stdout);
    let up = told(&world, &["marts.fct_orders.amount", "--upstream"]);
    assert!(parts(&up, "upstream").contains("raw.payments.amount"));
    assert_eq!(parts(&up, "downstream"), BTreeSet::new());
    let down = told(&world, &["raw.payments.amount", "--downstream"]);
    let expected = ["marts.best_sellers.revenue", "marts.fct_orders.amount", "rows of marts.best_sellers"];
    for part in expected {
        assert!(parts(&down, "downstream").contains(part), "{part} is not in {down}");
    }
    let model = told(&world, &["erp.stock_levels"]);
    assert_eq!(parts(&model, "downstream"), ["marts.low_stock".to_owned()].into());
    assert!(!world.state().exists() && world.repository.path().join("warehouse.duckdb").exists());
}

#[test]
fn every_key_is_always_there() {
    let world = World::shop();
    let keys = |value: &Value| -> Vec<String> { value.as_object().expect("an object").keys().cloned().collect() };
    for arguments in [&["marts.fct_orders"][..], &["marts.fct_orders.amount"], &["raw.orders", "--upstream"]] {
        let value = told(&world, arguments);
        assert_eq!(keys(&value), ["column", "direction", "edges", "model", "nodes", "schema_version"]);
        assert_eq!(value["schema_version"], 1);
        let nodes = value["nodes"].as_array().expect("a list");
        for (place, node) in nodes.iter().enumerate() {
            assert_eq!(keys(node), ["column", "distance", "id", "kind", "model", "opaque", "part", "side"]);
            assert_eq!(node["id"], place);
            assert!(["itself", "upstream", "downstream"].contains(&node["side"].as_str().expect("a text")));
            assert!(["model", "rows", "order", "column", "all"].contains(&node["part"].as_str().expect("a text")));
        }
        for edge in value["edges"].as_array().expect("a list") {
            assert_eq!(keys(edge), ["by", "how", "parts", "read"]);
            assert!(["reads", "value", "rows", "order", "all"].contains(&edge["how"].as_str().expect("a text")));
            assert!(
                [&edge["read"], &edge["by"]].iter().all(|end| end.as_u64().is_some_and(|end| end < nodes.len() as u64))
            );
            for part in edge["parts"].as_array().expect("a list") {
                assert_eq!(keys(part), ["column", "part"]);
            }
        }
    }
}

#[test]
fn the_committed_tree_is_looked_at_unless_told_otherwise() {
    let world = World::shop();
    let path = "models/marts/best_sellers.sql";
    let text = std::fs::read_to_string(world.repository.path().join(path)).expect("the model");
    world.repository.branch("feature");
    edit(&world, &[(path, "MODEL (name marts.best_sellers, kind VIEW);\nSELECT 1 AS one")]);
    world.repository.write(path, text.replace("marts.product_sales", "staging.orders"));
    let models = |arguments: &[&str]| {
        parts(&told(&world, &[&["marts.best_sellers", "--upstream"], arguments].concat()), "upstream")
    };
    assert_eq!(models(&[]), BTreeSet::new());
    assert!(models(&["--head", "main"]).contains("marts.product_sales"));
    assert_eq!(models(&["--worktree"]), ["raw.orders".to_owned(), "staging.orders".to_owned()].into());
}

#[test]
fn what_nobody_has_is_named_with_the_nearest() {
    let world = World::shop();
    let refused = |name: &str, nearest: &str| {
        let ran = world.bot(&["lineage", name]);
        assert_eq!((ran.exit, ran.stdout.as_str()), (Exit::No, ""), "{name}");
        assert!(ran.stderr.contains(&format!("did you mean `{nearest}`?")), "{}", ran.stderr);
    };
    refused("marts.fct_order", "marts.fct_orders");
    refused("marts.fct_orders.amont", "marts.fct_orders.amount");
    refused("marts.fct_ordrs.amount", "marts.fct_orders.amount");
    let ran = world.bot(&["lineage", "marts.fct_orders.amont", "--format", "json"]);
    assert_eq!(ran.error()["error"]["kind"], "no");
    world.repository.write("models/broken.sql", "MODEL (name broken, kind SEED (path 'none.csv'))");
    world.repository.commit("a mistake");
    let ran = world.bot(&["lineage", "broken.id"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("`broken` cannot be loaded"), "{}", ran.stderr);
    let ran = world.done(&["lineage", "raw.orders"]);
    assert!(ran.stderr.contains("the project has errors"), "{}", ran.stderr);
}

#[test]
fn hostile_names_are_text() {
    let world = World::empty();
    let name = "s.\"x]\u{1b}[2j`<b>\"";
    let hostile = format!("MODEL (name {name}, kind VIEW);\nSELECT 1 AS \"c]|#`\u{202e}\"");
    let reader = format!("MODEL (name s.reader, kind VIEW);\nSELECT * FROM {name}");
    world.repository.write("config.yaml", crate::lab::CONFIG);
    edit(&world, &[("models/a.sql", &hostile), ("models/b.sql", &reader)]);
    for format in ["terminal", "mermaid"] {
        let text = world.done(&["lineage", "s.reader", "--format", format]).stdout;
        assert!(text.contains("2j") && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
    let value = told(&world, &["s.reader"]);
    assert_eq!(value["nodes"][1]["model"], json!(name));
    let column = value["edges"][0]["parts"][1]["column"].as_str().expect("a column").to_owned();
    let up = told(&world, &[&format!("s.reader.\"{column}\""), "--upstream"]);
    assert!(parts(&up, "upstream").len() >= 2, "{up}");
}

/// Stands for the order in which the rows of a table lie.
const STORAGE: &str = "(storage)";

/// The corpus's tables; one of their parts may be another than usual.
struct Salted<'s>(Option<(&'s str, Option<&'s str>)>);

impl Tables for Salted<'_> {
    fn table(&self, name: &ModelName) -> Result<TableShape, Opaque> {
        let known = TABLES.iter().find(|(table, _)| *table == name.table());
        let salt = |column: Option<&str>| {
            let is_it = self.0.is_some_and(|(table, part)| table == name.table() && part == column);
            Digest::of(if is_it { "salted" } else { "plain" }, &format!("{name}.{column:?}"))
        };
        let column = |(column, _): &(&str, &str)| ShapeColumn {
            name: OutputName { text: (*column).to_owned(), origin: NameOrigin::Stated },
            hash: salt(Some(column)),
            traits: Traits::default(),
        };
        Ok(TableShape {
            name: name.clone(),
            rows: salt(None),
            row_traits: Traits::default(),
            columns: known.map(|(_, columns)| columns.iter().map(column).collect()),
            storage: salt(Some(STORAGE)),
        })
    }
}

fn resolved(query: &Query, salted: Option<(&str, Option<&str>)>) -> Option<Resolved> {
    match analyze(query, &Salted(salted)) {
        Analysis::Resolved(resolved) => Some(resolved),
        Analysis::Opaque(_) => None,
    }
}

#[test]
fn whatever_moves_a_hash_is_read() {
    let mut checked = 0;
    for sql in queries() {
        let query = Query::parse(Template::plain(sql), Dialect::DuckDb);
        let Some(plain) = resolved(&query, None) else { continue };
        // Columns that nobody knows come from everything.
        let Ok(reads) = dependencies(&query, &Salted(None)) else {
            assert!(plain.known_columns().is_none(), "{sql}");
            continue;
        };
        for (table, columns) in TABLES {
            let parts = [None, Some(STORAGE)].into_iter().chain(columns.iter().map(|(column, _)| Some(*column)));
            for part in parts {
                let moved = resolved(&query, Some((table, part))).expect("as before");
                let read = |known: &Reads| {
                    known.iter().any(|read| match read {
                        Read::Rows(name) => name.table() == table && part.is_none(),
                        Read::Column(name, column) => name.table() == table && part == Some(column),
                        Read::Whole(name) => name.table() == table,
                    })
                };
                check(sql, (&plain, &moved), &reads, &read);
                checked += 1;
            }
        }
    }
    assert!(checked > 1_500, "{checked}");
}

fn check(sql: &str, (plain, moved): (&Resolved, &Resolved), reads: &Dependencies, read: &dyn Fn(&Reads) -> bool) {
    let Dependencies { rows, order, columns } = reads;
    assert!(plain.rows == moved.rows || read(rows), "the rows of {sql}");
    assert!(plain.written_order == moved.written_order || read(order), "the order of {sql}");
    for ((before, after), (name, reads)) in plain.columns.iter().zip(&moved.columns).zip(columns) {
        assert_eq!(before.name, *name);
        assert!(before.hash == after.hash || read(reads), "column {} of {sql}", name.text);
    }
}

#[test]
fn draws_say_so_and_odd_names_stay_in_their_place() {
    let world = World::shop();
    let odd = "\"two\nlines, `x`\"";
    world.repository.write(
        "models/marts/drawn.sql",
        format!("MODEL (name marts.drawn, kind FULL);\nSELECT order_id, random() AS r, 1 AS {odd} FROM staging.orders"),
    );
    world.repository.write(
        "models/marts/reader.sql",
        format!("MODEL (name marts.reader, kind VIEW);\nSELECT {odd} AS x, r FROM marts.drawn"),
    );
    world.repository.commit("a draw");
    let text = world.done(&["lineage", "marts.reader"]).stdout;
    assert!(text.contains("marts.drawn  FULL  r, \"two\\nlines, `x`\"\n"), "{text}");
    let text = world.done(&["lineage", "marts.reader.r", "--upstream"]).stdout;
    assert!(text.contains("all of marts.drawn  FULL  drawn anew whenever the table is built\n"), "{text}");
    assert!(text.lines().all(|line| line.is_empty() || line.contains("marts.") || !line.contains('`')), "{text}");
}
