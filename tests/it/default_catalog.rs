//! Names that are written with the catalog in which names of two parts are, as teams do whose tools always write three parts:
//! each is the model of two parts, in production and in a branch.

use crate::history::Site;
use crate::lab::edit;

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
