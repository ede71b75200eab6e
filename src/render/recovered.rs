//! What was recovered of a lost state, or would be.

use std::fmt::Write as _;

use serde::Serialize;

use super::text::counted;
use super::{Colour, json, markdown, visible};
use crate::gc::Mode;
use crate::recovered::{Recovered, RecoveredEnvironment};

/// For people.
pub fn terminal(recovered: &Recovered, _colour: Colour) -> String {
    let mut output = String::new();
    for line in lines(recovered) {
        let _ = writeln!(output, "{}", visible(&line));
    }
    output
}

/// As Markdown.
pub fn markdown(recovered: &Recovered) -> String {
    let mut output = String::new();
    for line in lines(recovered) {
        let _ = writeln!(output, "* {}", markdown::message(line.trim_start()));
    }
    output
}

fn lines(recovered: &Recovered) -> Vec<String> {
    let Recovered { mode, state, environments, gone, unknown } = recovered;
    let verb = match mode {
        Mode::DryRun => "would take up",
        Mode::Real => "took up",
    };
    let mut lines = vec![format!("{verb} state {state} from the warehouse")];
    if environments.is_empty() {
        lines.push(
            "  no promote of this project is recorded there: only the id, so that the warehouse can be used again"
                .to_owned(),
        );
    }
    for environment in environments {
        let RecoveredEnvironment { name, commit, at, models, tables, distrusted } = environment;
        let short: String = commit.as_str().chars().take(8).collect();
        lines.push(format!(
            "  {name}: commit {short}, promoted {} UTC, {} and {} with what was loaded into them",
            at.date_time(),
            counted(*models, "model"),
            counted(*tables, "table")
        ));
        lines.extend(distrusted.iter().map(|(model, why)| format!("    built again: {model} ({})", why.text())));
    }
    lines.extend(gone.iter().map(|name| format!("  left out: {name}, whose views are gone")));
    if *unknown > 0 {
        lines.push(format!(
            "  {} that no promote vouches for: built again where they are needed",
            counted(*unknown, "table")
        ));
    }
    lines.push(
        "  not in the warehouse: history, environments of branches (`bot apply` makes them again), what builds took"
            .to_owned(),
    );
    if *mode == Mode::DryRun {
        lines.push("  only where the state is lost for good: two states of one id write over each other".to_owned());
    }
    lines
}

/// `{"schema_version":1,"dry_run","state","environments":[{"name","commit","promoted_at","models","tables","built_again":[…]}],…}`.
pub fn json(recovered: &Recovered) -> String {
    json::object(&Object {
        dry_run: recovered.mode == Mode::DryRun,
        state: recovered.state.as_str(),
        environments: recovered.environments.iter().map(EnvironmentObject::from).collect(),
        gone: recovered.gone.iter().map(|name| name.as_str()).collect(),
        unknown_tables: recovered.unknown,
    })
}

#[derive(Serialize)]
struct Object<'a> {
    dry_run: bool,
    state: &'a str,
    environments: Vec<EnvironmentObject<'a>>,
    gone: Vec<&'a str>,
    unknown_tables: usize,
}

#[derive(Serialize)]
struct EnvironmentObject<'a> {
    name: &'a str,
    commit: &'a str,
    promoted_at: String,
    models: usize,
    tables: usize,
    built_again: Vec<BuiltAgain>,
}

#[derive(Serialize)]
struct BuiltAgain {
    model: String,
    why: &'static str,
}

impl<'a> From<&'a RecoveredEnvironment> for EnvironmentObject<'a> {
    fn from(environment: &'a RecoveredEnvironment) -> Self {
        let again = environment.distrusted.iter();
        Self {
            name: environment.name.as_str(),
            commit: environment.commit.as_str(),
            promoted_at: environment.at.rfc3339(),
            models: environment.models,
            tables: environment.tables,
            built_again: again.map(|(model, why)| BuiltAgain { model: model.to_string(), why: why.code() }).collect(),
        }
    }
}
