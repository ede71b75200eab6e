//! A world for end-to-end tests: the shop project in a real git repository, a real DuckDB file and a real state, with
//! `bot` run in this process under fixed surroundings.
#![allow(dead_code, reason = "a tool for all test modules; no one of them uses all of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use offshoot::engine::Engine as _;
use offshoot::engine::duckdb::DuckDb;
use offshoot::error::Exit;
use offshoot::output::Output;
use offshoot::surroundings::{Surroundings, Terminal};
use offshoot::time::Timestamp;

use crate::lab;
use crate::repository::Repository;

/// The present of every run, unless the world is told another.
const NOW: &str = "2026-04-01";

/// A repository with its warehouse and state; all of it goes when it is dropped.
pub(crate) struct World {
    /// The repository, on `main` at first.
    pub(crate) repository: Repository,
    now: Timestamp,
    variables: BTreeMap<String, String>,
}

/// How one run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit.
    pub(crate) exit: Exit,
    /// Its data.
    pub(crate) stdout: String,
    /// Its talk.
    pub(crate) stderr: String,
}

impl World {
    /// The shop of `fixtures/projects/shop`, committed on `main`, with what the ERP system keeps in the warehouse.
    pub(crate) fn shop() -> Self {
        let world = Self::empty();
        world.copy("shop");
        world.repository.commit("the shop");
        world.erp();
        world
    }

    /// A repository without a file or a commit.
    pub(crate) fn empty() -> Self {
        let now = Timestamp::parse(NOW).expect("a moment");
        Self { repository: Repository::new(), now, variables: BTreeMap::new() }
    }

    /// The same world at another time.
    pub(crate) fn at(mut self, now: &str) -> Self {
        self.now = Timestamp::parse(now).expect("a moment");
        self
    }

    /// The same world with a variable set for every run.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Copies the files of `fixtures/projects/<name>` over those of the repository; nothing is committed.
    pub(crate) fn copy(&self, name: &str) -> &Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/projects").join(name);
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a fixture") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let inside = path.strip_prefix(&root).expect("below the root").to_str().expect("a plain name");
                let target = if inside == "gitignore" { ".gitignore" } else { inside };
                self.repository.write(target, std::fs::read(&path).expect("a fixture"));
            }
        }
        self
    }

    /// Makes the branch `feature/fx-rates` with the edits of `fixtures/projects/shop-branch`, committed.
    pub(crate) fn branch(&self) -> &Self {
        self.repository.branch("feature/fx-rates");
        self.copy("shop-branch");
        self.repository.commit("sales in euro");
        self
    }

    /// The shop with production promoted, and the branch of [`World::branch`] applied and checked out. Gives the
    /// environment's name too.
    pub(crate) fn applied() -> (Self, String) {
        let world = Self::shop();
        world.done(&["promote"]);
        world.branch();
        let applied = world.done(&["apply", "--format", "json"]).json();
        let name = applied["environment"].as_str().expect("a name").to_owned();
        (world, name)
    }

    /// Makes the external table that the shop reads.
    pub(crate) fn erp(&self) -> &Self {
        let sql = include_str!("../../fixtures/projects/shop/erp.sql");
        let mut session = self.engine().session().expect("a session");
        session.execute(sql).expect("the ERP system's table");
        self
    }

    /// Runs `bot` with these arguments in the repository's root.
    pub(crate) fn bot(&self, arguments: &[&str]) -> Ran {
        self.bot_in(self.repository.path(), arguments)
    }

    /// As [`World::bot`], and expects that all went well.
    pub(crate) fn done(&self, arguments: &[&str]) -> Ran {
        let ran = self.bot(arguments);
        assert_eq!(ran.exit, Exit::Done, "bot {}\n{}\n{}", arguments.join(" "), ran.stdout, ran.stderr);
        ran
    }

    /// Runs `bot` with further variables.
    pub(crate) fn bot_under(&self, variables: &[(&'static str, String)], arguments: &[&str]) -> Ran {
        self.run(self.repository.path(), variables, arguments)
    }

    /// Runs `bot` in another folder.
    pub(crate) fn bot_in(&self, folder: &Path, arguments: &[&str]) -> Ran {
        self.run(folder, &[], arguments)
    }

    /// Runs `bot` as a person at a terminal does.
    pub(crate) fn on_a_terminal(&self, arguments: &[&str]) -> Ran {
        self.run_at(Terminal::Yes, self.repository.path(), &[], arguments)
    }

    fn run(&self, folder: &Path, variables: &[(&'static str, String)], arguments: &[&str]) -> Ran {
        self.run_at(Terminal::No, folder, variables, arguments)
    }

    fn run_at(
        &self,
        terminal: Terminal,
        folder: &Path,
        variables: &[(&'static str, String)],
        arguments: &[&str],
    ) -> Ran {
        let (output, data, talk) = Output::in_memory();
        let cache = self.repository.path().join(".git/offshoot-cache").display().to_string();
        let mut surroundings = Surroundings::fixed(folder, self.now).with_variable("OFFSHOOT_CACHE_DIR", cache);
        surroundings.stdout = terminal;
        for (name, value) in &self.variables {
            surroundings = surroundings.with_variable(name, value);
        }
        for (name, value) in variables {
            surroundings = surroundings.with_variable(*name, value);
        }
        let exit = offshoot::run(&surroundings.with_arguments(arguments), &output);
        Ran { exit, stdout: data.text(), stderr: talk.text() }
    }

    /// The same as a process of its own, at the world's time: an example under [`lab::AS_BOT_AT`].
    pub(crate) fn process(&self, arguments: &[&str]) -> Command {
        let mut command = lab::bot(self.repository.path(), arguments);
        command.env(lab::AS_BOT_AT, self.now.date_time()).envs(&self.variables);
        command
    }

    /// The rows of a query on the warehouse itself, each cell as text; the file is closed again.
    pub(crate) fn sql(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.try_sql(sql).expect("the warehouse takes it")
    }

    /// As [`World::sql`], or what the engine says.
    pub(crate) fn try_sql(&self, sql: &str) -> offshoot::engine::Result<Vec<Vec<Option<String>>>> {
        let mut session = self.engine().session()?;
        Ok(session.query(sql)?.rows)
    }

    /// The first cell of the first row, as text.
    pub(crate) fn value(&self, sql: &str) -> String {
        let cell = self.sql(sql).into_iter().next().and_then(|row| row.into_iter().next());
        cell.expect("a row").unwrap_or_else(|| "NULL".into())
    }

    /// The names of all views with `schema.name`, in order.
    pub(crate) fn views(&self) -> Vec<String> {
        let rows = self.sql("SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1");
        rows.into_iter().map(|row| row[0].clone().expect("a name")).collect()
    }

    /// The warehouse; nothing is opened before its first session.
    pub(crate) fn engine(&self) -> DuckDb {
        DuckDb::file(self.warehouse(), Duration::from_secs(30))
    }

    /// The warehouse's file.
    pub(crate) fn warehouse(&self) -> PathBuf {
        self.repository.path().join("warehouse.duckdb")
    }

    /// The state's file.
    pub(crate) fn state(&self) -> PathBuf {
        self.repository.path().join(".offshoot/state.db")
    }

    /// All that the state remembers, as text; who writes at the moment is no part of it.
    pub(crate) fn remembered(&self) -> String {
        let connection = rusqlite::Connection::open(self.state()).expect("a state");
        let list = |sql: &str| -> Vec<String> {
            let mut statement = connection.prepare(sql).expect("a query");
            let width = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| {
                let cells = (0..width).map(|index| Ok(format!("{:?}", row.get_ref(index)?)));
                Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
            };
            statement.query_map([], row).expect("rows").map(|row| row.expect("a row")).collect()
        };
        let mut tables =
            connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").expect("a query");
        let tables =
            tables.query_map([], |row| row.get::<_, String>(0)).expect("rows").map(|name| name.expect("a name"));
        let lasting = tables.filter(|name| !["sessions", "claims", "fencing"].contains(&name.as_str()));
        let told = lasting.map(|name| format!("{name}\n{}\n", list(&format!("SELECT * FROM \"{name}\"")).join("\n")));
        told.collect()
    }
}

impl Ran {
    /// What an `apply` or `promote` with `--format json` built: each model with its intervals.
    pub(crate) fn builds(&self) -> BTreeMap<String, serde_json::Value> {
        let value = self.json();
        let builds = value["builds"].as_array().expect("a list").iter();
        let name = |build: &serde_json::Value| build["model"].as_str().expect("a name").to_owned();
        builds.map(|build| (name(build), build["intervals"].clone())).collect()
    }

    /// What was printed, as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in\n{}\nwith\n{}", self.stdout, self.stderr))
    }

    /// The error on stderr, as JSON.
    pub(crate) fn error(&self) -> serde_json::Value {
        serde_json::from_str(&self.stderr).unwrap_or_else(|error| panic!("{error} in\n{}", self.stderr))
    }
}

#[test]
fn a_world_plans_the_shop() {
    let world = World::shop();
    let ran = world.bot(&["plan", "--format", "json"]);
    assert_eq!(ran.exit, Exit::Done, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.json()["environment"], "prod");
    assert_eq!(world.value("SELECT count(*) FROM erp.stock_levels"), "9");
    assert!(!world.state().exists(), "a plan makes no state");
}
