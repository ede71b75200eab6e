//! `action.yml` as a runner runs it: each script is cut out and run under bash, with inputs of those who mean harm.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::github::fake::{FakeGitHub, HeadRepository, Payload, Pull};
use crate::workflows::Desk;
use crate::world::World;
use crate::yaml_steps::{Step, document, root, steps, text, tools};

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

/// Writes down how it was called, beside itself.
const RECORDING_BOT: &str = "#!/bin/bash\nfolder=${0%/*}\nprintf '%s\\0' \"$@\" >\"$folder/arguments\"\nenv -0 >\"$folder/environment\"\nprintf 'state=static\\n' >>\"$GITHUB_OUTPUT\"\n";

/// A machine with one job on it.
struct Runner {
    folder: tempfile::TempDir,
    inputs: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

impl Runner {
    /// One with the defaults of `action.yml`, whose checksums are these lines.
    fn new(checksums: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["work", "temp", "tools", "action", "home"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        fs::write(folder.path().join("action/checksums.txt"), checksums).expect("a file");
        let document = document("action.yml");
        let inputs = document["inputs"].as_object().expect("inputs");
        let inputs = inputs.iter().map(|(name, input)| (name.clone(), text(&input["default"]))).collect();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let variables = [
            ("PATH", std::env::var("PATH").expect("a PATH")),
            ("HOME", path("home")),
            ("RUNNER_OS", "Linux".to_owned()),
            ("RUNNER_ARCH", "X64".to_owned()),
            ("RUNNER_TEMP", path("temp")),
            ("RUNNER_TOOL_CACHE", path("tools")),
            ("GITHUB_SERVER_URL", "https://github.invalid".to_owned()),
            ("GITHUB_OUTPUT", path("output")),
            // Whatever a hostile URL names, nobody outside of this machine is asked.
            ("all_proxy", "http://127.0.0.1:1".to_owned()),
            ("no_proxy", "127.0.0.1".to_owned()),
            ("GITHUB_HEAD_REF", "x\"; touch pwned; \"$(touch pwned)".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        Self { inputs, variables, folder }.with("github-token", "ghs_secret")
    }

    fn with(mut self, input: &str, value: &str) -> Self {
        assert!(self.inputs.insert(input.to_owned(), value.to_owned()).is_some(), "there is no input `{input}`");
        self
    }

    fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// As [`Runner::new`], with a program in place of a release.
    fn with_binary(program: &str) -> Self {
        let runner = Self::new("");
        let path = runner.program("own", program);
        runner.with("binary-path", &path)
    }

    /// Writes a program into a folder of its own.
    fn program(&self, folder: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = self.path(folder);
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("bot");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
        path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What an expression of an `env:` comes to; one that this does not know has to be taught here first.
    fn value(&self, template: &str) -> String {
        let Some(expression) = template.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")) else {
            assert!(!template.contains("${{"), "an expression is the whole value: {template}");
            return template.to_owned();
        };
        if let Some(input) = expression.strip_prefix("inputs.").filter(|name| self.inputs.contains_key(*name)) {
            return self.inputs[input].clone();
        }
        match expression {
            "github.action_path" => self.path("action").display().to_string(),
            "github.action_repository" => "o/offshoot".to_owned(),
            "steps.install.outputs.binary" => self.output("binary"),
            "inputs.cache == 'true' && format('{0}/offshoot-cache', runner.temp) || env.OFFSHOOT_CACHE_DIR" => {
                match self.inputs["cache"].as_str() {
                    "true" => self.path("temp/offshoot-cache").display().to_string(),
                    _ => String::new(),
                }
            }
            other => panic!("what is `{other}`?"),
        }
    }

    /// The last value of an output; empty where nobody wrote it.
    fn output(&self, name: &str) -> String {
        let all = fs::read_to_string(self.path("output")).unwrap_or_default();
        all.lines().filter_map(|line| line.strip_prefix(&format!("{name}="))).next_back().unwrap_or_default().to_owned()
    }

    /// The call that the runner makes for `shell: bash` (GitHub's documentation, `jobs.<job_id>.steps[*].shell`).
    fn command(&self, step: &Step) -> Command {
        assert_eq!(step.shell, "bash");
        let script = self.path("temp/script.sh");
        fs::write(&script, &step.script).expect("a script");
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail"]).arg(script).current_dir(self.path("work"));
        command.env_clear().envs(&self.variables);
        command.envs(step.environment.iter().map(|(name, value)| (name, self.value(value))));
        command
    }

    fn run(&self, name: &str) -> Output {
        self.command(&step(name)).output().expect("bash runs")
    }

    fn install(&self) -> Output {
        self.run("Install the bot")
    }

    /// Installs and runs; the first output that failed, else the last.
    fn all(&self) -> Output {
        let installed = self.install();
        if !installed.status.success() {
            return installed;
        }
        self.run("Run the bot")
    }

    fn recorded(&self, folder: &str, file: &str) -> Vec<String> {
        let bytes = fs::read(self.path(folder).join(file)).expect("the bot was called");
        let text = String::from_utf8(bytes).expect("text");
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    /// Puts a release's archive into a folder and gives its checksum.
    fn archive(&self, folder: &str, asset: &str) -> String {
        self.program("release", RECORDING_BOT);
        fs::create_dir_all(self.path(folder)).expect("a folder");
        let archive = self.path(folder).join(asset);
        let tar = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(self.path("release")).arg("bot").status();
        assert!(tar.expect("tar runs").success());
        sha256(&archive)
    }
}

fn step(name: &str) -> Step {
    steps("action.yml").into_iter().find(|step| step.name == name).expect("a step of that name")
}

fn sha256(path: &Path) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(fs::read(path).expect("a file"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn asset() -> String {
    format!("offshoot-{}-x86_64-unknown-linux-gnu.tar.gz", env!("CARGO_PKG_VERSION"))
}

#[track_caller]
fn assert_refused(output: &Output, expected: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("::error title=Offshoot::") && said.lines().count() == 1, "{said:?}");
    for part in expected {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

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
