//! The sources' rows, which change as the walk goes on, and as SQL that makes the warehouse's tables hold them.

use std::collections::BTreeMap;

use super::random::Choices;
use super::value::{DAY, HOUR, Value, tick};

/// A row of a source or of a view over it, by column.
pub(crate) type Record = BTreeMap<&'static str, Value>;

/// Makes the tables.
pub(crate) const CREATE: &str = "CREATE SCHEMA raw; \
     CREATE TABLE raw.people (id INTEGER, name VARCHAR, price INTEGER, updated_at TIMESTAMP); \
     CREATE TABLE raw.events (day DATE, name VARCHAR, price INTEGER)";

/// What the sources hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    /// At most one row of each id.
    people: BTreeMap<i64, Record>,
    events: Vec<Record>,
}

impl Source {
    /// Some people, and events of each day from `start` to the present.
    pub(crate) fn begin(choices: &mut Choices, start: i64, now: i64) -> Self {
        let mut source = Self::default();
        for id in 1..=3 {
            source.person(choices, id, now);
        }
        for day in (start..=now).step_by(DAY as usize) {
            source.event(choices, tick(day));
        }
        source
    }

    pub(crate) fn people(&self) -> Vec<Record> {
        self.people.values().cloned().collect()
    }

    pub(crate) fn events(&self) -> &[Record] {
        &self.events
    }

    /// Of each day and name the highest price.
    pub(crate) fn snapshots(&self) -> Vec<Record> {
        let mut found: BTreeMap<(Value, Value), Record> = BTreeMap::new();
        for event in &self.events {
            let kept = found.entry((event["day"].clone(), event["name"].clone())).or_insert_with(|| event.clone());
            // NULL is less than any number.
            if event["price"] > kept["price"] {
                *kept = event.clone();
            }
        }
        found.into_values().collect()
    }

    fn person(&mut self, choices: &mut Choices, id: i64, now: i64) {
        let name = if choices.chance(10) { Value::Null } else { Value::Text(choices.one(&["a", "b", "c"]).into()) };
        // A change that is told late is not later than what was told before.
        let updated = now - choices.one(&[0, 0, 0, 1, 5, 30]) * HOUR;
        let updated = if choices.chance(8) { Value::Null } else { Value::Moment(updated) };
        let record = [("id", Value::Number(id)), ("name", name), ("price", number(choices)), ("updated_at", updated)];
        self.people.insert(id, record.into());
    }

    fn event(&mut self, choices: &mut Choices, day: i64) {
        let name = Value::Text(choices.one(&["x", "y"]).into());
        self.events.push([("day", Value::Day(day)), ("name", name), ("price", number(choices))].into());
    }

    /// One change, and what it was.
    pub(crate) fn change(&mut self, choices: &mut Choices, now: i64) -> String {
        let id = 1 + choices.below(5) as i64;
        let late = tick(now) - choices.one(&[0, 0, 1, 1, 2, 5]) * DAY;
        match choices.below(9) {
            0..=3 => {
                self.person(choices, id, now);
                format!("person {id} is {}", self.people.get(&id).map(told).unwrap_or_default())
            }
            4 => {
                self.people.remove(&id);
                format!("person {id} is gone")
            }
            5 | 6 => {
                self.event(choices, late);
                format!("an event more: {}", self.events.last().map(told).unwrap_or_default())
            }
            7 => {
                for event in &mut self.events {
                    if event.get("day") == Some(&Value::Day(late)) {
                        event.insert("price", number(choices));
                    }
                }
                format!("the events of {} are other ones", Value::Day(late).literal())
            }
            _ => {
                self.events.retain(|event| event.get("day") >= Some(&Value::Day(late)));
                format!("the events before {} are gone", Value::Day(late).literal())
            }
        }
    }

    /// Makes the tables hold that.
    pub(crate) fn sql(&self) -> String {
        let values = |record: &Record, columns: &[&str]| {
            let cells: Vec<String> = columns.iter().map(|column| record[column].literal()).collect();
            format!("({})", cells.join(", "))
        };
        let insert = |table: &str, columns: &[&str], records: &[Record]| {
            let rows: Vec<String> = records.iter().map(|record| values(record, columns)).collect();
            let insert = format!("INSERT INTO {table} VALUES {}", rows.join(", "));
            format!("DELETE FROM {table}; {}", if rows.is_empty() { "" } else { &insert })
        };
        format!(
            "{};{}",
            insert("raw.people", &["id", "name", "price", "updated_at"], &self.people()),
            insert("raw.events", &["day", "name", "price"], &self.events)
        )
    }
}

fn number(choices: &mut Choices) -> Value {
    if choices.chance(10) { Value::Null } else { Value::Number(1 + choices.below(9) as i64) }
}

fn told(record: &Record) -> String {
    let cell = |(name, value): (&&str, &Value)| format!("{name} {}", value.literal());
    record.iter().map(cell).collect::<Vec<_>>().join(", ")
}
