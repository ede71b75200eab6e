//! Through which gateway a run goes, and what lies behind it.

use std::time::Duration;

use super::Workspace;
use crate::cli::Command;
use crate::connect::{self, Opening, Place, StatePlace};
use crate::context::Context;
use crate::engine::{Engine, OpenMode};
use crate::error::CommandError;
use crate::settings::{Connection, Part, Settings, Wanted};
use crate::sql::DefaultCatalog;
use crate::visible::visible;

impl Workspace<'_> {
    /// Where the state is.
    ///
    /// # Errors
    /// The configuration says too little.
    pub fn state_place(&self, settings: &Settings) -> Result<StatePlace, CommandError> {
        let opening = self.opening(settings, OpenMode::ReadOnly, Duration::ZERO);
        connect::state_place(settings, self.gateway(settings), &opening)
    }

    pub(super) fn opening(&self, settings: &Settings, mode: OpenMode, patience: Duration) -> Opening<'_> {
        Opening {
            outsider: settings.outsider().map(str::to_owned),
            root: &self.root,
            variables: &self.variables,
            mode,
            statement_timeout: settings.own.statement_timeout,
            patience,
            stop: self.context.surroundings.interruption().flag(),
        }
    }

    /// The gateway in use.
    pub fn gateway<'s>(&'s self, settings: &'s Settings) -> Option<&'s str> {
        settings.gateway_meant(self.wanted())
    }

    /// The catalog in which names of two parts are, where it is known.
    pub fn default_catalog(&self, settings: &Settings) -> Option<DefaultCatalog> {
        settings.connection(self.gateway(settings)).ok().and_then(Connection::default_catalog)
    }

    /// Whether a wall stands between this run and production: its tables, its part of `offshoot__meta` and its promotes are
    /// then not ours to write.
    pub fn is_outside(&self, settings: &Settings) -> bool {
        let production = settings.gateway_meant(Some(Wanted::For(Part::Production)));
        settings.outsider().is_some() && self.gateway(settings) != production
    }

    /// What a person says goes before what the work is.
    pub(super) fn wanted(&self) -> Option<Wanted<'_>> {
        let named = self.context.cli.global.gateway.as_deref().map(Wanted::Named);
        named.or(self.part.map(Wanted::For))
    }

    /// The warehouse of the gateway in use; nothing is opened before its first session.
    ///
    /// # Errors
    /// There is no gateway, or its engine is not supported.
    pub fn engine(
        &self,
        settings: &Settings,
        mode: OpenMode,
        patience: Duration,
    ) -> Result<Box<dyn Engine>, CommandError> {
        self.engine_of(settings, self.gateway(settings), mode, patience)
    }

    /// The same for a command that asks what is in it, and so has nothing to do where there is none.
    ///
    /// # Errors
    /// As [`Workspace::engine`], or the warehouse's file is not there.
    pub fn engine_to_read(&self, settings: &Settings, patience: Duration) -> Result<Box<dyn Engine>, CommandError> {
        if let Some(place) = self.warehouse(settings).filter(|place| !place.may_be_there()) {
            return Err(CommandError::no(format!("there is no warehouse at `{}` yet", visible(&place.to_string()))).hint(
                "`bot promote` on the base branch makes it; where it lies elsewhere, correct the connection in `config.yaml`",
            ));
        }
        self.engine(settings, OpenMode::ReadOnly, patience)
    }

    /// The warehouse of a gateway, the default one for `None`.
    ///
    /// # Errors
    /// As [`Workspace::engine`].
    pub fn engine_of(
        &self,
        settings: &Settings,
        gateway: Option<&str>,
        mode: OpenMode,
        patience: Duration,
    ) -> Result<Box<dyn Engine>, CommandError> {
        let refused = |error| CommandError::no("no warehouse to work on").because(error);
        let connection = settings.connection(gateway).map_err(refused)?;
        connect::engine(connection, &self.opening(settings, mode, patience))
    }

    /// What `state_connection` of the gateway in use names, to read another program's state there.
    ///
    /// # Errors
    /// The connection says too little.
    pub fn state_engine(&self, settings: &Settings, patience: Duration) -> Result<StateEngine, CommandError> {
        let Some(connection) = settings.state_connection(self.gateway(settings)) else {
            return Ok(StateEngine::Warehouse);
        };
        let is_there = |connection: &&Connection| match connection.kind.as_str() {
            "duckdb" => connect::place(connection, &self.root).is_some_and(|place| place.may_be_there()),
            "postgres" => true,
            _ => false,
        };
        let opening = self.opening(settings, OpenMode::ReadOnly, patience);
        match Some(connection).filter(is_there) {
            Some(connection) => connect::engine(connection, &opening).map(StateEngine::Apart),
            None => Ok(StateEngine::OutOfReach),
        }
    }

    /// Where the warehouse of the gateway in use is; `None` where there is none.
    pub fn warehouse(&self, settings: &Settings) -> Option<Place> {
        connect::place(settings.connection(self.gateway(settings)).ok()?, &self.root)
    }
}

/// Where another program's state is, by `state_connection`.
pub enum StateEngine {
    /// In the warehouse: none is named.
    Warehouse,
    /// There.
    Apart(Box<dyn Engine>),
    /// Where we cannot read, or where nothing is.
    OutOfReach,
}

/// Whose work a command does. In CI whatever is not production's is a pull request's.
pub(super) fn part_of(context: &Context<'_>) -> Option<Part> {
    match &context.cli.command {
        Command::Promote(_) | Command::Rollback(_) | Command::Gc(_) | Command::State(_) => Some(Part::Production),
        Command::Run(arguments) if arguments.environment == "prod" => Some(Part::Production),
        Command::Audit(arguments) if arguments.environment == "prod" => Some(Part::Production),
        Command::Init(_)
        | Command::Demo(_)
        | Command::Plan(_)
        | Command::Apply(_)
        | Command::Run(_)
        | Command::Audit(_)
        | Command::Env(_)
        | Command::External(_)
        | Command::Query(_)
        | Command::Diff(_)
        | Command::Render(_)
        | Command::Lineage(_)
        | Command::Lint(_)
        | Command::Test(_)
        | Command::Hook(_)
        | Command::Ci(_)
        | Command::Doctor(_) => context.is_in_ci().then_some(Part::PullRequests),
    }
}
