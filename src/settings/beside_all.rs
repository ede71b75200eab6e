//! `before_all` and `after_all`: the statements around all that a command does, and what they read of the configuration.

use std::collections::BTreeMap;

use super::{DefaultProperty, Settings};
use crate::yaml::Value;

/// When a statement of the configuration runs that is no model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before the first table is built.
    Before,
    /// After all views show what they are to show.
    After,
}

impl Stage {
    /// The key of `config.yaml`, which is also what `@runtime_stage` is.
    pub fn key(self) -> &'static str {
        match self {
            Self::Before => "before_all",
            Self::After => "after_all",
        }
    }
}

impl Settings {
    /// The statements of a stage, as written.
    pub fn statements(&self, stage: Stage) -> &[DefaultProperty] {
        match stage {
            Stage::Before => &self.before_all,
            Stage::After => &self.after_all,
        }
    }

    /// The variables that the statements of a stage may read: those whose names stand in one of them, wherever that is; where
    /// a name is computed, or a value could hold one, all of them.
    pub fn read_by(&self, stage: Stage, gateway: Option<&str>) -> BTreeMap<String, String> {
        let text: String = self.statements(stage).iter().map(|one| one.text.to_lowercase() + "\n").collect();
        if !text.contains('@') {
            return BTreeMap::new();
        }
        let all = self.variables_of(gateway).into_iter().map(|(name, value)| (name, spelled(&value)));
        let all: BTreeMap<String, String> = all.collect();
        let is_computed = text.split("var(").skip(1).any(|rest| !rest.trim_start().starts_with(['\'', '"']));
        let mut named = all.clone();
        named.retain(|name, _| text.contains(name));
        if is_computed || named.values().any(|value| value.contains('@')) { all } else { named }
    }

    /// What is another one here than in the statements of other settings, for people: by place, with the beginning of each.
    pub fn changes_of(&self, stage: Stage, other: &Self, gateways: [Option<&str>; 2]) -> Vec<String> {
        let (ours, theirs) = (self.statements(stage), other.statements(stage));
        let key = stage.key();
        let mut changes = Vec::new();
        for (place, statement) in ours.iter().enumerate().filter(|(_, statement)| !theirs.contains(statement)) {
            changes.push(format!("statement {} (`{}`) is new", place + 1, statement.beginning()));
        }
        for statement in theirs.iter().filter(|statement| !ours.contains(statement)) {
            changes.push(format!("`{}` is gone", statement.beginning()));
        }
        if changes.is_empty() && ours != theirs {
            changes.push(format!("the order of `{key}` is another one"));
        }
        let [own, others] = [self.read_by(stage, gateways[0]), other.read_by(stage, gateways[1])];
        let moved = own.iter().filter(|(name, value)| others.get(*name) != Some(value));
        // What is only read there is read by a statement that is gone.
        changes.extend(moved.map(|(name, _)| format!("variable `{name}` has another value")));
        changes
    }
}

/// A value as text, wherever it stands; what has no literal in SQL is all one.
fn spelled(value: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(text) => text.clone(),
        Value::Text(text) => format!("{text:?}"),
        Value::List(_) | Value::Map(_) => "…".to_owned(),
    };
    match value {
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| plain(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        value => plain(value),
    }
}

impl DefaultProperty {
    /// The beginning of a statement, up to the first literal: one may be a secret.
    pub fn beginning(&self) -> String {
        const LONGEST: usize = 60;
        let line = self.text.trim().lines().next().unwrap_or_default();
        let open = line.split(['\'', '$']).next().unwrap_or_default();
        let shown: String = open.chars().take(LONGEST).collect();
        if shown.len() < self.text.trim().len() { format!("{}…", shown.trim_end()) } else { shown }
    }
}
