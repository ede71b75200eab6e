use super::*;

fn model(text: &str) -> ModelName {
    ModelName::parse(text).expect("a name")
}

fn digest(text: &str) -> Digest {
    Digest::of("test", text)
}

fn range(start: &str, end: &str) -> Interval {
    let moment = |text| Timestamp::parse(text).expect("a date");
    Interval::new(moment(start), moment(end)).expect("not empty")
}

fn table(ranges: &[(&str, &str)], filled_at: i64) -> Option<Freshness> {
    let intervals = ranges.iter().map(|(start, end)| range(start, end)).collect();
    Some(Freshness { intervals: Some(intervals), unit: IntervalUnit::Day, filled_at: Some(Timestamp(filled_at)) })
}

/// Where models point, each at a definition with a table.
fn stands(models: &[(&str, &str, Option<Freshness>)]) -> BTreeMap<ModelName, Stand> {
    let stand = |(name, data, table): &(&str, &str, Option<Freshness>)| {
        (model(name), Stand { data: digest(data), table: table.clone() })
    };
    models.iter().map(stand).collect()
}

fn hold(rolled_back: &[(&str, Option<&str>)]) -> Hold {
    let rolled_back =
        rolled_back.iter().map(|(name, data)| RolledBack { model: model(name), data_fingerprint: data.map(digest) });
    Hold {
        who: Who::default(),
        at: Timestamp(0),
        why: None,
        from: 2,
        to: 1,
        promoted: Some(CommitId::new("bbbb")),
        algorithm: 7,
        rolled_back: rolled_back.collect(),
    }
}

#[test]
fn what_moves_is_told_with_what_gets_older_by_it() {
    let april = [("2026-04-01", "2026-04-05")];
    let before = stands(&[
        ("a.same", "x", table(&april, 9)),
        ("a.behind", "new", table(&[("2026-04-01", "2026-04-09")], 9)),
        ("a.newer", "new", table(&april, 5)),
        ("a.added", "new", table(&april, 9)),
        ("a.view", "new", None),
    ]);
    let after = stands(&[
        ("a.same", "x", table(&april, 1)),
        ("a.behind", "old", table(&april, 3)),
        ("a.newer", "old", table(&april, 6)),
        ("a.gone", "old", table(&april, 2)),
        ("a.view", "old", None),
    ]);
    let moved = moved(&before, &after);
    let names: Vec<String> = moved.iter().map(|moved| moved.model.to_string()).collect();
    assert_eq!(names, ["a.added", "a.behind", "a.gone", "a.newer", "a.view"]);
    assert_eq!((moved[0].to, moved[0].loaded_to), (None, None), "it goes");
    assert_eq!((moved[2].from, moved[2].to), (None, Some(digest("old"))), "it is there again");
    assert_eq!(moved[2].loaded_to, Timestamp::parse("2026-04-05"), "nobody shows it now, so it is behind nobody");
    let behind: Vec<&[Behind]> = moved.iter().map(|moved| moved.behind.as_slice()).collect();
    let lacks = Behind::Lacks { ranges: vec![range("2026-04-05", "2026-04-09")], unit: IntervalUnit::Day };
    let earlier = Behind::FilledEarlier { at: Timestamp(3), other: Timestamp(9) };
    assert_eq!(behind, [&[][..], &[lacks, earlier], &[], &[], &[]]);
}

#[test]
fn a_hole_in_the_middle_is_behind_too_and_a_table_that_is_filled_as_a_whole_has_none() {
    let whole = stands(&[("a.b", "new", table(&[("2026-04-01", "2026-04-09")], 5))]);
    let holed = stands(&[("a.b", "old", table(&[("2026-04-01", "2026-04-03"), ("2026-04-04", "2026-04-09")], 5))]);
    let found = moved(&whole, &holed);
    let lacks = Behind::Lacks { ranges: vec![range("2026-04-03", "2026-04-04")], unit: IntervalUnit::Day };
    assert_eq!(found[0].behind, [lacks]);
    let full = table(&[], 5).map(|table| Freshness { intervals: None, ..table });
    assert_eq!(moved(&whole, &stands(&[("a.b", "old", full)]))[0].behind, []);
    let empty = moved(&whole, &stands(&[("a.b", "old", table(&[], 5))]));
    assert_eq!(empty[0].behind.len(), 1, "one that is loaded by time and holds nothing lacks all of it");
}

#[test]
fn a_hold_is_over_when_nothing_of_it_is_there() {
    let hold = hold(&[("a.bad", Some("bad")), ("a.gone", None)]);
    let contained = |trees: &[(&str, &str)]| {
        let tree: BTreeMap<ModelName, Digest> = trees.iter().map(|(name, data)| (model(name), digest(data))).collect();
        hold.contained(7, |model| tree.get(model).copied())
    };
    assert_eq!(contained(&[("a.bad", "good"), ("a.gone", "any")]), Contained::Nothing);
    assert_eq!(contained(&[("a.bad", "bad"), ("a.gone", "any")]), Contained::Models(vec![model("a.bad")]));
    assert_eq!(contained(&[("a.bad", "good")]), Contained::Models(vec![model("a.gone")]), "it is gone again");
    assert_eq!(contained(&[("a.gone", "any")]), Contained::Nothing, "a model that went is not what it was");
    assert_eq!(
        hold.contained(8, |_| None),
        Contained::Unknown,
        "fingerprints of two versions say nothing of each other"
    );
}

#[test]
fn a_second_rollback_holds_back_both_and_what_is_shown_again_no_longer() {
    let first = hold(&[("a.x", Some("three")), ("a.y", Some("three"))]);
    let shown = stands(&[("a.x", "one", None), ("a.y", "one", None)]);
    let second = Hold { promoted: Some(CommitId::new("aaaa")), ..hold(&[("a.x", Some("two"))]) };
    let both = second.after(Some(first.clone()), &shown);
    assert_eq!(
        both.rolled_back,
        hold(&[("a.x", Some("two")), ("a.x", Some("three")), ("a.y", Some("three"))]).rolled_back
    );
    assert_eq!(both.promoted, Some(CommitId::new("bbbb")), "what was promoted before anything was rolled back");
    let forth =
        hold(&[("a.x", Some("one"))]).after(Some(both), &stands(&[("a.x", "three", None), ("a.y", "one", None)]));
    assert_eq!(
        forth.rolled_back,
        hold(&[("a.x", Some("one")), ("a.x", Some("two")), ("a.y", Some("three"))]).rolled_back
    );
    let older = Hold { algorithm: 6, ..first };
    assert_eq!(hold(&[]).after(Some(older), &shown).algorithm, 6);
}

#[test]
fn an_account_hides_nothing_and_ends() {
    let who = Who { name: Some("ada\n\u{1b}[31m".into()), run: Some("https://x/1".into()) };
    let hold = Hold { who, why: Some(format!("`wrong`\n{}", "long ".repeat(1000))), ..hold(&[]) };
    let text = hold.sentence(&EnvironmentName::prod());
    assert!(text.starts_with("`prod` is held: ada\\n\\u{1B}[31m rolled it back from entry 2 to entry 1 on 1970-01-01"));
    assert!(text.contains("(https://x/1): `wrong`\\nlong ") && text.chars().count() < 500, "{text}");
}
