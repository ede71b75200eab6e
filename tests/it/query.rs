//! `bot query`: model names mean what one environment shows, and nothing can be written.

use std::fs;

use offshoot::error::Exit;

use crate::engine_duckdb::Holder;
use crate::world::World;

/// The cells of a query's rows.
fn rows(world: &World, environment: &str, sql: &str) -> serde_json::Value {
    world.done(&["query", "--env", environment, "--format", "json", sql]).json()["rows"].clone()
}

const SALES: &str = "SELECT sum(revenue) FROM marts.product_sales";

#[test]
fn names_mean_the_environment_asked_for() {
    let (world, name) = World::applied();
    let (prod, branch) = (rows(&world, "prod", SALES), rows(&world, &name, SALES));
    assert_ne!(prod, branch, "returns no longer count");
    let table = |environment: &str| format!("SELECT sum(revenue) FROM {environment}.product_sales");
    assert_eq!(prod, rows(&world, "prod", &table("marts")));
    assert_eq!(branch, rows(&world, "prod", &table(&format!("marts__{name}"))));
    // Every form in which a query names a table.
    for sql in [
        "SELECT sum(s.revenue) FROM marts.product_sales AS s",
        "SELECT sum(product_sales.revenue) FROM marts.product_sales",
        "SELECT sum(marts.product_sales.revenue) FROM Marts.\"product_sales\"",
        "WITH product_sales AS (FROM marts.product_sales) SELECT sum(revenue) FROM product_sales;",
        "FROM (TABLE marts.product_sales) SELECT sum(revenue)",
        "SELECT (SELECT sum(revenue) FROM marts.product_sales)",
        "SELECT sum(COLUMNS('revenue')) FROM marts.product_sales",
        "/* asked by hand */ -- so\n(SELECT sum(revenue) FROM marts.product_sales)",
    ] {
        assert_eq!(rows(&world, "prod", sql), prod, "{sql}");
        assert_eq!(rows(&world, &name, sql), branch, "{sql}");
    }
}

#[test]
fn questions_about_a_table_are_about_the_environments() {
    let (world, name) = World::applied();
    let has_currency =
        |environment: &str, sql: &str| rows(&world, environment, sql).to_string().contains("\"currency\"");
    for sql in ["DESCRIBE marts.fct_orders", "SUMMARIZE marts.fct_orders", "DESCRIBE FROM marts.fct_orders"] {
        assert!(has_currency(&name, sql) && !has_currency("prod", sql), "{sql}");
    }
    let shown = world.done(&["env", "show", &name, "--format", "json"]).json();
    let mut models = shown["models"].as_array().expect("models").iter();
    let sales = models.find(|model| model["name"] == "marts.product_sales").expect("the model");
    let table = sales["table"].as_str().and_then(|table| table.split('.').next_back()).expect("a table");
    for explain in ["EXPLAIN (FORMAT json)", "EXPLAIN (ANALYZE, FORMAT json)"] {
        let plan = rows(&world, &name, &format!("{explain} SELECT sum(revenue) FROM marts.product_sales")).to_string();
        assert!(plan.contains(table), "{table} is not read by {plan}");
    }
    let pivoted = rows(&world, &name, "PIVOT marts.product_sales ON category USING sum(revenue)");
    assert_ne!(pivoted, rows(&world, "prod", "PIVOT marts.product_sales ON category USING sum(revenue)"));
}

#[test]
fn models_without_a_schema_are_found_in_every_form() {
    let world = World::shop();
    world.repository.write("models/numbers.sql", "MODEL (name numbers, kind FULL); SELECT 1 AS n, 'a' AS k");
    world.repository.commit("numbers");
    world.done(&["promote"]);
    world.repository.branch("more");
    world.repository.write("models/numbers.sql", "MODEL (name numbers, kind FULL); SELECT 2 AS n, 'a' AS k");
    world.repository.commit("more numbers");
    world.done(&["apply"]);
    let value = |sql: &str| world.done(&["query", "--format", "csv", sql]).stdout;
    for sql in ["SELECT n FROM numbers", "SELECT numbers.n FROM numbers", "WITH x AS (TABLE numbers) SELECT n FROM x"] {
        assert_eq!(value(sql), "n\n2\n", "{sql}");
    }
    assert_eq!(value("PIVOT numbers ON k USING max(n)").lines().last().map(|line| line.contains('2')), Some(true));
    assert_eq!(value("SELECT min FROM (SUMMARIZE numbers) WHERE column_name = 'n'"), "min\n2\n");
    assert_eq!(value("SELECT min FROM (SUMMARIZE numbers), range(1)").lines().count(), 3);
    let after_a_comma = "PIVOT (SELECT m.n, 'a' AS k FROM range(1), numbers AS m) ON k USING max(n)";
    assert_eq!(value(after_a_comma).lines().last().map(|line| line.contains('2')), Some(true));
    assert!(value("DESCRIBE numbers").contains("\nn,INTEGER"), "{}", value("DESCRIBE numbers"));
}

#[test]
fn without_a_name_the_checked_out_branch_decides() {
    let (world, name) = World::applied();
    let here = |world: &World| world.done(&["query", "--format", "json", SALES]).json()["rows"].clone();
    assert_eq!(here(&world), rows(&world, &name, SALES));
    world.repository.checkout("main");
    assert_eq!(here(&world), rows(&world, "prod", SALES));
    world.repository.branch("not-applied");
    let ran = world.bot(&["query", SALES]);
    assert_eq!(ran.exit, Exit::No);
    assert!(
        ran.stderr.contains("there is no environment `not_applied_") && ran.stderr.contains("bot apply"),
        "{}",
        ran.stderr
    );
    // A branch in conflict keeps its environment.
    world.repository.checkout("feature/fx-rates");
    world.repository.write("models/marts/product_sales.sql", "conflict one");
    world.repository.commit("one");
    world.repository.checkout("main");
    world.repository.write("models/marts/product_sales.sql", "conflict two");
    world.repository.commit("two");
    world.repository.checkout("feature/fx-rates");
    assert_eq!(here(&world), rows(&world, &name, SALES));
}

#[test]
fn an_environment_that_is_not_there_names_the_nearest() {
    let world = World::shop();
    let ran = world.bot(&["query", "--env", "prod", "SELECT 1"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("bot promote"), "{}", ran.stderr);
    world.done(&["promote"]);
    let ran = world.bot(&["query", "--env", "prd", "SELECT 1"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("did you mean `prod`?"), "{}", ran.stderr);
}

#[test]
fn embedded_models_are_read_as_the_environment_has_them() {
    let world = World::shop();
    world.done(&["promote"]);
    world.repository.branch("gifts");
    let path = "models/staging/paid_orders.sql";
    let text = fs::read_to_string(world.repository.path().join(path)).expect("the model");
    world.repository.write(path, text.trim_end().trim_end_matches(';').to_owned() + "\nWHERE o.is_gift;\n");
    world.repository.commit("only gifts");
    let name = world.done(&["apply", "--format", "json"]).json()["environment"].as_str().expect("a name").to_owned();
    let count = "SELECT count(*) FROM staging.paid_orders";
    let (prod, branch) = (rows(&world, "prod", count), rows(&world, &name, count));
    assert_ne!(prod, branch);
    assert_eq!(rows(&world, &name, "SELECT count(*) FROM marts.fct_orders"), branch);
    world.repository.checkout("main");
    assert_eq!(rows(&world, &name, count), branch, "whatever is checked out");
}

#[test]
fn an_embedded_model_that_is_nowhere_is_a_clear_no() {
    let world = World::shop();
    world.done(&["promote"]);
    world.repository.branch("gifts");
    let path = "models/staging/paid_orders.sql";
    let text = fs::read_to_string(world.repository.path().join(path)).expect("the model");
    world.repository.write(path, text.trim_end().trim_end_matches(';').to_owned() + "\nWHERE o.is_gift;\n");
    world.done(&["apply", "--worktree"]);
    let count = "SELECT count(*) FROM staging.paid_orders";
    let edited = world.done(&["query", "--format", "json", count]).json()["rows"].clone();
    assert_ne!(edited, rows(&world, "prod", count), "the working tree still has it");
    world.repository.write(path, text);
    let ran = world.bot(&["query", count]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stdout);
    assert!(ran.stderr.contains("`staging.paid_orders` is EMBEDDED"), "{}", ran.stderr);
}

#[test]
fn a_model_that_only_production_has_is_not_read_by_accident() {
    let world = World::shop();
    world.done(&["promote"]);
    world.repository.branch("fewer");
    world.repository.remove("models/marts/low_stock.sql");
    world.repository.commit("no low stock");
    world.done(&["apply"]);
    let ran = world.bot(&["query", "SELECT * FROM marts.low_stock"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stdout);
    assert!(ran.stderr.contains("has no model `marts.low_stock`, which prod has"), "{}", ran.stderr);
    world.done(&["query", "SELECT * FROM erp.stock_levels"]);
}

#[test]
fn nothing_can_be_written() {
    let world = World::shop();
    world.done(&["promote"]);
    let before = fs::read(world.warehouse()).expect("the warehouse");
    let target = world.repository.path().join("stolen.csv").display().to_string();
    let statements = [
        "DROP VIEW marts.product_sales".to_owned(),
        "DELETE FROM marts.product_sales".to_owned(),
        "CREATE TABLE x AS SELECT 1".to_owned(),
        "WITH x AS (SELECT 'x' AS warehouse) INSERT INTO erp.stock_levels SELECT 1, warehouse, 2 FROM x".to_owned(),
        "SELECT 1; DROP TABLE erp.stock_levels".to_owned(),
        format!("COPY (SELECT 1) TO '{target}'"),
        format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}'"),
        format!("ATTACH '{target}'"),
        "SET threads = 1".to_owned(),
        String::new(),
    ];
    for sql in &statements {
        let ran = world.bot(&["query", "--env", "prod", sql]);
        assert_eq!(ran.exit, Exit::No, "{sql}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.is_empty() && ran.stderr.starts_with("error: "), "{sql}: {}", ran.stderr);
    }
    assert!(!world.repository.path().join("stolen.csv").exists());
    assert_eq!(fs::read(world.warehouse()).expect("the warehouse"), before);
}

#[test]
fn rows_are_printed_in_every_format_and_a_cut_is_told() {
    let world = World::shop();
    world.done(&["promote"]);
    let query = |arguments: &[&str]| world.done(&[&["query", "--env", "prod"], arguments].concat());
    let cut = query(&["--limit", "2", "--format", "csv", "SELECT i AS n, NULL AS x FROM range(5) t(i)"]);
    assert_eq!(cut.stdout, "n,x\n0,\n1,\n");
    assert!(cut.stderr.contains("only the first 2 rows"), "{}", cut.stderr);
    let whole = query(&["--limit", "0", "--format", "csv", "SELECT i FROM range(1200) t(i)"]);
    assert_eq!((whole.stdout.lines().count(), whole.stderr.as_str()), (1201, ""));
    let default = query(&["SELECT i FROM range(1200) t(i)"]);
    assert!(default.stdout.contains("1000 rows") && default.stderr.contains("--limit 0"), "{}", default.stderr);
    let json = query(&["--format", "json", "SELECT 1.50 AS price, true AS paid, 'a' AS t"]).json();
    assert_eq!(json["columns"], serde_json::json!(["price", "paid", "t"]));
    assert_eq!(json["rows"], serde_json::json!([[1.5, true, "a"]]));
    assert_eq!((&json["truncated"], &json["schema_version"]), (&false.into(), &1.into()));
    assert!(query(&["SELECT 'größe' AS a"]).stdout.contains("│ größe │"));
}

#[test]
fn the_engines_refusal_is_a_no_in_its_words() {
    let world = World::shop();
    world.done(&["promote"]);
    let ran = world.bot(&["query", "--env", "prod", "SELECT no_such_column FROM marts.product_sales"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("Binder Error") && ran.stderr.contains("no_such_column"), "{}", ran.stderr);
    let ran = world.bot(&["query", "--env", "prod", "--format", "json", "SELECT FROM WHERE"]);
    let error = ran.error();
    assert!(error["error"]["causes"][0].as_str().is_some_and(|cause| cause.contains("Parser Error")), "{error}");
}

#[test]
fn a_held_warehouse_is_a_failure_that_names_its_holder() {
    let world = World::shop();
    world.done(&["promote"]);
    let holder = Holder::of_file(&world.warehouse());
    let ran = world.bot(&["query", "--env", "prod", "--lock-timeout", "0", "SELECT 1"]);
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.stdout);
    assert!(ran.stderr.contains(&format!("process {}", holder.pid())), "{}", ran.stderr);
    holder.ends_well();
    world.done(&["query", "--env", "prod", "SELECT 1"]);
}
