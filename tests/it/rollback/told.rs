//! That production is held is told wherever people look, and texts of strangers do no harm there.

use offshoot::error::Exit;
use serde_json::Value;

use super::{commits_total, history, prod, rollback, world_with_a_mistake};
use crate::lab::{TOTAL, edit};

/// Ends a table row, a list and a line, names people, and moves the cursor.
const HOSTILE: &str = "bad | `x` </details><img src=x> @org/team\n* [x](http://evil)\u{1b}[31m\u{202e}";

/// One word of each model that drifted.
fn drift<'a>(plan: &'a Value, word: &str) -> Vec<&'a str> {
    let models = plan["drift"].as_array().expect("a list").iter();
    models.map(|model| model[word].as_str().expect("a word")).collect()
}

#[test]
fn a_plan_tells_the_drift_and_who_holds_production() {
    let world = world_with_a_mistake();
    rollback(&world, &["--why", "one too many"]);
    world.repository.branch("feature");
    edit(&world, &[("models/other.sql", "MODEL (name marts.other, kind VIEW);\nSELECT 1 AS one")]);
    let plan = world.done(&["plan", "--format", "json"]).json();
    assert_eq!(drift(&plan, "name"), ["marts.total", "marts.shown"], "merged, and not shown: {plan}");
    let held = plan["problems"].as_array().expect("a list").iter().find(|problem| problem["code"] == "held");
    let held = held.unwrap_or_else(|| panic!("no hold in {plan}"));
    assert_eq!(held["severity"], "warning");
    assert!(held["message"].as_str().expect("a text").contains("Ada rolled it back"), "{held}");
    // The branch is built all the same, on top of main.
    world.done(&["apply", "--env", "dev"]);
    assert_eq!(world.value("SELECT amount FROM marts__dev.shown"), "61");
    let explained = world.done(&["plan"]).stdout;
    assert!(explained.contains("warning[held]") && explained.contains("`bot promote --release`"), "{explained}");
    world.repository.checkout("main");
    let on_main = world.done(&["plan", "--format", "json"]).json();
    assert_eq!(on_main["models"].as_array().map(Vec::len), Some(2), "what promote would bring back: {on_main}");
    assert_eq!(on_main["problems"][0]["code"], "held");
}

#[test]
fn what_drifted_is_told_alike_where_an_earlier_plan_knew_it_and_where_the_branch_reads_it() {
    let world = world_with_a_mistake();
    rollback(&world, &["--why", "one too many"]);
    world.repository.branch("feature");
    edit(&world, &[("models/reader.sql", "MODEL (name marts.reader, kind VIEW);\nSELECT * FROM marts.shown")]);
    let plan = || world.done(&["plan", "--format", "json"]).json();
    let first = plan();
    assert_eq!(drift(&first, "change"), ["modified", "indirect"], "{first}");
    assert_eq!(plan(), first);
}

#[test]
fn doctor_and_the_environments_page_tell_it() {
    let world = world_with_a_mistake();
    let findings =
        |world: &crate::world::World| world.done(&["doctor", "--format", "json"]).json()["findings"].to_string();
    assert!(!findings(&world).contains("is held"));
    rollback(&world, &["--why", "one too many"]);
    assert!(findings(&world).contains("`prod` is held: Ada rolled it back from entry 2 to entry 1"));
    let page = world.done(&["env", "show", "prod"]).stdout;
    assert!(page.contains("held          Ada rolled it back from entry 2 to entry 1"), "{page}");
    assert!(page.contains("rollback to 1: one too many"), "{page}");
    let hold = prod(&world)["hold"].clone();
    assert_eq!((&hold["who"], &hold["models"]), (&"Ada".into(), &serde_json::json!(["marts.shown", "marts.total"])));
    world.done(&["promote", "--release"]);
    assert!(!findings(&world).contains("is held"));
}

#[test]
fn hostile_words_do_no_harm_anywhere() {
    let world = world_with_a_mistake();
    world.repository.git(&["config", "user.name", HOSTILE]);
    let mut texts: Vec<(bool, String)> = Vec::new();
    texts.push((true, world.done(&["rollback", "--dry-run", "--why", HOSTILE, "--format", "markdown"]).stdout));
    texts.push((false, world.done(&["rollback", "--why", HOSTILE]).stdout));
    texts.push((false, world.bot(&["promote"]).stderr));
    for command in [&["env", "show", "prod"][..], &["doctor"], &["plan"]] {
        texts.push((false, world.done(command).stdout));
        texts.push((true, world.done(&[command, &["--format", "markdown"]].concat()).stdout));
    }
    texts.push((true, world.done(&["promote", "--release", "--format", "markdown"]).stdout));
    let told = texts.iter().filter(|(_, text)| text.contains("bad ") || text.contains("bad&#")).count();
    assert!(told >= 8, "{told} texts tell it");
    for (is_markdown, text) in &texts {
        for hidden in ["\u{1b}", "\u{202e}", "\n* [x]"] {
            assert!(!text.contains(hidden), "{hidden:?} in {text}");
        }
        let forbidden = ["<img", "</details><", "@org", "http://evil"];
        for forbidden in forbidden.iter().filter(|_| *is_markdown) {
            let outside: String = text.split('`').step_by(2).collect();
            assert!(!outside.contains(forbidden), "{forbidden} in {text}");
        }
    }
}

#[test]
fn in_ci_the_actor_and_the_run_are_told_and_a_laptops_name_is_not_its_machine() {
    let world = world_with_a_mistake();
    let variables = [
        ("GITHUB_ACTOR", "octo-cat".to_owned()),
        ("GITHUB_REPOSITORY", "acme/shop".to_owned()),
        ("GITHUB_RUN_ID", "77".to_owned()),
    ];
    let ran = world.bot_under(&variables, &["rollback", "--format", "json"]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.stderr);
    let shown = prod(&world);
    let (newest, before) = (&shown["history"][0], &shown["history"][1]);
    let url = "https://github.com/acme/shop/actions/runs/77/attempts/1";
    assert_eq!((&newest["who"], &newest["run"]), (&"octo-cat".into(), &url.into()));
    assert_eq!(
        (&before["who"], &before["run"], &before["command"]),
        (&"Ada".into(), &serde_json::Value::Null, &"bot promote".into())
    );
    let refused = world.bot(&["promote"]);
    assert!(
        refused
            .stderr
            .contains(&format!("octo-cat rolled it back from entry 2 to entry 1 on 2026-04-01 00:00:00 ({url})"))
    );
}

#[test]
fn a_history_is_as_long_as_somebody_wants_and_counts_what_moved() {
    let world = world_with_a_mistake();
    edit(
        &world,
        &[
            ("models/total.sql", &TOTAL.replace("SUM", "MAX")),
            ("models/one.sql", "MODEL (name a.one, kind VIEW);\nSELECT 1 AS one"),
        ],
    );
    world.done(&["promote"]);
    let kinds: Vec<(u64, Option<u64>)> =
        history(&world).into_iter().map(|(number, _, moved)| (number, moved)).collect();
    assert_eq!(kinds, [(3, Some(3)), (2, Some(2)), (1, Some(4))]);
    let shown = world.done(&["env", "show", "prod", "--history", "1", "--format", "json"]).json();
    assert_eq!((shown["history"].as_array().map(Vec::len), &shown["history"][0]["moved"]), (Some(1), &3.into()));
    let none = world.done(&["env", "show", "prod", "--history", "0"]).stdout;
    assert!(!none.contains("ENTRY"), "{none}");
    // What a gc forgot is not counted against nothing.
    edit(&world, &[("offshoot.yaml", "gc: {history: 2}\n")]);
    world.done(&["gc"]);
    assert_eq!(history(&world).last().map(|(number, _, moved)| (*number, *moved)), Some((2, None)));
    // A branch's environment has one, too.
    world.repository.branch("feature");
    commits_total(&world, 4);
    world.done(&["apply", "--env", "dev"]);
    let dev = world.done(&["env", "show", "dev", "--format", "json"]).json();
    assert_eq!((&dev["history"][0]["kind"], &dev["hold"]), (&"apply".into(), &serde_json::Value::Null));
}
