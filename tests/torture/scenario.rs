//! The moments at which a command is struck, and what must hold afterwards.

use super::place::{Cradle, Kind, Place, Views};
use super::project::{DAYS_LATER, LATER, NOW, begin, change, change_more};

/// A command about to run.
pub(crate) struct Scenario {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    /// The world just before it.
    pub(crate) place: Place,
    pub(crate) command: Vec<&'static str>,
    /// What prod shows before it.
    pub(crate) before: Views,
    /// What prod and the branch's environment show when it has run to its end.
    pub(crate) after: [Views; 2],
    /// Whether a command that did its work may be given once more.
    pub(crate) again: Again,
}

/// What to do after a command was struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// The same command, whatever it has done.
    Always,
    /// The same command unless the newest entry of prod's history is of this kind.
    Unless(&'static str),
    /// The same command unless the branch's environment is gone.
    UnlessGone,
}

/// The suffixes of the schemas that are compared.
pub(crate) const SUFFIXES: [&str; 2] = ["", "__dev"];

/// How a world comes to the moment before the command.
pub(crate) type Make = fn(Kind) -> Made;

type Made = (Cradle, &'static [&'static str], Again);

const APPLY: &[&str] = &["apply", "--env", "dev", "--execution-time", NOW, "--jobs", "1"];
const PROMOTE: &[&str] = &["promote", "--execution-time", NOW, "--jobs", "1"];

/// Every scenario by its name.
pub(crate) const ALL: [(&str, Make); 10] = [
    ("first promote", first_promote),
    ("first apply", first_apply),
    ("second apply", second_apply),
    ("promote of a merge", merge),
    ("promote of what no branch has built", promote),
    ("rollback", rollback),
    ("end of an environment", drop_environment),
    ("gc", collect),
    ("run", run),
    ("migrate", migrate),
];

impl Scenario {
    /// Prepares a scenario, and lets the command run once to its end to know what it comes to.
    pub(crate) fn prepare(kind: Kind, (name, make): (&'static str, Make)) -> Self {
        let (cradle, command, again) = make(kind);
        let place = cradle.place();
        let before = place.shown("");
        let ended = place.copied();
        let ran = ended.run(command);
        assert!(ran.status.success(), "{name} on {kind:?}: {}", String::from_utf8_lossy(&ran.stderr));
        assert_eq!(ended.complaints(), Vec::<String>::new(), "{name} on {kind:?}");
        let after = SUFFIXES.map(|suffix| ended.shown(suffix));
        Self { kind, name, place, command: command.to_vec(), before, after, again }
    }
}

fn begun(kind: Kind) -> Cradle {
    let cradle = Cradle::new(kind);
    begin(&cradle.world);
    cradle
}

fn promoted(kind: Kind) -> Cradle {
    let cradle = begun(kind);
    cradle.world.done(PROMOTE);
    cradle
}

fn first_promote(kind: Kind) -> Made {
    (begun(kind), PROMOTE, Again::Always)
}

fn branched(kind: Kind) -> Cradle {
    let cradle = promoted(kind);
    cradle.world.repository.branch("feature");
    change(&cradle.world);
    cradle
}

fn first_apply(kind: Kind) -> Made {
    (branched(kind), APPLY, Again::Always)
}

fn applied(kind: Kind) -> Cradle {
    let cradle = branched(kind);
    cradle.world.done(APPLY);
    cradle
}

fn second_apply(kind: Kind) -> Made {
    let cradle = branched(kind);
    cradle.world.done(&["apply", "--env", "dev", "--execution-time", NOW, "--max-days", "2"]);
    change_more(&cradle.world);
    (cradle, APPLY, Again::Always)
}

fn merged(kind: Kind) -> Cradle {
    let cradle = applied(kind);
    cradle.world.repository.checkout("main");
    cradle.world.repository.git(&["merge", "--quiet", "--no-ff", "-m", "merged", "feature"]);
    cradle
}

fn merge(kind: Kind) -> Made {
    (merged(kind), PROMOTE, Again::Always)
}

fn promote(kind: Kind) -> Made {
    let cradle = promoted(kind);
    change(&cradle.world);
    (cradle, PROMOTE, Again::Always)
}

fn rollback(kind: Kind) -> Made {
    let cradle = merged(kind);
    cradle.world.done(PROMOTE);
    (cradle, &["rollback", "--why", "wrong", "--execution-time", NOW], Again::Unless("rollback"))
}

fn drop_environment(kind: Kind) -> Made {
    (applied(kind), &["env", "drop", "dev", "--execution-time", NOW], Again::UnlessGone)
}

fn run(kind: Kind) -> Made {
    (applied(kind), &["run", "--execution-time", DAYS_LATER, "--jobs", "1"], Again::Always)
}

fn migrate(kind: Kind) -> Made {
    let cradle = applied(kind);
    cradle.age();
    (cradle, &["state", "migrate"], Again::Always)
}

fn collect(kind: Kind) -> Made {
    let cradle = merged(kind);
    cradle.world.repository.write("offshoot.yaml", "gc: {history: 1}\n");
    change_more(&cradle.world);
    cradle.world.done(PROMOTE);
    cradle.world.done(&["env", "drop", "dev", "--execution-time", NOW]);
    cradle.world.done(&["gc", "--execution-time", NOW]);
    (cradle, &["gc", "--execution-time", LATER], Again::Always)
}
