//! Many runs at once on one warehouse and one state, each a process of its own as a CI job is.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use offshoot::error::Exit;
use tempfile::TempDir;

use super::runs::LATER;
use super::{FILES, OnPostgres, rows};
use crate::lab::{bot, edit};
use crate::postgres::{Database, PASSWORD};

/// A clone of the repository with a branch checked out.
pub(crate) fn clone(shared: &OnPostgres, branch: &str, folder: &TempDir) -> PathBuf {
    let path = folder.path().join(branch);
    let (from, to) = (shared.world.repository.path().display().to_string(), path.display().to_string());
    shared.world.repository.git(&["clone", "--quiet", "--branch", branch, &from, &to]);
    path
}

pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = bot(folder, arguments);
    command.env("WAREHOUSE_PASSWORD", PASSWORD).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program runs")
}

pub(crate) fn end(child: Child, what: &str) {
    let output = child.wait_with_output().expect("it ends");
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{what}: {}{}", told(&output.stdout), told(&output.stderr));
}

/// The rows that somebody gets who asks again and again while something is done.
pub(super) fn seen_meanwhile(database: &Database, sql: &str, done: impl FnOnce()) -> Vec<String> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let client = database.client();
            let mut seen = Vec::new();
            while !over.load(Ordering::SeqCst) {
                seen.extend(rows(&client, sql));
            }
            seen
        });
        done();
        over.store(true, Ordering::SeqCst);
        reader.join().expect("a reader")
    })
}

/// Makes a branch whose total is so many too many; those of one number have the same tables.
fn branch(shared: &OnPostgres, name: &str, number: usize) {
    shared.world.repository.git(&["checkout", "--quiet", "main"]);
    shared.world.repository.branch(name);
    let daily = FILES[2].1.replace("sum(amount)::int", &format!("(sum(amount) + {number})::int"));
    edit(&shared.world, &[("models/daily.sql", &daily)]);
    shared.world.repository.git(&["checkout", "--quiet", "main"]);
}

#[test]
fn branches_that_want_the_same_tables_build_each_once() {
    let shared = OnPostgres::new();
    shared.world.done(&["promote"]);
    let folder = tempfile::tempdir().expect("a folder");
    let branches: Vec<String> = (0..6).map(|number| format!("branch-{number}")).collect();
    for (number, name) in branches.iter().enumerate() {
        branch(&shared, name, 1 + number % 2);
    }
    let folders: Vec<PathBuf> = branches.iter().map(|name| clone(&shared, name, &folder)).collect();
    let runs: Vec<Child> = folders.iter().map(|folder| start(folder, &["apply"])).collect();
    runs.into_iter().zip(&branches).for_each(|(run, name)| end(run, name));

    let client = shared.database.client();
    let twice = "SELECT model, data_fingerprint, count(*) FROM offshoot.builds GROUP BY 1, 2 HAVING count(*) > 1";
    assert_eq!(rows(&client, twice), Vec::<String>::new(), "each table was built once");
    let recorded =
        "SELECT schema_name, object_name, count(*) FROM offshoot__meta.objects GROUP BY 1, 2 HAVING count(*) > 1";
    assert_eq!(rows(&client, recorded), Vec::<String>::new());
    let totals = "SELECT schemaname FROM pg_views WHERE viewname = 'total' AND schemaname <> 'marts' ORDER BY 1";
    let schemas = rows(&client, totals);
    assert_eq!(schemas.len(), 6);
    for schema in schemas {
        let number = schema.strip_prefix("marts__branch_").and_then(|rest| rest.split('_').next()?.parse::<i32>().ok());
        let number = number.unwrap_or_else(|| panic!("{schema}"));
        let amount = rows(&client, &format!("SELECT amount FROM \"{schema}\".total"));
        assert_eq!(amount, [(60 + 3 * (1 + number % 2)).to_string()], "{schema}");
    }
    assert_eq!(rows(&client, "SELECT count(*) FROM offshoot.sessions"), ["0"], "everybody has gone");
}

/// Nobody shows it any more, and its input has gone on: who comes first fills it again, and all others find it filled.
#[test]
fn a_stale_table_is_filled_again_once_for_all_who_want_it() {
    let shared = OnPostgres::new();
    shared.world.done(&["promote"]);
    shared.world.repository.branch("feature");
    let total = FILES[4].1.replace("sum(amount)", "sum(amount) + 1");
    edit(&shared.world, &[("models/total.sql", &total)]);
    shared.world.done(&["apply", "--env", "first"]);
    shared.world.done(&["env", "drop", "first"]);
    shared.world.done(&["run", "--execution-time", LATER]);
    let folder = tempfile::tempdir().expect("a folder");
    let clone = clone(&shared, "feature", &folder);
    let apply = |number: usize| {
        let environment = format!("env_{number}");
        start(&clone, &["apply", "--env", &environment, "--execution-time", LATER])
    };
    let runs: Vec<Child> = (0..5).map(apply).collect();
    runs.into_iter().for_each(|run| end(run, "apply"));
    let client = shared.database.client();
    let builds = "SELECT count(*) FROM offshoot.builds WHERE model LIKE '%total%' GROUP BY data_fingerprint ORDER BY 1";
    assert_eq!(rows(&client, builds), ["2", "2"], "production's and the branch's: at first, and once more");
    for number in 0..5 {
        assert_eq!(rows(&client, &format!("SELECT amount FROM marts__env_{number}.total")), ["61"]);
    }
}

#[test]
fn readers_never_see_a_mix_and_promotes_take_turns() {
    const GENERATION: &str = "MODEL (name marts.NAME, kind FULL);\nSELECT 1 AS generation";
    let text = |name: &str, generation: usize| {
        GENERATION.replace("NAME", name).replace("SELECT 1", &format!("SELECT {generation}"))
    };
    let names = ["one", "two", "three"];
    let files: Vec<(String, String)> = names.iter().map(|name| (format!("models/{name}.sql"), text(name, 1))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let shared = OnPostgres::with(crate::world::World::empty(), &files);
    shared.world.done(&["promote"]);
    let sql = "SELECT one.generation, two.generation, three.generation FROM marts.one, marts.two, marts.three";
    let seen = seen_meanwhile(&shared.database, sql, || {
        for generation in 2..8 {
            let edits: Vec<(String, String)> =
                names.iter().map(|name| (format!("models/{name}.sql"), text(name, generation))).collect();
            let edits: Vec<(&str, &str)> = edits.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            edit(&shared.world, &edits);
            let runs: Vec<Child> = (0..3).map(|_| start(shared.world.repository.path(), &["promote"])).collect();
            runs.into_iter().for_each(|run| end(run, "promote"));
        }
    });
    let mixed: Vec<&String> = seen.iter().filter(|row| row.split('|').any(|cell| !row.starts_with(cell))).collect();
    assert_eq!(mixed, Vec::<&String>::new(), "of {} readings", seen.len());
    let client = shared.database.client();
    assert_eq!(rows(&client, "SELECT generation FROM marts.two"), ["7"]);
    let twice = "SELECT model, data_fingerprint, count(*) FROM offshoot.builds GROUP BY 1, 2 HAVING count(*) > 1";
    assert_eq!(rows(&client, twice), Vec::<String>::new(), "each table was built once");
}

/// Somebody has taken over while this run was not heard of: it changes nothing any more.
#[test]
fn who_was_taken_for_dead_changes_nothing_any_more() {
    let shared = OnPostgres::new();
    shared.world.done(&["promote"]);
    let (prod, client) = (shared.shown(""), shared.database.client());
    let subjects = rows(&client, "SELECT subject FROM offshoot__meta.fences ORDER BY 1");
    assert!(subjects.iter().any(|subject| subject.starts_with("environment prod of project")), "{subjects:?}");
    assert!(subjects.iter().any(|subject| subject.starts_with("table offshoot__marts.total__")), "{subjects:?}");
    edit(&shared.world, &[("models/shown.sql", "MODEL (name marts.shown, kind VIEW);\nSELECT 1 AS other")]);
    client
        .batch("UPDATE offshoot__meta.fences SET token = 1000000 WHERE subject LIKE 'environment %'")
        .expect("taken over");
    let late = shared.world.bot(&["promote"]);
    assert!(late.exit == Exit::Failed && late.stderr.contains("another run has taken over"), "{}", late.stderr);
    assert_eq!(shared.shown(""), prod);
    client.batch("UPDATE offshoot__meta.fences SET token = 1 WHERE subject LIKE 'environment %'").expect("given back");
    shared.world.done(&["promote"]);
    assert_eq!(shared.shown("")["marts.shown"], ["other integer", "(1)"]);
}
