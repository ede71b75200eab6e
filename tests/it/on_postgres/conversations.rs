//! A branch's life from the first promote to the last table, as a team lives it.

use offshoot::error::Exit;

use super::{FILES, OnPostgres};
use crate::lab::edit;
use crate::world::World;

#[test]
fn a_branch_becomes_an_environment_and_a_merge_moves_production() {
    let shared = OnPostgres::new();
    let world = &shared.world;
    world.done(&["promote"]);
    let prod = shared.shown("");
    assert_eq!(
        prod.keys().collect::<Vec<_>>(),
        ["marts.daily", "marts.latest", "marts.shown", "marts.total", "raw.orders"]
    );
    assert_eq!(prod["marts.shown"], ["amount bigint", "currency text", "(60,EUR)"]);
    assert!(!world.repository.path().join(".offshoot").exists(), "the state is in the database");

    world.repository.branch("feature/vat");
    edit(world, &[("models/total.sql", &FILES[4].1.replace("sum(amount)", "sum(amount) * 2"))]);
    let applied = world.done(&["apply", "--format", "json"]).json();
    let name = applied["environment"].as_str().expect("a name").to_owned();
    let suffix = format!("__{name}");
    let there = shared.shown(&suffix);
    assert_eq!(there["marts.shown"], ["amount bigint", "currency text", "(120,EUR)"]);
    assert_eq!(there["marts.daily"], prod["marts.daily"]);
    assert_eq!(shared.shown(""), prod, "production is as it was");
    let told = world.done(&["diff", "--format", "json"]).json();
    assert!(told.to_string().contains("marts.total"), "{told}");
    let asked = world.done(&["query", "SELECT amount, currency FROM marts.shown", "--format", "csv"]);
    assert_eq!(asked.stdout.trim(), "amount,currency\n120,EUR");

    world.repository.git(&["checkout", "--quiet", "main"]);
    world.repository.git(&["merge", "--quiet", "--no-ff", "-m", "merged", "feature/vat"]);
    let promoted = world.done(&["promote", "--format", "json"]).json();
    assert_eq!(promoted["built"].as_array().map_or(0, Vec::len), 0, "{promoted}");
    assert_eq!(shared.shown("")["marts.total"], ["amount bigint", "(120)"]);
    world.done(&["rollback"]);
    assert_eq!(shared.shown(""), prod);
    assert_eq!(world.bot(&["promote"]).exit, Exit::No, "what was rolled back stays away");
    world.done(&["promote", "--release"]);
    assert_eq!(shared.shown("")["marts.total"], ["amount bigint", "(120)"]);

    world.done(&["env", "drop", &name]);
    assert!(shared.shown(&suffix).is_empty());
    let listed = world.done(&["env", "list", "--format", "json"]).json();
    assert_eq!(listed["environments"].as_array().expect("a list").len(), 1, "{listed}");
    let doctor = world.bot(&["doctor"]);
    assert_eq!(doctor.exit, Exit::Done, "{}", doctor.stdout);
}

#[test]
fn every_kind_shows_what_a_clean_build_shows() {
    let shared = OnPostgres::new();
    shared.world.done(&["promote"]);
    edit(
        &shared.world,
        &[
            ("seeds/orders.csv", "id,amount,day\n1,11,2026-03-26\n2,20,2026-03-27\n4,40,2026-03-30\n3,30,2026-03-31\n"),
            ("models/latest.sql", &FILES[3].1.replace("max(amount)", "min(amount)")),
            (
                "models/shown.sql",
                "MODEL (name marts.shown, kind VIEW);\nSELECT 'EUR' AS currency, amount, 1 AS more FROM marts.total",
            ),
        ],
    );
    shared.world.done(&["promote"]);
    let fresh = OnPostgres::with(World::empty(), &[]);
    let root = shared.world.repository.path();
    for path in shared.world.repository.git(&["ls-files"]).lines().filter(|path| *path != "config.yaml") {
        fresh.world.repository.write(path, std::fs::read(root.join(path)).expect("a file"));
    }
    fresh.world.repository.commit("all of it");
    fresh.world.done(&["promote"]);
    assert_eq!(shared.shown(""), fresh.shown(""));
}

#[test]
fn no_output_has_the_password() {
    let shared = OnPostgres::new();
    let world = &shared.world;
    let runs = [
        world.bot(&["promote", "-vv"]),
        world.bot(&["plan", "--format", "json"]),
        world.bot(&["doctor"]),
        world.bot_under(&[("WAREHOUSE_PASSWORD", "hunter2hunter2".into())], &["promote"]),
    ];
    for ran in &runs {
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!all.contains(crate::postgres::PASSWORD) && !all.contains("hunter2"), "{all}");
    }
    assert_eq!(runs[3].exit, Exit::Failed, "{}", runs[3].stderr);
    assert!(runs[3].stderr.contains("password authentication failed"), "{}", runs[3].stderr);
}
