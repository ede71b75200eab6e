//! Lists and mappings that change in place, as Python's do: `{% do columns.append(x) %}`, the idiom of dbt's macros.
//!
//! The values of the library never change. So where a text calls a method that would change one, each list and mapping that is
//! written in it becomes one of these. What is put into one is copied, so that none ever holds itself: a list that changes
//! after it was put into another one does not change there.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Rest, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::jinja_tags::tags;

/// Calls that change a value.
const METHODS: [&str; 10] = [
    ".append(",
    ".extend(",
    ".insert(",
    ".remove(",
    ".reverse(",
    ".sort(",
    ".pop(",
    ".clear(",
    ".update(",
    ".setdefault(",
];
/// What makes one that can change; short, because a tag may have many, and is no longer than it may be.
const MAKES: &str = "__own";
/// Words behind which a bracket is no subscript.
const BEFORE: [&str; 9] = ["in", "if", "elif", "else", "and", "or", "not", "is", "do"];
/// So many values are copied or looked through in one rendering at most, and so many levels of one.
const MOST: usize = 2_000_000;
const DEEPEST: usize = 50;

/// The text with its lists and mappings made ones that can change, where it changes any. No line moves.
pub fn with_changing(text: &str) -> Cow<'_, str> {
    if !METHODS.iter().any(|method| text.contains(method)) {
        return Cow::Borrowed(text);
    }
    let mut output = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for tag in tags(text) {
        output.push_str(&text[from..tag.start + 2]);
        changing(&text[tag.start + 2..tag.end], &mut output);
        from = tag.end;
    }
    output.push_str(&text[from..]);
    Cow::Owned(output)
}

/// Puts each list and mapping of a tag into the call that makes it one that can change.
fn changing(tag: &str, output: &mut String) {
    let mut open = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    for (at, sign) in tag.char_indices() {
        if let Some(delimiter) = quote {
            output.push(sign);
            match (escaped, sign) {
                (true, _) => escaped = false,
                (false, '\\') => escaped = true,
                (false, sign) if sign == delimiter => quote = None,
                (false, _) => {}
            }
            continue;
        }
        match sign {
            '\'' | '"' => {
                quote = Some(sign);
                output.push(sign);
            }
            '[' | '{' if sign == '{' || !is_subscript(&tag[..at]) => {
                open.push(true);
                output.push_str(MAKES);
                output.push('(');
                output.push(sign);
            }
            '(' | '[' => {
                open.push(false);
                output.push(sign);
            }
            ')' | ']' | '}' => {
                output.push(sign);
                if open.pop() == Some(true) {
                    output.push(')');
                }
            }
            _ => output.push(sign),
        }
    }
}

/// Whether a bracket behind this asks for a part of what stands there.
fn is_subscript(before: &str) -> bool {
    let before = before.trim_end();
    let word = before.rfind(|sign: char| !(sign.is_alphanumeric() || sign == '_')).map_or(before, |at| {
        let rest = &before[at..];
        &rest[rest.chars().next().map_or(0, char::len_utf8)..]
    });
    if !word.is_empty() {
        return !BEFORE.contains(&word);
    }
    before.ends_with([')', ']', '}', '\'', '"'])
}

/// Lets an environment make lists and mappings that can change.
pub fn let_change(environment: &mut Environment<'_>) {
    let budget = Arc::new(AtomicUsize::new(0));
    environment.add_function(MAKES, move |value: Value| match value.kind() {
        // What is written holds what it names, and nobody changes what it was before.
        ValueKind::Seq => Ok(List::of(value.try_iter()?.collect(), &budget)),
        ValueKind::Map => {
            let pairs = value.try_iter()?.map(|key| Ok((key.clone(), value.get_item(&key)?)));
            Mapping::of(pairs.collect::<Result<_, Error>>()?, &budget)
        }
        _ => Ok(value),
    });
}

/// Counts values that are copied or looked through.
fn spend(budget: &AtomicUsize, values: usize) -> Result<(), Error> {
    match budget.fetch_add(values, Ordering::Relaxed).saturating_add(values) > MOST {
        true => Err(ErrorKind::OutOfFuel.into()),
        false => Ok(()),
    }
}

/// A value that nothing else changes.
fn copied(value: &Value, budget: &Arc<AtomicUsize>, depth: usize) -> Result<Value, Error> {
    let is_many = matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable);
    if !is_many {
        return Ok(value.clone());
    }
    if depth > DEEPEST {
        let message = format!("a value of more than {DEEPEST} levels is put into another one");
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    spend(budget, 1)?;
    let mut items = Vec::new();
    for item in value.try_iter()? {
        spend(budget, 1)?;
        items.push(item);
    }
    if value.kind() == ValueKind::Map {
        let pair = |key: Value| {
            let held = copied(&value.get_item(&key)?, budget, depth + 1)?;
            Ok((key, held))
        };
        return Mapping::of(items.into_iter().map(pair).collect::<Result<_, Error>>()?, budget);
    }
    let items = items.iter().map(|item| copied(item, budget, depth + 1)).collect::<Result<_, Error>>()?;
    Ok(List::of(items, budget))
}

fn missing(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{what} is not there"))
}

/// A list.
#[derive(Debug)]
struct List {
    items: Mutex<Vec<Value>>,
    budget: Arc<AtomicUsize>,
}

impl List {
    fn of(items: Vec<Value>, budget: &Arc<AtomicUsize>) -> Value {
        Value::from_object(Self { items: Mutex::new(items), budget: budget.clone() })
    }

    fn items(&self) -> MutexGuard<'_, Vec<Value>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place that Python means: from the end, where it is negative.
    fn place(length: usize, place: i64) -> Option<usize> {
        let place = if place < 0 { place.checked_add(i64::try_from(length).ok()?)? } else { place };
        usize::try_from(place).ok().filter(|place| *place < length)
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let items = self.items();
        let place = Self::place(items.len(), i64::try_from(key.clone()).ok()?)?;
        items.get(place).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items().clone())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.items().len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        match method {
            "append" => {
                let (value,): (Value,) = from_args(arguments)?;
                let value = copied(&value, &self.budget, 1)?;
                self.items().push(value);
            }
            "extend" => {
                let (values,): (Value,) = from_args(arguments)?;
                let mut added = Vec::new();
                for value in values.try_iter()? {
                    spend(&self.budget, 1)?;
                    added.push(copied(&value, &self.budget, 1)?);
                }
                self.items().extend(added);
            }
            "insert" => {
                let (place, value): (i64, Value) = from_args(arguments)?;
                let value = copied(&value, &self.budget, 1)?;
                let mut items = self.items();
                spend(&self.budget, items.len())?;
                let length = items.len();
                let at = Self::place(length, place).unwrap_or(if place < 0 { 0 } else { length });
                items.insert(at, value);
            }
            "pop" => {
                let (place,): (Option<i64>,) = from_args(arguments)?;
                let mut items = self.items();
                spend(&self.budget, items.len())?;
                let place = Self::place(items.len(), place.unwrap_or(-1)).ok_or_else(|| missing("what is popped"))?;
                return Ok(items.remove(place));
            }
            "remove" => {
                let (value,): (Value,) = from_args(arguments)?;
                // Compared outside of the lock: it may be this very list.
                let items = self.items().clone();
                spend(&self.budget, items.len())?;
                let place = items.iter().position(|item| *item == value).ok_or_else(|| missing("what is removed"))?;
                self.items().remove(place);
            }
            "reverse" | "clear" | "sort" => {
                let (): () = from_args(arguments)?;
                let mut items = self.items();
                spend(&self.budget, items.len().saturating_mul(4))?;
                match method {
                    "reverse" => items.reverse(),
                    "clear" => items.clear(),
                    _ => items.sort(),
                }
            }
            _ => return Err(ErrorKind::UnknownMethod.into()),
        }
        Ok(Value::from(()))
    }
}

/// A mapping. Its keys are texts and numbers, so that none of them is a mapping that changes.
#[derive(Debug)]
struct Mapping {
    pairs: Mutex<Pairs>,
    budget: Arc<AtomicUsize>,
}

/// Values by key, each with its place in the order in which the keys came.
#[derive(Debug, Default)]
struct Pairs {
    by_key: BTreeMap<Value, (usize, Value)>,
    next: usize,
}

impl Pairs {
    fn put(&mut self, key: Value, value: Value) {
        let place = self.by_key.get(&key).map_or(self.next, |(place, _)| *place);
        self.next += 1;
        self.by_key.insert(key, (place, value));
    }
}

impl Mapping {
    fn of(pairs: Vec<(Value, Value)>, budget: &Arc<AtomicUsize>) -> Result<Value, Error> {
        let mut made = Pairs::default();
        for (key, value) in pairs {
            made.put(usual(key)?, value);
        }
        Ok(Value::from_object(Self { pairs: Mutex::new(made), budget: budget.clone() }))
    }

    fn pairs(&self) -> MutexGuard<'_, Pairs> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, key: Value, value: &Value) -> Result<(), Error> {
        spend(&self.budget, 1)?;
        let value = copied(value, &self.budget, 1)?;
        self.pairs().put(usual(key)?, value);
        Ok(())
    }
}

fn is_usual(key: &Value) -> bool {
    matches!(key.kind(), ValueKind::String | ValueKind::Number | ValueKind::Bool | ValueKind::None)
}

fn usual(key: Value) -> Result<Value, Error> {
    let refused = || Error::new(ErrorKind::InvalidOperation, "the key of a mapping is a text or a number");
    if is_usual(&key) { Ok(key) } else { Err(refused()) }
}

impl Object for Mapping {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        // Nothing else is one, and whoever compared it might wait for this very mapping.
        let key = Some(key).filter(|key| is_usual(key))?;
        self.pairs().by_key.get(key).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let pairs = self.pairs();
        let mut keys: Vec<(usize, Value)> =
            pairs.by_key.iter().map(|(key, (place, _))| (*place, key.clone())).collect();
        keys.sort_by_key(|(place, _)| *place);
        Enumerator::Values(keys.into_iter().map(|(_, key)| key).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.pairs().by_key.len())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, arguments: &[Value]) -> Result<Value, Error> {
        match method {
            "update" => {
                let (others, named): (Rest<Value>, Kwargs) = from_args(arguments)?;
                for other in others.iter() {
                    for key in other.try_iter()? {
                        let value = other.get_item(&key)?;
                        self.put(key, &value)?;
                    }
                }
                for name in named.args() {
                    let value: Value = named.get(name)?;
                    self.put(Value::from(name), &value)?;
                }
            }
            "setdefault" => {
                let (key, default): (Value, Option<Value>) = from_args(arguments)?;
                if self.get_value(&key).is_none() {
                    self.put(key.clone(), &default.unwrap_or_else(|| Value::from(())))?;
                }
                return self.get_value(&key).ok_or_else(|| missing("the key"));
            }
            "pop" => {
                let (key, default): (Value, Option<Value>) = from_args(arguments)?;
                let popped = self.pairs().by_key.remove(&usual(key)?).map(|(_, value)| value);
                return popped.or(default).ok_or_else(|| missing("the key that is popped"));
            }
            "clear" => {
                let (): () = from_args(arguments)?;
                *self.pairs() = Pairs::default();
            }
            _ => return Err(ErrorKind::UnknownMethod.into()),
        }
        Ok(Value::from(()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{jinja_environment, render_bounded};
    use super::*;

    fn rendered(text: &str) -> Result<String, String> {
        let mut environment = jinja_environment();
        let_change(&mut environment);
        render_bounded(&mut environment, &with_changing(text), 600_000).map_err(|error| error.to_string())
    }

    /// Each as Jinja2 renders it, with its `do`.
    #[test]
    fn lists_and_mappings_change_in_place() {
        for (text, expected) in [
            (
                "{% set xs = [] %}{% for x in [1, 2] %}{% do xs.append('c' ~ x) %}{% endfor %}{{ xs | join(' || ') }}",
                "c1 || c2",
            ),
            (
                "{% set xs = [3, 1] %}{% set _ = xs.extend([2]) %}{% do xs.sort() %}{{ xs }} {{ xs[-1] }} {{ xs | length }}",
                "[1, 2, 3] 3 3",
            ),
            (
                "{% set xs = [1, 2, 3] %}{{ xs.pop() }}{{ xs.pop(0) }}{% do xs.insert(0, 9) %}{% do xs.remove(2) %}{{ xs }}",
                "31[9]",
            ),
            (
                "{% set xs = ['a', 'b'] %}{% do xs.reverse() %}{{ xs }}{% do xs.clear() %}{{ 'none' if not xs }}",
                "['b', 'a']none",
            ),
            (
                "{% set d = {'b': 1} %}{% do d.update({'a': [2]}) %}{% do d.update(c=3) %}{% for k, v in d.items() %}{{ k }}{{ v }} {% endfor %}",
                "b1 a[2] c3 ",
            ),
            (
                "{% set d = {} %}{% do d.setdefault('x', []).append(1) %}{{ d.setdefault('x', 2) }}{{ d.pop('x') }}{{ d.pop('x', 'gone') }}",
                "[1][1]gone",
            ),
            (
                "{% set ns = namespace(all=[]) %}{% for x in [1, 2] %}{% do ns.all.append({'n': x}) %}{% endfor %}{{ ns.all[1].n }}{{ ns.all | map(attribute='n') | join }}",
                "212",
            ),
            ("{% set d = {'xs': []} %}{% do d.xs.append(1) %}{% do d['xs'].append(2) %}{{ d.xs }}", "[1, 2]"),
            (
                "{% macro m(xs) %}{% do xs.append(1) %}{% endmacro %}{% set xs = [] %}{{ m(xs) }}{{ m(xs) }}{{ xs + [2] }}",
                "[1, 1, 2]",
            ),
            (
                "{% set xs = [] %}{% do xs.append([]) %}{% do xs[0].append('a]') %}{{ xs }}{{ [[1], [2]][1][0] }}",
                "[['a]']]2",
            ),
            (
                "{% set xs = [1] %}{% do xs.append(2) %}{{ 1 in xs }}{{ xs == [1, 2] }}{{ xs is sequence }}{{ xs.count(1) }}{{ xs | tojson }}",
                "TrueTrueTrue1[1, 2]",
            ),
        ] {
            assert_eq!(rendered(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn nothing_ever_holds_itself() {
        let itself = "{% set xs = [1] %}{% do xs.append(xs) %}{% do xs.append(xs) %}{{ xs }}{% do xs.remove(xs) %}";
        assert!(rendered(itself).is_err_and(|told| told.contains("what is removed is not there")));
        assert_eq!(rendered(&itself.replace("{% do xs.remove(xs) %}", "")).as_deref(), Ok("[1, [1], [1, [1]]]"));
        assert_eq!(
            rendered("{% set d = {} %}{% do d.update({'d': d}) %}{{ d }}{{ d.get(d) }}").as_deref(),
            Ok("{'d': {}}None")
        );
        assert!(rendered("{% set d = {} %}{% do d.update({d: 1}) %}").is_err());
        assert_eq!(
            rendered("{% set xs = [1] %}{% do xs.append(xs + [2]) %}{% do xs.extend(xs) %}{{ xs }}").as_deref(),
            Ok("[1, [1, 2], 1, [1, 2]]")
        );
    }

    #[test]
    fn what_grows_without_end_is_refused() {
        for text in [
            "{% set xs = [1] %}{% for i in range(100000) %}{% do xs.extend(xs) %}{% endfor %}",
            "{% set xs = [1] %}{% for i in range(100000) %}{% do xs.append(xs) %}{% endfor %}",
            "{% set xs = [] %}{% for i in range(100000) %}{% do xs.insert(0, i) %}{% endfor %}",
            "{% set ns = namespace(x=[]) %}{% for i in range(60) %}{% set ns.x = [ns.x] %}{% endfor %}{% set xs = [] %}{% do xs.append(ns.x) %}",
        ] {
            assert!(rendered(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_changes_something_is_written_anew() {
        assert!(matches!(with_changing("{% set xs = [1] %}{{ xs.index(1) }}"), Cow::Borrowed(_)));
        let text = "[x].append( {# [ #}\n{% raw %}{{ [] }}{% endraw %}{{ x['a'] or [x[0], '['] }}";
        let expected = text.replace("[x[0], '[']", &format!("{MAKES}([x[0], '['])"));
        assert_eq!(with_changing(text), expected);
    }
}
