//! Trees of files: seeds, duplicates, references, ignored paths.

use proptest::prelude::*;

use super::*;
use crate::problem::{Severity, has_errors};

#[test]
fn references_that_nobody_owns_are_told_once() {
    let loaded = loaded(
        "//- models/a.sql\nMODEL (name shop.orders, depends_on (raw.things)); SELECT 1 AS x\n//- models/b.sql\nMODEL (\n  name shop.b, depends_on (shop.order, information_schema.tables, shop.orders)); SELECT 1 AS x\n//- external_models.yaml\n- name: raw.things\n",
    );
    insta::assert_snapshot!(told(&loaded), @"Warning unknown-reference models/b.sql:2:16: no model owns `shop.order`: it is treated as external (did you mean `shop.orders`? else declare it in `external_models.yaml`)");
}

#[test]
fn an_entry_of_the_active_gateway_wins_whatever_file_it_is_in() {
    let loaded = loaded(
        "//- external_models.yaml
- {name: raw.orders, columns: {id: INT}}
//- external_models/a.yaml
- {name: raw.orders, gateway: LOCAL, columns: {id: BIGINT}}
- {name: raw.orders, gateway: far, columns: {id: TEXT}}
",
    );
    let columns = &model(&loaded).properties.columns;
    assert_eq!(columns[0].data_type.as_deref(), Some("BIGINT"));
}

#[test]
fn what_an_external_model_cannot_have_is_told() {
    let loaded = loaded(
        "//- external_models.yaml
- name: raw.orders
  start: banana
  audits:
    - not_null: {columns: id}
  columns: {'\"Id\"': INT, NAME: TEXT}
",
    );
    assert_eq!(codes(&loaded), ["invalid-external-model", "invalid-external-model"]);
    let names: Vec<&str> = loaded
        .project
        .models
        .values()
        .flat_map(|model| &model.properties.columns)
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["Id", "NAME"]);
    assert_eq!(super::external_column("Name", Dialect::Postgres), "name");
    assert_eq!(super::external_column("\"Na\"\"me\"", Dialect::Postgres), "Na\"me");
}

#[test]
fn external_models_are_read() {
    let loaded = loaded(
        "//- external_models.yaml
- name: RAW.orders
  description: from the shop
  columns: {id: INT, amount: 'decimal( 10, 2)'}
- name: raw.only_prod
  gateway: prod
- nmae: x
- name: a.b.c.d
//- external_models/more.yaml
- {name: raw.more, gateway: local, start: 2026-01-01}
- {name: raw.more}
- name: raw.orders
",
    );
    assert_eq!(
        codes(&loaded),
        ["invalid-external-model", "unknown-property", "invalid-external-model", "duplicate-model"]
    );
    let names: Vec<_> = loaded.project.models.keys().map(ModelName::to_string).collect();
    assert_eq!(names, ["raw.more", "raw.orders"]);
    let orders = loaded.project.models.values().nth(1).expect("orders");
    assert_eq!(orders.kind, Kind::External);
    assert_eq!(orders.properties.columns[1].data_type.as_deref(), Some("decimal( 10, 2)"));
    assert_eq!(orders.properties.description.as_deref(), Some("from the shop"));
}

#[test]
fn a_seed_is_found_and_read() {
    let seed = |path: &str, more: &str| {
        loaded(&format!(
            "//- models/staging/s.sql\nMODEL (\n  name raw.s,\n  kind SEED (path '{path}'{more})\n);\n//- seeds/s.csv\nid,name\n1,x\n2,\n"
        ))
    };
    for path in ["$root/seeds/s.csv", "../../seeds/s.csv", ".././../seeds//s.csv"] {
        let loaded = seed(path, "");
        let Kind::Seed(seed) = &model(&loaded).kind else { panic!("a seed") };
        assert_eq!((seed.path.as_str(), seed.rows), ("seeds/s.csv", 2));
        let types: Vec<_> = seed.columns.iter().map(|column| column.data_type.as_str()).collect();
        assert_eq!(types, ["BIGINT", "TEXT"]);
        assert_eq!(Some(&seed.blob), loaded.project.files.get(&seed.path));
    }
    insta::assert_snapshot!(told(&seed("../../seeds/t.csv", "")), @"Error missing-seed models/staging/s.sql:3:19: seed file `seeds/t.csv` is not there (did you mean `seeds/s.csv`?)");
    for path in ["../../../x.csv", "/etc/passwd", "$root/../x.csv", "C:\\\\x.csv"] {
        assert_eq!(codes(&seed(path, "")), ["outside-seed"], "{path}");
    }
    assert_eq!(codes(&seed("$root/seeds/s.csv", ", csv_settings (delimeter = ';')")), ["unknown-property"]);
    assert_eq!(codes(&seed("$root/seeds/s.csv", ", csv_settings (delimiter = ';;')")), ["invalid-property"]);
    assert_eq!(
        codes(&seed(
            "$root/seeds/s.csv",
            ", csv_settings (delimiter = ';', na_values = ('x'), keep_default_na = false)"
        )),
        Vec::<&str>::new()
    );
}

#[test]
fn a_seed_that_is_wrong_names_file_and_line() {
    let loaded = loaded(
        "//- models/s.sql\nMODEL (name raw.s, kind SEED (path '$root/seeds/s.csv'), columns (id INT)); SET a = 1; @INSERT_SEED(); SET b = 2;\n//- seeds/s.csv\nid,name\n1,a,b\n",
    );
    assert_eq!(
        told(&loaded),
        "Error invalid-seed seeds/s.csv:2:1: line 2 has 3 cells, the header has 2 (put a cell that holds the delimiter into \
         quotes; an empty cell is a cell, too)"
    );
    assert_eq!(loaded.project.broken.len(), 1);
}

#[test]
fn seed_statements_stand_around_the_mark() {
    let loaded = loaded(
        "//- models/s.sql\nMODEL (name raw.s, kind SEED (path '$root/seeds/s.csv')); SET a = 1; @INSERT_SEED(); SET b = 2;\n//- seeds/s.csv\nid\n1\n",
    );
    let model = model(&loaded);
    assert_eq!((model.pre_statements.len(), model.post_statements.len()), (1, 1));
    let with_query = file("MODEL (name raw.s, kind SEED (path '$root/x.csv')); SELECT 1 AS x");
    assert_eq!(codes(&with_query), ["missing-seed", "seed-with-query"]);
}

#[test]
fn files_that_are_no_content_bring_their_own_problem() {
    struct Pointer(BTreeMap<FilePath, Entry>, TextTree);
    impl FileTree for Pointer {
        fn entries(&self) -> &BTreeMap<FilePath, Entry> {
            &self.0
        }
        fn open(&self, path: &FilePath) -> std::io::Result<Box<dyn std::io::Read + '_>> {
            self.1.open(path)
        }
    }
    let tree = TextTree::parse(&format!(
        "{CONFIG}//- models/s.sql\nMODEL (name raw.s, kind SEED (path '$root/seeds/s.csv'));\n//- models/b.sql\nx\n"
    ));
    let mut entries = tree.entries().clone();
    for path in ["seeds/s.csv", "models/b.sql"] {
        let path = FilePath::new(path);
        let problem = Problem::error("lfs-pointer", "an LFS pointer").at(&path).help("run `git lfs pull`");
        entries.insert(path, Entry::Unreadable(problem));
    }
    let loaded = load_tree(&Pointer(entries, tree), &ModelCache::new());
    assert_eq!(codes(&loaded), ["lfs-pointer", "lfs-pointer"]);
    assert!(loaded.project.models.is_empty());
}

#[test]
fn bytes_that_are_no_text_are_a_problem() {
    struct Bytes(TextTree);
    impl FileTree for Bytes {
        fn entries(&self) -> &BTreeMap<FilePath, Entry> {
            self.0.entries()
        }
        fn open(&self, path: &FilePath) -> std::io::Result<Box<dyn std::io::Read + '_>> {
            let bytes: &[u8] = if path.as_str().ends_with("big.sql") { &BIG } else { b"\xff\xfe" };
            Ok(Box::new(bytes))
        }
    }
    static BIG: [u8; 3 << 20] = [b' '; 3 << 20];
    let tree =
        TextTree::parse("//- config.yaml\n\n//- models/a.sql\n\n//- models/big.sql\n\n//- external_models.yaml\n\n");
    assert_eq!(codes(&load_tree(&Bytes(tree), &ModelCache::new())), ["unreadable-file"; 4]);
}

#[test]
fn python_models_and_ignored_files_are_passed_over() {
    let loaded = load_tree(
        &TextTree::parse(
            "//- config.yaml\nmodel_defaults: {dialect: duckdb}\nignore_patterns: ['models/wip/*']\n//- models/p.py\nx\n//- models/__init__.py\n\n//- models/wip/a.sql\nnonsense\n//- models/.cache/a.sql\nnonsense\n//- models/.ipynb_checkpoints/a.sql\nnonsense\n//- models/.hidden/a.py\nx\n",
        ),
        &ModelCache::new(),
    );
    assert_eq!(codes(&loaded), ["python-model"]);
    assert_eq!(loaded.problems[0].severity, Severity::Warning);
}

/// As SQLMesh has it.
#[test]
fn hidden_files_and_folders_are_read() {
    let loaded = loaded(
        "//- models/.dot.sql\nMODEL (name s.dot, audits (low)); SELECT 1 AS x\n//- models/.hidden/h.sql\nMODEL (name s.hidden);\nJINJA_QUERY_BEGIN; SELECT {{ one() }} AS x; JINJA_END;\n//- audits/.a/.a.sql\nAUDIT (name low); SELECT * FROM @this_model WHERE x > 5\n//- macros/.m/.m.sql\n{% macro one() %}1{% endmacro %}\n//- external_models/.e/.e.yaml\n- name: e.more\n",
    );
    assert_eq!(told(&loaded), "");
    let names: Vec<String> = loaded.project.models.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["e.more", "s.dot", "s.hidden"]);
}

/// Python reads them so for SQLMesh.
#[test]
fn every_line_break_is_that_of_unix() {
    let of = |text: &str| {
        let config = ("config.yaml".to_owned(), "model_defaults: {dialect: duckdb}".to_owned());
        let tree: TextTree = [config, ("models/a.sql".to_owned(), text.to_owned())].into_iter().collect();
        load_tree(&tree, &ModelCache::new())
    };
    let text = "MODEL (name s.a, description 'one\ntwo');\nSELECT 'x\ny' AS x -- about x\n";
    let query = |text: &str| model(&of(text)).query.as_ref().map(|query| query.text().to_owned());
    for line_break in ["\r\n", "\r"] {
        let other = text.replace('\n', line_break);
        assert_eq!(query(&other), query(text));
        assert_eq!(model(&of(&other)).properties.description.as_deref(), Some("one\ntwo"));
        let wrong = "MODEL (name s.a);\n\nSELECT 'x\ny' AS x, @nonsense(1)".replace('\n', line_break);
        assert_eq!(of(&wrong).problems[0].line.zip(of(&wrong).problems[0].column), Some((4, 10)));
        let unknown = "MODEL (name s.a);\n\nSELECT 'x\ny' AS x FROM s.nobody".replace('\n', line_break);
        assert_eq!(of(&unknown).problems[0].line.zip(of(&unknown).problems[0].column), Some((4, 14)));
    }
}

#[test]
fn two_trees_share_what_they_parse_and_rules_keep_them_apart() {
    let cache = ModelCache::new();
    let fixture = |owner: &str, more: &str| {
        TextTree::parse(&format!(
            "//- config.yaml\nmodel_defaults: {{dialect: duckdb, owner: {owner}}}\n//- models/a.sql\nMODEL (name s.a); SELECT 1 AS x\n{more}"
        ))
    };
    let owner = |tree: &TextTree| {
        load_tree(tree, &cache).project.models.values().next().and_then(|model| model.properties.owner.clone())
    };
    assert_eq!(owner(&fixture("jen", "")).as_deref(), Some("jen"));
    assert_eq!(cache.files(), 1);
    assert_eq!(owner(&fixture("jen", "//- models/b.sql\nMODEL (name s.b); SELECT 1 AS x\n")).as_deref(), Some("jen"));
    assert_eq!(cache.files(), 2);
    assert_eq!(owner(&fixture("tim", "")).as_deref(), Some("tim"));
}

#[test]
fn problems_of_one_file_are_bounded() {
    let loaded = file(&format!("MODEL (name s.a); SELECT {} 1 AS x", "@x, @{".repeat(5_000)));
    assert!(loaded.problems.len() <= MAX_FILE_PROBLEMS + 2, "{}", loaded.problems.len());
    let loaded = file(&format!("MODEL (name s.a); SELECT 1 AS x; {}", "select 1;".repeat(5_000)));
    assert_eq!(loaded.problems.len(), MAX_FILE_PROBLEMS + 1);
}

#[test]
fn deep_nesting_does_not_panic() {
    for text in ["(".repeat(20_000), format!("MODEL (name s.a, kind {}", "(".repeat(20_000)), "[{(".repeat(9_000)] {
        assert!(has_errors(&file(&text).problems));
    }
    let nested = format!("MODEL (name s.a); SELECT {}1{} AS x", "(".repeat(20_000), ")".repeat(20_000));
    assert_eq!(codes(&file(&nested)), ["unparsed-sql"]);
}

/// Bits of model files, so that chance finds its way into the grammar.
fn bits() -> impl Strategy<Value = String> {
    let bit = prop::sample::select(vec![
        "MODEL (",
        ");",
        "name s.a",
        ",",
        "kind",
        " SEED",
        "(path",
        " 'x.csv'",
        "csv_settings (",
        "columns (a INT",
        ")",
        "@",
        "@{",
        "}",
        "@start_ds",
        "@VAR(",
        "'",
        "\"",
        "@'x @{region}'",
        ";",
        "SELECT 1",
        " FROM t",
        "--",
        "\n",
        "/*",
        "*/",
        "ä",
        "\u{0}",
        "JINJA_QUERY_BEGIN;",
        "JINJA_STATEMENT_BEGIN;",
        "JINJA_END;",
        "{{ ",
        " }}",
        "{% for x in [1, 2] %}",
        "{% endfor %}",
        "{{ start_ds }}",
        "{{ twice(",
        "@DEF(f, ",
        "x -> ",
        "(x, y) -> ",
        "@f(",
        "@EACH([a, b], ",
        "@REDUCE(",
        "@IF(1 = 2, ",
        "@IF(TRUE, ",
        "@AND(",
        "@WHERE(FALSE)",
        "LEFT @JOIN(FALSE)",
        "@SQL('",
        "@STAR(",
        "@PIVOT(a, ['b']",
        "@this_model",
        "@runtime_stage",
        "@x",
        "@{x}",
        "blueprints (",
        "(x := a, y := 1)",
        "::INT",
        "AUDIT (",
        "audits (a(b := ",
        "end '2026-01-01'",
        "start 12345678",
        "dialect ",
        "bigquery",
        "INCREMENTAL_BY_TIME_RANGE (",
        "time_column",
        " (ds, '%Y')",
        "[",
        "]",
        ":=",
        "=",
        " ",
        ".",
        "$$",
    ]);
    prop::collection::vec(prop_oneof![4 => bit.prop_map(str::to_owned), 1 => ".{0,6}"], 0..40)
        .prop_map(|bits| bits.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_text_panics_the_loader(model in bits(), config in ".{0,80}", seed in ".{0,40}", external in "[-a-z: {}\\[\\],\n']{0,60}") {
        let files = [("config.yaml", CONFIG.split_once('\n').map_or("", |(_, text)| text)), ("offshoot.yaml", &config),
            ("models/a.sql", &model), ("seeds/s.csv", &seed), ("external_models.yaml", &external),
            ("macros/m.sql", "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}"),
            ("models/s.sql", "MODEL (name s.seed, kind SEED (path '../seeds/s.csv'));")];
        let tree: TextTree = files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        let one = load_tree(&tree, &ModelCache::new());
        let two = load_tree(&tree, &ModelCache::new());
        prop_assert_eq!(one.problems, two.problems);
    }

    #[test]
    fn any_text_is_a_model_or_a_problem(text in bits()) {
        let loaded = file(&format!("MODEL (name s.a, dialect duckdb{text}"));
        prop_assert!(!loaded.project.models.is_empty() || has_errors(&loaded.problems) || text.contains("enabled"));
    }
}
