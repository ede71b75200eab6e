//! `kind VIEW (materialized true)`: a table that `run` makes anew, where the engine has such views; a view where it has none.

use crate::history::Site;

const SUMS: &str =
    "MODEL (name s.sums, kind VIEW (materialized true), cron '@daily');\nSELECT sum(price) AS price FROM raw.people";

#[test]
fn what_is_materialized_is_as_of_its_last_refresh() {
    for (site, at_once) in Site::both(&[("models/sums.sql", SUMS)]).into_iter().zip(["30", "10"]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL)");
        site.done(&["promote"]);
        site.people("(1,'a',10,NULL),(2,'b',20,NULL)");
        assert_eq!(site.lines("SELECT price FROM s.sums"), [at_once], "DuckDB has no materialized views");
        site.done(&["run"]);
        assert_eq!(site.lines("SELECT price FROM s.sums"), [at_once], "not due yet");
        let site = site.at("2026-04-02 00:00:00");
        site.done(&["run"]);
        assert_eq!(site.lines("SELECT price FROM s.sums"), ["30"]);
    }
}
