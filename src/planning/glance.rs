//! A plan to be shown: it looks at what the branch may reach, and takes everything else for what it was.
//!
//! Models whose sources (their own files and everything that they may read) are the same in base and result have the same
//! fingerprints in both, whatever these are. They are needed only where the state has a table whose key is not known
//! otherwise, and for what reads them; an earlier run may have kept them. What this yields is the same plan as [`super::plan_of`] makes, but that problems inside the queries of
//! models that the branch cannot reach are not told.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decided::{Beside, decided_otherwise};
use super::later_start::rows_left_out;
use super::{
    Agreements, Chosen, LIMIT, Place, Question, Rows, clashes, drift_unknown, environment_of, handed_over, held,
    never_promoted, newer, plan_of, plan_over, promoted_tree, statements, unread, writer,
};
use crate::context::Context;
use crate::error::CommandError;
use crate::fingerprint::{Memory, Sketch, Tree, Wanted, remembered};
use crate::hash::Digest;
use crate::ids::{EnvironmentName, ModelName};
use crate::model::{Kind, Model};
use crate::naming::TableKey;
use crate::plan::{Basis, Inputs, Plan, Remembered, Unseen, Window, build, is_loaded_by_interval};
use crate::problem::Problem;
use crate::project::{Owned, Project, SecondLook, other_dialects, query_problems, sorted};
use crate::sql::Query;
use crate::state::{Environment, Pointer, State};
use crate::workspace::{Draft, Scanned, Workspace, leave, state_error};

/// Plans what a command is about, for people to read. It cannot be applied: models that nobody looked at have no targets.
///
/// # Errors
/// Git, the state, or a name refuses. Problems of the project are in the plan.
pub fn glance(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    chosen: &Chosen,
    wanted: Option<&str>,
) -> Result<Plan, CommandError> {
    let result = workspace.scanned(&chosen.trees.result, None)?;
    let state = workspace.state_to_plan(&result.project.settings)?;
    // Rules of the linter ask what the queries of all models say.
    let rows = chosen.rows.or_usual(&result.project.settings);
    if rows != Rows::AsDecided || chosen.window != Window::Everything || result.project.settings.linter.is_on() {
        return of_all(context, workspace, state.as_ref(), (chosen, wanted));
    }
    let (environment, _) = environment_of(state.as_ref(), chosen, wanted)?;
    let prod = state.environment(&EnvironmentName::prod()).map_err(state_error)?;
    let current = state.environment(&environment).map_err(state_error)?;
    let decisions = state.decisions().map_err(state_error)?;
    let (result, base, clashing) = drafted(workspace, chosen, result, &environment)?;
    let result = result.decided(&decisions);
    let mut problems = result.problems.clone();
    let promoted = promoted_draft(workspace, prod.as_ref(), (chosen, &result), &mut problems);
    let agreements = Agreements::of(workspace, prod.as_ref(), &result.project);
    let around = statements(&agreements, (&environment, prod.as_ref()), &result.project.settings);
    let suffix = result.project.settings.environment_suffix;
    let (base, promoted) = match base {
        Some(base) => (base.decided(&decisions), promoted),
        None => (promoted.unwrap_or_else(|| workspace.empty_draft(&result)), None),
    };
    let writer = writer(workspace, &result.project.settings, (chosen.place, &environment));
    let schemas = result.project.settings.physical_schemas.clone();
    let engine = result.project.engine_dialect();
    let files = |draft: &Draft| draft.source.as_ref().map(|source| workspace.files(source)).transpose();
    let files = [files(&result)?, files(&base)?, promoted.as_ref().map(files).transpose()?.flatten()];
    let surroundings = workspace.surroundings();
    let looks = files.each_ref().map(|files| files.as_ref().map(|files| SecondLook::at(files, &surroundings)));
    let pointers = [prod.as_ref(), current.as_ref()];
    let looked = Looked::at(workspace, [result, base], promoted, (state.as_ref(), pointers), &looks)?;
    workspace.keep();
    let reached = looked.reached.iter().filter_map(|name| looked.result.models.get(name).map(Arc::as_ref));
    let owned = Owned { models: &looked.result.models, broken: &looked.result.broken };
    if let [Some(files), ..] = &files {
        problems.extend(query_problems(files, reached, owned));
        let all = looked.result.models.values().map(Arc::as_ref);
        problems.extend(other_dialects(engine, all));
    }
    problems = sorted(problems);
    let beside = Beside { base: &looked.base, shown: [prod.as_ref(), None], of_others: &BTreeSet::new() };
    let is_reached = |name: &ModelName| looked.reached.contains(name);
    problems.extend(decided_otherwise(&looked.result, &is_reached, &beside));
    problems.extend(rows_left_out(&looked.result, &is_reached, &beside));
    problems.extend(looked.cycles.iter().cloned());
    problems.extend(prod.is_none().then(never_promoted));
    problems.extend(held(state.as_ref()).map_err(state_error)?);
    problems.extend(newer(state.as_ref()).map_err(state_error)?);
    problems.extend(chosen.trees.problems.iter().cloned());
    problems.extend(clashing);
    problems.extend(handed_over(&looked.result.models, [prod.as_ref(), None]));
    problems.extend(around);
    let purpose = chosen.place.purpose(&environment);
    let trees = [Some(&looked.base), Some(&looked.result), looked.promoted.as_ref()];
    let remembered = looked.unseen.remembered.iter();
    let keys = remembered.map(|known| TableKey { model: known.name.clone(), data_fingerprint: known.data }).collect();
    let question = Question { writer, trees, keys, replaced: prod.as_ref() };
    let now = context.execution_time()?;
    let plan = plan_over(state.as_ref(), &question, &|known| {
        build(Inputs {
            environment: environment.clone(),
            suffix,
            commits: chosen.commits(),
            base: &looked.base,
            result: &looked.result,
            promoted: looked.promoted.as_ref(),
            production: None,
            known,
            purpose,
            now,
            schemas: &schemas,
            limit: LIMIT,
            problems: problems.clone(),
            unseen: looked.unseen.clone(),
            window: chosen.window.clone(),
        })
    });
    let plan = plan.map_err(state_error)?;
    if plan.targets.iter().any(|target| target.basis != Basis::Whole || !target.due_at_promote.is_empty()) {
        return of_all(context, workspace, state.as_ref(), (chosen, wanted));
    }
    leave((looked.result, looked.base, looked.promoted));
    Ok(plan)
}

/// The result, what it is compared with where that is not what was promoted, and the names in the result that collide.
fn drafted(
    workspace: &Workspace<'_>,
    chosen: &Chosen,
    result: Scanned,
    environment: &EnvironmentName,
) -> Result<(Draft, Option<Draft>, Vec<Problem>), CommandError> {
    let clashing = |sketch: &Sketch, project: &Project| clashes(&sketch.models, environment, &project.settings);
    Ok(match chosen.place {
        Place::Branch | Place::Queue => {
            let ([result, base], clashing) = workspace.drafts(result, &chosen.trees.base_tree, clashing)?;
            (result, Some(base), clashing)
        }
        Place::Base => {
            let result = result.sketched(None);
            let clashing = clashing(&result.sketch, &result.project);
            (result, None, clashing)
        }
    })
}

/// The same of every model: where tables are loaded in part, it counts who reads whom, of models that nobody would look
/// at, too.
fn of_all(
    context: &Context<'_>,
    workspace: &Workspace<'_>,
    state: &dyn State,
    (chosen, wanted): (&Chosen, Option<&str>),
) -> Result<Plan, CommandError> {
    let owner = environment_of(state, chosen, wanted)?;
    let result = workspace.planned_side(&chosen.trees.result, None)?;
    Ok(plan_of(context, workspace, state, (chosen, result), owner)?.plan)
}

/// The trees with the fingerprints of what had to be looked at.
struct Looked {
    result: Tree,
    base: Tree,
    promoted: Option<Tree>,
    /// The models of the result that the branch may reach.
    reached: BTreeSet<ModelName>,
    unseen: Unseen,
    cycles: Vec<Problem>,
}

impl Looked {
    fn at(
        workspace: &Workspace<'_>,
        [result, base]: [Draft; 2],
        promoted: Option<Draft>,
        (state, environments): (&dyn State, [Option<&Environment>; 2]),
        looks: &[Option<SecondLook<'_>>; 3],
    ) -> Result<Self, CommandError> {
        let reached = result.sketch.differing(&base.sketch);
        let mut in_base = base.sketch.differing(&result.sketch);
        let (mut drifted, mut in_promoted) = (BTreeSet::new(), BTreeSet::new());
        if let Some(promoted) = &promoted {
            drifted = base.sketch.differing(&promoted.sketch);
            in_base.extend(drifted.iter().cloned());
            in_promoted = promoted.sketch.differing(&base.sketch);
        }
        let (mut unseen, unknown) = unseen(&result.sketch, &reached, state, environments)?;
        let mut in_result: BTreeSet<ModelName> = reached.iter().cloned().chain(unknown).collect();
        in_result.extend(starting_with_parents(&result.sketch));
        if let [Some(prod), _] = environments {
            in_result.extend(ending_with_parents(&result.sketch, prod));
        }
        in_result.extend(result.sketch.circles());
        // What the branch may reach is taken apart again: its queries may have mistakes, and how it came about is told by them.
        // So is what drifted.
        let of_earlier = |source| workspace.known(source).map(Memory::OfAnEarlierRun);
        let earlier = |name: &ModelName, source| if reached.contains(name) { None } else { of_earlier(source) };
        in_base.extend(starting_with_parents(&base.sketch));
        let [of_result, of_base, of_promoted] =
            looks.each_ref().map(|look| move |model: &Model| look.as_ref()?.model(model));
        let (result_tree, cycles) = result.sketch.finish(Wanted::These(&in_result), &earlier, &of_result);
        unseen.leave_out(&result_tree);
        let known = result_tree.by_source();
        let remember = |name: &ModelName, source| {
            if drifted.contains(name) { None } else { remembered(&known, source).or_else(|| of_earlier(source)) }
        };
        let of_base = |model: &Model| read_before(&result_tree, model).or_else(|| of_base(model));
        let (base_tree, _) = base.sketch.finish(Wanted::These(&in_base), &remember, &of_base);
        let promoted_tree = promoted.map(|promoted| {
            let base = base_tree.by_source();
            let in_this_run = |source| remembered(&known, source).or_else(|| remembered(&base, source));
            let remember = |_: &ModelName, source| in_this_run(source).or_else(|| of_earlier(source));
            let tree = promoted.sketch.finish(Wanted::These(&in_promoted), &remember, &of_promoted).0;
            tree.with_broken(promoted.project.broken)
        });
        drop(known);
        [Some(&result_tree), Some(&base_tree), promoted_tree.as_ref()]
            .into_iter()
            .flatten()
            .for_each(|tree| workspace.remember(tree));
        leave((result.read, base.read));
        Ok(Self {
            result: result_tree.with_broken(result.project.broken),
            base: base_tree.with_broken(base.project.broken),
            promoted: promoted_tree,
            reached,
            unseen: Unseen { unbuilt: unseen.unbuilt.len(), remembered: unseen.remembered },
            cycles,
        })
    }
}

/// A model that another tree has too, as it was read there.
fn read_before(tree: &Tree, model: &Model) -> Option<Arc<Model>> {
    let known = tree.models.get(&model.name)?;
    // One that was decided about is not as it was read.
    let is_decided = tree.fingerprints.get(&model.name).is_some_and(|known| known.undecided.is_some());
    let is_same = known.source == model.source && known.path == model.path && !is_decided;
    (is_same && !known.query.as_ref().is_some_and(Query::is_unread)).then(|| known.clone())
}

/// Models that are the same in base and result and have a table.
#[derive(Default)]
struct Untouched {
    /// An environment remembers their fingerprints; parents first.
    remembered: Vec<Remembered>,
    /// They have no table under any fingerprint.
    unbuilt: Vec<ModelName>,
}

impl Untouched {
    /// Some had to be looked at after all, because others read them.
    fn leave_out(&mut self, looked_at: &Tree) {
        let is_unseen = |name: &ModelName| looked_at.graph.node(name).is_none();
        self.remembered.retain(|known| is_unseen(&known.name));
        self.unbuilt.retain(is_unseen);
    }
}

/// Of the models that are the same in base and result: those whose fingerprints an environment remembers, those that have
/// no table at all, and those that must be looked at because they have one whose key is not known.
fn unseen(
    result: &Sketch,
    reached: &BTreeSet<ModelName>,
    state: &dyn State,
    environments: [Option<&Environment>; 2],
) -> Result<(Untouched, Vec<ModelName>), CommandError> {
    // Nobody asks where an environment remembers them all.
    let mut built = None;
    let mut unseen = Untouched::default();
    let mut unknown = Vec::new();
    for (model, source) in result.in_order() {
        let name = &model.name;
        if reached.contains(name) || !model.kind.name().has_table() {
            continue;
        }
        let mut pointers = environments.iter().flatten().filter_map(|environment| environment.models.get(name));
        if let Some(pointer) = pointers.find(|pointer| is_remembered(pointer, source)) {
            let (data, metadata) = (pointer.data_fingerprint, pointer.metadata_fingerprint);
            unseen.remembered.push(Remembered { name: name.clone(), data, metadata });
            continue;
        }
        let built = match &mut built {
            Some(built) => built,
            none => none.insert(state.built_models().map_err(state_error)?),
        };
        match built.contains(name) {
            true => unknown.push(name.clone()),
            false => unseen.unbuilt.push(name.clone()),
        }
    }
    Ok((unseen, unknown))
}

/// Whether a pointer says all that there is to know of a model.
fn is_remembered(pointer: &Pointer, source: Digest) -> bool {
    pointer.source == Some(source) && pointer.basis.is_whole() && pointer.undecided.is_none()
}

/// Models that begin where their parents do: who these are must be known.
fn starting_with_parents(sketch: &Sketch) -> BTreeSet<ModelName> {
    let by_interval = |model: &Model| {
        matches!(model.kind, Kind::TimeRange(_) | Kind::UniqueKey(_)) || model.is_history_of_intervals()
    };
    let states_none = |model: &Model| model.properties.start.is_none();
    sketch.with_ancestors(&|model| by_interval(model) && states_none(model))
}

/// Models that end where their parents do, because prod has none of them.
fn ending_with_parents(sketch: &Sketch, prod: &Environment) -> BTreeSet<ModelName> {
    sketch.with_ancestors(&|model| is_loaded_by_interval(model) && !prod.models.contains_key(&model.name))
}

/// The tree that prod shows. Where its commit is not here, drift is unknown, and that is said.
fn promoted_draft(
    workspace: &Workspace<'_>,
    prod: Option<&Environment>,
    (chosen, like): (&Chosen, &Draft),
    problems: &mut Vec<Problem>,
) -> Option<Draft> {
    let prod = prod?;
    let commit = prod.about.promoted.as_ref()?;
    let draft = promoted_tree(workspace, commit).and_then(|source| {
        // Nothing can have drifted between a tree and itself.
        let is_base = chosen.place == Place::Branch && source.id() == chosen.trees.base_tree.id();
        let draft = || workspace.draft(&source, Some(like)).map(|draft| draft.decided(&prod.decisions()));
        if is_base { Ok(None) } else { draft().map(Some).map_err(unread) }
    });
    draft.unwrap_or_else(|what| {
        problems.push(drift_unknown(commit, &what));
        None
    })
}
