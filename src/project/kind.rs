//! `kind` of a `MODEL` block: its name in any case, and its properties (research: SQLMesh, section 7.3).

mod scd_type_2;
mod time_range;

use super::csv_settings;
use super::properties::Scope;
use super::value::{Pair, Source, Value, truth};
use crate::ids::{BlobId, FilePath};
use crate::model::{AutoRestatement, ColumnChange, ColumnChanges, CsvSettings, Kind, Past, Seed, UniqueKey};
use crate::problem::{Problem, nearest};
use crate::settings::ModelDefaults;
use crate::sql::{Dialect, Token};
use crate::time::Cron;

/// A kind as read from its text; a seed still needs its file.
#[derive(Clone, Debug)]
pub(super) struct ParsedKind {
    /// The kind.
    pub(super) kind: Kind,
    /// A seed's `path` as written, with its byte.
    pub(super) seed_path: Option<(String, usize)>,
    /// When it is loaded again by itself.
    pub(super) auto_restatement: Option<AutoRestatement>,
}

const SUPPORTED: [&str; 11] = [
    "view",
    "full",
    "incremental_by_time_range",
    "incremental_by_unique_key",
    "incremental_by_partition",
    "incremental_unmanaged",
    "scd_type_2",
    "scd_type_2_by_time",
    "scd_type_2_by_column",
    "seed",
    "embedded",
];
const LATER: [&str; 3] = ["managed", "custom", "dbt_custom"];
const AUTO_RESTATEMENT: [&str; 2] = ["auto_restatement_cron", "auto_restatement_intervals"];

const INCREMENTAL: [&str; 9] = [
    "lookback",
    "batch_size",
    "batch_concurrency",
    "forward_only",
    "disable_restatement",
    "on_destructive_change",
    "on_additive_change",
    "auto_restatement_cron",
    "auto_restatement_intervals",
];

/// Reads a kind; `None` where it is not one that we can load, with the problems that say why.
pub(super) fn read(scope: &Scope<'_>, value: Value<'_>, problems: &mut Vec<Problem>) -> Option<ParsedKind> {
    let source = &scope.source;
    let call = value.call().or_else(|| Some((value.scalar()?.to_lowercase(), value)));
    let Some((name, arguments)) = call else {
        let message = "`kind` must be a name, with its properties in parentheses behind it";
        let problem = source.error("invalid-kind", value.offset, message);
        problems.push(problem.help("write `kind FULL`, or `kind SEED (path '../seeds/name.csv')`"));
        return None;
    };
    let pairs = match arguments.is_list() {
        true if name == "incremental_by_unique_key" => arguments.pairs_with("when_matched", &keyed()),
        true => arguments.pairs(),
        false => Ok(Vec::new()),
    };
    let pairs = match pairs {
        Ok(pairs) => pairs,
        Err(offset) => {
            let problem = source.error("invalid-kind", offset, "expected a property of the kind: a name and its value");
            problems.push(problem.help("write it as `kind INCREMENTAL_BY_TIME_RANGE (time_column ds)`"));
            Vec::new()
        }
    };
    let mut reader = Reader { source, name: &name, changes: scope.changes, pairs, problems };
    let offset = value.offset;
    let plain = |kind| Some(ParsedKind { kind, seed_path: None, auto_restatement: None });
    match name.as_str() {
        "view" => {
            reader.check(&["materialized"]);
            // An engine that has none makes a view of it, as SQLMesh's adapter does.
            plain(if reader.flag("materialized") && scope.dialect != Dialect::DuckDb {
                Kind::Materialized
            } else {
                Kind::View
            })
        }
        "full" => {
            reader.check(&[]);
            plain(Kind::Full)
        }
        "embedded" => {
            reader.check(&["disable_restatement"]);
            plain(Kind::Embedded)
        }
        "incremental_by_time_range" => {
            let (kind, auto_restatement) =
                (Kind::TimeRange(reader.time_range(offset, scope)?), reader.auto_restatement());
            Some(ParsedKind { kind, seed_path: None, auto_restatement })
        }
        "incremental_by_unique_key" => {
            let (kind, auto_restatement) = (Kind::UniqueKey(reader.unique_key(offset)?), reader.auto_restatement());
            Some(ParsedKind { kind, seed_path: None, auto_restatement })
        }
        "incremental_by_partition" => plain(Kind::Partition(reader.partition())),
        "incremental_unmanaged" => plain(reader.unmanaged()),
        "scd_type_2" | "scd_type_2_by_time" => plain(Kind::ScdType2(reader.by_time(offset)?)),
        "scd_type_2_by_column" => plain(Kind::ScdType2(reader.by_column(offset)?)),
        "seed" => reader.seed(offset),
        "external" => {
            let problem = source.error("unsupported-kind", offset, "an EXTERNAL model is filled by something else");
            problems.push(problem.help("declare it in `external_models.yaml` and remove this file"));
            None
        }
        _ => {
            problems.push(unsupported(source, offset, &name));
            None
        }
    }
}

fn unsupported(source: &Source<'_>, offset: usize, name: &str) -> Problem {
    let upper = name.to_uppercase();
    if LATER.contains(&name) {
        let problem = source.error("unsupported-kind", offset, format!("kind {upper} cannot run here"));
        return problem.help("give the model a kind that SQL can fill");
    }
    let problem = source.error("unknown-kind", offset, format!("there is no kind `{upper}`"));
    let known: Vec<String> = SUPPORTED.iter().map(|name| name.to_uppercase()).collect();
    match nearest(&upper, known.iter().map(String::as_str)) {
        Some(name) => problem.help(format!("did you mean {name}?")),
        None => problem.help(format!("known are {}", known.join(", "))),
    }
}

/// The properties of INCREMENTAL_BY_UNIQUE_KEY.
fn keyed() -> Vec<&'static str> {
    ["unique_key", "when_matched", "merge_filter"].into_iter().chain(INCREMENTAL).collect()
}

/// The two properties that say which changes of columns are taken.
pub(super) const CHANGES: [&str; 2] = ["on_destructive_change", "on_additive_change"];

const CHANGE_WORDS: &str = "allow, warn, ignore or error";

/// Why a word for what becomes of a column says nothing.
enum NoChange {
    /// What `ignore` does in SQLMesh, to leave the table's columns as they were, would show other columns than the query has. So
    /// it is `error`, and nothing is lost or added before somebody says what is meant.
    Ignored,
    Unknown,
}

/// SQLMesh's words for it: `allow` and `warn` take the change, `error` does not.
fn change_of(word: &str) -> Result<ColumnChange, NoChange> {
    match word.to_lowercase().as_str() {
        "allow" | "warn" => Ok(ColumnChange::Taken),
        "error" => Ok(ColumnChange::Refused),
        "ignore" => Err(NoChange::Ignored),
        _ => Err(NoChange::Unknown),
    }
}

/// Tells that `ignore` is another word here.
fn ignored(source: &Source<'_>, key: &str, offset: usize) -> Problem {
    let message = format!("`{key} ignore` is taken for `error`: a table has the columns of its query");
    let problem = source.warning("unsupported-property", offset, message);
    problem.help("say `allow` where columns may come or go, and write a column that is to stay into the query")
}

/// Which changes of columns `model_defaults` takes.
pub(super) fn default_changes(
    source: &Source<'_>,
    defaults: &ModelDefaults,
    problems: &mut Vec<Problem>,
) -> ColumnChanges {
    let usual = ColumnChanges::default();
    let mut of = |key: &str, usual: ColumnChange| {
        let Some(default) = defaults.get(key) else { return usual };
        let source = Source { fixed: Some(default.place), ..*source };
        match change_of(&default.text) {
            Ok(change) => change,
            Err(NoChange::Ignored) => {
                problems.push(ignored(&source, key, 0));
                ColumnChange::Refused
            }
            Err(NoChange::Unknown) => {
                problems.push(source.error("invalid-property", 0, format!("`{key}` must be {CHANGE_WORDS}")));
                usual
            }
        }
    };
    let [destructive, additive] = CHANGES;
    ColumnChanges { destructive: of(destructive, usual.destructive), additive: of(additive, usual.additive) }
}

struct Reader<'a, 'b> {
    source: &'b Source<'a>,
    name: &'b str,
    /// What is done where the kind does not say it.
    changes: ColumnChanges,
    pairs: Vec<Pair<'a>>,
    problems: &'b mut Vec<Problem>,
}

impl<'a> Reader<'a, '_> {
    /// Refuses properties that the kind does not have, and those given twice.
    fn check(&mut self, known: &[&str]) {
        for (index, pair) in self.pairs.iter().enumerate() {
            let what = format!("`{}` of kind {}", pair.written, self.name.to_uppercase());
            if self.pairs[..index].iter().any(|other| other.key == pair.key) {
                let problem = self.source.error("duplicate-property", pair.offset, format!("{what} is given twice"));
                self.problems.push(problem.help("keep one of the two"));
            }
            if !known.contains(&pair.key.as_str()) && pair.key != "dialect" {
                let problem = self.source.error("unknown-property", pair.offset, format!("{what} is unknown"));
                self.problems.push(match nearest(&pair.key, known.iter().copied()) {
                    Some(name) => problem.help(format!("did you mean `{name}`?")),
                    None if known.is_empty() => problem.help("this kind has no properties"),
                    None => problem.help(format!("known are {}", known.join(", "))),
                });
            }
        }
    }

    fn value(&self, key: &str) -> Option<Value<'a>> {
        self.pairs.iter().find(|pair| pair.key == key).map(|pair| pair.value)
    }

    fn expected(&mut self, key: &str, what: &str, offset: usize) {
        let message = format!("`{key}` of kind {} must be {what}", self.name.to_uppercase());
        self.problems.push(self.source.error("invalid-property", offset, message));
    }

    fn later(&mut self, key: &str, message: &str) {
        let offset = self.value(key).map_or(0, |value| value.offset);
        let problem = self.source.error("unsupported-property", offset, message);
        self.problems.push(problem.help(format!("remove `{key}` until a later version honours it")));
    }

    fn flag(&mut self, key: &str) -> bool {
        let Some(value) = self.value(key) else { return false };
        value.scalar().as_deref().and_then(truth).unwrap_or_else(|| {
            self.expected(key, "true or false", value.offset);
            false
        })
    }

    fn number(&mut self, key: &str) -> Option<u32> {
        let value = self.value(key)?;
        let number = value.scalar().and_then(|text| text.parse().ok());
        if number.is_none() {
            self.expected(key, "a whole number", value.offset);
        }
        number
    }

    fn positive(&mut self, key: &str) -> Option<u32> {
        let number = self.number(key)?;
        if number == 0 {
            let offset = self.value(key).map_or(0, |value| value.offset);
            self.expected(key, "at least 1", offset);
        }
        (number > 0).then_some(number)
    }

    /// Says that nothing of this kind is loaded again by itself.
    fn no_auto_restatement(&mut self) {
        for key in AUTO_RESTATEMENT {
            if let Some(value) = self.value(key) {
                let message = format!(
                    "`{key}` does nothing in kind {}, of which no range is loaded again",
                    self.name.to_uppercase()
                );
                let problem = self.source.warning("unsupported-property", value.offset, message);
                self.problems.push(problem.help(format!("remove `{key}`")));
            }
        }
    }

    /// `auto_restatement_cron` and `auto_restatement_intervals`.
    fn auto_restatement(&mut self) -> Option<AutoRestatement> {
        let [cron, intervals] = AUTO_RESTATEMENT;
        let units = self.positive(intervals);
        let Some(value) = self.value(cron) else {
            if let Some(value) = self.value(intervals) {
                let message = format!("`{intervals}` does nothing without `{cron}`");
                let problem = self.source.warning("unsupported-property", value.offset, message);
                self.problems.push(problem.help(format!("say when: `{cron} '@weekly'`")));
            }
            return None;
        };
        match Cron::parse(&value.scalar().unwrap_or_else(|| value.folded())) {
            Ok(cron) => Some(AutoRestatement { cron, intervals: units }),
            Err(error) => {
                self.expected(cron, &format!("a schedule ({error})"), value.offset);
                None
            }
        }
    }

    /// `forward_only` and `disable_restatement`.
    fn past(&mut self) -> Past {
        match (self.flag("disable_restatement"), self.flag("forward_only")) {
            (true, _) => Past::Fixed(self.column_changes()),
            (false, true) => Past::Kept(self.column_changes()),
            (false, false) => Past::Recomputed,
        }
    }

    /// What a past that is kept takes of other columns; where none is, what it would take if it were. What that says wrongly
    /// says nothing then, as it always did.
    fn changes_of(&self, past: Past) -> ColumnChanges {
        let wish = |key: &str, usual| match self.value(key).map(|value| change_of(&value.scalar().unwrap_or_default()))
        {
            Some(Ok(change)) => change,
            Some(Err(_)) => ColumnChange::Refused,
            None => usual,
        };
        let [destructive, additive] = CHANGES;
        past.kept().unwrap_or_else(|| ColumnChanges {
            destructive: wish(destructive, self.changes.destructive),
            additive: wish(additive, self.changes.additive),
        })
    }

    fn column_changes(&mut self) -> ColumnChanges {
        let [destructive, additive] = CHANGES;
        let usual = self.changes;
        ColumnChanges {
            destructive: self.column_change(destructive, usual.destructive),
            additive: self.column_change(additive, usual.additive),
        }
    }

    fn column_change(&mut self, key: &str, usual: ColumnChange) -> ColumnChange {
        let Some(value) = self.value(key) else { return usual };
        match value.scalar().as_deref().map_or(Err(NoChange::Unknown), change_of) {
            Ok(change) => change,
            Err(NoChange::Ignored) => {
                self.problems.push(ignored(self.source, key, value.offset));
                ColumnChange::Refused
            }
            Err(NoChange::Unknown) => {
                self.expected(key, CHANGE_WORDS, value.offset);
                usual
            }
        }
    }

    /// SQLMesh has this kind go on from its table always.
    fn partition(&mut self) -> Past {
        self.check(&INCREMENTAL);
        self.no_auto_restatement();
        self.one_query();
        self.always("forward_only");
        let changes = self.column_changes();
        if self.flag("disable_restatement") { Past::Fixed(changes) } else { Past::Kept(changes) }
    }

    /// Each load adds rows, or with `insert_overwrite` takes the place of partitions.
    fn unmanaged(&mut self) -> Kind {
        let mut known = vec!["insert_overwrite"];
        known.extend(INCREMENTAL);
        self.check(&known);
        self.no_auto_restatement();
        self.one_query();
        for key in ["forward_only", "disable_restatement"] {
            self.always(key);
        }
        let changes = self.column_changes();
        if self.flag("insert_overwrite") { Kind::Partition(Past::Fixed(changes)) } else { Kind::Unmanaged(changes) }
    }

    /// Says no to what cuts a load into several queries.
    fn one_query(&mut self) {
        for key in ["batch_size", "batch_concurrency", "lookback"] {
            if self.value(key).is_some() {
                let kind = self.name.to_uppercase();
                self.later(key, &format!("`{key}` of kind {kind} is not supported yet: each load is one query"));
            }
        }
    }

    /// Warns where a property is taken back that the kind always has.
    fn always(&mut self, key: &str) {
        if let Some(value) = self.value(key)
            && !self.flag(key)
        {
            let message = format!("a model of kind {} is always `{key}`", self.name.to_uppercase());
            let problem = self.source.warning("unsupported-property", value.offset, message);
            self.problems.push(problem.help(format!("leave `{key}` out")));
        }
    }

    fn unique_key(&mut self, offset: usize) -> Option<UniqueKey> {
        self.check(&keyed());
        let past = self.past();
        let lookback = self.number("lookback").unwrap_or(0);
        let batch_size = self.positive("batch_size");
        let written = |reader: &Self, key| reader.value(key).map(|value| value.without_spare_commas());
        self.refuse_queries(["when_matched", "merge_filter"]);
        let (when_matched, merge_filter) = (written(self, "when_matched"), written(self, "merge_filter"));
        let items = self.value("unique_key").map(|value| value.items()).unwrap_or_default();
        // A lone word or string is a column; anything else is an expression, kept as written.
        let text = |item: &Value<'_>| item.scalar().filter(|_| item.tokens.len() == 1);
        let unique_key: Vec<String> =
            items.iter().map(|item| text(item).unwrap_or_else(|| item.without_spare_commas())).collect();
        if unique_key.is_empty() {
            let message = "kind INCREMENTAL_BY_UNIQUE_KEY needs `unique_key`";
            let problem = self.source.error("missing-property", offset, message);
            self.problems.push(problem.help("write `kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id)`"));
            return None;
        }
        let changes = self.changes_of(past);
        Some(UniqueKey { unique_key, when_matched, merge_filter, lookback, batch_size, past, changes })
    }

    /// Nobody would see there which tables these read, and environments would read production's.
    fn refuse_queries(&mut self, keys: [&str; 2]) {
        for key in keys {
            let Some(value) = self.value(key) else { continue };
            let tokens: Vec<&Token> = value.tokens.iter().filter(|token| token.is_significant()).collect();
            let is_query = tokens.windows(2).any(|two| {
                two[1].is_word("select") || two[0].is_symbol("(") && (two[1].is_word("from") || two[1].is_word("table"))
            });
            if is_query {
                let message = format!("`{key}` reads a table, which only the query of a model may");
                let problem = self.source.error("invalid-property", value.offset, message);
                self.problems.push(problem.help("let the query give what it compares with as a column"));
            }
        }
    }

    fn seed(&mut self, offset: usize) -> Option<ParsedKind> {
        self.check(&["path", "batch_size", "csv_settings"]);
        self.positive("batch_size");
        let csv = match self.value("csv_settings") {
            Some(value) => csv_settings::read(self.source, value, self.problems),
            None => CsvSettings::default(),
        };
        let path = self.value("path").and_then(|value| Some((value.scalar()?, value.offset)));
        let Some(path) = path.filter(|(path, _)| !path.is_empty()) else {
            let problem = self.source.error("missing-property", offset, "kind SEED needs `path`, a text");
            self.problems.push(problem.help("write `kind SEED (path '../seeds/name.csv')`"));
            return None;
        };
        let seed = Seed { path: FilePath::new(""), blob: BlobId::new(""), csv, columns: Vec::new(), rows: 0 };
        Some(ParsedKind { kind: Kind::Seed(seed), seed_path: Some(path), auto_restatement: None })
    }
}
