//! Globs, as those of `ignore_patterns`: `*` and `?` within a part of a path, `**` for any number of parts.

/// Whether a path fits a pattern, both with `/` between their parts.
pub fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.trim_start_matches("./").split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    fits(&pattern, &path, &|part| *part == "**", &|pattern, part| {
        let pattern: Vec<char> = pattern.chars().collect();
        let part: Vec<char> = part.chars().collect();
        fits(&pattern, &part, &|sign| *sign == '*', &|sign, character| *sign == '?' || sign == character)
    })
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
    }
}
