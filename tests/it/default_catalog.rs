//! Names that are written with the catalog in which names of two parts are, as teams do whose tools always write three parts:
//! each is the model of two parts, in production and in a branch.

use std::time::Duration;

use offshoot::engine::Engine as _;
use offshoot::engine::duckdb::DuckDb;

use crate::history::Site;
use crate::lab::{edit, lab};

/// The same models with their catalog in some names.
fn models(catalog: &str) -> [(&'static str, String); 5] {
    [
        ("models/a.sql", format!("MODEL (name {catalog}.s.a, kind FULL);\nSELECT id, price FROM {catalog}.raw.people")),
        (
            "models/b.sql",
            format!(
                "MODEL (name s.b, kind FULL, audits (no_rows));\n\
                 SELECT {catalog}.s.a.id, a.price FROM {catalog} . s.a;\n\
                 INSERT INTO raw.log SELECT count(*) FROM {catalog}.s.a;"
            ),
        ),
        ("models/c.sql", format!("MODEL (name s.c, kind VIEW);\nSELECT sum(price) AS price FROM \"{catalog}\".s.b")),
        (
            "models/d.sql",
            format!(
                "MODEL (name s.d, kind FULL, dialect duckdb, depends_on [{catalog}.s.c]);\n\
                 SELECT @STAR({catalog}.s.a) FROM {catalog}.s.a"
            ),
        ),
        ("audits/none.sql", format!("AUDIT (name no_rows);\nSELECT * FROM {catalog}.s.a WHERE price < 0")),
    ]
}

fn site(of: fn(&[(&str, &str)]) -> Site) -> (Site, String) {
    let site = of(&[]);
    let catalog = site.lines("SELECT current_database()").remove(0);
    let models = models(&catalog);
    // `@STAR` writes what the dialect of its own file says.
    let models = models.iter().map(|(path, text)| (*path, text.replace(", dialect duckdb", "")));
    let models: Vec<(&str, String)> = models.collect();
    edit(site.world(), &models.iter().map(|(path, text)| (*path, text.as_str())).collect::<Vec<_>>());
    site.execute("CREATE TABLE raw.log (n BIGINT)");
    site.people("(1,'a',10,NULL), (2,'b',20,NULL)");
    (site, catalog)
}

#[test]
fn a_branch_reads_its_own_tables_by_names_with_the_catalog() {
    for of in [Site::duckdb, Site::postgres] {
        let (site, catalog) = site(of);
        let plan = site.done(&["plan", "--format", "json"]).json();
        let found: Vec<&serde_json::Value> = plan["problems"].as_array().into_iter().flatten().collect();
        assert!(found.iter().all(|problem| problem["severity"] != "error"), "{found:#?}");
        site.done(&["promote"]);
        assert_eq!(site.lines("SELECT price FROM s.c"), ["30"]);
        site.world().repository.branch("feature");
        let doubled = format!("MODEL (name s.a, kind FULL);\nSELECT id, price * 2 AS price FROM {catalog}.raw.people");
        edit(site.world(), &[("models/a.sql", &doubled)]);
        site.done(&["apply", "--env", "dev"]);
        assert_eq!(site.lines("SELECT price FROM s__dev.c"), ["60"]);
        assert_eq!(site.lines("SELECT price FROM s__dev.d ORDER BY price"), ["20", "40"]);
        assert_eq!(site.lines("SELECT price FROM s.c"), ["30"]);
        let shown = site.done(&["query", "--env", "dev", &format!("SELECT price FROM {catalog}.s.c")]);
        assert!(shown.stdout.contains("60"), "{}", shown.stdout);
    }
}

/// What our parser does not know has no syntax tree, and its names are the same all the same; statements around everything, too.
#[test]
fn what_is_not_parsed_reads_its_own_tables_too() {
    let (site, catalog) = site(Site::duckdb);
    let config = format!(
        "{}after_all: [\"INSERT INTO raw.log SELECT sum(price) FROM {catalog}.s.a\"]\n",
        site.world().repository.read("config.yaml")
    );
    let listed =
        format!("SELECT [x + 1 FOR x IN [1, 2]] AS l, a.price FROM s.b AS b, {catalog}.s.a AS a WHERE a.id = b.id");
    let turned = format!("PIVOT {catalog}.s.a ON id USING sum(price)");
    let files = [
        ("config.yaml", config),
        ("models/l.sql", format!("MODEL (name s.l, kind FULL);\n{listed}")),
        ("models/p.sql", format!("MODEL (name s.p, kind FULL);\n{turned}")),
    ];
    edit(site.world(), &files.each_ref().map(|(path, text)| (*path, text.as_str())));
    site.done(&["promote"]);
    site.world().repository.branch("feature");
    let doubled = format!("MODEL (name s.a, kind FULL);\nSELECT id, price * 2 AS price FROM {catalog}.raw.people");
    edit(site.world(), &[("models/a.sql", &doubled)]);
    site.done(&["apply", "--env", "dev"]);
    assert_eq!(site.lines("SELECT price FROM s__dev.l ORDER BY price"), ["20", "40"]);
    assert_eq!(site.lines("SELECT * FROM s__dev.p"), ["20|40"]);
    assert_eq!(site.lines("SELECT * FROM s.p"), ["10|20"]);
    assert_eq!(site.lines("SELECT max(n), min(n) FROM raw.log WHERE n > 2"), ["60|30"]);
}

/// The catalog says nothing: with it or without it, it is the same model with the same table.
#[test]
fn a_catalog_more_changes_nothing() {
    let (site, catalog) = site(Site::duckdb);
    site.done(&["promote"]);
    let plain = models(&catalog).map(|(path, text)| {
        let text = text.replace(&format!("\"{catalog}\"."), "").replace(&format!("{catalog} . "), "");
        (path, text.replace(&format!("{catalog}."), "").replace(", dialect duckdb", ""))
    });
    site.world().repository.branch("feature");
    edit(site.world(), &plain.each_ref().map(|(path, text)| (*path, text.as_str())));
    let plan = site.done(&["plan", "--format", "json"]).json();
    assert_eq!(plan["models"].as_array().map(Vec::len), Some(0), "{plan}");
}

/// DuckDB takes `shop.orders` for a table of the file `shop.duckdb` as well as of the schema `shop`, and refuses it once both are
/// there. SQLMesh states the catalog in every name.
#[test]
fn a_schema_may_be_called_as_the_file_is() {
    let world = lab(&[
        (
            "models/orders.sql",
            "MODEL (name shop.orders, kind FULL, audits (not_null(columns := id)), description 'All of them');\n\
             SELECT shop.ext.id, 1 AS n /* One */ FROM shop.ext;\n\
             INSERT INTO shop.log (n) SELECT count(*) FROM shop.orders;",
        ),
        ("models/daily.sql", "MODEL (name shop.daily, kind VIEW);\nSELECT orders.id, n FROM Shop.orders"),
        (
            "models/by_time.sql",
            "MODEL (name marts.by_time, kind INCREMENTAL_BY_TIME_RANGE (time_column ds), start '2026-01-01', end '2026-01-03');\n\
             SELECT DATE '2026-01-02' AS ds, sum(n) AS n FROM \"shop\".daily WHERE DATE '2026-01-02' BETWEEN @start_date AND @end_date",
        ),
        ("external_models.yaml", "- name: shop.ext\n  columns: {id: int}\n"),
        (
            "tests/test_daily.yaml",
            "t:\n  model: shop.daily\n  inputs: {shop.orders: [{id: 1, n: 2}]}\n  outputs: {query: [{id: 1, n: 2}]}\n",
        ),
    ]);
    let config = world.repository.read("config.yaml").replace("warehouse.duckdb", "shop.duckdb");
    edit(&world, &[("config.yaml", &config)]);
    let file = world.repository.path().join("shop.duckdb");
    let run = |sql: &str| {
        let engine = DuckDb::file(file.clone(), Duration::ZERO);
        let mut session = engine.session().expect("a session");
        session.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).rows
    };
    run("CREATE SCHEMA shop");
    run("CREATE TABLE shop.shop.ext AS SELECT 1 AS id");
    run("CREATE TABLE shop.shop.log (n BIGINT)");
    let one = |sql: &str| run(sql)[0][0].clone().unwrap_or_default();
    world.done(&["test"]);
    world.done(&["promote", "--execution-time", "2026-01-05"]);
    assert_eq!(one("SELECT n FROM shop.shop.daily"), "1");
    assert_eq!(one("SELECT n FROM marts.by_time"), "1");
    assert_eq!(one("SELECT n FROM shop.shop.log"), "1");
    assert!(one("SELECT comment FROM duckdb_views() WHERE view_name = 'orders'").contains("All of them"));

    world.repository.branch("feature");
    let changed = world.repository.read("models/orders.sql").replace("1 AS n", "2 AS n");
    edit(&world, &[("models/orders.sql", &changed)]);
    world.done(&["apply", "--env", "dev", "--execution-time", "2026-01-05"]);
    assert_eq!(one("SELECT n FROM shop__dev.daily"), "2");
    assert_eq!(one("SELECT n FROM marts__dev.by_time"), "2");
    assert_eq!(one("SELECT n FROM shop.shop.daily"), "1");
    for (arguments, told) in [
        (&["query", "--env", "dev", "SELECT n + 40 AS m FROM shop.daily"][..], "42"),
        (&["render", "shop.daily"], "offshoot__shop"),
        (&["diff", "dev", "--model", "shop.orders"], "n"),
        (&["audit", "--env", "dev"], "not_null"),
        (&["env", "drop", "dev"], "Dropped"),
        (&["gc", "--execution-time", "2027-01-05"], ""),
        (&["doctor"], ""),
    ] {
        let shown = world.done(arguments);
        assert!(shown.stdout.contains(told), "{arguments:?}: {}", shown.stdout);
    }
    assert_eq!(one("SELECT n FROM shop.shop.daily"), "1");
    world.repository.checkout("main");
    edit(&world, &[("models/orders.sql", &changed)]);
    world.done(&["promote", "--execution-time", "2026-01-05"]);
    assert_eq!(one("SELECT n FROM shop.shop.daily"), "2");
    world.done(&["rollback", "--execution-time", "2026-01-05"]);
    assert_eq!(one("SELECT n FROM shop.shop.daily"), "1");
    assert_eq!(one("SELECT n FROM marts.by_time"), "1");
    world.done(&["external"]);
    assert!(world.repository.read("external_models.yaml").contains("ext"));
}
