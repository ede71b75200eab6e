//! What of all that state and warehouse say contradicts the rest. Asks neither of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::engine::OwnedObject;
use crate::ids::{EnvironmentName, ModelName, PlanId, TableName};
use crate::naming::TableKey;
use crate::render::findings::Verdict;
use crate::state::{Environment, HistoryEntry, Pointer, Table, VirtualView};
use crate::statement::ColumnType;

/// What both say.
pub(super) struct Facts {
    /// Every environment of the project.
    pub(super) environments: Vec<Seen>,
    /// What stands in the warehouse, and what is recorded of it.
    pub(super) physical: Physical,
}

/// An environment with what else is said of it.
pub(super) struct Seen {
    pub(super) environment: Environment,
    /// The newest entry of its history.
    pub(super) newest: Option<Past>,
    /// The plan whose promote the warehouse remembers last.
    pub(super) promotion: Option<PlanId>,
    /// Whether no plan of it began and did not end: until then its views are as some plan left them.
    pub(super) at_rest: bool,
}

/// An entry of a history.
pub(super) struct Past {
    plan: PlanId,
    models: BTreeMap<ModelName, Pointer>,
}

impl Past {
    pub(super) fn of(entry: HistoryEntry) -> Self {
        Self { plan: entry.plan_id, models: entry.models }
    }
}

/// Tables and views: by the state, by the warehouse's own records, and as they stand.
pub(super) struct Physical {
    /// The tables that the state knows.
    pub(super) known: BTreeMap<TableKey, Table>,
    /// What the warehouse lists as this state's.
    pub(super) recorded: BTreeMap<TableName, OwnedObject>,
    /// Those of it that are another project's.
    pub(super) others: BTreeSet<TableName>,
    /// The columns of each table and view that is there.
    pub(super) columns: BTreeMap<TableName, Vec<ColumnType>>,
    /// The engine's text of each view.
    pub(super) texts: BTreeMap<TableName, String>,
    /// What the engine says of views that it cannot read.
    pub(super) broken: BTreeMap<TableName, String>,
}

/// Two records that cannot both be true, or a record of which nothing is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Contradiction {
    /// An environment points at a table that the state does not know.
    UnknownTable { environment: EnvironmentName, model: ModelName, table: TableName },
    /// A table that is known or pointed at is not there.
    TableGone { table: TableName, shown_by: Option<EnvironmentName> },
    /// A table is there, and the warehouse does not list it as ours.
    NotRecorded { table: TableName },
    /// A table has other columns than were recorded when it was filled.
    OtherColumns { table: TableName, recorded: String, found: String },
    /// A view that was made is not there, or not ours any more.
    ViewGone { environment: EnvironmentName, view: TableName },
    /// A view reads another table than the state says.
    ViewElsewhere { environment: EnvironmentName, view: TableName, table: TableName },
    /// A view that the engine cannot read.
    ViewBroken { view: TableName, reason: String },
    /// The newest entry of the history is not what the environment is.
    OtherHistory { environment: EnvironmentName },
    /// State and warehouse disagree on what was promoted last.
    OtherPromotion { environment: EnvironmentName, state: PlanId, warehouse: Option<PlanId> },
    /// A table of which only the warehouse knows: a run died before it could say that it had made it.
    Leftover { table: TableName },
    /// A view of an environment that is not there.
    OrphanView { environment: EnvironmentName, view: TableName },
}

impl Facts {
    /// All of them, the environments' first.
    pub(super) fn contradictions(&self) -> Vec<Contradiction> {
        let mut found = Vec::new();
        for seen in &self.environments {
            self.of_environment(seen, &mut found);
        }
        for table in self.physical.known.values() {
            self.physical.of_table(table, &mut found);
        }
        found.extend(self.leftovers());
        found
    }

    fn of_environment(&self, seen: &Seen, found: &mut Vec<Contradiction>) {
        let environment = &seen.environment.about.name;
        let known: BTreeSet<&TableName> = self.physical.known.values().map(|table| &table.snapshot.table).collect();
        for (model, pointer) in &seen.environment.models {
            let Some(table) = &pointer.table else { continue };
            let (environment, table) = (environment.clone(), table.clone());
            if !known.contains(&table) {
                found.push(Contradiction::UnknownTable { environment, model: model.clone(), table });
            } else if !self.physical.columns.contains_key(&table) {
                found.push(Contradiction::TableGone { table, shown_by: Some(environment) });
            }
        }
        if !seen.at_rest {
            return;
        }
        for pointer in seen.environment.models.values() {
            found.extend(self.physical.of_view(environment, pointer));
        }
        let differs = |past: &Past| {
            past.plan != seen.environment.about.plan_id || !shown(&past.models).eq(shown(&seen.environment.models))
        };
        if seen.newest.as_ref().is_none_or(differs) {
            found.push(Contradiction::OtherHistory { environment: environment.clone() });
        }
        let plan = &seen.environment.about.plan_id;
        if seen.environment.about.promoted.is_some() && seen.promotion.as_ref() != Some(plan) {
            let (state, warehouse) = (plan.clone(), seen.promotion.clone());
            found.push(Contradiction::OtherPromotion { environment: environment.clone(), state, warehouse });
        }
    }

    /// What only the warehouse lists.
    fn leftovers(&self) -> impl Iterator<Item = Contradiction> + '_ {
        let known: BTreeSet<&TableName> = self.physical.known.values().map(|table| &table.snapshot.table).collect();
        let names: BTreeSet<&EnvironmentName> =
            self.environments.iter().map(|seen| &seen.environment.about.name).collect();
        let ours = self.physical.recorded.iter().filter(|(name, _)| !self.physical.others.contains(*name));
        ours.filter_map(move |(name, object)| match object {
            OwnedObject::Table { .. } if !known.contains(name) => Some(Contradiction::Leftover { table: name.clone() }),
            OwnedObject::View { environment, .. } if !names.contains(environment) => {
                Some(Contradiction::OrphanView { environment: environment.clone(), view: name.clone() })
            }
            _ => None,
        })
    }
}

impl Physical {
    fn of_table(&self, table: &Table, found: &mut Vec<Contradiction>) {
        let (name, recorded) = (&table.snapshot.table, &table.snapshot.columns);
        let Some(columns) = self.columns.get(name) else {
            found.push(Contradiction::TableGone { table: name.clone(), shown_by: None });
            return;
        };
        if !self.is_our_table(name) {
            found.push(Contradiction::NotRecorded { table: name.clone() });
        }
        let is_same = recorded.len() == columns.len()
            && recorded
                .iter()
                .zip(columns)
                .all(|(ours, theirs)| (&ours.name, &ours.data_type) == (&theirs.name, &theirs.data_type));
        if !is_same {
            let ours = recorded.iter().map(|column| format!("{} {}", column.name, column.data_type));
            let theirs = columns.iter().map(|column| format!("{} {}", column.name, column.data_type));
            found.push(Contradiction::OtherColumns {
                table: name.clone(),
                recorded: ours.collect::<Vec<_>>().join(", "),
                found: theirs.collect::<Vec<_>>().join(", "),
            });
        }
    }

    fn of_view(&self, environment: &EnvironmentName, pointer: &Pointer) -> Option<Contradiction> {
        let view = &pointer.view.as_ref()?.name;
        let is_ours = matches!(self.recorded.get(view), Some(OwnedObject::View { environment: whose, .. }) if whose == environment);
        let (environment, name) = (environment.clone(), view.clone());
        if !is_ours || !self.columns.contains_key(view) {
            return Some(Contradiction::ViewGone { environment, view: name });
        }
        if let Some(reason) = self.broken.get(view) {
            return Some(Contradiction::ViewBroken { view: name, reason: reason.clone() });
        }
        let table = pointer.table.as_ref()?;
        let reads = self.texts.get(view).is_some_and(|text| text.contains(&table.name));
        (!reads).then(|| Contradiction::ViewElsewhere { environment, view: name, table: table.clone() })
    }
}

/// What an environment shows of each model. Fingerprints are left out: an upgrade of their algorithm renews those of the past
/// only where a rollback may ask for them.
fn shown(
    models: &BTreeMap<ModelName, Pointer>,
) -> impl Iterator<Item = (&ModelName, Option<&TableName>, Option<&VirtualView>)> {
    models.iter().map(|(model, pointer)| (model, pointer.table.as_ref(), pointer.view.as_ref()))
}

impl Contradiction {
    /// A stable word for scripts.
    pub(super) fn check(&self) -> &'static str {
        match self {
            Self::UnknownTable { .. } => "unknown-table",
            Self::TableGone { .. } => "table-gone",
            Self::NotRecorded { .. } => "not-recorded",
            Self::OtherColumns { .. } => "other-columns",
            Self::ViewGone { .. } => "view-gone",
            Self::ViewElsewhere { .. } => "view-elsewhere",
            Self::ViewBroken { .. } => "view-broken",
            Self::OtherHistory { .. } => "other-history",
            Self::OtherPromotion { .. } => "other-promotion",
            Self::Leftover { .. } => "leftover",
            Self::OrphanView { .. } => "orphan-view",
        }
    }

    /// What a run that was killed leaves behind stops nobody, and a table that nobody shows is made again where it is
    /// wanted; everything else shows somebody what is not so.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Leftover { .. } => Verdict::Ok,
            Self::OrphanView { .. } | Self::TableGone { shown_by: None, .. } => Verdict::Warning,
            _ => Verdict::Error,
        }
    }

    /// What to do.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Leftover { .. } => {
                "a run that needs it fills it anew; `bot gc` drops it when nobody has for long enough"
            }
            Self::OrphanView { .. } => "drop it if nobody reads it: `bot` does not know its environment any more",
            Self::TableGone { shown_by: None, .. } => "it is made again by the next plan that needs it",
            Self::OtherHistory { .. } | Self::OtherPromotion { .. } => {
                "run `bot apply` or `bot promote` again; if that does not help, put back a copy of the state"
            }
            _ => {
                "run `bot apply` on the environment's branch, or `bot promote` for production, again: what is not there is made anew"
            }
        }
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTable { environment, model, table } => {
                write!(formatter, "`{environment}` shows `{model}` from `{table}`, of which the state knows nothing")
            }
            Self::TableGone { table, shown_by: Some(environment) } => {
                write!(formatter, "`{environment}` shows `{table}`, which is not in the warehouse")
            }
            Self::TableGone { table, shown_by: None } => {
                write!(formatter, "the state knows `{table}`, which is not in the warehouse; nobody shows it")
            }
            Self::NotRecorded { table } => {
                write!(formatter, "`{table}` is in the warehouse, but not among what is recorded there as ours")
            }
            Self::OtherColumns { table, recorded, found } => {
                write!(formatter, "`{table}` has the columns ({found}); when it was filled it had ({recorded})")
            }
            Self::ViewGone { environment, view } => {
                write!(formatter, "view `{view}` of `{environment}` is not there, or is not the one that we made")
            }
            Self::ViewElsewhere { environment, view, table } => {
                write!(formatter, "view `{view}` of `{environment}` does not read `{table}`, to which it should point")
            }
            Self::ViewBroken { view, reason } => write!(formatter, "view `{view}` cannot be read: {reason}"),
            Self::OtherHistory { environment } => {
                write!(formatter, "`{environment}` is not what the newest entry of its history says")
            }
            Self::OtherPromotion { environment, state, warehouse } => {
                let theirs = warehouse.as_ref().map_or("none".to_owned(), ToString::to_string);
                write!(formatter, "`{environment}` was written last by plan {state}, in the warehouse by {theirs}")
            }
            Self::Leftover { table } => {
                write!(formatter, "`{table}` was begun by a run that did not end; nobody shows it")
            }
            Self::OrphanView { environment, view } => {
                write!(formatter, "view `{view}` is of `{environment}`, which the state does not know")
            }
        }
    }
}
