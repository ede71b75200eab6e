//! Why a model moved: for people as a list that goes deeper with each parent, for scripts with every part once. Names,
//! SQL and values from a branch are hostile text here too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use owo_colors::Style;
use serde::Serialize;

use super::lineage::name;
use super::terminal::Paint;
use super::{Colour, json, markdown, visible};
use crate::change::{Change, Reason};
use crate::explain::{ClausePlace, Explanation, Ignored, Input, Moved, Place, Sides, Snippet};
use crate::hash::Digest;
use crate::ids::ModelName;
use crate::lineage::Node;

/// Lines below which parents are only counted.
const LINES: usize = 400;
/// The deepest parent that is taken apart.
const DEPTH: usize = 40;
/// The most edits that are told apart from the way to them.
const BEGINNINGS: usize = 10;
/// The most characters of one expression.
const TEXT: usize = 300;
/// The most pieces of one expression.
const PIECES: usize = 12;

/// For a terminal.
pub fn terminal(explanation: &Explanation, colour: Colour) -> String {
    let paint = Paint(colour);
    let bold = Style::new().bold();
    let change = explanation.change.map_or("unchanged", Change::text);
    let mut output = format!("{}  {change}\n", paint.with(&visible(&explanation.model.to_string()), bold));
    for (what, hash) in [("data    ", &explanation.data), ("metadata", &explanation.metadata)] {
        let _ = writeln!(output, "  {what}  {}", hashes(hash));
    }
    let _ = writeln!(output, "\n{}", verdict(explanation));
    if let Some(same) = &explanation.same_as {
        let same = visible(&same.to_string());
        let _ = match explanation.change {
            Some(Change::Removed) => writeln!(output, "{same} is new and defined alike: it was renamed"),
            _ => writeln!(
                output,
                "{same} is gone and was defined alike: it was renamed, and a table has its model's name"
            ),
        };
    }
    Body { explanation, paint, output: &mut output, lines: 0 }.parts();
    for variable in &explanation.variables {
        let _ = writeln!(output, "\nvariable {}", visible(&variable.name));
        let value = |value: &Option<String>| value.as_deref().map_or("(none)".to_owned(), short);
        let _ = writeln!(output, "  old  {}\n  new  {}", value(&variable.value.old), value(&variable.value.new));
    }
    let is_metadata = |reason: &&Reason| matches!(reason, Reason::MetadataChanged { .. });
    for reason in explanation.reasons.iter().filter(|reason| is_worth_saying(reason)) {
        let _ = writeln!(output, "  {}", visible(&reason.text()));
    }
    let metadata: Vec<&Reason> = explanation.reasons.iter().filter(is_metadata).collect();
    if !metadata.is_empty() && explanation.change != Some(Change::Metadata) {
        let _ = writeln!(output, "\n{}  {}", paint.with("metadata", bold), hashes(&explanation.metadata));
    }
    for reason in metadata {
        let _ = writeln!(output, "  {}", visible(&reason.text()));
    }
    if !explanation.ignored.is_empty() {
        let _ = writeln!(output, "\n{}", paint.with("edits that change nothing", bold));
        explanation.ignored.iter().take(LINES / 8).for_each(|ignored| write_ignored(&mut output, ignored));
        let more = explanation.ignored.len().saturating_sub(LINES / 8);
        if more > 0 {
            let _ = writeln!(output, "  … {more} more; `--format json` has them");
        }
    }
    output
}

/// The same in a fence.
pub fn markdown(explanation: &Explanation) -> String {
    markdown::fenced(&terminal(explanation, Colour::Never), "text")
}

/// What is not said better by the inputs themselves.
fn is_worth_saying(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::ReadsNothingChanged { .. }
            | Reason::Opaque { .. }
            | Reason::OneIntervalAtATime { .. }
            | Reason::LoadedAsDue { .. }
            | Reason::LoadedByDay
            | Reason::RowsKept { .. }
            | Reason::Assumes { .. }
    )
}

fn verdict(explanation: &Explanation) -> &'static str {
    match explanation.change {
        None => "nothing moved: neither its data nor its metadata",
        Some(Change::Unaffected) => "nothing of it moved, though a parent did",
        Some(Change::Metadata) => "its data did not move; what people read did",
        Some(Change::Added) => "it is new: there is nothing to compare it with",
        Some(Change::Removed) => "it is gone from the project",
        Some(Change::Modified) => "its own definition moved",
        Some(Change::Indirect) => "its own definition did not move; what it reads did",
    }
}

fn hashes(hash: &Sides<Digest>) -> String {
    let short = |digest: &Option<Digest>| digest.map_or("(none)".to_owned(), |digest| digest.short(8));
    match hash.differ() {
        true => format!("{} → {}", short(&hash.old), short(&hash.new)),
        false => format!("{}, the same", short(&hash.new)),
    }
}

struct Body<'a> {
    explanation: &'a Explanation,
    paint: Paint,
    output: &'a mut String,
    lines: usize,
}

impl Body<'_> {
    fn parts(mut self) {
        let places: BTreeMap<&Node, usize> =
            self.explanation.moved.iter().enumerate().map(|(place, moved)| (&moved.node, place)).collect();
        let mut shown: BTreeSet<usize> = BTreeSet::new();
        for own in 0..self.explanation.own {
            let moved = &self.explanation.moved[own];
            shown.insert(own);
            let title = self.paint.with(&part(moved), Style::new().bold());
            self.line(0, &format!("\n{title}  {}", hashes(&moved.hash)));
            let mut rest: Vec<(&Input, usize)> = moved.inputs.iter().rev().map(|input| (input, 1)).collect();
            while let Some((input, depth)) = rest.pop() {
                if self.lines > LINES {
                    continue;
                }
                self.input(input, depth);
                let Input::Moved(node) = input else { continue };
                let Some(place) = places.get(node) else { continue };
                let is_own = *place < self.explanation.own;
                if !is_own && depth < DEPTH && shown.insert(*place) {
                    rest.extend(self.explanation.moved[*place].inputs.iter().rev().map(|input| (input, depth + 1)));
                } else {
                    let where_to = if is_own {
                        "told on its own"
                    } else if depth < DEPTH {
                        "told above"
                    } else {
                        "goes on"
                    };
                    self.line(depth + 1, &format!("({where_to})"));
                }
            }
        }
        self.beginnings(&mut shown);
        let left_out = self.explanation.moved.len() - shown.len();
        if self.explanation.own > 0 && left_out > 0 {
            let parts = if left_out == 1 { "part" } else { "parts" };
            self.line(0, &format!("\n{left_out} more {parts} of parents moved; `--format json` has them"));
        }
    }

    /// Where it began, as far as that is too far away to be told above.
    fn beginnings(&mut self, shown: &mut BTreeSet<usize>) {
        let is_edit = |input: &&Input| !matches!(input, Input::Moved(_) | Input::DrawnAgain | Input::GoesOn);
        let moved = self.explanation.moved.iter().enumerate();
        let far =
            moved.filter(|(place, moved)| !shown.contains(place) && moved.inputs.iter().any(|input| is_edit(&input)));
        let far: Vec<(usize, &Moved)> = far.take(BEGINNINGS).collect();
        if far.is_empty() {
            return;
        }
        let title = self.paint.with("where it began", Style::new().bold());
        self.line(0, &format!("\n{title}"));
        for (place, moved) in far {
            shown.insert(place);
            self.line(1, &visible(&name(&moved.node)));
            moved.inputs.iter().filter(is_edit).for_each(|input| self.input(input, 2));
        }
    }

    fn line(&mut self, depth: usize, text: &str) {
        self.lines += 1;
        let _ = writeln!(self.output, "{}{text}", "  ".repeat(depth));
    }

    fn input(&mut self, input: &Input, depth: usize) {
        let told = Told::of(input);
        let within = told.within.map_or(String::new(), |within| format!(" in {}", visible(within)));
        self.line(depth, &format!("{}{within}", visible(&told.what)));
        if told.node.is_some() || told.is_bare {
            return;
        }
        for (side, value) in [("old", &told.old), ("new", &told.new)] {
            let value = value.as_ref().map_or("(none)".to_owned(), |(text, place)| {
                let place = place.map_or(String::new(), |place| format!("  ({})", place_text(place)));
                format!("{}{place}", short(text))
            });
            self.line(depth + 1, &format!("{side}  {value}"));
        }
        for piece in told.pieces.iter().take(PIECES) {
            let text = match (&piece.old, &piece.new) {
                (Some(old), Some(new)) => format!("{} → {}", short(old), short(new)),
                (Some(old), None) => format!("without {}", short(old)),
                (None, Some(new)) => format!("with {}", short(new)),
                (None, None) => continue,
            };
            self.line(depth + 1, &format!("     {text}"));
        }
        if told.pieces.len() > PIECES {
            self.line(depth + 1, &format!("     … {} more", told.pieces.len() - PIECES));
        }
    }
}

/// A part of the model that was asked about.
fn part(moved: &Moved) -> String {
    use crate::lineage::Part;
    match &moved.node.part {
        Part::Column(column) => format!("column {}", visible(column)),
        Part::Rows => "rows".to_owned(),
        Part::Order => "order in which rows are written".to_owned(),
        Part::All | Part::Model => "the table as a whole".to_owned(),
    }
}

fn place_text(place: &Place) -> String {
    format!("{}:{}:{}", visible(place.path.as_str()), place.line, place.column)
}

fn short(text: &str) -> String {
    let shown: String = text.chars().take(TEXT).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{more}", visible(&shown))
}

fn write_ignored(output: &mut String, ignored: &Ignored) {
    let _ = writeln!(output, "  {}", ignored.why.text());
    for (sign, (first, lines)) in [('-', &ignored.old), ('+', &ignored.new)] {
        for (place, line) in lines.iter().enumerate().take(6) {
            let _ = writeln!(output, "    {sign} {:>4}  {}", *first as usize + place, short(line));
        }
        if lines.len() > 6 {
            let _ = writeln!(output, "    {sign}       … {} more lines", lines.len() - 6);
        }
    }
}

/// A value with where it stands.
type Value<'a> = Option<(String, Option<&'a Place>)>;

/// One input in the form that every face shows.
struct Told<'a> {
    code: &'static str,
    /// What it is; not escaped.
    what: String,
    place: Option<ClausePlace>,
    within: Option<&'a str>,
    old: Value<'a>,
    new: Value<'a>,
    pieces: &'a [Sides<String>],
    node: Option<&'a Node>,
    /// Whether there is no value to show on either side.
    is_bare: bool,
}

impl<'a> Told<'a> {
    fn new(code: &'static str, what: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            place: None,
            within: None,
            old: None,
            new: None,
            pieces: &[],
            node: None,
            is_bare: false,
        }
    }

    fn values<T>(self, sides: &'a Sides<T>, text: impl Fn(&'a T) -> String) -> Self {
        let value = |value: &'a Option<T>| value.as_ref().map(|value| (text(value), None));
        Self { old: value(&sides.old), new: value(&sides.new), ..self }
    }

    /// The same with a word for a side that has no value.
    fn otherwise(self, text: &str) -> Self {
        let value = |value: Value<'a>| value.or_else(|| Some((text.to_owned(), None)));
        Self { old: value(self.old), new: value(self.new), ..self }
    }

    fn snippets(self, sides: &'a Sides<Snippet>) -> Self {
        let value =
            |value: &'a Option<Snippet>| value.as_ref().map(|snippet| (snippet.text.clone(), snippet.place.as_ref()));
        Self { old: value(&sides.old), new: value(&sides.new), ..self }
    }

    fn of(input: &'a Input) -> Self {
        let digest = |digest: &Digest| digest.short(8);
        match input {
            Input::Clause(clause) => Self {
                place: Some(clause.place),
                within: clause.within.as_deref(),
                pieces: &clause.pieces,
                ..Self::new("clause", clause.place.text()).snippets(&clause.text)
            },
            Input::Column { column, expression } => {
                let verb = if expression.old.is_none() { "added" } else { "removed" };
                Self::new("column", format!("column {column} {verb}")).snippets(expression)
            }
            Input::ColumnSpelling(names) => {
                Self::new("column-spelling", "name of the column").values(names, Clone::clone)
            }
            Input::ColumnOrder(order) => Self::new("column-order", "columns").values(order, |names| names.join(", ")),
            Input::Kind(kind) => Self::new("kind", "kind").values(kind, |kind| kind.text().to_owned()),
            Input::Property { name, value } => Self::new("property", name.clone()).values(value, Clone::clone),
            Input::Statement { place, text } => {
                Self::new("statement", format!("{place}-statement")).values(text, Clone::clone)
            }
            Input::Function { name, made_by } => {
                Self::new("function", format!("the statement that creates {name}")).values(made_by, digest)
            }
            Input::Context { name, value } => {
                Self::new("context", format!("context: {name}")).values(value, Clone::clone)
            }
            Input::File { path, blob } => {
                Self::new("file", format!("file {path}")).values(blob, |blob| blob.as_str().chars().take(8).collect())
            }
            Input::Writes(writes) => {
                Self::new("writes", "the project's statements that write it").values(writes, digest)
            }
            Input::SeedRows(rows) => Self::new("seed-rows", "number of rows").values(rows, ToString::to_string),
            Input::SeedCells { column } => Self {
                is_bare: true,
                ..Self::new("seed-cells", format!("cells of column {column} in the seed's file"))
            },
            Input::Tokens(text) => Self::new("text", "text of the query").snippets(text),
            Input::Opacity(opaque) => {
                let told = Self::new("opaque", "whether it can be taken apart");
                let told = told.values(opaque, |what| format!("no: {what}"));
                told.otherwise("yes")
            }
            Input::Owner(owner) => {
                let told = Self::new("owner", "what the name stands for");
                let told = told.values(owner, |kind| format!("a model, {}", kind.text()));
                told.otherwise("a table outside the project")
            }
            Input::DrawnAgain => Self {
                is_bare: true,
                ..Self::new("drawn-again", "a draw in it is made anew, because its table is filled again")
            },
            Input::GoesOn => {
                Self { is_bare: true, ..Self::new("goes-on", "its rows go on in the table of another definition") }
            }
            Input::Moved(node) => {
                Self { node: Some(node), ..Self::new("moved", format!("because {} moved", name(node))) }
            }
            Input::Hash { domain, hash } => Self::new("hash", format!("hash of {domain}")).values(hash, digest),
        }
    }
}

/// `{"schema_version":1,"model","change","same_as","data":{"old","new"},"metadata":{"old","new"},"moved":[{"id","own","model",
/// "part","column","old","new","inputs":[{"code","text","clause","within","old","new","pieces","moved"}]}],"variables",
/// "reasons","ignored"}`. `moved` of an input is the id of the part that it leads to.
pub fn json<'a>(explanation: &'a Explanation) -> String {
    #[derive(Serialize)]
    struct Object<'a> {
        model: &'a ModelName,
        change: Option<Change>,
        same_as: Option<&'a ModelName>,
        data: &'a Sides<Digest>,
        metadata: &'a Sides<Digest>,
        moved: Vec<MovedObject<'a>>,
        variables: Vec<VariableObject<'a>>,
        reasons: Vec<ReasonObject>,
        ignored: Vec<IgnoredObject<'a>>,
    }
    #[derive(Serialize)]
    struct MovedObject<'a> {
        id: usize,
        own: bool,
        model: &'a ModelName,
        part: &'static str,
        column: Option<&'a str>,
        old: Option<Digest>,
        new: Option<Digest>,
        inputs: Vec<InputObject<'a>>,
    }
    #[derive(Serialize)]
    struct VariableObject<'a> {
        name: &'a str,
        old: Option<&'a str>,
        new: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct ReasonObject {
        code: &'static str,
        text: String,
    }
    #[derive(Serialize)]
    struct IgnoredObject<'a> {
        why: crate::explain::IgnoredWhy,
        old: LinesObject<'a>,
        new: LinesObject<'a>,
    }
    #[derive(Serialize)]
    struct LinesObject<'a> {
        line: u32,
        lines: &'a [String],
    }
    let places: BTreeMap<&Node, usize> =
        explanation.moved.iter().enumerate().map(|(place, moved)| (&moved.node, place)).collect();
    let moved = explanation.moved.iter().enumerate().map(|(id, moved)| MovedObject {
        id,
        own: id < explanation.own,
        model: &moved.node.model,
        part: moved.node.part.text(),
        column: moved.node.part.column(),
        old: moved.hash.old,
        new: moved.hash.new,
        inputs: moved.inputs.iter().map(|input| InputObject::of(input, &places)).collect(),
    });
    let variables = explanation.variables.iter().map(|variable| VariableObject {
        name: &variable.name,
        old: variable.value.old.as_deref(),
        new: variable.value.new.as_deref(),
    });
    let lines = |(line, lines): &'a (u32, Vec<String>)| LinesObject { line: *line, lines };
    json::object(&Object {
        model: &explanation.model,
        change: explanation.change,
        same_as: explanation.same_as.as_ref(),
        data: &explanation.data,
        metadata: &explanation.metadata,
        moved: moved.collect(),
        variables: variables.collect(),
        reasons: explanation
            .reasons
            .iter()
            .map(|reason| ReasonObject { code: reason.code(), text: reason.text() })
            .collect(),
        ignored: explanation
            .ignored
            .iter()
            .map(|ignored| IgnoredObject { why: ignored.why, old: lines(&ignored.old), new: lines(&ignored.new) })
            .collect(),
    })
}

#[derive(Serialize)]
struct InputObject<'a> {
    code: &'static str,
    text: String,
    clause: Option<ClausePlace>,
    within: Option<&'a str>,
    old: Option<ValueObject<'a>>,
    new: Option<ValueObject<'a>>,
    pieces: &'a [Sides<String>],
    moved: Option<usize>,
}

#[derive(Serialize)]
struct ValueObject<'a> {
    text: String,
    place: Option<&'a Place>,
}

impl<'a> InputObject<'a> {
    fn of(input: &'a Input, places: &BTreeMap<&Node, usize>) -> Self {
        let told = Told::of(input);
        let value = |value: Value<'a>| value.map(|(text, place)| ValueObject { text, place });
        Self {
            code: told.code,
            text: told.what,
            clause: told.place,
            within: told.within,
            old: value(told.old),
            new: value(told.new),
            pieces: told.pieces,
            moved: told.node.and_then(|node| places.get(node).copied()),
        }
    }
}
