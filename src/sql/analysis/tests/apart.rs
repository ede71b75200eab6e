//! Which columns of joins keep intervals apart; what is said of them is tried on DuckDB by the suite.

use super::*;

/// What decides how `ds` is loaded.
#[derive(Debug, PartialEq)]
enum Loaded {
    Together,
    /// By whole days.
    Daily,
    /// Its filter is about something else.
    Astray,
    OneByOne(&'static str),
}

use Loaded::{Astray, Daily, OneByOne, Together};

const JOIN: Loaded = OneByOne("a join that does not compare the times of both sides");
const CONDITION: Loaded = OneByOne("a join condition that mentions the interval");

#[track_caller]
fn loaded(expected: &Loaded, sql: &str) {
    let resolved = resolve(&sql.replace("IN_INTERVAL", "BETWEEN @start_ds AND @end_ds"));
    let ds = resolved.columns.iter().find(|column| column.name.text == "ds").expect("ds").traits;
    let found = match resolved.crossing {
        _ if ds.strays => Astray,
        Some(why) => {
            let known = [&JOIN, &CONDITION].into_iter().find_map(|known| match known {
                OneByOne(known) if *known == why => Some(*known),
                _ => None,
            });
            OneByOne(known.unwrap_or("another"))
        }
        None if ds.crosses => OneByOne("another"),
        None if ds.daily => Daily,
        None => Together,
    };
    assert_eq!(&found, expected, "{sql}");
}

#[test]
fn a_join_by_equal_times_keeps_intervals_apart() {
    let per_key = "WITH c AS (SELECT id, ds, sum(x) AS x FROM u WHERE ds IN_INTERVAL GROUP BY id, ds)";
    for (expected, rest) in [
        (&Together, "SELECT t.ds FROM t LEFT JOIN c ON t.id = c.id AND t.ds = c.ds WHERE t.ds IN_INTERVAL"),
        (&Together, "SELECT c.ds FROM t LEFT JOIN c ON t.id = c.id AND c.ds = t.ds WHERE t.ds IN_INTERVAL"),
        (
            &Together,
            "SELECT t.ds, sum(c.x) AS s FROM t JOIN c ON (t.ds = c.ds) WHERE t.ds IN_INTERVAL GROUP BY t.ds, t.g",
        ),
        (&Together, "SELECT ds FROM t FULL JOIN c USING (ds, id) WHERE ds IN_INTERVAL"),
        (&Together, "SELECT ds FROM c JOIN t USING (ds)"),
        (&Together, "SELECT c.ds FROM t, c WHERE t.ds = c.ds AND t.ds IN_INTERVAL AND c.ds IN_INTERVAL"),
        (&Together, "SELECT t.ds FROM t JOIN c ON t.ds = c.ds JOIN c AS d ON d.ds = c.ds"),
        (&Together, "SELECT t.ds FROM t JOIN j2 ON t.id = j2.k JOIN c ON t.ds = c.ds"),
        (&Together, "SELECT o.ds FROM nobody AS o LEFT JOIN c ON o.ds = c.ds WHERE o.ds IN_INTERVAL"),
        (&JOIN, "SELECT t.ds FROM t LEFT JOIN c ON t.id = c.id WHERE t.ds IN_INTERVAL"),
        (&JOIN, "SELECT t.ds FROM t LEFT JOIN c ON t.id = c.id OR t.ds = c.ds WHERE t.ds IN_INTERVAL"),
        (&JOIN, "SELECT t.ds FROM t LEFT JOIN c ON t.ds >= c.ds WHERE t.ds IN_INTERVAL"),
        (&JOIN, "SELECT t.ds FROM t LEFT JOIN c ON t.d1 = c.ds WHERE t.ds IN_INTERVAL"),
        (&JOIN, "SELECT t.ds FROM t LEFT JOIN c ON t.ds = c.x WHERE t.ds IN_INTERVAL"),
        (&JOIN, "SELECT t.ds FROM t LEFT JOIN c ON t.ds = c.ds CROSS JOIN c AS d WHERE t.ds IN_INTERVAL"),
        // What the condition compares is no longer the column.
        (&JOIN, "SELECT t.ds FROM t LEFT JOIN c ON t.ds = c.ds + 1 WHERE t.ds IN_INTERVAL"),
        // `t.ds = c.ds` removes no row of `t` here, and an equality of WHERE none that an outer join has let pass.
        (&JOIN, "SELECT t.ds FROM t LEFT JOIN c ON t.id = c.id JOIN j2 ON t.ds = c.ds WHERE t.ds IN_INTERVAL"),
        (&Astray, "SELECT t.d1 AS ds FROM t LEFT JOIN c ON t.ds = c.ds WHERE t.ds IN_INTERVAL"),
        (&JOIN, "SELECT t.ds FROM t JOIN c ON t.id = c.id"),
        (&JOIN, "SELECT o.ds FROM nobody AS o JOIN c ON o.id = c.id"),
        (
            &Together,
            "SELECT coalesce(t.ds, c.ds) AS ds FROM t FULL JOIN c ON t.ds = c.ds WHERE coalesce(t.ds, c.ds) IN_INTERVAL",
        ),
        (
            &Together,
            "SELECT coalesce(d.ds, c.ds) AS ds, max(c.x) AS m FROM c AS d FULL JOIN c ON d.ds = c.ds GROUP BY 1",
        ),
        (&JOIN, "SELECT coalesce(d.ds, c.ds) AS ds FROM c AS d FULL JOIN c ON d.id = c.id"),
        (&Astray, "SELECT coalesce(d.ds, DATE '2026-01-01') AS ds FROM c AS d FULL JOIN c ON d.ds = c.ds"),
    ] {
        loaded(expected, &format!("{per_key} {rest}"));
    }
    loaded(
        &Daily,
        "WITH c AS (SELECT ds::DATE AS ds FROM u WHERE ds IN_INTERVAL) SELECT t.ds FROM t JOIN c ON t.ds = c.ds",
    );
}

#[test]
fn two_classes_of_one_side_stay_two() {
    let both = "(SELECT ds, ds AS d1 FROM u WHERE ds IN_INTERVAL) AS c";
    // A row of `t` without a match may have `d1` of another day, on which `e` depends.
    let rest = "LEFT JOIN (SELECT ds FROM u WHERE ds IN_INTERVAL) AS e ON t.d1 = e.ds WHERE t.ds IN_INTERVAL";
    loaded(&JOIN, &format!("SELECT t.ds FROM t LEFT JOIN {both} ON t.ds = c.ds AND t.d1 = c.ds {rest}"));
    loaded(&JOIN, &format!("SELECT t.ds FROM t LEFT JOIN {both} ON t.ds = c.ds AND t.d1 = c.d1 {rest}"));
}

#[test]
fn a_condition_may_filter_what_it_compares_with_the_time() {
    let join = |condition: &str| format!("SELECT t.ds FROM t LEFT JOIN u ON {condition} WHERE t.ds IN_INTERVAL");
    loaded(&Together, &join("t.id = u.id AND t.ds = u.ds AND u.ds IN_INTERVAL"));
    loaded(&Together, &join("t.ds = u.ds AND t.ds IN_INTERVAL"));
    loaded(&CONDITION, &join("t.id = u.id AND u.ds IN_INTERVAL"));
    loaded(&CONDITION, &join("t.ds = u.ds AND u.x IN_INTERVAL"));
    loaded(&CONDITION, &join("t.ds = u.ds AND u.ds >= @start_ds AND u.ds < @end_ds"));
    loaded(&CONDITION, &join("t.ds = u.ds AND (u.ds IN_INTERVAL OR u.x = 1)"));
    loaded(&CONDITION, "SELECT t.ds FROM t ASOF JOIN u ON t.ds = u.ds AND t.x >= u.x AND u.ds IN_INTERVAL");
}

#[test]
fn what_is_made_of_the_time_of_a_filtered_query_is_another_time() {
    let c = "WITH c AS (SELECT ds, x FROM u WHERE ds IN_INTERVAL)";
    loaded(&Together, &format!("{c} SELECT ds FROM c"));
    loaded(&Daily, &format!("{c} SELECT ds::DATE AS ds FROM c"));
    // Loaded day by day all of its rows would be of the day after.
    loaded(&Astray, &format!("{c} SELECT ds + 1 AS ds FROM c"));
    loaded(&Astray, &format!("{c} SELECT date_trunc('month', ds) AS ds FROM c"));
    loaded(&Astray, &format!("{c}, d AS (SELECT ds + 1 AS ds FROM c) SELECT ds FROM d"));
    loaded(&Astray, &format!("{c} SELECT DATE '2026-01-01' AS ds FROM c"));
    loaded(&OneByOne("another"), &format!("{c} SELECT max(ds) AS ds FROM c"));
    loaded(&OneByOne("another"), &format!("{c} SELECT ds + 1 AS ds FROM c WHERE ds + 1 IN_INTERVAL"));
}

#[test]
fn joins_of_very_many_inputs_are_not_looked_through() {
    let many = |count: usize| {
        let joins: String = (0..count).map(|place| format!(" JOIN t AS t{place} ON t{place}.ds = c.ds")).collect();
        format!("SELECT c.ds FROM (SELECT ds FROM u WHERE ds IN_INTERVAL) AS c{joins}")
    };
    loaded(&Together, &many(60));
    loaded(&JOIN, &many(100));
}
