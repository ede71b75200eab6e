//! The pull request of the research's example: two trees, the plan between them, and what building it would have told.

use std::collections::{BTreeMap, BTreeSet};

use crate::data_diff::{
    ByColumn, ByGrain, ColumnDiff, Compared, DataDiff, LeftOut, ModelDataDiff, Profile, SchemaChange, Sides,
    WhyByColumn, WhyLeftOut,
};
use crate::event::{Account, AccountKind, Comment};
use crate::fingerprint::Tree;
use crate::fingerprint::tests::tree;
use crate::hash::Digest;
use crate::ids::{
    CommentId, CommitId, EnvironmentName, FilePath, Login, ModelName, ProjectName, PullRequestNumber, RepositoryName,
    RunId, TableName,
};
use crate::naming::{IdentifierLimit, TableKey, physical_table};
use crate::plan::{Action, Build, Known, KnownLoad, KnownTable, Outcome, Plan, PlannedModel, Sharing, ShownBefore};
use crate::problem::Problem;
use crate::report::tests::plan_between;
use crate::report::{
    Built, Cost, Estimate, Findings, Freshness, Price, PullRequest, Report, Run, Saved, State, Took, Work,
    destructions, estimates, neighbourhood, sql_changes,
};
use crate::settings::PhysicalSchemas;
use crate::sticky::{History, PastPlan, Previous, RunKey, Verdict, previous};
use crate::time::{Interval, IntervalUnit, Timestamp};

use super::super::{COMMENT, Commands, comment};

const BASE: &str = "//- external_models.yaml
- name: raw.orders
  columns: {order_id: bigint, customer_id: bigint, amount: double, is_test: boolean, ordered_at: date}
- name: raw.customers
  columns: {customer_id: bigint, country: varchar, segment: varchar}
//- models/staging/orders.sql
MODEL (name staging.orders, kind FULL, grain order_id);
SELECT o.order_id, o.customer_id, o.amount, o.ordered_at FROM raw.orders AS o
//- models/staging/customers.sql
MODEL (name staging.customers, kind FULL, grain customer_id);
SELECT c.customer_id, c.country FROM raw.customers AS c
//- models/marts/fct_revenue_daily.sql
MODEL (name marts.fct_revenue_daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2024-01-01', grain day);
SELECT ordered_at AS day, sum(amount) AS revenue FROM staging.orders
WHERE ordered_at BETWEEN @start_ds AND @end_ds GROUP BY 1
//- models/marts/rpt_exec_summary.sql
MODEL (name marts.rpt_exec_summary, kind VIEW);
SELECT sum(revenue) AS revenue FROM marts.fct_revenue_daily
//- models/marts/dim_customers.sql
MODEL (name marts.dim_customers, kind FULL);
SELECT customer_id, country FROM staging.customers
//- models/marts/dim_dates.sql
MODEL (name marts.dim_dates, kind FULL, owner ada);
SELECT DATE '2026-01-01' AS day
//- models/legacy/orders_v1.sql
MODEL (name legacy.orders_v1, kind FULL);
SELECT order_id, amount FROM raw.orders
//- models/legacy/finance_weekly.sql
MODEL (name legacy.finance_weekly, kind FULL);
SELECT count(*) AS n FROM legacy.orders_v1
";

const BRANCH: &str = "//- external_models.yaml
- name: raw.orders
  columns: {order_id: bigint, customer_id: bigint, amount: double, is_test: boolean, ordered_at: date}
- name: raw.customers
  columns: {customer_id: bigint, country: varchar, segment: varchar}
//- seeds/fx_rates.csv
day,currency,rate
2026-01-01,USD,1.1
//- models/raw/fx_rates.sql
MODEL (name raw.seed_fx_rates, kind SEED (path '$root/seeds/fx_rates.csv'));
//- models/staging/orders.sql
MODEL (name staging.orders, kind FULL, grain order_id);
-- Test orders are no orders.
SELECT o.order_id, NULLIF(o.customer_id, 0) AS customer_id, CAST(o.amount AS DECIMAL(18, 2)) AS amount, o.ordered_at
FROM raw.orders AS o
WHERE NOT o.is_test
//- models/staging/customers.sql
MODEL (name staging.customers, kind FULL, grain customer_id);
SELECT c.customer_id, c.country, c.segment FROM raw.customers AS c
//- models/marts/fct_revenue_daily.sql
MODEL (name marts.fct_revenue_daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day), start '2024-01-01', grain day);
SELECT ordered_at AS day, sum(amount) AS revenue FROM staging.orders
WHERE ordered_at BETWEEN @start_ds AND @end_ds GROUP BY 1
//- models/marts/fct_refunds.sql
MODEL (name marts.fct_refunds, kind FULL);
SELECT o.order_id, o.amount * r.rate AS refund FROM staging.orders AS o
JOIN raw.seed_fx_rates AS r ON r.day = o.ordered_at
//- models/marts/rpt_exec_summary.sql
MODEL (name marts.rpt_exec_summary, kind VIEW);
SELECT sum(revenue) AS revenue FROM marts.fct_revenue_daily
//- models/marts/dim_customers.sql
MODEL (name marts.dim_customers, kind FULL);
SELECT customer_id, country FROM staging.customers
//- models/marts/dim_dates.sql
MODEL (name marts.dim_dates, kind FULL, owner grace);
SELECT DATE '2026-01-01' AS day
//- models/legacy/finance_weekly.sql
MODEL (name legacy.finance_weekly, kind FULL);
SELECT count(*) AS n FROM legacy.orders_v1
";

/// Only a column is added, which nobody reads yet.
const QUIET_BRANCH: (&str, &str) = ("c.customer_id, c.country FROM", "c.customer_id, c.country, c.segment FROM");

pub(super) fn name(text: &str) -> ModelName {
    ModelName::parse(text).expect("a name")
}

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a moment")
}

fn days(from: &str, to: &str) -> Interval {
    Interval::new(moment(from), moment(to)).expect("a range")
}

fn table(tree: &Tree, model: &ModelName) -> TableName {
    let data_fingerprint = tree.fingerprints[model].data;
    physical_table(
        &TableKey { model: model.clone(), data_fingerprint },
        &PhysicalSchemas::default(),
        IdentifierLimit::SMALLEST,
    )
}

/// Production shows every model of the base.
fn known(base: &Tree) -> Known {
    let mut known = Known::default();
    for (model, fingerprint) in
        base.fingerprints.iter().filter(|(model, _)| base.models[*model].kind.name().has_table())
    {
        let key = TableKey { model: model.clone(), data_fingerprint: fingerprint.data };
        let is_daily = model.table() == "fct_revenue_daily";
        let load = KnownLoad { interval: days("2024-01-01", "2026-11-22"), at: moment("2026-11-22"), inputs: None };
        let loads = if is_daily { vec![load] } else { Vec::new() };
        let filled_at = (!is_daily).then(|| moment("2026-11-22"));
        let table = table(base, model);
        known.prod.insert(model.clone(), key.clone());
        known.tables.insert(
            key,
            KnownTable {
                shown: ShownBefore::No,
                table,
                kind: base.models[model].kind.name(),
                loads,
                filled_at,
                inputs: Vec::new(),
                seen: None,
                sharing: Sharing::Shared,
            },
        );
    }
    known
}

fn planned(base: &Tree, result: &Tree) -> Plan {
    let mut plan = plan_between(base, result, &known(base), moment("2026-11-22"));
    // What `backfill.max_days` makes of it.
    for model in plan.models.iter_mut().filter(|model| model.name.table() == "fct_revenue_daily") {
        model.intervals_missing = vec![days("2026-10-23", "2026-11-22")];
        model.due_at_promote = vec![days("2024-01-01", "2026-10-23")];
    }
    plan
}

fn outcome(plan: Plan) -> Outcome {
    let measured: BTreeMap<&str, (u64, f64)> = BTreeMap::from([
        ("staging.orders", (1_204_118, 48.2)),
        ("staging.customers", (88_410, 6.1)),
        ("raw.seed_fx_rates", (1_826, 0.4)),
        ("marts.fct_refunds", (9_204, 21.0)),
        ("marts.fct_revenue_daily", (30, 52.4)),
    ]);
    let built = plan.models.iter().filter(|model| model.action == Action::Build);
    let builds = built.map(|model| {
        let (rows, seconds) = measured.get(model.name.to_string().as_str()).copied().unwrap_or((1, 0.1));
        Build {
            model: model.name.clone(),
            table: model.table.clone().expect("a table"),
            rows: Some(rows),
            seconds,
            unit: model.unit,
            intervals: model.intervals_missing.clone(),
        }
    });
    Outcome { builds: builds.collect(), swapped: 8, released: None, seconds: 131.0, plan }
}

/// What one run built is what was built for the pull request.
fn built(outcome: Outcome) -> Findings {
    let Outcome { plan, builds, swapped, released: _, seconds } = outcome;
    let fingerprint =
        |name: &ModelName| plan.models.iter().find(|model| model.name == *name).map(|m| m.data_fingerprint);
    let work = |build: &Build| Work {
        key: TableKey { model: build.model.clone(), data_fingerprint: fingerprint(&build.model).expect("planned") },
        rows: build.rows,
        bytes: None,
        seconds: build.seconds,
        unit: build.unit,
        intervals: build.intervals.clone(),
    };
    let cost = Cost { spent: builds.iter().map(work).collect(), ..Cost::default() };
    Findings { built: Some(Built { builds, swapped, seconds }), cost, ..Findings::planned(plan) }
}

fn earlier() -> BTreeMap<ModelName, Vec<Work>> {
    let model = name("marts.fct_revenue_daily");
    let work = Work {
        key: TableKey { model: model.clone(), data_fingerprint: Digest::of("test", "earlier") },
        rows: Some(120),
        bytes: Some(5_153_960_755),
        seconds: 63.0,
        unit: IntervalUnit::Day,
        intervals: vec![days("2026-01-01", "2026-05-01")],
    };
    BTreeMap::from([(model, vec![work])])
}

fn data() -> DataDiff {
    let by_grain = |grain: &str, rows: Sides, only: Sides, changed, columns: &[(&str, u64)]| {
        let columns = columns.iter().map(|(column, count)| ((*column).to_owned(), *count)).collect();
        Compared::ByGrain(ByGrain { grain: vec![grain.into()], ranges: Vec::new(), rows, only, changed, columns })
    };
    let model =
        |text: &str, schema, compared| ModelDataDiff { name: name(text), unit: IntervalUnit::Day, schema, compared };
    let retyped = |column: &str, old: &str, new: &str| SchemaChange::Retyped {
        column: column.into(),
        old: old.into(),
        new: new.into(),
    };
    let added =
        |column: &str, data_type: &str| SchemaChange::Added { column: column.into(), data_type: data_type.into() };
    let both = |rows| Sides { here: rows, base: rows };
    let profile = |nulls: &str, mean: &str| Profile {
        nulls: Some(nulls.into()),
        distinct: Some("1".into()),
        least: Some("the-least-secret".into()),
        greatest: Some("the-greatest-secret".into()),
        mean: Some(mean.into()),
    };
    let revenue = ByGrain {
        grain: vec!["day".into()],
        ranges: vec![days("2026-10-23", "2026-11-22")],
        rows: both(30),
        only: Sides::default(),
        changed: 30,
        columns: vec![("revenue".into(), 30)],
    };
    let summary = ByColumn {
        why: WhyByColumn::NoGrain,
        ranges: Vec::new(),
        rows: both(1),
        columns: vec![ColumnDiff {
            name: "revenue".into(),
            here: profile("0", "912044.21"),
            base: profile("0", "948100.07"),
        }],
    };
    DataDiff {
        environment: environment(),
        base: EnvironmentName::prod(),
        models: vec![
            model("legacy.orders_v1", Vec::new(), Compared::Removed),
            model("marts.fct_refunds", Vec::new(), Compared::Added { rows: 9_204 }),
            model("marts.fct_revenue_daily", Vec::new(), Compared::ByGrain(revenue)),
            model("marts.rpt_exec_summary", Vec::new(), Compared::ByColumn(summary)),
            model("raw.seed_fx_rates", Vec::new(), Compared::Added { rows: 1_826 }),
            model(
                "staging.customers",
                vec![added("segment", "VARCHAR")],
                by_grain("customer_id", both(88_410), Sides::default(), 0, &[]),
            ),
            model(
                "staging.orders",
                vec![retyped("amount", "DOUBLE", "DECIMAL(18,2)")],
                by_grain(
                    "order_id",
                    Sides { here: 1_204_118, base: 1_252_328 },
                    Sides { here: 0, base: 48_210 },
                    312,
                    &[("customer_id", 312)],
                ),
            ),
        ],
        left_out: vec![
            LeftOut { name: name("marts.by_region"), why: WhyLeftOut::NoGrain, schema: Vec::new() },
            LeftOut { name: name("staging.payments"), why: WhyLeftOut::Beyond(10), schema: Vec::new() },
        ],
    }
}

fn findings_of(base: &str, result: &str) -> (Findings, Tree, Tree) {
    let (base, result) = (tree(base), tree(result));
    let plan = planned(&base, &result);
    let shown: BTreeSet<ModelName> = base.models.keys().cloned().collect();
    let sources =
        result.models.iter().map(|(name, model)| (name.clone(), FilePath::new(format!("data/{}", model.path))));
    let findings = Findings {
        destructions: destructions(&plan, (&base, &result), None, &shown, &BTreeMap::new()),
        sql: sql_changes(&plan, &base, &result),
        neighbourhood: neighbourhood(&plan, &base, &result),
        sources: sources.collect(),
        ..Findings::planned(plan)
    };
    (findings, base, result)
}

/// What is known before anything is built.
pub(super) fn before_building() -> Findings {
    findings_of(BASE, BRANCH).0
}

/// What is known after everything was built.
pub(in crate::render) fn after_building() -> Findings {
    let planned = before_building();
    let outcome = outcome(planned.plan.clone());
    let built = built(outcome);
    let price = Price { currency: "$".into(), tebibyte: Some(6.25), hour: None };
    let mut spent = built.cost.spent.clone();
    let bytes = |model: &str| match model {
        "orders" => 1_288_490_189,
        "customers" => 107_374_182,
        "fct_refunds" => 322_122_547,
        "fct_revenue_daily" => 1_503_238_553,
        _ => 4_096,
    };
    spent.iter_mut().for_each(|work| work.bytes = Some(bytes(work.key.model.table())));
    let estimates = estimates(&planned.plan, &earlier());
    let filled = Estimate { rows: Some(61_204_118), bytes: None, seconds: 5_025.0 };
    let saved = Some(Saved { pointers: 214, work: Some(Took::AtLeast(filled)) });
    Findings {
        built: built.built,
        plan: with_drift_and_a_remark(planned.plan.clone()),
        cost: Cost { spent, estimates, saved, price: Some(price) },
        data: Some(data()),
        freshness: Freshness::MovedAside(1),
        ..planned
    }
}

fn with_drift_and_a_remark(mut plan: Plan) -> Plan {
    let drifted = PlannedModel { name: name("marts.dim_products"), ..plan.models[2].clone() };
    plan.drift.push(drifted);
    let remark = Problem::info(
        "shared-table",
        "the table of `raw.events` lacks some of its time and is another environment's, too",
    );
    plan.problems.push(remark.help("promote loads the rest, or that environment"));
    plan
}

/// A branch that adds a column, built; nothing stands in its way.
pub(super) fn quiet() -> Findings {
    let result = BASE.replacen(QUIET_BRANCH.0, QUIET_BRANCH.1, 1);
    let (planned, ..) = findings_of(BASE, &result);
    let built = built(outcome(planned.plan.clone()));
    Findings { built: built.built, cost: built.cost, freshness: Freshness::Current, ..planned }
}

pub(super) fn head() -> CommitId {
    CommitId::new("9f3c2e1a9f3c2e1a9f3c2e1a9f3c2e1a9f3c2e1a")
}

fn base_commit() -> CommitId {
    CommitId::new("77ab01d4c3b2a19080706050403020100f0e0d0c")
}

fn environment() -> EnvironmentName {
    EnvironmentName::new("feat_fx_rates_142")
}

pub(in crate::render) fn report(state: State) -> Report {
    Report {
        pull_request: PullRequest {
            server: "https://github.com".into(),
            repository: RepositoryName::parse("acme/analytics").expect("a repository"),
            project: ProjectName::new("analytics"),
            number: PullRequestNumber(142),
            head_branch: "feat/fx-rates".into(),
            base_branch: "main".into(),
            head: head(),
            base: base_commit(),
            environment: environment(),
            expires_at: Some(moment("2026-11-29")),
        },
        run: Run { key: RunKey { id: RunId(7_711_223_344), attempt: 1 }, at: moment("2026-11-22 09:41:07") },
        past: History::default(),
        state,
    }
}

/// The same after so many other plans, each of a day of its own; the last of them was for the same head.
pub(super) fn after_plans(report: Report, plans: u64) -> Report {
    let verdicts = [Verdict::NoChange, Verdict::Failed, Verdict::Stale, Verdict::Partial, Verdict::ReadyAndBreaking];
    let past = (1..=plans).fold(History::default(), |history, number| {
        let head =
            if number == plans { head() } else { CommitId::new(format!("{number:07x}").repeat(6)[..40].to_owned()) };
        let verdict = verdicts[number as usize % verdicts.len()];
        let run = RunKey { id: RunId(7_711_000_000 + number), attempt: number as u32 % 3 };
        history.with(PastPlan { head, verdict, at: moment(&format!("2026-11-{number:02} 12:34:56")), run })
    });
    Report { past, ..report }
}

/// The report of the next commit.
pub(super) fn later(state: State) -> Report {
    let mut report = report(state);
    report.pull_request.head = CommitId::new("abc1234abc1234abc1234abc1234abc1234abc123");
    report.run.key.id.0 += 7;
    report.run.at = moment("2026-11-22 10:15:00");
    report
}

/// What is known when the build stopped after 17 days.
pub(super) fn built_in_part() -> Findings {
    let mut findings = Findings { data: None, ..after_building() };
    let daily = findings.cost.spent.iter_mut().filter(|work| work.key.model.table() == "fct_revenue_daily");
    daily.for_each(|work| {
        (work.intervals, work.seconds) = (vec![days("2026-10-23", "2026-11-09")], 29.6);
    });
    findings
}

/// The plan of the quiet branch as a comment shows it, found again there.
pub(super) fn shown_before() -> Previous {
    let report = report(State::Built(Box::new(quiet())));
    let body = with_commands(|commands| comment(&report, commands, COMMENT));
    let (comment, own) = found_again(body);
    previous(&[comment], &own, &report.pull_request.project).expect("a plan")
}

/// A comment of ours as GitHub gives it back, and who we are.
pub(super) fn found_again(body: String) -> (Comment, Login) {
    let own = Login::new("github-actions[bot]");
    let author = Some(Account { id: 41_898_282, login: own.clone(), kind: AccountKind::Program });
    (Comment { id: CommentId(1), author, body, created: Timestamp(0), updated: Timestamp(0) }, own)
}

pub(super) fn with_commands<T>(used: impl FnOnce(&Commands<'_>) -> T) -> T {
    let list = ["/bot plan", "/bot backfill marts.fct_revenue_daily --from 2024-01-01", "/bot drop", "/bot help"];
    let list = list.map(str::to_owned);
    used(&Commands {
        list: &list,
        permission: "write",
        plan: "/bot plan",
        apply: "/bot apply",
        allow_destructive: "/bot allow-destructive",
    })
}
