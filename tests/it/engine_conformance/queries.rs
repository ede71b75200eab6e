//! How rows come out, and what one session keeps from another.

use std::ops::ControlFlow;
use std::sync::Arc;

use offshoot::engine::{Cells, ColumnType, EngineError, Rest, RowSink};
use offshoot::statement::{Parent, with_parents};

use super::{Warehouse, rows, with_schema};

pub(super) fn parents_without_tables_become_ctes(warehouse: &Warehouse) {
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

pub(super) fn a_running_query_is_cancelled(warehouse: &Warehouse) {
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

pub(super) fn rows_come_one_at_a_time(warehouse: &Warehouse) {
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

pub(super) fn sessions_share_no_temporary_objects(warehouse: &Warehouse) {
    let (mut one, mut other) = (with_schema(warehouse), warehouse.session());
    one.execute("create table s.t as select 1 as a; create temporary table t as select 2 as a").expect("tables");
    assert!(other.query("select a from t").is_err());
    assert_eq!(one.objects(None, "s").expect("an answer").len(), 1);
}
