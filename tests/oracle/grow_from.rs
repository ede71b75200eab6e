//! Grows FROM: relations of every kind, joined in every way.

use super::grow::*;
use super::ir::*;
use super::ops::form;
use super::shape::Ctes;

const ALIASES: &[&str] = &["a", "b", "c", "t", "m", "p", "g", "cur", "prev"];
static AT_LEAST: Op = Op { text: "({0} >= {1})", takes: &[N, N], gives: B };

impl Grow<'_> {
    pub(crate) fn from(&mut self, depth: usize, ctes: &Ctes) -> Vec<Input> {
        let mut from: Vec<Input> = Vec::new();
        for place in 0..self.choices.one(&[1, 1, 1, 2, 2, 3]) {
            if place > 0 && self.choices.chance(9) {
                self.sideways(&mut from, ctes);
                continue;
            }
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
            } else if self.choices.chance(4) {
                // `AS t(a, b)` for the first columns.
                let count = self.shapes.relation(&input.relation, ctes).len().min(1 + self.choices.below(3));
                input.columns = ["fa", "x", "fc"].iter().take(count).map(|name| (*name).to_owned()).collect();
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
                let owners =
                    left.inputs.iter().filter(|(_, columns)| columns.iter().any(|known| known.is(&column.name)));
                let merged =
                    from.iter().any(|input| matches!(&input.on, On::Using(names) if names.contains(&column.name)));
                owners.count() == if merged { 2 } else { 1 }
            })
            .map(|column| column.name.clone())
            .collect();
        let are_told = left.are_told() && right.are_told();
        match self.choices.below(20) {
            0 => return input.join = "CROSS JOIN",
            1 => return input.join = ",",
            // Where a column is named by its text the program does not take the join apart: seldom.
            2 if !common.is_empty() && (are_told || self.choices.chance(30)) => {
                return input.join = self.choices.one(&["NATURAL JOIN", "NATURAL LEFT JOIN"]);
            }
            // Over few columns some rows meet.
            9 if (1..=2).contains(&common.len()) && are_told => {
                return input.join = self.choices.one(&["NATURAL JOIN", "NATURAL LEFT JOIN"]);
            }
            8 if matches!(&input.relation, Relation::Table(name) if ["raw.t", "raw.u"].contains(&name.as_str()))
                && input.columns.is_empty() =>
            {
                // Total, because that `id` is a key.
                let id = Expr::column(input.name(), &Column::new("id", N));
                let parts = vec![self.value(&left, N, 0), id];
                input.join = self.choices.one(&["ASOF JOIN", "ASOF LEFT JOIN"]);
                input.on = On::Condition(vec![Expr::Call { op: &AT_LEAST, parts }]);
                return;
            }
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

    /// A subquery or `unnest` over what stands before it.
    fn sideways(&mut self, from: &mut Vec<Input>, ctes: &Ctes) {
        let select = Select::from(from.clone());
        let left = self.names(&select, ctes);
        let list = self.choices.chance(50).then(|| self.value(&left, L, 0));
        let mut input = match list.filter(|value| matches!(value, Expr::Column { .. })) {
            Some(list) => {
                let mut input = Input::new(Relation::Unnest(Box::new(list)), Some("each_l".to_owned()));
                input.columns = vec!["n".to_owned()];
                input
            }
            None => {
                let mut inner = self.select(0, &Vec::new(), &left, None);
                if let Some(place) =
                    inner.from.iter().position(|input| left.inputs.iter().any(|(name, _)| name == input.name()))
                {
                    inner.from.truncate(place.max(1));
                }
                Input::new(Relation::Lateral(Box::new(Query::of(inner))), Some("side".to_owned()))
            }
        };
        if from.iter().any(|known| known.name() == input.name()) {
            return;
        }
        if self.choices.chance(40) {
            input.join = "LEFT JOIN";
            input.on = On::Condition(vec![Expr::Literal("true".to_owned(), B)]);
        } else {
            input.join = ",";
        }
        from.push(input);
    }

    pub(crate) fn relation(&mut self, depth: usize, ctes: &Ctes) -> Relation {
        match self.choices.below(100) {
            0..=29 if !ctes.is_empty() => Relation::Cte(self.choices.one(ctes).0),
            30..=42 if depth > 0 => Relation::Query(Box::new(self.query(depth - 1, ctes))),
            43..=44 => {
                let form = form(self.choices, self.draws);
                Relation::Over { form, table: self.choices.one(self.tables), held: Held::Here }
            }
            45..=48 => self.text(),
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
                "(WITH RECURSIVE r(n, p) AS (SELECT id, pid FROM raw.t WHERE id <= {0} UNION SELECT t.id, t.pid FROM raw.t AS t JOIN r ON t.pid = r.n AND t.id > r.n + {1} - 3) SELECT n, p FROM r)",
                2,
                &[("n", N), ("p", N)],
            ),
            (
                "(WITH RECURSIVE r(n, m) AS (SELECT {0}, 1 UNION ALL SELECT n + {1}, m + n FROM r WHERE n < 9) SELECT n, m FROM r)",
                2,
                &[("n", N), ("m", N)],
            ),
            ("(SELECT ARRAY(SELECT x FROM raw.t WHERE id > {0} ORDER BY x, id) AS l)", 1, &[("l", L)]),
            (
                "(SELECT list(x) AS l, first(g) AS g FROM (SELECT * FROM raw.t WHERE id > {0} ORDER BY x, id))",
                1,
                &[("l", L), ("g", T)],
            ),
        ];
        /// What the program cannot take apart.
        const ODD: &[Text] = &[
            ("(PIVOT (SELECT g, x FROM raw.t) ON g IN ('a', 'b') USING sum(x + {0}))", 1, &[("a", N), ("b", N)]),
            (
                "(SELECT id, nm, v FROM (UNPIVOT (SELECT id, x, pid FROM raw.t) ON x, pid INTO NAME nm VALUE v) WHERE v > {0})",
                1,
                &[("id", N), ("nm", T), ("v", N)],
            ),
        ];
        /// Where the recursive ones are: they come more often.
        const RECURSIVE: std::ops::Range<usize> = 4..6;
        let (text, count, columns) = match self.choices.below(100) {
            0..=5 => self.choices.one(ODD),
            6..=25 => self.choices.one(&TEXTS[RECURSIVE]),
            _ => self.choices.one(TEXTS),
        };
        let numbers = (0..count).map(|place| (1 + self.choices.below(3) + 2 * place) as i64).collect();
        Relation::Text {
            text,
            numbers,
            columns: columns.iter().map(|(name, data)| Column::new(*name, *data)).collect(),
        }
    }
}
