//! Rows under one name, in each of SQLMesh's forms: a list of rows, `rows` with `columns`, a CSV text or file, a YAML file,
//! or a query.

use std::collections::BTreeMap;

use super::report::Tell as _;
use super::value::Quoted;
use super::{Cell, Compared, Content, Fixture, Named, Row, Rows};
use crate::files::{Entry as FileEntry, FileTree};
use crate::ids::FilePath;
use crate::model::CsvSettings;
use crate::problem::{Problem, nearest};
use crate::project::{Defaults, RefusedCsvSetting, read_seed, seed_rows, set_csv, with_null_texts};
use crate::settings::Report;
use crate::sql::{Dialect, tokenize};
use crate::yaml::{self, Entry, Node, Place, Value};

const KEYS: [&str; 7] = ["rows", "columns", "query", "format", "path", "csv_settings", "partial"];

/// What a fixture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Rows of a parent.
    Given,
    /// Rows that must come.
    Expected,
    /// The same where `partial` stands above all of them.
    ExpectedInPart,
}

/// Where fixtures come from.
pub(super) struct Sources<'a> {
    /// The project's files.
    pub(super) tree: &'a dyn FileTree,
    /// The text of the test file.
    pub(super) text: &'a str,
}

/// Reads one fixture; `None` where it is told what is wrong.
pub(super) fn read(entry: &Entry, role: Role, sources: &Sources<'_>, report: &mut Report<'_>) -> Option<Fixture> {
    let Entry { key: name, node } = entry;
    let compared = |partial| match role {
        Role::ExpectedInPart => Compared::Named,
        _ if partial => Compared::Named,
        _ => Compared::Whole,
    };
    let place = node.place;
    match &node.value {
        Value::List(items) => {
            let content = Content::Rows(rows(items, sources.text, report));
            Some(Fixture { place, content, columns: BTreeMap::new(), compared: compared(false) })
        }
        Value::Map(_) => {
            keys(name, node, role, report);
            let partial = node.get("partial").is_some_and(|node| report.choice("partial", node));
            let columns = node.get("columns").map(|columns| types(columns, report)).unwrap_or_default();
            let content = content(name, node, sources, report)?;
            Some(Fixture { place, content, columns, compared: compared(partial) })
        }
        _ => {
            report.expected(name, "a list of rows, or a mapping with `rows` or `query`", node);
            None
        }
    }
}

fn keys(name: &str, node: &Node, role: Role, report: &mut Report<'_>) {
    for Entry { key, node } in node.entries() {
        let idle = if role == Role::Given { "partial" } else { "columns" };
        if !KEYS.contains(&key.as_str()) {
            report.no_key(&format!("the rows of `{name}`"), key, node.place, &KEYS);
        } else if key == idle {
            let what = if role == Role::Given { "given rows" } else { "expected rows, which are cast to what comes" };
            let problem = Problem::warning("idle-key", format!("`{key}` means nothing for {what}"));
            report.push(node.place, problem.help("remove it"));
        }
    }
}

/// Whether a text can stand in parentheses of a statement and end with them: it closes none that it did not open, and ends
/// no statement.
fn holds_one(text: &str) -> bool {
    let Ok(tokens) = tokenize(text, Dialect::DuckDb) else { return false };
    let mut depth = 0_i64;
    let is_inside = tokens.iter().all(|token| {
        depth += i64::from(token.is_symbol("(")) - i64::from(token.is_symbol(")"));
        depth >= 0 && !token.is_symbol(";")
    });
    is_inside && depth == 0
}

fn types(node: &Node, report: &mut Report<'_>) -> BTreeMap<String, String> {
    if !matches!(node.value, Value::Map(_) | Value::Null) {
        report.expected("columns", "a mapping from columns to types", node);
    }
    let mut types = BTreeMap::new();
    for Entry { key, node } in node.entries() {
        let Some(data_type) = report.text(key, node) else { continue };
        if holds_one(&data_type) {
            types.insert(folded(key), data_type);
        } else {
            report.error(node.place, format!("what stands for `{key}` is no type"), "write it as in `CAST(x AS …)`");
        }
    }
    types
}

fn content(name: &str, node: &Node, sources: &Sources<'_>, report: &mut Report<'_>) -> Option<Content> {
    let given = |key: &str| node.get(key).filter(|node| node.value != Value::Null);
    let others = ["rows", "path"].into_iter().find(|key| given(key).is_some());
    if let Some(query) = given("query") {
        if let Some(other) = others {
            let message = format!("`{name}` has both `query` and `{other}`");
            report.error(query.place, message, "keep one of the two");
        }
        let text = report.text("query", query)?;
        let sql = text.trim_end_matches(|sign: char| sign == ';' || sign.is_whitespace());
        if !holds_one(sql) {
            report.error(query.place, format!("what stands for `{name}` is not one query"), "write one SELECT");
            return None;
        }
        return Some(Content::Query(sql.to_owned()));
    }
    let format = given("format").and_then(|node| report.text("format", node));
    let path = given("path").and_then(|node| Some((report.text("path", node)?, node.place)));
    match format.as_deref() {
        Some("csv") => {
            let settings = given("csv_settings").map(|node| csv_settings(node, report)).unwrap_or_default();
            csv(node, given("rows"), path, (&settings, sources), report).map(Content::Rows)
        }
        None | Some("yaml") => match (path, given("rows").map(|rows| (&rows.value, rows))) {
            (Some((path, place)), _) => yaml_file((&path, place), sources, report).map(Content::Rows),
            (None, Some((Value::List(items), _))) => Some(Content::Rows(rows(items, sources.text, report))),
            (None, Some((_, rows))) => {
                report.expected("rows", "a list of rows (of a CSV text, say `format: csv` beside it)", rows);
                None
            }
            (None, None) => {
                report.error(
                    node.place,
                    format!("`{name}` has no rows"),
                    "give `rows`, `query` or `path`; none is `[]`",
                );
                None
            }
        },
        Some(other) => {
            let place = given("format").map_or(node.place, |node| node.place);
            report.error(place, format!("there is no format `{other}` of rows"), "known are `yaml` and `csv`");
            None
        }
    }
}

/// A column's name as columns are told apart: without the quotes of an identifier, in lower case (SQLMesh normalizes them).
fn folded(name: &str) -> String {
    let name = name.trim();
    let quoted = ['"', '`'].iter().find_map(|quote| name.strip_prefix(*quote)?.strip_suffix(*quote));
    quoted.filter(|inside| !inside.is_empty()).unwrap_or(name).to_lowercase()
}

/// So many cells may rows have together, those that they leave out included.
const MOST_CELLS: usize = 2_000_000;

/// Rows of a list; the texts in them are looked up in `text` to see whether they stand in quotes.
fn rows(items: &[Node], text: &str, report: &mut Report<'_>) -> Rows {
    let mut lines = Lines::of(text);
    let mut read = Rows::default();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for item in items {
        if !matches!(item.value, Value::Map(_)) {
            report.expected("a row", "a mapping from columns to values", item);
            continue;
        }
        let mut cells: BTreeMap<usize, Cell> = BTreeMap::new();
        for Entry { key, node } in item.entries() {
            let folded = folded(key);
            let index = *known.entry(folded.clone()).or_insert_with(|| {
                read.columns.push(Named { text: folded, place: node.place });
                read.columns.len() - 1
            });
            let cell = Cell::of(&node.value, lines.quoted(node.place, key));
            if cells.insert(index, cell).is_some() {
                let help = "case does not tell columns apart";
                report.error(node.place, format!("the row has column `{key}` twice"), help);
            }
        }
        if known.len().saturating_mul(items.len()) > MOST_CELLS {
            report.error(item.place, "the rows have too many columns", "give each row the columns that it needs");
            return Rows::default();
        }
        let cells = (0..known.len()).map(|index| cells.remove(&index).unwrap_or(Cell::Null)).collect();
        read.rows.push(Row { place: item.place, cells });
    }
    let width = read.columns.len();
    read.rows.iter_mut().for_each(|row| row.cells.resize(width, Cell::Null));
    read
}

/// The lines of a text, in which places are found however long they are.
struct Lines<'t> {
    lines: Vec<&'t str>,
    /// The line that was asked for last, with where its characters begin, unless all of it is ASCII.
    last: Option<(usize, Vec<usize>)>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        Self { lines: text.lines().collect(), last: None }
    }

    /// Whether the value behind the key at this place begins with a quote or is a block of text.
    fn quoted(&mut self, place: Place, key: &str) -> Quoted {
        // A key in quotes may be longer than it reads, by its escapes; nothing behind it is looked at.
        let longest = key.len().saturating_mul(10).saturating_add(64);
        let at_key: String = self.from(place).chars().take(longest).collect();
        let after_key = match at_key.chars().next() {
            Some(quote @ ('"' | '\'')) => at_key[1..].split_once(quote).map_or("", |(_, rest)| rest),
            _ => at_key.strip_prefix(key).unwrap_or(""),
        };
        let value = after_key.split_once(':').map_or("", |(_, rest)| rest).trim_start();
        if value.starts_with(['"', '\'', '|', '>']) { Quoted::Yes } else { Quoted::No }
    }

    /// The line from a place on.
    fn from(&mut self, place: Place) -> &'t str {
        let (number, column) = ((place.line as usize).saturating_sub(1), (place.column as usize).saturating_sub(1));
        let line = self.lines.get(number).copied().unwrap_or_default();
        if let Some(rest) = line.get(column..).filter(|_| line.len() < 256 && line.is_ascii()) {
            return rest;
        }
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            self.last = Some((number, line.char_indices().map(|(offset, _)| offset).collect()));
        }
        let offset = self.last.as_ref().and_then(|(_, offsets)| offsets.get(column));
        offset.and_then(|offset| line.get(*offset..)).unwrap_or_default()
    }
}

fn csv_settings(node: &Node, report: &mut Report<'_>) -> CsvSettings {
    let mut settings = CsvSettings::default();
    let mut added = Vec::new();
    if !matches!(node.value, Value::Map(_)) {
        report.expected("csv_settings", "a mapping", node);
    }
    for Entry { key, node } in node.entries() {
        let values: Option<Vec<String>> = match &node.value {
            Value::List(items) => items.iter().map(|item| item.text().map(str::to_owned)).collect(),
            _ => node.text().map(|text| vec![text.to_owned()]),
        };
        // pandas has two names for it.
        let setting = if key == "sep" { "delimiter" } else { key };
        if setting == "na_values" && matches!(node.value, Value::Map(_)) {
            for column in node.entries() {
                let texts = match &column.node.value {
                    Value::List(items) => items.as_slice(),
                    _ => std::slice::from_ref(&column.node),
                };
                let texts = texts.iter().filter_map(Node::text).map(str::to_owned);
                settings.null_texts_of.entry(column.key.clone()).or_default().extend(texts);
            }
            continue;
        }
        let Err(refused) = set_csv(&mut settings, setting, values.as_deref(), &mut added) else { continue };
        match refused {
            RefusedCsvSetting::Expected(what, help) => {
                report.error(
                    node.place,
                    format!("`{key}` of `csv_settings` must be {what}"),
                    help.unwrap_or("see pandas"),
                );
            }
            RefusedCsvSetting::Unknown(nearest) => {
                let help = nearest.map_or_else(
                    || format!("known are {}", RefusedCsvSetting::known()),
                    |name| format!("did you mean `{name}`?"),
                );
                report.error(node.place, format!("`{key}` of `csv_settings` is not supported"), help);
            }
        }
    }
    let keeps = node.get("keep_default_na").is_none_or(|node| node.value != Value::Bool(false));
    with_null_texts(settings, added, if keeps { Defaults::Kept } else { Defaults::Gone })
}

fn csv(
    node: &Node,
    text: Option<&Node>,
    path: Option<(String, Place)>,
    (settings, sources): (&CsvSettings, &Sources<'_>),
    report: &mut Report<'_>,
) -> Option<Rows> {
    let (text, place) = match (path, text) {
        (Some((path, place)), _) => (file(&path, place, sources, report)?.1, place),
        (None, Some(rows)) => (report.text("rows", rows)?, rows.place),
        (None, None) => {
            report.error(node.place, "there is no CSV text", "give it as `rows: |`, or the file as `path`");
            return None;
        }
    };
    match csv_rows(&text, place, settings) {
        Ok(rows) => Some(rows),
        Err(error) => {
            let mut problem = Problem::error("invalid-test", format!("the CSV text cannot be read: {error}"));
            problem.help = error.help().map(str::to_owned);
            report.push(place, problem);
            None
        }
    }
}

fn csv_rows(text: &str, place: Place, settings: &CsvSettings) -> Result<Rows, crate::project::SeedError> {
    let contents = read_seed(text.as_bytes(), settings, &[], Dialect::Generic)?;
    let columns = contents.columns.iter().map(|column| Named { text: folded(&column.name), place });
    let mut read = Rows { columns: columns.collect(), rows: Vec::new() };
    for row in seed_rows(text.as_bytes(), settings, &contents.columns)? {
        let cells = row?.into_iter().map(|cell| cell.map_or(Cell::Null, Cell::Untyped)).collect();
        read.rows.push(Row { place, cells });
    }
    Ok(read)
}

/// A file of rows: a list, or a mapping with `rows`.
fn yaml_file((path, place): (&str, Place), sources: &Sources<'_>, report: &mut Report<'_>) -> Option<Rows> {
    let (path, text) = file(path, place, sources, report)?;
    let mut inside = Report { path: &path, problems: report.problems };
    let document = match yaml::parse(&text) {
        Ok(document) => document,
        Err(error) => {
            inside.problems.push(error.problem(&path));
            return None;
        }
    };
    let list = if matches!(document.value, Value::Map(_)) { document.get("rows") } else { Some(&document) };
    match list.map(|list| &list.value) {
        Some(Value::List(items)) => Some(rows(items, &text, &mut inside)),
        _ => {
            inside.error(document.place, "the file is no list of rows", "write a list, or `rows:` with a list below");
            None
        }
    }
}

/// The largest file of rows that is read.
const MAX_BYTES: u64 = 8 << 20;

/// A file of the project, by its path from the project's folder.
fn file(written: &str, place: Place, sources: &Sources<'_>, report: &mut Report<'_>) -> Option<(FilePath, String)> {
    use std::io::Read as _;
    let path = FilePath::new(written.trim_start_matches("./"));
    let entries = sources.tree.entries();
    match entries.get(&path) {
        Some(FileEntry::File { .. }) => {}
        Some(FileEntry::Unreadable(problem)) => {
            report.problems.push(problem.clone());
            return None;
        }
        None => {
            let help = match nearest(path.as_str(), entries.keys().map(FilePath::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "paths go from the project's folder, and stay in it".to_owned(),
            };
            report.error(place, format!("there is no file `{written}`"), help);
            return None;
        }
    }
    let mut text = String::new();
    let read = sources.tree.open(&path).and_then(|stream| stream.take(MAX_BYTES + 1).read_to_string(&mut text));
    match read {
        Ok(bytes) if bytes as u64 <= MAX_BYTES => Some((path, text)),
        Ok(_) => {
            report.error(place, format!("`{path}` is larger than {} MiB", MAX_BYTES >> 20), "a test needs a few rows");
            None
        }
        Err(error) => {
            report.error(place, format!("`{path}` cannot be read: {error}"), "save it as UTF-8");
            None
        }
    }
}
