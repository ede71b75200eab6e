//! `before_all` and `after_all`: statements around all that a command does.

use offshoot::engine::Engine as _;
use offshoot::error::Exit;

use crate::lab::{CONFIG, each_statement, edit, lab};
use crate::on_postgres::{OnPostgres, rows};
use crate::world::World;

const BASE: &str = "MODEL (name s.base, kind FULL);\nSELECT f() AS id";
const TOP: &str = "MODEL (name s.top, kind VIEW);\nSELECT id + 10 AS id FROM s.base";
const DAILY: &str = "MODEL (name s.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-03-26');\n\
                     SELECT day::DATE AS day FROM range(@start_date, @end_date + 1, INTERVAL 1 DAY) AS t (day)";

/// A configuration in which a function is made before all, and what is shown then is written down after all.
fn config(config: &str, value: u32, after: &str) -> String {
    format!(
        "{config}before_all:\n  - CREATE OR REPLACE MACRO f() AS {value}\n  - INSERT INTO ops.log \
         VALUES (@this_env || ' ' || @runtime_stage, NULL)\nafter_all:\n  - {after}\n"
    )
}

const AFTER: &str = "INSERT INTO ops.log SELECT @this_env || ' ' || @runtime_stage, id FROM s.top";

fn execute(world: &World, sql: &str) {
    world.engine().session().expect("a session").execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn world(engine: &str) -> World {
    let world = lab(&[("config.yaml", &config(engine, 1, AFTER)), ("models/base.sql", BASE), ("models/top.sql", TOP)]);
    execute(&world, "CREATE SCHEMA ops; CREATE TABLE ops.log (what VARCHAR, top INTEGER)");
    world
}

/// What the log holds; it is emptied.
fn log(world: &World) -> Vec<String> {
    let rows = world.sql("SELECT concat_ws(' ', what, top) FROM ops.log ORDER BY rowid");
    execute(world, "DELETE FROM ops.log");
    rows.into_iter().map(|row| row[0].clone().expect("a line")).collect()
}

#[test]
fn they_run_around_whatever_changes_an_environment_and_only_then() {
    for engine in [CONFIG.to_owned(), each_statement()] {
        let world = world(&engine);
        let plan = world.done(&["plan"]).stdout;
        assert!(plan.contains("`before_all` changes, and runs before the first table is built"), "{plan}");
        world.done(&["promote"]);
        assert_eq!(log(&world), ["prod before_all", "prod after_all 11"]);
        assert_eq!(world.value("SELECT id FROM s.top"), "11");
        for nothing in [&["promote"][..], &["run"], &["plan"], &["promote", "--help"]] {
            world.bot(nothing);
            assert_eq!(log(&world), [""; 0], "{nothing:?}");
        }
        world.repository.branch("feature");
        edit(&world, &[("models/top.sql", "MODEL (name s.top, kind VIEW);\nSELECT id + 20 AS id FROM s.base")]);
        world.done(&["apply", "--env", "dev"]);
        assert_eq!(log(&world), ["dev before_all", "dev after_all 21"], "it reads the environment's view");
        world.done(&["apply", "--env", "dev"]);
        assert_eq!(log(&world), [""; 0], "nothing was to be done");
        world.repository.checkout("main");
        world.repository.merge("feature");
        world.done(&["promote"]);
        assert_eq!(log(&world), ["prod before_all", "prod after_all 21"]);
        world.done(&["rollback", "--to", "1"]);
        assert_eq!(log(&world), [""; 0]);
        world.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_run_runs_them_where_something_is_due() {
    let world = world(CONFIG).at("2026-03-28T06:00:00Z");
    edit(&world, &[("models/daily.sql", DAILY)]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/daily.sql", &DAILY.replace("day::DATE AS day", "day::DATE AS day, 1 AS one"))]);
    world.done(&["apply", "--env", "dev"]);
    log(&world);
    let world = world.at("2026-03-30T06:00:00Z");
    world.done(&["run", "--dry-run"]);
    assert_eq!(log(&world), [""; 0]);
    world.done(&["run"]);
    assert_eq!(log(&world), ["prod before_all", "prod after_all 11"]);
    world.done(&["run", "dev"]);
    assert_eq!(log(&world), ["dev before_all", "dev after_all 11"]);
    world.done(&["run", "dev"]);
    assert_eq!(log(&world), [""; 0]);
    // What production has goes on; the environment's own would take its place.
    world.repository.checkout("main");
    edit(&world, &[("config.yaml", &config(CONFIG, 2, AFTER))]);
    world.done(&["promote"]);
    log(&world);
    let world = world.at("2026-03-31T06:00:00Z");
    let refused = world.bot(&["run", "dev"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
    assert!(refused.stderr.contains("`before_all` is not what production was promoted with"), "{}", refused.stderr);
    assert_eq!((log(&world), world.value("SELECT f()")), (Vec::new(), "2".to_owned()));
}

#[test]
fn a_plan_begins_with_its_first_model_and_a_run_with_all_of_time() {
    let times = "INSERT INTO ops.log VALUES (@start_ds || ' ' || @end_ds || ' ' || @execution_ds, NULL)";
    let config = format!("{CONFIG}before_all:\n  - {times}\nafter_all:\n  - {times}\n");
    let daily = DAILY.replace("s.daily", "s.later").replace("2026-03-26", "2026-03-27");
    let models = [("models/daily.sql", DAILY), ("models/later.sql", &daily), ("config.yaml", &config)];
    let world = lab(&models).at("2026-03-28T06:00:00Z");
    execute(&world, "CREATE SCHEMA ops; CREATE TABLE ops.log (what VARCHAR, top INTEGER)");
    world.done(&["promote"]);
    assert_eq!(log(&world), ["2026-03-26 2026-03-28 2026-03-28"; 2], "the start of the first model");
    let world = world.at("2026-03-30T06:00:00Z");
    world.done(&["run"]);
    assert_eq!(log(&world), ["1970-01-01 2026-03-30 2026-03-30"; 2], "nothing says where a run starts");
}

#[test]
fn a_branch_neither_runs_nor_is_built_with_another_before_all_than_productions() {
    let world = world(CONFIG);
    world.done(&["promote"]);
    log(&world);
    world.repository.branch("feature");
    edit(&world, &[("config.yaml", &config(CONFIG, 2, AFTER))]);
    let plan = world.done(&["plan", "--env", "dev"]).stdout;
    assert!(
        plan.contains("`before_all` is not what production was promoted with: statement 1 (`CREATE OR REPLACE"),
        "{plan}"
    );
    let refused = world.bot(&["apply", "--env", "dev"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
    assert!(refused.stderr.contains("so nothing was built: statement 1 (`CREATE OR REPLACE MACRO f() AS 2`) is new"));
    assert!(refused.stderr.contains("merge the change of `config.yaml` by itself"), "{}", refused.stderr);
    assert_eq!((log(&world), world.value("SELECT f()")), (Vec::new(), "1".to_owned()));
    // Another value of what it reads is another statement.
    let read = |value| config(CONFIG, 1, AFTER).replace("AS 1", "AS @one") + &format!("variables: {{one: {value}}}\n");
    world.repository.checkout("main");
    edit(&world, &[("config.yaml", &read(1))]);
    world.done(&["promote"]);
    world.repository.branch("other");
    edit(&world, &[("config.yaml", &read(3))]);
    let refused = world.bot(&["apply", "--env", "dev"]);
    assert!(refused.stderr.contains("variable `one` has another value"), "{}", refused.stderr);
    assert_eq!(world.value("SELECT f()"), "1");
    world.repository.checkout("main");
    world.repository.merge("other");
    log(&world);
    world.done(&["promote"]);
    assert_eq!(log(&world), ["prod before_all", "prod after_all 13"]);
}

#[test]
fn a_branch_with_another_after_all_is_built_without_it() {
    let world = world(CONFIG);
    world.done(&["promote"]);
    log(&world);
    world.repository.branch("feature");
    let other = AFTER.replace("@runtime_stage", "'other'");
    edit(
        &world,
        &[
            ("config.yaml", &config(CONFIG, 1, &other)),
            ("models/top.sql", "MODEL (name s.top, kind VIEW);\nSELECT id + 20 AS id FROM s.base"),
        ],
    );
    let applied = world.done(&["apply", "--env", "dev"]);
    let told = applied.stdout + &applied.stderr;
    assert!(told.contains("`after_all` does not run for `dev`"), "{told}");
    assert_eq!(log(&world), ["dev before_all"]);
    world.repository.checkout("main");
    world.repository.merge("feature");
    world.done(&["promote"]);
    assert_eq!(log(&world), ["prod before_all", "prod other 21"]);
}

#[test]
fn a_statement_that_fails_is_named_and_runs_again() {
    let world = world(CONFIG);
    let broken = "INSERT INTO ops.nothing VALUES ('abc')";
    edit(&world, &[("config.yaml", &config(CONFIG, 1, AFTER).replace("CREATE OR REPLACE MACRO f() AS 1", broken))]);
    let refused = world.bot(&["promote"]);
    assert_eq!(refused.exit, Exit::No, "{}", refused.stderr);
    assert!(refused.stderr.contains("statement 1 of `before_all` (`config.yaml:"), "{}", refused.stderr);
    assert!(refused.stderr.contains("(in `INSERT INTO ops.nothing VALUES (…`)"), "{}", refused.stderr);
    assert_eq!(log(&world), [""; 0]);
    edit(&world, &[("config.yaml", &config(CONFIG, 1, "INSERT INTO ops.later SELECT id FROM s.top"))]);
    let refused = world.bot(&["promote"]);
    assert!(refused.stderr.contains("statement 1 of `after_all`"), "{}", refused.stderr);
    assert!(refused.stderr.contains("`bot promote --force` runs `after_all` again"), "{}", refused.stderr);
    assert_eq!(world.value("SELECT id FROM s.top"), "11", "the views have moved");
    // A branch's environment is not whole before they have run.
    world.repository.branch("feature");
    edit(&world, &[("models/top.sql", "MODEL (name s.top, kind VIEW);\nSELECT id + 20 AS id FROM s.base")]);
    assert_eq!(world.bot(&["apply", "--env", "dev"]).exit, Exit::No);
    execute(&world, "CREATE TABLE ops.later (id INTEGER)");
    world.done(&["apply", "--env", "dev"]);
    assert_eq!(world.value("SELECT string_agg(id) FROM ops.later"), "21");
    world.repository.checkout("main");
    world.done(&["promote", "--force"]);
    assert_eq!(world.value("SELECT string_agg(id ORDER BY id) FROM ops.later"), "11,21");
}

#[test]
fn a_grant_after_all_holds_for_the_views_of_every_environment() {
    let base = "MODEL (name s.base, kind FULL);\nSELECT 1 AS id";
    let on_postgres = OnPostgres::with(World::empty(), &[("models/base.sql", base)]);
    let OnPostgres { world, database } = &on_postgres;
    let role = format!("{}_reader", database.name);
    let admin = database.client();
    rows(&admin, &format!("CREATE ROLE {role}"));
    let grants = format!(
        "after_all:\n  - \"@EACH(@schemas, s -> GRANT USAGE ON SCHEMA @s TO {role})\"\n  \
         - \"@EACH(@views, v -> GRANT SELECT ON @v TO {role})\"\n"
    );
    let config = world.repository.read("config.yaml");
    edit(world, &[("config.yaml", &format!("{config}{grants}"))]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(world, &[("models/base.sql", "MODEL (name s.base, kind FULL);\nSELECT 'x' AS name, 2 AS id")]);
    world.done(&["apply", "--env", "dev"]);
    let may = |view: &str| rows(&admin, &format!("SELECT has_table_privilege('{role}', '{view}', 'SELECT')"));
    assert_eq!((may("s.base"), may("s__dev.base")), (vec!["t".to_owned()], vec!["t".to_owned()]));
    world.done(&["env", "drop", "dev"]);
    rows(&admin, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
