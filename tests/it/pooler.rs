//! PostgreSQL behind pgbouncer, which gives each transaction another session: nothing may be taken for granted of a session,
//! neither what was set in it nor what was prepared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::sync::{Arc, LazyLock};

use offshoot::engine::Engine as _;
use offshoot::engine::postgres::{Postgres, PostgresConfig};
use offshoot::postgres::Address;

use crate::engine_conformance::{Place, Warehouse};
use crate::engine_postgres::config;
use crate::on_postgres::conversations::lives;
use crate::on_postgres::{FILES, OnPostgres};
use crate::postgres::{Database, PASSWORD, as_nobody_special, free_port, give, start};
use crate::world::World;

static POOLER: LazyLock<Pooler> = LazyLock::new(Pooler::start);

struct Pooler {
    port: u16,
    // Its end tells the watcher that this process is gone.
    _watched: ChildStdin,
}

impl Pooler {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("offshoot-pooler").tempdir().expect("a folder").keep();
        let database = Database::new();
        let server = database.address();
        fs::write(folder.join("users"), format!("\"{}\" \"{PASSWORD}\"\n", server.user)).expect("written");
        let (users, settings) = (folder.join("users").display().to_string(), folder.join("settings.ini"));
        loop {
            let port = free_port();
            // Sessions are dealt in turn, so that no two transactions after another have the same one.
            let text = format!(
                "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
                 unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {users}\npool_mode = transaction\n\
                 default_pool_size = 12\nserver_round_robin = 1\nmax_client_conn = 400\n",
                server.port
            );
            fs::write(&settings, text).expect("written");
            give(&folder);
            let mut pooler = as_nobody_special(&program());
            if let Some(watched) = start(pooler.arg(&settings), &folder, &Address { port, ..server.clone() }) {
                return Self { port, _watched: watched };
            }
        }
    }
}

/// Where pgbouncer is; `scripts/postgres-server.sh` looks in the same places and installs what is missing.
fn program() -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/opt/homebrew/bin", "/usr/local/bin"];
    let mut places = folders.iter().map(|folder| Path::new(folder).join("pgbouncer"));
    places.find(|place| place.exists()).expect("pgbouncer (`make test` installs it)")
}

/// A database's address at the pooler.
pub(crate) fn through_the_pooler(database: &Database) -> Address {
    Address { port: POOLER.port, ..database.address() }
}

/// An engine at an address.
fn engine(database: &Database, address: Address) -> Postgres {
    Postgres::new(PostgresConfig { address, ..config(database) }, Arc::default())
}

pub(crate) fn warehouse() -> Warehouse {
    let database = Database::new();
    Warehouse { engine: Box::new(engine(&database, through_the_pooler(&database))), _place: Place::Server(database) }
}

#[test]
fn a_project_lives_behind_a_pooler() {
    lives(&OnPostgres::by_way_of(through_the_pooler, World::empty(), &FILES));
}

/// Its name is looked up in the catalogue, and no statement may be prepared for that.
#[test]
fn types_that_somebody_made_are_told() {
    let database = Database::new();
    let engine = engine(&database, through_the_pooler(&database));
    let client = database.client();
    client.batch("CREATE TYPE mood AS ENUM ('sad', 'glad')").expect("a type");
    for _ in 0..3 {
        let mut session = engine.session().expect("a session");
        let told = session.describe("select 'sad'::mood as m, array['sad'::mood] as l").expect("columns");
        let told: Vec<&str> = told.iter().map(|column| column.data_type.as_str()).collect();
        assert_eq!(told, ["mood", "mood[]"]);
        let mut other = engine.session().expect("a session");
        assert_eq!(other.query("select 'glad'::mood as m").expect("rows").rows, [[Some("glad".to_owned())]]);
    }
}
