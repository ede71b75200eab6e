//! Names for output columns that the author gave none: what SQLMesh calls a cast, a literal, or either in parentheses, where an
//! engine would make a name of the whole expression (research: SQLGlot's `output_name`; SQLMesh puts it behind the expression as
//! its alias). A reader that asks for `id` of `SELECT id::INT` finds it then.
//!
//! It looks at tokens alone, so that no query is parsed for it. What it does not surely know stays as it is: other expressions,
//! what a star beside it may have as a column already, if it does not exclude it, and what its ORDER BY names where the order decides
//! on rows, as it would be by the output column from then on. Everywhere else a column of an input goes before an alias of the
//! same name.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::lexeme::{Kind, Lexeme, lexemes};
use super::{Dialect, Splice, Template};

/// The query with aliases behind what has none; `None` where there is nothing to be named.
pub(super) fn with_output_names(template: &Template, dialect: Dialect) -> Option<Template> {
    let text = template.plain_text().map_or_else(|| Cow::Owned(template.text()), Cow::Borrowed);
    let lexemes = lexemes(&text, dialect)?;
    let cut = Cut::of(&text, lexemes, dialect);
    let selects = (0..cut.lexemes.len()).filter(|index| cut.is_word(*index, &["select"]));
    let mut named: Vec<(usize, String)> = selects.flat_map(|index| cut.select(index + 1)).collect();
    named.sort_unstable();
    // Its last sign is what surely lies in one piece of the template.
    let splice = |(index, name): (usize, String)| {
        let end = cut.lexemes[index].range.end;
        let last = text.get(..end)?.chars().next_back()?;
        Some(Splice { range: end - last.len_utf8()..end, replacement: format!("{last} AS {name}") })
    };
    let splices: Vec<Splice> = named.into_iter().filter_map(splice).collect();
    (!splices.is_empty()).then(|| template.with(&splices))
}

/// What ends the list of output columns.
const ENDS: [&str; 17] = [
    "select",
    "from",
    "into",
    "where",
    "group",
    "having",
    "window",
    "qualify",
    "order",
    "limit",
    "offset",
    "fetch",
    "union",
    "intersect",
    "except",
    "sample",
    "using",
];

/// Casts and parentheses may stand so deep in each other; deeper ones have no name.
const DEEPEST: usize = 16;

/// The most tokens of an ORDER BY that is looked into: queries within queries would be read again and again.
const LONGEST: usize = 1_000;

/// A query in parts; all places are among its lexemes.
struct Cut<'t> {
    text: &'t str,
    lexemes: Vec<Lexeme>,
    /// Where that is closed which is opened at a place.
    closed: BTreeMap<usize, usize>,
    /// The places within parentheses or brackets.
    within: Vec<bool>,
    dialect: Dialect,
}

/// What an output column is called.
enum Item {
    /// What SQLMesh calls it, as it can stand behind `AS`.
    Inferred(String),
    /// As its author does, or a plain column.
    Stated(String),
    /// By the engine alone.
    Other,
}

/// What an ORDER BY does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// It puts the rows of the whole query in order.
    Sorts,
    /// Which rows there are depends on it, or what is made of them.
    Decides,
}

impl<'t> Cut<'t> {
    fn of(text: &'t str, lexemes: Vec<Lexeme>, dialect: Dialect) -> Self {
        let (mut open, mut closed, mut within) = (Vec::new(), BTreeMap::new(), Vec::new());
        for (index, lexeme) in lexemes.iter().enumerate() {
            within.push(!open.is_empty());
            match &text[lexeme.range.clone()] {
                "(" | "[" | "{" => open.push(index),
                ")" | "]" | "}" => drop(open.pop().and_then(|open| closed.insert(open, index))),
                _ => {}
            }
        }
        Self { text, lexemes, closed, within, dialect }
    }

    /// What stands at a place, if it is of a kind.
    fn of_kind(&self, index: usize, kind: Kind) -> Option<&'t str> {
        let lexeme = self.lexemes.get(index).filter(|lexeme| lexeme.kind == kind)?;
        self.text.get(lexeme.range.clone())
    }

    fn sign(&self, index: usize) -> &'t str {
        self.of_kind(index, Kind::Sign).unwrap_or_default()
    }

    fn is_word(&self, index: usize, words: &[&str]) -> bool {
        self.of_kind(index, Kind::Word).is_some_and(|found| words.iter().any(|word| found.eq_ignore_ascii_case(word)))
    }

    /// The last tokens of what is to be named of the SELECT whose columns or modifiers begin here, with the names.
    fn select(&self, begin: usize) -> Vec<(usize, String)> {
        let Some((items, end)) = self.before_columns(begin).and_then(|begin| self.items(begin)) else {
            return Vec::new();
        };
        // What every star leaves out.
        let (stars, items): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| self.is_star(item));
        let left_out: Vec<BTreeSet<String>> = stars.iter().map(|star| self.left_out(star)).collect();
        let named: Vec<(usize, Item)> = items.into_iter().map(|item| (item.end - 1, self.read(item))).collect();
        let key = |name: &str| unquoted(name).to_lowercase();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (_, item) in &named {
            if let Item::Inferred(name) | Item::Stated(name) = item {
                *counts.entry(key(name)).or_default() += 1;
            }
        }
        let inferred = |(place, item): (usize, Item)| match item {
            Item::Inferred(name) if left_out.iter().any(|names| !names.contains(&key(&name))) => None,
            Item::Inferred(name) if counts.get(&key(&name)) == Some(&1) => Some((place, name)),
            _ => None,
        };
        let named: Vec<(usize, String)> = named.into_iter().filter_map(inferred).collect();
        if named.is_empty() {
            return named;
        }
        let is_distinct_on = self.sign(begin + 2) == "(" && self.is_word(begin + 1, &["on"]);
        let order = if is_distinct_on || self.within.get(begin) == Some(&true) { Order::Decides } else { Order::Sorts };
        match self.sorted_by(end, order) {
            Some(sorted) => named.into_iter().filter(|(_, name)| !sorted.contains(&key(name))).collect(),
            None => Vec::new(),
        }
    }

    /// The names without a table before them in the ORDER BY of a SELECT whose columns end here, if the order decides on rows;
    /// `None` where it is too long to be looked into.
    fn sorted_by(&self, columns_end: usize, mut order: Order) -> Option<BTreeSet<String>> {
        let (mut index, mut begin) = (columns_end, None);
        while index < self.lexemes.len() {
            match self.sign(index) {
                "(" | "[" | "{" => index = *self.closed.get(&index)?,
                ")" | "]" | "}" | ";" => break,
                _ if self.is_word(index, &["select"]) => break,
                _ if self.is_word(index, &["order"]) => begin = begin.or(Some(index + 2)),
                _ if self.is_word(index, &["limit", "offset", "fetch"]) => order = Order::Decides,
                _ => {}
            }
            index += 1;
        }
        let words = begin.filter(|_| order == Order::Decides).unwrap_or(index)..index;
        let is_bare = |index: &usize| self.sign(index.wrapping_sub(1)) != "." && self.sign(index + 1) != ".";
        let name = |index: usize| self.name(index).map(str::to_lowercase);
        (words.len() <= LONGEST).then(|| words.filter(is_bare).filter_map(name).collect())
    }

    /// Where the columns begin; `None` where SELECT has a form that is not looked into.
    fn before_columns(&self, begin: usize) -> Option<usize> {
        if self.is_word(begin, &["as", "top", "straight_join"]) {
            return None;
        }
        if self.is_word(begin, &["distinct"]) && self.is_word(begin + 1, &["on"]) {
            return Some(self.closed.get(&(begin + 2))? + 1);
        }
        Some(begin + usize::from(self.is_word(begin, &["all", "distinct"])))
    }

    /// The places of the tokens of each output column, none of which is empty, and the place behind them; `None` where something
    /// is not closed.
    fn items(&self, begin: usize) -> Option<(Vec<Range<usize>>, usize)> {
        let (mut found, mut begin, mut index) = (Vec::new(), begin, begin);
        while index < self.lexemes.len() {
            match self.sign(index) {
                "(" | "[" | "{" => index = *self.closed.get(&index)?,
                ")" | "]" | "}" | ";" => break,
                "," => {
                    found.push(begin..index);
                    begin = index + 1;
                }
                _ if index >= begin && self.ends(index) => break,
                _ => {}
            }
            index += 1;
        }
        found.push(begin..index);
        found.retain(|item| !item.is_empty());
        Some((found, index))
    }

    /// Whether a word ends the columns: not in `IS DISTINCT FROM` and `WITHIN GROUP`, and not behind a dot.
    fn ends(&self, index: usize) -> bool {
        let before = index.wrapping_sub(1);
        self.is_word(index, &ENDS) && !self.is_word(before, &["distinct", "within"]) && self.sign(before) != "."
    }

    fn is_star(&self, item: &Range<usize>) -> bool {
        let mut index = item.start;
        while self.sign(index + 1) == "." {
            index += 2;
        }
        self.sign(index).starts_with('*') || (self.is_word(item.start, &["columns"]) && item.len() > 1)
    }

    /// The names that `* EXCLUDE (…)` leaves out, where nothing else is said of the star.
    fn left_out(&self, star: &Range<usize>) -> BTreeSet<String> {
        let word = star.clone().find(|place| self.sign(*place) == "*").map_or(star.end, |star| star + 1);
        let (begin, end) = match self.closed.get(&(word + 1)) {
            Some(close) => (word + 2, close + 1),
            None => (word + 1, word + 2),
        };
        if end != star.end || !self.is_word(word, &["exclude"]) {
            return BTreeSet::new();
        }
        (begin..end).filter_map(|place| self.name(place)).map(str::to_lowercase).collect()
    }

    fn read(&self, item: Range<usize>) -> Item {
        if let Some((name, end)) = self.path(item.start)
            && end == item.end
        {
            return Item::Stated(name);
        }
        match self.expression(item.start, DEEPEST) {
            Some((name, end)) if end == item.end => Item::Inferred(name),
            _ => self.name(item.end - 1).map_or(Item::Other, |name| Item::Stated(name.to_owned())),
        }
    }

    /// A cast or literal that begins here, or either in parentheses: its name, and the place behind it.
    fn expression(&self, begin: usize, depth: usize) -> Option<(String, usize)> {
        let (name, mut end) = self.primary(begin, depth.checked_sub(1)?)?;
        while self.sign(end) == "::" {
            end = self.data_type(end + 1)?;
        }
        Some((name, end))
    }

    fn primary(&self, begin: usize, depth: usize) -> Option<(String, usize)> {
        if self.sign(begin) == "(" {
            let close = *self.closed.get(&begin)?;
            let (name, end) = self.expression(begin + 1, depth)?;
            return (end == close).then_some((name, close + 1));
        }
        if self.is_word(begin, &["cast", "try_cast", "safe_cast"]) && self.sign(begin + 1) == "(" {
            let close = *self.closed.get(&(begin + 1))?;
            let (name, end) = self.expression(begin + 2, depth)?;
            let is_cast = self.is_word(end, &["as"]) && self.data_type(end + 1)? == close;
            return is_cast.then_some((name, close + 1));
        }
        if self.is_word(begin, &["date", "timestamp", "time"])
            && let Some(name) = self.literal(begin + 1)
        {
            return Some((name, begin + 2));
        }
        self.literal(begin).map(|name| (name, begin + 1)).or_else(|| self.path(begin))
    }

    /// A column, with a table before it or not: its last name as it is written, and the place behind it.
    fn path(&self, begin: usize) -> Option<(String, usize)> {
        if self.is_word(begin, &VALUES) {
            return None;
        }
        let (mut last, mut end) = (self.written(begin)?, begin + 1);
        while self.sign(end) == "." {
            last = self.written(end + 1)?;
            end += 2;
        }
        Some((last.to_owned(), end))
    }

    /// A name as it is written; none that has quotes in its quotes.
    fn written(&self, index: usize) -> Option<&'t str> {
        let quoted = || self.of_kind(index, Kind::Quoted);
        let is_plain = |name: &&str| name.starts_with(['"', '`']) && name.matches(['"', '`']).count() == 2;
        self.of_kind(index, Kind::Word).or_else(|| quoted().filter(is_plain))
    }

    /// A word or name without its quotes.
    fn name(&self, index: usize) -> Option<&'t str> {
        let quoted = || self.of_kind(index, Kind::Quoted).map(unquoted);
        self.of_kind(index, Kind::Word).or_else(quoted)
    }

    /// A text or a number as a name in quotes, where nothing in it needs care.
    fn literal(&self, place: usize) -> Option<String> {
        use Dialect::{BigQuery, ClickHouse, Databricks, Hive, MsSql, MySql, Spark};
        let text = self.of_kind(place, Kind::Number);
        let text = text.or_else(|| self.of_kind(place, Kind::Text)?.strip_prefix('\'')?.strip_suffix('\''))?;
        let is_plain = |sign: char| !sign.is_control() && !['"', '`', '\'', '\\', '[', ']'].contains(&sign);
        if text.trim() != text || text.is_empty() || text.len() > MOST || !text.chars().all(is_plain) {
            return None;
        }
        let (open, close) = match self.dialect {
            BigQuery | ClickHouse | Databricks | Hive | MySql | Spark => ('`', '`'),
            MsSql => ('[', ']'),
            _ => ('"', '"'),
        };
        Some(format!("{open}{text}{close}"))
    }

    /// The place behind a type that begins here.
    fn data_type(&self, begin: usize) -> Option<usize> {
        self.name(begin)?;
        let mut end = begin + 1;
        while self.sign(end) == "." {
            end += 2;
        }
        let is_double = self.is_word(begin, &["double"]) && self.is_word(end, &["precision"]);
        let is_varying = self.is_word(begin, &["character", "char", "nchar", "bit"]) && self.is_word(end, &["varying"]);
        end += usize::from(is_double || is_varying);
        if self.sign(end) == "(" {
            end = self.closed.get(&end)? + 1;
        }
        let is_zoned = self.is_word(end, &["with", "without"]) && self.is_word(end + 1, &["time"]);
        if is_zoned && self.is_word(end + 2, &["zone"]) {
            end += 3;
        }
        while self.sign(end) == "[" {
            end = self.closed.get(&end)? + 1;
        }
        Some(end)
    }
}

/// A name without quotes around it.
fn unquoted(name: &str) -> &str {
    name.trim_matches(['"', '`', '[', ']'])
}

/// Words that stand for a value and name no column.
const VALUES: [&str; 14] = [
    "null",
    "true",
    "false",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "current_role",
    "localtime",
    "localtimestamp",
    "session_user",
    "case",
    "not",
    "interval",
];

/// The longest name that PostgreSQL takes, in bytes.
const MOST: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn named(query: &str, expected: &str) {
        let found = with_output_names(&Template::plain(query), Dialect::DuckDb);
        assert_eq!(found.map_or(query.to_owned(), |found| found.text()), expected);
    }

    #[track_caller]
    fn stays(query: &str) {
        named(query, query);
    }

    #[test]
    fn casts_literals_and_parentheses_are_named() {
        named("SELECT id::int FROM t", "SELECT id::int AS id FROM t");
        named(
            "select 'web', 1, t.id::DECIMAL(10, 2)[], x",
            "select 'web' AS \"web\", 1 AS \"1\", t.id::DECIMAL(10, 2)[] AS id, x",
        );
        named(
            "SELECT CAST(a.\"Day x\" AS timestamp with time zone) -- c\nFROM a",
            "SELECT CAST(a.\"Day x\" AS timestamp with time zone) AS \"Day x\" -- c\nFROM a",
        );
        named("SELECT DISTINCT ON (a, b) ((a)::text)", "SELECT DISTINCT ON (a, b) ((a)::text) AS a");
        named(
            "SELECT TRY_CAST('1' AS INT)::text, date '2026-01-01'",
            "SELECT TRY_CAST('1' AS INT)::text AS \"1\", date '2026-01-01' AS \"2026-01-01\"",
        );
        named(
            "SELECT id::int, t.* EXCLUDE (ID, \"x\"), x::text, * exclude id FROM t",
            "SELECT id::int AS id, t.* EXCLUDE (ID, \"x\"), x::text, * exclude id FROM t",
        );
        named("SELECT a IS DISTINCT FROM b, c::int FROM t", "SELECT a IS DISTINCT FROM b, c::int AS c FROM t");
        named(
            "SELECT a::int, b::int FROM t ORDER BY t.a, b LIMIT 1",
            "SELECT a::int AS a, b::int FROM t ORDER BY t.a, b LIMIT 1",
        );
        named("SELECT a::int FROM t ORDER BY a", "SELECT a::int AS a FROM t ORDER BY a");
        named("SELECT a::int, FROM t", "SELECT a::int AS a, FROM t");
        named(
            "WITH x AS (SELECT id::int FROM raw) SELECT id, (SELECT max(n)::int FROM y) FROM x UNION ALL SELECT z::int, 2 FROM z",
            "WITH x AS (SELECT id::int AS id FROM raw) SELECT id, (SELECT max(n)::int FROM y) FROM x UNION ALL SELECT z::int AS z, 2 AS \"2\" FROM z",
        );
    }

    #[test]
    fn large_and_deep_texts_are_read_in_time() {
        let deep = ["SELECT (", "SELECT ((((1::int", "SELECT 1::int, ", "SELECT 1::int ORDER BY ("];
        for deep in deep.map(|part| part.repeat(40_000)) {
            let closed = format!("{deep}1{}", ")".repeat(deep.matches('(').count()));
            with_output_names(&Template::plain(closed), Dialect::DuckDb);
            with_output_names(&Template::plain(deep), Dialect::DuckDb);
        }
    }

    #[test]
    fn what_has_a_name_or_may_have_another_stays() {
        stays("SELECT id::int AS id, id::int x, a + 1, sum(a)::int, -1, NULL::int, current_date::text, '' FROM t");
        stays("SELECT *, id::int FROM t");
        stays("SELECT id::int, * EXCLUDE (x) FROM t");
        stays("SELECT id::int, * EXCLUDE (id), u.* FROM t");
        stays("SELECT x::int, * EXCLUDE (id) REPLACE (upper(x) AS x) FROM t");
        stays("SELECT id::int, COLUMNS(* EXCLUDE (id)) FROM t");
        stays("SELECT id::text FROM t ORDER BY lower(ID) LIMIT 3");
        stays("SELECT DISTINCT ON (id) id::text FROM t ORDER BY id");
        stays("SELECT x FROM (SELECT id::text, x FROM t WHERE (y > 1) ORDER BY id)");
        stays("SELECT t.*, id::int FROM t");
        stays("SELECT COLUMNS(*)::int, 'x' FROM t");
        stays("SELECT id, id::int FROM t");
        stays("SELECT id::int, (ID)::text FROM t");
        stays("SELECT a::int + 1, a::int::text || 'x', x -> 'a', x['a'] FROM t");
        stays("SELECT 'a\"b', '(' || x, 'it''s' FROM t");
        stays("SELECT max(x) FROM t WHERE y::int > 1 AND z IN ('a', 1)");
    }
}
