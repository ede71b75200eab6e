//! Where a plan loads several intervals at once, each of them is filled as if it had been loaded alone: queries of random
//! joins, filters and groups on DuckDB, by hour and by day.

use std::collections::BTreeMap;

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

/// A table, a query that the interval filters, or any other query, with the same columns.
fn input(choices: &mut Choices, depth: usize) -> String {
    let table = format!("raw.{}", choices.one(&TABLES));
    match choices.below(13) {
        0..=2 => table,
        3..=5 => format!("(SELECT k, v, ds, d2 FROM {table} WHERE ds {FILTER})"),
        6 | 7 => format!("(SELECT k, sum(v) AS v, ds, max(d2) AS d2 FROM {table} WHERE ds {FILTER} GROUP BY k, ds)"),
        8 | 9 => format!("(SELECT k, v, ds::DATE AS ds, d2 FROM {table} WHERE ds {FILTER})"),
        10 => format!("(SELECT k, v, d2 AS ds, ds AS d2 FROM {table} WHERE ds {FILTER})"),
        11 => format!("(SELECT k, v, ds + INTERVAL 1 HOUR AS ds, d2 FROM {table} WHERE ds {FILTER})"),
        _ if depth == 0 => table,
        _ => format!("(SELECT v % 2 AS k, v % 7 AS v, ds, ds AS d2 FROM ({}))", query(choices, depth - 1)),
    }
}

/// The inputs of a FROM by their names, those that a join hides apart.
struct From {
    text: String,
    named: usize,
    shown: Vec<&'static str>,
    is_merged: bool,
}

const NAMES: [&str; 9] = ["p", "q", "r", "s", "t", "u", "w", "x", "y"];

impl From {
    fn column(&self, choices: &mut Choices, beside: Option<&'static str>) -> String {
        let name = if choices.chance(90) { "ds" } else { "d2" };
        let inputs: Vec<&str> = self.shown.iter().copied().chain(beside).collect();
        format!("{}.{name}", choices.one(&inputs))
    }

    fn condition(&self, choices: &mut Choices, last: &'static str) -> String {
        let other = choices.one(&self.shown);
        let mut parts = Vec::new();
        if choices.chance(90) {
            parts.push(format!("{other}.ds = {last}.ds"));
        }
        if choices.chance(40) {
            parts.push(format!("{last}.k = {other}.k"));
        }
        if choices.chance(20) {
            let [one, other] = [self.column(choices, Some(last)), self.column(choices, Some(last))];
            parts.push(format!("{one} = {other}"));
        }
        if choices.chance(25) {
            parts.push(format!("{} {FILTER}", self.column(choices, Some(last))));
        }
        if parts.is_empty() { "true".to_owned() } else { parts.join(" AND ") }
    }

    fn join(&mut self, choices: &mut Choices, depth: usize) {
        let name = NAMES[self.named];
        self.named += 1;
        let mut right = format!("{} AS {name}", input(choices, depth));
        let kind = choices.one(&["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
        match choices.below(12) {
            0 => self.text = format!("{}, {right}", self.text),
            1 | 2 if self.shown.len() == 1 || self.is_merged => {
                self.is_merged = true;
                self.text = format!("{} {kind} {right} USING ({})", self.text, choices.one(&["ds", "k, ds"]));
            }
            3 => {
                let kind = choices.one(&["SEMI JOIN", "ANTI JOIN"]);
                self.text = format!("{} {kind} {right} ON {}", self.text, self.condition(choices, name));
                return;
            }
            4 => {
                let inside = NAMES[self.named];
                self.named += 1;
                let kind = choices.one(&["JOIN", "LEFT JOIN", "FULL JOIN"]);
                right = format!("({right} {kind} {} AS {inside} ON {name}.ds = {inside}.ds)", input(choices, depth));
                self.text = format!("{} {kind} {right} ON {}", self.text, self.condition(choices, name));
                self.shown.push(inside);
            }
            5 => {
                let other = self.column(choices, None);
                let same = choices.one(&["ds", "ds", "d2"]);
                let inner = format!("SELECT * FROM {} AS z WHERE z.{same} = {other}", input(choices, depth));
                self.text = format!("{}, LATERAL ({inner}) AS {name}", self.text);
            }
            _ => self.text = format!("{} {kind} {right} ON {}", self.text, self.condition(choices, name)),
        }
        self.shown.push(name);
    }
}

/// A query whose time column is `ds`.
fn query(choices: &mut Choices, depth: usize) -> String {
    let text = format!("{} AS p", input(choices, depth));
    let mut from = From { text, named: 1, shown: vec![NAMES[0]], is_merged: false };
    for _ in 0..choices.below(4) {
        from.join(choices, depth);
    }
    let column = |choices: &mut Choices| from.column(choices, None);
    let time = match choices.below(8) {
        0 => format!("{}::DATE", column(choices)),
        1 => format!("{} + INTERVAL 1 HOUR", column(choices)),
        2..=4 if from.is_merged => "ds".to_owned(),
        2 => format!("coalesce({}, {})", column(choices), column(choices)),
        _ => column(choices),
    };
    let mut filter = Vec::new();
    if choices.chance(15) {
        filter.push(format!("({time}) {FILTER}"));
    } else if choices.chance(70) {
        filter.push(format!("{} {FILTER}", column(choices)));
    }
    if choices.chance(25) {
        filter.push(format!("{} = {}", column(choices), column(choices)));
    }
    let filter = if filter.is_empty() { String::new() } else { format!(" WHERE {}", filter.join(" AND ")) };
    let values: Vec<String> = from.shown.iter().map(|name| format!("coalesce({name}.v, 9)")).collect();
    let (value, from) = (values.join(" + 10 * "), from.text);
    let made = match choices.below(3) {
        0 => format!("SELECT {time} AS ds, sum({value}) AS v FROM {from}{filter} GROUP BY 1"),
        _ => format!("SELECT {time} AS ds, {value} AS v FROM {from}{filter}"),
    };
    around(choices, made, depth)
}

/// What may stand around a query.
fn around(choices: &mut Choices, made: String, depth: usize) -> String {
    match choices.below(24) {
        0 => format!("SELECT ds, sum(v) OVER (PARTITION BY ds) AS v FROM ({made})"),
        1 => format!("SELECT ds, rank() OVER (PARTITION BY v ORDER BY ds) AS v FROM ({made})"),
        2 => format!("SELECT DISTINCT ds, v FROM ({made})"),
        3 => format!("SELECT ds, v FROM ({made}) WHERE v > 30 AND ds {FILTER}"),
        4 => format!("SELECT max(ds) AS ds, v FROM ({made}) GROUP BY v"),
        5 => format!("SELECT ds, max(v) AS v FROM ({made}) GROUP BY ds HAVING count(*) > 1"),
        6 => format!("SELECT DISTINCT ON (ds) ds, v FROM ({made}) ORDER BY ds, v"),
        7..=9 if depth > 0 => {
            let operator = choices.one(&["UNION ALL", "UNION", "EXCEPT", "INTERSECT"]);
            format!("({made}) {operator} ({})", query(choices, depth - 1))
        }
        _ => made,
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

/// How many rows there are in the intervals, if those of each are the same, loaded alone and with all others.
fn is_the_same(session: &mut dyn Session, model: &str, intervals: &[[u64; 2]]) -> Result<usize, String> {
    let mut count = 0;
    for interval in intervals {
        let (alone, together) = (rows(session, model, *interval, *interval), rows(session, model, [0, 47], *interval));
        if alone != together {
            return Err(format!("{model}\nhours {interval:?} alone: {alone:?}\ntogether: {together:?}"));
        }
        count += alone.unwrap_or_default().len();
    }
    Ok(count)
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
    let seed = std::env::var("BATCHES_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1002);
    let mut choices = Choices::new(seed);
    let mut session = DuckDb::memory().session().expect("a session");
    fill(&mut *session, &mut choices);
    let days: Vec<[u64; 2]> = vec![[0, 23], [24, 47]];
    let hours: Vec<[u64; 2]> = [0, 1, 24, 25].map(|hour| [hour, hour]).to_vec();
    let (mut joined, mut gated, mut told_apart) = (0, 0, 0);
    for _ in 0..QUERIES {
        let model = query(&mut choices, 1);
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
            let count = is_the_same(&mut *session, &model, alone).unwrap_or_else(|difference| panic!("{difference}"));
            // What the engine does not take, or what has no row, shows nothing.
            joined += usize::from(count > 0 && model.contains("JOIN (SELECT"));
            gated += usize::from(count > 0 && has_gate(&model));
        }
    }
    assert!(joined > 10 && gated > 3 && told_apart == 30, "{joined} joined, {gated} gated, {told_apart} told apart");
}
