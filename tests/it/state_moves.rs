//! `bot state export` and `import`: a project moves to another store, and nothing is built for it.

use offshoot::error::Exit;

use crate::lab::{TOTAL, edit, orders};
use crate::on_postgres::OnPostgres;
use crate::postgres::PASSWORD;
use crate::world::{Ran, World};

/// Orders, promoted, and a branch with a total of its own.
fn with_a_branch(world: &World, total: &str) {
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(world, &[("models/total.sql", total)]);
    world.done(&["apply"]);
}

fn to_build(world: &World) -> serde_json::Value {
    world.done(&["plan", "--format", "json"]).json()["summary"]["to_build"].clone()
}

fn lose(world: &World) {
    std::fs::remove_dir_all(world.repository.path().join(".offshoot")).expect("it was there");
}

#[test]
fn what_was_exported_is_taken_up_and_nothing_is_built() {
    let world = orders();
    with_a_branch(&world, &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"));
    let lines = world.done(&["state", "export"]).stdout;
    assert!(
        lines.starts_with("{\"type\":\"state\",\"format\":1,\"project\":\"\",") && lines.ends_with("}\n"),
        "{lines}"
    );
    let told = world.done(&["state", "export", "--output", "moved.jsonl"]);
    let file = world.repository.path().join("moved.jsonl");
    assert_eq!((told.stdout.as_str(), std::fs::read_to_string(&file).expect("written")), ("", lines.clone()));
    let folder = world.repository.path().display().to_string();
    assert!(!lines.contains(&folder), "no path of this machine");
    lose(&world);
    assert_ne!(to_build(&world), 0);
    world.done(&["state", "import", "moved.jsonl"]);
    assert_eq!(to_build(&world), 0);
    assert_eq!(world.done(&["state", "export"]).stdout, lines);
    assert_eq!(world.bot(&["doctor"]).exit, Exit::Done);
    let again = world.done(&["apply", "--format", "json"]);
    assert!(again.builds().is_empty(), "{}", again.stdout);
    // A second time there is something that it would mix with.
    let before = world.remembered();
    let refused = world.bot(&["state", "import", "moved.jsonl"]);
    assert_eq!(refused.exit, Exit::No);
    assert!(refused.stderr.contains("the state is not empty, so nothing was changed"), "{}", refused.stderr);
    assert_eq!(world.remembered(), before);
}

#[test]
fn a_file_that_is_not_whole_is_refused_before_anything_is_made() {
    let world = orders();
    world.done(&["promote"]);
    let lines = world.done(&["state", "export"]).stdout;
    lose(&world);
    let refused = |text: &str| -> Ran {
        world.repository.write("moved.jsonl", text);
        let ran = world.bot(&["state", "import", "moved.jsonl"]);
        assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
        assert!(!world.state().exists(), "nothing is made");
        ran
    };
    let all: Vec<&str> = lines.lines().collect();
    let count = all.len();
    let told = refused(&(all[..count - 1].join("\n") + "\n")).stderr;
    assert!(told.contains(&format!("`moved.jsonl`, line {count}: the file is cut off")), "{told}");
    let doubled = all[..2].iter().chain(&all[1..]).copied().collect::<Vec<_>>().join("\n");
    let told = refused(&doubled).stderr;
    assert!(told.contains("`moved.jsonl`, line 3: it is there twice"), "{told}");
    let told = refused(&lines.replace("\"type\":\"snapshot\"", "\"type\":\"\\u001b[31msnapshot\"")).stderr;
    assert!(told.contains("line 2: no record of a state") && !told.contains('\u{1b}'), "{told}");
    let told = refused(&lines.replace("\"project\":\"\"", "\"project\":\"other\"")).stderr;
    assert!(told.contains("the file is of project `other`, and this one is ``"), "{told}");
    let told = refused(&lines.replace("\"algorithm_version\":1", "\"algorithm_version\":99")).stderr;
    assert!(told.contains("fingerprints of algorithm 99"), "{told}");
    refused("");
    let ran = world.bot(&["state", "import", "nowhere.jsonl"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    let ran = world.bot(&["state", "import", "models"]);
    assert!(ran.stderr.contains("`models`, line 1: "), "{}", ran.stderr);
    let ran = world.bot(&["state", "export", "-o", "x.jsonl"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("there is no state yet"), "{}", ran.stderr);
    assert!(!world.repository.path().join("x.jsonl").exists());
}

/// With the warehouse on PostgreSQL, where writers are told apart by tokens that the warehouse remembers.
#[test]
fn a_state_goes_from_a_server_into_a_file_and_back_and_work_goes_on() {
    let shared = OnPostgres::new();
    let world = &shared.world;
    with_a_branch(world, &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"));
    let lines = world.done(&["state", "export", "-o", "moved.jsonl"]);
    assert!(!lines.stderr.contains(PASSWORD));
    let path = world.repository.path().join("moved.jsonl");
    let exported = std::fs::read_to_string(&path).expect("written");
    assert!(!exported.contains(PASSWORD), "no secret");
    let config = std::fs::read_to_string(world.repository.path().join("config.yaml")).expect("there");
    let in_a_file = "gateways:\n  shared:\n    state_connection: {type: sqlite, database: .offshoot/state.db}\n";
    edit(world, &[("config.yaml", &config.replace("gateways:\n  shared:\n", in_a_file))]);
    assert_ne!(to_build(world), 0);
    world.done(&["state", "import", "moved.jsonl"]);
    assert_eq!(to_build(world), 0);
    assert_eq!(world.done(&["state", "export"]).stdout, exported);
    edit(world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 2"))]);
    assert_eq!(world.done(&["apply", "--format", "json"]).builds().len(), 1);
    // And back, into a server that has forgotten it.
    world.done(&["state", "export", "-o", "moved.jsonl"]);
    shared.database.client().batch("DROP SCHEMA offshoot CASCADE").expect("dropped");
    edit(world, &[("config.yaml", &config)]);
    world.done(&["state", "import", "moved.jsonl"]);
    assert_eq!(to_build(world), 0);
    assert_eq!(world.done(&["state", "export"]).stdout, std::fs::read_to_string(&path).expect("there"));
    edit(world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 3"))]);
    assert_eq!(world.done(&["apply", "--format", "json"]).builds().len(), 1, "nobody is taken for overtaken");
}
