//! What is asked and told about many tables at once, because apply asks it of a thousand.

use offshoot::engine::Cells;
use offshoot::ids::TableName;
use offshoot::statement::{Target, quote_table};

use super::{Warehouse, names, rows, table, with_schema};

pub(super) fn a_made_table_tells_its_rows(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    for expected in [0_u64, 1, 5_000] {
        let query = format!("select i, 'x' as b from range({expected}) as t(i) order by i desc");
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
