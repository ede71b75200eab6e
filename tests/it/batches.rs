//! Where a plan loads several intervals at once, each of them is filled as if it had been loaded alone: queries of random
//! joins, filters and groups on DuckDB, by hour and by day.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use offshoot::engine::duckdb::DuckDb;
use offshoot::engine::{Engine as _, Session};
use offshoot::files::TextTree;
use offshoot::fingerprint::{Batching, Tree};
use offshoot::hash::Digest;
use offshoot::ids::ModelName;
use offshoot::project::{ModelCache, Surroundings, load};

use crate::oracle::world::random::Choices;

const QUERIES: usize = 300;

/// The tables; nobody knows the columns of the last.
const TABLES: [&str; 3] = ["a", "b", "c"];
const DECLARED: &str = "- name: raw.a\n  columns: {k: int, v: int, ds: timestamp, d2: timestamp}\n\
                        - name: raw.b\n  columns: {k: int, v: int, ds: timestamp, d2: timestamp}\n";
/// Moments of two days, as hours; the last is none.
const HOURS: [&str; 5] = ["0", "1", "24", "25", "NULL"];

/// Fills each table with rows of few values, so that joins find several partners, one, or none.
fn fill(session: &mut dyn Session, choices: &mut Choices) {
    let mut run = |sql: &str| session.execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    run("CREATE SCHEMA raw");
    for table in TABLES {
        run(&format!("CREATE TABLE raw.{table} (k INT, v INT, ds TIMESTAMP, d2 TIMESTAMP)"));
        for _ in 0..9 {
            let moment = |hours: &str| format!("TIMESTAMP '2024-01-01' + INTERVAL ({hours}) HOUR");
            let [ds, d2] = [moment(choices.one(&HOURS)), moment(choices.one(&HOURS))];
            let (k, v) = (choices.below(2), choices.below(4));
            run(&format!("INSERT INTO raw.{table} VALUES ({k}, {v}, {ds}, {d2})"));
        }
    }
}

const FILTER: &str = "BETWEEN @start_ts AND @end_ts";

/// A table, or a query that the interval filters, and the columns that it shows.
fn input(choices: &mut Choices) -> String {
    let table = format!("raw.{}", choices.one(&TABLES));
    match choices.below(12) {
        0..=2 => table,
        3..=5 => format!("(SELECT k, v, ds, d2 FROM {table} WHERE ds {FILTER})"),
        6 | 7 => format!("(SELECT k, sum(v) AS v, ds, max(d2) AS d2 FROM {table} WHERE ds {FILTER} GROUP BY k, ds)"),
        8 | 9 => format!("(SELECT k, v, ds::DATE AS ds, d2 FROM {table} WHERE ds {FILTER})"),
        10 => format!("(SELECT k, v, d2 AS ds, ds AS d2 FROM {table} WHERE ds {FILTER})"),
        _ => format!("(SELECT k, v, ds + INTERVAL 1 HOUR AS ds, d2 FROM {table} WHERE ds {FILTER})"),
    }
}

fn column(choices: &mut Choices, inputs: usize) -> String {
    let name = if choices.chance(90) { "ds" } else { "d2" };
    format!("{}.{name}", alias(choices.below(inputs)))
}

fn alias(place: usize) -> &'static str {
    ["p", "q", "r", "s"][place]
}

fn condition(choices: &mut Choices, inputs: usize) -> String {
    let last = alias(inputs - 1);
    let other = alias(choices.below(inputs - 1));
    let mut parts = Vec::new();
    if choices.chance(90) {
        parts.push(format!("{other}.ds = {last}.ds"));
    }
    if choices.chance(40) {
        parts.push(format!("{last}.k = {other}.k"));
    }
    if choices.chance(20) {
        parts.push(format!("{} = {}", column(choices, inputs), column(choices, inputs)));
    }
    if choices.chance(25) {
        parts.push(format!("{} {FILTER}", column(choices, inputs)));
    }
    if parts.is_empty() { "true".to_owned() } else { parts.join(" AND ") }
}

/// A query whose time column is `ds`.
fn query(choices: &mut Choices) -> String {
    let mut from = format!("{} AS p", input(choices));
    let (mut inputs, mut is_merged) = (1, false);
    for _ in 0..choices.below(4) {
        inputs += 1;
        let right = format!("{} AS {}", input(choices), alias(inputs - 1));
        let kind = choices.one(&["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
        let _ = match choices.below(8) {
            0 => write!(from, ", {right}"),
            1 | 2 if inputs == 2 || is_merged => {
                is_merged = true;
                write!(from, " {kind} {right} USING ({})", choices.one(&["ds", "k, ds"]))
            }
            _ => write!(from, " {kind} {right} ON {}", condition(choices, inputs)),
        };
    }
    let time = match choices.below(8) {
        0 => format!("{}::DATE", column(choices, inputs)),
        1 => format!("{} + INTERVAL 1 HOUR", column(choices, inputs)),
        2..=4 if is_merged => "ds".to_owned(),
        2 if inputs > 1 => format!("coalesce({}, {})", column(choices, inputs), column(choices, inputs)),
        _ => column(choices, inputs),
    };
    let mut filter = Vec::new();
    if choices.chance(15) {
        filter.push(format!("({time}) {FILTER}"));
    } else if choices.chance(70) {
        filter.push(format!("{} {FILTER}", column(choices, inputs)));
    }
    if choices.chance(25) {
        filter.push(format!("{} = {}", column(choices, inputs), column(choices, inputs)));
    }
    let filter = if filter.is_empty() { String::new() } else { format!(" WHERE {}", filter.join(" AND ")) };
    let values: Vec<String> = (0..inputs).map(|place| format!("coalesce({}.v, 9)", alias(place))).collect();
    match choices.below(3) {
        0 => format!("SELECT {time} AS ds, sum({}) AS v FROM {from}{filter} GROUP BY 1", values.join(" + 10 * ")),
        _ => format!("SELECT {time} AS ds, {} AS v FROM {from}{filter}", values.join(" + 10 * ")),
    }
}

fn batching(model: &str, kind: &str) -> Batching {
    let files = [
        ("models/m.sql", format!("MODEL (name s.m, kind {kind});\n{model}")),
        ("external_models.yaml", DECLARED.to_owned()),
    ];
    let files: TextTree = files.map(|(path, text)| (path.to_owned(), text)).into_iter().collect();
    let (environment, cache) = (BTreeMap::new(), ModelCache::new());
    let project = load(&files, &Surroundings { environment: &environment, gateway: None, cache: &cache, shelf: None });
    let (tree, problems) =
        Tree::new(project.project.models, project.project.files, Digest::of("engine", "duckdb"), None);
    assert_eq!(problems, [], "{model}");
    tree.fingerprints[&ModelName::parse("s.m").expect("a name")].batching.clone()
}

/// The rows of one interval, of hours from midnight, out of those that a load of some hours leaves.
/// Some conditions the engine does not take.
fn rows(session: &mut dyn Session, model: &str, loaded: [u64; 2], shown: [u64; 2]) -> Option<Vec<Vec<String>>> {
    let moment = |hour: u64, rest: &str| format!("'2024-01-{:02} {:02}:{rest}'", 1 + hour / 24, hour % 24);
    let bounds = |[first, last]: [u64; 2]| (moment(first, "00:00"), moment(last, "59:59.999999"));
    let (start, end) = bounds(loaded);
    let query = model.replace("@start_ts", &start).replace("@end_ts", &end);
    let (start, end) = bounds(shown);
    let sql = format!("SELECT ds::VARCHAR, v::VARCHAR FROM ({query}) WHERE ds BETWEEN {start} AND {end} ORDER BY ALL");
    let rows = session.query(&sql).ok()?.rows;
    Some(rows.iter().map(|row| row.iter().map(|cell| format!("{cell:?}")).collect()).collect())
}

/// Whether the rows of each interval are the same, loaded alone and with all others.
fn is_the_same(session: &mut dyn Session, model: &str, intervals: &[[u64; 2]]) -> Result<(), String> {
    for interval in intervals {
        let (alone, together) = (rows(session, model, *interval, *interval), rows(session, model, [0, 47], *interval));
        if alone != together {
            return Err(format!("{model}\nhours {interval:?} alone: {alone:?}\ntogether: {together:?}"));
        }
    }
    Ok(())
}

/// Whether the condition of a join filters by the interval.
fn has_gate(model: &str) -> bool {
    model.split(" ON ").skip(1).any(|rest| {
        rest.split([' '])
            .take_while(|word| !["WHERE", "JOIN", "GROUP", "AS"].contains(word))
            .any(|word| word == "BETWEEN")
    })
}

#[test]
fn what_is_loaded_at_once_is_what_each_interval_alone_would_be() {
    let seed = std::env::var("BATCHES_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let mut choices = Choices::new(seed);
    let mut session = DuckDb::memory().session().expect("a session");
    fill(&mut *session, &mut choices);
    let days: Vec<[u64; 2]> = vec![[0, 23], [24, 47]];
    let hours: Vec<[u64; 2]> = [0, 1, 24, 25].map(|hour| [hour, hour]).to_vec();
    let (mut joined, mut gated, mut told_apart) = (0, 0, 0);
    for _ in 0..QUERIES {
        let model = query(&mut choices);
        let range = "INCREMENTAL_BY_TIME_RANGE (time_column ds)";
        for (kind, alone) in [(range.to_owned(), &days), (format!("{range}, interval_unit hour"), &hours)] {
            match batching(&model, &kind) {
                Batching::Any => {}
                // One day at a time.
                Batching::WholeDays => continue,
                Batching::OneInterval { .. } | Batching::AsDue { .. } => {
                    // Enough of them are tried to know that the rest are not loaded apart for nothing.
                    if told_apart < 30 {
                        told_apart += usize::from(is_the_same(&mut *session, &model, alone).is_err());
                    }
                    continue;
                }
            }
            is_the_same(&mut *session, &model, alone).unwrap_or_else(|difference| panic!("{difference}"));
            joined += usize::from(model.contains("JOIN (SELECT"));
            gated += usize::from(has_gate(&model));
        }
    }
    assert!(joined > 20 && gated > 5 && told_apart == 30, "{joined} joined, {gated} gated, {told_apart} told apart");
}
