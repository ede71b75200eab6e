//! The house rules that a machine can hold: layers, one module per foreign crate, a pure core, file length, no test
//! file forgotten. A plain text scan with comments and tests cut off; good will is not enough for these.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules in order: each names only those before it, in its own level too, except that no edge names another.
const LEVELS: &[(Level, &[&str])] = &[
    (
        Level::InOrder,
        &[
            "ids", "hash", "problem", "files", "time", "push", "url", "visible", "mask", "sql", "model", "decision",
            "audit",
        ],
    ),
    (
        Level::InOrder,
        &[
            "event",
            "yaml",
            "settings",
            "project",
            "graph",
            "fingerprint",
            "change",
            "diff",
            "lineage",
            "external",
            "lint",
            "explain",
            "naming",
            "gc",
            "history",
            "rollback",
            "recovered",
            "plan",
            "data_diff",
            "sticky",
            "report",
            "statement",
            "resolve",
            "unit_test",
        ],
    ),
    (Level::InOrder, &["render"]),
    // What more than one edge stands on.
    (Level::InOrder, &["postgres"]),
    (Level::Apart, &["surroundings", "git", "state", "engine", "shelf", "github"]),
    (
        Level::InOrder,
        &[
            "error",
            "cli",
            "output",
            "context",
            "turn",
            "connect",
            "workspace",
            "apply",
            "planning",
            "publish",
            "commands",
            "entry",
            "lib",
        ],
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Each module names only those before it.
    InOrder,
    /// Edges of the program: none names another.
    Apart,
}

/// The first level that may do input and output.
const FIRST_EDGE: usize = 3;

/// Foreign crates and the modules (or files) that alone may name them.
const CRATES: &[(&str, &[&str])] = &[
    ("base64", &["github", "sticky"]),
    ("chrono", &["time"]),
    ("clap", &["cli", "entry"]),
    ("comfy_table", &["render"]),
    ("croner", &["time"]),
    ("csv", &["project", "render"]),
    ("duckdb", &["engine"]),
    ("getrandom", &["surroundings"]),
    ("git2", &["git"]),
    ("http_body_util", &["github"]),
    ("indicatif", &["output"]),
    ("minijinja", &["project", "settings"]),
    ("minijinja_contrib", &["settings"]),
    ("octocrab", &["github"]),
    ("owo_colors", &["render"]),
    ("petgraph", &["graph"]),
    ("regex", &["settings"]),
    ("rusqlite", &["state"]),
    ("serde_yaml", &["yaml"]),
    ("sha2", &["hash"]),
    ("postcard", &["shelf"]),
    ("signal_hook", &["surroundings"]),
    ("similar", &["report"]),
    ("sqlparser", &["sql"]),
    ("strsim", &["problem"]),
    ("futures_util", &["postgres"]),
    ("rustls", &["postgres"]),
    ("rustls_native_certs", &["postgres"]),
    ("tokio", &["github", "postgres"]),
    ("tokio_postgres", &["postgres"]),
    ("tokio_postgres_rustls", &["postgres"]),
    ("tracing_subscriber", &["output"]),
];

/// A thread that is waited for is a larger stack and no input or output; whatever asks the machine for something is.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "thread::sleep",
    "thread::park",
    "thread::current",
    "available_parallelism",
    "SystemTime",
    "Instant::now",
    "async ",
];

const LONGEST_FILE: usize = 500;

#[test]
fn modules_name_only_the_layers_above() {
    let place_of: BTreeMap<&str, (usize, usize)> = LEVELS
        .iter()
        .enumerate()
        .flat_map(|(level, (_, modules))| modules.iter().enumerate().map(move |(place, name)| (*name, (level, place))))
        .collect();
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(&own) = place_of.get(source.module.as_str()) else {
            wrong.push(format!("{}: module `{}` has no level in LEVELS", source.path.display(), source.module));
            continue;
        };
        for named in source.modules_named() {
            let Some(&other) = place_of.get(named.as_str()) else { continue };
            let is_sibling = own.0 == other.0 && named != source.module;
            if other > own || (is_sibling && LEVELS[own.0].0 == Level::Apart) {
                let (path, module) = (source.path.display(), &source.module);
                wrong.push(format!(
                    "{path}: `{module}` must not name `crate::{named}`, which stands beside or below it"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "layers are broken:\n{}", wrong.join("\n"));
}

#[test]
fn each_foreign_crate_is_known_to_one_module() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, owners) in CRATES {
            if source.names_crate(name) && !owners.contains(&source.module.as_str()) {
                wrong.push(format!("{}: `{name}` belongs to {owners:?} alone", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "foreign crates have spread:\n{}", wrong.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let core: BTreeSet<&str> = LEVELS[..FIRST_EDGE].iter().flat_map(|(_, modules)| modules.iter().copied()).collect();
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| core.contains(source.module.as_str())) {
        for (number, line) in source.code.lines().enumerate() {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{}: `{word}` has no place in the core", source.path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "the core does input or output:\n{}", wrong.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let wrong: Vec<_> = sources()
        .iter()
        .filter(|source| source.lines > LONGEST_FILE)
        .map(|source| format!("{}: {} lines before its tests", source.path.display(), source.lines))
        .collect();
    assert!(wrong.is_empty(), "files of more than {LONGEST_FILE} lines:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let wrong: Vec<_> = sources()
        .iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.path.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "files that do not open with `//!`:\n{}", wrong.join("\n"));
}

#[test]
fn no_test_file_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = fs::read_to_string(folder.join("main.rs")).expect("tests/it/main.rs");
    let entries = fs::read_dir(&folder).expect("tests/it").map(|entry| entry.expect("an entry").path());
    for path in entries {
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let is_module = path.extension().is_some_and(|end| end == "rs") || path.join("mod.rs").exists();
        if is_module && name != "main" {
            assert!(main.contains(&format!("mod {name};")), "tests/it/main.rs lacks `mod {name};`");
        }
    }
}

#[test]
fn the_scan_itself_sees_what_it_should() {
    let source = Source::new(
        "src/render/x.rs".into(),
        "//! Doc of crate::state.\nuse crate::{ids, plan::{Plan, Reason}};\n// use git2::Oid;\nfn f() { crate::hash::f(\"crate::cli\") }\nuse ::csv::Writer;\n#[cfg(test)]\nmod tests {\n use crate::engine; }\n"
            .into(),
    );
    assert_eq!(source.module, "render");
    assert_eq!(source.modules_named(), ["hash", "ids", "plan"].map(str::to_owned).into());
    assert!(source.names_crate("csv") && !source.names_crate("git2"));
    assert_eq!(source.lines, 5);
}

/// One file below `src`, comments, texts and tests cut off.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    module: String,
    pub(crate) text: String,
    code: String,
    lines: usize,
}

impl Source {
    pub(crate) fn new(path: PathBuf, text: String) -> Self {
        let inside = path.components().skip(1).map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>();
        let module = inside.first().map(|part| part.trim_end_matches(".rs").to_owned()).unwrap_or_default();
        let all: Vec<_> = text.lines().collect();
        let end = (0..all.len()).find(|index| opens_tests(&all[*index..])).unwrap_or(all.len());
        let lines = &all[..end];
        let code = lines.iter().map(|line| without_comment_and_texts(line) + "\n").collect();
        Self { path, module, lines: end, code, text }
    }

    /// The lines before its tests, without those that are comments.
    pub(crate) fn without_comments(&self) -> String {
        let lines = self.text.lines().take(self.lines).filter(|line| !line.trim_start().starts_with("//"));
        lines.map(|line| format!("{line}\n")).collect()
    }

    /// The first segments after `crate::`, groups in braces included.
    fn modules_named(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        for (index, _) in self.code.match_indices("crate::") {
            let rest = &self.code[index + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(group) => named.extend(group_heads(group)),
                None => named.extend(word(rest)),
            }
        }
        named
    }

    fn names_crate(&self, name: &str) -> bool {
        self.code.match_indices(name).any(|(index, _)| {
            let before = self.code[..index].trim_end_matches("::");
            let is_path = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            let after = &self.code[index + name.len()..];
            is_path
                && (after.starts_with("::") || self.code[..index].ends_with("use ") && after.starts_with([' ', ';']))
        })
    }
}

/// The heads of `a, b::{c, d}, e::f}…` up to the brace that closes the group.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut is_head = true;
    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_head = true,
            other if is_head && depth == 0 && !other.is_whitespace() => {
                heads.extend(word(&group[index..]));
                is_head = false;
            }
            _ => {}
        }
    }
    heads
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// A `#[cfg(test)]` that opens a module with a body ends the file; one before `mod x;` does not.
fn opens_tests(lines: &[&str]) -> bool {
    let [first, second, ..] = lines else { return false };
    first.trim() == "#[cfg(test)]" && second.starts_with("mod ") && second.trim_end().ends_with('{')
}

/// Comments go, texts become `""`; good enough for lines that rustfmt has written.
fn without_comment_and_texts(line: &str) -> String {
    let mut output = String::new();
    let mut characters = line.chars().peekable();
    let mut in_text = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_text => {
                characters.next();
            }
            '\'' if !in_text && characters.peek() == Some(&'"') => {
                characters.next();
            }
            '"' => {
                in_text = !in_text;
                output.push('"');
            }
            '/' if !in_text && characters.peek() == Some(&'/') => break,
            other if !in_text => output.push(other),
            _ => {}
        }
    }
    output
}

pub(crate) fn sources() -> Vec<Source> {
    // A file `tests.rs` or a folder `tests` is all tests, cut off as a `mod tests` is.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder below src") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.is_file() && path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
        .into_iter()
        .filter(|path| !path.ends_with("src/main.rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file");
            Source::new(path.strip_prefix(root).expect("below the root").to_owned(), text)
        })
        .collect()
}
