//! Bad days: a GitHub that fails, a runner that is told to stop.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::{Team, done};
use crate::github::fake::{Payload, Trouble};

#[test]
fn a_comment_that_fails_loses_neither_the_check_nor_the_build() {
    let team = Team::new();
    let number = team.opens();
    team.github.fails("POST", "/comments", Trouble::Forbidden("comments are locked"));
    let ran = team.pull_request("opened", number);
    done(&ran);
    assert_eq!(team.check().1, "success");
    assert!(ran.stderr.contains("the comment was not written"), "{}", ran.stderr);
}

#[test]
fn a_dropped_connection_leaves_one_comment_and_one_check() {
    let team = Team::new();
    let number = team.opens();
    team.github.fails("POST", "/comments", Trouble::DroppedAfter);
    team.github.fails("POST", "/check-runs", Trouble::ServerErrorAfter);
    done(&team.pull_request("opened", number));
    team.comment();
    assert_eq!(team.github.state().checks.len(), 1);
}

/// A build that nobody could begin is told to who reads the pull request, with what to do.
#[test]
fn a_build_that_fails_is_told_in_the_comment() {
    let team = Team::new();
    let number = team.opens();
    let connection = rusqlite::Connection::open(team.world.state()).expect("a state");
    connection.execute("UPDATE state_identity SET algorithm_version = 7", []).expect("written");
    let ran = team.pull_request("opened", number);
    assert_eq!(team.check().1, "failure", "{}", ran.stderr);
    let comment = team.comment();
    assert!(comment.contains("**error** `not-built`: "), "{comment}");
    assert!(comment.contains("install a newer"), "{comment}");
}

/// A query that outlasts every patience, though not for ever.
const ENDLESS: &str = "SELECT count(*) AS n FROM range(300000) AS a, range(300000) AS b WHERE a.range + b.range = -1";

#[test]
fn a_cancelled_run_says_so_and_the_next_one_goes_on() {
    for signal in ["-INT", "-TERM"] {
        let team = Team::new();
        let number = team.opens();
        let slow = |query: &str| format!("MODEL (name marts.slow, kind FULL);\n{query}\n");
        team.pushes(number, "models/marts/slow.sql", &slow(ENDLESS));
        let variables =
            team.github.deliver(&Payload::PullRequest { action: "synchronize", number: number.0 }, team.files.path());
        let mut command =
            crate::lab::bot(team.world.repository.path(), &["ci", "--execution-time", "2026-04-01", "-vv"]);
        let piped = command.envs(variables).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the binary");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut talk = String::new();
        for line in stderr.lines() {
            let line = line.expect("text");
            if line.contains("statement begins") && line.contains("slow__") && line.contains("CREATE TABLE") {
                let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
                assert!(sent.expect("kill is there").success());
            }
            talk.push_str(&line);
            talk.push('\n');
        }
        child.wait().expect("its status");
        assert_eq!(team.check().1, "cancelled", "{talk}");
        let comment = team.comment();
        assert!(comment.contains("`marts.slow`") && comment.to_lowercase().contains("stopped"), "{comment}");
        team.pushes(number, "models/marts/slow.sql", &slow("SELECT 1 AS n"));
        done(&team.pull_request("synchronize", number));
        assert_eq!(team.check().1, "success");
    }
}
