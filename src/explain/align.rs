//! Which members of two lists belong together.

/// Members of one or both lists, in order: what is the same on both sides, and between those the leftovers, paired as
/// they come.
pub(super) fn aligned<T>(old: &[T], new: &[T], same: impl Fn(&T, &T) -> bool) -> Vec<(Option<usize>, Option<usize>)> {
    let mut pairs = Vec::new();
    let (mut before, mut after) = (0, 0);
    let ends = std::iter::once((old.len(), new.len()));
    for (old_end, new_end) in common(old, new, same).into_iter().chain(ends) {
        let longest = (old_end - before).max(new_end - after);
        pairs.extend((0..longest).map(|place| {
            let member = |from: usize, end: usize| Some(from + place).filter(|index| *index < end);
            (member(before, old_end), member(after, new_end))
        }));
        if old_end < old.len() {
            pairs.push((Some(old_end), Some(new_end)));
        }
        (before, after) = (old_end + 1, new_end + 1);
    }
    pairs
}

/// More comparisons than this are not worth the time: the lists' ends are then matched alone.
const MOST: usize = 1_000_000;

/// The places of a longest common subsequence.
fn common<T>(old: &[T], new: &[T], same: impl Fn(&T, &T) -> bool) -> Vec<(usize, usize)> {
    let head = old.iter().zip(new).take_while(|(old, new)| same(old, new)).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| same(old, new)).count();
    let (rows, columns) = (old_rest.len() - tail, new_rest.len() - tail);
    let mut pairs: Vec<(usize, usize)> = (0..head).map(|place| (place, place)).collect();
    if rows > 0 && columns > 0 && rows.saturating_mul(columns) <= MOST {
        // The longest common subsequence of what follows, from the end on.
        let width = columns + 1;
        let mut lengths = vec![0_u32; (rows + 1) * width];
        for row in (0..rows).rev() {
            for column in (0..columns).rev() {
                lengths[row * width + column] = match same(&old_rest[row], &new_rest[column]) {
                    true => lengths[(row + 1) * width + column + 1] + 1,
                    false => lengths[(row + 1) * width + column].max(lengths[row * width + column + 1]),
                };
            }
        }
        let (mut row, mut column) = (0, 0);
        while row < rows && column < columns {
            if same(&old_rest[row], &new_rest[column]) {
                pairs.push((head + row, head + column));
                (row, column) = (row + 1, column + 1);
            } else if lengths[(row + 1) * width + column] >= lengths[row * width + column + 1] {
                row += 1;
            } else {
                column += 1;
            }
        }
    }
    pairs.extend((0..tail).rev().map(|place| (old.len() - 1 - place, new.len() - 1 - place)));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
        let member = |list: &[char], place: Option<usize>| place.map_or('.', |place| list[place]);
        let pairs = aligned(&old, &new, |old, new| old == new);
        pairs.into_iter().flat_map(|(one, two)| [member(&old, one), member(&new, two), ' ']).collect()
    }

    #[test]
    fn what_is_the_same_stands_together() {
        assert_eq!(shown("abc", "abc"), "aa bb cc ");
        assert_eq!(shown("abc", "axc"), "aa bx cc ");
        assert_eq!(shown("abc", "abxc"), "aa bb .x cc ");
        assert_eq!(shown("abcd", "bd"), "a. bb c. dd ");
        assert_eq!(shown("", "ab"), ".a .b ");
        assert_eq!(shown("ab", ""), "a. b. ");
        assert_eq!(shown("abab", "baba"), "a. bb aa bb .a ");
    }
}
