//! What would lose something of a history, or is no history, is refused and changes nothing.

use super::Site;
use crate::lab::{each_statement, edit};

const KIND: &str = "SCD_TYPE_2_BY_COLUMN (unique_key id, columns [name])";

fn model(kind: &str, columns: &str) -> String {
    format!("MODEL (name s.m, kind {kind}, cron '@daily');\nSELECT {columns} FROM raw.people")
}

/// Production with one row, a day later, on both engines.
fn sites() -> [Site; 2] {
    Site::both(&[("models/m.sql", &model(KIND, "id, name, price"))]).map(|site| {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',300,NULL)");
        site.done(&["promote"]);
        site.at("2026-04-02 00:00:00")
    })
}

/// The error of a promote of another definition; production shows what it showed.
#[track_caller]
fn refused(site: &Site, text: &str) -> String {
    edit(site.world(), &[("models/m.sql", text)]);
    let ran = site.world().bot(&["promote", "--format", "json"]);
    assert_eq!(ran.exit, offshoot::error::Exit::No, "{}", ran.stderr);
    assert_eq!(site.history("s.m", "id, name, price"), ["1|a|300|1970-01-01|NULL"]);
    ran.error().to_string()
}

#[test]
fn what_would_be_lost_is_refused_until_somebody_says_so() {
    for site in sites() {
        // SQLMesh would leave the column in the table, and the rows that come without it.
        let ignoring = KIND.replace("[name]", "[name], on_destructive_change ignore, on_additive_change ignore");
        for kind in [KIND, &ignoring] {
            let told = refused(&site, &model(kind, "id, name"));
            assert!(
                told.contains("column `price` of the rows that are kept would be lost")
                    && told.contains("on_destructive_change")
            );
        }
        let told = refused(&site, &model(&ignoring, "id, name, price, 1 AS rank"));
        assert!(told.contains("`rank`") && told.contains("on_additive_change"), "{told}");
        // Nothing else is the matter with it.
        edit(site.world(), &[("models/m.sql", &model(&ignoring, "id, name, price"))]);
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", "id, name, price"), ["1|a|300|1970-01-01|NULL"]);
    }
}

#[test]
fn a_type_that_holds_less_is_refused_and_one_that_holds_more_is_taken() {
    for site in sites() {
        site.execute("UPDATE raw.people SET price = 3");
        let smaller = "id, name, CAST(CASE WHEN price > 9 THEN '0' ELSE '1' END AS BOOLEAN) AS price";
        let told = refused(&site, &model(KIND, smaller));
        assert!(
            told.contains("1 values of column `price` of the rows that are kept would change") || told.contains("cast"),
            "{told}"
        );
        let larger = model(KIND, "id, name, CAST(price AS BIGINT) AS price");
        edit(site.world(), &[("models/m.sql", &larger)]);
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", "id, name, price"), ["1|a|300|1970-01-01|NULL"]);
    }
}

#[test]
fn a_column_goes_where_its_author_says_so() {
    for site in sites() {
        let kind = KIND.replace("[name]", "[name], on_destructive_change allow");
        edit(site.world(), &[("models/m.sql", &model(&kind, "id, name"))]);
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", "id, name"), ["1|a|1970-01-01|NULL"]);
        // The table before still has it, and it comes back with that.
        edit(site.world(), &[("models/m.sql", &model(KIND, "id, name, price"))]);
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", "id, name, price"), ["1|a|300|1970-01-01|NULL"]);
    }
}

#[test]
fn rows_without_a_key_or_with_one_twice_are_named() {
    for site in sites() {
        site.people("(NULL,'b',1,NULL)");
        let ran = site.world().bot(&["run", "--format", "json"]);
        assert!(ran.error().to_string().contains("unique key `id` is NULL in a row"), "{}", ran.stderr);
        site.people("(1,'b',1,NULL),(1,'c',1,NULL)");
        let ran = site.world().bot(&["run"]);
        assert!(
            ran.stderr.contains("unique key `id`") && ran.stderr.contains("comes 2 times in one load"),
            "{}",
            ran.stderr
        );
        assert_eq!(site.history("s.m", "id, name, price"), ["1|a|300|1970-01-01|NULL"]);
    }
}

#[test]
fn another_key_needs_its_column_and_one_present_row() {
    for site in sites() {
        site.people("(1,'a',300,NULL),(2,'b',300,NULL)");
        site.done(&["run"]);
        let by_name = KIND.replace("unique_key id", "unique_key tier").replace("[name]", "[price]");
        edit(site.world(), &[("models/m.sql", &model(&by_name, "id, name, price, id AS tier"))]);
        let ran = site.world().bot(&["promote", "--format", "json"]);
        assert!(ran.error().to_string().contains("has no column `tier`"), "{}", ran.stderr);
        let by_price = KIND.replace("unique_key id", "unique_key price");
        let fewer = model(&by_price, "id, name, price").replace("raw.people", "raw.people WHERE id = 1");
        edit(site.world(), &[("models/m.sql", &fewer)]);
        let ran = site.world().bot(&["promote", "--format", "json"]);
        assert!(ran.error().to_string().contains("several present rows of one key"), "{}", ran.stderr);
        assert_eq!(site.history("s.m", "id").len(), 2);
    }
}

#[test]
fn a_query_may_not_give_what_the_kind_adds() {
    for (kind, columns, told) in [
        (KIND, "id, name, price, updated_at AS valid_from", "the query gives the column `valid_from`"),
        ("SCD_TYPE_2 (unique_key id)", "id, name, price", "`updated_at_name` is `updated_at`, which is not among"),
    ] {
        let site = Site::duckdb(&[("models/m.sql", &model(kind, columns))]);
        let ran = site.world().bot(&["promote", "--format", "json"]);
        assert_eq!(ran.exit, offshoot::error::Exit::No);
        assert!(ran.error().to_string().contains(told), "{}", ran.stderr);
    }
}

#[test]
fn an_engine_that_undoes_nothing_keeps_no_history() {
    let site = Site::duckdb(&[("config.yaml", &each_statement()), ("models/m.sql", &model(KIND, "id, name, price"))]);
    let ran = site.world().bot(&["promote", "--format", "json"]);
    assert!(ran.error().to_string().contains("not undone together"), "{}", ran.stderr);
}

#[test]
fn a_history_is_not_loaded_again() {
    let reader = "MODEL (name s.r, kind FULL);\nSELECT count(*) AS n FROM s.m";
    let parent = "MODEL (name s.p, kind FULL);\nSELECT id, name, price FROM raw.people";
    let texts = [
        ("models/p.sql", parent.to_owned()),
        ("models/m.sql", model(KIND, "id, name, price").replace("raw.people", "s.p")),
        ("models/r.sql", reader.to_owned()),
    ];
    let models: Vec<(&str, &str)> = texts.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let site = Site::duckdb(&models).at("2026-04-01 00:00:00");
    site.people("(1,'a',300,NULL)");
    site.done(&["promote"]);
    let ran = site.world().bot(&["run", "--restate", "s.m"]);
    assert!(ran.stderr.contains("`s.m` is a history, and no query gives again what it holds"), "{}", ran.stderr);
    site.people("(1,'b',300,NULL)");
    let ran = site.done(&["run", "--restate", "s.p"]);
    assert!(ran.stdout.contains("a history, which is not loaded again"), "{}", ran.stdout);
    assert_eq!(site.history("s.m", "id, name"), ["1|a|1970-01-01|NULL"]);
}

#[test]
fn a_history_that_ends_is_told_before() {
    let site = Site::duckdb(&[("models/m.sql", &model(KIND, "id, name, price"))]);
    site.done(&["promote"]);
    site.world().repository.branch("feature");
    edit(site.world(), &[("models/m.sql", &model("FULL", "id, name, price"))]);
    let plan = site.done(&["plan", "--format", "json"]).json();
    assert!(
        plan["problems"].to_string().contains("nothing goes on with the rows that production has of `s.m`"),
        "{plan}"
    );
}

#[test]
fn what_is_not_supported_is_named_with_its_place() {
    let kind = "SCD_TYPE_2_BY_COLUMN (unique_key id, columns [name], batch_size 1, forward_only false, \
                on_additive_change ignore, valid_to_name valid_from, updated_at_name u)";
    let text = model(kind, "id, name, @start_ds AS day");
    let site = Site::duckdb(&[
        ("models/m.sql", &text),
        ("models/n.sql", &model("SCD_TYPE_2 (unique_key ())", "id").replace("s.m", "s.n")),
    ]);
    let plan = site.world().bot(&["plan", "--format", "json"]).json();
    let told: Vec<String> = plan["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|problem| {
            format!(
                "{}:{}:{} {}",
                problem["path"].as_str().unwrap_or_default(),
                problem["line"],
                problem["column"],
                problem["message"].as_str().unwrap_or_default()
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}
