//! Mistakes that a few files on one branch do not make: what git has or lacks, and what happened before.

use offshoot::event;
use offshoot::problem::Problem;
use offshoot::render::{Colour, terminal};

use super::{CONFIG, problems};
use crate::lab::{DAILY, ORDERS, RAW, SHOWN, TOTAL, edit, lab};
use crate::repository::Repository;
use crate::world::World;

const ONE: &str = "MODEL (name marts.one, kind FULL);\nSELECT 1 AS id\n";

fn world() -> World {
    let world = World::empty();
    world.repository.write("config.yaml", CONFIG).write("models/one.sql", ONE);
    world
}

/// What `bot plan` tells of what is committed.
fn planned(world: &World) -> String {
    world.repository.commit("a mistake");
    problems(&world.bot(&["plan"]))
}

fn texts_that_are_none() -> String {
    let world = world();
    world.repository.write("models/nul.sql", b"MODEL (name marts.nul, kind FULL);\nSELECT '\0'");
    world.repository.write("models/latin.sql", b"MODEL (name marts.latin, kind FULL);\nSELECT '\xe9' AS name");
    world.repository.write("audits/nul.sql", b"AUDIT (name nul);\nSELECT '\0'");
    world.repository.write("models/large.sql", format!("{ONE}{}", "-- and so on\n".repeat(200_000)));
    world.repository.write("models/raw.sql", "MODEL (name raw.latin, kind SEED (path '../seeds/latin.csv'))");
    world.repository.write("seeds/latin.csv", b"name\nRen\xe9\n");
    world.repository.write("offshoot.yaml", b"base_branch: \xe9\n");
    planned(&world)
}

fn more_than_anybody_reads() -> String {
    let world = world();
    let columns = (0..120).map(|number| format!("@none_{number} AS c{number}")).collect::<Vec<_>>().join(",\n");
    let statements = "SELECT 1;\n".repeat(120);
    world
        .repository
        .write("models/two.sql", format!("MODEL (name marts.two, kind FULL);\nSELECT {columns};\n{statements}"));
    let told = planned(&world);
    told.lines().filter(|line| line.contains("more-problems")).map(|line| format!("{line}\n")).collect()
}

#[cfg(unix)]
fn links_and_what_git_does_not_have() -> String {
    let world = world();
    let repository = &world.repository;
    let vendor = Repository::new();
    vendor.write("a.sql", ONE).commit("start");
    repository.write("shared/a.sql", "SELECT 1").link("models/out.sql", "/etc/hostname").link("models/up", "..");
    repository.link("models/gone.sql", "nowhere.sql").submodule("models/vendor", &vendor);
    repository.lfs_pointer("models/large.sql", "never downloaded");
    planned(&world)
}

#[cfg(target_os = "linux")]
fn a_name_that_is_not_utf8() -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let world = world();
    let name = std::ffi::OsStr::from_bytes(b"models/\xff.sql");
    std::fs::write(world.repository.path().join(name), ONE).expect("the file is ours");
    planned(&world)
}

fn a_filter_of_somebody() -> String {
    let world = world();
    world.repository.write(".gitattributes", "*.sql filter=trap\n").commit("start");
    world.repository.git(&["config", "filter.trap.clean", "cat"]);
    world.repository.write("models/one.sql", ONE.replace('1', "2"));
    problems(&world.bot(&["plan", "--worktree"]))
}

fn line_ends_that_git_refuses() -> String {
    let world = world();
    world.repository.commit("start");
    world.repository.git(&["config", "core.safecrlf", "true"]);
    world.repository.git(&["config", "core.autocrlf", "true"]);
    world.repository.write("models/new.sql", "MODEL (name marts.new, kind FULL);\r\nSELECT 1 AS id\n");
    problems(&world.bot(&["plan", "--worktree"]))
}

fn a_clone_without_content() -> String {
    let world = world();
    world.repository.commit("start");
    world.repository.git(&["config", "uploadpack.allowFilter", "true"]);
    let clone = world.repository.clone_with(&["--filter=blob:none", "--no-checkout"]);
    problems(&world.bot_in(clone.path(), &["plan"]))
}

fn a_base_that_has_parted() -> String {
    let world = world();
    world.repository.commit("start");
    let clone = world.repository.clone_with(&[]);
    clone.write("here.txt", "1").commit("here");
    world.repository.write("there.txt", "1").commit("there");
    clone.git(&["fetch", "--quiet"]);
    clone.branch("feature").write("models/one.sql", ONE.replace('1', "2")).commit("feature");
    problems(&world.bot_in(clone.path(), &["plan"]))
}

fn a_branch_before_the_first_promote() -> String {
    let world = world();
    world.repository.commit("start");
    world.repository.branch("feature");
    edit(&world, &[("models/one.sql", &ONE.replace('1', "2"))]);
    problems(&world.bot(&["plan"]))
}

/// A view of an environment is production's, or another one of its own.
fn views_that_meet() -> String {
    let world = world();
    let model = |name: &str| format!("MODEL (name {name}, kind FULL);\nSELECT 1 AS id");
    world.repository.write("models/schema.sql", model("marts__dev.orders"));
    world.repository.write("models/catalog.sql", model("other.marts.one"));
    world.repository.commit("start");
    let by_schema = problems(&world.bot(&["plan", "--env", "dev"]));
    let beside = format!("{CONFIG}environment_suffix_target: table\n");
    edit(&world, &[("config.yaml", &beside), ("models/view.sql", &model("marts.one__dev"))]);
    by_schema + &problems(&world.bot(&["plan", "--env", "dev"]))
}

fn tables_among_views() -> String {
    let world = world();
    world.repository.write("config.yaml", format!("{CONFIG}physical_schema_mapping: {{marts: marts}}\n"));
    world.repository.commit("start");
    problems(&world.bot(&["plan", "--env", "dev"]))
}

fn production_that_is_held() -> String {
    let world = world();
    world.repository.git(&["config", "user.name", "Ada"]);
    world.repository.commit("start");
    world.done(&["promote"]);
    edit(&world, &[("models/one.sql", &ONE.replace('1', "2"))]);
    world.done(&["promote"]);
    world.done(&["rollback", "--why", "two is too many"]);
    problems(&world.bot(&["plan"]))
}

fn production_that_git_forgot() -> String {
    let world = world();
    world.repository.commit("start");
    world.done(&["promote"]);
    world.repository.git(&["commit", "--quiet", "--amend", "--message", "another start"]);
    world.repository.git(&["reflog", "expire", "--expire=now", "--all"]);
    world.repository.git(&["gc", "--quiet", "--prune=now"]);
    world.repository.branch("feature");
    edit(&world, &[("models/one.sql", &ONE.replace('1', "2"))]);
    problems(&world.bot(&["plan"]))
}

fn a_state_of_a_newer_program() -> String {
    let world = world();
    world.repository.commit("start");
    world.done(&["promote"]);
    let connection = rusqlite::Connection::open(world.state()).expect("a state");
    connection.execute("UPDATE state_identity SET algorithm_version = 7", []).expect("written");
    problems(&world.bot(&["plan"]))
}

fn a_table_that_another_branch_has_in_part() -> String {
    let running = "MODEL (name marts.running, kind FULL);\nSELECT SUM(amount) AS amount FROM marts.daily";
    let world = lab(&[("seeds/orders.csv", ORDERS), ("models/raw.sql", RAW)]);
    world.done(&["promote"]);
    world.repository.branch("one");
    edit(&world, &[("models/daily.sql", DAILY)]);
    world.done(&["apply"]);
    let world = world.at("2026-04-03");
    world.repository.branch("two");
    edit(&world, &[("models/running.sql", running), ("models/total.sql", TOTAL), ("models/shown.sql", SHOWN)]);
    problems(&world.bot(&["plan"]))
}

/// What `bot ci` says outside of a run on GitHub; its code is not shown.
fn no_run_on_github() -> String {
    let payload = event::read("push", "{\"ref\": 3}").expect_err("no payload");
    let empty = event::Runner::read(|_| None).map(drop).expect_err("no runner");
    let odd = |name: &str| (name == "GITHUB_REPOSITORY").then_some("no repository");
    let odd = event::Runner::read(odd).map(drop).expect_err("an odd runner");
    let shown = |problem: Problem| terminal::problems(&[problem], Colour::Never);
    [payload, empty, odd].map(shown).concat()
}

/// A world with a mistake.
type Told = fn() -> String;

pub(super) const WORLDS: &[(&str, Told)] = &[
    ("texts that are none", texts_that_are_none),
    ("more than anybody reads", more_than_anybody_reads),
    #[cfg(unix)]
    ("links, and what git does not have", links_and_what_git_does_not_have),
    #[cfg(target_os = "linux")]
    ("a name that is not UTF-8", a_name_that_is_not_utf8),
    ("a filter of somebody", a_filter_of_somebody),
    ("line ends that git refuses", line_ends_that_git_refuses),
    ("a clone without content", a_clone_without_content),
    ("a base that has parted", a_base_that_has_parted),
    ("a branch before the first promote", a_branch_before_the_first_promote),
    ("views that meet", views_that_meet),
    ("tables among views", tables_among_views),
    ("production that is held", production_that_is_held),
    ("production that git forgot", production_that_git_forgot),
    ("a state of a newer program", a_state_of_a_newer_program),
    ("a table that another branch has in part", a_table_that_another_branch_has_in_part),
    ("no run on GitHub", no_run_on_github),
    ("statements around all of it that production does not have", statements_that_production_does_not_have),
    ("a history that nothing goes on with", a_history_that_nothing_goes_on_with),
    ("a model that is left to something else", a_model_that_is_left_to_something_else),
    ("a history that the state lost", a_history_that_the_state_lost),
    ("rows that are kept by a word", rows_that_are_kept_by_a_word),
    ("models that begin later", models_that_begin_later),
    ("rows of another program", rows_of_another_program),
];

fn rows_of_another_program() -> String {
    const KEYED: &str =
        "MODEL (name marts.two, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id));\nSELECT 1 AS id, 3 AS x\n";
    let world = world();
    edit(&world, &[("models/one.sql", HISTORY), ("models/two.sql", KEYED)]);
    world.sql("CREATE SCHEMA marts");
    world.sql(
        "CREATE TABLE marts.one AS SELECT 1 AS id, 2 AS x, CAST(NULL AS TIMESTAMP) AS valid_from, CAST(NULL AS TIMESTAMP) AS valid_to",
    );
    world.sql("CREATE TABLE marts.two AS SELECT 1 AS id, 2 AS x");
    problems(&world.done(&["promote", "--take-over"]))
}

fn statements_that_production_does_not_have() -> String {
    let world = world();
    world.repository.commit("a model");
    world.done(&["promote"]);
    world.repository.branch("feature");
    let around = "before_all: [\"CREATE MACRO twice(x) AS x * 2\"]\nafter_all: [\"ANALYZE\"]\n";
    edit(&world, &[("config.yaml", &format!("{CONFIG}{around}"))]);
    problems(&world.bot(&["plan"]))
}

const HISTORY: &str =
    "MODEL (name marts.one, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns *));\nSELECT 1 AS id, 2 AS x\n";

fn a_history_that_nothing_goes_on_with() -> String {
    let world = world();
    edit(&world, &[("models/one.sql", HISTORY)]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/one.sql", ONE)]);
    problems(&world.bot(&["plan"]))
}

fn a_model_that_is_left_to_something_else() -> String {
    let world = world();
    edit(&world, &[("models/one.sql", ONE)]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/one.sql", &ONE.replace("kind FULL", "kind CUSTOM (materialization 'own')"))]);
    let mut told = problems(&world.bot(&["plan"]));
    world.repository.remove("models/one.sql");
    edit(&world, &[("external_models.yaml", "- name: marts.one\n  columns: {id: int}\n")]);
    told += &problems(&world.bot(&["plan"]));
    told
}

fn a_history_that_the_state_lost() -> String {
    let world = world();
    edit(&world, &[("models/one.sql", HISTORY)]);
    world.done(&["promote"]);
    let state = rusqlite::Connection::open(world.state()).expect("the state");
    assert_eq!(state.execute("DELETE FROM snapshots", []).expect("a table"), 1);
    drop(state);
    edit(&world, &[("models/one.sql", &HISTORY.replace("2 AS x", "3 AS x"))]);
    problems(&world.bot(&["plan"]))
}

/// What `--forward-only` does not reach, what it decided of another definition, and what it no longer holds for.
fn rows_that_are_kept_by_a_word() -> String {
    let keyed = |x: &str| {
        format!("MODEL (name marts.one, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key id));\nSELECT 1 AS id, {x} AS x\n")
    };
    let world = world().at("2026-04-01");
    edit(&world, &[("models/one.sql", &keyed("1"))]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/one.sql", &keyed("2"))]);
    let mut told = problems(&world.bot(&["plan", "--forward-only", "--effective-from", "2026-03-30"]));
    let merged = ", when_matched (WHEN MATCHED THEN UPDATE SET target.x = source.x)";
    let merged = keyed("2").replace("unique_key id", &format!("unique_key id{merged}"));
    edit(&world, &[("models/one.sql", &merged)]);
    told += &problems(&world.bot(&["plan", "--forward-only"]));
    edit(&world, &[("models/one.sql", &keyed("3"))]);
    world.done(&["apply", "--forward-only"]);
    edit(&world, &[("models/one.sql", &keyed("4"))]);
    told += &problems(&world.bot(&["plan"]));
    edit(&world, &[("models/one.sql", &keyed("3"))]);
    world.repository.checkout("main");
    world.repository.merge("feature");
    world.done(&["promote"]);
    edit(&world, &[("models/one.sql", &keyed("4"))]);
    told + &problems(&world.bot(&["plan"]))
}

fn models_that_begin_later() -> String {
    let by_day = |name: &str, start: &str| {
        let kind = "kind INCREMENTAL_BY_TIME_RANGE (time_column d)";
        format!("MODEL (name marts.{name}, {kind}, start '{start}');\nSELECT @start_date AS d\n")
    };
    let all = |start: &str| ["one", "two"].map(|name| (format!("models/{name}.sql"), by_day(name, start)));
    let world = world().at("2026-04-01");
    for start in ["2026-03-28", "2026-03-30"] {
        let files = all(start);
        edit(&world, &files.each_ref().map(|(path, text)| (path.as_str(), text.as_str())));
        if start == "2026-03-28" {
            world.done(&["promote"]);
            world.repository.branch("feature");
        }
    }
    let told = problems(&world.bot(&["plan"]));
    let files = all("2026-03-28', end '2026-03-30");
    edit(&world, &files.each_ref().map(|(path, text)| (path.as_str(), text.as_str())));
    told + &problems(&world.bot(&["plan"]))
}
