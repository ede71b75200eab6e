//! The properties of INCREMENTAL_BY_TIME_RANGE (research: SQLMesh, section 7.3).

use super::super::properties::Scope;
use super::super::value::Value;
use super::{INCREMENTAL, Reader};
use crate::model::TimeRange;
use crate::sql::{Dialect, sorts, strftime};

/// SQLMesh's default format of a text time column.
const TIME_FORMAT: &str = "%Y-%m-%d";

impl Reader<'_, '_> {
    pub(super) fn time_range(&mut self, offset: usize, scope: &Scope<'_>) -> Option<TimeRange> {
        let mut known = vec!["time_column", "partition_by_time_column"];
        known.extend(INCREMENTAL);
        self.check(&known);
        let past = self.past();
        let lookback = self.number("lookback").unwrap_or(0);
        let batch_size = self.positive("batch_size");
        let batch_concurrency = self.positive("batch_concurrency");
        let Some(column) = self.value("time_column") else {
            let message = "kind INCREMENTAL_BY_TIME_RANGE needs `time_column`";
            let problem = self.source.error("missing-property", offset, message);
            self.problems.push(problem.help("write `kind INCREMENTAL_BY_TIME_RANGE (time_column ds)`"));
            return None;
        };
        let items = column.items();
        let texts: Vec<String> = items.iter().filter_map(Value::scalar).filter(|text| !text.is_empty()).collect();
        let (time_column, format) = match (texts.as_slice(), items.len()) {
            ([column], 1) => (column.clone(), scope.time_format.unwrap_or(TIME_FORMAT).to_owned()),
            ([column, format], 2) => (column.clone(), self.format(scope.dialect, (items[1].offset, format), column)),
            _ => {
                self.expected("time_column", "a column, or (column, 'format')", column.offset);
                return None;
            }
        };
        let changes = self.changes_of(past);
        let effective_from = None;
        Some(TimeRange { time_column, format, lookback, batch_size, batch_concurrency, past, effective_from, changes })
    }

    /// A format that is written in the model's dialect.
    fn format(&mut self, dialect: Dialect, (offset, text): (usize, &str), column: &str) -> String {
        let format = strftime(dialect, text);
        if !sorts(&format) {
            let message = format!("format `{text}` of time column `{column}` does not tell moments in their order");
            let problem = self.source.warning("time-format", offset, message);
            self.problems.push(problem.help(
                "a column of text or numbers needs parts from the year down, such as `%Y-%m-%d`, or it is not loaded; one of \
                 dates or timestamps needs no format",
            ));
        }
        format
    }
}
