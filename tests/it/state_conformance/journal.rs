//! The journal of promotes: what is in it until a promote is settled, and what an abandoned one leaves.

use offshoot::state::{Fact, Owner, StateError, Status};
use offshoot::time::Timestamp;

use super::{Factory, apply, lease, pending};
use crate::state_world::{about, days, entry, environment, key, load, name, plan, ready, snapshot};

pub(super) fn a_promote_is_in_the_journal_until_it_is_settled(store: &impl Factory) {
    let state = store.open("");
    apply(state.as_ref(), &environment(about("prod", Owner::Named, "one"), &["a.b"]));
    let mut next = pending(environment(about("prod", Owner::Named, "two"), &["c.d"]), Some("one"));
    next.entry.facts = vec![Fact::Snapshot(snapshot("c.d")), load("c.d", days("2026-01-01", "2026-01-02"), 4)];
    state.begin_promote(&lease(state.as_ref()), &next).expect("nobody else changed prod");
    // Whoever opens the state next finds it, and prod as it was.
    let state = store.open("");
    assert_eq!(state.pending_promotes().expect("readable"), [next.clone()]);
    let prod = state.environment(&name("prod")).expect("readable").expect("made");
    assert_eq!((prod.about.plan_id, prod.about.status), (plan("one"), Status::Ready));
    assert!(state.tables(&[key("c.d")]).expect("readable").is_empty());
    // Nobody writes prod meanwhile.
    let lease = lease(state.as_ref());
    let refused = [
        state.start_plan(&lease, &about("prod", Owner::Named, "three"), Some(&ready("one"))),
        state.begin_promote(&lease, &next),
        state.remove_environment(&lease, &name("prod"), &ready("one")),
        state.finish_plan(&lease, &environment(about("prod", Owner::Named, "one"), &[]), &entry(1)),
    ];
    for refused in refused {
        assert!(matches!(&refused, Err(StateError::PromotePending { plan_id, .. }) if *plan_id == plan("two")));
    }
    let other = state.finish_promote(&lease, &name("prod"), &plan("other"));
    assert!(matches!(other, Err(StateError::NoSuchPromote { .. })), "{other:?}");
    state.finish_promote(&lease, &name("prod"), &plan("two")).expect("it is in the journal");
    let prod = state.environment(&name("prod")).expect("readable").expect("made");
    assert_eq!((prod.about.plan_id, prod.about.status), (plan("two"), Status::Ready));
    assert_eq!(prod.models, next.intended.models);
    assert_eq!(state.pending_promotes().expect("readable"), []);
    assert_eq!(state.tables(&[key("c.d")]).expect("readable")[&key("c.d")].ledger.newest(), Some(Timestamp(4)));
    assert_eq!(state.history(&name("prod"), 9).expect("readable").len(), 2);
    let twice = state.finish_promote(&lease, &name("prod"), &plan("two"));
    assert!(matches!(twice, Err(StateError::NoSuchPromote { .. })), "{twice:?}");
}

pub(super) fn an_abandoned_promote_leaves_nothing(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let first = pending(environment(about("prod", Owner::Named, "one"), &["a.b"]), None);
    state.begin_promote(&lease, &first).expect("the first promote");
    state.abandon_promote(&lease, &name("prod"), &plan("one")).expect("it is in the journal");
    assert_eq!(state.environment(&name("prod")).expect("readable"), None);
    assert_eq!(state.pending_promotes().expect("readable"), []);
    state.begin_promote(&lease, &first).expect("the first promote again");
    state.finish_promote(&lease, &name("prod"), &plan("one")).expect("it is in the journal");
    assert_eq!(state.history(&name("prod"), 9).expect("readable").len(), 1);
}
