//! What people ask for in comments, and who may.

use super::{Team, done};
use crate::github::fake::Payload;

#[test]
fn commands_are_answered_by_permission_and_for_the_head_that_was_shown() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let says = |author: &str, body: &str| {
        let id = team.github.state().comment(number, author, body);
        let ran = team.event(&Payload::Comment { action: "created", id });
        done(&ran);
        let state = team.github.state();
        let reactions: Vec<String> =
            state.reactions.iter().filter(|(on, ..)| *on == id).map(|(_, _, content)| content.clone()).collect();
        let answer = state.comments.last().expect("comments").body.clone();
        (reactions, answer)
    };
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
    let (reactions, _) = says("ada", "/bot drop");
    assert_eq!(reactions, ["eyes", "+1"]);
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates_142")));
}

#[test]
fn what_production_would_lose_blocks_until_a_maintainer_allows_it_for_this_head() {
    let team = Team::new();
    team.github.state().people.insert("ben".into(), "write".into());
    let number = team.opens();
    team.world.repository.checkout("feature/fx-rates");
    team.world.repository.remove("models/marts/product_sales.sql");
    let head = team.world.repository.commit("who needs that");
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").head = head;
    team.checks_out(number);
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.check().1, "action_required");
    assert!(team.comment().contains("/bot allow-destructive marts.product_sales"), "{}", team.comment());
    let says = |author: &str, body: &str| {
        let id = team.github.state().comment(number, author, body);
        let ran = team.event(&Payload::Comment { action: "created", id });
        done(&ran);
        let state = team.github.state();
        state.reactions.iter().filter(|(on, ..)| *on == id).map(|(_, _, content)| content.clone()).collect::<Vec<_>>()
    };
    assert_eq!(says("ben", "/bot allow-destructive marts.product_sales"), ["eyes", "confused"], "he may only write");
    assert_eq!(says("ada", "/bot allow-destructive marts.nothing"), ["eyes", "confused"]);
    assert_eq!(says("ada", "/bot allow-destructive marts.product_sales"), ["eyes", "+1"]);
    assert_eq!(team.check().1, "success");
    // The next push voids it.
    team.pushes(number, "models/marts/extra.sql", "MODEL (name marts.extra, kind FULL);\nSELECT 1 AS one\n");
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.check().1, "action_required");
}
