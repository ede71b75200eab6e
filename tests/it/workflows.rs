//! The workflows that this repository runs and shows: what they may never do, and the scripts of those that write.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::lab::lab;
use crate::yaml_steps::{Step, document, root, steps, text, tools, workflows};

fn all() -> Vec<String> {
    let mut all = workflows();
    all.push("action.yml".to_owned());
    all
}

fn source(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("a file of the repository")
}

#[test]
fn no_script_holds_an_expression() {
    for path in all() {
        for step in steps(&path) {
            assert!(!step.script.contains("${{"), "{path}: pass it by `env:`:\n{}", step.script);
        }
    }
}

#[test]
fn every_script_is_bash_that_stops_at_its_first_mistake() {
    for path in all() {
        for step in steps(&path).iter().filter(|step| !step.script.is_empty()) {
            let read = Command::new("bash").args(["-n", "-c", &step.script]).output().expect("bash runs");
            assert!(read.status.success(), "{path}: {}", String::from_utf8_lossy(&read.stderr));
            let is_strict = step.script.starts_with("set -euo pipefail\n");
            assert!(is_strict || step.script.lines().count() <= 4, "{path}: {}", step.script);
        }
    }
}

#[test]
fn every_foreign_action_is_one_commit_with_its_version_beside_it() {
    for path in all() {
        let mut count = 0;
        for line in source(&path).lines().map(|line| line.trim_start().trim_start_matches("- ")) {
            let Some(uses) = line.strip_prefix("uses: ").filter(|uses| !uses.starts_with("./")) else { continue };
            count += 1;
            let (action, comment) = uses.split_once(" # v").unwrap_or_else(|| panic!("{path}: no version: {uses}"));
            let commit = action.split_once('@').expect("a commit").1;
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            assert!(is_commit, "{path}: not a whole commit: {uses}");
            assert!(comment.split('.').count() == 3, "{path}: not an exact version: {uses}");
        }
        let parsed = steps(&path).iter().filter(|step| !step.uses.is_empty() && step.uses != "./").count();
        assert_eq!(count, parsed, "{path}: a `uses:` is written in a way that this test does not read");
    }
}

#[test]
fn one_action_has_one_commit_everywhere() {
    let uses: BTreeSet<String> = all().iter().flat_map(|path| steps(path)).map(|step| step.uses).collect();
    let names: BTreeSet<&str> = uses.iter().filter_map(|uses| Some(uses.split_once('@')?.0)).collect();
    let foreign = uses.iter().filter(|uses| uses.contains('@')).count();
    assert_eq!(names.len(), foreign, "{uses:?}");
}

#[test]
fn the_examples_use_the_release_that_they_stand_in() {
    let own = format!("# v{}", env!("CARGO_PKG_VERSION"));
    for path in workflows().iter().filter(|path| path.starts_with("examples")) {
        for line in source(path).lines().filter(|line| line.contains("uses: OWNER/offshoot@")) {
            assert!(line.ends_with(&own), "{path}: {line}");
        }
    }
}

#[test]
fn every_job_names_its_permissions_and_no_workflow_has_any() {
    for path in workflows() {
        let document = document(&path);
        assert_eq!(document["permissions"], json!({}), "{path}: permissions belong to jobs");
        for (name, job) in document["jobs"].as_object().expect("jobs") {
            let permissions = job["permissions"].as_object().unwrap_or_else(|| panic!("{path}: `{name}` names none"));
            assert!(!permissions.is_empty(), "{path}: `{name}`");
            assert!(job["timeout-minutes"].is_u64(), "{path}: `{name}` may hang for six hours");
        }
    }
}

#[test]
fn the_examples_may_write_no_more_than_they_say() {
    let writes = |path: &str| -> Vec<String> {
        let document = document(path);
        let jobs = document["jobs"].as_object().expect("jobs").values();
        let permissions = jobs.flat_map(|job| job["permissions"].as_object().into_iter().flatten());
        permissions.filter(|(_, level)| *level == "write").map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(writes("examples/workflows/pull-request.yml"), ["checks", "pull-requests"]);
    assert_eq!(writes("examples/workflows/promote.yml"), ["pull-requests"]);
    assert_eq!(writes("examples/workflows/merge-queue.yml"), ["checks"]);
    assert_eq!(writes("examples/workflows/fork-comment.yml"), ["pull-requests"]);
    for none in ["fork-plan", "schedule"] {
        assert!(writes(&format!("examples/workflows/{none}.yml")).is_empty(), "{none}");
    }
    assert!(writes(".github/workflows/ci.yml").is_empty());
}

#[test]
fn no_checkout_leaves_its_token_behind_and_the_bot_sees_the_whole_history() {
    for path in workflows() {
        let steps = steps(&path);
        let uses_bot = |step: &Step| step.uses == "./" || step.uses.starts_with("OWNER/offshoot@");
        for checkout in steps.iter().filter(|step| step.uses.starts_with("actions/checkout@")) {
            assert_eq!(checkout.with.get("persist-credentials").map(String::as_str), Some("false"), "{path}");
            let is_whole = checkout.with.get("fetch-depth").is_some_and(|depth| depth == "0");
            let is_of_example = path.starts_with("examples");
            assert!(is_whole || !is_of_example, "{path}: without history there is nothing to compare with");
        }
        assert!(
            !path.starts_with("examples") || path.ends_with("fork-comment.yml") || steps.iter().any(uses_bot),
            "{path}"
        );
    }
}

#[test]
fn a_stranger_s_code_meets_no_secret_and_no_machine_of_ours() {
    for path in all() {
        let source = source(&path);
        assert!(!source.contains("pull_request_target:"), "{path}");
        assert!(!source.contains("allow-unsafe-pr-checkout"), "{path}");
    }
    for path in ["fork-plan.yml", "fork-comment.yml"].map(|name| format!("examples/workflows/{name}")) {
        assert!(!source(&path).contains("secrets."), "{path}");
        assert!(!source(&path).contains("self-hosted"), "{path}");
    }
    let comment = steps("examples/workflows/fork-comment.yml");
    assert!(comment.iter().all(|step| step.uses.is_empty()), "it checks out and unpacks nothing");
    let plan = &document("examples/workflows/pull-request.yml")["jobs"]["plan"];
    assert!(text(&plan["if"]).contains("github.event.pull_request.head.repo.full_name == github.repository"));
}

#[test]
fn production_has_an_environment_and_its_promotion_is_never_cancelled() {
    let job = &document("examples/workflows/promote.yml")["jobs"]["promote"];
    assert_eq!(job["environment"], "production");
    assert_eq!(job["concurrency"]["cancel-in-progress"], false);
    // A comment in the group of pushes would take the place of one that waits.
    let group = text(&job["concurrency"]["group"]);
    assert!(group.contains("github.event_name == 'issue_comment' && github.run_id"), "{group}");
}

/// In the group of a pull request's plans somebody's label would cancel a plan and put nothing in its place.
#[test]
fn no_label_but_ours_starts_or_stops_a_plan() {
    let document = document("examples/workflows/pull-request.yml");
    let types = document["on"]["pull_request"]["types"].as_array().expect("types");
    assert!(["labeled", "unlabeled"].iter().all(|action| types.contains(&json!(action))), "{types:?}");
    let label = offshoot::event::Label::DiffAll.name();
    let only_ours = format!("(!endsWith(github.event.action, 'labeled') || github.event.label.name == '{label}')");
    let job = &document["jobs"]["plan"];
    for expression in [text(&job["if"]), text(&job["concurrency"]["group"])] {
        assert!(expression.contains(&only_ours), "{expression}");
    }
}

#[test]
fn the_guide_knows_every_input_output_and_example() {
    let guide = source("docs/github-action.md");
    let action = document("action.yml");
    for part in ["inputs", "outputs"] {
        for name in action[part].as_object().expect("a mapping").keys() {
            assert!(guide.contains(&format!("| `{name}` |")), "docs/github-action.md lacks `{name}` of {part}");
        }
    }
    for path in workflows().iter().filter(|path| path.starts_with("examples")) {
        assert!(guide.contains(&format!("../{path}")), "docs/github-action.md lacks {path}");
    }
}

#[test]
fn the_guide_knows_how_a_run_may_end() {
    let code = source("src/report/state.rs");
    let code = code.split_once("fn code(").expect("its codes").1.split_once("\n    }\n").expect("an end").0;
    let codes: Vec<&str> = code.split('"').skip(1).step_by(2).collect();
    assert!(codes.contains(&"fork_or_read_only") && codes.len() > 10, "{codes:?}");
    let guide = source("docs/github-action.md");
    // Nothing ends with `running`.
    for code in codes.iter().filter(|code| **code != "running") {
        assert!(guide.contains(&format!("`{code}`")), "docs/github-action.md lacks the state `{code}`");
    }
}

/// A folder in which `gh` answers from files and writes down what it is asked.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

/// The answers of the real one, by path; a body that is sent is kept.
const GH: &str = r#"#!/bin/bash
printf '%s\n' "$*" >>"$DESK/calls"
case "$*" in
  *--method\ P*) for word in "$@"; do case $word in body=@*) cp "${word#body=@}" "$DESK/body" ;; esac; done ;;
  *--paginate*) cat "$DESK/comments" ;;
  *artifacts/*/zip) cat "$DESK/zip" ;;
  *actions/runs/*) cat "$DESK/artifacts" ;;
  *repos/o/r/pulls\ *) cat "$DESK/pulls" ;;
  "release download"*) cp "$DESK"/drafted/* dist/ ;;
  "attestation verify"* | "release edit"*) ;;
  *) echo "unknown: $*" >&2; exit 1 ;;
esac
"#;

const HEAD: &str = "0123456789012345678901234567890123456789";
const MARKER: &str = "<!-- offshoot:fork-plan -->";

impl Desk {
    pub(crate) fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let desk = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir_all(desk.path("bin")).expect("a folder");
        fs::create_dir_all(desk.path("work")).expect("a folder");
        fs::write(desk.path("bin/gh"), GH).expect("a file");
        fs::set_permissions(desk.path("bin/gh"), fs::Permissions::from_mode(0o755)).expect("permissions");
        desk.answer(
            "pulls",
            &json!([{ "number": 7, "head": { "sha": HEAD } }, { "number": 8, "head": { "sha": "other" } }]),
        );
        desk.answer("artifacts", &json!({ "artifacts": [{ "id": 5, "size_in_bytes": 900, "expired": false }] }));
        desk.answer("comments", &json!([]));
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn answer(&self, name: &str, value: &Value) -> &Self {
        fs::write(self.path(name), value.to_string()).expect("a file");
        self
    }

    pub(crate) fn report(&self, text: &str) -> &Self {
        fs::write(self.path("zip"), zipped(&[("report.json", text)])).expect("a file");
        self
    }

    fn run(&self, script: &str, variables: &[(&str, &str)]) -> Output {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").expect("a PATH"));
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]).current_dir(self.path("work"));
        command.env_clear().env("PATH", path).env("DESK", self.folder.path()).env("RUNNER_TEMP", self.folder.path());
        command.envs(variables.iter().copied()).output().expect("bash runs")
    }

    /// The script of the example, with a branch's name that means harm.
    pub(crate) fn comment(&self) -> String {
        let step = steps("examples/workflows/fork-comment.yml").remove(0);
        let names: Vec<&str> = step.environment.keys().map(String::as_str).collect();
        assert_eq!(names, ["GH_TOKEN", "HEAD_BRANCH", "HEAD_OWNER", "HEAD_SHA", "REPOSITORY", "RUN_ID", "RUN_URL"]);
        let ran = self.run(
            &step.script,
            &[
                ("HEAD_BRANCH", "x\"; touch pwned; \"$(touch pwned)"),
                ("HEAD_OWNER", "stranger"),
                ("HEAD_SHA", HEAD),
                ("REPOSITORY", "o/r"),
                ("RUN_ID", "12"),
                ("RUN_URL", "https://github.invalid/o/r/actions/runs/12"),
            ],
        );
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        assert!(!self.path("work/pwned").exists());
        String::from_utf8(ran.stdout).expect("text")
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }

    pub(crate) fn body(&self) -> Option<String> {
        fs::read_to_string(self.path("body")).ok()
    }
}

/// A zip archive of stored files (PKWARE's APPNOTE.TXT, 4.3.6).
fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let size = u32::try_from(text.len()).expect("small").to_le_bytes();
        let start = u32::try_from(archive.len()).expect("small").to_le_bytes();
        let length = u16::try_from(name.len()).expect("short").to_le_bytes();
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 33, 0][..], &checked(text.as_bytes()), &size, &size, &length, &[0, 0]];
        archive.extend([&b"PK\x03\x04"[..], &common.concat(), name.as_bytes(), text.as_bytes()].concat());
        directory.extend([&b"PK\x01\x02\x14\x00"[..], &common.concat(), &[0; 10], &start, name.as_bytes()].concat());
    }
    let count = u16::try_from(files.len()).expect("few").to_le_bytes();
    let [size, start] =
        [directory.len(), archive.len()].map(|number| u32::try_from(number).expect("small").to_le_bytes());
    let end = [&b"PK\x05\x06\x00\x00\x00\x00"[..], &count, &count, &size, &start, &[0, 0]].concat();
    [archive, directory, end].concat()
}

/// CRC-32 of ISO 3309, as zip has it.
fn checked(bytes: &[u8]) -> [u8; 4] {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
    }
    (!sum).to_le_bytes()
}

#[test]
fn a_fork_s_report_becomes_a_comment_in_our_words() {
    if !tools(&["jq", "unzip"]) {
        return;
    }
    let world = lab(&[("models/a.sql", "MODEL (name shop.a, kind FULL);\nSELECT 1 AS id")]);
    world.repository.branch("feature");
    crate::lab::edit(
        &world,
        &[
            ("models/a.sql", "MODEL (name shop.a, kind FULL);\nSELECT 2 AS id"),
            ("models/b.sql", "MODEL (name shop.b, kind FULL);\nSELECT id FROM shop.a"),
        ],
    );
    let plan = world.done(&["plan", "--format", "json"]).stdout;
    let desk = Desk::new();
    desk.report(&plan).comment();
    let expected = format!(
        "{MARKER}\n### Data plan of a fork: 2 models change\n\n1 added, 1 modified, 0 indirect, 0 metadata, 0 removed\n\n\
         | model | change | category |\n|---|---|---|\n| `shop.a` | modified | breaking |\n| `shop.b` | added | none |\n\n\
         Computed by [the run of the fork](https://github.invalid/o/r/actions/runs/12) at `{HEAD}`, from the files alone: \
         nothing was built. Its figures are the word of the fork; whoever merges should plan the branch in this repository.\n"
    );
    assert_eq!(desk.body().expect("a comment"), expected);
    assert!(desk.calls().contains("--method POST repos/o/r/issues/7/comments"), "{}", desk.calls());
    assert!(desk.calls().contains("head=stranger:x\"; touch pwned; \"$(touch pwned)"), "the branch is one value");
}

#[test]
fn nothing_of_a_hostile_report_gets_into_the_comment() {
    if !tools(&["jq", "unzip"]) {
        return;
    }
    let model = |name: Value| json!({ "name": name, "change": "added", "category": "none" });
    let names = [
        json!("@org/all"),
        json!("a`|b"),
        json!("a\n# Merge this"),
        json!("shop.a\n"),
        json!("<img src=x>"),
        json!("a".repeat(121)),
        json!(["shop.a"]),
        json!({ "a": 1 }),
        json!(null),
        json!(17),
        json!("a..b"),
        json!("é.b"),
    ];
    let mut models: Vec<Value> = names.map(model).into();
    models.push(json!({ "name": "shop.a", "change": "added | @org/all", "category": "none" }));
    models.extend((0..60).map(|number| model(json!(format!("shop.m{number}")))));
    let summary = json!({
        "added": "@org/all", "modified": -1, "indirect": 1e300, "metadata": 2.9, "removed": [1], "more": "@org/all"
    });
    let desk = Desk::new();
    desk.report(&json!({ "summary": summary, "models": models, "environment": "@org/all" }).to_string()).comment();
    let body = desk.body().expect("a comment");
    assert!(
        body.starts_with(&format!(
            "{MARKER}\n### Data plan of a fork: 2 models change\n\n0 added, 0 modified, 0 indirect, 2 metadata"
        )),
        "{body}"
    );
    assert!(!body.contains('@') && !body.contains("Merge this") && !body.contains("img"), "{body}");
    assert_eq!(body.lines().filter(|line| line.starts_with("| `shop.m")).count(), 50, "{body}");
    assert!(!body.contains("| `shop.a`") && body.contains("\nand 10 more\n"), "{body}");
}

#[test]
fn what_is_no_report_is_not_commented_on() {
    if !tools(&["jq", "unzip"]) {
        return;
    }
    let deep = "[".repeat(200_000);
    for report in ["", "no JSON", "[]", "7", "{\"summary\": 1}", "{\"summary\": {}, \"models\": [1]}", &deep] {
        let desk = Desk::new();
        let said = desk.report(report).comment();
        assert!(said.contains("nothing is written: the report is not the JSON"), "{said}");
        assert_eq!(desk.body(), None);
    }
    let desk = Desk::new();
    fs::write(desk.path("zip"), zipped(&[("../../report.json", "{}"), ("other.json", "{}")])).expect("a file");
    assert!(desk.comment().contains("nothing is written"));
    assert!(!desk.path("report.json").exists() && !desk.path("work/other.json").exists(), "nothing is unpacked");
    fs::write(desk.path("zip"), "no archive").expect("a file");
    assert!(desk.comment().contains("nothing is written"));
}

#[test]
fn a_second_report_replaces_the_comment_that_is_ours() {
    if !tools(&["jq", "unzip"]) {
        return;
    }
    let comment = |id: u32, login: &str, body: &str| json!({ "id": id, "user": { "login": login }, "body": body });
    let desk = Desk::new();
    let first = json!([
        comment(1, "stranger", MARKER),
        comment(2, "github-actions[bot]", "a word about <!-- offshoot:fork-plan -->")
    ]);
    let second = json!([comment(3, "github-actions[bot]", &format!("{MARKER}\nan old plan"))]);
    fs::write(desk.path("comments"), format!("{first}{second}")).expect("a file");
    desk.report("{\"summary\": {}, \"models\": []}").comment();
    assert!(desk.calls().contains("--method PATCH repos/o/r/issues/comments/3 "), "{}", desk.calls());
    assert!(desk.body().expect("a comment").contains("0 models change"));
}

#[test]
fn a_report_that_nobody_can_place_is_left_alone() {
    if !tools(&["jq", "unzip"]) {
        return;
    }
    let pull_request = |number: u32| json!({ "number": number, "head": { "sha": HEAD } });
    let artifact =
        |size: u64, expired: bool| json!({ "artifacts": [{ "id": 5, "size_in_bytes": size, "expired": expired }] });
    for (file, answer, reason) in [
        ("pulls", json!([]), "no open pull request"),
        ("pulls", json!([pull_request(7), pull_request(8)]), "several pull requests"),
        ("artifacts", json!({ "artifacts": [] }), "no report of at most 1 MiB"),
        ("artifacts", artifact(1_048_577, false), "no report of at most 1 MiB"),
        ("artifacts", artifact(1, true), "no report of at most 1 MiB"),
    ] {
        let desk = Desk::new();
        let said = desk.report("{\"summary\": {}, \"models\": []}").answer(file, &answer).comment();
        assert!(said.contains(reason), "{said}");
        assert_eq!(desk.body(), None);
        assert!(!desk.calls().contains("/zip"), "{}", desk.calls());
    }
}

#[test]
fn a_release_is_published_only_if_its_tag_knows_every_archive() {
    let step = steps(".github/workflows/release.yml").into_iter().find(|step| step.script.contains("release edit"));
    let script = step.expect("a step that publishes").script;
    let version = env!("CARGO_PKG_VERSION");
    let names = ["a", "b"].map(|target| format!("offshoot-{version}-{target}.tar.gz"));
    // SHA-256 of "one" and of "two".
    let sums = [
        "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
        "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3",
    ];
    let listed = format!("# a comment\n{}  {}\n{}  {}\n", sums[0], names[0], sums[1], names[1]);
    let publish = |drafted: &[(&str, &str)], tag: &str| {
        let desk = Desk::new();
        fs::create_dir(desk.path("drafted")).expect("a folder");
        for (name, text) in drafted {
            fs::write(desk.path("drafted").join(name), text).expect("a file");
        }
        fs::write(desk.path("work/checksums.txt"), &listed).expect("a file");
        fs::copy(root().join("Cargo.toml"), desk.path("work/Cargo.toml")).expect("a copy");
        let ran = desk.run(&script, &[("GITHUB_REF_NAME", tag), ("GITHUB_REPOSITORY", "o/r")]);
        let is_published = desk.calls().contains(&format!("release edit v{version} --draft=false"));
        assert_eq!(ran.status.success(), is_published, "{}", String::from_utf8_lossy(&ran.stderr));
        is_published
    };
    let tag = format!("v{version}");
    let both = [(names[0].as_str(), "one"), (names[1].as_str(), "two")];
    assert!(publish(&both, &tag));
    assert!(!publish(&both, "v9.9.9"));
    assert!(!publish(&both[..1], &tag), "one is missing");
    assert!(!publish(&[both[0], (&names[1], "three")], &tag), "one is another");
    assert!(!publish(&[both[0], both[1], ("more.tar.gz", "one")], &tag), "one is not listed");
}
