//! `before_all` of a pull request: it never runs there, and nothing is built that was made for it.

use super::{Team, done};
use crate::github::fake::Payload;
use crate::lab::{CONFIG, lab};

const BASE: &str = "MODEL (name s.base, kind FULL);\nSELECT 1 AS id";

fn config(value: u32) -> String {
    format!("{CONFIG}before_all:\n  - CREATE OR REPLACE MACRO f() AS {value}\n")
}

fn group(team: &Team) {
    let (head, base) = (team.world.repository.sha("HEAD"), team.world.repository.sha("main"));
    team.github.state().pulls_of.insert(head.clone(), Vec::new());
    team.event(&Payload::MergeGroup { head, base });
}

#[test]
fn a_pull_request_with_another_before_all_is_built_only_where_it_changes_nothing_else() {
    let team = Team::of(lab(&[("config.yaml", &config(1)), ("models/base.sql", BASE)]));
    let number = team.proposes(&[("config.yaml", &config(2))]);
    done(&team.pull_request("opened", number));
    assert_eq!(team.check().1, "success", "{}", team.comment());
    group(&team);
    assert_eq!(team.check().1, "success");
    assert_eq!(team.world.value("SELECT f()"), "1");
    team.pushes(number, "models/base.sql", "MODEL (name s.base, kind FULL);\nSELECT f() + 1 AS id");
    team.pull_request("synchronize", number);
    assert_eq!(team.check().1, "failure");
    assert!(team.comment().contains("is not what production was promoted with"), "{}", team.comment());
    group(&team);
    assert_eq!(team.check().1, "failure");
    assert_eq!(team.world.value("SELECT f()"), "1");
    assert_eq!(team.world.views(), ["s.base"]);
    team.merges(number);
    done(&team.event(&Payload::Push { branch: "main".into(), before: None }));
    assert_eq!(team.world.value("SELECT id FROM s.base"), "3");
}
