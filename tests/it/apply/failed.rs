//! Models that are not built: what they take with them, and what is told of each.

use super::*;

#[test]
fn a_failed_model_stops_only_its_readers() {
    let world = shop();
    world.repository.branch("feature");
    let files = [
        ("models/bad.sql", "MODEL (name marts.bad, kind FULL);\nSELECT CAST('x' AS INT) AS n FROM staging.orders"),
        ("models/reader.sql", "MODEL (name marts.reader, kind FULL);\nSELECT n FROM marts.bad"),
        ("models/good.sql", "MODEL (name marts.good, kind FULL);\nSELECT 1 AS n FROM staging.orders"),
    ];
    edit(&world, &files);
    for jobs in ["1", "4"] {
        let ran = world.bot(&["apply", "--env", "dev", "--jobs", jobs]);
        assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
        assert!(ran.stderr.contains("model `marts.bad` (`models/bad.sql`) was not built"), "{}", ran.stderr);
        assert!(ran.stderr.contains("not built because of it: `marts.reader`"), "{}", ran.stderr);
        assert_eq!(world.views().iter().filter(|view| view.contains("__dev")).count(), 0, "nothing moved");
    }
    edit(&world, &[("models/bad.sql", "MODEL (name marts.bad, kind FULL);\nSELECT 2 AS n FROM staging.orders")]);
    assert_eq!(builds(&apply(&world)), ["marts.bad", "marts.reader"], "`marts.good` was built the first time");
}

#[test]
fn each_model_that_failed_is_told_with_its_cause() {
    let world = shop();
    world.repository.branch("feature");
    let full = |name: &str, query: &str| {
        (format!("models/{name}.sql"), format!("MODEL (name marts.{name}, kind FULL);\n{query}"))
    };
    let models = [
        full("a", "SELECT CAST('x' AS INT) + id AS n FROM raw.orders"),
        full("b", "SELECT CAST('y' AS INT) + id AS n FROM raw.orders"),
        full("c", "SELECT CAST('x' AS INT) + id AS n FROM raw.orders"),
        full("d", "SELECT a.n FROM marts.a JOIN marts.b USING (n)"),
    ];
    edit(&world, &models.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    let ran = world.bot(&["apply", "--env", "dev", "--jobs", "1"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    for told in [
        "error: model `marts.c` (`models/c.sql`) was not built\n  caused by: Conversion Error: Could not convert string 'x' to INT32",
        "hint: also failed: `marts.b`, `marts.a`\n",
        "hint: `marts.b` failed by: Conversion Error: Could not convert string 'y' to INT32",
        "hint: not built because of them: `marts.d`\n",
    ] {
        assert!(ran.stderr.contains(told), "{told}\n{}", ran.stderr);
    }
}

#[test]
fn a_failed_model_takes_none_of_those_down_that_it_shares_a_transaction_with() {
    let world = shop();
    world.repository.branch("feature");
    let full = |name: &str, query: &str| {
        (format!("models/{name}.sql"), format!("MODEL (name marts.{name}, kind FULL);\n{query}"))
    };
    let mut models: Vec<_> =
        (0..8).map(|n| full(&format!("s{n}"), &format!("SELECT id + {n} AS n FROM staging.orders"))).collect();
    models.push(full("s3_bad", "SELECT CAST('x' AS INT) + id AS n FROM raw.orders"));
    models.push(full("s4_other", "SELECT n, 1 AS n FROM marts.s3_bad"));
    models.push(full("sum", "SELECT SUM(a.n) AS n FROM marts.s0 AS a JOIN marts.s7 AS b ON a.n < b.n"));
    edit(&world, &models.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    for jobs in ["1", "2"] {
        let ran = world.bot(&["apply", "--env", "dev", "--jobs", jobs]);
        assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
        assert!(ran.stderr.contains("model `marts.s3_bad` (`models/s3_bad.sql`) was not built"), "{}", ran.stderr);
        assert!(ran.stderr.contains("not built because of it: `marts.s4_other`"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("also failed"), "{}", ran.stderr);
    }
    let mended = full("s3_bad", "SELECT id AS n FROM raw.orders");
    let reader = full("s4_other", "SELECT n FROM marts.s3_bad");
    edit(&world, &[(mended.0.as_str(), mended.1.as_str()), (reader.0.as_str(), reader.1.as_str())]);
    assert_eq!(builds(&apply(&world)), ["marts.s3_bad", "marts.s4_other"], "all others were built the first time");
    assert_same(&shown(world.repository.path(), "__dev"), &clean_build(&world, "2026-04-01"), "like a clean build");
}
