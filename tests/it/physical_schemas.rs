//! `physical_schema_mapping`: tables stand where the configuration says when they are made, and stay there, whatever it says
//! later; what others have in such a schema stays theirs.

use offshoot::error::Exit;
use serde_json::json;

use crate::lab::{CONFIG, TOTAL, edit, orders};
use crate::on_postgres::together::{clone, end, start};
use crate::on_postgres::{FILES, OnPostgres, rows};
use crate::world::World;

fn mapping(lines: &str) -> String {
    format!("{CONFIG}physical_schema_mapping: {{{lines}}}\n")
}

/// The orders, with a mapping; nothing is promoted.
fn world(lines: &str) -> World {
    let world = orders();
    edit(&world, &[("config.yaml", &mapping(lines))]);
    world
}

/// Schema and model of each table that is recorded as ours, all of which are there.
fn tables(world: &World) -> Vec<String> {
    let sql = "SELECT o.schema_name || ' ' || model, count(*) OVER () FROM offshoot__meta.objects AS o JOIN duckdb_tables() AS t \
               ON lower(t.schema_name) = o.schema_name AND t.table_name = o.object_name WHERE kind = 'table' ORDER BY 1";
    let rows = world.sql(sql);
    let recorded = world.value("SELECT count(*) FROM offshoot__meta.objects WHERE kind = 'table'");
    assert!(rows.iter().all(|row| row[1].as_ref() == Some(&recorded)), "all are there: {rows:?}");
    rows.into_iter().map(|row| row[0].clone().expect("a name")).collect()
}

fn doubled() -> String {
    TOTAL.replace("SUM(amount)", "SUM(amount) * 2")
}

#[test]
fn new_tables_stand_where_they_are_mapped_and_nothing_else_does() {
    let world = world("'^mar': Tables, raw: other, '.*': never");
    world.sql("CREATE SCHEMA \"Tables\"");
    world.sql("CREATE TABLE \"Tables\".mine AS SELECT 7 AS id");
    world.done(&["promote"]);
    assert_eq!(tables(&world), ["other raw.orders", "tables marts.daily", "tables marts.total"]);
    world.repository.branch("feature");
    edit(&world, &[("models/total.sql", &doubled())]);
    world.done(&["apply", "--env", "dev"]);
    world.done(&["run", "dev"]);
    assert_eq!((world.value("FROM marts.shown"), world.value("FROM marts__dev.shown")), ("60".into(), "120".into()));
    world.done(&["doctor"]);
    world.done(&["doctor", "--deep"]);
    world.done(&["env", "drop", "dev"]);
    // Since when nothing needs the branch's table is known from the first look on.
    world.done(&["gc"]);
    let world = world.at("2027-06-01");
    let collected = world.done(&["gc", "--format", "json"]).json();
    assert_eq!(collected["dropped"][0]["model"], "marts.total", "{collected}");
    assert_eq!(collected["kept"], json!([]), "whose the others in the schema are is not ours to tell: {collected}");
    assert_eq!(world.value("FROM \"Tables\".mine"), "7");
    assert_eq!(tables(&world), ["other raw.orders", "tables marts.daily", "tables marts.total"]);
    let schemas = world.sql("SELECT schema_name FROM duckdb_schemas() WHERE NOT internal ORDER BY 1");
    let schemas: Vec<_> = schemas.into_iter().map(|row| row[0].clone().expect("a name")).collect();
    assert_eq!(schemas, ["Tables", "marts", "offshoot__meta", "other", "raw"]);
    edit(&world, &[("README.md", "on main")]);
    world.done(&["run"]);
}

/// What was there before the mapping, under it and after it is one history.
#[test]
fn tables_that_are_there_stay_where_they_are_when_the_mapping_changes() {
    let world = orders();
    world.done(&["promote"]);
    let before = ["offshoot__marts marts.daily", "offshoot__marts marts.total", "offshoot__raw raw.orders"];
    assert_eq!(tables(&world), before);
    let nothing_is_built = |config: &str| {
        edit(&world, &[("config.yaml", config)]);
        assert_eq!(world.done(&["plan", "--format", "json"]).json()["summary"]["to_build"], 0);
        assert!(world.done(&["promote", "--format", "json"]).builds().is_empty(), "{config}");
    };
    nothing_is_built(&mapping("'.*': one"));
    assert_eq!(tables(&world), before);
    edit(&world, &[("models/total.sql", &doubled())]);
    let built = world.done(&["promote", "--format", "json"]).builds();
    assert_eq!(built.into_keys().collect::<Vec<_>>(), ["marts.total"]);
    let both = |new: &str| {
        let mut all: Vec<String> = before.iter().map(|name| (*name).to_owned()).chain([new.to_owned()]).collect();
        all.sort();
        all
    };
    assert_eq!(tables(&world), both("one marts.total"));
    nothing_is_built(&mapping("'.*': two"));
    nothing_is_built(CONFIG);
    // A day more goes into the table that has the others.
    let world = world.at("2026-04-03");
    world.done(&["run"]);
    world.done(&["rollback", "--to", "1"]);
    assert_eq!(world.value("FROM marts.total"), "60");
    world.done(&["promote", "--release"]);
    assert_eq!(tables(&world), both("one marts.total"));
    assert_eq!(world.value("FROM marts.total"), "120");
    world.done(&["doctor", "--deep"]);
}

#[test]
fn a_lost_state_finds_the_tables_wherever_they_are() {
    let world = world("'.*': one");
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/total.sql", &doubled())]);
    world.done(&["apply", "--env", "dev"]);
    std::fs::remove_dir_all(world.repository.path().join(".offshoot")).expect("it was there");
    edit(&world, &[("config.yaml", &mapping("'.*': two"))]);
    world.done(&["state", "recover"]);
    // Nobody vouches for the branch's table: it is made again, where new ones go, and the old one is nobody's.
    let built = world.done(&["apply", "--env", "dev", "--format", "json"]).builds();
    assert_eq!(built.into_keys().collect::<Vec<_>>(), ["marts.total"]);
    assert_eq!(
        tables(&world),
        ["one marts.daily", "one marts.total", "one marts.total", "one raw.orders", "two marts.total"]
    );
    assert_eq!((world.value("FROM marts.shown"), world.value("FROM marts__dev.shown")), ("60".into(), "120".into()));
    world.repository.checkout("main");
    assert!(world.done(&["promote", "--force", "--format", "json"]).builds().is_empty());
    world.done(&["env", "drop", "dev"]);
    world.done(&["gc"]);
    let world = world.at("2027-06-01");
    world.done(&["gc"]);
    world.done(&["gc"]);
    assert_eq!(tables(&world), ["one marts.daily", "one marts.total", "one raw.orders"]);
    assert_eq!(world.value("FROM marts.shown"), "60");
}

#[test]
fn models_of_one_name_in_one_schema_do_not_meet() {
    let long = "t".repeat(70);
    let model = |name: &str, value: u32| format!("MODEL (name {name}, kind FULL);\nSELECT {value} AS id");
    let world = world("'': all");
    let names =
        ["a.t", "b.t", "t"].map(str::to_owned).into_iter().chain(["x", "y"].map(|end| format!("a.{long}{end}")));
    for (value, name) in (1..).zip(names.clone()) {
        edit(&world, &[(&format!("models/m{value}.sql"), &model(&name, value))]);
    }
    world.done(&["promote"]);
    for (value, name) in (1..).zip(names) {
        let view = if name == "t" { "\"default\".t" } else { name.as_str() };
        assert_eq!(world.value(&format!("FROM {view}")), value.to_string(), "{name}");
    }
    let count = "SELECT count(*), max(length(table_name)) FROM duckdb_tables() WHERE schema_name = 'all'";
    assert_eq!(world.sql(count), [[Some("8".to_owned()), Some("63".to_owned())]]);
}

#[test]
fn a_schema_in_which_views_stand_takes_no_tables() {
    let refused = |world: &World, arguments: &[&str]| {
        let ran = world.bot(arguments);
        let told = ran.stdout.clone() + &ran.stderr;
        assert!(ran.exit == Exit::No && told.contains("physical-schema-clash"), "{arguments:?}: {told}");
    };
    let of_production = world("raw: Marts");
    refused(&of_production, &["promote"]);
    refused(&of_production, &["plan"]);
    assert!(!of_production.warehouse().exists(), "nothing is made");

    let of_branch = world("raw: marts__dev");
    of_branch.done(&["promote"]);
    of_branch.repository.branch("feature");
    edit(&of_branch, &[("models/total.sql", &doubled())]);
    refused(&of_branch, &["apply", "--env", "dev"]);
    assert_eq!(of_branch.bot(&["plan", "--env", "dev"]).exit, Exit::No);
    of_branch.done(&["apply", "--env", "other"]);
    edit(&of_branch, &[("config.yaml", &format!("{}environment_suffix_target: table\n", mapping("raw: marts__dev")))]);
    of_branch.done(&["apply", "--env", "dev"]);
}

#[test]
fn what_stands_under_the_very_name_is_not_touched() {
    let world = world("'.*': one");
    let planned = world.done(&["plan", "--format", "json"]).json();
    let models = planned["models"].as_array().expect("a list");
    let total = models.iter().find(|model| model["name"] == "marts.total").expect("it is new");
    let table = total["table"].as_str().expect("a name");
    assert!(table.starts_with("one.total__"), "{table}");
    world.sql("CREATE SCHEMA one");
    world.sql(&format!("CREATE TABLE {table} AS SELECT 7 AS id"));
    let refused = world.bot(&["promote"]);
    assert!(refused.exit == Exit::No && refused.stderr.contains("did not make it"), "{}", refused.stderr);
    assert_eq!(world.value(&format!("FROM {table}")), "7");
    let kept = world.done(&["gc", "--format", "json"]).json()["kept"].clone();
    assert_eq!((&kept[0]["table"], &kept[0]["reason"]["code"]), (&json!(table), &json!("not_ours")), "{kept}");
}

#[test]
fn the_older_setting_maps_whole_names() {
    let world = orders();
    edit(&world, &[("config.yaml", &format!("{CONFIG}physical_schema_override: {{mart: no, marts: one}}\n"))]);
    let planned = world.done(&["plan"]);
    assert!(planned.stdout.contains("older-setting"), "{}", planned.stdout);
    world.done(&["promote"]);
    assert_eq!(tables(&world), ["offshoot__raw raw.orders", "one marts.daily", "one marts.total"]);
}

/// One file of models whose tables each take a while, so that two runs meet in them.
fn slow(shared: &OnPostgres, branch: &str, config: &str) {
    shared.world.repository.git(&["checkout", "--quiet", "main"]);
    shared.world.repository.branch(branch);
    let daily = FILES[2].1.replace("sum(amount)::int", "(sum(amount) + 1)::int + (pg_sleep(0.5) IS NULL)::int");
    edit(&shared.world, &[("models/daily.sql", &daily), ("config.yaml", config)]);
    shared.world.repository.git(&["checkout", "--quiet", "main"]);
}

#[test]
fn on_postgres_tables_stand_where_they_are_mapped_too() {
    let shared = OnPostgres::new();
    let world = &shared.world;
    let config = std::fs::read_to_string(world.repository.path().join("config.yaml")).expect("it is there");
    let mapped = format!("{config}physical_schema_mapping: {{^marts$: '\"My Tables\"', raw: Lower}}\n");
    let client = shared.database.client();
    client.batch("CREATE SCHEMA \"My Tables\"; CREATE TABLE \"My Tables\".mine AS SELECT 7 AS id").expect("somebody's");
    edit(world, &[("config.yaml", &mapped)]);
    world.done(&["promote"]);
    let tables = || {
        let sql = "SELECT schema_name, model FROM offshoot__meta.objects AS o JOIN pg_tables AS t \
                   ON t.schemaname = o.schema_name AND t.tablename = o.object_name WHERE kind = 'table' ORDER BY 1, 2";
        rows(&client, sql)
    };
    let first = ["My Tables|marts.daily", "My Tables|marts.latest", "My Tables|marts.total", "lower|raw.orders"]
        .map(str::to_owned);
    assert_eq!(tables(), first);
    let prod = shared.shown("");
    // Another mapping moves nothing, and a lost state finds everything.
    edit(world, &[("config.yaml", &format!("{config}physical_schema_mapping: {{'.*': two}}\n"))]);
    assert!(world.done(&["promote", "--format", "json"]).builds().is_empty());
    client.batch("DROP SCHEMA offshoot CASCADE").expect("lost");
    world.done(&["state", "recover"]);
    assert!(world.done(&["promote", "--force", "--format", "json"]).builds().is_empty());
    assert_eq!((tables(), shared.shown("")), (first.to_vec(), prod.clone()));
    world.repository.branch("feature");
    edit(world, &[("models/total.sql", &FILES[4].1.replace("sum(amount)", "sum(amount) + 1"))]);
    world.done(&["apply", "--env", "dev"]);
    world.done(&["run", "dev"]);
    assert_eq!(tables().last().map(String::as_str), Some("two|marts.total"));
    world.done(&["env", "drop", "dev"]);
    world.done(&["gc"]);
    world.done(&["gc", "--execution-time", "2027-06-01"]);
    assert_eq!((tables(), shared.shown("")), (first.to_vec(), prod));
    assert_eq!(rows(&client, "SELECT id FROM \"My Tables\".mine"), ["7"]);
    assert_eq!(rows(&client, "SELECT nspname FROM pg_namespace WHERE nspname = 'two'"), ["two"], "empty, and it stays");
    world.done(&["doctor", "--deep"]);
}

/// Two branches want one new table, each in another schema: one makes it, and the other one reads that.
#[test]
fn two_runs_that_map_otherwise_make_a_table_once() {
    let shared = OnPostgres::new();
    shared.world.done(&["promote"]);
    let config = std::fs::read_to_string(shared.world.repository.path().join("config.yaml")).expect("it is there");
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["one", "two"] {
        slow(&shared, name, &format!("{config}physical_schema_mapping: {{'.*': of_{name}}}\n"));
    }
    let folders = ["one", "two"].map(|name| clone(&shared, name, &folder));
    let runs = folders.each_ref().map(|folder| start(folder, &["apply"]));
    runs.into_iter().for_each(|run| end(run, "an apply"));
    let client = shared.database.client();
    let known = "SELECT model, count(*), count(DISTINCT physical_table) FROM offshoot.snapshots WHERE physical_table LIKE '%\"of\\_%' \
                 GROUP BY 1 ORDER BY 1";
    assert_eq!(rows(&client, known), ["marts.daily|1|1", "marts.total|1|1"]);
    let views = "SELECT schemaname FROM pg_views WHERE viewname = 'total' AND schemaname <> 'marts' ORDER BY 1";
    for schema in rows(&client, views) {
        assert_eq!(rows(&client, &format!("SELECT amount FROM \"{schema}\".total")), ["63"], "{schema}");
    }
    let shown = "SELECT DISTINCT table_name FROM offshoot.pointers WHERE table_name LIKE 'daily\\_\\_%' ORDER BY 1";
    assert_eq!(rows(&client, shown).len(), 2, "production's and the branches'");
}
