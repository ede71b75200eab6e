//! A run that is killed: at any moment, the next one goes on and ends with what a build from nothing would show.
//!
//! The child tells each engine statement on stderr (`-vv`) as it begins and ends; the test reads along and kills at a
//! line drawn by a seeded generator. No clock is asked and nothing sleeps.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::lab::{self, Shown, assert_same, bot, copy, edit, lab, shown};
use crate::world::World;

const NOW: &str = "2026-04-01";
const APPLY: &[&str] = &["apply", "--env", "dev", "--execution-time", NOW, "--jobs", "2"];
const PROMOTE: &[&str] = &["promote", "--execution-time", NOW, "--jobs", "2"];

/// Numbers that look random and are the same in every run (xorshift).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).expect("small")).expect("small")
    }
}

/// How a run ended that was to be killed.
pub(crate) struct Killed {
    /// The lines that it told before it was gone, of those that count.
    pub(crate) lines: usize,
    /// Whether it was gone before it could end by itself.
    pub(crate) by_signal: bool,
}

/// Runs the binary and kills it when it tells its `at`th statement line; 0 lets it live.
fn run_and_kill(folder: &Path, arguments: &[&str], at: usize) -> Killed {
    let counts = |line: &str| line.contains("statement begins: ") || line.contains("statement ends: ");
    run_and_kill_where(folder, arguments, at, counts)
}

/// Runs the binary and kills it when it tells the `at`th line that counts; 0 lets it live.
pub(crate) fn run_and_kill_where(
    folder: &Path,
    arguments: &[&str],
    at: usize,
    counts: impl Fn(&str) -> bool,
) -> Killed {
    let mut command = bot(folder, arguments);
    let mut child = command.arg("-vv").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary");
    let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let (mut lines, mut talk) = (0, String::new());
    for line in stderr.lines() {
        let line = line.expect("text");
        if counts(&line) {
            lines += 1;
            if lines == at {
                child.kill().expect("it is ours");
            }
        } else {
            talk.push_str(&line);
            talk.push('\n');
        }
    }
    let status = child.wait().expect("its status");
    let by_signal = status.signal() == Some(9);
    assert!(by_signal || status.success(), "{status}: {talk}");
    Killed { lines, by_signal }
}

/// The same where each statement counts as it begins and as it ends, and each write of the state.
pub(crate) fn run_and_kill_anywhere(folder: &Path, arguments: &[&str], at: usize) -> Killed {
    let told = ["statement begins: ", "statement ends: ", "state write begins", "state write ends"];
    run_and_kill_where(folder, arguments, at, |line| told.iter().any(|told| line.contains(told)))
}

fn seed(rows: usize, salt: usize) -> String {
    let row = |id: usize| {
        let (user, day, amount) = (id * 7 % 97, 26 + id * 13 % 6, (id * 31 + salt) % 1000);
        format!("{id},{user},{amount}.50,2026-03-{day:02} 10:00:00\n")
    };
    format!("id,user_id,amount,happened\n{}", (0..rows).map(row).collect::<String>())
}

fn time_range(name: &str, parent: &str) -> String {
    format!(
        "MODEL (name marts.{name}, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 1));\n\
         SELECT day, user_id, SUM(amount) AS amount, COUNT(*) AS events FROM {parent}\n\
         WHERE day BETWEEN @start_date AND @end_date GROUP BY day, user_id"
    )
}

/// Every kind, many batches; the branch changes the seed and a filter below everything else.
fn project() -> World {
    let events = "MODEL (name raw.events, kind SEED (path '../seeds/events.csv'), columns (id INT, user_id INT, \
                  amount DECIMAL(10,2), happened TIMESTAMP))";
    let daily = time_range("daily", "staging.clean");
    let weekly = time_range("daily_again", "marts.daily_events");
    let world = lab(&[
        ("seeds/events.csv", &seed(3000, 0)),
        ("models/events.sql", events),
        (
            "models/staging_events.sql",
            "MODEL (name staging.events, kind VIEW);\n\
             SELECT id, user_id, amount, CAST(happened AS DATE) AS day FROM raw.events WHERE amount > 10",
        ),
        (
            "models/clean.sql",
            "MODEL (name staging.clean, kind EMBEDDED);\nSELECT id, user_id, amount, day FROM staging.events WHERE id > 0",
        ),
        ("models/daily.sql", &daily),
        (
            "models/daily_events.sql",
            "MODEL (name marts.daily_events, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 1));\n\
             SELECT id, day, user_id, amount FROM staging.clean WHERE day BETWEEN @start_date AND @end_date",
        ),
        ("models/daily_again.sql", &weekly),
        (
            "models/latest.sql",
            "MODEL (name marts.latest, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key user_id, batch_size 1));\n\
             SELECT user_id, MAX(id) AS id, MAX(day) AS day FROM staging.clean\n\
             WHERE day BETWEEN @start_date AND @end_date GROUP BY user_id",
        ),
        (
            "models/users.sql",
            "MODEL (name marts.users, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key user_id));\n\
             SELECT user_id, COUNT(*) AS events FROM staging.clean GROUP BY user_id",
        ),
        (
            "models/totals.sql",
            "MODEL (name marts.totals, kind FULL);\n\
             SELECT d.user_id, SUM(d.amount) AS amount, MAX(l.day) AS day FROM marts.daily AS d\n\
             JOIN marts.latest AS l ON l.user_id = d.user_id GROUP BY d.user_id",
        ),
        (
            "models/top.sql",
            "MODEL (name marts.top, kind VIEW);\nSELECT user_id, amount FROM marts.totals WHERE amount > 1000",
        ),
    ]);
    world.done(&["promote"]);
    world
}

fn change(world: &World) {
    edit(
        world,
        &[
            ("seeds/events.csv", &seed(3100, 5)),
            (
                "models/staging_events.sql",
                "MODEL (name staging.events, kind VIEW);\n\
                 SELECT id, user_id, amount, CAST(happened AS DATE) AS day FROM raw.events WHERE amount > 20",
            ),
            ("models/new.sql", "MODEL (name marts.new, kind FULL);\nSELECT COUNT(*) AS n FROM marts.totals"),
        ],
    );
}

/// A copy of all that a world is, which goes with the folder.
pub(crate) fn copied(world: &World) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("project");
    copy(world.repository.path(), &root);
    (folder, root)
}

/// Statement lines of a run from here to the end.
fn lines_of(world: &World, arguments: &[&str]) -> usize {
    let (_folder, root) = copied(world);
    let run = run_and_kill(&root, arguments, 0);
    assert!(!run.by_signal);
    run.lines
}

#[test]
fn apply_goes_on_after_kill_9() {
    let world = project();
    world.repository.branch("feature");
    change(&world);
    let expected = lab::clean_build(&world, NOW);
    let lines = lines_of(&world, APPLY);
    assert!(lines > 200, "enough moments to die in: {lines}");
    let mut draw = Draw(0x5eed);
    let (mut kills, mut between) = (0, 0);
    while kills < 30 {
        let (_folder, root) = copied(&world);
        // Two deaths in a row: the second run dies on the way on from where the first one died.
        let first = run_and_kill(&root, APPLY, 1 + draw.below(lines - 1));
        let left = lines.saturating_sub(first.lines);
        let second = run_and_kill(&root, APPLY, 1 + draw.below(left.max(2) - 1));
        kills += usize::from(first.by_signal) + usize::from(second.by_signal);
        between += usize::from(first.by_signal && first.lines < lines);
        between += usize::from(second.by_signal && second.lines < left);
        let last = run_and_kill(&root, APPLY, 0);
        assert!(!last.by_signal);
        assert_same(
            &shown(&root, "__dev"),
            &expected,
            &format!("after deaths at {} and {}", first.lines, second.lines),
        );
    }
    assert!(between >= 25, "only {between} of {kills} died between the first and the last statement");
}

#[test]
fn promote_goes_on_after_kill_9() {
    let world = project();
    let before = shown(world.repository.path(), "");
    change(&world);
    let expected = lab::clean_build(&world, NOW);
    let lines = lines_of(&world, PROMOTE);
    let mut draw = Draw(0xbeef);
    let (mut kills, mut old, mut new) = (0, 0, 0);
    for round in 0..14 {
        let (_folder, root) = copied(&world);
        // The last line is the end of the swap's commit; what the state has to be told comes after it.
        let at = if round < 8 { 1 + draw.below(lines - 1) } else { lines - round % 2 };
        let killed = run_and_kill(&root, PROMOTE, at);
        kills += usize::from(killed.by_signal);
        let seen = shown(&root, "");
        if is_same(&seen, &before) {
            old += 1;
        } else {
            assert_same(&seen, &expected, &format!("after a death at {}: neither old nor new", killed.lines));
            new += 1;
        }
        assert!(!run_and_kill(&root, PROMOTE, 0).by_signal);
        assert_same(&shown(&root, ""), &expected, &format!("after a death at {}", killed.lines));
    }
    assert!(kills >= 10, "only {kills} runs died");
    assert!(old > 0 && new > 0, "died before the swap {old} times, after it {new} times");
}

fn is_same(one: &BTreeMap<String, Shown>, other: &BTreeMap<String, Shown>) -> bool {
    one == other
}

/// Twelve tables that need nothing but one query each: `apply` makes several of them in one transaction.
fn small_tables() -> World {
    let events = "MODEL (name raw.events, kind SEED (path '../seeds/events.csv'), columns (id INT, user_id INT, \
                  amount DECIMAL(10,2), happened TIMESTAMP))";
    let world = lab(&[("seeds/events.csv", &seed(300, 0)), ("models/events.sql", events)]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    let model = |number: usize| {
        let parent = if number < 9 { "raw.events".to_owned() } else { format!("marts.small_{}", number - 9) };
        let text =
            format!("MODEL (name marts.small_{number}, kind FULL);\nSELECT user_id, id + {number} AS id FROM {parent}");
        (format!("models/small_{number}.sql"), text)
    };
    let models: Vec<(String, String)> = (0..12).map(model).collect();
    edit(&world, &models.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    world
}

/// The small tables that are there, and those that the warehouse says are ours.
fn there_and_ours(root: &Path) -> [Vec<Vec<Option<String>>>; 2] {
    let engine = offshoot::engine::duckdb::DuckDb::file(root.join("warehouse.duckdb"), std::time::Duration::ZERO);
    let mut session = offshoot::engine::Engine::session(&engine).expect("a session");
    let mut ask = |sql: &str| session.query(sql).expect("rows").rows;
    [
        ask("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'small_%' ORDER BY 1"),
        ask(
            "SELECT object_name FROM offshoot__meta.objects WHERE object_name LIKE 'small_%' AND kind = 'table' ORDER BY 1",
        ),
    ]
}

#[test]
fn tables_that_share_a_transaction_are_all_there_or_none_after_kill_9() {
    let world = small_tables();
    let expected = lab::clean_build(&world, NOW);
    let lines = lines_of(&world, APPLY);
    let (mut partly, mut kills) = (0, 0);
    for at in (1..lines).step_by((lines / 16).max(1)) {
        let (_folder, root) = copied(&world);
        kills += usize::from(run_and_kill(&root, APPLY, at).by_signal);
        let [there, ours] = there_and_ours(&root);
        assert_eq!(there, ours, "after a death at {at}: each table is as old as what vouches for it");
        partly += usize::from(!there.is_empty() && there.len() < 12);
        assert!(!run_and_kill(&root, APPLY, 0).by_signal);
        assert_same(&shown(&root, "__dev"), &expected, &format!("after a death at {at}"));
    }
    assert!(kills >= 12 && partly > 0, "{kills} died, {partly} of them with a part of the tables");
}

#[test]
fn small_tables_share_transactions_and_sessions() {
    let world = small_tables();
    let (_folder, root) = copied(&world);
    let mut command = bot(&root, &["apply", "--env", "dev", "--execution-time", NOW, "--jobs", "1", "-vv"]);
    let ran = command.output().expect("the binary");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{told}");
    let count = |statement: &str| told.matches(&format!("statement ends: \"{statement}")).count();
    assert_eq!(count("CREATE TABLE \\\"offshoot__marts"), 12, "{told}");
    // The claim, the tables, the views.
    assert!(count("COMMIT") < 10, "{told}");
    assert_eq!(count("SELECT count"), 0, "nobody counts what the engine has told");
}

/// A load that adds to what is there may not be made twice, though nobody knows whether a run that died had made it.
#[test]
fn a_load_that_adds_up_is_counted_once_after_kill_9() {
    let events = "MODEL (name raw.events, kind SEED (path '../seeds/events.csv'), columns (id INT, user_id INT, \
                  amount DECIMAL(10,2), happened TIMESTAMP))";
    let world = lab(&[("seeds/events.csv", &seed(60, 0)), ("models/events.sql", events)]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    let counted = "MODEL (name marts.counted, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key user_id, batch_size 1,\n\
                   when_matched (WHEN MATCHED THEN UPDATE SET target.events = target.events + source.events)));\n\
                   SELECT user_id % 3 AS user_id, COUNT(*) AS events FROM raw.events\n\
                   WHERE CAST(happened AS DATE) BETWEEN @start_date AND @end_date GROUP BY 1";
    edit(&world, &[("models/counted.sql", counted)]);
    let expected = lab::clean_build(&world, NOW);
    let counts = |line: &str| {
        let told = ["statement ends: \"COMMIT", "state write begins", "state write ends"];
        told.iter().any(|told| line.contains(told))
    };
    let lines = {
        let (_folder, root) = copied(&world);
        run_and_kill_where(&root, APPLY, 0, counts).lines
    };
    let mut kills = 0;
    for at in 1..=lines {
        let (_folder, root) = copied(&world);
        kills += usize::from(run_and_kill_where(&root, APPLY, at, counts).by_signal);
        assert!(!run_and_kill(&root, APPLY, 0).by_signal);
        assert_same(&shown(&root, "__dev"), &expected, &format!("after a death at {at} of {lines}"));
    }
    assert!(kills > 15, "only {kills} of {lines} died");
}
