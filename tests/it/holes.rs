//! Holes of the research on soundness that only show on an engine, by number.

use offshoot::engine::Engine as _;
use offshoot::error::Exit;

use crate::cases::files_below;
use crate::lab::lab;

/// A hole that nobody can find by its number is as good as none.
#[test]
fn every_hole_has_a_case_by_its_number() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    ["src", "tests"].iter().for_each(|folder| files_below(&root.join(folder), &mut files));
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let texts = files.iter().map(|path| std::fs::read_to_string(path).expect("a file"));
    let names: Vec<String> = texts
        .flat_map(|text| text.lines().filter(|line| line.starts_with("fn h")).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let is_missing = |number: &u32| !names.iter().any(|name| name.contains(&format!("h{number:02}_")));
    assert_eq!((1..=38).filter(is_missing).collect::<Vec<u32>>(), Vec::<u32>::new());
}

#[test]
fn h22_what_one_model_sets_does_not_act_on_another() {
    let reader = "SELECT 7 / 2 AS v, (SELECT count(*) FROM helper) AS n";
    for (first, second) in [("a", "b"), ("b", "a")] {
        let world = lab(&[
            (
                &format!("models/{first}.sql"),
                &format!(
                    "MODEL (name s.{first}, kind FULL);\nSET integer_division = true;\n\
                     CREATE TEMP TABLE helper AS SELECT 1 AS x UNION ALL SELECT 2;\n{reader}"
                ),
            ),
            (&format!("models/{second}.sql"), &format!("MODEL (name s.{second}, kind FULL);\n{reader}")),
        ]);
        let mut session = world.engine().session().expect("a session");
        session.execute("CREATE TABLE helper AS SELECT 1 AS x").expect("a table that nobody owns");
        drop(session);
        world.done(&["promote"]);
        assert_eq!(world.value(&format!("SELECT v || ' ' || n FROM s.{first}")), "3 2", "{first} before {second}");
        assert_eq!(world.value(&format!("SELECT v || ' ' || n FROM s.{second}")), "3.5 1", "{first} before {second}");
    }
}

#[test]
fn h27_an_embedded_text_is_not_captured_by_a_cte_of_its_reader() {
    for cte in ["raw", "other"] {
        let reader = format!("WITH {cte} AS (SELECT 99 AS x) SELECT e.x, q.x AS y FROM s.e AS e, {cte} AS q");
        let world = lab(&[
            ("models/e.sql", "MODEL (name s.e, kind EMBEDDED);\nSELECT x FROM raw"),
            ("models/c.sql", &format!("MODEL (name s.c, kind FULL);\n{reader}")),
        ]);
        let mut session = world.engine().session().expect("a session");
        session.execute("CREATE TABLE raw AS SELECT 1 AS x").expect("a table that nobody owns");
        drop(session);
        world.done(&["promote"]);
        assert_eq!(world.value("SELECT x || ' ' || y FROM s.c"), "1 99", "a CTE named {cte}");
    }
}

#[test]
fn h38_columns_of_an_external_table_that_are_not_declared_are_in_no_star_and_those_that_are_gone_are_told() {
    let world = lab(&[
        ("external_models.yaml", "- name: raw.t\n  columns: {id: int}\n"),
        ("models/m.sql", "MODEL (name s.m, kind FULL);\nSELECT * FROM raw.t"),
    ]);
    let mut session = world.engine().session().expect("a session");
    session.execute("CREATE SCHEMA raw; CREATE TABLE raw.t AS SELECT 2 AS surplus, 1 AS id").expect("a table");
    drop(session);
    world.done(&["promote"]);
    assert_eq!(world.sql("SELECT * FROM s.m"), [[Some("1".to_owned())]]);
    world.sql("ALTER TABLE raw.t RENAME id TO other");
    let ran = world.bot(&["run", "--restate", "s.m"]);
    assert_eq!(ran.exit, Exit::No, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("column \"id\" not found"), "{}", ran.stderr);
}
