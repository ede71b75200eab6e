//! Descriptions of models and columns as comments in the warehouse (`register_comments`).

use crate::lab::{CONFIG, each_statement, edit, lab};
use crate::on_postgres::{OnPostgres, rows};
use crate::world::World;

const ORDERS: &str = "MODEL (name s.orders, kind FULL, description 'All ''orders''; -- of the shop');\n\
     SELECT\n  1 AS id, -- the key\n  2 AS \"Amount\", -- in euro\n  'x' AS note\n";
/// A view of its own, whose text DuckDB does not keep as it is, so that it is known by its comment.
const TOP: &str = "-- What is shown\nMODEL (name s.top, kind VIEW, column_descriptions (ID = 'the key', gone = 'is no column'));\n\
     SELECT id + 1 AS id, /* not asked for */ amount * 2 AS Twice FROM s.orders";

/// What schemas of the warehouse say of views and their columns, but for the marks by which we know them.
fn told(world: &World, schema: &str) -> Vec<String> {
    let sql = format!(
        "SELECT view_name, NULL, comment FROM duckdb_views() WHERE schema_name = '{schema}' AND comment IS NOT NULL \
         UNION ALL SELECT table_name, column_name, comment FROM duckdb_columns() \
         WHERE schema_name = '{schema}' AND comment IS NOT NULL ORDER BY ALL NULLS FIRST"
    );
    let line = |row: Vec<Option<String>>| row.into_iter().flatten().collect::<Vec<_>>().join("|");
    world.sql(&sql).into_iter().map(line).collect()
}

/// The part of a comment before our mark.
fn before_mark(text: &str) -> &str {
    text.split("\n\nmodel ").next().unwrap_or(text)
}

#[test]
fn productions_views_say_what_models_and_columns_are() {
    for config in [CONFIG.to_owned(), each_statement()] {
        let world = lab(&[("config.yaml", &config), ("models/orders.sql", ORDERS), ("models/top.sql", TOP)]);
        world.done(&["promote"]);
        let of_orders = ["orders|All 'orders'; -- of the shop", "orders|Amount|in euro", "orders|id|the key"];
        let shown = told(&world, "s");
        assert_eq!(shown[..3], of_orders);
        assert_eq!((before_mark(&shown[3]), &shown[4..]), ("top|What is shown", &["top|id|the key".to_owned()][..]));
        assert!(shown[3].contains("shown by offshoot"), "{shown:?}");
        world.done(&["doctor", "--deep"]);

        // An edit of what is said moves the view and fills nothing; other environments say nothing.
        world.repository.branch("feature");
        let edited = ORDERS.replace("the key", "its key").replace("All ''orders''; -- of the shop", "All of them");
        edit(
            &world,
            &[("models/orders.sql", &edited), ("models/top.sql", &TOP.replace("What is shown", "What counts"))],
        );
        let plan = world.done(&["plan", "--env", "dev", "--format", "json"]).json().to_string();
        for part in ["column_descriptions.id", "its key", "What counts"] {
            assert!(plan.contains(part), "{part}: {plan}");
        }
        assert!(world.done(&["apply", "--env", "dev", "--format", "json"]).builds().is_empty());
        assert_eq!(told(&world, "s__dev").iter().filter(|line| !line.contains("shown by offshoot")).count(), 0);
        world.repository.checkout("main");
        world.repository.merge("feature");
        assert!(world.done(&["promote", "--format", "json"]).builds().is_empty());
        let shown = told(&world, "s");
        assert_eq!(shown[..3], ["orders|All of them", "orders|Amount|in euro", "orders|id|its key"]);
        assert_eq!(before_mark(&shown[3]), "top|What counts");
        world.done(&["doctor", "--deep"]);

        let of_second = shown;
        edit(&world, &[("models/orders.sql", &edited.replace("1 AS id, -- its key", "3 AS id, -- another key"))]);
        world.done(&["promote"]);
        assert_eq!(told(&world, "s")[2], "orders|id|another key");
        world.done(&["rollback", "--to", "2"]);
        assert_eq!(told(&world, "s"), of_second, "what was said then");
        world.done(&["promote", "--force", "--release"]);
        assert_eq!(told(&world, "s")[2], "orders|id|another key");

        // What nobody says any more is gone.
        edit(
            &world,
            &[("models/orders.sql", "MODEL (name s.orders, kind FULL);\nSELECT 1 AS id, 2 AS \"Amount\", 'x' AS note")],
        );
        assert!(world.done(&["promote", "--format", "json"]).builds().is_empty());
        assert!(told(&world, "s").iter().all(|line| line.starts_with("top|")));
        world.done(&["doctor", "--deep"]);
    }
}

#[test]
fn comments_are_left_alone_where_the_connection_says_so() {
    let config = CONFIG.replace("type: duckdb\n", "type: duckdb\n      register_comments: False\n");
    assert_ne!(config, CONFIG, "it says so");
    let world = lab(&[("config.yaml", &config), ("models/orders.sql", ORDERS), ("models/top.sql", TOP)]);
    world.done(&["promote"]);
    let told = told(&world, "s");
    assert!(told.len() == 1 && told[0].starts_with("top|model s.top, shown by"), "{told:?}");
}

/// Of each relation of `s` and its columns.
const ON_POSTGRES: &str = "SELECT concat_ws('|', c.relname, a.attname, d.description) FROM pg_description AS d \
     JOIN pg_class AS c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass \
     LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND a.attnum > 0 \
     WHERE c.relnamespace = 's'::regnamespace AND c.relkind = 'v' ORDER BY 1";

#[test]
fn on_postgresql_what_the_project_says_is_written_and_what_it_does_not_is_kept() {
    let orders = "MODEL (name s.orders, kind FULL, description 'All ''orders'' \\');\n\
         SELECT 1 AS id, -- the key\n  2 AS \"Amount\", -- in euro\n  3 AS note, 4 AS other";
    let top = "MODEL (name s.top, kind VIEW);\nSELECT ID, -- the key\n  id + 1 AS Next /* one more */ FROM s.orders";
    let on_postgres = OnPostgres::with(World::empty(), &[("models/orders.sql", orders), ("models/top.sql", top)]);
    let OnPostgres { world, database } = &on_postgres;
    world.done(&["promote"]);
    let told = || rows(&database.client(), ON_POSTGRES);
    assert_eq!(
        told(),
        ["orders|All 'orders' \\", "orders|Amount|in euro", "orders|id|the key", "top|id|the key", "top|next|one more"]
    );

    let by_hand = "COMMENT ON VIEW s.top IS 'by hand'; COMMENT ON COLUMN s.orders.note IS 'by hand'";
    rows(&database.client(), by_hand);
    // A column more is put into the view that stands, and one less makes it anew.
    for column in [", 5 AS more", ""] {
        let edited = orders.replace(", 4 AS other", column).replace("in euro", "in cents");
        edit(world, &[("models/orders.sql", &edited)]);
        world.done(&["promote"]);
        let told = told();
        assert!(told.contains(&"orders|note|by hand".to_owned()), "{told:?}");
        assert!(told.contains(&"orders|Amount|in cents".to_owned()), "{told:?}");
        assert!(told.contains(&"top|by hand".to_owned()), "{told:?}");
    }
    edit(
        world,
        &[("models/orders.sql", "MODEL (name s.orders, kind FULL);\nSELECT 1 AS id, 2 AS \"Amount\", 3 AS note")],
    );
    world.done(&["promote"]);
    assert_eq!(told(), ["orders|note|by hand", "top|by hand", "top|id|the key", "top|next|one more"]);
}
