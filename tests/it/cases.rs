//! Cases as folders: `fixtures/cases/NAME/main` is a project, `branch` what a branch writes over it (`branch/REMOVED`
//! lists what it deletes), and `plan.snap` beside them what `bot plan` says, as JSON and to people.

use std::fs;
use std::path::{Path, PathBuf};

use offshoot::output::Output;
use offshoot::surroundings::Surroundings;
use offshoot::time::Timestamp;

use crate::repository::Repository;

/// 2026-01-05T00:00:00Z.
const NOW: Timestamp = Timestamp(1_767_571_200_000);

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder).expect("fixtures/cases").map(|entry| entry.expect("an entry").path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    cases
}

pub(crate) fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

pub(crate) fn write(repository: &Repository, folder: &Path) {
    let mut files = Vec::new();
    files_below(folder, &mut files);
    for file in files {
        let path = file.strip_prefix(folder).expect("below").to_str().expect("plain names").replace('\\', "/");
        let content = fs::read(&file).expect("a file of the case");
        if path == "REMOVED" {
            let list = String::from_utf8(content).expect("paths");
            for line in list.lines() {
                repository.remove(line);
            }
        } else {
            repository.write(&path, content);
        }
    }
}

/// What a run prints on stdout, and its exit code.
fn bot(folder: &Path, arguments: &[&str]) -> (String, u8) {
    run(&Surroundings::fixed(folder, NOW), arguments)
}

fn run(surroundings: &Surroundings, arguments: &[&str]) -> (String, u8) {
    let (output, data, _) = Output::in_memory();
    let exit = offshoot::run(&surroundings.clone().with_arguments(arguments), &output);
    (data.text(), exit.code())
}

/// What is kept between runs changes no plan: not when it is made, not when it is used, not when it is damaged.
fn check_kept(repository: &Repository, case: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let keeps = folder.path().to_str().expect("a plain path");
    let plain = Surroundings::fixed(repository.path(), NOW);
    let keeping = plain.clone().with_variable("OFFSHOOT_CACHE_DIR", keeps);
    for arguments in [&["plan", "--format", "json"][..], &["plan"]] {
        let expected = run(&plain, arguments);
        for round in ["made", "used", "used again"] {
            assert_eq!(run(&keeping, arguments), expected, "{}: {round}", case.display());
        }
        for file in fs::read_dir(folder.path()).expect("the folder").map(|entry| entry.expect("an entry").path()) {
            let mut bytes = fs::read(&file).expect("what was kept");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&file, bytes).expect("the file is ours");
        }
        assert_eq!(run(&keeping, arguments), expected, "{}: damaged", case.display());
        assert_eq!(run(&keeping, arguments), expected, "{}: mended", case.display());
    }
}

#[test]
fn what_is_kept_between_runs_is_used_and_changes_no_plan() {
    let repository = Repository::new();
    write(&repository, Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/projects/shop").as_path());
    repository.commit("main");
    repository.branch("feature/kept");
    write(&repository, Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/projects/shop-branch").as_path());
    repository.commit("branch");
    check_kept(&repository, Path::new("shop"));
    let folder = tempfile::tempdir().expect("a folder");
    let keeps = folder.path().to_str().expect("a plain path");
    let keeping = Surroundings::fixed(repository.path(), NOW).with_variable("OFFSHOOT_CACHE_DIR", keeps);
    run(&keeping, &["plan"]);
    let files = || -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(folder.path()).expect("the folder").map(|entry| entry.expect("an entry").path());
        entries.map(|path| (path.clone(), fs::read(path).expect("a file"))).collect()
    };
    let kept = files();
    assert_eq!(kept.len(), 1, "one file for a project");
    assert!(kept[0].1.len() > 1_000, "with records in it");
    run(&keeping, &["plan"]);
    assert_eq!(files(), kept, "all that was needed was there, so nothing was written");
    repository.write("models/new.sql", "MODEL (name marts.new, kind FULL);\nSELECT 1 AS x");
    repository.commit("one more");
    run(&keeping, &["plan"]);
    assert!(files()[0].1.len() > kept[0].1.len(), "the new model was added");
}

/// A branch without a commit of its own, of FULL models by name.
fn branch_of(models: &[(&str, &str)]) -> Repository {
    let repository = Repository::new();
    repository.write("config.yaml", "model_defaults:\n  dialect: duckdb\n");
    for (name, query) in models {
        repository.write(&format!("models/{name}.sql"), format!("MODEL (name s.{name}, kind FULL);\n{query}"));
    }
    repository.commit("main");
    repository.branch("feature");
    repository
}

#[test]
fn a_model_that_an_earlier_run_fingerprinted_is_not_read_again_where_the_branch_left_it() {
    let tables = [("a", "SELECT 1 AS x, 2 AS y"), ("b", "SELECT x FROM s.a"), ("c", "SELECT x FROM s.b")];
    let repository = branch_of(&tables);
    repository.edit("models/c.sql", "SELECT x FROM", "SELECT x + 1 AS x FROM");
    repository.commit("branch");
    let folder = tempfile::tempdir().expect("a folder");
    let keeps = folder.path().to_str().expect("a plain path");
    let plain = Surroundings::fixed(repository.path(), NOW);
    let keeping = plain.clone().with_variable("OFFSHOOT_CACHE_DIR", keeps);
    let expected = run(&plain, &["plan"]);
    assert_eq!(run(&keeping, &["plan"]), expected);
    for model in ["a", "b"] {
        let blob = repository.sha(&format!("HEAD:models/{model}.sql"));
        fs::remove_file(repository.path().join(".git/objects").join(&blob[..2]).join(&blob[2..]))
            .expect("a loose object");
    }
    assert_eq!(run(&keeping, &["plan"]), expected, "neither of them is read");
    assert_ne!(run(&plain, &["plan"]), expected, "without what was kept both are");
}

#[test]
fn what_an_earlier_run_fingerprinted_makes_nothing_look_changed_or_stand_elsewhere() {
    let repository = branch_of(&[
        ("a", "SELECT x FROM s.z"),
        ("b", "FROM (VALUES (1), (2)) AS t(x) ORDER BY x"),
        ("c", "SELECT first(b.x) AS x FROM s.b AS b CROSS JOIN s.a AS a"),
        ("y", "SELECT 1 AS x"),
        ("z", "SELECT x FROM s.y"),
    ]);
    repository.edit("models/b.sql", "ORDER BY x", "ORDER BY x DESC");
    repository.commit("branch");
    let (told, _) = run(&Surroundings::fixed(repository.path(), NOW), &["plan"]);
    assert!(told.contains("reads all of s.b, which changed") && !told.contains("all of s.a"), "{told}");
    check_kept(&repository, Path::new("order"));
}

#[test]
fn every_case_plans_as_written() {
    let cases = cases();
    assert!(cases.len() >= 12, "the cases are there");
    for case in cases {
        let repository = Repository::new();
        write(&repository, &case.join("main"));
        repository.commit("main");
        repository.branch("feature/case");
        write(&repository, &case.join("branch"));
        repository.commit("branch");
        let (plan, exit) = bot(repository.path(), &["plan", "--format", "json"]);
        let mut plan: serde_json::Value = serde_json::from_str(&plan).expect("an object on stdout");
        // Ids of commits say nothing here, and differ where git does.
        plan["commits"].take();
        let plan = serde_json::to_string_pretty(&plan).expect("JSON");
        let (people, _) = bot(repository.path(), &["plan"]);
        check_kept(&repository, &case);
        let explained = explained(&repository, &plan);
        let people: String =
            people.lines().filter(|line| !line.starts_with("Plan for")).map(|line| format!("{line}\n")).collect();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&case);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("plan", format!("exit {exit}\n\n{people}\n{plan}")));
        settings.bind(|| insta::assert_snapshot!("explain", explained));
    }
}

/// `bot plan --explain` of every model of the plan, one below the other.
fn explained(repository: &Repository, plan: &str) -> String {
    let plan: serde_json::Value = serde_json::from_str(plan).expect("JSON");
    let names = plan["models"].as_array().expect("a list").iter().map(|model| model["name"].as_str().expect("a name"));
    names.map(|name| bot(repository.path(), &["plan", "--explain", name]).0).collect::<Vec<_>>().join("\n---\n\n")
}
