//! What strangers may bring about, and what leaves the process: nearly nothing.

use std::fs;

use offshoot::error::Exit;
use offshoot::ids::PullRequestNumber;

use super::{Team, done};
use crate::github::fake::{Access, HeadRepository, Payload};
use crate::world::World;

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
fn a_hosted_runner_plans_only_and_never_promotes() {
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

/// An edit that shows a text wherever a model's own words are shown: in the SQL diff, and in a problem's message.
fn leaks(team: &Team, number: PullRequestNumber, secret: &str) {
    let path = "models/marts/product_sales.sql";
    let text = fs::read_to_string(team.world.repository.path().join(path)).expect("the model");
    let (head, query) = text.split_once("\nSELECT").expect("a query");
    let leak =
        format!("{head}\nSELECT\n  '{secret}' AS leak,\n  (SELECT count(*) FROM erp.\"{secret}\") AS more,{query}");
    team.pushes(number, path, &leak);
}

/// Everything that a run wrote, to GitHub and to the runner's files.
fn written(team: &Team) -> Vec<String> {
    let state = team.github.state();
    let posted = state.requests.iter().map(|request| String::from_utf8_lossy(&request.body).into_owned());
    let files = ["summary.md", "output.txt", "report.json"].map(|file| team.files.path().join(file));
    posted.chain(files.iter().filter_map(|file| fs::read_to_string(file).ok())).collect()
}

/// The runner's variables and the configuration may keep the same kind of thing secret; both are taken out of all that leaves.
#[test]
fn a_secret_is_in_nothing_that_leaves() {
    let mut team = Team::new();
    let repository = &team.world.repository;
    let config = fs::read_to_string(repository.path().join("config.yaml")).expect("the configuration");
    let lake = "  lake:\n    connection: {type: postgres, host: h, user: u, password: \"{{ env_var('LAKE') }}\", database: d}\n";
    repository.write("config.yaml", config.replacen("gateways:\n", &format!("gateways:\n{lake}"), 1));
    repository.commit("a lake");
    let number = team.opens();
    leaks(&team, number, "hunter2-of-the-shop");
    let run = |team: &Team| {
        let payload = Payload::PullRequest { action: "synchronize", number: number.0 };
        team.github.state().run.0 += 1;
        let variables = team.github.deliver(&payload, team.files.path());
        let report = team.files.path().join("report.json");
        team.world.bot_under(&variables, &["ci", "--report", report.to_str().expect("a plain path")])
    };
    run(&team);
    let shown = |team: &Team| written(team).iter().filter(|text| text.contains("hunter2-of-the-shop")).count();
    assert!(shown(&team) >= 3, "comment, summary and report show it while nobody says that it is one");
    for variable in ["WAREHOUSE_PASSWORD", "LAKE"] {
        team.world = std::mem::replace(&mut team.world, World::empty()).with_variable(variable, "hunter2-of-the-shop");
        team.github.state().requests.clear();
        run(&team);
        assert_eq!(shown(&team), 0, "{variable}");
        team.world = std::mem::replace(&mut team.world, World::empty()).with_variable(variable, "");
    }
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

/// Whoever reads the pull request need not be one who may read the warehouse.
#[test]
fn a_value_of_a_row_is_in_nothing_that_is_posted() {
    let team = Team::new();
    let number = team.opens();
    let model = "MODEL (name marts.cast_places, kind FULL);\nSELECT CAST(stock.warehouse AS INTEGER) AS n FROM erp.stock_levels AS stock\n";
    team.pushes(number, "models/marts/cast_places.sql", model);
    // Neither is one of a model that failed as well.
    let other = model.replace("cast_places", "cast_more").replace("stock.warehouse AS", "stock.warehouse || '!' AS");
    team.pushes(number, "models/marts/cast_more.sql", &other);
    let ran = team.pull_request("synchronize", number);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stdout);
    for told in ["Hamburg'", "Hamburg!'", "also failed: "] {
        assert!(ran.stderr.contains(told), "the log has the engine's words: {}", ran.stderr);
    }
    let state = team.github.state();
    let posted = state.requests.iter().map(|request| String::from_utf8_lossy(&request.body).into_owned());
    assert_eq!(
        posted.filter(|body| body.contains("Hamburg") || body.contains("Leeds")).collect::<Vec<_>>(),
        Vec::<String>::new()
    );
    drop(state);
    let comment = team.comment();
    assert!(comment.contains("Conversion Error") && comment.contains("log of the run"), "{comment}");
}

#[test]
fn nothing_is_remembered_on_a_runner_that_forgets() {
    let mut team = Team::new();
    let number = team.opens();
    team.removes(number, "models/marts/product_sales.sql");
    done(&team.pull_request("synchronize", number));
    team.world = team.world.with_variable("RUNNER_ENVIRONMENT", "github-hosted");
    for command in ["/bot allow-destructive marts.product_sales", "/bot drop"] {
        let (reactions, answer) = team.says(number, "ada", command);
        assert_eq!(reactions, ["eyes", "confused"], "{command}");
        assert!(answer.contains("outlive"), "{answer}");
    }
}

#[test]
fn files_outside_of_the_checkout_are_a_hosted_runners_as_well() {
    let mut team = Team::new();
    let (here, elsewhere) = (team.world.repository.path().to_owned(), team.files.path().to_owned());
    let (warehouse, state) = (elsewhere.join("warehouse.duckdb"), elsewhere.join("state.db"));
    fs::rename(here.join("warehouse.duckdb"), &warehouse).expect("the warehouse is moved");
    fs::rename(here.join(".offshoot/state.db"), &state).expect("the state is moved");
    let config = fs::read_to_string(here.join("config.yaml")).expect("the configuration");
    let state = format!("    state_connection:\n      type: sqlite\n      database: {}\n", state.display());
    let config = config.replace("warehouse.duckdb\n", &format!("{}\n{state}", warehouse.display()));
    team.world.repository.write("config.yaml", config);
    let main = team.world.repository.commit("the warehouse lies elsewhere");
    team.github.state().branches.insert("main".into(), main);
    let number = team.opens();
    team.world = team.world.with_variable("RUNNER_ENVIRONMENT", "github-hosted");
    done(&team.pull_request("opened", number));
    assert_eq!(team.output("state"), "planned");
    team.world = team.world.with_variable("RUNNER_ENVIRONMENT", "self-hosted");
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.output("state"), "built", "on one's own runner they stay");
}

/// Pull requests and production go through gateways of their own, as the base branch says and whatever a branch says of it.
#[test]
fn pull_requests_and_production_go_through_gateways_of_their_own() {
    let world = World::shop();
    let config = fs::read_to_string(world.repository.path().join("config.yaml")).expect("the configuration");
    let vault = "  vault:\n    connection: {type: duckdb, database: \"{{ env_var('VAULT') }}\"}\n";
    world.repository.write("config.yaml", config.replacen("gateways:\n", &format!("gateways:\n{vault}"), 1));
    world.repository.write("offshoot.yaml", "base_branch: main\ngateways: {ci: local, prod: vault}\n");
    world.repository.commit("two gateways");
    let mut team = Team::of(world.with_variable("VAULT", "warehouse.duckdb"));
    // Only who promotes has what opens it.
    team.world = team.world.with_variable("VAULT", "");
    let number = team.opens();
    team.pushes(number, "offshoot.yaml", "base_branch: main\ngateways: {ci: vault, prod: vault}\n");
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.output("state"), "built");
    team.merges(number);
    let closed = team.event(&Payload::Push { branch: "main".into(), before: None });
    assert_ne!(closed.exit, Exit::Done, "{}", closed.stdout);
    team.world = team.world.with_variable("VAULT", "warehouse.duckdb");
    done(&team.event(&Payload::Push { branch: "main".into(), before: None }));
    // A name that nobody has is no reason to take another.
    let unknown = team.world.bot(&["promote", "--gateway", "valt"]);
    assert!(unknown.exit == Exit::No && unknown.stderr.contains("valt"), "{}", unknown.stderr);
}
