//! Runs edits over branches and environments, and compares.

use std::collections::{BTreeMap, BTreeSet};

use offshoot::files::TextTree;
use offshoot::fingerprint::Tree;
use offshoot::hash::Digest;
use offshoot::ids::{ModelName, TableName};
use offshoot::problem::Severity;
use offshoot::project::{ModelCache, Surroundings, load};

use super::edit::Desk;
use super::faults::Fault;
use super::ir::{Expr, Project};
use super::kinds::{EDITS, Edit};
use super::plant;
use super::random::Choices;
use super::reach::{Marks, marks};
use super::report::Report;
use super::shape::{Shapes, order};
use super::walk;
use super::warehouse::{Clean, Content, Warehouse};

/// How long and how a run goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) edits: u64,
    pub(crate) seed: u64,
    pub(crate) fault: Option<Fault>,
    /// Findings after which a run stops.
    pub(crate) enough: usize,
}

/// Edits of one project before the next is planted.
const EPISODE: u64 = 120;

struct Branch {
    project: Project,
    past: Vec<Project>,
    shown: BTreeMap<String, Content>,
    texts: BTreeMap<ModelName, String>,
}

/// Runs a plan.
pub(crate) fn run(plan: &Plan) -> Report {
    let mut report = Report::default();
    let cache = ModelCache::new();
    let mut seed = plan.seed.wrapping_mul(1_000_003);
    while report.edits < plan.edits && report.unsound.len() < plan.enough {
        seed = seed.wrapping_add(1);
        let left = (plan.edits - report.edits).min(EPISODE);
        let episode = Episode::new(plan, seed, &cache, &mut report);
        if let Some(mut episode) = episode {
            episode.run(left);
        }
    }
    report
}

struct Episode<'a> {
    plan: &'a Plan,
    seed: u64,
    cache: &'a ModelCache,
    report: &'a mut Report,
    choices: Choices,
    warehouse: Warehouse,
    branches: Vec<Branch>,
    before: usize,
    /// What each mark of the generator's graph showed.
    marked: BTreeMap<(String, Digest), Content>,
    built: Vec<(ModelName, Digest)>,
}

/// A tree as it runs, and the hashes of its tables, weaker where a fault is planted.
struct Side {
    files: BTreeMap<String, String>,
    texts: TextTree,
    tree: Tree,
    keys: BTreeMap<ModelName, Digest>,
}

impl<'a> Episode<'a> {
    fn new(plan: &'a Plan, seed: u64, cache: &'a ModelCache, report: &'a mut Report) -> Option<Self> {
        let mut choices = Choices::new(seed);
        let mut warehouse = Warehouse::new(&mut choices).expect("DuckDB opens in memory");
        let count = if choices.chance(6) { 20 + choices.below(19) } else { 4 + choices.below(7) };
        let mut project = plant::project(&mut choices, count);
        // What DuckDB does not take is grown again or left out.
        for round in 0..6 {
            let Err(_) = warehouse.build_clean(&project) else { break };
            for name in order(&project) {
                let alone = without_readers(&project, &name);
                if warehouse.build_clean(&alone).is_err() {
                    project.models.remove(&name);
                    if round < 5 {
                        let model = plant::model(choices.number(), Vec::new(), &project, &name);
                        project.models.insert(name, model);
                    }
                }
            }
        }
        warehouse.build_clean(&project).ok()?;
        let branch = Branch { project, past: Vec::new(), shown: BTreeMap::new(), texts: BTreeMap::new() };
        let before = report.unsound.len();
        let mut episode = Self {
            before,
            marked: BTreeMap::new(),
            built: Vec::new(),
            plan,
            seed,
            cache,
            report,
            choices,
            warehouse,
            branches: vec![branch],
        };
        let project = episode.branches[0].project.clone();
        let counts = episode.report.clone();
        episode.apply(0, project)?;
        // Planting is no edit.
        let Report { unsound, refused, .. } = std::mem::replace(episode.report, counts);
        episode.report.unsound = unsound;
        episode.report.refused = refused;
        Some(episode)
    }

    fn run(&mut self, edits: u64) {
        let before = self.report.unsound.len();
        for _ in 0..edits {
            self.step();
            if self.report.unsound.len() > before {
                return;
            }
        }
    }

    fn step(&mut self) {
        let edit = self.choose();
        for _ in 0..8 {
            let branch = self.some_branch();
            let mut project = self.branches[branch].project.clone();
            let shapes = Shapes::of(&project);
            let mut desk = Desk { project: &mut project, choices: &mut self.choices, shapes, touched: None };
            if !(edit.make)(&mut desk) {
                continue;
            }
            follow_types(&mut project);
            let past = self.branches[branch].project.clone();
            match self.apply(branch, project) {
                Some(changed) => {
                    let tally = self.report.kinds.entry(edit.name).or_default();
                    tally.made += 1;
                    tally.changed += u64::from(changed);
                    self.report.edits += 1;
                    self.report.changed += u64::from(changed);
                    self.branches[branch].past.push(past);
                    self.operations(branch);
                    return;
                }
                None => {
                    self.report.discarded += 1;
                    self.report.kinds.entry(edit.name).or_default().discarded += 1;
                }
            }
        }
    }

    /// Kinds that were made least come first, among a few.
    fn choose(&mut self) -> &'static Edit {
        let few: Vec<&'static Edit> = (0..5).map(|_| &EDITS[self.choices.below(EDITS.len())]).collect();
        let worth = |edit: &&&Edit| {
            let tally = self.report.kinds.get(edit.name).copied().unwrap_or_default();
            // Edits that change data come more often.
            (tally.made * 2 + tally.discarded) * 100 / (100 + 200 * tally.changed / tally.made.max(1))
        };
        few.iter().min_by_key(worth).copied().unwrap_or(&EDITS[0])
    }

    fn some_branch(&mut self) -> usize {
        if self.branches.len() < 3 && self.choices.chance(8) {
            let Branch { project, shown, texts, .. } = &self.branches[0];
            let branch =
                Branch { project: project.clone(), past: Vec::new(), shown: shown.clone(), texts: texts.clone() };
            self.branches.push(branch);
        }
        self.choices.below(self.branches.len())
    }

    /// What happens beside edits: a revert, a merge and promote.
    fn operations(&mut self, branch: usize) {
        match self.choices.below(100) {
            0..=4 => {
                if let Some(past) = self.branches[branch].past.first().cloned() {
                    self.apply(branch, past);
                }
            }
            5..=9 if branch > 0 => {
                let project = self.branches[branch].project.clone();
                self.apply(0, project);
            }
            10..=12 if branch > 0 => {
                let project = self.branches[0].project.clone();
                self.apply(branch, project);
            }
            _ => {}
        }
    }

    /// Makes an environment show a project; `None` where the edit is no good, else whether any view's data changed.
    fn apply(&mut self, branch: usize, project: Project) -> Option<bool> {
        let clean = match self.warehouse.build_clean(&project) {
            Ok(clean) => clean,
            Err(message) => {
                *self.report.invalid.entry(headline(&message)).or_default() += 1;
                return None;
            }
        };
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
            if drawn.contains(name) {
                self.report.drawn += 1;
                self.coherent(&side, &project, name, &tables);
            } else if content != clean.content {
                self.differs(&side, name, &content, clean, &tables);
            }
            shown.insert(name.clone(), content);
            if self.report.unsound.len() > self.before {
                return None;
            }
        }
        self.weigh(branch, &side, &project, &clean, &drawn);
        let changed = shown != self.branches[branch].shown;
        self.branches[branch].shown = shown;
        self.branches[branch].project = project;
        Some(changed)
    }

    /// Which builds the edit really reached, and why the others were made.
    fn weigh(
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
            if let Some(known) = known.filter(|known| **known != clean.content && !drawn.contains(name)) {
                let text = format!(
                    "MISJUDGED: {name} (seed {}, episode {})\n{known:?}\n{:?}",
                    self.plan.seed, self.seed, clean.content
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
                *self.report.causes.entry(cause(&side.tree, &model)).or_default() += 1;
            }
        }
        for (name, clean) in clean {
            self.marked.insert((name.clone(), marks[name].table), clean.content.clone());
        }
    }

    fn side(&mut self, project: &Project) -> Option<Side> {
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
        Some(Side { files, texts, tree, keys })
    }

    fn tree(&mut self, texts: &TextTree) -> Option<Tree> {
        let environment = BTreeMap::new();
        let loaded = load(texts, &Surroundings { environment: &environment, gateway: None, cache: self.cache });
        if let Some(problem) = loaded.problems.iter().find(|problem| problem.severity == Severity::Error) {
            *self.report.refused.entry(headline(&problem.message)).or_default() += 1;
            return None;
        }
        let (tree, _) = Tree::new(loaded.project.models, loaded.project.files, Digest::of("engine", "duckdb"), None);
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
        const LIMITS: [&str; 5] =
            ["expected, ", "cannot be compared", "Column with name", "Not implemented Error", "not (yet) supported"];
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

    /// What reads draws must be what its query gives over the very tables that its environment shows.
    fn coherent(&mut self, side: &Side, project: &Project, name: &str, tables: &BTreeMap<ModelName, TableName>) {
        let model = ModelName::parse(name).expect("a generated name");
        if !tables.contains_key(&model)
            || draws_itself(project, name)
            || !matches!(project.models[name].kind, super::ir::Kind::Full)
        {
            return;
        }
        let stored = self.warehouse.stored[&(model.clone(), side.keys[&model])].content.clone();
        if let Ok((again, text)) = self.warehouse.view(&side.tree, &model, tables)
            && again.rows != stored.rows
        {
            self.found(side, name, &format!("it is not what its query gives over the tables beside it\n{text}"));
        }
    }

    fn differs(
        &mut self,
        side: &Side,
        name: &str,
        content: &Content,
        clean: &Clean,
        tables: &BTreeMap<ModelName, TableName>,
    ) {
        let model = ModelName::parse(name).expect("a generated name");
        let ours = match tables.get(&model) {
            Some(table) => self.warehouse.sample(&table.to_string()),
            None => String::new(),
        };
        let theirs = self.warehouse.sample(&clean.name);
        let what = format!(
            "shown:  {:?}\n        {ours}\nclean:  {:?}\n        {theirs}",
            content.columns, clean.content.columns
        );
        self.found(side, name, &what);
    }

    fn found(&mut self, side: &Side, name: &str, what: &str) {
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

fn path_of(name: &ModelName) -> String {
    format!("models/{}.sql", name.to_string().replace('.', "/"))
}

fn headline(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line: String = line.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    let cut = line.find('"').unwrap_or(line.len()).min(60);
    line.chars().take(cut).collect()
}

/// Declared types go where they no longer name the very columns of their model.
fn follow_types(project: &mut Project) {
    let shapes = Shapes::of(project);
    for (name, model) in &mut project.models {
        let columns = shapes.table(name);
        let fits = columns.len() == model.types.len()
            && columns.iter().zip(&model.types).all(|(column, (name, _))| column.name == *name);
        if !fits {
            model.types.clear();
        }
    }
}

/// The project up to one model.
fn without_readers(project: &Project, name: &str) -> Project {
    let mut part = project.clone();
    let number = plant::number(name);
    part.models.retain(|other, _| other == name || plant::number(other) < number);
    part
}

fn draws_itself(project: &Project, name: &str) -> bool {
    let mut found = false;
    walk::expressions(&mut project.models[name].query.clone(), &mut |value| found |= matches!(value, Expr::Draw(..)));
    let through = walk::reads(&project.models[name]).into_iter().filter(|read| {
        project.models.get(read).is_some_and(|model| !model.kind.is_stored()) && draws_itself(project, read)
    });
    found || through.count() > 0
}

/// The models that draw, or read what was drawn.
fn drawn(project: &Project) -> BTreeSet<String> {
    let mut drawn = BTreeSet::new();
    for name in order(project) {
        let reads = walk::reads(&project.models[&name]);
        if draws_itself(project, &name) || reads.iter().any(|read| drawn.contains(read)) {
            drawn.insert(name);
        }
    }
    drawn
}
