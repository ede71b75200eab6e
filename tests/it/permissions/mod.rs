//! Two roles on one PostgreSQL, as `docs/permissions.md` sets them up: the SQL of that page is what runs here, so page and
//! program cannot part.

mod document;
mod holes;
mod removed;
mod walled;

use offshoot::postgres::{Address, Client};

use crate::lab::edit;
use crate::on_postgres::{OnPostgres, rows};
use crate::postgres::{PASSWORD, connect};
use crate::world::World;
use document::{Block, blocks};

/// The gateways that the page describes, a person's own that nobody may log in through, and one of who only looks.
const CONFIG: &str = "gateways:
  nobody:
    connection: {type: postgres, host: 127.0.0.1, port: PORT, database: analytics, user: nobody_at_all}
  pull_requests:
    connection: {type: postgres, host: 127.0.0.1, port: PORT, database: analytics, user: offshoot_ci, password: \"{{ env_var('WAREHOUSE_PASSWORD') }}\"}
    state_connection: {type: postgres, host: 127.0.0.1, port: PORT, database: analytics, user: offshoot_state, password: \"{{ env_var('WAREHOUSE_PASSWORD') }}\"}
  production:
    connection: {type: postgres, host: 127.0.0.1, port: PORT, database: analytics, user: offshoot_prod, password: \"{{ env_var('WAREHOUSE_PASSWORD') }}\"}
    state_connection: {type: postgres, host: 127.0.0.1, port: PORT, database: analytics, user: offshoot_state, password: \"{{ env_var('WAREHOUSE_PASSWORD') }}\"}
  looks:
    connection: {type: postgres, host: 127.0.0.1, port: PORT, database: analytics, user: offshoot_reader, password: \"{{ env_var('WAREHOUSE_PASSWORD') }}\"}
    state_connection: {type: postgres, host: 127.0.0.1, port: PORT, database: analytics, user: offshoot_reader, password: \"{{ env_var('WAREHOUSE_PASSWORD') }}\"}
default_gateway: nobody
model_defaults: {dialect: postgres, start: 2026-03-26}
";

const GATEWAYS: &str = "gateways: {ci: pull_requests, prod: production}\n";

/// One model of each kind that fills a table in its own way, a view, and a table of somebody else that is read.
const FILES: [(&str, &str); 7] = [
    ("external_models.yaml", "- name: erp.stock\n  columns: {id: int, pieces: int}\n"),
    ("seeds/orders.csv", "id,amount,day\n1,10,2026-03-26\n2,20,2026-03-27\n3,30,2026-03-31\n"),
    (
        "models/orders.sql",
        "MODEL (name marts.orders, kind SEED (path '../seeds/orders.csv'), columns (id INT, amount INT, day DATE))",
    ),
    (
        "models/daily.sql",
        "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day));\n\
         SELECT day, sum(amount)::int AS amount FROM marts.orders WHERE day BETWEEN @start_date AND @end_date GROUP BY day",
    ),
    (
        "models/latest.sql",
        "MODEL (name marts.latest, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key (id)));\n\
         SELECT o.id, max(amount) AS amount FROM marts.orders AS o GROUP BY o.id",
    ),
    (
        "models/total.sql",
        "MODEL (name marts.total, kind FULL);\n\
         SELECT sum(d.amount) AS amount, max(s.pieces) AS pieces, 0 AS edition FROM marts.daily AS d CROSS JOIN erp.stock AS s",
    ),
    ("models/shown.sql", "MODEL (name marts.shown, kind VIEW);\nSELECT amount, pieces FROM marts.total"),
];

/// A database that was set up as the page says, with nothing promoted yet. Every run is in CI.
pub(super) struct Walled {
    shared: OnPostgres,
}

impl Walled {
    pub(super) fn new() -> Self {
        let shared = OnPostgres::with(World::empty().with_variable("CI", "true"), &[]);
        let walled = Self { shared };
        let admin = walled.admin();
        admin
            .batch("CREATE SCHEMA erp; CREATE TABLE erp.stock AS SELECT 1 AS id, 7 AS pieces")
            .expect("somebody's table");
        walled.paste(Block::Setup);
        walled.paste(Block::Sources);
        let config = walled.here(CONFIG).replace("PORT", &walled.address("x").port.to_string());
        let mut files = vec![("config.yaml", config.as_str()), ("offshoot.yaml", GATEWAYS)];
        files.extend(FILES);
        edit(walled.world(), &files);
        walled
    }

    pub(super) fn world(&self) -> &World {
        &self.shared.world
    }

    pub(super) fn shared(&self) -> &OnPostgres {
        &self.shared
    }

    /// A text of the page with the names of this test's database: roles are all databases' own.
    pub(super) fn here(&self, text: &str) -> String {
        let name = &self.shared.database.name;
        let text = text.replace("DATABASE analytics", &format!("DATABASE {name}"));
        let text = text.replace("database: analytics", &format!("database: {name}")).replace("change-me", PASSWORD);
        ["ci", "prod", "state", "reader"]
            .iter()
            .fold(text, |text, role| text.replace(&format!("offshoot_{role}"), &format!("{name}_{role}")))
    }

    /// What this test's names are on the page.
    pub(super) fn on_page(&self, text: &str) -> String {
        text.replace(&format!("{}_", self.shared.database.name), "offshoot_")
            .replace(&self.shared.database.name, "analytics")
    }

    /// Runs a block of the page as its administrator does.
    fn paste(&self, block: Block) {
        let sql = self.here(&blocks(block));
        self.admin().batch(&sql).unwrap_or_else(|error| panic!("{sql}\n{error}"));
    }

    pub(super) fn admin(&self) -> Client {
        self.shared.database.client()
    }

    /// Somebody who runs SQL as a role, as models do.
    pub(super) fn role(&self, role: &str) -> Client {
        connect(&self.address(role))
    }

    fn address(&self, role: &str) -> Address {
        Address { user: format!("{}_{role}", self.shared.database.name), ..self.shared.database.address() }
    }

    /// Rows of a question to the administrator's eyes, which see all.
    pub(super) fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.admin(), sql).iter().map(|row| self.on_page(row)).collect()
    }

    /// The total of another edition, so that it and what reads it are other tables.
    pub(super) fn edition(&self, number: usize) {
        let total = FILES[5].1.replace("0 AS edition", &format!("{number} AS edition"));
        edit(self.world(), &[("models/total.sql", &total)]);
    }

    /// A branch on which everything is another table, applied; gives the environment's name.
    pub(super) fn applied(&self) -> String {
        let applied = self.world().done(&["apply", "--format", "json"]).json();
        applied["environment"].as_str().expect("a name").to_owned()
    }

    pub(super) fn merge(&self, branch: &str) {
        self.world().repository.git(&["checkout", "--quiet", "main"]);
        self.world().repository.git(&["merge", "--quiet", "--no-ff", "-m", "merged", branch]);
    }
}
