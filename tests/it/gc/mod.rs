//! `bot gc`: what goes, what waits, what stays, on real warehouses.

mod conversations;
mod facts;
mod killed;
mod others;
mod random;

use serde_json::Value;

use crate::lab::{DAILY, ORDERS, SHOWN, TOTAL, edit, orders};
use crate::world::World;

/// Fails when it runs, after its parents were filled.
const FAILS: &str =
    "MODEL (name marts.fails, kind FULL);\nSELECT CAST(amount || 'x' AS INT) AS amount FROM marts.total";

/// A seed, a table by day, one of it as a whole and a view of that, promoted.
fn world() -> World {
    let world = orders();
    world.done(&["promote"]);
    world
}

/// A branch on which the total is another one: one table that nothing else shows.
fn world_with_a_branch() -> World {
    let world = world();
    world.repository.branch("feature");
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"))]);
    world.done(&["apply", "--env", "dev"]);
    world
}

fn gc(world: &World) -> Value {
    world.done(&["gc", "--format", "json"]).json()
}

/// The models of the tables in one of the lists.
fn models(collected: &Value, list: &str) -> Vec<String> {
    let entries = collected[list].as_array().unwrap_or_else(|| panic!("no {list} in {collected}"));
    entries.iter().map(|entry| entry["model"].as_str().unwrap_or("-").to_owned()).collect()
}

/// The names of the physical tables that are there.
fn tables(world: &World) -> Vec<String> {
    let sql = "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE schema_name LIKE 'offshoot\\_\\_%' \
               ESCAPE '\\' AND schema_name <> 'offshoot__meta' ORDER BY 1";
    world.sql(sql).into_iter().map(|row| row[0].clone().expect("a name")).collect()
}

/// The one table of a model that is there.
fn table_of(world: &World, model: &str) -> String {
    let start = format!("offshoot__{model}__");
    let found: Vec<String> = tables(world).into_iter().filter(|table| table.starts_with(&start)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}
