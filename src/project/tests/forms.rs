//! Forms of a `MODEL` block that nobody would choose, and that SQLMesh takes and real projects have.

use super::*;
use crate::model::Properties;
use crate::problem::has_errors;

#[test]
fn a_name_of_macros_is_one_in_every_dialect() {
    for dialect in [
        "duckdb",
        "bigquery",
        "mysql",
        "trino",
        "tsql",
        "athena",
        "snowflake",
        "postgres",
        "clickhouse",
        "spark",
        "hive",
    ] {
        for name in ["a_@{region}.b", "@{region}.b", "a.@{region}_b", "a.b_@region", "a_@{region}_c.b_@{region}"] {
            let loaded = file(&format!(
                "MODEL (name {name}, kind FULL, dialect {dialect}, owner 'a@b.c', depends_on [x_@{{region}}.y]);\nSELECT 1 AS x"
            ));
            assert_eq!(codes(&loaded), ["unknown-reference"], "{dialect} {name}: {}", told(&loaded));
            let found = loaded.project.models.keys().next().map(ToString::to_string).unwrap_or_default().to_lowercase();
            let wanted = name.replace("@{region}", "eu").replace("@region", "eu");
            assert!(found.replace('"', "") == wanted, "{dialect} {name}: {found}");
        }
    }
}

#[test]
fn the_last_of_a_property_counts_as_in_sqlmesh() {
    let loaded = file(
        "MODEL (name s.b, kind FULL, cron '@weekly', name s.a, kind VIEW, cron '@daily', audits (x(a := 1)), audits ());\nSELECT 1 AS x",
    );
    assert_eq!(codes(&loaded), ["duplicate-property"; 4]);
    assert!(!has_errors(&loaded.problems));
    let model = loaded.project.models.values().next().expect("a model");
    assert_eq!(
        (model.name.to_string(), &model.kind, model.properties.audits.len()),
        ("s.a".to_owned(), &Kind::View, 0)
    );
    assert_eq!(model.properties.cron.text(), "@daily");
}

#[test]
fn a_model_is_enabled_by_a_comparison_too() {
    for (written, is) in [
        ("(1 = 1)", true),
        ("(0 = 1)", false),
        ("(false)", false),
        ("'true'", true),
        ("1 = 2", false),
        ("1", true),
        ("0", false),
        ("yes", true),
    ] {
        let loaded = with(&format!("enabled {written}"));
        assert_eq!(codes(&loaded), Vec::<&str>::new(), "{written}");
        assert_eq!(loaded.project.models.len(), usize::from(is), "{written}");
    }
    assert_eq!(codes(&with("enabled (x = 1)")), ["invalid-property"]);
    let loaded = with("allow_partials 1, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key x, forward_only 1)");
    assert!(model(&loaded).properties.other_metadata.contains_key("allow_partials"));
}

/// SQLMesh has them as columns of a type that nobody knows.
#[test]
fn a_column_of_the_type_null_has_no_stated_type() {
    let loaded = with("kind FULL, columns (x INT NOT NULL, y NULL, z null COMMENT 'nothing')");
    let told = told(&loaded);
    assert!(told.starts_with("Warning other-columns") && loaded.problems.len() == 1, "{told}");
    let columns = &loaded.project.models.values().next().expect("a model").properties.columns;
    let types: Vec<Option<&str>> = columns.iter().map(|column| column.data_type.as_deref()).collect();
    assert_eq!(types, [Some("INT"), None, None]);
}

#[test]
fn a_list_of_audits_may_be_an_array() {
    let loaded = with("kind FULL, audits ARRAY[not_null(columns := (x)), unique_values(columns := (x))]");
    assert_eq!(model(&loaded).properties.audits.len(), 2);
    let told = told(&with("kind FULL, audits ('Low', \"high\")"));
    assert!(told.contains("there is no audit `low`") && told.contains("there is no audit `high`"), "{told}");
}

/// As SQLMesh's own formatter writes them.
#[test]
fn every_list_may_be_an_array() {
    let text = |list: fn(&[&str]) -> String, nested: fn(&[&str]) -> String| {
        let (one, two) = (list(&["id"]), list(&["id", "day"]));
        format!(
            "//- models/a.sql\nMODEL (name s.a, kind SCD_TYPE_2_BY_COLUMN (unique_key {one}, columns {two}), tags {two}, grains {two}, \
             clustered_by {two}, partitioned_by {two}, depends_on {}, audits (not_null(columns := {two})));\n\
             SELECT 1 AS id, 2 AS day\n\
             //- models/b.sql\nMODEL (name s.@name, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key {two}), blueprints {});\nSELECT 1 AS id, 2 AS day\n",
            list(&["s.x"]),
            nested(&["(name := x)", "(name := y)"])
        )
    };
    let array: fn(&[&str]) -> String = |items| format!("ARRAY[{}]", items.join(", "));
    let plain: fn(&[&str]) -> String = |items| format!("({})", items.join(", "));
    let (arrays, plain) = (loaded(&text(array, array)), loaded(&text(plain, plain)));
    assert_eq!(arrays.problems, []);
    assert_eq!(arrays.project.models.keys().map(ToString::to_string).collect::<Vec<_>>(), ["s.a", "s.x", "s.y"]);
    for (name, model) in &arrays.project.models {
        let other = &plain.project.models[name];
        assert_eq!(model.kind, other.kind);
        // The texts of calls are kept as they are written.
        let properties = |model: &Model| Properties { audits: Vec::new(), ..(*model.properties).clone() };
        assert!(properties(model) == properties(other), "{name}");
    }
}

#[test]
fn a_quote_within_quotes_is_written_twice() {
    let loaded = with("description \"\"\"text\"\"\", column_descriptions (x = \"the \"\"x\"\"\"), owner 'it''s'");
    let properties = &model(&loaded).properties;
    assert_eq!(properties.description.as_deref(), Some("\"text\""));
    assert_eq!(properties.column_descriptions["x"], "the \"x\"");
    assert_eq!(properties.owner.as_deref(), Some("it's"));
}

#[test]
fn all_columns_may_be_a_text() {
    let of = |columns: &str| {
        let loaded = with(&format!("kind SCD_TYPE_2_BY_COLUMN (unique_key x, columns {columns})"));
        assert_eq!(loaded.problems, []);
        model(&loaded).kind.clone()
    };
    assert_eq!([of("'*'"), of("[*]")], [of("*"), of("*")]);
}

#[test]
fn a_query_alone_is_a_model_where_its_path_is_its_name() {
    let project = |naming: &str, text: &str| {
        let config = format!("//- config.yaml\nmodel_defaults: {{dialect: duckdb}}\n{naming}\n");
        load_tree(&TextTree::parse(&format!("{config}//- models/s/a.sql\n{text}\n")), &ModelCache::new())
    };
    let infer = "model_naming: {infer_names: true}";
    let one = project(infer, "-- as it is\nSELECT 1 AS x;\n");
    let model = model(&one);
    assert_eq!((model.name.to_string(), &model.kind), ("s.a".to_owned(), &Kind::View));
    assert_eq!(codes(&project("", "SELECT 1 AS x")), ["missing-model-block"]);
    assert_eq!(codes(&project(infer, "AUDIT (name x); SELECT 1 AS x")), ["missing-model-block"]);
    assert_eq!(codes(&project(infer, "MODEL (kind FULL")), ["open-model-block"]);
}
