//! Audits: rows that may not be are shown to nobody, whichever way they come.

use offshoot::error::Exit;

use crate::lab::{ORDERS, TOTAL, edit, orders, shown};
use crate::on_postgres::{OnPostgres, rows};
use crate::world::World;

const DAILY: &str = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day),\n\
                     audits (accepted_range(column := amount, max_v := 100)));\n\
                     SELECT day, amount FROM raw.orders WHERE day BETWEEN @start_date AND @end_date";

/// The orders with an audit of their days, promoted.
fn audited() -> World {
    let world = orders();
    edit(&world, &[("models/daily.sql", DAILY)]);
    world.done(&["promote"]);
    world
}

fn refused(world: &World, arguments: &[&str], told: &[&str]) {
    let ran = world.bot(arguments);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    let missing: Vec<_> = told.iter().filter(|told| !ran.stderr.contains(**told)).collect();
    assert_eq!(missing, Vec::<&&str>::new(), "{}", ran.stderr);
}

#[test]
fn what_an_audit_forbids_is_shown_nowhere() {
    let world = audited();
    let prod = shown(world.repository.path(), "");
    world.repository.branch("feature");
    edit(&world, &[("seeds/orders.csv", &ORDERS.replace("1,10,", "1,1000,"))]);
    let told = [
        "model `marts.daily` (`models/daily.sql`) has rows that it may not have, so no view shows them",
        "audit `accepted_range` finds 1 row",
        "`blocking := false`",
    ];
    refused(&world, &["apply", "--env", "dev"], &told);
    assert!(shown(world.repository.path(), "__dev").is_empty(), "there is no environment");
    edit(&world, &[("seeds/orders.csv", &ORDERS.replace("1,10,", "1,99,"))]);
    world.done(&["apply", "--env", "dev"]);
    assert_eq!(shown(world.repository.path(), ""), prod);
    assert_ne!(shown(world.repository.path(), "__dev"), prod);
}

/// A table that is there already is audited when the audit is new to it.
#[test]
fn an_audit_that_is_new_looks_at_the_rows_that_are_there() {
    let world = audited();
    let prod = shown(world.repository.path(), "");
    world.repository.branch("feature");
    let stricter = DAILY.replace("max_v := 100", "max_v := 15");
    edit(&world, &[("models/daily.sql", &stricter)]);
    refused(&world, &["apply", "--env", "dev"], &["audit `accepted_range` finds 2 rows"]);
    world.repository.checkout("main");
    world.repository.git(&["merge", "--quiet", "--no-ff", "-m", "merged", "feature"]);
    refused(&world, &["promote"], &["audit `accepted_range` finds 2 rows"]);
    assert_eq!(shown(world.repository.path(), ""), prod);
    let told = stricter.replace("max_v := 15", "max_v := 15, blocking := false");
    edit(&world, &[("models/daily.sql", &told)]);
    let ran = world.done(&["promote"]);
    assert!(ran.stderr.contains("warning: audit `accepted_range` of `marts.daily` finds 2 rows"), "{}", ran.stderr);
}

/// Days that were loaded before are looked at too, where others are loaded now.
#[test]
fn a_new_audit_looks_at_days_that_were_loaded_before() {
    let world = audited();
    world.repository.branch("feature");
    let with = |audit: &str| DAILY.replace("marts.daily", "marts.again").replace("max_v := 100", audit);
    edit(&world, &[("models/again.sql", &with("max_v := 30"))]);
    world.done(&["apply", "--env", "dev", "--max-days", "2"]);
    edit(&world, &[("models/again.sql", &with("max_v := 25"))]);
    refused(&world, &["apply", "--env", "dev"], &["model `marts.again`", "audit `accepted_range` finds 1 row"]);
    let planned = world.done(&["plan", "--env", "dev", "--format", "json"]).json();
    assert_eq!(
        planned["summary"]["to_build"], 0,
        "the older days are loaded, and none of them was in the way: {planned}"
    );
}

/// A branch without the audit built the table; who comes later with the audit does not trust that.
#[test]
fn a_table_that_was_filled_without_the_audit_is_audited() {
    let world = orders();
    world.done(&["promote"]);
    let more = ORDERS.replace("1,10,", "1,1000,");
    world.repository.branch("first");
    edit(&world, &[("seeds/orders.csv", &more)]);
    world.done(&["apply", "--env", "first"]);
    world.repository.checkout("main");
    edit(&world, &[("models/daily.sql", DAILY)]);
    world.done(&["promote"]);
    world.repository.branch("second");
    edit(&world, &[("seeds/orders.csv", &more)]);
    let planned = world.done(&["plan", "--format", "json"]).json();
    let daily = planned["models"].as_array().expect("a list").iter().find(|model| model["name"] == "marts.daily");
    let daily = daily.expect("it is touched");
    assert_eq!((&daily["change"], &daily["action"]), (&"indirect".into(), &"reuse".into()), "{planned}");
    refused(&world, &["apply", "--env", "second"], &["audit `accepted_range` finds 1 row"]);
}

/// What an author writes around an argument is no part of the query.
#[test]
fn comments_in_an_audit_do_no_harm() {
    let world = orders();
    let audit = "audits (not_null(columns := (day, -- the day\n amount /* and ; */), condition := amount > 0 -- )\n))";
    edit(
        &world,
        &[("models/daily.sql", &DAILY.replace("audits (accepted_range(column := amount, max_v := 100))", audit))],
    );
    world.done(&["promote"]);
}

/// A view has no rows of its own: it is audited as it will be, whatever of what it reads has changed.
#[test]
fn a_view_is_audited_before_it_is_shown() {
    let world = audited();
    let view = "MODEL (name marts.shown, kind VIEW, audits (accepted_range(column := twice, max_v := 125)));\n\
                SELECT amount * 2 AS twice FROM marts.total";
    edit(&world, &[("models/shown.sql", view)]);
    world.done(&["promote"]);
    let prod = shown(world.repository.path(), "");
    world.repository.branch("feature");
    edit(&world, &[("seeds/orders.csv", &ORDERS.replace("1,10,", "1,20,"))]);
    let told = ["model `marts.shown` (`models/shown.sql`) has rows that it may not have", "finds 1 row"];
    refused(&world, &["apply", "--env", "dev"], &told);
    assert!(shown(world.repository.path(), "__dev").is_empty(), "there is no environment");
    world.repository.checkout("main");
    world.repository.git(&["merge", "--quiet", "--no-ff", "-m", "merged", "feature"]);
    refused(&world, &["promote"], &told);
    assert_eq!(shown(world.repository.path(), ""), prod);
    edit(&world, &[("models/shown.sql", &view.replace("125", "140"))]);
    world.done(&["promote"]);
}

/// Tables that one transaction makes are audited in it, and each mistake stops its own readers only.
#[test]
fn tables_that_are_made_together_are_audited_together() {
    let world = audited();
    let full = |name: &str, audit: &str| {
        let header = format!("MODEL (name marts.{name}, kind FULL, audits ({audit}(columns := amount)));");
        (format!("models/{name}.sql"), format!("{header}\nSELECT amount FROM raw.orders UNION ALL SELECT NULL"))
    };
    let files = [full("one", "unique_values"), full("two", "not_null"), full("three", "not_null_non_blocking")];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    world.repository.branch("feature");
    edit(&world, &files);
    refused(&world, &["apply", "--env", "dev"], &["model `marts.two`", "audit `not_null` finds 1 row"]);
    world.repository.remove("models/two.sql");
    world.repository.commit("without the second");
    let applied = world.done(&["apply", "--env", "dev", "--format", "json"]);
    assert_eq!(applied.builds().len(), 0, "the others were made: {}", applied.stdout);
}

#[test]
fn what_cannot_be_audited_is_told_when_the_project_is_read() {
    let world = audited();
    world.repository.branch("feature");
    let audits = "audits (own_rule(x := 1), not_nul(columns := amount), kl_divergence(a := b))";
    edit(
        &world,
        &[
            ("models/total.sql", &TOTAL.replace("kind FULL", &format!("kind FULL, {audits}"))),
            (
                "models/shown.sql",
                "MODEL (name marts.shown, kind EMBEDDED, audits (not_null(columns := amount)));\nSELECT amount FROM marts.total",
            ),
        ],
    );
    let plan = world.done(&["plan", "--format", "json"]).json();
    let told: Vec<&str> =
        plan["problems"].as_array().expect("a list").iter().filter_map(|problem| problem["message"].as_str()).collect();
    let expected = [
        "audits of what is shown nowhere do not run",
        "audit `own_rule` is not built in, and a project's own audits do not run yet",
        "audit `not_nul` is not built in, and a project's own audits do not run yet",
        "audit `kl_divergence` does not run",
    ];
    for expected in expected {
        assert!(told.iter().any(|told| told.contains(expected)), "{expected}: {told:?}");
    }
    edit(&world, &[("models/total.sql", &TOTAL.replace("kind FULL", "kind FULL, audits (not_null)"))]);
    refused(&world, &["apply"], &["audit `not_null` needs `columns := …`"]);
}

/// A run's load and its audits are one transaction: readers keep what they had.
#[test]
fn a_run_shows_no_rows_that_an_audit_forbids() {
    let daily = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day, lookback 1),\n\
                 audits (accepted_range(column := amount, max_v := 100), not_null(columns := (day, amount))));\n\
                 SELECT day, amount FROM erp.events WHERE day BETWEEN @start_date AND @end_date";
    let shared = OnPostgres::with(World::empty(), &[("models/daily.sql", daily)]);
    let client = shared.database.client();
    client.batch("CREATE SCHEMA erp").expect("a schema");
    let days = "generate_series(date '2026-03-26', date '2026-04-10', interval '1 day')";
    client
        .batch(&format!("CREATE TABLE erp.events AS SELECT day::date, 1 AS amount FROM {days} AS day"))
        .expect("a source");
    shared.world.done(&["promote"]);
    let before = shared.shown("");
    client
        .batch("UPDATE erp.events SET amount = CASE WHEN day = '2026-04-01' THEN 1000 ELSE 2 END")
        .expect("corrected");
    let run = ["run", "--execution-time", "2026-04-02 00:10"];
    refused(&shared.world, &run, &["audit `accepted_range` finds 1 row"]);
    assert_eq!(shared.shown(""), before, "neither the bad day nor the others");
    client.batch("UPDATE erp.events SET amount = 3 WHERE amount = 1000").expect("corrected");
    shared.world.done(&run);
    let loaded = "SELECT day, amount FROM marts.daily WHERE amount <> 1 ORDER BY 1";
    assert_eq!(rows(&client, loaded), ["2026-03-31|2", "2026-04-01|3"]);
    // Rows of other days are none of the load's, so they are not counted again.
    client.batch("UPDATE erp.events SET amount = 4 WHERE day = '2026-04-02'").expect("corrected");
    shared.world.done(&["run", "--execution-time", "2026-04-03 00:10"]);
}
