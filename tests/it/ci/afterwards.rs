//! What follows: the merge queue, the merge, the promotion, the end of an environment.

use offshoot::error::Exit;

use super::{Team, done};
use crate::github::fake::{Payload, Trouble};

#[test]
fn a_merge_promotes_and_tells_the_pull_request_and_closing_drops_the_environment() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let merge = team.merges(number);
    let ran = team.event(&Payload::Push { branch: "main".into(), before: None });
    done(&ran);
    assert!(ran.stdout.contains("promoted"), "{}", ran.stdout);
    let comment = team.comment();
    assert!(comment.contains("### ✅ Promoted"), "{comment}");
    assert!(comment.contains(&merge[..7]) && comment.contains("merged by `ada`"), "{comment}");
    assert!(team.world.views().contains(&"marts.revenue_in_euro".to_owned()));
    done(&team.pull_request("closed", number));
    assert!(!team.has_environment());
    assert!(team.comment().contains("### ✅ Promoted"), "the merge's own words stay");
}

#[test]
fn a_pull_request_that_is_closed_loses_its_environment_and_says_so() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").state = "closed";
    done(&team.pull_request("closed", number));
    let comment = team.comment();
    assert!(comment.contains("dropped") && comment.contains("kept at least until 2026-04-08."), "{comment}");
    assert!(!team.has_environment());
}

#[test]
fn a_merge_queue_gets_its_answer_on_the_groups_head() {
    let team = Team::new();
    // Its own environment shows the last days only, in tables that the group completes.
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let comments = team.github.state().comments.len();
    let head = team.world.repository.sha("HEAD");
    let base = team.world.repository.sha("main");
    team.github.state().pulls_of.insert(head.clone(), Vec::new());
    let ran = team.event(&Payload::MergeGroup { head: head.clone(), base });
    done(&ran);
    let state = team.github.state();
    assert_eq!(
        state.checks.last().map(|check| (check.commit.as_str(), check.conclusion.as_deref())),
        Some((head.as_str(), Some("success")))
    );
    assert_eq!(state.comments.len(), comments);
    drop(state);
    assert!(!team.world.views().iter().any(|view| view.contains("queue")), "a group has no environment");
    team.world.repository.checkout("main");
    team.world.repository.merge("feature/fx-rates");
    let promoted = team.world.done(&["promote", "--format", "json"]).json();
    assert_eq!(promoted["builds"].as_array().map(Vec::len), Some(0), "all of it was built in the queue: {promoted}");
}

#[test]
fn environments_of_pull_requests_that_ended_silently_are_dropped_on_schedule() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let kept = team.event(&Payload::Schedule);
    done(&kept);
    assert!(kept.stdout.starts_with("gc: Dropped 0 environments and 0 tables; "), "{}", kept.stdout);
    assert!(team.has_environment());
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").state = "closed";
    let ran = team.event(&Payload::Schedule);
    done(&ran);
    let (dropped, gc) = ran.stdout.split_once('\n').expect("two lines");
    assert_eq!(dropped, "dropped feature_fx_rates_142");
    assert!(
        gc.starts_with("gc: Dropped 0 environments and 0 tables; ") && gc.contains(" wait, the first until "),
        "{gc}"
    );
    assert!(!team.has_environment());
    // A week later the tables of the pull request go; production has its own.
    let tables = |team: &Team| -> usize {
        let sql = "SELECT count(*) FROM duckdb_tables() WHERE starts_with(schema_name, 'offshoot__')";
        team.world.value(sql).parse().expect("a number")
    };
    let (before, shown) = (tables(&team), team.world.value("SELECT count(*) FROM marts.product_sales"));
    let mut team = team;
    team.world = team.world.at("2026-04-08");
    let ran = team.event(&Payload::Schedule);
    done(&ran);
    assert!(
        ran.stdout.starts_with("gc: Dropped 0 environments and ") && !ran.stdout.contains("and 0 tables"),
        "{}",
        ran.stdout
    );
    assert!(tables(&team) < before);
    assert_eq!(team.world.value("SELECT count(*) FROM marts.product_sales"), shown);
}

#[test]
fn an_environment_whose_time_is_over_goes_on_schedule_and_on_a_hosted_runner_nothing_does() {
    let mut team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    team.world = team.world.at("2026-04-09").with_variable("RUNNER_ENVIRONMENT", "github-hosted");
    let ran = team.event(&Payload::Schedule);
    done(&ran);
    assert_eq!(ran.stdout, "nothing to do: state and warehouse are gone with the job that made them\n");
    assert!(team.has_environment());
    team.world = team.world.with_variable("RUNNER_ENVIRONMENT", "self-hosted");
    let ran = team.event(&Payload::Schedule);
    done(&ran);
    assert!(
        ran.stdout.starts_with("dropped feature_fx_rates_142\ngc: Dropped 1 environment and 0 tables; "),
        "{}",
        ran.stdout
    );
    assert!(!team.has_environment());
}

#[test]
fn everything_else_is_one_line_and_no_error() {
    let team = Team::new();
    team.opens();
    let ran = team.event(&Payload::Delete { branch: "some/other".into() });
    done(&ran);
    assert_eq!(ran.stdout, "nothing to do: no environment shows the branch that was deleted\n");
    let pushed = team.github.state().branches.get("feature/fx-rates").cloned();
    let ran = team.event(&Payload::Push { branch: "feature/fx-rates".into(), before: pushed });
    done(&ran);
    assert!(ran.stdout.contains("is not production's branch"), "{}", ran.stdout);
    assert_eq!(team.github.writes(), Vec::<String>::new());
}

#[test]
fn a_promotion_is_done_whether_or_not_its_pull_requests_can_be_told() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    team.merges(number);
    team.github.fails("GET", "/pulls", Trouble::Forbidden("not today"));
    let ran = team.event(&Payload::Push { branch: "main".into(), before: None });
    done(&ran);
    assert!(ran.stderr.contains("was not told"), "{}", ran.stderr);
    assert!(team.world.views().contains(&"marts.revenue_in_euro".to_owned()));
}

#[test]
fn a_merge_queue_hears_of_errors_and_of_what_was_not_built() {
    let mut team = Team::new();
    let number = team.opens();
    team.world = team.world.with_variable("RUNNER_ENVIRONMENT", "github-hosted");
    let group = |team: &Team| {
        let (head, base) = (team.world.repository.sha("HEAD"), team.world.repository.sha("main"));
        team.github.state().pulls_of.insert(head.clone(), Vec::new());
        team.event(&Payload::MergeGroup { head, base })
    };
    done(&group(&team));
    assert_eq!(team.check().1, "action_required", "what was not built is no success");
    team.pushes(number, "models/marts/broken.sql", "MODEL (name marts.broken, kind NONSENSE);\nSELECT 1 AS one\n");
    assert_eq!(group(&team).exit, Exit::No);
    assert_eq!(team.check().1, "failure");
}
