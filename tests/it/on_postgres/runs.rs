//! `bot run` where many runs share one warehouse, and readers read on.

use super::together::{end, seen_meanwhile, start};
use super::{OnPostgres, rows};
use crate::world::World;

pub(super) const LATER: &str = "2026-04-02 00:10";

const MODELS: [(&str, &str); 4] = [
    (
        "models/daily.sql",
        "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day, lookback 1));\n\
         SELECT day, sum(amount)::int AS amount, max(version) AS version FROM erp.events\n\
         WHERE day BETWEEN @start_date AND @end_date GROUP BY day",
    ),
    (
        "models/latest.sql",
        "MODEL (name marts.latest, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key (customer), lookback 2));\n\
         SELECT customer, sum(amount)::int AS amount, max(version) AS version FROM erp.events\n\
         WHERE day BETWEEN @start_date AND @end_date GROUP BY customer",
    ),
    ("models/total.sql", "MODEL (name marts.total, kind FULL);\nSELECT sum(amount)::int AS amount FROM marts.daily"),
    ("models/shown.sql", "MODEL (name marts.shown, kind VIEW);\nSELECT amount, 'EUR' AS currency FROM marts.total"),
];

/// One event of each of three customers on each day, promoted as of April the 1st.
fn promoted() -> OnPostgres {
    let shared = OnPostgres::with(World::empty(), &MODELS);
    let client = shared.database.client();
    client.batch("CREATE SCHEMA erp").expect("a schema");
    client
        .batch(
            "CREATE TABLE erp.events AS SELECT day::date AS day, 'c' || customer AS customer, 1 AS amount, 1 AS version \
             FROM generate_series(date '2026-03-26', date '2026-04-10', interval '1 day') AS day, \
             generate_series(1, 3) AS customer",
        )
        .expect("a source");
    shared.world.done(&["promote"]);
    shared
}

#[test]
fn tables_are_filled_again_under_the_views_that_stand_on_them() {
    let shared = promoted();
    let client = shared.database.client();
    client.batch("CREATE VIEW public.theirs AS SELECT amount FROM marts.shown").expect("somebody's own view");
    let object = "SELECT oid FROM pg_class WHERE relname LIKE 'total__%' AND relkind = 'r'";
    let before = rows(&client, object);
    let ran = shared.world.done(&["run", "--execution-time", LATER, "--format", "json"]).json();
    let due: Vec<&str> =
        ran["due"].as_array().expect("a list").iter().filter_map(|due| due["model"].as_str()).collect();
    assert_eq!(due, ["marts.latest", "marts.daily", "marts.total"]);
    assert_eq!(rows(&client, "SELECT amount FROM public.theirs"), ["21"]);
    assert_eq!(rows(&client, object), before, "the very table");
    client.batch("UPDATE erp.events SET amount = 2 WHERE day = '2026-03-28'").expect("corrected");
    let restate =
        ["run", "--execution-time", LATER, "--restate", "marts.daily", "--start", "2026-03-28", "--end", "2026-03-28"];
    shared.world.done(&restate);
    assert_eq!(rows(&client, "SELECT amount FROM public.theirs"), ["24"]);
}

#[test]
fn two_runs_at_once_load_each_table_once() {
    let shared = promoted();
    let client = shared.database.client();
    let builds = "SELECT model, count(*) FROM offshoot.builds GROUP BY 1 ORDER BY 1";
    assert_eq!(rows(&client, builds), ["marts.daily|1", "marts.latest|1", "marts.total|1"]);
    let runs: Vec<_> = (0..3)
        .map(|_| start(shared.world.repository.path(), &["run", "--execution-time", LATER, "--lock-timeout", "120"]))
        .collect();
    runs.into_iter().for_each(|run| end(run, "run"));
    assert_eq!(rows(&client, builds), ["marts.daily|2", "marts.latest|2", "marts.total|2"], "by one of the three");
    assert_eq!(rows(&client, "SELECT amount FROM marts.shown"), ["21"]);
    assert_eq!(rows(&client, "SELECT count(*) FROM marts.daily"), ["7"]);
}

#[test]
fn readers_never_see_half_of_a_load() {
    let shared = promoted();
    let seen =
        seen_meanwhile(&shared.database, "SELECT count(*), min(version), max(version) FROM marts.latest", || {
            let client = shared.database.client();
            for version in 2..6 {
                client.batch(&format!("UPDATE erp.events SET version = {version}")).expect("a newer source");
                shared.world.done(&["run", "--execution-time", LATER, "--restate", "marts.latest"]);
            }
        });
    let half = seen.iter().filter(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        cells[0] != "3" || cells[1] != cells[2]
    });
    assert_eq!(half.collect::<Vec<_>>(), Vec::<&String>::new(), "of {} readings", seen.len());
    assert!(seen.len() > 10, "{} readings", seen.len());
}

/// A domain is told of a table, and not of a query's output.
#[test]
fn a_table_with_a_domain_is_filled_again_under_its_views() {
    let total = ("models/total.sql", "MODEL (name marts.total, kind FULL);\nSELECT 3::erp.price AS price, now() AS at");
    let shown = ("models/shown.sql", "MODEL (name marts.shown, kind VIEW);\nSELECT price FROM marts.total");
    let shared = OnPostgres::with(World::empty(), &[total, shown]);
    let client = shared.database.client();
    client.batch("CREATE SCHEMA erp").expect("a schema");
    client.batch("CREATE DOMAIN erp.price AS integer CHECK (VALUE > 0)").expect("a type");
    shared.world.done(&["promote"]);
    client.batch("CREATE VIEW public.theirs AS SELECT price FROM marts.shown").expect("somebody's own view");
    shared.world.done(&["run", "--execution-time", LATER]);
    assert_eq!(rows(&client, "SELECT pg_typeof(price), price FROM public.theirs"), ["erp.price|3"]);
}
