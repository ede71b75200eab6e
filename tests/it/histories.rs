//! A bounded run of the walks over tables that go on; that what they look for is found is shown by damage that is done behind the
//! program's back. `cargo run --release --example torture -- histories --walks N --seed S` goes on for as long as one likes.

#[path = "../histories/mod.rs"]
pub(crate) mod walks;

use walks::observe::Fault;
use walks::report::Report;
use walks::walk::{Cut, Kills, On, Plan, run};

fn walked(seed: u64, walks: u64, (on, fault): (On, Option<Fault>)) -> Report {
    run(&Plan { walks, seed, steps: 24, fault, kills: Kills::None, cut: Cut::Not, on })
}

fn sound(seed: u64, on: On) {
    let report = walked(seed, 4, (on, None));
    assert!(report.findings.is_empty(), "{}", report.text());
    assert!(report.commands.values().sum::<u64>() > 30 && report.rows > 200, "{}", report.text());
}

#[test]
fn nothing_is_lost_doubled_or_computed_again_in_one_walk() {
    sound(100, On::DuckDb);
}

#[test]
fn nor_in_another() {
    sound(200, On::DuckDb);
}

#[test]
fn nor_on_postgresql() {
    sound(400, On::Postgres);
}

#[test]
fn damage_is_found() {
    for fault in Fault::ALL {
        let report = walked(300, 2, (On::DuckDb, Some(fault)));
        // A step that comes next may put other rows in the place of the damaged ones, as it should.
        assert!(!report.findings.is_empty(), "{fault:?}: {}", report.text());
    }
}
