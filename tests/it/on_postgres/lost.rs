//! Connections that break while tables are filled, and statements that the server ends.

use offshoot::error::Exit;
use offshoot::postgres::Client;

use super::together::{end, start};
use super::{FILES, OnPostgres, rows};
use crate::lab::edit;

/// The first promote of a project whose total waits for whoever has `erp.gate`, with that in our hands.
fn with_a_gate() -> (OnPostgres, Client) {
    let shared = OnPostgres::new();
    let client = shared.database.client();
    client.batch("CREATE SCHEMA erp").expect("a schema");
    client.batch("CREATE TABLE erp.gate AS SELECT 1 AS one").expect("a table");
    let total = FILES[4].1.replace("sum(amount)", "sum(amount * one)").replace("daily", "daily CROSS JOIN erp.gate");
    edit(&shared.world, &[("models/total.sql", &total)]);
    (shared, client)
}

#[test]
fn a_run_that_loses_its_connections_goes_on() {
    let (shared, client) = with_a_gate();
    client.batch("BEGIN; LOCK TABLE erp.gate").expect("locked");
    let promote = start(shared.world.repository.path(), &["promote"]);
    let own = shared.database.client();
    let waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while rows(&own, waits).is_empty() {
        std::thread::yield_now();
    }
    let cut = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'offshoot'";
    assert!(!rows(&own, cut).is_empty(), "the bot was connected");
    client.batch("COMMIT").expect("given back");
    end(promote, "promote");
    assert_eq!(rows(&own, "SELECT amount FROM marts.shown"), ["60"]);
    let built = "SELECT model, count(*) FROM offshoot.builds GROUP BY 1 ORDER BY 1";
    assert_eq!(rows(&own, built), ["marts.daily|1", "marts.latest|1", "marts.total|1", "raw.orders|1"]);
}

#[test]
fn a_model_that_ends_its_own_connection_is_given_up() {
    let shared = OnPostgres::new();
    shared.world.done(&["promote"]);
    let prod = shared.shown("");
    let deadly = "MODEL (name marts.total, kind FULL);\nSELECT pg_terminate_backend(pg_backend_pid()) AS amount";
    edit(&shared.world, &[("models/total.sql", deadly)]);
    let ran = shared.world.bot(&["promote"]);
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("trying again in").count(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("error: model `marts.total` (`models/total.sql`) was not built"), "{}", ran.stderr);
    assert_eq!(shared.shown(""), prod);
}

#[test]
fn a_statement_that_takes_too_long_is_a_failure_with_advice() {
    let (shared, client) = with_a_gate();
    edit(&shared.world, &[("offshoot.yaml", "postgres: {statement_timeout: 1}\n")]);
    client.batch("BEGIN; LOCK TABLE erp.gate").expect("locked");
    let ran = shared.world.bot(&["promote"]);
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.stderr);
    let told =
        ["the server stopped the statement: canceling statement due to statement timeout", "statement_timeout: "];
    assert!(told.iter().all(|told| ran.stderr.contains(told)), "{}", ran.stderr);
    client.batch("COMMIT").expect("given back");
    shared.world.done(&["promote"]);
}
