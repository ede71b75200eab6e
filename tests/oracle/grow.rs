//! Grows queries: from a list of tables that may be read, any query over them that DuckDB very likely takes.

use super::ir::*;
use super::ops::{AGGREGATES, GROUPING, SCALARS, SETS_OF_ROWS, literal, ops_giving};
use super::random::Choices;
use super::shape::{Ctes, Shapes, UNNAMED};

/// Few names, so that new columns meet old aliases.
pub(crate) const NAMES: &[&str] = &["id", "x", "y", "g", "d", "k", "v", "w", "n", "h", "pid", "Id", "day", "t", "a"];
pub(crate) const SETS: &[&str] = &["UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL"];
pub(crate) const DRAWS: &[(&str, Type)] =
    &[("uuid()::VARCHAR", T), ("random()", N), ("row_number() OVER ()", N), ("(now()::VARCHAR || uuid())", T)];

pub(crate) static IN_INTERVAL: Op = Op { text: "({0} BETWEEN @start_ds AND @end_ds)", takes: &[D], gives: B };

pub(crate) const HINTS: &[&str] = &["", "", "", "", "MATERIALIZED ", "NOT MATERIALIZED "];
/// A whole row as a text.
const ROWS: &[&str] = &["to_json({})::VARCHAR", "CAST({} AS VARCHAR)", "CASE WHEN {} IS NULL THEN 'n' ELSE 'r' END"];

/// What an expression may name.
#[derive(Clone, Default)]
pub(crate) struct Names {
    pub(crate) inputs: Vec<(String, Vec<Column>)>,
    pub(crate) outer: Vec<(String, Vec<Column>)>,
    pub(crate) aliases: Vec<Column>,
}

impl Names {
    /// Whether every column has a name that a NATURAL join may meet.
    pub(crate) fn are_told(&self) -> bool {
        self.inputs.iter().flat_map(|(_, columns)| columns).all(|column| !column.is(UNNAMED))
    }
}

pub(crate) struct Grow<'a> {
    pub(crate) choices: &'a mut Choices,
    pub(crate) shapes: &'a Shapes,
    pub(crate) tables: &'a [String],
    pub(crate) draws: bool,
}

impl Grow<'_> {
    pub(crate) fn query(&mut self, depth: usize, outer: &Ctes) -> Query {
        let mut ctes = outer.clone();
        let mut list = Vec::new();
        if depth > 0 && self.choices.chance(28) {
            for name in ["src", "r", "t"].iter().take(1 + self.choices.below(3)) {
                let query = self.query(depth - 1, &ctes);
                ctes.push(((*name).to_owned(), self.shapes.outputs(&query, &ctes)));
                let hint = self.choices.one(HINTS);
                list.push(Cte { name: (*name).to_owned(), query, hint });
            }
        }
        let mut query = match depth > 0 && self.choices.chance(14) {
            true => self.set(depth, &ctes),
            false => Query::of(self.select(depth, &ctes, &Names::default(), None)),
        };
        query.ctes = list;
        self.tail(&mut query);
        query
    }

    fn tail(&mut self, query: &mut Query) {
        let on = matches!(&query.body, Body::Select(select) if matches!(select.distinct, Distinct::On(_)));
        let limited = self.choices.chance(9);
        // Without an order the rows that remain are drawn.
        let loose = self.draws && self.choices.chance(20);
        if (on || limited) && !loose || self.choices.chance(4) {
            query.order = self.order();
        }
        if limited {
            let (count, fetch) = (1 + self.choices.below(6), self.choices.chance(15));
            query.limit = Some(Limit { count, offset: self.choices.below(3), fetch });
        }
    }

    pub(crate) fn order(&mut self) -> Order {
        let by = self.choices.one(&[OrderBy::All, OrderBy::Ordinals, OrderBy::Names]);
        Order::Total { by, rotate: self.choices.below(4), descending: self.choices.chance(50) }
    }

    fn set(&mut self, depth: usize, ctes: &Ctes) -> Query {
        let left = self.select(depth - 1, ctes, &Names::default(), None);
        let wanted = self.shapes.outputs(&Query::of(left.clone()), ctes);
        let mut right = match self.choices.chance(50) {
            true => left.clone(),
            false => self.select(depth - 1, ctes, &Names::default(), Some(&wanted)),
        };
        if right == left {
            let names = self.names(&right, ctes);
            let part = self.value(&names, B, 1);
            if right.group.form == GroupForm::None {
                right.filter.push(part);
            }
        }
        let mut operator = self.choices.one(SETS);
        if operator.starts_with("UNION") && self.choices.chance(35) {
            operator = if operator == "UNION" { "UNION BY NAME" } else { "UNION ALL BY NAME" };
        }
        let (mut left, mut right) = (Box::new(Query::of(left)), Box::new(Query::of(right)));
        if operator.starts_with("UNION") && self.choices.chance(60) {
            self.cross(&mut right);
        }
        if self.choices.chance(25) {
            let operator = self.choices.one(SETS);
            let again = Box::new(match self.choices.chance(50) {
                true => left.as_ref().clone(),
                false => Query::of(self.select(depth - 1, ctes, &Names::default(), Some(&wanted))),
            });
            let side = if self.choices.chance(70) { &mut left } else { &mut right };
            let body = Body::Set { operator, left: side.clone(), right: again };
            **side = Query { ctes: Vec::new(), body, order: Order::None, limit: None };
        }
        Query { ctes: Vec::new(), body: Body::Set { operator, left, right }, order: Order::None, limit: None }
    }

    /// Two columns of one type trade places in a side of a set operation: only then is BY NAME something else than by place.
    pub(crate) fn cross(&mut self, side: &mut Query) {
        let Body::Select(select) = &mut side.body else { return };
        if select.group.form == GroupForm::Ordinals {
            return;
        }
        let data = |item: &Item| match item {
            Item::Value { value, .. } => Some(value.data()),
            Item::Star { .. } => None,
        };
        let alike = |one: usize, two: usize| {
            data(&select.items[one]).is_some() && data(&select.items[one]) == data(&select.items[two])
        };
        let places = 0..select.items.len();
        let pairs: Vec<(usize, usize)> =
            places.flat_map(|two| (0..two).map(move |one| (one, two))).filter(|(one, two)| alike(*one, *two)).collect();
        if let Some((one, two)) = self.choices.pick(&pairs).copied() {
            select.items.swap(one, two);
        }
    }

    /// What a select's expressions may name.
    pub(crate) fn names(&self, select: &Select, ctes: &Ctes) -> Names {
        let inputs = select.from.iter().filter(|input| !input.is_hidden());
        let inputs = inputs.map(|input| (input.name().to_owned(), self.shapes.input(input, ctes))).collect();
        Names { inputs, ..Names::default() }
    }

    pub(crate) fn select(&mut self, depth: usize, ctes: &Ctes, around: &Names, wanted: Option<&[Column]>) -> Select {
        let mut select = Select::from(self.from(depth, ctes));
        let mut names = self.names(&select, ctes);
        names.outer.clone_from(&around.inputs);
        for _ in 0..self.choices.one(&[0, 0, 0, 1, 1, 2]) {
            let part = self.condition(&names, depth, ctes);
            select.filter.push(part);
        }
        if let Some(wanted) = wanted {
            for column in wanted {
                let value = self.value(&names, column.data, 1);
                select.items.push(Item::Value { value, alias: Some(column.name.clone()) });
            }
            return select;
        }
        match self.choices.below(100) {
            0..=27 => self.grouped(&mut select, &names),
            28..=34 => self.collapsed(&mut select, &names),
            35..=37 => {
                select.items.push(Item::Value { value: Expr::Literal("1".into(), N), alias: Some("one".into()) });
            }
            38..=40 => {
                self.plain(&mut select, &names, depth);
                let value = self.set_of_rows(&names);
                select.items.push(Item::Value { value, alias: Some("each".into()) });
            }
            _ => self.plain(&mut select, &names, depth),
        }
        match self.choices.below(100) {
            0..=8 => select.distinct = Distinct::Yes,
            9..=13 => select.distinct = Distinct::On(1 + self.choices.below(select.items.len().min(2))),
            _ => {}
        }
        select
    }

    /// A value of which there may be none, one or several for each row.
    pub(crate) fn set_of_rows(&mut self, names: &Names) -> Expr {
        let op = self.choices.one(&ops_giving(SETS_OF_ROWS, N));
        let parts = vec![self.value(names, op.takes[0], 0)];
        Expr::Call { op, parts }
    }

    fn grouped(&mut self, select: &mut Select, names: &Names) {
        for _ in 0..=self.choices.below(2) {
            let data = self.choices.one(&[N, T, D, N, T]);
            let key = self.value(names, data, self.choices.clone().below(2));
            if matches!(key, Expr::Column { .. } | Expr::Call { .. }) && !select.group.keys.contains(&key) {
                select.group.keys.push(key);
            }
        }
        if select.group.keys.is_empty() {
            return self.collapsed(select, names);
        }
        let mut aliases = self.aliases();
        let forms = [
            GroupForm::Keys,
            GroupForm::Keys,
            GroupForm::Ordinals,
            GroupForm::Ordinals,
            GroupForm::All,
            GroupForm::Rollup,
            GroupForm::Cube,
            GroupForm::Sets,
        ];
        select.group.form = self.choices.one(&forms);
        for key in select.group.keys.clone() {
            select.items.push(Item::Value { value: key, alias: aliases.pop() });
        }
        let in_sets = matches!(select.group.form, GroupForm::Rollup | GroupForm::Cube | GroupForm::Sets);
        if in_sets && self.choices.chance(50) {
            let parts = vec![self.choices.one(&select.group.keys)];
            select.items.push(Item::Value { value: Expr::Call { op: &GROUPING, parts }, alias: aliases.pop() });
        }
        for _ in 0..=self.choices.below(3) {
            let value = self.aggregate(names);
            select.items.push(Item::Value { value, alias: aliases.pop() });
        }
        if self.choices.chance(25) {
            let parts = vec![self.aggregate_of(names, N), Expr::Literal(literal(self.choices, N), N)];
            select.having = Some(Expr::Call { op: compare(self.choices), parts });
        }
    }

    /// Aggregates without GROUP BY.
    fn collapsed(&mut self, select: &mut Select, names: &Names) {
        let mut aliases = self.aliases();
        if self.choices.chance(40) {
            let op = &AGGREGATES[0];
            return select.items.push(Item::Value {
                value: Expr::Aggregate { op, parts: Vec::new(), filter: None },
                alias: aliases.pop(),
            });
        }
        for _ in 0..=self.choices.below(3) {
            let value = self.aggregate(names);
            select.items.push(Item::Value { value, alias: aliases.pop() });
        }
    }

    pub(crate) fn aliases(&mut self) -> Vec<String> {
        let mut names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).filter(|name| name != "Id").collect();
        self.choices.shuffle(&mut names);
        names
    }

    fn plain(&mut self, select: &mut Select, names: &Names, depth: usize) {
        let mut names = names.clone();
        let mut aliases = self.aliases();
        if self.choices.chance(14) {
            let star = self.star(&names, select.from.len());
            if let Item::Star { input: None, .. } = &star {
                let taken: Vec<Column> = names.inputs.iter().flat_map(|(_, columns)| columns.clone()).collect();
                aliases.retain(|alias| !taken.iter().any(|column| column.is(alias)));
            }
            select.items.push(star);
        }
        if self.choices.chance(15) {
            let mut window = self.window(&names);
            if self.choices.chance(40) {
                // One that inherits: the first has the partition, the second the order.
                let inherits = Window { base: Some("base_w".to_owned()), partition: Vec::new(), ..window.clone() };
                window.order.clear();
                window.frame = "";
                select.windows.push(("base_w".to_owned(), window));
                window = inherits;
            }
            select.windows.push(("win".to_owned(), window));
            if let Some(value) = self.named_windowed(&names).filter(|_| self.choices.chance(70)) {
                select.items.push(Item::Value { value, alias: aliases.pop() });
            }
        }
        for _ in 0..2 + self.choices.below(4) {
            let data = self.choices.one(&[N, N, N, N, T, T, T, D, L, S]);
            let value = match self.choices.below(100) {
                0..=11 => self.windowed(&names, !select.windows.is_empty()),
                12..=14 if self.draws => {
                    let (text, data) = self.choices.one(DRAWS);
                    if self.choices.chance(35) { Expr::Draw(text, data) } else { self.value(&names, data, 1) }
                }
                15..=16 => Expr::Row(self.choices.one(&names.inputs).0, self.choices.one(ROWS)),
                _ => self.value(&names, data, depth.min(2)),
            };
            let bare = matches!(value, Expr::Column { .. }) && self.choices.chance(30);
            let alias = if bare { None } else { aliases.pop() };
            names.aliases.push(Column::new(alias.clone().unwrap_or_default(), value.data()));
            let taken = |item: &Item| matches!((item, &value), (Item::Value { alias: Some(alias), .. }, Expr::Column { name, .. }) if alias.eq_ignore_ascii_case(name));
            if alias.is_none() && select.items.iter().any(taken) {
                continue;
            }
            if let (None, Expr::Column { name, .. }) = (&alias, &value) {
                aliases.retain(|alias| !alias.eq_ignore_ascii_case(name));
                if select.items.iter().any(|item| matches!(item, Item::Value { alias: None, value: Expr::Column { name: known, .. } } if known.eq_ignore_ascii_case(name))) {
                    continue;
                }
            }
            select.items.push(Item::Value { value, alias });
        }
        if self.choices.chance(7) {
            let parts = vec![self.windowed_of(&names, N), Expr::Literal(self.choices.one(&["1", "2", "3"]).into(), N)];
            select.qualify = Some(Expr::Call { op: compare(self.choices), parts });
        }
    }

    pub(crate) fn star(&mut self, names: &Names, count: usize) -> Item {
        let named = count > 1 || self.choices.chance(30);
        let input = if named { self.choices.pick(&names.inputs).map(|(name, _)| name.clone()) } else { None };
        let columns: Vec<Column> = match &input {
            Some(input) => {
                names.inputs.iter().filter(|(name, _)| name == input).flat_map(|(_, columns)| columns.clone()).collect()
            }
            None => names.inputs.iter().flat_map(|(_, columns)| columns.clone()).collect(),
        };
        let (mut exclude, mut replace, mut rename) = (Vec::new(), Vec::new(), Vec::new());
        if columns.len() > 1 && self.choices.chance(40) {
            exclude.push(self.choices.one(&columns).name);
        }
        if let Some(column) = self.choices.pick(&columns).filter(|column| !exclude.contains(&column.name)).cloned() {
            match self.choices.below(5) {
                0 | 1 => replace.push((column.name, self.value(names, column.data, 1))),
                2 => rename.push((column.name, "renamed".to_owned())),
                _ => {}
            }
        }
        Item::Star { input, exclude, replace, rename }
    }
}

pub(crate) fn equality(data: Type) -> &'static Op {
    let text = "({0} = {1})";
    let fits = |op: &&Op| op.text == text && op.takes[0] == data;
    SCALARS.iter().find(fits).unwrap_or_else(|| if data == D { &SAME_DAY } else { &SCALARS[0] })
}

static SAME_DAY: Op = Op { text: "({0} = {1})", takes: &[D, D], gives: B };

pub(crate) fn compare(choices: &mut Choices) -> &'static Op {
    let fitting: Vec<&'static Op> = SCALARS.iter().filter(|op| op.takes == [N, N] && op.gives == B).collect();
    choices.one(&fitting)
}
