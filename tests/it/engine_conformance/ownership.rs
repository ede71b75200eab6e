//! What the warehouse knows about itself: owner, objects, promotions; and views that swap together.

use std::collections::BTreeMap;

use offshoot::engine::{
    Dependents, EngineError, Fence, Foreign, ObjectKind, ObjectRecord, OwnedObject, Owner, Promotion, ReaderKind,
    Session, Shows, Standing, ViewChange, claim, fence, foreign_objects, last_promotion, owned_objects, owner,
    record_new_object, record_object, record_promotion, standing, swap_views, take_over, transaction,
};
use offshoot::hash::Digest;
use offshoot::ids::{CommitId, EnvironmentName, ModelName, PlanId, ProjectName, StateId, TableName};
use offshoot::sql::Dialect;
use offshoot::statement::pointer_query;
use offshoot::time::Timestamp;

use super::{Warehouse, rows, table, with_schema};

pub(super) fn state(name: &str) -> StateId {
    StateId::new(name)
}

fn model(name: &str) -> ModelName {
    ModelName::parse(name).expect("a name")
}

pub(super) fn record_of(name: &TableName) -> ObjectRecord {
    ObjectRecord {
        project: ProjectName::new("shop"),
        name: name.clone(),
        model: model("s.m"),
        object: OwnedObject::Table { data_fingerprint: Digest::of("test", &name.name), added_at: None },
    }
}

fn prod(state: &str) -> Owner {
    Owner {
        state: StateId::new(state),
        project: ProjectName::new("shop"),
        environment: EnvironmentName::prod(),
        dependents: Dependents::Refuse,
    }
}

fn point(view: &str, query: &str) -> ViewChange {
    let (view, columns) = (table(view), vec!["a".into()]);
    ViewChange::Point {
        view,
        model: model("s.m"),
        columns,
        query: query.into(),
        shows: Shows::Query,
        comments: Vec::new(),
        on_update: Vec::new(),
    }
}

pub(super) fn a_warehouse_has_one_owner(warehouse: &Warehouse) {
    let mut session = warehouse.session();
    assert_eq!(owner(&mut *session).expect("an answer"), None);
    assert_eq!(owned_objects(&mut *session, &state("mine")).expect("an answer"), []);
    transaction(&mut *session, |session| claim(session, &state("mine"))).expect("ours");
    claim(&mut *session, &state("mine")).expect("still ours");
    let error = claim(&mut *session, &state("theirs")).expect_err("not theirs");
    assert_eq!(error, EngineError::ForeignState { ours: state("theirs"), theirs: state("mine") });
    let fingerprint = Digest::of("test", "u");
    let added = OwnedObject::Table { data_fingerprint: fingerprint, added_at: Some(Timestamp(1_700_000_000_000)) };
    let records = [
        record_of(&table("t")),
        ObjectRecord { object: added, ..record_of(&TableName { catalog: Some("c".into()), ..table("u") }) },
    ];
    record_object(&mut *session, &state("mine"), &records).expect("a record");
    record_object(&mut *session, &state("mine"), &records).expect("the same record");
    assert_eq!(owned_objects(&mut *session, &state("mine")).expect("records").len(), 2);
    assert!(owned_objects(&mut *session, &state("mine")).expect("records").contains(&records[1]));
}

pub(super) fn what_stands_under_a_name_is_told(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    let wanted = [table("ours"), table("gone"), table("theirs"), table("absent")];
    let ask = |session: &mut dyn Session| standing(session, &state("mine"), &wanted).expect("an answer");
    session.execute("create table s.theirs as select 1 as a").expect("a table of somebody");
    assert_eq!(ask(&mut *session), BTreeMap::from([(table("theirs"), Standing::Foreign)]), "nobody's warehouse yet");
    claim(&mut *session, &state("mine")).expect("ours");
    session.execute("create table s.ours as select 1 as a").expect("a table");
    let (ours, gone) = (record_of(&table("ours")), record_of(&table("gone")));
    record_new_object(&mut *session, &state("mine"), &[ours.clone(), gone.clone()]).expect("records");
    let expected = [
        (table("gone"), Standing::Ours(Box::new(gone))),
        (table("ours"), Standing::Ours(Box::new(ours))),
        (table("theirs"), Standing::Foreign),
    ];
    assert_eq!(ask(&mut *session), BTreeMap::from(expected));
    let to_another = standing(&mut *session, &state("theirs"), &wanted).expect("an answer");
    assert_eq!(to_another.get(&table("ours")), Some(&Standing::Foreign));
}

pub(super) fn foreign_objects_are_found_and_set_aside(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    claim(&mut *session, &state("mine")).expect("ours");
    session.execute("create table s.orders as select 1 as a").expect("a table of dbt");
    session.execute("create view s.customers as select 2 as a").expect("a view of dbt");
    session.execute("create table s.orders__before_offshoot as select 0 as a").expect("an older take-over");
    let wanted = [table("orders"), table("customers"), table("absent")];
    let found = transaction(&mut *session, |session| {
        let found = foreign_objects(session, &state("mine"), &wanted)?;
        take_over(session, &found)?;
        swap_views(session, &prod("mine"), &[point("orders", "select 10"), point("customers", "select 20")])?;
        Ok::<_, EngineError>(found)
    })
    .expect("a take-over");
    let listed: Vec<_> = found.iter().map(|object| (object.name.name.as_str(), object.kind, object.why)).collect();
    assert_eq!(
        listed,
        [("customers", ObjectKind::View, Foreign::NotOurs), ("orders", ObjectKind::Table, Foreign::NotOurs)]
    );
    assert_eq!(rows(&mut *session, "select a from s.orders"), ["10"]);
    assert_eq!(rows(&mut *session, "select a from s.orders__before_offshoot_2"), ["1"]);
    assert_eq!(rows(&mut *session, "select a from s.customers__before_offshoot"), ["2"]);
    assert_eq!(foreign_objects(&mut *session, &state("mine"), &wanted).expect("an answer"), []);
    assert_eq!(foreign_objects(&mut *session, &state("theirs"), &wanted).expect("an answer").len(), 2);
}

pub(super) fn changed_views_are_foreign(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    claim(&mut *session, &state("mine")).expect("ours");
    let views = [point("one", "select 1"), point("two", "select 2"), point("three", "select 3")];
    transaction(&mut *session, |session| swap_views(session, &prod("mine"), &views)).expect("views");
    session.execute("drop view s.one; create view s.one as select 666 as a").expect("somebody's change");
    session.execute("drop view s.two; create table s.two as select 2 as a").expect("somebody's table");
    let wanted = [table("one"), table("two"), table("three")];
    let found = foreign_objects(&mut *session, &state("mine"), &wanted).expect("an answer");
    let listed: Vec<_> = found.iter().map(|object| (object.name.name.as_str(), object.why)).collect();
    assert_eq!(listed, [("one", Foreign::Changed), ("two", Foreign::NotOurs)]);
}

pub(super) fn views_swap_together(warehouse: &Warehouse) {
    let (mut session, mut reader) = (with_schema(warehouse), warehouse.session());
    claim(&mut *session, &state("mine")).expect("ours");
    session.execute("create table s.p1 as select 1 as a; create table s.p2 as select 2 as b, 3 as c").expect("tables");
    let dialect = session.dialect();
    let first = [point("v", &pointer_query(dialect, &table("p1"), &["a".into()])), point("gone", "select 9")];
    transaction(&mut *session, |session| swap_views(session, &prod("mine"), &first)).expect("views");
    let second = [
        ViewChange::Point {
            view: table("v"),
            model: model("s.m"),
            columns: vec!["c".into(), "B".into()],
            query: pointer_query(dialect, &table("p2"), &["c".into(), "b".into()]),
            shows: Shows::Table,
            comments: Vec::new(),
            on_update: Vec::new(),
        },
        ViewChange::Drop { view: table("gone") },
    ];
    let broken = transaction(&mut *session, |session| {
        swap_views(session, &prod("mine"), &second)?;
        // PostgreSQL lets others wait until it is known which views there will be.
        if warehouse.engine.dialect() != Dialect::Postgres {
            assert_eq!(rows(&mut *reader, "select a from s.v"), ["1"], "others see the old views");
        }
        swap_views(session, &prod("mine"), &[point("w", "select nothing from nowhere")])
    });
    assert!(broken.is_err());
    assert_eq!(rows(&mut *session, "select a from s.v union all select a from s.gone"), ["1", "9"]);
    let done = transaction(&mut *session, |session| swap_views(session, &prod("mine"), &second)).expect("views");
    assert_eq!(done, 2);
    let columns = reader.columns(&table("v")).expect("an answer").expect("columns");
    assert_eq!(columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["c", "B"]);
    assert_eq!(rows(&mut *reader, "select * from s.v"), ["3|2"]);
    let owned = owned_objects(&mut *session, &state("mine")).expect("records");
    assert_eq!(owned.iter().map(|record| record.name.name.as_str()).collect::<Vec<_>>(), ["v"]);
}

pub(super) fn promotions_are_remembered(warehouse: &Warehouse) {
    let mut session = warehouse.session();
    let (project, environment) = (ProjectName::new(""), EnvironmentName::prod());
    assert_eq!(last_promotion(&mut *session, &project, &environment).expect("an answer"), None);
    claim(&mut *session, &state("mine")).expect("ours");
    let promotion = |sequence| Promotion {
        project: project.clone(),
        environment: environment.clone(),
        plan: PlanId::new(format!("plan {sequence}")),
        commit: CommitId::new("c0ffee"),
        sequence,
        payload: "{\"a\":\"it's\"}".into(),
        at: Timestamp(1_769_922_367_089),
    };
    for sequence in [1, 10, 9] {
        record_promotion(&mut *session, &promotion(sequence)).expect("a record");
    }
    let last = last_promotion(&mut *session, &project, &environment).expect("an answer");
    assert_eq!(last, Some(promotion(10)));
    let other = EnvironmentName::new("staging");
    assert_eq!(last_promotion(&mut *session, &project, &other).expect("an answer"), None);
}

pub(super) fn schemas_with_content_stay(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    session.execute("create view s.v as select 1 as a").expect("a view");
    let held = session.drop_schema_if_empty(None, "s").expect("an answer");
    assert_eq!(held.iter().map(|object| object.name.name.as_str()).collect::<Vec<_>>(), ["v"]);
    session.execute("drop view s.v").expect("no view");
    assert_eq!(session.drop_schema_if_empty(None, "s").expect("an answer"), []);
    assert!(session.execute("create view s.v as select 1 as a").is_err(), "the schema is gone");
}

pub(super) fn views_and_macros_are_told_with_their_texts_whoever_made_them(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    assert_eq!(session.readers().expect("an answer"), [], "those of the engine itself are left out");
    session.execute("create table s.t as select 1 as a; create schema other").expect("a table");
    session.execute("create view other.v as select a from s.t").expect("a view");
    let function = warehouse.either(
        "create macro s.m() as table select a from s.t",
        "create function s.m() returns setof integer language sql as 'select a from s.t'",
    );
    session.execute(function).expect("a macro or function");
    let mut told = warehouse.session().readers().expect("an answer");
    told.sort_by_key(|reader| reader.name.to_string());
    let names: Vec<(String, ReaderKind)> = told.iter().map(|reader| (reader.name.to_string(), reader.kind)).collect();
    assert_eq!(names, [("other.v".to_owned(), ReaderKind::View), ("s.m".to_owned(), ReaderKind::Macro)]);
    assert!(told.iter().all(|reader| reader.text.contains("s.t")), "{told:?}");
}

pub(super) fn who_comes_after_keeps_out_who_was_before(warehouse: &Warehouse) {
    let mut session = warehouse.session();
    claim(&mut *session, &state("mine")).expect("ours");
    let mut with = |subject: &str, token: u64| {
        let ours = Fence { subject: subject.into(), token };
        transaction(&mut *session, |session| fence(session, Some(&ours)))
    };
    assert_eq!([with("it's", 5), with("it's", 5), with("it's", 9)], [Ok(()), Ok(()), Ok(())]);
    assert_eq!(with("it's", 8), Err(EngineError::Fenced { subject: "it's".into() }));
    assert_eq!([with("another", 1), with("it's", 10)], [Ok(()), Ok(())]);
}
