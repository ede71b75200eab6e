//! Statements of models that touch what those of others do: filled at once, one model would refuse the other.

use super::*;
use crate::lab::CONFIG;

/// SQLMesh fills one model after another on DuckDB.
#[test]
fn statements_of_models_are_in_nobodys_way() {
    let config = CONFIG.replace(
        "model_defaults:\n",
        "model_defaults:\n  pre_statements:\n  - CREATE TABLE IF NOT EXISTS etl_log (m INT)\n  - CREATE OR REPLACE MACRO cents(x) AS x / 100\n  \
         post_statements:\n  - INSERT INTO etl_log VALUES (1)\n  - UPDATE counters SET n = n + 1\n",
    );
    assert_ne!(config, CONFIG, "the statements are there");
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let models = names.map(|name| {
        let query = "SELECT i AS id, md5(i::TEXT) AS h FROM range(20000) AS t (i)";
        (format!("models/{name}.sql"), format!("MODEL (name m.{name}, kind FULL);\n{query}"))
    });
    let mut files: Vec<(&str, &str)> = models.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(("config.yaml", &config));
    let world = lab(&files);
    world.sql("CREATE TABLE counters AS SELECT 0 AS n");
    world.done(&["promote", "--jobs", "4"]);
    assert_eq!(world.value("SELECT n FROM counters"), "8");
    assert_eq!(world.value("SELECT count(*) FROM etl_log"), "8");
}
