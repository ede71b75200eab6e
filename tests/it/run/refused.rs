//! What a run says no to, and what is left as it was.

use offshoot::error::Exit;

use super::{HOURLY, TOTAL, names, run, unpromoted, world};
use crate::lab::{edit, lab};

#[test]
fn without_its_environment_or_commit_nothing_is_loaded() {
    let world = unpromoted();
    let ran = world.bot(&["run"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.stderr.contains("there is no environment `prod` yet"), "{}", ran.stderr);
    assert!(!world.state().exists(), "nothing is made");
    world.done(&["promote"]);
    let ran = world.bot(&["run", "porod"]);
    assert!(ran.exit == Exit::No && ran.stderr.contains("did you mean `prod`?"), "{}", ran.stderr);

    // Another history, in which the commit never was.
    let other = lab(&[("models/one.sql", "MODEL (name marts.one, kind FULL);\nSELECT 1 AS one")]);
    std::fs::rename(world.repository.path().join(".offshoot"), other.repository.path().join(".offshoot"))
        .expect("moved");
    let ran = other.bot(&["run"]);
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.stderr);
    assert!(ran.stderr.contains("fetch the whole history (`fetch-depth: 0`)"), "{}", ran.stderr);
}

#[test]
fn what_is_asked_for_must_be_there() {
    let world = world();
    let said = |arguments: &[&str]| {
        let ran = world.bot(&[&["run"], arguments].concat());
        assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
        ran.stderr
    };
    assert!(said(&["--restate", "marts.dayly"]).contains("did you mean `marts.daily`?"));
    world.repository.remove("external_models.yaml");
    world.repository.commit("nothing is declared");
    world.done(&["promote"]);
    let undeclared = said(&["--restate", "ERP.events"]);
    assert!(undeclared.contains("models read it, but nothing declares it: `bot external` writes"), "{undeclared}");
    assert!(said(&["--restate", "marts.daily", "--start", "soon"]).contains("`--start soon` is no time"));
    let swapped = said(&["--restate", "marts.daily", "--start", "2026-03-28", "--end", "2026-03-27"]);
    assert!(swapped.contains("nothing lies between 2026-03-28 00:00:00 and 2026-03-28 00:00:00"), "{swapped}");
}

#[test]
fn an_environment_of_uncommitted_files_has_no_commit_to_be_loaded_by() {
    let world = world();
    world.repository.branch("feature");
    world.repository.write("models/total.sql", TOTAL.replace("SUM", "MAX"));
    world.done(&["apply", "--env", "dev", "--worktree"]);
    let ran = world.bot(&["run", "dev"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    assert!(ran.stderr.contains("`dev` was made of files that were not committed"), "{}", ran.stderr);
}

/// Nobody can ask a signal whether an interval is there, and one that is loaded too early would count as loaded.
#[test]
fn a_model_that_waits_for_signals_is_loaded_only_where_somebody_says_that_all_are_given() {
    let world = unpromoted();
    let waits = HOURLY.replace("cron '@hourly'", "cron '@hourly', signals [events_are_there(of := 'c0')]");
    edit(&world, &[("models/hourly.sql", &waits)]);
    let refused = |arguments: &[&str]| {
        let ran = world.bot(arguments);
        let told =
            "`marts.hourly` (`models/hourly.sql`) would be loaded, and nobody knows whether the signals are there";
        assert!(ran.exit == Exit::No && ran.stderr.contains(told), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("say `signals: ready` in `offshoot.yaml`"), "{}", ran.stderr);
    };
    refused(&["promote"]);
    assert!(world.try_sql("SELECT * FROM marts.latest").is_err(), "nothing was built");
    assert!(world.done(&["plan"]).stdout.contains("`signals` is not honoured"));
    edit(&world, &[("offshoot.yaml", "signals: ready\n")]);
    world.done(&["promote"]);
    edit(&world, &[("offshoot.yaml", "signals: unknown\n")]);
    world.done(&["promote"]);
    world.repository.branch("feature");
    edit(&world, &[("models/hourly.sql", &waits.replace("SUM(amount)", "2 * SUM(amount)"))]);
    refused(&["apply"]);
    edit(
        &world,
        &[("models/hourly.sql", &waits), ("models/one.sql", "MODEL (name marts.one, kind FULL);\nSELECT 1 AS one")],
    );
    world.done(&["apply"]);
}

/// All else is loaded, and what reads it waits for it.
#[test]
fn a_run_leaves_what_waits_for_signals_and_what_reads_it() {
    let world = unpromoted();
    let waits = HOURLY.replace("cron '@hourly'", "cron '@hourly', signals [events_are_there(of := 'c0')]");
    edit(&world, &[("models/hourly.sql", &waits), ("offshoot.yaml", "signals: ready\n")]);
    world.done(&["promote"]);
    edit(&world, &[("offshoot.yaml", "signals: unknown\n")]);
    world.done(&["promote"]);
    let before = world.sql("SELECT * FROM marts.total");
    let arguments = ["run", "--execution-time", "2026-04-02 00:10", "--format", "json"];
    let dry = world.done(&[&arguments[..], &["--dry-run"]].concat()).json();
    let ran = world.bot(&arguments);
    assert_eq!(ran.exit, Exit::No, "{}", ran.stderr);
    let ran = ran.json();
    for ran in [&dry, &ran] {
        assert_eq!(names(ran, "due"), ["marts.latest"]);
        assert_eq!(names(ran, "left"), ["marts.daily", "marts.hourly", "marts.total"]);
        let why = |of: &str| ran["left"].as_array().and_then(|left| left.iter().find(|left| left["model"] == of));
        assert_eq!(why("marts.daily").expect("it is there")["why"], "waits");
        assert_eq!(why("marts.hourly").expect("it is there")["why"], "signals");
        assert_eq!(why("marts.total").expect("it is there")["by"], "marts.hourly");
    }
    assert_eq!(world.sql("SELECT * FROM marts.total"), before);
    let told = world.bot(&["run", "--execution-time", "2026-04-02 00:10"]);
    assert!(told.exit == Exit::No && told.stdout.contains("marts.hourly: waits for signals"), "{}", told.stdout);
    for (model, says) in [("hourly", "waits for signals"), ("total", "reads `marts.hourly`, which waits for signals")] {
        let named = world.bot(&["run", "--execution-time", "2026-04-02 00:10", "--restate", &format!("marts.{model}")]);
        assert!(named.exit == Exit::No && named.stderr.contains(says), "{}", named.stderr);
    }
    edit(&world, &[("offshoot.yaml", "signals: ready\n")]);
    world.done(&["promote"]);
    let ran = run(&world, "2026-04-02 00:10", &[]);
    assert_eq!(names(&ran, "due"), ["marts.daily", "marts.hourly", "marts.total"]);
    assert_eq!(names(&ran, "left"), Vec::<String>::new());
}
