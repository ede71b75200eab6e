//! A pull request that is open: what is built for it, what is told of it, and who has the word.

use std::fs;

use offshoot::error::Exit;

use super::{Team, done};

#[test]
fn a_pull_request_is_opened_built_and_reported() {
    let team = Team::new();
    let number = team.opens();
    let ran = team.pull_request("opened", number);
    done(&ran);
    let comment = team.comment();
    assert!(comment.starts_with("<!-- offshoot:plan:"), "{comment}");
    assert!(comment.contains("feature_fx_rates_142"), "{comment}");
    assert!(comment.contains("`marts.revenue_in_euro`"), "{comment}");
    let (title, conclusion) = team.check();
    assert_eq!(conclusion, "success", "{title}");
    assert_eq!(team.output("state"), "built");
    assert_eq!(team.output("environment"), "feature_fx_rates_142");
    assert!(team.world.views().iter().any(|view| view.starts_with("marts__feature_fx_rates_142.")));
    let summary = fs::read_to_string(team.files.path().join("summary.md")).expect("a summary");
    assert!(summary.contains("marts.revenue_in_euro"));
    // One check begun and ended, one comment written.
    let writes = team.github.writes();
    assert_eq!(writes.len(), 3, "{writes:#?}");
}

#[test]
fn a_rule_of_the_branchs_linter_that_does_not_hold_fails_the_check() {
    let team = Team::new();
    let number = team.opens();
    let config = team.world.repository.read("config.yaml");
    let linter = "linter: {enabled: true, rules: [noselectstar]}\n";
    team.pushes(number, "config.yaml", &format!("{config}{linter}"));
    let star = "MODEL (name marts.starry, kind VIEW);\nSELECT * FROM staging.orders\n";
    team.pushes(number, "models/marts/starry.sql", star);
    team.pull_request("synchronize", number);
    assert_eq!((team.output("state"), team.check().1), ("failed".into(), "failure".into()));
    assert!(team.comment().contains("models/marts/starry.sql") && team.comment().contains("lint-noselectstar"));
}

#[test]
fn a_second_push_edits_the_comment_and_the_same_event_again_writes_nothing_new() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let first = team.comment();
    team.pushes(number, "models/marts/extra.sql", "MODEL (name marts.extra, kind FULL);\nSELECT 1 AS one\n");
    done(&team.pull_request("synchronize", number));
    let second = team.comment();
    assert_ne!(first, second);
    assert!(second.contains("`marts.extra`"), "{second}");
    // The runner delivers the event twice: the run is the same one.
    team.github.state().run.0 -= 1;
    let before = team.github.writes().len();
    done(&team.pull_request("synchronize", number));
    assert!(team.comment().contains("`marts.extra`"));
    assert!(team.github.writes().len() <= before + 3);
}

#[test]
fn an_older_run_that_ends_later_does_not_overwrite_the_comment() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let newer = team.comment();
    team.github.state().run.0 -= 10;
    let ran = team.pull_request("reopened", number);
    done(&ran);
    assert_eq!(team.comment(), newer);
    assert!(ran.stderr.contains("is newer"), "{}", ran.stderr);
}

#[test]
fn a_head_that_moved_meanwhile_has_the_word() {
    let team = Team::new();
    let number = team.opens();
    team.github.meanwhile("POST", "/check-runs", move |state| {
        state.pulls.get_mut(&142).expect("the pull request").head = "9".repeat(40);
    });
    done(&team.pull_request("opened", number));
    assert!(team.github.state().comments.is_empty());
    assert_eq!(team.check().1, "cancelled");
    assert_eq!(team.output("state"), "head_moved");
}

#[test]
fn a_draft_is_planned_and_not_built() {
    let team = Team::new();
    let number = team.opens_with(|pull| pull.draft = true);
    done(&team.pull_request("opened", number));
    assert_eq!(team.output("state"), "planned");
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates")));
    assert_eq!(team.check().1, "action_required");
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").draft = false;
    done(&team.pull_request("ready_for_review", number));
    assert_eq!(team.check().1, "success");
}

#[test]
fn a_project_with_errors_fails_the_check_at_the_line() {
    let team = Team::new();
    let number = team.opens();
    team.pushes(number, "models/marts/broken.sql", "MODEL (name marts.broken, kind NONSENSE);\nSELECT 1 AS one\n");
    let ran = team.pull_request("synchronize", number);
    assert_eq!(ran.exit, Exit::No, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(team.check().1, "failure");
    let state = team.github.state();
    let annotations = &state.checks.last().expect("a check").annotations;
    assert!(annotations.iter().any(|it| it["path"] == "models/marts/broken.sql"), "{annotations:#?}");
    drop(state);
    assert!(ran.stderr.contains("::error file=models/marts/broken.sql"), "{}", ran.stderr);
}

#[test]
fn a_conflict_is_told_on_the_next_event() {
    let team = Team::new();
    let number = team.opens();
    let repository = &team.world.repository;
    repository.checkout("main");
    repository
        .write("models/marts/product_sales.sql", "MODEL (name marts.product_sales, kind FULL);\nSELECT 2 AS two\n");
    repository.commit("main goes elsewhere");
    repository.checkout("feature/fx-rates");
    repository
        .write("models/marts/product_sales.sql", "MODEL (name marts.product_sales, kind FULL);\nSELECT 3 AS three\n");
    let head = repository.commit("and so does the branch");
    repository.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").head = head;
    let ran = team.pull_request("synchronize", number);
    done(&ran);
    assert_eq!(team.check().1, "action_required");
    assert!(team.comment().contains("models/marts/product_sales.sql"), "{}", team.comment());
}

#[test]
fn a_pull_request_without_a_changed_model_is_a_success_without_a_comment() {
    let team = Team::new();
    let repository = &team.world.repository;
    repository.branch("feature/fx-rates");
    repository.write("README.md", "nothing of ours");
    let number = team.opens_commit(&repository.commit("words"));
    done(&team.pull_request("opened", number));
    assert!(team.github.state().comments.is_empty());
    assert_eq!(team.check(), ("No models changed".to_owned(), "success".to_owned()));
}

#[test]
fn a_branch_that_takes_its_changes_back_leaves_an_environment_like_its_base() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let repository = &team.world.repository;
    repository.checkout("feature/fx-rates");
    repository.git(&["checkout", "--quiet", "main", "--", "."]);
    for path in repository.git(&["diff", "--name-only", "--diff-filter=A", "main"]).lines() {
        repository.remove(path);
    }
    let head = repository.commit("never mind");
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").head = head;
    team.checks_out(number);
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.check(), ("No models changed".to_owned(), "success".to_owned()));
    let of = |schema: &str| {
        let rows = team
            .world
            .sql(&format!("SELECT view_name FROM duckdb_views() WHERE schema_name = '{schema}' ORDER BY view_name"));
        rows.into_iter().flatten().flatten().collect::<Vec<_>>()
    };
    assert_eq!(of("marts__feature_fx_rates_142"), of("marts"));
}

#[test]
fn drafts_that_are_passed_over_have_no_check_that_never_ends() {
    let team = Team::new();
    let repository = &team.world.repository;
    repository.write("offshoot.yaml", "drafts: skip\n");
    repository.commit("no drafts");
    let number = team.opens_with(|pull| pull.draft = true);
    let ran = team.pull_request("opened", number);
    done(&ran);
    assert!(ran.stdout.contains("drafts are passed over"), "{}", ran.stdout);
    assert_eq!(team.github.writes(), Vec::<String>::new());
}

/// As SQLMesh's bot has it.
#[test]
fn a_branch_may_say_by_its_name_that_rows_are_kept() {
    let daily = |columns: &str| {
        format!(
            "MODEL (name s.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2026-03-29', cron '@daily');\n\
             SELECT {columns} FROM raw.events WHERE day BETWEEN @start_date AND @end_date"
        )
    };
    let world = crate::lab::lab(&[("models/daily.sql", &daily("day, amount"))]).at("2026-04-01 00:00:00");
    let execute = |world: &crate::world::World, sql: &str| {
        offshoot::engine::Engine::session(&world.engine()).expect("a session").execute(sql).expect("it runs");
    };
    execute(&world, "CREATE SCHEMA raw; CREATE TABLE raw.events AS SELECT DATE '2026-03-30' AS day, 1 AS amount");
    let config = world.repository.read("config.yaml");
    let bot = "cicd_bot: {type: github, forward_only_branch_suffix: fx-rates}\n";
    crate::lab::edit(&world, &[("config.yaml", &format!("{config}{bot}"))]);
    let team = Team::of(world);
    execute(&team.world, "DELETE FROM raw.events");
    let number = team.proposes(&[("models/daily.sql", &daily("day, amount * 2 AS amount"))]);
    done(&team.pull_request("opened", number));
    assert!(team.comment().contains("its rows are kept: --forward-only"), "{}", team.comment());
    assert_eq!(team.output("state"), "built");
    team.merges(number);
    team.world.done(&["promote"]);
    assert_eq!(team.world.value("SELECT amount FROM s.daily"), "1", "no row that production had is another one");
}
