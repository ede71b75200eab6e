//! `bot init` as a person meets it.

use std::fs;
use std::path::Path;

use offshoot::error::Exit;
use offshoot::output::Output;
use offshoot::surroundings::Surroundings;
use offshoot::time::Timestamp;

fn bot(folder: &Path, arguments: &[&str]) -> (Exit, String, String) {
    let (output, data, talk) = Output::in_memory();
    let exit = offshoot::run(&Surroundings::fixed(folder, Timestamp(0)).with_arguments(arguments), &output);
    (exit, data.text(), talk.text())
}

#[test]
fn writes_one_of_each_kind_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (exit, told, _) = bot(folder.path(), &["init", "new"]);
    assert_eq!(exit, Exit::Done);
    assert!(told.lines().all(|line| line.starts_with("created")), "{told}");
    let project = folder.path().join("new");
    let models = fs::read_dir(project.join("models")).expect("models");
    let text: String = models.map(|entry| fs::read_to_string(entry.expect("a file").path()).expect("text")).collect();
    for kind in ["SEED", "EMBEDDED", "INCREMENTAL_BY_TIME_RANGE", "INCREMENTAL_BY_UNIQUE_KEY", "FULL", "VIEW"] {
        assert!(text.contains(&format!("kind {kind}")), "no model of kind {kind}");
    }
    assert!(project.join("external_models.yaml").exists(), "the EXTERNAL model");
    let ignored = fs::read_to_string(project.join(".gitignore")).expect("a file");
    assert_eq!(ignored, ".offshoot/\n*.duckdb*\n");
}

#[test]
fn overwrites_nothing_and_extends_gitignore_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("config.yml"), "mine").expect("a file");
    fs::write(path(".gitignore"), "*.duckdb*\nnotes").expect("a file");
    fs::create_dir(path("models")).expect("a folder");
    fs::write(path("models/orders.sql"), "mine").expect("a file");

    let (exit, told, _) = bot(folder.path(), &["init"]);
    assert_eq!(exit, Exit::Done);
    for line in
        ["kept     config.yaml", "kept     models/orders.sql", "extended .gitignore", "created  seeds/orders.csv"]
    {
        assert!(told.lines().any(|told| told == line), "{line:?} is not in\n{told}");
    }
    assert!(!path("config.yaml").exists(), "`config.yml` is the project's configuration");
    assert_eq!(fs::read_to_string(path("models/orders.sql")).expect("a file"), "mine");
    assert_eq!(fs::read_to_string(path(".gitignore")).expect("a file"), "*.duckdb*\nnotes\n.offshoot/\n");

    let (_, again, _) = bot(folder.path(), &["init"]);
    assert!(again.lines().all(|line| line.starts_with("kept")), "{again}");
}

#[test]
fn an_unwritable_folder_is_a_failure_with_its_path() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("a file");
    let (exit, told, talk) = bot(folder.path(), &["init", "file"]);
    assert_eq!((exit, told.as_str()), (Exit::Failed, ""));
    assert!(talk.starts_with("error: cannot write `"), "{talk}");
    assert!(talk.contains("config.yaml`\n  caused by: "), "{talk}");
}

#[test]
fn help_is_data_and_a_slip_is_talk() {
    let folder = tempfile::tempdir().expect("a folder");
    let (exit, data, talk) = bot(folder.path(), &["plan", "--help"]);
    assert_eq!((exit, talk.as_str()), (Exit::Done, ""));
    assert!(data.contains("--worktree"), "{data}");
    let (exit, data, talk) = bot(folder.path(), &["pln", "--format", "json"]);
    assert_eq!((exit, data.as_str()), (Exit::Failed, ""));
    assert!(talk.contains("\"kind\": \"failed\""), "{talk}");
}
