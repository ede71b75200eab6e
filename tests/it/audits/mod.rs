//! Audits: rows that may not be are shown to nobody, whichever way they come.

mod own;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use offshoot::error::Exit;

use crate::lab::{ORDERS, SHOWN, TOTAL, bot, edit, lab, orders, shown};
use crate::on_postgres::{OnPostgres, rows};
use crate::world::World;

const DAILY: &str = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day),\n\
                     audits (accepted_range(column := amount, max_v := 100)));\n\
                     SELECT day, amount FROM raw.orders WHERE day BETWEEN @start_date AND @end_date";

/// The orders with an audit of their days, promoted.
fn audited() -> World {
    let world = orders();
    edit(&world, &[("models/daily.sql", DAILY)]);
    world.done(&["promote"]);
    world
}

fn refused(world: &World, arguments: &[&str], told: &[&str]) {
    let ran = world.bot(arguments);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    let missing: Vec<_> = told.iter().filter(|told| !ran.stderr.contains(**told)).collect();
    assert_eq!(missing, Vec::<&&str>::new(), "{}", ran.stderr);
}

#[test]
fn what_an_audit_forbids_is_shown_nowhere() {
    let world = audited();
    let prod = shown(world.repository.path(), "");
    world.repository.branch("feature");
    edit(&world, &[("seeds/orders.csv", &ORDERS.replace("1,10,", "1,1000,"))]);
    let told = [
        "model `marts.daily` (`models/daily.sql`) has rows that it may not have, so no view shows them",
        "audit `accepted_range` finds 1 row; production's table has none",
        "`blocking := false`",
    ];
    refused(&world, &["apply", "--env", "dev"], &told);
    assert!(shown(world.repository.path(), "__dev").is_empty(), "there is no environment");
    edit(&world, &[("seeds/orders.csv", &ORDERS.replace("1,10,", "1,99,"))]);
    world.done(&["apply", "--env", "dev"]);
    assert_eq!(shown(world.repository.path(), ""), prod);
    assert_ne!(shown(world.repository.path(), "__dev"), prod);
}

/// A table that is there already is audited when the audit is new to it.
#[test]
fn an_audit_that_is_new_looks_at_the_rows_that_are_there() {
    let world = audited();
    let prod = shown(world.repository.path(), "");
    world.repository.branch("feature");
    let stricter = DAILY.replace("max_v := 100", "max_v := 15");
    edit(&world, &[("models/daily.sql", &stricter)]);
    let told = [
        "model `marts.daily` (`models/daily.sql`) has rows that it may not have, and they are in its table already",
        "audit `accepted_range` finds 2 rows; the table is production's",
    ];
    refused(&world, &["apply", "--env", "dev"], &told);
    world.repository.checkout("main");
    world.repository.git(&["merge", "--quiet", "--no-ff", "-m", "merged", "feature"]);
    refused(&world, &["promote"], &["audit `accepted_range` finds 2 rows"]);
    assert_eq!(shown(world.repository.path(), ""), prod);
    let told = stricter.replace("max_v := 15", "max_v := 15, blocking := false");
    edit(&world, &[("models/daily.sql", &told)]);
    let ran = world.done(&["promote"]);
    assert!(ran.stderr.contains("warning: audit `accepted_range` of `marts.daily` finds 2 rows"), "{}", ran.stderr);
}

/// A table that is loaded in steps is one table, of which one thing is told.
#[test]
fn what_does_not_block_is_told_once_however_many_steps_a_load_has() {
    let world = orders();
    let stepwise = DAILY.replace("time_column day", "time_column day, batch_size 1");
    let stepwise = stepwise.replace("max_v := 100", "max_v := 15, blocking := false");
    let keyed = "MODEL (name marts.keyed, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id, batch_size 1),\n\
                 audits (accepted_range(column := id, max_v := 6, blocking := false)));\n\
                 SELECT 7 AS id WHERE @start_date IS NOT NULL";
    edit(&world, &[("models/daily.sql", &stepwise), ("models/keyed.sql", keyed)]);
    let warnings = |told: &str| {
        let lines = told.lines().filter(|line| line.starts_with("warning: audit"));
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let promoted = world.done(&["promote"]).stderr;
    let [daily, by_key] =
        ["marts.daily", "marts.keyed"].map(|name| format!("warning: audit `accepted_range` of `{name}` finds"));
    assert_eq!(warnings(&promoted), [format!("{daily} 2 rows"), format!("{by_key} 1 row")], "{promoted}");
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &stepwise.replace("day, amount FROM", "day, amount + 1 AS amount FROM"))]);
    let applied = world.done(&["apply", "--env", "dev"]).stderr;
    assert_eq!(warnings(&applied), [format!("{daily} 2 rows; production's table has 2 too")], "{applied}");
    let kept = world.done(&["audit", "--env", "dev", "--last", "--model", "marts.daily", "--format", "json"]).json();
    assert_eq!((&kept["results"][0]["rows"], &kept["results"][0]["production_rows"]), (&2.into(), &2.into()), "{kept}");
}

/// Days that were loaded before are looked at too, where others are loaded now.
#[test]
fn a_new_audit_looks_at_days_that_were_loaded_before() {
    let world = audited();
    world.repository.branch("feature");
    let with = |audit: &str| DAILY.replace("marts.daily", "marts.again").replace("max_v := 100", audit);
    edit(&world, &[("models/again.sql", &with("max_v := 30"))]);
    world.done(&["apply", "--env", "dev", "--max-days", "2"]);
    edit(&world, &[("models/again.sql", &with("max_v := 25"))]);
    refused(&world, &["apply", "--env", "dev"], &["model `marts.again`", "audit `accepted_range` finds 1 row"]);
    let planned = world.done(&["plan", "--env", "dev", "--format", "json"]).json();
    assert_eq!(
        planned["summary"]["to_build"], 0,
        "the older days are loaded, and none of them was in the way: {planned}"
    );
}

/// A branch without the audit built the table; who comes later with the audit does not trust that.
#[test]
fn a_table_that_was_filled_without_the_audit_is_audited() {
    let world = orders();
    world.done(&["promote"]);
    let more = ORDERS.replace("1,10,", "1,1000,");
    world.repository.branch("first");
    edit(&world, &[("seeds/orders.csv", &more)]);
    world.done(&["apply", "--env", "first"]);
    world.repository.checkout("main");
    edit(&world, &[("models/daily.sql", DAILY)]);
    world.done(&["promote"]);
    world.repository.branch("second");
    edit(&world, &[("seeds/orders.csv", &more)]);
    let planned = world.done(&["plan", "--format", "json"]).json();
    let daily = planned["models"].as_array().expect("a list").iter().find(|model| model["name"] == "marts.daily");
    let daily = daily.expect("it is touched");
    assert_eq!((&daily["change"], &daily["action"]), (&"indirect".into(), &"reuse".into()), "{planned}");
    refused(&world, &["apply", "--env", "second"], &["audit `accepted_range` finds 1 row"]);
}

/// What an author writes around an argument is no part of the query.
#[test]
fn comments_in_an_audit_do_no_harm() {
    let world = orders();
    let audit = "audits (not_null(columns := (day, -- the day\n amount /* and ; */), condition := amount > 0 -- )\n))";
    edit(
        &world,
        &[("models/daily.sql", &DAILY.replace("audits (accepted_range(column := amount, max_v := 100))", audit))],
    );
    world.done(&["promote"]);
}

/// A view has no rows of its own: it is audited as it will be, whatever of what it reads has changed.
#[test]
fn a_view_is_audited_before_it_is_shown() {
    let world = audited();
    let view = "MODEL (name marts.shown, kind VIEW, audits (accepted_range(column := twice, max_v := 125)));\n\
                SELECT amount * 2 AS twice FROM marts.total";
    edit(&world, &[("models/shown.sql", view)]);
    world.done(&["promote"]);
    let prod = shown(world.repository.path(), "");
    world.repository.branch("feature");
    edit(&world, &[("seeds/orders.csv", &ORDERS.replace("1,10,", "1,20,"))]);
    let told = ["model `marts.shown` (`models/shown.sql`) has rows that it may not have", "finds 1 row"];
    refused(&world, &["apply", "--env", "dev"], &told);
    assert!(shown(world.repository.path(), "__dev").is_empty(), "there is no environment");
    world.repository.checkout("main");
    world.repository.git(&["merge", "--quiet", "--no-ff", "-m", "merged", "feature"]);
    refused(&world, &["promote"], &told);
    assert_eq!(shown(world.repository.path(), ""), prod);
    edit(&world, &[("models/shown.sql", &view.replace("125", "140"))]);
    world.done(&["promote"]);
}

/// Tables that one transaction makes are audited in it, and each mistake stops its own readers only.
#[test]
fn tables_that_are_made_together_are_audited_together() {
    let world = audited();
    let full = |name: &str, audit: &str| {
        let header = format!("MODEL (name marts.{name}, kind FULL, audits ({audit}(columns := amount)));");
        (format!("models/{name}.sql"), format!("{header}\nSELECT amount FROM raw.orders UNION ALL SELECT NULL"))
    };
    let files = [full("one", "unique_values"), full("two", "not_null"), full("three", "not_null_non_blocking")];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    world.repository.branch("feature");
    edit(&world, &files);
    refused(&world, &["apply", "--env", "dev"], &["model `marts.two`", "audit `not_null` finds 1 row"]);
    world.repository.remove("models/two.sql");
    world.repository.commit("without the second");
    let applied = world.done(&["apply", "--env", "dev", "--format", "json"]);
    assert_eq!(applied.builds().len(), 0, "the others were made: {}", applied.stdout);
}

#[test]
fn what_cannot_be_audited_is_told_when_the_project_is_read() {
    let world = audited();
    world.repository.branch("feature");
    let audits = "audits (not_nul(columns := amount), not_null, kl_divergence(a := b))";
    edit(
        &world,
        &[
            ("models/total.sql", &TOTAL.replace("kind FULL", &format!("kind FULL, {audits}"))),
            (
                "models/shown.sql",
                "MODEL (name marts.shown, kind EMBEDDED, audits (not_null(columns := amount)));\nSELECT amount FROM marts.total",
            ),
        ],
    );
    insta::assert_snapshot!(problems(&world), @r"
    error unsupported-audit models/shown.sql:1: an EMBEDDED model has no audits: it is shown nowhere (audit a model that reads it)
    error invalid-audit models/total.sql:1: audit `not_null` needs `columns := …` (-)
    error unknown-audit models/total.sql:1: there is no audit `not_nul` (did you mean `not_null`?)
    warning unsupported-audit models/total.sql:1: audit `kl_divergence` does not run: SQLMesh's own fails whatever its columns are, so nobody can say what it should count (the model is built without it)
    ");
    refused(&world, &["apply"], &["there is no audit `not_nul`"]);
}

/// Severity, place, message and help of every problem of the checked-out project, one a line.
fn problems(world: &World) -> String {
    let plan = world.bot(&["plan", "--format", "json"]).json();
    let text = |problem: &serde_json::Value, key: &str| problem[key].as_str().unwrap_or("-").to_owned();
    let line = |problem: &serde_json::Value| {
        let [severity, code, path] = ["severity", "code", "path"].map(|key| text(problem, key));
        let (message, help) = (text(problem, "message"), text(problem, "help"));
        format!("{severity} {code} {path}:{}: {message} ({help})", problem["line"])
    };
    plan["problems"].as_array().expect("a list").iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Rows that were wrong before are told from rows that became wrong.
#[test]
fn a_failure_says_what_production_has_of_it() {
    let world = audited();
    world.repository.branch("feature");
    let looser =
        DAILY.replace("max_v := 100", "max_v := 15").replace("SELECT day, amount", "SELECT day, amount + 0 AS amount");
    edit(&world, &[("models/daily.sql", &looser)]);
    refused(&world, &["apply"], &["audit `accepted_range` finds 2 rows; production's table has 2 too"]);
    edit(&world, &[("models/daily.sql", &looser.replace("+ 0", "* 2"))]);
    refused(&world, &["apply"], &["audit `accepted_range` finds 3 rows; production's table has 2"]);
    // A view is held against the view, and a column that production has not is held against nothing.
    let view = "MODEL (name marts.shown, kind VIEW, audits (accepted_range(column := amount, max_v := 50)));\n\
                SELECT amount FROM marts.total";
    edit(&world, &[("models/daily.sql", DAILY), ("models/shown.sql", view)]);
    refused(&world, &["apply"], &["audit `accepted_range` finds 1 row; production's table has 1 too"]);
    let other = view.replace("column := amount", "column := other").replace("SELECT amount", "SELECT amount AS other");
    edit(&world, &[("models/shown.sql", &other)]);
    refused(&world, &["apply"], &["audit `accepted_range` finds 1 row\n"]);
    let told = DAILY.replace("max_v := 100", "max_v := 15, blocking := false");
    let told = told.replace("SELECT day, amount", "SELECT day, amount + 1 AS amount");
    edit(&world, &[("models/daily.sql", &told), ("models/shown.sql", SHOWN)]);
    let applied = world.done(&["apply"]);
    let warning = "warning: audit `accepted_range` of `marts.daily` finds 2 rows; production's table has 2 too";
    assert!(applied.stderr.contains(warning), "{}", applied.stderr);
}

/// What `bot audit` looks at, as it is, and what was found before.
#[test]
fn an_environments_tables_are_audited_as_they_are() {
    let world = audited();
    let shown = "MODEL (name marts.shown, kind VIEW, audits (not_constant_non_blocking(column := amount)));\n\
                 SELECT amount FROM marts.total";
    edit(&world, &[("models/shown.sql", shown)]);
    world.done(&["promote"]);
    insta::assert_snapshot!(world.done(&["audit"]).stdout, @r"
    MODEL        AUDIT                                           ROWS  BLOCKING
    marts.daily  accepted_range(column := amount, max_v := 100)  0     yes
    marts.shown  not_constant_non_blocking(column := amount)     1     no

    prod: 2 audits, 1 found rows without blocking.
    ");
    let audited = world.done(&["audit", "--format", "json", "--model", "marts.d*"]).json();
    let table = audited["results"][0]["table"].as_str().expect("a table").to_owned();
    world.sql(&format!("UPDATE {table} SET amount = 1000 WHERE day = '2026-03-27'"));
    let failed = world.bot(&["audit", "--execution-time", "2026-04-01 00:00:10"]);
    assert_eq!(failed.exit, Exit::No, "{}", failed.stdout);
    insta::assert_snapshot!(failed.stdout, @r"
    MODEL        AUDIT                                           ROWS  BLOCKING
    marts.daily  accepted_range(column := amount, max_v := 100)  1     yes
    marts.shown  not_constant_non_blocking(column := amount)     1     no

    prod: 2 audits, 1 failed, 1 found rows without blocking.
    ");
    world.done(&["audit", "--model", "marts.shown"]);
    world.done(&["audit", "--start", "2026-03-28"]);
    let range = ["audit", "--start", "2026-03-27", "--end", "2026-03-27", "--model", "marts.daily"];
    assert_eq!(world.bot(&range).exit, Exit::No);
    let kept = world.bot(&["audit", "--last", "--format", "json", "--model", "marts.daily"]);
    assert_eq!((kept.exit, kept.json()["results"][0]["rows"].as_u64()), (Exit::No, Some(1)), "{}", kept.stdout);
    insta::assert_snapshot!(world.bot(&["audit", "--last"]).stdout, @r"
    MODEL        AUDIT                                           ROWS  IN PRODUCTION  BLOCKING  WHEN                 BY
    marts.daily  accepted_range(column := amount, max_v := 100)  1     -              yes       2026-04-01 00:00:10  bot audit
    marts.shown  not_constant_non_blocking(column := amount)     1     -              no        2026-04-01 00:00:10  bot audit

    prod: 2 audits, 1 failed, 1 found rows without blocking.
    ");
    for (arguments, told) in [
        (&["audit", "--model", "marts.dayly"][..], "did you mean `marts.daily`?"),
        (&["audit", "--env", "nobody"], "there is no environment `nobody`"),
        (&["audit", "--start", "2026-03-28", "--end", "2026-03-27"], "nothing lies between"),
    ] {
        refused(&world, arguments, &[told]);
    }
}

/// What loads found is kept, too, a failure with what production has of it.
#[test]
fn what_loads_found_is_kept() {
    let world = audited();
    let kept = || {
        let found = world.bot(&["audit", "--last", "--format", "json"]).json();
        let list = found["results"].as_array().expect("a list").clone();
        list.iter().map(|result| (result["rows"].clone(), result["run"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(kept(), [(0.into(), "bot promote".into())]);
    world.repository.branch("feature");
    edit(&world, &[("seeds/orders.csv", &ORDERS.replace("1,10,", "1,1000,"))]);
    refused(&world, &["apply"], &["finds 1 row"]);
    let lines = world.done(&["state", "export"]).stdout;
    let results = lines.lines().filter(|line| line.contains("\"type\":\"audit\"") && line.contains("\"bot apply\""));
    let results: Vec<serde_json::Value> = results.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [failed] = results.as_slice() else { panic!("one result: {lines}") };
    assert_eq!((&failed["rows"], &failed["production"]), (&1.into(), &0.into()), "{failed}");
    assert_eq!(kept(), [(0.into(), "bot promote".into())], "of another table than production's");
}

/// Tables that are not the project's are looked at by `bot audit` alone.
#[test]
fn external_tables_are_audited_by_themselves() {
    let world = orders();
    let external = "- name: erp.stock\n  columns: {id: INT}\n  audits:\n  - name: not_null\n    columns: \"(id)\"\n  \
                    - {name: number_of_rows, threshold: 1, blocking: false}\n";
    edit(&world, &[("external_models.yaml", external)]);
    world.sql("CREATE SCHEMA erp");
    world.sql("CREATE TABLE erp.stock AS SELECT NULL::INT AS id");
    world.done(&["promote"]);
    let failed = world.bot(&["audit", "--model", "erp.*"]);
    assert_eq!(failed.exit, Exit::No);
    insta::assert_snapshot!(failed.stdout, @r"
    MODEL      AUDIT                                              ROWS  BLOCKING
    erp.stock  not_null(columns := (id))                          1     yes
    erp.stock  number_of_rows(blocking := false, threshold := 1)  1     no

    prod: 2 audits, 1 failed, 1 found rows without blocking.
    ");
    edit(&world, &[("external_models.yaml", &external.replace("not_null", "not_nul").replace("(id)", "[id]"))]);
    insta::assert_snapshot!(problems(&world), @"error unknown-audit external_models.yaml:1: there is no audit `not_nul` (did you mean `not_null`?)");
}
