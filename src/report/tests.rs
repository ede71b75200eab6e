use super::*;
use crate::data_diff::{Compared, LeftOut, ModelDataDiff, NotCompared, SchemaChange, WhyLeftOut};
use crate::fingerprint::Tree;
use crate::fingerprint::tests::tree;
use crate::naming::IdentifierLimit;
use crate::plan::{Category, Commits, Inputs, Known, Purpose, Unseen, Window, build};
use crate::settings::{EnvironmentSuffix, PhysicalSchemas};
use crate::time::IntervalUnit;
use std::collections::BTreeSet;

const SHOP: &str = "//- external_models.yaml
- name: raw.orders
  columns: {id: int, amount: int, day: date}
//- models/orders.sql
MODEL (name s.orders, kind FULL);
SELECT id, amount, day FROM raw.orders
//- models/star.sql
MODEL (name s.star, kind VIEW);
SELECT * FROM s.orders
//- models/reader.sql
MODEL (name s.reader, kind FULL);
SELECT sum(amount) AS amount FROM s.orders
//- models/inlined.sql
MODEL (name s.inlined, kind EMBEDDED);
SELECT id, day FROM s.orders
//- models/gone.sql
MODEL (name s.gone, kind FULL);
SELECT id FROM raw.orders
//- models/still_reads.sql
MODEL (name s.still_reads, kind FULL);
SELECT count(*) AS n FROM s.gone
";

const GONE: &str = "//- models/gone.sql\nMODEL (name s.gone, kind FULL);\nSELECT id FROM raw.orders\n";

/// The plan between two trees.
pub(crate) fn plan_between(base: &Tree, result: &Tree, known: &Known, now: Timestamp) -> Plan {
    build(Inputs {
        environment: EnvironmentName::new("feat_fx_rates_142"),
        suffix: EnvironmentSuffix::Schema,
        commits: Commits { base: CommitId::new("77ab01d4"), head: None, merge_base: None, result_tree: None },
        base,
        result,
        promoted: None,
        production: None,
        known,
        purpose: Purpose::Apply,
        now,
        schemas: &PhysicalSchemas::default(),
        limit: IdentifierLimit::SMALLEST,
        problems: Vec::new(),
        unseen: Unseen::default(),
        window: Window::Everything,
    })
}

fn name(text: &str) -> ModelName {
    ModelName::parse(text).expect("a name")
}

struct Change {
    base: Tree,
    result: Tree,
    plan: Plan,
}

fn change(old: &str, new: &str) -> Change {
    assert!(SHOP.contains(old), "{old} is not in the shop");
    let (base, result) = (tree(SHOP), tree(&SHOP.replacen(old, new, 1)));
    let plan = plan_between(&base, &result, &Known::default(), Timestamp(0));
    Change { base, result, plan }
}

impl Change {
    fn destructions(&self, data: Option<&DataDiff>, shown: &[&str]) -> Vec<String> {
        let shown: BTreeSet<ModelName> = shown.iter().map(|model| name(model)).collect();
        let allowed = BTreeMap::from([(name("s.star"), crate::ids::Login::new("grace"))]);
        let found = destructions(&self.plan, (&self.base, &self.result), data, &shown, &allowed);
        let told = |lost: Destruction| {
            let readers: Vec<String> = lost.readers.iter().map(ToString::to_string).collect();
            let by = lost.allowed_by.map_or(String::new(), |by| format!(" allowed by {by}"));
            format!("{} {:?} read by [{}]{by}", lost.model, lost.columns, readers.join(", "))
        };
        found.into_iter().map(told).collect()
    }
}

const ALL: [&str; 6] = ["s.orders", "s.star", "s.reader", "s.inlined", "s.gone", "s.still_reads"];

#[test]
fn a_model_that_goes_away_is_told_with_who_still_reads_it() {
    let change = change(GONE, "");
    assert_eq!(change.destructions(None, &ALL), ["s.gone [] read by [s.still_reads]"]);
    assert_eq!(change.destructions(None, &["s.orders"]), Vec::<String>::new(), "production never showed it");
}

#[test]
fn a_column_that_goes_away_is_told_of_every_model_that_showed_it() {
    let change = change("SELECT id, amount, day FROM raw.orders", "SELECT id, amount FROM raw.orders");
    let told =
        ["s.orders [\"day\"] read by [s.inlined, s.reader, s.star]", "s.star [\"day\"] read by [] allowed by grace"];
    assert_eq!(change.destructions(None, &ALL), told, "nobody can query what is only inlined");
}

#[test]
fn a_column_in_other_letters_is_the_same_column() {
    let change = change("SELECT id, amount, day FROM raw.orders", "SELECT id, amount, day AS DAY FROM raw.orders");
    assert_eq!(change.destructions(None, &ALL), Vec::<String>::new());
}

#[test]
fn what_only_the_tables_tell_counts_too() {
    let change =
        change("SELECT id, amount, day FROM raw.orders", "SELECT id, amount + 1 AS amount, day FROM raw.orders");
    let removed = SchemaChange::Removed { column: "secret".into(), data_type: "INT".into() };
    let model = ModelDataDiff {
        name: name("s.orders"),
        unit: IntervalUnit::Day,
        schema: vec![removed],
        compared: Compared::Not(NotCompared::NoCommonColumn),
    };
    let data = DataDiff {
        environment: EnvironmentName::new("e"),
        base: EnvironmentName::prod(),
        models: vec![model],
        left_out: Vec::new(),
    };
    let told = ["s.orders [\"secret\"] read by [s.inlined, s.reader, s.star]"];
    assert_eq!(change.destructions(Some(&data), &ALL), told);
    // Of a model whose rows nobody looked at, too.
    let ModelDataDiff { name, schema, .. } = data.models[0].clone();
    let left_out = vec![LeftOut { name, why: WhyLeftOut::NoGrain, schema }];
    let data = DataDiff { models: Vec::new(), left_out, ..data };
    assert_eq!(change.destructions(Some(&data), &ALL), told);
}

#[test]
fn the_neighbourhood_is_what_changes_and_what_feeds_it() {
    let change = change("sum(amount) AS amount", "sum(amount + 1) AS amount");
    let around = neighbourhood(&change.plan, &change.base, &change.result);
    let nodes: Vec<String> = around.nodes.iter().map(|node| node.name.to_string()).collect();
    assert_eq!((nodes, around.edges), (vec!["s.reader".to_owned(), "s.orders".to_owned()], vec![(1, 0)]));
    assert_eq!(around.nodes[1].change, None);
    assert!(matches!(around.nodes[0].change, Some((_, Category::Breaking))));
}

#[test]
fn only_queries_that_read_otherwise_have_a_change_to_show() {
    let change = change("name s.reader, kind FULL", "name s.reader, kind FULL, stamp 'again'");
    assert_eq!(change.plan.models.len(), 1);
    assert_eq!(sql_changes(&change.plan, &change.base, &change.result), []);
}

#[test]
fn what_is_wrong_stops_more_than_what_must_be_allowed() {
    let change = change(GONE, "");
    let shown: BTreeSet<ModelName> = [name("s.gone")].into();
    let trees = (&change.base, &change.result);
    let mut findings = Findings::planned(change.plan.clone());
    let conclusion = |findings: &Findings| State::Built(Box::new(findings.clone())).conclusion();
    assert_eq!(conclusion(&findings), Some(Conclusion::Success));
    findings.destructions = destructions(&change.plan, trees, None, &shown, &BTreeMap::new());
    assert_eq!(conclusion(&findings), Some(Conclusion::ActionRequired));
    findings.plan.problems.push(Problem::error("code", "wrong"));
    assert_eq!(conclusion(&findings), Some(Conclusion::Failure));
    assert!(matches!(findings.blockers()[..], [Blocker::Error(_), Blocker::Destruction(_)]));
}
