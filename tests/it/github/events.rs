//! What events mean: the official payloads, those that the official ones lack, and hostile ones.

use std::collections::BTreeMap;
use std::path::Path;

use offshoot::event::{self, Event};
use offshoot::ids::RefName;
use serde_json::{Value, json};

use super::fake::{FakeGitHub, Payload, Pull};

/// All payloads of `fixtures/github/events`, with the event's name.
fn payloads() -> BTreeMap<String, (String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/github/events");
    let entries = std::fs::read_dir(folder).expect("the payloads").map(|entry| entry.expect("an entry").path());
    let read = |path: &Path| {
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let name = stem.split('.').next().expect("a name").to_owned();
        (stem, (name, std::fs::read_to_string(path).expect("a payload")))
    };
    entries.map(|path| read(&path)).collect()
}

#[test]
fn every_payload_means_what_it_should() {
    let lines = payloads().into_iter().map(|(stem, (name, payload))| {
        let event = event::read(&name, &payload).unwrap_or_else(|problem| panic!("{stem}: {problem:?}"));
        match event {
            Event::Nothing { why } => format!("{stem}: nothing: {why}\n"),
            event => format!("{stem}: {event:#?}\n"),
        }
    });
    insta::assert_snapshot!(lines.collect::<String>());
}

#[test]
fn a_field_too_few_or_of_another_kind_is_a_problem_and_no_panic() {
    let mut refused = 0;
    for (stem, (name, payload)) in payloads() {
        let whole: Value = serde_json::from_str(&payload).expect("JSON");
        for place in places(&whole, String::new()) {
            for other in
                [Value::Null, json!(-1), json!(""), json!("\u{202e}`::error::"), json!([]), json!({}), json!(true)]
            {
                let mut changed = whole.clone();
                *changed.pointer_mut(&place).expect("a place") = other;
                if let Err(problem) = event::read(&name, &changed.to_string()) {
                    refused += 1;
                    assert_eq!((problem.code, problem.help.is_some()), ("event-payload", true), "{stem} {place}");
                    assert!(!problem.message.contains(['\u{202e}', '\n']), "{}", problem.message);
                }
            }
        }
    }
    assert!(refused > 1_000, "{refused}");
}

/// The pointers of all values inside.
fn places(value: &Value, at: String) -> Vec<String> {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (format!("{at}/{name}"), value)).collect(),
        Value::Array(all) => all.iter().enumerate().map(|(index, value)| (format!("{at}/{index}"), value)).collect(),
        _ => Vec::new(),
    };
    let mut all: Vec<String> = inside.iter().map(|(place, _)| place.clone()).collect();
    all.extend(inside.into_iter().flat_map(|(place, value)| places(value, place)));
    all
}

#[test]
fn what_is_no_json_is_told_with_its_place() {
    let problem = event::read("push", "{\n  \"ref\": refs/heads/main\n}").expect_err("no JSON");
    assert_eq!((problem.line, problem.column), (Some(2), Some(10)));
    assert_eq!(problem.message, "the payload of `push` is not what GitHub sends: expected value");
    let problem = event::read("pull_request", "{\"action\": \"opened\"}").expect_err("too little");
    assert_eq!(problem.message, "the payload of `pull_request` is not what GitHub sends: missing field `pull_request`");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(event::read("push", &deep).is_err(), "no stack is deep enough for this");
    let problem = event::read("push", &" ".repeat(26 * 1024 * 1024)).expect_err("too large");
    assert!(problem.message.contains("27262976 bytes"), "{}", problem.message);
}

#[test]
fn events_with_a_stranger_s_code_and_our_token_are_left_alone() {
    for name in ["pull_request_target", "workflow_run", "x`\n::error::", ""] {
        let event = event::read(name, "not even JSON").expect("nothing");
        let Event::Nothing { why } = event else { panic!("{event:?}") };
        assert!(!why.to_string().contains('\n'), "{why}");
    }
}

#[test]
fn a_branch_that_is_called_like_a_reference_is_not_main() {
    let (_, payload) = payloads().remove("pull_request.opened").expect("a payload");
    let mut payload: Value = serde_json::from_str(&payload).expect("JSON");
    payload["pull_request"]["head"]["ref"] = json!("refs/heads/master");
    let event = event::read("pull_request", &payload.to_string()).expect("an event");
    let Event::PullRequest { pull_request, .. } = event else { panic!("{event:?}") };
    assert_eq!(pull_request.head.branch, RefName::new("refs/heads/refs/heads/master"));
}

#[test]
fn the_fake_tells_of_its_own_state() {
    let fake = FakeGitHub::start();
    let head = "9f3c2e1000000000000000000000000000000001";
    let number = fake.open(Pull::from("feature/fx-rates", head));
    let id = fake.state().comment(number, "ada", "/bot promote");
    let payloads = [
        Payload::PullRequest { action: "synchronize", number: number.0 },
        Payload::Label { action: "unlabeled", number: number.0, label: "bot:diff-all" },
        Payload::NewBase { number: number.0, before: "develop" },
        Payload::Push { branch: "main".into(), before: None },
        Payload::MergeGroup { head: head.into(), base: head.into() },
        Payload::Comment { action: "created", id },
        Payload::Delete { branch: "feature/fx-rates".into() },
        Payload::Schedule,
        Payload::Dispatch { actor: "ada".into() },
    ];
    let folder = tempfile::tempdir().expect("a folder");
    for payload in payloads {
        let variables: BTreeMap<_, _> = fake.deliver(&payload, folder.path()).into_iter().collect();
        let text = std::fs::read_to_string(&variables["GITHUB_EVENT_PATH"]).expect("a payload");
        let event = event::read(&variables["GITHUB_EVENT_NAME"], &text).expect("an event");
        assert!(!matches!(event, Event::Nothing { .. }), "{payload:?}: {event:?}");
    }
}
