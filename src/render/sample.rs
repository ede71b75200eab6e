//! A plan with one of everything, hostile names included, for the snapshot tests of all faces.

use crate::hash::Digest;
use crate::ids::{CommitId, EnvironmentName, FilePath, ModelName, TableName, TreeId};
use crate::model::KindName;
use crate::plan::{Action, Basis, Build, Category, Change, Commits, Outcome, Plan, PlannedModel, Reason, Summary};
use crate::problem::Problem;
use crate::settings::EnvironmentSuffix;
use crate::sql::Opaque;
use crate::time::{Interval, IntervalUnit, Timestamp};

pub(super) fn hostile_name() -> ModelName {
    let parts = ["mar|ts", "x`y\u{1b}[31m\u{202e}\n</details><img src=x>@org/team"];
    ModelName::from_parts(parts.map(str::to_owned).into()).expect("a name")
}

pub(super) fn january() -> Interval {
    let moment = |text| Timestamp::parse(text).expect("a date");
    Interval::new(moment("2026-01-01"), moment("2026-02-01")).expect("a range")
}

fn name(text: &str) -> ModelName {
    ModelName::parse(text).expect("a name")
}

fn model(name: ModelName, change: Change, action: Action, reasons: Vec<Reason>) -> PlannedModel {
    let digest = Digest::of("sample", &name.to_string());
    let table = TableName {
        catalog: None,
        schema: format!("offshoot__{}", name.schema().unwrap_or("main")),
        name: format!("{}__{}", name.table(), digest.short(12)),
    };
    PlannedModel {
        name,
        kind: KindName::Full,
        change,
        category: Category::None,
        reasons,
        action,
        table: Some(table),
        data_fingerprint: digest,
        unit: IntervalUnit::Day,
        intervals_missing: Vec::new(),
        due_at_promote: Vec::new(),
        basis: Basis::Whole,
    }
}

pub(super) fn plan() -> Plan {
    let fact = PlannedModel {
        kind: KindName::IncrementalByTimeRange,
        category: Category::Breaking,
        intervals_missing: vec![january()],
        due_at_promote: vec![january()],
        ..model(
            name("staging.orders"),
            Change::Modified,
            Action::Build,
            vec![
                Reason::RowsChanged,
                Reason::ColumnAdded { column: "is_test".into() },
                Reason::PropertyChanged {
                    property: "pre_statements".into(),
                    old: None,
                    new: Some("SET x = 1;\n```\n@everyone".into()),
                },
            ],
        )
    };
    let view = PlannedModel {
        kind: KindName::View,
        category: Category::NonBreaking,
        table: None,
        ..model(
            name("marts.revenue"),
            Change::Indirect,
            Action::View,
            vec![Reason::ParentColumn { parent: name("staging.orders"), column: "amount".into() }],
        )
    };
    let opaque = Reason::Opaque { what: Opaque::Construct("PIVOT".into()) };
    let models = vec![
        fact,
        model(hostile_name(), Change::Added, Action::Build, vec![Reason::Added, opaque]),
        view,
        PlannedModel {
            category: Category::Metadata,
            ..model(
                name("marts.dates"),
                Change::Metadata,
                Action::Reuse,
                vec![Reason::MetadataChanged {
                    property: "owner".into(),
                    old: Some("ada".into()),
                    new: Some("[grace](http://evil.example)".into()),
                }],
            )
        },
        model(
            name("marts.customers"),
            Change::Unaffected,
            Action::Reuse,
            vec![Reason::ReadsNothingChanged { parent: name("staging.orders") }],
        ),
        model(name("legacy.orders_v1"), Change::Removed, Action::Drop, vec![Reason::Removed]),
    ];
    Plan {
        environment: EnvironmentName::new("feature_fx_rates_3fa2"),
        suffix: EnvironmentSuffix::Schema,
        commits: Commits {
            base: CommitId::new("77ab01d4c3b2a19080706050403020100f0e0d0c"),
            head: Some(CommitId::new("9f3c2e1a9f3c2e1a9f3c2e1a9f3c2e1a9f3c2e1a")),
            merge_base: None,
            result_tree: Some(TreeId::new("1111222233334444555566667777888899990000")),
        },
        targets: Vec::new(),
        models,
        drift: vec![model(name("staging.products"), Change::Modified, Action::Reuse, vec![Reason::RowsChanged])],
        summary: Summary {
            models: 14,
            added: 1,
            modified: 1,
            indirect: 1,
            metadata: 1,
            removed: 1,
            unaffected: 1,
            reused: 9,
            to_build: 2,
        },
        problems: vec![
            Problem::info("never-promoted", "nothing was promoted yet").help("run `bot promote` on main first"),
            Problem::error("missing-seed", "seed `seeds/a|b.csv` is not in the tree")
                .at(&FilePath::new("models/<b>seed\u{1b}]0;x\u{7}.sql"))
                .position(3, 9)
                .help("the nearest is `seeds/ab.csv`, ask @org/data"),
        ],
    }
}

pub(super) fn outcome() -> Outcome {
    let plan = plan();
    let builds = plan
        .models
        .iter()
        .filter(|model| model.action == Action::Build)
        .zip([Some(1204), None])
        .map(|(model, rows)| Build {
            model: model.name.clone(),
            table: model.table.clone().expect("a table"),
            rows,
            seconds: 0.1234,
            unit: model.unit,
            intervals: model.intervals_missing.clone(),
        })
        .collect();
    Outcome { plan, builds, swapped: 3, released: None, seconds: 61.25 }
}
