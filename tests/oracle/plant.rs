//! Plants projects: seeds, models of every kind in layers, and the files that hold them.

use std::collections::BTreeMap;

use super::beside::{Beside, Settings, statements};
use super::clauses::is_plain;
use super::faults::Fault;
use super::grow::{DRAWS, Grow, IN_INTERVAL};
use super::ir::*;
use super::random::Choices;
use super::render::Render;
use super::shape::{EXTERNALS, Shapes};
use super::walk::{self, is_aggregate};

/// About so many percent of the projects draw.
pub(crate) const DRAWING: usize = 15;

/// A project of seeds alone; so many percent of them draw.
pub(crate) fn seeds(choices: &mut Choices, drawing: usize) -> Project {
    let mut project = Project {
        models: BTreeMap::new(),
        declared: choices.chance(90),
        draws: choices.chance(drawing),
        settings: Settings::USUAL,
    };
    for number in 0..1 + choices.below(2) {
        project.models.insert(format!("s.seed{number}"), seed_model(choices));
    }
    project
}

/// A model over what is there, from a tape of choices.
pub(crate) fn model(seed: u64, tape: Vec<u32>, project: &Project, name: &str) -> Model {
    let mut choices = Choices::replay(tape, seed);
    let shapes = Shapes::of(project);
    let mut tables: Vec<String> = EXTERNALS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut known: Vec<String> = project.models.keys().filter(|known| is_before(known, name)).cloned().collect();
    known.sort_by_key(|known| number(known));
    tables.extend(known);
    let mut grow = Grow { choices: &mut choices, shapes: &shapes, tables: &tables, draws: project.draws };
    let (kind, query) = match grow.choices.below(100) {
        0..=54 => (Kind::Full, grow.query(2, &Vec::new())),
        55..=71 => (Kind::View, grow.query(2, &Vec::new())),
        72..=81 => (Kind::Embedded, grow.query(2, &Vec::new())),
        82..=92 => time_range(&mut grow),
        _ => unique_key(&mut grow),
    };
    let mut query = query;
    // What a whole column draws is there for readers to show.
    if let Body::Select(select) = &mut query.body
        && project.draws
        && kind == Kind::Full
        && is_plain(select)
        // An order would ask for it a second time.
        && query.order == Order::None
        && choices.chance(40)
    {
        let (text, data) = choices.one(DRAWS);
        select.items.push(Item::Value { value: Expr::Draw(text, data), alias: Some("drawn".to_owned()) });
    }
    // A CTE of the name of a table that nobody owns, which a view beside it may read.
    if choices.chance(12) && !query.ctes.is_empty() {
        let mut taken = query.clone();
        let old = std::mem::replace(&mut taken.ctes[0].name, "lone".to_owned());
        walk::inputs(&mut taken, &mut |input| {
            if input.relation == Relation::Cte(old.clone()) {
                input.alias = Some(input.name().to_owned());
                input.relation = Relation::Cte("lone".to_owned());
            }
        });
        if !walk::takes_lone(&taken) {
            query = taken;
        }
    }
    Model { kind, query, tape: choices.into_tape(), ..blank() }
}

/// Models read those of a lower number, so that no edit makes a circle.
pub(crate) fn is_before(one: &str, other: &str) -> bool {
    number(one) < number(other)
}

pub(crate) fn number(name: &str) -> usize {
    if name.contains("seed") {
        return 0;
    }
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    1 + digits.parse::<usize>().unwrap_or(0)
}

fn blank() -> Model {
    Model {
        kind: Kind::Full,
        query: Query::of(Select::from(Vec::new())),
        style: Style::default(),
        metadata: BTreeMap::new(),
        types: Vec::new(),
        depends_on: Vec::new(),
        stamp: None,
        beside: Beside::default(),
        tape: Vec::new(),
    }
}

fn time_range(grow: &mut Grow<'_>) -> (Kind, Query) {
    let mut select = grow.select(1, &Vec::new(), &Default::default(), None);
    let names = grow.names(&select, &Vec::new());
    let day = Column::new("day", D);
    let Some(value) = grow.column(&names, D).filter(|value| matches!(value, Expr::Column { input: Some(_), .. }))
    else {
        return (Kind::Full, Query::of(select));
    };
    select.filter.push(Expr::Call { op: &IN_INTERVAL, parts: vec![value.clone()] });
    select.items.retain(|item| !matches!(item, Item::Value { alias: Some(alias), .. } if alias == "day"));
    if select.group.form != GroupForm::None {
        select.group = Group { keys: vec![value.clone()], form: GroupForm::All };
        select.items.retain(|item| matches!(item, Item::Value { value: Expr::Aggregate { .. }, .. }));
    } else {
        select.items.retain(|item| !matches!(item, Item::Value { value, .. } if is_aggregate(value)));
        select.distinct = Distinct::No;
    }
    select.items.push(Item::Value { value, alias: Some(day.name.clone()) });
    (Kind::TimeRange { column: day.name, start: grow.choices.below(3) as u32 }, Query::of(select))
}

fn unique_key(grow: &mut Grow<'_>) -> (Kind, Query) {
    let select = grow.select(1, &Vec::new(), &Default::default(), None);
    let names = grow.names(&select, &Vec::new());
    let Some(key) = grow.column(&names, N).filter(|value| matches!(value, Expr::Column { input: Some(_), .. })) else {
        return (Kind::Full, Query::of(select));
    };
    let mut keyed = Select { filter: select.filter, ..Select::from(select.from) };
    keyed.group = Group { keys: vec![key.clone()], form: GroupForm::Keys };
    keyed.items.push(Item::Value { value: key, alias: Some("key".to_owned()) });
    for (number, data) in [N, T, N].into_iter().enumerate() {
        let value = grow.aggregate_of(&names, data);
        keyed.items.push(Item::Value { value, alias: Some(format!("v{number}")) });
    }
    let mut kind = Kind::UniqueKey { key: "key".to_owned(), daily: false, matched: None };
    if let Some(day) = grow.column(&names, D).filter(|value| matches!(value, Expr::Column { input: Some(_), .. }))
        && grow.choices.chance(50)
    {
        keyed.filter.push(Expr::Call { op: &IN_INTERVAL, parts: vec![day] });
        let matched = if grow.choices.chance(60) { Some(grow.choices.one(MATCHED)) } else { None };
        kind = Kind::UniqueKey { key: "key".to_owned(), daily: true, matched };
    }
    (kind, Query::of(keyed))
}

/// What becomes of a row whose key comes again.
pub(crate) const MATCHED: &[&str] = &[
    "WHEN MATCHED THEN UPDATE SET target.v0 = source.v0",
    "WHEN MATCHED THEN UPDATE SET target.v0 = coalesce(target.v0, 0) + coalesce(source.v0, 0)",
    "WHEN MATCHED AND source.v0 > target.v0 THEN UPDATE SET target.v0 = source.v0, target.v1 = source.v1",
    "WHEN MATCHED AND target.v2 IS NULL THEN DELETE",
];

fn seed_model(choices: &mut Choices) -> Model {
    let pool: &[(&str, &str)] = &[
        ("id", "INTEGER"),
        ("x", "INTEGER"),
        ("g", "TEXT"),
        ("d", "DATE"),
        ("v", "DECIMAL(9,2)"),
        ("ok", "BOOLEAN"),
        ("y", "BIGINT"),
    ];
    let mut columns: Vec<(String, String)> =
        pool.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect();
    columns.truncate(4 + choices.below(4));
    let count = 3 + choices.below(6);
    let rows = (0..count).map(|_| columns.iter().map(|(_, data)| cell(choices, data)).collect()).collect();
    Model { kind: Kind::Seed(Seed { columns, rows }), ..blank() }
}

pub(crate) fn cell(choices: &mut Choices, data: &str) -> Option<String> {
    let texts: &[&str] = match data {
        "TEXT" | "VARCHAR" => &["a", "b", "c", "ab"],
        "DATE" => &["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"],
        "BOOLEAN" => &["true", "false"],
        "DECIMAL(9,2)" => &["1.5", "2", "10.25", "0"],
        _ => &["1", "2", "3", "5", "10"],
    };
    (!choices.chance(18)).then(|| choices.one(texts).to_owned())
}

fn config(settings: Settings) -> String {
    let settings: String = settings.pairs().iter().map(|(name, value)| format!("        {name}: {value}\n")).collect();
    format!(
        "gateways:\n  local:\n    connection:\n      type: duckdb\n      connector_config:\n{settings}\
         model_defaults:\n  dialect: duckdb\n  start: '2024-01-01'\n"
    )
}

/// The files of a project, as the program reads them.
pub(crate) fn files(project: &Project, fault: Option<Fault>) -> BTreeMap<String, String> {
    let settings = if fault == Some(Fault::Setting) { Settings::USUAL } else { project.settings };
    let mut files = BTreeMap::from([("config.yaml".to_owned(), config(settings))]);
    if project.declared {
        let mut text = String::new();
        for (name, columns) in EXTERNALS {
            text.push_str(&format!("- name: {name}\n  columns:\n"));
            columns.iter().for_each(|(name, _, data)| text.push_str(&format!("    {name}: {data}\n")));
        }
        files.insert("external_models.yaml".to_owned(), text);
    }
    let shapes = Shapes::of(project);
    for (name, model) in &project.models {
        let file = name.replace('.', "/");
        if let Kind::Seed(seed) = &model.kind {
            files.insert(format!("seeds/{file}.csv"), csv(seed, fault));
        }
        files.insert(format!("models/{file}.sql"), text(name, model, &shapes, fault));
    }
    files
}

fn csv(seed: &Seed, fault: Option<Fault>) -> String {
    let mut lines = vec![seed.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(",")];
    for row in &seed.rows {
        let cell = |cell: &Option<String>| {
            if fault == Some(Fault::SeedCells) { String::new() } else { cell.clone().unwrap_or_default() }
        };
        lines.push(row.iter().map(cell).collect::<Vec<_>>().join(","));
    }
    lines.join("\n") + "\n"
}

fn text(name: &str, model: &Model, shapes: &Shapes, fault: Option<Fault>) -> String {
    let start = |start: u32| if fault == Some(Fault::Start) { 1 } else { start + 1 };
    let mut lines = vec![format!("  name {name}")];
    let kind = match &model.kind {
        Kind::View | Kind::Embedded if fault == Some(Fault::KindOfNull) => "FULL".to_owned(),
        Kind::Full => "FULL".to_owned(),
        Kind::View => "VIEW".to_owned(),
        Kind::Embedded => "EMBEDDED".to_owned(),
        Kind::Seed(_) => format!("SEED (path '$root/seeds/{}.csv')", name.replace('.', "/")),
        Kind::TimeRange { .. } if fault == Some(Fault::TimeColumn) => "FULL".to_owned(),
        Kind::TimeRange { column, .. } => format!("INCREMENTAL_BY_TIME_RANGE (time_column {column})"),
        Kind::UniqueKey { key, matched, .. } => {
            let matched = matched.filter(|_| fault != Some(Fault::Matched));
            let matched = matched.map(|matched| format!(", when_matched ({matched})")).unwrap_or_default();
            format!("INCREMENTAL_BY_UNIQUE_KEY (unique_key ({key}){matched})")
        }
    };
    lines.push(format!("  kind {kind}"));
    if let Kind::TimeRange { start: day, .. } = &model.kind {
        lines.push(format!("  start '2024-01-0{}'", start(*day)));
    }
    let mut types = model.types.clone();
    if let Kind::Seed(seed) = &model.kind {
        types.clone_from(&seed.columns);
    }
    if fault == Some(Fault::DeclaredType) && !matches!(model.kind, Kind::Seed(_)) {
        types.clear();
    }
    if !types.is_empty() {
        let types: Vec<String> = types.iter().map(|(name, data)| format!("{name} {data}")).collect();
        lines.push(format!("  columns ({})", types.join(", ")));
    }
    if !model.depends_on.is_empty() {
        lines.push(format!("  depends_on ({})", model.depends_on.join(", ")));
    }
    lines.extend(model.stamp.iter().map(|stamp| format!("  stamp '{stamp}'")));
    lines.extend(model.metadata.iter().map(|(key, value)| format!("  {key} {value}")));
    let mut text = format!("MODEL (\n{}\n);\n\n", lines.join(",\n"));
    if matches!(model.kind, Kind::Seed(_)) {
        return text;
    }
    let render = Render { shapes, table: &|name| name.to_owned(), style: &model.style, fault };
    let (before, after) = if fault == Some(Fault::Statement) { Default::default() } else { statements(model, &render) };
    before.iter().for_each(|statement| text.push_str(&format!("{statement};\n\n")));
    text.push_str(&render.model(&model.query));
    after.iter().for_each(|statement| text.push_str(&format!("\n;\n\n{statement}")));
    text.push('\n');
    text
}
