//! What is decided about one table in all situations.

use super::*;

const DAY: i64 = 24 * 60 * 60 * 1000;

fn name(text: &str) -> TableName {
    TableName { catalog: None, schema: "offshoot__marts".into(), name: text.into() }
}

fn table(text: &str, standing: Standing) -> Table {
    let model = ModelName::parse("marts.orders").expect("a name");
    Table { name: name(text), model, rows: Some(3), known: Known::ToWarehouse, standing }
}

fn reader(whose: Whose, text: &str) -> Reader {
    Reader { shown: "view `x.y`".into(), whose, text: text.into() }
}

const ORDERS: &str = "orders__0123456789abcdef";

struct Case {
    standing: Standing,
    readers: Vec<Reader>,
    since: BTreeMap<TableName, Timestamp>,
    roots: BTreeSet<TableName>,
    lifetime: TimeToLive,
}

impl Case {
    /// A table that was found without a root on day 1.
    fn since_day_1() -> Self {
        Self {
            standing: Standing::Ours,
            readers: Vec::new(),
            since: [(name(ORDERS), Timestamp(DAY))].into(),
            roots: BTreeSet::new(),
            lifetime: TimeToLive::default(),
        }
    }

    fn on_day(&self, day: i64) -> Verdict {
        decide(Inputs {
            now: Timestamp(day * DAY),
            lifetime: &self.lifetime,
            roots: &self.roots,
            tables: vec![table(ORDERS, self.standing)],
            readers: &self.readers,
            since: &self.since,
        })
    }
}

fn counts(verdict: &Verdict) -> [usize; 4] {
    [verdict.needed, verdict.waiting.len(), verdict.going.len(), verdict.kept.len()]
}

#[test]
fn a_table_goes_when_its_time_is_over_and_not_before() {
    let case = Case::since_day_1();
    assert_eq!(counts(&case.on_day(7)), [0, 1, 0, 0]);
    assert_eq!(counts(&case.on_day(8)), [0, 0, 1, 0]);
    assert_eq!(case.on_day(7).waiting[0].goes_at, Some(Timestamp(8 * DAY)));
    assert_eq!(case.on_day(0).waiting.len(), 1, "a clock that went back drops nothing");
    let first = Case { since: BTreeMap::new(), ..Case::since_day_1() }.on_day(30);
    assert_eq!((counts(&first), first.since), ([0, 1, 0, 0], [(name(ORDERS), Timestamp(30 * DAY))].into()));
    let forever = Case { lifetime: TimeToLive::Forever, ..Case::since_day_1() }.on_day(4_000);
    assert_eq!((counts(&forever), forever.waiting[0].goes_at), ([0, 1, 0, 0], None));
}

#[test]
fn a_root_and_a_view_of_a_living_environment_stop_the_clock() {
    let pointed_at = Case { roots: [name(ORDERS)].into(), ..Case::since_day_1() };
    let shown = format!("CREATE VIEW a.b AS SELECT c FROM offshoot__marts.{ORDERS};");
    let seen = Case { readers: vec![reader(Whose::Living, &shown)], ..Case::since_day_1() };
    for case in [pointed_at, seen] {
        let verdict = case.on_day(30);
        assert_eq!((counts(&verdict), verdict.since.len()), ([1, 0, 0, 0], 0));
    }
    let ending = Case { readers: vec![reader(Whose::Ending, &shown)], ..Case::since_day_1() };
    assert_eq!(counts(&ending.on_day(30)), [0, 0, 1, 0]);
}

#[test]
fn a_foreign_reader_keeps_a_table_however_it_writes_the_name() {
    let upper = ORDERS.to_uppercase();
    for text in [format!("SELECT * FROM \"{ORDERS}\""), format!("select '{upper}'"), format!("f({ORDERS}.a)")] {
        let case = Case { readers: vec![reader(Whose::Foreign, &text)], ..Case::since_day_1() };
        let verdict = case.on_day(30);
        assert_eq!(verdict.kept[0].why, WhyKept::ReadBy("view `x.y`".into()), "{text}");
        assert_eq!(verdict.since[&name(ORDERS)], Timestamp(DAY), "its clock goes on");
    }
    let other = format!("SELECT * FROM x{ORDERS}");
    let case = Case { readers: vec![reader(Whose::Foreign, &other)], ..Case::since_day_1() };
    assert_eq!(counts(&case.on_day(30)), [0, 0, 1, 0]);
}

#[test]
fn what_is_not_ours_alone_stays() {
    let why = |standing| Case { standing, ..Case::since_day_1() }.on_day(30).kept.first().map(|kept| kept.why.clone());
    assert_eq!(why(Standing::Foreign), Some(WhyKept::NotOurs));
    assert_eq!(why(Standing::Shared), Some(WhyKept::OtherProject));
    assert_eq!(why(Standing::Theirs), None, "we only forget it");
}
