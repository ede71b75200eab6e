//! What people ask for in comments, and who may.

use offshoot::error::Exit;
use offshoot::ids::PullRequestNumber;

use super::{Team, done};
use crate::github::fake::Payload;

#[test]
fn commands_are_answered_by_permission_and_for_the_head_that_was_shown() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let says = |author: &str, body: &str| team.says(number, author, body);
    let (reactions, answer) = says("ada", "/bot help");
    assert_eq!(reactions, ["eyes", "+1"]);
    assert!(answer.contains("/bot backfill"), "{answer}");
    let (reactions, answer) = says("stranger", "/bot drop");
    assert_eq!(reactions, ["eyes", "confused"]);
    assert!(answer.contains("`write`"), "{answer}");
    let (reactions, _) = says("ada", "/bot promote");
    assert_eq!(reactions, ["eyes", "confused"], "promotion follows the merge");
    let (reactions, answer) = says("ada", "/bot fly");
    assert_eq!(reactions, ["eyes", "confused"], "{answer}");
    // Somebody pushes: what is asked under the old plan is void.
    let head = team.world.repository.sha("feature/fx-rates");
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").head = "8".repeat(40);
    let (reactions, answer) = says("ada", "/bot drop");
    assert_eq!(reactions, ["eyes", "confused"]);
    assert!(answer.contains("moved"), "{answer}");
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").head = head;
    assert_eq!(says("ada", "/bot drop").0, ["eyes", "+1"]);
    assert!(!team.has_environment());
}

#[test]
fn what_production_would_lose_blocks_until_a_maintainer_allows_it_for_this_head() {
    let team = Team::new();
    team.github.state().people.insert("ben".into(), "write".into());
    let number = team.opens();
    team.removes(number, "models/marts/product_sales.sql");
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.check().1, "action_required");
    assert!(team.comment().contains("/bot allow-destructive marts.product_sales"), "{}", team.comment());
    let says = |author: &str, body: &str| team.says(number, author, body).0;
    assert_eq!(says("ben", "/bot allow-destructive marts.product_sales"), ["eyes", "confused"], "he may only write");
    assert_eq!(says("ada", "/bot allow-destructive marts.nothing"), ["eyes", "confused"]);
    assert_eq!(says("ada", "/bot allow-destructive marts.product_sales"), ["eyes", "+1"]);
    assert_eq!(team.check().1, "success");
    // The next push voids it.
    team.pushes(number, "models/marts/extra.sql", "MODEL (name marts.extra, kind FULL);\nSELECT 1 AS one\n");
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.check().1, "action_required");
}

/// Who allowed something saw another plan than the one that stands there when the runner comes to it.
#[test]
fn a_command_is_void_where_the_comment_was_written_anew_after_it() {
    let team = Team::new();
    let number = team.opens();
    team.removes(number, "models/marts/product_sales.sql");
    done(&team.pull_request("synchronize", number));
    let id = team.github.state().comment(number, "ada", "/bot allow-destructive marts.product_sales");
    team.pushes(number, "models/marts/extra.sql", "MODEL (name marts.extra, kind FULL);\nSELECT 1 AS one\n");
    done(&team.pull_request("synchronize", number));
    done(&team.event(&Payload::Comment { action: "created", id }));
    assert_eq!(team.reactions(id), ["eyes", "confused"]);
    assert_eq!(team.check().1, "action_required");
}

#[test]
fn a_command_that_fails_is_answered_too() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    {
        // Merged somewhere else than into production's branch.
        let mut state = team.github.state();
        let head = team.world.repository.sha("feature/fx-rates");
        let pull = state.pulls.get_mut(&number.0).expect("the pull request");
        (pull.state, pull.merged, pull.merge_commit) = ("closed", true, Some(head));
    }
    let id = team.github.state().comment(number, "ada", "/bot promote");
    let ran = team.event(&Payload::Comment { action: "created", id });
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    assert_eq!(team.reactions(id), ["eyes", "confused"]);
    let answer = team.github.state().comments.last().expect("comments").body.clone();
    assert!(answer.contains("is not reachable from"), "{answer}");
}

#[test]
fn a_plan_that_is_asked_for_is_what_a_push_would_get() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    assert_eq!(team.says(number, "ada", "/bot plan").0, ["eyes", "+1"]);
    assert_eq!(team.check().1, "success", "what was built is not forgotten");
}

/// A pull request loads the last days; promote loads what it left, and a comment asks for more before that.
#[test]
fn more_of_the_past_is_loaded_where_somebody_asks_for_it() {
    let (team, number) = opened_under("backfill:\n  max_days: 5\n");
    let said = team.plan();
    let daily = "marts.fct_orders";
    assert!(row(&said, daily).contains("| **5 of 90 days** · "), "{said}");
    assert!(row(&said, daily).contains("| 85 days · about "), "{said}");
    assert!(row(&said, "marts.product_sales").contains("| a preview · "), "{said}");
    assert!(
        said.contains("| **Still due at promote** | 85 days of `marts.fct_orders`, all of it of `marts.product_sales`")
    );
    assert_eq!(team.check().1, "success");

    let (reactions, answer) = team.says(number, "ada", "/bot backfill marts.nothing --from 2026-03-10");
    assert_eq!(reactions, ["eyes", "confused"]);
    assert!(answer.contains("The branch has no model `marts.nothing`."), "{answer}");
    let (reactions, answer) = team.says(number, "ada", "/bot backfill staging.products --from 2026-03-10");
    assert_eq!(reactions, ["eyes", "confused"]);
    assert!(answer.contains("filled as a whole"), "{answer}");

    let asks = |from: &str| team.says(number, "ada", &format!("/bot backfill marts.fct_orders --from {from}")).0;
    assert_eq!(asks("2026-03-10"), ["eyes", "+1"]);
    let said = team.plan();
    assert!(row(&said, daily).contains("| **22 of 90 days** · "), "{said}");
    assert!(row(&said, daily).contains("| 68 days · about "), "{said}");
    done(&team.pull_request("synchronize", number));
    assert!(row(&team.plan(), daily).contains("| 68 days · about "), "what was asked for stays: {}", team.plan());
    assert_eq!(asks("2026-03-12"), ["eyes", "confused"], "it is there already");
    let answer = team.github.state().comments.last().expect("comments").body.clone();
    assert!(answer.contains("Nothing more of `marts.fct_orders` was loaded"), "{answer}");
    assert_eq!(asks("1900-01-01"), ["eyes", "+1"]);
    let said = team.plan();
    assert!(said.contains("| **Still due at promote** | nothing but the swap of pointers"), "{said}");
    assert!(row(&said, "marts.product_sales").contains("filled as a whole"), "no longer a preview: {said}");

    team.merges(number);
    done(&team.event(&Payload::Push { branch: "main".into(), before: None }));
    let promoted = team.plan();
    assert!(promoted.contains("### ✅ Promoted") && !promoted.contains("had to be filled"), "{promoted}");
}

/// Nobody waits for builds without an end, unless somebody asks for them.
#[test]
fn what_takes_too_long_is_built_where_somebody_asks_for_it() {
    let (team, number) = opened_under("backfill: {max_minutes: 0}\n");
    let said = team.comment();
    assert!(said.contains("The limit of time for pull requests is reached"), "{said}");
    assert!(said.contains("`/bot apply` without one"), "{said}");
    assert_eq!(team.check().1, "action_required");
    assert!(!team.has_environment());
    assert_eq!(team.says(number, "ada", "/bot apply").0, ["eyes", "+1"]);
    assert_eq!(team.check().1, "success");
    assert!(team.has_environment());
}

/// A pull request of a team with these settings.
fn opened_under(settings: &str) -> (Team, PullRequestNumber) {
    let team = Team::new();
    team.world.repository.checkout("main").write("offshoot.yaml", settings);
    let main = team.world.repository.commit("settings");
    team.github.state().branches.insert("main".into(), main);
    let number = team.opens();
    done(&team.pull_request("opened", number));
    (team, number)
}

impl Team {
    /// The first comment of ours; answers follow it.
    fn plan(&self) -> String {
        let state = self.github.state();
        let plan = state.comments.iter().find(|comment| comment.author == "github-actions[bot]");
        plan.expect("a comment of ours").body.clone()
    }
}

/// A model's row of the comment's table.
fn row<'a>(comment: &'a str, model: &str) -> &'a str {
    comment.lines().find(|line| line.starts_with(&format!("| [`{model}`]"))).expect("the model's row")
}
