//! A decision is as if the file said `forward_only true`, wherever its definition is, and nothing anywhere else.

use super::*;
use crate::decision::{Decision, KeptRows, Wanted};
use crate::ids::EnvironmentName;
use crate::model::{Kind, Past};
use crate::time::Timestamp;

fn chain(forward_only: &str, columns: &str) -> Tree {
    let incremental = format!("kind INCREMENTAL_BY_TIME_RANGE (time_column ds{forward_only})");
    let keyed = format!("kind INCREMENTAL_BY_UNIQUE_KEY (unique_key v{forward_only})");
    let fixture = format!(
        "//- models/a.sql
MODEL (name s.a, {incremental});
SELECT {columns} FROM raw.t WHERE ds BETWEEN @start_ds AND @end_ds
//- models/b.sql
MODEL (name s.b, {incremental});
SELECT ds, 1 AS one FROM s.a WHERE ds BETWEEN @start_ds AND @end_ds
//- models/c.sql
MODEL (name s.c, {keyed});
SELECT v, ds FROM s.a
//- models/d.sql
MODEL (name s.d, kind FULL);
SELECT * FROM s.b JOIN s.c USING (ds)
"
    );
    tree_in(&fixture, "engine", None)
}

fn data(tree: &Tree) -> Vec<(String, Digest, Digest)> {
    let of = |(name, it): (&ModelName, &Fingerprint)| (name.to_string(), it.data, it.metadata);
    tree.fingerprints.iter().map(of).collect()
}

/// All is to be decided that is none of a tree.
fn wanting(base: &Tree) -> Decisions {
    wanting_from(base, None)
}

fn wanting_from(base: &Tree, from: Option<&str>) -> Decisions {
    let rows = KeptRows { effective_from: from.map(|from| Timestamp::parse(from).expect("a moment")) };
    let wanted = |(name, it): (&ModelName, &Fingerprint)| (name.clone(), Wanted { known: [it.data].into(), rows });
    Decisions::default().wanting(base.fingerprints.iter().map(wanted).collect())
}

fn made(tree: &Tree) -> Decisions {
    let decision = |(model, data_fingerprint, rows): (&ModelName, Digest, KeptRows)| Decision {
        model: model.clone(),
        data_fingerprint,
        environment: EnvironmentName::new("dev"),
        by: None,
        at: Timestamp(1),
        rows,
    };
    tree.newly_decided().map(decision).collect()
}

#[test]
fn a_decision_is_as_if_the_file_said_so() {
    let base = chain("", "ds, v");
    let decided = chain("", "ds, v + 1 AS v").decided(&wanting(&base));
    let said = chain(", forward_only true", "ds, v + 1 AS v");
    assert_eq!(data(&decided), data(&said));
    let kept = |tree: &Tree| tree.models.values().filter(|model| model.past() != Past::Recomputed).count();
    assert_eq!([kept(&decided), kept(&said), kept(&base)], [3, 3, 0]);
    assert_eq!(decided.newly_decided().count(), 3, "what reads only what stays reads rows that are kept, too");

    let made = made(&decided);
    let again = chain("", "ds, v + 1 AS v").decided(&made);
    assert_eq!(data(&again), data(&said), "whoever plans it later finds the same");
    assert_eq!(again.newly_decided().count(), 0);
    assert_eq!(data(&chain("", "ds, v").decided(&made)), data(&base), "what it was is what it was");
    let other = chain("", "ds, v + 2 AS v");
    assert_eq!(data(&other.clone().decided(&made)), data(&other), "and another definition is another one");
    assert_eq!(data(&said.clone().decided(&made)), data(&said), "what is kept anyway needs no decision");
}

#[test]
fn rows_that_are_kept_until_another_day_are_other_rows() {
    let base = chain("", "ds, v");
    let decided = |from| chain("", "ds, v + 1 AS v").decided(&wanting_from(&base, from));
    let incremental = |tree: &Tree| {
        let by_time = tree.models.values().filter(|model| matches!(model.kind, Kind::TimeRange(_)));
        by_time.map(|model| tree.fingerprints[&model.name].data).collect::<Vec<_>>()
    };
    let (all, first, second) = (decided(None), decided(Some("2026-01-02")), decided(Some("2026-01-03")));
    assert_eq!(incremental(&all).len(), 2);
    for (one, other) in [(&all, &first), (&all, &second), (&first, &second)] {
        let pairs = incremental(one).into_iter().zip(incremental(other));
        assert!(pairs.into_iter().all(|(one, other)| one != other));
    }
    assert_eq!(data(&decided(Some("2026-01-02 13:00:00"))), data(&first), "a day is of one definition");
    let again = chain("", "ds, v + 1 AS v").decided(&made(&first));
    assert_eq!(data(&again), data(&first), "whoever plans it later finds the same");
    assert_eq!(again.newly_decided().count(), 0);
}

#[test]
fn a_tree_like_a_decided_one_takes_nothing_over_that_was_decided() {
    let base = chain("", "ds, v");
    let decided = chain("", "ds, v + 1 AS v").decided(&wanting(&base));
    let again = chain("", "ds, v + 1 AS v");
    let models = again.models.clone();
    let (like, _) = Tree::new(models, again.context.files.clone(), again.context.engine, Some(&decided));
    assert_eq!(data(&like), data(&again));
    assert_eq!(data(&like.decided(&made(&decided))), data(&decided));
}
