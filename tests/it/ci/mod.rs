//! Conversations: `bot ci` as a runner starts it, over a real repository, warehouse and state, with a GitHub that has
//! state. Each test reads as what people do and what they see.

mod afterwards;
mod answers;
mod base;
mod compared;
mod cost;
mod faults;
mod held;
mod history;
mod open;
mod places;
mod statements;
mod trust;

use std::fs;

use offshoot::error::Exit;
use offshoot::ids::PullRequestNumber;
use tempfile::TempDir;

use crate::github::fake::{FakeGitHub, Payload, Pull};
use crate::repository::Repository;
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
        Self::of(World::shop())
    }

    /// Another world, promoted.
    fn of(world: World) -> Self {
        world.done(&["promote"]);
        let github = FakeGitHub::start();
        let main = world.repository.sha("main");
        github.state().branches.insert("main".into(), main);
        github.state().git = Some(world.repository.path().to_owned());
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

    /// Opens a pull request with these edits of the branch that is checked out.
    fn proposes(&self, files: &[(&str, &str)]) -> PullRequestNumber {
        self.world.repository.branch("feature/fx-rates");
        self.opens_commit(&crate::lab::edit(&self.world, files))
    }

    /// Opens the pull request of a commit on `feature/fx-rates`.
    fn opens_commit(&self, head: &str) -> PullRequestNumber {
        let base = self.world.repository.sha("main");
        let number = self.github.open(Pull { base, ..Pull::from("feature/fx-rates", head) });
        self.checks_out(number);
        number
    }

    /// Makes a commit on top of `main` as this clone has it, which is on no branch; what is checked out stays so.
    fn on_main(&self, edit: impl FnOnce(&Repository)) -> String {
        let repository = &self.world.repository;
        let here = repository.sha("HEAD");
        repository.checkout(&repository.sha("main"));
        edit(repository);
        let commit = repository.commit("main goes on");
        repository.checkout(&here);
        commit
    }

    /// Somebody pushes to `main` on GitHub; this clone does not hear of it.
    fn pushes_to_main(&self, commit: &str) {
        self.github.state().branches.insert("main".into(), commit.into());
    }

    /// Checks `main` out as it is now, as `actions/checkout` does for events that are of no pull request.
    fn checks_out_main(&self, commit: &str) {
        let repository = &self.world.repository;
        repository.git(&["update-ref", "refs/remotes/origin/main", commit]);
        repository.git(&["checkout", "--quiet", "-B", "main", commit]);
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
        let report = self.files.path().join("report.json");
        self.world.bot_under(&variables, &["ci", "--report", report.to_str().expect("a plain path")])
    }

    fn pull_request(&self, action: &'static str, number: PullRequestNumber) -> Ran {
        self.event(&Payload::PullRequest { action, number: number.0 })
    }

    /// Somebody's comment is delivered: how it was reacted to, and the newest comment there is.
    fn says(&self, number: PullRequestNumber, author: &str, body: &str) -> (Vec<String>, String) {
        let id = self.github.state().comment(number, author, body);
        done(&self.event(&Payload::Comment { action: "created", id }));
        (self.reactions(id), self.github.state().comments.last().expect("comments").body.clone())
    }

    fn reactions(&self, comment: u64) -> Vec<String> {
        let state = self.github.state();
        state.reactions.iter().filter(|(on, ..)| *on == comment).map(|(_, _, content)| content.clone()).collect()
    }

    /// Removes a model on the branch of a pull request.
    fn removes(&self, number: PullRequestNumber, path: &str) {
        let repository = &self.world.repository;
        repository.checkout("feature/fx-rates");
        repository.remove(path);
        let head = repository.commit("who needs that");
        self.github.state().pulls.get_mut(&number.0).expect("the pull request").head = head;
        self.checks_out(number);
    }

    /// Whether the warehouse has a view of the pull request's environment.
    fn has_environment(&self) -> bool {
        self.world.views().iter().any(|view| view.contains("feature_fx_rates_142"))
    }

    /// The one comment of ours.
    fn comment(&self) -> String {
        let state = self.github.state();
        let ours: Vec<_> = state.comments.iter().filter(|comment| comment.author == "github-actions[bot]").collect();
        assert_eq!(ours.len(), 1, "{ours:#?}");
        ours[0].body.clone()
    }

    /// A row of the comment's figures.
    fn figure(&self, title: &str) -> String {
        let comment = self.comment();
        let row = comment.lines().find_map(|line| line.strip_prefix(&format!("| **{title}** | ")).map(str::to_owned));
        row.unwrap_or_else(|| panic!("no `{title}` in {comment}"))
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
