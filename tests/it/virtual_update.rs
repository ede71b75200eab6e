//! ON_VIRTUAL_UPDATE: statements that run with the swap of a view, and with nothing else.

use offshoot::engine::Engine as _;
use offshoot::error::Exit;

use crate::lab::{CONFIG, each_statement, edit, lab};
use crate::on_postgres::{OnPostgres, rows};
use crate::world::World;

const BASE: &str = "MODEL (name s.base, kind FULL);\nSELECT 1 AS id";

/// A view that leaves a line in a log whenever it moves: what it and the table beneath show then.
fn top(query: &str, statement: &str) -> String {
    format!(
        "MODEL (name s.top, kind VIEW);\n{query};\nON_VIRTUAL_UPDATE_BEGIN;\n{statement};\nON_VIRTUAL_UPDATE_END;\n"
    )
}

const LOG: &str = "INSERT INTO ops.log SELECT 'moved', t.id, b.id FROM @this_model AS t, s.base AS b";

fn world(config: &str) -> World {
    let world = lab(&[
        ("config.yaml", config),
        ("models/base.sql", BASE),
        ("models/top.sql", &top("SELECT id + 10 AS id FROM s.base", LOG)),
    ]);
    execute(&world, "CREATE SCHEMA ops; CREATE TABLE ops.log (what VARCHAR, top INTEGER, base INTEGER)");
    world
}

fn execute(world: &World, sql: &str) {
    world.engine().session().expect("a session").execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// What the log holds; it is emptied.
fn log(world: &World) -> Vec<String> {
    let rows = world.sql("SELECT concat_ws(' ', what, top, base) FROM ops.log ORDER BY ALL");
    execute(world, "DELETE FROM ops.log");
    rows.into_iter().map(|row| row[0].clone().expect("a line")).collect()
}

#[test]
fn statements_run_when_the_view_moves_and_read_what_the_environment_shows() {
    for config in [CONFIG.to_owned(), each_statement()] {
        let world = world(&config);
        world.done(&["promote"]);
        assert_eq!(log(&world), ["moved 11 1"]);
        world.repository.write("notes.md", "nothing that counts");
        world.repository.commit("notes");
        world.done(&["promote"]);
        assert_eq!(log(&world), Vec::<String>::new(), "its view has not moved");

        world.repository.branch("feature");
        edit(&world, &[("models/base.sql", "MODEL (name s.base, kind FULL);\nSELECT 2 AS id")]);
        let rendered = world.done(&["render", "s.top", "--env", "dev", "--format", "json"]).json();
        let told =
            "INSERT INTO ops.log SELECT 'moved', t.id, b.id FROM \"s__dev\".\"top\" AS t, \"s__dev\".\"base\" AS b";
        assert_eq!(rendered["on_virtual_update"], serde_json::json!([told]));
        world.done(&["apply", "--env", "dev"]);
        assert_eq!(log(&world), ["moved 12 2"], "both are the environment's");
        // Another statement is another view, and no other table.
        let other = top("SELECT id + 10 AS id FROM s.base", &LOG.replace("'moved'", "@'of @{runtime_stage}'"));
        edit(&world, &[("models/top.sql", &other)]);
        let plan = world.done(&["plan", "--env", "dev", "--format", "json"]).json();
        let top = plan["models"].as_array().expect("models").iter().find(|model| model["name"] == "s.top");
        assert!(top.is_some_and(|top| top.to_string().contains("on_virtual_update")), "{plan}");
        assert!(world.done(&["apply", "--env", "dev", "--format", "json"]).builds().is_empty());
        assert_eq!(log(&world), ["of promoting 12 2"]);

        world.repository.checkout("main");
        world.repository.merge("feature");
        world.done(&["promote"]);
        assert_eq!(log(&world), ["of promoting 12 2"]);
        world.done(&["rollback", "--to", "1"]);
        assert_eq!(log(&world), ["moved 11 1"], "a rollback runs what ran then");
        world.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_statement_that_fails_or_takes_the_view_away_changes_nothing() {
    for config in [CONFIG.to_owned(), each_statement()] {
        let world = world(&config);
        world.done(&["promote"]);
        log(&world);
        for (statement, told) in [
            ("INSERT INTO ops.nothing VALUES (1)", "ops.nothing"),
            ("DROP VIEW @this_model", "ON_VIRTUAL_UPDATE of model `s.top` makes view"),
            ("CREATE OR REPLACE VIEW @this_model AS SELECT 7 AS id", "ON_VIRTUAL_UPDATE of model `s.top` makes view"),
        ] {
            edit(&world, &[("models/top.sql", &top("SELECT id + 20 AS id FROM s.base", statement))]);
            let refused = world.bot(&["promote"]);
            assert_ne!(refused.exit, Exit::Done, "{statement}");
            assert!(refused.stderr.contains(told), "{statement}: {}", refused.stderr);
            assert_eq!(world.value("SELECT id FROM s.top"), "11", "{statement}");
            log(&world);
        }
        edit(&world, &[("models/top.sql", &top("SELECT id + 30 AS id FROM s.base", LOG))]);
        world.done(&["promote"]);
        assert_eq!(log(&world), ["moved 31 1"]);
        world.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_grant_of_the_configuration_holds_for_every_view_of_every_environment() {
    let base = "MODEL (name s.base, kind FULL);\nSELECT 1 AS id";
    let on_postgres = OnPostgres::with(World::empty(), &[("models/base.sql", base)]);
    let OnPostgres { world, database } = &on_postgres;
    let config = world.repository.read("config.yaml");
    let role = format!("{}_reader", database.name);
    let admin = database.client();
    rows(&admin, &format!("CREATE ROLE {role}"));
    let default = format!("model_defaults:\n  on_virtual_update: [\"GRANT SELECT ON @this_model TO {role}\"]\n");
    edit(world, &[("config.yaml", &config.replace("model_defaults:\n", &default))]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    // Columns of another order: the view is dropped and made anew.
    edit(world, &[("models/base.sql", "MODEL (name s.base, kind FULL);\nSELECT 'x' AS name, 2 AS id")]);
    world.done(&["apply", "--env", "dev"]);
    world.repository.checkout("main");
    world.repository.merge("feature");
    world.done(&["promote"]);
    let may = |view: &str| rows(&admin, &format!("SELECT has_table_privilege('{role}', '{view}', 'SELECT')"));
    assert_eq!((may("s.base"), may("s__dev.base")), (vec!["t".to_owned()], vec!["t".to_owned()]));
    world.done(&["env", "drop", "dev"]);
    rows(&admin, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn privileges_of_views_are_those_that_the_model_says() {
    let database = |text: &str, reader: &str, loader: &str| text.replace("READER", reader).replace("LOADER", loader);
    let (reader, loader) = (format!("reader_{}", std::process::id()), format!("Loader {}", std::process::id()));
    let model = |grants: &str, value: u8| {
        let text = format!("MODEL (name s.top, kind FULL{grants});\nSELECT {value} AS id");
        // A name that is not quoted is in lower case, as everywhere.
        database(&text, &reader.to_uppercase(), &loader)
    };
    let said = ", grants ('select' = ['READER', PUBLIC], insert = '\"LOADER\"')";
    let on = OnPostgres::with(World::empty(), &[("models/top.sql", &model(said, 1))]);
    let admin = on.database.client();
    for role in [&reader, &loader] {
        rows(&admin, &format!("CREATE ROLE \"{role}\""));
    }
    let held = |view: &str| {
        let sql = format!(
            "SELECT acl.privilege_type, CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(acl.grantee) END \
             FROM pg_class AS view, aclexplode(view.relacl) AS acl \
             WHERE view.oid = '{view}'::regclass AND acl.grantee <> view.relowner ORDER BY 1, 2"
        );
        rows(&admin, &sql)
    };
    let (insert, select) = (format!("INSERT|{loader}"), format!("SELECT|{reader}"));
    on.world.done(&["promote"]);
    assert_eq!(held("s.top"), [insert.as_str(), "SELECT|PUBLIC", select.as_str()]);

    // Somebody gives more, which goes when the view moves; a branch's view has what its model says.
    rows(&admin, &format!("GRANT SELECT, UPDATE ON s.top TO \"{loader}\""));
    on.world.repository.branch("feature");
    let fewer = ", grants ('select' = ['READER'])";
    edit(&on.world, &[("models/top.sql", &model(fewer, 1))]);
    let plan = on.world.done(&["plan", "--env", "dev", "--format", "json"]).stdout;
    assert!(plan.contains("grants"), "{plan}");
    let rendered = on.world.done(&["render", "s.top", "--env", "dev", "--format", "json"]).stdout;
    assert!(rendered.contains("GRANT SELECT ON \\\"s__dev\\\".\\\"top\\\" TO"), "{rendered}");
    assert!(on.world.done(&["apply", "--env", "dev", "--format", "json"]).builds().is_empty());
    assert_eq!(held("s__dev.top"), [select.as_str()]);
    assert_eq!(held("s.top").len(), 5, "production's view has not moved");
    on.world.repository.checkout("main");
    on.world.repository.merge("feature");
    on.world.done(&["promote"]);
    assert_eq!(held("s.top"), [select.as_str()]);

    // Columns that let no view be replaced where it stands: it is made anew.
    edit(&on.world, &[("models/top.sql", &model(fewer, 1).replace("1 AS id", "'x'::text AS id"))]);
    on.world.done(&["promote"]);
    assert_eq!(held("s.top"), [select.as_str()]);
    // Nothing said is nothing taken; nobody said is nobody.
    edit(&on.world, &[("models/top.sql", &model("", 2))]);
    on.world.done(&["promote"]);
    assert_eq!(held("s.top"), [select.as_str()]);
    edit(&on.world, &[("models/top.sql", &model(", grants ()", 2))]);
    on.world.done(&["promote"]);
    assert!(held("s.top").is_empty());
    // A role that is not there stops the whole swap, by its name.
    edit(&on.world, &[("models/top.sql", &model(", grants (select = \"no'body\"\"; --\")", 3))]);
    let told = on.world.bot(&["promote"]).stderr;
    assert!(told.contains("no'body"), "{told}");
    assert_eq!(rows(&admin, "SELECT id FROM s.top"), ["2"]);
    for role in [&reader, &loader] {
        rows(&admin, &format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""));
    }
}
