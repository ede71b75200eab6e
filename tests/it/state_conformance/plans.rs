//! Plans of one environment: what is shown while one is made, and which other one is refused.

use offshoot::state::{Owner, StateError, Status, Version};
use offshoot::time::Timestamp;

use super::{Factory, apply, lease, pending};
use crate::state_world::{about, branch, building, entry, environment, model, name, plan, ready};

pub(super) fn a_plan_shows_as_building_and_keeps_the_models_until_it_ends(store: &impl Factory) {
    let state = store.open("");
    let mut made = environment(about("x_1", branch("x"), "one"), &["a.b"]);
    apply(state.as_ref(), &made);
    made.about.plan_id = plan("two");
    made.about.created_at = Timestamp(99);
    let lease = lease(state.as_ref());
    state.start_plan(&lease, &made.about, Some(&ready("one"))).expect("nobody else changed it");
    let building = state.environment(&name("x_1")).expect("readable").expect("made");
    assert_eq!(building.about.status, Status::Building);
    assert_eq!(building.about.plan_id, plan("two"));
    assert_eq!(building.about.created_at, Timestamp(6), "the moment of making never changes");
    assert!(building.models.contains_key(&model("a.b")));
    let made = environment(made.about, &["c.d"]);
    state.finish_plan(&lease, &made, &entry(3)).expect("the same plan");
    let ready = state.environment(&name("x_1")).expect("readable").expect("made");
    assert_eq!((ready.about.status, ready.models), (Status::Ready, made.models));
}

pub(super) fn another_plan_of_the_environment_is_a_conflict(store: &impl Factory) {
    let state = store.open("");
    let made = environment(about("x_1", branch("x"), "one"), &["a.b"]);
    apply(state.as_ref(), &made);
    let lease = lease(state.as_ref());
    let refused = state.start_plan(&lease, &about("x_1", branch("x"), "two"), None).expect_err("it is there");
    assert_conflict(&refused, None, Some(ready("one")));
    let refused = state.start_plan(&lease, &about("x_1", branch("x"), "two"), Some(&ready("zero"))).expect_err("stale");
    assert_conflict(&refused, Some(ready("zero")), Some(ready("one")));
    let refused = state.start_plan(&lease, &about("y_1", branch("y"), "two"), Some(&ready("zero"))).expect_err("gone");
    assert_eq!(
        refused.to_string(),
        "environment `y_1` was changed by another plan (expected plan zero, found no environment): plan it again"
    );
    // A plan that was overtaken cannot end.
    state.start_plan(&lease, &about("x_1", branch("x"), "two"), Some(&ready("one"))).expect("nobody else");
    let refused = state.finish_plan(&lease, &made, &entry(9)).expect_err("overtaken");
    assert_conflict(&refused, Some(building("one")), Some(building("two")));
    let refused = state.remove_environment(&lease, &name("x_1"), &ready("one")).expect_err("overtaken");
    assert_conflict(&refused, Some(ready("one")), Some(building("two")));
    let refused = state.begin_promote(&lease, &pending(made.clone(), Some("one"))).expect_err("overtaken");
    assert_conflict(&refused, Some(ready("one")), Some(building("two")));
    assert_eq!(state.history(&name("x_1"), 9).expect("readable").len(), 1, "refused writes leave nothing");
    assert_eq!(state.pending_promotes().expect("readable"), []);
}

fn assert_conflict(error: &StateError, wanted: Option<Version>, there: Option<Version>) {
    match error {
        StateError::Conflict { expected, found, .. } => {
            assert_eq!((expected.clone(), found.clone()), (wanted, there));
        }
        other => panic!("expected a conflict, found: {other}"),
    }
}

/// While a plan is building, the environment has its id and still the models of the plan before.
pub(super) fn what_was_read_while_building_is_stale_once_it_is_ready(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let made = environment(about("x_1", branch("x"), "one"), &["a.b"]);
    state.start_plan(&lease, &made.about, None).expect("a new environment");
    let read = state.environment(&name("x_1")).expect("readable").expect("begun").about.version();
    state.finish_plan(&lease, &made, &entry(1)).expect("the same plan");
    let next = about("x_1", branch("x"), "two");
    let refused = state.start_plan(&lease, &next, Some(&read)).expect_err("the models moved since");
    assert_conflict(&refused, Some(building("one")), Some(ready("one")));
    let refused = state.finish_plan(&lease, &made, &entry(1)).expect_err("it ended already");
    assert_conflict(&refused, Some(building("one")), Some(ready("one")));
    // What a dead plan left behind can be taken over.
    state.start_plan(&lease, &next, Some(&ready("one"))).expect("nobody else");
    state.start_plan(&lease, &about("x_1", branch("x"), "three"), Some(&building("two"))).expect("nobody else");
}

pub(super) fn a_branch_finds_its_environment_and_no_other_takes_the_name(store: &impl Factory) {
    let state = store.open("");
    apply(state.as_ref(), &environment(about("x_1", branch("feature/x"), "one"), &["a.b"]));
    apply(state.as_ref(), &environment(about("by_hand", Owner::Named, "two"), &["a.b"]));
    apply(state.as_ref(), &environment(about("by_hand_too", Owner::Named, "three"), &["a.b"]));
    let of = |owner| state.environment_of(&owner).expect("readable").map(|about| about.name);
    assert_eq!(of(branch("feature/x")), Some(name("x_1")));
    assert_eq!(of(branch("other")), None);
    assert_eq!(of(Owner::Named), None, "what belongs to nobody is found by name only");
    let resolve = |owner, wanted| state.resolve_name(&owner, &name(wanted)).map_err(|error| error.to_string());
    assert_eq!(resolve(branch("feature/x"), "another"), Ok(name("x_1")), "its name is fixed when it is made");
    assert_eq!(resolve(branch("feature-x"), "free"), Ok(name("free")));
    assert_eq!(resolve(Owner::Named, "by_hand_too"), Ok(name("by_hand_too")));
    assert_eq!(
        resolve(branch("feature-x"), "x_1"),
        Err("environment `x_1` belongs to `refs/heads/feature/x`, so `refs/heads/feature-x` cannot have it: \
             choose another with `--env NAME`"
            .into())
    );
    let lease = lease(state.as_ref());
    let taken = state.start_plan(&lease, &about("x_1", branch("feature-x"), "new"), Some(&ready("one")));
    assert!(matches!(taken, Err(StateError::NameTaken { .. })), "{taken:?}");
    let second = state.start_plan(&lease, &about("x_2", branch("feature/x"), "new"), None);
    assert!(matches!(second, Err(StateError::OwnerElsewhere { .. })), "{second:?}");
}
