//! What is known of tables: their snapshots, builds and loads.

use offshoot::state::{Build, Fact, Owner, Restatement, Snapshot, StateError};
use offshoot::time::{Intervals, Timestamp};

use super::{Factory, lease};
use crate::state_world::{branch, build, days, key, load, model, plan, snapshot};

pub(super) fn snapshots_and_builds_come_back_in_batches(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let facts: Vec<Fact> = (0..300).map(|number| Fact::Snapshot(snapshot(&format!("a.m{number}")))).collect();
    state.record(&lease, &facts).expect("recordable");
    let builds = [("a.m1", 1), ("a.m1", 3), ("a.m1", 2), ("a.m2", 1), ("a.m3", 1)];
    let builds = builds.map(|(model, at)| Fact::Build(build(model, at)));
    state.record(&lease, &builds).expect("recordable");
    let keys: Vec<_> = (0..301).map(|number| key(&format!("a.m{number}"))).collect();
    let tables = store.open("").tables(&keys).expect("readable");
    assert_eq!(tables.len(), 300, "an unknown key is left out");
    assert_eq!(tables[&keys[7]].snapshot, snapshot("a.m7"));
    let found = state.builds(&[model("a.m1"), model("a.m2")], 2).expect("readable");
    assert_eq!(found[&model("a.m1")], [build("a.m1", 3), build("a.m1", 2)]);
    assert_eq!(found[&model("a.m2")], [build("a.m2", 1)]);
    assert_eq!(found.len(), 2);
}

pub(super) fn builds_are_known_by_whom_they_were_made_for(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let of = |owner: Owner, plan_id: &str, table: &str, at| Build {
        made_for: Some(owner),
        plan_id: Some(plan(plan_id)),
        ..build(table, at)
    };
    let ours = Owner::PullRequest(142);
    let made = [
        of(ours.clone(), "two", "a.b", 2),
        of(ours.clone(), "one", "a.b", 1),
        of(ours.clone(), "two", "c.d", 2),
        of(Owner::PullRequest(14), "three", "a.b", 3),
        of(branch("142"), "four", "a.b", 4),
        of(Owner::Named, "five", "a.b", 5),
        build("a.b", 6),
    ];
    state.record(&lease, &made.clone().map(Fact::Build)).expect("recordable");
    let found = |project: &str, owner: &Owner| store.open(project).builds_for(owner).expect("readable");
    assert_eq!(found("", &ours), [made[1].clone(), made[0].clone(), made[2].clone()], "oldest first");
    assert_eq!(found("", &Owner::Named), [made[5].clone()], "nobody knows whom the last was made for");
    assert_eq!(found("", &Owner::PullRequest(143)), []);
    assert_eq!(found("other", &ours), []);
    let newest = state.newest_builds(&[key("a.b"), key("c.d"), key("never.seen")]).expect("readable");
    let expected = [(key("a.b"), made[6].clone()), (key("c.d"), made[2].clone())];
    assert_eq!(newest, expected.into());
}

pub(super) fn a_build_that_is_told_again_under_its_plan_is_one_build(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let so_far = |day: &str, rows| Build {
        made_for: Some(Owner::PullRequest(142)),
        plan_id: Some(plan("one")),
        rows: Some(rows),
        intervals: vec![days("2026-01-01", day)],
        ..build("a.b", 1)
    };
    for (day, rows) in [("2026-01-02", 10), ("2026-01-03", 25)] {
        state.record(&lease, &[Fact::Build(so_far(day, rows))]).expect("recordable");
    }
    let resumed = Build { plan_id: Some(plan("two")), ..so_far("2026-01-05", 30) };
    state.record(&lease, &[Fact::Build(resumed.clone())]).expect("recordable");
    let found = state.builds_for(&Owner::PullRequest(142)).expect("readable");
    assert_eq!(found, [so_far("2026-01-03", 25), resumed]);
    // Without a plan nobody knows that two are one.
    state.record(&lease, &[Fact::Build(build("c.d", 1)), Fact::Build(build("c.d", 1))]).expect("recordable");
    assert_eq!(state.builds(&[model("c.d")], 9).expect("readable")[&model("c.d")].len(), 2);
}

pub(super) fn what_was_loaded_again_is_known(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let again =
        |table: &str, at| Build { restatement: Restatement::Yes, plan_id: Some(plan("one")), ..build(table, at) };
    let builds = [again("c.d", 2), build("c.d", 3), again("a.b", 1), again("a.b", 4), build("e.f", 5)];
    assert_eq!(state.restatements().expect("readable"), []);
    for build in builds {
        state.record(&lease, &[Fact::Build(build)]).expect("recordable");
    }
    assert_eq!(state.restatements().expect("readable"), [again("a.b", 4), again("c.d", 2)], "the newest of each table");
    assert_eq!(store.open("other").restatements().expect("readable"), []);
}

pub(super) fn filling_a_table_again_moves_its_time_and_not_its_birth(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let at = |as_of, created_at| Fact::Snapshot(Snapshot { as_of, created_at, ..snapshot("a.b") });
    let found = || state.tables(&[key("a.b")]).expect("readable")[&key("a.b")].snapshot.clone();
    state.record(&lease, &[at(Some(Timestamp(1)), Timestamp(1))]).expect("recordable");
    state.record(&lease, &[at(Some(Timestamp(5)), Timestamp(5))]).expect("recordable");
    assert_eq!((found().as_of, found().created_at), (Some(Timestamp(5)), Timestamp(1)));
    state.record(&lease, &[at(None, Timestamp(6))]).expect("recordable");
    assert_eq!(found().as_of, Some(Timestamp(5)), "a fact that knows no fill forgets none");
}

pub(super) fn loads_merge_and_a_second_load_replaces_the_first(store: &impl Factory) {
    let state = store.open("");
    let lease_held = lease(state.as_ref());
    let january = days("2026-01-01", "2026-02-01");
    let facts = [
        Fact::Snapshot(snapshot("a.b")),
        Fact::Snapshot(snapshot("c.d")),
        load("a.b", january, 1),
        load("a.b", days("2026-02-01", "2026-02-03"), 1),
        load("a.b", days("2026-03-01", "2026-03-02"), 1),
        load("c.d", january, 1),
    ];
    state.record(&lease_held, &facts).expect("recordable");
    state.record(&lease_held, &[load("a.b", days("2026-01-10", "2026-01-12"), 2)]).expect("recordable");
    let state = store.open("");
    let tables = state.tables(&[key("a.b"), key("c.d")]).expect("readable");
    let ledger = &tables[&key("a.b")].ledger;
    let expected: Intervals =
        [days("2026-01-01", "2026-02-03"), days("2026-03-01", "2026-03-02")].into_iter().collect();
    assert_eq!(ledger.intervals(), expected);
    let times: Vec<_> = ledger.loads().iter().map(|load| (load.interval, load.loaded_at)).collect();
    let expected = [
        (days("2026-01-01", "2026-01-10"), Timestamp(1)),
        (days("2026-01-10", "2026-01-12"), Timestamp(2)),
        (days("2026-01-12", "2026-02-03"), Timestamp(1)),
        (days("2026-03-01", "2026-03-02"), Timestamp(1)),
    ];
    assert_eq!(times, expected);
    assert_eq!(tables[&key("c.d")].ledger.intervals(), Intervals::one(january), "one table's loads are its own");
}

pub(super) fn withdrawn_ranges_and_forgotten_tables_are_not_loaded(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let january = days("2026-01-01", "2026-02-01");
    let facts = ["a.b", "c.d"].map(|model| [Fact::Snapshot(snapshot(model)), load(model, january, 1)]).concat();
    state.record(&lease, &facts).expect("recordable");
    state.withdraw(&lease, &key("a.b"), days("2026-01-30", "2026-03-01")).expect("writable");
    let keys = [key("a.b"), key("c.d")];
    let tables = state.tables(&keys).expect("readable");
    assert_eq!(tables[&keys[0]].ledger.intervals(), Intervals::one(days("2026-01-01", "2026-01-30")));
    state.forget_tables(&lease, &[key("c.d"), key("never.seen")]).expect("writable");
    state.record(&lease, &[Fact::Snapshot(snapshot("c.d"))]).expect("recordable");
    let again = &state.tables(&keys).expect("readable")[&keys[1]];
    assert!(again.ledger.intervals().is_empty(), "a table that is made again begins empty");
}

/// Two that make a table in two places: what the second one loads must not count as loaded where the first one's is.
pub(super) fn a_table_stays_where_it_is(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let first = snapshot("a.b");
    state
        .record(&lease, &[Fact::Snapshot(first.clone()), load("a.b", days("2026-01-01", "2026-01-02"), 3)])
        .expect("recordable");
    let mut other = first.clone();
    other.table.schema = "elsewhere".into();
    let facts = [snapshot("c.d"), other].map(Fact::Snapshot).into_iter().chain([load(
        "a.b",
        days("2026-01-02", "2026-01-03"),
        4,
    )]);
    let refused = state.record(&lease, &facts.collect::<Vec<_>>()).expect_err("it is somewhere else");
    assert!(matches!(&refused, StateError::TableElsewhere { known, .. } if **known == first.table), "{refused}");
    let tables = state.tables(&[key("a.b"), key("c.d")]).expect("readable");
    assert_eq!((tables.len(), &tables[&key("a.b")].snapshot), (1, &first), "nothing of the call is there");
    assert_eq!(tables[&key("a.b")].ledger.loads().len(), 1);
    // Another project has its own.
    drop(lease);
    let theirs = store.open("theirs");
    let mut other = first;
    other.table.schema = "elsewhere".into();
    theirs.record(&super::lease(theirs.as_ref()), &[Fact::Snapshot(other)]).expect("recordable");
}
