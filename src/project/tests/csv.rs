//! What the settings of a seed's file come to, as SQLMesh and pandas have it.

use super::*;
use crate::project::seed_rows;

/// The rows of a seed of this file, NULL as `-` and cells between bars.
fn rows(settings: &str, csv: &str) -> String {
    let loaded = seed(settings, csv);
    let Kind::Seed(seed) = &model(&loaded).kind else { panic!("a seed") };
    let csv = format!("{csv}\n");
    let rows = seed_rows(csv.as_bytes(), &seed.csv, &seed.columns).expect("rows").map(|row| row.expect("a row"));
    let text = |row: Vec<Option<String>>| {
        row.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned())).collect::<Vec<_>>().join("|")
    };
    rows.map(text).collect::<Vec<_>>().join("\n")
}

fn seed(settings: &str, csv: &str) -> Loaded {
    loaded(&format!(
        "//- models/s.sql\nMODEL (name raw.s, kind SEED (path '$root/seeds/s.csv', csv_settings ({settings})));\n//- seeds/s.csv\n{csv}\n"
    ))
}

#[test]
fn a_sign_is_escaped_outside_quotes_too() {
    let csv = r#"a,b
x\"y,x\\y
x\ny,1\,2
"q\"r",2"#;
    assert_eq!(rows(r"escapechar = '\'", csv), "x\"y|x\\y\nxny|1,2\nq\"r|2");
    // Cells of blanks are cells, lines of blanks are none.
    let blank = seed(r"escapechar = '\'", "a,b\n\"\"\n \t\n\n\\ \nx,\" \"");
    assert_eq!(codes(&blank), ["short-row"]);
    let count = |model: &std::sync::Arc<crate::model::Model>| match &model.kind {
        Kind::Seed(seed) => seed.rows,
        _ => 0,
    };
    assert_eq!(blank.project.models.values().map(count).collect::<Vec<_>>(), [3]);
    let open = seed(r"escapechar = '\'", "a\n\"x\\\"");
    insta::assert_snapshot!(told(&open), @"Error invalid-seed seeds/s.csv: the file ends within quotes or behind an escape sign (close the quotes; where `escapechar` is meant itself, write it twice)");
}

#[test]
fn what_means_null_by_column_is_a_list() {
    let csv = "id,ds,alias\n1,2022-01-01,foo\n2,x,null\n1.0,y,#N/A";
    let as_usual = "1|2022-01-01|foo\n2|x|-\n1.0|y|-";
    for (settings, expected) in [
        ("na_values = (ds = '2022-01-01')", as_usual),
        ("na_values = (ds = ['2022-01-01'])", "1|-|foo\n2|x|-\n1.0|y|-"),
        ("na_values = (ds = ('2022-01-01'))", "1|-|foo\n2|x|-\n1.0|y|-"),
        ("na_values = (alias = 'foo', ds = ('x'))", "1|2022-01-01|foo\n2|-|-\n1.0|y|-"),
        ("na_values = ((\"ds\" := ['y']))", "1|2022-01-01|foo\n2|x|-\n1.0|-|-"),
        ("keep_default_na = false, na_values = (alias = ['foo', null])", "1|2022-01-01|-\n2|x|null\n1.0|y|#N/A"),
        ("keep_default_na = 0", "1|2022-01-01|foo\n2|x|null\n1.0|y|#N/A"),
        ("na_values = (ID = [1])", as_usual),
        ("na_values = (id = [1.0])", "-|2022-01-01|foo\n2|x|-\n-|y|-"),
        ("na_values = 1", "-|2022-01-01|foo\n2|x|-\n-|y|-"),
        ("na_values = -1", as_usual),
        ("na_values = ('x', null)", "1|2022-01-01|foo\n2|-|-\n1.0|y|-"),
        ("na_values = ()", as_usual),
    ] {
        assert_eq!(rows(settings, csv), expected, "{settings}");
    }
    for (settings, code) in [
        ("na_values = ('x', foo)", "unsupported-property"),
        ("na_values = (ds = [foo])", "unsupported-property"),
        ("na_values = (ds = ['y'], 'x')", "invalid-property"),
        ("na_values = (1.5)", "invalid-property"),
        ("na_values = ('x' || 'y')", "invalid-property"),
    ] {
        assert_eq!(codes(&seed(settings, csv)), [code], "{settings}");
    }
    let deep = format!("na_values = {}'x'{}", "(".repeat(200_000), ")".repeat(200_000));
    assert_eq!(codes(&seed(&deep, csv)), ["invalid-property"]);
}
