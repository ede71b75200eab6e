//! A CSV file whose signs are escaped (`escapechar`), as pandas cuts it: everywhere, where the CSV reader knows of it within
//! quotes alone. What is read here is written out for that reader, each cell within quotes.

use std::io::{self, BufRead, BufReader, Read};

use super::csv_bytes::CsvBytes;
use crate::model::CsvSettings;

/// The bytes for the CSV reader: as the file has them, or, where signs are escaped, cells between commas in double quotes.
pub(super) enum CsvReader<R> {
    AsWritten(CsvBytes<R>),
    Escaped(Escaped<CsvBytes<R>>),
}

pub(super) fn reader<R: Read>(inner: R, settings: &CsvSettings) -> CsvReader<R> {
    match settings.escape {
        None => CsvReader::AsWritten(CsvBytes::new(inner, settings)),
        Some(escape) => {
            let line_breaks = CsvSettings { skip_initial_space: false, ..settings.clone() };
            CsvReader::Escaped(Escaped::new(CsvBytes::new(inner, &line_breaks), settings, escape))
        }
    }
}

impl<R: Read> Read for CsvReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::AsWritten(reader) => reader.read(buffer),
            Self::Escaped(reader) => reader.read(buffer),
        }
    }
}

/// The same cells between commas, each in double quotes that are doubled inside.
pub(super) struct Escaped<R> {
    inner: BufReader<R>,
    cutter: Cutter,
    /// Where the part of what was cut begins that nobody has read yet.
    read: usize,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Nothing,
    Begun,
    Over,
}

/// The file ends within quotes, or behind the sign that escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file ends within quotes or behind an escape sign")]
pub struct EndsWithin;

/// What stands before the next byte, by the names of pandas' tokeniser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    StartRecord,
    /// Nothing but blanks so far.
    BlankLine,
    StartField,
    InField,
    Escaped,
    InQuotes,
    EscapedInQuotes,
    QuoteInQuotes,
}

struct Cutter {
    delimiter: u8,
    quote: u8,
    escape: u8,
    double_quote: bool,
    skips_blanks: bool,
    state: State,
    /// The blanks that the line begins with.
    blanks: Vec<u8>,
    /// Whether a cell was begun.
    is_open: bool,
    cut: Vec<u8>,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl<R: Read> Escaped<R> {
    fn new(inner: R, settings: &CsvSettings, escape: u8) -> Self {
        let CsvSettings { delimiter, quote, double_quote, skip_initial_space: skips_blanks, .. } = *settings;
        let (state, blanks, is_open, cut) = (State::StartRecord, Vec::new(), false, Vec::new());
        let cutter = Cutter { delimiter, quote, escape, double_quote, skips_blanks, state, blanks, is_open, cut };
        Self { inner: BufReader::new(inner), cutter, read: 0, progress: Progress::Nothing }
    }

    /// Cuts a piece of the file.
    fn go_on(&mut self) -> io::Result<()> {
        if self.progress == Progress::Nothing {
            let mut head = Vec::new();
            self.inner.by_ref().take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut head)?;
            if head != BYTE_ORDER_MARK {
                head.iter().for_each(|byte| self.cutter.take(*byte));
            }
            self.progress = Progress::Begun;
        }
        let piece = self.inner.fill_buf()?;
        piece.iter().for_each(|byte| self.cutter.take(*byte));
        let length = piece.len();
        self.inner.consume(length);
        if length == 0 {
            self.progress = Progress::Over;
            self.cutter.end().map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl<R: Read> Read for Escaped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.cutter.cut.len() && self.progress != Progress::Over {
            self.cutter.cut.clear();
            self.read = 0;
            self.go_on()?;
        }
        let length = (&self.cutter.cut[self.read..]).read(buffer)?;
        self.read += length;
        Ok(length)
    }
}

impl Cutter {
    fn take(&mut self, byte: u8) {
        let is_blank = matches!(byte, b' ' | b'\t') && byte != self.delimiter;
        let state = self.state;
        match state {
            State::StartRecord | State::BlankLine if byte == b'\n' => {
                self.blanks.clear();
                self.cut.push(b'\n');
                self.state = State::StartRecord;
            }
            State::StartRecord | State::BlankLine if is_blank => {
                self.blanks.push(byte);
                self.state = State::BlankLine;
            }
            State::StartRecord | State::BlankLine => {
                self.state = State::StartField;
                std::mem::take(&mut self.blanks).into_iter().for_each(|blank| self.take(blank));
                self.take(byte);
            }
            State::StartField if byte == b' ' && self.skips_blanks => {}
            State::StartField if self.ends(byte) => {}
            State::StartField if byte == self.quote => self.begin(State::InQuotes),
            State::StartField | State::InField if byte == self.escape => self.begin(State::Escaped),
            State::InField if self.ends(byte) => {}
            State::StartField | State::InField | State::Escaped => self.put(byte, State::InField),
            State::InQuotes if byte == self.escape => self.state = State::EscapedInQuotes,
            State::InQuotes if byte == self.quote => {
                self.state = if self.double_quote { State::QuoteInQuotes } else { State::InField };
            }
            State::InQuotes | State::EscapedInQuotes => self.put(byte, State::InQuotes),
            State::QuoteInQuotes if self.ends(byte) => {}
            State::QuoteInQuotes if byte == self.quote => self.put(byte, State::InQuotes),
            State::QuoteInQuotes => self.put(byte, State::InField),
        }
    }

    /// Ends the cell, and maybe the row, where this byte does it.
    fn ends(&mut self, byte: u8) -> bool {
        let (written, state) = match byte {
            b'\n' => (b'\n', State::StartRecord),
            byte if byte == self.delimiter => (b',', State::StartField),
            _ => return false,
        };
        self.end_cell();
        self.cut.push(written);
        self.state = state;
        true
    }

    fn begin(&mut self, state: State) {
        if !std::mem::replace(&mut self.is_open, true) {
            self.cut.push(b'"');
        }
        self.state = state;
    }

    fn put(&mut self, byte: u8, state: State) {
        self.begin(state);
        self.cut.push(byte);
        if byte == b'"' {
            self.cut.push(byte);
        }
    }

    fn end_cell(&mut self) {
        self.begin(State::StartField);
        self.cut.push(b'"');
        self.is_open = false;
    }

    /// The end of the file.
    fn end(&mut self) -> Result<(), EndsWithin> {
        match self.state {
            State::StartRecord | State::BlankLine => Ok(()),
            State::Escaped | State::InQuotes | State::EscapedInQuotes => Err(EndsWithin),
            State::StartField | State::InField | State::QuoteInQuotes => {
                self.end_cell();
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, settings: &CsvSettings) -> Result<String, String> {
        let mut read = String::new();
        let mut reader = Escaped::new(text.as_bytes(), settings, b'\\');
        reader.read_to_string(&mut read).map(|_| read).map_err(|error| error.to_string())
    }

    /// What `pandas.read_csv` makes of each.
    #[test]
    fn a_sign_is_escaped_wherever_it_stands() {
        let usual = CsvSettings::default();
        for (text, expected) in [
            (r#"1,a\,b,c\"d,e\nf,g\\h"#, r#""1","a,b","c""d","enf","g\h""#),
            ("a\\\nb,\\\"x,\\", "-"),
            ("a\\\nb,\\\"x,\n \t \n\n", "\"a\nb\",\"\"\"x\",\"\"\n\n\n"),
            (r#""a\"b","c""d","e"f"g""#, r#""a""b","c""d","ef""g""""#),
            ("\u{feff}a,\"b\nc\"", "\"a\",\"b\nc\""),
            ("  a, b\n", "\"  a\",\" b\"\n"),
            ("\"a\\", "-"),
            ("\"a", "-"),
        ] {
            assert_eq!(cut(text, &usual).as_deref().unwrap_or("-"), expected, "{text}");
        }
        let other = CsvSettings {
            delimiter: b';',
            quote: b'\'',
            double_quote: false,
            skip_initial_space: true,
            ..CsvSettings::default()
        };
        assert_eq!(cut(" a; 'b''c';,\\;", &other).as_deref(), Ok(r#""a","b'c'",",;""#));
    }
}
