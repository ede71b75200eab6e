//! Runs edits over branches and environments, and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use offshoot::hash::Digest;
use offshoot::ids::ModelName;
use offshoot::project::ModelCache;

use super::beside::settle;
use super::content::Content;
use super::edit::Desk;
use super::faults::Fault;
use super::ir::Project;
use super::journal;
use super::kinds::{EDITS, Edit, Make};
use super::plant;
use super::random::Choices;
use super::report::Report;
use super::sets::DataSets;
use super::shape::{Shapes, UNNAMED};
use super::walk;
use super::warehouse::Warehouse;

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

/// A branch with its environment; the first is `main`.
pub(crate) struct Branch {
    pub(crate) project: Project,
    /// Main's project when it was last the same as main's, or main was merged into it.
    pub(crate) base: Project,
    pub(crate) past: Vec<Project>,
    pub(crate) shown: BTreeMap<String, Content>,
    pub(crate) keys: BTreeMap<String, Digest>,
    pub(crate) texts: BTreeMap<ModelName, String>,
}

/// Some episodes of a plan: the number of the first one, and the edits that they make together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) first: u64,
    pub(crate) edits: u64,
}

/// Runs a plan in this process.
pub(crate) fn run(plan: &Plan) -> Report {
    run_block(plan, Block { first: 0, edits: plan.edits }, &mut |_| {})
}

/// Runs a block, and shows the report after each episode.
pub(crate) fn run_block(plan: &Plan, block: Block, tell: &mut dyn FnMut(&Report)) -> Report {
    let mut report = Report::default();
    let mut number = block.first;
    while report.edits < block.edits && report.unsound.len() < plan.enough {
        journal::begin(number);
        let seed = plan.seed.wrapping_mul(1_000_003).wrapping_add(number);
        number += 1;
        let left = (block.edits - report.edits).min(EPISODE);
        let cache = ModelCache::new();
        if let Some(mut episode) = Episode::new(plan, seed, &cache, &mut report) {
            episode.run(left);
        }
        tell(&report);
    }
    report
}

/// One planted project, edited for a while.
pub(crate) struct Episode<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) seed: u64,
    pub(crate) cache: &'a ModelCache,
    pub(crate) report: &'a mut Report,
    pub(crate) choices: Choices,
    pub(crate) warehouse: Warehouse,
    pub(crate) branches: Vec<Branch>,
    pub(crate) before: usize,
    /// What each mark of the generator's graph showed.
    pub(crate) marked: BTreeMap<(String, Digest), Content>,
    /// The files of the tree in which a model first had a mark, for people.
    pub(crate) texts: BTreeMap<(String, Digest), Rc<BTreeMap<String, String>>>,
    pub(crate) built: Vec<(ModelName, Digest)>,
    /// The same projects over other rows.
    pub(crate) sets: DataSets,
}

impl<'a> Episode<'a> {
    fn new(plan: &'a Plan, seed: u64, cache: &'a ModelCache, report: &'a mut Report) -> Option<Self> {
        let mut choices = Choices::new(seed);
        let mut warehouse = Warehouse::new(&mut choices).expect("DuckDB opens in memory");
        let project = planted(&mut choices, &mut warehouse, drawing(plan, report))?;
        let branch = Branch {
            base: project.clone(),
            project: project.clone(),
            past: Vec::new(),
            shown: BTreeMap::new(),
            keys: BTreeMap::new(),
            texts: BTreeMap::new(),
        };
        let before = report.unsound.len();
        let mut episode = Self {
            before,
            marked: BTreeMap::new(),
            texts: BTreeMap::new(),
            built: Vec::new(),
            plan,
            seed,
            cache,
            report,
            sets: DataSets::new(&mut choices),
            choices,
            warehouse,
            branches: vec![branch],
        };
        let project = if plan.fault.is_some() { episode.more_to_hide(project) } else { project };
        episode.branches[0].base.clone_from(&project);
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

    /// One edit of the kind that is missing most, among those that this project lets happen.
    fn step(&mut self) {
        if self.plan.fault.is_some() && self.choices.chance(50) && self.steered() {
            return;
        }
        let mut tried: BTreeSet<&'static str> = BTreeSet::new();
        for _ in 0..24 {
            let Some(edit) = self.choose(&tried) else { return };
            tried.insert(edit.name);
            for _ in 0..5 {
                let made = match edit.make {
                    Make::Desk(make) => self.edit_some_branch(make),
                    Make::Scene(scene) => self.play(scene),
                };
                self.report.count(edit, made);
                match made {
                    Made::Done { .. } => return,
                    Made::Refused if self.report.unsound.len() > self.before => return,
                    Made::Refused | Made::Nothing => {}
                }
            }
        }
    }

    /// The kind that is furthest below its share, chance helping. Kinds that change data come more often.
    fn choose(&mut self, tried: &BTreeSet<&'static str>) -> Option<&'static Edit> {
        let tally = |edit: &Edit| self.report.kinds.get(edit.name).copied().unwrap_or_default();
        let rate = |edit: &Edit| tally(edit).rate();
        let total: f64 = EDITS.iter().map(&rate).sum();
        let floor = 1.08;
        let spare = 100.0 - floor * EDITS.len() as f64;
        let missing = |edit: &Edit| {
            let share = (floor + spare * rate(edit) / total.max(0.01)) / 100.0;
            share * (self.report.edits + 20) as f64 - tally(edit).made as f64
        };
        let mut ranked: Vec<(f64, &'static Edit)> =
            EDITS.iter().filter(|edit| !tried.contains(edit.name)).map(|edit| (missing(edit), edit)).collect();
        ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
        ranked.truncate(7);
        // What few projects let happen is made where it can be.
        let place = if self.choices.chance(20) { 0 } else { self.choices.below(ranked.len()) };
        ranked.get(place).map(|(_, edit)| *edit)
    }

    /// An edit of a branch, by its maker.
    pub(crate) fn edit_some_branch(&mut self, make: fn(&mut Desk<'_>) -> bool) -> Made {
        let branch = self.some_branch();
        match self.edited(branch, make) {
            Some(project) => self.applied(branch, project),
            None => Made::Nothing,
        }
    }

    /// What an edit makes of a branch's project.
    pub(crate) fn edited(&mut self, branch: usize, make: fn(&mut Desk<'_>) -> bool) -> Option<Project> {
        let mut project = self.branches[branch].project.clone();
        let shapes = Shapes::of(&project);
        let mut desk = Desk { project: &mut project, choices: &mut self.choices, shapes, touched: None };
        if !make(&mut desk) {
            return None;
        }
        follow_types(&mut project);
        settle(&mut project);
        let is_taken = project.models.values().any(|model| walk::takes_lone(&model.query));
        (project != self.branches[branch].project && !is_taken).then_some(project)
    }

    /// Shows a project on a branch, which remembers the one before.
    pub(crate) fn applied(&mut self, branch: usize, project: Project) -> Made {
        let past = self.branches[branch].project.clone();
        match self.apply(branch, project) {
            Some(changed) => {
                self.branches[branch].past.push(past);
                Made::Done { changed }
            }
            None => Made::Refused,
        }
    }

    pub(crate) fn some_branch(&mut self) -> usize {
        if self.branches.len() < 3 && self.choices.chance(8) {
            self.fork();
        }
        self.choices.below(self.branches.len())
    }

    /// A new branch of main, which shows what main shows.
    pub(crate) fn fork(&mut self) -> usize {
        let Branch { project, shown, keys, texts, .. } = &self.branches[0];
        self.branches.push(Branch {
            project: project.clone(),
            base: project.clone(),
            past: Vec::new(),
            shown: shown.clone(),
            keys: keys.clone(),
            texts: texts.clone(),
        });
        self.branches.len() - 1
    }
}

/// What became of an edit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Made {
    /// It is shown, and changed the data of some view or none.
    Done { changed: bool },
    /// DuckDB or the program did not take it.
    Refused,
    /// There was nothing to edit.
    Nothing,
}

/// Percent of the projects that draw: of those that do not nothing is drawn by any edit, and what is drawn is compared with
/// what stands beside it alone. So there are few, but enough for that kind of edit.
pub(crate) fn drawing(plan: &Plan, report: &Report) -> usize {
    let draws = report.kinds.get("draw").map_or(0, |tally| tally.made);
    match plan.fault {
        Some(Fault::Draw) => 100,
        _ if 75 * draws <= report.edits => 2 * plant::DRAWING,
        _ => plant::DRAWING / 2,
    }
}

/// A project that DuckDB takes and whose models show rows: what is no good is grown again or left out.
pub(crate) fn planted(choices: &mut Choices, warehouse: &mut Warehouse, drawing: usize) -> Option<Project> {
    let count = if choices.chance(6) { 20 + choices.below(19) } else { 4 + choices.below(7) };
    let mut project = plant::seeds(choices, drawing);
    for number in 0..count {
        let name = format!("{}.m{number}", choices.one(&["s", "mart"]));
        for _ in 0..12 {
            let model = plant::model(choices.number(), Vec::new(), &project, &name);
            project.models.insert(name.clone(), model);
            settle(&mut project);
            let rows = warehouse.build_clean(&project).map_or(0, |clean| clean[&name].content.rows.len());
            if rows > 2 || (rows > 0 && choices.chance(15)) {
                break;
            }
            project.models.remove(&name);
        }
    }
    (project.models.len() > 3).then_some(project)
}

/// Declared types go where they no longer name the very columns of their model.
pub(crate) fn follow_types(project: &mut Project) {
    let shapes = Shapes::of(project);
    for (name, model) in &mut project.models {
        let columns = shapes.table(name);
        let fits = columns.len() == model.types.len()
            && columns.iter().zip(&model.types).all(|(column, (name, _))| column.name == *name && name != UNNAMED);
        if !fits {
            model.types.clear();
        }
    }
}
