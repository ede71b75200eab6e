//! Queries, properties, statements, files, context: what moves whom.

use super::*;

#[test]
fn a_column_added_to_a_parent_moves_only_who_reads_it() {
    shop_moves(&["m", "reads_star"], "amount * 2 AS net FROM", "amount * 2 AS net, region FROM");
    shop_moves(&["m", "reads_net", "reads_star"], "amount * 2 AS net", "amount * 3 AS net");
    shop_moves(&["counts", "far", "m", "reads_id", "reads_net", "reads_star"], "id > 0", "id > 1");
    shop_moves(&["m", "reads_star"], "SELECT id, amount, amount * 2 AS net", "SELECT id, amount * 2 AS net");
}

#[test]
fn formatting_moves_nothing() {
    let formatted = edited(
        "SELECT id, amount, amount * 2 AS net FROM s.raw WHERE id > 0",
        "-- what it is\nselect\n  r.ID, (amount), /* twice */ amount*2 net\nfrom S.Raw as r\nwhere ((r.id) > 0);",
    );
    assert_eq!(moved(SHOP, &formatted), Vec::<String>::new());
    let cte = edited(
        "SELECT id, amount, amount * 2 AS net FROM s.raw WHERE id > 0",
        "WITH kept AS (SELECT * FROM s.raw WHERE id > 0) SELECT id, amount, amount * 2 AS net FROM kept",
    );
    assert_eq!(moved(SHOP, &cte), ["counts", "far", "m", "reads_id", "reads_net", "reads_star"]);
    let other = cte.replace("kept", "rows_kept");
    assert_eq!(moved(&cte, &other), Vec::<String>::new());
}

#[test]
fn names_and_order_of_files_do_not_matter() {
    let renamed_file = SHOP.replace("models/m.sql", "models/zz/other.sql");
    assert_eq!(moved(SHOP, &renamed_file), Vec::<String>::new());
    let files: Vec<&str> = SHOP.split("//- ").filter(|file| !file.is_empty()).collect();
    let reversed: String = files.iter().rev().map(|file| format!("//- {file}")).collect();
    assert_eq!(moved(SHOP, &reversed), Vec::<String>::new());
}

#[test]
fn a_renamed_model_is_built_again_and_its_readers_are_not() {
    let renamed = SHOP.replace("name s.m,", "name s.orders,").replace("FROM s.m", "FROM s.orders");
    assert_eq!(moved(SHOP, &renamed), ["m", "orders"]);
    let keys = |fixture: &str, name: &str| tree(fixture).fingerprints[&ModelName::parse(name).expect("a name")].data;
    assert_eq!(keys(SHOP, "s.m"), keys(&renamed, "s.orders"), "the key has the name, the fingerprint has not");
}

#[test]
fn properties_that_shape_data_and_those_that_describe_it() {
    let both = &["c", "m"];
    pair_moves(both, &one("kind FULL"), &one("kind FULL, stamp 'again'"));
    pair_moves(both, &one("kind FULL"), &one("kind FULL, physical_properties (x = 'y')"));
    pair_moves(&["m"], &one("kind FULL"), &one("kind FULL, partitioned_by (k)"));
    pair_moves(&["m"], &one("kind FULL"), &one("kind FULL, clustered_by (k)"));
    pair_moves(both, &one("kind FULL"), &one("kind FULL, columns (id INT, k INT, v BIGINT, ds DATE)"));
    for described in [
        "owner jen",
        "description 'what'",
        "tags (a, b)",
        "cron '@weekly'",
        "grain id",
        "audits (not_null(columns := (id)))",
        "column_descriptions (id = 'key')",
        "references (id)",
    ] {
        let (before, after) = (pair(&one("kind FULL")), pair(&one(&format!("kind FULL, {described}"))));
        assert_eq!(moved(&before, &after), Vec::<String>::new(), "{described}");
        let changes = diff(&tree(&before), &tree(&after));
        let told: Vec<_> = changes.iter().map(|change| (change.name.table(), change.change)).collect();
        assert_eq!(told, [("m", Change::Metadata)], "{described}");
    }
}

#[test]
fn statements_move_the_rows_but_for_a_few() {
    let with = |statement: &str| format!("MODEL (name s.m, kind FULL);\n{statement}SELECT id, v FROM s.p");
    let after = |statement: &str| format!("MODEL (name s.m, kind FULL);\nSELECT id, v FROM s.p;\n{statement}");
    let both = &["c", "m"];
    pair_moves(both, &with(""), &with("SET threads = 1;\n"));
    pair_moves(both, &with("SET threads = 1;\n"), &with("SET threads = 2;\n"));
    pair_moves(both, &with(""), &after("UPDATE x SET y = 1"));
    pair_moves(both, &with("SET threads = 1;\n"), &after("SET threads = 1"));
    pair_moves(&[], &with("SET threads = 1;\n"), &with("set  threads=1; -- fast\n"));
    for harmless in ["GRANT SELECT ON s.p TO x", "COMMENT ON TABLE s.p IS 'x'", "ANALYZE", "VACUUM s.p"] {
        pair_moves(&[], &with(""), &after(harmless));
    }
    // A harmless statement does not make the model read its parents as a whole.
    let granted = |column: &str| {
        pair(&after("GRANT SELECT ON s.p TO x"))
            .replace("k, v, ds FROM raw.p", &format!("{column} AS k, v, ds FROM raw.p"))
    };
    assert_eq!(moved(&granted("k"), &granted("k + 1")), ["p"]);
}

#[test]
fn h24_hidden_reads_take_the_whole_parent() {
    let parent = |more: &str| {
        format!(
            "//- models/p.sql\nMODEL (name s.p, kind FULL);\nSELECT id{more} FROM raw.p\n//- models/q.sql\nMODEL (name s.q, kind FULL);\nSELECT id FROM raw.q\n//- models/m.sql\n"
        )
    };
    for model in [
        "MODEL (name s.m, kind FULL, depends_on [s.p]);\nSELECT id FROM s.q",
        "MODEL (name s.m, kind FULL);\nCREATE TEMP TABLE h AS SELECT * FROM s.p;\nSELECT id FROM s.q",
        "MODEL (name s.m, kind FULL);\nSELECT id FROM s.q, query('SELECT id FROM s.p')",
        "MODEL (name s.m, kind FULL);\nSELECT id FROM query_table('s.p')",
        "MODEL (name s.m, kind FULL);\nSELECT id FROM s.q;\nINSERT INTO log SELECT * FROM s.p",
    ] {
        assert_eq!(
            moved(&format!("{}{model}", parent("")), &format!("{}{model}", parent(", x"))),
            ["m", "p"],
            "{model}"
        );
    }
    let single = |more: &str, query: &str| {
        format!(
            "//- models/p.sql\nMODEL (name p, kind FULL);\nSELECT id{more} FROM raw.p\n//- models/m.sql\nMODEL (name m, kind FULL);\n{query}"
        )
    };
    for query in [
        "SELECT id FROM raw.x, p PIVOT (sum(id) FOR id IN (1)) WHERE ->",
        "SELECT id FROM query_table('p')",
        "SELECT id FROM 'p'",
        "CREATE TEMP TABLE h AS SELECT * FROM p;\nSELECT id FROM h",
        "FROM raw.x, p |> SELECT 1",
    ] {
        assert_eq!(moved(&single("", query), &single(", x", query)), ["m", "p"], "{query}");
    }
}

#[test]
fn a_macro_of_a_session_is_a_function_of_its_arguments_where_its_body_says_so() {
    let project = |body: &str, parent: &str| {
        format!(
            "//- models/p.sql\nMODEL (name s.p, kind FULL);\nSELECT {parent} FROM raw.p\n//- models/m.sql\n\
             MODEL (name s.m, kind FULL);\nCREATE TEMP MACRO cut(a) AS {body};\nSELECT cut(id) AS v FROM s.p\n\
             //- models/upper.sql\nMODEL (name s.upper, kind FULL);\nCREATE TEMP MACRO upper(a) AS {body};\n\
             SELECT upper(id) AS v FROM s.p"
        )
    };
    for plain in ["a * 2", "CASE WHEN a > 1 THEN abs(a) ELSE -1 END", "coalesce(a, 'x')"] {
        assert_eq!(moved(&project(plain, "id, x"), &project(plain, "id, x + 1 AS x")), ["p"], "{plain}");
        assert_eq!(moved(&project(plain, "id, x"), &project("a", "id, x")), ["m", "upper"], "{plain}");
    }
    for other in ["sum(a)", "(SELECT max(v) FROM raw.q)", "random() + a", "unnest([a])", "strange(a)", "\"abs\"(a)"] {
        assert_eq!(moved(&project(other, "id, x"), &project(other, "id, x + 1 AS x")), ["m", "p", "upper"], "{other}");
    }
}

#[test]
fn h25_files_that_a_text_names_are_inputs() {
    let reading = |path: &str, content: &str| {
        format!(
            "//- data/x.csv\nid\n{content}\n//- models/m.sql\nMODEL (name s.m, kind FULL);\nSELECT id FROM {path}\n\
             //- models/c.sql\nMODEL (name s.c, kind FULL);\nSELECT id FROM s.m"
        )
    };
    for path in [
        "read_csv('data/x.csv')",
        "read_csv('./data/x.csv')",
        "'data/x.csv'",
        "read_csv('data/*.csv')",
        "read_csv('data/?.csv')",
        "read_csv('*/x.csv')",
        "read_csv('**/*.csv')",
        "read_csv('data/[a-x].csv')",
        "read_csv('/srv/shop/data/x.csv')",
        "\"data/x.csv\"",
        "read_csv('/srv/shop/data/*.csv')",
    ] {
        assert_eq!(moved(&reading(path, "1"), &reading(path, "2")), ["c", "m"], "{path}");
    }
    for path in
        ["read_csv('data/y.csv')", "read_csv('xdata/x.csv')", "read_csv('other/*.csv')", "read_csv('data/*.json')"]
    {
        assert_eq!(moved(&reading(path, "1"), &reading(path, "2")), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn h23_what_the_project_writes_outside_is_an_input() {
    let helper = |value: &str| {
        format!(
            "//- models/a.sql\nMODEL (name s.a, kind FULL);\nSELECT 1 AS x;\nCREATE OR REPLACE TABLE helper AS SELECT {value} AS x\n\
             //- models/b.sql\nMODEL (name s.b, kind FULL);\nSELECT x FROM helper\n\
             //- models/c.sql\nMODEL (name s.c, kind FULL);\nSELECT x FROM other"
        )
    };
    assert_eq!(moved(&helper("1"), &helper("2")), ["a", "b"]);
    // A part of a word is no name, and a setting of one session writes nothing.
    let statement = |statement: &str| {
        format!(
            "//- models/a.sql\nMODEL (name s.a, kind FULL);\n{statement};\nSELECT 1 AS x\n\
             //- models/b.sql\nMODEL (name s.b, kind FULL);\nSELECT x FROM t"
        )
    };
    for (one, other, builds) in [
        ("SET TimeZone = 'Asia/Tokyo'", "SET TimeZone = 't'", &["a"][..]),
        ("CALL run('INSERT INTO tt')", "CALL run('INSERT INTO ttt')", &["a"]),
        ("CALL run('INSERT INTO t')", "CALL run('INSERT INTO \"t\"')", &["a", "b"]),
        ("SET VARIABLE v = (SELECT write('t', 1))", "SET VARIABLE v = (SELECT write('t', 2))", &["a", "b"]),
        ("CREATE TEMP TABLE h AS FROM t", "CREATE OR REPLACE TEMP TABLE h AS (SELECT max(x) AS x FROM t)", &["a"]),
        ("CREATE TEMPORARY MACRO h(t) AS t + 1", "CREATE TEMPORARY MACRO h(t) AS abs(t)", &["a"]),
        ("CREATE TEMP TABLE h AS SELECT write('t', 1)", "CREATE TEMP TABLE h AS SELECT write('t', 2)", &["a", "b"]),
        ("CREATE TABLE t AS SELECT 1 AS x", "CREATE TABLE t AS SELECT 2 AS x", &["a", "b"]),
        ("CREATE TABLE temp AS FROM t", "CREATE TABLE temp AS SELECT x FROM t", &["a", "b"]),
        ("SET GLOBAL s = 't'", "SET GLOBAL s = 'main.t'", &["a", "b"]),
    ] {
        assert_eq!(moved(&statement(one), &statement(other)), builds, "{one} → {other}");
    }
    let function = |value: &str, name: &str| {
        format!(
            "//- models/a.sql\nMODEL (name s.a, kind FULL);\nSELECT 1 AS x;\nCREATE OR REPLACE MACRO {name}(v) AS v * {value}\n\
             //- models/b.sql\nMODEL (name s.b, kind FULL);\nSELECT net(x) AS x FROM raw.t\n\
             //- models/c.sql\nMODEL (name s.c, kind FULL);\nSELECT upper(x) AS x FROM raw.t"
        )
    };
    assert_eq!(moved(&function("1", "net"), &function("2", "net")), ["a", "b"]);
    assert_eq!(moved(&function("1", "main.upper"), &function("2", "main.upper")), ["a", "c"]);
    assert_eq!(moved(&function("1", "other"), &function("2", "other")), ["a"]);
    let type_of = |values: &str| {
        format!(
            "//- models/a.sql\nMODEL (name s.a, kind FULL);\nSELECT 1 AS x;\nCREATE TYPE mood AS ENUM ({values})\n\
             //- models/b.sql\nMODEL (name s.b, kind FULL);\nSELECT x::mood AS x FROM raw.t"
        )
    };
    assert_eq!(moved(&type_of("'a'"), &type_of("'a', 'b'")), ["a", "b"]);
}

#[test]
fn external_tables_are_their_names() {
    let external = |declared: &str, name: &str| {
        format!(
            "{declared}//- models/m.sql\nMODEL (name s.m, kind FULL);\nSELECT id FROM {name}\n//- models/c.sql\nMODEL (name s.c, kind FULL);\nSELECT id FROM s.m"
        )
    };
    let declared = "//- external_models.yaml\n- name: raw.p\n  columns: {id: int}\n";
    assert_eq!(moved(&external("", "raw.p"), &external("", "raw.q")), ["c", "m"]);
    assert_eq!(
        moved(&external("", "raw.p"), &external(declared, "raw.p")),
        ["p"],
        "a declaration alone changes no reader"
    );
}

#[test]
fn what_a_python_model_says_moves_its_readers() {
    let python = |columns: &str, body: &str| {
        format!(
            "//- models/p.py\n@model('s.p', columns={columns})\ndef execute(context):\n    {body}\n\
             //- models/m.sql\nMODEL (name s.m, kind FULL);\nSELECT id FROM s.p\n//- models/n.sql\nMODEL (name s.n, kind FULL);\nSELECT id FROM raw.n"
        )
    };
    let one = python("{'id': 'int'}", "yield 1");
    assert_eq!(moved(&one, &python("{'id': 'int'}", "yield 2")), ["m", "p"]);
    assert_eq!(moved(&one, &python("{'id': 'int', 'x': 'int'}", "yield 1")), ["m", "p"]);
    assert_eq!(moved(&one, &one), Vec::<String>::new());
}

#[test]
fn an_opaque_model_moves_with_everything_that_it_mentions() {
    let pivot = |column: &str, sql: &str| {
        format!(
            "//- models/p.sql\nMODEL (name s.p, kind FULL);\nSELECT id, {column} AS v FROM raw.p\n//- models/m.sql\nMODEL (name s.m, kind FULL);\n{sql}\n\
             //- models/c.sql\nMODEL (name s.c, kind FULL);\nSELECT id FROM s.m"
        )
    };
    for sql in [
        "PIVOT s.p ON id USING sum(id)",
        "SELECT id FROM s.p WHERE my_udf(id)",
        "SELECT id FROM s.p LIMIT 50%",
        "SELECT COLUMNS(*), id FROM s.p",
    ] {
        assert_eq!(moved(&pivot("v", sql), &pivot("v + 1", sql)), ["c", "m", "p"], "{sql}");
        assert_eq!(moved(&pivot("v", sql), &pivot("v", &sql.replace(' ', "  "))), Vec::<String>::new(), "{sql}");
        assert_eq!(moved(&pivot("v", sql), &pivot("v", &sql.replace("id", "v"))), ["c", "m"], "{sql}");
    }
}

#[test]
fn time_stays_symbolic_and_variables_enter_by_value() {
    let model = |config: &str, sql: &str| {
        let files =
            format!("{}//- models/m.sql\nMODEL (name s.m, kind FULL);\n{sql}", CONFIG.replace("limit: 3", config));
        let files = TextTree::parse(&files);
        let (environment, cache) = (BTreeMap::new(), ModelCache::new());
        let loaded =
            load(&files, &Surroundings { environment: &environment, gateway: None, cache: &cache, shelf: None });
        assert!(
            loaded.problems.iter().all(|problem| problem.severity != crate::problem::Severity::Error),
            "{:?}",
            loaded.problems
        );
        let (tree, _) = Tree::new(loaded.project.models, loaded.project.files, Digest::of("engine", "x"), None);
        tree.fingerprints[&ModelName::parse("s.m").expect("a name")].data
    };
    let filter = "SELECT id FROM raw.p WHERE v > @limit";
    assert_ne!(model("limit: 3", filter), model("limit: 4", filter));
    assert_eq!(model("limit: 3", filter), model("limit: 3, other: 4", filter));
    assert_eq!(model("limit: 3", filter), model("limit: 3", "SELECT id FROM raw.p WHERE v > 3"));
    let time = |name: &str| model("limit: 3", &format!("SELECT id FROM raw.p WHERE ds > {name}"));
    assert_eq!(time("@start_ds"), time("@START_DS"));
    assert_ne!(time("@start_ds"), time("@start_date"));
    assert_ne!(time("@start_ds"), time("@end_ds"));
    assert_ne!(time("@start_ds"), time("'2026-01-01'"));
    assert_eq!(time("@latest_ds"), time("@execution_ds"));
}

#[test]
fn h21_the_context_moves_every_model_with_a_query() {
    let (one, other) = (tree(SHOP), tree_in(SHOP, "other settings", None));
    assert!(one.fingerprints.iter().all(|(name, old)| other.fingerprints[name].data != old.data));
    let changes = diff(&one, &other);
    assert!(changes.iter().any(|change| change.reasons.contains(&Reason::ContextChanged)));
}
