//! What a plan costs of its state: `cargo bench --bench state -- [MODELS] [--environments N] [--snapshots N] [--runs N]`.
//!
//! A state of 10,000 snapshots and 500 environments that show 1,000 models each, in a file and on a PostgreSQL of its own, is
//! asked what a plan of a branch asks. Nothing here fails for being slow; `docs/benchmarks.md` says what is wanted.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    dead_code,
    missing_docs,
    reason = "a benchmark with a server and files of its own"
)]

mod measured;
#[path = "../tests/it/postgres.rs"]
#[allow(unused_imports, reason = "its own tests use the rest")]
mod postgres;
#[path = "../tests/it/state_world.rs"]
mod state_world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use measured::{Arguments, least, median};
use offshoot::connect::{self, StatePlace};
use offshoot::fingerprint::Tree;
use offshoot::hash::Digest;
use offshoot::ids::{EnvironmentName, ModelName, PlanId, ProjectName, RefName, StateId};
use offshoot::naming::{IdentifierLimit, TableKey, physical_table};
use offshoot::plan::{Commits, Inputs, Purpose, Unseen, Window, build};
use offshoot::planning::{LIMIT, Question, plan_over};
use offshoot::settings::PhysicalSchemas;
use offshoot::state::{
    About, Build, Environment, Fact, OpenMode, Owner, Pointer, PostgresPlace, Snapshot, State, Status, Terms,
};
use offshoot::time::Timestamp;
use offshoot::turn::Writer;
use state_world::{PATIENT, about, entry, pointer, snapshot};

fn main() {
    let arguments = Arguments::read(&[]);
    let size = Size {
        models: arguments.numbers.first().copied().unwrap_or(1_000),
        snapshots: arguments.number("snapshots", 10_000),
        environments: arguments.number("environments", 500),
    };
    let runs = arguments.number("runs", 21);
    let Size { models, snapshots, environments } = size;
    println!("{snapshots} snapshots, {environments} environments of {models} models, {}", measured::machine());
    println!("{:>10} {:>9} {:>9} {:>9} {:>10}", "", "plan ms", "least", "want", "write ms");
    let scratch = tempfile::tempdir().expect("a folder");
    let file: PathBuf = scratch.path().join("state.db");
    tell("file", &StatePlace::File(file), size, runs);
    let database = postgres::Database::new();
    let place = PostgresPlace { address: database.address(), schema: PostgresPlace::SCHEMA.into() };
    tell("server", &StatePlace::Postgres(place), size, runs);
}

#[derive(Clone, Copy)]
struct Size {
    models: usize,
    snapshots: usize,
    environments: usize,
}

fn tell(name: &str, place: &StatePlace, size: Size, runs: usize) {
    let writes = fill(place, size);
    let times: Vec<Duration> = (0..runs).map(|_| ask(place, size)).collect();
    let milliseconds = |seconds: f64| seconds * 1_000.0;
    println!(
        "{name:>10} {:>9.1} {:>9.1} {:>9} {:>10.1}",
        milliseconds(median(&times)),
        milliseconds(least(&times)),
        100,
        milliseconds(median(&writes))
    );
}

fn open(place: &StatePlace, mode: &OpenMode) -> Box<dyn State> {
    connect::state(place, &ProjectName::default(), mode, &Terms::default()).expect("opens")
}

/// A model as its `version`th fingerprint is.
fn key(model: usize, version: usize) -> TableKey {
    let model = ModelName::parse(&format!("marts.model_{model}")).expect("a name");
    TableKey { model, data_fingerprint: Digest::of("bench", &version.to_string()) }
}

fn snapshot_of(key: TableKey) -> Snapshot {
    Snapshot {
        table: physical_table(&key, &PhysicalSchemas::default(), IdentifierLimit::SMALLEST),
        key,
        ..snapshot("a.b")
    }
}

/// An environment shows production's tables, but of one model in fifty its own.
fn shown(size: Size, number: usize) -> BTreeMap<ModelName, Pointer> {
    let versions = (size.snapshots / size.models).max(1);
    let of = |model: usize| {
        let key = key(model, if number > 0 && model % 50 == number % 50 { number % versions } else { 0 });
        let table = Some(physical_table(&key, &PhysicalSchemas::default(), IdentifierLimit::SMALLEST));
        (key.model, Pointer { data_fingerprint: key.data_fingerprint, table, ..pointer("a.b") })
    };
    (0..size.models).map(of).collect()
}

fn environment(number: usize) -> About {
    let (name, owner) = match number {
        0 => (EnvironmentName::PROD.to_owned(), Owner::Named),
        _ => (format!("x_{number}"), Owner::Branch(RefName::of_branch(&format!("x{number}")))),
    };
    About { plan_id: PlanId::new(format!("plan-{number}")), ..about(&name, owner, "") }
}

/// Fills a state; gives how long it took to write each environment.
fn fill(place: &StatePlace, size: Size) -> Vec<Duration> {
    let mode = OpenMode::Write { state: StateId::new("5eed"), algorithm_version: 1 };
    let state = open(place, &mode);
    let lease = state.lease("bench", PATIENT).expect("nobody else");
    for version in 0..(size.snapshots / size.models).max(1) {
        let fact = |model: usize| {
            let key = key(model, version);
            let build = Build { key: key.clone(), ..state_world::build("a.b", 1) };
            [Fact::Snapshot(snapshot_of(key)), Fact::Build(build)]
        };
        state.record(&lease, &(0..size.models).flat_map(fact).collect::<Vec<_>>()).expect("recordable");
    }
    let write = |number: usize| {
        let made = Environment { about: environment(number), models: shown(size, number) };
        let begun = Instant::now();
        state.start_plan(&lease, &made.about, None).expect("new");
        state.finish_plan(&lease, &made, &entry(1)).expect("the same plan");
        begun.elapsed()
    };
    (0..size.environments).map(write).collect()
}

/// What a plan of a branch asks, from opening to the last answer.
fn ask(place: &StatePlace, size: Size) -> Duration {
    let environment = EnvironmentName::new("x_1");
    let tree = Tree::new(BTreeMap::new(), BTreeMap::new(), Digest::of("bench", "context"), None).0;
    let keys: BTreeSet<TableKey> = (0..size.models).flat_map(|model| [key(model, 0), key(model, 1)]).collect();
    let begun = Instant::now();
    let state = open(place, &OpenMode::ReadOnlyIfExists);
    let owner = Owner::Branch(RefName::of_branch("x1"));
    assert_eq!(state.resolve_name(&owner, &EnvironmentName::new("x_0")).expect("readable"), environment);
    let prod = state.environment(&EnvironmentName::prod()).expect("readable");
    let current = state.environment(&environment).expect("readable").expect("there");
    assert_eq!(current.about.status, Status::Ready);
    assert!(state.holds().expect("readable").is_empty());
    let commits: Commits = current.about.commits.clone();
    let writer = Writer::Branch(&environment);
    let question = Question { writer, trees: [None; 3], keys, replaced: prod.as_ref() };
    let asked = std::cell::Cell::new(0);
    let plan = plan_over(state.as_ref(), &question, &|known| {
        asked.set(known.tables.len());
        build(Inputs {
            environment: environment.clone(),
            suffix: offshoot::settings::EnvironmentSuffix::default(),
            commits: commits.clone(),
            base: &tree,
            result: &tree,
            promoted: None,
            production: None,
            known,
            purpose: Purpose::Apply,
            now: Timestamp(0),
            schemas: &PhysicalSchemas::default(),
            limit: LIMIT,
            problems: Vec::new(),
            unseen: Unseen::default(),
            window: Window::Everything,
        })
    });
    let took = begun.elapsed();
    assert!(plan.expect("readable").targets.is_empty() && asked.get() >= size.models);
    took
}
