//! Which of the models that differ are compared: each costs at least a look at all its rows.

use super::WhyLeftOut;
use crate::ids::ModelName;
use crate::model::Model;
use crate::plan::{Category, Change, PlannedModel};
use crate::settings::{DataDiff, WhenCompared};

/// A model whose data differs because of a branch.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// What happens to it.
    pub planned: &'a PlannedModel,
    /// As the branch has it; `None` where it is removed.
    pub model: Option<&'a Model>,
}

/// What is compared and what is not, both by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is.
    pub compared: Vec<ModelName>,
    /// What is not.
    pub left_out: Vec<(ModelName, WhyLeftOut)>,
}

/// Chooses among what a branch changes. Unless all is wanted, that is what was edited and what breaks, as far as its rows
/// can be told apart; what was edited comes first, and new models, which are only counted, last.
pub fn choose(candidates: &[Candidate<'_>], limits: &DataDiff) -> Choice {
    let mut left_out = Vec::new();
    let (mut free, mut wanted) = (Vec::new(), Vec::new());
    for candidate in candidates {
        let name = candidate.planned.name.clone();
        match (limits.when, why_not(candidate)) {
            // There is nothing to look at.
            _ if candidate.planned.change == Change::Removed => free.push(name),
            (WhenCompared::Auto | WhenCompared::Never, Some(why)) => left_out.push((name, why)),
            _ => wanted.push((rank(candidate.planned.change), name)),
        }
    }
    wanted.sort();
    let mut choice = at_most(wanted.into_iter().map(|(_, name)| name).collect(), limits);
    choice.compared.extend(free);
    choice.compared.sort();
    choice.left_out.extend(left_out);
    choice.left_out.sort();
    choice
}

/// The first of these models, as many as are compared at most.
pub fn at_most(mut models: Vec<ModelName>, limits: &DataDiff) -> Choice {
    let Some(most) = limits.most_models() else { return Choice { compared: models, left_out: Vec::new() } };
    let beyond = models.split_off(most.min(models.len()));
    let left_out = beyond.into_iter().map(|name| (name, WhyLeftOut::Beyond(most)));
    Choice { compared: models, left_out: left_out.collect() }
}

fn why_not(candidate: &Candidate<'_>) -> Option<WhyLeftOut> {
    let PlannedModel { change, category, .. } = candidate.planned;
    match (change, category) {
        (Change::Added, _) => None,
        (Change::Modified, _) | (_, Category::Breaking) => {
            candidate.model.and_then(Model::grain).is_none().then_some(WhyLeftOut::NoGrain)
        }
        _ => Some(WhyLeftOut::Downstream),
    }
}

fn rank(change: Change) -> u8 {
    match change {
        Change::Modified => 0,
        Change::Added => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::tests::tree;
    use crate::plan::Known;
    use crate::report::tests::plan_between;
    use crate::time::Timestamp;

    const BASE: &str = "//- models/a.sql
MODEL (name s.a, kind FULL, grain id);
SELECT id, amount FROM raw.orders
//- models/without.sql
MODEL (name s.without, kind FULL);
SELECT id, amount FROM raw.orders
//- models/reads.sql
MODEL (name s.reads, kind FULL, grain id);
SELECT id, amount FROM s.a
//- models/passes_on.sql
MODEL (name s.passes_on, kind FULL, grain id);
SELECT * FROM s.wide
//- models/wide.sql
MODEL (name s.wide, kind FULL, grain id);
SELECT id FROM raw.orders
//- models/keyed.sql
MODEL (name s.keyed, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id));
SELECT id, amount FROM raw.orders
//- models/gone.sql
MODEL (name s.gone, kind FULL);
SELECT 1 AS one
";

    /// What a branch that edits nearly everything has compared, and what not.
    fn chosen(limits: DataDiff) -> (Vec<String>, Vec<(String, WhyLeftOut)>) {
        let result = BASE
            .replace("id, amount FROM raw.orders", "id, amount + 1 AS amount FROM raw.orders")
            .replace("SELECT id FROM raw.orders", "SELECT id, day FROM raw.orders")
            .replace("name s.gone", "name s.added");
        let (base, result) = (tree(BASE), tree(&result));
        let plan = plan_between(&base, &result, &Known::default(), Timestamp(0));
        let model = |name: &ModelName| result.models.get(name).map(|model| &**model);
        let candidates: Vec<Candidate<'_>> =
            plan.models.iter().map(|planned| Candidate { planned, model: model(&planned.name) }).collect();
        let Choice { compared, left_out } = choose(&candidates, &limits);
        let compared = compared.iter().map(ToString::to_string).collect();
        (compared, left_out.into_iter().map(|(name, why)| (name.to_string(), why)).collect())
    }

    #[test]
    fn what_was_edited_or_breaks_is_compared_where_rows_can_be_told_apart() {
        let (compared, left_out) = chosen(DataDiff::default());
        assert_eq!(compared, ["s.a", "s.added", "s.gone", "s.keyed", "s.reads", "s.wide"]);
        let expected = [("s.passes_on", WhyLeftOut::Downstream), ("s.without", WhyLeftOut::NoGrain)];
        assert_eq!(left_out, expected.map(|(name, why)| (name.to_owned(), why)));
    }

    #[test]
    fn where_not_all_can_be_what_was_edited_comes_first() {
        let (compared, left_out) = chosen(DataDiff { max_models: 4, ..DataDiff::default() });
        assert_eq!(compared, ["s.a", "s.gone", "s.keyed", "s.reads", "s.wide"], "what is gone costs nothing");
        assert!(left_out.contains(&("s.added".to_owned(), WhyLeftOut::Beyond(4))), "{left_out:?}");
        let (compared, left_out) = chosen(DataDiff { max_models: 0, ..DataDiff::default() });
        assert_eq!((compared.len(), left_out.len()), (1, 7));
    }

    #[test]
    fn all_means_all() {
        let (compared, left_out) = chosen(DataDiff { max_models: 1, ..DataDiff::default() }.widened());
        assert_eq!((compared.len(), left_out.len()), (8, 0));
    }
}
