//! `bot hook`: real pushes of a real git to a bare repository beside it.

use std::path::Path;
use std::process::{Command, Output};

use offshoot::error::Exit;

use crate::lab::{edit, lab};
use crate::world::World;

const ORDERS: &str = "MODEL (name shop.orders, kind FULL);\nSELECT 1 AS id, 10 AS amount";
const TOTAL: &str = "MODEL (name shop.total, kind FULL);\nSELECT SUM(amount) AS amount FROM shop.orders";

/// A shop of two models, cloned from a bare repository that has its `main`.
fn shop() -> World {
    let world = lab(&[("models/orders.sql", ORDERS), ("models/total.sql", TOTAL)]);
    let root = world.repository.path().to_owned();
    world.repository.git(&["clone", "--quiet", "--bare", ".", &root.join("../remote.git").display().to_string()]);
    world.repository.git(&["remote", "add", "origin", "../remote.git"]);
    world.repository.git(&["fetch", "--quiet", "origin"]);
    world
}

/// A push from a folder, with `bot` on the PATH.
fn push(folder: &Path, arguments: &[&str]) -> Output {
    let bot = Path::new(env!("CARGO_BIN_EXE_bot")).parent().expect("a folder").to_owned();
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::env::join_paths(std::iter::once(bot).chain(std::env::split_paths(&paths))).expect("a PATH");
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    command
        .current_dir(folder)
        .env("PATH", paths)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("OFFSHOOT_CACHE_DIR", folder.join("../cache")).arg("push").args(arguments);
    command.output().expect("git runs")
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A branch with an edit that doubles every amount.
fn doubled(world: &World) {
    world.repository.branch("feature");
    edit(world, &[("models/orders.sql", "MODEL (name shop.orders, kind FULL);\nSELECT 1 AS id, 20 AS amount")]);
}

#[test]
fn a_push_tells_its_plan_and_goes_on() {
    let world = shop();
    let installed = world.done(&["hook", "install"]);
    assert!(installed.stderr.contains("installed"), "{}", installed.stderr);
    doubled(&world);
    let pushed = push(world.repository.path(), &["origin", "feature"]);
    let talk = talk(&pushed);
    assert!(pushed.status.success(), "{talk}");
    assert!(talk.contains("feature: 2 models: 1 modified, 1 indirect"), "{talk}");
    assert!(talk.contains("shop.orders modified"), "{talk}");
    let tag = push(world.repository.path(), &["origin", "HEAD:refs/tags/v1"]);
    assert!(tag.status.success() && !self::talk(&tag).contains("models"), "{}", self::talk(&tag));
    let gone = push(world.repository.path(), &["origin", "--delete", "feature"]);
    assert!(gone.status.success() && !self::talk(&gone).contains("models"), "{}", self::talk(&gone));
    let nothing = push(world.repository.path(), &["origin", "main"]);
    assert!(nothing.status.success(), "{}", self::talk(&nothing));
}

#[test]
fn only_what_the_person_chose_stops_a_push() {
    let world = shop();
    world.done(&["hook", "install"]);
    doubled(&world);
    edit(&world, &[("offshoot.yaml", "hook:\n  block: [breaking]\n")]);
    let stopped = push(world.repository.path(), &["origin", "feature"]);
    assert!(!stopped.status.success());
    assert!(
        talk(&stopped).contains("a change is breaking; `git push --no-verify` goes round this"),
        "{}",
        talk(&stopped)
    );
    assert!(push(world.repository.path(), &["--no-verify", "origin", "feature"]).status.success());
    edit(&world, &[("offshoot.yaml", "hook:\n  block: [removed, errors]\n")]);
    assert!(push(world.repository.path(), &["origin", "feature"]).status.success());
    edit(&world, &[("models/total.sql", "MODEL (name shop.total, kind NONSENSE);\nSELECT 1 AS amount")]);
    let broken = push(world.repository.path(), &["origin", "feature"]);
    assert!(!broken.status.success() && talk(&broken).contains("the project has errors"), "{}", talk(&broken));
}

#[test]
fn the_base_branch_is_compared_with_what_the_remote_has() {
    let world = shop();
    world.done(&["hook", "install"]);
    edit(
        &world,
        &[("models/total.sql", "MODEL (name shop.total, kind FULL);\nSELECT MAX(amount) AS amount FROM shop.orders")],
    );
    let pushed = push(world.repository.path(), &["origin", "main"]);
    assert!(talk(&pushed).contains("main: 2 models: 1 modified"), "{}", talk(&pushed));
    // Somebody else pushes, and nobody has fetched it yet.
    let other = world.repository.path().join("../other");
    world.repository.git(&["clone", "--quiet", "../remote.git", &other.display().to_string()]);
    let commit = ["-C", "../other", "commit", "--quiet", "--allow-empty", "-m", "theirs"];
    world.repository.git(&commit);
    world.repository.git(&["-C", "../other", "push", "--quiet", "origin", "main"]);
    edit(&world, &[("models/total.sql", TOTAL)]);
    let behind = push(world.repository.path(), &["origin", "main"]);
    assert!(talk(&behind).contains("main: what the remote has is not here yet"), "{}", talk(&behind));
    assert!(!behind.status.success() && talk(&behind).contains("rejected"), "git itself refuses: {}", talk(&behind));
}

#[cfg(unix)]
#[test]
fn the_hook_from_before_runs_first_and_is_told_the_same() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = shop();
    let hook = world.repository.path().join(".git/hooks/pre-push");
    std::fs::create_dir_all(hook.parent().expect("a folder")).expect("hooks");
    std::fs::write(&hook, "#!/bin/sh\ncat > told\necho \"$1\" >> told\nexit 7\n").expect("a hook");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("ours");
    let before = std::fs::read(&hook).expect("it");
    for _ in 0..2 {
        world.done(&["hook", "install"]);
    }
    doubled(&world);
    let stopped = push(world.repository.path(), &["origin", "feature"]);
    assert!(!stopped.status.success(), "the hook from before said no");
    assert!(talk(&stopped).contains("feature: 2 models"), "{}", talk(&stopped));
    let told = std::fs::read_to_string(world.repository.path().join("told")).expect("told");
    let head = world.repository.sha("feature");
    assert_eq!(told, format!("refs/heads/feature {head} refs/heads/feature {}\norigin\n", "0".repeat(40)));
    world.done(&["hook", "uninstall"]);
    assert_eq!(std::fs::read(&hook).expect("it is back"), before);
    let theirs = world.bot(&["hook", "uninstall"]);
    assert_eq!(theirs.exit, Exit::No, "{}", theirs.stderr);
    assert_eq!(std::fs::read(&hook).expect("it stays"), before);
}

#[test]
fn what_goes_wrong_in_bot_stops_no_push() {
    let world = shop();
    world.done(&["hook", "install"]);
    doubled(&world);
    world.repository.write(".offshoot/state.db", "no database at all, but long enough to be looked at ".repeat(40));
    let pushed = push(world.repository.path(), &["origin", "feature"]);
    assert!(pushed.status.success(), "{}", talk(&pushed));
    assert!(talk(&pushed).contains("the push goes on without its plan"), "{}", talk(&pushed));
}

#[test]
fn the_pre_commit_framework_says_in_variables_what_is_pushed() {
    let world = shop();
    doubled(&world);
    let head = world.repository.sha("HEAD");
    let world = world.with_variable("PRE_COMMIT_TO_REF", &head);
    let told = world.done(&["hook", "run"]);
    assert_eq!(told.stderr, "", "nothing says which branch it is");
    let world = world.with_variable("PRE_COMMIT_REMOTE_BRANCH", "refs/heads/feature");
    let told = world.done(&["hook", "run", "--", "origin", "https://ada:hunter2@example.org/shop.git"]);
    assert!(told.stderr.contains("feature: 2 models: 1 modified, 1 indirect"), "{}", told.stderr);
    assert!(!told.stderr.contains("hunter2"), "{}", told.stderr);
}

#[test]
fn worktrees_share_it_and_folders_of_strangers_are_no_commands() {
    let folder = "it's $(touch pwned) `touch pwned`";
    let world = World::empty();
    world.repository.write(&format!("{folder}/config.yaml"), crate::lab::CONFIG);
    edit(&world, &[(&format!("{folder}/models/orders.sql"), ORDERS)]);
    let root = world.repository.path().to_owned();
    world.repository.git(&["clone", "--quiet", "--bare", ".", &root.join("../remote.git").display().to_string()]);
    world.repository.git(&["remote", "add", "origin", "../remote.git"]);
    world.repository.git(&["fetch", "--quiet", "origin"]);
    world.bot_in(&root.join(folder), &["hook", "install"]);
    world.repository.git(&["worktree", "add", "--quiet", "-b", "feature", "../linked"]);
    let linked = root.join("../linked");
    let other = ORDERS.replace("10 AS", "20 AS");
    std::fs::write(linked.join(folder).join("models/orders.sql"), other).expect("ours");
    world.repository.git(&["-C", "../linked", "commit", "--quiet", "-a", "-m", "an edit"]);
    let pushed = push(&linked, &["origin", "feature"]);
    assert!(talk(&pushed).contains("feature: 1 model: 1 modified"), "{}", talk(&pushed));
    assert!(pushed.status.success());
    assert!(!linked.join("pwned").exists() && !root.join("pwned").exists());
}

#[test]
fn core_hooks_path_is_followed() {
    let world = shop();
    world.repository.git(&["config", "core.hooksPath", "own/hooks"]);
    let installed = world.done(&["hook", "install"]);
    assert!(installed.stderr.contains("in each worktree"), "{}", installed.stderr);
    assert!(world.repository.path().join("own/hooks/pre-push").is_file());
    doubled(&world);
    let pushed = push(world.repository.path(), &["origin", "feature"]);
    assert!(talk(&pushed).contains("feature: 2 models"), "{}", talk(&pushed));
    world.done(&["hook", "uninstall"]);
    assert!(!world.repository.path().join("own/hooks/pre-push").exists());
    assert!(world.done(&["hook", "uninstall"]).stderr.contains("no pre-push hook"));
}
