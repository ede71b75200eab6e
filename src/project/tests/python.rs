//! Python models: tables that something else fills.

use super::*;
use crate::problem::Severity;

fn with(python: &str, more: &str) -> Loaded {
    loaded(&format!("//- config.yaml\nmodel_defaults: {{dialect: duckdb}}\n{more}//- models/p.py\n{python}\n"))
}

/// Each table with its columns, and what is told.
fn tables(python: &str) -> (Vec<String>, Vec<String>) {
    let loaded = with(python, "");
    let columns = |model: &Model| {
        let column = |column: &crate::model::DeclaredColumn| {
            format!("{} {}", column.name, column.data_type.as_deref().unwrap_or("?"))
        };
        model.properties.columns.iter().map(column).collect::<Vec<_>>().join(", ")
    };
    let tables = loaded.project.models.values().map(|model| {
        assert_eq!(model.kind, Kind::External);
        format!("{}({})", model.name, columns(model))
    });
    let told = loaded.problems.iter().map(|problem| {
        assert_eq!((problem.code, problem.severity), ("python-model", Severity::Warning));
        format!("{:?} {}", problem.line, problem.message)
    });
    (tables.collect(), told.collect())
}

#[test]
fn a_header_of_literals_names_the_table_and_its_columns() {
    for (header, table) in [
        ("@model('s.p', columns={'id': 'int', \"At\": 'timestamp'})", "s.p(id int, At timestamp)"),
        ("@model('s.p', columns={'name': 'str'})", "s.p(name text)"),
        (
            "@model(\n    's' '.p', # comment ')\n    kind=dict(name=ModelKindName.FULL),\n    columns={'id': exp.DataType.build('int'),},\n)",
            "s.p(id ?)",
        ),
        ("@sqlmesh.model(name=r'S.P', owner=f'{x}', is_sql=True)", "s.p()"),
        ("@model('c.s.p', columns=COLUMNS)", "c.s.p()"),
        ("@model('s.p', columns={**COMMON, 'id': 'int'})", "s.p()"),
        ("@model('s.p', columns={'id': 'int', 'id': 'text'})", "s.p()"),
    ] {
        let file = format!(
            "\"\"\"@model('no.such')\"\"\"\nfrom sqlmesh import model\nx = 1 @model ('s.q')\ny = 'it\\'s @model(\\'s.z\\')'\n\n{header}\n\
             def execute(context, **kwargs):\n    yield from ()"
        );
        let (tables, told) = tables(&file);
        assert_eq!(tables, [table], "{header}");
        let is_told = |told: &String| {
            told.starts_with("Some(6) `") && told.ends_with("its table is read where production has it")
        };
        assert!(told.len() == 1 && told.iter().all(is_told), "{told:?}");
    }
}

#[test]
fn what_only_a_run_would_know_is_told() {
    let no_name = "Some(1) a Python model's name must be one text";
    let no_model = "None `models/p.py` has no `@model(…)`";
    for (file, what) in [
        ("@model(f's.{x}')", no_name),
        ("@model(NAME, columns={'id': 'int'})", no_name),
        ("@model('@{customer}.p', blueprints=[{'customer': 'a'}])", no_name),
        ("@model('a.b.c.d')", no_name),
        ("@model('s.\\x70')", no_name),
        ("@model('s.p", no_name),
        ("@model(", no_name),
        ("register('s.p')", no_model),
        ("", no_model),
        ("'''@model('s.p')", no_model),
    ] {
        let (tables, told) = tables(file);
        assert_eq!(tables, Vec::<String>::new(), "{file}");
        assert!(matches!(told.as_slice(), [told] if told.starts_with(what)), "{file}: {told:?}");
    }
}

#[test]
fn it_wins_over_a_declaration_and_its_content_is_what_it_is() {
    let declared = "//- external_models.yaml\n- {name: s.p, columns: {b: int}}\n";
    let one = with("@model('s.p', columns={'a': 'int'})", declared);
    assert_eq!(codes(&one), ["python-model"]);
    let only = |loaded: &Loaded| loaded.project.models.values().next().cloned().expect("a model");
    assert_eq!(only(&one).properties.columns[0].name, "a");
    let other = with("@model('s.p', columns={'a': 'int'}) # another", declared);
    assert_ne!(only(&one).source, only(&other).source);
}

/// As deep and as long as a file can be.
#[test]
fn no_file_is_too_much() {
    let deep = format!("@model('s.p', columns={}", "[".repeat(500_000));
    let many = "@model(".repeat(60_000);
    for file in [deep, many, "'".repeat(500_000), "@".repeat(500_000), "'''\n".repeat(200_000)] {
        assert!(!with(&file, "").problems.is_empty());
    }
}
