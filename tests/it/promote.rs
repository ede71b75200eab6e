//! `bot promote`: production is what a commit of main says, all at once, and never goes back in time.

use offshoot::error::Exit;

use crate::lab::{DAILY, RAW, SHOWN, TOTAL, assert_same, clean_build, edit, lab, shown};
use crate::world::{Ran, World};

const ORDERS: &str = "id,amount,day\n1,10,2026-03-26\n2,20,2026-03-27\n3,30,2026-03-31\n";

fn files() -> [(&'static str, &'static str); 5] {
    [
        ("seeds/orders.csv", ORDERS),
        ("models/raw.sql", RAW),
        ("models/daily.sql", DAILY),
        ("models/total.sql", TOTAL),
        ("models/shown.sql", SHOWN),
    ]
}

fn builds(ran: &Ran) -> Vec<String> {
    let value = ran.json();
    let builds = value["builds"].as_array().expect("a list");
    builds.iter().map(|build| build["model"].as_str().expect("a name").to_owned()).collect()
}

fn promote(world: &World) -> Ran {
    world.done(&["promote", "--format", "json"])
}

/// A branch with another total, applied and merged.
fn merged(world: &World) {
    world.repository.branch("feature");
    edit(
        world,
        &[(
            "models/total.sql",
            "MODEL (name marts.total, kind FULL);\nSELECT SUM(amount) * 2 AS amount FROM marts.daily",
        )],
    );
    world.done(&["apply"]);
    world.repository.checkout("main");
    world.repository.merge("feature");
}

#[test]
fn a_merge_is_promoted_without_building_anything_again() {
    let world = lab(&files());
    let first = promote(&world);
    assert_eq!(builds(&first), ["raw.orders", "marts.daily", "marts.total"]);
    assert_eq!(first.json()["swapped"], 4);
    merged(&world);
    let second = promote(&world);
    assert_eq!((builds(&second), &second.json()["swapped"]), (Vec::new(), &2.into()));
    assert_eq!(world.value("SELECT amount FROM marts.shown"), "120");
    assert_same(&shown(world.repository.path(), ""), &clean_build(&world, "2026-04-01"), "like a clean build");
    let third = world.done(&["promote"]);
    assert!(third.stderr.contains("already contains"), "{}", third.stderr);
    assert_eq!(promote(&world).json()["swapped"], 0);
    let ancestor = world.done(&["promote", "HEAD~1"]);
    assert!(ancestor.stderr.contains("already contains"), "{}", ancestor.stderr);
    assert_eq!(world.value("SELECT amount FROM marts.shown"), "120");
}

#[test]
fn from_a_feature_branch_main_is_promoted_and_it_says_so() {
    let world = lab(&files());
    world.repository.branch("feature");
    edit(&world, &[("models/new.sql", "MODEL (name marts.new, kind FULL);\nSELECT 1 AS n FROM raw.orders")]);
    let ran = world.done(&["promote"]);
    assert!(ran.stderr.contains("promoting the tip of main"), "{}", ran.stderr);
    assert!(!world.views().contains(&"marts.new".to_owned()));
    let refused = world.bot(&["promote", "feature"]);
    assert_eq!(refused.exit, Exit::No);
    assert!(refused.stderr.contains("is not reachable from `main`"), "{}", refused.stderr);
}

#[test]
fn what_is_no_descendant_is_promoted_only_by_force() {
    let world = lab(&files());
    let first = world.repository.sha("HEAD");
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"))]);
    promote(&world);
    world.repository.git(&["reset", "--quiet", "--hard", &first]);
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 2"))]);
    let refused = world.bot(&["promote"]);
    assert_eq!(refused.exit, Exit::No);
    assert!(refused.stderr.contains("is no descendant of"), "{}", refused.stderr);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "61");
    world.done(&["promote", "--force"]);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "62");
    world.done(&["promote", &first, "--force"]);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "60");
}

#[test]
fn a_removed_models_view_goes_and_its_table_stays() {
    let world = lab(&files());
    promote(&world);
    world.repository.remove("models/shown.sql").remove("models/total.sql");
    world.repository.commit("less");
    let ran = promote(&world);
    assert_eq!(ran.json()["swapped"], 2);
    assert_eq!(world.views(), ["marts.daily", "raw.orders"]);
    assert_eq!(world.value("SELECT COUNT(*) FROM duckdb_tables() WHERE table_name LIKE 'total%'"), "1");
}

#[test]
fn one_view_that_cannot_be_made_leaves_every_view_as_it_was() {
    let world = lab(&files());
    promote(&world);
    let before = shown(world.repository.path(), "");
    edit(
        &world,
        &[
            ("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 1")),
            (
                "models/zz.sql",
                "MODEL (name marts.zz, kind VIEW);\nSELECT no_such_function(amount) AS n FROM marts.total",
            ),
        ],
    );
    let ran = world.bot(&["promote"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    assert!(ran.stderr.contains("no view was changed"), "{}", ran.stderr);
    assert_same(&shown(world.repository.path(), ""), &before, "as before");
    edit(&world, &[("models/zz.sql", "MODEL (name marts.zz, kind VIEW);\nSELECT amount AS n FROM marts.total")]);
    let ran = promote(&world);
    assert_eq!((builds(&ran), world.value("SELECT n FROM marts.zz")), (Vec::new(), "61".to_owned()));
}

#[test]
fn foreign_objects_are_all_listed_and_set_aside_only_when_told() {
    let world = lab(&files());
    world.sql("CREATE SCHEMA marts");
    world.sql("CREATE TABLE marts.total AS SELECT 'dbt' AS a");
    world.sql("CREATE VIEW marts.shown AS SELECT 'dbt' AS b");
    let ran = world.bot(&["promote"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("table `marts.total` was not made by this program"), "{}", ran.stderr);
    assert!(ran.stderr.contains("view `marts.shown` was not made by this program"), "{}", ran.stderr);
    assert_eq!(world.value("SELECT COUNT(*) FROM duckdb_tables()"), "1", "nothing was changed");
    world.done(&["promote", "--take-over"]);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "60");
    assert_eq!(world.value("SELECT a FROM marts.total__before_offshoot"), "dbt");
    assert_eq!(world.value("SELECT b FROM marts.shown__before_offshoot"), "dbt");
}

#[test]
fn a_view_of_ours_that_somebody_changed_stops_the_next_promote_even_if_it_would_stay() {
    let world = lab(&files());
    promote(&world);
    world.sql("CREATE OR REPLACE VIEW marts.daily AS SELECT 1 AS mine");
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"))]);
    let ran = world.bot(&["promote"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("view `marts.daily` was changed since this program made it"), "{}", ran.stderr);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "60");
    world.done(&["promote", "--take-over"]);
    assert_eq!(world.value("SELECT mine FROM marts.daily__before_offshoot"), "1");
    assert_eq!(world.value("SELECT COUNT(*) FROM marts.daily"), "3");
    assert_eq!(world.value("SELECT amount FROM marts.total"), "61");
}

#[test]
fn staging_is_promoted_by_the_same_rules_and_writes_nothing_of_prods() {
    let world = lab(&files());
    promote(&world);
    let world = world.at("2026-04-10");
    edit(&world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"))]);
    let ran = world.done(&["promote", "--to", "staging", "--format", "json"]);
    assert_eq!(builds(&ran), ["marts.total"], "the rest is prod's, and prod's are not loaded further");
    assert_eq!(world.value("SELECT amount FROM marts__staging.total"), "61");
    assert_eq!(world.value("SELECT amount FROM marts.total"), "60");
    assert_eq!(world.done(&["promote", "--to", "staging", "--format", "json"]).json()["swapped"], 0);
    let refused = world.bot(&["apply", "--env", "staging"]);
    assert_eq!(refused.exit, Exit::No);
    assert!(refused.stderr.contains("only `bot promote --to staging` writes it"), "{}", refused.stderr);
    world.repository.branch("feature");
    world.done(&["apply", "--env", "dev"]);
    let refused = world.bot(&["promote", "--to", "dev"]);
    assert_eq!(refused.exit, Exit::No);
    assert!(refused.stderr.contains("was made by `bot apply`"), "{}", refused.stderr);
    assert_eq!(builds(&promote(&world)), [""; 0], "prod takes over what staging has built");
}

/// A team that deploys a branch says so to SQLMesh's bot; `offshoot.yaml` has the last word.
#[test]
fn production_follows_the_branch_that_the_configuration_names() {
    let world = lab(&files());
    let config = world.repository.read("config.yaml");
    let named = format!("{config}cicd_bot: {{type: github, prod_branch_name: release}}\n");
    edit(&world, &[("config.yaml", &named)]);
    world.repository.branch("release");
    edit(&world, &[("models/total.sql", "MODEL (name marts.total, kind FULL);\nSELECT 7 AS amount")]);
    world.repository.checkout("main");
    let ran = world.done(&["promote"]);
    assert!(ran.stderr.contains("promoting the tip of release"), "{}", ran.stderr);
    assert_eq!(world.value("SELECT amount FROM marts.total"), "7");
    edit(&world, &[("offshoot.yaml", "base_branch: main\n")]);
    let ran = world.bot(&["promote"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("is no descendant of"), "main comes after it: {}", ran.stderr);
}

/// SQLMesh keeps what is loaded.
#[test]
fn that_a_later_start_leaves_rows_out_is_told_before() {
    let world = lab(&files());
    world.done(&["promote"]);
    let warned = |world: &World| world.done(&["plan"]).stdout;
    let config = crate::lab::CONFIG;
    let before =
        "`marts.daily` begins at 2026-03-28 00:00:00 and no longer at 2026-03-26 00:00:00: the new tables leave out";
    edit(&world, &[("config.yaml", &config.replace("2026-03-26", "2026-03-28"))]);
    assert!(warned(&world).contains(before), "{}", warned(&world));
    let promoted = world.done(&["promote"]);
    assert!(promoted.stderr.contains(before), "{}", promoted.stderr);
    assert_eq!(world.value("SELECT count(*) FROM marts.daily"), "1");
    edit(&world, &[("config.yaml", &config.replace("2026-03-26", "2026-03-27"))]);
    assert!(!warned(&world).contains("later-start"), "{}", warned(&world));
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT count(*) FROM marts.daily"), "2");
    edit(&world, &[("models/daily.sql", &DAILY.replace("day)", "day), start '2026-03-30'"))]);
    assert!(warned(&world).contains("later-start"), "{}", warned(&world));
}
