//! Environments that promote may not bring back to what was rolled back, and what an entry of history says of itself.

use std::collections::BTreeSet;

use offshoot::history::{Deed, Origin, Who};
use offshoot::ids::CommitId;
use offshoot::rollback::{Hold, HoldChange, RolledBack};
use offshoot::state::{NewEntry, Owner, PendingPromote, State, WriteLease};
use offshoot::time::Timestamp;

use super::{Factory, apply, lease, pending};
use crate::state_world::{about, branch, entry, environment, key, model, name, plan, ready};

fn hold(why: &str) -> Hold {
    let rolled_back = [("a.\"b.c\"", true), ("a.gone", false)].map(|(text, there)| RolledBack {
        model: model(text),
        data_fingerprint: there.then(|| key(text).data_fingerprint),
    });
    Hold {
        who: Who { name: Some("ada \"x\"".into()), run: None },
        at: Timestamp(5),
        why: Some(why.into()),
        from: 2,
        to: 1,
        promoted: Some(CommitId::new("bbbb")),
        algorithm: 3,
        rolled_back: BTreeSet::from(rolled_back),
    }
}

/// A promote of an environment that does something to its hold.
fn promote(environment_name: &str, plan_id: &str, expected: Option<&str>, change: HoldChange) -> PendingPromote {
    let made = environment(about(environment_name, Owner::Named, plan_id), &["a.b"]);
    let next = pending(made, expected);
    PendingPromote { entry: NewEntry { hold: change, ..next.entry.clone() }, ..next }
}

fn done(state: &dyn State, lease: &WriteLease, promote: &PendingPromote) {
    state.begin_promote(lease, promote).expect("nobody else");
    let about = &promote.intended.about;
    state.finish_promote(lease, &about.name, &about.plan_id).expect("in the journal");
}

fn why(state: &dyn State, environment: &str) -> Option<String> {
    state.holds().expect("readable").remove(&name(environment)).and_then(|hold| hold.why)
}

pub(super) fn a_hold_begins_and_ends_with_a_promote_and_never_before(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let begins = |why| HoldChange::Begins(Box::new(hold(why)));
    done(state.as_ref(), &lease, &promote("prod", "one", None, HoldChange::Stays));
    done(state.as_ref(), &lease, &promote("staging", "s", None, begins("elsewhere")));
    assert_eq!(why(state.as_ref(), "prod"), None);
    let next = promote("prod", "two", Some("one"), begins("wrong"));
    state.begin_promote(&lease, &next).expect("nobody else");
    assert_eq!(why(store.open("").as_ref(), "prod"), None, "nobody knows yet whether it happened");
    state.abandon_promote(&lease, &name("prod"), &plan("two")).expect("in the journal");
    assert_eq!(why(state.as_ref(), "prod"), None);
    done(state.as_ref(), &lease, &next);
    assert_eq!(store.open("").holds().expect("readable")[&name("prod")], hold("wrong"));
    assert!(store.open("other").holds().expect("readable").is_empty(), "another project's are its own");
    done(state.as_ref(), &lease, &promote("prod", "three", Some("two"), HoldChange::Stays));
    assert_eq!(why(state.as_ref(), "prod").as_deref(), Some("wrong"));
    done(state.as_ref(), &lease, &promote("prod", "four", Some("three"), begins("worse")));
    assert_eq!(why(state.as_ref(), "prod").as_deref(), Some("worse"), "the last word counts");
    let ends = promote("prod", "five", Some("four"), HoldChange::Ends);
    state.begin_promote(&lease, &ends).expect("nobody else");
    assert_eq!(why(state.as_ref(), "prod").as_deref(), Some("worse"));
    state.finish_promote(&lease, &name("prod"), &plan("five")).expect("in the journal");
    assert_eq!(why(state.as_ref(), "prod"), None);
    assert_eq!(why(state.as_ref(), "staging").as_deref(), Some("elsewhere"));
}

pub(super) fn a_hold_is_released_once_and_goes_with_its_environment(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let begins = || HoldChange::Begins(Box::new(hold("wrong")));
    done(state.as_ref(), &lease, &promote("prod", "one", None, begins()));
    done(state.as_ref(), &lease, &promote("staging", "s", None, begins()));
    let other = store.open("other");
    assert_eq!(other.release_hold(&lease, &name("prod")).expect("writable"), None, "another project's are its own");
    assert_eq!(state.release_hold(&lease, &name("prod")).expect("writable"), Some(hold("wrong")));
    assert_eq!(state.release_hold(&lease, &name("prod")).expect("writable"), None);
    assert_eq!(state.history(&name("prod"), 9).expect("readable").len(), 1, "a release is no entry");
    state.remove_environment(&lease, &name("staging"), &ready("s")).expect("nobody else");
    assert!(state.holds().expect("readable").is_empty());
}

pub(super) fn an_entry_says_what_it_was_and_who_made_it(store: &impl Factory) {
    let state = store.open("");
    apply(state.as_ref(), &environment(about("x_1", branch("x"), "old"), &["a.b"]));
    let lease = lease(state.as_ref());
    let who = Who { name: Some("ada".into()), run: Some("https://x/1".into()) };
    let deeds = [
        Deed::Apply,
        Deed::Promote,
        Deed::Rollback { to: 1, why: Some("it's \"wrong\"".into()) },
        Deed::Rollback { to: u64::from(u32::MAX), why: None },
    ];
    let origins = deeds.map(|deed| Origin { deed, who: who.clone() });
    let mut before = "old".to_owned();
    for (place, origin) in origins.iter().enumerate() {
        let plan_id = format!("plan-{place}");
        let about = about("x_1", branch("x"), &plan_id);
        state.start_plan(&lease, &about, Some(&ready(&before))).expect("nobody else");
        let entry = NewEntry { origin: Some(origin.clone()), ..entry(3) };
        state.finish_plan(&lease, &environment(about, &["a.b"]), &entry).expect("the same plan");
        before = plan_id;
    }
    let history = store.open("").history(&name("x_1"), 9).expect("readable");
    let found: Vec<Option<Origin>> = history.into_iter().rev().map(|entry| entry.origin).collect();
    let expected: Vec<Option<Origin>> = std::iter::once(None).chain(origins.map(Some)).collect();
    assert_eq!(found, expected);
}
