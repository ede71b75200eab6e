//! What production, or a branch, should show: the rules of docs/kinds.md and docs/run.md, over plain rows.

use std::collections::{BTreeMap, BTreeSet};

use super::ir::{Definition, Kind, Model, Project, Word};
use super::loads::{Again, Load, lacking};
use super::source::Source;
use super::table::{Alike, Table};
use super::value::{DAY, tick};

/// The sources and the clock at a command.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) source: &'a Source,
    pub(crate) now: i64,
    /// The first day of what is loaded by time.
    pub(crate) start: i64,
    /// Up to when that is loaded.
    pub(crate) end: i64,
}

/// What a model's table may hold after a command: one of these.
pub(crate) type Outcomes = Vec<Table>;

/// All that production has ever shown.
#[derive(Default)]
pub(crate) struct Production {
    /// What it shows.
    pub(crate) project: Option<Project>,
    /// The tables of all definitions that it has shown.
    tables: BTreeMap<Definition, Table>,
    /// Those of them that a `bot gc` may have dropped.
    perhaps_gone: BTreeSet<Definition>,
    /// Those that production itself has shown.
    ever_shown: BTreeSet<Definition>,
    /// Definitions of which `--forward-only` was said, with the day of `--effective-from`.
    decided: BTreeMap<Definition, Option<i64>>,
    /// Readers that a rollback has brought back as they were, and when it did.
    pub(crate) old_readers: BTreeMap<&'static str, i64>,
    /// The same of those that are loaded by day, which no run refreshes.
    pub(crate) old_days: BTreeSet<&'static str>,
    /// Those of them that a promote has made anew as far as they were, and a run loads further.
    pub(crate) short_days: BTreeSet<&'static str>,
    /// What a branch has shown of each definition over the one that production showed: another one may find it there.
    previews: BTreeMap<(Definition, Definition), Table>,
    /// What the branch that is looked at shows.
    pub(crate) beside: BTreeMap<&'static str, Table>,
    next: u64,
}

impl Production {
    /// The table that a model shows.
    pub(crate) fn shown(&self, name: &str) -> Option<&Table> {
        let (definition, _) = self.definition(name)?;
        self.tables.get(&definition)
    }

    fn definition(&self, name: &str) -> Option<(Definition, Kind)> {
        let project = self.project.as_ref()?;
        let model = project.models.iter().find(|model| model.name == name)?;
        Some((project.definition(model), model.kind))
    }

    /// The table of a definition as it was when production showed it last; whether it is there is not always known.
    fn before(&self, definition: &Definition) -> Vec<Option<&Table>> {
        match self.tables.get(definition) {
            Some(table) if self.perhaps_gone.contains(definition) => vec![Some(table), None],
            table => vec![table],
        }
    }

    /// What is so from now on.
    pub(crate) fn settle(&mut self, project: &Project, model: &Model, table: Table) {
        let definition = project.definition(model);
        self.perhaps_gone.remove(&definition);
        self.ever_shown.insert(definition.clone());
        self.tables.insert(definition, table);
    }

    /// `--forward-only`: a decision about each definition that is none of those that are there, of a model whose rows would be
    /// computed again. The first word counts.
    pub(crate) fn decide(&mut self, project: &Project, base: &Project, from: Option<i64>) {
        for model in project.models.iter().filter(|model| !model.kind.is_kept()) {
            let definition = project.definition(model);
            let shown = self.definition(model.name).map(|(shown, _)| shown);
            let there = base.models.iter().find(|other| other.name == model.name).map(|other| base.definition(other));
            if shown.is_some() && ![shown, there].contains(&Some(definition.clone())) {
                self.decided.entry(definition).or_insert(from);
            }
        }
    }

    /// A project as it was decided.
    pub(crate) fn as_decided(&self, project: &Project) -> Project {
        let decided = |model: &Model| match self.decided.get(&project.definition(model)) {
            Some(from) => Model { kind: Kind::Days(Word::Decided(*from)), ..model.clone() },
            None => model.clone(),
        };
        Project { models: project.models.iter().map(decided).collect(), ..project.clone() }
    }

    /// What a branch has computed, a promote of the same may show, as long as it is there.
    pub(crate) fn built(&mut self, project: &Project, model: &Model, table: Table) {
        let definition = project.definition(model);
        if let Some((own, _)) = self.definition(model.name) {
            self.previews.insert((own, definition.clone()), table.clone());
        }
        let is_shown = self.definition(model.name).is_some_and(|(own, _)| own == definition);
        if !model.kind.is_kept() && !is_shown {
            if !self.tables.contains_key(&definition) {
                self.perhaps_gone.insert(definition.clone());
            }
            self.tables.insert(definition, table);
        }
    }

    /// Whether production ever showed rows of a model that are computed again.
    pub(crate) fn was_computed(&self, name: &str) -> bool {
        self.tables.keys().any(|definition| definition.is_computed(name))
    }

    /// After `bot gc`: what is not shown may be gone, sooner or later.
    pub(crate) fn collected(&mut self) {
        let shown =
            self.project.iter().flat_map(|project| project.models.iter().map(|model| project.definition(model)));
        let shown: BTreeSet<Definition> = shown.collect();
        self.perhaps_gone = self.tables.keys().filter(|definition| !shown.contains(definition)).cloned().collect();
    }

    /// Whether a rollback to such a project may find that tables are gone.
    pub(crate) fn may_lack(&self, project: &Project) -> bool {
        project.models.iter().any(|model| self.perhaps_gone.contains(&project.definition(model)))
    }

    /// A promote loads days as far as production has them; what becomes due since is for `bot run`.
    fn as_far(&self, name: &str, at: Moment<'_>) -> i64 {
        let last = self.shown(name).and_then(|table| table.days.last_key_value());
        last.map_or(at.now, |(day, _)| day + DAY)
    }

    /// Whether a model is due that a promote has not loaded.
    pub(crate) fn is_behind(&self, name: &str, now: i64) -> bool {
        let (Some(table), Some((_, kind))) = (self.shown(name), self.definition(name)) else { return false };
        match kind {
            Kind::Days(_) => table.days.last_key_value().is_none_or(|(day, _)| day + DAY < tick(now)),
            _ => table.loaded < Some(tick(now)),
        }
    }

    /// `bot promote`: "carries production's rows, as they are then, into the table of the new definition, and loads on from
    /// there".
    pub(crate) fn promoted(&mut self, project: &Project, model: &Model, at: Moment<'_>) -> Outcomes {
        let at = Moment { end: self.as_far(model.name, at), ..at };
        let definition = project.definition(model);
        let Some((own, kind)) = self.definition(model.name) else {
            return vec![self.begun(project, model, at)];
        };
        let shown = self.tables[&own].clone();
        // "A promote of something else is no such load."
        if own == definition && model.kind.is_kept() && !matches!(model.kind, Kind::Days(_)) {
            return vec![shown];
        }
        if own == definition {
            let table = self.caught_up(project, model, (shown, &[]), at);
            return self.perhaps_loaded(project, model, table, at);
        }
        let before: Vec<Option<Table>> = self.before(&definition).into_iter().map(|table| table.cloned()).collect();
        // What `bot gc` has forgotten of the history of production is not known, either.
        let (was_shown, perhaps_gone) =
            (self.ever_shown.contains(&definition), self.perhaps_gone.contains(&definition));
        let from = (kind.effective_from(), model.kind.effective_from());
        let mut outcomes = Vec::new();
        for old in before {
            match (model.kind.is_kept(), kind.is_kept(), old) {
                (true, true, old) => {
                    let old = old.as_ref();
                    if old.is_some() && was_shown {
                        let given = shown.but_own(from.0.into_iter().chain(from.1).min(), old);
                        outcomes.push(self.gone_on(project, model, (&given, old), at));
                    }
                    if old.is_none() || !was_shown || (perhaps_gone && from.1.is_some()) {
                        let given = shown.but_own(from.1, None);
                        outcomes.push(self.gone_on(project, model, (&given, old), at));
                    }
                }
                // "What was computed again replaces nothing that was kept": it is as it was, and loads what it lacks.
                (true, false, Some(old)) => outcomes.push(self.caught_up(project, model, (old, &[]), at)),
                // "Saying either of a model that was computed again copies its table."
                (true, false, None) => {
                    let given = shown.but_own(from.1, None);
                    outcomes.push(self.gone_on(project, model, (&given, None), at));
                }
                // "Taking it away loads the model from its beginning."
                (false, _, None) => outcomes.push(self.begun(project, model, at)),
                (false, _, Some(old)) => outcomes.push(self.computed_again(project, model, (&shown, old), at)),
            }
        }
        outcomes
    }

    /// What a rollback shows: "the same, without running a query".
    pub(crate) fn rolled_back(&self, project: &Project, model: &Model) -> Outcomes {
        let definition = project.definition(model);
        let Some((own, kind)) = self.definition(model.name) else { return Vec::new() };
        let (shown, Some(old)) = (&self.tables[&own], self.tables.get(&definition)) else { return Vec::new() };
        match own == definition {
            true => vec![shown.clone()],
            false if kind.is_kept() && model.kind.is_kept() => {
                let from = kind.effective_from().into_iter().chain(model.kind.effective_from()).min();
                vec![shown.but_own(from, Some(old)).carried(model.columns(), Some(old), alike(model.kind))]
            }
            // "Where `forward_only` was taken away meanwhile, a rollback shows the table as it was."
            false => vec![old.clone()],
        }
    }

    /// `bot run`: what is due by the clock, of the definition that is shown.
    pub(crate) fn ran(&mut self, project: &Project, model: &Model, at: Moment<'_>) -> Outcomes {
        let Some(shown) = self.shown(model.name).cloned() else { return Vec::new() };
        let table = self.loaded_when_due(project, model, shown, at);
        match model.over {
            Some(over) if self.read(project, over).loaded == Some(at.now) => {
                self.perhaps_loaded(project, model, table, at)
            }
            _ => vec![table],
        }
    }

    /// `bot run --restate`, which loads what is due, too.
    pub(crate) fn restated(&mut self, project: &Project, model: &Model, days: &[i64], at: Moment<'_>) -> Outcomes {
        let Some(mut shown) = self.shown(model.name).cloned() else { return Vec::new() };
        match model.kind {
            Kind::Days(_) => {
                let covered: Vec<i64> = lacking(&BTreeMap::new(), at.start, at.end);
                let again: Vec<i64> = days.iter().copied().filter(|day| covered.contains(day)).collect();
                self.load(project, model, &[], at).days(&mut shown, &again);
                vec![self.loaded_when_due(project, model, shown, at)]
            }
            kind => {
                // "`--restate` of it … begins it anew."
                if kind == Kind::Parts {
                    shown.rows.clear();
                }
                let again = days.iter().min().map_or(Again::Nothing, |first| Again::From(*first));
                Load { again, ..self.load(project, model, &[], at) }.put(&mut shown, kind);
                vec![shown]
            }
        }
    }

    /// Tables that another environment has made of production's, as they are when production gets them.
    pub(crate) fn promoted_beside(&mut self, project: &Project, at: Moment<'_>) {
        for model in &project.models {
            let is_shown = self.definition(model.name).is_some_and(|(own, _)| own == project.definition(model));
            if let (false, Some(table)) = (is_shown, self.promoted(project, model, at).into_iter().next()) {
                self.tables.insert(project.definition(model), table);
            }
        }
    }

    /// What that environment loads, but for production's tables.
    pub(crate) fn ran_beside(&mut self, project: &Project, at: Moment<'_>) {
        for model in &project.models {
            let definition = project.definition(model);
            let is_shown = self.definition(model.name).is_some_and(|(own, _)| own == definition);
            if let (false, Some(table)) = (is_shown, self.tables.get(&definition).cloned()) {
                let table = self.loaded_when_due(project, model, table, at);
                self.tables.insert(definition, table);
            }
        }
    }

    /// What a branch shows of a model: production's table where its definition is the same, else "production's rows, and what
    /// the new definition makes of them (a load of the whole query; for `forward_only` the last unit)". Nothing is said here
    /// where a table of that definition may be there whose rows are computed, or were kept before they were computed again.
    pub(crate) fn previewed(&mut self, project: &Project, model: &Model, at: Moment<'_>) -> Outcomes {
        let at = Moment { end: self.as_far(model.name, at), ..at };
        let definition = project.definition(model);
        let Some((own, kind)) = self.definition(model.name) else { return Vec::new() };
        let shown = self.tables[&own].clone();
        if own == definition && model.over.is_some() {
            return self.perhaps_loaded(project, model, shown, at);
        }
        if own == definition {
            return vec![shown];
        }
        let is_known = self.tables.contains_key(&definition);
        match (model.kind.is_kept(), kind.is_kept()) {
            // It may be loaded further, or again where it is behind, for the branch alone.
            (false, _) if is_known => {
                let old = self.tables[&definition].clone();
                let further = self.caught_up(project, model, (old.clone(), &[]), at);
                vec![old.clone(), further, self.computed_again(project, model, (&shown, old), at)]
            }
            (false, _) => vec![self.begun(project, model, at)],
            (true, false) if is_known => Vec::new(),
            (true, _) => {
                let given = shown.but_own(model.kind.effective_from(), None);
                let mut table = given.carried(model.columns(), None, alike(model.kind));
                let added = added(model, &shown);
                match model.kind {
                    Kind::Days(_) => {
                        let mut days = lacking(&table.days, at.start, at.end);
                        days.push(tick(at.end) - DAY);
                        self.load(project, model, &added, at).days(&mut table, &days);
                    }
                    kind => {
                        let load = self.load(project, model, &added, at);
                        Load { again: Again::LastDay, ..load }.put(&mut table, kind);
                    }
                }
                let there = self.previews.get(&(own, definition)).cloned();
                [table].into_iter().chain(there).collect()
            }
        }
    }

    /// The very first load.
    fn begun(&mut self, project: &Project, model: &Model, at: Moment<'_>) -> Table {
        let mut table = Table { columns: model.columns(), ..Table::default() };
        let load = Load { is_first: true, ..self.load(project, model, &[], at) };
        match model.kind {
            Kind::Days(_) => load.days(&mut table, &lacking(&BTreeMap::new(), at.start, at.end)),
            kind => load.put(&mut table, kind),
        }
        table
    }

    fn gone_on(
        &mut self,
        project: &Project,
        model: &Model,
        (shown, old): (&Table, Option<&Table>),
        at: Moment<'_>,
    ) -> Table {
        let mut table = shown.carried(model.columns(), old, alike(model.kind));
        let added = added(model, shown);
        match model.kind {
            // "A promote carries production's rows over and adds nothing before the model is due."
            Kind::Log | Kind::Days(_) => self.caught_up(project, model, (table, &added), at),
            kind => {
                self.load(project, model, &added, at).put(&mut table, kind);
                table
            }
        }
    }

    /// A promote loads what is missing of days, and adds what is due to a log; the others wait for a run.
    fn caught_up(
        &mut self,
        project: &Project,
        model: &Model,
        (mut table, added): (Table, &[&'static str]),
        at: Moment<'_>,
    ) -> Table {
        match model.kind {
            Kind::Days(_) => {
                let days = lacking(&table.days, at.start, at.end);
                self.load(project, model, added, at).days(&mut table, &days);
                table
            }
            Kind::Log | Kind::AtOnce { adds: true } => self.loaded_when_due(project, model, table, at),
            _ => table,
        }
    }

    fn loaded_when_due(&mut self, project: &Project, model: &Model, mut table: Table, at: Moment<'_>) -> Table {
        match model.kind {
            Kind::Days(_) => return self.caught_up(project, model, (table, &[]), at),
            kind if table.loaded < Some(tick(at.now)) => self.load(project, model, &[], at).put(&mut table, kind),
            _ => {}
        }
        table
    }

    /// A table whose rows are computed comes back: production never goes back in time, so days that were loaded later than
    /// there are loaded again.
    fn computed_again(
        &mut self,
        project: &Project,
        model: &Model,
        (shown, mut old): (&Table, Table),
        at: Moment<'_>,
    ) -> Table {
        let later = shown.days.iter().filter(|(day, at)| old.days.get(day).is_none_or(|own| own < *at));
        let mut days: Vec<i64> = later.map(|(day, _)| *day).collect();
        days.extend(lacking(&old.days, at.start, at.end));
        self.load(project, model, &[], at).days(&mut old, &days);
        old
    }

    /// The table that a model reads: that of the branch, or of the project that is promoted.
    fn read(&self, project: &Project, name: &str) -> Table {
        let definition = project.models.iter().find(|model| model.name == name).map(|model| project.definition(model));
        let table = self.beside.get(name).or_else(|| self.tables.get(&definition?));
        table.cloned().unwrap_or_default()
    }

    /// What reads a kept model may be loaded because that was, and need not: all that counts is what a load makes of it.
    fn perhaps_loaded(&mut self, project: &Project, model: &Model, table: Table, at: Moment<'_>) -> Outcomes {
        let mut outcomes = vec![table.clone()];
        if model.over.is_some() && model.kind != Kind::Log {
            let mut loaded = table;
            self.load(project, model, &[], at).put(&mut loaded, model.kind);
            outcomes.push(loaded);
        }
        outcomes
    }

    fn load<'a>(&'a mut self, project: &Project, model: &Model, added: &'a [&'static str], at: Moment<'_>) -> Load<'a> {
        let given = match model.over {
            None => project.rows(model, at.source),
            Some(over) => self.read(project, over).rows.iter().map(|row| model.given(&row.record())).collect(),
        };
        Load { given, now: at.now, is_first: false, added, again: Again::Nothing, next: &mut self.next }
    }
}

/// The columns that production's table does not have.
fn added(model: &Model, shown: &Table) -> Vec<&'static str> {
    model.columns().into_iter().filter(|name| !shown.columns.contains(name)).collect()
}

fn alike(kind: Kind) -> Alike {
    if matches!(kind, Kind::Parts | Kind::Keyed | Kind::Spread { .. } | Kind::AtOnce { adds: false }) {
        Alike::Content
    } else {
        Alike::Same
    }
}
