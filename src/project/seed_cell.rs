//! The cells of one column of a seed, as its type takes them: what pandas makes of a text for SQLMesh, where an engine would read
//! something else or nothing. What nobody knows stays as it is, for the engine to cast or to refuse.

use crate::time::{DateStyle, in_utc};

/// Reads the cells of one column, in the order of the rows.
#[derive(Clone, Debug)]
pub(super) struct CellReader {
    kind: Kind,
    style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Boolean,
    /// Dates, and moments with an offset, which the engine counts in by itself.
    Date,
    /// Date and time without an offset.
    Moment,
    Other,
}

/// How the dates of a column are written.
#[derive(Clone, Copy, Debug)]
enum Style {
    /// No value has been seen.
    Unseen,
    /// As the first value is; `None` where the engine is left to read it.
    Seen(Option<DateStyle>),
}

impl CellReader {
    /// For a column of this declared type; of a column without one the text is taken as it is.
    pub(super) fn of(data_type: Option<&str>) -> Self {
        Self { kind: data_type.map_or(Kind::Other, Kind::of), style: Style::Unseen }
    }

    /// What a cell holds instead of its text, if anything.
    pub(super) fn read(&mut self, text: &str) -> Option<String> {
        match self.kind {
            Kind::Other => None,
            Kind::Boolean => truth(text).map(str::to_owned),
            Kind::Date => self.iso(text),
            // An engine drops the offset without a word.
            Kind::Moment => in_utc(text).or_else(|| self.iso(text)),
        }
    }

    fn iso(&mut self, text: &str) -> Option<String> {
        let style = match self.style {
            Style::Seen(style) => style,
            Style::Unseen => DateStyle::of(text),
        };
        self.style = Style::Seen(style);
        style?.iso(text)
    }
}

impl Kind {
    fn of(data_type: &str) -> Self {
        let data_type = data_type.trim().to_uppercase();
        let head: String = data_type.chars().take_while(|one| one.is_ascii_alphanumeric() || *one == '_').collect();
        if data_type.ends_with(']') {
            return Self::Other;
        }
        match head.as_str() {
            "BOOLEAN" | "BOOL" | "LOGICAL" => Self::Boolean,
            "DATE" | "DATE32" | "TIMESTAMPTZ" | "TIMESTAMP_TZ" | "TIMESTAMP_LTZ" | "TIMESTAMPLTZ" => Self::Date,
            "TIMESTAMP" if data_type.contains("WITH TIME ZONE") || data_type.contains("LOCAL") => Self::Date,
            "TIMESTAMP" | "DATETIME" | "DATETIME2" | "SMALLDATETIME" | "TIMESTAMP_NTZ" | "TIMESTAMPNTZ"
            | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_US" | "TIMESTAMP_NS" => Self::Moment,
            _ => Self::Other,
        }
    }
}

/// Words for a truth value that not every engine takes.
fn truth(text: &str) -> Option<&'static str> {
    match text {
        _ if text.eq_ignore_ascii_case("on") => Some("true"),
        _ if text.eq_ignore_ascii_case("off") => Some("false"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data_type: &str, cells: &[&str]) -> Vec<String> {
        let mut reader = CellReader::of(Some(data_type));
        cells.iter().map(|cell| reader.read(cell).unwrap_or((*cell).to_owned())).collect()
    }

    #[test]
    fn cells_are_what_their_type_takes() {
        let moment = "2026-01-01 10:00:00+02:00";
        for naive in ["TIMESTAMP", "timestamp(3)", "DATETIME", "TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP_NS"] {
            assert_eq!(read(naive, &[moment, "2026-01-02 10:00:00"]), ["2026-01-01 08:00:00", "2026-01-02 10:00:00"]);
        }
        for other in ["TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE", "timestamp(3) with time zone", "TEXT", "TIMESTAMP[]"] {
            assert_eq!(read(other, &[moment]), [moment], "{other}");
        }
        assert_eq!(read("DATE", &["01/02/2026", "3/4/2026", "13/4/2026"]), ["2026-01-02", "2026-03-04", "13/4/2026"]);
        assert_eq!(read("TEXT", &["01/02/2026", "on"]), ["01/02/2026", "on"]);
        assert_eq!(read("DATE", &["2026-01-02", "01/02/2026"]), ["2026-01-02", "01/02/2026"], "the first says how");
        assert_eq!(read("BOOLEAN", &["On", "off", "yes", "maybe"]), ["true", "false", "yes", "maybe"]);
    }
}
