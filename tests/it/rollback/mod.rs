//! `bot rollback`: an earlier entry is shown again exactly as it was, and what was rolled back stays away until main has
//! something else.

mod conversations;
mod holds;
mod killed;
mod refused;
mod told;

use serde_json::Value;

use crate::lab::{TOTAL, edit, orders};
use crate::world::World;

/// A seed, a table by day, one of it as a whole and a view of that, promoted by Ada: entry 1.
fn world() -> World {
    let world = orders();
    world.repository.git(&["config", "user.name", "Ada"]);
    world.done(&["promote"]);
    world
}

/// The same, and a second entry whose total is one too many.
fn world_with_a_mistake() -> World {
    let world = world();
    promotes_total(&world, 1);
    world
}

/// Commits a total with so many too many.
fn commits_total(world: &World, number: u32) -> String {
    let text = match number {
        0 => TOTAL.to_owned(),
        number => TOTAL.replace("SUM(amount)", &format!("SUM(amount) + {number}")),
    };
    edit(world, &[("models/total.sql", &text)])
}

fn promotes_total(world: &World, number: u32) {
    commits_total(world, number);
    world.done(&["promote"]);
}

fn total(world: &World) -> String {
    world.value("SELECT amount FROM marts.shown")
}

fn rollback(world: &World, arguments: &[&str]) -> Value {
    world.done(&[&["rollback", "--format", "json"], arguments].concat()).json()
}

fn prod(world: &World) -> Value {
    world.done(&["env", "show", "prod", "--format", "json"]).json()
}

/// The history of prod, newest first: number, kind, and how many models moved.
fn history(world: &World) -> Vec<(u64, String, Option<u64>)> {
    let shown = prod(world);
    let entry = |entry: &Value| {
        let kind = entry["kind"].as_str().expect("a kind").to_owned();
        (entry["entry"].as_u64().expect("a number"), kind, entry["moved"].as_u64())
    };
    shown["history"].as_array().expect("a list").iter().map(entry).collect()
}

/// All that the state remembers, and the warehouse byte by byte.
fn bytes(world: &World) -> [Vec<u8>; 2] {
    [world.remembered().into_bytes(), std::fs::read(world.warehouse()).expect("a file")]
}
