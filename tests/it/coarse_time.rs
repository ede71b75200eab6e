//! Time columns that are coarser than the intervals that their rows come of: a day of hours, a month of days. Loaded one by one,
//! each interval would lose rows, or take those of the one before.

use crate::lab::lab;
use crate::world::World;

const SEED: &str = "MODEL (name raw.o, kind SEED (path '../seeds/o.csv'), columns (id INT, ts TIMESTAMP));";
const ROWS: &str = "id,ts\n1,2026-03-02 08:00:00\n2,2026-03-31 10:30:00\n3,2026-03-31 11:30:00\n4,2026-04-01 00:30:00\n\
                    5,2026-04-01 01:30:00\n6,2026-04-02 09:00:00\n";

/// With so many days loaded again that all of the month is (SQLMesh gives the same).
#[test]
fn a_month_is_counted_from_all_days_that_are_due_together() {
    let months = "MODEL (name marts.months, kind INCREMENTAL_BY_TIME_RANGE (time_column m, lookback 31), cron '@daily', start '2026-03-01');\n\
                  SELECT date_trunc('month', ts)::DATE AS m, count(*)::INT AS n FROM raw.o \
                  WHERE ts >= date_trunc('month', @start_ds::DATE) AND ts <= @end_ts GROUP BY 1";
    let weeks = "MODEL (name marts.weeks, kind INCREMENTAL_BY_TIME_RANGE (time_column w), cron '@weekly', start '2026-03-02');\n\
                 SELECT date_trunc('week', ts)::DATE AS w, count(*)::INT AS n FROM raw.o \
                 WHERE ts BETWEEN @start_ts AND @end_ts GROUP BY 1";
    let mut world = lab(&[
        ("models/o.sql", SEED),
        ("seeds/o.csv", ROWS),
        ("models/months.sql", months),
        ("models/weeks.sql", weeks),
    ]);
    let planned = world.done(&["plan"]).stdout;
    assert!(planned.contains("loaded as much at once as is due, without rows of a time outside of that"), "{planned}");
    world.done(&["promote"]);
    let months = |world: &World| world.value("SELECT string_agg(m || ': ' || n, ', ' ORDER BY m) FROM marts.months");
    assert_eq!(months(&world), "2026-03-01: 3");
    assert_eq!(world.value("SELECT string_agg(w || ': ' || n, ', ' ORDER BY w) FROM marts.weeks"), "2026-03-02: 1");
    for (now, expected) in
        [("2026-04-02", "2026-03-01: 3, 2026-04-01: 2"), ("2026-04-03", "2026-03-01: 3, 2026-04-01: 3")]
    {
        world = world.at(now);
        world.done(&["run"]);
        assert_eq!(months(&world), expected, "{now}");
    }
}

/// SQLMesh takes the earlier hours away with each later one.
#[test]
fn a_day_of_hours_is_loaded_whole() {
    let days = "MODEL (name marts.days, kind INCREMENTAL_BY_TIME_RANGE (time_column d), cron '@hourly', start '2026-03-31');\n\
                SELECT ts::DATE AS d, id FROM raw.o WHERE ts BETWEEN @start_ts AND @end_ts";
    let mut world = lab(&[("models/o.sql", SEED), ("seeds/o.csv", ROWS), ("models/days.sql", days)]);
    let planned = world.done(&["plan"]).stdout;
    assert!(planned.contains("loaded by whole days"), "{planned}");
    world.done(&["promote"]);
    let shown = |world: &World| world.value("SELECT string_agg(id::TEXT, ' ' ORDER BY id) FROM marts.days");
    assert_eq!(shown(&world), "2 3");
    for (now, expected) in
        [("2026-04-01 01:00:00", "2 3 4"), ("2026-04-01 02:10:00", "2 3 4 5"), ("2026-04-02 12:00:00", "2 3 4 5 6")]
    {
        world = world.at(now);
        world.done(&["run"]);
        assert_eq!(shown(&world), expected, "{now}");
    }
}
