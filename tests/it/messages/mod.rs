//! What a person who made a mistake reads: every problem that the program can tell of, as a snapshot. A code that no case
//! shows fails the test.
//!
//! `cases/*.txt` hold small projects, each below its `=== title`: `//- path` begins a file (`REMOVED` behind it takes it
//! away), `$ bot …` is what runs where it is not `bot plan`.

mod codes;
mod worlds;

use std::path::Path;

use crate::world::{Ran, World};

/// The configuration of every project that has none of its own.
const CONFIG: &str = "gateways:\n  local:\n    connection: {type: duckdb, database: warehouse.duckdb}\n\
                      model_defaults: {dialect: duckdb}\n";

const NEVER_PROMOTED: &str = "info[never-promoted] nothing was promoted yet, so prod has no tables to reuse\n  \
                              hint: run `bot promote` on the base branch first\n";

/// The files of `cases` without their ending.
const TOPICS: [&str; 11] =
    ["audits", "config", "external", "files", "kinds", "lint", "macros", "own", "properties", "seeds", "tests"];

/// Title and the rest of each case of a topic.
fn cases(topic: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/messages/cases");
    let text = std::fs::read_to_string(folder.join(format!("{topic}.txt"))).expect("a file of cases");
    let cases = text.split("=== ").skip(1).map(|case| case.split_once('\n').expect("a title"));
    cases.map(|(title, rest)| (title.to_owned(), rest.to_owned())).collect()
}

/// What a case tells.
fn told(case: &str) -> String {
    let world = World::empty();
    world.repository.write("config.yaml", CONFIG);
    let mut arguments = vec!["plan"];
    let (before, files) = case.split_once("//- ").unwrap_or((case, ""));
    if let Some(command) = before.trim().strip_prefix("$ bot ") {
        arguments = command.split(' ').collect();
    }
    for file in format!("\n{files}").split("\n//- ").map(str::trim_start).filter(|file| !file.is_empty()) {
        let (path, content) = file.split_once('\n').unwrap_or((file, ""));
        match path.strip_suffix(" REMOVED") {
            Some(path) => drop(world.repository.remove(path)),
            None => drop(world.repository.write(path, content.strip_suffix('\n').unwrap_or(content))),
        }
    }
    world.repository.write("README.md", "a project with a mistake");
    world.repository.commit("a mistake");
    let told = problems(&world.bot(&arguments));
    // That nothing is promoted yet is so in every case, and no mistake.
    told.replace(NEVER_PROMOTED, "")
}

/// The problems alone of all that a run says.
fn problems(ran: &Ran) -> String {
    let mut told = String::new();
    let mut is_problem = false;
    for line in ran.stdout.lines().chain(ran.stderr.lines()) {
        let begins = ["error[", "warning[", "info["].iter().any(|start| line.starts_with(start));
        is_problem = begins || (is_problem && line.starts_with("  "));
        if is_problem {
            told.push_str(line);
            told.push('\n');
        }
    }
    told
}

/// All cases of a topic, as they are shown.
fn shown(topic: &str) -> String {
    cases(topic).iter().map(|(title, case)| format!("=== {title}\n{}\n", told(case))).collect()
}

fn worlds() -> String {
    worlds::WORLDS.iter().map(|(title, told)| format!("=== {title}\n{}\n", told())).collect()
}

#[test]
fn what_git_and_the_past_make_wrong_is_told() {
    insta::assert_snapshot!("worlds", worlds());
}

#[test]
fn a_mistake_is_told_with_its_place_and_what_to_do() {
    for topic in TOPICS {
        insta::assert_snapshot!(topic, shown(topic));
    }
}
