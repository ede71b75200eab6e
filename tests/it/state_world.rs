//! Values that the suites of the state share.

use std::collections::BTreeMap;
use std::time::Duration;

use offshoot::decision::KeptRows;
use offshoot::hash::Digest;
use offshoot::ids::{CommitId, EnvironmentName, ModelName, PlanId, RefName, TableName};
use offshoot::model::KindName;
use offshoot::naming::{self, IdentifierLimit, TableKey};
use offshoot::plan::{Basis, Commits, Saw, Seen};
use offshoot::rollback::HoldChange;
use offshoot::settings::PhysicalSchemas;
use offshoot::state::{
    About, Build, Column, Environment, Fact, InputRead, Load, NewEntry, Owner, Pointer, Restatement, Snapshot, Status,
    Version, VirtualView,
};
use offshoot::time::{Interval, IntervalUnit, Intervals, Timestamp};

/// Longer than any test waits for a lease that it will get.
pub(crate) const PATIENT: Duration = Duration::from_secs(60);

pub(crate) fn name(text: &str) -> EnvironmentName {
    EnvironmentName::new(text)
}

pub(crate) fn plan(text: &str) -> PlanId {
    PlanId::new(text)
}

pub(crate) fn branch(text: &str) -> Owner {
    Owner::Branch(RefName::new(format!("refs/heads/{text}")))
}

pub(crate) fn model(text: &str) -> ModelName {
    ModelName::parse(text).expect("a model name")
}

pub(crate) fn key(text: &str) -> TableKey {
    TableKey { model: model(text), data_fingerprint: Digest::of("test", text) }
}

pub(crate) fn days(start: &str, end: &str) -> Interval {
    let moment = |text| Timestamp::parse(text).expect("a date");
    Interval::new(moment(start), moment(end)).expect("not empty")
}

pub(crate) fn about(environment: &str, owner: Owner, plan_id: &str) -> About {
    let prod = environment == EnvironmentName::PROD;
    About {
        name: name(environment),
        owner,
        branch: Some(RefName::new("refs/heads/feature/x")),
        base: (!prod).then(EnvironmentName::prod),
        created_from: (!prod).then(|| CommitId::new("aaaa")),
        commits: Commits { base: CommitId::new("aaaa"), head: None, merge_base: None, result_tree: None },
        promoted: prod.then(|| CommitId::new("bbbb")),
        plan_id: plan(plan_id),
        status: Status::Building,
        as_of: Timestamp(5),
        created_at: Timestamp(6),
        updated_at: Timestamp(7),
        expires_at: (!prod).then_some(Timestamp(8)),
    }
}

pub(crate) fn environment(about: About, models: &[&str]) -> Environment {
    let models = models.iter().map(|text| (model(text), pointer(text))).collect::<BTreeMap<_, _>>();
    Environment { about, models }
}

pub(crate) fn pointer(text: &str) -> Pointer {
    let key = key(text);
    let view = TableName { catalog: Some("shop".into()), schema: "staging".into(), name: "o.\"x".into() };
    Pointer {
        kind: KindName::Full,
        data_fingerprint: key.data_fingerprint,
        metadata_fingerprint: Digest::of("test-metadata", text),
        source: Some(Digest::of("test-source", text)),
        undecided: None,
        kept: KeptRows::default(),
        basis: Basis::Whole,
        table: Some(naming::physical_table(&key, &PhysicalSchemas::default(), IdentifierLimit::SMALLEST)),
        view: Some(VirtualView { name: view, definition: Digest::of("test-view", text) }),
    }
}

pub(crate) fn entry(at: i64) -> NewEntry {
    NewEntry {
        commit: Some(CommitId::new("cccc")),
        at: Timestamp(at),
        run: "ada".into(),
        origin: None,
        hold: HoldChange::Stays,
        facts: Vec::new(),
    }
}

pub(crate) fn snapshot(text: &str) -> Snapshot {
    let key = key(text);
    Snapshot {
        table: naming::physical_table(&key, &PhysicalSchemas::default(), IdentifierLimit::SMALLEST),
        key,
        kind: KindName::IncrementalByTimeRange,
        columns: vec![Column { name: "größe \"x\"".into(), data_type: "DECIMAL(18,3)".into() }],
        unit: IntervalUnit::QuarterHour,
        created_at: Timestamp(10),
        as_of: None,
    }
}

pub(crate) fn load(text: &str, interval: Interval, loaded_at: i64) -> Fact {
    Fact::Load(Load {
        key: key(text),
        interval,
        loaded_at: Timestamp(loaded_at),
        run: "ada".into(),
        inputs: Some(seen()),
    })
}

/// What something found in its inputs.
fn seen() -> Vec<Seen> {
    let covered = Intervals::one(Interval { start: Timestamp(5), end: Timestamp(9) });
    let saw = [Saw::Ranges { covered, complete: Timestamp(8) }, Saw::Whole(Digest::of("test", "seen"))];
    saw.into_iter().map(|saw| Seen { input: ModelName::parse("raw.orders").expect("a name"), saw }).collect()
}

pub(crate) fn build(text: &str, started_at: i64) -> Build {
    Build {
        key: key(text),
        rows: Some(1_000),
        bytes: None,
        duration: Duration::from_millis(1_500),
        started_at: Timestamp(started_at),
        intervals: vec![days("2026-01-01", "2026-02-01")],
        inputs: vec![InputRead { key: key("raw.orders"), newest: Timestamp(9) }],
        seen: Some(seen()),
        run: "ada".into(),
        made_for: None,
        plan_id: None,
        restatement: Restatement::No,
    }
}

/// What a reader saw of an environment whose plan was through.
pub(crate) fn ready(plan_id: &str) -> Version {
    Version { plan_id: plan(plan_id), status: Status::Ready }
}

/// What a reader saw of an environment whose plan was not through.
pub(crate) fn building(plan_id: &str) -> Version {
    Version { plan_id: plan(plan_id), status: Status::Building }
}
