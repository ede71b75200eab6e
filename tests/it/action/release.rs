//! How a release is fetched: checked, kept, and never with the token.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;

use super::{Runner, assert_refused, asset, files, said, sha256};
use crate::yaml_steps::{document, root, text, tools};

#[test]
fn a_release_is_downloaded_checked_and_kept() {
    if !tools(&["curl"]) {
        return;
    }
    let runner = Runner::new("");
    let checksum = runner.archive("mirror", &asset());
    let checksums =
        format!("# a comment\n{}  {}\n{checksum}  {}", "0".repeat(64), asset().replace("x86_64", "aarch64"), asset());
    fs::write(runner.path("action/checksums.txt"), checksums).expect("a file");
    let mirror = format!("file://{}/", runner.path("mirror").display());
    let runner = runner.with("download-url", &mirror);
    let ran = runner.all();
    assert!(ran.status.success(), "{}", said(&ran));
    let binary = PathBuf::from(runner.output("binary"));
    assert!(binary.starts_with(runner.path("temp")), "what runs lies where only this job writes");
    assert_eq!(runner.output("cache-key")[..40], format!("offshoot-plan-Linux-X64-{}", &checksum[..16])[..40]);

    let kept = runner.path("tools/offshoot").join(env!("CARGO_PKG_VERSION")).join(asset());
    assert_eq!(files(&runner.path("tools")), std::slice::from_ref(&kept), "nothing else is left there");
    fs::rename(runner.path("mirror"), runner.path("gone")).expect("ours");
    assert!(runner.all().status.success(), "the kept one is taken");

    fs::write(&kept, "another job was here").expect("a file");
    assert_refused_download(&runner.install());
    fs::rename(runner.path("gone"), runner.path("mirror")).expect("ours");
    assert!(runner.all().status.success(), "one that was touched is downloaded anew");
    assert_eq!(sha256(&kept), checksum);
}

/// curl says why on stderr, then the step says what to do.
#[track_caller]
fn assert_refused_download(output: &Output) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{stdout}");
    assert!(stdout.starts_with("::error title=Offshoot::cannot download "), "{stdout}");
    assert!(stdout.contains("`download-url`"), "{stdout}");
}

#[test]
fn an_archive_with_another_checksum_is_thrown_away() {
    if !tools(&["curl"]) {
        return;
    }
    let expected = "a".repeat(64);
    let runner = Runner::new(&format!("{expected}  {}\n", asset()));
    let found = runner.archive("mirror", &asset());
    let mirror = format!("file://{}", runner.path("mirror").display());
    let runner = runner.with("download-url", &mirror);
    assert_refused(&runner.install(), &[&found, &expected, "thrown away"]);
    assert!(files(&runner.path("tools")).is_empty(), "nothing is left");
    assert_eq!(runner.output("binary"), "");
}

#[test]
fn the_token_never_goes_to_where_the_archive_comes_from() {
    if !tools(&["curl"]) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut request = Vec::new();
        let mut buffer = [0; 1024];
        while !request.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut buffer).expect("bytes");
            request.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").expect("sent");
        String::from_utf8(request).expect("text")
    });
    let runner = Runner::new(&format!("{}  {}\n", "a".repeat(64), asset()))
        .with_variable("GITHUB_TOKEN", "ghs_secret")
        .with("download-url", &format!("http://{address}/mirror"));
    let refused = runner.install();
    assert_refused_download(&refused);
    assert!(!said(&refused).contains("ghs_secret"));
    let request = server.join().expect("a request");
    assert!(request.starts_with(&format!("GET /mirror/{} HTTP/1.1\r\n", asset())), "{request}");
    assert!(!request.contains("ghs_secret") && !request.to_lowercase().contains("authorization"), "{request}");
}

#[test]
fn without_a_checksum_nothing_is_downloaded() {
    let runner = Runner::new("# There is no release yet.\n").with("download-url", "http://127.0.0.1:1");
    assert_refused(&runner.install(), &["has no checksum for", &asset(), "nothing was downloaded", "`binary-path`"]);
    let damaged = Runner::new(&format!("{}  {}\n", "a".repeat(63), asset()));
    assert_refused(&damaged.install(), &["has no checksum for"]);
}

#[test]
fn a_runner_without_a_release_is_told_so() {
    for (system, machine) in [("Windows", "X64"), ("macOS", "X64"), ("Linux", "ARM"), ("x\n::error::y", "X64")] {
        let runner = Runner::new("").with_variable("RUNNER_OS", system).with_variable("RUNNER_ARCH", machine);
        assert_refused(
            &runner.install(),
            &["there is no release for", machine, "Linux on X64 and ARM64", "`binary-path`"],
        );
    }
}

#[test]
fn a_version_is_exact() {
    for version in ["latest", "v0.1.0", "0.1", "", "0.1.0/../../evil", "0.1.0\n", "^0.1.0"] {
        assert_refused(&Runner::new("").with("version", version).install(), &["`version` is ", "an exact release"]);
    }
    // The runner would read `%0A` as the end of a line.
    assert_refused(&Runner::new("").with("version", "0%0A").install(), &["`version` is 0%250A;"]);
    assert_refused(&Runner::new("").with("version", "0.2.0-rc.1").install(), &["offshoot-0.2.0-rc.1-x86_64"]);
    assert_refused(&Runner::new("").with("cache", "yes").install(), &["`cache` is yes", "`true` or `false`"]);
}

#[test]
fn the_action_is_of_the_release_that_it_stands_in() {
    assert_eq!(text(&document("action.yml")["inputs"]["version"]["default"]), env!("CARGO_PKG_VERSION"));
    let checksums = fs::read_to_string(root().join("checksums.txt")).expect("checksums.txt");
    for line in checksums.lines().filter(|line| !line.starts_with('#')) {
        let (checksum, name) = line.split_once("  ").expect("as sha256sum prints it");
        assert!(
            checksum.len() == 64 && checksum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{line}"
        );
        assert!(name.starts_with("offshoot-") && name.ends_with(".tar.gz"), "{line}");
    }
}
