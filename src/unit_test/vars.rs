//! `vars` of a test: the moments of its load, and variables.

use super::report::Tell as _;
use super::{Named, UnitTest, Vars};
use crate::problem::Problem;
use crate::settings::Report;
use crate::sql::TimeVariable;
use crate::statement::LoadTime;
use crate::time::{Interval, IntervalUnit, Timestamp, inclusive_end, moment};
use crate::yaml::{Entry, Node, Value};

/// Where SQLMesh's time begins: the moments of a test that gives none.
const EPOCH: Timestamp = Timestamp(0);

pub(super) fn read(node: &Node, report: &mut Report<'_>) -> Vars {
    let mut vars = Vars::default();
    if !matches!(node.value, Value::Map(_) | Value::Null) {
        report.expected("vars", "a mapping", node);
    }
    for Entry { key, node } in node.entries() {
        let named = |report: &mut Report<'_>| {
            let text = report.text(key, node)?;
            Some(Named { text, place: node.place })
        };
        match key.to_lowercase().as_str() {
            "start" => vars.start = named(report),
            "end" => vars.end = named(report),
            "execution_time" => vars.execution_time = named(report),
            name => match TimeVariable::from_name(name) {
                Some(variable) if node.text().is_some() => drop(vars.times.insert(variable, node.value.clone())),
                Some(_) => report.expected(key, "a text or a number", node),
                None => drop(vars.variables.insert(name.to_owned(), node.value.clone())),
            },
        }
    }
    vars
}

impl UnitTest {
    /// The moments that time variables stand for; those that are not given are at the epoch, as in SQLMesh. `yesterday` and its like
    /// count from `execution_time`, where that is given: the clock stands still there.
    ///
    /// # Errors
    /// A text that is no moment, or an end before the start.
    pub fn times(&self, now: Timestamp) -> Result<LoadTime, Problem> {
        let Vars { start, end, execution_time, .. } = &self.vars;
        let wrong = |named: &Named, message: String, help: &str| {
            let problem = Problem::error("invalid-test", message).at(&self.path);
            problem.position(named.place.line, named.place.column).help(help)
        };
        let read = |named: &Named, of: &dyn Fn(&str, Timestamp) -> Option<Timestamp>, now| {
            let help = "write it as 2026-03-01 or 2026-03-01 12:00:00";
            of(&named.text, now).ok_or_else(|| wrong(named, format!("`{}` is no moment", named.text), help))
        };
        let execution = execution_time.as_ref().map(|named| read(named, &moment, now)).transpose()?;
        let now = execution.unwrap_or(now);
        let begins = start.as_ref().map(|named| read(named, &moment, now)).transpose()?;
        let ends = end.as_ref().map(|named| read(named, &inclusive_end, now)).transpose()?;
        let interval = Interval { start: begins.unwrap_or(EPOCH), end: ends.unwrap_or(IntervalUnit::Day.next(EPOCH)) };
        if let (Some(_), Some(named)) = (start, end)
            && interval.end <= interval.start
        {
            return Err(wrong(named, format!("`end` {} is before `start`", named.text), "give an `end` after it"));
        }
        Ok(LoadTime { interval, execution: execution.unwrap_or(EPOCH) })
    }
}
