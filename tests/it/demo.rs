//! `bot demo`: what it writes.

use std::fs;

use offshoot::error::Exit;
use offshoot::output::Output;
use offshoot::surroundings::Surroundings;
use offshoot::time::Timestamp;

#[test]
fn refuses_a_folder_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("mine"), "").expect("a file");
    let (output, data, talk) = Output::in_memory();
    let surroundings = Surroundings::fixed(folder.path(), Timestamp(0)).with_arguments(["demo", "."]);
    assert_eq!(offshoot::run(&surroundings, &output), Exit::No);
    assert_eq!(data.text(), "");
    assert!(talk.text().contains("is no empty folder, so nothing was written\nhint: "), "{}", talk.text());
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn its_repository_is_the_same_on_every_machine() {
    let tips = [0; 2].map(|_| {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = offshoot::git::NewRepository::init(folder.path(), "main").expect("a repository");
        let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).expect("a file");
        let at = |day: i64| Timestamp(1_767_225_600_000 + day * 86_400_000);
        write("a.sql", "select 1");
        write(".gitignore", "*.duckdb*\n");
        write("warehouse.duckdb", "not to be committed");
        repository.commit_all("one", at(0)).expect("a commit");
        repository.create_branch("feature/x").expect("a branch");
        write("a.sql", "select 2");
        repository.commit_all("two", at(1)).expect("a commit");
        repository.switch("main").expect("main");
        assert_eq!(fs::read_to_string(folder.path().join("a.sql")).expect("a file"), "select 1");
        let merge = repository.merge("feature/x", "three", at(2)).expect("a merge");
        assert_eq!(fs::read_to_string(folder.path().join("a.sql")).expect("a file"), "select 2");
        assert!(folder.path().join("warehouse.duckdb").exists(), "an ignored file is left alone");
        let git = offshoot::git::Git::discover(folder.path()).expect("a repository");
        assert_eq!(git.commit_info(&merge).expect("the commit").subject, "three");
        merge
    });
    assert_eq!(tips[0], tips[1]);
}
