//! A branch's life from the first promote to the last table, as a team lives it.

use offshoot::error::Exit;

use super::{FILES, OnPostgres};
use crate::lab::edit;
use crate::world::World;

#[test]
fn a_branch_becomes_an_environment_and_a_merge_moves_production() {
    lives(&OnPostgres::new());
}

/// From the first promote to the end of the environment, wherever the database is.
pub(crate) fn lives(shared: &OnPostgres) {
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

#[test]
fn data_is_compared_row_by_row_and_column_by_column() {
    let keyed = "MODEL (name marts.keyed, kind FULL, grain (id, part));\n\
                 SELECT id, nullif(id, 2) AS part, amount, true AS ok FROM raw.orders";
    let loose = "MODEL (name marts.loose, kind FULL);\n\
                 SELECT id, amount::numeric(9, 2) AS amount, '{}'::json AS more, day FROM raw.orders";
    let shared = OnPostgres::with(
        World::empty(),
        &[FILES[0], FILES[1], ("models/keyed.sql", keyed), ("models/loose.sql", loose)],
    );
    let world = &shared.world;
    world.done(&["promote"]);
    world.repository.branch("feature/more");
    edit(
        world,
        &[
            (
                "models/keyed.sql",
                &keyed
                    .replace("amount,", "CASE id WHEN 2 THEN 21 ELSE amount END AS amount,")
                    .replace("raw.orders", "raw.orders WHERE id < 3"),
            ),
            ("models/loose.sql", &loose.replace("amount::numeric", "(amount * 2)::numeric")),
        ],
    );
    world.done(&["apply"]);
    let told = world.done(&["diff", "--format", "json"]).json();
    let of = |name: &str| {
        let models = told["models"].as_array().expect("a list");
        models.iter().find(|model| model["name"] == name).unwrap_or_else(|| panic!("{told}")).clone()
    };
    let keyed = of("marts.keyed");
    assert_eq!(keyed["how"], "by_grain", "{keyed}");
    assert_eq!(keyed["compared"]["only"], serde_json::json!({"here": 0, "base": 1}), "the third order is gone");
    assert_eq!(keyed["compared"]["changed"], 1, "the second, of which a part of the grain is NULL: {keyed}");
    let loose = of("marts.loose");
    assert_eq!(loose["how"], "by_column", "{loose}");
    let columns = loose["compared"]["columns"].as_array().expect("a list");
    let names: Vec<&str> = columns.iter().filter_map(|column| column["name"].as_str()).collect();
    assert_eq!(names, ["amount"], "{loose}");
    assert_eq!(
        (&columns[0]["here"]["mean"], &columns[0]["base"]["mean"]),
        (&"40.000000000".into(), &"20.000000000".into())
    );
}

#[test]
fn what_others_built_upon_production_is_named_and_made_again_when_told() {
    let shared = OnPostgres::new();
    let world = &shared.world;
    world.done(&["promote"]);
    let client = shared.database.client();
    client
        .batch("CREATE SCHEMA bi; CREATE VIEW bi.board AS SELECT currency FROM marts.shown")
        .expect("somebody's view");
    let turned = "MODEL (name marts.shown, kind VIEW);\nSELECT 'USD' AS currency, amount FROM marts.total";
    edit(world, &[("models/shown.sql", turned)]);
    let prod = shared.shown("");
    let refused = world.bot(&["promote"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("`bi.board`") && refused.stderr.contains("--recreate-dependents"),
        "{}",
        refused.stderr
    );
    assert_eq!(shared.shown(""), prod, "nothing has changed");
    world.done(&["promote", "--recreate-dependents"]);
    assert_eq!(shared.shown("")["bi.board"], ["currency text", "(USD)"]);
}

/// Tables that views stand on cannot be dropped, so they are filled again where they are.
#[test]
fn days_that_come_later_are_loaded_into_tables_that_views_show() {
    let mut shared = OnPostgres::new();
    let seed = "id,amount,day\n1,10,2026-03-26\n2,20,2026-03-27\n3,30,2026-03-31\n4,40,2026-04-02\n";
    edit(&shared.world, &[("seeds/orders.csv", seed)]);
    shared.world.done(&["promote"]);
    shared.world.repository.branch("feature/own");
    edit(
        &shared.world,
        &[
            ("models/own.sql", &FILES[2].1.replace("marts.daily", "marts.own")),
            ("models/sum.sql", "MODEL (name marts.sum, kind FULL);\nSELECT sum(amount) AS amount FROM marts.own"),
            (
                "models/keyed.sql",
                "MODEL (name marts.keyed, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key (amount)));\n\
                 SELECT amount, max(day) AS day FROM marts.own GROUP BY amount",
            ),
        ],
    );
    let applied = shared.world.done(&["apply", "--format", "json"]).json();
    let suffix = format!("__{}", applied["environment"].as_str().expect("a name"));
    let last = |shared: &OnPostgres, view: &str| shared.shown(&suffix)[view].last().cloned();
    assert_eq!(last(&shared, "marts.sum").as_deref(), Some("(60)"));
    shared.world = shared.world.at("2026-04-05");
    shared.world.done(&["apply"]);
    assert_eq!(last(&shared, "marts.sum").as_deref(), Some("(100)"));
    assert_eq!(last(&shared, "marts.keyed").as_deref(), Some("(40,2026-04-02)"));
}

#[test]
fn a_state_that_forgot_its_tables_fills_them_again_where_they_stand() {
    let shared = OnPostgres::new();
    shared.world.done(&["promote"]);
    let prod = shared.shown("");
    shared.database.client().batch("DELETE FROM offshoot.snapshots").expect("forgotten");
    edit(&shared.world, &[("README.md", "nothing that a model reads")]);
    shared.world.done(&["promote"]);
    assert_eq!(shared.shown(""), prod);
}
