//! Seeds: CSV files read as a stream, once, with the types of their columns and a digest of each column's cells.
//!
//! The same reading of rows serves hashing here and loading in the engine, so that what is hashed is what is loaded.
//! Types are inferred as pandas does for SQLMesh, except that a NULL does not turn BIGINT into DOUBLE or BOOLEAN into
//! TEXT, which would lose digits.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, Read};

use super::csv_escaped::{self, EndsWithin};
use super::seed_cell::CellReader;
use super::seed_header::{self, Renamed};
use crate::hash::{Digest, Hasher};
use crate::model::{CsvSettings, DeclaredColumn, SeedColumn};
use crate::sql::Dialect;

/// What was found in a seed's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedContents {
    /// The declared columns in their order, else all in the file's.
    pub columns: Vec<SeedColumn>,
    /// Number of rows, the header not counted.
    pub rows: u64,
    /// The first row that has fewer cells than the header: its line, from 1, and how many it has.
    pub short: Option<(u64, u64)>,
    /// The first column that has another name than the header says, because that is taken.
    pub renamed: Option<Renamed>,
}

/// Why a seed cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file has no header.
    #[error("the file is empty: expected a header row")]
    Empty,
    /// Two columns have one name.
    #[error("the header names column `{name}` twice, in upper and lower case or with blanks")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// A declared column is not in the file.
    #[error("the model declares column `{name}`, which is not in the header")]
    MissingColumn {
        /// The name.
        name: String,
    },
    /// The header is not the one that was planned with.
    #[error("the header has other columns than the plan")]
    OtherHeader,
    /// A row is too long.
    #[error("line {line} has {found} cells, the header has {expected}")]
    Width {
        /// The line, from 1.
        line: u64,
        /// Cells in the row.
        found: u64,
        /// Cells in the header.
        expected: u64,
    },
    /// A cell is not text.
    #[error("line {line} holds {what}")]
    NoText {
        /// The line, from 1.
        line: u64,
        /// What it holds.
        what: &'static str,
    },
    /// Its last cell has no end.
    #[error(transparent)]
    EndsWithin(EndsWithin),
    /// The stream broke.
    #[error("the file cannot be read: {0}")]
    Read(#[from] io::Error),
}

impl SeedError {
    /// The line that is wrong, where one is.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Width { line, .. } | Self::NoText { line, .. } => Some(*line),
            Self::DuplicateColumn { .. } | Self::MissingColumn { .. } => Some(1),
            Self::Empty | Self::OtherHeader | Self::EndsWithin(_) | Self::Read(_) => None,
        }
    }
}

impl SeedError {
    /// What to do about it.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Empty => "write the names of the columns into its first line",
            Self::DuplicateColumn { .. } => "rename one of the two",
            Self::MissingColumn { .. } => "add it to the file, or take it out of `columns` of the model",
            Self::Width { .. } => "put a cell that holds the delimiter into quotes; an empty cell is a cell, too",
            Self::NoText { .. } => "save the file as UTF-8 text",
            Self::EndsWithin(_) => "close the quotes; where `escapechar` is meant itself, write it twice",
            Self::OtherHeader | Self::Read(_) => return None,
        })
    }
}

/// A row's cells in the order of the columns that are loaded; `None` is NULL.
pub type SeedRow = Vec<Option<String>>;

/// Iterates a seed's rows for loading.
///
/// # Errors
/// The file's header lacks one of `columns`; later, per row, what is wrong with it.
pub fn seed_rows<R: Read>(
    reader: R,
    settings: &CsvSettings,
    columns: &[SeedColumn],
) -> Result<impl Iterator<Item = Result<SeedRow, SeedError>>, SeedError> {
    let ((names, _), rows) = open(reader, settings, |_, _| ())?;
    let place = |column: &SeedColumn| names.iter().position(|name| is_same(name, &column.name));
    let places: Vec<usize> =
        columns.iter().map(|column| place(column).ok_or(SeedError::OtherHeader)).collect::<Result<_, _>>()?;
    let mut readers: Vec<CellReader> = columns.iter().map(|column| CellReader::of(Some(&column.data_type))).collect();
    let mut cell = move |mut cells: SeedRow| {
        let cell = |(place, reader): (&usize, &mut CellReader)| {
            let text = cells[*place].take()?;
            Some(reader.read(&text).unwrap_or(text))
        };
        places.iter().zip(&mut readers).map(cell).collect()
    };
    Ok(rows.map(move |row| row.map(&mut cell)))
}

/// Reads a seed's file once: counts rows, infers types and hashes the cells of each column. Where columns are declared, those are
/// loaded and no others, as SQLMesh does.
///
/// # Errors
/// What is wrong with the file.
pub fn read_seed<R: Read>(
    reader: R,
    settings: &CsvSettings,
    declared: &[DeclaredColumn],
    dialect: Dialect,
) -> Result<SeedContents, SeedError> {
    let short = Cell::new(None);
    let ((names, renamed), rows) =
        open(reader, settings, |line, found| short.set(short.get().or(Some((line, found)))))?;
    let declared_type = |name: &String| {
        let column = declared.iter().find(|column| is_same(name, &column.name))?;
        column.data_type.as_deref()
    };
    let mut columns: Vec<Column> = names.iter().map(|name| Column::new(declared_type(name))).collect();
    let mut count = 0;
    for row in rows {
        count += 1;
        for (column, cell) in columns.iter_mut().zip(row?) {
            column.add(cell.as_deref());
        }
    }
    let seed_column = |(name, data_type): (String, Option<&String>), column: &Column| {
        let data_type = data_type.cloned().unwrap_or_else(|| column.guess.sql().to_owned());
        SeedColumn { content: column.digest(&data_type), name, data_type }
    };
    let found = |declared: &DeclaredColumn| {
        let place = names.iter().position(|name| is_same(name, &declared.name));
        let column = place.and_then(|place| columns.get(place));
        let column = column.ok_or_else(|| SeedError::MissingColumn { name: declared.name.clone() })?;
        Ok(seed_column((declared.name.clone(), declared.data_type.as_ref()), column))
    };
    let columns = match declared {
        [] => {
            names.iter().zip(&columns).map(|(name, column)| seed_column((shown(name, dialect), None), column)).collect()
        }
        declared => declared.iter().map(found).collect::<Result<_, SeedError>>()?,
    };
    Ok(SeedContents { columns, rows: count, short: short.get(), renamed })
}

/// Whether a name of the header is that of a column.
fn is_same(header: &str, name: &str) -> bool {
    header.trim().to_lowercase() == name.trim().to_lowercase()
}

/// A name of the header as SQLMesh has it: as the dialect folds it, in quotes where it is no plain word.
fn shown(header: &str, dialect: Dialect) -> String {
    let name = header.trim();
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let is_plain = name.chars().all(is_word) && !name.starts_with(|first: char| first.is_ascii_digit());
    dialect.normalized(name, !is_plain)
}

struct Column {
    hasher: Hasher,
    guess: Guess,
    reader: CellReader,
}

impl Column {
    fn new(declared: Option<&str>) -> Self {
        Self { hasher: Hasher::new("seed column"), guess: Guess::Nothing, reader: CellReader::of(declared) }
    }

    fn add(&mut self, cell: Option<&str>) {
        match cell {
            Some(text) => {
                self.hasher.put_bytes(b"1");
                self.hasher.put_text(self.reader.read(text).as_deref().unwrap_or(text));
                self.guess = self.guess.and(text);
            }
            None => self.hasher.put_bytes(b"0"),
        }
    }

    /// The number of rows is fixed by the cells: each begins with a mark of its own.
    fn digest(&self, data_type: &str) -> Digest {
        self.hasher.clone().text("type").text(data_type).finish()
    }
}

/// What the cells of a column have been so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    Nothing,
    Boolean,
    Integer,
    Double,
    Text,
}

impl Guess {
    fn and(self, text: &str) -> Self {
        let found = Self::of(text);
        match (self, found) {
            (Self::Nothing, found) => found,
            (Self::Integer, Self::Double) | (Self::Double, Self::Integer) => Self::Double,
            (known, found) if known == found => known,
            _ => Self::Text,
        }
    }

    fn of(text: &str) -> Self {
        if matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE") {
            return Self::Boolean;
        }
        // Spaces around a number are none of it, those around any other text are.
        let text = text.trim_matches(' ');
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return if text.parse::<i64>().is_ok() { Self::Integer } else { Self::Text };
        }
        let number = text.parse::<f64>().is_ok_and(|number| !number.is_nan());
        if number { Self::Double } else { Self::Text }
    }

    /// A column without any value is DOUBLE in pandas only where it has rows; TEXT holds both.
    fn sql(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::Integer => "BIGINT",
            Self::Double => "DOUBLE",
            Self::Nothing | Self::Text => "TEXT",
        }
    }
}

/// The names of the columns, and the first that the header writes otherwise.
type Header = (Vec<String>, Option<Renamed>);

/// The header, and the rows with as many cells; what a row has not is NULL, as in pandas, and `short` is told its line and how
/// many cells it has.
fn open<R: Read>(
    reader: R,
    settings: &CsvSettings,
    short: impl Fn(u64, u64),
) -> Result<(Header, impl Iterator<Item = Result<SeedRow, SeedError>>), SeedError> {
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true);
    if settings.escape.is_none() {
        builder.delimiter(settings.delimiter).quote(settings.quote).double_quote(settings.double_quote);
    }
    let mut rows = builder.from_reader(csv_escaped::reader(reader, settings)).into_byte_records();
    let header = rows.next().ok_or(SeedError::Empty)?.map_err(broken)?;
    let written = header.iter().map(|cell| cell_text(cell, 1).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    let (names, renamed) = seed_header::names(&written)?;
    let expected = names.len();
    let all = settings.null_texts.clone();
    let of = |name: &String| settings.null_texts_of.get(name).cloned().unwrap_or_default();
    let own: Vec<BTreeSet<String>> = names.iter().map(of).collect();
    // As pandas, which passes over lines of nothing but blanks. Where there is one column alone they may be its value in quotes;
    // where signs are escaped they are gone by now.
    let may_be_blank = expected > 1 && settings.escape.is_none();
    let is_blank = move |record: &csv::ByteRecord| {
        may_be_blank && record.len() == 1 && record[0].iter().all(|byte| matches!(byte, b' ' | b'\t'))
    };
    let rows = rows.filter(move |record| !record.as_ref().is_ok_and(is_blank)).map(move |record| {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, csv::Position::line);
        // A delimiter at the end of each row is common, and what it ends is nothing.
        let is_more = record.iter().skip(expected).any(|cell| !cell.is_empty());
        if is_more {
            return Err(SeedError::Width { line, found: record.len() as u64, expected: expected as u64 });
        }
        let cell = |(cell, own): (&[u8], &BTreeSet<String>)| {
            cell_text(cell, line).map(|text| (!all.contains(text) && !own.contains(text)).then(|| text.to_owned()))
        };
        if record.len() < expected {
            short(line, record.len() as u64);
        }
        let mut cells: SeedRow = record.iter().zip(&own).map(cell).collect::<Result<_, _>>()?;
        cells.resize(expected, None);
        Ok(cells)
    });
    Ok(((names, renamed), rows))
}

fn cell_text(cell: &[u8], line: u64) -> Result<&str, SeedError> {
    let text = std::str::from_utf8(cell).map_err(|_| SeedError::NoText { line, what: "bytes that are not UTF-8" })?;
    if text.contains('\0') {
        return Err(SeedError::NoText { line, what: "a NUL character" });
    }
    Ok(text)
}

fn broken(error: csv::Error) -> SeedError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<EndsWithin>()) {
            Some(ends) => SeedError::EndsWithin(*ends),
            None => SeedError::Read(error),
        },
        other => SeedError::Read(io::Error::other(format!("{other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SeedContents, SeedError> {
        read_seed(text.as_bytes(), &CsvSettings::default(), &[], Dialect::DuckDb)
    }

    fn types(text: &str) -> Vec<String> {
        read(text).expect("a seed").columns.into_iter().map(|column| column.data_type).collect()
    }

    #[test]
    fn types_are_inferred_from_the_cells() {
        let text = "i,d,b,t,m,n,z,big\n1,1,true,x,1,,007,99999999999999999999\n-2,1.5,False,2,y,NA,08,1\n,1e3,,,null,nan,-1,2\n";
        assert_eq!(types(text), ["BIGINT", "DOUBLE", "BOOLEAN", "TEXT", "TEXT", "TEXT", "BIGINT", "TEXT"]);
        assert_eq!(types("a,b\n"), ["TEXT", "TEXT"]);
        assert_eq!(read(text).map(|seed| seed.rows).ok(), Some(3));
    }

    #[test]
    fn declared_types_win_and_must_be_there() {
        let column = |name: &str| DeclaredColumn { name: name.into(), data_type: Some("DECIMAL(10, 2)".into()) };
        let settings = CsvSettings::default();
        let seed = read_seed("Id,b\n1,2\n".as_bytes(), &settings, &[column("id")], Dialect::DuckDb).expect("a seed");
        assert_eq!(seed.columns[0].data_type, "DECIMAL(10, 2)");
        assert_ne!(seed.columns[0].content, read("Id,b\n1,2\n").expect("a seed").columns[0].content);
        let error =
            read_seed("a\n1\n".as_bytes(), &settings, &[column("c")], Dialect::DuckDb).expect_err("a missing column");
        assert!(error.to_string().contains("`c`"), "{error}");
    }

    #[test]
    fn a_column_moves_alone_and_quoting_does_not_count() {
        let digests =
            |text| read(text).expect("a seed").columns.into_iter().map(|column| column.content).collect::<Vec<_>>();
        let before = digests("a,b\n1,x\n2,y\n");
        assert_eq!(before, digests("\u{feff}a,b\r\n\"1\",x\r\n2,\"y\""));
        let after = digests("a,b\n1,x\n2,z\n");
        assert_eq!((before[0] == after[0], before[1] == after[1]), (true, false));
        assert_ne!(digests("a,b\nx,\nx,q\n")[1], digests("a,b\nx,q\nx,\n")[1]);
    }

    #[test]
    fn null_is_not_an_empty_text() {
        let mut settings = CsvSettings::default();
        let null = read_seed("a,b\nx,\n".as_bytes(), &settings, &[], Dialect::DuckDb).expect("a seed");
        settings.null_texts.clear();
        let empty = read_seed("a,b\nx,\n".as_bytes(), &settings, &[], Dialect::DuckDb).expect("a seed");
        assert_ne!(null.columns[1].content, empty.columns[1].content);
        let rows: Vec<_> = seed_rows("a,b\nx,\n".as_bytes(), &settings, &empty.columns)
            .expect("rows")
            .collect::<Result<_, _>>()
            .expect("every row");
        assert_eq!(rows, [[Some("x".to_owned()), Some(String::new())]]);
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        let line = |text: &str| read(text).expect_err("no seed").line();
        assert_eq!(line("a,b\n1,2,3\n"), Some(2));
        assert_eq!(line("a,A\n"), Some(1));
        assert_eq!(line("a,b\n1,2\n \t \n3,4,5\n"), Some(4), "a line of blanks is none");
        assert_eq!(line("a\n\0\n"), Some(2));
        assert!(matches!(read(""), Err(SeedError::Empty)));
        let bytes = read_seed(&b"a\n1\n\xff\n"[..], &CsvSettings::default(), &[], Dialect::DuckDb);
        assert_eq!(bytes.expect_err("no text").line(), Some(3));
    }

    #[test]
    fn what_a_row_has_not_is_null() {
        let (short, whole) = (read("a,b\n1,2\n3\n4\n").expect("a seed"), read("a,b\n1,2\n3,\n4,\n").expect("a seed"));
        assert_eq!((short.short, whole.short), (Some((3, 1)), None));
        assert_eq!(short.columns, whole.columns);
        let rows: Result<Vec<SeedRow>, _> =
            seed_rows(&b"a,b\n1\n"[..], &CsvSettings::default(), &short.columns).expect("rows").collect();
        assert_eq!(rows.expect("rows"), [[Some("1".to_owned()), None]]);
    }

    #[test]
    fn settings_shape_the_reading() {
        let settings = CsvSettings {
            delimiter: b';',
            quote: b'\'',
            escape: Some(b'\\'),
            double_quote: false,
            skip_initial_space: true,
            ..CsvSettings::default()
        };
        let text = "a; b\n 'x;  y';   'it\\'s'\n";
        let seed = read_seed(text.as_bytes(), &settings, &[], Dialect::DuckDb).expect("a seed");
        let rows: Vec<_> = seed_rows(text.as_bytes(), &settings, &seed.columns)
            .expect("rows")
            .collect::<Result<_, _>>()
            .expect("every row");
        assert_eq!(rows, [[Some("x;  y".to_owned()), Some("it's".to_owned())]]);
        assert!(matches!(seed_rows("z\n".as_bytes(), &settings, &seed.columns).err(), Some(SeedError::OtherHeader)));
    }

    #[test]
    fn a_header_is_read_as_a_name_in_sql() {
        let names = |dialect| -> Vec<String> {
            let seed = read_seed("Id, Two Words ,name \n1,2,3\n".as_bytes(), &CsvSettings::default(), &[], dialect);
            seed.expect("a seed").columns.into_iter().map(|column| column.name).collect()
        };
        assert_eq!(names(Dialect::Postgres), ["id", "Two Words", "name"]);
        assert_eq!(names(Dialect::DuckDb), ["id", "two words", "name"]);
    }

    /// As pandas has it.
    #[test]
    fn a_column_without_a_name_gets_one_and_blank_lines_are_passed_over() {
        let (settings, file) = (CsvSettings::default(), ",a,\n0,x,1\n   \n1,y,2\n\t\n");
        let read = read_seed(file.as_bytes(), &settings, &[], Dialect::DuckDb).expect("a seed");
        let names: Vec<&str> = read.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!((names, read.rows), (vec!["unnamed: 0", "a", "unnamed: 2"], 2));
        let rows = seed_rows(file.as_bytes(), &settings, &read.columns).expect("rows").count();
        assert_eq!(rows, 2);
    }
}
