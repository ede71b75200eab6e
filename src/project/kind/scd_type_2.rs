//! The properties of the SCD_TYPE_2 kinds (research: SQLMesh, section 7.3).

use super::super::value::Value;
use super::{INCREMENTAL, Reader};
use crate::model::{DeletedRows, FirstVersion, ScdType2, VersionBy};
use crate::sql::{Token, TokenKind};

/// Properties of both kinds.
const BOTH: [&str; 5] = ["unique_key", "valid_from_name", "valid_to_name", "invalidate_hard_deletes", "time_data_type"];

impl Reader<'_, '_> {
    /// SCD_TYPE_2_BY_TIME, which is also SCD_TYPE_2.
    pub(super) fn by_time(&mut self, offset: usize) -> Option<ScdType2> {
        self.scd_check(&["updated_at_name", "updated_at_as_valid_from"]);
        let updated_at = self.column("updated_at_name", "updated_at");
        let first = self.first("updated_at_as_valid_from");
        self.scd(offset, VersionBy::Time { updated_at }, first)
    }

    /// SCD_TYPE_2_BY_COLUMN.
    pub(super) fn by_column(&mut self, offset: usize) -> Option<ScdType2> {
        self.scd_check(&["columns", "execution_time_as_valid_from", "updated_at_name"]);
        let updated_at = self.value("updated_at_name").map(|_| self.column("updated_at_name", "updated_at"));
        let first = self.first("execution_time_as_valid_from");
        let Some(columns) = self.value("columns").filter(|value| !value.items().is_empty()) else {
            self.missing(offset, "columns", "columns (price, name)");
            return None;
        };
        let items = columns.items();
        let is_star = matches!(items.as_slice(), [item] if item.scalar().as_deref() == Some("*"));
        let listed = || items.iter().map(expression).collect();
        let by = VersionBy::Columns { compared: (!is_star).then(listed), updated_at };
        self.scd(offset, by, first)
    }

    fn scd_check(&mut self, own: &[&'static str]) {
        let mut known: Vec<&str> = BOTH.to_vec();
        known.extend(own);
        known.extend(INCREMENTAL);
        self.check(&known);
        for key in ["batch_concurrency", "lookback"] {
            if let Some(value) = self.value(key) {
                let message = format!("an SCD_TYPE_2 kind has no `{key}`: what was laid over it stays, in its order");
                let problem = self.source.error("unsupported-property", value.offset, message);
                self.problems.push(problem.help(format!("leave `{key}` out")));
            }
        }
        // Intervals are laid one by one whatever it says: what a table holds does not depend on how often it was loaded.
        self.positive("batch_size");
        // Both are what the kind is, and what SQLMesh has by default.
        for key in ["forward_only", "disable_restatement"] {
            if self.value(key).is_some() && !self.flag(key) {
                let message = format!("an SCD_TYPE_2 table holds what no query gives again, so `{key}` is always true");
                let offset = self.value(key).map_or(0, |value| value.offset);
                let problem = self.source.warning("unsupported-property", offset, message);
                self.problems.push(problem.help(format!("leave `{key}` out")));
            }
        }
    }

    fn scd(&mut self, offset: usize, by: VersionBy, first: FirstVersion) -> Option<ScdType2> {
        let deleted = if self.flag("invalidate_hard_deletes") { DeletedRows::End } else { DeletedRows::Stay };
        let items = self.value("unique_key").map(|value| value.items()).unwrap_or_default();
        let unique_key: Vec<String> = items.iter().map(expression).collect();
        if unique_key.is_empty() {
            self.missing(offset, "unique_key", "unique_key id");
            return None;
        }
        let (valid_from, valid_to) =
            (self.column("valid_from_name", "valid_from"), self.column("valid_to_name", "valid_to"));
        if valid_from.eq_ignore_ascii_case(&valid_to) {
            self.expected("valid_to_name", "another column than `valid_from_name`", offset);
        }
        let time_type = self.value("time_data_type").map(|value| value.scalar().unwrap_or_else(|| value.folded()));
        let time_type = time_type.filter(|text| !text.is_empty()).unwrap_or_else(|| "TIMESTAMP".to_owned());
        let changes = self.column_changes();
        Some(ScdType2 { unique_key, valid_from, valid_to, time_type, by, first, deleted, changes })
    }

    fn first(&mut self, key: &str) -> FirstVersion {
        if self.flag(key) { FirstVersion::AsLaterOnes } else { FirstVersion::Epoch }
    }

    /// A column's name as written.
    fn column(&mut self, key: &str, usual: &str) -> String {
        let Some(value) = self.value(key) else { return usual.to_owned() };
        match value.scalar().filter(|text| !text.is_empty() && value.tokens.len() == 1) {
            // SQLMesh's own normal form of a name.
            Some(name) if is_quoted(&value) => name,
            Some(name) => name.to_lowercase(),
            None => {
                self.expected(key, "a column's name", value.offset);
                usual.to_owned()
            }
        }
    }

    fn missing(&mut self, offset: usize, key: &str, example: &str) {
        let kind = self.name.to_uppercase();
        let problem = self.source.error("missing-property", offset, format!("kind {kind} needs `{key}`"));
        self.problems.push(problem.help(format!("write `kind {kind} ({example})`")));
    }
}

/// An expression as written: a quoted name stays one.
fn expression(value: &Value<'_>) -> String {
    value.scalar().filter(|_| !is_quoted(value)).unwrap_or_else(|| value.folded())
}

fn is_quoted(value: &Value<'_>) -> bool {
    matches!(value.tokens, [Token { kind: TokenKind::Word { quote: Some(_), .. }, .. }])
}
