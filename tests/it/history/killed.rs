//! Promotes, runs and rollbacks of histories that die at a statement or at a write of the state: the same command again ends as
//! it would have.

use super::Site;
use crate::kill::{copied, run_and_kill_anywhere};
use crate::lab::{assert_same, edit, shown};

const SCD: &str = "MODEL (name s.scd, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns [name, price]), cron '@daily');\n\
                   SELECT id, name, price FROM raw.people";
const PARTS: &str = "MODEL (name s.parts, kind INCREMENTAL_BY_PARTITION, partitioned_by name, cron '@daily');\n\
                     SELECT id, name, price FROM raw.people";
const DAYS: &str = "MODEL (name s.days, kind INCREMENTAL_BY_TIME_RANGE (time_column day, forward_only true), start '2026-03-30',\
                    cron '@daily');\n\
                    SELECT CAST(updated_at AS DATE) AS day, price FROM raw.people WHERE updated_at BETWEEN @start_ts AND @end_ts";

const LOG: &str =
    "MODEL (name s.log, kind INCREMENTAL_UNMANAGED, cron '@daily');\nSELECT id, name, price FROM raw.people";
const KEYED: &str = "MODEL (name s.keyed, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id, forward_only true), cron '@daily');\n\
                     SELECT id, name, price FROM raw.people";

/// Production of the first of April, loaded once more on the second, whose source has changed since.
fn site() -> Site {
    let histories = [("models/scd.sql", SCD), ("models/parts.sql", PARTS), ("models/days.sql", DAYS)];
    loaded(Site::duckdb(&histories))
}

fn loaded(site: Site) -> Site {
    let site = site.at("2026-04-01 00:00:00");
    site.people("(1,'a',10,TIMESTAMP '2026-03-30'),(2,'b',20,TIMESTAMP '2026-03-31')");
    site.done(&["promote"]);
    site.people("(1,'a',11,TIMESTAMP '2026-04-01'),(3,'c',30,TIMESTAMP '2026-04-01')");
    site.at("2026-04-02 00:00:00")
}

/// Kills a command at each moment of every `step`; the same command then ends as if nobody had.
pub(super) fn at_each_moment(site: &Site, command: &[&str], step: usize) -> usize {
    let (_kept, finished) = copied(site.world());
    let lines = run_and_kill_anywhere(&finished, command, 0).lines;
    let expected = shown(&finished, "");
    let mut kills = 0;
    for at in (1..=lines).step_by(step) {
        let (_folder, root) = copied(site.world());
        kills += usize::from(run_and_kill_anywhere(&root, command, at).by_signal);
        // A rollback that is done says no to another one.
        if shown(&root, "") != expected {
            assert!(!run_and_kill_anywhere(&root, command, 0).by_signal);
        }
        assert_same(&shown(&root, ""), &expected, &format!("after a death at {at} of {lines} and the same command"));
    }
    kills
}

/// Kills the run of the second of April at moments spread over it; one of the same tick later in the day ends as if nobody had.
pub(super) fn at_each_moment_and_later(site: &Site) {
    let (_folder, root) = copied(site.world());
    let run = ["run", "--execution-time", "2026-04-02", "--jobs", "1"];
    let lines = run_and_kill_anywhere(&root, &run, 0).lines;
    let expected = shown(&root, "");
    for at in (1..=lines).step_by(3) {
        let (_folder, root) = copied(site.world());
        run_and_kill_anywhere(&root, &run, at);
        run_and_kill_anywhere(&root, &["run", "--execution-time", "2026-04-02 13:00:00", "--jobs", "1"], 0);
        assert_same(&shown(&root, ""), &expected, &format!("after a death at {at} of {lines} and a later run"));
    }
}

#[test]
fn a_run_that_dies_adds_no_version_twice_and_loses_none() {
    let kills = at_each_moment(&site(), &["run", "--execution-time", "2026-04-02", "--jobs", "1"], 3);
    assert!(kills > 15, "{kills} kills");
}

#[test]
fn rows_are_added_once_wherever_a_run_or_a_promote_dies() {
    let site = loaded(Site::duckdb(&[("models/log.sql", LOG), ("models/keyed.sql", KEYED)]));
    let kills = at_each_moment(&site, &["run", "--execution-time", "2026-04-02", "--jobs", "1"], 4);
    assert!(kills > 5, "{kills} kills");
    at_each_moment_and_later(&site);
    site.done(&["run"]);
    edit(
        site.world(),
        &[
            ("models/log.sql", &LOG.replace("price FROM", "price * 2 AS price, 1 AS more FROM")),
            ("models/keyed.sql", &KEYED.replace("price FROM", "price * 2 AS price, 1 AS more FROM")),
        ],
    );
    let kills = at_each_moment(&site, &["promote", "--execution-time", "2026-04-03", "--jobs", "1"], 9);
    assert!(kills > 5, "{kills} kills");
}

#[test]
fn a_promote_that_dies_carries_everything_over_all_the_same() {
    let site = site();
    site.done(&["run"]);
    edit(
        site.world(),
        &[
            ("models/scd.sql", &SCD.replace("id, name, price FROM", "id, name, price * 2 AS price, 1 AS more FROM")),
            ("models/parts.sql", &PARTS.replace("id, name, price FROM", "id, name, price * 2 AS price FROM")),
            ("models/days.sql", &DAYS.replace("price FROM", "price * 2 AS price FROM")),
        ],
    );
    let kills = at_each_moment(&site, &["promote", "--execution-time", "2026-04-03", "--jobs", "1"], 7);
    assert!(kills > 15, "{kills} kills");
    let site = site.at("2026-04-03 00:00:00");
    site.done(&["promote"]);
    let kills = at_each_moment(&site, &["rollback", "--to", "1", "--yes", "--execution-time", "2026-04-04"], 5);
    assert!(kills > 10, "{kills} kills");
}

#[test]
fn a_promote_that_dies_computes_again_what_was_to_be_all_the_same() {
    let days = DAYS.replace(", forward_only true", ", batch_size 1");
    let site = loaded(Site::duckdb(&[("models/days.sql", &days)]));
    site.people(
        "(1,'a',11,TIMESTAMP '2026-03-30'),(2,'b',21,TIMESTAMP '2026-03-31'),(3,'c',30,TIMESTAMP '2026-04-01')",
    );
    site.done(&["run"]);
    edit(site.world(), &[("models/days.sql", &days.replace("price FROM", "price * 2 AS price FROM"))]);
    let flags = ["--forward-only", "--effective-from", "2026-03-31"];
    let promote = [&["promote", "--execution-time", "2026-04-03", "--jobs", "1"][..], &flags].concat();
    let kills = at_each_moment(&site, &promote, 2);
    assert!(kills > 15, "{kills} kills");
    site.done(&promote);
    let rows = site.lines("SELECT day, price FROM s.days ORDER BY day");
    assert_eq!(rows, ["2026-03-30|10", "2026-03-31|42", "2026-04-01|60"]);
}
