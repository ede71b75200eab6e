//! `bot apply`: what it builds, what it leaves alone, and what it refuses.

mod failed;
mod turns;

use offshoot::error::Exit;
use offshoot::state::{OpenMode, SqliteState, State as _};

use crate::lab::{assert_same, clean_build, edit, lab, shown};
use crate::world::{Ran, World};

const ORDERS: &str = "id,amount,day\n1,10,2026-03-26\n2,20,2026-03-27\n3,30,2026-03-31\n";
const RAW: &str =
    "MODEL (name raw.orders, kind SEED (path '../seeds/orders.csv'), columns (id INT, amount INT, day DATE))";
const STAGING: &str = "MODEL (name staging.orders, kind VIEW);\nSELECT id, amount, day FROM raw.orders";
const DAILY: &str = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 2));\n\
                     SELECT day, amount FROM staging.orders WHERE day BETWEEN @start_date AND @end_date";
const TOTAL: &str = "MODEL (name marts.total, kind FULL);\nSELECT SUM(amount) AS amount FROM marts.daily";
const OTHER: &str = "MODEL (name marts.other, kind FULL);\nSELECT COUNT(*) AS n FROM staging.orders";

/// Five models, promoted on the 1st of April.
fn shop() -> World {
    let world = lab(&[
        ("seeds/orders.csv", ORDERS),
        ("models/raw.sql", RAW),
        ("models/staging.sql", STAGING),
        ("models/daily.sql", DAILY),
        ("models/total.sql", TOTAL),
        ("models/other.sql", OTHER),
    ]);
    world.done(&["promote"]);
    world
}

fn builds(ran: &Ran) -> Vec<String> {
    let value = ran.json();
    let builds = value["builds"].as_array().expect("a list");
    builds.iter().map(|build| build["model"].as_str().expect("a name").to_owned()).collect()
}

fn apply(world: &World) -> Ran {
    world.done(&["apply", "--env", "dev", "--format", "json"])
}

/// Everything in prod's physical tables, and what the state knows of them.
fn shared(world: &World) -> String {
    let tables = world.sql(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE starts_with(schema_name, 'offshoot__') \
         AND schema_name <> 'offshoot__meta' ORDER BY ALL",
    );
    let state = SqliteState::open(&world.state(), &offshoot::ids::ProjectName::new(""), &OpenMode::ReadOnlyIfExists)
        .expect("a state");
    let prod = state.environment(&offshoot::ids::EnvironmentName::prod()).expect("readable").expect("prod");
    let keys: Vec<_> = prod
        .models
        .iter()
        .map(|(name, pointer)| offshoot::naming::TableKey {
            model: name.clone(),
            data_fingerprint: pointer.data_fingerprint,
        })
        .collect();
    let known = state.tables(&keys).expect("readable");
    let named: Vec<String> = known.values().map(|table| table.snapshot.table.to_string()).collect();
    let mut text = format!("{known:?}");
    for row in tables {
        let name = format!("{}.{}", row[0].as_deref().expect("a schema"), row[1].as_deref().expect("a name"));
        if named.contains(&name) {
            text.push_str(&format!("{name} {:?}\n", world.sql(&format!("SELECT * FROM {name} ORDER BY ALL"))));
        }
    }
    text
}

#[test]
fn a_branch_that_changes_nothing_still_gets_every_view_and_a_second_apply_does_nothing() {
    let world = shop();
    world.repository.branch("feature");
    let first = apply(&world);
    assert_eq!(builds(&first), [""; 0]);
    assert_eq!(first.json()["swapped"], 5);
    assert_same(&shown(world.repository.path(), "__dev"), &shown(world.repository.path(), ""), "beside prod");
    let again = world.done(&["apply", "--env", "dev"]);
    assert!(again.stdout.contains("nothing"), "{}", again.stdout);
    let again = apply(&world);
    assert_eq!((builds(&again), &again.json()["swapped"]), (Vec::new(), &0.into()));
}

#[test]
fn only_what_moved_is_built_and_pointed_elsewhere() {
    let world = shop();
    world.repository.branch("feature");
    apply(&world);
    edit(
        &world,
        &[(
            "models/total.sql",
            "MODEL (name marts.total, kind FULL);\nSELECT SUM(amount) + 1 AS amount FROM marts.daily",
        )],
    );
    let ran = apply(&world);
    assert_eq!((builds(&ran), &ran.json()["swapped"]), (vec!["marts.total".to_owned()], &1.into()));
    assert_eq!(world.value("SELECT amount FROM marts__dev.total"), "61");
    assert_eq!(world.value("SELECT amount FROM marts.total"), "60");
    assert_same(&shown(world.repository.path(), "__dev"), &clean_build(&world, "2026-04-01"), "like a clean build");
}

#[test]
fn tables_that_prod_shows_are_never_written_however_late_it_is() {
    let world = shop();
    let before = shared(&world);
    assert!(before.contains("marts.daily") || before.contains("daily"), "{before}");
    let world = world.at("2026-05-01");
    world.repository.branch("feature");
    edit(
        &world,
        &[(
            "models/daily.sql",
            "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 2));\n\
             SELECT day, amount * 2 AS amount FROM staging.orders WHERE day BETWEEN @start_date AND @end_date",
        )],
    );
    let ran = apply(&world);
    assert_eq!(builds(&ran), ["marts.daily", "marts.total"]);
    // From its start to where prod's table of that model ends, in batches of two days.
    assert_eq!(ran.json()["builds"][0]["intervals"], serde_json::json!([["2026-03-26", "2026-04-01"]]));
    assert_eq!(shared(&world), before);
    assert_eq!(world.value("SELECT amount FROM marts__dev.total"), "120");
}

#[test]
fn without_a_start_a_new_table_begins_where_prods_does() {
    let world = lab(&[
        ("config.yaml", &crate::lab::CONFIG.replace("  start: 2026-03-26\n", "")),
        ("seeds/orders.csv", ORDERS),
        ("models/raw.sql", RAW),
        ("models/staging.sql", STAGING),
        ("models/daily.sql", DAILY),
    ]);
    world.done(&["promote"]);
    let world = world.at("2026-04-20");
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &DAILY.replace("day, amount", "day, amount, id"))]);
    let ran = apply(&world);
    assert_eq!(ran.json()["builds"][0]["intervals"], serde_json::json!([["2026-03-31", "2026-04-01"]]));
    assert_eq!(world.sql("SELECT id FROM marts__dev.daily").len(), 1);
}

#[test]
fn a_query_that_reads_more_than_its_interval_is_loaded_one_interval_at_a_time() {
    let world = shop();
    world.repository.branch("feature");
    let running = "MODEL (name marts.running, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 30));\n\
                   SELECT CAST(@start_date AS DATE) AS day, SUM(amount) AS amount, COUNT(*) AS n FROM staging.orders \
                   WHERE day BETWEEN @start_date AND @end_date";
    edit(&world, &[("models/running.sql", running)]);
    apply(&world);
    assert_eq!(world.value("SELECT COUNT(*) FROM marts__dev.running"), "6");
    assert_eq!(world.value("SELECT MAX(n) FROM marts__dev.running"), "1");
}

#[test]
fn a_statement_before_each_batch_may_leave_a_temporary_table() {
    let world = shop();
    world.repository.branch("feature");
    let model = "MODEL (name marts.staged, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 1));\n\
                 CREATE TEMP TABLE staged AS SELECT day, amount FROM raw.orders WHERE day BETWEEN @start_date AND @end_date;\n\
                 SELECT * FROM staged;";
    edit(&world, &[("models/staged.sql", model)]);
    apply(&world);
    assert_eq!(world.value("SELECT COUNT(*) || ' ' || SUM(amount) FROM marts__dev.staged"), "3 60");
}

#[test]
fn a_key_that_comes_twice_is_named() {
    let world = shop();
    world.repository.branch("feature");
    let model = "MODEL (name marts.keyed, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key k));\n\
                 SELECT 7 AS k, id FROM staging.orders";
    edit(&world, &[("models/keyed.sql", model)]);
    let ran = world.bot(&["apply", "--env", "dev"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("comes 3 times in one load where k = \"7\""), "{}", ran.stderr);
}

#[test]
fn sixty_models_at_once_end_as_one_by_one() {
    let models: Vec<(String, String)> = (0..60)
        .map(|number| {
            let text = match number % 3 {
                0 => format!(
                    "MODEL (name s{}.m{number}, kind FULL);\nSELECT {number} AS n, amount FROM raw.orders",
                    number % 7
                ),
                1 => format!(
                    "MODEL (name s{}.m{number}, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 1));\n\
                     SELECT day, {number} AS n, amount FROM raw.orders WHERE day BETWEEN @start_date AND @end_date",
                    number % 7
                ),
                _ => format!(
                    "MODEL (name s{}.m{number}, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id));\n\
                     SELECT id, {number} AS n, amount FROM raw.orders",
                    number % 7
                ),
            };
            (format!("models/m{number}.sql"), text)
        })
        .collect();
    let mut files: Vec<(&str, &str)> = models.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.extend([("seeds/orders.csv", ORDERS), ("models/raw.sql", RAW)]);
    let shows = ["1", "8"].map(|jobs| {
        let world = lab(&files);
        let ran = world.done(&["promote", "--jobs", jobs, "--format", "json"]);
        assert_eq!(builds(&ran).len(), 61);
        shown(world.repository.path(), "")
    });
    assert_same(&shows[1], &shows[0], "with 8 jobs");
}

#[test]
fn a_table_of_somebody_else_under_a_physical_name_stays() {
    let changed = OTHER.replace("COUNT(*)", "COUNT(*) + 1");
    let tables = |world: &World| {
        world.sql("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'offshoot__marts' ORDER BY 1")
    };
    let (first, second) = (shop(), shop());
    let before = tables(&first);
    for world in [&first, &second] {
        edit(world, &[("models/other.sql", &changed)]);
    }
    apply(&first);
    let new = tables(&first).into_iter().find(|row| !before.contains(row)).expect("a table is new");
    let new = new[0].clone().expect("a name");
    second.sql(&format!("CREATE TABLE offshoot__marts.\"{new}\" AS SELECT 'mine' AS mine"));
    let refused = second.bot(&["apply", "--env", "dev"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
    assert!(refused.stderr.contains(&new) && refused.stderr.contains("did not make it"), "{}", refused.stderr);
    assert_eq!(second.value(&format!("SELECT mine FROM offshoot__marts.\"{new}\"")), "mine");
    // Once it is out of the way, the same command goes through, and through again.
    second.sql(&format!("DROP TABLE offshoot__marts.\"{new}\""));
    apply(&second);
    assert_eq!(tables(&second), tables(&first));
}

#[test]
fn a_build_tells_the_rows_of_its_table() {
    let world = shop();
    edit(&world, &[("models/other.sql", &OTHER.replace("COUNT(*) AS n", "id AS n"))]);
    let ran = apply(&world).json();
    let builds = ran["builds"].as_array().expect("a list");
    let rows: Vec<_> = builds.iter().map(|build| (&build["model"], &build["rows"])).collect();
    assert_eq!(rows, [(&"marts.other".into(), &3.into())]);
    // A statement after the query does not pass for what was written.
    let with_another = "MODEL (name marts.other, kind FULL);\nSELECT id + 1 AS n FROM staging.orders;\n\
                        DROP TABLE IF EXISTS not_there";
    edit(&world, &[("models/other.sql", with_another)]);
    assert_eq!(apply(&world).json()["builds"][0]["rows"], 3);
}

/// DuckDB names the columns that an alias's list leaves out after the view's own text, where two of them have one name.
#[test]
fn columns_of_a_view_that_come_twice_are_named_as_the_view_names_them() {
    let world = lab(&[
        ("models/t.sql", "MODEL (name s.t, kind FULL);\nSELECT 1 AS id, 2 AS x"),
        ("models/v.sql", "MODEL (name s.v, kind VIEW);\nSELECT id, x, 3 AS id, 4 AS id_1 FROM s.t"),
        ("models/r.sql", "MODEL (name s.r, kind FULL);\nSELECT b.id AS one, b.id_1 AS other FROM s.v AS b(first, x)"),
        ("models/w.sql", "MODEL (name s.w, kind VIEW);\nSELECT b.id AS one, b.id_1 AS other FROM s.v AS b(first, x)"),
    ]);
    world.done(&["promote"]);
    let expected = world.sql("SELECT b.id, b.id_1 FROM s.v AS b(first, x)");
    assert_eq!(expected, [[Some("3".to_owned()), Some("4".to_owned())]]);
    assert_eq!(world.sql("SELECT one, other FROM s.r"), expected);
    assert_eq!(world.sql("SELECT one, other FROM s.w"), expected);
}

/// Each text that stands in place may hold two others; what would grow without end is refused.
#[test]
fn texts_that_stand_in_place_are_counted() {
    let model = |number: u32| {
        let text = format!(
            "MODEL (name s.v{number}, kind VIEW);\nSELECT a.x, 1 AS x, b.y AS x FROM s.v{0} AS a(x), s.v{0} AS b(y)",
            number - 1
        );
        (format!("models/v{number}.sql"), text)
    };
    let first = ("models/v0.sql".to_owned(), "MODEL (name s.v0, kind VIEW);\nSELECT 1 AS id, 2 AS id".to_owned());
    let files: Vec<(String, String)> = std::iter::once(first).chain((1..40).map(model)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let refused = lab(&files).bot(&["promote"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
    assert!(refused.stderr.contains("reads through more than 100 views"), "{}", refused.stderr);
}

/// DuckDB shows a column that comes out of a PIVOT as the pivoted table spells it.
#[test]
fn columns_out_of_a_pivot_are_spelled_as_the_engine_spells_them() {
    let query = "SELECT p.id, p.one FROM (PIVOT (SELECT 'a' AS kind, 1 AS n, * FROM s.t) ON kind IN ('a', 'b') USING sum(n)) AS p";
    let world = lab(&[
        ("models/t.sql", "MODEL (name s.t, kind FULL);\nSELECT 1 AS ID, 2 AS One"),
        ("models/r.sql", &format!("MODEL (name s.r, kind FULL);\n{query}")),
        ("models/w.sql", &format!("MODEL (name s.w, kind VIEW);\n{query}")),
        ("models/after.sql", "MODEL (name s.after, kind FULL);\nSELECT id, one + 1 AS two FROM s.r"),
    ]);
    world.done(&["promote"]);
    let names = |table: &str| {
        let sql = format!(
            "SELECT column_name FROM duckdb_columns() WHERE schema_name = 's' AND table_name = '{table}' ORDER BY column_index"
        );
        world.sql(&sql).into_iter().map(|row| row[0].clone().expect("a name")).collect::<Vec<_>>()
    };
    assert_eq!(names("r"), ["ID", "One"]);
    assert_eq!(names("w"), ["ID", "One"]);
    assert_eq!(names("after"), ["ID", "two"]);
    assert_eq!(world.sql("SELECT id, two FROM s.after"), [[Some("1".to_owned()), Some("3".to_owned())]]);
}

/// DuckDB reads `/` as the session is set when it reads a text, and a view's text is read when the view is made.
#[test]
fn a_models_own_settings_do_not_reach_into_the_views_that_it_reads() {
    let reader = "SET integer_division = true;\nSELECT half, 7 / 2 AS own FROM s.halves";
    let world = lab(&[
        ("models/t.sql", "MODEL (name s.t, kind FULL);\nSELECT 1 AS x"),
        ("models/halves.sql", "MODEL (name s.halves, kind VIEW);\nSELECT x / 2 AS half FROM s.t"),
        ("models/deep.sql", "MODEL (name s.deep, kind EMBEDDED);\nSELECT half FROM s.halves"),
        ("models/r.sql", &format!("MODEL (name s.r, kind FULL);\n{reader}")),
        ("models/d.sql", &format!("MODEL (name s.d, kind FULL);\n{}", reader.replace("s.halves", "s.deep"))),
        (
            "models/i.sql",
            "MODEL (name s.i, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 1));\n\
             SET integer_division = true;\nSELECT half, 7 / 2 AS own, @start_date AS day FROM s.halves",
        ),
    ]);
    world.done(&["promote"]);
    let expected = [[Some("0.5".to_owned()), Some("3".to_owned())]];
    assert_eq!(world.sql("SELECT half, own FROM s.r"), expected);
    assert_eq!(world.sql("SELECT half, own FROM s.d"), expected);
    assert_eq!(world.sql("SELECT DISTINCT half, own FROM s.i"), expected);
    let shown = world.done(&["render", "s.r"]).stdout;
    assert!(shown.find("CREATE OR REPLACE TEMP VIEW") < shown.find("SET integer_division"), "{shown}");
}

/// DuckDB 1.5 gives a row over no rows where a query inside groups by ALL its outer columns, unless it joins a CTE with
/// itself there.
#[test]
fn a_query_inside_that_groups_by_all_shows_what_it_shows_over_views() {
    let places = "MODEL (name s.places, kind FULL);\nSELECT * FROM (VALUES (1, 2, 'ab', DATE '2024-01-01', 1.5), \
                  (2, 3, 'b', DATE '2024-01-02', 2), (3, 5, NULL, DATE '2024-01-03', NULL), \
                  (4, 10, 'ab', DATE '2024-01-04', 10.25), (5, 1, 'b', NULL, 0)) AS t(id, x, g, d, v)";
    let first = "MODEL (name s.first, kind VIEW);\nSELECT extract(day FROM d) AS h, {'p': 2, 'q': 'b'} AS id, c.x, \
                 (c.d - 1)::VARCHAR AS y FROM s.places AS c WHERE c.g IS NOT NULL OR 0 IN (1, 2) \
                 ORDER BY x, y DESC, h, id DESC LIMIT 4";
    let query = "SELECT g, side.day FROM s.places AS o, LATERAL (SELECT o.v AS w, o.g AS a, \
                 quantile_disc(TRY_CAST(b.y AS INTEGER), 0.5) AS day, min(DATE '2024-01-01' + 1) AS h \
                 FROM s.first AS m JOIN s.first AS b USING (id) WHERE (b.y IN ('a', 'b')) GROUP BY ALL \
                 ORDER BY h, w DESC, a, day DESC) AS side";
    let world = lab(&[
        ("models/places.sql", places),
        ("models/first.sql", first),
        ("models/shown.sql", &format!("MODEL (name s.shown, kind VIEW);\n{query}")),
        ("models/stored.sql", &format!("MODEL (name s.stored, kind FULL);\n{query}")),
    ]);
    world.done(&["promote"]);
    let count = |from: &str| world.value(&format!("SELECT count(*) FROM {from}"));
    let expected = count(&format!("({query})"));
    assert_eq!((count("s.shown"), count("s.stored")), (expected.clone(), expected));
}

#[test]
fn a_model_that_reads_itself_says_its_types_or_is_told_to() {
    let running = |columns: &str| {
        format!(
            "MODEL (name marts.running, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 1), start '2026-03-29'{columns});\n\
             SELECT @start_date AS day, COALESCE((SELECT max(n) FROM marts.running WHERE day < @start_date), 0) + 1 AS n"
        )
    };
    let world = lab(&[("models/running.sql", &running(""))]);
    let refused = world.bot(&["promote"]);
    assert_eq!(refused.exit, Exit::No, "{refused:?}");
    assert!(
        refused.stderr.contains("it reads its own table") && refused.stderr.contains("declare them all"),
        "{}",
        refused.stderr
    );
    world.repository.write("models/running.sql", running(", columns (day DATE, n INT)"));
    world.repository.commit("types");
    world.done(&["promote"]);
    let rows = world.done(&["query", "select n from marts.running order by day", "--format", "csv"]);
    assert_eq!(rows.stdout, "n\n1\n2\n3\n");
}

/// The order of `columns` is that of the table, and says nothing about the query's.
#[test]
fn a_model_that_reads_itself_is_loaded_by_the_names_of_its_columns() {
    let running = |select: &str| {
        format!(
            "MODEL (name marts.running, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 1), start '2026-03-29', \
             columns (n INT, day DATE, twice INT));\n{select}"
        )
    };
    let before = "COALESCE((SELECT max(n) FROM marts.running WHERE day < @start_date), 0)";
    let select = format!("SELECT 2 * ({before} + 1) AS twice, @start_date AS day, {before} + 1 AS n");
    let by_key = "MODEL (name marts.keyed, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id, batch_size 1), start '2026-03-29', \
                  columns (n INT, id INT));\nSELECT 7 AS id, COALESCE((SELECT max(n) FROM marts.keyed), 0) + 1 AS n WHERE @start_date IS NOT NULL";
    let world = lab(&[("models/running.sql", &running(&select)), ("models/keyed.sql", by_key)]);
    world.done(&["promote"]);
    let shown = |world: &World, query: &str| world.done(&["query", query, "--format", "csv"]).stdout;
    let all = "select * from marts.running order by day";
    assert_eq!(shown(&world, all), "n,day,twice\n1,2026-03-29,2\n2,2026-03-30,4\n3,2026-03-31,6\n");
    assert_eq!(shown(&world, "select * from marts.keyed"), "n,id\n3,7\n");
    let world = world.at("2026-04-02");
    world.done(&["run", "prod"]);
    assert!(shown(&world, all).ends_with("4,2026-04-01,8\n"), "{}", shown(&world, all));

    let other = select.replace("AS twice", "AS double");
    edit(&world, &[("models/running.sql", &running(&other))]);
    let refused = world.bot(&["promote"]);
    assert_eq!(refused.exit, Exit::No, "{refused:?}");
    let message = "the query gives the columns (double, day, n), but (n, day, twice) were expected from its text";
    assert!(refused.stderr.contains("marts.running") && refused.stderr.contains(message), "{}", refused.stderr);
}
