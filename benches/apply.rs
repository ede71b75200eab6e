//! What `bot apply` and `bot promote` cost beside the statements that they run: `cargo bench --bench apply -- [MODELS]`.
//!
//! Both are whole processes, from start to end. The bare statements are the same `CREATE TABLE … AS` and view statements,
//! run by the driver on a copy of the same file by as many connections, parents first: by this program, which calls itself
//! with `--bare`. Rounds alternate between the two.
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
use std::time::Duration;

use duckdb::Connection;
use generated::{commit, file, git, repository};
use measured::{Arguments, Run, copy_file, copy_folder, least, median, run};
use serde::{Deserialize, Serialize};

/// Rows of the one table that main has.
const EVENTS: usize = 100_000;
/// Models in ten that read it; the others join two of those.
const STAGING_IN_TEN: usize = 7;
const NOW: &str = "2026-02-01";
const WAREHOUSE: &str = "warehouse.duckdb";
/// Beside a copy of it: what `--bare` runs.
const STATEMENTS: &str = "statements.json";

fn main() {
    let arguments = Arguments::read(&[]);
    if let Some(folder) = arguments.option("bare") {
        return bare(Path::new(folder), arguments.number("jobs", 1));
    }
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
    let (_, _, found) = lab.round(&scratch.path().join("rehearsal"), &template, None, Turn::BotFirst);
    let mut times = Times::default();
    for round in 0..rounds {
        let turn = if round % 2 == 0 { Turn::BotFirst } else { Turn::BareFirst };
        let folder = scratch.path().join(format!("round-{round}"));
        let (apply, promote, _) = lab.round(&folder, &template, Some(&found), turn);
        times.apply.push(apply);
        times.promote.push(promote);
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
#[derive(Clone, Default, Serialize, Deserialize)]
struct Bare {
    /// The schemas of the tables.
    schemas: Vec<String>,
    tables: Vec<Table>,
    /// Schemas and views, in one transaction.
    views: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Table {
    /// `CREATE TABLE … AS`.
    sql: String,
    /// The tables that it reads and that are made here.
    parents: Vec<usize>,
}

/// What the rehearsal found: the statements of `bot apply` and of `bot promote`.
struct Found {
    apply: Bare,
    promote: Bare,
}

/// `bot` and the bare statements.
type Pair = (Run, Run);

#[derive(Default)]
struct Times {
    apply: Vec<Pair>,
    promote: Vec<Pair>,
}

impl Times {
    fn tell(&self) {
        println!(
            "{:>12} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6} {:>9} {:>9} {:>6}",
            "", "bot s", "least", "bare s", "least", "ratio", "want", "bot CPU", "bare CPU", "ratio"
        );
        for (name, pairs, wanted) in [("apply", &self.apply, 1.15), ("promote", &self.promote, 1.5)] {
            let times = |part: &dyn Fn(&Pair) -> Duration| pairs.iter().map(part).collect::<Vec<_>>();
            let (bot, bare) = (times(&|pair| pair.0.wall), times(&|pair| pair.1.wall));
            let (bot_cpu, bare_cpu) = (median(&times(&|pair| pair.0.cpu)), median(&times(&|pair| pair.1.cpu)));
            println!(
                "{name:>12} {:>8.3} {:>8.3} {:>8.3} {:>8.3} {:>6.2} {wanted:>6.2} {bot_cpu:>9.3} {bare_cpu:>9.3} {:>6.2}",
                median(&bot),
                least(&bot),
                median(&bare),
                least(&bare),
                median(&bot) / median(&bare),
                bot_cpu / bare_cpu
            );
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

    /// `bot apply` and `bot promote` on a copy of the template, and the bare statements on copies of the same files. In the
    /// rehearsal nothing is known yet, and nothing runs in the bare statements' place.
    fn round(&self, folder: &Path, template: &Path, found: Option<&Found>, turn: Turn) -> (Pair, Pair, Found) {
        let root = folder.join("project");
        copy_folder(template, &root).expect("a copy");
        let warehouse = root.join(WAREHOUSE);
        let pair = |what: &str, statements: Option<&Bare>| {
            let alone = folder.join(what);
            fs::create_dir(&alone).expect("the folder is ours");
            copy_file(&warehouse, &alone.join(WAREHOUSE)).expect("a copy");
            let statements = statements.cloned().unwrap_or_default();
            fs::write(alone.join(STATEMENTS), serde_json::to_vec(&statements).expect("JSON")).expect("written");
            let bot = || run(&mut self.command(&root, what));
            let bare = || run(&mut self.bare_command(&alone));
            if turn == Turn::BotFirst {
                let bot = bot();
                return (bot, bare());
            }
            let bare = bare();
            (bot(), bare)
        };
        let apply = pair("apply", found.map(|found| &found.apply));
        if found.is_some() {
            let alone = folder.join("apply").join(WAREHOUSE);
            assert_eq!(contents(&warehouse), contents(&alone), "both made the same tables and views");
        }
        // Main becomes what the branch is, and no file changes.
        git(&root, &["checkout", "--quiet", "-B", "main"]);
        let promote = pair("promote", found.map(|found| &found.promote));
        let told = self.found(&warehouse);
        fs::remove_dir_all(folder).expect("the folder is ours");
        (apply, promote, told)
    }

    fn bare_command(&self, folder: &Path) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.arg("--bare").arg(folder).args(["--jobs", &self.jobs.to_string()]);
        command
    }

    /// The statements, from what the program left in the file.
    fn found(&self, warehouse: &Path) -> Found {
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
        let schemas =
            schemas.into_iter().map(|(schema, _)| format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"")).collect();
        let tables = (0..self.models).map(table).collect();
        Found {
            apply: Bare { schemas, tables, views: of(true) },
            promote: Bare { views: of(false), ..Bare::default() },
        }
    }
}

/// The bare statements of a folder on its file: opened, the tables made by several connections, then the views in one
/// transaction, closed.
fn bare(folder: &Path, jobs: usize) {
    let statements = fs::read(folder.join(STATEMENTS)).expect("statements");
    let statements: Bare = serde_json::from_slice(&statements).expect("our own JSON");
    let connection = Connection::open(folder.join(WAREHOUSE)).expect("a warehouse");
    execute_all(&connection, &statements.schemas);
    let (queue, tables) = (&Queue::default(), &statements.tables);
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(tables.len()) {
            let connection = connection.try_clone().expect("a connection");
            scope.spawn(move || queue.work(&connection, tables));
        }
    });
    in_transaction(&connection, &statements.views);
    connection.close().expect("the last connection");
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
