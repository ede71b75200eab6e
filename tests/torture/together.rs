//! Many processes at once on one server: branches are applied, main is promoted and collected, while others read production
//! and main moves on. In the end everything is as if one had come after the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::place::{Cradle, Kind, Views, bot_at};
use super::project::{BRANCHES, LATER, NOW, begin, branch, generations};
use super::random::Choices;
use crate::lab::copy;
use crate::postgres::{Database, rows};
use crate::world::World;

/// What a run of it is to be.
pub(crate) struct Plan {
    /// How many processes run at once.
    pub(crate) processes: usize,
    /// For how long new ones are started.
    pub(crate) time: Duration,
    /// How many are started at most.
    pub(crate) most: usize,
    pub(crate) seed: u64,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// How often each command ended with which code.
    pub(crate) ended: BTreeMap<String, usize>,
    /// Readings of production.
    pub(crate) readings: usize,
    /// How often main moved on.
    pub(crate) generations: usize,
    /// The tables that were built.
    pub(crate) built: usize,
    /// What must not be.
    pub(crate) failures: Vec<String>,
}

/// The life of one crowd.
struct Crowd<'a> {
    database: &'a Database,
    /// Where main is checked out.
    main: PathBuf,
    folders: Vec<PathBuf>,
    plan: &'a Plan,
    is_over: AtomicBool,
    started: AtomicUsize,
    report: Mutex<Report>,
}

/// Lets a crowd loose, and looks at what it leaves behind.
pub(crate) fn run(plan: &Plan) -> Report {
    let cradle = Cradle::new(Kind::Server);
    begin(&cradle.world);
    cradle.world.done(&["promote", "--execution-time", NOW]);
    let folder = tempfile::tempdir().expect("a folder");
    let folders = (0..BRANCHES).map(|number| checked_out(&cradle, number, folder.path())).collect();
    let crowd = Crowd {
        database: cradle.server(),
        main: cradle.world.repository.path().to_owned(),
        folders,
        plan,
        is_over: AtomicBool::new(false),
        started: AtomicUsize::new(0),
        report: Mutex::new(Report::default()),
    };
    crowd.live(&cradle.world);
    crowd.settle(&cradle);
    crowd.report.into_inner().expect("nobody panicked")
}

/// A clone in which a branch is checked out; odd ones want the same tables as the one before them.
fn checked_out(cradle: &Cradle, number: usize, folder: &Path) -> PathBuf {
    cradle.world.repository.checkout("main").branch(&format!("branch-{number}"));
    branch(&cradle.world, number / 2);
    let path = folder.join(format!("branch-{number}"));
    copy(cradle.world.repository.path(), &path);
    cradle.world.repository.checkout("main");
    path
}

impl Crowd<'_> {
    fn live(&self, world: &World) {
        let begin = Instant::now();
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| self.read())).collect();
            let writers: Vec<_> = (0..self.plan.processes)
                .map(|number| {
                    scope.spawn(move || self.write(Choices::new(self.plan.seed * 1000 + number as u64), begin))
                })
                .collect();
            let watcher = scope.spawn(|| {
                writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
                self.is_over.store(true, Ordering::SeqCst);
            });
            self.move_main(world);
            watcher.join().expect("the writers");
            readers.into_iter().for_each(|reader| reader.join().expect("a reader"));
        });
    }

    /// One of the processes after another.
    fn write(&self, mut choices: Choices, begin: Instant) {
        while begin.elapsed() < self.plan.time && self.started.fetch_add(1, Ordering::SeqCst) < self.plan.most {
            let folder = &self.folders[choices.below(self.folders.len())];
            let environment = environment_of(folder);
            let (folder, arguments): (&Path, Vec<&str>) = match choices.below(10) {
                0..=5 => (folder, vec!["apply", "--env", &environment, "--execution-time", NOW, "--jobs", "2"]),
                6 => (self.main.as_path(), vec!["run", "--execution-time", NOW]),
                7..=8 => (self.main.as_path(), vec!["promote", "--execution-time", NOW, "--jobs", "2"]),
                _ => (self.main.as_path(), vec!["gc", "--execution-time", NOW]),
            };
            let ran = bot_at(Some(self.database), folder, &arguments).output().expect("the binary");
            self.tell(&arguments, &ran);
        }
    }

    fn tell(&self, arguments: &[&str], ran: &Output) {
        let talk = String::from_utf8_lossy(&ran.stderr);
        let mut report = self.report.lock().expect("nobody panicked");
        let code = ran.status.code().map_or("a signal".to_owned(), |code| code.to_string());
        *report.ended.entry(format!("{}: {code}", arguments[0])).or_default() += 1;
        if !ran.status.success() {
            report.failures.push(format!("bot {}: {code}: {talk}", arguments.join(" ")));
        }
    }

    /// Main gets a new generation each time the one before is shown.
    fn move_main(&self, world: &World) {
        let client = self.database.client();
        let mut generation = 1;
        while !self.is_over.load(Ordering::SeqCst) {
            generation += 1;
            generations(world, generation);
            let shown = "SELECT generation FROM marts.generation_one";
            while !self.is_over.load(Ordering::SeqCst) && rows(&client, shown) != [generation.to_string()] {
                std::thread::yield_now();
            }
        }
        self.report.lock().expect("nobody panicked").generations = generation;
    }

    /// Reads production in a loop: no mix of two promotes, no row twice.
    fn read(&self) {
        let client = self.database.client();
        let (mut readings, mut wrong) = (0, Vec::new());
        while !self.is_over.load(Ordering::SeqCst) {
            let both =
                "SELECT one.generation, two.generation FROM marts.generation_one AS one, marts.generation_two AS two";
            wrong.extend(
                rows(&client, both).into_iter().filter(|row| row.split_once('|').is_none_or(|(one, two)| one != two)),
            );
            let twice = "SELECT 'twice', day, user_id FROM marts.daily GROUP BY day, user_id HAVING count(*) > 1";
            wrong.extend(rows(&client, twice));
            readings += 1;
        }
        let mut report = self.report.lock().expect("nobody panicked");
        report.readings += readings;
        report.failures.extend(wrong.into_iter().map(|row| format!("a reader saw {row}")));
    }

    /// Ends all that was begun, and holds it against the same commits one after the other.
    fn settle(&self, cradle: &Cradle) {
        let serial = Cradle::new(Kind::Server);
        let main = self.main.as_path();
        let mut shows: [BTreeMap<String, Views>; 2] = Default::default();
        for (cradle, shown) in [cradle, &serial].into_iter().zip(&mut shows) {
            let mut runs = vec![(main, vec!["promote", "--execution-time", NOW])];
            let environments: Vec<String> = self.folders.iter().map(|folder| environment_of(folder)).collect();
            for (folder, environment) in self.folders.iter().zip(&environments) {
                runs.push((folder, vec!["apply", "--env", environment, "--execution-time", NOW]));
            }
            for (folder, arguments) in runs {
                let ran = bot_at(Some(cradle.server()), folder, &arguments).output().expect("the binary");
                self.tell(&arguments, &ran);
            }
            shown.insert(String::new(), cradle.shown(""));
            shown.extend(environments.iter().map(|name| (name.clone(), cradle.shown(&format!("__{name}")))));
        }
        let [found, expected] = shows;
        let mut report = self.report.lock().expect("nobody panicked");
        for (environment, views) in &expected {
            assert!(!views.is_empty(), "{environment} shows something");
            if found[environment] != *views {
                report
                    .failures
                    .push(format!("`{environment}` is not what a serial run shows: {:?}", found[environment]));
            }
        }
        let client = self.database.client();
        let twice = "SELECT model, data_fingerprint, count(*) FROM offshoot.builds GROUP BY 1, 2 HAVING count(*) > 1";
        report.failures.extend(rows(&client, twice).into_iter().map(|row| format!("built more than once: {row}")));
        let left = rows(&client, "SELECT doing FROM offshoot.sessions");
        report.failures.extend(left.into_iter().map(|row| format!("a session is left: {row}")));
        report.built = rows(&client, "SELECT 1 FROM offshoot.builds").len();
        drop(client);
        report.failures.extend(cradle.place().complaints());
        let ran = bot_at(Some(self.database), main, &["gc", "--execution-time", LATER]).output().expect("the binary");
        if !ran.status.success() {
            report.failures.push(format!("gc in the end: {}", String::from_utf8_lossy(&ran.stderr)));
        }
        report.failures.extend(cradle.place().complaints());
    }
}

fn environment_of(folder: &Path) -> String {
    folder.file_name().expect("a name").to_string_lossy().replace('-', "_")
}

impl Report {
    /// A line of figures, and what was wrong.
    pub(crate) fn text(&self) -> String {
        let ended: Vec<String> = self.ended.iter().map(|(what, times)| format!("{what} × {times}")).collect();
        let failures: String = self.failures.iter().map(|failure| format!("WRONG: {failure}\n")).collect();
        format!(
            "{failures}together: {}; main moved {} times, {} readings, {} builds, {} wrong\n",
            ended.join(", "),
            self.generations,
            self.readings,
            self.built,
            self.failures.len()
        )
    }
}
