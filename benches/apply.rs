//! What `bot apply` and `bot promote` cost beside the statements that they run: `cargo bench --bench apply -- [MODELS]`.
//!
//! Both are whole processes, from start to end. The bare statements are the same `CREATE TABLE … AS` and view statements,
//! run by the driver on a copy of the same file by as many connections, parents first. Rounds alternate between the two.
//! Nothing here fails for being slow; `docs/benchmarks.md` says what is wanted.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark runs processes and makes files of its own"
)]

mod generated;
mod measured;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use duckdb::Connection;
use generated::{commit, file, git, repository};
use measured::{Arguments, copy_file, copy_folder, least, median, run};

/// Rows of the one table that main has.
const EVENTS: usize = 100_000;
/// Models in ten that read it; the others join two of those.
const STAGING_IN_TEN: usize = 7;
const NOW: &str = "2026-02-01";
const WAREHOUSE: &str = "warehouse.duckdb";

fn main() {
    let arguments = Arguments::read(&[]);
    let models = arguments.numbers.first().copied().unwrap_or(1_000);
    let rounds = arguments.number("runs", 5);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // As many as `bot apply` takes when nobody says.
    let lab = Lab { models, jobs: arguments.number("jobs", cores.clamp(1, 4)), bot: arguments.bot().to_owned() };
    println!("{models} new models, {} connections, {}", lab.jobs, measured::machine());
    let scratch = tempfile::tempdir().expect("a folder");
    let template = scratch.path().join("template");
    lab.prepare(&template);
    // Once unmeasured: it tells what the tables and views are called, and files are in the system's memory after it.
    let (_, bare) = lab.round(&scratch.path().join("rehearsal"), &template, None, Turn::BotFirst);
    let mut times = Times::default();
    for round in 0..rounds {
        let turn = if round % 2 == 0 { Turn::BotFirst } else { Turn::BareFirst };
        let (taken, _) = lab.round(&scratch.path().join(format!("round-{round}")), &template, Some(&bare), turn);
        times.add(taken);
    }
    times.tell();
}

struct Lab {
    models: usize,
    jobs: usize,
    bot: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    BotFirst,
    BareFirst,
}

/// The statements that `bot` runs, as the rehearsal found them.
#[derive(Default)]
struct Bare {
    /// The schemas of the tables.
    schemas: Vec<String>,
    tables: Vec<Table>,
    /// Schemas and views of the branch's environment, in one transaction.
    branch: Vec<String>,
    /// The same of production.
    production: Vec<String>,
}

struct Table {
    /// `CREATE TABLE … AS`.
    sql: String,
    /// The tables that it reads and that are made here.
    parents: Vec<usize>,
}

/// One round: each of the two, in seconds.
struct Taken {
    apply: (Duration, Duration),
    promote: (Duration, Duration),
}

#[derive(Default)]
struct Times {
    apply: (Vec<Duration>, Vec<Duration>),
    promote: (Vec<Duration>, Vec<Duration>),
}

impl Times {
    fn add(&mut self, taken: Taken) {
        self.apply.0.push(taken.apply.0);
        self.apply.1.push(taken.apply.1);
        self.promote.0.push(taken.promote.0);
        self.promote.1.push(taken.promote.1);
    }

    fn tell(&self) {
        println!(
            "{:>12} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6}",
            "", "bot s", "least", "bare s", "least", "ratio", "want"
        );
        for (name, (bot, bare), wanted) in [("apply", &self.apply, 1.15), ("promote", &self.promote, 1.5)] {
            let ratio = median(bot) / median(bare);
            let (bot, bot_least, bare, bare_least) = (median(bot), least(bot), median(bare), least(bare));
            println!("{name:>12} {bot:>8.3} {bot_least:>8.3} {bare:>8.3} {bare_least:>8.3} {ratio:>6.2} {wanted:>6.2}");
        }
    }
}

impl Lab {
    /// Main with one model, promoted; and a branch with all the others, checked out.
    fn prepare(&self, root: &Path) {
        repository(root, &mut |stream| self.history(stream));
        git(root, &["checkout", "--quiet", "main"]);
        run(&mut self.command(root, "promote"));
        git(root, &["checkout", "--quiet", "feature/many"]);
    }

    fn history(&self, stream: &mut dyn Write) -> io::Result<()> {
        commit(stream, "refs/heads/main", 0, None, "first")?;
        file(
            stream,
            "config.yaml",
            "gateways:\n  local:\n    connection: {type: duckdb, database: warehouse.duckdb}\n\
             model_defaults: {dialect: duckdb, start: 2026-01-01}\n",
        )?;
        file(stream, ".gitignore", ".offshoot/\nwarehouse.duckdb*\n")?;
        file(stream, "models/core/events.sql", &model("core.events", &events()))?;
        commit(stream, "refs/heads/feature/many", 1, Some("refs/heads/main"), "many models")?;
        for index in 0..self.models {
            let (name, text) = (self.name(index), self.query(index, &|parent| self.reads(parent)));
            file(stream, &format!("models/{}.sql", name.replace('.', "/")), &model(&name, &text))?;
        }
        Ok(())
    }

    fn command(&self, root: &Path, what: &str) -> Command {
        let mut command = Command::new(&self.bot);
        command.current_dir(root).args([what, "--execution-time", NOW, "--jobs", &self.jobs.to_string()]);
        // An empty cache: everything is new to it.
        command.env("OFFSHOOT_CACHE_DIR", root.join(".offshoot/cache")).env("GIT_CONFIG_GLOBAL", "/dev/null");
        for variable in ["CI", "GITHUB_ACTIONS"] {
            command.env_remove(variable);
        }
        command
    }

    fn staging(&self) -> usize {
        (self.models * STAGING_IN_TEN / 10).max(2)
    }

    fn name(&self, index: usize) -> String {
        if index < self.staging() { format!("staging.stg_{index}") } else { format!("marts.mart_{index}") }
    }

    /// The models that one reads, besides `core.events`.
    fn parents(&self, index: usize) -> Vec<usize> {
        if index < self.staging() {
            return Vec::new();
        }
        vec![index * 7 % self.staging(), (index * 13 + 1) % self.staging()]
    }

    fn reads(&self, parent: Option<usize>) -> String {
        parent.map_or_else(|| "core.events".to_owned(), |parent| self.name(parent))
    }

    /// A model's query, with the names that are given for what it reads; `None` is `core.events`.
    fn query(&self, index: usize, reads: &dyn Fn(Option<usize>) -> String) -> String {
        if let [first, second] = self.parents(index)[..] {
            return format!(
                "SELECT\n  a.customer,\n  a.total + b.total AS total,\n  a.orders * {} AS weight,\n  b.last_day\n\
                 FROM {} AS a\nLEFT JOIN {} AS b\n  ON a.customer = b.customer\nWHERE a.orders > {}",
                1 + index % 9,
                reads(Some(first)),
                reads(Some(second)),
                index % 3
            );
        }
        let mut text =
            "SELECT\n  customer,\n  SUM(amount) AS total,\n  COUNT(*) AS orders,\n  MAX(day) AS last_day".to_owned();
        for column in 0..index % 6 {
            let _ =
                write!(text, ",\n  SUM(CASE WHEN amount > {} THEN amount ELSE 0 END) AS over_{column}", column * 10);
        }
        let _ = write!(text, "\nFROM {}\nWHERE amount <> {}\nGROUP BY customer", reads(None), index % 50);
        text
    }

    /// `bot apply` and `bot promote` on a copy of the template, and the bare statements on copies of the same files.
    fn round(&self, folder: &Path, template: &Path, bare: Option<&Bare>, turn: Turn) -> (Taken, Bare) {
        let root = folder.join("project");
        copy_folder(template, &root).expect("a copy");
        let (warehouse, alone) = (root.join(WAREHOUSE), folder.join("alone.duckdb"));
        copy_file(&warehouse, &alone).expect("a copy");
        let apply = both(
            turn,
            || run(&mut self.command(&root, "apply")).wall,
            || bare.map_or(Duration::ZERO, |bare| bare.apply(&alone, self.jobs)),
        );
        if bare.is_some() {
            assert_eq!(contents(&warehouse), contents(&alone), "both made the same tables and views");
        }
        git(&root, &["checkout", "--quiet", "main"]);
        git(&root, &["merge", "--quiet", "--ff-only", "feature/many"]);
        copy_file(&warehouse, &alone).expect("a copy");
        let promote = both(
            turn,
            || run(&mut self.command(&root, "promote")).wall,
            || bare.map_or(Duration::ZERO, |bare| bare.promote(&alone)),
        );
        let found = self.found(&warehouse);
        fs::remove_dir_all(folder).expect("the folder is ours");
        (Taken { apply, promote }, found)
    }

    /// The statements, from what the program left in the file.
    fn found(&self, warehouse: &Path) -> Bare {
        let connection = Connection::open(warehouse).expect("a warehouse");
        let physical = texts(
            &connection,
            "SELECT model, format('\"{}\".\"{}\"', schema_name, object_name) FROM offshoot__meta.objects \
             WHERE kind = 'table'",
        );
        let physical: BTreeMap<String, String> = physical.into_iter().collect();
        let columns: BTreeMap<String, String> = texts(
            &connection,
            "SELECT format('\"{}\".\"{}\"', schema_name, table_name), \
             string_agg(format('\"{}\"', column_name), ', ' ORDER BY column_index) FROM duckdb_columns() GROUP BY ALL",
        )
        .into_iter()
        .collect();
        let table = |index: usize| {
            let name = &physical[&self.name(index)];
            let query = self.query(index, &|parent| physical[&self.reads(parent)].clone());
            Table { sql: format!("CREATE TABLE {name} ({}) AS\n{query}", columns[name]), parents: self.parents(index) }
        };
        let views = texts(&connection, "SELECT schema_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL");
        let of = |branch: bool| {
            let mut statements: Vec<String> = Vec::new();
            let here: Vec<_> = views.iter().filter(|(schema, _)| schema.contains("__") == branch).collect();
            for (schema, sql) in here {
                let make = format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"");
                if !statements.contains(&make) {
                    statements.push(make);
                }
                statements.push(sql.replacen("CREATE VIEW", "CREATE OR REPLACE VIEW", 1));
            }
            statements
        };
        let schemas = texts(
            &connection,
            "SELECT DISTINCT schema_name, '' FROM offshoot__meta.objects WHERE kind = 'table' ORDER BY ALL",
        );
        Bare {
            schemas: schemas
                .into_iter()
                .map(|(schema, _)| format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""))
                .collect(),
            tables: (0..self.models).map(table).collect(),
            branch: of(true),
            production: of(false),
        }
    }
}

impl Bare {
    /// Opens the file, makes the tables by several connections, then the views in one transaction, and closes it.
    fn apply(&self, warehouse: &Path, jobs: usize) -> Duration {
        let begun = Instant::now();
        let connection = Connection::open(warehouse).expect("a warehouse");
        execute_all(&connection, &self.schemas);
        let queue = &Queue::default();
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                let connection = connection.try_clone().expect("a connection");
                scope.spawn(move || queue.work(&connection, &self.tables));
            }
        });
        in_transaction(&connection, &self.branch);
        connection.close().expect("the last connection");
        begun.elapsed()
    }

    /// Opens the file, makes the views in one transaction, and closes it.
    fn promote(&self, warehouse: &Path) -> Duration {
        let begun = Instant::now();
        let connection = Connection::open(warehouse).expect("a warehouse");
        in_transaction(&connection, &self.production);
        connection.close().expect("the last connection");
        begun.elapsed()
    }
}

fn in_transaction(connection: &Connection, statements: &[String]) {
    connection.execute_batch("BEGIN TRANSACTION").expect("a transaction");
    execute_all(connection, statements);
    connection.execute_batch("COMMIT").expect("it commits");
}

fn execute_all(connection: &Connection, statements: &[String]) {
    for sql in statements {
        connection.execute(sql, []).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
}

/// Which tables are taken and which are made.
#[derive(Default)]
struct Queue {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    taken: usize,
    made: BTreeSet<usize>,
}

impl Queue {
    /// Makes one table after the other; parents come earlier, so that waiting for them ends.
    fn work(&self, connection: &Connection, tables: &[Table]) {
        loop {
            let mut progress = self.progress.lock().expect("nobody panics");
            let index = progress.taken;
            let Some(table) = tables.get(index) else { return };
            progress.taken += 1;
            let waits = |progress: &mut Progress| table.parents.iter().any(|parent| !progress.made.contains(parent));
            drop(self.changed.wait_while(progress, waits).expect("nobody panics"));
            connection.execute(&table.sql, []).unwrap_or_else(|error| panic!("{error}: {}", table.sql));
            self.progress.lock().expect("nobody panics").made.insert(index);
            self.changed.notify_all();
        }
    }
}

fn both(turn: Turn, bot: impl FnOnce() -> Duration, bare: impl FnOnce() -> Duration) -> (Duration, Duration) {
    if turn == Turn::BotFirst {
        let bot = bot();
        return (bot, bare());
    }
    let bare = bare();
    (bot(), bare)
}

fn model(name: &str, query: &str) -> String {
    format!("MODEL (\n  name {name},\n  kind FULL\n);\n\n{query}\n")
}

fn events() -> String {
    format!(
        "SELECT\n  i AS id,\n  i % 1009 AS customer,\n  i * 7919 % 1000 AS amount,\n  DATE '2026-01-01' + CAST(i % 30 AS INT) AS day\n\
         FROM generate_series(1, {EVENTS}) AS g(i)"
    )
}

/// The models' tables and views, with the number of rows of each table.
fn contents(warehouse: &Path) -> Vec<(String, String)> {
    let connection = Connection::open(warehouse).expect("a warehouse");
    texts(
        &connection,
        "SELECT schema_name || '.' || table_name, estimated_size::TEXT FROM duckdb_tables() \
         WHERE schema_name <> 'offshoot__meta' \
         UNION ALL SELECT schema_name || '.' || view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
    )
}

/// Two columns of text.
fn texts(connection: &Connection, sql: &str) -> Vec<(String, String)> {
    let mut statement = connection.prepare(sql).expect("sound SQL");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<duckdb::Result<_>>().expect("texts")
}
