//! How long a text may be, and what goes first where it is longer (research: pull-request bots, 3.1 and 5.3).

use std::cell::LazyCell;
use std::ops::RangeInclusive;

/// The most that a place takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    unit: Unit,
    most: usize,
}

/// What a place counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Characters or UTF-16 units, whichever are more: GitHub does not say which it counts.
    Characters,
    Bytes,
}

/// A comment: GitHub takes 65,536 characters.
pub const COMMENT: Budget = Budget { unit: Unit::Characters, most: 60_000 };
/// `output.summary` and `output.text` of a check run; GitHub does not say whether it counts characters or bytes.
pub const CHECK: Budget = Budget { unit: Unit::Bytes, most: 65_535 };
/// The step summary: GitHub takes 1 MiB.
pub const STEP_SUMMARY: Budget = Budget { unit: Unit::Bytes, most: 1 << 20 };

/// How much is left out; each level leaves out what those before it do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cut {
    Nothing,
    Sql,
    Lineage,
    /// Models whose data was compared and is the same.
    SameData,
    /// Rows of models with metadata or non-breaking changes, and of models that do not change.
    QuietRows,
    /// All but the 50 largest rows.
    FiftyRows,
    /// All but the figures.
    Totals,
}

const CUTS: [Cut; 7] =
    [Cut::Nothing, Cut::Sql, Cut::Lineage, Cut::SameData, Cut::QuietRows, Cut::FiftyRows, Cut::Totals];

impl Budget {
    /// A place of another size, counted in the same way.
    pub fn of(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Whether a text fits.
    pub fn holds(self, text: &str) -> bool {
        self.measure(text) <= self.most
    }

    /// What is left beside a text.
    pub(super) fn minus(self, text: &str) -> Self {
        self.less(self.measure(text))
    }

    pub(super) fn less(self, size: usize) -> Self {
        self.of(self.most.saturating_sub(size))
    }

    fn measure(self, text: &str) -> usize {
        match self.unit {
            // No text has more characters than UTF-16 units.
            Unit::Characters => text.encode_utf16().count(),
            Unit::Bytes => text.len(),
        }
    }
}

/// A part of a text that is there at some levels only. Several may be one part in smaller and smaller forms.
pub(super) struct Section<'a> {
    /// What a reader misses when it is gone; `None` where a smaller form takes its place.
    name: Option<&'static str>,
    at: RangeInclusive<Cut>,
    text: LazyCell<String, Box<dyn FnOnce() -> String + 'a>>,
}

impl<'a> Section<'a> {
    pub(super) fn new(name: Option<&'static str>, at: RangeInclusive<Cut>, text: impl FnOnce() -> String + 'a) -> Self {
        Self { name, at, text: LazyCell::new(Box::new(text)) }
    }
}

/// The fullest text that fits, else the shortest there is; what is left out is named, and where else it is.
pub(super) fn fitted(budget: Budget, sections: &[Section<'_>], elsewhere: &str) -> String {
    let mut shortest = String::new();
    for cut in CUTS {
        shortest = text(sections, cut, elsewhere);
        if budget.holds(&shortest) {
            break;
        }
    }
    shortest
}

fn text(sections: &[Section<'_>], cut: Cut, elsewhere: &str) -> String {
    let shown = sections.iter().filter(|section| section.at.contains(&cut));
    let mut output: String = shown.map(|section| section.text.as_str()).collect();
    let gone = sections.iter().filter(|section| cut > *section.at.end());
    let named = gone.filter_map(|section| section.name.filter(|_| !section.text.is_empty()));
    let gone: Vec<&str> = named.collect();
    if !gone.is_empty() {
        output.push_str(&left_out(&gone.join(", "), elsewhere));
    }
    output
}

/// Says what is left out.
pub(super) fn left_out(what: &str, elsewhere: &str) -> String {
    format!("\nLeft out, because it would be too long: {what}{elsewhere}.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_what_is_more() {
        let smile = "🙂";
        assert!(COMMENT.of(2).holds(smile) && !COMMENT.of(1).holds(smile));
        assert!(CHECK.of(4).holds(smile) && !CHECK.of(3).holds(smile));
    }

    #[test]
    fn as_little_goes_as_must() {
        let sections = [
            Section::new(None, Cut::Nothing..=Cut::Sql, || "long ".repeat(20)),
            Section::new(Some("words"), Cut::Lineage..=Cut::FiftyRows, || "short".to_owned()),
            Section::new(Some("nothing"), Cut::Nothing..=Cut::Nothing, String::new),
            Section::new(Some("SQL"), Cut::Nothing..=Cut::Nothing, || "SELECT 1".to_owned()),
        ];
        let shown = |most: usize| fitted(COMMENT.of(most), &sections, "; look there");
        assert_eq!(shown(108), format!("{}SELECT 1", "long ".repeat(20)));
        assert_eq!(shown(107), "short\nLeft out, because it would be too long: SQL; look there.\n");
        assert_eq!(shown(1), "\nLeft out, because it would be too long: words, SQL; look there.\n");
    }
}
