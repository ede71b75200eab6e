//! What a model should have beside its query: audits, a unit test, and declared tables to read.

use super::subject::{Finding, Spot, Subject};
use super::unit_tests::UnitTests;
use crate::ids::ModelName;
use crate::model::Kind;
use crate::project::{Owned, unowned_reads};

/// `nomissingaudits`: every model has an audit, its own or a default, but what is shown nowhere.
pub(super) fn audits(subject: &Subject<'_>) -> Vec<Finding> {
    let model = subject.model;
    if matches!(model.kind, Kind::Embedded | Kind::External) || !model.properties.audits.is_empty() {
        return Vec::new();
    }
    vec![Finding {
        spot: Spot::Header,
        message: format!("`{}` has no audit", model.name),
        help: "add one, such as `audits (not_null(columns := (id)))`".into(),
    }]
}

/// `nomissingunittest`: a file `test….yaml` in `tests/` names every model that the project owns.
pub(super) fn unit_test(subject: &Subject<'_>, tests: &UnitTests) -> Vec<Finding> {
    let model = subject.model;
    if matches!(model.kind, Kind::External) || tests.has(model) {
        return Vec::new();
    }
    vec![Finding {
        spot: Spot::Header,
        message: format!("`{}` has no unit test", model.name),
        help: format!("add one to `tests/test_{}.yaml`, with `model: {}`", model.name.table(), model.name),
    }]
}

/// `nomissingexternalmodels`: every table that a query or `depends_on` names is a model or is declared.
pub(super) fn external_models(subject: &Subject<'_>) -> Vec<Finding> {
    let (model, tree) = (subject.model, subject.tree);
    let owned = Owned { models: &tree.models, broken: &tree.broken };
    let finding = |(name, offset): (&ModelName, Option<usize>)| Finding {
        spot: offset.map_or(Spot::Property("depends_on"), Spot::Query),
        message: format!("`{}` reads `{name}`, which is neither a model nor declared", model.name),
        help: "let `bot external` declare it in `external_models.yaml`".into(),
    };
    unowned_reads(model, owned).into_iter().map(finding).collect()
}
