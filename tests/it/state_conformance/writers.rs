//! Many writers of one state: what a lease excludes, and that nobody's write is lost.

use std::thread;

use offshoot::state::{Asking, Fact, State, StateError, Subject};

use super::{Factory, lease};
use crate::state_world::{about, branch, build, days, entry, environment, key, load, name, snapshot};

pub(super) fn tokens_of_sessions_grow(store: &impl Factory) {
    let mut last = None;
    for project in ["", "other", "", ""] {
        let state = store.open(project);
        let lease = lease(state.as_ref());
        let claim = state.claim(&lease, &Subject::Gc, Asking::Once).expect("nobody else");
        assert!(Some(lease.token()) > last && claim.token() > lease.token(), "{lease:?} and {claim:?} after {last:?}");
        last = Some(claim.token());
    }
}

pub(super) fn a_lease_of_another_state_is_refused(store: &impl Factory, other: &impl Factory) {
    let lease = lease(other.open("").as_ref());
    let refused = store.open("").start_plan(&lease, &about("x_1", branch("x"), "one"), None);
    assert!(matches!(refused, Err(StateError::OtherState { .. })), "{refused:?}");
}

/// Sixteen writers, each with a handle of its own, read without the lease and then compare and swap.
pub(super) fn of_many_writers_each_win_counts_once(store: &impl Factory) {
    const WRITERS: usize = 16;
    const WINS: usize = 3;
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let state = store.open("");
                (0..WINS).for_each(|win| win_once(state.as_ref(), &format!("{writer}-{win}")));
            });
        }
    });
    assert_wins(store.open("").as_ref(), WRITERS * WINS);
}

/// Adds one model to what it read, and tries until its plan is through; it read before it had the environment, so that
/// without compare-and-swap the model of another writer would be lost.
pub(crate) fn win_once(state: &dyn State, plan_id: &str) {
    loop {
        let read = state.environment(&name("x_1")).expect("readable");
        let expected = read.as_ref().map(|found| found.about.version());
        let mut made = environment(about("x_1", branch("x"), plan_id), &[plan_id]);
        made.models.extend(read.map(|found| found.models).unwrap_or_default());
        let lease = lease(state);
        let Ok(_held) = state.claim(&lease, &Subject::Environment(name("x_1")), Asking::Once) else {
            while !state.holds().expect("readable").is_empty() {
                thread::yield_now();
            }
            continue;
        };
        match state.start_plan(&lease, &made.about, expected.as_ref()) {
            Ok(()) => return state.finish_plan(&lease, &made, &entry(1)).expect("nobody else has it"),
            Err(StateError::Conflict { .. }) => {}
            Err(other) => panic!("only a conflict is expected: {other}"),
        }
    }
}

/// Every writer's model and every writer's entry of the history is there.
pub(crate) fn assert_wins(state: &dyn State, wins: usize) {
    let history = state.history(&name("x_1"), 1_000).expect("readable");
    let sequence: Vec<_> = history.iter().rev().map(|entry| entry.sequence).collect();
    assert_eq!(sequence, (1..=wins as u64).collect::<Vec<_>>(), "no number is given twice");
    let found = state.environment(&name("x_1")).expect("readable").expect("made");
    assert_eq!(found.models.len(), wins, "nobody's write was lost");
}

/// Threads of one run share a handle and a lease.
pub(super) fn threads_of_one_run_record_at_once(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    thread::scope(|scope| {
        for worker in 0..16 {
            let (state, lease) = (state.as_ref(), &lease);
            scope.spawn(move || {
                for number in 0..4 {
                    let model = format!("a.w{worker}_{number}");
                    let interval = days("2026-01-01", "2026-01-02");
                    let facts =
                        [Fact::Snapshot(snapshot(&model)), load(&model, interval, 1), Fact::Build(build(&model, 1))];
                    state.record(lease, &facts).expect("recordable");
                }
            });
        }
    });
    let models: Vec<_> = (0..16).flat_map(|worker| (0..4).map(move |number| format!("a.w{worker}_{number}"))).collect();
    let tables = state.tables(&models.iter().map(|model| key(model)).collect::<Vec<_>>()).expect("readable");
    assert_eq!(tables.len(), 64);
    assert!(tables.values().all(|table| !table.ledger.intervals().is_empty()));
}
