//! What was loaded is loaded again because somebody says so, with whatever reads it.

use serde_json::Value;

use super::{DAILY, due, expected, names, run, world};
use crate::lab::{bot, edit};
use crate::world::World;

const NOW: &str = "2026-04-01 00:30";

/// The source was corrected.
fn corrected(world: &World) {
    world.sql("UPDATE erp.events SET amount = 2 WHERE happened >= '2026-03-28' AND happened < '2026-03-29'");
}

fn restate(model: &str) -> [&str; 6] {
    ["--restate", model, "--start", "2026-03-28", "--end", "2026-03-28"]
}

pub(super) fn amounts(world: &World, view: &str) -> Vec<String> {
    let rows = world.sql(&format!("SELECT amount::TEXT FROM {view} ORDER BY day"));
    rows.into_iter().map(|row| row[0].clone().expect("an amount")).collect()
}

#[test]
fn a_day_is_loaded_again_with_all_that_reads_it() {
    let world = world();
    corrected(&world);
    assert_eq!(due(&run(&world, NOW, &[])), expected(&[]), "nobody sees by itself that a source was corrected");
    let ran = run(&world, NOW, &restate("marts.hourly"));
    let day = [["2026-03-28 00:00:00", "2026-03-29 00:00:00"]];
    let days = [["2026-03-26", "2026-03-29"]];
    let all = expected(&[
        ("marts.hourly", "restated", &day),
        ("marts.daily", "reads_restated", &days),
        ("marts.total", "reads_restated", &[]),
        ("marts.weekly", "reads_restated", &[]),
    ]);
    assert_eq!(due(&ran), all, "its reader with the lookback of two days, and no table of another source");
    assert_eq!(amounts(&world, "marts.daily"), ["24", "24", "48", "24", "24", "24"]);
    assert_eq!(world.value("SELECT amount FROM marts.shown"), "168");
    assert_eq!(due(&run(&world, NOW, &[])), expected(&[]));
}

#[test]
fn an_external_table_stands_for_its_readers_and_a_keyed_table_begins_anew() {
    let world = world();
    world.sql("DELETE FROM erp.events WHERE customer = 'c1'");
    let ran = run(&world, NOW, &["--restate", "erp.events", "--start", "2026-03-31"]);
    let whole = [["2026-03-26", "2026-04-01"]];
    assert_eq!(due(&ran)["marts.latest"], expected(&[("marts.latest", "reads_restated", &whole)])["marts.latest"]);
    assert_eq!(world.value("SELECT string_agg(customer, ',' ORDER BY customer) FROM marts.latest"), "c0,c2");
    assert_eq!(due(&ran)["marts.hourly"].1, [["2026-03-31 00:00:00".to_owned(), "2026-04-01 00:00:00".to_owned()]]);
    assert_eq!(amounts(&world, "marts.daily"), ["24", "24", "24", "24", "24", "16"]);
}

#[test]
fn readers_of_a_keyed_table_see_all_of_what_is_loaded_again_or_nothing() {
    let world = world();
    world.sql("UPDATE erp.events SET amount = 5");
    let arguments = ["run", "--restate", "marts.latest", "--execution-time", NOW, "-vv"];
    let ran = bot(world.repository.path(), &arguments).output().expect("the binary");
    let told = String::from_utf8_lossy(&ran.stderr);
    let count = |statement: &str| told.matches(&format!("statement ends: \"{statement}")).count();
    assert!(ran.status.success(), "{told}");
    assert_eq!(count("INSERT INTO \\\"offshoot__marts"), 6, "a day at a time: {told}");
    assert_eq!(count("COMMIT"), 2, "the claim, and all days: {told}");
}

#[test]
fn tables_of_branches_that_read_it_are_named_and_refreshed_by_the_next_apply() {
    let world = world();
    world.repository.branch("feature");
    // A changed model by day, and a new one that production does not have.
    let new = DAILY.replace("marts.daily", "marts.fresh").replace(", lookback 2", "");
    edit(
        &world,
        &[("models/daily.sql", &DAILY.replace("SUM(amount)::INT", "(SUM(amount) + 1)::INT")), ("models/new.sql", &new)],
    );
    world.done(&["apply", "--env", "dev"]);
    corrected(&world);
    let affected = |ran: &Value| ran["affected"].clone();
    let dry = run(&world, NOW, &[&restate("marts.hourly")[..], &["--dry-run"]].concat());
    let ran = run(&world, NOW, &restate("marts.hourly"));
    assert_eq!(affected(&dry), affected(&ran));
    let of = &affected(&ran)[0];
    assert_eq!(of["environment"], "dev");
    assert_eq!(of["shows"], serde_json::json!(["marts.hourly", "marts.weekly"]));
    assert_eq!(of["behind"], serde_json::json!(["marts.daily", "marts.fresh", "marts.total"]));
    assert_eq!(amounts(&world, "marts__dev.daily"), ["25", "25", "25", "25", "25", "25"], "its own table is as it was");
    let applied = world.done(&["apply", "--env", "dev", "--format", "json", "--execution-time", NOW]);
    let days = serde_json::json!([["2026-03-28", "2026-03-29"]]);
    assert_eq!(applied.builds()["marts.daily"], days);
    assert_eq!(applied.builds()["marts.fresh"], days);
    assert_eq!(amounts(&world, "marts__dev.daily"), ["25", "25", "49", "25", "25", "25"]);
    assert_eq!(world.value("SELECT amount FROM marts__dev.total"), "174");
    let again = world.done(&["apply", "--env", "dev", "--format", "json", "--execution-time", NOW]);
    assert!(again.builds().is_empty(), "{:?}", again.builds());
}

#[test]
fn promote_refreshes_what_a_branch_made_of_it_before() {
    let world = world();
    world.repository.branch("feature");
    let new = DAILY.replace("marts.daily", "marts.fresh").replace(", lookback 2", "");
    edit(&world, &[("models/new.sql", &new)]);
    world.done(&["apply"]);
    corrected(&world);
    run(&world, NOW, &restate("marts.hourly"));
    world.repository.checkout("main");
    world.repository.merge("feature");
    let promoted = world.done(&["promote", "--format", "json", "--execution-time", NOW]);
    assert_eq!(
        promoted.builds().into_iter().collect::<Vec<_>>(),
        [("marts.fresh".to_owned(), serde_json::json!([["2026-03-28", "2026-03-29"]]))]
    );
    assert_eq!(amounts(&world, "marts.fresh"), ["24", "24", "48", "24", "24", "24"]);
    assert_eq!(names(&run(&world, NOW, &[]), "due"), [""; 0]);
}
