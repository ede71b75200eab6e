//! `--forward-only`: that rows are kept is decided for one definition, and whoever plans that later does the same.

use super::{Site, shown};
use crate::lab::edit;

fn daily(columns: &str) -> String {
    format!(
        "MODEL (name s.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-03-29', cron '@daily');\n\
         SELECT {columns} FROM raw.events WHERE day BETWEEN @start_date AND @end_date"
    )
}

const TOTAL: &str = "MODEL (name s.total, kind FULL);\nSELECT sum(amount) AS amount FROM s.daily";
const PLAIN: &str = "day, amount";
const DOUBLED: &str = "day, amount * 2 AS amount";
/// Three days of which no source is left.
const BEFORE: [&str; 3] = ["2026-03-29|1", "2026-03-30|2", "2026-03-31|3"];

/// Production with three days, whose source holds none of them any more, on the second of April.
fn kept(of: fn(&[(&str, &str)]) -> Site) -> Site {
    kept_with(of, &[])
}

fn kept_with(of: fn(&[(&str, &str)]) -> Site, more: &[(&str, &str)]) -> Site {
    let daily = daily(PLAIN);
    let models = [&[("models/daily.sql", daily.as_str()), ("models/total.sql", TOTAL)], more].concat();
    let site = of(&models);
    site.execute("CREATE TABLE raw.events (day DATE, amount INTEGER)");
    site.execute("INSERT INTO raw.events VALUES ('2026-03-29', 1), ('2026-03-30', 2), ('2026-03-31', 3)");
    let site = site.at("2026-04-01 00:00:00");
    site.done(&["promote"]);
    site.execute("DELETE FROM raw.events");
    site.execute("INSERT INTO raw.events VALUES ('2026-03-31', 3), ('2026-04-01', 4), ('2026-04-02', 5)");
    site.at("2026-04-02 00:00:00")
}

/// A promote of what is there already loads nothing that is kept; what is made of it may have to catch up.
pub(super) fn assert_nothing_is_loaded(site: &Site) {
    edit(site.world(), &[("notes.md", "on we go")]);
    let promoted = site.done(&["promote", "--format", "json"]);
    let built: Vec<String> = promoted.builds().into_keys().filter(|model| model != "s.total").collect();
    assert!(built.is_empty(), "{}", promoted.stdout);
}

#[test]
fn what_a_branch_decides_holds_where_it_is_merged() {
    for of in [Site::duckdb, Site::postgres] {
        let site = kept(of);
        site.world().repository.branch("feature");
        edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
        let plan = site.done(&["plan", "--forward-only", "--format", "json"]);
        assert!(plan.stdout.contains("its rows are kept: --forward-only"), "{}", plan.stdout);
        let undecided = site.done(&["plan", "--format", "json"]);
        assert!(!undecided.stdout.contains("are kept"), "a plan decides nothing: {}", undecided.stdout);
        site.done(&["apply", "--env", "dev", "--forward-only"]);
        assert_eq!(
            shown(&site, "s__dev.daily", "amount"),
            ["2026-03-29|1", "2026-03-30|2", "2026-03-31|6"],
            "a preview"
        );
        let again = site.done(&["apply", "--env", "dev", "--format", "json"]);
        assert!(again.builds().is_empty(), "what was decided needs no flag: {}", again.stdout);

        site.world().repository.checkout("main");
        site.world().repository.merge("feature");
        let told = site.done(&["plan"]);
        assert!(told.stdout.contains("its rows are kept: --forward-only of dev decided so at"), "{}", told.stdout);
        site.done(&["promote"]);
        assert_eq!(shown(&site, "s.daily", "amount"), BEFORE, "no row that production had is another one");
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["run"]);
        let after = [&BEFORE[..], &["2026-04-01|8", "2026-04-02|10"]].concat();
        assert_eq!(shown(&site, "s.daily", "amount"), after, "what comes is of the new definition");
        assert_eq!(site.lines("SELECT amount FROM s.total"), ["24"]);
        assert_nothing_is_loaded(&site);
        assert_eq!(shown(&site, "s.daily", "amount"), after);
        site.done(&["doctor", "--deep"]);
    }
}

/// `plan: {forward_only: true}`: every plan is one with the flag, as in SQLMesh.
#[test]
fn a_configuration_may_have_all_rows_kept() {
    let site = kept(Site::duckdb);
    let config = site.world().repository.read("config.yaml");
    let always = format!("{config}plan:\n  forward_only: true\n  enable_preview: true\n");
    edit(site.world(), &[("config.yaml", &always)]);
    let told = site.done(&["plan", "--format", "json"]);
    assert!(!told.stdout.contains("nothing-decided"), "nobody asked: {}", told.stdout);
    site.world().repository.branch("feature");
    edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
    let plan = site.done(&["plan"]);
    assert!(plan.stdout.contains("its rows are kept"), "{}", plan.stdout);
    site.done(&["apply", "--env", "dev"]);
    assert_eq!(shown(&site, "s__dev.daily", "amount"), ["2026-03-29|1", "2026-03-30|2", "2026-03-31|6"]);
    site.world().repository.checkout("main");
    site.world().repository.merge("feature");
    // Decided is decided, whatever the configuration says by then.
    edit(site.world(), &[("config.yaml", &config)]);
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount"), BEFORE);
    edit(site.world(), &[("config.yaml", &always), ("models/daily.sql", &daily("day, amount * 3 AS amount"))]);
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount"), BEFORE, "a promote decides, too");
    assert_nothing_is_loaded(&site);
    site.done(&["doctor", "--deep"]);
}

#[test]
fn what_a_promote_decides_holds_for_the_next_one() {
    let site = kept(Site::duckdb);
    edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
    site.done(&["promote", "--forward-only"]);
    assert_eq!(shown(&site, "s.daily", "amount"), BEFORE);
    assert_nothing_is_loaded(&site);
    let forced = site.done(&["promote", "--force", "--format", "json"]);
    assert_eq!(forced.builds().into_keys().collect::<Vec<_>>(), Vec::<String>::new(), "{}", forced.stdout);
    assert_eq!(shown(&site, "s.daily", "amount"), BEFORE);
    let site = site.at("2026-04-03 00:00:00");
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.daily", "amount").len(), 5);
    // A branch of other things shows production's table.
    site.world().repository.branch("other");
    edit(
        site.world(),
        &[("models/other.sql", "MODEL (name s.other, kind FULL);\nSELECT count(*) AS days FROM s.daily")],
    );
    let applied = site.done(&["apply", "--env", "dev", "--format", "json"]);
    assert_eq!(applied.builds().into_keys().collect::<Vec<_>>(), ["s.other"], "{}", applied.stdout);
    assert_eq!(site.lines("SELECT days FROM s__dev.other"), ["5"]);
}

#[test]
fn another_definition_without_the_word_is_computed_again_and_the_plan_says_so() {
    let site = kept(Site::duckdb);
    edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
    site.done(&["promote", "--forward-only"]);
    edit(site.world(), &[("models/daily.sql", &daily("day, -amount AS amount"))]);
    let plan = site.done(&["plan", "--format", "json"]).json();
    let problem =
        plan["problems"].as_array().expect("problems").iter().find(|problem| problem["code"] == "history-ends");
    let problem = problem.unwrap_or_else(|| panic!("{plan}")).to_string();
    assert!(problem.contains("s.daily") && problem.contains("--forward-only"), "{problem}");
    // On a merge nobody looks at a plan.
    let promoted = site.done(&["promote"]);
    assert!(promoted.stderr.contains("warning[history-ends]"), "{}", promoted.stderr);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-31|-3"], "as a build from nothing");
    // With the word it would have gone on.
    edit(site.world(), &[("models/daily.sql", &daily("day, amount * 3 AS amount"))]);
    site.done(&["promote", "--forward-only"]);
    assert_eq!(shown(&site, "s.daily", "amount"), ["2026-03-31|-3"]);
}

#[test]
fn a_rollback_and_its_release_lose_nothing() {
    for of in [Site::duckdb, Site::postgres] {
        let site = kept(of);
        edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
        site.done(&["promote", "--forward-only"]);
        site.done(&["run"]);
        let since = [&BEFORE[..], &["2026-04-01|8"]].concat();
        assert_eq!(shown(&site, "s.daily", "amount"), since);
        site.done(&["rollback", "--to", "1", "--yes"]);
        assert_eq!(shown(&site, "s.daily", "amount"), BEFORE, "the table as it was");
        site.done(&["run"]);
        assert_eq!(shown(&site, "s.daily", "amount")[3..], ["2026-04-01|4"]);
        edit(site.world(), &[("notes.md", "on we go")]);
        let held = site.world().bot(&["promote"]);
        assert!(held.stderr.contains("are again what was rolled back"), "{}", held.stderr);
        site.done(&["promote", "--release"]);
        assert_eq!(shown(&site, "s.daily", "amount"), since);
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["run"]);
        assert_eq!(shown(&site, "s.daily", "amount")[4..], ["2026-04-02|10"]);
        // To an entry that was decided, and back.
        edit(site.world(), &[("models/daily.sql", &daily("day, amount * 3 AS amount"))]);
        site.done(&["promote", "--forward-only"]);
        site.done(&["rollback", "--yes"]);
        assert_eq!(shown(&site, "s.daily", "amount").len(), 5);
        site.done(&["run"]);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_revert_goes_on_where_it_is_told_to() {
    let site = kept(Site::duckdb);
    edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
    site.done(&["promote", "--forward-only"]);
    site.done(&["run"]);
    let since = [&BEFORE[..], &["2026-04-01|8"]].concat();
    edit(site.world(), &[("models/daily.sql", &daily(PLAIN))]);
    site.done(&["promote", "--forward-only"]);
    assert_eq!(shown(&site, "s.daily", "amount"), since);
    // The first entry is what it was, though its definition was decided about since.
    site.done(&["rollback", "--to", "1", "--yes"]);
    assert_eq!(shown(&site, "s.daily", "amount"), BEFORE);
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.daily", "amount")[3..], ["2026-04-01|4"]);
    edit(site.world(), &[("notes.md", "on we go")]);
    site.done(&["promote", "--release"]);
    assert_eq!(shown(&site, "s.daily", "amount"), since);
    site.done(&["run"]);
    site.done(&["doctor", "--deep"]);
}

#[test]
fn incremental_readers_are_decided_about_too() {
    let reader = "MODEL (name s.weekly, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-03-29', cron '@daily');\n\
         SELECT day, amount + 100 AS amount FROM s.daily WHERE day BETWEEN @start_date AND @end_date";
    // It reads only what stays as it is, but from rows that are kept.
    let days = "MODEL (name s.days, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-03-29', cron '@daily');\n\
         SELECT day, 1 AS amount FROM s.daily WHERE day BETWEEN @start_date AND @end_date";
    let site = kept_with(Site::duckdb, &[("models/weekly.sql", reader), ("models/days.sql", days)]);
    edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
    let plan = site.done(&["plan", "--forward-only", "--format", "json"]);
    assert_eq!(plan.stdout.matches("\"rows-kept\"").count(), 3, "{}", plan.stdout);
    site.done(&["promote", "--forward-only"]);
    assert_eq!(shown(&site, "s.weekly", "amount"), ["2026-03-29|101", "2026-03-30|102", "2026-03-31|103"]);
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.weekly", "amount")[3..], ["2026-04-01|108"]);
    assert_eq!(shown(&site, "s.days", "amount").len(), 4);
    assert_nothing_is_loaded(&site);
    // The first entry shows readers that nothing was decided about.
    site.done(&["rollback", "--to", "1", "--yes"]);
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.weekly", "amount")[3..], ["2026-04-01|104"]);
    site.done(&["doctor", "--deep"]);
}

#[test]
fn keyed_rows_are_kept_where_a_load_may_come_twice() {
    let by_key = |more: &str, price: &str| {
        format!(
            "MODEL (name s.by_key, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id{more}), cron '@daily');\n\
             SELECT id, {price} AS price FROM raw.people"
        )
    };
    let adding = ", when_matched (WHEN MATCHED THEN UPDATE SET target.price = source.price)";
    let adds = by_key(adding, "price").replace("s.by_key", "s.adds");
    let site = Site::duckdb(&[("models/by_key.sql", &by_key("", "price")), ("models/adds.sql", &adds)]);
    site.people("(1, 'Ada', 10, NULL), (2, 'Bob', 20, NULL)");
    let site = site.at("2026-04-01 00:00:00");
    site.done(&["promote"]);
    site.people("(2, 'Bob', 21, NULL)");
    let site = site.at("2026-04-02 00:00:00");
    let adds = by_key(adding, "price + 1").replace("s.by_key", "s.adds");
    edit(site.world(), &[("models/by_key.sql", &by_key("", "price * 2")), ("models/adds.sql", &adds)]);
    let plan = site.done(&["plan", "--forward-only"]);
    assert!(plan.stdout.contains("keeps no rows of `s.adds`"), "{}", plan.stdout);
    site.done(&["promote", "--forward-only"]);
    let rows = |site: &Site, view: &str| site.lines(&format!("SELECT id, price FROM {view} ORDER BY id"));
    assert_eq!(rows(&site, "s.by_key"), ["1|10", "2|42"]);
    assert_eq!(rows(&site, "s.adds"), ["2|22"], "computed again");
    site.people("(2, 'Bob', 22, NULL)");
    let site = site.at("2026-04-03 00:00:00");
    site.done(&["run"]);
    assert_eq!(rows(&site, "s.by_key"), ["1|10", "2|44"]);
    site.done(&["doctor", "--deep"]);
}

#[test]
fn what_was_decided_over_other_data_is_told_where_it_holds_no_more() {
    let site = kept(Site::duckdb);
    site.world().repository.branch("feature");
    edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
    site.done(&["apply", "--env", "dev", "--forward-only"]);
    site.world().repository.checkout("main");
    site.world().repository.branch("other");
    edit(site.world(), &[("models/daily.sql", &daily("day, amount * 2 AS amount, 'x' AS source"))]);
    for command in [&["plan"][..], &["plan", "--worktree"]] {
        let plan = site.done(command).stdout;
        assert!(plan.contains("`--forward-only` of dev decided so at 2026-04-02 00:00:00"), "{plan}");
        assert!(plan.contains("of another definition of `s.daily` or over other data"), "{plan}");
    }
    let with_it = site.done(&["plan", "--forward-only"]).stdout;
    assert!(!with_it.contains("of another definition"), "{with_it}");
}

/// A plan looks at what a branch may reach; where decisions are among that, it is the plan of everything all the same.
#[test]
fn a_plan_of_part_of_the_project_says_what_one_of_all_of_it_does() {
    let more = "MODEL (name s.more, kind FULL);\nSELECT amount FROM s.total";
    let site = kept_with(Site::duckdb, &[("models/more.sql", more)]);
    edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
    site.done(&["promote", "--forward-only"]);
    site.world().repository.branch("feature");
    edit(site.world(), &[("models/more.sql", &more.replace("amount FROM", "amount + 1 AS amount FROM"))]);
    // Only what is wrong with files that nobody had to look at is left out.
    let without_remarks = |mut plan: serde_json::Value| {
        let problems = plan["problems"].as_array_mut().expect("problems");
        problems.retain(|problem| problem["code"] != "unknown-reference");
        plan
    };
    let part = without_remarks(site.done(&["plan", "--format", "json"]).json());
    let all = without_remarks(site.done(&["plan", "--format", "json", "--max-days", "9999"]).json());
    assert_eq!(part, all);
    edit(site.world(), &[("models/daily.sql", &daily("day, amount * 3 AS amount"))]);
    let part = without_remarks(site.done(&["plan", "--format", "json"]).json());
    let all = without_remarks(site.done(&["plan", "--format", "json", "--max-days", "9999"]).json());
    assert_eq!(part, all);
    assert!(part["problems"].to_string().contains("they were kept by `--forward-only`"), "{part}");
}

#[test]
fn a_word_that_decides_nothing_says_so() {
    let site = kept(Site::duckdb);
    site.world().repository.branch("feature");
    let described = daily(PLAIN).replace("cron '@daily'", "cron '@daily', description 'days'");
    let new = daily(PLAIN).replace("s.daily", "s.new");
    edit(site.world(), &[("models/daily.sql", &described), ("models/new.sql", &new)]);
    let plan = site.done(&["plan", "--forward-only"]);
    assert!(plan.stdout.contains("`--forward-only` decides nothing here"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("are kept"), "{}", plan.stdout);
    site.done(&["apply", "--env", "dev", "--forward-only"]);
    let exported = site.done(&["state", "export"]).stdout;
    assert!(!exported.contains("\"type\":\"decision\""), "{exported}");
}

#[test]
fn what_could_not_be_built_is_not_decided() {
    let site = kept(Site::duckdb);
    edit(site.world(), &[("models/daily.sql", &daily("day"))]);
    edit(
        site.world(),
        &[("models/total.sql", "MODEL (name s.total, kind FULL);\nSELECT count(*) AS amount FROM s.daily")],
    );
    let refused = site.world().bot(&["promote", "--forward-only", "--format", "json"]);
    assert!(refused.error().to_string().contains("column `amount` of the rows that are kept would be lost"));
    assert!(!site.done(&["state", "export"]).stdout.contains("\"type\":\"decision\""));
    let allowed = daily("day").replace("time_column day", "time_column day, on_destructive_change allow");
    edit(site.world(), &[("models/daily.sql", &allowed)]);
    site.done(&["promote", "--forward-only"]);
    assert_eq!(site.lines("SELECT amount FROM s.total"), ["3"]);
}

#[test]
fn another_promoted_environment_is_as_it_was_decided() {
    let site = kept(Site::duckdb);
    site.done(&["promote", "--to", "staging"]);
    edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
    site.done(&["promote", "--to", "staging", "--forward-only"]);
    assert_eq!(shown(&site, "s__staging.daily", "amount"), BEFORE);
    assert_eq!(shown(&site, "s.daily", "amount"), BEFORE);
    let site = site.at("2026-04-03 00:00:00");
    site.done(&["run"]);
    assert_eq!(shown(&site, "s.daily", "amount")[3..], ["2026-04-01|4", "2026-04-02|5"], "production is what it was");
    site.done(&["run", "staging"]);
    assert_eq!(shown(&site, "s__staging.daily", "amount")[3..], ["2026-04-01|8", "2026-04-02|10"]);
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount")[..3], BEFORE);
    site.done(&["doctor", "--deep"]);
}

/// The state is written out and read in again as it was, decisions and all.
pub(super) fn move_state(site: &Site) {
    let exported = site.done(&["state", "export"]).stdout;
    assert!(exported.contains("\"type\":\"decision\""), "{exported}");
    site.done(&["state", "export", "--output", "moved.jsonl"]);
    std::fs::remove_file(site.world().state()).expect("removable");
    site.done(&["state", "import", "moved.jsonl"]);
    assert_eq!(site.done(&["state", "export"]).stdout, exported);
}

#[test]
fn a_state_that_moved_knows_what_was_decided() {
    let site = kept(Site::duckdb);
    site.world().repository.branch("feature");
    edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
    site.done(&["apply", "--env", "dev", "--forward-only"]);
    move_state(&site);
    site.world().repository.checkout("main");
    site.world().repository.merge("feature");
    site.done(&["promote"]);
    assert_eq!(shown(&site, "s.daily", "amount"), BEFORE);
}

#[test]
fn a_state_that_was_lost_is_recovered_with_what_production_shows() {
    let site = kept(Site::duckdb);
    edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
    site.done(&["promote", "--forward-only"]);
    std::fs::remove_file(site.world().state()).expect("removable");
    site.done(&["state", "recover"]);
    site.done(&["run"]);
    let since = [&BEFORE[..], &["2026-04-01|8"]].concat();
    assert_eq!(shown(&site, "s.daily", "amount"), since);
    assert_nothing_is_loaded(&site);
    assert_eq!(shown(&site, "s.daily", "amount"), since);
}

/// The reader is the same in both trees, and a decision holds for it in one of them alone: there it reads what it was decided over.
#[test]
fn a_reader_may_be_decided_about_on_one_side_alone() {
    let reader = "MODEL (name s.reader, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-03-29', cron '@daily');\n\
         SELECT day, amount + 100 AS amount FROM s.daily WHERE day BETWEEN @start_date AND @end_date";
    let site = kept_with(Site::duckdb, &[("models/reader.sql", reader)]);
    let says = daily(DOUBLED).replace("time_column day", "time_column day, forward_only true");
    edit(site.world(), &[("models/daily.sql", &says)]);
    site.done(&["promote", "--forward-only"]);
    let read = ["2026-03-29|101", "2026-03-30|102", "2026-03-31|103"];
    assert_eq!(shown(&site, "s.reader", "amount"), read);
    edit(site.world(), &[("models/daily.sql", &daily(DOUBLED))]);
    site.world().repository.branch("feature");
    edit(site.world(), &[("models/daily.sql", &says)]);
    let plan = site.done(&["plan", "--format", "json"]);
    assert!(plan.stdout.contains("\"rows-kept\""), "{}", plan.stdout);
    let applied = site.done(&["apply", "--env", "dev", "--format", "json"]);
    assert!(applied.builds().is_empty(), "production shows all of it: {}", applied.stdout);
    assert_eq!(shown(&site, "s__dev.reader", "amount"), read);
}
