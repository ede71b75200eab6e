//! `bot render`: what will run, from git and state alone.

use offshoot::error::Exit;

use crate::world::World;

fn rendered(world: &World, model: &str) -> serde_json::Value {
    world.done(&["render", model, "--format", "json"]).json()
}

#[test]
fn names_are_the_plans_and_nothing_is_made() {
    let world = World::empty();
    world.copy("shop");
    world.repository.commit("the shop");
    let plan = world.bot(&["plan", "--format", "json"]).json();
    let models = plan["models"].as_array().expect("models").clone();
    let table = |name: &str| models.iter().find(|model| model["name"] == name).expect("a model")["table"].clone();
    let full = rendered(&world, "marts.product_sales");
    assert_eq!((&full["table"], &full["view"]), (&table("marts.product_sales"), &"marts.product_sales".into()));
    let query = full["query"].as_str().expect("a query");
    let parent = table("marts.fct_orders").as_str().expect("a table").replace('.', "\".\"");
    assert!(query.contains(&format!("FROM \"{parent}\" AS o")), "{query}");
    let view = rendered(&world, "Staging.ORDERS");
    assert_eq!((&view["kind"], &view["table"]), (&"VIEW".into(), &serde_json::Value::Null));
    assert!(!world.state().exists() && !world.warehouse().exists());
}

#[test]
fn an_interval_is_rendered_as_its_first_load_and_runs() {
    let world = World::shop();
    let fact = rendered(&world, "marts.fct_orders");
    assert_eq!((&fact["interval"], &fact["loads"]), (&serde_json::json!(["2026-01-01", "2026-02-01"]), &3.into()));
    let query = fact["query"].as_str().expect("a query");
    assert!(query.contains("BETWEEN CAST('2026-01-01' AS DATE) AND CAST('2026-01-31' AS DATE)"), "{query}");
    let script = world.done(&["render", "marts.fct_orders"]).stdout;
    assert!(script.contains("-- load 1 of 3: 2026-01-01 to 2026-01-31 (31 days)\n"), "{script}");
    world.done(&["promote"]);
    let counted = world.value(&format!("SELECT count(*) FROM ({query})"));
    assert_eq!(counted, world.value("SELECT count(*) FROM marts.fct_orders WHERE ordered_on < '2026-02-01'"));
    let loaded = rendered(&world, "marts.fct_orders");
    assert_eq!(loaded["loads"], 0, "nothing is missing any more");
}

#[test]
fn statements_around_the_query_are_rendered_with_it() {
    let world = World::shop();
    let path = "models/marts/fct_orders.sql";
    let text = std::fs::read_to_string(world.repository.path().join(path)).expect("the model");
    let (head, query) = text.split_once(");\n\n").expect("a block and a query");
    let around = format!(
        "{head});\n\nSET VARIABLE first_day = @start_ds;\n\n{query}\nSET VARIABLE n = (SELECT count(*) FROM raw.orders);\n"
    );
    world.repository.write(path, around);
    world.repository.commit("statements around it");
    let fact = rendered(&world, "marts.fct_orders");
    // What a statement does across days nobody knows, so each day is a load of its own.
    assert_eq!((&fact["interval"], &fact["loads"]), (&serde_json::json!(["2026-01-01", "2026-01-02"]), &90.into()));
    // Views that it reads are defined before anything of its own can change how they are read.
    let before = fact["pre_statements"].as_array().expect("a list");
    let (own, defined) = before.split_last().expect("statements");
    assert_eq!(*own, "SET VARIABLE first_day = '2026-01-01'");
    assert!(
        defined.len() == 3
            && defined.iter().all(|text| text.as_str().expect("a text").starts_with("CREATE OR REPLACE TEMP VIEW"))
    );
    let after = fact["post_statements"][0].as_str().expect("a statement");
    assert!(after.contains("FROM \"offshoot__raw\".\"orders__"), "{after}");
    let script = world.done(&["render", "marts.fct_orders"]).stdout;
    let places = ["TEMP VIEW \"offshoot__", "SET VARIABLE first", "FROM \"offshoot__staging__paid", "SET VARIABLE n"]
        .map(|text| script.find(text).expect(text));
    assert!(places.is_sorted(), "{script}");
}

#[test]
fn a_branch_is_rendered_for_its_environment() {
    let (world, name) = World::applied();
    let branch = rendered(&world, "marts.revenue_in_euro");
    assert_eq!(branch["environment"], name.as_str());
    assert_eq!(branch["view"], format!("marts__{name}.revenue_in_euro"));
    let other = world.done(&["render", "marts.product_sales", "--head", "main", "--env", "other", "--format", "json"]);
    assert_eq!(other.json()["view"], "marts__other.product_sales");
}

#[test]
fn kinds_without_a_query_say_so() {
    let world = World::shop();
    let seed = rendered(&world, "raw.orders");
    assert_eq!(
        (&seed["query"], &seed["note"]),
        (&serde_json::Value::Null, &"its rows are loaded from seeds/orders.csv".into())
    );
    assert_eq!(rendered(&world, "erp.stock_levels")["query"], serde_json::Value::Null);
    let embedded = rendered(&world, "staging.paid_orders");
    assert!(embedded["query"].as_str().is_some_and(|query| query.contains("NOT MATERIALIZED")), "{embedded}");
    assert_eq!((&embedded["view"], &embedded["table"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert!(world.done(&["render", "raw.orders"]).stdout.starts_with("-- raw.orders (SEED) in environment prod\n"));
    assert!(world.done(&["render", "raw.orders", "--format", "markdown"]).stdout.starts_with("```sql\n"));
}

#[test]
fn an_unknown_model_names_the_nearest() {
    let world = World::shop();
    let ran = world.bot(&["render", "marts.fct_order"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("did you mean `marts.fct_orders`?"), "{}", ran.stderr);
}

#[test]
fn a_model_with_errors_is_a_no() {
    let world = World::shop();
    world.repository.write("models/broken.sql", "MODEL (name broken, kind SEED (path 'none.csv'))");
    world.repository.write("models/mistaken.sql", "MODEL (name mistaken, kind FULL);\nSELECT @no_such_macro(1)");
    world.repository.commit("mistakes");
    let ran = world.bot(&["render", "broken"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stdout);
    let ran = world.bot(&["render", "mistaken"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    assert!(ran.stdout.contains("@no_such_macro(1)") && ran.stderr.contains("models/mistaken.sql:2"), "{}", ran.stderr);
    let ran = world.done(&["render", "staging.orders"]);
    assert!(ran.stderr.contains("the project has errors"), "{}", ran.stderr);
}

#[test]
fn a_text_that_names_a_model_is_refused_before_anything_is_built() {
    let world = World::shop();
    let query = "MODEL (name marts.told, kind FULL);\nSELECT * FROM query('SELECT * FROM marts.product_sales')";
    world.repository.write("models/marts/told.sql", query);
    let statement = "MODEL (name marts.held, kind FULL);\nCREATE TEMP TABLE held AS SELECT 1 AS id;\n\
                     CREATE TEMP TABLE other AS FROM query_table('marts.product_sales');\nSELECT * FROM held";
    world.repository.write("models/marts/held.sql", statement);
    world.repository.write("models/lone.sql", "MODEL (name lone, kind FULL);\nSELECT 1 AS id");
    world.repository.write("models/of_lone.sql", "MODEL (name of_lone, kind FULL);\nSELECT id FROM 'lone'");
    let computed = "MODEL (name computed, kind FULL);\nSELECT * FROM query('FROM marts' || '.product_sales')";
    world.repository.write("models/computed.sql", computed);
    world.repository.commit("texts that name models");
    let refused = world.bot(&["promote"]);
    assert_eq!(refused.exit, Exit::No, "{refused:?}");
    for place in ["models/marts/told.sql:2:21", "models/marts/held.sql:3:45"] {
        let told = format!("{place}: `marts.product_sales` is named in a text");
        assert!(refused.stderr.contains(&told), "{refused:?}");
    }
    for told in [
        "models/of_lone.sql:2:16: `lone` is named in a text",
        "models/computed.sql:2:15: what this `query(…)` reads is computed",
    ] {
        assert!(refused.stderr.contains(told), "{refused:?}");
    }
    assert!(!world.state().exists());
}
