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
    /// It is merged.
    Merge,
    Promote,
    Run,
    Rollback(u64),
    Restate(u64),
    Gc,
    /// The last command once more.
    Again,
}

/// The steps of a walk: production is there first.
pub(crate) fn drawn(choices: &mut Choices, length: usize) -> Vec<Step> {
    let mut steps = vec![Step::Promote];
    while steps.len() < length {
        let seed = choices.number() >> 16;
        match choices.below(100) {
            0..=17 => steps.extend([Step::Wait(choices.one(&[5, 24, 24, 24, 30, 48])), Step::Run]),
            18..=39 => steps.push(Step::Source(seed)),
            40..=57 => steps.extend([Step::Edit(seed), Step::Promote]),
            58..=62 => steps.push(Step::Edit(seed)),
            63..=70 => steps.extend([Step::Revert(seed), Step::Promote]),
            71..=75 => steps.push(Step::Branch(seed)),
            76..=79 => steps.extend([Step::Merge, Step::Promote]),
            80..=82 => steps.push(Step::Promote),
            83..=89 => steps.push(Step::Rollback(seed)),
            90..=93 => steps.push(Step::Restate(seed)),
            94 | 95 => steps.push(Step::Gc),
            _ => steps.push(Step::Again),
        }
    }
    steps
}
