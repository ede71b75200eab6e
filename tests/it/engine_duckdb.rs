//! What is DuckDB's own: the file and its lock, settings that leak, the text of every type.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use offshoot::engine::duckdb::{Attachment, DuckDb, DuckDbConfig, Location, OpenMode};
use offshoot::engine::{
    Dependents, Engine, EngineError, Foreign, ObjectRecord, OwnedObject, Owner, Session, Shows, ViewChange, claim,
    foreign_objects, record_object, swap_views, transaction,
};
use offshoot::hash::Hasher;
use offshoot::ids::{EnvironmentName, ModelName, ProjectName, StateId, TableName};
use offshoot::sql::Dialect;
use offshoot::statement::pointer_query;

use crate::engine_conformance::{Place, Warehouse};

pub(crate) fn in_a_file() -> Warehouse {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = DuckDb::file(folder.path().join("warehouse.db"), Duration::ZERO);
    Warehouse { engine: Box::new(engine), _place: Place::Folder(folder) }
}

pub(crate) fn in_memory() -> Warehouse {
    Warehouse { engine: Box::new(DuckDb::memory()), _place: Place::Memory }
}

fn one(session: &mut dyn Session, sql: &str) -> Option<String> {
    let rows = session.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).rows;
    rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten()
}

/// Names the part that this test plays when it is run again as a process of its own.
const CHILD: &str = "OFFSHOOT_TEST_CHILD";

/// Runs one test of this binary again, as another process.
fn child(test: &str, argument: &str, zone: &str) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, argument)
        .env("TZ", zone)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a second process")
}

/// In the child: holds the file until its standard input ends.
fn hold(path: &str) {
    let session = DuckDb::file(path, Duration::ZERO).session().expect("the file is free");
    let mut stdout = std::io::stdout();
    writeln!(stdout, "\nheld").and_then(|()| stdout.flush()).expect("a pipe");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("a pipe");
    drop(session);
}

/// A second process that holds a file until told to let go.
pub(crate) struct Holder {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Holder {
    /// Another process holds this file now.
    pub(crate) fn of_file(path: &Path) -> Self {
        Self::of("engine_duckdb::the_file_is_free_when_the_last_session_is_gone", path)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn of(test: &str, path: &Path) -> Self {
        let mut child = child(test, path.to_str().expect("a path of text"), "UTC");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        while line.trim() != "held" {
            line.clear();
            assert_ne!(output.read_line(&mut line).expect("a line"), 0, "the second process holds the file");
        }
        Self { child, output }
    }

    fn let_go(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Lets it go and waits for its end.
    pub(crate) fn ends_well(mut self) {
        self.let_go();
        self.output.read_to_end(&mut Vec::new()).expect("the rest of its talk");
        assert!(self.child.wait().expect("an end").success());
    }
}

#[test]
fn a_held_file_is_waited_for_and_its_holder_named() {
    if let Ok(path) = std::env::var(CHILD) {
        return hold(&path);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.db");
    let mut holder = Holder::of("engine_duckdb::a_held_file_is_waited_for_and_its_holder_named", &path);
    let error = DuckDb::file(&path, Duration::ZERO).session().err().expect("the file is held");
    let EngineError::Locked { path: named, pid, .. } = &error else { panic!("{error}") };
    assert_eq!((named, *pid), (&path, Some(holder.child.id())));
    assert!(error.to_string().contains(&format!("process {}", holder.child.id())), "{error}");
    let waiting = std::thread::spawn({
        let path = path.clone();
        move || DuckDb::file(path, Duration::from_secs(300)).session().map(drop)
    });
    holder.let_go();
    waiting.join().expect("no panic").expect("the file after its holder is gone");
    holder.ends_well();
}

#[test]
fn the_file_is_free_when_the_last_session_is_gone() {
    if let Ok(path) = std::env::var(CHILD) {
        return hold(&path);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.db");
    let engine = DuckDb::file(&path, Duration::ZERO);
    let (first, second) = (engine.session().expect("a session"), engine.session().expect("a session"));
    drop(first);
    drop(second);
    Holder::of_file(&path).ends_well();
    let mut session = engine.session().expect("the engine opens it again");
    assert_eq!(one(&mut *session, "select 1").as_deref(), Some("1"));
}

#[test]
fn readers_share_a_file_and_write_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.db");
    let reading = DuckDbConfig { mode: OpenMode::ReadOnly, ..DuckDbConfig::new(Location::File(path.clone())) };
    let missing = DuckDb::new(reading.clone()).session().err().expect("nothing to read yet");
    assert!(matches!(missing, EngineError::Open { .. }), "{missing}");
    DuckDb::file(&path, Duration::ZERO).session().expect("a session").execute("create table t as select 1").expect("t");
    let mut session = DuckDb::new(reading).session().expect("a reader");
    assert_eq!(one(&mut *session, "select * from t").as_deref(), Some("1"));
    assert!(session.execute("create table u as select 1").is_err());
    let writer = DuckDb::file(&path, Duration::ZERO).session().err().expect("two instances of one file");
    assert!(matches!(writer, EngineError::InUse { .. }), "{writer}");
}

#[test]
fn two_engines_of_one_file_share_the_instance() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.db");
    let one_engine = DuckDb::file(&path, Duration::ZERO);
    let other_engine = DuckDb::file(folder.path().join(".").join("w.db"), Duration::ZERO);
    let mut session = one_engine.session().expect("a session");
    session.execute("create table t as select 7").expect("a table");
    let mut other = other_engine.session().expect("a session on the same instance");
    assert_eq!(one(&mut *other, "select * from t").as_deref(), Some("7"));
}

#[test]
fn a_configured_time_zone_is_every_sessions() {
    for name in ["TimeZone", "timezone"] {
        let mut config = DuckDbConfig::new(Location::Memory);
        config.settings.insert(name.into(), "Asia/Tokyo".into());
        let engine = DuckDb::new(config.clone());
        for _ in 0..2 {
            let mut session = engine.session().expect("a session");
            let midnight = "select cast('2026-01-01' as timestamptz)";
            assert_eq!(one(&mut *session, midnight).as_deref(), Some("2026-01-01 00:00:00+09"));
        }
        config.settings.insert(name.into(), "Nowhere/City".into());
        assert!(DuckDb::new(config).session().is_err(), "a zone that is none is told");
    }
}

#[test]
fn every_session_is_in_utc() {
    if std::env::var(CHILD).is_ok() {
        let mut session = DuckDb::memory().session().expect("a session");
        assert_eq!(one(&mut *session, "select current_setting('TimeZone')").as_deref(), Some("UTC"));
        let midnight = "select cast('2026-01-01' as timestamptz)";
        assert_eq!(one(&mut *session, midnight).as_deref(), Some("2026-01-01 00:00:00+00"));
        session.execute("reset TimeZone").expect("a reset");
        assert_eq!(one(&mut *session, "select current_setting('TimeZone')").as_deref(), Some("Asia/Tokyo"));
        return;
    }
    let child = child("engine_duckdb::every_session_is_in_utc", "zone", "Asia/Tokyo");
    let output = child.wait_with_output().expect("an end");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn settings_stay_in_their_session() {
    let engine = DuckDb::memory();
    let (mut one_session, mut other) = (engine.session().expect("a session"), engine.session().expect("a session"));
    let settings = [
        "TimeZone = 'America/New_York'",
        "integer_division = true",
        "ieee_floating_point_ops = false",
        "scalar_subquery_error_on_multiple_rows = false",
        "order_by_non_integer_literal = true",
        "search_path = 'temp'",
        "VARIABLE v = 1",
    ];
    for setting in settings {
        let name = setting.split(' ').next().expect("a name");
        let read = match name {
            "VARIABLE" => "select getvariable('v')".to_owned(),
            name => format!("select current_setting('{name}')"),
        };
        let before = one(&mut *other, &read);
        one_session.execute(&format!("SET {setting}")).expect("a setting");
        assert_ne!(one(&mut *one_session, &read), before, "{setting} acts");
        assert_eq!(one(&mut *other, &read), before, "{setting} stays");
        assert_eq!(one(&mut *engine.session().expect("a session"), &read), before, "{setting} is not handed on");
    }
    one_session.execute("create temp macro f(x) as x + 1; prepare p as select 1").expect("temporary objects");
    assert!(other.query("select f(1)").is_err());
    assert!(other.execute("execute p").is_err());
}

#[test]
fn settings_of_the_whole_database_are_set_back_and_refused() {
    let engine = DuckDb::memory();
    let (mut one_session, mut other) = (engine.session().expect("a session"), engine.session().expect("a session"));
    let settings = [
        ("default_null_order", "'nulls_first'"),
        ("default_order", "'desc'"),
        ("default_collation", "'nocase'"),
        ("old_implicit_casting", "true"),
        ("preserve_insertion_order", "false"),
        ("autoinstall_known_extensions", "true"),
    ];
    for (name, value) in settings {
        let read = format!("select current_setting('{name}')");
        let before = one(&mut *other, &read);
        let error = one_session.execute(&format!("select 1; SET {name} = {value}")).expect_err(name);
        assert!(matches!(&error, EngineError::GlobalSetting { setting, .. } if setting == name), "{error}");
        assert_eq!(one(&mut *other, &read), before, "{name}");
    }
    one_session.execute("SET GLOBAL default_null_order = 'nulls_first_on_asc_last_on_desc'").expect_err("also so");
    one_session.execute("SET threads = 1").expect("a setting that changes no result");
}

#[test]
fn every_type_has_one_exact_text() {
    let mut session = DuckDb::memory().session().expect("a session");
    let cases = [
        ("170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"),
        ("1.10::DECIMAL(38,2)", "1.10"),
        ("0.1::DOUBLE + 0.2::DOUBLE", "0.30000000000000004"),
        ("'nan'::FLOAT", "nan"),
        ("true", "true"),
        ("''", ""),
        ("'NULL'", "NULL"),
        ("'\\xAA\\x00b'::BLOB", "\\xAA\\x00b"),
        ("'0101'::BIT", "0101"),
        ("DATE '0044-03-15 (BC)'", "0044-03-15 (BC)"),
        ("'infinity'::DATE", "infinity"),
        ("TIME '12:34:56.789012'", "12:34:56.789012"),
        ("TIMESTAMP '2026-01-31 12:00:00.000001'", "2026-01-31 12:00:00.000001"),
        ("'2026-01-31 12:00:00.000000001'::TIMESTAMP_NS", "2026-01-31 12:00:00.000000001"),
        ("TIMESTAMPTZ '2026-01-31 12:00:00+05:30'", "2026-01-31 06:30:00+00"),
        ("INTERVAL '14 months 3 days'", "1 year 2 months 3 days"),
        ("uuid '00000000-0000-0000-0000-00000000000a'", "00000000-0000-0000-0000-00000000000a"),
        ("[1, NULL, 3]", "[1, NULL, 3]"),
        ("{'a': 1, 'b': [{'c': DATE '2026-01-01'}]}", "{'a': 1, 'b': [{'c': 2026-01-01}]}"),
        ("MAP {'k': 1.50}", "{k=1.50}"),
        ("array_value(1, 2)", "[1, 2]"),
        ("'a'::ENUM ('a', 'b')", "a"),
        ("union_value(n := 1)", "1"),
        ("'{\"a\": 1}'::JSON", "{\"a\": 1}"),
    ];
    for (expression, text) in cases {
        let found = session.query(&format!("select {expression} as x, null")).expect(expression);
        assert_eq!(found.rows, [vec![Some(text.to_owned()), None]], "{expression}");
    }
    let types: Vec<String> = session
        .query("select 1.5 as a, {'x': [1]} as b, now() as c, 'x' as d")
        .expect("a row")
        .columns
        .into_iter()
        .map(|column| column.data_type)
        .collect();
    assert_eq!(types, ["DECIMAL(2,1)", "STRUCT(x INTEGER[])", "TIMESTAMP WITH TIME ZONE", "VARCHAR"]);
}

#[test]
fn statements_that_are_no_query_give_rows_too() {
    let mut session = DuckDb::memory().session().expect("a session");
    session.execute("create table t (a integer, d date)").expect("a table");
    let inserted = session.query("insert into t values (1, '2026-01-31') returning a, d").expect("rows");
    assert_eq!(inserted.rows, [[Some("1".to_owned()), Some("2026-01-31".to_owned())]]);
    assert!(one(&mut *session, "explain select * from t").is_some());
    assert_eq!(one(&mut *session, "show tables").as_deref(), Some("t"));
    assert_eq!(one(&mut *session, "from t select count(*)").as_deref(), Some("1"));
    assert_eq!(one(&mut *session, "pivot t on a using count(*)").as_deref(), Some("2026-01-31"));
    assert_eq!(one(&mut *session, "set variable x = 3; select getvariable('x')").as_deref(), Some("3"));
    assert_eq!(session.execute(" -- nothing\n").expect("nothing"), 0);
    assert_eq!(session.execute("insert into t select n, null from range(5) as r(n)").expect("rows"), 5);
    assert!(session.execute("select 'a\0b'").is_err());
}

#[test]
fn further_catalogs_are_attached() {
    let folder = tempfile::tempdir().expect("a folder");
    let attachment = |catalog: &str, file: &str| Attachment {
        catalog: catalog.into(),
        location: Location::File(folder.path().join(file)),
        mode: OpenMode::ReadWrite,
    };
    let hostile = "it's \"2\"";
    let engine = DuckDb::new(DuckDbConfig {
        attached: vec![attachment("main_one", "one.db"), attachment(hostile, "it's 2.db")],
        default_catalog: Some("main_one".into()),
        ..DuckDbConfig::new(Location::Memory)
    });
    let mut session = engine.session().expect("a session");
    session.create_schema_if_missing(Some(hostile), "s").expect("a schema");
    session.create_schema_if_missing(None, "s").expect("a schema");
    let name = TableName { catalog: Some(hostile.into()), schema: "s".into(), name: "t".into() };
    session.execute("create table \"it's \"\"2\"\"\".s.t as select 1 as a").expect("a table");
    assert_eq!(session.objects(Some(hostile), "s").expect("an answer")[0].name, name);
    assert_eq!(session.objects(None, "s").expect("an answer"), []);
    assert_eq!(one(&mut *session, "select current_database()").as_deref(), Some("main_one"));
    assert!(session.columns(&name).expect("an answer").is_some());
}

#[test]
fn views_of_ours_are_known_again_after_the_file_was_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = DuckDb::file(folder.path().join("warehouse.db"), Duration::ZERO);
    let owner = Owner {
        state: StateId::new("mine"),
        project: ProjectName::new(""),
        environment: EnvironmentName::prod(),
        dependents: Dependents::Refuse,
    };
    let view = TableName { catalog: None, schema: "s".into(), name: "v".into() };
    let query = "SELECT CAST('1' AS INT) AS a, [1]::INT[] AS b, 1::NUMERIC(9, 2) AS c, 'x'::TEXT AS \"Day\"";
    let model = ModelName::parse("s.v").expect("a name");
    let shows = Shows::Query;
    let change = ViewChange::Point {
        view: view.clone(),
        model,
        columns: Vec::new(),
        query: query.into(),
        shows,
        comments: Vec::new(),
        on_update: Vec::new(),
    };
    let mut session = engine.session().expect("a session");
    transaction(session.as_mut(), |session| {
        claim(session, &owner.state)?;
        swap_views(session, &owner, std::slice::from_ref(&change)).map(drop)
    })
    .expect("a view");
    drop(session);
    for _ in 0..2 {
        let mut session = engine.session().expect("the file is opened again");
        let wanted = std::slice::from_ref(&view);
        assert_eq!(foreign_objects(session.as_mut(), &owner.state, wanted).expect("an answer"), []);
    }
    let mut session = engine.session().expect("a session");
    session.execute(&format!("CREATE OR REPLACE VIEW s.v AS {query}")).expect("somebody's change");
    let found = foreign_objects(session.as_mut(), &owner.state, &[view]).expect("an answer");
    assert_eq!(found.len(), 1, "the same text, and yet not ours");
}

#[test]
fn views_of_tables_are_known_by_their_text_however_the_file_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = DuckDb::file(folder.path().join("warehouse.db"), Duration::ZERO);
    let owner = Owner {
        state: StateId::new("mine"),
        project: ProjectName::new(""),
        environment: EnvironmentName::prod(),
        dependents: Dependents::Refuse,
    };
    let named = |name: &str| TableName { catalog: None, schema: "it's \"s\"".into(), name: name.into() };
    let (model, columns) = (ModelName::parse("s.v").expect("a name"), ["select", "A b", "ö", "day", "x.y", "q\"uote"]);
    let columns = columns.map(str::to_owned);
    let table = named("t\"x");
    let point = |view: &str, columns: &[String]| ViewChange::Point {
        view: named(view),
        model: model.clone(),
        columns: columns.to_vec(),
        query: pointer_query(Dialect::DuckDb, &table, columns),
        shows: Shows::Table,
        comments: Vec::new(),
        on_update: Vec::new(),
    };
    let changes = [point("named", &columns), point("Starred", &[]), point("other", &columns[..1])];
    let views: Vec<TableName> = changes.iter().map(|change| change.view().clone()).collect();
    let mut session = engine.session().expect("a session");
    transaction(session.as_mut(), |session| {
        claim(session, &owner.state)?;
        session.create_schema_if_missing(None, &table.schema)?;
        session.execute("CREATE TYPE mood AS ENUM ('a', 'b')")?;
        let typed: Vec<String> = columns.iter().map(|name| format!("\"{}\" mood", name.replace('"', "\"\""))).collect();
        session.execute(&format!("CREATE TABLE \"it's \"\"s\"\"\".\"t\"\"x\" ({})", typed.join(", ")))?;
        swap_views(session, &owner, &changes).map(drop)
    })
    .expect("views");
    assert!(session.objects(None, &table.schema).expect("views").iter().all(|object| object.comment.is_none()));
    drop(session);
    for _ in 0..2 {
        let mut session = engine.session().expect("the file is opened again");
        assert_eq!(foreign_objects(session.as_mut(), &owner.state, &views).expect("an answer"), []);
    }
    let mut session = engine.session().expect("a session");
    session.execute("CREATE OR REPLACE VIEW \"it's \"\"s\"\"\".other AS SELECT 1 AS x").expect("somebody's change");
    let found = foreign_objects(session.as_mut(), &owner.state, &views).expect("an answer");
    assert_eq!(
        found.iter().map(|object| (&object.name, object.why)).collect::<Vec<_>>(),
        [(&views[2], Foreign::Changed)]
    );
}

#[test]
fn a_view_that_an_earlier_release_left_a_comment_on_is_still_ours() {
    let engine = DuckDb::memory();
    let mut session = engine.session().expect("a session");
    let state = StateId::new("mine");
    claim(session.as_mut(), &state).expect("ours");
    session
        .execute("CREATE SCHEMA s; CREATE VIEW s.v AS SELECT 1 AS a; COMMENT ON VIEW s.v IS 'ours'")
        .expect("a view");
    let view = TableName { catalog: None, schema: "s".into(), name: "v".into() };
    let none: Option<&str> = None;
    let object = OwnedObject::View {
        environment: EnvironmentName::prod(),
        definition: Some(Hasher::new("offshoot view").option(none).option(Some("ours")).finish()),
        engine_version: session.version(),
    };
    let (project, model) = (ProjectName::new(""), ModelName::parse("s.v").expect("a name"));
    record_object(session.as_mut(), &state, &[ObjectRecord { project, name: view.clone(), model, object }])
        .expect("a record");
    assert_eq!(foreign_objects(session.as_mut(), &state, std::slice::from_ref(&view)).expect("an answer"), []);
    session.execute("CREATE OR REPLACE VIEW s.v AS SELECT 1 AS a").expect("somebody's change");
    assert_eq!(foreign_objects(session.as_mut(), &state, &[view]).expect("an answer").len(), 1);
}

#[test]
fn when_the_log_goes_into_the_file_is_the_configurations_to_say() {
    let threshold = |settings: &[(&str, &str)]| {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let config = DuckDbConfig { settings, ..DuckDbConfig::new(Location::File(folder.path().join("warehouse.db"))) };
        let mut session = DuckDb::new(config).session().expect("a session");
        one(&mut *session, "SELECT current_setting('checkpoint_threshold')")
    };
    let ours = threshold(&[]);
    let named = threshold(&[("checkpoint_threshold", "64MB")]);
    assert_ne!(ours, named);
    assert_eq!(threshold(&[("WAL_autocheckpoint", "64MB")]), named);
}
