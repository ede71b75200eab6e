//! In which order lines stand, and what may follow what: a line that is missing, doubled, foreign or out of place is told by
//! the lines before it.

use std::collections::BTreeSet;

use super::{End, FORMAT, Header, Record};
use crate::ids::{EnvironmentName, PlanId, TableName};
use crate::naming::{TableKey, is_environment_name};
use crate::state::record::{Build, Environment, Load, Owner};
use crate::state::store::NEWEST;
use crate::time::Timestamp;

/// What was read so far, as much of it as decides about the next line.
#[derive(Default)]
pub(super) struct Order {
    begun: bool,
    ended: bool,
    records: u64,
    section: Section,
    /// What the last line of the section stands by.
    last: Option<Place>,
    /// Where the last load of the present snapshot ends.
    loaded_to: Option<Timestamp>,
    /// The plans that built the present table.
    plans: BTreeSet<PlanId>,
    owners: BTreeSet<Owner>,
    /// The present environment, and the last number of its history.
    environment: Option<(EnvironmentName, Option<u64>)>,
    is_held: bool,
}

/// What lines of one sort are about; sorts stand in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    #[default]
    Snapshots,
    Builds,
    Environments,
    Promotes,
    Allowances,
    Unreferenced,
    Audits,
    Decisions,
}

/// What a line stands by in its section. Texts are compared byte by byte, as stores do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Key(String, String),
    Build(String, String, Timestamp),
    Name(String),
    Allowance(u64, String),
    Audit([String; 4]),
}

impl Order {
    /// Takes the next line.
    ///
    /// # Errors
    /// Why it cannot stand here, as a sentence.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), String> {
        if self.ended {
            return Err("nothing may follow the line `end`".into());
        }
        match record {
            Record::State(header) => return self.begin(header),
            _ if !self.begun => return Err("the first line must be the one of type `state`".into()),
            Record::End(End { records }) => return self.end(*records),
            Record::Snapshot(snapshot) => {
                self.next(Section::Snapshots, key(&snapshot.key), Again::Never)?;
                self.loaded_to = None;
            }
            Record::Load(load) => self.load(load)?,
            Record::Build(build) => self.build(build)?,
            Record::Environment(environment) => self.environment(environment)?,
            Record::Hold(held) => {
                self.of_present(&held.environment)?;
                let is_late = matches!(self.environment, Some((_, Some(_))));
                if std::mem::replace(&mut self.is_held, true) || is_late {
                    return Err(format!("`{}` is held twice, or told to be after its history", held.environment));
                }
            }
            Record::History(past) => self.history(&past.environment, past.entry.sequence)?,
            Record::Promote(promote) => {
                let name = &promote.intended.about.name;
                check_name(name)?;
                self.next(Section::Promotes, Place::Name(name.to_string()), Again::Never)?;
            }
            Record::Allowance(allowance) => {
                let place = Place::Allowance(allowance.pull_request, allowance.model.to_string());
                self.next(Section::Allowances, place, Again::Never)?;
            }
            Record::Unreferenced(unreferenced) => {
                self.next(Section::Unreferenced, Place::Name(as_stored(&unreferenced.table)), Again::Never)?;
            }
            Record::Audit(result) => {
                let table = result.table.as_ref().map_or(String::new(), as_stored);
                let place = [result.model.to_string(), result.audit.clone(), result.plan_id.to_string(), table];
                self.next(Section::Audits, Place::Audit(place), Again::Never)?;
            }
            Record::Decision(decision) => {
                let place = Place::Key(decision.model.to_string(), decision.data_fingerprint.to_string());
                self.next(Section::Decisions, place, Again::Never)?;
            }
        }
        self.records += 1;
        Ok(())
    }

    /// Whether the last line was the last one.
    pub(super) fn is_whole(&self) -> bool {
        self.ended
    }

    fn begin(&mut self, header: &Header) -> Result<(), String> {
        if std::mem::replace(&mut self.begun, true) {
            return Err("a second line of type `state`".into());
        }
        if header.format != FORMAT {
            return Err(format!("the lines have format {}, this program knows {FORMAT}", header.format));
        }
        if header.schema_version > NEWEST {
            return Err(format!(
                "it comes from a state of schema version {}, this program knows {NEWEST}: install a newer `bot`",
                header.schema_version
            ));
        }
        if header.state.as_str().is_empty() {
            return Err("the state has no id".into());
        }
        Ok(())
    }

    fn end(&mut self, records: u64) -> Result<(), String> {
        if records != self.records {
            return Err(format!("{records} lines are announced before this one, and {} were found", self.records));
        }
        self.ended = true;
        Ok(())
    }

    /// Goes on in a section, or to a later one.
    fn next(&mut self, section: Section, place: Place, again: Again) -> Result<(), String> {
        if section < self.section {
            return Err(format!("a line of the {section:?} stands after the {:?}", self.section).to_lowercase());
        }
        if section > self.section {
            (self.section, self.last) = (section, None);
        }
        match &self.last {
            Some(last) if place < *last => return Err("it stands before what it belongs after".into()),
            Some(last) if place == *last && again == Again::Never => return Err("it is there twice".into()),
            _ => {}
        }
        self.last = Some(place);
        Ok(())
    }

    fn load(&mut self, load: &Load) -> Result<(), String> {
        if self.section != Section::Snapshots || self.last != Some(key(&load.key)) {
            return Err(format!("a load of `{}` does not follow the snapshot of its table", load.key.model));
        }
        if load.interval.start >= load.interval.end || self.loaded_to.is_some_and(|end| load.interval.start < end) {
            return Err("the range is empty, there twice or overlaps the one before".into());
        }
        self.loaded_to = Some(load.interval.end);
        Ok(())
    }

    fn build(&mut self, build: &Build) -> Result<(), String> {
        let Place::Key(model, data) = key(&build.key) else { return Ok(()) };
        let is_same = matches!(&self.last, Some(Place::Build(last, of, _)) if *last == model && *of == data);
        if !is_same {
            self.plans.clear();
        }
        self.next(Section::Builds, Place::Build(model, data, build.started_at), Again::MayBe)?;
        match &build.plan_id {
            Some(plan_id) if !self.plans.insert(plan_id.clone()) => {
                Err(format!("plan {plan_id} built the table twice, which it cannot"))
            }
            _ => Ok(()),
        }
    }

    fn environment(&mut self, environment: &Environment) -> Result<(), String> {
        let about = &environment.about;
        check_name(&about.name)?;
        self.next(Section::Environments, Place::Name(about.name.to_string()), Again::Never)?;
        if about.owner != Owner::Named && !self.owners.insert(about.owner.clone()) {
            return Err(format!("{} has an environment already", about.owner));
        }
        (self.environment, self.is_held) = (Some((about.name.clone(), None)), false);
        Ok(())
    }

    fn history(&mut self, environment: &EnvironmentName, sequence: u64) -> Result<(), String> {
        self.of_present(environment)?;
        if let Some((_, last)) = &mut self.environment
            && last.replace(sequence).unwrap_or_default() >= sequence
        {
            return Err(format!("entry {sequence} of the history of `{environment}` is there twice or out of place"));
        }
        Ok(())
    }

    fn of_present(&self, environment: &EnvironmentName) -> Result<(), String> {
        match &self.environment {
            Some((name, _)) if name == environment && self.section == Section::Environments => Ok(()),
            _ => Err(format!("it does not follow its environment `{environment}`")),
        }
    }
}

/// Whether another line may stand by the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Never,
    MayBe,
}

fn key(key: &TableKey) -> Place {
    Place::Key(key.model.to_string(), key.data_fingerprint.to_string())
}

/// Names become schemas of the warehouse.
fn check_name(name: &EnvironmentName) -> Result<(), String> {
    if is_environment_name(name.as_str()) {
        return Ok(());
    }
    Err(format!("`{name}` is no name of an environment"))
}

/// The text by which stores sort tables.
fn as_stored(table: &TableName) -> String {
    serde_json::to_string(table).unwrap_or_default()
}
