//! What strangers may bring about, and what leaves the process: nearly nothing.

use std::fs;

use offshoot::error::Exit;

use super::{Team, done};
use crate::github::fake::{Access, HeadRepository, Payload};

#[test]
fn a_fork_gets_a_static_plan_in_the_step_summary_and_nothing_is_written() {
    let team = Team::new();
    team.github.state().access = Access::ReadOnly;
    let number = team.opens_with(|pull| pull.head_repository = HeadRepository::Fork("stranger/shop".into()));
    let ran = team.pull_request("opened", number);
    done(&ran);
    assert_eq!(team.github.writes(), Vec::<String>::new());
    let summary = fs::read_to_string(team.files.path().join("summary.md")).expect("a summary");
    assert!(summary.contains("marts.revenue_in_euro"), "{summary}");
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates")));
}

#[test]
fn a_token_that_may_not_write_is_found_before_any_work() {
    let team = Team::new();
    team.github.state().access = Access::ReadOnly;
    let number = team.opens();
    let ran = team.pull_request("opened", number);
    done(&ran);
    assert!(ran.stderr.contains("checks: write"), "{}", ran.stderr);
    assert!(team.github.state().comments.is_empty());
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates")));
}

#[test]
fn a_hosted_runner_with_the_warehouse_in_its_workspace_plans_only_and_never_promotes() {
    let mut team = Team::new();
    let number = team.opens();
    team.world = team.world.with_variable("RUNNER_ENVIRONMENT", "github-hosted");
    done(&team.pull_request("opened", number));
    assert_eq!(team.output("state"), "planned");
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates")));
    team.merges(number);
    let ran = team.event(&Payload::Push { branch: "main".into(), before: None });
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("hosted runner"), "{}", ran.stderr);
}

#[test]
fn a_secret_of_the_runner_is_in_nothing_that_is_posted() {
    let mut team = Team::new();
    team.world = team.world.with_variable("WAREHOUSE_PASSWORD", "hunter2-of-the-shop");
    let number = team.opens();
    team.pushes(
        number,
        "models/marts/leak.sql",
        "MODEL (name marts.leak, kind FULL, description 'hunter2-of-the-shop');\nSELECT 'hunter2-of-the-shop' AS x, 1 AS hunter\n",
    );
    done(&team.pull_request("synchronize", number));
    let state = team.github.state();
    let posted = state.requests.iter().map(|request| String::from_utf8_lossy(&request.body));
    assert!(posted.filter(|body| body.contains("hunter2-of-the-shop")).count() == 0);
    drop(state);
    let summary = fs::read_to_string(team.files.path().join("summary.md")).expect("a summary");
    assert!(!summary.contains("hunter2-of-the-shop"));
}

#[test]
fn where_sql_runs_is_the_bases_to_say_and_what_a_branch_says_of_it_counts_after_the_merge() {
    let team = Team::new();
    let number = team.opens();
    let repository = &team.world.repository;
    repository.checkout("feature/fx-rates");
    let config = fs::read_to_string(repository.path().join("config.yaml")).expect("the configuration");
    let database = config.lines().find(|line| line.contains("database:")).expect("a database");
    let indent = " ".repeat(database.len() - database.trim_start().len());
    let zone = format!("{database}\n{indent}connector_config:\n{indent}  TimeZone: Asia/Tokyo");
    repository.write("config.yaml", config.replace(database, &zone));
    let hour =
        "MODEL (name marts.hour, kind FULL);\nSELECT extract(hour FROM TIMESTAMPTZ '2026-01-01 00:00:00+00') AS h\n";
    let head = team.pushes(number, "models/marts/hour.sql", hour);
    assert_eq!(repository.sha("feature/fx-rates"), head);
    done(&team.pull_request("synchronize", number));
    assert!(team.comment().contains("counts after the merge"), "{}", team.comment());
    let here = team.world.value("SELECT h FROM marts__feature_fx_rates_142.hour");
    team.merges(number);
    done(&team.event(&Payload::Push { branch: "main".into(), before: None }));
    // Nothing that was built under the old settings passes for what the new ones give.
    assert_eq!(team.world.value("SELECT h FROM marts.hour"), "9");
    assert_ne!(here, "9");
}
