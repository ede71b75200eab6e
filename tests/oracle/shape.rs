//! Which columns each relation has, by the generator's own reckoning.

use std::collections::BTreeMap;

use super::ir::*;

/// An external table: its name, and each column's name, type and values.
pub(crate) type External = (&'static str, &'static [(&'static str, Type, &'static str)]);

/// What stands for the name of a column that DuckDB names by its text.
pub(crate) const UNNAMED: &str = "unnamed";

/// The tables that no model owns, with a key each, few values and duplicates beside it.
pub(crate) const EXTERNALS: &[External] = &[
    (
        "raw.t",
        &[("id", N, "INTEGER"), ("pid", N, "INTEGER"), ("x", N, "INTEGER"), ("g", T, "VARCHAR"), ("d", D, "DATE")],
    ),
    ("raw.u", &[("id", N, "INTEGER"), ("x", N, "BIGINT"), ("y", N, "INTEGER"), ("h", T, "VARCHAR"), ("d", D, "DATE")]),
    ("lone", &[("id", N, "INTEGER"), ("x", N, "INTEGER"), ("g", T, "VARCHAR")]),
    ("raw.w", &[("k", N, "INTEGER"), ("v", N, "DECIMAL(9,2)"), ("g", T, "VARCHAR"), ("l", L, "INTEGER[]")]),
];

/// The columns of every table of a project.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes {
    tables: BTreeMap<String, Vec<Column>>,
}

pub(crate) type Ctes = Vec<(String, Vec<Column>)>;

impl Shapes {
    pub(crate) fn of(project: &Project) -> Self {
        let mut shapes = Self::default();
        for (name, columns) in EXTERNALS {
            let columns = columns.iter().map(|(name, data, _)| Column::new(*name, *data)).collect();
            shapes.tables.insert((*name).to_owned(), columns);
        }
        for name in order(project) {
            let model = &project.models[&name];
            let columns = match &model.kind {
                Kind::Seed(seed) => {
                    seed.columns.iter().map(|(name, data)| Column::new(name, seed_type(data))).collect()
                }
                _ => shapes.outputs(&model.query, &Vec::new()),
            };
            shapes.tables.insert(name, columns);
        }
        shapes
    }

    pub(crate) fn table(&self, name: &str) -> Vec<Column> {
        self.tables.get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn with_ctes(&self, query: &Query, outer: &Ctes) -> Ctes {
        let mut ctes = outer.clone();
        for cte in &query.ctes {
            let columns = self.outputs(&cte.query, &ctes);
            ctes.push((cte.name.clone(), columns));
        }
        ctes
    }

    pub(crate) fn outputs(&self, query: &Query, outer: &Ctes) -> Vec<Column> {
        let ctes = self.with_ctes(query, outer);
        match &query.body {
            Body::Select(select) => self.items(select, &ctes),
            Body::Set { operator, left, right } => {
                let mut columns = self.outputs(left, &ctes);
                if operator.ends_with("BY NAME") {
                    for column in self.outputs(right, &ctes) {
                        if !columns.iter().any(|known| known.is(&column.name)) {
                            columns.push(column);
                        }
                    }
                }
                columns
            }
        }
    }

    pub(crate) fn relation(&self, relation: &Relation, ctes: &Ctes) -> Vec<Column> {
        match relation {
            Relation::Table(name) => self.table(name),
            Relation::Cte(name) => ctes
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map(|(_, columns)| columns.clone())
                .unwrap_or_default(),
            Relation::Query(query) | Relation::Lateral(query) => self.outputs(query, ctes),
            Relation::Unnest(_) => vec![Column::new("n", N)],
            Relation::Over { form, table, held: _ } => {
                let shown = if form.shows == Shows::Columns { self.table(table) } else { Vec::new() };
                let own = form.columns.iter().map(|(name, data)| Column::new(*name, *data));
                shown.into_iter().chain(own).collect()
            }
            Relation::Text { columns, .. } => columns.clone(),
        }
    }

    /// The columns of an input under their names in this query.
    pub(crate) fn input(&self, input: &Input, ctes: &Ctes) -> Vec<Column> {
        let mut columns = self.relation(&input.relation, ctes);
        for (column, name) in columns.iter_mut().zip(&input.columns) {
            column.name.clone_from(name);
        }
        columns
    }

    /// The columns that USING or NATURAL takes from an input, because they are shown on its left.
    pub(crate) fn merged(&self, select: &Select, place: usize, ctes: &Ctes) -> Vec<String> {
        let input = &select.from[place];
        match &input.on {
            On::Using(names) if place > 0 => names.clone(),
            _ if place > 0 && input.join.starts_with("NATURAL") => {
                let left: Vec<Column> = select.from[..place]
                    .iter()
                    .filter(|input| !input.is_hidden())
                    .flat_map(|input| self.input(input, ctes))
                    .collect();
                let columns = self.input(input, ctes).into_iter();
                columns
                    .filter(|column| left.iter().any(|known| known.is(&column.name)))
                    .map(|column| column.name)
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn items(&self, select: &Select, ctes: &Ctes) -> Vec<Column> {
        let mut columns = Vec::new();
        for item in &select.items {
            match item {
                Item::Value { value, alias } => {
                    let name = match (alias, value) {
                        (Some(alias), _) => alias.clone(),
                        (None, Expr::Column { name, .. }) => name.clone(),
                        (None, _) => UNNAMED.to_owned(),
                    };
                    columns.push(Column::new(name, value.data()));
                }
                Item::Star { input, exclude, replace, rename } => {
                    for (place, from) in select.from.iter().enumerate() {
                        if from.is_hidden() || input.as_ref().is_some_and(|input| input != from.name()) {
                            continue;
                        }
                        let merged = if input.is_none() { self.merged(select, place, ctes) } else { Vec::new() };
                        for mut column in self.input(from, ctes) {
                            let hits = |name: &String| column.is(name);
                            if merged.iter().any(hits) || exclude.iter().any(hits) {
                                continue;
                            }
                            if let Some((_, value)) = replace.iter().find(|(name, _)| column.is(name)) {
                                column.data = value.data();
                            }
                            if let Some((_, name)) = rename.iter().find(|(name, _)| column.is(name)) {
                                column.name.clone_from(name);
                            }
                            columns.push(column);
                        }
                    }
                }
            }
        }
        columns
    }
}

pub(crate) fn seed_type(text: &str) -> Type {
    match text {
        "TEXT" | "VARCHAR" => T,
        "DATE" => D,
        "BOOLEAN" => B,
        _ => N,
    }
}

/// The models, parents first; members of circles are left out.
pub(crate) fn order(project: &Project) -> Vec<String> {
    let mut done: Vec<String> = Vec::new();
    let mut rest: Vec<&String> = project.models.keys().collect();
    loop {
        let before = rest.len();
        rest.retain(|name| {
            let reads = super::walk::reads(&project.models[*name]);
            let ready = reads.iter().all(|read| done.contains(read) || !project.models.contains_key(read));
            if ready {
                done.push((*name).clone());
            }
            !ready
        });
        if rest.is_empty() || rest.len() == before {
            return done;
        }
    }
}
