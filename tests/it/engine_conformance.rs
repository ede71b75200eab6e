//! What every engine must do. A case takes any [`Engine`] on an empty warehouse; `conformance!` runs all of them on one.

mod audits;
mod loads;
mod ownership;
mod queries;
mod tables;

use offshoot::engine::{Engine, EngineError, ObjectKind, Session, claim, owned_objects, record_object, transaction};
use offshoot::ids::{StateId, TableName};
use offshoot::model::DeclaredColumn;
use offshoot::sql::Dialect;
use offshoot::statement::{Target, quote_identifier, quote_table};

use self::audits::audits_count_the_rows_that_fail;
use self::loads::{
    a_cell_that_does_not_fit_is_named, a_key_that_comes_twice_is_named, an_interval_is_replaced_and_leaks_nothing,
    an_upsert_replaces_rows_by_key_also_null, merges_take_authors_clauses, seeds_keep_nulls_dates_and_decimals,
};
use self::ownership::{
    a_warehouse_has_one_owner, changed_views_are_foreign, foreign_objects_are_found_and_set_aside,
    promotions_are_remembered, record_of, schemas_with_content_stay,
    views_and_macros_are_told_with_their_texts_whoever_made_them, views_swap_together,
    what_stands_under_a_name_is_told, who_comes_after_keeps_out_who_was_before,
};
use self::queries::{
    a_running_query_is_cancelled, parents_without_tables_become_ctes, rows_come_one_at_a_time,
    sessions_share_no_temporary_objects,
};
use self::tables::{
    a_full_table_is_made_and_replaced_whole, a_made_table_tells_its_rows, a_shape_is_what_the_table_gets,
    output_names_are_ours_not_the_engines, rows_are_appended_as_they_are,
    the_columns_of_many_tables_are_told_as_of_each,
};

/// An engine on a warehouse of its own.
pub(crate) struct Warehouse {
    pub(crate) engine: Box<dyn Engine>,
    /// Holds what goes when the test ends.
    pub(crate) _place: Place,
}

/// Where a warehouse is; it goes with this value.
pub(crate) enum Place {
    Memory,
    #[expect(dead_code, reason = "held until the test ends")]
    Folder(tempfile::TempDir),
    #[expect(dead_code, reason = "held until the test ends")]
    Server(crate::postgres::Database),
}

impl Warehouse {
    /// What is written one way for DuckDB and another for PostgreSQL.
    fn either<'a>(&self, duckdb: &'a str, postgres: &'a str) -> &'a str {
        match self.engine.dialect() {
            Dialect::Postgres => postgres,
            _ => duckdb,
        }
    }

    fn session(&self) -> Box<dyn Session> {
        self.engine.session().expect("a session")
    }
}

macro_rules! conformance {
    ($engine:ident, $open:expr, $($case:ident),+ $(,)?) => {
        mod $engine {
            $(#[test] fn $case() { super::$case(&$open) })+
        }
    };
}

macro_rules! conforms {
    ($engine:ident, $open:expr) => {
        conformance!(
            $engine,
            $open,
            a_full_table_is_made_and_replaced_whole,
            a_made_table_tells_its_rows,
            the_columns_of_many_tables_are_told_as_of_each,
            rows_are_appended_as_they_are,
            output_names_are_ours_not_the_engines,
            declared_types_are_picked_by_name,
            ddl_is_invisible_until_commit,
            a_failed_transaction_leaves_nothing,
            asking_for_a_missing_table_ends_no_transaction,
            an_uncommitted_session_leaves_nothing,
            eight_sessions_build_at_once,
            an_interval_is_replaced_and_leaks_nothing,
            an_upsert_replaces_rows_by_key_also_null,
            a_key_that_comes_twice_is_named,
            merges_take_authors_clauses,
            hostile_names_stay_names,
            seeds_keep_nulls_dates_and_decimals,
            a_cell_that_does_not_fit_is_named,
            parents_without_tables_become_ctes,
            a_running_query_is_cancelled,
            rows_come_one_at_a_time,
            a_warehouse_has_one_owner,
            what_stands_under_a_name_is_told,
            views_and_macros_are_told_with_their_texts_whoever_made_them,
            foreign_objects_are_found_and_set_aside,
            changed_views_are_foreign,
            views_swap_together,
            promotions_are_remembered,
            who_comes_after_keeps_out_who_was_before,
            a_shape_is_what_the_table_gets,
            schemas_with_content_stay,
            audits_count_the_rows_that_fail,
        );
    };
}

#[cfg(feature = "duckdb")]
conforms!(duckdb_file, crate::engine_duckdb::in_a_file());
#[cfg(feature = "duckdb")]
conforms!(duckdb_memory, crate::engine_duckdb::in_memory());
conforms!(postgres, crate::engine_postgres::warehouse());
conforms!(postgres_behind_a_pooler, crate::pooler::warehouse());

// Where a session is a connection; behind a pooler it is none.
#[cfg(feature = "duckdb")]
conformance!(duckdb_file_sessions, crate::engine_duckdb::in_a_file(), sessions_share_no_temporary_objects);
#[cfg(feature = "duckdb")]
conformance!(duckdb_memory_sessions, crate::engine_duckdb::in_memory(), sessions_share_no_temporary_objects);
conformance!(postgres_sessions, crate::engine_postgres::warehouse(), sessions_share_no_temporary_objects);

fn table(name: &str) -> TableName {
    TableName { catalog: None, schema: "s".into(), name: name.into() }
}

fn names(names: &[&str]) -> Vec<DeclaredColumn> {
    names.iter().map(|name| DeclaredColumn { name: (*name).into(), data_type: None }).collect()
}

fn with_schema(warehouse: &Warehouse) -> Box<dyn Session> {
    let mut session = warehouse.session();
    session.create_schema_if_missing(None, "s").expect("a schema");
    session
}

fn run(session: &mut dyn Session, statements: &[String]) {
    transaction(session, |session| statements.iter().try_for_each(|statement| session.execute(statement).map(drop)))
        .expect("statements that run");
}

/// Rows as text, cells with `|` between them.
fn rows(session: &mut dyn Session, sql: &str) -> Vec<String> {
    let rows = session.query(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).rows;
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "NULL".into());
    rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join("|")).collect()
}

fn declared_types_are_picked_by_name(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    let declared =
        |name: &str, data_type: &str| DeclaredColumn { name: name.into(), data_type: Some(data_type.into()) };
    let (name, columns) = (table("t"), [declared("a", "DECIMAL(9,2)"), declared("b", "VARCHAR")]);
    let target = Target { dialect: session.dialect(), table: &name, columns: &columns };
    run(&mut *session, &[target.create("select 7 as b, 1 as a")]);
    assert_eq!(rows(&mut *session, "select * from s.t"), ["1.00|7"]);
}

fn ddl_is_invisible_until_commit(warehouse: &Warehouse) {
    if !warehouse.engine.capabilities().transactional_ddl.is_yes() {
        return;
    }
    let (mut writer, mut reader) = (with_schema(warehouse), warehouse.session());
    writer.begin().expect("a transaction");
    writer.execute("create table s.t as select 1 as a").expect("a table");
    writer.execute("create view s.v as select a from s.t").expect("a view");
    assert_eq!(reader.objects(None, "s").expect("an answer"), []);
    writer.commit().expect("a commit");
    let found = reader.objects(None, "s").expect("an answer");
    let found: Vec<_> = found.iter().map(|object| (object.name.name.as_str(), object.kind)).collect();
    assert_eq!(found, [("t", ObjectKind::Table), ("v", ObjectKind::View)]);
}

fn a_failed_transaction_leaves_nothing(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    let failed = transaction(&mut *session, |session| {
        session.execute("create table s.t as select 1 as a")?;
        session.execute("insert into s.t select no_such_column from s.t")
    });
    assert!(matches!(failed, Err(EngineError::Statement { .. })), "{failed:?}");
    assert_eq!(session.objects(None, "s").expect("an answer"), []);
    run(&mut *session, &["create table s.t as select 2 as a".to_owned()]);
    assert_eq!(rows(&mut *session, "select a from s.t"), ["2"]);
}

fn asking_for_a_missing_table_ends_no_transaction(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    let asked = transaction(&mut *session, |session| {
        session.execute("create table s.t as select cast(1 as decimal(9, 2)) as a, array[1] as b, 'x' as \"C d\"")?;
        assert_eq!(session.columns(&table("absent"))?, None);
        let nowhere = TableName { schema: "no_such_schema".into(), ..table("t") };
        assert_eq!(session.columns(&nowhere)?, None);
        session.columns(&TableName { name: warehouse.either("T", "t").into(), ..table("t") })
    });
    let columns = asked.expect("a commit").expect("columns");
    let told: Vec<_> = columns.iter().map(|column| (column.name.as_str(), column.data_type.as_str())).collect();
    let [number, list, text] = [("DECIMAL(9,2)", "numeric(9,2)"), ("INTEGER[]", "integer[]"), ("VARCHAR", "text")]
        .map(|(duckdb, postgres)| warehouse.either(duckdb, postgres));
    assert_eq!(told, [("a", number), ("b", list), ("C d", text)]);
    assert_eq!(rows(&mut *session, "select a from s.t"), ["1.00"]);
}

fn an_uncommitted_session_leaves_nothing(warehouse: &Warehouse) {
    let (mut writer, mut reader) = (with_schema(warehouse), warehouse.session());
    writer.begin().expect("a transaction");
    writer.execute("create table s.t as select 1 as a").expect("a table");
    drop(writer);
    assert_eq!(reader.objects(None, "s").expect("an answer"), []);
}

fn eight_sessions_build_at_once(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    claim(&mut *session, &StateId::new("one")).expect("ours");
    std::thread::scope(|scope| {
        for worker in 0..8 {
            scope.spawn(move || {
                let mut session = warehouse.session();
                for turn in 0..4 {
                    let name = table(&format!("t_{worker}_{turn}"));
                    let columns = names(&["a"]);
                    let target = Target { dialect: session.dialect(), table: &name, columns: &columns };
                    let record = record_of(&name);
                    transaction(&mut *session, |session| {
                        session.execute(&target.create(&format!("select {worker} * 10 + {turn}")))?;
                        record_object(session, &StateId::new("one"), &[record])
                    })
                    .expect("a table and its record");
                }
            });
        }
    });
    assert_eq!(session.objects(None, "s").expect("an answer").len(), 32);
    assert_eq!(owned_objects(&mut *session, &StateId::new("one")).expect("records").len(), 32);
    assert_eq!(rows(&mut *session, "select a from s.t_7_3"), ["73"]);
}

fn hostile_names_stay_names(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    session.execute("create table s.x as select 1 as a").expect("a table that must survive");
    for hostile in ["\"; drop table s.x; --", "Ünïcode 表 🦆", "a.b'c`d]e\\", "select", " ", "$1 ? :x @y"] {
        let name = TableName { catalog: None, schema: hostile.into(), name: hostile.into() };
        let columns = names(&[hostile, "b"]);
        let target = Target { dialect: session.dialect(), table: &name, columns: &columns };
        session.create_schema_if_missing(None, hostile).expect("a schema");
        run(&mut *session, &[target.create("select 1, 2")]);
        let sql = format!(
            "select {} from {}",
            quote_identifier(session.dialect(), hostile),
            quote_table(session.dialect(), &name)
        );
        assert_eq!(rows(&mut *session, &sql), ["1"]);
        let found = session.columns(&name).expect("an answer").expect("columns");
        assert_eq!(found[0].name, hostile);
        let objects = session.objects(None, hostile).expect("an answer");
        assert_eq!(objects.iter().map(|object| &object.name).collect::<Vec<_>>(), [&name]);
    }
    assert_eq!(rows(&mut *session, "select a from s.x"), ["1"]);
}
