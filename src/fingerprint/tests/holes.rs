//! Holes of the research on soundness that are about whole models, by number, beside those in the tables of inputs and
//! kinds; those about queries are beside the analysis, those that only show on an engine in `tests/it`.

use super::*;
use crate::ids::TableName;
use crate::resolve::{Resolver, Times};
use crate::sql::Dialect;
use crate::time::{Interval, Timestamp};

#[test]
fn h20_a_view_is_made_again_when_its_text_moves_though_its_fingerprint_stays() {
    let view = "//- models/v.sql\nMODEL (name s.v, kind VIEW);\nSELECT id FROM s.m\n";
    let before = format!("{SHOP}{view}");
    let after = before.replace("amount * 2 AS net FROM", "amount * 2 AS net, region FROM");
    assert_eq!(moved(&before, &after), ["m", "reads_star"]);
    let text = |fixture: &str| {
        let tree = tree(fixture);
        let table = |(name, fingerprint): (&ModelName, &Fingerprint)| {
            let table = format!("{}__{:?}", name.table(), fingerprint.data);
            (name.clone(), TableName { catalog: None, schema: "physical".into(), name: table })
        };
        let tables: BTreeMap<ModelName, TableName> = tree.fingerprints.iter().map(table).collect();
        let resolver = Resolver { tree: &tree, dialect: Dialect::DuckDb, tables: &tables };
        let interval = Interval { start: Timestamp(0), end: Timestamp(0) };
        let time = Times::At(crate::statement::LoadTime { interval, execution: Timestamp(0) });
        resolver.model(&tree.models[&ModelName::parse("s.v").expect("a name")], time).expect("a text")
    };
    assert_ne!(text(&before), text(&after), "it would go on reading the table that nobody fills any more");
}

#[test]
fn h28_physical_properties_that_may_change_rows_are_handed_on() {
    let with = |properties: &str| one(&format!("kind FULL, physical_properties ({properties})"));
    pair_moves(&["c", "m"], &one("kind FULL"), &with("engine = 'ReplacingMergeTree'"));
    pair_moves(&["c", "m"], &with("ttl = '1 day'"), &with("ttl = '2 days'"));
    pair_moves(&["m"], &one("kind FULL"), &one("kind FULL, partitioned_by (k)"));
}

/// The codes of the errors of a model.
fn refused(model: &str) -> Vec<String> {
    let (_, problems) = tree_of(model);
    let errors = problems.iter().filter(|problem| problem.severity == crate::problem::Severity::Error);
    errors.map(|problem| problem.code.to_string()).collect()
}

/// A model as it is loaded, with what is told of it.
fn tree_of(model: &str) -> (BTreeMap<ModelName, std::sync::Arc<crate::model::Model>>, Vec<crate::problem::Problem>) {
    let files = TextTree::parse(&format!("{CONFIG}//- models/m.sql\n{model}\n"));
    let (environment, cache) = (BTreeMap::new(), ModelCache::new());
    let loaded = load(&files, &Surroundings { environment: &environment, gateway: None, cache: &cache, shelf: None });
    (loaded.project.models, loaded.problems)
}

#[test]
fn h30_kinds_that_hold_history_are_refused_where_nothing_carries_it_over() {
    let merged = "INCREMENTAL_BY_UNIQUE_KEY (unique_key id, forward_only true, merge_filter source.v > 1)";
    let text = |kind: &str| format!("MODEL (name s.m, kind {kind});\nSELECT 1 AS id, 2 AS v, 3 AS ds");
    assert!(!refused(&text(merged)).is_empty(), "it is loaded, so it needs a rule");
    // What nobody fills here needs none.
    for kind in ["MANAGED", "CUSTOM (materialization 'x')"] {
        let (tree, _) = tree_of(&text(kind));
        assert!(tree.values().all(|model| model.kind == crate::model::Kind::External), "{kind}");
    }
    // That the others go on from production's rows is shown on the engines.
    for kind in [
        "SCD_TYPE_2 (unique_key id)",
        "INCREMENTAL_BY_TIME_RANGE (time_column ds, forward_only true)",
        "INCREMENTAL_UNMANAGED",
        "INCREMENTAL_BY_UNIQUE_KEY (unique_key id, forward_only true)",
        "INCREMENTAL_BY_UNIQUE_KEY (unique_key id, disable_restatement true)",
    ] {
        let tree = tree(&pair(&one(&format!("kind {kind}"))));
        let model = &tree.models[&ModelName::parse("s.m").expect("a name")];
        assert_ne!(model.past(), crate::model::Past::Recomputed, "{kind}");
    }
}

#[test]
fn h35_conditions_on_symbolic_values_are_refused_not_decided() {
    for query in [
        "SELECT 1 AS id FROM raw.t WHERE @IF(@runtime_stage = 'evaluating', true, false)",
        "SELECT @IF(@start_ds < '2026-01-01', 1, 2) AS id FROM raw.t",
        "SELECT @runtime_stage AS id FROM raw.t",
        "JINJA_QUERY_BEGIN;\nSELECT 1 AS id {% if is_incremental() %} + 1 {% endif %}\nJINJA_END;",
    ] {
        assert!(!refused(&format!("MODEL (name s.m, kind FULL);\n{query}")).is_empty(), "{query}");
    }
    // A CASE is decided by the engine, at every load anew: both branches are in the text that is hashed.
    let case = |value: &str| {
        one("kind FULL")
            .replace("SELECT id,", &format!("SELECT CASE WHEN @start_ds < '2026-01-01' THEN 1 ELSE {value} END AS id,"))
    };
    pair_moves(&["m"], &case("2"), &case("3"));
}

#[test]
fn h37_what_is_remembered_of_a_file_is_not_taken_under_other_defaults() {
    let model = "//- models/m.sql\nMODEL (name s.m, kind FULL);\nSELECT Id, \"Id\" AS \"K\", 7 / 2 AS v FROM raw.t\n";
    let with = |dialect: &str, cache: &ModelCache| {
        let text = format!("{}{model}", CONFIG.replace("dialect: duckdb", &format!("dialect: {dialect}")));
        let environment = BTreeMap::new();
        let surroundings = Surroundings { environment: &environment, gateway: None, cache, shelf: None };
        let project = load(&TextTree::parse(&text), &surroundings).project;
        let (tree, _) = Tree::new(project.models, project.files, Digest::of("engine", "one"), None);
        tree.fingerprints[&ModelName::parse("s.m").expect("a name")].data
    };
    let shared = ModelCache::new();
    for dialect in ["duckdb", "postgres", "snowflake", "duckdb"] {
        assert_eq!(with(dialect, &shared), with(dialect, &ModelCache::new()), "{dialect}");
    }
    assert_ne!(with("duckdb", &shared), with("snowflake", &shared), "the same file under another dialect");
}

/// Whatever stands for a time variable while a query is taken apart is a name in every dialect; in Hive's none begins with `_`.
#[test]
fn time_variables_are_read_in_every_dialect() {
    for (dialect, _) in Dialect::NAMES.into_iter().filter(|(dialect, _)| *dialect != Dialect::Generic) {
        let tree = tree(&format!(
            "//- models/a.sql\nMODEL (name s.a, kind INCREMENTAL_BY_TIME_RANGE (time_column day), dialect {dialect});\n\
             SELECT t.day FROM s.t AS t WHERE t.day BETWEEN @start_date AND @end_date"
        ));
        let found = &tree.fingerprints[&ModelName::parse("s.a").expect("a name")];
        assert_eq!(found.opaque, None, "{dialect}");
    }
}
