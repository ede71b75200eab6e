//! A file of audits, and a model that asks for some, with whatever text.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use offshoot::files::TextTree;
use offshoot::project::{ModelCache, Surroundings, load};

fuzz_target!(|texts: (&str, &str)| {
    let (audits, asked) = texts;
    let model = format!("MODEL (name s.a, kind FULL, dialect duckdb, audits ({asked}));\nSELECT 1 AS x");
    let files = [("audits/a.sql", audits.to_owned()), ("models/a.sql", model)];
    let tree: TextTree = files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect();
    let cache = ModelCache::new();
    load(&tree, &Surroundings { environment: &BTreeMap::new(), gateway: None, cache: &cache, shelf: None });
});
