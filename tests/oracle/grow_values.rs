//! Grows expressions: values, conditions, aggregates, windows and queries used as values.

use super::grow::*;
use super::ir::*;
use super::ops::{AGGREGATES, ORDERLESS, PLACES, RANKS, SCALARS, literal, ops_giving};
use super::shape::Ctes;

const FRAMES: &[&str] = &[
    "",
    "",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
];

impl Grow<'_> {
    pub(crate) fn aggregate(&mut self, names: &Names) -> Expr {
        let data = self.choices.one(&[N, N, N, N, T, D, L, S]);
        self.aggregate_of(names, data)
    }

    pub(crate) fn aggregate_of(&mut self, names: &Names, data: Type) -> Expr {
        let lent = if data == N && self.choices.chance(12) { self.lent(names) } else { None };
        lent.unwrap_or_else(|| self.own_aggregate(names, data))
    }

    /// `(SELECT sum(o.x) + count(*) FROM i)`: the first of them is one of this block. The second makes one row.
    fn lent(&mut self, names: &Names) -> Option<Expr> {
        let mut select = Select::from(self.from(0, &Vec::new()));
        let inner = self.names(&select, &Vec::new());
        let is_hidden = |name: &str| select.from.iter().any(|input| input.name().eq_ignore_ascii_case(name));
        let columns: Vec<(String, Column)> = names
            .inputs
            .iter()
            .filter(|(input, _)| !is_hidden(input))
            .flat_map(|(input, columns)| columns.iter().map(|column| (input.clone(), column.clone())))
            .collect();
        let op = self.choices.one(&ops_giving(AGGREGATES, N));
        let mut parts = Vec::new();
        for data in op.takes {
            let fitting: Vec<_> = columns.iter().filter(|(_, column)| column.data == *data).cloned().collect();
            let (input, column) = self.choices.pick(&fitting)?.clone();
            parts.push(Expr::Column { input: Some(input), name: column.name, data: *data });
        }
        if parts.is_empty() {
            return None;
        }
        let sum = [Expr::Aggregate { op, parts, filter: None }, self.own_aggregate(&inner, N)];
        let value = Expr::Call { op: &SCALARS[0], parts: sum.into() };
        select.items.push(Item::Value { value, alias: None });
        Some(Expr::Query { form: QueryForm::Scalar, left: None, query: Box::new(Query::of(select)), data: N })
    }

    fn own_aggregate(&mut self, names: &Names, data: Type) -> Expr {
        let drawn = ops_giving(ORDERLESS, data);
        let loose = self.draws && !drawn.is_empty() && self.choices.chance(15);
        let op = self.choices.one(&if loose { drawn } else { ops_giving(AGGREGATES, data) });
        let parts = op.takes.iter().map(|data| self.value(names, *data, 1)).collect();
        let filter = self.choices.chance(15).then(|| Box::new(self.value(names, B, 1)));
        Expr::Aggregate { op, parts, filter }
    }

    pub(crate) fn windowed(&mut self, names: &Names, named: bool) -> Expr {
        let over = if named && self.choices.chance(60) { self.named_windowed(names) } else { None };
        over.unwrap_or_else(|| {
            let data = self.choices.one(&[N, N, N, T]);
            self.windowed_of(names, data)
        })
    }

    /// Over the window `win`.
    pub(crate) fn named_windowed(&mut self, names: &Names) -> Option<Expr> {
        let op = self.choices.one(&ops_giving(RANKS, N));
        let parts = op.takes.iter().map(|data| self.value(names, *data, 0)).collect();
        let fits = !op.text.contains("DISTINCT");
        fits.then(|| Expr::Window { op, parts, window: Over::Named("win".to_owned()) })
    }

    pub(crate) fn windowed_of(&mut self, names: &Names, data: Type) -> Expr {
        let mut window = self.window(names);
        if self.choices.chance(35) {
            let op = self.choices.one(&ops_giving(PLACES, data));
            let parts = op.takes.iter().map(|data| self.value(names, *data, 0)).collect();
            window.frame = "";
            // Total, or a tie would decide.
            window.order = names
                .inputs
                .iter()
                .flat_map(|(input, columns)| columns.iter().map(|column| (Expr::column(input, column), false)))
                .collect();
            let place = self.choices.below(window.order.len());
            window.order.rotate_left(place);
            if let Some((_, down)) = window.order.first_mut() {
                *down = self.choices.chance(50);
            }
            return Expr::Window { op, parts, window: Over::Here(window) };
        }
        let op = self.choices.one(&ops_giving(RANKS, data));
        let parts = op.takes.iter().map(|data| self.value(names, *data, 0)).collect();
        if op.text.contains("DISTINCT") || op.text.contains("rank") {
            window.frame = "";
        }
        Expr::Window { op, parts, window: Over::Here(window) }
    }

    pub(crate) fn window(&mut self, names: &Names) -> Window {
        let data = self.choices.one(&[N, T, D]);
        let partition = if self.choices.chance(60) { vec![self.value(names, data, 0)] } else { Vec::new() };
        let order = vec![(self.value(names, N, 0), self.choices.chance(40))];
        Window { base: None, partition, order, frame: self.choices.one(FRAMES) }
    }

    pub(crate) fn condition(&mut self, names: &Names, depth: usize, ctes: &Ctes) -> Expr {
        if depth == 0 || !self.choices.chance(16) {
            return self.value(names, B, 1);
        }
        let around = Names { outer: Vec::new(), ..names.clone() };
        let form = self.choices.one(&[QueryForm::Exists, QueryForm::NotExists, QueryForm::In, QueryForm::NotIn]);
        let _ = ctes;
        let mut select = Select::from(self.from(0, &Vec::new()));
        let mut inner = self.names(&select, &Vec::new());
        inner.outer = around.inputs.clone();
        let data = self.choices.one(&[N, N, T]);
        if self.choices.chance(75) {
            let (one, two) =
                (self.value(&Names { outer: Vec::new(), ..inner.clone() }, data, 0), self.value(&around, data, 0));
            select.filter.push(Expr::Call { op: equality(data), parts: vec![one, two] });
        }
        let left = matches!(form, QueryForm::In | QueryForm::NotIn).then(|| Box::new(self.value(names, N, 0)));
        let value = match self.choices.chance(20) {
            true => self.aggregate_of(&Names { outer: Vec::new(), ..inner.clone() }, N),
            false => self.value(&inner, N, 0),
        };
        select.items.push(Item::Value { value, alias: None });
        Expr::Query { form, left, query: Box::new(Query::of(select)), data: B }
    }

    fn scalar(&mut self, names: &Names, data: Type) -> Expr {
        let mut select = Select::from(self.from(0, &Vec::new()));
        let inner = self.names(&select, &Vec::new());
        let (one, two) = (self.value(&inner, N, 0), self.value(names, N, 0));
        select.filter.push(Expr::Call { op: equality(N), parts: vec![one, two] });
        let value = self.aggregate_of(&inner, data);
        select.items.push(Item::Value { value, alias: None });
        let query = Box::new(Query::of(select));
        Expr::Query { form: QueryForm::Scalar, left: None, query, data }
    }

    pub(crate) fn value(&mut self, names: &Names, data: Type, depth: usize) -> Expr {
        let roll = self.choices.below(100);
        if depth > 0 && roll < 3 && matches!(data, N | T | D | L | S) && !names.inputs.is_empty() {
            return self.scalar(names, data);
        }
        if data == B {
            return self.truth(names, depth);
        }
        if depth > 0 && roll < 45 {
            let op = self.choices.one(&ops_giving(SCALARS, data));
            return self.call(op, names, depth - 1);
        }
        if roll < 92
            && let Some(column) = self.column(names, data)
        {
            return column;
        }
        Expr::Literal(literal(self.choices, data), data)
    }

    /// A condition that some rows meet and some do not, as far as that can be said.
    fn truth(&mut self, names: &Names, depth: usize) -> Expr {
        let op = self.choices.one(&ops_giving(SCALARS, B));
        let nested = op.takes.contains(&B);
        if nested && depth > 0 || !nested && self.choices.chance(30) {
            return self.call(op, names, depth.saturating_sub(1));
        }
        let op = if nested { compare(self.choices) } else { op };
        let mut parts: Vec<Expr> = Vec::new();
        for data in op.takes {
            let part = match parts.is_empty() || self.choices.chance(20) {
                true => self.column(names, *data),
                false => None,
            };
            let part = part.filter(|part| !parts.contains(part));
            parts.push(part.unwrap_or_else(|| Expr::Literal(literal(self.choices, *data), *data)));
        }
        Expr::Call { op, parts }
    }

    fn call(&mut self, op: &'static Op, names: &Names, depth: usize) -> Expr {
        let mut parts: Vec<Expr> = Vec::new();
        for data in op.takes {
            let part = self.value(names, *data, depth);
            let again = if parts.contains(&part) { self.value(names, *data, depth) } else { part };
            parts.push(again);
        }
        Expr::Call { op, parts }
    }

    pub(crate) fn column(&mut self, names: &Names, data: Type) -> Option<Expr> {
        if self.choices.chance(6) {
            let fitting: Vec<Column> =
                names.aliases.iter().filter(|alias| alias.data == data && !alias.name.is_empty()).cloned().collect();
            if let Some(alias) = self.choices.pick(&fitting) {
                return Some(Expr::Column { input: None, name: alias.name.clone(), data });
            }
        }
        let outer = self.choices.chance(25) && !names.outer.is_empty();
        let inputs = if outer { &names.outer } else { &names.inputs };
        let fitting: Vec<(String, Column)> = inputs
            .iter()
            .flat_map(|(input, columns)| {
                columns.iter().filter(|column| column.data == data).map(|column| (input.clone(), column.clone()))
            })
            .collect();
        let (input, column) = self.choices.pick(&fitting)?.clone();
        let all = names.inputs.iter().chain(&names.outer).flat_map(|(_, columns)| columns);
        let alone = all.filter(|known| known.is(&column.name)).count() == 1;
        let bare = alone && self.choices.chance(30);
        let shadowed = names.inputs.iter().any(|(known, _)| known == &input) && outer;
        if shadowed {
            return None;
        }
        Some(Expr::Column { input: (!bare).then_some(input), name: column.name, data })
    }
}
