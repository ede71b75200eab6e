//! Globs, as those of `ignore_patterns`: `*`, `?` and `[…]` within a part of a path, `**` for any number of parts.

/// Whether a path fits a pattern, both with `/` between their parts.
pub fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.trim_start_matches("./").split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    fits(&pattern, &path, &|part| *part == "**", &|pattern, part| part_fits(pattern, part))
}

/// Whether the end of a path fits a pattern, as Python's `Path.match` has it: `*.bak.sql` is any file of such a name, and `**` is
/// one part. SQLMesh ignores what fits a pattern in either way.
pub(super) fn matches_end(pattern: &str, path: &str) -> bool {
    let mut path = path.rsplit('/');
    let mut pattern = pattern.trim_start_matches("./").rsplit('/');
    pattern.all(|pattern| path.next().is_some_and(|part| part_fits(pattern, part)))
}

fn part_fits(pattern: &str, part: &str) -> bool {
    let part: Vec<char> = part.chars().collect();
    fits(&signs(pattern), &part, &|sign| *sign == Sign::Any, &|sign, character| match sign {
        Sign::Any => true,
        Sign::One => true,
        Sign::This(this) => this == character,
        Sign::Of { ranges, negated } => ranges.iter().any(|(low, high)| (low..=high).contains(&character)) != *negated,
    })
}

/// A sign of a pattern.
#[derive(Debug, PartialEq, Eq)]
enum Sign {
    /// `*`.
    Any,
    /// `?`.
    One,
    /// Any other.
    This(char),
    /// `[a-z_]`, or `[!a-z_]`.
    Of { ranges: Vec<(char, char)>, negated: bool },
}

/// The signs of a pattern; a bracket that is not closed is one like any other.
fn signs(pattern: &str) -> Vec<Sign> {
    let characters: Vec<char> = pattern.chars().collect();
    // The first after the bracket may be one that closes it.
    let mut closes = vec![None; characters.len()];
    let mut next = None;
    for place in (0..characters.len()).rev() {
        closes[place] = next;
        if characters[place] == ']' {
            next = Some(place);
        }
    }
    let (mut signs, mut at) = (Vec::new(), 0);
    while let Some(sign) = characters.get(at) {
        let negated = characters.get(at + 1) == Some(&'!');
        let first = at + 1 + usize::from(negated);
        let close = closes.get(first).copied().flatten().filter(|_| *sign == '[');
        at += 1;
        signs.push(match (sign, close) {
            ('*', _) => Sign::Any,
            ('?', _) => Sign::One,
            (_, Some(close)) => {
                at = close + 1;
                Sign::Of { ranges: ranges(&characters[first..close]), negated }
            }
            (sign, None) => Sign::This(*sign),
        });
    }
    signs
}

fn ranges(mut inside: &[char]) -> Vec<(char, char)> {
    let mut ranges = Vec::new();
    while let [first, rest @ ..] = inside {
        (inside, _) = match rest {
            ['-', last, rest @ ..] => (rest, ranges.push((*first, *last))),
            rest => (rest, ranges.push((*first, *first))),
        };
    }
    ranges
}

/// Matches items against patterns of which some (`star`) stand for any number of items; never exponential.
fn fits<P, T>(pattern: &[P], items: &[T], star: &dyn Fn(&P) -> bool, one: &dyn Fn(&P, &T) -> bool) -> bool {
    // `reached[i]`: the patterns so far fit the first `i` items.
    let mut reached = vec![false; items.len() + 1];
    reached[0] = true;
    for part in pattern {
        if star(part) {
            let first = reached.iter().position(|reached| *reached).unwrap_or(reached.len());
            reached.iter_mut().skip(first).for_each(|reached| *reached = true);
        } else {
            for index in (0..items.len()).rev() {
                reached[index + 1] = reached[index] && one(part, &items[index]);
            }
            reached[0] = false;
        }
    }
    reached[items.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_whole_paths() {
        for (pattern, path) in [
            ("models/*.sql", "models/a.sql"),
            ("models/**/*.sql", "models/a.sql"),
            ("models/**/*.sql", "models/a/b/c.sql"),
            ("**/wip_?.sql", "models/x/wip_1.sql"),
            ("./seeds/*", "seeds/a.csv"),
            ("models/old/**", "models/old/a/b.sql"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in
            [("models/*.sql", "models/a/b.sql"), ("*.sql", "models/a.sql"), ("models", "models/a.sql")]
        {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
        assert!(!matches(&"*a".repeat(2_000), &"a".repeat(1_000)));
        assert!(!matches(&"[".repeat(100_000), "a"));
    }

    #[test]
    fn brackets_stand_for_one_of_some_signs() {
        for (pattern, path) in
            [("[xy].sql", "x.sql"), ("[!x-z].sql", "a.sql"), ("[]a].sql", "].sql"), ("[a.sql", "[a.sql")]
        {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("[xy].sql", "z.sql"), ("[!x-z].sql", "y.sql"), ("[ab].sql", "ab.sql")] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn the_end_of_a_path_fits() {
        for (pattern, path) in [
            ("*.bak.sql", "models/x.bak.sql"),
            ("skip/*", "models/skip/a.sql"),
            ("./models/[xy].sql", "models/x.sql"),
            ("**/a.sql", "models/skip/a.sql"),
        ] {
            assert!(matches_end(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("skip/*", "models/skip/a/b.sql"), ("a/b/c.sql", "b/c.sql"), ("**/a.sql", "a.sql")] {
            assert!(!matches_end(pattern, path), "{pattern} {path}");
        }
    }
}
