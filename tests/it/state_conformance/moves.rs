//! A state moves from one store to another: the same rows give the same lines wherever they are.

use std::io::BufRead;

use offshoot::hash::Digest;
use offshoot::history::{Deed, Origin, Who};
use offshoot::ids::{CommitId, Login, PlanId};
use offshoot::model::Weight;
use offshoot::rollback::{Hold, HoldChange, RolledBack};
use offshoot::state::{
    Allowance, AuditResult, Build, Fact, LineError, Lines, NewEntry, Others, Owner, PendingPromote, Record, State,
    StateError,
};
use offshoot::time::Timestamp;

use super::audits::result;
use super::{Factory, Postgres, Sqlite, apply, decision, lease};
use crate::state_world::{about, branch, build, days, entry, environment, key, load, model, name, ready, snapshot};

/// Something of everything, of which nothing comes in the order of its line.
fn fill(state: &dyn State) {
    let held = lease(state);
    let planned =
        |at, plan: &str| Build { plan_id: Some(PlanId::new(plan)), made_for: Some(branch("x")), ..build("a.b", at) };
    let facts = [
        Fact::Snapshot(snapshot("c.d")),
        Fact::Snapshot(snapshot("\"odd.name\".c")),
        Fact::Snapshot(snapshot("a.b")),
        load("c.d", days("2026-02-01", "2026-02-02"), 9),
        load("c.d", days("2026-01-01", "2026-01-03"), 4),
        load("c.d", days("2026-01-03", "2026-01-05"), 5),
        Fact::Build(planned(7, "p2")),
        Fact::Build(planned(7, "p1")),
        Fact::Build(build("c.d", 3)),
        Fact::Build(build("a.b", 2)),
    ];
    state.record(&held, &facts).expect("recordable");
    let allowance = |pull_request, of: &str| Allowance {
        pull_request,
        model: model(of),
        head: CommitId::new("aaaa"),
        by: Login::new("ada"),
        at: Timestamp(3),
    };
    for (number, of) in [(100, "a.b"), (9, "c.d"), (9, "a.b")] {
        state.allow(&held, &allowance(number, of)).expect("written");
    }
    drop(held);
    for plan in ["one", "two"] {
        apply(state, &environment(about("prod", Owner::Named, plan), &["c.d", "a.b"]));
    }
    apply(state, &environment(about("x_1", branch("x"), "one"), &["a.b"]));
    apply(state, &environment(about("by_hand", Owner::Named, "one"), &[]));
    let held = lease(state);
    let hold = Hold {
        who: Who { name: Some("ada".into()), run: None },
        at: Timestamp(9),
        why: Some("too \"late\"\n".into()),
        from: 2,
        to: 1,
        promoted: Some(CommitId::new("bbbb")),
        algorithm: 1,
        rolled_back: [RolledBack { model: model("a.b"), data_fingerprint: Some(Digest::of("test", "b")) }].into(),
    };
    let begins = |hold: HoldChange| NewEntry {
        origin: Some(Origin { deed: Deed::Rollback { to: 1, why: None }, who: Who::default() }),
        hold,
        ..entry(8)
    };
    let rolled_back = PendingPromote {
        intended: environment(about("prod", Owner::Named, "three"), &["c.d"]),
        expected: Some(ready("two")),
        entry: begins(HoldChange::Begins(Box::new(hold))),
        steps: Vec::new(),
    };
    state.begin_promote(&held, &rolled_back).expect("nobody else");
    state.finish_promote(&held, &name("prod"), &PlanId::new("three")).expect("in the journal");
    let pending = PendingPromote {
        intended: environment(about("prod", Owner::Named, "four"), &["a.b"]),
        expected: Some(ready("three")),
        entry: begins(HoldChange::Stays),
        steps: Vec::new(),
    };
    state.begin_promote(&held, &pending).expect("nobody else");
    let marks = [(snapshot("e.f").table, Timestamp(2)), (snapshot("a.z").table, Timestamp(1))].into();
    state.mark_unreferenced(&held, &marks).expect("writable");
    let told = AuditResult { rows: 0, production: Some(1), weight: Weight::Told, ..result("a.b", "two", 2) };
    let audits = [
        result("c.d", "one", 1),
        told,
        AuditResult { table: None, ..result("a.b", "two", 3) },
        result("a.b", "one", 4),
    ];
    state.record_audits(&held, &audits).expect("writable");
    let decisions = [("c.d", Some("ada")), ("a.b", None)].map(|(of, by)| decision(of, by, 5));
    state.decide(&held, &decisions).expect("writable");
    // A plan that is not through.
    state.start_plan(&held, &about("x_1", branch("x"), "two"), Some(&ready("one"))).expect("nobody else");
}

fn export(state: &dyn State) -> String {
    let mut text = String::new();
    let mut sink = |record: &Record| {
        text.push_str(&(serde_json::to_string(record)? + "\n"));
        Ok(())
    };
    state.export(&mut sink).expect("readable");
    text
}

fn import(state: &dyn State, text: &str) -> Result<(), StateError> {
    let lease = lease(state);
    state.import(&lease, &mut || Ok(Box::new(Lines::new(text.as_bytes()))))
}

/// The first store's lines, after a way through the second.
fn there_and_back(here: &impl Factory, there: &impl Factory, back: &impl Factory) {
    fill(here.open("shop").as_ref());
    // Another project's are its own.
    apply(here.open("other").as_ref(), &environment(about("prod", Owner::Named, "one"), &["a.b"]));
    let lines = export(here.open("shop").as_ref());
    assert!(lines.lines().all(|line| !line.contains("\"other\"")));
    import(there.open("shop").as_ref(), &lines).expect("into an empty state");
    assert_eq!(export(there.open("shop").as_ref()), lines);
    import(back.open("shop").as_ref(), &export(there.open("shop").as_ref())).expect("into an empty state");
    assert_eq!(export(back.open("shop").as_ref()), lines);
    // It is a state like any other: its id is the first one's, it goes on, and who shows what is known.
    let state = there.open("shop");
    let identity = state.identity().expect("readable").expect("made");
    assert_eq!(Some(identity), here.open("shop").identity().expect("readable"));
    let tables = [snapshot("a.b").table, snapshot("c.d").table];
    let shown = state.shown_by(Others::AllBut(&name("x_1")), &tables).expect("readable");
    assert_eq!(shown, [snapshot("c.d").table].into());
    assert_eq!(state.tables(&[key("c.d")]).expect("readable")[&key("c.d")].ledger.loads().len(), 3);
    let held = lease(state.as_ref());
    state.finish_promote(&held, &name("prod"), &PlanId::new("four")).expect("in the journal");
    let numbers: Vec<u64> =
        state.history(&name("prod"), 9).expect("readable").iter().map(|entry| entry.sequence).collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    // What a warehouse remembers of tokens is behind it: there are fewer of them than milliseconds.
    let token =
        state.claim(&held, &offshoot::state::Subject::Gc, offshoot::state::Asking::Once).expect("free").token().0;
    assert!(token > 1_700_000_000_000, "{token}");
    drop(held);
    // The second project of the same state comes after the first.
    let others = export(here.open("other").as_ref());
    import(there.open("other").as_ref(), &others).expect("nothing of it is there");
    assert_eq!(export(there.open("other").as_ref()), others);
}

#[test]
fn a_state_goes_from_a_file_to_a_server_and_back() {
    there_and_back(&Sqlite::new(), &Postgres::new(), &Sqlite::new());
}

#[test]
fn a_state_goes_from_a_server_to_a_file_and_back() {
    there_and_back(&Postgres::new(), &Sqlite::new(), &Postgres::new());
}

#[test]
fn many_rows_are_many_pages() {
    let (here, there) = (Sqlite::new(), Postgres::new());
    let state = here.open("");
    let models: Vec<String> = (0..1_203).map(|number| format!("a.m{number}")).collect();
    let facts: Vec<Fact> = models
        .iter()
        .flat_map(|model| {
            [
                Fact::Snapshot(snapshot(model)),
                load(model, days("2026-01-01", "2026-01-02"), 1),
                Fact::Build(build(model, 1)),
            ]
        })
        .collect();
    state.record(&lease(state.as_ref()), &facts).expect("recordable");
    let lines = export(state.as_ref());
    assert_eq!(lines.lines().count(), 2 + 3 * models.len());
    import(there.open("").as_ref(), &lines).expect("into an empty state");
    assert_eq!(export(there.open("").as_ref()), lines);
}

/// What every store refuses, and what is there is as it was.
fn only_into_an_empty_state(here: &impl Factory, there: &impl Factory) {
    fill(here.open("").as_ref());
    let lines = export(here.open("").as_ref());
    let state = there.open("");
    apply(state.as_ref(), &environment(about("prod", Owner::Named, "one"), &["a.b"]));
    let before = export(state.as_ref());
    let refused = import(state.as_ref(), &lines).expect_err("something is there");
    assert!(matches!(refused, StateError::NotEmpty { .. }), "{refused}");
    // Nor beside another project of another state.
    let refused = import(there.open("other").as_ref(), &lines).expect_err("it would be two states");
    assert!(matches!(refused, StateError::NotEmpty { .. }), "{refused}");
    assert_eq!(export(state.as_ref()), before);
    // A line in the middle takes back all before it.
    let state = here.open("third");
    let identity = state.identity().expect("readable");
    let mut cut = lines.lines().take(lines.lines().count() - 1).collect::<Vec<_>>().join("\n");
    cut.push_str("\n{}\n");
    let refused = import(state.as_ref(), &cut).expect_err("no record");
    assert!(matches!(&refused, StateError::Line(LineError { line, .. }) if *line > 20), "{refused}");
    assert_eq!((state.identity().expect("readable"), export(state.as_ref()).lines().count()), (identity, 2));
}

#[test]
fn a_file_takes_up_nothing_beside_what_is_there() {
    only_into_an_empty_state(&Sqlite::new(), &Sqlite::new());
}

#[test]
fn a_server_takes_up_nothing_beside_what_is_there() {
    only_into_an_empty_state(&Postgres::new(), &Postgres::new());
}

/// Whatever is cut off, doubled or put elsewhere is told by its line.
#[test]
fn lines_that_are_cut_doubled_or_moved_are_refused() {
    let here = Sqlite::new();
    fill(here.open("").as_ref());
    let text = export(here.open("").as_ref());
    let lines: Vec<&str> = text.lines().collect();
    let read = |lines: &[&str]| -> Result<usize, LineError> {
        let text = lines.join("\n") + "\n";
        let read: Vec<Record> = Lines::new(text.as_bytes()).collect::<Result<_, _>>()?;
        Ok(read.len())
    };
    assert_eq!(read(&lines).expect("whole"), text.as_bytes().lines().count());
    for place in 0..lines.len() {
        let cut = read(&lines[..place]).expect_err("cut off");
        assert_eq!(cut.line, place as u64 + 1, "{cut}");
        let half = [&lines[..place], &[&lines[place][..lines[place].len() / 2]]].concat();
        assert_eq!(read(&half).expect_err("cut in the middle").line, place as u64 + 1);
        let doubled = [&lines[..=place], &lines[place..]].concat();
        let told = read(&doubled).expect_err("there twice");
        assert!(told.line > place as u64, "{told}");
        let without = [&lines[..place], &lines[place + 1..]].concat();
        read(&without).expect_err("one is missing");
        if place > 0 {
            let mut moved = lines.clone();
            moved.swap(place - 1, place);
            // Two builds that began at one moment have no order between them.
            let are_builds =
                moved[place - 1].contains("\"type\":\"build\"") && moved[place].contains("\"started_at\":7,");
            assert!(read(&moved).is_err() || are_builds, "line {place} and the one before it");
        }
    }
}
