//! Both configurations and the declared tables with whatever text.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use offshoot::files::TextTree;
use offshoot::project::{ModelCache, Surroundings, load};

fuzz_target!(|texts: (&str, &str, &str)| {
    let (config, own, external) = texts;
    let files = [
        ("config.yaml", config),
        ("offshoot.yaml", own),
        ("external_models.yaml", external),
        ("models/a.sql", "MODEL (name s.a);\nSELECT @x AS x FROM t"),
    ];
    let tree: TextTree = files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let cache = ModelCache::new();
    load(&tree, &Surroundings { environment: &BTreeMap::new(), gateway: None, cache: &cache, shelf: None });
});
