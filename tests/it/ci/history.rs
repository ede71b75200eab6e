//! What the comment remembers of earlier plans.

use super::{Team, done};

/// The lines of the last plans, as the comment shows them.
fn plans(team: &Team) -> Vec<String> {
    let comment = team.comment();
    let (_, rest) = comment.split_once("<summary>The last ").unwrap_or_default();
    rest.lines().filter(|line| line.starts_with("* `")).map(str::to_owned).collect()
}

#[test]
fn the_comment_remembers_the_last_five_plans_each_head_once() {
    let team = Team::new();
    let number = team.opens_with(|pull| pull.draft = true);
    done(&team.pull_request("opened", number));
    assert_eq!(plans(&team), [""; 0], "the first plan has none before it");
    let mut heads = Vec::new();
    for number_of_edit in 0..6 {
        let model = format!("MODEL (name marts.extra, kind FULL);\nSELECT {number_of_edit} AS one\n");
        heads.insert(0, team.pushes(number, "models/marts/extra.sql", &model));
        done(&team.pull_request("synchronize", number));
    }
    let shown = plans(&team);
    assert_eq!(shown.len(), 5);
    for (line, head) in shown.iter().zip(&heads) {
        assert!(
            line.starts_with(&format!("* `{}` ⚪ planned, nothing built, 2026-04-01 00:00 UTC, [run ", &head[..7])),
            "{line}"
        );
    }
    // The same head again, by a later run and with another verdict.
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").draft = false;
    done(&team.pull_request("ready_for_review", number));
    let again = plans(&team);
    let run = team.github.state().run.0;
    assert!(again[0].contains(&heads[0][..7]) && again[0].contains("ready to promote"), "{again:?}");
    assert!(again[0].ends_with(&format!("[run {run}](https://github.com/acme/shop/actions/runs/{run})")), "{again:?}");
    assert_eq!(again[1..], shown[1..]);
    // A plan that failed is one too, and what is told after the last plan leaves them.
    team.pushes(number, "models/marts/extra.sql", "MODEL (name marts.extra, kind NONSENSE);\nSELECT 1 AS one\n");
    team.pull_request("synchronize", number);
    assert!(plans(&team)[0].contains("🔴 the plan failed"), "{:?}", plans(&team));
    let before = plans(&team);
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").state = "closed";
    done(&team.pull_request("closed", number));
    assert_eq!(plans(&team), before);
}

#[test]
fn what_somebody_made_of_the_comment_is_not_remembered() {
    let team = Team::new();
    let number = team.opens_with(|pull| pull.draft = true);
    done(&team.pull_request("opened", number));
    let pushed = |one: &str| {
        let model = format!("MODEL (name marts.extra, kind FULL);\nSELECT {one} AS one\n");
        team.pushes(number, "models/marts/extra.sql", &model);
        done(&team.pull_request("synchronize", number));
    };
    pushed("1");
    assert_eq!(plans(&team).len(), 2);
    // Another account's comment with our marker and state line has no say.
    let body = team.comment();
    team.github.state().comment(number, "mallory", &body);
    pushed("2");
    assert_eq!(plans(&team).len(), 3);
    // A state line that is none any more is begun anew, and the run goes on.
    let damaged = team.comment().replacen("<!-- offshoot:state v1 ", "<!-- offshoot:state v1 @everyone", 1);
    let mut state = team.github.state();
    let ours = state.comments.iter_mut().find(|comment| comment.author == "github-actions[bot]").expect("ours");
    ours.body = damaged;
    drop(state);
    pushed("3");
    assert_eq!(plans(&team), [""; 0]);
    pushed("4");
    assert_eq!(plans(&team).len(), 2);
}
