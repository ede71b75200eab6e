//! The matrix of verdicts: what each edit of `fixtures/verdicts.tsv` is, from loading both trees to the diff.

use std::collections::{BTreeMap, BTreeSet};

use offshoot::change::{Category, Change};
use offshoot::diff::diff;
use offshoot::files::TextTree;
use offshoot::fingerprint::Tree;
use offshoot::hash::Digest;
use offshoot::project::{ModelCache, Surroundings, load};

const VERDICTS: &str = include_str!("../../fixtures/verdicts.tsv");
const READERS: [(&str, &str); 4] = [
    ("id", "SELECT id FROM s.m"),
    ("x", "SELECT x FROM s.m"),
    ("rows", "SELECT count(*) AS n FROM s.m"),
    ("all", "SELECT * FROM s.m"),
];

/// One line of the matrix.
struct Row<'a> {
    dialect: &'a str,
    edit: &'a str,
    before: &'a str,
    after: &'a str,
    verdict: &'a str,
    readers: BTreeSet<&'a str>,
    /// The row of SQLMesh's matrices that it is about.
    row: &'a str,
}

/// What SQLMesh 0.236.4 calls each edit, row by row: non-breaking, breaking, and non-breaking though rows change.
const ROWS: [(&str, &[&str]); 3] = [
    (
        "N",
        &[
            "add a column at the end",
            "in the middle",
            "computed",
            "window function",
            "aggregate",
            "add a column in a CTE",
            "scalar subquery as a new column",
            "stamp",
            "partitioned_by",
            "physical_properties",
            "columns declared",
            "pre- or post-statement added or changed",
            "interval unit",
        ],
    ),
    (
        "B",
        &[
            "reorder columns",
            "remove",
            "rename an alias",
            "add a cast",
            "WHERE",
            "AND operands in another order",
            "unused CTE",
            "CTE renamed",
            "JOIN added",
            "unnest or explode in a projection",
            "LIMIT",
            "DISTINCT",
            "a literal",
            "ORDER BY",
            "GROUP BY key",
            "lookback",
        ],
    ),
    (
        "U",
        &[
            "DISTINCT gets a column",
            "UNION gets a column on both sides",
            "a CTE with DISTINCT that is counted gets a column",
            "set-returning functions of PostgreSQL in a projection",
            "a column in an IN subquery",
            "a changed pre-statement",
        ],
    ),
];

fn rows() -> Vec<Row<'static>> {
    let lines = VERDICTS.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let row = |line: &'static str| {
        let [dialect, edit, before, after, verdict, readers, why, row] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("eight fields: {line}"));
        assert!(why.len() > 5, "a reason: {line}");
        let readers = readers.split(' ').filter(|reader| *reader != "-").collect();
        Row { dialect, edit, before, after, verdict, readers, row }
    };
    lines.map(row).collect()
}

fn tree(dialect: &str, model: &str) -> Tree {
    let (properties, query) = model.split_once(" :: ").unwrap_or(("", model));
    let kind = if properties.contains("kind ") { "" } else { "kind FULL, " };
    let query = query.replace("\\n", "\n");
    let mut text = format!(
        "//- config.yaml\ngateways: {{local: {{connection: {{type: duckdb, database: db}}}}}}\n\
         model_defaults: {{dialect: '{dialect}', start: 2026-01-01}}\n\
         //- external_models.yaml\n\
         - name: raw.t\n  columns: {{id: int, pid: int, x: int, y: int, g: text, d: date, arr: 'int[]', j: json, s: 'struct(a int, b int)'}}\n\
         - name: raw.u\n  columns: {{id: int, x: int, z: int, g: text, d: date}}\n\
         //- models/m.sql\nMODEL (name s.m, {kind}{properties});\n{query}\n"
    );
    text = text.replace(", );", ");");
    for (reader, query) in READERS {
        text.push_str(&format!("//- models/{reader}.sql\nMODEL (name s.{reader}, kind FULL);\n{query}\n"));
    }
    let (environment, cache) = (BTreeMap::new(), ModelCache::new());
    let loaded = load(
        &TextTree::parse(&text),
        &Surroundings { environment: &environment, gateway: None, cache: &cache, shelf: None },
    );
    let (tree, _) = Tree::new(loaded.project.models, loaded.project.files, Digest::of("engine", "duckdb"), None);
    assert_eq!(
        tree.fingerprints.keys().filter(|name| name.schema() == Some("s")).count(),
        5,
        "{text}\n{:?}",
        loaded.problems
    );
    tree
}

/// What the program says of an edit: the verdict on `s.m`, the readers that are built again, and why.
fn told(row: &Row<'_>) -> (String, BTreeSet<String>, String) {
    let (before, after) = (tree(row.dialect, row.before), tree(row.dialect, row.after));
    let changes = diff(&before, &after);
    let own = changes.iter().find(|change| change.name.table() == "m");
    let fingerprint =
        after.fingerprints.iter().find(|(name, _)| name.table() == "m").map(|(_, fingerprint)| fingerprint);
    let is_opaque = fingerprint.is_some_and(|fingerprint| fingerprint.opaque.is_some());
    let verdict = match own.map(|change| (change.change, change.category)) {
        None => "unchanged",
        Some((Change::Metadata, _)) => "metadata",
        Some(_) if is_opaque => "opaque",
        Some((_, Category::NonBreaking)) => "non-breaking",
        Some(_) => "breaking",
    };
    let is_reader = |change: &&offshoot::diff::ModelDiff| {
        change.name.schema() == Some("s") && change.name.table() != "m" && change.change != Change::Unaffected
    };
    let readers = changes.iter().filter(is_reader).map(|change| change.name.table().to_owned()).collect();
    let reasons = own.map(|own| own.reasons.iter().map(offshoot::change::Reason::text).collect::<Vec<_>>().join("; "));
    (verdict.to_owned(), readers, reasons.unwrap_or_default())
}

#[test]
fn every_edit_is_what_the_matrix_says() {
    let rows = rows();
    let mut wrong = Vec::new();
    let mut dialects = BTreeSet::new();
    let mut edits = BTreeSet::new();
    for row in &rows {
        dialects.insert(row.dialect);
        assert!(edits.insert((row.dialect, row.edit)), "twice: {}", row.edit);
        let (verdict, readers, why) = told(row);
        let expected: BTreeSet<String> = row.readers.iter().map(|reader| (*reader).to_owned()).collect();
        if verdict != row.verdict || readers != expected {
            wrong.push(format!(
                "{} {}: {verdict} {readers:?}, expected {} {expected:?}\n  {}\n  {}\n  {why}",
                row.dialect, row.edit, row.verdict, row.before, row.after
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    let others = rows.iter().filter(|row| row.row == "-").count();
    assert!(others >= 160 && dialects.len() >= 8, "{others} rows, {} dialects", dialects.len());
}

#[test]
fn every_row_of_sqlmesh_s_matrices_is_there() {
    let numbered = |(list, edits): &(&str, &[&str])| -> Vec<String> {
        (1..=edits.len()).map(|number| format!("{list}{number}")).collect()
    };
    let expected: BTreeSet<String> = ROWS.iter().flat_map(numbered).collect();
    let told: BTreeSet<String> = rows().iter().filter(|row| row.row != "-").map(|row| row.row.to_owned()).collect();
    assert_eq!(told, expected);
}
