//! Which tests run, beside one another, and until when.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::*;

#[test]
fn tests_are_chosen_by_what_is_asked_for() {
    let tests = format!("one:\n{ROWS}  outputs: {{query: []}}\ntwo:\n{ROWS}  outputs: {{query: []}}\n");
    let world = small("SELECT k FROM s.x WHERE false", &tests);
    let names = |arguments: &[&str]| {
        let ran = world.done(&[&["test", "--format", "json"], arguments].concat());
        endings(&ran).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["one", "two"]);
    assert_eq!(names(&["-k", "two"]), ["two"]);
    assert_eq!(names(&["./tests/test_total.yaml::one", "--jobs", "1"]), ["one"]);
    assert_eq!(names(&["tests/"]), ["one", "two"]);
    assert_eq!(names(&["models/total.sql", "-k", "*::t*"]), ["two"]);
    let ran =
        world.bot_in(&world.repository.path().join("tests"), &["test", "--project", "..", "test_total.yaml::one"]);
    assert!(ran.exit == Exit::Done && ran.stdout.starts_with("1 test: 1 passed"), "{}{}", ran.stdout, ran.stderr);
    let ran = world.bot(&["test", "tests/test_total.yaml::on"]);
    assert!(
        ran.exit == Exit::No && ran.stderr.contains("did you mean `tests/test_total.yaml::one`?"),
        "{}",
        ran.stderr
    );
    assert!(world.bot(&["test", "-k", "three"]).stderr.contains("no test fits what `-k` says"));
}

#[test]
fn a_project_without_tests_says_so() {
    let world = World::empty();
    world.done(&["init"]);
    let ran = world.bot(&["test"]);
    assert!(ran.exit != Exit::Done && ran.stderr.contains("commit"), "{}", ran.stderr);
    let world = lab(&[("models/a.sql", "MODEL (name s.a, kind FULL);\nSELECT 1 AS one")]);
    assert!(world.done(&["test"]).stdout.starts_with("There are no unit tests"));
    world.repository.write("tests/test_a.yaml", "t:\n  model: s.a\n  outputs: {query: [{one: 1}]}\n");
    passes(&world);
}

#[test]
fn many_tests_run_beside_one_another_and_see_nothing_of_each_other() {
    let tests: String = (0..60)
        .map(|number| format!("t{number}:\n  model: s.total\n  inputs: {{s.x: [{{v: {number}}}]}}\n  outputs:\n    query: [{{v: {number}, n: 1}}]\n"))
        .collect();
    let world = small("SELECT sum(v) AS v, count(*) AS n FROM s.x", &tests);
    let ran = world.done(&["test", "--jobs", "8"]);
    assert!(ran.stdout.starts_with("60 tests: 60 passed"), "{}", ran.stdout);
}

#[test]
fn a_signal_stops_what_runs() {
    let endless =
        "SELECT count(*) AS n FROM range(300000) AS a, range(300000) AS b, s.x AS x WHERE a.range + b.range = -x.v";
    let world = small(endless, &format!("t:\n{ROWS}  outputs:\n    query: []\n"));
    let mut command = crate::lab::bot(world.repository.path(), &["test", "-vv"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary");
    let mut talk = String::new();
    for line in BufReader::new(child.stderr.take().expect("a pipe")).lines() {
        let line = line.expect("text");
        if line.contains("statement begins") && line.contains("range(300000)") {
            let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            assert!(sent.expect("kill is there").success());
        }
        talk.push_str(&line);
        talk.push('\n');
    }
    assert_eq!(child.wait().expect("its status").code(), Some(2), "{talk}");
    assert!(talk.contains("stopped as asked"), "{talk}");
}
