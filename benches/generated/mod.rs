//! A generated project in a real git repository: as large as one likes, and the same for the same numbers.
//!
//! Layers (sources, staging, hubs, marts in chains of 15), nested folders, 20 to 200 lines of SQL a model, hubs that 500
//! models read, a history of edits on main and a branch that edits one staging model. Files reach git by `fast-import`,
//! because a process or a loose object for each file would take longer than everything that is measured.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    missing_docs,
    reason = "benchmarks run git and make files of their own"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// How large a project is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) models: usize,
    /// Commits on main after the first, each of which edits three models.
    pub(crate) history: usize,
}

/// Models of a chain: each reads the one before it.
const CHAIN: usize = 15;
/// Readers of one hub.
const HUB_READERS: usize = 500;

/// Numbers that are the same every time.
struct Dice(u64);

impl Dice {
    fn of(index: usize) -> Self {
        Self((index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Which layer a model is of, and its number in there.
#[derive(Clone, Copy)]
enum Layer {
    Staging(usize),
    Hub(usize),
    Mart(usize),
}

impl Size {
    fn hubs(self) -> usize {
        self.models.div_ceil(HUB_READERS).max(2)
    }

    fn staging(self) -> usize {
        self.models * 2 / 5
    }

    fn layer(self, index: usize) -> Layer {
        if index < self.staging() {
            return Layer::Staging(index);
        }
        let index = index - self.staging();
        if index < self.hubs() { Layer::Hub(index) } else { Layer::Mart(index - self.hubs()) }
    }

    fn name(self, layer: Layer) -> String {
        match layer {
            Layer::Staging(index) => format!("staging.stg_{index}"),
            Layer::Hub(index) => format!("core.hub_{index}"),
            Layer::Mart(index) => format!("marts.mart_{index}"),
        }
    }

    fn path(self, layer: Layer) -> String {
        match layer {
            Layer::Staging(index) => {
                format!("models/staging/domain_{:02}/source_{:02}/stg_{index}.sql", index % 40, index / 40 % 25)
            }
            Layer::Hub(index) => format!("models/core/hub_{index}.sql"),
            Layer::Mart(index) => format!(
                "models/marts/team_{:02}/area_{:02}/mart_{index}.sql",
                index / CHAIN % 50,
                index / CHAIN / 50 % 20
            ),
        }
    }

    /// The text of a model; `edit` 0 is the first one.
    fn text(self, layer: Layer, edit: usize) -> String {
        match layer {
            Layer::Staging(index) => staging(index, edit),
            Layer::Hub(index) => hub(index, self, edit),
            Layer::Mart(index) => mart(index, self, edit),
        }
    }
}

fn header(name: &str, kind: &str, index: usize) -> String {
    format!(
        "MODEL (\n  name {name},\n  kind {kind},\n  owner team_{},\n  cron '@daily',\n  tags (generated, part_{}),\n  grain id,\n  description 'Model {index} of the generated project.'\n);\n\n",
        index % 50,
        index % 7
    )
}

fn staging(index: usize, edit: usize) -> String {
    let mut dice = Dice::of(index);
    let mut text =
        header(&format!("staging.stg_{index}"), if index.is_multiple_of(9) { "FULL" } else { "VIEW" }, index);
    text.push_str(
        "WITH source AS (\n  SELECT\n    id,\n    parent_id,\n    name,\n    amount,\n    quantity,\n    happened_at",
    );
    let extra = 4 + dice.below(60);
    for column in 0..extra {
        let _ = write!(text, ",\n    field_{column}");
    }
    let _ = write!(
        text,
        "\n  FROM raw.table_{}\n), cleaned AS (\n  SELECT\n    id,\n    parent_id,\n    TRIM(name) AS name,\n    amount,\n    quantity,\n    happened_at",
        index % RAW_TABLES
    );
    for column in 0..extra {
        let line = match column % 5 {
            0 => format!("COALESCE(field_{column}, 0) AS field_{column}"),
            1 => format!(
                "CASE WHEN field_{column} > {} THEN 'high' WHEN field_{column} IS NULL THEN 'none' ELSE 'low' END AS field_{column}",
                dice.below(100)
            ),
            2 => format!("CAST(field_{column} AS DECIMAL(18, 2)) AS field_{column}"),
            3 => format!("LOWER(TRIM(field_{column})) AS field_{column} /* as the source has it */"),
            _ => format!("field_{column} * {} + {} AS field_{column}", 1 + dice.below(9), dice.below(1000)),
        };
        let _ = write!(text, ",\n    {line}");
    }
    let _ = write!(
        text,
        "\n  FROM source\n  WHERE NOT id IS NULL AND amount >= {edit}\n), ranked AS (\n  SELECT\n    *,\n    ROW_NUMBER() OVER (PARTITION BY id ORDER BY happened_at DESC, name) AS rank_of_row\n  FROM cleaned\n)\n-- the newest row of each id\nSELECT\n  id,\n  parent_id,\n  name,\n  amount,\n  quantity,\n  happened_at"
    );
    for column in (0..extra).step_by(3) {
        let _ = write!(text, ",\n  field_{column}");
    }
    text.push_str("\nFROM ranked\nWHERE rank_of_row = 1\n");
    text
}

fn hub(index: usize, size: Size, edit: usize) -> String {
    let mut text = header(&format!("core.hub_{index}"), "FULL", index);
    let _ = write!(
        text,
        "SELECT\n  a.id,\n  a.parent_id,\n  a.name,\n  SUM(b.amount + {edit}) AS amount,\n  MAX(b.quantity) AS quantity,\n  MIN(b.happened_at) AS happened_at\nFROM {} AS a\nLEFT JOIN {} AS b\n  ON a.id = b.parent_id\nGROUP BY a.id, a.parent_id, a.name\n",
        size.name(Layer::Staging(index * 7 % size.staging())),
        size.name(Layer::Staging((index * 7 + 1) % size.staging()))
    );
    text
}

fn mart(index: usize, size: Size, edit: usize) -> String {
    let mut dice = Dice::of(index + 1_000_000);
    let kind =
        ["FULL", "VIEW", "FULL", "VIEW", "FULL", "INCREMENTAL_BY_TIME_RANGE (time_column happened_at)"][index % 6];
    let mut text = header(&format!("marts.mart_{index}"), kind, index);
    let first = match index % CHAIN {
        0 => size.name(Layer::Staging(dice.below(size.staging()))),
        _ => size.name(Layer::Mart(index - 1)),
    };
    let side = size.name(Layer::Staging(dice.below(size.staging())));
    let hub = size.name(Layer::Hub(index / HUB_READERS % size.hubs()));
    let steps = 1 + dice.below(6);
    let _ = write!(
        text,
        "WITH base AS (\n  SELECT\n    f.id,\n    f.parent_id,\n    f.name,\n    f.amount,\n    s.quantity,\n    f.happened_at\n  FROM {first} AS f\n  INNER JOIN {side} AS s\n    ON f.id = s.id AND s.amount > {edit}\n  WHERE f.amount BETWEEN {} AND {}\n)",
        dice.below(10),
        100 + dice.below(100)
    );
    for step in 0..steps {
        let above = if step == 0 { "base".to_owned() } else { format!("step_{}", step - 1) };
        let _ = write!(
            text,
            ", step_{step} AS (\n  SELECT\n    x.id,\n    x.parent_id,\n    UPPER(x.name) AS name,\n    x.amount,\n    x.quantity,\n    x.happened_at"
        );
        for column in 0..dice.below(12) {
            let _ = write!(
                text,
                ",\n    SUM(CASE WHEN x.quantity > {} AND x.name <> 'n{column}' THEN x.amount * {} ELSE 0 END) OVER (PARTITION BY x.parent_id) AS measure_{step}_{column}",
                dice.below(50),
                1 + dice.below(5)
            );
        }
        let _ = write!(
            text,
            "\n  FROM {above} AS x\n  WHERE x.id % {} <> 0 OR x.name IN ('a', 'b', 'c')\n)",
            2 + dice.below(9)
        );
    }
    let time = if index % 6 == 5 { "\nWHERE m.happened_at BETWEEN @start_ts AND @end_ts" } else { "" };
    let _ = write!(
        text,
        "\nSELECT\n  m.id,\n  MAX(m.parent_id) AS parent_id,\n  MAX(h.name) AS name,\n  SUM(m.amount) AS amount,\n  AVG(m.quantity) AS quantity,\n  m.happened_at"
    );
    for column in 0..dice.below(30) {
        let _ = write!(
            text,
            ",\n  SUM(m.amount * {}) / NULLIF(COUNT(DISTINCT m.name), 0) AS ratio_{column}",
            1 + dice.below(7)
        );
    }
    let _ = write!(
        text,
        "\nFROM step_{} AS m\nLEFT JOIN {hub} AS h\n  ON m.parent_id = h.id{time}\nGROUP BY m.id, m.happened_at\n",
        steps - 1
    );
    text
}

const CONFIG: &str = "gateways:\n  local:\n    connection: {type: duckdb, database: warehouse.duckdb}\n\
                      model_defaults: {dialect: duckdb, start: 2026-01-01}\n";

/// Tables that staging reads.
const RAW_TABLES: usize = 200;

/// The columns of each of them with their types, `between` the two what the notation wants.
fn raw_columns(between: &str) -> String {
    let mut columns: Vec<String> = [("id", "INT"), ("parent_id", "INT"), ("name", "TEXT"), ("amount", "INT")]
        .into_iter()
        .chain([("quantity", "INT"), ("happened_at", "TIMESTAMP")])
        .map(|(name, kind)| format!("{name}{between}{kind}"))
        .collect();
    for field in 0..64 {
        let kind = if field % 5 == 3 { "TEXT" } else { "INT" };
        columns.push(format!("field_{field}{between}{kind}"));
    }
    columns.join(", ")
}

/// The tables that staging reads, as the project declares them.
fn external() -> String {
    let columns = raw_columns(": ");
    let mut text = String::new();
    for table in 0..RAW_TABLES {
        let _ = writeln!(text, "- name: raw.table_{table}\n  columns: {{{columns}}}");
    }
    text
}

/// SQL that makes them, without rows.
pub(crate) fn raw_tables() -> String {
    let columns = raw_columns(" ");
    let mut text = "CREATE SCHEMA raw;\n".to_owned();
    for table in 0..RAW_TABLES {
        let _ = writeln!(text, "CREATE TABLE raw.table_{table} ({columns});");
    }
    text
}

pub(crate) fn git(root: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .current_dir(root)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "core.autocrlf=false"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .status()
        .expect("git is installed");
    assert!(status.success(), "git {arguments:?}");
}

/// Writes the project into an empty folder: main with its history, and `feature/one`, checked out, with one model edited.
pub(crate) fn project(root: &Path, size: Size) {
    repository(root, &mut |stream| stream_history(stream, size));
    git(root, &["checkout", "--quiet", "feature/one"]);
}

/// A repository of the commits that are written to the stream, in one pack; nothing is checked out.
pub(crate) fn repository(root: &Path, commits: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) {
    fs::create_dir_all(root).expect("a folder");
    git(root, &["init", "--quiet", "--initial-branch=main"]);
    let mut import = Command::new("git")
        .current_dir(root)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("git is installed");
    {
        let mut stream = BufWriter::new(import.stdin.take().expect("a pipe"));
        commits(&mut stream).and_then(|()| writeln!(stream, "done")).expect("git takes the stream");
    }
    assert!(import.wait().expect("git ends").success());
    // As a server sends it: one pack, deltas found.
    git(root, &["-c", "pack.threads=2", "repack", "-adfq", "--depth=20", "--window=5"]);
}

fn stream_history(stream: &mut dyn Write, size: Size) -> io::Result<()> {
    commit(stream, "refs/heads/main", 0, None, "first")?;
    file(stream, "config.yaml", CONFIG)?;
    file(stream, ".gitignore", ".offshoot/\nwarehouse.duckdb*\n")?;
    file(stream, "external_models.yaml", &external())?;
    for index in 0..size.models {
        let layer = size.layer(index);
        file(stream, &size.path(layer), &size.text(layer, 0))?;
    }
    for edit in 1..=size.history {
        commit(stream, "refs/heads/main", edit, None, "an edit")?;
        for step in 0..3 {
            let layer = size.layer((edit * 37 + step * 211) % size.models);
            file(stream, &size.path(layer), &size.text(layer, edit))?;
        }
    }
    commit(stream, "refs/heads/feature/one", size.history + 1, Some("refs/heads/main"), "one model")?;
    let layer = Layer::Staging(size.staging() / 2);
    file(stream, &size.path(layer), &size.text(layer, 1000))
}

pub(crate) fn commit(
    stream: &mut dyn Write,
    name: &str,
    number: usize,
    from: Option<&str>,
    message: &str,
) -> io::Result<()> {
    writeln!(
        stream,
        "commit {name}\ncommitter Ada <ada@example.org> {} +0000\ndata {}\n{message}",
        1_780_000_000 + number * 60,
        message.len()
    )?;
    from.map_or(Ok(()), |from| writeln!(stream, "from {from}"))
}

pub(crate) fn file(stream: &mut dyn Write, path: &str, text: &str) -> io::Result<()> {
    writeln!(stream, "M 100644 inline {path}\ndata {}\n{text}", text.len())
}
