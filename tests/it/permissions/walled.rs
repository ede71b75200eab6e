//! A branch's life under two roles, and what the pull requests' one cannot do.

use offshoot::error::Exit;

use super::document::Block;
use super::{FILES, Walled};
use crate::lab::edit;
use crate::on_postgres::rows;

/// Who owns what, by schema.
fn owners(walled: &Walled, schema: &str) -> Vec<String> {
    walled.rows(&format!(
        "SELECT DISTINCT n.nspname, pg_get_userbyid(n.nspowner), pg_get_userbyid(c.relowner) FROM pg_class AS c \
         JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v') AND n.nspname LIKE '{schema}' ORDER BY 1"
    ))
}

#[test]
fn a_branch_is_built_by_one_role_and_promoted_by_the_other() {
    let walled = Walled::new();
    let (world, shared) = (walled.world(), walled.shared());
    world.done(&["promote"]);
    assert_eq!(
        owners(&walled, "%marts"),
        ["marts|offshoot_prod|offshoot_prod", "offshoot__marts|offshoot_prod|offshoot_prod"]
    );
    assert_eq!(owners(&walled, "offshoot"), ["offshoot|offshoot_state|offshoot_state"]);
    let prod = shared.shown("");
    world.repository.branch("feature/edition");
    walled.edition(1);
    edit(world, &[("models/more.sql", "MODEL (name finance.more, kind FULL);\nSELECT amount FROM marts.total")]);
    // What the branch says of gateways counts after the merge.
    edit(world, &[("offshoot.yaml", "gateways: {ci: production, prod: pull_requests}\n")]);
    let name = walled.applied();
    let suffix = format!("__{name}");
    assert_eq!(owners(&walled, &format!("marts{suffix}")), [format!("marts{suffix}|offshoot_ci|offshoot_ci")]);
    assert_eq!(owners(&walled, "offshoot__finance"), ["offshoot__finance|offshoot_ci|offshoot_ci"]);
    assert_eq!(shared.shown(""), prod);
    let there = shared.shown(&suffix);
    world.done(&["diff"]);
    assert_eq!(world.done(&["query", "SELECT pieces FROM marts.shown", "--format", "csv"]).stdout.trim(), "pieces\n7");
    world.done(&["query", "--env", "prod", "SELECT pieces FROM marts.shown"]);
    edit(world, &[("offshoot.yaml", super::GATEWAYS)]);

    walled.merge("feature/edition");
    let promoted = world.done(&["promote", "--format", "json"]).json();
    assert_eq!(promoted["builds"].as_array().map_or(9, Vec::len), 0, "{promoted}");
    let all = "offshoot\\_\\_%";
    let all = owners(&walled, all);
    assert!(all.len() > 2 && all.iter().all(|line| line.ends_with("|offshoot_prod|offshoot_prod")), "{all:?}");
    assert_eq!(shared.shown(&suffix), there, "whose tables it were reads them as before");
    // The same again, and a view of the branch's own over a table that is production's by now: nothing is written.
    world.repository.git(&["checkout", "--quiet", "feature/edition"]);
    edit(world, &[("models/shown.sql", "MODEL (name marts.shown, kind VIEW);\nSELECT pieces FROM marts.total")]);
    let applied = world.done(&["apply", "--format", "json"]).json();
    assert_eq!(
        (applied["builds"].as_array().map_or(9, Vec::len), applied["swapped"].as_u64()),
        (0, Some(1)),
        "{applied}"
    );
    world.repository.git(&["checkout", "--quiet", "main"]);
    world.done(&["rollback"]);
    assert_eq!(shared.shown(""), prod);
    world.done(&["promote", "--release"]);
    world.done(&["env", "drop", &name]);
    assert!(shared.shown(&suffix).is_empty());
    let doctor = world.bot(&["doctor"]);
    assert!(doctor.exit == Exit::Done && doctor.stdout.contains("wall: "), "{}", doctor.stdout);
    walled.paste(Block::Reader);
    world.done(&["doctor", "--gateway", "looks"]);
    world.done(&["plan", "--gateway", "looks"]);
    world.done(&["query", "--gateway", "looks", "--env", "prod", "SELECT pieces FROM marts.shown"]);
    world.done(&["env", "show", "prod", "--gateway", "looks"]);
}

/// A table that production showed once is production's for good: a branch that wants it back reads it as it is.
#[test]
fn a_branch_that_goes_back_reuses_what_production_has_left() {
    let mut walled = Walled::new();
    walled.world().done(&["promote"]);
    let later = std::mem::replace(&mut walled.shared.world, crate::world::World::empty()).at("2026-04-05");
    walled.shared.world = later;
    let world = walled.world();
    edit(world, &[("models/daily.sql", &FILES[3].1.replace("sum(amount)::int", "sum(amount * 2)::int"))]);
    world.done(&["promote"]);
    // Production's table goes on with the days; the one that it showed before does not.
    let days = "UPDATE offshoot.loads SET end_at = end_at + 4 * 86400000 WHERE loaded_at = (SELECT max(loaded_at) FROM offshoot.loads)";
    walled.admin().batch(days).expect("loaded further");
    world.repository.branch("feature/back");
    edit(world, &[FILES[3]]);
    // Its old table lacks the days that came since; promote brings them. The plan says so, whoever makes it.
    let planned = world.done(&["plan", "--gateway", "pull_requests"]).stdout;
    assert!(planned.contains("0 to build"), "{planned}");
    let applied = world.done(&["apply", "--format", "json"]).json();
    let builds = applied["builds"].as_array().expect("a list");
    assert!(builds.iter().all(|build| build["model"] != "marts.daily"), "{applied}");
    walled.merge("feature/back");
    let promoted = world.done(&["promote", "--format", "json"]).json();
    let builds = promoted["builds"].as_array().expect("a list");
    assert!(builds.iter().any(|build| build["model"] == "marts.daily"), "{promoted}");
}

#[test]
fn gc_of_the_pull_requests_role_leaves_what_is_productions() {
    let walled = Walled::new();
    let world = walled.world();
    edit(world, &[("offshoot.yaml", &format!("{}gc: {{history: 1}}\n", super::GATEWAYS))]);
    world.done(&["promote"]);
    walled.edition(1);
    world.done(&["promote"]);
    world.done(&["gc"]);
    let count = || walled.rows("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'total%'");
    let late = ["--execution-time", "2026-05-01"];
    let theirs = world.done(&["gc", "--gateway", "pull_requests", "--format", "json", late[0], late[1]]);
    assert!(theirs.stdout.contains("must be owner of table total"), "{}", theirs.stdout);
    assert_eq!(count(), ["2"]);
    world.done(&["gc", late[0], late[1]]);
    assert_eq!(count(), ["1"]);
}

/// Whatever a model's SQL tries as the role that builds pull requests.
#[test]
fn the_pull_requests_role_writes_nothing_of_productions() {
    let walled = Walled::new();
    let world = walled.world();
    world.done(&["promote"]);
    world.repository.branch("feature/edition");
    walled.edition(1);
    let name = walled.applied();
    walled.merge("feature/edition");
    world.done(&["promote"]);
    let relations = walled.rows(
        "SELECT n.nspname, c.relname, c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'v') AND (n.nspname IN ('marts', 'offshoot', 'erp') OR n.nspname LIKE 'offshoot\\_\\_%') ORDER BY 1, 2",
    );
    assert!(relations.len() > 20, "{relations:?}");
    let before = everything(&walled);
    let ci = walled.role("ci");
    let mut attempts = Vec::new();
    for relation in &relations {
        let [schema, name, kind]: [&str; 3] = relation.split('|').collect::<Vec<_>>().try_into().expect("three cells");
        let relation = format!("\"{schema}\".\"{name}\"");
        let what = if kind == "v" { "VIEW" } else { "TABLE" };
        attempts.push(format!("DROP {what} {relation} CASCADE"));
        attempts.push(format!("ALTER {what} {relation} RENAME TO other"));
        attempts.push(format!("ALTER {what} {relation} OWNER TO CURRENT_USER"));
        attempts.push(format!("CREATE OR REPLACE VIEW {relation} AS SELECT 1 AS x"));
        attempts.push(format!("CREATE TABLE mine () INHERITS ({relation})"));
        if kind == "r" {
            attempts.push(format!("TRUNCATE {relation} CASCADE"));
            attempts.push(format!("ALTER TABLE {relation} ADD COLUMN more int"));
        }
        let column = walled.rows(&format!(
            "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = '{relation}'::regclass AND attnum = 1"
        ));
        // Rows about tables of its own it may record.
        if !["objects", "fences"].contains(&name) {
            attempts.push(format!("INSERT INTO {relation} ({}) VALUES (NULL)", column[0]));
            attempts.push(format!("DELETE FROM {relation}"));
            attempts.push(format!("UPDATE {relation} SET {0} = {0}", column[0]));
        }
    }
    for schema in ["marts", "offshoot", "offshoot__marts", "offshoot__meta"] {
        attempts.push(format!("DROP SCHEMA \"{schema}\" CASCADE"));
        attempts.push(format!("ALTER SCHEMA \"{schema}\" RENAME TO other"));
    }
    attempts.extend(
        ["marts", "offshoot", "offshoot__meta", "public"].map(|schema| format!("CREATE TABLE {schema}.mine ()")),
    );
    attempts.push(walled.here("SET ROLE offshoot_prod"));
    attempts.push(walled.here("SET ROLE offshoot_state"));
    attempts.push(
        "INSERT INTO offshoot__meta.objects (state_id, project, schema_name, object_name, kind, model, engine_version) \
         SELECT state_id, '', 'marts', 'total', 'view', 'marts.total', '15' FROM offshoot__meta.warehouse"
            .to_owned(),
    );
    attempts.push("INSERT INTO offshoot__meta.fences VALUES ('environment prod of project \"\"', 9) ON CONFLICT (subject) DO UPDATE SET token = 9".to_owned());
    for attempt in &attempts {
        let Err(error) = ci.batch(&format!("BEGIN; {attempt}; COMMIT")) else { panic!("{attempt} went well") };
        let state = error.state().unwrap_or_default().to_owned();
        assert!(["42501", "42809"].contains(&state.as_str()), "{attempt}: {error}");
        let _ = ci.batch("ROLLBACK");
    }
    // What it does not see it does not touch.
    ci.batch("DELETE FROM offshoot__meta.objects WHERE environment = 'prod' OR schema_name = 'offshoot__marts'")
        .expect("nothing");
    assert_eq!(everything(&walled), before, "of {} attempts", attempts.len());
    assert_eq!(rows(&ci, &format!("SELECT edition FROM marts__{name}.total")), ["1"]);
}

/// All that stands in the database, with owners and rights, and what is in it.
pub(super) fn everything(walled: &Walled) -> Vec<String> {
    let mut all = walled.rows(
        "SELECT n.nspname, n.nspacl, c.relname, c.relacl, pg_get_userbyid(c.relowner), c.relkind FROM pg_class AS c \
         JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v') \
         AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 3",
    );
    let tables = walled.rows(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname LIKE 'offshoot%' \
         AND tablename NOT IN ('sessions', 'claims', 'fencing', 'fences') ORDER BY 1",
    );
    for table in tables {
        all.extend(walled.rows(&format!("SELECT t::text FROM {table} AS t ORDER BY 1")));
    }
    all
}

/// Where one role did everything, the page parts it; production goes on, and the next branch is built by the other role.
#[test]
fn one_role_becomes_two() {
    let walled = Walled::new();
    let (world, admin) = (walled.world(), walled.admin());
    let alone = "DROP SCHEMA offshoot; CREATE ROLE DB_all LOGIN PASSWORD 'change-me'; GRANT offshoot_ci TO DB_all";
    let here = |sql: &str| walled.here(sql).replace("DB_all", &format!("{}_all", walled.shared().database.name));
    admin.batch(&here(alone)).expect("one role");
    let two = std::fs::read_to_string(world.repository.path().join("config.yaml")).expect("a configuration");
    let one = ["ci", "prod", "state"]
        .iter()
        .fold(two.clone(), |text, role| text.replace(&here(&format!("offshoot_{role},")), &here("DB_all,")));
    edit(world, &[("config.yaml", &one), ("offshoot.yaml", "{}\n")]);
    world.done(&["promote", "--gateway", "production"]);
    let (prod, history) = (walled.shared().shown(""), walled.rows("SELECT count(*) FROM offshoot.history"));
    let parted = super::document::blocks(Block::Parted).replace("BY offshoot TO", "BY DB_all TO");
    admin.batch(&here(&parted)).expect("parted");
    edit(world, &[("config.yaml", &two), ("offshoot.yaml", super::GATEWAYS)]);
    world.done(&["promote"]);
    assert_eq!(walled.shared().shown(""), prod);
    assert_ne!(walled.rows("SELECT count(*) FROM offshoot.history"), history);
    world.repository.branch("feature/edition");
    walled.edition(1);
    walled.applied();
    walled.merge("feature/edition");
    world.done(&["promote"]);
    let doctor = world.bot(&["doctor"]);
    assert!(doctor.exit == Exit::Done && doctor.stdout.contains("can write none of"), "{}", doctor.stdout);
}

/// A schema that somebody else made and that tables are mapped to: production takes its tables over, and not the schema.
#[test]
fn tables_in_a_schema_of_somebody_else_are_behind_the_wall_too() {
    let walled = Walled::new();
    let (world, shared) = (walled.world(), walled.shared());
    let config = std::fs::read_to_string(world.repository.path().join("config.yaml")).expect("it is there");
    edit(world, &[("config.yaml", &format!("{config}physical_schema_mapping: {{marts: vault}}\n"))]);
    let admin = walled.admin();
    admin.batch("CREATE SCHEMA vault; CREATE TABLE vault.mine AS SELECT 7 AS id").expect("somebody's schema");
    let refused = world.bot(&["promote"]);
    assert_eq!(refused.exit, Exit::Failed, "{}", refused.stderr);
    let told = walled.on_page(&refused.stderr);
    assert!(told.contains("GRANT USAGE, CREATE ON SCHEMA \"vault\" TO \"offshoot_prod\""), "{told}");
    admin.batch(&walled.here("GRANT USAGE, CREATE ON SCHEMA vault TO offshoot_ci, offshoot_prod")).expect("given");
    world.done(&["promote"]);
    let mine = walled.rows("SELECT pg_get_userbyid(n.nspowner) = pg_get_userbyid(c.relowner) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relname = 'mine'");
    let owners = || {
        let sql = "SELECT DISTINCT c.relowner = n.nspowner, pg_get_userbyid(c.relowner) FROM pg_class AS c \
                   JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND nspname = 'vault' AND relname <> 'mine'";
        walled.rows(sql)
    };
    assert_eq!((mine.as_slice(), owners()), (&["t".to_owned()][..], vec!["f|offshoot_prod".to_owned()]));
    world.repository.branch("feature/edition");
    walled.edition(1);
    let name = walled.applied();
    let there = shared.shown(&format!("__{name}"));
    walled.merge("feature/edition");
    let promoted = world.done(&["promote", "--format", "json"]).json();
    assert_eq!(promoted["builds"].as_array().map_or(9, Vec::len), 0, "{promoted}");
    assert_eq!(owners(), ["f|offshoot_prod"]);
    assert_eq!(shared.shown(&format!("__{name}")), there);
    world.done(&["doctor"]);
    world.done(&["gc", "--execution-time", "2027-06-01"]);
    assert_eq!(walled.rows("SELECT id FROM vault.mine"), ["7"]);
}
