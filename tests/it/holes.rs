//! Holes of the research on soundness that only show on an engine, by number.

use offshoot::engine::Engine as _;
use offshoot::error::Exit;

use crate::lab::lab;

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
fn h38_an_external_table_with_other_columns_than_declared_is_told() {
    let world = lab(&[
        ("external_models.yaml", "- name: raw.t\n  columns: {id: int}\n"),
        ("models/m.sql", "MODEL (name s.m, kind FULL);\nSELECT * FROM raw.t"),
    ]);
    let mut session = world.engine().session().expect("a session");
    session.execute("CREATE SCHEMA raw; CREATE TABLE raw.t AS SELECT 1 AS id, 2 AS surplus").expect("a table");
    drop(session);
    let ran = world.bot(&["promote"]);
    assert_eq!(ran.exit, Exit::No, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("surplus"), "{}", ran.stderr);
}
