//! Jinja blocks of model files, and the macros of `macros/*.sql`.

use super::*;
use crate::sql::{Placeholder, Template};

const MACROS: &str = "//- macros/shared.sql
{# nothing of this is printed #}
{% macro cents(column) -%} CAST({{ column }} * 100 AS BIGINT) {%- endmacro %}
some text between
{%- macro each(columns) %}{% for column in columns %}{{ cents(column) }} AS {{ column }}{{ ', ' if not loop.last }}{% endfor %}{% endmacro -%}
";

fn rendered(template: &Template) -> String {
    template.render(&[], &|placeholder| match placeholder {
        Placeholder::Time(variable) => format!("<{}>", variable.name()),
        Placeholder::This(name) => format!("<this {name}>"),
    })
}

/// The query of a model whose Jinja block has this body.
fn query(body: &str) -> String {
    let text = format!("MODEL (name s.a, kind FULL);\nJINJA_QUERY_BEGIN;\n{body}\nJINJA_END;");
    let loaded = loaded(&format!("{MACROS}//- models/a.sql\n{text}\n"));
    assert!(!crate::problem::has_errors(&loaded.problems), "{}", told(&loaded));
    let model = loaded.project.models.values().next().expect("a model");
    rendered(model.query.as_ref().expect("a query").template())
}

/// What is told of it.
fn refused(body: &str) -> String {
    told(&file(&format!("MODEL (name s.a, kind FULL);\nJINJA_QUERY_BEGIN;\n{body}\nJINJA_END;")))
}

#[test]
fn a_block_gives_sql_whose_macros_are_expanded_too() {
    for (body, expected) in [
        ("SELECT {{ 1 + 1 }} AS x;", "SELECT 2 AS x"),
        ("SELECT {{ 'a' }}::INT, @region", "SELECT a::INT AS a, 'eu' AS \"eu\""),
        ("SELECT {% for x in ['a', 'b'] %}{{ x }}{{ ', ' if not loop.last }}{% endfor %}", "SELECT a, b"),
        ("SELECT '{{ var('region') }}' AS r, {{ var('none', 3) }} AS n", "SELECT 'eu' AS r, 3 AS n"),
        ("SELECT {{ cents('a') }} AS a", "SELECT CAST(a * 100 AS BIGINT) AS a"),
        ("SELECT {{ each(['a', 'b']) }}", "SELECT CAST(a * 100 AS BIGINT) AS a, CAST(b * 100 AS BIGINT) AS b"),
        (
            "{% set t = 'raw' %}SELECT 1 AS n FROM {{ t }}.x WHERE '{{ gateway }}' = @region",
            "SELECT 1 AS n FROM raw.x WHERE 'local' = 'eu'",
        ),
        (
            "SELECT '{{ gateway() }}' AS g{% if gateway () == 'local' %}, '{{ gateway }}' AS one{% endif %}",
            "SELECT 'local' AS g, 'local' AS one",
        ),
        // Python's methods, and its order of mappings.
        (
            "{% set m = {'b': 'Two', 'a': 'one'} %}SELECT {% for k, v in m.items() %}{% if v.startswith('x') %}{% continue %}{% endif %}'{{ v.upper() }}' AS {{ k }}{{ ', ' if not loop.last }}{% endfor %}",
            "SELECT 'TWO' AS b, 'ONE' AS a",
        ),
        ("SELECT {{ 'a b'.split(' ') | join(', ') }}, {{ ' c '.strip() }}", "SELECT a, b, c"),
        (
            "{% set ns = namespace(all=[]) %}{% for x in ['a', 'b'] %}{% set ns.all = ns.all + [x] %}{% endfor %}SELECT {{ ns.all | join(', ') }}",
            "SELECT a, b",
        ),
        ("SELECT '{{ \"first_name b2b they re\".title() }}' AS x", "SELECT 'First_Name B2B They Re' AS x"),
        ("SELECT '{{ model_kind_name }}' AS k, 'it''s -- {{ 1 }}' AS s", "SELECT 'FULL' AS k, 'it''s -- 1' AS s"),
    ] {
        assert_eq!(query(body), expected, "{body}");
    }
}

#[test]
fn times_stay_open() {
    for (body, expected) in [
        (
            "SELECT 1 AS x WHERE ds BETWEEN '{{ start_ds }}' AND '{{ end_ds }}'",
            "SELECT 1 AS x WHERE ds BETWEEN <start_ds> AND <end_ds>",
        ),
        (
            "SELECT {{ execution_epoch }} AS x, 'to {{ end_date }}' AS y",
            "SELECT <execution_epoch> AS x, ('to ' || <end_ds>) AS y",
        ),
        ("SELECT 1 AS x FROM t, {{ this_model }}", "SELECT 1 AS x FROM t, <this s.a>"),
    ] {
        assert_eq!(query(body), expected, "{body}");
    }
    for body in
        ["SELECT {% if start_ds > '2020' %}1{% endif %} AS x", "SELECT '{{ start_ds | replace('-', '') }}' AS x"]
    {
        assert!(refused(body).contains("`start_ds` is only known when the statement runs"), "{}", refused(body));
    }
    for body in [
        "{% set t %}{{ start_ds }}{% endset %}SELECT '{{ t[:4] }}' AS x",
        "SELECT '{% filter upper %}{{ start_ds }}{% endfilter %}' AS x",
        "SELECT '{{ this_model[1:4] }}' AS x",
        "SELECT '{{ start_ds.upper() }}' AS x",
        "SELECT '{{ this_model.upper() }}' AS x",
        "SELECT 1 AS x FROM t_{{ start_ds }}",
        "SELECT {{ start_ds }} AS x",
        "SELECT 'of {{ this_model }}' AS x",
    ] {
        assert!(refused(body).contains("models/a.sql:"), "{body}");
    }
}

#[test]
fn what_cannot_be_rendered_is_told_with_its_place() {
    for (body, what) in [
        ("SELECT\n  {{ nobody }} AS x", "models/a.sql:4:1: Jinja: undefined value"),
        ("SELECT {{ 'a'.nothing() }} AS x", "models/a.sql:3:1: Jinja: unknown method"),
        ("{% set all = [] %}{% do all.add('x') %}SELECT 1 AS x", "models/a.sql:3:1: Jinja: unknown method"),
        ("SELECT {{ ref('x') }} AS x", "models/a.sql:3:1: Jinja: unknown function: ref is unknown"),
        ("SELECT\n{% for %} AS x", "models/a.sql:4:1: Jinja: syntax error"),
        (
            "SELECT {% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}1 AS x",
            "Jinja: engine ran out of fuel",
        ),
        ("SELECT '{{ 1 }} AS x", "cannot be cut into words"),
        ("SELECT '{{ runtime_stage }}' AS x", "a query cannot depend on `@runtime_stage`"),
        ("SELECT {% include 'config.yaml' %} AS x", "Jinja: template not found"),
    ] {
        assert!(refused(body).contains(what), "{body}: {}", refused(body));
    }
    let text = "//- macros/a.sql\n{% macro x( %}{% endmacro %}\n//- models/a.sql\nMODEL (name s.a); SELECT 1 AS x\n";
    assert_eq!(codes(&loaded(text)), ["invalid-macro"]);
}

#[test]
fn macros_fill_lists_as_those_of_dbt_do() {
    let text = "//- macros/hash.sql\n{% macro hash(columns) %}\n{% set parts = [] %}{% for column in columns %}\n\
                {% do parts.append(\"lower(\" ~ column ~ \")\") %}{% endfor %}\nmd5({{ parts | join(' || ') }})\n{% endmacro %}\n\
                //- models/a.sql\nMODEL (name s.a);\nJINJA_QUERY_BEGIN;\n{% set columns = ['x'] %}{% do columns.append('y') %}\n\
                SELECT {{ hash(columns) }} AS h FROM (SELECT 1 AS x, 2 AS y)\nJINJA_END;\n";
    let loaded = loaded(text);
    let query = rendered(model(&loaded).query.as_ref().expect("a query").template());
    assert_eq!(
        query.split_whitespace().collect::<Vec<_>>().join(" "),
        "SELECT md5(lower(x) || lower(y)) AS h FROM (SELECT 1 AS x, 2 AS y)"
    );
}

#[test]
fn statements_are_rendered_where_they_stand_and_places_stay() {
    let text = "MODEL (name s.a, kind FULL);\nJINJA_STATEMENT_BEGIN;\nCREATE TEMP TABLE {{ 'ü' }} (a INT);\nJINJA_END;\nSELECT 1 AS x;\n\
                jinja_statement_begin; {% if gateway == 'other' %} DROP TABLE x {% endif %} jinja_end;\n-- JINJA_QUERY_BEGIN;\nVACUUM; @nobody";
    let loaded = file(text);
    assert!(told(&loaded).contains("models/a.sql:8:9: `@nobody` is neither"), "{}", told(&loaded));
    let model = loaded.project.models.values().next().expect("a model");
    let statements = |templates: &[Template]| templates.iter().map(rendered).collect::<Vec<_>>();
    assert_eq!(statements(&model.pre_statements), ["CREATE TEMP TABLE ü (a INT)"]);
    assert_eq!(statements(&model.post_statements), ["VACUUM", "@nobody"]);
    assert_eq!(rendered(model.query.as_ref().expect("a query").template()), "SELECT 1 AS x");
}

#[test]
fn a_block_about_the_view_may_give_several_statements() {
    let text = "MODEL (name s.a, kind FULL);\nON_VIRTUAL_UPDATE_BEGIN;\nJINJA_STATEMENT_BEGIN;\n\
                {% for r in ['user1', 'us;er2'] %} GRANT SELECT ON {{ this_model }} TO '{{ r }}'; {% endfor %}\nJINJA_END;\n\
                ON_VIRTUAL_UPDATE_END;\nSELECT 1 AS x";
    let statements = |text: &str| {
        let loaded = file(text);
        model(&loaded).on_virtual_update.iter().map(rendered).collect::<Vec<_>>()
    };
    let grants = ["GRANT SELECT ON <this s.a> TO 'user1'", "GRANT SELECT ON <this s.a> TO 'us;er2'"];
    assert_eq!(statements(text), grants);
    assert_eq!(statements(&text.replace("'user1', 'us;er2'", "")), Vec::<String>::new());
    assert_eq!(codes(&file(&text.replace("'user1'", "'user1', \"'; COMMIT; '\""))), ["invalid-statement"]);
}

#[test]
fn a_macros_text_counts_where_it_is_used() {
    let project = |rate: &str| {
        let macros = format!("//- macros/a.sql\n{{% macro rate() %}}{rate}{{% endmacro %}}\n");
        loaded(&format!(
            "{macros}//- models/a.sql\nMODEL (name s.a, kind FULL);\nJINJA_QUERY_BEGIN;\nSELECT {{{{ rate() }}}} AS x\nJINJA_END;\n"
        ))
    };
    let text = |loaded: &Loaded| rendered(model(loaded).query.as_ref().expect("a query").template());
    assert_eq!((text(&project("1")), text(&project("2"))), ("SELECT 1 AS x".to_owned(), "SELECT 2 AS x".to_owned()));
    // A model that was read before is not taken over by another macro's text.
    assert_ne!(model(&project("1")).source, model(&project("2")).source);
}

#[test]
fn a_variable_may_be_a_mapping_of_lists_of_mappings() {
    let body = "SELECT {{ var('m')['a']['b'] }} AS a{% for f in var('m').l | selectattr('on') %}, {{ f.x }} AS {{ f.name }}{% endfor %}";
    let text = format!("MODEL (name s.a, kind FULL);\nJINJA_QUERY_BEGIN;\n{body}\nJINJA_END;");
    let config = "//- config.yaml\nmodel_defaults: {dialect: duckdb}\nvariables: {m: {a: {b: 1}, l: [{x: 2, name: p, on: true}, {x: 3, name: q, on: false}]}}\n";
    let loaded = load_tree(&TextTree::parse(&format!("{config}//- models/a.sql\n{text}\n")), &ModelCache::new());
    assert_eq!(rendered(model(&loaded).query.as_ref().expect("a query").template()), "SELECT 1 AS a, 2 AS p");
}
