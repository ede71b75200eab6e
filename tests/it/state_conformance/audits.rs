//! What audits found.

use offshoot::model::Weight;
use offshoot::naming::{IdentifierLimit, physical_table};
use offshoot::settings::PhysicalSchemas;
use offshoot::state::{AuditResult, State};
use offshoot::time::Timestamp;

use super::{Factory, lease};
use crate::state_world::{key, model, plan};

/// What an audit of a model found under a plan.
pub(super) fn result(of: &str, plan_id: &str, at: i64) -> AuditResult {
    AuditResult {
        model: model(of),
        audit: "not_null(columns := (a, \"b\"))".into(),
        plan_id: plan(plan_id),
        table: Some(physical_table(&key(of), &PhysicalSchemas::default(), IdentifierLimit::SMALLEST)),
        weight: Weight::Blocking,
        rows: 3,
        production: None,
        at: Timestamp(at),
        run: "bot run".into(),
    }
}

fn found(state: &dyn State) -> Vec<AuditResult> {
    state.audit_results().expect("readable")
}

pub(super) fn what_an_audit_found_last_in_a_table_under_a_plan_counts(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    assert_eq!(found(state.as_ref()), []);
    let first = result("a.b", "one", 1);
    state.record_audits(&lease, std::slice::from_ref(&first)).expect("writable");
    assert_eq!(found(state.as_ref()), std::slice::from_ref(&first));
    let again = AuditResult { rows: u64::from(u32::MAX), production: Some(7), weight: Weight::Told, ..first.clone() };
    let view = AuditResult { table: None, ..first.clone() };
    let other = AuditResult { audit: "x()".into(), ..first.clone() };
    state.record_audits(&lease, &[first, other.clone(), view.clone(), again.clone()]).expect("writable");
    assert_eq!(found(state.as_ref()), [view, again, other]);
    assert_eq!(found(store.open("other").as_ref()), [], "another project's are its own");
    state.record_audits(&lease, &[]).expect("nothing is to be written");
}

pub(super) fn the_newest_results_of_an_audit_are_kept(store: &impl Factory) {
    let state = store.open("");
    let lease = lease(state.as_ref());
    let numbered = |number: i64| result("a.b", &format!("plan {number:02}"), number);
    let other = result("c.d", "old", 0);
    state.record_audits(&lease, std::slice::from_ref(&other)).expect("writable");
    let other_project = store.open("other");
    other_project.record_audits(&lease, &[numbered(1)]).expect("writable");
    for number in 1..=25 {
        state.record_audits(&lease, &[numbered(number)]).expect("writable");
    }
    let expected: Vec<AuditResult> = (6..=25).map(numbered).chain([other]).collect();
    assert_eq!(found(state.as_ref()), expected);
    assert_eq!(found(other_project.as_ref()), [numbered(1)]);
}
