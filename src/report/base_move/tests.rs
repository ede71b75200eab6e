use super::*;
use crate::fingerprint::tests::tree;

const EXTERNAL: &str = "//- external_models.yaml
- name: raw.orders
  columns: {id: int, amount: int, day: date}
";

const ORDERS: &str = "//- models/orders.sql
MODEL (name s.orders, kind FULL, owner ada);
SELECT id, amount, day FROM raw.orders
";

const SUMS: &str = "//- models/sums.sql
MODEL (name s.sums, kind FULL);
SELECT sum(amount) AS amount FROM s.orders
";

const OTHER: &str = "//- models/other.sql
MODEL (name s.other, kind FULL);
SELECT 1 AS one
";

/// What the branch edits: the sums.
fn on(base: &str) -> String {
    base.replace("sum(amount)", "max(amount)")
}

/// What is told when main goes from one project to another under the branch.
fn told(before: &str, after: &str) -> Vec<String> {
    told_of(before, after, &on)
}

fn told_of(before: &str, after: &str, branch: &dyn Fn(&str) -> String) -> Vec<String> {
    let trees = |base: &str| (tree(base), tree(&branch(base)));
    let (before, after) = (trees(before), trees(after));
    touched((&before.0, &before.1), (&after.0, &after.1)).iter().map(ToString::to_string).collect()
}

fn project() -> String {
    [EXTERNAL, ORDERS, SUMS, OTHER].concat()
}

#[test]
fn what_nothing_of_the_plan_reads_or_is_touches_nothing() {
    let base = project();
    assert_eq!(told(&base, &base), [""; 0]);
    assert_eq!(told(&base, &base.replace("1 AS one", "2 AS two")), [""; 0]);
    assert_eq!(told(&base, &base.replace(OTHER, "")), [""; 0]);
    let more = format!("{base}//- models/more.sql\nMODEL (name s.more, kind FULL);\nSELECT id FROM s.orders\n");
    assert_eq!(told(&base, &more), [""; 0], "it reads what the branch does not change");
    let unread = base.replace("SELECT id, amount, day FROM", "SELECT id, amount, day AS on_day FROM");
    assert_eq!(told(&base, &unread), [""; 0], "nothing of the plan reads the column");
    let words = base.replace("SELECT id, amount, day FROM", "SELECT id, amount, day -- all of it\nFROM");
    assert_eq!(told(&base, &words), [""; 0], "a comment is no change");
    assert_eq!(told(&base, &base.replace("owner ada", "owner grace")), [""; 0]);
}

#[test]
fn what_feeds_the_plan_is_named_where_it_was_edited() {
    let base = project();
    let edited = base.replace("SELECT id, amount, day FROM", "SELECT id, amount + 1 AS amount, day FROM");
    assert_eq!(told(&base, &edited), ["s.orders"]);
    assert_eq!(told(&base, &base.replace(SUMS, "")), ["s.sums"], "what the branch edits is gone");
    assert_eq!(told(&base, &base.replace("kind FULL);\nSELECT sum", "kind VIEW);\nSELECT sum")), ["s.sums"]);
    assert_eq!(told(&base, &on(&base)), ["s.sums"], "main did the same: nothing is left to do");
}

#[test]
fn a_new_reader_of_what_the_branch_changes_is_of_the_plan() {
    let base = project();
    let reads = "SELECT amount FROM s.sums";
    assert_eq!(told(&base, &base.replace("SELECT 1 AS one", reads)), ["s.other"]);
    let new = format!("{base}//- models/new.sql\nMODEL (name s.new, kind FULL);\n{reads}\n");
    assert_eq!(told(&base, &new), ["s.new"]);
}

#[test]
fn a_table_from_elsewhere_that_becomes_a_model_feeds_its_readers() {
    let base = [ORDERS, SUMS].concat();
    let owned = format!(
        "{base}//- models/raw.sql\nMODEL (name raw.orders, kind FULL);\nSELECT 1 AS id, 2 AS amount, 3 AS day\n"
    );
    let found = told(&base, &owned);
    assert!(found.contains(&"raw.orders".to_owned()), "{found:?}");
    // Nor does a statement that writes it go unseen, in whatever model it stands.
    let written = project().replace("SELECT 1 AS one", "SELECT 1 AS one;\nINSERT INTO raw.orders VALUES (1, 2, NULL)");
    let found = told(&project(), &written);
    assert!(!found.is_empty());
}

#[test]
fn what_the_branch_adds_is_held_against_what_main_adds() {
    let base = project();
    let adds = |base: &str| {
        let new = "//- models/added.sql\nMODEL (name s.added, kind FULL);\nSELECT one FROM s.other\n";
        if base.contains("added.sql") { base.to_owned() } else { format!("{base}{new}") }
    };
    assert_eq!(told_of(&base, &base.replace("1 AS one", "2 AS one"), &adds), ["s.other"]);
    let same = format!("{base}//- models/added.sql\nMODEL (name s.added, kind VIEW);\nSELECT 7 AS one\n");
    assert_eq!(told_of(&base, &same, &adds), ["s.added"]);
}
