//! `MODEL` blocks: every property, and every mistake with its place.

use super::*;
use crate::model::{Grant, Grantee};
use crate::problem::{Severity, has_errors};
use crate::sql::{Piece, TimeVariable};
use crate::time::IntervalUnit;

#[test]
fn a_whole_model_is_read() {
    let loaded = file(
        "-- Orders per day.
MODEL (
  name Shop.Daily_Orders,
  kind incremental_by_time_range (time_column (ds, '%Y%m%d'), lookback 2, batch_size 30, batch_concurrency 4,),
  cron '@hourly', -- a comment, with a comma
  interval_unit five_minute,
  start '1 week ago', end '2026-01-31',
  owner jen, tags (finance, 'core'), stamp 'v2',
  columns (ds DATE NOT NULL, amount DECIMAL( 10,2 ) COMMENT 'not null', s STRUCT<a INT, b MAP<TEXT, INT>> DEFAULT f(1, 2)),
  column_descriptions (ds = 'the day', amount = 'in ''euro'''),
  depends_on [s.a], grain ds, grains ((ds, amount), amount),
  audits (not_null(columns := (ds, amount)), unique_values(columns := (ds)), not_constant(column := ds)),
  partitioned_by (ds, DATE_TRUNC('month', ds)), clustered_by amount,
  physical_properties (x = 'y', z = 1), references (a, b), cron_tz 'Europe/Berlin',
);
SET x = 1;
SELECT ds, amount, s FROM s.orders WHERE ds BETWEEN @start_ds AND @end_ds;
ANALYZE; -- done
//- models/s.sql
MODEL (name s.a); SELECT 1 AS x
//- models/o.sql
MODEL (name s.orders); SELECT 1 AS x",
    );
    assert_eq!(loaded.problems, []);
    let name = ModelName::parse("shop.daily_orders").expect("a name");
    let model = &loaded.project.models[&name];
    let properties = &model.properties;
    insta::assert_debug_snapshot!((&model.kind, &properties.columns, &properties.audits), @r#"
    (
        TimeRange(
            TimeRange {
                time_column: "ds",
                format: "%Y%m%d",
                lookback: 2,
                batch_size: Some(
                    30,
                ),
                batch_concurrency: Some(
                    4,
                ),
                past: Recomputed,
                effective_from: None,
                changes: ColumnChanges {
                    destructive: Refused,
                    additive: Taken,
                },
            },
        ),
        [
            DeclaredColumn {
                name: "ds",
                data_type: Some(
                    "DATE",
                ),
            },
            DeclaredColumn {
                name: "amount",
                data_type: Some(
                    "DECIMAL( 10,2 )",
                ),
            },
            DeclaredColumn {
                name: "s",
                data_type: Some(
                    "STRUCT<a INT, b MAP<TEXT, INT>>",
                ),
            },
        ],
        [
            AuditCall {
                name: "not_null",
                arguments: {
                    "columns": "(ds, amount)",
                },
            },
            AuditCall {
                name: "unique_values",
                arguments: {
                    "columns": "(ds)",
                },
            },
            AuditCall {
                name: "not_constant",
                arguments: {
                    "column": "ds",
                },
            },
        ],
    )
    "#);
    assert_eq!(model.unit(), IntervalUnit::FiveMinute);
    assert_eq!(properties.start.as_ref().map(|time| (time.text.as_str(), time.absolute)), Some(("1 week ago", None)));
    let end = properties.end.as_ref().and_then(|time| time.absolute).map(crate::time::Timestamp::date);
    assert_eq!(end.as_deref(), Some("2026-02-01"));
    assert_eq!(properties.grains, [vec!["ds"], vec!["ds", "amount"], vec!["amount"]]);
    assert_eq!(properties.partitioned_by, ["ds", "DATE_TRUNC('month', ds)"]);
    assert_eq!(properties.clustered_by, ["amount"]);
    assert_eq!(properties.column_descriptions["amount"], "in 'euro'");
    assert_eq!(properties.physical_properties["x"], "'y'");
    assert_eq!(properties.description.as_deref(), Some("Orders per day."));
    assert_eq!(properties.owner.as_deref(), Some("jen"));
    assert_eq!(properties.other_metadata["cron_tz"], "'Europe/Berlin'");
    assert_eq!(properties.cron_tz.name(), "Europe/Berlin");
    assert_eq!(model.pre_statements[0].text(), "SET x = 1");
    assert_eq!(model.post_statements[0].text(), "ANALYZE");
    let pieces = model.query.as_ref().expect("a query").template().pieces();
    let times = pieces.iter().filter(|piece| matches!(piece, Piece::Time { .. })).count();
    assert_eq!(times, 2);
}

#[test]
fn defaults_fill_what_is_not_given() {
    let fixture = "//- config.yaml
model_defaults:
  dialect: duckdb
  kind: {name: incremental_by_unique_key, unique_key: [id, day]}
  cron: '@weekly'
  owner: jen's team
  audits: [not_null(columns := (id))]
  physical_properties: {a: 1, b: two}
//- models/a.sql
MODEL (name s.a, owner tim, audits (not_constant(column := id)), physical_properties (b = 'mine')); SELECT 1 AS id
//- models/b.sql
MODEL (name s.b, kind VIEW); SELECT 1 AS id
";
    let loaded = load_tree(&TextTree::parse(fixture), &ModelCache::new());
    assert_eq!(loaded.problems, []);
    let models: Vec<&Model> = loaded.project.models.values().map(AsRef::as_ref).collect();
    let Kind::UniqueKey(kind) = &models[0].kind else { panic!("a unique key") };
    assert_eq!(kind.unique_key, ["id", "day"]);
    assert_eq!(models[0].properties.owner.as_deref(), Some("tim"));
    assert_eq!(models[0].properties.audits.len(), 2);
    assert_eq!(models[0].properties.physical_properties["a"], "1");
    assert_eq!(models[0].properties.physical_properties["b"], "'mine'");
    assert_eq!(models[1].kind, Kind::View);
    assert_eq!(models[1].properties.owner.as_deref(), Some("jen's team"));
    assert_eq!(models[1].properties.cron.text(), "@weekly");
}

#[test]
fn a_default_that_is_wrong_is_told_once_at_its_line() {
    let fixture = "//- config.yaml
model_defaults:
  dialect: duckdb
  cron: sometimes
  kind: INCREMENTAL_BY_TIME_RANGE
//- models/a.sql
MODEL (name s.a, kind FULL); SELECT 1 AS x
//- models/b.sql
MODEL (name s.b, kind FULL); SELECT 1 AS x
";
    let loaded = load_tree(&TextTree::parse(fixture), &ModelCache::new());
    assert_eq!(codes(&loaded), ["invalid-property", "missing-property"]);
    let lines: Vec<_> = loaded.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [Some(3), Some(4)]);
    assert_eq!(loaded.project.models.len(), 2);
}

#[test]
fn properties_that_are_wrong_are_told_with_their_place() {
    let loaded = file(
        "MODEL (
  name s.a,
  knid FULL,
  owner (a, b),
  cron sometimes,
  interval_unit fortnight,
  start whenever,
  enabled perhaps,
  columns (a),
  audits (a(b)),
  grain (a, (b)),
  depends_on (a.b.c.d),
  owner (a, b),
  tags,
  17 + 4,
);
SELECT 1 AS x",
    );
    insta::assert_snapshot!(told(&loaded), @r"
    Error unknown-property models/a.sql:3:3: a model has no property `knid` (did you mean `kind`?)
    Warning duplicate-property models/a.sql:4:3: `owner` is given more than once, and the last one counts (keep one of them)
    Error invalid-property models/a.sql:5:8: `cron` must be a schedule (`sometimes` is neither five fields nor one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually), found `sometimes` (-)
    Error invalid-property models/a.sql:6:17: `interval_unit` must be one of year, month, day, hour, half_hour, quarter_hour, five_minute, found `fortnight` (-)
    Error invalid-property models/a.sql:7:9: `start` must be a date, a time, or a text such as `1 week ago`, found `whenever` (-)
    Error invalid-property models/a.sql:8:11: `enabled` must be true or false, found `perhaps` (-)
    Error invalid-property models/a.sql:9:11: `columns` must be columns with types such as (id INT, amount DECIMAL(10, 2)), found `(a)` (-)
    Error invalid-property models/a.sql:10:10: `audits` must be audits such as (not_null(columns := (id)), unique_values(columns := (id))), found `(a(b))` (-)
    Error invalid-property models/a.sql:11:9: `grain` must be a list of names or texts, found `(a, (b))` (-)
    Error invalid-property models/a.sql:12:14: `depends_on` must be a list in which each is a name of one to three parts such as `schema.model`, found `(a.b.c.d)` (-)
    Error invalid-property models/a.sql:13:9: `owner` must be one text, found `(a, b)` (-)
    Error invalid-property models/a.sql:14:3: `tags` has no value (write the value behind it, or remove it)
    Error invalid-property models/a.sql:15:3: expected the name of a property, found `17 + 4` (write each property as its name and its value, with commas between them)
    ");
}

#[test]
fn later_properties_stop_and_unhonoured_ones_warn() {
    for property in ["physical_version '1'", "default_catalog c"] {
        let loaded = with(property);
        assert_eq!(codes(&loaded), ["unsupported-property"], "{property}");
        assert!(has_errors(&loaded.problems));
    }
    for property in ["gateway local", "virtual_environment_mode full", "allow_partials false", "formatting false"] {
        assert_eq!(with(property).problems, [], "{property}");
    }
    assert_eq!(with("virtual_properties (labels = [('a', 'b')], x = 1)").problems, [], "no engine here takes them");
    assert_eq!(codes(&with("virtual_properties (1)")), ["invalid-property"]);
    assert_eq!(codes(&with("virtual_environment_mode some")), ["invalid-property"]);
    let unhonoured = [
        "virtual_properties (Creatable_Type = SECURE)",
        "grants_target_layer all",
        "virtual_environment_mode dev_only",
    ];
    for property in unhonoured {
        let loaded = with(property);
        assert_eq!((codes(&loaded), loaded.problems[0].severity), (vec!["unsupported-property"], Severity::Warning));
    }
    let grants = |text: &str| {
        let loaded = with(&format!("grants {text}"));
        assert_eq!(codes(&loaded), ["unsupported-property"], "DuckDB has none");
        loaded.project.models.values().next().and_then(|model| model.properties.grants.clone())
    };
    let role = |name: &str| Grantee::Role(name.to_owned());
    let select = |to: Vec<Grantee>| Some(vec![Grant { privilege: "SELECT".to_owned(), to }]);
    assert_eq!(grants("('select' = ['Analysts', PUBLIC])"), select(vec![role("analysts"), Grantee::Everybody]));
    assert_eq!(grants("(select = '\"Analysts\"')"), select(vec![role("Analysts")]));
    assert_eq!(grants("(SELECT := ('me@example.com', \"b\"))"), select(vec![role("me@example.com"), role("b")]));
    let nested = grants("(select = (a, ['b', (c)], d))");
    assert_eq!(nested, select(["a", "b", "c", "d"].map(role).to_vec()));
    assert_eq!(grants("(select = Analysts), dialect postgres"), select(vec![role("analysts")]));
    assert_eq!((grants("()"), model(&with("owner me")).properties.grants.clone()), (Some(Vec::new()), None));
    for wrong in ["select", "(select)", "(select = [])", "(1 = a)", "(select = a, Select = b)", "(select = '')"] {
        assert_eq!(codes(&with(&format!("grants {wrong}"))), ["invalid-property"], "{wrong}");
    }
    assert_eq!(codes(&with("grants_target_layer views")), ["invalid-property"]);
    let loaded = with("signals (ready(a := 1))");
    assert_eq!((codes(&loaded), loaded.problems[0].severity), (vec!["unsupported-property"], Severity::Warning));
}

/// SQLMesh takes a unit that is coarser than `cron` where parts of it are loaded.
#[test]
fn units_may_be_loaded_in_part() {
    let often = "cron '@hourly', interval_unit day";
    let by_time = "kind INCREMENTAL_BY_TIME_RANGE (time_column x)";
    for kind in ["kind FULL", "kind VIEW", "kind EMBEDDED", by_time] {
        assert_eq!(with(&format!("{kind}, {often}, allow_partials TRUE")).problems, [], "{kind}");
        assert_eq!(codes(&with(&format!("{kind}, {often}, allow_partials false"))), ["coarse-interval-unit"], "{kind}");
    }
    assert_eq!(codes(&with("kind FULL, allow_partials perhaps")), ["invalid-property"]);
    let by_key = "kind INCREMENTAL_BY_UNIQUE_KEY (unique_key x)";
    for allowed in [by_key, "kind INCREMENTAL_BY_UNIQUE_KEY (unique_key x, forward_only true)"] {
        assert_eq!(with(&format!("{allowed}, allow_partials true")).problems, [], "{allowed}");
    }
    let by_key = "kind INCREMENTAL_BY_UNIQUE_KEY (unique_key x, forward_only true, merge_filter source.x > 1)";
    let query = "SELECT 1 AS x WHERE 1 BETWEEN @start_epoch AND @end_epoch";
    let text = format!("{CONFIG}//- models/a.sql\nMODEL (name s.a, {by_key});\n{query}\n");
    let text = text.replace("owner: data team", "owner: data team, allow_partials: true");
    let of_default = load_tree(&TextTree::parse(&text), &ModelCache::new());
    assert_eq!(codes(&of_default), ["unsupported-property"]);
    let own = load_tree(
        &TextTree::parse(&text.replace(by_key, &format!("{by_key}, allow_partials false"))),
        &ModelCache::new(),
    );
    assert_eq!(own.problems, []);
}

#[test]
fn a_time_zone_is_one_that_there_is() {
    let zone = |properties: &str| model(&with(properties)).properties.cron_tz.name();
    assert_eq!(["cron '@daily'", "cron_tz ''", "cron_tz 'UTC'"].map(zone), ["UTC"; 3]);
    let told = told(&with("kind FULL, cron_tz 'Europe/Berln'"));
    let expected = "must be a time zone such as Europe/Berlin (did you mean `Europe/Berlin`?), found `'Europe/Berln'`";
    assert!(told.contains("models/a.sql:1:") && told.contains(expected), "{told}");
    let text = format!("{CONFIG}//- models/a.sql\nMODEL (name s.a, kind FULL);\nSELECT 1 AS x\n");
    let text = text.replace("owner: data team", "owner: data team, cron_tz: America/New_York");
    let loaded = load_tree(&TextTree::parse(&text), &ModelCache::new());
    assert_eq!(model(&loaded).properties.cron_tz.name(), "America/New_York");
}

#[test]
fn the_interval_unit_must_not_be_coarser_than_cron() {
    let loaded = with("cron '@hourly', interval_unit day");
    assert_eq!(codes(&loaded), ["coarse-interval-unit"]);
    assert_eq!(model(&with("cron '@daily', interval_unit hour")).unit(), IntervalUnit::Hour);
    assert_eq!(model(&with("cron @weekly")).unit(), IntervalUnit::Day);
    assert_eq!(codes(&with("start '2026-02-01', end '2026-01-31'")), ["invalid-property"]);
}

#[test]
fn names_are_needed_or_inferred() {
    let loaded = file("MODEL (kind FULL); SELECT 1 AS x");
    assert_eq!(codes(&loaded), ["missing-name"]);
    assert_eq!(codes(&file("MODEL (name a.b.c.d); SELECT 1 AS x")), ["invalid-property"]);
    let fixture = "//- config.yaml
model_defaults: {dialect: duckdb}
model_naming: {infer_names: true}
//- models/Deep/er/staging/orders.sql
MODEL (kind FULL); SELECT 1 AS x
";
    let loaded = load_tree(&TextTree::parse(fixture), &ModelCache::new());
    assert_eq!(model(&loaded).name.to_string(), "er.staging.orders");
}

#[test]
fn a_disabled_model_is_skipped() {
    let loaded = file("MODEL (name s.a, enabled false, nonsense 1); SELECT @foo");
    assert_eq!((loaded.problems.len(), loaded.project.models.len()), (0, 0));
}

#[test]
fn a_duplicate_model_names_both_files_and_lines() {
    let loaded = loaded(
        "//- models/a.sql\nMODEL (name s.a); SELECT 1 AS x\n//- models/b.sql\n\nMODEL (\n  name \"S\".A); SELECT 2 AS x\n",
    );
    insta::assert_snapshot!(told(&loaded), @"Error duplicate-model models/b.sql:3:8: model `s.a` is defined twice: in `models/a.sql` line 1 and in `models/b.sql` line 3 (rename one of the two, or delete it)");
}

/// Those that SQLGlot knows beside ours.
#[test]
fn every_dialect_of_sqlmesh_is_one() {
    for dialect in ["sqlite", "teradata", "oracle", "dune", "materialize", "singlestore", "druid", "exasol"] {
        let loaded = with(&format!("dialect {dialect}"));
        assert_eq!(loaded.problems, [], "{dialect}");
    }
}

#[test]
fn files_that_are_no_model_are_told() {
    let cases = [
        ("SELECT 1 AS x", "missing-model-block"),
        ("MODEL (name s.a); SET x = 1", "missing-query"),
        ("MODEL (name s.a); SELECT 1 AS x; SELECT 2 AS y", "two-queries"),
        ("MODEL (name s.a); SELECT 1 AS x; MODEL (name s.b)", "two-models"),
        ("MODEL (name s.a, kind FULL SELECT 1 AS x", "open-model-block"),
        ("MODEL (name s.a) SELECT 1 AS x", "open-model-block"),
        ("MODEL (name s.a); SELECT 'x", "unreadable-sql"),
        ("MODEL (name s.a, dialect duckbd); SELECT 1 AS x", "unknown-dialect"),
        ("MODEL (name s.a, dialect 'duckdb, sort = x'); SELECT 1 AS x", "unknown-dialect"),
        ("MODEL (name s.a); SELECT 1 AS x; ON_VIRTUAL_UPDATE_BEGIN; GRANT x; SELECT 3;", "open-block"),
        (
            "MODEL (name s.a); SELECT 1 AS x; ON_VIRTUAL_UPDATE_BEGIN; COMMIT; ON_VIRTUAL_UPDATE_END",
            "invalid-statement",
        ),
        (
            "MODEL (name s.a); SELECT 1 AS x; ON_VIRTUAL_UPDATE_BEGIN; PRAGMA x = 1; ON_VIRTUAL_UPDATE_END",
            "invalid-statement",
        ),
        (
            "MODEL (name s.a); SELECT 1 AS x; ON_VIRTUAL_UPDATE_BEGIN; @SQL('set x = 1'); ON_VIRTUAL_UPDATE_END",
            "invalid-statement",
        ),
        (
            "MODEL (name s.a); SELECT 1 AS x; ON_VIRTUAL_UPDATE_BEGIN; @SQL('GRANT x; COMMIT'); ON_VIRTUAL_UPDATE_END",
            "invalid-statement",
        ),
        (
            "MODEL (name s.a, kind EMBEDDED); SELECT 1 AS x; ON_VIRTUAL_UPDATE_BEGIN; GRANT x; ON_VIRTUAL_UPDATE_END",
            "statements-not-run",
        ),
        ("MODEL (name s.a); JINJA_QUERY_BEGIN; SELECT {{ it's }}; JINJA_END;", "unknown-macro"),
        ("MODEL (name s.a); JINJA_QUERY_BEGIN; SELECT {{ nobody }}; JINJA_END;", "unknown-macro"),
        ("MODEL (name s.a); JINJA_STATEMENT_BEGIN; SET x = 1; JINJA_END;", "missing-query"),
        ("MODEL (name s.a); SELECT 1 AS x; AUDIT (name b); SELECT 3", "unused-audit"),
        ("MODEL (name s.a); @UNION('ALL', a, b)", "unknown-macro"),
        ("MODEL (name s.a); @start_ds", "missing-query"),
        ("MODEL (name s.a); @INSERT_SEED(); SELECT 1 AS x", "unknown-macro"),
        ("MODEL (name s.a); SELECT 1 AS x\u{0}", "nul-character"),
    ];
    for (text, code) in cases {
        let loaded = file(text);
        assert!(codes(&loaded).contains(&code), "{text}: {:?}", codes(&loaded));
        assert!(loaded.problems.len() <= 2, "{text}: {}", told(&loaded));
        assert!(loaded.problems.iter().all(|problem| problem.line.is_some()), "{text}");
    }
    assert_eq!(file("-- nothing yet\n").problems, []);
}

#[test]
fn statements_for_the_view_stand_apart() {
    let text = "MODEL (name s.a, kind FULL); ON_VIRTUAL_UPDATE_BEGIN; GRANT SELECT ON @this_model TO @who; SELECT 3; \
                @IF(@runtime_stage = 'promoting', ANALYZE) on_virtual_update_end; SELECT 1 AS x; VACUUM;";
    let loaded = loaded(&format!(
        "//- config.yaml\nmodel_defaults: {{dialect: duckdb, on_virtual_update: [\"GRANT x ON @this_model\"]}}\nvariables: {{who: 'bi'}}\n\
         //- models/a.sql\n{text}"
    ));
    let model = model(&loaded);
    let texts: Vec<String> = model.on_virtual_update.iter().map(|statement| statement.text()).collect();
    assert_eq!(texts, ["GRANT x ON s.a", "GRANT SELECT ON s.a TO 'bi'", "SELECT 3", "ANALYZE"]);
    assert_eq!((model.pre_statements.len(), model.post_statements.len()), (0, 1));
}

#[test]
fn what_is_not_known_leaves_the_rest_standing() {
    let loaded = loaded_with_broken();
    assert_eq!(codes(&loaded), ["unknown-kind"]);
    assert!(loaded.project.broken.contains(&ModelName::parse("s.a").expect("a name")));
}

fn loaded_with_broken() -> Loaded {
    loaded(
        "//- models/a.sql\nMODEL (name s.a, kind MANAGE); SELECT 1 AS x\n//- models/b.sql\nMODEL (name s.b, depends_on (s.a)); SELECT 1 AS x\n",
    )
}

#[test]
fn a_default_may_be_a_macro() {
    let of = |cron: &str| {
        let start = "@IF(@gateway = 'local', '2026-11-10', '2024-01-01')";
        loaded(&format!(
            "//- config.yaml\ngateways: {{local: {{connection: {{type: duckdb}}}}}}\nvariables: {{every: '@hourly'}}\n\
             model_defaults: {{dialect: duckdb, cron: \"{cron}\", start: \"{start}\"}}\n//- models/a.sql\nMODEL (name s.a); SELECT 1 AS x\n"
        ))
    };
    for (written, expected) in [
        ("@every", "@hourly"),
        ("@{every}", "@hourly"),
        ("@IF(true, '@weekly', '@daily')", "@weekly"),
        ("@daily", "@daily"),
    ] {
        let loaded = of(written);
        let properties = &model(&loaded).properties;
        let start = properties.start.as_ref().map(|start| start.text.as_str());
        assert_eq!((properties.cron.text(), start), (expected, Some("2026-11-10")), "{written}");
    }
    assert_eq!(codes(&of("@nobody")), ["unknown-macro"]);
    let gateway = |name: &str| {
        loaded(&format!(
            "//- config.yaml\ngateways: {{local: {{connection: {{type: duckdb}}}}}}\n\
             model_defaults: {{dialect: duckdb, gateway: {name}}}\n//- models/a.sql\nMODEL (name s.a); SELECT 1 AS x\n"
        ))
    };
    assert_eq!(codes(&gateway("local")), Vec::<&str>::new());
    assert_eq!(codes(&gateway("other")), ["other-gateway"]);
}

#[test]
fn a_model_needs_a_dialect() {
    let fixture = "//- config.yaml\n\n//- models/a.sql\nMODEL (name s.a); SELECT 1 AS x\n//- models/b.sql\nMODEL (name s.b, dialect 'Snowflake'); SELECT 1 AS x\n";
    let loaded = load_tree(&TextTree::parse(fixture), &ModelCache::new());
    assert_eq!(codes(&loaded), ["missing-dialect"]);
    let dialects: Vec<_> = loaded.project.models.values().map(|model| model.dialect).collect();
    assert_eq!(dialects, [Dialect::Generic, Dialect::Snowflake]);
}

#[test]
fn macros_reach_statements_and_the_query() {
    let loaded = file(
        "MODEL (name s.a);\nSET x = @execution_ts;\nSELECT @region AS r, '@start_ds' AS s FROM read_csv('x.csv');\nDELETE FROM x WHERE d < @start_date",
    );
    let model = loaded.project.models.values().next().expect("a model");
    assert!(model.pre_statements[0].mentions_time() && !model.pre_statements[0].mentions_interval());
    assert!(model.post_statements[0].mentions_interval());
    let query = model.query.as_ref().expect("a query");
    assert!(query.text().contains("'eu' AS r, '@start_ds' AS s"), "{}", query.text());
    let loaded = file("MODEL (name s.a);\n\nSELECT\n  @strat_ds AS x");
    assert_eq!(
        told(&loaded),
        "Error unknown-macro models/a.sql:4:3: `@strat_ds` is neither a time variable nor a variable of `config.yaml` (did you mean `@start_ds`?)"
    );
}

#[test]
fn every_time_variable_loads() {
    let all: Vec<String> = TimeVariable::names().map(|name| format!("@{name} AS {name}")).collect();
    let loaded = file(&format!("MODEL (name s.a, kind FULL);\nSELECT {}", all.join(", ")));
    assert_eq!(all.len(), 36);
    let pieces = model(&loaded).query.as_ref().expect("a query").template().pieces();
    assert_eq!(pieces.iter().filter(|piece| matches!(piece, Piece::Time { .. })).count(), 36);
}

#[test]
fn sql_that_we_cannot_parse_is_a_warning_with_its_place() {
    let loaded = file("MODEL (name s.a);\nSELECT @region AS a,\n  x y z FROM t");
    let problem = loaded.problems.iter().find(|problem| problem.code == "unparsed-sql").expect("a warning");
    assert_eq!((problem.severity, problem.line), (Severity::Warning, Some(3)));
    assert!(problem.help.as_deref().is_some_and(|help| help.contains("opaque")));
    assert_eq!(loaded.project.models.len(), 1);
}
