//! A statement whose macros are expanded except for the time variables, which stay symbolic until it runs.
//!
//! `text` is what is parsed and hashed; `render` is what runs. Both keep the author's text byte for byte elsewhere.

use std::ops::Range;

/// The function that stands for a time variable in [`Template::text`]: `offshoot__time('start_ds')`.
pub const TIME_FUNCTION: &str = "offshoot__time";

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as the author wrote it, from this byte of the file on.
    Source {
        /// The text.
        text: String,
        /// Its first byte in the file.
        offset: usize,
    },
    /// Text that replaced a macro or variable which begins at this byte of the file.
    Value {
        /// The text.
        text: String,
        /// The macro's first byte in the file.
        offset: usize,
    },
    /// A time variable, known only when the statement runs.
    Time {
        /// Which one.
        variable: TimeVariable,
        /// Its first byte in the file.
        offset: usize,
    },
    /// `@this_model`: what holds the rows of the statement's own model when it runs.
    This {
        /// The model's name, quoted, as it stands in [`Template::text`].
        name: String,
        /// Its first byte in the file.
        offset: usize,
    },
}

/// What is only known when a statement runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder<'a> {
    /// A time variable as a literal.
    Time(TimeVariable),
    /// What holds the rows of the statement's own model; with the model's name as it is analysed.
    This(&'a str),
}

/// A variable such as `@start_ds`: one of the three moments in one of nine forms (research: SQLMesh, section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeVariable {
    /// Which moment.
    pub moment: Moment,
    /// In which form.
    pub form: TimeForm,
}

/// The moment that a time variable stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// The first moment of the interval.
    Start,
    /// The last moment of the interval: inclusive, one microsecond before its end.
    End,
    /// When the statement runs; `latest_*` is an old name of it.
    Execution,
}

/// The form in which a time variable is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is the suffix of its name")]
pub enum TimeForm {
    Dt,
    Dtntz,
    Date,
    Ds,
    Ts,
    Tstz,
    Hour,
    Epoch,
    Millis,
}

impl TimeVariable {
    const MOMENTS: [(&'static str, Moment); 4] = [
        ("start", Moment::Start),
        ("end", Moment::End),
        ("execution", Moment::Execution),
        ("latest", Moment::Execution),
    ];
    const FORMS: [(&'static str, TimeForm); 9] = [
        ("dt", TimeForm::Dt),
        ("dtntz", TimeForm::Dtntz),
        ("date", TimeForm::Date),
        ("ds", TimeForm::Ds),
        ("ts", TimeForm::Ts),
        ("tstz", TimeForm::Tstz),
        ("hour", TimeForm::Hour),
        ("epoch", TimeForm::Epoch),
        ("millis", TimeForm::Millis),
    ];

    /// Finds a variable by name without `@`, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let (moment, form) = name.split_once('_')?;
        let moment = Self::MOMENTS.iter().find(|(text, _)| *text == moment)?.1;
        let form = Self::FORMS.iter().find(|(text, _)| *text == form)?.1;
        Some(Self { moment, form })
    }

    /// Its canonical name without `@`.
    pub fn name(self) -> String {
        let moment = Self::MOMENTS.iter().find(|(_, moment)| *moment == self.moment).map_or("", |(text, _)| text);
        let form = Self::FORMS.iter().find(|(_, form)| *form == self.form).map_or("", |(text, _)| text);
        format!("{moment}_{form}")
    }

    /// Every name that an author may write, without `@`.
    pub fn names() -> impl Iterator<Item = String> {
        Self::MOMENTS.iter().flat_map(|(moment, _)| Self::FORMS.iter().map(move |(form, _)| format!("{moment}_{form}")))
    }
}

/// A replacement of a range of [`Template::text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// The bytes of `text()` that are replaced; an empty range inserts.
    pub range: Range<usize>,
    /// What stands there instead.
    pub replacement: String,
}

/// One statement in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

impl Template {
    /// A template of these pieces, in order.
    pub fn new(pieces: Vec<Piece>) -> Self {
        Self { pieces }
    }

    /// A template without macros.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(vec![Piece::Source { text: text.into(), offset: 0 }])
    }

    /// The same as if a macro at one byte of the file had made all of it: for text that stands in another file.
    #[must_use]
    pub fn made_at(self, at: usize) -> Self {
        let moved = self.pieces.into_iter().map(|piece| match piece {
            Piece::Source { text, .. } | Piece::Value { text, .. } => Piece::Value { text, offset: at },
            Piece::Time { variable, .. } => Piece::Time { variable, offset: at },
            Piece::This { name, .. } => Piece::This { name, offset: at },
        });
        Self::new(moved.collect())
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The text that is parsed and hashed, time variables as calls of [`TIME_FUNCTION`].
    pub fn text(&self) -> String {
        self.pieces.iter().map(Self::analysed).collect()
    }

    /// The same without a copy, where the template is one piece of the author's text.
    pub fn plain_text(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Source { text, .. }] => Some(text),
            [] => Some(""),
            _ => None,
        }
    }

    /// Whether any time variable of the interval (start or end, not execution) is in it.
    pub fn mentions_interval(&self) -> bool {
        self.pieces.iter().filter_map(Piece::time).any(|variable| variable.moment != Moment::Execution)
    }

    /// Whether it has any time variable.
    pub fn mentions_time(&self) -> bool {
        self.pieces.iter().any(|piece| piece.time().is_some())
    }

    /// Whether anything in it is only known when the statement runs.
    pub fn is_open(&self) -> bool {
        self.pieces.iter().any(|piece| piece.placeholder().is_some())
    }

    /// The byte of the author's file that a byte of `text()` came from.
    pub fn source_offset(&self, offset: usize) -> usize {
        let mut position = 0;
        let mut last = 0;
        for piece in &self.pieces {
            let length = Self::analysed(piece).len();
            let start = piece.offset();
            last = start;
            if offset < position + length || (matches!(piece, Piece::Source { .. }) && offset == position + length) {
                let inside = if matches!(piece, Piece::Source { .. }) { offset - position } else { 0 };
                return start + inside;
            }
            position += length;
        }
        last
    }

    /// The text that runs: placeholders as `filled` writes them, `splices` (ordered, not overlapping) put in elsewhere.
    pub fn render(&self, splices: &[Splice], filled: &dyn Fn(Placeholder<'_>) -> String) -> String {
        let mut output = String::new();
        // What is replaced may end in a later piece.
        let (mut position, mut gone) = (0, 0);
        let mut splices = splices.iter().peekable();
        for piece in &self.pieces {
            let analysed = Self::analysed(piece);
            let end = position + analysed.len();
            if let Some(placeholder) = piece.placeholder() {
                while splices.next_if(|splice| splice.range.start < end && splice.range.end > position).is_some() {}
                output.push_str(&filled(placeholder));
            } else {
                let mut copied = position.max(gone).min(end);
                while let Some(splice) = splices.next_if(|splice| {
                    splice.range.start < end || (splice.range.start == end && splice.range.is_empty())
                }) {
                    let start = splice.range.start.max(copied);
                    output.push_str(&analysed[copied - position..start - position]);
                    output.push_str(&splice.replacement);
                    gone = splice.range.end;
                    copied = gone.min(end).max(start);
                }
                output.push_str(&analysed[copied.min(end) - position..]);
            }
            position = end;
        }
        splices.for_each(|splice| output.push_str(&splice.replacement));
        output
    }

    /// The same with `splices` (ordered, not overlapping, of `text()`) put in; what they replace is where they came from.
    /// Placeholders stay as they are.
    #[must_use]
    pub fn with(&self, splices: &[Splice]) -> Self {
        let (mut pieces, mut position, mut splices) = (Vec::new(), 0, splices.iter().peekable());
        let mut gone = 0;
        for piece in &self.pieces {
            let (text, start) = (Self::analysed(piece), position);
            position += text.len();
            if piece.placeholder().is_some() {
                pieces.push(piece.clone());
                continue;
            }
            let part = |range: Range<usize>| match piece {
                Piece::Source { offset, .. } => {
                    Piece::Source { text: text[range.clone()].to_owned(), offset: offset + range.start }
                }
                _ => Piece::Value { text: text[range].to_owned(), offset: piece.offset() },
            };
            let mut copied = gone.max(start);
            while let Some(splice) = splices.next_if(|splice| splice.range.start < position) {
                let from = splice.range.start.max(copied);
                pieces.push(part(copied.min(from) - start..from - start));
                let offset = part(from - start..from - start).offset();
                pieces.push(Piece::Value { text: splice.replacement.clone(), offset });
                gone = splice.range.end;
                copied = gone.min(position).max(from);
            }
            if copied < position {
                pieces.push(part(copied - start..text.len()));
            }
        }
        Self::new(pieces)
    }

    fn analysed(piece: &Piece) -> String {
        match piece {
            Piece::Source { text, .. } | Piece::Value { text, .. } => text.clone(),
            Piece::Time { variable, .. } => format!("{TIME_FUNCTION}('{}')", variable.name()),
            Piece::This { name, .. } => name.clone(),
        }
    }
}

impl Piece {
    /// The byte of the file where it begins, or what it replaced.
    pub fn offset(&self) -> usize {
        match self {
            Self::Source { offset, .. }
            | Self::Value { offset, .. }
            | Self::Time { offset, .. }
            | Self::This { offset, .. } => *offset,
        }
    }

    fn time(&self) -> Option<TimeVariable> {
        match self {
            Self::Time { variable, .. } => Some(*variable),
            Self::Source { .. } | Self::Value { .. } | Self::This { .. } => None,
        }
    }

    fn placeholder(&self) -> Option<Placeholder<'_>> {
        match self {
            Self::Time { variable, .. } => Some(Placeholder::Time(*variable)),
            Self::This { name, .. } => Some(Placeholder::This(name)),
            Self::Source { .. } | Self::Value { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_with_splices_and_times() {
        let variable = TimeVariable::from_name("START_DS").expect("a variable");
        let template = Template::new(vec![
            Piece::Source { text: "select 1 from a.b where ds >= ".into(), offset: 10 },
            Piece::Time { variable, offset: 40 },
            Piece::Source { text: " and 1".into(), offset: 49 },
        ]);
        let splice = Splice { range: 14..17, replacement: "p.q AS b".into() };
        let text = template.render(&[splice], &|placeholder| format!("{placeholder:?}").to_lowercase());
        let start = "time(timevariable { moment: start, form: ds })";
        assert_eq!(text, format!("select 1 from p.q AS b where ds >= {start} and 1"));
        let pieces = Template::new(vec![
            Piece::Source { text: "from ".into(), offset: 0 },
            Piece::Value { text: "x.x".into(), offset: 5 },
            Piece::Source { text: ".a, b".into(), offset: 6 },
        ]);
        let over_two = Splice { range: 5..10, replacement: "p.q".into() };
        assert_eq!(pieces.render(std::slice::from_ref(&over_two), &|_| String::new()), "from p.q, b");
        assert_eq!(pieces.with(&[over_two]).text(), "from p.q, b");
        let after = template.text().find(" and").expect("text");
        assert_eq!(template.source_offset(after), 49);
    }

    #[test]
    fn splices_are_put_in_and_what_stays_is_where_it_was() {
        let variable = TimeVariable::from_name("START_DS").expect("a variable");
        let template = Template::new(vec![
            Piece::Source { text: "select 1 from a.b, ".into(), offset: 10 },
            Piece::Value { text: "made as b".into(), offset: 29 },
            Piece::Time { variable, offset: 40 },
            Piece::Source { text: " from c".into(), offset: 49 },
        ]);
        let splice = |range: Range<usize>, text: &str| Splice { range, replacement: text.into() };
        let last = template.text().rfind('c').expect("text");
        let with = template.with(&[splice(14..17, "p.q"), splice(19..23, "r"), splice(last..last + 1, "s.t AS c")]);
        assert_eq!(with.text(), format!("select 1 from p.q, r as b{TIME_FUNCTION}('start_ds') from s.t AS c"));
        let offset = |text: &str| with.source_offset(with.text().find(text).expect("text"));
        assert_eq!(["p.q", ", r", "r as", "from s", "s.t"].map(offset), [24, 27, 29, 50, 55]);
        assert_eq!(template.with(&[]).text(), template.text());
    }
}
