//! What a model should have beside its query: audits, a unit test, and declared tables to read.

use std::collections::BTreeSet;

use super::subject::{Finding, Spot, Subject};
use super::unit_tests::UnitTests;
use crate::ids::ModelName;
use crate::model::Kind;
use crate::project::is_no_model;
use crate::sql::{Certainty, Query};

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
    let model = subject.model;
    let is_missing = |name: &ModelName| {
        let Subject { tree, .. } = subject;
        !tree.models.contains_key(name) && !tree.broken.contains(name) && !is_no_model(name)
    };
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    let relations = model.query.as_ref().map(Query::relations).unwrap_or_default();
    let named = relations.iter().filter(|relation| relation.certainty == Certainty::Table);
    let read = named.map(|relation| (&relation.name, Spot::Query(relation.range.start)));
    let declared = model.properties.depends_on.iter().map(|name| (name, Spot::Property("depends_on")));
    for (name, spot) in read.chain(declared) {
        if is_missing(name) && told.insert(name) {
            findings.push(Finding {
                spot,
                message: format!("`{}` reads `{name}`, which is neither a model nor declared", model.name),
                help: "declare it in `external_models.yaml`".into(),
            });
        }
    }
    findings
}
