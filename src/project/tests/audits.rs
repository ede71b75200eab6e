//! Audits of a project's own: what is read, what a call makes of them, and every problem that is told.

use super::*;
use crate::model::Weight;
use crate::sql::Placeholder;

/// A model that asks for these audits, beside files of audits.
fn asking(audits: &str, files: &str) -> Loaded {
    loaded(&format!("//- models/a.sql\nMODEL (name s.a, audits ({audits}));\nSELECT 1 AS x\n{files}"))
}

/// The own audits of the only model as they would run, one a line.
fn own(loaded: &Loaded) -> String {
    let model = model(loaded);
    let line = |(place, own): (&usize, &crate::model::OwnAudit)| {
        let text = own.query.template().render(&[], &|placeholder| match placeholder {
            Placeholder::Time(variable) => format!("<{}>", variable.name()),
            Placeholder::This(_) => "<this>".to_owned(),
        });
        format!("{place} {} {}: {text}", own.path, own.weight)
    };
    model.own_audits.iter().map(line).collect::<Vec<_>>().join("\n")
}

const FILES: &str = "//- audits/own.sql
-- several in a file
AUDIT (name Positive, dialect duckdb, defaults (least = 0, label = 'it''s'));
SELECT * FROM @this_model WHERE @column < @least AND note <> @label AND day >= @start_ds;

audit (name told, blocking false);
@DEF(bad, @column IS NULL);
SELECT @column FROM @this_model AS t WHERE @bad AND region = @region;
//- audits/deep/more.sql
AUDIT (name skipped, skip true,);
SELECT 1 FROM s.b
//- models/b.sql
MODEL (name s.b); SELECT 1 AS x
";

#[test]
fn arguments_stand_in_the_query_of_each_call() {
    let audits = "positive(column := x, least := (1 + 1)), positive_non_blocking(column := y), told(column := x), \
                  not_null(columns := x), SKIPPED, told(column := x, blocking := true)";
    let loaded = asking(audits, FILES);
    let first = loaded.project.models.values().next().expect("a model").clone();
    assert_eq!(first.own_audits.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 4, 5]);
    insta::assert_snapshot!(own(&loaded), @r"
    0 audits/own.sql blocking: SELECT * FROM <this> WHERE x < (1 + 1) AND note <> 'it''s' AND day >= <start_ds>
    1 audits/own.sql blocking: SELECT * FROM <this> WHERE y < 0 AND note <> 'it''s' AND day >= <start_ds>
    2 audits/own.sql told: SELECT x FROM <this> AS t WHERE x IS NULL AND region = 'eu'
    4 audits/deep/more.sql skipped: SELECT 1 FROM s.b
    5 audits/own.sql told: SELECT x FROM <this> AS t WHERE x IS NULL AND region = 'eu'
    ");
    let weights: Vec<Weight> = crate::audit::Audit::all(&first).iter().map(|audit| audit.weight).collect();
    let expected = [Weight::Blocking, Weight::Told, Weight::Told, Weight::Blocking, Weight::Skipped, Weight::Blocking];
    assert_eq!(weights, expected);
}

#[test]
fn an_inline_audit_wins_over_the_projects_and_that_over_a_built_in_one() {
    let files = "//- audits/own.sql\nAUDIT (name not_null);\nSELECT 2 FROM @this_model WHERE @columns IS NULL;\n";
    let text = "MODEL (name s.a, audits (not_null(columns := x)));\nSELECT 1 AS x;\n";
    let of = |inline: &str| own(&loaded(&format!("//- models/a.sql\n{text}{inline}\n{files}")));
    insta::assert_snapshot!(of(""), @"0 audits/own.sql blocking: SELECT 2 FROM <this> WHERE x IS NULL");
    insta::assert_snapshot!(of("AUDIT (name not_null);\nSELECT 3 FROM @this_model WHERE @columns IS NULL;"), @"0 models/a.sql blocking: SELECT 3 FROM <this> WHERE x IS NULL");
}

#[test]
fn an_audit_may_be_written_in_jinja() {
    let files = "//- macros/m.sql
{% macro least() %}0{% endmacro %}
//- audits/own.sql
AUDIT (name own, defaults (most = 9));
JINJA_QUERY_BEGIN;
SELECT * FROM {{ this_model }} WHERE {{ column }} NOT BETWEEN {{ least() }} AND {{ most }} AND day >= '{{ start_ds }}'
JINJA_END;
AUDIT (name next); SELECT 1;
";
    insta::assert_snapshot!(own(&asking("own(column := x), next", files)), @r"
    0 audits/own.sql blocking: SELECT * FROM <this> WHERE x NOT BETWEEN 0 AND 9 AND day >= <start_ds>
    1 audits/own.sql blocking: SELECT 1
    ");
    insta::assert_snapshot!(told(&asking("own(colum := x)", files)), @"Error unknown-macro audits/own.sql:3:1: Jinja: undefined value: `column` is undefined (variables are `var('name')`, macros are those of `macros/*.sql`; Python's and dbt's are not there)");
    let inline = "MODEL (name s.a, audits (own(column := x)));\nSELECT 1 AS x;\nAUDIT (name own);\nJINJA_QUERY_BEGIN;\n\
                  SELECT 1 FROM {{ this_model }} WHERE {{ column }} > 1;\nJINJA_END;";
    insta::assert_snapshot!(own(&file(inline)), @"0 models/a.sql blocking: SELECT 1 FROM <this> WHERE x > 1");
}

#[test]
fn audits_of_blueprints_know_their_names() {
    let files = "//- models/a.sql
MODEL (name s.@n, blueprints ((n := a, most := 1), (n := b, most := 2)), audits (own(column := @n, most := 7), inline));
SELECT 1 AS @n;
AUDIT (name inline);
SELECT * FROM @this_model WHERE @n > @most;
//- audits/own.sql
AUDIT (name own);
SELECT * FROM @this_model WHERE @column > @most
";
    let loaded = loaded(files);
    assert_eq!(loaded.problems, []);
    let texts = loaded.project.models.values().map(|model| {
        let texts: Vec<String> =
            model.own_audits.values().map(|own| own.query.text().replace(crate::audit::THIS_MODEL, "t")).collect();
        texts.join("; ")
    });
    insta::assert_snapshot!(texts.collect::<Vec<_>>().join("\n"), @r"
    SELECT * FROM t WHERE a > 7; SELECT * FROM t WHERE a > 1
    SELECT * FROM t WHERE b > 7; SELECT * FROM t WHERE b > 2
    ");
}

/// Whoever asks for an audit is made from its text too: what was read of one tree is no good for another.
#[test]
fn a_model_is_made_from_the_audits_that_it_asks_for() {
    let cache = ModelCache::new();
    let source = |files: &str| {
        let text = format!("{CONFIG}//- models/a.sql\nMODEL (name s.a, audits (own));\nSELECT 1 AS x\n{files}");
        let loaded = load_tree(&TextTree::parse(&text), &cache);
        (model(&loaded).source, own(&loaded))
    };
    let one = "//- audits/a.sql\nAUDIT (name own);\nSELECT 1\n";
    assert_eq!(source(one), source(one));
    assert_ne!(source(one), source(&one.replace("SELECT 1", "SELECT 2")));
    let other = "//- audits/b.sql\nAUDIT (name other);\nSELECT 2\n";
    assert_eq!(source(one), source(&format!("{one}{other}")), "audits of others are none of it");
}

#[test]
fn standalone_audits_belong_to_no_model() {
    let files =
        "//- audits/alone.sql\nAUDIT (name alone, standalone true, owner jen, cron '@daily');\nSELECT * FROM s.a\n";
    let loaded = asking("not_null(columns := x)", files);
    assert_eq!(loaded.problems, []);
    let [alone] = loaded.project.standalone_audits.as_slice() else { panic!("one") };
    assert_eq!((alone.name.as_str(), alone.audit.weight), ("alone", Weight::Told));
    let files = files.replace("owner jen", "blocking true, ownre jen").replace("s.a", "@this_model");
    insta::assert_snapshot!(told(&asking("alone", &files)), @r"
    Error invalid-property audits/alone.sql:1:37: an audit that belongs to no model cannot block anything (remove `blocking`)
    Error unknown-property audits/alone.sql:1:52: an audit has no property `ownre` (did you mean `owner`?)
    ");
}

#[test]
fn what_is_wrong_with_audits_is_told_where_it_is_written() {
    let files = "//- audits/a.sql
AUDIT (name one, nmae two, blocking perhaps, defaults (a), dialect duckbd);
SELECT 1;
AUDIT (name twice); SELECT 1;
AUDIT (name twice); SELECT 2;
AUDIT (skip true); SELECT 1;
AUDIT (name empty);
AUDIT (name statement); SET x = 1; SELECT 1;
AUDIT (name none); DROP TABLE x;
AUDIT (name owner, owner jen); SELECT 1;
//- audits/b.sql
SELECT 1
//- audits/c.sql
AUDIT (name open; SELECT 1
//- audits/d.sql
AUDIT (name cut); SELECT 'x
//- audits/e.sql
AUDIT (name nul); SELECT '\u{0}'
//- audits/ignored.txt
nothing
";
    insta::assert_snapshot!(told(&asking("one, empty", files)), @r"
    Error unknown-property audits/a.sql:1:18: an audit has no property `nmae` (did you mean `name`?)
    Error invalid-property audits/a.sql:1:37: `blocking` of an audit must be true or false, found `perhaps` (-)
    Error invalid-property audits/a.sql:1:55: `defaults` of an audit must be pairs such as (threshold = 10), found `(a)` (-)
    Error invalid-property audits/a.sql:1:68: `dialect` of an audit must be a dialect that we know, found `duckbd` (-)
    Error duplicate-audit audits/a.sql:4:1: audit `twice` is defined twice: in `audits/a.sql` line 3 and in `audits/a.sql` line 4 (rename one of the two, or delete it)
    Error missing-name audits/a.sql:5:1: the audit has no `name` (write `AUDIT (name my_audit);`)
    Error missing-query audits/a.sql:6:1: the audit has no query (write one SELECT after its block)
    Warning unsupported-block audits/a.sql:7:25: an audit is one query, and this statement before it does not run (make it a part of the query, or take it away)
    Error missing-query audits/a.sql:8:20: an audit is a query whose rows are the failures, and this is none (write one SELECT after its block)
    Error unknown-property audits/a.sql:9:20: an audit has no property `owner` (known are name, dialect, skip, blocking, standalone, defaults, formatting)
    Error missing-audit-block audits/b.sql:1:1: the file does not begin with an `AUDIT (…);` block (begin it with `AUDIT (name my_audit);`, or keep it out of `audits/`)
    Error open-audit-block audits/c.sql:1:1: the `AUDIT` block does not end with its parenthesis (end it with `);`)
    Error unreadable-sql audits/d.sql:1:26: the file cannot be cut into words: unterminated string literal (close the string, quoted name or comment)
    Error nul-character audits/e.sql:1:27: the file holds a NUL character (save it as UTF-8, without that sign)
    ");
}

#[test]
fn what_is_wrong_with_a_call_is_told_where_it_is_called() {
    let files = "//- audits/a.sql
AUDIT (name own, defaults (least = 0));
SELECT * FROM @this_model WHERE @Column < @least AND @nothing(1);
";
    let calls = "own(colum := x), own(column := x, blocking := perhaps), onw(column := x), unheard";
    insta::assert_snapshot!(told(&asking(calls, files)), @r"
    Error unknown-macro audits/a.sql:2:54: there is no macro `@nothing(…)` (macros written in Python cannot run; write it as `@DEF(name, x -> …)`, or write its SQL out)
    Error invalid-audit models/a.sql:1:18: audit `own` needs `blocking` to be true or false, found `perhaps` (-)
    Error invalid-audit models/a.sql:1:18: audit `own` needs `column := …` (`audits/a.sql` line 1 names `@Column`: give it here, or in `defaults` there)
    Error unknown-audit models/a.sql:1:18: there is no audit `onw` (did you mean `own`?)
    Error unknown-audit models/a.sql:1:18: there is no audit `unheard` (define it in a file of `audits/`, or remove it from the model)
    Warning unused-argument models/a.sql:1:18: audit `own` takes no `colum` (did you mean `Column`?)
    ");
    let inline = "MODEL (name s.a, audits (not_null(columns := x)));\nSELECT 1 AS x;\n\
                  AUDIT (name never); SELECT 1; AUDIT (name alone, standalone true); SELECT 1;";
    insta::assert_snapshot!(told(&file(inline)), @r"
    Warning unused-audit models/a.sql:3:1: audit `never` is defined here, and the model does not ask for it (add `never` to `audits` of the model: SQLMesh does not run it otherwise either)
    Error invalid-property models/a.sql:3:31: audit `alone` stands beside a model, so it cannot be standalone (move it into a file of `audits/`)
    ");
}

/// An audit that the configuration asks for is wrong once, whatever the number of models.
#[test]
fn audits_of_the_defaults_are_told_once() {
    let fixture = "//- config.yaml
model_defaults:
  dialect: duckdb
  audits: [own, unheard, not_null, alone(x := 1)]
//- audits/a.sql
AUDIT (name own); SELECT * FROM @this_model WHERE @column IS NULL;
AUDIT (name alone, standalone true); SELECT 1;
//- models/a.sql
MODEL (name s.a); SELECT 1 AS x
//- models/b.sql
MODEL (name s.b, audits (not_constant(column := x))); SELECT 1 AS x
//- models/c.sql
MODEL (name s.c, kind EMBEDDED); SELECT 1 AS x
";
    let loaded = load_tree(&TextTree::parse(fixture), &ModelCache::new());
    insta::assert_snapshot!(told(&loaded), @r"
    Error invalid-audit config.yaml:3:3: audit `not_null` needs `columns := …` (-)
    Error invalid-audit config.yaml:3:3: audit `own` needs `column := …` (`audits/a.sql` line 1 names `@column`: give it here, or in `defaults` there)
    Error unknown-audit config.yaml:3:3: audit `alone` is standalone, so no model can ask for it (take it out of `audits`, or `standalone` out of the audit)
    Error unknown-audit config.yaml:3:3: there is no audit `unheard` (define it in a file of `audits/`, or remove it from the model)
    ");
}

#[test]
fn a_file_is_looked_at_once_for_all_of_its_audits() {
    let text = "AUDIT (name one);\nSELECT 1;\nAUDIT (name two);\nSELECT 1;\n";
    let rules = rules_of(&TextTree::parse(""), &Settings::default(), None, &mut Vec::new());
    let read = |text: &str| crate::project::audits::read_file(&FilePath::new("audits/a.sql"), text, &rules).definitions;
    let [one, two] = &read(text)[..] else { panic!("two audits") };
    assert!(std::sync::Arc::ptr_eq(&one.written, &two.written));
    assert_ne!(one.digest(), two.digest());
    assert_ne!(one.digest(), read(&text.replace("1;", "2;"))[0].digest());
}

#[test]
fn audits_of_a_declared_table_may_be_pairs() {
    let text = "//- external_models.yaml\n- name: e.t\n  columns: {id: int}\n  audits:\n  - - not_null\n    - columns: (id)\n  - - unique_values\n    - columns: (id)\n      condition: id IS NOT NULL\n";
    let loaded = loaded(text);
    let calls: Vec<String> = model(&loaded).properties.audits.iter().map(ToString::to_string).collect();
    assert_eq!(calls, ["not_null(columns := (id))", "unique_values(columns := (id), condition := id IS NOT NULL)"]);
}

#[test]
fn audits_of_the_defaults_are_for_declared_tables_too() {
    let config = "//- config.yaml\nmodel_defaults: {dialect: duckdb, audits: ['not_null(columns := id)']}\n";
    let text = format!(
        "{config}//- external_models.yaml\n- name: e.t\n  audits: [{{name: number_of_rows, threshold: '1'}}]\n- name: e.u\n"
    );
    let loaded = loaded(&text);
    let calls = |model: &Model| model.properties.audits.iter().map(ToString::to_string).collect::<Vec<_>>();
    let found: Vec<_> = loaded.project.models.values().map(|model| calls(model)).collect();
    assert_eq!(
        found,
        [vec!["number_of_rows(threshold := 1)", "not_null(columns := id)"], vec!["not_null(columns := id)"]]
    );
}
