//! Several processes and their signals around one project.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use offshoot::engine::Engine as _;
use offshoot::error::Exit;

use crate::lab::{assert_same, bot, clean_build, edit, lab, shown};
use crate::world::World;

const NOW: &str = "2026-04-01";
const ORDERS: &str = "id,amount,day\n1,10,2026-03-26\n2,20,2026-03-27\n3,30,2026-03-31\n";
const RAW: &str =
    "MODEL (name raw.orders, kind SEED (path '../seeds/orders.csv'), columns (id INT, amount INT, day DATE))";

fn full(name: &str, query: &str) -> String {
    format!("MODEL (name marts.{name}, kind FULL);\n{query}")
}

fn shop() -> World {
    let world = lab(&[("seeds/orders.csv", ORDERS), ("models/raw.sql", RAW)]);
    world.done(&["promote"]);
    world
}

/// A query that outlasts every patience, though not for ever.
const ENDLESS: &str =
    "SELECT COUNT(*) AS n FROM range(300000) AS a, range(300000) AS b, marts.a AS o WHERE a.range + b.range = -o.id";

#[test]
fn a_signal_stops_the_statement_and_the_next_run_goes_on() {
    for signal in ["-TERM", "-INT"] {
        let world = shop();
        world.repository.branch("feature");
        edit(
            &world,
            &[("models/a.sql", &full("a", "SELECT id FROM raw.orders")), ("models/b.sql", &full("b", ENDLESS))],
        );
        let mut child = start(world.repository.path(), &["apply", "--env", "dev", "--jobs", "1", "-vv"]);
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut talk = String::new();
        let mut asked = false;
        for line in stderr.lines() {
            let line = line.expect("text");
            if line.contains("statement begins") && line.contains("b__") && line.contains("CREATE TABLE") {
                let id = child.id().to_string();
                let sent = Command::new("kill").args([signal, &id]).status().expect("kill is there");
                asked = sent.success();
            }
            talk.push_str(&line);
            talk.push('\n');
        }
        assert!(asked, "{talk}");
        assert_eq!(child.wait().expect("its status").code(), Some(2), "{talk}");
        assert!(talk.contains("hint: run the same command again: it goes on from where it was"), "{talk}");
        edit(&world, &[("models/b.sql", &full("b", "SELECT COUNT(*) AS n FROM raw.orders"))]);
        let ran = world.done(&["apply", "--env", "dev", "--format", "json"]).json();
        let builds: Vec<&str> =
            ran["builds"].as_array().expect("a list").iter().filter_map(|b| b["model"].as_str()).collect();
        assert_eq!(builds, ["marts.b"], "`marts.a` was recorded by the first run");
        assert_same(&shown(world.repository.path(), "__dev"), &clean_build(&world, NOW), "in the end");
    }
}

#[test]
fn a_file_that_another_process_holds_is_waited_for_and_its_process_named() {
    let world = shop();
    world.repository.branch("feature");
    edit(&world, &[("models/a.sql", &full("a", "SELECT id FROM raw.orders"))]);
    let session = world.engine().session().expect("we hold it");
    let output = bot(world.repository.path(), &["apply", "--lock-timeout", "1", "--execution-time", NOW]).output();
    let output = output.expect("the binary");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(&format!("process {} holds the file", std::process::id())), "{stderr}");

    // It waits, and goes on as soon as the file is free.
    let mut child = start(world.repository.path(), &["apply", "--format", "json"]);
    drop(session);
    let mut stdout = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut stdout).expect("text");
    assert!(child.wait().expect("its status").success());
    assert!(stdout.contains("marts.a"), "{stdout}");

    // A plan opens no warehouse, whoever holds it.
    let _session = world.engine().session().expect("we hold it");
    let output = bot(world.repository.path(), &["plan", "--format", "json"]).output().expect("the binary");
    assert!(output.status.success());
}

#[test]
fn two_branches_applied_at_once_both_end_well() {
    let world = shop();
    let names = ["one", "two", "three"];
    for name in names {
        world.repository.checkout("main").branch(name);
        edit(&world, &[("models/a.sql", &full(name, "SELECT id, amount FROM raw.orders"))]);
    }
    let applying = |name| start(world.repository.path(), &["apply", "--head", name, "--env", name]);
    // All of them are started before any of them is waited for.
    let children: Vec<Child> = names.into_iter().map(applying).collect();
    for child in children {
        let output = child.wait_with_output().expect("its end");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    for name in names {
        assert_eq!(world.value(&format!("SELECT SUM(amount) FROM marts__{name}.{name}")), "60");
    }
}

#[test]
fn sessions_are_in_utc_wherever_the_machine_is() {
    let shows = ["Pacific/Auckland", "America/Los_Angeles"].map(|zone| {
        let world = shop();
        edit(
            &world,
            &[(
                "models/zone.sql",
                "MODEL (name marts.zone, kind INCREMENTAL_BY_TIME_RANGE (time_column day));\n\
                 SELECT day, CAST(TIMESTAMPTZ '2026-03-31 23:30:00+00' AS DATE) AS d, CAST(day AS TIMESTAMPTZ)::TEXT AS t, \
                 @execution_ts::TEXT AS e FROM raw.orders WHERE day BETWEEN @start_date AND @end_date",
            )],
        );
        let done = bot(world.repository.path(), &["promote", "--execution-time", NOW]).env("TZ", zone).output();
        assert!(done.expect("the binary").status.success());
        shown(world.repository.path(), "")
    });
    assert_same(&shows[0], &shows[1], "in two zones");
}

#[test]
fn a_lost_state_is_told_from_the_one_that_owns_the_warehouse() {
    let world = shop();
    std::fs::remove_dir_all(world.repository.path().join(".offshoot")).expect("ours");
    let ran = world.bot(&["promote"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    assert!(ran.stderr.contains("this warehouse belongs to state "), "{}", ran.stderr);
    assert_eq!(world.value("SELECT COUNT(*) FROM raw.orders"), "3");
}

#[test]
fn h37_a_lost_warehouse_is_not_taken_for_the_one_that_the_state_knows() {
    let world = shop();
    std::fs::remove_file(world.warehouse()).expect("the warehouse");
    edit(&world, &[("models/a.sql", &full("a", "SELECT id FROM raw.orders"))]);
    let ran = world.bot(&["promote"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    assert!(ran.stderr.contains("the state says that it holds 1 tables of this plan"), "{}", ran.stderr);
    std::fs::remove_dir_all(world.repository.path().join(".offshoot")).expect("ours");
    world.done(&["promote"]);
    assert_eq!(world.value("SELECT COUNT(*) FROM marts.a"), "3");
}

fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = bot(folder, arguments);
    command.args(["--execution-time", NOW]).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary")
}
