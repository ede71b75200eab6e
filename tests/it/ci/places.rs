//! Where things are: two projects in one repository, another base branch, a repository with another name.

use super::{Team, done};
use crate::github::fake::{FakeGitHub, Payload, Pull};
use crate::world::World;

/// A repository with two projects, each with a warehouse of its own, promoted.
pub(super) fn two_projects() -> Team {
    let world = World::empty();
    for project in ["north", "south"] {
        let config = format!(
            "project: {project}\ngateways:\n  local:\n    connection: {{type: duckdb, database: w.duckdb}}\n\
             model_defaults: {{dialect: duckdb}}\n"
        );
        world.repository.write(&format!("{project}/config.yaml"), config);
        let model = "MODEL (name s.places, kind FULL);\nSELECT 1 AS id\n";
        world.repository.write(&format!("{project}/models/places.sql"), model);
    }
    world.repository.write(".gitignore", "*.duckdb\n.offshoot\n");
    world.repository.commit("north and south");
    for project in ["north", "south"] {
        world.done(&["promote", "--project", project]);
    }
    let github = FakeGitHub::start();
    let main = world.repository.sha("main");
    github.state().branches.insert("main".into(), main);
    github.state().git = Some(world.repository.path().to_owned());
    Team { world, github, files: tempfile::tempdir().expect("a folder") }
}

#[test]
fn two_projects_of_one_repository_have_a_comment_and_a_check_each() {
    let team = two_projects();
    let repository = &team.world.repository;
    repository.branch("feature/fx-rates");
    for project in ["north", "south"] {
        let model = format!("MODEL (name s.places, kind FULL);\nSELECT 2 AS id, '{project}' AS place\n");
        repository.write(&format!("{project}/models/places.sql"), model);
    }
    let number = team.opens_commit(&repository.commit("both"));
    for _ in 0..2 {
        for project in ["north", "south"] {
            let variables = team
                .github
                .deliver(&Payload::PullRequest { action: "synchronize", number: number.0 }, team.files.path());
            done(&team.world.bot_under(&variables, &["ci", "--project", project]));
        }
    }
    let state = team.github.state();
    let first_lines: Vec<&str> = state.comments.iter().filter_map(|comment| comment.body.lines().next()).collect();
    assert_eq!(first_lines, ["<!-- offshoot:plan:north -->", "<!-- offshoot:plan:south -->"]);
    let mut checks: Vec<&str> = state.checks.iter().map(|check| check.name.as_str()).collect();
    checks.dedup();
    assert_eq!(checks[..2], ["bot / plan (north)", "bot / plan (south)"]);
    let annotated = state.comments[0].body.contains("north/models/places.sql");
    assert!(annotated, "links count from the repository's root: {}", state.comments[0].body);
}

#[test]
fn a_renamed_repository_is_followed() {
    let team = Team::new();
    let number = team.opens();
    let variables =
        team.github.deliver(&Payload::PullRequest { action: "opened", number: number.0 }, team.files.path());
    {
        let mut state = team.github.state();
        state.former_names.push("acme/shop".into());
        state.name = "acme/market".into();
    }
    done(&team.world.bot_under(&variables, &["ci"]));
    assert_eq!(team.check().1, "success");
    team.comment();
}

#[test]
fn a_pull_request_into_another_branch_is_planned_against_that_branch() {
    let team = Team::new();
    let repository = &team.world.repository;
    repository.branch("release");
    repository.write("models/marts/extra.sql", "MODEL (name marts.extra, kind FULL);\nSELECT 1 AS one\n");
    let release = repository.commit("a release of its own");
    repository.branch("feature/fx-rates");
    repository.write("models/marts/more.sql", "MODEL (name marts.more, kind FULL);\nSELECT 2 AS two\n");
    let head = repository.commit("more for the release");
    repository.git(&["update-ref", "refs/remotes/origin/release", &release]);
    team.github.state().branches.insert("release".into(), release.clone());
    let number = team.github.open(Pull {
        base: release,
        base_branch: "release".into(),
        ..Pull::from("feature/fx-rates", &head)
    });
    done(&team.event(&Payload::NewBase { number: number.0, before: "main" }));
    let comment = team.comment();
    assert!(comment.contains("`feature/fx-rates` → `release`"), "{comment}");
    assert!(comment.contains("**1 model changes by this pull request's commits, none downstream.**"), "{comment}");
    assert!(comment.contains("`marts.more`"), "{comment}");
}
