//! Lines from a file that anybody may have written: one at a time, each told by its number.

use std::io::{BufRead, Read as _};

use super::{Order, Record};
use crate::visible::visible;

/// Longer than any line that a real project comes to; a file without line ends must not fill the memory.
const LONGEST: u64 = 1 << 28;

/// A line that is not as this program writes it.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct LineError {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// The records of a file, each checked against those before it. The end of the file is an error where the last line is
/// missing.
pub struct Lines<R> {
    reader: R,
    order: Order,
    line: u64,
    done: bool,
}

impl<R: BufRead> Lines<R> {
    /// The lines of a file.
    pub fn new(reader: R) -> Self {
        Self { reader, order: Order::default(), line: 0, done: false }
    }

    fn read(&mut self) -> Result<Option<Record>, String> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut bytes);
        let length = read.map_err(|error| format!("cannot be read: {error}"))?;
        if length == 0 {
            let whole = self.order.is_whole();
            return if whole { Ok(None) } else { Err("the file is cut off: the line `end` is missing".into()) };
        }
        if bytes.pop_if(|last| *last == b'\n').is_none() && length as u64 == LONGEST {
            return Err("the line is too long".into());
        }
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| no_record(&error))?;
        self.order.take(&record)?;
        Ok(Some(record))
    }
}

/// What the parser says, which may quote the line: texts of strangers.
fn no_record(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    let said: String = visible(said).chars().take(200).collect();
    format!("no record of a state at column {}: {said}", error.column())
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Record, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        self.line += 1;
        let record = self.read().map_err(|reason| LineError { line: self.line, reason }).transpose();
        self.done = !matches!(record, Some(Ok(_)));
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str =
        r#"{"type":"state","format":1,"project":"","state":"5eed","schema_version":9,"algorithm_version":1}"#;

    fn read(text: &str) -> Result<usize, String> {
        Lines::new(text.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map(|lines| lines.len())
            .map_err(|error| error.to_string())
    }

    fn refused(text: &str) -> String {
        read(text).expect_err("refused")
    }

    #[test]
    fn a_whole_file_has_a_first_and_a_last_line() {
        let end = r#"{"type":"end","records":0}"#;
        assert_eq!(read(&format!("{STATE}\n{end}\n")), Ok(2));
        assert_eq!(read(&format!("{STATE}\n{end}")), Ok(2), "an editor took the last line's end");
        assert_eq!(refused(""), "line 1: the file is cut off: the line `end` is missing");
        assert_eq!(refused(&format!("{STATE}\n")), "line 2: the file is cut off: the line `end` is missing");
        assert_eq!(refused(end), "line 1: the first line must be the one of type `state`");
        assert_eq!(refused(&format!("{STATE}\n{STATE}\n")), "line 2: a second line of type `state`");
        let more = format!("{STATE}\n{}\n", r#"{"type":"end","records":1}"#);
        assert_eq!(refused(&more), "line 2: 1 lines are announced before this one, and 0 were found");
        assert_eq!(refused(&format!("{STATE}\n{end}\n{end}\n")), "line 3: nothing may follow the line `end`");
        assert_eq!(
            refused(&STATE.replace("\"format\":1", "\"format\":2")),
            "line 1: the lines have format 2, this program knows 1"
        );
        let newer = refused(&STATE.replace("\"schema_version\":9", "\"schema_version\":99"));
        assert!(
            newer.starts_with("line 1: it comes from a state of schema version 99, this program knows "),
            "{newer}"
        );
    }

    #[test]
    fn what_is_no_record_is_told_by_its_line() {
        for junk in ["", "x", "{}", r#"{"type":"secret"}"#, r#"{"type":"load","key":1}"#, "[1]", "\u{0}", "null"] {
            let told = refused(&format!("{STATE}\n{junk}\n"));
            assert!(told.starts_with("line 2: no record of a state at column "), "{junk}: {told}");
        }
        let bytes = [STATE.as_bytes(), b"\n\xff\xfe\n"].concat();
        let told = Lines::new(bytes.as_slice()).nth(1).expect("a line").expect_err("no text").to_string();
        assert!(told.starts_with("line 2: no record of a state at column "), "{told}");
    }

    /// Nested deeper than anything of ours.
    #[test]
    fn hostile_lines_are_refused_and_nothing_panics() {
        let deep = format!(
            "{STATE}\n{}{}\n",
            r#"{"type":"snapshot","key":"#.to_owned() + &"[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(refused(&deep).starts_with("line 2: no record of a state at column "));
    }
}
