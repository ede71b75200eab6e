//! A walk from its seed: the world, what is known of it, and one step after the other.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use offshoot::time::Timestamp;

use super::branches::Branch;
use super::ir::Project;
use super::observe::{self, Fault, Warehouse};
use super::production::{Moment, Production};
use super::random::Choices;
use super::render::{START, files};
use super::report::{Finding, Report};
use super::source::{CREATE, Source};
pub(crate) use super::steps::Kills;
use super::steps::{Step, drawn};
use super::value::{HOUR, midnight};
use crate::lab;
use crate::postgres::{Database, PASSWORD};
use crate::world::World;

/// What walks are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) walks: u64,
    pub(crate) seed: u64,
    /// Steps of each walk.
    pub(crate) steps: usize,
    /// Damage that is done behind the program's back, once in each walk.
    pub(crate) fault: Option<Fault>,
    /// Whether commands are killed on their way; a walk's program must know itself as a process then.
    pub(crate) kills: Kills,
    /// Whether findings are cut down.
    pub(crate) cut: Cut,
    /// Where warehouse and state are.
    pub(crate) on: On,
}

/// Where warehouse and state of a walk are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// DuckDB with SQLite.
    DuckDb,
    /// One database of PostgreSQL.
    Postgres,
}

/// Whether a finding is cut down to few steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Down,
    Not,
}

/// Runs walks; their seeds follow each other.
pub(crate) fn run(plan: &Plan) -> Report {
    let mut report = Report::default();
    for seed in plan.seed..plan.seed + plan.walks {
        report.add(one(plan, seed));
    }
    report
}

/// One walk.
pub(crate) fn one(plan: &Plan, seed: u64) -> Report {
    let mut choices = Choices::new(seed.wrapping_mul(7_000_003));
    let steps = drawn(&mut choices, plan.steps, plan.kills);
    let mut report = walked((plan.on, seed), &steps, plan.fault);
    if plan.cut == Cut::Down && plan.fault.is_none() && !report.findings.is_empty() {
        let shorter = cut_down((plan.on, seed), steps);
        report.findings = walked((plan.on, seed), &shorter, None).findings;
    }
    report
}

/// Leaves out what the finding does not need, halves first.
fn cut_down(seed: (On, u64), mut steps: Vec<Step>) -> Vec<Step> {
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut place = 1;
        while place < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(place..(place + size).min(steps.len()));
            if walked(seed, &fewer, None).findings.is_empty() {
                place += size;
            } else {
                steps = fewer;
            }
        }
        size /= 2;
    }
    steps
}

fn walked((on, seed): (On, u64), steps: &[Step], fault: Option<Fault>) -> Report {
    let mut walk = Walk::new(on, seed);
    let damaged_before = 1 + steps.len() / 2;
    for (place, step) in steps.iter().enumerate() {
        walk.report.steps += 1;
        let damage = fault.filter(|_| place == damaged_before);
        let taken = catch_unwind(AssertUnwindSafe(|| {
            damage.map_or(Ok(()), |fault| walk.damage(fault))?;
            walk.take(*step)
        }));
        let wrong = match taken {
            Ok(Ok(())) => continue,
            Ok(Err(wrong)) => wrong,
            Err(panic) => format!("a panic: {}", panic.downcast_ref::<String>().cloned().unwrap_or_default()),
        };
        walk.report.findings.push(Finding { seed, story: std::mem::take(&mut walk.story), wrong });
        return walk.report;
    }
    if let Err(wrong) = walk.end() {
        walk.report.findings.push(Finding { seed, story: std::mem::take(&mut walk.story), wrong });
    }
    walk.report
}

/// A gateway of a database.
fn on_postgres(database: &Database) -> String {
    let address = database.address();
    format!(
        "gateways:\n  shared:\n    connection: {{type: postgres, host: 127.0.0.1, port: {}, user: {}, \
         password: \"{{{{ env_var('WAREHOUSE_PASSWORD') }}}}\", database: {}}}\n\
         model_defaults:\n  dialect: postgres\n  start: 2026-03-26\n",
        address.port, address.user, database.name
    )
}

/// What a commit of main has.
#[derive(Clone)]
pub(super) struct Commit {
    pub(super) project: Project,
    /// Its place among those of main.
    pub(super) place: usize,
}

/// Where a walk is.
pub(crate) struct Walk {
    pub(super) world: Option<World>,
    /// Where its tables are, if that is PostgreSQL.
    database: Option<Database>,
    pub(super) source: Source,
    pub(super) production: Production,
    pub(super) now: i64,
    /// Main's commits.
    pub(super) main: Vec<Project>,
    /// The commit that production shows.
    pub(super) promoted: Option<usize>,
    /// What production's entries show, by their numbers.
    pub(super) entries: BTreeMap<u64, Commit>,
    /// The branches that are open; the last one is checked out until main is edited.
    pub(super) open: Vec<Branch>,
    pub(super) branches: usize,
    /// What the other environment shows that is promoted to.
    pub(super) staging: Option<Project>,
    /// The last command.
    pub(super) last: Option<Vec<String>>,
    /// The line at which the next command is killed first.
    pub(super) kill: Option<usize>,
    pub(super) story: Vec<String>,
    pub(super) report: Report,
}

impl Walk {
    fn new(on: On, seed: u64) -> Self {
        let mut choices = Choices::new(seed.wrapping_mul(9_000_011));
        let (start, now) = (midnight(START), midnight("2026-04-01"));
        let project = Project::draw(&mut choices);
        let database = (on == On::Postgres).then(Database::new);
        let config = database.as_ref().map_or_else(|| lab::CONFIG.to_owned(), on_postgres);
        let config = format!("{config}snapshot_ttl: in 1 day\n");
        let world = lab::lab(&[("config.yaml", &config), ("offshoot.yaml", "gc: {history: 3}\n")]);
        let mut walk = Self {
            world: Some(world.with_variable("WAREHOUSE_PASSWORD", PASSWORD)),
            database,
            source: Source::begin(&mut choices, start, now),
            production: Production::default(),
            now,
            main: Vec::new(),
            promoted: None,
            entries: BTreeMap::new(),
            open: Vec::new(),
            branches: 0,
            staging: None,
            last: None,
            kill: None,
            story: Vec::new(),
            report: Report { walks: 1, ..Report::default() },
        };
        walk.commit(project, "the project");
        for (path, text) in files(&walk.main[0]) {
            walk.story.push(format!("{path}: {}", text.trim_end().replace('\n', " ")));
        }
        for model in &walk.main[0].models {
            let kind = format!("{:?}", model.kind);
            let kind = kind.split([' ', '{']).next().unwrap_or_default().to_owned();
            *walk.report.kinds.entry(kind).or_default() += 1;
        }
        walk.warehouse().execute(CREATE);
        walk.warehouse().execute(&walk.source.sql());
        walk
    }

    pub(super) fn world(&self) -> &World {
        self.world.as_ref().expect("there is one")
    }

    pub(super) fn warehouse(&self) -> Warehouse<'_> {
        self.database.as_ref().map_or_else(|| Warehouse::DuckDb(self.world()), Warehouse::Postgres)
    }

    pub(super) fn tell(&mut self, line: impl Into<String>) {
        self.story.push(line.into());
    }

    /// Commits a project on main.
    pub(super) fn commit(&mut self, project: Project, why: &str) {
        self.last = None;
        if !self.main.is_empty() {
            self.world().repository.checkout("main");
        }
        self.write(&project, why);
        self.main.push(project);
    }

    pub(super) fn write(&self, project: &Project, why: &str) {
        let world = self.world();
        for (path, text) in files(project) {
            world.repository.write(&path, text);
        }
        world.repository.commit(why);
    }

    /// The present project of main.
    pub(super) fn head(&self) -> Project {
        self.main.last().cloned().expect("a commit")
    }

    pub(super) fn pass(&mut self, hours: i64) {
        self.now += hours * HOUR;
        let now = Timestamp(self.now).date_time();
        self.world = self.world.take().map(|world| world.at(&now));
    }

    pub(super) fn moment<'a>(&self, source: &'a Source) -> Moment<'a> {
        Moment { source, now: self.now, start: midnight(START), end: self.now }
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Wait(hours) => {
                self.last = None;
                self.pass(hours);
                Ok(())
            }
            Step::Source(seed) => {
                let what = self.source.change(&mut Choices::new(seed), self.now);
                self.tell(format!("source: {what}"));
                self.warehouse().execute(&self.source.sql());
                Ok(())
            }
            Step::Edit(seed) => {
                let mut project = self.head();
                let what = project.edit(&mut Choices::new(seed));
                self.tell(format!("edit: {what}"));
                self.commit(project, &what);
                Ok(())
            }
            Step::Revert(seed) => {
                self.revert(&mut Choices::new(seed));
                Ok(())
            }
            Step::Branch(seed) => self.begin_branch(&mut Choices::new(seed)),
            Step::TooFew(seed) => self.refused_edit(&mut Choices::new(seed)),
            Step::Merge => {
                self.merge();
                Ok(())
            }
            Step::Promote => self.promote(),
            Step::Decide(seed) => self.promote_decided(&mut Choices::new(seed)),
            Step::Run => self.run(),
            Step::Rollback(seed) => self.rollback(&mut Choices::new(seed)),
            Step::Restate(seed) => self.restate(&mut Choices::new(seed)),
            Step::Gc => self.gc(),
            Step::Staging => self.staging(),
            Step::Again => self.again(),
            Step::Kill(seed) => {
                let mut choices = Choices::new(seed);
                let most = choices.one(&[30, 120, 400]);
                self.kill = Some(1 + choices.below(most));
                Ok(())
            }
        }
    }

    fn revert(&mut self, choices: &mut Choices) {
        let place = choices.below(self.main.len());
        let (before, mut project) = (self.main[place].clone(), self.head());
        project.notes += 1;
        let what = match choices.below(project.models.len() + 1) {
            0 => {
                project = Project { notes: project.notes, ..before };
                "all".to_owned()
            }
            number => {
                project.models[number - 1] = before.models[number - 1].clone();
                format!("`s.{}`", project.models[number - 1].name)
            }
        };
        self.tell(format!("revert: {what} as in commit {place}"));
        self.commit(project, "a revert");
    }

    fn damage(&mut self, fault: Fault) -> Result<(), String> {
        let project = self.production.project.clone();
        let names: Vec<&str> = project.iter().flat_map(|project| &project.models).map(|model| model.name).collect();
        let mut choices = Choices::new(self.now as u64);
        if let Some(told) = observe::damage(self.world(), &mut choices, fault, &names) {
            self.tell(format!("damage: {told}"));
        }
        Ok(())
    }

    /// At the end everything is in order.
    fn end(&mut self) -> Result<(), String> {
        let ran = self.bot(&["doctor", "--deep"]);
        match ran.exit {
            offshoot::error::Exit::Done => Ok(()),
            _ => Err(format!("doctor finds something\n{}{}", ran.stdout, ran.stderr)),
        }
    }
}
