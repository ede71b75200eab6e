//! `action.yml` as a runner runs it: each script is cut out and run under bash, with inputs of those who mean harm.

mod inputs;
mod release;
mod together;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::yaml_steps::{Step, document, steps, text};

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
        // bash cannot trap what was ignored when it began, as a job in the background ignores SIGINT.
        let mut command = Command::new("env");
        if Command::new("env").args(["--default-signal=INT", "true"]).output().is_ok_and(|ran| ran.status.success()) {
            command.arg("--default-signal=INT");
        }
        command.arg("bash");
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
