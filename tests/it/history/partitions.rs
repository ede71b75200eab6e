//! INCREMENTAL_BY_PARTITION: a load replaces the partitions that it gives; all others stay, whatever becomes of the model.

use super::Site;
use crate::lab::edit;

fn parts(more: &str, columns: &str) -> String {
    format!(
        "MODEL (name s.parts, kind INCREMENTAL_BY_PARTITION{more}, partitioned_by (lower(region)), cron '@daily');\n\
         SELECT {columns} FROM raw.people"
    )
}

const PLAIN: &str = "id, name AS region, price";
const READER: &str = "MODEL (name s.total, kind FULL);\nSELECT sum(price) AS price FROM s.parts";

fn shown(site: &Site, view: &str, columns: &str) -> Vec<String> {
    site.lines(&format!("SELECT id, region, {columns} FROM {view} ORDER BY id"))
}

/// A partition that no query gives any more, and one that was loaded twice.
fn two_partitions(of: fn(&[(&str, &str)]) -> Site) -> Site {
    let site = of(&[("models/parts.sql", &parts("", PLAIN)), ("models/total.sql", READER)]).at("2026-04-01 00:00:00");
    site.people("(1,'eu',10,NULL),(2,'us',20,NULL),(3,NULL,30,NULL)");
    site.done(&["promote"]);
    let site = site.at("2026-04-02 00:00:00");
    site.people("(2,'US',21,NULL),(4,'us',22,NULL)");
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.parts", "price"), ["1|eu|10", "2|US|21", "3|NULL|30", "4|us|22"]);
    site.at("2026-04-03 00:00:00")
}

#[test]
fn whoever_wants_it_loaded_again_gets_all_of_it_anew() {
    for of in [Site::duckdb, Site::postgres] {
        let site = two_partitions(of);
        site.done(&["run", "--restate", "s.parts"]);
        assert_eq!(shown(&site, "s.parts", "price"), ["2|US|21", "4|us|22"]);
        assert_eq!(site.lines("SELECT price FROM s.total"), ["43"]);
    }
}

#[test]
fn partitions_that_nobody_gives_stay_through_definitions_reverts_and_rollbacks() {
    for of in [Site::duckdb, Site::postgres] {
        let site = two_partitions(of);
        site.world().repository.branch("feature");
        edit(site.world(), &[("models/parts.sql", &parts("", "id, name AS region, price * 10 AS price"))]);
        site.done(&["apply", "--env", "dev"]);
        let changed = ["1|eu|10", "2|US|210", "3|NULL|30", "4|us|220"];
        assert_eq!(shown(&site, "s__dev.parts", "price"), changed);
        assert_eq!(site.lines("SELECT price FROM s__dev.total"), ["470"]);
        assert_eq!(site.lines("SELECT price FROM s.total"), ["83"]);
        site.world().repository.checkout("main");
        site.world().repository.merge("feature");
        site.people("(5,NULL,50,NULL)");
        site.done(&["promote"]);
        let promoted = ["1|eu|10", "2|US|21", "4|us|22", "5|NULL|500"];
        assert_eq!(shown(&site, "s.parts", "price"), promoted, "production's rows, not the branch's");
        // Back, with what came meanwhile.
        site.done(&["rollback", "--to", "1", "--yes"]);
        assert_eq!(shown(&site, "s.parts", "price"), promoted);
        let site = site.at("2026-04-04 00:00:00");
        site.people("(6,'eu',60,NULL)");
        site.done(&["run"]);
        let after = ["2|US|21", "4|us|22", "5|NULL|500", "6|eu|60"];
        assert_eq!(shown(&site, "s.parts", "price"), after);
        assert_eq!(site.lines("SELECT price FROM s.total"), ["603"]);
        edit(site.world(), &[("notes.md", "on we go")]);
        site.done(&["promote", "--release"]);
        assert_eq!(shown(&site, "s.parts", "price"), ["2|US|21", "4|us|22", "5|NULL|500", "6|eu|600"]);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_column_that_was_dropped_comes_back_with_the_table_that_has_it() {
    for of in [Site::duckdb, Site::postgres] {
        let site = two_partitions(of);
        let refused = {
            edit(site.world(), &[("models/parts.sql", &parts("", "id, name AS region"))]);
            site.world().bot(&["promote", "--format", "json"])
        };
        assert!(refused.stderr.contains("error") && refused.exit != offshoot::error::Exit::Done, "{}", refused.stderr);
        edit(
            site.world(),
            &[("models/total.sql", "MODEL (name s.total, kind FULL);\nSELECT count(*) AS price FROM s.parts")],
        );
        edit(site.world(), &[("models/parts.sql", &parts(" (on_destructive_change allow)", "id, name AS region"))]);
        site.done(&["promote"]);
        assert_eq!(shown(&site, "s.parts", "'-'"), ["1|eu|-", "2|US|-", "3|NULL|-", "4|us|-"]);
        let site = site.at("2026-04-04 00:00:00");
        site.people("(6,'us',60,NULL)");
        site.done(&["run"]);
        site.done(&["rollback", "--to", "1", "--yes"]);
        assert_eq!(shown(&site, "s.parts", "price"), ["1|eu|10", "3|NULL|30", "6|us|NULL"]);
    }
}

#[test]
fn what_the_state_forgot_is_gone_on_with_and_what_makes_no_partitions_is_refused() {
    let site = two_partitions(Site::duckdb);
    let state = rusqlite::Connection::open(site.world().state()).expect("the state");
    assert_eq!(state.execute("DELETE FROM snapshots WHERE model LIKE '%parts%'", []).expect("a table"), 1);
    drop(state);
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.parts", "price").len(), 4);

    let wrong = [
        (parts(" (forward_only false)", PLAIN), "always `forward_only`"),
        (parts("", PLAIN).replace(", partitioned_by (lower(region))", ""), "needs `partitioned_by`"),
        (parts(" (batch_size 3)", PLAIN), "`batch_size` of kind INCREMENTAL_BY_PARTITION"),
    ];
    for (text, told) in wrong {
        edit(site.world(), &[("models/parts.sql", &text)]);
        let plan = site.world().bot(&["plan", "--format", "json"]).json();
        assert!(plan["problems"].to_string().contains(told), "{told}: {plan}");
    }
}
