//! What reaches the bot, and that nothing of it becomes code on the way.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{RECORDING_BOT, Runner, assert_refused, asset, files, said, step};
use crate::yaml_steps::tools;

/// Texts that become code where somebody pastes them into a script, an argument list, a URL, an output or a log.
const HOSTILE: &[&str] = &[
    "x\"; touch pwned; \"",
    "x'; touch pwned; '",
    "$(touch pwned)",
    "`touch pwned`",
    "--output=pwned",
    "../../pwned",
    "0.1.0\nbinary=/bin/false",
    "0.1.0\n::error::forged",
    "0.1.0\r::error::forged",
    "a\n::set-env name=BASH_ENV::pwned\nb",
    "*",
    "%0A::error::forged",
    "-",
    "a b\tc",
    "file:///dev/null -o pwned file:///dev/null file:///dev/null",
];

#[test]
fn no_input_becomes_code_whoever_wrote_it() {
    if !tools(&["curl"]) {
        return;
    }
    let names: Vec<String> = Runner::new("").inputs.into_keys().collect();
    for name in &names {
        for hostile in HOSTILE {
            let runner = Runner::new(&format!("{}  {}\n", "0".repeat(64), asset()));
            let own = runner.program("own", RECORDING_BOT);
            let mirror = runner.path("mirror").display().to_string();
            let is_download = matches!(name.as_str(), "version" | "download-url");
            let runner = runner.with("download-url", &format!("file://{mirror}"));
            let runner = if is_download { runner } else { runner.with("binary-path", &own) }.with(name, hostile);
            let installed = runner.install();
            // The second script is tried whatever the first one says.
            fs::write(runner.path("output"), format!("binary={own}\n")).expect("a file");
            let ran = runner.run("Run the bot");
            let (installed, ran) = (said(&installed), said(&ran));
            let is_pwned = |path: &PathBuf| path.file_name().is_some_and(|file| file == "pwned");
            let left = files(runner.folder.path());
            assert!(!left.iter().any(is_pwned), "`{name}` {hostile:?}: {left:?}");
            for line in installed.split(['\n', '\r']).chain(ran.split(['\n', '\r'])) {
                assert!(
                    !line.starts_with("::") || line.starts_with("::error title=Offshoot::"),
                    "`{name}` {hostile:?}: {installed}{ran}"
                );
            }
        }
    }
}

#[test]
fn no_input_writes_an_output_of_its_own() {
    for name in ["project", "gateway", "github-token"] {
        let runner = Runner::with_binary(RECORDING_BOT).with(name, "x\nbinary=/bin/false\ncache-key=poison");
        let ran = runner.all();
        assert!(ran.status.success(), "{}", said(&ran));
        assert_eq!(runner.output("binary"), runner.path("own/bot").display().to_string());
        assert!(runner.output("cache-key").starts_with("offshoot-plan-Linux-X64-"));
    }
}

#[test]
fn inputs_reach_the_bot_as_they_were_written() {
    let project = "x\"; touch pwned; \"$(touch pwned)\n--help";
    let runner = Runner::with_binary(RECORDING_BOT).with("project", project).with("gateway", "--version");
    let ran = runner.all();
    assert!(ran.status.success(), "{}", said(&ran));
    let arguments = runner.recorded("own", "arguments");
    let [ci, own_project, report, gateway] = &arguments[..] else { panic!("{arguments:?}") };
    assert_eq!((ci.as_str(), gateway.as_str()), ("ci", "--gateway=--version"));
    assert_eq!(own_project, &format!("--project={project}"));
    let report = report.strip_prefix("--report=").expect("a report");
    assert!(report.starts_with(&runner.path("temp").display().to_string()) && report.ends_with("/report.json"));
    assert!(Path::new(report).parent().is_some_and(Path::is_dir), "the report's folder is there");
    let environment = runner.recorded("own", "environment");
    let cache = format!("OFFSHOOT_CACHE_DIR={}", runner.path("temp/offshoot-cache").display());
    assert!(environment.contains(&"GITHUB_TOKEN=ghs_secret".to_owned()) && environment.contains(&cache));
    assert_eq!(runner.output("state"), "static", "the bot writes the outputs");
}

#[test]
fn defaults_ask_for_the_root_and_the_gateway_of_the_config() {
    let runner = Runner::with_binary(RECORDING_BOT).with("cache", "false");
    assert!(runner.all().status.success());
    let arguments = runner.recorded("own", "arguments");
    assert_eq!(arguments[..2], ["ci", "--project=."]);
    assert_eq!(arguments.len(), 3, "{arguments:?}");
    assert!(runner.recorded("own", "environment").contains(&"OFFSHOOT_CACHE_DIR=".to_owned()));
}

#[test]
fn a_failing_bot_fails_the_step_with_its_own_code() {
    for code in [1, 2] {
        let runner = Runner::with_binary(&format!("#!/bin/bash\nexit {code}\n"));
        assert_eq!(runner.all().status.code(), Some(code));
    }
}

#[test]
fn the_bot_is_the_process_that_a_cancelled_job_sends_its_signals_to() {
    let bot = "#!/bin/bash\nexec 3<&0\ncat <&3 >/dev/null &\ntrap 'kill %1; echo \"heard $1\"; exit 7' INT TERM\n\
               echo \"ready $$\"\nwait\nexit 9\n";
    for signal in ["-INT", "-TERM"] {
        let runner = Runner::with_binary(bot);
        assert!(runner.install().status.success());
        let mut command = runner.command(&step("Run the bot"));
        // A pipe that stays open: what the bot waits for ends at the latest with this test.
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let ready = lines.next().expect("a line").expect("text");
        assert_eq!(ready, format!("ready {}", child.id()), "the bot has the place of the shell");
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill is there");
        assert!(sent.success());
        assert_eq!(lines.next().expect("a line").expect("text"), "heard ci");
        assert_eq!(child.wait().expect("its status").code(), Some(7));
    }
}

#[test]
fn a_binary_of_ones_own_must_lie_outside_of_what_a_branch_can_write() {
    let refused =
        |path: &str, expected: &[&str]| assert_refused(&Runner::new("").with("binary-path", path).install(), expected);
    refused("bin/bot", &["`binary-path` is bin/bot;", "absolute path", "any branch"]);
    refused("/nowhere/bot", &["/nowhere/bot", "a program there"]);
    refused("/tmp", &["a program there"]);
    refused("/tmp/a\nbinary=/bin/false", &["without control characters"]);
    let runner = Runner::new("");
    fs::write(runner.path("text"), "no program").expect("a file");
    let path = runner.path("text").display().to_string();
    assert_refused(&runner.with("binary-path", &path).install(), &["may execute"]);
}

#[test]
fn the_path_of_a_binary_is_no_code_either() {
    let runner = Runner::new("");
    let path = runner.program("x\"; touch pwned; \"$(touch pwned)", RECORDING_BOT);
    let runner = runner.with("binary-path", &path);
    let ran = runner.all();
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(runner.output("binary"), path);
    assert!(!files(runner.folder.path()).iter().any(|path| path.ends_with("pwned")));
}
