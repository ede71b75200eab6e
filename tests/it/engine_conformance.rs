//! What every engine must do. A case takes any [`Engine`] on an empty warehouse; `conformance!` runs all of them on one.

mod ownership;
mod tables;

use std::ops::ControlFlow;
use std::sync::Arc;

use offshoot::engine::{
    Cells, ColumnType, Engine, EngineError, ObjectKind, Rest, RowSink, Session, claim, owned_objects, record_object,
    transaction,
};
use offshoot::ids::{StateId, TableName};
use offshoot::model::DeclaredColumn;
use offshoot::sql::Dialect;
use offshoot::statement::{
    Parent, Target, TimeColumn, UpsertRule, column_list, quote_identifier, quote_table, with_parents,
};
use offshoot::time::{Interval, Timestamp};

use self::ownership::{
    a_warehouse_has_one_owner, changed_views_are_foreign, foreign_objects_are_found_and_set_aside,
    promotions_are_remembered, record_of, schemas_with_content_stay,
    views_and_macros_are_told_with_their_texts_whoever_made_them, views_swap_together,
    what_stands_under_a_name_is_told,
};
use self::tables::{
    a_full_table_is_made_and_replaced_whole, a_made_table_tells_its_rows, output_names_are_ours_not_the_engines,
    rows_are_appended_as_they_are, the_columns_of_many_tables_are_told_as_of_each,
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
            sessions_share_no_temporary_objects,
            a_warehouse_has_one_owner,
            what_stands_under_a_name_is_told,
            views_and_macros_are_told_with_their_texts_whoever_made_them,
            foreign_objects_are_found_and_set_aside,
            changed_views_are_foreign,
            views_swap_together,
            promotions_are_remembered,
            schemas_with_content_stay,
        );
    };
}

#[cfg(feature = "duckdb")]
conforms!(duckdb_file, crate::engine_duckdb::in_a_file());
#[cfg(feature = "duckdb")]
conforms!(duckdb_memory, crate::engine_duckdb::in_memory());
conforms!(postgres, crate::engine_postgres::warehouse());

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

fn interval(start: &str, end: &str) -> Interval {
    let moment = |text| Timestamp::parse(text).expect("a moment");
    Interval { start: moment(start), end: moment(end) }
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

/// Loads of one model by intervals, for each way in which a column holds time.
fn an_interval_is_replaced_and_leaks_nothing(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    let cases = [
        ("d", "DATE", "cast(happened as date)", "%Y-%m-%d"),
        ("ts", "TIMESTAMP", "happened", "%Y-%m-%d"),
        ("tz", "TIMESTAMPTZ", "cast(happened as timestamptz)", "%Y-%m-%d"),
        (
            "n",
            "INTEGER",
            "cast(extract(year from happened) * 10000 + 100 + extract(day from happened) as integer)",
            "%Y%m%d",
        ),
        ("x", "VARCHAR", "cast(cast(happened as date) as varchar)", "%Y-%m-%d"),
    ];
    for (name, data_type, expression, format) in cases {
        let (name, columns) = (table(name), names(&["v", "Moment"]));
        let target = Target { dialect: session.dialect(), table: &name, columns: &columns };
        let source = |value: u32| {
            let moments = ["2026-01-01 00:00:00", "2026-01-02 23:59:59.999", "2026-01-03 00:00:00"];
            let rows = moments.map(|at| format!("select {value} as v, timestamp '{at}' as happened"));
            format!("select v, {expression} from ({}) as src", rows.join(" union all "))
        };
        run(&mut *session, &[target.create_empty(&source(0))]);
        let time = TimeColumn { name: "Moment", data_type, format };
        let counts = format!("select v, count(*) from {} group by v order by v", quote_table(target.dialect, &name));
        let load = |value, start, end| target.load_interval(&source(value), time, interval(start, end)).expect("sql");
        run(&mut *session, &load(1, "2026-01-01", "2026-01-03"));
        assert_eq!(rows(&mut *session, &counts), ["1|2"], "{data_type}: the third day is not in the interval");
        run(&mut *session, &load(1, "2026-01-03", "2026-01-04"));
        assert_eq!(rows(&mut *session, &counts), ["1|3"], "{data_type}: the next interval adds its row");
        run(&mut *session, &load(2, "2026-01-02", "2026-01-03"));
        assert_eq!(rows(&mut *session, &counts), ["1|2", "2|1"], "{data_type}: only the second day is replaced");
        run(&mut *session, &load(2, "2026-01-02", "2026-01-03"));
        assert_eq!(rows(&mut *session, &counts), ["1|2", "2|1"], "{data_type}: again changes nothing");
    }
}

fn upsert(session: &mut dyn Session, query: &str, rule: &UpsertRule<'_>) -> Result<(), String> {
    let (name, columns) = (table("u"), names(&["id", "part", "v"]));
    let target = Target { dialect: session.dialect(), table: &name, columns: &columns };
    let upsert = target.upsert(query, rule).expect("statements");
    transaction(session, |session| {
        upsert.stage.iter().try_for_each(|statement| session.execute(statement).map(drop))?;
        if let Some(row) = session.query(&upsert.duplicates)?.rows.first() {
            return Ok(Err(upsert.duplicate(row)));
        }
        upsert.apply.iter().try_for_each(|statement| session.execute(statement).map(drop))?;
        session.execute(&upsert.clean)?;
        Ok::<_, EngineError>(Ok(()))
    })
    .expect("an upsert")
}

fn keyed(session: &mut dyn Session) {
    let (name, columns) = (table("u"), names(&["id", "part", "v"]));
    let target = Target { dialect: session.dialect(), table: &name, columns: &columns };
    let empty = "select cast(1 as integer), cast('a' as varchar), cast(1 as integer)";
    run(session, &[target.create_empty(empty)]);
}

const CONTENT: &str = "select id, part, v from s.u order by id nulls last, part nulls last";

fn an_upsert_replaces_rows_by_key_also_null(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    keyed(&mut *session);
    let keys = ["id".to_owned(), "Part".to_owned()];
    let rule = UpsertRule { unique_key: &keys, when_matched: None, merge_filter: None };
    let first = "select 1, 'a', 10 union all select 2, null, 20 union all select null, null, 30";
    upsert(&mut *session, first, &rule).expect("no key twice");
    assert_eq!(rows(&mut *session, CONTENT), ["1|a|10", "2|NULL|20", "NULL|NULL|30"]);
    let second = "select 2, null, 21 union all select null, null, 31 union all select 1, 'b', 11";
    upsert(&mut *session, second, &rule).expect("no key twice");
    assert_eq!(rows(&mut *session, CONTENT), ["1|a|10", "1|b|11", "2|NULL|21", "NULL|NULL|31"]);
}

fn a_key_that_comes_twice_is_named(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    keyed(&mut *session);
    let keys = ["id".to_owned(), "coalesce(part, '-')".to_owned()];
    let rule = UpsertRule { unique_key: &keys, when_matched: None, merge_filter: None };
    let query = "select 7, null, 1 union all select 7, '-', 2 union all select 8, 'x', 3";
    let message = upsert(&mut *session, query, &rule).expect_err("a key twice");
    assert!(
        message.contains("comes 2 times in one load where id = \"7\" and coalesce(part, '-') = \"-\""),
        "{message}"
    );
    assert_eq!(rows(&mut *session, CONTENT), Vec::<String>::new());
}

fn merges_take_authors_clauses(warehouse: &Warehouse) {
    if !warehouse.engine.capabilities().merge.is_yes() {
        return;
    }
    let mut session = with_schema(warehouse);
    keyed(&mut *session);
    let keys = ["id".to_owned()];
    let rule = UpsertRule {
        unique_key: &keys,
        when_matched: Some(
            "(WHEN MATCHED AND source.v < 0 THEN DELETE \
             WHEN MATCHED THEN UPDATE SET target.v = source.v + target.v, target.part = COALESCE(source.part, target.part))",
        ),
        merge_filter: None,
    };
    upsert(&mut *session, "select 1, 'a', 10 union all select 2, 'b', 20", &rule).expect("no key twice");
    upsert(&mut *session, "select 1, null, 5 union all select 2, 'c', -1 union all select 3, 'd', 1", &rule)
        .expect("no key twice");
    assert_eq!(rows(&mut *session, CONTENT), ["1|a|15", "3|d|1"]);
    let rule = UpsertRule { unique_key: &keys, when_matched: None, merge_filter: Some("source.v > target.v") };
    upsert(&mut *session, "select 3, 'e', 2", &rule).expect("no key twice");
    assert_eq!(rows(&mut *session, CONTENT), ["1|a|15", "3|e|2"]);
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

fn load(session: &mut dyn Session, columns: &[ColumnType], data: &[&[Option<&str>]]) -> Result<u64, EngineError> {
    let name = table("seed");
    let declared: Vec<DeclaredColumn> = columns
        .iter()
        .map(|column| DeclaredColumn { name: column.name.clone(), data_type: Some(column.data_type.clone()) })
        .collect();
    let target = Target { dialect: session.dialect(), table: &name, columns: &declared };
    let create = target.create_typed().expect("a statement");
    let cells = |row: &&[Option<&str>]| Ok(row.iter().map(|cell| cell.map(str::to_owned)).collect::<Cells>());
    let mut source = data.iter().map(cells);
    transaction(session, |session| {
        session.execute(&create)?;
        session.load(&name, columns, &mut source)
    })
}

fn seeds_keep_nulls_dates_and_decimals(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    let columns = [
        ColumnType::new("id", "INTEGER"),
        ColumnType::new("Day", "DATE"),
        ColumnType::new("price", "DECIMAL(12,3)"),
        ColumnType::new("note", "VARCHAR"),
        ColumnType::new("ok", "BOOLEAN"),
    ];
    let data: [&[Option<&str>]; 3] = [
        &[Some("1"), Some("2026-01-31"), Some("12345678.901"), Some("it's, \"x\"\n;--"), Some("true")],
        &[Some("2"), None, None, Some(""), None],
        &[None, Some("1999-12-31"), Some("-0.5"), None, Some("false")],
    ];
    assert_eq!(load(&mut *session, &columns, &data).expect("a load"), 3);
    let listed = column_list(session.dialect(), columns.iter().map(|column| column.name.as_str()));
    assert_eq!(
        rows(&mut *session, &format!("select {listed} from s.seed order by id nulls last")),
        ["1|2026-01-31|12345678.901|it's, \"x\"\n;--|true", "2|NULL|NULL||NULL", "NULL|1999-12-31|-0.500|NULL|false"]
    );
}

fn a_cell_that_does_not_fit_is_named(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    let columns = [ColumnType::new("a", "INTEGER"), ColumnType::new("b", "DATE")];
    let data: [&[Option<&str>]; 2] = [&[Some("1"), Some("2026-01-31")], &[Some("2"), Some("2026-02-31")]];
    let error = load(&mut *session, &columns, &data).expect_err("no such day");
    let EngineError::Load { row, column, message, .. } = &error else { panic!("{error}") };
    assert_eq!((*row, column.as_deref()), (2, Some("b")));
    assert!(message.contains("2026-02-31"), "{message}");
    let short: [&[Option<&str>]; 1] = [&[Some("1")]];
    let error = load(&mut *session, &columns, &short).expect_err("a cell too few");
    assert!(matches!(error, EngineError::Load { row: 1, column: None, .. }), "{error}");
    assert_eq!(session.objects(None, "s").expect("an answer"), []);
}

fn parents_without_tables_become_ctes(warehouse: &Warehouse) {
    let mut session = warehouse.session();
    let parent = |name: &str, query: &str| Parent { name: name.into(), columns: Vec::new(), query: query.into() };
    let parents = [parent("p", "select 1 as a -- one"), parent("Q 2", "select a + 1 as a from p")];
    let queries = [
        ("select a from p union all select a from \"Q 2\"", vec!["1", "2"]),
        ("with x as (select a from \"Q 2\") select x.a from x join p on p.a < x.a", vec!["2"]),
        ("(select a from p) union all (with y as (select 5 as a) select a from y) order by a desc", vec!["5", "1"]),
        (
            "/* with */ WITH RECURSIVE r(n) as (select a from p union all select n + 1 from r where n < 3) select n from r",
            { vec!["1", "2", "3"] },
        ),
        ("values (1), (2)", vec!["1", "2"]),
    ];
    for (query, expected) in queries {
        let sql = with_parents(session.dialect(), query, &parents);
        assert_eq!(rows(&mut *session, &sql), expected, "{sql}");
    }
}

fn a_running_query_is_cancelled(warehouse: &Warehouse) {
    if !warehouse.engine.capabilities().cancel.is_yes() {
        return;
    }
    struct Cancels(Arc<dyn offshoot::engine::Interrupter>, u64);
    impl RowSink for Cancels {
        fn columns(&mut self, _: Vec<ColumnType>) {}

        fn row(&mut self, _: Cells) -> ControlFlow<()> {
            self.1 += 1;
            if self.1 == 1 {
                let interrupter = Arc::clone(&self.0);
                std::thread::spawn(move || interrupter.interrupt()).join().expect("an interrupt");
            }
            ControlFlow::Continue(())
        }
    }
    let endless = "with recursive r(n) as (select 1 union all select n + 1 from r) select count(*) from r";
    let long = "select a.n from generate_series(1, 100000) as a(n), generate_series(1, 100000) as b(n)";
    let mut session = warehouse.session();
    let mut sink = Cancels(session.interrupter(), 0);
    let ended = session.stream(long, &mut sink);
    assert!(matches!(ended, Err(EngineError::Interrupted { .. })), "{ended:?}");
    assert!(sink.1 < 10_000_000_000, "it ended before all rows");

    let mut session = with_schema(warehouse);
    session.begin().expect("a transaction");
    session.execute("create table s.t as select 1 as a").expect("a table");
    let interrupter = session.interrupter();
    let ended = std::thread::scope(|scope| {
        let running = scope.spawn(|| session.execute(&format!("create table s.u as {endless}")));
        interrupter.interrupt();
        running.join().expect("no panic")
    });
    assert!(matches!(ended, Err(EngineError::Interrupted { .. })), "{ended:?}");
    assert!(matches!(session.commit(), Err(EngineError::Interrupted { .. })), "what was stopped is not committed");
    session.rollback().expect("undone");
    assert_eq!(warehouse.session().objects(None, "s").expect("an answer"), []);
}

fn rows_come_one_at_a_time(warehouse: &Warehouse) {
    let mut session = warehouse.session();
    // PostgreSQL would keep all rows of a function in FROM before it gives the first.
    let endless = warehouse.either(
        "select n from generate_series(1, 1000000000000) as s(n) -- the end",
        "select generate_series(1, 1000000000000) as n -- the end",
    );
    let found = session.query_first(endless, 3).expect("three rows");
    assert_eq!(found.rows, ["1", "2", "3"].map(|text| vec![Some(text.to_owned())]));
    assert_eq!(found.rest, Rest::More);
    let found = session.query_first("select 1 as a, 2 as a, null as b where 1 = 1;", 1).expect("a row");
    assert_eq!((found.rest, found.rows), (Rest::None, vec![vec![Some("1".into()), Some("2".into()), None]]));
    let named: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(named, ["a", "a", "b"]);
    let described = session.describe("select 1 as a, 2 as a, null as b").expect("columns");
    assert_eq!(described, found.columns);
    let sorted = "select n from (values (2), (3), (1)) as v(n) order by n desc";
    assert_eq!(rows(&mut *session, sorted), ["3", "2", "1"]);
    let error = session.query("select no_such from nowhere").expect_err("no such table");
    assert!(error.to_string().contains("nowhere"), "{error}");
}

fn sessions_share_no_temporary_objects(warehouse: &Warehouse) {
    let (mut one, mut other) = (with_schema(warehouse), warehouse.session());
    one.execute("create table s.t as select 1 as a; create temporary table t as select 2 as a").expect("tables");
    assert!(other.query("select a from t").is_err());
    assert_eq!(one.objects(None, "s").expect("an answer").len(), 1);
}
