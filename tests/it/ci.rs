//! Conversations: `bot ci` as a runner starts it, over a real repository, warehouse and state, with a GitHub that has
//! state. Each test reads as what people do and what they see.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use offshoot::error::Exit;
use offshoot::ids::PullRequestNumber;
use tempfile::TempDir;

use crate::github::fake::{Access, FakeGitHub, HeadRepository, Payload, Pull, Trouble};
use crate::world::{Ran, World};

/// A team with its repository, its GitHub and its production.
struct Team {
    world: World,
    github: FakeGitHub,
    files: TempDir,
}

impl Team {
    /// The shop, promoted.
    fn new() -> Self {
        let world = World::shop();
        world.done(&["promote"]);
        let github = FakeGitHub::start();
        let main = world.repository.sha("main");
        github.state().branches.insert("main".into(), main);
        Self { world, github, files: tempfile::tempdir().expect("a folder") }
    }

    /// Opens the pull request of `World::branch` and checks out GitHub's test merge of it.
    fn opens(&self) -> PullRequestNumber {
        self.opens_with(|_| {})
    }

    fn opens_with(&self, change: impl FnOnce(&mut Pull)) -> PullRequestNumber {
        self.world.branch();
        let head = self.world.repository.sha("HEAD");
        let mut pull = Pull { base: self.world.repository.sha("main"), ..Pull::from("feature/fx-rates", &head) };
        change(&mut pull);
        let number = self.github.open(pull);
        self.checks_out(number);
        number
    }

    /// Pushes an edit to the branch of a pull request.
    fn pushes(&self, number: PullRequestNumber, path: &str, text: &str) -> String {
        let repository = &self.world.repository;
        repository.checkout("feature/fx-rates");
        repository.write(path, text);
        let head = repository.commit("one more edit");
        self.github.state().pulls.get_mut(&number.0).expect("the pull request").head.clone_from(&head);
        self.checks_out(number);
        head
    }

    /// GitHub's test merge, as `actions/checkout` has it.
    fn checks_out(&self, number: PullRequestNumber) {
        let merge = self.world.repository.pull_request(u32::try_from(number.0).expect("small"), "feature/fx-rates");
        self.world.repository.checkout(&merge);
    }

    /// Merges the pull request and gives main's new commit.
    fn merges(&self, number: PullRequestNumber) -> String {
        let repository = &self.world.repository;
        repository.checkout("main");
        let merge = repository.merge("feature/fx-rates");
        let mut state = self.github.state();
        state.branches.insert("main".into(), merge.clone());
        state.pulls_of.insert(merge.clone(), vec![number.0]);
        let pull = state.pulls.get_mut(&number.0).expect("the pull request");
        (pull.state, pull.merged, pull.merge_commit) = ("closed", true, Some(merge.clone()));
        merge
    }

    /// The runner starts `bot ci` for an event; every run is a later one.
    fn event(&self, payload: &Payload) -> Ran {
        self.github.state().run.0 += 1;
        let variables = self.github.deliver(payload, self.files.path());
        self.world.bot_under(&variables, &["ci"])
    }

    fn pull_request(&self, action: &'static str, number: PullRequestNumber) -> Ran {
        self.event(&Payload::PullRequest { action, number: number.0 })
    }

    /// The one comment of ours.
    fn comment(&self) -> String {
        let state = self.github.state();
        let ours: Vec<_> = state.comments.iter().filter(|comment| comment.author == "github-actions[bot]").collect();
        assert_eq!(ours.len(), 1, "{ours:#?}");
        ours[0].body.clone()
    }

    /// Title and conclusion of the newest check.
    fn check(&self) -> (String, String) {
        let state = self.github.state();
        let check = state.checks.last().expect("a check");
        (check.title.clone().unwrap_or_default(), check.conclusion.clone().unwrap_or_else(|| check.status.clone()))
    }

    fn output(&self, name: &str) -> String {
        let text = fs::read_to_string(self.files.path().join("output.txt")).expect("outputs");
        let entry = text.split_once(&format!("{name}<<")).map(|(_, rest)| rest).expect("the output");
        entry.lines().nth(1).expect("a value").to_owned()
    }
}

fn done(ran: &Ran) {
    assert_eq!(ran.exit, Exit::Done, "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn a_pull_request_is_opened_built_and_reported() {
    let team = Team::new();
    let number = team.opens();
    let ran = team.pull_request("opened", number);
    done(&ran);
    let comment = team.comment();
    assert!(comment.starts_with("<!-- offshoot:plan:"), "{comment}");
    assert!(comment.contains("feature_fx_rates_142"), "{comment}");
    assert!(comment.contains("`marts.revenue_in_euro`"), "{comment}");
    let (title, conclusion) = team.check();
    assert_eq!(conclusion, "success", "{title}");
    assert_eq!(team.output("state"), "built");
    assert_eq!(team.output("environment"), "feature_fx_rates_142");
    assert!(team.world.views().iter().any(|view| view.starts_with("marts__feature_fx_rates_142.")));
    let summary = fs::read_to_string(team.files.path().join("summary.md")).expect("a summary");
    assert!(summary.contains("marts.revenue_in_euro"));
    // One check begun and ended, one comment written.
    let writes = team.github.writes();
    assert_eq!(writes.len(), 3, "{writes:#?}");
}

#[test]
fn a_second_push_edits_the_comment_and_the_same_event_again_writes_nothing_new() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let first = team.comment();
    team.pushes(number, "models/marts/extra.sql", "MODEL (name marts.extra, kind FULL);\nSELECT 1 AS one\n");
    done(&team.pull_request("synchronize", number));
    let second = team.comment();
    assert_ne!(first, second);
    assert!(second.contains("`marts.extra`"), "{second}");
    // The runner delivers the event twice: the run is the same one.
    team.github.state().run.0 -= 1;
    let before = team.github.writes().len();
    done(&team.pull_request("synchronize", number));
    assert!(team.comment().contains("`marts.extra`"));
    assert!(team.github.writes().len() <= before + 3);
}

#[test]
fn an_older_run_that_ends_later_does_not_overwrite_the_comment() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let newer = team.comment();
    team.github.state().run.0 -= 10;
    let ran = team.pull_request("reopened", number);
    done(&ran);
    assert_eq!(team.comment(), newer);
    assert!(ran.stderr.contains("is newer"), "{}", ran.stderr);
}

#[test]
fn a_head_that_moved_meanwhile_has_the_word() {
    let team = Team::new();
    let number = team.opens();
    team.github.meanwhile("POST", "/check-runs", move |state| {
        state.pulls.get_mut(&142).expect("the pull request").head = "9".repeat(40);
    });
    done(&team.pull_request("opened", number));
    assert!(team.github.state().comments.is_empty());
    assert_eq!(team.check().1, "cancelled");
    assert_eq!(team.output("state"), "head_moved");
}

#[test]
fn a_merge_promotes_and_tells_the_pull_request_and_closing_drops_the_environment() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let merge = team.merges(number);
    let ran = team.event(&Payload::Push { branch: "main".into(), before: None });
    done(&ran);
    assert!(ran.stdout.contains("promoted"), "{}", ran.stdout);
    let comment = team.comment();
    assert!(comment.contains("### ✅ Promoted"), "{comment}");
    assert!(comment.contains(&merge[..7]) && comment.contains("merged by `ada`"), "{comment}");
    assert!(team.world.views().contains(&"marts.revenue_in_euro".to_owned()));
    done(&team.pull_request("closed", number));
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates_142")));
    assert!(team.comment().contains("### ✅ Promoted"), "the merge's own words stay");
}

#[test]
fn a_pull_request_that_is_closed_loses_its_environment_and_says_so() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").state = "closed";
    done(&team.pull_request("closed", number));
    let comment = team.comment();
    assert!(comment.contains("dropped"), "{comment}");
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates_142")));
}

#[test]
fn a_fork_gets_a_static_plan_in_the_step_summary_and_nothing_is_written() {
    let team = Team::new();
    team.github.state().access = Access::ReadOnly;
    let number = team.opens_with(|pull| pull.head_repository = HeadRepository::Fork("stranger/shop".into()));
    let ran = team.pull_request("opened", number);
    done(&ran);
    assert_eq!(team.github.writes(), Vec::<String>::new());
    let summary = fs::read_to_string(team.files.path().join("summary.md")).expect("a summary");
    assert!(summary.contains("marts.revenue_in_euro"), "{summary}");
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates")));
}

#[test]
fn a_token_that_may_not_write_is_found_before_any_work() {
    let team = Team::new();
    team.github.state().access = Access::ReadOnly;
    let number = team.opens();
    let ran = team.pull_request("opened", number);
    done(&ran);
    assert!(ran.stderr.contains("checks: write"), "{}", ran.stderr);
    assert!(team.github.state().comments.is_empty());
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates")));
}

#[test]
fn a_draft_is_planned_and_not_built() {
    let team = Team::new();
    let number = team.opens_with(|pull| pull.draft = true);
    done(&team.pull_request("opened", number));
    assert_eq!(team.output("state"), "planned");
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates")));
    assert_eq!(team.check().1, "action_required");
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").draft = false;
    done(&team.pull_request("ready_for_review", number));
    assert_eq!(team.check().1, "success");
}

#[test]
fn a_project_with_errors_fails_the_check_at_the_line() {
    let team = Team::new();
    let number = team.opens();
    team.pushes(number, "models/marts/broken.sql", "MODEL (name marts.broken, kind NONSENSE);\nSELECT 1 AS one\n");
    let ran = team.pull_request("synchronize", number);
    assert_eq!(ran.exit, Exit::No, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(team.check().1, "failure");
    let state = team.github.state();
    let annotations = &state.checks.last().expect("a check").annotations;
    assert!(annotations.iter().any(|it| it["path"] == "models/marts/broken.sql"), "{annotations:#?}");
    drop(state);
    assert!(ran.stderr.contains("::error file=models/marts/broken.sql"), "{}", ran.stderr);
}

#[test]
fn a_conflict_is_told_on_the_next_event() {
    let team = Team::new();
    let number = team.opens();
    let repository = &team.world.repository;
    repository.checkout("main");
    repository
        .write("models/marts/product_sales.sql", "MODEL (name marts.product_sales, kind FULL);\nSELECT 2 AS two\n");
    repository.commit("main goes elsewhere");
    repository.checkout("feature/fx-rates");
    repository
        .write("models/marts/product_sales.sql", "MODEL (name marts.product_sales, kind FULL);\nSELECT 3 AS three\n");
    let head = repository.commit("and so does the branch");
    repository.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").head = head;
    let ran = team.pull_request("synchronize", number);
    done(&ran);
    assert_eq!(team.check().1, "action_required");
    assert!(team.comment().contains("models/marts/product_sales.sql"), "{}", team.comment());
}

#[test]
fn commands_are_answered_by_permission_and_for_the_head_that_was_shown() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let says = |author: &str, body: &str| {
        let id = team.github.state().comment(number, author, body);
        let ran = team.event(&Payload::Comment { action: "created", id });
        done(&ran);
        let state = team.github.state();
        let reactions: Vec<String> =
            state.reactions.iter().filter(|(on, ..)| *on == id).map(|(_, _, content)| content.clone()).collect();
        let answer = state.comments.last().expect("comments").body.clone();
        (reactions, answer)
    };
    let (reactions, answer) = says("ada", "/bot help");
    assert_eq!(reactions, ["eyes", "+1"]);
    assert!(answer.contains("/bot backfill"), "{answer}");
    let (reactions, answer) = says("stranger", "/bot drop");
    assert_eq!(reactions, ["eyes", "confused"]);
    assert!(answer.contains("`write`"), "{answer}");
    let (reactions, _) = says("ada", "/bot promote");
    assert_eq!(reactions, ["eyes", "confused"], "promotion follows the merge");
    let (reactions, answer) = says("ada", "/bot fly");
    assert_eq!(reactions, ["eyes", "confused"], "{answer}");
    // Somebody pushes: what is asked under the old plan is void.
    let head = team.world.repository.sha("feature/fx-rates");
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").head = "8".repeat(40);
    let (reactions, answer) = says("ada", "/bot drop");
    assert_eq!(reactions, ["eyes", "confused"]);
    assert!(answer.contains("moved"), "{answer}");
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").head = head;
    let (reactions, _) = says("ada", "/bot drop");
    assert_eq!(reactions, ["eyes", "+1"]);
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates_142")));
}

#[test]
fn what_production_would_lose_blocks_until_a_maintainer_allows_it_for_this_head() {
    let team = Team::new();
    team.github.state().people.insert("ben".into(), "write".into());
    let number = team.opens();
    team.world.repository.checkout("feature/fx-rates");
    team.world.repository.remove("models/marts/product_sales.sql");
    let head = team.world.repository.commit("who needs that");
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").head = head;
    team.checks_out(number);
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.check().1, "action_required");
    assert!(team.comment().contains("/bot allow-destructive marts.product_sales"), "{}", team.comment());
    let says = |author: &str, body: &str| {
        let id = team.github.state().comment(number, author, body);
        let ran = team.event(&Payload::Comment { action: "created", id });
        done(&ran);
        let state = team.github.state();
        state.reactions.iter().filter(|(on, ..)| *on == id).map(|(_, _, content)| content.clone()).collect::<Vec<_>>()
    };
    assert_eq!(says("ben", "/bot allow-destructive marts.product_sales"), ["eyes", "confused"], "he may only write");
    assert_eq!(says("ada", "/bot allow-destructive marts.nothing"), ["eyes", "confused"]);
    assert_eq!(says("ada", "/bot allow-destructive marts.product_sales"), ["eyes", "+1"]);
    assert_eq!(team.check().1, "success");
    // The next push voids it.
    team.pushes(number, "models/marts/extra.sql", "MODEL (name marts.extra, kind FULL);\nSELECT 1 AS one\n");
    done(&team.pull_request("synchronize", number));
    assert_eq!(team.check().1, "action_required");
}

/// A query that outlasts every patience, though not for ever.
const ENDLESS: &str = "SELECT count(*) AS n FROM range(300000) AS a, range(300000) AS b WHERE a.range + b.range = -1";

#[test]
fn a_cancelled_run_says_so_and_the_next_one_goes_on() {
    for signal in ["-INT", "-TERM"] {
        let team = Team::new();
        let number = team.opens();
        let slow = |query: &str| format!("MODEL (name marts.slow, kind FULL);\n{query}\n");
        team.pushes(number, "models/marts/slow.sql", &slow(ENDLESS));
        let variables =
            team.github.deliver(&Payload::PullRequest { action: "synchronize", number: number.0 }, team.files.path());
        let mut command =
            crate::lab::bot(team.world.repository.path(), &["ci", "--execution-time", "2026-04-01", "-vv"]);
        let piped = command.envs(variables).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the binary");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut talk = String::new();
        for line in stderr.lines() {
            let line = line.expect("text");
            if line.contains("statement begins") && line.contains("slow__") && line.contains("CREATE TABLE") {
                let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
                assert!(sent.expect("kill is there").success());
            }
            talk.push_str(&line);
            talk.push('\n');
        }
        child.wait().expect("its status");
        assert_eq!(team.check().1, "cancelled", "{talk}");
        let comment = team.comment();
        assert!(comment.contains("`marts.slow`") && comment.to_lowercase().contains("stopped"), "{comment}");
        team.pushes(number, "models/marts/slow.sql", &slow("SELECT 1 AS n"));
        done(&team.pull_request("synchronize", number));
        assert_eq!(team.check().1, "success");
    }
}

#[test]
fn a_merge_queue_gets_its_answer_on_the_groups_head() {
    let team = Team::new();
    team.opens();
    let head = team.world.repository.sha("HEAD");
    let base = team.world.repository.sha("main");
    team.github.state().pulls_of.insert(head.clone(), Vec::new());
    let ran = team.event(&Payload::MergeGroup { head: head.clone(), base });
    done(&ran);
    let state = team.github.state();
    assert_eq!(
        state.checks.last().map(|check| (check.commit.as_str(), check.conclusion.as_deref())),
        Some((head.as_str(), Some("success")))
    );
    assert!(state.comments.is_empty());
    drop(state);
    assert!(!team.world.views().iter().any(|view| view.contains("queue")), "a group has no environment");
    team.world.repository.checkout("main");
    team.world.repository.merge("feature/fx-rates");
    let promoted = team.world.done(&["promote", "--format", "json"]).json();
    assert_eq!(promoted["builds"].as_array().map(Vec::len), Some(0), "all of it was built in the queue: {promoted}");
}

#[test]
fn environments_of_pull_requests_that_ended_silently_are_dropped_on_schedule() {
    let team = Team::new();
    let number = team.opens();
    done(&team.pull_request("opened", number));
    let kept = team.event(&Payload::Schedule);
    assert!(kept.stdout.contains("nothing to do"), "{}", kept.stdout);
    team.github.state().pulls.get_mut(&number.0).expect("the pull request").state = "closed";
    let ran = team.event(&Payload::Schedule);
    done(&ran);
    assert_eq!(ran.stdout, "dropped feature_fx_rates_142\n");
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates_142")));
}

#[test]
fn a_hosted_runner_with_the_warehouse_in_its_workspace_plans_only_and_never_promotes() {
    let mut team = Team::new();
    let number = team.opens();
    team.world = team.world.with_variable("RUNNER_ENVIRONMENT", "github-hosted");
    done(&team.pull_request("opened", number));
    assert_eq!(team.output("state"), "planned");
    assert!(!team.world.views().iter().any(|view| view.contains("feature_fx_rates")));
    team.merges(number);
    let ran = team.event(&Payload::Push { branch: "main".into(), before: None });
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("hosted runner"), "{}", ran.stderr);
}

#[test]
fn a_comment_that_fails_loses_neither_the_check_nor_the_build() {
    let team = Team::new();
    let number = team.opens();
    team.github.fails("POST", "/comments", Trouble::Forbidden("comments are locked"));
    let ran = team.pull_request("opened", number);
    done(&ran);
    assert_eq!(team.check().1, "success");
    assert!(ran.stderr.contains("the comment was not written"), "{}", ran.stderr);
}

#[test]
fn a_dropped_connection_leaves_one_comment_and_one_check() {
    let team = Team::new();
    let number = team.opens();
    team.github.fails("POST", "/comments", Trouble::DroppedAfter);
    team.github.fails("POST", "/check-runs", Trouble::ServerErrorAfter);
    done(&team.pull_request("opened", number));
    team.comment();
    assert_eq!(team.github.state().checks.len(), 1);
}

#[test]
fn a_pull_request_without_a_changed_model_is_a_success_without_a_comment() {
    let team = Team::new();
    let repository = &team.world.repository;
    repository.branch("feature/fx-rates");
    repository.write("README.md", "nothing of ours");
    let head = repository.commit("words");
    let number = team.github.open(Pull { base: repository.sha("main"), ..Pull::from("feature/fx-rates", &head) });
    team.checks_out(number);
    done(&team.pull_request("opened", number));
    assert!(team.github.state().comments.is_empty());
    assert_eq!(team.check(), ("No models changed".to_owned(), "success".to_owned()));
}

#[test]
fn a_secret_of_the_runner_is_in_nothing_that_is_posted() {
    let mut team = Team::new();
    team.world = team.world.with_variable("WAREHOUSE_PASSWORD", "hunter2-of-the-shop");
    let number = team.opens();
    team.pushes(
        number,
        "models/marts/leak.sql",
        "MODEL (name marts.leak, kind FULL, description 'hunter2-of-the-shop');\nSELECT 'hunter2-of-the-shop' AS x, 1 AS hunter\n",
    );
    done(&team.pull_request("synchronize", number));
    let state = team.github.state();
    let posted = state.requests.iter().map(|request| String::from_utf8_lossy(&request.body));
    assert!(posted.filter(|body| body.contains("hunter2-of-the-shop")).count() == 0);
    drop(state);
    let summary = fs::read_to_string(team.files.path().join("summary.md")).expect("a summary");
    assert!(!summary.contains("hunter2-of-the-shop"));
}

/// A repository with two projects, each with a warehouse of its own, promoted.
fn two_projects() -> Team {
    let world = World::empty();
    for project in ["north", "south"] {
        let config = format!(
            "project: {project}\ngateways:\n  local:\n    connection: {{type: duckdb, database: w.duckdb}}\n\
             model_defaults: {{dialect: duckdb}}\n"
        );
        world.repository.write(&format!("{project}/config.yaml"), config);
        let model = "MODEL (name s.places, kind FULL);\nSELECT 1 AS id\n";
        world.repository.write(&format!("{project}/models/places.sql"), model);
    }
    world.repository.write(".gitignore", "*.duckdb\n.offshoot\n");
    world.repository.commit("north and south");
    for project in ["north", "south"] {
        world.done(&["promote", "--project", project]);
    }
    let github = FakeGitHub::start();
    let main = world.repository.sha("main");
    github.state().branches.insert("main".into(), main);
    Team { world, github, files: tempfile::tempdir().expect("a folder") }
}

#[test]
fn two_projects_of_one_repository_have_a_comment_and_a_check_each() {
    let team = two_projects();
    let repository = &team.world.repository;
    repository.branch("feature/fx-rates");
    for project in ["north", "south"] {
        let model = format!("MODEL (name s.places, kind FULL);\nSELECT 2 AS id, '{project}' AS place\n");
        repository.write(&format!("{project}/models/places.sql"), model);
    }
    let head = repository.commit("both");
    let number = team.github.open(Pull { base: repository.sha("main"), ..Pull::from("feature/fx-rates", &head) });
    team.checks_out(number);
    for _ in 0..2 {
        for project in ["north", "south"] {
            let variables = team
                .github
                .deliver(&Payload::PullRequest { action: "synchronize", number: number.0 }, team.files.path());
            done(&team.world.bot_under(&variables, &["ci", "--project", project]));
        }
    }
    let state = team.github.state();
    let first_lines: Vec<&str> = state.comments.iter().filter_map(|comment| comment.body.lines().next()).collect();
    assert_eq!(first_lines, ["<!-- offshoot:plan:north -->", "<!-- offshoot:plan:south -->"]);
    let mut checks: Vec<&str> = state.checks.iter().map(|check| check.name.as_str()).collect();
    checks.dedup();
    assert_eq!(checks[..2], ["bot / plan (north)", "bot / plan (south)"]);
    let annotated = state.comments[0].body.contains("north/models/places.sql");
    assert!(annotated, "links count from the repository's root: {}", state.comments[0].body);
}

#[test]
fn a_renamed_repository_is_followed() {
    let team = Team::new();
    let number = team.opens();
    let variables =
        team.github.deliver(&Payload::PullRequest { action: "opened", number: number.0 }, team.files.path());
    {
        let mut state = team.github.state();
        state.former_names.push("acme/shop".into());
        state.name = "acme/market".into();
    }
    done(&team.world.bot_under(&variables, &["ci"]));
    assert_eq!(team.check().1, "success");
    team.comment();
}

#[test]
fn a_pull_request_into_another_branch_is_planned_against_that_branch() {
    let team = Team::new();
    let repository = &team.world.repository;
    repository.branch("release");
    repository.write("models/marts/extra.sql", "MODEL (name marts.extra, kind FULL);\nSELECT 1 AS one\n");
    let release = repository.commit("a release of its own");
    repository.branch("feature/fx-rates");
    repository.write("models/marts/more.sql", "MODEL (name marts.more, kind FULL);\nSELECT 2 AS two\n");
    let head = repository.commit("more for the release");
    repository.git(&["update-ref", "refs/remotes/origin/release", &release]);
    team.github.state().branches.insert("release".into(), release.clone());
    let number = team.github.open(Pull {
        base: release,
        base_branch: "release".into(),
        ..Pull::from("feature/fx-rates", &head)
    });
    done(&team.event(&Payload::NewBase { number: number.0, before: "main" }));
    let comment = team.comment();
    assert!(comment.contains("`feature/fx-rates` → `release`"), "{comment}");
    assert!(comment.contains("**1 model changes by this pull request's commits, none downstream.**"), "{comment}");
    assert!(comment.contains("`marts.more`"), "{comment}");
}

#[test]
fn everything_else_is_one_line_and_no_error() {
    let team = Team::new();
    team.opens();
    let ran = team.event(&Payload::Delete { branch: "some/other".into() });
    done(&ran);
    assert_eq!(ran.stdout, "nothing to do: no environment shows the branch that was deleted\n");
    let pushed = team.github.state().branches.get("feature/fx-rates").cloned();
    let ran = team.event(&Payload::Push { branch: "feature/fx-rates".into(), before: pushed });
    done(&ran);
    assert!(ran.stdout.contains("is not production's branch"), "{}", ran.stdout);
    assert_eq!(team.github.writes(), Vec::<String>::new());
}

#[test]
fn where_sql_runs_is_the_bases_to_say_and_what_a_branch_says_of_it_counts_after_the_merge() {
    let team = Team::new();
    let number = team.opens();
    let repository = &team.world.repository;
    repository.checkout("feature/fx-rates");
    let config = fs::read_to_string(repository.path().join("config.yaml")).expect("the configuration");
    let database = config.lines().find(|line| line.contains("database:")).expect("a database");
    let indent = " ".repeat(database.len() - database.trim_start().len());
    let zone = format!("{database}\n{indent}connector_config:\n{indent}  TimeZone: Asia/Tokyo");
    repository.write("config.yaml", config.replace(database, &zone));
    let hour =
        "MODEL (name marts.hour, kind FULL);\nSELECT extract(hour FROM TIMESTAMPTZ '2026-01-01 00:00:00+00') AS h\n";
    let head = team.pushes(number, "models/marts/hour.sql", hour);
    assert_eq!(repository.sha("feature/fx-rates"), head);
    done(&team.pull_request("synchronize", number));
    assert!(team.comment().contains("counts after the merge"), "{}", team.comment());
    let here = team.world.value("SELECT h FROM marts__feature_fx_rates_142.hour");
    team.merges(number);
    done(&team.event(&Payload::Push { branch: "main".into(), before: None }));
    // Nothing that was built under the old settings passes for what the new ones give.
    assert_eq!(team.world.value("SELECT h FROM marts.hour"), "9");
    assert_ne!(here, "9");
}
