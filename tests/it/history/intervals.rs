//! Histories of intervals: a source that has a snapshot of each day, which are laid over each other once and in their order.

use super::Site;
use super::killed::at_each_moment;
use crate::lab::edit;

const BY_COLUMN: &str = "SCD_TYPE_2_BY_COLUMN (unique_key id, columns [price], updated_at_name updated_at, \
                         invalidate_hard_deletes true, batch_size 1)";
const BY_TIME: &str = "SCD_TYPE_2_BY_TIME (unique_key id, updated_at_as_valid_from true, invalidate_hard_deletes true)";
const COLUMNS: &str = "id, price";

fn of(name: &str, kind: &str, more: &str) -> String {
    format!(
        "MODEL (name s.{name}, kind {kind}, start '2026-03-29', cron '@daily');\n\
         SELECT id, name, price, updated_at{more} FROM raw.people WHERE updated_at BETWEEN @start_ts AND @end_ts"
    )
}

/// Snapshots of the days up to the end of March.
const MARCH: &str = "(1,'a',10,TIMESTAMP '2026-03-29'),(2,'b',20,TIMESTAMP '2026-03-29'),\
                     (1,'a',11,TIMESTAMP '2026-03-30'),\
                     (1,'a',11,TIMESTAMP '2026-03-31'),(2,'b',20,TIMESTAMP '2026-03-31'),(3,'c',30,TIMESTAMP '2026-03-31')";
/// One day more.
const FIRST: &str = ",(1,'a',12,TIMESTAMP '2026-04-01'),(3,'c',30,TIMESTAMP '2026-04-01')";

const OF_MARCH: [&str; 5] = [
    "1|10|1970-01-01|2026-03-30",
    "1|11|2026-03-30|NULL",
    "2|20|1970-01-01|2026-03-30",
    "2|20|2026-03-31|NULL",
    "3|30|2026-03-31|NULL",
];
const OF_FIRST: [&str; 6] = [
    "1|10|1970-01-01|2026-03-30",
    "1|11|2026-03-30|2026-04-01",
    "1|12|2026-04-01|NULL",
    "2|20|1970-01-01|2026-03-30",
    "2|20|2026-03-31|2026-04-01",
    "3|30|2026-03-31|NULL",
];

const MONTHS: &str = "MODEL (name s.days, kind INCREMENTAL_BY_TIME_RANGE (time_column updated_at), cron '@monthly');\n\
                      SELECT id, name, price, updated_at FROM raw.people WHERE updated_at BETWEEN @start_ts AND @end_ts";

/// The same with a beginning.
fn months() -> String {
    MONTHS.replace("cron", "start '2026-03-01', cron")
}

fn people(site: &Site, more: &str) {
    site.people(&format!("{MARCH}{more}"));
}

#[test]
fn each_interval_is_laid_over_those_before_it_once() {
    let models = [("models/m.sql", of("m", BY_COLUMN, "")), ("models/t.sql", of("t", BY_TIME, ""))];
    let models: Vec<(&str, &str)> = models.iter().map(|(path, text)| (*path, text.as_str())).collect();
    for site in Site::both(&models) {
        let site = site.at("2026-04-01 00:00:00");
        // What is to come is not there for it.
        people(&site, FIRST);
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", COLUMNS), OF_MARCH);
        let at_noon = site.at("2026-04-01 12:00:00");
        at_noon.done(&["run"]);
        assert_eq!(at_noon.history("s.m", COLUMNS), OF_MARCH, "the day is not over");
        let site = at_noon.at("2026-04-02 00:00:00");
        // A day that was laid already says something else by now.
        people(&site, &format!("{FIRST},(4,'d',40,TIMESTAMP '2026-03-31')"));
        site.done(&["run"]);
        assert_eq!(site.history("s.m", COLUMNS), OF_FIRST);
        let by_time = ["1|10|2026-03-29|2026-03-30", "1|11|2026-03-30|2026-03-31", "1|11|2026-03-31|2026-04-01"];
        assert_eq!(site.history("s.t", COLUMNS)[..3], by_time);
        assert_eq!(site.history("s.t", COLUMNS)[4..6], ["2|20|2026-03-29|2026-03-30", "2|20|2026-03-31|2026-04-01"]);
        let told = site.done(&["run"]).stdout;
        assert!(told.contains("nothing is due"), "{told}");
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn how_often_it_is_loaded_makes_no_difference() {
    let all = "SCD_TYPE_2_BY_COLUMN (unique_key id, columns [price], updated_at_name updated_at, \
               execution_time_as_valid_from true, invalidate_hard_deletes true, batch_size 30)";
    let model = of("m", all, "");
    let daily = Site::duckdb(&[("models/m.sql", &model)]);
    let at_once = Site::duckdb(&[("models/m.sql", &model)]).at("2026-04-02 00:00:00");
    people(&daily, FIRST);
    people(&at_once, FIRST);
    at_once.done(&["promote"]);
    let mut daily = daily.at("2026-03-30 00:00:00");
    daily.done(&["promote"]);
    for day in ["2026-03-31", "2026-04-01", "2026-04-02"] {
        daily = daily.at(&format!("{day} 00:00:00"));
        daily.done(&["run"]);
    }
    assert_eq!(daily.history("s.m", COLUMNS), at_once.history("s.m", COLUMNS));
    assert_eq!(daily.history("s.m", COLUMNS).len(), 6);
}

#[test]
fn how_far_it_has_come_goes_with_its_rows() {
    for site in Site::both(&[("models/m.sql", &of("m", BY_COLUMN, ""))]) {
        let site = site.at("2026-04-01 00:00:00");
        people(&site, "");
        site.done(&["promote"]);
        // From now on the source has the last days alone: what was before no query gives again.
        let site = site.at("2026-04-02 00:00:00");
        site.people(&FIRST[1..]);
        site.world().repository.branch("tiered");
        let tiered = of("m", BY_COLUMN, ", 'gold' AS tier");
        edit(site.world(), &[("models/m.sql", &tiered)]);
        site.done(&["apply", "--env", "tiered"]);
        let previewed = site.history("s__tiered.m", "id, price, tier");
        assert_eq!(previewed.len(), 6, "{previewed:#?}");
        assert_eq!(previewed[2], "1|12|gold|2026-04-01|NULL");
        assert_eq!(site.history("s.m", COLUMNS), OF_MARCH);
        site.done(&["apply", "--env", "tiered"]);
        assert_eq!(site.history("s__tiered.m", "id, price, tier"), previewed);

        site.world().repository.checkout("main");
        edit(site.world(), &[("models/m.sql", &tiered)]);
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", COLUMNS), OF_FIRST);
        // Back to what was shown, and the day that came since with it.
        site.done(&["rollback", "--to", "1", "--yes"]);
        assert_eq!(site.history("s.m", COLUMNS), OF_FIRST);
        let site = site.at("2026-04-03 00:00:00");
        site.people("(1,'a',12,TIMESTAMP '2026-04-02'),(3,'c',33,TIMESTAMP '2026-04-02')");
        site.done(&["run"]);
        let history = site.history("s.m", COLUMNS);
        assert_eq!(history[5..], ["3|30|2026-03-31|2026-04-02", "3|33|2026-04-02|NULL"]);
        // And forth again, to the table that has not seen that day.
        site.done(&["promote", "--release"]);
        assert_eq!(site.history("s.m", COLUMNS), history);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn an_interval_waits_for_its_inputs() {
    let days = &months();
    let model = of("m", BY_COLUMN, "").replace("raw.people", "s.days");
    for site in Site::both(&[("models/days.sql", days), ("models/m.sql", &model)]) {
        let site = site.at("2026-04-01 00:00:00");
        people(&site, "");
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", COLUMNS), OF_MARCH);
        // April is loaded when it is over.
        people(&site, FIRST);
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["run"]);
        assert_eq!(site.history("s.m", COLUMNS), OF_MARCH);
        let site = site.at("2026-05-01 00:00:00");
        site.done(&["run"]);
        let history = site.history("s.m", COLUMNS);
        assert_eq!(
            history[..3],
            OF_FIRST[..3].iter().map(|line| line.replace("|NULL", "|2026-04-02")).collect::<Vec<_>>()[..]
        );
    }
}

#[test]
fn a_history_that_has_not_begun_begins_with_its_first_interval() {
    let model = of("m", BY_COLUMN, "").replace("2026-03-29", "2026-04-01");
    for site in Site::both(&[("models/m.sql", &model)]) {
        people(&site, FIRST);
        let site = site.at("2026-04-01 00:00:00");
        site.done(&["promote"]);
        assert!(site.history("s.m", COLUMNS).is_empty());
        let site = site.at("2026-04-01 18:00:00");
        site.done(&["run"]);
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["run"]);
        // The second of April has no rows at all.
        let expected = ["1|12|1970-01-01|2026-04-02", "3|30|1970-01-01|2026-04-02"];
        assert_eq!(site.history("s.m", COLUMNS), expected);
    }
}

#[test]
fn a_history_that_was_loaded_as_a_whole_goes_on_by_interval() {
    let whole = "MODEL (name s.m, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns [price]), cron '@daily');\n\
                 SELECT id, name, price, updated_at FROM raw.people";
    for site in Site::both(&[("models/m.sql", whole)]) {
        let site = site.at("2026-03-30 06:00:00");
        site.people("(1,'a',9,TIMESTAMP '2026-03-30')");
        site.done(&["promote"]);
        people(&site, FIRST);
        edit(site.world(), &[("models/m.sql", &of("m", BY_COLUMN, ""))]);
        let site = site.at("2026-04-02 00:00:00");
        site.done(&["promote"]);
        // The days before that load are not laid over what it found, and none ends before it begins.
        let expected = [
            "1|9|1970-01-01|2026-03-30",
            "1|11|2026-03-30|2026-04-01",
            "1|12|2026-04-01|NULL",
            "2|20|2026-03-31|2026-04-01",
            "3|30|2026-03-31|NULL",
        ];
        assert_eq!(site.history("s.m", COLUMNS), expected);
        // And as a whole again.
        edit(site.world(), &[("models/m.sql", whole)]);
        site.people("(3,'c',30,TIMESTAMP '2026-04-01')");
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", COLUMNS), expected);
    }
}

#[test]
fn what_cannot_be_dated_or_told_apart_is_refused() {
    for site in Site::both(&[(
        "models/m.sql",
        &of("m", BY_COLUMN, "").replace("updated_at BETWEEN", "updated_at IS NULL OR updated_at BETWEEN"),
    )]) {
        let site = site.at("2026-04-01 00:00:00");
        site.people("(1,'a',10,NULL)");
        let told = site.world().bot(&["promote"]).stderr;
        assert!(
            told.contains("`updated_at`, which says since when a row is so (`updated_at_name`), is NULL"),
            "{told}"
        );
        site.people("(1,'a',10,TIMESTAMP '2026-03-29'),(1,'a',11,TIMESTAMP '2026-03-29')");
        let told = site.world().bot(&["promote"]).stderr;
        assert!(told.contains("id = \"1\""), "{told}");
        site.people("(1,'a',10,TIMESTAMP '2026-03-29')");
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", COLUMNS), ["1|10|1970-01-01|2026-03-30"]);
    }
}

#[test]
fn a_build_that_dies_lays_no_interval_twice_and_leaves_none_out() {
    let site = Site::duckdb(&[("models/m.sql", &of("m", BY_COLUMN, ""))]).at("2026-04-02 00:00:00");
    people(&site, FIRST);
    let kills = at_each_moment(&site, &["promote", "--execution-time", "2026-04-02", "--jobs", "1"], 5);
    assert!(kills > 5, "{kills} kills");
    site.done(&["promote"]);
    people(&site, &format!("{FIRST},(1,'a',13,TIMESTAMP '2026-04-02'),(1,'a',14,TIMESTAMP '2026-04-03')"));
    let kills = at_each_moment(&site, &["run", "--execution-time", "2026-04-04", "--jobs", "1"], 4);
    assert!(kills > 5, "{kills} kills");
    edit(site.world(), &[("models/m.sql", &of("m", BY_COLUMN, ", 1 AS more"))]);
    let kills = at_each_moment(&site, &["promote", "--execution-time", "2026-04-04", "--jobs", "1"], 7);
    assert!(kills > 5, "{kills} kills");
}

#[test]
fn no_interval_is_left_out_where_nothing_says_when_a_model_begins() {
    for begin in ["", ", start '1 day ago'"] {
        let model = of("m", BY_COLUMN, "").replace(", start '2026-03-29'", begin);
        for site in Site::both(&[("models/m.sql", &model)]) {
            let config = site.world().repository.read("config.yaml");
            let without: Vec<&str> = config.lines().filter(|line| !line.trim().starts_with("start:")).collect();
            edit(site.world(), &[("config.yaml", &without.join("\n"))]);
            people(&site, &format!("{FIRST},(5,'e',50,TIMESTAMP '2026-04-02')"));
            let site = site.at("2026-03-30 00:00:00");
            site.done(&["promote"]);
            assert_eq!(site.history("s.m", COLUMNS), ["1|10|1970-01-01|NULL", "2|20|1970-01-01|NULL"]);
            // Nobody runs it for days.
            let site = site.at("2026-04-06 00:00:00");
            site.done(&["run"]);
            let history = site.history("s.m", COLUMNS);
            assert_eq!(history[..2], OF_FIRST[..2]);
            assert_eq!(history.last().map(String::as_str), Some("5|50|2026-04-02|2026-04-03"));
        }
    }
}

#[test]
fn a_table_that_somebody_dropped_is_laid_from_its_beginning() {
    for site in Site::both(&[("models/m.sql", &of("m", BY_COLUMN, ""))]) {
        let site = site.at("2026-04-01 00:00:00");
        people(&site, FIRST);
        site.done(&["promote"]);
        let of = |catalog: &str| format!("SELECT table_name FROM {catalog} WHERE table_schema = 'offshoot__s'");
        let table = site.lines(&of("information_schema.tables")).remove(0);
        site.execute(&format!("DROP TABLE offshoot__s.\"{table}\" CASCADE"));
        let site = site.at("2026-04-02 00:00:00");
        assert_ne!(site.world().bot(&["run"]).exit, offshoot::error::Exit::Done);
        site.done(&["run"]);
        assert_eq!(site.history(&format!("offshoot__s.\"{table}\""), COLUMNS), OF_FIRST);
    }
}

#[test]
fn a_column_that_is_new_begins_no_version() {
    let all = BY_COLUMN.replace("columns [price]", "columns (price, tier)");
    let before = BY_COLUMN.replace("columns [price]", "columns (price)");
    let tiered = ", 'gold' AS tier";
    for site in Site::both(&[("models/m.sql", &of("m", &before, ""))]) {
        let site = site.at("2026-04-01 00:00:00");
        people(&site, FIRST);
        site.done(&["promote"]);
        // All intervals are laid by then.
        let site = site.at("2026-04-01 12:00:00");
        edit(site.world(), &[("models/m.sql", &of("m", &all, tiered))]);
        site.done(&["promote"]);
        let present = "SELECT id, tier FROM s.m WHERE valid_to IS NULL ORDER BY id";
        assert_eq!(site.lines(present), ["1|gold", "2|gold", "3|gold"]);
        let site = site.at("2026-04-02 00:00:00");
        site.done(&["run"]);
        assert_eq!(site.history("s.m", COLUMNS), OF_FIRST);
    }
}

#[test]
fn an_interval_waits_for_what_is_behind_a_table_that_is_filled_as_a_whole() {
    let days = &months();
    let whole = "MODEL (name s.whole, kind FULL, cron '@daily');\nSELECT * FROM s.days";
    let first = of("m", BY_COLUMN, "").replace("raw.people", "s.whole");
    let second = of("n", BY_COLUMN, "").replace("raw.people", "s.whole");
    for site in Site::both(&[("models/days.sql", days), ("models/whole.sql", whole), ("models/m.sql", &first)]) {
        // In the middle of a month: neither a promote nor a run goes on without it.
        let site = site.at("2026-04-03 00:00:00");
        people(&site, FIRST);
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", COLUMNS), OF_MARCH);
        let site = site.at("2026-04-04 00:00:00");
        site.done(&["run"]);
        assert_eq!(site.history("s.m", COLUMNS), OF_MARCH);
        edit(site.world(), &[("models/n.sql", &second)]);
        site.done(&["promote"]);
        assert_eq!(site.history("s.n", COLUMNS), OF_MARCH);
        let site = site.at("2026-05-01 00:00:00");
        site.done(&["run"]);
        assert_eq!(site.history("s.m", COLUMNS)[..2], OF_FIRST[..2]);
        assert_eq!(site.history("s.n", COLUMNS), site.history("s.m", COLUMNS));
    }
}

#[test]
fn how_far_it_has_come_is_known_after_a_detour_over_a_table_that_is_loaded_as_a_whole() {
    let whole = "MODEL (name s.m, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns [price]), cron '@daily');\n\
                 SELECT id, name, price, updated_at FROM raw.people WHERE updated_at < '2026-03-30'";
    let days = &months();
    let laid = of("m", BY_COLUMN, "").replace("raw.people", "s.days");
    for site in Site::both(&[("models/days.sql", days), ("models/m.sql", whole)]) {
        let site = site.at("2026-03-30 00:00:00");
        people(&site, FIRST);
        site.done(&["promote"]);
        edit(site.world(), &[("models/m.sql", &laid)]);
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["promote"]);
        site.done(&["run"]);
        assert_eq!(site.history("s.m", COLUMNS).len(), 5, "up to the end of March");
        site.done(&["rollback", "--to", "1", "--yes"]);
        let site = site.at("2026-05-01 00:00:00");
        site.done(&["promote", "--release"]);
        site.done(&["run"]);
        let site = site.at("2026-05-02 00:00:00");
        site.done(&["run"]);
        let history = site.history("s.m", COLUMNS);
        assert!(history.contains(&"1|12|2026-04-01|2026-04-02".to_owned()), "{history:#?}");
    }
}

#[test]
fn versions_of_one_moment_are_told_by_their_values() {
    let kind = "SCD_TYPE_2_BY_COLUMN (unique_key id, columns [price], batch_size 1)";
    for site in Site::both(&[("models/m.sql", &of("m", kind, ""))]) {
        let site = site.at("2026-04-02 00:00:00");
        site.people(
            "(1,'a',5,TIMESTAMP '2026-03-29'),(1,'a',NULL,TIMESTAMP '2026-03-30'),(1,'a',9,TIMESTAMP '2026-03-31'),\
             (1,'a',7,TIMESTAMP '2026-04-01')",
        );
        site.done(&["promote"]);
        let rows = "SELECT price FROM s.m ORDER BY price NULLS LAST";
        assert_eq!(site.lines(rows), ["5", "7", "9", "NULL"]);
        edit(site.world(), &[("models/m.sql", &of("m", kind, ", 1 AS more"))]);
        site.done(&["promote"]);
        assert_eq!(site.lines(rows), ["5", "7", "9", "NULL"]);
        site.done(&["rollback", "--to", "1", "--yes"]);
        assert_eq!(site.lines(rows), ["5", "7", "9", "NULL"]);
        site.done(&["promote", "--release"]);
        assert_eq!(site.lines(rows), ["5", "7", "9", "NULL"]);
    }
}

#[test]
fn an_interval_waits_for_its_inputs_where_nothing_says_when_a_model_begins() {
    let model = of("m", BY_COLUMN, "").replace(", start '2026-03-29'", "").replace("raw.people", "s.days");
    for site in Site::both(&[("models/days.sql", MONTHS), ("models/m.sql", &model)]) {
        let config = site.world().repository.read("config.yaml");
        let without: Vec<&str> = config.lines().filter(|line| !line.trim().starts_with("start:")).collect();
        edit(site.world(), &[("config.yaml", &without.join("\n"))]);
        people(&site, FIRST);
        let mut site = site.at("2026-04-01 00:00:00");
        site.done(&["promote"]);
        for day in ["2026-04-03", "2026-04-20", "2026-05-01"] {
            site = site.at(&format!("{day} 00:00:00"));
            site.done(&["run"]);
        }
        let history = site.history("s.m", COLUMNS);
        assert!(history.contains(&"1|12|2026-04-01|2026-04-02".to_owned()), "{history:#?}");
    }
}

#[test]
fn rows_that_are_kept_wait_for_no_input_that_is_read_no_more() {
    let days = &months();
    let daily = "MODEL (name s.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column updated_at, forward_only true), \
                 start '2026-03-29', cron '@daily');\n\
                 SELECT id, name, price, updated_at FROM raw.people WHERE updated_at BETWEEN @start_ts AND @end_ts";
    let slower = format!("{daily} AND id NOT IN (SELECT d.id + 100 FROM s.days AS d)");
    let laid = of("m", BY_COLUMN, "").replace("raw.people", "s.daily");
    for site in Site::both(&[("models/days.sql", days), ("models/daily.sql", &slower), ("models/m.sql", &laid)]) {
        let site = site.at("2026-04-02 00:00:00");
        people(&site, FIRST);
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", COLUMNS), OF_MARCH, "`daily` may get more of April");
        edit(site.world(), &[("models/daily.sql", daily)]);
        site.done(&["promote"]);
        assert_eq!(site.history("s.m", COLUMNS), OF_FIRST, "nothing loads April's first day again");
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_rollback_over_a_table_that_was_loaded_as_a_whole_leaves_no_interval_out() {
    let laid = of("m", BY_COLUMN, "").replace("raw.people", "s.days");
    let months = months();
    let whole = "MODEL (name s.m, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns [price]), cron '@daily');\n\
                 SELECT id, name, price, updated_at FROM s.days WHERE updated_at >= '2026-03-31'";
    for site in Site::both(&[("models/days.sql", &months), ("models/m.sql", &laid)]) {
        people(&site, FIRST);
        let site = site.at("2026-04-01 00:00:00");
        site.done(&["promote"]);
        let site = site.at("2026-04-20 00:00:00");
        edit(site.world(), &[("models/m.sql", whole)]);
        site.done(&["promote"]);
        site.done(&["rollback", "--to", "1", "--yes"]);
        let site = site.at("2026-05-01 00:00:00");
        site.done(&["run"]);
        let history = site.history("s.m", COLUMNS);
        assert!(history.contains(&"1|12|2026-04-01|2026-04-02".to_owned()), "{history:#?}");
    }
}

#[test]
fn a_detour_over_a_coarser_unit_lays_nothing_twice() {
    let daily = of("m", BY_COLUMN, "");
    let monthly =
        daily.replace("cron '@daily'", "interval_unit month, cron '@monthly'").replace("2026-03-29", "2026-03-01");
    for site in Site::both(&[("models/m.sql", &monthly)]) {
        site.people("(1,'a',10,TIMESTAMP '2026-03-29')");
        let site = site.at("2026-04-01 00:00:00");
        site.done(&["promote"]);
        edit(site.world(), &[("models/m.sql", &daily)]);
        let site = site.at("2026-04-03 00:00:00");
        site.people("(1,'a',11,TIMESTAMP '2026-04-01'),(1,'a',12,TIMESTAMP '2026-04-02')");
        site.done(&["promote"]);
        let history = site.history("s.m", COLUMNS);
        assert_eq!(history, ["1|10|1970-01-01|2026-04-01", "1|11|2026-04-01|2026-04-02", "1|12|2026-04-02|NULL"]);
        site.done(&["rollback", "--to", "1", "--yes"]);
        site.done(&["promote", "--release"]);
        assert_eq!(site.history("s.m", COLUMNS), history);
    }
}
