//! What a plan costs of its state: how often it is asked, and that this does not grow with the environments there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use offshoot::connect::{self, StatePlace};
use offshoot::ids::{EnvironmentName, PlanId, ProjectName, RefName, StateId};
use offshoot::state::{About, Environment, NewEntry, OpenMode, Owner, PostgresPlace, Status, Terms};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::lab::{TOTAL, edit, orders};
use crate::on_postgres::OnPostgres;
use crate::state_world::{PATIENT, entry};
use crate::world::World;

/// Counts what stores tell of being asked, on one thread.
struct Counter(Arc<AtomicUsize>);

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "offshoot::state" && *metadata.level() == tracing::Level::TRACE
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// How often a store is asked while this thread does something.
pub(crate) fn round_trips<T>(work: impl FnOnce() -> T) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    tracing::subscriber::with_default(Counter(Arc::clone(&count)), work);
    count.load(Ordering::Relaxed)
}

/// Environments that show what production shows, beside those that are there.
fn add_environments(place: &StatePlace, numbers: std::ops::Range<usize>) {
    let mode = OpenMode::Write { state: StateId::new("unused"), algorithm_version: 1 };
    let state = connect::state(place, &ProjectName::default(), &mode, &Terms::default()).expect("opens");
    let lease = state.lease("bot test", PATIENT).expect("nobody else");
    let prod = state.environment(&EnvironmentName::prod()).expect("readable").expect("promoted");
    for number in numbers {
        let branch = RefName::of_branch(&format!("x{number}"));
        let about = About {
            name: EnvironmentName::new(format!("x_{number}")),
            owner: Owner::Branch(branch),
            promoted: None,
            plan_id: PlanId::new(format!("plan-{number}")),
            status: Status::Building,
            ..prod.about.clone()
        };
        state.start_plan(&lease, &about, None).expect("new");
        let entry = NewEntry { commit: None, ..entry(1) };
        state.finish_plan(&lease, &Environment { about, models: prod.models.clone() }, &entry).expect("the same plan");
    }
}

fn plan(world: &World) -> usize {
    round_trips(|| {
        let planned = world.done(&["plan", "--format", "json"]).json();
        assert_eq!(planned["summary"]["to_build"], 1, "{planned}");
    })
}

fn assert_constant(world: &World, place: &StatePlace, most: usize) {
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(world, &[("models/total.sql", &TOTAL.replace("SUM(amount)", "SUM(amount) + 1"))]);
    add_environments(place, 0..3);
    let few = plan(world);
    add_environments(place, 3..60);
    assert_eq!(plan(world), few);
    assert!(few > 0 && few <= most, "{few} round trips");
}

#[test]
fn a_plan_asks_a_file_as_often_beside_sixty_environments_as_beside_three() {
    let world = orders();
    let place = StatePlace::File(world.state());
    assert_constant(&world, &place, 14);
}

#[test]
fn a_plan_asks_a_server_as_often_beside_sixty_environments_as_beside_three() {
    let shared = OnPostgres::new();
    let place = PostgresPlace { address: shared.database.address(), schema: PostgresPlace::SCHEMA.into() };
    assert_constant(&shared.world, &StatePlace::Postgres(place), 16);
}
