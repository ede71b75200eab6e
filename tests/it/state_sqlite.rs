//! What only an SQLite state can get wrong: its file, its schema's age, other processes and sudden death.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use offshoot::ids::{ProjectName, StateId};
use offshoot::state::{Fact, Forgotten, OpenMode, Others, Owner, PendingPromote, SqliteState, State, StateError};
use offshoot::time::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::state_conformance::{assert_wins, win_once};
use crate::state_world::{
    PATIENT, about, branch, build, days, entry, environment, key, load, model, name, plan, ready, snapshot,
};

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(".offshoot/state.db")
    }

    /// Makes the folder and puts a file there.
    fn put(&self, content: &[u8]) -> PathBuf {
        let file = self.file();
        fs::create_dir_all(file.parent().expect("has a folder")).expect("a folder");
        fs::write(&file, content).expect("written");
        file
    }

    /// Names of everything below the folder.
    fn listing(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder.path().join(".offshoot")) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn to_write() -> OpenMode {
    OpenMode::Write { state: StateId::new("5eed"), algorithm_version: 1 }
}

fn open(file: &Path, mode: &OpenMode) -> Result<SqliteState, StateError> {
    SqliteState::open(file, &ProjectName::new(""), mode)
}

#[test]
fn a_missing_state_reads_as_empty_and_nothing_is_made() {
    let place = Place::new();
    let state = open(&place.file(), &OpenMode::ReadOnlyIfExists).expect("opens");
    assert_eq!(state.identity().expect("readable"), None);
    assert_eq!(state.environments().expect("readable"), []);
    assert!(state.tables(&[key("a.b")]).expect("readable").is_empty());
    assert_eq!(state.resolve_name(&branch("x"), &name("x_1")).expect("readable"), name("x_1"));
    let refused = state.lease("bot plan", Duration::ZERO).expect_err("open for reading");
    assert!(matches!(refused, StateError::ReadOnly { .. }), "{refused}");
    drop(state);
    assert_eq!(fs::read_dir(place.folder.path()).expect("readable").count(), 0);
}

#[test]
fn reading_a_state_leaves_its_folder_as_it_was() {
    let place = Place::new();
    drop(open(&place.file(), &to_write()).expect("opens"));
    assert_eq!(place.listing(), ["state.db"]);
    let before = fs::read(place.file()).expect("readable");
    let state = open(&place.file(), &OpenMode::ReadOnlyIfExists).expect("opens");
    assert_eq!(state.identity().expect("readable").expect("made").state, StateId::new("5eed"));
    let refused = state.lease("bot plan", Duration::ZERO).expect_err("open for reading");
    assert!(matches!(refused, StateError::ReadOnly { .. }), "{refused}");
    drop(state);
    assert_eq!(place.listing(), ["state.db"]);
    assert_eq!(fs::read(place.file()).expect("readable"), before);
}

#[test]
fn a_reader_sees_what_a_writer_committed_and_does_not_wait_for_it() {
    let place = Place::new();
    let writer = open(&place.file(), &to_write()).expect("opens");
    let lease = writer.lease("bot apply", Duration::ZERO).expect("nobody else");
    writer.record(&lease, &[Fact::Snapshot(snapshot("a.b"))]).expect("recordable");
    let reader = open(&place.file(), &OpenMode::ReadOnlyIfExists).expect("opens beside a writer");
    assert_eq!(reader.tables(&[key("a.b")]).expect("readable").len(), 1);
}

#[test]
fn a_file_that_is_no_state_is_refused_and_left_alone() {
    let not_a_database: &[u8] = b"-- a dump of something, longer than the header of a database file, to be certain\n";
    let place = Place::new();
    let file = place.put(not_a_database);
    for mode in [to_write(), OpenMode::ReadOnlyIfExists] {
        let refused = open(&file, &mode).err().expect("no database");
        assert!(matches!(&refused, StateError::Foreign { reason, .. } if reason == "no SQLite database"), "{refused}");
    }
    assert_eq!(fs::read(&file).expect("readable"), not_a_database);

    let place = Place::new();
    let file = place.put(b"");
    Connection::open(&file).expect("opens").execute_batch("CREATE TABLE orders (id INTEGER)").expect("made");
    let before = fs::read(&file).expect("readable");
    for mode in [to_write(), OpenMode::ReadOnlyIfExists] {
        let refused = open(&file, &mode).err().expect("somebody else's");
        let message = refused.to_string();
        assert!(message.contains("it has a table `orders` that is not ours"), "{message}");
    }
    assert_eq!(fs::read(&file).expect("readable"), before);
    assert_eq!(place.listing(), ["state.db"]);
}

#[test]
fn an_empty_file_is_a_state_that_is_not_made_yet() {
    let place = Place::new();
    let file = place.put(b"");
    let reader = open(&file, &OpenMode::ReadOnlyIfExists).expect("opens");
    assert_eq!(reader.identity().expect("readable"), None);
    drop(reader);
    let writer = open(&file, &to_write()).expect("opens");
    assert!(writer.identity().expect("readable").is_some());
}

#[test]
fn a_damaged_state_says_so() {
    let place = Place::new();
    drop(open(&place.file(), &to_write()).expect("opens"));
    let mut bytes = fs::read(place.file()).expect("readable");
    bytes[4096..].fill(0xff);
    fs::write(place.file(), &bytes).expect("written");
    for mode in [to_write(), OpenMode::ReadOnlyIfExists] {
        let refused = open(&place.file(), &mode).err().expect("damaged");
        assert!(matches!(refused, StateError::Damaged { .. }), "{refused}");
    }
}

/// The first schema with rows in it, as the first release wrote them; not derived from the migrations.
const VERSION_1: &str = include_str!("../../fixtures/state/version_1.sql");

fn put_version_1(place: &Place) -> PathBuf {
    let file = place.put(b"");
    let connection = Connection::open(&file).expect("opens");
    connection.pragma_update(None, "journal_mode", "WAL").expect("set");
    connection.execute_batch(VERSION_1).expect("a valid fixture");
    file
}

fn assert_version_1_rows(state: &SqliteState) {
    let identity = state.identity().expect("readable").expect("made");
    assert_eq!((identity.state, identity.schema_version), (StateId::new("01d57a7e"), 14));
    let prod = state.environment(&name("prod")).expect("readable").expect("in the fixture");
    assert_eq!((prod.about.owner, prod.about.plan_id), (Owner::Named, plan("old-plan")));
    assert_eq!(prod.models.keys().cloned().collect::<Vec<_>>(), [model("staging.orders")]);
    let fingerprint = prod.models[&model("staging.orders")].data_fingerprint;
    let table_key = offshoot::naming::TableKey { model: model("staging.orders"), data_fingerprint: fingerprint };
    let table = &state.tables(std::slice::from_ref(&table_key)).expect("readable")[&table_key];
    assert_eq!(table.snapshot.columns[0].name, "id");
    assert_eq!(table.ledger.newest(), Some(Timestamp(1_767_312_000_000)));
    let history = state.history(&name("prod"), 9).expect("readable");
    assert_eq!((history.len(), &history[0].origin), (1, &None), "what an older release did is not known");
    assert!(state.holds().expect("readable").is_empty());
    let builds = &state.builds(&[model("staging.orders")], 9).expect("readable")[&model("staging.orders")];
    assert_eq!((builds.len(), &builds[0].made_for, &builds[0].plan_id), (1, &None, &None));
    assert_eq!((&builds[0].seen, &table.ledger.loads()[0].inputs), (&None, &None));
    assert_eq!(state.builds_for(&Owner::Named).expect("readable"), [], "unknown is nobody's");
    assert_eq!(state.newest_builds(&[table_key]).expect("readable").len(), 1);
    let branch = state.environment_of(&branch("feature/x")).expect("readable").expect("in the fixture");
    assert_eq!(branch.name, name("feature_x_3fa2"));
    assert_eq!(state.pending_promotes().expect("readable"), []);
    assert!(state.unreferenced().expect("readable").is_empty(), "every table is taken for needed");
    assert_eq!(state.all_tables().expect("readable").len(), 1);
}

#[test]
fn an_old_schema_is_migrated_with_its_rows() {
    let place = Place::new();
    let file = put_version_1(&place);
    let state = open(&file, &to_write()).expect("migrates");
    assert_version_1_rows(&state);
    // What the first schema did not have works now.
    let lease = state.lease("bot promote", Duration::ZERO).expect("nobody else");
    let intended = environment(about("prod", Owner::Named, "new"), &["a.b"]);
    let promote = PendingPromote { intended, expected: Some(ready("old-plan")), entry: entry(1), steps: Vec::new() };
    state.begin_promote(&lease, &promote).expect("the journal is there");
    let since = [(snapshot("a.b").table, Timestamp(7))].into();
    state.mark_unreferenced(&lease, &since).expect("marks are there");
    drop((lease, state));
    let again = open(&file, &to_write()).expect("opens");
    assert_eq!(again.pending_promotes().expect("readable").len(), 1);
    assert_eq!(again.unreferenced().expect("readable"), since);
}

/// What each schema since the first one added.
pub(crate) const LATER_SCHEMAS: [&str; 13] = [
    include_str!("../../src/state/store/schema_2.sql"),
    include_str!("../../src/state/store/schema_3.sql"),
    include_str!("../../src/state/store/schema_4.sql"),
    include_str!("../../src/state/store/schema_5.sql"),
    include_str!("../../src/state/store/schema_6.sql"),
    include_str!("../../src/state/store/schema_7.sql"),
    include_str!("../../src/state/store/schema_8.sql"),
    include_str!("../../src/state/store/schema_9.sql"),
    include_str!("../../src/state/store/schema_10.sql"),
    include_str!("../../src/state/store/schema_11.sql"),
    include_str!("../../src/state/store/schema_12.sql"),
    include_str!("../../src/state/store/schema_13.sql"),
    include_str!("../../src/state/store/schema_14.sql"),
];

#[test]
fn every_schema_is_migrated_and_who_shows_a_table_is_known_afterwards() {
    for version in 1..=LATER_SCHEMAS.len() {
        let place = Place::new();
        let file = put_version_1(&place);
        let connection = Connection::open(&file).expect("opens");
        LATER_SCHEMAS[..version - 1].iter().for_each(|later| connection.execute_batch(later).expect("one more schema"));
        connection.execute(&format!("UPDATE state_identity SET schema_version = {version}"), []).expect("written");
        drop(connection);
        let reader = open(&file, &OpenMode::ReadOnlyIfExists).expect("opens");
        assert_version_1_rows(&reader);
        drop(reader);
        let state = open(&file, &to_write()).expect("migrates");
        assert_version_1_rows(&state);
        assert_version_1_is_shown(&state);
    }
}

/// The table that both environments of the first schema show, and production's history with them.
pub(crate) fn assert_version_1_is_shown(state: &dyn State) {
    let tables: Vec<_> = state.all_tables().expect("readable").into_iter().map(|snapshot| snapshot.table).collect();
    let by = |others| state.shown_by(others, &tables).expect("readable").len();
    let (prod, branch) = (name("prod"), name("feature_x_3fa2"));
    assert_eq!([by(Others::Only(&prod)), by(Others::Only(&branch)), by(Others::AllBut(&prod))], [1; 3]);
    let lease = state.lease("bot test", PATIENT).expect("nobody else");
    state.mark_unreferenced(&lease, &[(tables[0].clone(), Timestamp(7))].into()).expect("writable");
    for (environment, plan_id) in [(branch, "branch-plan"), (prod, "old-plan")] {
        let kept = state.forget_unreferenced(&lease, &tables[0], Timestamp(7)).expect("writable");
        assert_eq!(kept, Forgotten::No, "{environment} shows it, or did");
        state.remove_environment(&lease, &environment, &ready(plan_id)).expect("nobody else");
    }
    let forgotten = state.forget_unreferenced(&lease, &tables[0], Timestamp(7)).expect("writable");
    assert_eq!(forgotten, Forgotten::Yes);
}

#[test]
fn an_old_schema_can_be_read_without_migrating_it() {
    let place = Place::new();
    let file = put_version_1(&place);
    let before = fs::read(&file).expect("readable");
    let state = open(&file, &OpenMode::ReadOnlyIfExists).expect("opens");
    assert_version_1_rows(&state);
    drop(state);
    assert_eq!(fs::read(&file).expect("readable"), before);
    assert_eq!(place.listing(), ["state.db"]);
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let place = Place::new();
    let file = put_version_1(&place);
    let connection = Connection::open(&file).expect("opens");
    // The table that the second migration makes stands in its way.
    connection.execute_batch("CREATE TABLE promotes (x INTEGER)").expect("made");
    open(&file, &to_write()).err().expect("cannot be migrated");
    let version: u32 =
        connection.query_row("SELECT schema_version FROM state_identity", [], |row| row.get(0)).expect("readable");
    assert_eq!(version, 1);
}

#[test]
fn a_newer_schema_is_refused_with_both_versions() {
    let place = Place::new();
    drop(open(&place.file(), &to_write()).expect("opens"));
    let connection = Connection::open(place.file()).expect("opens");
    connection.execute("UPDATE state_identity SET schema_version = 99", []).expect("written");
    for mode in [to_write(), OpenMode::ReadOnlyIfExists] {
        let refused = open(&place.file(), &mode).err().expect("newer");
        let message = refused.to_string();
        assert!(message.contains("has schema version 99, this program knows 14: install a newer `bot`"), "{message}");
    }
}

#[test]
fn newer_fingerprints_can_be_read_and_not_written() {
    let place = Place::new();
    let newer = OpenMode::Write { state: StateId::new("5eed"), algorithm_version: 7 };
    drop(open(&place.file(), &newer).expect("opens"));
    let refused = open(&place.file(), &to_write()).err().expect("newer");
    assert!(matches!(refused, StateError::NewerAlgorithm { found: 7, known: 1, .. }), "{refused}");
    let reader = open(&place.file(), &OpenMode::ReadOnlyIfExists).expect("may plan");
    assert_eq!(reader.identity().expect("readable").expect("made").algorithm_version, 7);
}

#[test]
fn no_row_holds_a_path_of_this_machine() {
    let place = Place::new();
    let state = open(&place.file(), &to_write()).expect("opens");
    let lease = state.lease("bot apply", Duration::ZERO).expect("nobody else");
    state.record(&lease, &[Fact::Snapshot(snapshot("a.b")), Fact::Build(build("a.b", 1))]).expect("recordable");
    drop((lease, state));
    let bytes = fs::read(place.file()).expect("readable");
    let folder = place.folder.path().to_string_lossy().into_owned();
    assert!(bytes.windows(3).any(|part| part == b"a.b"), "the file holds the rows");
    assert!(!bytes.windows(folder.len()).any(|part| part == folder.as_bytes()));
}

/// Names the state file to a test that is run again as another process, and what it is to do there.
const CHILD: &str = "OFFSHOOT_TEST_STATE_CHILD";

/// Runs one of this file's tests again as another process.
fn child(test: &str, file: &Path, role: &str) -> Child {
    let program = std::env::current_exe().expect("this program");
    Command::new(program)
        .args(["--exact", &format!("state_sqlite::{test}"), "--nocapture"])
        .env(CHILD, format!("{role}\n{}", file.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts")
}

/// The role and the state file, where this process is a child.
fn role() -> Option<(String, PathBuf)> {
    let value = std::env::var(CHILD).ok()?;
    let (role, file) = value.split_once('\n').expect("role and file");
    Some((role.to_owned(), file.into()))
}

#[test]
fn sixteen_processes_make_one_state_and_write_it() {
    if let Some((role, file)) = role() {
        return win_once(&open(&file, &to_write()).expect("opens beside others"), &role);
    }
    let place = Place::new();
    let start = |number: usize| {
        child("sixteen_processes_make_one_state_and_write_it", &place.file(), &format!("process-{number}"))
    };
    let children: Vec<Child> = (0..16).map(start).collect();
    for child in children {
        let output = child.wait_with_output().expect("ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_wins(&open(&place.file(), &to_write()).expect("opens"), 16);
}

/// What the child records in one call: many facts, so that death often comes in the middle.
fn batch(number: usize) -> Vec<Fact> {
    let model = format!("a.m{number}");
    let loads = (1..28).map(|day| {
        let interval = days(&format!("2026-01-{day:02}"), &format!("2026-01-{:02}", day + 1));
        load(&model, interval, day)
    });
    [Fact::Snapshot(snapshot(&model))].into_iter().chain(loads).chain([Fact::Build(build(&model, 1))]).collect()
}

#[test]
fn a_killed_writer_leaves_whole_calls_and_no_lock() {
    if let Some((_, file)) = role() {
        let state = open(&file, &to_write()).expect("opens");
        let lease = state.lease("bot apply doomed", Duration::ZERO).expect("the dead hold no lease");
        for number in 0.. {
            state.record(&lease, &batch(number)).expect("recordable");
            writeln!(std::io::stdout(), "recorded {number}").expect("the parent listens");
        }
    }
    let place = Place::new();
    for round in 1..=10 {
        let mut child = child("a_killed_writer_leaves_whole_calls_and_no_lock", &place.file(), "write");
        let mut said = BufReader::new(child.stdout.take().expect("piped"));
        let recorded = wait_for(&mut said, &format!("recorded {}", round * 3));
        let state = open(&place.file(), &to_write()).expect("opens");
        let refused = state.lease("bot plan", Duration::ZERO).expect_err("the child has it");
        let message = refused.to_string();
        assert!(message.contains(&format!("process {} (`bot apply doomed`)", child.id())), "{message}");
        drop(state);
        child.kill().expect("killed");
        let ended = child.wait().expect("ends");
        assert_eq!(ended.code(), None, "it was killed, and did not end by itself");
        assert_whole(&open(&place.file(), &to_write()).expect("opens"), recorded);
    }
}

/// Reads what a child says until it says `line`; the number of calls that it had made. The pipe stays open, or the child
/// would fail instead of being killed.
fn wait_for(said: &mut impl BufRead, line: &str) -> usize {
    let mut lines = said.lines().map(|line| line.expect("readable")).filter(|line| line.starts_with("recorded "));
    1 + lines.position(|said| said == line).expect("the child goes on until it is killed")
}

fn assert_whole(state: &SqliteState, recorded: usize) {
    state.lease("bot apply", Duration::ZERO).expect("the system gave the lock back");
    let models: Vec<_> = (0..recorded + 1_000).map(|number| format!("a.m{number}")).collect();
    let tables = state.tables(&models.iter().map(|model| key(model)).collect::<Vec<_>>()).expect("readable");
    let names: Vec<_> = models.iter().map(|text| model(text)).collect();
    let builds = state.builds(&names, 1).expect("readable");
    assert!(tables.len() >= recorded, "what was said to be recorded is there");
    assert_eq!(tables.len(), builds.len());
    for table in tables.values() {
        assert_eq!(table.ledger.intervals().ranges(), [days("2026-01-01", "2026-01-28")]);
    }
}

#[test]
fn a_lease_excludes_others_and_names_its_holder() {
    let place = Place::new();
    let [one, two] = [(), ()].map(|()| open(&place.file(), &to_write()).expect("opens"));
    let held = one.lease("bot apply x", Duration::ZERO).expect("nobody else");
    let refused = two.lease("bot promote", Duration::ZERO).expect_err("held");
    let message = refused.to_string();
    assert!(message.contains(&format!("process {} (`bot apply x`)", std::process::id())), "{message}");
    assert!(matches!(refused, StateError::Busy { .. }));
    assert_eq!(two.environments().expect("readers never wait"), []);
    drop(held);
    two.lease("bot promote", Duration::ZERO).expect("given back");
}

/// Two may believe that they have the lock, where its file was taken away: whoever writes first is the one.
#[test]
fn of_two_that_lost_their_lock_one_writes() {
    let place = Place::new();
    let [one, two] = [(), ()].map(|()| open(&place.file(), &to_write()).expect("opens"));
    // Writes go to the log while the file is open.
    let log = || fs::metadata(place.file().with_extension("db-wal")).expect("there").len();
    let before = log();
    let first = one.lease("bot apply", Duration::ZERO).expect("nobody else");
    fs::remove_file(place.file().with_extension("db.lock")).expect("it was there");
    let second = two.lease("bot apply", Duration::ZERO).expect("nobody else, it seems");
    assert_eq!(log(), before, "who has not written has changed nothing");
    let facts = [Fact::Snapshot(snapshot("a.b"))];
    two.record(&second, &facts).expect("the first to write");
    let refused = one.record(&first, &facts).expect_err("overtaken");
    assert!(matches!(refused, StateError::LeaseLost { .. }), "{refused}");
    drop((first, second));
    one.record(&one.lease("bot apply", Duration::ZERO).expect("given back"), &facts).expect("a new session");
}

#[test]
fn a_waiting_process_gets_the_lease_when_the_holder_gives_it_back() {
    let place = Place::new();
    let first = open(&place.file(), &to_write()).expect("opens");
    let held = first.lease("bot apply", Duration::ZERO).expect("nobody else");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let second = open(&place.file(), &to_write()).expect("opens");
            second.lease("bot promote", PATIENT).map(|_| ())
        });
        drop(held);
        waiting.join().expect("no panic").expect("given back");
    });
}
