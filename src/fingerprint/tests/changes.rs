//! What a diff tells people.

use super::*;

/// Name, change, category and reasons of every touched model.
fn told(before: &str, after: &str) -> String {
    let line = |change: crate::diff::ModelDiff| {
        let reasons: Vec<String> = change.reasons.iter().map(Reason::text).collect();
        format!("{} {:?} {:?}: {}", change.name, change.change, change.category, reasons.join("; "))
    };
    diff(&tree(before), &tree(after)).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_diff_says_what_happened_and_why() {
    let far = "//- models/far.sql\nMODEL (name s.far, kind FULL);\nSELECT id + 1 AS id FROM s.reads_id\n";
    let without = edited(far, "");
    let read = "//- models/reads_id.sql\nMODEL (name s.reads_id, kind FULL);\nSELECT id FROM s.m\n";
    let orphaned = edited(read, "");
    let mut story = String::new();
    for (title, before, after) in [
        ("a column added", SHOP, edited("amount * 2 AS net FROM", "amount * 2 AS net, region FROM").as_str()),
        ("a column rewritten", SHOP, &edited("amount * 2 AS net", "amount * 3 AS net")),
        ("a filter changed", SHOP, &edited("id > 0", "id > 1")),
        ("a cell of a seed", SHOP, &edited("2,20,us", "2,21,us")),
        ("another kind", SHOP, &edited("name s.counts, kind FULL", "name s.counts, kind VIEW")),
        ("an owner", SHOP, &edited("name s.counts, kind FULL", "name s.counts, kind FULL, owner jen")),
        ("columns in another order", SHOP, &edited("SELECT id, amount, amount", "SELECT amount, id, amount")),
        ("rows written in order", SHOP, &edited("SELECT id FROM s.m\n", "SELECT id FROM s.m ORDER BY id\n")),
        ("a model removed", SHOP, &without),
        ("a model added", &without, SHOP),
        ("a model removed that others read", SHOP, &orphaned),
        ("its own text and a parent", SHOP, &edited("id > 0", "id > 1").replace("count(*)", "count(id)")),
        ("nothing", SHOP, SHOP),
    ] {
        story.push_str(&format!("# {title}\n{}\n\n", told(before, after)));
    }
    insta::assert_snapshot!(story);
}

#[test]
fn categories_are_read_off_the_hashes() {
    let category = |after: &str| {
        let changes = diff(&tree(SHOP), &tree(after));
        changes.into_iter().find(|change| change.name.table() == "m").map(|change| change.category)
    };
    assert_eq!(category(&edited("AS net FROM", "AS net, region FROM")), Some(Category::NonBreaking));
    assert_eq!(category(&edited("SELECT id, amount,", "SELECT region, id, amount,")), Some(Category::NonBreaking));
    assert_eq!(category(&edited("amount * 2", "amount * 3")), Some(Category::Breaking));
    assert_eq!(category(&edited("SELECT id, amount,", "SELECT id,")), Some(Category::Breaking));
    assert_eq!(category(&edited("id > 0", "id > 1")), Some(Category::Breaking));
    assert_eq!(category(&edited("name s.m, kind FULL", "name s.m, kind FULL, tags (a)")), Some(Category::Metadata));
}

#[test]
fn a_tree_much_like_another_is_fingerprinted_as_if_it_were_alone() {
    let with_file = |marker: &str| {
        format!(
            "{SHOP}//- models/text.sql\nMODEL (name s.text, kind FULL);\nSELECT content FROM read_text('models/m.sql')\n\
             //- models/marker.sql\nMODEL (name s.marker, kind FULL);\nSELECT {marker} AS x\n"
        )
    };
    let edits = [
        with_file("1"),
        with_file("2"),
        with_file("1").replace("amount * 2 AS net", "amount * 3 AS net"),
        with_file("1").replace("id > 0", "id > 1"),
        with_file("1").replace("2,20,us", "2,21,us"),
        with_file("1").replace("name s.reads_id, kind FULL", "name s.reads_id, kind VIEW"),
        with_file("1").replace("SELECT 1 AS x", "SELECT 1 AS x;\nCREATE MACRO sum(a) AS a"),
        with_file("1").replace("//- models/m.sql", "//- models/n.sql"),
    ];
    for before in &edits {
        let like = tree(before);
        for after in &edits {
            let (alone, beside) = (tree(after), tree_like(after, Some(&like)));
            let data = |tree: &Tree| -> Vec<(ModelName, Digest, Digest)> {
                let of = |(name, one): (&ModelName, &Fingerprint)| (name.clone(), one.data, one.metadata);
                tree.fingerprints.iter().map(of).collect()
            };
            assert_eq!(data(&alone), data(&beside), "{before}\n→\n{after}");
        }
    }
}
