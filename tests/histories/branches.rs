//! Branches: begun from main, built beside production, and merged after main and the other ones have moved on.

use std::collections::BTreeMap;

use super::commands::{Filled, saying};
use super::ir::{Model, Project};
use super::observe::{Seen, views};
use super::random::Choices;
use super::walk::Walk;

/// So many are open at once.
const MOST: usize = 2;

/// A branch that is open.
pub(crate) struct Branch {
    name: String,
    project: Project,
    /// Main's project where it was begun.
    base: Project,
}

impl Branch {
    /// What main's project becomes with it: what it changed, as it has it.
    fn merged(&self, main: &Project) -> Project {
        let factor = |own: i64, base: i64, main: i64| if own == base { main } else { own };
        let model = |(index, main): (usize, &Model)| match self.project.models[index] == self.base.models[index] {
            true => main.clone(),
            false => self.project.models[index].clone(),
        };
        Project {
            people_factor: factor(self.project.people_factor, self.base.people_factor, main.people_factor),
            events_factor: factor(self.project.events_factor, self.base.events_factor, main.events_factor),
            models: main.models.iter().enumerate().map(model).collect(),
            notes: main.notes + 1,
        }
    }
}

impl Walk {
    /// What the environments of all branches show.
    pub(super) fn seen_on_branches(&self) -> Vec<BTreeMap<String, Seen>> {
        self.open.iter().map(|branch| views(self.warehouse(), &format!("s__{}", branch.name))).collect()
    }

    /// Merges the branch that was begun first.
    pub(super) fn merge(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let branch = self.open.remove(0);
        let project = branch.merged(&self.head());
        self.tell(format!("merge: {}", branch.name));
        let repository = &self.world().repository;
        repository.checkout("main").git(&["merge", "--quiet", "--no-ff", "--no-commit", "-s", "ours", &branch.name]);
        self.commit(project, "a merge");
    }

    pub(super) fn begin_branch(&mut self, choices: &mut Choices) -> Result<(), String> {
        if self.production.project.is_none() || self.open.len() == MOST {
            return Ok(());
        }
        self.branches += 1;
        let (name, base) = (format!("b{}", self.branches), self.head());
        let mut project = base.clone();
        self.world().repository.checkout("main").branch(&name);
        for _ in 0..=choices.below(2) {
            let what = project.edit(choices);
            self.tell(format!("branch {name}: {what}"));
            self.write(&project, &what);
        }
        self.pass(1);
        self.open.push(Branch { name: name.clone(), project: project.clone(), base });
        let word = choices.chance(30).then(|| self.effective_from(choices));
        let apply = saying(&["apply", "--env", &name], word);
        self.done(&apply.iter().map(String::as_str).collect::<Vec<_>>())?;
        if let Some(from) = word {
            self.production.decide(&project, &self.head(), from);
        }
        let project = self.production.as_decided(&project);
        self.unchanged()?;
        let seen = views(self.warehouse(), &format!("s__{name}"));
        let source = self.source.clone();
        let moment = self.moment(&source);
        self.production.beside.clear();
        for model in &project.models {
            let outcomes = self.production.previewed(&project, model, moment);
            if !outcomes.is_empty() {
                let table = self.table(&seen, model, &outcomes)?;
                self.readers(&seen, model, &table, Filled::Sometime)?;
                self.production.beside.insert(model.name, table);
            }
        }
        for (name, table) in std::mem::take(&mut self.production.beside) {
            if let Some(model) = project.models.iter().find(|model| model.name == name) {
                self.production.built(&project, model, table);
            }
        }
        Ok(())
    }
}
