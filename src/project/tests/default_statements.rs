use super::*;
use crate::sql::Template;

fn with_defaults(defaults: &str, models: &str) -> Loaded {
    let config = format!(
        "//- config.yaml\ngateways: {{local: {{connection: {{type: duckdb, database: db}}}}}}\n\
         variables: {{region: eu, factor: 2}}\nmodel_defaults:\n  dialect: duckdb\n{defaults}\n"
    );
    load_tree(&TextTree::parse(&format!("{config}{models}")), &ModelCache::new())
}

fn texts(templates: &[Template]) -> Vec<String> {
    templates.iter().map(Template::text).collect()
}

fn of<'a>(loaded: &'a Loaded, name: &str) -> &'a Model {
    loaded.project.models.get(&ModelName::parse(name).expect("a name")).expect("a model")
}

const TWO: &str = "  pre_statements: [SET VARIABLE f = @factor;, \"@IF(@model_kind_name = 'FULL', SET VARIABLE g = 1)\"]\n  \
                   post_statements: \"ANALYZE @this_model\"";

#[test]
fn defaults_run_before_the_statements_of_a_model_on_both_sides_of_its_query() {
    let model = "//- models/a.sql\nMODEL (name s.a, kind FULL);\nSET VARIABLE own = 1;\nSELECT 1 AS x;\nCHECKPOINT\n\
                 //- models/b.sql\nMODEL (name s.b, kind INCREMENTAL_BY_TIME_RANGE (time_column d));\n\
                 SELECT @start_date::DATE AS d\n";
    let loaded = with_defaults(TWO, model);
    assert_eq!(told(&loaded), "");
    let full = of(&loaded, "s.a");
    let expected = ["SET VARIABLE f = 2", "SET VARIABLE g = 1", "SET VARIABLE own = 1"];
    assert_eq!(texts(&full.pre_statements), expected);
    assert_eq!(texts(&full.post_statements), ["ANALYZE s.a", "CHECKPOINT"]);
    let by_day = of(&loaded, "s.b");
    assert_eq!(texts(&by_day.pre_statements), ["SET VARIABLE f = 2"], "its kind is another one");
    assert_eq!(texts(&by_day.post_statements), ["ANALYZE s.b"]);
}

#[test]
fn what_has_no_session_gets_none_and_nothing_is_said_of_it() {
    let model = "//- models/a.sql\nMODEL (name s.a, kind VIEW);\nSELECT 1 AS x\n\
                 //- models/b.sql\nMODEL (name s.b, kind EMBEDDED);\nSELECT 1 AS x\n\
                 //- external_models.yaml\n- name: s.c\n  columns: {x: INT}\n";
    let loaded = with_defaults(TWO, model);
    assert_eq!(told(&loaded), "");
    for name in ["s.a", "s.b", "s.c"] {
        let model = of(&loaded, name);
        assert!(model.pre_statements.is_empty() && model.post_statements.is_empty(), "{name}");
    }
}

#[test]
fn a_mistake_is_told_once_at_its_place_in_the_configuration() {
    let models = "//- models/a.sql\nMODEL (name s.a, kind FULL);\nSELECT 1 AS x\n\
                  //- models/b.sql\nMODEL (name s.b, kind FULL);\nSELECT 1 AS x\n";
    let cases = [
        (
            "SET VARIABLE f = @factr",
            "Error unknown-macro config.yaml:5:3: `@factr` is neither",
            "did you mean `@factor`?",
        ),
        (
            "SELECT 1; SELECT 2",
            "Error invalid-statement config.yaml:5:3: default statement 1 holds 2 statements, one is expected",
            "item",
        ),
        (
            "'-- nothing'",
            "Error invalid-statement config.yaml:5:3: default statement 1 holds 0 statements, one is expected",
            "item",
        ),
        (
            "SELECT 'a",
            "Error invalid-statement config.yaml:5:3: default statement 1 cannot be cut into words",
            "string",
        ),
        ("'@DEF(a, 1)'", "Error invalid-statement config.yaml:5:3: `@DEF` in default statement 1", "`variables`"),
        (
            "JINJA_STATEMENT_BEGIN; SET x = 1; JINJA_END;",
            "Error invalid-statement config.yaml:5:3: default statement 1 has",
            "@",
        ),
    ];
    for (statement, message, help) in cases {
        let loaded = with_defaults(&format!("  post_statements:\n    - {statement}"), models);
        let told = told(&loaded);
        assert!(told.starts_with(message) && told.contains(help) && !told.contains('\n'), "{statement}: {told}");
        assert_eq!(loaded.project.models.len(), 2);
    }
}

#[test]
fn a_gateways_list_stands_instead_of_the_projects() {
    let config = "//- config.yaml\ngateways:\n  local:\n    connection: {type: duckdb, database: db}\n    \
                  model_defaults: {pre_statements: SET VARIABLE of = 'gateway'}\nmodel_defaults:\n  dialect: duckdb\n  \
                  pre_statements: SET VARIABLE of = 'project'\n  post_statements: [CHECKPOINT]\n\
                  //- models/a.sql\nMODEL (name s.a, kind FULL);\nSELECT 1 AS x\n";
    let loaded = load_tree(&TextTree::parse(config), &ModelCache::new());
    let model = model(&loaded);
    assert_eq!(texts(&model.pre_statements), ["SET VARIABLE of = 'gateway'"]);
    assert_eq!(texts(&model.post_statements), ["CHECKPOINT"]);
}
