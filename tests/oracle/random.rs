//! A small seeded source of choices (SplitMix64) that records what it chose, so that one choice can be flipped later.

/// Choices, recorded.
#[derive(Clone, Debug)]
pub(crate) struct Choices {
    state: u64,
    tape: Vec<u32>,
    place: usize,
}

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x5DEE_CE66_D1CE_4E5B, tape: Vec::new(), place: 0 }
    }

    /// The choices of a tape first, then fresh ones.
    pub(crate) fn replay(tape: Vec<u32>, seed: u64) -> Self {
        Self { tape, ..Self::new(seed) }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn next(&mut self) -> u32 {
        if self.place == self.tape.len() {
            let fresh = (self.number() >> 32) as u32;
            self.tape.push(fresh);
        }
        self.place += 1;
        self.tape[self.place - 1]
    }

    /// A number below `count`; 0 where there is nothing to choose from.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        if count < 2 { 0 } else { self.next() as usize % count }
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let place = self.below(list.len());
        list.get(place)
    }

    /// One of a list that is never empty.
    #[track_caller]
    pub(crate) fn one<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }

    /// What was chosen so far.
    pub(crate) fn into_tape(self) -> Vec<u32> {
        self.tape
    }
}
