use std::collections::BTreeMap;

use super::*;
use crate::files::TextTree;
use crate::hash::Digest;
use crate::project::{ModelCache, Surroundings, load};

/// Tables whose columns are known, and one of which only the name is declared.
const TABLES: &str = "
//- external_models.yaml
- name: raw.orders
  columns: {id: int, amount: int, ds: date}
- name: raw.customers
  columns: {id: int, name: text}
- name: raw.blob
";

fn linted(linter: &str, files: &str) -> Lint {
    let config = format!("\n//- config.yaml\nmodel_defaults: {{dialect: duckdb}}\nlinter: {linter}\n");
    let files = TextTree::parse(&format!("{config}{TABLES}{files}"));
    let environment = BTreeMap::new();
    let cache = ModelCache::new();
    let surroundings = Surroundings { environment: &environment, gateway: None, cache: &cache, shelf: None };
    let loaded = load(&files, &surroundings);
    assert!(!crate::problem::has_errors(&loaded.problems), "{:?}", loaded.problems);
    let project = loaded.project;
    let (tree, _) = Tree::new(project.models, project.files, Digest::of("engine", "duckdb"), None);
    lint(&tree, &files, &project.settings, Models::All)
}

/// `file:line:column message` of everything that one rule finds in files.
fn found(rule: Rule, files: &str) -> Vec<String> {
    let lint = linted(&format!("{{rules: [{}]}}", rule.name()), files);
    assert_eq!((lint.unchecked, lint.problems), (Vec::new(), Vec::new()));
    lint.violations.iter().map(|violation| told(&violation.problem)).collect()
}

fn told(problem: &Problem) -> String {
    let path = problem.path.as_ref().map_or("", |path| path.as_str());
    let (line, column) = (problem.line.unwrap_or(0), problem.column.unwrap_or(0));
    format!("{path}:{line}:{column} {}", problem.message)
}

/// The same for one model `s.m` with a query; what stands before the message is the place in the query's lines.
fn of_query(rule: Rule, query: &str) -> Vec<String> {
    let findings = found(rule, &format!("//- models/m.sql\nMODEL (name s.m, kind FULL);\n{query}\n"));
    findings.iter().map(|finding| finding.trim_start_matches("models/m.sql:").to_owned()).collect()
}

#[test]
fn no_select_star() {
    let star = |place: &str| format!("{place} the query of `s.m` selects with a star");
    let of = |query: &str| of_query(Rule::NoSelectStar, query);
    assert_eq!(of("SELECT * FROM raw.orders"), [star("2:8")]);
    assert_eq!(of("SELECT 1 AS one,\n  o.* FROM raw.orders AS o"), [star("3:3")]);
    assert_eq!(of("SELECT * EXCLUDE (id) FROM raw.orders"), [star("2:8")]);
    assert_eq!(of("SELECT id FROM raw.orders UNION ALL\nSELECT * FROM raw.blob"), [star("3:8")]);
    assert_eq!(of("FROM raw.orders"), [star("2:1")]);
    let nothing: [&str; 0] = [];
    assert_eq!(of("SELECT count(*) AS n FROM raw.orders"), nothing);
    // What is made by macros and Jinja is not written.
    for made in [
        "SELECT @STAR(raw.orders) FROM raw.orders",
        "@DEDUPLICATE(raw.orders, [id], ['ds DESC'])",
        "JINJA_QUERY_BEGIN; SELECT * FROM raw.orders; JINJA_END;",
        "@UNION('all', raw.orders)",
        "@DEF(s, *); SELECT @s FROM raw.orders",
        "SELECT @IF(true, o.*, 1) FROM raw.orders AS o",
    ] {
        assert_eq!(of(made), nothing, "{made}");
    }
    assert_eq!(of("@DEF(t, raw.orders); SELECT * FROM @t"), [star("2:29")]);
    assert_eq!(of("@DEF(o, o); SELECT @o.* FROM raw.orders AS o"), [star("2:20")]);
    assert_eq!(of("SELECT @EACH([id], c -> c), * FROM raw.orders"), [star("2:29")]);
    assert_eq!(of("WITH o AS (SELECT * FROM raw.orders) SELECT id FROM o WHERE id IN (SELECT id FROM o)"), nothing);
}

#[test]
fn places_are_of_the_file_behind_macros() {
    let query = "SELECT id FROM raw.orders WHERE ds BETWEEN @start_ds AND @end_ds UNION ALL SELECT * FROM raw.orders";
    let column = query.find('*').expect("a star") + 1;
    let expected = format!("2:{column} the query of `s.m` selects with a star");
    assert_eq!(of_query(Rule::NoSelectStar, query), [expected]);
}

#[test]
fn invalid_select_star_expansion() {
    let of = |query: &str| of_query(Rule::InvalidSelectStarExpansion, query);
    let unknown = |place: &str, tables: &str| {
        format!("{place} the star in `s.m` cannot be put out: the columns of {tables} are not known")
    };
    assert_eq!(of("SELECT * FROM raw.blob"), [unknown("2:8", "`raw.blob`")]);
    assert_eq!(of("SELECT o.id, w.* FROM raw.orders AS o, other.place AS w"), [unknown("2:14", "`other.place`")]);
    let nothing: [&str; 0] = [];
    assert_eq!(of("SELECT * FROM raw.orders"), nothing);
    assert_eq!(
        of("SELECT o.* FROM raw.orders AS o JOIN raw.blob AS b ON o.id = b.id"),
        nothing,
        "a known table's star"
    );
    assert_eq!(of("SELECT id FROM raw.blob"), nothing);
    assert_eq!(of("SELECT * FROM read_parquet('a.parquet')"), nothing);
    assert_eq!(of("SELECT * FROM information_schema.tables"), nothing);
    let chain = "//- models/a.sql\nMODEL (name s.a, kind VIEW);\nSELECT * FROM raw.blob\n\
                 //- models/b.sql\nMODEL (name s.b, kind VIEW);\nSELECT * FROM s.a\n";
    assert_eq!(
        found(Rule::InvalidSelectStarExpansion, chain).len(),
        2,
        "what stands on an unknown star is unknown, too"
    );
}

#[test]
fn ambiguous_or_invalid_column() {
    let of = |query: &str| of_query(Rule::AmbiguousOrInvalidColumn, query);
    let none = |place: &str, name: &str| format!("{place} nothing that `s.m` reads has a column `{name}`");
    let two = |place: &str, name: &str| format!("{place} more than one table that `s.m` reads has a column `{name}`");
    assert_eq!(of("SELECT id,\n  amont FROM raw.orders"), [none("3:3", "amont")]);
    assert_eq!(of("SELECT o.amont FROM raw.orders AS o"), [none("2:8", "o.amont")]);
    assert_eq!(of("SELECT x.id FROM raw.orders AS o"), [none("2:8", "x.id")]);
    assert_eq!(of("SELECT amount FROM raw.orders WHERE dss > '2026-01-01'"), [none("2:37", "dss")]);
    let joined = "FROM raw.orders AS o JOIN raw.customers AS c";
    assert_eq!(of(&format!("SELECT o.id, name {joined} ON o.id = c.id WHERE id > 1")), [two("2:85", "id")]);
    assert_eq!(of(&format!("SELECT name {joined} USING (idd)")), [none("2:65", "idd")]);
    assert_eq!(
        of("SELECT id FROM raw.orders WHERE EXISTS (SELECT 1 FROM raw.customers WHERE zz = 1)"),
        [none("2:75", "zz")]
    );
    let cte = "WITH o AS (SELECT id AS order_id FROM raw.orders)\nSELECT id FROM o";
    assert_eq!(of(cte), [none("3:8", "id")]);
    let nothing: [&str; 0] = [];
    assert_eq!(of(&format!("SELECT id, name {joined} USING (id)")), nothing);
    assert_eq!(of("SELECT amount + 1 AS more, more * 2 AS twice FROM raw.orders"), nothing);
    assert_eq!(of("SELECT o FROM raw.orders AS o"), nothing, "the whole row");
    assert_eq!(of("SELECT list_filter([1], x -> x > amount) AS l, rowid AS r FROM raw.orders"), nothing);
}

/// What a name is cannot be told beside columns that nobody knows, and is not guessed.
#[test]
fn what_is_not_certain_is_no_violation() {
    let of = |query: &str| of_query(Rule::AmbiguousOrInvalidColumn, query);
    let nothing: [&str; 0] = [];
    assert_eq!(of("SELECT anything FROM raw.blob"), nothing);
    assert_eq!(of("SELECT anything FROM raw.orders, raw.blob"), nothing);
    let lint = linted(
        "{rules: ALL}",
        "//- models/m.sql\nMODEL (name s.m, kind FULL);\nSELECT frobnicate(idd) AS x FROM raw.orders\n",
    );
    let unchecked: Vec<Rule> = lint.unchecked.iter().map(|unchecked| unchecked.rule).collect();
    assert_eq!(unchecked, [Rule::AmbiguousOrInvalidColumn]);
    assert_eq!(lint.unchecked[0].why, "unknown function frobnicate");
    let lint = linted("{rules: ALL}", "//- models/m.sql\nMODEL (name s.m, kind FULL);\nSELECT FROM WHERE x\n");
    assert_eq!(lint.unchecked.len(), 4, "{:?}", lint.unchecked);
    assert!(lint.unchecked[0].why.starts_with("the parser does not know this SQL"), "{:?}", lint.unchecked);
}

/// PostgreSQL reads `o.total` as `total(o)`, a function of the row, where `o` has no such column.
#[test]
fn a_function_of_a_row_is_no_column_that_is_missing() {
    let of = |query: &str| {
        let model = format!("//- models/m.sql\nMODEL (name s.m, kind FULL, dialect postgres);\n{query}\n");
        let lint = linted("{rules: [ambiguousorinvalidcolumn]}", &model);
        let told: Vec<String> = lint.violations.iter().map(|violation| told(&violation.problem)).collect();
        (told, lint.unchecked.into_iter().map(|unchecked| unchecked.why).collect::<Vec<_>>())
    };
    let unknown = |name: &str| (Vec::new(), vec![format!("{name} belongs to no known input")]);
    assert_eq!(of("SELECT o.total FROM raw.orders AS o"), unknown("o.total"));
    assert_eq!(of("SELECT 1 AS one FROM raw.orders AS o WHERE EXISTS (SELECT o.total)"), unknown("o.total"));
    for (sql, name) in
        [("SELECT x.total FROM raw.orders AS o", "x.total"), ("SELECT total FROM raw.orders AS o", "total")]
    {
        let (violations, unchecked) = of(sql);
        assert_eq!((violations.len(), unchecked.len()), (1, 0), "{sql}");
        assert!(violations[0].ends_with(&format!("has a column `{name}`")), "{violations:?}");
    }
}

#[test]
fn no_ambiguous_projections() {
    let of = |query: &str| of_query(Rule::NoAmbiguousProjections, query);
    let unnamed = |place: &str, text: &str| format!("{place} the column `{text}` of `s.m` has no name");
    let twice = |place: &str, name: &str| format!("{place} `s.m` has two columns named `{name}`");
    assert_eq!(of("SELECT id, count(*) FROM raw.orders GROUP BY id"), [unnamed("2:12", "count(*)")]);
    assert_eq!(of("SELECT id,\n  amount AS ID FROM raw.orders"), [twice("3:3", "id")]);
    let joined = "FROM raw.orders AS o JOIN raw.customers AS c";
    assert_eq!(of(&format!("SELECT o.*, c.* {joined} ON o.id = c.id")), [twice("2:8", "id")]);
    assert_eq!(of(&format!("SELECT o.*, c.id AS amount {joined} ON o.id = c.id")), [twice("2:8", "amount")]);
    let nothing: [&str; 0] = [];
    assert_eq!(of(&format!("SELECT * {joined} USING (id)")), nothing);
    assert_eq!(
        of("SELECT id::text, o.amount, 1, 'a' AS \"a b\", * EXCLUDE (id, amount) FROM raw.orders AS o"),
        nothing
    );
    assert_eq!(of("SELECT id FROM raw.orders UNION SELECT count(*) FROM raw.orders"), nothing, "the first one names");
    assert_eq!(of("SELECT COLUMNS('a.*') FROM raw.orders"), nothing);
    assert_eq!(of("SELECT id: amount, amount: id FROM raw.orders"), nothing);
}

#[test]
fn no_missing_audits() {
    let of = |files: &str| found(Rule::NoMissingAudits, files);
    let files = "//- models/m.sql\n-- what it is\nMODEL (name s.m, kind FULL);\nSELECT 1 AS id\n\
                 //- models/e.sql\nMODEL (name s.e, kind EMBEDDED);\nSELECT 1 AS id\n\
                 //- models/a.sql\nMODEL (name s.a, kind VIEW, audits (not_null(columns := (id))));\nSELECT 1 AS id\n\
                 //- seeds/s.csv\nid\n1\n//- models/s.sql\nMODEL (name s.s, kind SEED (path '$root/seeds/s.csv'))\n";
    assert_eq!(of(files), ["models/m.sql:2:1 `s.m` has no audit", "models/s.sql:1:1 `s.s` has no audit"]);
}

#[test]
fn no_missing_unit_test() {
    let models = "//- models/m.sql\nMODEL (name s.M, kind FULL);\nSELECT 1 AS id\n\
                  //- models/n.sql\nMODEL (name s.n, kind FULL);\nSELECT 1 AS id\n";
    let with = |test: &str| found(Rule::NoMissingUnitTest, &format!("{models}{test}"));
    let of_n = "models/n.sql:1:1 `s.n` has no unit test";
    assert_eq!(with("//- tests/deep/test_m.yml\ntest_one:\n  model: S.m\n"), [of_n]);
    assert_eq!(with("//- tests/test_m.yaml\none:\n  model: s.m\ntwo:\n  model: '\"s\".\"n\"'\n"), Vec::<String>::new());
    for elsewhere in ["tests/m.yaml", "test_m.yaml", "tests/test_m.txt"] {
        assert_eq!(with(&format!("//- {elsewhere}\none:\n  model: s.m\n")).len(), 2, "{elsewhere}");
    }
    let lint = linted("{rules: nomissingunittest}", &format!("{models}//- tests/test_m.yaml\none: [\n"));
    assert_eq!((lint.violations.len(), lint.problems.len()), (2, 1));
    assert!(told(&lint.problems[0]).starts_with("tests/test_m.yaml:"), "{:?}", lint.problems);
    assert_eq!(lint.problems[0].severity, Severity::Warning);
}

#[test]
fn no_missing_external_models() {
    let of = |query: &str| of_query(Rule::NoMissingExternalModels, query);
    let missing =
        |place: &str, name: &str| format!("{place} `s.m` reads `{name}`, which is neither a model nor declared");
    let query =
        "SELECT o.id FROM raw.orders AS o\nJOIN erp.stock AS s USING (id) JOIN erp.stock AS t USING (id), other";
    assert_eq!(of(query), [missing("3:6", "erp.stock"), missing("3:64", "other")]);
    let nothing: [&str; 0] = [];
    assert_eq!(of("WITH erp AS (SELECT 1 AS id) SELECT id FROM erp"), nothing);
    assert_eq!(of("SELECT id FROM 'a.csv', information_schema.tables"), nothing);
    let depends =
        "//- models/m.sql\nMODEL (name s.m, kind FULL,\n  depends_on (erp.stock, raw.orders));\nSELECT 1 AS id\n";
    let expected = missing("models/m.sql:2:3", "erp.stock");
    assert_eq!(found(Rule::NoMissingExternalModels, depends), [expected]);
}

#[test]
fn a_model_ignores_rules_by_name() {
    let with = |ignored: &str| {
        let model = format!(
            "//- models/m.sql\nMODEL (name s.m, kind FULL,\n  ignored_rules {ignored});\nSELECT * FROM raw.blob\n"
        );
        linted("{rules: [noselectstar, invalidselectstarexpansion], warn_rules: [nomissingaudits]}", &model)
    };
    let rules = |lint: &Lint| lint.violations.iter().map(|violation| violation.rule.name()).collect::<Vec<_>>();
    assert_eq!(rules(&with("()")), ["nomissingaudits", "invalidselectstarexpansion", "noselectstar"]);
    assert_eq!(rules(&with("['noselectstar', \"NoMissingAudits\"]")), ["invalidselectstarexpansion"]);
    assert_eq!(rules(&with("(NOSELECTSTAR, nomissingaudits)")), ["invalidselectstarexpansion"]);
    assert_eq!(rules(&with("noselectstar")), ["nomissingaudits", "invalidselectstarexpansion"]);
    let all = with("ALL");
    assert_eq!((rules(&all), all.has_errors()), (Vec::new(), false));
    let lint = with("[noselectstars]");
    assert_eq!(told(&lint.problems[0]), "models/m.sql:2:3 `ignored_rules` names `noselectstars`, which is no rule");
    assert_eq!(lint.problems[0].help.as_deref(), Some("did you mean `noselectstar`?"));
    assert!(lint.has_errors());
}

#[test]
fn warnings_are_no_errors_and_only_what_is_asked_for_is_looked_at() {
    let model = "//- models/m.sql\nMODEL (name s.m, kind FULL);\nSELECT * FROM raw.orders\n";
    let lint = linted("{warn_rules: ALL, ignored_rules: [nomissingunittest]}", model);
    let told: Vec<_> = lint.violations.iter().map(|found| (found.problem.code, found.problem.severity)).collect();
    assert_eq!(told, [("lint-nomissingaudits", Severity::Warning), ("lint-noselectstar", Severity::Warning)]);
    assert!(!lint.has_errors());
    let lint = linted("{rules: [noselectstar]}", model);
    assert!(lint.has_errors());
    assert_eq!(lint.into_problems()[0].help.as_deref(), Some("name the columns that the model is to have"));
    assert_eq!(linted("{enabled: true}", model).violations, []);
}
