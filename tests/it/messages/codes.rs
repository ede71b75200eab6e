//! The codes of problems that the sources can tell, found by a plain scan: a call of one of a few names whose first argument is
//! a code, and the few places that compute one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use offshoot::problem::HELD;
use offshoot::settings::Rule;

use crate::architecture::{Source, sources};

/// What makes a problem out of a code.
const MAKERS: [&str; 5] = ["error", "warning", "info", "unknown", "problem"];

/// Where a code is no literal, and what it can be there; `None` in a helper whose callers say it.
const COMPUTED: [(&str, Option<&[&str]>); 5] = [
    ("src/commands/ci/mod.rs", Some(&["not-built", "refused"])),
    ("src/lint/subject.rs", None),
    ("src/planning/mod.rs", Some(&[HELD])),
    ("src/project/value.rs", None),
    ("src/settings/reader.rs", None),
];

/// Codes that a small project alone does not show: where a test does, and what it holds against what was told.
const ELSEWHERE: [(&str, &str, &str); 3] = [
    ("not-built", "tests/it/ci/faults.rs", "`not-built`"),
    ("refused", "tests/it/ci/held.rs", "title=refused::"),
    ("settings-of-the-base", "tests/it/ci/trust.rs", "counts after the merge"),
];

/// The first argument of each call of a maker: its text where it is a literal.
fn first_arguments(source: &Source) -> Vec<(usize, Option<&str>)> {
    let text = source.text.as_str();
    let mut found = Vec::new();
    for maker in MAKERS {
        for (start, _) in text.match_indices(&format!("{maker}(")) {
            let before = text[..start].chars().next_back();
            if before.is_some_and(|sign| sign.is_alphanumeric() || sign == '_') {
                continue;
            }
            let argument = text[start + maker.len() + 1..].trim_start();
            let literal = argument.strip_prefix('"').and_then(|rest| rest.split('"').next());
            found.push((start, literal));
        }
    }
    found
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-')
}

/// Every code, with the files that tell it.
fn codes() -> BTreeMap<String, BTreeSet<String>> {
    let mut codes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |code: &str, path: &str| {
        codes.entry(code.to_owned()).or_default().insert(path.to_owned());
    };
    for source in sources() {
        let path = source.path.display().to_string();
        let code = source.without_comments();
        let source = Source::new(source.path, code);
        for (start, literal) in first_arguments(&source) {
            match literal {
                Some(literal) if is_code(literal) => add(literal, &path),
                Some(_) => {}
                None if source.text[..start].ends_with("Problem::") => {
                    let known = COMPUTED.iter().find(|(place, _)| *place == path);
                    let (_, computed) = known.unwrap_or_else(|| panic!("{path} computes a code: list it in COMPUTED"));
                    computed.iter().copied().flatten().for_each(|code| add(code, &path));
                }
                None => {}
            }
        }
    }
    Rule::ALL.iter().for_each(|rule| add(rule.code(), "src/settings/linter.rs"));
    codes
}

/// The codes that the snapshots beside this file show.
fn shown() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/messages/snapshots");
    let entries = std::fs::read_dir(folder).expect("the snapshots").map(|entry| entry.expect("an entry").path());
    let mut shown = BTreeSet::new();
    for text in entries.map(|path| std::fs::read_to_string(path).expect("a snapshot")) {
        let labels = text.lines().filter_map(|line| line.split_once('[')?.1.split_once(']'));
        shown.extend(labels.map(|(code, _)| code.to_owned()).filter(|code| is_code(code)));
    }
    shown
}

#[test]
fn every_code_is_shown() {
    let (codes, shown) = (codes(), shown());
    assert!(codes.len() > 80, "the scan sees them: {codes:?}");
    let mut missing = Vec::new();
    for (code, paths) in &codes {
        match ELSEWHERE.iter().find(|(known, ..)| known == code) {
            None if !shown.contains(code) => missing.push(format!("`{code}` of {paths:?}")),
            Some((_, path, text)) => {
                let test = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
                let test = std::fs::read_to_string(test).expect("a test file");
                assert!(test.contains(text), "{path} does not show `{code}`");
            }
            None => {}
        }
    }
    assert!(missing.is_empty(), "no case of `tests/it/messages` shows:\n{}", missing.join("\n"));
    let gone: Vec<_> = shown.iter().filter(|code| !codes.contains_key(*code)).collect();
    assert!(gone.is_empty(), "snapshots show codes that the scan does not find: {gone:?}");
}
