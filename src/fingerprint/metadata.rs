//! The metadata fingerprint, and the same values as texts for the plan's reasons.

use std::collections::BTreeMap;

use super::ALGORITHM;
use super::statements::harmless_statements;
use crate::hash::{Digest, Hasher};
use crate::model::{
    ColumnChange, ColumnChanges, DeclaredTime, DeletedRows, FirstVersion, Kind, Model, Past, ScdType2, VersionBy,
};
use crate::sql::{Placeholder, Query, tokenize};
use crate::time::Timestamp;

pub(super) fn metadata(model: &Model) -> Digest {
    let mut hasher = Hasher::new("metadata").number(ALGORITHM);
    for (name, value) in values(model, &words) {
        hasher = hasher.text(&name).text(&value);
    }
    hasher.finish()
}

/// Every property of the metadata fingerprint that is set, as text. What the project's own audits come to may hold values of
/// variables, so that of their queries no more is told than whether they are the same.
pub fn metadata_values(model: &Model) -> BTreeMap<String, String> {
    values(model, &|query| format!("query {}", Digest::of("own-audit", &words(query)).short(16)))
}

fn values(model: &Model, audit: &dyn Fn(&Query) -> String) -> BTreeMap<String, String> {
    let properties = &model.properties;
    let mut values = properties.other_metadata.clone();
    let mut put = |name: &str, value: String| {
        if !value.is_empty() {
            values.insert(name.to_owned(), value);
        }
    };
    put("cron", properties.cron.text().to_owned());
    put("owner", properties.owner.clone().unwrap_or_default());
    put("description", properties.description.clone().unwrap_or_default());
    put("tags", properties.tags.iter().cloned().collect::<Vec<_>>().join(", "));
    put(
        "grains",
        properties.grains.iter().map(|grain| format!("({})", grain.join(", "))).collect::<Vec<_>>().join(", "),
    );
    let audits = properties.audits.iter().map(ToString::to_string);
    put("audits", audits.collect::<Vec<_>>().join(", "));
    for (place, own) in &model.own_audits {
        let call = properties.audits.get(*place).map_or(String::new(), ToString::to_string);
        put(&format!("audits.{call}"), format!("{}: {}", own.weight.text(), audit(&own.query)));
    }
    for (column, text) in &properties.column_descriptions {
        put(&format!("column_descriptions.{column}"), text.clone());
    }
    put("statements", harmless_statements(model).join("; "));
    let shown = model.on_virtual_update.iter();
    let shown = shown.map(|statement| statement.text().split_whitespace().collect::<Vec<_>>().join(" "));
    put("on_virtual_update", shown.collect::<Vec<_>>().join("; "));
    if !matches!(model.kind, Kind::TimeRange(_) | Kind::UniqueKey(_)) {
        put("start", properties.start.as_ref().map(|time| time.text.clone()).unwrap_or_default());
        put("end", properties.end.as_ref().map(|time| time.text.clone()).unwrap_or_default());
    }
    if let Some(schedule) = &properties.auto_restatement {
        put("auto_restatement_cron", schedule.cron.text().to_owned());
        put("auto_restatement_intervals", schedule.intervals.map(|units| units.to_string()).unwrap_or_default());
    }
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    match &model.kind {
        Kind::TimeRange(range) => {
            put("lookback", range.lookback.to_string());
            put("batch_size", number(range.batch_size));
            put("batch_concurrency", number(range.batch_concurrency));
        }
        Kind::UniqueKey(key) => {
            put("lookback", key.lookback.to_string());
            put("batch_size", number(key.batch_size));
        }
        _ => {}
    }
    match model.past() {
        Past::Recomputed => {}
        Past::Kept(changes) => changed(changes, "forward_only", &mut put),
        Past::Fixed(changes) => changed(changes, "disable_restatement", &mut put),
    }
    values
}

/// What is kept, and which changes of its columns are taken.
fn changed(changes: ColumnChanges, key: &str, put: &mut dyn FnMut(&str, String)) {
    let word = |change: ColumnChange| match change {
        ColumnChange::Refused => "error".to_owned(),
        ColumnChange::Taken => "allow".to_owned(),
    };
    put(key, "true".to_owned());
    put("on_destructive_change", word(changes.destructive));
    put("on_additive_change", word(changes.additive));
}

/// A query without its comments and with one blank between its words: what of it counts.
fn words(query: &Query) -> String {
    let text = query.template().render(&[], &|placeholder| match placeholder {
        Placeholder::Time(variable) => format!("@{}", variable.name()),
        Placeholder::This(_) => "@this_model".to_owned(),
    });
    let tokens = tokenize(&text, query.dialect()).unwrap_or_default();
    let words = tokens.iter().filter(|token| token.is_significant());
    let words: Vec<&str> = words.filter_map(|token| text.get(token.range.clone())).collect();
    // A text that cannot be cut counts as it stands.
    if words.is_empty() { text.clone() } else { words.join(" ") }
}

/// Every property that shapes the data beside the query, as text, to name the one that differs.
pub fn data_values(model: &Model) -> BTreeMap<String, String> {
    let properties = &model.properties;
    let mut values = BTreeMap::new();
    let mut put = |name: &str, value: String| {
        if !value.is_empty() {
            values.insert(name.to_owned(), value);
        }
    };
    put("stamp", properties.stamp.clone().unwrap_or_default());
    put("partitioned_by", properties.partitioned_by.join(", "));
    put("clustered_by", properties.clustered_by.join(", "));
    for (name, value) in &properties.physical_properties {
        put(&format!("physical_properties.{name}"), value.clone());
    }
    let columns = properties
        .columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.data_type.as_deref().unwrap_or("")).trim_end().to_owned());
    put("columns", columns.collect::<Vec<_>>().join(", "));
    for (name, statements) in [("pre_statements", &model.pre_statements), ("post_statements", &model.post_statements)] {
        let texts =
            statements.iter().map(|statement| statement.text().split_whitespace().collect::<Vec<_>>().join(" "));
        put(name, texts.collect::<Vec<_>>().join("; "));
    }
    match &model.kind {
        Kind::TimeRange(range) => {
            put("time_column", format!("{} ({})", range.time_column, range.format));
            put("interval_unit", model.unit().name().to_owned());
            put("rows of earlier definitions", kept(range.past));
            put("effective_from", range.effective_from.map(Timestamp::rfc3339).unwrap_or_default());
            put("start", properties.start.as_ref().map(|time| time.text.clone()).unwrap_or_default());
            put("end", properties.end.as_ref().map(|time| time.text.clone()).unwrap_or_default());
        }
        Kind::UniqueKey(key) => {
            put("unique_key", key.unique_key.join(", "));
            put("when_matched", key.when_matched.clone().unwrap_or_default());
            put("merge_filter", key.merge_filter.clone().unwrap_or_default());
            put("rows of earlier definitions", kept(key.past));
            put("start", properties.start.as_ref().map(|time| time.text.clone()).unwrap_or_default());
            put("end", properties.end.as_ref().map(|time| time.text.clone()).unwrap_or_default());
        }
        Kind::ScdType2(scd) => scd_values(model, scd).into_iter().for_each(|(name, value)| put(name, value)),
        _ => {}
    }
    values
}

fn kept(past: Past) -> String {
    past.kept().map(|_| "kept".to_owned()).unwrap_or_default()
}

/// The properties of an SCD_TYPE_2 kind, as they are called there.
pub fn scd_values(model: &Model, scd: &ScdType2) -> Vec<(&'static str, String)> {
    let first = |name: &'static str| (name, (scd.first == FirstVersion::AsLaterOnes).to_string());
    let mut values = vec![
        ("unique_key", scd.unique_key.join(", ")),
        ("valid_from_name", scd.valid_from.clone()),
        ("valid_to_name", scd.valid_to.clone()),
        ("time_data_type", scd.time_type.clone()),
        ("invalidate_hard_deletes", (scd.deleted == DeletedRows::End).to_string()),
    ];
    match &scd.by {
        VersionBy::Time { updated_at } => {
            values.extend([("updated_at_name", updated_at.clone()), first("updated_at_as_valid_from")]);
        }
        VersionBy::Columns { compared, updated_at } => {
            let columns = compared.as_ref().map_or_else(|| "*".to_owned(), |columns| columns.join(", "));
            // `columns` is what the model itself has under this name.
            values.extend([("kind.columns", columns), first("execution_time_as_valid_from")]);
            values.extend(updated_at.iter().map(|updated_at| ("updated_at_name", updated_at.clone())));
        }
    }
    if model.is_history_of_intervals() {
        let text = |time: &Option<DeclaredTime>| time.as_ref().map(|time| time.text.clone()).unwrap_or_default();
        let (start, end) = (text(&model.properties.start), text(&model.properties.end));
        values.extend([("start", start), ("end", end), ("interval_unit", model.unit().name().to_owned())]);
    }
    values
}
