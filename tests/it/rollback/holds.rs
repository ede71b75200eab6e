//! What was rolled back stays away: until a revert or a fix is merged, or somebody says otherwise.

use offshoot::error::Exit;
use serde_json::{Value, json};

use super::{commits_total, prod, promotes_total, rollback, total, world, world_with_a_mistake};
use crate::lab::{TOTAL, edit};
use crate::world::World;

fn held() -> World {
    let world = world_with_a_mistake();
    rollback(&world, &["--why", "one too many"]);
    world
}

#[track_caller]
fn refused(world: &World, arguments: &[&str]) -> Value {
    let before = super::bytes(world);
    let ran = world.bot(&[&["promote", "--format", "json"], arguments].concat());
    assert_eq!(ran.exit, Exit::No, "{}", ran.stdout);
    assert_eq!(super::bytes(world), before, "nothing is written");
    ran.error()["error"].clone()
}

#[test]
fn what_was_rolled_back_is_not_promoted_again_and_who_says_so_is_told() {
    let world = held();
    let error = refused(&world, &[]);
    let message = error["message"].as_str().expect("a text");
    assert_eq!(
        message,
        "`prod` is held: Ada rolled it back from entry 2 to entry 1 on 2026-04-01 00:00:00: one too many"
    );
    assert_eq!(error["causes"], json!(["`marts.shown`, `marts.total` are again what was rolled back"]));
    assert!(error["hints"][0].as_str().expect("a hint").contains("`bot promote --release`"), "{error}");
    // By force neither: that is about ancestry.
    refused(&world, &["--force"]);
    // With more on top of it, neither.
    edit(&world, &[("models/other.sql", "MODEL (name marts.other, kind VIEW);\nSELECT 1 AS one")]);
    refused(&world, &[]);
    let told = world.done(&["promote", "HEAD~2"]);
    assert!(told.stderr.contains("already contains"), "what is shown is contained: {}", told.stderr);
    assert!(prod(&world)["hold"].is_object());
    assert_eq!(total(&world), "60");
}

#[test]
fn a_revert_ends_the_hold_as_it_is_promoted() {
    let world = held();
    world.repository.git(&["revert", "--no-edit", "HEAD"]);
    let promoted = world.done(&["promote", "--format", "json"]).json();
    assert_eq!(promoted["builds"], json!([]));
    assert_eq!((&promoted["released"]["who"], &promoted["released"]["from"]), (&"Ada".into(), &2.into()));
    assert_eq!((&prod(&world)["hold"], total(&world).as_str()), (&json!(null), "60"));
    // From here on nothing is special any more.
    promotes_total(&world, 7);
    assert_eq!(total(&world), "67");
}

#[test]
fn a_fix_ends_it_too_and_that_is_told() {
    let world = held();
    commits_total(&world, 0);
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 2"))]);
    let promoted = world.done(&["promote"]);
    let told =
        "The hold of prod is over: Ada rolled it back from entry 2 to entry 1 on 2026-04-01 00:00:00: one too many.";
    assert!(promoted.stdout.contains(told), "{}", promoted.stdout);
    assert_eq!((&prod(&world)["hold"], total(&world).as_str()), (&json!(null), "62"));
}

#[test]
fn a_release_promotes_what_was_held_back_and_says_what_it_released() {
    let world = held();
    let promoted = world.done(&["promote", "--release", "--format", "json"]).json();
    assert_eq!((&promoted["released"]["why"], &promoted["swapped"]), (&"one too many".into(), &2.into()));
    assert_eq!((&prod(&world)["hold"], total(&world).as_str()), (&json!(null), "61"));
    let again = world.done(&["promote", "--release"]);
    assert!(again.stderr.contains("prod is not held: nothing to release"), "{}", again.stderr);
}

#[test]
fn a_release_of_what_prod_contains_promotes_nothing() {
    let world = held();
    let first = world.repository.sha("HEAD~1");
    let promoted = world.done(&["promote", &first, "--release", "--format", "json"]).json();
    assert_eq!((&promoted["released"]["why"], &promoted["swapped"]), (&"one too many".into(), &0.into()));
    assert_eq!((&prod(&world)["hold"], total(&world).as_str()), (&json!(null), "60"));
    assert_eq!(prod(&world)["history"].as_array().map(Vec::len), Some(3), "a release alone is no entry");
    world.done(&["promote"]);
    assert_eq!(total(&world), "61");
}

#[test]
fn a_commit_before_the_mistake_is_promoted_and_ends_nothing() {
    let world = world();
    edit(&world, &[("models/other.sql", "MODEL (name marts.other, kind VIEW);\nSELECT 1 AS one")]);
    promotes_total(&world, 1);
    rollback(&world, &[]);
    assert!(!world.views().contains(&"marts.other".to_owned()));
    let refusal = refused(&world, &["HEAD~1"]);
    assert_eq!(refusal["causes"], json!(["`marts.other` is again what was rolled back"]), "it was rolled back, too");

    let world = world_with_a_mistake();
    edit(&world, &[("models/other.sql", "MODEL (name marts.other, kind VIEW);\nSELECT 1 AS one")]);
    commits_total(&world, 2);
    world.done(&["promote"]);
    rollback(&world, &["--to", "1"]);
    // Main's tip has what was rolled back; a commit on the way has another total and no `other`.
    let on_the_way = world.repository.sha("HEAD~2");
    world.done(&["promote", &on_the_way]);
    assert_eq!(total(&world), "61");
    assert!(prod(&world)["hold"].is_object(), "main still has it");
    refused(&world, &[]);
}

#[test]
fn the_same_commit_by_force_ends_nothing_while_main_has_it() {
    let world = held();
    let first = world.repository.sha("HEAD~1");
    world.done(&["promote", &first, "--force"]);
    assert!(prod(&world)["hold"].is_object(), "main still has it");
    refused(&world, &[]);
}

#[test]
fn where_main_was_written_anew_what_was_promoted_before_the_rollback_counts() {
    let world = world();
    let root = world.repository.sha("HEAD");
    edit(&world, &[("models/other.sql", "MODEL (name marts.other, kind VIEW);\nSELECT 1 AS one")]);
    world.done(&["promote"]);
    // The same history with another message, and a mistake on top of it.
    world.repository.git(&["reset", "--quiet", "--hard", &root]);
    edit(&world, &[("models/other.sql", "MODEL (name marts.other, kind VIEW);\nSELECT 2 AS one")]);
    world.done(&["promote", "--force"]);
    promotes_total(&world, 1);
    rollback(&world, &["--to", "2"]);
    assert_eq!(world.value("SELECT one FROM marts.other"), "1");
    let error = refused(&world, &[]);
    assert!(error["message"].as_str().expect("a text").contains("is held"), "{error}");
    world.repository.git(&["revert", "--no-edit", "HEAD"]);
    edit(&world, &[("models/other.sql", "MODEL (name marts.other, kind VIEW);\nSELECT 3 AS one")]);
    world.done(&["promote"]);
    assert_eq!((world.value("SELECT one FROM marts.other"), total(&world)), ("3".into(), "60".into()));
}

#[test]
fn a_broken_tip_is_not_taken_for_one_without_the_mistake() {
    let world = held();
    world.repository.git(&["revert", "--no-edit", "HEAD"]);
    let reverted = world.repository.sha("HEAD");
    edit(&world, &[("models/total.sql", "MODEL (name marts.total, kind NONSENSE);\nSELECT 1 AS amount")]);
    world.done(&["promote", &reverted]);
    assert!(prod(&world)["hold"].is_object(), "nobody knows what main's tip has");
}

/// A program whose fingerprints are others cannot tell what main has again.
#[test]
fn fingerprints_of_another_version_keep_production_where_it_is() {
    let world = held();
    world.repository.git(&["revert", "--no-edit", "HEAD"]);
    let now = offshoot::fingerprint::ALGORITHM;
    let changed = rusqlite::Connection::open(world.state()).and_then(|state| {
        let sql = "UPDATE holds SET hold = replace(hold, ?1, '\"algorithm\":999')";
        state.execute(sql, [format!("\"algorithm\":{now}")])
    });
    assert_eq!(changed.expect("a hold"), 1);
    let error = refused(&world, &[]);
    assert!(error["causes"][0].as_str().expect("a text").contains("another version of this program"), "{error}");
    world.done(&["promote", "--release"]);
    assert_eq!((&prod(&world)["hold"], total(&world).as_str()), (&json!(null), "60"));
}
