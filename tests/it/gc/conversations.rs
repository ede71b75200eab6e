//! What people see over days and weeks.

use std::time::Duration;

use offshoot::error::Exit;
use offshoot::ids::{EnvironmentName, PlanId, ProjectName, StateId};
use offshoot::rollback::HoldChange;
use offshoot::state::{Environment, NewEntry, OpenMode, PendingPromote, SqliteState, State as _};
use offshoot::time::Timestamp;

use super::{TOTAL, gc, models, table_of, tables, world, world_with_a_branch};
use crate::lab::edit;
use crate::world::World;

#[test]
fn the_tables_of_a_dropped_branch_wait_and_then_go() {
    let world = world_with_a_branch();
    let first = gc(&world);
    assert_eq!(models(&first, "waiting"), Vec::<String>::new(), "{first}");
    assert_eq!(first["needed"], 4);
    world.done(&["env", "drop", "dev"]);
    let world = world.at("2026-04-02 12:00:00");
    let found = gc(&world);
    assert_eq!((models(&found, "waiting"), models(&found, "dropped")), (vec!["marts.total".to_owned()], vec![]));
    assert_eq!(found["waiting"][0]["goes_at"], "2026-04-09T12:00:00Z", "a whole week, to the hour");
    assert_eq!((&found["waiting"][0]["rows"], &found["needed"]), (&1.into(), &3.into()));
    let (world, before) = (world.at("2026-04-09 11:59:59"), 4);
    assert_eq!(models(&gc(&world), "waiting"), ["marts.total"]);
    assert_eq!(tables(&world).len(), before);
    let world = world.at("2026-04-09 12:00:00");
    let gone = gc(&world);
    assert_eq!(models(&gone, "dropped"), ["marts.total"]);
    assert_eq!(tables(&world).len(), before - 1);
    let listed = world.value("SELECT count(*) FROM offshoot__meta.objects WHERE kind = 'table'");
    assert_eq!(listed, "3", "what is recorded as ours is there");
    assert_eq!(world.value("SELECT amount FROM marts.shown"), "60");
    let again = gc(&world);
    assert_eq!((models(&again, "dropped"), models(&again, "waiting")), (vec![], vec![]));
    // The branch comes back: what it needs is built anew.
    let applied = world.done(&["apply", "--env", "dev", "--format", "json"]).json();
    assert_eq!(applied["builds"].as_array().map(Vec::len), Some(1), "{applied}");
    assert_eq!(world.value("SELECT amount FROM marts__dev.shown"), "61");
}

#[test]
fn a_table_that_is_needed_again_while_it_waits_starts_anew() {
    let world = world_with_a_branch();
    world.done(&["env", "drop", "dev"]);
    gc(&world);
    let world = world.at("2026-04-07");
    let applied = world.done(&["apply", "--env", "dev", "--format", "json"]).json();
    assert_eq!(applied["builds"], serde_json::json!([]), "it was still there");
    world.done(&["env", "drop", "dev"]);
    // Nobody looked while it was needed; its clock starts now and not when it was dropped first.
    let world = world.at("2026-04-08 01:00:00");
    let found = gc(&world);
    assert_eq!(found["waiting"][0]["goes_at"], "2026-04-15T01:00:00Z", "{found}");
}

/// A run that dies points at nothing, and the next one goes on with what it found.
#[test]
fn what_a_run_reuses_that_dies_starts_anew() {
    let world = world_with_a_branch();
    world.done(&["env", "drop", "dev"]);
    gc(&world);
    let world = world.at("2026-04-07");
    edit(&world, &[("models/fails.sql", super::FAILS)]);
    assert_eq!(world.bot(&["apply", "--env", "dev"]).exit, Exit::No);
    let world = world.at("2026-04-09");
    let found = gc(&world);
    assert_eq!((models(&found, "waiting"), models(&found, "dropped")), (vec!["marts.total".to_owned()], vec![]));
    assert_eq!(found["waiting"][0]["goes_at"], "2026-04-16T00:00:00Z");
    edit(&world, &[("models/fails.sql", &super::FAILS.replace(" || 'x'", ""))]);
    let applied = world.done(&["apply", "--env", "dev", "--format", "json"]).json();
    assert_eq!(applied["builds"].as_array().map(Vec::len), Some(1), "{applied}");
}

/// A promote that began and was not settled: nobody knows yet whether its views have moved.
#[test]
fn what_a_promote_is_about_to_show_is_needed_until_it_is_settled() {
    let world = world_with_a_branch();
    let project = ProjectName::new("");
    let mode = OpenMode::Write { state: StateId::new("x"), algorithm_version: 99 };
    let open = || SqliteState::open(&world.state(), &project, &mode).expect("a state");
    let [prod, dev] = ["prod", "dev"]
        .map(|name| open().environment(&EnvironmentName::new(name)).expect("readable").expect("it is there"));
    let mut intended = Environment { models: dev.models, ..prod.clone() };
    intended.about.plan_id = PlanId::new("next");
    world.done(&["env", "drop", "dev"]);
    gc(&world);
    let entry = NewEntry {
        commit: None,
        at: Timestamp(0),
        run: "bot promote".into(),
        origin: None,
        hold: HoldChange::Stays,
        facts: Vec::new(),
    };
    let pending = PendingPromote { intended, expected: Some(prod.about.version()), entry, steps: Vec::new() };
    let state = open();
    let lease = state.lease("bot promote", Duration::ZERO).expect("nobody else");
    state.begin_promote(&lease, &pending).expect("nobody else changed prod");
    drop((lease, state));
    let file = std::fs::read(world.state()).expect("a file");
    let would = world.done(&["gc", "--dry-run", "--execution-time", "2026-04-08", "--format", "json"]).json();
    assert_eq!((&would["needed"], &would["dropped"]), (&4.into(), &serde_json::json!([])));
    assert_eq!(std::fs::read(world.state()).expect("a file"), file, "a dry run settles nothing");
    let world = world.at("2026-04-08");
    assert_eq!(models(&gc(&world), "dropped"), ["marts.total"], "it did not happen, so nothing needs it");
    let settled = world.done(&["env", "show", "prod", "--format", "json"]).json();
    assert_eq!(settled["status"], "ready");
    assert_eq!(world.value("SELECT amount FROM marts.shown"), "60");
}

#[test]
fn environments_that_are_over_are_dropped_and_pinned_ones_are_not() {
    let world = world_with_a_branch();
    edit(&world, &[("config.yaml", &format!("{}pinned_environments: [kept]\n", crate::lab::CONFIG))]);
    world.done(&["apply", "--env", "later"]);
    world.done(&["apply", "--env", "kept"]);
    let world = world.at("2026-04-08 00:00:00");
    let would = world.done(&["gc", "--dry-run", "--format", "json"]).json();
    let names = |value: &serde_json::Value| -> Vec<String> {
        let entries = value["environments"].as_array().expect("a list");
        entries.iter().map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(&would), ["dev", "later"]);
    assert_eq!(world.views().iter().filter(|view| view.contains("__dev.")).count(), 4, "a dry run drops nothing");
    let found = gc(&world);
    assert_eq!(names(&found), ["dev", "later"]);
    assert_eq!(found["environments"][0]["expired_at"], "2026-04-08T00:00:00Z");
    let left: Vec<String> = world.views().into_iter().filter(|view| view.contains("__")).collect();
    assert!(left.iter().all(|view| view.contains("__kept.")) && left.len() == 4, "{left:?}");
    assert_eq!(models(&found, "waiting"), Vec::<String>::new(), "`kept` shows the same table");
}

/// Another total, promoted; gives the table that production showed until now.
fn promotes_another_total(world: &World, number: u32) -> String {
    let text = TOTAL.replace("SUM(amount)", &format!("SUM(amount) + {number}"));
    edit(world, &[("models/total.sql", &text)]);
    let before = prod_table(world);
    world.done(&["promote"]);
    before
}

fn prod_table(world: &World) -> String {
    let shown = world.done(&["env", "show", "prod", "--format", "json"]).json();
    let model =
        shown["models"].as_array().expect("models").iter().find(|model| model["name"] == "marts.total").cloned();
    model.expect("the model")["table"].as_str().expect("a table").to_owned()
}

#[test]
fn history_within_its_depth_keeps_its_tables_and_beyond_it_they_go() {
    let world = world();
    edit(&world, &[("offshoot.yaml", "gc: {history: 3}\n")]);
    let shown: Vec<String> = (1..=4).map(|number| promotes_another_total(&world, number)).collect();
    assert_eq!(tables(&world).len(), 7);
    // Five entries: the last three are the present one and two before it.
    assert_eq!(gc(&world)["waiting"].as_array().map(Vec::len), Some(2));
    let world = world.at("2026-04-08");
    let gone = gc(&world);
    let names: Vec<&str> = gone["dropped"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry["table"].as_str().expect("a name"))
        .collect();
    let mut expected: Vec<&str> = shown[..2].iter().map(String::as_str).collect();
    expected.sort_unstable();
    let mut found = names.clone();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert!(shown[2..].iter().all(|table| tables(&world).contains(table)), "within the depth");
    // A revert finds its table again, one that went is built again.
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 3"))]);
    let reverted = world.done(&["promote", "--format", "json"]).json();
    assert_eq!(reverted["builds"], serde_json::json!([]));
}

#[test]
fn previews_go_like_other_tables() {
    let world = world();
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &super::DAILY.replace("day, amount FROM", "day, amount * 2 AS amount FROM"))]);
    world.done(&["apply", "--env", "dev", "--max-days", "1"]);
    assert_eq!(world.value("SELECT amount FROM marts__dev.total"), "60");
    assert_eq!(gc(&world)["needed"], 5);
    world.done(&["env", "drop", "dev"]);
    assert_eq!(models(&gc(&world), "waiting"), ["marts.daily", "marts.total"]);
    let world = world.at("2026-04-08");
    assert_eq!(models(&gc(&world), "dropped"), ["marts.daily", "marts.total"]);
    assert_eq!(world.value("SELECT amount FROM marts.shown"), "60");
}

#[test]
fn a_terminal_is_asked_first_and_a_dry_run_writes_nothing() {
    let world = world_with_a_branch();
    world.done(&["env", "drop", "dev"]);
    let bytes = |world: &World| [world.state(), world.warehouse()].map(|file| std::fs::read(file).expect("a file"));
    let before = bytes(&world);
    let told = world.done(&["gc", "--dry-run"]);
    assert!(told.stdout.starts_with("Would drop 0 environments and 0 tables; 1 waits"), "{}", told.stdout);
    assert_eq!(bytes(&world), before, "marks included");
    let shown = world.on_a_terminal(&["gc"]);
    assert_eq!(shown.exit, Exit::Done);
    assert!(shown.stdout.starts_with("Would drop 0"), "{}", shown.stdout);
    assert!(shown.stderr.contains("`bot gc --yes` does it"), "{}", shown.stderr);
    assert_eq!(bytes(&world), before);
    let done = world.on_a_terminal(&["gc", "--yes"]);
    assert!(done.stdout.starts_with("Dropped 0"), "{}", done.stdout);
    let world = world.at("2026-04-08");
    assert!(world.on_a_terminal(&["gc"]).stdout.contains("Would go\n"));
    assert_eq!(tables(&world).len(), 4);
    let told = world.on_a_terminal(&["gc", "--yes"]).stdout;
    assert!(told.starts_with("Dropped 0 environments and 1 table; 3 are needed.\n"), "{told}");
    assert_eq!(tables(&world).len(), 3);
}

#[test]
fn a_lifetime_that_cannot_be_read_drops_nothing_and_null_is_for_ever() {
    let world = world_with_a_branch();
    world.done(&["env", "drop", "dev"]);
    gc(&world);
    let world = world.at("2027-01-01");
    edit(&world, &[("config.yaml", &format!("{}snapshot_ttl: soon\n", crate::lab::CONFIG))]);
    let refused = world.bot(&["gc"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stdout);
    assert!(refused.stderr.contains("`snapshot_ttl` must be a time to come"), "{}", refused.stderr);
    edit(&world, &[("config.yaml", &format!("{}snapshot_ttl: null\n", crate::lab::CONFIG))]);
    let kept = gc(&world);
    assert_eq!(
        (models(&kept, "waiting"), &kept["waiting"][0]["goes_at"]),
        (vec!["marts.total".into()], &serde_json::Value::Null)
    );
    edit(&world, &[("config.yaml", &format!("{}snapshot_ttl: in 1 day\n", crate::lab::CONFIG))]);
    assert_eq!(models(&gc(&world), "dropped"), ["marts.total"]);
}

#[test]
fn where_nothing_was_made_nothing_is_made() {
    let world = World::shop();
    let ran = world.done(&["gc", "--format", "json"]).json();
    assert_eq!((&ran["dropped"], &ran["needed"]), (&serde_json::json!([]), &0.into()));
    assert!(!world.state().exists());
}

#[test]
fn every_table_that_a_view_mentions_is_pointed_at_by_its_environment() {
    let (world, name) = World::applied();
    for environment in ["prod", name.as_str()] {
        let shown = world.done(&["env", "show", environment, "--format", "json"]).json();
        let pointed_at: Vec<String> = shown["models"]
            .as_array()
            .expect("models")
            .iter()
            .filter_map(|model| model["table"].as_str().map(str::to_owned))
            .collect();
        let suffix = if environment == "prod" { String::new() } else { format!("__{environment}") };
        let views = world.sql(&format!(
            "SELECT sql FROM duckdb_views() WHERE NOT internal AND ends_with(schema_name, '{suffix}') \
             AND ('{suffix}' <> '' OR NOT contains(schema_name, '__'))"
        ));
        let mut mentions = 0;
        for view in &views {
            let text = view[0].clone().expect("a definition");
            for table in tables(&world) {
                let (_, bare) = table.split_once('.').expect("a schema");
                if text.contains(bare) {
                    mentions += 1;
                    assert!(pointed_at.contains(&table), "{table} in {text}");
                }
            }
        }
        assert!(views.len() > 10 && mentions >= views.len(), "{mentions} in {} views", views.len());
    }
}

#[test]
fn a_name_that_was_promoted_to_is_never_over() {
    let world = world();
    world.done(&["promote", "--to", "staging"]);
    let world = world.at("2027-01-01");
    let found = gc(&world);
    assert_eq!((&found["environments"], &found["needed"]), (&serde_json::json!([]), &3.into()));
    assert_eq!(world.value("SELECT amount FROM marts__staging.shown"), "60");
    assert!(table_of(&world, "marts.total").starts_with("offshoot__marts.total__"));
}
