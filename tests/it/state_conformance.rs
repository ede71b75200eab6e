//! What every implementation of `State` must do. A new one adds a factory and one line at the end.

mod audits;
mod claims;
mod holds;
mod journal;
mod moves;
mod plans;
mod pointers;
mod tables;
mod unreferenced;
mod upgrade;
mod writers;

use offshoot::decision::{Decision, KeptRows};
use offshoot::hash::Digest;
use offshoot::ids::{CommitId, EnvironmentName, Login, ProjectName, StateId};
use offshoot::postgres::Address;
use offshoot::state::{
    Allowance, Environment, Fact, OpenMode, Owner, PendingPromote, PostgresPlace, PostgresState, SqliteState, State,
    StateError, Status, Terms, WriteLease,
};
use offshoot::time::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use self::audits::{the_newest_results_of_an_audit_are_kept, what_an_audit_found_last_in_a_table_under_a_plan_counts};
use self::claims::{
    a_hold_ends_when_it_is_dropped_or_its_session_ends, a_silent_session_is_taken_over_and_cannot_write_any_more,
    one_writer_at_a_time_has_a_subject, ranges_of_a_table_exclude_each_other_where_they_overlap,
    sixteen_threads_take_and_give_back, what_is_held_is_listed, who_waits_comes_in_turn,
};
use self::holds::{
    a_hold_begins_and_ends_with_a_promote_and_never_before, a_hold_is_released_once_and_goes_with_its_environment,
    an_entry_says_what_it_was_and_who_made_it,
};
use self::journal::{a_promote_is_in_the_journal_until_it_is_settled, an_abandoned_promote_leaves_nothing};
use self::plans::{
    a_branch_finds_its_environment_and_no_other_takes_the_name,
    a_plan_shows_as_building_and_keeps_the_models_until_it_ends, another_plan_of_the_environment_is_a_conflict,
    what_was_read_while_building_is_stale_once_it_is_ready,
};
use self::pointers::{
    history_keeps_tables_for_as_long_as_it_has_them, models_without_a_table_and_tables_of_two_models_are_no_trouble,
    what_is_announced_counts_as_shown_until_the_session_ends,
    what_one_plan_asks_and_writes_does_not_grow_with_environments, who_shows_a_table_is_known_as_soon_as_a_plan_ends,
};
use self::tables::{
    a_build_that_is_told_again_under_its_plan_is_one_build, a_table_stays_where_it_is,
    builds_are_known_by_whom_they_were_made_for, filling_a_table_again_moves_its_time_and_not_its_birth,
    loads_merge_and_a_second_load_replaces_the_first, snapshots_and_builds_come_back_in_batches,
    what_was_loaded_again_is_known, withdrawn_ranges_and_forgotten_tables_are_not_loaded,
};
use self::unreferenced::{
    a_table_is_forgotten_only_where_nothing_needs_it, every_table_is_listed_and_those_of_other_projects_by_name,
    history_keeps_its_newest_entries_and_goes_on_counting, marking_says_of_all_others_that_they_are_needed,
    marks_stay_until_somebody_points_at_the_table_or_fills_it,
};
use self::upgrade::tables_move_with_their_loads_and_other_projects_stay_where_they_were;
use self::writers::{
    a_lease_of_another_state_is_refused, of_many_writers_each_win_counts_once, threads_of_one_run_record_at_once,
    tokens_of_sessions_grow,
};
pub(crate) use self::writers::{assert_wins, win_once};

use crate::postgres::Database;
use crate::state_world::{
    PATIENT, about, branch, build, days, entry, environment, key, load, model, name, plan, pointer, ready, snapshot,
};

/// A store of its own, which can be opened many times.
trait Factory: Sync {
    fn new() -> Self;
    fn open(&self, project: &str) -> Box<dyn State>;
    /// What if every writer's process had stopped, and had not been heard of for long enough.
    fn silence_writers(&self);
}

/// A fresh id each time: only the first one that makes the state may count.
fn to_write() -> OpenMode {
    let opening = tempfile::NamedTempFile::new().expect("a temporary file");
    let state = StateId::new(opening.path().file_name().expect("has a name").to_string_lossy());
    OpenMode::Write { state, algorithm_version: 1 }
}

fn lease(state: &dyn State) -> WriteLease {
    state.lease("bot test", PATIENT).expect("nobody else holds the lease for long")
}

/// Makes an environment as one whole plan would.
fn apply(state: &dyn State, made: &Environment) {
    let lease = lease(state);
    let found = state.environment(&made.about.name).expect("readable").map(|found| found.about.version());
    state.start_plan(&lease, &made.about, found.as_ref()).expect("a plan can begin");
    state.finish_plan(&lease, made, &entry(1)).expect("the plan can end");
}

fn pending(environment: Environment, expected: Option<&str>) -> PendingPromote {
    PendingPromote { intended: environment, expected: expected.map(ready), entry: entry(2), steps: Vec::new() }
}

fn a_new_state_is_empty_and_keeps_its_identity(store: &impl Factory) {
    let first = store.open("").identity().expect("readable").expect("made by opening");
    assert_eq!(store.open("").identity().expect("readable"), Some(first.clone()));
    let state = store.open("");
    assert!(first.schema_version >= 1 && first.algorithm_version == 1);
    assert_eq!(state.environments().expect("readable"), []);
    assert_eq!(state.environment(&name("x")).expect("readable"), None);
    assert_eq!(state.history(&name("x"), 9).expect("readable"), []);
    assert!(state.tables(&[key("a.b")]).expect("readable").is_empty());
    assert!(state.builds(&[model("a.b")], 9).expect("readable").is_empty());
    assert_eq!(state.pending_promotes().expect("readable"), []);
}

fn what_is_allowed_holds_for_one_commit_of_one_pull_request(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let allowance = |pull_request: u64, of: &str, head: &str, by: &str| Allowance {
        pull_request,
        model: model(of),
        head: CommitId::new(head),
        by: Login::new(by),
        at: Timestamp(1),
    };
    for (of, by) in [("a.b", "ada"), ("a.c", "ben"), ("a.b", "cyd")] {
        state.allow(&lease, &allowance(142, of, "aaaa", by)).expect("written");
    }
    let allowed = |project: &str, number: u64, head: &str| {
        store.open(project).allowed(number, &CommitId::new(head)).expect("readable").into_iter().collect::<Vec<_>>()
    };
    assert_eq!(allowed("", 142, "aaaa"), [(model("a.b"), Login::new("cyd")), (model("a.c"), Login::new("ben"))]);
    assert_eq!(allowed("", 142, "bbbb"), []);
    assert_eq!(allowed("", 143, "aaaa"), []);
    assert_eq!(allowed("other", 142, "aaaa"), []);
    // A later push voids what was said before; what is said then holds.
    state.allow(&lease, &allowance(142, "a.b", "bbbb", "ada")).expect("written");
    assert_eq!(allowed("", 142, "aaaa"), [(model("a.c"), Login::new("ben"))]);
}

fn decision(of: &str, by: Option<&str>, at: i64) -> Decision {
    Decision {
        model: model(of),
        data_fingerprint: Digest::of("test-decision", of),
        environment: name("dev"),
        by: by.map(str::to_owned),
        at: Timestamp(at),
        rows: KeptRows { effective_from: by.map(|_| Timestamp(at - 1)) },
    }
}

fn what_was_decided_first_stays(store: &impl Factory) {
    let state = store.open("");
    assert!(state.decisions().expect("readable").is_empty());
    let lease = lease(state.as_ref());
    let first = [decision("a.b", Some("ada"), 1), decision("a.c", None, 2)];
    state.decide(&lease, &first).expect("written");
    let again = decision("a.b", Some("ben"), 3);
    let other = Decision { data_fingerprint: Digest::of("test-decision", "other"), ..again.clone() };
    state.decide(&lease, &[again, other.clone()]).expect("written");
    let decisions = store.open("").decisions().expect("readable");
    let made = |wanted: &Decision| decisions.made(&wanted.model, wanted.data_fingerprint).cloned();
    assert_eq!([&first[0], &first[1], &other].map(made), [&first[0], &first[1], &other].map(|it| Some(it.clone())));
    assert_eq!(decisions.newest(&model("a.b")), Some(&other));
    assert!(store.open("other").decisions().expect("readable").is_empty());
}

fn an_environment_comes_back_as_it_was_written(store: &impl Factory) {
    let owners = [("prod", Owner::Named), ("x_1", branch("x")), ("y_142", Owner::PullRequest(142))];
    let made = owners.map(|(name, owner)| environment(about(name, owner, name), &["a.b", "\"odd.name\".c", "d"]));
    made.iter().for_each(|made| apply(store.open("").as_ref(), made));
    let state = store.open("");
    for made in &made {
        let mut expected = made.clone();
        expected.about.status = Status::Ready;
        assert_eq!(state.environment(&made.about.name).expect("readable"), Some(expected.clone()));
        assert!(state.environments().expect("readable").contains(&expected.about));
    }
    let names: Vec<_> = state.environments().expect("readable").into_iter().map(|about| about.name).collect();
    assert_eq!(names, [name("prod"), name("x_1"), name("y_142")]);
}

fn history_counts_up_and_holds_full_maps(store: &impl Factory) {
    let state = store.open("");
    for models in [&["a.b"][..], &["a.b", "c.d"], &["c.d"]] {
        let plan_id = format!("plan-{}", models.join("-"));
        apply(state.as_ref(), &environment(about("prod", Owner::Named, &plan_id), models));
    }
    let history = state.history(&EnvironmentName::prod(), 2).expect("readable");
    let sequence: Vec<_> = history.iter().map(|entry| (entry.sequence, entry.models.len())).collect();
    assert_eq!(sequence, [(3, 1), (2, 2)]);
    assert_eq!(history[0].models[&model("c.d")], pointer("c.d"));
    assert_eq!((history[0].commit.clone(), history[0].run.as_str()), (Some(CommitId::new("cccc")), "ada"));
    assert_eq!((history[0].plan_id.clone(), history[0].at), (plan("plan-c.d"), Timestamp(1)));
}

fn a_removed_environment_is_gone_and_its_name_free(store: &impl Factory) {
    let state = store.open("");
    apply(state.as_ref(), &environment(about("x_1", branch("x"), "one"), &["a.b"]));
    let lease_held = lease(state.as_ref());
    state.record(&lease_held, &[Fact::Snapshot(snapshot("a.b"))]).expect("recordable");
    state.remove_environment(&lease_held, &name("x_1"), &ready("one")).expect("nobody else changed it");
    assert_eq!(state.environments().expect("readable"), []);
    assert_eq!(state.history(&name("x_1"), 9).expect("readable"), []);
    assert_eq!(state.tables(&[key("a.b")]).expect("readable").len(), 1, "tables stay until gc");
    drop(lease_held);
    apply(state.as_ref(), &environment(about("x_1", branch("other"), "two"), &["a.b"]));
}

fn one_call_is_done_wholly_or_not_at_all(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let facts = [
        Fact::Snapshot(snapshot("a.b")),
        Fact::Build(build("a.b", 1)),
        load("nobody.knows", days("2026-01-01", "2026-01-02"), 1),
    ];
    let refused = state.record(&lease, &facts).expect_err("the last fact is refused");
    assert!(matches!(&refused, StateError::UnknownTable(unknown) if *unknown == key("nobody.knows")), "{refused}");
    assert!(state.tables(&[key("a.b")]).expect("readable").is_empty());
    assert!(state.builds(&[model("a.b")], 9).expect("readable").is_empty());
    // A plan whose facts are refused does not end.
    let made = environment(about("x_1", branch("x"), "one"), &["a.b"]);
    state.start_plan(&lease, &made.about, None).expect("a new environment");
    let mut bad = entry(1);
    bad.facts = facts.to_vec();
    state.finish_plan(&lease, &made, &bad).expect_err("the last fact is refused");
    let found = state.environment(&name("x_1")).expect("readable").expect("begun");
    assert_eq!((found.about.status, found.models.len()), (Status::Building, 0));
    assert_eq!(state.history(&name("x_1"), 9).expect("readable"), []);
}

fn projects_do_not_see_each_other(store: &impl Factory) {
    let (one, two) = (store.open("one"), store.open("two"));
    apply(one.as_ref(), &environment(about("x_1", branch("x"), "one"), &["a.b"]));
    one.record(&lease(one.as_ref()), &[Fact::Snapshot(snapshot("a.b")), Fact::Build(build("a.b", 1))])
        .expect("recordable");
    assert_eq!(two.environments().expect("readable"), []);
    assert!(two.tables(&[key("a.b")]).expect("readable").is_empty());
    assert!(two.builds(&[model("a.b")], 9).expect("readable").is_empty());
    apply(two.as_ref(), &environment(about("x_1", branch("x"), "two"), &["c.d"]));
    let found = one.environment(&name("x_1")).expect("readable").expect("made");
    assert!(found.models.contains_key(&model("a.b")));
    assert_eq!(one.identity().expect("readable"), two.identity().expect("readable"), "one state, two projects");
}

/// An SQLite state in a folder of its own.
struct Sqlite(TempDir);

impl Factory for Sqlite {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn open(&self, project: &str) -> Box<dyn State> {
        let file = self.0.path().join(".offshoot/state.db");
        Box::new(SqliteState::open(&file, &ProjectName::new(project), &to_write()).expect("opens"))
    }

    fn silence_writers(&self) {
        let folder = self.0.path().join(".offshoot");
        let connection = Connection::open(folder.join("state.db")).expect("opens");
        connection.execute("UPDATE sessions SET expires_at = 1", []).expect("written");
        // The lock that they have is on no file any more.
        std::fs::remove_file(folder.join("state.db.lock")).expect("it was there");
    }
}

/// A PostgreSQL state in a database of its own.
struct Postgres(Database);

impl Factory for Postgres {
    fn new() -> Self {
        Self(Database::new())
    }

    fn open(&self, project: &str) -> Box<dyn State> {
        opened(self.0.address(), project)
    }

    fn silence_writers(&self) {
        self.0.client().batch("UPDATE offshoot.sessions SET expires_at = 1").expect("written");
    }
}

/// The same through a pooler.
struct Pooled(Postgres);

impl Factory for Pooled {
    fn new() -> Self {
        Self(Postgres::new())
    }

    fn open(&self, project: &str) -> Box<dyn State> {
        opened(crate::pooler::through_the_pooler(&self.0.0), project)
    }

    fn silence_writers(&self) {
        self.0.silence_writers();
    }
}

fn opened(address: Address, project: &str) -> Box<dyn State> {
    let place = PostgresPlace { address, schema: PostgresPlace::SCHEMA.into() };
    let terms = Terms { known_as: Some("ada".into()), ..Terms::default() };
    Box::new(PostgresState::open(&place, &ProjectName::new(project), &to_write(), &terms).expect("opens"))
}

macro_rules! conformance {
    ($implementation:ident, $factory:ty, [$($case:ident),* $(,)?]) => {
        mod $implementation {
            use super::Factory as _;

            $(#[test]
            fn $case() {
                super::$case(&<$factory>::new());
            })*

            #[test]
            fn a_lease_of_another_state_is_refused() {
                super::a_lease_of_another_state_is_refused(&<$factory>::new(), &<$factory>::new());
            }
        }
    };
}

macro_rules! every_case {
    ($implementation:ident, $factory:ty) => {
        conformance!(
            $implementation,
            $factory,
            [
                a_new_state_is_empty_and_keeps_its_identity,
                an_environment_comes_back_as_it_was_written,
                what_is_allowed_holds_for_one_commit_of_one_pull_request,
                what_was_decided_first_stays,
                a_plan_shows_as_building_and_keeps_the_models_until_it_ends,
                another_plan_of_the_environment_is_a_conflict,
                what_was_read_while_building_is_stale_once_it_is_ready,
                a_branch_finds_its_environment_and_no_other_takes_the_name,
                history_counts_up_and_holds_full_maps,
                a_removed_environment_is_gone_and_its_name_free,
                snapshots_and_builds_come_back_in_batches,
                a_table_stays_where_it_is,
                builds_are_known_by_whom_they_were_made_for,
                a_build_that_is_told_again_under_its_plan_is_one_build,
                what_was_loaded_again_is_known,
                filling_a_table_again_moves_its_time_and_not_its_birth,
                loads_merge_and_a_second_load_replaces_the_first,
                withdrawn_ranges_and_forgotten_tables_are_not_loaded,
                one_call_is_done_wholly_or_not_at_all,
                a_promote_is_in_the_journal_until_it_is_settled,
                an_abandoned_promote_leaves_nothing,
                a_hold_begins_and_ends_with_a_promote_and_never_before,
                a_hold_is_released_once_and_goes_with_its_environment,
                an_entry_says_what_it_was_and_who_made_it,
                marks_stay_until_somebody_points_at_the_table_or_fills_it,
                marking_says_of_all_others_that_they_are_needed,
                every_table_is_listed_and_those_of_other_projects_by_name,
                a_table_is_forgotten_only_where_nothing_needs_it,
                what_an_audit_found_last_in_a_table_under_a_plan_counts,
                the_newest_results_of_an_audit_are_kept,
                history_keeps_its_newest_entries_and_goes_on_counting,
                who_shows_a_table_is_known_as_soon_as_a_plan_ends,
                models_without_a_table_and_tables_of_two_models_are_no_trouble,
                what_is_announced_counts_as_shown_until_the_session_ends,
                history_keeps_tables_for_as_long_as_it_has_them,
                tables_move_with_their_loads_and_other_projects_stay_where_they_were,
                what_one_plan_asks_and_writes_does_not_grow_with_environments,
                projects_do_not_see_each_other,
                tokens_of_sessions_grow,
                one_writer_at_a_time_has_a_subject,
                ranges_of_a_table_exclude_each_other_where_they_overlap,
                a_hold_ends_when_it_is_dropped_or_its_session_ends,
                a_silent_session_is_taken_over_and_cannot_write_any_more,
                what_is_held_is_listed,
                sixteen_threads_take_and_give_back,
                of_many_writers_each_win_counts_once,
                threads_of_one_run_record_at_once,
            ]
        );
    };
}

every_case!(sqlite, super::Sqlite);
every_case!(postgres, super::Postgres);
every_case!(postgres_behind_a_pooler, super::Pooled);

#[test]
fn many_writers_stand_in_line() {
    let store = Postgres::new();
    who_waits_comes_in_turn(&store, || {
        store.0.client().batch("UPDATE offshoot.waits SET asked_at = 1").expect("written");
    });
}
