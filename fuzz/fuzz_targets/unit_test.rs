//! A file of unit tests with whatever text.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use offshoot::files::TextTree;
use offshoot::ids::FilePath;
use offshoot::unit_test::read;

fuzz_target!(|text: &str| {
    let path = "tests/test_a.yaml";
    let tree: TextTree = [(path.to_owned(), text.to_owned())].into_iter().collect();
    read(&tree, &FilePath::new(path), (&BTreeMap::new(), &BTreeMap::new()), &mut Vec::new());
});
