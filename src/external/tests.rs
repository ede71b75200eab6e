use std::sync::LazyLock;

use super::*;
use crate::sql::{Alone, DefaultCatalog, Dialect};

static CATALOG: LazyLock<DefaultCatalog> =
    LazyLock::new(|| DefaultCatalog { name: "w".to_owned(), alone: Alone::Either });

fn duckdb() -> Target<'static> {
    Target { dialect: Dialect::DuckDb, gateway: Some("local"), catalog: Some(&*CATALOG), standing: Standing::Default }
}

fn table(name: &str, columns: &[(&str, &str)]) -> ExternalTable {
    ExternalTable {
        name: ModelName::parse(name).expect("a name"),
        columns: columns.iter().map(|(name, data_type)| ((*name).to_owned(), (*data_type).to_owned())).collect(),
    }
}

fn rewritten(text: &str, target: Target<'_>, tables: &[ExternalTable]) -> Rewritten {
    let done = rewrite(text, target, tables).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let again = rewrite(&done.text, target, tables).expect("what was written is read again");
    assert_eq!(again.changes, [], "a second run changes nothing");
    assert_eq!(again.text, done.text);
    done
}

#[test]
fn a_new_file_lists_tables_by_name() {
    let tables = [
        table("erp.stock", &[("id", "INTEGER"), ("at", "TIMESTAMP WITH TIME ZONE")]),
        table("a.b", &[("x", "DECIMAL(18,3)")]),
    ];
    for empty in ["", "# nothing yet\n", "[]\n"] {
        let done = rewritten(empty, duckdb(), &tables);
        let expected = "- name: a.b\n  columns:\n    x: DECIMAL(18,3)\n\
                        - name: erp.stock\n  columns:\n    id: INTEGER\n    at: TIMESTAMP WITH TIME ZONE\n";
        assert_eq!(done.text, format!("{}{expected}", empty.replace("[]\n", "")));
        assert_eq!(done.changes.len(), 2);
    }
}

const WRITTEN: &str = "# what others load
- name: erp.orders   # every night
  description: |
    Orders
    - as they come
  columns:
    id: INTEGER
    amount: TEXT  # in cents
  start: 2026-01-01

# not ours
- columns: {x: int}
  name: ERP.Zones
  gateway: other
- name: zoo.animals
";

#[test]
fn only_what_differs_is_written_anew() {
    let orders = table("erp.orders", &[("id", "INTEGER"), ("amount", "BIGINT"), ("day", "DATE")]);
    let done = rewritten(
        WRITTEN,
        duckdb(),
        &[orders, table("zoo.animals", &[("name", "VARCHAR")]), table("m.new", &[("x", "INTEGER")])],
    );
    insta::assert_snapshot!(done.text, @r"
    # what others load
    - name: erp.orders   # every night
      description: |
        Orders
        - as they come
      columns:
        id: INTEGER
        amount: BIGINT  # in cents
        day: DATE
      start: 2026-01-01

    # not ours
    - columns: {x: int}
      name: ERP.Zones
      gateway: other
    - name: m.new
      columns:
        x: INTEGER
    - name: zoo.animals
      columns:
        name: VARCHAR
    ");
    let name = |name: &str| ModelName::parse(name).expect("a name");
    let retyped = ColumnChange::Retyped { name: "amount".into(), was: Some("TEXT".into()), is: "BIGINT".into() };
    let added = ColumnChange::Added { name: "day".into(), data_type: "DATE".into() };
    assert_eq!(done.changes[0], Change::Columns { name: name("erp.orders"), changes: vec![retyped, added] });
    assert_eq!(done.changes[2], Change::Added { name: name("m.new"), columns: 1 });
    let same = table("erp.orders", &[("id", "INTEGER"), ("amount", "TEXT")]);
    assert_eq!(rewritten(WRITTEN, duckdb(), &[same]).text, WRITTEN);
    let reordered = table("erp.orders", &[("amount", "TEXT"), ("id", "INTEGER")]);
    let changes = vec![ColumnChange::Reordered];
    assert_eq!(
        rewritten(WRITTEN, duckdb(), &[reordered]).changes,
        [Change::Columns { name: name("erp.orders"), changes }]
    );
    let less = table("erp.orders", &[("id", "INTEGER")]);
    let changes = vec![ColumnChange::Removed { name: "amount".into() }];
    assert_eq!(rewritten(WRITTEN, duckdb(), &[less]).changes, [Change::Columns { name: name("erp.orders"), changes }]);
}

#[test]
fn entries_of_other_gateways_are_left_alone() {
    let zones = table("erp.zones", &[("x", "BIGINT")]);
    let other = Target { gateway: Some("OTHER"), standing: Standing::Other, ..duckdb() };
    let done = rewritten(WRITTEN, other, &[zones.clone(), table("zoo.animals", &[("id", "INTEGER")])]);
    assert!(done.text.contains("- columns:\n    x: BIGINT\n  name: ERP.Zones\n  gateway: other\n"), "{}", done.text);
    assert!(
        done.text.contains("- name: zoo.animals\n  gateway: OTHER\n  columns:\n    id: INTEGER\n"),
        "{}",
        done.text
    );
    assert!(done.text.contains("\n- name: zoo.animals\n"), "the one of all gateways stays: {}", done.text);
    let done = rewritten(WRITTEN, duckdb(), &[zones]);
    assert!(done.text.contains("- columns: {x: int}\n"), "{}", done.text);
    assert_eq!(done.changes.len(), 1, "the default gateway gets one of its own");
    let general = "- name: a.b\n  columns:\n    x: INTEGER\n";
    assert_eq!(rewritten(general, other, &[table("a.b", &[("x", "INTEGER")])]).changes, [], "what all have is right");
}

#[test]
fn hostile_names_are_quoted() {
    let tables = [table(
        "\"s: {x}\".\"- a\n  b: # c\"",
        &[
            ("a: b", "STRUCT(\"x y\" INTEGER, z ENUM('a', 'b: c'))"),
            ("\u{1b}[2J\u{2028}", "INTEGER[]"),
            ("no", "x"),
            ("\"q\"", "y"),
            ("", "z"),
        ],
    )];
    let done = rewritten("", duckdb(), &tables);
    assert!(done.text.lines().all(|line| line.starts_with("- name: ") || line.starts_with("  ")), "{}", done.text);
    assert!(!done.text.contains(['\u{1b}', '\u{2028}']), "{}", done.text);
    let postgres = Target { dialect: Dialect::Postgres, ..duckdb() };
    let done = rewritten("", postgres, &[table("public.\"Orders\"", &[("Id", "integer"), ("id", "integer")])]);
    assert_eq!(done.text, "- name: public.\"Orders\"\n  columns:\n    '\"Id\"': integer\n    id: integer\n");
}

#[test]
fn comments_of_columns_that_are_there_still_stay() {
    let text = "- name: a.b\n  columns: # as Jo says\n    # the key\n    'a # b': TEXT # no\n\n    # gone\n    old: INTEGER # gone too\n    \
                it's: TEXT # lost\n    # last\n    z: INTEGER\t# kept\n    # end\n- name: c.d\n  columns: {x: TEXT} # short\n";
    let tables = [
        table("a.b", &[("z", "INTEGER"), ("a # b", "VARCHAR"), ("it's", "TEXT"), ("new", "DATE")]),
        table("c.d", &[("x", "DATE"), ("y", "DATE")]),
    ];
    insta::assert_snapshot!(rewritten(text, duckdb(), &tables).text, @r"
    - name: a.b
      columns: # as Jo says
        # last
        z: INTEGER	# kept
        # the key
        'a # b': VARCHAR # no
        it's: TEXT
        new: DATE
        # end
    - name: c.d
      columns: # short
        x: DATE
        y: DATE
    ");
}

#[test]
fn types_are_compared_whatever_their_spaces() {
    let tables = [table("a.b", &[("kind", "ENUM('a  b',\t'c')"), ("at", "timestamp  with time zone")])];
    let done = rewritten("", duckdb(), &tables);
    assert_eq!(done.changes.len(), 1);
    let by_hand = "- name: a.b\n  columns: {kind: \"ENUM('a b', 'c')\", at: timestamp with time zone}\n";
    assert_eq!(rewritten(by_hand, duckdb(), &tables).changes, []);
}

/// Each table was compared with every entry, for each of which every name was read anew: minutes for as many as here.
#[test]
fn many_tables_are_put_in_where_they_belong() {
    let names: Vec<String> = (0..3_000).map(|number| format!("erp.t{number:05}")).collect();
    let all: Vec<ExternalTable> = names.iter().map(|name| table(name, &[("id", "INTEGER")])).collect();
    let whole = rewrite("", duckdb(), &all).expect("a file");
    assert_eq!(whole.changes.len(), all.len());
    let half: Vec<ExternalTable> = all.iter().step_by(2).cloned().collect();
    let grown = rewrite(&rewrite("", duckdb(), &half).expect("a file").text, duckdb(), &all).expect("a file");
    assert_eq!((grown.changes.len(), grown.text), (all.len() - half.len(), whole.text));
}

#[test]
fn what_cannot_be_changed_in_place_is_refused_with_its_line() {
    let wanted = [table("a.b", &[("x", "INTEGER")])];
    let refused = |text: &str| rewrite(text, duckdb(), &wanted).expect_err(text).to_string();
    assert!(refused("a: 1\n").starts_with("line 1: expected a list"), "{}", refused("a: 1\n"));
    assert!(
        refused("- name: c.d\n- {name: a.b, columns: {x: TEXT}}\n").starts_with("line 2: a table that is not written")
    );
    assert!(refused("[{name: a.b}]\n").starts_with("line 1: a table that is not written"));
    assert!(refused("- name: [\n").starts_with("line"));
    assert!(refused("- &a\n  name: c.d\n").starts_with("line"));
    let flow = "- {name: c.d, columns: {x: TEXT}}\n";
    assert!(rewritten(flow, duckdb(), &wanted).text.ends_with(flow), "what stays may look as it likes");
}

#[test]
fn line_ends_and_indents_stay() {
    let text = "  - name: z.z\r\n    columns:\r\n      x: TEXT\r\n  # end";
    let done = rewritten(text, duckdb(), &[table("z.z", &[("x", "INTEGER")]), table("a.a", &[("y", "DATE")])]);
    let expected = "  - name: a.a\r\n    columns:\r\n      y: DATE\r\n  - name: z.z\r\n    columns:\r\n      x: INTEGER\r\n  # end\r\n";
    assert_eq!(done.text, expected);
}

proptest::proptest! {
    /// Whatever the file holds, it is left alone or read back as it was meant, and nothing panics.
    #[test]
    fn no_text_is_damaged(text in "(- name: [a-c.]{1,3}|\n|\r|\u{85}|\u{2028}|  columns:|    x: INT|  gateway: [a-b]|- |[\\[\\]{}#&*:'\"a ]){0,14}") {
        let tables = [table("a", &[("x", "INTEGER")]), table("b", &[("y: z", "TEXT")])];
        if let Ok(done) = rewrite(&text, duckdb(), &tables) {
            let again = rewrite(&done.text, duckdb(), &tables).expect("what was written is read again");
            proptest::prop_assert_eq!(again.changes, []);
        }
    }
}
