//! Queries as text: once for the program, once with other table names for the build from nothing, and once with a
//! planted fault for the fingerprints alone.

use super::beside::picked;
use super::faults::Fault;
use super::ir::*;
use super::ops::{BARE_FIELD, FIELD, SETS_OF_ROWS};
use super::shape::{Ctes, Shapes};

/// How to write.
pub(crate) struct Render<'a> {
    pub(crate) shapes: &'a Shapes,
    /// What stands for a table, with its alias where the name would be another.
    pub(crate) table: &'a dyn Fn(&str) -> String,
    pub(crate) style: &'a Style,
    pub(crate) fault: Option<Fault>,
}

impl Render<'_> {
    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn ident(&self, name: &str) -> String {
        if self.style.quotes && name != "rowid" { format!("\"{name}\"") } else { name.to_owned() }
    }

    pub(crate) fn model(&self, query: &Query) -> String {
        let mut text = self.query(query, &Vec::new(), false);
        if self.style.lower {
            for word in ["SELECT", "FROM", "WHERE", "GROUP BY", "LEFT JOIN", "UNION", "AND"] {
                text = text.replace(&format!("{word} "), &format!("{} ", word.to_lowercase()));
            }
        }
        if self.style.breaks {
            text = text.replace(" FROM ", "\n  FROM ").replace(", ", ",\n  ");
        }
        match &self.style.comment {
            Some(comment) => format!("/*{comment}*/ {text} -- {comment}"),
            None => text,
        }
    }

    pub(crate) fn query(&self, query: &Query, outer: &Ctes, inner: bool) -> String {
        let mut text = String::new();
        let mut ctes = outer.clone();
        for (place, cte) in query.ctes.iter().enumerate() {
            text.push_str(if place == 0 { "WITH " } else { ", " });
            text.push_str(&format!(
                "{} AS {}({})",
                self.ident(&cte.name),
                cte.hint,
                self.query(&cte.query, &ctes, true)
            ));
            let columns = self.shapes.outputs(&cte.query, &ctes);
            ctes.push((cte.name.clone(), columns));
        }
        if !query.ctes.is_empty() {
            text.push(' ');
        }
        match &query.body {
            Body::Select(select) => text.push_str(&self.select(select, &ctes, inner)),
            Body::Set { operator, left, right } => {
                let operator = match operator {
                    operator if self.is(Fault::SetAll) => operator.trim_end_matches(" ALL"),
                    operator if self.is(Fault::ByName) => operator.trim_end_matches(" BY NAME"),
                    _ if self.is(Fault::SetOperator) => "UNION ALL",
                    operator => operator,
                };
                let (left, right) = (self.query(left, &ctes, true), self.query(right, &ctes, true));
                text.push_str(&format!("({left}) {operator} ({right})"));
            }
        }
        let outputs = self.shapes.outputs(query, outer);
        if !(self.is(Fault::OrderUnderLimit)) {
            text.push_str(&self.order(query, &outputs));
        }
        if let Some(limit) = &query.limit {
            let count = if self.is(Fault::LimitNumber) { 1 } else { limit.count };
            let offset = if self.is(Fault::Offset) { 1 } else { limit.offset };
            match limit.fetch {
                true => text.push_str(&format!(" OFFSET {offset} ROWS FETCH FIRST {count} ROWS ONLY")),
                false => text.push_str(&format!(" LIMIT {count}")),
            }
            if offset > 0 && !limit.fetch {
                text.push_str(&format!(" OFFSET {offset}"));
            }
        }
        text
    }

    fn order(&self, query: &Query, outputs: &[Column]) -> String {
        let Order::Total { by, rotate, descending } = &query.order else { return String::new() };
        let down = |place: usize| if place.is_multiple_of(2) == *descending { " DESC" } else { "" };
        if *by == OrderBy::All {
            return format!(" ORDER BY ALL{}", if *descending { " DESC" } else { "" });
        }
        let count = outputs.len();
        // A name that two columns have means the first of them alone.
        let is_twice = |place: usize| {
            outputs.iter().filter(|other| other.name.eq_ignore_ascii_case(&outputs[place].name)).count() > 1
        };
        let by = if (0..count).any(is_twice) { &OrderBy::Ordinals } else { by };
        let keys: Vec<String> = (0..count)
            .map(|place| (place + rotate) % count)
            .map(|place| match by {
                OrderBy::Ordinals if self.style.parentheses => format!("({}){}", place + 1, down(place)),
                OrderBy::Ordinals => format!("{}{}", place + 1, down(place)),
                _ => format!("{}{}", self.ident(&outputs[place].name), down(place)),
            })
            .collect();
        if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) }
    }

    fn select(&self, select: &Select, ctes: &Ctes, inner: bool) -> String {
        let mut text = String::from("SELECT ");
        match &select.distinct {
            Distinct::Yes if !self.is(Fault::Distinct) => text.push_str("DISTINCT "),
            Distinct::On(keys) => {
                let keys: Vec<String> = (1..=*keys).map(|key| key.to_string()).collect();
                text.push_str(&format!("DISTINCT ON ({}) ", keys.join(", ")));
            }
            _ => {}
        }
        let mut items: Vec<String> = select.items.iter().map(|item| self.item(item, select, inner)).collect();
        if self.is(Fault::ColumnOrder) && !inner {
            items.sort_unstable();
        }
        text.push_str(&items.join(", "));
        for (place, input) in select.from.iter().enumerate() {
            text.push_str(&self.input(input, place, select, ctes));
        }
        if !select.filter.is_empty() && !self.is(Fault::Where) {
            let parts: Vec<String> = select.filter.iter().map(|part| self.expression(part, select)).collect();
            text.push_str(&format!(" WHERE {}", parts.join(" AND ")));
        }
        if !self.is(Fault::GroupBy) {
            text.push_str(&self.group(select));
        } else if select.group.form != GroupForm::None {
            text.push_str(" GROUP BY ALL");
        }
        if let Some(having) = select.having.as_ref().filter(|_| !self.is(Fault::Having)) {
            text.push_str(&format!(" HAVING {}", self.expression(having, select)));
        }
        for (place, (name, window)) in select.windows.iter().enumerate() {
            let lead = if place == 0 { " WINDOW" } else { "," };
            let window = if self.is(Fault::NamedWindow) { "()".to_owned() } else { self.window(window, select) };
            text.push_str(&format!("{lead} {} AS {window}", self.ident(name)));
        }
        if let Some(qualify) = select.qualify.as_ref().filter(|_| !self.is(Fault::Qualify)) {
            text.push_str(&format!(" QUALIFY {}", self.expression(qualify, select)));
        }
        text
    }

    fn item(&self, item: &Item, select: &Select, inner: bool) -> String {
        match item {
            Item::Value { value, alias } => {
                let text = match inner && self.is(Fault::InnerProjection) && !matches!(value, Expr::Column { .. }) {
                    true => "1".to_owned(),
                    false => self.expression(value, select),
                };
                match alias {
                    Some(alias) if self.is(Fault::NameCase) => format!("{text} AS {}", alias.to_lowercase()),
                    Some(alias) if self.style.glued && is_glued(&text, alias) => format!("{text}{alias}"),
                    Some(alias) => format!("{text} AS {}", self.ident(alias)),
                    None => text,
                }
            }
            Item::Star { input, exclude, replace, rename } => {
                let mut text = input.as_ref().map_or("*".to_owned(), |input| format!("{}.*", self.ident(input)));
                if !exclude.is_empty() {
                    text.push_str(&format!(" EXCLUDE ({})", exclude.join(", ")));
                }
                if !replace.is_empty() && !self.is(Fault::Replace) {
                    let parts: Vec<String> = replace
                        .iter()
                        .map(|(name, value)| format!("{} AS {name}", self.expression(value, select)))
                        .collect();
                    text.push_str(&format!(" REPLACE ({})", parts.join(", ")));
                }
                if !rename.is_empty() {
                    let parts: Vec<String> = rename.iter().map(|(name, new)| format!("{name} AS {new}")).collect();
                    text.push_str(&format!(" RENAME ({})", parts.join(", ")));
                }
                text
            }
        }
    }

    fn input(&self, input: &Input, place: usize, select: &Select, ctes: &Ctes) -> String {
        let join = match (place, input.join) {
            (0, _) => " FROM ".to_owned(),
            (_, ",") => ", ".to_owned(),
            (_, "LEFT JOIN" | "RIGHT JOIN" | "FULL JOIN" | "ASOF LEFT JOIN") if self.is(Fault::JoinType) => {
                " JOIN ".to_owned()
            }
            (_, "ANTI JOIN") if self.is(Fault::JoinType) => " SEMI JOIN ".to_owned(),
            (_, "NATURAL JOIN") if self.is(Fault::Natural) => " CROSS JOIN ".to_owned(),
            (_, "NATURAL LEFT JOIN") if self.is(Fault::Natural) => " LEFT JOIN ".to_owned(),
            (_, join) => format!(" {join} "),
        };
        let mut relation = match &input.relation {
            Relation::Table(name) => {
                let text = (self.table)(name);
                let implied = input.alias.is_none() && text != *name;
                if implied { format!("{text} AS {}", input.name()) } else { text }
            }
            Relation::Cte(name) => self.ident(name),
            Relation::Query(query) => format!("({})", self.query(query, ctes, true)),
            Relation::Lateral(query) => format!("LATERAL ({})", self.query(query, ctes, true)),
            Relation::Unnest(value) => format!("unnest({})", self.expression(value, select)),
            Relation::Over { form, table, held: Held::Here } => self.form(form, table),
            Relation::Over { form, table, held: Held::Session } => picked(form, table),
            Relation::Text { text, numbers, .. } => {
                let is_marker = self.is(Fault::Recursion) && text.contains("RECURSIVE");
                numbers.iter().enumerate().fold((*text).to_owned(), |text, (place, number)| {
                    let number = if is_marker { &1 } else { number };
                    text.replace(&format!("{{{place}}}"), &number.to_string())
                })
            }
        };
        if let Some(alias) = &input.alias {
            relation.push_str(&format!(" AS {}", self.ident(alias)));
            if !input.columns.is_empty() {
                let columns: Vec<String> = input.columns.iter().map(|column| self.ident(column)).collect();
                relation.push_str(&format!("({})", columns.join(", ")));
            }
        }
        let on = match &input.on {
            _ if place == 0 => String::new(),
            On::None if input.join == "NATURAL LEFT JOIN" && self.is(Fault::Natural) => " ON true".to_owned(),
            On::None => String::new(),
            On::Condition(_) if self.is(Fault::JoinCondition) => " ON true".to_owned(),
            On::Condition(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| self.expression(part, select)).collect();
                format!(" ON {}", parts.join(" AND "))
            }
            On::Using(names) => format!(" USING ({})", names.join(", ")),
        };
        format!("{join}{relation}{on}")
    }

    pub(crate) fn form(&self, form: &Form, table: &str) -> String {
        form.text.replace("{t}", &(self.table)(table))
    }

    fn group(&self, select: &Select) -> String {
        let keys: Vec<String> = select.group.keys.iter().map(|key| self.expression(key, select)).collect();
        let list = keys.join(", ");
        match select.group.form {
            GroupForm::Rollup | GroupForm::Cube | GroupForm::Sets if self.is(Fault::GroupingSets) => {
                format!(" GROUP BY {list}")
            }
            GroupForm::None => String::new(),
            GroupForm::Keys => format!(" GROUP BY {list}"),
            GroupForm::All => " GROUP BY ALL".to_owned(),
            GroupForm::Rollup => format!(" GROUP BY ROLLUP ({list})"),
            GroupForm::Cube => format!(" GROUP BY CUBE ({list})"),
            GroupForm::Sets => format!(" GROUP BY GROUPING SETS (({list}), ())"),
            GroupForm::Ordinals => {
                let place = |(key, text): (&Expr, &String)| {
                    let same = |item: &Item| matches!(item, Item::Value { value, .. } if value == key);
                    let star = select.items.iter().any(|item| matches!(item, Item::Star { .. }));
                    let place = select.items.iter().position(same).filter(|_| !star);
                    place.map_or_else(|| text.clone(), |place| (place + 1).to_string())
                };
                let keys: Vec<String> = select.group.keys.iter().zip(&keys).map(place).collect();
                format!(" GROUP BY {}", keys.join(", "))
            }
        }
    }

    fn window(&self, window: &Window, select: &Select) -> String {
        let mut parts: Vec<String> = window.base.iter().cloned().collect();
        if !window.partition.is_empty() {
            let keys: Vec<String> = window.partition.iter().map(|key| self.expression(key, select)).collect();
            parts.push(format!("PARTITION BY {}", keys.join(", ")));
        }
        if !window.order.is_empty() {
            let key = |(key, down): &(Expr, bool)| {
                format!("{}{}", self.expression(key, select), if *down { " DESC" } else { "" })
            };
            parts.push(format!("ORDER BY {}", window.order.iter().map(key).collect::<Vec<_>>().join(", ")));
        }
        if !window.frame.is_empty() && !self.is(Fault::Frame) {
            parts.push(window.frame.to_owned());
        }
        format!("({})", parts.join(" "))
    }

    pub(crate) fn expression(&self, value: &Expr, select: &Select) -> String {
        let text = match value {
            Expr::Column { input, name, .. } => self.reference(input.as_deref(), name, select),
            Expr::Literal(text, _) => text.clone(),
            Expr::Call { op, parts } if self.is(Fault::CastType) && is_cast(op) => self.expression(&parts[0], select),
            Expr::Call { op, parts } if self.is(Fault::SetOfRows) && SETS_OF_ROWS.contains(op) => {
                format!("abs({})", self.expression(&parts[0], select))
            }
            Expr::Call { op, parts } => {
                // A field of a column: without parentheses the qualifier could be a table.
                let bare = op.text == FIELD && matches!(parts[0], Expr::Column { .. });
                fill(if bare { BARE_FIELD } else { op.text }, &self.list(parts, select))
            }
            Expr::Aggregate { op, parts, filter } => {
                let mut text = fill(op.text, &self.list(parts, select));
                if let Some(filter) = filter.as_ref().filter(|_| !self.is(Fault::Filter)) {
                    text.push_str(&format!(" FILTER (WHERE {})", self.expression(filter, select)));
                }
                if self.is(Fault::ImplicitGroup) && select.group.form == GroupForm::None {
                    text.push_str(" OVER ()");
                }
                text
            }
            Expr::Window { op, parts, window } => {
                let text = fill(op.text, &self.list(parts, select));
                match window {
                    Over::Named(name) => format!("{text} OVER {}", self.ident(name)),
                    Over::Here(window) => format!("{text} OVER {}", self.window(window, select)),
                }
            }
            Expr::Query { form, left, query, .. } => self.subquery(*form, left.as_deref(), query, select),
            Expr::Row(..) if self.is(Fault::WholeRow) => "'row'".to_owned(),
            Expr::Row(input, template) => template.replace("{}", &self.ident(input)),
            Expr::Draw(_, N) if self.is(Fault::Draw) => "7".to_owned(),
            Expr::Draw(_, _) if self.is(Fault::Draw) => "'7'".to_owned(),
            Expr::Draw(text, _) => (*text).to_owned(),
        };
        let plain = matches!(value, Expr::Call { .. } | Expr::Literal(..));
        if self.style.parentheses && plain && !text.starts_with('(') { format!("({text})") } else { text }
    }

    fn list(&self, parts: &[Expr], select: &Select) -> Vec<String> {
        parts.iter().map(|part| self.expression(part, select)).collect()
    }

    fn reference(&self, input: Option<&str>, name: &str, select: &Select) -> String {
        let Some(input) = input else { return self.ident(name) };
        let slot = select.from.iter().find(|from| from.name() == input);
        let first = slot.and_then(|slot| select.from.iter().find(|from| from.relation == slot.relation));
        let qualifier = match first {
            Some(first) if self.is(Fault::Slot) => first.name(),
            None if self.is(Fault::Depth) && select.from.len() == 1 => select.from[0].name(),
            _ => input,
        };
        format!("{}.{}", self.ident(qualifier), self.ident(name))
    }

    fn subquery(&self, form: QueryForm, left: Option<&Expr>, query: &Query, select: &Select) -> String {
        let text = self.query(query, &Vec::new(), true);
        let left = left.map(|left| self.expression(left, select)).unwrap_or_default();
        match form {
            QueryForm::Scalar => format!("({text})"),
            QueryForm::Array => format!("ARRAY({text})"),
            QueryForm::Exists => format!("EXISTS ({text})"),
            QueryForm::NotExists if self.is(Fault::Negation) => format!("EXISTS ({text})"),
            QueryForm::NotIn if self.is(Fault::Negation) => format!("({left} IN ({text}))"),
            QueryForm::NotExists => format!("(NOT EXISTS ({text}))"),
            QueryForm::In => format!("({left} IN ({text}))"),
            QueryForm::NotIn => format!("({left} NOT IN ({text}))"),
        }
    }
}

/// Whether a number and a name behind it may stand together.
fn is_glued(text: &str, alias: &str) -> bool {
    // `1day` is a time, `0x` a number of another base.
    alias.len() == 1 && alias != "x" && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_cast(op: &Op) -> bool {
    ["CAST({0} AS ", "TRY_CAST({0} AS ", "({0})::", "{0}::"].iter().any(|cast| op.text.starts_with(cast))
}

fn fill(template: &str, parts: &[String]) -> String {
    // Parts are put in at once: one of them may hold a brace of its own.
    let mut text = String::new();
    let mut rest = template;
    while let Some(place) = rest.find('{') {
        text.push_str(&rest[..place]);
        let number = rest[place + 1..].chars().next().and_then(|digit| digit.to_digit(10));
        match number.filter(|_| rest[place + 2..].starts_with('}')) {
            Some(number) => {
                text.push_str(parts.get(number as usize).map_or("NULL", String::as_str));
                rest = &rest[place + 3..];
            }
            None => {
                text.push('{');
                rest = &rest[place + 1..];
            }
        }
    }
    text + rest
}
