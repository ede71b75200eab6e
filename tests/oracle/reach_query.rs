//! The generator's own graph inside one query: rows and columns of a block from those of what it reads.

use std::collections::{BTreeMap, BTreeSet};

use offshoot::hash::{Digest, Hasher};

use super::ir::*;
use super::ops::SETS_OF_ROWS;
use super::reach::{Mark, Marks, text};
use super::walk::{draws_rows, holds, is_aggregate, is_draw, is_untyped};

#[derive(Clone, Default)]
pub(crate) struct Scope<'a> {
    inputs: Vec<(&'a Input, Mark)>,
    aliases: Vec<(String, Digest)>,
    windows: &'a [(String, Window)],
    outer: Option<&'a Self>,
    /// What a query inside an expression may read by a name of its own.
    ctes: Option<&'a Ctes>,
}

pub(crate) struct Reach<'a> {
    pub(crate) models: &'a Marks,
}

pub(crate) type Ctes = Vec<(String, Mark)>;

impl Reach<'_> {
    pub(crate) fn query(&self, query: &Query, outer: &Ctes, around: Option<&Scope<'_>>, outermost: bool) -> Mark {
        let mut ctes = outer.clone();
        for cte in &query.ctes {
            let mark = self.query(&cte.query, &ctes, None, false);
            ctes.push((cte.name.clone(), mark));
        }
        let mut mark = match &query.body {
            Body::Select(select) => self.select(select, &ctes, around),
            Body::Set { operator, left, right } => {
                let (left, right) = (self.query(left, &ctes, around, false), self.query(right, &ctes, around, false));
                set(operator, &left, &right)
            }
        };
        let on = match &query.body {
            Body::Select(select) => match select.distinct {
                Distinct::On(keys) => Some(keys),
                _ => None,
            },
            Body::Set { .. } => None,
        };
        if let (Body::Select(select), false) = (&query.body, query.ctes.is_empty()) {
            type_nulls(select, &mut mark);
        }
        mark.drawn |= draws_rows(query);
        let ordered = query.order != Order::None;
        if query.limit.is_some() || on.is_some() || (ordered && !outermost) {
            let mut rows = Hasher::new("tail").digest(mark.rows);
            if let Order::Total { by, rotate, descending } = &query.order {
                let rotate = if *by == OrderBy::All { 0 } else { rotate % mark.columns.len().max(1) };
                rows = rows.text(&format!("{rotate} {descending} {}", *by == OrderBy::All));
                rows = rows.digests(mark.columns.iter().map(|(_, digest)| *digest));
            }
            if let Some(keys) = on {
                rows = rows.digests(mark.columns.iter().take(keys).map(|(_, digest)| *digest));
            }
            if let Some(Limit { count, offset, fetch: _ }) = &query.limit {
                rows = rows.number(*count as u64).number(*offset as u64);
            }
            mark.rows = rows.finish();
        }
        mark
    }

    fn select(&self, select: &Select, ctes: &Ctes, around: Option<&Scope<'_>>) -> Mark {
        let mut scope = Scope { windows: &select.windows, outer: around, ctes: Some(ctes), ..Scope::default() };
        let mut rows = Hasher::new("select");
        let mut drawn = false;
        for (place, input) in select.from.iter().enumerate() {
            let mut mark = self.relation(&input.relation, ctes, &scope);
            mark.columns.iter_mut().zip(&input.columns).for_each(|((name, _), new)| name.clone_from(new));
            drawn |= mark.drawn;
            rows = rows.digest(mark.rows);
            let left: BTreeSet<String> =
                scope.inputs.iter().flat_map(|(_, mark)| &mark.columns).map(|(name, _)| name.to_lowercase()).collect();
            scope.inputs.push((input, mark.clone()));
            if place == 0 {
                continue;
            }
            rows = rows.text(if input.join == "," { "CROSS JOIN" } else { input.join });
            let common: Vec<String> = match &input.on {
                On::Using(names) => names.clone(),
                _ if input.join.starts_with("NATURAL") => mark
                    .columns
                    .iter()
                    .map(|(name, _)| name.to_lowercase())
                    .filter(|name| left.contains(name))
                    .collect(),
                _ => Vec::new(),
            };
            rows = rows.digests(common.iter().map(|name| self.bare(name, &scope)));
            if let On::Condition(parts) = &input.on {
                let parts: BTreeSet<Digest> = parts.iter().map(|part| self.value(part, &scope)).collect();
                rows = rows.text("on").digests(parts);
            }
            if input.join == "POSITIONAL JOIN" {
                drawn = true;
                rows = rows.digests(scope.inputs.iter().map(|(_, mark)| mark.table));
            }
        }
        let mut columns: Vec<(String, Digest)> = Vec::new();
        let mut loose: Vec<Digest> = Vec::new();
        let mut reads_columns = false;
        let mut sets: Vec<Digest> = Vec::new();
        let mut grouped = select.group.form != GroupForm::None || select.having.is_some();
        for item in &select.items {
            match item {
                Item::Star { input, exclude, replace, rename } => {
                    let star = self.star(select, input.as_deref(), &scope);
                    for (mut name, mut digest) in star {
                        if exclude.iter().any(|gone| gone.eq_ignore_ascii_case(&name)) {
                            continue;
                        }
                        if let Some((new, value)) = replace.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name))
                        {
                            digest = self.value(value, &scope);
                            // It is called as it is written there.
                            name.clone_from(new);
                        }
                        if let Some((_, new)) = rename.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                            name.clone_from(new);
                        }
                        loose.push(digest);
                        reads_columns = true;
                        columns.push((name, digest));
                    }
                }
                Item::Value { value, alias } => {
                    let digest = self.value(value, &scope);
                    drawn |= holds(value, &is_draw);
                    if holds(value, &|part| matches!(part, Expr::Call { op, .. } if SETS_OF_ROWS.contains(op))) {
                        sets.push(digest);
                    }
                    grouped |= is_aggregate(value);
                    if !is_aggregate(value) {
                        loose.push(digest);
                        reads_columns |= holds(value, &|part| matches!(part, Expr::Column { .. }));
                    }
                    let name = match (alias, value) {
                        (Some(alias), _) => alias.clone(),
                        (None, Expr::Column { input, name, .. }) => self.spelled(input.as_deref(), name, &scope),
                        // DuckDB names it by its text.
                        (None, value) => format!("{value:?}"),
                    };
                    scope.aliases.extend(alias.iter().map(|alias| (alias.to_lowercase(), digest)));
                    columns.push((name, digest));
                }
            }
        }
        let filter: BTreeSet<Digest> = select.filter.iter().map(|part| self.value(part, &scope)).collect();
        rows = rows.text("where").digests(filter);
        if grouped {
            let keys: Vec<Digest> = match select.group.form {
                GroupForm::All => loose,
                _ => select.group.keys.iter().map(|key| self.value(key, &scope)).collect(),
            };
            rows = match select.group.form {
                // DuckDB tells keys apart by how they are written: `x, c.x` is two, `c.x, c.x` one.
                GroupForm::Rollup | GroupForm::Cube | GroupForm::Sets => {
                    let written = &select.group.keys;
                    let first = |key| written.iter().position(|other| other == key).unwrap_or_default() as u64;
                    let rows = written.iter().fold(rows, |rows, key| rows.number(first(key)));
                    rows.text(&format!("{:?}", select.group.form)).digests(keys)
                }
                // It counts no constant as a key of GROUP BY ALL; without any key there is a row of an empty input.
                GroupForm::All if !reads_columns => rows.text("group all of it").digests(BTreeSet::from_iter(keys)),
                _ => rows.text("group").digests(BTreeSet::from_iter(keys)),
            };
            rows = rows.option_digest(select.having.as_ref().map(|having| self.value(having, &scope)));
        }
        rows = rows.text("sets").digests(sets);
        rows = rows.text("qualify").option_digest(select.qualify.as_ref().map(|part| self.value(part, &scope)));
        if select.distinct == Distinct::Yes {
            rows = rows.text("distinct").digests(columns.iter().map(|(_, digest)| *digest).collect::<BTreeSet<_>>());
        }
        let rows = rows.finish();
        Mark { rows, columns, table: rows, drawn, storage: rows, loose: false }
    }

    fn relation(&self, relation: &Relation, ctes: &Ctes, left: &Scope<'_>) -> Mark {
        let mark = match relation {
            Relation::Table(name) => self.models.get(name).cloned(),
            Relation::Cte(name) => ctes.iter().rev().find(|(known, _)| known == name).map(|(_, mark)| mark.clone()),
            Relation::Query(query) => Some(self.query(query, ctes, None, false)),
            Relation::Lateral(query) => Some(self.query(query, ctes, Some(left), false)),
            Relation::Unnest(value) => {
                let rows = text("unnest", [self.value(value, left)]);
                let columns = vec![("n".to_owned(), text("member", [rows]))];
                Some(Mark { rows, columns, table: rows, drawn: false, storage: rows, loose: false })
            }
            Relation::Over { form, table, held: _ } => self.models.get(table).map(|mark| over(form, mark)),
            Relation::Text { text, numbers, columns } => {
                let rows = Hasher::new(text).text(&format!("{numbers:?}")).finish();
                let column = |column: &Column| (column.name.clone(), Hasher::new(&column.name).digest(rows).finish());
                Some(Mark {
                    rows,
                    columns: columns.iter().map(column).collect(),
                    table: rows,
                    drawn: false,
                    storage: rows,
                    loose: false,
                })
            }
        }
        .unwrap_or_else(|| Mark {
            rows: Digest::of("nothing", ""),
            columns: Vec::new(),
            table: Digest::of("nothing", ""),
            drawn: false,
            storage: Digest::of("nothing", ""),
            loose: false,
        });
        told_apart(mark)
    }

    fn star(&self, select: &Select, input: Option<&str>, scope: &Scope<'_>) -> Vec<(String, Digest)> {
        let mut columns: Vec<(String, Digest)> = Vec::new();
        for (slot, (from, mark)) in scope.inputs.iter().enumerate() {
            if from.is_hidden() || input.is_some_and(|input| input != from.name()) {
                continue;
            }
            for (name, digest) in &mark.columns {
                let merges = |from: &Input| match &from.on {
                    On::Using(names) => names.iter().any(|known| known.eq_ignore_ascii_case(name)),
                    _ => from.join.starts_with("NATURAL"),
                };
                let merged = input.is_none() && select.from.iter().skip(1).any(merges);
                let twice = columns.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
                if merged && merges(from) && twice {
                    continue;
                }
                let digest = if merged { self.bare(name, scope) } else { reference(slot, *digest) };
                columns.push((name.clone(), digest));
            }
        }
        columns
    }

    /// A column shown without alias is spelled as its table spells it.
    fn spelled(&self, input: Option<&str>, name: &str, scope: &Scope<'_>) -> String {
        let inputs = scope.inputs.iter().filter(|(from, _)| input.is_none_or(|input| from.name() == input));
        let mut columns = inputs.flat_map(|(_, mark)| &mark.columns);
        columns
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or_else(|| name.to_owned(), |(known, _)| known.clone())
    }

    /// A bare name: a column of this block, an alias, a column of the block around it, a whole row.
    fn bare(&self, name: &str, scope: &Scope<'_>) -> Digest {
        let found = |(slot, (from, mark)): (usize, &(&Input, Mark))| {
            let column = mark.columns.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            (!from.is_hidden() || slot + 1 == scope.inputs.len()).then(|| reference(slot, column.1))
        };
        let columns: Vec<Digest> = scope.inputs.iter().enumerate().filter_map(found).collect();
        match columns.as_slice() {
            [only] => return *only,
            [] => {}
            several => {
                let joins = scope.inputs.iter().map(|(from, _)| from.join).collect::<Vec<_>>().join(" ");
                return Hasher::new("merged").text(&joins).digests(several.iter().copied()).finish();
            }
        }
        let lower = name.to_lowercase();
        // DuckDB takes the whole row before an alias.
        if let Some(slot) = scope.inputs.iter().position(|(from, _)| from.name().eq_ignore_ascii_case(name)) {
            return self.row(slot, &scope.inputs[slot].1);
        }
        if let Some((_, digest)) = scope.aliases.iter().rev().find(|(known, _)| *known == lower) {
            return *digest;
        }
        scope.outer.map_or_else(|| Digest::of("unknown", name), |outer| text("outer", [self.bare(name, outer)]))
    }

    fn row(&self, slot: usize, mark: &Mark) -> Digest {
        let hasher = Hasher::new("row").number(slot as u64);
        mark.columns.iter().fold(hasher, |hasher, (name, digest)| hasher.text(name).digest(*digest)).finish()
    }

    fn qualified(&self, input: &str, name: &str, scope: &Scope<'_>) -> Digest {
        let place = scope.inputs.iter().position(|(from, _)| from.name().eq_ignore_ascii_case(input));
        let column = place.and_then(|slot| {
            let columns = &scope.inputs[slot].1.columns;
            Some(reference(slot, columns.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?.1))
        });
        match (column, scope.outer) {
            (Some(column), _) => column,
            (None, Some(outer)) => text("outer", [self.qualified(input, name, outer)]),
            (None, None) => Hasher::new("unknown").text(input).text(name).finish(),
        }
    }

    fn value(&self, value: &Expr, scope: &Scope<'_>) -> Digest {
        let list = |parts: &[Expr]| parts.iter().map(|part| self.value(part, scope)).collect::<Vec<_>>();
        match value {
            Expr::Column { input: Some(input), name, .. } => self.qualified(input, name, scope),
            Expr::Column { input: None, name, .. } => self.bare(name, scope),
            Expr::Literal(literal, _) => Digest::of("literal", literal),
            Expr::Call { op, parts } if op.text.contains("lambda v:") && names_parameter(&parts[1..]) => {
                let digests = list(parts);
                Hasher::new("captured by a parameter").text(&format!("{:?}", &parts[1..])).digests(digests).finish()
            }
            Expr::Call { op, parts } => text(op.text, list(parts)),
            Expr::Aggregate { op, parts, filter } => {
                let filter = filter.as_ref().map(|filter| self.value(filter, scope));
                Hasher::new("aggregate").text(op.text).digests(list(parts)).option_digest(filter).finish()
            }
            Expr::Window { op, parts, window } => {
                let window = match window {
                    Over::Here(window) => Some(window),
                    Over::Named(name) => {
                        scope.windows.iter().find(|(known, _)| known == name).map(|(_, window)| window)
                    }
                };
                let mut hasher = Hasher::new("window").text(op.text).digests(list(parts));
                if let Some(Window { base, partition, order, frame }) = window {
                    let base =
                        base.iter().flat_map(|base| scope.windows.iter().filter(move |(known, _)| known == base));
                    let inherited = base.flat_map(|(_, window)| &window.partition).map(|key| self.value(key, scope));
                    let keys: BTreeSet<Digest> = list(partition).into_iter().chain(inherited).collect();
                    hasher = hasher.digests(keys).text(frame);
                    for (key, down) in order {
                        hasher = hasher.digest(self.value(key, scope)).number(u64::from(*down));
                    }
                }
                hasher.finish()
            }
            Expr::Query { form, left, query, data: _ } => {
                let none = Ctes::new();
                let mark = self.query(query, scope.ctes.unwrap_or(&none), Some(scope), false);
                let columns = mark.columns.iter().map(|(_, digest)| *digest);
                let columns: Vec<Digest> = if matches!(form, QueryForm::Exists | QueryForm::NotExists) {
                    Vec::new()
                } else {
                    columns.collect()
                };
                let left = left.as_ref().map(|left| self.value(left, scope));
                Hasher::new("query")
                    .text(&format!("{form:?}"))
                    .option_digest(left)
                    .digest(mark.rows)
                    .digests(columns)
                    .finish()
            }
            Expr::Row(input, template) => match scope.inputs.iter().position(|(from, _)| from.name() == input) {
                // A column of that name comes first.
                Some(slot)
                    if !scope.inputs.iter().any(|(_, mark)| mark.columns.iter().any(|(known, _)| known == input)) =>
                {
                    text(template, [self.row(slot, &scope.inputs[slot].1)])
                }
                _ => text(template, [self.bare(input, scope)]),
            },
            Expr::Draw(draw, _) => Digest::of("draw", draw),
        }
    }
}

/// A query over every column of a table.
/// DuckDB calls the second column `v` of what is read `v_1`, so that `EXCLUDE (v)` leaves it there.
fn told_apart(mut mark: Mark) -> Mark {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (name, _) in &mut mark.columns {
        let count = seen.entry(name.to_lowercase()).or_default();
        if *count > 0 {
            *name = format!("{name}_{count}");
        }
        *count += 1;
    }
    mark
}

fn over(form: &Form, mark: &Mark) -> Mark {
    let all = Hasher::new(form.text).digest(mark.rows);
    let all = mark.columns.iter().fold(all, |all, (name, digest)| all.text(name).digest(*digest)).finish();
    let mut columns = if form.shows == Shows::Columns { mark.columns.clone() } else { Vec::new() };
    let own = form.columns.iter().map(|(name, _)| ((*name).to_owned(), Hasher::new(name).digest(all).finish()));
    columns.extend(own);
    let rows = match form.rows {
        Rows::Same => mark.rows,
        Rows::ByColumns | Rows::Drawn => all,
        Rows::One => Digest::of("one row", ""),
    };
    Mark { rows, columns, ..mark.clone() }
}

/// Behind CTEs DuckDB gives columns without a type one.
fn type_nulls(select: &Select, mark: &mut Mark) {
    for item in &select.items {
        let Item::Value { value, alias: Some(alias) } = item else { continue };
        if is_untyped(value) {
            let named = mark.columns.iter_mut().filter(|(name, _)| name == alias);
            named.for_each(|(_, digest)| *digest = text("typed", [*digest]));
        }
    }
}

/// Whether a bare `v` stands in the body of a lambda of that parameter.
fn names_parameter(parts: &[Expr]) -> bool {
    let is_bare =
        |part: &Expr| matches!(part, Expr::Column { input: None, name, .. } if name.eq_ignore_ascii_case("v"));
    parts.iter().any(|part| holds(part, &is_bare))
}

fn reference(slot: usize, column: Digest) -> Digest {
    Hasher::new("reference").number(slot as u64).digest(column).finish()
}

fn set(operator: &str, left: &Mark, right: &Mark) -> Mark {
    let pair =
        |one: Option<Digest>, two: Option<Digest>| Hasher::new(operator).option_digest(one).option_digest(two).finish();
    let mut columns: Vec<(String, Digest)> = Vec::new();
    if operator.ends_with("BY NAME") {
        let find = |mark: &Mark, name: &str| {
            mark.columns.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, digest)| *digest)
        };
        columns
            .extend(left.columns.iter().map(|(name, digest)| (name.clone(), pair(Some(*digest), find(right, name)))));
        for (name, digest) in &right.columns {
            if find(left, name).is_none() {
                columns.push((name.clone(), pair(None, Some(*digest))));
            }
        }
    } else {
        columns.extend(
            left.columns
                .iter()
                .zip(&right.columns)
                .map(|((name, one), (_, two))| (name.clone(), pair(Some(*one), Some(*two)))),
        );
    }
    let mut rows = Hasher::new(operator).digest(left.rows).digest(right.rows);
    if !operator.starts_with("UNION ALL") {
        rows = rows.digests(columns.iter().map(|(_, digest)| *digest));
    }
    let rows = rows.finish();
    Mark { rows, columns, table: rows, drawn: left.drawn || right.drawn, storage: rows, loose: false }
}
