//! What the runner says about the run beside the event: its `GITHUB_…` variables (GitHub's documentation, "Default
//! environment variables").

use crate::ids::{CommitId, Login, RefName, RepositoryName, RunId};
use crate::problem::Problem;

use super::ignored::shown;

/// The run that this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// `GITHUB_API_URL`, without a slash at its end: `https://api.github.com`, or `https://host/api/v3`.
    pub api: String,
    /// `GITHUB_SERVER_URL`, without a slash at its end.
    pub server: String,
    /// `GITHUB_REPOSITORY`.
    pub repository: RepositoryName,
    /// `GITHUB_SHA`: of a pull request its test merge, of a comment the tip of the default branch.
    pub commit: Option<CommitId>,
    /// `GITHUB_REF`, such as `refs/pull/142/merge`.
    pub reference: Option<RefName>,
    /// `GITHUB_ACTOR`: `dependabot[bot]` has a token that can only read, whatever `permissions:` says.
    pub actor: Option<Login>,
    /// `GITHUB_RUN_ID`; later runs have larger ones.
    pub run: Option<RunId>,
    /// `GITHUB_RUN_ATTEMPT`, from 1.
    pub attempt: u32,
    /// Whose machine it is.
    pub hosting: Hosting,
}

/// Whose machine the job runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosting {
    /// GitHub's: whatever stays on its disk is gone after the job.
    GitHub,
    /// One's own, or no runner at all.
    Own,
}

impl Runner {
    /// Reads the variables that `variable` gives; an empty one is none.
    ///
    /// # Errors
    /// `GITHUB_REPOSITORY` is not set, or a variable holds something else than the runner writes.
    pub fn read<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Problem> {
        let url = |name, default: &str| match variable(name) {
            None => Ok(default.to_owned()),
            Some(text) if crate::url::origin(text).is_some() => Ok(text.trim_end_matches('/').to_owned()),
            Some(text) => Err(odd(name, "a URL that begins with `https://`", text)),
        };
        let repository = variable("GITHUB_REPOSITORY").ok_or_else(|| missing("GITHUB_REPOSITORY"))?;
        let number = |name| match variable(name) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| odd(name, "a number", text)),
        };
        let attempt = number("GITHUB_RUN_ATTEMPT")?.unwrap_or(1);
        let is_hosted = variable("RUNNER_ENVIRONMENT") == Some("github-hosted");
        Ok(Self {
            api: url("GITHUB_API_URL", "https://api.github.com")?,
            server: url("GITHUB_SERVER_URL", "https://github.com")?,
            repository: RepositoryName::parse(repository)
                .ok_or_else(|| odd("GITHUB_REPOSITORY", "a repository as `owner/name`", repository))?,
            commit: variable("GITHUB_SHA").and_then(CommitId::parse),
            reference: variable("GITHUB_REF").map(RefName::new),
            actor: variable("GITHUB_ACTOR").map(Login::new),
            run: number("GITHUB_RUN_ID")?.map(RunId),
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            hosting: if is_hosted { Hosting::GitHub } else { Hosting::Own },
        })
    }

    /// Where a browser shows the run; `None` outside of one.
    pub fn run_url(&self) -> Option<String> {
        let run = self.run?;
        Some(format!("{}/{}/actions/runs/{run}/attempts/{}", self.server, self.repository, self.attempt))
    }
}

fn missing(name: &str) -> Problem {
    Problem::error("runner-variable", format!("`{name}` is not set"))
        .help("the runner of GitHub Actions sets it; `bot ci` runs there alone")
}

fn odd(name: &str, expected: &str, found: &str) -> Problem {
    Problem::error("runner-variable", format!("`{name}` is `{}` where {expected} was expected", shown(found)))
        .help("the runner of GitHub Actions sets it; leave it as it is")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(variables: &[(&str, &'static str)]) -> Result<Runner, Problem> {
        Runner::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }

    #[test]
    fn a_run_on_an_enterprise_server_is_read() {
        let runner = runner(&[
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_API_URL", "https://git.acme.example/api/v3/"),
            ("GITHUB_SERVER_URL", "https://git.acme.example"),
            ("GITHUB_RUN_ID", "7711223344"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("RUNNER_ENVIRONMENT", "github-hosted"),
        ])
        .expect("a run");
        assert_eq!(runner.api, "https://git.acme.example/api/v3");
        assert_eq!(runner.hosting, Hosting::GitHub);
        let url = "https://git.acme.example/acme/shop/actions/runs/7711223344/attempts/2";
        assert_eq!(runner.run_url().as_deref(), Some(url));
    }

    #[test]
    fn without_a_repository_there_is_a_hint() {
        let problem = runner(&[]).expect_err("no repository");
        assert_eq!(problem.message, "`GITHUB_REPOSITORY` is not set");
        assert!(problem.help.is_some());
    }

    #[test]
    fn what_no_runner_writes_is_told() {
        let told = |name, value| {
            let found = runner(&[("GITHUB_REPOSITORY", "acme/shop"), (name, value)]);
            found.expect_err("a problem").message
        };
        assert!(told("GITHUB_API_URL", "ftp://x").starts_with("`GITHUB_API_URL` is `ftp://x` where a URL"));
        assert!(told("GITHUB_RUN_ID", "many").contains("a number"));
        let problem = runner(&[("GITHUB_REPOSITORY", "../etc")]).expect_err("a problem");
        assert!(problem.message.contains("`owner/name`"), "{}", problem.message);
    }
}
