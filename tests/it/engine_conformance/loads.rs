//! How rows come into tables: by interval, by key, from a file.

use offshoot::engine::{Cells, ColumnType, EngineError, Session, transaction};
use offshoot::model::DeclaredColumn;
use offshoot::statement::{Target, TimeColumn, UpsertRule, column_list, quote_table};
use offshoot::time::{Interval, Timestamp};

use super::{Warehouse, names, rows, run, table, with_schema};

fn interval(start: &str, end: &str) -> Interval {
    let moment = |text| Timestamp::parse(text).expect("a moment");
    Interval { start: moment(start), end: moment(end) }
}

/// Loads of one model by intervals, for each way in which a column holds time.
pub(super) fn an_interval_is_replaced_and_leaks_nothing(warehouse: &Warehouse) {
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

pub(super) fn an_upsert_replaces_rows_by_key_also_null(warehouse: &Warehouse) {
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

pub(super) fn a_key_that_comes_twice_is_named(warehouse: &Warehouse) {
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

pub(super) fn merges_take_authors_clauses(warehouse: &Warehouse) {
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

pub(super) fn seeds_keep_nulls_dates_and_decimals(warehouse: &Warehouse) {
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

pub(super) fn a_cell_that_does_not_fit_is_named(warehouse: &Warehouse) {
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
