//! Why a table was not filled, and what that means to the caller.

use super::audit::{Failed, Fate};
use super::{Work, engine_error};
use crate::engine::EngineError;
use crate::error::CommandError;
use crate::ids::ModelName;
use crate::model::{Kind, Past};
use crate::plan::is_loaded_by_interval;
use crate::resolve::ResolveError;
use crate::state::StateError;
use crate::statement::{ColumnType, StatementError};
use crate::turn::TurnError;

/// Why a table was not filled.
#[derive(Debug, thiserror::Error)]
pub(super) enum FillError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error("cannot read seed `{0}`: {1}")]
    Seed(String, String),
    #[error("{0}")]
    Duplicate(String),
    #[error("time column `{0}` is not among the query's output columns")]
    NoTimeColumn(String),
    #[error("the query gives the columns ({found}), but ({expected}) were expected from its text")]
    Columns { expected: String, found: String },
    #[error("table `{0}` is recorded as built, but it is gone from the warehouse")]
    TableGone(String),
    #[error("table `{0}` is there already, and this program did not make it")]
    Foreign(String),
    #[error("another run has written table `{0}` meanwhile, or is about to show it")]
    Overtaken(String),
    #[error("it reads its own table, whose columns have no types before it is there")]
    ReadsItself,
    #[error("it reads its own table, and gives `{0}` another type than its first casts say")]
    OwnType(String),
    #[error("{0}")]
    History(String),
    #[error("{0}")]
    HistoryLoss(String),
    #[error(
        "its rows cannot be computed again, and this engine's changes of a table are not undone together where one fails"
    )]
    HistoryUnsafe,
    #[error(transparent)]
    Turn(#[from] TurnError),
    #[error("{}", .0.told)]
    Audit(Box<Failed>),
    #[error("audit `{audit}` cannot run")]
    AuditRefused { audit: String, source: EngineError },
    #[error("{0}")]
    Internal(String),
}

impl FillError {
    /// Whether the engine failed by a mistake of its own.
    pub(super) fn is_internal(&self) -> bool {
        matches!(self, Self::Engine(error) if error.is_internal())
    }

    /// The query's columns are not those of its table.
    pub(super) fn columns(expected: &[ColumnType], found: &[ColumnType]) -> Self {
        let list =
            |columns: &[ColumnType]| columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        Self::Columns { expected: list(expected), found: list(found) }
    }

    /// A mistake in the project is an answer of no; anything else is a failure.
    pub(super) fn told(self, work: &Work<'_>, name: &ModelName) -> CommandError {
        let place = work.tree.models.get(name).map_or(String::new(), |model| format!(" (`{}`)", model.path));
        let what = format!("model `{name}`{place} was not built");
        let is_by_key = work.tree.models.get(name).is_some_and(|model| {
            matches!(&model.kind, Kind::UniqueKey(key) if key.past == Past::Recomputed) && !is_loaded_by_interval(model)
        });
        match self {
            // The engine refuses the model's own SQL, or a cell of its seed.
            Self::Engine(
                error @ (EngineError::Statement { .. } | EngineError::Load { .. } | EngineError::GlobalSetting { .. }),
            ) => CommandError::no(what).because(error),
            Self::Engine(error @ EngineError::Lost { .. }) => engine_error(&what, error).reconnect(),
            Self::Engine(error) => engine_error(&what, error),
            Self::Overtaken(_) | Self::State(StateError::TableElsewhere { .. }) => {
                CommandError::failed(what).because(self).plan_anew().hint("run the same command again")
            }
            Self::Turn(_) | Self::State(_) | Self::Internal(_) => CommandError::failed(what).because(self),
            Self::TableGone(_) => CommandError::failed(what)
                .because(self)
                .hint("somebody dropped it meanwhile; run the same command again: it is built anew"),
            Self::Columns { .. } if is_by_key => CommandError::no(what).because(self).hint(format!(
                "its rows stay, so its columns do: name them in the query, or let `bot run --restate {name}` begin the table anew"
            )),
            Self::Columns { .. } => CommandError::no(what)
                .because(self)
                .hint("a table that the query reads has other columns than declared, or a construct was misread: name the columns with aliases"),
            Self::Audit(ref failed) => {
                let so = match failed.rows {
                    Fate::Undone | Fate::Unseen => "so no view shows them",
                    Fate::Stay => "and they are in its table already",
                };
                let told = format!("model `{name}`{place} has rows that it may not have, {so}");
                CommandError::no(told)
                    .because(self)
                    .hint("mend the rows or the audit, or let it only tell them: `blocking := false`")
            }
            Self::ReadsItself | Self::OwnType(_) => CommandError::no(what).because(self).hint(
                "declare them all: `columns (day DATE, total DOUBLE)` in the `MODEL` block, or cast each column of the query",
            ),
            Self::HistoryLoss(_) => CommandError::no(what).because(self).hint(
                "no query gives it again: keep the column and its type (as NULL, if it has no values any more), or say \
                 `on_destructive_change allow` in the kind",
            ),
            Self::Foreign(_) => CommandError::no(what).because(self).hint("drop or rename it, then run again"),
            Self::Duplicate(_) => CommandError::no(what)
                .because(self)
                .withheld("a unique key comes several times in one load; the log of the run says which"),
            _ => CommandError::no(what).because(self),
        }
    }
}
