//! The header of a seed's file: the names of its columns, as pandas makes them for SQLMesh.

use std::collections::{BTreeMap, BTreeSet};

use super::seed::SeedError;

/// A column whose name another one has before it: what is written, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The name in the header.
    pub written: String,
    /// The name of the column.
    pub name: String,
}

/// The names of the columns in order, and the first that is not as it is written. One that has none is `Unnamed: 2`, by its
/// place from 0; one that is there already gets a number that makes it another one, `a.1`.
///
/// # Errors
/// Two differ in nothing but case or blanks around them.
pub(super) fn names(written: &[String]) -> Result<(Vec<String>, Option<Renamed>), SeedError> {
    let is_empty = |name: &String| name.trim().is_empty();
    let named =
        |(place, name): (usize, &String)| if is_empty(name) { format!("Unnamed: {place}") } else { name.clone() };
    let mut names: Vec<String> = written.iter().enumerate().map(named).collect();
    // Those that have a name keep it.
    let (unnamed, own): (Vec<usize>, Vec<usize>) = (0..names.len()).partition(|place| is_empty(&written[*place]));
    let mut all: BTreeSet<String> = names.iter().cloned().collect();
    let (mut counts, mut renamed): (BTreeMap<String, usize>, _) = (BTreeMap::new(), None);
    for place in own.into_iter().chain(unnamed) {
        let before = names[place].clone();
        let mut name = before.clone();
        let mut count = counts.get(&name).copied().unwrap_or_default();
        while count > 0 {
            counts.insert(before.clone(), count + 1);
            name = format!("{before}.{count}");
            count = if all.contains(&name) { count + 1 } else { counts.get(&name).copied().unwrap_or_default() };
        }
        if name != before {
            renamed = renamed.or_else(|| Some(Renamed { written: before, name: name.clone() }));
        }
        counts.insert(name.clone(), count + 1);
        all.insert(name.clone());
        names[place] = name;
    }
    refuse_alike(&names)?;
    Ok((names, renamed))
}

fn refuse_alike(names: &[String]) -> Result<(), SeedError> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(name.trim().to_lowercase())) {
        Some(name) => Err(SeedError::DuplicateColumn { name: name.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `pandas.read_csv` 2 calls the columns of each header.
    #[test]
    fn names_are_those_of_pandas() {
        for (header, expected) in [
            ("a,PTS,,PTS,a", "a,PTS,Unnamed: 2,PTS.1,a.1"),
            ("a,a.1,a,a", "a,a.1,a.2,a.3"),
            ("a,a,a.1", "a,a.2,a.1"),
            ("a,,,", "a,Unnamed: 1,Unnamed: 2,Unnamed: 3"),
            ("Unnamed: 1,,x", "Unnamed: 1,Unnamed: 1.1,x"),
        ] {
            let written: Vec<String> = header.split(',').map(str::to_owned).collect();
            let (names, _) = names(&written).expect("names");
            assert_eq!(names.join(","), expected, "{header}");
        }
    }

    #[test]
    fn names_that_differ_in_case_alone_are_refused() {
        let written = |header: &str| header.split(',').map(str::to_owned).collect::<Vec<_>>();
        assert!(matches!(names(&written("a,b,A")), Err(SeedError::DuplicateColumn { name }) if name == "A"));
        assert!(matches!(names(&written("a, a")), Err(SeedError::DuplicateColumn { .. })));
    }

    #[test]
    fn a_thousand_columns_of_one_name_are_a_thousand_names() {
        let written = vec!["a".to_owned(); 1000];
        let (names, renamed) = names(&written).expect("names");
        assert_eq!(names.last().map(String::as_str), Some("a.999"));
        assert_eq!(renamed, Some(Renamed { written: "a".into(), name: "a.1".into() }));
    }
}
