//! How tables are made, and what is told about them, also of many at once, because apply asks it of a thousand.

use offshoot::engine::Cells;
use offshoot::ids::TableName;
use offshoot::model::DeclaredColumn;
use offshoot::statement::{Target, quote_table};

use super::{Warehouse, names, rows, run, table, with_schema};

pub(super) fn a_full_table_is_made_and_replaced_whole(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    let (name, columns) = (table("t"), names(&["a", "b"]));
    let target = Target { dialect: session.dialect(), table: &name, columns: &columns };
    run(&mut *session, &[target.create("select 1, 'x' union all select 2, 'y' -- the end")]);
    assert_eq!(rows(&mut *session, "select a, b from s.t order by a"), ["1|x", "2|y"]);
    run(&mut *session, &[target.drop_table(), target.create("select 3, 'z'")]);
    assert_eq!(rows(&mut *session, "select a, b from s.t"), ["3|z"]);
    run(&mut *session, &target.refill("select 4, 'w'").expect("statements"));
    assert_eq!(rows(&mut *session, "select a, b from s.t"), ["4|w"]);
    run(&mut *session, &[target.drop_table()]);
    assert_eq!(session.columns(&name).expect("an answer"), None);
}

pub(super) fn output_names_are_ours_not_the_engines(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    session.execute("create table s.phys__abc as select 5 as a").expect("a table");
    let (name, columns) = (table("t"), names(&["(SELECT max(a) FROM m)", "Id"]));
    let target = Target { dialect: session.dialect(), table: &name, columns: &columns };
    run(&mut *session, &[target.create("select (select max(a) from s.phys__abc), 2 as id")]);
    let found = session.columns(&name).expect("an answer").expect("columns");
    let found: Vec<&str> = found.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(found, ["(SELECT max(a) FROM m)", "Id"]);
}

pub(super) fn a_made_table_tells_its_rows(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    for expected in [0_u64, 1, 5_000] {
        let query = format!("select i, 'x' as b from generate_series(1, {expected}) as t(i) order by i desc");
        let (name, columns) = (table(&format!("t_{expected}")), names(&["a", "b"]));
        let target = Target { dialect: session.dialect(), table: &name, columns: &columns };
        assert_eq!(session.execute(&target.create(&query)).expect("a table"), expected);
        assert_eq!(rows(&mut *session, &format!("select count(*) from s.t_{expected}")), [expected.to_string()]);
    }
    assert_eq!(session.execute("create table s.empty (a integer)").expect("a table"), 0);
    assert_eq!(session.execute("create view s.v as select 7 as a").expect("a view"), 0);
}

pub(super) fn the_columns_of_many_tables_are_told_as_of_each(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    let tables: Vec<TableName> = (0..70).map(|number| table(&format!("it's \"{number}\""))).collect();
    for (number, name) in tables.iter().enumerate() {
        let columns: Vec<String> = (0..=number % 5).rev().map(|place| format!("'x' as \"c {place}\"")).collect();
        let name = quote_table(session.dialect(), name);
        session
            .execute(&format!("create table {name} as select {number} as n, {}", columns.join(", ")))
            .expect("a table");
    }
    let each: Vec<_> = tables.iter().map(|name| session.columns(name).expect("an answer")).collect();
    assert!(each.iter().all(Option::is_some));
    assert_eq!(session.columns_of(&tables).expect("an answer"), each);
    // One that is not there takes nothing from the others, nor from the transaction.
    session.begin().expect("a transaction");
    let asked = session.columns_of(&[tables[0].clone(), table("absent"), tables[1].clone()]).expect("an answer");
    assert_eq!(asked, [each[0].clone(), None, each[1].clone()]);
    session.execute("create table s.after as select 1 as a").expect("a table");
    session.commit().expect("a commit");
    assert_eq!(session.columns_of(&[]).expect("an answer"), []);
}

pub(super) fn rows_are_appended_as_they_are(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    session.execute("create table s.t (a text, n bigint, b text)").expect("a table");
    let cell = |text: &str| Some(text.to_owned());
    let given = [vec![cell("it's"), cell("-7")], vec![cell(""), None], vec![None, cell("9000000000")]];
    session.begin().expect("a transaction");
    session.append(&table("t"), &["b", "n"], &given).expect("rows");
    session.rollback().expect("undone");
    session.append(&table("t"), &["b", "n"], &given).expect("rows");
    let sql = "select a, b, n from s.t";
    let found = session.query(sql).expect("rows").rows;
    let expected: Vec<Cells> = given.iter().map(|row| vec![None, row[0].clone(), row[1].clone()]).collect();
    assert_eq!(found, expected);
    assert!(session.append(&table("absent"), &["b"], &[vec![cell("x")]]).is_err());
}

pub(super) fn a_shape_is_what_the_table_gets(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    let typed = |name: &str, data_type: &str| DeclaredColumn { name: name.into(), data_type: Some(data_type.into()) };
    let query = "select cast(1 as decimal(9, 2)) as a, 'x' as b, cast('y' as varchar) as c, null as d";
    let lists = [names(&["A b", "it's", "c", "d"]), vec![typed("c", "varchar(7)"), typed("a", "integer")]];
    for (number, columns) in lists.iter().enumerate() {
        let name = table(&format!("t_{number}"));
        let target = Target { dialect: session.dialect(), table: &name, columns };
        run(&mut *session, &[target.create(query)]);
        let made = session.columns(&name).expect("an answer").expect("columns");
        assert_eq!(session.describe(&target.shape(query)).expect("columns"), made);
        run(&mut *session, &[target.drop_table(), target.create_empty(query)]);
        assert_eq!(session.columns(&name).expect("an answer"), Some(made));
    }
    let (name, columns) = (table("seed"), [typed("a", "INTEGER"), typed("B c", "DECIMAL(12,3)"), typed("d", "DATE")]);
    let target = Target { dialect: session.dialect(), table: &name, columns: &columns };
    run(&mut *session, &[target.create_typed().expect("a statement")]);
    let shape = session.describe(&target.typed_shape().expect("a query")).expect("columns");
    assert_eq!(session.columns(&name).expect("an answer"), Some(shape));
}
