//! `kind` of a `MODEL` block: what each one may have, and what it has where it does not say it.

use super::*;
use crate::model::{ColumnChange, ColumnChanges, Past};

#[test]
fn kinds_are_checked() {
    let cases = [
        ("kind FULL", "", ""),
        ("kind full ()", "", ""),
        ("kind VIEW (materialized false)", "", ""),
        ("kind EMBEDDED", "", ""),
        ("kind FULLL", "unknown-kind", "did you mean FULL?"),
        ("kind SCD_TYPE_2 (unique_key id)", "", ""),
        (
            "kind SCD_TYPE_2_BY_COLUMN (unique_key id)",
            "missing-property",
            "write `kind SCD_TYPE_2_BY_COLUMN (columns (price, name))`",
        ),
        ("kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns *, updated_at_name ds, batch_size 1)", "", ""),
        ("kind SCD_TYPE_2 (unique_key id, batch_size 0)", "invalid-property", ""),
        ("kind SCD_TYPE_2 (unique_key id, lookback 1)", "unsupported-property", ""),
        ("kind INCREMENTAL_UNMANAGED", "", ""),
        ("kind INCREMENTAL_UNMANAGED (insert_overwrite true), partitioned_by ds", "", ""),
        ("kind INCREMENTAL_UNMANAGED (forward_only false)", "unsupported-property", "leave `forward_only` out"),
        ("kind MANAGED", "unsupported-kind", ""),
        ("kind CUSTOM (materialization 'x')", "unsupported-kind", ""),
        ("kind EXTERNAL", "unsupported-kind", ""),
        ("kind VIEW (materialized true)", "", ""),
        ("kind VIEW (materialised true)", "unknown-property", "did you mean `materialized`?"),
        ("kind INCREMENTAL_BY_TIME_RANGE", "missing-property", ""),
        ("kind INCREMENTAL_BY_TIME_RANGE (time_column ds, lookback two)", "invalid-property", ""),
        ("kind INCREMENTAL_BY_TIME_RANGE (time_column ds, batch_size 0)", "invalid-property", ""),
        ("kind INCREMENTAL_BY_TIME_RANGE (time_column ds, forward_only true)", "", ""),
        ("kind INCREMENTAL_BY_TIME_RANGE (time_column ds, forward_only false, on_destructive_change warn)", "", ""),
        ("kind INCREMENTAL_BY_TIME_RANGE (time_column ds, disable_restatement true)", "", ""),
        ("kind INCREMENTAL_BY_TIME_RANGE (time_column ds, auto_restatement_cron '@daily')", "", ""),
        (
            "kind INCREMENTAL_BY_UNIQUE_KEY (unique_key a, auto_restatement_intervals 2)",
            "unsupported-property",
            "say when: `auto_restatement_cron '@weekly'`",
        ),
        (
            "kind INCREMENTAL_BY_TIME_RANGE (time_column ds, forward_only true, on_additive_change ignore)",
            "unsupported-property",
            "say `allow` where columns may come or go, and write a column that is to stay into the query",
        ),
        ("kind INCREMENTAL_BY_UNIQUE_KEY (unique_key a, forward_only true)", "", ""),
        ("kind INCREMENTAL_BY_TIME_RANGE (time_column ds, time_column ds)", "duplicate-property", ""),
        ("kind INCREMENTAL_BY_UNIQUE_KEY (unique_key (a, coalesce(b, 1)))", "", ""),
        ("kind INCREMENTAL_BY_UNIQUE_KEY (lookback 1)", "missing-property", ""),
        ("kind SEED", "missing-property", ""),
        ("kind @x", "unknown-macro", ""),
    ];
    for (kind, code, help) in cases {
        let loaded = with(kind);
        let expected: Vec<&str> = if code.is_empty() { Vec::new() } else { vec![code] };
        assert_eq!(codes(&loaded), expected, "{kind}");
        assert!(loaded.problems.iter().all(|problem| problem.line == Some(1)), "{kind}");
        let found = loaded.problems.first().and_then(|problem| problem.help.as_deref()).unwrap_or_default();
        assert!(help.is_empty() || found == help, "{kind}: {found}");
    }
}

#[test]
fn what_a_kind_does_not_say_of_columns_the_defaults_do() {
    let changes = |defaults: &str, kind: &str| {
        let loaded = loaded(&format!(
            "//- config.yaml\nmodel_defaults: {{dialect: duckdb{defaults}}}\n//- models/a.sql\nMODEL (name s.a, {kind});\nSELECT 1 AS x\n"
        ));
        match model(&loaded).past() {
            Past::Recomputed => None,
            Past::Kept(ColumnChanges { destructive, additive })
            | Past::Fixed(ColumnChanges { destructive, additive }) => {
                Some((destructive == ColumnChange::Taken, additive == ColumnChange::Taken))
            }
        }
    };
    let defaults = ", on_destructive_change: warn, on_additive_change: error";
    let kept = "INCREMENTAL_BY_TIME_RANGE (time_column ds, forward_only true";
    for kind in [&format!("kind {kept})"), "kind SCD_TYPE_2 (unique_key x)", "kind INCREMENTAL_UNMANAGED"] {
        assert_eq!(changes("", kind), Some((false, true)), "{kind}");
        assert_eq!(changes(defaults, kind), Some((true, false)), "{kind}");
    }
    let own = format!("kind {kept}, on_destructive_change error, on_additive_change allow)");
    assert_eq!(changes(defaults, &own), Some((false, true)));
    assert_eq!(changes(defaults, "kind FULL"), None);
    let of_default = format!("{defaults}, kind: {{name: INCREMENTAL_UNMANAGED}}");
    assert_eq!(changes(&of_default, "owner me"), Some((true, false)));
}

/// SQLMesh: "Audits are not supported for embedded models".
#[test]
fn an_embedded_model_has_no_audits() {
    let loaded = with("kind EMBEDDED, audits (not_null(columns := x))");
    let expected = "Error unsupported-audit models/a.sql:1:33: an EMBEDDED model has no audits: it is shown nowhere (audit a model that reads it)";
    assert_eq!(told(&loaded), expected);
    assert_eq!(with("kind EMBEDDED, audits ()").problems, []);
    let text = format!("{CONFIG}//- models/a.sql\nMODEL (name s.a, kind EMBEDDED, audits ());\nSELECT 1 AS x\n");
    let text = text.replace("owner: data team", "owner: data team, audits: ['not_null(columns := x)']");
    assert_eq!(load_tree(&TextTree::parse(&text), &ModelCache::new()).problems, []);
}

#[test]
fn statements_of_a_kind_without_a_session_are_told_not_to_run() {
    for (kind, name) in [("VIEW", "a VIEW"), ("EMBEDDED", "an EMBEDDED model")] {
        let loaded = file(&format!("MODEL (name s.a, kind {kind});\nSET a = 1;\nSELECT 1 AS x;\nSET b = 2"));
        let told = told(&loaded);
        let expected = format!(
            "Warning statements-not-run models/a.sql:2:1: the statements around the query of {name} do not run: nothing is \
             filled for it (make it FULL, or move the statements to a model that reads it)"
        );
        assert_eq!(told, expected);
    }
    assert_eq!(codes(&file("MODEL (name s.a, kind FULL);\nSET a = 1;\nSELECT 1 AS x")), Vec::<&str>::new());
}

/// SQLMesh needs no parentheses around `WHEN MATCHED …`.
#[test]
fn clauses_without_parentheses_go_on_to_the_next_property() {
    let clauses =
        "WHEN MATCHED AND source.a > 1 THEN UPDATE SET target.b = source.b, c = source.c WHEN MATCHED THEN DELETE";
    let keyed = |inside: &str| {
        let text =
            format!("MODEL (name s.a, kind INCREMENTAL_BY_UNIQUE_KEY ({inside}));\nSELECT 1 AS a, 2 AS b, 3 AS c");
        let loaded = file(&text);
        assert_eq!(told(&loaded), "", "{inside}");
        match &model(&loaded).kind {
            Kind::UniqueKey(key) => key.clone(),
            other => panic!("{other:?}"),
        }
    };
    let found = keyed(&format!("when_matched {clauses}, lookback 2, unique_key (a, b), "));
    assert_eq!((found.when_matched.as_deref(), found.lookback, found.unique_key.len()), (Some(clauses), 2, 2));
    let found = keyed(&format!("unique_key a, when_matched ({clauses})"));
    assert_eq!(found.when_matched, Some(format!("({clauses})")));
    // SQLMesh's parser passes over commas that end nothing.
    let written = "WHEN MATCHED AND source.a IN (1, 2,) THEN UPDATE SET target.b = f(1,), c = 2, WHEN MATCHED THEN UPDATE SET b = 1,";
    let expected =
        "WHEN MATCHED AND source.a IN (1, 2) THEN UPDATE SET target.b = f(1), c = 2 WHEN MATCHED THEN UPDATE SET b = 1";
    assert_eq!(keyed(&format!("unique_key a, when_matched {written}")).when_matched.as_deref(), Some(expected));
    let found = keyed(&format!("unique_key (a, coalesce(b, c,),), when_matched ({written}), merge_filter a IN (1,)"));
    assert_eq!(found.when_matched, Some(format!("({expected})")));
    assert_eq!(found.unique_key, ["a", "coalesce(b, c)"]);
    assert_eq!(found.merge_filter.as_deref(), Some("a IN (1)"));
    // A file of a megabyte is read in one go.
    let many: Vec<String> = (0..40_000).map(|column| format!("c{column} = source.c{column}")).collect();
    let clauses = format!("WHEN MATCHED THEN UPDATE SET {}", many.join(", "));
    assert_eq!(keyed(&format!("unique_key a, when_matched {clauses}")).when_matched, Some(clauses));
}

/// SQLGlot's settings behind the name of a dialect.
#[test]
fn a_dialect_may_have_settings() {
    let loaded = with("dialect 'postgres, normalization_strategy = case_sensitive, version = 14'");
    assert_eq!((told(&loaded).as_str(), model(&loaded).dialect), ("", Dialect::Postgres));
}
