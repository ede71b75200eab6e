//! Who shows which tables, asked of the state in one call.

use std::num::NonZeroUsize;

use offshoot::ids::TableName;
use offshoot::state::{Environment, Forgotten, Others, Owner, State, WriteLease};
use offshoot::time::Timestamp;

use super::{Factory, apply, lease, pending};
use crate::round_trips::round_trips;
use crate::state_world::{about, branch, environment, model, name, pointer, ready, snapshot};

fn table(model: &str) -> TableName {
    snapshot(model).table
}

/// Which of these models' tables are shown by others than an environment, and by it alone.
fn shown(state: &dyn State, environment: &str, models: &[&'static str]) -> [Vec<&'static str>; 2] {
    let tables: Vec<TableName> = models.iter().map(|model| table(model)).collect();
    let environment = name(environment);
    [Others::AllBut(&environment), Others::Only(&environment)].map(|others| {
        let shown = state.shown_by(others, &tables).expect("readable");
        models.iter().copied().filter(|model| shown.contains(&table(model))).collect()
    })
}

const ALL: [&str; 4] = ["a.one", "a.two", "a.three", "never.shown"];

pub(super) fn who_shows_a_table_is_known_as_soon_as_a_plan_ends(store: &impl Factory) {
    let state = store.open("");
    assert_eq!(shown(state.as_ref(), "x_1", &ALL), [[""; 0]; 2]);
    apply(state.as_ref(), &environment(about("x_1", branch("x"), "one"), &["a.one", "a.two"]));
    apply(state.as_ref(), &environment(about("y_1", branch("y"), "one"), &["a.two", "a.three"]));
    apply(store.open("other").as_ref(), &environment(about("prod", Owner::Named, "one"), &["never.shown"]));
    assert_eq!(shown(state.as_ref(), "x_1", &ALL), [vec!["a.two", "a.three"], vec!["a.one", "a.two"]]);
    assert_eq!(shown(state.as_ref(), "nobody", &ALL), [vec!["a.one", "a.two", "a.three"], vec![]]);
    assert_eq!(shown(state.as_ref(), "x_1", &[]), [[""; 0]; 2]);
    // What is shown next takes the place of what was shown; a plan that is not through shows what was.
    let next = environment(about("x_1", branch("x"), "two"), &["a.three"]);
    let held = lease(state.as_ref());
    state.start_plan(&held, &next.about, Some(&ready("one"))).expect("nobody else");
    assert_eq!(shown(state.as_ref(), "y_1", &ALL)[0], ["a.one", "a.two"]);
    state.finish_plan(&held, &next, &crate::state_world::entry(1)).expect("the same plan");
    assert_eq!(shown(state.as_ref(), "y_1", &ALL)[0], ["a.three"]);
    // A promote shows nothing before it is settled.
    let promote = pending(environment(about("prod", Owner::Named, "three"), &["a.one"]), None);
    let promote = offshoot::state::PendingPromote { expected: None, ..promote };
    state.begin_promote(&held, &promote).expect("nobody else");
    assert_eq!(shown(state.as_ref(), "prod", &ALL)[1], [""; 0]);
    state.finish_promote(&held, &name("prod"), &promote.intended.about.plan_id).expect("in the journal");
    assert_eq!(shown(state.as_ref(), "prod", &ALL)[1], ["a.one"]);
    state.remove_environment(&held, &name("x_1"), &ready("two")).expect("nobody else");
    assert_eq!(shown(state.as_ref(), "prod", &ALL), [vec!["a.two", "a.three"], vec!["a.one"]]);
}

/// What somebody is about to show is left alone as if it were shown, for as long as that run lives.
pub(super) fn what_is_announced_counts_as_shown_until_the_session_ends(store: &impl Factory) {
    let state = store.open("");
    apply(state.as_ref(), &environment(about("x_1", branch("x"), "one"), &["a.one"]));
    let held = lease(state.as_ref());
    let tables = ["a.one", "a.two"].map(table);
    state.announce(&held, &name("x_1"), &tables).expect("writable");
    state.announce(&held, &name("x_1"), &[table("a.two"), table("a.three")]).expect("once more");
    assert_eq!(shown(state.as_ref(), "y_1", &ALL)[0], ["a.one", "a.two", "a.three"]);
    assert_eq!(shown(state.as_ref(), "x_1", &ALL), [vec![], vec!["a.one", "a.two", "a.three"]]);
    assert_eq!(shown(store.open("other").as_ref(), "y_1", &ALL)[0], [""; 0]);
    let promoted = state.shown_by(Others::EverPromoted, &tables).expect("readable");
    assert!(promoted.is_empty(), "nobody promotes: {promoted:?}");
    // Nor is it taken for something that nothing needs.
    state.mark_unreferenced(&held, &[(table("a.two"), Timestamp(7))].into()).expect("writable");
    let forget =
        |lease: &WriteLease| state.forget_unreferenced(lease, &table("a.two"), Timestamp(7)).expect("writable");
    assert_eq!(forget(&held), Forgotten::No);
    drop(held);
    assert_eq!(shown(state.as_ref(), "y_1", &ALL)[0], ["a.one"]);
    assert_eq!(forget(&lease(state.as_ref())), Forgotten::Yes);
}

/// Kinds without a table have no row, and two models that stand on one table are one.
pub(super) fn models_without_a_table_and_tables_of_two_models_are_no_trouble(store: &impl Factory) {
    let state = store.open("");
    let mut made = environment(about("x_1", branch("x"), "one"), &["a.one", "a.view", "b.same"]);
    made.models.get_mut(&model("a.view")).expect("there").table = None;
    made.models.insert(model("b.same"), pointer("a.one"));
    apply(state.as_ref(), &made);
    assert_eq!(shown(state.as_ref(), "y_1", &["a.one", "a.view", "b.same"])[0], ["a.one"]);
}

/// A table is needed for as long as an entry of production's history has it.
pub(super) fn history_keeps_tables_for_as_long_as_it_has_them(store: &impl Factory) {
    let state = store.open("");
    for (plan, models) in
        [("one", ["a.one", "a.two"]), ("two", ["a.two", "a.three"]), ("three", ["a.three", "a.three"])]
    {
        apply(state.as_ref(), &environment(about("prod", Owner::Named, plan), &models));
    }
    let lease = lease(state.as_ref());
    let marks = ALL.map(|model| (table(model), Timestamp(7))).into();
    state.mark_unreferenced(&lease, &marks).expect("writable");
    let forget = |model| state.forget_unreferenced(&lease, &table(model), Timestamp(7)).expect("writable");
    assert_eq!(ALL.map(forget), [Forgotten::No, Forgotten::No, Forgotten::No, Forgotten::Yes]);
    state.forget_history(&lease, NonZeroUsize::MIN.saturating_add(1)).expect("writable");
    assert_eq!([forget("a.one"), forget("a.two"), forget("a.three")], [Forgotten::Yes, Forgotten::No, Forgotten::No]);
    state.remove_environment(&lease, &name("prod"), &ready("three")).expect("nobody else");
    assert_eq!([forget("a.two"), forget("a.three")], [Forgotten::Yes; 2]);
}

/// Reads and writes of one environment cost as much beside three others as beside sixty.
pub(super) fn what_one_plan_asks_and_writes_does_not_grow_with_environments(store: &impl Factory) {
    let state = store.open("");
    let models: Vec<String> = (0..150).map(|number| format!("a.m{number}")).collect();
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let tables: Vec<TableName> = models.iter().map(|model| table(model)).collect();
    let made = |number: usize| -> Environment {
        environment(about(&format!("x_{number}"), branch(&format!("x{number}")), "one"), &models)
    };
    let counted = |number: usize| {
        let mine = name("x_1");
        let asked = round_trips(|| state.shown_by(Others::AllBut(&mine), &tables).expect("readable"));
        let written = round_trips(|| apply(state.as_ref(), &made(number)));
        (asked, written)
    };
    (0..3).for_each(|number| apply(state.as_ref(), &made(number)));
    let few = counted(3);
    (4..60).for_each(|number| apply(state.as_ref(), &made(number)));
    assert_eq!(counted(60), few);
    assert!(few.0 == 1 && few.1 < 40, "{few:?}");
}
