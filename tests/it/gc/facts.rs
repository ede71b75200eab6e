//! What must hold of state and warehouse whenever nobody writes, read from both by other means than a gc's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use offshoot::engine::Engine as _;
use offshoot::engine::duckdb::DuckDb;
use offshoot::ids::{EnvironmentName, ProjectName, TableName};
use offshoot::state::{OpenMode, Pointer, SqliteState, State as _};

use crate::lab::{Shown, shown};

/// What `gc.history` of these tests' `offshoot.yaml` is.
pub(super) const DEPTH: usize = 2;

/// State and warehouse of a project, as names.
pub(super) struct Facts {
    /// The tables that environments point at.
    pub(super) pointed_at: BTreeSet<String>,
    /// Those that history within its depth points at.
    pub(super) remembered: BTreeSet<String>,
    /// Those that the state knows.
    pub(super) known: BTreeSet<String>,
    /// Those that the state has marked.
    pub(super) marked: BTreeSet<String>,
    /// Those that the warehouse lists as ours.
    pub(super) ours: BTreeSet<String>,
    /// Those that are there.
    pub(super) there: BTreeSet<String>,
    /// What each environment shows.
    pub(super) shown: BTreeMap<EnvironmentName, BTreeMap<String, Shown>>,
}

impl Facts {
    pub(super) fn of(root: &Path) -> Self {
        let file = root.join(".offshoot/state.db");
        let state = SqliteState::open(&file, &ProjectName::new(""), &OpenMode::ReadOnlyIfExists).expect("a state");
        let of_map = |models: BTreeMap<_, Pointer>| -> Vec<String> {
            let tables = models.into_values().filter_map(|pointer: Pointer| pointer.table);
            tables.map(|table| table.to_string()).collect()
        };
        let (mut pointed_at, mut remembered, mut shows) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        for about in state.environments().expect("readable") {
            let environment = state.environment(&about.name).expect("readable").expect("listed");
            pointed_at.extend(of_map(environment.models));
            if about.promoted.is_some() {
                let history = state.history(&about.name, DEPTH).expect("readable");
                remembered.extend(history.into_iter().flat_map(|entry| of_map(entry.models)));
            }
            let suffix = if about.name.is_prod() { String::new() } else { format!("__{}", about.name) };
            shows.insert(about.name, shown(root, &suffix));
        }
        let text = |table: TableName| table.to_string();
        let known = state.all_tables().expect("readable").into_iter().map(|snapshot| text(snapshot.table)).collect();
        let marked = state.unreferenced().expect("readable").into_keys().map(text).collect();
        let engine = DuckDb::file(root.join("warehouse.duckdb"), Duration::from_secs(30));
        let mut session = engine.session().expect("a session");
        let mut names = |sql: &str| -> BTreeSet<String> {
            let rows = session.query(sql).expect("rows").rows;
            rows.into_iter().map(|row| row[0].clone().expect("a name")).collect()
        };
        let ours = names("SELECT schema_name || '.' || object_name FROM offshoot__meta.objects WHERE kind = 'table'");
        let there = names(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE starts_with(schema_name, 'offshoot__') \
             AND schema_name <> 'offshoot__meta'",
        );
        Self { pointed_at, remembered, known, marked, ours, there, shown: shows }
    }

    /// What an environment or its history needs is there, and state and warehouse agree.
    #[track_caller]
    pub(super) fn assert_sound(&self, when: &str) {
        for (needed, who) in [(&self.pointed_at, "an environment"), (&self.remembered, "history")] {
            let lost: Vec<_> = needed.difference(&self.there).collect();
            assert!(lost.is_empty(), "{who} lost {lost:?} {when}");
            let unknown: Vec<_> = needed.difference(&self.known).collect();
            assert!(unknown.is_empty(), "the state forgot {unknown:?}, which {who} needs, {when}");
        }
        assert_eq!(self.ours, self.there, "what is recorded as ours is what is there {when}");
        assert!(self.known.is_subset(&self.there), "the state knows what is not there {when}");
        for (environment, views) in &self.shown {
            // Reading them all is half of the proof: a view whose table is gone fails.
            assert!(!environment.is_prod() || !views.is_empty(), "production shows something {when}");
        }
    }

    /// After a gc nothing is without a name: it is needed, or its clock runs.
    #[track_caller]
    pub(super) fn assert_collected(&self, when: &str) {
        self.assert_sound(when);
        let needed: BTreeSet<&String> = self.pointed_at.union(&self.remembered).collect();
        for table in &self.there {
            assert!(
                needed.contains(table) != self.marked.contains(table),
                "{table}: needed or waiting, not both, {when}"
            );
        }
        assert!(self.marked.is_subset(&self.there), "a clock runs for nothing {when}");
    }

    /// Each environment that is still there shows what it showed.
    #[track_caller]
    pub(super) fn assert_shows_as_before(&self, before: &Self, when: &str) {
        for (environment, views) in &self.shown {
            crate::lab::assert_same(views, &before.shown[environment], &format!("in {environment} {when}"));
        }
    }
}
