//! How the data of two environments differ, as plain values; what is asked of the engine for that is `statement::compare`.

mod choice;

pub use choice::{Candidate, Choice, at_most, choose};

use crate::ids::{EnvironmentName, ModelName};
use crate::time::{Interval, IntervalUnit};

/// The data of one environment beside another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDiff {
    /// The environment that was asked about.
    pub environment: EnvironmentName,
    /// What it is compared with.
    pub base: EnvironmentName,
    /// The models whose data may differ, by name.
    pub models: Vec<ModelDataDiff>,
    /// Models that differ and were not looked at, by name.
    pub left_out: Vec<LeftOut>,
}

/// A model that differs and was not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub name: ModelName,
    /// Why.
    pub why: WhyLeftOut,
    /// What happened to its columns, where its query does not tell.
    pub schema: Vec<SchemaChange>,
}

/// Why a model was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyLeftOut {
    /// Nothing tells its rows apart.
    NoGrain,
    /// Nobody edited it, and at most columns are new.
    Downstream,
    /// So many models are compared at most.
    Beyond(usize),
}

/// One model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDataDiff {
    /// Its name.
    pub name: ModelName,
    /// The unit of the ranges below.
    pub unit: IntervalUnit,
    /// What happened to its columns.
    pub schema: Vec<SchemaChange>,
    /// What came of comparing its rows.
    pub compared: Compared,
}

/// A column that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaChange {
    /// Only here.
    Added {
        /// Its name.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// Only in the base.
    Removed {
        /// Its name.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// Of another type; its values are not compared.
    Retyped {
        /// Its name.
        column: String,
        /// Its type in the base.
        old: String,
        /// Its type here.
        new: String,
    },
}

/// What came of comparing rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Row by row, on columns that tell every row from every other on both sides.
    ByGrain(ByGrain),
    /// Column by column, because nothing tells rows apart.
    ByColumn(ByColumn),
    /// The model is only here.
    Added {
        /// Its rows.
        rows: u64,
    },
    /// The model is only in the base.
    Removed,
    /// Not at all.
    Not(NotCompared),
}

/// Why rows were not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCompared {
    /// Both sides were loaded, but never for the same time.
    NoCommonInterval,
    /// They were not loaded for the same time, and no column of both says which rows are of that time.
    NoTimeColumn,
    /// It is made of what is here of its inputs and its past, so it cannot be what the other side is.
    Preview,
    /// One side has more rows to compare than the limit.
    TooManyRows {
        /// The limit.
        most: u64,
    },
    /// Neither side has data of its own: it is inlined into its readers, or somebody else's.
    NoData,
    /// The engine cannot read one of them. Its message is left out, because it may hold a value of a row.
    Refused,
    /// They have no column in common.
    NoCommonColumn,
}

/// Counts of rows on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// In the environment.
    pub here: u64,
    /// In the base.
    pub base: u64,
}

/// Rows compared one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByGrain {
    /// The columns that tell rows apart.
    pub grain: Vec<String>,
    /// What both sides have loaded, half-open; empty where they are filled as a whole.
    pub ranges: Vec<Interval>,
    /// All rows.
    pub rows: Sides,
    /// Rows whose grain the other side does not have.
    pub only: Sides,
    /// Rows that both have and that differ in some column.
    pub changed: u64,
    /// In how many of those each column differs, in the order of the table; columns without a difference are left out.
    pub columns: Vec<(String, u64)>,
}

/// Columns compared by what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByColumn {
    /// Why not row by row.
    pub why: WhyByColumn,
    /// What both sides have loaded, half-open; empty where they are filled as a whole.
    pub ranges: Vec<Interval>,
    /// All rows.
    pub rows: Sides,
    /// The columns that both have, in the order of the table, where anything about them differs.
    pub columns: Vec<ColumnDiff>,
}

/// Why rows were not compared one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyByColumn {
    /// The model declares neither `grain` nor a unique key.
    NoGrain,
    /// A column of the grain is not the same on both sides.
    GrainChanged,
    /// So many rows have the grain of another row.
    NotUnique(Sides),
}

/// One column on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDiff {
    /// Its name.
    pub name: String,
    /// In the environment.
    pub here: Profile,
    /// In the base.
    pub base: Profile,
}

/// What is in a column. Numbers and values are the engine's own text, so that no digit is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// NULLs.
    pub nulls: Option<String>,
    /// Different values.
    pub distinct: Option<String>,
    /// The least value.
    pub least: Option<String>,
    /// The greatest value.
    pub greatest: Option<String>,
    /// The mean of a column of numbers, to nine digits behind the point.
    pub mean: Option<String>,
}

impl DataDiff {
    /// The same without the least and greatest values of columns, which are values of rows.
    pub fn without_values(&self) -> Self {
        let mut diff = self.clone();
        for model in &mut diff.models {
            let Compared::ByColumn(found) = &mut model.compared else { continue };
            for profile in found.columns.iter_mut().flat_map(|column| [&mut column.here, &mut column.base]) {
                (profile.least, profile.greatest) = (None, None);
            }
        }
        diff
    }
}

impl ModelDataDiff {
    /// Whether anything differs, as far as it was compared.
    pub fn is_same(&self) -> bool {
        let rows_agree = match &self.compared {
            Compared::ByGrain(rows) => rows.only == Sides::default() && rows.changed == 0,
            Compared::ByColumn(columns) => columns.rows.here == columns.rows.base && columns.columns.is_empty(),
            Compared::Added { .. } | Compared::Removed | Compared::Not(_) => false,
        };
        self.schema.is_empty() && rows_agree
    }
}

/// What happened to columns, those of the environment first. `same` compares names as the engine does.
pub fn schema_changes(
    here: &[(String, String)],
    base: &[(String, String)],
    same: &dyn Fn(&str, &str) -> bool,
) -> Vec<SchemaChange> {
    let of = |columns: &[(String, String)], name: &str| columns.iter().find(|(other, _)| same(other, name)).cloned();
    let mut changes = Vec::new();
    for (column, data_type) in here {
        match of(base, column) {
            None => changes.push(SchemaChange::Added { column: column.clone(), data_type: data_type.clone() }),
            Some((_, old)) if old != *data_type => {
                let (column, new) = (column.clone(), data_type.clone());
                changes.push(SchemaChange::Retyped { column, old, new });
            }
            Some(_) => {}
        }
    }
    let gone = base.iter().filter(|(column, _)| of(here, column).is_none());
    changes.extend(
        gone.map(|(column, data_type)| SchemaChange::Removed { column: column.clone(), data_type: data_type.clone() }),
    );
    changes
}
