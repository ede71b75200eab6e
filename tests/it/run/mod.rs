//! `bot run`: what is due by `cron` is loaded into the tables that an environment shows, and nothing else is.

mod due;
mod early;
mod environments;
mod killed;
mod refused;
mod restate;
mod scheduled;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::lab::lab;
use crate::world::World;

/// The hours of events that another system writes.
const HOURLY: &str = "MODEL (name marts.hourly, kind INCREMENTAL_BY_TIME_RANGE (time_column hour), cron '@hourly');\n\
    SELECT date_trunc('hour', happened) AS hour, SUM(amount)::INT AS amount FROM erp.events\n\
    WHERE happened BETWEEN @start_ts AND @end_ts GROUP BY 1";
/// Their days, with late rows of two days before.
const DAILY: &str = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day, lookback 2));\n\
    SELECT CAST(hour AS DATE) AS day, SUM(amount)::INT AS amount FROM marts.hourly\n\
    WHERE hour BETWEEN @start_ts AND @end_ts GROUP BY 1";
const TOTAL: &str = "MODEL (name marts.total, kind FULL);\nSELECT SUM(amount)::INT AS amount FROM marts.daily";
const WEEKLY: &str =
    "MODEL (name marts.weekly, kind FULL, cron '@weekly');\nSELECT COUNT(*)::INT AS days FROM marts.daily";
const SHOWN: &str = "MODEL (name marts.shown, kind VIEW);\nSELECT amount, 'EUR' AS currency FROM marts.total";
/// Of each customer the last day.
const LATEST: &str = "MODEL (name marts.latest, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key customer, lookback 1));\n\
    SELECT customer, CAST(MAX(happened) AS DATE) AS day, SUM(amount)::INT AS amount FROM erp.events\n\
    WHERE happened BETWEEN @start_ts AND @end_ts GROUP BY customer";
const EXTERNAL: &str =
    "- name: erp.events\n  columns:\n    happened: TIMESTAMP\n    customer: TEXT\n    amount: INTEGER\n";

/// Promoted as of midnight of April the 1st, a Wednesday; one event of 1 each hour of every day from March the 26th on.
fn world() -> World {
    let world = unpromoted();
    world.done(&["promote"]);
    world
}

fn unpromoted() -> World {
    let world = lab(&[
        ("external_models.yaml", EXTERNAL),
        ("models/hourly.sql", HOURLY),
        ("models/daily.sql", DAILY),
        ("models/total.sql", TOTAL),
        ("models/weekly.sql", WEEKLY),
        ("models/shown.sql", SHOWN),
        ("models/latest.sql", LATEST),
    ]);
    world.sql("CREATE SCHEMA erp");
    world.sql(
        "CREATE TABLE erp.events AS SELECT happened, 'c' || (row_number() OVER (ORDER BY happened) % 3) AS customer, \
         1::INTEGER AS amount FROM range(TIMESTAMP '2026-03-26', TIMESTAMP '2026-04-20', INTERVAL 1 HOUR) AS t(happened)",
    );
    world
}

/// A run of prod at a moment.
fn run(world: &World, now: &str, arguments: &[&str]) -> Value {
    world.done(&[&["run", "--format", "json", "--execution-time", now], arguments].concat()).json()
}

/// The models that a run found due, each with why and its ranges.
fn due(ran: &Value) -> BTreeMap<String, (String, Vec<[String; 2]>)> {
    let due = ran["due"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let ranges = |due: &Value| {
        let ranges = due["intervals"].as_array().expect("a list").iter();
        ranges.map(|range| [text(&range[0]), text(&range[1])]).collect()
    };
    due.map(|due| (text(&due["model"]), (text(&due["why"]), ranges(due)))).collect()
}

/// The same without why and ranges.
fn names(ran: &Value, list: &str) -> Vec<String> {
    let mut names: Vec<String> = ran[list]
        .as_array()
        .expect("a list")
        .iter()
        .map(|of| of["model"].as_str().expect("a name").to_owned())
        .collect();
    names.sort();
    names
}

fn expected(due: &[(&str, &str, &[[&str; 2]])]) -> BTreeMap<String, (String, Vec<[String; 2]>)> {
    let ranges = |ranges: &[[&str; 2]]| ranges.iter().map(|range| range.map(str::to_owned)).collect();
    due.iter().map(|(model, why, of)| ((*model).to_owned(), ((*why).to_owned(), ranges(of)))).collect()
}
