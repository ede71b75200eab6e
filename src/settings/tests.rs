use super::*;
use crate::files::TextTree;
use crate::problem::{Severity, has_errors};

pub(super) fn settings(fixture: &str) -> (Settings, Vec<Problem>) {
    load(&TextTree::parse(fixture), &BTreeMap::new())
}

fn codes(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.code).collect()
}

const USUAL: &str = "
//- config.yaml
project: shop
gateways:
  local:
    connection:
      type: duckdb
      database: db.duckdb
      connector_config: {threads: 4}
    state_connection: {type: sqlite, database: state.db}
    variables: {Region: eu}
  prod:
    connection:
      type: postgres
      host: db.internal
      user: bot
      password: {{ env_var('PROD_PASSWORD') }}
default_gateway: local
model_defaults:
  dialect: duckdb
  start: 2026-01-01
  owner: \"jen's team\"
  cron: '@daily'
  audits: [not_null(columns := (id))]
  kind: {name: incremental_by_time_range, time_column: ds, lookback: 2}
variables:
  region: us
  limit: 10
snapshot_ttl: in 1 week
environment_ttl: null
model_naming: {infer_names: true}
plan: {no_prompts: true}
";

#[test]
fn a_usual_configuration_is_read() {
    let (settings, problems) = settings(USUAL);
    assert_eq!(problems, []);
    assert_eq!(settings.project.as_str(), "shop");
    let duckdb = settings.connection(None).expect("a connection").duckdb().expect("duckdb");
    assert_eq!(duckdb.database.as_deref(), Some("db.duckdb"));
    assert_eq!(duckdb.settings.get("threads").and_then(OptionValue::text), Some("4"));
    assert_eq!(settings.state_connection(None).map(|state| state.kind.as_str()), Some("sqlite"));
    assert_eq!(settings.variables_of(None).get("region"), Some(&Value::Text("eu".into())));
    assert_eq!(settings.variables_of(Some("prod")).get("region"), Some(&Value::Text("us".into())));
    assert_eq!(settings.environment_ttl, Some(TimeToLive::Forever));
    assert_eq!(settings.snapshot_ttl, TimeToLive::For("in 1 week".into()));
    assert_eq!(settings.model_naming, ModelNaming::Inferred);
    let text = |key: &str| settings.defaults.get(key).map(|default| default.text.as_str());
    assert_eq!(text("owner"), Some("'jen''s team'"));
    assert_eq!(text("kind"), Some("incremental_by_time_range (time_column = 'ds', lookback = 2)"));
    assert_eq!(text("audits"), Some("(not_null(columns := (id)))"));
}

#[test]
fn a_connection_waits_for_its_variables_and_hides_its_secrets() {
    let (settings, _) = settings(USUAL);
    let prod = settings.connection(Some("prod")).expect("a connection");
    let error = prod.complete().expect_err("a missing variable");
    assert!(error.to_string().contains("PROD_PASSWORD"), "{error}");
    let environment = BTreeMap::from([("PROD_PASSWORD".to_owned(), "hunter2".to_owned())]);
    let (settings, problems) = load(&TextTree::parse(USUAL), &environment);
    let prod = settings.connection(Some("prod")).expect("a connection");
    assert_eq!(prod.complete(), Ok(()));
    assert!(!format!("{settings:?}{problems:?}").contains("hunter2"));
    let Some(OptionValue::Secret(secret)) = prod.options.get("password") else { panic!("a secret") };
    assert_eq!((secret.expose(), secret.to_string().as_str()), ("hunter2", "***"));
}

#[test]
fn a_connection_says_how_many_models_are_built_at_once() {
    let of = |line: &str| {
        let text = format!("//- config.yaml\ngateways: {{a: {{connection: {{type: postgres, {line}}}}}}}\n");
        let (settings, _) = settings(&text);
        settings.connection(None).expect("a connection").concurrent_tasks().map(std::num::NonZeroUsize::get)
    };
    assert_eq!(["concurrent_tasks: 8", "concurrent_tasks: '1'"].map(of), [Some(8), Some(1)]);
    assert_eq!(["host: h", "concurrent_tasks: 0", "concurrent_tasks: all"].map(of), [None; 3]);
}

/// As SQLMesh has it: in lower case, above what the file says, texts alone.
#[test]
fn variables_are_laid_over_the_file() {
    let with = |variables: &[(&str, &str)]| {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        load(&TextTree::parse(&USUAL.replace("  local:", "  Local:")), &environment)
    };
    let said = [
        ("SQLMESH__DEFAULT_GATEWAY", "prod"),
        ("SQLMESH__gateways__PROD__connection__password", "hunter2"),
        ("SQLMESH__GATEWAYS__OTHER__CONNECTION__TYPE", "duckdb"),
        ("SQLMESH__GATEWAYS__LOCAL__STATE_SCHEMA", "s"),
        ("SQLMESH__VARIABLES__REGION", "north"),
        ("SQLMESH__MODEL_DEFAULTS__OWNER", "ann"),
        ("SQLMESH__AIRFLOW__DISABLE_STATE_MIGRATION", "1"),
        ("SQLMESHES", "no"),
    ];
    let (settings, problems) = with(&said);
    assert_eq!(codes(&problems), codes(&load(&TextTree::parse(USUAL), &BTreeMap::new()).1), "{problems:?}");
    assert_eq!(settings.gateway_name(None), Some("prod"));
    let prod = settings.connection(None).expect("a connection");
    assert_eq!(prod.complete(), Ok(()), "the password is there");
    assert!(settings.connection(Some("other")).is_ok());
    assert!(settings.connection(Some("local")).is_ok(), "what else it says stays");
    assert_eq!(settings.variables["region"], Value::Text("north".into()));
    assert_eq!(settings.defaults["owner"].text, "'ann'");
    assert_eq!(settings.laid_over.len(), 6, "{:?}", settings.laid_over);
    assert!(!format!("{settings:?}{problems:?}").contains("hunter2"));
    let (_, problems) = with(&[("SQLMESH__", "x"), ("SQLMESH__GATEWAYS____TYPE", "x")]);
    assert_eq!(problems.iter().filter(|problem| problem.code == "invalid-setting").count(), 2);
    let deep = format!("SQLMESH{}", "__A".repeat(100_000));
    let (_, problems) = with(&[(&deep, "x")]);
    assert_eq!(problems.iter().filter(|problem| problem.code == "invalid-setting").count(), 1);
    assert!(problems.iter().all(|problem| problem.message.len() < 200), "{problems:?}");
    let many: Vec<String> = (0..2_000).map(|number| format!("SQLMESH__VARIABLES__V{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "x")).collect();
    let (settings, problems) = with(&many);
    assert_eq!(settings.laid_over.len(), 1_000, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.message.starts_with("more than 1000 environment variables")));
    let (settings, problems) = with(&[("SQLMESH__COLOUR", "x")]);
    let problem = problems.iter().find(|problem| problem.code == "unknown-setting").expect("a problem");
    let told =
        "`colour` is no setting of `config.yaml`, as an environment variable that begins with `SQLMESH__` has it";
    assert_eq!((problem.message.as_str(), problem.line), (told, None));
    assert!(settings.laid_over.contains("SQLMESH__COLOUR"));
}

#[test]
fn texts_in_jinja_have_pythons_methods() {
    let config =
        "//- config.yaml\nvariables:\n  x: {{ env_var('X', ' Yes ').strip().lower() }}\n  y: {{ 'a'.append('b') }}\n";
    let (_, problems) = settings(config);
    assert_eq!(codes(&problems), ["unsupported-jinja"]);
    assert_eq!(
        (problems[0].line, problems[0].message.as_str()),
        (Some(3), "Jinja: unknown method: string has no method named append")
    );
    let (settings, problems) = settings(&config.replace(".append('b')", ""));
    assert_eq!(codes(&problems), Vec::<&str>::new());
    assert_eq!(settings.variables["x"], crate::yaml::Value::Text("yes".to_owned()));
}

#[test]
fn a_variable_that_results_need_must_be_set() {
    let (_, problems) = settings("//- config.yaml\nvariables:\n  x: {{ env_var('X') }}\n");
    assert_eq!(codes(&problems), ["unset-variable"]);
    assert_eq!(problems[0].line, Some(2));
}

/// As SQLMesh has it: names in lower case, one gateway without a name, and the older `gateway`.
#[test]
fn gateways_are_known_in_any_case_and_one_needs_no_name() {
    let of = |text: &str| settings(&format!("//- config.yaml\n{text}\n"));
    let (parsed, problems) = of("gateways: {Local: {connection: {type: duckdb}}, PROD: {}}\ndefault_gateway: local");
    assert_eq!((parsed.gateway_name(None), codes(&problems)), (Some("local"), vec![]));
    assert!(parsed.connection(Some("LOCAL")).is_ok());
    assert_eq!(of("gateways: {Second: {}, First: {}}").0.gateway_name(None), Some("second"), "as they stand there");
    for one in ["gateways: {connection: {type: duckdb}, state_schema: s}", "gateway: {connection: {type: duckdb}}"] {
        let (parsed, problems) = of(one);
        assert_eq!((parsed.gateway_name(None), codes(&problems)), (Some(""), vec![]), "{one}");
        assert!(parsed.connection(None).is_ok(), "{one}");
    }
    let (_, problems) = of("gateways: {Prod: {}, PROD: {}}");
    assert_eq!(codes(&problems), ["invalid-setting"]);
    let (parsed, problems) =
        of("gateway: {a: {connection: {type: duckdb}}}\ngateways: {b: {connection: {type: duckdb}}}");
    assert_eq!((parsed.gateway_name(None), codes(&problems)), (Some("b"), vec!["unknown-setting"]));
}

#[test]
fn gateways_that_are_not_there_are_named() {
    let (parsed, problems) = settings("//- config.yaml\ngateways: {local: {}}\ndefault_gateway: locla\n");
    assert_eq!(codes(&problems), ["unknown-gateway"]);
    assert_eq!(problems[0].help.as_deref(), Some("did you mean `local`?"));
    assert!(matches!(parsed.connection(Some("x")), Err(ConnectionError::UnknownGateway { .. })));
    assert!(matches!(parsed.connection(Some("local")), Err(ConnectionError::NoConnection { .. })));
    assert!(matches!(settings("//- config.yaml\n").0.connection(None), Err(ConnectionError::NoGateway)));
}

#[test]
fn catalogs_keep_their_order() {
    let fixture = "
//- config.yaml
gateways:
  local:
    connection:
      type: duckdb
      catalogs:
        warehouse: w.duckdb
        archive: {type: duckdb, path: a.duckdb}
        broken: [1]
";
    let (settings, problems) = settings(fixture);
    let duckdb = settings.connection(None).expect("a connection").duckdb().expect("duckdb");
    let names: Vec<_> = duckdb.catalogs.iter().map(|catalog| (catalog.name.as_str(), catalog.path.as_str())).collect();
    assert_eq!(names, [("warehouse", "w.duckdb"), ("archive", "a.duckdb")]);
    assert_eq!(codes(&problems), ["invalid-setting"]);
}

/// As DuckDB 1.5 and PostgreSQL answer to `SELECT current_database()`.
#[test]
fn names_of_two_parts_are_in_a_catalog() {
    for (connection, catalog) in [
        ("type: duckdb, database: data/my.db.duckdb", Some("my")),
        ("type: duckdb, database: main.duckdb", Some("main_db")),
        ("type: duckdb", Some("memory")),
        ("type: duckdb, database: ':memory:'", Some("memory")),
        ("type: duckdb, catalogs: {first: a.duckdb, second: b.duckdb}", Some("first")),
        ("type: duckdb, catalogs: '{\"first\": \"a.duckdb\"}'", Some("first")),
        ("type: postgres, host: h, user: u, database: shop", Some("shop")),
        ("type: snowflake, account: a", None),
    ] {
        let (settings, _) =
            settings(&format!("//- config.yaml\ngateways: {{local: {{connection: {{{connection}}}}}}}\n"));
        let found = settings.connection(None).ok().and_then(super::Connection::default_catalog);
        assert_eq!(found.map(|found| found.name).as_deref(), catalog, "{connection}");
    }
}

#[test]
fn unknown_keys_name_the_nearest_one_and_their_line() {
    let fixture = "//- config.yaml\nvariabels: {}\n//- offshoot.yaml\nviews: all\nbase_brnch: main\n";
    let (_, problems) = settings(fixture);
    assert_eq!(codes(&problems), ["unknown-setting", "unknown-setting"]);
    assert_eq!(problems[0].help.as_deref(), Some("did you mean `variables`?"));
    assert_eq!(problems[1].help.as_deref(), Some("did you mean `base_branch`?"));
    assert_eq!((problems[1].line, problems[1].column), (Some(2), Some(1)));
}

#[test]
fn what_would_change_results_is_an_error_and_the_rest_a_warning() {
    let error = ["environment_catalog_mapping: {a: b}", "environment_suffix_target: catalog"];
    for line in error {
        let (_, problems) = settings(&format!("//- config.yaml\n{line}\n"));
        assert_eq!(codes(&problems), ["unsupported-setting"], "{line}");
        assert!(has_errors(&problems), "{line}");
    }
    for line in
        ["before_all: []", "physical_schema_mapping: {}", "environment_suffix_target: SCHEMA", "ui: {format: x}"]
    {
        assert_eq!(settings(&format!("//- config.yaml\n{line}\n")).1, [], "{line}");
    }
    for line in ["virtual_environment_mode: Full", "gateway_managed_virtual_layer: true"] {
        assert_eq!(settings(&format!("//- config.yaml\n{line}\n")).1, [], "{line}");
    }
    let (_, problems) = settings("//- config.yaml\nvirtual_environment_mode: dev_only\n");
    assert_eq!((codes(&problems), has_errors(&problems)), (vec!["unsupported-setting"], false));
    assert_eq!(codes(&settings("//- config.yaml\nvirtual_environment_mode: some\n").1), ["invalid-setting"]);
}

#[test]
fn statements_around_all_are_compared_by_text_and_by_what_they_read() {
    let read = |lines: &str| {
        let (settings, problems) = settings(&format!("//- config.yaml\nproject: x\n{lines}\n"));
        assert_eq!(problems, [], "{lines}");
        settings
    };
    let changes = |ours: &str, theirs: &str| read(ours).changes_of(Stage::Before, &read(theirs), [None, None]);
    let base = "before_all: [\"CREATE MACRO f() AS @one\", SELECT 1]\nvariables: {one: 1, other: [a]}";
    assert_eq!(changes(base, base), [""; 0]);
    assert_eq!(changes(base, &base.replace("\nvariables", "\n\nvariables").replace("[a]", "[b]")), [""; 0], "not read");
    assert_eq!(changes(base, &base.replace("one: 1", "one: 2")), ["variable `one` has another value"]);
    let by_name = base.replace("@one", "@VAR(@which)");
    assert_eq!(changes(&by_name, &by_name.replace("[a]", "[b]")), ["variable `other` has another value"], "computed");
    assert_eq!(
        changes("before_all: [\"CREATE SECRET s (KEY 'abc')\"]", base),
        ["statement 1 (`CREATE SECRET s (KEY…`) is new", "`CREATE MACRO f() AS @one` is gone", "`SELECT 1` is gone"]
    );
    assert_eq!(changes("before_all: [a, b]", "before_all: [b, a]"), ["the order of `before_all` is another one"]);
    assert_eq!(codes(&settings("//- config.yaml\nproject: x\nafter_all: {a: b}\n").1), ["invalid-setting"]);
}

#[test]
fn the_suffix_of_environments_stands_behind_the_schema_or_the_model() {
    let read = |line: &str| settings(&format!("//- config.yaml\nproject: x\nenvironment_suffix_target: {line}\n"));
    for (line, suffix) in [("schema", EnvironmentSuffix::Schema), ("TABLE", EnvironmentSuffix::Table)] {
        let (settings, problems) = read(line);
        assert_eq!((settings.environment_suffix, problems.as_slice()), (suffix, &[][..]));
    }
    let (_, problems) = read("catalog");
    assert!(problems[0].help.as_deref().is_some_and(|help| help.contains("`schema` or `table`")), "{problems:?}");
    assert_eq!((problems[0].line, problems[0].severity), (Some(2), Severity::Error));
    let (_, problems) = read("tables");
    assert_eq!(codes(&problems), ["invalid-setting"]);
    assert_eq!(problems[0].help.as_deref(), Some("did you mean `table`?"));
}

#[test]
fn another_default_environment_is_told_not_to_be_honoured() {
    let read = |line: &str| settings(&format!("//- config.yaml\ndefault_target_environment: {line}\n")).1;
    assert_eq!(read("prod"), []);
    let problems = read("dev");
    assert_eq!((codes(&problems), problems[0].severity), (vec!["unsupported-setting"], Severity::Warning));
    assert!(problems[0].message.contains("a branch gives its environment its name"), "{problems:?}");
}

#[test]
fn defaults_that_are_not_applied_are_told() {
    let (_, problems) =
        settings("//- config.yaml\nmodel_defaults: {allow_partials: true, dialct: duckdb, optimize_query: false}\n");
    assert_eq!(codes(&problems), ["unknown-setting"]);
}

#[test]
fn default_statements_are_one_text_or_a_list_with_the_place_of_its_key() {
    let text = "//- config.yaml\nmodel_defaults:\n  on_virtual_update: ANALYZE\n  pre_statements: SET a = 1\n  post_statements:\n    - SET b = 1\n    - ''\n    \
                - SET c = 1\n";
    let (read, problems) = settings(text);
    assert_eq!(problems, []);
    let DefaultStatements { before, after, shown } = read.default_statements_of(None);
    let list = |statements: Option<Vec<DefaultProperty>>| {
        let place = |one: DefaultProperty| (one.text, one.place.line, one.place.column);
        statements.expect("a list").into_iter().map(place).collect::<Vec<_>>()
    };
    assert_eq!(list(shown), [("ANALYZE".to_owned(), 2, 3)]);
    assert_eq!(list(before), [("SET a = 1".to_owned(), 3, 3)]);
    assert_eq!(list(after), [("SET b = 1".to_owned(), 4, 3), ("SET c = 1".to_owned(), 4, 3)]);
    let (_, problems) = settings("//- config.yaml\nmodel_defaults: {pre_statements: {a: b}, post_statements: [[x]]}\n");
    assert_eq!(codes(&problems), ["invalid-setting"; 2]);
}

#[test]
fn no_configuration_names_the_way_out() {
    assert!(settings("").1[0].help.as_deref().is_some_and(|help| help.contains("bot init")));
    let (_, problems) = settings("//- config.py\nx = 1\n");
    assert_eq!(codes(&problems), ["python-config"]);
    let (_, problems) = settings("//- config.yaml\n\n//- config.yml\n\n");
    assert_eq!(codes(&problems), ["two-configurations"]);
}

#[test]
fn our_own_settings_have_defaults_and_are_checked() {
    let (parsed, problems) = settings(
        "//- config.yaml\n\n//- offshoot.yaml\nviews: all\nbackfill: {max_days: 7, max_minutes: null}\nenvironment_ttl: in 3 days\npromote: {reuse: always}\nprices: {tb: 5}\n",
    );
    assert_eq!(problems, []);
    assert_eq!((parsed.own.backfill_max_days, parsed.own.backfill_max_minutes), (Some(7), None));
    assert_eq!(parsed.own.environment_ttl, TimeToLive::For("in 3 days".into()));
    let (parsed, problems) = settings(
        "//- config.yaml\n\n//- offshoot.yaml\nviews: some\nbackfill: {max_days: many}\nenvironment_ttl: soon\n",
    );
    assert_eq!(codes(&problems), ["invalid-setting"; 3]);
    assert_eq!((parsed.own.backfill_max_days, parsed.own.backfill_max_minutes), (Some(30), Some(20)));
}

#[test]
fn what_is_not_built_yet_is_refused_by_name() {
    let (_, problems) = settings("//- config.yaml\n\n//- offshoot.yaml\nviews: affected\npromote: {reuse: never}\n");
    assert_eq!(codes(&problems), ["unsupported-setting"; 2]);
}

#[test]
fn how_long_a_statement_may_take_is_checked() {
    let read = |own: &str| {
        let (parsed, problems) = settings(&format!("//- config.yaml\n\n//- offshoot.yaml\n{own}\n"));
        (parsed.own.statement_timeout.map(|timeout| timeout.as_secs()), codes(&problems).len())
    };
    assert_eq!(read("postgres: {statement_timeout: 90}"), (Some(90), 0));
    assert_eq!(read("postgres: {statement_timeout: null}"), (None, 0));
    for wrong in ["0", "-1", "1h", "2147484"] {
        assert_eq!(read(&format!("postgres: {{statement_timeout: {wrong}}}")), (None, 1), "{wrong}");
    }
    assert_eq!(read("postgres: {timeout: 1}"), (None, 1));
}

#[test]
fn how_long_unneeded_tables_stay_is_checked() {
    let read = |config: &str, own: &str| {
        let (parsed, problems) = settings(&format!("//- config.yaml\n{config}\n//- offshoot.yaml\n{own}\n"));
        (parsed.snapshot_ttl, parsed.own.gc_history.get(), codes(&problems).len())
    };
    let week = TimeToLive::For("in 1 week".into());
    assert_eq!(read("", ""), (week.clone(), 10, 0));
    assert_eq!(read("snapshot_ttl: null", "gc: {history: 3}"), (TimeToLive::Forever, 3, 0));
    assert_eq!(read("snapshot_ttl: in 2 days", "gc:"), (TimeToLive::For("in 2 days".into()), 10, 0));
    for (config, own) in [
        ("snapshot_ttl: soon", ""),
        ("snapshot_ttl: 1 week ago", ""),
        ("", "gc: {history: 0}"),
        ("", "gc: {history: -1}"),
        ("", "gc: {depth: 3}"),
        ("", "gc: 3"),
    ] {
        assert_eq!(read(config, own), (week.clone(), 10, 1), "{config} {own}");
    }
}

#[test]
fn the_data_diff_is_one_word_or_a_mapping() {
    let read = |text: &str| {
        let (parsed, problems) = settings(&format!("//- config.yaml\n\n//- offshoot.yaml\n{text}\n"));
        (parsed.own.data_diff, problems)
    };
    let auto = DataDiff { when: WhenCompared::Auto, max_models: 10, max_rows: None };
    assert_eq!(read(""), (auto, Vec::new()));
    assert_eq!(read("data_diff: always"), (DataDiff { when: WhenCompared::Always, ..auto }, Vec::new()));
    let all = read("data_diff: {when: never, max_models: 3, max_rows: 1000000, samples: never}");
    let never = DataDiff { when: WhenCompared::Never, max_models: 3, max_rows: Some(1_000_000) };
    assert_eq!(all, (never, Vec::new()));
    assert_eq!(read("data_diff: {max_rows: null, max_models: 0}"), (DataDiff { max_models: 0, ..auto }, Vec::new()));
    for (text, help) in [
        ("data_diff: {samples: always}", "known are `never`"),
        ("data_diff: {max_model: 1}", "did you mean `max_models`?"),
        ("data_diff: {when: allways}", "did you mean `always`?"),
        ("data_diff: sometimes", "known are `auto`, `always`, `never`"),
    ] {
        let (parsed, problems) = read(text);
        assert_eq!(parsed, auto, "{text}");
        assert_eq!(problems.iter().map(|problem| problem.help.as_deref()).collect::<Vec<_>>(), [Some(help)], "{text}");
    }
    for text in ["data_diff: {max_rows: -1}", "data_diff: {max_models: many}", "data_diff: [auto]"] {
        let (parsed, problems) = read(text);
        assert_eq!((parsed, codes(&problems)), (auto, vec!["invalid-setting"]), "{text}");
    }
    assert_eq!(auto.widened().when, WhenCompared::Always);
    assert_eq!(never.widened(), never, "never is never");
}

#[test]
fn broken_files_are_problems() {
    for text in ["a: [1, 2", "a: 1\na: 2", "- x", "just text", "\u{0}", "a: !tag x"] {
        let (_, problems) = settings(&format!("//- config.yaml\n{text}\n"));
        assert!(has_errors(&problems), "{text:?}");
        assert!(problems.iter().all(|problem| problem.path.is_some()), "{text:?}");
    }
}

#[test]
fn pull_requests_and_production_have_gateways_of_their_own() {
    let with = |own: &str| {
        settings(&format!("//- config.yaml\ngateways: {{local: {{}}, builds: {{}}}}\n//- offshoot.yaml\n{own}"))
    };
    let meant = |own: &str| {
        let settings = with(own).0;
        let of = |wanted| settings.gateway_meant(wanted).map(str::to_owned).expect("a gateway");
        [of(None), of(Some(Wanted::For(Part::PullRequests))), of(Some(Wanted::For(Part::Production)))]
    };
    assert_eq!(meant("gateways: {ci: builds}\n"), ["local", "builds", "local"]);
    assert_eq!(meant("gateways: {prod: builds}\n"), ["local", "local", "builds"]);
    let (parsed, problems) = with("gateways: {ci: bulids, production: local}\n");
    assert_eq!(codes(&problems), ["unknown-gateway", "unknown-setting"]);
    assert_eq!(problems[0].help.as_deref(), Some("did you mean `builds`?"));
    let wanted = parsed.gateway_meant(Some(Wanted::For(Part::PullRequests)));
    let error = parsed.connection(wanted).expect_err("not the default one instead");
    assert!(error.to_string().ends_with("did you mean `builds`?"), "{error}");
    // Who cannot read the file goes through none.
    for own in ["gateways: [local]\n", "gateways: {ci: [local], prod: {}}\n", "- local\n", "a: &x *x\n"] {
        let parsed = with(own).0;
        for part in [Part::PullRequests, Part::Production] {
            let wanted = parsed.gateway_meant(Some(Wanted::For(part)));
            assert!(parsed.connection(wanted).is_err(), "{own}: {wanted:?}");
        }
    }
}

#[test]
fn a_configuration_says_what_becomes_of_rows() {
    let read = |plan: &str| {
        let (settings, problems) = settings(&format!("//- config.yaml\nproject: p\nplan: {plan}\n"));
        (settings.usual_rows, settings.passed_over.contains("plan"), codes(&problems).join(" "))
    };
    assert_eq!(read("{}"), (UsualRows::Computed, false, String::new()));
    assert_eq!(read("{forward_only: false, no_prompts: true}"), (UsualRows::Computed, true, String::new()));
    assert_eq!(read("{forward_only: true}"), (UsualRows::Kept, false, String::new()));
    assert_eq!(read("{forward_only: perhaps}"), (UsualRows::Computed, false, "invalid-setting".into()));
}

#[test]
fn a_branch_keeps_rows_by_the_end_of_its_name() {
    let has = |config: &str, branch: &str| {
        let settings = settings(config).0;
        let passed_over: Vec<String> = settings.passed_over.iter().cloned().collect();
        (settings.forward_only_branches.has(&RefName::of_branch(branch)), passed_over.join(","))
    };
    let config = |bot: &str| format!("//- config.yaml\nproject: p\n{bot}");
    assert_eq!(has(&config(""), "fix-forward-only"), (true, String::new()));
    assert_eq!(has(&config(""), "forward-only-fix"), (false, String::new()));
    let other = config("cicd_bot: {forward_only_branch_suffix: -fo, type: github}");
    assert_eq!(has(&other, "fix-fo"), (true, "cicd_bot".into()));
    assert_eq!(has(&other, "fix-forward-only"), (false, "cicd_bot".into()));
    assert_eq!(has(&config("cicd_bot: {forward_only_branch_suffix: ''}"), "fix-forward-only"), (false, String::new()));
}
