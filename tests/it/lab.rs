//! Small projects written in the test, looked at through what their views show.
#![allow(dead_code, reason = "a tool for all test modules; no one of them uses all of it")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use offshoot::engine::duckdb::DuckDb;
use offshoot::engine::{Engine as _, Session};

use crate::world::World;

/// A gateway of one DuckDB file, and nothing else.
pub(crate) const CONFIG: &str = "gateways:\n  local:\n    connection:\n      type: duckdb\n      \
                                 database: warehouse.duckdb\nmodel_defaults:\n  dialect: duckdb\n  start: 2026-03-26\n";

/// The same with a DuckDB that commits each statement by itself.
pub(crate) fn each_statement() -> String {
    let key = "database: warehouse.duckdb\n      offshoot_test_commits_each_statement: true";
    CONFIG.replace("database: warehouse.duckdb", key)
}

/// Orders in a seed, their days loaded by interval, the sum of these as a table, and a view of that.
pub(crate) const RAW: &str =
    "MODEL (name raw.orders, kind SEED (path '../seeds/orders.csv'), columns (id INT, amount INT, day DATE))";
pub(crate) const DAILY: &str = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day));\n\
                     SELECT day, amount FROM raw.orders WHERE day BETWEEN @start_date AND @end_date";
pub(crate) const TOTAL: &str = "MODEL (name marts.total, kind FULL);\nSELECT SUM(amount) AS amount FROM marts.daily";
pub(crate) const SHOWN: &str = "MODEL (name marts.shown, kind VIEW);\nSELECT amount FROM marts.total";

pub(crate) const ORDERS: &str = "id,amount,day\n1,10,2026-03-26\n2,20,2026-03-27\n3,30,2026-03-31\n";

/// A world of these: a seed, a table by day, one of it as a whole and a view of that. Nothing is promoted.
pub(crate) fn orders() -> World {
    lab(&[
        ("seeds/orders.csv", ORDERS),
        ("models/raw.sql", RAW),
        ("models/daily.sql", DAILY),
        ("models/total.sql", TOTAL),
        ("models/shown.sql", SHOWN),
    ])
}

/// What a view shows: its columns with their types, and its rows in an order that does not depend on the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    columns: Vec<(String, String)>,
    rows: Vec<Vec<Option<String>>>,
}

impl Shown {
    /// Columns and rows as lines of text.
    pub(crate) fn lines(&self) -> Vec<String> {
        let columns = self.columns.iter().map(|(name, data_type)| format!("{name} {data_type}"));
        let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "NULL".into());
        columns.chain(self.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join("|"))).collect()
    }
}

/// A world of these files, committed on `main`.
pub(crate) fn lab(files: &[(&str, &str)]) -> World {
    let world = World::empty();
    world.repository.write(".gitignore", ".offshoot/\n*.duckdb*\n");
    world.repository.write("config.yaml", CONFIG);
    edit(&world, files);
    world
}

/// Writes files and commits them.
pub(crate) fn edit(world: &World, files: &[(&str, &str)]) -> String {
    for (path, text) in files {
        world.repository.write(path, text);
    }
    world.repository.commit("an edit")
}

/// The binary, in a folder, with nothing of the developer's around it.
pub(crate) fn bot(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder).args(arguments).env("OFFSHOOT_CACHE_DIR", folder.join(".git/offshoot-cache"));
    // A run of the tests in CI is none of the program there.
    for says_so in ["CI", "GITHUB_ACTIONS"] {
        command.env_remove(says_so);
    }
    command
}

/// The variable under which an example runs as the binary, of which cargo tells tests alone.
pub(crate) const AS_BOT: &str = "OFFSHOOT_EXAMPLE_AS_BOT";

/// The moment at which it then is.
pub(crate) const AS_BOT_AT: &str = "OFFSHOOT_EXAMPLE_AS_BOT_AT";

/// Whether a line that the binary tells under `-vvv` is about a statement, the warehouse's or the state's.
pub(crate) fn is_of_statement(line: &str) -> bool {
    ["statement begins: ", "statement ends: ", "statement fails: ", "state write begins", "state write ends"]
        .iter()
        .any(|told| line.contains(told))
}

fn program() -> Command {
    match option_env!("CARGO_BIN_EXE_bot") {
        Some(path) => Command::new(path),
        None => {
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.env(AS_BOT, "1");
            command
        }
    }
}

/// Every view of an environment by its name in prod. `suffix` is what its schemas end with, such as `__dev`.
pub(crate) fn shown(folder: &Path, suffix: &str) -> BTreeMap<String, Shown> {
    let mut session = session(folder);
    let views = rows(session.as_mut(), "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal");
    let mut shown = BTreeMap::new();
    for view in views {
        let (schema, name) = (view[0].clone().expect("a schema"), view[1].clone().expect("a name"));
        let Some(plain) = schema.strip_suffix(suffix).filter(|plain| !plain.contains("__")) else { continue };
        let columns = rows(
            session.as_mut(),
            &format!(
                "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = '{schema}' AND table_name = '{name}' \
                 ORDER BY column_index"
            ),
        );
        let column = |row: Vec<Option<String>>| (row[0].clone().expect("a name"), row[1].clone().expect("a type"));
        let columns = columns.into_iter().map(column).collect();
        let rows = rows(session.as_mut(), &format!("SELECT * FROM \"{schema}\".\"{name}\" ORDER BY ALL"));
        shown.insert(format!("{plain}.{name}"), Shown { columns, rows });
    }
    shown
}

/// What prod of a build from nothing shows: a fresh repository of the files that are checked out here, promoted.
pub(crate) fn clean_build(world: &World, now: &str) -> BTreeMap<String, Shown> {
    let fresh = World::empty().at(now);
    let root = world.repository.path();
    for path in world.repository.git(&["ls-files"]).lines() {
        fresh.repository.write(path, std::fs::read(root.join(path)).expect("a file"));
    }
    fresh.repository.commit("all of it");
    fresh.done(&["promote"]);
    shown(fresh.repository.path(), "")
}

/// Fails with the names of the views that differ.
#[track_caller]
pub(crate) fn assert_same(found: &BTreeMap<String, Shown>, expected: &BTreeMap<String, Shown>, when: &str) {
    let names: std::collections::BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    for name in names {
        let (found, expected) = (found.get(name), expected.get(name));
        assert_eq!(found.map(|view| &view.columns), expected.map(|view| &view.columns), "columns of `{name}` {when}");
        let count = |view: Option<&Shown>| view.map(|view| view.rows.len());
        assert_eq!(count(found), count(expected), "rows of `{name}` {when}");
        assert_eq!(found, expected, "`{name}` {when}");
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// The suffix of the schemas of the only environment beside prod.
pub(crate) fn suffix(folder: &Path) -> String {
    let mut session = session(folder);
    let found = rows(
        session.as_mut(),
        "SELECT DISTINCT schema_name FROM duckdb_views() WHERE NOT internal AND contains(schema_name, '__')",
    );
    let schema = found.first().and_then(|row| row[0].clone()).expect("a view of an environment");
    schema[schema.find("__").expect("its suffix")..].to_owned()
}

fn session(folder: &Path) -> Box<dyn Session> {
    let engine = DuckDb::file(folder.join("warehouse.duckdb"), Duration::from_secs(30));
    engine.session().expect("a session")
}

fn rows(session: &mut dyn Session, sql: &str) -> Vec<Vec<Option<String>>> {
    session.query(sql).expect("a query").rows
}
