//! What an apply is judged by: the build from nothing, the draws of the tables beside it, and what the edit reached.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use offshoot::fingerprint::Tree;
use offshoot::ids::{ModelName, TableName};

use super::apply::Side;
use super::beside::is_alone;
use super::clean::Clean;
use super::content::Content;
use super::ir::{Kind, Project};
use super::reach::{Marks, marks};
use super::run::Episode;
use super::shape::order;
use super::walk;

impl Episode<'_> {
    /// Which builds the edit really reached, and why the others were made.
    pub(crate) fn weigh(
        &mut self,
        branch: usize,
        side: &Side,
        project: &Project,
        clean: &BTreeMap<String, Clean>,
        drawn: &BTreeSet<String>,
    ) {
        let marks: Marks = marks(project);
        let built = std::mem::take(&mut self.built);
        self.report.built += built.len() as u64;
        for (name, clean) in clean {
            let key = (name.clone(), marks[name].table);
            let known = self.marked.get(&key);
            if let Some(known) = known.filter(|known| !known.is_like(&clean.content) && !drawn.contains(name)) {
                let text = format!(
                    "MISJUDGED: {name} (seed {}, episode {})\n{}\n{}",
                    self.plan.seed,
                    self.seed,
                    known.told(),
                    clean.content.told()
                );
                let text = format!("{text}\n{}", side.files[&path_of(&ModelName::parse(name).expect("a name"))]);
                self.report.misled.push(text);
            }
            if known.is_none() && project.models[name].kind.is_stored() {
                self.report.reached += 1;
                let before = self.branches[branch].shown.get(name);
                self.report.moved += u64::from(before != Some(&clean.content));
            }
        }
        for (model, _) in built {
            let name = model.to_string();
            if self.marked.contains_key(&(name.clone(), marks[&name].table)) {
                self.report.needless += 1;
                let cause = cause(&side.tree, &model);
                if cause.starts_with("resolved") {
                    let known = &self.texts[&(name.clone(), marks[&name].table)];
                    let example = told_apart(side, &model, known);
                    let shorter = self.report.examples.get(&cause).is_none_or(|other| example.len() < other.len());
                    if shorter {
                        self.report.examples.insert(cause.clone(), example);
                    }
                }
                *self.report.causes.entry(cause).or_default() += 1;
            }
        }
        let files = Rc::new(side.files.clone());
        for (name, clean) in clean {
            let key = (name.clone(), marks[name].table);
            self.texts.entry(key.clone()).or_insert_with(|| files.clone());
            self.marked.insert(key, clean.content.clone());
        }
    }

    /// What reads draws must be what its query gives over the very tables that its environment shows.
    pub(crate) fn coherent(
        &mut self,
        side: &Side,
        project: &Project,
        name: &str,
        tables: &BTreeMap<ModelName, TableName>,
    ) {
        let model = ModelName::parse(name).expect("a generated name");
        if !tables.contains_key(&model) || !is_coherent(project, name) {
            return;
        }
        let stored = self.warehouse.stored[&(model.clone(), side.keys[&model])].content.clone();
        if let Ok((again, text)) = self.warehouse.view(&side.tree, &model, tables)
            && again.rows != stored.rows
        {
            self.found(side, name, &format!("it is not what its query gives over the tables beside it\n{text}"));
        }
    }

    pub(crate) fn differs(&mut self, side: &Side, name: &str, content: &Content, clean: &Clean) {
        let what = format!("shown:  {}\nclean:  {}\n{}", content.told(), clean.content.told(), clean.text);
        self.found(side, name, &what);
    }

    pub(crate) fn found(&mut self, side: &Side, name: &str, what: &str) {
        let model = ModelName::parse(name).expect("a generated name");
        let mut text = format!("UNSOUND: {name} (seed {}, episode {})\n{what}\n", self.plan.seed, self.seed);
        let mut shown = BTreeSet::new();
        let mut rest = vec![model.clone()];
        let stored = side.keys.get(&model).and_then(|key| self.warehouse.stored.get(&(model.clone(), *key)));
        let old = stored.map(|stored| stored.files.clone()).unwrap_or_default();
        while let Some(next) = rest.pop() {
            if !shown.insert(next.clone()) {
                continue;
            }
            let path = path_of(&next);
            let (now, then) = (side.files.get(&path), old.get(&path));
            text.push_str(&format!("--- {path}\n{}", now.map_or("(none)\n", String::as_str)));
            if then != now {
                text.push_str(&format!("--- when it was built:\n{}", then.map_or("(none)\n", String::as_str)));
            }
            rest.extend(side.tree.graph.parents(&next).cloned());
        }
        self.report.unsound.push(text);
        // What reads it differs too.
    }
}

/// A model, and what of it and its parents was otherwise in other files.
fn told_apart(side: &Side, model: &ModelName, then: &BTreeMap<String, String>) -> String {
    let mut text = side.files[&path_of(model)].clone();
    let mut seen = BTreeSet::new();
    let mut rest = vec![model.clone()];
    while let Some(next) = rest.pop() {
        if !seen.insert(next.clone()) {
            continue;
        }
        let path = path_of(&next);
        let (now, then) = (side.files.get(&path), then.get(&path));
        if now != then {
            let (now, then) = (now.map_or("", String::as_str), then.map_or("", String::as_str));
            text.push_str(&format!(" [{path}: {then} => {now}]"));
        }
        rest.extend(side.tree.graph.parents(&next).cloned());
    }
    // What no model's file tells: the configuration, the rows of seeds, statements of others.
    let shown = |path: &str| seen.iter().any(|name| path_of(name) == path);
    for (path, now) in side.files.iter().filter(|(path, now)| then.get(*path) != Some(now) && !shown(path)) {
        text.push_str(&format!(" [{path}: {} => {now}]", then.get(path).map_or("", String::as_str)));
    }
    text
}

/// Why a model may have been built for nothing: itself or the nearest parent that could not be taken apart.
fn cause(tree: &Tree, model: &ModelName) -> String {
    let short = |text: String| text.chars().take(60).collect::<String>();
    if let Some(opaque) = &tree.fingerprints[model].opaque {
        return short(format!("opaque: {opaque}"));
    }
    let mut rest: Vec<&ModelName> = tree.graph.parents(model).collect();
    while let Some(parent) = rest.pop() {
        if let Some(opaque) = tree.fingerprints.get(parent).and_then(|fingerprint| fingerprint.opaque.as_ref()) {
            return short(format!("reads an opaque model: {opaque}"));
        }
        rest.extend(tree.graph.parents(parent));
    }
    format!("resolved {}", tree.models[model].kind.name().text())
}

pub(crate) fn path_of(name: &ModelName) -> String {
    format!("models/{}.sql", name.to_string().replace('.', "/"))
}

/// Whether a table is what its query gives over the tables beside it.
pub(crate) fn is_coherent(project: &Project, name: &str) -> bool {
    let model = &project.models[name];
    // A table is cast to its declared types, its text is not.
    let is_plain = !is_alone(model) && model.types.is_empty() && matches!(model.kind, Kind::Full);
    is_plain && !draws_itself(project, name)
}

fn draws_itself(project: &Project, name: &str) -> bool {
    let mut query = project.models[name].query.clone();
    let mut found = false;
    walk::expressions(&mut query, &mut |value| found |= walk::is_draw(value));
    walk::queries(&mut query, &mut |query| found |= walk::draws_rows(query));
    let through = walk::reads(&project.models[name]).into_iter().filter(|read| {
        project.models.get(read).is_some_and(|model| !model.kind.is_stored()) && draws_itself(project, read)
    });
    found || through.count() > 0
}

/// The models that draw, or read what was drawn.
pub(crate) fn drawn(project: &Project) -> BTreeSet<String> {
    let mut drawn = BTreeSet::new();
    for name in order(project) {
        let reads = walk::reads(&project.models[&name]);
        if draws_itself(project, &name) || reads.iter().any(|read| drawn.contains(read)) {
            drawn.insert(name);
        }
    }
    drawn
}
