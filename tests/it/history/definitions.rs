//! A history goes on through whatever becomes of its model: a branch's preview leaves it alone, a promote carries it over, a
//! revert and a rollback bring back a table that has got all that came after it.

use super::Site;
use crate::lab::edit;

const BASE: &str = "MODEL (name s.base, kind VIEW);\nSELECT id, name, price FROM raw.people";
const READER: &str = "MODEL (name s.versions, kind FULL);\nSELECT id, count(*) AS versions FROM s.dim GROUP BY id";

fn dim(columns: &str) -> String {
    format!(
        "MODEL (name s.dim, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns [name, price]), cron '@daily');\n\
         SELECT {columns} FROM s.base"
    )
}

const PLAIN: &str = "id, name, price";

fn site(of: fn(&[(&str, &str)]) -> Site) -> Site {
    of(&[("models/base.sql", BASE), ("models/dim.sql", &dim(PLAIN)), ("models/versions.sql", READER)])
}

/// Three generations of a row, the third of them on the third of April.
fn three_generations(mut site: Site) -> Site {
    for (day, price, command) in [("01", 10, "promote"), ("02", 11, "run"), ("03", 12, "run")] {
        site = at(site, day);
        site.people(&format!("(1,'a',{price},NULL)"));
        site.done(&[command]);
    }
    assert_eq!(site.history("s.dim", PLAIN), THREE);
    site
}

const THREE: [&str; 3] = ["1|a|10|1970-01-01|2026-04-02", "1|a|11|2026-04-02|2026-04-03", "1|a|12|2026-04-03|NULL"];

fn at(site: Site, day: &str) -> Site {
    site.at(&format!("2026-04-{day} 00:00:00"))
}

/// What main gets is promoted.
fn merged(site: &Site, files: &[(&str, &str)]) {
    edit(site.world(), files);
    site.done(&["promote"]);
}

fn versions(site: &Site, view: &str) -> Vec<String> {
    site.lines(&format!("SELECT versions FROM {view}"))
}

#[test]
fn a_history_keeps_its_rows_through_columns_parents_reverts_and_rollbacks() {
    for of in [Site::duckdb, Site::postgres] {
        let site = three_generations(site(of));
        // A column more: what was before does not know it, the present row learns it, and none of that is a new version.
        let tiered = dim("id, name, price, 'gold' AS tier");
        let site = at(site, "04");
        merged(&site, &[("models/dim.sql", &tiered)]);
        let columns = "id, name, price, tier";
        let expected =
            ["1|a|10|NULL|1970-01-01|2026-04-02", "1|a|11|NULL|2026-04-02|2026-04-03", "1|a|12|gold|2026-04-03|NULL"];
        assert_eq!(site.history("s.dim", columns), expected);
        assert_eq!(versions(&site, "s.versions"), ["3"]);

        // A parent that gives something else: a new version, and all that was.
        let site = at(site, "05");
        merged(&site, &[("models/base.sql", &BASE.replace("price FROM", "price * 100 AS price FROM"))]);
        assert_eq!(site.history("s.dim", columns).len(), 4);
        // As it was: the table of that definition has got the version since.
        let site = at(site, "06");
        merged(&site, &[("models/base.sql", BASE)]);
        let expected = [
            "1|a|10|NULL|1970-01-01|2026-04-02",
            "1|a|11|NULL|2026-04-02|2026-04-03",
            "1|a|12|gold|2026-04-03|2026-04-05",
            "1|a|1200|gold|2026-04-05|2026-04-06",
            "1|a|12|gold|2026-04-06|NULL",
        ];
        assert_eq!(site.history("s.dim", columns), expected);
        assert_eq!(versions(&site, "s.versions"), ["5"]);

        // Back behind the column, by a rollback: every version, without it.
        let site = at(site, "07");
        site.done(&["rollback", "--to", "1", "--yes"]);
        let without = [
            "1|a|10|1970-01-01|2026-04-02",
            "1|a|11|2026-04-02|2026-04-03",
            "1|a|12|2026-04-03|2026-04-05",
            "1|a|1200|2026-04-05|2026-04-06",
            "1|a|12|2026-04-06|NULL",
        ];
        assert_eq!(site.history("s.dim", PLAIN), without);
        let site = at(site, "08");
        site.people("(1,'a',14,NULL)");
        site.done(&["run"]);
        assert_eq!(site.history("s.dim", PLAIN).last().expect("a row"), "1|a|14|2026-04-08|NULL");
        // And forward again: what only that table knew is there, and what came in between.
        let site = at(site, "09");
        edit(site.world(), &[("notes.md", "on we go")]);
        site.done(&["promote", "--release"]);
        let expected = [
            "1|a|10|NULL|1970-01-01|2026-04-02",
            "1|a|11|NULL|2026-04-02|2026-04-03",
            "1|a|12|gold|2026-04-03|2026-04-05",
            "1|a|1200|gold|2026-04-05|2026-04-06",
            "1|a|12|gold|2026-04-06|2026-04-08",
            "1|a|14|gold|2026-04-08|NULL",
        ];
        assert_eq!(site.history("s.dim", columns), expected);
        assert_eq!(versions(&site, "s.versions"), ["6"]);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_branch_previews_a_history_and_production_goes_on() {
    for of in [Site::duckdb, Site::postgres] {
        let site = at(three_generations(site(of)), "04");
        site.world().repository.branch("feature");
        edit(site.world(), &[("models/dim.sql", &dim("id, upper(name) AS name, price"))]);
        let plan = site.done(&["plan", "--env", "dev", "--format", "json"]).json();
        let dim = plan["models"].as_array().expect("models").iter().find(|model| model["name"] == "s.dim");
        assert_eq!(dim.expect("the model")["basis"], "preview", "{plan}");
        site.done(&["apply", "--env", "dev"]);
        let preview = [
            "1|a|10|1970-01-01|2026-04-02",
            "1|a|11|2026-04-02|2026-04-03",
            "1|a|12|2026-04-03|2026-04-04",
            "1|A|12|2026-04-04|NULL",
        ];
        assert_eq!(site.history("s__dev.dim", PLAIN), preview, "production's history, and what the branch makes of it");
        assert_eq!(versions(&site, "s__dev.versions"), ["4"]);
        assert_eq!(site.history("s.dim", PLAIN), THREE);
        assert_eq!(versions(&site, "s.versions"), ["3"]);

        // Production goes on meanwhile, and it is its history that is carried over.
        let site = at(site, "05");
        site.people("(1,'a',13,NULL)");
        site.done(&["run"]);
        site.world().repository.checkout("main");
        site.world().repository.merge("feature");
        let site = at(site, "06");
        site.done(&["promote"]);
        let expected = [
            "1|a|10|1970-01-01|2026-04-02",
            "1|a|11|2026-04-02|2026-04-03",
            "1|a|12|2026-04-03|2026-04-05",
            "1|a|13|2026-04-05|2026-04-06",
            "1|A|13|2026-04-06|NULL",
        ];
        assert_eq!(site.history("s.dim", PLAIN), expected);
        assert_eq!(versions(&site, "s.versions"), ["5"]);
        // A branch that reverts it looks at a preview too, not at what is left of the table before.
        site.world().repository.branch("back");
        edit(site.world(), &[("models/dim.sql", &self::dim(PLAIN))]);
        site.done(&["apply", "--env", "back"]);
        assert_eq!(site.history("s__back.dim", PLAIN).len(), 6);
        assert_eq!(versions(&site, "s__back.versions"), ["6"]);
        assert_eq!(site.history("s.dim", PLAIN), expected);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_history_that_a_branch_begins_is_promoted_as_it_is() {
    let site = at(Site::duckdb(&[("models/base.sql", BASE)]), "01");
    site.people("(1,'a',10,NULL)");
    site.done(&["promote"]);
    site.world().repository.branch("feature");
    edit(site.world(), &[("models/dim.sql", &dim(PLAIN))]);
    site.done(&["apply", "--env", "dev"]);
    site.world().repository.checkout("main");
    site.world().repository.merge("feature");
    let promoted = at(site, "02").done(&["promote", "--format", "json"]);
    assert!(promoted.builds().is_empty(), "nothing was there to go on from");
}

#[test]
fn what_a_table_was_made_of_is_not_made_again_where_the_state_forgot_it() {
    let site = three_generations(site(Site::duckdb));
    // A run that died after the warehouse had committed leaves a table that the state does not know.
    let state = rusqlite::Connection::open(site.world().state()).expect("the state");
    let forgotten = state.execute("DELETE FROM snapshots WHERE model LIKE '%dim%'", []).expect("a table");
    assert_eq!(forgotten, 1);
    drop(state);
    let site = at(site, "04");
    site.people("(1,'a',13,NULL)");
    site.done(&["run"]);
    assert_eq!(site.history("s.dim", PLAIN).len(), 4);
}
