//! Production was rolled back: pull requests are told, the queue and the push of what was rolled back hear a no, a fix passes.

use offshoot::error::Exit;

use super::{Team, done};
use crate::github::fake::Payload;
use crate::world::{Ran, World};

const LOW_STOCK: &str = "models/marts/low_stock.sql";
/// Ends a table row and a line, names people, and is code in Markdown.
const WHY: &str = "too | many `x` <img src=x> @org/team\n* one";

/// The shop, promoted, with a mistake that was promoted too and rolled back.
fn team() -> Team {
    let world = World::shop();
    world.repository.git(&["config", "user.name", "Ada"]);
    let team = Team::of(world);
    let repository = &team.world.repository;
    repository.edit(LOW_STOCK, "< 10", "< 12");
    team.pushes_to_main(&repository.commit("a mistake"));
    team.world.done(&["promote"]);
    team.world.done(&["rollback", "--why", WHY]);
    team
}

fn group(team: &Team) -> Ran {
    let (head, base) = (team.world.repository.sha("HEAD"), team.world.repository.sha("main"));
    team.github.state().pulls_of.insert(head.clone(), Vec::new());
    team.event(&Payload::MergeGroup { head, base })
}

fn tables(world: &World) -> String {
    world.value("SELECT count(*) FROM duckdb_tables() WHERE starts_with(schema_name, 'offshoot__')")
}

#[test]
fn a_pull_request_is_told_who_holds_production_and_why_once_and_harmlessly() {
    let team = team();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let comment = team.comment();
    let told = "`prod` is held: Ada rolled it back from entry 2 to entry 1 on 2026-04-01 00:00:00: too &#124; many `x`";
    assert_eq!(comment.matches(told).count(), 1, "{comment}");
    let alert = comment.lines().skip_while(|line| *line != "> [!WARNING]").nth(1).expect("an alert");
    assert!(alert.contains(told) && alert.contains("`bot promote --release`"), "{alert}");
    assert!(!comment.contains("<img") && !comment.contains("@org") && !comment.contains("\n* one"), "{comment}");
    assert!(team.has_environment(), "it is built all the same");
    assert_eq!(team.check().1, "success", "it is no mistake of the branch");
    assert!(comment.contains("low_stock"), "what main has and production does not is drift: {comment}");
}

#[test]
fn the_queue_lets_nothing_in_that_promote_would_refuse() {
    let team = team();
    let number = team.opens();
    let before = tables(&team.world);
    let ran = group(&team);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("title=refused::"), "{}", ran.stderr);
    let (title, conclusion) = team.check();
    assert_eq!(conclusion, "failure");
    assert!(
        title.contains("`prod` is held: Ada rolled it back") && title.contains("`marts.low_stock` is again"),
        "{title}"
    );
    assert_eq!(tables(&team.world), before, "nothing is built for it");
    team.pushes(number, LOW_STOCK, &team.world.repository.read(LOW_STOCK).replace("< 12", "< 11"));
    assert_eq!(group(&team).exit, Exit::Done);
    assert_eq!(team.check().1, "success", "a fix passes");
}

#[test]
fn a_push_of_what_was_rolled_back_is_refused_and_a_fix_ends_the_hold() {
    let team = team();
    let ran = team.event(&Payload::Push { branch: "main".into(), before: None });
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("`prod` is held: Ada rolled it back"), "{}", ran.stderr);
    let number = team.opens();
    team.pushes(number, LOW_STOCK, &team.world.repository.read(LOW_STOCK).replace("< 12", "< 11"));
    team.merges(number);
    let ran = team.event(&Payload::Push { branch: "main".into(), before: None });
    done(&ran);
    assert!(ran.stdout.contains("promoted"), "{}", ran.stdout);
    assert!(team.comment().contains("### ✅ Promoted"), "{}", team.comment());
    let shown = team.world.done(&["env", "show", "prod", "--format", "json"]).json();
    assert_eq!(shown["hold"], serde_json::Value::Null);
    let newest = &shown["history"][0];
    assert!(newest["run"].as_str().expect("a run").contains("/actions/runs/"), "{newest}");
    assert_eq!((&newest["kind"], newest["who"].is_string()), (&"promote".into(), true));
}
