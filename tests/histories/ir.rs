//! A small project as plain values: models over two sources, and what an author may do to them. It is rendered to files, and
//! what its queries give is worked out here, by nothing of the program.

use std::collections::BTreeSet;

use super::random::Choices;
use super::source::{Record, Source};
use super::value::Value;

/// What a column is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expression {
    Column(&'static str),
    Times(&'static str, i64),
    Constant(i64),
    Joined(&'static str, &'static str),
}

/// A column that models may have besides those that they always have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extra {
    Rank,
    Tier,
    Twice,
}

/// Whose rows it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum From {
    People,
    Events,
    /// One row of each name and day.
    Snapshots,
}

/// What is said of what becomes of the past of a model that is loaded by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Word {
    Nothing,
    ForwardOnly,
    DisableRestatement,
    /// Nothing in the file, and `--forward-only` of its definition: its rows are kept, or those before a day.
    Decided(Option<i64>),
}

/// A kind whose rows no query gives again, or one of days that does so where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Days(Word),
    ByColumn {
        all: bool,
        first_at_load: bool,
        ends_deleted: bool,
    },
    ByTime {
        first_at_update: bool,
        ends_deleted: bool,
    },
    /// SCD_TYPE_2_BY_COLUMN of snapshots of days, dated by these.
    Laid {
        all: bool,
        first_at_update: bool,
        ends_deleted: bool,
    },
    Log,
    Parts,
    Keyed,
    /// INCREMENTAL_BY_UNIQUE_KEY of snapshots of days, in place of what is there or merged into it.
    Spread {
        merged: bool,
        looks_back: bool,
    },
    /// INCREMENTAL_UNMANAGED of snapshots of days, or INCREMENTAL_BY_PARTITION of them: all days that are missing at once.
    AtOnce {
        adds: bool,
    },
}

/// Which columns the reader that is filled as a whole groups by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reading {
    Stable,
    All,
}

/// A model, with its two readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The kept model that it reads in place of a source.
    pub(crate) over: Option<&'static str>,
    /// What `price` is multiplied with.
    pub(crate) factor: i64,
    /// Those of its further columns, each with the number of its expression.
    pub(crate) extras: BTreeSet<(Extra, i64)>,
    pub(crate) reading: Reading,
    /// How its text is laid out, which means nothing.
    pub(crate) layout: usize,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Project {
    /// What the views over the sources multiply `price` with.
    pub(crate) people_factor: i64,
    pub(crate) events_factor: i64,
    pub(crate) models: Vec<Model>,
    /// What no model reads.
    pub(crate) notes: usize,
}

/// What tells the table of one definition from that of another: the same rows and columns, the same past.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Definition {
    model: &'static str,
    kind: Kind,
    columns: Vec<(&'static str, Expression)>,
    below: i64,
    /// The kept model that it reads: its rows depend on all that this one has ever been.
    over: Option<Box<Self>>,
}

impl Definition {
    /// Whether it is of this model, and its rows are computed again.
    pub(crate) fn is_computed(&self, name: &str) -> bool {
        self.model == name && !self.kind.is_kept()
    }
}

impl Expression {
    fn of(&self, record: &Record) -> Value {
        let column = |name: &str| record.get(name).cloned().unwrap_or(Value::Null);
        match self {
            Self::Column(name) => column(name),
            Self::Times(name, factor) => match column(name) {
                Value::Number(number) => Value::Number(number * factor),
                _ => Value::Null,
            },
            Self::Constant(number) => Value::Number(*number),
            Self::Joined(name, end) => match column(name) {
                Value::Text(text) => Value::Text(format!("{text}{end}")),
                _ => Value::Null,
            },
        }
    }
}

impl Extra {
    fn column(self, number: i64) -> (&'static str, Expression) {
        match self {
            Self::Rank => ("rank", Expression::Constant(number)),
            Self::Tier => ("tier", Expression::Joined("name", if number == 1 { "!" } else { "?" })),
            Self::Twice => ("twice", Expression::Times("price", 1 + number)),
        }
    }
}

impl Kind {
    pub(crate) fn from(self) -> From {
        match self {
            Self::Days(_) => From::Events,
            Self::Laid { .. } | Self::Spread { .. } | Self::AtOnce { .. } => From::Snapshots,
            _ => From::People,
        }
    }

    /// Whether its rows go on when its definition changes.
    pub(crate) fn is_kept(self) -> bool {
        self != Self::Days(Word::Nothing)
    }

    /// The day from which on its rows are of its definition, whatever is kept of others.
    pub(crate) fn effective_from(self) -> Option<i64> {
        if let Self::Days(Word::Decided(from)) = self { from } else { None }
    }

    /// It, but for what says nothing of the rows: that they may not be loaded again, or who said that all are kept.
    fn of_rows(self) -> Self {
        match self {
            Self::Days(Word::DisableRestatement | Word::Decided(None)) => Self::Days(Word::ForwardOnly),
            kind => kind,
        }
    }

    pub(crate) fn has_versions(self) -> bool {
        matches!(self, Self::ByColumn { .. } | Self::ByTime { .. } | Self::Laid { .. })
    }
}

impl Model {
    /// Its query's columns.
    pub(crate) fn query(&self) -> Vec<(&'static str, Expression)> {
        let first = match self.kind.from() {
            From::People => ("id", Expression::Column("id")),
            From::Events | From::Snapshots => ("day", Expression::Column("day")),
        };
        let price =
            if self.factor == 1 { Expression::Column("price") } else { Expression::Times("price", self.factor) };
        let mut columns = vec![first, ("name", Expression::Column("name")), ("price", price)];
        if matches!(self.kind, Kind::ByTime { .. }) {
            columns.push(("updated_at", Expression::Column("updated_at")));
        }
        columns.extend(self.extras.iter().map(|(extra, number)| extra.column(*number)));
        columns
    }

    /// What its query makes of a row.
    pub(crate) fn given(&self, record: &Record) -> Record {
        self.query().iter().map(|(name, expression)| (*name, expression.of(record))).collect()
    }

    /// Its table's columns.
    pub(crate) fn columns(&self) -> Vec<&'static str> {
        let validity: &[&str] = if self.kind.has_versions() { &["valid_from", "valid_to"] } else { &[] };
        self.query().iter().map(|(name, _)| *name).chain(validity.iter().copied()).collect()
    }

    /// Those that no edit takes away.
    pub(crate) fn stable(&self) -> Vec<&'static str> {
        let extras: Vec<&str> = self.extras.iter().map(|(extra, number)| extra.column(*number).0).collect();
        self.columns().into_iter().filter(|name| !extras.contains(name)).collect()
    }

    /// What the reader groups by.
    pub(crate) fn grouped(&self) -> Vec<&'static str> {
        match self.reading {
            Reading::Stable => self.stable(),
            Reading::All => self.columns(),
        }
    }
}

impl Project {
    /// One of some of the kinds.
    pub(crate) fn draw(choices: &mut Choices) -> Self {
        let mut kinds = [
            (
                "days",
                Kind::Days(choices.one(&[
                    Word::Nothing,
                    Word::Nothing,
                    Word::ForwardOnly,
                    Word::ForwardOnly,
                    Word::DisableRestatement,
                ])),
            ),
            (
                "by_column",
                Kind::ByColumn {
                    all: choices.chance(50),
                    first_at_load: choices.chance(30),
                    ends_deleted: choices.chance(50),
                },
            ),
            ("by_time", Kind::ByTime { first_at_update: choices.chance(30), ends_deleted: choices.chance(50) }),
            (
                "laid",
                Kind::Laid {
                    all: choices.chance(30),
                    first_at_update: choices.chance(30),
                    ends_deleted: choices.chance(50),
                },
            ),
            ("log", Kind::Log),
            ("parts", Kind::Parts),
            ("keyed", Kind::Keyed),
            ("spread", Kind::Spread { merged: choices.chance(60), looks_back: choices.chance(50) }),
            ("at_once", Kind::AtOnce { adds: choices.chance(50) }),
        ];
        choices.shuffle(&mut kinds);
        let count = 1 + choices.below(3);
        // Half of all walks have days.
        if choices.chance(40)
            && let Some(place) = kinds.iter().position(|(name, _)| *name == "days")
        {
            kinds.swap(0, place);
        }
        let model = |choices: &mut Choices, (name, kind): &(&'static str, Kind)| Model {
            name,
            kind: *kind,
            over: None,
            factor: 1,
            extras: if choices.chance(50) { BTreeSet::new() } else { [(Extra::Rank, 1)].into() },
            reading: choices.one(&[Reading::Stable, Reading::All]),
            layout: 0,
        };
        let mut models: Vec<Model> = kinds[..count].iter().map(|kind| model(choices, kind)).collect();
        if models.iter().any(|model| model.name == "keyed") && choices.chance(60) {
            let versions =
                Kind::ByColumn { all: choices.chance(50), first_at_load: false, ends_deleted: choices.chance(50) };
            let kind = choices.one(&[versions, Kind::Log, Kind::Keyed]);
            let top = model(choices, &("top", kind));
            models.push(Model { over: Some("keyed"), ..top });
        }
        Self { people_factor: 1, events_factor: 1, models, notes: 0 }
    }

    /// One thing that an author does, and what it was.
    pub(crate) fn edit(&mut self, choices: &mut Choices) -> String {
        self.notes += 1;
        if choices.chance(12) {
            let factor = choices.one(&[1, 10, 100]);
            let (view, place) = match choices.below(2) {
                0 => ("s.people", &mut self.people_factor),
                _ => ("s.events", &mut self.events_factor),
            };
            *place = factor;
            return format!("`{view}` gives the price times {factor}");
        }
        let place = choices.below(self.models.len());
        let Some(model) = self.models.get_mut(place) else { return "nothing".into() };
        let name = model.name;
        format!("`s.{name}`: {}", model.edit(choices))
    }

    /// It, but for what no entry of production's history is told by.
    pub(crate) fn plain(&self) -> Self {
        let plain = |model: &Model| Model { layout: 0, kind: model.kind.of_rows(), ..model.clone() };
        let models = self.models.iter().map(plain);
        Self { models: models.collect(), notes: 0, ..self.clone() }
    }

    fn below(&self, from: From) -> i64 {
        match from {
            From::People => self.people_factor,
            From::Events | From::Snapshots => self.events_factor,
        }
    }

    /// Whether the rows of a model are computed again.
    pub(crate) fn is_computed(&self, name: &str) -> bool {
        self.models.iter().any(|model| model.name == name && !model.kind.is_kept())
    }

    pub(crate) fn definition(&self, model: &Model) -> Definition {
        let kind = model.kind;
        let over = model.over.and_then(|over| self.models.iter().find(|other| other.name == over));
        Definition {
            model: model.name,
            kind: kind.of_rows(),
            columns: model.query(),
            below: if model.over.is_some() { 0 } else { self.below(kind.from()) },
            over: over.map(|over| Box::new(self.definition(over))),
        }
    }

    /// What a model's query gives of the sources as they are.
    pub(crate) fn rows(&self, model: &Model, source: &Source) -> Vec<Record> {
        let from = model.kind.from();
        let records = match from {
            From::People => source.people(),
            From::Events => source.events().to_vec(),
            From::Snapshots => source.snapshots(),
        };
        let view = |mut record: Record| {
            let price = Expression::Times("price", self.below(from)).of(&record);
            record.insert("price", price);
            model.given(&record)
        };
        records.into_iter().map(view).collect()
    }
}

impl Model {
    fn edit(&mut self, choices: &mut Choices) -> String {
        match (choices.below(12), self.kind) {
            (0..=2, _) => self.toggle(choices),
            (3 | 4, _) => {
                self.factor = choices.one(&[1, 2, 3]);
                format!("the price times {}", self.factor)
            }
            (5, _) => {
                self.layout += 1;
                "another layout".into()
            }
            (6, _) => {
                self.reading = choices.one(&[Reading::Stable, Reading::All]);
                format!("its reader groups by {:?} columns", self.reading)
            }
            (7..=9, Kind::Days(_)) => {
                let word =
                    choices.one(&[Word::Nothing, Word::ForwardOnly, Word::ForwardOnly, Word::DisableRestatement]);
                self.kind = Kind::Days(word);
                format!("{word:?} is said")
            }
            (7, Kind::ByColumn { all, first_at_load, ends_deleted }) => {
                self.kind = Kind::ByColumn { all, first_at_load, ends_deleted: !ends_deleted };
                format!("{:?}", self.kind)
            }
            (7, Kind::Laid { all, first_at_update, ends_deleted }) => {
                self.kind = Kind::Laid { all, first_at_update, ends_deleted: !ends_deleted };
                format!("{:?}", self.kind)
            }
            (7, Kind::Spread { merged, looks_back }) => {
                self.kind = Kind::Spread { merged: !merged, looks_back };
                format!("{:?}", self.kind)
            }
            (7, Kind::ByTime { first_at_update, ends_deleted }) => {
                self.kind = Kind::ByTime { first_at_update, ends_deleted: !ends_deleted };
                format!("{:?}", self.kind)
            }
            _ => self.toggle(choices),
        }
    }

    /// A column comes, goes or is made of something else.
    fn toggle(&mut self, choices: &mut Choices) -> String {
        let extra = choices.one(&[Extra::Rank, Extra::Tier, Extra::Twice]);
        let number = 1 + choices.below(2) as i64;
        let had = self.extras.iter().find(|(had, _)| *had == extra).copied();
        if let Some(had) = had {
            self.extras.remove(&had);
        }
        match had {
            Some((_, before)) if before == number => format!("no column `{}` any more", extra.column(number).0),
            _ => {
                self.extras.insert((extra, number));
                let (name, expression) = extra.column(number);
                format!("a column `{name}` of {expression:?}")
            }
        }
    }
}
