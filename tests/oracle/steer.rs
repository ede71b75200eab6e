//! Steers half of the edits of a run with a planted fault to what the fault hides: there a table's hash moves as it should
//! and stays in the weaker form. Where no such edit is near, one is taken that leaves more for the fault to hide. Projects
//! are chosen in the same way. Any project and any edit may be such a one, and what comes of it is judged as ever; only
//! chance would bring too few of them within the edits that a fault has.

use std::collections::BTreeSet;

use offshoot::hash::Digest;
use offshoot::ids::ModelName;

use super::apply::Side;
use super::faults::Fault;
use super::ir::Project;
use super::judge::{drawn, is_coherent};
use super::kinds::{EDITS, Edit, Make};
use super::report::Report;
use super::run::{Episode, Made, drawing, planted};
use super::shown::shows_drawn;

/// Edits that are looked at before chance goes on.
const TRIES: usize = 40;
/// What an edit is worth that the fault hides.
const HIDDEN: u64 = 8;
/// What one is worth that only leaves more to hide of the tables that show it.
const SEEN: u64 = 4;
/// What one is worth that leaves more to hide where no table shows any.
const UNSEEN: u64 = 1;
/// Projects that are looked at before an episode begins with one.
const PLANTED: usize = 6;
/// Percent of a project's models with something for the fault to hide, beyond which no other project is looked at.
const MUCH: usize = 25;

impl Episode<'_> {
    /// Of some planted projects the one in which the fault hides something of most tables that show it, or the first where
    /// of many.
    pub(crate) fn more_to_hide(&mut self, first: Project) -> Project {
        let drawing = drawing(self.plan, self.report);
        let (mut most, mut best) = (self.hidden_share(&first), first);
        for _ in 1..PLANTED {
            if most.0 >= MUCH {
                break;
            }
            let Some(other) = planted(&mut self.choices, &mut self.warehouse, drawing) else { continue };
            let share = self.hidden_share(&other);
            if share > most {
                (most, best) = (share, other);
            }
        }
        best
    }

    fn hidden_share(&mut self, project: &Project) -> (usize, usize) {
        let seen = self.comparable((project, project));
        let share = |count: usize| 100 * count / project.models.len().max(1);
        self.side(project).map_or((0, 0), |side| {
            let (seen, all) = to_hide(&seen, &side);
            (share(seen), share(all))
        })
    }

    /// Makes an edit that the planted fault hides, or one after which there is more to hide; false where none was found.
    pub(crate) fn steered(&mut self) -> bool {
        let branch = self.some_branch();
        let old = self.branches[branch].project.clone();
        let Some(before) = self.side(&old) else { return false };
        let seen = self.comparable((&old, &old));
        let most = to_hide(&seen, &before);
        let mut second: Option<(u64, &Edit, Project)> = None;
        for _ in 0..TRIES {
            let edit = self.promising_edit();
            let Make::Desk(make) = edit.make else { continue };
            let project = self.edited(branch, make);
            let after =
                project.as_ref().and_then(|project| Some((self.comparable((&old, project)), self.side(project)?)));
            let worth =
                after.map_or(0, |(comparable, after)| match is_hidden(&comparable, &before, &after, self.plan.fault) {
                    true => HIDDEN,
                    false => gain(most, to_hide(&comparable, &after)),
                });
            let lead = self.report.leads.entry(edit.name.to_owned()).or_default();
            (lead.0, lead.1) = (lead.0 + 1, lead.1 + worth);
            match project {
                Some(project) if worth == HIDDEN && self.is_made(edit, branch, project.clone()) => return true,
                Some(project) if worth > second.as_ref().map_or(0, |(best, ..)| *best) => {
                    second = Some((worth, edit, project));
                }
                _ => {}
            }
        }
        second.is_some_and(|(_, edit, project)| self.is_made(edit, branch, project))
    }

    /// Whether an edit was made, or what came of it is a finding.
    fn is_made(&mut self, edit: &Edit, branch: usize, project: Project) -> bool {
        let made = self.applied(branch, project);
        self.report.count(edit, made);
        matches!(made, Made::Done { .. }) || self.report.unsound.len() > self.before
    }

    /// The models of which a wrong reuse would be seen: they had a table and have one, and what is drawn differs anyway, so
    /// that it is compared with what its readers made of it.
    fn comparable(&self, (before, after): (&Project, &Project)) -> BTreeSet<ModelName> {
        let drawn = drawn(after);
        let is_stored = |project: &Project, name| project.models.get(name).is_some_and(|model| model.kind.is_stored());
        let is_seen = |name: &&String| match self.plan.fault {
            // Nor does a reader that shows nothing of what was drawn.
            Some(Fault::Draw) => drawn.contains(*name) && is_coherent(after, name) && shows_drawn(after, name),
            _ => !drawn.contains(*name),
        };
        let names = after.models.keys().filter(|name| is_stored(before, *name) && is_stored(after, *name));
        names.filter(is_seen).filter_map(|name| ModelName::parse(name)).collect()
    }

    /// Of some kinds of edits the one that so far led to most that is hidden.
    fn promising_edit(&mut self) -> &'static Edit {
        let desks: Vec<&'static Edit> = EDITS.iter().filter(|edit| matches!(edit.make, Make::Desk(_))).collect();
        let rate = |report: &Report, edit: &Edit| {
            let (tries, worth) = report.leads.get(edit.name).copied().unwrap_or_default();
            (worth + 1) as f64 / (tries + 2) as f64
        };
        let mut best = self.choices.one(&desks);
        for _ in 0..4 {
            let other = self.choices.one(&desks);
            if rate(self.report, other) > rate(self.report, best) {
                best = other;
            }
        }
        best
    }
}

fn truly(side: &Side, name: &ModelName) -> Option<Digest> {
    side.tree.fingerprints.get(name).map(|fingerprint| fingerprint.data)
}

/// Whether the true hash of one of some tables moves and the one that the fault leaves does not.
fn is_hidden(some: &BTreeSet<ModelName>, before: &Side, after: &Side, fault: Option<Fault>) -> bool {
    let is_kept = |name: &ModelName| before.keys.get(name) == after.keys.get(name);
    // Where nothing is drawn again, a reader still shows what stands beside it.
    let is_drawn_again = |name: &ModelName| !after.tree.graph.parents(name).all(is_kept);
    before.keys.keys().filter(|name| some.contains(*name) && is_kept(name)).any(|name| {
        let (was, is) = (truly(before, name), truly(after, name));
        is.is_some() && was != is && (fault != Some(Fault::Draw) || is_drawn_again(name))
    })
}

/// How much there is for the fault to hide: of some tables above all.
fn to_hide(some: &BTreeSet<ModelName>, side: &Side) -> (usize, usize) {
    (weakened(side).filter(|name| some.contains(*name)).count(), weakened(side).count())
}

/// What an edit is worth after which there is so much to hide, of the tables that show it and of all.
fn gain(before: (usize, usize), after: (usize, usize)) -> u64 {
    match () {
        () if after.0 > before.0 => SEEN,
        // What no table shows may come to be shown.
        () if after.0 == 0 && after > before => UNSEEN,
        () => 0,
    }
}

/// The models that the fault leaves another hash than their true one.
fn weakened(side: &Side) -> impl Iterator<Item = &ModelName> {
    side.keys.iter().filter(|(name, weaker)| truly(side, name) != Some(**weaker)).map(|(name, _)| name)
}
