//! What only a state on PostgreSQL can get wrong: who may do what, lost connections, many writers at once, its schema's age.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use offshoot::ids::{ProjectName, StateId};
use offshoot::postgres::{Address, Client, Parameter};
use offshoot::settings::Secret;
use offshoot::state::{
    Asking, Fact, OpenMode, Owner, PostgresPlace, PostgresState, State, StateError, Subject, Terms, WriteLease,
};

use crate::postgres::{Database, PASSWORD};
use crate::state_sqlite::{LATER_SCHEMAS, assert_version_1_is_shown};
use crate::state_world::{PATIENT, about, branch, build, entry, environment, key, model, name, ready, snapshot};

fn to_write() -> OpenMode {
    OpenMode::Write { state: StateId::new("5eed"), algorithm_version: 1 }
}

fn place(address: Address) -> PostgresPlace {
    PostgresPlace { address, schema: PostgresPlace::SCHEMA.into() }
}

fn open(database: &Database, mode: &OpenMode) -> Result<PostgresState, StateError> {
    PostgresState::open(&place(database.address()), &ProjectName::new(""), mode, &Terms::default())
}

fn opened(database: &Database) -> PostgresState {
    open(database, &to_write()).unwrap_or_else(|error| panic!("{error}"))
}

/// On terms of its own, and known by its application's name.
fn opened_on(database: &Database, application_name: &str, terms: &Terms) -> PostgresState {
    let address = Address { application_name: application_name.into(), ..database.address() };
    let opened = PostgresState::open(&place(address), &ProjectName::new(""), &to_write(), terms);
    opened.unwrap_or_else(|error| panic!("{error}"))
}

fn lease(state: &dyn State) -> WriteLease {
    state.lease("bot test", PATIENT).unwrap_or_else(|error| panic!("{error}"))
}

/// One number of the first row.
fn number(client: &Client, sql: &str) -> i64 {
    let rows = client.query(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error}"));
    match rows.first().and_then(|row| row.values().first()) {
        Some(Parameter::Integer(Some(number))) => *number,
        other => panic!("{sql}: {other:?}"),
    }
}

/// Asks until the answer is not 0.
fn wait_until(client: &Client, sql: &str) -> i64 {
    loop {
        match number(client, sql) {
            0 => thread::yield_now(),
            found => return found,
        }
    }
}

/// How many sessions of an application wait in a way.
fn waiting(application_name: &str, how: &str) -> String {
    format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{application_name}' AND {how} AND \
         datname = current_database()"
    )
}

/// Ends the sessions of an application; gives how many.
fn end_sessions(client: &Client, application_name: &str) -> i64 {
    number(
        client,
        &format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{application_name}'"
        ),
    )
}

#[test]
fn a_missing_state_reads_as_empty_and_nothing_is_made() {
    let database = Database::new();
    let state = open(&database, &OpenMode::ReadOnlyIfExists).expect("opens");
    assert_eq!(state.identity().expect("readable"), None);
    assert_eq!(state.environments().expect("readable"), []);
    assert!(state.tables(&[key("a.b")]).expect("readable").is_empty());
    let refused = state.lease("bot plan", Duration::ZERO).expect_err("open for reading");
    assert!(matches!(refused, StateError::ReadOnly { .. }), "{refused}");
    assert_eq!(number(&database.client(), "SELECT count(*) FROM pg_namespace WHERE nspname = 'offshoot'"), 0);
}

#[test]
fn sixteen_first_openings_make_one_state() {
    let database = Database::new();
    let states: Vec<_> = thread::scope(|scope| {
        let open = |number: usize| {
            let database = &database;
            scope.spawn(move || {
                let mode = OpenMode::Write { state: StateId::new(format!("5eed{number}")), algorithm_version: 1 };
                open(database, &mode).expect("opens beside others").identity().expect("readable")
            })
        };
        let threads: Vec<_> = (0..16).map(open).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(states[0].is_some() && states.iter().all(|state| *state == states[0]), "{states:?}");
}

#[test]
fn another_schema_is_another_state() {
    let database = Database::new();
    let state = opened(&database);
    let other = PostgresPlace { schema: "of \"us\"".into(), ..place(database.address()) };
    let mode = OpenMode::Write { state: StateId::new("07e4"), algorithm_version: 1 };
    let other = PostgresState::open(&other, &ProjectName::new(""), &mode, &Terms::default()).expect("opens");
    other.record(&lease(&other), &[Fact::Snapshot(snapshot("a.b"))]).expect("recordable");
    assert!(state.tables(&[key("a.b")]).expect("readable").is_empty());
    assert_eq!(other.identity().expect("readable").expect("made").state, StateId::new("07e4"));
    let refused = state.record(&lease(&other), &[]).expect_err("a lease of another state");
    assert!(matches!(refused, StateError::OtherState { .. }), "{refused}");
}

#[test]
fn what_is_not_ours_or_too_new_is_refused_and_left_alone() {
    let database = Database::new();
    let client = database.client();
    client.batch("CREATE SCHEMA offshoot; CREATE VIEW offshoot.orders AS SELECT 1 AS id").expect("made");
    for mode in [to_write(), OpenMode::ReadOnlyIfExists] {
        let refused = open(&database, &mode).err().expect("somebody else's").to_string();
        assert!(refused.contains("it has a table `orders` that is not ours"), "{refused}");
    }
    assert_eq!(
        number(
            &client,
            "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'offshoot'"
        ),
        1
    );
    client.batch("DROP VIEW offshoot.orders").expect("dropped");
    let state = opened(&database);
    let held = lease(&state);
    client.batch("UPDATE offshoot.state_identity SET schema_version = 99").expect("written");
    for mode in [to_write(), OpenMode::ReadOnlyIfExists] {
        let refused = open(&database, &mode).err().expect("newer").to_string();
        assert!(refused.contains("has schema version 99, this program knows 14: install a newer `bot`"), "{refused}");
    }
    // A newer program migrated it while this one was at work.
    let refused = state.record(&held, &[Fact::Snapshot(snapshot("a.b"))]).expect_err("newer");
    assert!(matches!(refused, StateError::NewerSchema { found: 99, .. }), "{refused}");
    client.batch("UPDATE offshoot.state_identity SET schema_version = 3").expect("written");
    let refused = open(&database, &OpenMode::ReadOnlyIfExists).err().expect("older").to_string();
    assert!(refused.contains("has schema version 3, this program reads 14: run a command that writes"), "{refused}");
    client.batch("UPDATE offshoot.state_identity SET schema_version = 14, algorithm_version = 7").expect("written");
    let refused = open(&database, &to_write()).err().expect("newer");
    assert!(matches!(refused, StateError::NewerAlgorithm { found: 7, known: 1, .. }), "{refused}");
    open(&database, &OpenMode::ReadOnlyIfExists).expect("may plan");
}

/// A schema in PostgreSQL's types, as the releases of its time made it there.
fn translated(schema: &str) -> String {
    schema
        .replace(" INTEGER", " BIGINT")
        .replace(" REAL", " DOUBLE PRECISION")
        .replace("id BIGINT NOT NULL PRIMARY KEY", "id BIGINT NOT NULL GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY")
        .replace(".models) AS model", ".models::json) AS model")
}

fn put_version_1(client: &Client) {
    let version_1 = translated(include_str!("../../fixtures/state/version_1.sql"));
    client
        .batch(&format!("CREATE SCHEMA offshoot; SET search_path TO offshoot; {version_1}"))
        .expect("a valid fixture");
}

#[test]
fn every_schema_is_migrated_and_who_shows_a_table_is_known_afterwards() {
    for version in 1..=LATER_SCHEMAS.len() {
        let database = Database::new();
        let client = database.client();
        put_version_1(&client);
        for later in &LATER_SCHEMAS[..version - 1] {
            client.batch(&translated(later)).expect("one more schema");
        }
        client.batch(&format!("UPDATE offshoot.state_identity SET schema_version = {version}")).expect("written");
        let refused = open(&database, &OpenMode::ReadOnlyIfExists).err().expect("older");
        assert!(matches!(refused, StateError::OlderSchema { .. }), "{refused}");
        assert_version_1_is_shown(&opened(&database));
    }
}

/// The first schema with rows in it, as the first release wrote them.
#[test]
fn an_old_schema_is_migrated_with_its_rows() {
    let database = Database::new();
    let client = database.client();
    put_version_1(&client);
    let state = opened(&database);
    let identity = state.identity().expect("readable").expect("made");
    assert_eq!((identity.state, identity.schema_version), (StateId::new("01d57a7e"), 14));
    let prod = state.environment(&name("prod")).expect("readable").expect("in the fixture");
    assert_eq!(prod.models.keys().cloned().collect::<Vec<_>>(), [model("staging.orders")]);
    assert_eq!(state.builds(&[model("staging.orders")], 9).expect("readable").len(), 1);
    let taken =
        state.claim(&lease(&state), &Subject::Gc, Asking::Once).expect("what the first schema did not have works");
    assert_eq!(taken.token().0, 2);
}

#[test]
fn what_a_role_may_not_do_is_named_and_no_password_is() {
    let database = Database::new();
    let state = opened(&database);
    state.record(&lease(&state), &[Fact::Snapshot(snapshot("a.b"))]).expect("recordable");
    let client = database.client();
    // Roles are the whole server's.
    let role = format!("reader_of_{}", database.name);
    client.batch(&format!("CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")).expect("made");
    let address = Address { user: role.clone(), password: Some(Secret::new(PASSWORD)), ..database.address() };
    let open = |mode: &OpenMode, schema: &str| {
        let place = PostgresPlace { address: address.clone(), schema: schema.into() };
        PostgresState::open(&place, &ProjectName::new(""), mode, &Terms::default())
    };
    let refused = open(&OpenMode::ReadOnlyIfExists, "offshoot").err().expect("nothing is granted");
    let shown = format!("{refused} {refused:?}");
    assert!(shown.contains("permission denied for schema offshoot; grant the role CONNECT"), "{shown}");
    assert!(!shown.contains(PASSWORD), "{shown}");
    let refused = open(&to_write(), "another").err().expect("nothing is granted").to_string();
    assert!(refused.contains(&format!("permission denied for database {}", database.name)), "{refused}");
    client
        .batch(&format!(
            "GRANT USAGE ON SCHEMA offshoot TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA offshoot TO {role}"
        ))
        .expect("granted");
    let reader = open(&OpenMode::ReadOnlyIfExists, "offshoot").expect("SELECT is enough to plan");
    assert_eq!(reader.all_tables().expect("readable"), [snapshot("a.b")]);
    let writer = open(&to_write(), "offshoot").expect("there is nothing to make");
    let refused = writer.lease("bot apply", Duration::ZERO).expect_err("not granted").to_string();
    assert!(refused.contains("permission denied for table sessions"), "{refused}");
    client.batch(&format!("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA offshoot TO {role}")).expect("granted");
    writer.record(&lease(&writer), &[Fact::Build(build("a.b", 1))]).expect("that is all that it needs");
    client.batch(&format!("DROP OWNED BY {role}")).expect("cleared");
    drop((reader, writer));
    client.batch(&format!("DROP ROLE {role}")).expect("dropped");
}

#[test]
fn of_two_plans_of_one_environment_one_begins() {
    let database = Database::new();
    let begin = |plan_id: &str| {
        let state = opened(&database);
        state.start_plan(&lease(&state), &about("x_1", branch("x"), plan_id), None)
    };
    let outcomes = thread::scope(|scope| {
        let threads = ["one", "two"].map(|plan_id| scope.spawn(move || begin(plan_id)));
        threads.map(|thread| thread.join().expect("no panic"))
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    let conflict = outcomes.into_iter().find_map(Result::err).expect("the other");
    assert!(matches!(conflict, StateError::Conflict { expected: None, found: Some(_), .. }), "{conflict}");
}

#[test]
fn two_sessions_never_hold_one_subject_and_each_is_told_of_the_other() {
    let database = Database::new();
    let terms = Terms { known_as: Some("https://ci.example/runs/7\u{1b}[31m".into()), ..Terms::default() };
    let (one, two) = (opened_on(&database, "one", &terms), opened(&database));
    let (first, second) = (lease(&one), lease(&two));
    let subject = Subject::Environment(name("x_1"));
    let held = one.claim(&first, &subject, Asking::Once).expect("free");
    let refused = two.claim(&second, &subject, Asking::Once).expect_err("held").to_string();
    assert!(refused.contains("(`bot test`) of https://ci.example/runs/7[31m since "), "{refused}");
    assert_eq!(two.claims().expect("readable").len(), 1);
    drop(first);
    let taken = two.claim(&second, &subject, Asking::Once).expect("given back with the session");
    assert!(taken.token() > held.token());
}

/// Its heart beats often, so it outlives many times what a session may be silent for; then it is stopped.
#[test]
fn a_session_lives_as_long_as_it_tells_so() {
    let database = Database::new();
    let client = database.client();
    let often = Terms { lasts: Duration::from_secs(600), beat: Duration::from_millis(1), ..Terms::default() };
    let state = opened_on(&database, "alive", &often);
    let held = lease(&state);
    let first = number(&client, "SELECT expires_at FROM offshoot.sessions");
    wait_until(&client, &format!("SELECT count(*) FROM offshoot.sessions WHERE expires_at > {first}"));
    // Its connections are ended: it makes others.
    assert!(end_sessions(&client, "alive") > 0);
    let later = number(&client, "SELECT expires_at FROM offshoot.sessions");
    wait_until(&client, &format!("SELECT count(*) FROM offshoot.sessions WHERE expires_at > {later}"));
    state.record(&held, &[Fact::Snapshot(snapshot("a.b"))]).expect("it lives");
    // Once it is over nothing brings it back.
    client.batch("UPDATE offshoot.sessions SET expires_at = 1").expect("written");
    let refused = state.record(&held, &[]).expect_err("over");
    assert!(matches!(refused, StateError::LeaseLost { .. }), "{refused}");
    let silent = Terms { lasts: Duration::ZERO, ..Terms::default() };
    let dead = opened_on(&database, "dead", &silent);
    let refused = dead.record(&lease(&dead), &[]).expect_err("it is over as it begins");
    assert!(matches!(refused, StateError::LeaseLost { .. }), "{refused}");
    drop(held);
    drop(lease(&state));
    assert_eq!(number(&client, "SELECT count(*) FROM offshoot.sessions"), 0);
}

#[test]
fn a_write_whose_connection_is_ended_in_the_middle_is_done_once() {
    let database = Database::new();
    let state = opened_on(&database, "cut", &Terms::default());
    let held = lease(&state);
    let client = database.client();
    client.batch("BEGIN; LOCK TABLE offshoot.builds").expect("locked");
    thread::scope(|scope| {
        let facts = [Fact::Snapshot(snapshot("a.b")), Fact::Build(build("a.b", 1))];
        let (state, held) = (&state, &held);
        let writing = scope.spawn(move || state.record(held, &facts));
        let watcher = database.client();
        wait_until(&watcher, &waiting("cut", "wait_event_type = 'Lock'"));
        assert_eq!(end_sessions(&watcher, "cut"), 1);
        client.batch("COMMIT").expect("unlocked");
        writing.join().expect("no panic").expect("on another connection");
    });
    assert_eq!(state.builds(&[model("a.b")], 9).expect("readable")[&model("a.b")], [build("a.b", 1)]);
    // And between two calls.
    assert!(end_sessions(&client, "cut") > 0);
    assert_eq!(state.all_tables().expect("readable"), [snapshot("a.b")]);
    assert!(end_sessions(&client, "cut") > 0);
    state.start_plan(&held, &about("x_1", branch("x"), "one"), None).expect("on another connection");
}

/// The server commits and then waits for a standby that there is not; there its session is ended, so that it is done and
/// nobody is told. Without asking what became of it the build would be recorded twice.
#[test]
fn a_commit_whose_answer_is_lost_is_not_made_again() {
    let database = Database::new();
    let client = database.client();
    client.batch(&format!("ALTER DATABASE {} SET synchronous_commit = 'on'", database.name)).expect("set");
    let state = opened_on(&database, "unanswered", &Terms::default());
    let held = lease(&state);
    let wait_for_standby = |names: &str| {
        client.batch(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'")).expect("set");
        client.batch("SELECT pg_reload_conf()").expect("loaded");
    };
    wait_for_standby("nobody");
    // The server takes a moment to heed it: a commit that does not wait yet says so.
    let watcher = database.client();
    let sync = waiting("unanswered", "wait_event = 'SyncRep'");
    let recorded = thread::scope(|scope| {
        for number in 1.. {
            let (state, held) = (&state, &held);
            let writing = scope.spawn(move || state.record(held, &[Fact::Build(build("a.b", number))]));
            while !writing.is_finished() && self::number(&watcher, &sync) == 0 {
                thread::yield_now();
            }
            if self::number(&watcher, &sync) > 0 {
                assert_eq!(end_sessions(&watcher, "unanswered"), 1);
                writing.join().expect("no panic").expect("it is done");
                return usize::try_from(number).expect("small");
            }
            writing.join().expect("no panic").expect("nothing is in its way");
        }
        0
    });
    wait_for_standby("");
    let builds = &state.builds(&[model("a.b")], 1_000).expect("readable")[&model("a.b")];
    assert_eq!(builds.len(), recorded);
}

/// Somebody migrates it, and is not through: a reader sees what was committed and waits for nobody.
#[test]
fn a_reader_does_not_wait_for_a_writer_that_is_alone() {
    let database = Database::new();
    let state = opened_on(&database, "alone", &Terms::default());
    let held = lease(&state);
    state.record(&held, &[Fact::Snapshot(snapshot("a.b"))]).expect("recordable");
    let client = database.client();
    client.batch("BEGIN; LOCK TABLE offshoot.environments").expect("locked");
    thread::scope(|scope| {
        let writing = scope.spawn(|| state.start_plan(&held, &about("x_1", branch("x"), "one"), None));
        let watcher = database.client();
        // It has the lock of the state now, and waits within it.
        wait_until(&watcher, &waiting("alone", "wait_event_type = 'Lock'"));
        let reader = open(&database, &OpenMode::ReadOnlyIfExists).expect("opens");
        assert_eq!(reader.tables(&[key("a.b")]).expect("readable").len(), 1);
        client.batch("ROLLBACK").expect("unlocked");
        writing.join().expect("no panic").expect("nobody else");
    });
}

#[test]
fn a_table_that_a_plan_points_at_meanwhile_is_not_forgotten() {
    let database = Database::new();
    let state = opened(&database);
    let held = lease(&state);
    let table = snapshot("a.b").table;
    let since = offshoot::time::Timestamp(7);
    for round in 0..8 {
        let (shown, plan_id) = (format!("x_{round}"), format!("plan-{round}"));
        let made = environment(about(&shown, Owner::Branch(offshoot::ids::RefName::new(&*shown)), &plan_id), &["a.b"]);
        state.record(&held, &[Fact::Snapshot(snapshot("a.b"))]).expect("recordable");
        state.start_plan(&held, &made.about, None).expect("nobody else");
        state.mark_unreferenced(&held, &[(table.clone(), since)].into()).expect("marked");
        let (forgotten, finished) = thread::scope(|scope| {
            let gc = scope.spawn(|| {
                let other = opened(&database);
                let forgotten = other.forget_unreferenced(&lease(&other), &table, since);
                forgotten.expect("writable")
            });
            let finished = state.finish_plan(&held, &made, &entry(1));
            (gc.join().expect("no panic"), finished)
        });
        finished.expect("the same plan");
        // Whoever was first: a plan that ends is told nothing, and looks itself whether its tables are there.
        let is_there = !state.all_tables().expect("readable").is_empty();
        assert_eq!(is_there, forgotten == offshoot::state::Forgotten::No);
        let marked = state.unreferenced().expect("readable").contains_key(&table);
        assert!(!marked, "somebody points at it");
        let version = ready(&plan_id);
        state.remove_environment(&held, &name(&shown), &version).expect("nobody else");
    }
}

#[test]
fn a_server_that_is_not_there_is_told_without_a_password() {
    let database = Database::new();
    let address = Address { port: 1, ..database.address() };
    let terms = Terms { patience: Duration::ZERO, stop: Arc::new(AtomicBool::new(true)), ..Terms::default() };
    let refused = PostgresState::open(&place(address), &ProjectName::new(""), &to_write(), &terms);
    let refused = refused.err().expect("nobody there");
    let shown = format!("{refused} {refused:?} {:?}", std::error::Error::source(&refused).map(ToString::to_string));
    assert!(shown.contains("cannot connect to PostgreSQL") && !shown.contains(PASSWORD), "{shown}");
}
