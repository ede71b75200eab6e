//! Main goes on while a pull request is planned: what that does to the plan is told, and nothing that is built goes.

use super::places::two_projects;
use super::{Team, done};
use crate::github::fake::{Payload, Trouble};
use crate::repository::Repository;

const LOW_STOCK: &str = "models/marts/low_stock.sql";
const PAID_ORDERS: &str = "models/staging/paid_orders.sql";

const ASIDE: &str = "`main` moved by 1 commit since, and none of it touches these models";
const UNKNOWN: &str = "whether `main` moved since is not known: GitHub did not say";

/// An edit of what feeds the branch's own models.
fn paid_orders_lose_rows(repository: &Repository) {
    repository.edit(PAID_ORDERS, "= o.order_id", "= o.order_id AND o.quantity < 100");
}

#[test]
fn main_goes_on_beside_the_plan_while_the_bot_plans() {
    let team = Team::new();
    let number = team.opens();
    let main = team.on_main(|repository| {
        repository.edit(LOW_STOCK, "< 10", "< 12");
        repository.write("models/marts/more.sql", "MODEL (name marts.more, kind FULL);\nSELECT 1 AS one\n");
        repository.write("README.md", "# a shop");
        repository.git(&["mv", "models/raw/fx_rates.sql", "models/raw/rates.sql"]);
    });
    team.github.meanwhile("POST", "/check-runs", |state| drop(state.branches.insert("main".into(), main)));
    done(&team.pull_request("opened", number));
    let comment = team.comment();
    assert!(comment.contains(ASIDE), "{comment}");
    assert_eq!(team.check().1, "success");
    assert_eq!(team.output("state"), "built");
}

#[test]
fn main_touches_what_feeds_the_plan_and_the_plan_is_made_again_when_asked_for() {
    let team = Team::new();
    let number = team.opens();
    let main = team.on_main(paid_orders_lose_rows);
    team.pushes_to_main(&main);
    done(&team.pull_request("opened", number));
    let comment = team.comment();
    assert!(comment.contains("— the plan is stale"), "{comment}");
    assert!(
        comment.contains("**`main` moved by 1 commit and changed `staging.paid_orders`.** `/bot plan` plans again")
    );
    assert_eq!(team.check(), ("The plan is stale: main moved and changed 1 model".into(), "action_required".into()));
    assert_eq!(team.output("state"), "base_moved");
    assert!(team.has_environment(), "what is built stays");
    // The same commit again: the runner has the same checkout.
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.check().1, "action_required");
    // A comment's run has main itself.
    team.checks_out_main(&main);
    assert_eq!(team.says(number, "ada", "/bot plan").0, ["eyes", "+1"]);
    let comment = team.comment();
    assert!(comment.contains(&format!("merged onto `main` at `{}`", &main[..7])), "{comment}");
    assert!(comment.contains("`main` has not moved since"), "{comment}");
    assert_eq!(team.check().1, "success");
}

/// Of what the branch changes, and of what it leaves as it is: the next plan would speak of both.
#[test]
fn a_new_reader_of_models_of_the_plan_makes_it_stale() {
    for reads in [
        "SELECT sold FROM marts.product_sales",
        "SELECT product FROM marts.fct_orders JOIN staging.products USING (product_id)",
    ] {
        let team = Team::new();
        let number = team.opens();
        let main = team.on_main(|repository| {
            repository.write("models/marts/more.sql", format!("MODEL (name marts.more, kind FULL);\n{reads}\n"));
        });
        team.pushes_to_main(&main);
        done(&team.pull_request("opened", number));
        let comment = team.comment();
        assert!(comment.contains("and changed `marts.more`.**"), "{reads}: {comment}");
    }
}

/// They say how much is loaded, and where.
#[test]
fn new_settings_make_the_plan_stale() {
    let team = Team::new();
    let number = team.opens();
    let main = team.on_main(|repository| {
        repository.write("offshoot.yaml", "backfill: {max_days: 365}\n");
    });
    team.pushes_to_main(&main);
    done(&team.pull_request("opened", number));
    assert!(team.comment().contains("**`main` moved by 1 commit and changed the settings, so"), "{}", team.comment());
    assert_eq!(team.check().1, "action_required");
}

#[test]
fn a_draft_is_stale_too_and_what_is_wrong_on_every_base_is_told_first() {
    let team = Team::new();
    let number = team.opens_with(|pull| pull.draft = true);
    let main = team.on_main(paid_orders_lose_rows);
    team.pushes_to_main(&main);
    done(&team.pull_request("opened", number));
    assert_eq!((team.output("state"), team.check().1), ("base_moved".into(), "action_required".into()));
    assert!(!team.comment().contains("The environment is dropped"), "{}", team.comment());
    team.pushes(number, "models/marts/broken.sql", "MODEL (name marts.broken, kind NONSENSE);\nSELECT 1 AS one\n");
    team.pull_request("synchronize", number);
    assert_eq!((team.output("state"), team.check().1), ("failed".into(), "failure".into()));
}

#[test]
fn a_file_that_both_change_a_configuration_and_errors_are_told() {
    for (edit, told) in [
        (("models/marts/product_sales.sql", "SUM(o.amount)", "MAX(o.amount)"), "changed `marts.product_sales`.**"),
        (
            (
                "config.yaml",
                "database: warehouse.duckdb",
                "database: warehouse.duckdb\n      connector_config: {TimeZone: UTC}",
            ),
            "and changed ",
        ),
        ((LOW_STOCK, "kind VIEW", "kind NONSENSE"), "has errors with this branch on it.**"),
    ] {
        let team = Team::new();
        let number = team.opens_with(|pull| pull.draft = true);
        let (path, old, new) = edit;
        let main = team.on_main(|repository| repository.edit(path, old, new));
        team.pushes_to_main(&main);
        done(&team.pull_request("opened", number));
        assert_eq!(team.check().1, "action_required");
        let comment = team.comment();
        assert!(comment.contains("**`main` moved by 1 commit") && comment.contains(told), "{path}: {comment}");
    }
}

#[test]
fn a_file_that_is_not_what_the_plan_knows_is_cautiously_told() {
    let team = Team::new();
    let number = team.opens_with(|pull| pull.draft = true);
    let main = team.on_main(|repository| repository.edit("config.yaml", "gateways", "# of main\ngateways"));
    team.pushes_to_main(&main);
    let gone = r#"{"status":"ahead","ahead_by":1,"files":[{"filename":"models/x.sql","status":"removed","sha":"1"}]}"#;
    team.github.fails("GET", &format!("...{main}"), Trouble::Nonsense(gone));
    done(&team.pull_request("opened", number));
    assert!(
        team.comment().contains("changed `models/x.sql`, which the plan's base does not have"),
        "{}",
        team.comment()
    );
    done(&team.pull_request("reopened", number));
    assert!(team.comment().contains(ASIDE), "what it holds is known: {}", team.comment());
    let config = team.world.repository.read("config.yaml");
    team.pushes(number, "config.yaml", &format!("{config}# of the branch\n"));
    done(&team.pull_request("synchronize", number));
    assert!(team.comment().contains("`config.yaml`, which this branch changes too"), "{}", team.comment());
    assert_eq!(team.check().1, "action_required");
}

/// A path is not all that an edit reaches.
#[cfg(unix)]
#[test]
fn what_a_link_leads_to_is_not_told_from_afar() {
    let team = Team::new();
    let repository = &team.world.repository;
    repository.write("shared/linked.sql", "MODEL (name marts.linked, kind FULL);\nSELECT 1 AS one\n");
    repository.link("models/marts/linked.sql", "../../shared/linked.sql");
    let main = repository.commit("a link");
    team.pushes_to_main(&main);
    let number = team.opens_with(|pull| pull.draft = true);
    let main = team.on_main(|repository| repository.edit("shared/linked.sql", "1 AS one", "2 AS one"));
    team.pushes_to_main(&main);
    done(&team.pull_request("opened", number));
    assert!(team.comment().contains("links or Git LFS"), "{}", team.comment());
    assert_eq!(team.check().1, "action_required");
}

#[test]
fn a_main_that_is_pushed_anew_leaves_it_unknown() {
    let team = Team::new();
    let repository = &team.world.repository;
    let first = repository.sha("main");
    repository.write("README.md", "# a shop");
    team.pushes_to_main(&repository.commit("words"));
    let number = team.opens();
    let here = repository.sha("HEAD");
    repository.checkout(&first);
    repository.write("README.md", "# another shop");
    let other = repository.commit("other words");
    repository.checkout(&here);
    for main in [first, other] {
        team.pushes_to_main(&main);
        done(&team.pull_request("synchronize", number));
        let comment = team.comment();
        assert!(comment.contains("not known: `main` was pushed anew"), "{comment}");
        assert_eq!(team.check().1, "success");
    }
    team.github.state().branches.remove("main");
    done(&team.pull_request("synchronize", number));
    assert!(team.comment().contains("there is no `main` any more"), "{}", team.comment());
}

#[test]
fn a_github_that_does_not_say_leaves_it_unknown_and_fails_no_run() {
    let team = Team::new();
    let number = team.opens();
    let main = team.on_main(paid_orders_lose_rows);
    team.pushes_to_main(&main);
    let compare = format!("...{main}");
    let blob = team.world.repository.sha(&format!("{main}:{PAID_ORDERS}"));
    let unknown = |what: &str| {
        let ran = team.pull_request("synchronize", number);
        done(&ran);
        assert!(team.comment().contains(UNKNOWN), "{what}: {}", team.comment());
        assert!(ran.stderr.contains("whether the base branch moved is not known: cannot "), "{what}: {}", ran.stderr);
        assert_eq!(team.check().1, "success", "{what}");
    };
    let refused = Trouble::Forbidden("Resource not accessible by integration");
    for end in ["/branches/main", &compare, &blob] {
        team.github.fails("GET", end, refused.clone());
        unknown(end);
    }
    for end in [&compare, &blob] {
        (0..4).for_each(|_| team.github.fails("GET", end, Trouble::ServerErrorBefore));
        unknown("502");
        team.github.fails("GET", end, Trouble::Nonsense("{}"));
        unknown("nonsense");
    }
    let git = team.github.state().git.take();
    unknown("404");
    team.github.state().git = git;
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.check().1, "action_required", "once GitHub says it");
}

#[test]
fn more_files_than_github_tells_count_as_touching() {
    for (count, told) in [(300, "300 files or more"), (51, "50 files or more")] {
        let team = Team::new();
        let number = team.opens_with(|pull| pull.draft = true);
        let main = team.on_main(|repository| repository.write_pages("docs", 0..count));
        team.pushes_to_main(&main);
        done(&team.pull_request("opened", number));
        assert_eq!(team.check(), ("The plan may be stale: main moved".into(), "action_required".into()));
        let comment = team.comment();
        assert!(comment.contains(&format!("changed {told}, so the plan counts as stale")), "{comment}");
    }
}

#[test]
fn what_main_does_to_another_project_touches_nothing_here() {
    let team = two_projects();
    let repository = &team.world.repository;
    repository.branch("feature/fx-rates");
    repository.write("north/models/more.sql", "MODEL (name s.more, kind FULL);\nSELECT id FROM s.places\n");
    let number = team.opens_commit(&repository.commit("more in the north"));
    let main = team.on_main(|repository| {
        repository.edit("south/models/places.sql", "1 AS id", "2 AS id");
        repository.write_pages("northern", 0..100);
    });
    team.pushes_to_main(&main);
    let told = |project: &str| {
        let payload = Payload::PullRequest { action: "synchronize", number: number.0 };
        let variables = team.github.deliver(&payload, team.files.path());
        done(&team.world.bot_under(&variables, &["ci", "--project", project]));
    };
    told("north");
    assert!(team.comment().contains(ASIDE), "{}", team.comment());
    assert_eq!(team.github.state().requests.iter().filter(|request| request.path.contains("/git/blobs/")).count(), 0);
    let main = team.on_main(|repository| repository.edit("north/models/places.sql", "1 AS id", "2 AS id"));
    team.pushes_to_main(&main);
    told("north");
    assert!(team.comment().contains("and changed `s.places`.**"), "{}", team.comment());
}
