//! What is PostgreSQL's own: the server that goes away, views that bind to their table, grants.

use std::sync::Arc;
use std::time::Duration;

use offshoot::engine::postgres::{Postgres, PostgresConfig};
use offshoot::engine::{
    Dependents, Engine, EngineError, Fence, OpenMode, Owner, Session, Shows, ViewChange, claim, fence, foreign_objects,
    swap_views, transaction,
};
use offshoot::ids::{EnvironmentName, ModelName, ProjectName, StateId, TableName};
use offshoot::statement::{Comment, quote_identifier};

use crate::engine_conformance::{Place, Warehouse};
use crate::postgres::Database;

pub(crate) fn config(database: &Database) -> PostgresConfig {
    PostgresConfig {
        outsider: None,
        address: database.address(),
        role: None,
        mode: OpenMode::ReadWrite,
        statement_timeout: None,
        patience: Duration::ZERO,
    }
}

pub(crate) fn warehouse() -> Warehouse {
    let database = Database::new();
    let engine = Postgres::new(config(&database), Arc::default());
    Warehouse { engine: Box::new(engine), _place: Place::Server(database) }
}

fn open(config: PostgresConfig) -> Box<dyn Session> {
    Postgres::new(config, Arc::default()).session().expect("a session")
}

fn table(name: &str) -> TableName {
    TableName { catalog: None, schema: "s".into(), name: name.into() }
}

fn point(view: &str, columns: &[&str], query: &str) -> ViewChange {
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    let model = ModelName::parse("s.m").expect("a name");
    ViewChange::Point {
        view: table(view),
        model,
        columns,
        query: query.into(),
        shows: Shows::Query,
        comments: Vec::new(),
        on_update: Vec::new(),
    }
}

fn swap(session: &mut dyn Session, dependents: Dependents, changes: &[ViewChange]) -> Result<usize, EngineError> {
    let (state, project, environment) = (StateId::new("mine"), ProjectName::new("shop"), EnvironmentName::prod());
    let owner = Owner { state, project, environment, dependents };
    transaction(session, |session| swap_views(session, &owner, changes))
}

/// The first cell of each row.
fn list(session: &mut dyn Session, sql: &str) -> Vec<String> {
    let rows = session.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).rows;
    rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

/// Who may do what with the views of schema `s`, and whose they are.
const GRANTS: &str = "select c.relname || ' ' || pg_get_userbyid(c.relowner) || ' ' || coalesce(c.relacl::text, '') \
     || ' ' || coalesce(a.attname || a.attacl::text, '') || ' ' || coalesce(obj_description(c.oid), '') \
     from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attacl is not null \
     where c.relnamespace = 's'::regnamespace and c.relkind = 'v' order by 1";

/// Roles belong to the whole server, so each test has some of its own.
fn roles(session: &mut dyn Session, names: &[&str]) {
    for name in names {
        let role = quote_identifier(session.dialect(), name);
        session.execute(&format!("drop role if exists {role}; create role {role}")).expect("a role");
    }
}

fn with_views() -> (Database, Box<dyn Session>) {
    let database = Database::new();
    let mut session = open(config(&database));
    session.create_schema_if_missing(None, "s").expect("a schema");
    claim(session.as_mut(), &StateId::new("mine")).expect("ours");
    swap(
        session.as_mut(),
        Dependents::Refuse,
        &[point("v", &["a", "b"], "select 1, 'x'"), point("w", &["a"], "select 1")],
    )
    .expect("views");
    (database, session)
}

#[test]
fn a_view_keeps_its_grants_whatever_becomes_of_its_columns() {
    let (_database, mut session) = with_views();
    roles(session.as_mut(), &["views_reader", "views \"owner\""]);
    session
        .execute(
            "grant select on s.v to views_reader with grant option; grant select (b), update (a) on s.v to views_reader; \
             grant select on s.v to public; comment on view s.v is 'theirs'; alter view s.v owner to \"views \"\"owner\"\"\"; \
             grant usage, create on schema s to \"views \"\"owner\"\"\"",
        )
        .expect("grants");
    let before = list(session.as_mut(), GRANTS);
    assert!(before.iter().any(|line| line.contains("views_reader=r*/")), "{before:?}");
    // A column more at the end is put into the view that stands; any other change makes it anew.
    let appended = point("v", &["a", "b", "c"], "select 1, 'x', 2.5");
    swap(session.as_mut(), Dependents::Refuse, &[appended]).expect("replaced in place");
    assert_eq!(list(session.as_mut(), GRANTS), before);
    let turned = point("v", &["b", "a"], "select 'x'::text, 1");
    swap(session.as_mut(), Dependents::Refuse, &[turned]).expect("made anew");
    assert_eq!(list(session.as_mut(), GRANTS), before);
    assert_eq!(list(session.as_mut(), "select b from s.v"), ["x"]);
    // What was granted on a column goes with it.
    swap(session.as_mut(), Dependents::Refuse, &[point("v", &["a"], "select 1")]).expect("made anew");
    let after = list(session.as_mut(), GRANTS);
    assert!(after.iter().all(|line| !line.contains("b{")) && after.iter().any(|line| line.contains("a{")), "{after:?}");
}

#[test]
fn a_description_that_the_server_cannot_hold_moves_no_view_and_says_how_to_go_on() {
    let database = Database::of_latin1();
    let mut session = open(config(&database));
    claim(session.as_mut(), &StateId::new("mine")).expect("ours");
    let said = |text: &str| {
        let mut change = point("v", &["a"], "select 1");
        let ViewChange::Point { comments, .. } = &mut change else { unreachable!("a view") };
        comments.push(Comment { column: Some("a".to_owned()), text: Some(text.to_owned()) });
        change
    };
    let refused = swap(session.as_mut(), Dependents::Refuse, &[said("an owl: \u{1f989}")]).expect_err("no such letter");
    let told = refused.to_string();
    assert!(told.contains("LATIN1") && told.contains("`register_comments: false`"), "{told}");
    assert!(session.columns(&table("v")).expect("an answer").is_none(), "nothing has changed");
    swap(session.as_mut(), Dependents::Refuse, &[said("a café")]).expect("comments");
    assert_eq!(list(session.as_mut(), "select col_description('s.v'::regclass, 1)"), ["a café"]);
}

#[test]
fn views_of_others_on_ours_are_named_and_never_dropped() {
    let (_database, mut session) = with_views();
    roles(session.as_mut(), &["upon_reader"]);
    session
        .execute(
            "create schema bi; create view bi.first with (security_barrier = true) as select a, b from s.v; \
             create view bi.second as select first.b || '!' as shout, w.a from bi.first, s.w; \
             grant select on bi.second to upon_reader; comment on view bi.second is 'for the board'",
        )
        .expect("views of somebody");
    let turned = || point("v", &["b", "a"], "select 'y'::text, 1");
    let refused = swap(session.as_mut(), Dependents::Refuse, &[point("w", &["a"], "select 2"), turned()]);
    let Err(EngineError::Dependents { view, dependents }) = refused else { panic!("{refused:?}") };
    assert_eq!((view.as_str(), dependents), ("s.v", vec!["bi.first".to_owned(), "bi.second".to_owned()]));
    assert_eq!(list(session.as_mut(), "select shout || a from bi.second"), ["x!1"], "nothing has changed");
    // What only moves keeps them.
    swap(session.as_mut(), Dependents::Refuse, &[point("v", &["a", "b"], "select 1, 'z'")]).expect("moved");
    assert_eq!(list(session.as_mut(), "select shout from bi.second"), ["z!"]);
    swap(session.as_mut(), Dependents::Recreate, &[turned()]).expect("made again");
    assert_eq!(list(session.as_mut(), "select shout from bi.second"), ["y!"]);
    let told = "select relacl::text || obj_description(oid) from pg_class where oid = 'bi.second'::regclass";
    let told = list(session.as_mut(), told);
    assert!(told[0].contains("upon_reader=r/") && told[0].ends_with("for the board"), "{told:?}");
    let options = list(session.as_mut(), "select reloptions::text from pg_class where oid = 'bi.first'::regclass");
    assert_eq!(options, ["{security_barrier=true}"]);
    // A column that they read is not there any more: they cannot be made again, so nothing is changed.
    let without = swap(session.as_mut(), Dependents::Recreate, &[point("v", &["a"], "select 1")]);
    assert!(matches!(without, Err(EngineError::Statement { .. })), "{without:?}");
    assert_eq!(list(session.as_mut(), "select shout from bi.second"), ["y!"]);
    // A view that goes for good would take theirs along.
    let gone = swap(session.as_mut(), Dependents::Recreate, &[ViewChange::Drop { view: table("w") }]);
    assert!(matches!(gone, Err(EngineError::Dependents { .. })), "{gone:?}");
    // What keeps rows of its own is not made again.
    session.execute("create materialized view bi.kept as select a from s.v").expect("a materialized view");
    let kept = swap(session.as_mut(), Dependents::Recreate, &[point("v", &["a", "b"], "select 1, 'x'")]);
    assert!(
        matches!(&kept, Err(EngineError::Dependents { dependents, .. }) if dependents.contains(&"bi.kept".to_owned())),
        "{kept:?}"
    );
}

#[test]
fn a_views_text_is_the_same_under_any_search_path() {
    let (database, mut session) = with_views();
    session.execute("create table s.t as select 1 as a").expect("a table");
    swap(session.as_mut(), Dependents::Refuse, &[point("v", &["a"], "select a from s.t")]).expect("a view");
    session.execute(&format!("alter database {} set search_path = s, public", database.name)).expect("a setting");
    let mut elsewhere = open(config(&database));
    assert_eq!(list(elsewhere.as_mut(), "select a from t"), ["1"], "the setting holds");
    assert_eq!(foreign_objects(elsewhere.as_mut(), &StateId::new("mine"), &[table("v")]).expect("an answer"), []);
}

#[test]
fn a_connection_that_is_ended_loses_what_was_not_committed_and_nothing_else() {
    let (database, mut session) = with_views();
    let end_all = || {
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() \
                   and pid <> pg_backend_pid()";
        list(open(config(&database)).as_mut(), sql);
    };
    let ended = transaction(session.as_mut(), |session| {
        session.execute("create table s.t as select 1 as a")?;
        end_all();
        session.execute("insert into s.t values (2)")
    });
    assert!(matches!(ended, Err(EngineError::Lost { .. })), "{ended:?}");
    assert!(matches!(session.execute("select 1"), Err(EngineError::Lost { .. })));
    let engine = Postgres::new(config(&database), Arc::default());
    let mut after = engine.session().expect("a session");
    assert_eq!(after.columns(&table("t")).expect("an answer"), None);
    // A connection that is kept for later is looked at before it is used again.
    drop(after);
    end_all();
    assert_eq!(list(engine.session().expect("a session").as_mut(), "select a from s.w"), ["1"]);
}

#[test]
fn a_statement_may_take_so_long_and_a_reader_may_not_write() {
    let database = Database::new();
    let timeout = Some(Duration::from_millis(20));
    let mut hurried = open(PostgresConfig { statement_timeout: timeout, ..config(&database) });
    let error = hurried.execute("select pg_sleep(60)").expect_err("too long");
    assert!(matches!(&error, EngineError::Stopped { message, .. } if message.contains("statement timeout")), "{error}");
    let mut reader = open(PostgresConfig { mode: OpenMode::ReadOnly, ..config(&database) });
    let error = reader.execute("create table t (a int)").expect_err("not to be written");
    assert!(error.to_string().contains("read-only"), "{error}");
    assert_eq!(list(reader.as_mut(), "select 1"), ["1"]);
}

#[test]
fn sessions_are_alike_whatever_the_last_one_left() {
    let database = Database::new();
    open(config(&database))
        .execute("create role alike_worker; grant create on schema public to alike_worker")
        .expect("a role");
    let engine =
        Postgres::new(PostgresConfig { role: Some("alike_worker".into()), ..config(&database) }, Arc::default());
    let mut first = engine.session().expect("a session");
    first.execute("set search_path = pg_catalog; create temp table left_over as select 1 as a").expect("statements");
    first.execute("set timezone = 'Asia/Tokyo'; create table public.made as select 1 as a").expect("statements");
    drop(first);
    let mut second = engine.session().expect("a session");
    assert_eq!(list(second.as_mut(), "select current_setting('timezone') || current_user"), ["UTCalike_worker"]);
    assert!(second.execute("select a from left_over").is_err());
    assert_eq!(list(second.as_mut(), "select tableowner from pg_tables where tablename = 'made'"), ["alike_worker"]);
    drop(second);
    let mut admin = open(config(&database));
    admin.execute("drop owned by alike_worker; drop role alike_worker").expect("cleared away");
}

#[test]
fn an_error_names_the_line_of_the_authors_text() {
    let database = Database::new();
    let mut session = open(config(&database));
    let error = session.describe("select 1 as a,\n  nothing as b").expect_err("no such column");
    assert!(
        error.to_string().starts_with("Binder Error: column \"nothing\" does not exist (line 2) [42703]"),
        "{error}"
    );
}

#[test]
fn who_reads_a_view_is_never_the_one_to_give_way() {
    let (database, mut session) = with_views();
    let mut reader = open(config(&database));
    reader.begin().expect("a transaction");
    assert_eq!(list(reader.as_mut(), "select a from s.w"), ["1"]);
    let both = || [point("v", &["a", "b"], "select 2, 'x'"), point("w", &["a"], "select 2")];
    let swapped = swap(session.as_mut(), Dependents::Refuse, &both());
    assert!(matches!(swapped, Err(EngineError::InUseByOthers { .. })), "{swapped:?}");
    assert_eq!(list(reader.as_mut(), "select a from s.v"), ["1"], "it reads on what it began with");
    reader.commit().expect("read");
    swap(session.as_mut(), Dependents::Refuse, &both()).expect("nobody reads any more");
    assert_eq!(list(reader.as_mut(), "select v.a + w.a from s.v, s.w"), ["4"]);
}

/// A run that was taken for dead, and whose transaction goes on: who comes after waits for its end and replaces what it did.
#[test]
fn two_loads_of_one_range_leave_no_row_twice() {
    let (database, mut first) = with_views();
    first.execute("create table s.t (day int)").expect("a table");
    let load = |session: &mut dyn Session, token: u64| -> Result<(), EngineError> {
        fence(session, Some(&Fence { subject: "table s.t".into(), token }))?;
        session.execute("delete from s.t; insert into s.t values (1)").map(drop)
    };
    first.begin().expect("a transaction");
    load(first.as_mut(), 1).expect("loaded");
    let second = std::thread::scope(|scope| {
        let second = scope.spawn(|| transaction(open(config(&database)).as_mut(), |session| load(session, 2)));
        let waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'advisory'";
        let mut watcher = open(config(&database));
        while list(watcher.as_mut(), waiting).is_empty() {}
        first.commit().expect("committed");
        second.join().expect("no panic")
    });
    second.expect("loaded after it");
    assert_eq!(list(first.as_mut(), "select count(*) from s.t"), ["1"]);
    let late = transaction(first.as_mut(), |session| load(session, 1));
    assert_eq!(late, Err(EngineError::Fenced { subject: "table s.t".into() }));
}
