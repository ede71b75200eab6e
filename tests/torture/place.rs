//! A project with its warehouse and its state at one moment of its life, of which any number of copies can be made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::aged::{SCHEMA_8, aged};
use super::disk::Disk;
use crate::lab::{self, bot, copy};
use crate::postgres::{Database, PASSWORD};
use crate::world::World;

/// Where warehouse and state lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A DuckDB file and an SQLite file.
    Files,
    /// The same, where DuckDB commits each statement by itself.
    OneByOne,
    /// One database of a PostgreSQL server for both.
    Server,
}

/// What the views of an environment show: columns and rows of each, by its name in prod.
pub(crate) type Views = BTreeMap<String, Vec<String>>;

/// One copy of a world; all of it goes with this value.
pub(crate) struct Place {
    root: PathBuf,
    database: Option<Database>,
    /// The disk that all of it is on, or the tables of its server.
    disk: Option<Disk>,
    _folder: TempDir,
}

/// A world in which a project lives until it is copied.
pub(crate) struct Cradle {
    pub(crate) world: World,
    database: Option<Database>,
}

impl Cradle {
    /// An empty one: nothing is committed but where warehouse and state are.
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Files | Kind::OneByOne => {
                let world = World::empty();
                let config = if kind == Kind::OneByOne { lab::each_statement() } else { lab::CONFIG.to_owned() };
                world.repository.write("config.yaml", config);
                world.repository.write(".gitignore", ".offshoot/\n*.duckdb*\n");
                Self { world, database: None }
            }
            Kind::Server => {
                let database = Database::new();
                let world = World::empty().with_variable("WAREHOUSE_PASSWORD", PASSWORD);
                let world = world.with_variable("WAREHOUSE_DATABASE", &database.name);
                world.repository.write("config.yaml", config(&database));
                Self { world, database: Some(database) }
            }
        }
    }

    /// What stands now, as a copy to make copies of.
    pub(crate) fn place(&self) -> Place {
        Place::of(self.world.repository.path(), self.database.as_ref())
    }

    /// The database of both; there is one on a server.
    pub(crate) fn server(&self) -> &Database {
        self.database.as_ref().expect("a server")
    }

    /// Makes its state an older program's.
    pub(crate) fn age(&self) {
        let lines = self.world.done(&["state", "export"]).stdout;
        self.world.repository.write("older.jsonl", aged(&lines));
        let file = self.world.repository.path().join(".offshoot/state.db");
        let import = || drop(self.world.done(&["state", "import", "older.jsonl"]));
        match &self.database {
            None => {
                std::fs::remove_file(&file).expect("it was there");
                import();
                rusqlite::Connection::open(&file).expect("opens").execute_batch(SCHEMA_8).expect("an older schema");
            }
            Some(database) => {
                let client = database.client();
                client.batch("DROP SCHEMA offshoot CASCADE").expect("it was there");
                import();
                client.batch(&format!("BEGIN; SET LOCAL search_path TO offshoot; {SCHEMA_8}; COMMIT")).expect("older");
            }
        }
        self.world.repository.remove("older.jsonl");
    }

    /// Every view of an environment, by the suffix of its schemas.
    pub(crate) fn shown(&self, suffix: &str) -> Views {
        shown(self.world.repository.path(), self.database.as_ref(), suffix)
    }
}

fn config(database: &Database) -> String {
    let address = database.address();
    format!(
        "gateways:\n  shared:\n    connection:\n      type: postgres\n      host: 127.0.0.1\n      port: {}\n      user: {}\n      \
         password: \"{{{{ env_var('WAREHOUSE_PASSWORD') }}}}\"\n      database: \"{{{{ env_var('WAREHOUSE_DATABASE') }}}}\"\n\
         model_defaults:\n  dialect: postgres\n  start: 2026-03-26\n",
        address.port, address.user
    )
}

impl Place {
    fn of(root: &Path, database: Option<&Database>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path().join("project");
        copy(root, &here);
        Self { root: here, database: database.map(Database::copy), disk: None, _folder: folder }
    }

    /// Another of the same, on a disk of its own.
    pub(crate) fn copied_on_a_disk(&self) -> Self {
        let disk = Disk::new();
        let folder = tempfile::tempdir().expect("a folder");
        let (here, database) = match &self.database {
            None => (disk.folder().join("project"), None),
            Some(database) => (folder.path().join("project"), Some(database.copy_to(&disk.folder().join("tables")))),
        };
        copy(&self.root, &here);
        Self { root: here, database, disk: Some(disk), _folder: folder }
    }

    /// Leaves so many bytes on its disk.
    pub(crate) fn leave(&self, bytes: u64) {
        self.disk.as_ref().expect("a disk of its own").leave(bytes);
    }

    /// Gives it room again, where it has a disk of its own.
    pub(crate) fn widen(&self) {
        if let Some(disk) = &self.disk {
            disk.widen();
        }
    }

    /// Another of the same.
    pub(crate) fn copied(&self) -> Self {
        Self::of(&self.root, self.database.as_ref())
    }

    /// The binary, about to run here.
    pub(crate) fn bot(&self, arguments: &[&str]) -> Command {
        bot_at(self.database.as_ref(), &self.root, arguments)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.bot(arguments).output().expect("the binary")
    }

    pub(crate) fn shown(&self, suffix: &str) -> Views {
        shown(&self.root, self.database.as_ref(), suffix)
    }

    /// Ends all connections to the database, as a server that is restarted does.
    pub(crate) fn cut(&self) {
        self.database.as_ref().expect("files have no connections").cut();
    }

    /// Lets the time pass after which a session that was not heard of counts as dead.
    pub(crate) fn forget_the_dead(&self) {
        self.database.as_ref().expect("a lock says of files who lives").forget_the_dead();
    }

    /// What `bot doctor --deep` finds wrong; nothing where all is well.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let ran = self.run(&["doctor", "--deep", "--format", "json"]);
        let page: serde_json::Value = serde_json::from_slice(&ran.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&ran.stderr)));
        let findings = page["findings"].as_array().expect("a list");
        let deep: Vec<_> = findings.iter().filter(|finding| finding["area"] == "deep").collect();
        assert!(!deep.is_empty(), "nothing was looked at: {page}");
        let wrong = findings.iter().filter(|finding| {
            finding["verdict"] == "error" || (finding["area"] == "deep" && finding["verdict"] != "ok")
        });
        wrong.map(|finding| format!("{}: {}", finding["check"], finding["message"])).collect()
    }

    /// What `bot env show` says; nothing where there is no such environment.
    pub(crate) fn environment(&self, name: &str) -> serde_json::Value {
        let ran = self.run(&["env", "show", name, "--format", "json"]);
        serde_json::from_slice(&ran.stdout).unwrap_or_default()
    }
}

/// The binary, about to run in a folder beside a database, where there is one.
pub(crate) fn bot_at(database: Option<&Database>, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = bot(folder, arguments);
    if let Some(database) = database {
        command.env("WAREHOUSE_PASSWORD", PASSWORD).env("WAREHOUSE_DATABASE", &database.name);
    }
    command
}

fn shown(root: &Path, database: Option<&Database>, suffix: &str) -> Views {
    match database {
        None => lab::shown(root, suffix).into_iter().map(|(name, view)| (name, view.lines())).collect(),
        Some(database) => database.shown(suffix),
    }
}
