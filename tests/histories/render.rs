//! A project as the files of a repository.

use super::ir::{Expression, From, Kind, Model, Project, Word};

/// The first day of what is loaded by time.
pub(crate) const START: &str = "2026-03-29";

/// All files but the configuration.
pub(crate) fn files(project: &Project) -> Vec<(String, String)> {
    let view = |name: &str, first: &str, rest: &str, factor: i64| {
        let price = if factor == 1 { "price".to_owned() } else { format!("price * {factor} AS price") };
        let text = format!("MODEL (name s.{name}, kind VIEW);\nSELECT {first}, name, {price}{rest} FROM raw.{name}\n");
        (format!("models/{name}.sql"), text)
    };
    let mut files = vec![
        view("people", "id", ", updated_at", project.people_factor),
        view("events", "day", "", project.events_factor),
        (
            "models/snapshots.sql".to_owned(),
            "MODEL (name s.snapshots, kind VIEW);\nSELECT day, name, max(price) AS price FROM s.events GROUP BY day, name\n".to_owned(),
        ),
        ("notes.md".to_owned(), format!("{}\n", project.notes)),
    ];
    for own in &project.models {
        let name = own.name;
        files.push((format!("models/{name}.sql"), model(own)));
        let grouped = own.grouped().join(", ");
        files.push((
            format!("models/{name}_full.sql"),
            format!(
                "MODEL (name s.{name}_full, kind FULL, cron '@daily');\n\
                 SELECT {grouped}, count(*) AS n FROM s.{name} GROUP BY {grouped}\n"
            ),
        ));
        files.push((
            format!("models/{name}_view.sql"),
            format!("MODEL (name s.{name}_view, kind VIEW);\nSELECT name, price * 2 AS price FROM s.{name}\n"),
        ));
        if own.kind.from() == From::Events {
            files.push((
                format!("models/{name}_daily.sql"),
                format!(
                    "MODEL (name s.{name}_daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '{START}', cron '@daily');\n\
                     SELECT day, name, price * 2 AS price FROM s.{name} WHERE day BETWEEN @start_date AND @end_date\n"
                ),
            ));
        }
    }
    files
}

/// Whether two show the same, so that a rollback from one to the other says no.
pub(crate) fn are_alike(one: &Project, other: &Project) -> bool {
    let (one, other) = (one.plain(), other.plain());
    // What was decided is in no file.
    let kinds = |project: &Project| project.models.iter().map(|model| model.kind).collect::<Vec<_>>();
    kinds(&one) == kinds(&other) && files(&one) == files(&other)
}

/// A model without one of its columns, and without the word that allows that; with its path.
pub(crate) fn unallowed(model: &Model) -> (String, String) {
    (format!("models/{}.sql", model.name), self::model(model).replace(ALLOW, "on_destructive_change error"))
}

const ALLOW: &str = "on_destructive_change allow";

fn model(model: &Model) -> String {
    let columns: Vec<String> = model.query().iter().map(|(name, expression)| column(name, expression)).collect();
    let (from, filter) = match model.kind.from() {
        From::People => ("s.people", ""),
        From::Events => ("s.events", "WHERE day BETWEEN @start_date AND @end_date"),
        From::Snapshots => ("s.snapshots", "WHERE day BETWEEN @start_date AND @end_date"),
    };
    let from = model.over.map_or_else(|| from.to_owned(), |over| format!("s.{over}"));
    let (kind, more) = kind(model.kind);
    let head = format!("name s.{}, kind {kind}{more}, start '{START}', cron '@daily'", model.name);
    match model.layout % 3 {
        0 => format!("MODEL ({head});\nSELECT {} FROM {from} {filter}\n", columns.join(", ")),
        1 => {
            format!("model (\n  {head}\n);\n\nselect -- all of it\n  {}\nfrom {from} {filter}\n", columns.join(",\n  "))
        }
        _ => format!("MODEL ({head});\n/* as before */ SELECT {}   FROM {from}\n{filter}\n", columns.join(" , ")),
    }
}

fn column(name: &str, expression: &Expression) -> String {
    match expression {
        Expression::Column(column) if *column == name => name.to_owned(),
        Expression::Column(column) => format!("{column} AS {name}"),
        Expression::Times(column, factor) => format!("{column} * {factor} AS {name}"),
        Expression::Constant(number) => format!("{number} AS {name}"),
        Expression::Joined(column, end) => format!("{column} || '{end}' AS {name}"),
    }
}

/// The kind, and what is said beside it.
fn kind(kind: Kind) -> (String, &'static str) {
    let flag = |name: &str, is: bool| format!(", {name} {is}");
    match kind {
        Kind::Days(word) => {
            let word = match word {
                Word::Nothing | Word::Decided(_) => format!(", {ALLOW}"),
                Word::ForwardOnly => format!(", forward_only true, {ALLOW}"),
                Word::DisableRestatement => format!(", disable_restatement true, {ALLOW}"),
            };
            (format!("INCREMENTAL_BY_TIME_RANGE (time_column day{word})"), "")
        }
        Kind::ByColumn { all, first_at_load, ends_deleted } => {
            let columns = if all { "*" } else { "[name, price]" };
            let (first, ends) =
                (flag("execution_time_as_valid_from", first_at_load), flag("invalidate_hard_deletes", ends_deleted));
            (format!("SCD_TYPE_2_BY_COLUMN (unique_key id, columns {columns}{first}{ends}, {ALLOW})"), "")
        }
        Kind::ByTime { first_at_update, ends_deleted } => {
            let (first, ends) =
                (flag("updated_at_as_valid_from", first_at_update), flag("invalidate_hard_deletes", ends_deleted));
            (format!("SCD_TYPE_2_BY_TIME (unique_key id{first}{ends}, {ALLOW})"), "")
        }
        Kind::Laid { all, first_at_update, ends_deleted } => {
            let columns = if all { "*" } else { "[price]" };
            let (first, ends) =
                (flag("execution_time_as_valid_from", first_at_update), flag("invalidate_hard_deletes", ends_deleted));
            let key = format!("unique_key name, columns {columns}, updated_at_name day, batch_size 1");
            (format!("SCD_TYPE_2_BY_COLUMN ({key}{first}{ends}, {ALLOW})"), "")
        }
        Kind::Spread { merged, looks_back } => {
            let merged = match merged {
                true => {
                    ", when_matched (WHEN MATCHED THEN UPDATE SET target.day = source.day, target.price = source.price + target.price)"
                }
                false => "",
            };
            let lookback = if looks_back { ", lookback 1" } else { "" };
            (format!("INCREMENTAL_BY_UNIQUE_KEY (unique_key name, forward_only true{merged}{lookback}, {ALLOW})"), "")
        }
        Kind::Log | Kind::AtOnce { adds: true } => (format!("INCREMENTAL_UNMANAGED ({ALLOW})"), ""),
        Kind::Parts | Kind::AtOnce { adds: false } => {
            (format!("INCREMENTAL_BY_PARTITION ({ALLOW})"), ", partitioned_by (name)")
        }
        Kind::Keyed => (format!("INCREMENTAL_BY_UNIQUE_KEY (unique_key id, forward_only true, {ALLOW})"), ""),
    }
}
