//! Models whose last names are words of SQL: they stand in queries as aliases of the tables that hold them.

use crate::lab::lab;

/// SQLMesh builds all of them, as it puts every name into quotes.
#[test]
fn a_model_may_have_a_word_of_sql_as_its_name() {
    let words = ["order", "group", "table", "limit", "window", "unique", "end", "all", "default", "check", "analyze"];
    let words =
        words.into_iter().chain(["full", "left", "natural", "semi", "similar", "pivot", "user", "row", "columns"]);
    let mut files: Vec<(String, String)> = Vec::new();
    for word in words {
        files.push((
            format!("models/{word}.sql"),
            format!("MODEL (name shop.{word}, kind FULL);\nSELECT 1 AS id, '{word}' AS word"),
        ));
        files.push((
            format!("models/of_{word}.sql"),
            format!("MODEL (name marts.of_{word}, kind FULL);\nSELECT id, word FROM shop.{word} WHERE id > 0"),
        ));
    }
    let test = "t:\n  model: marts.of_order\n  inputs: {shop.order: [{id: 1, word: a}]}\n  outputs: {query: [{id: 1, word: a}]}\n";
    files.push(("tests/test_words.yaml".to_owned(), test.to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let world = lab(&files);
    world.done(&["test"]);
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT word FROM marts.of_group"), "group");
    assert_eq!(world.value("SELECT word FROM marts.of_natural"), "natural");
}
