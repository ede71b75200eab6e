//! A project's tables under other keys, in a state that others share.

use offshoot::decision::Decision;
use offshoot::hash::Digest;
use offshoot::naming::TableKey;
use offshoot::state::{Fact, Owner, Renewed, State, Upgrade};

use super::{Factory, apply, decision, lease};
use crate::state_world::{about, build, days, environment, key, load, model, name, pointer, snapshot};

pub(super) fn tables_move_with_their_loads_and_other_projects_stay_where_they_were(store: &impl Factory) {
    let (state, other) = (store.open(""), store.open("other"));
    let facts = [
        Fact::Snapshot(snapshot("a.b")),
        Fact::Snapshot(snapshot("c.d")),
        load("a.b", days("2026-01-01", "2026-01-03"), 4),
        Fact::Build(build("a.b", 1)),
    ];
    for state in [&state, &other] {
        state.record(&lease(state.as_ref()), &facts).expect("recordable");
        apply(state.as_ref(), &environment(about("prod", Owner::Named, "one"), &["a.b"]));
    }
    let renewed = Renewed {
        data: Digest::of("newer", "a.b"),
        metadata: Digest::of("newer", "metadata"),
        source: Digest::of("newer", "source"),
        undecided: Some(Digest::of("newer", "undecided")),
    };
    let mut models = environment(about("prod", Owner::Named, "one"), &["a.b"]).models;
    let decided = decision("a.b", Some("ada"), 4);
    models.values_mut().for_each(|pointer| pointer.undecided = Some(decided.data_fingerprint));
    state.decide(&lease(state.as_ref()), std::slice::from_ref(&decided)).expect("writable");
    let tree = [(model("a.b"), renewed)].into();
    let upgrade = Upgrade::new((1, 2), vec![((name("prod"), None), models, tree)]);
    let held = lease(state.as_ref());
    state.upgrade(&held, &upgrade).expect("writable");
    let new = TableKey { model: model("a.b"), data_fingerprint: renewed.data };
    let known = |state: &dyn State| state.tables(&[key("a.b"), new.clone(), key("c.d")]).expect("readable");
    let found = known(state.as_ref());
    assert_eq!(found.keys().collect::<Vec<_>>(), [&new, &key("c.d")].into_iter().collect::<Vec<_>>());
    assert_eq!(found[&new].snapshot.table, snapshot("a.b").table, "the table is what it was");
    assert_eq!(found[&new].ledger.intervals().ranges(), [days("2026-01-01", "2026-01-03")]);
    assert_eq!(state.newest_builds(std::slice::from_ref(&new)).expect("readable").len(), 1);
    let shown = state.environment(&name("prod")).expect("readable").expect("made").models[&model("a.b")].clone();
    assert_eq!((shown.data_fingerprint, shown.source), (renewed.data, Some(renewed.source)));
    assert_eq!((shown.table, shown.view), (pointer("a.b").table, pointer("a.b").view));
    let decisions = state.decisions().expect("readable");
    let data_fingerprint = renewed.undecided.expect("decided");
    let still = Decision { data_fingerprint, ..decided };
    assert_eq!(decisions.made(&model("a.b"), data_fingerprint), Some(&still), "it holds for what that is by now");
    let version = |state: &dyn State| state.identity().expect("readable").expect("made").algorithm_version;
    assert_eq!([version(state.as_ref()), version(other.as_ref())], [2, 1]);
    assert!(known(other.as_ref()).contains_key(&key("a.b")), "another project's are its own");
    // A second run comes too late to do anything.
    state.upgrade(&held, &Upgrade::new((1, 2), Vec::new())).expect("done already");
    assert!(known(state.as_ref()).contains_key(&new));
    other.upgrade(&held, &Upgrade::new((1, 2), Vec::new())).expect("writable");
    assert_eq!(version(other.as_ref()), 2);
}
