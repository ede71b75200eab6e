//! Tables that nothing needs: since when, what takes that back, and the last look before one is forgotten.

use std::num::NonZeroUsize;

use offshoot::ids::{EnvironmentName, TableName};
use offshoot::state::{Fact, Forgotten, Owner, State, WriteLease};
use offshoot::time::Timestamp;

use super::{Factory, apply, lease, pending};
use crate::state_world::{about, branch, build, days, entry, environment, key, load, name, ready, snapshot};

fn table(model: &str) -> TableName {
    snapshot(model).table
}

fn mark(state: &dyn State, lease: &WriteLease, tables: &[(&str, i64)]) {
    let marks = tables.iter().map(|(model, since)| (table(model), Timestamp(*since))).collect();
    state.mark_unreferenced(lease, &marks).expect("writable");
}

/// The marked tables of some models, with their moments.
fn marks(state: &dyn State, models: &[&'static str]) -> Vec<(&'static str, i64)> {
    let marks = state.unreferenced().expect("readable");
    models.iter().filter_map(|model| Some((*model, marks.get(&table(model))?.0))).collect()
}

pub(super) fn marks_stay_until_somebody_points_at_the_table_or_fills_it(store: &impl Factory) {
    const ALL: [&str; 5] = ["a.pointed", "a.filled", "a.loaded", "a.wanted", "a.idle"];
    let state = store.open("");
    {
        let lease = lease(state.as_ref());
        let facts = ALL.map(|model| Fact::Snapshot(snapshot(model)));
        state.record(&lease, &facts).expect("recordable");
        mark(state.as_ref(), &lease, &ALL.map(|model| (model, 7)));
        state.record(&lease, &[Fact::Snapshot(snapshot("a.filled"))]).expect("recordable");
        state.record(&lease, &[load("a.loaded", days("2026-01-01", "2026-01-02"), 1)]).expect("recordable");
        state.keep_tables(&lease, &[table("a.wanted"), table("never.seen")]).expect("writable");
    }
    assert_eq!(marks(store.open("").as_ref(), &ALL), [("a.pointed", 7), ("a.idle", 7)]);
    apply(state.as_ref(), &environment(about("x_1", branch("x"), "one"), &["a.pointed"]));
    assert_eq!(marks(state.as_ref(), &ALL), [("a.idle", 7)]);
    let lease = lease(state.as_ref());
    let next = pending(environment(about("prod", Owner::Named, "two"), &["a.idle"]), None);
    let next = offshoot::state::PendingPromote { expected: None, ..next };
    state.begin_promote(&lease, &next).expect("nobody else");
    assert_eq!(marks(state.as_ref(), &ALL), [("a.idle", 7)], "nobody points at it yet");
    state.finish_promote(&lease, &name("prod"), &next.intended.about.plan_id).expect("in the journal");
    assert_eq!(marks(state.as_ref(), &ALL), []);
}

pub(super) fn marking_says_of_all_others_that_they_are_needed(store: &impl Factory) {
    let (state, other) = (store.open(""), store.open("other"));
    let lease = lease(state.as_ref());
    mark(other.as_ref(), &lease, &[("a.b", 1)]);
    mark(state.as_ref(), &lease, &[("a.b", 2), ("c.d", 3)]);
    mark(state.as_ref(), &lease, &[("c.d", 3), ("e.f", 4)]);
    assert_eq!(marks(state.as_ref(), &["a.b", "c.d", "e.f"]), [("c.d", 3), ("e.f", 4)]);
    assert_eq!(marks(other.as_ref(), &["a.b", "c.d"]), [("a.b", 1)], "another project's are its own");
}

pub(super) fn every_table_is_listed_and_those_of_other_projects_by_name(store: &impl Factory) {
    let (state, other) = (store.open(""), store.open("other"));
    let lease = lease(state.as_ref());
    let facts = ["c.d", "a.b"].map(|model| Fact::Snapshot(snapshot(model)));
    state.record(&lease, &facts).expect("recordable");
    other.record(&lease, &[Fact::Snapshot(snapshot("a.b"))]).expect("recordable");
    assert_eq!(state.all_tables().expect("readable"), [snapshot("a.b"), snapshot("c.d")]);
    assert_eq!(state.tables_elsewhere().expect("readable"), [table("a.b")].into());
    assert_eq!(other.tables_elsewhere().expect("readable"), [table("a.b"), table("c.d")].into());
}

/// Each of these needs a table, and whoever takes it away lets it go.
pub(super) fn a_table_is_forgotten_only_where_nothing_needs_it(store: &impl Factory) {
    let state = store.open("");
    let held = lease(state.as_ref());
    let known = ["a.free", "a.shown", "a.past", "a.next", "a.theirs", "a.branch"];
    state.record(&held, &known.map(|model| Fact::Snapshot(snapshot(model)))).expect("recordable");
    state.record(&held, &[load("a.free", days("2026-01-01", "2026-01-02"), 1)]).expect("recordable");
    state.record(&held, &[Fact::Build(build("a.free", 1))]).expect("recordable");
    drop(held);
    apply(state.as_ref(), &environment(about("prod", Owner::Named, "one"), &["a.past"]));
    apply(state.as_ref(), &environment(about("prod", Owner::Named, "two"), &["a.shown"]));
    // What a branch was before keeps nothing.
    apply(state.as_ref(), &environment(about("x_1", branch("x"), "one"), &["a.branch"]));
    apply(state.as_ref(), &environment(about("x_1", branch("x"), "two"), &["a.shown"]));
    let lease = lease(state.as_ref());
    let next = pending(environment(about("prod", Owner::Named, "three"), &["a.next"]), Some("two"));
    state.begin_promote(&lease, &next).expect("nobody else");
    store.open("other").record(&lease, &[Fact::Snapshot(snapshot("a.theirs"))]).expect("recordable");
    mark(state.as_ref(), &lease, &known.map(|model| (model, 7)));
    let forget =
        |model: &str, since| state.forget_unreferenced(&lease, &table(model), Timestamp(since)).expect("writable");
    let known_now = || state.all_tables().expect("readable").len();
    for needed in ["a.shown", "a.past", "a.next", "a.theirs"] {
        assert_eq!(forget(needed, 7), Forgotten::No, "{needed}");
    }
    assert_eq!(forget("a.free", 6), Forgotten::No, "since another moment");
    assert_eq!((known_now(), marks(state.as_ref(), &known).len()), (6, 6));
    assert_eq!([forget("a.free", 7), forget("a.branch", 7)], [Forgotten::Yes; 2]);
    assert!(state.tables(&[key("a.free"), key("a.branch")]).expect("readable").is_empty());
    assert_eq!(known_now(), 4);
    assert_eq!(marks(state.as_ref(), &["a.free"]), [("a.free", 7)], "it may still stand in the warehouse");
    assert_eq!(state.builds(&[key("a.free").model], 9).expect("readable").len(), 1, "what it cost is remembered");
    state.record(&lease, &[Fact::Snapshot(snapshot("a.free"))]).expect("recordable");
    assert!(state.tables(&[key("a.free")]).expect("readable")[&key("a.free")].ledger.intervals().is_empty());
    assert_eq!(forget("a.free", 7), Forgotten::No, "it was made again");
    state.abandon_promote(&lease, &name("prod"), &next.intended.about.plan_id).expect("in the journal");
    assert_eq!(forget("a.next", 7), Forgotten::Yes);
    state.forget_history(&lease, NonZeroUsize::MIN).expect("writable");
    assert_eq!(forget("a.past", 7), Forgotten::Yes);
}

pub(super) fn history_keeps_its_newest_entries_and_goes_on_counting(store: &impl Factory) {
    let state = store.open("");
    for plan_id in ["1", "2", "3", "4"] {
        apply(state.as_ref(), &environment(about("prod", Owner::Named, plan_id), &[]));
    }
    apply(state.as_ref(), &environment(about("x_1", branch("x"), "one"), &[]));
    apply(store.open("other").as_ref(), &environment(about("prod", Owner::Named, "1"), &[]));
    apply(store.open("other").as_ref(), &environment(about("prod", Owner::Named, "2"), &[]));
    let two = NonZeroUsize::MIN.saturating_add(1);
    assert_eq!(state.forget_history(&lease(state.as_ref()), two).expect("writable"), 2);
    let sequences = |project: &str, of: EnvironmentName| -> Vec<u64> {
        store.open(project).history(&of, 9).expect("readable").into_iter().map(|entry| entry.sequence).collect()
    };
    assert_eq!(sequences("", name("prod")), [4, 3]);
    assert_eq!(sequences("", name("x_1")), [1]);
    assert_eq!(sequences("other", name("prod")), [2, 1], "another project's is its own");
    assert_eq!(state.forget_history(&lease(state.as_ref()), NonZeroUsize::MIN).expect("writable"), 1);
    let lease = lease(state.as_ref());
    let made = environment(about("prod", Owner::Named, "5"), &[]);
    state.start_plan(&lease, &made.about, Some(&ready("4"))).expect("nobody else");
    state.finish_plan(&lease, &made, &entry(1)).expect("the same plan");
    assert_eq!(sequences("", name("prod")), [5, 4]);
}
