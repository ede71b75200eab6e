//! Audits of the project's own: what they may name, and those that belong to no model.

use super::*;

/// The project's own audits, beside an inline one.
const OWN: &str = "AUDIT (name at_most, defaults (most = 100));\nSELECT * FROM @this_model WHERE @column > @most;\n\n\
                   AUDIT (name known_days, blocking false);\n\
                   SELECT d.day FROM @this_model AS d LEFT JOIN raw.orders AS o ON o.day = d.day AND o.day <= @end_date \
                   WHERE o.day IS NULL;\n";

fn own(audits: &str) -> String {
    DAILY.replace("accepted_range(column := amount, max_v := 100)", audits)
}

#[test]
fn a_projects_own_audits_run_as_the_built_in_ones_do() {
    let world = audited();
    world.repository.branch("feature");
    let file = own("at_most(column := amount, most := 25), known_days, none_twice");
    let file =
        format!("{file};\nAUDIT (name none_twice);\nSELECT day FROM @this_model GROUP BY day HAVING count(*) > 1");
    edit(&world, &[("audits/own.sql", OWN), ("models/daily.sql", &file)]);
    let told = ["model `marts.daily`", "audit `at_most` finds 1 row; the table is production's"];
    refused(&world, &["apply"], &told);
    edit(&world, &[("models/daily.sql", &file.replace("most := 25", "most := 30"))]);
    let plan = world.done(&["plan", "--format", "json"]).json();
    assert_eq!((&plan["models"][0]["change"], &plan["summary"]["to_build"]), (&"metadata".into(), &0.into()), "{plan}");
    world.done(&["apply"]);
    // The text of an audit alone is a change that is planned and audited.
    edit(&world, &[("audits/own.sql", &OWN.replace("@column > @most", "@column >= @most"))]);
    refused(&world, &["apply"], &["audit `at_most` finds 1 row"]);
    let unknown = OWN.replace("LEFT JOIN raw.orders", "LEFT JOIN (SELECT * FROM raw.orders WHERE id > 1)");
    edit(&world, &[("audits/own.sql", &unknown)]);
    let applied = world.done(&["apply"]);
    let warning = "warning: audit `known_days` of `marts.daily` finds 1 row; the table is production's";
    assert!(applied.stderr.contains(warning), "{}", applied.stderr);
}

/// Times in arguments are those of the load, in audits of both sorts; a string that looks like one is none.
#[test]
fn times_in_arguments_are_those_of_the_load() {
    let world = orders();
    let late = "AUDIT (name late);\nSELECT * FROM @this_model WHERE day > @until OR '@end_date' = 'x';\n";
    let audits =
        own("late(until := @end_date), accepted_range(column := day, min_v := @start_date, max_v := @end_date), \
                      forall(criteria := (amount < (SELECT sum(amount) + 1 FROM @this_model AS t)))");
    edit(&world, &[("audits/own.sql", late), ("models/daily.sql", &audits)]);
    world.done(&["promote"]);
    edit(&world, &[("models/daily.sql", &audits.replace("until := @end_date", "until := @start_date"))]);
    refused(&world, &["promote"], &["audit `late` finds 3 rows; the table is production's"]);
}

/// An audit of a load sees the rows of the load, and other models as the same environment has them.
#[test]
fn an_own_audit_reads_the_tables_of_its_environment() {
    let world = audited();
    let days =
        |from: &str| format!("MODEL (name ref.days, kind FULL);\nSELECT day FROM raw.orders WHERE day >= '{from}'");
    let known = "AUDIT (name known);\nSELECT * FROM @this_model WHERE day NOT IN (SELECT day FROM ref.days) \
                 AND day BETWEEN @start_date AND @end_date;\n";
    let files =
        [("models/days.sql", &*days("2026-03-26")), ("audits/own.sql", known), ("models/daily.sql", &own("known"))];
    edit(&world, &files);
    world.done(&["promote"]);
    world.repository.branch("feature");
    // Both are made anew, and what the audit names is filled first though its model does not read it.
    let twice = own("known").replace("SELECT day, amount", "SELECT day, amount * 2 AS amount");
    edit(&world, &[("models/days.sql", &days("2026-03-27")), ("models/daily.sql", &twice)]);
    refused(&world, &["apply", "--env", "dev"], &["audit `known` finds 1 row; production's table has none"]);
    edit(&world, &[("models/days.sql", &days("2026-03-20"))]);
    world.done(&["apply", "--env", "dev"]);
    insta::assert_snapshot!(world.done(&["audit", "--env", "dev"]).stdout, @r"
    MODEL        AUDIT    ROWS  BLOCKING
    marts.daily  known()  0     yes

    dev: 1 audit, all is as it should be.
    ");
}

/// An audit that names a reader of its own model looks once that is filled, and before anything is shown.
#[test]
fn an_own_audit_may_name_a_reader_of_its_model() {
    let world = audited();
    world.repository.branch("feature");
    let sums = "AUDIT (name sums);\nSELECT 1 FROM (SELECT sum(amount) AS amount FROM @this_model) AS t \
                JOIN marts.total USING (amount) HAVING count(*) = 0;\n";
    edit(
        &world,
        &[
            ("audits/own.sql", sums),
            ("models/daily.sql", &own("sums").replace("SELECT day, amount", "SELECT day, amount + 1 AS amount")),
        ],
    );
    world.done(&["apply"]);
    let wrong = TOTAL.replace("SUM(amount)", "SUM(amount) + 1");
    edit(
        &world,
        &[
            ("models/total.sql", &wrong),
            ("models/daily.sql", &own("sums").replace("SELECT day, amount", "SELECT day, amount + 2 AS amount")),
        ],
    );
    refused(&world, &["apply"], &["model `marts.daily`", "so no view shows them", "audit `sums` finds 1 row"]);
}

/// In a run the tables are shown already, so such an audit comes late and says so.
#[test]
fn an_audit_of_a_run_that_names_a_reader_tells_that_the_rows_are_there() {
    let files = [
        ("models/daily.sql", &*own("small_total").replace("raw.orders", "erp.events")),
        ("models/total.sql", "MODEL (name marts.total, kind FULL);\nSELECT max(amount) AS amount FROM marts.daily"),
        ("audits/own.sql", "AUDIT (name small_total);\nSELECT * FROM marts.total WHERE amount > 100;\n"),
    ];
    let world = lab(&files);
    world.sql("CREATE SCHEMA erp");
    world.sql("CREATE TABLE erp.events AS SELECT DATE '2026-03-30' AS day, 1 AS amount");
    world.done(&["promote"]);
    world.sql("INSERT INTO erp.events VALUES (DATE '2026-04-01', 1000)");
    let run = ["run", "--execution-time", "2026-04-02 00:10"];
    refused(&world, &run, &["and they are in its table already", "audit `small_total` finds 1 row"]);
    assert_eq!(world.value("SELECT max(amount) FROM marts.daily"), "1000");
}

#[test]
fn standalone_audits_run_by_themselves() {
    let world = audited();
    let alone = "AUDIT (name alone, standalone true);\nSELECT * FROM marts.total WHERE amount > 10;\n\
                 AUDIT (name lost, standalone true);\nSELECT nothing FROM marts.total;\n\
                 AUDIT (name off, standalone true, skip true);\nSELECT 1;\n";
    edit(&world, &[("audits/alone.sql", alone)]);
    world.done(&["promote"]);
    let audited = world.bot(&["audit"]);
    let told = audited.stdout.lines().filter(|line| !line.contains("cannot run:")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(told, @r"
    MODEL        AUDIT                                           ROWS        BLOCKING
    marts.daily  accepted_range(column := amount, max_v := 100)  0           yes
    -            alone()                                         1           no
    -            lost()                                          cannot run  no
    -            off()                                           skipped     no

    prod: 4 audits, 1 failed, 1 found rows without blocking.
    ");
    assert_eq!(audited.exit, Exit::No, "one of them cannot run");
}

/// What an audit of the project's own comes to may hold what variables are.
#[test]
fn a_plan_tells_that_an_own_audit_changed_and_not_to_what() {
    let world = orders();
    let config = format!("{}variables:\n  word: hunter2\n", crate::lab::CONFIG);
    let audit =
        "AUDIT (name few);\nSELECT @this_model.day FROM @this_model WHERE CAST(@this_model.amount AS TEXT) = @word;\n";
    edit(&world, &[("config.yaml", &config), ("audits/own.sql", audit), ("models/daily.sql", &own("few"))]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("audits/own.sql", &audit.replace("= @word", "LIKE @word"))]);
    for format in ["terminal", "markdown", "json"] {
        let planned = world.done(&["plan", "--format", format]).stdout;
        assert!(!planned.contains("hunter2") && planned.contains("marts.daily"), "{planned}");
    }
    let planned = world.done(&["plan", "--format", "json"]).json();
    let reason = &planned["models"][0]["reasons"][0];
    assert_eq!(planned["models"][0]["change"], "metadata");
    let [old, new] = ["old", "new"].map(|side| reason[side].as_str().expect("a value").to_owned());
    assert!(old.starts_with("blocking: query ") && new.starts_with("blocking: query ") && old != new, "{reason}");
}

/// An audit of what is there already runs while no table is filled; a request to stop ends it.
#[test]
fn an_audit_beside_the_fills_is_stopped_as_asked() {
    let world = audited();
    let endless = "AUDIT (name endless);\nSELECT 1 FROM range(10000000000) AS t(n), @this_model AS m WHERE sin(n) > m.amount + 1;\n";
    edit(&world, &[("audits/own.sql", endless), ("models/daily.sql", &own("endless"))]);
    let mut run = bot(world.repository.path(), &["promote", "-vv", "--execution-time", "2026-04-01"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    let mut told = String::new();
    for line in BufReader::new(run.stderr.take().expect("its talk")).lines() {
        let line = line.expect("text");
        if line.contains("statement begins: \"SELECT count(*) FROM (\"") {
            let id = run.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &id]).status().expect("a signal").success());
        }
        told.push_str(&line);
        told.push('\n');
    }
    let ended = run.wait().expect("an end");
    assert!(ended.code().is_some_and(|code| code != 0) && told.contains("stopped as asked"), "{ended:?} {told}");
}

/// A run's load and its audits are one transaction: readers keep what they had.
#[test]
fn a_run_shows_no_rows_that_an_audit_forbids() {
    let daily = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day, lookback 1),\n\
                 audits (accepted_range(column := amount, max_v := 100), not_null(columns := (day, amount)), at_most(column := amount)));\n\
                 SELECT day, amount FROM erp.events WHERE day BETWEEN @start_date AND @end_date";
    let shared = OnPostgres::with(World::empty(), &[("models/daily.sql", daily), ("audits/own.sql", OWN)]);
    let client = shared.database.client();
    client.batch("CREATE SCHEMA erp").expect("a schema");
    let days = "generate_series(date '2026-03-26', date '2026-04-10', interval '1 day')";
    client
        .batch(&format!("CREATE TABLE erp.events AS SELECT day::date, 1 AS amount FROM {days} AS day"))
        .expect("a source");
    shared.world.done(&["promote"]);
    let before = shared.shown("");
    client
        .batch("UPDATE erp.events SET amount = CASE WHEN day = '2026-04-01' THEN 1000 ELSE 2 END")
        .expect("corrected");
    let run = ["run", "--execution-time", "2026-04-02 00:10"];
    let told = ["audit `accepted_range` finds 1 row; production's table has none"];
    refused(&shared.world, &run, &told);
    assert_eq!(shared.shown(""), before, "neither the bad day nor the others");
    client.batch("UPDATE erp.events SET amount = 3 WHERE amount = 1000").expect("corrected");
    shared.world.done(&run);
    let audited = shared.world.done(&["audit", "--format", "json"]).json();
    assert_eq!(audited["results"].as_array().map(Vec::len), Some(3), "{audited}");
    let loaded = "SELECT day, amount FROM marts.daily WHERE amount <> 1 ORDER BY 1";
    assert_eq!(rows(&client, loaded), ["2026-03-31|2", "2026-04-01|3"]);
    // Rows of other days are none of the load's, so they are not counted again.
    client.batch("UPDATE erp.events SET amount = 4 WHERE day = '2026-04-02'").expect("corrected");
    shared.world.done(&["run", "--execution-time", "2026-04-03 00:10"]);
}
