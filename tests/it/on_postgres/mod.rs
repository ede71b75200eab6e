//! The whole program with its warehouse and its state on PostgreSQL.

mod announced;
pub(crate) mod conversations;
mod lost;
mod runs;
pub(crate) mod together;

use std::collections::BTreeMap;

use offshoot::postgres::Address;

use crate::lab::edit;
pub(crate) use crate::postgres::rows;
use crate::postgres::{Database, PASSWORD};
use crate::world::World;

/// A world whose warehouse and state are one database; the database goes with this value.
pub(crate) struct OnPostgres {
    pub(crate) world: World,
    pub(crate) database: Database,
}

/// A password that is not in the configuration, as it should be.
const CONFIG: &str = "gateways:
  shared:
    connection:
      type: postgres
      host: 127.0.0.1
      port: PORT
      user: USER
      password: \"{{ env_var('WAREHOUSE_PASSWORD') }}\"
      database: DATABASE
model_defaults:
  dialect: postgres
  start: 2026-03-26
";

/// The orders of [`crate::lab`], in PostgreSQL's words, and a table by key.
pub(crate) const FILES: [(&str, &str); 6] = [
    ("seeds/orders.csv", "id,amount,day\n1,10,2026-03-26\n2,20,2026-03-27\n3,30,2026-03-31\n"),
    (
        "models/raw.sql",
        "MODEL (name raw.orders, kind SEED (path '../seeds/orders.csv'), columns (id INT, amount INT, day DATE))",
    ),
    (
        "models/daily.sql",
        "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day));\n\
         SELECT day, sum(amount)::int AS amount FROM raw.orders WHERE day BETWEEN @start_date AND @end_date GROUP BY day",
    ),
    (
        "models/latest.sql",
        "MODEL (name marts.latest, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key (id)));\n\
         SELECT id, max(amount) AS amount, max(day) AS day FROM raw.orders GROUP BY id",
    ),
    ("models/total.sql", "MODEL (name marts.total, kind FULL);\nSELECT sum(amount) AS amount FROM marts.daily"),
    ("models/shown.sql", "MODEL (name marts.shown, kind VIEW);\nSELECT amount, 'EUR' AS currency FROM marts.total"),
];

impl OnPostgres {
    /// Those files, committed on main; nothing is promoted.
    pub(crate) fn new() -> Self {
        Self::with(World::empty(), &FILES)
    }

    pub(crate) fn with(world: World, files: &[(&str, &str)]) -> Self {
        Self::by_way_of(Database::address, world, files)
    }

    /// The same, where it is found in some way.
    pub(crate) fn by_way_of(way: fn(&Database) -> Address, world: World, files: &[(&str, &str)]) -> Self {
        let database = Database::new();
        let address = way(&database);
        let config = CONFIG
            .replace("PORT", &address.port.to_string())
            .replace("USER", &address.user)
            .replace("DATABASE", &database.name);
        let world = world.with_variable("WAREHOUSE_PASSWORD", PASSWORD);
        world.repository.write("config.yaml", config);
        edit(&world, files);
        Self { world, database }
    }

    /// Every view that ends with a suffix, by its name in prod, with its columns and rows as text.
    pub(crate) fn shown(&self, suffix: &str) -> BTreeMap<String, Vec<String>> {
        self.database.shown(suffix)
    }
}
