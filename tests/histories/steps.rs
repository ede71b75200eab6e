//! What may happen next. A step says nothing of what is there: its number is made something of when it is its turn, and one that
//! makes no sense then is nothing. So any part of a walk is a walk.

use super::random::Choices;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many hours pass.
    Wait(i64),
    /// The sources change.
    Source(u64),
    /// An author edits main.
    Edit(u64),
    /// A model, or all of them, become what they were at some commit.
    Revert(u64),
    /// A branch is begun from main, edited and built.
    Branch(u64),
    /// An author leaves out what production keeps, and may not.
    TooFew(u64),
    /// It is merged.
    Merge,
    Promote,
    /// The same, with `--forward-only`.
    Decide(u64),
    Run,
    Rollback(u64),
    Restate(u64),
    Gc,
    /// Another environment is promoted to, once, and loaded from then on.
    Staging,
    /// The last command once more.
    Again,
    /// The next command is killed first at one of the lines that it tells of its statements.
    Kill(u64),
}

/// Whether commands are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kills {
    /// None is.
    None,
    /// Many are.
    Some,
}

/// What a walk does more often than others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taste {
    /// All of it alike.
    Any,
    /// Definitions and entries, back and forth.
    Definitions,
    /// The sources and the clock.
    Loads,
    /// Branches, while main moves on.
    Branches,
}

/// The steps of a walk: production is there first.
pub(crate) fn drawn(choices: &mut Choices, length: usize, kills: Kills) -> Vec<Step> {
    let mut steps = vec![Step::Promote];
    let taste =
        choices.one(&[Taste::Any, Taste::Any, Taste::Definitions, Taste::Definitions, Taste::Loads, Taste::Branches]);
    while steps.len() < length {
        let seed = choices.number() >> 16;
        if kills == Kills::Some && choices.chance(60) {
            steps.push(Step::Kill(choices.number() >> 16));
        }
        let place = match (taste, choices.chance(50)) {
            (Taste::Definitions, true) => choices.one(&[20, 40, 40, 55, 55, 65, 65, 86, 86, 95]),
            (Taste::Branches, true) => choices.one(&[0, 20, 48, 58, 63, 71, 71, 71, 77, 77, 83]),
            (Taste::Loads, true) => choices.one(&[0, 20, 20, 20, 20, 91]),
            _ => choices.below(100),
        };
        match place {
            0..=17 => steps.extend([Step::Wait(choices.one(&[5, 24, 24, 24, 30, 48])), Step::Run]),
            18..=37 => steps.push(Step::Source(seed)),
            38 | 39 => steps.push(Step::TooFew(seed)),
            40..=46 => steps.extend([Step::Wait(24), Step::Edit(seed), Step::Promote]),
            47..=53 => steps.extend([Step::Edit(seed), Step::Promote]),
            54..=57 => steps.extend([Step::Edit(seed), Step::Decide(seed)]),
            58..=62 => steps.push(Step::Edit(seed)),
            63..=70 => steps.extend([Step::Revert(seed), Step::Promote]),
            71..=75 => steps.push(Step::Branch(seed)),
            76..=79 => steps.extend([Step::Merge, Step::Promote]),
            80..=82 => steps.push(Step::Promote),
            83..=89 => steps.push(Step::Rollback(seed)),
            90..=93 => steps.push(Step::Restate(seed)),
            94 => steps.push(Step::Gc),
            95 => steps.push(Step::Staging),
            _ => steps.push(Step::Again),
        }
    }
    steps
}
