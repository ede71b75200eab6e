//! The fake GitHub itself: it takes what GitHub's description has, refuses what it has not, and says so when it is dropped.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use super::fake::{FakeGitHub, Pull, TOKEN};

const HEAD: &str = "9f3c2e1000000000000000000000000000000001";

/// Sends a request by hand; gives the status and the body.
fn send(fake: &FakeGitHub, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let host = fake.api().trim_start_matches("http://").to_owned();
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {TOKEN}\r\nuser-agent: test\r\naccept: */*\r\n\
         x-github-api-version: 2022-11-28\r\nconnection: close\r\n{kind}content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = std::net::TcpStream::connect(&host).expect("the fake listens");
    stream.write_all(format!("{head}{body}").as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).expect("JSON"))
}

fn world() -> FakeGitHub {
    let fake = FakeGitHub::start();
    fake.open(Pull::from("feature/fx-rates", HEAD));
    fake
}

#[test]
fn what_github_does_not_describe_is_refused_and_told() {
    let comments = "/repos/acme/shop/issues/142/comments";
    let checks = "/repos/acme/shop/check-runs";
    let check = |more: Value| {
        let mut check = json!({ "name": "x", "head_sha": HEAD });
        check.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        Some(check)
    };
    let place = json!({ "path": "x", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "x" });
    let output = |annotations: Vec<Value>, summary: String| json!({ "title": "x", "summary": summary, "annotations": annotations });
    let cases = [
        ("POST", comments, Some(json!({})), "body"),
        ("POST", comments, Some(json!({ "body": 1 })), "string"),
        ("POST", comments, Some(json!({ "body": "x", "marker": "y" })), "no field `marker`"),
        ("PUT", comments, Some(json!({ "body": "x" })), "not allowed"),
        ("POST", "/repos/acme/shop/issues/comments/1", Some(json!({ "body": "x" })), "not allowed"),
        ("POST", "/repos/acme/shop/issues/comments/1/reactions", Some(json!({ "content": "tick" })), "one of"),
        ("GET", "/repos/acme/shop/pulls?state=opened", None, "`state`"),
        ("GET", "/repos/acme/shop/pulls?per_page=101", None, "`per_page`"),
        ("GET", "/repos/acme/shop/pulls?size=100", None, "no parameter `size`"),
        ("GET", "/repos/acme/shop/pulls/x142", None, "`pull_number`"),
        ("POST", checks, Some(json!({ "name": "x" })), "head_sha"),
        ("POST", checks, check(json!({ "conclusion": "passed" })), "one of"),
        ("POST", checks, check(json!({ "output": output(vec![place.clone(); 51], "x".into()) })), "50"),
        ("POST", checks, check(json!({ "output": output(Vec::new(), "x".repeat(65_536)) })), "65535"),
    ];
    for (method, path, body, word) in cases {
        let fake = world();
        let (status, answer) = send(&fake, method, path, body);
        assert_eq!(status, 422, "{method} {path}: {answer}");
        let told = fake.violations();
        assert!(told.len() == 1 && told[0].contains(word), "{method} {path}: {told:?}");
        assert!(fake.state().comments.is_empty() && fake.state().checks.is_empty(), "nothing is done");
    }
}

#[test]
fn limits_that_the_description_does_not_tell_are_kept() {
    let fake = world();
    let comments = "/repos/acme/shop/issues/142/comments";
    let (status, answer) = send(&fake, "POST", comments, Some(json!({ "body": "x".repeat(65_537) })));
    assert_eq!(status, 422);
    assert_eq!(answer["errors"][0]["message"], "Body is too long (maximum is 65536 characters)");
    let completed = json!({ "name": "x", "head_sha": HEAD, "status": "completed" });
    assert_eq!(send(&fake, "POST", "/repos/acme/shop/check-runs", Some(completed)).0, 422, "without a conclusion");
    assert_eq!(send(&fake, "GET", "/repos/acme/other/pulls", None).0, 404);
}

#[test]
fn what_github_describes_is_taken() {
    let fake = world();
    let (status, comment) = send(&fake, "POST", "/repos/acme/shop/issues/142/comments", Some(json!({ "body": "x" })));
    assert_eq!((status, comment["user"]["login"].as_str()), (201, Some("github-actions[bot]")));
    assert!(comment["user"]["followers_url"].is_string(), "what the fake does not know is made up");
    let (status, pulls) = send(&fake, "GET", "/repos/acme/shop/pulls?state=open&per_page=1", None);
    assert_eq!((status, pulls[0]["number"].as_u64()), (200, Some(142)));
}

#[test]
fn the_fake_does_not_get_away_with_an_answer_that_github_would_not_give() {
    let fake = world();
    let check = json!({ "name": "x", "head_sha": HEAD });
    let (status, made) = send(&fake, "POST", "/repos/acme/shop/check-runs", Some(check));
    assert_eq!(status, 201);
    fake.state().checks[0].status = "sleeping".into();
    let (status, _) = send(&fake, "GET", &format!("/repos/acme/shop/check-runs/{}", made["id"]), None);
    assert_eq!(status, 500);
    let told = fake.violations();
    assert!(told[0].starts_with("our answer to GET") && told[0].contains("`/status`"), "{told:?}");
}

#[test]
#[should_panic(expected = "GitHub's description is broken")]
fn a_test_that_does_not_look_is_told_nevertheless() {
    let fake = world();
    send(&fake, "POST", "/repos/acme/shop/issues/142/comments", Some(json!({})));
}
