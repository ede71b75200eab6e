use super::*;
use crate::fingerprint::Tree;
use crate::fingerprint::tests::tree;

const SHOP: &str = "//- seeds/raw.csv
id,amount,status
1,10,paid
//- models/raw.sql
MODEL (name s.raw, kind SEED (path '$root/seeds/raw.csv'))
//- external_models.yaml
- name: erp.rates
  columns: {day: date, rate: double}
//- models/m.sql
MODEL (name s.m, kind FULL);
WITH paid AS (SELECT id, amount AS net FROM s.raw WHERE status = 'paid')
SELECT p.id, p.net * r.rate AS euro, count(*) OVER () AS n FROM paid AS p JOIN erp.rates AS r ON r.day = DATE '2026-01-01'
//- models/opaque.sql
MODEL (name s.opaque, kind FULL);
SELECT COLUMNS('e.*') FROM s.m
//- models/last.sql
MODEL (name s.last, kind FULL);
SELECT euro AS shown, Id FROM s.m ORDER BY n
//- models/top.sql
MODEL (name s.top, kind FULL);
SELECT o.euro FROM s.opaque AS o WHERE o.euro > (SELECT max(shown) FROM s.last)
//- models/undeclared.sql
MODEL (name s.undeclared, kind VIEW);
SELECT x.a AS b FROM elsewhere.t AS x
";

fn asked(tree: &Tree, name: &str, direction: Direction) -> Lineage {
    lineage(tree, find(tree, name).unwrap_or_else(|unknown| panic!("{name}: {unknown:?}")), direction)
}

fn shown(node: &Node) -> String {
    match &node.part {
        Part::Model => node.model.to_string(),
        Part::Column(column) => format!("{}.{column}", node.model),
        part => format!("{} {}", node.model, part.text()),
    }
}

/// The parts on the sides that were looked at, in order of their names.
fn parts(name: &str, direction: Direction) -> Vec<String> {
    let lineage = asked(&tree(SHOP), name, direction);
    let mut parts: Vec<String> = lineage.nodes[1..].iter().map(|found| shown(&found.node)).collect();
    parts.sort();
    parts
}

#[test]
fn a_column_comes_from_what_its_expression_and_its_rows_read() {
    let rows = ["erp.rates rows", "erp.rates.day", "s.m rows", "s.raw rows", "s.raw.status"];
    let with = |more: &[&str]| {
        let mut all: Vec<String> = rows.iter().chain(more).map(|part| (*part).to_owned()).collect();
        all.sort();
        all
    };
    assert_eq!(parts("s.m.euro", Direction::Upstream), with(&["erp.rates.rate", "s.raw.amount"]));
    assert_eq!(parts("s.m.n", Direction::Upstream), with(&[]));
    let lineage = asked(&tree(SHOP), "s.last.shown", Direction::Upstream);
    let far = lineage.nodes.iter().find(|found| shown(&found.node) == "s.raw.amount").expect("through s.m");
    assert_eq!((far.distance, far.side), (2, Side::Upstream));
}

#[test]
fn a_column_is_read_as_a_value_in_filters_in_orders_and_by_the_opaque() {
    assert_eq!(parts("s.m.euro", Direction::Downstream), ["s.last.shown", "s.opaque all", "s.top rows", "s.top.euro"]);
    assert_eq!(parts("s.m.n", Direction::Downstream), ["s.last order", "s.opaque all", "s.top rows", "s.top.euro"]);
    assert_eq!(
        parts("erp.rates.rate", Direction::Downstream),
        ["s.last.shown", "s.m.euro", "s.opaque all", "s.top rows", "s.top.euro"]
    );
    let opaque = asked(&tree(SHOP), "s.m.euro", Direction::Downstream);
    let opaque = opaque.nodes.iter().find(|found| found.node.part == Part::All).expect("the opaque model");
    assert!(opaque.opaque.as_ref().is_some_and(|why| !why.is_empty()));
}

#[test]
fn a_column_of_an_opaque_model_comes_from_everything_that_it_mentions() {
    let found = parts("s.opaque.anything", Direction::Upstream);
    for part in ["s.m all", "s.raw rows", "s.raw.amount", "s.raw.id", "erp.rates.rate"] {
        assert!(found.contains(&part.to_owned()), "{part} is not in {found:?}");
    }
}

#[test]
fn models_are_read_by_models() {
    assert_eq!(parts("s.m", Direction::Downstream), ["s.last", "s.opaque", "s.top"]);
    assert_eq!(parts("s.m", Direction::Upstream), ["erp.rates", "s.raw"]);
    let lineage = asked(&tree(SHOP), "s.m", Direction::Both);
    let place = |name: &str| lineage.nodes.iter().position(|found| shown(&found.node) == name).expect(name);
    let edge = lineage.edges.iter().find(|edge| edge.read == place("s.raw") && edge.by == 0).expect("an edge");
    let columns = ["amount", "id", "status"].map(|column| Part::Column(column.into()));
    assert_eq!(edge.how, How::Reads([&[Part::Rows][..], &columns].concat()));
}

#[test]
fn a_table_that_nobody_declared_has_the_columns_that_are_read() {
    assert_eq!(parts("elsewhere.t.a", Direction::Downstream), ["s.undeclared.b"]);
    assert_eq!(
        parts("s.undeclared.b", Direction::Upstream),
        ["elsewhere.t rows", "elsewhere.t.a", "s.undeclared rows"]
    );
    let unknown = find(&tree(SHOP), "elsewhere.t.z").expect_err("nobody reads it");
    assert!(matches!(unknown, Unknown::Column { .. }));
}

#[test]
fn a_model_of_the_whole_name_wins_and_case_matters_little() {
    let tree = tree(
        "//- models/a.sql\nMODEL (name s.t, kind FULL);\nSELECT 1 AS c, 2 AS \"d.e\"\n\
         //- models/b.sql\nMODEL (name s.t.c, kind FULL);\nSELECT 1 AS c\n\
         //- models/c.sql\nMODEL (name c.s.t, kind FULL);\nSELECT 1 AS c\n\
         //- models/d.sql\nMODEL (name one, kind FULL);\nSELECT 1 AS c",
    );
    let named = |wanted: &str| find(&tree, wanted).map(|node| shown(&node));
    assert_eq!(named("s.t.c"), Ok("s.t.c".into()));
    assert_eq!(find(&tree, "s.t.c").map(|node| node.part), Ok(Part::Model));
    assert_eq!(find(&tree, "S.T.C.C").map(|node| node.part), Ok(Part::Column("c".into())));
    assert_eq!(named("c.s.t.C"), Ok("c.s.t.c".into()));
    assert_eq!(named("one.c"), Ok("one.c".into()));
    assert_eq!(named("s.t.\"d.e\""), Ok("s.t.d.e".into()));
    assert_eq!(named("s.u"), Err(Unknown::Model { nearest: Some("s.t".into()) }));
    assert_eq!(named("onee.c"), Err(Unknown::Model { nearest: Some("one.c".into()) }));
    assert_eq!(named(""), Err(Unknown::Model { nearest: None }));
    let near = Some("s.t.\"d.e\"".into());
    let missing =
        Unknown::Column { model: ModelName::parse("s.t").expect("a name"), column: "d.f".into(), nearest: near };
    assert_eq!(named("s.t.\"d.f\""), Err(missing));
}

#[test]
fn a_draw_changes_with_all_that_fills_its_table_again() {
    let tree = tree(
        "//- models/a.sql\nMODEL (name s.a, kind FULL);\nSELECT 1 AS x, 2 AS y\n\
         //- models/b.sql\nMODEL (name s.b, kind FULL);\nSELECT random() AS id, x AS kept, y AS other FROM s.a\n\
         //- models/c.sql\nMODEL (name s.c, kind FULL);\nSELECT id FROM s.b\n\
         //- models/d.sql\nMODEL (name s.d, kind FULL);\nSELECT first(x) AS one, max(x) AS most FROM s.a",
    );
    let parts = |name: &str, direction: Direction| -> Vec<String> {
        let lineage = asked(&tree, name, direction);
        let mut parts: Vec<String> = lineage.nodes[1..].iter().map(|found| shown(&found.node)).collect();
        parts.sort();
        parts
    };
    assert!(parts("s.c.id", Direction::Upstream).contains(&"s.a.y".to_owned()), "drawn with it");
    assert_eq!(parts("s.a.y", Direction::Downstream), ["s.b.id", "s.b.other", "s.c.id", "s.d.one"]);
    assert!(!parts("s.b.kept", Direction::Upstream).contains(&"s.a.y".to_owned()));
    assert_eq!(parts("s.d.most", Direction::Upstream), ["s.a rows", "s.a.x", "s.d rows"]);
}

#[test]
fn deep_chains_and_circles_end() {
    let mut files = String::from("//- models/m0.sql\nMODEL (name s.m0, kind VIEW);\nSELECT 1 AS c\n");
    for place in 1..3_000 {
        let before = place - 1;
        files.push_str(&format!(
            "//- models/m{place}.sql\nMODEL (name s.m{place}, kind VIEW);\nSELECT c FROM s.m{before}\n"
        ));
    }
    let tree = tree(&files);
    let lineage = asked(&tree, "s.m2999.c", Direction::Upstream);
    assert_eq!(lineage.nodes.last().map(|found| found.distance), Some(3_000), "the rows of the first one");
    assert_eq!(asked(&tree, "s.m0.c", Direction::Downstream).nodes.len(), 3_000);

    let circle = crate::files::TextTree::parse(
        "//- config.yaml\ngateways: {l: {connection: {type: duckdb, database: db}}}\nmodel_defaults: {dialect: duckdb}\n\
         //- models/a.sql\nMODEL (name s.a, kind VIEW);\nSELECT c FROM s.b\n\
         //- models/b.sql\nMODEL (name s.b, kind VIEW);\nSELECT c FROM s.a",
    );
    let (environment, cache) = (std::collections::BTreeMap::new(), crate::project::ModelCache::new());
    let surroundings =
        crate::project::Surroundings { environment: &environment, gateway: None, cache: &cache, shelf: None };
    let project = crate::project::load(&circle, &surroundings).project;
    let (tree, problems) = Tree::new(project.models, project.files, crate::hash::Digest::of("engine", "x"), None);
    assert_eq!(problems.len(), 1);
    let lineage = asked(&tree, "s.a.c", Direction::Both);
    assert!(lineage.nodes.iter().any(|found| found.side == Side::Upstream && found.node.model.table() == "b"));
    assert!(lineage.nodes[0].opaque.as_ref().is_some_and(|why| why.contains("circle")));
}
