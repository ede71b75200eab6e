//! What is not there exactly as it was is named, and nothing is changed.

use std::time::Duration;

use offshoot::error::Exit;
use offshoot::ids::{ProjectName, StateId};
use offshoot::state::{OpenMode, SqliteState, State as _};

use super::{bytes, rollback, total, world, world_with_a_mistake};
use crate::lab::{CONFIG, SHOWN, TOTAL, edit, lab};
use crate::world::World;

#[track_caller]
fn refused(world: &World, arguments: &[&str], parts: &[&str]) {
    let before = bytes(world);
    for dry in [&["--dry-run"][..], &[]] {
        let ran = world.bot(&[&["rollback"], arguments, dry].concat());
        assert_eq!(ran.exit, Exit::No, "{}{}", ran.stdout, ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "{part} is not in {}", ran.stderr);
        }
    }
    let [state, warehouse] = bytes(world);
    assert_eq!(state, before[0], "the state");
    assert_eq!(warehouse, before[1], "the warehouse");
}

#[test]
fn entries_that_are_not_there_or_are_shown() {
    let world = world();
    refused(&world, &[], &["`prod` has no entry before 1"]);
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"))]);
    world.done(&["promote"]);
    refused(&world, &["--to", "2"], &["entry 2 is what `prod` shows now", "`bot env show prod` lists"]);
    for number in ["0", "3", "18446744073709551615"] {
        refused(&world, &["--to", number], &[&format!("`prod` has no entry {number}")]);
    }
    // Only what people read of a model moved.
    edit(&world, &[("models/shown.sql", &SHOWN.replace("kind VIEW", "kind VIEW, owner ada"))]);
    world.done(&["promote"]);
    refused(&world, &[], &["entry 2 of `prod` shows what is shown now"]);
    rollback(&world, &["--to", "1"]);
    assert_eq!(total(&world), "60");
}

#[test]
fn environments_that_promote_does_not_write() {
    let world = world_with_a_mistake();
    world.repository.branch("feature");
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 2"))]);
    world.done(&["apply", "--env", "dev"]);
    refused(&world, &["--env", "dev"], &["environment `dev`", "was made by `bot apply`"]);
    refused(&world, &["--env", "dex"], &["there is no environment `dex` yet", "did you mean `dev`?"]);
    let empty = lab(&[("models/shown.sql", "MODEL (name a.b, kind VIEW);\nSELECT 1 AS one")]);
    let ran = empty.bot(&["rollback"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("there is no environment `prod` yet") && !empty.state().exists(), "{}", ran.stderr);
    assert!(!empty.warehouse().exists());
}

#[test]
fn tables_that_the_warehouse_has_no_more() {
    let world = world_with_a_mistake();
    let shown = super::prod(&world);
    let mut models = shown["models"].as_array().expect("models").iter();
    let model = models.find(|model| model["name"] == "marts.total").expect("the total");
    let name = model["table"].as_str().expect("a table").to_owned();
    super::promotes_total(&world, 2);
    let (schema, table) = name.split_once('.').expect("a schema");
    world.sql(&format!("DROP TABLE \"{schema}\".\"{table}\""));
    refused(
        &world,
        &[],
        &["tables of entry 2 are gone", &format!("`{name}` of `marts.total`, which is not in the warehouse")],
    );
    // A table that somebody else put in its place is not ours.
    world.sql(&format!("CREATE VIEW \"{schema}\".\"{table}\" AS SELECT 1 AS amount"));
    refused(&world, &[], &["which is not in the warehouse"]);
    rollback(&world, &["--to", "1"]);
    assert_eq!(total(&world), "60");
}

#[test]
fn tables_that_the_state_does_not_know_any_more() {
    let world = world_with_a_mistake();
    let mode = OpenMode::Write { state: StateId::new("x"), algorithm_version: 99 };
    let state = SqliteState::open(&world.state(), &ProjectName::new(""), &mode).expect("a state");
    let lease = state.lease("bot test", Duration::ZERO).expect("nobody else");
    let old = state.history(&offshoot::ids::EnvironmentName::prod(), 9).expect("readable").pop().expect("an entry");
    let total_model = offshoot::ids::ModelName::parse("marts.total").expect("a name");
    let key =
        offshoot::naming::TableKey { data_fingerprint: old.models[&total_model].data_fingerprint, model: total_model };
    state.forget_tables(&lease, &[key]).expect("writable");
    drop((lease, state));
    refused(&world, &[], &["of `marts.total`, which the state does not know any more"]);
}

#[test]
fn commits_that_are_not_here() {
    let world = world_with_a_mistake();
    let clone = tempfile::tempdir().expect("a folder");
    let target = clone.path().join("shallow");
    let source = format!("file://{}", world.repository.path().display());
    world.repository.git(&["clone", "--quiet", "--depth", "1", &source, &target.display().to_string()]);
    crate::lab::copy(&world.repository.path().join(".offshoot"), &target.join(".offshoot"));
    std::fs::copy(world.warehouse(), target.join("warehouse.duckdb")).expect("a copy");
    let ran = world.bot_in(&target, &["rollback"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    assert!(ran.stderr.contains("entry 1 cannot be shown as it was: its commit"), "{}", ran.stderr);
    assert!(ran.stderr.contains("fetch-depth: 0"), "{}", ran.stderr);
}

#[test]
fn fingerprints_that_the_commit_does_not_give_any_more() {
    let world =
        lab(&[("models/a.sql", "MODEL (name marts.a, kind FULL);\nSELECT @factor AS one"), ("models/b.sql", SHOWN)]);
    world.repository.remove("models/b.sql");
    edit(&world, &[("config.yaml", &format!("{CONFIG}variables:\n  factor: {{{{ env_var('FACTOR', '1') }}}}\n"))]);
    world.done(&["promote"]);
    edit(&world, &[("models/a.sql", "MODEL (name marts.a, kind FULL);\nSELECT @factor + 1 AS one")]);
    world.done(&["promote"]);
    let world = world.with_variable("FACTOR", "5");
    refused(
        &world,
        &[],
        &["entry 1 cannot be shown as it was: from its commit `marts.a` is something else today", "variable"],
    );
    assert_eq!(world.value("SELECT one FROM marts.a"), "2");
}

#[test]
fn foreign_objects_are_named_and_set_aside_only_when_told() {
    let world = world();
    world.repository.remove("models/shown.sql");
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"))]);
    world.done(&["promote"]);
    world.sql("CREATE TABLE marts.shown AS SELECT 'theirs' AS a");
    world.sql("CREATE OR REPLACE VIEW marts.daily AS SELECT 1 AS mine");
    refused(
        &world,
        &[],
        &[
            "table `marts.shown` was not made by this program",
            "view `marts.daily` was changed since this program made it",
            "`bot rollback --take-over`",
        ],
    );
    rollback(&world, &["--take-over"]);
    assert_eq!(
        (total(&world).as_str(), world.value("SELECT a FROM marts.shown__before_offshoot").as_str()),
        ("60", "theirs")
    );
    assert_eq!(world.value("SELECT count(*) FROM marts.daily"), "3");
}

#[test]
fn a_warehouse_that_is_gone_or_another_states() {
    let world = world_with_a_mistake();
    let kept = std::fs::read(world.warehouse()).expect("a file");
    std::fs::remove_file(world.warehouse()).expect("ours");
    let ran = world.bot(&["rollback"]);
    assert_eq!((ran.exit, world.warehouse().exists()), (Exit::No, false), "{}", ran.stderr);
    assert!(ran.stderr.contains("the warehouse's file is not there"), "{}", ran.stderr);
    std::fs::write(world.warehouse(), kept).expect("ours");
    let other = world_with_a_mistake();
    std::fs::copy(other.warehouse(), world.warehouse()).expect("ours");
    refused(&world, &[], &["belongs to state"]);
}
