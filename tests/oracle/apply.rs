//! Makes environments show projects: what a tree asks for, the tables that are filled for it, and its views.

use std::collections::BTreeMap;

use offshoot::files::TextTree;
use offshoot::fingerprint::Tree;
use offshoot::hash::Digest;
use offshoot::ids::{ModelName, TableName};
use offshoot::problem::Severity;
use offshoot::project::{Surroundings, load};
use offshoot::workspace::context_digest;

use super::beside::settle;
use super::clean::Clean;
use super::content::Content;
use super::faults::Fault;
use super::ir::Project;
use super::judge::{drawn, path_of};
use super::plant;
use super::run::{Branch, Episode};
use super::sets::Step;
use super::shape::order;
use super::walk;

/// Of so many edits, one is compared on further data sets.
const EVERY: u64 = 10;

/// A tree as it runs, and the hashes of its tables, weaker where a fault is planted.
pub(crate) struct Side {
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) texts: TextTree,
    pub(crate) tree: Tree,
    pub(crate) keys: BTreeMap<ModelName, Digest>,
}

impl Episode<'_> {
    /// Makes an environment show a project; `None` where the edit is no good, else whether any view's data changed.
    pub(crate) fn apply(&mut self, branch: usize, mut project: Project) -> Option<bool> {
        // What two branches bring together need not fit.
        settle(&mut project);
        let is_no_good = |query| walk::takes_lone(query) || walk::takes_greatest_of_padding(query);
        if project.models.values().any(|model| is_no_good(&model.query)) {
            return None;
        }
        let clean = match self.warehouse.build_clean(&project) {
            Ok(clean) => clean,
            Err(message) => {
                *self.report.invalid.entry(headline(&message)).or_default() += 1;
                return None;
            }
        };
        if self.empties(branch, &clean) {
            return None;
        }
        // What an edit built that was then refused is forgotten, so that nobody reuses what was not counted.
        for key in std::mem::take(&mut self.built) {
            self.warehouse.stored.remove(&key);
        }
        let side = self.side(&project)?;
        let tables = self.fill(&side, &clean, &project)?;
        let drawn = drawn(&project);
        let mut shown = BTreeMap::new();
        for (name, clean) in order(&project).iter().filter_map(|name| Some((name, clean.get(name)?))) {
            let model = ModelName::parse(name).expect("a generated name");
            let content = match tables.get(&model) {
                Some(_) => self.warehouse.stored[&(model.clone(), side.keys[&model])].content.clone(),
                None => match self.view(branch, &side, &model, &tables) {
                    Ok(content) => content,
                    Err(message) => {
                        self.cannot(&side, name, &format!("its view cannot be made: {message}"));
                        return None;
                    }
                },
            };
            self.report.compared += 1;
            self.report.empty += u64::from(content.rows.is_empty());
            if drawn.contains(name) {
                self.report.drawn += 1;
                self.coherent(&side, &project, name, &tables);
            } else if !content.is_like(&clean.content) {
                self.differs(&side, name, &content, clean);
            }
            shown.insert(name.clone(), content);
            if self.report.unsound.len() > self.before {
                return None;
            }
        }
        self.weigh(branch, &side, &project, &clean, &drawn);
        let keys: BTreeMap<String, Digest> = side.keys.iter().map(|(name, key)| (name.to_string(), *key)).collect();
        self.compare_on_other_data(branch, &project, &keys, &shown);
        let branch = &mut self.branches[branch];
        let changed = shown != branch.shown;
        branch.shown = shown;
        branch.keys = keys;
        branch.project = project;
        if self.plan.fault == Some(Fault::ViewText) {
            let branches = &self.branches;
            let is_shown = |name: &ModelName, key: &Digest| {
                branches.iter().any(|branch| branch.keys.get(&name.to_string()) == Some(key))
            };
            self.warehouse.sweep(&is_shown);
        }
        (self.report.unsound.len() == self.before).then_some(changed)
    }

    /// Whether an edit leaves views without rows, in which nothing further could be seen. Few such edits are made.
    fn empties(&mut self, branch: usize, clean: &BTreeMap<String, Clean>) -> bool {
        let shown = &self.branches[branch].shown;
        let had_rows = |name: &String| shown.get(name).is_none_or(|content| !content.rows.is_empty());
        let emptied = clean.iter().any(|(name, clean)| clean.content.rows.is_empty() && had_rows(name));
        let refused = emptied && self.choices.chance(90);
        self.report.emptied += u64::from(refused);
        refused
    }

    /// Every few edits the same two trees are built over other rows too.
    fn compare_on_other_data(
        &mut self,
        branch: usize,
        project: &Project,
        keys: &BTreeMap<String, Digest>,
        shown: &BTreeMap<String, Content>,
    ) {
        let Branch { project: before, keys: old, shown: was, .. } = &self.branches[branch];
        if old.is_empty() || before == project || !self.report.edits.is_multiple_of(EVERY) {
            return;
        }
        let step = Step {
            before,
            after: project,
            kept: &|name| old.contains_key(name) && old.get(name) == keys.get(name),
            moved: &|name| was.get(name) != shown.get(name),
        };
        self.sets.check(&step, self.report);
    }

    pub(crate) fn side(&mut self, project: &Project) -> Option<Side> {
        let files = plant::files(project, None);
        let texts: TextTree = files.clone().into_iter().collect();
        let tree = self.tree(&texts)?;
        let mut keys: BTreeMap<ModelName, Digest> =
            tree.fingerprints.iter().map(|(name, fingerprint)| (name.clone(), fingerprint.data)).collect();
        if self.plan.fault.is_some() {
            let weaker: TextTree = plant::files(project, self.plan.fault).into_iter().collect();
            if let Some(weaker) = self.tree(&weaker) {
                keys.extend(weaker.fingerprints.iter().map(|(name, fingerprint)| (name.clone(), fingerprint.data)));
            }
        }
        if self.plan.fault == Some(Fault::Opaque) {
            let is_opaque = |name: &&ModelName| tree.fingerprints[*name].opaque.is_some();
            let alone = |name: &ModelName| (name.clone(), Digest::of("text alone", &files[&path_of(name)]));
            keys.extend(tree.fingerprints.keys().filter(is_opaque).map(alone));
        }
        Some(Side { files, texts, tree, keys })
    }

    fn tree(&mut self, texts: &TextTree) -> Option<Tree> {
        let environment = BTreeMap::new();
        let loaded =
            load(texts, &Surroundings { environment: &environment, gateway: None, cache: self.cache, shelf: None });
        if let Some(problem) = loaded.problems.iter().find(|problem| problem.severity == Severity::Error) {
            *self.report.refused.entry(headline(&problem.message)).or_default() += 1;
            return None;
        }
        let engine = context_digest(&loaded.project);
        let (tree, _) = Tree::new(loaded.project.models, loaded.project.files, engine, None);
        Some(tree)
    }

    /// Fills the tables that nobody has.
    fn fill(
        &mut self,
        side: &Side,
        clean: &BTreeMap<String, Clean>,
        project: &Project,
    ) -> Option<BTreeMap<ModelName, TableName>> {
        let mut tables = BTreeMap::new();
        for name in side.tree.graph.order() {
            let text = name.to_string();
            if let Some(opaque) = &side.tree.fingerprints[name].opaque {
                let reason: String = opaque.to_string().chars().take(70).collect();
                self.example(&reason, side, name);
                *self.report.opaque.entry(reason).or_default() += 1;
            }
            if !project.models.get(&text).is_some_and(|model| model.kind.is_stored()) {
                continue;
            }
            let key = (name.clone(), side.keys[name]);
            if !self.warehouse.stored.contains_key(&key) {
                match self.warehouse.fill(&side.tree, &side.texts, name, &tables, &mut self.choices) {
                    Ok(mut stored) => {
                        self.built.push(key.clone());
                        stored.files.clone_from(&side.files);
                        self.warehouse.stored.insert(key.clone(), stored);
                    }
                    Err(message) => {
                        self.cannot(side, &text, &format!("it cannot be built: {message}"));
                        return None;
                    }
                }
            }
            tables.insert(name.clone(), self.warehouse.stored[&key].table.clone());
        }
        let _ = clean;
        Some(tables)
    }

    /// The program cannot build what DuckDB took as it stands: a finding, unless the engine says that it cannot do it.
    fn cannot(&mut self, side: &Side, name: &str, message: &str) {
        const LIMITS: [&str; 7] = [
            "expected, ",
            "cannot be compared",
            "Column with name",
            "Not implemented Error",
            "not (yet) supported",
            // An integer compared with a struct fails only if the optimizer leaves a row to compare.
            "Unimplemented type for cast",
            // As well with a text that is no number: a condition beside it may have left no row, which the plan decides.
            "Conversion Error: Could not convert string",
        ];
        match LIMITS.iter().any(|limit| message.contains(limit)) {
            true => *self.report.refused.entry(headline(message)).or_default() += 1,
            false => self.found(side, name, message),
        }
    }

    fn example(&mut self, reason: &str, side: &Side, name: &ModelName) {
        let text = side.files.get(&path_of(name)).map_or("", String::as_str);
        let text = text.split_once(";\n").map_or(text, |(_, query)| query).trim();
        let known = self.report.examples.entry(reason.to_owned()).or_insert_with(|| text.to_owned());
        if text.len() < known.len() {
            text.clone_into(known);
        }
    }

    /// What a view shows; where the fault is planted it keeps its old text as long as its hash stays.
    fn view(
        &mut self,
        branch: usize,
        side: &Side,
        name: &ModelName,
        tables: &BTreeMap<ModelName, TableName>,
    ) -> Result<Content, String> {
        let (content, text) = self.warehouse.view(&side.tree, name, tables)?;
        if self.plan.fault == Some(Fault::ViewText) {
            let key = format!("{name} {}", side.keys[name]);
            let texts = &mut self.branches[branch].texts;
            let known = texts.entry(name.clone()).or_insert_with(|| format!("{key}\n{text}")).clone();
            match known.split_once('\n') {
                Some((old, old_text)) if old == key => return self.warehouse.show(old_text, &[]),
                _ => drop(texts.insert(name.clone(), format!("{key}\n{text}"))),
            }
        }
        Ok(content)
    }
}

/// The first line of a message, without what differs from case to case.
pub(crate) fn headline(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line: String = line.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    let cut = line.find('"').unwrap_or(line.len()).min(60);
    line.chars().take(cut).collect()
}
