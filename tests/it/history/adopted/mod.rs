//! A team that comes from SQLMesh, or from scripts of its own: what no query gives again goes on from what stands under its name.

mod doubtful;

use std::time::Duration;

use offshoot::engine::Engine as _;
use offshoot::engine::duckdb::DuckDb;
use offshoot::error::Exit;

use super::{Site, shown};
use crate::lab::{CONFIG, edit};
use crate::postgres::{Database, rows};

const PLAIN: &str = "id, name, price";

fn dim(columns: &str) -> String {
    format!(
        "MODEL (name s.dim, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns [name, price]), cron '@daily');\n\
         SELECT {columns} FROM raw.people"
    )
}

fn daily(kind: &str) -> String {
    format!(
        "MODEL (name s.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day{kind}), start '2026-03-25', cron '@daily');\n\
         SELECT day, amount FROM raw.events WHERE day BETWEEN @start_date AND @end_date"
    )
}

const LOG: &str =
    "MODEL (name s.log, kind INCREMENTAL_UNMANAGED, cron '@daily');\nSELECT id, name, price FROM raw.people";
const PARTS: &str = "MODEL (name s.parts, kind INCREMENTAL_BY_PARTITION, partitioned_by name, cron '@daily');\n\
                     SELECT id, name, price FROM raw.people";
const KEYED: &str = "MODEL (name s.keyed, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id, forward_only true), cron '@daily');\n\
                     SELECT id, name, price FROM raw.people";
const TOTAL: &str = "MODEL (name s.total, kind FULL);\nSELECT count(*) AS rows FROM s.dim";

/// Three versions of a row as SQLMesh keeps them: a table in a schema of its own, and a view over it.
const VERSIONS: &str = "CREATE SCHEMA sqlmesh__s; CREATE SCHEMA s; \
    CREATE TABLE sqlmesh__s.s__dim__123 \
    (id INTEGER, name VARCHAR, price INTEGER, valid_from TIMESTAMP, valid_to TIMESTAMP); \
    INSERT INTO sqlmesh__s.s__dim__123 VALUES (1, 'a', 10, '1970-01-01', '2026-03-02'), \
    (1, 'a', 11, '2026-03-02', '2026-03-03'), (1, 'a', 12, '2026-03-03', NULL); \
    CREATE VIEW s.dim AS SELECT * FROM sqlmesh__s.s__dim__123";

const THREE: [&str; 3] = ["1|a|10|1970-01-01|2026-03-02", "1|a|11|2026-03-02|2026-03-03", "1|a|12|2026-03-03|NULL"];

fn at(site: Site, day: &str) -> Site {
    site.at(&format!("2026-04-{day} 12:00:00"))
}

/// SQLMesh's state, by which production shows these models and has loaded these days of them.
fn sqlmesh(site: &Site, loaded: &[(&str, &str, &str)]) {
    let catalog = site.lines("SELECT current_database()").remove(0);
    state_of(&catalog, loaded).iter().for_each(|sql| site.execute(sql));
    loaded.iter().for_each(|(model, ..)| behind_a_view(site, model));
}

/// A table of SQLMesh's in place of the one under a model's name, and a view over it.
fn behind_a_view(site: &Site, model: &str) {
    site.execute(&format!(
        "CREATE SCHEMA IF NOT EXISTS sqlmesh__s; CREATE TABLE sqlmesh__s.s__{model}__{VERSION} AS SELECT * FROM s.{model}; \
         DROP TABLE s.{model}; CREATE VIEW s.{model} AS SELECT * FROM sqlmesh__s.s__{model}__{VERSION}"
    ));
}

const VERSION: &str = "2437004170";

/// The statements that make it, of models in a catalog.
fn state_of(catalog: &str, loaded: &[(&str, &str, &str)]) -> Vec<String> {
    let mut statements = vec![
        "CREATE SCHEMA sqlmesh; CREATE TABLE sqlmesh._environments (name VARCHAR, snapshots VARCHAR, finalized_ts BIGINT); \
         CREATE TABLE sqlmesh._intervals (created_ts BIGINT, name VARCHAR, version VARCHAR, start_ts BIGINT, end_ts BIGINT, \
         is_dev BOOLEAN, is_removed BOOLEAN, is_pending_restatement BOOLEAN, dev_version VARCHAR, identifier VARCHAR)"
            .to_owned(),
    ];
    let name = |model: &str| format!("\"{catalog}\".\"s\".\"{model}\"");
    let snapshots: Vec<String> = loaded
        .iter()
        .map(|(model, ..)| format!("{{\"name\": {:?}, \"version\": \"{VERSION}\", \"kind_name\": \"X\"}}", name(model)))
        .collect();
    statements.push(format!("INSERT INTO sqlmesh._environments VALUES ('prod', '[{}]', 1)", snapshots.join(",")));
    let millis = |day: &str| offshoot::time::Timestamp::parse(day).expect("a day").0;
    for (index, (model, start, end)) in loaded.iter().enumerate() {
        let row = |at: usize, version: &str, start: i64, end: i64, dev: bool, removed: bool| {
            format!(
                "INSERT INTO sqlmesh._intervals VALUES ({at}, '{}', '{version}', {start}, {end}, {dev}, {removed}, false, NULL, 'i')",
                name(model)
            )
        };
        let (start, end) = (millis(start), millis(end));
        let day = 86_400_000;
        // What a preview has, or another version, is not what production has; and what was taken away is not there.
        statements.push(row(index, VERSION, end, end + 9 * day, true, false));
        statements.push(row(index, "1", end, end + 9 * day, false, false));
        statements.push(row(index, VERSION, start, end + day, false, false));
        statements.push(row(index + 100, VERSION, end, end + day, false, true));
    }
    statements
}

#[test]
fn versions_of_rows_go_on_from_those_that_were_there() {
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/dim.sql", &dim(PLAIN)), ("models/total.sql", TOTAL)]), "01");
        site.execute(VERSIONS);
        site.people("(1,'a',12,NULL)");
        let refused = site.world().bot(&["promote"]);
        assert_eq!(refused.exit, Exit::No);
        assert!(refused.stderr.contains("let `bot promote --take-over` rename it"), "{}", refused.stderr);
        let ran = site.done(&["promote", "--take-over"]);
        assert!(ran.stderr.contains("`s.dim` goes on with the rows that `s.dim` has"), "{}", ran.stderr);
        assert_eq!(site.history("s.dim", PLAIN), THREE);
        assert_eq!(site.lines("SELECT rows FROM s.total"), ["3"]);
        assert_eq!(site.history("s.dim__before_offshoot", PLAIN), THREE, "what was there is there");
        let site = at(site, "02");
        site.people("(1,'a',13,NULL)");
        site.done(&["run"]);
        let mut four = THREE.map(str::to_owned).to_vec();
        four[2] = "1|a|12|2026-03-03|2026-04-02".to_owned();
        four.push("1|a|13|2026-04-02|NULL".to_owned());
        assert_eq!(site.history("s.dim", PLAIN), four);
        // From then on it is production's own.
        edit(site.world(), &[("models/dim.sql", &dim("id, name, price, 'x' AS more"))]);
        let ran = site.done(&["promote", "--take-over"]);
        assert!(!ran.stderr.contains("goes on with"), "{}", ran.stderr);
        assert_eq!(site.history("s.dim", PLAIN), four);
    }
}

#[test]
fn a_column_that_would_be_lost_stops_it_and_nothing_has_changed() {
    for of in [Site::duckdb, Site::postgres] {
        let site =
            at(of(&[("models/dim.sql", &dim("id, price, 'b' AS name2").replace("name, price]", "price]"))]), "01");
        site.execute(VERSIONS);
        site.people("(1,'a',12,NULL)");
        let refused = site.world().bot(&["promote", "--take-over"]);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
        assert!(refused.stderr.contains("column `name` of the rows that are kept would be lost"), "{}", refused.stderr);
        assert_eq!(site.history("s.dim", PLAIN), THREE);
    }
}

#[test]
fn one_that_failed_midway_takes_them_once() {
    const WRONG: &str = "MODEL (name s.zz, kind VIEW);\nSELECT no_such_function(price) AS n FROM s.log";
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/log.sql", LOG), ("models/dim.sql", &dim(PLAIN)), ("models/zz.sql", WRONG)]), "01");
        site.execute(VERSIONS);
        site.execute("CREATE TABLE s.log AS SELECT 7 AS id, CAST('old' AS VARCHAR) AS name, 70 AS price");
        site.people("(1,'a',12,NULL)");
        for _ in 0..2 {
            let refused = site.world().bot(&["promote", "--take-over"]);
            assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
        }
        assert_eq!(site.history("s.dim", PLAIN), THREE);
        // What came meanwhile, from whoever writes it still.
        site.execute("INSERT INTO s.log VALUES (8, 'late', 80)");
        edit(site.world(), &[("models/zz.sql", &WRONG.replace("no_such_function", "abs"))]);
        site.done(&["promote", "--take-over"]);
        assert_eq!(site.history("s.dim", PLAIN), THREE);
        assert_eq!(site.lines("SELECT id, name FROM s.log ORDER BY id"), ["7|old", "8|late"]);
    }
}

#[test]
fn rows_that_are_added_replaced_or_merged_go_on_once() {
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/log.sql", LOG), ("models/parts.sql", PARTS), ("models/keyed.sql", KEYED)]), "01");
        for table in ["log", "parts", "keyed"] {
            site.execute(&format!(
                "CREATE SCHEMA IF NOT EXISTS s; CREATE TABLE s.{table} (id INTEGER, name VARCHAR, price INTEGER); \
                 INSERT INTO s.{table} VALUES (1, 'a', 10), (2, 'gone', 20)"
            ));
        }
        site.people("(1,'a',11,NULL)");
        site.done(&["promote", "--take-over"]);
        let rows = |site: &Site, table: &str| site.lines(&format!("SELECT {PLAIN} FROM s.{table} ORDER BY id, price"));
        assert_eq!(rows(&site, "log"), ["1|a|10", "2|gone|20"], "nothing is added before it is due");
        assert_eq!(rows(&site, "parts"), ["1|a|11", "2|gone|20"]);
        assert_eq!(rows(&site, "keyed"), ["1|a|11", "2|gone|20"]);
        let site = at(site, "02");
        site.done(&["run"]);
        assert_eq!(rows(&site, "log"), ["1|a|10", "1|a|11", "2|gone|20"]);
    }
}

/// Days of which the source has the last ones alone.
fn days(site: &Site) {
    site.execute(
        "CREATE TABLE raw.events (day DATE, amount INTEGER); \
         INSERT INTO raw.events VALUES ('2026-03-29', 40), ('2026-03-30', 50), ('2026-03-31', 60); \
         CREATE SCHEMA IF NOT EXISTS s; CREATE TABLE s.daily (day DATE, amount INTEGER); \
         INSERT INTO s.daily VALUES ('2026-03-26', 1), ('2026-03-28', 3), ('2026-03-29', 4)",
    );
}

#[test]
fn days_that_are_loaded_stay_and_what_comes_after_is_loaded() {
    let expected = ["2026-03-26|1", "2026-03-28|3", "2026-03-29|4", "2026-03-30|50", "2026-03-31|60"];
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/daily.sql", &daily(", forward_only true"))]), "01");
        days(&site);
        site.done(&["promote", "--take-over"]);
        assert_eq!(shown(&site, "s.daily", "amount"), expected);
        site.execute("INSERT INTO raw.events VALUES ('2026-04-01', 70)");
        let site = at(site, "02");
        site.done(&["run"]);
        assert_eq!(shown(&site, "s.daily", "amount")[5..], ["2026-04-01|70"]);
    }
}

#[test]
fn what_sqlmesh_says_is_loaded_is_loaded_and_nothing_else() {
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/daily.sql", &daily(", forward_only true"))]), "01");
        days(&site);
        // The thirtieth had no rows then, which has come late.
        sqlmesh(&site, &[("daily", "2026-03-25", "2026-03-31")]);
        site.done(&["promote", "--take-over"]);
        let expected = ["2026-03-26|1", "2026-03-28|3", "2026-03-29|4", "2026-03-31|60"];
        assert_eq!(shown(&site, "s.daily", "amount"), expected);
    }
    // Rows of a day that it does not know are in no range.
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/daily.sql", &daily(", forward_only true"))]), "01");
        days(&site);
        sqlmesh(&site, &[("daily", "2026-03-25", "2026-03-29")]);
        let refused = site.world().bot(&["promote", "--take-over"]);
        assert!(refused.stderr.contains("`s.daily` has 3 rows, of which 2 are in the ranges"), "{}", refused.stderr);
        assert_eq!(shown(&site, "s.daily", "amount").len(), 3);
    }
}

#[test]
fn sqlmesh_s_state_may_stand_elsewhere() {
    let site = at(Site::duckdb(&[("models/daily.sql", &daily(", forward_only true"))]), "01");
    days(&site);
    let state = "database: warehouse.duckdb\n    state_connection: {type: duckdb, database: sqlmesh.duckdb}";
    edit(site.world(), &[("config.yaml", &CONFIG.replace("database: warehouse.duckdb", state))]);
    let file = site.world().repository.path().join("sqlmesh.duckdb");
    let apart = DuckDb::file(file, Duration::ZERO);
    let mut session = apart.session().expect("a session");
    for sql in state_of("warehouse", &[("daily", "2026-03-25", "2026-03-31")]) {
        let sql = sql.replace(" sqlmesh", " sqlmesh.sqlmesh");
        session.execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    drop((session, apart));
    behind_a_view(&site, "daily");
    site.done(&["promote", "--take-over"]);
    let expected = ["2026-03-26|1", "2026-03-28|3", "2026-03-29|4", "2026-03-31|60"];
    assert_eq!(shown(&site, "s.daily", "amount"), expected);
}

#[test]
fn sqlmesh_s_state_may_stand_in_another_postgresql() {
    let site = at(Site::postgres(&[("models/daily.sql", &daily(", forward_only true"))]), "01");
    days(&site);
    let apart = Database::new();
    let catalog = site.lines("SELECT current_database()").remove(0);
    for sql in state_of(&catalog, &[("daily", "2026-03-25", "2026-03-31")]) {
        rows(&apart.client(), &sql);
    }
    behind_a_view(&site, "daily");
    let path = site.world().repository.path().join("config.yaml");
    let config = std::fs::read_to_string(path).expect("a configuration");
    let connection = config.lines().skip(2).take_while(|line| line.starts_with("    ")).collect::<Vec<_>>().join("\n");
    let other = connection.replace("connection:", "state_connection:").replace(&catalog, &apart.name);
    edit(site.world(), &[("config.yaml", &config.replace(&connection, &format!("{connection}\n{other}")))]);
    let ran = site.done(&["promote", "--take-over"]);
    assert!(ran.stderr.contains("to before 2026-03-31 by SQLMesh's state"), "{}", ran.stderr);
    let expected = ["2026-03-26|1", "2026-03-28|3", "2026-03-29|4", "2026-03-31|60"];
    assert_eq!(shown(&site, "s.daily", "amount"), expected);
}

#[test]
fn a_state_that_is_none_of_sqlmesh_s_stops_it() {
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/daily.sql", &daily(", forward_only true"))]), "01");
        days(&site);
        sqlmesh(&site, &[("daily", "2026-03-25", "2026-03-31")]);
        for (wrong, told) in [
            // Written before the views move.
            ("UPDATE sqlmesh._environments SET finalized_ts = NULL", "its production is not finished"),
            ("UPDATE sqlmesh._environments SET snapshots = '[{\"name\": 1}]', finalized_ts = 1", "`_environments`: "),
            ("ALTER TABLE sqlmesh._intervals DROP COLUMN is_pending_restatement", "no column `is_pending_restatement`"),
        ] {
            site.execute(wrong);
            let refused = site.world().bot(&["promote", "--take-over"]);
            assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
            assert!(refused.stderr.contains("SQLMesh's state is none that can be read"), "{}", refused.stderr);
            assert!(refused.stderr.contains(told), "{}", refused.stderr);
        }
        assert_eq!(shown(&site, "s.daily", "amount").len(), 3);
    }
}

#[test]
fn the_day_that_is_not_over_is_loaded_with_all_of_it() {
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/daily.sql", &daily(", forward_only true"))]), "01");
        days(&site);
        site.execute("INSERT INTO s.daily VALUES ('2026-04-01', 7)");
        site.done(&["promote", "--take-over"]);
        assert_eq!(shown(&site, "s.daily", "amount").last().expect("a row"), "2026-04-01|7");
        site.execute("INSERT INTO raw.events VALUES ('2026-04-01', 70)");
        let site = at(site, "02");
        site.done(&["run"]);
        assert_eq!(shown(&site, "s.daily", "amount").last().expect("a row"), "2026-04-01|70");
    }
}

#[test]
fn by_forward_only_models_that_would_be_computed_again_go_on() {
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/daily.sql", &daily(""))]), "01");
        days(&site);
        let ran = site.done(&["promote", "--take-over", "--forward-only"]);
        assert!(ran.stderr.contains("`s.daily` goes on with the rows that `s.daily` has"), "{}", ran.stderr);
        let expected = ["2026-03-26|1", "2026-03-28|3", "2026-03-29|4", "2026-03-30|50", "2026-03-31|60"];
        assert_eq!(shown(&site, "s.daily", "amount"), expected);
        site.execute("INSERT INTO raw.events VALUES ('2026-04-01', 70)");
        let site = at(site, "02");
        site.done(&["run"]);
        edit(site.world(), &[("notes.md", "on we go")]);
        site.done(&["promote"]);
        let after: Vec<&str> = expected.into_iter().chain(["2026-04-01|70"]).collect();
        assert_eq!(shown(&site, "s.daily", "amount"), after, "it stays decided");
    }
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/daily.sql", &daily(""))]), "01");
        days(&site);
        let ran = site.done(&["promote", "--take-over"]);
        assert!(ran.stderr.contains("warning[rows-not-adopted]"), "{}", ran.stderr);
        assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-29|40", "2026-03-30|50", "2026-03-31|60"]);
        assert_eq!(shown(&site, "s.daily__before_offshoot", "amount").len(), 3);
    }
}

/// A history of intervals, whose query names them.
const OF_DAYS: &str = "MODEL (name s.dim, kind SCD_TYPE_2_BY_TIME (unique_key id, updated_at_as_valid_from true, \
    invalidate_hard_deletes true), start '2026-03-01', cron '@daily');\n\
    SELECT id, name, price, updated_at FROM raw.people WHERE updated_at BETWEEN @start_ts AND @end_ts";
const SUMS: &str = "MODEL (name s.sums, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id, forward_only true, \
    when_matched (WHEN MATCHED THEN UPDATE SET target.price = source.price + target.price)), start '2026-03-01', cron '@daily');\n\
    SELECT id, sum(price) AS price FROM raw.people WHERE updated_at BETWEEN @start_ts AND @end_ts GROUP BY id";

#[test]
fn intervals_are_laid_from_where_sqlmesh_was() {
    let dated = "CREATE SCHEMA s; CREATE TABLE s.dim (id INTEGER, name VARCHAR, price INTEGER, updated_at TIMESTAMP, \
        valid_from TIMESTAMP, valid_to TIMESTAMP); \
        INSERT INTO s.dim VALUES (1, 'a', 10, '2026-03-02', '2026-03-02', NULL); \
        CREATE TABLE s.sums AS SELECT 1 AS id, CAST(10 AS HUGEINT) AS price";
    for of in [Site::duckdb, Site::postgres] {
        let site = at(of(&[("models/dim.sql", OF_DAYS), ("models/sums.sql", SUMS)]), "01");
        site.execute(&match &site {
            Site::DuckDb(_) => dated.to_owned(),
            Site::Postgres(_) => dated.replace("HUGEINT", "BIGINT"),
        });
        site.people("(1,'a',10,TIMESTAMP '2026-03-02'),(1,'a',11,TIMESTAMP '2026-03-31')");
        let refused = site.world().bot(&["promote", "--take-over"]);
        assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
        for model in ["dim", "sums"] {
            let told = format!("`s.{model}`: nobody knows up to which interval `s.{model}` is loaded");
            assert!(refused.stderr.contains(&told), "{}", refused.stderr);
        }
        sqlmesh(&site, &[("dim", "2026-03-01", "2026-03-31"), ("sums", "2026-03-01", "2026-03-31")]);
        site.done(&["promote", "--take-over"]);
        let expected = ["1|10|2026-03-02|2026-03-31", "1|11|2026-03-31|NULL"];
        assert_eq!(site.history("s.dim", "id, price"), expected);
        assert_eq!(site.lines("SELECT id, price FROM s.sums"), ["1|21"], "the second of March is not counted again");
    }
}
