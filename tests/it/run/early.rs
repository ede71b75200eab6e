//! Promotes between a tick and the run of that tick: what is loaded of one model must not keep another from what is due.
//! Rows as SQLMesh has them.

use offshoot::engine::Engine as _;

use super::*;
use crate::lab::edit;

const EVENTS: &str = "CREATE SCHEMA ext; CREATE TABLE ext.events AS SELECT i::INT AS id, TIMESTAMP '2026-02-20' + \
                      INTERVAL 1 MINUTE * (i * 190) AS ts, 'g' || (i % 3) AS grp, (i * 7 % 11)::INT AS val FROM range(200) AS t (i)";
const DAILY: &str = "MODEL (name s.a, kind INCREMENTAL_BY_TIME_RANGE (time_column ts), start '2026-02-25');\n\
                     SELECT id, ts, grp, val FROM ext.events WHERE ts BETWEEN @start_ts AND @end_ts";
const UNRELATED: &str = "MODEL (name s.n, kind FULL);\nSELECT 1 AS one";

/// Promoted on the 5th of March at noon.
fn promoted(models: &[(&str, &str)]) -> World {
    let world = lab(models).at("2026-03-05T12:10:00Z");
    world.engine().session().expect("a session").execute(EVENTS).expect("a table");
    world.done(&["promote"]);
    world
}

#[test]
fn a_promote_of_something_else_takes_no_tick_from_what_goes_on() {
    let snapshots = "MODEL (name s.u, kind INCREMENTAL_UNMANAGED);\nSELECT count(*)::INT AS n FROM s.a";
    let versions = "MODEL (name s.v, kind SCD_TYPE_2_BY_COLUMN (unique_key k, columns [n]));\n\
                    SELECT 'k' AS k, count(*)::INT AS n FROM s.a";
    let parts = "MODEL (name s.p, kind INCREMENTAL_BY_PARTITION, partitioned_by (k));\n\
                 SELECT 'k' AS k, count(*)::INT AS n FROM s.a";
    let models =
        [("models/a.sql", DAILY), ("models/u.sql", snapshots), ("models/v.sql", versions), ("models/p.sql", parts)];
    let world = promoted(&models);
    let shown = |world: &World| {
        let counts = |table: &str| world.value(&format!("SELECT string_agg(n::TEXT, ' ' ORDER BY n) FROM s.{table}"));
        ["u", "v", "p"].map(counts)
    };
    assert_eq!(shown(&world), ["61", "61", "61"]);
    let mut world = world.at("2026-03-06T00:10:00Z");
    edit(&world, &[("models/n.sql", UNRELATED)]);
    world.done(&["promote"]);
    assert_eq!(shown(&world), ["61", "61", "61"], "the day is not loaded yet");
    for now in ["2026-03-06T00:15:00Z", "2026-03-06T10:15:00Z"] {
        world = world.at(now);
        world.done(&["run"]);
        assert_eq!(shown(&world), ["61 69", "61 69", "69"], "{now}");
    }
    edit(&world, &[("models/n.sql", &UNRELATED.replace('1', "2"))]);
    world.done(&["promote"]);
    assert_eq!(shown(&world), ["61 69", "61 69", "69"]);
}

#[test]
fn what_a_promote_filled_before_the_fill_that_it_reads_is_filled_with_that() {
    let counted =
        "MODEL (name s.a, kind FULL);\nSELECT count(*)::INT AS n FROM ext.events WHERE ts < @execution_ts::TIMESTAMP";
    let of_it = "MODEL (name s.b, kind FULL);\nSELECT max(n) AS n FROM s.a";
    let world = promoted(&[("models/a.sql", counted), ("models/b.sql", of_it)]);
    let world = world.at("2026-03-06T00:10:00Z");
    edit(&world, &[("models/b.sql", &of_it.replace("max(n)", "max(n) + 1000"))]);
    world.done(&["promote"]);
    let of = |world: &World, table: &str| world.value(&format!("SELECT n FROM s.{table}"));
    let before: i64 = of(&world, "a").parse().expect("a number");
    assert_eq!(of(&world, "b"), (before + 1000).to_string());
    let world = world.at("2026-03-06T00:15:00Z");
    let ran = world.done(&["run"]).stdout;
    let now: i64 = of(&world, "a").parse().expect("a number");
    assert!(now > before, "{now}");
    assert_eq!(of(&world, "b"), (now + 1000).to_string(), "{ran}");
    let again = run(&world, "2026-03-06 00:20", &["--dry-run"]);
    assert_eq!(names(&again, "due"), Vec::<String>::new());
}

#[test]
fn a_tick_within_a_unit_of_an_input_does_not_wait_for_that_unit() {
    let weekly = "MODEL (name s.c, kind FULL, cron '0 5 * * 2');\nSELECT count(*)::INT AS n FROM s.a";
    let world = promoted(&[("models/a.sql", DAILY), ("models/c.sql", weekly)]).at("2026-03-10T14:35:00Z");
    world.done(&["run"]);
    edit(&world, &[("models/c.sql", &weekly.replace("count(*)", "count(*) + 1000"))]);
    world.done(&["promote"]);
    let counted = world.value("SELECT n FROM s.c");
    let world = world.at("2026-03-11T15:35:00Z");
    world.done(&["run"]);
    assert_eq!(world.value("SELECT n FROM s.c"), counted, "until the next Tuesday");
    let world = world.at("2026-03-17T05:35:00Z");
    world.done(&["run"]);
    assert_ne!(world.value("SELECT n FROM s.c"), counted);
}
