//! Which tables go, which wait and which stay: roots, tables and times as plain values, and a value that is printed.
//!
//! A table that is pointed at, or that a view of a living environment mentions, is needed. Any other has a clock, which
//! began when a gc first found it so, and goes when its lifetime is over, if it is ours alone and nothing else reads it.
//! In doubt a table stays, and the result says why. Nothing here asks a state, a warehouse or a clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{EnvironmentName, ModelName, TableName};
use crate::naming::TableKey;
use crate::settings::TimeToLive;
use crate::time::Timestamp;

/// Everything that decides.
pub struct Inputs<'a> {
    /// The present.
    pub now: Timestamp,
    /// How long a table stays that nothing needs.
    pub lifetime: &'a TimeToLive,
    /// Every table that an environment, its history or a promote points at.
    pub roots: &'a BTreeSet<TableName>,
    /// The tables that the state or the warehouse says are ours.
    pub tables: Vec<Table>,
    /// What reads tables by name in the warehouse.
    pub readers: &'a [Reader],
    /// Since when tables have been needed by nothing, as it was found before.
    pub since: &'a BTreeMap<TableName, Timestamp>,
}

/// A table that is ours, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: TableName,
    /// The model that it is for.
    pub model: ModelName,
    /// Its rows, where they are known.
    pub rows: Option<u64>,
    /// Who knows it.
    pub known: Known,
    /// What stands under its name.
    pub standing: Standing,
}

/// Who knows a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The state, by this key.
    ToState(TableKey),
    /// The warehouse alone: a build died before the state was told, or the state forgot it.
    ToWarehouse,
}

/// What stands under a table's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A table that we made, or nothing any more.
    Ours,
    /// A table that we made and another project of this state knows.
    Shared,
    /// A table that another project of this state made last.
    Theirs,
    /// Something that we did not make.
    Foreign,
}

/// A view or macro of the warehouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// What it is and what it is called.
    pub shown: String,
    /// Whose it is.
    pub whose: Whose,
    /// Its definition.
    pub text: String,
}

/// Whose a view or macro is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// An environment's that is there and stays.
    Living,
    /// An environment's that is dropped before any table goes.
    Ending,
    /// Anybody's else.
    Foreign,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The tables that go now.
    pub going: Vec<Unneeded>,
    /// The tables whose time is not over.
    pub waiting: Vec<Unneeded>,
    /// The tables that nothing of ours needs and that stay.
    pub kept: Vec<Kept>,
    /// How many are needed.
    pub needed: usize,
    /// Since when tables have been needed by nothing, as it is to be remembered.
    pub since: BTreeMap<TableName, Timestamp>,
}

/// A table that nothing needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unneeded {
    /// The table.
    pub table: Table,
    /// Since when, as far as anybody looked.
    pub since: Timestamp,
    /// When its time is over; `None` where it stays for ever.
    pub goes_at: Option<Timestamp>,
}

/// Something that stays though nothing of ours needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: TableName,
    /// The model that it is for; `None` where it is not ours.
    pub model: Option<ModelName>,
    /// Since when nothing of ours has needed it; `None` where it is not ours.
    pub since: Option<Timestamp>,
    /// Why it stays.
    pub why: WhyKept,
}

/// Why something stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyKept {
    /// A view or macro that is no living environment's reads it.
    ReadBy(String),
    /// It is a view of ours, of an environment that the state does not know; its tables stay with it.
    UnknownEnvironment(EnvironmentName),
    /// Another project of the state knows it.
    OtherProject,
    /// This program did not make what stands under the name.
    NotOurs,
    /// The engine did not drop it, in its own words.
    Refused(String),
}

/// What a gc did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Whether it was done.
    pub mode: Mode,
    /// The environments that were over.
    pub environments: Vec<Over>,
    /// The tables that went.
    pub dropped: Vec<Unneeded>,
    /// The tables whose time is not over.
    pub waiting: Vec<Unneeded>,
    /// What stays, and why.
    pub kept: Vec<Kept>,
    /// How many tables are needed.
    pub needed: usize,
}

/// Whether a gc is for real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It shows what it would do, and writes nothing.
    DryRun,
    /// It does it.
    Real,
}

/// An environment that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over {
    /// Its name.
    pub name: EnvironmentName,
    /// When its time was over.
    pub expired_at: Timestamp,
    /// What of its schemas stays because it is not ours, and why.
    pub left: Vec<(String, String)>,
}

impl Collected {
    /// A gc that found nothing at all.
    pub fn nothing(mode: Mode) -> Self {
        let (environments, dropped) = (Vec::new(), Vec::new());
        Self { mode, environments, dropped, waiting: Vec::new(), kept: Vec::new(), needed: 0 }
    }
}

/// Decides about every table.
pub fn decide(inputs: Inputs<'_>) -> Verdict {
    let read = Read::of(inputs.readers);
    let (going, waiting, kept) = (Vec::new(), Vec::new(), Vec::new());
    let mut verdict = Verdict { going, waiting, kept, needed: 0, since: BTreeMap::new() };
    for table in inputs.tables {
        if inputs.roots.contains(&table.name) || read.by(&table.name, Whose::Living).is_some() {
            verdict.needed += 1;
            continue;
        }
        let since = inputs.since.get(&table.name).copied().unwrap_or(inputs.now);
        verdict.since.insert(table.name.clone(), since);
        if let Some(why) = why_kept(&table, &read) {
            verdict.kept.push(Kept { name: table.name, model: Some(table.model), since: Some(since), why });
            continue;
        }
        let goes_at = inputs.lifetime.end(since);
        let list = match goes_at {
            Some(end) if end <= inputs.now => &mut verdict.going,
            _ => &mut verdict.waiting,
        };
        list.push(Unneeded { table, since, goes_at });
    }
    verdict
}

fn why_kept(table: &Table, read: &Read<'_>) -> Option<WhyKept> {
    let reader = read.by(&table.name, Whose::Foreign).map(|reader| WhyKept::ReadBy(reader.to_owned()));
    match table.standing {
        // Only what we remember of it goes, so nobody who reads it loses anything.
        Standing::Theirs => None,
        Standing::Foreign => Some(WhyKept::NotOurs),
        Standing::Shared => Some(WhyKept::OtherProject),
        Standing::Ours => reader,
    }
}

/// Who reads a table by its name. A physical name is one word that ends in a hash, so whoever has that word in its text
/// is taken for a reader, whatever the word means there.
struct Read<'a>(BTreeMap<String, Vec<&'a Reader>>);

impl<'a> Read<'a> {
    fn of(readers: &'a [Reader]) -> Self {
        let mut by_word: BTreeMap<String, Vec<&'a Reader>> = BTreeMap::new();
        for reader in readers.iter().filter(|reader| reader.whose != Whose::Ending) {
            let text = reader.text.to_lowercase();
            let words: BTreeSet<&str> = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
            for word in words.into_iter().filter(|word| word.contains("__")) {
                by_word.entry(word.to_owned()).or_default().push(reader);
            }
        }
        Self(by_word)
    }

    fn by(&self, table: &TableName, whose: Whose) -> Option<&'a str> {
        let readers = self.0.get(&table.name.to_lowercase())?;
        readers.iter().find(|reader| reader.whose == whose).map(|reader| reader.shown.as_str())
    }
}

#[cfg(test)]
mod tests;
