//! `--effective-from`: rows before a moment are kept, those after it are of the new definition, whoever promotes it.

use offshoot::error::Exit;

use super::decided::{assert_nothing_is_loaded, move_state};
use super::{Site, shown};
use crate::lab::edit;

fn daily(name: &str, columns: &str, more: &str) -> String {
    format!(
        "MODEL (name {name}, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 1{more}), start '2026-03-28', \
         cron '@daily');\n\
         SELECT {columns} FROM raw.events WHERE day BETWEEN @start_date AND @end_date"
    )
}

const DAILY: &str = "models/daily.sql";
const PLAIN: &str = "day, amount";
const DOUBLED: &str = "day, amount * 2 AS amount";
const FROM_THE_30TH: [&str; 3] = ["--forward-only", "--effective-from", "2026-03-30"];
/// Before the 30th what production had, from then on what the source has now, doubled.
const AFTER: [&str; 4] = ["2026-03-28|1", "2026-03-29|2", "2026-03-30|60", "2026-03-31|80"];
const BEFORE: [&str; 4] = ["2026-03-28|1", "2026-03-29|2", "2026-03-30|3", "2026-03-31|4"];

/// Production with four days, whose source has been corrected since, on the second of April.
fn corrected(of: fn(&[(&str, &str)]) -> Site, more: &[(&str, &str)]) -> Site {
    let plain = daily("s.daily", PLAIN, "");
    let total = "MODEL (name s.total, kind FULL);\nSELECT sum(amount) AS amount FROM s.daily";
    let site = of(&[&[(DAILY, plain.as_str()), ("models/total.sql", total)], more].concat());
    site.execute("CREATE TABLE raw.events (day DATE, amount INTEGER)");
    site.execute(
        "INSERT INTO raw.events VALUES ('2026-03-28', 1), ('2026-03-29', 2), ('2026-03-30', 3), ('2026-03-31', 4)",
    );
    let site = site.at("2026-04-01 00:00:00");
    site.done(&["promote"]);
    site.execute("UPDATE raw.events SET amount = amount * 10");
    site.execute("INSERT INTO raw.events VALUES ('2026-04-01', 50), ('2026-04-02', 60)");
    site.at("2026-04-02 00:00:00")
}

fn amounts(site: &Site) -> Vec<String> {
    shown(site, "s.daily", "amount")
}

fn with(command: &'static str) -> Vec<&'static str> {
    [&[command][..], &FROM_THE_30TH].concat()
}

#[test]
fn a_merge_computes_again_what_is_from_the_moment_on() {
    for of in [Site::duckdb, Site::postgres] {
        let site = corrected(of, &[]);
        site.world().repository.branch("feature");
        edit(site.world(), &[(DAILY, &daily("s.daily", DOUBLED, ""))]);
        let plan = site.done(&[&with("plan")[..], &["--format", "json"]].concat());
        let said = "its rows before 2026-03-30 are kept: --forward-only --effective-from 2026-03-30";
        assert!(plan.stdout.contains(said), "{}", plan.stdout);
        site.done(&[&with("apply")[..], &["--env", "dev"]].concat());
        assert_eq!(shown(&site, "s__dev.daily", "amount"), AFTER, "a preview");
        let again = site.done(&["apply", "--env", "dev", "--format", "json"]);
        assert!(again.builds().is_empty(), "what was decided needs no flag: {}", again.stdout);
        assert_eq!(amounts(&site), BEFORE);

        // Production goes on before the merge.
        site.done(&["run"]);
        assert_eq!(amounts(&site)[4..], ["2026-04-01|50"]);
        site.world().repository.checkout("main");
        site.world().repository.merge("feature");
        let told = site.done(&["plan"]);
        assert!(told.stdout.contains(&format!("{said} of dev decided so at")), "{}", told.stdout);
        site.done(&["promote"]);
        assert_eq!(amounts(&site)[..4], AFTER);
        assert_eq!(amounts(&site)[4..], ["2026-04-01|100"], "of the new definition, though the old one had loaded it");
        assert_eq!(site.lines("SELECT amount FROM s.total"), ["243"]);
        assert_nothing_is_loaded(&site);
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["run"]);
        assert_eq!(amounts(&site)[5..], ["2026-04-02|120"]);
        site.done(&["doctor", "--deep"]);
    }
}

#[test]
fn a_rollback_shows_what_there_was_and_its_release_what_is_of_the_definition() {
    for of in [Site::duckdb, Site::postgres] {
        let site = corrected(of, &[]);
        edit(site.world(), &[(DAILY, &daily("s.daily", DOUBLED, ""))]);
        site.done(&with("promote"));
        assert_eq!(amounts(&site), AFTER);
        site.done(&["run"]);
        assert_eq!(amounts(&site)[4..], ["2026-04-01|100"]);
        site.done(&["rollback", "--yes"]);
        assert_eq!(amounts(&site), BEFORE);
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["run"]);
        assert_eq!(amounts(&site)[4..], ["2026-04-01|50", "2026-04-02|60"]);
        edit(site.world(), &[("notes.md", "on we go")]);
        site.done(&["promote", "--release"]);
        let released = [&AFTER[..], &["2026-04-01|100", "2026-04-02|120"]].concat();
        assert_eq!(amounts(&site), released);
        assert_nothing_is_loaded(&site);
        assert_eq!(amounts(&site), released);
        site.done(&["doctor", "--deep"]);
    }
}

/// Where the definition before keeps its rows, too, what came since is brought into it, and what was computed again is not.
#[test]
fn a_rollback_to_kept_rows_brings_what_came_since_alone() {
    for of in [Site::duckdb, Site::postgres] {
        let site = corrected(of, &[]);
        edit(site.world(), &[(DAILY, &daily("s.daily", "day, amount * 1 AS amount", ", forward_only true"))]);
        site.done(&["promote"]);
        assert_eq!(amounts(&site), BEFORE);
        edit(site.world(), &[(DAILY, &daily("s.daily", DOUBLED, ""))]);
        site.done(&with("promote"));
        assert_eq!(amounts(&site), AFTER);
        site.done(&["run"]);
        site.done(&["rollback", "--yes"]);
        assert_eq!(amounts(&site), [&BEFORE[..], &["2026-04-01|100"]].concat());
        let site = site.at("2026-04-03 00:00:00");
        site.done(&["run"]);
        assert_eq!(amounts(&site)[5..], ["2026-04-02|60"]);
        edit(site.world(), &[("notes.md", "on we go")]);
        site.done(&["promote", "--release"]);
        assert_eq!(amounts(&site), [&AFTER[..], &["2026-04-01|100", "2026-04-02|60"]].concat());
        assert_nothing_is_loaded(&site);
        site.done(&["doctor", "--deep"]);
    }
}

/// The first promote failed midway: what it had not computed yet is computed by the next one, not taken over.
#[test]
fn what_stopped_midway_goes_on_with_the_definition() {
    let site = corrected(Site::duckdb, &[]);
    edit(site.world(), &[(DAILY, &daily("s.daily", "day, (amount * 2)::TINYINT::INTEGER AS amount", ""))]);
    site.execute("UPDATE raw.events SET amount = 1000 WHERE day = '2026-03-31'");
    let failed = site.world().bot(&with("promote"));
    assert_eq!(failed.exit, Exit::No, "{}", failed.stderr);
    assert_eq!(amounts(&site), BEFORE);
    // Nothing was decided, for it was not built.
    site.execute("UPDATE raw.events SET amount = 40 WHERE day = '2026-03-31'");
    site.done(&with("promote"));
    assert_eq!(amounts(&site), AFTER);
    site.done(&["doctor", "--deep"]);
}

/// A preview that stopped midway is not taken for one that is there.
#[test]
fn a_preview_that_stopped_midway_is_no_preview() {
    let site = corrected(Site::duckdb, &[]);
    site.world().repository.branch("feature");
    edit(site.world(), &[(DAILY, &daily("s.daily", "day, (amount * 2)::TINYINT::INTEGER AS amount", ""))]);
    site.execute("UPDATE raw.events SET amount = 1000 WHERE day = '2026-03-31'");
    for flags in [&FROM_THE_30TH[..1], &FROM_THE_30TH] {
        let apply = [&["apply", "--env", "dev"], flags].concat();
        assert_eq!(site.world().bot(&apply).exit, Exit::No);
    }
    site.execute("UPDATE raw.events SET amount = 40 WHERE day = '2026-03-31'");
    site.done(&["apply", "--env", "dev", "--forward-only"]);
    let kept = [&BEFORE[..3], &["2026-03-31|80"]].concat();
    assert_eq!(shown(&site, "s__dev.daily", "amount"), kept, "the last unit is of the new definition");
}

#[test]
fn the_next_definition_goes_on_from_all_of_it() {
    let site = corrected(Site::duckdb, &[]);
    edit(site.world(), &[(DAILY, &daily("s.daily", DOUBLED, ""))]);
    site.done(&with("promote"));
    let tripled = daily("s.daily", "day, amount * 3 AS amount", "");
    edit(site.world(), &[(DAILY, &tripled)]);
    site.done(&["promote", "--forward-only", "--effective-from", "2026-03-31"]);
    let then = [&AFTER[..3], &["2026-03-31|120"]].concat();
    assert_eq!(amounts(&site), then);
    // Back to the definition before, of which it is known what was decided: it has rows of its own from the 30th on.
    site.done(&["run"]);
    edit(site.world(), &[(DAILY, &daily("s.daily", DOUBLED, ""))]);
    site.done(&["promote"]);
    assert_eq!(amounts(&site), [&AFTER[..], &["2026-04-01|150"]].concat());
    site.done(&["rollback", "--yes"]);
    assert_eq!(amounts(&site), [&then[..], &["2026-04-01|150"]].concat());
    site.done(&["doctor", "--deep"]);
}

/// What another promoted environment has of the table is as good; what production has loaded meanwhile is of the other definition.
#[test]
fn what_was_staged_first_is_of_the_new_definition_all_the_same() {
    let site = corrected(Site::duckdb, &[]);
    site.done(&["promote", "--to", "staging"]);
    edit(site.world(), &[(DAILY, &daily("s.daily", DOUBLED, ""))]);
    site.done(&[&with("promote")[..], &["--to", "staging"]].concat());
    assert_eq!(shown(&site, "s__staging.daily", "amount"), AFTER);
    let site = site.at("2026-04-03 00:00:00");
    site.done(&["run"]);
    assert_eq!(amounts(&site), [&BEFORE[..], &["2026-04-01|50", "2026-04-02|60"]].concat());
    site.done(&["promote"]);
    assert_eq!(amounts(&site), [&AFTER[..], &["2026-04-01|100", "2026-04-02|120"]].concat());
    assert_nothing_is_loaded(&site);
    site.done(&["doctor", "--deep"]);
}

#[test]
fn incremental_readers_are_of_the_new_definition_from_then_on_too() {
    let reader = "MODEL (name s.reader, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-03-28', cron '@daily');\n\
         SELECT day, amount + 100 AS amount FROM s.daily WHERE day BETWEEN @start_date AND @end_date";
    let site = corrected(Site::duckdb, &[("models/reader.sql", reader)]);
    edit(site.world(), &[(DAILY, &daily("s.daily", DOUBLED, ""))]);
    site.done(&with("promote"));
    let read = ["2026-03-28|101", "2026-03-29|102", "2026-03-30|160", "2026-03-31|180"];
    assert_eq!(shown(&site, "s.reader", "amount"), read);
    site.done(&["rollback", "--yes"]);
    assert_eq!(
        shown(&site, "s.reader", "amount"),
        ["2026-03-28|101", "2026-03-29|102", "2026-03-30|103", "2026-03-31|104"]
    );
    site.done(&["doctor", "--deep"]);
}

/// The day is part of what was decided wherever that is written: in a state that moves, and beside the views.
#[test]
fn a_state_that_moved_or_was_lost_knows_from_which_day_on() {
    let site = corrected(Site::duckdb, &[]);
    site.world().repository.branch("feature");
    edit(site.world(), &[(DAILY, &daily("s.daily", DOUBLED, ""))]);
    site.done(&[&with("apply")[..], &["--env", "dev"]].concat());
    move_state(&site);
    site.world().repository.checkout("main");
    site.world().repository.merge("feature");
    site.done(&["promote"]);
    assert_eq!(amounts(&site), AFTER);

    std::fs::remove_file(site.world().state()).expect("removable");
    site.done(&["state", "recover"]);
    site.done(&["run"]);
    let since = [&AFTER[..], &["2026-04-01|100"]].concat();
    assert_eq!(amounts(&site), since);
    assert_nothing_is_loaded(&site);
    assert_eq!(amounts(&site), since);
    site.done(&["doctor", "--deep"]);
}

#[test]
fn what_it_does_not_reach_is_told() {
    let by_key = |price: &str| {
        format!(
            "MODEL (name s.by_key, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key day), cron '@daily');\nSELECT day, {price} AS price FROM raw.events"
        )
    };
    let (own, keyed) = (daily("s.own", PLAIN, ", forward_only true"), by_key("amount"));
    let site = corrected(Site::duckdb, &[("models/own.sql", &own), ("models/by_key.sql", &keyed)]);
    site.world().repository.branch("feature");
    let edits = [
        (DAILY, daily("s.daily", DOUBLED, "")),
        ("models/own.sql", daily("s.own", DOUBLED, ", forward_only true")),
        ("models/by_key.sql", by_key("amount * 2")),
    ];
    edit(site.world(), &edits.each_ref().map(|(path, text)| (*path, text.as_str())));
    let told = site.done(&with("plan")).stdout;
    assert!(
        told.contains("`--effective-from` does nothing for `s.own`, which says itself that its rows are kept"),
        "{told}"
    );
    assert!(told.contains("`--effective-from` does nothing for `s.by_key`, whose rows are loaded by key"), "{told}");
    assert!(!told.contains("does nothing for `s.daily`"), "{told}");
    site.done(&[&with("apply")[..], &["--env", "dev"]].concat());

    // The first word counts, and who says another is told so.
    for other in [&["--forward-only"][..], &["--forward-only", "--effective-from", "2026-03-31"]] {
        let told = site.world().bot(&[&["apply", "--env", "dev"], other].concat()).stderr;
        let said = "of this definition of `s.daily` something else is decided: \
                    `--forward-only --effective-from 2026-03-30` of dev decided so at 2026-04-02 00:00:00";
        assert!(told.contains(said), "{told}");
        assert!(!told.contains("of `s.by_key` something else"), "{told}");
    }
    let told = site.world().bot(&[&with("apply")[..], &["--env", "dev"]].concat());
    assert!(!told.stderr.contains("something else is decided"), "{}", told.stderr);
}

#[test]
fn what_it_cannot_mean_is_refused() {
    let site = corrected(Site::duckdb, &[]);
    edit(site.world(), &[(DAILY, &daily("s.daily", DOUBLED, ""))]);
    let refused = |options: &[&str]| {
        let refused = site.world().bot(&[&["promote"], options].concat());
        assert_ne!(refused.exit, Exit::Done, "{}", refused.stderr);
        assert_eq!(amounts(&site), BEFORE);
        refused.stderr
    };
    let future = refused(&["--forward-only", "--effective-from", "2026-04-03"]);
    assert!(future.contains("`--effective-from` is 2026-04-03 00:00:00, which is yet to come"), "{future}");
    let nonsense = refused(&["--forward-only", "--effective-from", "soon"]);
    assert!(nonsense.contains("`--effective-from soon` is no time"), "{nonsense}");
    let alone = refused(&["--effective-from", "2026-03-30"]);
    assert!(alone.contains("--forward-only"), "{alone}");
}
