//! `bot external`: the columns of foreign tables, from real warehouses into `external_models.yaml`.

use offshoot::engine::Engine as _;
use offshoot::error::Exit;

use crate::lab::{CONFIG, edit, lab};
use crate::on_postgres::OnPostgres;
use crate::world::World;

const STAR: &str = "MODEL (name marts.stock, kind FULL);\nSELECT * FROM erp.stock\n";
const READER: &str = "MODEL (name marts.total, kind FULL);\nSELECT sum(pieces) AS pieces FROM marts.stock\n";

/// A project that reads a table of the ERP system, which is in the warehouse.
fn shop() -> World {
    let world = lab(&[("models/stock.sql", STAR), ("models/total.sql", READER)]);
    execute(
        &world,
        "CREATE SCHEMA erp; CREATE TABLE erp.stock (id INTEGER, pieces DECIMAL(18, 3), \"Shelf: x\" VARCHAR)",
    );
    world
}

fn execute(world: &World, sql: &str) {
    world.engine().session().expect("a session").execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[test]
fn columns_are_written_once_and_stay_with_what_people_wrote() {
    let world = shop();
    let ran = world.done(&["external"]);
    assert_eq!(ran.stdout, "+ erp.stock (3 columns)\nexternal_models.yaml: 1 table not as the warehouse has it.\n");
    let written =
        "- name: erp.stock\n  columns:\n    id: INTEGER\n    pieces: DECIMAL(18,3)\n    'Shelf: x': VARCHAR\n";
    assert_eq!(world.repository.read("external_models.yaml"), written);
    assert_eq!(world.done(&["external", "--check"]).stdout, "external_models.yaml says what the warehouse has.\n");
    let described = written.replace("  columns:", "  description: what lies where # ask Jo\n  columns:");
    world.repository.write("external_models.yaml", &described);
    assert_eq!(world.done(&["external"]).stdout, "external_models.yaml says what the warehouse has.\n");
    execute(&world, "ALTER TABLE erp.stock ALTER id TYPE BIGINT; ALTER TABLE erp.stock ADD COLUMN day DATE");
    let ran = world.bot(&["external", "--check"]);
    assert_eq!(ran.exit, Exit::No);
    let told = "~ erp.stock\n    ~ id INTEGER → BIGINT\n    + day DATE\nexternal_models.yaml: 1 table not as the warehouse has it.\n";
    assert_eq!(ran.stdout, told);
    assert_eq!(world.repository.read("external_models.yaml"), described, "a check writes nothing");
    assert_eq!(world.done(&["external"]).stdout, told);
    let expected = described.replace("id: INTEGER", "id: BIGINT") + "    day: DATE\n";
    assert_eq!(world.repository.read("external_models.yaml"), expected);
    assert!(!world.state().exists(), "no state is made");
}

#[test]
fn what_is_not_there_stays_as_it_was_and_is_named() {
    let world = shop();
    let gone = "- name: erp.gone\n  columns: {id: INTEGER}\n";
    edit(
        &world,
        &[
            ("external_models.yaml", gone),
            ("external_models/by_hand.yaml", "- name: erp.stock\n  columns: {id: int}\n"),
            (
                "models/other.sql",
                "MODEL (name marts.other, kind VIEW);\nSELECT a.x FROM erp.nowhere AS a, information_schema.tables AS b, 'x.csv' AS c\n",
            ),
        ],
    );
    let ran = world.done(&["external"]);
    assert_eq!(ran.stdout, "external_models.yaml says what the warehouse has.\n");
    for name in ["erp.gone", "erp.nowhere"] {
        assert!(ran.stderr.contains(&format!("`{name}` is not in the warehouse")), "{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("erp.stock") && !ran.stderr.contains("information_schema"), "{}", ran.stderr);
    assert_eq!(world.repository.read("external_models.yaml"), gone);
}

/// What the branch of this world does to a reader of one column, when the star before it leaves out another one.
fn verdict_of_reader(world: &World) -> (Vec<String>, String) {
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(world, &[("models/stock.sql", &STAR.replace('*', "* EXCLUDE (\"Shelf: x\")"))]);
    let plan = world.done(&["plan", "--format", "json"]).json();
    let texts = |list: &serde_json::Value, key: &str| -> Vec<String> {
        let items = list.as_array().expect("a list").iter();
        items.map(|item| item[key].as_str().expect("a text").to_owned()).collect()
    };
    let mut models = plan["models"].as_array().expect("a list").iter();
    let reader = models.find(|model| model["name"] == "marts.total").expect("the reader");
    (
        texts(&plan["problems"], "code"),
        format!("{}, {}", reader["action"], texts(&reader["reasons"], "code").join(", ")),
    )
}

/// What the command is for: the star is put out, and a column that nobody reads moves nobody.
#[test]
fn a_star_over_a_foreign_table_is_taken_apart_afterwards() {
    let before = shop();
    let (_, verdict) = verdict_of_reader(&before);
    assert!(verdict.starts_with("\"build\""), "what the star stands for is not known: {verdict}");
    let after = shop();
    after.done(&["external"]);
    after.repository.commit("external tables");
    assert_eq!(verdict_of_reader(&after), (Vec::new(), "\"reuse\", reads-nothing-changed".to_owned()));
}

#[test]
fn a_model_that_is_gone_is_not_declared_as_foreign() {
    let world = shop();
    world.done(&["promote"]);
    world.repository.remove("models/stock.sql");
    world.repository.commit("no stock");
    let ran = world.done(&["external"]);
    assert!(ran.stderr.contains("`marts.stock` is read and was a model of this project"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "external_models.yaml says what the warehouse has.\n");
}

#[test]
fn another_gateway_has_entries_of_its_own() {
    let world = shop();
    let more = CONFIG.replace("model_defaults:", "  far:\n    connection:\n      type: duckdb\n      database: far.duckdb\ndefault_gateway: local\nmodel_defaults:");
    edit(&world, &[("config.yaml", &more)]);
    world.done(&["external"]);
    let far =
        offshoot::engine::duckdb::DuckDb::file(world.repository.path().join("far.duckdb"), std::time::Duration::ZERO);
    far.session()
        .expect("a session")
        .execute("CREATE SCHEMA erp; CREATE TABLE erp.stock (id BIGINT)")
        .expect("a table");
    let general = world.repository.read("external_models.yaml");
    let ran = world.done(&["external", "--gateway", "far"]);
    assert!(ran.stdout.starts_with("+ erp.stock (1 column)\n"), "{}", ran.stdout);
    let expected = format!("{general}- name: erp.stock\n  gateway: far\n  columns:\n    id: BIGINT\n");
    assert_eq!(world.repository.read("external_models.yaml"), expected);
    world.done(&["external", "--gateway", "far", "--check"]);
    world.done(&["external", "--check"]);
}

#[test]
fn where_there_is_nothing_to_ask_the_way_is_told() {
    let world = lab(&[("models/stock.sql", STAR)]);
    let ran = world.bot(&["external"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("there is no warehouse at"), "{}", ran.stderr);
    let fresh = World::empty();
    fresh.repository.write("config.yaml", CONFIG);
    for arguments in [&["external"][..], &["test"], &["test", "--create", "s.m"], &["lint"]] {
        let ran = fresh.bot(arguments);
        assert!(ran.stderr.contains("the branch `main` has no commit yet"), "{arguments:?}: {}", ran.stderr);
    }
}

/// Nested types hold commas, quotes and colons, and are kept to the letter.
#[test]
fn nested_types_are_kept() {
    let world = shop();
    let types = "u UNION(num INTEGER, str VARCHAR), s STRUCT(\"a: b\" INTEGER, c UNION(x DATE, y VARCHAR[])), \
                 m MAP(VARCHAR, INTEGER[3]), e ENUM('a: b', 'c  d', '#')";
    execute(&world, &format!("CREATE OR REPLACE TABLE erp.stock (id INTEGER, {types})"));
    world.done(&["external"]);
    world.done(&["external", "--check"]);
    let written = world.repository.read("external_models.yaml");
    for told in ["u: UNION(num INTEGER, str VARCHAR)", "UNION(x DATE, y VARCHAR[])", "MAP(VARCHAR, INTEGER[3])", "c  d"]
    {
        assert!(written.contains(told), "{told}: {written}");
    }
    world.repository.commit("external tables");
    world.done(&["plan"]);
}

#[test]
fn a_file_that_cannot_be_changed_in_place_is_not_touched() {
    let world = shop();
    let flow = "[{name: erp.stock}]\n";
    world.repository.write("external_models.yaml", flow);
    let ran = world.bot(&["external"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("line 1: a table that is not written as"), "{}", ran.stderr);
    assert_eq!(world.repository.read("external_models.yaml"), flow);
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let world = shop();
    world.repository.write("elsewhere.yaml", "");
    world.repository.link("external_models.yaml", "elsewhere.yaml");
    let ran = world.bot(&["external"]);
    assert_ne!(ran.exit, Exit::Done, "{}", ran.stdout);
    assert_eq!(world.repository.read("elsewhere.yaml"), "");
}

#[test]
fn postgresql_is_asked_too_and_keeps_the_case_of_its_names() {
    let star = "MODEL (name marts.stock, kind FULL);\nSELECT \"Shelf\", pieces FROM erp.\"Stock\"\n";
    let bare = "MODEL (name marts.lone, kind VIEW);\nSELECT * FROM lone\n";
    let shop = OnPostgres::with(World::empty(), &[("models/stock.sql", star), ("models/lone.sql", bare)]);
    let config = crate::engine_postgres::config(&shop.database);
    let engine = offshoot::engine::postgres::Postgres::new(config, std::sync::Arc::default());
    let sql = "CREATE SCHEMA erp; CREATE TABLE erp.\"Stock\" (\"Shelf\" VARCHAR(20), pieces NUMERIC(18, 3), at TIMESTAMPTZ); \
               CREATE VIEW public.lone AS SELECT 1 AS one";
    engine.session().expect("a session").execute(sql).expect("tables");
    let ran = shop.world.done(&["external"]);
    assert!(ran.stdout.starts_with("+ erp.Stock (3 columns)\n+ lone (1 column)\n"), "{}", ran.stdout);
    let expected = "- name: erp.\"Stock\"\n  columns:\n    '\"Shelf\"': character varying(20)\n    pieces: numeric(18,3)\n    at: timestamp with time zone\n- name: lone\n  columns:\n    one: integer\n";
    assert_eq!(shop.world.repository.read("external_models.yaml"), expected);
    shop.world.repository.commit("external tables");
    shop.world.done(&["external", "--check"]);
    let lint = format!(
        "{}linter: {{rules: ALL, ignored_rules: [nomissingaudits, nomissingunittest, noselectstar]}}\n",
        shop.world.repository.read("config.yaml")
    );
    edit(&shop.world, &[("config.yaml", &lint)]);
    assert_eq!(shop.world.done(&["lint"]).stdout, "4 models: no violation.\n");
}

/// As `sqlmesh create_external_models` writes it: with the catalog in which the warehouse's own names are.
#[test]
fn a_name_with_the_default_catalog_is_the_same_table() {
    let generated =
        "- name: '\"warehouse\".\"erp\".\"stock\"'\n  columns:\n    id: INTEGER\n  gateway: local\n  owner: erp team\n";
    let world = lab(&[("models/stock.sql", STAR), ("external_models.yaml", generated)]);
    world.sql("CREATE SCHEMA erp");
    world.sql("CREATE TABLE erp.stock AS SELECT 1 AS id");
    world.done(&["promote"]);
    let plan = world.done(&["plan", "--format", "json"]).json();
    assert_eq!(plan["problems"].to_string(), "[]");
    assert_eq!(world.done(&["external"]).stdout, "external_models.yaml says what the warehouse has.\n");
    world.sql("ALTER TABLE erp.stock ADD COLUMN day DATE");
    let told = world.done(&["external"]).stdout;
    assert!(told.starts_with("~ erp.stock\n    + day DATE\n"), "{told}");
    assert!(world.repository.read("external_models.yaml").starts_with("- name: '\"warehouse\".\"erp\".\"stock\"'\n"));
}
