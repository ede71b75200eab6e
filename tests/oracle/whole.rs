//! The oracle over the whole product: real git branches, `bot apply` and `bot promote` in this process, a DuckDB file and
//! a state; after every step each view of each environment is compared with a build of its tree from nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use offshoot::engine::Engine as _;
use offshoot::engine::duckdb::DuckDb;
use offshoot::error::Exit;
use offshoot::ids::{EnvironmentName, ModelName, ProjectName};
use offshoot::naming::TableKey;
use offshoot::output::Output;
use offshoot::state::{OpenMode, Pointer, SqliteState, State as _};
use offshoot::surroundings::Surroundings;
use offshoot::time::{Interval, Intervals, Timestamp};

use super::super::repository::Repository;
use super::content::Content;
use super::edit::Desk;
use super::ir::{Kind, Project};
use super::judge::drawn;
use super::kinds::{EDITS, Make};
use super::plant;
use super::random::Choices;
use super::run::{follow_types, planted};
use super::scenes::merge;
use super::shape::Shapes;
use super::warehouse::{Warehouse, externals};

/// 2024-01-06, up to which builds from nothing load.
const NOW: Timestamp = Timestamp(19_728 * 86_400_000);
/// Edits of one repository before the next.
const EPISODE: u64 = 40;

/// What such a run came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Whole {
    pub(crate) edits: u64,
    pub(crate) changed: u64,
    pub(crate) applies: u64,
    pub(crate) promotes: u64,
    pub(crate) merges: u64,
    pub(crate) compared: u64,
    pub(crate) built: u64,
    /// Plans that were made with a warm cache, a cold one and none, and said the same.
    pub(crate) plans: u64,
    /// Applies that loaded the last days only, and views beside prod that were not compared, because they show such days or
    /// are made of them.
    pub(crate) windows: u64,
    pub(crate) partial: u64,
    pub(crate) differences: Vec<String>,
    /// What `bot` said no to, by its first line.
    pub(crate) refused: BTreeMap<String, u64>,
}

impl Whole {
    /// The whole report; the last line is the summary.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (what, count) in &self.refused {
            let _ = writeln!(text, "{count:>6}  refused: {what}");
        }
        for difference in &self.differences {
            let _ = writeln!(text, "\n{difference}");
        }
        let _ = writeln!(
            text,
            "\nwhole product: {} edits ({} change the data of some view), {} applies, {} promotes, {} merges, {} views \
             compared, {} models built, {} plans alike with a warm, a cold and no cache, {} applies of the last days, {} \
             views partial, {} differences",
            self.edits,
            self.changed,
            self.applies,
            self.promotes,
            self.merges,
            self.compared,
            self.built,
            self.plans,
            self.windows,
            self.partial,
            self.differences.len()
        );
        text
    }
}

/// Runs so many edits; stops at the first repositories with differences.
pub(crate) fn run(edits: u64, seed: u64) -> Whole {
    let mut whole = Whole::default();
    let mut seed = seed.wrapping_mul(7_000_003);
    let mut worlds = 10 + edits;
    while whole.edits < edits && whole.differences.len() < 5 && worlds > 0 {
        worlds -= 1;
        seed = seed.wrapping_add(1);
        let left = (edits - whole.edits).min(EPISODE);
        if let Some(mut world) = World::new(seed, &mut whole) {
            world.run(left);
        }
    }
    whole
}

/// One branch as the generator knows it.
struct Branch {
    name: String,
    head: Project,
    /// Main's project where the branch last met it.
    base: Project,
    /// What its environment is called once there is one, and what that shows.
    environment: Option<String>,
    shown: Option<Project>,
}

struct World<'a> {
    repository: Repository,
    choices: Choices,
    clean: Warehouse,
    /// Main first.
    branches: Vec<Branch>,
    whole: &'a mut Whole,
    seed: u64,
}

impl<'a> World<'a> {
    fn new(seed: u64, whole: &'a mut Whole) -> Option<Self> {
        let mut choices = Choices::new(seed);
        let sources = externals(&mut choices);
        let mut clean = Warehouse::over(&sources).expect("DuckDB opens in memory");
        let mut project = planted(&mut choices, &mut clean, 0)?;
        project.declared = true;
        let repository = Repository::new();
        repository.write(".gitignore", ".offshoot/\n*.duckdb*\n");
        let mut session = warehouse(&repository).session().expect("a session");
        session.execute("CREATE SCHEMA raw").expect("a schema");
        for source in &sources {
            session.execute(source).expect("a table that nobody owns");
        }
        drop(session);
        let main = Branch {
            name: "main".to_owned(),
            head: project.clone(),
            base: project.clone(),
            environment: None,
            shown: None,
        };
        let mut world = Self { repository, choices, clean, branches: vec![main], whole, seed };
        world.write(None, &project);
        world.repository.commit("all of it");
        if !world.bot("promote") {
            return None;
        }
        world.branches[0].shown = Some(project);
        for name in ["feature/one", "two"] {
            world.fork(name);
        }
        Some(world)
    }

    fn run(&mut self, edits: u64) {
        let before = self.whole.differences.len();
        let begun = self.whole.edits;
        for _ in 0..edits * 6 {
            if self.whole.edits - begun >= edits {
                return;
            }
            self.step();
            if self.whole.differences.len() > before {
                return;
            }
        }
    }

    fn step(&mut self) {
        match self.choices.below(100) {
            0..=9 => {
                let branch = 1 + self.choices.below(self.branches.len() - 1);
                self.promote(branch);
            }
            10..=15 => {
                let branch = 1 + self.choices.below(self.branches.len() - 1);
                self.take_main(branch);
            }
            _ => self.edit(),
        }
    }

    fn fork(&mut self, name: &str) {
        self.repository.checkout("main");
        self.repository.branch(name);
        let head = self.branches[0].head.clone();
        self.branches.push(Branch { name: name.to_owned(), base: head.clone(), head, environment: None, shown: None });
    }

    /// One edit of one branch, now and then of main, shown by its environment.
    fn edit(&mut self) {
        let branch = if self.choices.chance(12) { 0 } else { 1 + self.choices.below(self.branches.len() - 1) };
        let Make::Desk(make) = EDITS[self.choices.below(EDITS.len())].make else { return };
        let mut project = self.branches[branch].head.clone();
        let shapes = Shapes::of(&project);
        let mut desk = Desk { project: &mut project, choices: &mut self.choices, shapes, touched: None };
        if !make(&mut desk) {
            return;
        }
        follow_types(&mut project);
        let settings = self.branches[branch].head.settings;
        if project == self.branches[branch].head || project.settings != settings {
            return;
        }
        let result = self.result(branch, &project);
        let Some(result) = result.filter(|result| self.is_good(branch, result)) else { return };
        let name = self.branches[branch].name.clone();
        self.repository.checkout(&name);
        let old = self.branches[branch].head.clone();
        self.write(Some(&old), &project);
        self.repository.commit("an edit");
        if self.show(branch, result) {
            self.branches[branch].head = project;
            self.whole.edits += 1;
            self.compare();
        } else {
            self.repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        }
    }

    /// What main will be after the merge of a branch; `None` where git would find conflicts.
    fn result(&self, branch: usize, head: &Project) -> Option<Project> {
        if branch == 0 {
            return Some(head.clone());
        }
        let (base, main) = (&self.branches[branch].base, &self.branches[0].head);
        let apart = changed(base, main).is_disjoint(&changed(base, head));
        apart.then(|| merge(base, main, head))
    }

    /// Whether DuckDB takes a project, and it shows rows.
    fn is_good(&mut self, branch: usize, project: &Project) -> bool {
        let Ok(clean) = self.clean.build_clean(project) else { return false };
        let empty = clean.values().filter(|clean| clean.content.rows.is_empty()).count();
        let shown = self.branches[branch].shown.clone();
        let Some(Ok(before)) = shown.map(|shown| self.clean.build_clean(&shown)) else { return empty < 3 };
        let moved = clean.iter().any(|(name, now)| before.get(name).is_none_or(|old| old.content != now.content));
        let good = empty < 3 || self.choices.chance(20);
        self.whole.changed += u64::from(moved && good);
        good
    }

    /// Applies or promotes what is checked out.
    fn show(&mut self, branch: usize, result: Project) -> bool {
        let done = match branch {
            0 => self.bot("promote"),
            _ => self.plans_alike() && self.apply(branch),
        };
        if done {
            self.branches[branch].shown = Some(result);
        }
        done
    }

    fn apply(&mut self, branch: usize) -> bool {
        let days = [None, Some("1"), Some("2"), Some("4")][self.choices.below(4)];
        let window = days.map(|days| ["--max-days", days]);
        let Some(json) = self.outcome("apply", window.as_ref().map_or(&[], |window| &window[..])) else { return false };
        self.whole.windows += u64::from(days.is_some());
        self.branches[branch].environment = json["environment"].as_str().map(str::to_owned);
        self.whole.applies += 1;
        true
    }

    /// What is kept on disk between runs is never seen in what a plan says.
    fn plans_alike(&mut self) -> bool {
        let plan = ["plan", "--format", "json"];
        let cold = tempfile::tempdir().expect("a folder");
        let Some(expected) = self.said(&plan, None) else { return false };
        for (kind, cache) in [("warm", self.cache()), ("cold", cold.path().display().to_string())] {
            let said = self.said(&plan, Some(&cache));
            if said.as_ref() != Some(&expected) {
                let said = said.unwrap_or_default();
                let text = format!("DIFFERENCE: a plan with a {kind} cache (seed {})\n{said}\n{expected}", self.seed);
                self.whole.differences.push(text);
            }
        }
        self.whole.plans += 1;
        true
    }

    /// What an `apply` or `promote` came to, now and then without a cache.
    fn outcome(&mut self, command: &str, rest: &[&str]) -> Option<serde_json::Value> {
        let cache = Some(self.cache()).filter(|_| self.choices.chance(75));
        let said = self.said(&[&[command, "--format", "json"], rest].concat(), cache.as_deref())?;
        let json: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        self.whole.built += json["builds"].as_array().map_or(0, Vec::len) as u64;
        Some(json)
    }

    fn cache(&self) -> String {
        self.repository.path().join(".git/offshoot-cache").display().to_string()
    }

    /// Merges a branch into main and promotes.
    fn promote(&mut self, branch: usize) {
        let head = self.branches[branch].head.clone();
        let Some(result) = self.result(branch, &head) else { return self.take_main(branch) };
        if self.clean.build_clean(&result).is_err() {
            return;
        }
        let name = self.branches[branch].name.clone();
        self.repository.checkout("main");
        self.join(&name, 0, &result);
        if self.show(0, result.clone()) {
            self.branches[0].head = result;
            // Merged, the branch goes on from there.
            self.repository.checkout(&name);
            self.repository.git(&["merge", "--quiet", "--ff-only", "main"]);
            let main = self.branches[0].head.clone();
            let other = &mut self.branches[branch];
            (other.head, other.base) = (main.clone(), main.clone());
            if self.show(branch, main) {
                self.compare();
            }
        } else {
            self.repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        }
        self.whole.merges += 1;
    }

    /// Merges main into a branch; where both changed a file, the branch's counts.
    fn take_main(&mut self, branch: usize) {
        let merged = merge(&self.branches[branch].base, &self.branches[0].head, &self.branches[branch].head);
        if self.branches[branch].base == self.branches[0].head || self.clean.build_clean(&merged).is_err() {
            return;
        }
        let name = self.branches[branch].name.clone();
        self.repository.checkout(&name);
        self.join("main", branch, &merged);
        if self.show(branch, merged.clone()) {
            let main = self.branches[0].head.clone();
            let branch = &mut self.branches[branch];
            (branch.head, branch.base) = (merged, main);
            self.whole.merges += 1;
            self.compare();
        } else {
            self.repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        }
    }

    /// A merge commit on what is checked out whose tree is a project.
    fn join(&self, other: &str, here: usize, project: &Project) {
        self.repository.git(&["merge", "--quiet", "--no-commit", "--no-ff", "--strategy=ours", other]);
        self.write(Some(&self.branches[here].head), project);
        self.repository.commit("a merge");
    }

    fn write(&self, old: Option<&Project>, project: &Project) {
        let old = old.map(|old| plant::files(old, None)).unwrap_or_default();
        let new = plant::files(project, None);
        for path in old.keys().filter(|path| !new.contains_key(*path)) {
            self.repository.remove(path);
        }
        for (path, text) in new.iter().filter(|(path, text)| old.get(*path) != Some(*text)) {
            let text = text.replace("type: duckdb\n", "type: duckdb\n      database: warehouse.duckdb\n");
            self.repository.write(path, text);
        }
    }

    fn bot(&mut self, command: &str) -> bool {
        let done = self.outcome(command, &[]).is_some();
        self.whole.promotes += u64::from(done);
        done
    }

    /// What `bot` says on stdout where all went well.
    fn said(&mut self, arguments: &[&str], cache: Option<&str>) -> Option<String> {
        let (output, data, talk) = Output::in_memory();
        let plain = Surroundings::fixed(self.repository.path(), NOW);
        let surroundings = match cache {
            Some(cache) => plain.with_variable("OFFSHOOT_CACHE_DIR", cache),
            None => plain,
        };
        let exit = offshoot::run(&surroundings.with_arguments(arguments), &output);

        if exit == Exit::Done {
            return Some(data.text());
        }
        let talk = talk.text();
        let line = talk.lines().find(|line| line.contains("rror")).unwrap_or_default();
        let line: String = line.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
        *self.whole.refused.entry(line.chars().take(100).collect()).or_default() += 1;
        None
    }

    /// Every view of every environment.
    fn compare(&mut self) {
        let mut session = warehouse(&self.repository).session().expect("a session");
        for branch in &self.branches {
            let suffix = match (&branch.environment, branch.name.as_str()) {
                (_, "main") => String::new(),
                (Some(environment), _) => format!("__{environment}"),
                (None, _) => continue,
            };
            let Some(project) = &branch.shown else { continue };
            let expected = self.clean.build_clean(project).expect("it was built before");
            let drawn = drawn(project);
            let partial = branch.environment.as_deref().map(|name| partial(&self.repository, name, project));
            for (name, clean) in expected {
                if matches!(project.models[&name].kind, Kind::Embedded) || drawn.contains(&name) {
                    continue;
                }
                if partial.as_ref().is_some_and(|partial| partial.contains(&name)) {
                    self.whole.partial += 1;
                    continue;
                }
                let (schema, table) = name.split_once('.').expect("two parts");
                let rows = session.query(&format!("SELECT * FROM \"{schema}{suffix}\".\"{table}\""));
                self.whole.compared += 1;
                let told = match rows {
                    Ok(rows) => {
                        let content = Content::new(rows.columns, rows.rows);
                        if content.is_like(&clean.content) {
                            continue;
                        }
                        content.told()
                    }
                    Err(error) => error.to_string(),
                };
                self.whole.differences.push(format!(
                    "DIFFERENCE: {name} of {} (seed {})\nshown: {told}\nclean: {}\n{}",
                    branch.name,
                    self.seed,
                    clean.content.told(),
                    clean.text
                ));
            }
        }
    }
}

fn warehouse(repository: &Repository) -> DuckDb {
    DuckDb::file(repository.path().join("warehouse.duckdb"), Duration::from_secs(30))
}

/// The models of an environment that are loaded in part, or made of such.
fn partial(repository: &Repository, environment: &str, project: &Project) -> BTreeSet<String> {
    let path = repository.path().join(".offshoot/state.db");
    let state = SqliteState::open(&path, &ProjectName::new(""), &OpenMode::ReadOnlyIfExists).expect("a state");
    let environment = state.environment(&EnvironmentName::new(environment)).expect("readable").expect("it was applied");
    let key = |(name, pointer): (&ModelName, &Pointer)| TableKey {
        model: name.clone(),
        data_fingerprint: pointer.data_fingerprint,
    };
    let keys: Vec<TableKey> = environment.models.iter().map(key).collect();
    let tables = state.tables(&keys).expect("readable");
    let is_partial = |(name, pointer): &(&ModelName, &Pointer)| {
        let kind = project.models.get(&name.to_string()).map(|model| &model.kind);
        let lacks = match kind {
            Some(Kind::TimeRange { start, .. }) => {
                let first = Timestamp(NOW.0 - (5 - i64::from(*start)) * 86_400_000);
                let loaded = tables.get(&key((name, pointer))).map(|table| table.ledger.intervals());
                loaded.as_ref().map(Intervals::ranges) != Some(&[Interval { start: first, end: NOW }])
            }
            _ => false,
        };
        lacks || !pointer.basis.is_whole()
    };
    environment.models.iter().filter(is_partial).map(|(name, _)| name.to_string()).collect()
}

/// The models that differ.
fn changed(one: &Project, other: &Project) -> BTreeSet<String> {
    let names = one.models.keys().chain(other.models.keys());
    names.filter(|name| one.models.get(*name) != other.models.get(*name)).cloned().collect()
}
