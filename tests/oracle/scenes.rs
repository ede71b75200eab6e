//! What happens to branches beside plain edits: reverts, merges, promotes, and two branches at once.

use super::ir::Project;
use super::kinds::{EDITS, Make};
use super::run::{Episode, Made};

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scene {
    /// A branch goes back to a state that it was in.
    Revert,
    /// An edit is made and taken back.
    EditAndRevert,
    /// Two branches get the same edit: the second finds its tables built.
    SameEditTwice,
    /// A branch is merged and promoted, and edited again.
    PromoteBetween,
    /// Main goes on, the branch is edited over its old base, and shows the merge of both.
    BehindMain,
    /// A branch is merged into main, which is promoted.
    Promote,
    /// Main is merged into a branch.
    Rebase,
}

impl Episode<'_> {
    pub(crate) fn play(&mut self, scene: Scene) -> Made {
        match scene {
            Scene::Revert => self.revert(),
            Scene::EditAndRevert => self.edit_and_revert(),
            Scene::SameEditTwice => self.same_edit_twice(),
            Scene::PromoteBetween => {
                let branch = self.some_other();
                let one = self.some_edit(branch);
                let two = then(one, || self.promote(branch));
                then(two, || self.some_edit(branch))
            }
            Scene::BehindMain => {
                let branch = self.some_other();
                let main = self.some_edit(0);
                then(main, || self.behind(branch))
            }
            Scene::Promote => {
                let branch = self.some_other();
                let one = self.some_edit(branch);
                then(one, || self.promote(branch))
            }
            Scene::Rebase => {
                let branch = self.some_other();
                if self.branches[0].project == self.branches[branch].base {
                    return Made::Nothing;
                }
                let merged =
                    merge(&self.branches[branch].base, &self.branches[0].project, &self.branches[branch].project);
                self.merged(branch, merged)
            }
        }
    }

    fn some_other(&mut self) -> usize {
        if self.branches.len() < 2 || (self.branches.len() < 3 && self.choices.chance(20)) {
            return self.fork();
        }
        1 + self.choices.below(self.branches.len() - 1)
    }

    /// Any plain edit of a branch.
    fn some_edit(&mut self, branch: usize) -> Made {
        for _ in 0..12 {
            let Make::Desk(make) = EDITS[self.choices.below(EDITS.len())].make else { continue };
            let Some(project) = self.edited(branch, make) else { continue };
            if let done @ Made::Done { .. } = self.applied(branch, project) {
                return done;
            }
            if self.report.unsound.len() > self.before {
                return Made::Refused;
            }
        }
        Made::Nothing
    }

    fn revert(&mut self) -> Made {
        let branch = self.some_branch();
        let past = self.branches[branch].past.clone();
        let others: Vec<&Project> = past.iter().filter(|past| **past != self.branches[branch].project).collect();
        match self.choices.pick(&others) {
            Some(past) => self.applied(branch, (*past).clone()),
            None => Made::Nothing,
        }
    }

    fn edit_and_revert(&mut self) -> Made {
        let branch = self.some_branch();
        let past = self.branches[branch].project.clone();
        let made = self.some_edit(branch);
        then(made, || self.applied(branch, past))
    }

    /// The second branch takes the first one's state, then both take one edit.
    fn same_edit_twice(&mut self) -> Made {
        let (one, other) = (self.some_other(), 0);
        let project = self.branches[one].project.clone();
        let same = match project == self.branches[other].project {
            true => Made::Done { changed: false },
            false => self.applied(other, project),
        };
        let made = then(same, || self.some_edit(one));
        let project = self.branches[one].project.clone();
        let again = then(made, || self.applied(other, project.clone()));
        if let Made::Done { .. } = again {
            self.branches[one].base = project;
        }
        again
    }

    /// Merges a branch into main.
    fn promote(&mut self, branch: usize) -> Made {
        let merged = merge(&self.branches[branch].base, &self.branches[0].project, &self.branches[branch].project);
        let made = self.applied(0, merged.clone());
        if let Made::Done { .. } = made {
            self.branches[branch].base = merged;
        }
        made
    }

    /// An edit over the old base, then what main will be after the merge.
    fn behind(&mut self, branch: usize) -> Made {
        let made = self.some_edit(branch);
        let merged = merge(&self.branches[branch].base, &self.branches[0].project, &self.branches[branch].project);
        then(made, || self.merged(branch, merged))
    }

    fn merged(&mut self, branch: usize, merged: Project) -> Made {
        let made = self.applied(branch, merged);
        if let Made::Done { .. } = made {
            self.branches[branch].base = self.branches[0].project.clone();
        }
        made
    }
}

/// The next step where the one before was taken; data changed where either changed it.
fn then(before: Made, next: impl FnOnce() -> Made) -> Made {
    let Made::Done { changed: one } = before else { return before };
    match next() {
        Made::Done { changed } => Made::Done { changed: changed || one },
        other => other,
    }
}

/// What git would make of two edits of one project, file by file; where both changed one, the branch's counts.
pub(crate) fn merge(base: &Project, main: &Project, branch: &Project) -> Project {
    let mut merged = main.clone();
    let names: std::collections::BTreeSet<&String> = base.models.keys().chain(branch.models.keys()).collect();
    for name in names {
        if base.models.get(name) == branch.models.get(name) {
            continue;
        }
        match branch.models.get(name) {
            Some(model) => drop(merged.models.insert(name.clone(), model.clone())),
            None => drop(merged.models.remove(name)),
        }
    }
    if base.settings != branch.settings {
        merged.settings = branch.settings;
    }
    merged
}
