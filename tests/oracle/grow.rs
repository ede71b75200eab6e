//! Grows queries: from a list of tables that may be read, any query over them that DuckDB very likely takes.

use super::ir::*;
use super::ops::{AGGREGATES, PLACES, RANKS, SCALARS, literal, ops_giving};
use super::random::Choices;
use super::shape::{Ctes, Shapes};

const ALIASES: &[&str] = &["a", "b", "c", "t", "m", "p", "g", "cur", "prev"];
/// Few names, so that new columns meet old aliases.
pub(crate) const NAMES: &[&str] = &["id", "x", "y", "g", "d", "k", "v", "w", "n", "h", "pid", "Id", "day", "t", "a"];
const FRAMES: &[&str] = &[
    "",
    "",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
    "GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
];
pub(crate) const SETS: &[&str] = &["UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL"];
pub(crate) const DRAWS: &[(&str, Type)] = &[("uuid()::VARCHAR", T), ("random()", N)];

pub(crate) static IN_INTERVAL: Op = Op { text: "({0} BETWEEN @start_ds AND @end_ds)", takes: &[D], gives: B };

/// What an expression may name.
#[derive(Clone, Default)]
pub(crate) struct Names {
    pub(crate) inputs: Vec<(String, Vec<Column>)>,
    pub(crate) outer: Vec<(String, Vec<Column>)>,
    pub(crate) aliases: Vec<Column>,
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
                list.push(Cte { name: (*name).to_owned(), query, hint: "" });
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
        if on || limited || self.choices.chance(4) {
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
        if operator.starts_with("UNION") && self.choices.chance(25) {
            operator = if operator == "UNION" { "UNION BY NAME" } else { "UNION ALL BY NAME" };
        }
        let (left, right) = (Box::new(Query::of(left)), Box::new(Query::of(right)));
        Query { ctes: Vec::new(), body: Body::Set { operator, left, right }, order: Order::None, limit: None }
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
            _ => self.plain(&mut select, &names, depth),
        }
        match self.choices.below(100) {
            0..=8 => select.distinct = Distinct::Yes,
            9..=13 => select.distinct = Distinct::On(1 + self.choices.below(select.items.len().min(2))),
            _ => {}
        }
        select
    }

    fn from(&mut self, depth: usize, ctes: &Ctes) -> Vec<Input> {
        let mut from: Vec<Input> = Vec::new();
        for place in 0..self.choices.one(&[1, 1, 1, 2, 2, 3]) {
            let relation = match from.first() {
                Some(first) if self.choices.chance(30) => first.relation.clone(),
                _ => self.relation(depth, ctes),
            };
            let taken: Vec<&str> = from.iter().map(Input::name).collect();
            let free: Vec<&str> = ALIASES.iter().copied().filter(|alias| !taken.contains(alias)).collect();
            let mut input = Input::new(relation, Some(self.choices.one(&free).to_owned()));
            let named = matches!(input.relation, Relation::Table(_) | Relation::Cte(_));
            let implied = Input { alias: None, ..input.clone() };
            if named && !taken.contains(&implied.name()) && self.choices.chance(30) {
                input = implied;
            } else if matches!(input.relation, Relation::Text { .. }) {
                input.columns =
                    self.shapes.relation(&input.relation, ctes).into_iter().map(|column| column.name).collect();
            }
            if place > 0 {
                self.join(&mut from, &mut input, ctes);
            }
            from.push(input);
        }
        from
    }

    fn join(&mut self, from: &mut [Input], input: &mut Input, ctes: &Ctes) {
        let select = Select::from(from.to_vec());
        let left = self.names(&select, ctes);
        let right =
            Names { inputs: vec![(input.name().to_owned(), self.shapes.input(input, ctes))], ..Names::default() };
        let common: Vec<String> = right.inputs[0]
            .1
            .iter()
            .filter(|column| {
                left.inputs.iter().filter(|(_, columns)| columns.iter().any(|known| known.is(&column.name))).count()
                    == 1
            })
            .map(|column| column.name.clone())
            .collect();
        match self.choices.below(20) {
            0 => return input.join = "CROSS JOIN",
            1 => return input.join = ",",
            2 if !common.is_empty() => return input.join = "NATURAL JOIN",
            3 if self.choices.chance(30) => return input.join = "POSITIONAL JOIN",
            4..=7 if !common.is_empty() => {
                input.join = self.choices.one(&["JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT JOIN"]);
                input.on = On::Using(vec![self.choices.one(&common)]);
                return;
            }
            _ => {}
        }
        input.join = self.choices.one(&[
            "JOIN",
            "JOIN",
            "LEFT JOIN",
            "LEFT JOIN",
            "RIGHT JOIN",
            "FULL JOIN",
            "SEMI JOIN",
            "ANTI JOIN",
        ]);
        let data = self.choices.one(&[N, N, N, T, D]);
        let (mut one, mut two) = (self.value(&left, data, 0), self.value(&right, data, 0));
        if self.choices.chance(60) {
            // Rows that meet: a column of one name.
            let owner = |name: &String| {
                let (input, columns) =
                    left.inputs.iter().find(|(_, columns)| columns.iter().any(|column| column.is(name)))?;
                Some(Expr::column(input, columns.iter().find(|column| column.is(name))?))
            };
            let fitting: Vec<Expr> = common.iter().filter_map(owner).filter(|column| column.data() == data).collect();
            if let Some(Expr::Column { input: Some(input), name, data }) = self.choices.pick(&fitting).cloned() {
                two = Expr::Column { input: Some(right.inputs[0].0.clone()), name: name.clone(), data };
                one = Expr::Column { input: Some(input), name, data };
            }
        }
        let equal = |one: Expr, two: Expr| Expr::Call { op: equality(data), parts: vec![one, two] };
        let mut parts = vec![equal(one, two)];
        if self.choices.chance(25) {
            let names = Names { inputs: [left.inputs, right.inputs].concat(), ..Names::default() };
            parts.push(self.value(&names, B, 1));
        }
        input.on = On::Condition(parts);
    }

    pub(crate) fn relation(&mut self, depth: usize, ctes: &Ctes) -> Relation {
        match self.choices.below(100) {
            0..=29 if !ctes.is_empty() => Relation::Cte(self.choices.one(ctes).0),
            30..=42 if depth > 0 => Relation::Query(Box::new(self.query(depth - 1, ctes))),
            43..=48 => self.text(),
            _ => {
                // The newest tables more often: chains, not only stars.
                let half = self.tables.len() / 2;
                let late = self.choices.chance(50);
                let list = if late { &self.tables[half..] } else { self.tables };
                Relation::Table(self.choices.one(list))
            }
        }
    }

    fn text(&mut self) -> Relation {
        /// A text, how many inputs it reads, and its columns.
        type Text = (&'static str, usize, &'static [(&'static str, Type)]);
        const TEXTS: &[Text] = &[
            ("range({0}, {1})", 2, &[("n", N)]),
            ("generate_series(1, {0})", 1, &[("n", N)]),
            ("unnest([1, 2, {0}])", 1, &[("n", N)]),
            ("(VALUES ({0}, 'a'), ({1}, 'b'), (NULL, 'a'))", 2, &[("n", N), ("g", T)]),
            (
                "(WITH RECURSIVE r(n, m) AS (SELECT {0}, 1 UNION ALL SELECT n + {1}, m + n FROM r WHERE n < 9) SELECT n, m FROM r)",
                2,
                &[("n", N), ("m", N)],
            ),
        ];
        let (text, count, columns) = self.choices.one(TEXTS);
        let numbers = (0..count).map(|place| (1 + self.choices.below(3) + 2 * place) as i64).collect();
        Relation::Text {
            text,
            numbers,
            columns: columns.iter().map(|(name, data)| Column::new(*name, *data)).collect(),
        }
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
        if self.choices.chance(12) {
            let window = self.window(&names);
            select.windows.push(("win".to_owned(), window));
        }
        for _ in 0..2 + self.choices.below(4) {
            let data = self.choices.one(&[N, N, N, T, T, D, L]);
            let value = match self.choices.below(100) {
                0..=11 => self.windowed(&names, !select.windows.is_empty()),
                12..=14 if self.draws => {
                    let (text, data) = self.choices.one(DRAWS);
                    if self.choices.chance(35) { Expr::Draw(text, data) } else { self.value(&names, data, 1) }
                }
                15..=16 => Expr::Row(self.choices.one(&names.inputs).0),
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
        let input = (count > 1 || self.choices.chance(30)).then(|| self.choices.one(&names.inputs).0);
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

    fn aggregate(&mut self, names: &Names) -> Expr {
        let data = self.choices.one(&[N, N, N, T, D, L]);
        self.aggregate_of(names, data)
    }

    pub(crate) fn aggregate_of(&mut self, names: &Names, data: Type) -> Expr {
        let op = self.choices.one(&ops_giving(AGGREGATES, data));
        let parts = op.takes.iter().map(|data| self.value(names, *data, 1)).collect();
        let filter = self.choices.chance(15).then(|| Box::new(self.value(names, B, 1)));
        Expr::Aggregate { op, parts, filter }
    }

    fn windowed(&mut self, names: &Names, named: bool) -> Expr {
        if named && self.choices.chance(60) {
            let op = self.choices.one(&ops_giving(RANKS, N));
            let parts = op.takes.iter().map(|data| self.value(names, *data, 0)).collect();
            if !op.text.contains("DISTINCT") {
                return Expr::Window { op, parts, window: Over::Named("win".to_owned()) };
            }
        }
        let data = self.choices.one(&[N, N, N, T]);
        self.windowed_of(names, data)
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
        if depth > 0 && roll < 3 && matches!(data, N | T | D | L) && !names.inputs.is_empty() {
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
