//! A model file with whatever text: it is a model or a problem, and reading it twice gives the same.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use offshoot::files::TextTree;
use offshoot::project::{ModelCache, Surroundings, load};

fuzz_target!(|text: &str| {
    let files = [
        (
            "config.yaml",
            "gateways: {local: {connection: {type: duckdb, database: wh.db}}}\nmodel_defaults: {dialect: duckdb}\n\
             variables: {x: 1, many: [a, b], odd: 'it''s \"q\"'}\n",
        ),
        ("macros/m.sql", "{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}"),
        ("models/a.sql", text),
    ];
    let tree: TextTree = files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let read = || {
        let cache = ModelCache::new();
        load(&tree, &Surroundings { environment: &BTreeMap::new(), gateway: None, cache: &cache, shelf: None }).problems
    };
    assert_eq!(read(), read());
});
