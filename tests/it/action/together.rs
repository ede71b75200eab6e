//! The real bot through the action, and what another workflow makes of it.

use std::collections::BTreeMap;
use std::fs;

use super::{Runner, said, step};
use crate::github::fake::{FakeGitHub, HeadRepository, Payload, Pull};
use crate::workflows::Desk;
use crate::world::World;
use crate::yaml_steps::{document, tools};

#[test]
fn a_fork_s_pull_request_goes_from_the_real_bot_through_the_action_to_the_other_workflow_s_comment() {
    if !tools(&["jq", "unzip"]) {
        return;
    }
    let (world, github) = (World::shop(), FakeGitHub::start());
    world.branch();
    let repository = &world.repository;
    let head_repository = HeadRepository::Fork("mallory/shop".into());
    let pull = Pull::from("feature/fx-rates", &repository.sha("HEAD"));
    let number = github.open(Pull { base: repository.sha("main"), head_repository, ..pull });
    repository.checkout(&repository.pull_request(u32::try_from(number.0).expect("small"), "feature/fx-rates"));

    let runner = Runner::new("").with("binary-path", env!("CARGO_BIN_EXE_bot"));
    assert!(runner.install().status.success());
    let mut command = runner.command(&step("Run the bot"));
    command.envs(github.deliver(&Payload::PullRequest { action: "opened", number: number.0 }, runner.folder.path()));
    // The token is the input's, whatever the job has.
    command.env("GITHUB_TOKEN", "ghs_secret").current_dir(repository.path());
    let ran = command.output().expect("bash runs");
    assert!(ran.status.success(), "{}", said(&ran));
    assert!(github.writes().is_empty(), "a fork's token cannot write: {:?}", github.writes());

    let outputs = fs::read_to_string(runner.path("output.txt")).expect("outputs");
    let outputs = heredocs(&outputs);
    let declared = document("action.yml")["outputs"].as_object().expect("outputs").keys().cloned().collect::<Vec<_>>();
    assert_eq!(outputs.keys().cloned().collect::<Vec<_>>(), declared, "all that the action declares, and no other");
    assert_eq!((outputs["state"].as_str(), outputs["built"].as_str()), ("fork_or_read_only", "0"));
    let report = fs::read_to_string(&outputs["report"]).expect("a report");
    assert!(outputs["report"].ends_with("/report.json"), "fork-comment.yml looks for that name");

    let desk = Desk::new();
    desk.report(&report).comment();
    let comment = desk.body().expect("a comment");
    assert!(comment.contains("### Data plan of a fork: 4 models change"), "{comment}");
    assert_eq!(comment.lines().filter(|line| line.starts_with("| `")).count(), 4, "{comment}");
    assert!(comment.contains("| `marts.revenue_in_euro` | added | none |"), "{comment}");
}

/// Outputs as the runner reads them: `name<<END`, the value, `END` (GitHub's documentation, "Multiline strings").
fn heredocs(text: &str) -> BTreeMap<String, String> {
    let mut lines = text.lines();
    let mut outputs = BTreeMap::new();
    while let Some(line) = lines.next() {
        let (name, end) = line.split_once("<<").expect("a heredoc");
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        outputs.insert(name.to_owned(), value.join("\n"));
    }
    outputs
}
