//! What one writer at a time may have: who is kept away, what is given back, and who cannot write any more.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use offshoot::ids::{CommitId, EnvironmentName, Login};
use offshoot::state::{Allowance, Asking, Claim, Fact, Owner, State, StateError, Subject, WriteLease};
use offshoot::time::Timestamp;

use super::{Factory, apply, lease, pending};
use crate::state_world::{about, branch, days, entry, environment, key, model, name, plan, ready, snapshot};

fn of(environment: &str) -> Subject {
    Subject::Environment(EnvironmentName::new(environment))
}

/// A range of days in January, or the whole table.
fn part(model: &str, range: Option<(u8, u8)>) -> Subject {
    let day = |day: u8| format!("2026-01-{day:02}");
    let range = range.map(|(start, end)| days(&day(start), &day(end)));
    Subject::Table { table: snapshot(model).table, range }
}

fn take(state: &dyn State, lease: &WriteLease, subject: &Subject) -> Claim {
    state.claim(lease, subject, Asking::Once).unwrap_or_else(|error| panic!("{subject:?}: {error}"))
}

/// What somebody has of what is wanted.
fn refused(state: &dyn State, lease: &WriteLease, subject: &Subject) -> Subject {
    match state.claim(lease, subject, Asking::Once) {
        Err(StateError::Held { subject, holder, since }) => {
            assert_eq!((holder.pid, holder.doing.as_str()), (std::process::id(), "bot test"));
            assert!(since > Timestamp::parse("2020-01-01").expect("a date"), "{since:?}");
            *subject
        }
        other => panic!("{subject:?} is had twice: {other:?}"),
    }
}

pub(super) fn one_writer_at_a_time_has_a_subject(store: &impl Factory) {
    let (state, other) = (store.open(""), store.open("other"));
    let lease = lease(state.as_ref());
    let subjects = [of("x_1"), Subject::Gc, Subject::BesideAll, part("a.b", None)];
    let held: Vec<_> = subjects.iter().map(|subject| take(state.as_ref(), &lease, subject)).collect();
    for subject in &subjects {
        assert_eq!(refused(state.as_ref(), &lease, subject), *subject);
    }
    take(state.as_ref(), &lease, &of("x_2"));
    // Environments and the search are a project's own; a table may be of two.
    take(other.as_ref(), &lease, &of("x_1"));
    take(other.as_ref(), &lease, &Subject::Gc);
    refused(other.as_ref(), &lease, &part("a.b", None));
    let message = state.claim(&lease, &of("x_1"), Asking::Once).expect_err("held").to_string();
    let holder = format!("environment `x_1` is held by process {} (`bot test`)", std::process::id());
    assert!(message.starts_with(&holder) && message.ends_with(" UTC"), "{message}");
    drop(held);
}

/// Who asked first is the next one, however often others ask; who does not ask any more, as `silence` has it, is passed by.
pub(super) fn who_waits_comes_in_turn(store: &impl Factory, silence: impl Fn()) {
    let states = [(); 4].map(|()| store.open(""));
    let leases = states.each_ref().map(|state| lease(state.as_ref()));
    let ask = |who: usize, asking| states[who].claim(&leases[who], &part("a.b", Some((10, 20))), asking);
    let refused = |who: usize, asking| match ask(who, asking) {
        Err(StateError::Held { .. }) => {}
        other => panic!("{who} has what another waits for: {other:?}"),
    };
    let had = ask(0, Asking::Once).expect("free");
    refused(1, Asking::First);
    refused(2, Asking::First);
    refused(1, Asking::Again);
    drop(had);
    refused(2, Asking::Again);
    refused(3, Asking::First);
    // A part of it is waited for with the whole.
    let whole = states[3].claim(&leases[3], &part("a.b", None), Asking::First);
    assert!(
        matches!(&whole, Err(StateError::Held { subject, .. }) if **subject == part("a.b", Some((10, 20)))),
        "{whole:?}"
    );
    take(states[3].as_ref(), &leases[3], &part("a.b", Some((1, 10))));
    let had = ask(1, Asking::Again).expect("its turn");
    refused(2, Asking::Again);
    drop(had);
    silence();
    let had = ask(3, Asking::Again).expect("nobody before it asks any more");
    refused(2, Asking::Again);
    drop(had);
    drop(ask(2, Asking::Again).expect("its turn"));
    // Who had its turn stands in line no longer.
    drop(ask(3, Asking::First).expect("free"));
    // And whoever does not stand in line takes nobody's place.
    drop(ask(0, Asking::Once).expect("free"));
}

pub(super) fn ranges_of_a_table_exclude_each_other_where_they_overlap(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let middle = part("a.b", Some((10, 20)));
    let held = take(state.as_ref(), &lease, &middle);
    for range in [(10, 20), (12, 13), (1, 11), (19, 25), (1, 30)] {
        assert_eq!(refused(state.as_ref(), &lease, &part("a.b", Some(range))), middle, "{range:?}");
    }
    assert_eq!(refused(state.as_ref(), &lease, &part("a.b", None)), middle);
    let touching = [(1, 10), (20, 30)].map(|range| take(state.as_ref(), &lease, &part("a.b", Some(range))));
    take(state.as_ref(), &lease, &part("c.d", Some((10, 20))));
    drop((held, touching));
    let whole = take(state.as_ref(), &lease, &part("a.b", None));
    assert_eq!(refused(state.as_ref(), &lease, &middle), part("a.b", None));
    drop(whole);
}

pub(super) fn a_hold_ends_when_it_is_dropped_or_its_session_ends(store: &impl Factory) {
    let state = store.open("");
    let first = lease(state.as_ref());
    let held = take(state.as_ref(), &first, &of("x_1"));
    let before = held.token();
    drop(held);
    let held = take(state.as_ref(), &first, &of("x_1"));
    assert!(held.token() > before, "{:?} comes after {before:?}", held.token());
    drop(first);
    let second = lease(state.as_ref());
    let again = take(state.as_ref(), &second, &of("x_1"));
    assert!(again.token() > held.token());
    // What the first one had is not the second one's.
    drop(held);
    refused(state.as_ref(), &second, &of("x_1"));
}

pub(super) fn what_is_held_is_listed(store: &impl Factory) {
    let (state, other) = (store.open(""), store.open("other"));
    let held = lease(state.as_ref());
    let subjects = [of("x_1"), part("a.b", None), part("c.d", Some((1, 2))), Subject::Gc, Subject::BesideAll];
    let _kept: Vec<_> = subjects.iter().map(|subject| take(state.as_ref(), &held, subject)).collect();
    let _theirs = take(other.as_ref(), &held, &of("x_1"));
    let listed = |state: &dyn State| -> Vec<Subject> {
        let holds = state.claims().expect("readable");
        assert!(holds.iter().all(|(_, holder, _)| holder.pid == std::process::id() && holder.doing == "bot test"));
        holds.into_iter().map(|(subject, _, _)| subject).collect()
    };
    assert_eq!(listed(state.as_ref()), subjects);
    assert_eq!(listed(other.as_ref()), [subjects[1].clone(), subjects[2].clone(), of("x_1")]);
    store.silence_writers();
    assert_eq!(listed(state.as_ref()), [], "the dead hold nothing");
}

/// A session that was not heard of is as good as dead; where its process lives after all, it must not write any more.
pub(super) fn a_silent_session_is_taken_over_and_cannot_write_any_more(store: &impl Factory) {
    let state = store.open("");
    apply(state.as_ref(), &environment(about("x_1", branch("x"), "one"), &["a.b"]));
    let lost = lease(state.as_ref());
    let held = take(state.as_ref(), &lost, &of("x_1"));
    state.record(&lost, &[Fact::Snapshot(snapshot("a.b"))]).expect("it lives");
    store.silence_writers();
    assert_cannot_write(state.as_ref(), &lost);
    let next = lease(state.as_ref());
    let taken = take(state.as_ref(), &next, &of("x_1"));
    assert!(next.token() > lost.token() && taken.token() > held.token());
    assert_cannot_write(state.as_ref(), &lost);
    drop((held, lost));
    refused(state.as_ref(), &next, &of("x_1"));
    state.record(&next, &[Fact::Snapshot(snapshot("c.d"))]).expect("it lives");
    assert_eq!(state.all_tables().expect("readable"), [snapshot("a.b"), snapshot("c.d")]);
    let found = state.environment(&name("x_1")).expect("readable").expect("made");
    assert_eq!(found.about.version(), ready("one"));
}

/// Tries each method that writes.
fn assert_cannot_write(state: &dyn State, lost: &WriteLease) {
    let shown = about("x_1", branch("x"), "two");
    let made = environment(shown.clone(), &["a.b"]);
    let promote = pending(environment(about("prod", Owner::Named, "two"), &[]), None);
    let allowance = Allowance {
        pull_request: 1,
        model: model("a.b"),
        head: CommitId::new("aaaa"),
        by: Login::new("ada"),
        at: Timestamp(1),
    };
    let table = snapshot("a.b").table;
    let (prod, two) = (name("prod"), plan("two"));
    let outcomes = [
        state.allow(lost, &allowance),
        state.record(lost, &[Fact::Snapshot(snapshot("e.f"))]),
        state.withdraw(lost, &key("a.b"), days("2026-01-01", "2026-01-02")),
        state.forget_tables(lost, &[key("a.b")]),
        state.mark_unreferenced(lost, &[(table.clone(), Timestamp(1))].into()),
        state.keep_tables(lost, std::slice::from_ref(&table)),
        state.forget_unreferenced(lost, &table, Timestamp(1)).map(|_| ()),
        state.forget_history(lost, NonZeroUsize::MIN).map(|_| ()),
        state.start_plan(lost, &shown, Some(&ready("one"))),
        state.finish_plan(lost, &made, &entry(1)),
        state.remove_environment(lost, &name("x_1"), &ready("one")),
        state.begin_promote(lost, &promote),
        state.finish_promote(lost, &prod, &two),
        state.abandon_promote(lost, &prod, &two),
        state.claim(lost, &of("x_2"), Asking::Once).map(|_| ()),
    ];
    for (number, outcome) in outcomes.into_iter().enumerate() {
        assert!(matches!(outcome, Err(StateError::LeaseLost { .. })), "method {number}: {outcome:?}");
    }
}

/// Each with a handle and a session of its own; whoever has it is alone.
pub(super) fn sixteen_threads_take_and_give_back(store: &impl Factory) {
    let is_had = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let state = store.open("");
                for _ in 0..2 {
                    let lease = lease(state.as_ref());
                    let held = loop {
                        match state.claim(&lease, &of("x_1"), Asking::Once) {
                            Ok(held) => break held,
                            Err(StateError::Held { .. }) => thread::yield_now(),
                            Err(other) => panic!("{other}"),
                        }
                    };
                    assert!(!is_had.swap(true, Ordering::SeqCst), "two have it");
                    is_had.store(false, Ordering::SeqCst);
                    drop(held);
                }
            });
        }
    });
    assert_eq!(store.open("").claims().expect("readable"), []);
}
