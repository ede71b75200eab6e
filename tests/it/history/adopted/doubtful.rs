//! Where it is doubtful what stands there, or whose rows they are: nothing is taken, and nothing lost without a word.

use offshoot::error::Exit;

use super::super::killed::at_each_moment;
use super::super::{Site, shown};
use super::{KEYED, LOG, PARTS, PLAIN, SUMS, VERSION, VERSIONS, at, daily, days, dim, sqlmesh};
use crate::lab::{CONFIG, edit};

/// What keeps what it has read.
const SNAP: &str =
    "MODEL (name s.snap, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns *));\nSELECT id, name FROM s.log";
const APP: &str = "MODEL (name s.app, kind INCREMENTAL_UNMANAGED, cron '@daily');\nSELECT id, name FROM s.log";

/// Each kind with the rows of somebody, and a model that cannot be made.
fn wrong(of: fn(&[(&str, &str)]) -> Site) -> Site {
    const WRONG: &str = "MODEL (name s.zz, kind FULL);\nSELECT no_such_function(price) AS n FROM s.log";
    let daily = daily(", forward_only true");
    let (dim, parts) = (("models/dim.sql", dim(PLAIN)), ("models/parts.sql", PARTS.to_owned()));
    let site = at(
        of(&[
            ("models/log.sql", LOG),
            (dim.0, &dim.1),
            (parts.0, &parts.1),
            ("models/keyed.sql", KEYED),
            ("models/daily.sql", &daily),
            ("models/zz.sql", WRONG),
            ("models/snap.sql", SNAP),
            ("models/app.sql", APP),
        ]),
        "01",
    );
    site.execute(VERSIONS);
    days(&site);
    site.execute("DELETE FROM s.daily");
    site.execute("INSERT INTO s.daily VALUES ('2026-03-26', 666), ('2026-03-30', 666)");
    for table in ["log", "parts", "keyed"] {
        site.execute(&format!(
            "CREATE TABLE s.{table} AS SELECT 666 AS id, CAST('x' AS VARCHAR) AS name, 666 AS price"
        ));
    }
    site.people("(1,'a',12,NULL)");
    let refused = site.world().bot(&["promote", "--take-over"]);
    assert!(refused.stderr.contains("model `s.zz` (`models/zz.sql`) was not built"), "{}", refused.stderr);
    assert!(refused.stderr.contains("] s.snap, 1 rows"), "what reads it is there: {}", refused.stderr);
    edit(site.world(), &[("models/zz.sql", &WRONG.replace("no_such_function", "abs"))]);
    site
}

#[test]
fn what_a_take_over_left_that_failed_is_nobodys() {
    for of in [Site::duckdb, Site::postgres] {
        let site = wrong(of);
        // Nobody else shows it meanwhile.
        let refused = site.world().bot(&["promote", "--to", "staging"]);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
        assert!(refused.stderr.contains("production was to take over rows of another program"), "{}", refused.stderr);
        // They were the wrong ones, and are taken away.
        site.execute("DROP VIEW s.dim; DROP TABLE s.log; DROP TABLE s.parts; DROP TABLE s.keyed; DROP TABLE s.daily");
        site.done(&["promote"]);
        assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|40", "2026-03-30|50", "2026-03-31|60"]);
        assert_eq!(site.history("s.dim", PLAIN), ["1|a|12|1970-01-01|NULL"]);
        for table in ["log", "parts", "keyed"] {
            assert_eq!(site.lines(&format!("SELECT id FROM s.{table}")), ["1"], "{table}");
        }
        assert_eq!(site.lines("SELECT id FROM s.snap"), ["1"]);
        assert_eq!(site.lines("SELECT id FROM s.app"), ["1"]);
        // From then on they are production's, for all.
        site.done(&["promote", "--to", "staging"]);
        assert_eq!(site.lines("SELECT id FROM s__staging.log"), ["1"]);
    }
}

#[test]
fn another_attempt_takes_what_is_there_by_then() {
    for of in [Site::duckdb, Site::postgres] {
        let site = wrong(of);
        site.execute("UPDATE s.parts SET id = 7, name = 'y'; UPDATE s.keyed SET id = 7; UPDATE s.log SET id = 7");
        site.execute("DELETE FROM s.daily WHERE amount = 666; INSERT INTO s.daily VALUES ('2026-03-27', 7)");
        let ran = site.done(&["promote", "--take-over"]);
        assert!(
            ran.stderr.contains("loaded from 2026-03-27 to before 2026-03-28 by its first and last row"),
            "{}",
            ran.stderr
        );
        assert_eq!(
            shown(&site, "s.daily", "amount"),
            ["2026-03-27|7", "2026-03-29|40", "2026-03-30|50", "2026-03-31|60"]
        );
        for (table, rows) in [("log", &["7"][..]), ("parts", &["1", "7"]), ("keyed", &["1", "7"])] {
            assert_eq!(site.lines(&format!("SELECT id FROM s.{table} ORDER BY id")), rows, "{table}");
        }
        assert_eq!(site.lines("SELECT id FROM s.snap"), ["7"]);
        assert_eq!(site.lines("SELECT id FROM s.app"), ["7"]);
        // Taken over, they are the tables that everybody goes on from.
        site.world().repository.branch("feature");
        edit(site.world(), &[("models/log.sql", &LOG.replace("price FROM", "price, 1 AS one FROM"))]);
        site.done(&["apply", "--env", "dev"]);
        assert_eq!(site.lines("SELECT id FROM s__dev.log ORDER BY id"), ["1", "7"]);
    }
}

#[test]
fn only_the_first_promote_takes_rows() {
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/daily.sql", &daily(", forward_only true"))]), "01");
        days(&site);
        site.done(&["promote", "--to", "staging"]);
        let refused = site.world().bot(&["promote", "--take-over"]);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
        let told = "`s.daily`: `s.daily` has rows, which go on by the first promote of a project alone";
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        // Without it there is nothing that shows a table, and what is left of it goes.
        site.done(&["env", "drop", "staging"]);
        site.execute("INSERT INTO s.daily VALUES (NULL, 77)");
        let refused = site.world().bot(&["promote", "--take-over"]);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
        assert!(refused.stderr.contains("`s.daily` has 4 rows, of which 3 are in the ranges"), "{}", refused.stderr);
        site.execute("DELETE FROM s.daily WHERE day IS NULL");
        site.done(&["promote", "--take-over"]);
        let expected = ["2026-03-26|1", "2026-03-28|3", "2026-03-29|4", "2026-03-30|50", "2026-03-31|60"];
        assert_eq!(shown(&site, "s.daily", "amount"), expected);
        // A model that comes later has no rows of others.
        site.execute("CREATE TABLE s.log AS SELECT 7 AS id, CAST('x' AS VARCHAR) AS name, 70 AS price");
        site.people("(1,'a',12,NULL)");
        edit(site.world(), &[("models/log.sql", LOG)]);
        let refused = site.world().bot(&["promote", "--take-over"]);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
        assert!(refused.stderr.contains("`s.log`: `s.log` has rows"), "{}", refused.stderr);
        site.execute("DELETE FROM s.log");
        site.done(&["promote", "--take-over"]);
        assert_eq!(site.lines("SELECT id FROM s.log"), ["1"]);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_state_that_is_not_of_what_stands_there_says_nothing() {
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/daily.sql", &daily(", forward_only true")), ("models/sums.sql", SUMS)]), "01");
        days(&site);
        site.execute("CREATE TABLE s.sums AS SELECT 1 AS id, 9 AS price");
        site.people("(1,'a',10,TIMESTAMP '2026-03-02')");
        sqlmesh(&site, &[("daily", "2026-03-25", "2026-03-31"), ("sums", "2026-03-01", "2026-03-02")]);
        // Somebody has made it anew since.
        site.execute("DROP VIEW s.sums; CREATE TABLE s.sums AS SELECT 1 AS id, 9 AS price");
        let refused = site.world().bot(&["promote", "--take-over"]);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
        assert!(refused.stderr.contains("`s.sums`: nobody knows up to which interval"), "{}", refused.stderr);
        site.execute(
            "DROP TABLE s.sums; DROP VIEW s.daily; CREATE VIEW s.daily AS SELECT * FROM raw.events WHERE amount < 60",
        );
        let ran = site.done(&["promote", "--take-over"]);
        assert!(ran.stderr.contains("by its first and last row"), "{}", ran.stderr);
        assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|40", "2026-03-30|50", "2026-03-31|60"]);
    }
}

#[test]
fn an_old_state_in_the_warehouse_is_not_asked_where_another_place_is_named() {
    let site = at(Site::duckdb(&[("models/sums.sql", SUMS)]), "01");
    site.execute("CREATE SCHEMA s; CREATE TABLE s.sums AS SELECT 1 AS id, 9 AS price");
    site.people("(1,'a',10,TIMESTAMP '2026-03-02')");
    sqlmesh(&site, &[("sums", "2026-03-01", "2026-03-02")]);
    let state = "database: warehouse.duckdb\n    state_connection: {type: duckdb, database: gone.duckdb}";
    edit(site.world(), &[("config.yaml", &CONFIG.replace("database: warehouse.duckdb", state))]);
    let refused = site.world().bot(&["promote", "--take-over"]);
    assert!(refused.stderr.contains("`s.sums`: nobody knows up to which interval"), "{}", refused.stderr);
}

#[test]
fn what_somebody_put_in_the_place_of_our_view_is_not_lost_without_a_word() {
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/dim.sql", &dim(PLAIN))]), "01");
        site.execute(VERSIONS);
        site.people("(1,'a',12,NULL)");
        site.done(&["promote", "--take-over"]);
        // Back to SQLMesh, which goes on; and over to us once more.
        site.execute("DROP VIEW s.dim; ALTER VIEW s.dim__before_offshoot RENAME TO dim");
        edit(site.world(), &[("notes.md", "on we go")]);
        let refused = site.world().bot(&["promote", "--take-over"]);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
        assert!(
            refused.stderr.contains("`s.dim` has rows, which go on by the first promote of a project alone"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_hole_in_what_is_laid_stops_it() {
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/sums.sql", SUMS)]), "01");
        site.execute("CREATE SCHEMA s; CREATE TABLE s.sums AS SELECT 1 AS id, 9 AS price");
        site.people("(1,'a',10,TIMESTAMP '2026-03-02')");
        sqlmesh(&site, &[("sums", "2026-03-01", "2026-03-31")]);
        let millis = |day: &str| offshoot::time::Timestamp::parse(day).expect("a day").0;
        let (start, end) = (millis("2026-03-10"), millis("2026-03-11"));
        site.execute(&format!(
            "INSERT INTO sqlmesh._intervals SELECT 900, name, version, {start}, {end}, false, true, false, NULL, 'i' FROM sqlmesh._intervals \
             WHERE created_ts = 0 AND version = '{VERSION}' AND NOT is_dev"
        ));
        let refused = site.world().bot(&["promote", "--take-over"]);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
        assert!(refused.stderr.contains("lacks an interval between others"), "{}", refused.stderr);
    }
}

#[test]
fn a_take_over_that_dies_anywhere_is_made_anew_by_the_next() {
    let site = at(
        Site::duckdb(&[
            ("models/log.sql", LOG),
            ("models/dim.sql", &dim(PLAIN)),
            ("models/daily.sql", &daily(", forward_only true")),
            ("models/snap.sql", SNAP),
            ("models/app.sql", APP),
        ]),
        "01",
    );
    site.execute(VERSIONS);
    days(&site);
    site.execute("CREATE TABLE s.log AS SELECT 7 AS id, CAST('x' AS VARCHAR) AS name, 70 AS price");
    site.people("(1,'a',13,NULL)");
    let command = ["promote", "--take-over", "--execution-time", "2026-04-01 12:00:00", "--jobs", "1"];
    let kills = at_each_moment(&site, &command, 8);
    assert!(kills > 8, "{kills} kills");
}
