//! Measures how many queries cannot be taken apart: `cargo run --release --example opaque -- [--list] FOLDER…`.
//!
//! A folder holds `.sql` files (statements, and perhaps a `schema.sql` that makes the tables of all of them) or `.test`
//! files of sqllogictest. What makes tables runs on DuckDB in memory, without rows, so that columns are known; each
//! query is then parsed and analysed, and never run. `--list` prints every opaque query with its reason.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use offshoot::engine::duckdb::DuckDb;
use offshoot::engine::{Engine as _, Session};
use offshoot::hash::Digest;
use offshoot::ids::ModelName;
use offshoot::sql::{
    Analysis, Dialect, NameOrigin, Opaque, OutputName, Query, ShapeColumn, TableShape, Tables, Template, TokenKind,
    Traits, analyze, tokenize,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, folders): (Vec<String>, Vec<String>) =
        arguments.into_iter().partition(|argument| argument.starts_with("--"));
    let is_listed = options.iter().any(|option| option == "--list");
    let mut out = std::io::stdout().lock();
    for folder in folders {
        let mut measure = Measure::default();
        measure.folder(Path::new(&folder));
        let _ = write!(out, "{}", measure.text(&folder));
        if is_listed {
            for line in &measure.listed {
                let _ = writeln!(out, "{line}");
            }
        }
    }
}

/// What was counted over one folder.
#[derive(Default)]
struct Measure {
    files: u64,
    queries: u64,
    /// Queries that the parser knows but that we refuse, because it misreads their like.
    refused: u64,
    unparsed: u64,
    opaque: u64,
    reasons: BTreeMap<String, u64>,
    listed: Vec<String>,
}

impl Measure {
    fn folder(&mut self, folder: &Path) {
        let schema = std::fs::read_to_string(folder.join("schema.sql")).unwrap_or_default();
        let mut files = Vec::new();
        files_below(folder, &mut files);
        files.sort();
        for path in files {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let scripts = match path.extension().and_then(|extension| extension.to_str()) {
                Some("sql") if path.file_name().is_none_or(|name| name != "schema.sql") => statements(&text),
                Some("test" | "test_slow") => records(&text),
                _ => continue,
            };
            self.files += 1;
            let warehouse = Warehouse::new(&statements(&schema));
            for sql in scripts.iter().flat_map(|script| statements(script)) {
                match first_word(&sql).as_str() {
                    "select" | "with" | "from" | "values" | "table" | "pivot" | "unpivot" | "(" => {
                        self.query(&warehouse, &path, &sql);
                    }
                    _ => warehouse.take(&sql),
                }
            }
        }
    }

    fn query(&mut self, warehouse: &Warehouse, path: &Path, sql: &str) {
        let query = Query::parse(Template::plain(sql), Dialect::DuckDb);
        let reason = match analyze(&query, warehouse) {
            Analysis::Resolved(_) => None,
            Analysis::Opaque(reason) => Some(reason),
        };
        if let Some(Opaque::Construct(what)) = &reason
            && what.starts_with("a statement that writes")
        {
            return;
        }
        self.queries += 1;
        let Some(reason) = reason else { return };
        let kind = match &reason {
            Opaque::Unparsed(message) if is_ours(message) => {
                self.refused += 1;
                format!("refused: {message}")
            }
            Opaque::Unparsed(_) => {
                self.unparsed += 1;
                return;
            }
            Opaque::Name(_) => "a name belongs to no known input".to_owned(),
            Opaque::Ambiguous(_) => "a name may belong to more than one input".to_owned(),
            Opaque::Duplicate(_) => "two output columns of one name".to_owned(),
            other => other.to_string(),
        };
        self.opaque += 1;
        *self.reasons.entry(kind).or_default() += 1;
        let flat = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        self.listed.push(format!("{reason}\t{}\t{flat}", path.display()));
    }

    fn text(&self, folder: &str) -> String {
        let parsed = self.queries - self.unparsed;
        let percent = 100.0 * self.opaque as f64 / parsed.max(1) as f64;
        let mut text = format!(
            "{folder}: {} files, {} queries, {parsed} parsed (of these {} that we refuse), {} opaque: {percent:.2} %\n",
            self.files, self.queries, self.refused, self.opaque
        );
        let mut reasons: Vec<(&String, &u64)> = self.reasons.iter().collect();
        reasons.sort_by(|one, two| two.1.cmp(one.1).then(one.0.cmp(two.0)));
        for (reason, count) in reasons.into_iter().take(10) {
            text.push_str(&format!("{count:>6}  {reason}\n"));
        }
        text
    }
}

/// Whether a text was refused by a rule of ours, not by the parser; such count as opaque here.
fn is_ours(message: &str) -> bool {
    const OURS: [&str; 6] =
        ["a comment", "a number with", "a string with", "two strings", "the statement `TABLE`", "a query too long"];
    OURS.iter().any(|start| message.starts_with(start))
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { files_below(&path, files) } else { files.push(path) }
    }
}

/// The statements of a text, cut at semicolons.
fn statements(text: &str) -> Vec<String> {
    let Ok(tokens) = tokenize(text, Dialect::DuckDb) else { return vec![text.to_owned()] };
    let mut statements = Vec::new();
    let mut start = 0;
    for token in &tokens {
        if token.is_symbol(";") {
            statements.push(text[start..token.range.start].to_owned());
            start = token.range.end;
        }
    }
    statements.push(text[start..].to_owned());
    statements.retain(|statement| !first_word(statement).is_empty());
    statements
}

fn first_word(sql: &str) -> String {
    let tokens = tokenize(sql, Dialect::DuckDb).unwrap_or_default();
    let first = tokens.iter().find(|token| token.is_significant());
    match first.map(|token| &token.kind) {
        Some(TokenKind::Word { value, .. }) => value.to_lowercase(),
        Some(TokenKind::Symbol(symbol)) => symbol.clone(),
        _ => String::new(),
    }
}

/// The statements and queries of a sqllogictest file that are to succeed; of a loop its first turn.
fn records(text: &str) -> Vec<String> {
    let mut records = Vec::new();
    let mut loops: Vec<(String, String)> = Vec::new();
    let mut lines = text.lines().peekable();
    let mut is_skipped = false;
    while let Some(line) = lines.next() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["mode", "skip", ..] => is_skipped = true,
            ["mode", "unskip", ..] => is_skipped = false,
            ["loop" | "foreach" | "concurrentloop" | "concurrentforeach", name, first, ..] => {
                loops.push(((*name).to_owned(), first_of_list(first).to_owned()));
            }
            ["endloop", ..] => drop(loops.pop()),
            ["statement", "ok", ..] | ["query", ..] => {
                let mut sql = String::new();
                while let Some(line) = lines.next_if(|line| !line.trim().is_empty() && line.trim() != "----") {
                    sql.push_str(line);
                    sql.push('\n');
                }
                for (name, value) in &loops {
                    sql = sql.replace(&format!("${{{name}}}"), value).replace(&format!("{{{name}}}"), value);
                }
                // A query whose result is an error has that word where its rows would be.
                if !is_skipped {
                    records.push(sql);
                }
            }
            _ => {}
        }
    }
    records
}

/// The first member of a list that sqllogictest has a name for.
fn first_of_list(name: &str) -> &str {
    match name {
        "<all_types_columns>" => "bool",
        "<compression>" => "uncompressed",
        "<alltypes>" | "<integral>" | "<numeric>" | "<signed>" => "tinyint",
        "<unsigned>" => "utinyint",
        other => other,
    }
}

/// Tables by database, schema and name, with their columns.
type Known = BTreeMap<Vec<String>, Vec<String>>;

/// An engine that holds the tables of one file.
struct Warehouse {
    session: RefCell<Box<dyn Session>>,
    known: RefCell<Option<Known>>,
}

impl Warehouse {
    fn new(schema: &[String]) -> Self {
        let session = DuckDb::memory().session().expect("an engine in memory");
        let warehouse = Self { session: RefCell::new(session), known: RefCell::default() };
        schema.iter().for_each(|sql| warehouse.take(sql));
        warehouse
    }

    /// Runs what makes or changes tables, without their rows, and what undoes that; anything else is left alone.
    fn take(&self, sql: &str) {
        const TAKEN: [&str; 7] = ["alter", "begin", "commit", "create", "drop", "rollback", "use"];
        let first = first_word(sql);
        let is_in_memory = first == "attach" && sql.contains(":memory:");
        if !is_in_memory && !TAKEN.contains(&first.as_str()) {
            return;
        }
        let mut session = self.session.borrow_mut();
        if session.execute(&format!("{sql} WITH NO DATA")).is_err() {
            let _ = session.execute(sql);
        }
        self.known.take();
    }

    fn columns(&self, name: &ModelName) -> Option<Vec<String>> {
        let mut known = self.known.borrow_mut();
        let known = known.get_or_insert_with(|| read(&mut **self.session.borrow_mut()));
        let parts: Vec<String> = name.to_string().split('.').map(|part| part.trim_matches('"').to_owned()).collect();
        let is_named = |table: &&Vec<String>| match parts.as_slice() {
            [table_name] => table[2] == *table_name,
            [schema, table_name] => table[2] == *table_name && (table[1] == *schema || table[0] == *schema),
            _ => **table == parts,
        };
        known.keys().find(is_named).map(|table| known[table].clone())
    }
}

fn read(session: &mut dyn Session) -> Known {
    let sql = "SELECT lower(database_name), lower(schema_name), lower(table_name), column_name FROM duckdb_columns() \
               ORDER BY database_oid, table_oid, column_index";
    let mut known = Known::new();
    for row in session.query(sql).map(|rows| rows.rows).unwrap_or_default() {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let table: Vec<String> = cells.by_ref().take(3).collect();
        known.entry(table).or_default().extend(cells);
    }
    known
}

impl Tables for Warehouse {
    fn table(&self, name: &ModelName) -> Result<TableShape, Opaque> {
        let column = |column: String| ShapeColumn {
            hash: Digest::of("column", &format!("{name}.{column}")),
            name: OutputName { text: column, origin: NameOrigin::Stated },
            traits: Traits::default(),
        };
        Ok(TableShape {
            name: name.clone(),
            rows: Digest::of("rows", &name.to_string()),
            row_traits: Traits::default(),
            columns: self.columns(name).map(|columns| columns.into_iter().map(column).collect()),
            storage: Digest::of("storage", &name.to_string()),
        })
    }
}
