//! What stands around a query: the settings of every session, statements before and after it, tables and macros that live
//! in the session of one model only.

use std::collections::{BTreeMap, BTreeSet};

use super::grow::IN_INTERVAL;
use super::ir::*;
use super::ops::FORMS;
use super::render::Render;
use super::walk;

/// The settings of every session, as `config.yaml` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) zone: &'static str,
    pub(crate) division: &'static str,
}

impl Settings {
    pub(crate) const USUAL: Self = Self { zone: "UTC", division: "false" };

    pub(crate) fn pairs(self) -> [(&'static str, &'static str); 2] {
        [("TimeZone", self.zone), ("integer_division", self.division)]
    }

    pub(crate) fn statements(self) -> Vec<String> {
        self.pairs().iter().map(|(name, value)| format!("SET {name} = '{value}'")).collect()
    }
}

/// A model's own statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// Before everything else.
    pub(crate) setting: Option<&'static str>,
    /// The body of the temporary macro `twice(a)`.
    pub(crate) twice: Option<&'static str>,
    /// After the query.
    pub(crate) after: Option<&'static str>,
}

pub(crate) const SETTINGS: &[&str] = &["SET TimeZone = 'Asia/Tokyo'", "SET integer_division = true"];
pub(crate) const BODIES: &[&str] = &["a * 2", "a + 1", "coalesce(a, 0)"];
pub(crate) const AFTER: &[&str] = &[
    "CREATE OR REPLACE TEMP TABLE audited AS SELECT 1 AS one",
    "SET VARIABLE seen = 1",
    "SET TimeZone = 'Asia/Tokyo'",
];
pub(crate) static TWICE: Op = Op { text: "twice({0})", takes: &[N], gives: N };

/// What a temporary table is called in the one session that has it.
pub(crate) fn picked(form: &Form, table: &str) -> String {
    let place = FORMS.iter().position(|known| known == form).unwrap_or_default();
    format!("picked_{}_{place}", table.replace('.', "_"))
}

/// The statements before a model's query, and those after it.
pub(crate) fn statements(model: &Model, render: &Render<'_>) -> (Vec<String>, Vec<String>) {
    let mut before: Vec<String> = model.beside.setting.iter().map(|setting| (*setting).to_owned()).collect();
    before.extend(model.beside.twice.map(|body| format!("CREATE TEMP MACRO twice(a) AS {body}")));
    let mut tables: Vec<String> = Vec::new();
    walk::inputs(&mut model.query.clone(), &mut |input| {
        if let Relation::Over { form, table, held: Held::Session } = &input.relation {
            tables.push(format!("CREATE TEMP TABLE {} AS {}", picked(form, table), render.form(form, table)));
        }
    });
    tables.sort_unstable();
    tables.dedup();
    before.extend(tables);
    (before, model.beside.after.iter().map(|after| (*after).to_owned()).collect())
}

/// What takes those statements back.
pub(crate) fn undone(settings: Settings, statements: &[String]) -> Vec<String> {
    let mut undone = settings.statements();
    for statement in statements {
        if let Some((name, _)) = statement.strip_prefix("CREATE TEMP TABLE ").and_then(|rest| rest.split_once(' ')) {
            undone.push(format!("DROP TABLE IF EXISTS temp.{name}"));
        } else if statement.starts_with("CREATE TEMP MACRO") {
            undone.push("DROP MACRO IF EXISTS twice".to_owned());
        }
    }
    undone
}

/// Whether a model needs a session of its own.
pub(crate) fn is_alone(model: &Model) -> bool {
    let mut holds = false;
    walk::inputs(&mut model.query.clone(), &mut |input| {
        holds |= matches!(&input.relation, Relation::Over { held: Held::Session, .. });
    });
    holds || model.beside != Beside::default()
}

/// What only a stored model may have goes where a model is none any longer, and a statement names no view.
pub(crate) fn settle(project: &mut Project) {
    let stored = |name: &String| project.models.get(name).is_none_or(|model| model.kind.is_stored());
    let stored: BTreeMap<String, bool> =
        project.models.values().flat_map(walk::reads).map(|name| (name.clone(), stored(&name))).collect();
    let owned: BTreeSet<String> = project.models.keys().cloned().collect();
    for model in project.models.values_mut() {
        let is_full = model.kind == Kind::Full;
        walk::inputs(&mut model.query, &mut |input| {
            let Relation::Over { form, table, held } = &mut input.relation else { return };
            if !(is_full && stored.get(table) == Some(&true)) {
                *held = Held::Here;
            }
            // The program refuses a text that names a model.
            if form.text.contains("query(") && owned.contains(table) {
                *form = &FORMS[1];
            }
        });
        if !is_full {
            model.beside = Beside::default();
        }
        // Without the interval in its query it is loaded as a whole.
        let mut mentions = false;
        walk::expressions(&mut model.query, &mut |value| {
            mentions |= matches!(value, Expr::Call { op, .. } if *op == &IN_INTERVAL);
        });
        if let Kind::UniqueKey { daily, .. } = &mut model.kind {
            *daily &= mentions;
        }
    }
}
