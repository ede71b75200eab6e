//! A bounded run of the oracle: generated projects and edits on DuckDB, every view compared with a build from nothing.
//! `cargo run --release --example oracle -- --edits N --seed S` goes on for as long as one likes.

use crate::repository;

#[path = "../oracle/mod.rs"]
pub(crate) mod world;

use world::faults::Fault;
use world::run::{Plan, run};

fn caught(fault: Fault) -> bool {
    !run(&Plan { edits: 2000, seed: 3, fault: Some(fault), enough: 1 }).unsound.is_empty()
}

#[test]
fn no_table_is_reused_that_a_build_from_nothing_would_fill_otherwise() {
    for seed in [1, 2] {
        let report = run(&Plan { edits: 60, seed, fault: None, enough: 1 });
        assert!(report.unsound.is_empty() && report.misled.is_empty(), "{}", report.text(1.0));
        assert!(report.edits == 60 && report.compared > 200 && report.built > 20, "{}", report.text(1.0));
    }
}

#[test]
fn the_whole_product_shows_what_a_build_from_nothing_shows() {
    let whole = world::whole::run(12, 5);
    assert!(whole.differences.is_empty(), "{}", whole.text());
    assert!(
        whole.edits == 12 && whole.applies > 3 && whole.compared > 60 && whole.built > 10 && whole.plans > 3,
        "{}",
        whole.text()
    );
}

#[test]
fn planted_faults_are_caught() {
    assert!(caught(Fault::Where), "dropping WHERE from the fingerprint must be noticed");
    assert!(caught(Fault::Filter), "dropping FILTER from the fingerprint must be noticed");
}
