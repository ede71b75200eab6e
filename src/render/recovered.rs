//! What was recovered of a lost state or brought to newer versions, or would be.

use std::fmt::Write as _;

use serde::Serialize;

use super::text::counted;
use super::{Colour, json, markdown, visible};
use crate::gc::Mode;
use crate::recovered::{Migrated, Recovered, RecoveredEnvironment};

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

/// A migration for people.
pub fn migrated(migrated: &Migrated) -> String {
    migrated_lines(migrated).iter().map(|line| visible(line) + "\n").collect()
}

/// A migration as Markdown.
pub fn migrated_markdown(migrated: &Migrated) -> String {
    migrated_lines(migrated).iter().map(|line| format!("* {}\n", markdown::message(line))).collect()
}

fn migrated_lines(migrated: &Migrated) -> Vec<String> {
    let Migrated { mode, schema, algorithm, tables, environments, unknown } = migrated;
    let verb = match mode {
        Mode::DryRun => "would be",
        Mode::Real => "is",
    };
    let mut lines = vec![match schema {
        (before, after) if before == after => format!("schema version {after}, as it was"),
        (before, after) => format!("schema version {before}, which {verb} {after} now"),
    }];
    lines.push(match algorithm {
        None => "the version of the fingerprints is known once the tables are migrated".to_owned(),
        Some((before, after)) if before == after => format!("fingerprints of version {after}, as they were"),
        Some((before, after)) => format!(
            "fingerprints of version {before}, of which {} of {} {verb} found under version {after}",
            counted(*tables, "table"),
            counted(*environments, "environment")
        ),
    });
    lines.extend(
        unknown.iter().map(|name| format!("the commits of `{name}` are not here: its own tables are built again")),
    );
    lines
}

/// `{"schema_version":1,"dry_run","schema":{"before","after"},"algorithm":{"before","after"},"tables","environments","unknown"}`.
pub fn migrated_json(migrated: &Migrated) -> String {
    json::object(&MigratedObject {
        dry_run: migrated.mode == Mode::DryRun,
        schema: Step { before: migrated.schema.0.into(), after: migrated.schema.1.into() },
        algorithm: migrated.algorithm.map(|(before, after)| Step { before, after }),
        tables: migrated.tables,
        environments: migrated.environments,
        unknown: migrated.unknown.iter().map(|name| name.as_str()).collect(),
    })
}

#[derive(Serialize)]
struct MigratedObject<'a> {
    dry_run: bool,
    schema: Step,
    algorithm: Option<Step>,
    tables: usize,
    environments: usize,
    unknown: Vec<&'a str>,
}

#[derive(Serialize)]
struct Step {
    before: u64,
    after: u64,
}
